/* sync.c - semaphore, mutex, event: order in the line, and that no turn is lost, in any order of running */
#include "in_loop.h"
#include "base/rand.h"

static struct trace trace;

struct taker {
	struct hk_sem *sem;
	struct hk_mutex *mutex;
	struct hk_scope scope;
	int result;
	char name;
};

static int take_sem(void *arg)
{
	struct taker *t = arg;

	hk_scope_open(&t->scope, HK_FOREVER);
	t->result = hk_sem_acquire(t->sem);
	trace_add(&trace, t->result == 0 ? "%c" : "%c!", t->name);
	(void)hk_scope_close(&t->scope, 0);
	return 0;
}

static void spawn_takers(struct hk_group *g, hk_fn *fn, struct taker *t, size_t n,
			 struct hk_sem *sem)
{
	trace = (struct trace){ 0 };
	for (size_t i = 0; i < n; i++) {
		t[i] = (struct taker){ .sem = sem, .name = (char)('a' + i), .result = 1 };
		CHECK_INT(hk_spawn(g, fn, &t[i]), 0);
		CHECK_INT(hk_wait_all_parked(), 0); /* in line: the next comes behind it */
	}
}

/* asyncio: test_locks.py, SemaphoreTests.test_acquire_fifo_order; trio: test_generic_lock_fifo_fairness */
TEST_IN_SIM(semaphore_serves_in_order, 50)
{
	struct hk_sem sem = HK_SEM(0);
	struct taker t[4];
	struct hk_group g;

	hk_group_open(&g, NULL);
	spawn_takers(&g, take_sem, t, 4, &sem);
	CHECK_INT(hk_sem_waiting(&sem), 4);
	for (int i = 0; i < 4; i++) {
		hk_sem_release(&sem);
		CHECK_INT(hk_wait_all_parked(), 0);
	}
	CHECK_INT(hk_sem_waiting(&sem), 0);
	CHECK_INT(hk_sem_free(&sem), 0); /* handed over, not put down */
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_STR(trace.text, "a b c d");
}

/* trio: test_generic_lock_acquire_nowait_blocks_acquire; asyncio: test_acquire_fifo_order_2 */
TEST_IN_SIM(a_newcomer_never_overtakes, 50)
{
	struct hk_sem sem = HK_SEM(0);
	struct taker t[1];
	struct hk_group g;

	hk_group_open(&g, NULL);
	spawn_takers(&g, take_sem, t, 1, &sem);
	hk_sem_release(&sem);
	/* It belongs to the one that waited, though that one has not run. */
	CHECK_INT(hk_sem_try_acquire(&sem), -EAGAIN);
	hk_sem_release(&sem);
	CHECK_INT(hk_sem_try_acquire(&sem), 0);
	CHECK_INT(hk_sem_try_acquire(&sem), -EAGAIN);
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(t[0].result, 0);
}

/* asyncio: test_locks.py, test_cancel_race, test_acquire_no_hang */
TEST_IN_SIM(a_cancelled_waiter_leaves_the_line, 50)
{
	struct hk_sem sem = HK_SEM(0);
	struct taker t[3];
	struct hk_group g;

	hk_group_open(&g, NULL);
	spawn_takers(&g, take_sem, t, 3, &sem);
	hk_scope_cancel(&t[0].scope);
	CHECK_INT(hk_sem_waiting(&sem), 2);
	CHECK_INT(hk_wait_all_parked(), 0);
	hk_sem_release(&sem);
	CHECK_INT(hk_wait_all_parked(), 0);
	hk_scope_cancel(&t[2].scope);
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_STR(trace.text, "a! b c!");
	CHECK_INT(hk_sem_free(&sem), 0);
	hk_sem_release(&sem);
	CHECK_INT(hk_sem_free(&sem), 1);
}

