/* db_text.c - names, literals and COPY fields: values as PostgreSQL's and SQLite's texts have them
 *
 * What this room is for: the few places where something of ours becomes text of theirs. Values are bound and never pass here, but for
 *   COPY, which has no parameters.
 * What flows through:    UTF-8 and checked JSON in, text out.
 * What must hold:        nothing that goes in can end the name, the literal, the field or the row that it stands in; a NUL character, which
 *                        neither database's text has, is refused with -EINVAL. */
#include "base/json.h"
#include "io/db/db_array.h"
#include "io/db/db_.h"
#include <errno.h>
#include <string.h>

/* ---- names and literals ------------------------------------------------------------------------------------ */

static int put_doubled(struct slice s, char quote, struct buf *out)
{
	int r;

	if (s.n && memchr(s.p, 0, s.n))
		return -EINVAL;
	r = buf_add_char(out, quote);
	for (size_t i = 0; r == 0 && i < s.n; i++) {
		if (s.p[i] == quote)
			r = buf_add_char(out, quote);
		if (r == 0)
			r = buf_add_char(out, s.p[i]);
	}
	return r < 0 ? r : buf_add_char(out, quote);
}

int db_put_name(struct slice name, struct buf *out)
{
	return put_doubled(name, '"', out);
}

int db_put_literal(struct slice text, struct buf *out)
{
	return put_doubled(text, '\'', out);
}

/* ---- COPY's text format -------------------------------------------------------------------------------------- */

static const char *copy_escape(char c)
{
	switch (c) {
	case '\\':
		return "\\\\";
	case '\n':
		return "\\n";
	case '\r':
		return "\\r";
	case '\t':
		return "\\t";
	case '\b':
		return "\\b";
	case '\f':
		return "\\f";
	case '\v':
		return "\\v";
	default:
		return NULL;
	}
}

static int put_copy_text(struct slice s, struct buf *out)
{
	size_t from = 0;
	int r = 0;

	if (s.n && memchr(s.p, 0, s.n))
		return -EINVAL;
	for (size_t i = 0; r == 0 && i < s.n; i++) {
		const char *escape =
			(unsigned char)s.p[i] < 32 || s.p[i] == '\\' ? copy_escape(s.p[i]) : NULL;
		if (!escape)
			continue;
		r = buf_add(out, (struct slice){ s.p + from, i - from });
		if (r == 0)
			r = buf_add(out, slice_str(escape));
		from = i + 1;
	}
	return r < 0 ? r : buf_add(out, slice_from(s, from));
}

static int put_copy_string(struct slice raw, struct buf *out)
{
	AUTO(buf_done) struct buf text = { 0 };
	int r;

	if (!memchr(raw.p, '\\', raw.n))
		return put_copy_text((struct slice){ raw.p + 1, raw.n - 2 }, out);
	r = json_unquote(raw, &text);
	return r < 0 ? r : put_copy_text(buf_slice(&text), out);
}

static int put_copy_array(struct slice value, struct buf *out)
{
	AUTO(buf_done) struct buf text = { 0 };
	int r = db_array_write(value, false, &text);

	return r < 0 ? r : put_copy_text(buf_slice(&text), out);
}

int db_put_copy_field(struct slice value, bool array, struct buf *out)
{
	value = json_trim(value);
	switch (json_type(value)) {
	case JSON_NULL:
		return buf_add(out, S("\\N"));
	case JSON_STRING:
		return put_copy_string(value, out);
	case JSON_ARRAY:
		return array ? put_copy_array(value, out) : put_copy_text(value, out);
	case JSON_OBJECT:
	case JSON_TRUE:
	case JSON_FALSE:
	case JSON_NUMBER:
		break;
	}
	return put_copy_text(value, out);
}
