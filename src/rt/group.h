/* group.h - what fiber.c tells groups */
#pragma once
#include <hocket/group.h>

/* Called on the ended task's stack, last of all. */
void group_task_ended(struct hk_group *, const struct hk_task *, int result);
