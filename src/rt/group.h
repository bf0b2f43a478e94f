/* group.h - what fiber.c tells groups, and groups that belong to no block */
#pragma once
#include "base/lang.h"
#include <hocket/group.h>

struct hk_loop;

/* Called on the ended task's stack, last of all. */
void group_task_ended(struct hk_group *, const struct hk_task *, int result);

/* A group beneath the loop instead of in the caller's block, for what outlives the call that made it (a pool's workers);
 * no cancellation reaches it from outside. Trio: the system nursery. Opened and closed by any task, in any order; its tasks must
 * not fail. Main must not return before it is closed. */
void group_open_aside(struct hk_group *, const char *name);
void group_close_aside(struct hk_group *) SUSPENDS;  /* waits for its tasks, also while cancelled */
void group_check_none_aside(const struct hk_loop *); /* misuse when there is one: main returns */
