/* db_sqlite_run.c - statements one after the other, all or none
 *
 * What this room is for: db_run and db_describe on SQLite: the whole batch is one job.
 * What flows through:    calls in; their rows as JSON arrays out.
 *
 *     BEGIN [IMMEDIATE] (in a transaction: SAVEPOINT; for a lone question: nothing) -> bind, step ... step, reset -> COMMIT (RELEASE)
 *                                                   \--> a failure: ROLLBACK (TO, RELEASE)
 *
 * What must hold:
 *  (1) whatever fails undoes the batch, so a batch that met a lock can be made again.
 *  (2) who will write says so at once (IMMEDIATE): a reader that turns writer may find that it cannot. */
#include "io/db/db_sqlite.h"
#include "base/json.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct run_job {
	struct lite_job job;
	struct db_call *calls;
	size_t n;
	uint64_t max_bytes;
};

static int fail_bytes(struct run_job *b, int r)
{
	return fail_errno(&b->job.err, FAULT_TOO_LARGE, r,
			  "%s: the rows of one statement need more than %llu bytes",
			  b->job.lite->db.pool->door, (unsigned long long)b->max_bytes);
}

static int take_rows(struct run_job *b, struct lite_statement *s, struct db_call *c)
{
	int rc, r = buf_add_char(&c->rows, '[');

	while (r == 0 && (rc = sqlite3_step(s->stmt)) == SQLITE_ROW) {
		if (c->affected++ > 0)
			r = buf_add_char(&c->rows, ',');
		if (r == 0)
			r = lite_put_row(s, &c->rows);
	}
	if (r == 0 && rc != SQLITE_DONE)
		return lite_fail(&b->job, c->text);
	if (r == 0)
		r = buf_add_char(&c->rows, ']');
	return r < 0 ? fail_bytes(b, r) : 0;
}

static int run_call(struct run_job *b, struct db_call *c)
{
	sqlite3 *conn = b->job.lite->conn;
	struct lite_statement *s = lite_statement_get(&b->job, c->text);
	int before = sqlite3_total_changes(conn), r;

	c->rows.max = b->max_bytes;
	c->affected = 0;
	buf_clear(&c->rows);
	if (!s)
		return -1;
	r = lite_bind(&b->job, s, c);
	if (r == 0)
		r = take_rows(b, s, c);
	if (r == 0 && s->columns == 0)
		c->affected = (uint64_t)(unsigned)(sqlite3_total_changes(conn) - before);
	(void)sqlite3_reset(s->stmt); /* repeats the step's failure */
	(void)sqlite3_clear_bindings(s->stmt);
	return r;
}

static bool writes(struct run_job *b)
{
	for (size_t i = 0; i < b->n; i++) {
		const struct lite_statement *s = lite_statement_get(&b->job, b->calls[i].text);
		if (s && !sqlite3_stmt_readonly(s->stmt))
			return true;
	}
	return false;
}

enum frame { NO_FRAME, TRANSACTION, SAVEPOINT }; /* around a batch */

/* A lone question is one transaction by itself. */
static enum frame frame_of(struct run_job *b, bool writing)
{
	if (!sqlite3_get_autocommit(b->job.lite->conn))
		return SAVEPOINT;
	return b->n == 1 && !writing ? NO_FRAME : TRANSACTION;
}

static int begin(struct run_job *b, enum frame frame, bool writing)
{
	if (frame == NO_FRAME)
		return 0;
	if (frame == SAVEPOINT)
		return lite_word(&b->job, "SAVEPOINT hk_run");
	return lite_word(&b->job, writing ? "BEGIN IMMEDIATE" : "BEGIN");
}

static int end(struct run_job *b, enum frame frame)
{
	if (frame == NO_FRAME ||
	    lite_word(&b->job, frame == TRANSACTION ? "COMMIT" : "RELEASE hk_run") == 0)
		return 0;
	b->job.err.whole = b->n > 1;
	return -1;
}

/* Some failures have rolled back already. */
static void undo(struct lite *l, enum frame frame)
{
	const char *words =
		frame == TRANSACTION ? "ROLLBACK" : "ROLLBACK TO hk_run; RELEASE hk_run";

	if (frame != NO_FRAME && !sqlite3_get_autocommit(l->conn))
		(void)sqlite3_exec(l->conn, words, NULL, NULL, NULL);
}

static int run_job(struct lite_job *j)
{
	struct run_job *b = container_of(j, struct run_job, job);
	bool writing = writes(b);
	enum frame frame = frame_of(b, writing);
	int r;

	if (begin(b, frame, writing) < 0)
		return -1;
	r = 0;
	for (size_t i = 0; r == 0 && i < b->n; i++) {
		r = run_call(b, &b->calls[i]);
		if (r < 0)
			j->err.row = i + 1;
	}
	if (r == 0)
		r = end(b, frame);
	if (r < 0)
		undo(j->lite, frame);
	return r;
}

int lite_run(struct db *d, struct db_call *calls, size_t n, uint64_t max_bytes, struct err *err)
{
	struct run_job b = { .job = { .lite = lite_of(d), .fn = run_job },
			     .calls = calls,
			     .n = n,
			     .max_bytes = max_bytes };

	return lite_do(&b.job, err);
}

/* ---- describing -------------------------------------------------------------------------------------------------------- */

struct describe_job {
	struct lite_job job;
	struct slice text;
	struct db_shape *shape;
};

static int describe_job(struct lite_job *j)
{
	struct describe_job *q = container_of(j, struct describe_job, job);
	const struct lite_statement *s = lite_statement_get(j, q->text);
	struct db_shape *shape = q->shape;

	if (!s)
		return -1;
	shape->column_count = s->columns;
	shape->columns = xcalloc(s->columns, sizeof(*shape->columns));
	shape->param_count = s->params;
	shape->param_types = xcalloc(s->params, sizeof(*shape->param_types));
	for (size_t i = 0; i < s->columns; i++) {
		const char *name = sqlite3_column_name(s->stmt, (int)i);
		const char *type = sqlite3_column_decltype(s->stmt, (int)i);
		type = type ? type : "";
		shape->columns[i] = (struct db_column){ xstrndup(name, strlen(name)),
							xstrndup(type, strlen(type)) };
	}
	return 0;
}

int lite_describe(struct db *d, struct slice text, struct db_shape *ret, struct err *err)
{
	struct describe_job q = { .job = { .lite = lite_of(d), .fn = describe_job },
				  .text = text,
				  .shape = ret };

	return lite_do(&q.job, err);
}
