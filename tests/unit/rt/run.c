/* run.c - loops from making to end; clocks, sleeps, the report of a deadlock */
#include "in_loop.h"
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static struct trace trace;

static int give(void *arg)
{
	return *(int *)arg;
}

TEST(the_main_tasks_result_is_returned)
{
	int values[] = { 0, 42, -EIO };

	for (size_t i = 0; i < 3; i++)
		CHECK_INT(hk_run(give, &values[i], NULL), values[i]);
	CHECK(!hk_running());
	CHECK(hk_task_self() == NULL);
	CHECK(hk_loop_self() == NULL);
	CHECK(hk_now_ns() > 0);
}

static int run_again(void *arg)
{
	CHECK(hk_running());
	return hk_run(give, arg, NULL);
}

/* asyncio: test_runners.py, test_asyncio_run_from_running_loop */
TEST(a_loop_within_a_loop_is_refused)
{
	int value = 1;

	CHECK_INT(hk_run(run_again, &value, NULL), -EDEADLK);
}

static void *own_loop(void *arg)
{
	CHECK_INT(in_loop(give, arg), 3);
	return NULL;
}

static int loop_in_thread(void *arg)
{
	int three = 3;
	pthread_t thread;

	(void)arg;
	CHECK_INT(pthread_create(&thread, NULL, own_loop, &three), 0);
	CHECK_INT(pthread_join(thread, NULL), 0);
	return 0;
}

TEST(each_thread_may_have_one)
{
	CHECK_INT(hk_run(loop_in_thread, NULL, NULL), 0);
}

