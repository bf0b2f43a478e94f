/* jq_program.c - compiled programs: made, joined, run
 *
 * What this room is for: the calls of expr.h. A program is run by the native evaluator when it can be, else by libjq.
 * What flows through:    program text in; for each evaluation an env in, JSON text out.
 * What must hold:
 *  (1) an evaluation keeps nothing: its memory goes back to the thread's list before it returns, so a record's bytes may move.
 *  (2) evaluations nest: a yield may run other programs, or the same one.
 *  (3) on an error nothing was appended to the caller's buffer. */
#include "engine/language/jq_eval.h"
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "base/banned.h"

/* ---- memory of evaluations, per thread -------------------------------------------------------------------- */

static _Thread_local struct scratch *free_scratch;
static pthread_key_t scratch_key;
static pthread_once_t scratch_once = PTHREAD_ONCE_INIT;

/* At the end of a thread. The argument is only there because a destructor runs for what is not NULL. */
static void scratch_drop(void *any)
{
	(void)any;
	while (free_scratch) {
		struct scratch *s = free_scratch;
		free_scratch = s->next;
		arena_free(s->arena);
		buf_done(&s->buf);
		free(s);
	}
}

static void scratch_key_make(void)
{
	ASSERT(pthread_key_create(&scratch_key, scratch_drop) == 0);
}

/* The list grows to the deepest nesting that a thread has seen and ends with the thread. */
struct scratch *scratch_take(void)
{
	struct scratch *s = free_scratch;
	if (s) {
		free_scratch = s->next;
		return s;
	}
	pthread_once(&scratch_once, scratch_key_make);
	pthread_setspecific(scratch_key, &scratch_key);
	s = xcalloc(1, sizeof(*s));
	s->arena = arena_new();
	return s;
}

void scratch_give(struct scratch *s)
{
	enum { KEEP = 1 << 20 };
	arena_reset(s->arena);
	buf_clear(&s->buf);
	if (s->buf.cap > KEEP)
		buf_done(&s->buf);
	s->next = free_scratch;
	free_scratch = s;
}

/* ---- one evaluation ----------------------------------------------------------------------------------------- */

static void eval_begin(struct eval *ev, const struct jq *jq, const struct env *env)
{
	*ev = (struct eval){ .program = jq, .env = env, .scratch = scratch_take() };
	ev->arena = ev->scratch->arena;
	ev->record = val_text(json_trim(env->record.n ? env->record : S("null")));
	if (jq->var_count)
		ev->vars = arena_alloc(ev->arena, jq->var_count * sizeof(*ev->vars));
}

int jq_fail(struct err *err, struct slice words)
{
	bool capital = words.n > 1 && words.p[0] >= 'A' && words.p[0] <= 'Z' && words.p[1] >= 'a' &&
		       words.p[1] <= 'z';
	if (!capital)
		return fail(err, FAULT_JQ, "%.*s", SLICE(words));
	return fail(err, FAULT_JQ, "%c%.*s", words.p[0] - 'A' + 'a',
		    SLICE(((struct slice){ words.p + 1, words.n - 1 })));
}

static int eval_failed(struct eval *ev, struct err *err)
{
	struct val *error = &ev->error;
	if (ev->fault != FAULT_JQ)
		return fail(err, ev->fault, "%.*s", SLICE(val_string(ev, error)));
	if (error->type != JSON_STRING)
		return fail(err, FAULT_JQ, "error(%.*s)", SLICE(val_shown(ev, error, 200)));
	return jq_fail(err, val_string(ev, error));
}

struct yielding {
	struct taker taker;
	jq_yield *yield;
	void *arg;
	struct err *err;
};

static int yield_value(struct taker *t, struct eval *ev, const struct val *v)
{
	struct yielding *y = container_of(t, struct yielding, taker);
	struct buf *buf = &ev->scratch->buf;
	if (v->text) {
		ev->yielded = y->yield(y->arg, v->s, y->err);
		return ev->yielded ? STOPPED : GO;
	}
	size_t start = buf->n;
	if (val_write(ev, v, false, buf) < 0)
		return eval_too_large(ev);
	/* a yield may evaluate, and other evaluations have other buffers: the text stays where it is */
	ev->yielded = y->yield(y->arg, buf_since(buf, start), y->err);
	buf_truncate(buf, start);
	return ev->yielded ? STOPPED : GO;
}

