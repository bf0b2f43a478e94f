/* measure.c - runs one program and says what it cost: wall and CPU seconds, peak memory
 *
 * What this room is for: figures that belong to the program alone. A child's peak memory, as the kernel counts it, begins
 *   with that of whoever started it, so a Python script that starts its peers reports its own 20 MiB for each of them.
 *   This program is small, and forks before it execs.
 * What flows through:    measure FILE CORE PROGRAM [ARGUMENTS...]; a CORE of -1 leaves the program where it is. One line of
 *   JSON goes to FILE; stdin, stdout and stderr are the program's.
 * What must hold:        the clock starts before fork and stops when the program has been waited for; nothing is printed. */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CANNOT = 125 };

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static void pin(int core)
{
	cpu_set_t set;

	if (core < 0)
		return;
	CPU_ZERO(&set);
	CPU_SET((size_t)core, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		fprintf(stderr, "measure: cannot pin to core %d: %s\n", core, strerror(errno));
}

static int report(const char *path, double wall_s, int status, const struct rusage *u)
{
	FILE *out = fopen(path, "w");

	if (!out) {
		fprintf(stderr, "measure: cannot write '%s': %s\n", path, strerror(errno));
		return CANNOT;
	}
	fprintf(out,
		"{\"code\": %d, \"wall_s\": %.6f, \"user_s\": %.6f, \"sys_s\": %.6f, "
		"\"rss_kib\": %ld, \"switches\": %ld}\n",
		WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), wall_s,
		seconds(u->ru_utime), seconds(u->ru_stime), u->ru_maxrss,
		u->ru_nvcsw + u->ru_nivcsw);
	return fclose(out) == 0 ? 0 : CANNOT;
}

int main(int argc, char **argv)
{
	struct rusage usage;
	int status = 0;

	if (argc < 4) {
		fprintf(stderr, "usage: measure FILE CORE PROGRAM [ARGUMENTS...]\n");
		return 2;
	}
	pin((int)strtol(argv[2], NULL, 10));
	double start = now_s();
	pid_t child = fork();
	if (child == 0) {
		execvp(argv[3], argv + 3);
		fprintf(stderr, "measure: cannot run '%s': %s\n", argv[3], strerror(errno));
		_exit(CANNOT);
	}
	if (child < 0 || wait4(child, &status, 0, &usage) < 0) {
		fprintf(stderr, "measure: %s\n", strerror(errno));
		return CANNOT;
	}
	return report(argv[1], now_s() - start, status, &usage);
}
