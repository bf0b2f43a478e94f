/* listing.c - dead letters read back: listed, taken up by a replay, dropped
 *
 * What this room is for: a letter that lies in the state is of use when it can be found, sent again and forgotten.
 * What flows through:    keys first, for the order and the size of the whole; then letters, a page at a time.
 * What must hold:
 *  (1) memory is bounded by a page, whatever lies there. (2) a letter that went meanwhile (the pipeline runs on) is
 *      passed over. */
#include "engine/state/listing.h"
#include "engine/state/sql.h"

#include "base/arena.h"
#include "base/json.h"
#include <stdlib.h>
#include <string.h>

enum { PAGE_BYTES = 1 << 20 };

/* ---- keys ---- */

/* SQLite takes bare columns from the row that max() picks: of the letters of one record the newest. */
static const char open_letters[] =
	"SELECT n, split, path, ordinal FROM (SELECT d.rowid AS n, d.split, d.path, d.ordinal,"
	" d.replayed_by AS took, max(r.rowid) AS r FROM dead d JOIN run r ON r.id = d.run"
	" WHERE r.pipeline = ?1 GROUP BY CASE d.id WHEN '' THEN d.rowid ELSE d.id END, d.record)"
	" LEFT JOIN run t ON t.id = took"
	" WHERE took IS NULL OR t.id IS NULL OR t.status IN ('running', 'failed', 'unfinished')"
	" ORDER BY r DESC, split, ordinal, path";
static const char all_letters[] =
	"SELECT d.rowid, d.split, d.path, d.ordinal FROM dead d JOIN run r ON r.id = d.run"
	" WHERE r.pipeline = ?1 ORDER BY r.rowid DESC, d.split, d.ordinal, d.path";
static const char replayed_letters[] =
	"SELECT d.rowid, d.split, d.path, d.ordinal FROM dead d JOIN run r ON r.id = d.run"
	" WHERE d.replayed_by = ?1 ORDER BY r.rowid, d.split, d.ordinal, d.path";

void letter_list_done(struct letter_list *l)
{
	arena_free(l->arena);
	free(l->keys);
	*l = (struct letter_list){ 0 };
}

struct list_job {
	struct sql_job job;
	const char *sql, *name;
	struct letter_list *list;
	size_t cap;
};

static void add_key(struct list_job *j, sqlite3_stmt *q)
{
	struct letter_list *l = j->list;
	if (l->n == j->cap) {
		j->cap = j->cap ? 2 * j->cap : 64;
		l->keys = xrealloc(l->keys, j->cap, sizeof *l->keys);
	}
	l->keys[l->n++] = (struct letter_key){
		.row = sqlite3_column_int64(q, 0),
		.split = arena_str(l->arena, sql_column(q, 1)),
		.path = arena_str(l->arena, sql_column(q, 2)),
		.ordinal = (uint64_t)sqlite3_column_int64(q, 3),
	};
}

static int list_job(void *arg)
{
	struct list_job *j = arg;
	AUTO(sql_finalize) sqlite3_stmt *q = NULL;
	int r;
	if (sql_prepare(&j->job, j->sql, &q) < 0)
		return -1;
	sql_bind_str(q, 1, j->name);
	while ((r = sql_step_row(&j->job, q, "listing the dead letters")) > 0)
		add_key(j, q);
	return r;
}

static int list_by(struct state *s, const char *sql, const char *name, struct letter_list *ret,
		   struct err *err) SUSPENDS
{
	struct list_job j = { { s, err }, sql, name, ret, 0 };
	*ret = (struct letter_list){ .arena = arena_new() };
	int r = sql_off(list_job, &j.job);
	if (r < 0)
		letter_list_done(ret);
	return r;
}

int state_list_letters(struct state *s, const char *pipeline, bool all, struct letter_list *ret,
		       struct err *err)
{
	return list_by(s, all ? all_letters : open_letters, pipeline, ret, err);
}

