/* PostgreSQL against a real server: values, statements, batches, streams, COPY, pools; and what happens when somebody leaves in the middle. */
#include "db_server.h"
#include <errno.h>

/* ---- values ---------------------------------------------------------------------------------------------------- */

TEST_WITH_SERVER(values_arrive_as_json_has_them)
{
	struct db_pool *p = pool_at(server_url, NULL);
	struct db *d = take_from(p);

	check_rows(d,
		   "SELECT 1::int2 a, 2::int4 b, 9223372036854775807::int8 c, 1.5::float8 d, "
		   "'NaN'::float4 e, '-Infinity'::float8 f",
		   NULL, 0,
		   "[{\"a\":1,\"b\":2,\"c\":9223372036854775807,\"d\":1.5,\"e\":\"NaN\",\"f\":\"-"
		   "Infinity\"}]");
	check_rows(d,
		   "SELECT 12345678901234567890.1200::numeric a, 'NaN'::numeric b, true c, false "
		   "d, NULL::int e, 'é\"\\'::text f",
		   NULL, 0,
		   "[{\"a\":12345678901234567890.1200,\"b\":\"NaN\",\"c\":true,\"d\":false,\"e\":"
		   "null,\"f\":\"é\\\"\\\\\"}]");
	check_rows(d,
		   "SELECT '{\"b\" : [1, 2.50]}'::json a, '{\"b\" : 1}'::jsonb b, "
		   "'\"\\ud800\"'::json c",
		   NULL, 0,
		   "[{\"a\":{\"b\":[1,2.50]},\"b\":{\"b\":1},\"c\":\"\\\"\\\\ud800\\\"\"}]");
	check_rows(d,
		   "SELECT '2024-02-29 12:34:56.789'::timestamp a, '2024-02-29 "
		   "12:00:00+02'::timestamptz b, '2024-02-29'::date c, "
		   "'infinity'::timestamptz d, '0044-03-15 BC'::date e, '12:30'::time f, '1 year 2 "
		   "days 03:04:05'::interval g",
		   NULL, 0,
		   "[{\"a\":\"2024-02-29T12:34:56.789\",\"b\":\"2024-02-29T10:00:00Z\",\"c\":"
		   "\"2024-02-29\",\"d\":\"infinity\","
		   "\"e\":\"0044-03-15 BC\",\"f\":\"12:30:00\",\"g\":\"P1Y2DT3H4M5S\"}]");
	check_rows(d,
		   "SELECT '\\x00ff10'::bytea a, ''::bytea b, "
		   "'f81d4fae-7dec-11d0-a765-00a0c91e6bf6'::uuid c, (1,'x y')::text d",
		   NULL, 0,
		   "[{\"a\":\"AP8Q\",\"b\":\"\",\"c\":\"f81d4fae-7dec-11d0-a765-00a0c91e6bf6\","
		   "\"d\":\"(1,\\\"x y\\\")\"}]");
	check_rows(d,
		   "SELECT array[1,2,NULL] a, array[['a','b,'],['NULL',NULL]] b, '{}'::int[] c, "
		   "array['{\"x\":1}'::jsonb] d, array[1.50,2] e, "
		   "'[3:4]={t,f}'::bool[] f, array['\\x01'::bytea] g",
		   NULL, 0,
		   "[{\"a\":[1,2,null],\"b\":[[\"a\",\"b,\"],[\"NULL\",null]],\"c\":[],\"d\":[{"
		   "\"x\":1}],\"e\":[1.50,2],\"f\":[true,false],"
		   "\"g\":[\"AQ==\"]}]");
	check_rows(d, "SELECT 1 WHERE false", NULL, 0, "[]");
	check_rows(d, "SELECT 1", NULL, 0, "[{\"?column?\":1}]");
	check_rows(d, "SELECT", NULL, 0, "[{}]");
	db_give(d);
	db_pool_free(p);
}

