/* timer.c - a 4-ary heap: flatter than a binary one, and two entries share a cache line
 *
 * What this room is for: setting and clearing in O(log n), the next one in O(1). Most deadlines never fire: they are
 *   set, moved and cleared, so clearing must not leave corpses that grow with the number of requests.
 * What flows through:    (time, owner's place). The root is heap[1], so that place 0 can mean "not set".
 * What must hold:
 *  (1) no entry is earlier than its parent; of equal times the one set first is earlier.
 *  (2) every move in the array writes the new index to *place. */
#include "rt/timer.h"
#include "base/banned.h"
#include <stdlib.h>

enum { ARITY = 4 };

static size_t parent_of(size_t i)
{
	return (i - 2) / ARITY + 1;
}

static size_t first_child_of(size_t i)
{
	return ARITY * (i - 1) + 2;
}

static bool earlier(const struct timer *a, const struct timer *b)
{
	return a->when_ns != b->when_ns ? a->when_ns < b->when_ns : a->order < b->order;
}

static void put(struct timers *t, size_t i, struct timer entry)
{
	t->heap[i] = entry;
	*entry.place = i;
}

static size_t sift_up(struct timers *t, size_t i, const struct timer *entry)
{
	while (i > 1 && earlier(entry, &t->heap[parent_of(i)])) {
		put(t, i, t->heap[parent_of(i)]);
		i = parent_of(i);
	}
	return i;
}

static size_t sift_down(struct timers *t, size_t i, const struct timer *entry)
{
	for (;;) {
		size_t first = first_child_of(i), best = first;
		size_t end = first + ARITY <= t->n ? first + ARITY : t->n + 1;
		if (first > t->n)
			return i;
		for (size_t c = first + 1; c < end; c++)
			best = earlier(&t->heap[c], &t->heap[best]) ? c : best;
		if (!earlier(&t->heap[best], entry))
			return i;
		put(t, i, t->heap[best]);
		i = best;
	}
}

/* The hole at i is filled with the entry, which may belong above or below it. */
static void settle(struct timers *t, size_t i, struct timer entry)
{
	size_t up = sift_up(t, i, &entry);
	ASSERT(i >= 1 && i <= t->n);
	put(t, up == i ? sift_down(t, i, &entry) : up, entry);
}

static void grow(struct timers *t)
{
	t->cap = t->cap ? t->cap * 2 : 64;
	t->heap = xrealloc(t->heap, t->cap, sizeof(*t->heap));
}

void timers_set(struct timers *t, size_t *place, int64_t when_ns, timer_fn *fire)
{
	struct timer entry = {
		.when_ns = when_ns, .order = ++t->order, .place = place, .fire = fire
	};

	if (*place == 0) {
		if (t->n + 1 >= t->cap)
			grow(t);
		*place = ++t->n;
	} else {
		ASSERT(*place <= t->n && t->heap[*place].place == place);
	}
	settle(t, *place, entry);
}

void timers_clear(struct timers *t, size_t *place)
{
	size_t hole = *place;
	struct timer last;

	if (hole == 0)
		return;
	ASSERT(hole <= t->n && t->heap[hole].place == place);
	*place = 0;
	last = t->heap[t->n--];
	if (hole <= t->n)
		settle(t, hole, last);
}

int64_t timers_when_ns(const struct timers *t, const size_t *place)
{
	return *place ? t->heap[*place].when_ns : INT64_MAX;
}

int64_t timers_next_ns(const struct timers *t)
{
	return t->n ? t->heap[1].when_ns : INT64_MAX;
}

size_t timers_fire(struct timers *t, int64_t now_ns, void *arg)
{
	uint64_t newest = t->order; /* what fire() sets anew waits for the next turn */
	size_t fired = 0;

	while (t->n && t->heap[1].when_ns <= now_ns && t->heap[1].order <= newest) {
		struct timer due = t->heap[1];
		ASSERT(*due.place == 1);
		timers_clear(t, due.place);
		due.fire(due.place, arg);
		fired++;
	}
	return fired;
}

void timers_done(struct timers *t)
{
	ASSERT(t->n == 0);
	free(t->heap);
	*t = (struct timers){ 0 };
}
