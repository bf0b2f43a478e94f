/* fiber.h - a stackful coroutine: start, park, wake, end
 *
 * What this room is for: the two words everything that waits is made of. fiber_park() takes the running fiber off the
 *   loop until somebody calls fiber_wake() on it.
 * Life cycle: RUNNABLE -> RUNNING -> (PARKED -> RUNNABLE -> RUNNING)* -> ENDED; the memory is the top of its stack.
 * What must hold: (1) who parks lends a struct park that lies on its stack; it is out of every line before the fiber
 *   runs again. (2) a woken fiber keeps the result it was woken with: a cancellation that comes later in the same turn
 *   finds it RUNNABLE and leaves it alone. (3) the innermost scope of a fiber lists it. */
#pragma once
#include "rt/sanitize.h"
#include <hocket/types.h>

struct hk_loop;
struct hk_scope;
struct hk_group;
struct hk_fiber_;

enum fiber_state { FIBER_RUNNABLE, FIBER_RUNNING, FIBER_PARKED, FIBER_ENDED };

/* What somebody waits for, in words that follow "waits for", and who could end it. Filled by park.describe. */
struct wait {
	char what[192];
	const void *call;               /* the function that was off-loaded */
	const struct hk_fiber_ *holder; /* who has what is waited for: a mutex */
	const struct hk_group *group;   /* whose tasks it is that must end */
};

/* One wait. cancel() takes the fiber out of the line it stands in, or says false: this wait cannot be cut short.
 * NULL is always false. */
struct park {
	const char *why; /* "signal": what it waits for, where describe says no more */
	bool (*cancel)(struct park *);
	void (*describe)(const struct park *,
			 struct wait *); /* for dumps and reports; may be NULL */
	struct hk_fiber_ *fiber;         /* filled by fiber_park */
	int64_t since_ns;                /* the same: on the loop's clock */
};

struct hk_fiber_ {
	/* What each switch needs: one cache line. */
	void *sp; /* while it does not run */
	struct hk_fiber_ *run_next;
	struct hk_loop *loop;
	struct hk_scope *scope; /* the innermost */
	/* Counted from low: where the innermost lies, if that is on this stack; else the stack's end. While the task may not suspend, 0:
	 * one compare in each checkpoint finds all that is odd. */
	uintptr_t scope_at;
	char *low;         /* the lowest byte of its stack */
	struct park *park; /* borrows, while PARKED */
	int wake_result;
	enum fiber_state state;

	struct hk_fiber_ *scope_next, *scope_prev; /* a ring: the fibers of one scope */
	const char *scope_name; /* borrows; the innermost's, if it is a group; NULL: a scope */
	unsigned mutexes;       /* sync.c: how many it holds */
	size_t timer;           /* of hk_sleep */
	char *stack;            /* owns, the top of it; goes back to the pool at the end */
	hk_fn *fn;
	void *arg;
	const char *name, *where; /* borrows; where: who spawned it, "pages.c:12" */
	struct sanitize sanitize;
};

/* What the public word means: a fiber, the group that waits for it and where its result goes. */
struct hk_task {
	struct hk_fiber_ fiber;
	struct hk_group *group; /* NULL: the main task */
	int *result;            /* may be NULL */
};

struct run_queue {
	struct hk_fiber_ *first, *last;
};

/* A new RUNNABLE task in the scope. NULL: no memory for a stack. */
struct fiber_label {
	const char *name, *where;
};
struct hk_task *fiber_new(struct hk_loop *, hk_fn *fn, void *arg, struct fiber_label,
			  struct hk_scope *);
/* The running fiber. There is none: a misuse that names the calling function. */
#define fiber_self() fiber_self_of(__func__)
struct hk_fiber_ *fiber_self_of(const char *caller);
struct hk_task *fiber_task(struct hk_fiber_ *);

/* Parks the calling fiber; returns what fiber_wake was given. Does not look at cancellation first. */
int fiber_park(struct hk_fiber_ *self, struct park *) SUSPENDS;
void fiber_wake(struct hk_fiber_ *, int result);
void fiber_yield(struct hk_fiber_ *self) SUSPENDS;
/* Takes a PARKED fiber out of its line and wakes it with -ECANCELED. false: its wait cannot be cut short. */
bool fiber_cancel_wait(struct hk_fiber_ *);

/* From the loop's own stack: runs fibers until none is runnable or the turn is over. */
void fibers_run_turn(struct hk_loop *);
