/* http_query.c - tests of one parameter in a URL's query: set, added, read, left alone */
#include "connectors/http/http_query.h"
#include "base/banned.h"
#include "check.h"

static void check_set(const char *url, const char *name, const char *value, const char *want)
{
	AUTO(buf_done) struct buf out = { 0 };
	CHECK_INT(query_set(slice_str(url), slice_str(name), slice_str(value), &out), 0);
	CHECK_STR(out.p, want);
}

TEST(a_parameter_is_set_where_it_stands)
{
	check_set("http://x/a?page=1&b=2", "page", "2", "http://x/a?page=2&b=2");
	check_set("http://x/a?b=2&page=1", "page", "10", "http://x/a?b=2&page=10");
	check_set("http://x/a?b&page", "page", "1", "http://x/a?b&page=1");
	check_set("http://x/a?page=1&page=2&c=%20", "page", "3", "http://x/a?page=3&c=%20");
	check_set("http://x/a?pages=1&PAGE=2", "page", "3", "http://x/a?pages=1&PAGE=2&page=3");
}

TEST(a_parameter_is_added_before_the_fragment)
{
	check_set("http://x", "page", "1", "http://x?page=1");
	check_set("http://x/a?", "page", "1", "http://x/a?page=1");
	check_set("http://x/a?b=?#f?x=1", "page", "1", "http://x/a?b=?&page=1#f?x=1");
	check_set("http://x/a#", "page", "1", "http://x/a?page=1#");
}

TEST(names_are_compared_decoded_and_values_encoded)
{
	check_set("http://x/?page%5Bnumber%5D=1", "page[number]", "2",
		  "http://x/?page%5Bnumber%5D=2");
	check_set("http://x/?page[number]=1", "page[number]", "2", "http://x/?page%5Bnumber%5D=2");
	check_set("http://x/", "c", "a&b=c#d e", "http://x/?c=a%26b%3Dc%23d%20e");
	check_set("http://x/?%zz=1&%4=2", "c", "3", "http://x/?%zz=1&%4=2&c=3");
}

static void check_get(const char *url, const char *name, const char *want)
{
	AUTO(buf_done) struct buf out = { 0 };
	CHECK_INT(query_get(slice_str(url), slice_str(name), &out), want != NULL);
	CHECK_SLICE(buf_slice(&out), slice_str(want));
}

TEST(a_parameter_is_read_decoded)
{
	check_get("http://x/?a=1&page=7&page=8", "page", "7");
	check_get("http://x/?c=a%26b+c%2B", "c", "a&b c+");
	check_get("http://x/?c", "c", "");
	check_get("http://x/?d=1#?c=2", "c", NULL);
	check_get("http://x/c=1", "c", NULL);
}

static const struct test tests[] = {
	T(a_parameter_is_set_where_it_stands),
	T(a_parameter_is_added_before_the_fragment),
	T(names_are_compared_decoded_and_values_encoded),
	T(a_parameter_is_read_decoded),
};

int main(void)
{
	return RUN_TESTS(tests);
}