TEST_WITH_SERVER(types_of_the_database_itself_are_learned)
{
	struct db_pool *p = pool_at(server_url, NULL);
	struct db *d = take_from(p);

	exec_ok(d, "CREATE TYPE mood AS ENUM ('sad', 'so so'); CREATE DOMAIN money2 AS "
		   "numeric(10,2) CHECK (value > 0); "
		   "CREATE DOMAIN tags AS text[]");
	check_rows(d,
		   "SELECT 'sad'::mood a, array['sad','so so']::mood[] b, 1.5::money2 c, "
		   "array[1.5]::money2[] d, array['x','y']::tags e, "
		   "'(1,2),(3,4)'::box f, array['(1,2),(3,4)'::box] g",
		   NULL, 0,
		   "[{\"a\":\"sad\",\"b\":[\"sad\",\"so "
		   "so\"],\"c\":1.50,\"d\":[1.50],\"e\":[\"x\",\"y\"],\"f\":\"(3,4),(1,2)\",\"g\":["
		   "\"(3,4),(1,2)\"]}]");
	check_rows(d, "SELECT $1::mood[] a", (struct slice[]){ S("[\"sad\",null]") }, 1,
		   "[{\"a\":[\"sad\",null]}]");
	exec_ok(d, "DROP TYPE mood; DROP DOMAIN money2; DROP DOMAIN tags");
	db_give(d);
	db_pool_free(p);
}

TEST_WITH_SERVER(parameters_are_bound_by_their_types)
{
	struct db_pool *p = pool_at(server_url, NULL);
	struct db *d = take_from(p);
	struct slice all[] = { S("12345678901234567890.10"),
			       S("\"it's \\\"\\u00e9\\n\""),
			       S("null"),
			       S("[1,2,null]"),
			       S("{\"a\": [1]}"),
			       S("\"x\""),
			       S("true"),
			       S("[[\"a\",\"b\"],[\"c,\",null]]") };
	struct err err;

	check_rows(
		d,
		"SELECT $1::numeric a, $2::text b, $3::int c, $4::int[] d, $5::jsonb e, $6::jsonb "
		"f, $7::bool g, $8::text[] h",
		all, 8,
		"[{\"a\":12345678901234567890.10,\"b\":\"it's "
		"\\\"é\\n\",\"c\":null,\"d\":[1,2,null],\"e\":{\"a\":[1]},\"f\":\"x\",\"g\":true,"
		"\"h\":[[\"a\",\"b\"],[\"c,\",null]]}]");
	check_rows(
		d, "SELECT $1::text a, $2::text b, $3::jsonb c, $4::jsonb[] d",
		(struct slice[]){ S("[1, 2]"), S("1.10"), S("[1,\"a\"]"), S("[[1],\"a\",null]") },
		4, "[{\"a\":\"[1, 2]\",\"b\":\"1.10\",\"c\":[1,\"a\"],\"d\":[[1],\"a\",null]}]");

	struct db_call bytes = { .text = S("SELECT $1::bytea a, $2::text b"),
				 .n = 2,
				 .blob_params = true,
				 .params = (struct slice[]){ S("\"AP8Q\""), S("\"AP8Q\"") } };
	err = (struct err){ 0 };
	CHECK_INT(db_run(d, &bytes, 1, 1000, &err), 0);
	CHECK_STR(bytes.rows.p, "[{\"a\":\"AP8Q\",\"b\":\"AP8Q\"}]");
	bytes.params = (struct slice[]){ S("\"no base64\""), S("1") };
	CHECK_INT(db_run(d, &bytes, 1, 1000, &err), -1);
	CHECK_INT(err.fault, FAULT_BAD_VALUE);
	buf_done(&bytes.rows);

	struct db_call nul = { .text = S("SELECT $1::text a"),
			       .n = 1,
			       .params = (struct slice[]){ S("\"a\\u0000b\"") } };
	err = (struct err){ 0 };
	CHECK_INT(db_run(d, &nul, 1, 1000, &err), -1);
	CHECK_INT(err.fault, FAULT_BAD_VALUE);
	CHECK_INT(err.row, 1);
	nul.n = 0;
	CHECK_INT(db_run(d, &nul, 1, 1000, &err), -1);
	CHECK_INT(err.fault, FAULT_CONFIG);
	buf_done(&nul.rows);
	CHECK(!db_is_broken(d));
	db_give(d);
	db_pool_free(p);
}

/* ---- statements --------------------------------------------------------------------------------------------------- */

TEST_WITH_SERVER(a_mistake_is_shown_where_it_stands)
{
	struct db_pool *p = pool_at(server_url, NULL);
	struct db *d = take_from(p);
	struct db_shape shape;
	struct err err = { 0 };

	CHECK_INT(db_describe(d, S("SELECT 1,\n  nope\nFROM pg_class"), &shape, &err), -1);
	CHECK_STR(err.state, "42703");
	CHECK(strstr(err.text, "\n  line 2:   nope\n            ^") != NULL);
	check_fails(d, "SELECT 1; SELECT 2", "42601", "multiple commands", &err);
	check_fails(d, "SELECT 1 AS a, 2 AS \"a\"", "", "two columns are called \"a\"", &err);
	check_fails(d, "", "", "no statement", &err);
	check_fails(d, "COPY pg_class TO STDOUT", "", "COPY is not possible here", &err);
	CHECK(db_is_broken(d));
	db_give(d);
	db_pool_free(p);
}

