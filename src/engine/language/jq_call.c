/* jq_call.c - calls of native functions: plain ones with all values of their arguments, and those that take programs
 *
 * What this room is for: map, select, any, first, limit, range, sort_by and their like.
 * What flows through:    the input and argument programs in, values out.
 * What must hold: breaks (first, limit) unwind like errors and stop at their own label; see jq 1.6's definitions. */
#include "engine/language/jq_eval.h"
#include <string.h>

#include "base/banned.h"

/* ---- plain functions: every combination of the arguments' values ------------------------------------------ */

#define ARGUMENTS_MAX 2

static int call_plain(struct eval *ev, const struct expr *e, const struct val *in, struct val *ret)
{
	struct val args[ARGUMENTS_MAX];
	ASSERT(e->count <= ARGUMENTS_MAX);
	for (size_t i = e->count; i-- > 0;) {
		int rc = eval_one(ev, e->kids[i], in, &args[i]);
		if (rc != GO)
			return rc;
	}
	return e->fn->plain(ev, in, args, ret);
}

/* One argument with several values (has("a", "b")), or what is applied to each value of the only argument. */
struct applied {
	struct taker taker;
	const struct expr *e;
	const struct val *in;
	struct taker *to;
};

static int apply_plain(struct taker *t, struct eval *ev, const struct val *v)
{
	struct applied *a = container_of(t, struct applied, taker);
	struct val made;
	int rc = a->e->fn->plain(ev, a->in, v, &made);
	return rc == GO ? a->to->put(a->to, ev, &made) : rc;
}

static int apply_select(struct taker *t, struct eval *ev, const struct val *v)
{
	struct applied *a = container_of(t, struct applied, taker);
	return val_truthy(v) ? a->to->put(a->to, ev, a->in) : GO;
}

/* error(null) gives nothing in jq 1.6: an error without a message is no error there. */
static int raise_value(struct eval *ev, const struct val *v)
{
	if (v->type == JSON_NULL)
		return GO;
	ev->error = *v;
	ev->fault = FAULT_JQ;
	return RAISED;
}

static int apply_error(struct taker *t, struct eval *ev, const struct val *v)
{
	return raise_value(ev, v);
}

/* ---- range -------------------------------------------------------------------------------------------------- */

static int count_up(struct eval *ev, const struct val *from, const struct val *to_value,
		    struct taker *to)
{
	double at, end;
	if (from->type != JSON_NUMBER || to_value->type != JSON_NUMBER)
		return eval_raise(ev, "Range bounds must be numeric");
	if (math_double(ev, from, &at) != GO || math_double(ev, to_value, &end) != GO)
		return RAISED;
	int rc = GO;
	while (rc == GO && at < end) {
		struct val v = VAL_NUMBER(at);
		rc = to->put(to, ev, &v);
		at++;
	}
	return rc;
}

static int apply_range(struct taker *t, struct eval *ev, const struct val *v)
{
	struct val zero = VAL_NUMBER(0);
	return count_up(ev, &zero, v, container_of(t, struct applied, taker)->to);
}

static int call_range2(struct eval *ev, const struct expr *e, const struct val *in,
		       struct taker *to)
{
	struct val from, end;
	int rc = eval_one(ev, e->kids[0], in, &from);
	if (rc == GO)
		rc = eval_one(ev, e->kids[1], in, &end);
	return rc == GO ? count_up(ev, &from, &end, to) : rc;
}

/* ---- first, limit: label $out | ... break $out --------------------------------------------------------------- */

struct limited {
	struct taker taker;
	unsigned label;
	double left;
	struct taker *to;
};

static int limit_take(struct taker *t, struct eval *ev, const struct val *v)
{
	struct limited *l = container_of(t, struct limited, taker);
	int rc = l->to->put(l->to, ev, v);
	if (rc != GO || --l->left > 0)
		return rc;
	ev->breaking = l->label;
	return BREAKING;
}

