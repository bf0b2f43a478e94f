/* db_place.h - the place of a mistake, under the line of the statement it stands in */
#pragma once
#include "base/buf.h"

/* "\n  line 2: SELECT x FROM\n                 ^" for the byte at `at`; a long line is cut around it. */
MUST int db_put_place(struct slice text, size_t at, struct buf *out);
/* The byte at which the character with this number, from 0, begins. */
size_t db_byte_of(struct slice text, size_t character);
