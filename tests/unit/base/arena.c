/* arena.c - tests of base/arena.h */
#include "base/arena.h"
#include "base/rand.h"
#include "check.h"

TEST(pieces_are_aligned_apart_and_stay)
{
	enum { N = 5000 };
	static unsigned char *pieces[N];
	static size_t sizes[N];
	AUTO(arena_freep) struct arena *a = arena_new();
	struct rand r;
	rand_seed(&r, 1);
	size_t sum = 0;
	for (size_t i = 0; i < N; i++) {
		sizes[i] = rand_below(&r, i % 100 == 0 ? 100000 : 200);
		pieces[i] = arena_alloc(a, sizes[i]);
		CHECK((uintptr_t)pieces[i] % _Alignof(max_align_t) == 0);
		memset(pieces[i], (int)(i % 251), sizes[i]);
		sum += sizes[i];
	}
	CHECK_INT(arena_bytes(a), sum);
	size_t damaged = 0;
	for (size_t i = 0; i < N; i++)
		for (size_t k = 0; k < sizes[i]; k++)
			damaged += pieces[i][k] != i % 251;
	CHECK_INT(damaged, 0);
}

TEST(nothing_has_its_own_address)
{
	AUTO(arena_freep) struct arena *a = arena_new();
	CHECK(arena_alloc(a, 0) != arena_alloc(a, 0));
}

TEST(copies_end_with_a_zero)
{
	AUTO(arena_freep) struct arena *a = arena_new();
	struct slice copy = arena_copy(a, S("a\0b"));
	CHECK_INT(copy.n, 3);
	CHECK(memcmp(copy.p, "a\0b\0", 4) == 0);
	CHECK_STR(arena_str(a, S("text")), "text");
	CHECK_STR(arena_str(a, (struct slice){ 0 }), "");
	CHECK_STR(arena_printf(a, "%s-%d", "x", 12), "x-12");
	unsigned char *zero = arena_zero(a, 1000);
	size_t sum = 0;
	for (size_t i = 0; i < 1000; i++)
		sum += zero[i];
	CHECK_INT(sum, 0);
}

TEST(reset_reuses_the_first_chunk)
{
	AUTO(arena_freep) struct arena *a = arena_new();
	void *first = arena_alloc(a, 100);
	for (int i = 0; i < 1000; i++)
		arena_alloc(a, 1000);
	arena_alloc(a, 1000000);
	arena_reset(a);
	CHECK_INT(arena_bytes(a), 0);
	CHECK(arena_alloc(a, 100) == first);
	arena_reset(a);
	arena_reset(a);
}

TEST(free_accepts_null)
{
	arena_free(NULL);
	struct arena *none = NULL;
	arena_freep(&none);
	CHECK(none == NULL);
}

static const struct test tests[] = {
	T(pieces_are_aligned_apart_and_stay),
	T(nothing_has_its_own_address),
	T(copies_end_with_a_zero),
	T(reset_reuses_the_first_chunk),
	T(free_accepts_null),
};

int main(void)
{
	return RUN_TESTS(tests);
}
