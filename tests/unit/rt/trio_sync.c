/* trio_sync.c - what Trio's test_sync.py says of everything that can be used as a lock
 *
 * The generic lock tests run over a mutex, a semaphore of one permit, and two locks made of a queue.
 * On purpose different: (1) a permit belongs to nobody: any task may release it (Trio's Semaphore; not its CapacityLimiter).
 * (2) a mutex locked again by its holder is -EDEADLK, unlocked by another task ends the program: see misuse.c.
 * (3) hk_sem_grow() is CapacityLimiter.total_tokens += n. */
#include "in_loop.h"

/* ---- four kinds of lock -------------------------------------------------------------------- */

struct lock {
	struct hk_mutex mutex;
	struct hk_sem sem;
	struct hk_queue *q;
	const struct kind *kind;
};
struct kind {
	const char *name;
	int (*acquire)(struct lock *);
	void (*release)(struct lock *);
	int first_item; /* in the queue at the start */
};

static int mutex_acquire(struct lock *l)
{
	return hk_mutex_lock(&l->mutex);
}

static void mutex_release(struct lock *l)
{
	hk_mutex_unlock(&l->mutex);
}

static int sem_acquire(struct lock *l)
{
	return hk_sem_acquire(&l->sem);
}

static void sem_release(struct lock *l)
{
	hk_sem_release(&l->sem);
}

/* Trio's ChannelLock1: who has put the item has the lock. */
static int put_acquire(struct lock *l)
{
	int item = 1;
	return hk_queue_put(l->q, &item);
}

static void put_release(struct lock *l)
{
	int item;
	CHECK_INT(hk_queue_try_get(l->q, &item), 0);
}

/* Trio's ChannelLock2: who has got the item has the lock. */
static int get_acquire(struct lock *l)
{
	int item;
	return hk_queue_get(l->q, &item);
}

static void get_release(struct lock *l)
{
	int item = 1;
	CHECK_INT(hk_queue_try_put(l->q, &item), 0);
}

static const struct kind kinds[] = {
	{ "mutex", mutex_acquire, mutex_release, 0 },
	{ "semaphore", sem_acquire, sem_release, 0 },
	{ "queue put", put_acquire, put_release, 0 },
	{ "queue get", get_acquire, get_release, 1 },
};
enum { KINDS = 4 };

static void lock_init(struct lock *l, const struct kind *kind)
{
	*l = (struct lock){ .sem = HK_SEM(1), .q = hk_queue_new(sizeof(int), 1), .kind = kind };
	ASSERT(l->q);
	if (kind->first_item)
		get_release(l);
}

/* ---- exclusion ----------------------------------------------------------------------------- */

struct crew {
	struct lock lock;
	bool inside;
	int acquired;
};

static int crew_member(void *arg)
{
	struct crew *c = arg;

	for (int i = 0; i < 10; i++) {
		CHECK_INT(c->lock.kind->acquire(&c->lock), 0);
		CHECK(!c->inside);
		c->inside = true;
		c->acquired++;
		CHECK_INT(hk_yield(), 0);
		CHECK_INT(hk_yield(), 0);
		CHECK(c->inside);
		c->inside = false;
		c->lock.kind->release(&c->lock);
	}
	return 0;
}

/* test_generic_lock_exclusion */
TEST_IN_SIM(only_one_is_inside, 100)
{
	for (int k = 0; k < KINDS; k++) {
		struct crew c = { .inside = false };
		struct hk_group g;
		lock_init(&c.lock, &kinds[k]);
		hk_group_open(&g, NULL);
		for (int i = 0; i < 5; i++)
			CHECK_INT(hk_spawn(&g, crew_member, &c), 0);
		CHECK_INT(hk_group_close(&g, 0), 0);
		CHECK_INT(c.acquired, 50);
		hk_queue_free(c.lock.q);
	}
}

/* ---- fairness ------------------------------------------------------------------------------ */

