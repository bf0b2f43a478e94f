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

/* Of these headers. Within one minor version a program of older headers runs with a newer library. */
#define HK_VERSION_MAJOR 0
#define HK_VERSION_MINOR 1
#define HK_VERSION_PATCH 0

HK_BEGIN
const char *hk_version(void); /* of the library: "0.1.0" */
/* Structs of the headers may grow with the minor version. So who includes this asks for that version, and does not link with the
 * library of another one: "undefined reference to hk_abi_0_1" means headers and library that do not belong together. */
void hk_abi_0_1(void);
static void (*const hk_abi_wanted_)(void) __attribute__((used)) = hk_abi_0_1;

enum hk_report { HK_REPORT_STALL, HK_REPORT_UNREAD, HK_REPORT_REFUSED, HK_REPORT_SHORTAGE };

struct hk_run_options {
	/* Of each task, touched lazily; 0: 256 KiB. 64 KiB of addresses below come on top as a guard: who runs into them is named,
	 * then SIGSEGV. Large local arrays: static or from malloc(). */
	size_t stack_bytes;
	unsigned threads;     /* of the pool for short blocking calls; 0: 4 */
	unsigned cpu_threads; /* of the pool for CPU work; 0: as many as there are cores */
	bool virtual_clock;   /* tests: time jumps to the next timer when every task waits */
	uint64_t seed;        /* of hk_random(); 0: from the kernel */
	/* A task that keeps the loop from all others for so long is reported while it does so, with what it is doing
	 * (asyncio's slow_callback_duration, which tells afterwards). 0: 100 ms; HK_FOREVER: never. To look, the thread gets
	 * SIGURG once a report: a blocking call that signals interrupt (sleep, nanosleep, poll, epoll_wait)
	 * ends early, with EINTR, and the last line says so; HK_FOREVER keeps such a program as it is. Told again at 10, 100, ... times, and
	 * when it is over. A machine that is merely crowded is no stall. Who watches also gives the loop its turn each quarter of
	 * it, so that tasks which compute between two hk_yield() do not keep timers and sockets waiting. Never on the virtual
	 * clock, nor under valgrind. */
	int64_t stall_ns;
	bool no_dump; /* leave SIGQUIT alone; else it prints all tasks (dump.h) and the program goes on */
	/* Where reports go: stalls, failures that nobody read, refused calls, descriptors that hk_accept lacks. NULL: standard error. text has lines, ends with
	 * a line feed, is borrowed. It may be called from another thread and must not call hocket. */
	void (*report)(enum hk_report, const char *text, void *arg);
	void *report_arg;
};

/* Runs fn(arg) as the main task. options may be NULL. Returns its result, -EDEADLK inside a task (with a report that says
 * what to do instead), or what failed while the loop was being set up (-EMFILE, -ENOMEM). */
HK_MUST int hk_run(hk_fn *fn, void *arg, const struct hk_run_options *options);

bool hk_running(void); /* is the caller a task? */
/* The loop's clock, read once a turn and so cheap; outside a loop CLOCK_MONOTONIC. exact: the same clock, read anew. */
int64_t hk_now_ns(void);
int64_t hk_now_exact_ns(void);
/* The time of day, since 1970-01-01T00:00:00Z; for people and protocols, never for measuring. On the virtual clock, so in the simulation, too (sim.h), each
 * run begins at 2026-01-01T00:00:00Z and moves with its clock. */
int64_t hk_wall_ns(void);
uint64_t hk_random(void); /* from the run's seed */

/* asyncio.sleep. 0 or less: let the others run once. 0, -ECANCELED. */
HK_MUST int hk_sleep(int64_t ns) HK_SUSPENDS;
HK_MUST int hk_yield(void) HK_SUSPENDS;
/* Only asks whether the task was cancelled: 0, -ECANCELED. Cheap; for long computations. trio.lowlevel.checkpoint_if_cancelled */
int hk_checkpoint(void);

/* Between begin and end nothing may suspend: a suspending call aborts with a sentence that names `where` (borrows). For
 * destructors and callbacks. begin returns what end takes, so that they nest. trio.testing.assert_no_checkpoints */
HK_MUST const char *hk_no_suspend_begin(const char *where);
void hk_no_suspend_end(const char *former);

/* Calls fn(arg) on the loop's own 8 MiB stack, for libraries that like deep stacks. fn must not suspend.
 * Costs one switch. Outside a task it is a plain call. */
int hk_bigstack(hk_fn *fn, void *arg);

/* Runs cb(arg) soon on the given loop; from any thread. The loop must outlive the call: join the threads that post, or
 * have them end, before the main task returns. 0, -ENOMEM. */
struct hk_loop;
struct hk_loop *hk_loop_self(void);
int hk_post(struct hk_loop *, void (*cb)(void *), void *arg);

struct hk_stats {
	uint64_t switches, polls, timers, offloads, spawned, stalls;
	size_t fibers, fibers_high;       /* alive now, most at one time */
	size_t parked_fd, parked_offload; /* who waits for a descriptor, for an off-loaded call */
	size_t stack_bytes_touched;       /* estimate: pages of pooled and living stacks */
	int64_t busy_ns, idle_ns;         /* outside and inside epoll_wait; virtual clock: idle 0 */
};
void hk_stats_get(struct hk_stats *);

HK_END
#endif
