/* trio_nursery.c - what Trio's test_run.py says of nurseries, said of hk_group
 *
 * On purpose different: (1) errors are numbers, not exception groups: close() gives the cause, options.failures the rest.
 * (2) a task ends with a result; who spawned it may have it (hk_spawn_options.result). (3) nursery.start() is not there.
 * (4) cancelling a group is swallowed by its close(), as in Trio; a scope's is not. */
#include "in_loop.h"

struct child {
	int64_t sleep_ns;
	int result, slept;
};

static int child(void *arg)
{
	struct child *c = arg;

	c->slept = hk_sleep(c->sleep_ns);
	return c->slept < 0 ? c->slept : c->result;
}

static int fail(void *arg)
{
	return arg ? *(int *)arg : -EIO;
}

static int sleep_forever(void *arg)
{
	int r = hk_sleep(HK_FOREVER);

	if (arg)
		*(int *)arg = r;
	return r;
}

/* ---- crashes ------------------------------------------------------------------------------- */

/* test_nursery_main_block_error_basic, test_child_crash_basic, test_nursery_explicit_exception */
TEST_IN_SIM(one_error_comes_out, 100)
{
	struct hk_group g;

	hk_group_open(&g, NULL);
	CHECK_INT(hk_group_close(&g, -EBADMSG), -EBADMSG);
	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, fail, NULL), 0);
	CHECK_INT(hk_group_close(&g, 0), -EIO);
	CHECK_INT(hk_yield(), 0);
}

/* test_two_child_crashes */
TEST_IN_SIM(two_children_crash, 100)
{
	int codes[] = { -EIO, -ENOSPC };
	struct hk_failure f[3] = { 0 };
	struct hk_group g;
	int r;

	hk_group_open(&g, &(struct hk_group_options){ .failures = f, .failures_max = 3 });
	for (int i = 0; i < 2; i++)
		CHECK_INT(hk_spawn(&g, fail, &codes[i]), 0);
	r = hk_group_close(&g, 0);
	CHECK_INT(r, f[0].code);
	CHECK_INT(f[0].code + f[1].code, -EIO - ENOSPC);
	CHECK_INT(hk_group_failed(&g), 2);
}

/* test_main_and_task_both_crash */
TEST_IN_SIM(block_and_child_crash, 100)
{
	struct hk_failure f = { 0 };
	struct hk_group g;

	hk_group_open(&g, &(struct hk_group_options){ .failures = &f, .failures_max = 1 });
	CHECK_INT(hk_spawn(&g, fail, NULL), 0);
	CHECK_INT(hk_group_close(&g, -EBADMSG), -EBADMSG);
	CHECK_INT(f.code, -EIO);
}

static int loop_until_cancelled(void *arg)
{
	int r;

	do
		r = hk_yield();
	while (r == 0);
	*(int *)arg = r;
	return r;
}

/* test_task_crash_propagation, test_child_crash_wakes_parent */
TEST_IN_SIM(a_crash_ends_siblings_and_the_block, 100)
{
	int busy = 0, asleep = 0, r;
	struct hk_group g;

	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, loop_until_cancelled, &busy), 0);
	CHECK_INT(hk_spawn(&g, sleep_forever, &asleep), 0);
	CHECK_INT(hk_spawn(&g, fail, NULL), 0);
	r = hk_sleep(HK_FOREVER);
	CHECK_INT(r, -ECANCELED);
	CHECK_INT(hk_group_close(&g, r), -EIO);
	CHECK_INT(busy, -ECANCELED);
	CHECK_INT(asleep, -ECANCELED);
}

/* test_cancel_scope_exceptiongroup_filtering: of all that was cancelled, from inside and outside, the one real error remains */
TEST_IN_SIM(the_real_error_remains, 100)
{
	struct hk_scope outer, shield;
	struct hk_group g;
	int r;

	hk_scope_open(&outer, HK_FOREVER);
	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, sleep_forever, NULL), 0);
	CHECK_INT(hk_spawn(&g, sleep_forever, NULL), 0);
	hk_group_cancel(&g);
	hk_scope_open_shield(&shield, HK_SEC);
	CHECK_INT(hk_wait_all_parked(), 0);
	CHECK_INT(hk_scope_close(&shield, 0), 0);
	CHECK_INT(hk_spawn(&g, sleep_forever, NULL), 0);
	hk_scope_cancel(&outer);
	CHECK_INT(hk_spawn(&g, fail, NULL), 0);
	r = hk_group_close(&g, 0);
	CHECK_INT(r, -EIO);
	CHECK_INT(hk_group_failed(&g), 1);
	CHECK_INT(hk_scope_close(&outer, r), -EIO);
}

