/* sql_source.c - asking for rows, in the order of a cursor or as they come
 *
 * What this room is for: see sql_source.h.
 * What flows through:    rows, one by one, as JSON objects; of each the cursor columns' values, which are its position.
 * What must hold:
 *  (1) `after` promises an order in which every row has a place of its own. Rows of equal place cannot be told apart by a cursor: if
 *      one of them were the last that is settled, the others would never be read. So they end the run, before the second is given.
 *  (2) what the database can tell of a mistake it tells in sql_source_open: then nothing was touched.
 *  (3) faults of the data are no FAULT_CONFIG: behind a finished run that would mean "another input, start over". */
#include "connectors/sql/sql_source.h"
#include "base/banned.h"
#include "base/json.h"
#include "base/utf8.h"
#include "connectors/sql/database.h"
#include "connectors/sql/sql_query.h"
#include "connectors/sql/sql_spool.h"
#include "connectors/sql/sqlite_value.h"
#include "engine/plan/diag.h"
#include <stdlib.h>

#define PROBE_MAX (1u << 20)

void sql_source_plan(const struct sql_options *o, struct facts *facts, struct diag *diag)
{
	const char *const *after = o->after.v;
	facts->restart = o->after.n ? RESTART_SEEKS : RESTART_ASKS;
	facts->effect = EFFECT_READS;
	if (sql_query_text(o->query).n == 0)
		diag_error(diag, "query", "the query is empty");
	for (size_t i = 0; i < o->after.n; i++)
		for (size_t k = 0; k < i; k++)
			if (strcmp(after[i], after[k]) == 0)
				diag_error(diag, "after", "'%s' is named twice", after[i]);
	if (o->start && !o->after.n)
		diag_error(diag, "start",
			   "'start' is the first cursor column's: `after` is missing");
	if (o->lag_ns && !o->after.n)
		diag_error(diag, "lag",
			   "'lag' is about the first cursor column: `after` is missing");
}

static int fail_memory(struct err *err)
{
	return fail(err, FAULT_IO, "out of memory");
}

/* ---- opening ------------------------------------------------------------------------------------------- */

/* JSON texts, one behind the other, with room for the cursor's behind them. */
static int take_args(struct sql_source *s, const struct sql_options *o, struct err *err) SUSPENDS
{
	struct jq *const *programs = o->args.v;
	const struct env env = { .record = S("null") };
	size_t *ends = xcalloc(o->args.n + 1, sizeof(*ends)), at = 0;
	int r = 1;
	for (size_t i = 0; i < o->args.n && r == 1; i++) {
		r = jq_one(programs[i], &env, &s->args_text, err);
		if (r == 0)
			r = fail(err, FAULT_CONFIG, "args: number %zu has no value", i + 1);
		ends[i] = s->args_text.n;
	}
	s->arg_count = o->args.n;
	s->args = xcalloc(o->args.n + o->after.n + 1, sizeof(*s->args));
	for (size_t i = 0; i < o->args.n && r == 1; at = ends[i++])
		s->args[i] = slice_from(slice_head(buf_slice(&s->args_text), ends[i]), at);
	free(ends);
	return r == 1 ? 0 : -1;
}

static int fail_no_column(const struct db_shape *shape, const char *name, struct err *err)
{
	AUTO(buf_done) struct buf list = { .max = 200 };
	const char **names = xcalloc(shape->column_count + 1, sizeof(*names));
	for (size_t i = 0; i < shape->column_count; i++) {
		names[i] = shape->columns[i].name;
		if (buf_printf(&list, "%s%s", i ? ", " : "", names[i]) < 0)
			break;
	}
	const char *near = nearest(slice_str(name), names, shape->column_count);
	free(names);
	return fail(err, FAULT_CONFIG, "`after`: it gives no column '%s'%s%s%s; it has %.*s", name,
		    near ? ", did you mean '" : "", near ? near : "", near ? "'?" : "",
		    SLICE(buf_slice(&list)));
}

static int check_rows(const struct db_shape *shape, struct err *err)
{
	return shape->column_count
		       ? 0
		       : fail(err, FAULT_CONFIG, "the query gives no rows: a source is a SELECT");
}

static bool is_time(const char *type)
{
	struct slice t = slice_str(type);
	return slice_starts(t, S("timestamp")) || slice_eq(t, S("date"));
}

