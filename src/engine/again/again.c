/* again.c - running a finished pipeline again
 *
 * What this room is for: `hocket run` twice by mistake, or from cron, must not pay for the same calls twice, and an input that
 *   has grown is worth its new part only. The sources are run from the finished run's mark with an intake that takes nothing:
 *   one arrival, and there is something new; a refusal, and it is another input. The sinks are asked whether their outputs stand.
 *
 *   the pipeline was changed, its input cannot be read from a position, ---> a new run: everything again
 *   has other content, or an output is gone
 *   nothing arrives -------------------------------------------------------> nothing new
 *   something arrives -----------------------------------------------------> a new run that goes on behind the old one
 *
 * What flows through:    the old run's mark in; a decision and a sentence out.
 * What must hold:
 *  (1) whatever is decided but "nothing new" is said: starting over may cost money.
 *  (2) a run that goes on has the old run's splits and counts of its own: the accounts of both stand, and so do the ids of records.
 *  (3) the probe has a ledger of its own, and admits nothing.
 *  (4) a far side is asked only by a source that goes onward from where it ended, and what it tells is kept: when there is something new,
 *      the run takes it from there and asks for none of it again; when there is not, it is dropped. */
#include "engine/again/again.h"

#include "engine/again/changed.h"
#include "engine/again/edited.h"
#include "engine/run/mark.h"
#include "engine/run/opening.h"
#include "engine/run/place.h"
#include "engine/state/held.h"
#include "engine/state/inbox.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void notice(struct run *run, const char *fmt, ...) PRINTF(2, 3);
static void notice(struct run *run, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	(void)vsnprintf(run->notice, sizeof run->notice, fmt, args); /* cut is good enough */
	va_end(args);
}

/* 2026-01-31T12:30:00.123Z -> 2026-01-31 12:30 UTC */
static void keep_since(struct run *run, const char *ended)
{
	if (strlen(ended) < 16)
		snprintf(run->since, sizeof run->since, "the last run");
	else
		snprintf(run->since, sizeof run->since, "%.10s %.5s UTC", ended, ended + 11);
}

/* ---- what starting over costs ---- */

/* Made once more for each record: a call that is paid for, whose answers are not remembered. */
static const struct place *find_paid(const struct place *places, size_t n, bool keyless)
{
	for (size_t i = 0; i < n; i++)
		if (places[i].facts.paid && places[i].common.remember_ns <= 0 &&
		    (!keyless || places[i].facts.guarantee == APPEND_ONLY))
			return &places[i];
	return NULL;
}

/* keyless: only one that no far side would know again: a mail goes out twice. */
static const struct place *find_cost(const struct plan *p, bool keyless)
{
	const struct place *step = find_paid(p->steps, p->step_count, keyless);
	return step ? step : find_paid(p->sinks, p->sink_count, keyless);
}

/* ---- the pipeline ---- */

/* 1: it is the same, or has no end and other steps; 0: a new run; -1: that would do harm */
static int keeps_plan(struct run *run, const struct state_run *last, struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf what = { .max = 400 };
	const struct place *unsafe = find_cost(run->plan, true);
	const char *why = NULL;
	int edited = last->hash == run->plan->hash ? 1 : edited_goes_on(run, last, &why, err);
	if (edited != 0)
		return edited;
	if (changed_put(run->plan, buf_slice(&last->parts), &what) < 0)
		buf_clear(&what);
	notice(run, "'%s' was changed since the run of %s (%s): starting over", run->plan->file,
	       run->since, what.n ? what.p : "something");
	if (!why || !unsafe)
		return 0;
	return fail(
		err, FAULT_CONFIG,
		"'%s' was changed since the run of %s (%s): %s, or start over with --fresh, and "
		"'%s' is paid for again, for every record",
		run->plan->file, run->since, what.n ? what.p : "something", why, unsafe->label);
}

/* ---- the sources ---- */
enum found { FOUND_END, FOUND_MORE, FOUND_OTHER, FOUND_FAULT };

static bool is_read_again(const struct place *source)
{
	return source->facts.endless && schedule_is_given(&source->common.every);
}

/* A source that was not at its end goes on there also if it may answer otherwise; behind its end only one that goes onward has
 * something to ask for. */
static bool has_position(const struct place *source, bool limited, bool alone)
{
	const struct facts *f = &source->facts;
	if (f->told.n)
		return limited;
	if (is_read_again(source)) /* whatever is there is its next round */
		return limited || !f->anew || alone;
	return !f->endless && (f->restart == RESTART_SEEKS ||
			       (f->restart == RESTART_ASKS && (limited || f->onward)));
}

static bool all_have_positions(struct run *run, bool limited)
{
	for (size_t i = 0; i < run->plan->source_count; i++) {
		const struct place *source = &run->plan->sources[i];
		if (has_position(source, limited, run->plan->source_count == 1))
			continue;
		notice(run, "%s cannot tell what is new since the run of %s: starting over",
		       source->label, run->since);
		run->paid_again = find_cost(run->plan, false);
		return false;
	}
	return true;
}