/* At most n values; 0 still lets one pass in jq 1.6, and less than 0 all. */
static int take_limited(struct eval *ev, const struct expr *of, double n, const struct val *in,
			struct taker *to)
{
	struct limited l = { { limit_take }, ++ev->breaks, n, to };
	if (n < 0)
		return eval_each(ev, of, in, to);
	int rc = eval_each(ev, of, in, &l.taker);
	return rc == BREAKING && ev->breaking == l.label ? GO : rc;
}

static int call_limit(struct eval *ev, const struct expr *e, const struct val *in, struct taker *to)
{
	struct val n, one = VAL_NUMBER(1), zero = VAL_NUMBER(0);
	int rc = eval_one(ev, e->kids[0], in, &n);
	if (rc != GO)
		return rc;
	if (n.type == JSON_NUMBER)
		return take_limited(ev, e->kids[1], val_number(&n), in, to);
	if (val_compare(ev, &n, &zero) < 0) /* null and booleans are less than numbers */
		return eval_each(ev, e->kids[1], in, to);
	return eval_raise_on2(ev, &n, &one, "cannot be subtracted");
}

/* ---- any, all ---------------------------------------------------------------------------------------------------- */

struct tested {
	struct taker taker;
	const struct expr *condition; /* NULL: the item itself */
	bool wanted, decided;
	unsigned label;
};

static int test_take(struct taker *t, struct eval *ev, const struct val *item)
{
	struct tested *all = container_of(t, struct tested, taker);
	struct val v = *item;
	int rc = all->condition ? eval_one(ev, all->condition, item, &v) : GO;
	if (rc != GO || val_truthy(&v) != all->wanted)
		return rc;
	all->decided = true;
	ev->breaking = all->label;
	return BREAKING;
}

static int call_test(struct eval *ev, const struct expr *e, const struct val *in, struct val *ret)
{
	bool any = e->fn->special == FN_ANY;
	ASSERT(any || e->fn->special == FN_ALL);
	struct tested t = { { test_take }, e->count ? e->kids[0] : NULL, any, false, ++ev->breaks };
	int rc = index_iterate(ev, in, false, &t.taker);
	if (rc != GO && !(rc == BREAKING && ev->breaking == t.label))
		return rc;
	*ret = VAL_BOOL(t.decided == any);
	return GO;
}

/* ---- map and what is done by keys ------------------------------------------------------------------------------------ */

struct mapped {
	struct taker items, values;
	const struct expr *f;
	bool each_in_array; /* map([f]) */
	struct val made;
};

static int map_value(struct taker *t, struct eval *ev, const struct val *v)
{
	return val_array_add(ev, &container_of(t, struct mapped, values)->made, v);
}

static int map_item(struct taker *t, struct eval *ev, const struct val *item)
{
	struct mapped *m = container_of(t, struct mapped, items);
	if (!m->each_in_array)
		return eval_each(ev, m->f, item, &m->values);
	struct mapped inner = { .values = { map_value }, .made = { .type = JSON_ARRAY } };
	int rc = eval_each(ev, m->f, item, &inner.values);
	return rc == GO ? val_array_add(ev, &m->made, &inner.made) : rc;
}

static int call_map(struct eval *ev, const struct expr *e, const struct val *in, struct val *ret)
{
	struct mapped m = { { map_item },
			    { map_value },
			    e->kids[0],
			    e->fn->special != FN_MAP,
			    { .type = JSON_ARRAY } };
	int rc = index_iterate(ev, in, false, &m.items);
	*ret = m.made;
	return rc;
}

static int call_by(struct eval *ev, const struct expr *e, const struct val *in, struct val *ret)
{
	struct val keys;
	int rc = call_map(ev, e, in, &keys);
	if (rc != GO)
		return rc;
	switch (e->fn->special) {
	case FN_SORT_BY:
		return order_sort(ev, in, &keys, ret);
	case FN_GROUP_BY:
		return order_group(ev, in, &keys, false, ret);
	case FN_UNIQUE_BY:
		return order_group(ev, in, &keys, true, ret);
	default:
		return order_extreme(ev, in, &keys, e->fn->special == FN_MIN_BY, ret);
	}
}

