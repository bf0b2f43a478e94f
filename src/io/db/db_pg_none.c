/* db_pg_none.c - in place of db_pg*.c where libpq's headers were not installed
 *
 * What this room is for: a build without PostgreSQL says so in words.
 * What flows through:    nothing.
 * What must hold:        no pool opens, so no other operation is ever called. */
#include "io/db/db_.h"

int db_postgres_is_available(struct err *err)
{
	return fail(err, FAULT_CONFIG,
		    "this hocket was built without PostgreSQL: install libpq-dev and build again");
}

static int refuse(struct db_pool *pool, struct err *err)
{
	return db_postgres_is_available(err);
}

static void nothing(struct db_pool *pool)
{
}

const struct db_ops db_postgres = { .pool_begin = refuse, .pool_end = nothing };
