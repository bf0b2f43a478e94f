/* review.c - the whole state, to be looked at, and reset by hand
 *
 * What this room is for: what `state show`, `state reset` and `verify` ask, in SQL; what it means is theirs.
 * What flows through:    rows, one at a time.
 * What must hold:
 *  (1) what is counted and listed is of one moment. (2) a reset takes away only what going on needs. */
#include "engine/state/review.h"
#include "engine/state/sql.h"

#include <string.h>

static int look_job(void *arg)
{
	struct sql_job *j = arg;
	AUTO(sql_finalize) sqlite3_stmt *q = NULL;
	/* The moment is that of the first look. */
	if (sql_exec(j, "BEGIN", "looking") < 0 || sql_prepare(j, "SELECT 1 FROM meta", &q) < 0)
		return -1;
	return sql_step_row(j, q, "looking") < 0 ? -1 : 0;
}

int state_look(struct state *s, struct err *err)
{
	struct sql_job j = { s, err };
	return sql_off(look_job, &j);
}

static int check_job(void *arg)
{
	struct sql_job *j = arg;
	AUTO(sql_finalize) sqlite3_stmt *q = NULL;
	if (sql_prepare(j, "PRAGMA integrity_check(1)", &q) < 0 ||
	    sql_step_row(j, q, "checking the file") < 0)
		return -1;
	struct slice said = sql_column(q, 0);
	return slice_eq_str(said, "ok")
		       ? 0
		       : fail(j->err, FAULT_BROKEN, "state file '%s' is damaged: %.*s", j->s->path,
			      SLICE(slice_head(said, 300)));
}

int state_check_file(struct state *s, struct err *err)
{
	struct sql_job j = { s, err };
	return sql_off(check_job, &j);
}

/* ---- runs ---- */
struct runs_job {
	struct sql_job job;
	review_run_fn *fn;
	void *arg;
};

static const char *text(sqlite3_stmt *q, int at)
{
	const char *s = (const char *)sqlite3_column_text(q, at);
	return s ? s : "";
}

static uint64_t count(sqlite3_stmt *q, int at)
{
	return (uint64_t)sqlite3_column_int64(q, at);
}

static int runs_job(void *arg)
{
	struct runs_job *j = arg;
	AUTO(sql_finalize) sqlite3_stmt *q = NULL;
	int r;
	if (sql_prepare(&j->job,
			"SELECT id, pipeline, kind, status, started, ended, continues, begun, mark,"
			" (SELECT count(*) FROM dead WHERE run = run.id), dropped,"
			" (SELECT count(*) FROM note WHERE run = run.id),"
			" (SELECT count(*) FROM inbox WHERE run = run.id),"
			" (SELECT count(*) FROM batch WHERE run = run.id),"
			" (SELECT count(*) FROM held WHERE run = run.id)"
			" FROM run ORDER BY rowid DESC",
			&q) < 0)
		return -1;
	while ((r = sql_step_row(&j->job, q, "reading the runs")) > 0) {
		const struct review_run run = {
			.id = text(q, 0),
			.pipeline = text(q, 1),
			.kind = text(q, 2),
			.status = text(q, 3),
			.started = text(q, 4),
			.ended = text(q, 5),
			.continues = text(q, 6),
			.begun = sql_column(q, 7),
			.mark = sql_column(q, 8),
			.letters = count(q, 9),
			.dropped = count(q, 10),
			.notes = count(q, 11),
			.pages = count(q, 12),
			.batch = count(q, 13),
			.held = count(q, 14),
		};
		if (j->fn(j->arg, &run, j->job.err) < 0)
			return -1;
	}
	return r;
}

int state_each_run(struct state *s, review_run_fn *fn, void *arg, struct err *err)
{
	struct runs_job j = { { s, err }, fn, arg };
	return sql_off(runs_job, &j.job);
}

/* ---- receipts ---- */
struct receipts_job {
	struct sql_job job;
	const char *run_id;
	review_receipt_fn *fn;
	void *arg;
};

static int receipts_job(void *arg)
{
	struct receipts_job *j = arg;
	AUTO(sql_finalize) sqlite3_stmt *q = NULL;
	int r;
	if (sql_prepare(&j->job, "SELECT sink, receipt FROM receipt WHERE run = ? ORDER BY sink",
			&q) < 0)
		return -1;
	sql_bind_str(q, 1, j->run_id);
	while ((r = sql_step_row(&j->job, q, "reading the receipts")) > 0)
		if (j->fn(j->arg, text(q, 0), sql_column(q, 1), j->job.err) < 0)
			return -1;
	return r;
}

int state_each_receipt(struct state *s, const char *run_id, review_receipt_fn *fn, void *arg,
		       struct err *err)
{
	struct receipts_job j = { { s, err }, run_id, fn, arg };
	return sql_off(receipts_job, &j.job);
}

