/* queue.c - bounded hand-off between fibers of one loop
 *
 * What this room is for: backpressure. A full queue parks the sender.
 * What flows through:    copied items: put copies in, get copies out; ownership of what they point to goes along.
 *   An item goes straight into the memory of a receiver that waits; else into the ring.
 * What must hold:
 *  (1) senders wait only while the ring is full, receivers only while it is empty; never both at once.
 *  (2) who takes from a full ring moves the first waiting sender's item in: the ring stays in sending order.
 *  (3) a woken waiter's item has moved: a later cancellation does not take it back.
 *  (4) after close nobody waits. */
#include "rt/loop.h"
#include "rt/report.h"
#include "rt/scope.h"
#include "rt/waitlist.h"
#include "base/banned.h"
#include <hocket/queue.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_SLOTS = 16 };

struct hk_queue {
	struct hk_waitlist_ senders, receivers;
	char *ring; /* owns */
	size_t item_bytes, capacity;
	size_t slots; /* allocated; <= capacity */
	size_t head, n;
	bool closed;
};

struct hk_queue *hk_queue_new(size_t item_bytes, size_t capacity)
{
	size_t slots = capacity < FIRST_SLOTS ? capacity : FIRST_SLOTS;
	struct hk_queue *q;

	if (item_bytes == 0 || capacity == 0)
		misuse("hk_queue_new() with %s 0: a queue has a limit, and items of some size",
		       capacity == 0 ? "capacity" : "item_bytes");
	q = calloc(1, sizeof(*q));

	if (!q || !(q->ring = calloc(slots, item_bytes))) {
		free(q);
		return NULL;
	}
	q->item_bytes = item_bytes;
	q->capacity = capacity;
	q->slots = slots;
	return q;
}

void hk_queue_free(struct hk_queue *q)
{
	if (!q)
		return;
	if (q->senders.first_ || q->receivers.first_)
		misuse("a queue is freed while tasks wait on it: close it and wait for them first");
	free(q->ring);
	free(q);
}

void hk_queue_freep(struct hk_queue **q)
{
	hk_queue_free(*q);
}

/* ---- the ring ------------------------------------------------------------------------------ */

/* Most items are pointers: eight bytes are worth a move instead of a call. */
static inline void copy_item(const struct hk_queue *q, void *to, const void *from)
{
	if (q->item_bytes == sizeof(void *))
		memcpy(to, from, sizeof(void *));
	else
		memcpy(to, from, q->item_bytes);
}

static void ring_push(struct hk_queue *q, const void *item)
{
	size_t at = q->head + q->n;

	ASSERT(q->n < q->slots && !q->receivers.first_);
	at = at >= q->slots ? at - q->slots : at;
	copy_item(q, q->ring + at * q->item_bytes, item);
	q->n++;
}

static void ring_pop(struct hk_queue *q, void *item)
{
	ASSERT(q->n > 0 && q->head < q->slots);
	copy_item(q, item, q->ring + q->head * q->item_bytes);
	q->head = q->head + 1 == q->slots ? 0 : q->head + 1;
	q->n--;
}

/* More slots, below the capacity. false: no memory, then the queue is full as it is. */
static bool ring_grow(struct hk_queue *q)
{
	size_t slots = q->slots <= q->capacity / 2 ? q->slots * 2 : q->capacity, bytes;
	size_t to_end = q->slots - q->head;
	char *ring;

	ASSERT(q->n == q->slots && q->slots <= q->capacity);
	if (q->slots == q->capacity || __builtin_mul_overflow(slots, q->item_bytes, &bytes) ||
	    !(ring = malloc(bytes)))
		return false;
	memcpy(ring, q->ring + q->head * q->item_bytes, to_end * q->item_bytes);
	memcpy(ring + to_end * q->item_bytes, q->ring, q->head * q->item_bytes);
	free(q->ring);
	q->ring = ring;
	q->slots = slots;
	q->head = 0;
	ASSERT(q->n < q->slots);
	return true;
}

/* ---- waiting ------------------------------------------------------------------------------- */

