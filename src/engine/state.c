/* state.c - the state file's tables and their transactions
 *
 * What this room is for: a few prepared statements behind calls that name what is kept. Each call hands one job to the
 *   pool of blocking threads and parks; the connection is used by one job at a time.
 * What flows through:    marks, receipts and dead letters, all as text.
 * What must hold:
 *  (1) a failed statement rolls its transaction back and names the file and what was being done.
 *  (2) nothing here retries a failed sync: the run stops, resumable (I5).
 *  (3) marks, receipts and letters are synced when their call returns. The empty tables are not:
 *      the log is synced in order, so they are durable no later than what is put into them. */
#include "engine/state.h"

#include "base/clock.h"
#include "base/json.h"
#include <errno.h>
#include <fcntl.h>
#include <hocket/offload.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

struct state {
	sqlite3 *db;
	char *path;
	int lock;
};

static const char schema[] =
	"BEGIN IMMEDIATE;"
	"CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;"
	"INSERT OR IGNORE INTO meta VALUES('format', '1');"
	"CREATE TABLE IF NOT EXISTS run(id TEXT PRIMARY KEY, pipeline TEXT NOT NULL, hash TEXT NOT "
	"NULL,"
	" started TEXT NOT NULL, ended TEXT, status TEXT NOT NULL, mark TEXT);"
	"CREATE TABLE IF NOT EXISTS receipt(run TEXT NOT NULL, sink TEXT NOT NULL, receipt TEXT "
	"NOT NULL,"
	" PRIMARY KEY(run, sink)) WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS dead(run TEXT NOT NULL, split TEXT NOT NULL, ordinal INTEGER "
	"NOT NULL,"
	" child INTEGER NOT NULL, line INTEGER, step TEXT NOT NULL, class TEXT NOT NULL, message "
	"TEXT NOT NULL,"
	" record TEXT NOT NULL, at_step TEXT NOT NULL, attempts TEXT NOT NULL, time TEXT NOT NULL,"
	" PRIMARY KEY(run, split, ordinal, child)) WITHOUT ROWID;"
	"COMMIT;";

static int sql_fault(struct state *s, struct err *err, const char *doing)
{
	return fail(err, FAULT_IO, "state file '%s': %s: %s", s->path, doing,
		    sqlite3_errmsg(s->db));
}

static int exec(struct state *s, const char *sql, const char *doing, struct err *err)
{
	return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0
								       : sql_fault(s, err, doing);
}

static void finalize(sqlite3_stmt **q)
{
	sqlite3_finalize(*q);
}

static int prepare(struct state *s, const char *sql, sqlite3_stmt **ret, struct err *err)
{
	return sqlite3_prepare_v2(s->db, sql, -1, ret, NULL) == SQLITE_OK
		       ? 0
		       : sql_fault(s, err, "preparing");
}

static void bind_text(sqlite3_stmt *q, int at, struct slice s)
{
	sqlite3_bind_text64(q, at, s.p ? s.p : "", s.n, SQLITE_STATIC, SQLITE_UTF8);
}

static void bind_str(sqlite3_stmt *q, int at, const char *s)
{
	bind_text(q, at, slice_str(s));
}

static void bind_now(sqlite3_stmt *q, int at, int64_t wall_ns)
{
	AUTO(buf_done) struct buf text = { .max = 64 };
	if (clock_put_utc(&text, wall_ns ? wall_ns : clock_wall_ns()) == 0)
		sqlite3_bind_text(q, at, text.p, (int)text.n, SQLITE_TRANSIENT);
}

/* One statement without a result, in the transaction that is open or one of its own. */
static int step_done(struct state *s, sqlite3_stmt *q, const char *doing, struct err *err)
{
	int rc = sqlite3_step(q);
	sqlite3_reset(q);
	return rc == SQLITE_DONE ? 0 : sql_fault(s, err, doing);
}

