/* lane.c - when may the next request to this origin start?
 *
 * What this room is for: one clock per origin. `next_ns` is the earliest start of whoever asks next; asking reserves it
 *   and moves it on by the interval, so that waiters are in line without a queue.
 * What flows through:    starts (lane_wait), refusals (lane_pause), successes (lane_served).
 * What must hold:
  *  (1) a start that was reserved before a pause is given up and asked for anew, so that there is one line after it, not two.
 *  (2) the pace is learned: after a refusal, starts are spaced by what the server served since the one before; each quiet
 *      second takes a quarter off the interval, and after QUIET_NS without refusals there is none.
  *  (3) the rate that the user wrote is never exceeded, neither by the pace nor by those that had their turn and then waited
 *      for a slot: who starts late asks lane_may_start(). */
#include "engine/lane.h"

#include "base/hash.h"
#include <errno.h>
#include <hocket/run.h>
#include <stdlib.h>

#define QUIET_NS      (20 * HK_SEC)
#define MIN_WINDOW_NS (50 * HK_MS)

struct lane {
	struct lane *next_in_bucket;
	char *origin;
	int64_t next_ns; /* the next free start */
	int64_t paused_until_ns;
	int64_t started_ns;       /* the last start that was made; 0: none */
	int64_t rate_interval_ns; /* what the user allows; 0: no rate */
	int64_t pace_ns;          /* what the server seems to take; 0: unknown */
	int64_t window_from_ns;   /* successes are counted since then */
	int64_t eased_ns;         /* when the pace was last let grow */
	uint64_t served, pauses;
};

enum { BUCKETS = 256 };
struct lanes {
	struct lane *bucket[BUCKETS];
};

struct lanes *lanes_new(void)
{
	return xcalloc(1, sizeof(struct lanes));
}

void lanes_free(struct lanes *all)
{
	if (!all)
		return;
	for (size_t i = 0; i < BUCKETS; i++) {
		for (struct lane *l = all->bucket[i], *next; l; l = next) {
			next = l->next_in_bucket;
			free(l->origin);
			free(l);
		}
	}
	free(all);
}

struct lane *lanes_get(struct lanes *all, struct slice origin)
{
	struct lane **head = &all->bucket[hash_end(hash_add(HASH_START, origin)) % BUCKETS];
	for (struct lane *l = *head; l; l = l->next_in_bucket)
		if (slice_eq_str(origin, l->origin))
			return l;
	struct lane *l = xcalloc(1, sizeof *l);
	l->origin = xstrndup(origin.p, origin.n);
	l->window_from_ns = hk_now_ns();
	l->next_in_bucket = *head;
	return *head = l;
}

void lane_limit(struct lane *l, const struct rate *rate)
{
	if (rate->per_ns == 0)
		return;
	ASSERT(rate->count > 0);
	int64_t interval = rate->per_ns / rate->count;
	l->rate_interval_ns = interval > l->rate_interval_ns ? interval : l->rate_interval_ns;
}

static int64_t interval_ns(struct lane *l, int64_t now)
{
	if (l->pace_ns && now - l->window_from_ns > QUIET_NS)
		l->pace_ns = 0;
	if (l->pace_ns && now - l->eased_ns >= HK_SEC) {
		l->pace_ns -= l->pace_ns / 4;
		l->eased_ns = now;
	}
	return l->pace_ns > l->rate_interval_ns ? l->pace_ns : l->rate_interval_ns;
}

bool lane_open(const struct lane *l)
{
	int64_t now = hk_now_ns();
	return l->next_ns <= now && l->paused_until_ns <= now;
}

bool lane_may_start(const struct lane *l)
{
	int64_t now = hk_now_ns();
	bool spaced = l->started_ns == 0 || now - l->started_ns >= l->rate_interval_ns;
	return spaced && l->paused_until_ns <= now;
}

void lane_started(struct lane *l)
{
	l->started_ns = hk_now_ns();
	if (l->next_ns < l->started_ns + l->rate_interval_ns)
		l->next_ns = l->started_ns + l->rate_interval_ns;
}

int lane_wait(struct lane *l)
{
	for (;;) {
		int64_t now = hk_now_ns();
		int64_t start = l->next_ns > l->paused_until_ns ? l->next_ns : l->paused_until_ns;
		int64_t at = start > now ? start : now;
		l->next_ns = at + interval_ns(l, now);
		if (at <= now)
			return 0;
		uint64_t pauses = l->pauses;
		int r = hk_sleep(at - now);
		if (r < 0)
			return r;
		if (l->pauses == pauses && l->paused_until_ns <= hk_now_ns())
			return 0;
	}
}

void lane_served(struct lane *l)
{
	l->served++;
}

void lane_pause(struct lane *l, int64_t ns)
{
	int64_t now = hk_now_ns(), until = now + ns;
	ASSERT(ns >= 0);
	/* Refusals of requests that were already on their way when the first one came teach nothing new. */
	bool first = l->paused_until_ns <= now;
	if (until > l->paused_until_ns)
		l->paused_until_ns = until;
	if (!first)
		return;
	int64_t window = until - l->window_from_ns;
	if (l->served > 0 && window > MIN_WINDOW_NS)
		l->pace_ns = window / (int64_t)l->served;
	l->served = 0;
	l->window_from_ns = l->eased_ns = until;
	l->next_ns = until;
	l->pauses++;
}
