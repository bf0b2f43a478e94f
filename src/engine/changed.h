/* changed.h - which places of a pipeline were changed since a run */
#pragma once
#include "engine/plan.h"

/* The places with their hashes, as text: a line "from jsonl 0123456789abcdef" each. For state_start.parts. */
MUST int changed_put_parts(const struct plan *, struct buf *out);
/* Were the sources these? What records there are, and what they are called, hangs on them. */
bool changed_keeps_sources(const struct plan *, struct slice parts);
/* "step 'http', to 'sqlite'": what differs from the parts of then. "something" when those say too little. */
MUST int changed_put(const struct plan *, struct slice parts, struct buf *out);