static int commit_or_roll_back(struct state *s, int r, struct err *err)
{
	if (r == 0)
		r = exec(s, "COMMIT", "committing", err);
	if (r < 0)
		sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
	return r;
}

/* ---- opening ---- */

/* Makes the name itself durable. */
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
	if (mkdir(folder, 0700) < 0) {
		int why = -errno;
		return why == -EEXIST ? 0
				      : fail_errno(err, FAULT_IO, why,
						   "cannot make the folder '%s' for the state file",
						   folder);
	}
	/* Without its state a run that a power cut ended would start over. */
	return sync_folder_of(folder, err);
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

static int check_format(struct state *s, struct err *err)
{
	AUTO(finalize) sqlite3_stmt *q = NULL;
	if (prepare(s, "SELECT value FROM meta WHERE key = 'format'", &q, err) < 0)
		return -1;
	if (sqlite3_step(q) != SQLITE_ROW)
		return sql_fault(s, err, "reading its format");
	if (sqlite3_column_int(q, 0) <= STATE_FORMAT)
		return 0;
	return fail(err, FAULT_CONFIG,
		    "state file '%s' was written by a newer hocket (format %d, this one knows %d)",
		    s->path, sqlite3_column_int(q, 0), STATE_FORMAT);
}

struct open_job {
	struct state *s;
	struct err *err;
};

static int open_job(void *arg)
{
	struct open_job *j = arg;
	struct state *s = j->s;
	if (make_folder(s->path, j->err) < 0 || take_lock(s, j->err) < 0)
		return -1;
	mode_t old = umask(0077);
	int rc = sqlite3_open(s->path, &s->db);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(s->db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
				  NULL, NULL, NULL);
	umask(old);
	if (rc != SQLITE_OK)
		return sql_fault(s, j->err, "opening");
	if (exec(s, schema, "making its tables", j->err) < 0 || check_format(s, j->err) < 0)
		return -1;
	return exec(s, "PRAGMA synchronous=FULL", "opening", j->err);
}

