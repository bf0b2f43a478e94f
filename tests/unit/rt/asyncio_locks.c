/* asyncio_locks.c - what CPython's test_locks.py says of Lock, Event and Semaphore, said of hk_mutex, hk_event and hk_sem
 *
 * On purpose different: (1) a permit or a mutex is handed to the first waiter when it is released, not when that task next runs;
 * who was granted and then cancelled keeps the grant and reports success. asyncio cancels it and wakes the next one. (2) a
 * mutex that its own holder locks is -EDEADLK; asyncio's Lock waits for ever. (3) HK_SEM is a BoundedSemaphore. */
#include "actors.h"

enum { LINE = 4 };

struct line {
	struct hk_sem sem;
	struct hk_mutex mutex;
	struct hk_event event;
	struct hk_group group;
	struct actor a[LINE];
};

/* The actors stand in line in this order, each already waiting when the next one comes. */
static void line_open(struct line *l, int64_t permits, int (*act)(struct actor *), int n)
{
	*l = (struct line){ .sem = { .free_ = permits } };
	hk_group_open(&l->group, NULL);
	for (int i = 0; i < n; i++) {
		l->a[i] = (struct actor){ .sem = &l->sem, .mutex = &l->mutex };
		l->a[i].event = act == act_wait ? &l->event : NULL;
		actor_start(&l->group, &l->a[i], act);
	}
}

/* As "w" waits, "o" ok, "c" cancelled, "t" timed out: one letter an actor. */
static void check_line(const struct line *l, const char *want)
{
	char got[LINE + 1] = { 0 };

	for (size_t i = 0; want[i]; i++) {
		int r = l->a[i].result;
		got[i] = r == WAITING ? 'w' : r == 0 ? 'o' : r == -ECANCELED ? 'c' : '?';
		got[i] = r == -ETIMEDOUT ? 't' : got[i];
	}
	CHECK_STR(got, want);
}

static void line_end(struct line *l)
{
	hk_group_cancel(&l->group);
	CHECK_INT(hk_group_close(&l->group, 0), 0);
	CHECK_INT(hk_sem_waiting(&l->sem), 0);
}

/* ---- Semaphore ----------------------------------------------------------------------------- */

/* SemaphoreTests.test_acquire */
TEST_IN_SIM(permits_first_then_the_line, 100)
{
	struct line l;

	line_open(&l, 1, act_acquire, 3);
	check_line(&l, "oww");
	CHECK_INT(hk_sem_waiting(&l.sem), 2);
	l.a[3] = (struct actor){ .sem = &l.sem };
	actor_spawn(&l.group, &l.a[3], act_acquire);
	hk_sem_release(&l.sem);
	hk_sem_release(&l.sem);
	CHECK_INT(hk_sem_free(&l.sem), 0);
	settle();
	check_line(&l, "ooow");
	line_end(&l);
}

/* SemaphoreTests.test_acquire_cancel */
TEST_IN_SIM(a_cancelled_acquire_leaves_nothing_behind, 100)
{
	struct line l;

	line_open(&l, 0, act_acquire, 1);
	hk_scope_cancel(&l.a[0].scope);
	CHECK_INT(hk_sem_waiting(&l.sem), 0);
	settle();
	check_line(&l, "c");
	hk_sem_release(&l.sem);
	CHECK_INT(hk_sem_free(&l.sem), 1);
	line_end(&l);
}

/* SemaphoreTests.test_acquire_cancel_before_awoken */
TEST_IN_SIM(a_release_skips_the_cancelled, 100)
{
	struct line l;

	line_open(&l, 0, act_acquire, 4);
	hk_scope_cancel(&l.a[0].scope);
	hk_scope_cancel(&l.a[1].scope);
	hk_sem_release(&l.sem);
	settle();
	check_line(&l, "ccow");
	line_end(&l);
}

/* SemaphoreTests.test_acquire_hang; trio: test_CapacityLimiter_memleak_548 */
TEST_IN_SIM(cancel_then_release_wakes_the_next, 100)
{
	struct line l;

	line_open(&l, 0, act_acquire, 2);
	hk_scope_cancel(&l.a[0].scope);
	hk_sem_release(&l.sem);
	settle();
	check_line(&l, "co");
	line_end(&l);
}

/* The other order: the first has its permit when it is cancelled. It keeps it, says so, and nobody is woken in vain. */
TEST_IN_SIM(release_then_cancel_keeps_the_permit, 100)
{
	struct line l;

	line_open(&l, 0, act_acquire, 2);
	hk_sem_release(&l.sem);
	hk_scope_cancel(&l.a[0].scope);
	settle();
	check_line(&l, "ow");
	hk_sem_release(&l.sem); /* what the first has to give back arrives */
	settle();
	check_line(&l, "oo");
	line_end(&l);
}

