/* stall.c - a blocked loop is told of while it is blocked; a busy or sleeping one is not; SIGQUIT's question */
#include "base/clock.h"
#include "child.h"
#include "rt/sanitize.h"
#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

/* TSan holds signals back until the program calls something: then the calls may be missing. */
#ifdef SANITIZE_TSAN
#define SEES(text, call) ((void)(text))
#else
#define SEES(text, call) CHECK(has(text, call))
#endif

/* What was reported so far; written by the watcher's thread. */
static struct {
	pthread_mutex_t lock;
	atomic_uint n;
	char text[32 << 10];
	size_t used;
} told = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void keep(enum hk_report kind, const char *text, void *arg)
{
	size_t n = strlen(text);

	(void)arg;
	pthread_mutex_lock(&told.lock);
	if (kind == HK_REPORT_STALL && told.used + n < sizeof(told.text)) {
		memcpy(told.text + told.used, text, n + 1);
		told.used += n;
	}
	pthread_mutex_unlock(&told.lock);
	atomic_fetch_add(&told.n, kind == HK_REPORT_STALL);
}

static int run_watched(hk_fn *fn, void *arg, int64_t stall_ns)
{
	atomic_store(&told.n, 0);
	told.used = 0;
	told.text[0] = 0;
	return hk_run(fn, arg, &(struct hk_run_options){ .stall_ns = stall_ns, .report = keep });
}

static bool watched(void)
{
	if (RUNNING_ON_VALGRIND)
		printf("# nobody watches under valgrind\n");
	return !RUNNING_ON_VALGRIND;
}

/* ---- computing ----------------------------------------------------------------------------- */

/* Keeps the loop busy until n reports came. */
int burns_time(unsigned n);
__attribute__((noinline)) int burns_time(unsigned n)
{
	int64_t until = hk_now_exact_ns() + 20 * HK_SEC;
	volatile double x = 1;

	while (atomic_load(&told.n) < n && hk_now_exact_ns() < until)
		for (int i = 0; i < 1000; i++)
			x = x * 1.000001;
	return atomic_load(&told.n) >= n ? 0 : -ETIME;
}

static int computes(void *arg)
{
	int r = burns_time(*(unsigned *)arg);
	return r;
}

static int spawns(hk_fn *fn, void *arg)
{
	struct hk_group g;
	int r;

	hk_group_open(&g, NULL);
	r = hk_group_spawn(&g, fn, arg,
			   &(struct hk_spawn_options){ .name = "page 7", .where = HK_HERE });
	return hk_group_close(&g, r);
}

static int computes_in_task(void *arg)
{
	struct hk_stats stats;
	int r = spawns(computes, arg);

	hk_stats_get(&stats);
	CHECK_INT(stats.stalls, 1);
	return r;
}

TEST(a_computation_is_told_of_while_it_lasts)
{
	unsigned n = 1;
	const char *text = told.text;

	if (!watched())
		return;
	CHECK_INT(run_watched(computes_in_task, &n, 20 * HK_MS), 0);
	CHECK(has(text, "hocket: task \"page 7\", spawned at "));
	CHECK(has(text, "stall.c:"));
	CHECK(has(text, " has kept the loop for "));
	CHECK(has(text, ": it is computing\n"));
	CHECK(has(text, "hk_offload_cpu()"));
	CHECK(has(text, " let the loop go on after "));
	SEES(text, "burns_time");
}

TEST(a_long_one_is_told_of_again_at_ten_times)
{
	unsigned n = 2;

	if (!watched())
		return;
	CHECK_INT(run_watched(computes_in_task, &n, 10 * HK_MS), 0);
	CHECK_INT(atomic_load(&told.n), 3); /* the third: it is over */
}

/* ---- blocking ------------------------------------------------------------------------------ */

/* Blocks until the watcher has told of it; its callback closes the pipe. */
static int block_fds[2];

static void keep_and_unblock(enum hk_report kind, const char *text, void *arg)
{
	keep(kind, text, arg);
	if (atomic_load(&told.n) == 1)
		CHECK_INT(write(block_fds[1], "x", 1), 1);
}

ssize_t blocks_in_read(void);
__attribute__((noinline)) ssize_t blocks_in_read(void)
{
	char byte;
	ssize_t r = read(block_fds[0], &byte, 1);
	__asm__ volatile("" ::: "memory");
	return r;
}

static int blocks(void *arg)
{
	ssize_t r = blocks_in_read();
	(void)arg;
	return r == 1 ? 0 : -EIO;
}

