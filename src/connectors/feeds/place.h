/* place.h - one feed in one round: where it stands, what it answers, what of that is new
 *
 * Life cycle: place_open (a kept answer goes on there), then place_take or place_unchanged with what it answered, or place_failed; place_end
 *   says where the next round begins.
 * What must hold:
 *  (1) entries are durable before they are admitted (intake_keep), a page of an answer at a time; a resumed run finds them there and asks
 *      nobody for them. (2) memory does not grow with the answer: about PAGE_BYTES of entries, and a piece of the feed. (3) names of pages are
 *      numbers that only grow, in all runs: a position says which one it stands in. */
#pragma once
#include "connectors/feeds/ask.h"
#include "connectors/feeds/known.h"
#include "connectors/feeds/unchanged.h"

struct place_options {
	uint64_t max_entries;
	bool updates;
	size_t most; /* bytes of an entry */
	/* Borrow. So far by this run(); by the part before it, as far as its pages tell. */
	struct unchanged *now, *before;
};
struct feed_place {
	const struct listed *feed;
	const struct place_options *o;
	struct split *split;
	struct known known;
	bool asked; /* an earlier part of this run did, and its answer was gone on with, or was that nothing had changed */
	bool moved_now, recovered;
	uint64_t line, entries, taken, left_out, twins;
	struct err *fault; /* owns; NULL: it answered, and is a feed */
};
void place_done(struct feed_place *);

MUST int place_open(struct feed_place *, struct intake *, struct err *) SUSPENDS;
/* An answer, whole or broken off by a mistake: then fault is set. -1: the run cannot go on. */
MUST int place_take(struct feed_place *, struct intake *, const struct reply *,
		    struct err *) SUSPENDS;
void place_unchanged(struct feed_place *); /* 304 */
/* All places are open: did this one answer so, when an earlier part asked? */
void place_recall(struct feed_place *, struct intake *);
void place_failed(struct feed_place *, const struct err *);
/* The dead letter of a feed that did not fail before. */
MUST int place_end(struct feed_place *, struct intake *, struct err *) SUSPENDS;
