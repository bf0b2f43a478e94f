/* edited.h - a run without an end, whose pipeline was edited while it stood still */
#pragma once
#include "engine/run/running.h"

/* A run that is read again for ever is never finished, so "finish it first" is no advice. May it go on with the pipeline as it is now?
 * 1: run->notice says so; 0: no, *why says what would help; -1. */
int edited_goes_on(struct run *, const struct state_run *last, const char **why,
		   struct err *) SUSPENDS;
/* In the state it is that pipeline's run from now on. */
MUST int edited_note(struct run *, struct err *) SUSPENDS;
