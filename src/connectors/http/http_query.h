/* http_query.h - one parameter of a URL's query, set and read
 *
 * What must hold: every other byte of the URL stays as it was; a value is percent-encoded, so that it cannot become another
 *   parameter; names are compared decoded ("page%5Bnumber%5D" is page[number]). */
#pragma once
#include "base/buf.h"

/* The first pair of that name gets the value, others of it go; there is none: it is added. Before the fragment. */
MUST int query_set(struct slice url, struct slice name, struct slice value, struct buf *out);
/* The first value of that name, decoded, '+' as a blank. 1 (appended to out), 0: there is none, or buf_add's errors. */
MUST int query_get(struct slice url, struct slice name, struct buf *out);
