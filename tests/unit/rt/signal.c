/* signal.c - signals that tasks wait for */
#include "in_loop.h"
#include "rt/sanitize.h"
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

static const int both[] = { SIGUSR1, SIGUSR2 };

static int wait_signal(void *arg)
{
	*(int *)arg = hk_signal_wait();
	return 0;
}

/* trio: test_signals.py, test_open_signal_receiver */
TEST_IN_LOOP(a_waiting_task_gets_the_signal)
{
	struct sigaction now;
	struct hk_group g;
	int got = 0;

	CHECK_INT(hk_signal_open(both, 2), 0);
	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, wait_signal, &got), 0);
	CHECK_INT(hk_yield(), 0);
	CHECK_INT(kill(getpid(), SIGUSR2), 0);
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(got, SIGUSR2);
	hk_signal_close();
	for (size_t i = 0; i < 2; i++) {
		CHECK_INT(sigaction(both[i], NULL, &now), 0);
		CHECK(now.sa_handler == SIG_DFL);
	}
}

/* A signal comes at any depth: a task that is near the end of its stack must not fault because of it. */
TEST_IN_LOOP(the_handler_takes_none_of_a_tasks_stack)
{
	struct sigaction now;

	CHECK_INT(hk_signal_open(both, 1), 0);
	CHECK_INT(sigaction(SIGUSR1, NULL, &now), 0);
	CHECK(now.sa_flags & SA_ONSTACK);
	hk_signal_close();
}

/* trio: test_open_signal_receiver_no_starvation; signal.h: kept, not lost */
TEST_IN_LOOP(signals_before_the_wait_are_kept)
{
	CHECK_INT(hk_signal_open(both, 2), 0);
	CHECK_INT(raise(SIGUSR1), 0);
	CHECK_INT(raise(SIGUSR1), 0);
	CHECK_INT(raise(SIGUSR2), 0);
	CHECK_INT(hk_signal_wait(), SIGUSR1);
	CHECK_INT(hk_signal_wait(), SIGUSR1);
	CHECK_INT(hk_signal_wait(), SIGUSR2);
	hk_signal_close();
}

static void *send_to_process(void *arg)
{
	(void)arg;
	kill(getpid(), SIGUSR1);
	return NULL;
}

static int real_clock_main(void *arg)
{
	pthread_t thread;
	int got;

	(void)arg;
	CHECK_INT(hk_signal_open(both, 2), 0);
	CHECK_INT(pthread_create(&thread, NULL, send_to_process, NULL), 0);
	got = hk_signal_wait(); /* asleep in epoll_wait, most likely */
	CHECK_INT(pthread_join(thread, NULL), 0);
	hk_signal_close();
	return got;
}

#if defined(SANITIZE_TSAN)
/* It keeps a signal back until the fiber that was interrupted makes a blocking call: never. */
enum { TIMES = 0 };
#else
enum { TIMES = 50 };
#endif

TEST(a_sleeping_loop_is_woken)
{
	for (int i = 0; i < TIMES; i++)
		CHECK_INT(hk_run(real_clock_main, NULL, NULL), SIGUSR1);
}

TEST_IN_LOOP(a_wait_can_be_cancelled)
{
	struct hk_scope s;

	CHECK_INT(hk_signal_open(both, 2), 0);
	hk_scope_open(&s, HK_MS);
	CHECK_INT(hk_scope_close(&s, hk_signal_wait()), -ETIMEDOUT);
	CHECK_INT(raise(SIGUSR1), 0);
	CHECK_INT(hk_signal_wait(), SIGUSR1);
	hk_signal_close();
}

static int seen_by_former;

static void former(int number)
{
	seen_by_former = number;
}

TEST_IN_LOOP(former_actions_come_back)
{
	struct sigaction action = { .sa_handler = former };

	CHECK_INT(sigaction(SIGUSR1, &action, NULL), 0);
	CHECK_INT(hk_signal_open(both, 2), 0);
	CHECK_INT(hk_signal_open(both, 2), -EBUSY); /* one set per loop */
	CHECK_INT(raise(SIGUSR1), 0);
	CHECK_INT(seen_by_former, 0);
	CHECK_INT(hk_signal_wait(), SIGUSR1);
	hk_signal_close();
	CHECK_INT(raise(SIGUSR1), 0);
	CHECK_INT(seen_by_former, SIGUSR1);
	CHECK_INT(hk_signal_wait(), -EINVAL); /* nothing is open */
}

TEST_IN_LOOP(what_cannot_be_caught_is_refused)
{
	int kill_too[] = { SIGUSR1, SIGKILL };
	struct sigaction now;

	CHECK_INT(hk_signal_open(kill_too, 2), -EINVAL);
	CHECK_INT(hk_signal_open(both, 0), -EINVAL);
	CHECK_INT(sigaction(SIGUSR2, NULL, &now), 0);
	CHECK(now.sa_handler == SIG_DFL); /* nothing is left half open */
	CHECK_INT(hk_signal_open(both, 2), 0);
	hk_signal_close();
}

static const struct test tests[] = {
	T(a_waiting_task_gets_the_signal),   T(the_handler_takes_none_of_a_tasks_stack),
	T(signals_before_the_wait_are_kept), T(a_sleeping_loop_is_woken),
	T(a_wait_can_be_cancelled),          T(former_actions_come_back),
	T(what_cannot_be_caught_is_refused),
};

int main(void)
{
	return RUN_TESTS(tests);
}
