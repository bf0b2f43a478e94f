/* db_pg_stream.c - rows that do not fit into memory
 *
 * What this room is for: one statement whose rows come one by one.
 * What flows through:    a row at a time, from the socket through libpq's buffer to the caller.
 * What must hold:
 *  (1) nothing is read that nobody asked for: a slow reader fills the socket's buffers, and the server waits.
 *  (2) a stream that is left before its end leaves its connection broken: what is on its way is another's rows to the next query. */
#include "io/db/db_pg.h"
#include <errno.h>
#include <stdlib.h>

struct pg_stream {
	struct db_stream stream;
	struct pg_statement *statement;
	bool begun, over;
};

static int send_query(struct pg *p, const struct pg_statement *s, const struct pg_values *v,
		      struct err *err)
{
	int sent;

	pg_begin(p, pg_lasts(p, (struct slice){ s->text, s->text_n }));
	if (s->name[0])
		sent = pq.PQsendQueryPrepared(p->conn, s->name, (int)v->n, v->all, NULL, NULL, 0);
	else
		sent = pq.PQsendQueryParams(p->conn, s->text, (int)v->n, s->params, v->all, NULL,
					    NULL, 0);
	if (!sent || !pq.PQsetSingleRowMode(p->conn))
		return pg_fail(p, NULL, S(""), err);
	return 0;
}

int pg_stream_open(struct db *d, struct slice text, const struct slice *params, size_t n,
		   struct db_stream **ret, struct err *err)
{
	struct pg *p = pg_of(d);
	AUTO(pg_values_done) struct pg_values values = { 0 };
	struct pg_statement *s = NULL;
	struct db_call call = { .text = text, .params = params, .n = n };
	struct pg_stream *stream;

	if (pg_statements_get(p, &text, 1, &s, err) < 0)
		return -1;
	if (pg_values_add(&values, p, s, &call, err) < 0) {
		pg_statements_put(&s, 1);
		return -1;
	}
	pg_values_end(&values);
	if (send_query(p, s, &values, err) < 0) {
		pg_statements_put(&s, 1);
		return -1;
	}
	p->streaming = true;
	stream = xcalloc(1, sizeof(*stream));
	*stream = (struct pg_stream){ .stream = { .db = d }, .statement = s };
	*ret = &stream->stream;
	return 0;
}

/* The end, good or bad: what follows is the NULL that ends the query. */
static int end(struct pg_stream *s, const PGresult *res, struct err *err) SUSPENDS
{
	struct pg *p = pg_of(s->stream.db);
	struct slice text = { s->statement->text, s->statement->text_n };
	int r = 0;

	s->over = true;
	p->streaming = false;
	if (pq.PQresultStatus(res) == PGRES_EMPTY_QUERY)
		r = fail(err, FAULT_CONFIG, "%s: the text has no statement", p->db.pool->door);
	else if (pq.PQresultStatus(res) != PGRES_TUPLES_OK &&
		 pq.PQresultStatus(res) != PGRES_COMMAND_OK)
		r = pg_fail(p, res, text, err);
	if (r < 0 && pg_is_stale(res))
		return pg_fail_stale(p, err);
	if (pg_finish(p, S(""), NULL, r < 0 ? NULL : err) < 0)
		r = -1;
	return r;
}

int pg_stream_next(struct db_stream *stream, struct buf *out, struct err *err)
{
	struct pg_stream *s = container_of(stream, struct pg_stream, stream);
	struct pg *p = pg_of(stream->db);
	AUTO(pg_result_clear) PGresult *res = NULL;
	size_t before = out->n;
	int r;

	if (s->over)
		return 0;
	if (pg_result(p, &res, err) < 0)
		return -1;
	if (!res)
		return pg_fail(p, NULL, S(""), err);
	if (pq.PQresultStatus(res) != PGRES_SINGLE_TUPLE)
		return end(s, res, err);
	r = s->begun || pg_statement_fits(s->statement, res)
		    ? pg_put_row(p, s->statement, res, 0, out)
		    : -EBADMSG;
	s->begun = true;
	if (r == 0)
		return 1;
	buf_truncate(out, before);
	if (r == -EBADMSG)
		return fail(err, FAULT_PROTOCOL,
			    "%s: the rows are not those that were described: was a table changed "
			    "meanwhile?",
			    p->db.pool->door);
	return fail_errno(err, FAULT_TOO_LARGE, r, "%s: a row", p->db.pool->door);
}

void pg_stream_free(struct db_stream *stream)
{
	struct pg_stream *s = container_of(stream, struct pg_stream, stream);
	struct pg *p = pg_of(stream->db);

	p->streaming = false;
	if (!s->over)
		pg_abandon(p);
	pg_statements_put(&s->statement, 1);
	free(s);
}
