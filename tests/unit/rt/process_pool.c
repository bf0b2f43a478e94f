/* process_pool.c - who gets which worker, what cancels a call, and how all of it ends
 *
 * The program is its own worker: with "worker" as first argument it serves calls whose first part says how to behave. */
#include "worker_pool.h"
#include "child.h"
#include "base/rand.h"
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>

/* ---- what works ---------------------------------------------------------------------------- */

TEST_IN_REAL_LOOP(nothing_starts_before_a_call)
{
	struct hk_process_pool *pool = pool_new(4);

	CHECK_INT(stats_of(pool).workers, 0);
	hk_process_pool_free(pool);
	hk_process_pool_free(NULL);
}

TEST_IN_REAL_LOOP(one_worker_stays_warm)
{
	struct hk_process_pool *pool = pool_new(4);
	char first[512], next[512];

	CHECK_INT(call_text(pool, "echo", first), 0);
	for (int i = 0; i < 50; i++) {
		CHECK_INT(call_text(pool, "echo", next), 0);
		CHECK_STR(next, first);
	}
	CHECK_INT(stats_of(pool).started, 1);
	CHECK_INT(stats_of(pool).workers, 1);
	CHECK_INT(stats_of(pool).calls, 51);
	CHECK_INT(stats_of(pool).busy, 0);
	hk_process_pool_free(pool);
	CHECK(is_gone(pid_in(first)));
}

/* Larger than pipes, in both directions at once. */
TEST_IN_REAL_LOOP(large_parts_go_through)
{
	struct hk_process_pool *pool = pool_new(1);
	size_t n = (5u << 20) + 13;
	char *blob = xmalloc(n);
	struct hk_answer a;

	for (size_t i = 0; i < n; i++)
		blob[i] = (char)(i * 7 + i / 1000);
	CHECK_INT(call(pool, "echo", (struct slice){ blob, n }, &a), 0);
	CHECK(slice_eq(answer_text(&a), (struct slice){ blob, n }));
	hk_answer_done(&a);
	CHECK_INT(call(pool, "echo", S(""), &a), 0);
	CHECK_INT(a.parts_n, 1);
	CHECK_SLICE(answer_text(&a), S(""));
	hk_answer_done(&a);
	free(blob);
	hk_process_pool_free(pool);
}

struct numbered {
	struct hk_process_pool *pool;
	int number;
	char got[16];
};

static int echo_number(void *arg)
{
	struct numbered *c = arg;
	char text[16];
	struct hk_answer a;
	int r;

	snprintf(text, sizeof(text), "%d", c->number);
	r = call(c->pool, "echo", slice_str(text), &a);
	snprintf(c->got, sizeof(c->got), "%.*s", SLICE(answer_text(&a)));
	hk_answer_done(&a);
	return r;
}

TEST_IN_REAL_LOOP(ten_thousand_calls_over_four_workers)
{
	enum { N = 10000 };
	struct hk_process_pool *pool = pool_new(4);
	struct numbered *calls = xcalloc(N, sizeof(*calls));
	int wrong = 0;

	for (int i = 0; i < N; i++)
		calls[i] = (struct numbered){ .pool = pool, .number = i };
	CHECK_INT(hk_gather(echo_number, calls, N, sizeof(*calls),
			    &(struct hk_gather_options){ .limit = 64 }),
		  0);
	for (int i = 0; i < N; i++) {
		char want[16];
		snprintf(want, sizeof(want), "%d", i);
		wrong += strcmp(calls[i].got, want) != 0;
	}
	CHECK_INT(wrong, 0);
	CHECK_INT(stats_of(pool).started, 4);
	CHECK_INT(stats_of(pool).waiting, 0);
	hk_process_pool_free(pool);
	free(calls);
}

/* Order of coming: two calls hold the workers, those behind them are served in turn. */
struct queued {
	struct hk_process_pool *pool;
	int number, result;
	struct trace *trace;
	struct hk_scope scope;
};

static int call_in_line(void *arg)
{
	struct queued *q = arg;
	char text[512];

	hk_scope_open(&q->scope, HK_FOREVER);
	q->result = call_text(q->pool, "echo", text);
	(void)hk_scope_close(&q->scope, 0);
	trace_add(q->trace, "%d", q->number);
	return 0;
}