static struct trace trace;

struct runner {
	struct lock *lock;
	int name, result;
	bool keep; /* what it got, until it is cancelled */
	struct hk_scope scope;
};

static int loopy(void *arg)
{
	struct runner *r = arg;

	for (int i = 0; i < 5; i++) {
		CHECK_INT(r->lock->kind->acquire(r->lock), 0);
		trace_add(&trace, "%d", r->name);
		CHECK_INT(hk_sleep(HK_MS), 0);
		r->lock->kind->release(r->lock);
	}
	return 0;
}

/* test_generic_lock_fifo_fairness */
TEST_IN_SIM(each_gets_it_in_turn, 100)
{
	for (int k = 0; k < KINDS; k++) {
		struct lock lock;
		struct runner r[3];
		struct hk_group g;
		trace = (struct trace){ 0 };
		lock_init(&lock, &kinds[k]);
		hk_group_open(&g, NULL);
		for (int i = 0; i < 3; i++) {
			r[i] = (struct runner){ .lock = &lock, .name = i + 1 };
			CHECK_INT(hk_spawn(&g, loopy, &r[i]), 0);
			CHECK_INT(hk_wait_all_parked(), 0);
		}
		CHECK_INT(hk_group_close(&g, 0), 0);
		CHECK_STR(trace.text, "1 2 3 1 2 3 1 2 3 1 2 3 1 2 3");
		hk_queue_free(lock.q);
	}
}

static int acquire_once(void *arg)
{
	struct runner *r = arg;

	hk_scope_open(&r->scope, HK_FOREVER);
	r->result = r->lock->kind->acquire(r->lock);
	(void)hk_scope_close(&r->scope, 0);
	if (r->keep)
		CHECK_INT(hk_sleep(HK_FOREVER), -ECANCELED);
	if (r->keep && r->result == 0)
		r->lock->kind->release(r->lock);
	return 0;
}

/* test_generic_lock_acquire_nowait_blocks_acquire, and that a cancelled waiter passes its turn on, whichever one it is */
TEST_IN_SIM(a_cancelled_waiter_passes_its_turn_on, 100)
{
	for (int k = 0; k < KINDS * 3; k++) {
		struct lock lock;
		struct runner r[3];
		struct hk_group g;
		int cancelled = k / KINDS, winner = cancelled == 0;
		lock_init(&lock, &kinds[k % KINDS]);
		CHECK_INT(lock.kind->acquire(&lock), 0);
		hk_group_open(&g, NULL);
		for (int i = 0; i < 3; i++) {
			r[i] = (struct runner){ .lock = &lock, .result = 1, .keep = true };
			CHECK_INT(hk_spawn(&g, acquire_once, &r[i]), 0);
			CHECK_INT(hk_wait_all_parked(), 0);
		}
		hk_scope_cancel(&r[cancelled].scope);
		lock.kind->release(&lock);
		CHECK_INT(hk_wait_all_parked(), 0);
		for (int i = 0; i < 3; i++)
			CHECK_INT(r[i].result, i == cancelled ? -ECANCELED : i == winner ? 0 : 1);
		hk_group_cancel(&g);
		CHECK_INT(hk_group_close(&g, 0), 0);
		hk_queue_free(lock.q);
	}
}

/* ---- one by one ---------------------------------------------------------------------------- */

static int wait_event(void *arg)
{
	struct hk_event *e = arg;
	return hk_event_wait(e);
}

/* test_Event */
TEST_IN_SIM(an_event, 100)
{
	struct hk_event e = { 0 };
	struct hk_group g;

	CHECK(!hk_event_is_set(&e));
	hk_event_set(&e);
	CHECK(hk_event_is_set(&e));
	CHECK_INT(hk_event_wait(&e), 0);
	hk_event_clear(&e);
	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, wait_event, &e), 0);
	CHECK_INT(hk_spawn(&g, wait_event, &e), 0);
	CHECK_INT(hk_wait_all_parked(), 0);
	CHECK_INT(hk_group_running(&g), 2);
	hk_event_set(&e);
	CHECK_INT(hk_wait_all_parked(), 0);
	CHECK_INT(hk_group_running(&g), 0);
	CHECK_INT(hk_group_close(&g, 0), 0);
}

