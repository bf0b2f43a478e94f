/* state.c - hocket state show|reset|rewind FILE: how far a pipeline has come, and what to do about it
 *
 * What this room is for: the state in human words, and the two changes that a human may want: to forget how far it has come, or to
 *   do some of it again.
 * What flows through:    the state in; words on stdout; for reset and rewind one commit to the state.
 * What must hold:
 *  (1) show changes nothing and needs no lock: it works beside a run. reset and rewind take the lock, and are refused beside one.
 *  (2) what a change means is said, for each output, before the next run does it. (3) no secret is shown. */
#include "base/json.h"
#include "base/units.h"
#include "cli/exits.h"
#include "cli/loading.h"
#include "cli/term.h"
#include "cli/verbs.h"
#include "engine/plan/classes.h"
#include "engine/plan/diag.h"
#include "engine/run/mark.h"
#include "engine/again/rewind.h"
#include "engine/state/review.h"
#include "io/url.h"
#include <hocket/run.h>
#include <inttypes.h>
#include <string.h>

struct door { /* a pipeline's state, and where the words about it go */
	const struct args *args;
	const struct loading *loading;
	const struct plan *plan;
	struct state *state;
	struct buf path, out;
	uint64_t runs;
};

static void door_close(struct door *d) SUSPENDS
{
	state_close(d->state);
	buf_done(&d->path);
	buf_done(&d->out);
}

static int tell_fault(const struct err *err)
{
	say("%s", err->text);
	return err->fault == FAULT_BROKEN ? EXITS_BROKEN : EXITS_FAILED;
}

/* ---- words ---- */
static int put_count(struct buf *out, uint64_t n)
{
	return units_put_count(out, (int64_t)n);
}

/* 2026-01-31T12:30:00.123Z -> 2026-01-31 12:30 */
static int put_time(struct buf *out, const char *utc)
{
	return strlen(utc) < 16 ? buf_printf(out, "%s", utc)
				: buf_printf(out, "%.10s %.5s", utc, utc + 11);
}

static int put_counts(const struct counts *c, struct buf *out)
{
	const struct {
		const char *before;
		uint64_t n;
		bool always;
	} words[] = {
		{ "in ", c->admitted, true },
		{ " + spawned ", c->spawned, false },
		{ " = delivered ", c->delivered, true },
		{ " + filtered ", c->filtered, true },
		{ " + duplicate ", c->duplicate, true },
		{ " + dead ", c->dead, true },
		{ " + expanded ", c->expanded, false },
		{ " + merged ", c->merged, false },
	};
	int r = 0;
	for (size_t i = 0; i < ARRAY_SIZE(words) && r == 0; i++) {
		if (!words[i].always && words[i].n == 0)
			continue;
		r = buf_add(out, slice_str(words[i].before));
		r = r < 0 ? r : put_count(out, words[i].n);
	}
	return r;
}

static bool is_url(struct slice base)
{
	return slice_starts(base, S("http://")) || slice_starts(base, S("https://"));
}

/* Where the next run reads on. */
static int put_position(const struct split *s, struct buf *out)
{
	AUTO(buf_done) struct buf url = { 0 };
	struct slice base = s->from.base ? text_slice(s->from.base) : S("");
	if (s->made)
		return buf_add(out, S(", of what it makes"));
	if (s->onward)
		return buf_add(out, S(", to its end; the next run asks for what came since"));
	if (s->has_from && slice_starts(base, S("{")))
		return buf_add(out, S(", asks for what came since the run before"));
	if (!s->has_from)
		return s->low > 0 ? buf_add(out, S(", reads from the start and passes over them"))
				  : 0;
	if (is_url(base) && url_put_shown(base, &url) == 0)
		return buf_printf(out, ", goes on behind record %" PRIu64 " of %s", s->from.offset,
				  url.p);
	return buf_printf(out, ", goes on behind line %" PRIu64 " (byte %" PRIu64 ")", s->low_line,
			  s->from.offset);
}

