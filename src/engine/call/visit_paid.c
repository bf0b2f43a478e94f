/* visit_paid.c - calls that must not be made twice: what is put down before them, and after
 *
 * What this room is for: I7 and class A. A step keeps its answers when they are paid for (POST, PATCH) or when the file says
 *   `remember`; a call that is harmful twice, and has no key, has an intent in the state before its first byte.
 *
 *   intent of a call:  none --visit_intend--> open --sent, and its answer is lost------------> stays open: unknown
 *                                              |  ^
 *                                              |  '-- next attempt -- closed: nothing was done
 *                                              |---- never sent, or refused (4xx, 503) -------> closed
 *                                              '---- answered, but not as it should be -------> failed, with the reason
 *
 *   A good answer is a note of its own (NOTE_ANSWER) and counts more than any intent (visit_recall.c).
 * What flows through:    visits, around their attempts (step.c).
 * What must hold:
 *  (1) the intent is durable before the attempt. (2) the answer is durable before the record goes on. (3) neither waits for a
 *      cancelled task to be let go: who was answered puts it down, also while the run is being stopped. */
#include "engine/call/visit.h"

#include "base/json.h"
#include "engine/call/kept.h"
#include "io/digest.h"
#include <string.h>

static bool is_unsafe(const struct visit *v)
{
	return v->call.safety == UNSAFE;
}

static int put_intent(struct visit *v, struct slice about, struct err *err) SUSPENDS
{
	const struct journal_place at = { v->item, v->step->own_name };
	return journal_put(&v->step->run->journal, &at, NOTE_INTENT, about, (struct slice){ 0 },
			   NULL, err);
}

static int put_asked(struct visit *v, struct buf *out)
{
	int r = buf_add(out, S("{\"asked\":\""));
	r = r < 0 ? r : digest_put_hex(v->call.asked, out);
	r = r < 0 ? r : buf_add(out, S("\"}"));
	return r < 0 ? fail(&v->call.err, FAULT_IO, "out of memory") : 0;
}

int visit_intend(struct visit *v)
{
	if (!is_unsafe(v) || !v->step->keeps || v->intent == INTENT_OPEN)
		return 0;
	AUTO(buf_done) struct buf about = { .max = 256 };
	if (put_asked(v, &about) < 0 || put_intent(v, buf_slice(&about), &v->call.err) < 0)
		return -1;
	v->intent = INTENT_OPEN;
	v->reached = false;
	return 0;
}

/* Told apart by what was answered: 4xx and 503 say that nothing was done, other answers say that something may have been. */
static bool says_nothing_was_done(const struct visit *v)
{
	const struct err *err = &v->call.err;
	if (v->call.verdict != VERDICT_ANSWER)
		return !err->sent;
	bool status = err->fault == FAULT_STATUS || err->fault == FAULT_RATE_LIMITED;
	return status && ((err->code >= 400 && err->code < 500) || err->code == 503);
}

bool visit_is_lost(const struct visit *v)
{
	const struct err *err = &v->call.err;
	enum policy policy = fault_policy(err);
	return is_unsafe(v) && v->call.verdict == VERDICT_FAULT && err->sent &&
	       (policy == POLICY_RETRY || policy == POLICY_ALONE);
}

static int put_failure(const struct err *err, struct buf *out)
{
	struct json_writer w = json_writer(out);
	json_open(&w, '{');
	json_key(&w, "fault");
	json_put_string(&w, slice_str(fault_name(err->fault)));
	json_key(&w, "code");
	json_put_int(&w, err->code);
	json_key(&w, "message");
	json_put_string(&w, slice_str(err->text));
	json_close(&w, '}');
	return json_writer_end(&w);
}

/* After an attempt that failed: what the next run has to know about it. */
int visit_settle_intent(struct visit *v)
{
	AUTO(buf_done) struct buf about = { .max = 4096 };
	struct err err = { 0 };
	if (v->intent != INTENT_OPEN || visit_is_lost(v))
		return 0;
	bool nothing = says_nothing_was_done(v);
	int r = nothing ? buf_add(&about, S("{\"open\":false}"))
			: put_failure(&v->call.err, &about);
	if (r < 0 || put_intent(v, buf_slice(&about), &err) < 0) {
		v->call.err = err;
		return r < 0 ? fail(&v->call.err, FAULT_IO, "out of memory") : -1;
	}
	v->intent = INTENT_CLOSED;
	return 0;
}

/* It leaves without an attempt: the next run need not wonder. If that cannot be written down, it will. */
void visit_withdraw(struct visit *v)
{
	struct err ignored = { 0 };
	if (v->intent == INTENT_OPEN && !v->reached &&
	    put_intent(v, S("{\"open\":false}"), &ignored) == 0)
		v->intent = INTENT_CLOSED;
}

/* ---- what nobody knows ---- */
void visit_answer_null(struct visit *v)
{
	answer_done(&v->call.answer);
	v->is_kept = true;
	v->call.answer.body = BODY_JSON;
	if (buf_add(&v->call.answer.value, S("null")) < 0)
		fail(&v->call.err, FAULT_IO, "out of memory");
}

void visit_fail_unknown(struct visit *v)
{
	char class[48];
	struct err *err = &v->call.err;
	err_class(err, class, sizeof class);
	fail(err, FAULT_UNKNOWN_OUTCOME, "it may have been done, its answer is lost (%s: %s)",
	     class, err->text);
}

/* ---- answers ---- */
int visit_answered(struct visit *v)
{
	struct answer *a = &v->call.answer;
	if (!v->step->keeps)
		return 0;
	a->keep_raw = true;
	buf_clear(&v->about);
	int r = kept_put_about(a, v->call.asked, &v->about);
	return r < 0 ? fail_errno(&v->call.err, FAULT_TOO_LARGE, r, "cannot keep the answer") : 0;
}

int visit_keep(struct visit *v)
{
	struct step *s = v->step;
	const struct common *o = &s->place->common;
	struct answer *a = &v->call.answer;
	struct err *err = &v->call.err;
	if (!s->keeps || v->is_kept)
		return 0;
	const struct journal_place at = { v->item, s->own_name };
	struct state_answer answer = { .step = s->own_name,
				       .expires_wall_ns = hk_wall_ns() + o->remember_ns,
				       .about = buf_slice(&v->about),
				       .value = kept_bytes(a) };
	memcpy(answer.key, v->call.asked, sizeof answer.key);
	int r = journal_put(&s->run->journal, s->notes ? &at : NULL, NOTE_ANSWER,
			    buf_slice(&v->about), kept_bytes(a),
			    o->remember_ns > 0 ? &answer : NULL, err);
	buf_done(&a->raw);
	return r < 0 ? err_wrap(err, "keeping an answer: ") : 0;
}