/* ---- rows of records ---- */
struct rows_job {
	struct sql_job job;
	const char *run_id, *sql;
	review_row_fn *fn;
	void *arg;
};

static int rows_job(void *arg)
{
	struct rows_job *j = arg;
	AUTO(sql_finalize) sqlite3_stmt *q = NULL;
	int r;
	if (sql_prepare(&j->job, j->sql, &q) < 0)
		return -1;
	sql_bind_str(q, 1, j->run_id);
	while ((r = sql_step_row(&j->job, q, "reading what is kept")) > 0) {
		const struct review_row row = { text(q, 0), count(q, 1), sql_column(q, 2) };
		if (j->fn(j->arg, &row, j->job.err) < 0)
			return -1;
	}
	return r;
}

int state_each_row(struct state *s, const char *run_id, enum review_kind kind, review_row_fn *fn,
		   void *arg, struct err *err)
{
	static const char *const all[] = {
		[REVIEW_LETTER] =
			"SELECT split, ordinal, '' FROM dead WHERE run = ? ORDER BY rowid",
		[REVIEW_NOTE] = "SELECT split, ordinal, '' FROM note WHERE run = ? ORDER BY rowid",
		[REVIEW_BATCH] = "SELECT split, ordinal, '' FROM batch WHERE run = ? ORDER BY at",
		[REVIEW_PAGE] = "SELECT split, until, base FROM inbox WHERE run = ? ORDER BY rowid",
		[REVIEW_HELD] = "SELECT fold, first + gives - 1, '' FROM held_window WHERE run = ?",
		[REVIEW_TORN] =
			"SELECT fold, first, '' FROM held_window AS w WHERE run = ? AND n <>"
			" (SELECT count(*) FROM held WHERE run = w.run AND fold = w.fold"
			" AND held.first = w.number)",
	};
	ASSERT((size_t)kind < ARRAY_SIZE(all));
	struct rows_job j = { { s, err }, run_id, all[kind], fn, arg };
	return sql_off(rows_job, &j.job);
}

/* ---- totals ---- */
struct total_job {
	struct sql_job job;
	struct review_total *total;
};

/* A replay that was killed before it began has letters of its own already; they are open. */
static int total_job(void *arg)
{
	struct total_job *j = arg;
	AUTO(sql_finalize) sqlite3_stmt *q = NULL;
	if (sql_prepare(
		    &j->job,
		    "SELECT (SELECT count(*) FROM answer), (SELECT count(*) FROM dead),"
		    " (SELECT count(replayed_by) FROM dead),"
		    " (SELECT count(*) FROM (SELECT run FROM receipt UNION ALL SELECT run FROM dead"
		    " UNION ALL SELECT run FROM note UNION ALL SELECT run FROM inbox"
		    " UNION ALL SELECT run FROM batch UNION ALL SELECT run FROM batch_row"
		    " UNION ALL SELECT run FROM held UNION ALL SELECT run FROM held_window)"
		    " WHERE run NOT IN (SELECT id FROM run)),"
		    " (SELECT page_count * page_size FROM pragma_page_count, pragma_page_size)",
		    &q) < 0 ||
	    sql_step_row(&j->job, q, "counting what is kept") < 0)
		return -1;
	*j->total = (struct review_total){ count(q, 0), count(q, 1), count(q, 2), count(q, 3),
					   count(q, 4) };
	return 0;
}

int state_total(struct state *s, struct review_total *ret, struct err *err)
{
	struct total_job j = { { s, err }, ret };
	return sql_off(total_job, &j.job);
}

/* ---- reset ---- */
struct reset_job {
	struct sql_job job;
	const char *pipeline;
	uint64_t *runs;
};

static int put_reset(const struct reset_job *j)
{
	AUTO(sql_finalize) sqlite3_stmt *q = NULL;
	if (sql_prepare(&j->job,
			"UPDATE run SET status = 'reset' WHERE pipeline = ? AND kind = 'run'"
			" AND status <> 'reset'",
			&q) < 0)
		return -1;
	sql_bind_str(q, 1, j->pipeline);
	int r = sql_step_done(&j->job, q, "resetting");
	*j->runs = (uint64_t)sqlite3_changes64(j->job.s->db);
	return r;
}

static int reset_job(void *arg)
{
	struct reset_job *j = arg;
	if (sql_begin(&j->job) < 0)
		return -1;
	int r = put_reset(j);
	if (r == 0)
		r = tidy_others(&j->job, "", j->pipeline);
	return sql_end(&j->job, r);
}

int state_reset(struct state *s, const char *pipeline, uint64_t *ret_runs, struct err *err)
{
	struct reset_job j = { { s, err }, pipeline, ret_runs };
	return sql_off(reset_job, &j.job);
}
