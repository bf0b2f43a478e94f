/* jq_exchange.c - JSON text to libjq's values and back
 *
 * What this room is for: libjq 1.6 keeps numbers as doubles: ids beyond 2^53 would be rounded and 1.10 would come back as 1.1.
 * What flows through:    checked text in, jv values; jv values back, compact text out.
 * What must hold:
 *  (1) a mark that comes back alone is the number again; inside a longer string it is the number's digits, without the quotes
 *      that tojson put around it.
 *  (2) recursion goes as deep as values; text is at most JSON_MAX_DEPTH deep, deeper results are refused. */
#include "engine/language/jq_exchange.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

#define WHOLE_LIMIT 9007199254740992.0 /* 2^53 */

/* ---- marks ------------------------------------------------------------------------------------------- */

bool exchange_needs_marks(struct slice json)
{
	const char *p = json.n ? json.p : "", *end = p + json.n;
	while (p < end) {
		if (*p == '"') {
			for (p++; p < end && *p != '"'; p++)
				p += *p == '\\';
			p++;
		} else if (*p >= '0' && *p <= '9') {
			const char *from = p;
			while (p < end && ((*p >= '0' && *p <= '9') || *p == '.' || *p == 'e' ||
					   *p == 'E' || *p == '-' || *p == '+'))
				p++;
			if (number_is_big((struct slice){ from, (size_t)(p - from) }))
				return true;
		} else {
			p++;
		}
	}
	return false;
}

int exchange_mark(struct slice number, struct buf *out)
{
	int error = buf_add(out, S(MARK_OPEN));
	if (!error && number.p[0] != '-')
		error = buf_printf(out, "%0*zu", MARK_SORT, number.n);
	if (!error)
		error = buf_add(out, number);
	return error ? error : buf_add(out, S(MARK_CLOSE));
}

/* text begins with a mark: its digits, and where it ends. */
static bool mark_at(struct slice text, struct slice *digits, size_t *ret_end)
{
	size_t lead = strlen(MARK_OPEN);
	if (text.n < lead + 2 || memcmp(text.p, MARK_OPEN, lead) != 0)
		return false;
	const char *close = memmem(text.p, text.n, MARK_CLOSE, strlen(MARK_CLOSE));
	if (!close)
		return false;
	size_t from = text.p[lead] == '-' ? lead : lead + MARK_SORT, end = (size_t)(close - text.p);
	*ret_end = end + strlen(MARK_CLOSE);
	*digits = (struct slice){ text.p + from, end > from ? end - from : 0 };
	return number_is_big(*digits);
}

int exchange_clean(struct slice text, struct buf *out)
{
	int error = 0;
	while (text.n && !error) {
		struct slice digits;
		size_t end;
		const char *open = memmem(text.p, text.n, MARK_OPEN, strlen(MARK_OPEN));
		size_t before = open ? (size_t)(open - text.p) : text.n;
		struct slice rest = { text.p + before, text.n - before };
		if (!open || !mark_at(rest, &digits, &end)) {
			before += open ? strlen(MARK_OPEN) : 0;
			error = buf_add(out, (struct slice){ text.p, before });
			text = (struct slice){ text.p + before, text.n - before };
			continue;
		}
		bool quoted =
			before && text.p[before - 1] == '"' && end < rest.n && rest.p[end] == '"';
		error = buf_add(out, (struct slice){ text.p, before - quoted });
		if (!error)
			error = buf_add(out, digits);
		text = (struct slice){ rest.p + end + quoted, rest.n - end - quoted };
	}
	return error;
}

/* ---- in ------------------------------------------------------------------------------------------------ */

static void remember(struct exchange *x, double value, struct slice text)
{
	ASSERT(x->count <= x->room);
	if (x->count == x->room) {
		size_t room = x->room ? x->room * 2 : 16;
		struct spelling *more = arena_alloc(x->arena, room * sizeof(*more));
		if (x->count)
			memcpy(more, x->spellings, x->count * sizeof(*more));
		x->spellings = more;
		x->room = room;
	}
	x->spellings[x->count++] = (struct spelling){ value, text };
	x->sorted = false;
}

static jv number_in(struct exchange *x, struct slice text)
{
	if (number_is_big(text)) {
		AUTO(buf_done) struct buf mark = { 0 };
		x->marked = true;
		return exchange_mark(text, &mark) < 0 ? jv_null()
						      : jv_string_sized(mark.p, (int)mark.n);
	}
	double d = number_parse(text);
	if (fabs(d) >= WHOLE_LIMIT || d != floor(d))
		remember(x, d, text);
	return jv_number(d);
}

static jv string_in(struct slice raw)
{
	struct slice inner = { raw.p + 1, raw.n - 2 };
	if (!inner.n || !memchr(inner.p, '\\', inner.n))
		return jv_string_sized(inner.p, (int)inner.n);
	AUTO(buf_done) struct buf decoded = { 0 };
	return json_unquote(raw, &decoded) < 0 ? jv_null()
					       : jv_string_sized(decoded.p, (int)decoded.n);
}

