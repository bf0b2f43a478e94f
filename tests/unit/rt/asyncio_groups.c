/* asyncio_groups.c - what CPython's test_taskgroups.py and the gather tests of test_tasks.py say, said of hk_group and hk_gather
 *
 * On purpose different: (1) there are no exception groups: close() returns the cause; hk_group_options.failures has the others.
 * (2) a failure beats a cancellation from outside as in asyncio, and the cancellation stays: the next wait says -ECANCELED.
 * (3) a task cancelled before it first ran runs up to its first wait (as in Trio); asyncio never starts it.
 * (4) gather() without results cancels the rest when one fails; asyncio.gather() lets them run on, unowned. */
#include "in_loop.h"

struct job {
	int64_t sleep_ns;
	int result; /* returned after the sleep, whatever the sleep said, when stubborn */
	int slept;
	bool stubborn;
};

static int work(void *arg)
{
	struct job *j = arg;

	j->slept = hk_sleep(j->sleep_ns);
	return j->slept < 0 && !j->stubborn ? j->slept : j->result;
}

static void spawn(struct hk_group *g, struct job *j)
{
	j->slept = 1;
	CHECK_INT(hk_spawn(g, work, j), 0);
}

static int reports;
static void count_report(enum hk_report kind, const char *text, void *arg)
{
	(void)text, (void)arg;
	reports += kind == HK_REPORT_UNREAD;
}

/* Runs fn on the virtual clock; how many failures were reported as unread. */
static int unread_in(hk_fn *fn)
{
	struct hk_run_options o = { .virtual_clock = true, .seed = 1, .report = count_report };

	reports = 0;
	CHECK_INT(hk_run(fn, NULL, &o), 0);
	return reports;
}

/* ---- errors of several --------------------------------------------------------------------- */

/* test_cancel_children_on_child_error: the others obey; who fails in obeying is collected, after the cause */
TEST_IN_SIM(all_failures_are_collected_the_cause_first, 100)
{
	struct job jobs[] = { { 3 * HK_SEC, -EIO, .stubborn = true },
			      { HK_SEC, -EBADMSG },
			      { 5 * HK_SEC, 0 },
			      { 4 * HK_SEC, -ENOSPC, .stubborn = true } };
	struct hk_failure failures[4] = { 0 };
	struct hk_group g;

	hk_group_open(&g, &(struct hk_group_options){ .failures = failures, .failures_max = 4 });
	for (int i = 0; i < 4; i++)
		spawn(&g, &jobs[i]);
	CHECK_INT(hk_group_close(&g, 0), -EBADMSG);
	CHECK_INT(hk_group_failed(&g), 3); /* the third obeyed */
	CHECK_INT(failures[0].code, -EBADMSG);
	CHECK_INT(failures[1].code + failures[2].code, -EIO - ENOSPC);
	CHECK_INT(failures[3].code, 0);
	CHECK_STR(failures[0].task, "work");
	CHECK(strstr(failures[0].where, "asyncio_groups.c:") != NULL);
}

/* HK_COLLECT: none is cancelled, all fail in their own time; order of happening */
TEST_IN_SIM(collected_failures_are_in_the_order_in_which_they_happened, 100)
{
	struct job jobs[] = { { 3 * HK_SEC, -EIO },
			      { HK_SEC, -EBADMSG },
			      { 2 * HK_SEC, 0 },
			      { 4 * HK_SEC, -ENOSPC } };
	struct hk_failure failures[2] = { 0 };
	struct hk_group g;

	hk_group_open(&g, &(struct hk_group_options){
				  .policy = HK_COLLECT, .failures = failures, .failures_max = 2 });
	for (int i = 0; i < 4; i++)
		CHECK_INT(hk_group_spawn(&g, work, &jobs[i],
					 &(struct hk_spawn_options){ .result = &jobs[i].slept }),
			  0);
	CHECK_INT(hk_group_close(&g, 0), -EBADMSG);
	CHECK_INT(hk_group_failed(&g), 3);
	CHECK_INT(failures[0].code, -EBADMSG);
	CHECK_INT(failures[1].code, -EIO); /* no room for the third: its result has it */
	CHECK_INT(jobs[3].slept, -ENOSPC);
}

