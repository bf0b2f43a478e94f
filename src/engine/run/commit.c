/* commit.c - ready records become durable, in batches, with the mark that says so
 *
 * What this room is for: the only place where records are settled. The order is the contract of GUARANTEES.md:
 *   (1) what folds hold and dead letters to the state, and the batch itself when several sinks get it; (2) each sink in the file's order: rows and
 *   mark; (3) mark and receipts to the state; then, in memory: settled.
 * What flows through:    ready tracks, as a list by next_ready.
 * What must hold:
 *  (1) nothing is settled before all of (1)-(3) returned for the whole batch. (2) a sink gets a row once: it is through with the
 *      whole batch before the next sink sees any of it.
 *  (3) when a sink says "one of these", the batch is halved for that sink until the record is alone; then it is dead.
 *  (4) a stop does not wait for the end of a batch of bad records: an only sink's batch ends with the record that it has come to. */
#include "engine/run/running.h"

#include "base/clock.h"
#include "base/units.h"
#include "engine/run/claims.h"
#include "engine/run/fold.h"
#include "engine/run/mark.h"
#include "engine/run/rounds.h"
#include "engine/again/recovery.h"
#include "engine/run.h"
#include "engine/run/stopping.h"
#include "engine/run/upkeep.h"
#include <errno.h>
#include <stdlib.h>

enum { SINK_RETRIES = 4, SINK_QUIET = 3, SINK_PAUSE_MS = 500, MARK_MAX = 256 << 20 };
#define SINK_PAUSE_MOST (15 * HK_SEC)
#define MARK_BYTE_NS    500 /* 2 MB/s, of which the disk sees some 4: log and table */

/* A batch: tracks linked by next_ready. */
struct batch_list {
	struct track *first, *last;
	size_t n;
};

static void list_add(struct batch_list *list, struct track *t)
{
	t->next_ready = NULL;
	*(list->last ? &list->last->next_ready : &list->first) = t;
	list->last = t;
	list->n++;
}

/* The list ends before this one. */
static void list_cut(struct batch_list *list, const struct track *at)
{
	struct track **end = &list->first;
	list->last = NULL;
	list->n = 0;
	while (*end != at) {
		list->last = *end;
		list->n++;
		end = &(*end)->next_ready;
	}
	*end = NULL;
}

/* ---- rows for one sink ---- */
struct rows {
	struct rec **recs;
	size_t n, cap;
};

static void rows_done(struct rows *r)
{
	free(r->recs);
}

static void rows_add(struct rows *r, struct rec *borrows)
{
	if (r->n == r->cap) {
		r->cap = r->cap ? r->cap * 2 : 256;
		r->recs = xrealloc(r->recs, r->cap, sizeof(struct rec *));
	}
	r->recs[r->n++] = borrows;
}

static uint64_t sink_bit(const struct sink *k)
{
	return UINT64_C(1) << (k - k->run->sinks);
}

static void collect_rows(struct sink *k, struct track *from, const struct track *end,
			 struct rows *rows)
{
	uint64_t bit = sink_bit(k);
	for (struct track *t = from; t != end; t = t->next_ready) {
		for (struct item *it = track_next_row(t, NULL); it; it = track_next_row(t, it))
			if (it->sinks & bit)
				rows_add(rows, it->rec);
	}
}

/* The sink refused what it should get of this one track: the row that it named; all, when it named none. */
static void rows_die(struct sink *k, struct track *t, const struct err *err)
{
	uint64_t bit = sink_bit(k);
	size_t row = 0;
	for (struct item *it = track_next_row(t, NULL), *next; it; it = next) {
		next = track_next_row(t, it);
		if (!(it->sinks & bit) || (err->row && err->row != ++row))
			continue;
		track_row_died(&k->run->ledger, t, it, k->place->label, err, clock_wall_ns());
	}
}

/* ---- a sink that is busy, or gone ---- */
struct patience {
	int64_t since_ns, within_ns; /* of the first refusal; 0: a few tries */
	int tries;
	bool told;
};

/* A lock or a restart is over soon; what takes longer is a human's business, who sees nothing move. */
static void tell_waiting(struct sink *k, struct patience *p, const struct err *err)
{
	AUTO(buf_done) struct buf text = { .max = 1024 };
	if (p->told || p->within_ns == 0 || p->tries < SINK_QUIET ||
	    buf_add(&text, S("tries again, ")) < 0 || units_put_duration(&text, p->within_ns) < 0 ||
	    buf_printf(&text, " at most: %s", err->text) < 0)
		return;
	p->told = true;
	site_warn(&k->site, buf_slice(&text));
}

static void tell_back(struct sink *k, const struct patience *p)
{
	if (p->told)
		site_warnf(&k->site, "goes on after %lld s",
			   (long long)((hk_now_ns() - p->since_ns) / HK_SEC));
}

