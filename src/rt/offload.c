/* offload.c - thread pools for what would block the loop
 *
 * What this room is for: files, DNS and SQLite in one pool; computation in another, so that a name look-up never
 *   waits behind a compression.
 * What flows through:    jobs on their callers' stacks: loop -> line of the pool -> thread -> mailbox -> loop.
 * What must hold:
 *  (1) a caller is parked until its job came back, or was taken from the line before a thread had it.
 *  (2) a started job cannot be cancelled: its memory is the caller's stack. Its result is reported.
 *  (3) threads block all signals: those belong to the loop's thread.
 *
 *        offload            take_job           work            deliver
 *   -> WAITING (in line) -> STARTED (thread) -> posted letter -> caller runs
 *          +--- take_back (cancelled) ---------------------------> caller runs, -ECANCELED */
#include "rt/offload.h"
#include "rt/loop.h"
#include "rt/scope.h"
#include <hocket/offload.h>
#include <signal.h>
#include <stdlib.h>
#include "base/banned.h"

struct job {
	struct letter letter;
	struct park park;
	struct job *next, *prev;
	struct pool *pool;
	struct hk_loop *loop;
	hk_fn *fn;
	void *arg;
	int result;
	bool started;
};

int pool_init(struct pool *p, unsigned max)
{
	ASSERT(max > 0);
	*p = (struct pool){ .max = max };
	p->threads = calloc(max, sizeof(*p->threads));
	if (!p->threads)
		return -ENOMEM;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->work, NULL);
	return 0;
}

/* ---- the line; under the lock -------------------------------------------------------------- */

static void line_append(struct pool *p, struct job *j)
{
	ASSERT(!p->first == !p->last && !j->started);
	j->next = NULL;
	j->prev = p->last;
	if (p->last)
		p->last->next = j;
	else
		p->first = j;
	p->last = j;
}

static void line_remove(struct pool *p, struct job *j)
{
	ASSERT(j->prev ? j->prev->next == j : p->first == j);
	ASSERT(j->next ? j->next->prev == j : p->last == j);
	if (j->prev)
		j->prev->next = j->next;
	else
		p->first = j->next;
	if (j->next)
		j->next->prev = j->prev;
	else
		p->last = j->prev;
}

/* ---- in the threads ------------------------------------------------------------------------ */

static struct job *take_job(struct pool *p)
{
	struct job *j;

	pthread_mutex_lock(&p->lock);
	p->idle_n++;
	while (!p->first && !p->stop)
		pthread_cond_wait(&p->work, &p->lock);
	p->idle_n--;
	j = p->first;
	if (j) {
		line_remove(p, j);
		j->started = true;
	}
	pthread_mutex_unlock(&p->lock);
	return j;
}

static void *work(void *arg)
{
	struct pool *p = arg;
	struct job *j;

	while ((j = take_job(p)) != NULL) {
		j->result = j->fn(j->arg);
		mailbox_post(&j->loop->mailbox, &j->letter); /* from here on the job may be gone */
	}
	return NULL;
}

/* ---- in the loop --------------------------------------------------------------------------- */

static int start_thread(struct pool *p)
{
	sigset_t all, former;
	int r;

	ASSERT(p->threads_n < p->max);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &former);
	r = pthread_create(&p->threads[p->threads_n], NULL, work, p);
	pthread_sigmask(SIG_SETMASK, &former, NULL);
	if (r == 0)
		p->threads_n++;
	return -r;
}

static int submit(struct pool *p, struct job *j)
{
	size_t waiting = 1;
	int r = 0;

	pthread_mutex_lock(&p->lock);
	for (struct job *at = p->first; at && waiting <= p->idle_n; at = at->next)
		waiting++;
	if (waiting > p->idle_n && p->threads_n < p->max)
		r = start_thread(p);
	if (p->threads_n > 0) {
		r = 0; /* fewer threads than wished for still do the work */
		line_append(p, j);
		pthread_cond_signal(&p->work);
	}
	pthread_mutex_unlock(&p->lock);
	return r;
}

static void deliver(struct letter *letter)
{
	struct job *j = container_of(letter, struct job, letter);

	ASSERT(j->started && j->pool->pending > 0);
	j->pool->pending--;
	fiber_wake(j->park.fiber, j->result);
}

static bool take_back(struct park *park)
{
	struct job *j = container_of(park, struct job, park);
	bool mine;

	pthread_mutex_lock(&j->pool->lock);
	mine = !j->started;
	if (mine)
		line_remove(j->pool, j);
	pthread_mutex_unlock(&j->pool->lock);
	if (mine)
		j->pool->pending--;
	return mine;
}

static int offload(struct hk_fiber_ *self, unsigned pool, hk_fn *fn, void *arg,
		   bool always) SUSPENDS
{
	struct job j = {
		.letter = { .deliver = deliver },
		.park = { .why = "off-loaded call", .cancel = always ? NULL : take_back },
		.pool = &self->loop->pools[pool],
		.loop = self->loop,
		.fn = fn,
		.arg = arg,
	};
	int r;

	ASSERT(fn && !self->loop->big.caller);
	r = submit(j.pool, &j);

	if (r < 0)
		return r;
	j.pool->pending++;
	self->loop->stats.offloads++;
	return fiber_park(self, &j.park);
}

int hk_offload(hk_fn *fn, void *arg)
{
	struct hk_fiber_ *self = fiber_self();
	int r = fiber_checkpoint(self);
	return r < 0 ? r : offload(self, POOL_IO, fn, arg, false);
}

int hk_offload_cpu(hk_fn *fn, void *arg)
{
	struct hk_fiber_ *self = fiber_self();
	int r = fiber_checkpoint(self);
	return r < 0 ? r : offload(self, POOL_CPU, fn, arg, false);
}

int offload_always(hk_fn *fn, void *arg)
{
	return offload(fiber_self(), POOL_IO, fn, arg, true);
}

void pool_done(struct pool *p)
{
	if (!p->threads)
		return;
	ASSERT(p->pending == 0 && !p->first);
	pthread_mutex_lock(&p->lock);
	p->stop = true;
	pthread_cond_broadcast(&p->work);
	pthread_mutex_unlock(&p->lock);
	for (unsigned i = 0; i < p->threads_n; i++)
		pthread_join(p->threads[i], NULL);
	pthread_cond_destroy(&p->work);
	pthread_mutex_destroy(&p->lock);
	free(p->threads);
	p->threads = NULL;
}