/* A task that was cancelled on its own counts, but is not the cause. */
static int cancelled_on_its_own(void *arg)
{
	struct hk_scope s;

	(void)arg;
	hk_scope_open(&s, HK_FOREVER);
	hk_scope_cancel(&s);
	return hk_scope_close(&s, hk_sleep(HK_SEC));
}

TEST_IN_SIM(the_cause_comes_before_a_stray_cancellation, 100)
{
	struct job late = { HK_SEC, -EIO };
	struct hk_failure failures[2] = { 0 };
	struct hk_group g;

	hk_group_open(&g, &(struct hk_group_options){ .failures = failures, .failures_max = 2 });
	CHECK_INT(hk_spawn(&g, cancelled_on_its_own, NULL), 0);
	spawn(&g, &late);
	CHECK_INT(hk_group_close(&g, 0), -EIO);
	CHECK_INT(hk_group_failed(&g), 2);
	CHECK_INT(failures[0].code, -EIO);
	CHECK_INT(failures[1].code, -ECANCELED);
}

/* test_taskgroup_19: the block fails in its cleanup after a child failed: both are there, the block's is returned */
TEST_IN_SIM(error_in_the_block_and_in_a_child, 100)
{
	struct job soon = { 100 * HK_MS, -EIO };
	struct hk_failure failure = { 0 };
	struct hk_group g;

	hk_group_open(&g, &(struct hk_group_options){ .failures = &failure, .failures_max = 1 });
	spawn(&g, &soon);
	CHECK_INT(hk_sleep(10 * HK_SEC), -ECANCELED);
	CHECK_INT(hk_group_close(&g, -ENOSPC), -ENOSPC);
	CHECK_INT(failure.code, -EIO);
}

/* test_taskgroup_09, _10 turned round: the block fails first, then a child in its cleanup */
TEST_IN_SIM(error_in_the_block_then_in_a_child, 100)
{
	struct job stubborn = { HK_SEC, -EIO, .stubborn = true };
	struct hk_failure failure = { 0 };
	struct hk_group g;

	hk_group_open(&g, &(struct hk_group_options){ .failures = &failure, .failures_max = 1 });
	spawn(&g, &stubborn);
	CHECK_INT(hk_sleep(HK_MS), 0);
	CHECK_INT(hk_group_close(&g, -EBADMSG), -EBADMSG);
	CHECK_INT(stubborn.slept, -ECANCELED);
	CHECK_INT(failure.code, -EIO);
}

/* test_taskgroup_17 without an outside: the block was cancelled in a scope of its own, and passes that on */
TEST_IN_SIM(a_cancellation_of_the_blocks_own_is_told, 100)
{
	struct job other = { HK_SEC, 0 };
	struct hk_group g;

	hk_group_open(&g, NULL);
	spawn(&g, &other);
	CHECK_INT(hk_group_close(&g, cancelled_on_its_own(NULL)), -ECANCELED);
	CHECK(other.slept != 0); /* a block that gives up takes its tasks along */
	CHECK_INT(hk_yield(), 0);
}

enum { MANY = 1000 };
static struct job many[MANY];
static struct hk_failure thousand[MANY];

static int all_fail(void *arg)
{
	struct hk_group_options o = { .policy = HK_COLLECT,
				      .failures = arg,
				      .failures_max = arg ? MANY : 0 };
	struct hk_group g;

	hk_group_open(&g, &o);
	for (int i = 0; i < MANY; i++) {
		many[i] = (struct job){ (int64_t)(1 + i % 7) * HK_MS, -EIO };
		spawn(&g, &many[i]);
	}
	CHECK_INT(hk_group_close(&g, 0), -EIO);
	CHECK_INT(hk_group_failed(&g), MANY);
	for (int i = 0; arg && i < MANY; i++)
		CHECK_INT(thousand[i].code, -EIO);
	return 0;
}