TEST_IN_REAL_LOOP(calls_are_served_in_the_order_of_coming)
{
	struct hk_process_pool *pool = pool_new(1);
	struct trace trace = { 0 };
	struct queued q[6];
	struct hk_group g;

	hk_group_open(&g, NULL);
	for (int i = 0; i < 6; i++) {
		q[i] = (struct queued){ .pool = pool, .number = i, .result = 1, .trace = &trace };
		CHECK_INT(hk_spawn(&g, call_in_line, &q[i]), 0);
	}
	CHECK_INT(hk_yield(), 0);
	CHECK_INT(stats_of(pool).waiting, 6);
	hk_scope_cancel(&q[3].scope); /* leaves the line; no worker is harmed */
	CHECK_INT(stats_of(pool).waiting, 5);
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_STR(trace.text, "3 0 1 2 4 5");
	CHECK_INT(q[3].result, -ECANCELED);
	CHECK_INT(stats_of(pool).started, 1);
	CHECK_INT(stats_of(pool).crashed, 0);
	hk_process_pool_free(pool);
}

/* ---- time-outs, cancellation --------------------------------------------------------------- */

TEST_IN_REAL_LOOP(a_hanging_call_times_out_with_its_grandchild)
{
	struct hk_process_pool *pool = pool_of(
		NULL, (struct hk_process_pool_options){ .workers = 1, .timeout_ns = 2 * HK_SEC });
	char pid[512], text[512];

	CHECK_INT(call_text(pool, "grandchild", pid), 0);
	CHECK_INT(call_text(pool, "sleep", text), -ETIMEDOUT);
	CHECK_STR(text, "worker had no answer within 2 s and was killed");
	CHECK(wait_gone(pid_in(pid)));
	CHECK_INT(call_text(pool, "echo", text), 0);
	CHECK_INT(stats_of(pool).timed_out, 1);
	CHECK_INT(stats_of(pool).crashed, 0);
	hk_process_pool_free(pool);
}

TEST_IN_REAL_LOOP(a_cancelled_call_kills_its_worker_at_once)
{
	struct hk_process_pool *pool = pool_new(1);
	char pid[512], text[512];
	struct hk_scope scope;
	int64_t start;

	CHECK_INT(call_text(pool, "echo", pid), 0);
	hk_scope_open(&scope, 20 * HK_MS);
	start = hk_now_exact_ns();
	CHECK_INT(call_text(pool, "sleep", text), -ECANCELED);
	CHECK_STR(text, "call was cancelled");
	CHECK(hk_now_exact_ns() - start < 5 * HK_SEC);
	CHECK_INT(call_text(pool, "echo", text), -ECANCELED);
	CHECK_INT(hk_scope_close(&scope, -ECANCELED), -ETIMEDOUT);
	CHECK(wait_gone(pid_in(pid)));
	CHECK_INT(call_text(pool, "echo", text), 0);
	CHECK(pid_in(text) != pid_in(pid));
	hk_process_pool_free(pool);
}

/* The second call is given the worker, and cancelled before it runs: nothing was sent, nobody is killed. */
TEST_IN_REAL_LOOP(a_call_cancelled_before_it_began_harms_no_worker)
{
	struct hk_process_pool *pool = pool_new(1);
	struct trace trace = { 0 };
	struct queued q = { .pool = pool, .trace = &trace };
	char first[512], text[512];
	struct hk_group g;

	CHECK_INT(call_text(pool, "echo", first), 0);
	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, call_in_line, &q), 0);
	CHECK_INT(call_text(pool, "echo", text), 0);
	CHECK_INT(stats_of(pool).busy, 1); /* its own by now */
	hk_scope_cancel(&q.scope);
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(q.result, -ECANCELED);
	CHECK_INT(call_text(pool, "echo", text), 0);
	CHECK_STR(text, first);
	hk_process_pool_free(pool);
}