static int native_each(const struct jq *jq, const struct env *env, jq_yield *yield, void *arg,
		       struct err *err)
{
	struct eval ev;
	struct yielding y = { { yield_value }, yield, arg, err };
	eval_begin(&ev, jq, env);
	int rc = eval_each(&ev, jq->root, &ev.record, &y.taker);
	ASSERT(rc != BREAKING);
	int result = rc == RAISED ? eval_failed(&ev, err) : rc == STOPPED ? ev.yielded : 0;
	scratch_give(ev.scratch);
	return result;
}

int near_each(const struct jq *jq, const struct env *env, jq_yield *yield, void *arg,
	      struct err *err)
{
	return jq->native ? native_each(jq, env, yield, arg, err)
			  : library_each(jq, env, yield, arg, err);
}

/* ---- exactly one value --------------------------------------------------------------------------------------------- */

struct only {
	struct buf *out;
	size_t start;
	unsigned count;
};

static int only_yield(void *arg, struct slice value, struct err *err)
{
	struct only *only = arg;
	if (only->count++)
		return fail(err, FAULT_JQ,
			    "gave 2 values where one is wanted: [...] collects them, first(...) "
			    "takes the first");
	int error = buf_add(only->out, value);
	return error < 0 ? fail_errno(err, FAULT_IO, error, "cannot keep the program's value") : 0;
}

static int native_one(const struct jq *jq, const struct env *env, struct buf *out, struct err *err)
{
	struct eval ev;
	size_t start = out->n;
	eval_begin(&ev, jq, env);
	int rc = eval_write(&ev, jq->root, &ev.record, out);
	ASSERT(rc == GO || rc == RAISED);
	int result = rc == RAISED ? eval_failed(&ev, err) : 1;
	if (result < 0)
		buf_truncate(out, start);
	scratch_give(ev.scratch);
	return result;
}

int near_one(const struct jq *jq, const struct env *env, struct buf *out, struct err *err)
{
	struct only only = { out, out->n, 0 };
	if (jq->native && jq->root->one)
		return native_one(jq, env, out, err);
	int rc = near_each(jq, env, only_yield, &only, err);
	if (rc == 0)
		return only.count ? 1 : 0;
	buf_truncate(out, only.start);
	return -1;
}

/* ---- truth ------------------------------------------------------------------------------------------------------------ */

static int truth_yield(void *arg, struct slice value, struct err *err)
{
	enum json_type type = json_type(value);
	*(int *)arg = type != JSON_NULL && type != JSON_FALSE;
	return 1; /* only the first value counts */
}

static int native_truth(const struct jq *jq, const struct env *env, struct err *err)
{
	struct eval ev;
	struct val v;
	eval_begin(&ev, jq, env);
	int rc = eval_one(&ev, jq->root, &ev.record, &v);
	ASSERT(rc == GO || rc == RAISED);
	int result = rc == RAISED ? eval_failed(&ev, err) : val_truthy(&v);
	scratch_give(ev.scratch);
	return result;
}

int near_truth(const struct jq *jq, const struct env *env, struct err *err)
{
	int truth = 0;
	if (jq->native && jq->root->one)
		return native_truth(jq, env, err);
	int rc = near_each(jq, env, truth_yield, &truth, err);
	return rc < 0 ? -1 : truth;
}

/* ---- making programs ----------------------------------------------------------------------------------------------------- */

static struct jq *jq_new(void)
{
	struct jq *jq = xcalloc(1, sizeof(*jq));
	jq->arena = arena_new();
	return jq;
}

void jq_free(struct jq *jq)
{
	if (!jq)
		return;
	for (size_t i = 0; i < jq->part_count; i++)
		jq_free(jq->parts[i]);
	free(jq->parts);
	library_free(jq->library);
	arena_free(jq->arena);
	free(jq);
}

