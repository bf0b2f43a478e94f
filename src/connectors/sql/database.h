/* database.h - the URL of a database in a pipeline file
 *
 * What this room is for: what every connector that speaks to PostgreSQL has in common: the option that names it, often a
 *   secret, and the pool made of it.
 * What must hold: a URL is shown without user, password and options. */
#pragma once
#include "engine/port.h"
#include "io/db.h"
#include <hocket/types.h>

#define DATABASE_WITHIN (3600 * HK_SEC) /* so long a server that is away is waited for */

struct database_option {
	struct tpl *url;
	char door[288]; /* set by plan: for check; empty while it hangs on a secret */
};
#define DATABASE_OPTION(name, T, member)                                                         \
	OPT(name, T, member.url, OPT_TEMPLATE, struct tpl *, .verb = true, .required = true,     \
	    .secret = true, .at_plan = true,                                                     \
	    .doc = "the database: postgres://user@host/name, often $secret.PG_URL; or host=... " \
		   "dbname=...")

struct database_retry { /* of a sink */
	int64_t within_ns;
};
extern const struct opt database_retry_options[];
#define DATABASE_RETRY_OPTION(T, member, otherwise)                                                \
	OPT("retry", T, member, OPT_TABLE, struct database_retry *, .sub = database_retry_options, \
	    .sub_size = sizeof(struct database_retry), .tuning = true,                             \
	    .doc = "how long the database is waited for when it is away or busy: {within: 10m}; "  \
		   "" otherwise)

/* Puts `what` before the story, with the SQLSTATE when there is one: "query (SQLSTATE 42601): ...". Returns -1. */
int database_blame(struct err *, const char *what);

void database_plan(struct database_option *, struct facts *, struct diag *); /* in plan() */
MUST int database_open(const struct database_option *, const struct db_pool_options *,
		       struct db_pool **ret, struct err *) SUSPENDS;
