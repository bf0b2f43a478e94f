/* notes.h - what is known of records on their way: intents, answers that were paid for, stored children
 *
 * What this room is for: I7 and "the order of commits" (1). A note belongs to one record (or child) at one step of one run, and
 *   is tidied away once the run's mark has passed its record. A run that goes on behind another takes its notes over.
 * What must hold: (1) a note is durable when state_put_notes returns. (2) after a crash every note above the mark is found again
 *   under the same (split, ordinal, path, step). */
#pragma once
#include "engine/state/state.h"

enum note_kind {
	NOTE_INTENT, /* a call that must not be made twice is about to begin */
	NOTE_ANSWER, /* what it answered: about and value as in answers.h */
	NOTE_CHILDREN, /* what the record was expanded into: value as children_put (engine/run/children.h) */
};
struct state_note { /* borrowed */
	const char *split, *step;
	uint64_t ordinal;
	struct slice path; /* as item_put_path */
	enum note_kind kind;
	struct slice about, value;
};
/* Remembered answers and notes in one commit: what waited together is written together. */
struct state_answer;
MUST int state_put_notes(struct state *, const char *run_id, const struct state_note *, size_t n,
			 const struct state_answer *, size_t answer_count, struct err *) SUSPENDS;
/* *found false: there is none. */
MUST int state_get_note(struct state *, const char *run_id, const struct state_note *key,
			struct buf *about, struct buf *value, bool *found, struct err *) SUSPENDS;
/* Those that any note of the run speaks of: at the start of a resumed run. fn runs on another thread while the caller is parked. */
typedef void state_noted(void *arg, const char *split, uint64_t ordinal);
MUST int state_each_noted(struct state *, const char *run_id, state_noted *fn, void *arg,
			  struct err *) SUSPENDS;
/* How many these are. */
MUST int state_count_noted(struct state *, const char *run_id, uint64_t *ret,
			   struct err *) SUSPENDS;
