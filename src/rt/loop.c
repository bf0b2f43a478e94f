/* loop.c - a turn: what came from outside, what became due, then the fibers
 *
 * What this room is for: the one place where the thread sleeps.
 * What flows through:    letters from threads, signals, edges of descriptors, due timers; all of them only make
 *   fibers runnable.
 * What must hold:
 *  (1) the thread sleeps only when no fiber is runnable, and never longer than to the next timer.
 *  (2) on the virtual clock, time stands still while anything runs or is off-loaded; then it jumps to the next timer.
 *  (3) when nothing that exists could ever make a fiber runnable, the process says so and stops: a deadlock is a
 *      bug of the program, and it would look like a slow network for ever. */
#include "rt/loop.h"
#include "rt/dump.h"
#include "rt/scope.h"
#include "rt/sim.h"
#include "rt/waitlist.h"
#include "base/clock.h"
#include "base/banned.h"
#include <stdio.h>
#include <stdlib.h>

/* ---- time ---------------------------------------------------------------------------------- */

int64_t loop_clock_ns(const struct hk_loop *loop)
{
	return loop->virtual_clock ? loop->now_ns : clock_mono_ns();
}

int64_t loop_deadline_ns(const struct hk_loop *loop, int64_t timeout_ns)
{
	int64_t at;

	if (timeout_ns == HK_FOREVER ||
	    __builtin_add_overflow(loop_clock_ns(loop), timeout_ns, &at))
		return HK_FOREVER;
	return at;
}

int64_t hk_now_ns(void)
{
	struct hk_loop *loop = loop_self();
	return loop ? loop->now_ns : clock_mono_ns();
}

int64_t hk_now_exact_ns(void)
{
	struct hk_loop *loop = loop_self();
	return loop ? loop_clock_ns(loop) : clock_mono_ns();
}

int64_t hk_wall_ns(void)
{
	struct hk_loop *loop = loop_self();
	return loop && loop->virtual_clock ? SIM_DAY_NS + sim_now_ns(loop) : clock_wall_ns();
}

static void read_clock(struct hk_loop *loop)
{
	if (!loop->virtual_clock)
		loop->now_ns = clock_mono_ns();
}

/* ---- a turn -------------------------------------------------------------------------------- */

/* Could anything but a timer make a fiber runnable? */
static bool world_may_wake(const struct hk_loop *loop)
{
	return loop->poll.waiting > 0 || loop->offloads.pending > 0 || loop->shared ||
	       loop->signal_waiters.first_;
}

static void move_clock(struct hk_loop *loop, int64_t to_ns)
{
	ASSERT(loop->virtual_clock && !loop->ready.first);
	if (to_ns <= loop->now_ns)
		return;
	loop->now_ns = to_ns;
	if (loop->sim)
		sim_clock_moved(loop);
}

/* How long the thread may sleep when no fiber is runnable. Moves the virtual clock instead of sleeping. */
static int64_t patience(struct hk_loop *loop)
{
	int64_t next = timers_next_ns(&loop->timers);

	if (next == HK_FOREVER && !world_may_wake(loop))
		report_deadlock(loop);
	if (next == HK_FOREVER || (loop->virtual_clock && loop->offloads.pending > 0 && !loop->sim))
		return HK_FOREVER;
	if (loop->virtual_clock) {
		move_clock(loop, next);
		return 0;
	}
	return next > loop->now_ns ? next - loop->now_ns : 0;
}

static void collect(struct hk_loop *loop, int64_t timeout_ns)
{
	counter_add(&loop->stats.polls);
	(void)poll_collect(&loop->poll, timeout_ns);
}

/* Every task waits, and for nothing that is there already: those that wait for just this run. true: somebody runs. */
static bool wake_idlers(struct hk_loop *loop)
{
	if (loop->poll.waiting > 0 || !loop->sim)
		collect(loop, 0);
	if (!loop->ready.first && timers_next_ns(&loop->timers) > loop->now_ns)
		waitlist_serve_all(&loop->idlers, 0);
	return loop->ready.first;
}

static void sleep_until_something(struct hk_loop *loop)
{
	int64_t timeout_ns, before;

	read_clock(loop);
	if (loop->idlers.first_ && wake_idlers(loop))
		return;
	if (loop->virtual_clock && loop->poll.waiting > 0) {
		collect(loop, 0); /* real bytes first: time only jumps when there are none */
		if (loop->ready.first)
			return;
	}
	timeout_ns = patience(loop);
	if (timeout_ns == 0 && (loop->virtual_clock || loop->poll.waiting == 0))
		return;
	if (mailbox_may_sleep(&loop->mailbox)) {
		before = loop->now_ns;
		collect(loop, timeout_ns);
		read_clock(loop);
		loop->stats.idle_ns += loop->now_ns - before;
	}
	mailbox_awake(&loop->mailbox);
	stall_awake(&loop->stall);
}

/* Tasks, or off-loaded calls that their tasks have abandoned. */
static bool something_is_left(const struct hk_loop *loop)
{
	return loop->stats.fibers > 0 || loop->offloads.pending > 0;
}

static void turn(struct hk_loop *loop)
{
	ASSERT(loop == loop_self() && !loop->current);
	(void)mailbox_deliver(&loop->mailbox);
	signals_deliver(loop);
	if (!something_is_left(loop))
		return; /* the last letter came back for an abandoned call */
	if (!loop->ready.first) {
		sleep_until_something(loop);
	} else {
		if (loop->poll.waiting > 0)
			collect(loop, 0);
		read_clock(loop);
	}
	loop->stats.timers += timers_fire(&loop->timers, loop->now_ns, loop);
	fibers_run_turn(loop);
	stacks_trim(&loop->stacks);
}

void loop_run(struct hk_loop *loop)
{
	while (something_is_left(loop))
		turn(loop);
	ASSERT(!loop->ready.first && !loop->root.child_ && !loop->root.fibers_);
	(void)mailbox_deliver(&loop->mailbox);
}

int hk_wait_all_parked(void)
{
	struct hk_fiber_ *self = fiber_self();
	int r = fiber_checkpoint(self);

	return r < 0 ? r : waitlist_wait(&self->loop->idlers, self, "all others to wait", NULL);
}
