/* db_array.h - PostgreSQL's array texts: {1,2,NULL,"a \"quoted\" b",{3}}
 *
 * What this room is for: both directions between them and JSON arrays.
 * What must hold: (1) depth is bounded: 6 in PostgreSQL, and here. (2) reading stays in bounds on any bytes; what is no array text is refused with
 *   -EBADMSG and nothing is added. (3) what is written reads back as the same values. */
#pragma once
#include "base/buf.h"

#define DB_ARRAY_DEPTH 6 /* PostgreSQL's MAXDIM */

/* One element that is not NULL, unescaped, as a JSON value appended to out. */
typedef int db_array_put(struct slice element, void *arg, struct buf *out);
/* delimiter: ',' but for box. The bounds that stand before some arrays ("[0:1]={...}") are dropped. */
MUST int db_array_read(struct slice text, char delimiter, db_array_put *, void *arg,
		       struct buf *out);
/* `array` is checked JSON, an array. Strings are their text, null is NULL, numbers and booleans as written, objects their JSON text; arrays within
 * are further dimensions, or, with json set (json[]), elements like the others, and strings stay JSON then. -EINVAL: a NUL character. */
MUST int db_array_write(struct slice array, bool json, struct buf *out);
