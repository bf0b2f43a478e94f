/* pg_value.h - one JSON value into one column of PostgreSQL, without changing it on the way
 *
 * What this room is for: what a column of a table that is made should hold, and what of JSON a column takes as it is.
 * What must hold: a value reads back as it was (jsonb may order an object's keys), or it is refused, here or by the server. */
#pragma once
#include "base/json.h"
#include "engine/record.h"

/* Kinds of values that a column has seen: a set. */
enum {
	PG_SEEN_INTEGER = 1, /* fits a bigint */
	PG_SEEN_REAL = 2,    /* fits a double */
	PG_SEEN_BIG = 4,     /* a number with more digits than either keeps */
	PG_SEEN_BOOLEAN = 8,
	PG_SEEN_TEXT = 16,
	PG_SEEN_JSON = 32,
	PG_SEEN_BYTES = 64,
};
unsigned pg_value_seen(const struct rec *, struct slice value); /* 0: null */
/* "bigint", "double precision", "numeric", "boolean", "text", "jsonb", "bytea". */
const char *pg_type_for(unsigned seen);

/* What matters of a column's type. */
enum pg_class { PG_OTHER, PG_TEXT, PG_INTEGER, PG_FLOAT, PG_NUMERIC, PG_JSON, PG_ARRAY, PG_BYTES };
enum pg_class pg_class_of(struct slice typname, struct slice category); /* of pg_type */

/* The field of COPY's text format. 0; -EINVAL: *why the value would be changed or cannot be said; buf's errors. */
MUST int pg_value_put(enum pg_class, const struct rec *, struct slice value, struct buf *out,
		      const char **why);
