/* letters.c - dead letters: kept, sifted, counted
 *
 * What this room is for: I10: a dead letter is whole, and stays until a human does something about it.
 * What flows through:    letters as text.
 * What must hold:
 *  (1) a letter is synced when its call returns. (2) the same record dies once per run: writing it again replaces it. */
#include "engine/state/letters.h"
#include "engine/state/sql.h"

#include <stdio.h>

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
	struct state_dead *ret;
	uint64_t left;
};

/* SQLite takes the bare message from the row that min() picks: the first of its kind. */
static const char own_kinds[] =
	"SELECT step, class, message, count(*),"
	" min(printf('%020d %s %s', ordinal, split, path)) FROM dead WHERE run = ?1"
	" GROUP BY 1, 2 ORDER BY 4 DESC, 1, 2";
/* The same of those that are open, as listing.c has it; max() picks the newest letter of each record. */
static const char open_kinds[] =
	"SELECT step, class, message, sum(own), min(place) FROM (SELECT d.step, d.class, d.message,"
	" printf('%020d %s %s', d.ordinal, d.split, d.path) AS place, d.replayed_by AS took,"
	" sum(d.run = ?1) AS own, max(r.rowid) FROM dead d JOIN run r ON r.id = d.run"
	" WHERE r.pipeline = (SELECT pipeline FROM run WHERE id = ?1)"
	" GROUP BY CASE d.id WHEN '' THEN d.rowid ELSE d.id END, d.record)"
	" LEFT JOIN run t ON t.id = took WHERE own > 0 AND"
	" (took IS NULL OR t.id IS NULL OR t.status IN ('running', 'failed', 'unfinished'))"
	" GROUP BY 1, 2 ORDER BY 4 DESC, 1, 2";

static void add_kind(struct kinds_job *j, sqlite3_stmt *q)
{
	struct state_dead *ret = j->ret;
	uint64_t n = (uint64_t)sqlite3_column_int64(q, 3);
	j->left += n;
	if (ret->count == ret->cap)
		return;
	struct state_dead_kind *k = &ret->kinds[ret->count++];
	sql_copy(q, 0, k->step, sizeof k->step);
	sql_copy(q, 1, k->class, sizeof k->class);
	sql_copy(q, 2, k->example, sizeof k->example);
	k->n = n;
}

static int put_kinds(struct kinds_job *j, const char *sql)
{
	AUTO(sql_finalize) sqlite3_stmt *q = NULL;
	int r;
	if (sql_prepare(&j->job, sql, &q) < 0)
		return -1;
	sql_bind_str(q, 1, j->run_id);
	while ((r = sql_step_row(&j->job, q, "counting the dead letters")) > 0)
		add_kind(j, q);
	return r;
}

/* All, those that a replay has taken up, and those that were dropped. */
static int kinds_job(void *arg)
{
	struct kinds_job *j = arg;
	AUTO(sql_finalize) sqlite3_stmt *q = NULL;
	if (sql_prepare(&j->job,
			"SELECT count(*), count(replayed_by),"
			" coalesce((SELECT dropped FROM run WHERE id = ?1), 0)"
			" FROM dead WHERE run = ?1",
			&q) < 0)
		return -1;
	sql_bind_str(q, 1, j->run_id);
	if (sql_step_row(&j->job, q, "counting the dead letters") < 0)
		return -1;
	uint64_t all = (uint64_t)sqlite3_column_int64(q, 0);
	uint64_t dropped = (uint64_t)sqlite3_column_int64(q, 2);
	if (put_kinds(j, sqlite3_column_int64(q, 1) ? open_kinds : own_kinds) < 0)
		return -1;
	ASSERT(j->left <= all);
	j->ret->gone = all - j->left + dropped;
	return 0;
}

int state_dead_kinds(struct state *s, const char *run_id, struct state_dead *ret, struct err *err)
{
	struct kinds_job j = { { s, err }, run_id, ret, 0 };
	ret->count = 0;
	ret->gone = 0;
	return sql_off(kinds_job, &j.job);
}
