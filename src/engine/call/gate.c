/* gate.c - `batch: N`: where those meet that go into one call
 *
 * What this room is for: many records share one round trip, and each keeps its own fate. They meet before the lanes; the first is the
 *   leader: it waits until the call is full, at most `linger` long, then for its turn (attempt.c), makes the attempt for all, and
 *   says to each what became of it. From then on they go their own ways again (step.c).
 *
 *   stand --> WAITS --elected--> LEADS --slot--> gate_close: the first N go along, the next is elected
 *               |                  ^                 |
 *               '-- taken --> FOLLOWS <--------------+--> call --> DONE, each with its verdict
 *                              |   ^                 |
 *                     intent --'   '-- halves: -----'   a refused call is divided; the first of each part leads it
 *
 * What flows through:    visits; each stays on its own fiber's stack and is touched by others only while it waits here.
 * What must hold:
 *  (1) a visit at the gate is in its list; the first of the list leads, and nobody else of the list. (2) a follower does not leave until its
 *      leader lets it: that wait is shielded. The leader lives as long as it has followers, or passes them on.
 *  (3) nobody is dead for what another one did: a call that was refused as a whole is divided until who is refused is alone, and none of
 *      these attempts counts; what broke off in company is tried again alone.
 *  (4) they hold nothing while they wait here: the memory of their answers is the leader's until the answers are there. */
#include "engine/call/gate.h"

#include "engine/call/attempt.h"
#include "engine/plan/defaults.h"
#include "engine/run/stopping.h"

#include <errno.h>
#include <stdlib.h>

struct gate { /* those who go through the same lanes */
	struct gate *next;
	const struct lane *own, *lane;
	struct visit *first, *last;
	size_t count;
};

/* ---- the list ---- */
static struct gate *gate_of(const struct visit *v)
{
	struct step *s = v->step;
	struct gate *g = s->gates;
	while (g && (g->own != v->own || g->lane != v->lane))
		g = g->next;
	if (g)
		return g;
	g = xcalloc(1, sizeof *g);
	*g = (struct gate){ .next = s->gates, .own = v->own, .lane = v->lane };
	return s->gates = g;
}

static void drop_gate(struct step *s, struct gate *g)
{
	struct gate **at = &s->gates;
	while (*at != g)
		at = &(*at)->next;
	*at = g->next;
	free(g);
}

static void elect(struct gate *g)
{
	ASSERT(g->first && g->first->seat == SEAT_WAITS);
	g->first->seat = SEAT_LEADS;
	hk_event_set(&g->first->called);
}

static void stand(struct visit *v)
{
	struct gate *g = v->gate = gate_of(v);
	v->seat = SEAT_WAITS;
	v->stood_ns = hk_now_ns();
	v->next_mate = NULL;
	v->prev_mate = g->last;
	*(g->last ? &g->last->next_mate : &g->first) = v;
	g->last = v;
	g->count++;
	if (g->first == v)
		elect(g);
	else if (g->count >= gate_most(g->first))
		hk_event_set(&g->first->called);
}

static void step_out(struct visit *v)
{
	struct gate *g = take(v->gate);
	*(v->prev_mate ? &v->prev_mate->next_mate : &g->first) = v->next_mate;
	*(v->next_mate ? &v->next_mate->prev_mate : &g->last) = v->prev_mate;
	v->next_mate = v->prev_mate = NULL;
	g->count--;
	if (!g->first)
		drop_gate(v->step, g);
	else if (v->seat == SEAT_LEADS)
		elect(g);
}

/* ---- together ---- */
size_t gate_most(const struct visit *v)
{
	uint64_t each = v->step->body_bytes + arena_bytes(v->call.arena) + 1;
	uint64_t fit = memory_text_max(v->step->run) / each;
	if (v->closed)
		return gate_count(v);
	size_t most = v->step->batch;
	return fit >= most ? most : fit > 0 ? (size_t)fit : 1;
}

size_t gate_count(const struct visit *v)
{
	size_t n = 0;
	for (; v; v = v->next_mate)
		n++;
	return n;
}

/* Cuts the list behind the n-th; what is behind it. */
static struct visit *cut_behind(struct visit *v, size_t n)
{
	ASSERT(n > 0);
	while (--n > 0)
		v = v->next_mate;
	return take(v->next_mate);
}

