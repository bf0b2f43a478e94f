/* runs.c - runs, their marks and their sinks' receipts
 *
 * What this room is for: where a run stands, in one row; what its sinks need to go on, in one row each.
 * What flows through:    marks and receipts as text.
 * What must hold:
 *  (1) a mark is synced when its call returns. (2) what was noted of records that the mark has passed goes in the same commit. */
#include "engine/state/sql.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the last run ---- */
struct last_job {
	struct sql_job job;
	const char *pipeline;
	struct state_run *run;
};

/* A clock that was set back says nothing; that of long ago is long ago. */
static int64_t ago_ns(int64_t ms)
{
	const int64_t most = 365 * 86400000LL;
	return ms <= 0 ? 0 : (ms < most ? ms : most) * 1000000;
}

static int last_run_job(void *arg)
{
	struct last_job *j = arg;
	AUTO(sql_finalize) sqlite3_stmt *q = NULL;
	char hash[32];
	if (sql_prepare(&j->job,
			"SELECT id, hash, status, mark, ended, parts,"
			" CASE status WHEN 'running' THEN 0 ELSE"
			" (julianday('now') - julianday(ended)) * 86400e3 END FROM run WHERE "
			"pipeline = ? "
			"AND kind = 'run' AND status <> 'reset' ORDER BY rowid DESC LIMIT 1",
			&q) < 0)
		return -1;
	sql_bind_str(q, 1, j->pipeline);
	int r = sql_step_row(&j->job, q, "reading the last run");
	if (r <= 0)
		return r;
	sql_copy(q, 0, j->run->id, sizeof j->run->id);
	sql_copy(q, 1, hash, sizeof hash);
	sql_copy(q, 2, j->run->status, sizeof j->run->status);
	sql_copy(q, 4, j->run->ended, sizeof j->run->ended);
	j->run->hash = strtoull(hash, NULL, 16);
	j->run->ended_ago_ns = ago_ns(sqlite3_column_int64(q, 6));
	j->run->found = true;
	r = sql_give(&j->job, q, 3, &j->run->mark);
	return r < 0 ? r : sql_give(&j->job, q, 5, &j->run->parts);
}

void state_run_done(struct state_run *run)
{
	buf_done(&run->mark);
	buf_done(&run->parts);
}

bool state_run_is(const struct state_run *run, const char *status)
{
	return strcmp(run->status, status) == 0;
}

bool state_run_is_whole(const struct state_run *run)
{
	return state_run_is(run, "finished") || state_run_is(run, "limited");
}

int state_last_run(struct state *s, const char *pipeline, struct state_run *ret, struct err *err)
{
	struct last_job j = { { s, err }, pipeline, ret };
	*ret = (struct state_run){ 0 };
	return sql_off(last_run_job, &j.job);
}

/* ---- beginning and ending ---- */
static int put_receipts(const struct sql_job *j, const char *run_id,
			const struct state_receipt *receipts, size_t n)
{
	AUTO(sql_finalize) sqlite3_stmt *q = NULL;
	int r = sql_prepare(j, "INSERT OR REPLACE INTO receipt VALUES(?,?,?)", &q);
	for (size_t i = 0; i < n && r == 0; i++) {
		sql_bind_str(q, 1, run_id);
		sql_bind_str(q, 2, receipts[i].sink);
		sql_bind_text(q, 3, receipts[i].receipt);
		r = sql_step_done(j, q, "keeping a receipt");
	}
	return r;
}

struct begin_job {
	struct sql_job job;
	const char *run_id;
	const struct state_start *start;
};