static int blocks_in_task(void *arg)
{
	(void)arg;
	return spawns(blocks, NULL);
}

TEST(a_blocking_call_is_named_and_not_broken)
{
	struct hk_run_options o = { .stall_ns = 20 * HK_MS, .report = keep_and_unblock };

	if (!watched())
		return;
	CHECK_INT(pipe(block_fds), 0);
	atomic_store(&told.n, 0);
	told.used = 0;
	CHECK_INT(hk_run(blocks_in_task, NULL, &o), 0);
	CHECK(has(told.text, "task \"page 7\""));
	CHECK(has(told.text, ": it is in a blocking call\n"));
	SEES(told.text, "blocks_in_read");
	CHECK_INT(close(block_fds[0]), 0);
	CHECK_INT(close(block_fds[1]), 0);
}

static int sleeps_once(void *arg)
{
	struct timespec t = { .tv_sec = 10 };

	(void)arg;
	return nanosleep(&t, NULL) < 0 ? -errno : 0;
}

TEST(who_was_interrupted_by_our_look_is_told_so)
{
	if (!watched())
		return;
	CHECK_INT(run_watched(sleeps_once, NULL, 20 * HK_MS), -EINTR);
	CHECK(has(told.text, ": it is in a blocking call\n"));
	CHECK(has(told.text, " ms: our look may have cut its call short (EINTR)\n"));
}

/* Cancelled, every call that waits fails at once: it never lets the loop go on. */
static int ignores_cancellation(void *arg)
{
	unsigned long failed = 0;

	(void)arg;
	while (atomic_load(&told.n) < 1)
		failed += hk_sleep(HK_MS) < 0;
	return failed > 0 ? 0 : -EIO;
}

static int cancels_in_vain(void *arg)
{
	struct hk_group g;

	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, ignores_cancellation, arg), 0);
	CHECK_INT(hk_sleep(5 * HK_MS), 0);
	hk_group_cancel(&g);
	return hk_group_close(&g, 0);
}

TEST(who_ignores_cancellation_is_told_to_return)
{
	if (!watched())
		return;
	CHECK_INT(run_watched(cancels_in_vain, NULL, 20 * HK_MS), 0);
	CHECK(has(told.text, "task \"ignores_cancellation\""));
	CHECK(has(told.text, "it was cancelled, and calls that wait return -ECANCELED at once: "
			     "return when one does\n"));
	CHECK(!strstr(told.text, "hk_yield() now and then"));
}

static int computes_on_big_stack(void *arg)
{
	return hk_bigstack(computes, arg);
}

static int big_stack_in_task(void *arg)
{
	return spawns(computes_on_big_stack, arg);
}

TEST(a_call_on_the_loops_stack_is_its_tasks)
{
	unsigned n = 1;

	if (!watched())
		return;
	CHECK_INT(run_watched(big_stack_in_task, &n, 20 * HK_MS), 0);
	CHECK(has(told.text, "task \"page 7\""));
}

static void callback(void *arg)
{
	(void)computes(arg);
	hk_event_set(((struct hk_event **)arg)[1]);
}

static int posts(void *arg)
{
	struct hk_event e = { 0 };
	struct {
		unsigned n;
		struct hk_event *event;
	} what = { *(unsigned *)arg, &e };

	CHECK_INT(hk_post(hk_loop_self(), callback, &what), 0);
	return hk_event_wait(&e);
}

TEST(a_callback_is_told_apart)
{
	unsigned n = 1;

	if (!watched())
		return;
	CHECK_INT(run_watched(posts, &n, 20 * HK_MS), 0);
	CHECK(has(told.text, "hocket: a callback has kept the loop for "));
}

/* A program that uses SIGURG itself keeps it; the task is named all the same. */
static void theirs(int number)
{
	(void)number;
}

TEST(without_the_signal_the_task_is_named)
{
	struct sigaction action = { .sa_handler = theirs }, former, now;
	unsigned n = 1;

	if (!watched())
		return;
	CHECK_INT(sigaction(SIGURG, &action, &former), 0);
	CHECK_INT(run_watched(computes_in_task, &n, 20 * HK_MS), 0);
	CHECK(has(told.text, "task \"page 7\""));
	CHECK(!strstr(told.text, "#0"));
	CHECK_INT(sigaction(SIGURG, &former, &now), 0);
	CHECK(now.sa_handler == theirs);
}

static int sleeps_then_computes(void *arg)
{
	int r = hk_sleep(200 * HK_MS); /* long enough for the watcher to doze */
	return r < 0 ? r : computes(arg);
}

