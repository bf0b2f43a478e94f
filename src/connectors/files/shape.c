/* shape.c - the narrowest type that holds all values of a field
 *
 * What this room is for: see shape.h.
 * What flows through:    values in, flags and names kept; a type out.
 * What must hold:
 *  (1) a number's class is told from its text: nothing is converted, so that nothing is rounded.
 *  (2) DuckDB reads a nested number of more than 64 bits as a fraction; who holds one is JSON as a whole. */
#include "connectors/files/shape.h"
#include "base/banned.h"
#include "base/json.h"
#include "base/units.h"
#include <stdlib.h>

enum { FIELDS_MOST = 400, COLUMNS_MOST = 20000, DEPTH_MOST = 32 };
enum {
	HAS_BOOL = 1,
	HAS_TEXT = 2,
	HAS_LIST = 4,
	HAS_OBJECT = 8,
	HAS_NUMBER = 16,
	HAS_NEGATIVE = 32, /* a whole number below 0 */
	HAS_LARGE = 64,    /* beyond 2^63-1 */
	HAS_HUGE = 128,    /* beyond 2^64-1, or below -2^63 */
	HAS_WIDE = 256,    /* whole, beyond 2^53: no fraction holds it */
	HAS_FRACTION = 512,
	IS_MIXED = 1024,
};
#define FAMILIES (HAS_BOOL | HAS_TEXT | HAS_LIST | HAS_OBJECT | HAS_NUMBER)

struct shape {
	unsigned has;
	size_t n, cap;
	struct buf *names;
	struct shape **fields; /* of an object; of a list: one, its elements' */
};

struct shape *shape_new(void)
{
	return xcalloc(1, sizeof(struct shape));
}

void shape_free(struct shape *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n; i++) {
		buf_done(&s->names[i]);
		shape_free(s->fields[i]);
	}
	free(s->names);
	free(s->fields);
	free(s);
}

void shape_freep(struct shape **s)
{
	shape_free(take(*s));
}

size_t shape_count(const struct shape *s)
{
	return s->n;
}

struct slice shape_name(const struct shape *s, size_t i)
{
	return buf_slice(&s->names[i]);
}

const struct shape *shape_field(const struct shape *s, size_t i)
{
	return s->fields[i];
}

size_t shape_find(struct shape *s, struct slice name, size_t guess)
{
	if (guess < s->n && slice_eq(buf_slice(&s->names[guess]), name))
		return guess;
	for (size_t i = 0; i < s->n; i++)
		if (slice_eq(buf_slice(&s->names[i]), name))
			return i;
	return s->n;
}

static struct shape *add_field(struct shape *s, struct slice name)
{
	if (s->n == s->cap) {
		s->cap = s->cap ? s->cap * 2 : 8;
		s->names = xrealloc(s->names, s->cap, sizeof(*s->names));
		s->fields = xrealloc(s->fields, s->cap, sizeof(*s->fields));
	}
	s->names[s->n] = (struct buf){ 0 };
	int r = buf_add(&s->names[s->n], name);
	ASSERT(r == 0); /* a record's key is far below a buffer's ceiling */
	return s->fields[s->n++] = shape_new();
}

/* ---- telling --------------------------------------------------------------------------------- */

/* digits: without a sign. Compared as text: no leading zeros in JSON. */
static bool is_above(struct slice digits, const char *limit)
{
	size_t n = strlen(limit);
	return digits.n != n ? digits.n > n : memcmp(digits.p, limit, n) > 0;
}

static unsigned class_of_number(struct slice text)
{
	bool negative = text.p[0] == '-';
	struct slice digits = slice_from(text, negative);
	for (size_t i = 0; i < digits.n; i++)
		if (digits.p[i] < '0' || digits.p[i] > '9')
			return HAS_NUMBER | HAS_FRACTION;
	unsigned has = HAS_NUMBER | (negative ? HAS_NEGATIVE : 0);
	if (is_above(digits, "9007199254740992"))
		has |= HAS_WIDE;
	if (is_above(digits, negative ? "9223372036854775808" : "9223372036854775807"))
		has |= negative ? HAS_HUGE : HAS_LARGE;
	return is_above(digits, "18446744073709551615") ? has | HAS_HUGE : has;
}

static void add_value(struct shape *s, struct slice value, int depth);