/* ---- cancellation -------------------------------------------------------------------------- */

static int started;
static int start_then_wait(void *arg)
{
	(void)arg;
	started++;
	return hk_sleep(HK_FOREVER);
}

/* test_precancelled_task: spawned into a cancelled group a task begins, and its first wait says -ECANCELED */
TEST_IN_SIM(cancelled_before_it_started, 100)
{
	struct hk_group g;
	int result = 1;

	started = 0;
	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, start_then_wait, NULL), 0);
	hk_group_cancel(&g);
	CHECK_INT(hk_group_spawn(&g, start_then_wait, NULL,
				 &(struct hk_spawn_options){ .result = &result }),
		  0);
	CHECK_INT(started, 0);
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(started, 2);
	CHECK_INT(result, -ECANCELED);
}

/* nursery.cancel_scope.cancel() after all have ended, and after the group is closed */
TEST_IN_SIM(cancelled_when_all_have_finished, 100)
{
	struct child c = { HK_MS, 3, 1 };
	struct hk_group g;
	int result = 0;

	hk_group_open(&g, NULL);
	CHECK_INT(hk_group_spawn(&g, child, &c, &(struct hk_spawn_options){ .result = &result }),
		  0);
	CHECK_INT(hk_sleep(10 * HK_MS), 0);
	CHECK_INT(hk_group_running(&g), 0);
	CHECK_INT(result, 3);
	hk_group_cancel(&g);
	CHECK_INT(hk_group_close(&g, 0), 0);
	hk_group_cancel(&g);
	CHECK_INT(hk_yield(), 0);
}

static int cancel_own_group(void *arg)
{
	hk_group_cancel(arg);
	return hk_sleep(HK_SEC);
}

/* A child ends the group it is in. */
TEST_IN_SIM(a_child_cancels_its_own_group, 100)
{
	struct child c = { HK_FOREVER, 0, 1 };
	struct hk_group g;

	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, child, &c), 0);
	CHECK_INT(hk_spawn(&g, cancel_own_group, &g), 0);
	CHECK_INT(hk_group_close(&g, hk_sleep(HK_FOREVER)), 0);
	CHECK_INT(c.slept, -ECANCELED);
	CHECK_INT(hk_group_failed(&g), 0);
	CHECK_INT(hk_yield(), 0);
}

static int clean_up_slowly(void *arg)
{
	int r = hk_sleep(HK_FOREVER);
	struct hk_scope shield;

	hk_scope_open_shield(&shield, HK_SEC);
	*(int *)arg += hk_scope_close(&shield, hk_sleep(100 * HK_MS)) == 0;
	return r;
}

/* Cleanup that waits: the group waits for it, cancelled from inside, from outside or by a failure. */
TEST_IN_SIM(a_group_waits_for_cleanup, 100)
{
	int64_t begin = hk_now_ns();
	struct hk_scope s;
	struct hk_group g;
	int cleaned = 0, r;

	for (int how = 0; how < 3; how++) {
		hk_scope_open(&s, how == 0 ? HK_MS : HK_FOREVER);
		hk_group_open(&g, NULL);
		for (int i = 0; i < 3; i++)
			CHECK_INT(hk_spawn(&g, clean_up_slowly, &cleaned), 0);
		CHECK_INT(hk_wait_all_parked(), 0);
		if (how == 1)
			hk_group_cancel(&g);
		if (how == 2)
			CHECK_INT(hk_spawn(&g, fail, NULL), 0);
		r = hk_scope_close(&s, hk_group_close(&g, 0));
		CHECK_INT(r, how == 0 ? -ETIMEDOUT : how == 1 ? 0 : -EIO);
	}
	CHECK_INT(cleaned, 9);
	CHECK_INT(hk_now_ns() - begin, 301 * HK_MS);
}

