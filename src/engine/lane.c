/* lane.c - when may the next request to this origin start?
 *
 * What this room is for: a line of fibers and the clocks that hold back its first.
 *
 *   wait -> [w4 w3 w2 w1] -> first looks: pause? rates? pace? -> may start -> (slot) -> lane_start moves the clocks on
 *                                 '--- sleeps until the latest of them ---'
 *
 * What flows through:    turns, refusals (lane_pause), outcomes (lane_finish).
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
/* A later time, and why: the cause of the latest stays. */
static void not_before(int64_t *at, enum lane_cause *cause, int64_t time, enum lane_cause why)
{
	if (time <= *at)
		return;
	*at = time;
	*cause = why;
}

static bool is_full(const struct lane *l)
{
	return l->tuner.limit > 0 && (double)l->in_flight + 1 > l->tuner.limit;
}

/* When the first in line may start; INT64_MAX: when something else has happened. */
static int64_t next_start_ns(struct lane *l, int64_t now)
{
	int64_t at = 0;
	enum lane_cause *cause = &l->starts.cause;
	for (size_t i = 0; i < l->meter_count; i++)
		not_before(&at, cause, meter_next_ns(&l->meters[i]), LANE_RATE);
	if (l->pace.interval_ns) {
		pace_ease(&l->pace, now);
		not_before(&at, cause, l->pace.started_ns + l->pace.interval_ns, LANE_PACE);
	}
	not_before(&at, cause, quota_next_ns(&l->quota), LANE_QUOTA);
	not_before(&at, cause, l->paused_until_ns, LANE_PAUSE);
	if (is_full(l))
		not_before(&at, cause, INT64_MAX, LANE_FULL);
	not_before(&at, cause, circuit_next_ns(&l->circuit), LANE_CIRCUIT);
	return at;
}

static int64_t next_retry_ns(struct lane *l, int64_t now)
{
	l->retries.cause = LANE_BUDGET;
	return lane_is_down(l) ? now : budget_next_ns(&l->budget, now);
}

/* Nothing was ever asked of it: the common case, and it costs no look at the clock. */
static bool is_free(const struct lane *l)
{
	return l->paused_until_ns == 0 && l->meter_count == 0 && l->quota.until_ns == 0 &&
	       l->circuit.state == CIRCUIT_CLOSED && l->tuner.limit == 0;
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
	return !l->starts.first && lane_may_start((struct lane *)l);
}

bool lane_is_down(const struct lane *l)
{
	return l->circuit.state != CIRCUIT_CLOSED;
}

unsigned lane_start(struct lane *l, bool fresh)
{
	if (fresh)
		budget_add(&l->budget, BUDGET_FRESH);
	if (is_free(l))
		return l->in_flight++, 0;
	/* Read anew: a turn of the loop takes its time, and the far side's clock goes on in it. */
	int64_t now = hk_now_exact_ns();
	ASSERT(next_start_ns(l, now) <= now);
	l->in_flight++;
	for (size_t i = 0; i < l->meter_count; i++)
		meter_start(&l->meters[i], now);
	l->pace.started_ns = now;
	quota_start(&l->quota);
	return circuit_start(&l->circuit);
}

/* ---- the lines ---- */
static void look_again(struct line *q)
{
	if (q->first)
		hk_event_set(&q->first->turn);
}

static void stand(struct line *q, struct lane_waiter *w, bool in_front)
{
	w->next = in_front ? q->first : NULL;
	w->prev = in_front ? NULL : q->last;
	*(w->prev ? &w->prev->next : &q->first) = w;
	*(w->next ? &w->next->prev : &q->last) = w;
}

static void step_out(struct line *q, struct lane_waiter *w)
{
	bool was_first = q->first == w;
	*(w->prev ? &w->prev->next : &q->first) = w->next;
	*(w->next ? &w->next->prev : &q->last) = w->prev;
	if (was_first)
		look_again(q);
}

