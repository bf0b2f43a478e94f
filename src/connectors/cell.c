/* cell.c - numbers, booleans and JSON out of text cells
 *
 * What this room is for: `types:` and `infer:` of CSV sources.
 * What flows through:    UTF-8 text in, one JSON value out.
 * What must hold:
 *  (1) what is inferred is only what JSON itself would write: 007, +1 and 1. stay strings, so that a zip code or a telephone
 *      number is not damaged by a guess. What `types` asks for is read more generously.
 *  (2) the value never loses a digit: numbers are copied, not converted. */
#include "connectors/cell.h"
#include "base/banned.h"
#include "base/json.h"
#include <errno.h>

const char *const cell_types[] = { "string", "int", "float", "bool", "json", NULL };

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

static bool read_number(struct slice s, struct number *n)
{
	*n = (struct number){ .negative = eat(&s, '-') };
	n->plus = !n->negative && eat(&s, '+');
	n->whole = digits(&s);
	n->point = eat(&s, '.');
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
	bool is = read_number(text, &n) && !n.point && !n.has_exponent;
	return is ? put_number(&n, out) : -EBADMSG;
}

static int put_float(struct slice text, struct buf *out)
{
	struct number n;
	return read_number(text, &n) ? put_number(&n, out) : -EBADMSG;
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

static bool json_number(struct slice text)
{
	struct number n;
	if (!read_number(text, &n) || n.plus || n.whole.n == 0)
		return false;
	return (n.whole.n == 1 || n.whole.p[0] != '0') && (!n.point || n.fraction.n > 0);
}

static int put_inferred(struct slice text, struct buf *out)
{
	if (json_number(text))
		return buf_add(out, text);
	if (slice_eq_nocase(text, S("true")))
		return buf_add(out, S("true"));
	if (slice_eq_nocase(text, S("false")))
		return buf_add(out, S("false"));
	return json_quote(text, out);
}

int cell_put(enum cell_type type, struct slice text, struct buf *out)
{
	if (type == CELL_STRING)
		return json_quote(text, out);
	if (text.n == 0)
		return buf_add(out, S("null"));
	if (type == CELL_INFER)
		return put_inferred(text, out);
	text = slice_trim(text);
	switch (type) {
	case CELL_INT:
		return put_int(text, out);
	case CELL_FLOAT:
		return put_float(text, out);
	case CELL_BOOL:
		return put_bool(text, out);
	default:
		return json_compact(text, out, NULL);
	}
}
