/* pg_table.h - a table of PostgreSQL that records are put into: its columns, its key, how it is made and grows
 *
 * What this room is for: the knowledge behind "table made when missing, grows by a column, key upserts".
 * Life cycle: pg_table_init; in a transaction pg_table_load, pg_table_make when it is missing, pg_table_column for each field; after a
 *   ROLLBACK pg_table_forget; pg_table_done.
 * What must hold:
 *  (1) only a table that hocket made grows; another one is somebody's schema.
 *  (2) names are taken as they are written, capitals too. (3) a field of a record is never left out silently. */
#pragma once
#include "connectors/sql/pg_value.h"
#include "engine/port.h"
#include "io/db.h"

struct pg_column {
	char *name, *type;
	enum pg_class class;
	bool key;
	bool fills_itself; /* default, identity, generated: to leave it out is not to say NULL */
};
struct pg_table {
	const char *shown; /* borrows: as in the file, "sales.orders" */
	const struct opt_list *key;
	const struct opt_map *types;
	bool may_make;                     /* hocket_made is there to be written to */
	struct buf name;                   /* quoted */
	bool loaded, exists, ours, proved; /* proved: a commit has succeeded */
	bool changed;                      /* this transaction made or altered it */
	struct pg_column *columns;
	size_t n;
};
MUST int pg_table_init(struct pg_table *, const char *shown, const struct opt_list *key,
		       const struct opt_map *types, struct err *);
void pg_table_done(struct pg_table *);
MUST int pg_table_load(struct pg_table *, struct db *, struct err *) SUSPENDS;
/* For these records, which are not none. err.whole: they are at fault. */
MUST int pg_table_make(struct pg_table *, struct db *, struct rec *const *recs, size_t n,
		       struct err *) SUSPENDS;
/* The column of a field, made when the table may grow: index, or -1. */
MUST int pg_table_column(struct pg_table *, struct db *, struct slice field, const struct rec *,
			 struct slice value, size_t *ret, struct err *) SUSPENDS;
void pg_table_forget(struct pg_table *); /* after ROLLBACK */
void pg_table_committed(struct pg_table *);
MUST int pg_table_put_key(const struct pg_table *, struct buf *out); /* "shop", "id" */

/* A record that cannot be a row. Returns -1. */
int pg_record_fail(struct err *, const char *fmt, ...) PRINTF(2, 3);
/* What a statement of ours got, in the table's words: is it the data, the schema, or the server? Returns -1. */
int pg_table_fail(const struct pg_table *, struct err *);