struct pair {
	struct hk_sem sem;
	struct hk_group *group;
	struct hk_scope second;
	int got;
};

static int first_cancels_second(void *arg)
{
	struct pair *p = arg;

	CHECK_INT(hk_sleep(HK_MS), 0);
	hk_sem_release(&p->sem);
	hk_scope_cancel(&p->second);
	return 0;
}

static int second(void *arg)
{
	struct pair *p = arg;

	hk_scope_open(&p->second, HK_FOREVER);
	p->got = hk_sem_acquire(&p->sem);
	if (p->got == 0)
		hk_sem_release(&p->sem);
	(void)hk_scope_close(&p->second, 0);
	return 0;
}

/* SemaphoreTests.test_acquire_no_hang: released to, then cancelled. Either way the permit is to be had afterwards. */
TEST_IN_SIM(released_and_cancelled_the_permit_is_not_lost, 100)
{
	struct pair p = { .sem = HK_SEM(1) };
	struct hk_group g;

	CHECK_INT(hk_sem_acquire(&p.sem), 0);
	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, second, &p), 0);
	CHECK_INT(hk_spawn(&g, first_cancels_second, &p), 0);
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(p.got, 0);
	CHECK_INT(hk_sem_try_acquire(&p.sem), 0);
}

/* SemaphoreTests.test_acquire_fifo_order_3, and the cancelled one in the middle and at the end */
TEST_IN_SIM(the_line_closes_behind_a_cancelled_one, 100)
{
	const char *want[] = { "coow", "ocow", "oocw", "oowc" };
	struct line l;

	for (int i = 0; i < 4; i++) {
		line_open(&l, 0, act_acquire, 4);
		hk_scope_cancel(&l.a[i].scope);
		settle();
		hk_sem_release(&l.sem);
		hk_sem_release(&l.sem);
		settle();
		check_line(&l, want[i]);
		line_end(&l);
	}
}

static struct trace trace;

static int twice(void *arg)
{
	struct actor *a = arg;

	for (int i = 1; i <= 2; i++) {
		CHECK_INT(hk_sem_acquire(a->sem), 0);
		trace_add(&trace, "%d.%d", a->item, i);
		CHECK_INT(hk_sleep(10 * HK_MS), 0);
		hk_sem_release(a->sem);
	}
	return 0;
}

/* SemaphoreTests.test_acquire_fifo_order: who asks again goes to the end of the line */
TEST_IN_SIM(who_asks_again_is_last, 100)
{
	struct hk_sem sem = HK_SEM(1);
	struct actor a[3];
	struct hk_group g;

	trace = (struct trace){ 0 };
	hk_group_open(&g, NULL);
	for (int i = 0; i < 3; i++) {
		a[i] = (struct actor){ .sem = &sem, .item = i + 1 };
		CHECK_INT(hk_spawn(&g, twice, &a[i]), 0);
		settle();
	}
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_STR(trace.text, "1.1 2.1 3.1 1.2 2.2 3.2");
}

static int pass_on_and_ask_again(struct actor *a)
{
	int r = hk_sem_acquire(a->sem);

	if (r < 0)
		return r;
	trace_add(&trace, "2");
	hk_sem_release(a->sem);
	r = hk_sem_acquire(a->sem);
	trace_add(&trace, "4");
	return r;
}

static int ask_once(struct actor *a)
{
	int r = hk_sem_acquire(a->sem);

	trace_add(&trace, "%d", a->item);
	return r;
}

/* SemaphoreTests.test_acquire_fifo_order_2: the releaser does not get its own permit back before who waited */
TEST_IN_SIM(a_releaser_does_not_overtake_the_line, 100)
{
	struct line l;

	trace = (struct trace){ 0 };
	line_open(&l, 0, act_acquire, 0);
	l.a[0] = (struct actor){ .sem = &l.sem, .item = 1 };
	l.a[1] = l.a[2] = l.a[0];
	l.a[2].item = 3;
	actor_start(&l.group, &l.a[0], ask_once);
	actor_start(&l.group, &l.a[1], pass_on_and_ask_again);
	actor_start(&l.group, &l.a[2], ask_once);
	hk_sem_release(&l.sem);
	settle();
	hk_sem_release(&l.sem);
	settle();
	hk_sem_release(&l.sem);
	settle();
	CHECK_STR(trace.text, "1 2 3 4");
	check_line(&l, "ooo");
	line_end(&l);
}

