/* hocket/queue.h - bounded hand-off between tasks of one loop (asyncio.Queue with shutdown, trio memory channels)
 *
 * What this room is for: backpressure. A full queue parks the sender.
 * What flows through: items of a fixed size, copied in and out; ownership of what they point to goes along.
 * What must hold: (1) senders wait only while it is full, receivers only while it is empty, never both. (2) FIFO
 *   for items and for waiters. (3) after close, puts fail with -EPIPE (also those waiting), gets drain what is left,
 *   then -EPIPE. (4) a cancelled put was not queued, a cancelled get took nothing. */
#ifndef HOCKET_QUEUE_H
#define HOCKET_QUEUE_H
#include <hocket/types.h>

HK_BEGIN
struct hk_queue;

/* capacity >= 1 items; 0 aborts: there is no queue without a limit. NULL: out of memory. Grows its ring as needed up to capacity. */
struct hk_queue *hk_queue_new(size_t item_bytes, size_t capacity);
void hk_queue_free(struct hk_queue *); /* nobody may wait on it; accepts NULL */
void hk_queue_freep(struct hk_queue **);
/* 0, -EPIPE, -ECANCELED. */
HK_MUST int hk_queue_put(struct hk_queue *, const void *item) HK_SUSPENDS;
HK_MUST int hk_queue_get(struct hk_queue *, void *item) HK_SUSPENDS;
/* 0, -EPIPE, -EAGAIN. */
HK_MUST int hk_queue_try_put(struct hk_queue *, const void *item);
HK_MUST int hk_queue_try_get(struct hk_queue *, void *item);
void hk_queue_close(struct hk_queue *); /* no more puts; idempotent */
/* Closes and hands every queued item, the oldest first, to drop (may be NULL), which must not suspend. Items of senders that still
 * wait stay theirs: their put says -EPIPE. */
void hk_queue_abort(struct hk_queue *, void (*drop)(void *item, void *arg), void *arg);
size_t hk_queue_len(const struct hk_queue *);
size_t hk_queue_capacity(const struct hk_queue *);
bool hk_queue_closed(const struct hk_queue *);

HK_END
#endif
