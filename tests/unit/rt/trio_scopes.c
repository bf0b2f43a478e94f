/* trio_scopes.c - what Trio's test_run.py and test_timeouts.py say of CancelScope, said of hk_scope
 *
 * On purpose different: (1) a scope does not swallow: close() returns -ECANCELED of a scope cancelled by hand and -ETIMEDOUT of one
 * whose deadline came (move_on_after and fail_after in one: the caller decides). (2) a shield has a budget and cannot be taken
 * back. (3) a scope is a struct of one task's block: cancelling it before it is open or after it is closed does nothing;
 * it may be opened again. (4) hk_checkpoint() only asks; hk_yield() is trio.lowlevel.checkpoint(). */
#include "in_loop.h"

/* ---- cancel points ------------------------------------------------------------------------- */

static struct hk_queue *full, *empty;
static struct hk_sem no_permit;
static struct hk_mutex taken;
static struct hk_event unset;

static int nothing(void *arg)
{
	(void)arg;
	return 0;
}

static int call(int which)
{
	int item = 0;

	switch (which) {
	case 0:
		return hk_checkpoint();
	case 1:
		return hk_yield();
	case 2:
		return hk_sleep(0);
	case 3:
		return hk_sleep(HK_SEC);
	case 4:
		return hk_sleep(HK_FOREVER);
	case 5:
		return hk_queue_put(full, &item);
	case 6:
		return hk_queue_get(empty, &item);
	case 7:
		return hk_sem_acquire(&no_permit);
	case 8:
		return hk_mutex_lock(&taken);
	case 9:
		return hk_event_wait(&unset);
	case 10:
		return hk_event_wait_for(&unset, HK_SEC);
	case 11:
		return hk_gather(nothing, &item, 1, sizeof(item), NULL);
	/* These would not have to wait: they are checkpoints all the same. */
	case 12:
		return hk_queue_put(empty, &item);
	case 13:
		return hk_queue_get(full, &item);
	default:
		return 1;
	}
}

static int holder(void *arg)
{
	(void)arg;
	CHECK_INT(hk_mutex_lock(&taken), 0);
	CHECK_INT(hk_event_wait(&unset), 0);
	hk_mutex_unlock(&taken);
	return 0;
}

/* test_cancel_points, test_cancel_edge_cases: every call, level-triggered, idempotent; nothing moves and nothing waits */
static int call_within(int which)
{
	struct hk_scope s;
	hk_scope_open(&s, 5 * HK_MS);
	return hk_scope_close(&s, call(which));
}

static void make_things(void)
{
	int item = 0;

	full = hk_queue_new(sizeof(int), 1);
	empty = hk_queue_new(sizeof(int), 1);
	ASSERT(full && empty);
	CHECK_INT(hk_queue_put(full, &item), 0);
	no_permit = (struct hk_sem){ 0 };
	taken = (struct hk_mutex){ 0 };
	unset = (struct hk_event){ 0 };
}

TEST_IN_SIM(every_waiting_call_is_a_cancel_point, 100)
{
	struct hk_group g;
	struct hk_scope s;

	make_things();
	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, holder, NULL), 0);
	CHECK_INT(hk_wait_all_parked(), 0);
	for (int i = 0; i <= 13; i++) {
		hk_scope_open(&s, HK_FOREVER);
		hk_scope_cancel(&s);
		hk_scope_cancel(&s);
		CHECK_INT(call(i), -ECANCELED);
		CHECK_INT(call(i), -ECANCELED);
		CHECK_INT(hk_scope_close(&s, -ECANCELED), -ECANCELED);
		CHECK_INT(hk_checkpoint(), 0);
	}
	for (int i = 3; i <= 10; i++)
		CHECK_INT(call_within(i), -ETIMEDOUT); /* and while they wait */
	CHECK_INT(hk_queue_len(full), 1);
	CHECK_INT(hk_queue_len(empty), 0);
	hk_event_set(&unset);
	CHECK_INT(hk_group_close(&g, 0), 0);
	hk_queue_free(full);
	hk_queue_free(empty);
}

