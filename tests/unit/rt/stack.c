/* stack.c - the pool: order, guards, what stays touched */
#include "rt/stack.h"
#include "../check.h"
#include "rt/sanitize.h"
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

TEST(last_given_is_first_taken)
{
	struct stacks s;
	char *a, *b;

	stacks_init(&s, 0);
	a = stacks_take(&s);
	b = stacks_take(&s);
	CHECK(a && b && a != b);
	CHECK_INT(a - stacks_low(&s, a), (256 << 10) * SANITIZE_STACK_FACTOR);
	stacks_give(&s, a);
	stacks_give(&s, b);
	CHECK(stacks_take(&s) == b);
	CHECK(stacks_take(&s) == a);
	stacks_done(&s);
}

TEST(small_sizes_are_raised)
{
	struct stacks s;

	stacks_init(&s, 1);
	CHECK_INT(s.bytes, 16 << 10);
	stacks_done(&s);
}

/* Does a write at p end the process by a signal? Asked in a child. */
static bool faults(char *p)
{
	pid_t child = fork();
	int status = 0;

	if (child == 0) {
		(void)sigaction(SIGSEGV, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
		*(volatile char *)p = 1;
		_exit(0);
	}
	CHECK(child > 0 && waitpid(child, &status, 0) == child);
	return WIFSIGNALED(status);
}

static void check_guards(struct stacks *s)
{
	for (int i = 0; i < 3; i++) {
		char *low = stacks_low(s, stacks_take(s));
		CHECK(!faults(low));
		CHECK(faults(low - 1));
		CHECK(faults(low - (64 << 10)));
	}
}

TEST(an_address_is_known_to_be_in_a_stack)
{
	struct stacks s;
	char *top, elsewhere;

	stacks_init(&s, 0);
	CHECK(!stacks_contain(&s, &elsewhere));
	top = stacks_take(&s);
	CHECK(stacks_contain(&s, top - 1));
	CHECK(stacks_contain(&s, stacks_low(&s, top) - 1));
	CHECK(!stacks_contain(&s, &elsewhere));
	stacks_done(&s);
}

TEST(below_a_stack_is_a_guard)
{
	struct stacks s;

	stacks_init(&s, 0);
	check_guards(&s);
	stacks_done(&s);
}

TEST(without_guard_install_mprotect_guards)
{
	struct stacks s;

	stacks_init(&s, 0);
	s.guard_by_mprotect = true;
	check_guards(&s);
	stacks_done(&s);
}

TEST(idle_stacks_keep_only_so_many_pages)
{
	enum { N = STACKS_WARM + 300 };
	static char *tops[N];
	struct stacks s;
	size_t page = (size_t)sysconf(_SC_PAGESIZE), touched;

	stacks_init(&s, 0);
	for (size_t i = 0; i < N; i++) {
		tops[i] = stacks_take(&s);
		memset(tops[i] - 2 * page, 1, 2 * page);
	}
	CHECK_INT(stacks_touched(&s), N * 2 * page);
	for (size_t i = 0; i < N; i++)
		stacks_give(&s, tops[i]);
	stacks_trim(&s);
	touched = stacks_touched(&s);
	CHECK_INT(touched, STACKS_WARM * 2 * page);
	for (size_t i = 0; i < N; i++) /* the cold ones are as good as new, each once */
		tops[i] = stacks_take(&s);
	for (size_t i = 1; i < N; i++)
		CHECK(tops[i] != tops[i - 1]);
	CHECK(tops[0] == s.idle[N - 1]);
	stacks_done(&s);
}

static const struct test tests[] = {
	T(last_given_is_first_taken),
	T(small_sizes_are_raised),
	T(an_address_is_known_to_be_in_a_stack),
	T(below_a_stack_is_a_guard),
	T(without_guard_install_mprotect_guards),
	T(idle_stacks_keep_only_so_many_pages),
};

int main(void)
{
	return RUN_TESTS(tests);
}
