/* offload.h - the thread pools behind hk_offload
 *
 * What must hold: (1) threads start when work waits and none is idle, up to max. (2) a job lies on its caller's stack;
 *   the caller is parked until the job has been delivered or taken back. */
#pragma once
#include "base/lang.h"
#include <hocket/types.h>
#include <pthread.h>

enum { POOL_IO, POOL_CPU, POOLS };

struct job;
struct hk_loop;
struct pool {
	pthread_mutex_t lock; /* guards everything below but max and pending */
	pthread_cond_t work;
	struct job *first, *last;
	pthread_t *threads; /* owns */
	unsigned threads_n, idle_n, max;
	bool stop;
	size_t pending; /* the loop's count of parked callers */
};

MUST int pool_init(struct pool *, unsigned max);
void pool_done(struct pool *); /* joins the threads; nothing may be pending */
/* As hk_offload, but not refused and not taken back when the caller is cancelled. */
MUST int offload_always(hk_fn *fn, void *arg) SUSPENDS;