/* test_trivial_yields: opening and closing a group or a scope is no checkpoint: what was done inside stays done */
TEST_IN_SIM(blocks_are_no_checkpoints, 100)
{
	struct hk_scope s, inner;
	struct hk_group g;
	int64_t start = hk_now_ns();

	hk_scope_open(&s, HK_FOREVER);
	hk_scope_cancel(&s);
	hk_group_open(&g, NULL);
	CHECK_INT(hk_group_close(&g, 0), 0);
	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, nothing, NULL), 0);
	CHECK_INT(hk_group_close(&g, 0), 0);
	hk_group_open(&g, NULL);
	CHECK_INT(hk_group_close(&g, -EIO), -EIO);
	hk_scope_open(&inner, HK_SEC);
	CHECK_INT(hk_scope_close(&inner, 5), 5);
	CHECK_INT(hk_scope_close(&s, 0), 0);
	CHECK_INT(hk_now_ns(), start);
}

/* test_cancel_scope_nesting, last part: cancelled but closed before any wait: nothing is delivered, and nothing is left */
TEST_IN_SIM(what_is_closed_before_a_wait_is_not_delivered, 100)
{
	struct hk_scope s;

	hk_scope_open(&s, HK_FOREVER);
	hk_scope_cancel(&s);
	CHECK_INT(hk_scope_close(&s, 0), 0);
	CHECK(hk_scope_cancelled(&s));
	CHECK_INT(hk_yield(), 0);
}

/* test_yield_briefly_checks_for_timeout */
TEST_IN_SIM(a_yield_sees_a_deadline_that_passed_meanwhile, 100)
{
	struct hk_scope s, shield;

	hk_scope_open(&s, 5 * HK_SEC);
	CHECK_INT(hk_yield(), 0);
	hk_scope_open_shield(&shield, HK_FOREVER);
	CHECK_INT(hk_sleep(10 * HK_SEC), 0);
	CHECK_INT(hk_scope_close(&shield, 0), 0);
	CHECK_INT(hk_scope_close(&s, hk_yield()), -ETIMEDOUT);
}

static int yield_in_scope(void *scope)
{
	hk_scope_open(scope, HK_FOREVER);
	return hk_scope_close(scope, hk_yield());
}

/* trio: checkpoint(): cancelled while it was not its turn */
TEST_IN_LOOP(a_yield_sees_a_cancellation_that_came_meanwhile)
{
	struct hk_scope s = { 0 };
	struct hk_group g;
	int result = 1;

	hk_group_open(&g, NULL);
	CHECK_INT(hk_group_spawn(&g, yield_in_scope, &s,
				 &(struct hk_spawn_options){ .result = &result }),
		  0);
	CHECK_INT(hk_yield(), 0);
	hk_scope_cancel(&s);
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(result, -ECANCELED);
}

/* ---- nesting ------------------------------------------------------------------------------- */

/* test_cancel_scope_nesting: of two cancelled ones the outer one counts; the one around them is untouched */
TEST_IN_SIM(the_outer_of_two_cancelled_wins, 100)
{
	struct hk_scope one, two, three;
	int r;

	hk_scope_open(&one, HK_FOREVER);
	hk_scope_open(&two, HK_FOREVER);
	hk_scope_open(&three, HK_FOREVER);
	hk_scope_cancel(&three);
	hk_scope_cancel(&two);
	CHECK_INT(hk_sleep(HK_FOREVER), -ECANCELED);
	r = hk_scope_close(&three, -ECANCELED);
	CHECK_INT(hk_checkpoint(), -ECANCELED); /* still in two */
	r = hk_scope_close(&two, r);
	CHECK_INT(r, -ECANCELED);
	CHECK_INT(hk_checkpoint(), 0);
	CHECK_INT(hk_scope_close(&one, 0), 0);
	CHECK(hk_scope_cancelled(&three) && hk_scope_cancelled(&two) && !hk_scope_cancelled(&one));
}

/* Whatever the order of deadlines, the report comes from the outermost scope that is over. */
TEST_IN_SIM(three_deadlines_in_every_order, 100)
{
	static const int orders[6][3] = { { 1, 2, 3 }, { 1, 3, 2 }, { 2, 1, 3 },
					  { 2, 3, 1 }, { 3, 1, 2 }, { 3, 2, 1 } };

	for (int o = 0; o < 6; o++) {
		int64_t start = hk_now_ns();
		struct hk_scope s[3];
		int first = 0, r;
		for (int i = 0; i < 3; i++) {
			hk_scope_open(&s[i], orders[o][i] * HK_MS);
			first = orders[o][i] == 1 ? i : first;
		}
		r = hk_sleep(HK_SEC);
		for (int i = 2; i >= 0; i--) {
			r = hk_scope_close(&s[i], r);
			CHECK_INT(r, i > first ? -ECANCELED : -ETIMEDOUT);
		}
		CHECK_INT(hk_now_ns() - start, HK_MS);
	}
}

