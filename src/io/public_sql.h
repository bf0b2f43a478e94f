/* public_sql.h - what the files behind <hocket/sql.h> share
 *
 * What must hold: these files know no database: they turn C values into JSON text, rows into C values, and one kind of error into the other. */
#pragma once
#include "io/db.h"
#include <hocket/sql.h>

struct hk_sql {
	struct hk_sql_pool *pool;
	struct db *db;   /* borrows from the pool's */
	struct buf copy; /* rows that were not sent yet */
	bool copying;
};

/* ---- errors ---- */
/* Tells the story of an inner failure; error may be NULL. Returns the code that goes with it, < 0. */
MUST int public_sql_error(const struct err *, struct hk_sql_error *);
MUST int public_sql_ok(struct hk_sql_error *);

/* ---- values ---- */
struct public_values { /* of one call or many, as io/db.h wants them */
	struct buf text;
	struct slice *json; /* owns; their texts are known when all are there: public_values_end */
	bool *blobs;        /* owns */
	size_t n, room;
	bool sqlite; /* BLOBs go by `blobs`; PostgreSQL takes bytes as \\x00ff */
};
/* Adds those of one call. */
MUST int public_values_add(struct public_values *, const struct hk_sql_value *, size_t n,
			   struct err *);
void public_values_end(struct public_values *);
void public_values_done(struct public_values *);
/* As the JSON value that db_put_copy_field takes. */
MUST int public_put_copy(const struct hk_sql_value *, struct buf *out, struct err *);

/* ---- rows ---- */
/* Gives *text, a JSON array of objects, to the rows. */
void public_rows_set(struct hk_sql_rows *, struct buf *text, uint64_t affected);
