/* mailbox.h - the one door by which other threads reach a loop
 *
 * What this room is for: results of off-loaded calls, hk_post, signals.
 * What flows through: letters, intrusive; deliver(letter) runs on the loop's own stack, in the order of posting.
 * What must hold: (1) posting takes no lock and a system call only when the loop sleeps. (2) a letter belongs to the mailbox
 *   from post until its deliver() is called. */
#pragma once
#include "base/lang.h"
#include <stdatomic.h>

struct letter {
	struct letter *next;
	void (*deliver)(struct letter *);
};
struct mailbox {
	_Atomic(struct letter *) newest;
	atomic_bool asleep;    /* the loop is in, or on its way into, epoll_wait */
	atomic_bool signalled; /* a signal handler ran */
	int wake_fd;
};

MUST int mailbox_init(struct mailbox *);
void mailbox_done(struct mailbox *);
void mailbox_post(struct mailbox *, struct letter *); /* any thread */
void mailbox_signal(struct mailbox *);                /* any thread, also from a signal handler */
bool mailbox_deliver(struct mailbox *);               /* false: it was empty */
/* Announces sleep; false: something came meanwhile, do not sleep. Undone by mailbox_awake. */
bool mailbox_may_sleep(struct mailbox *);
void mailbox_awake(struct mailbox *);
