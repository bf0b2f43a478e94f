/* rewind.h - the next run does records again that are done */
#pragma once
#include "engine/plan.h"
#include "engine/state/state.h"

struct rewind {
	uint64_t to;        /* so many records of the source stay done */
	const char *source; /* its split, as `state show` names it; NULL: the only one */
};
struct rewound {
	char id[40], of[40]; /* the new run, and the one whose place it takes */
	struct buf source;   /* owns: the split */
	uint64_t was;        /* so many were done */
};
void rewound_done(struct rewound *);
/* Begins a run, by the plan as it is now, that stands where the newest one does but for one source. Its outputs go on as they are.
 * -1 with FAULT_CONFIG: there is no such run or source, or nothing to do again. */
MUST int rewind_run(struct state *, const struct plan *, const struct rewind *, struct rewound *ret,
		    struct err *) SUSPENDS;