/* test_cancel_shielding: scopes inside a shield work as ever, the shield itself can be cancelled */
TEST_IN_SIM(inside_a_shield_scopes_work_as_ever, 100)
{
	struct hk_scope outer, shield, inner;

	hk_scope_open(&outer, HK_FOREVER);
	hk_scope_cancel(&outer);
	hk_scope_open_shield(&shield, HK_SEC);
	CHECK_INT(hk_yield(), 0);
	hk_scope_open(&inner, HK_FOREVER);
	hk_scope_cancel(&inner);
	CHECK_INT(hk_yield(), -ECANCELED);
	CHECK_INT(hk_scope_close(&inner, 0), 0);
	hk_scope_open(&inner, 10 * HK_MS);
	CHECK_INT(hk_scope_close(&inner, hk_sleep(HK_SEC)), -ETIMEDOUT);
	CHECK_INT(hk_yield(), 0);
	hk_scope_cancel(&shield);
	CHECK_INT(hk_yield(), -ECANCELED);
	CHECK_INT(hk_scope_close(&shield, 0), 0);
	CHECK_INT(hk_scope_close(&outer, hk_yield()), -ECANCELED);
}

struct tree {
	int depth, woken;
};

static int leaf_or_branch(void *arg)
{
	struct tree *t = arg;
	struct tree below = { t->depth - 1, 0 };
	struct hk_group g;
	int r;

	if (t->depth == 0) {
		r = hk_sleep(HK_FOREVER);
		t->woken += r == -ECANCELED;
		return r;
	}
	hk_group_open(&g, NULL);
	for (int i = 0; i < 3; i++)
		CHECK_INT(hk_spawn(&g, leaf_or_branch, &below), 0);
	r = hk_group_close(&g, 0);
	t->woken += below.woken;
	return r;
}

/* test_cancel_inheritance: at once to every leaf of every branch */
TEST_IN_SIM(cancellation_reaches_every_leaf, 100)
{
	struct tree t = { 4, 0 };
	struct hk_scope s;
	int64_t start = hk_now_ns();

	hk_scope_open(&s, HK_SEC);
	CHECK_INT(hk_scope_close(&s, leaf_or_branch(&t)), -ETIMEDOUT);
	CHECK_INT(t.woken, 81);
	CHECK_INT(hk_now_ns() - start, HK_SEC);
}

enum shelter { PLAIN, SHIELDED, CANCELLED_THEN_SHIELDED };
struct sibling {
	enum shelter shelter;
	int slept;
	int64_t until_ns;
};

static int sleep_sheltered(void *arg)
{
	struct sibling *s = arg;
	struct hk_scope plain, shield;

	hk_scope_open(&plain, HK_FOREVER);
	if (s->shelter == CANCELLED_THEN_SHIELDED)
		hk_scope_cancel(&plain);
	if (s->shelter != PLAIN)
		hk_scope_open_shield(&shield, HK_SEC);
	s->slept = hk_sleep(100 * HK_MS);
	s->until_ns = hk_now_ns();
	if (s->shelter != PLAIN)
		(void)hk_scope_close(&shield, 0);
	return hk_scope_close(&plain, hk_checkpoint());
}

/* test_cancel_inheritance with shields among the branches: the walk passes them by and reaches all others, wherever they stand */
TEST_IN_SIM(shields_and_cancelled_siblings_do_not_stop_a_cancellation, 100)
{
	struct sibling s[9];
	int64_t start = hk_now_ns();
	struct hk_group g;

	hk_group_open(&g, NULL);
	for (int i = 0; i < 9; i++) {
		s[i] = (struct sibling){ .shelter = (enum shelter)(i % 3) };
		CHECK_INT(hk_spawn(&g, sleep_sheltered, &s[i]), 0);
	}
	CHECK_INT(hk_sleep(10 * HK_MS), 0);
	hk_group_cancel(&g);
	CHECK_INT(hk_group_close(&g, 0), 0);
	for (int i = 0; i < 9; i++) {
		CHECK_INT(s[i].slept, s[i].shelter == PLAIN ? -ECANCELED : 0);
		CHECK_INT(s[i].until_ns - start, (s[i].shelter == PLAIN ? 10 : 100) * HK_MS);
	}
}

