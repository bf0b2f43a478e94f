/* sql_query.c - tests of the statements made around a query: the order, the cursor, the lag */
#include "connectors/sql/sql_query.h"
#include "base/banned.h"
#include "check.h"

static struct db_column columns[] = { { (char *)"id", (char *)"bigint" },
				      { (char *)"a\"t", (char *)"timestamp with time zone" } };
static const struct db_shape shape = { .columns = columns, .column_count = 2 };
static const char *cursor[] = { "a\"t", "id" };

static struct sql_options options(size_t after)
{
	return (struct sql_options){ .query = "SELECT 1 -- x\n ; ;", .after = { cursor, after } };
}

static void check_text(int (*put)(const struct sql_query *, struct buf *),
		       const struct sql_options *o, enum db_kind kind, const char *want)
{
	AUTO(buf_done) struct buf out = { 0 };
	const struct sql_query q = { o, &shape, kind, 1 };
	CHECK_INT(put(&q, &out), 0);
	CHECK_SLICE(buf_slice(&out), slice_str(want));
}

#define FROM(what) "SELECT " what " FROM (\nSELECT 1 -- x\n) AS q"

TEST(the_first_run)
{
	struct sql_options o = options(2);
	check_text(sql_query_put_first, &o, DB_POSTGRES, FROM("*") " ORDER BY \"a\"\"t\", \"id\"");
	o.start = "2026";
	check_text(sql_query_put_first, &o, DB_POSTGRES,
		   FROM("*") " WHERE \"a\"\"t\" >= $2::timestamp with time zone ORDER BY "
			     "\"a\"\"t\", \"id\"");
	o.lag_ns = INT64_C(300000000000);
	check_text(sql_query_put_first, &o, DB_SQLITE,
		   FROM("*") " WHERE \"a\"\"t\" >= $2 AND julianday(\"a\"\"t\") <= "
			     "julianday('now', '-300.000 seconds') ORDER BY \"a\"\"t\", \"id\"");
}

TEST(behind_a_cursor)
{
	struct sql_options o = options(2);
	o.lag_ns = 1500000;
	check_text(
		sql_query_put_onward, &o, DB_POSTGRES,
		FROM("*") " WHERE (\"a\"\"t\", \"id\") > ($2::timestamp with time zone, "
			  "$3::bigint) AND \"a\"\"t\" <= now() - interval '2 milliseconds' ORDER "
			  "BY \"a\"\"t\", \"id\"");
	o = options(1);
	check_text(sql_query_put_onward, &o, DB_SQLITE,
		   FROM("*") " WHERE (\"a\"\"t\") > ($2) ORDER BY \"a\"\"t\"");
}

TEST(what_a_cursor_cannot_do)
{
	struct sql_options o = options(2);
	check_text(sql_query_put_strays, &o, DB_POSTGRES,
		   FROM("*") " WHERE \"a\"\"t\" IS NULL OR \"id\" IS NULL LIMIT 1");
	check_text(sql_query_put_twins, &o, DB_SQLITE,
		   "SELECT count(*) AS n FROM (" FROM("1") " WHERE (\"a\"\"t\", \"id\") = ($2, $3) "
							   "LIMIT 2) AS t");
}

TEST(a_cast_does_not_cut)
{
	static struct db_column own[] = { { (char *)"c", (char *)"character" },
					  { (char *)"b", (char *)"bit[]" },
					  { (char *)"y", (char *)"bytea" } };
	static const struct db_shape of = { .columns = own, .column_count = 3 };
	static const char *all[] = { "c", "b", "y" };
	const struct sql_options o = { .query = "SELECT 1 -- x", .after = { all, 3 } };
	const struct sql_query q = { &o, &of, DB_POSTGRES, 0 };
	AUTO(buf_done) struct buf out = { 0 };
	CHECK_INT(sql_query_put_twins(&q, &out), 0);
	CHECK_SLICE(buf_slice(&out),
		    S("SELECT count(*) AS n FROM (" FROM(
			    "1") " WHERE (\"c\", \"b\", \"y\") = ($1::bpchar, $2::\"bit\"[], "
				 "decode($3::text, 'base64')) LIMIT 2) AS t"));
}

static const struct test tests[] = {
	T(the_first_run),
	T(behind_a_cursor),
	T(what_a_cursor_cannot_do),
	T(a_cast_does_not_cut),
};

int main(void)
{
	return RUN_TESTS(tests);
}
