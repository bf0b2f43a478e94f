/* dump.h - the tree of tasks as text, for what the runtime reports by itself */
#pragma once
#include "base/lang.h"
#include <hocket/dump.h>

struct hk_loop;

/* As hk_dump, on the loop's own stack. */
int dump_loop(struct hk_loop *, int fd, int what);
/* Every task waits and nothing can wake one: says who waits for what, with stacks, and aborts. */
NORETURN void report_deadlock(struct hk_loop *);
