/* db_pg_type.c - PostgreSQL's types, and values of them as JSON
 *
 * What this room is for: a column arrives as text; whether that text is a number, true, JSON or a string is a matter of its type.
 * What flows through:    type numbers to classes; values in text format to JSON.
 * What must hold:
 *  (1) digits stay as they are: numeric and bigint are copied, never converted. NaN and Infinity, which JSON has not, are strings.
 *  (2) a type that we have not heard of is asked for once a pool (enum, array of enum, domain); until then it is a string.
 *  (3) times come in ISO 8601 with T, and Z for UTC, which is the session's zone. */
#include "io/db/db_pg.h"
#include "base/utf8.h"
#include "io/db/db_array.h"
#include "io/db/db_base64.h"
#include "io/db/db_interval.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- which types there are -------------------------------------------------------------------------------- */

#define TYPE(oid_, array_oid, class_, name_)                                \
	{ oid_, class_, false, ',', (char *)(uintptr_t)name_ },             \
	{                                                                   \
		array_oid, class_, true, ',', (char *)(uintptr_t)name_ "[]" \
	}
/* pg_type.dat's numbers, which never change. */
static const struct pg_type built_in[] = {
	TYPE(16, 1000, PG_BOOL, "boolean"),
	TYPE(17, 1001, PG_BYTES, "bytea"),
	TYPE(18, 1002, PG_TEXT, "\"char\""),
	TYPE(19, 1003, PG_TEXT, "name"),
	TYPE(20, 1016, PG_NUMBER, "bigint"),
	TYPE(21, 1005, PG_NUMBER, "smallint"),
	TYPE(23, 1007, PG_NUMBER, "integer"),
	TYPE(25, 1009, PG_TEXT, "text"),
	TYPE(26, 1028, PG_NUMBER, "oid"),
	TYPE(114, 199, PG_JSON, "json"),
	TYPE(700, 1021, PG_FLOAT, "real"),
	TYPE(701, 1022, PG_FLOAT, "double precision"),
	TYPE(1042, 1014, PG_TEXT, "character"),
	TYPE(1043, 1015, PG_TEXT, "character varying"),
	TYPE(1082, 1182, PG_TEXT, "date"),
	TYPE(1083, 1183, PG_TEXT, "time without time zone"),
	TYPE(1114, 1115, PG_TIME, "timestamp without time zone"),
	TYPE(1184, 1185, PG_TIME_TZ, "timestamp with time zone"),
	TYPE(1186, 1187, PG_INTERVAL, "interval"),
	TYPE(1266, 1270, PG_TEXT, "time with time zone"),
	TYPE(1700, 1231, PG_FLOAT, "numeric"),
	TYPE(2950, 2951, PG_TEXT, "uuid"),
	TYPE(3802, 3807, PG_JSON, "jsonb"),
};
#undef TYPE

/* NULL: not known yet. */
static const struct pg_type *find(const struct pg_types *types, Oid oid)
{
	for (size_t i = 0; i < ARRAY_SIZE(built_in); i++)
		if (built_in[i].oid == oid)
			return &built_in[i];
	for (size_t i = 0; i < types->n; i++)
		if (types->all[i].oid == oid)
			return &types->all[i];
	return NULL;
}

const struct pg_type *pg_type_of(const struct pg_types *types, Oid oid)
{
	const struct pg_type *t = find(types, oid);
	return t ? t : find(types, 25);
}

void pg_types_done(struct pg_types *types)
{
	for (size_t i = 0; i < types->n; i++)
		free(types->all[i].name);
	free(types->all);
	*types = (struct pg_types){ 0 };
}

/* ---- asking for the others ------------------------------------------------------------------------------------ */

/* Domains are what they are made of, at any depth, and so are arrays of domains. typcategory would call a domain over an array one, but
 * its element is the base type's. */
static const char question[] =
	"WITH RECURSIVE t AS (SELECT oid AS asked, oid, typbasetype, typelem, typsubscript, "
	"typdelim FROM pg_catalog.pg_type"
	" WHERE oid = ANY($1::pg_catalog.oid[])"
	" UNION ALL SELECT t.asked, b.oid, b.typbasetype, b.typelem, b.typsubscript, b.typdelim "
	"FROM t JOIN pg_catalog.pg_type b"
	" ON b.oid = CASE WHEN t.typbasetype <> 0 THEN t.typbasetype"
	" WHEN t.typsubscript = 'pg_catalog.array_subscript_handler'::pg_catalog.regproc THEN "
	"t.typelem END)"
	" SELECT asked, pg_catalog.format_type(asked, NULL),"
	" bool_or(typsubscript = 'pg_catalog.array_subscript_handler'::pg_catalog.regproc),"
	" (pg_catalog.array_agg(oid) FILTER (WHERE typbasetype = 0 AND"
	" typsubscript <> 'pg_catalog.array_subscript_handler'::pg_catalog.regproc))[1],"
	" (pg_catalog.array_agg(typdelim) FILTER (WHERE typbasetype = 0))[1] FROM t GROUP BY asked";

static Oid oid_at(const PGresult *res, int row, int column)
{
	const char *text = pq.PQgetvalue(res, row, column);
	Oid n = 0;

	for (; *text >= '0' && *text <= '9'; text++)
		n = n * 10 + (Oid)(*text - '0');
	return n;
}

