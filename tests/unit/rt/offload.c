/* offload.c - calls in other threads: results, cancellation, limits, abandoned calls, the way back
 *
 * What threads do is made exact by gates: a call says that it runs and waits until it is let go. */
#include "in_loop.h"
#include "rt/loop.h"
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

/* The system gives no threads while this is set. */
static atomic_bool no_threads;
int __real_pthread_create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
int __wrap_pthread_create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
int __wrap_pthread_create(pthread_t *ret, const pthread_attr_t *attr, void *(*fn)(void *),
			  void *arg)
{
	return atomic_load(&no_threads) ? EAGAIN : __real_pthread_create(ret, attr, fn, arg);
}

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
TEST_IN_SIM(results_come_back_to_their_callers, 50)
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

TEST_IN_SIM(failures_come_back_too, 50)
{
	CHECK_INT(hk_offload(failing, NULL), -ENOENT);
	CHECK_INT(hk_offload_cpu(failing, NULL), -ENOENT);
}

struct gate {
	sem_t open;
	atomic_int started, running, high, ended;
	atomic_int abandoned;
};

static void gate_init(struct gate *g)
{
	*g = (struct gate){ 0 };
	CHECK_INT(sem_init(&g->open, 0, 0), 0);
}

static void gate_let(struct gate *g, int n)
{
	for (int i = 0; i < n; i++)
		CHECK_INT(sem_post(&g->open), 0);
}

static int wait_at_gate(void *arg)
{
	struct gate *g = arg;
	int running = atomic_fetch_add(&g->running, 1) + 1, high = atomic_load(&g->high);

	while (running > high && !atomic_compare_exchange_weak(&g->high, &high, running))
		continue;
	atomic_fetch_add(&g->started, 1);
	while (sem_wait(&g->open) < 0)
		continue;
	atomic_fetch_sub(&g->running, 1);
	atomic_fetch_add(&g->ended, 1);
	return 5;
}

/* Tasks of the loop wait for what threads do; nothing else tells them. */
static void until(atomic_int *what, int n) HK_SUSPENDS
{
	while (atomic_load(what) < n)
		CHECK_INT(hk_yield(), 0);
}

static void gate_abandoned(void *arg)
{
	struct gate *g = arg;

	CHECK(hk_loop_self()->no_suspend != NULL);
	atomic_fetch_add(&g->abandoned, 1);
}

struct caller {
	struct gate *gate;
	struct hk_offload_options options;
	struct hk_scope scope;
	struct hk_task *task;
	int result;
};

static int call(void *arg)
{
	struct caller *c = arg;

	hk_scope_open(&c->scope, HK_FOREVER);
	c->task = hk_task_self();
	c->result = hk_offload_with(wait_at_gate, c->gate, &c->options);
	(void)hk_scope_close(&c->scope, 0);
	return 0;
}

static int cancellation_main(void *arg)
{
	struct gate gate;
	struct caller c[3] = { { .gate = &gate }, { .gate = &gate }, { .gate = &gate } };
	struct hk_group g;

	(void)arg;
	gate_init(&gate);
	hk_group_open(&g, NULL);
	for (size_t i = 0; i < 3; i++)
		CHECK_INT(hk_spawn(&g, call, &c[i]), 0);
	until(&gate.started, 1);
	hk_scope_cancel(&c[0].scope); /* has started: its result is reported */
	hk_scope_cancel(&c[1].scope); /* still in the line: never runs */
	gate_let(&gate, 2);
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

TEST_IN_SIM(an_already_cancelled_call_never_starts, 50)
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

/* ---- abandoned calls ----------------------------------------------------------------------- */

static const struct hk_offload_options abandonable = { .abandoned = gate_abandoned };

/* trio: test_threads.py, test_run_in_worker_thread_cancellation: abandon_on_cancel=True exits at once */
TEST_IN_LOOP(an_abandoned_call_ends_by_itself)
{
	struct gate gate;
	struct caller c = { .gate = &gate, .options = abandonable };
	struct hk_group g;
	struct hk_stats stats;

	gate_init(&gate);
	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, call, &c), 0);
	until(&gate.started, 1);
	hk_stats_get(&stats);
	CHECK_INT(stats.parked_offload, 1);
	hk_scope_cancel(&c.scope);
	CHECK_INT(hk_group_close(&g, 0), 0); /* the task is gone, the thread is not */
	hk_stats_get(&stats);
	CHECK_INT(stats.parked_offload, 0);
	CHECK_INT(c.result, -ECANCELED);
	CHECK_INT(atomic_load(&gate.ended), 0);
	CHECK_INT(atomic_load(&gate.abandoned), 0);
	gate_let(&gate, 1);
	until(&gate.abandoned, 1);
	CHECK_INT(atomic_load(&gate.ended), 1);
}