TEST_WITH_SERVER(a_statement_is_described_without_being_run)
{
	struct db_pool *p = pool_at(server_url, NULL);
	struct db *d = take_from(p);
	struct db_shape shape;
	struct err err = { 0 };

	CHECK_INT(db_describe(d,
			      S("SELECT oid AS id, relname, $1::timestamptz AS \"wh\"\"en\" FROM "
				"pg_class WHERE relnatts = $2"),
			      &shape, &err),
		  0);
	CHECK_INT(shape.column_count, 3);
	CHECK_STR(shape.columns[0].type, "oid");
	CHECK_STR(shape.columns[1].name, "relname");
	CHECK_STR(shape.columns[2].name, "wh\"en");
	CHECK_STR(shape.columns[2].type, "timestamp with time zone");
	CHECK_INT(shape.param_count, 2);
	CHECK_STR(shape.param_types[1], "smallint");
	db_shape_done(&shape);
	db_give(d);
	db_pool_free(p);
}

TEST_WITH_SERVER(more_statements_than_are_remembered)
{
	struct db_pool *p = pool_at(server_url, NULL);
	struct db *d = take_from(p);

	for (int round = 0; round < 2; round++)
		for (int i = 0; i < 230; i++) {
			char text[64], want[64];
			(void)snprintf(text, sizeof(text), "SELECT %d AS n", i);
			(void)snprintf(want, sizeof(want), "[{\"n\":%d}]", i);
			check_rows(d, text, NULL, 0, want);
		}
	check_rows(d, "SELECT count(*) <= 200 AS few FROM pg_prepared_statements", NULL, 0,
		   "[{\"few\":true}]");
	db_give(d);
	db_pool_free(p);
}

TEST_WITH_SERVER(a_plan_out_of_date_is_made_anew)
{
	struct db_pool *p = pool_at(server_url, NULL);
	struct db *d = take_from(p);
	struct err err;

	exec_ok(d, "CREATE TABLE changing (a int); INSERT INTO changing VALUES (1)");
	check_rows(d, "SELECT * FROM changing", NULL, 0, "[{\"a\":1}]");
	exec_ok(d, "ALTER TABLE changing ADD b text DEFAULT 'x'");
	check_rows(d, "SELECT * FROM changing", NULL, 0, "[{\"a\":1,\"b\":\"x\"}]");
	exec_ok(d, "DEALLOCATE ALL");
	check_rows(d, "SELECT * FROM changing", NULL, 0, "[{\"a\":1,\"b\":\"x\"}]");
	/* Within a transaction the failure undid it: nothing can be repeated here, but it passes. */
	exec_ok(d, "BEGIN; ALTER TABLE changing DROP a");
	check_fails(d, "SELECT * FROM changing", "", "out of date", &err);
	CHECK_INT(fault_policy(&err), POLICY_RETRY);
	CHECK(db_is_broken(d));
	db_give(d);
	d = take_from(p);
	exec_ok(d, "DROP TABLE changing");
	db_give(d);
	db_pool_free(p);
}

/* ---- batches -------------------------------------------------------------------------------------------------------- */

static void check_count(struct db *d, const char *table, long want) SUSPENDS
{
	char text[128], rows[64];

	(void)snprintf(text, sizeof(text), "SELECT count(*) AS n FROM %s", table);
	(void)snprintf(rows, sizeof(rows), "[{\"n\":%ld}]", want);
	check_rows(d, text, NULL, 0, rows);
}

