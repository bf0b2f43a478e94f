/* again.h - what a run does when an earlier one has finished: nothing, go on behind it, or start over */
#pragma once
#include "engine/run/running.h"

/* The last run is finished (or limited), the run's sinks are open and not resumed. Sets run->nothing_new, or run->continues
 * and the ledger's splits as they stood then, counts at zero; with neither it is a new run. run->notice says why. Nothing is
 * admitted, no sink is changed. -1: it cannot be told. */
int again_decide(struct run *, const struct state_run *last, struct err *) SUSPENDS;