/* SemaphoreTests.test_acquire_fifo_order_4: several permits at once serve as many waiters, and no newcomer */
TEST_IN_SIM(three_permits_serve_three, 100)
{
	struct line l;

	line_open(&l, 0, act_acquire, 3);
	for (int i = 0; i < 3; i++)
		hk_sem_release(&l.sem);
	CHECK_INT(hk_sem_waiting(&l.sem), 0);
	CHECK_INT(hk_sem_try_acquire(&l.sem), -EAGAIN);
	settle();
	check_line(&l, "ooo");
	line_end(&l);
}

/* SemaphoreTests.test_release_no_waiters */
TEST_IN_SIM(a_release_without_waiters_is_kept, 100)
{
	struct hk_sem sem = HK_SEM(1);

	CHECK_INT(hk_sem_acquire(&sem), 0);
	CHECK_INT(hk_sem_try_acquire(&sem), -EAGAIN);
	hk_sem_release(&sem);
	CHECK_INT(hk_sem_free(&sem), 1);
	CHECK_INT(hk_sem_acquire(&sem), 0);
}

/* wait_for(sem.acquire(), t), the release at the very instant of the deadline: permit or time-out, never both, never none. */
static int release_later(void *arg)
{
	CHECK_INT(hk_sleep(10 * HK_MS), 0);
	hk_sem_release(arg);
	return 0;
}

TEST_IN_SIM(deadline_and_release_at_the_same_instant, 100)
{
	struct line l;

	line_open(&l, 0, act_acquire, 0);
	l.a[0] = (struct actor){ .sem = &l.sem, .timeout_ns = 10 * HK_MS };
	actor_spawn(&l.group, &l.a[0], act_acquire);
	CHECK_INT(hk_spawn(&l.group, release_later, &l.sem), 0);
	CHECK_INT(hk_sleep(20 * HK_MS), 0);
	check_line(&l, l.a[0].result == 0 ? "o" : "t");
	CHECK_INT(hk_sem_free(&l.sem), l.a[0].result == 0 ? 0 : 1);
	line_end(&l);
}

/* ---- Lock ---------------------------------------------------------------------------------- */

/* The main task has the mutex, the actors want it; each gives it back at once. */
static void mutex_open(struct line *l, int n)
{
	line_open(l, 0, act_lock, 0);
	CHECK_INT(hk_mutex_lock(&l->mutex), 0);
	for (int i = 0; i < n; i++) {
		l->a[i] = (struct actor){ .mutex = &l->mutex };
		actor_start(&l->group, &l->a[i], act_lock);
	}
}

/* LockTests.test_acquire */
TEST_IN_SIM(a_mutex_goes_down_the_line, 100)
{
	struct line l;

	mutex_open(&l, 2);
	l.a[0].event = &l.event; /* holds on to it */
	check_line(&l, "ww");
	hk_mutex_unlock(&l.mutex);
	settle();
	check_line(&l, "ww");
	CHECK(l.a[0].item && !l.a[1].item);
	l.a[2] = (struct actor){ .mutex = &l.mutex };
	actor_start(&l.group, &l.a[2], act_lock);
	hk_event_set(&l.event);
	settle();
	check_line(&l, "ooo");
	line_end(&l);
}

/* LockTests.test_acquire_cancel */
TEST_IN_SIM(a_cancelled_lock_leaves_the_line, 100)
{
	struct line l;

	mutex_open(&l, 1);
	hk_scope_cancel(&l.a[0].scope);
	settle();
	check_line(&l, "c");
	hk_mutex_unlock(&l.mutex);
	CHECK_INT(hk_mutex_lock(&l.mutex), 0);
	hk_mutex_unlock(&l.mutex);
	line_end(&l);
}

/* LockTests.test_cancel_race, test_cancel_release_race, test_finished_waiter_cancelled: cancelled, then released */
TEST_IN_SIM(cancel_then_unlock_wakes_the_next, 100)
{
	struct line l;

	mutex_open(&l, 3);
	l.a[1].event = &l.event;
	hk_scope_cancel(&l.a[0].scope);
	hk_mutex_unlock(&l.mutex);
	settle();
	check_line(&l, "cww"); /* only one has it */
	CHECK(l.a[1].item && !l.a[2].item);
	hk_event_set(&l.event);
	settle();
	check_line(&l, "coo");
	line_end(&l);
}

