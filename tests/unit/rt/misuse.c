/* misuse.c - what cannot mean anything is refused with an error, or ends the program with a sentence that names the culprit
 *
 * Each MISUSE runs in a child process: it must die of SIGABRT, and standard error must have the words. What asyncio and Trio
 * answer with RuntimeError, ValueError or ResourceBusyError is an error code where a program may well go on, and a
 * sentence where going on would break something else later. */
#include "child.h"
#include <pthread.h>
#include <sys/resource.h>

/* ---- a child that must die ----------------------------------------------------------------- */

enum { MOST_WORDS = 4 };
static hk_fn *misused;
static bool outside; /* without a loop */

static int commit(void)
{
	struct rlimit no_core = { 0, 0 };

	(void)setrlimit(RLIMIT_CORE, &no_core);
	return outside ? misused(NULL) : in_loop(misused, NULL);
}

static void dies(hk_fn *fn, bool alone, const char *const words[MOST_WORDS])
{
	static struct child c;

	misused = fn;
	outside = alone;
	child_run(&c, commit);
	CHECK(WIFSIGNALED(c.status) && WTERMSIG(c.status) == SIGABRT);
	for (int i = 0; i < MOST_WORDS && words[i]; i++)
		CHECK(has(c.words, words[i]));
}

#define MISUSE_(name, alone, ...)                                                     \
	static int name##_(void *);                                                   \
	static void name(void)                                                        \
	{                                                                             \
		dies(name##_, alone, (const char *const[MOST_WORDS]){ __VA_ARGS__ }); \
	}                                                                             \
	static int name##_(void *arg)
#define MISUSE(name, ...)       MISUSE_(name, false, __VA_ARGS__)
#define MISUSE_ALONE(name, ...) MISUSE_(name, true, __VA_ARGS__)

/* The culprit is a child task, so that it is its name and place that must be in the sentence. */
static int in_child(const char *name, hk_fn *fn, void *arg)
{
	struct hk_spawn_options o = { .name = name, .where = HK_HERE };
	struct hk_group g;

	hk_group_open(&g, NULL);
	CHECK_INT(hk_group_spawn(&g, fn, arg, &o), 0);
	return hk_group_close(&g, 0);
}

#define CULPRIT(name) "misuse: task \"" name "\", spawned at ", "misuse.c:"

/* ---- locks --------------------------------------------------------------------------------- */

/* asyncio: BoundedSemaphore.release() ValueError; trio: test_Semaphore_bounded */
static int release_too_often(void *arg)
{
	struct hk_sem s = HK_SEM(2);

	CHECK_INT(hk_sem_acquire(&s), 0);
	hk_sem_release(&s);
	hk_sem_release(&s);
	return 0;
}

MISUSE(a_semaphore_released_more_often_than_acquired, CULPRIT("release_too_often"),
       "semaphore of 2 permits", "more often than acquired")
{
	return in_child("release_too_often", release_too_often, NULL);
}

/* trio: CapacityLimiter, "total_tokens must be >= 1" */
MISUSE(a_semaphore_shrunk_to_nothing, "hk_sem_grow()", "0 permits")
{
	struct hk_sem s = HK_SEM(2);

	hk_sem_grow(&s, -2);
	return 0;
}

/* asyncio: test_release_not_acquired; trio: test_Lock_and_StrictFIFOLock */
MISUSE(a_mutex_unlocked_that_nobody_holds, "task \"main\"", "mutex is unlocked that nobody holds")
{
	struct hk_mutex m = { 0 };

	hk_mutex_unlock(&m);
	return 0;
}

static int unlock_it(void *mutex)
{
	hk_mutex_unlock(mutex);
	return 0;
}

/* trio: "can't release a Lock you don't own" (asyncio lets any task) */
MISUSE(a_mutex_unlocked_by_another_task, CULPRIT("unlock_it"),
       "that another task holds, \"main\", spawned at hk_run(): did hk_mutex_lock() fail?")
{
	struct hk_mutex m = { 0 };

	CHECK_INT(hk_mutex_lock(&m), 0);
	return in_child("unlock_it", unlock_it, &m);
}

static int keep_it(void *mutex)
{
	return hk_mutex_lock(mutex);
}

/* trio: a Lock whose owner has exited raises BrokenResourceError; here who left with it is named, not who wants it */
MISUSE(a_task_returns_with_a_mutex, CULPRIT("keep_it"), "returns while it holds a mutex")
{
	struct hk_mutex m = { 0 };
	return in_child("keep_it", keep_it, &m);
}

/* ---- groups -------------------------------------------------------------------------------- */

/* asyncio: test_taskgroup_double_enter */
MISUSE(a_group_closed_twice, "task \"main\"", "hk_group_close()", "not open")
{
	struct hk_group g;

	hk_group_open(&g, NULL);
	CHECK_INT(hk_group_close(&g, 0), 0);
	return hk_group_close(&g, 0);
}

MISUSE(a_group_closed_that_was_never_open, "hk_group_close()", "never opened")
{
	struct hk_group g = { 0 };
	return hk_group_close(&g, 0);
}

/* asyncio: test_taskgroup_already_entered; trio: "single 'with' block" */
MISUSE(a_group_opened_twice, "group \"pages\" is opened again", "close it first")
{
	struct hk_group g;

	hk_group_open(&g, &(struct hk_group_options){ .name = "pages" });
	hk_group_open(&g, NULL);
	return hk_group_close(&g, 0);
}

static int close_it(void *group)
{
	return hk_group_close(group, 0);
}

/* asyncio: "has not been entered by this task"; trio: test_cancel_scope_misnesting */
MISUSE(a_group_closed_by_its_child, CULPRIT("close_it"), "group \"pages\"", "did not open it")
{
	struct hk_group g;

	hk_group_open(&g, &(struct hk_group_options){ .name = "pages" });
	CHECK_INT(hk_spawn(&g, close_it, &g), 0);
	return hk_group_close(&g, 0);
}

/* trio: test_cancel_scope_misnesting, "still within its child" */
MISUSE(groups_closed_in_the_wrong_order, "group \"outer\" is closed while", "reverse order")
{
	struct hk_group outer, inner;

	hk_group_open(&outer, &(struct hk_group_options){ .name = "outer" });
	hk_group_open(&inner, &(struct hk_group_options){ .name = "inner" });
	return hk_group_close(&outer, 0);
}

static int leave_group_open(void *arg)
{
	hk_group_open(arg, &(struct hk_group_options){ .name = "pages" });
	return 0;
}

MISUSE(a_task_returns_with_an_open_group, CULPRIT("leave_group_open"), "group \"pages\"",
       "still open")
{
	struct hk_group g;
	return in_child("leave_group_open", leave_group_open, &g);
}

static int nap(void *arg)
{
	(void)arg;
	return hk_sleep(HK_SEC);
}

/* The group is in the frame of the function that returns: nothing of it may be read any more. */
__attribute__((noinline)) static int forget_group(void *arg)
{
	struct hk_group g;

	(void)arg;
	hk_group_open(&g, &(struct hk_group_options){ .name = "pages" });
	return hk_spawn(&g, nap, NULL);
}

MISUSE(a_task_returns_from_the_frame_of_its_group, CULPRIT("forget_group"),
       "it returns while group \"pages\" that it opened is still open")
{
	return in_child("forget_group", forget_group, NULL);
}

/* As a function would that is called next: whatever the frame held is gone. */
__attribute__((noinline)) static int overwrite(void)
{
	volatile char room[2048];

	for (size_t i = 0; i < sizeof(room); i++)
		room[i] = 7;
	return room[9];
}

#define RETURNED "was opened in a function that has returned, and is still open"

MISUSE(a_task_waits_after_it_left_the_frame_of_its_group, "task \"main\"",
       "group \"pages\" " RETURNED)
{
	CHECK_INT(forget_group(NULL), 0);
	CHECK_INT(overwrite(), 7);
	return hk_sleep(HK_SEC);
}

MISUSE(a_group_opened_after_the_frame_of_another, "group \"pages\" " RETURNED)
{
	struct hk_group g;

	CHECK_INT(forget_group(NULL), 0);
	CHECK_INT(overwrite(), 7);
	hk_group_open(&g, NULL);
	return hk_group_close(&g, 0);
}

__attribute__((noinline)) static int forget_name(void)
{
	char name[16];
	struct hk_group g;

	(void)snprintf(name, sizeof(name), "page %d", 7);
	hk_group_open(&g, &(struct hk_group_options){ .name = name });
	return 0;
}

MISUSE(a_group_left_with_its_name, "group \"?\" " RETURNED)
{
	CHECK_INT(forget_name(), 0);
	CHECK_INT(overwrite(), 7);
	return hk_yield();
}

/* asyncio: "a coroutine was expected" */
MISUSE(a_task_without_a_function, "group \"pages\"", "without a function")
{
	struct hk_group g;

	hk_group_open(&g, &(struct hk_group_options){ .name = "pages" });
	CHECK_INT(hk_spawn(&g, NULL, NULL), 0);
	return hk_group_close(&g, 0);
}

MISUSE(a_gather_without_a_size, "hk_gather() of 3 items", "stride")
{
	int items[3] = { 0 };
	return hk_gather(unlock_it, items, 3, 0, NULL);
}

/* ---- scopes -------------------------------------------------------------------------------- */

MISUSE(scopes_closed_in_the_wrong_order, "task \"main\"",
       "closed out of order: a scope was opened inside it")
{
	struct hk_scope outer, inner;

	hk_scope_open(&outer, HK_SEC);
	hk_scope_open(&inner, HK_SEC);
	return hk_scope_close(&outer, 0);
}

MISUSE(a_scope_closed_around_an_open_group,
       "closed out of order: group \"pages\" was opened inside it")
{
	struct hk_scope s;
	struct hk_group g;

	hk_scope_open(&s, HK_SEC);
	hk_group_open(&g, &(struct hk_group_options){ .name = "pages" });
	return hk_scope_close(&s, 0);
}

/* asyncio: test_timeout_double_enter; trio: test_cancel_unbound */
MISUSE(a_scope_closed_twice, "hk_scope_close()", "not open")
{
	struct hk_scope s;

	hk_scope_open(&s, HK_SEC);
	CHECK_INT(hk_scope_close(&s, 0), 0);
	return hk_scope_close(&s, 0);
}

MISUSE(a_scope_opened_twice, "a scope is opened again")
{
	struct hk_scope s;

	hk_scope_open(&s, HK_SEC);
	hk_scope_open(&s, HK_SEC);
	return hk_scope_close(&s, 0);
}

static int close_scope(void *scope)
{
	return hk_scope_close(scope, 0);
}

/* trio: test_cancel_scope_misnesting, "from unrelated" */
MISUSE(a_scope_closed_by_another_task, CULPRIT("close_scope"), "by another task")
{
	struct hk_scope s;

	hk_scope_open(&s, HK_SEC);
	return hk_scope_close(&s, in_child("close_scope", close_scope, &s));
}

static int leave_scope_open(void *scope)
{
	hk_scope_open(scope, HK_SEC);
	return 0;
}

MISUSE(a_task_returns_with_an_open_scope, CULPRIT("leave_scope_open"), "returns while a scope",
       "still open")
{
	struct hk_scope s;
	return in_child("leave_scope_open", leave_scope_open, &s);
}

__attribute__((noinline)) static int forget_scope(void *arg)
{
	struct hk_scope s;

	(void)arg;
	hk_scope_open(&s, HK_SEC);
	return hk_sleep(HK_MS);
}

MISUSE(a_task_returns_from_the_frame_of_its_scope, CULPRIT("forget_scope"),
       "it returns while a scope that it opened is still open")
{
	return in_child("forget_scope", forget_scope, NULL);
}

MISUSE(a_task_waits_after_it_left_the_frame_of_its_scope, "task \"main\"", "a scope " RETURNED)
{
	CHECK_INT(forget_scope(NULL), 0);
	CHECK_INT(overwrite(), 7);
	return hk_yield();
}

MISUSE(a_scope_closed_after_the_frame_of_one_inside, "a scope " RETURNED)
{
	struct hk_scope s;

	hk_scope_open(&s, HK_SEC);
	CHECK_INT(forget_scope(NULL), 0);
	CHECK_INT(overwrite(), 7);
	return hk_scope_close(&s, 0);
}

MISUSE(a_scope_cancelled_around_the_frame_of_one_inside, "a scope " RETURNED)
{
	struct hk_scope s;

	hk_scope_open(&s, HK_SEC);
	CHECK_INT(forget_scope(NULL), 0);
	CHECK_INT(overwrite(), 7);
	hk_scope_cancel(&s);
	return 0;
}

MISUSE(main_returns_with_an_open_scope, "task \"main\"", "returns while a scope")
{
	static struct hk_scope s;
	return leave_scope_open(&s);
}

/* asyncio: test_timeout_finished, test_timeout_not_entered */
MISUSE(a_deadline_moved_that_is_over, "hk_scope_extend()", "not open")
{
	struct hk_scope s;

	hk_scope_open(&s, HK_SEC);
	CHECK_INT(hk_scope_close(&s, 0), 0);
	hk_scope_extend(&s, HK_SEC);
	return 0;
}

/* ---- queues -------------------------------------------------------------------------------- */

static int get_one(void *q)
{
	int item;
	return hk_queue_get(q, &item);
}

MISUSE(a_queue_freed_while_somebody_waits, "task \"main\"", "queue is freed while tasks wait")
{
	struct hk_queue *q = hk_queue_new(sizeof(int), 1);
	struct hk_group g;

	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, get_one, q), 0);
	CHECK_INT(hk_wait_all_parked(), 0);
	hk_queue_free(q);
	return hk_group_close(&g, 0);
}

