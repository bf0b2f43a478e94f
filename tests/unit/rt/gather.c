/* gather.c - limits, order, results */
#include "in_loop.h"

static struct trace trace;
static size_t running, most;

struct item {
	int64_t sleep_ns;
	int result;
	char name;
};

static int step(void *arg)
{
	struct item *it = arg;
	int r;

	trace_add(&trace, "%c", it->name);
	running++;
	most = running > most ? running : most;
	r = hk_sleep(it->sleep_ns);
	running--;
	if (r == 0)
		trace_add(&trace, "%c.", it->name);
	return r < 0 ? r : it->result;
}

static void reset(void)
{
	trace = (struct trace){ 0 };
	running = most = 0;
}

/* asyncio: gather + Semaphore(2) */
TEST_IN_SIM(items_start_in_order_and_at_most_limit, 50)
{
	struct item items[] = { { 30, 0, 'a' }, { 10, 0, 'b' }, { 10, 0, 'c' }, { 5, 0, 'd' } };

	reset();
	CHECK_INT(hk_gather(step, items, 4, sizeof(items[0]),
			    &(struct hk_gather_options){ .limit = 2 }),
		  0);
	CHECK_STR(trace.text, "a b b. c c. d d. a.");
	CHECK_INT(most, 2);
}

TEST_IN_SIM(without_limit_all_start_at_once, 50)
{
	struct item items[] = { { 3, 0, 'a' }, { 2, 0, 'b' }, { 1, 0, 'c' } };

	reset();
	CHECK_INT(hk_gather(step, items, 3, sizeof(items[0]), NULL), 0);
	CHECK_STR(trace.text, "a b c c. b. a.");
	CHECK_INT(most, 3);
}

TEST_IN_SIM(a_limit_above_n_is_n, 50)
{
	struct item items[] = { { 1, 0, 'a' } };
	struct hk_stats before, after;

	reset();
	hk_stats_get(&before);
	CHECK_INT(hk_gather(step, items, 1, sizeof(items[0]),
			    &(struct hk_gather_options){ .limit = 99 }),
		  0);
	hk_stats_get(&after);
	CHECK_INT(after.spawned - before.spawned, 1);
}

/* asyncio: test_tasks.py, GatherTestsBase: the first exception */
TEST_IN_SIM(without_results_the_first_failure_ends_all, 50)
{
	struct item items[] = { { 30, 0, 'a' }, { 10, -EIO, 'b' }, { 1, 0, 'c' } };

	reset();
	CHECK_INT(hk_gather(step, items, 3, sizeof(items[0]),
			    &(struct hk_gather_options){ .limit = 2 }),
		  -EIO);
	CHECK_STR(trace.text, "a b b."); /* c never started */
	CHECK_INT(running, 0);
}

/* asyncio: return_exceptions=True */
TEST_IN_SIM(with_results_all_run, 50)
{
	struct item items[] = {
		{ 30, 7, 'a' }, { 10, -EIO, 'b' }, { 1, -ENOSPC, 'c' }, { 1, 0, 'd' }
	};
	int results[4];

	reset();
	CHECK_INT(hk_gather(step, items, 4, sizeof(items[0]),
			    &(struct hk_gather_options){ .limit = 2, .results = results }),
		  2);
	CHECK_INT(results[0], 7);
	CHECK_INT(results[1], -EIO);
	CHECK_INT(results[2], -ENOSPC);
	CHECK_INT(results[3], 0);
}

TEST_IN_SIM(cancelled_from_outside_tells_what_never_started, 50)
{
	struct item items[] = { { 5, 0, 'a' }, { 100, 0, 'b' }, { 100, 0, 'c' }, { 100, 0, 'd' } };
	int results[4] = { 1, 1, 1, 1 };
	struct hk_scope s;
	int r;

	reset();
	hk_scope_open(&s, 50);
	r = hk_gather(step, items, 4, sizeof(items[0]),
		      &(struct hk_gather_options){ .limit = 1, .results = results });
	CHECK_INT(r, -ECANCELED);
	CHECK_INT(hk_scope_close(&s, r), -ETIMEDOUT);
	CHECK_STR(trace.text, "a a. b");
	CHECK_INT(results[0], 0);
	CHECK_INT(results[1], -ECANCELED);
	CHECK_INT(results[3], -ECANCELED);
}

TEST_IN_SIM(nothing_to_do_is_done, 50)
{
	CHECK_INT(hk_gather(step, NULL, 0, 1, NULL), 0);
}

static int increment(void *arg)
{
	++*(int *)arg;
	return hk_yield();
}

TEST_IN_SIM(many_items_need_only_limit_fibers, 3)
{
	enum { N = 100000 };
	static int items[N];
	struct hk_stats stats;

	memset(items, 0, sizeof(items));
	CHECK_INT(hk_gather(increment, items, N, sizeof(int),
			    &(struct hk_gather_options){ .limit = 10 }),
		  0);
	hk_stats_get(&stats);
	CHECK_INT(stats.fibers_high, 11);
	for (size_t i = 0; i < N; i++)
		if (items[i] != 1)
			CHECK_INT(items[i], 1);
}

static const struct test tests[] = {
	T(items_start_in_order_and_at_most_limit),
	T(without_limit_all_start_at_once),
	T(a_limit_above_n_is_n),
	T(without_results_the_first_failure_ends_all),
	T(with_results_all_run),
	T(cancelled_from_outside_tells_what_never_started),
	T(nothing_to_do_is_done),
	T(many_items_need_only_limit_fibers),
};

int main(void)
{
	return RUN_TESTS(tests);
}
