/* opening.c - opening a run, and finding where to go on
 *
 * What this room is for: sources and steps first (a missing input leaves nothing behind), then the state (it holds the
 *   lock), then the sinks (they know what they have); the mark is chosen, and the run is begun in the state.
 * What flows through:    marks and receipts.
 * What must hold:
 *  (1) nothing outside was changed when the pipeline or its inputs make resuming impossible.
 *  (2) a run of several sinks goes on from the state's mark, behind the batch that was on its way to them.
 *  (3) a sink's first receipt is saved before its first commit. */
#include "engine/run/opening.h"

#include "engine/again/again.h"
#include "engine/again/changed.h"
#include "engine/again/edited.h"
#include "engine/run/claims.h"
#include "engine/run/expansion.h"
#include "engine/run/fold.h"
#include "engine/run/join.h"
#include "engine/run/mark.h"
#include "engine/run/place.h"
#include "engine/again/recovery.h"
#include "engine/again/replay.h"
#include "engine/state/listing.h"
#include "io/guard.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH_ROWS     100000
#define BATCH_BYTES    (4u << 20)
#define BATCH_EVERY_NS (200 * HK_MS)
#define BATCH_MOST_NS  (5 * HK_SEC)

enum { CONNECTIONS_KEPT = 1024 }; /* of an origin, at least */

/* A statement is in the file: what its database says of it stands behind the place. */
static int say_where(const struct plan *p, const struct place *at, struct err *err)
{
	return err->fault == FAULT_SQL ? err_wrap(err, "%s:%u: %s", p->file, at->line, at->label)
				       : -1;
}

static int open_steps(struct run *run, struct err *err) SUSPENDS
{
	const struct plan *p = run->plan;
	run->steps = xcalloc(p->step_count + 1, sizeof *run->steps);
	run->sources = xcalloc(p->source_count + 1, sizeof *run->sources);
	for (size_t i = 0; i < p->step_count; i++) {
		step_init(&run->steps[i], run, &p->steps[i], i);
		if (step_is_call(&run->steps[i]) && step_init_call(&run->steps[i], err) < 0)
			return -1;
		if (site_open(&run->steps[i].site, &p->steps[i], err) < 0)
			return say_where(p, &p->steps[i], err);
	}
	for (size_t i = 0; i < p->source_count; i++) {
		step_init(&run->sources[i], run, &p->sources[i], i);
		if (!run->replay && site_open(&run->sources[i].site, &p->sources[i], err) < 0)
			return say_where(p, &p->sources[i], err);
	}
	return 0;
}

/* ---- sinks and where to go on ---- */
static bool mark_is_of(struct slice mark, const char *run_id)
{
	AUTO(buf_done) struct buf id = { .max = 256 };
	return mark.n && mark_run_id(mark, &id) && slice_eq_str(buf_slice(&id), run_id);
}

/* Sinks of one kind may lead to one database, where each needs a row of its own. The first has the pipeline's name alone. */
char *sink_mark_name(const struct sink *k, const char *pipeline)
{
	AUTO(buf_done) struct buf name = { 0 };
	bool first = true;
	for (const struct place *other = k->run->plan->sinks; other < k->place; other++)
		first &= other->port != k->place->port;
	int r = buf_printf(&name, "%s%s%s", pipeline, first ? "" : ", ",
			   first ? "" : k->place->label);
	ASSERT(r == 0); /* names in a file are far below a buffer's ceiling */
	return xstrndup(name.p, name.n);
}

