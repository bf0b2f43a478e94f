/* cancel.h - requests cancelled at random moments, and what the others got */
#pragma once
#include <stdint.h>

struct cancellations {
	uint64_t wanted; /* so many, at least */
	/* what came of it, over all seeds */
	uint64_t requests, answers, cancelled,
		in_the_middle;   /* of a request that the server had seen */
	uint64_t crossed, other; /* other: failures that are no cancellation */
	uint64_t seeds;
};
int cancellations_run(struct cancellations *); /* not in a loop. 0, or < 0: a seed failed */