static void follow(struct visit *leader)
{
	leader->closed = true;
	for (struct visit *f = leader->next_mate; f; f = f->next_mate) {
		ASSERT(f->seat == SEAT_WAITS || f->seat == SEAT_FOLLOWS);
		f->seat = SEAT_FOLLOWS;
		f->leader = leader;
		f->gate = NULL;
	}
}

void gate_close(struct visit *v)
{
	struct gate *g = take(v->gate);
	if (v->closed || !g)
		return;
	ASSERT(g->first == v && v->seat == SEAT_LEADS);
	size_t most = gate_most(v), n = g->count < most ? g->count : most;
	g->first = cut_behind(v, n);
	g->count -= n;
	follow(v);
	if (g->first) {
		g->first->prev_mate = NULL;
		elect(g);
	} else {
		drop_gate(v->step, g);
	}
}

/* ---- what a leader says to those who follow ---- */
/* It goes its own way; its visit must not be touched any more. */
static void dismiss(struct visit *v, int outcome)
{
	v->next_mate = NULL;
	v->leader = NULL;
	v->outcome = outcome;
	v->seat = SEAT_DONE;
	hk_event_set(&v->called);
}

static void dismiss_all(struct visit *first)
{
	for (struct visit *f = first, *next; f; f = next) {
		next = f->next_mate;
		dismiss(f, 0);
	}
}

/* The first of these leads them, in one more call. */
static void lead_on(struct visit *first)
{
	if (!first)
		return;
	follow(first);
	first->seat = SEAT_LEADS;
	first->leader = NULL;
	hk_event_set(&first->called);
}

/* A leader leaves before the call: its followers are led by the first of them. */
static void pass_on(struct visit *v, int outcome)
{
	if (v->gate)
		step_out(v);
	else
		lead_on(v->next_mate);
	dismiss(v, outcome);
}

/* ---- intents ---- */
static void leave_leader(struct visit *v, int outcome)
{
	struct visit *before = v->leader;
	while (before->next_mate != v)
		before = before->next_mate;
	before->next_mate = v->next_mate;
	dismiss(v, outcome);
}

/* In the follower's own task, so that one commit has the intents of all. */
static void intend(struct visit *v) SUSPENDS
{
	struct visit *leader = v->leader;
	int r = attempt_intend(v);
	v->seat = SEAT_FOLLOWS;
	if (r != 0)
		leave_leader(v, r);
	if (--leader->awaited == 0)
		hk_event_set(&leader->called);
}

static void await_intents(struct visit *v) SUSPENDS
{
	struct hk_scope shield;
	hk_scope_open_shield(&shield, HK_FOREVER);
	while (v->awaited > 0) {
		hk_event_clear(&v->called);
		int r = hk_event_wait(&v->called);
		ASSERT(r == 0); /* shielded */
	}
	(void)hk_scope_close(&shield, 0);
}

int gate_intend(struct visit *v)
{
	for (struct visit *f = v->next_mate, *next; f; f = next) {
		next = f->next_mate;
		if (v->step->keeps) {
			f->seat = SEAT_INTENDS;
			hk_event_set(&f->called);
			v->awaited++;
		} else if (run_leaves(v->step->run, f->item)) {
			leave_leader(f, -ECANCELED);
		}
	}
	int r = attempt_intend(v);
	await_intents(v);
	return r;
}

/* ---- after the call ---- */
/* Once for all who were in it, and each gives back what it took of the budget of retries. */
static void tell_lanes(struct visit *v) SUSPENDS
{
	visit_tell_lanes(v, v->call.verdict == VERDICT_ANSWER);
	for (struct visit *f = v->next_mate; f; f = f->next_mate)
		if (f->lane && f->paid && f->call.verdict == VERDICT_ANSWER)
			lane_give_back(f->lane);
}

/* It did not count: it was another one's failure, or nobody knows whose. */
static void forget_attempt(struct visit *v)
{
	ASSERT(v->call.attempt > 0);
	v->call.attempt--;
	v->reached = v->call.attempt > 0;
	v->call.err = (struct err){ 0 };
	memory_end(v->step->run, &v->claim);
}

