/* http_cursor.c - values that grow: times, numbers, texts
 *
 * What this room is for: "2026-01-31T12:30:00+01:00" is earlier than "2026-01-31T11:45:00Z", 9 is less than 10, and whatever else
 *   APIs hand out as a cursor is compared by its bytes.
 * What flows through:    JSON values in; their order, and values further back.
 * What must hold:        see http_cursor.h. */
#include "connectors/http/http_cursor.h"
#include "base/banned.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/units.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#define NS_OF_S  INT64_C(1000000000)
#define NS_OF_MS INT64_C(1000000)
#define MS_FROM  INT64_C(100000000000) /* seconds: the year 5138; milliseconds: 1973 */

void cursor_done(struct cursor *c)
{
	buf_done(&c->json);
	c->kind = CURSOR_NONE;
}

const char *cursor_kind_name(enum cursor_kind kind)
{
	static const char *const names[] = { "nothing", "a time", "a number", "a text" };
	ASSERT((size_t)kind < ARRAY_SIZE(names));
	return names[kind];
}

int cursor_read(struct slice json, struct cursor *ret)
{
	AUTO(buf_done) struct buf text = { 0 };
	int r;
	json = json_trim(json);
	ASSERT(ret->kind == CURSOR_NONE && ret->json.n == 0);
	if (json_type(json) == JSON_NUMBER) {
		ret->kind = CURSOR_NUMBER;
		return buf_add(&ret->json, json);
	}
	if (json_type(json) != JSON_STRING)
		return -EINVAL;
	if ((r = json_unquote(json, &text)) < 0)
		return r;
	if (text.n == 0)
		return -EINVAL;
	bool time = clock_parse_utc(buf_slice(&text), &ret->ns) == 0;
	ret->kind = time ? CURSOR_TIME : CURSOR_TEXT;
	return buf_add(&ret->json, json);
}

int cursor_copy(const struct cursor *c, struct cursor *ret)
{
	ret->kind = c->kind;
	ret->ns = c->ns;
	return buf_add(&ret->json, buf_slice(&c->json));
}

/* Texts that do not fit into memory twice are no cursors; then they count as equal, which only drops nothing. */
static int compare_texts(struct slice a, struct slice b)
{
	AUTO(buf_done) struct buf one = { 0 }, other = { 0 };
	if (json_unquote(a, &one) < 0 || json_unquote(b, &other) < 0)
		return 0;
	return slice_cmp(buf_slice(&one), buf_slice(&other));
}

static int compare_numbers(const struct buf *a, const struct buf *b)
{
	int64_t n, m;
	if (units_int(buf_slice(a), &n) == 0 && units_int(buf_slice(b), &m) == 0)
		return n < m ? -1 : n > m;
	double x = strtod(a->p, NULL), y = strtod(b->p, NULL);
	return x < y ? -1 : x > y;
}

int cursor_compare(const struct cursor *a, const struct cursor *b)
{
	ASSERT(a->kind == b->kind && a->kind != CURSOR_NONE);
	if (a->kind == CURSOR_TIME)
		return a->ns < b->ns ? -1 : a->ns > b->ns;
	return a->kind == CURSOR_NUMBER ? compare_numbers(&a->json, &b->json)
					: compare_texts(buf_slice(&a->json), buf_slice(&b->json));
}

/* Without a fraction where there is none: APIs that write none may read none. */
static int put_time(int64_t ns, struct cursor *ret)
{
	AUTO(buf_done) struct buf text = { 0 }, json = { 0 };
	int r = clock_put_utc(&text, ns);
	if (r == 0 && slice_ends(buf_slice(&text), S(".000Z"))) {
		buf_truncate(&text, text.n - strlen(".000Z"));
		r = buf_add_char(&text, 'Z');
	}
	r = r < 0 ? r : json_quote(buf_slice(&text), &json);
	return r < 0 ? r : cursor_read(buf_slice(&json), ret);
}

static int number_before(const struct cursor *c, int64_t lag_ns, struct cursor *ret)
{
	int64_t n, unit;
	if (units_int(buf_slice(&c->json), &n) < 0)
		return -EINVAL;
	unit = n >= MS_FROM ? NS_OF_MS : NS_OF_S;
	int64_t less = lag_ns / unit + (lag_ns % unit != 0);
	if (n < INT64_MIN + less)
		return -EINVAL;
	ret->kind = CURSOR_NUMBER;
	return buf_printf(&ret->json, "%" PRId64, n - less);
}

int cursor_before(const struct cursor *c, int64_t lag_ns, struct cursor *ret)
{
	ASSERT(lag_ns >= 0);
	if (lag_ns == 0)
		return cursor_copy(c, ret);
	if (c->kind == CURSOR_TIME)
		return c->ns < INT64_MIN + lag_ns ? -EINVAL : put_time(c->ns - lag_ns, ret);
	return c->kind == CURSOR_NUMBER ? number_before(c, lag_ns, ret) : -EINVAL;
}

int cursor_floor(const struct cursor *c, struct cursor *ret)
{
	int64_t part = c->kind == CURSOR_TIME ? (c->ns % NS_OF_S + NS_OF_S) % NS_OF_S : 0;
	if (part == 0 || c->ns < INT64_MIN + part)
		return cursor_copy(c, ret);
	return put_time(c->ns - part, ret);
}

int cursor_put_text(const struct cursor *c, struct buf *out)
{
	return c->kind == CURSOR_NUMBER ? buf_add(out, buf_slice(&c->json))
					: json_unquote(buf_slice(&c->json), out);
}