/* asyncio's Queue(0) has no limit; an unbounded queue is what this house does not have */
MISUSE_ALONE(a_queue_without_a_limit, "outside of any task", "hk_queue_new() with capacity 0")
{
	hk_queue_free(hk_queue_new(sizeof(int), 0));
	return 0;
}

/* ---- suspending where nothing may wait ----------------------------------------------------- */

static void drop_slowly(void *item, void *arg)
{
	CHECK_INT(hk_sleep(HK_MS), -ENOSYS); /* it does not return */
}

MISUSE(a_drop_function_that_waits, "task \"main\"", "drop function of hk_queue_abort()", "may wait")
{
	struct hk_queue *q = hk_queue_new(sizeof(int), 1);
	int item = 1;

	CHECK_INT(hk_queue_put(q, &item), 0);
	hk_queue_abort(q, drop_slowly, NULL);
	return 0;
}

static void page_done(int *page)
{
	const char *former = hk_no_suspend_begin("page_done");

	CHECK_INT(hk_yield(), -ENOSYS); /* it does not return */
	hk_no_suspend_end(former);
}

/* trio.testing.assert_no_checkpoints */
static int fetch_page(void *arg)
{
	AUTO(page_done) int page = 0;
	return page;
}

MISUSE(a_destructor_that_waits, CULPRIT("fetch_page"), "made in page_done", "nothing may wait")
{
	return in_child("fetch_page", fetch_page, NULL);
}

