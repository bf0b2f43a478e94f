/* commit.c - ready records become durable, in batches, with the mark that says so
 *
 * What this room is for: the only place where records are settled. The order is the contract of GUARANTEES.md:
 *   (1) dead letters to the state; (2) each sink in the file's order: rows and mark; (3) mark and receipts to the state;
 *   then, in memory: settled.
 * What flows through:    ready tracks, as a list by next_ready.
 * What must hold:
 *  (1) nothing is settled before all of (1)-(3) returned. (2) a sink gets a row once: tracks remember the sinks that have
 *      theirs, so that halving a batch for one sink does not repeat rows in another.
 *  (3) when a sink says "one of these", the batch is halved until the record is alone; then it is dead. */
#include "engine/running.h"

#include "base/clock.h"
#include "engine/mark.h"
#include <errno.h>
#include <stdlib.h>

enum { SINK_RETRIES = 4, SINK_PAUSE_MS = 500 };

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

static struct batch_list list_cut_half(struct batch_list *list)
{
	struct batch_list tail = { .last = list->last, .n = list->n - list->n / 2 };
	struct track *t = list->first;
	for (size_t i = 1; i < list->n / 2; i++)
		t = t->next_ready;
	tail.first = t->next_ready;
	t->next_ready = NULL;
	list->last = t;
	list->n /= 2;
	return tail;
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

static bool has_it_already(struct sink *k, const struct track *t)
{
	if (t->sinks & (UINT64_C(1) << (k - k->run->sinks)))
		return true;
	return k->has_ahead && split_is_done(ledger_split(&k->ahead, t->split->name), t->ordinal);
}

static void collect_rows(struct sink *k, struct batch_list *list, struct rows *rows)
{
	uint64_t bit = sink_bit(k);
	for (struct track *t = list->first; t; t = t->next_ready) {
		if (has_it_already(k, t))
			continue;
		for (struct item *it = track_next_row(t, NULL); it; it = track_next_row(t, it))
			if (it->sinks & bit)
				rows_add(rows, it->rec);
	}
}

static void mark_committed(struct sink *k, struct batch_list *list)
{
	for (struct track *t = list->first; t; t = t->next_ready)
		t->sinks |= sink_bit(k);
}

/* The sink refused what is left of this one track. */
static void rows_die(struct sink *k, struct track *t, const struct err *err)
{
	for (struct item *it = track_next_row(t, NULL); it; it = track_next_row(t, it)) {
		track_row_died(&k->run->ledger, t, it, k->place->label, err, clock_wall_ns());
	}
}

static int commit_rows(struct sink *k, const struct rows *rows, struct slice mark,
		       struct err *err) SUSPENDS
{
	struct batch b = { k->run->plan->name, rows->recs, rows->n, mark };
	for (int tries = 0;; tries++) {
		*err = (struct err){ 0 };
		buf_clear(&k->receipt);
		if (k->place->port->commit(&k->site, &b, &k->receipt, err) == 0)
			return 0;
		if (err->whole || fault_policy(err) != POLICY_RETRY || tries == SINK_RETRIES)
			return -1;
		if (hk_sleep(SINK_PAUSE_MS * HK_MS << tries) < 0)
			return -1;
	}
}

/* ---- a batch ---- */
static int put_to_sink(struct sink *k, struct batch_list *list, struct slice mark,
		       struct err *err) SUSPENDS
{
	AUTO(rows_done) struct rows rows = { 0 };
	collect_rows(k, list, &rows);
	if (commit_rows(k, &rows, mark, err) < 0)
		return -1;
	k->rows += rows.n;
	mark_committed(k, list);
	return 0;
}

static int put_state(struct run *run, struct slice mark, struct err *err) SUSPENDS
{
	struct state_receipt receipts[64];
	size_t n = 0;
	ASSERT(run->plan->sink_count <= ARRAY_SIZE(receipts));
	for (size_t i = 0; i < run->plan->sink_count; i++)
		if (run->sinks[i].receipt.n)
			receipts[n++] = (struct state_receipt){ run->sinks[i].place->label,
								buf_slice(&run->sinks[i].receipt) };
	return state_put_mark(run->state, run->id, mark, receipts, n, err);
}

static void settle(struct run *run, struct batch_list *list)
{
	for (struct track *t = list->first, *next; t; t = next) {
		next = t->next_ready;
		ledger_settle(&run->ledger, t);
	}
	ASSERT(counts_balance(&run->ledger.settled, 0));
	hk_event_set(&run->space);
}

static int commit_list(struct run *run, struct batch_list list, struct err *err) SUSPENDS;

/* One of these was refused: halve, or let the one that is alone die. */
static int commit_smaller(struct sink *k, struct batch_list list, struct err *err) SUSPENDS
{
	struct run *run = k->run;
	if (list.n > 1) {
		struct batch_list tail = list_cut_half(&list);
		return commit_list(run, list, err) < 0 ? -1 : commit_list(run, tail, err);
	}
	rows_die(k, list.first, err);
	return commit_list(run, list, err);
}

static int commit_list(struct run *run, struct batch_list list, struct err *err)
{
	AUTO(buf_done) struct buf mark = { .max = 256u << 20 };
	if (dead_put_letters(run, list.first, err) < 0)
		return -1;
	if (mark_put(&run->ledger, run->id, list.first, &mark) < 0)
		return fail(err, FAULT_IO, "the checkpoint is too large");
	for (size_t i = 0; i < run->plan->sink_count; i++) {
		struct sink *k = &run->sinks[i];
		if (put_to_sink(k, &list, buf_slice(&mark), err) == 0)
			continue;
		if (err->whole || fault_policy(err) == POLICY_DEAD)
			return commit_smaller(k, list, err);
		return err_wrap(err, "to %s: ", k->place->label);
	}
	if (put_state(run, buf_slice(&mark), err) < 0)
		return -1;
	settle(run, &list);
	return 0;
}

/* ---- which rows go to which sinks ---- */

/* 1, 0; -1: a failing `if:` was the row's death. */
static int wants(struct sink *k, struct item *it)
{
	struct env_meta meta;
	struct env env;
	struct err err = { 0 };
	char id[20];
	if (!k->place->common.when)
		return 1;
	flow_env(it, &env, &meta, id);
	int yes = jq_truth(k->place->common.when, &env, &err);
	if (yes < 0) {
		err_wrap(&err, "if: ");
		track_row_died(&k->run->ledger, it->track, it, k->place->label, &err,
			       clock_wall_ns());
	}
	return yes;
}

static void route_row(struct run *run, struct item *it)
{
	it->sinks = 0;
	for (size_t i = 0; i < run->plan->sink_count; i++) {
		int yes = wants(&run->sinks[i], it);
		if (yes < 0)
			return;
		if (yes > 0)
			it->sinks |= sink_bit(&run->sinks[i]);
	}
	if (it->sinks == 0)
		track_row_unwanted(&run->ledger, it);
}

static void route(struct run *run, struct batch_list *list)
{
	for (struct track *t = list->first; t; t = t->next_ready)
		for (struct item *it = track_next_row(t, NULL), *next; it; it = next) {
			next = track_next_row(t, it);
			route_row(run, it);
		}
}

static struct batch_list take_batch(struct run *run)
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
	       run->ledger.ready_bytes >= run->batch_bytes || run->work_ended || run->failing;
}

/* 1: there is a batch; 0: all is done; < 0: cancelled */
static int wait_batch(struct run *run) SUSPENDS
{
	int r = 0;
	while (r == 0 && !ledger_peek_ready(&run->ledger)) {
		if (run->work_ended)
			return 0;
		hk_event_clear(&run->ready);
		r = hk_event_wait(&run->ready);
	}
	if (r < 0)
		return r;
	if (!batch_is_full(run)) {
		hk_event_clear(&run->full);
		r = hk_event_wait_for(&run->full, run->batch_every_ns);
	}
	return r == -ETIMEDOUT || r == 0 ? 1 : r;
}

int committer_main(void *arg)
{
	struct run *run = arg;
	struct err err = { 0 };
	int r;
	while ((r = wait_batch(run)) > 0) {
		span_set(&run->committing, true);
		r = commit_list(run, take_batch(run), &err);
		span_set(&run->committing, false);
		if (r < 0) {
			run_abort(run, RUN_FAILED, &err);
			return 0;
		}
	}
	return 0;
}
