/* offload.c - blocking calls: out of the loop into a thread and back
 *
 * What this room is for: what a task, its cancellation and a limiter mean for a job of a pool (pool.c).
 * What flows through:    calls: loop -> line of the pool -> thread -> mailbox -> loop.
 * What must hold:
 *  (1) a call that cannot be abandoned lies on its caller's stack: the caller is parked until the call came back, or was
 *      taken from the line before a thread had it. Its result is reported, cancelled or not.
 *  (2) one that can be abandoned lies on the heap; caller and call know of each other only by two pointers, and whoever
 *      leaves first clears the other's. The caller frees the call that came back, deliver() the one nobody waits for.
 *  (3) whoever gets -ECANCELED from an abandonable call has given arg away: abandoned(arg) is called exactly once,
 *      also when fn never ran. With any other result it never is.
 *  (4) a permit is held from before the line until fn has returned; the loop ends when nothing is pending.
 *
 *            permit, submit            a thread took it             fn returned, letter
 *   caller -----------------> IN LINE ------------------> STARTED -------------------> caller runs with fn's result
 *      | cancelled: runs,        | cancelled: taken back,    | cancelled, abandonable: the caller runs, -ECANCELED
 *      v -ECANCELED              v the caller runs,          v
 *   (no permit yet)              -ECANCELED               ABANDONED -----------------> abandoned(arg), freed
 *
 * A call that is cancelled while STARTED and cannot be abandoned stays as it is. */
#include "rt/offload.h"
#include "rt/loop.h"
#include "rt/report.h"
#include "rt/scope.h"
#include <stdlib.h>
#include "base/banned.h"

struct waiter;
struct call {
	struct job job;
	struct letter letter;
	struct hk_loop *loop;
	struct pool *pool;
	struct hk_sem *limiter;       /* NULL: none */
	void (*abandoned)(void *arg); /* NULL: cannot be */
	struct waiter *waiter;        /* on the caller's stack; NULL: abandoned */
};
struct waiter {
	struct park park;
	struct call *call; /* NULL: abandoned */
};

void offloads_init(struct offloads *o, unsigned io_threads, unsigned cpu_threads)
{
	pool_init(&o->pools[HK_POOL_IO], "hocket-io", io_threads);
	pool_init(&o->pools[HK_POOL_CPU], "hocket-cpu", cpu_threads);
}

void offloads_done(struct offloads *o)
{
	ASSERT(o->pending == 0 && o->abandoned == 0);
	for (size_t i = 0; i < POOLS; i++)
		pool_done(&o->pools[i]);
}

/* ---- the end of a call, in the loop --------------------------------------------------------- */

static void tell_abandoned(void (*abandoned)(void *arg), void *arg)
{
	const char *former = hk_no_suspend_begin("an off-loaded call's abandoned()");

	abandoned(arg);
	hk_no_suspend_end(former);
}

/* It runs no more and waits in no line. */
static void call_over(struct call *c)
{
	ASSERT(c->loop->offloads.pending > 0);
	c->loop->offloads.pending--;
	if (c->limiter)
		hk_sem_release(c->limiter);
}

static void deliver(struct letter *letter)
{
	struct call *c = container_of(letter, struct call, letter);

	ASSERT(c->job.started && (c->waiter || c->abandoned));
	call_over(c);
	if (c->waiter) {
		ASSERT(c->waiter->call == c);
		fiber_wake(c->waiter->park.fiber, c->job.result);
		return;
	}
	c->loop->offloads.abandoned--;
	tell_abandoned(c->abandoned, c->job.arg);
	free(c);
}

static void post_back(struct job *job)
{
	struct call *c = container_of(job, struct call, job);
	mailbox_post(&c->loop->mailbox, &c->letter);
}

/* ---- cancelling ----------------------------------------------------------------------------- */

static bool take_back(struct park *park)
{
	struct waiter *w = container_of(park, struct waiter, park);
	struct call *c = w->call;

	ASSERT(c && c->waiter == w);
	if (pool_take_back(c->pool, &c->job)) {
		call_over(c);
		return true;
	}
	if (!c->abandoned)
		return false;
	c->waiter = NULL;
	w->call = NULL;
	c->loop->offloads.abandoned++;
	return true;
}

/* ---- in dumps ------------------------------------------------------------------------------- */

static void describe_call(const struct park *park, struct wait *ret)
{
	const struct call *c = container_of(park, struct waiter, park)->call;

	ret->call = (const void *)(uintptr_t)c->job.fn;
	(void)snprintf(ret->what, sizeof(ret->what), "%.100s", park->why);
}

/* ---- making a call -------------------------------------------------------------------------- */

/* From here on the call is somebody else's until it comes back by deliver(), or take_back() gets it. */
static int submit(struct call *c)
{
	struct hk_loop *loop = c->loop;
	int r = pool_submit(c->pool, &c->job);

	if (r < 0)
		return r;
	loop->offloads.pending++;
	loop->stats.offloads++;
	return 0;
}

