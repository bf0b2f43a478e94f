/* scope.h - what the rooms of rt need of scopes besides the public calls */
#pragma once
#include "rt/fiber.h"
#include "rt/loop.h"
#include "rt/switch.h"
#include <hocket/scope.h>

/* Is code in this scope cancelled: the scope itself or, no shield between, one around it? */
static inline bool scope_is_cancelled(const struct hk_scope *s)
{
	return s->cancelled_ | s->inherited_;
}

/* All that is alive lies above the stack pointer, so that a scope below it is in the frame of a function that has returned. The
 * other way round it is odd as well: a caller below the stack's low end wraps to above all. */
#define FRAME_HERE context_stack_end()
/* Nearer to the caller's frame, so that less is missed. Only in functions that are NOT_INLINED: within one that owns a scope, a
 * scope that lives would lie below. */
#define FRAME_OF_CALLER __builtin_frame_address(0)
#define NOT_INLINED     __attribute__((noinline))
static inline bool scope_frame_is_odd(const struct hk_fiber_ *f, const void *frame)
{
	return (uintptr_t)frame - (uintptr_t)f->low > f->scope_at;
}
/* Odd: is it misuse? Returns when it is not: a caller on a stack of the program's own making. */
void scope_check_frame_slow(const struct hk_fiber_ *, const void *frame);
/* Makes what the look compares with: after the innermost scope changed, and where it may not suspend any more, or again. */
void scope_mark(struct hk_fiber_ *);

int fiber_checkpoint_slow(const struct hk_fiber_ *, const void *frame); /* fiber.c */
/* The checkpoint at the start of every call that suspends. */
__attribute__((always_inline)) static inline int fiber_checkpoint(const struct hk_fiber_ *f)
{
	if (__builtin_expect(scope_frame_is_odd(f, FRAME_HERE) || scope_is_cancelled(f->scope), 0))
		return fiber_checkpoint_slow(f, FRAME_HERE);
	return 0;
}
/* The same look for calls that do not suspend but read the innermost scope, and are NOT_INLINED. */
__attribute__((always_inline)) static inline void scope_check_frame(const struct hk_fiber_ *f)
{
	if (__builtin_expect(scope_frame_is_odd(f, FRAME_OF_CALLER), 0))
		scope_check_frame_slow(f, FRAME_OF_CALLER);
}

void scope_init_root(struct hk_scope *);
/* Makes a scope around the running fiber, or leaves it. */
void scope_enter(struct hk_scope *, struct hk_fiber_ *self);
void scope_leave(struct hk_scope *, struct hk_fiber_ *self);
/* Misuse when it is the running fiber's innermost scope, open already. */
void scope_check_new(const struct hk_scope *, const struct hk_fiber_ *self);
/* The task returns although a scope or group of it is open. */
NORETURN void scope_left_open(const struct hk_fiber_ *);
void scope_add_fiber(struct hk_scope *, struct hk_fiber_ *);
void scope_remove_fiber(struct hk_fiber_ *);

/* The subtree below root in preorder: NULL after the last. */
struct hk_scope *scope_next(const struct hk_scope *root, struct hk_scope *at);
