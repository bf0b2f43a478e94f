/* run.c - a run from its opening to its account
 *
 * What this room is for: who starts and who waits for whom. Read this first, then follow the record through intake.c,
 *   flow.c, step.c, answer.c, commit.c (running.h has the map).
 *
 *   run_go:  committer ............................................. waits for all ready tracks, then ends
 *            work group: source_main -> [queue] pump -> [queue] pump -> ... each closes the next one's queue
 *
 * What flows through:    nothing: records pass by in the other files.
 * What must hold:
 *  (1) the work group ends before the committer does: whatever became ready is committed.
 *  (2) a stop first cancels the source only; the work has its grace, then is cancelled too (stopping.c).
 *  (3) what is not settled at the end is left to the next run; nothing of it shows in a sink. */
#include "engine/run/running.h"

#include "base/clock.h"
#include "engine/run/fold.h"
#include "engine/run/join.h"
#include "engine/run/opening.h"
#include "engine/again/replay.h"
#include "engine/state/listing.h"
#include "engine/run/stopping.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what sites may ask of the run ---- */
struct http_client *site_http(struct site *at)
{
	return at->run->http;
}

struct object_store *site_objects(struct site *at)
{
	return at->run->objects;
}

const struct http_guard *site_guard(struct site *at)
{
	return at->run->guard;
}

const char *site_folder(struct site *at)
{
	return at->run->plan->folder;
}

bool site_is_endless(const struct site *at)
{
	return !at->run->replay && plan_is_endless(at->run->plan);
}

bool site_keeps(const struct site *at)
{
	return !at->run->plan->state_off;
}

const char *site_run_id(struct site *at)
{
	return at->run->id;
}

int site_lane(struct site *at, struct slice lane, struct err *err)
{
	struct lane *l = lanes_get(at->run->lanes, lane);
	int r = lane_enter(l);
	lane_leave(l);
	return r < 0 ? fail_errno(err, FAULT_CANCELLED, r, "stopped while waiting for its turn")
		     : 0;
}

void site_lane_pause(struct site *at, struct slice lane, int64_t ns)
{
	struct lane *l = lanes_get(at->run->lanes, lane);
	lane_pause(l, ns);
	lane_leave(l);
}

int site_beside(struct site *at, hk_fn *fn, void *arg)
{
	return hk_group_spawn(&at->run->beside, fn, arg,
			      &(struct hk_spawn_options){ .name = at->name, .where = HK_HERE });
}

/* ---- going ---- */
/* Pure steps have none: they are calls of whoever brings the record. */
static hk_fn *task_of(const struct step *s)
{
	if (step_is_call(s))
		return step_pump;
	return s->fold ? fold_main : s->join ? join_main : NULL;
}

static int start_work(struct run *run, struct hk_group *work)
{
	int r = 0;
	for (size_t i = 0; i < run->plan->step_count && r == 0; i++) {
		struct step *s = &run->steps[i];
		hk_fn *task = task_of(s);
		if (task)
			r = hk_group_spawn(work, task, s,
					   &(struct hk_spawn_options){ .name = s->place->label,
								       .where = HK_HERE });
	}
	return r < 0 ? r : hk_spawn(work, source_main, run);
}

static void work(struct run *run) SUSPENDS
{
	struct hk_group tasks;
	hk_scope_open(&run->work_scope, HK_FOREVER);
	run->work_open = true;
	hk_group_open(&tasks, &(struct hk_group_options){ .policy = HK_COLLECT, .name = "steps" });
	int r = start_work(run, &tasks);
	if (r < 0) {
		struct err err = { 0 };
		fail_errno(&err, FAULT_IO, r, "cannot start the steps");
		run_abort(run, RUN_FAILED, &err);
	}
	if (hk_group_close(&tasks, r) < 0)
		run->stopping = true; /* cancelled: what is left is counted below */
	run->work_open = false;
	(void)hk_scope_close(&run->work_scope, 0);
	run->work_ended = true;
	hk_event_set(&run->ready);
	hk_event_set(&run->full);
	hk_event_set(&run->spill.look);
}