static bool is_limited(const struct state_run *last)
{
	return state_run_is(last, "limited");
}

/* What a far side answered is kept for the run that goes on, and a fault that may pass is left to that run. */
static enum found judge_asked(int r, const struct err *err)
{
	if (r == 0)
		return FOUND_END;
	return fault_policy(err) == POLICY_RETRY ? FOUND_MORE : FOUND_FAULT;
}

static enum found probe(struct run *run, const struct state_run *last, const struct place *place,
			size_t index, const struct split **asked, struct err *err) SUSPENDS
{
	struct step source;
	struct intake in = { .run = run, .source = &source, .probing = true, .keep_as = last->id };
	bool asks = place->facts.restart == RESTART_ASKS;
	if (asks && is_limited(last))
		return FOUND_MORE; /* it has pages left */
	step_init(&source, run, place, index);
	int r = site_open(&source.site, place, err);
	if (r == 0)
		r = place->port->run(&source.site, &in, err);
	step_close(&source);
	*asked = in.asked;
	if (in.found)
		return FOUND_MORE;
	if (asks)
		return judge_asked(r, err);
	return r == 0 ? FOUND_END : err->fault == FAULT_CONFIG ? FOUND_OTHER : FOUND_FAULT;
}

/* The file that was looked at last, of a source of many; it is named from the pipeline's folder. */
static void notice_other(struct run *run, const struct place *place, const struct split *asked)
{
	struct slice what = asked ? slice_str(asked->name) : place->facts.door;
	notice(run, "'%.*s' has other content than for the run of %s: starting over", SLICE(what),
	       run->since);
}

/* What was read of them to its end stays, but somebody may not have meant to delete them. */
static void note_gone(struct run *run)
{
	const struct split *first = NULL;
	size_t n = 0;
	for (const struct split *s = run->ledger.splits; s; s = s->next)
		if (s->gone && !s->gone_told && n++ == 0)
			first = s;
	if (n == 1)
		snprintf(run->gone, sizeof run->gone, "'%.300s' is gone; what was read of it stays",
			 first->name);
	else if (n > 1)
		snprintf(run->gone, sizeof run->gone,
			 "'%.300s' and %zu more files are gone; what was read of them stays",
			 first->name, n - 1);
}

static void notice_gone(struct run *run)
{
	size_t n = strlen(run->notice);
	if (run->gone[0])
		snprintf(run->notice + n, sizeof run->notice - n, "%s%s", n ? "; " : "", run->gone);
}

/* The run's ledger holds the mark. */
static enum found probe_all(struct run *run, const struct state_run *last, struct err *err) SUSPENDS
{
	enum found all = FOUND_END;
	for (size_t i = 0; i < run->plan->source_count; i++) {
		const struct place *place = &run->plan->sources[i];
		const struct split *asked = NULL;
		*err = (struct err){ 0 };
		if (is_read_again(place)) {
			all = FOUND_MORE; /* its rounds go on, with whatever comes */
			continue;
		}
		enum found one = probe(run, last, place, i, &asked, err);
		if (one == FOUND_FAULT)
			err_wrap(err, "from %s: ", place->label);
		if (one == FOUND_OTHER)
			notice_other(run, place, asked);
		if (one >= FOUND_OTHER)
			return one;
		all = one > all ? one : all;
	}
	return all;
}

/* The last run's splits, as the run behind it begins with them: one that was limited left something to do. */
static int read_splits(struct run *run, const struct state_run *last, struct err *err)
{
	if (mark_read(&run->ledger, buf_slice(&last->mark), err) < 0)
		return -1;
	for (struct split *s = run->ledger.splits; s && !is_limited(last); s = s->next)
		split_go_onward(s);
	return 0;
}

static enum found look(struct run *run, const struct state_run *last, struct err *err) SUSPENDS
{
	struct ledger own = run->ledger;
	run->ledger = (struct ledger){ .any_order = own.any_order };
	enum found found =
		read_splits(run, last, err) < 0 ? FOUND_FAULT : probe_all(run, last, err);
	note_gone(run);
	ledger_done(&run->ledger);
	run->ledger = own;
	return found;
}

/* ---- the sinks ---- */
/* 1; 0: not as it was left, *err says it; -1 */
static int sink_stands(struct run *run, struct sink *k, const struct state_run *last,
		       struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf receipt = { 0 };
	AUTO(freep) char *name = sink_mark_name(k, run->plan->name);
	struct err why = { 0 };
	bool found;
	if (!k->place->port->stands)
		return 1;
	if (state_get_receipt(run->state, last->id, k->place->label, &receipt, &found, err) < 0)
		return -1;
	int r = k->place->port->stands(&k->site, name, buf_slice(&receipt), &why);
	if (r > 0)
		return 1;
	*err = why;
	return r < 0 ? err_wrap(err, "to %s: ", k->place->label) : 0;
}

