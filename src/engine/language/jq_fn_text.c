/* jq_fn_text.c - functions of jq that work on strings
 *
 * What this room is for: reading numbers and JSON out of text, cutting, searching, changing case.
 * What flows through:    an input and at most one argument; one value comes out.
 * What must hold: as in jq_fn.c. What tonumber reads keeps its digits. Positions in strings are bytes, as in jq 1.6. */
#include "engine/language/jq_fn.h"
#include <errno.h>
#include <string.h>

#include "base/banned.h"

/* ---- text to values ---------------------------------------------------------------------------------------- */

static int bad_number(struct eval *ev, struct slice s)
{
	if (!json_trim(s).n)
		return eval_raise(ev, "Expected JSON value (while parsing '%.*s')", SLICE(s));
	return eval_raise(
		ev, "Invalid numeric literal at EOF at line 1, column %zu (while parsing '%.*s')",
		s.n, SLICE(s));
}

int fn_tonumber(struct eval *ev, const struct val *in, const struct val *args, struct val *ret)
{
	*ret = *in;
	if (in->type == JSON_NUMBER)
		return GO;
	if (in->type != JSON_STRING)
		return eval_raise_on(ev, in, "cannot be parsed as a number");
	struct slice s = val_string(ev, in), number = json_trim(s);
	if (number_is_json(number)) {
		*ret = val_text(number);
		return GO;
	}
	if (json_check(s, NULL) == 0)
		return eval_raise_on(ev, in, "cannot be parsed as a number");
	/* forms that jq reads and JSON does not know: 007, +5, 1., .5 */
	struct slice digits = number;
	if (digits.n && (digits.p[0] == '+' || digits.p[0] == '-')) {
		digits.p++;
		digits.n--;
	}
	size_t dots = 0;
	for (size_t i = 0; i < digits.n; i++) {
		dots += digits.p[i] == '.';
		if (digits.p[i] != '.' && (digits.p[i] < '0' || digits.p[i] > '9'))
			return bad_number(ev, s);
	}
	if (dots > 1 || digits.n == dots)
		return bad_number(ev, s);
	double d = number_parse(digits);
	*ret = VAL_NUMBER(number.p[0] == '-' ? -d : d);
	return GO;
}

int fn_fromjson(struct eval *ev, const struct val *in, const struct val *args, struct val *ret)
{
	struct json_error error;
	if (in->type != JSON_STRING)
		return eval_raise_on(ev, in, "only strings can be parsed");
	struct slice s = val_string(ev, in);
	if (!json_trim(s).n)
		return eval_raise(ev, "Expected JSON value (while parsing '%.*s')", SLICE(s));
	AUTO(buf_done) struct buf compact = { 0 };
	int rc = json_compact(s, &compact, &error);
	if (rc < 0 && rc != -EBADMSG)
		return eval_too_large(ev);
	if (rc < 0)
		return eval_raise(ev, "%s at column %zu (while parsing '%.*s')", error.what,
				  error.offset + 1, SLICE(utf8_head(s, 80)));
	*ret = val_text(arena_copy(ev->arena, buf_slice(&compact)));
	return eval_room(ev);
}

/* ---- strings --------------------------------------------------------------------------------------------------- */

static bool strings(const struct val *a, const struct val *b)
{
	return a->type == JSON_STRING && b->type == JSON_STRING;
}

static bool starts(struct slice s, struct slice with)
{
	return s.n >= with.n && (!with.n || memcmp(s.p, with.p, with.n) == 0);
}

static bool ends(struct slice s, struct slice with)
{
	return s.n >= with.n && (!with.n || memcmp(s.p + s.n - with.n, with.p, with.n) == 0);
}

int fn_startswith(struct eval *ev, const struct val *in, const struct val *args, struct val *ret)
{
	if (!strings(in, args))
		return eval_raise(ev, "startswith() requires string inputs");
	*ret = VAL_BOOL(starts(val_string(ev, in), val_string(ev, args)));
	return GO;
}

int fn_endswith(struct eval *ev, const struct val *in, const struct val *args, struct val *ret)
{
	if (!strings(in, args))
		return eval_raise(ev, "endswith() requires string inputs");
	*ret = VAL_BOOL(ends(val_string(ev, in), val_string(ev, args)));
	return GO;
}

