/* rand.h - a small seeded generator (xoshiro256**), for jitter and identifiers; never for keys */
#pragma once
#include "base/lang.h"

struct rand {
	uint64_t s[4];
};
void rand_seed(struct rand *, uint64_t seed); /* the same seed, the same numbers */
uint64_t rand_entropy(void);                  /* from the kernel */
uint64_t rand_u64(struct rand *);
uint64_t rand_below(struct rand *, uint64_t n); /* 0 <= result < n; n > 0; no modulo bias */
