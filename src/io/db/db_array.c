/* db_array.c - PostgreSQL's array texts and JSON arrays
 *
 * What this room is for: text[] of a row should arrive as ["a","b"] and leave as {a,b}.
 * What flows through:    the server's text in one direction, checked JSON in the other; one pass each.
 *
 *     value:   {  -> items: element (, element)* -> }        element: value | "quoted" | bare | NULL
 *
 * What must hold:
 *  (1) quoted "NULL" is text, bare NULL in any case is null; a backslash takes the next byte as it is.
 *  (2) the depth is bounded, so recursion is. */
#include "io/db/db_array.h"
#include "base/json.h"
#include <errno.h>
#include <string.h>

struct reader {
	const char *p, *end;
	char delimiter;
	db_array_put *put;
	void *arg;
	struct buf *out;
	struct buf element; /* unescaped */
};

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static void skip_spaces(struct reader *r)
{
	while (r->p < r->end && is_space(*r->p))
		r->p++;
}

static bool next_is(struct reader *r, char c)
{
	skip_spaces(r);
	return r->p < r->end && *r->p == c;
}

/* ---- reading --------------------------------------------------------------------------------------------- */

static int put_element(struct reader *r)
{
	return r->put(buf_slice(&r->element), r->arg, r->out);
}

static int read_quoted(struct reader *r)
{
	int e = 0;

	buf_clear(&r->element);
	for (r->p++; e == 0 && r->p < r->end && *r->p != '"'; r->p++) {
		if (*r->p == '\\' && ++r->p == r->end)
			return -EBADMSG;
		e = buf_add_char(&r->element, *r->p);
	}
	if (e < 0)
		return e;
	if (r->p >= r->end)
		return -EBADMSG;
	r->p++;
	return put_element(r);
}

static int read_bare(struct reader *r)
{
	const char *from = r->p;
	bool escaped = false;
	int e = 0;

	buf_clear(&r->element);
	while (e == 0 && r->p < r->end && *r->p != r->delimiter && *r->p != '}') {
		if (*r->p == '{' || *r->p == '"')
			return -EBADMSG;
		if (*r->p == '\\') {
			escaped = true;
			if (++r->p == r->end)
				return -EBADMSG;
		}
		e = buf_add_char(&r->element, *r->p++);
	}
	if (e < 0)
		return e;
	while (!escaped && r->element.n > 0 && is_space(r->element.p[r->element.n - 1]))
		buf_truncate(&r->element, r->element.n - 1);
	if (r->p == from || r->element.n == 0)
		return -EBADMSG;
	if (!escaped && slice_eq_nocase(buf_slice(&r->element), S("NULL")))
		return buf_add(r->out, S("null"));
	return put_element(r);
}

static int read_array(struct reader *r, int depth);

static int read_element(struct reader *r, int depth)
{
	if (next_is(r, '{'))
		return read_array(r, depth + 1);
	return next_is(r, '"') ? read_quoted(r) : read_bare(r);
}

static int read_array(struct reader *r, int depth)
{
	int e;

	if (depth > DB_ARRAY_DEPTH || !next_is(r, '{'))
		return -EBADMSG;
	r->p++;
	e = buf_add_char(r->out, '[');
	for (bool first = true; e == 0 && !(first && next_is(r, '}')); first = false) {
		if (!first && !next_is(r, r->delimiter))
			break;
		r->p += !first;
		e = first ? 0 : buf_add_char(r->out, ',');
		if (e == 0)
			e = read_element(r, depth);
	}
	if (e < 0)
		return e;
	if (!next_is(r, '}'))
		return -EBADMSG;
	r->p++;
	return buf_add_char(r->out, ']');
}

/* "[2:3][0:1]=" */
static void skip_bounds(struct reader *r)
{
	const char *equals;

	if (!next_is(r, '['))
		return;
	equals = memchr(r->p, '=', (size_t)(r->end - r->p));
	if (equals)
		r->p = equals + 1;
}

int db_array_read(struct slice text, char delimiter, db_array_put *put, void *arg, struct buf *out)
{
	struct reader r = { .p = text.p,
			    .end = text.n ? text.p + text.n : text.p,
			    .delimiter = delimiter,
			    .put = put,
			    .arg = arg,
			    .out = out,
			    .element = { .max = out->max } };
	size_t before = out->n;
	int e;

	skip_bounds(&r);
	e = read_array(&r, 1);
	skip_spaces(&r);
	if (e == 0 && r.p != r.end)
		e = -EBADMSG;
	if (e < 0)
		buf_truncate(out, before);
	buf_done(&r.element);
	return e;
}

/* ---- writing ------------------------------------------------------------------------------------------------- */

static int write_quoted(struct slice s, struct buf *out)
{
	int e;

	if (s.n && memchr(s.p, 0, s.n))
		return -EINVAL;
	e = buf_add_char(out, '"');
	for (size_t i = 0; e == 0 && i < s.n; i++) {
		if (s.p[i] == '"' || s.p[i] == '\\')
			e = buf_add_char(out, '\\');
		if (e == 0)
			e = buf_add_char(out, s.p[i]);
	}
	return e < 0 ? e : buf_add_char(out, '"');
}

static int write_string(struct slice raw, struct buf *out)
{
	AUTO(buf_done) struct buf text = { 0 };
	int e = json_unquote(raw, &text);

	return e < 0 ? e : write_quoted(buf_slice(&text), out);
}

static int write_array(struct slice array, bool json, int depth, struct buf *out);

static int write_element(struct slice value, bool json, int depth, struct buf *out)
{
	switch (json_type(value)) {
	case JSON_NULL:
		return buf_add(out, S("NULL"));
	case JSON_STRING:
		return json ? write_quoted(value, out) : write_string(value, out);
	case JSON_ARRAY:
		return json ? write_quoted(value, out) : write_array(value, json, depth + 1, out);
	case JSON_OBJECT:
		return write_quoted(value, out);
	case JSON_TRUE:
	case JSON_FALSE:
	case JSON_NUMBER:
		break;
	}
	return buf_add(out, value);
}

static int write_array(struct slice array, bool json, int depth, struct buf *out)
{
	struct json_iter it = json_iter(array);
	struct slice key, value;
	bool first = true;
	int e = depth > DB_ARRAY_DEPTH ? -EBADMSG : buf_add_char(out, '{');

	while (e == 0 && json_next(&it, &key, &value)) {
		if (!first)
			e = buf_add_char(out, ',');
		first = false;
		if (e == 0)
			e = write_element(json_trim(value), json, depth, out);
	}
	return e < 0 ? e : buf_add_char(out, '}');
}

int db_array_write(struct slice array, bool json, struct buf *out)
{
	size_t before = out->n;
	int e = write_array(json_trim(array), json, 1, out);

	if (e < 0)
		buf_truncate(out, before);
	return e;
}
