/* overflow.c - a stack overflow and every other fault name their task, and the process dies of them as before */
#include "child.h"
#include "rt/sanitize.h"
#include <link.h>
#include <sys/mman.h>
#include <sys/resource.h>

#if defined(SANITIZE_ASAN) || defined(SANITIZE_TSAN)
enum { OURS = false }; /* the sanitizer has the handler, and says it in its own words */
#else
enum { OURS = true };
#endif

static bool ours(void)
{
	if (!OURS || RUNNING_ON_VALGRIND)
		printf("# another handler has the signal here\n");
	return OURS && !RUNNING_ON_VALGRIND;
}

static void no_core(void)
{
	struct rlimit none = { 0 };
	(void)setrlimit(RLIMIT_CORE, &none);
}

static int (*volatile deeper)(int);

static int recurse(int n)
{
	char room[300];

	memset(room, n, sizeof(room));
	__asm__ volatile("" ::"r"(room) : "memory");
	return deeper(n + 1) + room[5];
}

static int falls(void *arg)
{
	(void)arg;
	deeper = recurse;
	return recurse(0);
}

static int falls_in_group(void *arg)
{
	struct hk_group g;
	int r;

	(void)arg;
	hk_group_open(&g, NULL);
	r = hk_spawn(&g, falls, NULL);
	return hk_group_close(&g, r);
}

static int run_falls(void)
{
	no_core();
	return hk_run(falls_in_group, NULL, NULL);
}

TEST(the_task_is_named)
{
	static struct child c;

	if (!ours())
		return;
	child_run(&c, run_falls);
	CHECK(has(c.words, "hocket: stack overflow: task \"falls\", spawned at "));
	CHECK(has(c.words, "overflow.c:"));
	CHECK(has(c.words, ", used its 256 KiB. Raise hk_run_options.stack_bytes, or call what is "
			   "deep by hk_bigstack()\n"));
	CHECK(WIFSIGNALED(c.status) && WTERMSIG(c.status) == SIGSEGV);
}

static int big_frame(void *arg)
{
	char room[200 << 10];

	memset(room, arg != NULL, sizeof(room));
	__asm__ volatile("" ::"r"(room) : "memory");
	return room[7];
}

static int run_big_frame(void)
{
	no_core();
	return hk_run(big_frame, NULL, &(struct hk_run_options){ .stack_bytes = 64 << 10 });
}

/* One frame that is larger than the guard page and the stack together does not land in the neighbour's stack. */
TEST(a_frame_larger_than_the_guard_is_seen)
{
	static struct child c;

	if (!ours())
		return;
	child_run(&c, run_big_frame);
	CHECK(has(c.words, "hocket: stack overflow: task \"main\", spawned at hk_run(), used its "
			   "64 KiB."));
	CHECK(WIFSIGNALED(c.status) && WTERMSIG(c.status) == SIGSEGV);
}

static int is_unwinder(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size;
	(void)arg;
	return strstr(info->dlpi_name, "libgcc_s") != NULL;
}

static int looks_for_unwinder(void *arg)
{
	(void)arg;
	return dl_iterate_phdr(is_unwinder, NULL) ? 42 : 43;
}

static int run_unwatched(void)
{
	return hk_run(looks_for_unwinder, NULL,
		      &(struct hk_run_options){ .stall_ns = HK_FOREVER, .no_dump = true });
}

/* Loaded by the handler it would allocate, and never return if the stack was used up within malloc. */
TEST(what_lists_the_calls_is_there_before_the_fault)
{
	static struct child c;

	if (!ours())
		return;
	child_run(&c, run_unwatched);
	CHECK(WIFEXITED(c.status) && WEXITSTATUS(c.status) == 42);
}

static int wild(void *arg)
{
	volatile char *p = arg;
	return *p;
}

static int run_wild(void)
{
	no_core();
	return hk_run(wild, mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), NULL);
}

TEST(another_fault_names_its_task)
{
	static struct child c;

	if (!ours())
		return;
	child_run(&c, run_wild);
	CHECK(has(c.words, "hocket: SIGSEGV in task \"main\", spawned at hk_run() (address 0x"));
	CHECK(has(c.words, "rt-overflow("));
	CHECK(strstr(c.words, "overflow: ") == NULL);
	CHECK(WIFSIGNALED(c.status) && WTERMSIG(c.status) == SIGSEGV);
}