static int give_up(const struct patience *p, struct err *err)
{
	AUTO(buf_done) struct buf time = { .max = 64 };
	if (p->within_ns == 0 || units_put_duration(&time, hk_now_ns() - p->since_ns) < 0)
		return -1;
	return err_wrap(err, "it was waited for for %s: ", time.p);
}

/* 0: try again. A stop does not wait longer than what is in flight may take. */
static int wait_for_sink(struct sink *k, struct patience *p, struct err *err) SUSPENDS
{
	struct run *run = k->run;
	int64_t now = hk_now_ns(), pause = SINK_PAUSE_MS * HK_MS << (p->tries < 6 ? p->tries : 6);
	pause = pause < SINK_PAUSE_MOST ? pause : SINK_PAUSE_MOST;
	if (p->tries++ == 0)
		p->since_ns = now;
	bool over = p->within_ns ? now - p->since_ns >= p->within_ns : p->tries > SINK_RETRIES;
	if (over || (run->stopping && now >= run->drained_ns))
		return give_up(p, err);
	tell_waiting(k, p, err);
	if (run->stopping)
		return hk_sleep(SINK_PAUSE_MS * HK_MS);
	int r = hk_event_wait_for(&run->stops, pause);
	return r == -ETIMEDOUT ? 0 : r;
}

static int commit_rows(struct sink *k, const struct rows *rows, struct slice mark, bool saved,
		       struct err *err) SUSPENDS
{
	struct batch b = { k->mark_name, rows->recs, rows->n, mark, saved };
	struct patience patience = { .within_ns = k->place->facts.within_ns };
	for (;;) {
		*err = (struct err){ 0 };
		buf_clear(&k->receipt);
		if (k->place->port->commit(&k->site, &b, &k->receipt, err) == 0) {
			tell_back(k, &patience);
			return 0;
		}
		if (err->whole || fault_policy(err) != POLICY_RETRY)
			return -1;
		if (wait_for_sink(k, &patience, err) < 0)
			return -1;
	}
}

/* ---- a batch ---- */
struct part { /* of a batch, for one sink; linked by next_ready, without end */
	struct track *from, *end;
	size_t n;
};

/* 0, -1, or 1: there is a bad record among these, it said. `before` has all that the sink has of this run. */
static int put_part(struct sink *k, const struct ledger *before, struct part p,
		    struct err *err) SUSPENDS
{
	AUTO(rows_done) struct rows rows = { 0 };
	AUTO(buf_done) struct buf mark = { .max = MARK_MAX };
	collect_rows(k, p.from, p.end, &rows);
	if (k->place->facts.own_mark && mark_put(before, k->run->id, p.from, p.end, &mark) < 0)
		return fail(err, FAULT_IO, "the checkpoint is too large");
	if (commit_rows(k, &rows, buf_slice(&mark), before == &k->run->ledger, err) == 0) {
		k->rows += rows.n;
		return 0;
	}
	bool refused = rows.n > 0 && (err->whole || fault_policy(err) == POLICY_DEAD);
	return refused ? 1 : err_wrap(err, "to %s: ", k->place->label);
}

/* The record is alone with the sink's refusal: a row of it is dead, then the others are tried. The mark passes it all the same. */
static int put_refused(struct sink *k, const struct ledger *before, struct part p,
		       struct err *err) SUSPENDS
{
	int r = 1;
	while (r > 0) {
		uint64_t dead = p.from->counts.dead;
		rows_die(k, p.from, err);
		ASSERT(p.from->counts.dead > dead); /* one less to refuse */
		run_note_dead(k->run, k->place->label, err);
		if (dead_put_letters(k->run, p.from, p.end, err) < 0)
			return -1;
		r = put_part(k, before, p, err);
	}
	return r;
}

/* Too much has failed, or it is to stop at once: what is left of the batch comes again. Of several sinks each gets it whole. */
static bool is_cut_short(const struct run *run)
{
	return run->plan->sink_count == 1 && !run->replay && run->stopping &&
	       (run->failing || (run->cut_short && hk_now_ns() >= run->drained_ns));
}

/* A part that was refused: halves, or the one that is alone dies. 1: cut short, before `left`. */
static int put_smaller(struct sink *k, struct ledger *before, struct part p, struct track **left,
		       struct err *err) SUSPENDS
{
	if (p.n == 1) {
		int r = put_refused(k, before, p, err);
		if (r == 0)
			ledger_advance(before, p.from, p.end);
		return r;
	}
	struct part half[2] = { { p.from, p.from, p.n / 2 }, { NULL, p.end, p.n - p.n / 2 } };
	for (size_t i = 0; i < half[0].n; i++)
		half[0].end = half[0].end->next_ready;
	half[1].from = half[0].end;
	for (int i = 0; i < 2; i++) {
		*left = half[i].from;
		/* Never before something was put: the receipt is of that. */
		if (i > 0 && is_cut_short(k->run))
			return 1;
		int r = put_part(k, before, half[i], err);
		if (r > 0)
			r = put_smaller(k, before, half[i], left, err);
		else if (r == 0)
			ledger_advance(before, half[i].from, half[i].end);
		if (r != 0)
			return r;
	}
	return 0;
}

