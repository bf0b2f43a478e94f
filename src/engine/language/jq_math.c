/* jq_math.c - + - * / % and the comparisons, by jq 1.6's rules for every pair of types
 *
 * What this room is for: what an operator means for numbers, strings, arrays, objects and null.
 * What flows through:    two values; numbers become doubles here and only here.
 * What must hold: an integer beyond 2^53 is never rounded: arithmetic on one raises, comparison looks at its digits. */
#include "engine/language/jq_eval.h"
#include <math.h>
#include <string.h>

#include "base/banned.h"

int math_double(struct eval *ev, const struct val *number, double *ret)
{
	ASSERT(number->type == JSON_NUMBER);
	*ret = 0;
	if (number->text && number_is_big(number->s))
		return eval_raise(ev, "arithmetic would lose digits of %.*s", SLICE(number->s));
	*ret = val_number(number);
	return GO;
}

int math_negate(struct eval *ev, const struct val *in, struct val *ret)
{
	double d;
	if (in->type != JSON_NUMBER)
		return eval_raise_on(ev, in, "cannot be negated");
	if (math_double(ev, in, &d) != GO)
		return RAISED;
	*ret = VAL_NUMBER(-d);
	return GO;
}

/* ---- strings, arrays, objects ------------------------------------------------------------------------ */

static int concat(struct eval *ev, struct slice a, struct slice b, struct val *ret)
{
	if (eval_room(ev) != GO)
		return RAISED;
	char *p = arena_alloc(ev->arena, a.n + b.n);
	if (a.n)
		memcpy(p, a.p, a.n);
	if (b.n)
		memcpy(p + a.n, b.p, b.n);
	*ret = VAL_STRING(((struct slice){ p, a.n + b.n }));
	return GO;
}

static int join_arrays(struct eval *ev, const struct val *a, const struct val *b, struct val *ret)
{
	struct val whole = *a, more = *b;
	if (val_open(ev, &whole) != GO || val_open(ev, &more) != GO)
		return RAISED;
	for (size_t i = 0; i < more.n; i++)
		if (val_array_add(ev, &whole, &more.items[i]) != GO)
			return RAISED;
	*ret = whole;
	return GO;
}

static int merge_objects(struct eval *ev, const struct val *a, const struct val *b, bool deep,
			 struct val *ret)
{
	struct val whole = *a, more = *b;
	if (val_open(ev, &whole) != GO || val_open(ev, &more) != GO)
		return RAISED;
	for (size_t i = 0; i < more.n; i++) {
		struct val old, value = more.items[i];
		bool found = false;
		if (deep && value.type == JSON_OBJECT &&
		    val_get(ev, &whole, more.keys[i], &old, &found) != GO)
			return RAISED;
		if (found && old.type == JSON_OBJECT &&
		    merge_objects(ev, &old, &value, true, &value) != GO)
			return RAISED;
		if (val_object_set(ev, &whole, more.keys[i], &value) != GO)
			return RAISED;
	}
	*ret = whole;
	return GO;
}

static int subtract_arrays(struct eval *ev, const struct val *a, const struct val *b,
			   struct val *ret)
{
	struct val from = *a, out = *b, left = { .type = JSON_ARRAY };
	if (val_open(ev, &from) != GO || val_open(ev, &out) != GO)
		return RAISED;
	for (size_t i = 0; i < from.n; i++) {
		size_t j = 0;
		while (j < out.n && !val_equal(ev, &from.items[i], &out.items[j]))
			j++;
		if (j == out.n && val_array_add(ev, &left, &from.items[i]) != GO)
			return RAISED;
	}
	*ret = left;
	return GO;
}

/* jq 1.6: n copies for n - 1 rounds above zero; null for n <= 0. */
static int repeat(struct eval *ev, const struct val *string, const struct val *number,
		  struct val *ret)
{
	double times;
	struct slice s = val_string(ev, string);
	if (math_double(ev, number, &times) != GO)
		return RAISED;
	double rounds = times - 1;
	*ret = VAL_NULL;
	if (rounds <= -1)
		return GO;
	size_t copies = rounds > 0 ? (size_t)fmin(rounds, 1e9) + 1 : 1;
	if (s.n && copies > BUF_DEFAULT_MAX / s.n)
		return eval_too_large(ev);
	char *p = arena_alloc(ev->arena, s.n * copies);
	for (size_t i = 0; i < copies && s.n; i++)
		memcpy(p + i * s.n, s.p, s.n);
	*ret = VAL_STRING(((struct slice){ p, s.n * copies }));
	return eval_room(ev);
}

