/* micro.c - runs cases and prints what one operation of each costs (micro.h) */
#include "micro.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void micro_must(int r, const char *what)
{
	if (r >= 0)
		return;
	fprintf(stderr, "bench: %s: %s\n", what, strerror(-r));
	exit(1);
}

static int64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * HK_SEC + t.tv_nsec;
}

/* Of the process: what others do on the machine is not our cost. */
int64_t micro_cpu_ns(void)
{
	return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

static double case_us(const struct micro_case *c, size_t n)
{
	clockid_t clock = c->clock == MICRO_CPU ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC;
	/* Cases that never suspend are meant to keep the loop; the watch is on, its report would be measured. */
	struct hk_run_options options = { .stall_ns = 60 * HK_SEC };
	struct micro_run run = { .n = n };
	int64_t before = clock_ns(clock);

	micro_must(hk_run(c->fn, &run, &options), c->name);
	if (run.ns == 0)
		run.ns = clock_ns(clock) - before;
	return (double)run.ns / 1000 / (double)n;
}

static bool is_asked(const char *name, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], name) == 0)
			return true;
	return argc <= 1;
}

int micro_main(const struct micro_case *cases, size_t count, int argc, char **argv)
{
	const char *before = "{";

	for (size_t i = 0; i < count; i++) {
		if (!is_asked(cases[i].name, argc, argv))
			continue;
		case_us(&cases[i], cases[i].n / 10);
		printf("%s\"%s\": {\"value\": %.6g, \"n\": %zu}", before, cases[i].name,
		       case_us(&cases[i], cases[i].n), cases[i].n);
		before = ", ";
	}
	printf("%s}\n", *before == '{' ? "{" : "");
	return 0;
}
