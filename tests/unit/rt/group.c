/* group.c - task groups: nothing outlives its block, and the block tells the real cause */
#include "in_loop.h"

struct job {
	int64_t sleep_ns;
	int result; /* returned after the sleep */
	int slept;  /* what the sleep returned; 1: never started */
};

static int work(void *arg)
{
	struct job *j = arg;

	j->slept = hk_sleep(j->sleep_ns);
	return j->slept < 0 ? j->slept : j->result;
}

static void spawn_all(struct hk_group *g, struct job *jobs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		jobs[i].slept = 1;
		CHECK_INT(hk_spawn(g, work, &jobs[i]), 0);
	}
}

/* asyncio: test_taskgroups.py, test_taskgroup_01, _02 */
TEST_IN_SIM(close_waits_for_all, 50)
{
	struct job jobs[] = { { 100 * HK_MS, 42 }, { 200 * HK_MS, 11 } };
	int64_t start = hk_now_ns();
	int result = 0;
	struct hk_group g;

	hk_group_open(&g, NULL);
	spawn_all(&g, jobs, 1);
	CHECK_INT(hk_sleep(150 * HK_MS), 0);
	CHECK_INT(
		hk_group_spawn(&g, work, &jobs[1], &(struct hk_spawn_options){ .result = &result }),
		0);
	CHECK_INT(hk_group_running(&g), 1);
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(result, 11);
	CHECK_INT(hk_now_ns() - start, 350 * HK_MS);
	CHECK_INT(hk_group_running(&g), 0);
}

TEST_IN_SIM(an_empty_group_closes_at_once, 50)
{
	struct hk_group g;

	hk_group_open(&g, NULL);
	CHECK_INT(hk_group_close(&g, 0), 0);
	hk_group_open(&g, NULL);
	CHECK_INT(hk_group_close(&g, 7), 7);
	hk_group_open(&g, NULL);
	CHECK_INT(hk_group_close(&g, -EIO), -EIO);
}

static int close_with_three(hk_fn *fn)
{
	struct hk_group g;

	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, fn, NULL), 0);
	return hk_group_close(&g, 3);
}

static int returns_eleven(void *arg)
{
	(void)arg;
	return 11;
}

static int fails(void *arg)
{
	(void)arg;
	return -EIO;
}

/* What the block has counted comes out, as of a scope; of its tasks only a failure is more important. */
TEST_IN_SIM(the_blocks_positive_result_is_kept, 20)
{
	CHECK_INT(close_with_three(returns_eleven), 3);
	CHECK_INT(close_with_three(fails), -EIO);
}

/* asyncio: test_taskgroup_04; trio: test_run.py, test_child_crash_propagation */
TEST_IN_SIM(the_first_failure_cancels_the_others, 50)
{
	struct job jobs[] = { { HK_SEC, 0 }, { 100 * HK_MS, -EIO }, { HK_SEC, 0 } };
	int64_t start = hk_now_ns();
	struct hk_group g;

	hk_group_open(&g, NULL);
	spawn_all(&g, jobs, 3);
	CHECK_INT(hk_group_close(&g, 0), -EIO);
	CHECK_INT(jobs[0].slept, -ECANCELED);
	CHECK_INT(jobs[2].slept, -ECANCELED);
	CHECK_INT(hk_group_failed(&g), 1); /* those who obeyed did not fail */
	CHECK_INT(hk_now_ns() - start, 100 * HK_MS);
}

/* asyncio: test_cancel_children_on_child_error; trio: test_child_crash_wakes_parent: the body, too, is inside */
TEST_IN_LOOP(a_childs_failure_ends_the_body)
{
	struct job jobs[] = { { 100 * HK_MS, -EIO }, { 100 * HK_MS, -ENOSPC }, { 5 * HK_SEC, 0 } };
	struct hk_group g;
	int r;

	hk_group_open(&g, NULL);
	spawn_all(&g, jobs, 3);
	r = hk_sleep(10 * HK_SEC);
	CHECK_INT(r, -ECANCELED);
	CHECK_INT(hk_group_close(&g, r), -EIO); /* the cause, not the body's -ECANCELED */
	CHECK_INT(hk_checkpoint(), 0);
}