static int resume_sink(struct run *run, struct sink *k, struct slice state_mark,
		       struct err *err) SUSPENDS
{
	struct resumption r = { .pipeline = k->mark_name,
				.first = true,
				.stopped = run->was_stopped,
				.beside = run->replay };
	bool found = false;
	int rc = 0;
	if (run->resumed) {
		rc = state_get_receipt(run->state, run->id, k->place->label, &r.receipt, &found,
				       err);
		r.first = !found && !k->place->facts.own_mark;
		r.more = run->replay && !found;
	} else if (run->continues[0]) {
		rc = state_get_receipt(run->state, run->continues, k->place->label, &r.receipt,
				       &found, err);
		r.more = true;
	} else if (run->replay) {
		rc = replay_resumption(run, k, &r, err);
		r.more = true;
	}
	if (rc == 0 && k->place->port->resume)
		rc = k->place->port->resume(&k->site, &r, err);
	if (rc == 0) {
		k->receipt = buf_take(&r.receipt);
		if (!k->place->facts.own_mark)
			rc = buf_add(&k->mark, state_mark) < 0
				     ? fail(err, FAULT_IO, "out of memory")
				     : 0;
		else if (mark_is_of(buf_slice(&r.mark), run->id))
			k->mark = buf_take(&r.mark);
	}
	buf_done(&r.receipt);
	buf_done(&r.mark);
	return rc;
}

static int open_sinks(struct run *run, struct err *err) SUSPENDS
{
	const struct plan *p = run->plan;
	run->sinks = xcalloc(p->sink_count + 1, sizeof *run->sinks);
	for (size_t i = 0; i < p->sink_count; i++) {
		struct sink *k = &run->sinks[i];
		*k = (struct sink){ .run = run, .place = &p->sinks[i] };
		k->mark_name = sink_mark_name(k, run->mark_name);
		site_init(&k->site, run, k->place);
		if (site_open(&k->site, k->place, err) < 0)
			return -1;
	}
	return 0;
}

static int resume_sinks(struct run *run, struct slice state_mark, struct err *err) SUSPENDS
{
	for (size_t i = 0; i < run->plan->sink_count; i++)
		if (resume_sink(run, &run->sinks[i], state_mark, err) < 0)
			return -1;
	return 0;
}

/* A sink with a mark of its own has what that says, which is never less than the state says; the others were cut back to what the
 * state says. */
static int read_ahead(struct run *run, struct sink *k, struct err *err)
{
	if (!k->place->facts.own_mark)
		return 0;
	k->has_ahead = k->mark.n > 0;
	if (!k->has_ahead && run->ledger.settled.admitted > 0)
		return fail(err, FAULT_CONFIG,
			    "to %s: nothing of the unfinished run %s is in it any more; --fresh "
			    "starts over",
			    k->place->label, run->id);
	if (k->has_ahead && mark_read(&k->ahead, buf_slice(&k->mark), err) < 0)
		return -1;
	return !k->has_ahead || ledger_covers(&k->ahead, &run->ledger)
		       ? 0
		       : fail(err, FAULT_CONFIG,
			      "to %s: it lacks records that the unfinished run %s gave it, as an "
			      "older copy of it would: put back what it was, or start over with "
			      "--fresh",
			      k->place->label, run->id);
}

static void sink_forget_ahead(struct sink *k)
{
	k->has_ahead = false;
	ledger_done(&k->ahead);
}

/* One sink knows best itself; but between two rounds of a source only the state's mark moves. Of several, none is further than the
 * batch that the state knows of. */
static int choose_mark(struct run *run, struct slice state_mark, struct err *err)
{
	const struct sink *only = &run->sinks[0];
	bool own = run->plan->sink_count == 1 && only->place->facts.own_mark && only->mark.n &&
		   mark_round_cmp(buf_slice(&only->mark), state_mark) >= 0;
	struct slice mark = own ? buf_slice(&only->mark) : state_mark;
	if (mark.n && mark_read(&run->ledger, mark, err) < 0)
		return -1;
	for (size_t i = 0; i < run->plan->sink_count && !own; i++)
		if (read_ahead(run, &run->sinks[i], err) < 0)
			return -1;
	return 0;
}

/* Letters above the mark are provisional: their records come again. But not those of a batch that goes on as it is. */
static bool keep_letter(void *arg, const char *split, uint64_t ordinal, struct slice path,
			const char *label)
{
	struct run *run = arg;
	if (run->replay)
		replay_locate(run, &split, &ordinal, &path);
	return ledger_is_done(&run->ledger, split, ordinal) ||
	       recovery_owns_letter(run, split, ordinal, path, label);
}

