/* db_sqlite.h - one SQLite connection, for the rooms that make it up
 *
 * What this room is for: db_sqlite.c (pool, jobs), db_sqlite_statement.c (statements, values), db_sqlite_run.c and db_sqlite_stream.c share
 *   these words. What is marked "in a job" runs in a thread of the pool for blocking calls, one at a time for a connection.
 * What must hold: (1) between jobs the loop may read a connection's state; during one only `stop` is touched. (2) a job that was cancelled is
 *   waited for: it is interrupted first, and its memory is the caller's stack. (3) no thread waits long for a lock: a job that finds the
 *   database busy has done nothing and is made again later by its task, so that those who hold the lock find a thread. */
#pragma once
#include "io/db/db_.h"
#include <hocket/sync.h>
#include <sqlite3.h>
#include <stdatomic.h>

enum { LITE_STATEMENTS = 32, LITE_PARAMS = 32766 };

struct lite_statement {
	sqlite3_stmt *stmt; /* owns */
	uint64_t hash, used;
	char *text; /* owns */
	size_t text_n;
	unsigned *numbers; /* owns; of each place in the statement, which parameter stands there */
	size_t places, params;
	struct buf keys; /* {"name": of each column, one after the other */
	size_t *key_ends;
	size_t columns;
	bool busy; /* a stream has it */
};

struct lite {
	struct db db;
	sqlite3 *conn;
	struct lite_statement statements[LITE_STATEMENTS];
	uint64_t uses;
	atomic_bool stop;          /* the job is to end early */
	int64_t patience_until_ns; /* in a job: how long its busy handler sleeps */
	bool streaming;
};
static inline struct lite *lite_of(const struct db *d)
{
	return container_of(d, struct lite, db);
}

/* ---- jobs ---- */
struct lite_job {
	struct lite *lite;
	int (*fn)(struct lite_job *); /* 0; -1: *err */
	struct err err;
	bool busy; /* fn found a lock and changed nothing: make it again */
	struct hk_event over;
	int result;
};
/* Runs it off the loop, again while it is busy, for some seconds. */
MUST int lite_do(struct lite_job *, struct err *) SUSPENDS;

/* ---- in a job ---- */
/* SQLite's last failure in this job; text: the statement, for the place. -1 */
int lite_fail(struct lite_job *, struct slice text);
/* A prepared, checked statement, its own or a kept one; NULL: told. */
struct lite_statement *lite_statement_get(struct lite_job *, struct slice text);
void lite_statements_done(struct lite *);
MUST int lite_bind(struct lite_job *, struct lite_statement *, const struct db_call *);
MUST int lite_put_row(const struct lite_statement *, struct buf *out);
MUST int lite_word(struct lite_job *, const char *words); /* BEGIN, COMMIT */

/* ---- the operations ---- */
int lite_run(struct db *, struct db_call *, size_t n, uint64_t max_bytes, struct err *) SUSPENDS;
int lite_describe(struct db *, struct slice text, struct db_shape *ret, struct err *) SUSPENDS;
int lite_stream_open(struct db *, struct slice text, const struct slice *params, size_t n,
		     struct db_stream **ret, struct err *) SUSPENDS;
int lite_stream_next(struct db_stream *, struct buf *out, struct err *) SUSPENDS;
void lite_stream_free(struct db_stream *);
