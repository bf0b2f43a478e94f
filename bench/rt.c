/* rt.c - what the runtime's primitives cost
 *
 * What this room is for: the "Runtime primitives" rows of the figures to reach. Each row is measured in rounds and the
 *   median is printed, because a shared machine drifts.
 * How to read it:        microseconds of CPU for one operation; MiB for 100,000 tasks that sleep. `rt-bench --json` prints
 *   one JSON object instead of the table.
 * What must hold:        the loops are not optimised away: each goes through a call of another file. */
#include <hocket/hocket.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 9, SLEEPERS = 100000 };

struct row {
	const char *name, *unit;
	double goal, value;
};

static void must(int r, const char *what)
{
	if (r >= 0)
		return;
	fprintf(stderr, "rt-bench: %s: %s\n", what, strerror(-r));
	exit(1);
}

/* ---- spawn and join ------------------------------------------------------------------------ */

static int nothing(void *arg)
{
	(void)arg;
	return 0;
}

static int spawn_join(void *arg)
{
	size_t n = *(size_t *)arg;

	for (size_t i = 0; i < n; i++) {
		struct hk_group g;
		hk_group_open(&g, NULL);
		must(hk_spawn(&g, nothing, NULL), "spawn");
		must(hk_group_close(&g, 0), "close");
	}
	return 0;
}

static int spawn_join_100(void *arg)
{
	size_t n = *(size_t *)arg / 100;

	for (size_t i = 0; i < n; i++) {
		struct hk_group g;
		hk_group_open(&g, NULL);
		for (size_t k = 0; k < 100; k++)
			must(hk_spawn(&g, nothing, NULL), "spawn");
		must(hk_group_close(&g, 0), "close");
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
		must(hk_queue_put(p->queue, &i), "put");
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
	struct pipe p = { hk_queue_new(sizeof(size_t), 100), *(size_t *)arg };
	struct hk_group g;

	hk_group_open(&g, NULL);
	must(hk_spawn(&g, producer, &p), "spawn");
	must(hk_spawn(&g, consumer, &p), "spawn");
	must(hk_group_close(&g, 0), "close");
	hk_queue_free(p.queue);
	return 0;
}

/* ---- semaphore ----------------------------------------------------------------------------- */

static int sem_uncontended(void *arg)
{
	size_t n = *(size_t *)arg;
	struct hk_sem sem = HK_SEM(1);

	for (size_t i = 0; i < n; i++) {
		must(hk_sem_acquire(&sem), "acquire");
		hk_sem_release(&sem);
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
		must(hk_sem_acquire(&c->sem), "acquire");
		must(hk_yield(), "yield"); /* so that the others must wait */
		hk_sem_release(&c->sem);
	}
	return 0;
}

static int sem_contended(void *arg)
{
	enum { TASKS = 100 };
	struct contest c = { HK_SEM(10), *(size_t *)arg / TASKS };
	struct hk_group g;

	hk_group_open(&g, NULL);
	for (int i = 0; i < TASKS; i++)
		must(hk_spawn(&g, contender, &c), "spawn");
	return hk_group_close(&g, 0);
}

/* ---- switch -------------------------------------------------------------------------------- */

static int yielder(void *arg)
{
	size_t n = *(size_t *)arg / 2;

	for (size_t i = 0; i < n; i++)
		must(hk_yield(), "yield");
	return 0;
}

static int switches(void *arg)
{
	struct hk_group g;

	hk_group_open(&g, NULL);
	must(hk_spawn(&g, yielder, arg), "spawn");
	must(hk_spawn(&g, yielder, arg), "spawn");
	return hk_group_close(&g, 0);
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
	return hk_sleep(2 * HK_SEC);
}

static int sleepers(void *arg)
{
	size_t before = rss_bytes();
	struct hk_group g;

	hk_group_open(&g, NULL);
	for (int i = 0; i < SLEEPERS; i++)
		must(hk_spawn(&g, sleeper, NULL), "spawn");
	must(hk_sleep(HK_SEC), "sleep");
	*(double *)arg = (double)(rss_bytes() - before) / (1024 * 1024);
	return hk_group_close(&g, 0);
}

/* ---- measuring ----------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* Of this thread: what others do on the machine is not our cost. */
static int64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * HK_SEC + t.tv_nsec;
}

static double median_us(hk_fn *fn, size_t n)
{
	double us[ROUNDS];

	for (size_t i = 0; i < ROUNDS; i++) {
		int64_t before = cpu_ns();
		must(hk_run(fn, &n, NULL), "run");
		us[i] = (double)(cpu_ns() - before) / 1000 / (double)n;
	}
	qsort(us, ROUNDS, sizeof(us[0]), by_value);
	return us[ROUNDS / 2];
}

static double sleepers_mib(void)
{
	double mib = 0;

	must(hk_run(sleepers, &mib, &(struct hk_run_options){ .virtual_clock = true }), "run");
	return mib;
}

static void print_table(const struct row *rows, size_t n)
{
	printf("%-32s %10s %10s\n", "", "measured", "goal");
	for (size_t i = 0; i < n; i++)
		printf("%-32s %10.4g %10.4g %s%s\n", rows[i].name, rows[i].value, rows[i].goal,
		       rows[i].unit, rows[i].value < rows[i].goal ? "" : "  (missed)");
}

static void print_json(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		printf("%s\"%s\": {\"value\": %.6g, \"goal\": %.6g, \"unit\": \"%s\"}",
		       i ? ", " : "{", rows[i].name, rows[i].value, rows[i].goal, rows[i].unit);
	printf("}\n");
}

int main(int argc, char **argv)
{
	struct row rows[] = {
		{ "spawn + join", "us", 0.15, median_us(spawn_join, 1000000) },
		{ "spawn + join, 100 at a time", "us", 0.15, median_us(spawn_join_100, 1000000) },
		{ "queue(100) put + get", "us", 0.03, median_us(queue, 4000000) },
		{ "semaphore, uncontended", "us", 0.01, median_us(sem_uncontended, 10000000) },
		{ "semaphore, contended", "us", 0.1, median_us(sem_contended, 1000000) },
		{ "switch", "us", 0.012, median_us(switches, 10000000) },
		{ "100,000 sleeping tasks", "MiB", 800, sleepers_mib() },
	};
	size_t n = sizeof(rows) / sizeof(rows[0]);

	if (argc > 1 && strcmp(argv[1], "--json") == 0)
		print_json(rows, n);
	else
		print_table(rows, n);
	return 0;
}