/* asyncio: test_taskgroup_09, _10 */
TEST_IN_SIM(the_bodys_failure_cancels_the_tasks, 50)
{
	struct job jobs[] = { { HK_SEC, 42 }, { 2 * HK_SEC, 11 } };
	struct hk_group g;

	hk_group_open(&g, NULL);
	spawn_all(&g, jobs, 2);
	CHECK_INT(hk_sleep(100 * HK_MS), 0);
	CHECK_INT(hk_group_close(&g, -EBADMSG), -EBADMSG);
	CHECK_INT(jobs[0].slept, -ECANCELED);
	CHECK_INT(jobs[1].slept, -ECANCELED);
	hk_group_open(&g, NULL);
	spawn_all(&g, jobs, 2);
	CHECK_INT(hk_group_close(&g, -EBADMSG), -EBADMSG);
	CHECK_INT(jobs[0].slept, -ECANCELED); /* it was started, already cancelled */
}

/* asyncio: test_cancellation, test_taskgroup_07 */
TEST_IN_SIM(cancelled_from_outside_is_told, 50)
{
	struct job jobs[] = { { HK_SEC, 0 }, { HK_SEC, 0 }, { HK_SEC, 0 } };
	struct hk_scope s;
	struct hk_group g;
	int r;

	hk_scope_open(&s, 10 * HK_MS);
	hk_group_open(&g, NULL);
	spawn_all(&g, jobs, 3);
	r = hk_group_close(&g, 0);
	CHECK_INT(r, -ECANCELED);
	CHECK_INT(hk_scope_close(&s, r), -ETIMEDOUT);
	for (size_t i = 0; i < 3; i++)
		CHECK_INT(jobs[i].slept, -ECANCELED);
	CHECK_INT(hk_group_failed(&g), 0);
}

/* asyncio: test_taskgroup_18: cleanup that fails after a cancellation is the news */
TEST_IN_SIM(a_failure_beats_cancellation_from_outside, 50)
{
	struct hk_scope s;
	struct hk_group g;
	int r;

	hk_scope_open(&s, 10 * HK_MS);
	hk_group_open(&g, NULL);
	CHECK_INT(hk_sleep(HK_SEC), -ECANCELED);
	r = hk_group_close(&g, -ENOSPC);
	CHECK_INT(r, -ENOSPC);
	CHECK_INT(hk_checkpoint(), -ECANCELED);
	CHECK_INT(hk_scope_close(&s, r), -ENOSPC);
}

/* trio: nursery.cancel_scope.cancel() is absorbed by the nursery */
TEST_IN_SIM(a_groups_own_cancellation_is_swallowed, 50)
{
	struct job jobs[] = { { HK_SEC, 0 }, { HK_SEC, 0 } };
	struct hk_group g;
	int r;

	hk_group_open(&g, NULL);
	spawn_all(&g, jobs, 2);
	CHECK_INT(hk_yield(), 0);
	hk_group_cancel(&g);
	r = hk_sleep(HK_SEC);
	CHECK_INT(r, -ECANCELED);
	CHECK_INT(hk_group_close(&g, r), 0);
	CHECK_INT(jobs[0].slept, -ECANCELED);
	CHECK_INT(hk_checkpoint(), 0);
}

/* asyncio: test_taskgroup_03: a task cancelled on its own does not end the group */
static int cancel_myself(void *arg)
{
	struct hk_scope s;
	int r;

	(void)arg;
	hk_scope_open(&s, HK_FOREVER);
	hk_scope_cancel(&s);
	r = hk_scope_close(&s, hk_sleep(HK_SEC));
	return r;
}

TEST_IN_SIM(a_stray_cancellation_cancels_nobody, 50)
{
	struct job job = { HK_SEC, 0 };
	struct hk_group g;

	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, cancel_myself, NULL), 0);
	spawn_all(&g, &job, 1);
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(job.slept, 0);
	CHECK_INT(hk_group_failed(&g), 1); /* but it is counted */
}

/* asyncio: test_taskgroup_13 */
TEST_IN_SIM(an_outer_groups_failure_cancels_the_inner, 50)
{
	struct job soon = { 100 * HK_MS, -EIO }, late = { 10 * HK_SEC, -ENOSPC };
	struct hk_group outer, inner;
	int r;

	hk_group_open(&outer, NULL);
	spawn_all(&outer, &soon, 1);
	hk_group_open(&inner, NULL);
	spawn_all(&inner, &late, 1);
	r = hk_group_close(&inner, 0);
	CHECK_INT(r, -ECANCELED);
	CHECK_INT(hk_group_close(&outer, r), -EIO);
}

