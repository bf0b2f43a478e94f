/* asyncio_runner.c - what CPython's test_runners.py and the run, turn and callback tests of Trio's test_run.py say, said of hk_run
 *
 * On purpose different: (1) nothing hangs over: a task that main spawned is in a group of main's, so there is nothing left to
 * cancel when main returns. (2) a cancelled main returns -ECANCELED like any result; there is no Runner and no second loop policy.
 * (3) tasks run first come, first served (asyncio); Trio shuffles, and so does the simulation: in_order is what is said here. */
#include "in_loop.h"
#include <limits.h>

static struct trace trace;

/* ---- results ------------------------------------------------------------------------------- */

static int give_back(void *arg)
{
	int r = hk_yield();
	return r < 0 ? r : *(int *)arg;
}

/* test_asyncio_run_return, test_asyncio_run_raises; trio: test_basic, test_initial_task_error */
TEST(the_result_of_main)
{
	int results[] = { 0, 8, INT_MAX, -EIO, -ECANCELED, -ETIMEDOUT };

	for (int i = 0; i < 6; i++)
		CHECK_INT(in_loop(give_back, &results[i]), results[i]);
}

static int cancel_myself(void *arg)
{
	struct hk_scope s;

	hk_scope_open(&s, HK_FOREVER);
	hk_scope_cancel(&s);
	return hk_scope_close(&s, hk_sleep(HK_SEC));
}

static int time_out(void *arg)
{
	struct hk_scope s;

	hk_scope_open(&s, HK_MS);
	return hk_scope_close(&s, hk_sleep(HK_SEC));
}

static int fail_in_group(void *arg)
{
	int code = -EIO;
	struct hk_group g;

	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, give_back, &code), 0);
	return hk_group_close(&g, hk_sleep(HK_SEC));
}

/* trio: Cancelled never escapes its scope; here main cancelled by itself is a result, and the next loop knows nothing of it */
TEST(a_main_that_was_cancelled_and_loops_after_it)
{
	int fine = 5;

	for (int i = 0; i < 3; i++) {
		CHECK_INT(in_loop(cancel_myself, NULL), -ECANCELED);
		CHECK_INT(in_loop(time_out, NULL), -ETIMEDOUT);
		CHECK_INT(in_loop(fail_in_group, NULL), -EIO);
		CHECK_INT(in_loop(give_back, &fine), 5);
		CHECK(!hk_running());
	}
}

/* ---- whose turn it is ---------------------------------------------------------------------- */

static int three_rounds(void *arg)
{
	for (int i = 0; i < 3; i++) {
		trace_add(&trace, "%s%d", (const char *)arg, i);
		CHECK_INT(hk_yield(), 0);
	}
	return 0;
}

/* trio: test_basic_interleave */
TEST_IN_LOOP(tasks_take_turns)
{
	struct hk_group g;

	trace = (struct trace){ 0 };
	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, three_rounds, "a"), 0);
	CHECK_INT(hk_spawn(&g, three_rounds, "b"), 0);
	CHECK_INT(hk_spawn(&g, three_rounds, "c"), 0);
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_STR(trace.text, "a0 b0 c0 a1 b1 c1 a2 b2 c2");
}

enum { CROWD = 1000, ROUNDS = 20 };
static int rounds[CROWD], slowest;

/* Nobody is ever more than one round ahead of anybody, also across the ends of turns. */
static int go_round(void *arg)
{
	int *mine = arg;

	for (; *mine < ROUNDS; ++*mine) {
		if (mine == rounds)
			slowest = *mine;
		CHECK(*mine - slowest <= 1 && *mine - slowest >= 0);
		CHECK_INT(hk_yield(), 0);
	}
	return 0;
}

TEST_IN_LOOP(a_thousand_take_turns)
{
	struct hk_group g;

	slowest = 0;
	hk_group_open(&g, NULL);
	for (int i = 0; i < CROWD; i++) {
		rounds[i] = 0;
		CHECK_INT(hk_spawn(&g, go_round, &rounds[i]), 0);
	}
	CHECK_INT(hk_group_close(&g, 0), 0);
	for (int i = 0; i < CROWD; i++)
		CHECK_INT(rounds[i], ROUNDS);
}

static int stop_after_a_while(void *arg)
{
	CHECK_INT(hk_sleep(HK_MS), 0);
	*(bool *)arg = true;
	return 0;
}

static bool stop;
static int spin(void *arg)
{
	while (!stop)
		CHECK_INT(hk_yield(), 0);
	return 0;
}

static int spin_all(void *arg)
{
	struct hk_group g;

	stop = false;
	hk_group_open(&g, NULL);
	for (int i = 0; i < 300; i++)
		CHECK_INT(hk_spawn(&g, spin, NULL), 0);
	CHECK_INT(hk_spawn(&g, stop_after_a_while, &stop), 0);
	return hk_group_close(&g, 0);
}

