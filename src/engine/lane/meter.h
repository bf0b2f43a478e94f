/* meter.h - one `rate: N/T burst B` as a clock: when may the next start be?
 *
 * What this room is for: the promise that there are never more than N starts in any window of T, wherever the window begins.
 * What flows through:    times of starts in, the earliest time of the next one out. No fiber, no clock of its own.
 * What must hold: (1) the n-th start is at least T after the (n - N)-th. (2) without a burst two starts lie T/N apart; with one, B
 *   may come at once after a quiet time, and T/N apart again after that. (3) memory is bounded, whatever N is. */
#pragma once
#include "base/units.h"

struct meter {
	struct rate rate;
	int64_t interval_ns; /* T/N, rounded up: rounding down would let one more in */
	int64_t whole_ns;    /* when the burst is whole again, if nobody starts */
	int64_t *last;       /* with a burst: the last start of each group, a ring */
	uint64_t group, groups, started;
};
void meter_init(struct meter *, const struct rate *);
/* As if N had started at that time: an earlier process did, and nobody knows how many. Before the first start. */
void meter_fill(struct meter *, int64_t at);
void meter_done(struct meter *);
int64_t meter_next_ns(const struct meter *); /* no start is allowed before it */
void meter_start(struct meter *, int64_t now);
bool meter_idle(const struct meter *,
		int64_t now); /* as good as new: what it knows changes nothing */
