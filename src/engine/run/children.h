/* children.h - what a record was expanded into, as bytes for the state (NOTE_CHILDREN) */
#pragma once
#include "engine/record.h"

/* Texts and blobs of all children, in their order. */
MUST int children_put(struct rec *const *children, size_t n, struct buf *out);
/* Back: an array of *ret_n records, malloc'ed, both the caller's; NULL: those bytes make no sense. */
struct rec **children_restore(struct slice bytes, size_t *ret_n);
void children_free(struct rec **, size_t n); /* accepts NULL */
