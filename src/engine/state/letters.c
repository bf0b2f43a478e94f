/* letters.c - dead letters: kept, sifted, counted, copied to a file
 *
 * What this room is for: I10: a dead letter is whole, and stays until a human does something about it.
 * What flows through:    letters as text, in; lines of JSON, out.
 * What must hold:
 *  (1) a letter is synced when its call returns. (2) the same record dies once per run: writing it again replaces it. */
#include "engine/state/letters.h"
#include "engine/state/sql.h"

#include "base/json.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

struct letters_job {
	struct sql_job job;
	const char *run_id;
	const struct state_letter *letters;
	size_t n;
};

static int put_letter(const struct letters_job *j, sqlite3_stmt *q, const struct state_letter *d)
{
	char hash[32];
	snprintf(hash, sizeof hash, "%016llx", (unsigned long long)d->hash);
	sql_bind_str(q, 1, j->run_id);
	sql_bind_str(q, 2, d->split);
	sqlite3_bind_int64(q, 3, (int64_t)d->ordinal);
	sql_bind_text(q, 4, d->path);
	sql_bind_text(q, 5, d->id);
	sqlite3_bind_int64(q, 6, (int64_t)d->line);
	sql_bind_str(q, 7, d->step);
	sql_bind_str(q, 8, d->class);
	sql_bind_str(q, 9, d->message);
	sql_bind_text(q, 10, d->record);
	sql_bind_text(q, 11, d->at_step);
	sql_bind_blob(q, 12, d->blobs);
	sql_bind_text(q, 13, d->attempts.n ? d->attempts : S("[]"));
	sql_bind_str(q, 14, hash);
	sql_bind_time(q, 15, d->wall_ns);
	return sql_step_done(&j->job, q, "keeping a dead letter");
}

static int letters_job(void *arg)
{
	struct letters_job *j = arg;
	AUTO(sql_finalize) sqlite3_stmt *q = NULL;
	if (sql_prepare(&j->job,
			"INSERT OR REPLACE INTO dead VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,NULL)",
			&q) < 0 ||
	    sql_begin(&j->job) < 0)
		return -1;
	int r = 0;
	for (size_t i = 0; i < j->n && r == 0; i++)
		r = put_letter(j, q, &j->letters[i]);
	return sql_end(&j->job, r);
}

int state_put_letters(struct state *s, const char *run_id, const struct state_letter *letters,
		      size_t n, struct err *err)
{
	struct letters_job j = { { s, err }, run_id, letters, n };
	return sql_off(letters_job, &j.job);
}

/* ---- sifting ---- */
struct sift_job {
	struct sql_job job;
	const char *run_id;
	state_keep *keep;
	void *arg;
};

static bool is_kept(const struct sift_job *j, sqlite3_stmt *row)
{
	const char *split = (const char *)sqlite3_column_text(row, 1);
	const char *step = (const char *)sqlite3_column_text(row, 3);
	return j->keep(j->arg, split ? split : "", (uint64_t)sqlite3_column_int64(row, 2),
		       sql_column(row, 4), step ? step : "");
}

static int sift(const struct sift_job *j, sqlite3_stmt *all, sqlite3_stmt *drop)
{
	int r;
	sql_bind_str(all, 1, j->run_id);
	while ((r = sql_step_row(&j->job, all, "reading the dead letters")) > 0) {
		if (is_kept(j, all))
			continue;
		sqlite3_bind_int64(drop, 1, sqlite3_column_int64(all, 0));
		if (sql_step_done(&j->job, drop, "dropping a dead letter") < 0)
			return -1;
	}
	return r;
}

static int sift_job(void *arg)
{
	struct sift_job *j = arg;
	AUTO(sql_finalize) sqlite3_stmt *all = NULL;
	AUTO(sql_finalize) sqlite3_stmt *drop = NULL;
	if (sql_prepare(&j->job, "SELECT rowid, split, ordinal, step, path FROM dead WHERE run = ?",
			&all) < 0 ||
	    sql_prepare(&j->job, "DELETE FROM dead WHERE rowid = ?", &drop) < 0 ||
	    sql_begin(&j->job) < 0)
		return -1;
	int r = sift(j, all, drop);
	sqlite3_reset(all);
	return sql_end(&j->job, r);
}

int state_sift_letters(struct state *s, const char *run_id, state_keep *keep, void *arg,
		       struct err *err)
{
	struct sift_job j = { { s, err }, run_id, keep, arg };
	return sql_off(sift_job, &j.job);
}