static int check_cursor(const struct sql_options *o, const struct db_shape *shape,
			enum db_kind kind, struct err *err)
{
	const char *const *after = o->after.v;
	for (size_t i = 0; i < o->after.n; i++)
		if (sql_query_column(shape, after[i]) == shape->column_count)
			return fail_no_column(shape, after[i], err);
	const char *type =
		o->after.n ? shape->columns[sql_query_column(shape, after[0])].type : NULL;
	if (o->lag_ns && kind == DB_POSTGRES && !is_time(type))
		return fail(err, FAULT_CONFIG,
			    "lag: '%s', the first cursor column, is %s and not a time", after[0],
			    type);
	return 0;
}

static int make_statements(struct sql_source *s, const struct sql_options *o, struct err *err)
{
	const struct sql_query q = { o, &s->shape, db_pool_kind(s->pool), s->arg_count };
	bool made = sql_query_put_first(&q, &s->first) == 0 &&
		    sql_query_put_onward(&q, &s->onward) == 0 &&
		    sql_query_put_strays(&q, &s->strays) == 0 &&
		    sql_query_put_twins(&q, &s->twins) == 0;
	return made ? 0 : fail_memory(err);
}

/* Do the columns have an order, and does `start` fit? */
static int try_statements(struct sql_source *s, struct db *db, struct err *err) SUSPENDS
{
	struct db_shape unused = { 0 };
	int r = db_describe(db, buf_slice(&s->first), &unused, err);
	db_shape_done(&unused);
	if (r == 0)
		r = db_describe(db, buf_slice(&s->onward), &unused, err);
	db_shape_done(&unused);
	return r;
}

static int check_args(const struct sql_source *s, struct err *err)
{
	if (s->shape.param_count == s->arg_count)
		return 0;
	return fail(err, FAULT_CONFIG,
		    "the query has %zu parameters ($1 ...), `args` has %zu values",
		    s->shape.param_count, s->arg_count);
}

/* A mistake in the file that only the database could find has a SQLSTATE of class 42; a server that is gone or busy is none. */
static int blame_query(struct err *err)
{
	bool mistake = err && (err->fault == FAULT_CONFIG ||
			       (err->fault == FAULT_SQL && fault_policy(err) == POLICY_DEAD));
	database_blame(err, "query");
	if (mistake && strncmp(err->state, "42", 2) != 0)
		memcpy(err->state, "42000", sizeof(err->state));
	if (mistake)
		err->fault = FAULT_SQL;
	return -1;
}

static int learn(struct sql_source *s, const struct sql_options *o, struct db *db,
		 struct err *err) SUSPENDS
{
	if (buf_add(&s->query, sql_query_text(o->query)) < 0)
		return fail_memory(err);
	if (db_describe(db, buf_slice(&s->query), &s->shape, err) < 0 ||
	    check_rows(&s->shape, err) < 0 || check_args(s, err) < 0 ||
	    check_cursor(o, &s->shape, db_pool_kind(s->pool), err) < 0)
		return blame_query(err);
	if (o->after.n == 0)
		return 0;
	return make_statements(s, o, err) < 0   ? -1
	       : try_statements(s, db, err) < 0 ? blame_query(err)
						: 0;
}

int sql_source_open(struct sql_source *s, const struct sql_options *o, struct db_pool *takes,
		    struct err *err)
{
	struct db *db = NULL;
	s->pool = takes;
	if (take_args(s, o, err) < 0)
		return -1;
	if (db_take(s->pool, &db, err) < 0)
		return database_blame(err, "connecting");
	int r = learn(s, o, db, err);
	db_give(db);
	return r;
}

void sql_source_close(struct sql_source *s)
{
	db_pool_free(take(s->pool));
	db_shape_done(&s->shape);
	free(take(s->args));
	buf_done(&s->args_text);
	buf_done(&s->query);
	buf_done(&s->first);
	buf_done(&s->onward);
	buf_done(&s->strays);
	buf_done(&s->twins);
}

/* ---- the order ------------------------------------------------------------------------------------------ */

struct reading {
	struct sql_source *s;
	const struct sql_options *o;
	struct intake *intake;
	struct split *split;
	struct db *db;
	struct db_stream *rows;
	struct buf cursor, next; /* of the last row; of this one: JSON array texts */
	struct buf start;        /* JSON text of `start` */
	uint64_t line;
};