/* ---- cancelling from elsewhere ------------------------------------------------------------- */

static int wait_in_scope(void *arg)
{
	hk_scope_open(arg, HK_FOREVER);
	return hk_scope_close(arg, hk_sleep(HK_FOREVER));
}

static int cancel_it(void *arg)
{
	int r = hk_sleep(HK_MS);
	hk_scope_cancel(arg);
	return r;
}

/* test_cancel_unbound: before it is open and after it is closed nothing happens; the struct may be used again */
TEST_IN_SIM(cancelling_what_is_not_open_does_nothing, 100)
{
	struct hk_scope s = { 0 };
	struct hk_group g;
	int result = 1;

	hk_scope_cancel(&s);
	for (int i = 0; i < 2; i++) {
		hk_group_open(&g, NULL);
		CHECK_INT(hk_group_spawn(&g, wait_in_scope, &s,
					 &(struct hk_spawn_options){ .result = &result }),
			  0);
		CHECK_INT(hk_spawn(&g, cancel_it, &s), 0);
		CHECK_INT(hk_group_close(&g, 0), 0);
		CHECK_INT(result, -ECANCELED);
		hk_scope_cancel(&s);
		CHECK_INT(hk_yield(), 0);
	}
}

static int keep_going(void *arg)
{
	int r, yielded = 0;

	for (*(int *)arg = 0; (r = hk_checkpoint()) == 0; ++*(int *)arg)
		yielded = hk_yield();
	CHECK(yielded == 0 || yielded == -ECANCELED);
	return r;
}

/* A busy task that asks is ended by a deadline: time goes on for it too (real time: hk_checkpoint never waits). */
static int busy_main(void *arg)
{
	int rounds = 0;
	struct hk_scope s;

	(void)arg;
	hk_scope_open(&s, 2 * HK_MS);
	CHECK_INT(hk_scope_close(&s, keep_going(&rounds)), -ETIMEDOUT);
	CHECK(rounds > 0);
	return 0;
}

TEST(a_busy_task_that_asks_is_ended)
{
	CHECK_INT(hk_run(busy_main, NULL, NULL), 0);
}

/* ---- deadlines ----------------------------------------------------------------------------- */

static int tell_time_left(void *arg)
{
	*(int64_t *)arg = hk_time_left_ns();
	return 0;
}

/* test_current_effective_deadline */
TEST_IN_SIM(time_left_is_of_the_nearest_deadline, 100)
{
	struct hk_scope one, two, shield;
	struct hk_group g;
	int64_t childs = 0;

	CHECK_INT(hk_time_left_ns(), HK_FOREVER);
	hk_scope_open(&one, 5 * HK_SEC);
	hk_scope_open(&two, 10 * HK_SEC);
	CHECK_INT(hk_time_left_ns(), 5 * HK_SEC);
	hk_scope_extend(&two, 3 * HK_SEC);
	CHECK_INT(hk_time_left_ns(), 3 * HK_SEC);
	hk_scope_extend(&two, 10 * HK_SEC);
	CHECK_INT(hk_sleep(HK_SEC), 0);
	CHECK_INT(hk_time_left_ns(), 4 * HK_SEC);
	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, tell_time_left, &childs), 0);
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(childs, 4 * HK_SEC); /* a task lives under its spawner's deadlines */
	hk_scope_open_shield(&shield, 20 * HK_SEC);
	CHECK_INT(hk_time_left_ns(), 20 * HK_SEC);
	hk_scope_cancel(&one);
	CHECK_INT(hk_time_left_ns(), 20 * HK_SEC);
	CHECK_INT(hk_scope_close(&shield, 0), 0);
	CHECK_INT(hk_time_left_ns(), 0);
	CHECK_INT(hk_scope_close(&two, 0), 0);
	CHECK_INT(hk_time_left_ns(), 0);
	CHECK_INT(hk_scope_close(&one, 0), 0);
	CHECK_INT(hk_time_left_ns(), HK_FOREVER);
}

