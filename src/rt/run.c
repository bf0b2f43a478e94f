/* run.c - a loop from its making to its end
 *
 * What this room is for: hk_run(), and the small calls about the loop as a whole.
 * What flows through:    the main task and its result.
 * What must hold:
 *  (1) everything that hk_run made is gone when it returns: threads joined, stacks unmapped, descriptors closed; what it
 *      changed in the process (SIGPIPE) is as before.
 *  (2) a second loop inside the first is refused: anything may suspend at any depth, so it would only block the first. */
#include "rt/backtrace.h"
#include "rt/loop.h"
#include "rt/quit.h"
#include "rt/report.h"
#include "rt/scope.h"
#include "rt/sim.h"
#include "base/clock.h"
#include <hocket/group.h>
#include <hocket/run.h>
#include <hocket/signal.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/banned.h"

enum { IO_THREADS = 4 };

/* ---- SIGPIPE ------------------------------------------------------------------------------- */

/* A write to a pipe without reader must be an -EPIPE of the task that wrote. Ignored while any loop runs. */
static pthread_mutex_t sigpipe_lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned sigpipe_loops;
static struct sigaction sigpipe_former;

static void sigpipe_hold(void)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };

	pthread_mutex_lock(&sigpipe_lock);
	if (sigpipe_loops++ == 0)
		(void)sigaction(SIGPIPE, &ignore, &sigpipe_former);
	pthread_mutex_unlock(&sigpipe_lock);
}

static void sigpipe_release(void)
{
	pthread_mutex_lock(&sigpipe_lock);
	if (--sigpipe_loops == 0)
		(void)sigaction(SIGPIPE, &sigpipe_former, NULL);
	pthread_mutex_unlock(&sigpipe_lock);
}

/* ---- making and ending --------------------------------------------------------------------- */

/* A simulation begins at the same time of day whenever it is run: not 0, which would hide who forgets to add. */
#define SIM_START_NS (1000 * HK_SEC)

static int loop_init(struct hk_loop *loop, const struct hk_run_options *o, struct sim *sim)
{
	int r = mailbox_init(&loop->mailbox);

	loop->poll.epoll_fd = -1;
	if (r == 0)
		r = poll_init(&loop->poll, loop->mailbox.wake_fd);
	offloads_init(&loop->offloads, o->threads ? o->threads : IO_THREADS,
		      o->cpu_threads ? o->cpu_threads : pool_cores());
	stacks_init(&loop->stacks, o->stack_bytes);
	sanitize_thread(&loop->sanitize);
	scope_init_root(&loop->root);
	rand_seed(&loop->rand, o->seed ? o->seed : rand_entropy());
	loop->virtual_clock = o->virtual_clock;
	loop->report = o->report;
	loop->report_arg = o->report_arg;
	if (sim)
		sim_attach(loop, sim);
	loop->now_ns = loop->started_ns = sim ? SIM_START_NS : clock_mono_ns();
	return r;
}

static void end_children(struct hk_loop *loop)
{
	char who[1024];
	size_t left = guardian_done(&loop->guardian, who, sizeof(who));

	if (left > 0)
		report(loop, HK_REPORT_UNREAD,
		       "%zu child process%s never waited for, killed now: end each with "
		       "hk_process_wait() or hk_process_stop(): %s",
		       left, left > 1 ? "es were" : " was", who);
}

static void loop_done(struct hk_loop *loop)
{
	offloads_done(&loop->offloads);
	end_children(loop);
	sanitize_fiber_done(&loop->ended);
	stacks_done(&loop->stacks);
	if (loop->sim)
		sim_net_done(&loop->sim->net);
	timers_done(&loop->timers);
	poll_done(&loop->poll);
	mailbox_done(&loop->mailbox);
}

/* What tells of trouble: stack overflows, stalls, and SIGQUIT's question. */
static void watch_open(struct hk_loop *loop, const struct hk_run_options *o)
{
	backtrace_prepare(); /* both list calls in handlers */
	overflow_open(&loop->overflow);
	stall_open(loop, o->stall_ns);
	quit_open(loop, !o->no_dump);
}

static void watch_close(struct hk_loop *loop)
{
	quit_close(loop);
	stall_close(loop);
	overflow_close(&loop->overflow);
}

static int run_main(struct hk_loop *loop, hk_fn *fn, void *arg)
{
	if (!fiber_new(loop, fn, arg, (struct fiber_label){ "main", "hk_run()" }, &loop->root))
		return -ENOMEM;
	loop_run(loop);
	ASSERT(loop->stats.fibers == 0);
	return loop->main_result;
}

static void refuse_inner_loop(const struct hk_loop *outer)
{
	const struct hk_fiber_ *task = loop_running(outer);

	report(outer, HK_REPORT_REFUSED,
	       "hk_run() in task \"%s\", spawned at %s: a loop already runs on this thread. Call "
	       "the "
	       "function directly, it may wait at any depth; to run it beside others, hk_spawn() "
	       "it",
	       task ? task->name : "(callback)", task ? task->where : "the loop itself");
}

int hk_run(hk_fn *fn, void *arg, const struct hk_run_options *options)
{
	return loop_open_and_run(fn, arg, options, NULL);
}

