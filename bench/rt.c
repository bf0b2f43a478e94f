/* rt.c - what the runtime's primitives cost
 *
 * What this room is for: the "Runtime primitives" rows of the figures to reach. The peers in peers/ do the same, case by case,
 *   under the same names.
 * How to read it:        rt [CASE...] prints microseconds for one operation (micro.h); `rt sleepers` prints the MiB that
 *   100,000 sleeping tasks take, in a process of their own.
 * What must hold:        the loops are not optimised away: each goes through a call of another file. */
#include "micro.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SLEEPERS = 100000, HUNDRED = 100 };

/* ---- spawn and join ------------------------------------------------------------------------ */

static int nothing(void *arg)
{
	(void)arg;
	return 0;
}

static int spawn_join(void *arg)
{
	struct micro_run *run = arg;

	for (size_t i = 0; i < run->n; i++) {
		struct hk_group g;
		hk_group_open(&g, NULL);
		micro_must(hk_spawn(&g, nothing, NULL), "spawn");
		micro_must(hk_group_close(&g, 0), "close");
	}
	return 0;
}

static int spawn_join_100(void *arg)
{
	struct micro_run *run = arg;

	for (size_t i = 0; i < run->n / HUNDRED; i++) {
		struct hk_group g;
		hk_group_open(&g, NULL);
		for (size_t k = 0; k < HUNDRED; k++)
			micro_must(hk_spawn(&g, nothing, NULL), "spawn");
		micro_must(hk_group_close(&g, 0), "close");
	}
	return 0;
}

/* ---- queue --------------------------------------------------------------------------------- */

struct pipe {
	struct hk_queue *queue;
	size_t n;
};

static int producer(void *arg)
{
	struct pipe *p = arg;

	for (size_t i = 0; i < p->n; i++)
		micro_must(hk_queue_put(p->queue, &i), "put");
	hk_queue_close(p->queue);
	return 0;
}

static int consumer(void *arg)
{
	struct pipe *p = arg;
	size_t item;

	while (hk_queue_get(p->queue, &item) == 0)
		continue;
	return 0;
}

static int queue(void *arg)
{
	struct micro_run *run = arg;
	struct pipe p = { hk_queue_new(sizeof(size_t), HUNDRED), run->n };
	struct hk_group g;

	hk_group_open(&g, NULL);
	micro_must(hk_spawn(&g, producer, &p), "spawn");
	micro_must(hk_spawn(&g, consumer, &p), "spawn");
	micro_must(hk_group_close(&g, 0), "close");
	hk_queue_free(p.queue);
	return 0;
}

/* ---- semaphore ----------------------------------------------------------------------------- */

static int sem(void *arg)
{
	struct micro_run *run = arg;
	struct hk_sem s = HK_SEM(1);

	for (size_t i = 0; i < run->n; i++) {
		micro_must(hk_sem_acquire(&s), "acquire");
		hk_sem_release(&s);
	}
	return 0;
}

struct contest {
	struct hk_sem sem;
	size_t each;
};

static int contender(void *arg)
{
	struct contest *c = arg;

	for (size_t i = 0; i < c->each; i++) {
		micro_must(hk_sem_acquire(&c->sem), "acquire");
		micro_must(hk_yield(), "yield"); /* so that the others must wait */
		hk_sem_release(&c->sem);
	}
	return 0;
}

/* A hundred tasks, ten permits. */
static int sem_contended(void *arg)
{
	struct micro_run *run = arg;
	struct contest c = { HK_SEM(10), run->n / HUNDRED };
	struct hk_group g;

	hk_group_open(&g, NULL);
	for (int i = 0; i < HUNDRED; i++)
		micro_must(hk_spawn(&g, contender, &c), "spawn");
	return hk_group_close(&g, 0);
}

/* ---- switch -------------------------------------------------------------------------------- */

static int yielder(void *arg)
{
	size_t n = *(size_t *)arg / 2;

	for (size_t i = 0; i < n; i++)
		micro_must(hk_yield(), "yield");
	return 0;
}

static int switches(void *arg)
{
	struct micro_run *run = arg;
	struct hk_group g;

	hk_group_open(&g, NULL);
	micro_must(hk_spawn(&g, yielder, &run->n), "spawn");
	micro_must(hk_spawn(&g, yielder, &run->n), "spawn");
	return hk_group_close(&g, 0);
}

/* ---- off-load ------------------------------------------------------------------------------ */

