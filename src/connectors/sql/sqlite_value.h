/* sqlite_value.h - one JSON value into one column, without changing it on the way
 *
 * What this room is for: SQLite converts what it stores to fit the column's affinity (datatype3.html, section 3): text that
 *   looks like a number becomes one, and "00501" or a 20 digit number would not come back as they were.
 * What must hold: a value is stored so that it reads back as it was, or it is refused with the column's name. */
#pragma once
#include "base/json.h"
#include "engine/record.h"
#include <sqlite3.h>

enum affinity { AFFINITY_NONE, AFFINITY_TEXT, AFFINITY_INTEGER, AFFINITY_REAL, AFFINITY_NUMERIC };
enum affinity affinity_of(const char *declared_type);

/* What kinds of values a column has seen: a set, for the type of a column that is to be made. */
enum { KIND_INTEGER = 1, KIND_REAL = 2, KIND_BIG = 4, KIND_TEXT = 8, KIND_BLOB = 16 };
unsigned value_kind(const struct rec *, struct slice value); /* 0: null */
/* "INTEGER", "REAL", "TEXT", "BLOB"; "" when they do not agree. */
const char *type_for_kinds(unsigned kinds);

/* Binds parameter `at`. text: room for decoded strings, reserved by the caller for the whole record, since SQLite borrows
 * what it is given until the statement is reset. 0; -1: the value would be changed: *why says how; -2: out of memory. */
MUST int value_bind(sqlite3_stmt *, int at, enum affinity, const struct rec *, struct slice value,
		    struct buf *text, const char **why);
