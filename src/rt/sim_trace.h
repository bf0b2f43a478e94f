/* sim_trace.h - what happened in a simulated run, step by step, to be compared with a second run of the same seed
 *
 * Life cycle: trace_new, the first run, trace_again, the second run, trace_parting, trace_free.
 * What must hold: (1) equal runs have equal steps: nothing of the machine goes in (addresses, descriptors, real time).
 *   (2) the list is bounded: what differs behind it is still found, only not its exact place. */
#pragma once
#include "base/slice.h"

struct trace_step {
	uint64_t hash; /* of all steps up to this one */
	int64_t at_ns; /* virtual, since the start */
	const char *what;
	char who[32]; /* a copy: names may be gone when they are read */
	int64_t number;
};
struct sim_trace;

struct sim_trace *trace_new(void);
void trace_free(struct sim_trace *);
void trace_add(struct sim_trace *, int64_t at_ns, const char *what, const char *who, int64_t number,
	       struct slice bytes);
void trace_again(struct sim_trace *); /* what follows is the second run */
/* After the second run: NULL, or in what the two differ: a text that the trace owns. */
const char *trace_parting(struct sim_trace *);
