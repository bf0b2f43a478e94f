/* changed.h - which places of a pipeline were changed since a run */
#pragma once
#include "engine/plan.h"

/* The places with their hashes, as text: a line "from jsonl 0123456789abcdef" each. For state_start.parts. */
MUST int changed_put_parts(const struct plan *, struct buf *out);
/* Were the sources these? What records there are, and what they are called, hangs on them. */
bool changed_keeps_sources(const struct plan *, struct slice parts);
/* Were the sinks these? One that calls has no receipt: what it says, and to whom, may be another, as in a step. */
bool changed_keeps_sinks(const struct plan *, struct slice parts);
/* This place was there, by this name, and is what it was. */
bool changed_keeps(const struct place *, struct slice parts);
/* A letter of then names this place: is it another one now? Verbs that are counted (http, http 2) move when one comes, goes or changes
 * places with another; a place with a `name:` does not, nor one that is what it was. */
bool changed_moves(const struct plan *, const struct place *, struct slice parts);
/* "step 'http', to 'sqlite'": what differs from the parts of then. "something" when those say too little. */
MUST int changed_put(const struct plan *, struct slice parts, struct buf *out);