/* Each call that could wait, even where it would not have to. */
static int which_call;
static int call_it(void *arg)
{
	struct hk_sem sem = HK_SEM(1);
	struct hk_mutex mutex = { 0 };
	struct hk_event event = { .set_ = true };
	struct hk_queue *q = hk_queue_new(sizeof(int), 1);
	const char *former;
	struct hk_group g;
	int item = 0;

	hk_group_open(&g, NULL);
	former = hk_no_suspend_begin("here");
	switch (which_call) {
	case 0:
		return hk_sleep(0);
	case 1:
		return hk_sem_acquire(&sem);
	case 2:
		return hk_mutex_lock(&mutex);
	case 3:
		return hk_event_wait(&event);
	case 4:
		return hk_event_wait_for(&event, 0);
	case 5:
		return hk_queue_put(q, &item);
	case 6:
		return hk_queue_get(q, &item);
	case 7:
		return hk_gather(unlock_it, NULL, 0, 0, NULL);
	case 8:
		return hk_group_close(&g, 0);
	case 9:
		return (int)hk_read(0, &item, 0);
	case 10:
		return hk_wait_all_parked();
	}
	hk_no_suspend_end(former);
	return 0;
}

TEST(every_call_that_could_wait_is_caught)
{
	const char *const words[MOST_WORDS] = { "suspends was made in here" };

	for (which_call = 0; which_call <= 10; which_call++)
		dies(call_it, false, words);
}

