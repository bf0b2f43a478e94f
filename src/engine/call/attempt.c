/* attempt.c - a record's turn, and the attempt that is made then
 *
 * What this room is for: from "it wants to call" to "it was called": the lanes, room for the answer, a slot, the intent, the start,
 *   the call itself under its clock. It is the same for one record and for several that go into one call (gate.c): what they have in
 *   common (lanes, slot, clock) is the leader's, what is each one's own (intent, numbers, verdict) is done for each.
 *
 *   lanes -> memory -> slot -> who goes along -> intents -> start -> call
 *     ^                               |               |
 *     '--- the lane was paused meanwhile, or others --'
 *
 * What flows through:    visits; between attempts they hold no slot, no lane and no connection.
 * What must hold:
 *  (1) a slot is held for one attempt only, whoever is in it; where calls are named also until the answer is durable.
 *  (2) between the last look at the lanes and the start nothing else runs: the rates hold for what is really sent.
 *  (3) an intent is durable before the first byte. */
#include "engine/call/attempt.h"

#include "engine/plan/defaults.h"
#include "engine/call/gate.h"
#include "engine/run/stopping.h"

#include "base/units.h"
#include <errno.h>

static void slots_changed(struct step *s)
{
	span_set(&s->slots_full, hk_sem_free(&s->slots) == 0);
}

void attempt_give_slot(struct visit *v)
{
	if (!v->has_slot)
		return;
	v->has_slot = false;
	hk_sem_release(&v->step->slots);
	slots_changed(v->step);
}

/* ---- waiting for the turn ---- */
/* A rate, an origin that is down and an empty budget are nobody's failure: `within` does not count them. */
static void note_held(struct visit *v, enum lane_cause cause, int64_t ns)
{
	v->step->held_ns[cause] += ns;
	if (v->began_ns && (cause == LANE_RATE || cause == LANE_TOKENS || cause == LANE_FULL ||
			    cause == LANE_CIRCUIT || cause == LANE_BUDGET))
		v->began_ns += ns;
}

int attempt_wait_line(struct visit *v, struct lane *l, struct line *q, bool again)
{
	struct step *s = v->step;
	int64_t from = hk_now_ns();
	if (visit_wait_begin(v, l, 0) < 0)
		return -ECANCELED;
	step_eager_leave(s);
	span_set(&s->lane_bound, ++s->lane_waiting > 0);
	int r = q == &l->starts ? lane_wait(l, &v->ticket, again) : lane_wait_retry(l);
	r = visit_wait_end(v, r);
	span_set(&s->lane_bound, --s->lane_waiting > 0);
	s->eager++;
	note_held(v, q->cause, hk_now_ns() - from);
	return r;
}

static int wait_lane(struct visit *v, struct lane *l, bool again) SUSPENDS
{
	return !l || lane_open(l, &v->ticket) ? 0 : attempt_wait_line(v, l, &l->starts, again);
}

static int wait_slot(struct visit *v) SUSPENDS
{
	struct hk_sem *slots = &v->step->slots;
	if (hk_sem_free(slots) > 0)
		return hk_sem_acquire(slots);
	if (visit_wait_begin(v, NULL, 0) < 0)
		return -ECANCELED;
	return visit_wait_end(v, hk_sem_acquire(slots));
}

/* While it waited for a slot, others may have started, or the lane may have been paused. */
static bool may_start(struct visit *v)
{
	struct ticket *t = &v->ticket;
	t->cost = 0;
	for (const struct visit *f = v; f; f = f->next_mate)
		t->cost += f->cost;
	return (!v->own || lane_may_start(v->own, t)) && (!v->lane || lane_may_start(v->lane, t));
}

static bool start(struct visit *v)
{
	struct ticket *t = &v->ticket;
	if (!may_start(v))
		return false;
	t->fresh = 0;
	for (const struct visit *f = v; f; f = f->next_mate)
		t->fresh += f->call.attempt == 0;
	if (v->own)
		lane_start(v->own, t);
	if (v->lane)
		lane_start(v->lane, t);
	return true;
}

/* What its answer and its request will take of the memory. */
static uint64_t likely_bytes(const struct visit *v)
{
	return v->step->body_bytes + arena_bytes(v->call.arena);
}

static void note_body(struct step *s, uint64_t bytes)
{
	s->body_bytes =
		bytes >= s->body_bytes ? bytes : s->body_bytes - (s->body_bytes - bytes) / 32;
}

int visit_claim(struct visit *v)
{
	int r = memory_start(v->step->run, &v->claim, v->item, likely_bytes(v));
	if (r == 0)
		memory_begin(v->step->run, &v->claim);
	return r;
}

int attempt_intend(struct visit *v)
{
	const struct run *run = v->step->run;
	if (run_leaves(run, v->item))
		return -ECANCELED;
	if (visit_intend(v) < 0)
		return 1;
	return run_leaves(run, v->item) ? -ECANCELED : 0;
}

static int wait_lanes(struct visit *v, bool again) SUSPENDS
{
	int r = wait_lane(v, v->own, again);
	return r < 0 ? r : wait_lane(v, v->lane, again);
}

/* With its slot and its intent: 0: it starts; else as wait_turn, or 2: it lost its turn meanwhile. Named calls keep the slot then: there are
 * never more intents open than slots. */
static int intend_and_start(struct visit *v) SUSPENDS
{
	int r = v->next_mate ? gate_intend(v) : attempt_intend(v);
	while (r == 0 && !start(v)) {
		if (!v->step->place->facts.named)
			return 2;
		r = wait_lanes(v, true);
	}
	return r;
}

