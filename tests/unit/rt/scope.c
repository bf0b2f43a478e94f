/* scope.c - cancellation and deadlines: who is told, when, and what it is called afterwards */
#include "in_loop.h"

/* asyncio: test_timeouts.py, test_timeout_basic; trio: test_run.py, test_basic_timeout */
TEST_IN_SIM(own_deadline_is_a_timeout, 50)
{
	struct hk_scope s;
	int64_t start = hk_now_ns();

	hk_scope_open(&s, 10 * HK_MS);
	CHECK_INT(hk_sleep(HK_SEC), -ECANCELED);
	CHECK(hk_scope_cancelled(&s));
	CHECK_INT(hk_scope_close(&s, -ECANCELED), -ETIMEDOUT);
	CHECK_INT(hk_now_ns() - start, 10 * HK_MS);
}

/* asyncio: test_timeout_not_called */
TEST_IN_SIM(work_in_time_is_untouched, 50)
{
	struct hk_scope s;

	hk_scope_open(&s, HK_SEC);
	CHECK_INT(hk_sleep(HK_MS), 0);
	CHECK_INT(hk_scope_close(&s, 5), 5);
	CHECK_INT(hk_sleep(2 * HK_SEC), 0); /* the deadline went with its scope */
}

/* asyncio: test_timeout_zero, test_timeout_in_the_past_sleep_zero */
TEST_IN_SIM(no_time_at_all_is_cancelled_from_the_start, 50)
{
	struct hk_scope s;

	hk_scope_open(&s, 0);
	CHECK_INT(hk_yield(), -ECANCELED);
	CHECK_INT(hk_scope_close(&s, -ECANCELED), -ETIMEDOUT);
	hk_scope_open(&s, -11);
	CHECK_INT(hk_sleep(0), -ECANCELED);
	CHECK_INT(hk_checkpoint(), -ECANCELED);
	CHECK_INT(hk_scope_close(&s, -ECANCELED), -ETIMEDOUT);
	CHECK_INT(hk_checkpoint(), 0);
}

/* trio: cancellation is level-triggered (reference-core, "Cancellation semantics") */
TEST_IN_SIM(every_suspending_call_fails_until_the_scope_is_left, 50)
{
	struct hk_event event = { 0 };
	struct hk_sem sem = HK_SEM(1);
	struct hk_mutex mutex = { 0 };
	struct hk_queue *q = hk_queue_new(sizeof(int), 1);
	struct hk_scope s;
	int item = 1;

	hk_scope_open(&s, HK_FOREVER);
	hk_scope_cancel(&s);
	CHECK_INT(hk_sleep(1), -ECANCELED);
	CHECK_INT(hk_yield(), -ECANCELED);
	CHECK_INT(hk_event_wait(&event), -ECANCELED);
	CHECK_INT(hk_sem_acquire(&sem), -ECANCELED);
	CHECK_INT(hk_mutex_lock(&mutex), -ECANCELED);
	CHECK_INT(hk_queue_put(q, &item), -ECANCELED);
	CHECK_INT(hk_queue_get(q, &item), -ECANCELED);
	CHECK_INT(hk_read(0, &item, 1), -ECANCELED);
	CHECK_INT(hk_gather(NULL, NULL, 0, 1, NULL), -ECANCELED);
	CHECK_INT(hk_scope_close(&s, -ECANCELED), -ECANCELED); /* by hand: not a timeout */
	CHECK_INT(hk_queue_len(q), 0);
	CHECK_INT(hk_sem_free(&sem), 1);
	CHECK_INT(hk_queue_put(q, &item), 0);
	hk_queue_free(q);
}

/* asyncio: test_nested_timeouts: of simultaneous deadlines only the outermost is the cause */
TEST_IN_SIM(simultaneous_deadlines_belong_to_the_outer, 50)
{
	struct hk_scope outer, inner;
	int r;

	hk_scope_open(&outer, 10 * HK_MS);
	hk_scope_open(&inner, 10 * HK_MS);
	r = hk_scope_close(&inner, hk_sleep(HK_SEC));
	CHECK_INT(r, -ECANCELED);
	CHECK(hk_scope_cancelled(&outer) && hk_scope_cancelled(&inner));
	CHECK_INT(hk_scope_close(&outer, r), -ETIMEDOUT);
}

