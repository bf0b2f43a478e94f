/* state.c - opening the state file: lock, tables, format
 *
 * What this room is for: a file that is ours alone, of a format that this program knows, when state_open returns.
 * What must hold:
 *  (1) the tables are made, and brought up to date from an older format, in one transaction: a crash leaves the old or the new.
 *  (2) the empty tables are not synced by themselves: the log is synced in order, so they are durable no later
 *      than what is put into them. */
#include "engine/state/sql.h"

#include <errno.h>
#include <fcntl.h>
#include <hocket/file.h>
#include <hocket/offload.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUSY_MS = 5000 }; /* for whoever looks into the file with another tool */

static const char schema[] =
	"CREATE TABLE IF NOT EXISTS run(id TEXT PRIMARY KEY, pipeline TEXT NOT NULL,"
	" hash TEXT NOT NULL, started TEXT NOT NULL, ended TEXT, status TEXT NOT NULL, mark TEXT,"
	" kind TEXT NOT NULL DEFAULT 'run', continues TEXT NOT NULL DEFAULT '',"
	" parts TEXT NOT NULL DEFAULT '', begun TEXT NOT NULL DEFAULT '',"
	" dropped INTEGER NOT NULL DEFAULT 0);"
	"CREATE TABLE IF NOT EXISTS receipt(run TEXT NOT NULL, sink TEXT NOT NULL,"
	" receipt TEXT NOT NULL, PRIMARY KEY(run, sink)) WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS dead(run TEXT NOT NULL, split TEXT NOT NULL,"
	" ordinal INTEGER NOT NULL, path TEXT NOT NULL, id TEXT NOT NULL, line INTEGER,"
	" step TEXT NOT NULL, class TEXT NOT NULL, message TEXT NOT NULL, record TEXT NOT NULL,"
	" at_step TEXT NOT NULL, blobs BLOB, attempts TEXT NOT NULL, hash TEXT NOT NULL,"
	" time TEXT NOT NULL, replayed_by TEXT, PRIMARY KEY(run, split, ordinal, path));"
	"CREATE TABLE IF NOT EXISTS note(run TEXT NOT NULL, split TEXT NOT NULL,"
	" ordinal INTEGER NOT NULL, path TEXT NOT NULL, step TEXT NOT NULL, kind TEXT NOT NULL,"
	" about TEXT, value BLOB, PRIMARY KEY(run, split, ordinal, path, step, kind));"
	"CREATE TABLE IF NOT EXISTS answer(key BLOB PRIMARY KEY, step TEXT NOT NULL,"
	" expires INTEGER NOT NULL, about TEXT, value BLOB);"
	"CREATE INDEX IF NOT EXISTS answer_expires ON answer(expires);"
	"CREATE TABLE IF NOT EXISTS inbox(run TEXT NOT NULL, split TEXT NOT NULL,"
	" base TEXT NOT NULL, first INTEGER NOT NULL, until INTEGER NOT NULL, about TEXT,"
	" value BLOB, PRIMARY KEY(run, split, base));"
	"CREATE TABLE IF NOT EXISTS batch(run TEXT NOT NULL, at INTEGER NOT NULL,"
	" split TEXT NOT NULL, ordinal INTEGER NOT NULL, line INTEGER, base TEXT NOT NULL,"
	" offset INTEGER NOT NULL, counts TEXT NOT NULL, original TEXT NOT NULL,"
	" PRIMARY KEY(run, at));"
	"CREATE TABLE IF NOT EXISTS batch_row(run TEXT NOT NULL, at INTEGER NOT NULL,"
	" path TEXT NOT NULL, id INTEGER NOT NULL, sinks INTEGER NOT NULL, record TEXT NOT NULL,"
	" blobs BLOB, PRIMARY KEY(run, at, path));"
	"CREATE TABLE IF NOT EXISTS claim_place(id INTEGER PRIMARY KEY, scope TEXT NOT NULL,"
	" step TEXT NOT NULL, UNIQUE(scope, step));"
	"CREATE TABLE IF NOT EXISTS claim(place INTEGER NOT NULL, key BLOB NOT NULL,"
	" expires INTEGER NOT NULL, owner INTEGER NOT NULL, PRIMARY KEY(place, key))"
	" WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS claim_log(place INTEGER NOT NULL, key BLOB NOT NULL,"
	" expires INTEGER NOT NULL, owner INTEGER NOT NULL);"
	"CREATE TABLE IF NOT EXISTS held(run TEXT NOT NULL, fold TEXT NOT NULL,"
	" first INTEGER NOT NULL, at INTEGER NOT NULL, split TEXT NOT NULL,"
	" ordinal INTEGER NOT NULL, path TEXT NOT NULL, source TEXT NOT NULL, line INTEGER,"
	" id INTEGER NOT NULL, key BLOB, record TEXT NOT NULL, blobs BLOB,"
	" time INTEGER NOT NULL DEFAULT 0, PRIMARY KEY(run, fold, first, at)) WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS held_window(run TEXT NOT NULL, fold TEXT NOT NULL,"
	" first INTEGER NOT NULL, gives INTEGER NOT NULL, n INTEGER NOT NULL,"
	" bytes INTEGER NOT NULL, number INTEGER NOT NULL DEFAULT 0,"
	" PRIMARY KEY(run, fold, first)) WITHOUT ROWID;";

