/* describe.h - a place of a pipeline in words, for check and graph */
#pragma once
#include "engine/plan.h"

/* "20 at a time, 500 in 1m per host, 4 retries"; nothing for what does not call out. */
MUST int describe_limits(const struct place *, struct buf *out);
/* All that is known of it, a line each: caps and queue, rate, conditions, what it promises. */
MUST int describe_place(const struct place *, struct buf *out);
/* Host or file; of what has none, what it does. A place with a name of its own says its verb before that. */
MUST int describe_door(const struct place *, struct buf *out);
