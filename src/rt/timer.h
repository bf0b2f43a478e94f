/* timer.h - what happens at a given time: a heap of places
 *
 * What this room is for: the deadlines of scopes and the ends of sleeps, 100,000 and more at a time.
 * What flows through: the owner of a timer lends one size_t, its place in the heap (0: not set). The heap keeps that
 *   number right while entries move, so that clearing is O(log n) without a search.
 * What must hold: (1) heap[*place].place == place for every set timer. (2) equal times fire in the order in
 *   which they were set: virtual time replays exactly. (3) firing clears first, so that fire() may set it again. */
#pragma once
#include "base/lang.h"

/* Called with the place, already 0, and the arg of timers_fire. */
typedef void timer_fn(size_t *place, void *arg);

struct timer {
	int64_t when_ns;
	uint64_t order;
	size_t *place;
	timer_fn *fire;
};
struct timers {
	struct timer *heap; /* owns; heap[0] is not used */
	size_t n, cap;
	uint64_t order;
};

void timers_done(struct timers *);
/* Sets or moves. */
void timers_set(struct timers *, size_t *place, int64_t when_ns, timer_fn *fire);
void timers_clear(struct timers *, size_t *place);                  /* not set: nothing */
int64_t timers_when_ns(const struct timers *, const size_t *place); /* INT64_MAX: not set */
int64_t timers_next_ns(const struct timers *);                      /* INT64_MAX: none */
size_t timers_fire(struct timers *, int64_t now_ns, void *arg);     /* how many were due */
