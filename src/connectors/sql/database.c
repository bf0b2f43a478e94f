/* database.c - from an option to a pool
 *
 * What this room is for: see database.h.
 * What flows through:    the URL's text, which may be a secret: it goes to the pool and nowhere else.
 * What must hold:        what is no PostgreSQL is told in plan() where the file says it, else in open(). */
#include "connectors/sql/database.h"
#include "base/banned.h"

const struct opt database_retry_options[] = {
	OPT("within", struct database_retry, within_ns, OPT_DURATION, int64_t, .required = true,
	    .doc = "then the run stops, and goes on when it is run again"),
	OPT_END,
};

static const char no_url[] = "is no PostgreSQL URL: write postgres://user@host/database";

int database_blame(struct err *err, const char *what)
{
	if (err && err->state[0])
		return err_wrap(err, "%s (SQLSTATE %s)", what, err->state);
	return err_wrap(err, "%s", what);
}

void database_plan(struct database_option *o, struct facts *facts, struct diag *diag)
{
	AUTO(buf_done) struct buf door = { .max = sizeof(o->door) - 1 };
	struct slice head = tpl_head(o->url);
	o->door[0] = 0;
	if (!head.n)
		return;
	if (tpl_constant(o->url) && db_kind_of(head) != DB_POSTGRES)
		diag_error(diag, NULL, "this %s", no_url);
	else if (tpl_constant(o->url) && db_put_door(head, &door) == 0 && door.n)
		memcpy(o->door, door.p, door.n + 1);
	facts->door = slice_str(o->door);
}

int database_open(const struct database_option *o, const struct db_pool_options *pool,
		  struct db_pool **ret, struct err *err)
{
	AUTO(buf_done) struct buf url = { .max = 8192 };
	const struct env env = { .record = S("null") };
	if (tpl_text(o->url, &env, &url, err) < 0)
		return -1;
	if (db_kind_of(buf_slice(&url)) != DB_POSTGRES)
		return fail(err, FAULT_CONFIG, "what `postgres` gives %s", no_url);
	return db_is_available(DB_POSTGRES, err) < 0
		       ? -1
		       : db_pool_open(buf_slice(&url), pool, ret, err);
}
