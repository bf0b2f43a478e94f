/* to_sqlite.c - write records to a table of a SQLite file; rows and checkpoint in one transaction
 *
 * What this room is for: the sink with the strongest promise: what is in the table is exactly what the mark says.
 * What flows through:    batches of records; each is one transaction: BEGIN IMMEDIATE, rows, mark, COMMIT.
 * What must hold:
 *  (1) table hocket_mark of the same database holds the mark; it changes only in the transaction that writes its rows.
 *  (2) one connection, used by one off-loaded call at a time; the loop never waits for the disk.
 *  (3) after a fault everything is rolled back, tables and columns that were made for it included.
 *  (4) WAL with synchronous=FULL: what COMMIT said is there after a power cut. */
#include "base/banned.h"
#include "connectors/sql/database.h"
#include "connectors/sql/sqlite_table.h"
#include "engine/port.h"
#include <errno.h>
#include <hocket/file.h>
#include <hocket/offload.h>
#include <hocket/scope.h>
#include <hocket/types.h>

#define BUSY_MS      5000
#define CLOSE_BUDGET (10 * HK_SEC)

struct sqlite_sink {
	const char *path, *table;
	struct opt_list key;
	struct database_retry *retry;
};
struct sqlite_writer {
	sqlite3 *db;
	sqlite3_stmt *mark;
	struct table table;
};

static const struct opt options[] = {
	OPT("sqlite", struct sqlite_sink, path, OPT_PATH, const char *, .verb = true,
	    .required = true, .doc = "database file; made when missing"),
	OPT("table", struct sqlite_sink, table, OPT_STRING, const char *, .required = true,
	    .doc = "table to write to; made from the first records when missing"),
	OPT("key", struct sqlite_sink, key, OPT_LIST, struct opt_list, .of = OPT_STRING,
	    .doc = "columns that identify a row: a record with the same key updates it"),
	DATABASE_RETRY_OPTION(struct sqlite_sink, retry, "30s"),
	OPT_END,
};

static int sqlite_plan(void *of, struct facts *facts, struct diag *diag)
{
	const struct sqlite_sink *o = of;
	const char *const *keys = o->key.v;
	struct slice table = slice_str(o->table);
	if (table.n == 0)
		diag_error(diag, "table", "a table has a name");
	if (slice_eq_nocase(slice_head(table, 7), S("sqlite_")) ||
	    slice_eq_nocase(table, S("hocket_mark")) || slice_eq_nocase(table, S("hocket_made")))
		diag_error(diag, "table", "'%s' is a table that SQLite or hocket needs itself",
			   o->table);
	for (size_t i = 0; i < o->key.n; i++)
		for (size_t k = 0; k < i; k++)
			if (slice_eq_nocase(slice_str(keys[i]), slice_str(keys[k])))
				diag_error(diag, "key", "'%s' is named twice", keys[i]);
	facts->guarantee = TRANSACTIONAL;
	facts->effect = EFFECT_WRITES;
	facts->own_mark = true;
	facts->within_ns = o->retry ? o->retry->within_ns : 0;
	facts->door = slice_str(o->path);
	return 0;
}

/* ---- jobs: what runs on the pool's thread while the fiber is parked ------------------------------------- */

struct job {
	const struct sqlite_sink *o;
	struct sqlite_writer *w;
	struct err *err;
	struct resumption *resumption;
	const struct batch *batch;
	bool stands;
};

/* The job has told its own story, unless it never ran. */
static int run_job(struct site *site, hk_fn *fn, struct job *job) SUSPENDS
{
	job->o = site->options;
	job->w = site->shared;
	int r = hk_offload(fn, job);
	if (r == -ECANCELED)
		return fail_errno(job->err, FAULT_IO, r, "writing to '%s'", job->o->path);
	return r;
}

static int job_fail(struct job *job)
{
	return sqlite_fail(job->w->db, job->o->path, NULL, job->err);
}

static int job_exec(struct job *job, const char *sql)
{
	return sqlite_run(job->w->db, job->o->path, NULL, job->err, "%s", sql);
}

/* Everything that was begun is undone, and what was learnt from it forgotten. */
static int roll_back(struct job *job)
{
	if (!sqlite3_get_autocommit(job->w->db))
		sqlite3_exec(job->w->db, "ROLLBACK", NULL, NULL,
			     NULL); /* the fault is told already */
	table_forget(&job->w->table);
	return -1;
}

