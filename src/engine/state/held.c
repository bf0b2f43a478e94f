/* held.c - members of windows, in the state until what was made of them is delivered
 *
 * What this room is for: a fold's memory that survives, and that is as large as the disk.
 * What flows through:    members in, in the order of their windows, in one commit with the windows that they close; pages of members
 *   out, in the order that is wanted.
 * What must hold:
 *  (1) keys are sorted here and nowhere else: SQLite's sorter goes to temporary files when they are many.
 *  (2) sifting is idempotent: a crash in its midst, and it is done again. */
#include "engine/state/held.h"
#include "engine/state/sql.h"

#include <stdlib.h>
#include <string.h>

enum { PAGE_BYTES = 1 << 20 };

/* ---- putting ---- */
struct put_job {
	struct sql_job job;
	const char *run_id;
	const struct held_member *members;
	size_t n;
	const struct held_window *windows;
	size_t window_count;
	bool not_synced;
};

static int put_member(const struct put_job *j, sqlite3_stmt *q, const struct held_member *m)
{
	sql_bind_str(q, 1, j->run_id);
	sql_bind_str(q, 2, m->fold);
	sqlite3_bind_int64(q, 3, (int64_t)m->window);
	sqlite3_bind_int64(q, 4, (int64_t)m->at);
	sql_bind_str(q, 5, m->split);
	sqlite3_bind_int64(q, 6, (int64_t)m->ordinal);
	sql_bind_text(q, 7, m->path);
	sql_bind_str(q, 8, m->source);
	sqlite3_bind_int64(q, 9, (int64_t)m->line);
	sqlite3_bind_int64(q, 10, (int64_t)m->id);
	sql_bind_blob(q, 11, m->key);
	sql_bind_text(q, 12, m->record);
	sql_bind_blob(q, 13, m->blobs);
	sqlite3_bind_int64(q, 14, m->wall_ns);
	return sql_step_done(&j->job, q, "keeping what a step holds");
}

static int put_window(const struct sql_job *j, sqlite3_stmt *q, const char *run_id,
		      const struct held_window *w)
{
	sql_bind_str(q, 1, run_id);
	sql_bind_str(q, 2, w->fold);
	sqlite3_bind_int64(q, 3, (int64_t)w->first);
	sqlite3_bind_int64(q, 4, (int64_t)w->gives);
	sqlite3_bind_int64(q, 5, (int64_t)w->n);
	sqlite3_bind_int64(q, 6, (int64_t)w->bytes);
	sqlite3_bind_int64(q, 7, (int64_t)w->number);
	return sql_step_done(j, q, "closing a window");
}

#define PUT_WINDOW "INSERT OR REPLACE INTO held_window VALUES(?,?,?,?,?,?,?)"

