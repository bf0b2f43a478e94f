/* db_sqlite_statement.c - SQLite's statements: prepared once a connection; parameters from JSON, rows to JSON
 *
 * What this room is for: one text is one statement with $1 or ?1; values go in by what they are in JSON, rows come out by what they are in SQLite.
 * What flows through:    texts, checked JSON, sqlite3_values; all of it in a job.
 * What must hold:
 *  (1) $1, which SQLite takes for a name, means the first parameter, wherever it stands and however often.
 *  (2) integers keep their digits: what does not fit in 64 bits is bound as text. Reals are written with as many digits as read back the same.
 *  (3) a statement that a stream is reading is never reused, nor thrown out. */
#include "io/db/db_sqlite.h"
#include "base/banned.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/units.h"
#include "io/db/db_base64.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- preparing ------------------------------------------------------------------------------------------------- */

static void statement_done(struct lite_statement *s)
{
	sqlite3_finalize(s->stmt);
	free(s->text);
	free(s->numbers);
	free(s->key_ends);
	buf_done(&s->keys);
	*s = (struct lite_statement){ 0 };
}

void lite_statements_done(struct lite *l)
{
	for (size_t i = 0; i < LITE_STATEMENTS; i++)
		statement_done(&l->statements[i]);
}

static int fail_text(struct lite_job *j, const char *why)
{
	return fail(&j->err, FAULT_CONFIG, "%s: %s", j->lite->db.pool->door, why);
}

/* Behind the statement only blanks, comments and semicolons. */
static bool is_over(sqlite3 *conn, const char *tail, const char *end)
{
	while (tail < end) {
		sqlite3_stmt *another = NULL;
		const char *from = tail;
		if (sqlite3_prepare_v2(conn, tail, (int)(end - tail), &another, &tail) != SQLITE_OK)
			return false;
		sqlite3_finalize(another);
		if (another || tail == from)
			return !another;
	}
	return true;
}

/* "$12", "?12" -> 12; 0: a name. */
static unsigned number_of(const char *name)
{
	int64_t n = 0;

	if ((name[0] != '$' && name[0] != '?') || units_int(slice_str(name + 1), &n) < 0 || n < 1 ||
	    n > LITE_PARAMS)
		return 0;
	return (unsigned)n;
}

static int read_params(struct lite_job *j, struct lite_statement *s)
{
	int n = sqlite3_bind_parameter_count(s->stmt);

	s->places = (size_t)n;
	s->numbers = xcalloc(s->places, sizeof(*s->numbers));
	for (int i = 0; i < n; i++) {
		const char *name = sqlite3_bind_parameter_name(s->stmt, i + 1);
		s->numbers[i] = name ? number_of(name) : (unsigned)i + 1;
		if (!s->numbers[i])
			return fail(&j->err, FAULT_CONFIG,
				    "%s: parameters are $1, $2 ... or ?1, ?2 ...: not %s",
				    j->lite->db.pool->door, name);
		if (s->numbers[i] > s->params)
			s->params = s->numbers[i];
	}
	return 0;
}

static int put_key(struct lite_statement *s, int i)
{
	int r = buf_add_char(&s->keys, i ? ',' : '{');

	if (r == 0)
		r = json_quote(slice_str(sqlite3_column_name(s->stmt, i)), &s->keys);
	if (r == 0)
		r = buf_add_char(&s->keys, ':');
	s->key_ends[i] = s->keys.n;
	return r;
}

static bool stands_before(sqlite3_stmt *stmt, int column)
{
	const char *name = sqlite3_column_name(stmt, column);

	for (int i = 0; i < column; i++)
		if (strcmp(sqlite3_column_name(stmt, i), name) == 0)
			return true;
	return false;
}

static int read_columns(struct lite_job *j, struct lite_statement *s)
{
	int n = sqlite3_column_count(s->stmt);

	s->columns = (size_t)n;
	s->key_ends = xcalloc(s->columns, sizeof(*s->key_ends));
	for (int i = 0; i < n; i++) {
		if (stands_before(s->stmt, i))
			return fail(&j->err, FAULT_CONFIG,
				    "%s: two columns are called \"%s\": name one of them with AS",
				    j->lite->db.pool->door, sqlite3_column_name(s->stmt, i));
		if (put_key(s, i) < 0)
			return fail_text(j, "the column names are too long");
	}
	return 0;
}

