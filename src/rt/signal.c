/* signal.c - signals as something a task waits for
 *
 * What this room is for: turning an interruption of anything into a word in a line.
 * What flows through:    a counter for each signal number, counted up by the handler, down by who waits.
 * What must hold:
 *  (1) the handler only counts and rings the loop's bell: both are allowed in a handler.
 *  (2) signals belong to the process, so one loop of it has them; a second one gets -EBUSY.
 *  (3) close restores exactly the actions that open replaced. */
#include "rt/loop.h"
#include "rt/quit.h"
#include "rt/scope.h"
#include "rt/waitlist.h"
#include <hocket/signal.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>

enum { SIGNALS = 65, HELD = 16 };

static _Atomic(struct hk_loop *) owner;
static atomic_uint counts[SIGNALS];
static atomic_uint handling; /* handlers on their way, in any thread */
static struct {
	int number;
	struct sigaction former;
} held[HELD]; /* belongs to the owner */
static size_t held_n;

static void on_signal(int number)
{
	int saved = errno;
	struct hk_loop *loop;

	atomic_fetch_add(&handling, 1);
	loop = atomic_load(&owner);
	if (loop && number > 0 && number < SIGNALS) {
		atomic_fetch_add(&counts[number], 1);
		mailbox_signal(&loop->mailbox);
	}
	atomic_fetch_sub(&handling, 1);
	errno = saved;
}

static void restore(void)
{
	while (held_n > 0) {
		held_n--;
		(void)sigaction(held[held_n].number, &held[held_n].former, NULL);
		atomic_store(&counts[held[held_n].number], 0);
	}
	atomic_store(&owner, NULL);
	while (atomic_load(&handling) > 0)
		sched_yield(); /* in another thread one may still hold the loop's address */
}

int hk_signal_open(const int *signals, size_t n)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_ONSTACK | SA_RESTART };
	struct hk_loop *none = NULL;

	ASSERT(loop_self());
	if (n == 0 || n > HELD)
		return -EINVAL;
	if (!atomic_compare_exchange_strong(&owner, &none, loop_self()))
		return -EBUSY;
	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < n; i++) {
		int r = signals[i] > 0 && signals[i] < SIGNALS ? 0 : -EINVAL;
		if (r == 0 && sigaction(signals[i], &action, &held[held_n].former) < 0)
			r = -errno;
		if (r < 0) {
			restore();
			return r;
		}
		held[held_n++].number = signals[i];
	}
	return 0;
}

static int take_signal(void)
{
	for (size_t i = 0; i < held_n; i++) {
		int number = held[i].number;
		if (atomic_load(&counts[number]) > 0) {
			atomic_fetch_sub(&counts[number], 1);
			return number;
		}
	}
	return 0;
}

int hk_signal_wait(void)
{
	struct hk_fiber_ *self = fiber_self();
	int r = fiber_checkpoint(self);

	if (atomic_load(&owner) != self->loop)
		return -EINVAL;
	if (r == 0 && !self->loop->signal_waiters.first_)
		r = take_signal();
	return r != 0 ? r : waitlist_wait(&self->loop->signal_waiters, self, "a signal", NULL);
}

void signals_deliver(struct hk_loop *loop)
{
	struct mailbox *m = &loop->mailbox;
	int number = 1;

	if (!atomic_load_explicit(&m->signalled, memory_order_relaxed))
		return;
	atomic_store(&m->signalled, false);
	quit_deliver(loop);
	while (loop->signal_waiters.first_ && (number = take_signal()) != 0)
		waitlist_serve(&loop->signal_waiters, number);
}

void hk_signal_close(void)
{
	struct hk_loop *loop = loop_self();

	if (!loop || atomic_load(&owner) != loop)
		return;
	restore();
	ASSERT(held_n == 0);
	waitlist_serve_all(&loop->signal_waiters, -EPIPE);
}
