/* gzip.h - text into members of a gzip file
 *
 * What this room is for: a compressed output that can be cut back: each commit of a sink is a member of its own, so that the file
 *   is a whole gzip file wherever a receipt ends.
 * What must hold: (1) the same text gives the same bytes. (2) a member is open from the first gzip_add to gzip_end; what was added
 *   to one that is dropped leaves no trace in the next. (3) compressing is done on the pool for computations. */
#pragma once
#include "base/buf.h"

struct gzip;
struct gzip *gzip_new(int level); /* 1 to 9; NULL: out of memory */
void gzip_free(struct gzip *);    /* accepts NULL */
void gzip_drop(struct gzip *);    /* the open member, if there is one */
/* Appends to out; not all of the text may show there yet. 0, or a negative errno. */
MUST int gzip_add(struct gzip *, struct slice text, struct buf *out) SUSPENDS;
/* The member ends; if none was open it is an empty one. */
MUST int gzip_end(struct gzip *, struct buf *out) SUSPENDS;
