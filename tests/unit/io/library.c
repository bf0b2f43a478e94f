/* library.c - tests of src/io/library.c, on the C library itself */
#include "io/library.h"
#include "check.h"
#include <string.h>

struct table {
	size_t (*length)(const char *);
	void (*other)(void);
};

TEST(a_table_is_filled)
{
	static const struct library_call calls[] = {
		{ "strlen", offsetof(struct table, length) },
		{ "abort", offsetof(struct table, other) },
	};
	struct table t = { 0 };
	CHECK(library_find("libc.so.6", calls, ARRAY_SIZE(calls), &t, "is old") == NULL);
	CHECK(t.length && t.length("three") == 5);
	CHECK(t.other != NULL);
}

TEST(what_is_not_there_is_told)
{
	static const struct library_call calls[] = {
		{ "no_such_function", offsetof(struct table, other) },
		{ "strlen", offsetof(struct table, length) },
	};
	struct table t = { 0 };
	CHECK_STR(library_find("libc.so.6", calls, 2, &t, "is old"), "is old");
	CHECK_STR(library_find("libno-such.so.1", calls, 2, &t, "is old"), "is not installed");
}

static const struct test tests[] = {
	T(a_table_is_filled),
	T(what_is_not_there_is_told),
};

int main(void)
{
	return RUN_TESTS(tests);
}
