/* SQLite behind the words of io/db.h: values, batches, locks, streams, cancelled tasks. Each test has a database of its own in a new folder. */
#include "db_server.h"
#include <errno.h>
#include <sys/stat.h>

static char folder[64];

static struct db_pool *open_named(const char *name, const struct db_pool_options *more) SUSPENDS
{
	char url[128];
	struct db_pool_options o = more ? *more : (struct db_pool_options){ .create = true };

	(void)snprintf(url, sizeof(url), "sqlite:%s/%s", folder, name);
	return pool_at(url, &o);
}

TEST_WITH_SERVER(sqlite_values_arrive_as_json_has_them)
{
	struct db_pool *p = open_named("values.db", NULL);
	struct db *d = take_from(p);
	struct slice all[] = { S("9223372036854775807"),
			       S("\"it's \\\"\\u00e9\\n\""),
			       S("null"),
			       S("true"),
			       S("[1, 2]"),
			       S("1.10"),
			       S("12345678901234567890"),
			       S("-0.5e3") };

	check_rows(d,
		   "SELECT $1 AS a, ?2 AS b, $3 AS c, $4 AS d, ?5 AS e, $6 AS f, $7 AS g, $8 AS h, "
		   "$2 AS again",
		   all, 8,
		   "[{\"a\":9223372036854775807,\"b\":\"it's "
		   "\\\"é\\n\",\"c\":null,\"d\":1,\"e\":\"[1, 2]\",\"f\":1.1,"
		   "\"g\":\"12345678901234567890\",\"h\":-500.0,\"again\":\"it's \\\"é\\n\"}]");
	check_rows(d,
		   "SELECT x'00ff10' AS a, x'' AS b, 0.1 + 0.2 AS c, 1e300 * 1e300 AS d, 2.0 AS e, "
		   "'' AS f, -9223372036854775808 AS g",
		   NULL, 0,
		   "[{\"a\":\"AP8Q\",\"b\":\"\",\"c\":0.30000000000000004,\"d\":\"Infinity\",\"e\":"
		   "2.0,\"f\":\"\",\"g\":-9223372036854775808}]");
	check_rows(d, "SELECT 1 AS a WHERE 0; -- and a remark", NULL, 0, "[]");
	db_give(d);
	db_pool_free(p);
}

TEST_WITH_SERVER(sqlite_mistakes_are_shown_where_they_stand)
{
	struct db_pool *p = open_named("mistakes.db", NULL);
	struct db *d = take_from(p);
	struct err err;

	check_fails(d, "SELECT 1,\n  nope", "", "\n  line 2:   nope\n            ^", &err);
	CHECK_INT(err.fault, FAULT_SQL);
	CHECK_INT(err.row, 1);
	check_fails(d, "SELECT 1; SELECT 2", "", "more than one", &err);
	check_fails(d, "SELECT 1 AS a, 2 AS a", "", "two columns are called \"a\"", &err);
	check_fails(d, "SELECT :name", "", "not :name", &err);
	check_fails(d, "SELECT $1 AS a", "", "1 parameter, and 0 were given", &err);
	check_fails(d, " -- nothing", "", "no statement", &err);
	CHECK(!db_is_broken(d));
	db_give(d);
	db_pool_free(p);
}