static int put_split(const struct split *s, struct buf *out)
{
	int r = buf_printf(out, "  %s: ", s->name);
	r = r < 0 ? r : put_count(out, s->low);
	r = r < 0 ? r : buf_add(out, S(" done"));
	if (r == 0 && s->passed_count) {
		r = buf_add(out, S(" and "));
		r = r < 0 ? r : put_count(out, split_passed(s));
		r = r < 0 ? r : buf_add(out, S(" above that"));
	}
	r = r < 0 ? r : put_position(s, out);
	return r < 0 ? r : buf_add_char(out, '\n');
}

/* "  on the way: 3 notes, 1 page" */
static int put_on_the_way(const struct review_run *run, struct buf *out)
{
	const struct {
		uint64_t n;
		const char *one, *more;
	} kinds[] = {
		{ run->notes, "note", "notes" },
		{ run->pages, "page", "pages" },
		{ run->batch, "record of a batch", "records of a batch" },
		{ run->held, "record that a step holds", "records that steps hold" },
	};
	const char *before = "  kept for what is on the way: ";
	int r = 0;
	for (size_t i = 0; i < ARRAY_SIZE(kinds) && r == 0; i++) {
		if (kinds[i].n == 0)
			continue;
		r = buf_add(out, slice_str(before));
		r = r < 0 ? r : put_count(out, kinds[i].n);
		r = r < 0 ? r
			  : buf_printf(out, " %s", kinds[i].n == 1 ? kinds[i].one : kinds[i].more);
		before = ", ";
	}
	return r == 0 && before[0] == ',' ? buf_add_char(out, '\n') : r;
}

/* ---- show ---- */
static int put_run_line(const struct review_run *run, const struct ledger *l, struct buf *out)
{
	bool replay = strcmp(run->kind, "replay") == 0;
	int r = buf_printf(out, "%s %s  %s  ", replay ? "replay" : "run", run->id, run->status);
	r = r < 0 ? r : put_time(out, run->started);
	if (r == 0 && run->ended[0]) {
		r = buf_add(out, S(" to "));
		r = r < 0 ? r : put_time(out, run->ended);
	}
	r = r < 0 ? r : buf_add(out, S(" UTC\n  "));
	r = r < 0 ? r : put_counts(&l->settled, out);
	if (r == 0 && run->continues[0])
		r = buf_printf(out, "; behind run %s", run->continues);
	return r < 0 ? r : buf_add_char(out, '\n');
}

static int show_run(void *arg, const struct review_run *run, struct err *err)
{
	struct door *d = arg;
	AUTO(ledger_done) struct ledger l = { 0 };
	if (strcmp(run->pipeline, d->plan->name) != 0)
		return 0;
	if (mark_read(&l, run->mark, err) < 0)
		return err_wrap(err, "run %s", run->id);
	d->runs++;
	int r = put_run_line(run, &l, &d->out);
	bool replay =
		strcmp(run->kind, "replay") == 0; /* its places are those in a list of letters */
	for (const struct split *s = l.splits; s && r == 0 && !replay; s = s->next)
		r = put_split(s, &d->out);
	r = r < 0 ? r : put_on_the_way(run, &d->out);
	return r < 0 ? fail_errno(err, FAULT_IO, r, "the state cannot be shown") : 0;
}

static int show_receipt(void *arg, const char *sink, struct slice receipt, struct err *err)
{
	struct door *d = arg;
	int r = buf_printf(&d->out, "  %s: %.*s\n", sink, SLICE(slice_head(receipt, 200)));
	return r < 0 ? fail_errno(err, FAULT_IO, r, "the state cannot be shown") : 0;
}

