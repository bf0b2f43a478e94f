/* asyncio_timeouts.c - what CPython's test_timeouts.py, test_waitfor.py and the shield tests of test_tasks.py say, said of scopes
 *
 * asyncio.timeout() is hk_scope_open() .. close(); wait_for(f(), t) is a scope around a plain call of f; shield() is a scope that
 * hides outer cancellation for a budget.
 * On purpose different: (1) cancellation stays (as in Trio): inside a cancelled scope every call that would wait says -ECANCELED,
 * so cleanup that must wait opens a shield. (2) what succeeded stays a success whatever the clock says, as wait_for() does it.
 * (3) shield() does not detach: the caller waits for the shielded part, at most its budget. (4) a deadline in the past still
 * runs the code up to its first wait; wait_for(coro, 0) does not start it. */
#include "in_loop.h"

/* hk_sleep in a scope of its own: asyncio.timeout(limit): sleep(ns). */
static int sleep_within(int64_t limit_ns, int64_t ns)
{
	struct hk_scope s;

	hk_scope_open(&s, limit_ns);
	return hk_scope_close(&s, hk_sleep(ns));
}

/* ---- timeout ------------------------------------------------------------------------------- */

/* test_timeout_basic, test_timeout_at_basic, test_waiter_cancelled */
TEST_IN_SIM(a_deadline_ends_the_wait, 100)
{
	int64_t start = hk_now_ns();
	struct hk_scope s;
	int r;

	hk_scope_open(&s, 10 * HK_MS);
	r = hk_sleep(10 * HK_SEC);
	CHECK_INT(r, -ECANCELED);
	CHECK(hk_scope_cancelled(&s));
	CHECK_INT(hk_scope_close(&s, r), -ETIMEDOUT);
	CHECK_INT(hk_now_ns() - start, 10 * HK_MS);
	CHECK_INT(hk_sleep(HK_MS), 0); /* test_outer_task_is_not_cancelled */
}

/* test_timeout_not_called, test_timeout_disabled */
TEST_IN_SIM(a_deadline_that_does_not_come, 100)
{
	int64_t start = hk_now_ns();

	CHECK_INT(sleep_within(10 * HK_SEC, 10 * HK_MS), 0);
	CHECK_INT(sleep_within(HK_FOREVER, 10 * HK_MS), 0);
	CHECK_INT(hk_sleep(20 * HK_SEC), 0); /* nothing of the first is left */
	CHECK_INT(hk_now_ns() - start, 20 * HK_SEC + 20 * HK_MS);
}

/* test_timeout_zero, test_timeout_zero_sleep_zero, test_timeout_in_the_past_sleep_zero */
TEST_IN_SIM(zero_and_the_past_end_the_first_wait, 100)
{
	int64_t start = hk_now_ns();

	CHECK_INT(sleep_within(0, 10 * HK_SEC), -ETIMEDOUT);
	CHECK_INT(sleep_within(0, 0), -ETIMEDOUT);
	CHECK_INT(sleep_within(-11 * HK_SEC, 0), -ETIMEDOUT);
	CHECK_INT(sleep_within(INT64_MIN, 0), -ETIMEDOUT);
	CHECK_INT(hk_now_ns(), start);
}

/* No wait, no time-out: a deadline is looked at where one waits (asyncio's too). */
TEST_IN_SIM(without_a_wait_there_is_no_timeout, 100)
{
	struct hk_scope s;

	hk_scope_open(&s, 0);
	CHECK_INT(hk_scope_close(&s, 0), 0);
	hk_scope_open(&s, -1);
	CHECK_INT(hk_scope_close(&s, 7), 7);
}

/* test_foreign_exception_passed, test_foreign_exception_on_timeout */
TEST_IN_SIM(other_results_pass, 100)
{
	struct hk_scope s;

	hk_scope_open(&s, 10 * HK_MS);
	CHECK_INT(hk_scope_close(&s, -EBADMSG), -EBADMSG);
	hk_scope_open(&s, 10 * HK_MS);
	CHECK_INT(hk_sleep(HK_SEC), -ECANCELED);
	CHECK_INT(hk_scope_close(&s, -ENOSPC), -ENOSPC); /* the cleanup's failure is the news */
	hk_scope_open(&s, 10 * HK_MS);
	CHECK_INT(hk_sleep(HK_SEC), -ECANCELED);
	CHECK_INT(hk_scope_close(&s, 3), 3); /* what was done is done */
}

