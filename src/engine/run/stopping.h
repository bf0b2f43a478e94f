/* stopping.h - a run that ends before its input does: what the engine's other files ask about it */
#pragma once
#include "engine/run/running.h"

/* Its input has ended, or the time that it was given: what is in doubt then is dead. */
bool run_ends_as_meant(const struct run *);
/* May the source go on? No after a stop, and once `limit` records of this part of the run were admitted. */
bool run_reads_on(struct run *);
bool run_end_is_worse(enum run_end, enum run_end than);
/* After a record died: are they too many (max_failures)? Then the run stops. */
void run_note_dead(struct run *, const char *label, const struct err *why);
/* The run is stopping, and this item, which holds no attempt, is left to the next one. */
bool run_leaves(const struct run *, const struct item *);
/* Of these sources, what was read is finished when the run stops: they cannot give it again, or never end. */
bool run_finishes_all(const struct plan *);
/* There can be no next run that goes on with this one. */
bool run_is_volatile(const struct run *);