static int put_run(const struct begin_job *j)
{
	AUTO(sql_finalize) sqlite3_stmt *q = NULL;
	char hash[32];
	snprintf(hash, sizeof hash, "%016llx", (unsigned long long)j->start->hash);
	if (sql_prepare(&j->job,
			"INSERT INTO run(id, pipeline, hash, started, status, mark, kind, "
			"continues, parts, begun) VALUES(?1, ?2, ?3, ?4, 'running', ?5, ?6, ?7, "
			"?8, ?5)",
			&q) < 0)
		return -1;
	sql_bind_str(q, 1, j->run_id);
	sql_bind_str(q, 2, j->start->pipeline);
	sql_bind_str(q, 3, hash);
	sql_bind_time(q, 4, 0);
	sql_bind_text(q, 5, j->start->mark);
	sql_bind_str(q, 6, j->start->kind);
	sql_bind_str(q, 7, j->start->redoes ? j->start->redoes : j->start->continues);
	sql_bind_text(q, 8, j->start->parts.p ? j->start->parts : S(""));
	return sql_step_done(&j->job, q, "beginning a run");
}

static int begin_job(void *arg)
{
	struct begin_job *j = arg;
	if (sql_begin(&j->job) < 0)
		return -1;
	int r = put_run(j);
	if (r == 0)
		r = put_receipts(&j->job, j->run_id, j->start->receipts, j->start->n);
	if (r == 0 && j->start->continues[0])
		r = tidy_take_over(&j->job, j->run_id, j->start->continues);
	if (r == 0 && j->start->adopts && j->start->adopts[0])
		r = tidy_adopt(&j->job, j->run_id, j->start->adopts);
	if (r == 0 && j->start->inherits && j->start->inherits[0])
		r = tidy_inherit(&j->job, j->run_id, j->start->inherits, j->start->told);
	if (r == 0 && strcmp(j->start->kind, "run") == 0)
		r = tidy_others(&j->job, j->run_id, j->start->pipeline);
	return sql_end(&j->job, r);
}

int state_begin(struct state *s, const char *run_id, const struct state_start *start,
		struct err *err)
{
	struct begin_job j = { { s, err }, run_id, start };
	return sql_off(begin_job, &j.job);
}

struct end_job {
	struct sql_job job;
	const char *run_id, *status;
};

static int put_end(const struct end_job *j)
{
	AUTO(sql_finalize) sqlite3_stmt *q = NULL;
	if (sql_prepare(&j->job, "UPDATE run SET status = ?, ended = ? WHERE id = ?", &q) < 0)
		return -1;
	sql_bind_str(q, 1, j->status);
	sql_bind_time(q, 2, 0);
	sql_bind_str(q, 3, j->run_id);
	return sql_step_done(&j->job, q, "ending the run");
}

static int end_job(void *arg)
{
	struct end_job *j = arg;
	if (sql_begin(&j->job) < 0)
		return -1;
	int r = put_end(j);
	if (r == 0 && strcmp(j->status, "finished") == 0)
		r = tidy_run(&j->job, j->run_id);
	return sql_end(&j->job, r);
}

int state_end(struct state *s, const char *run_id, const char *status, struct err *err)
{
	struct end_job j = { { s, err }, run_id, status };
	return sql_off(end_job, &j.job);
}

/* ---- marks and receipts ---- */
struct mark_job {
	struct sql_job job;
	const char *run_id;
	struct slice mark;
	const struct state_receipt *receipts;
	size_t n;
	const char *const *splits; /* whose pages go */
	size_t split_count;
};

static int put_mark(const struct mark_job *j)
{
	AUTO(sql_finalize) sqlite3_stmt *q = NULL;
	if (sql_prepare(&j->job, "UPDATE run SET mark = ?, status = 'running' WHERE id = ?", &q) <
	    0)
		return -1;
	sql_bind_text(q, 1, j->mark);
	sql_bind_str(q, 2, j->run_id);
	return sql_step_done(&j->job, q, "keeping the checkpoint");
}

static int drop_pages(const struct mark_job *j)
{
	AUTO(sql_finalize) sqlite3_stmt *q = NULL;
	int r = 0;
	if (j->split_count == 0 || !j->job.s->has_pages)
		return 0;
	if (sql_prepare(&j->job, "DELETE FROM inbox WHERE run = ? AND split = ?", &q) < 0)
		return -1;
	for (size_t i = 0; i < j->split_count && r == 0; i++) {
		sql_bind_str(q, 1, j->run_id);
		sql_bind_str(q, 2, j->splits[i]);
		r = sql_step_done(&j->job, q, "dropping pages");
	}
	return r;
}

