/* process_worker.h - one worker process of a pool: its start, a call, its end
 *
 * Life cycle: worker_live is the task of one worker from before its process starts until after it was reaped. It tells the
 *   pool: pool_worker_ready when calls may come, pool_worker_leaves when no more may, pool_worker_gone at the very end, which
 *   frees it.
 *
 *   STARTING --- hello ---> IDLE <---> BUSY        pool_worker_ready, pool_take, pool_give
 *       |                     |          |
 *       +----------> LEAVING <+----------+         retired, killed, or ended by itself
 *
 * What must hold: (1) the process belongs to worker_live: nobody else waits for it. (2) a BUSY worker is one caller's: its
 *   pipes are closed after that caller has let it go. (3) standard error is drained as long as the process lives, whatever
 *   the worker does otherwise, and the last of it is kept. */
#pragma once
#include "base/slice.h"
#include "rt/fiber.h"
#include "rt/frame.h"
#include <hocket/process_pool.h>
#include <hocket/scope.h>
#include <hocket/sync.h>

enum { TAIL_BYTES = 2048, LINE_BYTES = 500, WHY_BYTES = sizeof(((struct hk_answer *)0)->why) };

enum worker_state { WORKER_STARTING, WORKER_IDLE, WORKER_BUSY, WORKER_LEAVING };

struct worker {
	struct hk_process_pool *pool;
	const struct hk_process_pool_options *options; /* the pool's */
	struct worker *next, *prev;                    /* all of the pool */
	struct worker *idle_next;
	enum worker_state state;
	struct hk_process process;
	int calls, answers, err; /* our ends of the pipes, or -1 */
	struct hk_scope life;    /* from the start to the end; cancelled: it shall leave */
	struct hk_scope
		*call; /* borrows: around the call on the way; cancelled when the process ends */
	struct hk_event ended, freed; /* its process was reaped; its caller has let it go */
	struct hk_exit exit;          /* once ended */
	uint32_t calls_n;
	uint64_t sent; /* bytes of the call on the way that are in the pipe or beyond */
	bool started;  /* there is a process */
	bool forced;   /* it closed its answers without ending */
	bool retired;
	bool leaves; /* its process has ended or is being ended: whoever has it may finish, but not give it on */
	char why[WHY_BYTES]; /* it could not be started */
	size_t tail_n;
	char tail[TAIL_BYTES]; /* the last it wrote to standard error */
	size_t line_n;
	char line[LINE_BYTES]; /* what it is just writing there, for who listens */
};

struct worker *worker_new(struct hk_process_pool *, const struct hk_process_pool_options *);
int worker_live(void *worker) SUSPENDS; /* a task's body; always 0 */
/* The result of hk_process_pool_call, or -EAGAIN: it ended before it had the call, another one may have it. The caller has it
 * BUSY; after success and -EREMOTEIO it can have more calls, else it is dead or dying. */
MUST int worker_call(struct worker *, const struct hk_part *parts, size_t n,
		     struct hk_answer *ret) SUSPENDS;
/* Is the process alive, and silent, as it must be between calls? */
bool worker_fit(const struct worker *);
/* Has it said something that nobody asked for? */
bool worker_babbles(const struct worker *);
/* Has it served its calls, or grown too large? */
bool worker_is_worn(const struct worker *);
void worker_kill(struct worker *); /* its whole group, at once */
/* End of its calls, SIGTERM, SIGKILL: each after half of the grace. */
void worker_retire(struct worker *);

/* process_pool.c */
void pool_worker_ready(struct hk_process_pool *, struct worker *);
void pool_worker_leaves(struct hk_process_pool *, struct worker *); /* it takes no more calls */
void pool_worker_gone(struct hk_process_pool *, struct worker *takes);