static void learn_row(struct pg_types *types, const PGresult *res, int row)
{
	const char *name = pq.PQgetvalue(res, row, 1);
	enum pg_class class = pg_type_of(types, oid_at(res, row, 3))->class;
	const char *delimiter = pq.PQgetvalue(res, row, 4);

	types->all = xrealloc(types->all, types->n + 1, sizeof(*types->all));
	types->all[types->n++] = (struct pg_type){
		.oid = oid_at(res, row, 0),
		.class = class,
		.array = pq.PQgetvalue(res, row, 2)[0] == 't',
		.delimiter = delimiter[0] ? delimiter[0] : ',',
		.name = xstrndup(name, strlen(name)),
	};
}

static int put_unknown(const struct pg_types *types, const Oid *oids, size_t n, struct buf *out)
{
	int r = buf_add_char(out, '{');

	for (size_t i = 0; r == 0 && i < n; i++)
		if (oids[i] && !find(types, oids[i]))
			r = buf_printf(out, "%s%u", out->n > 1 ? "," : "", oids[i]);
	return r < 0 ? r : buf_add_char(out, '}');
}

int pg_types_learn(struct pg *p, const Oid *oids, size_t n, struct err *err)
{
	struct pg_types *types = &p->shared->types;
	AUTO(buf_done) struct buf list = { 0 };
	AUTO(pg_result_clear) PGresult *res = NULL;

	ASSERT(put_unknown(types, oids, n, &list) == 0);
	if (list.n <= 2)
		return 0;
	pg_begin(p, false);
	if (!pq.PQsendQueryParams(p->conn, question, 1, NULL, (const char *[]){ list.p }, NULL,
				  NULL, 0))
		return pg_fail(p, NULL, S(""), err);
	if (pg_result(p, &res, err) < 0)
		return -1;
	if (!res || pq.PQresultStatus(res) != PGRES_TUPLES_OK) {
		pg_fail(p, res, S(""), err);
		pg_skip(p);
		return -1;
	}
	for (int row = 0; row < pq.PQntuples(res); row++)
		if (!find(types, oid_at(res, row, 0)))
			learn_row(types, res, row);
	return pg_finish(p, S(""), NULL, err);
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

/* NaN, Infinity and -Infinity are the only ones that end with a letter. */
static int put_float(struct slice s, struct buf *out)
{
	char last = s.n ? s.p[s.n - 1] : 'x';
	return last >= '0' && last <= '9' ? buf_add(out, s) : json_quote(s, out);
}

static int put_json(struct slice s, struct buf *out)
{
	int r = json_compact(s, out, NULL);
	return r == -EBADMSG ? json_quote(s, out)
			     : r; /* what RFC 8259 does not allow: \ud800, depth */
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "\x00ff" */
static int put_bytes(struct slice s, struct buf *out)
{
	AUTO(buf_done) struct buf bytes = { .max = out->max };
	int r;

	if (s.n < 2 || s.p[0] != '\\' || s.p[1] != 'x')
		return json_quote(s, out); /* bytea_output = escape, behind a pooler */
	for (size_t i = 2; i + 1 < s.n; i += 2) {
		int high = hex_digit(s.p[i]), low = hex_digit(s.p[i + 1]);
		if (high < 0 || low < 0)
			return -EBADMSG;
		r = buf_add_char(&bytes, (char)(high << 4 | low));
		if (r < 0)
			return r;
	}
	r = buf_add_char(out, '"');
	if (r == 0)
		r = db_base64_put(buf_slice(&bytes), out);
	return r < 0 ? r : buf_add_char(out, '"');
}

/* "2024-05-06 07:08:09.5+00" -> "2024-05-06T07:08:09.5Z". Years before Christ and infinity stay as they are. */
static int put_time(struct slice s, bool zone, struct buf *out)
{
	const char *space = s.n ? memchr(s.p, ' ', s.n) : NULL;
	struct slice rest = space ? slice_from(s, (size_t)(space - s.p) + 1) : S("");
	bool utc = zone && slice_ends(rest, S("+00"));
	int r;

	if (!space || memchr(rest.p, ' ', rest.n))
		return json_quote(s, out);
	rest.n -= utc ? 3 : 0;
	r = buf_printf(out, "\"%.*sT%.*s%s", (int)(space - s.p), s.p, SLICE(rest), utc ? "Z" : "");
	if (r == 0 && zone && !utc && rest.n > 3 && strchr("+-", rest.p[rest.n - 3]))
		r = buf_add(out, S(":00"));
	return r < 0 ? r : buf_add_char(out, '"');
}

static int put_interval(struct slice s, struct buf *out)
{
	AUTO(buf_done) struct buf iso = { 0 };
	int r = db_put_interval(s, &iso);

	return r < 0 ? r : json_quote(buf_slice(&iso), out);
}

static int put_plain(enum pg_class class, struct slice s, struct buf *out)
{
	switch (class) {
	case PG_NUMBER:
		return buf_add(out, s);
	case PG_FLOAT:
		return put_float(s, out);
	case PG_BOOL:
		return buf_add(out, s.n && s.p[0] == 't' ? S("true") : S("false"));
	case PG_JSON:
		return put_json(s, out);
	case PG_BYTES:
		return put_bytes(s, out);
	case PG_TIME:
	case PG_TIME_TZ:
		return put_time(s, class == PG_TIME_TZ, out);
	case PG_INTERVAL:
		return put_interval(s, out);
	case PG_TEXT:
		break;
	}
	return json_quote(s, out);
}

static int put_element(struct slice element, void *arg, struct buf *out)
{
	const struct pg_type *t = arg;
	return put_plain(t->class, element, out);
}

int pg_put_value(const struct pg_type *t, struct slice s, struct buf *out)
{
	int r;

	if (!t->array)
		return put_plain(t->class, s, out);
	r = db_array_read(s, t->delimiter, put_element, (void *)(uintptr_t)t, out);
	return r == -EBADMSG ? json_quote(s, out) : r;
}
