/* db_sqlite_stream.c - rows of SQLite, a batch of them a job
 *
 * What this room is for: a job for each row would cost more than the row; a job for all would need all the memory.
 * What flows through:    rows as JSON, read ahead up to BATCH_BYTES, handed out one by one.
 * What must hold:        the statement is the stream's until it is freed; a reader that is slow keeps a read transaction open, no more. */
#include "io/db/db_sqlite.h"
#include "base/json.h"
#include <errno.h>
#include <stdlib.h>

enum { BATCH_ROWS = 512, BATCH_BYTES = 256 << 10 };

struct lite_stream {
	struct db_stream stream;
	struct lite_statement *statement;
	struct buf rows; /* one after the other */
	size_t ends[BATCH_ROWS], n, next;
	bool begun; /* a row came */
	bool over;
};

struct stream_job {
	struct lite_job job;
	struct lite_stream *s;
	struct db_call call;
};

static int open_job(struct lite_job *j)
{
	struct stream_job *q = container_of(j, struct stream_job, job);
	struct lite_statement *s = lite_statement_get(j, q->call.text);

	if (!s || lite_bind(j, s, &q->call) < 0)
		return -1;
	s->busy = true;
	q->s->statement = s;
	return 0;
}

/* At least one row, whatever its size; then as many as the batch holds. */
static int fetch_job(struct lite_job *j)
{
	struct stream_job *q = container_of(j, struct stream_job, job);
	struct lite_stream *s = q->s;
	int rc = SQLITE_ROW, r = 0;

	while (s->n < BATCH_ROWS && s->rows.n < BATCH_BYTES &&
	       (rc = sqlite3_step(s->statement->stmt)) == SQLITE_ROW) {
		r = lite_put_row(s->statement, &s->rows);
		if (r < 0)
			return fail_errno(&j->err, FAULT_TOO_LARGE, r, "%s: a row",
					  j->lite->db.pool->door);
		s->ends[s->n++] = s->rows.n;
		s->begun = true;
	}
	s->over = rc == SQLITE_DONE;
	if (rc == SQLITE_ROW || rc == SQLITE_DONE)
		return 0;
	(void)lite_fail(j, q->call.text);
	j->busy = j->busy && !s->begun; /* it would begin with the first row again */
	return -1;
}

int lite_stream_open(struct db *d, struct slice text, const struct slice *params, size_t n,
		     struct db_stream **ret, struct err *err)
{
	struct lite_stream *s = xcalloc(1, sizeof(*s));
	struct stream_job q = { .job = { .lite = lite_of(d), .fn = open_job },
				.s = s,
				.call = { .text = text, .params = params, .n = n } };

	s->stream.db = d;
	s->rows.max = SIZE_MAX;
	if (lite_do(&q.job, err) < 0) {
		free(s);
		return -1;
	}
	lite_of(d)->streaming = true;
	*ret = &s->stream;
	return 0;
}

static int fetch(struct lite_stream *s, struct err *err) SUSPENDS
{
	struct lite_statement *st = s->statement;
	struct stream_job q = { .job = { .lite = lite_of(s->stream.db), .fn = fetch_job },
				.s = s,
				.call = { .text = { st->text, st->text_n } } };

	s->n = s->next = 0;
	buf_clear(&s->rows);
	if (lite_do(&q.job, err) == 0)
		return 0;
	s->over = true;
	s->n = 0;
	return -1;
}

int lite_stream_next(struct db_stream *stream, struct buf *out, struct err *err)
{
	struct lite_stream *s = container_of(stream, struct lite_stream, stream);
	size_t from;
	int r;

	if (s->next == s->n && !s->over && fetch(s, err) < 0)
		return -1;
	if (s->next == s->n)
		return 0;
	from = s->next ? s->ends[s->next - 1] : 0;
	r = buf_add(out, (struct slice){ s->rows.p + from, s->ends[s->next] - from });
	if (r < 0)
		return fail_errno(err, FAULT_TOO_LARGE, r, "%s: a row", stream->db->pool->door);
	s->next++;
	return 1;
}

void lite_stream_free(struct db_stream *stream)
{
	struct lite_stream *s = container_of(stream, struct lite_stream, stream);

	(void)sqlite3_reset(s->statement->stmt);
	(void)sqlite3_clear_bindings(s->statement->stmt);
	s->statement->busy = false;
	lite_of(stream->db)->streaming = false;
	buf_done(&s->rows);
	free(s);
}
