/* expect.c - what came, beside what was expected
 *
 * What this room is for: a test names what it cares for. Whatever else a record has, now or in a year, is not its business.
 * What flows through:    two JSON texts in; an answer, or a text whose difference to the first one is the answer in detail.
 * What must hold:
 *  (1) expect_put gives `want` itself exactly when expect_matches says yes. (2) below DEEP levels a value is one piece: this runs on the
 *  stack of a task. */
#include "cli/expect.h"
#include "base/json.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>

enum { DEEP = 48, NUMBER = 400 };

static bool member(struct slice object, struct slice raw_key, struct slice *ret)
{
	AUTO(buf_done) struct buf name = { 0 };
	return json_unquote(raw_key, &name) == 0 && json_field(object, buf_slice(&name), ret);
}

static bool read_number(struct slice text, double *ret)
{
	char digits[NUMBER];
	if (text.n >= sizeof digits)
		return false;
	memcpy(digits, text.p, text.n);
	digits[text.n] = 0;
	*ret = strtod(digits, NULL);
	return isfinite(*ret);
}

static bool is_whole(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == '.' || s.p[i] == 'e' || s.p[i] == 'E')
			return false;
	return true;
}

/* 1, 1.0 and 1e0 are the same; whole numbers are compared by their digits, however many. */
static bool same_number(struct slice a, struct slice b)
{
	double x, y;
	if (slice_eq(a, b) || (is_whole(a) && is_whole(b)))
		return slice_eq(a, b);
	return read_number(a, &x) && read_number(b, &y) && x >= y && x <= y;
}

static bool same_string(struct slice a, struct slice b)
{
	AUTO(buf_done) struct buf x = { 0 }, y = { 0 };
	return slice_eq(a, b) || (json_unquote(a, &x) == 0 && json_unquote(b, &y) == 0 &&
				  slice_eq(buf_slice(&x), buf_slice(&y)));
}

static size_t count(struct slice container)
{
	struct json_iter it = json_iter(container);
	struct slice key, value;
	size_t n = 0;
	while (json_next(&it, &key, &value))
		n++;
	return n;
}

/* ---- does it match? ---- */
static bool matches(struct slice want, struct slice got, bool exact, unsigned depth);

static bool objects_match(struct slice want, struct slice got, bool exact, unsigned depth)
{
	struct json_iter it = json_iter(want);
	struct slice key, value, other;
	while (json_next(&it, &key, &value)) {
		bool there = member(got, key, &other);
		if (!there && (exact || json_type(json_trim(value)) != JSON_NULL))
			return false;
		if (there && !matches(value, other, exact, depth + 1))
			return false;
	}
	it = json_iter(got);
	while (exact && json_next(&it, &key, &value))
		if (!member(want, key, &other))
			return false;
	return true;
}

static bool lists_match(struct slice want, struct slice got, bool exact, unsigned depth)
{
	struct json_iter a = json_iter(want), b = json_iter(got);
	struct slice key, x, y;
	if (count(want) != count(got))
		return false;
	while (json_next(&a, &key, &x) && json_next(&b, &key, &y))
		if (!matches(x, y, exact, depth + 1))
			return false;
	return true;
}

static bool matches(struct slice want, struct slice got, bool exact, unsigned depth)
{
	want = json_trim(want);
	got = json_trim(got);
	enum json_type type = json_type(want);
	if (type != json_type(got))
		return false;
	if (depth == DEEP || type <= JSON_TRUE)
		return slice_eq(want, got);
	if (type == JSON_NUMBER)
		return same_number(want, got);
	if (type == JSON_STRING)
		return same_string(want, got);
	return type == JSON_OBJECT ? objects_match(want, got, exact, depth)
				   : lists_match(want, got, exact, depth);
}

bool expect_matches(struct slice want, struct slice got, bool exact)
{
	return matches(want, got, exact, 0);
}

/* ---- what can be compared ---- */
static int put(struct slice want, struct slice got, bool exact, unsigned depth, struct buf *out);

static int put_member(struct slice key, struct slice value, size_t n, struct buf *out)
{
	int r = n > 0 ? buf_add_char(out, ',') : 0;
	r = r < 0 ? r : buf_add(out, key);
	r = r < 0 ? r : buf_add_char(out, ':');
	return r < 0 ? r : buf_add(out, value);
}

static int put_wanted(struct slice want, struct slice got, bool exact, unsigned depth, size_t *n,
		      struct buf *out)
{
	struct json_iter it = json_iter(want);
	struct slice key, value, other;
	int r = 0;
	while (r == 0 && json_next(&it, &key, &value)) {
		bool there = member(got, key, &other);
		if (!there && (exact || json_type(json_trim(value)) != JSON_NULL))
			continue;
		r = put_member(key, S(""), (*n)++, out);
		if (r == 0)
			r = there ? put(value, other, exact, depth + 1, out) : buf_add(out, value);
	}
	return r;
}

static int put_object(struct slice want, struct slice got, bool exact, unsigned depth,
		      struct buf *out)
{
	struct json_iter it = json_iter(got);
	struct slice key, value, other;
	size_t n = 0;
	int r = buf_add_char(out, '{');
	r = r < 0 ? r : put_wanted(want, got, exact, depth, &n, out);
	while (r == 0 && exact && json_next(&it, &key, &value))
		if (!member(want, key, &other))
			r = put_member(key, value, n++, out);
	return r < 0 ? r : buf_add_char(out, '}');
}

static int put_list(struct slice want, struct slice got, bool exact, unsigned depth,
		    struct buf *out)
{
	struct json_iter a = json_iter(want), b = json_iter(got);
	struct slice key, x, y;
	int r = buf_add_char(out, '[');
	for (size_t i = 0; r == 0 && json_next(&b, &key, &y); i++) {
		bool wanted = json_next(&a, &key, &x);
		r = i > 0 ? buf_add_char(out, ',') : 0;
		if (r == 0)
			r = wanted ? put(x, y, exact, depth + 1, out) : buf_add(out, y);
	}
	return r < 0 ? r : buf_add_char(out, ']');
}

static int put(struct slice want, struct slice got, bool exact, unsigned depth, struct buf *out)
{
	want = json_trim(want);
	got = json_trim(got);
	enum json_type type = json_type(want);
	if (matches(want, got, exact, depth))
		return buf_add(out, want);
	if (type != json_type(got) || depth == DEEP)
		return buf_add(out, got);
	if (type == JSON_OBJECT)
		return put_object(want, got, exact, depth, out);
	return type == JSON_ARRAY ? put_list(want, got, exact, depth, out) : buf_add(out, got);
}

int expect_put(struct slice want, struct slice got, bool exact, struct buf *out)
{
	return put(want, got, exact, 0, out);
}
