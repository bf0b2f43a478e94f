/* handler.h - signal actions that all loops of the process share
 *
 * What this room is for: some signals serve every loop at once (a fault, a question from the keyboard). The first loop that
 *   opens installs the action, the last one that closes restores what was there.
 * What must hold: an action of the program's own is never replaced, and one that it installed meanwhile is left alone. */
#pragma once
#include "base/lang.h"
#include <signal.h>

struct handler {
	int number;
	void (*fn)(int, siginfo_t *, void *context);
	unsigned loops;
	bool ours;
	struct sigaction former;
};

/* true: the action is ours now. The handler runs on the alternate stack and restarts system calls. */
bool handler_hold(struct handler *);
void handler_release(struct handler *);