TEST_WITH_SERVER(a_batch_is_all_or_nothing)
{
	struct db_pool *p = pool_at(server_url, NULL);
	struct db *d = take_from(p);
	struct slice values[] = { S("1"), S("2"), S("\"x\""), S("4") };
	struct db_call calls[4];
	struct err err = { 0 };

	exec_ok(d, "CREATE TABLE many (a int PRIMARY KEY, b int UNIQUE DEFERRABLE INITIALLY "
		   "DEFERRED)");
	for (int i = 0; i < 4; i++)
		calls[i] =
			(struct db_call){ .text = S("INSERT INTO many (a) VALUES ($1) RETURNING a"),
					  .params = &values[i],
					  .n = 1 };
	CHECK_INT(db_run(d, calls, 4, 1000, &err), -1);
	CHECK_INT(err.row, 3);
	CHECK(!err.whole && !err.sent);
	CHECK_STR(err.state, "22P02");
	check_count(d, "many", 0);
	values[2] = S("3");
	err = (struct err){ 0 };
	CHECK_INT(db_run(d, calls, 4, 1000, &err), 0);
	for (int i = 0; i < 4; i++) {
		CHECK_INT(calls[i].affected, 1);
		CHECK_INT(calls[i].rows.n, 9);
	}
	CHECK_STR(calls[3].rows.p, "[{\"a\":4}]");
	check_count(d, "many", 4);
	/* What is checked at the commit is the fault of nobody in particular. */
	for (int i = 0; i < 4; i++)
		calls[i].text = S("UPDATE many SET b = 7 WHERE a = $1");
	CHECK_INT(db_run(d, calls, 4, 1000, &err), -1);
	CHECK_STR(err.state, "23505");
	CHECK(err.whole && err.row == 0 && !err.sent);
	check_rows(d, "SELECT count(b) AS n FROM many", NULL, 0, "[{\"n\":0}]");
	exec_ok(d, "DROP TABLE many");
	for (int i = 0; i < 4; i++)
		buf_done(&calls[i].rows);
	db_give(d);
	db_pool_free(p);
}

TEST_WITH_SERVER(a_thousand_calls_of_ten_texts_keep_their_order)
{
	struct db_pool *p = pool_at(server_url, NULL);
	struct db *d = take_from(p);
	static struct db_call calls[1000];
	static struct slice values[1000];
	static char numbers[1000][8], texts[10][64];
	struct err err = { 0 };

	for (int i = 0; i < 10; i++)
		(void)snprintf(texts[i], sizeof(texts[i]),
			       "SELECT $1::int + %d AS n, repeat('x', 200) AS pad", i);
	for (int i = 0; i < 1000; i++) {
		(void)snprintf(numbers[i], sizeof(numbers[i]), "%d", i);
		values[i] = slice_str(numbers[i]);
		calls[i] = (struct db_call){ .text = slice_str(texts[i % 10]),
					     .params = &values[i],
					     .n = 1 };
	}
	CHECK_INT(db_run(d, calls, 1000, 1000, &err), 0);
	CHECK_STR(err.text, "");
	for (int i = 0; i < 1000; i++) {
		char want[32];
		(void)snprintf(want, sizeof(want), "[{\"n\":%d,", i + i % 10);
		CHECK(slice_starts(buf_slice(&calls[i].rows), slice_str(want)));
		buf_done(&calls[i].rows);
	}
	db_give(d);
	db_pool_free(p);
}

TEST_WITH_SERVER(rows_beyond_the_limit_are_refused)
{
	struct db_pool *p = pool_at(server_url, NULL);
	struct db *d = take_from(p);
	struct db_call call = {
		.text = S("SELECT g, repeat('x', 100) FROM generate_series(1, 10000000) g")
	};
	struct err err = { 0 };

	CHECK_INT(db_run(d, &call, 1, 5000, &err), -1);
	CHECK_INT(err.fault, FAULT_TOO_LARGE);
	CHECK_INT(err.row, 1);
	CHECK(db_is_broken(d));
	buf_done(&call.rows);
	db_give(d);
	db_pool_free(p);
}

TEST_WITH_SERVER(a_commit_that_was_none_says_so)
{
	struct db_pool *p = pool_at(server_url, NULL);
	struct db *d = take_from(p);
	struct err err;

	exec_ok(d, "BEGIN");
	check_fails(d, "SELECT 1/0", "22012", "division by zero", &err);
	check_fails(d, "SELECT 1", "25P02", "aborted", &err);
	CHECK_INT(db_exec(d, S(" commit"), &err), -1);
	CHECK_STR(err.state, "25P02");
	exec_ok(d, "BEGIN; CREATE TABLE ghost (a int)");
	db_give(d); /* in a transaction: not lent again */
	d = take_from(p);
	check_rows(d, "SELECT to_regclass('ghost') AS ghost", NULL, 0, "[{\"ghost\":null}]");
	db_give(d);
	db_pool_free(p);
}

/* ---- streams and COPY ---------------------------------------------------------------------------------------------------- */

