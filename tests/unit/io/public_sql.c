/* <hocket/sql.h>, on SQLite always and on PostgreSQL where there is one: values both ways, batches, cursors, transactions, COPY. */
#include "db_server.h"
#include <errno.h>
#include <hocket/sql.h>
#include <math.h>
#include <sys/stat.h>

static const char *url; /* of the database of this round */

static struct hk_sql_pool *open_pool(unsigned most) SUSPENDS
{
	struct hk_sql_error e;
	struct hk_sql_pool *p = NULL;

	CHECK_INT(hk_sql_pool_open(url,
				   &(struct hk_sql_pool_options){ .most = most, .create = true },
				   &p, &e),
		  0);
	return p;
}

static bool sqlite(void)
{
	return strncmp(url, "sqlite:", 7) == 0;
}

static void do_words(struct hk_sql_pool *p, const char *words) SUSPENDS
{
	struct hk_sql_error e = { 0 };
	struct hk_sql *q = NULL;

	CHECK_INT(hk_sql_acquire(p, &q, &e), 0);
	CHECK_INT(hk_sql_exec(q, words, &e), 0);
	CHECK_STR(e.text, "");
	hk_sql_release(q);
}

static int64_t one_int(struct hk_sql_pool *p, const char *text) SUSPENDS
{
	struct hk_sql_rows rows;
	struct hk_sql_error e;
	int64_t n = -1;

	CHECK_INT(hk_sql_fetch(p, text, NULL, 0, &rows, &e), 0);
	CHECK_INT(hk_sql_get_int(&rows, 0, "n", &n), 0);
	hk_sql_rows_done(&rows);
	return n;
}

/* ---- values ------------------------------------------------------------------------------------------------- */

static void values_go_there_and_back(void) SUSPENDS
{
	struct hk_sql_pool *p = open_pool(2);
	struct hk_sql_rows rows;
	struct hk_sql_error e;
	const char *text;
	const void *bytes;
	int64_t n;
	double d;
	bool b;
	size_t size;
	const char *statement =
		sqlite() ? "SELECT $1 AS i, $2 AS r, $3 AS b, $4 AS t, $5 AS x, $6 AS j, $7 AS z"
			 : "SELECT $1::bigint AS i, $2::float8 AS r, $3::bool AS b, $4::text AS t, "
			   "$5::bytea AS x, "
			   "$6::jsonb AS j, $7::int AS z";

	CHECK_INT(
		hk_sql_fetch(p, statement,
			     HK_SQL_WITH(hk_sql_int(INT64_MIN), hk_sql_real(0.1), hk_sql_bool(true),
					 hk_sql_text("it's \"é\"\n"), hk_sql_bytes("\0\xff", 2),
					 hk_sql_json("{\"a\": [1, 2]}"), hk_sql_null()),
			     &rows, &e),
		0);
	CHECK_STR(e.text, "");
	CHECK_INT(rows.n, 1);
	CHECK_INT(rows.affected, 1);
	CHECK_INT(hk_sql_get_int(&rows, 0, "i", &n), 0);
	CHECK(n == INT64_MIN);
	CHECK_INT(hk_sql_get_real(&rows, 0, "r", &d), 0);
	CHECK(d == 0.1);
	CHECK_INT(hk_sql_get_bool(&rows, 0, "b", &b), 0);
	CHECK(b);
	CHECK_STR(hk_sql_text_at(&rows, 0, "t"), "it's \"é\"\n");
	CHECK_INT(hk_sql_get_bytes(&rows, 0, "x", &bytes, &size), 0);
	CHECK_SLICE(((struct slice){ bytes, size }), ((struct slice){ "\0\xff", 2 }));
	CHECK_INT(hk_sql_get_text(&rows, 0, "j", &text, &size), 0);
	CHECK_STR(text, "{\"a\":[1,2]}");
	CHECK_INT(hk_sql_get_int(&rows, 0, "z", &n), -ENODATA);
	CHECK_INT(hk_sql_get_int(&rows, 0, "nope", &n), -ENOENT);
	CHECK_INT(hk_sql_get_int(&rows, 1, "i", &n), -ENOENT);
	CHECK_INT(hk_sql_get_int(&rows, 0, "t", &n), -EINVAL);
	CHECK(hk_sql_text_at(&rows, 0, "z") == NULL);
	hk_sql_rows_done(&rows);
	CHECK_INT(hk_sql_fetch(p, statement, HK_SQL_WITH(hk_sql_json("{")), &rows, &e), -EINVAL);
	CHECK_INT(e.fault, HK_SQL_BAD_VALUE);
	CHECK_INT(rows.n, 0);
	hk_sql_rows_done(&rows);
	hk_sql_pool_free(p);
}

