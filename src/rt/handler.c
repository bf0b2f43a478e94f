/* handler.c - signal actions that all loops of the process share
 *
 * What this room is for: one count of loops for each signal that hocket handles by itself.
 * What flows through:    struct sigaction, from the kernel into `former` and back.
 * What must hold:
 *  (1) only a default action is replaced: a program, a sanitizer or a debugger that has a handler keeps it.
 *  (2) loops of several threads open and close at the same time: the count is under a lock, handlers never take it. */
#include "rt/handler.h"
#include <pthread.h>
#include "base/banned.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static bool is_default(const struct sigaction *a)
{
	return !(a->sa_flags & SA_SIGINFO) && a->sa_handler == SIG_DFL;
}

static bool install(struct handler *h)
{
	struct sigaction action = { .sa_sigaction = h->fn,
				    .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART };

	if (sigaction(h->number, NULL, &h->former) < 0 || !is_default(&h->former))
		return false;
	sigemptyset(&action.sa_mask);
	return sigaction(h->number, &action, NULL) == 0;
}

static void restore(const struct handler *h)
{
	struct sigaction now;

	if (sigaction(h->number, NULL, &now) == 0 && (now.sa_flags & SA_SIGINFO) &&
	    now.sa_sigaction == h->fn)
		(void)sigaction(h->number, &h->former, NULL);
}

bool handler_hold(struct handler *h)
{
	bool ours;

	ASSERT(h->number > 0 && h->fn);
	pthread_mutex_lock(&lock);
	if (h->loops++ == 0)
		h->ours = install(h);
	ours = h->ours;
	pthread_mutex_unlock(&lock);
	return ours;
}

void handler_release(struct handler *h)
{
	pthread_mutex_lock(&lock);
	ASSERT(h->loops > 0);
	if (--h->loops == 0 && h->ours) {
		restore(h);
		h->ours = false;
	}
	pthread_mutex_unlock(&lock);
}
