/* try.c - hocket try FILE: a few records for real, nothing written
 *
 * What this room is for: to see what a pipeline does before it does it a million times.
 * What flows through:    flags and a pipeline in; for each record what every step made of it and what the sinks would get, on stdout.
 * What must hold:
 *  (1) nothing is written: no state, no outputs, no dead letters (rehearsal.h). (2) what is called for real is said before; a call
 *  that changes something is made only when it is asked for. (3) what is shown holds no secret. (4) exit codes are those of run. */
#include "base/units.h"
#include "cli/account.h"
#include "cli/exits.h"
#include "cli/hints.h"
#include "cli/journey_page.h"
#include "cli/loading.h"
#include "cli/term.h"
#include "cli/verbs.h"
#include <errno.h>
#include <hocket/hocket.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { RECORDS_DEFAULT = 3 };

struct trial {
	const struct args *args;
	struct loading loading;
	struct plan *plan;
	struct jq *where;
	struct chooser chooser;
	struct rehearsal rehearsal;
	struct journeys journeys;
	struct run *run;
	struct run_result result;
	const char **allow;
	size_t shown, dead, calls;
	bool failed; /* stdout took no more */
	struct buf out;
};

/* ---- what is shown ---- */
static void count(struct trial *t, const struct journey *j)
{
	t->dead += j->end == SIGHT_FAILED;
	for (size_t i = 0; i < j->n; i++) {
		const struct place *p = &t->rehearsal.plan.steps[j->stops[i].step];
		if (!t->rehearsal.held[j->stops[i].step] && !p->port->works &&
		    !rehearsal_stays_here(p))
			t->calls += j->stops[i].attempts;
	}
	for (const struct journey *c = j->first_child; c; c = c->sibling)
		count(t, c);
}

static int put_one(struct trial *t, const struct journey *j)
{
	if (args_has(t->args, FLAG_JSON))
		return journey_put_json(&t->rehearsal, j, &t->out);
	struct pen pen = { .out = &t->out,
			   .color = term_color(STDOUT_FILENO),
			   .whole = args_has(t->args, FLAG_VERBOSE),
			   .width = isatty(STDOUT_FILENO) ? term_width(STDOUT_FILENO) : 100 };
	journey_put(&t->rehearsal, j, t->shown, &pen);
	return pen_end(&pen);
}

/* An answer can echo what was sent to it. */
static void show(void *arg, const struct journey *j)
{
	struct trial *t = arg;
	AUTO(buf_done) struct buf clean = { .max = 1u << 30 };
	t->out.max = 1u << 30;
	buf_clear(&t->out);
	t->shown += !j->made;
	count(t, j);
	if (t->failed)
		return;
	int r = put_one(t, j);
	r = r < 0 ? r : secrets_redact(t->loading.secrets, buf_slice(&t->out), &clean);
	if (r < 0)
		say("cannot show record %zu: %s", t->shown, strerror(-r));
	t->failed = r < 0 || put_stdout(buf_slice(&clean)) != EXITS_DONE;
}

/* A line that is no record: nobody can ask it what --where wants to know. */
static void note_stillborn(void *arg)
{
	struct trial *t = arg;
	if (t->chooser.where)
		journeys_drop_last(&t->journeys);
	else if (++t->chooser.chosen >= t->chooser.wanted)
		run_drain(t->run);
}

static void drop_last(void *arg)
{
	journeys_drop_last(arg);
}

/* ---- what is said ---- */
static const char *where_to(const struct place *p, struct buf *out)
{
	struct slice door = p->facts.door;
	if (door.n == 0)
		return "where the record says";
	return buf_add(out, door) == 0 ? path_shown(out->p) : "";
}

