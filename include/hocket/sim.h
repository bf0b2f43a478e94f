/* hocket/sim.h - the simulation: a function run over many seeds in virtual time
 *
 * What this room is for: tests that are exact and replay. In a simulation the clock jumps, the order in which runnable tasks
 *   run is drawn from a seed, and sockets (fd.h, http.h) are in memory, on a network that delays, loses, resets and parts as
 *   it is told. A seed replays everything, so a bug that shows once in ten thousand orders shows whenever you like.
 * Life cycle: hk_sim() runs fn(arg) as the main task of a fresh loop, once for each seed; every kind of failure ends it with a
 *   sentence and the command that replays that seed. HOCKET_SEED=N in the environment: only that seed, HOCKET_SEEDS=N: so many.
 * What must hold: (1) same program, same seed: same run. check_twice runs each seed twice and compares every choice, the
 *   clock and all bytes that moved; where they part it says after which one. (2) nothing of the world is touched: sockets are
 *   in memory, off-loaded calls run on the loop's own stack. What a task itself asks of the world (files, time(2), addresses in
 *   hash tables) is what check_twice is for. (3) the rules of the net may be changed at any time from within. */
#ifndef HOCKET_SIM_H
#define HOCKET_SIM_H
#include <hocket/types.h>

HK_BEGIN
/* What happens to bytes on the way. All zero: they arrive at once, in the order they were sent. Every address is a host of its
 * own. How errors show (what can still be read after a reset, which write fails) is as on Linux. */
struct hk_sim_net {
	int64_t latency_ns; /* one way */
	int64_t jitter_ns;  /* up to so much more, uniform; a stream keeps its order */
	/* Of a million segments: lost, which a stream's peer sees as a delay of retransmission (200 ms, doubling, RFC 6298); after
	 * 15 losses of one segment in a row the stream ends with -ETIMEDOUT. */
	unsigned loss_ppm;
	unsigned reset_ppm;  /* of a million segments: the stream breaks, -ECONNRESET for both */
	unsigned refuse_ppm; /* of a million connects: refused */
	bool short_reads;    /* reads and writes take a random part of what they could */
	size_t window_bytes; /* so far may a sender be ahead of its receiver; 0: 64 KiB */
};

struct hk_run_options;
struct hk_sim_options {
	uint64_t seed;    /* the first; 0: 1 */
	unsigned seeds;   /* how many; 0: 1 */
	int64_t limit_ns; /* virtual time of one run; 0: 24 hours: what takes longer has failed */
	bool in_order;    /* runnable tasks run first come, first served; else in seeded order */
	bool check_twice;
	struct hk_sim_net net; /* at the start of each run */
	/* Called outside the loop around each run: to make and check what it works on. after's result is the run's; NULL: fn's. */
	void (*before)(uint64_t seed, void *arg);
	int (*after)(uint64_t seed, int result, void *arg);
	/* Borrows; NULL: none. Stacks, threads and where reports go are honoured; clock and seed are the simulation's. */
	const struct hk_run_options *run;
	/* Borrows; how to run this very test, for the report; NULL: the program's own command line. */
	const char *replay;
};
/* 0, or the first failure; standard error says the rest, last of all "replay: HOCKET_SEED=17 ./program":
 *   a result < 0 of fn or after; -ETIME: limit_ns ran out, everything was cancelled and who still ran is listed;
 *   -EUCLEAN: a socket was left open; -EILSEQ: two runs of one seed differed. Where the process aborts or crashes instead
 *   (a misuse, a deadlock, an assertion, four million switches at one instant), that line is its last word.
 * Before the first run: -EDEADLK in a loop, -EINVAL when the environment's numbers are none. */
HK_MUST int hk_sim(hk_fn *fn, void *arg, const struct hk_sim_options *);

/* ---- within a run ---- */
bool hk_sim_running(void);
uint64_t hk_sim_seed(void);
void hk_sim_net_set(const struct hk_sim_net *); /* from now on */
/* A partition between the two ends of streams to or from this port: nothing arrives until it is healed; connects wait. */
void hk_sim_part(uint16_t port);
void hk_sim_heal(uint16_t port);
void hk_sim_reset(uint16_t port); /* every stream to this port is reset now */

/* Also outside the simulation: until every other task waits for something other than a timer that is due now.
 * 0, -ECANCELED. trio.testing.wait_all_tasks_blocked */
HK_MUST int hk_wait_all_parked(void) HK_SUSPENDS;
/* Two connected stream sockets (socketpair); in the simulation on its net. 0, -errno. */
HK_MUST int hk_pair(int ret[2]);

HK_END
#endif
