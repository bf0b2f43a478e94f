/* jq_fn.c - the functions of jq that are run natively
 *
 * What this room is for: the part of jq's library that pipelines use all day; the rest is libjq's.
 * What flows through:    an input and argument values; one value comes out. Functions whose arguments are programs (map,
 *   select) are in jq_call.c.
 * What must hold:
 *  (1) results and words of errors are jq 1.6's: generated programs are compared with libjq.
 *  (2) what only looks at numbers or passes them on keeps their digits; floor and its like are arithmetic. */
#include "engine/language/jq_fn.h"
#include <math.h>
#include <string.h>

#include "base/banned.h"

/* ---- about any value ------------------------------------------------------------------------------------ */

static int fn_type(struct eval *ev, const struct val *in, const struct val *args, struct val *ret)
{
	*ret = VAL_STRING(slice_str(val_type_name(in)));
	return GO;
}

static int fn_not(struct eval *ev, const struct val *in, const struct val *args, struct val *ret)
{
	*ret = VAL_BOOL(!val_truthy(in));
	return GO;
}

/* A number's length is its absolute value. */
static struct val absolute(const struct val *in)
{
	struct val v = *in;
	if (!in->text)
		v.number = fabs(v.number);
	else if (v.s.p[0] == '-')
		v.s = (struct slice){ v.s.p + 1, v.s.n - 1 };
	return v;
}

static int fn_length(struct eval *ev, const struct val *in, const struct val *args, struct val *ret)
{
	if (in->type == JSON_TRUE || in->type == JSON_FALSE)
		return eval_raise_on(ev, in, "has no length");
	if (in->type == JSON_NUMBER)
		*ret = absolute(in);
	else if (in->type == JSON_NULL)
		*ret = VAL_NUMBER(0);
	else if (in->type == JSON_STRING)
		*ret = VAL_NUMBER((double)utf8_count(val_string(ev, in)));
	else
		*ret = VAL_NUMBER((double)val_count(ev, in));
	return GO;
}

static int fn_tostring(struct eval *ev, const struct val *in, const struct val *args,
		       struct val *ret)
{
	*ret = *in;
	return in->type == JSON_STRING ? GO : format_string(ev, FORMAT_JSON, in, ret);
}

static int fn_tojson(struct eval *ev, const struct val *in, const struct val *args, struct val *ret)
{
	return format_string(ev, FORMAT_JSON, in, ret);
}

/* ---- arrays and objects ------------------------------------------------------------------------------------- */

static int opened_items(struct eval *ev, struct val *in)
{
	if (in->type < JSON_ARRAY)
		return eval_raise(ev, "Cannot iterate over %s (%.*s)", val_type_name(in),
				  SLICE(val_shown(ev, in, 15)));
	return val_open(ev, in);
}

/* What one item adds to a joined text; *ret_text has its place in the arena. */
static int joined_part(struct eval *ev, const struct val *so_far, const struct val *item,
		       struct slice *ret)
{
	struct val text;
	*ret = (struct slice){ 0 };
	if (item->type == JSON_NULL)
		return GO;
	if (item->type >= JSON_ARRAY)
		return eval_raise_on2(ev, so_far, item, "cannot be added");
	int rc = fn_tostring(ev, item, NULL, &text);
	if (rc == GO)
		*ret = val_string(ev, &text);
	return rc;
}

static int join_items(struct eval *ev, const struct val *items, const struct val *by,
		      struct buf *buf)
{
	size_t start = buf->n;
	for (size_t i = 0; i < items->n; i++) {
		struct slice part;
		struct val so_far = VAL_STRING(buf_since(buf, start));
		if (i && by->type != JSON_STRING && by->type != JSON_NULL)
			return eval_raise_on2(ev, &so_far, by, "cannot be added");
		if (i && by->type == JSON_STRING && buf_add(buf, val_string(ev, by)) < 0)
			return eval_too_large(ev);
		so_far.s = arena_copy(ev->arena, utf8_head(buf_since(buf, start), 16));
		if (joined_part(ev, &so_far, &items->items[i], &part) != GO)
			return RAISED;
		if (buf_add(buf, part) < 0)
			return eval_too_large(ev);
	}
	return GO;
}

static int fn_join(struct eval *ev, const struct val *in, const struct val *args, struct val *ret)
{
	struct val items = *in;
	if (opened_items(ev, &items) != GO)
		return RAISED;
	AUTO(buf_done) struct buf text = { 0 };
	if (join_items(ev, &items, args, &text) != GO)
		return RAISED;
	*ret = VAL_STRING(arena_copy(ev->arena, buf_slice(&text)));
	return eval_room(ev);
}