/* ---- counting ---- */
struct kinds_job {
	struct sql_job job;
	const char *run_id;
	struct state_dead_kind *kinds;
	size_t cap, *count;
};

static int kinds_job(void *arg)
{
	struct kinds_job *j = arg;
	AUTO(sql_finalize) sqlite3_stmt *q = NULL;
	int r = 0;
	/* SQLite takes the bare message from the row that min() picks: the first of its kind. */
	if (sql_prepare(&j->job,
			"SELECT step, class, message, count(*),"
			" min(printf('%020d %s %s', ordinal, split, path)) FROM dead WHERE run = ?"
			" GROUP BY 1, 2 ORDER BY 4 DESC, 1, 2",
			&q) < 0)
		return -1;
	sql_bind_str(q, 1, j->run_id);
	while (*j->count < j->cap &&
	       (r = sql_step_row(&j->job, q, "counting the dead letters")) > 0) {
		struct state_dead_kind *k = &j->kinds[(*j->count)++];
		sql_copy(q, 0, k->step, sizeof k->step);
		sql_copy(q, 1, k->class, sizeof k->class);
		sql_copy(q, 2, k->example, sizeof k->example);
		k->n = (uint64_t)sqlite3_column_int64(q, 3);
	}
	return r < 0 ? -1 : 0;
}

int state_dead_kinds(struct state *s, const char *run_id, struct state_dead_kind *ret, size_t cap,
		     size_t *ret_count, struct err *err)
{
	struct kinds_job j = { { s, err }, run_id, ret, cap, ret_count };
	*ret_count = 0;
	return sql_off(kinds_job, &j.job);
}

/* ---- the copy that `dead:` asks for ---- */
struct export_job {
	struct sql_job job;
	const char *run_id, *path;
	uint64_t *count;
};

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
		if (json && json_check(sql_column(q, i), NULL) == 0)
			json_put_raw(&w, sql_column(q, i));
		else
			json_put_string(&w, sql_column(q, i));
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

static int write_dead_file(const struct export_job *j, sqlite3_stmt *q, int fd)
{
	AUTO(buf_done) struct buf out = { .max = 256u << 20 };
	int row, r = 0;
	while (r == 0 && (row = sql_step_row(&j->job, q, "reading the dead letters")) > 0) {
		++*j->count;
		r = put_dead_line(q, &out);
		if (r == 0 && out.n > (1u << 20)) {
			r = write_all(fd, buf_slice(&out));
			buf_clear(&out);
		}
	}
	if (r == 0 && row < 0)
		return -1;
	if (r == 0)
		r = write_all(fd, buf_slice(&out));
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	return r < 0 ? fail_errno(j->job.err, FAULT_IO, r, "cannot write '%s'", j->path) : 0;
}

static int drop_old_file(const struct export_job *j)
{
	return unlink(j->path) == 0 || errno == ENOENT
		       ? 0
		       : fail_errno(j->job.err, FAULT_IO, -errno, "cannot remove the old '%s'",
				    j->path);
}

static int export_job(void *arg)
{
	struct export_job *j = arg;
	AUTO(sql_finalize) sqlite3_stmt *q = NULL;
	AUTO(buf_done) struct buf part = { .max = 8192 };
	if (buf_printf(&part, "%s.part", j->path) < 0 ||
	    sql_prepare(&j->job,
			"SELECT record, step, class, message, at_step, attempts, split, line, time"
			" FROM dead WHERE run = ? ORDER BY split, ordinal, path",
			&q) < 0)
		return -1;
	sql_bind_str(q, 1, j->run_id);
	int fd = open(part.p, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail_errno(j->job.err, FAULT_IO, -errno,
				  "cannot write the dead letters to '%s'", part.p);
	int r = write_dead_file(j, q, fd);
	if (close(fd) < 0 && r == 0)
		r = fail_errno(j->job.err, FAULT_IO, -errno, "cannot write '%s'", part.p);
	if (r < 0 || *j->count == 0) {
		unlink(part.p);
		return r < 0 ? r : drop_old_file(j);
	}
	if (rename(part.p, j->path) < 0)
		return fail_errno(j->job.err, FAULT_IO, -errno, "cannot write '%s'", j->path);
	return sql_sync_folder_of(j->path, j->job.err);
}

int state_export_dead(struct state *s, const char *run_id, const char *path, uint64_t *ret_count,
		      struct err *err)
{
	struct export_job j = { { s, err }, run_id, path, ret_count };
	*ret_count = 0;
	return sql_off(export_job, &j.job);
}
