/* answers.c - remembered answers, across runs
 *
 * What this room is for: what was paid for once is not paid for again as long as it is good (`remember: 30d`).
 * What flows through:    keys in, answers out; they come in with the notes (notes.c), in one commit.
 * What must hold:
 *  (1) an expired answer is never given, whoever drops it when. (2) no run and no --fresh drops one that is good. */
#include "engine/state/answers.h"
#include "engine/state/sql.h"

struct answer_job {
	struct sql_job job;
	const uint8_t *key;
	int64_t now_ns;
	struct buf *about, *value;
	bool *found;
};

static void bind_answer_key(sqlite3_stmt *q, const uint8_t *key)
{
	sql_bind_blob(q, 1, (struct slice){ (const char *)key, 32 });
}

static int get_job(void *arg)
{
	struct answer_job *j = arg;
	AUTO(sql_finalize) sqlite3_stmt *q = NULL;
	if (sql_prepare(&j->job, "SELECT about, value FROM answer WHERE key = ? AND expires > ?",
			&q) < 0)
		return -1;
	bind_answer_key(q, j->key);
	sqlite3_bind_int64(q, 2, j->now_ns);
	int r = sql_step_row(&j->job, q, "reading a remembered answer");
	if (r <= 0)
		return r;
	*j->found = true;
	return sql_give(&j->job, q, 0, j->about) < 0 ? -1 : sql_give(&j->job, q, 1, j->value);
}

int state_get_answer(struct state *s, const uint8_t key[static 32], int64_t now_wall_ns,
		     struct buf *about, struct buf *value, bool *found, struct err *err)
{
	struct answer_job j = { { s, err }, key, now_wall_ns, about, value, found };
	*found = false;
	return sql_off(get_job, &j.job);
}

static int drop_job(void *arg)
{
	struct answer_job *j = arg;
	AUTO(sql_finalize) sqlite3_stmt *q = NULL;
	if (sql_prepare(&j->job, "DELETE FROM answer WHERE key = ?", &q) < 0)
		return -1;
	bind_answer_key(q, j->key);
	return sql_step_done(&j->job, q, "dropping a remembered answer");
}

int state_drop_answer(struct state *s, const uint8_t key[static 32], struct err *err)
{
	struct answer_job j = { .job = { s, err }, .key = key };
	return sql_off(drop_job, &j.job);
}

static int drop_expired_job(void *arg)
{
	struct answer_job *j = arg;
	AUTO(sql_finalize) sqlite3_stmt *q = NULL;
	if (sql_prepare(&j->job, "DELETE FROM answer WHERE expires <= ?", &q) < 0)
		return -1;
	sqlite3_bind_int64(q, 1, j->now_ns);
	return sql_step_done(&j->job, q, "dropping expired answers");
}

int state_drop_expired(struct state *s, int64_t now_wall_ns, struct err *err)
{
	struct answer_job j = { .job = { s, err }, .now_ns = now_wall_ns };
	return sql_off(drop_expired_job, &j.job);
}
