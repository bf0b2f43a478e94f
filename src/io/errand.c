/* errand.c - an off-loaded call that nobody waits for
 *
 * What this room is for: hk_offload parks its caller; a cancelled task, or a function that must not suspend, has nobody to park.
 * What flows through:    a function and its argument to the pool of threads; the letter that comes back frees the errand.
 * What must hold:        the loop counts it like an abandoned call, so that it waits for it at its end. */
#include "io/errand.h"
#include "base/lang.h"
#include "rt/loop.h"
#include <stdio.h>
#include <stdlib.h>

struct errand {
	struct job job;
	struct letter letter;
	struct hk_loop *loop;
};

static void errand_over(struct letter *letter)
{
	struct errand *e = container_of(letter, struct errand, letter);

	ASSERT(e->loop->offloads.pending > 0 && e->loop->offloads.abandoned > 0);
	e->loop->offloads.pending--;
	e->loop->offloads.abandoned--;
	free(e);
}

static void post_back(struct job *job)
{
	struct errand *e = container_of(job, struct errand, job);
	mailbox_post(&e->loop->mailbox, &e->letter);
}

void errand_send(hk_fn *fn, void *arg, const char *name)
{
	struct hk_loop *loop = loop_self();
	struct errand *e;

	if (!loop) {
		(void)fn(arg);
		return;
	}
	e = xcalloc(1, sizeof(*e));
	*e = (struct errand){ .job = { .fn = fn, .arg = arg, .give_back = post_back },
			      .letter = { .deliver = errand_over },
			      .loop = loop };
	(void)snprintf(e->job.name, sizeof(e->job.name), "%s", name);
	if (pool_submit(&loop->offloads.pools[HK_POOL_IO], &e->job) < 0) {
		(void)fn(arg);
		free(e);
		return;
	}
	loop->offloads.pending++;
	loop->offloads.abandoned++;
	loop->stats.offloads++;
}
