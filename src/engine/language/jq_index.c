/* jq_index.c - one value out of another: .name, .[n], .[a:b], .[]
 *
 * What this room is for: paths, with jq 1.6's rules and words for what cannot be indexed.
 * What flows through:    values; members of text stay text.
 * What must hold:
 *  (1) null gives null for names, numbers and slices; everything else of a wrong type raises.
 *  (2) an array is indexed by whole numbers only; others give null. Slices round outwards. Strings are counted in characters. */
#include "engine/language/jq_eval.h"
#include <limits.h>
#include <math.h>
#include <string.h>

#include "base/banned.h"

int index_field(struct eval *ev, const struct val *in, struct slice key, struct val *ret)
{
	bool found;
	if (in->type == JSON_OBJECT)
		return val_get(ev, in, key, ret, &found);
	*ret = VAL_NULL;
	if (in->type == JSON_NULL)
		return GO;
	if (key.n < 30)
		return eval_raise(ev, "Cannot index %s with string \"%.*s\"", val_type_name(in),
				  SLICE(key));
	return eval_raise(ev, "Cannot index %s with string", val_type_name(in));
}

static void index_array(const struct val *in, double number, struct val *ret)
{
	struct slice value;
	*ret = VAL_NULL;
	if (!(number >= INT_MIN && number <= INT_MAX) || number != floor(number))
		return;
	int64_t at = (int64_t)number;
	if (in->text) {
		if (json_index(in->s, at, &value))
			*ret = val_text(value);
		return;
	}
	if (at < 0)
		at += in->n;
	if (at >= 0 && at < in->n)
		*ret = in->items[at];
}

/* .[[1, 2]]: where the second array stands in the first. */
static int index_subarray(struct eval *ev, const struct val *in, const struct val *wanted,
			  struct val *ret)
{
	struct val hay = *in, needle = *wanted, found = { .type = JSON_ARRAY };
	if (val_open(ev, &hay) != GO || val_open(ev, &needle) != GO)
		return RAISED;
	for (size_t at = 0; needle.n && at < hay.n; at++) {
		size_t same = 0;
		while (same < needle.n && at + same < hay.n &&
		       val_equal(ev, &hay.items[at + same], &needle.items[same]))
			same++;
		struct val position = VAL_NUMBER((double)at);
		if (same == needle.n && val_array_add(ev, &found, &position) != GO)
			return RAISED;
	}
	*ret = needle.n ? found : VAL_NULL;
	return GO;
}

static int bad_slice(struct eval *ev, const struct val *in)
{
	return eval_raise(ev, "Start and end indices of an %s slice must be numbers",
			  val_type_name(in));
}

int index_value(struct eval *ev, const struct val *in, const struct val *key, struct val *ret)
{
	if (key->type == JSON_STRING)
		return index_field(ev, in, val_string(ev, key), ret);
	*ret = VAL_NULL;
	if (key->type == JSON_OBJECT && (in->type == JSON_ARRAY || in->type == JSON_STRING)) {
		struct val from, to;
		bool starts, ends;
		if (val_get(ev, key, S("start"), &from, &starts) != GO ||
		    val_get(ev, key, S("end"), &to, &ends) != GO)
			return RAISED;
		return starts && ends ? index_slice(ev, in, &from, &to, ret) : bad_slice(ev, in);
	}
	if (in->type == JSON_NULL && (key->type == JSON_NUMBER || key->type == JSON_OBJECT))
		return GO;
	if (in->type == JSON_ARRAY && key->type == JSON_ARRAY)
		return index_subarray(ev, in, key, ret);
	if (in->type != JSON_ARRAY || key->type != JSON_NUMBER)
		return eval_raise(ev, "Cannot index %s with %s", val_type_name(in),
				  val_type_name(key));
	index_array(in, val_number(key), ret);
	return GO;
}

/* ---- slices ------------------------------------------------------------------------------------------- */

static struct slice cut_characters(struct slice s, size_t from, size_t to)
{
	size_t at = 0, start = s.n, end = s.n;
	for (size_t i = 0; i < s.n; i++) {
		if (((unsigned char)s.p[i] & 0xc0) == 0x80)
			continue;
		if (at == from)
			start = i;
		if (at == to) {
			end = i;
			break;
		}
		at++;
	}
	return (struct slice){ s.p + start, start < end ? end - start : 0 };
}

static bool bounds(const struct val *from, const struct val *to, size_t length, size_t *ret_start,
		   size_t *ret_end)
{
	if ((from->type != JSON_NULL && from->type != JSON_NUMBER) ||
	    (to->type != JSON_NULL && to->type != JSON_NUMBER))
		return false;
	double n = (double)length;
	double start = from->type == JSON_NULL ? 0 : val_number(from),
	       end = to->type == JSON_NULL ? n : val_number(to);
	start = fmin(fmax(start < 0 ? start + n : start, 0), n);
	end = fmin(end < 0 ? end + n : end, n);
	end = fmax(ceil(end), floor(start));
	ASSERT(start >= 0 && start <= n);
	*ret_start = (size_t)start;
	*ret_end = (size_t)fmin(end, n);
	return true;
}

int index_slice(struct eval *ev, const struct val *in, const struct val *from, const struct val *to,
		struct val *ret)
{
	size_t start, end;
	*ret = VAL_NULL;
	if (in->type == JSON_STRING) {
		struct slice s = val_string(ev, in);
		if (!bounds(from, to, utf8_count(s), &start, &end))
			return bad_slice(ev, in);
		*ret = VAL_STRING(cut_characters(s, start, end));
		return GO;
	}
	if (in->type == JSON_NULL)
		return GO;
	if (in->type != JSON_ARRAY)
		return eval_raise(ev, "Cannot index %s with object", val_type_name(in));
	struct val opened = *in, made = { .type = JSON_ARRAY };
	if (val_open(ev, &opened) != GO)
		return RAISED;
	if (!bounds(from, to, opened.n, &start, &end))
		return bad_slice(ev, in);
	for (size_t i = start; i < end; i++)
		if (val_array_add(ev, &made, &opened.items[i]) != GO)
			return RAISED;
	*ret = made;
	return GO;
}

/* ---- .[] -------------------------------------------------------------------------------------------------- */

static int iterate_text(struct eval *ev, const struct val *in, struct taker *to)
{
	struct json_iter it = json_iter(in->s);
	struct slice key, value;
	while (json_next(&it, &key, &value)) {
		struct val item = val_text(value);
		int rc = to->put(to, ev, &item);
		if (rc != GO)
			return rc;
	}
	return GO;
}

int index_iterate(struct eval *ev, const struct val *in, bool optional, struct taker *to)
{
	if (in->type < JSON_ARRAY && optional)
		return GO;
	if (in->type < JSON_ARRAY)
		return eval_raise(ev, "Cannot iterate over %s (%.*s)", val_type_name(in),
				  SLICE(val_shown(ev, in, 15)));
	if (in->type == JSON_ARRAY && in->text)
		return iterate_text(ev, in, to);
	struct val opened = *in;
	if (val_open(ev, &opened) != GO)
		return RAISED;
	for (size_t i = 0; i < opened.n; i++) {
		struct val item = opened.items[i];
		int rc = to->put(to, ev, &item);
		if (rc != GO)
			return rc;
	}
	return GO;
}
