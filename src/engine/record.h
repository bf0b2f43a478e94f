/* record.h - one item: immutable JSON text plus named blobs, shared by count within a loop
 *
 * What this room is for: what flows. A record never changes; a step that "changes" one makes the next version, and both
 *   live while somebody holds them, so a dead letter can show the record as admitted and as it reached the step.
 * What must hold: (1) the text is checked, compact enough to stand on one line, and an object once admitted.
 *   (2) blobs are named in the text by {"$blob": name, "type": ..., "bytes": n}; every version shares them.
 *   (3) the bytes are counted by the engine, never by connectors.
 *   (4) its bytes may lie in a file (spill.h): whoever has a record sees no difference; who holds a slice of its text
 *   while it rests in a queue or behind the head of the order does not exist. */
#pragma once
#include "base/buf.h"

struct blob { /* bytes outside the JSON: a PDF, an image */
	unsigned refs;
	struct slice bytes;  /* in one of these: */
	struct buf taken;    /* memory */
	struct pages *pages; /* a file */
};

struct rec;

struct rec *rec_new(struct slice json); /* copies; the caller owns one reference */
struct rec *rec_take(struct buf *json); /* takes the buffer, which becomes empty */
struct rec *rec_ref(struct rec *);
void rec_unref(struct rec *); /* accepts NULL */
void rec_unrefp(struct rec **);
struct slice rec_json(const struct rec *); /* borrows; stable for the life of the record */
size_t rec_bytes(const struct rec *);      /* memory it holds, blobs included */
size_t rec_away(const struct rec *);       /* bytes of it that lie in a file */

/* A next version with the same blobs. */
struct rec *rec_next(const struct rec *of, struct buf *json_taken);
/* The same with these as well, as rec_put_blobs gave them. NULL: they make no sense. */
struct rec *rec_with_blobs(const struct rec *of, struct slice blobs);
/* Several records in one: their texts, in which the i-th's blobs are named "i.NAME", and the record that has all these blobs. Those
 * that `base` (may be NULL) has under the same name are one with them. Members may be NULL: they have no text and no blobs. */
MUST int rec_put_member(const struct rec *base, const struct rec *member, size_t i,
			struct buf *out);
struct rec *rec_gather(const struct rec *base, struct rec *const *members, size_t n,
		       struct buf *json_taken);
/* The text of all of them, without a base: [a,b]. */
MUST int rec_put_list(struct rec *const *members, size_t n, struct buf *out);
/* Adds a blob and appends its {"$blob": ...} reference to ref. Only on a record nobody else holds yet. */
MUST int rec_add_blob(struct rec *, struct slice name, struct slice type, struct buf *bytes_taken,
		      struct buf *ref);
/* All its blobs as bytes, for the state; nothing when there are none. */
MUST int rec_put_blobs(const struct rec *, struct buf *out);
/* A record as it was put down: its text, and what rec_put_blobs gave. NULL: those bytes make no sense. */
struct rec *rec_restore(struct slice json, struct slice blobs);
/* ---- bytes that move to a file (spill.c) ---- */
/* Mapped pages of a file, in which the bytes of many records lie; unmapped with the last of them. */
struct pages;
struct shelf { /* how much is mapped */
	size_t files;
	uint64_t bytes;
};
/* Takes the mapping and counts it on the shelf (borrows) while it lives; the caller owns one reference. */
struct pages *pages_new(void *at, size_t n, struct shelf *);
void pages_unref(struct pages *); /* accepts NULL */
/* What a record consists of: part 0 is its text, then its blobs. Empty: it lies in a file already. */
size_t rec_part_count(const struct rec *);
struct slice rec_part(const struct rec *, size_t i);
/* The same record, those of its parts that are not empty lying in `pages` from `at` on, one behind the other. */
struct rec *rec_moved(const struct rec *of, struct pages *, size_t at);

/* Its i-th blob, 0 ...: NULL: there are no more. What a name stands for is the last of that name. */
const struct blob *rec_blob_at(const struct rec *, size_t i, const char **ret_name);
/* The bytes behind a value found in the record's text; NULL: the value is not a reference to a blob of this record. */
const struct blob *rec_blob(const struct rec *, struct slice value);
