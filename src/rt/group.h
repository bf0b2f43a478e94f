/* group.h - what fiber.c tells groups */
#pragma once
#include <hocket/group.h>

void group_task_ended(struct hk_group *, int result);
