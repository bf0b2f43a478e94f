/* fate.h - how long an attempt takes, what goes wrong with it, and whether it is within the limits
 *
 * What must hold: (1) latency and faults follow from (seed, prompt, attempt) alone: two runs with one seed see the same ones, whatever
 *   the order. (2) no prompt meets more than FAULTS_IN_A_ROW faults one behind the other, so that who tries again gets through. */
#pragma once
#include "base/units.h"

enum fault_kind {
	FATE_GOOD,
	FATE_500,     /* before anything was done */
	FATE_503,     /* the same, with Retry-After */
	FATE_CUT,     /* done and billed; the connection is cut before the answer */
	FATE_TORN,    /* done and billed; cut in the middle of the answer */
	FATE_SLOW,    /* done, five times as slowly */
	FATE_LENGTH,  /* done; the text ends half way, finish_reason "length" */
	FATE_GARBAGE, /* done; the answer is no JSON */
	FATE_KINDS
};
enum { FAULTS_IN_A_ROW = 3 };

struct fate {
	uint64_t seed;
	int64_t base_ns, token_ns;  /* median of an answer: base + tokens of it */
	double spread;              /* sigma of the logarithm */
	unsigned share[FATE_KINDS]; /* of 10,000 attempts */
};
/* "500=1%" "cut=0.5%". -EINVAL. */
MUST int fate_read(struct fate *, struct slice text);
enum fault_kind fate_of(const struct fate *, uint64_t prompt, uint64_t attempt);
int64_t fate_latency_ns(const struct fate *, uint64_t prompt, uint64_t attempt, uint64_t tokens);

/* A bucket that holds a minute's worth and is refilled evenly, as OpenAI describes its limits. */
struct limit {
	double each_minute; /* 0: none */
	double level;
	int64_t at_ns;
};
void limit_set(struct limit *, double each_minute);
/* How long until so much is there; 0: now. */
int64_t limit_wait_ns(struct limit *, double n);
void limit_use(struct limit *, double n);
