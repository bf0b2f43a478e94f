/* waitlist.h - a line of parked fibers, first come first served
 *
 * What must hold: a waiter lies on its fiber's stack and is out of the line before that fiber runs again: whoever
 *   serves it takes it out and wakes it; a cancellation does the same with -ECANCELED. */
#pragma once
#include "rt/fiber.h"
#include <hocket/sync.h>

struct hk_waiter_ {
	struct park park;
	struct hk_waiter_ *next, *prev;
	struct hk_waitlist_ *list;
	void *item; /* what a queue moves */
};

/* Stands in the line until served. What waitlist_serve was given, or -ECANCELED. */
MUST int waitlist_wait(struct hk_waitlist_ *, struct hk_fiber_ *self, const char *why,
		       void *item) SUSPENDS;
/* The same with more said in w->park: cancel is waitlist_leave, or the caller's own, which must call waitlist_remove. */
MUST int waitlist_wait_as(struct hk_waitlist_ *, struct hk_fiber_ *self,
			  struct hk_waiter_ *) SUSPENDS;
void waitlist_remove(struct hk_waiter_ *);
bool waitlist_leave(struct park *);
/* The first, out of the line; NULL: nobody waits. */
struct hk_waiter_ *waitlist_take(struct hk_waitlist_ *);
void waitlist_serve(struct hk_waitlist_ *, int result); /* the first, if any */
void waitlist_serve_all(struct hk_waitlist_ *, int result);