static void wait_in_callback(void *arg)
{
	CHECK_INT(hk_sleep(HK_MS), -ENOSYS); /* it does not return */
}

/* A callback runs on the loop's own stack. */
MISUSE(a_posted_callback_that_waits, "hk_sleep() was called in a callback", "spawn a task for it")
{
	CHECK_INT(hk_post(hk_loop_self(), wait_in_callback, NULL), 0);
	return hk_sleep(HK_SEC);
}

static int wait_on_bigstack(void *arg)
{
	return hk_yield();
}

static int go_deep(void *arg)
{
	return hk_bigstack(wait_on_bigstack, NULL);
}

MISUSE(a_deep_call_that_waits, CULPRIT("go_deep"), "hk_yield() was called within hk_bigstack()")
{
	return in_child("go_deep", go_deep, NULL);
}

/* ---- outside of a loop, from other threads ------------------------------------------------- */

/* asyncio: "no running event loop"; trio: test_out_of_context */
MISUSE_ALONE(waiting_without_a_loop, "outside of any task",
	     "hk_sleep() was called where no loop runs", "hk_run()")
{
	return hk_sleep(HK_SEC);
}

/* ---- in an off-loaded call, where only hk_post() may be called -------------------------------- */

enum { ASIDE = 6 };
static int aside;