static struct call call_of(struct hk_loop *loop, hk_fn *fn, void *arg,
			   const struct hk_offload_options *o)
{
	struct call c;

	ASSERT(fn && (unsigned)o->pool < POOLS);
	c = (struct call){
		.job = { .fn = fn, .arg = arg, .give_back = post_back },
		.letter = { .deliver = deliver },
		.loop = loop,
		.pool = &loop->offloads.pools[o->pool],
		.limiter = o->limiter,
		.abandoned = o->abandoned,
	};
	(void)snprintf(c.job.name, sizeof(c.job.name), "%s", o->name ? o->name : "a call");
	return c;
}

void offload_refuse(const char *caller)
{
	misuse("%s() was called in the off-loaded call \"%s\", beside the loop: only hk_post() may "
	       "be called there",
	       caller, pool_job_name_);
}

static int wait_for(struct hk_fiber_ *self, struct call *c, struct waiter *w) SUSPENDS
{
	int r;

	w->call = c;
	c->waiter = w;
	r = submit(c);
	if (r < 0 && c->limiter)
		hk_sem_release(c->limiter);
	return r < 0 ? r : fiber_park(self, &w->park);
}

static struct waiter waiter_of(const char *name, bool (*cancel)(struct park *))
{
	return (struct waiter){ .park = { .why = name ? name : "an off-loaded call",
					  .cancel = cancel,
					  .describe = describe_call } };
}

/* With the permit, if there is a limiter. */
static int call_and_wait(struct hk_fiber_ *self, hk_fn *fn, void *arg,
			 const struct hk_offload_options *o) SUSPENDS
{
	struct call call = call_of(self->loop, fn, arg, o);
	struct waiter w = waiter_of(o->name, take_back);

	return wait_for(self, &call, &w);
}

static int call_and_perhaps_wait(struct hk_fiber_ *self, hk_fn *fn, void *arg,
				 const struct hk_offload_options *o) SUSPENDS
{
	struct call *call = malloc(sizeof(*call));
	struct waiter w = waiter_of(o->name, take_back);
	int r;

	if (!call && o->limiter)
		hk_sem_release(o->limiter);
	if (!call)
		return -ENOMEM;
	*call = call_of(self->loop, fn, arg, o);
	r = wait_for(self, call, &w);
	if (!w.call)
		return -ECANCELED;
	free(call);
	if (r == -ECANCELED)
		tell_abandoned(o->abandoned, arg);
	return r;
}

int hk_offload_with(hk_fn *fn, void *arg, const struct hk_offload_options *options)
{
	struct hk_offload_options o = options ? *options : (struct hk_offload_options){ 0 };
	struct hk_fiber_ *self = fiber_self();
	int r = fiber_checkpoint(self);

	if (r == 0 && o.limiter)
		r = hk_sem_acquire(o.limiter);
	if (r == 0)
		return o.abandoned ? call_and_perhaps_wait(self, fn, arg, &o)
				   : call_and_wait(self, fn, arg, &o);
	if (o.abandoned)
		tell_abandoned(o.abandoned, arg);
	return r;
}

static int offload(struct hk_fiber_ *self, hk_fn *fn, void *arg, enum hk_pool pool) SUSPENDS
{
	int r = fiber_checkpoint(self);
	return r < 0 ? r
		     : call_and_wait(self, fn, arg, &(struct hk_offload_options){ .pool = pool });
}

int hk_offload(hk_fn *fn, void *arg)
{
	return offload(fiber_self(), fn, arg, HK_POOL_IO);
}

int hk_offload_cpu(hk_fn *fn, void *arg)
{
	return offload(fiber_self(), fn, arg, HK_POOL_CPU);
}

int offload_always(hk_fn *fn, void *arg)
{
	struct hk_fiber_ *self = fiber_self_of("hk_file_close");
	struct call call = call_of(self->loop, fn, arg, &(struct hk_offload_options){ 0 });
	struct waiter w = waiter_of(NULL, NULL);

	if (self->loop->no_suspend)
		return fiber_checkpoint(self); /* it says what is wrong */
	return wait_for(self, &call, &w);
}

/* ---- limits --------------------------------------------------------------------------------- */

static struct pool *pool_of_loop(enum hk_pool pool, const char *caller)
{
	struct hk_loop *loop = loop_self();

	offload_check_not_in(caller);
	if (!loop)
		misuse("%s() was called where no loop runs: start one with hk_run()", caller);
	ASSERT((unsigned)pool < POOLS);
	return &loop->offloads.pools[pool];
}

void hk_offload_limit_set(enum hk_pool pool, unsigned threads)
{
	struct pool *p = pool_of_loop(pool, __func__);

	if (threads == 0)
		misuse("hk_offload_limit_set() to 0 threads: no call would ever run; 1 is the "
		       "least");
	pool_limit_set(p, threads);
}

unsigned hk_offload_limit(enum hk_pool pool)
{
	return pool_of_loop(pool, __func__)->limit; /* only this thread writes it */
}