/* What places have running beside their calls ends with the last call. */
static void work_with_helpers(struct run *run) SUSPENDS
{
	hk_group_open(&run->beside,
		      &(struct hk_group_options){ .policy = HK_COLLECT, .name = "beside calls" });
	work(run);
	hk_group_cancel(&run->beside);
	(void)!hk_group_close(&run->beside, 0); /* its tasks do not fail */
}

static int work_and_commit(struct run *run, struct err *err) SUSPENDS
{
	struct hk_group committing;
	hk_group_open(&committing, &(struct hk_group_options){ .name = "committer" });
	int r = hk_spawn(&committing, committer_main, run);
	if (r == 0)
		r = hk_spawn(&committing, spill_main, run);
	if (r == 0)
		work_with_helpers(run);
	r = hk_group_close(&committing, r);
	return r < 0 ? fail_errno(err, FAULT_IO, r, "the run was cut off") : 0;
}

static int finish_sinks(struct run *run, struct err *err) SUSPENDS
{
	for (size_t i = 0; i < run->plan->sink_count; i++) {
		struct sink *k = &run->sinks[i];
		if (k->place->port->finish && k->place->port->finish(&k->site, err) < 0)
			return err_wrap(err, "to %s: ", k->place->label);
	}
	return 0;
}

static enum run_end ending(struct run *run, struct err *err) SUSPENDS
{
	bool all = run->source_ended && run->ledger.tracks == 0 && !folds_hold(run);
	bool meant = run->time_is_up && !run->cut_short;
	enum run_end end = RUN_STOPPED_EARLY;
	if (run->failing) {
		*err = run->err;
		end = run->failed_as;
	} else if (all || meant) {
		end = all && !run->limit_reached ? RUN_FINISHED : RUN_LIMITED;
	}
	bool whole = end == RUN_FINISHED || end == RUN_LIMITED;
	if (run->replay) { /* what it does not get through stays dead: nothing is to come behind it */
		int owes = replay_owes(run, err);
		whole = end != RUN_FAILED && end != RUN_BROKEN && owes == 0;
		end = owes < 0 && !run_end_is_worse(end, RUN_FAILED) ? RUN_FAILED : end;
	}
	return whole && finish_sinks(run, err) < 0 ? RUN_FAILED : end;
}

/* The end could not be written down. */
static void worsen(struct run_result *ret, const struct err *err)
{
	enum run_end end = err->fault == FAULT_BROKEN ? RUN_BROKEN : RUN_FAILED;
	if (!run_end_is_worse(end, ret->end))
		return;
	ret->end = end;
	ret->err = *err;
}

static void write_dead_copy(struct run *run, struct run_result *ret) SUSPENDS
{
	struct err err = { 0 };
	const struct plan *p = run->plan;
	if (!p->dead_path)
		return;
	ret->dead_copied = state_copy_letters(run->state, p->name, p->dead_path, &err) == 0;
	if (ret->dead_copied)
		return;
	worsen(ret, &err);
}

static void count_dead(struct run *run, struct run_result *ret) SUSPENDS
{
	struct state_dead dead = { .kinds = ret->kinds, .cap = DEAD_KINDS_MAX };
	struct err err = { 0 };
	if (state_dead_kinds(run->state, run->id, &dead, &err) < 0)
		return; /* the counts are there; the closing line says less */
	ret->kind_count = dead.count;
	ret->dead_gone = dead.gone < ret->counts.dead ? dead.gone : ret->counts.dead;
}

static uint64_t moving_items(const struct run *run)
{
	uint64_t n = 0;
	for (const struct track *t = run->ledger.first; t; t = t->next)
		n += t->moving;
	return n;
}

static const char *status_of(enum run_end end)
{
	switch (end) {
	case RUN_FINISHED:
		return "finished";
	case RUN_LIMITED:
		return "limited";
	case RUN_STOPPED_EARLY:
		return "stopped";
	default:
		return "failed";
	}
}

