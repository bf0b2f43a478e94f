/* producer_consumer.c - pattern 3: a bounded queue between a producer and eight workers
 *
 * Python: asyncio.Queue(maxsize=100), put() that waits, a None for each consumer at the end
 *
 * A full queue makes the producer wait: that is backpressure, and memory stays bounded whatever the input. Closing the queue
 * replaces the Nones: workers drain what is left and then get -EPIPE. The inner group ends when all workers have ended, or as
 * soon as one fails: then the producer is cancelled too, and nobody waits for ever. */
#include <errno.h>
#include <hocket/hocket.h>
#include <stdio.h>

enum { ITEMS = 1000, WORKERS = 8 };

struct pipeline {
	struct hk_queue *items;
	long sum;
	int done[WORKERS];
	size_t longest;
};
struct worker {
	struct pipeline *pipeline;
	int number;
};

static int produce(void *arg)
{
	struct pipeline *p = arg;
	int r = 0;

	for (int item = 0; r == 0 && item < ITEMS; item++) {
		r = hk_queue_put(p->items, &item); /* waits while the queue is full */
		if (hk_queue_len(p->items) > p->longest)
			p->longest = hk_queue_len(p->items);
	}
	hk_queue_close(p->items);
	return r;
}

static int work(void *arg)
{
	struct worker *w = arg;
	int item, r;

	while ((r = hk_queue_get(w->pipeline->items, &item)) == 0) {
		r = hk_sleep(HK_MS); /* a slow call */
		if (r < 0)
			return r;
		w->pipeline->sum += item; /* one thread: no lock needed between two waits */
		w->pipeline->done[w->number]++;
	}
	return r == -EPIPE ? 0 : r; /* closed and drained: the normal end */
}

static int run_pipeline(struct pipeline *p)
{
	struct worker workers[WORKERS];
	struct hk_group group;
	int r;

	hk_group_open(&group, &(struct hk_group_options){ .name = "pipeline" });
	r = hk_spawn(&group, produce, p);
	for (int i = 0; r == 0 && i < WORKERS; i++) {
		workers[i] = (struct worker){ p, i };
		r = hk_spawn(&group, work, &workers[i]);
	}
	return hk_group_close(&group, r); /* waits for all; the first failure, if any */
}

static int program(void *arg)
{
	struct pipeline p = { .items = hk_queue_new(sizeof(int), 100) };
	int busy = 0, r;

	(void)arg;
	if (!p.items)
		return -ENOMEM;
	r = run_pipeline(&p);
	hk_queue_free(p.items);
	for (int i = 0; i < WORKERS; i++)
		busy += p.done[i] > 0;
	printf("sum %ld of %d items by %d workers, at most %zu in the queue\n", p.sum, ITEMS, busy,
	       p.longest);
	return r < 0 || p.sum != (long)ITEMS * (ITEMS - 1) / 2 ? -EIO : 0;
}

int main(void)
{
	return hk_run(program, NULL, NULL) < 0;
}