int loop_open_and_run(hk_fn *fn, void *arg, const struct hk_run_options *options, struct sim *sim)
{
	struct hk_run_options o = options ? *options : (struct hk_run_options){ 0 };
	struct hk_loop *loop;
	int r;

	if (loop_self()) {
		refuse_inner_loop(loop_self());
		return -EDEADLK;
	}
	loop = calloc(1, sizeof(*loop));
	if (!loop)
		return -ENOMEM;
	sigpipe_hold();
	r = loop_init(loop, &o, sim);
	loop_of_thread_ = loop;
	if (r == 0) {
		watch_open(loop, &o);
		r = run_main(loop, fn, arg);
	}
	hk_signal_close();
	watch_close(loop);
	loop_done(loop);
	loop_of_thread_ = NULL;
	sigpipe_release();
	free(loop);
	return r;
}

/* ---- small calls --------------------------------------------------------------------------- */

const char *hk_version(void)
{
	return HK_TEXT(HK_VERSION_MAJOR) "." HK_TEXT(HK_VERSION_MINOR) "." HK_TEXT(
		HK_VERSION_PATCH);
}

/* There to be asked for (run.h). */
void hk_abi_0_1(void)
{
}

bool hk_running(void)
{
	struct hk_loop *loop = loop_self();
	return loop && loop->current;
}

uint64_t hk_random(void)
{
	struct hk_loop *loop = loop_self();
	return loop ? rand_u64(&loop->rand) : rand_entropy();
}

static void sleep_over(size_t *place, void *arg)
{
	(void)arg;
	fiber_wake(container_of(place, struct hk_fiber_, timer), 0);
}

static void sleep_describe(const struct park *park, struct wait *ret)
{
	const struct hk_loop *loop = park->fiber->loop;
	int64_t at = timers_when_ns(&loop->timers, &park->fiber->timer);
	int64_t left = at > loop->now_ns ? at - loop->now_ns : 0;

	if (at == HK_FOREVER)
		(void)snprintf(ret->what, sizeof(ret->what), "the end of a sleep (it has none)");
	else
		(void)snprintf(ret->what, sizeof(ret->what), "the end of a sleep (%.3f s left)",
			       (double)left / 1e9);
}

static bool sleep_cancel(struct park *park)
{
	timers_clear(&park->fiber->loop->timers, &park->fiber->timer);
	return true;
}

int hk_yield(void)
{
	struct hk_fiber_ *self = fiber_self();
	int r = fiber_checkpoint(self);

	if (r < 0)
		return r;
	fiber_yield(self);
	return scope_is_cancelled(self->scope) ? -ECANCELED : 0;
}

int hk_sleep(int64_t ns)
{
	struct hk_fiber_ *self = fiber_self();
	struct park park = { .why = "sleep", .cancel = sleep_cancel, .describe = sleep_describe };
	int r = fiber_checkpoint(self);

	if (r < 0 || ns <= 0)
		return r < 0 ? r : hk_yield();
	ASSERT(self->timer == 0);
	timers_set(&self->loop->timers, &self->timer, loop_deadline_ns(self->loop, ns), sleep_over);
	return fiber_park(self, &park);
}

static void set_no_suspend(struct hk_loop *loop, const char *where)
{
	loop->no_suspend = where;
	if (loop->current)
		scope_mark(loop->current);
}

const char *hk_no_suspend_begin(const char *where)
{
	struct hk_loop *loop = loop_self();
	const char *former = loop ? loop->no_suspend : NULL;

	if (loop)
		set_no_suspend(loop, where ? where : "a place that forbids it");
	return former;
}

void hk_no_suspend_end(const char *former)
{
	if (loop_self())
		set_no_suspend(loop_self(), former);
}

/* It does not wait, so it may be called where nothing may wait. */
int hk_checkpoint(void)
{
	return scope_is_cancelled(fiber_self()->scope) ? -ECANCELED : 0;
}

struct hk_loop *hk_loop_self(void)
{
	struct hk_loop *loop = loop_self();

	if (loop)
		loop->shared = true;
	return loop;
}

struct post {
	struct letter letter;
	void (*cb)(void *);
	void *arg;
};

static void post_deliver(struct letter *letter)
{
	struct post *post = container_of(letter, struct post, letter);

	post->cb(post->arg);
	free(post);
}

int hk_post(struct hk_loop *loop, void (*cb)(void *), void *arg)
{
	struct post *post = malloc(sizeof(*post));

	ASSERT(loop && cb);

	if (!post)
		return -ENOMEM;
	*post = (struct post){ .letter = { .deliver = post_deliver }, .cb = cb, .arg = arg };
	mailbox_post(&loop->mailbox, &post->letter);
	return 0;
}

void hk_stats_get(struct hk_stats *ret)
{
	struct hk_loop *loop = loop_self();

	*ret = (struct hk_stats){ 0 };
	if (!loop)
		return;
	*ret = loop->stats;
	ret->stack_bytes_touched = stacks_touched(&loop->stacks);
	ret->stalls = atomic_load(&loop->stall.reports);
	ret->parked_fd = loop->poll.waiting + loop->poll.waiting_sim;
	ret->parked_offload = loop->offloads.pending - loop->offloads.abandoned;
	ret->busy_ns =
		(loop->sim ? loop->now_ns : clock_mono_ns()) - loop->started_ns - ret->idle_ns;
}