/* test_Semaphore: released with somebody waiting, the value stays 0 and nobody else gets it */
TEST_IN_SIM(a_semaphore_hands_over, 100)
{
	struct lock lock;
	struct runner r = { .lock = &lock, .result = 1 };
	struct hk_group g;

	lock_init(&lock, &kinds[1]);
	CHECK_INT(hk_sem_try_acquire(&lock.sem), 0);
	CHECK_INT(hk_sem_try_acquire(&lock.sem), -EAGAIN);
	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, acquire_once, &r), 0);
	CHECK_INT(hk_wait_all_parked(), 0);
	CHECK_INT(r.result, 1);
	hk_sem_release(&lock.sem);
	CHECK_INT(hk_sem_free(&lock.sem), 0);
	CHECK_INT(hk_sem_try_acquire(&lock.sem), -EAGAIN);
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(r.result, 0);
	hk_queue_free(lock.q);
}

/* test_Semaphore (no max_value): permits that come from a producer; the sum is unbounded */
TEST_IN_SIM(a_zeroed_semaphore_counts_without_a_bound, 100)
{
	struct hk_sem s = { 0 };

	CHECK_INT(hk_sem_try_acquire(&s), -EAGAIN);
	for (int i = 0; i < 5; i++)
		hk_sem_release(&s);
	CHECK_INT(hk_sem_free(&s), 5);
	for (int i = 0; i < 5; i++)
		CHECK_INT(hk_sem_acquire(&s), 0);
	CHECK_INT(hk_sem_try_acquire(&s), -EAGAIN);
}

/* test_CapacityLimiter_change_total_tokens */
TEST_IN_SIM(a_semaphore_grows_and_shrinks, 100)
{
	static const int have_after[] = { 2, 4, 4, 4, 4, 4, 5 };
	struct lock lock = { .sem = HK_SEM(2), .kind = &kinds[1] };
	struct runner r[5];
	struct hk_group g;

	hk_group_open(&g, NULL);
	for (int i = 0; i < 5; i++) {
		r[i] = (struct runner){ .lock = &lock, .result = 1 };
		CHECK_INT(hk_spawn(&g, acquire_once, &r[i]), 0);
		CHECK_INT(hk_wait_all_parked(), 0);
	}
	/* two have it; 2 more; 3 fewer, taken as they come back; then four come back. */
	for (int step = 0; step < 7; step++) {
		int have = 0;
		if (step == 1)
			hk_sem_grow(&lock.sem, 2);
		else if (step == 2)
			hk_sem_grow(&lock.sem, -3);
		else if (step > 2)
			hk_sem_release(&lock.sem);
		CHECK_INT(hk_wait_all_parked(), 0);
		for (int i = 0; i < 5; i++)
			have += r[i].result == 0;
		CHECK_INT(have, have_after[step]);
	}
	CHECK_INT(hk_sem_waiting(&lock.sem), 0);
	CHECK_INT(hk_sem_free(&lock.sem), 0);
	CHECK_INT(hk_group_close(&g, 0), 0);
	hk_sem_release(&lock.sem);
	CHECK_INT(hk_sem_free(&lock.sem), 1);
}

static const struct test tests[] = {
	T(only_one_is_inside),
	T(each_gets_it_in_turn),
	T(a_cancelled_waiter_passes_its_turn_on),
	T(an_event),
	T(a_semaphore_hands_over),
	T(a_zeroed_semaphore_counts_without_a_bound),
	T(a_semaphore_grows_and_shrinks),
};

int main(void)
{
	return RUN_TESTS(tests);
}
