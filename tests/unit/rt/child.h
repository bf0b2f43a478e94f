/* child.h - running a loop in a child process that is meant to die or to be seen from outside */
#pragma once
#include "in_loop.h"
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

struct child {
	char words[64 << 10]; /* what it said on standard error */
	int status;           /* of waitpid */
};

/* fn's result is the exit code. */
static inline void child_run(struct child *c, int (*fn)(void))
{
	int fds[2];
	size_t n = 0;
	ssize_t got;
	pid_t pid;

	CHECK_INT(pipe(fds), 0);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		dup2(fds[1], STDERR_FILENO);
		(void)close(fds[0]);
		(void)close(fds[1]);
		_exit(fn());
	}
	CHECK_INT(close(fds[1]), 0);
	while ((got = read(fds[0], c->words + n, sizeof(c->words) - 1 - n)) > 0)
		n += (size_t)got;
	c->words[n] = 0;
	CHECK_INT(close(fds[0]), 0);
	CHECK(waitpid(pid, &c->status, 0) == pid);
}

/* Prints the text when what is not in it. */
static inline bool has(const char *text, const char *what)
{
	if (strstr(text, what))
		return true;
	printf("# no [%s] in:\n", what);
	for (const char *at = text; *at; at += strcspn(at, "\n") + (at[strcspn(at, "\n")] != 0))
		printf("# %.*s\n", (int)strcspn(at, "\n"), at);
	return false;
}
