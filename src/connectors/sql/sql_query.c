/* sql_query.c - text of statements around a query
 *
 * What this room is for: see sql_query.h.
 * What flows through:    the user's query as it stands, on lines of its own: its comments end there, and places in messages are its own.
 * What must hold:
 *  (1) one comparison of rows, so that an index over the cursor columns finds the place. (2) PostgreSQL gets each cursor value cast to
 *      its column's type: a time that is text to JSON is a time again. SQLite compares by the column's affinity. */
#include "connectors/sql/sql_query.h"
#include "base/banned.h"
#include <inttypes.h>

#define MS INT64_C(1000000)

struct slice sql_query_text(const char *query)
{
	struct slice text = slice_trim(slice_str(query));
	while (text.n && text.p[text.n - 1] == ';')
		text = slice_trim(slice_head(text, text.n - 1));
	return text;
}

size_t sql_query_column(const struct db_shape *shape, const char *name)
{
	for (size_t i = 0; i < shape->column_count; i++)
		if (strcmp(shape->columns[i].name, name) == 0)
			return i;
	return shape->column_count;
}

static const char *after(const struct sql_query *q, size_t i)
{
	return ((const char *const *)q->o->after.v)[i];
}

static int put_from(const struct sql_query *q, const char *what, struct buf *out)
{
	return buf_printf(out, "SELECT %s FROM (\n%.*s\n) AS q", what,
			  SLICE(sql_query_text(q->o->query)));
}

static int put_name(const char *name, struct buf *out)
{
	return db_put_name(slice_str(name), out);
}

/* "updated_at", "id" */
static int put_columns(const struct sql_query *q, struct buf *out)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < q->o->after.n; i++) {
		r = i ? buf_add(out, S(", ")) : 0;
		r = r < 0 ? r : put_name(after(q, i), out);
	}
	return r;
}

/* A cast to `character` or `bit` alone cuts the value to a length of 1. */
static int put_cast(struct slice type, struct buf *out)
{
	struct slice element = type;
	if (slice_ends(type, S("[]")))
		element.n -= 2;
	const char *any = slice_eq(element, S("character")) ? "bpchar"
			  : slice_eq(element, S("bit"))     ? "\"bit\""
							    : NULL;
	if (!any)
		return buf_printf(out, "::%.*s", SLICE(type));
	return buf_printf(out, "::%s%.*s", any, SLICE(slice_from(type, element.n)));
}

/* $3::bigint: the i-th cursor column's value. Bytes are base64 in a record, and so in its cursor. */
static int put_value(const struct sql_query *q, size_t i, struct buf *out)
{
	struct slice type =
		slice_str(q->shape->columns[sql_query_column(q->shape, after(q, i))].type);
	size_t number = q->args + i + 1;
	if (q->kind == DB_POSTGRES && slice_eq(type, S("bytea")))
		return buf_printf(out, "decode($%zu::text, 'base64')", number);
	int r = buf_printf(out, "$%zu", number);
	return r < 0 || q->kind == DB_SQLITE ? r : put_cast(type, out);
}

static int put_place(const struct sql_query *q, const char *operator, struct buf * out)
{
	int r = buf_add_char(out, '(');
	r = r < 0 ? r : put_columns(q, out);
	r = r < 0 ? r : buf_printf(out, ") %s (", operator);
	for (size_t i = 0; r == 0 && i < q->o->after.n; i++) {
		r = i ? buf_add(out, S(", ")) : 0;
		r = r < 0 ? r : put_value(q, i, out);
	}
	return r < 0 ? r : buf_add_char(out, ')');
}

/* Nobody writes rows that are so old any more. */
static int put_lag(const struct sql_query *q, struct buf *out)
{
	int64_t ms = (q->o->lag_ns + MS - 1) / MS;
	int r = q->kind == DB_SQLITE ? buf_add(out, S("julianday(")) : 0;
	r = r < 0 ? r : put_name(after(q, 0), out);
	if (r < 0)
		return r;
	if (q->kind == DB_SQLITE)
		return buf_printf(out,
				  ") <= julianday('now', '-%" PRId64 ".%03" PRId64 " seconds')",
				  ms / 1000, ms % 1000);
	return buf_printf(out, " <= now() - interval '%" PRId64 " milliseconds'", ms);
}

static int put_order(const struct sql_query *q, struct buf *out)
{
	int r = buf_add(out, S(" ORDER BY "));
	return r < 0 ? r : put_columns(q, out);
}

int sql_query_put_first(const struct sql_query *q, struct buf *out)
{
	int r = put_from(q, "*", out);
	if (q->o->start) {
		r = r < 0 ? r : buf_add(out, S(" WHERE "));
		r = r < 0 ? r : put_name(after(q, 0), out);
		r = r < 0 ? r : buf_add(out, S(" >= "));
		r = r < 0 ? r : put_value(q, 0, out);
	}
	if (q->o->lag_ns) {
		r = r < 0 ? r : buf_printf(out, " %s ", q->o->start ? "AND" : "WHERE");
		r = r < 0 ? r : put_lag(q, out);
	}
	return r < 0 ? r : put_order(q, out);
}

int sql_query_put_onward(const struct sql_query *q, struct buf *out)
{
	int r = put_from(q, "*", out);
	r = r < 0 ? r : buf_add(out, S(" WHERE "));
	r = r < 0 ? r : put_place(q, ">", out);
	if (q->o->lag_ns) {
		r = r < 0 ? r : buf_add(out, S(" AND "));
		r = r < 0 ? r : put_lag(q, out);
	}
	return r < 0 ? r : put_order(q, out);
}

int sql_query_put_strays(const struct sql_query *q, struct buf *out)
{
	int r = put_from(q, "*", out);
	for (size_t i = 0; r == 0 && i < q->o->after.n; i++) {
		r = buf_add(out, i ? S(" OR ") : S(" WHERE "));
		r = r < 0 ? r : put_name(after(q, i), out);
		r = r < 0 ? r : buf_add(out, S(" IS NULL"));
		if (r < 0 || q->kind != DB_SQLITE)
			continue;
		r = buf_add(out,
			    S(" OR ")); /* a blob: in a record it is text, and so in its cursor */
		r = r < 0 ? r : put_name(after(q, i), out);
		r = r < 0 ? r : buf_add(out, S(" >= x''"));
	}
	if (q->kind == DB_SQLITE && q->o->lag_ns) {
		r = r < 0 ? r : buf_add(out, S(" OR julianday("));
		r = r < 0 ? r : put_name(after(q, 0), out);
		r = r < 0 ? r : buf_add(out, S(") IS NULL"));
	}
	return r < 0 ? r : buf_add(out, S(" LIMIT 1"));
}

int sql_query_put_twins(const struct sql_query *q, struct buf *out)
{
	int r = buf_add(out, S("SELECT count(*) AS n FROM ("));
	r = r < 0 ? r : put_from(q, "1", out);
	r = r < 0 ? r : buf_add(out, S(" WHERE "));
	r = r < 0 ? r : put_place(q, "=", out);
	return r < 0 ? r : buf_add(out, S(" LIMIT 2) AS t"));
}