TEST(a_stall_after_a_long_sleep_is_told)
{
	unsigned n = 1;

	if (!watched())
		return;
	CHECK_INT(run_watched(sleeps_then_computes, &n, 20 * HK_MS), 0);
	CHECK(has(told.text, "task \"main\", spawned at hk_run(), has kept the loop for "));
}

/* ---- no stall ------------------------------------------------------------------------------ */

static int sleeps(void *arg)
{
	(void)arg;
	return hk_sleep(300 * HK_MS);
}

TEST(sleeping_is_no_stall)
{
	CHECK_INT(run_watched(sleeps, NULL, 20 * HK_MS), 0);
	CHECK_STR(told.text, "");
}

/* How often the watcher's thread went to sleep so far; -1: there is none. */
static long naps_of_watcher(void)
{
	AUTO(buf_done) struct buf path = { 0 };
	DIR *tasks = opendir("/proc/self/task");
	const struct dirent *entry;
	char text[4096];
	long naps = -1;

	while (naps < 0 && (entry = readdir(tasks)) != NULL) {
		FILE *file;
		size_t n;
		buf_clear(&path);
		CHECK_INT(buf_printf(&path, "/proc/self/task/%s/status", entry->d_name), 0);
		file = fopen(path.p, "r");
		if (!file)
			continue;
		n = fread(text, 1, sizeof(text) - 1, file);
		text[n] = 0;
		fclose(file);
		if (strstr(text, "Name:\thocket-watch\n"))
			(void)sscanf(strstr(text, "voluntary_ctxt_switches:"),
				     "voluntary_ctxt_switches: %ld", &naps);
	}
	closedir(tasks);
	return naps;
}

static int counts_naps(void *arg)
{
	int r = hk_sleep(200 * HK_MS);
	long before = naps_of_watcher();

	(void)arg;
	if (r == 0)
		r = hk_sleep(500 * HK_MS);
	return r < 0 || before < 0 ? -1 : (int)(naps_of_watcher() - before);
}

TEST(a_sleeping_loop_wakes_nobody)
{
	int naps;

	if (!watched())
		return;
	naps = run_watched(counts_naps, NULL, 20 * HK_MS); /* one would be 100 ticks */
	CHECK(naps >= 0 && naps <= 10);
}

static int yields(void *arg)
{
	int64_t until = hk_now_exact_ns() + 300 * HK_MS;
	int r = 0;

	(void)arg;
	while (r == 0 && hk_now_exact_ns() < until)
		r = hk_yield();
	return r;
}

TEST(busy_is_no_stall)
{
	CHECK_INT(run_watched(yields, NULL, 100 * HK_MS), 0);
	CHECK_STR(told.text, "");
}

static int computes_a_while(void *arg)
{
	int64_t until = clock_mono_ns() + 200 * HK_MS;

	(void)arg;
	while (clock_mono_ns() < until)
		;
	return 0;
}

/* One that computes but yields, alone or not, does not keep timers waiting for a whole turn of 128 yields. */
static int yields_slowly(void *arg)
{
	int64_t until = hk_now_exact_ns() + 600 * HK_MS;
	int r = 0;

	(void)arg;
	while (r == 0 && hk_now_exact_ns() < until) {
		int64_t slice = hk_now_exact_ns() + 10 * HK_MS;
		while (hk_now_exact_ns() < slice)
			;
		r = hk_yield();
	}
	return r;
}

static int ticks_beside(void *arg)
{
	struct hk_group g;
	int ticks = 0, r;

	(void)arg;
	hk_group_open(&g, NULL);
	r = hk_spawn(&g, yields_slowly, NULL);
	while (r == 0 && hk_group_running(&g) > 0) {
		r = hk_sleep(10 * HK_MS);
		ticks++;
	}
	r = hk_group_close(&g, r);
	return r < 0 ? r : ticks;
}

TEST(who_yields_lets_timers_through)
{
	if (!watched())
		return;
	CHECK(run_watched(ticks_beside, NULL, 100 * HK_MS) >= 4);
	CHECK_STR(told.text, "");
}

TEST(nobody_watches_when_told_so)
{
	struct hk_run_options virtual = { .stall_ns = HK_MS,
					  .report = keep,
					  .virtual_clock = true };

	CHECK_INT(run_watched(computes_a_while, NULL, HK_FOREVER), 0);
	CHECK_STR(told.text, "");
	CHECK_INT(hk_run(computes_a_while, NULL, &virtual), 0);
	CHECK_STR(told.text, "");
}