TEST_WITH_SERVER(sqlite_batches_are_all_or_nothing)
{
	struct db_pool *p = open_named("batch.db", NULL);
	struct db *d = take_from(p);
	struct slice values[] = { S("1"), S("2"), S("2") };
	struct db_call calls[3];
	struct db_shape shape;
	struct err err = { 0 };

	exec_ok(d, "CREATE TABLE t (a INTEGER PRIMARY KEY, up INTEGER REFERENCES t DEFERRABLE "
		   "INITIALLY DEFERRED)");
	for (int i = 0; i < 3; i++)
		calls[i] = (struct db_call){ .text = S("INSERT INTO t (a) VALUES ($1) RETURNING a"),
					     .params = &values[i],
					     .n = 1 };
	for (int in_transaction = 0; in_transaction < 2; in_transaction++) {
		if (in_transaction)
			exec_ok(d, "BEGIN");
		err = (struct err){ 0 };
		CHECK_INT(db_run(d, calls, 3, 1000, &err), -1);
		CHECK_INT(err.row, 3);
		CHECK_INT(err.code & 0xff, 19);
		check_rows(d, "SELECT count(*) AS n FROM t", NULL, 0, "[{\"n\":0}]");
	}
	exec_ok(d, "COMMIT");
	values[2] = S("3");
	CHECK_INT(db_run(d, calls, 3, 1000, &err), 0);
	CHECK_STR(calls[2].rows.p, "[{\"a\":3}]");
	CHECK_INT(calls[2].affected, 1);
	for (int i = 0; i < 3; i++)
		calls[i].text = S("UPDATE t SET up = 77 WHERE a = $1");
	err = (struct err){ 0 };
	CHECK_INT(db_run(d, calls, 3, 1000, &err), -1);
	CHECK(err.whole && err.row == 0);
	CHECK_INT(db_describe(d, S("SELECT a, up AS parent FROM t WHERE a = $2"), &shape, &err), 0);
	CHECK_STR(shape.columns[1].name, "parent");
	CHECK_STR(shape.columns[0].type, "INTEGER");
	CHECK_INT(shape.param_count, 2);
	db_shape_done(&shape);
	for (int i = 0; i < 3; i++)
		buf_done(&calls[i].rows);
	db_give(d);
	db_pool_free(p);
}

/* ---- locks --------------------------------------------------------------------------------------------------- */

static int add_ten(void *arg) SUSPENDS
{
	struct db_pool *p = arg;

	for (int i = 0; i < 10; i++) {
		struct db *d = take_from(p);
		struct db_call calls[2] = { { .text = S("UPDATE n SET n = n + 1") },
					    { .text = S("SELECT n FROM n") } };
		struct err err = { 0 };
		CHECK_INT(db_run(d, calls, 2, 1000, &err), 0);
		CHECK_STR(err.text, "");
		buf_done(&calls[0].rows);
		buf_done(&calls[1].rows);
		db_give(d);
	}
	return 0;
}

TEST_WITH_SERVER(sqlite_writers_wait_for_each_other)
{
	struct db_pool *p =
		open_named("writers.db", &(struct db_pool_options){ .create = true, .most = 8 });
	struct db *d = take_from(p);
	struct hk_group g;

	exec_ok(d, "CREATE TABLE n (n INTEGER); INSERT INTO n VALUES (0)");
	db_give(d);
	hk_group_open(&g, NULL);
	for (int i = 0; i < 16; i++)
		CHECK_INT(hk_spawn(&g, add_ten, p), 0);
	CHECK_INT(hk_group_close(&g, 0), 0);
	d = take_from(p);
	check_rows(d, "SELECT n FROM n", NULL, 0, "[{\"n\":160}]");
	db_give(d);
	db_pool_free(p);
}

static int write_once(void *arg) SUSPENDS
{
	struct db *d = take_from(arg);

	check_rows(d, "INSERT INTO t VALUES (1) RETURNING a", NULL, 0, "[{\"a\":1}]");
	db_give(d);
	return 0;
}

/* More waiting writers than threads: who holds the lock must find one to end its transaction. */
TEST_WITH_SERVER(sqlite_waiting_writers_do_not_take_all_threads)
{
	struct db_pool *p =
		open_named("threads.db", &(struct db_pool_options){ .create = true, .most = 12 });
	struct db *d = take_from(p);
	struct hk_group g;
	int64_t began_ns;

	exec_ok(d, "CREATE TABLE t (a)");
	exec_ok(d, "BEGIN IMMEDIATE");
	hk_group_open(&g, NULL);
	for (int i = 0; i < 10; i++)
		CHECK_INT(hk_spawn(&g, write_once, p), 0);
	CHECK_INT(hk_sleep(100 * HK_MS), 0);
	began_ns = hk_now_ns();
	exec_ok(d, "COMMIT");
	CHECK(hk_now_ns() - began_ns < 2 * HK_SEC);
	CHECK_INT(hk_group_close(&g, 0), 0);
	check_rows(d, "SELECT count(*) AS n FROM t", NULL, 0, "[{\"n\":10}]");
	db_give(d);
	db_pool_free(p);
}

/* ---- streams and cancelled tasks ---------------------------------------------------------------------------------- */

#define NUMBERS "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < $1) "

