/* hash.c - tests of base/hash.h: the numbers stand in state files and must never change */
#include "base/hash.h"
#include "check.h"

TEST(numbers_are_fnv_1a)
{
	/* Published values of 64-bit FNV-1a. */
	CHECK(hash_add(HASH_START, S("")) == UINT64_C(0xcbf29ce484222325));
	CHECK(hash_add(HASH_START, S("a")) == UINT64_C(0xaf63dc4c8601ec8c));
	CHECK(hash_add(HASH_START, S("foobar")) == UINT64_C(0x85944171f73967e8));
}

TEST(pieces_do_not_matter)
{
	uint64_t whole = hash_add(HASH_START, S("users.jsonl:3"));
	uint64_t parts = hash_add(hash_add(HASH_START, S("users")), S(".jsonl:3"));
	CHECK(whole == parts);
	CHECK(hash_end(whole) == hash_end(parts));
}

TEST(the_end_spreads_bits)
{
	/* One flipped input bit flips about half of the output: 32 of 64, give or take 6 standard deviations. */
	for (int bit = 0; bit < 64; bit++) {
		int flipped = __builtin_popcountll(hash_end(12345) ^
						   hash_end(12345 ^ UINT64_C(1) << bit));
		CHECK(flipped >= 8 && flipped <= 56);
	}
	CHECK(hash_end(0) == 0);
	CHECK(hash_end(1) == UINT64_C(0xb456bcfc34c2cb2c));
}

static const struct test tests[] = { T(numbers_are_fnv_1a), T(pieces_do_not_matter),
				     T(the_end_spreads_bits) };

int main(void)
{
	return RUN_TESTS(tests);
}
