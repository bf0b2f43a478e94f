/* dump.c - the tree of tasks as text; the report of a deadlock */
#include "child.h"
#include "rt/group.h"
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <hocket/dump.h>

enum { TEXT_BYTES = 64 << 10 };

/* What hk_dump says, through a temporary file: it may be longer than a pipe. */
static char *dump_text(int what)
{
	static char text[TEXT_BYTES];
	FILE *file = tmpfile();
	size_t n;

	CHECK_INT(hk_dump(fileno(file), what), 0);
	rewind(file);
	n = fread(text, 1, sizeof(text) - 1, file);
	text[n] = 0;
	fclose(file);
	return text;
}

TEST(outside_of_a_loop_there_is_nothing)
{
	CHECK(has(dump_text(0), "hocket: no loop runs on this thread\n"));
}

TEST_IN_LOOP(the_asker_is_told_apart)
{
	CHECK(has(dump_text(0),
		  "hocket: 1 task, 0.000 s after the start\n"
		  "  task \"main\", spawned at hk_run(): runs, and asked for this\n"));
}

TEST_IN_LOOP(an_error_of_the_descriptor_is_returned)
{
	CHECK_INT(hk_dump(-1, 0), -EBADF);
}

/* A pool's group: in nobody's block, so nobody has opened it. */
TEST_IN_LOOP(a_group_without_an_opener_is_shown)
{
	struct hk_group g;

	group_open_aside(&g, "process pool");
	CHECK(has(dump_text(0), "  group \"process pool\": 0 running, collects failures\n"));
	group_close_aside(&g);
}

static int sleeps_for_ever(void *arg)
{
	(void)arg;
	return hk_sleep(HK_FOREVER);
}

TEST_IN_LOOP(a_sleep_without_end_counts_no_seconds)
{
	struct hk_group g;

	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, sleeps_for_ever, NULL), 0);
	CHECK_INT(hk_yield(), 0);
	CHECK(has(dump_text(0), ": waits for the end of a sleep (it has none), for "));
	hk_group_cancel(&g);
	CHECK_INT(hk_group_close(&g, 0), 0);
}

/* ---- what tasks wait for ------------------------------------------------------------------- */

struct things {
	struct hk_mutex mutex;
	struct hk_sem sem;
	struct hk_event event, never;
	struct hk_queue *full, *empty;
	int fds[2];
};

static int holds_mutex(void *arg)
{
	struct things *t = arg;
	int r = hk_mutex_lock(&t->mutex);

	if (r < 0)
		return r;
	r = hk_event_wait(&t->event);
	hk_mutex_unlock(&t->mutex);
	return r;
}

static int wants_mutex(void *arg)
{
	struct things *t = arg;
	int r = hk_mutex_lock(&t->mutex);

	if (r == 0)
		hk_mutex_unlock(&t->mutex);
	return r;
}

static int wants_permit(void *arg)
{
	struct things *t = arg;
	return hk_sem_acquire(&t->sem);
}

static int wants_room(void *arg)
{
	struct things *t = arg;
	int item = 2;
	return hk_queue_put(t->full, &item);
}

static int wants_item(void *arg)
{
	struct things *t = arg;
	int item;
	return hk_queue_get(t->empty, &item);
}

static int wants_bytes(void *arg)
{
	struct things *t = arg;
	char byte;
	ssize_t r = hk_read(t->fds[0], &byte, 1);
	return r < 0 ? (int)r : 0;
}

static int wants_sleep(void *arg)
{
	(void)arg;
	return hk_sleep(90 * HK_SEC);
}

static int has_a_scope(void *arg)
{
	struct hk_scope scope;

	(void)arg;
	hk_scope_open(&scope, 30 * HK_SEC);
	return hk_scope_close(&scope, hk_sleep(60 * HK_SEC));
}

static int late(void *arg)
{
	(void)arg;
	return 0;
}

static void things_init(struct things *t)
{
	int item = 1;

	*t = (struct things){ .full = hk_queue_new(sizeof(int), 1),
			      .empty = hk_queue_new(sizeof(int), 8) };
	CHECK_INT(hk_queue_try_put(t->full, &item), 0);
	CHECK_INT(pipe(t->fds), 0);
}

