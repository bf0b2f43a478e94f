/* expect.c - a part of what came is enough, and the difference shows nothing else */
#include "check.h"
#include "cli/expect.h"

static bool fits(const char *want, const char *got)
{
	return expect_matches(slice_str(want), slice_str(got), false);
}

static bool is(const char *want, const char *got)
{
	return expect_matches(slice_str(want), slice_str(got), true);
}

static const char *compared(const char *want, const char *got, bool exact)
{
	static struct buf out;
	buf_done(&out);
	CHECK_INT(expect_put(slice_str(want), slice_str(got), exact, &out), 0);
	return out.n ? out.p : "";
}

TEST(members_that_nobody_named_do_not_matter)
{
	CHECK(fits("{\"a\":1}", "{\"b\":2,\"a\":1}"));
	CHECK(fits("{}", "{\"b\":2}"));
	CHECK(fits("{\"a\":{\"b\":1}}", "{\"a\":{\"c\":0,\"b\":1}}"));
	CHECK(fits("[{\"a\":1}]", "[{\"a\":1,\"b\":2}]"));
	CHECK(!fits("{\"a\":1}", "{\"a\":2}"));
	CHECK(!fits("{\"a\":1}", "{\"b\":1}"));
	CHECK(!fits("{\"a\":{}}", "{\"a\":[]}"));
}

TEST(a_list_has_all_its_elements_in_order)
{
	CHECK(!fits("[1]", "[1,2]"));
	CHECK(!fits("[1,2]", "[1]"));
	CHECK(!fits("[1,2]", "[2,1]"));
	CHECK(fits("[]", " [ ] "));
	CHECK(!fits("[]", "[null]"));
}

TEST(null_is_also_what_is_not_there)
{
	CHECK(fits("{\"a\":null}", "{\"b\":1}"));
	CHECK(fits("{\"a\":null}", "{\"a\":null}"));
	CHECK(!fits("{\"a\":null}", "{\"a\":0}"));
	CHECK(!is("{\"a\":null}", "{}"));
}

TEST(exact_is_all_of_it)
{
	CHECK(is("{\"a\":1,\"b\":[{}]}", "{\"b\": [{}], \"a\": 1}"));
	CHECK(!is("{\"a\":1}", "{\"a\":1,\"b\":2}"));
	CHECK(!is("{\"a\":{}}", "{\"a\":{\"b\":2}}"));
}

TEST(values_are_compared_by_what_they_mean)
{
	CHECK(fits("1", "1.0"));
	CHECK(fits("0.1", "1e-1"));
	CHECK(!fits("1", "1.5"));
	CHECK(!fits("12345678901234567890", "12345678901234567891"));
	CHECK(!fits("1", "\"1\""));
	CHECK(!fits("true", "false"));
	CHECK(fits("\"\\u00e9\"", "\"é\""));
	CHECK(!fits("\"a\"", "\"b\""));
	CHECK(fits("{\"\\u0061\":1}", "{\"a\":1}"));
}

TEST(the_difference_has_only_what_is_not_as_expected)
{
	CHECK_STR(compared("{\"a\":1}", "{\"b\":2,\"a\":1.0}", false), "{\"a\":1}");
	CHECK_STR(compared("{\"a\":1,\"c\":null}", "{\"b\":2,\"a\":3}", false),
		  "{\"a\":3,\"c\":null}");
	CHECK_STR(compared("{\"a\":{\"x\":1},\"b\":1}", "{\"a\":{\"x\":2,\"y\":3}}", false),
		  "{\"a\":{\"x\":2}}");
	CHECK_STR(compared("[{\"a\":1}]", "[{\"a\":1,\"b\":2},{\"c\":3}]", false),
		  "[{\"a\":1},{\"c\":3}]");
	CHECK_STR(compared("[1,2]", "[3]", false), "[3]");
	CHECK_STR(compared("{\"a\":1}", "{\"b\":2,\"a\":1}", true), "{\"a\":1,\"b\":2}");
	CHECK_STR(compared("{\"a\":1}", "[1]", false), "[1]");
}

TEST(depth_is_bounded)
{
	AUTO(buf_done) struct buf deep = { 0 };
	for (int i = 0; i < 100; i++)
		CHECK_INT(buf_add(&deep, S("{\"a\":")), 0);
	CHECK_INT(buf_add_char(&deep, '1'), 0);
	for (int i = 0; i < 100; i++)
		CHECK_INT(buf_add_char(&deep, '}'), 0);
	CHECK(fits(deep.p, deep.p));
	CHECK(!fits(deep.p, "{\"a\":1}"));
}

static const struct test tests[] = {
	T(members_that_nobody_named_do_not_matter),
	T(a_list_has_all_its_elements_in_order),
	T(null_is_also_what_is_not_there),
	T(exact_is_all_of_it),
	T(values_are_compared_by_what_they_mean),
	T(the_difference_has_only_what_is_not_as_expected),
	T(depth_is_bounded),
};
int main(void)
{
	return RUN_TESTS(tests);
}
