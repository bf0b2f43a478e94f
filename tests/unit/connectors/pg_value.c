/* pg_value.c - tests of values on their way into PostgreSQL: what a column should be, what is refused, COPY's text */
#include "connectors/sql/pg_value.h"
#include "base/banned.h"
#include "check.h"
#include "connectors/files/literal.h"
#include <errno.h>

static unsigned seen(const char *value)
{
	struct rec *rec = rec_new(S("{}"));
	unsigned n = pg_value_seen(rec, slice_str(value));
	rec_unref(rec);
	return n;
}

TEST(columns_are_made_for_what_was_seen)
{
	CHECK_STR(pg_type_for(seen("1") | seen("-9223372036854775808")), "bigint");
	CHECK_STR(pg_type_for(seen("9223372036854775808")), "numeric");
	CHECK_STR(pg_type_for(seen("1.5") | seen("2")), "double precision");
	CHECK_STR(pg_type_for(seen("0.30000000000000004")), "double precision");
	CHECK_STR(pg_type_for(seen("0.123456789012345678") | seen("2")), "numeric");
	CHECK_STR(pg_type_for(seen("1e-05") | seen("-0.0")), "double precision");
	CHECK_STR(pg_type_for(seen("1e400")), "numeric");
	CHECK_STR(pg_type_for(seen("1e-400")), "numeric");
	CHECK_STR(pg_type_for(seen("true") | seen("null")), "boolean");
	CHECK_STR(pg_type_for(seen("null")), "text");
	CHECK_STR(pg_type_for(seen("true") | seen("1")), "text");
	CHECK_STR(pg_type_for(seen("\"x\"") | seen("1")), "text");
	CHECK_STR(pg_type_for(seen("[1]") | seen("{}")), "jsonb");
	CHECK_STR(pg_type_for(seen("[1]") | seen("\"x\"")), "jsonb");
}

TEST(types_by_name_and_category)
{
	CHECK_INT(pg_class_of(S("int4"), S("N")), PG_INTEGER);
	CHECK_INT(pg_class_of(S("float8"), S("N")), PG_FLOAT);
	CHECK_INT(pg_class_of(S("jsonb"), S("U")), PG_JSON);
	CHECK_INT(pg_class_of(S("_text"), S("A")), PG_ARRAY);
	CHECK_INT(pg_class_of(S("timestamptz"), S("D")), PG_OTHER);
}

static void check_put(enum pg_class class, const char *value, const char *want)
{
	AUTO(buf_done) struct buf out = { 0 };
	struct rec *rec = rec_new(S("{}"));
	const char *why = NULL;
	CHECK_INT(pg_value_put(class, rec, slice_str(value), &out, &why), 0);
	CHECK_SLICE(buf_slice(&out), slice_str(want));
	CHECK(why == NULL);
	rec_unref(rec);
}

static void check_refused(enum pg_class class, const char *value, const char *words)
{
	AUTO(buf_done) struct buf out = { 0 };
	struct rec *rec = rec_new(S("{}"));
	const char *why = NULL;
	CHECK_INT(pg_value_put(class, rec, slice_str(value), &out, &why), -EINVAL);
	CHECK(why && strstr(why, words));
	rec_unref(rec);
}

TEST(fields_of_copy)
{
	check_put(PG_TEXT, "null", "\\N");
	check_put(PG_TEXT, "\"a\\tb\\n\\\\c\"", "a\\tb\\n\\\\c");
	check_put(PG_TEXT, "12345678901234567890.10", "12345678901234567890.10");
	check_put(PG_JSON, "\"x\\n\"", "\"x\\\\n\"");
	check_put(PG_JSON, "{\"a\":\"\\t\"}", "{\"a\":\"\\\\t\"}");
	check_put(PG_JSON, "null", "\\N");
	check_put(PG_INTEGER, "\"501\"", "501");
	check_put(PG_FLOAT, "9007199254740992", "9007199254740992");
	check_put(PG_NUMERIC, "9007199254740993", "9007199254740993");
	check_put(PG_OTHER, "\"00501\"", "00501");
}

TEST(what_would_be_changed_is_refused)
{
	check_refused(PG_INTEGER, "\"00501\"", "leading zeros");
	check_refused(PG_NUMERIC, "\" 1\"", "blanks");
	check_refused(PG_NUMERIC, "\"+1\"", "sign");
	check_refused(PG_FLOAT, "9007199254740993", "more digits");
	check_refused(PG_TEXT, "\"a\\u0000b\"", "zero character");
}

TEST(bytes_are_hex)
{
	AUTO(buf_done) struct buf out = { 0 }, ref = { 0 }, bytes = { 0 };
	struct rec *rec = rec_new(S("{}"));
	const char *why = NULL;
	CHECK_INT(buf_add(&bytes, (struct slice){ "\0\xff", 2 }), 0);
	CHECK_INT(rec_add_blob(rec, S("b"), S("x/y"), &bytes, &ref), 0);
	CHECK_STR(pg_type_for(pg_value_seen(rec, buf_slice(&ref))), "bytea");
	CHECK_INT(pg_value_put(PG_BYTES, rec, buf_slice(&ref), &out, &why), 0);
	CHECK_SLICE(buf_slice(&out), S("\\\\x00ff"));
	rec_unref(rec);
}

TEST(literals)
{
	struct literal l;
	CHECK(literal_read(S("-1.50e3"), &l) && l.plain && l.fraction && l.exponent &&
	      l.digits == 3);
	CHECK(literal_read(S("007"), &l) && l.leading_zeros == 2);
	CHECK(literal_read(S(" 7\n"), &l) && !l.plain);
	CHECK(!literal_read(S("1x"), &l) && !literal_read(S(""), &l) && !literal_read(S("1e"), &l));
}

static const struct test tests[] = {
	T(columns_are_made_for_what_was_seen),
	T(types_by_name_and_category),
	T(fields_of_copy),
	T(what_would_be_changed_is_refused),
	T(bytes_are_hex),
	T(literals),
};

int main(void)
{
	return RUN_TESTS(tests);
}
