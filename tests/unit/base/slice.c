/* slice.c - tests of base/slice.h */
#include "check.h"

TEST(compares_bytes_then_length)
{
	CHECK(slice_eq(S("abc"), S("abc")));
	CHECK(!slice_eq(S("abc"), S("abd")));
	CHECK(!slice_eq(S("abc"), S("ab")));
	CHECK(slice_eq((struct slice){ 0 }, S("")));
	CHECK(slice_eq_str(S("abc"), "abc"));
	CHECK(slice_eq_str(S(""), NULL));
	CHECK(slice_cmp(S("a"), S("b")) < 0);
	CHECK(slice_cmp(S("b"), S("a")) > 0);
	CHECK(slice_cmp(S("a"), S("ab")) < 0);
	CHECK(slice_cmp(S("ab"), S("a")) > 0);
	CHECK(slice_cmp(S("\xff"), S("a")) > 0); /* unsigned */
	CHECK_INT(slice_cmp(S("ab"), S("ab")), 0);
	CHECK_INT(slice_cmp((struct slice){ 0 }, S("")), 0);
}

TEST(ignores_case_in_ascii_only)
{
	CHECK(slice_eq_nocase(S("Content-TYPE"), S("content-type")));
	CHECK(!slice_eq_nocase(S("a["), S("a{")));
	CHECK(!slice_eq_nocase(S("\xc4"), S("\xe4")));
	CHECK(!slice_eq_nocase(S("ab"), S("abc")));
}

TEST(finds_prefixes_and_suffixes)
{
	CHECK(slice_starts(S("users.jsonl"), S("users")));
	CHECK(slice_starts(S("x"), S("")));
	CHECK(!slice_starts(S("us"), S("users")));
	CHECK(slice_ends(S("users.jsonl"), S(".jsonl")));
	CHECK(slice_ends((struct slice){ 0 }, (struct slice){ 0 }));
	CHECK(!slice_ends(S("l"), S(".jsonl")));
}

TEST(trims_the_four_blanks)
{
	CHECK_SLICE(slice_trim(S(" \t\r\n a b \n")), S("a b"));
	CHECK_SLICE(slice_trim(S(" \n ")), S(""));
	CHECK_SLICE(slice_trim(S("\va")), S("\va"));
	CHECK_SLICE(slice_trim((struct slice){ 0 }), S(""));
}

TEST(takes_heads_and_rests)
{
	CHECK_SLICE(slice_from(S("abc"), 1), S("bc"));
	CHECK_SLICE(slice_from(S("abc"), 3), S(""));
	CHECK_SLICE(slice_from((struct slice){ 0 }, 0), S(""));
	CHECK_SLICE(slice_head(S("abc"), 2), S("ab"));
	CHECK_SLICE(slice_head(S("abc"), 9), S("abc"));
}

TEST(cuts_at_the_first)
{
	struct slice head, rest;
	CHECK(slice_cut(S("a=b=c"), '=', &head, &rest));
	CHECK_SLICE(head, S("a"));
	CHECK_SLICE(rest, S("b=c"));
	CHECK(!slice_cut(S("abc"), '=', &head, &rest));
	CHECK_SLICE(head, S("abc"));
	CHECK_SLICE(rest, S(""));
	CHECK(slice_cut(S("="), '=', &head, &rest));
	CHECK_INT(head.n + rest.n, 0);
	struct slice all = S("x,y,z"); /* rest may be the slice itself: how a list is walked */
	int n = 0;
	while (all.n) {
		slice_cut(all, ',', &head, &all);
		CHECK_INT(head.n, 1);
		n++;
	}
	CHECK_INT(n, 3);
	CHECK(!slice_cut((struct slice){ 0 }, ',', &head, &rest));
}

static const struct test tests[] = {
	T(compares_bytes_then_length),  T(ignores_case_in_ascii_only),
	T(finds_prefixes_and_suffixes), T(trims_the_four_blanks),
	T(takes_heads_and_rests),       T(cuts_at_the_first),
};

int main(void)
{
	return RUN_TESTS(tests);
}