static int divide(void *arg)
{
	volatile int zero = arg != NULL;
	return 7 / zero;
}

static int divides_in_group(void *arg)
{
	struct hk_group g;
	int r;

	hk_group_open(&g, NULL);
	r = hk_spawn(&g, divide, arg);
	return hk_group_close(&g, r);
}

static int run_divide(void)
{
	no_core();
	return hk_run(divides_in_group, NULL, NULL);
}

TEST(a_division_by_zero_names_its_task)
{
	static struct child c;

	if (!ours())
		return;
	child_run(&c, run_divide);
#if defined(__x86_64__)
	CHECK(has(c.words, "hocket: SIGFPE in task \"divide\", spawned at "));
	CHECK(WIFSIGNALED(c.status) && WTERMSIG(c.status) == SIGFPE);
#endif
}

static int deep_and_wild(void *arg)
{
	return hk_bigstack(wild, arg);
}

static int run_deep_and_wild(void)
{
	no_core();
	return hk_run(deep_and_wild, NULL, NULL);
}

TEST(a_fault_in_a_deep_call_names_its_task)
{
	static struct child c;

	if (!ours())
		return;
	child_run(&c, run_deep_and_wild);
	CHECK(has(c.words, "hocket: SIGSEGV in task \"main\", spawned at hk_run() (address 0x0)"));
	CHECK(WIFSIGNALED(c.status) && WTERMSIG(c.status) == SIGSEGV);
}

static void in_callback(void *arg)
{
	(void)wild(arg);
}

static int posts_wild(void *arg)
{
	CHECK_INT(hk_post(hk_loop_self(), in_callback, arg), 0);
	return hk_sleep(HK_SEC);
}

static int run_posts_wild(void)
{
	no_core();
	return hk_run(posts_wild, NULL, NULL);
}

TEST(a_fault_outside_of_any_task_names_none)
{
	static struct child c;

	if (!ours())
		return;
	child_run(&c, run_posts_wild);
	CHECK_STR(c.words, "");
	CHECK(WIFSIGNALED(c.status) && WTERMSIG(c.status) == SIGSEGV);
}

/* ---- frames that were not probed ----------------------------------------------------------- */

static size_t frame_bytes;

/* What a compiler without -fstack-clash-protection makes of a large local array: the stack pointer moves at once. */
__attribute__((noinline)) static int with_frame(void (*fn)(void))
{
#if defined(__x86_64__)
	__asm__ volatile("movq %%rsp, %%rbx\n\tsubq %0, %%rsp\n\tandq $-16, %%rsp\n\tcall *%1\n\t"
			 "movq %%rbx, %%rsp"
			 :
			 : "r"(frame_bytes), "r"(fn)
			 : "rbx", "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11",
			   "memory", "cc");
#else
	(void)fn;
#endif
	return 0;
}

static void suspends(void)
{
	(void)!hk_yield();
}

static int jumps(void *arg)
{
	(void)arg;
	return with_frame(suspends);
}

static int waits(void *arg)
{
	(void)arg;
	return hk_sleep(HK_SEC);
}

/* Neighbours: the second stack that is carved lies above the first, the third above that. */
static int jumps_in_group(void *arg)
{
	struct hk_group g;

	(void)arg;
	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, waits, NULL), 0);
	CHECK_INT(hk_spawn(&g, waits, NULL), 0);
	CHECK_INT(hk_spawn(&g, jumps, NULL), 0);
	return hk_group_close(&g, 0);
}

static int run_jumps(void)
{
	no_core();
	return hk_run(jumps_in_group, NULL, NULL);
}

TEST(a_jump_into_the_guard_is_named)
{
	static struct child c;

	if (!ours())
		return;
	frame_bytes = (256 << 10) + (20 << 10);
	child_run(&c, run_jumps);
#if defined(__x86_64__)
	CHECK(has(c.words, "hocket: stack overflow: task \"jumps\", spawned at "));
	CHECK(WIFSIGNALED(c.status) && WTERMSIG(c.status) == SIGSEGV);
#endif
}