/* Until something may have changed for this waiter. Only the first looks at the clock. */
static int wait_change(struct line *q, struct lane_waiter *w, int64_t now, int64_t at) SUSPENDS
{
	hk_event_clear(&w->turn);
	if (q->first != w || at == INT64_MAX)
		return hk_event_wait(&w->turn);
	int r = hk_event_wait_for(&w->turn, at - now);
	return r == -ETIMEDOUT ? 0 : r;
}

static int wait_in_line(struct lane *l, struct line *q, bool in_front,
			int64_t (*next_ns)(struct lane *, int64_t now)) SUSPENDS
{
	struct lane_waiter w = { 0 };
	int r = 0;
	stand(q, &w, in_front);
	while (r == 0) {
		int64_t now = hk_now_ns(), at = next_ns(l, now);
		if (q->first == &w && at <= now)
			break;
		r = wait_change(q, &w, now, at);
	}
	step_out(q, &w);
	return r;
}

int lane_wait(struct lane *l, bool again)
{
	return lane_open(l) ? 0 : wait_in_line(l, &l->starts, again, next_start_ns);
}

int lane_wait_retry(struct lane *l)
{
	int64_t now = hk_now_ns();
	bool open = !l->retries.first && next_retry_ns(l, now) <= now;
	int r = open ? 0 : wait_in_line(l, &l->retries, false, next_retry_ns);
	if (r == 0 && !lane_is_down(l))
		budget_add(&l->budget, -BUDGET_RETRY);
	return r;
}

void lane_give_back(struct lane *l)
{
	budget_add(&l->budget, BUDGET_RETRY);
	look_again(&l->retries);
}

int lane_enter(struct lane *l)
{
	int r = lane_wait(l, false);
	if (r == 0)
		lane_finish(l, &(struct lane_end){ LANE_UNKNOWN, .probe = lane_start(l, false) });
	return r;
}

static void tell_tuner(struct lane *l, const struct lane_end *end)
{
	int64_t now = hk_now_ns();
	if (end->outcome == LANE_SERVED)
		tuner_took(&l->tuner, end->took_ns, l->starts.first != NULL || is_full(l), now);
	else if (end->outcome != LANE_UNKNOWN)
		tuner_refused(&l->tuner, end->took_ns, now);
	look_again(&l->starts);
}

void lane_finish(struct lane *l, const struct lane_end *end)
{
	enum lane_outcome outcome = end->outcome;
	ASSERT(l->in_flight > 0);
	l->in_flight--;
	if (l->tuner.limit > 0)
		tell_tuner(l, end);
	if (outcome == LANE_SERVED)
		pace_served(&l->pace);
	if (outcome == LANE_SERVED && l->circuit.served && l->circuit.failures == 0)
		return; /* as nearly always */
	int64_t now = hk_now_ns();
	if (outcome == LANE_SERVED || (outcome == LANE_REFUSED && l->circuit.served))
		circuit_up(&l->circuit, now);
	else if (outcome == LANE_DOWN)
		circuit_down(&l->circuit, end->who, end->probe, now);
	else
		circuit_lost(&l->circuit, end->probe, now);
	look_again(&l->starts);
	look_again(&l->retries);
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

void lane_tune(struct lane *l, unsigned most)
{
	if (l->tuner.limit == 0)
		tuner_init(&l->tuner, most, hk_now_ns());
	else if (most < l->tuner.most)
		l->tuner.most = most;
}

void lane_told(struct lane *l, int64_t left, int64_t reset_ns)
{
	ASSERT(l->in_flight > 0 && left >= 0 && reset_ns > 0);
	quota_told(&l->quota, left, hk_now_ns() + reset_ns, l->in_flight - 1);
	look_again(&l->starts);
}

void lane_pause(struct lane *l, int64_t ns)
{
	int64_t now = hk_now_ns(), until = now + ns;
	ASSERT(ns >= 0);
	/* Refusals of requests that were already on their way when the first one came teach nothing new. */
	bool first = l->paused_until_ns <= now;
	if (until > l->paused_until_ns)
		l->paused_until_ns = until;
	if (first)
		pace_refused(&l->pace, now, until);
}
