/* claims.c - the table of keys that `unique` has let through
 *
 * What this room is for: deduplication that outlives the process.
 * What flows through:    claims in, in the commit before the sinks'; a question about one key; all keys of a step when a run begins.
 * What must hold:
 *  (1) place and key are the primary key: two records cannot both have it. (2) an expired claim is none, whether or not it was
 *      tidied away yet. (3) digests come in no order: put into a sorted table at each commit they would rewrite all of it each time, so they
 *      are appended to a log, and sorted in seldom and many at once. */
#include "engine/state/claims.h"
#include "engine/state/sql.h"
#include <string.h>

struct claims_job {
	struct sql_job job;
	const struct state_claim *claims;
	size_t n;
	int64_t place, now_ns;
	bool *held, *his;
	state_claimed *fn;
	void *arg;
	const char *pipeline, *run_id;
	char *ret;
};

static struct slice key_of(const struct state_claim *c)
{
	return (struct slice){ (const char *)c->key, sizeof c->key };
}

/* ---- writing ---- */
struct place_job {
	struct sql_job job;
	const char *scope, *step;
	int64_t *ret;
};

static int place_job(void *arg)
{
	struct place_job *j = arg;
	AUTO(sql_finalize) sqlite3_stmt *q = NULL;
	/* The update changes nothing, but returns the row also when it is there. */
	if (sql_prepare(&j->job,
			"INSERT INTO claim_place(scope, step) VALUES(?, ?)"
			" ON CONFLICT DO UPDATE SET step = step RETURNING id",
			&q) < 0)
		return -1;
	sql_bind_str(q, 1, j->scope);
	sql_bind_str(q, 2, j->step);
	if (sql_step_row(&j->job, q, "naming a step that keeps keys") <= 0)
		return -1;
	*j->ret = sqlite3_column_int64(q, 0);
	return sql_step_row(&j->job, q, "naming a step that keeps keys");
}

int state_claim_place(struct state *s, const char *scope, const char *step, int64_t *ret,
		      struct err *err)
{
	struct place_job j = { { s, err }, scope, step, ret };
	return sql_off(place_job, &j.job);
}

static const char keeping[] = "keeping the keys of 'unique'";

/* What was merged is found at once; what was not, is not looked at before it is merged, and then it is none. */
static int drop_given_back(const struct claims_job *j)
{
	AUTO(sql_finalize) sqlite3_stmt *q = NULL;
	int r = sql_prepare(&j->job, "DELETE FROM claim WHERE place = ? AND key = ?", &q);
	for (size_t i = 0; i < j->n && r == 0; i++) {
		const struct state_claim *c = &j->claims[i];
		if (c->expires_wall_ns != CLAIM_GIVEN_BACK)
			continue;
		sqlite3_bind_int64(q, 1, c->place);
		sql_bind_blob(q, 2, key_of(c));
		r = sql_step_done(&j->job, q, keeping);
	}
	return r;
}

static int add_to_log(const struct claims_job *j)
{
	AUTO(sql_finalize) sqlite3_stmt *q = NULL;
	int r = sql_prepare(&j->job, "INSERT INTO claim_log VALUES(?,?,?,?)", &q);
	for (size_t i = 0; i < j->n && r == 0; i++) {
		const struct state_claim *c = &j->claims[i];
		sqlite3_bind_int64(q, 1, c->place);
		sql_bind_blob(q, 2, key_of(c));
		sqlite3_bind_int64(q, 3, c->expires_wall_ns);
		sqlite3_bind_int64(q, 4, c->owner);
		r = sql_step_done(&j->job, q, keeping);
	}
	return r;
}

/* Where the log's open part begins stands in meta, until the mark is put. */
static int put_job(void *arg)
{
	struct claims_job *j = arg;
	if (sql_begin(&j->job) < 0)
		return -1;
	int r = sql_exec(&j->job,
			 "INSERT OR IGNORE INTO meta VALUES('claims_open',"
			 " (SELECT coalesce(max(rowid), 0) FROM claim_log))",
			 keeping);
	r = r < 0 ? r : drop_given_back(j);
	r = r < 0 ? r : add_to_log(j);
	j->job.s->has_open_claims = true;
	return sql_end(&j->job, r);
}

