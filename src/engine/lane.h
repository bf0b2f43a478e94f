/* lane.h - the shared limiter of one origin: pauses (Retry-After, 429), pace, rate
 *
 * What this room is for: a 429 pauses every record that wants the same server, whichever step it is in, and the sleepers
 *   wake one after the other instead of together.
 * What must hold: (1) starts are handed out in the order they were asked for. (2) between two starts lies at least the
 *   interval of the rate. (3) a waiting record holds no slot and no connection. */
#pragma once
#include "base/units.h"
#include <hocket/types.h>

struct lane;
struct lanes; /* all of a run, by origin */

struct lanes *lanes_new(void);
void lanes_free(struct lanes *);
struct lane *lanes_get(struct lanes *,
		       struct slice origin); /* made when missing; lives as long as the lanes */

void lane_limit(struct lane *, const struct rate *); /* the tighter of what it had and this */
int lane_wait(struct lane *) SUSPENDS;               /* for a start: 0, -ECANCELED */
/* Whoever had its turn and then waited for something else asks again: may it start at this moment? Else it takes a new turn. */
bool lane_may_start(const struct lane *);
void lane_started(struct lane *);
bool lane_open(const struct lane *); /* lane_wait would not park now */
/* The server asked for a pause: nobody starts before it is over, and then spaced by what the server took before. */
void lane_pause(struct lane *, int64_t ns);
void lane_served(struct lane *); /* one answer that was not a refusal: for the pace */