/* test_foreign_cancel_doesnt_timeout_if_not_expired */
TEST_IN_SIM(cancelled_by_hand_is_no_timeout, 100)
{
	struct hk_scope outer, s;
	int r;

	hk_scope_open(&outer, HK_FOREVER);
	hk_scope_open(&s, 10 * HK_SEC);
	hk_scope_cancel(&outer);
	r = hk_scope_close(&s, hk_sleep(10 * HK_SEC));
	CHECK_INT(r, -ECANCELED);
	CHECK(!hk_scope_cancelled(&s));
	CHECK_INT(hk_scope_close(&outer, r), -ECANCELED);
	hk_scope_open(&s, 10 * HK_SEC);
	hk_scope_cancel(&s);
	CHECK_INT(hk_scope_close(&s, hk_sleep(1)), -ECANCELED);
}

/* By hand first, then the deadline would have come: it was not the cause. */
TEST_IN_SIM(a_deadline_after_a_cancellation_is_not_the_cause, 100)
{
	struct hk_scope s, shield;

	hk_scope_open(&s, 10 * HK_MS);
	hk_scope_cancel(&s);
	hk_scope_open_shield(&shield, HK_SEC);
	CHECK_INT(hk_sleep(100 * HK_MS), 0);
	CHECK_INT(hk_scope_close(&shield, 0), 0);
	CHECK_INT(hk_scope_close(&s, hk_sleep(1)), -ECANCELED);
}

/* ---- nested -------------------------------------------------------------------------------- */

/* test_nested_timeouts: both at the same instant: the inner one says -ECANCELED, the outer one reports */
TEST_IN_SIM(of_two_at_the_same_instant_the_outer_reports, 100)
{
	struct hk_scope outer, inner;
	int r;

	hk_scope_open(&outer, 10 * HK_MS);
	hk_scope_open(&inner, 10 * HK_MS);
	r = hk_sleep(10 * HK_SEC);
	CHECK_INT(r, -ECANCELED);
	CHECK(hk_scope_cancelled(&outer) && hk_scope_cancelled(&inner));
	r = hk_scope_close(&inner, r);
	CHECK_INT(r, -ECANCELED);
	CHECK_INT(hk_scope_close(&outer, r), -ETIMEDOUT);
}

/* test_nested_timeouts_concurrent: only the outer one is over */
TEST_IN_SIM(the_outer_deadline_ends_the_inner_scope, 100)
{
	struct hk_scope outer;
	int r;

	hk_scope_open(&outer, 2 * HK_MS);
	r = sleep_within(100 * HK_MS, HK_SEC);
	CHECK_INT(r, -ECANCELED);
	CHECK_INT(hk_scope_close(&outer, r), -ETIMEDOUT);
}

/* test_nested_timeouts_loop_busy: the inner is over and reports; the outer goes on and ends later */
TEST_IN_SIM(the_inner_deadline_ends_only_the_inner_scope, 100)
{
	int64_t start = hk_now_ns();
	struct hk_scope outer;

	hk_scope_open(&outer, 100 * HK_MS);
	CHECK_INT(sleep_within(10 * HK_MS, HK_SEC), -ETIMEDOUT);
	CHECK_INT(hk_now_ns() - start, 10 * HK_MS);
	CHECK_INT(hk_scope_close(&outer, hk_sleep(10 * HK_SEC)), -ETIMEDOUT);
	CHECK_INT(hk_now_ns() - start, 100 * HK_MS);
}

/* test_nested_timeout_in_finally, test_timeout_after_cancellation, test_cancel_in_timeout_after_cancellation: here cleanup inside
 * what is cancelled is cancelled, too, unless it opens a shield */
