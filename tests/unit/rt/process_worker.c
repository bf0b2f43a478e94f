/* process_worker.c - whatever a worker does, it costs its own call only
 *
 * The program is its own worker: with "worker" as first argument it serves calls whose first part says how to behave. */
#include "worker_pool.h"
#include "child.h"

/* ---- what a worker may do ------------------------------------------------------------------ */

TEST_IN_REAL_LOOP(each_harm_costs_one_call)
{
	struct hk_process_pool *pool =
		pool_of(NULL, (struct hk_process_pool_options){ .workers = 1 });
	char text[512], pid[512];

	for (size_t i = 0; i < QUICK_MODES; i++) {
		CHECK_INT(call_text(pool, "echo", pid), 0);
		if (call_text(pool, modes[i].name, text) != modes[i].outcome)
			CHECK_STR(text, modes[i].name);
		CHECK(text[0]);
		if (modes[i].outcome < 0 && modes[i].outcome != -EREMOTEIO)
			CHECK(wait_gone(pid_in(pid)));
	}
	CHECK_INT(call_text(pool, "echo", text), 0);
	CHECK_INT(stats_of(pool).crashed, 8);
	CHECK_INT(stats_of(pool).started, 9);
	hk_process_pool_free(pool);
}

struct said {
	const char *mode;
	int result;
	const char *why;
};

TEST_IN_REAL_LOOP(why_says_what_happened)
{
	static const struct said said[] = {
		{ "crash", -EPIPE,
		  "worker was killed by signal 11 (Segmentation fault); its last output: first "
		  "line | about to crash" },
		{ "abort", -EPIPE, "worker was killed by signal 6 (Aborted)" },
		{ "exit", -EPIPE, "worker exited with status 3" },
		{ "half", -EPIPE, "worker exited with status 0" },
		{ "daemon", -EPIPE, "worker exited with status 5" },
		{ "close", -EPIPE, "worker closed its pipe without an answer" },
		{ "error", -EREMOTEIO,
		  "cannot read page 7: no such font | in 'report' ?[31m? ?\xc3\xa9" },
		{ "garbage", -EBADMSG, "worker wrote what is no frame: Warning: deprecated" },
		{ "huge", -EMSGSIZE, "worker's answer is larger than 67108864 bytes" },
		{ "other call", -EBADMSG, "worker's frame is broken, or not what was asked for" },
		{ "babble", -EBADMSG, "worker's frame is broken, or not what was asked for" },
	};
	struct hk_process_pool *pool = pool_new(1);
	int64_t start = hk_now_exact_ns();
	char text[512];

	for (size_t i = 0; i < ARRAY_SIZE(said); i++) {
		CHECK_INT(call_text(pool, said[i].mode, text), said[i].result);
		CHECK_STR(text, said[i].why);
	}
	CHECK(hk_now_exact_ns() - start <
	      15 * HK_SEC); /* nobody waited for the daemon, which has 20 s */
	hk_process_pool_free(pool);
}

TEST_IN_REAL_LOOP(what_workers_print_meets_no_frame)
{
	struct hk_process_pool *pool = pool_new(1);
	char first[512], text[512];

	CHECK_INT(call_text(pool, "print", first), 0);
	CHECK_INT(call_text(pool, "flood", text), 0);
	CHECK_STR(text, first);
	CHECK_INT(call_text(pool, "exit", text), -EPIPE);
	CHECK_STR(
		text,
		"worker exited with status 3"); /* what it printed before belongs to other calls */
	hk_process_pool_free(pool);
}

/* Both leave a child behind; until it has ended only the pool's own tasks run. */
static void check_between_calls(const char *mode, unsigned started)
{
	struct hk_process_pool *pool = pool_new(1);
	char text[512];

	CHECK_INT(call_text(pool, mode, text), 0);
	for (int i = 0; i < 5000 && !is_gone(pid_in(text)); i++)
		CHECK_INT(hk_sleep(2 * HK_MS), 0);
	CHECK(is_gone(pid_in(text)));
	CHECK_INT(call_text(pool, "echo", text), 0);
	CHECK_INT(stats_of(pool).started, started);
	hk_process_pool_free(pool);
}

TEST_IN_REAL_LOOP(a_worker_may_print_between_calls)
{
	check_between_calls("flood later", 1);
}

TEST_IN_REAL_LOOP(a_worker_that_talks_unasked_is_not_used_again)
{
	check_between_calls("babble later", 2);
}

/* It says hello, and is gone before the call: it has the blame, and is not started for ever. */
TEST_IN_REAL_LOOP(a_worker_that_only_greets_costs_its_call)
{
	struct hk_process_pool *pool =
		pool_of("leaves", (struct hk_process_pool_options){ .workers = 1 });
	char text[512];

	for (uint64_t i = 1; i <= 3; i++) {
		CHECK_INT(call_text(pool, "echo", text), -EPIPE);
		CHECK_STR(text, "worker exited with status 4");
		CHECK_INT(stats_of(pool).started, i);
	}
	hk_process_pool_free(pool);
}