static void add_members(struct shape *s, struct slice object, int depth)
{
	AUTO(buf_done) struct buf name = { 0 };
	struct json_iter it = json_iter(object);
	struct slice key, value;
	for (size_t guess = 0; json_next(&it, &key, &value); guess++) {
		buf_clear(&name);
		if (json_unquote(key, &name) < 0)
			continue;
		size_t at = shape_find(s, buf_slice(&name), guess);
		if (at == s->n && s->n >= (depth ? FIELDS_MOST : COLUMNS_MOST)) {
			s->has |= IS_MIXED;
			return;
		}
		struct shape *field = at < s->n ? s->fields[at] : add_field(s, buf_slice(&name));
		add_value(field, value, depth + 1);
		guess = at;
	}
}

static void add_value(struct shape *s, struct slice value, int depth)
{
	struct slice key, element;
	enum json_type type = json_type(value);
	if (type == JSON_NULL || (s->has & IS_MIXED))
		return;
	if (type == JSON_NUMBER)
		s->has |= class_of_number(value);
	else if (type == JSON_TRUE || type == JSON_FALSE)
		s->has |= HAS_BOOL;
	else if (type == JSON_STRING)
		s->has |= HAS_TEXT;
	else
		s->has |= type == JSON_ARRAY ? HAS_LIST : HAS_OBJECT;
	unsigned families = s->has & FAMILIES;
	if ((families & (families - 1)) || depth > DEPTH_MOST)
		s->has |= IS_MIXED;
	if (type == JSON_OBJECT && !(s->has & IS_MIXED))
		add_members(s, value, depth);
	if (type != JSON_ARRAY || (s->has & IS_MIXED))
		return;
	struct shape *elements = s->n ? s->fields[0] : add_field(s, S(""));
	for (struct json_iter it = json_iter(value); json_next(&it, &key, &element);)
		add_value(elements, element, depth + 1);
}

void shape_add(struct shape *s, struct slice value)
{
	add_value(s, value, 0);
}

/* ---- naming ---------------------------------------------------------------------------------- */

static const char *type_of_number(unsigned has)
{
	bool both = (has & HAS_LARGE) && (has & HAS_NEGATIVE);
	if ((has & HAS_HUGE) || both || ((has & HAS_FRACTION) && (has & HAS_WIDE)))
		return "VARCHAR";
	return (has & HAS_FRACTION) ? "DOUBLE" : (has & HAS_LARGE) ? "UBIGINT" : "BIGINT";
}

static const char *plain_type(unsigned has)
{
	if (has & HAS_NUMBER)
		return type_of_number(has);
	return (has & HAS_BOOL) ? "BOOLEAN" : "VARCHAR";
}

/* SQL's names do not tell "a" from "A". */
static bool has_like_names(const struct shape *s)
{
	for (size_t i = 0; i < s->n; i++)
		for (size_t k = 0; k < i; k++)
			if (slice_eq_nocase(buf_slice(&s->names[i]), buf_slice(&s->names[k])))
				return true;
	return false;
}

static bool is_json(const struct shape *s)
{
	if ((s->has & IS_MIXED) || ((s->has & HAS_OBJECT) && (s->n == 0 || has_like_names(s))))
		return true;
	for (size_t i = 0; i < s->n; i++) {
		const struct shape *f = s->fields[i];
		bool number = f->has & HAS_NUMBER;
		if ((number && slice_eq_str(slice_str(type_of_number(f->has)), "VARCHAR")) ||
		    ((f->has & (HAS_LIST | HAS_OBJECT)) && is_json(f)) || (f->has & IS_MIXED))
			return true;
	}
	return false;
}

static int put_structure(const struct shape *s, struct buf *out)
{
	bool object = s->has & HAS_OBJECT;
	if (!(s->has & (HAS_LIST | HAS_OBJECT)))
		return buf_printf(out, "\"%s\"", plain_type(s->has));
	int r = buf_add_char(out, object ? '{' : '[');
	for (size_t i = 0; i < s->n && r == 0; i++) {
		r = i ? buf_add_char(out, ',') : 0;
		if (object && r == 0)
			r = json_quote(buf_slice(&s->names[i]), out);
		r = r == 0 && object ? buf_add_char(out, ':') : r;
		r = r == 0 ? put_structure(s->fields[i], out) : r;
	}
	return r < 0 ? r : buf_add_char(out, object ? '}' : ']');
}

int shape_put_type(const struct shape *s, enum shape_kind *ret, struct buf *out)
{
	if (!(s->has & (IS_MIXED | HAS_LIST | HAS_OBJECT))) {
		*ret = SHAPE_PLAIN;
		return buf_printf(out, "%s", plain_type(s->has));
	}
	*ret = is_json(s) ? SHAPE_JSON : SHAPE_NESTED;
	return *ret == SHAPE_JSON ? buf_add(out, S("JSON")) : put_structure(s, out);
}
