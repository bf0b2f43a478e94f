/* db_pg_copy.c - COPY ... FROM STDIN
 *
 * What this room is for: loading rows faster than any INSERT.
 * What flows through:    text in COPY's format, as much as the socket takes; the rest waits in libpq's buffer, which is kept small.
 * What must hold:
 *  (1) rows are there only when db_copy_end has said so; everything else ends with none of them.
 *  (2) the server may refuse in the middle; it then reads on and drops, and says why at the end. */
#include "io/db/db_pg.h"
#include <errno.h>

int pg_copy_begin(struct db *d, struct slice text, struct err *err)
{
	struct pg *p = pg_of(d);
	AUTO(freep) char *query = xstrndup(text.p, text.n);
	AUTO(pg_result_clear) PGresult *res = NULL;

	pg_begin(p, false); /* until its end is sent, nothing of it lasts */
	p->copy_lasts = pg_lasts(p, text);
	if (!pq.PQsendQuery(p->conn, query))
		return pg_fail(p, NULL, text, err);
	if (pg_result(p, &res, err) < 0)
		return -1;
	if (res && pq.PQresultStatus(res) == PGRES_COPY_IN) {
		p->copying = true;
		return 0;
	}
	if (res && pq.PQresultStatus(res) == PGRES_FATAL_ERROR) {
		pg_fail(p, res, text, err);
		pg_skip(p);
		return -1;
	}
	pg_abandon(p);
	return fail(err, FAULT_CONFIG, "%s: the statement is no COPY ... FROM STDIN",
		    p->db.pool->door);
}

enum { PIECE = 256 << 10 }; /* libpq keeps what it could not send */

int pg_copy_put(struct db *d, struct slice data, struct err *err)
{
	struct pg *p = pg_of(d);

	ASSERT(p->copying);
	while (data.n > 0) {
		struct slice piece = slice_head(data, PIECE);
		int r = pq.PQputCopyData(p->conn, piece.p, (int)piece.n);
		if (r < 0)
			return pg_fail(p, NULL, S(""), err);
		if (pg_send_all(p, err) < 0)
			return -1;
		if (!pg_look(p))
			return pg_fail(p, NULL, S(""), err);
		if (r == 1)
			data = slice_from(data, piece.n);
	}
	return 0;
}

static int end_copy(struct pg *p, const char *why, struct err *err) SUSPENDS
{
	int r;

	p->copying = false;
	p->lasting = p->copy_lasts && !why;
	while ((r = pq.PQputCopyEnd(p->conn, why)) == 0)
		if (pg_send_all(p, err) < 0)
			return -1;
	return r < 0 ? pg_fail(p, NULL, S(""), err) : 0;
}

int pg_copy_end(struct db *d, uint64_t *rows, struct err *err)
{
	struct pg *p = pg_of(d);

	ASSERT(p->copying);
	*rows = 0;
	if (!pg_look(p))
		return pg_fail(p, NULL, S(""), err);
	if (end_copy(p, NULL, err) < 0)
		return -1;
	return pg_finish(p, S(""), rows, err);
}

void pg_copy_give_up(struct db *d)
{
	struct pg *p = pg_of(d);

	if (!p->copying)
		return;
	if (end_copy(p, "given up", NULL) == 0)
		pg_skip(p);
}
