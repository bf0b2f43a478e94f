/* visit_recall.c - what is known already: answers held, calls begun, children made
 *
 * What this room is for: before a record calls, what earlier parts of its run, or earlier runs, have put down is looked at.
 * What flows through:    visits, between ask() and their first attempt (step.c).
 * What must hold:
 *  (1) who finds an answer makes no attempt: no slot, no lane, no rate. (2) a call that was begun and whose answer is not known is not
 *      begun again unless the file says so. (3) of those who ask the same (`remember: 30d`) one calls, and the others wait holding
 *      nothing. (4) a record that no earlier part has noted costs a look into memory. */
#include "engine/call/visit.h"

#include "base/json.h"
#include "base/units.h"
#include "engine/run/children.h"
#include "engine/run/expansion.h"
#include "engine/call/kept.h"
#include <errno.h>
#include <string.h>

static struct journal_place place_of(const struct visit *v)
{
	return (struct journal_place){ v->item, v->step->own_name };
}

static int take_answer(struct visit *v, struct slice about, struct buf *value_taken) SUSPENDS
{
	struct call *c = &v->call;
	struct step *s = v->step;
	if (kept_restore(about, value_taken, c->arena, &c->answer, &c->err) < 0)
		return 0;
	c->verdict = VERDICT_ANSWER;
	if (answer_judge(s, &v->env, &c->answer, &c->err) == 0) {
		v->is_kept = true;
		s->recalled++;
		return 1;
	}
	answer_done(&c->answer);
	return c->err.fault == FAULT_CANCELLED ? -ECANCELED : 0;
}

static int failed(const struct visit *v)
{
	return v->call.err.fault == FAULT_CANCELLED ? -ECANCELED : 0;
}

/* There is none; or it was refused, and asking again does no harm. */
static int ask_again(struct visit *v)
{
	memory_end(v->step->run, &v->claim);
	v->call.err = (struct err){ 0 };
	v->call.verdict = VERDICT_NONE;
	return VISIT_ASKS;
}

/* Notes of a run of another pipeline count for the requests that are still the same. */
static bool is_of_another(const struct visit *v, struct slice about)
{
	struct slice raw;
	return json_check(about, NULL) == 0 && json_field(about, S("adopted"), &raw) &&
	       !kept_is_of(about, v->call.asked);
}

/* ---- of this record, in an earlier part of the run ---- */
static int recall_answer(struct visit *v) SUSPENDS
{
	AUTO(buf_done) struct buf about = { .max = 1u << 20 }, value = { .max = 256u << 20 };
	const struct journal_place at = place_of(v);
	struct call *c = &v->call;
	if (visit_claim(v) < 0)
		return -ECANCELED;
	int r = journal_get(&v->step->run->journal, &at, NOTE_ANSWER, &about, &value, &c->err);
	if (r < 0)
		return failed(v);
	if (r == 0 || is_of_another(v, buf_slice(&about)))
		return ask_again(v);
	r = take_answer(v, buf_slice(&about), &value);
	if (r != 0 || c->safety == UNSAFE || fault_policy(&c->err) == POLICY_STOP) {
		v->certain = true;
		return r;
	}
	return ask_again(v);
}

static enum fault fault_named(struct slice name)
{
	enum fault f = FAULT_NONE + 1;
	while (f < FAULT_COUNT && !slice_eq_str(name, fault_name(f)))
		f++;
	return f < FAULT_COUNT ? f : FAULT_UNKNOWN_OUTCOME;
}

/* {"fault":"status","code":500,"message":"..."}: it was answered, and not well; that stands. */
static int fail_as_before(struct visit *v, struct slice about)
{
	AUTO(buf_done) struct buf name = { .max = 64 }, text = { .max = 4096 };
	struct slice raw;
	int64_t code = 0;
	if (json_field(about, S("fault"), &raw))
		(void)!json_unquote(raw, &name);
	if (json_field(about, S("message"), &raw))
		(void)!json_unquote(raw, &text);
	if (json_field(about, S("code"), &raw) && units_int(raw, &code) < 0)
		code = 0;
	v->call.err.code = (int)code;
	v->call.err.sent = true;
	fail(&v->call.err, fault_named(buf_slice(&name)), "%s", text.n ? text.p : "it failed");
	v->certain = true;
	return 0;
}