static int all_stand(struct run *run, const struct state_run *last, struct err *err) SUSPENDS
{
	int r = 1;
	for (size_t i = 0; i < run->plan->sink_count && r == 1; i++)
		r = sink_stands(run, &run->sinks[i], last, err);
	return r;
}

/* ---- an output that does not stand ---- */

static const struct place *find_endless(const struct plan *p)
{
	for (size_t i = 0; i < p->source_count; i++)
		if (p->sources[i].facts.endless || p->sources[i].facts.rounds)
			return &p->sources[i];
	return NULL;
}

/* An output was lost or changed: mostly by mistake, and then to begin anew, unasked, makes it worse. *err says what it is like. 0: no
 * harm is done. */
static int refuse_harm(struct run *run, struct err *err)
{
	const struct place *unsafe = find_cost(run->plan, true), *endless = find_endless(run->plan);
	struct err why = *err;
	*err = (struct err){ 0 };
	if (unsafe)
		return fail(
			err, FAULT_CONFIG,
			"%s: put it back as it was, or start over with --fresh, and '%s' is paid "
			"for again, for every record",
			why.text, unsafe->label);
	if (endless)
		return fail(err, FAULT_CONFIG,
			    "%s: put it back as it was, or start over with --fresh, with what '%s' "
			    "still has of what was in it",
			    why.text, endless->label);
	notice(run, "%s: starting over", why.text);
	return 0;
}

static void notice_cost(struct run *run)
{
	const struct place *p = find_cost(run->plan, false);
	size_t n = strlen(run->notice);
	if (p && !run->paid_again)
		snprintf(run->notice + n, sizeof run->notice - n,
			 ", and '%s' is paid for again, for every record", p->label);
}

/* ---- deciding ---- */
static int go_on_behind(struct run *run, const struct state_run *last, struct err *err)
{
	const struct place *source = &run->plan->sources[run->plan->source_count - 1];
	if (read_splits(run, last, err) < 0)
		return -1;
	for (struct split *s = run->ledger.splits; s; s = s->next)
		if (source->facts.anew && !s->made && !is_limited(last))
			split_start_anew(s);
	run->ledger.round = (struct round){ 0 };
	run->ledger.settled = run->ledger.live = (struct counts){ 0 };
	memcpy(run->continues, last->id, sizeof run->continues);
	if (!run->edited) /* that has been said */
		notice(run, "going on behind the run of %s", run->since);
	return 0;
}

/* What it does not do again: records whose keys are kept for a time are duplicates. */
static void notice_keys(struct run *run)
{
	for (size_t i = 0; i < run->plan->step_count; i++) {
		const struct place *p = &run->plan->steps[i];
		size_t n = strlen(run->notice);
		if (p->facts.claims_ns <= 0)
			continue;
		snprintf(run->notice + n, sizeof run->notice - n,
			 "; keys that '%s' let through are kept for their time: their records are "
			 "duplicates",
			 p->label);
		return;
	}
}

/* Nothing new: nobody begins behind it now, and what was asked for is asked again the next time. */
static int drop_asked(struct run *run, const struct state_run *last, struct err *err) SUSPENDS
{
	return is_limited(last) ? 0 : state_drop_pages(run->state, last->id, err);
}

static int decide(struct run *run, const struct state_run *last, struct err *err) SUSPENDS
{
	int same = keeps_plan(run, last, err);
	if (same <= 0)
		return same;
	if (last->mark.n == 0 || !all_have_positions(run, is_limited(last)))
		return 0;
	/* What was asked for, when somebody looked and was cut off, is of then. */
	if (!is_limited(last) && state_drop_pages(run->state, last->id, err) < 0)
		return -1;
	enum found found = look(run, last, err);
	if (found == FOUND_FAULT)
		return -1;
	if (found == FOUND_OTHER)
		return 0;
	*err = (struct err){ 0 };
	int stand = all_stand(run, last, err);
	uint64_t held = 0;
	if (stand <= 0)
		return stand < 0 ? -1 : refuse_harm(run, err);
	if (state_count_held(run->state, last->id, &held, err) < 0)
		return -1;
	run->nothing_new = found == FOUND_END && held == 0;
	int r = run->nothing_new ? drop_asked(run, last, err) : go_on_behind(run, last, err);
	notice_gone(run);
	return r;
}

int again_decide(struct run *run, const struct state_run *last, struct err *err)
{
	keep_since(run, last->ended);
	int r = decide(run, last, err);
	if (r == 0 && !run->nothing_new && !run->continues[0]) {
		notice_cost(run);
		notice_keys(run);
	}
	return r;
}
