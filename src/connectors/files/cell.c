/* cell.c - numbers, booleans and JSON out of text cells
 *
 * What this room is for: `types:` and `infer:` of CSV sources.
 * What flows through:    UTF-8 text in, one JSON value out.
 * What must hold:
 *  (1) what is inferred is only what JSON itself would write: 007, +1 and 1. stay strings, so that a zip code or a telephone
 *      number is not damaged by a guess. What `types` asks for is read more generously.
 *  (2) the value never loses a digit: numbers are copied, not converted; a decimal comma becomes a point.
 *  (3) dates and times stay text: they are checked, not moved into another form or zone. */
#include "connectors/files/cell.h"
#include "base/banned.h"
#include "base/json.h"
#include <errno.h>

const char *const cell_types[] = { "string", "int",  "float",     "bool",
				   "json",   "date", "timestamp", NULL };

struct number {
	bool negative, plus;
	struct slice whole, fraction, exponent; /* digits; exponent with its sign */
	bool point, has_exponent;
};

static struct slice digits(struct slice *s)
{
	struct slice all = *s;
	size_t n = 0;
	while (n < s->n && s->p[n] >= '0' && s->p[n] <= '9')
		n++;
	*s = slice_from(*s, n);
	return slice_head(all, n);
}

static bool eat(struct slice *s, char c)
{
	if (!s->n || s->p[0] != c)
		return false;
	*s = slice_from(*s, 1);
	return true;
}

static bool read_number(struct slice s, char point, struct number *n)
{
	*n = (struct number){ .negative = eat(&s, '-') };
	n->plus = !n->negative && eat(&s, '+');
	n->whole = digits(&s);
	n->point = eat(&s, point);
	if (n->point)
		n->fraction = digits(&s);
	if (n->whole.n + n->fraction.n == 0)
		return false;
	n->has_exponent = eat(&s, 'e') || eat(&s, 'E');
	if (n->has_exponent) {
		n->exponent = s;
		if (!eat(&s, '-'))
			(void)eat(&s, '+');
		if (digits(&s).n == 0)
			return false;
	}
	return s.n == 0;
}

static int put_number(const struct number *n, struct buf *out)
{
	struct slice whole = n->whole;
	while (whole.n > 1 && whole.p[0] == '0')
		whole = slice_from(whole, 1);
	if (whole.n == 0)
		whole = S("0");
	int r = n->negative ? buf_add_char(out, '-') : 0;
	r = r < 0 ? r : buf_add(out, whole);
	if (r == 0 && n->fraction.n) {
		r = buf_add_char(out, '.');
		r = r < 0 ? r : buf_add(out, n->fraction);
	}
	if (r == 0 && n->has_exponent) {
		r = buf_add_char(out, 'e');
		r = r < 0 ? r : buf_add(out, n->exponent);
	}
	return r;
}

static int put_int(struct slice text, struct buf *out)
{
	struct number n;
	bool is = read_number(text, '.', &n) && !n.point && !n.has_exponent;
	return is ? put_number(&n, out) : -EBADMSG;
}

static int put_float(struct slice text, char point, struct buf *out)
{
	struct number n;
	return read_number(text, point, &n) ? put_number(&n, out) : -EBADMSG;
}

static bool any_of(struct slice text, const char *const *words)
{
	for (; *words; words++)
		if (slice_eq_nocase(text, slice_str(*words)))
			return true;
	return false;
}

static int put_bool(struct slice text, struct buf *out)
{
	static const char *const yes[] = { "true", "t", "yes", "y", "1", NULL };
	static const char *const no[] = { "false", "f", "no", "n", "0", NULL };
	if (any_of(text, yes))
		return buf_add(out, S("true"));
	return any_of(text, no) ? buf_add(out, S("false")) : -EBADMSG;
}

static bool like_json(const struct number *n)
{
	if (n->plus || n->whole.n == 0)
		return false;
	return (n->whole.n == 1 || n->whole.p[0] != '0') && (!n->point || n->fraction.n > 0);
}

static int put_inferred(struct slice text, char point, struct buf *out)
{
	struct number n;
	if (read_number(text, point, &n) && like_json(&n))
		return point == '.' ? buf_add(out, text) : put_number(&n, out);
	if (slice_eq_nocase(text, S("true")))
		return buf_add(out, S("true"));
	if (slice_eq_nocase(text, S("false")))
		return buf_add(out, S("false"));
	return json_quote(text, out);
}

/* ---- dates and times -------------------------------------------------------------------------- */

/* Exactly n digits, between low and high. */
static bool take_digits(struct slice *s, size_t n, int low, int high, int *ret)
{
	int value = 0;
	if (s->n < n)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (s->p[i] < '0' || s->p[i] > '9')
			return false;
		value = value * 10 + (s->p[i] - '0');
	}
	*s = slice_from(*s, n);
	*ret = value;
	return low <= value && value <= high;
}

static int days_of(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return days[month - 1] + (month == 2 && leap);
}

/* 2026-02-28 */
static bool take_date(struct slice *s)
{
	int year, month, day;
	return take_digits(s, 4, 0, 9999, &year) && eat(s, '-') &&
	       take_digits(s, 2, 1, 12, &month) && eat(s, '-') &&
	       take_digits(s, 2, 1, days_of(year, month), &day);
}

/* Nothing, Z, +02:00 or +0200 */
static bool take_zone(struct slice *s)
{
	int n;
	if (eat(s, 'Z') || eat(s, 'z') || s->n == 0)
		return true;
	if (!eat(s, '+') && !eat(s, '-'))
		return false;
	if (!take_digits(s, 2, 0, 23, &n))
		return false;
	(void)eat(s, ':');
	return take_digits(s, 2, 0, 59, &n);
}

/* 12:30, 12:30:05, 12:30:05.25 */
static bool take_time(struct slice *s)
{
	int n;
	if (!take_digits(s, 2, 0, 23, &n) || !eat(s, ':') || !take_digits(s, 2, 0, 59, &n))
		return false;
	if (!eat(s, ':'))
		return true;
	if (!take_digits(s, 2, 0, 60, &n))
		return false;
	return !eat(s, '.') || digits(s).n > 0;
}

static int put_date(struct slice text, struct buf *out)
{
	struct slice s = text;
	return take_date(&s) && s.n == 0 ? json_quote(text, out) : -EBADMSG;
}

static int put_timestamp(struct slice text, struct buf *out)
{
	struct slice s = text;
	bool is = take_date(&s) && (eat(&s, 'T') || eat(&s, 't') || eat(&s, ' ')) &&
		  take_time(&s) && take_zone(&s) && s.n == 0;
	return is ? json_quote(text, out) : -EBADMSG;
}

int cell_put(enum cell_type type, struct slice text, char point, struct buf *out)
{
	if (type == CELL_STRING)
		return json_quote(text, out);
	if (text.n == 0)
		return buf_add(out, S("null"));
	if (type == CELL_INFER)
		return put_inferred(text, point, out);
	text = slice_trim(text);
	switch (type) {
	case CELL_INT:
		return put_int(text, out);
	case CELL_FLOAT:
		return put_float(text, point, out);
	case CELL_BOOL:
		return put_bool(text, out);
	case CELL_DATE:
		return put_date(text, out);
	case CELL_TIMESTAMP:
		return put_timestamp(text, out);
	default:
		return json_compact(text, out, NULL);
	}
}
