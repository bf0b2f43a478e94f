/* scope.h - what the rooms of rt need of scopes besides the public calls */
#pragma once
#include "rt/fiber.h"
#include "rt/loop.h"
#include <hocket/scope.h>

/* Is code in this scope cancelled: the scope itself or, no shield between, one around it? */
static inline bool scope_is_cancelled(const struct hk_scope *s)
{
	return s->cancelled_ | s->inherited_;
}

/* Where the caller, a public function, was called. All that its callers have lies above, so that a scope below it is in the frame
 * of a function that has returned. The other way round it is as well: a caller below the stack's low end wraps to above all. */
#define FRAME_HERE __builtin_frame_address(0)
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
	if (__builtin_expect(scope_is_cancelled(f->scope) || scope_frame_is_odd(f, FRAME_HERE), 0))
		return fiber_checkpoint_slow(f, FRAME_HERE);
	return 0;
}
/* The same look for calls that do not suspend but read the innermost scope. */
__attribute__((always_inline)) static inline void scope_check_frame(const struct hk_fiber_ *f)
{
	if (__builtin_expect(scope_frame_is_odd(f, FRAME_HERE), 0))
		scope_check_frame_slow(f, FRAME_HERE);
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