/* test_basic_timeout, test_cancel_scope_deadline_duplicates */
TEST_IN_SIM(a_deadline_moved_often_comes_once, 100)
{
	int64_t start = hk_now_ns();
	struct hk_scope s;

	hk_scope_open(&s, HK_FOREVER);
	for (int i = 0; i < 2000; i++) {
		hk_scope_extend(&s, 9998 * HK_SEC);
		hk_scope_extend(&s, 9999 * HK_SEC);
	}
	CHECK_INT(hk_sleep(9998 * HK_SEC + 1), 0);
	CHECK_INT(hk_scope_close(&s, hk_sleep(10 * HK_SEC)), -ETIMEDOUT);
	CHECK_INT(hk_now_ns() - start, 9999 * HK_SEC);
	hk_scope_open(&s, HK_SEC);
	CHECK_INT(hk_scope_close(&s, 0), 0);
	CHECK_INT(hk_sleep(2 * HK_SEC), 0);
	CHECK(!hk_scope_cancelled(&s)); /* closed before its time */
}

/* Beyond all time is for ever. */
TEST_IN_SIM(deadlines_beyond_all_time, 100)
{
	struct hk_scope s;

	hk_scope_open(&s, INT64_MAX);
	CHECK_INT(hk_time_left_ns(), HK_FOREVER);
	CHECK_INT(hk_scope_close(&s, hk_yield()), 0);
	hk_scope_open(&s, INT64_MAX - 1);
	CHECK_INT(hk_time_left_ns(), HK_FOREVER);
	hk_scope_extend(&s, INT64_MAX - 1);
	CHECK_INT(hk_scope_close(&s, hk_sleep(HK_SEC)), 0);
}

/* ---- depth --------------------------------------------------------------------------------- */

enum { DEEP = 5000 };

/* test_very_deep_cancel_scope_nesting */
TEST_IN_SIM(five_thousand_scopes_deep, 10)
{
	struct hk_scope *s = calloc(DEEP, sizeof(*s));
	int r = -ECANCELED;

	ASSERT(s);
	for (int i = 0; i < DEEP; i++)
		hk_scope_open(&s[i], HK_FOREVER);
	CHECK_INT(hk_yield(), 0);
	hk_scope_cancel(&s[0]);
	CHECK_INT(hk_yield(), -ECANCELED);
	for (int i = DEEP - 1; i >= 0; i--)
		r = hk_scope_close(&s[i], r);
	CHECK_INT(r, -ECANCELED);
	CHECK_INT(hk_yield(), 0);
	free(s);
}

static int descend(int depth, int64_t limit_ns)
{
	struct hk_scope s;
	int r;

	hk_scope_open(&s, limit_ns);
	r = depth > 0 ? descend(depth - 1, limit_ns + 1) : hk_sleep(HK_SEC);
	return hk_scope_close(&s, r);
}

TEST_IN_SIM(a_deep_recursion_of_scopes, 20)
{
	struct hk_scope s;

	CHECK_INT(descend(500, HK_MS), -ETIMEDOUT);
	hk_scope_open(&s, HK_MS);
	CHECK_INT(hk_scope_close(&s, descend(500, HK_SEC)), -ETIMEDOUT);
	CHECK_INT(hk_yield(), 0);
}

static const struct test tests[] = {
	T(every_waiting_call_is_a_cancel_point),
	T(blocks_are_no_checkpoints),
	T(what_is_closed_before_a_wait_is_not_delivered),
	T(a_yield_sees_a_deadline_that_passed_meanwhile),
	T(a_yield_sees_a_cancellation_that_came_meanwhile),
	T(the_outer_of_two_cancelled_wins),
	T(three_deadlines_in_every_order),
	T(inside_a_shield_scopes_work_as_ever),
	T(cancellation_reaches_every_leaf),
	T(shields_and_cancelled_siblings_do_not_stop_a_cancellation),
	T(cancelling_what_is_not_open_does_nothing),
	T(a_busy_task_that_asks_is_ended),
	T(time_left_is_of_the_nearest_deadline),
	T(a_deadline_moved_often_comes_once),
	T(deadlines_beyond_all_time),
	T(five_thousand_scopes_deep),
	T(a_deep_recursion_of_scopes),
};

int main(void)
{
	return RUN_TESTS(tests);
}