/* A batch that a crash cut off: the sink has it up to some record, as its mark says, and its mark never goes back. */
static struct part without_had(const struct sink *k, struct ledger *before, struct part p)
{
	while (p.from && ledger_is_done(&k->ahead, p.from->split->name, p.from->ordinal)) {
		ledger_advance(before, p.from, p.from->next_ready);
		p.from = p.from->next_ready;
		p.n--;
	}
	return p;
}

static int put_rest(struct sink *k, struct part p, bool refused, struct track **left,
		    struct err *err) SUSPENDS
{
	struct ledger before;
	ledger_snapshot(&k->run->ledger, &before);
	p = without_had(k, &before, p);
	int r = p.n == 0 ? 0 : refused ? 1 : put_part(k, &before, p, err);
	if (r > 0)
		r = put_smaller(k, &before, p, left, err);
	ledger_done(&before);
	return r;
}

/* 1: cut short, and so is the list. */
static int put_to_sink(struct sink *k, struct batch_list *list, struct err *err) SUSPENDS
{
	struct part all = { list->first, NULL, list->n };
	struct track *left = NULL;
	int r = k->has_ahead ? 0 : put_part(k, &k->run->ledger, all, err);
	if (r > 0 || k->has_ahead)
		r = put_rest(k, all, r > 0, &left, err);
	if (r > 0)
		list_cut(list, left);
	return r;
}

bool run_has_own_mark(const struct run *run)
{
	for (size_t i = 0; i < run->plan->sink_count; i++)
		if (run->plan->sinks[i].facts.own_mark)
			return true;
	return false;
}

size_t run_receipts(const struct run *run, struct state_receipt ret[static PLAN_SINKS_MAX])
{
	size_t n = 0;
	ASSERT(run->plan->sink_count <= PLAN_SINKS_MAX);
	for (size_t i = 0; i < run->plan->sink_count; i++)
		if (run->sinks[i].receipt.n)
			ret[n++] = (struct state_receipt){ run->sinks[i].place->label,
							   buf_slice(&run->sinks[i].receipt) };
	return n;
}

static int put_state(struct run *run, const struct batch_list *list, struct err *err) SUSPENDS
{
	struct state_receipt receipts[PLAN_SINKS_MAX];
	AUTO(buf_done) struct buf mark = { .max = MARK_MAX };
	if (mark_put(&run->ledger, run->id, list->first, NULL, &mark) < 0)
		return fail(err, FAULT_IO, "the checkpoint is too large");
	run->mark_bytes = mark.n;
	return state_put_mark(run->state, run->id, buf_slice(&mark), receipts,
			      run_receipts(run, receipts), err);
}

int commit_ends(struct run *run, struct err *err)
{
	return run->ends_noted ? put_state(run, &(struct batch_list){ 0 }, err) : 0;
}

static void settle(struct run *run, const struct batch_list *list)
{
	for (struct track *t = list->first, *next; t; t = next) {
		next = t->next_ready;
		claims_settled(run, t);
		ledger_settle(&run->ledger, t);
	}
	ASSERT(counts_balance(&run->ledger.settled, 0));
	hk_event_set(&run->space);
}

/* Mark and receipts to the state: then it is settled. */
static int end_list(struct run *run, const struct batch_list *list, struct err *err) SUSPENDS
{
	if (claims_give_back(run, list->first, err) < 0 || put_state(run, list, err) < 0)
		return -1;
	settle(run, list);
	return 0;
}

/* 0, -1, or 1: it was cut short, and is the last. */
static int commit_list(struct run *run, struct batch_list *list, struct err *err) SUSPENDS
{
	int r = 0;
	if (list->n == 0)
		return folds_put(run, NULL, err);
	if (folds_put(run, list->first, err) < 0 ||
	    dead_put_letters(run, list->first, NULL, err) < 0 ||
	    claims_put(run, list->first, err) < 0)
		return -1;
	if (run_logs_batches(run) && recovery_put_batch(run, list->first, list->n, err) < 0)
		return -1;
	for (size_t i = 0; i < run->plan->sink_count && r == 0; i++)
		r = put_to_sink(&run->sinks[i], list, err);
	if (r < 0 || end_list(run, list, err) < 0)
		return -1;
	if (r == 0)
		folds_settled(run);
	return r;
}