int state_open(const char *path, struct state **ret, struct err *err)
{
	struct state *s = xcalloc(1, sizeof *s);
	struct open_job job = { s, err };
	s->path = xstrndup(path, strlen(path));
	s->lock = -1;
	if (hk_offload(open_job, &job) < 0) {
		state_close(s);
		return err->fault ? -1 : fail(err, FAULT_CANCELLED, "cancelled");
	}
	*ret = s;
	return 0;
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

const char *state_path(const struct state *s)
{
	return s->path;
}

/* ---- jobs: what a call wants, on the fiber's stack, which is parked meanwhile ---- */
struct job {
	struct state *s;
	const char *pipeline, *run_id, *status, *sink, *path;
	uint64_t hash;
	struct state_run *run;
	const struct state_letter *letters;
	const struct state_receipt *receipts;
	size_t n;
	struct slice mark;
	struct buf *text;
	struct state_dead_kind *kinds;
	size_t *kind_count;
	bool *found;
	uint64_t *count;
	state_keep *keep;
	void *arg;
	struct err *err;
};

static int off(int (*fn)(void *), struct job *j) SUSPENDS
{
	int r = hk_offload(fn, j);
	return r < 0 && j->err->fault == FAULT_NONE
		       ? fail_errno(j->err, FAULT_IO, r, "state file '%s'", j->s->path)
		       : r;
}

static void copy_text(char *to, size_t cap, const unsigned char *from)
{
	snprintf(to, cap, "%s", from ? (const char *)from : "");
}

static int last_run_job(void *arg)
{
	struct job *j = arg;
	AUTO(finalize) sqlite3_stmt *q = NULL;
	if (prepare(j->s,
		    "SELECT id, hash, status, mark FROM run WHERE pipeline = ? ORDER BY rowid DESC "
		    "LIMIT 1",
		    &q, j->err) < 0)
		return -1;
	bind_str(q, 1, j->pipeline);
	int rc = sqlite3_step(q);
	if (rc == SQLITE_DONE)
		return 0;
	if (rc != SQLITE_ROW)
		return sql_fault(j->s, j->err, "reading the last run");
	char hash[32], status[16];
	copy_text(j->run->id, sizeof j->run->id, sqlite3_column_text(q, 0));
	copy_text(hash, sizeof hash, sqlite3_column_text(q, 1));
	copy_text(status, sizeof status, sqlite3_column_text(q, 2));
	j->run->hash = strtoull(hash, NULL, 16);
	j->run->found = true;
	j->run->finished = strcmp(status, "finished") == 0;
	j->run->running = strcmp(status, "running") == 0;
	struct slice mark = { (const char *)sqlite3_column_text(q, 3),
			      (size_t)sqlite3_column_bytes(q, 3) };
	return buf_add(&j->run->mark, mark) < 0 ? fail(j->err, FAULT_IO, "out of memory") : 0;
}

int state_last_run(struct state *s, const char *pipeline, struct state_run *ret, struct err *err)
{
	*ret = (struct state_run){ 0 };
	return off(last_run_job,
		   &(struct job){ .s = s, .pipeline = pipeline, .run = ret, .err = err });
}

static int put_receipts(struct job *j)
{
	AUTO(finalize) sqlite3_stmt *q = NULL;
	int r = prepare(j->s, "INSERT OR REPLACE INTO receipt VALUES(?,?,?)", &q, j->err);
	for (size_t i = 0; i < j->n && r == 0; i++) {
		bind_str(q, 1, j->run_id);
		bind_str(q, 2, j->receipts[i].sink);
		bind_text(q, 3, j->receipts[i].receipt);
		r = step_done(j->s, q, "keeping a receipt", j->err);
	}
	return r;
}

static int begin_job(void *arg)
{
	struct job *j = arg;
	AUTO(finalize) sqlite3_stmt *q = NULL;
	char hash[32];
	snprintf(hash, sizeof hash, "%016llx", (unsigned long long)j->hash);
	int r = prepare(j->s,
			"INSERT INTO run(id, pipeline, hash, started, status, mark)"
			" VALUES(?, ?, ?, ?, 'running', ?)",
			&q, j->err);
	if (r == 0)
		r = exec(j->s, "BEGIN IMMEDIATE", "beginning", j->err);
	if (r == 0) {
		bind_str(q, 1, j->run_id);
		bind_str(q, 2, j->pipeline);
		bind_str(q, 3, hash);
		bind_now(q, 4, 0);
		bind_text(q, 5, j->mark);
		r = step_done(j->s, q, "beginning a run", j->err);
	}
	if (r == 0)
		r = put_receipts(j);
	return commit_or_roll_back(j->s, r, j->err);
}

int state_begin(struct state *s, const char *run_id, const struct state_start *start,
		struct err *err)
{
	return off(begin_job, &(struct job){ .s = s,
					     .run_id = run_id,
					     .pipeline = start->pipeline,
					     .hash = start->hash,
					     .mark = start->mark,
					     .receipts = start->receipts,
					     .n = start->n,
					     .err = err });
}

static int end_job(void *arg)
{
	struct job *j = arg;
	AUTO(finalize) sqlite3_stmt *q = NULL;
	if (prepare(j->s, "UPDATE run SET status = ?, ended = ? WHERE id = ?", &q, j->err) < 0)
		return -1;
	bind_str(q, 1, j->status);
	bind_now(q, 2, 0);
	bind_str(q, 3, j->run_id);
	return step_done(j->s, q, "ending the run", j->err);
}

int state_end(struct state *s, const char *run_id, const char *status, struct err *err)
{
	return off(end_job,
		   &(struct job){ .s = s, .run_id = run_id, .status = status, .err = err });
}

/* ---- dead letters ---- */
static int put_letter(struct job *j, sqlite3_stmt *q, const struct state_letter *d)
{
	bind_str(q, 1, j->run_id);
	bind_str(q, 2, d->split);
	sqlite3_bind_int64(q, 3, (int64_t)d->ordinal);
	sqlite3_bind_int64(q, 4, d->child);
	sqlite3_bind_int64(q, 5, (int64_t)d->line);
	bind_str(q, 6, d->step);
	bind_str(q, 7, d->class);
	bind_str(q, 8, d->message);
	bind_text(q, 9, d->record);
	bind_text(q, 10, d->at_step);
	bind_text(q, 11, d->attempts.n ? d->attempts : S("[]"));
	bind_now(q, 12, d->wall_ns);
	return step_done(j->s, q, "keeping a dead letter", j->err);
}

static int letters_job(void *arg)
{
	struct job *j = arg;
	AUTO(finalize) sqlite3_stmt *q = NULL;
	int r = prepare(j->s, "INSERT OR REPLACE INTO dead VALUES(?,?,?,?,?,?,?,?,?,?,?,?)", &q,
			j->err);
	if (r == 0)
		r = exec(j->s, "BEGIN IMMEDIATE", "beginning", j->err);
	for (size_t i = 0; i < j->n && r == 0; i++)
		r = put_letter(j, q, &j->letters[i]);
	return commit_or_roll_back(j->s, r, j->err);
}

int state_put_letters(struct state *s, const char *run_id, const struct state_letter *letters,
		      size_t n, struct err *err)
{
	return off(
		letters_job,
		&(struct job){ .s = s, .run_id = run_id, .letters = letters, .n = n, .err = err });
}

static int sift(struct job *j, sqlite3_stmt *all, sqlite3_stmt *drop)
{
	int rc, r = 0;
	bind_str(all, 1, j->run_id);
	while (r == 0 && (rc = sqlite3_step(all)) == SQLITE_ROW) {
		const char *split = (const char *)sqlite3_column_text(all, 0);
		const char *step = (const char *)sqlite3_column_text(all, 2);
		int64_t ordinal = sqlite3_column_int64(all, 1);
		if (j->keep(j->arg, split ? split : "", (uint64_t)ordinal, step ? step : ""))
			continue;
		bind_str(drop, 1, j->run_id);
		bind_str(drop, 2, split ? split : "");
		sqlite3_bind_int64(drop, 3, ordinal);
		sqlite3_bind_int64(drop, 4, sqlite3_column_int64(all, 3));
		r = step_done(j->s, drop, "dropping a dead letter", j->err);
	}
	if (r == 0 && rc != SQLITE_DONE)
		return sql_fault(j->s, j->err, "reading the dead letters");
	return r;
}

static int sift_job(void *arg)
{
	struct job *j = arg;
	AUTO(finalize) sqlite3_stmt *all = NULL;
	AUTO(finalize) sqlite3_stmt *drop = NULL;
	int r = prepare(j->s, "SELECT split, ordinal, step, child FROM dead WHERE run = ?", &all,
			j->err);
	if (r == 0)
		r = prepare(j->s,
			    "DELETE FROM dead WHERE run = ? AND split = ? AND ordinal = ? AND "
			    "child = ?",
			    &drop, j->err);
	if (r == 0)
		r = exec(j->s, "BEGIN IMMEDIATE", "beginning", j->err);
	if (r == 0)
		r = sift(j, all, drop);
	sqlite3_reset(all);
	return commit_or_roll_back(j->s, r, j->err);
}

int state_sift_letters(struct state *s, const char *run_id, state_keep *keep, void *arg,
		       struct err *err)
{
	return off(sift_job,
		   &(struct job){ .s = s, .run_id = run_id, .keep = keep, .arg = arg, .err = err });
}

/* ---- marks and receipts ---- */
static int mark_job(void *arg)
{
	struct job *j = arg;
	AUTO(finalize) sqlite3_stmt *q = NULL;
	int r = prepare(j->s, "UPDATE run SET mark = ? WHERE id = ?", &q, j->err);
	if (r == 0)
		r = exec(j->s, "BEGIN IMMEDIATE", "beginning", j->err);
	if (r == 0) {
		bind_text(q, 1, j->mark);
		bind_str(q, 2, j->run_id);
		r = step_done(j->s, q, "keeping the checkpoint", j->err);
	}
	if (r == 0)
		r = put_receipts(j);
	return commit_or_roll_back(j->s, r, j->err);
}

int state_put_mark(struct state *s, const char *run_id, struct slice mark,
		   const struct state_receipt *receipts, size_t n, struct err *err)
{
	return off(mark_job, &(struct job){ .s = s,
					    .run_id = run_id,
					    .mark = mark,
					    .receipts = receipts,
					    .n = n,
					    .err = err });
}

static int receipt_job(void *arg)
{
	struct job *j = arg;
	AUTO(finalize) sqlite3_stmt *q = NULL;
	if (prepare(j->s, "SELECT receipt FROM receipt WHERE run = ? AND sink = ?", &q, j->err) < 0)
		return -1;
	bind_str(q, 1, j->run_id);
	bind_str(q, 2, j->sink);
	int rc = sqlite3_step(q);
	if (rc == SQLITE_DONE)
		return 0;
	if (rc != SQLITE_ROW)
		return sql_fault(j->s, j->err, "reading a receipt");
	*j->found = true;
	struct slice text = { (const char *)sqlite3_column_text(q, 0),
			      (size_t)sqlite3_column_bytes(q, 0) };
	return buf_add(j->text, text) < 0 ? fail(j->err, FAULT_IO, "out of memory") : 0;
}

int state_get_receipt(struct state *s, const char *run_id, const char *sink, struct buf *ret,
		      bool *found, struct err *err)
{
	*found = false;
	return off(receipt_job, &(struct job){ .s = s,
					       .run_id = run_id,
					       .sink = sink,
					       .text = ret,
					       .found = found,
					       .err = err });
}

static int kinds_job(void *arg)
{
	struct job *j = arg;
	AUTO(finalize) sqlite3_stmt *q = NULL;
	int rc = SQLITE_DONE;
	/* SQLite takes the bare message from the row that min() picks: the first of its kind. */
	if (prepare(j->s,
		    "SELECT step, class, message, count(*),"
		    " min(printf('%020d %s %010d', ordinal, split, child)) FROM dead WHERE run = ?"
		    " GROUP BY 1, 2 ORDER BY 4 DESC, 1, 2",
		    &q, j->err) < 0)
		return -1;
	bind_str(q, 1, j->run_id);
	while (*j->kind_count < j->n && (rc = sqlite3_step(q)) == SQLITE_ROW) {
		struct state_dead_kind *k = &j->kinds[(*j->kind_count)++];
		copy_text(k->step, sizeof k->step, sqlite3_column_text(q, 0));
		copy_text(k->class, sizeof k->class, sqlite3_column_text(q, 1));
		copy_text(k->example, sizeof k->example, sqlite3_column_text(q, 2));
		k->n = (uint64_t)sqlite3_column_int64(q, 3);
	}
	return rc == SQLITE_DONE || rc == SQLITE_ROW
		       ? 0
		       : sql_fault(j->s, j->err, "counting the dead letters");
}

int state_dead_kinds(struct state *s, const char *run_id, struct state_dead_kind *ret, size_t cap,
		     size_t *ret_count, struct err *err)
{
	*ret_count = 0;
	return off(kinds_job, &(struct job){ .s = s,
					     .run_id = run_id,
					     .kinds = ret,
					     .n = cap,
					     .kind_count = ret_count,
					     .err = err });
}

/* ---- the copy that `dead:` asks for ---- */
static struct slice column(sqlite3_stmt *q, int i)
{
	return (struct slice){ (const char *)sqlite3_column_text(q, i),
			       (size_t)sqlite3_column_bytes(q, i) };
}

static int put_dead_line(sqlite3_stmt *q, struct buf *out)
{
	static const char *const keys[] = { "record",   "step",   "class", "message", "at_step",
					    "attempts", "source", "line",  "time" };
	struct json_writer w = json_writer(out);
	json_open(&w, '{');
	for (int i = 0; i < (int)ARRAY_SIZE(keys); i++) {
		bool json = i == 0 || i == 4 || i == 5 || i == 7;
		json_key(&w, keys[i]);
		/* A record that was never JSON (a broken line) is kept as a string. */
		if (json && json_check(column(q, i), NULL) == 0)
			json_put_raw(&w, column(q, i));
		else
			json_put_string(&w, column(q, i));
	}
	json_close(&w, '}');
	int r = json_writer_end(&w);
	return r < 0 ? r : buf_add_char(out, '\n');
}

static int write_all(int fd, struct slice s)
{
	while (s.n > 0) {
		ssize_t n = write(fd, s.p, s.n);
		if (n < 0 && errno != EINTR)
			return -errno;
		s = slice_from(s, n > 0 ? (size_t)n : 0);
	}
	return 0;
}

static int write_dead_file(struct job *j, sqlite3_stmt *q, int fd)
{
	AUTO(buf_done) struct buf out = { .max = 256u << 20 };
	int rc = SQLITE_ROW, r = 0;
	while (r == 0 && (rc = sqlite3_step(q)) == SQLITE_ROW) {
		++*j->count;
		r = put_dead_line(q, &out);
		if (r == 0 && out.n > (1u << 20)) {
			r = write_all(fd, buf_slice(&out));
			buf_clear(&out);
		}
	}
	if (r == 0 && rc != SQLITE_DONE)
		return sql_fault(j->s, j->err, "reading the dead letters");
	if (r == 0)
		r = write_all(fd, buf_slice(&out));
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	return r < 0 ? fail_errno(j->err, FAULT_IO, r, "cannot write '%s'", j->path) : 0;
}

static int export_job(void *arg)
{
	struct job *j = arg;
	AUTO(finalize) sqlite3_stmt *q = NULL;
	AUTO(buf_done) struct buf part = { .max = 8192 };
	if (buf_printf(&part, "%s.part", j->path) < 0 ||
	    prepare(j->s,
		    "SELECT record, step, class, message, at_step, attempts, split, line, time "
		    "FROM dead"
		    " WHERE run = ? ORDER BY split, ordinal, child",
		    &q, j->err) < 0)
		return -1;
	bind_str(q, 1, j->run_id);
	int fd = open(part.p, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail_errno(j->err, FAULT_IO, -errno, "cannot write the dead letters to '%s'",
				  part.p);
	int r = write_dead_file(j, q, fd);
	if (close(fd) < 0 && r == 0)
		r = fail_errno(j->err, FAULT_IO, -errno, "cannot write '%s'", part.p);
	if (r < 0 || *j->count == 0) {
		unlink(part.p);
		if (r == 0 && unlink(j->path) < 0 && errno != ENOENT)
			r = fail_errno(j->err, FAULT_IO, -errno, "cannot remove the old '%s'",
				       j->path);
		return r;
	}
	if (rename(part.p, j->path) < 0)
		return fail_errno(j->err, FAULT_IO, -errno, "cannot write '%s'", j->path);
	return sync_folder_of(j->path, j->err);
}

int state_export_dead(struct state *s, const char *run_id, const char *path, uint64_t *ret_count,
		      struct err *err)
{
	*ret_count = 0;
	return off(
		export_job,
		&(struct job){
			.s = s, .run_id = run_id, .path = path, .count = ret_count, .err = err });
}
