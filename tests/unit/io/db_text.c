/* What a database's texts are: doors, names, literals, COPY fields, arrays, base64, places. No server is asked. */
#include "../check.h"
#include "base/json.h"
#include "io/db.h"
#include "io/db/db_array.h"
#include "io/db/db_base64.h"
#include "io/db/db_interval.h"
#include "io/db/db_place.h"
#include <errno.h>

/* ---- doors --------------------------------------------------------------------------------------------------- */

static void check_door(const char *url, const char *want)
{
	AUTO(buf_done) struct buf b = { 0 };
	CHECK_INT(db_put_door(slice_str(url), &b), 0);
	CHECK_STR(b.p, want);
}

TEST(kinds_are_told_by_their_texts)
{
	CHECK_INT(db_kind_of(S("postgres://h/d")), DB_POSTGRES);
	CHECK_INT(db_kind_of(S("postgresql:///d")), DB_POSTGRES);
	CHECK_INT(db_kind_of(S("host=h dbname=d")), DB_POSTGRES);
	CHECK_INT(db_kind_of(S(" dbname = 'd'")), DB_POSTGRES);
	CHECK_INT(db_kind_of(S("sqlite:people.db")), DB_SQLITE);
	CHECK_INT(db_kind_of(S("people.db")), DB_SQLITE);
	CHECK_INT(db_kind_of(S("/var/lib/a=b.db")), DB_SQLITE);
}

TEST(doors_show_host_port_and_name_only)
{
	check_door("postgres://u:secret@h:1/d?sslmode=require", "postgres://h:1/d");
	check_door("postgresql://u@h/d", "postgres://h:5432/d");
	check_door("postgres://h", "postgres://h:5432/");
	check_door("postgres://[::1]:7/d", "postgres://[::1]:7/d");
	check_door("postgres://[::1]/d", "postgres://[::1]:5432/d");
	check_door("postgres://u:p@a:1,b:2/d", "postgres://a:1,b:2/d");
	check_door("postgres:///d?host=/run/pg&port=6", "postgres:///run/pg:6/d");
	check_door("host=h port=6 user=u password=secret dbname=d", "postgres://h:6/d");
	check_door("password='se cret' host='h' dbname='d'", "postgres://h:5432/d");
	check_door("sqlite:a/b.db", "a/b.db");
	check_door("a/b.db", "a/b.db");
}

TEST(a_password_with_odd_characters_shows_nothing_of_itself)
{
	check_door("postgres://u:se@cr/et@h/d", "postgres://h:5432/d");
	check_door("postgres://u:se?cr@et@h/d", "postgres://h:5432/d");
	check_door("password='a\\' host=evil' host=h dbname=d", "postgres://h:5432/d");
	check_door("postgres://h/d?password=secret&user=u", "postgres://h:5432/d");
	check_door("user=u password=a=b host=h dbname=d", "postgres://h:5432/d");
}

/* ---- names, literals, COPY ------------------------------------------------------------------------------------- */

TEST(names_and_literals_end_where_they_end)
{
	AUTO(buf_done) struct buf b = { 0 };
	CHECK_INT(db_put_name(S("a\"b"), &b), 0);
	CHECK_STR(b.p, "\"a\"\"b\"");
	buf_clear(&b);
	CHECK_INT(db_put_literal(S("it's \\"), &b), 0);
	CHECK_STR(b.p, "'it''s \\'");
	CHECK_INT(db_put_name((struct slice){ "a\0b", 3 }, &b), -EINVAL);
}

static void check_copy(const char *value, bool array, const char *want)
{
	AUTO(buf_done) struct buf b = { 0 };
	CHECK_INT(db_put_copy_field(slice_str(value), array, &b), 0);
	CHECK_STR(b.p, want);
}

