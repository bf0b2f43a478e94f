/* buf.c - tests of base/buf.h; realloc is wrapped by the linker, so that the n-th allocation can fail */
#include "base/buf.h"
#include "check.h"
#include <errno.h>
#include <stdlib.h>

static int allocations_left = -1; /* -1: as many as wanted */
void *__real_realloc(void *p, size_t n);
void *__wrap_realloc(void *p, size_t n);

void *__wrap_realloc(void *p, size_t n)
{
	if (allocations_left == 0)
		return NULL;
	if (allocations_left > 0)
		allocations_left--;
	return __real_realloc(p, n);
}

static void check_invariants(const struct buf *b)
{
	CHECK(b->n <= b->cap);
	CHECK(b->cap <= (b->max ? b->max : BUF_DEFAULT_MAX));
	CHECK(!b->cap || b->p[b->n] == 0);
	CHECK(b->cap || !b->p);
}

TEST(grows_and_stays_a_c_string)
{
	AUTO(buf_done) struct buf b = { 0 };
	check_invariants(&b);
	for (int i = 0; i < 1000; i++) {
		CHECK_INT(buf_add_char(&b, (char)('a' + i % 26)), 0);
		check_invariants(&b);
	}
	CHECK_INT(b.n, 1000);
	CHECK_INT(b.p[999], 'a' + 999 % 26);
	CHECK_INT(buf_add(&b, S("")), 0);
	CHECK_INT(buf_add(&b, (struct slice){ 0 }), 0);
	CHECK_INT(b.n, 1000);
}

TEST(the_ceiling_is_exact)
{
	for (size_t max = 1; max < 200; max++) {
		AUTO(buf_done) struct buf b = { .max = max };
		for (size_t i = 0; i < max; i++)
			CHECK_INT(buf_add_char(&b, 'x'), 0);
		CHECK_INT(buf_add_char(&b, 'y'), -EMSGSIZE);
		CHECK_INT(buf_add(&b, S("yy")), -EMSGSIZE);
		CHECK_INT(buf_printf(&b, "%d", 1), -EMSGSIZE);
		CHECK_INT(buf_reserve(&b, SIZE_MAX), -EMSGSIZE);
		CHECK_INT(b.n, max);
		check_invariants(&b);
		CHECK(!strchr(b.p, 'y'));
	}
}

TEST(adding_fails_whole)
{
	AUTO(buf_done) struct buf b = { .max = 10 };
	CHECK_INT(buf_add(&b, S("12345678")), 0);
	CHECK_INT(buf_add(&b, S("abc")), -EMSGSIZE);
	CHECK_INT(buf_printf(&b, "%s", "abc"), -EMSGSIZE);
	CHECK_SLICE(buf_slice(&b), S("12345678"));
	CHECK_INT(buf_add(&b, S("ab")), 0);
	CHECK_STR(b.p, "12345678ab");
}

TEST(printf_fits_exactly)
{
	AUTO(buf_done) struct buf b = { 0 };
	for (int width = 0; width < 300; width++) {
		buf_clear(&b);
		CHECK_INT(buf_printf(&b, "%*s", width, ""), 0);
		CHECK_INT(b.n, width);
		check_invariants(&b);
	}
}

TEST(shrinks_at_both_ends)
{
	AUTO(buf_done) struct buf b = { 0 };
	CHECK_INT(buf_add(&b, S("hello, world")), 0);
	buf_consume(&b, 7);
	CHECK_STR(b.p, "world");
	buf_truncate(&b, 3);
	CHECK_STR(b.p, "wor");
	buf_consume(&b, 3);
	CHECK_STR(b.p, "");
	buf_clear(&b);
	struct buf empty = { 0 };
	buf_consume(&empty, 0);
	buf_truncate(&empty, 0);
	buf_added(&empty, 0);
	check_invariants(&empty);
}

TEST(take_moves_and_keeps_the_ceiling)
{
	struct buf b = { .max = 100 };
	CHECK_INT(buf_add(&b, S("gift")), 0);
	AUTO(buf_done) struct buf given = buf_take(&b);
	CHECK_STR(given.p, "gift");
	CHECK(b.p == NULL && b.n == 0 && b.cap == 0);
	CHECK_INT(b.max, 100);
	buf_done(&b);
}

TEST(done_leaves_a_usable_buffer)
{
	struct buf b = { .max = 20 };
	CHECK_INT(buf_add(&b, S("abc")), 0);
	buf_done(&b);
	check_invariants(&b);
	CHECK_INT(b.max, 20);
	CHECK_INT(buf_add(&b, S("d")), 0);
	CHECK_STR(b.p, "d");
	buf_done(&b);
	buf_done(&b);
}

/* Of less than a megabyte it is the end of the process: tests/crash/heap.py. */
TEST(no_memory_for_much_is_an_answer)
{
	for (int n = 0; n < 5; n++) {
		AUTO(buf_done) struct buf b = { 0 };
		AUTO(freep) char *much = xcalloc(1, 3u << 20);
		int error = buf_add(&b, (struct slice){ much, 100 });
		size_t added = 100;
		allocations_left = n;
		while (!error && added < (64u << 20)) {
			error = buf_add(&b, (struct slice){ much, 3u << 20 });
			added += error ? 0 : 3u << 20;
		}
		CHECK_INT(error, -ENOMEM);
		CHECK_INT(buf_reserve(&b, b.cap - b.n + (2u << 20)), -ENOMEM);
		allocations_left = -1;
		CHECK_INT(b.n, added);
		check_invariants(&b);
		CHECK_INT(buf_add(&b, S("on")), 0);
	}
}

static const struct test tests[] = {
	T(grows_and_stays_a_c_string),  T(the_ceiling_is_exact),
	T(adding_fails_whole),          T(printf_fits_exactly),
	T(shrinks_at_both_ends),        T(take_moves_and_keeps_the_ceiling),
	T(done_leaves_a_usable_buffer), T(no_memory_for_much_is_an_answer),
};

int main(void)
{
	return RUN_TESTS(tests);
}