TEST_IN_REAL_LOOP(a_call_of_too_many_parts_is_refused)
{
	struct hk_process_pool *pool = pool_new(1);
	struct hk_part *parts = xcalloc(65537, sizeof(*parts));
	struct hk_answer a;

	parts[0] = (struct hk_part){ "echo", 4 };
	CHECK_INT(hk_process_pool_call(pool, parts, 65537, &a), -E2BIG);
	CHECK_STR(a.why, "call has more than 65536 parts");
	CHECK_INT(stats_of(pool).workers, 0);
	CHECK_INT(hk_process_pool_call(pool, parts, 65536, &a), 0);
	CHECK_SLICE(answer_text(&a), S(""));
	hk_answer_done(&a);
	hk_process_pool_free(pool);
	free(parts);
}

/* More than a pipe holds, to one that is dead and to one that does not read: no signal, no writer that waits for ever. */
TEST_IN_REAL_LOOP(large_calls_do_not_hang_on_the_dead_and_the_deaf)
{
	static char blob[1 << 20];
	struct hk_process_pool_options o = { .workers = 1, .timeout_ns = HK_SEC };
	struct hk_process_pool *dead = pool_of("leaves", o), *deaf = pool_of("deaf", o);
	struct slice large = { blob, sizeof(blob) };
	struct hk_scope scope;
	struct hk_answer a;

	CHECK_INT(call(dead, "echo", large, &a), -EPIPE);
	CHECK_INT(call(deaf, "echo", large, &a), -ETIMEDOUT);
	hk_scope_open(&scope, 100 * HK_MS);
	CHECK_INT(call(deaf, "echo", large, &a), -ECANCELED);
	(void)hk_scope_close(&scope, 0);
	hk_process_pool_free(dead);
	hk_process_pool_free(deaf);
}

/* The worker needs longer to start than the first caller has patience: the second finds it warm. */
TEST_IN_REAL_LOOP(a_start_outlives_its_caller)
{
	struct hk_process_pool *pool =
		pool_of("slow", (struct hk_process_pool_options){ .workers = 1 });
	struct hk_scope scope;
	char text[512];

	for (int i = 0; i < 2; i++) {
		hk_scope_open(&scope, 50 * HK_MS);
		CHECK_INT(hk_scope_close(&scope, call_text(pool, "echo", text)), -ETIMEDOUT);
	}
	CHECK_INT(call_text(pool, "echo", text), 0);
	CHECK_INT(stats_of(pool).started, 1);
	hk_process_pool_free(pool);
}

/* ---- starts that fail ---------------------------------------------------------------------- */

static void check_start(const char *how, const char *why)
{
	struct hk_process_pool *pool =
		pool_of(how, (struct hk_process_pool_options){ .workers = 2,
							       .start_timeout_ns = 3 * HK_SEC });
	char text[512];

	CHECK_INT(call_text(pool, "echo", text), -ENOEXEC);
	CHECK_STR(text, why);
	CHECK_INT(stats_of(pool).started, 0);
	CHECK_INT(stats_of(pool).workers, 0);
	hk_process_pool_free(pool);
}

TEST_IN_REAL_LOOP(a_worker_that_cannot_start_says_why)
{
	check_start("silent", "worker did not say hello within 3.0 s");
	check_start("dies", "worker exited with status 1 before it was ready; its last output: "
			    "ImportError: no module named report");
	check_start("version", "worker speaks version 2 of the protocol, not 1");
	check_start("talks", "worker wrote what is no frame: Welcome! | ");
}

/* Twenty calls wait; each start fails once, nothing is tried again by itself. */
TEST_IN_REAL_LOOP(all_waiting_calls_learn_that_no_worker_starts)
{
	const char *argv[] = { "/nonexistent/worker", NULL };
	struct hk_process_pool_options o = { .argv = argv, .workers = 3 };
	struct trace trace = { 0 };
	struct hk_process_pool *pool;
	struct queued q[20];
	struct hk_group g;
	char text[512];

	CHECK_INT(hk_process_pool_new(&o, &pool), 0);
	hk_group_open(&g, NULL);
	for (int i = 0; i < 20; i++) {
		q[i] = (struct queued){ .pool = pool, .trace = &trace };
		CHECK_INT(hk_spawn(&g, call_in_line, &q[i]), 0);
	}
	CHECK_INT(hk_group_close(&g, 0), 0);
	for (int i = 0; i < 20; i++)
		CHECK_INT(q[i].result, -ENOEXEC);
	CHECK_INT(call_text(pool, "echo", text), -ENOEXEC);
	CHECK_STR(text,
		  "worker '/nonexistent/worker' cannot be started: No such file or directory");
	hk_process_pool_free(pool);
	o.argv = (const char *[]){ NULL };
	CHECK_INT(hk_process_pool_new(&o, &pool), -EINVAL);
}

