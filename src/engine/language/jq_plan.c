/* jq_plan.c - what can be known about a program before it runs
 *
 * What this room is for: the annotations that make evaluation fast, and the answers to "does it need libjq", "does it read the
 *   record", "is it a constant".
 * What flows through:    a parsed tree; its nodes are annotated in place.
 * What must hold:
 *  (1) `one` is never set on what may give no value or several: the evaluator relies on it.
 *  (2) a path slot is given only to fields of the record itself: where the input is known to be the record.
 *  (3) planning again, after trees were joined, starts from nothing. */
#include "engine/language/jq_ast.h"

#include "base/banned.h"

struct plan {
	struct jq *jq;
	bool native;
};

static void plan_expr(struct plan *plan, struct expr *e, bool record);

/* ---- paths -------------------------------------------------------------------------------------------- */

static bool is_path(const struct expr *e)
{
	while (e->kind == EXPR_FIELD && !e->optional)
		e = e->a;
	return e->kind == EXPR_SELF;
}

static struct path *add_path(struct jq *jq, const struct expr *e)
{
	ASSERT(e->kind == EXPR_FIELD && !e->optional);
	struct path *parent = e->a->kind == EXPR_FIELD ? add_path(jq, e->a) : NULL;
	struct path **place = parent ? &parent->child : &jq->paths;
	for (; *place; place = &(*place)->next)
		if (slice_eq((*place)->key, e->name))
			return *place;
	*place = arena_zero(jq->arena, sizeof(**place));
	**place = (struct path){ .key = e->name, .slot = -1 };
	return *place;
}

static void plan_path(struct plan *plan, struct expr *e)
{
	struct path *path = add_path(plan->jq, e);
	if (path->slot < 0)
		path->slot = (int)plan->jq->path_count++;
	for (struct expr *part = e; part; part = part->a) {
		part->one = true;
		part->slot = -1;
		if (!part->a && !plan->jq->reads)
			plan->jq->reads = e;
	}
	e->slot = path->slot;
}

/* ---- calls --------------------------------------------------------------------------------------------- */

static bool plan_kids(struct plan *plan, const struct expr *e, bool record)
{
	bool one = true;
	for (size_t i = 0; i < e->count; i++) {
		plan_expr(plan, e->kids[i], record);
		one = one && e->kids[i]->one;
	}
	return one;
}

static void reads(struct plan *plan, const struct expr *e, bool record)
{
	if (record && !plan->jq->reads)
		plan->jq->reads = e;
}

static void plan_native_call(struct plan *plan, struct expr *e, bool record)
{
	bool inner = e->fn->special == FN_MAP || e->fn->special == FN_ANY ||
		     e->fn->special == FN_ALL || e->fn->special >= FN_SORT_BY;
	bool blind = names_reads_nothing(e->name) ||
		     (e->count && (e->fn->special == FN_ERROR || e->fn->special == FN_FIRST ||
				   e->fn->special == FN_LIMIT));
	if (!blind)
		reads(plan, e, record);
	bool one = plan_kids(plan, e, record && !inner);
	switch (e->fn->special) {
	case FN_PLAIN:
		e->one = one;
		return;
	case FN_ANY:
	case FN_ALL:
		plan->native &= one;
		e->one = true;
		return;
	case FN_LIMIT:
	case FN_RANGE2:
		plan->native &= e->kids[0]->one && (e->fn->special == FN_LIMIT || one);
		return;
	case FN_MAP:
	case FN_SORT_BY:
	case FN_GROUP_BY:
	case FN_UNIQUE_BY:
	case FN_MIN_BY:
	case FN_MAX_BY:
		e->one = true;
		return;
	default:
		return;
	}
}

static void plan_call(struct plan *plan, struct expr *e, bool record)
{
	if (e->fn) {
		plan_native_call(plan, e, record);
		return;
	}
	plan->native = false;
	if (plan->jq->own_functions || !names_reads_nothing(e->name))
		reads(plan, e, record);
	plan_kids(plan, e, record);
}

/* ---- everything ------------------------------------------------------------------------------------------ */

/* Gives its input on, or nothing: what follows still sees the record. */
static bool passes_input(const struct expr *e)
{
	while (e->kind == EXPR_PIPE && passes_input(e->b))
		e = e->a;
	return e->kind == EXPR_SELF ||
	       (e->kind == EXPR_CALL && e->fn &&
		(e->fn->special == FN_SELECT || e->fn->special == FN_TYPED));
}

