/* json_scan.c - tests of json_type, json_field, json_index and json_iter */
#include "base/json.h"
#include "base/rand.h"
#include "check.h"

static struct slice field(const char *object, const char *name)
{
	struct slice value = { 0 };
	bool found = json_field(slice_str(object), slice_str(name), &value);
	return found ? value : S("(none)");
}

TEST(types_are_told_by_the_first_byte)
{
	CHECK_INT(json_type(S("null")), JSON_NULL);
	CHECK_INT(json_type(S("true")), JSON_TRUE);
	CHECK_INT(json_type(S("false")), JSON_FALSE);
	CHECK_INT(json_type(S("-1")), JSON_NUMBER);
	CHECK_INT(json_type(S("0")), JSON_NUMBER);
	CHECK_INT(json_type(S("9")), JSON_NUMBER);
	CHECK_INT(json_type(S("\"\"")), JSON_STRING);
	CHECK_INT(json_type(S("[]")), JSON_ARRAY);
	CHECK_INT(json_type(S("{}")), JSON_OBJECT);
	CHECK_INT(json_type((struct slice){ 0 }), JSON_NULL);
	CHECK_SLICE(json_trim(S(" \n{} \t")), S("{}"));
}

TEST(fields_are_found_as_written)
{
	const char *object = " { \"id\" : 12345678901234567890 , \"price\":1.10,\"name\":\"a "
			     "\\\"b\\\" }\", \"list\":[1,{\"id\":2}],"
			     "\"deep\":{\"id\":{\"x\":[]}},\"empty\":\"\",\"none\":null, \"\":0 } ";
	CHECK_SLICE(field(object, "id"), S("12345678901234567890"));
	CHECK_SLICE(field(object, "price"), S("1.10"));
	CHECK_SLICE(field(object, "name"), S("\"a \\\"b\\\" }\""));
	CHECK_SLICE(field(object, "list"), S("[1,{\"id\":2}]"));
	CHECK_SLICE(field(object, "deep"), S("{\"id\":{\"x\":[]}}"));
	CHECK_SLICE(field(object, "empty"), S("\"\""));
	CHECK_SLICE(field(object, "none"), S("null"));
	CHECK_SLICE(field(object, ""), S("0"));
	CHECK_SLICE(field(object, "i"), S("(none)"));
	CHECK_SLICE(field(object, "idx"), S("(none)"));
	CHECK_SLICE(field(object, "x"), S("(none)")); /* only in an inner object */
}

TEST(the_last_of_equal_keys_counts)
{
	CHECK_SLICE(field("{\"a\":1,\"b\":2,\"a\":3}", "a"), S("3"));
	CHECK_SLICE(field("{\"a\":1,\"\\u0061\":4}", "a"), S("4"));
}

TEST(escaped_keys_are_compared_decoded)
{
	CHECK_SLICE(field("{\"\\u0061b\":1}", "ab"), S("1"));
	CHECK_SLICE(field("{\"a\\\"b\":1}", "a\"b"), S("1"));
	CHECK_SLICE(field("{\"\\u00e9\":1}", "\xc3\xa9"), S("1"));
	CHECK_SLICE(field("{\"\\ud83d\\ude00\":1}", "\xf0\x9f\x98\x80"), S("1"));
	CHECK_SLICE(field("{\"\xc3\xa9\":1}", "\xc3\xa9"), S("1"));
	CHECK_SLICE(field("{\"a\\n\":1}", "a\n"), S("1"));
	CHECK_SLICE(field("{\"a\\n\":1}", "a\\n"),
		    S("(none)")); /* a backslash in a name is a backslash */
	CHECK_SLICE(field("{\"a\\\\n\":1}", "a\\n"), S("1"));
	CHECK_SLICE(field("{\"a\\u0062c\":1}", "ab"), S("(none)"));
	CHECK_SLICE(field("{\"a\\u0062\":1}", "abc"), S("(none)"));
	struct slice value;
	CHECK(json_field(S("{\"a\\u0000b\":7}"), S("a\0b"), &value));
	CHECK_SLICE(value, S("7"));
}

TEST(only_objects_have_fields)
{
	static const char *const others[] = { "",      " ",  "null",        "1",
					      "\"a\"", "[]", "[{\"a\":1}]", "[\"a\",1]" };
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		CHECK_SLICE(field(others[i], "a"), S("(none)"));
	struct slice value;
	CHECK(!json_field((struct slice){ 0 }, S("a"), &value));
}

static struct slice element(const char *array, int64_t index)
{
	struct slice value;
	return json_index(slice_str(array), index, &value) ? value : S("(none)");
}

