/* record.h - one item: immutable JSON text plus named blobs, shared by count within a loop
 *
 * What this room is for: what flows. A record never changes; a step that "changes" one makes the next version, and both
 *   live while somebody holds them, so a dead letter can show the record as admitted and as it reached the step.
 * What must hold: (1) the text is checked, compact enough to stand on one line, and an object once admitted.
 *   (2) blobs are named in the text by {"$blob": name, "type": ..., "bytes": n}; every version shares them.
 *   (3) the bytes are counted by the engine, never by connectors. */
#pragma once
#include "base/buf.h"

struct blob { /* bytes outside the JSON: a PDF, an image */
	unsigned refs;
	struct buf bytes;
};

struct rec;

struct rec *rec_new(struct slice json); /* copies; the caller owns one reference */
struct rec *rec_take(struct buf *json); /* takes the buffer, which becomes empty */
struct rec *rec_ref(struct rec *);
void rec_unref(struct rec *); /* accepts NULL */
void rec_unrefp(struct rec **);
struct slice rec_json(const struct rec *); /* borrows; stable for the life of the record */
size_t rec_bytes(const struct rec *);      /* memory it holds, blobs included */

/* A next version with the same blobs. */
struct rec *rec_next(const struct rec *of, struct buf *json_taken);
/* Adds a blob and appends its {"$blob": ...} reference to ref. Only on a record nobody else holds yet. */
MUST int rec_add_blob(struct rec *, struct slice name, struct slice type, struct buf *bytes_taken,
		      struct buf *ref);
/* All its blobs as bytes, for the state; nothing when there are none. */
MUST int rec_put_blobs(const struct rec *, struct buf *out);
/* A record as it was put down: its text, and what rec_put_blobs gave. NULL: those bytes make no sense. */
struct rec *rec_restore(struct slice json, struct slice blobs);
/* The bytes behind a value found in the record's text; NULL: the value is not a reference to a blob of this record. */
const struct blob *rec_blob(const struct rec *, struct slice value);