static size_t descriptors(void)
{
	size_t n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

TEST(nothing_survives_the_loop)
{
	struct sigaction pipe_before, pipe_after;
	size_t before = descriptors();
	int value = 0;

	CHECK_INT(sigaction(SIGPIPE, NULL, &pipe_before), 0);
	CHECK_INT(hk_run(give, &value, NULL), 0);
	CHECK_INT(sigaction(SIGPIPE, NULL, &pipe_after), 0);
	CHECK(pipe_before.sa_handler == pipe_after.sa_handler);
	CHECK_INT(descriptors(), before);
}

/* ---- time ---------------------------------------------------------------------------------- */

struct sleeper {
	int64_t ns;
	char name;
};

static int sleep_and_tell(void *arg)
{
	struct sleeper *s = arg;

	CHECK_INT(hk_sleep(s->ns), 0);
	trace_add(&trace, "%c", s->name);
	return 0;
}

/* trio: test_testing.py, autojump clock; equal ends in the order of falling asleep */
TEST_IN_LOOP(virtual_time_jumps)
{
	struct sleeper s[] = {
		{ 3600 * HK_SEC, 'd' }, { HK_SEC, 'b' }, { HK_SEC, 'c' }, { 0, 'a' }
	};
	int64_t start = hk_now_ns();

	trace = (struct trace){ 0 };
	CHECK_INT(hk_gather(sleep_and_tell, s, 4, sizeof(s[0]), NULL), 0);
	CHECK_STR(trace.text, "a b c d");
	CHECK_INT(hk_now_ns() - start, 3600 * HK_SEC);
	CHECK_INT(hk_now_exact_ns(), hk_now_ns());
}

static int sleep_for_real(void *arg)
{
	int64_t start = hk_now_exact_ns();
	int r = hk_sleep(*(int64_t *)arg);

	CHECK(hk_now_exact_ns() - start >= *(int64_t *)arg); /* never early */
	return r;
}

TEST(real_sleeps_are_never_short)
{
	int64_t ns[] = { 1, 50 * HK_US, 300 * HK_US, 2 * HK_MS };

	for (size_t i = 0; i < 4; i++)
		CHECK_INT(hk_run(sleep_for_real, &ns[i], NULL), 0);
}

TEST_IN_LOOP(a_sleep_can_be_cut_short)
{
	struct hk_scope s;
	int64_t start = hk_now_ns();

	hk_scope_open(&s, HK_SEC);
	CHECK_INT(hk_sleep(HK_FOREVER), -ECANCELED);
	CHECK_INT(hk_scope_close(&s, -ECANCELED), -ETIMEDOUT);
	CHECK_INT(hk_now_ns() - start, HK_SEC);
}

static int draw(void *arg)
{
	uint64_t *out = arg;

	for (size_t i = 0; i < 4; i++)
		out[i] = hk_random();
	return 0;
}

TEST(the_seed_decides_the_numbers)
{
	uint64_t a[4], b[4], c[4];

	CHECK_INT(hk_run(draw, a, &(struct hk_run_options){ .seed = 7 }), 0);
	CHECK_INT(hk_run(draw, b, &(struct hk_run_options){ .seed = 7 }), 0);
	CHECK_INT(hk_run(draw, c, &(struct hk_run_options){ .seed = 8 }), 0);
	CHECK_INT(memcmp(a, b, sizeof(a)), 0);
	CHECK(memcmp(a, c, sizeof(a)) != 0);
}

TEST_IN_LOOP(stats_count)
{
	struct hk_stats before, after;

	hk_stats_get(&before);
	CHECK_INT(hk_sleep(HK_MS), 0);
	hk_stats_get(&after);
	CHECK_INT(after.timers - before.timers, 1);
	CHECK_INT(after.switches - before.switches, 1);
	CHECK_INT(after.fibers, 1);
	CHECK(after.stack_bytes_touched >= 4096);
	CHECK(after.busy_ns >= 0 && after.idle_ns >= 0);
}

/* ---- deadlock ---------------------------------------------------------------------------- */

static int get_for_ever(void *arg)
{
	int item;
	return hk_queue_get(arg, &item);
}

static int stand_still(void *arg)
{
	struct hk_queue *q = hk_queue_new(sizeof(int), 1);
	struct hk_group g;

	(void)arg;
	hk_group_open(&g, NULL);
	CHECK_INT(hk_group_spawn(&g, get_for_ever, q,
				 &(struct hk_spawn_options){ .name = "reader 1" }),
		  0);
	return hk_group_close(&g, 0);
}

/* Runs fn in a child process; what it said on stderr, and whether it was aborted. */
static bool aborts(hk_fn *fn, char *words, size_t cap)
{
	int fds[2], status = 0;
	size_t n = 0;
	ssize_t got;
	pid_t child;

	CHECK_INT(pipe(fds), 0);
	fflush(stdout);
	child = fork();
	if (child == 0) {
		dup2(fds[1], STDERR_FILENO);
		(void)sigaction(SIGABRT, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
		_exit(in_loop(fn, NULL) != 0);
	}
	CHECK_INT(close(fds[1]), 0);
	while ((got = read(fds[0], words + n, cap - 1 - n)) > 0)
		n += (size_t)got;
	words[n] = 0;
	CHECK_INT(close(fds[0]), 0);
	CHECK(waitpid(child, &status, 0) == child);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

/* asyncio waits for ever here; trio has no such report either: ours names the tasks */
TEST(a_deadlock_is_reported)
{
	char words[8192];

	CHECK(aborts(stand_still, words, sizeof(words)));
	CHECK(strstr(words, "hocket: deadlock: every task waits") != NULL);
	CHECK(strstr(words, "waits for 1 task of group \"group\" to end") != NULL);
	CHECK(strstr(words, "task \"reader 1\", spawned at an unnamed place: waits for an item "
			    "in a queue: it holds 0 of 1") != NULL);
}

static int leave_scope_open(void *arg)
{
	static struct hk_scope s;

	(void)arg;
	hk_scope_open(&s, HK_FOREVER);
	return 0;
}

TEST(a_scope_left_open_is_a_bug)
{
	char words[8192];

	CHECK(aborts(leave_scope_open, words, sizeof(words)));
	CHECK(strstr(words, "is still open: close it first") != NULL);
}

static const struct test tests[] = {
	T(the_main_tasks_result_is_returned),
	T(a_loop_within_a_loop_is_refused),
	T(each_thread_may_have_one),
	T(nothing_survives_the_loop),
	T(virtual_time_jumps),
	T(real_sleeps_are_never_short),
	T(a_sleep_can_be_cut_short),
	T(the_seed_decides_the_numbers),
	T(stats_count),
	T(a_deadlock_is_reported),
	T(a_scope_left_open_is_a_bug),
};

int main(void)
{
	return RUN_TESTS(tests);
}
