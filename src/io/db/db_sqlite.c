/* db_sqlite.c - SQLite off the loop: a connection a taker, each call a job in a thread
 *
 * What this room is for: SQLite blocks, for the disk and for other writers; here only a thread of the pool does.
 * What flows through:    jobs, one at a time for a connection: the task parks, the thread works, the task goes on.
 *
 *     lite_do: job --thread--> done
 *                 \--> busy: changed nothing --task sleeps 1..50 ms--> job again, for BUSY_NS at most
 *
 * What must hold:        see db_sqlite.h. A cancelled job is interrupted (sqlite3_interrupt, and the busy handler looks at `stop`) and waited
 *                        for; if it had succeeded by then, it has happened and says so. */
#include "io/db/db_sqlite.h"
#include "base/banned.h"
#include "base/clock.h"
#include "io/db/db_place.h"
#include "io/errand.h"
#include <errno.h>
#include <hocket/offload.h>
#include <hocket/run.h>
#include <hocket/scope.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUSY_NS     (5 * HK_SEC)
#define PATIENCE_NS (20 * HK_MS) /* of a thread, for a lock */
#define WAIT_NS     (600 * HK_SEC)

enum { THREADS = 3 }; /* of the pool's 4: a name look-up must not wait for a scan */

struct lite_pool {
	struct hk_sem threads;
	char *path; /* owns */
	int flags;
};

/* ---- failures ------------------------------------------------------------------------------------------------- */

static enum fault fault_of(int code)
{
	switch (code & 0xff) {
	case SQLITE_INTERRUPT:
		return FAULT_CANCELLED;
	case SQLITE_CANTOPEN:
	case SQLITE_NOTADB:
	case SQLITE_AUTH:
	case SQLITE_PERM:
	case SQLITE_READONLY:
		return FAULT_CONFIG;
	case SQLITE_IOERR:
	case SQLITE_FULL:
	case SQLITE_CORRUPT:
	case SQLITE_NOMEM:
		return FAULT_IO;
	default:
		return FAULT_SQL;
	}
}

static int place_of(sqlite3 *conn)
{
#if SQLITE_VERSION_NUMBER >= 3038000
	return sqlite3_error_offset(conn);
#else
	return -1;
#endif
}

int lite_fail(struct lite_job *j, struct slice text)
{
	sqlite3 *conn = j->lite->conn;
	int code = sqlite3_extended_errcode(conn), at = place_of(conn);
	AUTO(buf_done) struct buf place = { 0 };

	j->err.code = code;
	j->busy = (code & 0xff) == SQLITE_BUSY && code != SQLITE_BUSY_SNAPSHOT;
	if (at >= 0 && text.n > 0 && db_put_place(text, (size_t)at, &place) < 0)
		buf_clear(&place);
	return fail(&j->err, fault_of(code), "%s: %s%.*s", j->lite->db.pool->door,
		    sqlite3_errmsg(conn), SLICE(buf_slice(&place)));
}

/* ---- jobs -------------------------------------------------------------------------------------------------------- */

/* Of a thread: a short while; then the task waits in its place. */
static int on_busy(void *arg, int times)
{
	struct lite *l = arg;

	if (atomic_load(&l->stop) || clock_mono_ns() >= l->patience_until_ns)
		return 0;
	(void)usleep(times < 4 ? 200 : 2000);
	return 1;
}

static int job_main(void *arg)
{
	struct lite_job *j = arg;

	j->lite->patience_until_ns = clock_mono_ns() + PATIENCE_NS;
	j->result = j->fn(j);
	return 0;
}

static void job_over(void *arg)
{
	struct lite_job *j = arg;
	hk_event_set(&j->over);
}

/* The task was cancelled while the job ran. */
static void stop_and_wait(struct lite_job *j) SUSPENDS
{
	struct hk_scope shield;

	atomic_store(&j->lite->stop, true);
	if (j->lite->conn && !hk_event_is_set(&j->over))
		sqlite3_interrupt(j->lite->conn);
	hk_scope_open_shield(&shield, WAIT_NS);
	ASSERT(hk_scope_close(&shield, hk_event_wait(&j->over)) == 0);
	atomic_store(&j->lite->stop, false);
}

static int do_once(struct lite_job *j) SUSPENDS
{
	struct lite_pool *shared = j->lite->db.pool->own;
	struct hk_offload_options o = { .name = "SQLite",
					.limiter = &shared->threads,
					.abandoned = job_over };
	int r;

	j->err = (struct err){ 0 };
	j->busy = false;
	j->result = -ECANCELED;
	hk_event_clear(&j->over);
	r = hk_offload_with(job_main, j, &o);
	if (r == -ECANCELED)
		stop_and_wait(j);
	j->lite->db.broken |= r == -ECANCELED && j->result == -1;
	if (r == 0 || j->result != -ECANCELED)
		return j->result;
	return fail_errno(&j->err, FAULT_IO, r, "%s", j->lite->db.pool->door);
}

int lite_do(struct lite_job *j, struct err *err)
{
	int64_t until_ns = hk_now_ns() + BUSY_NS, wait_ns = HK_MS;
	int r = do_once(j);

	while (r < 0 && j->busy && hk_now_ns() < until_ns) {
		if (hk_sleep(wait_ns) < 0) {
			fail_errno(&j->err, FAULT_IO, -ECANCELED, "%s", j->lite->db.pool->door);
			break;
		}
		wait_ns = wait_ns < 50 * HK_MS ? wait_ns * 2 : wait_ns;
		r = do_once(j);
	}
	if (r < 0 && err)
		*err = j->err;
	return r < 0 ? -1 : 0;
}