/* "  http   calls api.example.com for real, once for each record" */
static int put_step(const struct trial *t, const struct place *p, bool held, struct buf *out)
{
	AUTO(buf_done) struct buf door = { 0 };
	bool writes = p->facts.effect != EFFECT_READS, said = args_has(t->args, FLAG_CALLS);
	const char *where = where_to(p, &door);
	int r = buf_printf(out, "  %-10s ", p->label);
	if (r < 0)
		return r;
	if (!p->port->works && rehearsal_stays_here(p))
		return buf_add(out, S("is done here, for each record\n"));
	if (!held && p->port->works)
		return buf_printf(out, "runs %s here, for each record%s\n", where,
				  p->facts.effect == EFFECT_WRITES
					  ? "; it may change something outside"
					  : "");
	if (!held)
		return buf_printf(out, "calls %s for real, once for each record%s\n", where,
				  writes ? "; it may change something there, or cost" : "");
	if (p->role == ROLE_SINK)
		return buf_printf(out, "sends nothing to %s, only shows it\n", where);
	r = buf_printf(out, "does not %s %s", p->port->works ? "run" : "call", where);
	if (r == 0 && writes && !said)
		r = buf_add(out,
			    p->port->works
				    ? S(": it may change something; --calls all runs it")
				    : S(": it may change something there, or cost; --calls all "
					"calls it"));
	return r < 0 ? r : buf_add_char(out, '\n');
}

/* Nobody can be asked again for what is told to a source now. */
static int put_told(const struct plan *p, struct buf *out)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < p->source_count; i++)
		if (p->sources[i].facts.told.n)
			r = buf_printf(
				out,
				"  %-10s keeps nothing of what it is told now, and who sends "
				"it may not send it again\n",
				p->sources[i].label);
	return r;
}

static void tell_before(const struct trial *t)
{
	const struct rehearsal *r = &t->rehearsal;
	AUTO(buf_done) struct buf out = { 0 };
	int e = put_told(t->plan, &out);
	if (args_has(t->args, FLAG_QUIET))
		return;
	say("trying %llu record%s of %s; nothing is written", (unsigned long long)t->chooser.wanted,
	    t->chooser.wanted == 1 ? "" : "s", t->plan->file);
	for (size_t i = r->first; e == 0 && i < r->plan.step_count; i++)
		if (r->plan.steps[i].port->call)
			e = put_step(t, &t->plan->steps[i - r->first], r->held[i], &out);
	if (out.n > 0)
		say_raw(buf_slice(&out));
	if (term_color(STDOUT_FILENO))
		say_raw(S("\n"));
}

static void tell_after(const struct trial *t)
{
	if (t->result.err.fault)
		say("%s", t->result.err.text);
	if (args_has(t->args, FLAG_QUIET))
		return;
	(void)hints_missing_folders(t->plan); /* a run would stop at that */
	if (t->shown == 0)
		say("no record%s", t->chooser.where       ? " for which --where is true"
				   : t->chooser.from_line ? " on that line or behind it"
							  : " came from the source");
	else
		say("%zu record%s tried, %zu dead, %zu call%s made, nothing written", t->shown,
		    t->shown == 1 ? "" : "s", t->dead, t->calls, t->calls == 1 ? "" : "s");
}

/* ---- the run ---- */
/* There is nothing to keep: the first signal ends it at once. */
static int watch_signals(void *arg) SUSPENDS
{
	struct trial *t = arg;
	int r = hk_signal_wait();
	if (r < 0)
		return r;
	run_stop(t->run);
	run_stop(t->run);
	return 0;
}

static int go(struct trial *t) SUSPENDS
{
	static const int signals[] = { SIGINT, SIGTERM };
	struct hk_group side;
	int r = hk_signal_open(signals, ARRAY_SIZE(signals));
	if (r < 0)
		return r;
	hk_group_open(&side, NULL);
	r = hk_spawn(&side, watch_signals, t);
	if (r == 0)
		run_go(t->run, &t->result);
	hk_group_cancel(&side);
	int closed = hk_group_close(&side, 0);
	hk_signal_close();
	return r < 0 ? r : closed == -ECANCELED ? 0 : closed;
}

/* What a worker prints, as it comes. */
static void hear(void *arg, const char *label, struct slice line)
{
	const struct trial *t = arg;
	AUTO(buf_done) struct buf out = { 0 };
	if (!args_has(t->args, FLAG_QUIET) && term_put_said(label, line, &out) == 0)
		say_raw(buf_slice(&out));
}

