/* sim_pool.c - off-loaded calls without threads
 *
 * What this room is for: blocking calls in a simulation. A thread would end them whenever it pleases; here each takes a drawn
 *   time and then runs whole, on the loop's own stack, between two tasks.
 * What flows through:    jobs of a pool: started in order and not more at once than its limit, as threads would.
 * What must hold:        to the caller nothing differs: it is parked, a started call cannot be taken back, calls that run at
 *   once end in any order. */
#include "rt/loop.h"
#include "rt/pool.h"
#include "rt/sim.h"
#include "base/banned.h"

#define CALL_NS_MAX (2 * HK_MS)

static void run_due(size_t *place, void *arg);

static void run_later(struct pool *p, struct job *j)
{
	struct hk_loop *loop = p->sim;
	int64_t ns = (int64_t)rand_below(&loop->sim->order, CALL_NS_MAX);

	ASSERT(j->started && j->timer == 0);
	j->pool = p;
	timers_set(&loop->timers, &j->timer, loop->now_ns + ns, run_due);
}

static void run_due(size_t *place, void *arg)
{
	struct job *j = container_of(place, struct job, timer), *next;
	struct pool *p = j->pool;

	sim_note(arg, "ended a call of", p->name, p->busy_n, (struct slice){ 0 });
	pool_run_job(j);
	next = pool_end_job(p);
	j->give_back(j); /* from here on the job may be gone */
	if (next)
		run_later(p, next);
}

void sim_pool_start(struct pool *p)
{
	struct job *j;

	while ((j = pool_next_job(p)) != NULL)
		run_later(p, j);
}