static void rows_are_c_strings(void) SUSPENDS
{
	struct hk_sql_pool *p = open_pool(1);
	struct hk_sql_rows rows;

	CHECK_INT(hk_sql_fetch(p, "SELECT 1 AS a UNION ALL SELECT 2 UNION ALL SELECT 3", NULL, 0,
			       &rows, NULL),
		  0);
	CHECK_INT(rows.n, 3);
	CHECK_STR(rows.json[0], "{\"a\":1}");
	CHECK_STR(rows.json[2], "{\"a\":3}");
	hk_sql_rows_done(&rows);
	CHECK_INT(hk_sql_fetch(p, "SELECT 1 AS a WHERE 1 = 2", NULL, 0, &rows, NULL), 0);
	CHECK_INT(rows.n, 0);
	hk_sql_rows_done(&rows);
	hk_sql_pool_free(p);
}

/* ---- batches and cursors --------------------------------------------------------------------------------------- */

static void a_batch_names_its_fault(void) SUSPENDS
{
	struct hk_sql_pool *p = open_pool(1);
	struct hk_sql_value ids[] = { hk_sql_int(1), hk_sql_int(2), hk_sql_int(1) };
	struct hk_sql_call calls[3];
	struct hk_sql_error e;
	struct hk_sql *q = NULL;

	do_words(p, "CREATE TABLE batch (id int PRIMARY KEY)");
	for (int i = 0; i < 3; i++)
		calls[i] =
			(struct hk_sql_call){ .text = "INSERT INTO batch VALUES ($1) RETURNING id",
					      .values = &ids[i],
					      .n = 1 };
	CHECK_INT(hk_sql_acquire(p, &q, &e), 0);
	CHECK_INT(hk_sql_batch(q, calls, 3, &e), -EREMOTEIO);
	CHECK_INT(e.fault, HK_SQL_STATEMENT);
	CHECK_INT(e.at, 3);
	CHECK_STR(e.state, sqlite() ? "" : "23505");
	CHECK(!hk_sql_may_repeat(&e));
	ids[2] = hk_sql_int(3);
	CHECK_INT(hk_sql_batch(q, calls, 3, &e), 0);
	CHECK_STR(calls[2].rows.json[0], "{\"id\":3}");
	for (int i = 0; i < 3; i++)
		hk_sql_rows_done(&calls[i].rows);
	hk_sql_release(q);
	CHECK_INT(one_int(p, "SELECT count(*) AS n FROM batch"), 3);
	do_words(p, "DROP TABLE batch");
	hk_sql_pool_free(p);
}

static void a_cursor_gives_row_by_row(void) SUSPENDS
{
	struct hk_sql_pool *p = open_pool(1);
	struct hk_sql_cursor *c = NULL;
	struct hk_sql_rows row;
	struct hk_sql_error e;
	struct hk_sql *q = NULL;
	int64_t n = 0, seen = 0;
	int r;

	CHECK_INT(hk_sql_acquire(p, &q, &e), 0);
	CHECK_INT(hk_sql_cursor_open(q,
				     "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM "
				     "c WHERE i < $1) SELECT i FROM c",
				     HK_SQL_WITH(hk_sql_int(3000)), &c, &e),
		  0);
	while ((r = hk_sql_cursor_next(c, &row, &e)) == 1) {
		CHECK_INT(hk_sql_get_int(&row, 0, "i", &n), 0);
		CHECK_INT(n, ++seen);
	}
	CHECK_INT(r, 0);
	CHECK_INT(seen, 3000);
	hk_sql_cursor_free(c);
	hk_sql_release(q);
	hk_sql_pool_free(p);
}

/* ---- transactions -------------------------------------------------------------------------------------------------- */

struct work {
	int runs, fail_first; /* so many runs end with a failure of the kind that may be repeated */
	bool refuse;
};

static int add_one(struct hk_sql *q, void *arg, struct hk_sql_error *e) SUSPENDS
{
	struct work *w = arg;
	struct hk_sql_rows rows;
	int r = hk_sql_query(q, "UPDATE counter SET n = n + 1", NULL, 0, &rows, e);

	hk_sql_rows_done(&rows);
	w->runs++;
	if (r == 0 && w->refuse)
		return -EPERM;
	if (r == 0 && w->runs <= w->fail_first) {
		*e = (struct hk_sql_error){ .fault = HK_SQL_STATEMENT, .state = "40001" };
		return -EREMOTEIO;
	}
	return r;
}