int lite_word(struct lite_job *j, const char *words)
{
	return sqlite3_exec(j->lite->conn, words, NULL, NULL, NULL) == SQLITE_OK
		       ? 0
		       : lite_fail(j, S(""));
}

/* ---- several statements, without parameters ------------------------------------------------------------------------ */

struct exec_job {
	struct lite_job job;
	char *text; /* what is left of it */
};

static int exec_one(struct exec_job *e, const char **rest)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(e->job.lite->conn, e->text, -1, &stmt, rest);

	while (rc == SQLITE_OK && stmt && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
		rc = SQLITE_OK;
	if (rc == SQLITE_DONE || (rc == SQLITE_OK && !stmt))
		rc = SQLITE_OK;
	else
		lite_fail(&e->job, slice_str(e->text));
	sqlite3_finalize(stmt);
	return rc == SQLITE_OK ? 0 : -1;
}

/* Begun again when it was busy, it goes on with the statement that was. */
static int exec_job(struct lite_job *j)
{
	struct exec_job *e = container_of(j, struct exec_job, job);

	while (*e->text) {
		const char *rest = e->text;
		if (exec_one(e, &rest) < 0)
			return -1;
		e->text = (char *)(uintptr_t)rest;
	}
	return 0;
}

static int lite_exec(struct db *d, struct slice text, struct err *err) SUSPENDS
{
	AUTO(freep) char *copy = xstrndup(text.p, text.n);
	struct exec_job e = { .job = { .lite = lite_of(d), .fn = exec_job }, .text = copy };

	return lite_do(&e.job, err);
}

/* ---- opening --------------------------------------------------------------------------------------------------------- */

static bool is_memory(const char *path)
{
	return strcmp(path, ":memory:") == 0 || path[0] == 0;
}

static int lite_pool_open(struct db_pool *pool, struct err *err)
{
	const struct db_pool_options *o = &pool->options;
	struct slice path = slice_str(pool->url);
	struct lite_pool *shared = xcalloc(1, sizeof(*shared));

	pool->own = shared;
	if (slice_starts(path, S("sqlite:")))
		path = slice_from(path, 7);
	shared->path = xstrndup(path.p, path.n);
	shared->threads = HK_SEM(THREADS);
	shared->flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
	shared->flags |= slice_starts(path, S("file:")) ? SQLITE_OPEN_URI : 0;
	shared->flags |= o->read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
	shared->flags |= o->create && !o->read_only ? SQLITE_OPEN_CREATE : 0;
	if (is_memory(shared->path)) { /* each connection would have a database of its own */
		pool->options.most = 1;
		pool->options.idle_ns = HK_FOREVER;
		pool->free = HK_SEM(1);
	}
	if (path.n == 0)
		return fail(err, FAULT_CONFIG, "a SQLite database needs a path: sqlite:PATH");
	return 0;
}

static void lite_pool_done(struct db_pool *pool)
{
	struct lite_pool *shared = pool->own;

	if (!shared)
		return;
	free(shared->path);
	free(shared);
}

static int say_no_file(struct lite_job *j)
{
	const struct lite_pool *shared = j->lite->db.pool->own;

	if (access(shared->path, F_OK) == 0 ||
	    (shared->flags & (SQLITE_OPEN_CREATE | SQLITE_OPEN_URI)))
		return lite_fail(j, S(""));
	j->err.code = SQLITE_CANTOPEN;
	return fail(&j->err, FAULT_CONFIG, "%s: there is no such database", j->lite->db.pool->door);
}

static int open_job(struct lite_job *j)
{
	struct lite *l = j->lite;
	const struct lite_pool *shared = l->db.pool->own;

	if (!l->conn && sqlite3_open_v2(shared->path, &l->conn, shared->flags, NULL) != SQLITE_OK) {
		int r = l->conn ? say_no_file(j)
				: fail(&j->err, FAULT_IO, "%s: no memory", l->db.pool->door);
		sqlite3_close_v2(take(l->conn));
		return r;
	}
	sqlite3_busy_handler(l->conn, on_busy, l);
	if (lite_word(j, "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; SELECT 1 FROM "
			 "sqlite_master LIMIT 1") < 0)
		return -1;
	return l->db.pool->options.read_only ? 0 : lite_word(j, "PRAGMA journal_mode = WAL");
}

static int close_conn(void *conn)
{
	(void)sqlite3_close_v2(
		conn); /* what was not committed is undone; nothing that was is lost */
	return 0;
}

static void lite_close(struct db *d)
{
	struct lite *l = lite_of(d);

	lite_statements_done(l);
	if (l->conn)
		errand_send(close_conn, l->conn, "closing a SQLite database");
	free(l);
}

static struct db *lite_connect(struct db_pool *pool, struct err *err) SUSPENDS
{
	struct lite *l = xcalloc(1, sizeof(*l));
	struct lite_job j = { .lite = l, .fn = open_job };

	l->db = (struct db){ .ops = &db_sqlite, .pool = pool };
	if (lite_do(&j, err) == 0)
		return &l->db;
	lite_close(&l->db);
	return NULL;
}

static bool lite_is_idle(const struct db *d)
{
	const struct lite *l = lite_of(d);
	return !l->streaming && sqlite3_get_autocommit(l->conn);
}

static bool lite_is_quiet(const struct db *d)
{
	return true;
}

const struct db_ops db_sqlite = {
	.pool_begin = lite_pool_open,
	.pool_end = lite_pool_done,
	.connect = lite_connect,
	.hang_up = lite_close,
	.is_idle = lite_is_idle,
	.is_quiet = lite_is_quiet,
	.run = lite_run,
	.exec = lite_exec,
	.ask_shape = lite_describe,
	.stream_open = lite_stream_open,
	.stream_next = lite_stream_next,
	.stream_free = lite_stream_free,
};