int jq_parse_text(struct slice text, size_t from, bool embedded, const struct expr_names *names,
		  struct jq **ret, size_t *ret_end, struct expr_error *error)
{
	struct jq *jq = jq_new();
	int rc = expr_parse(jq, text, from, embedded, names, ret_end, error);
	if (rc == 0) {
		expr_plan(jq);
		*ret = take(jq);
	}
	jq_free(jq);
	return rc;
}

static int compile(struct slice text, size_t from, bool embedded, const struct expr_names *names,
		   struct jq **ret, size_t *ret_end, struct expr_error *error)
{
	struct jq *jq = NULL;
	int rc = jq_parse_text(text, from, embedded, names, &jq, ret_end, error);
	if (rc == 0 && !jq->native)
		rc = library_compile(jq, from, error);
	if (rc == 0)
		*ret = take(jq);
	jq_free(jq);
	return rc;
}

int jq_program_compile(struct slice program, const struct expr_names *names, struct jq **ret,
		       struct expr_error *error)
{
	size_t end;
	*ret = NULL;
	return compile(program, 0, false, names, ret, &end, error);
}

int jq_program_compile_part(struct slice text, size_t from, const struct expr_names *names,
			    struct jq **ret, size_t *ret_end, struct expr_error *error)
{
	*ret = NULL;
	return compile(text, from, true, names, ret, ret_end, error);
}

/* Programs that are joined keep their variables apart: their values come one inside the other. */
static void shift_slots(struct expr *e, int by)
{
	struct expr *parts[] = { e->a, e->b, e->c };
	if ((e->kind == EXPR_VAR || e->kind == EXPR_AS || e->kind == EXPR_REDUCE) && e->slot >= 0)
		e->slot += by;
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (parts[i])
			shift_slots(parts[i], by);
	for (size_t i = 0; i < e->count; i++)
		shift_slots(e->kids[i], by);
}

static struct expr *node(struct jq *jq, enum expr_kind kind)
{
	struct expr *e = arena_zero(jq->arena, sizeof(*e));
	*e = (struct expr){ .kind = kind, .slot = -1, .depth = 1 };
	return e;
}

static struct expr *key_node(struct jq *jq, struct slice key)
{
	struct expr *e = node(jq, EXPR_CONST);
	AUTO(buf_done) struct buf quoted = { 0 };
	ASSERT(json_quote(key, &quoted) == 0); /* keys come out of a file of at most 1 MiB */
	e->name = arena_copy(jq->arena, key);
	e->value = val_text(arena_copy(jq->arena, buf_slice(&quoted)));
	return e;
}

static struct expr *value_node(struct jq *jq, struct jq *value)
{
	if (value->native) {
		shift_slots(value->root, (int)jq->var_count);
		jq->var_count += value->var_count;
		return value->root;
	}
	struct expr *e = node(jq, EXPR_PROGRAM);
	e->program = value;
	return e;
}

struct jq *jq_new_object(const struct slice *keys, struct jq **values_taken, size_t n)
{
	struct jq *jq = jq_new();
	jq->root = node(jq, EXPR_OBJECT);
	jq->root->kids = arena_alloc(jq->arena, (2 * n + 1) * sizeof(struct expr *));
	jq->root->count = 2 * n;
	jq->parts = xcalloc(n ? n : 1, sizeof(*jq->parts));
	jq->part_count = n;
	for (size_t i = 0; i < n; i++) {
		struct jq *value = values_taken[i];
		jq->parts[i] = value;
		jq->outer |= value->outer;
		jq->about |= value->about;
		jq->root->kids[2 * i] = key_node(jq, keys[i]);
		jq->root->kids[2 * i + 1] = value_node(jq, value);
	}
	expr_plan(jq);
	ASSERT(jq->native);
	return jq;
}

/* ---- what is known of a program -------------------------------------------------------------------------------------------- */

bool jq_native(const struct jq *jq)
{
	for (size_t i = 0; i < jq->part_count; i++)
		if (!jq_native(jq->parts[i]))
			return false;
	return jq->native;
}

bool jq_wants_about(const struct jq *jq)
{
	return jq->about;
}

bool jq_reads_input(const struct jq *jq)
{
	return jq->reads != NULL;
}

bool jq_constant(const struct jq *jq)
{
	return jq->constant && jq_native(jq);
}