/* 0; 1: its intent cannot be put down (call.err); -ECANCELED */
static int wait_turn(struct visit *v) SUSPENDS
{
	struct step *s = v->step;
	for (bool again = false;; again = true) {
		int r = wait_lanes(v, again);
		r = r < 0 ? r
			  : memory_start(s->run, &v->claim, v->item,
					 likely_bytes(v) * gate_most(v));
		r = r < 0 ? r : wait_slot(v);
		if (r < 0)
			return r;
		gate_close(v);
		r = may_start(v) ? intend_and_start(v) : 2;
		if (r == 0)
			break;
		hk_sem_release(&s->slots);
		memory_end(s->run, &v->claim);
		if (r != 2)
			return r;
	}
	slots_changed(s);
	return 0;
}

/* ---- the attempt ---- */
static void say_timed_out(struct visit *v)
{
	struct err *err = &v->call.err;
	AUTO(buf_done) struct buf limit = { .max = 64 };
	if (units_put_duration(&limit, limits_of(v->step->place).timeout_ns) < 0)
		buf_clear(&limit);
	bool sent = err->sent;
	fail(err, FAULT_TIMEOUT, "no whole answer from %.*s within %s", SLICE(v->call.shown),
	     limit.p ? limit.p : "");
	err->clock = CLOCK_TOTAL;
	err->sent = sent;
}

bool attempt_was_cancelled(struct err *err)
{
	if (err->fault != FAULT_CANCELLED)
		return false;
	if (hk_checkpoint() < 0)
		return true;
	err->sent = true;
	fail(err, FAULT_RESET, "it was cut off and nobody had cancelled it: a mistake in hocket");
	return false;
}

/* For ever is a hundred years here: sums with it stay small. */
static int64_t timeout_of(const struct step *s)
{
	const int64_t forever = (int64_t)100 * 365 * 86400 * HK_SEC;
	return s->place->facts.own_clock ? forever : limits_of(s->place).timeout_ns;
}

static void begin(struct visit *v, struct hk_scope *clock, int64_t now, size_t mates)
{
	v->call.attempt++;
	v->meta.attempt = v->call.attempt;
	v->call.verdict = VERDICT_NONE;
	v->call.err = (struct err){ 0 };
	v->attempt_ns = now;
	v->began_ns = v->began_ns ? v->began_ns : now;
	v->step->attempts++;
	v->item->touched = v->reached = true;
	v->clock = clock;
	v->deadline_ns = now + timeout_of(v->step);
	v->mates = mates;
}

static bool was_cut(const struct visit *v)
{
	return v->call.verdict == VERDICT_FAULT && v->call.err.fault == FAULT_CANCELLED;
}

static void end(struct visit *v, bool timed_out)
{
	struct run *run = v->step->run;
	ASSERT(v->call.verdict != VERDICT_NONE);
	if (was_cut(v) && timed_out)
		say_timed_out(v);
	else if (was_cut(v))
		(void)attempt_was_cancelled(&v->call.err);
	if (v->too_large)
		(void)memory_fail_text(run, &v->call.err);
	else if (v->call.verdict == VERDICT_ANSWER)
		note_body(v->step, v->call.answer.value.cap);
	if (v->mates > 1 && v->call.verdict == VERDICT_ANSWER)
		memory_take_over(run, &v->claim, v->item,
				 v->call.answer.value.cap + arena_bytes(v->call.arena));
}

static bool is_answered(struct visit *v) SUSPENDS
{
	const struct stand_in *by = v->step->run->options.stand_in;
	for (struct visit *f = v; by && f; f = f->next_mate)
		if (!by->answer(by->arg, v->step->index, &f->call))
			return false;
	return by != NULL;
}

static void call_out(struct visit *v, size_t n) SUSPENDS
{
	struct step *s = v->step;
	const struct port *port = s->place->port;
	if (is_answered(v))
		return;
	if (n == 1) {
		port->call(&s->site, &v->call);
		return;
	}
	struct call **calls = arena_zero(v->call.arena, n * sizeof *calls);
	size_t i = 0;
	for (struct visit *f = v; f; f = f->next_mate)
		calls[i++] = &f->call;
	ASSERT(i == n);
	port->call_many(&s->site, calls, n);
}

static void attempt(struct visit *v) SUSPENDS
{
	struct step *s = v->step;
	struct hk_scope clock;
	int64_t now = hk_now_ns();
	size_t n = gate_count(v);
	bool cut = false;
	memory_begin(s->run, &v->claim);
	if (s->batch > 1) /* fewer went along than there was room for */
		memory_take_over(s->run, &v->claim, v->item, likely_bytes(v) * n);
	for (struct visit *f = v; f; f = f->next_mate)
		begin(f, &clock, now, n);
	hk_scope_open(&clock, timeout_of(s));
	call_out(v, n);
	for (const struct visit *f = v; f; f = f->next_mate)
		cut |= was_cut(f);
	bool timed_out = hk_scope_close(&clock, cut ? -ECANCELED : 0) == -ETIMEDOUT;
	for (struct visit *f = v; f; f = f->next_mate)
		end(f, timed_out);
	int64_t took = hk_now_ns() - now;
	s->busy_ns += took;
	latency_add(&s->latency, took);
	v->has_slot = true;
	if (!s->place->facts.named)
		attempt_give_slot(v);
}

int attempt_make(struct visit *v)
{
	int r = wait_turn(v);
	if (r == 0)
		attempt(v);
	return r;
}