/* So many descriptors are left: each system call of a start has its turn to fail. Then there are enough again. */
static int start_with_few(unsigned left)
{
	struct hk_process_pool *pool = pool_new(1);
	struct rlimit former, few;
	char text[512];
	int r;

	CHECK_INT(getrlimit(RLIMIT_NOFILE, &former), 0);
	few = (struct rlimit){ (rlim_t)open_fds() - 1 + left, former.rlim_max };
	CHECK_INT(setrlimit(RLIMIT_NOFILE, &few), 0);
	r = call_text(pool, "echo", text);
	CHECK(r == 0 || strstr(text, "cannot be started: Too many open files"));
	CHECK_INT(setrlimit(RLIMIT_NOFILE, &former), 0);
	CHECK_INT(call_text(pool, "echo", text), 0);
	CHECK_INT(stats_of(pool).started, 1);
	hk_process_pool_free(pool);
	return r;
}

TEST_IN_REAL_LOOP(a_start_that_failed_is_tried_by_the_next_call)
{
	int failed = 0;

	for (unsigned left = 0; left < 20; left++) {
		int r = start_with_few(left);
		CHECK(r == 0 || r == -ENOEXEC);
		failed += r != 0;
	}
	CHECK(failed > 5 && failed < 20);
	printf("# %d of 20 starts had too few descriptors\n", failed);
}

/* ---- recycling ----------------------------------------------------------------------------- */

TEST_IN_REAL_LOOP(workers_are_replaced_after_so_many_calls)
{
	struct hk_process_pool *pool =
		pool_of(NULL, (struct hk_process_pool_options){ .workers = 1, .recycle_calls = 5 });
	char text[512];

	for (int i = 0; i < 23; i++)
		CHECK_INT(call_text(pool, "echo", text), 0);
	CHECK_INT(stats_of(pool).started, 5);
	CHECK_INT(stats_of(pool).recycled, 4);
	CHECK_INT(stats_of(pool).crashed, 0);
	hk_process_pool_free(pool);
}

TEST_IN_REAL_LOOP(workers_are_replaced_above_so_much_memory)
{
	struct hk_process_pool *pool =
		pool_of(NULL, (struct hk_process_pool_options){ .workers = 1,
								.recycle_bytes = 170u << 20 });
	char text[512];

	for (int i = 0; i < 10; i++)
		CHECK_INT(call_text(pool, "leak", text), 0);
	CHECK(stats_of(pool).recycled >= 2 && stats_of(pool).recycled <= 5);
	CHECK_INT(stats_of(pool).crashed, 0);
	hk_process_pool_free(pool);
}

/* ---- chaos --------------------------------------------------------------------------------- */

struct chance {
	struct hk_process_pool *pool;
	const struct mode *mode;
	int64_t patience_ns; /* HK_FOREVER: is not cancelled */
	int number, result;
	bool right;
};

static int try_chance(void *arg)
{
	struct chance *c = arg;
	struct hk_scope scope;
	struct hk_answer a;
	char text[32];

	snprintf(text, sizeof(text), "call %d", c->number);
	hk_scope_open(&scope, c->patience_ns);
	c->result = call(c->pool, c->mode->name, slice_str(text), &a);
	c->right = c->result < 0 ? a.why[0] && !a.parts_n && !a.storage_
				 : slice_eq(answer_text(&a), slice_str(text));
	hk_answer_done(&a);
	(void)hk_scope_close(&scope, c->result);
	return 0;
}

static void check_chance(const struct chance *c)
{
	bool cancelled = c->patience_ns != HK_FOREVER && c->result == -ECANCELED;

	CHECK(c->right);
	if (!cancelled && c->result != c->mode->outcome) {
		printf("# call %d, %s\n", c->number, c->mode->name);
		CHECK_INT(c->result, c->mode->outcome);
	}
}

