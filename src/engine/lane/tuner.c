/* tuner.c - concurrency by what the far side's answers show
 *
 * What this room is for: as TCP Vegas judges a network. If `limit` requests are in flight and each takes t, where one alone would
 *   take t0, then limit * (1 - t0 / t) of them are not being served but waiting somewhere. Few of those: there is room for more.
 *   Many: less would be served just as fast. t is the mean of a window, as single answers differ too much.
 * What flows through:    times of answers.
 * What must hold:
 *  (1) t0 is measured, not guessed, and measured anew: every REMEASURE windows the limit is lowered for one window, and what
 *      that takes is the new t0. (A minimum over all time would never see a server become slower.)
 *  (2) a refusal takes a third off at once, but only once for all that were in flight together. */
#include "engine/lane/tuner.h"

#include "base/lang.h"

enum { LIMIT_FIRST = 4, SAMPLES_MIN = 30, REMEASURE = 40 };
#define FEW_WAIT  0.12 /* of the limit: room for more */
#define MANY_WAIT 0.30

static void set_limit(struct tuner *t, double limit, int64_t now)
{
	t->limit = limit < 1 ? 1 : limit > t->most ? t->most : limit;
	t->changed_ns = now;
	t->sum_ns = 0;
	t->n = 0;
	t->used_up = false;
}

void tuner_init(struct tuner *t, unsigned most, int64_t now)
{
	ASSERT(most > 0);
	*t = (struct tuner){ .most = most, .rising = true };
	set_limit(t, LIMIT_FIRST, now);
}

static double step_of(double limit)
{
	return limit < 16 ? 1 : limit / 16;
}

static double share_waiting(const struct tuner *t, int64_t mean)
{
	return 1 - (double)t->base_ns / (double)mean;
}

/* A window is over: where to, by the share of requests that only wait? */
static double next_limit(struct tuner *t, int64_t mean)
{
	double waiting = share_waiting(t, mean);
	if (waiting > MANY_WAIT)
		return t->limit * (t->rising ? 0.7 : 0.9);
	if (waiting > FEW_WAIT || !t->used_up)
		return t->limit;
	return t->rising ? t->limit * 2 : t->limit + step_of(t->limit);
}

/* Means of windows differ by chance. The least of them would be too small a base, and all others look as if many waited. */
static void learn_base(struct tuner *t, int64_t mean)
{
	if (t->base_ns == 0)
		t->base_ns = mean;
	else if (mean < t->base_ns)
		t->base_ns += (mean - t->base_ns) / 2;
	else if (share_waiting(t, mean) <= FEW_WAIT)
		t->base_ns += (mean - t->base_ns) / 4;
}

static void end_window(struct tuner *t, int64_t now)
{
	int64_t mean = t->sum_ns / t->n > 0 ? t->sum_ns / t->n : 1;
	if (t->measuring) {
		t->measuring = false;
		t->base_ns = mean;
		set_limit(t, t->resume, now);
		return;
	}
	learn_base(t, mean);
	double next = next_limit(t, mean);
	t->rising &= next >= t->limit;
	if (++t->windows % REMEASURE == 0 && t->used_up) {
		t->measuring = true;
		t->resume = next;
		next *= 0.6;
	}
	set_limit(t, next, now);
}

void tuner_took(struct tuner *t, int64_t took_ns, bool used_up, int64_t now)
{
	if (now - took_ns < t->changed_ns)
		return;
	t->sum_ns += took_ns;
	t->n++;
	t->used_up |= used_up;
	if (t->n >= SAMPLES_MIN && t->n >= 2 * t->limit)
		end_window(t, now);
}

void tuner_refused(struct tuner *t, int64_t took_ns, int64_t now)
{
	if (now - took_ns < t->changed_ns && !t->rising)
		return;
	double from = t->measuring ? t->resume : t->limit;
	t->measuring = t->rising = false;
	set_limit(t, from * 0.7, now);
}
