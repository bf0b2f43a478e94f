/* pool.c - a pool of threads that take jobs from one line
 *
 * What this room is for: running blocking calls beside the loop, in order, not more at once than allowed.
 * What flows through:    jobs: loop -> line -> thread -> give_back(), which posts them back.
 * What must hold:
 *  (1) a job is in the line, or started, never both; who takes it from the line decides which, under the lock.
 *  (2) a thread is counted busy from taking a job until fn has returned, and no longer when give_back() tells: who has a result
 *      finds the thread free.
 *  (3) a waiting thread is signalled for each job and leaves it when the limit is reached; then the next thread to end a
 *      job looks at the line itself, so no signal is lost.
 *  (4) threads block all signals: those belong to the loop's thread.
 *
 *      pool_submit            next job, busy_n < limit            fn returned
 *   -> IN LINE ------------------------------------> STARTED ------------------> give_back()
 *         +----- pool_take_back ----> the submitter's again */
#include "rt/pool.h"
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/banned.h"

#define STACK_BYTES ((size_t)8 << 20) /* touched only as far as it is used */

unsigned pool_cores(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);
	return n > 0 ? (unsigned)n : 1;
}

void pool_init(struct pool *p, const char *name, unsigned limit)
{
	ASSERT(limit > 0);
	*p = (struct pool){ .limit = limit, .name = name };
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->work, NULL);
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
	p->line_n++;
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
	p->line_n--;
}

/* ---- in the threads ------------------------------------------------------------------------ */

/* Under the lock. NULL: nothing may start now. */
struct job *pool_next_job(struct pool *p)
{
	struct job *j = p->busy_n < p->limit ? p->first : NULL;

	if (!j)
		return NULL;
	line_remove(p, j);
	j->started = true;
	p->busy_n++;
	return j;
}

static struct job *wait_for_job(struct pool *p)
{
	struct job *j;

	pthread_mutex_lock(&p->lock);
	while (!(j = pool_next_job(p)) && !p->stop)
		pthread_cond_wait(&p->work, &p->lock);
	pthread_mutex_unlock(&p->lock);
	return j;
}

/* The job is over; the next one, if it waits already. */
struct job *pool_end_job(struct pool *p)
{
	struct job *next;

	pthread_mutex_lock(&p->lock);
	ASSERT(p->busy_n > 0);
	p->busy_n--;
	next = pool_next_job(p);
	pthread_mutex_unlock(&p->lock);
	return next;
}

__thread const char *pool_job_name_;

void pool_run_job(struct job *j)
{
	ASSERT(j->started && !pool_job_name_);
	pool_job_name_ = j->name;
	j->result = j->fn(j->arg);
	pool_job_name_ = NULL;
}

static void *work(void *arg)
{
	struct pool *p = arg;
	struct job *j, *next = NULL;

	while ((j = next ? next : wait_for_job(p)) != NULL) {
		pool_run_job(j);
		next = pool_end_job(p);
		j->give_back(j); /* from here on the job may be gone */
	}
	return NULL;
}

/* ---- in the loop --------------------------------------------------------------------------- */

/* Under the lock. */
static int make_room(struct pool *p)
{
	unsigned room = p->threads_room ? 2 * p->threads_room : 4;
	pthread_t *grown;

	if (p->threads_n < p->threads_room)
		return 0;
	grown = reallocarray(p->threads, room, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	p->threads = grown;
	p->threads_room = room;
	return 0;
}

/* With a stack as deep as the loop's own, whatever `ulimit -s` says: libraries that like that come here, too. */
static int create(struct pool *p, pthread_t *ret)
{
	pthread_attr_t attr;
	sigset_t all, former;
	int r;

	sigfillset(&all);
	pthread_attr_init(&attr);
	(void)pthread_attr_setstacksize(&attr,
					STACK_BYTES); /* fails for what is less than 16 KiB */
	pthread_sigmask(SIG_SETMASK, &all, &former);
	r = pthread_create(ret, &attr, work, p);
	pthread_sigmask(SIG_SETMASK, &former, NULL);
	pthread_attr_destroy(&attr);
	return -r;
}

/* Under the lock. */
static int start_thread(struct pool *p)
{
	int r = make_room(p);

	ASSERT(p->threads_n < p->limit);
	if (r == 0)
		r = create(p, &p->threads[p->threads_n]);
	if (r < 0)
		return r;
	(void)pthread_setname_np(p->threads[p->threads_n++], p->name); /* only for who looks */
	return 0;
}

/* Under the lock: as many threads as the line can use. Fewer than wished for still do the work. */
static int start_threads(struct pool *p)
{
	int r = 0;

	if (p->sim) {
		sim_pool_start(p);
		return 0;
	}
	while (r == 0 && p->threads_n < p->limit && p->busy_n + p->line_n > p->threads_n)
		r = start_thread(p);
	return p->threads_n > 0 ? 0 : r;
}

int pool_submit(struct pool *p, struct job *j)
{
	int r;

	ASSERT(j->fn && j->give_back);
	pthread_mutex_lock(&p->lock);
	line_append(p, j);
	r = start_threads(p);
	if (r < 0)
		line_remove(p, j);
	else
		pthread_cond_signal(&p->work);
	pthread_mutex_unlock(&p->lock);
	return r;
}

bool pool_take_back(struct pool *p, struct job *j)
{
	bool mine;

	pthread_mutex_lock(&p->lock);
	mine = !j->started;
	if (mine)
		line_remove(p, j);
	pthread_mutex_unlock(&p->lock);
	return mine;
}

void pool_limit_set(struct pool *p, unsigned limit)
{
	ASSERT(limit > 0);
	pthread_mutex_lock(&p->lock);
	p->limit = limit;
	(void)start_threads(p); /* those that are there go on with the line */
	pthread_cond_broadcast(&p->work);
	pthread_mutex_unlock(&p->lock);
}

void pool_done(struct pool *p)
{
	if (!p->limit)
		return; /* never made */
	ASSERT(!p->first && p->busy_n == 0);
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