static bool all_strings(const struct val *items)
{
	for (size_t i = 0; i < items->n; i++)
		if (items->items[i].type != JSON_STRING && items->items[i].type != JSON_NULL)
			return false;
	return items->n > 0 && items->items[0].type == JSON_STRING;
}

static int fn_add(struct eval *ev, const struct val *in, const struct val *args, struct val *ret)
{
	struct val items = *in, nothing = VAL_NULL;
	if (opened_items(ev, &items) != GO)
		return RAISED;
	if (all_strings(&items)) /* one copy instead of one per item */
		return fn_join(ev, &items, &nothing, ret);
	*ret = VAL_NULL;
	for (size_t i = 0; i < items.n; i++) {
		struct val sum = *ret;
		if (math_binary(ev, OP_ADD, &sum, &items.items[i], ret) != GO)
			return RAISED;
	}
	return GO;
}

static int keys_of(struct eval *ev, const struct val *in, struct val *ret)
{
	struct val opened = *in, keys = { .type = JSON_ARRAY };
	if (in->type < JSON_ARRAY)
		return eval_raise_on(ev, in, "has no keys");
	if (val_open(ev, &opened) != GO)
		return RAISED;
	for (size_t i = 0; i < opened.n; i++) {
		struct val key = opened.type == JSON_OBJECT ? VAL_STRING(opened.keys[i])
							    : VAL_NUMBER((double)i);
		if (val_array_add(ev, &keys, &key) != GO)
			return RAISED;
	}
	*ret = keys;
	return GO;
}

static int fn_keys_unsorted(struct eval *ev, const struct val *in, const struct val *args,
			    struct val *ret)
{
	return keys_of(ev, in, ret);
}

static int fn_keys(struct eval *ev, const struct val *in, const struct val *args, struct val *ret)
{
	struct val keys;
	if (keys_of(ev, in, &keys) != GO)
		return RAISED;
	return order_sort(ev, &keys, &keys, ret);
}

static int fn_to_entries(struct eval *ev, const struct val *in, const struct val *args,
			 struct val *ret)
{
	struct val keys, opened = *in, entries = { .type = JSON_ARRAY };
	if (keys_of(ev, in, &keys) != GO || val_open(ev, &opened) != GO)
		return RAISED;
	for (size_t i = 0; i < opened.n; i++) {
		struct val entry = { .type = JSON_OBJECT };
		if (val_object_set(ev, &entry, S("key"), &keys.items[i]) != GO ||
		    val_object_set(ev, &entry, S("value"), &opened.items[i]) != GO ||
		    val_array_add(ev, &entries, &entry) != GO)
			return RAISED;
	}
	*ret = entries;
	return GO;
}

static int fn_has(struct eval *ev, const struct val *in, const struct val *args, struct val *ret)
{
	bool found = false;
	struct val value;
	if (in->type == JSON_OBJECT && args->type == JSON_STRING) {
		if (val_get(ev, in, val_string(ev, args), &value, &found) != GO)
			return RAISED;
	} else if (in->type == JSON_ARRAY && args->type == JSON_NUMBER) {
		double at = val_number(args);
		found = at > -1 && at < (double)val_count(ev, in);
	} else if (in->type != JSON_NULL) {
		return eval_raise(ev, "Cannot check whether %s has a %s key", val_type_name(in),
				  val_type_name(args));
	}
	*ret = VAL_BOOL(found);
	return GO;
}

static int at_position(struct eval *ev, const struct val *in, double position, struct val *ret)
{
	struct val at = VAL_NUMBER(position);
	return index_value(ev, in, &at, ret);
}

static int fn_first(struct eval *ev, const struct val *in, const struct val *args, struct val *ret)
{
	return at_position(ev, in, 0, ret);
}

static int fn_last(struct eval *ev, const struct val *in, const struct val *args, struct val *ret)
{
	return at_position(ev, in, -1, ret);
}