/* trio: the same test, abandon_on_cancel=False waits */
TEST_IN_LOOP(cancellation_waits_by_default)
{
	struct gate gate;
	struct caller c = { .gate = &gate };
	struct hk_group g;

	gate_init(&gate);
	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, call, &c), 0);
	until(&gate.started, 1);
	hk_scope_cancel(&c.scope);
	for (int i = 0; i < 10; i++)
		CHECK_INT(hk_yield(), 0);
	CHECK_INT(hk_group_running(&g), 1);
	gate_let(&gate, 1);
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(c.result, 5);
}

/* A result that came is the caller's, and so is arg. */
TEST_IN_SIM(what_was_not_cancelled_is_not_abandoned, 50)
{
	struct gate gate;

	gate_init(&gate);
	gate_let(&gate, 1);
	CHECK_INT(hk_offload_with(wait_at_gate, &gate, &abandonable), 5);
	CHECK_INT(atomic_load(&gate.abandoned), 0);
}

static int cancelled_too(void *arg)
{
	(void)arg;
	return -ECANCELED;
}

/* offload.c (3): with -ECANCELED arg is given away, whatever the reason. */
TEST_IN_SIM(every_cancelled_call_gives_its_argument_away, 50)
{
	struct hk_sem taken = HK_SEM(1);
	struct caller c = { .options = { .limiter = &taken, .abandoned = gate_abandoned } };
	struct hk_scope s;
	struct gate gate;

	gate_init(&gate);
	hk_scope_open(&s, 0); /* before it began */
	CHECK_INT(hk_offload_with(wait_at_gate, &gate, &abandonable), -ECANCELED);
	CHECK_INT(hk_scope_close(&s, 0), 0);
	CHECK_INT(atomic_load(&gate.abandoned), 1);
	CHECK_INT(hk_sem_acquire(&taken), 0);
	hk_scope_open(&s, 5); /* while it waited for a permit */
	CHECK_INT(hk_offload_with(wait_at_gate, &gate, &c.options), -ECANCELED);
	CHECK_INT(hk_scope_close(&s, 0), 0);
	CHECK_INT(atomic_load(&gate.abandoned), 2);
	CHECK_INT(atomic_load(&gate.started), 0);
	hk_sem_release(&taken);
}

static void count(void *arg)
{
	++*(int *)arg;
}

TEST_IN_SIM(a_call_that_says_cancelled_itself_gives_its_argument_away, 50)
{
	int told = 0;

	CHECK_INT(hk_offload_with(cancelled_too, &told,
				  &(struct hk_offload_options){ .abandoned = count }),
		  -ECANCELED);
	CHECK_INT(told, 1);
}

static int cancelled_in_line_main(void *arg)
{
	struct gate first, second;
	struct caller a = { .gate = &first }, b = { .gate = &second, .options = abandonable };
	struct hk_group g;

	(void)arg;
	gate_init(&first);
	gate_init(&second);
	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, call, &a), 0);
	CHECK_INT(hk_spawn(&g, call, &b), 0);
	until(&first.started, 1);
	hk_scope_cancel(&b.scope);
	until(&second.abandoned, 1);
	CHECK_INT(atomic_load(&second.started), 0);
	gate_let(&first, 1);
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(b.result, -ECANCELED);
	CHECK_INT(a.result, 5);
	return 0;
}

TEST(taken_back_from_the_line_its_argument_is_given_away)
{
	CHECK_INT(hk_run(cancelled_in_line_main, NULL, &(struct hk_run_options){ .threads = 1 }),
		  0);
}

static struct gate late;

