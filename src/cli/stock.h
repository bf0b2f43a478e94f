/* stock.h - what lies in the buckets of a test, before and after it */
#pragma once
#include "base/err.h"
#include "engine/cases.h"

struct object_store;
/* Each value: a text, the object's own; {$body: ..., $type: image/png}; anything else as JSON. 0, or -1 with *err. */
MUST int stock_fill(struct object_store *, const struct case_list *objects, struct err *) SUSPENDS;
/* Appends what lies under this URL, in the form of what is wanted there: a text, JSON, {$type, $bytes, $body}, or null for nothing.
 * 0, or -1 with *err. */
MUST int stock_put_found(struct object_store *, const struct case_named *wanted, struct buf *out,
			 struct err *) SUSPENDS;
