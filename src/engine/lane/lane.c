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
#include "engine/lane/lane.h"

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
static int64_t next_start_ns(struct lane *l, const struct ticket *t, int64_t now)
{
	int64_t at = 0;
	enum lane_cause *cause = &l->starts.cause;
	for (size_t i = 0; i < l->meter_count; i++)
		not_before(&at, cause, meter_next_ns(&l->meters[i]), LANE_RATE);
	if (l->tokens)
		not_before(&at, cause, tokens_next_ns(l->tokens, t->cost, now), LANE_TOKENS);
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

static int64_t next_retry_ns(struct lane *l, const struct ticket *t, int64_t now)
{
	(void)t;
	l->retries.cause = LANE_BUDGET;
	return lane_is_down(l) ? now : budget_next_ns(&l->budget, now);
}

/* Nothing was ever asked of it: the common case, and it costs no look at the clock. */
static bool is_free(const struct lane *l)
{
	return l->paused_until_ns == 0 && l->meter_count == 0 && l->quota.until_ns == 0 &&
	       l->circuit.state == CIRCUIT_CLOSED && l->tuner.limit == 0 && !l->tokens;
}

bool lane_may_start(struct lane *l, const struct ticket *t)
{
	if (is_free(l))
		return true;
	int64_t now = hk_now_ns();
	return next_start_ns(l, t, now) <= now;
}

bool lane_open(const struct lane *l, const struct ticket *t)
{
	return !l->starts.first && lane_may_start((struct lane *)l, t);
}

bool lane_is_down(const struct lane *l)
{
	return l->circuit.state != CIRCUIT_CLOSED;
}

void lane_start(struct lane *l, struct ticket *t)
{
	t->probe = 0;
	if (t->fresh)
		budget_add(&l->budget, (int64_t)t->fresh * BUDGET_FRESH);
	t->started_ns = hk_now_ns();
	if (is_free(l)) {
		l->in_flight++;
		return;
	}
	/* Read anew: a turn of the loop takes its time, and the far side's clock goes on in it. */
	int64_t now = t->started_ns = hk_now_exact_ns();
	ASSERT(next_start_ns(l, t, now) <= now);
	l->in_flight++;
	for (size_t i = 0; i < l->meter_count; i++)
		meter_start(&l->meters[i], now);
	if (l->tokens)
		tokens_start(l->tokens, t->cost, now);
	l->pace.started_ns = now;
	quota_start(&l->quota);
	t->probe = circuit_start(&l->circuit);
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

typedef int64_t next_fn(struct lane *, const struct ticket *, int64_t now);

static int wait_in_line(struct lane *l, struct line *q, const struct ticket *t, bool in_front,
			next_fn *next_ns) SUSPENDS
{
	struct lane_waiter w = { 0 };
	int r = 0;
	stand(q, &w, in_front);
	while (r == 0) {
		int64_t now = hk_now_ns(), at = q->first == &w ? next_ns(l, t, now) : INT64_MAX;
		if (at <= now)
			break;
		r = wait_change(q, &w, now, at);
	}
	step_out(q, &w);
	return r;
}

int lane_wait(struct lane *l, const struct ticket *t, bool again)
{
	return lane_open(l, t) ? 0 : wait_in_line(l, &l->starts, t, again, next_start_ns);
}

int lane_wait_retry(struct lane *l)
{
	int64_t now = hk_now_ns();
	bool open = !l->retries.first && next_retry_ns(l, NULL, now) <= now;
	int r = open ? 0 : wait_in_line(l, &l->retries, NULL, false, next_retry_ns);
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
	struct ticket t = { 0 };
	int r = lane_wait(l, &t, false);
	if (r < 0)
		return r;
	lane_start(l, &t);
	lane_finish(l, &t, &(struct lane_end){ LANE_UNKNOWN });
	return 0;
}

static void correct_tokens(struct lane *l, const struct ticket *t, int64_t used)
{
	tokens_correct(l->tokens, t->started_ns, used - t->cost, hk_now_ns());
	look_again(&l->starts);
}

static void tell_tuner(struct lane *l, const struct ticket *t, const struct lane_end *end)
{
	int64_t now = hk_now_ns(), took = now - t->started_ns;
	if (end->outcome == LANE_SERVED)
		tuner_took(&l->tuner, took, l->starts.first != NULL || is_full(l), now);
	else if (end->outcome == LANE_REFUSED)
		tuner_refused(&l->tuner, took, now);
	else if (end->outcome == LANE_DOWN || end->outcome == LANE_AWAY)
		tuner_failed(&l->tuner, took, now);
	look_again(&l->starts);
}

void lane_finish(struct lane *l, const struct ticket *t, const struct lane_end *end)
{
	enum lane_outcome outcome = end->outcome;
	ASSERT(l->in_flight > 0);
	l->in_flight--;
	if (l->tuner.limit > 0)
		tell_tuner(l, t, end);
	if (l->tokens && end->used_known)
		correct_tokens(l, t, end->used);
	if (outcome == LANE_SERVED)
		pace_served(&l->pace);
	if (outcome == LANE_SERVED && l->circuit.served && l->circuit.failures == 0)
		return; /* as nearly always */
	int64_t now = hk_now_ns();
	if (outcome == LANE_SERVED || (outcome == LANE_REFUSED && l->circuit.served))
		circuit_up(&l->circuit, now);
	else if (outcome == LANE_DOWN)
		circuit_down(&l->circuit, end->who, t->probe, now);
	else if (outcome == LANE_AWAY)
		circuit_away(&l->circuit, end->who, t->probe, now);
	else
		circuit_lost(&l->circuit, t->probe, now);
	look_again(&l->starts);
	look_again(&l->retries);
}

void lane_give_up(struct lane *l)
{
	circuit_give_up(&l->circuit, hk_now_ns());
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
	if (l->filled_ns > hk_now_ns() - rate->per_ns)
		meter_fill(&l->meters[l->meter_count - 1], l->filled_ns);
}

/* The tighter one stays. */
void lane_limit_tokens(struct lane *l, const struct token_rate *rate)
{
	const struct token_rate *has = l->tokens ? &l->tokens->rate : NULL;
	if (rate->count == 0 || (has && (double)has->count / (double)has->per_ns <=
						(double)rate->count / (double)rate->per_ns))
		return;
	if (!l->tokens)
		l->tokens = xcalloc(1, sizeof *l->tokens);
	tokens_init(l->tokens, rate);
	if (l->filled_ns > hk_now_ns() - rate->per_ns)
		tokens_start(l->tokens, rate->count, l->filled_ns);
}

void lane_fill(struct lane *l, int64_t at_ns)
{
	int64_t now = hk_now_ns();
	l->filled_ns = at_ns;
	for (size_t i = 0; i < l->meter_count; i++)
		if (at_ns > now - l->meters[i].rate.per_ns)
			meter_fill(&l->meters[i], at_ns);
	if (l->tokens && at_ns > now - l->tokens->rate.per_ns)
		tokens_start(l->tokens, l->tokens->rate.count, at_ns);
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
