/* real_loop.h - tests with real processes: on the real clock, and nothing may be left behind */
#pragma once
#include "in_loop.h"
#include <dirent.h>
#include <sys/wait.h>
#include <unistd.h>

/* Does no such process run any more? A zombie that waits for a lazy init has ended. */
static inline bool is_gone(pid_t pid)
{
	char path[64], text[256] = "";
	FILE *file;
	const char *state;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "r");
	if (!file)
		return true;
	text[fread(text, 1, sizeof(text) - 1, file)] = 0;
	fclose(file);
	state = strrchr(text, ')');
	return !state || state[2] == 'Z' || state[2] == 'X';
}

/* Until it is gone, at most 20 s. */
static inline bool wait_gone(pid_t pid)
{
	for (int i = 0; i < 10000 && !is_gone(pid); i++)
		usleep(2000);
	return is_gone(pid);
}

static inline int open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (dir && readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* Processes that have us as parent, apart from the helper of process.c that lives as long as a loop. */
static inline bool has_children(void)
{
	siginfo_t info;
	return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

static inline void in_real_loop(hk_fn *fn)
{
	int before = open_fds();

	CHECK_INT(hk_run(fn, NULL, &(struct hk_run_options){ .seed = 1 }), 0);
	CHECK_INT(open_fds(), before);
	CHECK(!has_children());
}

/* A test whose body is a task on the real clock; no descriptor and no process is left behind it. */
#define TEST_IN_REAL_LOOP(name) TEST_IN(name, in_real_loop(name##_main_))
