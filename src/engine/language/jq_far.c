/* jq_far.c - programs over big records run in a thread of the CPU pool
 *
 * What this room is for: libjq needs 30 ms for a MB and the native evaluator up to 10; meanwhile no other request, timer or
 *   signal would be served. So the public calls of expr.h decide here, by size, where a program runs.
 * What flows through:    the caller's program, env and buffer, lent to the thread while the caller is parked; for jq_each all
 *   values at once, which are given to yield when they are back on the loop.
 * What must hold:
 *  (1) the result is the same wherever it was made: the same values before the same error.
 *  (2) an evaluation is not cut short by cancellation, as it is not on the loop: a record never fails because of where it ran.
 *  (3) where no thread can be had, and outside a task, it runs here. */
#include "engine/language/jq_eval.h"
#include <errno.h>
#include <hocket/offload.h>
#include <hocket/run.h>
#include <hocket/scope.h>
#include <string.h>

#include "base/banned.h"

/* What is smaller is done within 2 ms or so: libjq takes 30 ms for a MB, the native evaluator 1 to 10. */
#define FAR_LIBRARY ((size_t)64 << 10)
#define FAR_NATIVE  ((size_t)256 << 10)
#define VALUES_MAX  ((size_t)256 << 20)

struct far {
	const struct jq *jq;
	const struct env *env;
	struct buf *out;
	struct err *err;
	int result;
	int (*fn)(void *); /* else: something of which programs are a part */
	void *arg;
};

static size_t size_of(const struct env *env)
{
	return env->record.n + env->rows.n + (env->res ? env->res->body.n : 0);
}

static bool is_far(const struct jq *jq, const struct env *env)
{
	size_t size = size_of(env);

	return size > FAR_LIBRARY && (size > FAR_NATIVE || !jq_native(jq)) && hk_running();
}

/* false: there is no thread for it. */
static bool go_far(struct far *f, hk_fn *fn) SUSPENDS
{
	struct hk_scope shield;
	int r;

	hk_scope_open_shield(&shield, HK_FOREVER);
	r = hk_offload_with(fn, f,
			    &(struct hk_offload_options){ .pool = HK_POOL_CPU,
							  .name = "jq over a big record" });
	ASSERT(r != -ECANCELED);
	return hk_scope_close(&shield, r) == 0;
}

static int far_other(void *arg)
{
	struct far *f = arg;
	f->result = f->fn(f->arg);
	return 0;
}

bool jq_run_far(const struct jq *jq, const struct env *env, int (*fn)(void *), void *arg)
{
	struct far f = { .fn = fn, .arg = arg };

	return is_far(jq, env) && go_far(&f, far_other);
}

/* ---- all values ---------------------------------------------------------------------------------------- */

/* Each value is its length and its bytes. */
static int keep(void *arg, struct slice value, struct err *err)
{
	struct buf *values = arg;
	int r = buf_add(values, (struct slice){ (const char *)&value.n, sizeof(value.n) });

	r = r < 0 ? r : buf_add(values, value);
	return r < 0 ? fail_errno(err, FAULT_TOO_LARGE, r, "the program's values are too many") : 0;
}

static int far_each(void *arg)
{
	struct far *f = arg;
	f->result = near_each(f->jq, f->env, keep, f->out, f->err);
	return 0;
}

static int give_values(struct slice values, jq_yield *yield, void *arg, struct err *err)
{
	size_t at = 0;

	while (at < values.n) {
		struct slice value = { 0 };
		int r;
		memcpy(&value.n, values.p + at, sizeof(value.n));
		value.p = values.p + at + sizeof(value.n);
		ASSERT(value.n <= values.n - at - sizeof(value.n));
		at += sizeof(value.n) + value.n;
		r = yield(arg, value, err);
		if (r)
			return r;
	}
	return 0;
}

int jq_each(const struct jq *jq, const struct env *env, jq_yield *yield, void *arg, struct err *err)
{
	AUTO(buf_done) struct buf values = { .max = VALUES_MAX };
	struct err failure = { 0 };
	struct far f = { .jq = jq, .env = env, .out = &values, .err = &failure };
	int r;

	if (!is_far(jq, env) || !go_far(&f, far_each))
		return near_each(jq, env, yield, arg, err);
	r = give_values(buf_slice(&values), yield, arg, err);
	if (r == 0 && f.result < 0 && err)
		*err = failure;
	return r ? r : f.result;
}

/* ---- one value, truth ------------------------------------------------------------------------------------- */

static int far_one(void *arg)
{
	struct far *f = arg;
	f->result = near_one(f->jq, f->env, f->out, f->err);
	return 0;
}

int jq_one(const struct jq *jq, const struct env *env, struct buf *out, struct err *err)
{
	struct far f = { .jq = jq, .env = env, .out = out, .err = err };

	if (!is_far(jq, env) || !go_far(&f, far_one))
		return near_one(jq, env, out, err);
	return f.result;
}

static int far_truth(void *arg)
{
	struct far *f = arg;
	f->result = near_truth(f->jq, f->env, f->err);
	return 0;
}

int jq_truth(const struct jq *jq, const struct env *env, struct err *err)
{
	struct far f = { .jq = jq, .env = env, .err = err };

	if (!is_far(jq, env) || !go_far(&f, far_truth))
		return near_truth(jq, env, err);
	return f.result;
}