int tidy_open_claims(const struct sql_job *j)
{
	if (!j->s->has_open_claims)
		return 0;
	j->s->has_open_claims = false;
	return sql_exec(j, "DELETE FROM meta WHERE key = 'claims_open'", keeping);
}

int state_put_claims(struct state *s, const struct state_claim *claims, size_t n, struct err *err)
{
	struct claims_job j = { .job = { s, err }, .claims = claims, .n = n };
	return sql_off(put_job, &j.job);
}

/* In the order of the keys, so that each page of the table is touched once. */
static int merge_job(void *arg)
{
	static const char *const all[] = {
		"INSERT OR REPLACE INTO claim SELECT place, key, expires, owner FROM claim_log"
		" ORDER BY place, key, rowid",
		"DELETE FROM claim WHERE expires = -1"
		" AND (place, key) IN (SELECT place, key FROM claim_log WHERE expires = -1)",
		"DELETE FROM claim_log",
		"DELETE FROM meta WHERE key = 'claims_open'",
	};
	struct claims_job *j = arg;
	int r = sql_begin(&j->job);
	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(all) && r == 0; i++)
		r = sql_exec(&j->job, all[i], "sorting the keys of 'unique'");
	return sql_end(&j->job, r);
}

int state_merge_claims(struct state *s, struct err *err)
{
	struct claims_job j = { .job = { s, err } };
	return sql_off(merge_job, &j.job);
}

#define OPEN_LOG                                                                 \
	" FROM claim_log WHERE rowid > (SELECT CAST(value AS INTEGER) FROM meta" \
	" WHERE key = 'claims_open') AND place IN (SELECT id FROM claim_place WHERE scope = ?)"

static int drop_open_job(void *arg)
{
	static const char *const all[] = {
		"DELETE FROM claim WHERE (place, key) IN (SELECT place, key" OPEN_LOG ")",
		"DELETE" OPEN_LOG,
	};
	struct claims_job *j = arg;
	int r = sql_begin(&j->job);
	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(all) && r == 0; i++) {
		AUTO(sql_finalize) sqlite3_stmt *q = NULL;
		r = sql_prepare(&j->job, all[i], &q);
		if (r == 0)
			sql_bind_str(q, 1, j->pipeline);
		r = r < 0 ? r : sql_step_done(&j->job, q, "tidying the keys of 'unique'");
	}
	return sql_end(&j->job, r);
}

int state_drop_open_claims(struct state *s, const char *pipeline, struct err *err)
{
	struct claims_job j = { .job = { s, err }, .pipeline = pipeline };
	return sql_off(drop_open_job, &j.job);
}

/* ---- asking ---- */
static int get_job(void *arg)
{
	struct claims_job *j = arg;
	const struct state_claim *c = j->claims;
	AUTO(sql_finalize) sqlite3_stmt *q = NULL;
	if (sql_prepare(&j->job,
			"SELECT owner FROM claim WHERE place = ? AND key = ?"
			" AND (expires = 0 OR expires > ?)",
			&q) < 0)
		return -1;
	sqlite3_bind_int64(q, 1, c->place);
	sql_bind_blob(q, 2, key_of(c));
	sqlite3_bind_int64(q, 3, j->now_ns);
	int r = sql_step_row(&j->job, q, "looking up a key of 'unique'");
	*j->held = r > 0;
	*j->his = r > 0 && sqlite3_column_int64(q, 0) == c->owner;
	return r < 0 ? -1 : 0;
}

int state_get_claim(struct state *s, const struct state_claim *asked, int64_t now_wall_ns,
		    bool *held, bool *his, struct err *err)
{
	struct claims_job j = {
		.job = { s, err }, .claims = asked, .now_ns = now_wall_ns, .held = held, .his = his
	};
	return sql_off(get_job, &j.job);
}

