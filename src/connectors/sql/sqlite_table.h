/* sqlite_table.h - a table that records are put into: its columns, its key, its prepared statements
 *
 * What this room is for: the knowledge behind "table made when missing, grows by a column, key upserts".
 * Life cycle: table_init, table_load in a transaction, table_make when it was missing, table_put per record; after a
 *   ROLLBACK table_forget; table_done.
 * What must hold:
 *  (1) everything here runs on a pool thread, inside a transaction that to_sqlite.c opened, one call at a time.
 *  (2) only a table that hocket made grows; another one is somebody's schema: a field without a column is refused.
 *  (3) a field of a record is never left out silently. */
#pragma once
#include "engine/port.h"
#include "connectors/sql/sqlite_value.h"

struct table_column {
	char *name;
	enum affinity affinity;
	bool key;
};
struct table_shape { /* the statement for records with the same keys in the same order */
	sqlite3_stmt *insert;
	struct buf keys; /* the raw keys, one behind the other */
	size_t *columns; /* of each key: index into table.columns; its parameter is that of `at` */
	int *at;
	size_t n;
	uint64_t used; /* for choosing which to drop */
};
#define TABLE_SHAPES 16
struct table {
	sqlite3 *db;
	const char *file, *name;           /* borrow */
	const struct opt_list *key;        /* const char *[] */
	bool loaded, exists, ours, proved; /* proved: a commit has succeeded */
	bool changed;                      /* this transaction made or altered it */
	struct table_column *columns;
	size_t n;
	struct table_shape shapes[TABLE_SHAPES];
	size_t shape_count;
	uint64_t clock;
	struct slice *keys, *values; /* scratch: one record's members */
	size_t cap;
	struct buf text; /* scratch: its decoded strings */
};

void table_init(struct table *, sqlite3 *db, const char *file, const char *name,
		const struct opt_list *key);
void table_done(struct table *);
MUST int table_load(struct table *, struct err *);
MUST int table_make(struct table *, struct rec *const *recs, size_t n, struct err *);
/* err.whole: this record is at fault, not the table. */
MUST int table_put(struct table *, const struct rec *, struct err *);
void table_committed(struct table *);
void table_forget(struct table *); /* after ROLLBACK */

/* The connection's last error as a fault, by its code. Returns -1. */
int sqlite_fail(sqlite3 *, const char *file, const char *table, struct err *);
/* sqlite3_exec of a formatted text (%w, %Q as in sqlite3_mprintf). */
MUST int sqlite_run(sqlite3 *, const char *file, const char *table, struct err *, const char *fmt,
		    ...);
