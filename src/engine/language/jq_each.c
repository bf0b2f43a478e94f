/* jq_each.c - expressions that give any number of values
 *
 * What this room is for: iteration, commas, alternatives, optional paths, objects and strings of generators.
 * What flows through:    values by continuation: each is handed to a taker, and GO asks for the next one.
 * What must hold:
 *  (1) order is jq's: of a binary operator, of a[b] and of a string's interpolations the right one is the outer loop; of
 *      objects and pipes the left.
 *  (2) as in jq 1.6, an error raised by who takes a value passes through the try it came from and is caught there. */
#include "engine/language/jq_eval.h"
#include <string.h>

#include "base/banned.h"

/* ---- many values --------------------------------------------------------------------------------------------- */

/* Two generators of the same input, one loop inside the other; `join` makes the value. */
struct pair {
	struct taker outer, inner;
	const struct expr *e, *inside;
	const struct val *in;
	struct val first;
	int (*join)(struct eval *, const struct expr *, const struct val *outer,
		    const struct val *inner, struct val *ret);
	struct taker *to;
};

static int pair_inner(struct taker *t, struct eval *ev, const struct val *v)
{
	struct pair *p = container_of(t, struct pair, inner);
	struct val made;
	int rc = p->join(ev, p->e, &p->first, v, &made);
	if (rc == RAISED && p->e->optional && ev->fault == FAULT_JQ)
		return GO;
	return rc == GO ? p->to->put(p->to, ev, &made) : rc;
}

static int pair_outer(struct taker *t, struct eval *ev, const struct val *v)
{
	struct pair *p = container_of(t, struct pair, outer);
	p->first = *v;
	return eval_each(ev, p->inside, p->in, &p->inner);
}

static int join_binary(struct eval *ev, const struct expr *e, const struct val *outer,
		       const struct val *inner, struct val *ret)
{
	return math_binary(ev, (enum binary_op)e->op, inner, outer, ret);
}

static int join_index(struct eval *ev, const struct expr *e, const struct val *outer,
		      const struct val *inner, struct val *ret)
{
	return index_value(ev, inner, outer, ret);
}

static int each_pair(struct eval *ev, const struct expr *e, const struct val *in, struct taker *to)
{
	struct pair p = { { pair_outer },
			  { pair_inner },
			  e,
			  e->a,
			  in,
			  VAL_NULL,
			  e->kind == EXPR_BINARY ? join_binary : join_index,
			  to };
	return eval_each(ev, e->b, in, &p.outer);
}

/* Pipes, and what works on each value of e->a: fields, iteration, negation, bindings, conditions. */
struct stage {
	struct taker taker;
	const struct expr *e;
	const struct val *in;
	struct taker *to;
	bool found;   /* EXPR_ALT */
	size_t count; /* EXPR_AS: values so far */
};

static int stage_field(struct stage *s, struct eval *ev, const struct val *v)
{
	struct val made;
	int rc = index_field(ev, v, s->e->name, &made);
	if (rc == RAISED && s->e->optional && ev->fault == FAULT_JQ)
		return GO;
	return rc == GO ? s->to->put(s->to, ev, &made) : rc;
}

static int stage_logic(struct stage *s, struct eval *ev, const struct val *v)
{
	struct val known = VAL_BOOL(s->e->kind == EXPR_OR);
	if (val_truthy(v) == (s->e->kind == EXPR_OR))
		return s->to->put(s->to, ev, &known);
	struct stage right = {
		{ s->taker.put }, NULL, s->in, s->to, false, 0
	}; /* e NULL: the right side, to be made a boolean */
	return eval_each(ev, s->e->b, s->in, &right.taker);
}

static int stage_take(struct taker *t, struct eval *ev, const struct val *v)
{
	struct stage *s = container_of(t, struct stage, taker);
	struct val made;
	int rc;
	if (!s->e) {
		made = VAL_BOOL(val_truthy(v));
		return s->to->put(s->to, ev, &made);
	}
	switch (s->e->kind) {
	case EXPR_PIPE:
		return eval_each(ev, s->e->b, v, s->to);
	case EXPR_FIELD:
		return stage_field(s, ev, v);
	case EXPR_ITERATE:
		return index_iterate(ev, v, s->e->optional, s->to);
	case EXPR_NEGATE:
		rc = math_negate(ev, v, &made);
		return rc == GO ? s->to->put(s->to, ev, &made) : rc;
	case EXPR_AS:
		ev->vars[s->e->slot] = *v;
		if (s->e->c)
			ev->vars[s->e->c->slot] = VAL_NUMBER((double)s->count++);
		return eval_each(ev, s->e->b, s->in, s->to);
	case EXPR_IF:
		return eval_each(ev, val_truthy(v) ? s->e->b : s->e->c, s->in, s->to);
	case EXPR_ALT:
		s->found = s->found || val_truthy(v);
		return val_truthy(v) ? s->to->put(s->to, ev, v) : GO;
	default:
		ASSERT(s->e->kind == EXPR_AND || s->e->kind == EXPR_OR);
		return stage_logic(s, ev, v);
	}
}

static int each_stage(struct eval *ev, const struct expr *e, const struct val *in, struct taker *to)
{
	struct stage s = { { stage_take }, e, in, to, false, 0 };
	int rc = eval_each(ev, e->a, in, &s.taker);
	if (rc != GO || e->kind != EXPR_ALT || s.found)
		return rc;
	return eval_each(ev, e->b, in, to);
}

static int each_try(struct eval *ev, const struct expr *e, const struct val *in, struct taker *to)
{
	int rc = eval_each(ev, e->a, in, to);
	if (rc == BREAKING)
		return e->b ? rc : GO; /* jq 1.6: a try without catch swallows a break too */
	if (rc != RAISED || ev->fault != FAULT_JQ)
		return rc;
	struct val error = ev->error;
	ev->fault = FAULT_NONE;
	return e->b ? eval_each(ev, e->b, &error, to) : GO;
}