TEST_WITH_SERVER(a_stream_has_every_row_once_and_then_ends)
{
	struct db_pool *p = pool_at(server_url, NULL);
	struct db *d = take_from(p);
	struct db_stream *s = NULL;
	AUTO(buf_done) struct buf row = { 0 };
	struct slice most = S("50000");
	struct err err = { 0 };
	int n = 0, r;

	CHECK_INT(db_stream_open(d, S("SELECT g AS n FROM generate_series(1, $1::int) g"), &most, 1,
				 &s, &err),
		  0);
	while ((r = db_stream_next(s, &row, &err)) == 1) {
		char want[32];
		(void)snprintf(want, sizeof(want), "{\"n\":%d}", ++n);
		CHECK_STR(row.p, want);
		buf_clear(&row);
	}
	CHECK_INT(r, 0);
	CHECK_INT(n, 50000);
	CHECK_INT(db_stream_next(s, &row, &err), 0);
	db_stream_free(s);
	CHECK(!db_is_broken(d));
	check_rows(d, "SELECT 1 AS a", NULL, 0, "[{\"a\":1}]");
	/* A failure in the middle is told after the rows before it. */
	CHECK_INT(db_stream_open(d, S("SELECT 1 / (3 - g) AS n FROM generate_series(1, 5) g"), NULL,
				 0, &s, &err),
		  0);
	CHECK_INT(db_stream_next(s, &row, &err), 1);
	CHECK_INT(db_stream_next(s, &row, &err), 1);
	CHECK_INT(db_stream_next(s, &row, &err), -1);
	CHECK_STR(err.state, "22012");
	db_stream_free(s);
	CHECK(!db_is_broken(d));
	/* Left early, its connection is not lent again. */
	CHECK_INT(db_stream_open(d, S("SELECT g FROM generate_series(1, 100000000) g"), NULL, 0, &s,
				 &err),
		  0);
	CHECK_INT(db_stream_next(s, &row, &err), 1);
	db_stream_free(s);
	CHECK(db_is_broken(d));
	db_give(d);
	d = take_from(p);
	check_rows(d, "SELECT 2 AS a", NULL, 0, "[{\"a\":2}]");
	db_give(d);
	db_pool_free(p);
}

TEST_WITH_SERVER(copy_is_there_when_it_says_so)
{
	struct db_pool *p = pool_at(server_url, NULL);
	struct db *d = take_from(p);
	AUTO(buf_done) struct buf rows = { 0 };
	struct err err = { 0 };
	uint64_t n = 0;

	exec_ok(d, "CREATE TABLE loaded (a int, b text, c jsonb, d text[])");
	for (int i = 0; i < 20000; i++) {
		CHECK_INT(buf_printf(&rows, "%d\t", i), 0);
		CHECK_INT(db_put_copy_field(S("\"a\\tb\\\\\\n\""), false, &rows), 0);
		CHECK_INT(buf_add_char(&rows, '\t'), 0);
		CHECK_INT(db_put_copy_field(S("{\"x\":\"\\n\"}"), false, &rows), 0);
		CHECK_INT(buf_add_char(&rows, '\t'), 0);
		CHECK_INT(db_put_copy_field(S("[\"a\\\\\",null]"), true, &rows), 0);
		CHECK_INT(buf_add_char(&rows, '\n'), 0);
	}
	CHECK_INT(db_copy_begin(d, S("COPY loaded FROM STDIN"), &err), 0);
	CHECK_INT(db_copy_put(d, buf_slice(&rows), &err), 0);
	CHECK_INT(db_copy_end(d, &n, &err), 0);
	CHECK_INT(n, 20000);
	check_rows(d, "SELECT DISTINCT b, c, d FROM loaded", NULL, 0,
		   "[{\"b\":\"a\\tb\\\\\\n\",\"c\":{\"x\":\"\\n\"},\"d\":[\"a\\\\\",null]}]");
	/* A bad line is named, and nothing of it is there. */
	CHECK_INT(db_copy_begin(d, S("COPY loaded (a) FROM STDIN"), &err), 0);
	CHECK_INT(db_copy_put(d, S("1\n2\nthree\n4\n"), &err), 0);
	CHECK_INT(db_copy_end(d, &n, &err), -1);
	CHECK_STR(err.state, "22P02");
	CHECK_INT(err.row, 3);
	CHECK(!err.sent && strstr(err.text, "COPY loaded, line 3, column a") != NULL);
	check_count(d, "loaded", 20000);
	/* Given up: the same. */
	CHECK_INT(db_copy_begin(d, S("COPY loaded (a) FROM STDIN"), &err), 0);
	CHECK_INT(db_copy_put(d, S("1\n"), &err), 0);
	db_copy_give_up(d);
	CHECK(!db_is_broken(d));
	check_count(d, "loaded", 20000);
	CHECK_INT(db_copy_begin(d, S("SELECT 1"), &err), -1);
	db_give(d);
	d = take_from(p);
	exec_ok(d, "DROP TABLE loaded");
	db_give(d);
	db_pool_free(p);
}