static void things_done(struct things *t)
{
	hk_queue_free(t->full);
	hk_queue_free(t->empty);
	CHECK_INT(hk_close(t->fds[0]), 0);
	CHECK_INT(hk_close(t->fds[1]), 0);
}

static void spawn_waiters(struct hk_group *g, struct things *t)
{
	CHECK_INT(hk_spawn(g, holds_mutex, t), 0);
	CHECK_INT(hk_spawn(g, wants_mutex, t), 0);
	CHECK_INT(hk_spawn(g, wants_permit, t), 0);
	CHECK_INT(hk_spawn(g, wants_room, t), 0);
	CHECK_INT(hk_spawn(g, wants_item, t), 0);
	CHECK_INT(hk_spawn(g, wants_bytes, t), 0);
	CHECK_INT(hk_spawn(g, wants_sleep, t), 0);
	CHECK_INT(hk_spawn(g, has_a_scope, t), 0);
}

TEST_IN_LOOP(everything_is_named_with_what_it_waits_for)
{
	struct hk_group g;
	struct things t;
	struct hk_stats stats;
	char fd_line[64];
	const char *text;

	things_init(&t);
	hk_group_open(&g, &(struct hk_group_options){ .name = "waiters" });
	spawn_waiters(&g, &t);
	CHECK_INT(hk_sleep(HK_SEC), 0);
	CHECK_INT(hk_spawn(&g, late, NULL), 0);
	text = dump_text(0);
	snprintf(fd_line, sizeof(fd_line), "waits for descriptor %d to be readable, for 1.000 s\n",
		 t.fds[0]);
	CHECK(has(text, "hocket: 10 tasks, "));
	CHECK(has(text, "  group \"waiters\" of task \"main\": 9 running\n"));
	CHECK(has(text, "\n    task \"holds_mutex\", spawned at "));
	CHECK(has(text, "dump.c:"));
	CHECK(has(text, "waits for an event, for 1.000 s\n"));
	CHECK(has(text, "waits for a mutex that task \"holds_mutex\", spawned at "));
	CHECK(has(text, "waits for a semaphore: 0 free, 1 waiting"));
	CHECK(has(text, "waits for room in a queue: it holds 1 of 1"));
	CHECK(has(text, "waits for an item in a queue: it holds 0 of 8"));
	CHECK(has(text, fd_line));
	CHECK(has(text, "waits for the end of a sleep (89.000 s left)"));
	CHECK(has(text, "\n    scope, 29.000 s left\n      task \"has_a_scope\""));
	CHECK(has(text, "task \"late\", spawned at "));
	CHECK(has(text, ": has not started yet\n"));
	hk_stats_get(&stats);
	CHECK_INT(stats.parked_fd, 1);
	CHECK_INT(stats.parked_offload, 0);
	hk_group_cancel(&g);
	CHECK(has(dump_text(0), "of task \"main\": 9 running, cancelled\n"));
	CHECK(has(dump_text(0), ": is ready to run\n"));
	CHECK_INT(hk_group_close(&g, 0), 0);
	things_done(&t);
}

static int blocks_in_thread(void *arg)
{
	char byte;
	return (int)read(*(int *)arg, &byte, 1);
}

static int offloads(void *arg)
{
	return hk_offload_with(blocks_in_thread, arg,
			       &(struct hk_offload_options){ .name = "resolve" });
}

TEST_IN_LOOP(an_off_loaded_call_is_named)
{
	struct hk_group g;
	struct hk_stats stats;
	int fds[2];

	CHECK_INT(pipe(fds), 0);
	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, offloads, &fds[0]), 0);
	CHECK_INT(hk_yield(), 0);
	hk_stats_get(&stats);
	CHECK_INT(stats.parked_offload, 1);
	CHECK(has(dump_text(0), "waits for resolve: "));
#ifdef HOCKET_LIBDW /* it is static */
	CHECK(has(dump_text(0), "waits for resolve: blocks_in_thread"));