jv exchange_in(struct exchange *x, struct slice json)
{
	struct json_iter it;
	struct slice key, value;
	jv made;
	switch (json_type(json)) {
	case JSON_NULL:
		return jv_null();
	case JSON_FALSE:
		return jv_false();
	case JSON_TRUE:
		return jv_true();
	case JSON_NUMBER:
		return number_in(x, json);
	case JSON_STRING:
		return string_in(json);
	case JSON_ARRAY:
		made = jv_array();
		for (it = json_iter(json); json_next(&it, &key, &value);)
			made = jv_array_append(made, exchange_in(x, value));
		return made;
	default:
		made = jv_object();
		for (it = json_iter(json); json_next(&it, &key, &value);)
			made = jv_object_set(made, string_in(key), exchange_in(x, value));
		return made;
	}
}

/* ---- out --------------------------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
	double x = ((const struct spelling *)a)->value, y = ((const struct spelling *)b)->value;
	return x < y ? -1 : x > y;
}

/* The one way in which this number was written in the input; NULL: none, or several. */
static const struct spelling *find_spelling(struct exchange *x, double d)
{
	struct spelling wanted = { .value = d };
	if (!x->sorted && x->count)
		qsort(x->spellings, x->count, sizeof(*x->spellings), by_value);
	x->sorted = true;
	const struct spelling *found =
		x->count ? bsearch(&wanted, x->spellings, x->count, sizeof(wanted), by_value)
			 : NULL;
	if (!found)
		return NULL;
	for (const struct spelling *s = found; s > x->spellings && s[-1].value == d; s--)
		if (!slice_eq(s[-1].text, found->text))
			return NULL;
	for (const struct spelling *s = found; s + 1 < x->spellings + x->count && s[1].value == d;
	     s++)
		if (!slice_eq(s[1].text, found->text))
			return NULL;
	return found;
}

static int number_out(struct exchange *x, double d, struct buf *out)
{
	bool whole = fabs(d) < WHOLE_LIMIT && d == floor(d);
	const struct spelling *as_read = whole || d != d ? NULL : find_spelling(x, d);
	return as_read ? buf_add(out, as_read->text) : number_put(d, out);
}

static int string_out(struct exchange *x, struct slice s, bool key, struct buf *out)
{
	struct slice digits;
	size_t end;
	if (!x->marked || !s.n || !memmem(s.p, s.n, MARK_OPEN, strlen(MARK_OPEN)))
		return json_quote(s, out);
	if (!key && mark_at(s, &digits, &end) && end == s.n)
		return buf_add(out, digits);
	AUTO(buf_done) struct buf clean = { 0 };
	int error = exchange_clean(s, &clean);
	return error ? error : json_quote(buf_slice(&clean), out);
}

static struct slice characters(jv string)
{
	return (struct slice){ jv_string_value(string),
			       (size_t)jv_string_length_bytes(jv_copy(string)) };
}

static int value_out(struct exchange *x, jv v, unsigned depth, struct buf *out);

static int array_out(struct exchange *x, jv v, unsigned depth, struct buf *out)
{
	int n = jv_array_length(jv_copy(v)), error = buf_add_char(out, '[');
	for (int i = 0; i < n && !error; i++) {
		if (i)
			error = buf_add_char(out, ',');
		if (!error)
			error = value_out(x, jv_array_get(jv_copy(v), i), depth + 1, out);
	}
	return error ? error : buf_add_char(out, ']');
}

static int object_out(struct exchange *x, jv v, unsigned depth, struct buf *out)
{
	int error = buf_add_char(out, '{');
	bool first = true;
	for (int i = jv_object_iter(v); jv_object_iter_valid(v, i) && !error;
	     i = jv_object_iter_next(v, i)) {
		jv key = jv_object_iter_key(v, i);
		if (!first)
			error = buf_add_char(out, ',');
		first = false;
		if (!error)
			error = string_out(x, characters(key), true, out);
		if (!error)
			error = buf_add_char(out, ':');
		if (!error)
			error = value_out(x, jv_object_iter_value(v, i), depth + 1, out);
		jv_free(key);
	}
	return error ? error : buf_add_char(out, '}');
}

static int value_out(struct exchange *x, jv v, unsigned depth, struct buf *out)
{
	int error;
	switch (jv_get_kind(v)) {
	case JV_KIND_FALSE:
		error = buf_add(out, S("false"));
		break;
	case JV_KIND_TRUE:
		error = buf_add(out, S("true"));
		break;
	case JV_KIND_NUMBER:
		error = number_out(x, jv_number_value(v), out);
		break;
	case JV_KIND_STRING:
		error = string_out(x, characters(v), false, out);
		break;
	case JV_KIND_ARRAY:
		error = depth < JSON_MAX_DEPTH ? array_out(x, v, depth, out) : -EMSGSIZE;
		break;
	case JV_KIND_OBJECT:
		error = depth < JSON_MAX_DEPTH ? object_out(x, v, depth, out) : -EMSGSIZE;
		break;
	default:
		error = buf_add(out, S("null"));
	}
	jv_free(v);
	return error;
}

int exchange_out(struct exchange *x, jv value, struct buf *out)
{
	return value_out(x, value, 0, out);
}