static int mark_job(void *arg)
{
	struct mark_job *j = arg;
	if (sql_begin(&j->job) < 0)
		return -1;
	int r = put_mark(j);
	if (r == 0)
		r = put_receipts(&j->job, j->run_id, j->receipts, j->n);
	if (r == 0)
		r = tidy_open_claims(&j->job);
	if (r == 0)
		r = tidy_below(&j->job, j->run_id, j->mark);
	if (r == 0)
		r = drop_pages(j);
	return sql_end(&j->job, r);
}

int state_put_mark(struct state *s, const char *run_id, struct slice mark,
		   const struct state_receipt *receipts, size_t n, struct err *err)
{
	struct mark_job j = { { s, err }, run_id, mark, receipts, n, NULL, 0 };
	return sql_off(mark_job, &j.job);
}

int state_put_round(struct state *s, const char *run_id, struct slice mark,
		    const struct state_receipt *receipts, size_t n, const char *const *splits,
		    size_t split_count, struct err *err)
{
	struct mark_job j = { { s, err }, run_id, mark, receipts, n, splits, split_count };
	return sql_off(mark_job, &j.job);
}

struct change_job {
	struct sql_job job;
	const char *run_id;
	uint64_t hash;
	struct slice parts;
};

static int change_job(void *arg)
{
	struct change_job *j = arg;
	AUTO(sql_finalize) sqlite3_stmt *q = NULL;
	char hash[32];
	snprintf(hash, sizeof hash, "%016llx", (unsigned long long)j->hash);
	if (sql_prepare(&j->job, "UPDATE run SET hash = ?, parts = ? WHERE id = ?", &q) < 0)
		return -1;
	sql_bind_str(q, 1, hash);
	sql_bind_text(q, 2, j->parts);
	sql_bind_str(q, 3, j->run_id);
	return sql_step_done(&j->job, q, "noting a change of the pipeline");
}

int state_change_run(struct state *s, const char *run_id, uint64_t hash, struct slice parts,
		     struct err *err)
{
	struct change_job j = { { s, err }, run_id, hash, parts };
	return sql_off(change_job, &j.job);
}

struct holder_job {
	struct sql_job job;
	const char *run_id;
	state_holder *fn;
	void *arg;
};

static int holder_job(void *arg)
{
	struct holder_job *j = arg;
	AUTO(sql_finalize) sqlite3_stmt *q = NULL;
	int r;
	if (sql_prepare(&j->job, "SELECT DISTINCT fold FROM held WHERE run = ?", &q) < 0)
		return -1;
	sql_bind_str(q, 1, j->run_id);
	while ((r = sql_step_row(&j->job, q, "looking for what steps hold")) > 0)
		j->fn(j->arg, (const char *)sqlite3_column_text(q, 0));
	return r;
}

int state_each_holder(struct state *s, const char *run_id, state_holder *fn, void *arg,
		      struct err *err)
{
	struct holder_job j = { { s, err }, run_id, fn, arg };
	return sql_off(holder_job, &j.job);
}

struct receipt_job {
	struct sql_job job;
	const char *run_id, *sink;
	struct buf *text;
	bool *found;
};

static int receipt_job(void *arg)
{
	struct receipt_job *j = arg;
	AUTO(sql_finalize) sqlite3_stmt *q = NULL;
	if (sql_prepare(&j->job, "SELECT receipt FROM receipt WHERE run = ? AND sink = ?", &q) < 0)
		return -1;
	sql_bind_str(q, 1, j->run_id);
	sql_bind_str(q, 2, j->sink);
	int r = sql_step_row(&j->job, q, "reading a receipt");
	if (r <= 0)
		return r;
	*j->found = true;
	return sql_give(&j->job, q, 0, j->text);
}

int state_get_receipt(struct state *s, const char *run_id, const char *sink, struct buf *ret,
		      bool *found, struct err *err)
{
	struct receipt_job j = { { s, err }, run_id, sink, ret, found };
	*found = false;
	return sql_off(receipt_job, &j.job);
}