static void reading_done(struct reading *r)
{
	db_stream_free(r->rows);
	db_give(r->db);
	buf_done(&r->cursor);
	buf_done(&r->next);
	buf_done(&r->start);
}

static int fail_stray(struct slice row, const char *column, struct err *err)
{
	struct slice shown = utf8_head(row, 200);
	return fail(err, FAULT_BAD_VALUE,
		    "a row has no place in the order of `after`%s%s%s: %.*s%s; leave such rows out "
		    "with WHERE, or give it a place with coalesce()",
		    column ? ": its '" : "", column ? column : "", column ? "' is NULL" : "",
		    SLICE(shown), shown.n < row.n ? "..." : "");
}

static int fail_twins(const struct reading *r, struct slice cursor, struct err *err)
{
	const char *const *after = r->o->after.v;
	return fail(
		err, FAULT_BAD_VALUE,
		"several rows have the same place %.*s in the order of `after`, and a cursor "
		"cannot tell them apart; '%s' is not unique: name a unique column behind it, as "
		"in after: [%s, id], and start over with --fresh",
		SLICE(utf8_head(cursor, 120)), after[r->o->after.n - 1], after[0]);
}

static int probe(struct reading *r, const struct buf *text, size_t params, struct buf *ret,
		 struct err *err) SUSPENDS
{
	struct db_call call = { .text = buf_slice(text), .params = r->s->args, .n = params };
	int done = db_run(r->db, &call, 1, PROBE_MAX, err);
	*ret = buf_take(&call.rows);
	return done;
}

static int check_strays(struct reading *r, struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf rows = { 0 };
	struct slice row;
	if (probe(r, &r->s->strays, r->s->arg_count, &rows, err) < 0)
		return -1;
	if (!json_index(buf_slice(&rows), 0, &row))
		return 0;
	return fail_stray(row, NULL, err);
}

/* Rows that came since with the place of the last one would be passed over. */
static int check_twins(struct reading *r, struct slice cursor, struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf rows = { 0 };
	struct slice row, n;
	if (probe(r, &r->s->twins, r->s->arg_count + r->o->after.n, &rows, err) < 0)
		return -1;
	bool one = json_index(buf_slice(&rows), 0, &row) && json_field(row, S("n"), &n) &&
		   !slice_eq(n, S("2"));
	return one ? 0 : fail_twins(r, cursor, err);
}

static int take_cursor(struct reading *r, struct slice base, struct err *err)
{
	struct slice key, value;
	size_t n = 0;
	if (json_check(base, NULL) == 0 && json_type(base) == JSON_ARRAY) {
		struct json_iter it = json_iter(base);
		while (n < r->o->after.n && json_next(&it, &key, &value))
			r->s->args[r->s->arg_count + n++] = value;
	}
	if (n < r->o->after.n)
		return fail(err, FAULT_BROKEN, "the cursor makes no sense: %.*s",
			    SLICE(slice_head(base, 200)));
	return buf_add(&r->cursor, base) < 0 ? fail_memory(err) : 0;
}

/* SQLite compares numbers with numbers only; PostgreSQL is told the type. */
static int take_start(struct reading *r, struct err *err)
{
	const char *const *after = r->o->after.v;
	struct slice text = slice_str(r->o->start);
	const struct db_column *c = &r->s->shape.columns[sql_query_column(&r->s->shape, after[0])];
	bool number = db_pool_kind(r->s->pool) == DB_SQLITE &&
		      affinity_of(c->type) != AFFINITY_TEXT && text.n &&
		      json_check(text, NULL) == 0 && json_type(text) == JSON_NUMBER;
	int done = number ? buf_add(&r->start, text) : json_quote(text, &r->start);
	r->s->args[r->s->arg_count] = buf_slice(&r->start);
	return done < 0 ? fail_memory(err) : 0;
}

static int open_behind(struct reading *r, struct slice base, struct err *err) SUSPENDS
{
	struct sql_source *s = r->s;
	if (take_cursor(r, base, err) < 0 || check_twins(r, base, err) < 0)
		return -1;
	return db_stream_open(r->db, buf_slice(&s->onward), s->args, s->arg_count + r->o->after.n,
			      &r->rows, err);
}