int string_split(struct eval *ev, struct slice s, struct slice by, struct val *ret)
{
	struct val parts = { .type = JSON_ARRAY };
	size_t start = 0;
	while (start < s.n || (start == s.n && s.n && by.n)) {
		size_t end;
		if (by.n) {
			const char *hit =
				start < s.n ? memmem(s.p + start, s.n - start, by.p, by.n) : NULL;
			end = hit ? (size_t)(hit - s.p) : s.n;
		} else {
			end = start + 1;
			while (end < s.n && ((unsigned char)s.p[end] & 0xc0) == 0x80)
				end++;
		}
		struct val part = VAL_STRING(((struct slice){ s.p + start, end - start }));
		if (val_array_add(ev, &parts, &part) != GO)
			return RAISED;
		if (by.n && end == s.n)
			break;
		start = end + by.n;
	}
	*ret = parts;
	return GO;
}

/* ---- operators ----------------------------------------------------------------------------------------- */

static bool both(const struct val *a, const struct val *b, enum json_type type)
{
	return a->type == type && b->type == type;
}

static int numbers(struct eval *ev, enum binary_op op, const struct val *a, const struct val *b,
		   struct val *ret)
{
	double x, y;
	if (math_double(ev, a, &x) != GO || math_double(ev, b, &y) != GO)
		return RAISED;
	switch (op) {
	case OP_ADD:
		*ret = VAL_NUMBER(x + y);
		return GO;
	case OP_SUB:
		*ret = VAL_NUMBER(x - y);
		return GO;
	case OP_MUL:
		*ret = VAL_NUMBER(x * y);
		return GO;
	case OP_DIV:
		if (y == 0)
			return eval_raise_on2(ev, a, b,
					      "cannot be divided because the divisor is zero");
		*ret = VAL_NUMBER(x / y);
		return GO;
	default:
		ASSERT(op == OP_MOD);
	}
	/* whole parts only, as C's %; far numbers saturate instead of being undefined */
	int64_t p = fabs(x) < 9e18 ? (int64_t)x : x > 0 ? INT64_MAX : INT64_MIN;
	int64_t q = fabs(y) < 9e18 ? (int64_t)y : y > 0 ? INT64_MAX : INT64_MIN;
	if (q == 0)
		return eval_raise_on2(ev, a, b,
				      "cannot be divided (remainder) because the divisor is zero");
	*ret = VAL_NUMBER(q == -1 ? 0 : (double)(p % q));
	return GO;
}

static int add(struct eval *ev, const struct val *a, const struct val *b, struct val *ret)
{
	if (a->type == JSON_NULL || b->type == JSON_NULL) {
		*ret = a->type == JSON_NULL ? *b : *a;
		return GO;
	}
	if (both(a, b, JSON_STRING))
		return concat(ev, val_string(ev, a), val_string(ev, b), ret);
	if (both(a, b, JSON_ARRAY))
		return join_arrays(ev, a, b, ret);
	if (both(a, b, JSON_OBJECT))
		return merge_objects(ev, a, b, false, ret);
	return eval_raise_on2(ev, a, b, "cannot be added");
}

static int multiply(struct eval *ev, const struct val *a, const struct val *b, struct val *ret)
{
	if (a->type == JSON_STRING && b->type == JSON_NUMBER)
		return repeat(ev, a, b, ret);
	if (a->type == JSON_NUMBER && b->type == JSON_STRING)
		return repeat(ev, b, a, ret);
	if (both(a, b, JSON_OBJECT))
		return merge_objects(ev, a, b, true, ret);
	return eval_raise_on2(ev, a, b, "cannot be multiplied");
}

static int arithmetic(struct eval *ev, enum binary_op op, const struct val *a, const struct val *b,
		      struct val *ret)
{
	if (both(a, b, JSON_NUMBER))
		return numbers(ev, op, a, b, ret);
	switch (op) {
	case OP_ADD:
		return add(ev, a, b, ret);
	case OP_SUB:
		return both(a, b, JSON_ARRAY) ? subtract_arrays(ev, a, b, ret)
					      : eval_raise_on2(ev, a, b, "cannot be subtracted");
	case OP_MUL:
		return multiply(ev, a, b, ret);
	case OP_DIV:
		return both(a, b, JSON_STRING)
			       ? string_split(ev, val_string(ev, a), val_string(ev, b), ret)
			       : eval_raise_on2(ev, a, b, "cannot be divided");
	default:
		return eval_raise_on2(ev, a, b, "cannot be divided (remainder)");
	}
}

int math_binary(struct eval *ev, enum binary_op op, const struct val *a, const struct val *b,
		struct val *ret)
{
	switch (op) {
	case OP_EQ:
		*ret = VAL_BOOL(val_equal(ev, a, b));
		return GO;
	case OP_NE:
		*ret = VAL_BOOL(!val_equal(ev, a, b));
		return GO;
	case OP_LT:
		*ret = VAL_BOOL(val_compare(ev, a, b) < 0);
		return GO;
	case OP_GT:
		*ret = VAL_BOOL(val_compare(ev, a, b) > 0);
		return GO;
	case OP_LE:
		*ret = VAL_BOOL(val_compare(ev, a, b) <= 0);
		return GO;
	case OP_GE:
		*ret = VAL_BOOL(val_compare(ev, a, b) >= 0);
		return GO;
	default:
		return arithmetic(ev, op, a, b, ret);
	}
}