TEST_IN_SIM(a_timeout_in_the_cleanup, 100)
{
	struct hk_scope s, shield;

	hk_scope_open(&s, 10 * HK_MS);
	CHECK_INT(hk_sleep(HK_SEC), -ECANCELED);
	CHECK_INT(sleep_within(10 * HK_MS, HK_MS), -ECANCELED);
	hk_scope_open_shield(&shield, HK_SEC);
	CHECK_INT(sleep_within(10 * HK_MS, HK_SEC), -ETIMEDOUT);
	CHECK_INT(sleep_within(10 * HK_MS, HK_MS), 0);
	hk_scope_cancel(&shield);
	CHECK_INT(sleep_within(10 * HK_MS, HK_MS), -ECANCELED);
	CHECK_INT(hk_scope_close(&shield, 0), 0);
	CHECK_INT(hk_scope_close(&s, -ECANCELED), -ETIMEDOUT);
}

/* ---- reschedule ---------------------------------------------------------------------------- */

/* test_reschedule, test_timeout_finished */
TEST_IN_SIM(a_deadline_moves, 100)
{
	int64_t start = hk_now_ns();
	struct hk_scope s;

	hk_scope_open(&s, 10 * HK_SEC);
	CHECK_INT(hk_time_left_ns(), 10 * HK_SEC);
	hk_scope_extend(&s, 30 * HK_SEC);
	CHECK_INT(hk_time_left_ns(), 30 * HK_SEC);
	CHECK_INT(hk_sleep(20 * HK_SEC), 0);
	hk_scope_extend(&s, HK_FOREVER);
	CHECK_INT(hk_time_left_ns(), HK_FOREVER);
	CHECK_INT(hk_sleep(1000 * HK_SEC), 0);
	hk_scope_extend(&s, HK_SEC);
	CHECK_INT(hk_scope_close(&s, hk_sleep(10 * HK_SEC)), -ETIMEDOUT);
	CHECK_INT(hk_now_ns() - start, 1021 * HK_SEC);
}

TEST_IN_SIM(rescheduled_into_the_past_ends_now, 100)
{
	struct hk_scope s;

	hk_scope_open(&s, HK_FOREVER);
	hk_scope_extend(&s, 0);
	CHECK_INT(hk_time_left_ns(), 0);
	CHECK_INT(hk_scope_close(&s, hk_yield()), -ETIMEDOUT);
	hk_scope_open(&s, HK_SEC);
	hk_scope_extend(&s, -HK_SEC);
	CHECK_INT(hk_scope_close(&s, hk_yield()), -ETIMEDOUT);
}

/* asyncio: RuntimeError "Cannot change state of expiring Timeout"; Trio: "never become un-cancelled" */
TEST_IN_SIM(after_it_expired_a_deadline_does_not_move, 100)
{
	struct hk_scope s;

	hk_scope_open(&s, HK_MS);
	CHECK_INT(hk_sleep(HK_SEC), -ECANCELED);
	hk_scope_extend(&s, HK_SEC);
	CHECK_INT(hk_sleep(HK_MS), -ECANCELED);
	CHECK_INT(hk_time_left_ns(), 0);
	CHECK_INT(hk_scope_close(&s, -ECANCELED), -ETIMEDOUT);
}

/* Cancelled by hand: a later deadline is never set, so it is not what ended the scope. */
TEST_IN_SIM(after_it_was_cancelled_a_deadline_does_not_move, 100)
{
	struct hk_scope s, shield;

	hk_scope_open(&s, HK_FOREVER);
	hk_scope_cancel(&s);
	hk_scope_extend(&s, HK_MS);
	hk_scope_extend(&s, 0);
	hk_scope_open_shield(&shield, HK_SEC);
	CHECK_INT(hk_sleep(10 * HK_MS), 0);
	CHECK_INT(hk_scope_close(&shield, 0), 0);
	CHECK_INT(hk_scope_close(&s, hk_yield()), -ECANCELED);
}

static int extend_it(void *arg)
{
	CHECK_INT(hk_sleep(5 * HK_MS), 0);
	hk_scope_extend(arg, 20 * HK_MS);
	return 0;
}

/* test_reschedule, by another task while the first one waits */
TEST_IN_SIM(another_task_moves_the_deadline, 100)
{
	int64_t start = hk_now_ns();
	struct hk_scope s;
	struct hk_group g;

	hk_group_open(&g, NULL);
	hk_scope_open(&s, 10 * HK_MS);
	CHECK_INT(hk_spawn(&g, extend_it, &s), 0);
	CHECK_INT(hk_scope_close(&s, hk_sleep(HK_SEC)), -ETIMEDOUT);
	CHECK_INT(hk_now_ns() - start, 25 * HK_MS);
	CHECK_INT(hk_group_close(&g, 0), 0);
}

