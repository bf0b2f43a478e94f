/* actors.h - tasks that do one thing each, can be cancelled alone, and say how it went
 *
 *   struct actor a = { .queue = q, .item = 1 };
 *   actor_start(&g, &a, act_put);     runs until it waits or has ended
 *   hk_scope_cancel(&a.scope);        only this one
 *   CHECK_INT(a.result, -ECANCELED);  WAITING until it has ended
 *
 * settle() lets every task run until it waits, in whatever order. */
#pragma once
#include "in_loop.h"

enum { WAITING = 1000 };

struct actor {
	struct hk_queue *queue;
	struct hk_sem *sem;
	struct hk_mutex *mutex;
	struct hk_event *event;
	int item;           /* put from here, got to here */
	int64_t timeout_ns; /* 0: none */
	int result;
	int (*act)(struct actor *);
	struct hk_scope scope;
};

static inline void settle(void)
{
	CHECK_INT(hk_wait_all_parked(), 0);
}

static inline int actor_run_(void *arg)
{
	struct actor *a = arg;
	int r;

	hk_scope_open(&a->scope, a->timeout_ns ? a->timeout_ns : HK_FOREVER);
	r = a->act(a);
	a->result = hk_scope_close(&a->scope, r);
	return 0;
}

/* Without settling: its place in a line is its turn to run. */
static inline void actor_spawn(struct hk_group *g, struct actor *a, int (*act)(struct actor *))
{
	a->act = act;
	a->result = WAITING;
	CHECK_INT(hk_spawn(g, actor_run_, a), 0);
}

static inline void actor_start(struct hk_group *g, struct actor *a, int (*act)(struct actor *))
{
	actor_spawn(g, a, act);
	settle();
}

/* ---- what they do -------------------------------------------------------------------------- */

static inline int act_put(struct actor *a)
{
	return hk_queue_put(a->queue, &a->item);
}

static inline int act_get(struct actor *a)
{
	return hk_queue_get(a->queue, &a->item);
}

static inline int act_acquire(struct actor *a)
{
	return hk_sem_acquire(a->sem);
}

/* Item: whether it has the mutex; it gives it back when the event is set. */
static inline int act_lock(struct actor *a)
{
	int r = hk_mutex_lock(a->mutex);

	if (r < 0)
		return r;
	a->item = true;
	r = a->event ? hk_event_wait(a->event) : 0;
	a->item = false;
	hk_mutex_unlock(a->mutex);
	return r;
}

static inline int act_wait(struct actor *a)
{
	return hk_event_wait(a->event);
}

/* ---- a queue of int: calls that return the item, or the error -------------------------------- */

static inline struct hk_queue *int_queue(size_t capacity)
{
	struct hk_queue *q = hk_queue_new(sizeof(int), capacity);

	ASSERT(q);
	return q;
}

static inline int put(struct hk_queue *q, int item)
{
	return hk_queue_put(q, &item);
}

static inline int try_put(struct hk_queue *q, int item)
{
	return hk_queue_try_put(q, &item);
}

static inline int get(struct hk_queue *q)
{
	int item = 0, r = hk_queue_get(q, &item);
	return r < 0 ? r : item;
}

static inline int try_get(struct hk_queue *q)
{
	int item = 0, r = hk_queue_try_get(q, &item);
	return r < 0 ? r : item;
}
