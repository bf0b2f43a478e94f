/* entry.h - one entry of a feed, whatever the feed was written in
 *
 * Life cycle: one struct an answer, all zero but for `most`; entry_clear before each entry, entry_identify behind it; entry_done.
 * What must hold: (1) the record has all of its fields, always: null or [] where the feed says nothing. (2) an entry is no larger than
 *   `most`; a larger one is known as such, and keeps its names. (3) who it is depends on its guid, else on its link, else on title, date and
 *   content, and on nothing else: the same on every day. */
#pragma once
#include "base/buf.h"

struct feed_about {       /* the feed that it is from */
	struct slice url; /* as the list has it */
	struct buf title, link, author;
};
void feed_about_done(struct feed_about *);
/* Each record has them: a title is cut, a link of more than 2 KB is none. */
void feed_about_limit(struct feed_about *);

struct entry {
	struct buf guid, link, title, summary, content, author;
	struct buf published, updated;     /* RFC 3339 in UTC, or empty */
	struct buf categories, enclosures; /* JSON values with commas between them */
	size_t most;                       /* bytes; 0: a buffer's own ceiling */
	bool too_large;
};
void entry_clear(struct entry *);
void entry_done(struct entry *);
void entry_set(struct entry *, struct buf *field, struct slice value); /* instead of what it has */
void entry_set_date(struct entry *, struct buf *field, struct slice text); /* nothing: it is none */
void entry_add_author(struct entry *, struct buf *field, struct slice name); /* with a comma */
void entry_add_category(struct entry *, struct slice name);
/* type empty: not known; bytes: digits, or anything else when it is not known. */
void entry_add_enclosure(struct entry *, struct slice url, struct slice type, struct slice bytes);

/* All fields are there: are they too large, all together? Fills in the guid, when the feed gave none. 0, -ENOMEM. */
MUST int entry_identify(struct entry *);
/* The same number: the same entry; with `content`: and it says the same. 0, -ENOMEM. */
MUST int entry_digest(const struct entry *, bool content, uint64_t *ret);
/* Appends the record. Of one that is too large: guid, link, title and feed alone. */
MUST int entry_put_json(const struct entry *, const struct feed_about *, struct buf *out);