/* ---- wait_for ------------------------------------------------------------------------------ */

/* test_wait_for_cancel_suppressed, test_wait_for_cancellation_race_condition: what returns a value has a value */
static int sleep_and_still_42(void)
{
	CHECK_INT(hk_sleep(10 * HK_SEC), -ECANCELED);
	return 42;
}

TEST_IN_SIM(a_result_after_the_deadline_is_a_result, 100)
{
	struct hk_scope s;

	hk_scope_open(&s, 100 * HK_MS);
	CHECK_INT(hk_scope_close(&s, sleep_and_still_42()), 42);
	CHECK_INT(hk_checkpoint(), 0);
}

/* test_wait_for_waits_for_task_cancellation(_w_timeout_0), test_asyncio_wait_for_timeout: the cleanup is waited for */
static int slow_to_end(int64_t cleanup_ns)
{
	struct hk_scope shield;
	int r = hk_sleep(10 * HK_SEC);

	hk_scope_open_shield(&shield, HK_SEC);
	CHECK_INT(hk_scope_close(&shield, hk_sleep(cleanup_ns)), 0);
	return r;
}

TEST_IN_SIM(a_timeout_waits_for_the_cleanup, 100)
{
	int64_t start = hk_now_ns();
	struct hk_scope s;

	hk_scope_open(&s, 100 * HK_MS);
	CHECK_INT(hk_scope_close(&s, slow_to_end(200 * HK_MS)), -ETIMEDOUT);
	CHECK_INT(hk_now_ns() - start, 300 * HK_MS);
	hk_scope_open(&s, 0);
	CHECK_INT(hk_scope_close(&s, slow_to_end(50 * HK_MS)), -ETIMEDOUT);
	CHECK_INT(hk_now_ns() - start, 350 * HK_MS);
}

/* ---- shield -------------------------------------------------------------------------------- */

struct shielded {
	int64_t budget_ns, work_ns;
	int inner, after;
};

static int work_behind_a_shield(void *arg)
{
	struct shielded *w = arg;
	struct hk_scope shield;

	hk_scope_open_shield(&shield, w->budget_ns);
	w->inner = hk_scope_close(&shield, hk_sleep(w->work_ns));
	w->after = hk_checkpoint();
	return w->after;
}

/* test_shield_effect, test_shield_cancel_outer: the inner one goes on, the outer one is cancelled */
TEST_IN_SIM(a_shield_hides_outer_cancellation, 100)
{
	struct shielded w = { .budget_ns = HK_SEC, .work_ns = 100 * HK_MS, .inner = 1, .after = 1 };
	struct hk_group g;

	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, work_behind_a_shield, &w), 0);
	CHECK_INT(hk_sleep(HK_MS), 0);
	hk_group_cancel(&g);
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(w.inner, 0);
	CHECK_INT(w.after, -ECANCELED);
}

/* The budget is a deadline of its own, cancelled outside or not. */
TEST_IN_SIM(a_shields_budget_ends_it, 100)
{
	int64_t start = hk_now_ns();
	struct shielded w = { .budget_ns = 50 * HK_MS, .work_ns = HK_SEC };
	struct hk_scope s;
	struct hk_group g;

	CHECK_INT(work_behind_a_shield(&w), 0);
	CHECK_INT(w.inner, -ETIMEDOUT);
	CHECK_INT(hk_now_ns() - start, 50 * HK_MS);
	hk_scope_open(&s, 0);
	CHECK_INT(work_behind_a_shield(&w), -ECANCELED);
	CHECK_INT(w.inner, -ECANCELED); /* the outer one reports: it is cancelled, too */
	CHECK_INT(hk_scope_close(&s, -ECANCELED), -ETIMEDOUT);
	CHECK_INT(hk_now_ns() - start, 100 * HK_MS);
	hk_group_open(&g, NULL);
	w.budget_ns = 0;
	CHECK_INT(work_behind_a_shield(&w), 0);
	CHECK_INT(w.inner, -ETIMEDOUT);
	CHECK_INT(hk_group_close(&g, 0), 0);
}