static int add_ten_times(void *arg) SUSPENDS
{
	struct hk_sql_error e;
	struct work w = { 0 };

	for (int i = 0; i < 10; i++) {
		CHECK_INT(hk_sql_transaction(
				  arg, add_one, &w,
				  &(struct hk_sql_transaction_options){
					  .begin = sqlite() ? NULL
							    : "BEGIN ISOLATION LEVEL SERIALIZABLE",
					  .repeats = 50 },
				  &e),
			  0);
		CHECK_STR(e.text, "");
	}
	return 0;
}

static void a_transaction_happens_once(void) SUSPENDS
{
	struct hk_sql_pool *p = open_pool(4);
	struct hk_sql_error e;
	struct work w = { .refuse = true };
	struct hk_group g;

	do_words(p, "CREATE TABLE counter (n int); INSERT INTO counter VALUES (0)");
	CHECK_INT(hk_sql_transaction(p, add_one, &w, NULL, &e), -EPERM);
	CHECK_INT(one_int(p, "SELECT n FROM counter"), 0);
	w = (struct work){ .fail_first = 2 };
	CHECK_INT(hk_sql_transaction(p, add_one, &w, NULL, &e), -EREMOTEIO);
	CHECK_INT(w.runs, 1);
	w = (struct work){ .fail_first = 2 };
	CHECK_INT(hk_sql_transaction(p, add_one, &w,
				     &(struct hk_sql_transaction_options){ .repeats = 5 }, &e),
		  0);
	CHECK_INT(w.runs, 3);
	CHECK_INT(one_int(p, "SELECT n FROM counter"), 1);
	hk_group_open(&g, NULL);
	for (int i = 0; i < 6; i++)
		CHECK_INT(hk_spawn(&g, add_ten_times, p), 0);
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(one_int(p, "SELECT n FROM counter"), 61);
	do_words(p, "DROP TABLE counter");
	hk_sql_pool_free(p);
}

static int work_for_ever(struct hk_sql *q, void *arg, struct hk_sql_error *e) SUSPENDS
{
	struct hk_sql_rows rows;
	int r = hk_sql_query(q, "INSERT INTO left_alone VALUES (1)", NULL, 0, &rows, e);

	hk_sql_rows_done(&rows);
	return r < 0 ? r : hk_sleep(3600 * HK_SEC);
}

static void a_cancelled_transaction_is_undone(void) SUSPENDS
{
	struct hk_sql_pool *p = open_pool(1);
	struct hk_scope scope;

	do_words(p, "CREATE TABLE left_alone (a int)");
	hk_scope_open(&scope, 50 * HK_MS);
	CHECK_INT(hk_scope_close(&scope, hk_sql_transaction(p, work_for_ever, NULL, NULL, NULL)),
		  -ETIMEDOUT);
	CHECK_INT(one_int(p, "SELECT count(*) AS n FROM left_alone"), 0);
	do_words(p, "DROP TABLE left_alone");
	hk_sql_pool_free(p);
}

/* ---- COPY ------------------------------------------------------------------------------------------------------------ */