/* What format 3 has beyond 2 is tables that the schema makes. Format 1 numbered letters in the order in which children were made. */
static const char from_1[] = "ALTER TABLE run ADD COLUMN kind TEXT NOT NULL DEFAULT 'run';"
			     "ALTER TABLE run ADD COLUMN continues TEXT NOT NULL DEFAULT '';"
			     "ALTER TABLE run ADD COLUMN parts TEXT NOT NULL DEFAULT '';"
			     "ALTER TABLE run ADD COLUMN begun TEXT NOT NULL DEFAULT '';"
			     "ALTER TABLE run ADD COLUMN dropped INTEGER NOT NULL DEFAULT 0;"
			     "ALTER TABLE dead RENAME TO dead_1;";
/* Windows had no numbers: each was known by what it gives. */
static const char from_3[] = "ALTER TABLE held ADD COLUMN time INTEGER NOT NULL DEFAULT 0;"
			     "ALTER TABLE held_window ADD COLUMN number INTEGER NOT NULL DEFAULT 0;"
			     "UPDATE held_window SET number = first;";
static const char from_1_letters[] =
	"INSERT INTO dead SELECT run, split, ordinal, CASE child WHEN 0 THEN '' ELSE child - 1 END,"
	" '', line, step, class, message, record, at_step, NULL, attempts, '', time, NULL"
	" FROM dead_1;"
	"DROP TABLE dead_1;";

/* Makes a name itself durable. */
static int sync_folder_of(const char *path, struct err *err)
{
	const char *slash = strrchr(path, '/');
	AUTO(freep)
	char *folder = slash ? xstrndup(path, slash == path ? 1 : (size_t)(slash - path))
			     : xstrndup(".", 1);
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = fd < 0 || fsync(fd) < 0 ? -errno : 0;
	if (fd >= 0)
		close(fd); /* it was only read */
	return r < 0 ? fail_errno(err, FAULT_IO, r, "cannot make '%s' durable", path) : 0;
}

static int make_folder(const char *path, struct err *err)
{
	const char *slash = strrchr(path, '/');
	if (!slash || slash == path)
		return 0;
	AUTO(freep) char *folder = xstrndup(path, (size_t)(slash - path));
	if (mkdir(folder, 0700) < 0 && errno != EEXIST)
		return fail_errno(err, FAULT_IO, -errno,
				  "cannot make the folder '%s' for the state file", folder);
	/* Without its state a run that a power cut ended would start over. Whoever made the folder may have been killed before
	 * its name was synced. */
	return access(path, F_OK) == 0 ? 0 : sync_folder_of(folder, err);
}

