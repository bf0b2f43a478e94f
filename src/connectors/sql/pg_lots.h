/* pg_lots.h - a batch of records as lots: rows with the same columns, as text for COPY
 *
 * What this room is for: COPY and INSERT name their columns once for all rows, records have each their own fields.
 * Life cycle: pg_lots_fill in the sink's transaction (it may make and alter the table); the lots are loaded in their order; pg_lots_clear.
 * What must hold:
 *  (1) without a key a field that is missing is NULL, or what the column fills in by itself. With a key only the fields that the record
 *      has are updated: another set of fields is another lot.
 *  (2) records with the same key take effect in the order of the batch: no lot has an older record of a key than a lot before it. */
#pragma once
#include "connectors/sql/pg_table.h"

struct pg_lot {
	size_t *columns; /* ascending indices into the table's */
	size_t n;
	struct buf text; /* of COPY: the columns and, with a key, the record's number behind them */
	size_t *rows;    /* of each line: number of its record in the batch, from 0 */
	size_t count, cap;
};
struct pg_shape {        /* records with the same fields in the same order */
	struct buf keys; /* raw, one behind the other */
	size_t *columns; /* of each field */
	size_t n;
	size_t lot; /* the last one that fits */
	bool has_lot;
};
struct pg_seat { /* of a key: the lot that has its last record */
	uint64_t hash;
	size_t lot; /* from 1; 0: a free place */
};
struct pg_lots {
	struct pg_lot *v;
	size_t n, cap;
	struct pg_shape *shapes;
	size_t shape_count;
	struct pg_seat *seats;
	size_t seat_count, seat_cap;
	struct slice *keys, *values,
		*fields; /* scratch: one record's members; its value for each column */
	size_t member_cap, field_cap;
};
/* Appends all records. err.row, err.whole: that one is at fault. */
MUST int pg_lots_fill(struct pg_lots *, struct pg_table *, struct db *, struct rec *const *recs,
		      size_t n, struct err *) SUSPENDS;
void pg_lots_clear(struct pg_lots *);