/* The same the other way round: the first holds the mutex when it is cancelled, and gives it back as any holder does. */
TEST_IN_SIM(unlock_then_cancel_keeps_the_mutex, 100)
{
	struct line l;

	mutex_open(&l, 2);
	hk_mutex_unlock(&l.mutex);
	hk_scope_cancel(&l.a[0].scope);
	CHECK_INT(hk_mutex_lock(&l.mutex), 0); /* behind both */
	check_line(&l, "oo");
	hk_mutex_unlock(&l.mutex);
	line_end(&l);
}

/* Lock.acquire() by its holder: asyncio waits for ever, Trio raises; here it is an answer. */
TEST_IN_SIM(a_second_lock_by_the_holder_is_refused, 100)
{
	struct hk_mutex m = { 0 };

	CHECK_INT(hk_mutex_lock(&m), 0);
	CHECK_INT(hk_mutex_lock(&m), -EDEADLK);
	hk_mutex_unlock(&m);
	CHECK_INT(hk_mutex_lock(&m), 0);
	hk_mutex_unlock(&m);
}

/* ---- Event --------------------------------------------------------------------------------- */

/* EventTests.test_wait, test_wait_on_set */
TEST_IN_SIM(an_event_wakes_all_who_wait, 100)
{
	struct line l;

	line_open(&l, 0, act_wait, 3);
	check_line(&l, "www");
	hk_event_set(&l.event);
	CHECK_INT(hk_event_wait(&l.event), 0); /* set: no wait */
	settle();
	check_line(&l, "ooo");
	line_end(&l);
}

/* EventTests.test_wait_cancel, and in the middle of the line */
TEST_IN_SIM(a_cancelled_wait_leaves_the_event, 100)
{
	struct line l;

	line_open(&l, 0, act_wait, 3);
	hk_scope_cancel(&l.a[1].scope);
	settle();
	check_line(&l, "wcw");
	hk_event_set(&l.event);
	settle();
	check_line(&l, "oco");
	line_end(&l);
}

/* EventTests.test_clear_with_waiters: who waited was woken by the set, whatever follows; who comes later waits */
TEST_IN_SIM(clear_does_not_take_a_wake_up_back, 100)
{
	struct line l;

	line_open(&l, 0, act_wait, 2);
	hk_event_set(&l.event);
	hk_event_clear(&l.event);
	CHECK(!hk_event_is_set(&l.event));
	hk_scope_cancel(&l.a[1].scope); /* too late */
	l.a[2] = (struct actor){ .event = &l.event };
	actor_start(&l.group, &l.a[2], act_wait);
	check_line(&l, "oow");
	hk_event_set(&l.event);
	hk_event_set(&l.event);
	settle();
	check_line(&l, "ooo");
	line_end(&l);
}

/* wait_for(event.wait(), t) */
TEST_IN_SIM(an_event_waited_for_with_a_limit, 100)
{
	struct hk_event e = { 0 };
	int64_t start = hk_now_ns();

	CHECK_INT(hk_event_wait_for(&e, 0), -ETIMEDOUT);
	CHECK_INT(hk_event_wait_for(&e, -5), -ETIMEDOUT);
	CHECK_INT(hk_now_ns(), start);
	CHECK_INT(hk_event_wait_for(&e, 3 * HK_SEC), -ETIMEDOUT);
	CHECK_INT(hk_now_ns() - start, 3 * HK_SEC);
	hk_event_set(&e);
	CHECK_INT(hk_event_wait_for(&e, 0), 0);
	CHECK_INT(hk_event_wait_for(&e, HK_FOREVER), 0);
}

static const struct test tests[] = {
	T(permits_first_then_the_line),
	T(a_cancelled_acquire_leaves_nothing_behind),
	T(a_release_skips_the_cancelled),
	T(cancel_then_release_wakes_the_next),
	T(release_then_cancel_keeps_the_permit),
	T(released_and_cancelled_the_permit_is_not_lost),
	T(the_line_closes_behind_a_cancelled_one),
	T(who_asks_again_is_last),
	T(a_releaser_does_not_overtake_the_line),
	T(three_permits_serve_three),
	T(a_release_without_waiters_is_kept),
	T(deadline_and_release_at_the_same_instant),
	T(a_mutex_goes_down_the_line),
	T(a_cancelled_lock_leaves_the_line),
	T(cancel_then_unlock_wakes_the_next),
	T(unlock_then_cancel_keeps_the_mutex),
	T(a_second_lock_by_the_holder_is_refused),
	T(an_event_wakes_all_who_wait),
	T(a_cancelled_wait_leaves_the_event),
	T(clear_does_not_take_a_wake_up_back),
	T(an_event_waited_for_with_a_limit),
};

int main(void)
{
	return RUN_TESTS(tests);
}