static int put_total(struct door *d, const struct review_total *t)
{
	struct buf *out = &d->out;
	int r = buf_add(out, S("kept: "));
	r = r < 0 ? r : put_count(out, t->letters);
	r = r < 0 ? r : buf_printf(out, " dead letter%s", t->letters == 1 ? "" : "s");
	if (r == 0 && t->replayed) {
		r = buf_add(out, S(" ("));
		r = r < 0 ? r : put_count(out, t->replayed);
		r = r < 0 ? r : buf_add(out, S(" taken up again)"));
	}
	r = r < 0 ? r : buf_add(out, S(", "));
	r = r < 0 ? r : put_count(out, t->answers);
	r = r < 0 ? r
		  : buf_printf(out, " remembered answer%s; %s has ", t->answers == 1 ? "" : "s",
			       path_shown(d->path.p));
	r = r < 0 ? r : units_put_size(out, t->bytes);
	return r < 0 ? r : buf_add_char(out, '\n');
}

static int put_stdout_redacted(const struct door *d)
{
	AUTO(buf_done) struct buf clean = { 0 };
	return secrets_redact(d->loading->secrets, buf_slice(&d->out), &clean) == 0
		       ? put_stdout(buf_slice(&clean))
		       : EXITS_FAILED;
}

static int show(struct door *d, struct err *err) SUSPENDS
{
	AUTO(state_run_done) struct state_run last = { 0 };
	struct review_total total;
	if (state_look(d->state, err) < 0 || state_each_run(d->state, show_run, d, err) < 0 ||
	    state_last_run(d->state, d->plan->name, &last, err) < 0)
		return -1;
	if (last.found && buf_printf(&d->out, "outputs of run %s\n", last.id) == 0 &&
	    state_each_receipt(d->state, last.id, show_receipt, d, err) < 0)
		return -1;
	if (state_total(d->state, &total, err) < 0)
		return -1;
	int r = d->runs == 0 ? buf_printf(&d->out, "no run of '%s'\n", d->plan->name) : 0;
	if (r < 0 || put_total(d, &total) < 0)
		return fail(err, FAULT_IO, "the state cannot be shown");
	return put_stdout_redacted(d);
}

/* ---- reset ---- */
static int reset(struct door *d, struct err *err) SUSPENDS
{
	uint64_t runs;
	if (args_get(d->args, FLAG_TO_RECORD)) {
		say("reset forgets everything, --to belongs to rewind: hocket state rewind %s --to "
		    "N",
		    d->plan->file);
		return EXITS_USAGE;
	}
	if (state_reset(d->state, d->plan->name, &runs, err) < 0)
		return -1;
	if (runs == 0)
		say("nothing to reset: the next run begins anew as it is");
	else
		say("forgot how far '%s' has come: the next run begins anew, as with --fresh. Dead "
		    "letters, remembered answers and keys of `unique` with `for` are kept",
		    d->plan->name);
	return EXITS_DONE;
}

/* ---- rewind ---- */
static const char *words_of_sink(const struct facts *f)
{
	switch (f->guarantee) {
	case APPEND_ONLY:
		return "what went there once goes there again";
	case IDEMPOTENT:
		return "the same again changes nothing";
	case TRANSACTIONAL:
		break;
	}
	return f->own_mark
		       ? "rows that are there stay, and come once more; with `key:` each is one row"
		       : "what is there stays, and comes once more behind it";
}

static int put_consequences(const struct plan *plan, struct buf *out)
{
	int r = 0;
	for (size_t i = 0; i < plan->step_count && r == 0; i++)
		if (plan->steps[i].facts.effect == EFFECT_WRITES)
			r = buf_printf(
				out, "  step %s: it is called again, but for remembered answers\n",
				plan->steps[i].label);
	for (size_t i = 0; i < plan->sink_count && r == 0; i++)
		r = buf_printf(out, "  to %s: %s\n", plan->sinks[i].label,
			       words_of_sink(&plan->sinks[i].facts));
	return r;
}