/* jq: [.[length - 1 - range(0; length)]] */
static int fn_reverse(struct eval *ev, const struct val *in, const struct val *args,
		      struct val *ret)
{
	struct val length, item, opened = *in, made = { .type = JSON_ARRAY };
	if (fn_length(ev, in, NULL, &length) != GO)
		return RAISED;
	*ret = made;
	if (val_number(&length) == 0)
		return GO;
	if (in->type != JSON_ARRAY)
		return at_position(ev, in, 0, &item);
	if (val_open(ev, &opened) != GO)
		return RAISED;
	for (size_t i = opened.n; i-- > 0;)
		if (val_array_add(ev, &made, &opened.items[i]) != GO)
			return RAISED;
	*ret = made;
	return GO;
}

/* depth counts down to 0, which opens no more; below 0 there is no end. */
static int flatten(struct eval *ev, const struct val *in, const struct val *depth, struct val *into)
{
	struct val items = *in, less, one = VAL_NUMBER(1);
	if (opened_items(ev, &items) != GO)
		return RAISED;
	bool opens = depth->type != JSON_NUMBER || val_number(depth) != 0;
	for (size_t i = 0; i < items.n; i++) {
		bool inner = opens && items.items[i].type == JSON_ARRAY;
		int rc = inner ? math_binary(ev, OP_SUB, depth, &one, &less)
			       : val_array_add(ev, into, &items.items[i]);
		if (rc == GO && inner)
			rc = flatten(ev, &items.items[i], &less, into);
		if (rc != GO)
			return rc;
	}
	return GO;
}

static int fn_flatten(struct eval *ev, const struct val *in, const struct val *args,
		      struct val *ret)
{
	struct val endless = VAL_NUMBER(-1);
	*ret = (struct val){ .type = JSON_ARRAY };
	return flatten(ev, in, &endless, ret);
}

static int fn_flatten_to(struct eval *ev, const struct val *in, const struct val *args,
			 struct val *ret)
{
	struct val zero = VAL_NUMBER(0);
	*ret = (struct val){ .type = JSON_ARRAY };
	if (val_compare(ev, args, &zero) < 0)
		return eval_raise(ev, "flatten depth must not be negative");
	return flatten(ev, in, args, ret);
}

static int fn_sort(struct eval *ev, const struct val *in, const struct val *args, struct val *ret)
{
	return order_sort(ev, in, in, ret);
}

/* jq: group_by(.) | map(.[0]), which maps first: what cannot be iterated says so */
static int fn_unique(struct eval *ev, const struct val *in, const struct val *args, struct val *ret)
{
	struct val opened = *in, keys = { .type = JSON_ARRAY };
	if (opened_items(ev, &opened) != GO)
		return RAISED;
	for (size_t i = 0; i < opened.n; i++) {
		struct val key = { .type = JSON_ARRAY };
		if (val_array_add(ev, &key, &opened.items[i]) != GO ||
		    val_array_add(ev, &keys, &key) != GO)
			return RAISED;
	}
	return order_group(ev, in, &keys, true, ret);
}

static int fn_min(struct eval *ev, const struct val *in, const struct val *args, struct val *ret)
{
	return order_extreme(ev, in, in, true, ret);
}

static int fn_max(struct eval *ev, const struct val *in, const struct val *args, struct val *ret)
{
	return order_extreme(ev, in, in, false, ret);
}

/* ---- numbers -------------------------------------------------------------------------------------------------- */

static int rounded(struct eval *ev, const struct val *in, double (*how)(double), struct val *ret)
{
	double d;
	if (in->type != JSON_NUMBER)
		return eval_raise_on(ev, in, "number required");
	if (math_double(ev, in, &d) != GO)
		return RAISED;
	*ret = VAL_NUMBER(how(d));
	return GO;
}

static int fn_floor(struct eval *ev, const struct val *in, const struct val *args, struct val *ret)
{
	return rounded(ev, in, floor, ret);
}

static int fn_ceil(struct eval *ev, const struct val *in, const struct val *args, struct val *ret)
{
	return rounded(ev, in, ceil, ret);
}

static int fn_round(struct eval *ev, const struct val *in, const struct val *args, struct val *ret)
{
	return rounded(ev, in, round, ret);
}

static int fn_sqrt(struct eval *ev, const struct val *in, const struct val *args, struct val *ret)
{
	return rounded(ev, in, sqrt, ret);
}

static int fn_fabs(struct eval *ev, const struct val *in, const struct val *args, struct val *ret)
{
	return rounded(ev, in, fabs, ret);
}

/* ---- the table --------------------------------------------------------------------------------------------------- */