/* The last word: only when all else is done is a run finished, and not looked at again. */
static void end_state(struct run *run, struct run_result *ret) SUSPENDS
{
	struct err err = { 0 };
	const char *status = status_of(ret->end);
	if (run->replay && ret->end == RUN_STOPPED_BY_FAILURES)
		status = "stopped"; /* nothing is left to go on with */
	int r = run->replay ? replay_end(run, status, &err) : commit_ends(run, &err);
	if (r == 0 && !run->replay)
		r = state_end(run->state, run->id, status, &err);
	if (r < 0)
		worsen(ret, &err);
}

void run_go(struct run *run, struct run_result *ret)
{
	struct err err = { 0 };
	*ret = (struct run_result){ .resumed = run->resumed,
				    .volatile_source = run_is_volatile(run) };
	run->started_ns = hk_now_ns();
	run->before = run->ledger.live;
	if (run->nothing_new) {
		ret->end = RUN_NOTHING_NEW;
		memcpy(ret->since, run->since, sizeof ret->since);
		return;
	}
	if (work_and_commit(run, &err) < 0)
		run_abort(run, RUN_FAILED, &err);
	ret->end = ending(run, &ret->err);
	if (!counts_balance(&run->ledger.live, moving_items(run)) ||
	    !counts_balance(&run->ledger.settled, 0)) {
		ret->end = RUN_BROKEN;
		fail(&ret->err, FAULT_IO,
		     "the accounts do not add up: this is a mistake in hocket");
	}
	if (run->replay)
		end_state(run, ret); /* first: it decides what is dead still */
	write_dead_copy(run, ret);
	if (!run->replay)
		end_state(run, ret);
	ret->counts = run->ledger.settled;
	count_dead(run, ret);
	ret->left = run->ledger.streams[0].tracks;
	ret->held = folds_count(run);
	ret->open = folds_count_open(run);
	ret->time_is_up = run->time_is_up;
	ret->rounds = run->rounds.made;
	ret->resumable = ret->end != RUN_FINISHED && ret->end != RUN_LIMITED &&
			 ret->end != RUN_BROKEN && !ret->volatile_source;
	memcpy(ret->run_id, run->id, sizeof ret->run_id);
	ret->wall_ns = hk_now_exact_ns() - run->started_ns;
	ret->peak_bytes = run->ledger.peak_bytes;
	ret->spilled_bytes = run->spill.bytes;
	ret->source_wait_ns = span_total_ns(&run->source_waits);
	ret->commit_busy_ns = span_total_ns(&run->committing);
}

const char *run_notice(const struct run *run)
{
	return run->notice;
}

/* ---- opening and closing ---- */
void run_make_id(char id[static 40])
{
	AUTO(buf_done) struct buf time = { .max = 64 };
	if (clock_put_utc(&time, clock_wall_ns()) < 0)
		buf_clear(&time);
	/* 2026-01-31T12:30:00.123Z -> 20260131T123000-1a2b3c4d: sorts by time, stays short */
	char digits[24];
	size_t n = 0;
	for (size_t i = 0; i < time.n && i < 19; i++)
		if (time.p[i] != '-' && time.p[i] != ':')
			digits[n++] = time.p[i];
	snprintf(id, 40, "%.*s-%08x", (int)n, digits, (unsigned)hk_random());
}

int run_open(const struct plan *plan, const struct run_options *options, struct run **ret,
	     struct err *err)
{
	struct run *run = xcalloc(1, sizeof *run);
	run->plan = plan;
	run->options = *options;
	if (!run->options.memory_bytes)
		run->options.memory_bytes = plan->memory_bytes;
	run->memory.most = run->options.memory_bytes;
	run->ledger.any_order = plan->any_order;
	run->ledger.watch = options->watch;
	run->objects = options->objects;
	run->finish_all = !options->replay && run_finishes_all(plan);
	run->replay = options->replay ? replay_new() : NULL;
	run->mark_name = replay_mark_name(plan->name, run->replay);
	run->lanes = lanes_new();
	run_make_id(run->id);
	if (run_open_parts(run, err) < 0) {
		run_close(run);
		return -1;
	}
	*ret = run;
	return 0;
}

void run_close(struct run *run)
{
	if (!run)
		return;
	run_close_parts(run);
	free(run->spill.folder);
	ledger_done(&run->ledger);
	lanes_free(run->lanes);
	replay_free(run->replay);
	free(run->mark_name);
	free(run);
}