static int rewind_to(struct door *d, struct err *err) SUSPENDS
{
	AUTO(rewound_done) struct rewound done = { 0 };
	const struct given *to = args_get(d->args, FLAG_TO_RECORD);
	const struct given *source = args_get(d->args, FLAG_SOURCE);
	const struct rewind how = { .to = to ? (uint64_t)to->number : 0,
				    .source = source ? source->text : NULL };
	if (!to)
		return fail(err, FAULT_CONFIG,
			    "--to is missing: of how many records what was done stays done");
	if (rewind_run(d->state, d->plan, &how, &done, err) < 0)
		return -1;
	int r = buf_printf(&d->out,
			   "the next run does the records of '%s' again from number %" PRIu64
			   " on: %" PRIu64 " that were done, and what comes behind\n",
			   done.source.p, how.to + 1, done.was - how.to);
	r = r < 0 ? r : put_consequences(d->plan, &d->out);
	return r < 0 ? fail_errno(err, FAULT_IO, r, "this cannot be told")
		     : put_stdout(buf_slice(&d->out));
}

/* ---- the verb ---- */
static const struct {
	const char *word;
	int (*fn)(struct door *, struct err *) SUSPENDS; /* the exit code, or -1 */
	bool changes;
	const char *also; /* what others call it */
} actions[] = { { "show", show, false, "ls list status get view" },
		{ "reset", reset, true, "clear delete drop forget rm" },
		{ "rewind", rewind_to, true, "seek back" } };

static int refuse_word(const char *word)
{
	const char *known[ARRAY_SIZE(actions)], *called = NULL;
	for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
		known[i] = actions[i].word;
		called = words_have(actions[i].also, word) ? actions[i].word : called;
	}
	const char *near = called ? called : nearest(slice_str(word), known, ARRAY_SIZE(known));
	if (near)
		say("unknown verb 'state %s': did you mean 'state %s'?", word, near);
	else
		say("unknown verb 'state %s': it is show, reset or rewind", word);
	return EXITS_USAGE;
}

/* To change it, it must be there: a mistyped name makes no new one. */
static int open_door(struct door *d, bool to_change, struct err *err) SUSPENDS
{
	if (d->plan->state_off)
		return fail(err, FAULT_CONFIG, "'%s' says 'state: off': nothing is kept",
			    d->plan->file);
	if (plan_put_state_path(d->plan, &d->path) < 0)
		return fail(err, FAULT_CONFIG, "the state file's name is too long");
	if (!to_change)
		return state_open_to_read(d->path.p, &d->state, err);
	return state_open_to_change(d->path.p, &d->state, err);
}

static int act(const struct args *args, const struct loading *loading, size_t action) SUSPENDS
{
	struct err err = { 0 };
	AUTO(loading_drop) struct plan *plan = loading_plan(loading, args->words[1]);
	AUTO(door_close) struct door d = { .args = args, .loading = loading, .plan = plan };
	if (!plan)
		return EXITS_FILE;
	if (open_door(&d, actions[action].changes, &err) < 0)
		return tell_fault(&err);
	int code = actions[action].fn(&d, &err);
	return code < 0 ? tell_fault(&err) : code;
}

static int state_main(void *arg) SUSPENDS
{
	const struct args *args = arg;
	AUTO(loading_done) struct loading loading = { 0 };
	struct err err = { 0 };
	size_t i = 0;
	while (i < ARRAY_SIZE(actions) && strcmp(actions[i].word, args->words[0]) != 0)
		i++;
	if (i == ARRAY_SIZE(actions))
		return refuse_word(args->words[0]);
	if (loading_init_to_look(&loading, args, &err) < 0) {
		say("%s", err.text);
		return EXITS_FILE;
	}
	return act(args, &loading, i);
}

int verb_state(const struct args *args)
{
	int code = hk_run(state_main, (void *)args,
			  &(struct hk_run_options){ .stall_ns = HK_FOREVER });
	if (code < 0)
		say("cannot start: %s", strerror(-code));
	return code < 0 ? EXITS_FAILED : code;
}
