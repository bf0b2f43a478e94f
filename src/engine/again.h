/* again.h - is there anything new since the run that finished last? */
#pragma once
#include "engine/running.h"

/* Looks whether a finite, replayable input still ends where that run's mark stands: nothing is admitted, no sink is opened.
 * *ret stays false when there is more, when it is another file, or when it cannot be told. -1: the input cannot be opened. */
int again_nothing_new(struct run *, struct slice mark, bool *ret, struct err *) SUSPENDS;