TEST_IN_REAL_LOOP(an_answer_before_the_end_is_an_answer)
{
	struct hk_process_pool *pool = pool_new(1);
	struct hk_answer a;

	for (int i = 0; i < 20; i++) {
		CHECK_INT(call(pool, "answer and exit", (struct slice){ 0 }, &a), 0);
		hk_answer_done(&a);
	}
	hk_process_pool_free(pool);
}

static int call_long_answer(void *arg)
{
	struct hk_answer a;
	int r = call(arg, "answer and leave children", (struct slice){ 0 }, &a);

	CHECK(r < 0 || (a.parts_n == 1 && a.parts[0].n == 8000));
	hk_answer_done(&a);
	return r;
}

/* Its end is seen between two reads of the answer, and its group takes longer to end than the rest takes to read. */
TEST_IN_REAL_LOOP(a_worker_that_is_ending_is_not_idle_again)
{
	struct hk_process_pool *pool = pool_new(1);
	struct hk_group g;
	char text[512];

	CHECK_INT(call_text(pool, "echo", text), 0);
	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, call_long_answer, pool), 0);
	CHECK_INT(hk_yield(), 0);
	while (!is_gone(pid_in(text)))
		usleep(1000); /* the loop stands: the pool sees the answer and the end at once */
	CHECK_INT(hk_group_close(&g, 0), 0);
	hk_process_pool_free(pool);
}

TEST_IN_REAL_LOOP(an_idle_worker_that_dies_costs_no_call)
{
	struct hk_process_pool *pool = pool_new(1);
	char text[512];

	for (int i = 0; i < 10; i++) {
		CHECK_INT(call_text(pool, "echo", text), 0);
		CHECK_INT(kill(pid_in(text), SIGKILL), 0);
		while (!is_gone(pid_in(text)))
			usleep(1000); /* the loop stands: the pool has not seen it yet */
	}
	CHECK_INT(call_text(pool, "echo", text), 0);
	CHECK_INT(stats_of(pool).crashed, 10);
	hk_process_pool_free(pool);
}

/* ---- a worker in another language ---------------------------------------------------------- */

static bool copy_worker(FILE *page, FILE *to)
{
	char line[512];
	bool inside = false;

	while (fgets(line, sizeof(line), page)) {
		if (inside && strcmp(line, "```\n") == 0)
			return true;
		if (inside)
			fputs(line, to);
		inside |= strcmp(line, "```python\n") == 0;
	}
	return false;
}

/* The page's example, as it stands there. */
static bool write_worker(const char *path)
{
	char page_path[4096];
	const char *docs = getenv("HOCKET_DOCS");
	FILE *page, *to;
	bool found;

	snprintf(page_path, sizeof(page_path), "%s/reference/worker-protocol.md",
		 docs ? docs : "docs");
	page = fopen(page_path, "r");
	to = fopen(path, "w");
	CHECK(page && to);
	found = page && to && copy_worker(page, to);
	if (page)
		fclose(page);
	if (to)
		fclose(to);
	return found;
}

static void check_python(struct hk_process_pool *pool)
{
	struct hk_part parts[3] = { { "one two", 7 }, { "", 0 }, { "\xff", 1 } };
	struct hk_answer a;

	for (int i = 0; i < 3; i++) {
		CHECK_INT(hk_process_pool_call(pool, parts, 2, &a), 0);
		CHECK_INT(a.parts_n, 2);
		for (size_t part = 0; part < a.parts_n; part++)
			CHECK_SLICE(((struct slice){ a.parts[part].bytes, a.parts[part].n }),
				    part ? S("0") : S("2"));
		hk_answer_done(&a);
		CHECK_INT(hk_process_pool_call(pool, parts, 3, &a), -EREMOTEIO);
		CHECK(slice_starts(slice_str(a.why), S("UnicodeDecodeError: ")));
		hk_answer_done(&a);
	}
	CHECK_INT(stats_of(pool).started, 1);
}

TEST_IN_REAL_LOOP(the_worker_of_the_manual_works)
{
	char path[] = "/tmp/hocket-worker-XXXXXX";
	int fd = mkstemp(path);
	const char *argv[] = { "python3", path, NULL };
	struct hk_process_pool_options o = { .argv = argv, .workers = 2 };
	struct hk_process_pool *pool;

	CHECK(fd >= 0 && close(fd) == 0);
	CHECK(write_worker(path));
	if (access("/usr/bin/python3", X_OK) < 0) {
		printf("# SKIPPED: there is no python3 here, the manual's worker was not run\n");
	} else {
		CHECK_INT(hk_process_pool_new(&o, &pool), 0);
		check_python(pool);
		hk_process_pool_free(pool);
	}
	unlink(path);
}

static const struct test tests[] = {
	T(each_harm_costs_one_call),
	T(why_says_what_happened),
	T(what_workers_print_meets_no_frame),
	T(a_worker_may_print_between_calls),
	T(a_worker_that_talks_unasked_is_not_used_again),
	T(a_worker_that_only_greets_costs_its_call),
	T(an_answer_before_the_end_is_an_answer),
	T(a_worker_that_is_ending_is_not_idle_again),
	T(an_idle_worker_that_dies_costs_no_call),
	T(the_worker_of_the_manual_works),
};

int main(int argc, char **argv)
{
	return is_worker(argc, argv) ? worker_main(argc, argv) : RUN_TESTS(tests);
}