#endif
	CHECK_INT(write(fds[1], "x", 1), 1);
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(close(fds[0]), 0);
	CHECK_INT(close(fds[1]), 0);
}

/* ---- stacks -------------------------------------------------------------------------------- */

int parks_in_here(struct hk_event *);
__attribute__((noinline)) int parks_in_here(struct hk_event *e)
{
	int r = hk_event_wait(e);
	__asm__ volatile("" ::: "memory");
	return r;
}

static int parks(void *arg)
{
	int r = parks_in_here(arg);
	return r == 0 ? 0 : r;
}

TEST_IN_LOOP(stacks_begin_at_the_call_that_waits)
{
	struct hk_event e = { 0 };
	struct hk_group g;
	const char *text;

	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, parks, &e), 0);
	CHECK_INT(hk_yield(), 0);
	text = dump_text(HK_DUMP_STACKS);
	CHECK(has(text, "\n      #0 hk_event_wait"));
	CHECK(has(text, "\n      #1 parks_in_here"));
	CHECK(has(text, "\n      #0 hk_bigstack"));
	CHECK(!strstr(dump_text(0), "#0"));
	hk_event_set(&e);
	CHECK_INT(hk_group_close(&g, 0), 0);
}

static int dump_in_callback(void *arg)
{
	*(bool *)arg = has(dump_text(HK_DUMP_STACKS), "task \"main\", spawned at hk_run(): runs");
	return 0;
}

TEST_IN_LOOP(it_works_on_the_loops_own_stack)
{
	bool good = false;

	CHECK_INT(hk_bigstack(dump_in_callback, &good), 0);
	CHECK(good);
}

static int many_main(void *arg)
{
	struct hk_event e = { 0 };
	struct hk_group g;
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	(void)arg;
	hk_group_open(&g, NULL);
	for (int i = 0; i < 2000; i++)
		CHECK_INT(hk_spawn(&g, parks, &e), 0);
	CHECK_INT(hk_sleep(1), 0);
	CHECK_INT(hk_dump(null, HK_DUMP_STACKS), 0);
	hk_event_set(&e);
	CHECK_INT(close(null), 0);
	return hk_group_close(&g, 0);
}

/* Tasks whose stack has no room left for an unwinder can be looked at all the same. */
TEST(many_tasks_on_small_stacks)
{
	struct hk_run_options options = { .virtual_clock = true, .stack_bytes = 64 << 10 };
	CHECK_INT(hk_run(many_main, NULL, &options), 0);
}

static void *reads_late(void *arg)
{
	const int *fd = arg;
	char bytes[4096];
	size_t total = 0;
	ssize_t got;

	while ((got = read(*fd, bytes, sizeof(bytes))) > 0) {
		total += (size_t)got;
		(void)sched_yield();
	}
	return (void *)total;
}

static int dumps_many(void *arg)
{
	const int *fds = arg;
	struct hk_event e = { 0 };
	struct hk_group g;

	hk_group_open(&g, NULL);
	for (int i = 0; i < 2000; i++)
		CHECK_INT(hk_spawn(&g, parks, &e), 0);
	CHECK_INT(hk_sleep(1), 0);
	CHECK_INT(hk_dump(fds[1], 0), 0);
	hk_event_set(&e);
	return hk_group_close(&g, 0);
}

/* A pipe that a task made non-blocking is waited for: no line is lost. */
TEST(a_full_descriptor_is_waited_for)
{
	pthread_t reader;
	void *total;
	int fds[2];

	CHECK_INT(pipe(fds), 0);
	CHECK_INT(fcntl(fds[1], F_SETFL, O_NONBLOCK), 0);
	CHECK_INT(pthread_create(&reader, NULL, reads_late, &fds[0]), 0);
	CHECK_INT(in_loop(dumps_many, fds), 0);
	CHECK_INT(close(fds[1]), 0);
	CHECK_INT(pthread_join(reader, &total), 0);
	CHECK((size_t)total > 2000 * 40);
	CHECK_INT(close(fds[0]), 0);
}

/* ---- deadlocks ----------------------------------------------------------------------------- */