/* One of them cannot be done, so nothing of it was: which one? */
static bool was_refused_whole(const struct visit *v)
{
	const struct err *err = &v->call.err;
	ASSERT(err->row <= v->mates);
	return v->mates > 1 && v->call.verdict == VERDICT_FAULT &&
	       fault_policy(err) == POLICY_DEAD && (err->whole || err->row > 0) &&
	       !(err->sent && v->call.safety == UNSAFE);
}

/* Those before the one at fault were good, of those behind it nobody knows: each part makes a call of its own. */
static void divide_at(struct visit *v, size_t row)
{
	struct visit *behind = cut_behind(v, row);
	struct visit *culprit = row > 1 ? cut_behind(v, row - 1) : v;
	for (struct visit *f = behind; f; f = f->next_mate)
		forget_attempt(f);
	for (struct visit *f = row > 1 ? v : NULL; f; f = f->next_mate)
		forget_attempt(f);
	lead_on(behind);
	culprit->call.err.whole = false;
	culprit->call.err.row = 0;
	dismiss(culprit, 0);
	if (row > 1)
		lead_on(v);
}

static void divide(struct visit *v)
{
	size_t row = v->call.err.row;
	if (row > 0) {
		divide_at(v, row);
		return;
	}
	for (struct visit *f = v; f; f = f->next_mate)
		forget_attempt(f);
	lead_on(cut_behind(v, (v->mates + 1) / 2));
	lead_on(v);
}

/* What broke off: all of them, and whose fault it was cannot be known; alone each one shows. */
static void part(struct visit *v)
{
	uint64_t dice = v->call.verdict == VERDICT_FAULT ? hk_random() : 0;
	for (struct visit *f = v; f; f = f->next_mate)
		f->dice = dice;
	dismiss_all(take(v->next_mate));
	dismiss(v, 0);
}

/* ---- a visit's way ---- */
static int linger(struct visit *v) SUSPENDS
{
	int r = 0;
	while (r == 0 && v->gate->count < gate_most(v)) {
		int64_t left = v->stood_ns + v->step->linger_ns - hk_now_ns();
		if (left <= 0)
			break;
		if (visit_wait_begin(v, v->lane, 0) < 0)
			return -ECANCELED;
		hk_event_clear(&v->called);
		r = visit_wait_end(v, hk_event_wait_for(&v->called, left));
	}
	return r == -ETIMEDOUT ? 0 : r;
}

static void lead(struct visit *v) SUSPENDS
{
	v->ticket.cost = v->cost;
	int r = v->closed ? 0 : linger(v);
	if (r == 0)
		r = attempt_make(v);
	if (r != 0) {
		pass_on(v, r);
		return;
	}
	tell_lanes(v);
	if (was_refused_whole(v))
		divide(v);
	else
		part(v);
}

/* At the gate it may be told to leave, as in any other wait. */
static void wait_gate(struct visit *v) SUSPENDS
{
	int r = visit_wait_begin(v, v->lane, 0);
	if (r == 0) {
		hk_event_clear(&v->called);
		r = visit_wait_end(v, hk_event_wait(&v->called));
	}
	if (r < 0 && v->seat == SEAT_WAITS) {
		step_out(v);
		dismiss(v, -ECANCELED);
	}
}

/* Its leader has it in its hand. */
static void wait_leader(struct visit *v) SUSPENDS
{
	struct hk_scope shield;
	hk_scope_open_shield(&shield, HK_FOREVER);
	while (v->seat == SEAT_FOLLOWS) {
		hk_event_clear(&v->called);
		int r = hk_event_wait(&v->called);
		ASSERT(r == 0); /* shielded */
	}
	(void)hk_scope_close(&shield, 0);
}

int gate_attempt(struct visit *v)
{
	v->closed = v->alone;
	if (v->alone)
		v->seat = SEAT_LEADS;
	else
		stand(v);
	while (v->seat != SEAT_DONE) {
		if (v->seat == SEAT_LEADS)
			lead(v);
		else if (v->seat == SEAT_INTENDS)
			intend(v);
		else if (v->seat == SEAT_FOLLOWS)
			wait_leader(v);
		else
			wait_gate(v);
	}
	v->seat = SEAT_NONE;
	return v->outcome;
}
