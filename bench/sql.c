/* sql.c - queries, streams and loads of <hocket/sql.h>, one figure each; peers/sql_peers.py does the same with other words
 *
 *   sql URL [CASE...]      prints {"case": {"cpu_us": of this process for one, "per_s": on the wall, "n": how many}, ...}
 *
 * The database has a table `item (id int primary key, name text, price numeric)` of ITEMS rows, made by the peers' program with `setup`. */
#include <hocket/hocket.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ITEMS = 10000, ROWS = 300000, BATCH = 500, CONNECTIONS = 20 };
#define LOOKUP "SELECT id, name, price FROM item WHERE id = $1"

static void must(int r, const char *what, const struct hk_sql_error *e)
{
	if (r >= 0)
		return;
	fprintf(stderr, "%s: %s\n", what, e->text);
	exit(1);
}

static int64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * HK_SEC + t.tv_nsec;
}

/* ---- lookups ------------------------------------------------------------------------------------------------ */

static void look_at(const struct hk_sql_rows *rows, int id)
{
	int64_t got = -1;

	if (rows->n != 1 || hk_sql_get_int(rows, 0, "id", &got) < 0 || got != id) {
		fprintf(stderr, "a wrong answer for %d\n", id);
		exit(1);
	}
}

static size_t one_by_one(struct hk_sql_pool *pool, size_t n)
{
	struct hk_sql_error e;
	struct hk_sql *q;

	must(hk_sql_acquire(pool, &q, &e), "acquire", &e);
	for (size_t i = 0; i < n; i++) {
		struct hk_sql_rows rows;
		must(hk_sql_query(q, LOOKUP, HK_SQL_WITH(hk_sql_int((int)(i % ITEMS))), &rows, &e),
		     "query", &e);
		look_at(&rows, (int)(i % ITEMS));
		hk_sql_rows_done(&rows);
	}
	hk_sql_release(q);
	return n;
}

static size_t lookup(struct hk_sql_pool *pool)
{
	return one_by_one(pool, 10000);
}

static int share(void *arg)
{
	(void)one_by_one(*(struct hk_sql_pool **)arg, 1000);
	return 0;
}

static size_t lookup_20(struct hk_sql_pool *pool)
{
	struct hk_sql_pool *each[CONNECTIONS];

	for (int i = 0; i < CONNECTIONS; i++)
		each[i] = pool;
	if (hk_gather(share, each, CONNECTIONS, sizeof(each[0]), NULL) < 0)
		exit(1);
	return CONNECTIONS * 1000;
}

static void look_up_batch(struct hk_sql *q, int from)
{
	static struct hk_sql_value ids[BATCH];
	static struct hk_sql_call calls[BATCH];
	struct hk_sql_error e;

	for (int i = 0; i < BATCH; i++) {
		ids[i] = hk_sql_int(from + i);
		calls[i] = (struct hk_sql_call){ .text = LOOKUP, .values = &ids[i], .n = 1 };
	}
	must(hk_sql_batch(q, calls, BATCH, &e), "batch", &e);
	for (int i = 0; i < BATCH; i++) {
		look_at(&calls[i].rows, from + i);
		hk_sql_rows_done(&calls[i].rows);
	}
}

static size_t pipeline(struct hk_sql_pool *pool)
{
	struct hk_sql_error e;
	struct hk_sql *q;

	must(hk_sql_acquire(pool, &q, &e), "acquire", &e);
	for (int i = 0; i < 100; i++)
		look_up_batch(q, i % (ITEMS / BATCH) * BATCH);
	hk_sql_release(q);
	return 100 * BATCH;
}

/* ---- many rows --------------------------------------------------------------------------------------------------- */

static size_t stream(struct hk_sql_pool *pool)
{
	struct hk_sql_cursor *c;
	struct hk_sql_rows row;
	struct hk_sql_error e;
	struct hk_sql *q;
	size_t n = 0;
	int r;

	must(hk_sql_acquire(pool, &q, &e), "acquire", &e);
	must(hk_sql_cursor_open(q,
				"SELECT a.id, a.name, a.price FROM item a, (SELECT id FROM item "
				"WHERE id < 30) b",
				NULL, 0, &c, &e),
	     "cursor", &e);
	while ((r = hk_sql_cursor_next(c, &row, &e)) == 1)
		n += row.json[0][0] == '{';
	must(r, "cursor", &e);
	hk_sql_cursor_free(c);
	hk_sql_release(q);
	return n;
}

