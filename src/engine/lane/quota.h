/* quota.h - what the far side says is left of its quota: so many starts until then
 *
 * What this room is for: stopping before the 429 comes.
 * What must hold: requests that are on their way when the far side says what is left may not be counted there yet, so they are
 *   taken off; as they come back, each brings a newer word. */
#pragma once
#include <hocket/types.h>

struct quota {
	int64_t left, until_ns; /* until 0 or past: nothing is known */
};
static inline void quota_told(struct quota *q, int64_t left, int64_t until_ns, size_t on_their_way)
{
	left -= (int64_t)on_their_way;
	*q = (struct quota){ left > 0 ? left : 0, until_ns };
}
static inline int64_t quota_next_ns(const struct quota *q)
{
	return q->left > 0 ? 0 : q->until_ns;
}
static inline void quota_start(struct quota *q)
{
	q->left -= q->left > 0;
}