/* What an end at any moment may have left above the mark. */
static int tidy(struct run *run, struct err *err) SUSPENDS
{
	if (!run->resumed)
		return 0;
	if (recovery_read_batch(run, err) < 0 ||
	    (run->replay && replay_restore(run, run->left_batch, err) < 0) ||
	    state_sift_letters(run->state, run->id, keep_letter, run, err) < 0 ||
	    recovery_commit(run, err) < 0)
		return -1;
	for (size_t i = 0; i < run->plan->sink_count; i++)
		sink_forget_ahead(&run->sinks[i]);
	return 0;
}

/* At most one: it never ends, so that no source behind it is ever read. */
static struct slice told_split(const struct plan *p)
{
	for (size_t i = 0; i < p->source_count; i++)
		if (p->sources[i].facts.told.n)
			return p->sources[i].facts.told;
	return (struct slice){ 0 };
}

/* The run, its first mark and its sinks' first receipts: one commit, before any sink commits. When it is resumed: what a sink knew
 * better than the state, also if nothing more comes; whoever runs it again looks there. */
static int save_start(struct run *run, struct err *err) SUSPENDS
{
	struct state_receipt receipts[PLAN_SINKS_MAX];
	AUTO(buf_done) struct buf mark = { 0 }, parts = { 0 };
	const struct plan *p = run->plan;
	size_t n = run_receipts(run, receipts);
	if (mark_put(&run->ledger, run->id, NULL, NULL, &mark) < 0 ||
	    changed_put_parts(p, &parts) < 0)
		return fail(err, FAULT_IO, "out of memory");
	if (run->resumed && edited_note(run, err) < 0)
		return -1;
	if (run->resumed)
		return state_put_mark(run->state, run->id, buf_slice(&mark), receipts, n, err);
	const struct state_start start = {
		.pipeline = p->name,
		.kind = run->replay ? "replay" : "run",
		.continues = run->continues,
		.adopts = run->adopts,
		.inherits = run->inherits,
		.told = told_split(p),
		.hash = p->hash,
		.parts = buf_slice(&parts),
		.mark = buf_slice(&mark),
		.receipts = receipts,
		.n = n,
	};
	return state_begin(run->state, run->id, &start, err);
}

/* ---- the state ---- */
static int open_state(struct run *run, struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf path = { .max = 8192 };
	const struct plan *p = run->plan;
	int r = run->options.state_path ? buf_printf(&path, "%s", run->options.state_path)
					: plan_put_state_path(p, &path);
	if (r < 0)
		return fail(err, FAULT_CONFIG, "the state file's name is too long");
	const char *folder = p->state_off ? p->folder : ".", *end = strrchr(path.p, '/');
	run->spill.folder =
		end ? xstrndup(path.p, (size_t)(end - path.p)) : xstrndup(folder, strlen(folder));
	return state_open(path.p, &run->state, err);
}

/* It ended by itself and settled nothing, so there is nothing to go on with: a mended pipeline may start anew. */
static bool settled_nothing(const struct state_run *last)
{
	struct ledger l = { 0 };
	bool nothing = !state_run_is(last, "running") && !state_run_is(last, "rewound") &&
		       mark_read(&l, buf_slice(&last->mark), NULL) == 0 && l.settled.admitted == 0;
	ledger_done(&l);
	return nothing;
}

static int refuse_changed(const struct run *run, const struct state_run *last, const char *why,
			  struct err *err)
{
	AUTO(buf_done) struct buf what = { .max = 300 };
	if (changed_put(run->plan, buf_slice(&last->parts), &what) < 0)
		return fail(err, FAULT_IO, "out of memory");
	return fail(err, FAULT_CONFIG,
		    "'%s' was changed since its unfinished run %s (%s); --fresh starts over, or "
		    "%s",
		    run->plan->file, last->id, what.p, why ? why : "undo the change to go on");
}