int state_list_replayed(struct state *s, const char *run_id, struct letter_list *ret,
			struct err *err)
{
	return list_by(s, replayed_letters, run_id, ret, err);
}

/* ---- the pipeline of then ---- */
struct parts_job {
	struct sql_job job;
	const char *run_id;
	struct buf *ret;
};

static int parts_job(void *arg)
{
	struct parts_job *j = arg;
	AUTO(sql_finalize) sqlite3_stmt *q = NULL;
	if (sql_prepare(&j->job, "SELECT parts FROM run WHERE id = ?", &q) < 0)
		return -1;
	sql_bind_str(q, 1, j->run_id);
	int r = sql_step_row(&j->job, q, "reading a run");
	return r <= 0 ? r : sql_give(&j->job, q, 0, j->ret);
}

int state_read_parts(struct state *s, const char *run_id, struct buf *ret, struct err *err)
{
	struct parts_job j = { { s, err }, run_id, ret };
	buf_clear(ret);
	return sql_off(parts_job, &j.job);
}

/* ---- pages ---- */
static const char one_letter[] =
	"SELECT run, split, path, id, step, class, message, hash, time, replayed_by,"
	" ordinal, line, record, at_step, blobs, attempts FROM dead WHERE rowid = ?";

void letter_page_done(struct letter_page *p)
{
	arena_free(p->arena);
	*p = (struct letter_page){ 0 };
}

static void read_columns(struct arena *a, sqlite3_stmt *q, int64_t row, struct kept_letter *ret)
{
	const char **texts[] = { &ret->run,  &ret->split,      &ret->path,    &ret->id,
				 &ret->step, &ret->class,      &ret->message, &ret->hash,
				 &ret->time, &ret->replayed_by };
	struct slice *values[] = { &ret->record, &ret->at_step, &ret->blobs, &ret->attempts };
	int at = 0;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		*texts[i] = arena_str(a, sql_column(q, at++));
	ret->row = row;
	ret->ordinal = (uint64_t)sqlite3_column_int64(q, at++);
	ret->line = (uint64_t)sqlite3_column_int64(q, at++);
	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		*values[i] = arena_copy(a, sql_column(q, at++));
}

struct read_job {
	struct sql_job job;
	const struct letter_key *keys;
	size_t n;
	struct letter_page *page;
};

static int read_job(void *arg)
{
	struct read_job *j = arg;
	struct letter_page *p = j->page;
	AUTO(sql_finalize) sqlite3_stmt *q = NULL;
	if (sql_prepare(&j->job, one_letter, &q) < 0)
		return -1;
	while (p->keys < j->n && p->n < LETTERS_A_PAGE && arena_bytes(p->arena) < PAGE_BYTES) {
		int64_t row = j->keys[p->keys++].row;
		sqlite3_bind_int64(q, 1, row);
		int r = sql_step_row(&j->job, q, "reading a dead letter");
		if (r < 0)
			return -1;
		if (r > 0)
			read_columns(p->arena, q, row, &p->letters[p->n++]);
		sqlite3_reset(q);
	}
	return 0;
}

int state_read_letters(struct state *s, const struct letter_key *keys, size_t n,
		       struct letter_page *ret, struct err *err)
{
	struct read_job j = { { s, err }, keys, n, ret };
	*ret = (struct letter_page){ .arena = arena_new() };
	int r = sql_off(read_job, &j.job);
	if (r < 0)
		letter_page_done(ret);
	return r;
}

/* ---- as JSON ---- */
static void put_text(struct json_writer *w, const char *key, const char *text)
{
	json_key(w, key);
	json_put_string(w, slice_str(text));
}

/* A record that was never JSON (a broken line) is kept as a string. */
static void put_value(struct json_writer *w, const char *key, struct slice value)
{
	json_key(w, key);
	if (json_check(value, NULL) == 0)
		json_put_raw(w, value);
	else
		json_put_string(w, value);
}

