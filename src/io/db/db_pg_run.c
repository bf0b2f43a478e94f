/* db_pg_run.c - statements one after the other in one round trip
 *
 * What this room is for: lookups and writes of many records at once, in pipeline mode.
 * What flows through:    calls in; for each its rows as a JSON array, or one failure for all.
 *
 *     prepare and describe what is new (one round trip) -> Bind, Execute ... Bind, Execute, Sync -> rows ... rows, end
 *
 * What must hold:
 *  (1) all between two Syncs is one transaction where none is open: one failure undoes the others.
 *  (2) every value is spelled before the first byte is sent: a bad one leaves the connection as it was.
 *  (3) rows come one at a time out of libpq: what is in memory is what max_bytes allows, not what the server has.
 *  (4) a statement whose plan is out of date did nothing, nor did its batch: where no transaction is open, it is prepared anew once. */
#include "io/db/db_pg.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { FEW_BYTES = 200 }; /* of most answers: no growing */

struct batch {
	struct pg *pg;
	struct db_call *calls;
	size_t n;
	uint64_t max_bytes;
	struct pg_statement **statements; /* owns */
	struct pg_values values;
	bool stale;
};

static struct slice text_of(const struct pg_statement *s)
{
	return (struct slice){ s->text, s->text_n };
}

/* ---- sending --------------------------------------------------------------------------------------------------- */

static int spell_values(struct batch *b, struct err *err)
{
	b->values.text.max = SIZE_MAX;
	for (size_t i = 0; i < b->n; i++) {
		if (pg_values_add(&b->values, b->pg, b->statements[i], &b->calls[i], err) < 0) {
			if (err)
				err->row = i + 1;
			return -1;
		}
	}
	pg_values_end(&b->values);
	return 0;
}

static int send_call(struct pg *p, const struct pg_statement *s, const char *const *values)
{
	if (s->name[0])
		return pq.PQsendQueryPrepared(p->conn, s->name, (int)s->param_count, values, NULL,
					      NULL, 0);
	return pq.PQsendQueryParams(p->conn, s->text, (int)s->param_count, s->params, values, NULL,
				    NULL, 0);
}

static int send_calls(struct batch *b, struct err *err)
{
	const char *const *values = b->values.all;

	for (size_t i = 0; i < b->n; i++) {
		if (!send_call(b->pg, b->statements[i], values))
			return pg_fail(b->pg, NULL, S(""), err);
		values += b->statements[i]->param_count;
	}
	return pq.PQpipelineSync(b->pg->conn) ? 0 : pg_fail(b->pg, NULL, S(""), err);
}

/* ---- taking ------------------------------------------------------------------------------------------------------ */

static int fail_row(struct batch *b, size_t i, int r, struct err *err)
{
	const char *door = b->pg->db.pool->door;

	pg_abandon(b->pg);
	if (err) {
		err->sent = pg_in_doubt(b->pg);
		err->row = i + 1;
	}
	if (r == -EBADMSG)
		return fail(err, FAULT_PROTOCOL,
			    "%s: the rows are not those that were described: was a table changed "
			    "meanwhile?",
			    door);
	return fail_errno(err, FAULT_TOO_LARGE, r,
			  "%s: the rows of one statement need more than %llu bytes", door,
			  (unsigned long long)b->max_bytes);
}

static int take_rows(struct batch *b, size_t i, const PGresult *res, struct err *err)
{
	struct db_call *c = &b->calls[i];
	bool first = c->rows.n == 1 && pq.PQntuples(res) > 0;
	int r = first && !pg_statement_fits(b->statements[i], res) ? -EBADMSG : 0;

	for (int row = 0; r == 0 && row < pq.PQntuples(res); row++) {
		if (c->rows.n > 1)
			r = buf_add_char(&c->rows, ',');
		if (r == 0)
			r = pg_put_row(b->pg, b->statements[i], res, row, &c->rows);
	}
	return r < 0 ? fail_row(b, i, r, err) : 0;
}

/* 1: another result of this call may follow. */
static int take_result(struct batch *b, size_t i, const PGresult *res, struct err *err)
{
	switch (pq.PQresultStatus(res)) {
	case PGRES_SINGLE_TUPLE:
		return take_rows(b, i, res, err) < 0 ? -1 : 1;
	case PGRES_TUPLES_OK:
	case PGRES_COMMAND_OK:
		b->calls[i].affected = pg_affected(res);
		return take_rows(b, i, res, err) < 0 ? -1 : 1;
	case PGRES_EMPTY_QUERY:
		return fail(err, FAULT_CONFIG, "%s: the text has no statement",
			    b->pg->db.pool->door);
	case PGRES_COPY_IN:
	case PGRES_COPY_OUT:
	case PGRES_COPY_BOTH:
		pg_abandon(b->pg);
		return fail(err, FAULT_CONFIG, "%s: COPY is not possible here",
			    b->pg->db.pool->door);
	default:
		b->stale = pg_is_stale(res);
		pg_fail(b->pg, res, text_of(b->statements[i]), err);
		if (err && !b->pg->db.broken)
			err->row = i + 1;
		return -1;
	}
}

static int take_call(struct batch *b, size_t i, struct err *err) SUSPENDS
{
	struct db_call *c = &b->calls[i];
	int r = 1;

	if (b->statements[i]->column_count > 0)
		(void)pq.PQsetSingleRowMode(b->pg->conn);
	if (buf_reserve(&c->rows, FEW_BYTES) < 0 && buf_reserve(&c->rows, 2) < 0)
		return fail_row(b, i, -EMSGSIZE, err);
	if (buf_add_char(&c->rows, '[') < 0)
		return fail_row(b, i, -EMSGSIZE, err);
	while (r == 1) {
		AUTO(pg_result_clear) PGresult *res = NULL;
		if (pg_result(b->pg, &res, err) < 0)
			return -1;
		r = res ? take_result(b, i, res, err) : 0;
	}
	if (r == 0 && pq.PQstatus(b->pg->conn) != CONNECTION_OK)
		return pg_fail(b->pg, NULL, S(""), err);
	return r < 0 || buf_add_char(&c->rows, ']') == 0 ? r : fail_row(b, i, -EMSGSIZE, err);
}

