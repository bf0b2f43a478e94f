/* meter.c - a rate that holds in any window
 *
 * What this room is for: a token bucket alone is not enough: one of depth B that fills at N/T lets B + N through in a T. So two
 *   clocks rule together: the bucket (kept as the one time at which it is full, as in GCRA) spaces the starts and allows the
 *   burst; the ring remembers the last N starts and says when the oldest of them leaves the window.
 * What flows through:    times of starts.
 * What must hold:
 *  (1) without a burst there is no ring: starts that lie T/N apart cannot be more than N in a T.
 *  (2) of very many starts the ring keeps only the last of each group, so that at most GROUPS_MAX times are kept: a start may
 *      then wait for one GROUPS_MAX-th of a window longer than it must, and never for less. */
#include "engine/lane/meter.h"

#include <stdlib.h>

enum { GROUPS_MAX = 8192 };

void meter_init(struct meter *m, const struct rate *rate)
{
	ASSERT(rate->count > 0 && rate->per_ns > 0 && rate->burst <= rate->count);
	*m = (struct meter){ .rate = *rate };
	m->interval_ns = rate->per_ns / rate->count + (rate->per_ns % rate->count != 0);
	if (rate->burst <= 1)
		return;
	uint64_t count = (uint64_t)rate->count;
	m->group = count / GROUPS_MAX + 1;
	m->groups = count / m->group + 2;
	m->last = xcalloc(m->groups, sizeof *m->last);
}

void meter_fill(struct meter *m, int64_t at)
{
	uint64_t count = (uint64_t)m->rate.count;
	ASSERT(m->started == 0);
	m->started = m->last ? count : 1;
	m->whole_ns = at + (int64_t)m->started * m->interval_ns;
	for (uint64_t i = 0; i < m->groups; i++)
		m->last[i] = at;
}

void meter_done(struct meter *m)
{
	free(m->last);
	m->last = NULL;
}

/* When the start that is N before the next one leaves the window; its group's last stands for it. */
static int64_t window_opens_ns(const struct meter *m)
{
	uint64_t count = (uint64_t)m->rate.count;
	if (!m->last || m->started < count)
		return INT64_MIN;
	return m->last[(m->started - count) / m->group % m->groups] + m->rate.per_ns;
}

int64_t meter_next_ns(const struct meter *m)
{
	int64_t ahead = m->rate.burst > 1 ? (m->rate.burst - 1) * m->interval_ns : 0;
	int64_t spaced = m->started ? m->whole_ns - ahead : INT64_MIN;
	int64_t window = window_opens_ns(m);
	return spaced > window ? spaced : window;
}

void meter_start(struct meter *m, int64_t now)
{
	ASSERT(now >= meter_next_ns(m));
	if (m->last)
		m->last[m->started / m->group % m->groups] = now;
	m->whole_ns = (m->started && m->whole_ns > now ? m->whole_ns : now) + m->interval_ns;
	m->started++;
}

bool meter_idle(const struct meter *m, int64_t now)
{
	if (!m->started)
		return true;
	bool left = !m->last ||
		    m->last[(m->started - 1) / m->group % m->groups] + m->rate.per_ns <= now;
	return left && m->whole_ns <= now;
}