static int offload(void *arg)
{
	struct micro_run *run = arg;

	for (size_t i = 0; i < run->n; i++)
		micro_must(hk_offload(nothing, NULL), "offload");
	return 0;
}

static int caller(void *arg)
{
	size_t each = *(size_t *)arg / HUNDRED;

	for (size_t i = 0; i < each; i++)
		micro_must(hk_offload(nothing, NULL), "offload");
	return 0;
}

static int offload_100(void *arg)
{
	struct micro_run *run = arg;
	struct hk_group g;

	hk_group_open(&g, NULL);
	for (int i = 0; i < HUNDRED; i++)
		micro_must(hk_spawn(&g, caller, &run->n), "spawn");
	return hk_group_close(&g, 0);
}

/* ---- a warm process ------------------------------------------------------------------------ */

/* The worker: this program as `rt worker`. It gives back what it got, as the peers' do. */
static int give_back(const struct hk_part *parts, size_t n, void **ret, size_t *ret_n,
		     char why[512], void *arg)
{
	(void)n;
	(void)why;
	(void)arg;
	*ret = malloc(parts[0].n);
	if (!*ret)
		return -1;
	memcpy(*ret, parts[0].bytes, parts[0].n);
	*ret_n = parts[0].n;
	return 0;
}

static void call(struct hk_process_pool *workers)
{
	static const char message[64];
	struct hk_part part = { message, sizeof(message) };
	struct hk_answer answer;

	int r = hk_process_pool_call(workers, &part, 1, &answer);
	micro_must(r, answer.why);
	micro_must(answer.parts_n == 1 && answer.parts[0].n == sizeof(message) ? 0 : -EBADMSG,
		   "pool answer");
	hk_answer_done(&answer);
}

static int pool(void *arg)
{
	const char *argv[] = { "/proc/self/exe", "worker", NULL };
	struct hk_process_pool_options options = { .argv = argv, .workers = 1 };
	struct micro_run *run = arg;
	struct hk_process_pool *workers;

	micro_must(hk_process_pool_new(&options, &workers), "pool");
	call(workers); /* warms */
	int64_t before = hk_now_exact_ns();
	for (size_t i = 0; i < run->n; i++)
		call(workers);
	run->ns = hk_now_exact_ns() - before;
	hk_process_pool_free(workers);
	return 0;
}

/* ---- sleepers ------------------------------------------------------------------------------ */

static size_t rss_bytes(void)
{
	size_t pages = 0, rss = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	if (!f || fscanf(f, "%zu %zu", &pages, &rss) != 2)
		rss = 0;
	if (f)
		(void)fclose(f);
	return rss * (size_t)sysconf(_SC_PAGESIZE);
}

static int sleeper(void *arg)
{
	(void)arg;
	return hk_sleep(60 * HK_SEC);
}

static int sleepers(void *arg)
{
	size_t before = rss_bytes();
	struct hk_group g;

	hk_group_open(&g, NULL);
	for (int i = 0; i < SLEEPERS; i++)
		micro_must(hk_spawn(&g, sleeper, NULL), "spawn");
	micro_must(hk_sleep(HK_SEC), "sleep");
	*(double *)arg = (double)(rss_bytes() - before) / (1024 * 1024);
	hk_group_cancel(&g);
	return hk_group_close(&g, 0);
}

static int print_sleepers(void)
{
	double mib = 0;

	micro_must(hk_run(sleepers, &mib, NULL), "sleepers");
	printf("{\"sleepers\": {\"value\": %.1f, \"n\": %d}}\n", mib, SLEEPERS);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct micro_case cases[] = {
		{ "spawn_join", spawn_join, 500000, MICRO_CPU },
		{ "spawn_join_100", spawn_join_100, 1000000, MICRO_CPU },
		{ "queue", queue, 4000000, MICRO_CPU },
		{ "sem", sem, 10000000, MICRO_CPU },
		{ "sem_contended", sem_contended, 1000000, MICRO_CPU },
		{ "switch", switches, 10000000, MICRO_CPU },
		{ "offload", offload, 20000, MICRO_WALL },
		{ "offload_100", offload_100, 100000, MICRO_WALL },
		{ "pool", pool, 5000, MICRO_WALL },
	};

	if (argc > 1 && strcmp(argv[1], "sleepers") == 0)
		return print_sleepers();
	if (argc > 1 && strcmp(argv[1], "worker") == 0)
		return hk_worker_run(give_back, NULL);
	return micro_main(cases, sizeof(cases) / sizeof(cases[0]), argc, argv);
}
