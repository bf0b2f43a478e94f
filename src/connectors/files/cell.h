/* cell.h - the text of a CSV cell as a JSON value of a given type
 *
 * What must hold: digits stay as written (leading zeros and a sign + aside, which JSON does not know). */
#pragma once
#include "base/buf.h"

enum cell_type {
	CELL_STRING,
	CELL_INT,
	CELL_FLOAT,
	CELL_BOOL,
	CELL_JSON,
	CELL_DATE,      /* 2026-02-28, a string */
	CELL_TIMESTAMP, /* 2026-02-28T12:30:05.25+01:00 and shorter, a string */
	CELL_INFER
};
extern const char *const cell_types[]; /* the words that may stand in a file: not CELL_INFER */

/* Appends the value; `point` is '.', or the decimal comma. An empty cell is "" for a string and null for every other type. 0;
 * -EBADMSG: not such a value, and nothing is added; buf_add's errors. */
MUST int cell_put(enum cell_type, struct slice text, char point, struct buf *out);
