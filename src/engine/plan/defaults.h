/* defaults.h - how many at once, how many waiting, how often again, how long: as a place says, or by default */
#pragma once
#include "engine/plan.h"

struct limits {
	unsigned cap; /* attempts in flight; with `automatic` the most that it may find out */
	bool automatic;
	size_t window;      /* records in the step at once */
	int64_t retries;    /* more attempts after the first */
	int64_t within_ns;  /* give up so long after the first */
	int64_t away_ns;    /* and so long on a far side that never was there */
	int64_t timeout_ns; /* of one attempt */
	size_t batch;       /* most records in one call */
	int64_t linger_ns;  /* how long a call waits for more of them */
};
struct limits limits_of(const struct place *); /* of a step that calls out */