static size_t copy(struct hk_sql_pool *pool)
{
	struct hk_sql_error e;
	struct hk_sql *q;
	uint64_t n;

	must(hk_sql_acquire(pool, &q, &e), "acquire", &e);
	must(hk_sql_exec(q,
			 "DROP TABLE IF EXISTS loaded; CREATE UNLOGGED TABLE loaded (id int, name "
			 "text, price numeric)",
			 &e),
	     "exec", &e);
	must(hk_sql_copy_begin(q, "COPY loaded FROM STDIN", &e), "copy", &e);
	for (int i = 0; i < ROWS; i++) {
		char name[24];
		snprintf(name, sizeof(name), "item %d", i);
		must(hk_sql_copy_row(
			     q, HK_SQL_WITH(hk_sql_int(i), hk_sql_text(name), hk_sql_text("12.50")),
			     &e),
		     "row", &e);
	}
	must(hk_sql_copy_end(q, &n, &e), "copy", &e);
	hk_sql_release(q);
	return n;
}

static void insert_batch(struct hk_sql *q, int from)
{
	static struct hk_sql_value values[BATCH][3];
	static struct hk_sql_call calls[BATCH];
	static char names[BATCH][24];
	struct hk_sql_error e;

	for (int i = 0; i < BATCH; i++) {
		snprintf(names[i], sizeof(names[i]), "item %d", from + i);
		values[i][0] = hk_sql_int(from + i);
		values[i][1] = hk_sql_text(names[i]);
		values[i][2] = hk_sql_text("12.50");
		calls[i] = (struct hk_sql_call){ .text = "INSERT INTO loaded VALUES ($1, $2, $3)",
						 .values = values[i],
						 .n = 3 };
	}
	must(hk_sql_batch(q, calls, BATCH, &e), "batch", &e);
	for (int i = 0; i < BATCH; i++)
		hk_sql_rows_done(&calls[i].rows);
}

static size_t insert(struct hk_sql_pool *pool)
{
	struct hk_sql_error e;
	struct hk_sql *q;

	must(hk_sql_acquire(pool, &q, &e), "acquire", &e);
	must(hk_sql_exec(q,
			 "DROP TABLE IF EXISTS loaded; CREATE TABLE loaded (id int, name text, "
			 "price numeric)",
			 &e),
	     "exec", &e);
	for (int i = 0; i < 100; i++)
		insert_batch(q, i * BATCH);
	hk_sql_release(q);
	return 100 * BATCH;
}

/* ---- cases -------------------------------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	size_t (*run)(struct hk_sql_pool *);
} cases[] = { { "lookup", lookup }, { "lookup_20", lookup_20 }, { "pipeline", pipeline },
	      { "stream", stream }, { "copy", copy },           { "insert", insert } };

static void print_case(struct hk_sql_pool *pool, const char *name, bool first)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t wall_ns = hk_now_exact_ns(), began_ns = cpu_ns();
		size_t n;
		if (strcmp(cases[i].name, name) != 0)
			continue;
		n = cases[i].run(pool);
		wall_ns = hk_now_exact_ns() - wall_ns;
		printf("%s\"%s\": {\"cpu_us\": %.4f, \"per_s\": %.1f, \"n\": %zu}",
		       first ? "{" : ", ", name, (double)(cpu_ns() - began_ns) / 1e3 / (double)n,
		       (double)n * 1e9 / (double)wall_ns, n);
	}
}

static int run(void *arg)
{
	char **words = arg;
	struct hk_sql_pool *pool;
	struct hk_sql_error e;

	must(hk_sql_pool_open(words[0], &(struct hk_sql_pool_options){ .most = CONNECTIONS }, &pool,
			      &e),
	     "pool", &e);
	share(&pool); /* a warm connection, a known statement */
	for (char **name = words + 1; *name; name++)
		print_case(pool, *name, name == words + 1);
	printf("}\n");
	hk_sql_pool_free(pool);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc < 3) {
		fprintf(stderr, "usage: %s URL CASE...\n", argv[0]);
		return 2;
	}
	return hk_run(run, argv + 1, NULL) < 0;
}
