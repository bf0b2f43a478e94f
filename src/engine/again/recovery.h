/* recovery.h - the batch that a crash left between several sinks */
#pragma once
#include "engine/run/running.h"

/* Sinks that cannot commit together: more than one, and one of them keeps its own mark. */
bool run_logs_batches(const struct run *);
/* Puts the batch down before the first sink sees it. `first`: linked by next_ready. */
MUST int recovery_put_batch(struct run *, const struct track *first, size_t n,
			    struct err *) SUSPENDS;
/* At the opening of a resumed run: reads the batch that was on its way. */
MUST int recovery_read_batch(struct run *, struct err *) SUSPENDS;
/* A letter of a record above the mark: true if it is of that batch, and stays. */
bool recovery_owns_letter(struct run *, const char *split, uint64_t ordinal, struct slice path,
			  const char *label);
/* The rows of a batch that goes on, of which there are letters of this sink already: dead, from here on. */
void recovery_refuse(struct sink *, struct track *first);
/* Gives the batch to the sinks that do not have it, moves the mark past it. */
MUST int recovery_commit(struct run *, struct err *) SUSPENDS;