static int open_first(struct reading *r, struct err *err) SUSPENDS
{
	struct sql_source *s = r->s;
	if (r->o->start && take_start(r, err) < 0)
		return -1;
	return db_stream_open(r->db, buf_slice(&s->first), s->args,
			      s->arg_count + (r->o->start != NULL), &r->rows, err);
}

/* [updated_at, id] of a row, as JSON. */
static int put_cursor(const struct reading *r, struct slice row, struct buf *out, struct err *err)
{
	const char *const *after = r->o->after.v;
	int done = 0;
	for (size_t i = 0; done == 0 && i < r->o->after.n; i++) {
		struct slice value;
		bool there = json_field(row, slice_str(after[i]), &value);
		if (!there || json_type(value) == JSON_NULL)
			return fail_stray(row, after[i], err);
		done = buf_add_char(out, i ? ',' : '[');
		done = done < 0 ? done : buf_add(out, value);
	}
	done = done < 0 ? done : buf_add_char(out, ']');
	return done < 0 ? fail_memory(err) : 0;
}

static int give_row(struct reading *r, struct buf *row, struct err *err) SUSPENDS
{
	buf_clear(&r->next);
	if (put_cursor(r, buf_slice(row), &r->next, err) < 0)
		return -1;
	if (slice_eq(buf_slice(&r->next), buf_slice(&r->cursor)))
		return fail_twins(r, buf_slice(&r->next), err);
	AUTO(text_unrefp) struct text *base = text_new(buf_slice(&r->next));
	struct buf last = r->cursor;
	r->cursor = r->next;
	r->next = last;
	return admit(r->intake,
		     &(struct arrival){ .rec = rec_take(row),
					.split = r->split,
					.next = { base, 0 },
					.line = ++r->line },
		     err);
}

static int read_in_order(struct reading *r, struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf row = { 0 };
	const struct position *from = split_from(r->split);
	int more = 1;
	if (check_strays(r, err) < 0)
		return -1;
	if ((from ? open_behind(r, text_slice(from->base), err) : open_first(r, err)) < 0)
		return -1;
	while (more > 0) {
		more = db_stream_next(r->rows, &row, err);
		if (more > 0 && give_row(r, &row, err) < 0)
			return -1;
	}
	return more;
}

/* ---- a transaction that only reads --------------------------------------------------------------------------- */

/* One snapshot for the probes and the rows, in which nothing can be changed; a pooler leaves all of it on one connection. SQLite's file
 * was opened to be read only. */
static int begin(struct reading *r, struct err *err) SUSPENDS
{
	if (db_take(r->s->pool, &r->db, err) < 0)
		return -1;
	if (db_pool_kind(r->s->pool) == DB_SQLITE)
		return 0;
	return db_exec(r->db, S("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"), err);
}

/* All was read: the connection may be lent again. A failed one is closed where it is given back. */
static int end(struct reading *r, struct err *err) SUSPENDS
{
	db_stream_free(take(r->rows));
	return db_pool_kind(r->s->pool) == DB_SQLITE ? 0 : db_exec(r->db, S("COMMIT"), err);
}

/* ---- as they come ---------------------------------------------------------------------------------------- */

static int open_all(void *arg, struct db_stream **ret, struct err *err) SUSPENDS
{
	struct reading *r = arg;
	if (begin(r, err) < 0)
		return -1;
	return db_stream_open(r->db, buf_slice(&r->s->query), r->s->args, r->s->arg_count, ret,
			      err);
}

static int close_all(void *arg, struct err *err) SUSPENDS
{
	struct reading *r = arg;
	int done = end(r, err);
	db_give(take(r->db));
	return done;
}

int sql_source_run(struct sql_source *s, const struct sql_options *o, struct site *site,
		   struct intake *intake, struct err *err)
{
	AUTO(reading_done) struct reading r = { .s = s, .o = o, .intake = intake };
	if (o->after.n == 0)
		return sql_spool_run(site, intake,
				     &(struct sql_spool_rows){ open_all, close_all, &r }, err);
	r.split = intake_split(intake, "rows");
	r.line = split_line(r.split);
	return begin(&r, err) < 0 || read_in_order(&r, err) < 0 ? -1 : end(&r, err);
}
