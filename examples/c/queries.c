/* queries.c - 10,000 queries at the same time, over 20 connections
 *
 * Python: pool = await asyncpg.create_pool(url, max_size=20)
 *         rows = await asyncio.gather(*[pool.fetch(query, id) for id in ids])
 *
 * Each query is a task of its own that waits for its turn at the pool, asks, and checks that the answer is its own. The database is the URL or
 * path on the command line: postgres://user:password@host/name, or the SQLite file queries.db. */
#include <errno.h>
#include <hocket/hocket.h>
#include <stdio.h>
#include <stdlib.h>

enum { PEOPLE = 1000, QUERIES = 10000, CONNECTIONS = 20 };

struct query {
	struct hk_sql_pool *pool;
	int id, right;
};

/* A thousand people; by hk_sql_transaction all of them, or none. */
static int fill(struct hk_sql *sql, void *arg, struct hk_sql_error *error)
{
	int r = hk_sql_exec(
		sql,
		"DROP TABLE IF EXISTS people; CREATE TABLE people (id int PRIMARY KEY, name text)",
		error);

	(void)arg;
	for (int i = 0; r == 0 && i < PEOPLE; i++) {
		struct hk_sql_rows none;
		char name[32];
		snprintf(name, sizeof(name), "person %d", i);
		r = hk_sql_query(sql, "INSERT INTO people VALUES ($1, $2)",
				 HK_SQL_WITH(hk_sql_int(i), hk_sql_text(name)), &none, error);
		hk_sql_rows_done(&none);
	}
	return r;
}

static int ask(void *arg)
{
	struct query *q = arg;
	struct hk_sql_rows rows;
	struct hk_sql_error error;
	int64_t id = -1;
	int r = hk_sql_fetch(q->pool, "SELECT id, name FROM people WHERE id = $1",
			     HK_SQL_WITH(hk_sql_int(q->id)), &rows, &error);

	if (r == 0)
		q->right = rows.n == 1 && hk_sql_get_int(&rows, 0, "id", &id) == 0 && id == q->id;
	else if (r != -ECANCELED) /* the first that fails ends the others */
		fprintf(stderr, "%s: %s\n", hk_sql_fault_name(error.fault), error.text);
	hk_sql_rows_done(&rows);
	return r;
}

static int ask_all(struct hk_sql_pool *pool)
{
	struct query *queries = calloc(QUERIES, sizeof(*queries));
	int64_t began_ns = hk_now_exact_ns();
	int right = 0, r;

	if (!queries)
		return -1;
	for (int i = 0; i < QUERIES; i++)
		queries[i] = (struct query){ .pool = pool, .id = i % PEOPLE };
	r = hk_gather(ask, queries, QUERIES, sizeof(queries[0]), NULL);
	for (int i = 0; i < QUERIES; i++)
		right += queries[i].right;
	if (r >= 0)
		printf("%d of %d answers are right, after %.2f s\n", right, QUERIES,
		       (double)(hk_now_exact_ns() - began_ns) / 1e9);
	free(queries);
	return r;
}

static int run(void *arg)
{
	struct hk_sql_pool *pool;
	struct hk_sql_error error;
	int r = hk_sql_pool_open(
		arg, &(struct hk_sql_pool_options){ .most = CONNECTIONS, .create = true }, &pool,
		&error);

	if (r == 0)
		r = hk_sql_transaction(pool, fill, NULL, NULL, &error);
	if (r < 0)
		fprintf(stderr, "%s: %s\n", hk_sql_fault_name(error.fault), error.text);
	else
		r = ask_all(pool);
	hk_sql_pool_free(pool);
	return r;
}

int main(int argc, char **argv)
{
	return hk_run(run, argc > 1 ? argv[1] : "sqlite:queries.db", NULL) < 0;
}