static int connect(struct job *job)
{
	struct sqlite_writer *w = job->w;
	int rc = sqlite3_open_v2(job->o->path, &w->db,
				 SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
				 NULL);
	if (!w->db)
		return fail(job->err, FAULT_IO, "out of memory");
	sqlite3_extended_result_codes(w->db, 1);
	sqlite3_busy_timeout(w->db, BUSY_MS);
	if (rc == SQLITE_CANTOPEN)
		return fail(
			job->err, FAULT_IO,
			"cannot open '%s': %s (does its folder exist, and may it be written to?)",
			job->o->path, sqlite3_errmsg(w->db));
	if (rc != SQLITE_OK)
		return job_fail(job);
	if (sqlite3_db_readonly(w->db, "main") == 1)
		return fail(job->err, FAULT_IO, "'%s' is read-only", job->o->path);
	return 0;
}

static int open_job(void *arg)
{
	static const char tables[] =
		"CREATE TABLE IF NOT EXISTS hocket_mark(pipeline TEXT PRIMARY KEY, mark BLOB NOT "
		"NULL);"
		"CREATE TABLE IF NOT EXISTS hocket_made(name TEXT PRIMARY KEY COLLATE NOCASE)";
	struct job *job = arg;
	struct sqlite_writer *w = job->w;
	if (connect(job) < 0 ||
	    job_exec(job, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL") < 0)
		return -1;
	table_init(&w->table, w->db, job->o->path, job->o->table, &job->o->key);
	if (job_exec(job, "BEGIN IMMEDIATE") < 0)
		return -1;
	w->table.changed = true; /* until the COMMIT: an index for the key may have been made */
	if (job_exec(job, tables) < 0 || table_load(&w->table, job->err) < 0 ||
	    job_exec(job, "COMMIT") < 0)
		return roll_back(job);
	w->table.changed = false;
	if (sqlite3_prepare_v3(w->db,
			       "INSERT INTO hocket_mark(pipeline, mark) VALUES (?1, ?2)"
			       " ON CONFLICT(pipeline) DO UPDATE SET mark = excluded.mark",
			       -1, SQLITE_PREPARE_PERSISTENT, &w->mark, NULL) != SQLITE_OK)
		return job_fail(job);
	return 0;
}

static int close_job(void *arg)
{
	struct sqlite_writer *w = arg;
	table_done(&w->table);
	sqlite3_finalize(take(w->mark));
	int rc = sqlite3_close(take(w->db)); /* the last one out also tidies the WAL away */
	ASSERT(rc == SQLITE_OK);
	return 0;
}

static int resume_job(void *arg)
{
	struct job *job = arg;
	struct buf *mark = &job->resumption->mark;
	sqlite3_stmt *q = NULL;
	int kept = 0;
	int rc = sqlite3_prepare_v2(job->w->db, "SELECT mark FROM hocket_mark WHERE pipeline = ?1",
				    -1, &q, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_text(q, 1, job->resumption->pipeline, -1, SQLITE_STATIC);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(q);
	if (rc == SQLITE_ROW) {
		const char *p = sqlite3_column_blob(q, 0);
		buf_clear(mark);
		kept = buf_add(mark, (struct slice){ p, (size_t)sqlite3_column_bytes(q, 0) });
	}
	sqlite3_finalize(q);
	if (kept < 0)
		return fail_errno(job->err, FAULT_IO, kept, "cannot hold the mark in '%s'",
				  job->o->path);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : job_fail(job);
}

/* A receipt was given when the table was there: then it is there still, and so is our mark. */
static int stands_job(void *arg)
{
	struct job *job = arg;
	if (resume_job(job) < 0)
		return -1;
	job->stands = job->resumption->mark.n > 0 && job->w->table.exists;
	if (!job->w->table.exists)
		fail(job->err, FAULT_CONFIG, "table '%s' in '%s' is gone", job->o->table,
		     job->o->path);
	else if (!job->stands)
		fail(job->err, FAULT_CONFIG, "'%s' knows nothing of this pipeline any more",
		     job->o->path);
	return 0;
}

static int put_mark(struct job *job)
{
	sqlite3_stmt *s = job->w->mark;
	const struct batch *b = job->batch;
	int rc = sqlite3_bind_text(s, 1, b->pipeline, -1, SQLITE_STATIC);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_blob64(s, 2, b->mark.n ? b->mark.p : "", b->mark.n,
					 SQLITE_STATIC);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	int r = rc == SQLITE_DONE ? 0 : job_fail(job);
	sqlite3_reset(s);
	if (r < 0 && job->err)
		job->err->whole = false; /* no record can be blamed for it */
	return r;
}

static int put_rows(struct job *job)
{
	struct table *t = &job->w->table;
	const struct batch *b = job->batch;
	if (!t->exists)
		t->loaded = false; /* another sink may have made it meanwhile */
	t->changed |= !t->loaded;  /* by an index for the key */
	if (table_load(t, job->err) < 0)
		return -1;
	if (!t->exists && b->n && table_make(t, b->recs, b->n, job->err) < 0)
		return -1;
	for (size_t i = 0; i < b->n; i++)
		if (table_put(t, b->recs[i], job->err) < 0) {
			if (job->err)
				job->err->row = i + 1;
			return -1;
		}
	return 0;
}

static int commit_job(void *arg)
{
	struct job *job = arg;
	if (job_exec(job, "BEGIN IMMEDIATE") < 0)
		return -1;
	if (put_rows(job) < 0 || put_mark(job) < 0 || job_exec(job, "COMMIT") < 0)
		return roll_back(job);
	if (job->batch->n)
		table_committed(&job->w->table);
	return 0;
}

/* ---- the port's operations ------------------------------------------------------------------------------- */

static int sqlite_open(struct site *site, struct err *err) SUSPENDS
{
	const struct sqlite_sink *o = site->options;
	struct job job = { .err = err };
	if (run_job(site, open_job, &job) < 0)
		return -1;
	/* SQLite passes over a sync of the folder that fails. */
	int r = hk_name_sync(o->path);
	return r < 0 ? fail_errno(err, FAULT_IO, r, "cannot make '%s' durable", o->path) : 0;
}

static void sqlite_end(struct site *site) SUSPENDS
{
	struct hk_scope shield;
	if (!((struct sqlite_writer *)site->shared)->db)
		return;
	/* Also a cancelled task gives its database back; if even the shield runs out, this thread does it. */
	hk_scope_open_shield(&shield, CLOSE_BUDGET);
	int r = hk_offload(close_job, site->shared);
	(void)hk_scope_close(&shield, r);
	if (r < 0)
		(void)close_job(site->shared);
}

static int sqlite_resume(struct site *site, struct resumption *resumption, struct err *err) SUSPENDS
{
	const struct sqlite_sink *o = site->options;
	const struct sqlite_writer *w = site->shared;
	struct job job = { .err = err, .resumption = resumption };
	/* What it held would be missing, and nobody would say so. */
	if (resumption->receipt.n && !w->table.exists)
		return fail(err, FAULT_CONFIG,
			    "table '%s' in '%s', which the run has written to, is gone; --fresh "
			    "starts over",
			    o->table, o->path);
	return run_job(site, resume_job, &job);
}

static int sqlite_stands(struct site *site, const char *pipeline, struct slice receipt,
			 struct err *why) SUSPENDS
{
	struct resumption resumption = { .pipeline = pipeline };
	struct job job = { .err = why, .resumption = &resumption };
	if (receipt.n == 0)
		return 1; /* there was no row */
	int r = run_job(site, stands_job, &job);
	buf_done(&resumption.mark);
	return r < 0 ? -1 : job.stands;
}

/* The mark is in the database; the receipt says that there is a table, for stands. */
static int sqlite_commit(struct site *site, const struct batch *batch, struct buf *receipt,
			 struct err *err) SUSPENDS
{
	const struct sqlite_writer *w = site->shared;
	struct job job = { .err = err, .batch = batch };
	if (run_job(site, commit_job, &job) < 0)
		return -1;
	if (w->table.exists && buf_add(receipt, S("{\"table\":true}")) < 0)
		return fail(err, FAULT_IO, "out of memory");
	return 0;
}

const struct port to_sqlite = {
	.name = "sqlite",
	.doc = "write records to a table of a SQLite file",
	.more = "A missing table is made from the first records: INTEGER, REAL, TEXT or BLOB by "
		"what they hold; true and false\n"
		"are 1 and 0, lists and objects are JSON text. A table that hocket made gets a "
		"column when a new field appears;\n"
		"another one is never changed, except that `key` wants a unique index. With `key` "
		"a record updates the row that has\n"
		"the same key, without it every record is a new row. Rows and checkpoint are one "
		"transaction.\n"
		"\n"
		"    to: {sqlite: users.db, table: users, key: id}\n",
	.roles = ROLE_SINK,
	.options = options,
	.options_size = sizeof(struct sqlite_sink),
	.shared_size = sizeof(struct sqlite_writer),
	.plan = sqlite_plan,
	.open = sqlite_open,
	.close = sqlite_end,
	.resume = sqlite_resume,
	.commit = sqlite_commit,
	.stands = sqlite_stands,
};