static int leave_a_call_behind(void *arg)
{
	struct hk_scope s;

	hk_scope_open(&s, HK_MS);
	CHECK_INT(hk_scope_close(&s, hk_offload_with(wait_at_gate, &late, &abandonable)),
		  -ETIMEDOUT);
	CHECK_INT(sem_post(arg), 0);
	return 3;
}

static void *open_late(void *arg)
{
	while (sem_wait(arg) < 0)
		continue;
	gate_let(&late, 1);
	return NULL;
}

/* asyncio: test_events.py, test_run_in_executor_cancel: a late result disturbs nobody.
 * trio: test_run_in_worker_thread_abandoned: the run is over before the thread. Here the run waits for it. */
TEST(the_run_waits_for_abandoned_calls)
{
	pthread_t opener;
	sem_t left;

	gate_init(&late);
	CHECK_INT(sem_init(&left, 0, 0), 0);
	CHECK_INT(pthread_create(&opener, NULL, open_late, &left), 0);
	CHECK_INT(hk_run(leave_a_call_behind, &left, NULL), 3);
	CHECK_INT(atomic_load(&late.abandoned), 1);
	CHECK_INT(pthread_join(opener, NULL), 0);
}

struct long_nap {
	struct hk_loop *loop;
	struct hk_scope scope;
	atomic_int napped;
};

static void cancel_nap(void *arg)
{
	hk_scope_cancel(&((struct long_nap *)arg)->scope);
}

static int nap_for_long(void *arg)
{
	struct long_nap *n = arg;

	CHECK_INT(hk_post(n->loop, cancel_nap, n), 0);
	usleep(20000);
	atomic_fetch_add(&n->napped, 1);
	return 0;
}

static void ignore(void *arg)
{
	(void)arg;
}

/* loop.c (2): an abandoned call is still a call. */
TEST_IN_LOOP(virtual_time_waits_for_abandoned_calls)
{
	static struct long_nap n;

	n.loop = hk_loop_self();
	hk_scope_open(&n.scope, HK_FOREVER);
	CHECK_INT(hk_offload_with(nap_for_long, &n,
				  &(struct hk_offload_options){ .abandoned = ignore }),
		  -ECANCELED);
	CHECK_INT(hk_scope_close(&n.scope, 0), 0);
	CHECK_INT(atomic_load(&n.napped), 0);
	CHECK_INT(hk_sleep(HK_SEC), 0);
	CHECK_INT(atomic_load(&n.napped), 1);
}

/* ---- limiters ------------------------------------------------------------------------------ */

enum { MOST = 3, CALLS = 2 * MOST };

static void spawn_callers(struct hk_group *g, struct caller c[CALLS], struct gate *gate,
			  struct hk_offload_options o)
{
	for (size_t i = 0; i < CALLS; i++) {
		c[i] = (struct caller){ .gate = gate, .options = o };
		CHECK_INT(hk_spawn(g, call, &c[i]), 0);
	}
	CHECK_INT(hk_yield(), 0);
}

static int limiter_main(void *arg)
{
	struct hk_sem limiter = HK_SEM(MOST);
	struct caller c[CALLS];
	struct gate gate;
	struct hk_group g;
	bool cancel = *(bool *)arg;

	gate_init(&gate);
	hk_group_open(&g, NULL);
	spawn_callers(&g, c, &gate,
		      (struct hk_offload_options){ .limiter = &limiter,
						   .abandoned = cancel ? gate_abandoned : NULL });
	until(&gate.started, MOST);
	for (size_t i = 0; i < MOST; i++)
		hk_scope_cancel(&c[i].scope);
	CHECK_INT(hk_yield(), 0);
	CHECK_INT(hk_group_running(&g), cancel ? CALLS - MOST : CALLS);
	CHECK_INT(hk_sem_waiting(&limiter), CALLS - MOST); /* an abandoned call keeps its permit */
	CHECK_INT(atomic_load(&gate.running), MOST);
	gate_let(&gate, CALLS);
	CHECK_INT(hk_group_close(&g, 0), 0);
	until(&gate.abandoned, cancel ? MOST : 0); /* these have no task any more */
	CHECK_INT(atomic_load(&gate.high), MOST);
	CHECK_INT(atomic_load(&gate.ended), CALLS);
	CHECK_INT(hk_sem_free(&limiter), MOST);
	CHECK_INT(atomic_load(&gate.abandoned), cancel ? MOST : 0);
	return 0;
}

