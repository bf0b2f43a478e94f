/* tokens.c - costs in a sliding window
 *
 * What this room is for: the sum of what was started within the last T.
 * What flows through:    costs, by time.
 * What must hold:        sum is the sum of the bins; a bin that is left behind is emptied before its place is used again. */
#include "engine/lane/tokens.h"

#include "base/lang.h"

enum { PLACES = TOKEN_BINS + 1 };

void tokens_init(struct tokens *t, const struct token_rate *rate)
{
	ASSERT(rate->count > 0 && rate->per_ns > 0);
	*t = (struct tokens){ .rate = *rate };
}

static int64_t bin_ns(const struct tokens *t)
{
	return t->rate.per_ns / TOKEN_BINS + 1;
}

static int64_t *place(struct tokens *t, int64_t bin)
{
	return &t->bin[bin % PLACES];
}

/* Empties what has left the window. */
static void pass(struct tokens *t, int64_t now)
{
	int64_t bin = now / bin_ns(t), from = t->newest + 1;
	if (bin - from >= PLACES)
		from = bin - PLACES + 1;
	for (; from <= bin; from++) {
		t->sum -= *place(t, from);
		*place(t, from) = 0;
	}
	if (bin > t->newest)
		t->newest = bin;
}

int64_t tokens_next_ns(struct tokens *t, int64_t cost, int64_t now)
{
	pass(t, now);
	int64_t left = t->sum, most = cost < t->rate.count ? t->rate.count - cost : 0;
	int64_t bin = t->newest - TOKEN_BINS;
	for (; left > most && bin <= t->newest; bin++)
		left -= bin >= 0 ? *place(t, bin) : 0;
	/* Bin b is emptied when bin b + PLACES begins. */
	return t->sum <= most ? now : (bin - 1 + PLACES) * bin_ns(t);
}

void tokens_start(struct tokens *t, int64_t cost, int64_t now)
{
	pass(t, now);
	*place(t, t->newest) += cost;
	t->sum += cost;
}

void tokens_correct(struct tokens *t, int64_t started_ns, int64_t more, int64_t now)
{
	int64_t bin = started_ns / bin_ns(t);
	pass(t, now);
	if (bin <= t->newest - PLACES)
		return;
	*place(t, bin) += more;
	t->sum += more;
}

bool tokens_idle(struct tokens *t, int64_t now)
{
	pass(t, now);
	return t->sum == 0;
}
