/* tuner.c - concurrency by what the far side's answers show
 *
 * What this room is for: as TCP Vegas judges a network. If `limit` requests are in flight and each takes t, where one alone would
 *   take t0, then limit * (1 - t0 / t) of them are not being served but waiting somewhere. Few of those: there is room for more.
 *   Many: less would be served just as fast. t is the mean of a window, as single answers differ too much.
 * What flows through:    times of answers.
 * What must hold:
 *  (1) t0 is measured, not guessed, and measured anew: every REMEASURE windows the limit is lowered for one window, and what
 *      that takes is the new t0. (A minimum over all time would never see a server become slower.)
 *  (2) a refusal takes a third off at once, but only once for all that were in flight together.
 *  (3) failures do so only where they are many: a server that has a bad moment in a hundred would otherwise never be asked by more
 *      than a few.
 *  (4) at the beginning it doubles with each round of answers, as slow calls would take minutes to fill windows; what so few
 *      answers seem to say is believed only when it is plain. */
#include "engine/lane/tuner.h"

#include "base/lang.h"

enum { LIMIT_FIRST = 4, SAMPLES_MIN = 30, REMEASURE = 40, FAILURES_MIN = 3 };
#define FEW_WAIT  0.12 /* of the limit: room for more */
#define MANY_WAIT 0.30
#define MANY_FAIL 0.12 /* of a window's answers */

static void set_limit(struct tuner *t, double limit, int64_t now)
{
	t->limit = limit < 1 ? 1 : limit > t->most ? t->most : limit;
	t->changed_ns = now;
	t->sum_ns = 0;
	t->n = t->failed = 0;
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

/* What one alone would take is known from a few answers only. */
static bool is_vague(const struct tuner *t)
{
	return t->base_n < SAMPLES_MIN;
}

/* A window is over: where to, by the share of requests that only wait? */
static double next_limit(struct tuner *t, int64_t mean)
{
	double waiting = share_waiting(t, mean), few = is_vague(t) ? MANY_WAIT : FEW_WAIT;
	if (waiting > MANY_WAIT)
		return t->limit * (t->rising ? 0.7 : 0.9);
	if (waiting > few || !t->used_up)
		return t->limit;
	return t->rising ? t->limit * 2 : t->limit + step_of(t->limit);
}

/* Means of windows differ by chance. The least of them would be too small a base, and all others look as if many waited. */
static void learn_base(struct tuner *t, int64_t mean)
{
	if (is_vague(t) && (t->base_n == 0 || share_waiting(t, mean) <= MANY_WAIT)) {
		t->base_ns = (t->base_ns * t->base_n + mean * t->n) / (t->base_n + t->n);
		t->base_n += t->n;
	} else if (mean < t->base_ns)
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
		t->base_n = t->n;
		set_limit(t, t->resume, now);
		return;
	}
	double next = t->base_n ? next_limit(t, mean) : t->used_up ? t->limit * 2 : t->limit;
	learn_base(t, mean);
	t->rising &= next >= t->limit;
	if (++t->windows % REMEASURE == 0 && t->used_up) {
		t->measuring = true;
		t->resume = next;
		next *= 0.6;
	}
	set_limit(t, next, now);
}

/* While it rises: a whole round of answers came as if each was alone. */
static bool is_plainly_free(const struct tuner *t)
{
	if (!t->rising || !t->used_up || t->n < t->limit)
		return false;
	return t->base_n == 0 || share_waiting(t, t->sum_ns / t->n) <= FEW_WAIT;
}

void tuner_took(struct tuner *t, int64_t took_ns, bool used_up, int64_t now)
{
	if (now - took_ns < t->changed_ns)
		return;
	t->sum_ns += took_ns;
	t->n++;
	t->used_up |= used_up;
	if ((t->n >= SAMPLES_MIN && t->n >= 2 * t->limit) || is_plainly_free(t))
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

void tuner_failed(struct tuner *t, int64_t took_ns, int64_t now)
{
	if (now - took_ns < t->changed_ns)
		return;
	t->failed++;
	if (t->failed >= FAILURES_MIN && t->failed > MANY_FAIL * (t->n + t->failed))
		tuner_refused(t, took_ns, now);
}