/* asyncio: test_locks.py, test_cancel_release_race; sync.h (3) */
TEST_IN_SIM(granted_then_cancelled_keeps_the_grant, 50)
{
	struct hk_sem sem = HK_SEM(0);
	struct taker t[2];
	struct hk_group g;

	hk_group_open(&g, NULL);
	spawn_takers(&g, take_sem, t, 2, &sem);
	hk_sem_release(&sem);
	hk_scope_cancel(&t[0].scope); /* before it could run */
	CHECK_INT(hk_wait_all_parked(), 0);
	CHECK_INT(t[0].result, 0);
	CHECK_INT(t[1].result, 1);
	hk_sem_release(&sem);
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_STR(trace.text, "a b");
}

TEST_IN_SIM(cancelled_then_released_passes_the_turn_on, 50)
{
	struct hk_sem sem = HK_SEM(0);
	struct taker t[2];
	struct hk_group g;

	hk_group_open(&g, NULL);
	spawn_takers(&g, take_sem, t, 2, &sem);
	hk_scope_cancel(&t[0].scope);
	hk_sem_release(&sem);
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(t[0].result, -ECANCELED);
	CHECK_INT(t[1].result, 0);
}

TEST_IN_SIM(permits_may_grow, 50)
{
	struct hk_sem sem = HK_SEM(1), count = { 0 };

	hk_sem_grow(&sem, 1);
	CHECK_INT(hk_sem_free(&sem), 2);
	hk_sem_release(&count); /* unbounded: somebody's count of what there is */
	hk_sem_release(&count);
	CHECK_INT(hk_sem_free(&count), 2);
	CHECK_INT(hk_sem_acquire(&sem), 0);
	CHECK_INT(hk_sem_acquire(&sem), 0);
	CHECK_INT(hk_sem_free(&sem), 0);
	hk_sem_grow(&sem, -1);
	hk_sem_release(&sem);
	CHECK_INT(hk_sem_try_acquire(&sem), -EAGAIN); /* the one that came back is gone for good */
	hk_sem_release(&sem);
	CHECK_INT(hk_sem_free(&sem), 1);
}

/* ---- many tasks, many seeds: permits are neither lost nor multiplied ---------------------------- */

enum { CROWD = 30, PERMITS = 3 };
struct crowd {
	struct hk_sem sem;
	struct rand rand;
	int inside, done, cancelled;
};

static int visitor(void *arg)
{
	struct crowd *c = arg;

	for (int i = 0; i < 20; i++) {
		struct hk_scope s;
		int r;
		hk_scope_open(&s, (int64_t)rand_below(&c->rand, 12));
		r = hk_sem_acquire(&c->sem);
		(void)hk_scope_close(&s, r);
		if (r < 0) {
			c->cancelled++;
			continue;
		}
		CHECK(++c->inside <= PERMITS);
		CHECK_INT(hk_sleep((int64_t)rand_below(&c->rand, 5)), 0);
		c->inside--;
		c->done++;
		hk_sem_release(&c->sem);
	}
	return 0;
}

TEST_IN_SIM(no_permit_is_lost_over_many_seeds, 2)
{
	for (uint64_t seed = 1; seed <= 50; seed++) {
		struct crowd c = { .sem = HK_SEM(PERMITS) };
		struct hk_group g;
		rand_seed(&c.rand, seed);
		hk_group_open(&g, NULL);
		for (int i = 0; i < CROWD; i++)
			CHECK_INT(hk_spawn(&g, visitor, &c), 0);
		CHECK_INT(hk_group_close(&g, 0), 0);
		CHECK_INT(hk_sem_free(&c.sem), PERMITS);
		CHECK_INT(hk_sem_waiting(&c.sem), 0);
		CHECK_INT(c.done + c.cancelled, CROWD * 20);
		CHECK(c.cancelled > 0 && c.done > 0);
	}
}

/* ---- mutex --------------------------------------------------------------------------------- */

static int take_mutex(void *arg)
{
	struct taker *t = arg;

	hk_scope_open(&t->scope, HK_FOREVER);
	t->result = hk_mutex_lock(t->mutex);
	(void)hk_scope_close(&t->scope, 0);
	trace_add(&trace, t->result == 0 ? "%c" : "%c!", t->name);
	if (t->result == 0) {
		CHECK_INT(hk_yield(), 0);
		hk_mutex_unlock(t->mutex);
	}
	return 0;
}

