/* offload.c - calls in other threads: results, cancellation, the way back */
#include "in_loop.h"
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <unistd.h>

static int square(void *arg)
{
	int n = *(int *)arg;

	CHECK(!hk_running()); /* not in a task */
	return n * n;
}

static int offload_square(void *arg)
{
	int *n = arg;

	*n = *n % 2 ? hk_offload(square, n) : hk_offload_cpu(square, n);
	return *n < 0 ? *n : 0;
}

/* trio: test_threads.py, test_run_in_worker_thread */
TEST_IN_LOOP(results_come_back_to_their_callers)
{
	static int n[500];

	for (int i = 0; i < 500; i++)
		n[i] = i;
	CHECK_INT(hk_gather(offload_square, n, 500, sizeof(int), NULL), 0);
	for (int i = 0; i < 500; i++)
		CHECK_INT(n[i], i * i);
}

static int failing(void *arg)
{
	(void)arg;
	return -ENOENT;
}

TEST_IN_LOOP(failures_come_back_too)
{
	CHECK_INT(hk_offload(failing, NULL), -ENOENT);
	CHECK_INT(hk_offload_cpu(failing, NULL), -ENOENT);
}

struct gate {
	sem_t open;
	atomic_int started, ended;
};

static int wait_at_gate(void *arg)
{
	struct gate *g = arg;

	atomic_fetch_add(&g->started, 1);
	while (sem_wait(&g->open) < 0)
		continue;
	atomic_fetch_add(&g->ended, 1);
	return 5;
}

struct caller {
	struct gate *gate;
	struct hk_scope scope;
	int result;
};

static int call(void *arg)
{
	struct caller *c = arg;

	hk_scope_open(&c->scope, HK_FOREVER);
	c->result = hk_offload(wait_at_gate, c->gate);
	(void)hk_scope_close(&c->scope, 0);
	return 0;
}

static int cancellation_main(void *arg)
{
	struct gate gate = { 0 };
	struct caller c[3] = { { .gate = &gate }, { .gate = &gate }, { .gate = &gate } };
	struct hk_group g;

	(void)arg;
	CHECK_INT(sem_init(&gate.open, 0, 0), 0);
	hk_group_open(&g, NULL);
	for (size_t i = 0; i < 3; i++)
		CHECK_INT(hk_spawn(&g, call, &c[i]), 0);
	while (atomic_load(&gate.started) < 1)
		CHECK_INT(hk_yield(), 0);
	hk_scope_cancel(&c[0].scope); /* has started: its result is reported */
	hk_scope_cancel(&c[1].scope); /* still in the line: never runs */
	CHECK_INT(sem_post(&gate.open), 0);
	CHECK_INT(sem_post(&gate.open), 0);
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(c[0].result, 5);
	CHECK_INT(c[1].result, -ECANCELED);
	CHECK_INT(c[2].result, 5);
	CHECK_INT(atomic_load(&gate.started), 2);
	CHECK_INT(atomic_load(&gate.ended), 2);
	CHECK_INT(sem_destroy(&gate.open), 0);
	return 0;
}

/* trio: test_threads.py, test_run_in_worker_thread_cancellation, with one thread */
TEST(cancelled_before_its_start_never_runs)
{
	CHECK_INT(hk_run(cancellation_main, NULL, &(struct hk_run_options){ .threads = 1 }), 0);
}

TEST_IN_LOOP(an_already_cancelled_call_never_starts)
{
	struct gate gate = { 0 };
	struct hk_scope s;

	hk_scope_open(&s, 0);
	CHECK_INT(hk_offload(wait_at_gate, &gate), -ECANCELED);
	CHECK_INT(hk_scope_close(&s, -ECANCELED), -ETIMEDOUT);
	CHECK_INT(atomic_load(&gate.started), 0);
}

static int nap(void *arg)
{
	usleep(*(useconds_t *)arg);
	return 0;
}

/* On the virtual clock time stands still while something is off-loaded. */
TEST_IN_LOOP(virtual_time_waits_for_threads)
{
	int64_t start = hk_now_ns();
	useconds_t us = 2000;
	struct hk_scope s;

	hk_scope_open(&s, 10);
	CHECK_INT(hk_scope_close(&s, hk_offload(nap, &us)), 0);
	CHECK_INT(hk_now_ns() - start, 0);
}

/* ---- hk_post ------------------------------------------------------------------------------- */

enum { POSTERS = 4, POSTS = 5000 };
struct inbox {
	struct hk_loop *loop;
	struct hk_event all;
	int got;
	int next[POSTERS];
};
struct message {
	struct inbox *inbox;
	int from, number;
};
static struct inbox inbox;
static struct message messages[POSTERS][POSTS];

static void receive(void *arg)
{
	struct message *m = arg;

	CHECK(!hk_running());                          /* on the loop, but in no task */
	CHECK_INT(m->number, m->inbox->next[m->from]); /* in the order of posting */
	m->inbox->next[m->from]++;
	if (++m->inbox->got == POSTERS * POSTS)
		hk_event_set(&m->inbox->all);
}

static void *poster(void *arg)
{
	int from = *(int *)arg;

	for (int i = 0; i < POSTS; i++) {
		messages[from][i] = (struct message){ &inbox, from, i };
		CHECK_INT(hk_post(inbox.loop, receive, &messages[from][i]), 0);
	}
	return NULL;
}

/* trio: test_threads.py, TrioToken.run_sync_soon; asyncio: call_soon_threadsafe */
TEST_IN_LOOP(posts_from_many_threads_arrive_in_order)
{
	pthread_t threads[POSTERS];
	int ids[POSTERS] = { 0, 1, 2, 3 };

	inbox = (struct inbox){ .loop = hk_loop_self() };
	for (size_t i = 0; i < POSTERS; i++)
		CHECK_INT(pthread_create(&threads[i], NULL, poster, &ids[i]), 0);
	CHECK_INT(hk_event_wait(&inbox.all), 0);
	for (size_t i = 0; i < POSTERS; i++)
		CHECK_INT(pthread_join(threads[i], NULL), 0);
	CHECK_INT(inbox.got, POSTERS * POSTS);
}

static int post_from_pool(void *arg)
{
	messages[0][0] = (struct message){ arg, 0, 0 };
	return hk_post(inbox.loop, receive, &messages[0][0]);
}

TEST_IN_LOOP(an_offloaded_call_may_post)
{
	inbox = (struct inbox){ .loop = hk_loop_self() };
	CHECK_INT(hk_offload(post_from_pool, &inbox), 0);
	CHECK_INT(inbox.got, 1); /* posted before the result was */
}

static const struct test tests[] = {
	T(results_come_back_to_their_callers),
	T(failures_come_back_too),
	T(cancelled_before_its_start_never_runs),
	T(an_already_cancelled_call_never_starts),
	T(virtual_time_waits_for_threads),
	T(posts_from_many_threads_arrive_in_order),
	T(an_offloaded_call_may_post),
};

int main(void)
{
	return RUN_TESTS(tests);
}