static int all_fail_with_room(void *arg)
{
	(void)arg;
	return all_fail(thousand);
}

/* A thousand failures: all in the room there is, or told without burying what else is said. */
TEST(a_thousand_children_fail)
{
	CHECK_INT(unread_in(all_fail_with_room), 0);
	CHECK_INT(unread_in(all_fail), 5 + 1 + 2); /* five, the notice, the 10th, the 100th */
}

static int close_returns_it(void *arg)
{
	struct job j = { HK_MS, -EIO };
	struct hk_group g;

	(void)arg;
	hk_group_open(&g, NULL);
	spawn(&g, &j);
	CHECK_INT(hk_group_close(&g, 0), -EIO);
	return 0;
}

static int block_hides_it(void *arg)
{
	struct job j = { HK_MS, -EIO };
	struct hk_group g;

	(void)arg;
	hk_group_open(&g, NULL);
	spawn(&g, &j);
	CHECK_INT(hk_sleep(HK_SEC), -ECANCELED);
	CHECK_INT(hk_group_close(&g, -ENOSPC), -ENOSPC);
	return 0;
}

static int result_has_it(void *arg)
{
	struct job j = { HK_MS, -EIO };
	struct hk_group g;
	int result = 0;

	(void)arg;
	hk_group_open(&g, NULL);
	CHECK_INT(hk_group_spawn(&g, work, &j, &(struct hk_spawn_options){ .result = &result }), 0);
	CHECK_INT(hk_sleep(HK_SEC), -ECANCELED);
	CHECK_INT(hk_group_close(&g, -ENOSPC), -ENOSPC);
	CHECK_INT(result, -EIO);
	return 0;
}

static int gather_hides_it(void *arg)
{
	struct job jobs[] = { { HK_MS, -EIO }, { HK_SEC, -ENOSPC, .stubborn = true } };

	(void)arg;
	CHECK_INT(hk_gather(work, jobs, 2, sizeof(jobs[0]), NULL), -EIO);
	return 0;
}

/* asyncio: "Task exception was never retrieved"; asyncio.gather() is silent about all but the first */
TEST(what_nobody_read_is_reported_once)
{
	CHECK_INT(unread_in(close_returns_it), 0);
	CHECK_INT(unread_in(block_hides_it), 1);
	CHECK_INT(unread_in(result_has_it), 0);
	CHECK_INT(unread_in(gather_hides_it), 1);
}

/* ---- cancellation from outside ------------------------------------------------------------- */

static int doomed_group(void *arg)
{
	struct job jobs[2] = { { 200 * HK_MS, -EIO, .stubborn = true }, { HK_SEC, 0 } };
	struct hk_group g;
	int r;

	hk_group_open(&g, NULL);
	spawn(&g, &jobs[0]);
	spawn(&g, &jobs[1]);
	r = hk_group_close(&g, 0);
	*(int *)arg = hk_checkpoint();
	return r;
}

/* test_cancellation_in_body, test_taskgroup_08: cancelled while children fail: the failure is told, the cancellation stays */
TEST_IN_SIM(cancelled_from_outside_while_children_fail, 100)
{
	struct hk_scope s;
	int after = 1, r;

	hk_scope_open(&s, 10 * HK_MS);
	r = doomed_group(&after);
	CHECK_INT(r, -EIO);
	CHECK_INT(after, -ECANCELED);
	CHECK_INT(hk_scope_close(&s, r), -EIO);
	CHECK_INT(hk_checkpoint(), 0);
}

