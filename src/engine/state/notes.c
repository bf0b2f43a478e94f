/* notes.c - notes of records on their way, and remembered answers written along with them
 *
 * What this room is for: paid work is not repeated (I7): what was begun and what was answered is known after a crash.
 * What flows through:    notes and answers in, in one commit; one note out; who has any.
 * What must hold:
 *  (1) a note is synced when its call returns. (2) noting the same again replaces it. (3) a note below the mark is nobody's: tidy.c
 *      drops it in the commit that moves the mark. */
#include "engine/state/notes.h"
#include "engine/state/answers.h"
#include "engine/state/sql.h"

static void bind_kind(sqlite3_stmt *q, int at, enum note_kind kind)
{
	static const char *const words[] = {
		[NOTE_INTENT] = "intent",
		[NOTE_ANSWER] = "answer",
		[NOTE_CHILDREN] = "children",
	};
	ASSERT((size_t)kind < ARRAY_SIZE(words));
	sql_bind_str(q, at, words[kind]);
}

static void bind_key(sqlite3_stmt *q, const char *run_id, const struct state_note *n)
{
	sql_bind_str(q, 1, run_id);
	sql_bind_str(q, 2, n->split);
	sqlite3_bind_int64(q, 3, (int64_t)n->ordinal);
	sql_bind_text(q, 4, n->path);
	sql_bind_str(q, 5, n->step);
	bind_kind(q, 6, n->kind);
}

/* ---- putting ---- */
struct put_job {
	struct sql_job job;
	const char *run_id;
	const struct state_note *notes;
	size_t n;
	const struct state_answer *answers;
	size_t answer_count;
};

static int put_notes(const struct put_job *j)
{
	AUTO(sql_finalize) sqlite3_stmt *q = NULL;
	int r = sql_prepare(&j->job, "INSERT OR REPLACE INTO note VALUES(?,?,?,?,?,?,?,?)", &q);
	for (size_t i = 0; i < j->n && r == 0; i++) {
		bind_key(q, j->run_id, &j->notes[i]);
		sql_bind_text(q, 7, j->notes[i].about);
		sql_bind_blob(q, 8, j->notes[i].value);
		r = sql_step_done(&j->job, q, "keeping a note");
	}
	return r;
}

static int put_answers(const struct put_job *j)
{
	AUTO(sql_finalize) sqlite3_stmt *q = NULL;
	int r = sql_prepare(&j->job, "INSERT OR REPLACE INTO answer VALUES(?,?,?,?,?)", &q);
	for (size_t i = 0; i < j->answer_count && r == 0; i++) {
		const struct state_answer *a = &j->answers[i];
		sql_bind_blob(q, 1, (struct slice){ (const char *)a->key, sizeof a->key });
		sql_bind_str(q, 2, a->step);
		sqlite3_bind_int64(q, 3, a->expires_wall_ns);
		sql_bind_text(q, 4, a->about);
		sql_bind_blob(q, 5, a->value);
		r = sql_step_done(&j->job, q, "remembering an answer");
	}
	return r;
}

static int put_job(void *arg)
{
	struct put_job *j = arg;
	if (sql_begin(&j->job) < 0)
		return -1;
	int r = j->n ? put_notes(j) : 0;
	if (r == 0 && j->answer_count)
		r = put_answers(j);
	j->job.s->has_notes |= j->n > 0;
	return sql_end(&j->job, r);
}

int state_put_notes(struct state *s, const char *run_id, const struct state_note *notes, size_t n,
		    const struct state_answer *answers, size_t answer_count, struct err *err)
{
	struct put_job j = { { s, err }, run_id, notes, n, answers, answer_count };
	return sql_off(put_job, &j.job);
}

/* ---- getting ---- */
struct get_job {
	struct sql_job job;
	const char *run_id;
	const struct state_note *key;
	struct buf *about, *value;
	bool *found;
};

static int get_job(void *arg)
{
	struct get_job *j = arg;
	AUTO(sql_finalize) sqlite3_stmt *q = NULL;
	if (sql_prepare(&j->job,
			"SELECT about, value FROM note WHERE run = ? AND split = ? AND ordinal = ?"
			" AND path = ? AND step = ? AND kind = ?",
			&q) < 0)
		return -1;
	bind_key(q, j->run_id, j->key);
	int r = sql_step_row(&j->job, q, "reading a note");
	if (r <= 0)
		return r;
	*j->found = true;
	return sql_give(&j->job, q, 0, j->about) < 0 ? -1 : sql_give(&j->job, q, 1, j->value);
}

int state_get_note(struct state *s, const char *run_id, const struct state_note *key,
		   struct buf *about, struct buf *value, bool *found, struct err *err)
{
	struct get_job j = { { s, err }, run_id, key, about, value, found };
	*found = false;
	return sql_off(get_job, &j.job);
}

/* ---- who has any ---- */
struct each_job {
	struct sql_job job;
	const char *run_id;
	state_noted *fn;
	void *arg;
};

static int each_job(void *arg)
{
	struct each_job *j = arg;
	AUTO(sql_finalize) sqlite3_stmt *q = NULL;
	int r;
	if (sql_prepare(&j->job, "SELECT DISTINCT split, ordinal FROM note WHERE run = ?", &q) < 0)
		return -1;
	sql_bind_str(q, 1, j->run_id);
	while ((r = sql_step_row(&j->job, q, "reading the notes")) > 0)
		j->fn(j->arg, (const char *)sqlite3_column_text(q, 0),
		      (uint64_t)sqlite3_column_int64(q, 1));
	return r;
}

int state_each_noted(struct state *s, const char *run_id, state_noted *fn, void *arg,
		     struct err *err)
{
	struct each_job j = { { s, err }, run_id, fn, arg };
	return sql_off(each_job, &j.job);
}

/* ---- how many ---- */
int state_count_noted(struct state *s, const char *run_id, uint64_t *ret, struct err *err)
{
	return sql_count(
		s, "SELECT count(*) FROM (SELECT DISTINCT split, ordinal FROM note WHERE run = ?)",
		run_id, "counting the notes", ret, err);
}