/* ---- pools ------------------------------------------------------------------------------------------------------------------ */

struct line {
	struct db_pool *pool;
	unsigned served, last, at_once,
		most; /* how many got a connection, who did last; how many hold one, and held one at most */
	bool in_order;
};
struct taker {
	struct line *line;
	unsigned number;
};

static int take_and_ask(void *arg) SUSPENDS
{
	struct taker *t = arg;
	struct line *l = t->line;
	struct err err = { 0 };
	struct db *d = NULL;
	char text[32], want[64];

	CHECK_INT(db_take(l->pool, &d, &err), 0);
	if (!d)
		return 0;
	l->in_order =
		l->in_order &&
		(t->number < 4 || t->number > l->last); /* the first four connect side by side */
	l->last = t->number;
	l->served++;
	l->most = ++l->at_once > l->most ? l->at_once : l->most;
	(void)snprintf(text, sizeof(text), "%u", t->number);
	(void)snprintf(want, sizeof(want), "[{\"n\":%u}]", t->number);
	check_rows(d, "SELECT $1::int AS n", (struct slice[]){ slice_str(text) }, 1, want);
	l->at_once--;
	db_give(d);
	return 0;
}

static void thousand_takers(const char *url, bool no_prepare) SUSPENDS
{
	struct db_pool *p =
		pool_at(url, &(struct db_pool_options){ .most = 4, .no_prepare = no_prepare });
	struct line line = { .pool = p, .in_order = true };
	static struct taker takers[1000];
	struct hk_group g;

	hk_group_open(&g, NULL);
	for (unsigned i = 0; i < 1000; i++) {
		takers[i] = (struct taker){ &line, i };
		CHECK_INT(hk_spawn(&g, take_and_ask, &takers[i]), 0);
	}
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(line.served, 1000);
	CHECK_INT(line.most, 4);
	CHECK(line.in_order);
	db_pool_free(p);
}

TEST_WITH_SERVER(a_thousand_takers_of_four_connections_are_served_in_turn)
{
	thousand_takers(server_url, false);
}

TEST_WITH_SERVER(through_a_pooler_that_lends_by_the_transaction)
{
	struct db_pool *p;
	struct db *d;
	struct err err = { 0 };
	struct db_stream *s = NULL;
	AUTO(buf_done) struct buf row = { 0 };
	uint64_t n = 0;

	if (!server_bouncer[0]) {
		printf("# skipped: pgbouncer is not installed\n");
		return;
	}
	thousand_takers(server_bouncer, true);
	p = pool_at(server_bouncer, &(struct db_pool_options){ .no_prepare = true });
	d = take_from(p);
	exec_ok(d, "CREATE TABLE IF NOT EXISTS pooled (a int)");
	exec_ok(d, "BEGIN");
	check_rows(
		d,
		"SELECT '2024-01-01 00:00+00'::timestamptz AS t, '-1 day 2 hours'::interval AS i",
		NULL, 0, "[{\"t\":\"2024-01-01T00:00:00Z\",\"i\":\"P-1DT2H\"}]");
	CHECK_INT(db_copy_begin(d, S("COPY pooled FROM STDIN"), &err), 0);
	CHECK_INT(db_copy_put(d, S("1\n2\n"), &err), 0);
	CHECK_INT(db_copy_end(d, &n, &err), 0);
	exec_ok(d, "COMMIT");
	CHECK_INT(db_stream_open(d, S("SELECT a FROM pooled ORDER BY a"), NULL, 0, &s, &err), 0);
	CHECK_INT(db_stream_next(s, &row, &err), 1);
	CHECK_INT(db_stream_next(s, &row, &err), 1);
	CHECK_INT(db_stream_next(s, &row, &err), 0);
	db_stream_free(s);
	CHECK_STR(row.p, "{\"a\":1}{\"a\":2}");
	check_fails(d, "SELECT nope", "42703", "^", &err);
	exec_ok(d, "DROP TABLE pooled");
	db_give(d);
	db_pool_free(p);
}

