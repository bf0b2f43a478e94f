/* mailbox.c - many threads post, one loop collects
 *
 * What this room is for: waking a loop that sleeps in epoll_wait, and only then: a burst of a thousand finished calls
 *   costs one write to the eventfd, and none while the loop is busy anyway.
 * What flows through:    letters, pushed on an atomic stack and turned around by the reader.
 * What must hold:
 *  (1) either the poster sees asleep, or the loop sees the letter before it sleeps: both store first and load
 *      then, all four sequentially consistent.
 *  (2) the eventfd is watched edge-triggered: each write is an edge, so it is never read. */
#include "rt/mailbox.h"
#include "base/banned.h"
#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

int mailbox_init(struct mailbox *m)
{
	*m = (struct mailbox){ .wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) };
	return m->wake_fd < 0 ? -errno : 0;
}

void mailbox_done(struct mailbox *m)
{
	if (m->wake_fd >= 0)
		(void)close(m->wake_fd); /* an eventfd has nothing to lose */
	m->wake_fd = -1;
}

static void ring(struct mailbox *m)
{
	uint64_t one = 1;
	ssize_t wrote = write(m->wake_fd, &one, sizeof(one));
	(void)wrote; /* fails only at 2^64 - 1 unread rings */
}

void mailbox_post(struct mailbox *m, struct letter *letter)
{
	struct letter *before = atomic_load_explicit(&m->newest, memory_order_relaxed);

	ASSERT(letter->deliver);
	do
		letter->next = before;
	while (!atomic_compare_exchange_weak(&m->newest, &before, letter));
	if (atomic_load(&m->asleep) && atomic_exchange(&m->asleep, false))
		ring(m);
}

void mailbox_signal(struct mailbox *m)
{
	atomic_store(&m->signalled, true);
	if (atomic_exchange(&m->asleep, false))
		ring(m);
}

bool mailbox_deliver(struct mailbox *m)
{
	struct letter *oldest = NULL, *letter;

	if (!atomic_load_explicit(&m->newest, memory_order_relaxed))
		return false;
	letter = atomic_exchange(&m->newest, NULL);
	while (letter) {
		struct letter *older = letter->next;
		letter->next = oldest;
		oldest = letter;
		letter = older;
	}
	while (oldest) {
		struct letter *next = oldest->next; /* deliver() may free it */
		ASSERT(oldest->deliver);
		oldest->deliver(oldest);
		oldest = next;
	}
	return true;
}

bool mailbox_may_sleep(struct mailbox *m)
{
	ASSERT(m->wake_fd >= 0 && !atomic_load_explicit(&m->asleep, memory_order_relaxed));
	atomic_store(&m->asleep, true);
	return !atomic_load(&m->newest) && !atomic_load(&m->signalled);
}

void mailbox_awake(struct mailbox *m)
{
	atomic_store(&m->asleep, false); /* in order with stall_awake's look at the watcher */
}