TEST(copy_fields_cannot_leave_their_place)
{
	check_copy("null", false, "\\N");
	check_copy("\"\\\\N\"", false, "\\\\N");
	check_copy("\"a\\tb\\nc\\\\d\\r\"", false, "a\\tb\\nc\\\\d\\r");
	check_copy("12345678901234567890.10", false, "12345678901234567890.10");
	check_copy("true", false, "true");
	check_copy("{\"a\":\"x\\ny\"}", false, "{\"a\":\"x\\\\ny\"}");
	check_copy("[1,\"a\"]", false, "[1,\"a\"]");
	check_copy("[1,\"a\\\\\",null]", true, "{1,\"a\\\\\\\\\",NULL}");
	check_copy("\"\"", false, "");
	AUTO(buf_done) struct buf b = { 0 };
	CHECK_INT(db_put_copy_field(S("\"a\\u0000b\""), false, &b), -EINVAL);
}

/* ---- arrays --------------------------------------------------------------------------------------------------- */

static int put_text(struct slice element, void *arg, struct buf *out)
{
	return json_quote(element, out);
}

static void check_array(const char *text, const char *want)
{
	AUTO(buf_done) struct buf b = { 0 };
	int r = db_array_read(slice_str(text), ',', put_text, NULL, &b);
	CHECK_INT(r, want ? 0 : -EBADMSG);
	CHECK_SLICE(buf_slice(&b), slice_str(want));
}

TEST(arrays_are_read_as_the_server_writes_them)
{
	check_array("{}", "[]");
	check_array("{1,2,3}", "[\"1\",\"2\",\"3\"]");
	check_array("{NULL,null,\"NULL\"}", "[null,null,\"NULL\"]");
	check_array("{\"a,b\",\"c\\\"d\",\"e\\\\f\",\"\"}", "[\"a,b\",\"c\\\"d\",\"e\\\\f\",\"\"]");
	check_array("{{1,2},{3,NULL}}", "[[\"1\",\"2\"],[\"3\",null]]");
	check_array("[0:1]={a,b}", "[\"a\",\"b\"]");
	check_array("{ a , \"b\" }", "[\"a\",\"b\"]");
	check_array("{{{{{{1}}}}}}", "[[[[[[\"1\"]]]]]]");
}

TEST(what_is_no_array_is_refused)
{
	static const char *const bad[] = {
		"",     "a",    "{",      "{1",   "{1,}",     "{,1}",   "{1}}",
		"{1}x", "{\"a", "{\"a\\", "{a\\", "{a\"b\"}", "[0:1]=", "{{{{{{{1}}}}}}}"
	};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		check_array(bad[i], NULL);
}

static void check_written(const char *json, bool raw, const char *want)
{
	AUTO(buf_done) struct buf b = { 0 };
	CHECK_INT(db_array_write(slice_str(json), raw, &b), 0);
	CHECK_STR(b.p, want);
}

TEST(arrays_are_written_as_the_server_reads_them)
{
	check_written("[]", false, "{}");
	check_written("[1, 2.50, true, null]", false, "{1,2.50,true,NULL}");
	check_written("[\"a,b\",\"c\\\"d\",\"\",\"NULL\"]", false,
		      "{\"a,b\",\"c\\\"d\",\"\",\"NULL\"}");
	check_written("[[1,2],[3,4]]", false, "{{1,2},{3,4}}");
	check_written("[{\"a\":1}]", false, "{\"{\\\"a\\\":1}\"}");
	check_written("[[1],\"x\"]", true, "{\"[1]\",\"\\\"x\\\"\"}");
}

/* ---- base64 ------------------------------------------------------------------------------------------------------ */

TEST(base64_is_rfc_4648)
{
	static const char *const pairs[][2] = { { "", "" },
						{ "f", "Zg==" },
						{ "fo", "Zm8=" },
						{ "foo", "Zm9v" },
						{ "foob", "Zm9vYg==" },
						{ "fooba", "Zm9vYmE=" },
						{ "foobar", "Zm9vYmFy" } };
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		AUTO(buf_done) struct buf there = { 0 }, back = { 0 };
		CHECK_INT(db_base64_put(slice_str(pairs[i][0]), &there), 0);
		CHECK_SLICE(buf_slice(&there), slice_str(pairs[i][1]));
		CHECK_INT(db_base64_read(slice_str(pairs[i][1]), &back), 0);
		CHECK_SLICE(buf_slice(&back), slice_str(pairs[i][0]));
	}
}