/* Nothing tells that before the rows come. One call fails, the next one knows. */
TEST_WITH_SERVER(a_changed_table_is_described_anew_where_nothing_is_prepared)
{
	struct db_pool *p = pool_at(server_url, &(struct db_pool_options){ .no_prepare = true });
	struct db_call call = { .text = S("SELECT * FROM renamed") };
	struct db_stream *s = NULL;
	struct err err = { 0 };
	struct db *d = take_from(p);
	AUTO(buf_done) struct buf row = { 0 };

	exec_ok(d, "DROP TABLE IF EXISTS renamed; CREATE TABLE renamed AS SELECT 1 AS a");
	check_rows(d, "SELECT * FROM renamed", NULL, 0, "[{\"a\":1}]");
	exec_ok(d, "ALTER TABLE renamed RENAME a TO b");
	CHECK_INT(db_run(d, &call, 1, 1000, &err), -1);
	CHECK_INT(err.fault, FAULT_PROTOCOL);
	buf_done(&call.rows);
	db_give(d);
	d = take_from(p);
	check_rows(d, "SELECT * FROM renamed", NULL, 0, "[{\"b\":1}]");
	exec_ok(d, "ALTER TABLE renamed ADD c int");
	CHECK_INT(db_stream_open(d, S("SELECT * FROM renamed"), NULL, 0, &s, &err), 0);
	CHECK_INT(db_stream_next(s, &row, &err), -1);
	CHECK_INT(err.fault, FAULT_PROTOCOL);
	db_stream_free(s);
	db_give(d);
	d = take_from(p);
	check_rows(d, "SELECT * FROM renamed", NULL, 0, "[{\"b\":1,\"c\":null}]");
	exec_ok(d, "DROP TABLE renamed");
	db_give(d);
	db_pool_free(p);
}

TEST_WITH_SERVER(who_waits_too_long_for_a_connection_is_told_why)
{
	struct db_pool *p =
		pool_at(server_url, &(struct db_pool_options){ .most = 1, .take_ns = 20 * HK_MS });
	struct db *d = take_from(p), *other = NULL;
	struct err err = { 0 };

	CHECK_INT(db_take(p, &other, &err), -1);
	CHECK_INT(err.fault, FAULT_TIMEOUT);
	CHECK(strstr(err.text, "all 1 are in use") != NULL && strstr(err.text, "20ms") != NULL);
	db_give(d);
	db_give(take_from(p));
	db_pool_free(p);
}

TEST_WITH_SERVER(idle_connections_end)
{
	struct db_pool *p = pool_at(server_url, &(struct db_pool_options){ .idle_ns = 1 });
	struct db *d = take_from(p);
	AUTO(buf_done) struct buf first = { 0 };
	struct db_call call = { .text = S("SELECT pg_backend_pid() AS p") };
	struct err err = { 0 };

	CHECK_INT(db_run(d, &call, 1, 100, &err), 0);
	CHECK_INT(buf_add(&first, buf_slice(&call.rows)), 0);
	db_give(d);
	CHECK_INT(hk_sleep(HK_MS), 0);
	d = take_from(p);
	CHECK_INT(db_run(d, &call, 1, 100, &err), 0);
	CHECK(!slice_eq(buf_slice(&first), buf_slice(&call.rows)));
	buf_done(&call.rows);
	db_give(d);
	db_pool_free(p);
}

/* ---- who may not come in ---------------------------------------------------------------------------------------------------- */

static void check_refused(const char *url, enum fault fault, const char *state,
			  const char *words) SUSPENDS
{
	struct db_pool *p = pool_at(url, &(struct db_pool_options){ .connect_ns = 3 * HK_SEC });
	struct db *d = NULL;
	struct err err = { 0 };

	CHECK_INT(db_take(p, &d, &err), -1);
	CHECK_INT(err.fault, fault);
	CHECK_STR(err.state, state);
	if (!strstr(err.text, words))
		printf("# the text is [%s]\n", err.text);
	CHECK(strstr(err.text, words) != NULL);
	CHECK(strstr(err.text, "s3cret") == NULL && strstr(err.text, "orange-tree") == NULL);
	CHECK(!err.sent);
	db_pool_free(p);
}

