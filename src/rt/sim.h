/* sim.h - what the loop asks when it runs in the simulation
 *
 * What this room is for: the places where the real loop takes something from the world (whose turn it is, how late it is)
 *   and the simulated one from the seed. loop->sim is NULL outside of it.
 * What must hold: (1) everything drawn comes from sim->order or the program's own hk_random(), which differ, so that one draw
 *   more of the program does not change the net. (2) every decision is noted: two runs of a seed can be compared. */
#pragma once
#include "base/rand.h"
#include "base/slice.h"
#include "rt/fiber.h"
#include "rt/sim_net.h"
#include <hocket/sim.h>

#define SIM_DAY_NS (1767225600 * HK_SEC) /* 2026-01-01T00:00:00Z: when each run begins */

struct sim_trace;
struct hk_run_options;

struct sim {
	uint64_t seed;
	struct rand order; /* of the scheduler and of off-loaded calls */
	size_t window; /* the next fiber is drawn among so many of the runnable ones; 1: in order */
	int64_t limit_ns; /* virtual, since the start */
	uint64_t still;   /* choices since the clock moved */
	bool late;        /* the limit is over: everything was cancelled */
	int64_t late_ns;  /* since when */
	struct sim_net net;
	struct sim_trace *trace; /* borrows; NULL: nobody compares */
};

/* run.c: hk_run in a simulation. */
MUST int loop_open_and_run(hk_fn *fn, void *arg, const struct hk_run_options *, struct sim *);

/* run.c: the loop runs in this simulation from here on. */
void sim_attach(struct hk_loop *, struct sim *);
/* fiber.c: brings the fiber that shall run next to the front of a queue that is not empty. */
void sim_choose(struct hk_loop *, struct run_queue *);
/* loop.c: the virtual clock was moved. */
void sim_clock_moved(struct hk_loop *);
int64_t sim_now_ns(const struct hk_loop *); /* since the start of the run */
/* Something happened that two runs of one seed must agree on. who, number, bytes: what tells it from others. */
void sim_note(struct hk_loop *, const char *what, const char *who, int64_t number,
	      struct slice bytes);