static void copy_takes_values(void) SUSPENDS
{
	struct hk_sql_pool *p = open_pool(1);
	struct hk_sql_error e;
	struct hk_sql *q = NULL;
	struct hk_sql_rows rows;
	uint64_t n = 0;

	CHECK_INT(hk_sql_acquire(p, &q, &e), 0);
	if (sqlite()) {
		CHECK_INT(hk_sql_copy_begin(q, "COPY t FROM STDIN", &e), -EINVAL);
		CHECK(strstr(e.text, "only PostgreSQL has COPY") != NULL);
		hk_sql_release(q);
		hk_sql_pool_free(p);
		return;
	}
	CHECK_INT(hk_sql_exec(q, "CREATE TABLE copied (a int, b text, c bytea, d jsonb, e text[])",
			      &e),
		  0);
	CHECK_INT(hk_sql_copy_begin(q, "COPY copied FROM STDIN", &e), 0);
	for (int i = 0; i < 5000; i++) {
		struct hk_sql_value row[] = { hk_sql_int(i), hk_sql_text("a\tb\\N\n"),
					      hk_sql_bytes("\\\0", 2),
					      hk_sql_json("{\"x\":\"\\n\"}"),
					      hk_sql_text("{a,\"b\\\\\"}") };
		CHECK_INT(hk_sql_copy_row(q, row, 5, &e), 0);
	}
	CHECK_INT(hk_sql_copy_end(q, &n, &e), 0);
	CHECK_INT(n, 5000);
	CHECK_INT(hk_sql_query(q, "SELECT DISTINCT b, c, d, e FROM copied", NULL, 0, &rows, &e), 0);
	CHECK_INT(rows.n, 1);
	CHECK_STR(rows.json[0], "{\"b\":\"a\\tb\\\\N\\n\",\"c\":\"XAA=\",\"d\":{\"x\":\"\\n\"},"
				"\"e\":[\"a\",\"b\\\\\"]}");
	hk_sql_rows_done(&rows);
	CHECK_INT(hk_sql_copy_begin(q, "COPY copied (a) FROM STDIN", &e), 0);
	CHECK_INT(hk_sql_copy_row(q, HK_SQL_WITH(hk_sql_int(1)), &e), 0);
	CHECK_INT(hk_sql_copy_row(q, HK_SQL_WITH(hk_sql_text("two")), &e), 0);
	CHECK_INT(hk_sql_copy_end(q, &n, &e), -EREMOTEIO);
	CHECK_INT(e.at, 2);
	CHECK_STR(e.state, "22P02");
	CHECK_INT(hk_sql_exec(q, "DROP TABLE copied", &e), 0);
	hk_sql_release(q);
	hk_sql_pool_free(p);
}

static void faults_are_named(void) SUSPENDS
{
	struct hk_sql_pool *p = NULL;
	struct hk_sql_rows rows;
	struct hk_sql_error e;

	CHECK_INT(hk_sql_pool_open("sqlite:", NULL, &p, &e), -EINVAL);
	CHECK_INT(e.fault, HK_SQL_CONFIG);
	CHECK_STR(hk_sql_fault_name(HK_SQL_NO_CONNECTION), "no_connection");
	p = open_pool(1);
	CHECK_INT(hk_sql_fetch(p, "SELECT nope", NULL, 0, &rows, &e), -EREMOTEIO);
	CHECK(strstr(e.text, "^") != NULL);
	CHECK_INT(hk_sql_fetch(p, "SELECT 1 AS a", HK_SQL_WITH(hk_sql_int(1)), &rows, &e), -EINVAL);
	hk_sql_pool_free(p);
}

/* ---- each of them on each database -------------------------------------------------------------------------------------- */

static char sqlite_url[96];

#define ROUND(name, where)                                              \
	TEST_WITH_SERVER(name##_##where)                                \
	{                                                               \
		url = where##_url;                                      \
		if (!url[0]) {                                          \
			printf("# skipped: there is no such server\n"); \
			return;                                         \
		}                                                       \
		name();                                                 \
	}
#define BOTH(name)          \
	ROUND(name, sqlite) \
	ROUND(name, server)
BOTH(values_go_there_and_back)
BOTH(rows_are_c_strings)
BOTH(a_batch_names_its_fault)
BOTH(a_cursor_gives_row_by_row)
BOTH(a_transaction_happens_once)
BOTH(a_cancelled_transaction_is_undone)
BOTH(copy_takes_values)
BOTH(faults_are_named)

#define T2(name) T(name##_sqlite), T(name##_server)
static const struct test tests[] = {
	T2(values_go_there_and_back),   T2(rows_are_c_strings),
	T2(a_batch_names_its_fault),    T2(a_cursor_gives_row_by_row),
	T2(a_transaction_happens_once), T2(a_cancelled_transaction_is_undone),
	T2(copy_takes_values),          T2(faults_are_named),
};

int main(void)
{
	char command[128];
	int failed;

	(void)snprintf(sqlite_url, sizeof(sqlite_url), "sqlite:/tmp/hocket-public-sql-%d/x.db",
		       (int)getpid());
	(void)snprintf(command, sizeof(command), "mkdir /tmp/hocket-public-sql-%d", (int)getpid());
	if (system(command) != 0)
		return 1;
	(void)server_try();
	failed = RUN_TESTS(tests);
	(void)snprintf(command, sizeof(command), "rm -rf /tmp/hocket-public-sql-%d", (int)getpid());
	return system(command) != 0 || failed;
}