/* The server's URL with another piece. */
static const char *changed(const char *from, const char *to)
{
	static char text[512];
	const char *at = NULL;

	for (const char *next = server_url; (next = strstr(next, from)) != NULL; next++)
		at = next; /* the last one: user and database have the same name */
	ASSERT(at);
	(void)snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - server_url), server_url, to,
		       at + strlen(from));
	return text;
}

TEST_WITH_SERVER(refusals_have_their_class)
{
	check_refused(changed("orange-tree", "s3cret"), FAULT_SQL, "28P01",
		      "password authentication failed");
	check_refused(changed("/hocket", "/nope"), FAULT_SQL, "3D000",
		      "database \"nope\" does not exist");
	check_refused("postgres://u:s3cret@127.0.0.1:1/d", FAULT_REFUSED, "", "Connection refused");
	check_refused("postgres://u:s3cret@nowhere.invalid/d", FAULT_DNS, "", "nowhere.invalid");
	check_refused("postgres:///d?host=/nowhere", FAULT_REFUSED, "", "No such file");
	check_refused(changed("/hocket", "/hocket?sslmode=require"), FAULT_TLS, "", "SSL");
	/* Of several hosts the first that lets us in. */
	struct db_pool *p =
		pool_at(changed("127.0.0.1", "nowhere.invalid:5432,127.0.0.1:1,127.0.0.1"), NULL);
	db_give(take_from(p));
	db_pool_free(p);
}

TEST(a_url_that_cannot_be_read_does_not_show_its_password)
{
	struct db_pool *p = NULL;
	struct err err = { 0 };

	CHECK_INT(db_pool_open(S("postgres://u:s3%zzcret@h/d"), NULL, &p, &err), -1);
	CHECK_INT(err.fault, FAULT_CONFIG);
	CHECK(strstr(err.text, "cret") == NULL);
	CHECK_INT(db_pool_open(S("host=h password=s3 cret"), NULL, &p, &err), -1);
	CHECK(strstr(err.text, "cret") == NULL);
	CHECK_INT(db_pool_open(S("postgres://u:s3cret@h/d?what=1"), NULL, &p, &err), -1);
	CHECK(strstr(err.text, "cret") == NULL);
}

/* libpq would take the rest of it for the host, and ask the network who that is. */
TEST(a_password_that_is_not_escaped_is_never_looked_up)
{
	static const char *const urls[] = { "postgres://u:p@zq9@h/d", "postgresql://u:p@zq9/x@h/d",
					    "postgres://u:p/zq9@h/d?sslmode=disable" };
	static const char *const good[] = { "postgres://u:p%40ss@h/d", "postgres://u:p?s@h/d",
					    "postgres:///d?user=a@b", "postgres://h" };
	struct db_pool *p = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(urls); i++) {
		struct err err = { 0 };
		CHECK_INT(db_pool_open(slice_str(urls[i]), NULL, &p, &err), -1);
		CHECK_INT(err.fault, FAULT_CONFIG);
		CHECK(strstr(err.text, "zq9") == NULL && strstr(err.text, "%40") != NULL);
	}
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		CHECK_INT(db_pool_open(slice_str(good[i]), NULL, &p, NULL), 0);
		db_pool_free(p);
	}
}

#define ALL_TESTS                                                                                \
	T(values_arrive_as_json_has_them), T(types_of_the_database_itself_are_learned),          \
		T(parameters_are_bound_by_their_types), T(a_mistake_is_shown_where_it_stands),   \
		T(a_statement_is_described_without_being_run),                                   \
		T(more_statements_than_are_remembered), T(a_plan_out_of_date_is_made_anew),      \
		T(a_batch_is_all_or_nothing), T(a_thousand_calls_of_ten_texts_keep_their_order), \
		T(rows_beyond_the_limit_are_refused), T(a_commit_that_was_none_says_so),         \
		T(a_stream_has_every_row_once_and_then_ends), T(copy_is_there_when_it_says_so),  \
		T(a_thousand_takers_of_four_connections_are_served_in_turn),                     \
		T(through_a_pooler_that_lends_by_the_transaction),                               \
		T(a_changed_table_is_described_anew_where_nothing_is_prepared),                  \
		T(who_waits_too_long_for_a_connection_is_told_why), T(idle_connections_end),     \
		T(refusals_have_their_class),                                                    \
		T(a_url_that_cannot_be_read_does_not_show_its_password),                         \
		T(a_password_that_is_not_escaped_is_never_looked_up)

static const struct test tests[] = { ALL_TESTS };

int main(void)
{
	return server_start() ? RUN_TESTS(tests) : 0;
}
