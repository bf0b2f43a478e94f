/* from_sqlite.c - read the rows of a query of a SQLite file
 *
 * What this room is for: the option table and the door; sql_source.c does the work.
 * What flows through:    rows as JSON objects, from a thread of the pool.
 * What must hold:        the file is opened to be read only, and is not made when it is missing. */
#include "base/banned.h"
#include "connectors/sql/sql_source.h"

struct sqlite_source {
	const char *path;
	struct sql_options sql;
};

static const struct opt options[] = {
	OPT("sqlite", struct sqlite_source, path, OPT_PATH, const char *, .verb = true,
	    .required = true, .doc = "database file"),
	SQL_OPTIONS(struct sqlite_source, sql),
	OPT_END,
};

static int sqlite_plan(void *of, struct facts *facts, struct diag *diag)
{
	const struct sqlite_source *o = of;
	sql_source_plan(&o->sql, facts, diag);
	facts->door = slice_str(o->path);
	return 0;
}

static int sqlite_open(struct site *site, struct err *err) SUSPENDS
{
	const struct sqlite_source *o = site->options;
	AUTO(buf_done) struct buf url = { .max = 8192 };
	struct db_pool *made = NULL;
	if (buf_printf(&url, "sqlite:%s", o->path) < 0)
		return fail(err, FAULT_CONFIG, "the file's name is too long");
	if (db_pool_open(buf_slice(&url), &(struct db_pool_options){ .most = 1, .read_only = true },
			 &made, err) < 0)
		return -1;
	return sql_source_open(site->shared, &o->sql, made, err);
}

static void sqlite_close(struct site *site) SUSPENDS
{
	sql_source_close(site->shared);
}

static int sqlite_run(struct site *site, struct intake *intake, struct err *err) SUSPENDS
{
	const struct sqlite_source *o = site->options;
	return sql_source_run(site->shared, &o->sql, site, intake, err);
}

const struct port from_sqlite = {
	.name = "sqlite",
	.doc = "read the rows of a query of a SQLite file",
	.more = "With `after` rows come in the order of these columns, the last of which is "
		"unique; "
		"an interrupted run goes on in\n"
		"the middle, a later run behind the last row. Without it the whole result is kept "
		"in "
		"the state before the first row\n"
		"is a record, so that a resumed run has the same rows; a later run begins anew.\n"
		"\n"
		"    from:\n"
		"      sqlite: shop.db\n"
		"      query: SELECT id, email FROM users\n"
		"      after: id\n"
		"    to: {jsonl: users.jsonl}\n",
	.roles = ROLE_SOURCE,
	.options = options,
	.options_size = sizeof(struct sqlite_source),
	.shared_size = sizeof(struct sql_source),
	.plan = sqlite_plan,
	.open = sqlite_open,
	.close = sqlite_close,
	.run = sqlite_run,
};
