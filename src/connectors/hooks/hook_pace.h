/* hook_pace.h - how fast deliveries are done, and so when there may be room for another one
 *
 * What must hold: (1) time in which nothing waits is not measured: it says nothing of how fast work is done. (2) what is told to a sender
 *   is a few seconds when nothing is known, and never more than a minute: a stall ends at a moment that nobody can reckon. */
#pragma once
#include "base/slice.h"

enum { HOOK_PACE_UNKNOWN_S = 5, HOOK_PACE_MAX_S = 60 };

struct hook_pace { /* all zero: nothing is known */
	int64_t since_ns, done_then;
	double per_s;
	bool begun, known;
};
/* At each delivery that comes: so many records wait, so many are done by now, of all that there ever were (it may begin anywhere). */
void hook_pace_look(struct hook_pace *, int64_t now_ns, uint64_t waiting, int64_t done);
/* Until half of what waits is done, in seconds: from 1 to HOOK_PACE_MAX_S. */
int64_t hook_pace_after_s(const struct hook_pace *, uint64_t waiting);
