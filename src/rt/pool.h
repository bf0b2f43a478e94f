/* pool.h - a pool of threads that take jobs from one line
 *
 * What this room is for: the threads behind hk_offload, and nothing that knows of tasks.
 * Life cycle of a job: pool_submit -> (pool_take_back | a thread calls fn, then give_back); the job's memory is the
 *   submitter's and is not touched after give_back was called.
 * What must hold: (1) jobs start in the order in which they were submitted. (2) never more than `limit` run at once;
 *   lowered, it takes effect as calls end. (3) threads start when a job waits and none is idle, and stay. */
#pragma once
#include "base/lang.h"
#include <hocket/types.h>
#include <pthread.h>

struct hk_loop;
struct pool;
struct job {
	struct job *next, *prev; /* in the line */
	hk_fn *fn;
	void *arg;
	int result;
	char name[40];                   /* for who does in it what only tasks may */
	bool started;                    /* under the pool's lock, or after give_back */
	size_t timer;                    /* sim_pool.c: when it ends */
	struct pool *pool;               /* the same: whose it is */
	void (*give_back)(struct job *); /* in the thread; the job is the submitter's again */
};
struct pool {
	pthread_mutex_t lock; /* guards all that follows, to stop */
	pthread_cond_t work;
	struct job *first, *last;
	pthread_t *threads; /* owns */
	unsigned threads_n, threads_room, limit;
	unsigned line_n, busy_n; /* jobs that wait, that run */
	bool stop;
	const char *name; /* of its threads: "hocket-io" */
	struct hk_loop *
		sim; /* sim_pool.c: no threads, calls end in this loop's virtual time; NULL: threads */
};

void pool_init(struct pool *, const char *name, unsigned limit);
void pool_done(struct pool *); /* joins the threads; the line is empty */
/* 0; < 0: there is not a single thread and none can be started. */
MUST int pool_submit(struct pool *, struct job *);
/* true: no thread had it yet, and none will. */
bool pool_take_back(struct pool *, struct job *);
void pool_limit_set(struct pool *, unsigned limit);
unsigned pool_cores(void); /* how many can compute at once, at least 1 */

/* The name of the job that this thread runs just now; NULL: none. */
extern __thread const char *pool_job_name_ __attribute__((tls_model("initial-exec")));
void pool_run_job(struct job *);
/* For sim_pool.c, which has no threads that could ask: the next that may start, NULL: none; and the end of one, with the next. */
struct job *pool_next_job(struct pool *);
struct job *pool_end_job(struct pool *);
/* sim_pool.c: starts what may start. */
void sim_pool_start(struct pool *);
