/* batch.c - the batch on its way to several sinks, put down before the first of them sees it
 *
 * What this room is for: after a crash between two sinks the second gets the rows that the first has.
 * What flows through:    tracks and their rows in, in one commit; out again one track at a time.
 * What must hold:
 *  (1) the batch is synced when its call returns, and the one before it is gone in the same commit.
 *  (2) tracks and rows come back in the order in which they were put, whatever their paths sort like. */
#include "engine/state/batch.h"
#include "engine/state/sql.h"

#include "base/arena.h"
#include <string.h>

/* ---- putting ---- */
struct put_job {
	struct sql_job job;
	const char *run_id;
	const struct batch_track *tracks;
	size_t n;
	sqlite3_stmt *track, *row;
};

static int put_row(const struct put_job *j, size_t at, const struct batch_row *row)
{
	sql_bind_str(j->row, 1, j->run_id);
	sqlite3_bind_int64(j->row, 2, (int64_t)at);
	sql_bind_text(j->row, 3, row->path);
	sqlite3_bind_int64(j->row, 4, (int64_t)row->id);
	sqlite3_bind_int64(j->row, 5, (int64_t)row->sinks);
	sql_bind_text(j->row, 6, row->record);
	sql_bind_blob(j->row, 7, row->blobs);
	return sql_step_done(&j->job, j->row, "keeping a row of the batch");
}

static int put_track(const struct put_job *j, size_t at)
{
	const struct batch_track *t = &j->tracks[at];
	sql_bind_str(j->track, 1, j->run_id);
	sqlite3_bind_int64(j->track, 2, (int64_t)at);
	sql_bind_str(j->track, 3, t->split);
	sqlite3_bind_int64(j->track, 4, (int64_t)t->ordinal);
	sqlite3_bind_int64(j->track, 5, (int64_t)t->line);
	sql_bind_text(j->track, 6, t->base);
	sqlite3_bind_int64(j->track, 7, (int64_t)t->offset);
	sql_bind_text(j->track, 8, t->counts);
	sql_bind_text(j->track, 9, t->original);
	int r = sql_step_done(&j->job, j->track, "keeping the batch");
	for (size_t i = 0; i < t->n && r == 0; i++)
		r = put_row(j, at, &t->rows[i]);
	return r;
}

static int put_all(struct put_job *j)
{
	if (j->job.s->has_batch && tidy_batch(&j->job, j->run_id) < 0)
		return -1;
	j->job.s->has_batch = true;
	int r = 0;
	for (size_t i = 0; i < j->n && r == 0; i++)
		r = put_track(j, i);
	return r;
}

static int put_job(void *arg)
{
	struct put_job *j = arg;
	AUTO(sql_finalize) sqlite3_stmt *track = NULL;
	AUTO(sql_finalize) sqlite3_stmt *row = NULL;
	if (sql_prepare(&j->job, "INSERT INTO batch VALUES(?,?,?,?,?,?,?,?,?)", &track) < 0 ||
	    sql_prepare(&j->job, "INSERT INTO batch_row VALUES(?,?,?,?,?,?,?)", &row) < 0 ||
	    sql_begin(&j->job) < 0)
		return -1;
	j->track = track;
	j->row = row;
	return sql_end(&j->job, put_all(j));
}

int state_put_batch(struct state *s, const char *run_id, const struct batch_track *tracks, size_t n,
		    struct err *err)
{
	struct put_job j = { { s, err }, run_id, tracks, n, NULL, NULL };
	return sql_off(put_job, &j.job);
}

/* ---- going through it ---- */
struct each_job {
	struct sql_job job;
	const char *run_id;
	state_batch_fn *fn;
	void *arg;
	struct arena *arena; /* of the track at hand */
	sqlite3_stmt *row;
};

struct rows {
	struct batch_row *v;
	size_t n, cap;
};

static void rows_done(struct rows *r)
{
	freep(&r->v);
}

static struct slice keep(const struct each_job *j, sqlite3_stmt *q, int at)
{
	return arena_copy(j->arena, sql_column(q, at));
}

static int read_rows(const struct each_job *j, int64_t at, struct rows *rows)
{
	int r;
	sql_bind_str(j->row, 1, j->run_id);
	sqlite3_bind_int64(j->row, 2, at);
	while ((r = sql_step_row(&j->job, j->row, "reading the batch")) > 0) {
		if (rows->n == rows->cap) {
			rows->cap = rows->cap ? rows->cap * 2 : 8;
			rows->v = xrealloc(rows->v, rows->cap, sizeof(*rows->v));
		}
		rows->v[rows->n++] = (struct batch_row){
			.path = keep(j, j->row, 0),
			.id = (uint64_t)sqlite3_column_int64(j->row, 1),
			.sinks = (uint64_t)sqlite3_column_int64(j->row, 2),
			.record = keep(j, j->row, 3),
			.blobs = keep(j, j->row, 4),
		};
	}
	sqlite3_reset(j->row);
	return r;
}

static int give_track(const struct each_job *j, sqlite3_stmt *q)
{
	AUTO(rows_done) struct rows rows = { 0 };
	if (read_rows(j, sqlite3_column_int64(q, 0), &rows) < 0)
		return -1;
	const struct batch_track t = {
		.split = keep(j, q, 1).p,
		.ordinal = (uint64_t)sqlite3_column_int64(q, 2),
		.line = (uint64_t)sqlite3_column_int64(q, 3),
		.base = keep(j, q, 4),
		.offset = (uint64_t)sqlite3_column_int64(q, 5),
		.counts = keep(j, q, 6),
		.original = keep(j, q, 7),
		.rows = rows.v,
		.n = rows.n,
	};
	int r = j->fn(j->arg, &t, j->job.err);
	arena_reset(j->arena);
	return r;
}

static int each_job(void *arg)
{
	struct each_job *j = arg;
	AUTO(sql_finalize) sqlite3_stmt *all = NULL;
	AUTO(sql_finalize) sqlite3_stmt *row = NULL;
	AUTO(arena_freep) struct arena *arena = arena_new();
	int r;
	if (sql_prepare(&j->job,
			"SELECT at, split, ordinal, line, base, offset, counts, original FROM batch"
			" WHERE run = ? ORDER BY at",
			&all) < 0 ||
	    sql_prepare(&j->job,
			"SELECT path, id, sinks, record, blobs FROM batch_row"
			" WHERE run = ? AND at = ? ORDER BY rowid",
			&row) < 0)
		return -1;
	j->arena = arena;
	j->row = row;
	sql_bind_str(all, 1, j->run_id);
	while ((r = sql_step_row(&j->job, all, "reading the batch")) > 0)
		if (give_track(j, all) < 0)
			return -1;
	return r;
}

int state_each_batch(struct state *s, const char *run_id, state_batch_fn *fn, void *arg,
		     struct err *err)
{
	struct each_job j = { { s, err }, run_id, fn, arg, NULL, NULL };
	return sql_off(each_job, &j.job);
}
