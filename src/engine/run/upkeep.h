/* upkeep.h - what a run that does not end sees to now and then, and others when they begin or end */
#pragma once
#include "engine/run/running.h"

/* Behind a commit: what has expired in the state goes. 0, or -1 with *err. */
int upkeep_drop_expired(struct run *, struct err *) SUSPENDS;
/* The copy of the dead letters is made, if others are dead since. now: also if it was made lately. */
void upkeep_copy_dead(struct run *, bool now) SUSPENDS;
