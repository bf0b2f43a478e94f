/* sim.c - the loop in a simulation: whose turn it is and how late it is, by seed
 *
 * What this room is for: the two things that a loop leaves to chance in the real world. With them drawn from a seed, an order
 *   of events that comes up once in ten thousand runs comes up whenever its seed is run.
 * What flows through:    fibers out of the run queue, the virtual clock, notes for the comparison of two runs.
 * What must hold:
 *  (1) any runnable fiber may be the next, and none waits for ever: each of the first `window` is equally likely, and what
 *      stands behind them moves up. The window is drawn for each run: with 2 an order is nearly kept, with 64 nearly random;
 *      different mistakes live in either.
 *  (2) a run ends: what passes the limit of virtual time is cancelled as a whole; what goes on for as long again, or never lets the
 *      clock move, is stopped with a sentence that names the task. */
#include "rt/sim.h"
#include "rt/loop.h"
#include "rt/report.h"
#include "rt/sim_trace.h"
#include <hocket/dump.h>
#include <inttypes.h>
#include <unistd.h>
#include "base/banned.h"

/* So many switches at one instant are a circle: tasks that yield to each other for ever. */
#define STILL_MAX UINT64_C(4000000)

void sim_attach(struct hk_loop *loop, struct sim *sim)
{
	loop->sim = sim;
	sim->net.loop = loop;
	for (size_t i = 0; i < POOLS; i++)
		loop->offloads.pools[i].sim = loop;
}

/* ---- notes ------------------------------------------------------------------------------------- */

int64_t sim_now_ns(const struct hk_loop *loop)
{
	return loop->now_ns - loop->started_ns;
}

void sim_note(struct hk_loop *loop, const char *what, const char *who, int64_t number,
	      struct slice bytes)
{
	ASSERT(loop->sim);
	if (loop->sim->trace)
		trace_add(loop->sim->trace, sim_now_ns(loop), what, who, number, bytes);
}

/* ---- whose turn it is ---------------------------------------------------------------------------- */

static size_t count_runnable(const struct run_queue *q, size_t most)
{
	size_t n = 0;

	for (const struct hk_fiber_ *f = q->first; f && n < most; f = f->run_next)
		n++;
	return n;
}

/* Takes the one behind `before` and puts it first. */
static void to_front(struct run_queue *q, struct hk_fiber_ *before)
{
	struct hk_fiber_ *f = before->run_next;

	ASSERT(f && f->state == FIBER_RUNNABLE);
	before->run_next = f->run_next;
	if (q->last == f)
		q->last = before;
	f->run_next = q->first;
	q->first = f;
}

void sim_choose(struct hk_loop *loop, struct run_queue *q)
{
	struct sim *sim = loop->sim;
	size_t n = count_runnable(q, sim->window);
	size_t k = n > 1 ? (size_t)rand_below(&sim->order, n) : 0;
	struct hk_fiber_ *before = q->first;

	ASSERT(n > 0);
	for (size_t i = 1; i < k; i++)
		before = before->run_next;
	if (k > 0)
		to_front(q, before);
	sim_note(loop, "ran task", q->first->name, (int64_t)loop->stats.switches,
		 (struct slice){ 0 });
	if (++sim->still > STILL_MAX)
		misuse("the simulated clock stands still: four million switches at one instant, "
		       "task \"%s\" runs in a circle without waiting for anything",
		       q->first->name);
}

/* ---- how late it is ------------------------------------------------------------------------------ */

void sim_clock_moved(struct hk_loop *loop)
{
	struct sim *sim = loop->sim;
	int64_t now_ns = sim_now_ns(loop);

	sim->still = 0;
	sim_note(loop, "moved", "the clock", now_ns, (struct slice){ 0 });
	if (now_ns <= sim->limit_ns)
		return;
	if (sim->late && now_ns - sim->late_ns > sim->limit_ns)
		misuse("the simulation does not end: it was cancelled at its limit of virtual "
		       "time, and "
		       "as long again has passed since");
	if (sim->late)
		return;
	sim->late = true;
	sim->late_ns = now_ns;
	(void)dprintf(STDERR_FILENO,
		      "hocket: simulation: seed %" PRIu64
		      ": the limit of virtual time ran out while these waited\n",
		      sim->seed);
	(void)hk_dump(STDERR_FILENO, HK_DUMP_STACKS);
	hk_scope_cancel(&loop->root);
}

/* ---- within a run -------------------------------------------------------------------------------- */

bool hk_sim_running(void)
{
	struct hk_loop *loop = loop_self();
	return loop && loop->sim;
}

uint64_t hk_sim_seed(void)
{
	return hk_sim_running() ? loop_self()->sim->seed : 0;
}
