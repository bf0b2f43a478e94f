/* check.h - the whole test framework: named tests, checks that say what they saw, TAP out
 *
 *   TEST(buf_grows) { CHECK_INT(buf.n, 3); }
 *   static const struct test tests[] = { T(buf_grows) };
 *   int main(void) { return RUN_TESTS(tests); }
 *
 * A failed check prints file:line and both values and fails its test; the test goes on. */
#pragma once
#include "base/slice.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#undef system /* banned in the product; a test may use a shell */

struct test {
	const char *name;
	void (*fn)(void);
};
static int test_failures_;

#define TEST(name) static void name(void)
#define CHECK(cond)                                                                           \
	do {                                                                                  \
		if (!(cond))                                                                  \
			test_failures_++, printf("# %s:%d: %s\n", __FILE__, __LINE__, #cond); \
	} while (0)
#define CHECK_INT(got, want)                                                                \
	do {                                                                                \
		intmax_t g_ = (intmax_t)(got), w_ = (intmax_t)(want);                       \
		if (g_ != w_)                                                               \
			test_failures_++, printf("# %s:%d: %s is %jd, not %jd\n", __FILE__, \
						 __LINE__, #got, g_, w_);                   \
	} while (0)
#define CHECK_SLICE(got, want)                                                                    \
	do {                                                                                      \
		struct slice g_ = (got), w_ = (want);                                             \
		if (!slice_eq(g_, w_))                                                            \
			test_failures_++, printf("# %s:%d: %s is [%.*s], not [%.*s]\n", __FILE__, \
						 __LINE__, #got, SLICE(g_), SLICE(w_));           \
	} while (0)
#define CHECK_STR(got, want) CHECK_SLICE(slice_str(got), slice_str(want))

static inline int test_run_all_(const struct test *tests, size_t n)
{
	int failed = 0;
	const char *only = getenv("HOCKET_TEST"); /* the name of the only one to run */
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("1..%zu\n", n);
	for (size_t i = 0; i < n; i++) {
		if (only && strcmp(only, tests[i].name) != 0) {
			printf("ok %zu - %s # SKIP\n", i + 1, tests[i].name);
			continue;
		}
		test_failures_ = 0;
		tests[i].fn();
		failed += test_failures_ != 0;
		printf("%s %zu - %s\n", test_failures_ ? "not ok" : "ok", i + 1, tests[i].name);
	}
	return failed != 0;
}
/* struct test list: RUN_TESTS(tests) over a static array { { "name", name }, ... }; T(name) spells one. */
#define T(name)             \
	{                   \
#name, name \
	}
#define RUN_TESTS(list) test_run_all_((list), sizeof(list) / sizeof((list)[0]))
