/* loop.h - everything one loop has
 *
 * What this room is for: the struct that the rooms of rt share. Each member belongs to one room, named beside it; the
 *   others use its functions.
 * What must hold: (1) one loop a thread, reached by loop_self(). (2) only mailbox is touched by other threads. */
#pragma once
#include "base/rand.h"
#include "rt/fiber.h"
#include "rt/guardian.h"
#include "rt/mailbox.h"
#include "rt/offload.h"
#include "rt/overflow.h"
#include "rt/poll.h"
#include "rt/stack.h"
#include "rt/stall.h"
#include "rt/timer.h"
#include <errno.h>
#include <hocket/run.h>
#include <hocket/scope.h>
#include <hocket/sync.h>

struct sim;

struct hk_loop {
	/* fiber.c */
	struct hk_fiber_ *current; /* NULL: the loop itself runs */
	struct run_queue ready;
	void *sp;      /* of the loop, while a fiber runs */
	int turn_left; /* switches until the loop has its turn; the watcher may cut it short */
	struct stacks stacks;
	struct sanitize sanitize, ended; /* ended: of the fiber that ended last */
	struct {
		hk_fn *fn;
		void *arg;
		int result;
		struct hk_fiber_ *caller;   /* from the call until the loop's stack has it */
		struct hk_fiber_ *runs_for; /* while fn runs */
	} big;                              /* a call that waits for the loop's stack */

	/* loop.c */
	int64_t now_ns;
	bool virtual_clock;
	bool shared; /* somebody asked for the handle: hk_post may come from outside */
	struct timers timers;
	struct hk_stats stats;
	int64_t started_ns;

	struct sim *sim;            /* borrows; sim.c; NULL: in the real world */
	struct hk_waitlist_ idlers; /* hk_wait_all_parked */
	struct hk_scope root;       /* scope.c */
	struct poll poll;
	int64_t short_until_ns; /* socket.c: hk_accept lacks descriptors, and has said so */
	struct mailbox mailbox;
	struct offloads offloads;
	struct hk_waitlist_ signal_waiters; /* signal.c */
	struct guardian guardian;           /* guardian.c */
	struct rand rand;                   /* run.c */
	int main_result;
	struct stall stall;       /* stall.c */
	struct overflow overflow; /* overflow.c */
	atomic_bool dump_asked;   /* quit.c: set by the handler of SIGQUIT */
	bool dump_on_quit;        /* quit.c: it answers */
	size_t dump_slot;         /* quit.c: its place among the loops, counted from 1 */
	/* report.c; what hk_run_options said */
	void (*report)(enum hk_report, const char *text, void *arg);
	void *report_arg;
	/* run.c: between hk_no_suspend_begin and end, the place; NULL otherwise */
	const char *no_suspend;
};

/* initial-exec: one load also in the shared library, instead of a call. */
extern __thread struct hk_loop *loop_of_thread_ __attribute__((tls_model("initial-exec")));
static inline struct hk_loop *loop_self(void)
{
	return loop_of_thread_;
}

/* Counts what the watcher (stall.c) reads from its thread; only the loop's own writes. */
static inline void counter_add(uint64_t *n)
{
	__atomic_store_n(n, *n + 1, __ATOMIC_RELAXED);
}

/* Whose code runs: the fiber on its own stack, or the one whose call borrows the loop's; NULL: the loop itself, or a callback. */
static inline struct hk_fiber_ *loop_running(const struct hk_loop *loop)
{
	return loop->current ? loop->current : loop->big.runs_for;
}

/* From the loop's own stack: until the last fiber has ended and the last off-loaded call came back. */
void loop_run(struct hk_loop *);
int64_t loop_clock_ns(const struct hk_loop *); /* read anew; virtual under virtual_clock */
/* timeout_ns from now, HK_FOREVER if that is beyond all time. */
int64_t loop_deadline_ns(const struct hk_loop *, int64_t timeout_ns);
/* signal.c: hands signals that came to the tasks that wait for one. */
void signals_deliver(struct hk_loop *);