TEST_IN_SIM(the_nearest_deadline_counts, 50)
{
	struct hk_scope outer, inner;

	hk_scope_open(&outer, 30 * HK_MS);
	hk_scope_open(&inner, 10 * HK_MS);
	CHECK_INT(hk_scope_close(&inner, hk_sleep(HK_SEC)), -ETIMEDOUT);
	CHECK_INT(hk_sleep(5 * HK_MS), 0); /* the outer one has 20 ms left */
	hk_scope_open(&inner, HK_SEC);
	CHECK_INT(hk_time_left_ns(), 15 * HK_MS);
	CHECK_INT(hk_scope_close(&inner, hk_sleep(HK_SEC)), -ECANCELED);
	CHECK_INT(hk_scope_close(&outer, -ECANCELED), -ETIMEDOUT);
}

/* asyncio: test_foreign_exception_on_timeout; trio: test_cancel_scope_exceptgroup_filtering */
TEST_IN_SIM(a_real_failure_passes_through, 50)
{
	struct hk_scope s;

	hk_scope_open(&s, HK_MS);
	CHECK_INT(hk_sleep(HK_SEC), -ECANCELED);
	CHECK_INT(hk_scope_close(&s, -EIO), -EIO);
}

/* scope.h (3): success stays success, whatever the clock says */
TEST_IN_SIM(success_after_the_deadline_is_kept, 50)
{
	struct hk_scope s, shield;

	hk_scope_open(&s, HK_MS);
	hk_scope_open_shield(&shield, HK_SEC);
	CHECK_INT(hk_scope_close(&shield, hk_sleep(2 * HK_MS)), 0);
	CHECK(hk_scope_cancelled(&s));
	CHECK_INT(hk_scope_close(&s, 3), 3);
}

struct cancelled {
	struct hk_scope scope;
	struct hk_event ready;
	int result, closed;
};

static int sleep_in_scope(void *arg)
{
	struct cancelled *c = arg;

	hk_scope_open(&c->scope, HK_FOREVER);
	hk_event_set(&c->ready);
	c->result = hk_sleep(HK_SEC);
	c->closed = hk_scope_close(&c->scope, c->result);
	CHECK_INT(hk_sleep(HK_MS), 0); /* outside the scope life goes on */
	return 0;
}

/* trio: test_cancel_edge_cases, test_basic_cancel: from another task */
TEST_IN_SIM(another_task_may_cancel, 50)
{
	struct cancelled c = { .result = 1 };
	struct hk_group g;

	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, sleep_in_scope, &c), 0);
	CHECK_INT(hk_event_wait(&c.ready), 0);
	hk_scope_cancel(&c.scope);
	hk_scope_cancel(&c.scope); /* idempotent */
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(c.result, -ECANCELED);
	CHECK_INT(c.closed, -ECANCELED);
	hk_scope_cancel(&c.scope); /* closed long ago: nothing */
}

/* trio: test_cancel_shielding */
TEST_IN_SIM(a_shield_hides_outer_cancellation, 50)
{
	struct hk_scope outer, shield;

	hk_scope_open(&outer, HK_FOREVER);
	hk_scope_cancel(&outer);
	CHECK_INT(hk_sleep(HK_MS), -ECANCELED);
	hk_scope_open_shield(&shield, HK_SEC);
	CHECK_INT(hk_sleep(HK_MS), 0);
	CHECK_INT(hk_time_left_ns(), HK_SEC - HK_MS);
	CHECK_INT(hk_scope_close(&shield, 0), 0);
	CHECK_INT(hk_sleep(HK_MS), -ECANCELED);
	CHECK_INT(hk_scope_close(&outer, -ECANCELED), -ECANCELED);
}

