/* tokens.h - `rate: {per: 1m, tokens: 200000, cost: ...}`: a limit on what requests cost, not on how many there are
 *
 * What this room is for: language models and their like count tokens. What a request takes is guessed before it starts and known
 *   from its answer.
 * What flows through:    costs in, the earliest time of the next start out; corrections.
 * What must hold: (1) in any window of T the costs, as far as they are known, are never more than the limit; one that is above the
 *   limit by itself goes alone. (2) memory is fixed: the window is kept in BINS parts, each of which counts until its end has
 *   left the window. */
#pragma once
#include <hocket/types.h>
#include <stdbool.h>

enum { TOKEN_BINS = 64 };
struct token_rate {
	int64_t count, per_ns; /* count 0: no limit */
};
struct tokens {
	struct token_rate rate;
	int64_t bin[TOKEN_BINS + 1],
		newest; /* costs by the time of the start; the number of the last bin */
	int64_t sum;
};
void tokens_init(struct tokens *, const struct token_rate *);
int64_t tokens_next_ns(struct tokens *, int64_t cost, int64_t now);
void tokens_start(struct tokens *, int64_t cost, int64_t now);
/* What started then took so much more, or less, than was guessed. */
void tokens_correct(struct tokens *, int64_t started_ns, int64_t more, int64_t now);
bool tokens_idle(struct tokens *, int64_t now);