TEST(elements_count_from_both_ends)
{
	const char *array = " [ 10 , \"a,]\" ,[3,4], {\"b\":[]} ] ";
	CHECK_SLICE(element(array, 0), S("10"));
	CHECK_SLICE(element(array, 1), S("\"a,]\""));
	CHECK_SLICE(element(array, 2), S("[3,4]"));
	CHECK_SLICE(element(array, 3), S("{\"b\":[]}"));
	CHECK_SLICE(element(array, 4), S("(none)"));
	CHECK_SLICE(element(array, -1), S("{\"b\":[]}"));
	CHECK_SLICE(element(array, -4), S("10"));
	CHECK_SLICE(element(array, -5), S("(none)"));
	CHECK_SLICE(element(array, INT64_MIN), S("(none)"));
	CHECK_SLICE(element(array, INT64_MAX), S("(none)"));
	CHECK_SLICE(element("[]", 0), S("(none)"));
	CHECK_SLICE(element("[]", -1), S("(none)"));
	CHECK_SLICE(element("{\"a\":1}", 0), S("(none)"));
	CHECK_SLICE(element("7", 0), S("(none)"));
}

TEST(iteration_keeps_the_order_and_the_text)
{
	AUTO(buf_done) struct buf seen = { 0 };
	struct json_iter it = json_iter(S("{ \"b\":1, \"a\\n\" : [ 2 ] ,\"b\":null}"));
	struct slice key, value;
	CHECK(it.object);
	while (json_next(&it, &key, &value))
		CHECK_INT(buf_printf(&seen, "%.*s=%.*s;", SLICE(key), SLICE(value)), 0);
	CHECK_STR(seen.p, "\"b\"=1;\"a\\n\"=[ 2 ];\"b\"=null;");
	CHECK(!json_next(&it, &key, &value)); /* stays at the end */

	it = json_iter(S("[1,2]"));
	CHECK(!it.object && json_next(&it, &key, &value));
	CHECK_INT(key.n, 0);
}

TEST(half_texts_end_quietly)
{
	static const char *const texts[] = { "{",           "{\"",      "{\"a",
					     "{\"a\"",      "{\"a\":",  "{\"a\":}",
					     "{:}",         "{,}",      "{1:2}",
					     "{\"a\"1}",    "[",        "[,",
					     "[]]",         "[}",       "{]",
					     "[\"",         "[\"\\",    "[\"\\\"",
					     "{\"a\\\":1}", "[[[[",     "{\"a\":{\"b\"",
					     "{\"a\":[}",   "\xff\xff", "{\"\\u\":1}",
					     "\0",          "{{{{",     "}}}}" };
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		size_t n = strlen(texts[i]);
		AUTO(freep) char *copy = xmalloc(n);
		memcpy(copy, texts[i], n);
		struct slice text = { copy, n }, key, value;
		struct json_iter it = json_iter(text);
		size_t steps = 0;
		while (json_next(&it, &key, &value))
			steps++;
		CHECK(steps <= n);
		json_field(text, S("a"), &value);
		json_index(text, -1, &value);
	}
}

/* Any bytes: what is found lies inside the text, and every walk ends. */
TEST(garbage_stays_in_bounds)
{
	static const char alphabet[] = "{}[]\"\"\\:,,:\"a1 \nu\xc3\xa9\0t";
	struct rand r;
	rand_seed(&r, 31);
	for (int i = 0; i < 100000; i++) {
		size_t n = rand_below(&r, 40);
		AUTO(freep) char *copy = xmalloc(n);
		for (size_t k = 0; k < n; k++)
			copy[k] = alphabet[rand_below(&r, sizeof(alphabet) - 1)];
		if (n && i % 2)
			copy[0] = i % 4 == 1 ? '{' : '[';
		struct slice text = { copy, n }, key, value;
		struct json_iter it = json_iter(text);
		const char *before = copy;
		while (json_next(&it, &key, &value)) {
			CHECK(value.n > 0 && value.p >= before && value.p + value.n <= copy + n);
			CHECK(!key.n || (key.p >= before && key.p + key.n <= value.p));
			before = value.p + value.n;
		}
		if (json_field(text, S("a"), &value))
			CHECK(value.p > copy && value.p + value.n <= copy + n);
		if (json_index(text, (int64_t)rand_below(&r, 7) - 3, &value))
			CHECK(value.p > copy && value.p + value.n <= copy + n);
	}
}

TEST(deep_texts_need_no_stack)
{
	AUTO(buf_done) struct buf text = { 0 };
	CHECK_INT(buf_add(&text, S("{\"a\":")), 0);
	for (int i = 0; i < 1000000; i++)
		CHECK_INT(buf_add_char(&text, '['), 0);
	struct slice value;
	CHECK(json_field(buf_slice(&text), S("a"),
			 &value)); /* unchecked: all that is left is its value */
	CHECK_INT(value.n, 1000000);
	CHECK(!json_field(buf_slice(&text), S("b"), &value));
}

static const struct test tests[] = {
	T(types_are_told_by_the_first_byte),
	T(fields_are_found_as_written),
	T(the_last_of_equal_keys_counts),
	T(escaped_keys_are_compared_decoded),
	T(only_objects_have_fields),
	T(elements_count_from_both_ends),
	T(iteration_keeps_the_order_and_the_text),
	T(half_texts_end_quietly),
	T(garbage_stays_in_bounds),
	T(deep_texts_need_no_stack),
};

int main(void)
{
	return RUN_TESTS(tests);
}
