/* lane.c - when may the next request to this origin start?
 *
 * What this room is for: a line of fibers and the clocks that hold back its first.
 *
 *   wait -> [w4 w3 w2 w1] -> first looks: pause? rates? pace? -> may start -> (slot) -> lane_start moves the clocks on
 *                                 '--- sleeps until the latest of them ---'
 *
 * What flows through:    turns, refusals (lane_pause), answers (lane_served).
 * What must hold:
 *  (1) a start is counted when it is made, never before: a turn that somebody did not use is not lost.
 *  (2) no rate that the user wrote is ever exceeded, neither by the pace nor by those that had their turn and then waited for
 *      a slot: lane_start asserts it.
 *  (3) waiters live on their fibers' stacks and are unlinked before they return. */
#include "engine/lane.h"

#include <errno.h>
#include <hocket/run.h>
#include <hocket/sync.h>
#include <string.h>

struct lane_waiter {
	struct lane_waiter *next, *prev;
	struct hk_event turn; /* set: look again */
};

/* ---- the clocks ---- */
static int64_t latest(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t next_start_ns(struct lane *l, int64_t now)
{
	int64_t at = latest(l->paused_until_ns, quota_next_ns(&l->quota));
	if (l->pace.interval_ns) {
		pace_ease(&l->pace, now);
		at = latest(at, l->pace.started_ns + l->pace.interval_ns);
	}
	for (size_t i = 0; i < l->meter_count; i++)
		at = latest(at, meter_next_ns(&l->meters[i]));
	return at;
}

/* Nothing was ever asked of it: the common case, and it costs no look at the clock. */
static bool is_free(const struct lane *l)
{
	return l->paused_until_ns == 0 && l->meter_count == 0 && l->quota.until_ns == 0;
}

bool lane_may_start(struct lane *l)
{
	if (is_free(l))
		return true;
	int64_t now = hk_now_ns();
	return next_start_ns(l, now) <= now;
}

bool lane_open(const struct lane *l)
{
	return !l->first && lane_may_start((struct lane *)l);
}

void lane_start(struct lane *l)
{
	l->in_flight++;
	if (is_free(l))
		return;
	/* Read anew: a turn of the loop takes its time, and the far side's clock goes on in it. */
	int64_t now = hk_now_exact_ns();
	ASSERT(next_start_ns(l, now) <= now);
	for (size_t i = 0; i < l->meter_count; i++)
		meter_start(&l->meters[i], now);
	l->pace.started_ns = now;
	quota_start(&l->quota);
}

void lane_finish(struct lane *l)
{
	ASSERT(l->in_flight > 0);
	l->in_flight--;
}

/* ---- the line ---- */
static void stand(struct lane *l, struct lane_waiter *w, bool in_front)
{
	w->next = in_front ? l->first : NULL;
	w->prev = in_front ? NULL : l->last;
	*(w->prev ? &w->prev->next : &l->first) = w;
	*(w->next ? &w->next->prev : &l->last) = w;
}

static void step_out(struct lane *l, struct lane_waiter *w)
{
	bool was_first = l->first == w;
	*(w->prev ? &w->prev->next : &l->first) = w->next;
	*(w->next ? &w->next->prev : &l->last) = w->prev;
	if (was_first && l->first)
		hk_event_set(&l->first->turn);
}

static void look_again(struct lane *l)
{
	if (l->first)
		hk_event_set(&l->first->turn);
}

/* Until something may have changed for this waiter. Only the first looks at the clock. */
static int wait_change(struct lane *l, struct lane_waiter *w, int64_t delay) SUSPENDS
{
	hk_event_clear(&w->turn);
	if (l->first != w)
		return hk_event_wait(&w->turn);
	int r = hk_event_wait_for(&w->turn, delay);
	return r == -ETIMEDOUT ? 0 : r;
}

static int wait_in_line(struct lane *l, struct lane_waiter *w) SUSPENDS
{
	for (;;) {
		int64_t now = hk_now_ns(), at = next_start_ns(l, now);
		if (l->first == w && at <= now)
			return 0;
		int r = wait_change(l, w, at - now);
		if (r < 0)
			return r;
	}
}

int lane_wait(struct lane *l, bool again)
{
	struct lane_waiter w = { 0 };
	if (lane_open(l))
		return 0;
	stand(l, &w, again);
	int r = wait_in_line(l, &w);
	step_out(l, &w);
	return r;
}

int lane_enter(struct lane *l)
{
	int r = lane_wait(l, false);
	if (r == 0)
		lane_start(l);
	return r;
}

/* ---- what sets the clocks ---- */
static bool same_rate(const struct rate *a, const struct rate *b)
{
	return a->count == b->count && a->per_ns == b->per_ns && a->burst == b->burst;
}

void lane_limit(struct lane *l, const struct rate *rate)
{
	if (rate->per_ns == 0)
		return;
	for (size_t i = 0; i < l->meter_count; i++)
		if (same_rate(&l->meters[i].rate, rate))
			return;
	l->meters = xrealloc(l->meters, l->meter_count + 1, sizeof *l->meters);
	meter_init(&l->meters[l->meter_count++], rate);
}

void lane_told(struct lane *l, int64_t left, int64_t reset_ns)
{
	ASSERT(l->in_flight > 0 && left >= 0 && reset_ns > 0);
	quota_told(&l->quota, left, hk_now_ns() + reset_ns, l->in_flight - 1);
	look_again(l);
}

void lane_pause(struct lane *l, int64_t ns)
{
	int64_t now = hk_now_ns(), until = now + ns;
	ASSERT(ns >= 0);
	/* Refusals of requests that were already on their way when the first one came teach nothing new. */
	bool first = l->paused_until_ns <= now;
	l->paused_until_ns = latest(l->paused_until_ns, until);
	if (first)
		pace_refused(&l->pace, now, until);
}
