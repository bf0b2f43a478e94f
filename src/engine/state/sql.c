/* sql.c - a few words for SQLite that all tables of the state use
 *
 * What this room is for: the way from a fiber to the disk, once.
 * What flows through:    jobs, on their callers' stacks.
 * What must hold:
 *  (1) one job at a time has the connection. (2) nothing here retries a failed sync: the run stops, resumable (I5).
 *  (3) a failed statement rolls its transaction back and names the file and what was being done. */
#include "engine/state/sql.h"

#include "base/clock.h"
#include <errno.h>
#include <hocket/offload.h>
#include <stdio.h>

int sql_off(int (*fn)(void *), struct sql_job *job)
{
	int r = hk_mutex_lock(&job->s->turn);
	if (r == 0) {
		r = hk_offload(fn, job);
		hk_mutex_unlock(&job->s->turn);
	}
	return r < 0 && job->err->fault == FAULT_NONE
		       ? fail_errno(job->err, FAULT_IO, r, "state file '%s'", job->s->path)
		       : r;
}

/* A disk that fails may work again; a file that is damaged or none of ours does not. */
static enum fault fault_of(sqlite3 *db)
{
	int primary = sqlite3_errcode(db) & 0xff;
	return primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB ? FAULT_BROKEN : FAULT_IO;
}

/* What a failed sync did not write can still be read: it must not go from the log into the database, where it would be mixed
 * with what is there for good. The log stays as it is for the next process. */
static void leave_log(sqlite3 *db)
{
	if ((sqlite3_errcode(db) & 0xff) != SQLITE_IOERR)
		return;
	sqlite3_wal_autocheckpoint(db, 0);
	sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
}

int sql_fault(const struct sql_job *j, const char *doing)
{
	leave_log(j->s->db);
	if (j->err && sqlite3_errcode(j->s->db) == SQLITE_FULL)
		j->err->code =
			ENOSPC; /* what it was to write is rolled back, and nothing else is hurt */
	return fail(j->err, fault_of(j->s->db), "state file '%s': %s: %s", j->s->path, doing,
		    sqlite3_errmsg(j->s->db));
}

int sql_exec(const struct sql_job *j, const char *sql, const char *doing)
{
	return sqlite3_exec(j->s->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : sql_fault(j, doing);
}

int sql_prepare(const struct sql_job *j, const char *sql, sqlite3_stmt **ret)
{
	return sqlite3_prepare_v2(j->s->db, sql, -1, ret, NULL) == SQLITE_OK
		       ? 0
		       : sql_fault(j, "preparing");
}

void sql_finalize(sqlite3_stmt **q)
{
	sqlite3_finalize(*q);
}

int sql_begin(const struct sql_job *j)
{
	return sql_exec(j, "BEGIN IMMEDIATE", "beginning");
}

int sql_end(const struct sql_job *j, int r)
{
	if (r >= 0)
		r = sql_exec(j, "COMMIT", "committing");
	if (r < 0)
		sqlite3_exec(j->s->db, "ROLLBACK", NULL, NULL, NULL);
	return r;
}

int sql_step_done(const struct sql_job *j, sqlite3_stmt *q, const char *doing)
{
	int rc = sqlite3_step(q);
	int r = rc == SQLITE_DONE ? 0 : sql_fault(j, doing);
	sqlite3_reset(q);
	return r;
}

int sql_step_row(const struct sql_job *j, sqlite3_stmt *q, const char *doing)
{
	int rc = sqlite3_step(q);
	return rc == SQLITE_ROW ? 1 : rc == SQLITE_DONE ? 0 : sql_fault(j, doing);
}

void sql_bind_text(sqlite3_stmt *q, int at, struct slice s)
{
	sqlite3_bind_text64(q, at, s.p ? s.p : "", s.n, SQLITE_STATIC, SQLITE_UTF8);
}

void sql_bind_str(sqlite3_stmt *q, int at, const char *s)
{
	sql_bind_text(q, at, slice_str(s));
}

void sql_bind_blob(sqlite3_stmt *q, int at, struct slice s)
{
	if (s.n)
		sqlite3_bind_blob64(q, at, s.p, s.n, SQLITE_STATIC);
	else
		sqlite3_bind_null(q, at);
}

void sql_bind_time(sqlite3_stmt *q, int at, int64_t wall_ns)
{
	AUTO(buf_done) struct buf text = { .max = 64 };
	if (clock_put_utc(&text, wall_ns ? wall_ns : clock_wall_ns()) == 0)
		sqlite3_bind_text(q, at, text.p, (int)text.n, SQLITE_TRANSIENT);
}

struct slice sql_column(sqlite3_stmt *q, int at)
{
	const void *p = sqlite3_column_type(q, at) == SQLITE_BLOB
				? sqlite3_column_blob(q, at)
				: (const void *)sqlite3_column_text(q, at);
	return (struct slice){ p, (size_t)sqlite3_column_bytes(q, at) };
}

void sql_copy(sqlite3_stmt *q, int at, char *to, size_t cap)
{
	snprintf(to, cap, "%.*s", SLICE(sql_column(q, at)));
}

int sql_give(const struct sql_job *j, sqlite3_stmt *q, int at, struct buf *ret)
{
	int r = buf_add(ret, sql_column(q, at));
	return r < 0 ? fail_errno(j->err, FAULT_IO, r, "state file '%s': reading it", j->s->path)
		     : 0;
}

struct count_job {
	struct sql_job job;
	const char *sql, *run_id, *doing;
	uint64_t *ret;
};

static int count_job(void *arg)
{
	struct count_job *j = arg;
	AUTO(sql_finalize) sqlite3_stmt *q = NULL;
	if (sql_prepare(&j->job, j->sql, &q) < 0)
		return -1;
	sql_bind_str(q, 1, j->run_id);
	int r = sql_step_row(&j->job, q, j->doing);
	if (r > 0)
		*j->ret = (uint64_t)sqlite3_column_int64(q, 0);
	return r < 0 ? r : 0;
}

int sql_count(struct state *s, const char *sql, const char *run_id, const char *doing,
	      uint64_t *ret, struct err *err)
{
	struct count_job j = { { s, err }, sql, run_id, doing, ret };
	*ret = 0;
	return sql_off(count_job, &j.job);
}