/* asyncio: LockTests.test_acquire_cancel, test_cancel_race; trio: test_Lock_and_StrictFIFOLock */
TEST_IN_SIM(mutex_goes_from_hand_to_hand, 50)
{
	struct hk_mutex m = { 0 };
	struct taker t[3] = { 0 };
	struct hk_group g;

	trace = (struct trace){ 0 };
	CHECK_INT(hk_mutex_lock(&m), 0);
	CHECK_INT(hk_mutex_lock(&m), -EDEADLK);
	hk_group_open(&g, NULL);
	for (size_t i = 0; i < 3; i++) {
		t[i] = (struct taker){ .mutex = &m, .name = (char)('a' + i) };
		CHECK_INT(hk_spawn(&g, take_mutex, &t[i]), 0);
		CHECK_INT(hk_wait_all_parked(), 0);
	}
	hk_scope_cancel(&t[1].scope);
	CHECK_INT(hk_wait_all_parked(), 0);
	hk_mutex_unlock(&m);
	hk_scope_cancel(&t[0].scope); /* too late: it has the lock */
	CHECK_INT(hk_mutex_lock(&m), 0);
	CHECK_STR(trace.text, "b! a c");
	hk_mutex_unlock(&m);
	CHECK_INT(hk_group_close(&g, 0), 0);
}

/* ---- event --------------------------------------------------------------------------------- */

static struct hk_event event;

static int wait_event(void *arg)
{
	*(int *)arg = hk_event_wait(&event);
	return 0;
}

/* asyncio: EventTests.test_wait, test_clear_with_waiters; trio: test_Event */
TEST_IN_SIM(an_event_wakes_all_and_stays_set, 50)
{
	int results[3] = { 1, 1, 1 };
	struct hk_group g;

	event = (struct hk_event){ 0 };
	hk_group_open(&g, NULL);
	for (size_t i = 0; i < 3; i++)
		CHECK_INT(hk_spawn(&g, wait_event, &results[i]), 0);
	CHECK_INT(hk_wait_all_parked(), 0);
	CHECK(!hk_event_is_set(&event));
	hk_event_set(&event);
	hk_event_clear(&event); /* those who waited were there when it was set */
	CHECK_INT(hk_group_close(&g, 0), 0);
	for (size_t i = 0; i < 3; i++)
		CHECK_INT(results[i], 0);
	hk_event_set(&event);
	CHECK_INT(hk_event_wait(&event), 0);
	CHECK_INT(hk_event_wait(&event), 0);
	CHECK(hk_event_is_set(&event));
}

static int set_later(void *arg)
{
	(void)arg;
	CHECK_INT(hk_sleep(20 * HK_MS), 0);
	hk_event_set(&event);
	return 0;
}

TEST_IN_SIM(event_wait_for_has_a_limit, 50)
{
	struct hk_group g;
	struct hk_scope s;

	event = (struct hk_event){ 0 };
	CHECK_INT(hk_event_wait_for(&event, 10 * HK_MS), -ETIMEDOUT);
	CHECK_INT(hk_event_wait_for(&event, 0), -ETIMEDOUT);
	hk_scope_open(&s, 5 * HK_MS);
	CHECK_INT(hk_event_wait_for(&event, 10 * HK_MS), -ECANCELED);
	CHECK_INT(hk_scope_close(&s, -ECANCELED), -ETIMEDOUT);
	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, set_later, NULL), 0);
	CHECK_INT(hk_event_wait_for(&event, 30 * HK_MS), 0);
	CHECK_INT(hk_event_wait_for(&event, 0), 0);
	CHECK_INT(hk_group_close(&g, 0), 0);
}

static const struct test tests[] = {
	T(semaphore_serves_in_order),
	T(a_newcomer_never_overtakes),
	T(a_cancelled_waiter_leaves_the_line),
	T(granted_then_cancelled_keeps_the_grant),
	T(cancelled_then_released_passes_the_turn_on),
	T(permits_may_grow),
	T(no_permit_is_lost_over_many_seeds),
	T(mutex_goes_from_hand_to_hand),
	T(an_event_wakes_all_and_stays_set),
	T(event_wait_for_has_a_limit),
};

int main(void)
{
	return RUN_TESTS(tests);
}