int commit_again(struct run *run, struct track *first, struct err *err)
{
	struct batch_list list = { .first = first };
	for (struct track *t = first; t; t = t->next_ready) {
		list.last = t;
		list.n++;
	}
	for (size_t i = 0; i < run->plan->sink_count; i++) {
		recovery_refuse(&run->sinks[i], first);
		if (put_to_sink(&run->sinks[i], &list, err) < 0)
			return -1;
	}
	return end_list(run, &list, err);
}

/* ---- which rows go to which sinks ---- */

/* 1, 0; -1: a failing `if:` was the row's death. */
static int wants(struct sink *k, struct item *it) SUSPENDS
{
	struct env_meta meta;
	struct env env;
	struct err err = { 0 };
	char id[20];
	if (!k->place->common.when)
		return 1;
	flow_env(k->run, it, &env, &meta, id);
	int yes = jq_truth(k->place->common.when, &env, &err);
	if (yes < 0) {
		err_wrap(&err, "if: ");
		track_row_died(&k->run->ledger, it->track, it, k->place->label, &err,
			       clock_wall_ns());
		run_note_dead(k->run, k->place->label, &err);
	}
	return yes;
}

static void route_row(struct run *run, struct item *it) SUSPENDS
{
	const struct origin *o = it->track->origin;
	it->sinks = 0;
	for (size_t i = o ? o->first_sink : 0; i < run->plan->sink_count; i++) {
		int yes = wants(&run->sinks[i], it);
		if (yes < 0)
			return;
		if (yes > 0)
			it->sinks |= sink_bit(&run->sinks[i]);
	}
	if (it->sinks == 0 && !it->sent)
		track_row_unwanted(&run->ledger, it);
}

static void route(struct run *run, struct batch_list *list) SUSPENDS
{
	for (struct track *t = list->first; t; t = t->next_ready)
		for (struct item *it = track_next_row(t, NULL), *next; it; it = next) {
			next = track_next_row(t, it);
			route_row(run, it);
		}
}

static struct batch_list take_batch(struct run *run) SUSPENDS
{
	struct batch_list list = { 0 };
	uint64_t bytes = 0;
	while (ledger_peek_ready(&run->ledger) && list.n < run->batch_rows &&
	       bytes < run->batch_bytes) {
		struct track *t = ledger_take_ready(&run->ledger);
		bytes += track_bytes(t);
		list_add(&list, t);
	}
	route(run, &list);
	return list;
}

/* ---- waiting for enough ---- */
static bool batch_is_full(const struct run *run)
{
	return run->ledger.ready_count >= run->batch_rows ||
	       run->ledger.ready_bytes >= run->batch_bytes || run->work_ended || run->failing ||
	       folds_hurry(run) || rounds_hurry(run);
}

/* A mark is written whole each time. That of 100,000 files has 18 MB: it is written less often. */
static int64_t batch_wait_ns(const struct run *run)
{
	int64_t wait = (int64_t)run->mark_bytes * MARK_BYTE_NS;
	ASSERT(run->batch_every_ns <= run->batch_every_most_ns);
	if (wait > run->batch_every_most_ns)
		return run->batch_every_most_ns;
	return wait > run->batch_every_ns ? wait : run->batch_every_ns;
}

/* 1: there is a batch, or a round is, or windows are to be closed; 0: all is done; < 0: cancelled */
static int wait_batch(struct run *run) SUSPENDS
{
	int r = 0;
	while (r == 0 && !ledger_peek_ready(&run->ledger) && !folds_are_due(run) &&
	       !rounds_are_due(run)) {
		if (run->work_ended)
			return 0;
		hk_event_clear(&run->ready);
		r = hk_event_wait(&run->ready);
	}
	if (r < 0)
		return r;
	if (!batch_is_full(run) && !folds_are_due(run) && !rounds_are_due(run)) {
		hk_event_clear(&run->full);
		r = hk_event_wait_for(&run->full, batch_wait_ns(run));
	}
	return r == -ETIMEDOUT || r == 0 ? 1 : r;
}

static int commit_next(struct run *run, struct err *err) SUSPENDS
{
	int r = rounds_turn(run, err);
	if (r != 0)
		return r < 0 ? -1 : 0;
	struct batch_list list = take_batch(run);
	r = commit_list(run, &list, err);
	if (r != 0)
		return r;
	upkeep_copy_dead(run, false);
	return upkeep_drop_expired(run, err);
}

int committer_main(void *arg)
{
	struct run *run = arg;
	struct err err = { 0 };
	int r;
	while ((r = wait_batch(run)) > 0) {
		span_set(&run->committing, true);
		r = commit_next(run, &err);
		span_set(&run->committing, false);
		memory_look(run);
		if (r < 0) {
			run_abort(run, RUN_FAILED, &err);
			return 0;
		}
		if (r > 0) {
			run_stop(run); /* nobody takes what would still become ready */
			return 0;
		}
	}
	return 0;
}