/* ---- slices, strings, objects of generators: positions are filled one after the other ------------------------- */

struct filling {
	struct taker taker;
	const struct expr *e;
	const struct val *in;
	struct val *values; /* one per part of e */
	size_t at;          /* the part that is being filled */
	struct taker *to;
};

static int fill(struct eval *ev, struct filling *f);

static bool completes_pair(const struct filling *f)
{
	return f->e->kind == EXPR_OBJECT && f->at % 2 == 1;
}

static int fill_take(struct taker *t, struct eval *ev, const struct val *v)
{
	struct filling *f = container_of(t, struct filling, taker);
	struct filling next = *f;
	f->values[f->at] = *v;
	if (completes_pair(f) && eval_check_key(ev, &f->values[f->at - 1]) != GO)
		return RAISED;
	next.at++;
	return fill(ev, &next);
}

static int finish_object(struct eval *ev, const struct filling *f)
{
	struct val made = { .type = JSON_OBJECT };
	for (size_t i = 0; i < f->e->count; i += 2)
		if (val_object_set(ev, &made, val_string(ev, &f->values[i]), &f->values[i + 1]) !=
		    GO)
			return RAISED;
	return f->to->put(f->to, ev, &made);
}

static int finish_string(struct eval *ev, const struct filling *f)
{
	struct buf *buf = &ev->scratch->buf;
	size_t start = buf->n;
	int rc = GO;
	for (size_t i = 0; i < f->e->count && rc == GO; i++) {
		enum format format = f->e->kids[i]->literal ? FORMAT_TEXT : (enum format)f->e->op;
		rc = format_put(ev, format, &f->values[f->e->count - 1 - i], buf);
	}
	struct val made = VAL_STRING(arena_copy(ev->arena, buf_since(buf, start)));
	buf_truncate(buf, start);
	return rc == GO ? f->to->put(f->to, ev, &made) : rc;
}

static int finish_slice(struct eval *ev, const struct filling *f)
{
	struct val made;
	int rc = index_slice(ev, &f->values[2], &f->values[0], &f->values[1], &made);
	if (rc == RAISED && f->e->optional && ev->fault == FAULT_JQ)
		return GO;
	return rc == GO ? f->to->put(f->to, ev, &made) : rc;
}

/* The next part to evaluate, from the outermost loop inwards; NULL: all are there. */
static const struct expr *part_at(const struct filling *f)
{
	if (f->e->kind == EXPR_OBJECT)
		return f->at < f->e->count ? f->e->kids[f->at] : NULL;
	if (f->e->kind == EXPR_STRING)
		return f->at < f->e->count ? f->e->kids[f->e->count - 1 - f->at] : NULL;
	const struct expr *const order[] = { f->e->b, f->e->c, f->e->a };
	return f->at < ARRAY_SIZE(order) ? order[f->at] : NULL;
}

static int fill(struct eval *ev, struct filling *f)
{
	f->taker.put = fill_take;
	for (;;) {
		const struct expr *part = part_at(f);
		if (!part && f->e->kind == EXPR_SLICE && f->at < 3) {
			f->values[f->at++] = VAL_NULL; /* [1:] has no end */
			continue;
		}
		if (!part)
			return f->e->kind == EXPR_OBJECT   ? finish_object(ev, f)
			       : f->e->kind == EXPR_STRING ? finish_string(ev, f)
							   : finish_slice(ev, f);
		ASSERT(f->at < (f->e->kind == EXPR_SLICE ? 3 : f->e->count));
		if (!part->one)
			return eval_each(ev, part, f->in, &f->taker);
		int rc = eval_one(ev, part, f->in, &f->values[f->at]);
		if (rc == GO && completes_pair(f))
			rc = eval_check_key(ev, &f->values[f->at - 1]);
		if (rc != GO)
			return rc;
		f->at++;
	}
}

static int each_filled(struct eval *ev, const struct expr *e, const struct val *in,
		       struct taker *to)
{
	size_t parts = e->kind == EXPR_SLICE ? 3 : e->count;
	struct filling f = { { fill_take },
			     e,
			     in,
			     arena_alloc(ev->arena, (parts + 1) * sizeof(struct val)),
			     0,
			     to };
	return fill(ev, &f);
}

/* ---- all kinds ---------------------------------------------------------------------------------------------------- */

static int each_of(struct eval *ev, const struct expr *e, const struct val *in, struct taker *to)
{
	for (size_t i = 0; i < e->count; i++) {
		int rc = eval_each(ev, e->kids[i], in, to);
		if (rc != GO)
			return rc;
	}
	return GO;
}

int eval_each(struct eval *ev, const struct expr *e, const struct val *in, struct taker *to)
{
	struct val v;
	if (e->one) {
		int rc = eval_one(ev, e, in, &v);
		return rc == GO ? to->put(to, ev, &v) : rc;
	}
	switch (e->kind) {
	case EXPR_RECURSE:
		return call_recurse(ev, in, to);
	case EXPR_COMMA:
		return each_of(ev, e, in, to);
	case EXPR_INDEX:
	case EXPR_BINARY:
		return each_pair(ev, e, in, to);
	case EXPR_SLICE:
	case EXPR_STRING:
	case EXPR_OBJECT:
		return each_filled(ev, e, in, to);
	case EXPR_TRY:
		return each_try(ev, e, in, to);
	case EXPR_CALL:
		return call_each(ev, e, in, to);
	case EXPR_PROGRAM:
		return call_program(ev, e, to);
	default:
		return each_stage(ev, e, in, to);
	}
}