/* asyncio: test_taskgroup_14 */
TEST_IN_SIM(an_inner_groups_failure_reaches_the_outer, 50)
{
	struct job soon = { 100 * HK_MS, -ENOSPC }, late = { 10 * HK_SEC, -EIO };
	struct hk_group outer, inner;
	int r;

	hk_group_open(&outer, NULL);
	spawn_all(&outer, &late, 1);
	hk_group_open(&inner, NULL);
	spawn_all(&inner, &soon, 1);
	r = hk_group_close(&inner, 0);
	CHECK_INT(r, -ENOSPC);
	CHECK_INT(hk_group_close(&outer, r), -ENOSPC);
	CHECK_INT(late.slept, -ECANCELED);
}

TEST_IN_SIM(collect_lets_all_run_to_their_end, 50)
{
	struct job jobs[] = { { 100 * HK_MS, -EIO }, { HK_SEC, 0 }, { 50 * HK_MS, -ENOSPC } };
	struct hk_group g;

	hk_group_open(&g, &(struct hk_group_options){ .policy = HK_COLLECT, .name = "three" });
	spawn_all(&g, jobs, 3);
	CHECK_INT(hk_group_close(&g, 0), -ENOSPC);
	CHECK_INT(hk_group_failed(&g), 2);
	CHECK_INT(jobs[1].slept, 0);
}

struct brood {
	struct hk_group *g;
	int left, ran, obeyed;
};

/* Spawns a sibling, then fails or obeys: the group grows while it ends. */
static int spawn_and_fail(void *arg)
{
	struct brood *b = arg;
	int r;

	b->ran++;
	if (b->left-- > 0)
		CHECK_INT(hk_spawn(b->g, spawn_and_fail, b), 0);
	r = hk_yield();
	b->obeyed += r == -ECANCELED;
	return r < 0 ? r : -EIO;
}

/* trio: test_run.py, test_spawn... into a closing nursery; group.h (4) */
TEST_IN_SIM(children_may_spawn_while_the_group_fails, 50)
{
	struct hk_group g;
	struct brood b = { &g, 20, 0, 0 };

	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, spawn_and_fail, &b), 0);
	CHECK_INT(hk_group_close(&g, 0), -EIO);
	CHECK_INT(b.ran, 21);
	CHECK_INT(b.obeyed, 20);
	CHECK_INT(hk_group_failed(&g), 1);
}

static int slow_to_obey(void *arg)
{
	struct hk_scope shield;
	int r = hk_sleep(HK_SEC);

	hk_scope_open_shield(&shield, HK_SEC);
	*(int *)arg = hk_scope_close(&shield, hk_sleep(500 * HK_MS));
	return r;
}

/* trio: test_slow_abort_basic; group.h (1) */
TEST_IN_SIM(close_waits_for_cleanup_though_cancelled, 50)
{
	int64_t start = hk_now_ns();
	int cleaned = 1, r;
	struct hk_scope s;
	struct hk_group g;

	hk_scope_open(&s, 10 * HK_MS);
	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, slow_to_obey, &cleaned), 0);
	r = hk_scope_close(&s, hk_group_close(&g, 0));
	CHECK_INT(r, -ETIMEDOUT);
	CHECK_INT(cleaned, 0);
	CHECK_INT(hk_now_ns() - start, 510 * HK_MS);
}

static int succeed_though_cancelled(void *arg)
{
	(void)arg;
	CHECK_INT(hk_sleep(HK_SEC), -ECANCELED);
	return 0;
}

/* What has happened reports success: nobody was cut short, so the group succeeded. */
TEST_IN_SIM(success_though_cancelled_is_success, 50)
{
	struct hk_scope s;
	struct hk_group g;
	int r;

	hk_scope_open(&s, 10 * HK_MS);
	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, succeed_though_cancelled, NULL), 0);
	r = hk_group_close(&g, 0);
	CHECK_INT(r, 0);
	CHECK_INT(hk_scope_close(&s, r), 0);
}

static const struct test tests[] = {
	T(close_waits_for_all),
	T(an_empty_group_closes_at_once),
	T(the_blocks_positive_result_is_kept),
	T(the_first_failure_cancels_the_others),
	T(a_childs_failure_ends_the_body),
	T(the_bodys_failure_cancels_the_tasks),
	T(cancelled_from_outside_is_told),
	T(a_failure_beats_cancellation_from_outside),
	T(a_groups_own_cancellation_is_swallowed),
	T(a_stray_cancellation_cancels_nobody),
	T(an_outer_groups_failure_cancels_the_inner),
	T(an_inner_groups_failure_reaches_the_outer),
	T(collect_lets_all_run_to_their_end),
	T(children_may_spawn_while_the_group_fails),
	T(close_waits_for_cleanup_though_cancelled),
	T(success_though_cancelled_is_success),
};

int main(void)
{
	return RUN_TESTS(tests);
}