TEST_IN_SIM(a_shield_holds_when_the_outer_deadline_comes_later, 50)
{
	struct hk_scope outer, shield, inner;

	hk_scope_open(&outer, 10 * HK_MS);
	hk_scope_open_shield(&shield, HK_SEC);
	hk_scope_open(&inner, HK_FOREVER);
	CHECK_INT(hk_time_left_ns(), HK_SEC); /* not the outer 10 ms */
	CHECK_INT(hk_sleep(50 * HK_MS), 0);
	CHECK(hk_scope_cancelled(&outer));
	CHECK_INT(hk_scope_close(&inner, 0), 0);
	CHECK_INT(hk_scope_close(&shield, 0), 0);
	CHECK_INT(hk_checkpoint(), -ECANCELED);
	CHECK_INT(hk_scope_close(&outer, -ECANCELED), -ETIMEDOUT);
}

/* trio: test_cancel_shield_abort, move_on_after(budget, shield=True) */
TEST_IN_SIM(a_shield_has_a_budget, 50)
{
	struct hk_scope outer, shield;
	int64_t start;

	hk_scope_open(&outer, HK_FOREVER);
	hk_scope_cancel(&outer);
	start = hk_now_ns();
	hk_scope_open_shield(&shield, 20 * HK_MS);
	CHECK_INT(hk_sleep(HK_SEC), -ECANCELED);
	CHECK_INT(hk_now_ns() - start, 20 * HK_MS);
	CHECK_INT(hk_scope_close(&shield, -ECANCELED), -ECANCELED); /* outside is cancelled, too */
	CHECK_INT(hk_scope_close(&outer, -ECANCELED), -ECANCELED);
	hk_scope_open_shield(&shield, 20 * HK_MS);
	CHECK_INT(hk_scope_close(&shield, hk_sleep(HK_SEC)), -ETIMEDOUT);
}

/* asyncio: test_nested_timeout_in_finally: a deadline inside a shield is its own */
TEST_IN_SIM(a_deadline_within_a_shield_is_a_timeout, 50)
{
	struct hk_scope outer, shield, inner;

	hk_scope_open(&outer, 0);
	hk_scope_open_shield(&shield, HK_SEC);
	hk_scope_open(&inner, HK_MS);
	CHECK_INT(hk_scope_close(&inner, hk_sleep(HK_MS * 2)), -ETIMEDOUT);
	CHECK_INT(hk_scope_close(&shield, 0), 0);
	CHECK_INT(hk_scope_close(&outer, -ECANCELED), -ETIMEDOUT);
}

/* asyncio: test_reschedule */
TEST_IN_SIM(a_deadline_can_be_moved, 50)
{
	struct hk_scope s;
	int64_t start = hk_now_ns();

	hk_scope_open(&s, 10 * HK_MS);
	hk_scope_extend(&s, 50 * HK_MS);
	CHECK_INT(hk_sleep(40 * HK_MS), 0);
	hk_scope_extend(&s, HK_FOREVER);
	CHECK_INT(hk_time_left_ns(), HK_FOREVER);
	CHECK_INT(hk_sleep(HK_SEC), 0);
	hk_scope_extend(&s, HK_MS);
	CHECK_INT(hk_sleep(HK_SEC), -ECANCELED);
	CHECK_INT(hk_now_ns() - start, HK_SEC + 41 * HK_MS);
	hk_scope_extend(&s, HK_SEC); /* too late */
	CHECK_INT(hk_checkpoint(), -ECANCELED);
	CHECK_INT(hk_time_left_ns(), 0);
	CHECK_INT(hk_scope_close(&s, -ECANCELED), -ETIMEDOUT);
	hk_scope_open(&s, HK_FOREVER);
	hk_scope_extend(&s, 0);
	CHECK_INT(hk_scope_close(&s, hk_yield()), -ETIMEDOUT);
}

/* asyncio: test_foreign_cancel_doesnt_timeout_if_not_expired */
TEST_IN_SIM(cancelled_by_hand_before_the_deadline_is_no_timeout, 50)
{
	struct hk_scope s;

	hk_scope_open(&s, 10 * HK_SEC);
	hk_scope_cancel(&s);
	CHECK_INT(hk_scope_close(&s, hk_sleep(11 * HK_SEC)), -ECANCELED);
}

static int nested_tasks(void *arg)
{
	int *counts = arg;
	struct hk_group g;
	int r = 0;

	if (counts[0]++ < 50) {
		hk_group_open(&g, NULL);
		CHECK_INT(hk_spawn(&g, nested_tasks, counts), 0);
		r = hk_group_close(&g, hk_sleep(HK_SEC));
	} else {
		r = hk_sleep(HK_SEC);
	}
	counts[1] += r == -ECANCELED;
	return r;
}