static int prepare(struct lite_job *j, struct lite_statement *s, struct slice text)
{
	sqlite3 *conn = j->lite->conn;
	const char *tail = NULL;

	s->text = xstrndup(text.p, text.n);
	s->text_n = text.n;
	if (sqlite3_prepare_v3(conn, s->text, (int)text.n + 1, SQLITE_PREPARE_PERSISTENT, &s->stmt,
			       &tail) != SQLITE_OK)
		return lite_fail(j, text);
	if (!s->stmt)
		return fail_text(j, "the text has no statement");
	if (!is_over(conn, tail, s->text + s->text_n))
		return fail_text(j, "one statement at a time: the text has more than one");
	return read_params(j, s) < 0 ? -1 : read_columns(j, s);
}

static struct lite_statement *oldest(struct lite *l)
{
	struct lite_statement *found = NULL;

	for (size_t i = 0; i < LITE_STATEMENTS; i++) {
		struct lite_statement *s = &l->statements[i];
		if (!s->busy && (!found || s->used < found->used))
			found = s;
	}
	ASSERT(found);
	return found;
}

struct lite_statement *lite_statement_get(struct lite_job *j, struct slice text)
{
	struct lite *l = j->lite;
	uint64_t hash = hash_end(hash_add(HASH_START, text));
	struct lite_statement *s = NULL;

	for (size_t i = 0; i < LITE_STATEMENTS && !s; i++) {
		struct lite_statement *known = &l->statements[i];
		if (known->stmt && !known->busy && known->hash == hash &&
		    slice_eq((struct slice){ known->text, known->text_n }, text))
			s = known;
	}
	if (!s) {
		s = oldest(l);
		statement_done(s);
		if (prepare(j, s, text) < 0) {
			statement_done(s);
			return NULL;
		}
		s->hash = hash;
	}
	s->used = ++l->uses;
	return s;
}

/* ---- parameters -------------------------------------------------------------------------------------------------- */

static int bind_number(sqlite3_stmt *stmt, int at, struct slice s)
{
	AUTO(freep) char *text = NULL;
	int64_t n;

	if (!memchr(s.p, '.', s.n) && !memchr(s.p, 'e', s.n) && !memchr(s.p, 'E', s.n)) {
		if (units_int(s, &n) == 0)
			return sqlite3_bind_int64(stmt, at, n);
		return sqlite3_bind_text64(stmt, at, s.p, s.n, SQLITE_TRANSIENT, SQLITE_UTF8);
	}
	text = xstrndup(s.p, s.n);
	return sqlite3_bind_double(stmt, at, strtod(text, NULL));
}

static int bind_string(sqlite3_stmt *stmt, int at, struct slice raw)
{
	AUTO(buf_done) struct buf text = { .max = SIZE_MAX };

	if (!memchr(raw.p, '\\', raw.n))
		return sqlite3_bind_text64(stmt, at, raw.p + 1, raw.n - 2, SQLITE_STATIC,
					   SQLITE_UTF8);
	if (json_unquote(raw, &text) < 0)
		return SQLITE_NOMEM;
	return sqlite3_bind_text64(stmt, at, text.p ? text.p : "", text.n, SQLITE_TRANSIENT,
				   SQLITE_UTF8);
}

static int bind_value(sqlite3_stmt *stmt, int at, struct slice value)
{
	value = json_trim(value);
	if (value.n == 0)
		return sqlite3_bind_null(stmt, at);
	switch (json_type(value)) {
	case JSON_NULL:
		return sqlite3_bind_null(stmt, at);
	case JSON_TRUE:
	case JSON_FALSE:
		return sqlite3_bind_int(stmt, at, json_type(value) == JSON_TRUE);
	case JSON_NUMBER:
		return bind_number(stmt, at, value);
	case JSON_STRING:
		return bind_string(stmt, at, value);
	case JSON_ARRAY:
	case JSON_OBJECT:
		break;
	}
	return sqlite3_bind_text64(stmt, at, value.p, value.n, SQLITE_STATIC, SQLITE_UTF8);
}