int call_one(struct eval *ev, const struct expr *e, const struct val *in, struct val *ret)
{
	switch (e->fn->special) {
	case FN_PLAIN:
		return call_plain(ev, e, in, ret);
	case FN_ANY:
	case FN_ALL:
		return call_test(ev, e, in, ret);
	case FN_MAP:
		return call_map(ev, e, in, ret);
	default:
		return call_by(ev, e, in, ret);
	}
}

/* ---- everything below a value -------------------------------------------------------------------------------------------- */

struct below {
	struct taker taker;
	struct taker *to;
	unsigned depth;
};

static int recurse_take(struct taker *t, struct eval *ev, const struct val *v)
{
	struct below *b = container_of(t, struct below, taker);
	struct below next = { { recurse_take }, b->to, b->depth + 1 };
	int rc = b->to->put(b->to, ev, v);
	if (rc == GO && next.depth > 2 * JSON_MAX_DEPTH)
		return eval_raise(ev, "the value is nested more than %d deep", JSON_MAX_DEPTH);
	return rc == GO ? index_iterate(ev, v, true, &next.taker) : rc;
}

int call_recurse(struct eval *ev, const struct val *in, struct taker *to)
{
	struct below all = { { recurse_take }, to, 0 };
	return recurse_take(&all.taker, ev, in);
}

/* ---- many values ------------------------------------------------------------------------------------------------------------ */

static int call_applied(struct eval *ev, const struct expr *e, const struct val *in,
			struct taker *to,
			int (*put)(struct taker *, struct eval *, const struct val *))
{
	struct applied a = { { put }, e, in, to };
	return eval_each(ev, e->kids[0], in, &a.taker);
}

int call_each(struct eval *ev, const struct expr *e, const struct val *in, struct taker *to)
{
	switch (e->fn->special) {
	case FN_PLAIN:
		ASSERT(e->count == 1);
		return call_applied(ev, e, in, to, apply_plain);
	case FN_EMPTY:
		return GO;
	case FN_ERROR:
		return e->count ? call_applied(ev, e, in, to, apply_error) : raise_value(ev, in);
	case FN_SELECT:
		return call_applied(ev, e, in, to, apply_select);
	case FN_TYPED:
		return e->fn->types >> in->type & 1 ? to->put(to, ev, in) : GO;
	case FN_FIRST:
		return take_limited(ev, e->kids[0], 1, in, to);
	case FN_LIMIT:
		return call_limit(ev, e, in, to);
	case FN_RANGE:
		return call_applied(ev, e, in, to, apply_range);
	case FN_RANGE2:
		return call_range2(ev, e, in, to);
	case FN_RECURSE:
		return call_recurse(ev, in, to);
	default:
		assert_failed("the function gives many values", __FILE__, __LINE__, __func__);
	}
}

/* ---- another program, run by libjq (jq_new_object) ------------------------------------------------------------------------ */

struct bridge {
	struct eval *ev;
	struct taker *to;
	int rc;
};

static int bridge_yield(void *arg, struct slice value, struct err *err)
{
	struct bridge *b = arg;
	struct val v = val_text(arena_copy(b->ev->arena, value));
	b->rc = eval_room(b->ev) == GO ? b->to->put(b->to, b->ev, &v) : RAISED;
	return b->rc == GO ? 0 : 1;
}

int call_program(struct eval *ev, const struct expr *e, struct taker *to)
{
	struct bridge bridge = { ev, to, GO };
	struct err err = { 0 };
	int rc = library_each(e->program, ev->env, bridge_yield, &bridge, &err);
	if (rc < 0) {
		eval_raise(ev, "%s", err.text);
		ev->fault = err.fault;
	}
	return rc < 0 ? RAISED : bridge.rc;
}
