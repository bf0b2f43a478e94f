/* sql.h - a few words for SQLite, for the files of this folder
 *
 * What this room is for: the tables differ, the way to the disk does not: a job is handed to the pool of blocking threads while
 *   its caller is parked; one job at a time has the connection; what fails names the file and what was being done. */
#pragma once
#include "engine/state/state.h"
#include <hocket/sync.h>
#include <sqlite3.h>

struct state {
	sqlite3 *db;
	char *path;
	int lock;
	struct hk_mutex turn; /* one job at a time has the connection */
	/* There may be rows of their kind: what never kept any costs no look at their tables. Touched by jobs only. */
	bool has_notes, has_pages, has_batch, has_held;
	bool has_open_claims; /* put since the last mark */
};

/* What every job begins with: it lies on the caller's stack, who is parked meanwhile. */
struct sql_job {
	struct state *s;
	struct err *err;
};
/* fn(job) on a blocking thread, alone with the connection. -1 with *err, also when cancelled before it began. */
int sql_off(int (*fn)(void *job), struct sql_job *job) SUSPENDS;

int sql_fault(const struct sql_job *, const char *doing);
int sql_exec(const struct sql_job *, const char *sql, const char *doing);
int sql_prepare(const struct sql_job *, const char *sql, sqlite3_stmt **ret);
void sql_finalize(sqlite3_stmt **);
int sql_begin(const struct sql_job *);
int sql_end(const struct sql_job *, int r); /* COMMIT, or ROLLBACK when r < 0 */
/* One statement without a result; it may be bound and stepped again. */
int sql_step_done(const struct sql_job *, sqlite3_stmt *, const char *doing);
/* 1: there is a row, 0: there is none, -1 */
int sql_step_row(const struct sql_job *, sqlite3_stmt *, const char *doing);

/* A number of a run's rows: what the statement, whose ?1 is the run, gives in its first column. A job of its own. */
int sql_count(struct state *, const char *sql, const char *run_id, const char *doing, uint64_t *ret,
	      struct err *) SUSPENDS;

/* What is bound stays the caller's until the statement is reset. */
void sql_bind_text(sqlite3_stmt *, int at, struct slice);
void sql_bind_str(sqlite3_stmt *, int at, const char *);
void sql_bind_blob(sqlite3_stmt *, int at, struct slice);    /* empty: NULL */
void sql_bind_time(sqlite3_stmt *, int at, int64_t wall_ns); /* UTC text; 0: now */
struct slice sql_column(sqlite3_stmt *, int at);             /* text or blob, until the next step */
void sql_copy(sqlite3_stmt *, int at, char *to, size_t cap);
int sql_give(const struct sql_job *, sqlite3_stmt *, int at, struct buf *ret); /* appended */

/* tidy.c, within the caller's transaction: what only records on their way need. */
int tidy_look(const struct sql_job *); /* sets has_notes and its like */
int tidy_below(const struct sql_job *, const char *run_id, struct slice mark);
int tidy_batch(const struct sql_job *, const char *run_id);
/* claims.c: those that are open are settled by the mark that is being put. */
int tidy_open_claims(const struct sql_job *);
int tidy_run(const struct sql_job *, const char *run_id); /* all that is the run's */
/* A run goes on behind another, with its pages, and with the notes of records that a drain has left. */
int tidy_take_over(const struct sql_job *, const char *run_id, const char *of);
/* The same of a run of another pipeline: its notes say so, as "adopted" in `about`. */
int tidy_adopt(const struct sql_job *, const char *run_id, const char *of);
/* A run starts over, but what its source was told by others stays: the inbox of that split. */
int tidy_inherit(const struct sql_job *, const char *run_id, const char *of, struct slice split);
/* A run of the pipeline begins: what its other runs left behind cannot be taken up any more. */
int tidy_others(const struct sql_job *, const char *run_id, const char *pipeline);
