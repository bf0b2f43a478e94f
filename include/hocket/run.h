/* hocket/run.h - the loop: start it, read its clock, sleep
 *
 * What this room is for: hk_run() is asyncio.run(): it makes a loop on the calling thread, runs one main task
 *   and everything that task spawns, and returns the main task's result. One loop per thread, fibers never
 *   move between threads.
 * Life cycle: hk_run() opens and closes everything; nothing survives it.
 * What must hold: hk_run() inside a task is refused with -EDEADLK: a task may call anything that suspends, at
 *   any depth, so there is no reason for a second loop (asyncio: "asyncio.run() cannot be called from a
 *   running event loop"). */
#ifndef HOCKET_RUN_H
#define HOCKET_RUN_H
#include <hocket/types.h>

struct hk_run_options {
	size_t stack_bytes;   /* reserved per fiber, touched lazily; 0: 256 KiB */
	unsigned threads;     /* of the pool for short blocking calls; 0: 4 */
	unsigned cpu_threads; /* of the pool for CPU work; 0: as many as there are cores */
	bool virtual_clock;   /* tests: time jumps to the next timer when every task waits */
	uint64_t seed;        /* of hk_random(); 0: from the kernel */
};

/* Runs fn(arg) as the main task. options may be NULL. Returns its result, -EDEADLK inside a task, or
 * what failed while the loop was being set up (-EMFILE, -ENOMEM). */
HK_MUST int hk_run(hk_fn *fn, void *arg, const struct hk_run_options *options);

bool hk_running(void); /* is the caller a task? */
/* The loop's clock, read once a turn and so cheap; outside a loop CLOCK_MONOTONIC. exact: the same clock, read anew. */
int64_t hk_now_ns(void);
int64_t hk_now_exact_ns(void);
uint64_t hk_random(void); /* from the run's seed */

/* asyncio.sleep. 0 or less: let the others run once. 0, -ECANCELED. */
int hk_sleep(int64_t ns) HK_SUSPENDS;
int hk_yield(void) HK_SUSPENDS;
/* Only asks whether the task was cancelled: 0, -ECANCELED. Cheap; for long computations. trio.lowlevel.checkpoint_if_cancelled */
int hk_checkpoint(void);

/* Calls fn(arg) on the loop's own 8 MiB stack, for libraries that like deep stacks. fn must not suspend.
 * Costs one switch. Outside a task it is a plain call. */
int hk_bigstack(hk_fn *fn, void *arg);

/* Runs cb(arg) soon on the given loop; from any thread. The loop must outlive the call. 0, -ENOMEM. */
struct hk_loop;
struct hk_loop *hk_loop_self(void);
int hk_post(struct hk_loop *, void (*cb)(void *), void *arg);

struct hk_stats {
	uint64_t switches, polls, timers, offloads, spawned;
	size_t fibers, fibers_high; /* alive now, most at one time */
	size_t stack_bytes_touched; /* estimate: pages of pooled and living stacks */
	int64_t busy_ns, idle_ns;   /* outside and inside epoll_wait; virtual clock: idle 0 */
};
void hk_stats_get(struct hk_stats *);

#endif