/* A base64 string as BLOB. */
static int bind_blob(struct lite_job *j, struct lite_statement *s, int at, struct slice value)
{
	AUTO(buf_done) struct buf text = { .max = SIZE_MAX }, bytes = { .max = SIZE_MAX };

	if (json_type(value) != JSON_STRING || json_unquote(value, &text) < 0 ||
	    db_base64_read(buf_slice(&text), &bytes) < 0)
		return fail(&j->err, FAULT_BAD_VALUE, "%s: $%u is for a BLOB, and not base64",
			    j->lite->db.pool->door, s->numbers[at - 1]);
	if (sqlite3_bind_blob64(s->stmt, at, bytes.p ? bytes.p : "", bytes.n, SQLITE_TRANSIENT) !=
	    SQLITE_OK)
		return lite_fail(j, S(""));
	return 0;
}

int lite_bind(struct lite_job *j, struct lite_statement *s, const struct db_call *c)
{
	if (c->n != s->params)
		return fail(&j->err, FAULT_CONFIG,
			    "%s: the statement has %zu parameter%s, and %zu %s given",
			    j->lite->db.pool->door, s->params, s->params == 1 ? "" : "s", c->n,
			    c->n == 1 ? "was" : "were");
	for (size_t i = 0; i < s->places; i++) {
		size_t k = s->numbers[i] - 1;
		if (c->blobs && c->blobs[k] && json_type(c->params[k]) != JSON_NULL) {
			if (bind_blob(j, s, (int)i + 1, json_trim(c->params[k])) < 0)
				return -1;
		} else if (bind_value(s->stmt, (int)i + 1, c->params[k]) != SQLITE_OK) {
			return lite_fail(j, S(""));
		}
	}
	return 0;
}

/* ---- rows ---------------------------------------------------------------------------------------------------------- */

/* As few digits as read back the same; always with a point or an exponent, so that it stays a real. */
static int put_real(double d, struct buf *out)
{
	char text[40];
	int digits = 15;

	if (!isfinite(d))
		return buf_add(out, d > 0 ? S("\"Infinity\"") : S("\"-Infinity\""));
	do
		(void)snprintf(text, sizeof(text), "%.*g", digits, d);
	while (digits++ < 17 && strtod(text, NULL) != d);
	if (!strpbrk(text, ".e"))
		(void)strncat(text, ".0", 3);
	return buf_add(out, slice_str(text));
}

static int put_int(int64_t n, struct buf *out)
{
	struct json_writer w = json_writer(out);

	json_put_int(&w, n);
	return json_writer_end(&w);
}

static int put_blob(sqlite3_stmt *stmt, int i, struct buf *out)
{
	struct slice bytes = { sqlite3_column_blob(stmt, i),
			       (size_t)sqlite3_column_bytes(stmt, i) };
	int r = buf_add_char(out, '"');

	if (r == 0)
		r = db_base64_put(bytes, out);
	return r < 0 ? r : buf_add_char(out, '"');
}

static int put_value(sqlite3_stmt *stmt, int i, struct buf *out)
{
	switch (sqlite3_column_type(stmt, i)) {
	case SQLITE_INTEGER:
		return put_int(sqlite3_column_int64(stmt, i), out);
	case SQLITE_FLOAT:
		return put_real(sqlite3_column_double(stmt, i), out);
	case SQLITE_TEXT: {
		const char *p = (const char *)sqlite3_column_text(stmt, i);
		return json_quote((struct slice){ p, (size_t)sqlite3_column_bytes(stmt, i) }, out);
	}
	case SQLITE_BLOB:
		return put_blob(stmt, i, out);
	default:
		return buf_add(out, S("null"));
	}
}

int lite_put_row(const struct lite_statement *s, struct buf *out)
{
	size_t from = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < s->columns; i++) {
		r = buf_add(out, (struct slice){ s->keys.p + from, s->key_ends[i] - from });
		from = s->key_ends[i];
		if (r == 0)
			r = put_value(s->stmt, (int)i, out);
	}
	return r < 0 ? r : buf_add_char(out, '}');
}
