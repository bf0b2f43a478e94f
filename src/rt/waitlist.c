/* waitlist.c - a line of parked fibers
 *
 * What this room is for: the one queue discipline of semaphores, mutexes, events and queues: first come, first served.
 * What flows through:    waiters, each on the stack of the fiber that waits. Nothing is allocated.
 * What must hold:        a waiter is in a list exactly while its fiber is PARKED; who takes it out wakes it. */
#include "rt/waitlist.h"
#include "base/banned.h"
#include <errno.h>

void waitlist_remove(struct hk_waiter_ *w)
{
	struct hk_waitlist_ *list = w->list;

	ASSERT(list && list->first_ && list->last_);
	ASSERT(w->prev ? w->prev->next == w : list->first_ == w);
	ASSERT(w->next ? w->next->prev == w : list->last_ == w);
	if (w->prev)
		w->prev->next = w->next;
	else
		list->first_ = w->next;
	if (w->next)
		w->next->prev = w->prev;
	else
		list->last_ = w->prev;
	w->list = NULL;
}

bool waitlist_leave(struct park *park)
{
	waitlist_remove(container_of(park, struct hk_waiter_, park));
	return true;
}

int waitlist_wait_as(struct hk_waitlist_ *list, struct hk_fiber_ *self, struct hk_waiter_ *w)
{
	int r;

	ASSERT(!list->first_ == !list->last_);
	ASSERT(!w->list && w->park.cancel);
	w->list = list;
	w->next = NULL;
	w->prev = list->last_;
	if (w->prev)
		w->prev->next = w;
	else
		list->first_ = w;
	list->last_ = w;
	r = fiber_park(self, &w->park);
	ASSERT(!w->list);
	return r;
}

int waitlist_wait(struct hk_waitlist_ *list, struct hk_fiber_ *self, const char *why, void *item)
{
	struct hk_waiter_ w = { .park = { .why = why, .cancel = waitlist_leave }, .item = item };
	return waitlist_wait_as(list, self, &w);
}

struct hk_waiter_ *waitlist_take(struct hk_waitlist_ *list)
{
	struct hk_waiter_ *w = list->first_;

	if (w)
		waitlist_remove(w);
	return w;
}

void waitlist_serve(struct hk_waitlist_ *list, int result)
{
	struct hk_waiter_ *w = waitlist_take(list);

	if (w)
		fiber_wake(w->park.fiber, result);
}

void waitlist_serve_all(struct hk_waitlist_ *list, int result)
{
	while (list->first_)
		waitlist_serve(list, result);
}
