/* letters.h - dead letters into the state: whole; listing.h reads them back
 *
 * What must hold: (1) a letter is durable before the mark passes its record. (2) a letter that was replayed stays, with the run that
 *   replayed it: it is nobody's any more, and the accounts of both runs stand. */
#pragma once
#include "engine/state/state.h"

struct state_letter { /* all borrowed */
	const char *split, *step, *class, *message;
	uint64_t ordinal, line;
	struct slice path; /* of children, as item_put_path; empty: the record itself */
	struct slice id;   /* $meta.id */
	struct slice record, at_step, attempts;
	struct slice blobs; /* of at_step, as rec_put_blobs */
	uint64_t hash;      /* of the pipeline that it failed in */
	int64_t wall_ns;
};
/* Dead letters before the sinks commit; upserts, so that a replay after a crash writes the same rows. */
MUST int state_put_letters(struct state *, const char *run_id, const struct state_letter *,
			   size_t n, struct err *) SUSPENDS;
/* Drops the run's letters that keep() does not want: those above the marks, whose records come again. keep() runs on another
 * thread while the caller is parked. */
typedef bool state_keep(void *arg, const char *split, uint64_t ordinal, struct slice path,
			const char *step);
MUST int state_sift_letters(struct state *, const char *run_id, state_keep *keep, void *arg,
			    struct err *) SUSPENDS;
struct state_dead_kind {
	char step[64], class[48], example[200];
	uint64_t n;
};
struct state_dead {                    /* of one run */
	struct state_dead_kind *kinds; /* the caller's, of so many */
	size_t cap, count;
	/* That no kind has: a replay has got them through since, or they were dropped */
	uint64_t gone;
};
/* What the run's dead letters died of, most frequent first; what a replay has sent again and could not get through, of what it died
 * then. */
MUST int state_dead_kinds(struct state *, const char *run_id, struct state_dead *,
			  struct err *) SUSPENDS;
