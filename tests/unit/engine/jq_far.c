/* jq_far.c - programs over big records: the same results, and the loop goes on meanwhile */
#include "check.h"
#include "engine/language/jq_ast.h"
#include <errno.h>
#include <hocket/hocket.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

enum { BIG = 5 << 20 };

/* What is compared with is run on the loop, for longer than is proper. */
static const struct hk_run_options quiet = { .stall_ns = HK_FOREVER };

/* {"id":1,"big":12345678901234567890,"items":[{"k":0,"s":"item number 0"},...]} of n bytes and a little */
static void put_record(struct buf *out, size_t n)
{
	CHECK_INT(buf_printf(out, "{\"id\":1,\"big\":12345678901234567890,\"items\":["), 0);
	for (int i = 0; out->n < n; i++)
		CHECK_INT(buf_printf(out, "%s{\"k\":%d,\"s\":\"item number %d\"}", i ? "," : "", i,
				     i),
			  0);
	CHECK_INT(buf_printf(out, "]}"), 0);
}

static struct jq *compiled(const char *program)
{
	struct expr_names names = { .response = true };
	struct jq *jq = NULL;
	struct expr_error error;
	if (jq_program_compile(slice_str(program), &names, &jq, &error) < 0)
		printf("# %s: %s\n", program, error.text);
	CHECK(jq != NULL);
	return jq;
}

static int add_line(void *arg, struct slice value, struct err *err)
{
	(void)err;
	return buf_add(arg, value) < 0 || buf_add_char(arg, '\n') < 0 ? -1 : 0;
}

static uint64_t offloads(void)
{
	struct hk_stats stats;
	hk_stats_get(&stats);
	return stats.offloads;
}

/* ---- the same results --------------------------------------------------------------------------------------- */

static void compare_each(const struct jq *jq, const struct env *env) SUSPENDS
{
	AUTO(buf_done) struct buf near = { 0 }, far = { 0 };
	struct err near_err = { 0 }, far_err = { 0 };
	int want = near_each(jq, env, add_line, &near, &near_err);
	CHECK_INT(jq_each(jq, env, add_line, &far, &far_err), want);
	CHECK(slice_eq(buf_slice(&far), buf_slice(&near)));
	CHECK_STR(far_err.text, near_err.text);
	CHECK_INT(far_err.fault, near_err.fault);
}

static void compare_one(const struct jq *jq, const struct env *env) SUSPENDS
{
	AUTO(buf_done) struct buf near = { 0 }, far = { 0 };
	struct err near_err = { 0 }, far_err = { 0 };
	int want = near_one(jq, env, &near, &near_err);
	CHECK_INT(jq_one(jq, env, &far, &far_err), want);
	CHECK(slice_eq(buf_slice(&far), buf_slice(&near)));
	CHECK_STR(far_err.text, near_err.text);
	want = near_truth(jq, env, &near_err);
	CHECK_INT(jq_truth(jq, env, &far_err), want);
}

static int results_main(void *arg) SUSPENDS
{
	static const char *const programs[] = {
		"[.items[] | select(.s | test(\"7$\")) | .k] | length", /* libjq */
		".items[] | select(.k < 100) | .s |= ascii_upcase",
		".items[0:2][].k, (.id |= 5 | .id), error(\"behind\")",
		".big, (.items[0] | .k |= . + 1)", /* with marks */
		"[.items[].k] | length",           /* native */
		".items[] | select(.k < 3)",
		".nothing.at.all",
		".items[0].k.x",
		"empty",
	};
	AUTO(buf_done) struct buf record = { 0 };
	(void)arg;
	put_record(&record, (1 << 20) + 100000);
	struct env env = { .record = buf_slice(&record) };
	for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
		struct jq *jq = compiled(programs[i]);
		uint64_t before = offloads();
		compare_each(jq, &env);
		compare_one(jq, &env);
		CHECK_INT(offloads() - before, 3);
		jq_free(jq);
	}
	return 0;
}

TEST(results_are_the_same)
{
	CHECK_INT(hk_run(results_main, NULL, &quiet), 0);
}