#define BIT(type) (1u << (type))
static const struct native natives[] = {
	{ "empty", 0, .special = FN_EMPTY },
	{ "error", 0, .special = FN_ERROR },
	{ "error", 1, .special = FN_ERROR },
	{ "map", 1, .special = FN_MAP },
	{ "select", 1, .special = FN_SELECT },
	{ "any", 0, .special = FN_ANY },
	{ "any", 1, .special = FN_ANY },
	{ "all", 0, .special = FN_ALL },
	{ "all", 1, .special = FN_ALL },
	{ "first", 1, .special = FN_FIRST },
	{ "limit", 2, .special = FN_LIMIT },
	{ "range", 1, .special = FN_RANGE },
	{ "range", 2, .special = FN_RANGE2 },
	{ "recurse", 0, .special = FN_RECURSE },
	{ "sort_by", 1, .special = FN_SORT_BY },
	{ "group_by", 1, .special = FN_GROUP_BY },
	{ "unique_by", 1, .special = FN_UNIQUE_BY },
	{ "min_by", 1, .special = FN_MIN_BY },
	{ "max_by", 1, .special = FN_MAX_BY },
	{ "values", 0, .special = FN_TYPED, .types = ~BIT(JSON_NULL) },
	{ "nulls", 0, .special = FN_TYPED, .types = BIT(JSON_NULL) },
	{ "booleans", 0, .special = FN_TYPED, .types = BIT(JSON_TRUE) | BIT(JSON_FALSE) },
	{ "numbers", 0, .special = FN_TYPED, .types = BIT(JSON_NUMBER) },
	{ "strings", 0, .special = FN_TYPED, .types = BIT(JSON_STRING) },
	{ "arrays", 0, .special = FN_TYPED, .types = BIT(JSON_ARRAY) },
	{ "objects", 0, .special = FN_TYPED, .types = BIT(JSON_OBJECT) },
	{ "iterables", 0, .special = FN_TYPED, .types = BIT(JSON_ARRAY) | BIT(JSON_OBJECT) },
	{ "scalars", 0, .special = FN_TYPED, .types = ~(BIT(JSON_ARRAY) | BIT(JSON_OBJECT)) },
	{ "not", 0, .plain = fn_not },
	{ "type", 0, .plain = fn_type },
	{ "length", 0, .plain = fn_length },
	{ "tostring", 0, .plain = fn_tostring },
	{ "tojson", 0, .plain = fn_tojson },
	{ "tonumber", 0, .plain = fn_tonumber },
	{ "fromjson", 0, .plain = fn_fromjson },
	{ "startswith", 1, .plain = fn_startswith },
	{ "endswith", 1, .plain = fn_endswith },
	{ "ltrimstr", 1, .plain = fn_ltrimstr },
	{ "rtrimstr", 1, .plain = fn_rtrimstr },
	{ "ascii_downcase", 0, .plain = fn_downcase },
	{ "ascii_upcase", 0, .plain = fn_upcase },
	{ "split", 1, .plain = fn_split },
	{ "indices", 1, .plain = fn_indices },
	{ "index", 1, .plain = fn_index },
	{ "rindex", 1, .plain = fn_rindex },
	{ "utf8bytelength", 0, .plain = fn_bytes },
	{ "join", 1, .plain = fn_join },
	{ "add", 0, .plain = fn_add },
	{ "keys", 0, .plain = fn_keys },
	{ "keys_unsorted", 0, .plain = fn_keys_unsorted },
	{ "to_entries", 0, .plain = fn_to_entries },
	{ "has", 1, .plain = fn_has },
	{ "first", 0, .plain = fn_first },
	{ "last", 0, .plain = fn_last },
	{ "reverse", 0, .plain = fn_reverse },
	{ "flatten", 0, .plain = fn_flatten },
	{ "flatten", 1, .plain = fn_flatten_to },
	{ "sort", 0, .plain = fn_sort },
	{ "unique", 0, .plain = fn_unique },
	{ "min", 0, .plain = fn_min },
	{ "max", 0, .plain = fn_max },
	{ "floor", 0, .plain = fn_floor },
	{ "ceil", 0, .plain = fn_ceil },
	{ "round", 0, .plain = fn_round },
	{ "sqrt", 0, .plain = fn_sqrt },
	{ "fabs", 0, .plain = fn_fabs },
};

const struct native *native_find(struct slice name, size_t arity)
{
	for (size_t i = 0; i < ARRAY_SIZE(natives); i++)
		if (natives[i].arity == arity && slice_eq_str(name, natives[i].name))
			return &natives[i];
	return NULL;
}