/* What was answered then was asked by another pipeline; where a request is still the same, its answer is. */
static int start_over(struct run *run, const struct state_run *last, struct err *err) SUSPENDS
{
	uint64_t n = 0;
	if (state_count_noted(run->state, last->id, &n, err) < 0)
		return -1;
	if (n == 0)
		return 0;
	bool same = changed_keeps_sources(run->plan, buf_slice(&last->parts));
	if (same)
		memcpy(run->adopts, last->id, sizeof run->adopts);
	snprintf(
		run->notice, sizeof run->notice,
		"'%s' was changed since its unfinished run %s: starting over; calls were made then "
		"for %llu records: %s",
		run->plan->file, last->id, (unsigned long long)n,
		same ? "those that are still the same are not made again"
		     : "they are made again, and paid for, unless their answers are remembered");
	return 0;
}

/* Goes on with the last run if it is unfinished. Is it finished, again.c has a look at it. */
static int begin(struct run *run, const struct state_run *last, bool *finished,
		 struct err *err) SUSPENDS
{
	const struct plan *p = run->plan;
	*finished = state_run_is_whole(last);
	if (!last->found || *finished || run->options.fresh || plan_is_volatile(p))
		return 0;
	const char *why = NULL;
	int edited = last->hash != p->hash ? edited_goes_on(run, last, &why, err) : 1;
	if (edited == 0)
		return settled_nothing(last) ? start_over(run, last, err)
					     : refuse_changed(run, last, why, err);
	if (edited < 0)
		return -1;
	memcpy(run->id, last->id, sizeof run->id);
	run->resumed = true;
	run->was_stopped = state_run_is(last, "stopped");
	return 0;
}

/* Before anybody is asked for anything: what the last run sent counts in its lanes. */
static void fill_lanes(struct run *run, const struct state_run *last)
{
	if (last->found)
		lanes_fill(run->lanes, hk_now_ns() - last->ended_ago_ns);
}

/* Nobody can be asked again for what a source was told: what the run before has not done of it is this one's. */
static int inherit_told(struct run *run, const struct state_run *last, struct err *err)
{
	struct slice told = told_split(run->plan);
	if (told.n == 0 || !last->found || run->resumed || run->continues[0] || run->nothing_new)
		return 0;
	memcpy(run->inherits, last->id, sizeof run->inherits);
	return last->mark.n ? mark_read_split(&run->ledger, buf_slice(&last->mark), told, err) : 0;
}

static int find_run(struct run *run, struct state_run *last, struct err *err) SUSPENDS
{
	bool finished;
	if (run->replay && (replay_begin(run, last, err) < 0 || run->nothing_new))
		return run->nothing_new ? 0 : -1;
	if (!run->replay && (replay_check_none(run, err) < 0 ||
			     state_last_run(run->state, run->plan->name, last, err) < 0))
		return -1;
	fill_lanes(run, last);
	if (run->replay)
		return open_sinks(run, err);
	if (begin(run, last, &finished, err) < 0 || open_sinks(run, err) < 0)
		return -1;
	if (last->found && finished && !run->options.fresh && again_decide(run, last, err) < 0)
		return -1;
	return inherit_told(run, last, err);
}

static void set_batch(struct run *run)
{
	const struct commit_options *o = NULL;
	for (size_t i = 0; i < run->plan->sink_count && !o; i++)
		o = run->plan->sinks[i].common.commit;
	uint64_t most = run->options.memory_bytes / 8;
	run->batch_rows = o && o->rows ? (uint64_t)o->rows : BATCH_ROWS;
	run->batch_bytes = o && o->bytes ? o->bytes : BATCH_BYTES;
	run->batch_bytes = run->batch_bytes < most ? run->batch_bytes : most;
	run->batch_every_ns = o && o->every_ns ? o->every_ns : BATCH_EVERY_NS;
	run->batch_every_most_ns = o && o->every_ns ? o->every_ns : BATCH_MOST_NS;
	run->ready_max_bytes = 2 * run->batch_bytes;
}