static int sizes_main(void *arg) SUSPENDS
{
	AUTO(buf_done) struct buf small = { 0 }, middle = { 0 }, out = { 0 };
	struct jq *native = compiled(".id"), *library = compiled(".id |= .");
	struct err err = { 0 };
	(void)arg;
	put_record(&small, 10000);
	put_record(&middle, 100000);
	struct env_response res = { .body = buf_slice(&middle) };
	struct env here = { .record = buf_slice(&small) }, there = { .record = buf_slice(&middle) };
	struct env answer = { .record = buf_slice(&small), .res = &res };
	CHECK_INT(jq_one(native, &here, &out, &err), 1);
	CHECK_INT(jq_one(library, &here, &out, &err), 1);
	CHECK_INT(jq_one(native, &there, &out, &err), 1);
	CHECK_INT(offloads(), 0); /* not worth it */
	CHECK_INT(jq_one(library, &there, &out, &err), 1);
	CHECK_INT(jq_one(library, &answer, &out, &err), 1);
	CHECK_INT(offloads(), 2);
	jq_free(native);
	jq_free(library);
	return 0;
}

TEST(small_records_stay_on_the_loop)
{
	CHECK_INT(hk_run(sizes_main, NULL, NULL), 0);
}

static int stop_at_two(void *arg, struct slice value, struct err *err)
{
	(void)value, (void)err;
	return ++*(int *)arg == 2 ? 42 : 0;
}

/* jq_far.c (2): a record does not fail because its task is cancelled while it is far away. */
static int cancelled_main(void *arg) SUSPENDS
{
	AUTO(buf_done) struct buf record = { 0 }, out = { 0 };
	struct jq *jq = compiled(".items[] | .k |= . | .k");
	struct err err = { 0 };
	struct hk_scope s;
	int n = 0;
	(void)arg;
	put_record(&record, 200000);
	struct env env = { .record = buf_slice(&record) };
	hk_scope_open(&s, 0);
	CHECK_INT(jq_each(jq, &env, add_line, &out, &err), 0);
	CHECK(slice_starts(buf_slice(&out), S("0\n1\n2\n")));
	CHECK_INT(jq_each(jq, &env, stop_at_two, &n, &err), 42);
	CHECK_INT(n, 2);
	CHECK_INT(hk_checkpoint(), -ECANCELED);
	CHECK_INT(hk_scope_close(&s, 0), 0);
	jq_free(jq);
	return 0;
}

TEST(cancellation_waits_for_the_value)
{
	CHECK_INT(hk_run(cancelled_main, NULL, NULL), 0);
}

/* The system gives no threads while this is set. */
static bool no_threads;
int __real_pthread_create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
int __wrap_pthread_create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
int __wrap_pthread_create(pthread_t *ret, const pthread_attr_t *attr, void *(*fn)(void *),
			  void *arg)
{
	return no_threads ? EAGAIN : __real_pthread_create(ret, attr, fn, arg);
}

static int no_threads_main(void *arg) SUSPENDS
{
	AUTO(buf_done) struct buf record = { 0 }, out = { 0 };
	struct jq *jq = compiled(".id |= . | .id");
	struct err err = { 0 };
	(void)arg;
	put_record(&record, 100000);
	struct env env = { .record = buf_slice(&record) };
	CHECK_INT(jq_one(jq, &env, &out, &err), 1);
	CHECK_INT(jq_each(jq, &env, add_line, &out, &err), 0);
	CHECK_INT(jq_truth(jq, &env, &err), 1);
	CHECK_SLICE(buf_slice(&out), S("11\n"));
	CHECK_INT(offloads(), 0);
	jq_free(jq);
	return 0;
}

/* jq_far.c (3) */
TEST(without_threads_it_runs_here)
{
	no_threads = true;
	CHECK_INT(hk_run(no_threads_main, NULL, &quiet), 0);
	no_threads = false;
}

/* ---- the loop goes on --------------------------------------------------------------------------------------- */

struct ticking {
	bool stop;
	int ticks;
};

