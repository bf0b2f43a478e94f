/* fiber.c - who runs when, on which stack */
#include "in_loop.h"
#include "rt/sanitize.h"
#include <unistd.h>

#if defined(SANITIZE_ASAN) || defined(SANITIZE_TSAN)
enum { SANITIZED = 1 }; /* their frames are larger */
#else
enum { SANITIZED = 0 };
#endif

static struct trace trace;

struct walker {
	char name;
	int steps;
};

static int walk(void *arg)
{
	struct walker *w = arg;

	for (int i = 1; i <= w->steps; i++) {
		trace_add(&trace, "%c%d", w->name, i);
		CHECK_INT(hk_yield(), 0);
	}
	return 0;
}

/* trio: test_run.py, test_nursery_start... the order is ours: first spawned, first run, then in rounds */
TEST_IN_LOOP(tasks_run_in_rounds)
{
	struct walker w[] = { { 'a', 3 }, { 'b', 2 }, { 'c', 3 } };
	struct hk_group g;

	trace.n = 0;
	hk_group_open(&g, NULL);
	for (size_t i = 0; i < 3; i++)
		CHECK_INT(hk_spawn(&g, walk, &w[i]), 0);
	CHECK_INT(trace.n, 0); /* a new task runs when the spawner suspends, not before */
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_STR(trace.text, "a1 b1 c1 a2 b2 c2 a3 c3");
}

static int count_up(void *arg)
{
	int *n = arg;

	CHECK_INT(hk_sleep(HK_SEC), 0);
	(*n)++;
	CHECK_INT(hk_sleep(HK_SEC), 0);
	(*n)++;
	return 0;
}

TEST_IN_LOOP(ten_thousand_fibers)
{
	struct hk_stats stats;
	struct hk_group g;
	int n = 0;

	hk_group_open(&g, NULL);
	for (int i = 0; i < 10000; i++)
		CHECK_INT(hk_spawn(&g, count_up, &n), 0);
	CHECK_INT(hk_sleep(HK_SEC + HK_MS), 0);
	CHECK_INT(n, 10000);
	hk_stats_get(&stats);
	CHECK_INT(stats.fibers, 10001);
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(n, 20000);
	hk_stats_get(&stats);
	CHECK_INT(stats.fibers, 1);
	CHECK_INT(stats.fibers_high, 10001);
	CHECK_INT(stats.spawned, 10001);
	CHECK_INT(stats.timers, 20001);
}

static int stack_use(void *arg)
{
	volatile char deep[2 << 20];

	deep[0] = deep[sizeof(deep) - 1] = 1;
	CHECK(!hk_running()); /* on the loop's stack nobody may suspend */
	*(int *)arg = deep[0];
	return 17;
}

TEST_IN_LOOP(bigstack_is_deeper_than_a_fiber)
{
	int touched = 0;

	CHECK_INT(hk_bigstack(stack_use, &touched), 17);
	CHECK_INT(touched, 1);
	CHECK(hk_running());
}

TEST(bigstack_outside_a_task_is_a_call)
{
	int touched = 0;

	CHECK_INT(hk_bigstack(stack_use, &touched), 17);
	CHECK_INT(touched, 1);
}

static int use_bigstack_and_sleep(void *arg)
{
	int touched;

	for (int i = 0; i < 10; i++) {
		CHECK_INT(hk_bigstack(stack_use, &touched), 17);
		CHECK_INT(hk_sleep(HK_MS), 0);
		++*(int *)arg;
	}
	return 0;
}

TEST_IN_LOOP(bigstack_is_shared_in_turns)
{
	struct hk_group g;
	int n = 0;

	hk_group_open(&g, NULL);
	for (int i = 0; i < 20; i++)
		CHECK_INT(hk_spawn(&g, use_bigstack_and_sleep, &n), 0);
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(n, 200);
}

static int keep_busy(void *arg)
{
	bool *stop = arg;

	while (!*stop)
		CHECK_INT(hk_yield(), 0);
	return 0;
}

static int stop_later(void *arg)
{
	CHECK_INT(hk_sleep(HK_MS), 0);
	*(bool *)arg = true;
	return 0;
}

static int busy_main(void *arg)
{
	struct hk_group g;
	bool stop = false;

	(void)arg;
	hk_group_open(&g, NULL);
	for (int i = 0; i < 3; i++)
		CHECK_INT(hk_spawn(&g, keep_busy, &stop), 0);
	CHECK_INT(hk_spawn(&g, stop_later, &stop), 0);
	return hk_group_close(&g, 0);
}

/* On the real clock: tasks that never wait do not keep a timer from firing. */
TEST(busy_tasks_do_not_stop_the_clock)
{
	CHECK_INT(hk_run(busy_main, NULL, NULL), 0);
}

static int wait_for_pipe(void *arg)
{
	int *pipe_fd = arg;
	char byte = 0;

	CHECK_INT(hk_read(pipe_fd[0], &byte, 1), 1);
	return byte;
}

TEST_IN_LOOP(busy_tasks_do_not_keep_descriptors_waiting)
{
	int fds[2], rounds = 0, result = 0;
	struct hk_group g;

	CHECK_INT(pipe(fds), 0);
	hk_group_open(&g, NULL);
	CHECK_INT(hk_group_spawn(&g, wait_for_pipe, fds,
				 &(struct hk_spawn_options){ .result = &result }),
		  0);
	CHECK_INT(hk_yield(), 0);
	CHECK_INT(write(fds[1], "x", 1), 1);
	while (result == 0 && rounds++ < 10000)
		CHECK_INT(hk_yield(), 0);
	CHECK_INT(result, 'x');
	CHECK(rounds < 300);
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(hk_close(fds[0]), 0);
	CHECK_INT(hk_close(fds[1]), 0);
}

static int rename_self(void *arg)
{
	CHECK_STR(hk_task_name(hk_task_self()), "rename_self");
	hk_task_set_name(arg);
	CHECK_STR(hk_task_name(hk_task_self()), "second");
	return 0;
}

TEST_IN_LOOP(tasks_have_names)
{
	char name[] = "second";
	struct hk_group g;

	CHECK_STR(hk_task_name(hk_task_self()), "main");
	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, rename_self, name), 0);
	CHECK_INT(hk_group_close(&g, 0), 0);
}

/* A fiber's memory is the top of its stack: 4,000 parked ones cost two pages each at most. */
TEST_IN_LOOP(a_parked_task_costs_two_pages)
{
	enum { N = 4000 };
	struct hk_stats stats;
	struct hk_group g;
	int n = 0;

	hk_group_open(&g, NULL);
	for (int i = 0; i < N; i++)
		CHECK_INT(hk_spawn(&g, count_up, &n), 0);
	CHECK_INT(hk_yield(), 0);
	CHECK_INT(hk_yield(), 0);
	hk_stats_get(&stats);
	CHECK(stats.stack_bytes_touched >= (size_t)N * 4096);
	CHECK(SANITIZED || stats.stack_bytes_touched <= (size_t)(N + 20) * 2 * 4096);
	CHECK_INT(hk_group_close(&g, 0), 0);
}

static const struct test tests[] = {
	T(tasks_run_in_rounds),
	T(ten_thousand_fibers),
	T(bigstack_is_deeper_than_a_fiber),
	T(bigstack_outside_a_task_is_a_call),
	T(bigstack_is_shared_in_turns),
	T(busy_tasks_do_not_stop_the_clock),
	T(busy_tasks_do_not_keep_descriptors_waiting),
	T(tasks_have_names),
	T(a_parked_task_costs_two_pages),
};

int main(void)
{
	return RUN_TESTS(tests);
}
