/* lang.c - tests of base/lang.h: memory, moves, and what a broken invariant says before it ends the process */
#include "check.h"
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

TEST(take_leaves_null_behind)
{
	AUTO(freep) char *a = xstrndup("abc", 2);
	CHECK_STR(a, "ab");
	AUTO(freep) char *b = take(a);
	CHECK(a == NULL);
	CHECK_STR(b, "ab");
}

TEST(memory_for_nothing_can_be_freed)
{
	AUTO(freep) void *a = xmalloc(0);
	AUTO(freep) void *b = xcalloc(0, 8);
	AUTO(freep) void *c = xrealloc(NULL, 0, 8);
	AUTO(freep) char *d = xstrndup(NULL, 0);
	CHECK(a && b && c && d);
	CHECK_STR(d, "");
}

TEST(xcalloc_clears)
{
	AUTO(freep) unsigned char *p = xcalloc(100, 3);
	int sum = 0;
	for (int i = 0; i < 300; i++)
		sum += p[i];
	CHECK_INT(sum, 0);
}

TEST(container_of_finds_the_outer)
{
	struct outer {
		int a, b;
	} o = { 1, 2 };
	int *inner = &o.b;
	CHECK(container_of(inner, struct outer, b) == &o);
}

/* Runs fn in a child; its stderr and its end are what is looked at. */
static int status_of(void (*fn)(void), char *words, size_t cap)
{
	int fds[2];
	fflush(stdout);
	if (pipe(fds) < 0)
		return -1;
	pid_t child = fork();
	if (child == 0) {
		dup2(fds[1], STDERR_FILENO);
		fn();
		_exit(0);
	}
	close(fds[1]);
	size_t n = 0;
	ssize_t got;
	while (n + 1 < cap && (got = read(fds[0], words + n, cap - 1 - n)) > 0)
		n += (size_t)got;
	words[n] = 0;
	close(fds[0]);
	int status = -1;
	waitpid(child, &status, 0);
	return status;
}

static void break_an_invariant(void)
{
	int apples = 1;
	ASSERT(apples == 2);
}

static void ask_for_too_much(void)
{
	xrealloc(NULL, SIZE_MAX / 2, 4);
}

TEST(a_broken_invariant_names_itself_and_aborts)
{
	char words[1024];
	int status = status_of(break_an_invariant, words, sizeof(words));
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	CHECK(strstr(words, "lang.c:") != NULL);
	CHECK(strstr(words, "break_an_invariant: apples == 2") != NULL);
}

TEST(sizes_that_overflow_end_with_a_sentence)
{
	char words[1024];
	int status = status_of(ask_for_too_much, words, sizeof(words));
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	CHECK(strstr(words, "out of memory") != NULL);
}

static const struct test tests[] = {
	T(take_leaves_null_behind),
	T(memory_for_nothing_can_be_freed),
	T(xcalloc_clears),
	T(container_of_finds_the_outer),
	T(a_broken_invariant_names_itself_and_aborts),
	T(sizes_that_overflow_end_with_a_sentence),
};

int main(void)
{
	return RUN_TESTS(tests);
}
