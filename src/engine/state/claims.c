/* claims.c - the table of keys that `unique` has let through
 *
 * What this room is for: deduplication that outlives the process.
 * What flows through:    claims in, in the commit before the sinks'; a question about one key; all keys of a step when a run begins.
 * What must hold:
 *  (1) scope, step and key are the primary key: two records cannot both have it. (2) an expired claim is none, whether or not it
 *      was tidied away yet. */
#include "engine/state/claims.h"
#include "engine/state/sql.h"
#include <string.h>

struct claims_job {
	struct sql_job job;
	const struct state_claim *claims;
	size_t n;
	int64_t now_ns;
	bool *held, *his;
	state_claimed *fn;
	void *arg;
	const char *pipeline, *run_id;
	char *ret;
};

static void bind_key(sqlite3_stmt *q, const struct state_claim *c)
{
	sql_bind_str(q, 1, c->scope);
	sql_bind_str(q, 2, c->step);
	sql_bind_blob(q, 3, (struct slice){ (const char *)c->key, sizeof c->key });
}

/* ---- writing ---- */
static int put_job(void *arg)
{
	struct claims_job *j = arg;
	AUTO(sql_finalize) sqlite3_stmt *q = NULL;
	if (sql_begin(&j->job) < 0)
		return -1;
	int r = sql_prepare(&j->job, "INSERT OR REPLACE INTO claim VALUES(?,?,?,?,?,?,?,?)", &q);
	for (size_t i = 0; i < j->n && r == 0; i++) {
		const struct state_claim *c = &j->claims[i];
		bind_key(q, c);
		sqlite3_bind_int64(q, 4, c->expires_wall_ns);
		sql_bind_str(q, 5, c->run);
		sql_bind_str(q, 6, c->split);
		sqlite3_bind_int64(q, 7, (int64_t)c->ordinal);
		sql_bind_text(q, 8, c->path);
		r = sql_step_done(&j->job, q, "keeping the keys of 'unique'");
	}
	return sql_end(&j->job, r);
}

int state_put_claims(struct state *s, const struct state_claim *claims, size_t n, struct err *err)
{
	struct claims_job j = { .job = { s, err }, .claims = claims, .n = n };
	return sql_off(put_job, &j.job);
}

static int drop_job(void *arg)
{
	struct claims_job *j = arg;
	AUTO(sql_finalize) sqlite3_stmt *q = NULL;
	if (sql_begin(&j->job) < 0)
		return -1;
	int r = sql_prepare(&j->job, "DELETE FROM claim WHERE scope = ? AND step = ? AND key = ?",
			    &q);
	for (size_t i = 0; i < j->n && r == 0; i++) {
		bind_key(q, &j->claims[i]);
		r = sql_step_done(&j->job, q, "giving back keys of 'unique'");
	}
	return sql_end(&j->job, r);
}

int state_drop_claims(struct state *s, const struct state_claim *claims, size_t n, struct err *err)
{
	struct claims_job j = { .job = { s, err }, .claims = claims, .n = n };
	return sql_off(drop_job, &j.job);
}

/* ---- asking ---- */
static int get_job(void *arg)
{
	struct claims_job *j = arg;
	const struct state_claim *c = j->claims;
	AUTO(sql_finalize) sqlite3_stmt *q = NULL;
	if (sql_prepare(&j->job,
			"SELECT run = ?5 AND split = ?6 AND ordinal = ?7 AND path = ?8 FROM claim"
			" WHERE scope = ?1 AND step = ?2 AND key = ?3"
			" AND (expires = 0 OR expires > ?4)",
			&q) < 0)
		return -1;
	bind_key(q, c);
	sqlite3_bind_int64(q, 4, j->now_ns);
	sql_bind_str(q, 5, c->run);
	sql_bind_str(q, 6, c->split);
	sqlite3_bind_int64(q, 7, (int64_t)c->ordinal);
	sql_bind_text(q, 8, c->path);
	int r = sql_step_row(&j->job, q, "looking up a key of 'unique'");
	*j->held = r > 0;
	*j->his = r > 0 && sqlite3_column_int(q, 0) != 0;
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
			"SELECT key FROM claim WHERE scope = ? AND step = ?"
			" AND (expires = 0 OR expires > ?)",
			&q) < 0)
		return -1;
	sql_bind_str(q, 1, j->claims->scope);
	sql_bind_str(q, 2, j->claims->step);
	sqlite3_bind_int64(q, 3, j->now_ns);
	while ((r = sql_step_row(&j->job, q, "reading the keys of 'unique'")) > 0) {
		struct slice key = sql_column(q, 0);
		if (key.n != CLAIM_KEY_BYTES)
			return fail(j->job.err, FAULT_BROKEN,
				    "a key of 'unique' in '%s' makes no sense", j->job.s->path);
		j->fn(j->arg, (const uint8_t *)key.p);
	}
	return r;
}

int state_each_claim(struct state *s, const char *scope, const char *step, int64_t now_wall_ns,
		     state_claimed *fn, void *arg, struct err *err)
{
	const struct state_claim of = { .scope = scope, .step = step };
	struct claims_job j = {
		.job = { s, err }, .claims = &of, .now_ns = now_wall_ns, .fn = fn, .arg = arg
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
			"DELETE FROM claim WHERE (expires <> 0 AND expires <= ?3) OR (scope <> ?2"
			" AND scope IN (SELECT id FROM run WHERE pipeline = ?1))",
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