static int tick(void *arg) SUSPENDS
{
	struct ticking *t = arg;
	while (!t->stop && hk_sleep(HK_MS) == 0)
		t->ticks++;
	return 0;
}

struct work {
	const struct jq *jq;
	const struct env *env;
	struct buf out;
	bool near;
};

static int work(void *arg) SUSPENDS
{
	struct work *w = arg;
	struct err err = { 0 };
	int r = w->near ? near_one(w->jq, w->env, &w->out, &err)
			: jq_one(w->jq, w->env, &w->out, &err);
	CHECK_INT(r, 1);
	return r < 0;
}

static int ticks_during(struct work *w, size_t n) SUSPENDS
{
	struct ticking t = { 0 };
	struct hk_group g;
	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, tick, &t), 0);
	CHECK_INT(hk_yield(), 0);
	CHECK_INT(hk_gather(work, w, n, sizeof(*w), NULL), 0);
	t.stop = true;
	CHECK_INT(hk_group_close(&g, 0), 0);
	return t.ticks;
}

static int ticks_main(void *arg) SUSPENDS
{
	AUTO(buf_done) struct buf record = { 0 };
	struct jq *jq = compiled("[.items[] | .k |= . + 1 | .k] | add");
	struct work w[4];
	(void)arg;
	put_record(&record, BIG);
	struct env env = { .record = buf_slice(&record) };
	for (size_t i = 0; i < 4; i++)
		w[i] = (struct work){ .jq = jq, .env = &env, .near = i == 0 };
	CHECK(ticks_during(&w[0], 1) <= 2); /* here nothing else has a turn */
	CHECK(ticks_during(&w[1], 1) >= 20);
	CHECK(ticks_during(&w[2], 2) >= 20);
	for (size_t i = 1; i < 4; i++)
		CHECK_SLICE(buf_slice(&w[i].out), buf_slice(&w[0].out));
	for (size_t i = 0; i < 4; i++)
		buf_done(&w[i].out);
	jq_free(jq);
	return 0;
}

TEST(other_tasks_run_meanwhile)
{
	CHECK_INT(hk_run(ticks_main, NULL, &quiet), 0);
}

/* ---- libjq's own habits ------------------------------------------------------------------------------------- */

/* jq_lib.c (4): a function in ~/.jq would replace a builtin. */
TEST(nobody_s_home_is_read)
{
	char folder[] = "/tmp/hocket-home-XXXXXX", path[64];
	AUTO(buf_done) struct buf out = { 0 };
	struct err err = { 0 };
	struct env env = { .record = S("[1,2]") };
	const char *former = getenv("HOME");
	AUTO(freep) char *kept = former ? xstrndup(former, strlen(former)) : NULL;
	CHECK(mkdtemp(folder) != NULL);
	snprintf(path, sizeof(path), "%s/.jq", folder);
	FILE *f = fopen(path, "w");
	CHECK(f && fputs("def map(f): \"poisoned\";\n", f) >= 0 && fclose(f) == 0);
	CHECK_INT(setenv("HOME", folder, 1), 0);
	struct jq *jq = compiled("map(. + 1) | .[0] |= .");
	CHECK_STR(getenv("HOME"), folder); /* it is there for everybody else */
	CHECK(!jq_native(jq));
	CHECK_INT(near_one(jq, &env, &out, &err), 1);
	CHECK_SLICE(buf_slice(&out), S("[2,3]"));
	jq_free(jq);
	CHECK_INT(kept ? setenv("HOME", kept, 1) : unsetenv("HOME"), 0);
	CHECK_INT(unlink(path), 0);
	CHECK_INT(rmdir(folder), 0);
}

/* libjq 1.6 loses a few bytes by itself, when it joins constant strings. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libjq.so\n";
}

static const struct test tests[] = {
	T(results_are_the_same),
	T(small_records_stay_on_the_loop),
	T(cancellation_waits_for_the_value),
	T(other_tasks_run_meanwhile),
	T(nobody_s_home_is_read),
	T(without_threads_it_runs_here),
};

int main(void)
{
	return RUN_TESTS(tests);
}
