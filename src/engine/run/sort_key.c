/* sort_key.c - JSON to bytes in jq's order
 *
 * What this room is for: the order of types is a byte in front; behind it
 *
 *   number  eight bytes of the double, its sign folded in, so that they compare as the numbers do; the digits of an integer that a
 *           double cannot hold
 *   string  its characters, 0 as 0 255, and 0 0 at the end: a beginning is less than the whole
 *   array   its elements, and 0: less than any element
 *   object  its names, sorted, as an array of strings; then the values in their order
 *
 * What flows through:    checked JSON text in, bytes out.
 * What must hold:        equal for jq is equal here, less is less: tests/unit/engine/sort_key.c asks jq. */
#include "engine/run/sort_key.h"

#include "base/json.h"
#include "engine/language/jq_val.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int put_byte(uint8_t byte, struct buf *out)
{
	return buf_add_char(out, (char)byte);
}

static uint8_t rank_of(enum json_type type)
{
	switch (type) {
	case JSON_NULL:
		return 1;
	case JSON_FALSE:
		return 2;
	case JSON_TRUE:
		return 3;
	case JSON_NUMBER:
		return 4;
	case JSON_STRING:
		return 5;
	case JSON_ARRAY:
		return 6;
	default:
		return 7;
	}
}

/* ---- numbers ---- */

/* Of the same double the one with more, or higher, digits is the larger in size. */
static int put_digits(struct slice digits, bool negative, struct buf *out)
{
	uint8_t flip = negative ? 0xff : 0;
	while (digits.n > 1 && digits.p[0] == '0')
		digits = slice_from(digits, 1);
	int r = put_byte((uint8_t)(digits.n >> 8) ^ flip, out);
	r = r < 0 ? r : put_byte((uint8_t)digits.n ^ flip, out);
	for (size_t i = 0; i < digits.n && r == 0; i++)
		r = put_byte((uint8_t)digits.p[i] ^ flip, out);
	return r;
}

static int put_number(struct slice text, struct buf *out)
{
	double d = number_parse(text);
	uint64_t bits;
	bool negative = text.p[0] == '-';
	int r = 0;
	d = d == 0 ? 0 : d; /* -0 is 0 */
	memcpy(&bits, &d, sizeof bits);
	bits ^= bits >> 63 ? UINT64_MAX : UINT64_C(1) << 63;
	for (int shift = 56; shift >= 0 && r == 0; shift -= 8)
		r = put_byte((uint8_t)(bits >> shift), out);
	bool big = number_is_big(text);
	r = r < 0 ? r : put_byte(big ? (negative ? 0 : 2) : 1, out);
	return r < 0 || !big ? r : put_digits(slice_from(text, negative), negative, out);
}

/* ---- strings ---- */
static int put_characters(struct slice s, struct buf *out)
{
	int r = 0;
	while (r == 0 && s.n > 0) {
		const char *zero = memchr(s.p, 0, s.n);
		size_t n = zero ? (size_t)(zero - s.p) + 1 : s.n;
		r = buf_add(out, slice_head(s, n));
		if (r == 0 && zero)
			r = put_byte(0xff, out);
		s = slice_from(s, n);
	}
	return r < 0 ? r : buf_add(out, (struct slice){ "\0", 2 });
}

static int put_string(struct slice quoted, struct buf *out)
{
	AUTO(buf_done) struct buf s = { 0 };
	int r = json_unquote(quoted, &s);
	return r < 0 ? r : put_characters(buf_slice(&s), out);
}

/* ---- containers: as deep as JSON may be ---- */
static int put_array(struct slice json, struct buf *out)
{
	struct json_iter it = json_iter(json);
	struct slice key, value;
	int r = 0;
	while (r == 0 && json_next(&it, &key, &value))
		r = sort_key_put(value, out);
	return r < 0 ? r : put_byte(0, out);
}

struct member {
	struct buf name;
	struct slice value;
	size_t at;
};
struct object {
	struct member *v;
	size_t n, cap;
};

static void object_done(struct object *o)
{
	for (size_t i = 0; i < o->n; i++)
		buf_done(&o->v[i].name);
	free(o->v);
}

static int read_object(struct slice json, struct object *o)
{
	struct json_iter it = json_iter(json);
	struct slice key, value;
	while (json_next(&it, &key, &value)) {
		if (o->n == o->cap) {
			o->cap = o->cap ? o->cap * 2 : 16;
			o->v = xrealloc(o->v, o->cap, sizeof *o->v);
		}
		struct member *m = &o->v[o->n];
		*m = (struct member){ .value = value, .at = o->n };
		o->n++;
		int r = json_unquote(key, &m->name);
		if (r < 0)
			return r;
	}
	return 0;
}

static int compare_names(const struct member *a, const struct member *b)
{
	size_t n = a->name.n < b->name.n ? a->name.n : b->name.n;
	int r = n ? memcmp(a->name.p, b->name.p, n) : 0;
	return r != 0 ? r : (a->name.n > b->name.n) - (a->name.n < b->name.n);
}

/* Of equal names the last one first: it is the one that counts. */
static int compare_members(const void *a, const void *b)
{
	const struct member *x = a, *y = b;
	int r = compare_names(x, y);
	return r != 0 ? r : (x->at < y->at) - (x->at > y->at);
}

static bool counts(const struct object *o, size_t i)
{
	return i == 0 || compare_names(&o->v[i - 1], &o->v[i]) != 0;
}

static int put_object(struct slice json, struct buf *out)
{
	AUTO(object_done) struct object o = { 0 };
	int r = read_object(json, &o);
	if (r == 0 && o.n > 1)
		qsort(o.v, o.n, sizeof *o.v, compare_members);
	for (size_t i = 0; i < o.n && r == 0; i++)
		if (counts(&o, i)) {
			r = put_byte(rank_of(JSON_STRING), out);
			r = r < 0 ? r : put_characters(buf_slice(&o.v[i].name), out);
		}
	r = r < 0 ? r : put_byte(0, out);
	for (size_t i = 0; i < o.n && r == 0; i++)
		if (counts(&o, i))
			r = sort_key_put(o.v[i].value, out);
	return r;
}

int sort_key_put(struct slice json, struct buf *out)
{
	enum json_type type = json_type(json);
	int r = put_byte(rank_of(type), out);
	if (r < 0)
		return r;
	switch (type) {
	case JSON_NUMBER:
		return put_number(json, out);
	case JSON_STRING:
		return put_string(json, out);
	case JSON_ARRAY:
		return put_array(json, out);
	case JSON_OBJECT:
		return put_object(json, out);
	default:
		return 0;
	}
}