/* test_shield_cancel_inner: cancelled inside, a shield does not help */
TEST_IN_SIM(a_cancellation_inside_a_shield, 100)
{
	struct hk_scope shield;

	hk_scope_open_shield(&shield, HK_SEC);
	hk_scope_cancel(&shield);
	CHECK_INT(hk_sleep(1), -ECANCELED);
	CHECK_INT(hk_scope_close(&shield, -ECANCELED), -ECANCELED);
	CHECK_INT(hk_checkpoint(), 0);
}

/* A shield in a shield: the nearer budget counts inside, the outer one's stays what it was. */
TEST_IN_SIM(nested_shields, 100)
{
	int64_t start = hk_now_ns();
	struct hk_scope s, outer, inner;

	hk_scope_open(&s, 0);
	hk_scope_open_shield(&outer, 100 * HK_MS);
	hk_scope_open_shield(&inner, 20 * HK_MS);
	CHECK_INT(hk_time_left_ns(), 20 * HK_MS);
	CHECK_INT(hk_scope_close(&inner, hk_sleep(HK_SEC)), -ETIMEDOUT);
	CHECK_INT(hk_sleep(10 * HK_MS), 0);
	hk_scope_open_shield(&inner, HK_SEC); /* a longer one hides the outer one's end, too */
	CHECK_INT(hk_sleep(200 * HK_MS), 0);
	CHECK_INT(hk_scope_close(&inner, 0), 0);
	CHECK_INT(hk_sleep(1), -ECANCELED);
	CHECK_INT(hk_scope_close(&outer, 0), 0);
	CHECK_INT(hk_scope_close(&s, hk_yield()), -ETIMEDOUT);
	CHECK_INT(hk_now_ns() - start, 230 * HK_MS);
}

static int shielded_item(void *arg)
{
	return work_behind_a_shield(arg);
}

/* test_shield_gather, test_gather_shield */
TEST_IN_SIM(gather_of_shields_and_a_shielded_gather, 100)
{
	struct shielded w[2] = { { HK_SEC, 100 * HK_MS, 1, 1 }, { HK_SEC, 200 * HK_MS, 1, 1 } };
	struct hk_scope s, shield;
	int results[2], r;

	hk_scope_open(&s, 10 * HK_MS);
	r = hk_gather(shielded_item, w, 2, sizeof(w[0]), NULL);
	CHECK_INT(r, -ECANCELED);
	CHECK_INT(w[0].inner, 0);
	CHECK_INT(w[1].inner, 0);
	hk_scope_open_shield(&shield, HK_SEC);
	r = hk_gather(shielded_item, w, 2, sizeof(w[0]),
		      &(struct hk_gather_options){ .results = results });
	CHECK_INT(hk_scope_close(&shield, r), 0);
	CHECK_INT(results[0], 0);
	CHECK_INT(results[1], 0);
	CHECK_INT(hk_scope_close(&s, hk_yield()), -ETIMEDOUT);
}

static const struct test tests[] = {
	T(a_deadline_ends_the_wait),
	T(a_deadline_that_does_not_come),
	T(zero_and_the_past_end_the_first_wait),
	T(without_a_wait_there_is_no_timeout),
	T(other_results_pass),
	T(cancelled_by_hand_is_no_timeout),
	T(a_deadline_after_a_cancellation_is_not_the_cause),
	T(of_two_at_the_same_instant_the_outer_reports),
	T(the_outer_deadline_ends_the_inner_scope),
	T(the_inner_deadline_ends_only_the_inner_scope),
	T(a_timeout_in_the_cleanup),
	T(a_deadline_moves),
	T(rescheduled_into_the_past_ends_now),
	T(after_it_expired_a_deadline_does_not_move),
	T(after_it_was_cancelled_a_deadline_does_not_move),
	T(another_task_moves_the_deadline),
	T(a_result_after_the_deadline_is_a_result),
	T(a_timeout_waits_for_the_cleanup),
	T(a_shield_hides_outer_cancellation),
	T(a_shields_budget_ends_it),
	T(a_cancellation_inside_a_shield),
	T(nested_shields),
	T(gather_of_shields_and_a_shielded_gather),
};

int main(void)
{
	return RUN_TESTS(tests);
}