/* trio: test_run_in_worker_thread_limiter, cancel=False and True */
TEST(a_limiter_counts_the_calls_that_run)
{
	bool cancel[] = { false, true };

	for (size_t i = 0; i < 2; i++)
		CHECK_INT(hk_run(limiter_main, &cancel[i],
				 &(struct hk_run_options){ .threads = CALLS }),
			  0);
}

static int no_threads_main(void *arg)
{
	struct hk_sem limiter = HK_SEM(1);
	struct hk_offload_options o = { .limiter = &limiter };
	int n = 5, told = 0, fd = dup(STDERR_FILENO);

	(void)arg;
	CHECK(fd >= 0);
	atomic_store(&no_threads, true);
	CHECK_INT(hk_offload(square, &n), -EAGAIN);
	CHECK_INT(hk_file_close(fd), 0); /* closing is the one that cannot be refused */
	CHECK(fcntl(fd, F_GETFD) < 0 && errno == EBADF);
	CHECK_INT(hk_offload_with(square, &n, &o), -EAGAIN);
	o.abandoned = count;
	CHECK_INT(hk_offload_with(cancelled_too, &told, &o), -EAGAIN);
	atomic_store(&no_threads, false);
	CHECK_INT(told, 0);
	CHECK_INT(hk_sem_free(&limiter), 1);
	CHECK_INT(hk_offload_with(square, &n, &(struct hk_offload_options){ .limiter = &limiter }),
		  25);
	return 0;
}

/* trio: test_run_in_worker_thread_fail_to_spawn: a sound error, and the permit is back */
TEST(without_threads_calls_fail_and_keep_nothing)
{
	CHECK_INT(hk_run(no_threads_main, NULL, NULL), 0);
}

/* ---- the pools' own limits ----------------------------------------------------------------- */

static int limits_main(void *arg)
{
	struct caller c[CALLS];
	struct gate gate;
	struct hk_group g;

	(void)arg;
	CHECK_INT(hk_offload_limit(HK_POOL_IO), MOST);
	CHECK_INT(hk_offload_limit(HK_POOL_CPU), 2);
	gate_init(&gate);
	hk_group_open(&g, NULL);
	spawn_callers(&g, c, &gate, (struct hk_offload_options){ 0 });
	until(&gate.started, MOST);
	hk_offload_limit_set(HK_POOL_IO, 1);
	CHECK_INT(hk_offload_limit(HK_POOL_IO), 1);
	gate_let(&gate, MOST - 1);
	until(&gate.ended, MOST - 1);
	CHECK_INT(atomic_load(&gate.started), MOST); /* one still runs: no other may */
	gate_let(&gate, 1);
	until(&gate.started, MOST + 1);
	CHECK_INT(atomic_load(&gate.running), 1);
	hk_offload_limit_set(HK_POOL_IO, MOST);
	until(&gate.started, CALLS); /* all that are left, at once */
	CHECK_INT(atomic_load(&gate.high), MOST);
	gate_let(&gate, CALLS - MOST);
	CHECK_INT(hk_group_close(&g, 0), 0);
	return 0;
}

/* trio: test_run_in_worker_thread_limiter, use_default_limiter=True, and CapacityLimiter.total_tokens */
TEST(limits_can_be_moved_while_calls_run)
{
	CHECK_INT(hk_run(limits_main, NULL,
			 &(struct hk_run_options){ .threads = MOST, .cpu_threads = 2 }),
		  0);
}

/* ---- order --------------------------------------------------------------------------------- */

struct ordered {
	int number;
	struct hk_sem *limiter;
};
static int order[50], order_n; /* by one thread at a time */

static int note_order(void *arg)
{
	order[order_n++] = ((struct ordered *)arg)->number;
	return 0;
}

static int call_ordered(void *arg)
{
	struct ordered *o = arg;
	return hk_offload_with(note_order, o,
			       &(struct hk_offload_options){ .limiter = o->limiter });
}