/* ---- spawning ------------------------------------------------------------------------------ */

static int spawn_sibling(void *arg)
{
	static struct child sibling;

	sibling = (struct child){ HK_MS, 0, 1 };
	return hk_spawn(arg, child, &sibling);
}

/* test_nursery_closure */
TEST_IN_SIM(a_closing_group_takes_children_a_closed_one_does_not, 100)
{
	struct hk_group g;

	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, spawn_sibling, &g), 0);
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(spawn_sibling(&g), -ESHUTDOWN);
}

static int nested(void *arg)
{
	struct hk_group inner;

	hk_group_open(&inner, NULL);
	CHECK_INT(hk_spawn(&inner, spawn_sibling, arg),
		  0); /* a grandchild spawns into the outer group */
	return hk_group_close(&inner, 0);
}

TEST_IN_SIM(a_grandchild_spawns_into_the_outer_group, 100)
{
	struct hk_group g;
	int64_t begin = hk_now_ns();

	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, nested, &g), 0);
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(hk_now_ns() - begin, HK_MS);
}

/* test_task_nursery_stack: an inner group's error is the block's business, not the outer group's */
TEST_IN_SIM(an_inner_error_that_was_dealt_with, 100)
{
	struct child c = { HK_SEC, 0, 1 };
	struct hk_group outer, inner;

	hk_group_open(&outer, NULL);
	CHECK_INT(hk_spawn(&outer, child, &c), 0);
	hk_group_open(&inner, NULL);
	CHECK_INT(hk_spawn(&inner, fail, NULL), 0);
	CHECK_INT(hk_group_close(&inner, 0), -EIO);
	CHECK_INT(hk_yield(), 0);
	CHECK_INT(hk_group_close(&outer, 0), 0);
	CHECK_INT(c.slept, 0);
}

/* Results go where the spawner said, whatever the order of ending (asyncio: task.result()). */
TEST_IN_SIM(each_task_has_its_result, 100)
{
	struct child c[10];
	int results[10] = { 0 };
	struct hk_group g;

	hk_group_open(&g, &(struct hk_group_options){ .policy = HK_COLLECT });
	for (int i = 0; i < 10; i++) {
		c[i] = (struct child){ (10 - i) * HK_MS, i == 4 ? -EIO : i, 1 };
		CHECK_INT(hk_group_spawn(&g, child, &c[i],
					 &(struct hk_spawn_options){ .result = &results[i] }),
			  0);
	}
	CHECK_INT(hk_group_running(&g), 10);
	CHECK_INT(hk_group_close(&g, 0), -EIO);
	for (int i = 0; i < 10; i++)
		CHECK_INT(results[i], i == 4 ? -EIO : i);
}

static const char *seen[3];
static int who_am_i(void *arg)
{
	seen[*(int *)arg] = hk_task_name(hk_task_self());
	return 0;
}

/* test_spawn_name, test_current_task */
TEST_IN_SIM(tasks_have_names, 100)
{
	int i[] = { 0, 1, 2 };
	struct hk_group g;

	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, who_am_i, &i[0]), 0);
	CHECK_INT(
		hk_group_spawn(&g, who_am_i, &i[1], &(struct hk_spawn_options){ .name = "second" }),
		0);
	CHECK_INT(hk_group_spawn(&g, who_am_i, &i[2], NULL), 0);
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_STR(seen[0], "who_am_i");
	CHECK_STR(seen[1], "second");
	CHECK_STR(seen[2], "task");
	CHECK_STR(hk_task_name(hk_task_self()), "main");
}

static const struct test tests[] = {
	T(one_error_comes_out),
	T(two_children_crash),
	T(block_and_child_crash),
	T(a_crash_ends_siblings_and_the_block),
	T(the_real_error_remains),
	T(cancelled_before_it_started),
	T(cancelled_when_all_have_finished),
	T(a_child_cancels_its_own_group),
	T(a_group_waits_for_cleanup),
	T(a_closing_group_takes_children_a_closed_one_does_not),
	T(a_grandchild_spawns_into_the_outer_group),
	T(an_inner_error_that_was_dealt_with),
	T(each_task_has_its_result),
	T(tasks_have_names),
};

int main(void)
{
	return RUN_TESTS(tests);
}
