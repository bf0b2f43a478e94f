/* difference.c - two versions of a record, told apart; text that is cut and cleaned */
#include "check.h"
#include "cli/difference.h"
#include <string.h>

/* The lines between the two, at 60 columns. */
static const char *lines(const char *before, const char *after)
{
	static struct buf out;
	buf_done(&out);
	struct pen pen = { .out = &out, .width = 60 };
	size_t n = difference_put(&pen, 0, slice_str(before), slice_str(after));
	CHECK_INT(pen_end(&pen), 0);
	size_t ends = 0;
	for (size_t i = 0; i < out.n; i++)
		ends += out.p[i] == '\n';
	CHECK_INT((int)n, (int)ends);
	return out.n ? out.p : "";
}

static const char *data(const char *text, size_t most)
{
	static struct buf out;
	buf_done(&out);
	struct pen pen = { .out = &out };
	pen_data(&pen, slice_str(text), most);
	CHECK_INT(pen_end(&pen), 0);
	return out.p;
}

TEST(what_means_the_same_is_no_difference)
{
	CHECK_STR(lines("{\"a\": 1, \"b\": {\"c\": [1, 2]}}", "{\"b\":{\"c\":[1,2]},\"a\":1}"), "");
	CHECK_STR(lines("[]", " [ ] "), "");
}

TEST(each_place_has_its_line)
{
	CHECK_STR(lines("{\"a\":1,\"b\":2,\"c\":3}", "{\"a\":1,\"b\":\"x\",\"d\":4}"),
		  "~ .b  2 -> \"x\"\n- .c  3\n+ .d  4\n");
	CHECK_STR(lines("{\"a\":{\"b\":[1,{\"c\":1}]}}", "{\"a\":{\"b\":[1,{\"c\":2}]}}"),
		  "~ .a.b[1].c  1 -> 2\n");
	CHECK_STR(lines("{\"a\":[1,2]}", "{\"a\":[1,2,3]}"), "+ .a[2]  3\n");
	CHECK_STR(lines("{\"a\":[1,2]}", "{\"a\":[1]}"), "- .a[1]  2\n");
	CHECK_STR(lines("{\"a\":1}", "{\"a\":1.0}"), "~ .a  1 -> 1.0\n");
	CHECK_STR(lines("{}", "{\"two words\":1}"), "+ .\"two words\"  1\n");
}

TEST(a_blob_is_its_type_and_size)
{
	CHECK_STR(lines("{}", "{\"p\":{\"$blob\":\"p\",\"type\":\"image/png\",\"bytes\":2048}}"),
		  "+ .p  <image/png, 2 KB>\n");
}

TEST(what_is_long_is_taken_apart_or_cut)
{
	const char *wide = lines("{}", "{\"o\":{\"first\":\"aaaaaaaaaaaaaaaaaaaaaaaaa\",\"second\":"
				       "\"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\"}}");
	CHECK(strstr(wide, "+ .o.first  ") && strstr(wide, "+ .o.second  "));
	const char *items =
		lines("{}", "{\"o\":[\"aaaaaaaaaaaaaaaaaaaa\",\"bbbbbbbbbbbbbbbbbbbb\",1,2,"
			    "3,4,5,6,7]}");
	CHECK(strstr(items, "+ .o[4]  3\n+ .o  4 more\n"));
}

TEST(depth_is_bounded)
{
	AUTO(buf_done) struct buf deep = { 0 };
	for (int i = 0; i < 100; i++)
		CHECK_INT(buf_add(&deep, S("{\"a\":")), 0);
	CHECK_INT(buf_add_char(&deep, '1'), 0);
	for (int i = 0; i < 100; i++)
		CHECK_INT(buf_add_char(&deep, '}'), 0);
	CHECK(strlen(lines("{}", deep.p)) > 0);
}

TEST(data_is_cut_between_characters_and_cleaned)
{
	CHECK_STR(data("abc", 3), "abc");
	CHECK_STR(data("abcd", 3), "ab…");
	CHECK_STR(data("äöüß", 3), "äö…");
	CHECK_STR(data("a\033[31mb\n\x7f", 20), "a [31mb  ");
	CHECK_STR(data("a\xc2\x9b"
		       "31mb",
		       20),
		  "a 31mb");
}

static const struct test tests[] = {
	T(what_means_the_same_is_no_difference),
	T(each_place_has_its_line),
	T(a_blob_is_its_type_and_size),
	T(what_is_long_is_taken_apart_or_cut),
	T(depth_is_bounded),
	T(data_is_cut_between_characters_and_cleaned),
};
int main(void)
{
	return RUN_TESTS(tests);
}
