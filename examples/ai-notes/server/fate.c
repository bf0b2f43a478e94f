/* fate.c - chance with a seed, and two buckets
 *
 * What this room is for: a server on which a pipeline can be tried as on the real ones, and the same day can be had again.
 * What flows through:    (prompt, attempt) -> a fault and a latency; requests and tokens -> a wait.
 * What must hold: fate.h. Latency is lognormal, as answers of language models are: most near the median, a few several times as long. */
#include "fate.h"
#include "base/hash.h"
#include <errno.h>
#include <hocket/run.h>
#include <math.h>

static uint64_t lot(const struct fate *f, uint64_t prompt, uint64_t attempt, uint64_t salt)
{
	uint64_t of[] = { f->seed, prompt, attempt, salt };
	return hash_end(hash_add(HASH_START, (struct slice){ (const char *)of, sizeof(of) }));
}

/* ---- faults ---- */

static const char *const names[FATE_KINDS] = { "good", "500",  "503",    "cut",
					       "torn", "slow", "length", "garbage" };

static int share_read(struct slice text, unsigned *ret)
{
	struct slice whole, part;
	int64_t w, p = 0;
	if (!slice_ends(text, S("%")))
		return -EINVAL;
	slice_cut(slice_head(text, text.n - 1), '.', &whole, &part);
	if (units_int(whole, &w) < 0 || w < 0 || w > 100 || part.n > 2)
		return -EINVAL;
	if (part.n && (units_int(part, &p) < 0 || p < 0))
		return -EINVAL;
	*ret = (unsigned)(w * 100 + (part.n == 1 ? p * 10 : p));
	return 0;
}

int fate_read(struct fate *f, struct slice text)
{
	struct slice name, share;
	if (!slice_cut(text, '=', &name, &share))
		return -EINVAL;
	for (unsigned i = 1; i < FATE_KINDS; i++)
		if (slice_eq_str(name, names[i]))
			return share_read(share, &f->share[i]);
	return -EINVAL;
}

enum fault_kind fate_of(const struct fate *f, uint64_t prompt, uint64_t attempt)
{
	if (attempt % (FAULTS_IN_A_ROW + 1) == FAULTS_IN_A_ROW)
		return FATE_GOOD;
	unsigned drawn = (unsigned)(lot(f, prompt, attempt, 1) % 10000);
	for (unsigned i = 1; i < FATE_KINDS; i++) {
		if (drawn < f->share[i])
			return (enum fault_kind)i;
		drawn -= f->share[i];
	}
	return FATE_GOOD;
}

/* ---- latency ---- */

/* Box and Muller: two even numbers make a normal one. */
static double normal(uint64_t a, uint64_t b)
{
	double u = ((double)(a >> 11) + 1) / 0x1p53, v = (double)(b >> 11) / 0x1p53;
	return sqrt(-2 * log(u)) * cos(2 * M_PI * v);
}

int64_t fate_latency_ns(const struct fate *f, uint64_t prompt, uint64_t attempt, uint64_t tokens)
{
	double median = (double)f->base_ns + (double)f->token_ns * (double)tokens;
	double z = normal(lot(f, prompt, attempt, 2), lot(f, prompt, attempt, 3));
	return (int64_t)(median * exp(f->spread * z));
}

/* ---- limits ---- */

void limit_set(struct limit *l, double each_minute)
{
	*l = (struct limit){ .each_minute = each_minute,
			     .level = each_minute,
			     .at_ns = hk_now_ns() };
}

int64_t limit_wait_ns(struct limit *l, double n)
{
	if (l->each_minute <= 0)
		return 0;
	int64_t now = hk_now_ns();
	double each_ns = l->each_minute / 60e9;
	l->level = fmin(l->each_minute, l->level + (double)(now - l->at_ns) * each_ns);
	l->at_ns = now;
	return l->level >= n ? 0 : (int64_t)((n - l->level) / each_ns) + 1;
}

void limit_use(struct limit *l, double n)
{
	l->level -= n;
}
