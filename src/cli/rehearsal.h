/* rehearsal.h - a plan that changes nothing: for `hocket try`
 *
 * What must hold: (1) no sink of it is opened, no state is kept, nothing is copied to `dead:`. (2) a call that is held back is made up to
 *   its request, which can be shown; nothing is sent. (3) the plan that it was made of is not changed, and outlives it. */
#pragma once
#include "engine/plan.h"

enum calls { CALLS_NONE, CALLS_READS, CALLS_ALL };
struct chooser {
	struct jq *where;   /* borrows; NULL: all */
	uint64_t from_line; /* 0: from the first */
	uint64_t wanted, chosen;
	void (*refused)(void *arg); /* the record that was read last is none that is meant */
	void *arg;
};
struct rehearsal {
	struct plan plan; /* for the run; its steps begin with the chooser, when there is one */
	const struct plan *of;
	size_t first; /* the number of steps before those of the file: 1 or 0 */
	bool *held;   /* by step */
	struct port *ports;
	struct retry_options once; /* all zero: no more attempts */
	struct jq *nothing;
	struct chooser *chooser;
	char name[96];
};
/* The chooser is borrowed: NULL, all that is read is meant. In a task, because it compiles a program. */
void rehearsal_init(struct rehearsal *, const struct plan *, enum calls, struct chooser *);
void rehearsal_done(struct rehearsal *);
/* Work on this machine that changes nothing, python or pdf: it is done whatever calls are made. */
bool rehearsal_stays_here(const struct place *);
/* Does the record need the answer that a call held back does not have? Then its way ends there. */
bool rehearsal_ends_at(const struct rehearsal *, size_t step);
