/* jq_number.c - numbers of programs: their digits kept, their doubles as jq 1.6 has them
 *
 * What this room is for: 12345678901234567890 and 1.10 pass through a program as they came; only arithmetic makes doubles, and
 *   those are printed with the digits that jq prints.
 * What flows through:    JSON numbers as text, doubles.
 * What must hold:
 *  (1) parsing is correctly rounded: short numbers by exact arithmetic (both operands below 2^53, one rounding), the rest by
 *      strtod. No locale is ever set in this program, so the point is a point.
 *  (2) printing gives libjq's digits: integers and short decimals are printed here, the rest by libjq itself. */
#include "engine/language/jq_val.h"
#include <jv.h>
#include <math.h>
#include <stdlib.h>

#include "base/banned.h"

#define EXACT_DIGITS  15                 /* decimal digits that always fit 53 bits */
#define PLAIN_INTEGER 9007199254740992.0 /* 2^53: below, integers are printed digit by digit */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static double parse_slow(struct slice text)
{
	char small[64];
	if (text.n < sizeof(small)) {
		memcpy(small, text.p, text.n);
		small[text.n] = '\0';
		return strtod(small, NULL);
	}
	AUTO(freep) char *copy = xstrndup(text.p, text.n);
	return strtod(copy, NULL);
}

double number_parse(struct slice text)
{
	static const double tens[] = { 1,   1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
				       1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15 };
	size_t i = text.n && text.p[0] == '-', digits = 0, decimals = 0;
	bool negative = i == 1, point = false;
	int64_t mantissa = 0;
	for (; i < text.n; i++) {
		char c = text.p[i];
		if (is_digit(c) && digits < EXACT_DIGITS) {
			mantissa = mantissa * 10 + (c - '0');
			digits++;
			decimals += point;
		} else if (c == '.' && !point) {
			point = true;
		} else {
			return parse_slow(text);
		}
	}
	double d = (double)mantissa / tens[decimals];
	return negative ? -d : d;
}

/* ---- printing --------------------------------------------------------------------------------------- */

/* The digits of i with a point in front of the last `decimals` of them. */
static int put_digits(int64_t i, unsigned decimals, bool negative, struct buf *out)
{
	char digits[32];
	size_t at = sizeof(digits);
	for (unsigned n = 0; i || n <= decimals; n++) {
		if (n == decimals && decimals)
			digits[--at] = '.';
		digits[--at] = (char)('0' + i % 10);
		i /= 10;
	}
	if (negative)
		digits[--at] = '-';
	return buf_add(out, (struct slice){ digits + at, sizeof(digits) - at });
}

/* Prices and their like: few decimals. Of decimals with up to 15 digits only one lies so near a double that it reads as it,
 * and the first that does has the fewest digits. */
static bool put_short(double d, struct buf *out, int *ret_error)
{
	static const double tens[] = { 10, 100, 1e3, 1e4, 1e5, 1e6 };
	double size = fabs(d);
	if (size < 0.001 || size >= 1e9)
		return false;
	for (unsigned i = 0; i < ARRAY_SIZE(tens); i++) {
		double whole = nearbyint(size * tens[i]);
		if (whole < 1e15 && whole / tens[i] == size) {
			*ret_error = put_digits((int64_t)whole, i + 1, d < 0, out);
			return true;
		}
	}
	return false;
}

int number_put(double d, struct buf *out)
{
	int error;
	if (fabs(d) < PLAIN_INTEGER && d == (double)(int64_t)d)
		return put_digits((int64_t)fabs(d), 0, signbit(d), out);
	if (put_short(d, out, &error))
		return error;
	jv printed = jv_dump_string(jv_number(d), 0);
	error = buf_add(out, slice_str(jv_string_value(printed)));
	jv_free(printed);
	return error;
}

/* ---- forms ------------------------------------------------------------------------------------------- */

static size_t digits_end(struct slice text, size_t at)
{
	while (at < text.n && is_digit(text.p[at]))
		at++;
	return at;
}

bool number_is_json(struct slice text)
{
	size_t at = text.n && text.p[0] == '-', end = digits_end(text, at);
	if (end == at || (text.p[at] == '0' && end > at + 1))
		return false;
	if (end < text.n && text.p[end] == '.') {
		at = end + 1;
		end = digits_end(text, at);
		if (end == at)
			return false;
	}
	if (end < text.n && (text.p[end] == 'e' || text.p[end] == 'E')) {
		at = end + 1;
		if (at < text.n && (text.p[at] == '+' || text.p[at] == '-'))
			at++;
		end = digits_end(text, at);
		if (end == at)
			return false;
	}
	return end == text.n;
}

bool number_is_big(struct slice text)
{
	static const struct slice limit = { "9007199254740992", 16 };
	if (text.n && text.p[0] == '-') {
		text.p++;
		text.n--;
	}
	if (text.n < limit.n || digits_end(text, 0) != text.n)
		return false;
	return text.n > limit.n || memcmp(text.p, limit.p, limit.n) > 0;
}

double val_number(const struct val *number)
{
	ASSERT(number->type == JSON_NUMBER);
	return number->text ? number_parse(number->s) : number->number;
}

/* Both are whole numbers as text: sign, then length, then digits. JSON allows no leading zeros. */
static int compare_digits(struct slice a, struct slice b)
{
	bool negative = a.p[0] == '-';
	if (negative != (b.p[0] == '-'))
		return negative ? -1 : 1;
	int order = a.n != b.n ? (a.n < b.n ? -1 : 1) : memcmp(a.p, b.p, a.n);
	return negative ? -order : order;
}

int number_compare(const struct val *a, const struct val *b)
{
	double x = val_number(a), y = val_number(b);
	if (x == y && a->text && b->text && (number_is_big(a->s) || number_is_big(b->s)) &&
	    digits_end(a->s, a->s.p[0] == '-') == a->s.n &&
	    digits_end(b->s, b->s.p[0] == '-') == b->s.n)
		return compare_digits(a->s, b->s);
	if (x != x) /* jq: nan is less than any number, itself included */
		return -1;
	if (y != y)
		return 1;
	return x < y ? -1 : x > y;
}