static int unknown(struct visit *v)
{
	struct step *s = v->step;
	s->unknown++;
	switch ((enum on_unknown)s->place->common.on_unknown) {
	case UNKNOWN_RETRY:
		return VISIT_ASKS;
	case UNKNOWN_DELIVERED:
		visit_answer_null(v);
		v->is_kept = true;
		return 1;
	case UNKNOWN_DEAD:
		break;
	}
	v->call.err.sent = true;
	fail(&v->call.err, FAULT_UNKNOWN_OUTCOME,
	     "%.*s may have been done: the run was cut off before its answer was known",
	     SLICE(v->call.shown));
	v->certain = true;
	return 0;
}

static int recall_intent(struct visit *v) SUSPENDS
{
	AUTO(buf_done) struct buf about = { .max = 1u << 20 }, none = { 0 };
	const struct journal_place at = place_of(v);
	struct slice raw;
	int r = journal_get(&v->step->run->journal, &at, NOTE_INTENT, &about, &none, &v->call.err);
	if (r <= 0)
		return r < 0 ? failed(v) : VISIT_ASKS;
	bool fine = json_check(buf_slice(&about), NULL) == 0;
	if (v->call.retry_unsafe || is_of_another(v, buf_slice(&about)) ||
	    (fine && json_field(buf_slice(&about), S("open"), &raw)))
		return VISIT_ASKS;
	if (fine && json_field(buf_slice(&about), S("fault"), &raw))
		return fail_as_before(v, buf_slice(&about));
	return unknown(v);
}

static int recall_children(struct visit *v) SUSPENDS
{
	int r = expansion_recall(v->step, v->item, &v->children, &v->children_count, &v->call.err);
	return r < 0 ? failed(v) : r == 0 ? VISIT_ASKS : 1;
}

static int recall_own(struct visit *v) SUSPENDS
{
	int r = v->step->keeps_children ? recall_children(v) : VISIT_ASKS;
	if (r == VISIT_ASKS && v->step->notes)
		r = recall_answer(v);
	if (r == VISIT_ASKS && v->step->notes)
		r = recall_intent(v);
	return r;
}

/* ---- of whoever asked the same ---- */
static int recall_remembered(struct visit *v) SUSPENDS
{
	AUTO(buf_done) struct buf about = { .max = 1u << 20 }, value = { .max = 256u << 20 };
	struct call *c = &v->call;
	struct run *run = v->step->run;
	bool found = false;
	if (visit_claim(v) < 0)
		return -ECANCELED;
	if (state_get_answer(run->state, c->asked, hk_wall_ns(), &about, &value, &found, &c->err) <
	    0)
		return failed(v);
	if (!found)
		return ask_again(v);
	int r = take_answer(v, buf_slice(&about), &value);
	if (r != 0 || fault_policy(&c->err) == POLICY_STOP)
		return r;
	struct err dropping = { 0 };
	if (state_drop_answer(run->state, c->asked, &dropping) < 0) {
		c->err = dropping;
		return failed(v);
	}
	return c->safety == UNSAFE ? 0 : ask_again(v);
}

static int wait_for_leader(struct visit *v) SUSPENDS
{
	if (visit_wait_begin(v, NULL, 0) < 0)
		return -ECANCELED;
	step_eager_leave(v->step);
	int r = visit_wait_end(v, hk_event_wait(&v->flight->changed));
	v->step->eager++;
	return r;
}

static int recall_shared(struct visit *v) SUSPENDS
{
	struct flight *f = v->flight = flight_join(&v->step->run->flights, v->call.asked);
	for (;;) {
		if (!f->led)
			f->led = v->leads = true;
		if (v->leads || f->landed) {
			int r = recall_remembered(v);
			if (r != VISIT_ASKS || v->leads)
				return r;
			f->landed = false; /* it is gone again */
		}
		int r = f->led ? wait_for_leader(v) : 0;
		if (r < 0)
			return r;
	}
}

void visit_land(struct visit *v, bool landed)
{
	if (v->leads)
		flight_end(v->flight, landed);
	v->leads = false;
	flight_leave(&v->step->run->flights, take(v->flight));
}

/* ---- both ---- */
int visit_recall(struct visit *v)
{
	struct step *s = v->step;
	int r = journal_knows(&s->run->journal, v->item) ? recall_own(v) : VISIT_ASKS;
	if (r == VISIT_ASKS && s->place->common.remember_ns > 0)
		r = recall_shared(v);
	return r;
}