/* Tasks that only yield keep no timer from firing (real time: on the virtual clock time stands still while anything runs). */
TEST(a_busy_crowd_does_not_stop_the_clock)
{
	CHECK_INT(hk_run(spin_all, NULL, NULL), 0);
}

struct sleeper {
	int64_t ns;
	int name;
};

static int sleep_then_say(void *arg)
{
	struct sleeper *s = arg;

	CHECK_INT(hk_sleep(s->ns), 0);
	trace_add(&trace, "%d", s->name);
	return 0;
}

/* asyncio: test_call_later order (test_base_events.py): who wakes first is who is due first, however they were started */
TEST_IN_SIM(sleepers_wake_in_the_order_of_their_times, 100)
{
	static const int64_t times[] = { 5, 3, 9, 1, 7, 2, 8, 4, 6 };
	struct sleeper s[9];
	struct hk_group g;

	trace = (struct trace){ 0 };
	hk_group_open(&g, NULL);
	for (int i = 0; i < 9; i++) {
		s[i] = (struct sleeper){ times[i] * HK_SEC, (int)times[i] };
		CHECK_INT(hk_spawn(&g, sleep_then_say, &s[i]), 0);
	}
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_STR(trace.text, "1 2 3 4 5 6 7 8 9");
}

/* trio: test_sleep; asyncio: sleep(0), sleep(-1): not a wait, but a turn for the others, and a checkpoint */
TEST_IN_LOOP(a_sleep_of_nothing_is_a_yield)
{
	int64_t start = hk_now_ns();
	struct hk_group g;

	trace = (struct trace){ 0 };
	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, three_rounds, "a"), 0);
	CHECK_INT(hk_sleep(0), 0);
	CHECK_STR(trace.text, "a0");
	CHECK_INT(hk_sleep(-HK_SEC), 0);
	CHECK_STR(trace.text, "a0 a1");
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(hk_now_ns(), start);
}

/* ---- callbacks ----------------------------------------------------------------------------- */

static void say(void *arg)
{
	trace_add(&trace, "%d", *(int *)arg);
}

/* trio: test_TrioToken_run_sync_soon_basic, test_TrioToken_run_sync_soon_FIFO */
TEST_IN_LOOP(posted_calls_come_in_order)
{
	int numbers[100];

	trace = (struct trace){ 0 };
	for (int i = 0; i < 100; i++) {
		numbers[i] = i;
		CHECK_INT(hk_post(hk_loop_self(), say, &numbers[i]), 0);
	}
	CHECK_STR(trace.text, ""); /* soon, not now */
	CHECK_INT(hk_sleep(HK_MS), 0);
	CHECK(strncmp(trace.text, "0 1 2 3 4 5 6 7 8 9 10 ", 23) == 0);
	CHECK_STR(trace.text + trace.n - 9, " 97 98 99");
}

static int naughty_calls;
static void post_again(void *arg)
{
	naughty_calls++;
	if (!stop)
		CHECK_INT(hk_post(hk_loop_self(), post_again, NULL), 0);
}

static int run_beside_callbacks(void *arg)
{
	stop = false;
	naughty_calls = 0;
	CHECK_INT(hk_post(hk_loop_self(), post_again, NULL), 0);
	for (int i = 0; i < 20; i++)
		CHECK_INT(hk_sleep(1000), 0);
	stop = true;
	CHECK_INT(hk_sleep(HK_MS), 0);
	return 0;
}

/* trio: test_TrioToken_run_sync_soon_starvation_resistance */
TEST(a_callback_that_posts_itself_starves_nobody)
{
	CHECK_INT(hk_run(run_beside_callbacks, NULL, NULL), 0);
	CHECK(naughty_calls >= 20);
}

static int post_and_fail(void *arg)
{
	CHECK_INT(hk_post(hk_loop_self(), say, arg), 0);
	return -EIO;
}

/* trio: test_TrioToken_run_sync_soon_after_main_crash: what was posted before the end is called before the end */
TEST(what_main_posted_last_is_called)
{
	int number = 7;

	trace = (struct trace){ 0 };
	CHECK_INT(in_loop(post_and_fail, &number), -EIO);
	CHECK_STR(trace.text, "7");
}

static const struct test tests[] = {
	T(the_result_of_main),
	T(a_main_that_was_cancelled_and_loops_after_it),
	T(tasks_take_turns),
	T(a_thousand_take_turns),
	T(a_busy_crowd_does_not_stop_the_clock),
	T(sleepers_wake_in_the_order_of_their_times),
	T(a_sleep_of_nothing_is_a_yield),
	T(posted_calls_come_in_order),
	T(a_callback_that_posts_itself_starves_nobody),
	T(what_main_posted_last_is_called),
};

int main(void)
{
	return RUN_TESTS(tests);
}
