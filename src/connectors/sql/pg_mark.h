/* pg_mark.h - the checkpoint row in the database that has the rows
 *
 * What this room is for: class T: the row of hocket_mark changes in the transaction that writes the rows, so what is there is exactly what the
 *   mark says, and a COMMIT whose answer was lost is decided by reading it (I6).
 * What must hold:
 *  (1) every transaction locks the row before it writes anything and holds it to its end. Whoever reads the row under its lock knows that no
 *      transaction of ours is on its way any more, also none that a connection was lost over.
 *  (2) a row that is neither what was put there last nor what was about to be put there was written by somebody else: stop. */
#pragma once
#include "engine/port.h"
#include "io/db.h"

struct pg_mark {
	const char *place; /* borrows: which sink of the pipeline: its table, as in the file */
	struct buf known;  /* what is there, as far as we know */
	bool made;         /* hocket_made is there, too */
};
void pg_mark_done(struct pg_mark *);
/* Makes the tables when they are missing. */
MUST int pg_mark_open(struct pg_mark *, struct db *, struct err *) SUSPENDS;
/* The row as it is, made when missing; waits for a transaction that may still change it. */
MUST int pg_mark_read(struct pg_mark *, struct db *, const char *pipeline, struct err *) SUSPENDS;
/* In a transaction: locks the row. 1: what `next` says is done already; 0: it is as it was known; -1. */
MUST int pg_mark_lock(struct pg_mark *, struct db *, const char *pipeline, struct slice next,
		      struct err *) SUSPENDS;
MUST int pg_mark_put(struct pg_mark *, struct db *, const char *pipeline, struct slice next,
		     struct err *) SUSPENDS;
/* After COMMIT. */
MUST int pg_mark_committed(struct pg_mark *, struct slice next, struct err *);