TEST(what_is_not_base64_is_refused_whole)
{
	static const char *const bad[] = { "Z",     "Zg=",  "Zg===", "Z===",    "Zh==",
					   "Zm9v!", "Zm 9", "====",  "Zg==Zg==" };
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		AUTO(buf_done) struct buf b = { 0 };
		CHECK_INT(db_base64_read(slice_str(bad[i]), &b), -EBADMSG);
		CHECK_INT(b.n, 0);
	}
	AUTO(buf_done) struct buf b = { 0 };
	CHECK_INT(db_base64_read(S("Zm8"), &b), 0); /* without padding */
	CHECK_SLICE(buf_slice(&b), S("fo"));
}

/* ---- intervals --------------------------------------------------------------------------------------------------- */

TEST(intervals_are_iso_durations)
{
	static const char *const pairs[][2] = {
		{ "1 year 2 mons 3 days 04:05:06.789", "P1Y2M3DT4H5M6.789S" },
		{ "-1 years -2 mons +3 days -04:05:06", "P-1Y-2M3DT-4H-5M-6S" },
		{ "2 mons", "P2M" },
		{ "00:00:00", "PT0S" },
		{ "1 day 00:00:00.5", "P1DT0.5S" },
		{ "100:00:00", "PT100H" },
		{ "P1DT2H", "P1DT2H" },
		{ "infinity", "infinity" },
		{ "1 fortnight", "1 fortnight" },
		{ "1 day 04:05", "1 day 04:05" },
		{ "04:05:06x", "04:05:06x" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		AUTO(buf_done) struct buf b = { 0 };
		CHECK_INT(db_put_interval(slice_str(pairs[i][0]), &b), 0);
		CHECK_STR(b.p, pairs[i][1]);
	}
}

/* ---- places -------------------------------------------------------------------------------------------------------- */

TEST(the_caret_stands_under_its_character)
{
	AUTO(buf_done) struct buf b = { 0 };
	struct slice text = S("SELECT 'é',\n  nope FROM t\nWHERE 1");
	CHECK_INT(db_put_place(text, db_byte_of(text, 14), &b), 0);
	CHECK_STR(b.p, "\n  line 2:   nope FROM t\n            ^");
	buf_clear(&b);
	CHECK_INT(db_put_place(S("SELECT"), 99, &b), 0); /* at its end */
	CHECK_STR(b.p, "\n  line 1: SELECT\n                ^");
}

TEST(a_long_line_is_cut_around_the_place)
{
	AUTO(buf_done) struct buf text = { 0 }, b = { 0 };
	for (int i = 0; i < 500; i++)
		CHECK_INT(buf_add(&text, S("é")), 0);
	CHECK_INT(buf_add(&text, S("!")), 0);
	CHECK_INT(db_put_place(buf_slice(&text), db_byte_of(buf_slice(&text), 500), &b), 0);
	CHECK(b.n < 300 && b.p[b.n - 1] == '^');
	CHECK(strstr(b.p, "é!\n") != NULL);
}

static const struct test tests[] = {
	T(kinds_are_told_by_their_texts),
	T(doors_show_host_port_and_name_only),
	T(a_password_with_odd_characters_shows_nothing_of_itself),
	T(names_and_literals_end_where_they_end),
	T(copy_fields_cannot_leave_their_place),
	T(arrays_are_read_as_the_server_writes_them),
	T(what_is_no_array_is_refused),
	T(arrays_are_written_as_the_server_reads_them),
	T(base64_is_rfc_4648),
	T(what_is_not_base64_is_refused_whole),
	T(intervals_are_iso_durations),
	T(the_caret_stands_under_its_character),
	T(a_long_line_is_cut_around_the_place),
};

int main(void)
{
	return RUN_TESTS(tests);
}