static int each_job(void *arg)
{
	struct claims_job *j = arg;
	AUTO(sql_finalize) sqlite3_stmt *q = NULL;
	int r;
	if (sql_prepare(&j->job,
			"SELECT key FROM claim WHERE place = ? AND (expires = 0 OR expires > ?)",
			&q) < 0)
		return -1;
	sqlite3_bind_int64(q, 1, j->place);
	sqlite3_bind_int64(q, 2, j->now_ns);
	while ((r = sql_step_row(&j->job, q, "reading the keys of 'unique'")) > 0) {
		struct slice key = sql_column(q, 0);
		if (key.n != CLAIM_KEY_BYTES)
			return fail(j->job.err, FAULT_BROKEN,
				    "a key of 'unique' in '%s' makes no sense", j->job.s->path);
		j->fn(j->arg, (const uint8_t *)key.p);
	}
	return r;
}

int state_each_claim(struct state *s, int64_t place, int64_t now_wall_ns, state_claimed *fn,
		     void *arg, struct err *err)
{
	struct claims_job j = {
		.job = { s, err }, .place = place, .now_ns = now_wall_ns, .fn = fn, .arg = arg
	};
	return sql_off(each_job, &j.job);
}

/* ---- whose they are ---- */
static int first_run_job(void *arg)
{
	struct claims_job *j = arg;
	AUTO(sql_finalize) sqlite3_stmt *q = NULL;
	if (sql_prepare(&j->job,
			"WITH RECURSIVE newest(id) AS (SELECT id FROM run WHERE pipeline = ?1"
			"  AND kind = 'run' ORDER BY rowid DESC LIMIT 1),"
			" behind(id) AS (SELECT CASE ?2 WHEN '' THEN (SELECT id FROM newest)"
			"  ELSE ?2 END"
			"  UNION SELECT run.continues FROM run JOIN behind USING(id)"
			"  WHERE run.continues <> '')"
			" SELECT behind.id FROM behind LEFT JOIN run USING(id)"
			" WHERE coalesce(run.continues, '') = ''",
			&q) < 0)
		return -1;
	sql_bind_str(q, 1, j->pipeline);
	sql_bind_str(q, 2, j->run_id);
	int r = sql_step_row(&j->job, q, "looking for the run that it goes on behind");
	if (r > 0)
		sql_copy(q, 0, j->ret, 40);
	return r < 0 ? -1 : 0;
}

int state_first_run(struct state *s, const char *pipeline, const char *run_id, char ret[static 40],
		    struct err *err)
{
	struct claims_job j = {
		.job = { s, err }, .pipeline = pipeline, .run_id = run_id, .ret = ret
	};
	ret[0] = 0;
	return sql_off(first_run_job, &j.job);
}

static int tidy_job(void *arg)
{
	struct claims_job *j = arg;
	AUTO(sql_finalize) sqlite3_stmt *q = NULL;
	if (sql_prepare(&j->job,
			"DELETE FROM claim WHERE (expires <> 0 AND expires <= ?3) OR place IN"
			" (SELECT id FROM claim_place WHERE scope <> ?2"
			"  AND scope IN (SELECT id FROM run WHERE pipeline = ?1))",
			&q) < 0)
		return -1;
	sql_bind_str(q, 1, j->pipeline);
	sql_bind_str(q, 2, j->run_id);
	sqlite3_bind_int64(q, 3, j->now_ns);
	return sql_step_done(&j->job, q, "tidying the keys of 'unique'");
}

int state_tidy_claims(struct state *s, const char *pipeline, const char *first_run,
		      int64_t now_wall_ns, struct err *err)
{
	struct claims_job j = {
		.job = { s, err }, .pipeline = pipeline, .run_id = first_run, .now_ns = now_wall_ns
	};
	return sql_off(tidy_job, &j.job);
}