TEST_WITH_SERVER(sqlite_streams_have_every_row_once)
{
	struct db_pool *p = open_named("stream.db", NULL);
	struct db *d = take_from(p);
	struct db_stream *s = NULL;
	AUTO(buf_done) struct buf row = { 0 };
	struct slice most = S("20000");
	struct err err = { 0 };
	int n = 0, r;

	CHECK_INT(db_stream_open(d, S(NUMBERS "SELECT i FROM c"), &most, 1, &s, &err), 0);
	while ((r = db_stream_next(s, &row, &err)) == 1) {
		char want[32];
		(void)snprintf(want, sizeof(want), "{\"i\":%d}", ++n);
		CHECK_STR(row.p, want);
		buf_clear(&row);
	}
	CHECK_INT(r, 0);
	CHECK_INT(n, 20000);
	db_stream_free(s);
	/* Left early: SQLite forgets it, the connection is as good as before. */
	CHECK_INT(db_stream_open(d, S(NUMBERS "SELECT i FROM c"), &most, 1, &s, &err), 0);
	CHECK_INT(db_stream_next(s, &row, &err), 1);
	db_stream_free(s);
	check_rows(d, "SELECT 1 AS a", NULL, 0, "[{\"a\":1}]");
	db_give(d);
	db_pool_free(p);
}

TEST_WITH_SERVER(a_cancelled_sqlite_query_ends_soon)
{
	struct db_pool *p = open_named("cancel.db", NULL);
	struct slice most = S("100000000000");
	struct db_call slow = { .text = S(NUMBERS "SELECT max(i) AS m FROM c"),
				.params = &most,
				.n = 1 };
	int64_t began_ns = hk_now_ns();

	for (int i = 0; i < 20; i++) {
		struct db *d = take_from(p);
		struct hk_scope scope;
		struct err err = { 0 };
		hk_scope_open(&scope, i * HK_MS / 2);
		CHECK_INT(db_run(d, &slow, 1, 1000, &err), -1);
		CHECK_INT(err.fault, FAULT_CANCELLED);
		(void)hk_scope_close(&scope, 0);
		db_give(d);
	}
	CHECK(hk_now_ns() - began_ns < 10 * HK_SEC);
	buf_done(&slow.rows);
	db_pool_free(p);
}

TEST_WITH_SERVER(what_cannot_be_opened_is_named)
{
	struct db_pool *p = open_named("not-there.db", &(struct db_pool_options){ 0 });
	struct db *d = NULL;
	struct err err = { 0 };
	AUTO(buf_done) struct buf path = { 0 };

	CHECK_INT(db_take(p, &d, &err), -1);
	CHECK_INT(err.fault, FAULT_CONFIG);
	CHECK(strstr(err.text, "not-there.db: there is no such database") != NULL);
	db_pool_free(p);

	CHECK_INT(buf_printf(&path, "%s/text.db", folder), 0);
	FILE *file = fopen(path.p, "w");
	ASSERT(file &&
	       fprintf(file, "this is no database, but a text that is long enough for %0100d", 1) >
		       0);
	ASSERT(fclose(file) == 0);
	p = open_named("text.db", NULL);
	CHECK_INT(db_take(p, &d, &err), -1);
	CHECK_INT(err.fault, FAULT_CONFIG);
	db_pool_free(p);

	p = open_named("values.db", &(struct db_pool_options){ .read_only = true });
	d = take_from(p);
	check_fails(d, "CREATE TABLE x (a)", "", "readonly", &err);
	db_give(d);
	db_pool_free(p);
}

static const struct test tests[] = {
	T(sqlite_values_arrive_as_json_has_them),
	T(sqlite_mistakes_are_shown_where_they_stand),
	T(sqlite_batches_are_all_or_nothing),
	T(sqlite_writers_wait_for_each_other),
	T(sqlite_waiting_writers_do_not_take_all_threads),
	T(sqlite_streams_have_every_row_once),
	T(a_cancelled_sqlite_query_ends_soon),
	T(what_cannot_be_opened_is_named),
};

int main(void)
{
	char command[96];
	int failed;

	(void)snprintf(folder, sizeof(folder), "/tmp/hocket-sqlite-%d", (int)getpid());
	if (mkdir(folder, 0700) < 0)
		return 1;
	failed = RUN_TESTS(tests);
	(void)snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command) != 0 || failed;
}
