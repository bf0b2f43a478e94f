/* classes.h - what each place of a plan promises: the classes of GUARANTEES.md, in letters and in words
 *
 * What this room is for: `check`, `graph` and `guarantee: exactly_once` say the same about the same facts. */
#pragma once
#include "engine/plan.h"

struct promise {
	char letter; /* R J V of a source; T I A of what changes something outside; 0: it only reads */
	const char *name;  /* "replayable" */
	const char *words; /* "goes on where it stopped" */
	const char *cure;  /* what makes it exact, said to who writes the file; NULL: it is */
};
/* NULL: nothing outside has to do with it (map, where). */
const struct promise *promise_of(const struct place *);
/* "R  replayable: goes on where it stopped"; "reads: it may ask again". */
MUST int promise_put(const struct promise *, struct buf *out);
/* The whole way: what the places promise together, in one line. */
MUST int promise_put_whole(const struct plan *, struct buf *out);