static void describe_put(const struct park *park, struct wait *ret)
{
	const struct hk_waiter_ *w = container_of(park, struct hk_waiter_, park);
	const struct hk_queue *q = container_of(w->list, struct hk_queue, senders);

	(void)snprintf(ret->what, sizeof(ret->what), "room in a queue: it holds %zu of %zu", q->n,
		       q->capacity);
}

static void describe_get(const struct park *park, struct wait *ret)
{
	const struct hk_waiter_ *w = container_of(park, struct hk_waiter_, park);
	const struct hk_queue *q = container_of(w->list, struct hk_queue, receivers);

	(void)snprintf(ret->what, sizeof(ret->what), "an item in a queue: it holds %zu of %zu",
		       q->n, q->capacity);
}

/* ---- put ----------------------------------------------------------------------------------- */

int hk_queue_try_put(struct hk_queue *q, const void *item)
{
	struct hk_waiter_ *receiver;

	offload_check_not_in(__func__);
	if (q->closed)
		return -EPIPE;
	receiver = waitlist_take(&q->receivers);
	if (receiver) {
		ASSERT(q->n == 0);
		copy_item(q, receiver->item, item);
		fiber_wake(receiver->park.fiber, 0);
		return 0;
	}
	if (q->n == q->slots && !ring_grow(q))
		return -EAGAIN;
	ring_push(q, item);
	return 0;
}

int hk_queue_put(struct hk_queue *q, const void *item)
{
	struct hk_fiber_ *self = fiber_self();
	int r = fiber_checkpoint(self);

	if (r == 0)
		r = hk_queue_try_put(q, item);
	if (r != -EAGAIN)
		return r;
	ASSERT(!q->receivers.first_ && !q->closed);
	struct hk_waiter_ w = {
		.park = { .why = "room in a queue",
			  .cancel = waitlist_leave,
			  .describe = describe_put },
		.item = (void *)(uintptr_t)item,
	};
	return waitlist_wait_as(&q->senders, self, &w);
}

/* ---- get ----------------------------------------------------------------------------------- */

int hk_queue_try_get(struct hk_queue *q, void *item)
{
	struct hk_waiter_ *sender;

	offload_check_not_in(__func__);
	if (q->n == 0)
		return q->closed ? -EPIPE : -EAGAIN;
	ring_pop(q, item);
	sender = waitlist_take(&q->senders);
	if (sender) {
		ASSERT(!q->closed);
		ring_push(q, sender->item);
		fiber_wake(sender->park.fiber, 0);
	}
	return 0;
}

int hk_queue_get(struct hk_queue *q, void *item)
{
	struct hk_fiber_ *self = fiber_self();
	int r = fiber_checkpoint(self);

	if (r == 0)
		r = hk_queue_try_get(q, item);
	if (r != -EAGAIN)
		return r;
	ASSERT(!q->senders.first_ && !q->closed && q->n == 0);
	struct hk_waiter_ w = {
		.park = { .why = "an item in a queue",
			  .cancel = waitlist_leave,
			  .describe = describe_get },
		.item = item,
	};
	return waitlist_wait_as(&q->receivers, self, &w);
}

/* ---- the end ------------------------------------------------------------------------------- */

void hk_queue_close(struct hk_queue *q)
{
	offload_check_not_in(__func__);
	ASSERT(!q->senders.first_ || !q->receivers.first_);
	q->closed = true;
	waitlist_serve_all(&q->senders, -EPIPE);
	waitlist_serve_all(&q->receivers, -EPIPE);
}

void hk_queue_abort(struct hk_queue *q, void (*drop)(void *item, void *arg), void *arg)
{
	const char *former = hk_no_suspend_begin("the drop function of hk_queue_abort()");

	hk_queue_close(q);
	while (q->n > 0) {
		void *item = q->ring + q->head * q->item_bytes;
		q->head = q->head + 1 == q->slots ? 0 : q->head + 1;
		q->n--;
		if (drop)
			drop(item, arg);
	}
	hk_no_suspend_end(former);
}

size_t hk_queue_len(const struct hk_queue *q)
{
	return q->n;
}

size_t hk_queue_capacity(const struct hk_queue *q)
{
	return q->capacity;
}

bool hk_queue_closed(const struct hk_queue *q)
{
	return q->closed;
}
