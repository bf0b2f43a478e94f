/* backtrace.c - lists of calls, of the caller and of contexts that do not run */
#include "in_loop.h"
#include "rt/backtrace.h"
#include "rt/fiber.h"
#include "rt/loop.h"
#include "rt/switch.h"

static struct buf shown(const struct backtrace *b)
{
	struct buf text = { 0 };
	struct debuginfo *names = debuginfo_open();

	CHECK_INT(backtrace_put(&text, b, names, "  "), 0);
	debuginfo_close(names);
	return text;
}

/* Not static: visible with -rdynamic, where there is no libdw. */
void seen_from_here(struct backtrace *);
__attribute__((noinline)) void seen_from_here(struct backtrace *b)
{
	backtrace_here(b);
	__asm__ volatile("" ::: "memory");
}

TEST(the_caller_is_named)
{
	struct backtrace b;

	backtrace_prepare();
	seen_from_here(&b);
	AUTO(buf_done) struct buf text = shown(&b);
	CHECK(b.n > 2);
	CHECK(strstr(text.p, "seen_from_here"));
	CHECK(strstr(text.p, "main"));
}

int waits_deep_inside(void);
__attribute__((noinline)) int waits_deep_inside(void)
{
	int r = hk_sleep(HK_SEC);
	__asm__ volatile("" ::: "memory");
	return r;
}

static int sleeper(void *arg)
{
	int r = waits_deep_inside();
	*(int *)arg += 1;
	return r;
}

static struct hk_fiber_ *other_fiber(void)
{
	return fiber_self()->scope_next;
}

TEST_IN_LOOP(a_parked_fiber_is_read_without_running_it)
{
	struct hk_group g;
	struct backtrace b;
	int ran = 0;

	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, sleeper, &ran), 0);
	CHECK_INT(hk_yield(), 0);
	backtrace_parked(&b, other_fiber()->sp);
	AUTO(buf_done) struct buf text = shown(&b);
	CHECK_INT(ran, 0);
	CHECK(text.p && strstr(text.p, "#0 hk_sleep"));
	CHECK(text.p && strstr(text.p, "#1 waits_deep_inside"));
	CHECK(text.p && !strstr(text.p, "fiber_begin"));
	CHECK(text.p && !strstr(text.p, "context_walk"));
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(ran, 1);
}

TEST_IN_LOOP(a_fiber_that_never_ran_has_no_calls)
{
	struct hk_group g;
	struct backtrace b;
	int ran = 0;

	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, sleeper, &ran), 0);
	CHECK(context_is_new(other_fiber()->sp));
	backtrace_parked(&b, other_fiber()->sp);
	CHECK(b.n <= 1);
	CHECK_INT(hk_yield(), 0);
	CHECK(!context_is_new(other_fiber()->sp));
	CHECK_INT(hk_group_close(&g, 0), 0);
}

/* What it finds is as deep as the stack, also when that leaves nothing to spare. */
static int deep(int levels);
static int (*volatile deeper)(int) = deep; /* keeps the compiler from folding levels into one */
static int deep(int levels)
{
	char room[512];
	int r;

	memset(room, levels, sizeof(room));
	__asm__ volatile("" ::"r"(room) : "memory");
	r = levels > 0 ? deeper(levels - 1) : hk_sleep(HK_SEC);
	__asm__ volatile("" ::"r"(room) : "memory");
	return r;
}

static int deep_task(void *arg)
{
	(void)arg;
	return deep(60);
}

TEST_IN_LOOP(deep_stacks_are_cut_not_overrun)
{
	struct hk_group g;
	struct backtrace b;

	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, deep_task, NULL), 0);
	CHECK_INT(hk_yield(), 0);
	backtrace_parked(&b, other_fiber()->sp);
	CHECK(b.n > 40 && b.n <= BACKTRACE_MOST);
	CHECK_INT(hk_group_close(&g, 0), 0);
}

TEST(an_unknown_address_is_printed_as_it_is)
{
	AUTO(buf_done) struct buf text = { 0 };
	AUTO(debuginfo_closep) struct debuginfo *names = debuginfo_open();
	struct code_place place;

	CHECK_INT(debuginfo_places(names, (const void *)(uintptr_t)16, &place, 1), 1);
	CHECK(!place.function);
	CHECK_INT(code_place_put(&text, &place), 0);
	CHECK_STR(text.p, "0x10");
}

#ifdef HOCKET_LIBDW
TEST(static_functions_have_file_and_line)
{
	AUTO(buf_done) struct buf text = { 0 };
	AUTO(debuginfo_closep) struct debuginfo *names = debuginfo_open();
	struct code_place place;

	CHECK(names);
	CHECK_INT(debuginfo_places(names, (const char *)(uintptr_t)deep_task + 1, &place, 1), 1);
	CHECK_INT(code_place_put(&text, &place), 0);
	CHECK(strncmp(text.p, "deep_task (", 11) == 0 && strstr(text.p, "unit/rt/backtrace.c:"));
}

__attribute__((always_inline)) static inline void seen_inlined(struct backtrace *b)
{
	seen_from_here(b);
	__asm__ volatile("" ::: "memory");
}

__attribute__((noinline)) static void calls_inlined(struct backtrace *b)
{
	seen_inlined(b);
	__asm__ volatile("" ::: "memory");
}

TEST(inlined_functions_are_listed_too)
{
	struct backtrace b;

	calls_inlined(&b);
	AUTO(buf_done) struct buf text = shown(&b);
	char *inlined = strstr(text.p, " seen_inlined ("),
	     *around = strstr(text.p, " calls_inlined (");
	CHECK(inlined && around && inlined < around);
}
#endif

int main(void)
{
	static const struct test tests[] = {
		T(the_caller_is_named),
		T(a_parked_fiber_is_read_without_running_it),
		T(a_fiber_that_never_ran_has_no_calls),
		T(deep_stacks_are_cut_not_overrun),
		T(an_unknown_address_is_printed_as_it_is),
#ifdef HOCKET_LIBDW
		T(static_functions_have_file_and_line),
		T(inlined_functions_are_listed_too),
#endif
	};
	return RUN_TESTS(tests);
}