static void trust_places(struct http_guard *g, const struct place *places, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (places[i].facts.origin.n)
			http_guard_trust(g, places[i].facts.origin);
}

/* The file's words were checked with the file. */
static int open_guard(struct run *run, struct err *err)
{
	const struct plan *plan = run->plan;
	const struct run_options *o = &run->options;
	run->guard = http_guard_new();
	trust_places(run->guard, plan->sources, plan->source_count);
	trust_places(run->guard, plan->steps, plan->step_count);
	for (size_t i = 0; i < plan->allow_count + o->allow_count; i++) {
		const char *word =
			i < plan->allow_count ? plan->allow[i] : o->allow[i - plan->allow_count];
		if (http_guard_allow(run->guard, slice_str(word)) < 0)
			return fail(err, FAULT_CONFIG, "allow: '%s' is " HTTP_GUARD_WORDS, word);
	}
	return 0;
}

static int open_journal(struct run *run, struct err *err) SUSPENDS
{
	const char *behind = run->continues[0] ? run->continues
			     : run->adopts[0]  ? run->adopts
					       : NULL;
	return journal_open(&run->journal, run->state, run->id, run->resumed ? run->id : behind,
			    err);
}

/* What the run found is resumed or begun. */
static int enter_run(struct run *run, struct slice mark, struct err *err) SUSPENDS
{
	if (resume_sinks(run, mark, err) < 0 || choose_mark(run, mark, err) < 0)
		return -1;
	if (tidy(run, err) < 0 || save_start(run, err) < 0)
		return -1;
	return folds_restore(run, err);
}

/* Between two calls a connection rests: all that are in use at once may do so, else each wave of answers would close most of them. */
static int open_client(struct run *run, struct err *err) SUSPENDS
{
	size_t calls = run_calls_at_once(run->plan);
	const struct http_client_options client = {
		.idle_per_origin = calls > CONNECTIONS_KEPT ? (unsigned)calls : CONNECTIONS_KEPT,
		.environment_proxies = true,
	};
	return http_client_new(&client, &run->http, err);
}

int run_open_parts(struct run *run, struct err *err)
{
	AUTO(state_run_done) struct state_run last = { 0 };
	set_batch(run);
	if (open_guard(run, err) < 0 || open_client(run, err) < 0 || open_steps(run, err) < 0)
		return -1;
	if ((run->plan->dead_path && state_check_copy(run->plan->dead_path, err) < 0) ||
	    open_state(run, err) < 0 || find_run(run, &last, err) < 0)
		return -1;
	if (run->nothing_new)
		return 0;
	expansion_plan(run);
	folds_open(run);
	joins_open(run);
	if (open_journal(run, err) < 0 || claims_open(run, err) < 0 ||
	    state_drop_expired(run->state, hk_wall_ns(), err) < 0)
		return -1;
	return enter_run(run, run->resumed ? buf_slice(&last.mark) : S(""), err);
}

/* ---- closing ---- */
void run_close_parts(struct run *run)
{
	claims_close(run);
	for (size_t i = 0; run->sources && i < run->plan->source_count; i++)
		step_close(&run->sources[i]);
	for (size_t i = 0; run->steps && i < run->plan->step_count; i++)
		step_close(&run->steps[i]);
	for (size_t i = 0; run->sinks && i < run->plan->sink_count; i++) {
		struct sink *k = &run->sinks[i];
		if (k->place)
			site_close(&k->site, k->place);
		free(k->mark_name);
		buf_done(&k->receipt);
		buf_done(&k->mark);
		ledger_done(&k->ahead);
	}
	joins_close(run);
	folds_close(run);
	free(run->sources);
	free(run->steps);
	free(run->sinks);
	http_client_free(run->http);
	http_guard_free(run->guard);
	journal_done(&run->journal);
	state_close(run->state);
}
