/* inbox.c - pages of sources that may answer otherwise when they are asked again
 *
 * What this room is for: class J of GUARANTEES.md: what a record came from is durable before the record has a number.
 * What flows through:    whole pages, as their source wants to find them again.
 * What must hold:
 *  (1) a page is synced when its call returns. (2) rows lie in the order in which the pages were read: tidy.c goes by it. */
#include "engine/state/inbox.h"
#include "engine/state/sql.h"

struct put_job {
	struct sql_job job;
	const char *run_id;
	const struct state_page *page;
};

static int put_job(void *arg)
{
	struct put_job *j = arg;
	const struct state_page *p = j->page;
	AUTO(sql_finalize) sqlite3_stmt *q = NULL;
	if (sql_prepare(&j->job, "INSERT OR REPLACE INTO inbox VALUES(?,?,?,?,?,?,?)", &q) < 0)
		return -1;
	sql_bind_str(q, 1, j->run_id);
	sql_bind_str(q, 2, p->split);
	sql_bind_text(q, 3, p->base);
	sqlite3_bind_int64(q, 4, (int64_t)p->first);
	sqlite3_bind_int64(q, 5, (int64_t)p->until);
	sql_bind_text(q, 6, p->about);
	sql_bind_blob(q, 7, p->value);
	j->job.s->has_pages = true;
	return sql_step_done(&j->job, q, "keeping a page");
}

int state_put_page(struct state *s, const char *run_id, const struct state_page *page,
		   struct err *err)
{
	struct put_job j = { { s, err }, run_id, page };
	return sql_off(put_job, &j.job);
}

struct get_job {
	struct sql_job job;
	const char *run_id, *split;
	struct slice base;
	uint64_t *first;
	struct buf *about, *value;
	bool *found;
};

static int get_job(void *arg)
{
	struct get_job *j = arg;
	AUTO(sql_finalize) sqlite3_stmt *q = NULL;
	if (!j->job.s->has_pages)
		return 0;
	if (sql_prepare(&j->job,
			"SELECT first, about, value FROM inbox WHERE run = ?1 AND split = ?2"
			" AND (base = ?3 OR ?3 = '') ORDER BY rowid LIMIT 1",
			&q) < 0)
		return -1;
	sql_bind_str(q, 1, j->run_id);
	sql_bind_str(q, 2, j->split);
	sql_bind_text(q, 3, j->base);
	int r = sql_step_row(&j->job, q, "reading a page");
	if (r <= 0)
		return r;
	*j->found = true;
	*j->first = (uint64_t)sqlite3_column_int64(q, 0);
	return sql_give(&j->job, q, 1, j->about) < 0 ? -1 : sql_give(&j->job, q, 2, j->value);
}

int state_get_page(struct state *s, const char *run_id, const char *split, struct slice base,
		   uint64_t *first, struct buf *about, struct buf *value, bool *found,
		   struct err *err)
{
	struct get_job j = { { s, err }, run_id, split, base, first, about, value, found };
	*found = false;
	return sql_off(get_job, &j.job);
}

static int last_job(void *arg)
{
	struct get_job *j = arg;
	AUTO(sql_finalize) sqlite3_stmt *q = NULL;
	if (!j->job.s->has_pages)
		return 0;
	if (sql_prepare(&j->job,
			"SELECT until, base FROM inbox WHERE run = ? AND split = ?"
			" ORDER BY rowid DESC LIMIT 1",
			&q) < 0)
		return -1;
	sql_bind_str(q, 1, j->run_id);
	sql_bind_str(q, 2, j->split);
	int r = sql_step_row(&j->job, q, "reading the last page");
	if (r <= 0)
		return r;
	*j->found = true;
	*j->first = (uint64_t)sqlite3_column_int64(q, 0);
	return sql_give(&j->job, q, 1, j->value);
}

int state_last_page(struct state *s, const char *run_id, const char *split, uint64_t *until,
		    struct buf *base, bool *found, struct err *err)
{
	struct get_job j = { { s, err },     run_id,        split,
			     .first = until, .value = base, .found = found };
	*found = false;
	return sql_off(last_job, &j.job);
}

static int drop_job(void *arg)
{
	struct get_job *j = arg;
	AUTO(sql_finalize) sqlite3_stmt *q = NULL;
	if (!j->job.s->has_pages)
		return 0;
	if (sql_prepare(&j->job, "DELETE FROM inbox WHERE run = ?", &q) < 0)
		return -1;
	sql_bind_str(q, 1, j->run_id);
	return sql_step_done(&j->job, q, "dropping pages");
}

int state_drop_pages(struct state *s, const char *run_id, struct err *err)
{
	struct get_job j = { .job = { s, err }, .run_id = run_id };
	return sql_off(drop_job, &j.job);
}