static void run_chances(struct hk_process_pool *pool, uint64_t seed)
{
	enum { N = 500 };
	struct chance *chances = xcalloc(N, sizeof(*chances));
	struct rand rand;

	rand_seed(&rand, seed);
	for (int i = 0; i < N; i++) {
		uint64_t dice = rand_below(&rand, 100);
		const struct mode *mode =
			dice < 50 ? &modes[0] : &modes[rand_below(&rand, QUICK_MODES)];
		mode = i % 170 == 100 ? find_mode(S("sleep")) : mode;
		chances[i] = (struct chance){ pool, mode, HK_FOREVER, i, 0, false };
		if (dice % 5 == 0)
			chances[i].patience_ns = (int64_t)rand_below(&rand, 8000) * HK_US;
	}
	CHECK_INT(hk_gather(try_chance, chances, N, sizeof(*chances),
			    &(struct hk_gather_options){ .limit = 12 }),
		  0);
	for (int i = 0; i < N; i++)
		check_chance(&chances[i]);
	free(chances);
}

TEST_IN_REAL_LOOP(chaos_costs_nobody_else)
{
	struct hk_process_pool *pool = pool_of(
		NULL, (struct hk_process_pool_options){ .workers = 4, .timeout_ns = 4 * HK_SEC });
	struct hk_process_pool_stats s;

	run_chances(pool, 20);
	s = stats_of(pool);
	CHECK_INT(s.busy, 0);
	CHECK_INT(s.waiting, 0);
	CHECK(s.workers <= 4);
	/* Its width is whole again: four calls at once have four workers. */
	struct numbered calls[40];
	for (int i = 0; i < 40; i++)
		calls[i] = (struct numbered){ .pool = pool, .number = i };
	CHECK_INT(hk_gather(echo_number, calls, 40, sizeof(calls[0]), NULL), 0);
	CHECK_INT(stats_of(pool).workers, 4);
	hk_process_pool_free(pool);
}

/* ---- the end of everything ----------------------------------------------------------------- */

static int call_and_report_pid(void *arg)
{
	char text[512];

	CHECK_INT(call_text(arg, "grandchild", text), 0);
	printf("%s\n", text);
	fflush(stdout);
	return call_text(arg, "sleep", text);
}

static int parent_body(void *arg)
{
	struct hk_process_pool *pool = pool_new(2);
	struct hk_group g;

	(void)arg;
	hk_group_open(&g, NULL);
	for (int i = 0; i < 2; i++)
		CHECK_INT(hk_spawn(&g, call_and_report_pid, pool), 0);
	return hk_group_close(&g, 0);
}

static int call_stay(void *arg)
{
	struct queued *q = arg;
	char text[512];
	return call_text(q->pool, "stay", text);
}

/* Eight that do not want to leave, together; the caller is cancelled, too. */
TEST_IN_REAL_LOOP(free_takes_no_longer_than_the_grace)
{
	struct hk_process_pool *pool = pool_of(
		NULL, (struct hk_process_pool_options){ .workers = 8, .process.grace_ns = HK_SEC });
	struct queued q[8];
	struct hk_scope scope;
	int64_t start;

	for (int i = 0; i < 8; i++)
		q[i] = (struct queued){ .pool = pool };
	CHECK_INT(hk_gather(call_stay, q, 8, sizeof(q[0]), NULL), 0);
	hk_scope_open(&scope, HK_FOREVER);
	hk_scope_cancel(&scope);
	start = hk_now_exact_ns();
	hk_process_pool_free(pool);
	CHECK(hk_now_exact_ns() - start >= HK_SEC);
	CHECK(hk_now_exact_ns() - start < 5 * HK_SEC);
	CHECK_INT(hk_scope_close(&scope, 0), 0);
}

/* Its task has not run yet, and the call that wanted it has just been cancelled. */
TEST_IN_REAL_LOOP(free_ends_a_worker_before_it_has_begun)
{
	struct hk_process_pool *pool = pool_new(1);
	struct trace trace = { 0 };
	struct queued q = { .pool = pool, .trace = &trace };
	struct hk_group g;

	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, call_in_line, &q), 0);
	CHECK_INT(hk_yield(), 0);
	CHECK_INT(stats_of(pool).waiting, 1);
	hk_group_cancel(&g);
	hk_process_pool_free(pool);
	CHECK_INT(hk_group_close(&g, 0), 0);
}

