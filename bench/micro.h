/* micro.h - cases that are timed, one number each
 *
 * A case runs n operations as the main task of a fresh loop, a tenth of them first to warm up. What it costs is CPU time of the
 * process; wall time where the work is another thread's or process's. A case that times only a part of itself puts that part's
 * nanoseconds into `ns`. micro_main() prints {"name": {"value": microseconds for one operation, "n": how many}, ...}: of the
 * cases that the arguments name, or of all. Rounds and medians are the caller's (side/runtime.py), so that peers take turns. */
#ifndef BENCH_MICRO_H
#define BENCH_MICRO_H
#include <hocket/hocket.h>

enum micro_clock { MICRO_CPU, MICRO_WALL };

struct micro_run {
	size_t n;
	int64_t ns; /* 0: all that the case took */
};

struct micro_case {
	const char *name;
	hk_fn *fn; /* gets a struct micro_run */
	size_t n;
	enum micro_clock clock;
};

int micro_main(const struct micro_case *, size_t count, int argc, char **argv);
void micro_must(int r, const char *what); /* ends the program when r < 0 */
int64_t micro_cpu_ns(void);

#endif
