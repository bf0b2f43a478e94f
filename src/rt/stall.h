/* stall.h - a task that keeps the loop from all others, told while it does so
 *
 * What this room is for: the first mistake of everybody's asynchronous program: a blocking call, or a long computation, in a
 *   task. asyncio's debug mode tells of it afterwards; here a second thread looks from outside.
 * Life cycle: open on the loop's thread, close on the same. In between the loop does nothing for it but count its switches,
 *   as it does anyway, and look at one word when it wakes from sleep.
 * What must hold: (1) a loop that sleeps costs no wake-up of the watcher. (2) a thread that merely got no processor is not
 *   reported: only time in which it ran, or was blocked by its own call, counts. (3) a report is made while it blocks. */
#pragma once
#include "rt/backtrace.h"
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

struct hk_loop;

/* What the loop's thread was seen doing; filled by its own signal handler. */
struct stall_view {
	uint64_t beat;
	char task[64], where[128];
	bool cancelled; /* the task is, and has not ended yet */
	struct backtrace calls;
};
struct stall {
	bool on;
	bool can_look; /* the handler of SIGURG is ours */
	int64_t limit_ns;
	pthread_t watcher, thread;
	pid_t tid; /* of the loop's thread */
	sem_t wake, seen;
	atomic_bool stop, dozing, paused;
	atomic_bool asked, answered; /* the handler shall look; it has */
	atomic_ulong reports;
	struct stall_view view; /* the handler's, from asked until answered */
};

void stall_open(struct hk_loop *, int64_t limit_ns); /* 0: 100 ms; HK_FOREVER: nobody watches */
void stall_close(struct hk_loop *);
void stall_poke(struct stall *);              /* look soon; from a signal handler */
void stall_pause(struct stall *, bool pause); /* the runtime's own long work is no stall */
void stall_wake(struct stall *);

/* The loop begins to be busy. mailbox_awake was called before: its store and this load are both sequentially consistent,
 * as are the watcher's, so that one of the two sees the other. */
static inline void stall_awake(struct stall *s)
{
	if (__builtin_expect(atomic_load(&s->dozing), 0))
		stall_wake(s);
}
