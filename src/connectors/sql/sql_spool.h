/* sql_spool.h - a result that cannot be asked for in parts is kept whole, then read from there
 *
 * What this room is for: class J for queries. The database may give other rows in another order the next time, so the rows go to the
 *   state's inbox, page by page, before the first of them is a record; from then on nobody asks the database again.
 * What must hold: (1) with a state the page `whole` is kept last and says how many there are: without it nothing was admitted, and the query is asked
 *   again from the start. (2) a position is a page and how many of its rows were taken. */
#pragma once
#include "engine/port.h"
#include "io/db.h"

struct sql_spool_rows { /* where the rows come from, when they were not kept before */
	int (*open)(void *arg, struct db_stream **ret, struct err *) SUSPENDS;
	int (*close)(void *arg, struct err *) SUSPENDS; /* all were read, the stream is gone */
	void *arg;
};
MUST int sql_spool_run(const struct site *, struct intake *, const struct sql_spool_rows *,
		       struct err *) SUSPENDS;