int letter_put_json(const struct kept_letter *l, struct buf *out)
{
	struct json_writer w = json_writer(out);
	json_open(&w, '{');
	put_value(&w, "record", l->record);
	put_text(&w, "step", l->step);
	put_text(&w, "class", l->class);
	put_text(&w, "message", l->message);
	put_value(&w, "at_step", l->at_step);
	put_value(&w, "attempts", l->attempts);
	put_text(&w, "source", l->split);
	json_key(&w, "line");
	json_put_int(&w, (int64_t)l->line);
	put_text(&w, "time", l->time);
	put_text(&w, "id", l->id);
	put_text(&w, "run", l->run);
	json_close(&w, '}');
	return json_writer_end(&w);
}

/* ---- a replay takes them up, and ends ---- */
struct cut_off_job {
	struct sql_job job;
	const char *pipeline;
	struct state_run *run;
};

static int cut_off_job(void *arg)
{
	struct cut_off_job *j = arg;
	AUTO(sql_finalize) sqlite3_stmt *q = NULL;
	if (sql_prepare(&j->job,
			"SELECT id, status, mark FROM run WHERE pipeline = ? AND kind = 'replay'"
			" AND status IN ('running', 'failed', 'unfinished')"
			" ORDER BY rowid DESC LIMIT 1",
			&q) < 0)
		return -1;
	sql_bind_str(q, 1, j->pipeline);
	int r = sql_step_row(&j->job, q, "looking for a replay that was cut off");
	if (r <= 0)
		return r;
	j->run->found = true;
	sql_copy(q, 0, j->run->id, sizeof j->run->id);
	sql_copy(q, 1, j->run->status, sizeof j->run->status);
	return sql_give(&j->job, q, 2, &j->run->mark);
}

int state_cut_off_replay(struct state *s, const char *pipeline, struct state_run *ret,
			 struct err *err)
{
	struct cut_off_job j = { { s, err }, pipeline, ret };
	*ret = (struct state_run){ 0 };
	return sql_off(cut_off_job, &j.job);
}

struct rows_job {
	struct sql_job job;
	const char *sql, *run_id, *status, *pipeline;
	const struct letter_key *keys;
	size_t n;
	bool finished;
};

/* One statement for each row: ?1 the row, ?2 the run. */
static int do_rows(const struct rows_job *j, const char *doing)
{
	AUTO(sql_finalize) sqlite3_stmt *q = NULL;
	int r = sql_prepare(&j->job, j->sql, &q);
	for (size_t i = 0; i < j->n && r == 0; i++) {
		sqlite3_bind_int64(q, 1, j->keys[i].row);
		if (j->run_id)
			sql_bind_str(q, 2, j->run_id);
		r = sql_step_done(&j->job, q, doing);
	}
	return r;
}

static int take_up_job(void *arg)
{
	struct rows_job *j = arg;
	return sql_begin(&j->job) < 0 ? -1
				      : sql_end(&j->job, do_rows(j, "taking up a dead letter"));
}

int state_take_up_letters(struct state *s, const char *run_id, const struct letter_key *keys,
			  size_t n, struct err *err)
{
	struct rows_job j = { .job = { s, err },
			      .sql = "UPDATE dead SET replayed_by = ?2 WHERE rowid = ?1",
			      .run_id = run_id,
			      .keys = keys,
			      .n = n };
	return sql_off(take_up_job, &j.job);
}

static int end_run(const struct rows_job *j)
{
	AUTO(sql_finalize) sqlite3_stmt *q = NULL;
	if (sql_prepare(&j->job, "UPDATE run SET status = ?, ended = ? WHERE id = ?", &q) < 0)
		return -1;
	sql_bind_str(q, 1, j->status);
	sql_bind_time(q, 2, 0);
	sql_bind_str(q, 3, j->run_id);
	return sql_step_done(&j->job, q, "ending the replay");
}

