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

int fiber_checkpoint_slow(const struct hk_fiber_ *); /* fiber.c */
/* The checkpoint at the start of every call that suspends. */
static inline int fiber_checkpoint(const struct hk_fiber_ *f)
{
	if (__builtin_expect(scope_is_cancelled(f->scope) | (f->loop->no_suspend != NULL), 0))
		return fiber_checkpoint_slow(f);
	return 0;
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
