/* journal.h - what visits have to put down before they go on: intents, answers, children
 *
 * What this room is for: notes (state/notes.h) cost a commit each; here many visits share one. The first that comes writes; who
 *   comes while it writes waits and goes along with the next one. No task of its own.
 * Life cycle: journal_open when the run's state is open; journal_done when it is closed.
 * What must hold:
 *  (1) what was put is durable when the call returns 0. (2) a cancelled caller waits all the same: what it puts lies on its stack, and
 *      an answer that was paid for is put down also when everything stops. (3) for records that no earlier part of the run has noted
 *      anything about, looking costs nothing. */
#pragma once
#include "engine/run/ledger.h"
#include "engine/state/answers.h"
#include "engine/state/notes.h"
#include <hocket/sync.h>

struct journal_entry;
struct journal {
	struct state *state;                /* borrows */
	const char *run_id;                 /* borrows */
	struct journal_entry *first, *last; /* wait to be written */
	size_t waiting, last_count;         /* so many; so many were in the last commit */
	int64_t last_ns;                    /* how long that took */
	bool writing;
	struct hk_event next; /* the writer looks again: its group may be complete */
	uint64_t *noted;      /* sorted: records that earlier parts of the run have noted */
	size_t noted_count, noted_cap;
	uint64_t commits, entries;
};

/* `earlier`: the run that may have noted records already: this one, when it is resumed, or the one that it goes on behind; NULL:
 * there is none. */
MUST int journal_open(struct journal *, struct state *, const char *run_id, const char *earlier,
		      struct err *) SUSPENDS;
void journal_done(struct journal *);

/* Who notes what: a record (or child) at a step. */
struct journal_place {
	const struct item *item;
	const char *step;
};
/* One note, or one answer to be remembered, or both, in one commit with those of others. */
MUST int journal_put(struct journal *, const struct journal_place *, enum note_kind,
		     struct slice about, struct slice value, const struct state_answer *,
		     struct err *) SUSPENDS;
/* Has an earlier part of the run noted anything about this record? */
bool journal_knows(const struct journal *, const struct item *);
/* 1: found, 0: not, -1 */
MUST int journal_get(struct journal *, const struct journal_place *, enum note_kind,
		     struct buf *about, struct buf *value, struct err *) SUSPENDS;
