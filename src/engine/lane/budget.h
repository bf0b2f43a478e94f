/* budget.h - how much a lane may be asked again: the retries of all records together
 *
 * What this room is for: when many fail, everybody's retries together must not become a second load on a server in trouble.
 * What flows through:    fresh requests bring a tenth of a retry each, a retry costs one, and one that succeeds gives it back.
 * What must hold: (1) wasted retries are at most a tenth of the fresh requests, the first FIRST and one a second apart (so that
 *   it goes on where nothing fresh comes). (2) who finds it empty waits; nobody dies of it. */
#pragma once
#include <hocket/types.h>

struct budget { /* in thousandths of a retry, at the time `at_ns` */
	int64_t milli, at_ns;
};
enum { BUDGET_FIRST = 10000, BUDGET_MOST = 100000, BUDGET_RETRY = 1000, BUDGET_FRESH = 100 };

static inline void budget_add(struct budget *b, int64_t milli)
{
	b->milli = b->milli + milli < BUDGET_MOST ? b->milli + milli : BUDGET_MOST;
}
/* The trickle: a thousandth each millisecond. Only an empty one needs it. */
static inline void budget_pass(struct budget *b, int64_t now)
{
	if (b->milli < BUDGET_RETRY)
		budget_add(b, (now - b->at_ns) / HK_MS);
	b->at_ns += (now - b->at_ns) / HK_MS * HK_MS; /* the rest of a millisecond is kept */
}
/* When a retry may be taken. */
static inline int64_t budget_next_ns(struct budget *b, int64_t now)
{
	budget_pass(b, now);
	return b->milli >= BUDGET_RETRY ? now : now + (BUDGET_RETRY - b->milli) * HK_MS;
}
