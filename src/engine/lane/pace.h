/* pace.h - what a server takes, learned from its refusals
 *
 * What this room is for: after a 429 the requests that waited must not come back together.
 * What flows through:    answers (pace_served), refusals (pace_refused), starts; the earliest next start out.
 * What must hold: (1) after a refusal, starts are spaced by what the server served since the one before. (2) each quiet second takes
 *   a quarter off the interval; after 20 quiet seconds there is none. */
#pragma once
#include <hocket/types.h>

struct pace {
	int64_t interval_ns; /* 0: unknown, nothing is spaced */
	int64_t started_ns;  /* the last start, while there is an interval */
	int64_t counted_from_ns, eased_ns;
	uint64_t served;
};
static inline void pace_served(struct pace *p)
{
	p->served++;
}
void pace_refused(struct pace *, int64_t now, int64_t until); /* nobody starts before until */
void pace_ease(struct pace *, int64_t now);                   /* time has passed */
