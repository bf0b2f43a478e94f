/* sql_text.c (tests) - reads or writes, how many values, one statement or two: told by the text alone */
#include "connectors/sql/sql_text.h"
#include "check.h"

static struct sql_text read_text(const char *text)
{
	struct sql_text t;
	sql_text_read(slice_str(text), &t);
	return t;
}

TEST(readers_are_told_from_writers)
{
	static const char *const reads[] = {
		"SELECT 1",
		"  -- a comment; insert\n /* delete /* update */ into */ select 1",
		"VALUES (1)",
		"table users",
		"SHOW search_path",
		"WITH a AS (SELECT 1) SELECT * FROM a",
		"SELECT 'insert into x', \"update\", $$delete$$, $q$ merge $q$ FROM t",
		"SELECT E'it\\'s; insert' FROM t",
		"SELECT updated_at, inserted FROM t WHERE note = 'for update'",
		"SELECT substring(name FOR 3) FROM t",
	};
	static const char *const writes[] = {
		"INSERT INTO t VALUES ($1)",
		"update t set a = 1",
		"DELETE FROM t",
		"MERGE INTO t USING u ON true WHEN MATCHED THEN DO NOTHING",
		"CALL charge($1)",
		"WITH gone AS (DELETE FROM t RETURNING id) SELECT * FROM gone",
		"SELECT * INTO copy FROM t",
		"SELECT * FROM t FOR UPDATE",
		"SELECT * FROM t FOR NO KEY UPDATE",
		"SELECT * FROM t FOR KEY SHARE",
		"EXPLAIN ANALYZE UPDATE t SET a = 1",
		"TRUNCATE t",
	};
	for (size_t i = 0; i < ARRAY_SIZE(reads); i++)
		CHECK(!read_text(reads[i]).writes);
	for (size_t i = 0; i < ARRAY_SIZE(writes); i++)
		CHECK(read_text(writes[i]).writes);
}

TEST(values_are_counted_where_they_stand_for_values)
{
	CHECK_INT(read_text("SELECT 1").params, 0);
	CHECK_INT(read_text("SELECT $2, $1, $2").params, 2);
	CHECK_INT(read_text("SELECT $12::int").params, 12);
	CHECK_INT(read_text("SELECT '$3', \"$4\", $$ $5 $$, a$6 -- $7\n, $1").params, 1);
	CHECK_INT(read_text("SELECT $tag$ $9 $tag$, $1").params, 1);
}

TEST(a_second_statement_is_found)
{
	CHECK_INT(read_text("SELECT 1; SELECT 2").second, 10);
	CHECK_INT(read_text("SELECT 1;;  -- the end\n /* really */ ;").second, 0);
	CHECK_INT(read_text("SELECT ';'; ").second, 0);
	CHECK_INT(read_text("SELECT $$;$$, \"a;b\"").second, 0);
	CHECK_INT(read_text("SELECT 1; 'x'").second, 10);
}

TEST(what_is_cut_off_ends_the_walk)
{
	static const char *const texts[] = {
		"",      "'",  "\"",   "$a", "$a$",     "$a$ x", "/*",
		"/* /*", "--", "E'\\", "e'", "\\(.id)", "$",     "'a''"
	};
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		CHECK_INT(read_text(texts[i]).second, 0);
	CHECK_INT(read_text("SELECT \\(.id)").templated, 8);
}

TEST(it_is_shown_on_one_line)
{
	AUTO(buf_done) struct buf b = { 0 };
	CHECK_INT(sql_text_put_shown(S("SELECT  a,\n\tb\nFROM t"), 100, &b), 0);
	CHECK_STR(b.p, "SELECT a, b FROM t");
	buf_clear(&b);
	CHECK_INT(sql_text_put_shown(S("SELECT a FROM t"), 10, &b), 0);
	CHECK_STR(b.p, "SELECT a F...");
	CHECK(slice_eq(sql_text_trim(S(" SELECT 1 ; ;\n")), S("SELECT 1")));
}

static const struct test tests[] = {
	T(readers_are_told_from_writers), T(values_are_counted_where_they_stand_for_values),
	T(a_second_statement_is_found),   T(what_is_cut_off_ends_the_walk),
	T(it_is_shown_on_one_line),
};

int main(void)
{
	return RUN_TESTS(tests);
}
