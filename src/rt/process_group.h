/* process_group.h - does anything of a child's process group still run?
 *
 * What must hold: the child itself has been reaped; until it is, its number counts as a member. */
#pragma once
#include "base/lang.h"
#include <sys/types.h>

/* Cheap: false is certain; true may only mean dead ones that their new parent has not reaped yet. Reaps those that are ours. */
MUST bool process_group_exists(pid_t group);
/* Certain, but blocks for as long as it takes to read the list of all processes: for a pool's thread. */
MUST bool process_group_runs(pid_t group);
