/* overflow.h - a stack overflow that names its task
 *
 * Life cycle: open on the loop's thread, close on the same. Opens also the alternate stack on which every handler of the
 *   runtime runs: a task's own may be full. */
#pragma once
#include "base/lang.h"
#include <signal.h>

struct overflow {
	char *stack; /* owns; NULL: the thread had an alternate stack already */
	bool held;
};

void overflow_open(struct overflow *);
void overflow_close(struct overflow *);
/* In a handler of a fatal signal, with all that it is given: which task runs and by which calls, if it is its own fault. */
void overflow_say(int number, const siginfo_t *, const void *context);
