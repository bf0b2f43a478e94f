/* sql_spool.h - a result that cannot be asked for in parts is kept whole, then read from there
 *
 * What this room is for: class J for queries. The database may give other rows in another order the next time, so the rows go to the
 *   state's inbox, page by page, before the first of them is a record; from then on nobody asks the database again.
 * What must hold: (1) the page `whole` is kept last and says how many there are: without it nothing was admitted, and the query is asked
 *   again from the start. (2) a position is a page and how many of its rows were taken. */
#pragma once
#include "engine/port.h"
#include "io/db.h"

/* Gives all rows of the stream that `open` begins, if they were not kept before. */
typedef int sql_spool_open(void *arg, struct db_stream **ret, struct err *) SUSPENDS;
MUST int sql_spool_run(struct intake *, sql_spool_open *open, void *arg, struct err *) SUSPENDS;