/* trio: test_cancel_inheritance: tasks of tasks */
TEST_IN_SIM(cancellation_reaches_all_descendants, 50)
{
	int counts[2] = { 0, 0 };
	struct hk_scope s;
	struct hk_group g;

	hk_scope_open(&s, 10 * HK_MS);
	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, nested_tasks, counts), 0);
	CHECK_INT(hk_scope_close(&s, hk_group_close(&g, 0)), -ETIMEDOUT);
	CHECK_INT(counts[0], 51);
	CHECK_INT(counts[1], 51);
}

static int shielded_child(void *arg)
{
	struct hk_scope shield;
	int r;

	hk_scope_open_shield(&shield, HK_SEC);
	r = hk_scope_close(&shield, hk_sleep(100 * HK_MS));
	*(int *)arg = r;
	return hk_checkpoint();
}

TEST_IN_SIM(a_childs_shield_holds_against_the_parents_scope, 50)
{
	struct hk_scope s;
	struct hk_group g;
	int slept = 1;

	hk_scope_open(&s, 10 * HK_MS);
	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, shielded_child, &slept), 0);
	CHECK_INT(hk_scope_close(&s, hk_group_close(&g, 0)), -ETIMEDOUT);
	CHECK_INT(slept, 0);
}

/* The work spins past two deadlines: both have expired when it next waits.
 * asyncio: test_nested_timeouts_loop_busy, on the real clock */
static int busy_past_deadlines(void *arg)
{
	struct hk_scope outer, inner;
	int64_t end = hk_now_exact_ns() + 4 * HK_MS;
	int r;

	(void)arg;
	hk_scope_open(&outer, 2 * HK_MS);
	hk_scope_open(&inner, HK_MS);
	while (hk_now_exact_ns() < end)
		CHECK_INT(hk_checkpoint(), 0); /* nothing ran: nothing can have cancelled us */
	r = hk_scope_close(&inner, hk_sleep(HK_SEC));
	CHECK_INT(r, -ECANCELED);
	return hk_scope_close(&outer, r);
}

TEST(deadlines_that_pass_unseen_still_count)
{
	CHECK_INT(hk_run(busy_past_deadlines, NULL, NULL), -ETIMEDOUT);
}

/* Deadlines are counted from the moment they are set, not from the start of a long turn. */
static int fresh_deadline(void *arg)
{
	struct hk_scope s;
	int64_t end = hk_now_exact_ns() + 5 * HK_MS;

	(void)arg;
	while (hk_now_exact_ns() < end)
		continue;
	hk_scope_open(&s, 2 * HK_SEC);
	CHECK(hk_time_left_ns() > HK_SEC);
	CHECK(s.deadline_ns_ >= end + 2 * HK_SEC);
	return hk_scope_close(&s, hk_yield());
}

TEST(a_deadline_counts_from_its_setting)
{
	CHECK_INT(hk_run(fresh_deadline, NULL, NULL), 0);
}

static const struct test tests[] = {
	T(own_deadline_is_a_timeout),
	T(work_in_time_is_untouched),
	T(no_time_at_all_is_cancelled_from_the_start),
	T(every_suspending_call_fails_until_the_scope_is_left),
	T(simultaneous_deadlines_belong_to_the_outer),
	T(the_nearest_deadline_counts),
	T(a_real_failure_passes_through),
	T(success_after_the_deadline_is_kept),
	T(another_task_may_cancel),
	T(a_shield_hides_outer_cancellation),
	T(a_shield_holds_when_the_outer_deadline_comes_later),
	T(a_shield_has_a_budget),
	T(a_deadline_within_a_shield_is_a_timeout),
	T(a_deadline_can_be_moved),
	T(cancelled_by_hand_before_the_deadline_is_no_timeout),
	T(cancellation_reaches_all_descendants),
	T(a_childs_shield_holds_against_the_parents_scope),
	T(deadlines_that_pass_unseen_still_count),
	T(a_deadline_counts_from_its_setting),
};

int main(void)
{
	return RUN_TESTS(tests);
}
