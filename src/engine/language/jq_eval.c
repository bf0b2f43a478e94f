/* jq_eval.c - the native evaluator: a tree, an input, the values it gives
 *
 * What this room is for: what most pipelines say (paths, comparisons, objects, strings) without libjq and without parsing.
 * What flows through:    values by continuation: eval_each hands each one to a taker and asks for the next when it returns GO.
 * What must hold:
 *  (1) what gives one value by plan (expr.one) runs by eval_one: no taker, no frame per value. The rest is in jq_each.c.
 *  (2) of two operands the right one is evaluated first, as in jq: it decides which error is raised.
 *  (3) nothing suspends, and the stack taken is bounded by the tree's depth (EXPR_NATIVE_DEPTH). */
#include "engine/language/jq_eval.h"
#include "base/clock.h"
#include <stdarg.h>
#include <string.h>

#include "base/banned.h"

#define ROOM ((size_t)64 << 20) /* bytes one evaluation may hold */

/* ---- raising ------------------------------------------------------------------------------------------- */

int eval_raise(struct eval *ev, const char *fmt, ...)
{
	char text[400];
	va_list args;
	va_start(args, fmt);
	int n = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	size_t length = n < 0 ? 0 : (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1;
	ev->error = VAL_STRING(
		arena_copy(ev->arena, utf8_head((struct slice){ text, length }, length)));
	ev->fault = FAULT_JQ;
	return RAISED;
}

int eval_raise_on(struct eval *ev, const struct val *bad, const char *what)
{
	return eval_raise(ev, "%s (%.*s) %s", val_type_name(bad), SLICE(val_shown(ev, bad, 15)),
			  what);
}

int eval_raise_on2(struct eval *ev, const struct val *a, const struct val *b, const char *what)
{
	return eval_raise(ev, "%s (%.*s) and %s (%.*s) %s", val_type_name(a),
			  SLICE(val_shown(ev, a, 15)), val_type_name(b),
			  SLICE(val_shown(ev, b, 15)), what);
}

int eval_too_large(struct eval *ev)
{
	eval_raise(ev, "the program makes more than %zu MB out of this record", ROOM >> 20);
	ev->fault = FAULT_TOO_LARGE;
	return RAISED;
}

int eval_room(struct eval *ev)
{
	return arena_bytes(ev->arena) <= ROOM ? GO : eval_too_large(ev);
}

/* ---- outer names ----------------------------------------------------------------------------------------- */

static int text_or(struct slice text, struct slice otherwise, struct val *ret)
{
	*ret = val_text(json_trim(text.n ? text : otherwise));
	return GO;
}

static int make_response(struct eval *ev)
{
	const struct env_response *res = ev->env->res;
	struct val status = VAL_NUMBER(res->status), headers, body;
	ev->res = (struct val){ .type = JSON_OBJECT };
	text_or(res->headers, S("{}"), &headers);
	text_or(res->body, S("null"), &body);
	if (val_object_set(ev, &ev->res, S("status"), &status) != GO ||
	    val_object_set(ev, &ev->res, S("headers"), &headers) != GO)
		return RAISED;
	return val_object_set(ev, &ev->res, S("body"), &body);
}

static int make_meta(struct eval *ev)
{
	const struct env_meta *meta = ev->env->meta;
	AUTO(buf_done) struct buf time = { 0 };
	if (clock_put_utc(&time, meta->wall_ns) < 0)
		return eval_too_large(ev);
	struct val id = VAL_STRING(meta->id), source = VAL_STRING(meta->source),
		   when = VAL_STRING(arena_copy(ev->arena, buf_slice(&time)));
	struct val position = VAL_NUMBER((double)meta->position),
		   attempt = VAL_NUMBER(meta->attempt);
	ev->meta = (struct val){ .type = JSON_OBJECT };
	if (val_object_set(ev, &ev->meta, S("id"), &id) != GO ||
	    val_object_set(ev, &ev->meta, S("source"), &source) != GO ||
	    val_object_set(ev, &ev->meta, S("position"), &position) != GO ||
	    val_object_set(ev, &ev->meta, S("attempt"), &attempt) != GO)
		return RAISED;
	return val_object_set(ev, &ev->meta, S("time"), &when);
}

/* What an evaluation was not given is null. */
static int outer_value(struct eval *ev, enum outer which, struct val *ret)
{
	*ret = VAL_NULL;
	if (which == OUTER_ROWS)
		return text_or(ev->env->rows, S("null"), ret);
	bool *made = which == OUTER_RES ? &ev->res_made : &ev->meta_made;
	if (which == OUTER_RES ? !ev->env->res : !ev->env->meta)
		return GO;
	if (!*made && (which == OUTER_RES ? make_response(ev) : make_meta(ev)) != GO)
		return RAISED;
	*made = true;
	*ret = which == OUTER_RES ? ev->res : ev->meta;
	return GO;
}

/* ---- one value -------------------------------------------------------------------------------------------- */

static int one_field(struct eval *ev, const struct expr *e, const struct val *in, struct val *ret)
{
	struct val of;
	if (e->slot >= 0) {
		ASSERT((size_t)e->slot < ev->program->path_count);
		if (!ev->paths)
			paths_find(ev);
		const struct path_slot *slot = &ev->paths[e->slot];
		if (slot->state == PATH_FOUND)
			*ret = val_text(slot->value);
		else
			*ret = VAL_NULL;
		if (slot->state != PATH_BLOCKED)
			return GO;
	}
	int rc = eval_one(ev, e->a, in, &of);
	return rc == GO ? index_field(ev, &of, e->name, ret) : rc;
}

static int one_index(struct eval *ev, const struct expr *e, const struct val *in, struct val *ret)
{
	struct val of, key;
	int rc = eval_one(ev, e->b, in, &key);
	if (rc == GO)
		rc = eval_one(ev, e->a, in, &of);
	return rc == GO ? index_value(ev, &of, &key, ret) : rc;
}

static int one_slice(struct eval *ev, const struct expr *e, const struct val *in, struct val *ret)
{
	struct val of, from = VAL_NULL, to = VAL_NULL;
	int rc = e->b ? eval_one(ev, e->b, in, &from) : GO;
	if (rc == GO && e->c)
		rc = eval_one(ev, e->c, in, &to);
	if (rc == GO)
		rc = eval_one(ev, e->a, in, &of);
	return rc == GO ? index_slice(ev, &of, &from, &to, ret) : rc;
}

static int one_string(struct eval *ev, const struct expr *e, const struct val *in, struct val *ret)
{
	struct buf *buf = &ev->scratch->buf;
	size_t start = buf->n;
	int rc = GO;
	/* the last interpolation is the outer loop in jq, so it also raises first */
	struct val *parts = arena_alloc(ev->arena, e->count * sizeof(*parts));
	for (size_t i = e->count; i-- > 0 && rc == GO;)
		rc = eval_one(ev, e->kids[i], in, &parts[i]);
	for (size_t i = 0; i < e->count && rc == GO; i++) {
		rc = format_put(ev, e->kids[i]->literal ? FORMAT_TEXT : (enum format)e->op,
				&parts[i], buf);
	}
	if (rc == GO)
		*ret = VAL_STRING(arena_copy(ev->arena, buf_since(buf, start)));
	buf_truncate(buf, start);
	return rc == GO ? eval_room(ev) : rc;
}

/* jq looks at a key when its value is there. */
int eval_check_key(struct eval *ev, const struct val *key)
{
	if (key->type == JSON_STRING)
		return GO;
	return eval_raise(ev, "Cannot use %s (%.*s) as object key", val_type_name(key),
			  SLICE(val_shown(ev, key, 15)));
}

static int one_object(struct eval *ev, const struct expr *e, const struct val *in, struct val *ret)
{
	struct val made = { .type = JSON_OBJECT }, key, value;
	for (size_t i = 0; i < e->count; i += 2) {
		int rc = eval_one(ev, e->kids[i], in, &key);
		if (rc == GO)
			rc = eval_one(ev, e->kids[i + 1], in, &value);
		if (rc == GO)
			rc = eval_check_key(ev, &key);
		if (rc == GO)
			rc = val_object_set(ev, &made, val_string(ev, &key), &value);
		if (rc != GO)
			return rc;
	}
	*ret = made;
	return GO;
}

struct collector {
	struct taker taker;
	struct val made;
};

static int collect(struct taker *t, struct eval *ev, const struct val *v)
{
	return val_array_add(ev, &container_of(t, struct collector, taker)->made, v);
}

static int one_array(struct eval *ev, const struct expr *e, const struct val *in, struct val *ret)
{
	struct collector all = { { collect }, { .type = JSON_ARRAY } };
	int rc = e->a ? eval_each(ev, e->a, in, &all.taker) : GO;
	*ret = all.made;
	return rc;
}

static int one_binary(struct eval *ev, const struct expr *e, const struct val *in, struct val *ret)
{
	struct val a, b;
	int rc = eval_one(ev, e->b, in, &b);
	if (rc == GO)
		rc = eval_one(ev, e->a, in, &a);
	return rc == GO ? math_binary(ev, (enum binary_op)e->op, &a, &b, ret) : rc;
}

static int one_logic(struct eval *ev, const struct expr *e, const struct val *in, struct val *ret)
{
	struct val v;
	bool decided_by = e->kind == EXPR_OR;
	int rc = eval_one(ev, e->a, in, &v);
	if (rc == GO && val_truthy(&v) != decided_by)
		rc = eval_one(ev, e->b, in, &v);
	*ret = VAL_BOOL(rc == GO && val_truthy(&v));
	return rc;
}

static int one_choice(struct eval *ev, const struct expr *e, const struct val *in, struct val *ret)
{
	struct val v;
	int rc = eval_one(ev, e->a, in, &v);
	if (rc != GO)
		return rc;
	if (e->kind == EXPR_IF)
		return eval_one(ev, val_truthy(&v) ? e->b : e->c, in, ret);
	if (!val_truthy(&v))
		return eval_one(ev, e->b, in, ret);
	*ret = v;
	return GO;
}

static int one_pipe(struct eval *ev, const struct expr *e, const struct val *in, struct val *ret)
{
	struct val v;
	int rc = eval_one(ev, e->a, in, &v);
	return rc == GO ? eval_one(ev, e->b, &v, ret) : rc;
}

static int one_as(struct eval *ev, const struct expr *e, const struct val *in, struct val *ret)
{
	ASSERT((size_t)e->slot < ev->program->var_count);
	int rc = eval_one(ev, e->a, in, &ev->vars[e->slot]);
	return rc == GO ? eval_one(ev, e->b, in, ret) : rc;
}

static int one_negation(struct eval *ev, const struct expr *e, const struct val *in,
			struct val *ret)
{
	struct val v;
	int rc = eval_one(ev, e->a, in, &v);
	return rc == GO ? math_negate(ev, &v, ret) : rc;
}

/* reduce: jq 1.6 takes the state away before the update runs, so an update that gives nothing leaves null. */
struct reduction {
	struct taker taker;
	struct taker update;
	const struct expr *e;
	struct val state;
};

static int reduce_update(struct taker *t, struct eval *ev, const struct val *v)
{
	container_of(t, struct reduction, update)->state = *v;
	return GO;
}

static int reduce_take(struct taker *t, struct eval *ev, const struct val *v)
{
	struct reduction *r = container_of(t, struct reduction, taker);
	struct val state = r->state;
	ev->vars[r->e->slot] = *v;
	r->state = VAL_NULL;
	return eval_each(ev, r->e->c, &state, &r->update);
}

static int one_reduce(struct eval *ev, const struct expr *e, const struct val *in, struct val *ret)
{
	struct reduction r = { { reduce_take }, { reduce_update }, e, VAL_NULL };
	int rc = eval_one(ev, e->b, in, &r.state);
	if (rc == GO)
		rc = eval_each(ev, e->a, in, &r.taker);
	*ret = r.state;
	return rc;
}

int eval_one(struct eval *ev, const struct expr *e, const struct val *in, struct val *ret)
{
	ASSERT(e->one);
	switch (e->kind) {
	case EXPR_SELF:
		*ret = *in;
		return GO;
	case EXPR_CONST:
		*ret = e->value;
		return GO;
	case EXPR_VAR:
		ASSERT((size_t)e->slot < ev->program->var_count);
		*ret = ev->vars[e->slot];
		return GO;
	case EXPR_OUTER:
		return outer_value(ev, (enum outer)e->op, ret);
	case EXPR_FIELD:
		return one_field(ev, e, in, ret);
	case EXPR_INDEX:
		return one_index(ev, e, in, ret);
	case EXPR_SLICE:
		return one_slice(ev, e, in, ret);
	case EXPR_STRING:
		return one_string(ev, e, in, ret);
	case EXPR_FORMAT:
		return format_string(ev, (enum format)e->op, in, ret);
	case EXPR_ARRAY:
		return one_array(ev, e, in, ret);
	case EXPR_OBJECT:
		return one_object(ev, e, in, ret);
	case EXPR_BINARY:
		return one_binary(ev, e, in, ret);
	case EXPR_AND:
	case EXPR_OR:
		return one_logic(ev, e, in, ret);
	case EXPR_ALT:
	case EXPR_IF:
		return one_choice(ev, e, in, ret);
	case EXPR_PIPE:
		return one_pipe(ev, e, in, ret);
	case EXPR_AS:
		return one_as(ev, e, in, ret);
	case EXPR_REDUCE:
		return one_reduce(ev, e, in, ret);
	case EXPR_NEGATE:
		return one_negation(ev, e, in, ret);
	case EXPR_CALL:
		return call_one(ev, e, in, ret);
	default:
		assert_failed("e gives one value", __FILE__, __LINE__, __func__);
	}
}

/* ---- text of one value ------------------------------------------------------------------------------------- */

/* An object of known keys is written as it is evaluated. */
static int write_object(struct eval *ev, const struct expr *e, const struct val *in,
			struct buf *out)
{
	for (size_t i = 0; i < e->count; i += 2) {
		if (buf_add_char(out, i ? ',' : '{') < 0 || buf_add(out, e->kids[i]->value.s) < 0 ||
		    buf_add_char(out, ':') < 0)
			return eval_too_large(ev);
		int rc = eval_write(ev, e->kids[i + 1], in, out);
		if (rc != GO)
			return rc;
	}
	return buf_add(out, e->count ? S("}") : S("{}")) < 0 ? eval_too_large(ev) : GO;
}

int eval_write(struct eval *ev, const struct expr *e, const struct val *in, struct buf *out)
{
	struct val v;
	if (e->kind == EXPR_OBJECT && e->op)
		return write_object(ev, e, in, out);
	int rc = eval_one(ev, e, in, &v);
	if (rc == GO && val_write(ev, &v, false, out) < 0)
		return eval_too_large(ev);
	return rc;
}
