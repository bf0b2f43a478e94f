/* shape.h - what type a field has, seen over all records
 *
 * What this room is for: JSON lines say what each value is, Parquet wants to know what all of them are. A shape is told every value
 *   and then names the narrowest type of DuckDB that holds them all and changes none:
 *     true, false          BOOLEAN          text                      VARCHAR
 *     whole, 64 bits       BIGINT           whole, up to 2^64-1       UBIGINT
 *     with a fraction      DOUBLE           larger, or both of those  VARCHAR, the digits as written
 *     list                 T[]              object                    STRUCT
 *     anything mixed       JSON: the text as written; also objects of very many keys, and what is deeper than 32
 * What must hold: the order in which values are told does not matter, but for the order of an object's keys. */
#pragma once
#include "base/buf.h"

struct shape;
struct shape *shape_new(void);
void shape_free(struct shape *); /* accepts NULL */
void shape_freep(struct shape **);
void shape_add(struct shape *, struct slice value); /* checked JSON */
/* The fields of an object that was told, in the order of their first coming. */
size_t shape_count(const struct shape *);
struct slice shape_name(const struct shape *, size_t i);
const struct shape *shape_field(const struct shape *, size_t i);
size_t shape_find(struct shape *, struct slice name,
		  size_t guess); /* shape_count(): there is none */

enum shape_kind {
	SHAPE_PLAIN,  /* a type of SQL: the cell is the value's text */
	SHAPE_NESTED, /* lists and objects: the cell is JSON, and the type is json_transform's */
	SHAPE_JSON,   /* the cell is JSON, and stays that */
};
MUST int shape_put_type(const struct shape *, enum shape_kind *ret, struct buf *out);