/* test_taskgroup_15, _16: outside cancellation, then a child that fails while the block still cleans up */
TEST_IN_SIM(a_child_fails_during_the_cleanup_of_a_cancelled_block, 100)
{
	struct job crash = { 300 * HK_MS, -EIO, .stubborn = true };
	struct hk_scope s, shield;
	struct hk_group g;
	int r;

	hk_scope_open(&s, 100 * HK_MS);
	hk_group_open(&g, NULL);
	spawn(&g, &crash);
	r = hk_sleep(10 * HK_SEC);
	hk_scope_open_shield(&shield, HK_SEC);
	CHECK_INT(hk_scope_close(&shield, hk_sleep(500 * HK_MS)), 0);
	CHECK_INT(hk_group_close(&g, r), -EIO);
	CHECK_INT(hk_scope_close(&s, hk_checkpoint()), -ETIMEDOUT);
}

/* test_taskgroup_11, _12: nested groups under one cancellation */
TEST_IN_SIM(cancellation_passes_through_nested_groups, 100)
{
	struct job jobs[6], outer_job = { 10 * HK_SEC, 0 };
	struct hk_group outer, inner;
	struct hk_scope s;
	int r;

	hk_scope_open(&s, 100 * HK_MS);
	hk_group_open(&outer, NULL);
	spawn(&outer, &outer_job);
	hk_group_open(&inner, NULL);
	for (int i = 0; i < 6; i++) {
		jobs[i] = (struct job){ HK_SEC, -EIO };
		spawn(&inner, &jobs[i]);
	}
	r = hk_group_close(&inner, hk_sleep(10 * HK_SEC));
	CHECK_INT(r, -ECANCELED);
	r = hk_group_close(&outer, r);
	CHECK_INT(r, -ECANCELED);
	CHECK_INT(hk_scope_close(&s, r), -ETIMEDOUT);
	CHECK_INT(outer_job.slept, -ECANCELED);
	for (int i = 0; i < 6; i++)
		CHECK_INT(jobs[i].slept, -ECANCELED);
}

/* test_taskgroup_22, _23 (cancelled at the very moment when the last child ends): what was done is done */
TEST_IN_SIM(cancelled_at_the_instant_of_the_last_child, 100)
{
	struct job j = { 10 * HK_MS, 0 };
	struct hk_scope s;
	struct hk_group g;
	int r;

	hk_scope_open(&s, 10 * HK_MS);
	hk_group_open(&g, NULL);
	spawn(&g, &j);
	r = hk_group_close(&g, 0);
	CHECK_INT(r, j.slept);
	CHECK_INT(hk_scope_close(&s, r), j.slept == 0 ? 0 : -ETIMEDOUT);
}

/* ---- children that spawn ------------------------------------------------------------------- */

struct family {
	struct hk_group *g;
	int left, born, cancelled;
	int64_t pause_ns;
	int result;
};

static int multiply(void *arg)
{
	struct family *f = arg;
	int r;

	f->born++;
	r = hk_sleep(f->pause_ns);
	f->cancelled += r == -ECANCELED;
	if (f->left-- > 0)
		CHECK_INT(hk_spawn(f->g, multiply, f), 0);
	return r < 0 ? r : f->result;
}

/* test_taskgroup_24, 3.13 test_taskgroup_already_entered...: children spawn while the group closes: close waits for all */
TEST_IN_SIM(children_spawn_while_the_group_closes, 100)
{
	struct hk_group g;
	struct family f = { .g = &g, .left = 50, .pause_ns = HK_MS };

	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, multiply, &f), 0);
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(f.born, 51);
	CHECK_INT(f.cancelled, 0);
}

/* ... while it fails: they start cancelled (asyncio 3.13+ refuses: "TaskGroup is shutting down") */
TEST_IN_SIM(children_spawn_while_the_group_fails, 100)
{
	struct hk_group g;
	struct family f = { .g = &g, .left = 50, .pause_ns = HK_MS, .result = -EIO };

	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, multiply, &f), 0);
	CHECK_INT(hk_group_close(&g, 0), -EIO);
	CHECK_INT(f.born, 51);
	CHECK_INT(f.cancelled, 50);
}