/* What is left until the pipeline's end. A failure here came with the commit: of all, and nobody knows whose fault it is. */
static int take_end(struct batch *b, bool failed, struct err *err) SUSPENDS
{
	while (!b->pg->db.broken) {
		AUTO(pg_result_clear) PGresult *res = NULL;
		if (pg_result(b->pg, &res, failed ? NULL : err) < 0)
			return -1;
		if (!res && pq.PQstatus(b->pg->conn) != CONNECTION_OK)
			return failed ? (pg_abandon(b->pg), -1) : pg_fail(b->pg, NULL, S(""), err);
		if (!res)
			continue;
		if (pq.PQresultStatus(res) == PGRES_PIPELINE_SYNC)
			return failed ? -1 : 0;
		if (failed || pq.PQresultStatus(res) == PGRES_PIPELINE_ABORTED)
			continue;
		pg_fail(b->pg, res, S(""), err);
		if (err && b->n > 1)
			err->whole = true;
		failed = true;
	}
	return -1;
}

static int take_all(struct batch *b, struct err *err) SUSPENDS
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < b->n; i++)
		r = take_call(b, i, err);
	if (take_end(b, r < 0, err) < 0)
		r = -1;
	return r;
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

static void batch_done(struct batch *b)
{
	pg_statements_put(b->statements, b->n);
	pg_values_done(&b->values);
	free(b->statements);
}

static int get_statements(struct batch *b, struct err *err) SUSPENDS
{
	AUTO(freep) struct slice *texts = xcalloc(b->n, sizeof(*texts));

	for (size_t i = 0; i < b->n; i++)
		texts[i] = b->calls[i].text;
	b->statements = xcalloc(b->n, sizeof(*b->statements));
	return pg_statements_get(b->pg, texts, b->n, b->statements, err);
}

static bool lasts(const struct batch *b)
{
	for (size_t i = 0; i < b->n; i++)
		if (pg_lasts(b->pg, text_of(b->statements[i])))
			return true;
	return false;
}

static int run_once(struct batch *b, struct err *err) SUSPENDS
{
	int r;

	for (size_t i = 0; i < b->n; i++) {
		b->calls[i].rows.max = b->max_bytes;
		buf_clear(&b->calls[i].rows);
		b->calls[i].affected = 0;
	}
	if (get_statements(b, err) < 0 || spell_values(b, err) < 0)
		return -1;
	pg_begin(b->pg, lasts(b));
	if (pg_pipeline_begin(b->pg, err) < 0)
		return -1;
	r = send_calls(b, err);
	if (r == 0)
		r = take_all(b, err);
	pg_pipeline_end(b->pg);
	return r;
}

int pg_run(struct db *d, struct db_call *calls, size_t n, uint64_t max_bytes, struct err *err)
{
	struct pg *p = pg_of(d);
	bool alone = pq.PQtransactionStatus(p->conn) == PQTRANS_IDLE;
	struct err first = { 0 };
	int r = -1;

	for (int tries = 0; tries < 2; tries++) {
		struct batch b = { .pg = p, .calls = calls, .n = n, .max_bytes = max_bytes };
		first = (struct err){ 0 };
		r = run_once(&b, &first);
		batch_done(&b);
		p->swept = b.stale;
		if (r == 0 || !b.stale || !alone || d->broken)
			break;
	}
	if (r < 0 && p->swept && !alone && !d->broken)
		return pg_fail_stale(p, err);
	if (r < 0 && err)
		*err = first;
	return r;
}

/* ---- describing ------------------------------------------------------------------------------------------------------ */

static char *type_name(struct pg *p, Oid oid)
{
	const char *name = pg_type_of(&p->shared->types, oid)->name;
	return xstrndup(name, strlen(name));
}

/* The keys stand as "name": with '{' or ',' before. */
static char *column_name(const struct pg_statement *s, size_t i)
{
	size_t from = (i ? s->key_ends[i - 1] : 0) + 1;
	AUTO(buf_done) struct buf name = { 0 };
	int r = json_unquote((struct slice){ s->keys.p + from, s->key_ends[i] - 1 - from }, &name);

	ASSERT(r == 0);
	return xstrndup(name.p, name.n);
}

static void copy_shape(struct pg *p, const struct pg_statement *s, struct db_shape *ret)
{
	ret->column_count = s->column_count;
	ret->columns = xcalloc(s->column_count, sizeof(*ret->columns));
	ret->param_count = s->param_count;
	ret->param_types = xcalloc(s->param_count, sizeof(*ret->param_types));
	for (size_t i = 0; i < s->column_count; i++)
		ret->columns[i] =
			(struct db_column){ column_name(s, i), type_name(p, s->columns[i]) };
	for (size_t i = 0; i < s->param_count; i++)
		ret->param_types[i] = type_name(p, s->params[i]);
}

int pg_describe(struct db *d, struct slice text, struct db_shape *ret, struct err *err)
{
	struct pg *p = pg_of(d);
	struct pg_statement *s = NULL;

	if (pg_statements_get(p, &text, 1, &s, err) < 0)
		return -1;
	copy_shape(p, s, ret);
	pg_statements_put(&s, 1);
	return 0;
}