static int order_main(void *arg)
{
	struct hk_sem limiter = HK_SEM(1);
	struct ordered o[50];

	order_n = 0;
	for (int i = 0; i < 50; i++)
		o[i] = (struct ordered){ i, arg ? &limiter : NULL };
	CHECK_INT(hk_gather(call_ordered, o, 50, sizeof(o[0]), NULL), 0);
	CHECK_INT(order_n, 50);
	for (int i = 0; i < 50; i++)
		CHECK_INT(order[i], i);
	return 0;
}

/* offload.h (4), by the pool's line and by a limiter's */
TEST(calls_start_in_the_order_in_which_they_were_made)
{
	bool limited = true;

	CHECK_INT(hk_run(order_main, NULL, &(struct hk_run_options){ .threads = 1 }), 0);
	CHECK_INT(hk_run(order_main, &limited, &(struct hk_run_options){ .threads = 4 }), 0);
}

/* ---- the threads --------------------------------------------------------------------------- */

static int look_at_thread(void *arg)
{
	char name[16] = "";
	sigset_t set;

	*(pthread_t *)arg = pthread_self();
	CHECK_INT(pthread_sigmask(SIG_SETMASK, NULL, &set), 0);
	for (int sig = 1; sig < 32; sig++)
		CHECK(sigismember(&set, sig) || sig == SIGKILL || sig == SIGSTOP);
	CHECK_INT(pthread_getname_np(pthread_self(), name, sizeof(name)), 0);
	return strcmp(name, "hocket-io") == 0;
}

/* pool.c (2) and (4); trio: test_named_thread_os; a thread cache that grew with every call would show here */
TEST_IN_LOOP(one_thread_is_enough_for_one_call_after_the_other)
{
	pthread_t first, next;

	CHECK(hk_offload(look_at_thread, &first) >= 0); /* its name may come later than itself */
	for (int i = 0; i < 100; i++) {
		CHECK_INT(hk_offload(look_at_thread, &next), 1);
		CHECK(pthread_equal(first, next));
	}
}

TEST_IN_LOOP(a_parked_call_shows_its_name)
{
	struct gate gate;
	struct caller c = { .gate = &gate, .options = { .name = "resolving" } };
	struct hk_group g;

	gate_init(&gate);
	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, call, &c), 0);
	until(&gate.started, 1);
	CHECK_STR(((struct hk_fiber_ *)c.task)->park->why, "resolving");
	gate_let(&gate, 1);
	CHECK_INT(hk_group_close(&g, 0), 0);
}

static int add_one(void *arg)
{
	return atomic_fetch_add((atomic_int *)arg, 1) < 0;
}

static int offload_add(void *arg)
{
	return hk_offload(add_one, *(atomic_int **)arg);
}

/* asyncio: test_threads.py, test_to_thread_concurrent */
TEST_IN_LOOP(many_calls_at_once_all_run_once)
{
	static atomic_int calls;
	atomic_int *args[10];

	for (size_t i = 0; i < 10; i++)
		args[i] = &calls;
	CHECK_INT(hk_gather(offload_add, args, 10, sizeof(args[0]), NULL), 0);
	CHECK_INT(atomic_load(&calls), 10);
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
	T(an_abandoned_call_ends_by_itself),
	T(cancellation_waits_by_default),
	T(what_was_not_cancelled_is_not_abandoned),
	T(every_cancelled_call_gives_its_argument_away),
	T(a_call_that_says_cancelled_itself_gives_its_argument_away),
	T(taken_back_from_the_line_its_argument_is_given_away),
	T(the_run_waits_for_abandoned_calls),
	T(virtual_time_waits_for_abandoned_calls),
	T(a_limiter_counts_the_calls_that_run),
	T(without_threads_calls_fail_and_keep_nothing),
	T(limits_can_be_moved_while_calls_run),
	T(calls_start_in_the_order_in_which_they_were_made),
	T(one_thread_is_enough_for_one_call_after_the_other),
	T(a_parked_call_shows_its_name),
	T(many_calls_at_once_all_run_once),
	T(posts_from_many_threads_arrive_in_order),
	T(an_offloaded_call_may_post),
};

int main(void)
{
	return RUN_TESTS(tests);
}
