/* from_postgres.c - read the rows of a PostgreSQL query
 *
 * What this room is for: the option table and the door; sql_source.c does the work.
 * What flows through:    rows as JSON objects, the server waits while the pipeline is busy.
 * What must hold:        the session can only read: a query that would change something is refused by the server. */
#include "base/banned.h"
#include "connectors/sql/database.h"
#include "connectors/sql/sql_source.h"
#include "io/http.h"

struct postgres_source {
	struct database_option database;
	struct sql_options sql;
};

static const struct opt options[] = {
	DATABASE_OPTION("postgres", struct postgres_source, database),
	SQL_OPTIONS(struct postgres_source, sql),
	OPT_END,
};

static int postgres_plan(void *of, struct facts *facts, struct diag *diag)
{
	struct postgres_source *o = of;
	sql_source_plan(&o->sql, facts, diag);
	facts->within_ns = DATABASE_WITHIN;
	database_plan(&o->database, facts, diag);
	return 0;
}

static int postgres_open(struct site *site, struct err *err) SUSPENDS
{
	const struct postgres_source *o = site->options;
	struct db_pool_options pool = { .most = 1, .read_only = true, .no_prepare = true };
	struct db_pool *made = NULL;
	if (site->clocks)
		pool.connect_ns = site->clocks->connect_ns;
	if (database_open(&o->database, &pool, &made, err) < 0)
		return -1;
	return sql_source_open(site->shared, &o->sql, made, err);
}

static void postgres_close(struct site *site) SUSPENDS
{
	sql_source_close(site->shared);
}

static int postgres_run(struct site *site, struct intake *intake, struct err *err) SUSPENDS
{
	const struct postgres_source *o = site->options;
	return sql_source_run(site->shared, &o->sql, site, intake, err);
}

const struct port from_postgres = {
	.name = "postgres",
	.doc = "read the rows of a PostgreSQL query",
	.more = "With `after` rows come in the order of these columns, the last of which is "
		"unique; "
		"an interrupted run goes on in\n"
		"the middle, a later run behind the last row. Without it the whole result is kept "
		"in "
		"the state before the first row\n"
		"is a record, so that a resumed run has the same rows; a later run begins anew.\n"
		"\n"
		"    from:\n"
		"      postgres: $secret.PG_URL\n"
		"      query: SELECT id, email, updated_at FROM users\n"
		"      after: [updated_at, id]\n"
		"      lag: 5m\n"
		"    to: {jsonl: users.jsonl}\n",
	.roles = ROLE_SOURCE,
	.options = options,
	.options_size = sizeof(struct postgres_source),
	.shared_size = sizeof(struct sql_source),
	.plan = postgres_plan,
	.open = postgres_open,
	.close = postgres_close,
	.run = postgres_run,
};