TEST(a_jump_over_guards_to_where_nothing_is_is_named)
{
	static struct child c;

	if (!ours())
		return;
	frame_bytes = 3 * (320 << 10) - (20 << 10); /* into the guard of the first of all */
	child_run(&c, run_jumps);
#if defined(__x86_64__)
	CHECK(has(c.words, "hocket: stack overflow: task \"jumps\", spawned at "));
	CHECK(WIFSIGNALED(c.status) && WTERMSIG(c.status) == SIGSEGV);
#endif
}

/* Mapped memory does not fault; the next call that waits finds where it was made. */
TEST(a_jump_into_a_neighbours_stack_is_named_when_it_waits)
{
	static struct child c;

	if (!ours())
		return;
	frame_bytes = 400 << 10;
	child_run(&c, run_jumps);
#if defined(__x86_64__)
	CHECK(has(c.words, "hocket: misuse: task \"jumps\", spawned at "));
	CHECK(has(c.words, "it used more than its stack of 256 KiB and is in another task's"));
	CHECK(WIFSIGNALED(c.status) && WTERMSIG(c.status) == SIGABRT);
#endif
}

static int sends_itself(void *arg)
{
	(void)arg;
	(void)raise(SIGSEGV);
	return 0;
}

static int run_sends_itself(void)
{
	no_core();
	return hk_run(sends_itself, NULL, NULL);
}

TEST(a_signal_that_was_sent_kills_as_before)
{
	static struct child c;

	if (!ours())
		return;
	child_run(&c, run_sends_itself);
	CHECK_STR(c.words, "");
	CHECK(WIFSIGNALED(c.status) && WTERMSIG(c.status) == SIGSEGV);
}

/* ---- what others have installed ------------------------------------------------------------ */

static void on_theirs(int number)
{
	_exit(number == SIGSEGV ? 42 : 43);
}

static int run_with_theirs(void)
{
	struct sigaction action = { .sa_handler = on_theirs, .sa_flags = SA_ONSTACK };

	(void)sigaction(SIGSEGV, &action, NULL);
	return hk_run(falls_in_group, NULL, NULL);
}

TEST(a_handler_of_the_programs_own_is_kept)
{
	static struct child c;

	if (!ours())
		return;
	child_run(&c, run_with_theirs);
	CHECK_STR(c.words, "");
	CHECK(WIFEXITED(c.status) && WEXITSTATUS(c.status) == 42);
}

static int nothing(void *arg)
{
	(void)arg;
	return 0;
}

static bool is_default(int number)
{
	struct sigaction now;
	return sigaction(number, NULL, &now) == 0 && now.sa_handler == SIG_DFL;
}

TEST(everything_is_as_before_when_the_loop_has_ended)
{
	stack_t before, after;

	CHECK_INT(sigaltstack(NULL, &before), 0);
	CHECK_INT(hk_run(nothing, NULL, NULL), 0);
	CHECK_INT(sigaltstack(NULL, &after), 0);
	CHECK_INT(after.ss_flags, before.ss_flags);
	CHECK(!OURS || is_default(SIGSEGV));
	CHECK(!OURS || is_default(SIGBUS));
	CHECK(!OURS || is_default(SIGFPE));
	CHECK(is_default(SIGQUIT));
	CHECK(is_default(SIGURG));
}

int main(void)
{
	static const struct test tests[] = {
		T(the_task_is_named),
		T(a_frame_larger_than_the_guard_is_seen),
		T(what_lists_the_calls_is_there_before_the_fault),
		T(another_fault_names_its_task),
		T(a_division_by_zero_names_its_task),
		T(a_fault_in_a_deep_call_names_its_task),
		T(a_fault_outside_of_any_task_names_none),
		T(a_jump_into_the_guard_is_named),
		T(a_jump_over_guards_to_where_nothing_is_is_named),
		T(a_jump_into_a_neighbours_stack_is_named_when_it_waits),
		T(a_signal_that_was_sent_kills_as_before),
		T(a_handler_of_the_programs_own_is_kept),
		T(everything_is_as_before_when_the_loop_has_ended),
	};
	return RUN_TESTS(tests);
}