static int run_it(struct trial *t) SUSPENDS
{
	struct err err = { 0 };
	struct run_options o = {
		.state_path = ":memory:",
		.limit = t->rehearsal.first ? 0 : (int64_t)t->chooser.wanted,
		.grace_ns = 3600 * HK_SEC, /* what was begun may end */
		.allow = t->allow,
		.watch = &t->journeys.watch,
		.said = hear,
		.warned = hear,
		.said_arg = t,
		.tool_version = HOCKET_VERSION,
	};
	for (size_t i = 0; i < t->args->given_count; i++)
		if (t->args->given[i].flag->id == FLAG_ALLOW)
			t->allow[o.allow_count++] = t->args->given[i].text;
	if (run_open(&t->rehearsal.plan, &o, &t->run, &err) < 0) {
		say("%s", err.text);
		return EXITS_FAILED;
	}
	tell_before(t);
	int r = go(t);
	journeys_end(&t->journeys);
	if (r < 0)
		say("cannot run: %s", strerror(-r));
	const struct account account = { .plan = &t->rehearsal.plan,
					 .result = &t->result,
					 .run = t->run };
	int code = r < 0 || t->failed ? EXITS_FAILED : account_exit(&account);
	if (code == EXITS_DEAD && t->dead == 0)
		code = EXITS_DONE; /* what died was passed over on the way to what was asked for */
	tell_after(t);
	run_close(take(t->run));
	return code;
}

/* ---- the beginning ---- */
static int64_t number(const struct args *args, enum flag_id id, int64_t otherwise)
{
	const struct given *g = args_get(args, id);
	return g ? g->number : otherwise;
}

static int choose(struct trial *t)
{
	const struct given *where = args_get(t->args, FLAG_WHERE);
	struct expr_error why;
	t->chooser = (struct chooser){
		.wanted = (uint64_t)number(t->args, FLAG_RECORDS, RECORDS_DEFAULT),
		.from_line = (uint64_t)number(t->args, FLAG_LINE, 0),
		.refused = drop_last,
		.arg = &t->journeys,
	};
	t->journeys.from_line = t->chooser.from_line;
	if (where || t->chooser.from_line)
		t->journeys.stillborn = note_stillborn;
	if (!where)
		return 0;
	if (jq_program_compile(slice_str(where->text), &(struct expr_names){ 0 }, &t->where,
			       &why) == 0) {
		t->chooser.where = t->where;
		return 0;
	}
	say("--where: %s\n  %s\n  %*s^", why.text, where->text, (int)why.offset, "");
	return -1;
}

static int try_plan(struct trial *t) SUSPENDS
{
	bool chooses = t->chooser.where || t->chooser.from_line;
	enum calls calls = (enum calls)number(t->args, FLAG_CALLS, CALLS_READS);
	rehearsal_init(&t->rehearsal, t->plan, calls, chooses ? &t->chooser : NULL);
	t->allow = xcalloc(t->args->given_count + 1, sizeof *t->allow);
	int code = run_it(t);
	rehearsal_done(&t->rehearsal);
	free(take(t->allow));
	return code;
}

static int try_main(void *arg) SUSPENDS
{
	struct trial *t = arg;
	struct err err = { 0 };
	int code = EXITS_FILE;
	bool bad = loading_init(&t->loading, t->args, &err) < 0;
	t->loading.settings.once = true;
	if (bad) {
		say("%s", err.text);
	} else if (journeys_init(&t->journeys, show, t), choose(t) < 0) {
		code = EXITS_USAGE;
	} else {
		t->plan = loading_plan(&t->loading, t->args->words[0]);
		code = t->plan ? try_plan(t) : EXITS_FILE;
	}
	plan_free(t->plan);
	jq_free(t->where);
	buf_done(&t->out);
	loading_done(&t->loading);
	return code;
}

int verb_try(const struct args *args)
{
	struct trial *t = xcalloc(1, sizeof *t);
	t->args = args;
	int code = hk_run(try_main, t, &(struct hk_run_options){ .stall_ns = HK_FOREVER });
	free(t);
	if (code < 0)
		say("cannot start: %s", strerror(-code));
	return code < 0 ? EXITS_FAILED : code;
}