/* Threads that want every processor at once: the loop's thread gets too little of it, and that is not its fault. */
static atomic_bool crowd_goes_home;

static void *crowd(void *arg)
{
	while (!atomic_load(&crowd_goes_home))
		;
	return arg;
}

static int computes_a_little(void *arg)
{
	struct timespec before, now;
	int r = 0;

	(void)arg;
	for (int i = 0; i < 10 && r == 0;
	     i++) { /* 20 ms of processor each, whatever the clock says */
		(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &before);
		do
			(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
		while ((now.tv_sec - before.tv_sec) * HK_SEC + now.tv_nsec - before.tv_nsec <
		       20 * HK_MS);
		r = hk_sleep(HK_MS);
	}
	return r;
}

TEST(a_crowded_machine_is_no_stall)
{
	pthread_t threads[8];

	atomic_store(&crowd_goes_home, false);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		CHECK_INT(pthread_create(&threads[i], NULL, crowd, NULL), 0);
	CHECK_INT(run_watched(computes_a_little, NULL, 150 * HK_MS), 0);
	atomic_store(&crowd_goes_home, true);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		CHECK_INT(pthread_join(threads[i], NULL), 0);
	CHECK_STR(told.text, "");
}

/* ---- SIGQUIT ------------------------------------------------------------------------------- */

static int asks_itself(void *arg)
{
	(void)arg;
	(void)kill(getpid(), SIGQUIT);
	return hk_sleep(20 * HK_MS);
}

static int run_asks_itself(void)
{
	struct sigaction now;
	int r = hk_run(asks_itself, NULL, NULL);

	return r == 0 && sigaction(SIGQUIT, NULL, &now) == 0 && now.sa_handler == SIG_DFL ? 0 : 1;
}

TEST(ctrl_backslash_prints_the_tasks_and_goes_on)
{
	static struct child c;

	child_run(&c, run_asks_itself);
	CHECK(has(c.words, "hocket: 1 task, "));
	CHECK(has(c.words, "task \"main\", spawned at hk_run(): waits for the end of a sleep"));
	CHECK(has(c.words, "#0 hk_sleep"));
	CHECK(WIFEXITED(c.status) && WEXITSTATUS(c.status) == 0);
}

static int blocks_and_asks(void *arg)
{
	int64_t until = hk_now_exact_ns() + 2 * HK_SEC;

	(void)arg;
	(void)kill(getpid(), SIGQUIT);
	while (hk_now_exact_ns() < until)
		;
	return hk_sleep(HK_MS);
}

static int run_blocks_and_asks(void)
{
	return hk_run(blocks_and_asks, NULL, &(struct hk_run_options){ .stall_ns = 60 * HK_SEC });
}

TEST(a_blocked_loop_answers_through_its_watcher)
{
	static struct child c;

	if (!watched())
		return;
	child_run(&c, run_blocks_and_asks);
	CHECK(has(c.words, "hocket: task \"main\", spawned at hk_run(), has kept the loop for "));
	CHECK(has(c.words, "hocket: 1 task, ")); /* later, when it could */
	CHECK(WIFEXITED(c.status) && WEXITSTATUS(c.status) == 0);
}

static int run_no_dump(void)
{
	return hk_run(asks_itself, NULL, &(struct hk_run_options){ .no_dump = true });
}

TEST(without_dumps_it_quits)
{
	static struct child c;

	child_run(&c, run_no_dump);
	CHECK_STR(c.words, "");
	CHECK(WIFSIGNALED(c.status) && WTERMSIG(c.status) == SIGQUIT);
}

int main(void)
{
	static const struct test tests[] = {
		T(a_computation_is_told_of_while_it_lasts),
		T(a_long_one_is_told_of_again_at_ten_times),
		T(a_blocking_call_is_named_and_not_broken),
		T(who_was_interrupted_by_our_look_is_told_so),
		T(who_ignores_cancellation_is_told_to_return),
		T(a_call_on_the_loops_stack_is_its_tasks),
		T(a_callback_is_told_apart),
		T(without_the_signal_the_task_is_named),
		T(a_stall_after_a_long_sleep_is_told),
		T(sleeping_is_no_stall),
		T(a_sleeping_loop_wakes_nobody),
		T(busy_is_no_stall),
		T(who_yields_lets_timers_through),
		T(nobody_watches_when_told_so),
		T(a_crowded_machine_is_no_stall),
		T(ctrl_backslash_prints_the_tasks_and_goes_on),
		T(a_blocked_loop_answers_through_its_watcher),
		T(without_dumps_it_quits),
	};
	return RUN_TESTS(tests);
}