static int compare_places(const void *a, const void *b)
{
	const struct held_member *x = *(const struct held_member *const *)a,
				 *y = *(const struct held_member *const *)b;
	if (x->window != y->window)
		return x->window < y->window ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

/* As they will lie: of many windows each page of the table is then read and written once. */
static const struct held_member **in_places(const struct put_job *j)
{
	const struct held_member **all = xcalloc(j->n + 1, sizeof *all);
	bool in_order = true;
	for (size_t i = 0; i < j->n; i++) {
		all[i] = &j->members[i];
		in_order &= i == 0 || j->members[i - 1].window <= j->members[i].window;
	}
	if (!in_order)
		qsort(all, j->n, sizeof *all, compare_places);
	return all;
}

static int put_all(const struct put_job *j)
{
	AUTO(sql_finalize) sqlite3_stmt *member = NULL;
	AUTO(sql_finalize) sqlite3_stmt *window = NULL;
	int r = sql_prepare(&j->job,
			    "INSERT OR REPLACE INTO held VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
			    &member);
	if (r == 0)
		r = sql_prepare(&j->job, PUT_WINDOW, &window);
	AUTO(freep) const struct held_member **all = in_places(j);
	for (size_t i = 0; i < j->n && r == 0; i++)
		r = put_member(j, member, all[i]);
	for (size_t i = 0; i < j->window_count && r == 0; i++)
		r = put_window(&j->job, window, j->run_id, &j->windows[i]);
	return r;
}

/* The log is synced in order: what is not synced now is with the next commit that is. */
static int set_syncing(const struct sql_job *j, bool on)
{
	return sql_exec(j, on ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL",
			"keeping what a step holds");
}

static int put_job(void *arg)
{
	struct put_job *j = arg;
	if (j->not_synced && set_syncing(&j->job, false) < 0)
		return -1;
	j->job.s->has_held = true;
	int r = sql_begin(&j->job) < 0 ? -1 : sql_end(&j->job, put_all(j));
	return j->not_synced && set_syncing(&j->job, true) < 0 ? -1 : r;
}

int state_put_held(struct state *s, const char *run_id, const struct held_member *members, size_t n,
		   const struct held_window *windows, size_t window_count, bool not_synced,
		   struct err *err)
{
	struct put_job j = { { s, err }, run_id, members, n, windows, window_count, not_synced };
	return sql_off(put_job, &j.job);
}

/* ---- sifting ---- */
struct sift_job {
	struct sql_job job;
	const char *run_id;
	struct held_fold *folds;
	size_t n;
	state_keep_member *keep;
	void *arg;
};

static const char sifting[] = "sorting out what a step holds";

static int drop_unwanted(const struct sift_job *j)
{
	AUTO(sql_finalize) sqlite3_stmt *q = NULL;
	AUTO(sql_finalize) sqlite3_stmt *drop = NULL;
	int r;
	if (sql_prepare(&j->job,
			"SELECT fold, first, at, split, ordinal FROM held WHERE run = ?"
			" ORDER BY fold, first DESC, at DESC",
			&q) < 0 ||
	    sql_prepare(&j->job,
			"DELETE FROM held WHERE run = ? AND fold = ? AND first = ? AND at = ?",
			&drop) < 0)
		return -1;
	sql_bind_str(q, 1, j->run_id);
	while ((r = sql_step_row(&j->job, q, sifting)) > 0) {
		if (j->keep(j->arg, (const char *)sqlite3_column_text(q, 3),
			    (uint64_t)sqlite3_column_int64(q, 4)))
			continue;
		sql_bind_str(drop, 1, j->run_id);
		sql_bind_text(drop, 2, sql_column(q, 0));
		sqlite3_bind_int64(drop, 3, sqlite3_column_int64(q, 1));
		sqlite3_bind_int64(drop, 4, sqlite3_column_int64(q, 2));
		if (sql_step_done(&j->job, drop, sifting) < 0)
			return -1;
	}
	return r;
}

/* A window that was closed by members which are gone is open again; those without any are not there. */
static int reopen(const struct sift_job *j)
{
	AUTO(sql_finalize) sqlite3_stmt *q = NULL;
	if (sql_prepare(&j->job,
			"DELETE FROM held_window AS w WHERE run = ? AND n > (SELECT count(*) FROM"
			" held WHERE run = w.run AND fold = w.fold AND held.first = w.number)",
			&q) < 0)
		return -1;
	sql_bind_str(q, 1, j->run_id);
	return sql_step_done(&j->job, q, sifting);
}

/* Without the row that says so all but the last are closed, too: a member in the next one would not be there otherwise. */
static int take_window(const struct sift_job *j, struct held_fold *f, struct held_window w,
		       bool closed, bool last, sqlite3_stmt *put)
{
	if (!closed && last) {
		f->first = w.first;
		f->n = w.n;
		f->bytes = w.bytes;
		return 0;
	}
	f->first = w.first + w.gives;
	f->waiting += w.n;
	f->waiting_bytes += w.bytes;
	return closed ? 0 : put_window(&j->job, put, j->run_id, &w);
}

static int take_windows(const struct sift_job *j, struct held_fold *f)
{
	AUTO(sql_finalize) sqlite3_stmt *q = NULL;
	AUTO(sql_finalize) sqlite3_stmt *put = NULL;
	int r;
	if (sql_prepare(&j->job,
			"SELECT h.first, count(*), sum(length(CAST(record AS BLOB)) + "
			"ifnull(length(blobs), 0)), w.n IS NOT NULL, h.first = (SELECT"
			" max(first) FROM held WHERE run = ?1 AND fold = ?2) FROM held AS h LEFT"
			" JOIN held_window AS w ON w.run = h.run AND w.fold = h.fold AND"
			" w.first = h.first WHERE h.run = ?1 AND h.fold = ?2 GROUP BY h.first"
			" ORDER BY h.first",
			&q) < 0 ||
	    sql_prepare(&j->job, PUT_WINDOW, &put) < 0)
		return -1;
	sql_bind_str(q, 1, j->run_id);
	sql_bind_str(q, 2, f->fold);
	while ((r = sql_step_row(&j->job, q, sifting)) > 0) {
		uint64_t n = (uint64_t)sqlite3_column_int64(q, 1);
		struct held_window w = { .fold = f->fold,
					 .first = (uint64_t)sqlite3_column_int64(q, 0),
					 .gives = f->gives_all ? n : 1,
					 .n = n,
					 .bytes = (uint64_t)sqlite3_column_int64(q, 2) };
		w.number = w.first;
		if (take_window(j, f, w, sqlite3_column_int(q, 3), sqlite3_column_int(q, 4), put) <
		    0)
			return -1;
	}
	return r;
}

/* ---- by key ---- */
static int prepare_of(const struct sift_job *j, const struct held_fold *f, const char *sql,
		      sqlite3_stmt **ret)
{
	if (sql_prepare(&j->job, sql, ret) < 0)
		return -1;
	sql_bind_str(*ret, 1, j->run_id);
	sql_bind_str(*ret, 2, f->fold);
	return 0;
}

/* Behind a window that is open again those that were closed after it are, too: nothing of them was given yet, and what the
 * windows give must have no gap. */
static int reopen_behind_gap(const struct sift_job *j, struct held_fold *f)
{
	AUTO(sql_finalize) sqlite3_stmt *q = NULL;
	AUTO(sql_finalize) sqlite3_stmt *drop = NULL;
	int r;
	if (prepare_of(j, f,
		       "SELECT first FROM held_window WHERE run = ? AND fold = ? AND first >= ?"
		       " ORDER BY first",
		       &q) < 0 ||
	    prepare_of(j, f, "DELETE FROM held_window WHERE run = ? AND fold = ? AND first > ?",
		       &drop) < 0)
		return -1;
	sqlite3_bind_int64(q, 3, (int64_t)f->low);
	while ((r = sql_step_row(&j->job, q, sifting)) > 0 &&
	       (uint64_t)sqlite3_column_int64(q, 0) == f->first)
		f->first++;
	sqlite3_reset(q);
	sqlite3_bind_int64(drop, 3, (int64_t)f->first);
	return r <= 0 ? r : sql_step_done(&j->job, drop, sifting);
}

static int count_closed(const struct sift_job *j, struct held_fold *f)
{
	AUTO(sql_finalize) sqlite3_stmt *q = NULL;
	if (prepare_of(
		    j, f,
		    "SELECT ifnull(sum(n), 0), ifnull(sum(bytes), 0), ifnull((SELECT max(first) + 1"
		    " FROM held WHERE run = ?1 AND fold = ?2), 0)"
		    " FROM held_window WHERE run = ?1 AND fold = ?2",
		    &q) < 0 ||
	    sql_step_row(&j->job, q, sifting) < 0)
		return -1;
	f->waiting = (uint64_t)sqlite3_column_int64(q, 0);
	f->waiting_bytes = (uint64_t)sqlite3_column_int64(q, 1);
	f->numbers = (uint64_t)sqlite3_column_int64(q, 2);
	return 0;
}

/* The key stands with the first of them. */
static int take_open(const struct sift_job *j, struct held_fold *f)
{
	AUTO(sql_finalize) sqlite3_stmt *q = NULL;
	int r;
	if (prepare_of(j, f,
		       "SELECT first, count(*), sum(length(CAST(record AS BLOB)) +"
		       " ifnull(length(blobs), 0)), min(at), key, time FROM held WHERE run = ?1 AND"
		       " fold = ?2 AND first NOT IN (SELECT number FROM held_window WHERE run = ?1"
		       " AND fold = ?2) GROUP BY first ORDER BY first",
		       &q) < 0)
		return -1;
	while ((r = sql_step_row(&j->job, q, sifting)) > 0) {
		const struct held_open w = { .number = (uint64_t)sqlite3_column_int64(q, 0),
					     .n = (uint64_t)sqlite3_column_int64(q, 1),
					     .bytes = (uint64_t)sqlite3_column_int64(q, 2),
					     .key = sql_column(q, 4),
					     .opened_ns = sqlite3_column_int64(q, 5) };
		f->n += w.n;
		f->bytes += w.bytes;
		f->take_open(f->arg, &w);
	}
	return r;
}

static int take_fold(const struct sift_job *j, struct held_fold *f)
{
	f->first = f->low;
	f->n = f->bytes = f->waiting = f->waiting_bytes = f->numbers = 0;
	if (!f->take_open)
		return take_windows(j, f);
	return reopen_behind_gap(j, f) < 0 || count_closed(j, f) < 0 ? -1 : take_open(j, f);
}

static int sift_all(const struct sift_job *j)
{
	int r = drop_unwanted(j);
	if (r == 0)
		r = reopen(j);
	for (size_t i = 0; i < j->n && r == 0; i++)
		r = take_fold(j, &j->folds[i]);
	return r;
}

/* Members of many windows lie all over the table: a page that is written again soon goes from the log into the database once. */
static int expect_scatter(const struct sift_job *j)
{
	bool any = false;
	for (size_t i = 0; i < j->n; i++)
		any |= j->folds[i].take_open != NULL;
	return any ? sql_exec(&j->job, "PRAGMA wal_autocheckpoint=32000", sifting) : 0;
}

static int sift_job(void *arg)
{
	struct sift_job *j = arg;
	if (expect_scatter(j) < 0 || sql_begin(&j->job) < 0)
		return -1;
	return sql_end(&j->job, sift_all(j));
}

int state_sift_held(struct state *s, const char *run_id, struct held_fold *folds, size_t n,
		    state_keep_member *keep, void *arg, struct err *err)
{
	struct sift_job j = { { s, err }, run_id, folds, n, keep, arg };
	return sql_off(sift_job, &j.job);
}

/* ---- windows ---- */
struct find_job {
	struct sql_job job;
	const char *run_id, *fold;
	uint64_t ordinal;
	struct held_window *ret;
};

static int find_job(void *arg)
{
	struct find_job *j = arg;
	AUTO(sql_finalize) sqlite3_stmt *q = NULL;
	if (sql_prepare(&j->job,
			"SELECT first, gives, n, bytes, number FROM held_window WHERE run = ? AND"
			" fold = ? AND first <= ? ORDER BY first DESC LIMIT 1",
			&q) < 0)
		return -1;
	sql_bind_str(q, 1, j->run_id);
	sql_bind_str(q, 2, j->fold);
	sqlite3_bind_int64(q, 3, (int64_t)j->ordinal);
	int r = sql_step_row(&j->job, q, "reading a window");
	if (r > 0)
		*j->ret = (struct held_window){ .fold = j->fold,
						.first = (uint64_t)sqlite3_column_int64(q, 0),
						.gives = (uint64_t)sqlite3_column_int64(q, 1),
						.n = (uint64_t)sqlite3_column_int64(q, 2),
						.bytes = (uint64_t)sqlite3_column_int64(q, 3),
						.number = (uint64_t)sqlite3_column_int64(q, 4) };
	if (r < 0 || (r > 0 && j->ordinal - j->ret->first < j->ret->gives))
		return r < 0 ? r : 0;
	return fail(j->job.err, FAULT_BROKEN, "state file '%s' lacks a window of '%s'",
		    j->job.s->path, j->fold);
}

int state_find_window(struct state *s, const char *run_id, const char *fold, uint64_t ordinal,
		      struct held_window *ret, struct err *err)
{
	struct find_job j = { { s, err }, run_id, fold, ordinal, ret };
	return sql_off(find_job, &j.job);
}

/* ---- in order ---- */
struct sort_job {
	struct sql_job job;
	const char *run_id;
	const struct held_window *window;
	bool descending;
	uint64_t *ret;
};

static int fail_incomplete(const struct sql_job *j, const struct held_window *w)
{
	return fail(j->err, FAULT_BROKEN, "state file '%s' lacks records that '%s' holds",
		    j->s->path, w->fold);
}

static void bind_window(sqlite3_stmt *q, const char *run_id, const struct held_window *w)
{
	sql_bind_str(q, 1, run_id);
	sql_bind_str(q, 2, w->fold);
	sqlite3_bind_int64(q, 3, (int64_t)w->number);
}

static int sort_job(void *arg)
{
	struct sort_job *j = arg;
	AUTO(sql_finalize) sqlite3_stmt *q = NULL;
	size_t n = 0;
	int r = sql_prepare(&j->job,
			    j->descending ? "SELECT at FROM held WHERE run = ? AND fold = ? AND"
					    " first = ? ORDER BY key DESC, at"
					  : "SELECT at FROM held WHERE run = ? AND fold = ? AND"
					    " first = ? ORDER BY key, at",
			    &q);
	if (r < 0)
		return r;
	bind_window(q, j->run_id, j->window);
	while ((r = sql_step_row(&j->job, q, "sorting")) > 0 && n < j->window->n)
		j->ret[n++] = (uint64_t)sqlite3_column_int64(q, 0);
	if (r < 0)
		return r;
	return n == j->window->n ? 0 : fail_incomplete(&j->job, j->window);
}

int state_sort_window(struct state *s, const char *run_id, const struct held_window *w,
		      bool descending, uint64_t *ret, struct err *err)
{
	struct sort_job j = { { s, err }, run_id, w, descending, ret };
	return sql_off(sort_job, &j.job);
}

/* ---- reading ---- */
struct read_job {
	struct sql_job job;
	const char *run_id;
	const struct held_window *window;
	const uint64_t *order;
	size_t n;
	struct held_page *page;
};

void held_page_done(struct held_page *p)
{
	arena_free(take(p->arena));
	*p = (struct held_page){ 0 };
}

static void begin_page(struct held_page *p)
{
	if (p->arena)
		arena_reset(p->arena);
	else
		p->arena = arena_new();
	p->rows = arena_alloc(p->arena, HELD_A_PAGE * sizeof *p->rows);
	p->n = 0;
}

static bool has_room(const struct held_page *p)
{
	return p->n < HELD_A_PAGE && arena_bytes(p->arena) < PAGE_BYTES;
}

/* at, source, id, line, record, blobs, key, time */
static struct held_row *add_row(struct held_page *p, sqlite3_stmt *q)
{
	struct held_row *row = &p->rows[p->n++];
	*row = (struct held_row){
		.at = (uint64_t)sqlite3_column_int64(q, 0),
		.source = arena_str(p->arena, sql_column(q, 1)),
		.id = (uint64_t)sqlite3_column_int64(q, 2),
		.line = (uint64_t)sqlite3_column_int64(q, 3),
		.record = arena_copy(p->arena, sql_column(q, 4)),
		.blobs = arena_copy(p->arena, sql_column(q, 5)),
		.key = arena_copy(p->arena, sql_column(q, 6)),
		.wall_ns = sqlite3_column_int64(q, 7),
	};
	return row;
}

static int read_row(const struct read_job *j, sqlite3_stmt *q, uint64_t at)
{
	sqlite3_bind_int64(q, 4, (int64_t)at);
	int r = sql_step_row(&j->job, q, "reading what a step holds");
	if (r <= 0)
		return r < 0 ? r : fail_incomplete(&j->job, j->window);
	add_row(j->page, q);
	sqlite3_reset(q);
	return 0;
}

static int read_job(void *arg)
{
	struct read_job *j = arg;
	AUTO(sql_finalize) sqlite3_stmt *q = NULL;
	if (sql_prepare(&j->job,
			"SELECT at, source, id, line, record, blobs, NULL, time FROM held WHERE"
			" run = ? AND fold = ? AND first = ? AND at = ?",
			&q) < 0)
		return -1;
	bind_window(q, j->run_id, j->window);
	for (size_t i = 0; i < j->n && has_room(j->page); i++)
		if (read_row(j, q, j->order[i]) < 0)
			return -1;
	return 0;
}

int state_read_held(struct state *s, const char *run_id, const struct held_window *w,
		    const uint64_t *order, size_t n, struct held_page *ret, struct err *err)
{
	struct read_job j = { { s, err }, run_id, w, order, n, ret };
	begin_page(ret);
	return sql_off(read_job, &j.job);
}

/* ---- windows, one behind the other ---- */
struct on_job {
	struct sql_job job;
	const char *run_id, *fold;
	uint64_t first, at;
	struct held_page *page;
};

#define WINDOW_ROWS                                                                          \
	"SELECT h.at, h.source, h.id, h.line, h.record, h.blobs, h.key, h.time, w.first, "   \
	"w.gives, w.n,"                                                                      \
	" w.bytes, w.number FROM held_window AS w CROSS JOIN held AS h ON h.run = w.run AND" \
	" h.fold = w.fold AND h.first = w.number WHERE w.run = ?1 AND w.fold = ?2"

static int read_on(const struct on_job *j, const char *sql)
{
	AUTO(sql_finalize) sqlite3_stmt *q = NULL;
	int r = 1;
	if (sql_prepare(&j->job, sql, &q) < 0)
		return -1;
	sql_bind_str(q, 1, j->run_id);
	sql_bind_str(q, 2, j->fold);
	sqlite3_bind_int64(q, 3, (int64_t)j->first);
	sqlite3_bind_int64(q, 4, (int64_t)j->at);
	while (has_room(j->page) && (r = sql_step_row(&j->job, q, "reading what a step holds")) > 0)
		add_row(j->page, q)->window =
			(struct held_window){ .fold = j->fold,
					      .first = (uint64_t)sqlite3_column_int64(q, 8),
					      .gives = (uint64_t)sqlite3_column_int64(q, 9),
					      .n = (uint64_t)sqlite3_column_int64(q, 10),
					      .bytes = (uint64_t)sqlite3_column_int64(q, 11),
					      .number = (uint64_t)sqlite3_column_int64(q, 12) };
	return r < 0 ? r : 0;
}

/* The rest of the window first, then those behind it: each is found by the table's own order. */
static int on_job(void *arg)
{
	const struct on_job *j = arg;
	int r = read_on(j, WINDOW_ROWS " AND w.first = ?3 AND h.at >= ?4 ORDER BY h.at");
	return r < 0 || !has_room(j->page)
		       ? r
		       : read_on(j, WINDOW_ROWS " AND w.first > ?3 ORDER BY w.first, h.at");
}

int state_read_windows(struct state *s, const char *run_id, const char *fold, uint64_t first,
		       uint64_t at, struct held_page *ret, struct err *err)
{
	struct on_job j = { { s, err }, run_id, fold, first, at, ret };
	begin_page(ret);
	return sql_off(on_job, &j.job);
}

/* ---- counting ---- */
int state_count_held(struct state *s, const char *run_id, uint64_t *ret, struct err *err)
{
	return sql_count(s, "SELECT count(*) FROM held WHERE run = ?", run_id,
			 "counting what is held", ret, err);
}

/* ---- whose they are ---- */
struct each_job {
	struct sql_job job;
	const char *run_id;
	state_held_of *fn;
	void *arg;
};

static int each_job(void *arg)
{
	struct each_job *j = arg;
	AUTO(sql_finalize) sqlite3_stmt *q = NULL;
	int r;
	if (sql_prepare(&j->job, "SELECT DISTINCT split, ordinal FROM held WHERE run = ?", &q) < 0)
		return -1;
	sql_bind_str(q, 1, j->run_id);
	while ((r = sql_step_row(&j->job, q, "reading what is held")) > 0)
		j->fn(j->arg, (const char *)sqlite3_column_text(q, 0),
		      (uint64_t)sqlite3_column_int64(q, 1));
	return r;
}

int state_each_held(struct state *s, const char *run_id, state_held_of *fn, void *arg,
		    struct err *err)
{
	struct each_job j = { { s, err }, run_id, fn, arg };
	return sql_off(each_job, &j.job);
}