static int free_early(void *arg)
{
	struct hk_process_pool *pool = pool_new(1);
	struct queued q = { .pool = pool, .trace = arg };
	struct hk_group g;

	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, call_in_line, &q), 0);
	CHECK_INT(hk_yield(), 0);
	hk_process_pool_free(pool);
	return hk_group_close(&g, 0);
}

static int never_free(void *arg)
{
	char text[512];

	(void)arg;
	return call_text(pool_new(1), "echo", text);
}

static int run_free_early(void)
{
	struct trace trace = { 0 };

	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
	return hk_run(free_early, &trace, NULL);
}

static int run_never_free(void)
{
	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
	return hk_run(never_free, NULL, NULL);
}

static void check_dies(int (*fn)(void), const char *words)
{
	static struct child c;

	child_run(&c, fn);
	CHECK(WIFSIGNALED(c.status) && WTERMSIG(c.status) == SIGABRT);
	CHECK(has(c.words, words));
}

TEST(misuse_is_named)
{
	check_dies(run_free_early, "hk_process_pool_free() while a call is on the way");
	check_dies(run_never_free, "main function while \"process pool\" is still in use");
}

TEST_IN_REAL_LOOP(a_worker_without_a_pool_says_so)
{
	const char *argv[] = { self, "worker", NULL };
	struct hk_process_output out;

	CHECK_INT(hk_process_run(argv, NULL, &out), 0);
	CHECK_INT(out.exit.status, 2);
	CHECK(strstr(out.err, "this program is a worker"));
	free(out.out);
	free(out.err);
}

/* A program with a pool is killed as hard as can be, one that computes and one that waits, each with a grandchild. */
TEST(no_worker_survives_its_pool)
{
	const char *argv[] = { self, "parent", NULL };
	char line[2][32] = { "", "" };
	int ends[2];
	FILE *out;
	pid_t parent;

	CHECK_INT(pipe2(ends, O_CLOEXEC), 0);
	parent = fork();
	if (parent == 0) {
		dup2(ends[1], STDOUT_FILENO);
		execv(self, (char **)(uintptr_t)argv);
		_exit(127);
	}
	close(ends[1]);
	out = fdopen(ends[0], "r");
	for (int i = 0; i < 2; i++) {
		CHECK(fgets(line[i], sizeof(line[i]), out));
		line[i][strcspn(line[i], "\n")] = 0;
	}
	CHECK_INT(kill(parent, SIGKILL), 0);
	CHECK_INT(waitpid(parent, NULL, 0), parent);
	CHECK(!fgets(line[0] + 16, 16, out)); /* nobody holds its standard output any more */
	for (int i = 0; i < 2; i++)
		CHECK(wait_gone(pid_in(line[i])));
	fclose(out);
}

static const struct test tests[] = {
	T(nothing_starts_before_a_call),
	T(one_worker_stays_warm),
	T(large_parts_go_through),
	T(ten_thousand_calls_over_four_workers),
	T(calls_are_served_in_the_order_of_coming),
	T(a_hanging_call_times_out_with_its_grandchild),
	T(a_cancelled_call_kills_its_worker_at_once),
	T(a_call_cancelled_before_it_began_harms_no_worker),
	T(a_call_of_too_many_parts_is_refused),
	T(large_calls_do_not_hang_on_the_dead_and_the_deaf),
	T(a_start_outlives_its_caller),
	T(a_worker_that_cannot_start_says_why),
	T(all_waiting_calls_learn_that_no_worker_starts),
	T(a_start_that_failed_is_tried_by_the_next_call),
	T(workers_are_replaced_after_so_many_calls),
	T(workers_are_replaced_above_so_much_memory),
	T(chaos_costs_nobody_else),
	T(free_takes_no_longer_than_the_grace),
	T(free_ends_a_worker_before_it_has_begun),
	T(misuse_is_named),
	T(a_worker_without_a_pool_says_so),
	T(no_worker_survives_its_pool),
};

int main(int argc, char **argv)
{
	if (is_worker(argc, argv))
		return worker_main(argc, argv);
	if (argc > 1 && strcmp(argv[1], "parent") == 0)
		return hk_run(parent_body, NULL, NULL) != 0;
	return RUN_TESTS(tests);
}