static void plan_object(struct plan *plan, struct expr *e, bool record)
{
	e->one = plan_kids(plan, e, record);
	e->op = 1; /* all keys are known and differ */
	for (size_t i = 0; i < e->count; i += 2) {
		if (e->kids[i]->kind != EXPR_CONST)
			e->op = 0;
		for (size_t j = 0; j < i && e->op; j += 2)
			if (slice_eq(e->kids[j]->name, e->kids[i]->name))
				e->op = 0;
	}
}

static void plan_parts(struct plan *plan, struct expr *e, bool record)
{
	struct expr *parts[] = { e->a, e->b, e->c };
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (parts[i])
			plan_expr(plan, parts[i], record);
}

static bool one(const struct expr *e)
{
	return !e || e->one;
}

static void plan_other(struct plan *plan, struct expr *e, bool record)
{
	switch (e->kind) {
	case EXPR_SELF:
	case EXPR_RECURSE:
	case EXPR_FORMAT:
		reads(plan, e, record);
		e->one = e->kind != EXPR_RECURSE;
		plan->native &= e->kind != EXPR_FORMAT || e->op != FORMAT_BASE64D;
		return;
	case EXPR_STRING:
		e->one = plan_kids(plan, e, record);
		plan->native &= e->op != FORMAT_BASE64D;
		return;
	case EXPR_COMMA:
		plan_kids(plan, e, record);
		return;
	case EXPR_OBJECT:
		plan_object(plan, e, record);
		return;
	case EXPR_CALL:
		plan_call(plan, e, record);
		return;
	case EXPR_OUTER:
	case EXPR_CONST:
	case EXPR_VAR:
		e->one = true;
		return;
	case EXPR_PROGRAM:
		if (e->program->reads)
			reads(plan, e, record);
		return;
	default: /* def, label, break, foreach, updates */
		plan->native = false;
		if (e->kind == EXPR_DEF)
			reads(plan, e, record);
		plan_kids(plan, e, record);
		plan_parts(plan, e, record);
	}
}

static void plan_expr(struct plan *plan, struct expr *e, bool record)
{
	e->one = false;
	if (e->depth > EXPR_NATIVE_DEPTH)
		plan->native = false;
	switch (e->kind) {
	case EXPR_FIELD:
		e->slot = -1;
		if (record && is_path(e)) {
			plan_path(plan, e);
			return;
		}
		/* fall through */
	case EXPR_INDEX:
	case EXPR_SLICE:
	case EXPR_ITERATE:
		plan_parts(plan, e, record);
		e->one = one(e->a) && one(e->b) && one(e->c) && !e->optional &&
			 e->kind != EXPR_ITERATE;
		return;
	case EXPR_NEGATE:
	case EXPR_BINARY:
	case EXPR_AND:
	case EXPR_OR:
	case EXPR_ALT:
	case EXPR_IF:
		plan_parts(plan, e, record);
		e->one = one(e->a) && one(e->b) && one(e->c);
		return;
	case EXPR_ARRAY:
	case EXPR_TRY:
		plan_parts(plan, e, record);
		e->one = e->kind == EXPR_ARRAY;
		return;
	case EXPR_PIPE:
		plan_expr(plan, e->a, record);
		plan_expr(plan, e->b, record && passes_input(e->a));
		e->one = e->a->one && e->b->one;
		return;
	case EXPR_AS:
	case EXPR_REDUCE:
		plan->native &= e->slot >= 0;
		plan_kids(plan, e, record);
		plan_expr(plan, e->a, record);
		plan_expr(plan, e->b, record);
		if (e->c)
			plan_expr(plan, e->c, false);
		e->one = e->b->one && (e->kind == EXPR_REDUCE || e->a->one);
		if (e->kind == EXPR_REDUCE) /* several starts: jq 1.6 has its own idea of that */
			plan->native &= e->b->one;
		return;
	default:
		plan_other(plan, e, record);
	}
}

void expr_plan(struct jq *jq)
{
	struct plan plan = { .jq = jq, .native = !jq->own_functions };
	jq->paths = NULL;
	jq->path_count = 0;
	jq->reads = NULL;
	plan_expr(&plan, jq->root, true);
	jq->native = plan.native;
	jq->constant = jq->native && !jq->reads &&
		       !(jq->outer & (1u << OUTER_RES | 1u << OUTER_ROWS | 1u << OUTER_META));
}