static int call_aside(void *arg)
{
	static const int item = 1;
	struct hk_queue *q = arg;
	struct hk_event e = { 0 };
	struct hk_sem s = { 0 };
	int got;

	switch (aside) {
	case 0:
		return hk_sleep(HK_MS);
	case 1:
		return hk_queue_try_put(q, &item);
	case 2:
		return hk_queue_try_get(q, &got);
	case 3:
		return hk_offload_limit(HK_POOL_IO) > 0;
	case 4:
		hk_event_set(&e);
		return 0;
	default:
		hk_sem_release(&s);
		return 0;
	}
}

static int offload_it(void *arg)
{
	struct hk_queue *q = hk_queue_new(sizeof(int), 1);

	(void)arg;
	return hk_offload_with(call_aside, q, &(struct hk_offload_options){ .name = "resize" });
}

static int offload_in_sim(void *arg)
{
	return hk_sim(offload_it, arg, NULL);
}

TEST(what_only_tasks_may_do_is_refused_in_an_offloaded_call)
{
	const char *const words[MOST_WORDS] = { "in the off-loaded call \"resize\"",
						"only hk_post() may be called there" };

	for (aside = 0; aside < ASIDE; aside++) {
		dies(offload_it, false, words);
		dies(offload_in_sim, true, words);
	}
}

MISUSE_ALONE(a_group_without_a_loop, "hk_group_open() was called where no loop runs")
{
	struct hk_group g;

	hk_group_open(&g, NULL);
	return 0;
}

MISUSE_ALONE(a_scope_cancelled_without_a_loop, "hk_scope_cancel()", "hk_post()")
{
	struct hk_scope s = { 0 };

	hk_scope_cancel(&s);
	return 0;
}

static void *set_from_outside(void *event)
{
	hk_event_set(event);
	return NULL;
}

static int wait_for_it(void *event)
{
	return hk_event_wait(event);
}

/* asyncio (debug): "Non-thread-safe operation invoked on an event loop other than the current one" */
MISUSE(an_event_set_by_another_thread, "task \"wait_for_it\" of another loop", "hk_post()")
{
	struct hk_event e = { 0 };
	struct hk_group g;
	pthread_t thread;

	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, wait_for_it, &e), 0);
	CHECK_INT(hk_wait_all_parked(), 0);
	CHECK_INT(pthread_create(&thread, NULL, set_from_outside, &e), 0);
	CHECK_INT(pthread_join(thread, NULL), 0);
	return hk_group_close(&g, 0);
}

/* ---- errors, not ends ---------------------------------------------------------------------- */

static int do_nothing(void *arg)
{
	return 0;
}

/* asyncio: test_taskgroup_finished; trio: test_nursery_closure */
TEST_IN_SIM(spawning_into_a_closed_group_is_refused, 20)
{
	struct hk_group g;

	hk_group_open(&g, NULL);
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(hk_spawn(&g, do_nothing, NULL), -ESHUTDOWN);
}

static int read_pair(void *fd)
{
	char c;
	return (int)hk_read(*(int *)fd, &c, 1);
}

/* trio: ResourceBusyError "another task is already reading"; asyncio: "read() called while another coroutine is already waiting" */
TEST_IN_SIM(a_second_reader_is_refused, 20)
{
	struct hk_group g;
	int fds[2];
	char c;

	CHECK_INT(hk_pair(fds), 0);
	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, read_pair, &fds[0]), 0);
	CHECK_INT(hk_wait_all_parked(), 0);
	CHECK_INT(hk_read(fds[0], &c, 1), -EBUSY);
	CHECK_INT(hk_write(fds[1], "x", 1), 1);
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(hk_close(fds[0]), 0);
	CHECK_INT(hk_close(fds[1]), 0);
}