/* What the sinks have now is what the run before has left, and a little more: the next run goes on from there. */
static int give_receipts(const struct rows_job *j)
{
	AUTO(sql_finalize) sqlite3_stmt *q = NULL;
	if (sql_prepare(
		    &j->job,
		    "INSERT OR REPLACE INTO receipt SELECT r.id, t.sink, t.receipt FROM receipt t,"
		    " (SELECT id FROM run WHERE kind = 'run' AND pipeline ="
		    " (SELECT pipeline FROM run WHERE id = ?1) ORDER BY rowid DESC LIMIT 1) r"
		    " WHERE t.run = ?1",
		    &q) < 0)
		return -1;
	sql_bind_str(q, 1, j->run_id);
	return sql_step_done(&j->job, q, "ending the replay");
}

static int end_replay_job(void *arg)
{
	struct rows_job *j = arg;
	if (sql_begin(&j->job) < 0)
		return -1;
	int r = do_rows(j, "giving a dead letter back");
	if (r == 0 && j->finished)
		r = give_receipts(j);
	return sql_end(&j->job, r < 0 ? r : end_run(j));
}

static int end_replay(struct rows_job *j) SUSPENDS
{
	j->sql = "UPDATE dead SET replayed_by = NULL WHERE rowid = ?1 AND replayed_by = ?2";
	return sql_off(end_replay_job, &j->job);
}

int state_end_replay(struct state *s, const char *run_id, const char *status,
		     const struct letter_key *left, size_t n, struct err *err)
{
	struct rows_job j = { .job = { s, err },
			      .run_id = run_id,
			      .status = status,
			      .keys = left,
			      .n = n,
			      .finished = true };
	return end_replay(&j);
}

int state_give_up_replay(struct state *s, const char *run_id, const struct letter_key *left,
			 size_t n, struct err *err)
{
	struct rows_job j = {
		.job = { s, err }, .run_id = run_id, .status = "stopped", .keys = left, .n = n
	};
	return end_replay(&j);
}

/* ---- dropping ---- */
/* Older letters of the same record go along. What is compared lies apart from what is deleted. */
#define CHOSEN                                                \
	"(rowid IN (SELECT n FROM temp.chosen) OR (id <> ''"  \
	" AND run IN (SELECT id FROM run WHERE pipeline = ?)" \
	" AND (id, record) IN (SELECT id, record FROM temp.chosen)))"

static int drop_by(const struct rows_job *j, const char *sql)
{
	AUTO(sql_finalize) sqlite3_stmt *q = NULL;
	if (sql_prepare(&j->job, sql, &q) < 0)
		return -1;
	sql_bind_str(q, 1, j->pipeline);
	return sql_step_done(&j->job, q, "dropping dead letters");
}

/* Their runs' accounts say so: `verify` does not miss them. */
static int drop_chosen(const struct rows_job *j)
{
	if (drop_by(j, "UPDATE run SET dropped = dropped + n FROM (SELECT run AS of, count(*) AS n"
		       " FROM dead WHERE " CHOSEN " GROUP BY run) WHERE id = of") < 0)
		return -1;
	return drop_by(j, "DELETE FROM dead WHERE " CHOSEN);
}

static int drop_job(void *arg)
{
	struct rows_job *j = arg;
	static const char doing[] = "choosing dead letters";
	if (sql_exec(&j->job,
		     "CREATE TEMP TABLE IF NOT EXISTS chosen(n INTEGER PRIMARY KEY, id, record)",
		     doing) < 0 ||
	    sql_begin(&j->job) < 0)
		return -1;
	int r = sql_exec(&j->job, "DELETE FROM temp.chosen", doing);
	if (r == 0)
		r = do_rows(j, doing);
	return sql_end(&j->job, r < 0 ? r : drop_chosen(j));
}

int state_drop_letters(struct state *s, const char *pipeline, const struct letter_key *keys,
		       size_t n, struct err *err)
{
	struct rows_job j = { .job = { s, err },
			      .sql = "INSERT INTO temp.chosen SELECT rowid, id, record FROM dead"
				     " WHERE rowid = ?1",
			      .pipeline = pipeline,
			      .keys = keys,
			      .n = n };
	return sql_off(drop_job, &j.job);
}
