/* pace.c - the learned distance between two starts
 *
 * What this room is for: a server that refused has shown what it takes: what it served since the last time, in that time.
 * What flows through:    counts and times.
 * What must hold:        a refusal soon after another teaches nothing, too little was served to count by; one before anything
 *   was served says that the interval is too short: it is doubled. */
#include "engine/lane/pace.h"

#define QUIET_NS      (20 * HK_SEC)
#define MIN_WINDOW_NS (50 * HK_MS)
#define MOST_NS       (10 * HK_SEC)

void pace_refused(struct pace *p, int64_t now, int64_t until)
{
	int64_t window = until - p->counted_from_ns;
	if (p->served == 0 && p->interval_ns > 0)
		p->interval_ns = p->interval_ns < MOST_NS / 2 ? p->interval_ns * 2 : MOST_NS;
	else if (p->served > 0 && window > MIN_WINDOW_NS)
		p->interval_ns = window / (int64_t)p->served;
	p->served = 0;
	p->started_ns = now;
	p->counted_from_ns = p->eased_ns = until;
}

void pace_ease(struct pace *p, int64_t now)
{
	if (p->interval_ns == 0)
		return;
	if (now - p->counted_from_ns > QUIET_NS)
		p->interval_ns = 0;
	if (now - p->eased_ns >= HK_SEC) {
		p->interval_ns -= p->interval_ns / 4;
		p->eased_ns = now;
	}
}