static char said[1000];
static void keep_report(enum hk_report kind, const char *text, void *arg)
{
	CHECK_INT(kind, HK_REPORT_REFUSED);
	snprintf(said, sizeof(said), "%s", text);
}

static int run_inside(void *arg)
{
	CHECK_INT(hk_run(do_nothing, NULL, NULL), -EDEADLK);
	return hk_yield(); /* and the first loop goes on */
}

static int run_in_child(void *arg)
{
	return in_child("run_inside", run_inside, NULL);
}

/* asyncio: "asyncio.run() cannot be called from a running event loop"; trio: test_run_nesting */
TEST(a_loop_in_a_loop_is_refused)
{
	struct hk_run_options o = { .virtual_clock = true, .report = keep_report };

	CHECK_INT(hk_run(run_in_child, NULL, &o), 0);
	CHECK(strstr(said, "hk_run() in task \"run_inside\", spawned at ") != NULL);
	CHECK(strstr(said, "misuse.c:") != NULL);
	CHECK(strstr(said, "hk_spawn()") != NULL);
}

/* Where nothing may wait, what does not wait is allowed. */
TEST_IN_SIM(asking_is_allowed_where_nothing_may_wait, 20)
{
	const char *outer = hk_no_suspend_begin("outer"), *inner = hk_no_suspend_begin("inner");
	struct hk_queue *q = hk_queue_new(sizeof(int), 1);
	struct hk_event e = { 0 };
	int item = 1;

	CHECK(outer == NULL);
	CHECK_STR(inner, "outer");
	CHECK_INT(hk_checkpoint(), 0);
	CHECK_INT(hk_queue_try_put(q, &item), 0);
	CHECK_INT(hk_queue_try_get(q, &item), 0);
	hk_event_set(&e);
	hk_queue_close(q);
	hk_queue_free(q);
	hk_no_suspend_end(inner);
	hk_no_suspend_end(outer);
	CHECK_INT(hk_yield(), 0);
}

static const struct test tests[] = {
	T(a_semaphore_released_more_often_than_acquired),
	T(a_semaphore_shrunk_to_nothing),
	T(a_mutex_unlocked_that_nobody_holds),
	T(a_mutex_unlocked_by_another_task),
	T(a_task_returns_with_a_mutex),
	T(a_group_closed_twice),
	T(a_group_closed_that_was_never_open),
	T(a_group_opened_twice),
	T(a_group_closed_by_its_child),
	T(groups_closed_in_the_wrong_order),
	T(a_task_returns_with_an_open_group),
	T(a_task_returns_from_the_frame_of_its_group),
	T(a_task_waits_after_it_left_the_frame_of_its_group),
	T(a_group_opened_after_the_frame_of_another),
	T(a_group_left_with_its_name),
	T(a_task_without_a_function),
	T(a_gather_without_a_size),
	T(scopes_closed_in_the_wrong_order),
	T(a_scope_closed_around_an_open_group),
	T(a_scope_closed_twice),
	T(a_scope_opened_twice),
	T(a_scope_closed_by_another_task),
	T(a_task_returns_with_an_open_scope),
	T(a_task_returns_from_the_frame_of_its_scope),
	T(a_task_waits_after_it_left_the_frame_of_its_scope),
	T(a_scope_closed_after_the_frame_of_one_inside),
	T(a_scope_cancelled_around_the_frame_of_one_inside),
	T(main_returns_with_an_open_scope),
	T(a_deadline_moved_that_is_over),
	T(a_queue_freed_while_somebody_waits),
	T(a_queue_without_a_limit),
	T(a_drop_function_that_waits),
	T(a_destructor_that_waits),
	T(every_call_that_could_wait_is_caught),
	T(a_posted_callback_that_waits),
	T(a_deep_call_that_waits),
	T(waiting_without_a_loop),
	T(what_only_tasks_may_do_is_refused_in_an_offloaded_call),
	T(a_group_without_a_loop),
	T(a_scope_cancelled_without_a_loop),
	T(an_event_set_by_another_thread),
	T(spawning_into_a_closed_group_is_refused),
	T(a_second_reader_is_refused),
	T(a_loop_in_a_loop_is_refused),
	T(asking_is_allowed_where_nothing_may_wait),
};

int main(void)
{
	return RUN_TESTS(tests);
}