struct relay {
	struct hk_group inner;
	struct hk_event last_has_ended;
	struct job late;
	int spawned;
	bool closed;
};

static int end_and_tell(void *arg)
{
	struct relay *r = arg;

	hk_event_set(&r->last_has_ended);
	return 0;
}

static int own_a_group(void *arg)
{
	struct relay *r = arg;
	int result;

	hk_group_open(&r->inner, NULL);
	CHECK_INT(hk_spawn(&r->inner, end_and_tell, r), 0);
	result = hk_group_close(&r->inner, 0);
	r->closed = true;
	CHECK_INT(r->late.slept, r->spawned == 0 ? 0 : 1); /* who was let in was waited for */
	return result;
}

static int spawn_from_outside(void *arg)
{
	struct relay *r = arg;

	CHECK_INT(hk_event_wait(&r->last_has_ended), 0);
	r->spawned = hk_spawn(&r->inner, work, &r->late);
	CHECK_INT(r->spawned, r->closed ? -ESHUTDOWN : 0);
	return 0;
}

/* After its last task ended, before its owner has run: the group is still open, and a task from outside may come in. */
TEST_IN_SIM(spawned_between_the_last_end_and_the_close, 100)
{
	struct relay r = { .late = { HK_MS, 0, 1, false }, .spawned = 1 };
	struct hk_group g;

	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, spawn_from_outside, &r), 0);
	CHECK_INT(hk_wait_all_parked(), 0);
	CHECK_INT(hk_spawn(&g, own_a_group, &r), 0);
	CHECK_INT(hk_group_close(&g, 0), 0);
}

/* test_taskgroup_finished: a closed group takes nobody */
TEST_IN_SIM(a_closed_group_refuses, 100)
{
	struct job j = { 0, 0 };
	struct hk_group g;

	hk_group_open(&g, NULL);
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(hk_spawn(&g, work, &j), -ESHUTDOWN);
	CHECK_INT(hk_group_running(&g), 0);
}

/* test_taskgroup_02, and the order: tasks begin in the order in which they were spawned */
static struct trace trace;

static int say(void *arg)
{
	trace_add(&trace, "%d", *(int *)arg);
	return 0;
}

TEST_IN_LOOP(tasks_begin_in_the_order_of_spawning)
{
	int names[] = { 1, 2, 3, 4, 5 };
	struct hk_group g;

	trace = (struct trace){ 0 };
	hk_group_open(&g, NULL);
	for (int i = 0; i < 5; i++)
		CHECK_INT(hk_spawn(&g, say, &names[i]), 0);
	CHECK_STR(trace.text, ""); /* not before the spawner waits */
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_STR(trace.text, "1 2 3 4 5");
}

static const struct test tests[] = {
	T(all_failures_are_collected_the_cause_first),
	T(collected_failures_are_in_the_order_in_which_they_happened),
	T(the_cause_comes_before_a_stray_cancellation),
	T(error_in_the_block_and_in_a_child),
	T(error_in_the_block_then_in_a_child),
	T(a_cancellation_of_the_blocks_own_is_told),
	T(a_thousand_children_fail),
	T(what_nobody_read_is_reported_once),
	T(cancelled_from_outside_while_children_fail),
	T(a_child_fails_during_the_cleanup_of_a_cancelled_block),
	T(cancellation_passes_through_nested_groups),
	T(cancelled_at_the_instant_of_the_last_child),
	T(children_spawn_while_the_group_closes),
	T(children_spawn_while_the_group_fails),
	T(spawned_between_the_last_end_and_the_close),
	T(a_closed_group_refuses),
	T(tasks_begin_in_the_order_of_spawning),
};

int main(void)
{
	return RUN_TESTS(tests);
}