static struct hk_mutex left, right;

static int lock_both(struct hk_mutex *first, struct hk_mutex *second)
{
	int r = hk_mutex_lock(first);

	if (r == 0)
		r = hk_yield();
	return r < 0 ? r : hk_mutex_lock(second);
}

static int left_first(void *arg)
{
	(void)arg;
	return lock_both(&left, &right);
}

static int right_first(void *arg)
{
	(void)arg;
	return lock_both(&right, &left);
}

static int philosophers(void *arg)
{
	struct hk_group g;

	(void)arg;
	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, left_first, NULL), 0);
	CHECK_INT(hk_spawn(&g, right_first, NULL), 0);
	return hk_group_close(&g, 0);
}

static int run_philosophers(void)
{
	return in_loop(philosophers, NULL);
}

TEST(a_cycle_of_mutexes_is_told_in_a_sentence)
{
	static struct child c;

	child_run(&c, run_philosophers);
	CHECK(WIFSIGNALED(c.status) && WTERMSIG(c.status) == SIGABRT);
	CHECK(has(c.words,
		  "hocket: deadlock: every task waits and nothing is left that could wake"));
	CHECK(has(c.words, "hocket: they wait for each other: "));
	CHECK(has(c.words, "waits for a mutex that task \"right_first\", spawned at "));
	CHECK(has(c.words, "waits for a mutex that task \"left_first\", spawned at "));
	CHECK(has(c.words, "#0 hk_mutex_lock"));
}

static int locks_left(void *arg)
{
	(void)arg;
	return hk_mutex_lock(&left);
}

static int closes_while_it_holds(void *arg)
{
	struct hk_group g;

	(void)arg;
	CHECK_INT(hk_mutex_lock(&left), 0);
	hk_group_open(&g, &(struct hk_group_options){ .name = "pages" });
	CHECK_INT(hk_spawn(&g, locks_left, NULL), 0);
	return hk_group_close(&g, 0);
}

static int run_closes_while_it_holds(void)
{
	return in_loop(closes_while_it_holds, NULL);
}

TEST(a_cycle_through_a_group_is_seen)
{
	static struct child c;

	child_run(&c, run_closes_while_it_holds);
	CHECK(WIFSIGNALED(c.status) && WTERMSIG(c.status) == SIGABRT);
	CHECK(has(
		c.words,
		"task \"main\", spawned at hk_run(), waits for 1 task of group \"pages\" to end"));
	CHECK(has(c.words, "waits for a mutex that task \"main\", spawned at hk_run(), holds"));
}

static int waits_alone(void *arg)
{
	struct hk_event e = { 0 };

	(void)arg;
	return hk_event_wait(&e);
}

static int run_waits_alone(void)
{
	return in_loop(waits_alone, NULL);
}

TEST(a_deadlock_without_a_cycle_has_no_such_sentence)
{
	static struct child c;

	child_run(&c, run_waits_alone);
	CHECK(WIFSIGNALED(c.status) && WTERMSIG(c.status) == SIGABRT);
	CHECK(has(c.words, "hocket: deadlock: the only task waits and nothing"));
	CHECK(!strstr(c.words, "each other"));
	CHECK(has(c.words, "#0 hk_event_wait"));
}

int main(void)
{
	static const struct test tests[] = {
		T(outside_of_a_loop_there_is_nothing),
		T(the_asker_is_told_apart),
		T(an_error_of_the_descriptor_is_returned),
		T(a_group_without_an_opener_is_shown),
		T(a_sleep_without_end_counts_no_seconds),
		T(everything_is_named_with_what_it_waits_for),
		T(an_off_loaded_call_is_named),
		T(stacks_begin_at_the_call_that_waits),
		T(it_works_on_the_loops_own_stack),
		T(many_tasks_on_small_stacks),
		T(a_full_descriptor_is_waited_for),
		T(a_cycle_of_mutexes_is_told_in_a_sentence),
		T(a_cycle_through_a_group_is_seen),
		T(a_deadlock_without_a_cycle_has_no_such_sentence),
	};
	return RUN_TESTS(tests);
}