int fn_ltrimstr(struct eval *ev, const struct val *in, const struct val *args, struct val *ret)
{
	*ret = *in;
	if (!strings(in, args))
		return GO;
	struct slice s = val_string(ev, in), cut = val_string(ev, args);
	if (starts(s, cut))
		*ret = VAL_STRING(((struct slice){ s.p + cut.n, s.n - cut.n }));
	return GO;
}

int fn_rtrimstr(struct eval *ev, const struct val *in, const struct val *args, struct val *ret)
{
	*ret = *in;
	if (!strings(in, args))
		return GO;
	struct slice s = val_string(ev, in), cut = val_string(ev, args);
	if (ends(s, cut))
		*ret = VAL_STRING(((struct slice){ s.p, s.n - cut.n }));
	return GO;
}

static int change_case(struct eval *ev, const struct val *in, char from, char to, struct val *ret)
{
	if (in->type != JSON_STRING)
		return eval_raise(ev, "explode input must be a string");
	struct slice s = val_string(ev, in);
	char *p = arena_alloc(ev->arena, s.n);
	for (size_t i = 0; i < s.n; i++) {
		bool letter = s.p[i] >= from && s.p[i] < from + 26;
		p[i] = letter ? (char)(s.p[i] - from + to) : s.p[i];
	}
	*ret = VAL_STRING(((struct slice){ p, s.n }));
	return GO;
}

int fn_downcase(struct eval *ev, const struct val *in, const struct val *args, struct val *ret)
{
	return change_case(ev, in, 'A', 'a', ret);
}

int fn_upcase(struct eval *ev, const struct val *in, const struct val *args, struct val *ret)
{
	return change_case(ev, in, 'a', 'A', ret);
}

int fn_split(struct eval *ev, const struct val *in, const struct val *args, struct val *ret)
{
	if (!strings(in, args))
		return eval_raise(ev, "split input and separator must be strings");
	return string_split(ev, val_string(ev, in), val_string(ev, args), ret);
}

int fn_bytes(struct eval *ev, const struct val *in, const struct val *args, struct val *ret)
{
	if (in->type != JSON_STRING)
		return eval_raise_on(ev, in, "only strings have UTF-8 byte length");
	*ret = VAL_NUMBER((double)val_string(ev, in).n);
	return GO;
}

/* ---- positions --------------------------------------------------------------------------------------------- */

static int string_positions(struct eval *ev, struct slice in, struct slice what, struct val *ret)
{
	struct val found = { .type = JSON_ARRAY };
	size_t at = 0;
	while (what.n && in.n - at >= what.n) {
		const char *hit = memmem(in.p + at, in.n - at, what.p, what.n);
		if (!hit)
			break;
		struct val position = VAL_NUMBER((double)(hit - in.p));
		if (val_array_add(ev, &found, &position) != GO)
			return RAISED;
		at = (size_t)(hit - in.p) + what.n;
	}
	*ret = found;
	return GO;
}

int fn_indices(struct eval *ev, const struct val *in, const struct val *args, struct val *ret)
{
	struct val wrapped = { .type = JSON_ARRAY };
	if (strings(in, args))
		return string_positions(ev, val_string(ev, in), val_string(ev, args), ret);
	if (in->type != JSON_ARRAY || args->type == JSON_ARRAY)
		return index_value(ev, in, args, ret);
	if (val_array_add(ev, &wrapped, args) != GO)
		return RAISED;
	return index_value(ev, in, &wrapped, ret);
}

int fn_index(struct eval *ev, const struct val *in, const struct val *args, struct val *ret)
{
	struct val found, zero = VAL_NUMBER(0);
	int rc = fn_indices(ev, in, args, &found);
	return rc == GO ? index_value(ev, &found, &zero, ret) : rc;
}

int fn_rindex(struct eval *ev, const struct val *in, const struct val *args, struct val *ret)
{
	struct val found, tail, last = VAL_NUMBER(-1), open = VAL_NULL, zero = VAL_NUMBER(0);
	int rc = fn_indices(ev, in, args, &found);
	if (rc == GO)
		rc = index_slice(ev, &found, &last, &open, &tail);
	return rc == GO ? index_value(ev, &tail, &zero, ret) : rc;
}
