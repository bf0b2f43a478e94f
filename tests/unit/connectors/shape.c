/* shape.c - tests of what type holds all values of a field */
#include "connectors/files/shape.h"
#include "base/banned.h"
#include "check.h"

/* The type of what stands in lists' place: one value each. */
static void check_type(const char *values, enum shape_kind kind, const char *type)
{
	AUTO(shape_freep) struct shape *s = shape_new();
	AUTO(buf_done) struct buf out = { 0 };
	enum shape_kind got = SHAPE_PLAIN;
	struct slice rest = slice_str(values), one;
	for (bool more = true; more;) {
		more = slice_cut(rest, ' ', &one, &rest);
		shape_add(s, one);
	}
	CHECK_INT(shape_put_type(s, &got, &out), 0);
	CHECK_INT(got, kind);
	CHECK_SLICE(buf_slice(&out), slice_str(type));
}

TEST(scalars_have_the_narrowest_type)
{
	check_type("1 -2 null", SHAPE_PLAIN, "BIGINT");
	check_type("true false", SHAPE_PLAIN, "BOOLEAN");
	check_type("1 1.5", SHAPE_PLAIN, "DOUBLE");
	check_type("1e3", SHAPE_PLAIN, "DOUBLE");
	check_type("\"x\" null", SHAPE_PLAIN, "VARCHAR");
	check_type("null", SHAPE_PLAIN, "VARCHAR");
}

TEST(no_number_is_rounded)
{
	check_type("9223372036854775807 -9223372036854775808", SHAPE_PLAIN, "BIGINT");
	check_type("9223372036854775808 0", SHAPE_PLAIN, "UBIGINT");
	check_type("18446744073709551615", SHAPE_PLAIN, "UBIGINT");
	check_type("18446744073709551616", SHAPE_PLAIN, "VARCHAR");
	check_type("9223372036854775808 -1", SHAPE_PLAIN, "VARCHAR");
	check_type("-9223372036854775809", SHAPE_PLAIN, "VARCHAR");
	check_type("9007199254740992 0.5", SHAPE_PLAIN, "DOUBLE");
	check_type("9007199254740993 0.5", SHAPE_PLAIN, "VARCHAR");
}

TEST(nested_values_are_seen_through)
{
	check_type("[1,2] []", SHAPE_NESTED, "[\"BIGINT\"]");
	check_type("[]", SHAPE_NESTED, "[\"VARCHAR\"]");
	check_type("{\"a\":1} {\"b\":[{\"c\":\"x\"}]}", SHAPE_NESTED,
		   "{\"a\":\"BIGINT\",\"b\":[{\"c\":\"VARCHAR\"}]}");
	check_type("{\"a\":1} {\"a\":1.5}", SHAPE_NESTED, "{\"a\":\"DOUBLE\"}");
}

TEST(what_is_mixed_is_json)
{
	check_type("1 \"x\"", SHAPE_JSON, "JSON");
	check_type("[1] {\"a\":1}", SHAPE_JSON, "JSON");
	check_type("{\"a\":1} {\"a\":\"x\"}", SHAPE_JSON, "JSON");
	check_type("[123456789012345678901234567890]", SHAPE_JSON, "JSON");
	check_type("{}", SHAPE_JSON, "JSON");
	check_type("{\"a\":1,\"A\":2}", SHAPE_JSON, "JSON");
}

TEST(deep_and_broad_values_are_json)
{
	AUTO(buf_done) struct buf deep = { 0 }, broad = { 0 };
	for (int i = 0; i < 40; i++)
		CHECK_INT(buf_add_char(&deep, '['), 0);
	for (int i = 0; i < 40; i++)
		CHECK_INT(buf_add_char(&deep, ']'), 0);
	check_type(deep.p, SHAPE_JSON, "JSON");
	for (int i = 0; i < 500; i++)
		CHECK_INT(buf_printf(&broad, "%s{\"x\":{\"k%d\":1}}", i ? " " : "", i), 0);
	check_type(broad.p, SHAPE_JSON, "JSON");
}

TEST(fields_are_found_in_their_order)
{
	AUTO(shape_freep) struct shape *s = shape_new();
	shape_add(s, S("{\"b\":1,\"a\":2}"));
	shape_add(s, S("{\"a\":2,\"\\u0063\":3}"));
	CHECK_INT(shape_count(s), 3);
	CHECK_SLICE(shape_name(s, 0), S("b"));
	CHECK_SLICE(shape_name(s, 2), S("c"));
	CHECK_INT(shape_find(s, S("a"), 0), 1);
	CHECK_INT(shape_find(s, S("z"), 0), 3);
}

static const struct test tests[] = {
	T(scalars_have_the_narrowest_type), T(no_number_is_rounded),
	T(nested_values_are_seen_through),  T(what_is_mixed_is_json),
	T(deep_and_broad_values_are_json),  T(fields_are_found_in_their_order),
};

int main(void)
{
	return RUN_TESTS(tests);
}