static int take_lock(struct state *s, struct err *err)
{
	AUTO(buf_done) struct buf name = { .max = 8192 };
	if (buf_printf(&name, "%s.lock", s->path) < 0)
		return fail(err, FAULT_IO, "the state file's name is too long: '%s'", s->path);
	s->lock = open(name.p, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (s->lock < 0)
		return fail_errno(err, FAULT_IO, -errno, "cannot make '%s'", name.p);
	if (flock(s->lock, LOCK_EX | LOCK_NB) == 0)
		return 0;
	return fail(err, FAULT_IO, "another hocket is running this pipeline: '%s' is locked by it",
		    name.p);
}

/* 0: a new file */
static int read_format(const struct sql_job *j, int *ret)
{
	AUTO(sql_finalize) sqlite3_stmt *q = NULL;
	if (sql_prepare(j, "SELECT value FROM meta WHERE key = 'format'", &q) < 0)
		return -1;
	int r = sql_step_row(j, q, "reading its format");
	*ret = r > 0 ? sqlite3_column_int(q, 0) : 0;
	if (r >= 0 && *ret > STATE_FORMAT)
		return fail(j->err, FAULT_CONFIG,
			    "state file '%s' was written by a newer hocket (format %d, this one "
			    "knows %d)",
			    j->s->path, *ret, STATE_FORMAT);
	return r < 0 ? -1 : 0;
}

static int bring_up_to_date(const struct sql_job *j)
{
	static const char doing[] = "making its tables";
	int format = 0;
	if (sql_exec(j,
		     "CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value TEXT) WITHOUT "
		     "ROWID",
		     doing) < 0 ||
	    read_format(j, &format) < 0)
		return -1;
	if (format == STATE_FORMAT)
		return 0;
	if ((format == 1 && sql_exec(j, from_1, doing) < 0) ||
	    (format == 3 && sql_exec(j, from_3, doing) < 0) || sql_exec(j, schema, doing) < 0 ||
	    (format == 1 && sql_exec(j, from_1_letters, doing) < 0))
		return -1;
	AUTO(sql_finalize) sqlite3_stmt *q = NULL;
	if (sql_prepare(j, "INSERT OR REPLACE INTO meta VALUES('format', ?)", &q) < 0)
		return -1;
	sqlite3_bind_int(q, 1, STATE_FORMAT);
	return sql_step_done(j, q, doing);
}

static bool in_memory(const struct state *s)
{
	return strcmp(s->path, ":memory:") == 0;
}

static int open_job(void *arg)
{
	struct sql_job *j = arg;
	struct state *s = j->s;
	if (!in_memory(s) && (make_folder(s->path, j->err) < 0 || take_lock(s, j->err) < 0))
		return -1;
	mode_t old = umask(0077);
	int rc = sqlite3_open(s->path, &s->db);
	if (rc == SQLITE_OK)
		rc = sqlite3_busy_timeout(s->db, BUSY_MS);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(s->db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
				  NULL, NULL, NULL);
	umask(old);
	if (rc != SQLITE_OK)
		return sql_fault(j, "opening");
	if (sql_begin(j) < 0 || sql_end(j, bring_up_to_date(j)) < 0 || tidy_look(j) < 0)
		return -1;
	return sql_exec(j, "PRAGMA synchronous=FULL", "opening");
}

static int fail_missing(const struct sql_job *j)
{
	return fail(j->err, FAULT_CONFIG,
		    "there is no state file '%s': this pipeline has not been run here", j->s->path);
}

/* The first run may have been killed before it made them. */
static int has_tables(const struct sql_job *j)
{
	AUTO(sql_finalize) sqlite3_stmt *q = NULL;
	if (sql_prepare(j, "SELECT 1 FROM sqlite_master WHERE name = 'meta'", &q) < 0)
		return -1;
	return sql_step_row(j, q, "reading its tables");
}

static int open_to_change_job(void *arg)
{
	struct sql_job *j = arg;
	return access(j->s->path, F_OK) < 0 ? fail_missing(j) : open_job(j);
}

static int open_as(const struct sql_job *j, int flags)
{
	int rc = sqlite3_open_v2(j->s->path, &j->s->db, flags, NULL);
	if (rc == SQLITE_CANTOPEN && access(j->s->path, F_OK) < 0)
		return fail_missing(j);
	if (rc != SQLITE_OK)
		return sql_fault(j, "opening");
	sqlite3_busy_timeout(j->s->db, BUSY_MS);
	return 0;
}

static int touch(const struct sql_job *j)
{
	return sqlite3_exec(j->s->db, "SELECT 1 FROM sqlite_master", NULL, NULL, NULL);
}

/* What a run that was killed while it made the file wrote half is taken back, as any writer would: SQLite's own locks tell it from
 * a run that is at it now. */
static int take_back(const struct sql_job *j)
{
	sqlite3_close(take(j->s->db));
	if (open_as(j, SQLITE_OPEN_READWRITE) < 0)
		return -1;
	(void)touch(j); /* what it could not do, the reader meets again */
	sqlite3_close(take(j->s->db));
	return open_as(j, SQLITE_OPEN_READONLY);
}

/* SQLite writes beside what it reads: an index of the log. */
static int check_folder(const struct sql_job *j, int rc)
{
	if ((rc & 0xff) != SQLITE_READONLY && rc != SQLITE_CANTOPEN)
		return 0; /* anything else is told by whoever reads */
	return fail(j->err, FAULT_IO,
		    "state file '%s' cannot be read (%s): SQLite has to write beside it, and may "
		    "not; copy its folder to where you may",
		    j->s->path, sqlite3_errmsg(j->s->db));
}

static int open_to_read_job(void *arg)
{
	struct sql_job *j = arg;
	int format = 0;
	if (open_as(j, SQLITE_OPEN_READONLY) < 0)
		return -1;
	int rc = touch(j);
	if (rc != SQLITE_OK && sqlite3_extended_errcode(j->s->db) == SQLITE_READONLY_ROLLBACK) {
		if (take_back(j) < 0)
			return -1;
		rc = touch(j);
	}
	if (check_folder(j, rc) < 0)
		return -1;
	int begun = has_tables(j);
	if (begun <= 0)
		return begun < 0 ? -1 : fail_missing(j);
	if (read_format(j, &format) < 0)
		return -1;
	if (format < STATE_FORMAT)
		return fail(j->err, FAULT_CONFIG,
			    "state file '%s' is of an older hocket; the next run brings it up to "
			    "date",
			    j->s->path);
	return 0;
}

static int open_by(int (*how)(void *), const char *path, struct state **ret,
		   struct err *err) SUSPENDS
{
	struct state *s = xcalloc(1, sizeof *s);
	struct sql_job job = { s, err };
	s->path = xstrndup(path, strlen(path));
	s->lock = -1;
	if (sql_off(how, &job) < 0) {
		state_close(s);
		return -1;
	}
	*ret = s;
	return 0;
}

int state_open(const char *path, struct state **ret, struct err *err)
{
	if (open_by(open_job, path, ret, err) < 0)
		return -1;
	/* SQLite passes over a sync of the folder that fails. */
	int r = in_memory(*ret) ? 0 : hk_name_sync(path);
	if (r < 0)
		state_close(take(*ret));
	return r < 0 ? fail_errno(err, FAULT_IO, r, "cannot make '%s' durable", path) : 0;
}

int state_open_to_change(const char *path, struct state **ret, struct err *err)
{
	return open_by(open_to_change_job, path, ret, err);
}

int state_open_to_read(const char *path, struct state **ret, struct err *err)
{
	return open_by(open_to_read_job, path, ret, err);
}

static int close_job(void *arg)
{
	struct state *s = arg;
	sqlite3_close(take(s->db));
	return 0;
}

void state_close(struct state *s)
{
	if (!s)
		return;
	if (s->db && hk_offload(close_job, s) < 0)
		close_job(s); /* cancelled before it began: then here, it is short */
	if (s->lock >= 0)
		close(s->lock);
	free(s->path);
	free(s);
}
