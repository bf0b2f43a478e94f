/* lanes.c - the lanes of a run, by key
 *
 * What this room is for: who asks for a key gets the one lane of it. With `per host` and `per <jq>` there may be as many keys
 *   as records, so a lane that nobody holds and whose clocks say nothing any more is forgotten.
 * What flows through:    keys in, lanes out.
 * What must hold:
 *  (1) forgetting shows in nothing: an idle lane is as good as a new one.
 *  (2) the sweep costs O(1) for each lane made: it runs when there are twice as many as it left behind. */
#include "engine/lane/lane.h"

#include "base/hash.h"
#include <hocket/run.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS_FIRST = 64, SWEEP_FIRST = 1024 };

struct binding {
	struct slice origin; /* borrows from the plan */
	struct rate rate;
	struct token_rate tokens;
};
struct lanes {
	struct lane **bucket;
	size_t buckets, count, sweep_at;
	struct binding *bindings;
	size_t binding_count;
	int64_t filled_ns; /* of each lane that is made; as lane.filled_ns */
};

struct lanes *lanes_new(void)
{
	struct lanes *all = xcalloc(1, sizeof *all);
	all->bucket = xcalloc(BUCKETS_FIRST, sizeof(struct lane *));
	all->buckets = BUCKETS_FIRST;
	all->sweep_at = SWEEP_FIRST;
	all->filled_ns = INT64_MIN;
	return all;
}

static void lane_free(struct lane *l)
{
	ASSERT(!l->starts.first && !l->retries.first);
	for (size_t i = 0; i < l->meter_count; i++)
		meter_done(&l->meters[i]);
	free(l->meters);
	free(l->tokens);
	free(l->key);
	free(l);
}

void lanes_free(struct lanes *all)
{
	if (!all)
		return;
	for (size_t i = 0; i < all->buckets; i++) {
		for (struct lane *l = all->bucket[i], *next; l; l = next) {
			next = l->next_in_bucket;
			lane_free(l);
		}
	}
	free(all->bindings);
	free(all->bucket);
	free(all);
}

size_t lanes_count(const struct lanes *all)
{
	return all->count;
}

static struct lane **bucket_of(const struct lanes *all, struct slice key)
{
	return &all->bucket[hash_end(hash_add(HASH_START, key)) & (all->buckets - 1)];
}

/* ---- forgetting ---- */
static bool is_idle(struct lane *l, int64_t now)
{
	bool idle = l->users == 0 && !lane_is_down(l) && l->paused_until_ns <= now &&
		    l->pace.interval_ns == 0 && l->quota.until_ns <= now;
	if (idle && l->tokens)
		idle = tokens_idle(l->tokens, now);
	for (size_t i = 0; idle && i < l->meter_count; i++)
		idle = meter_idle(&l->meters[i], now);
	return idle;
}

static void sweep(struct lanes *all)
{
	int64_t now = hk_now_ns();
	for (size_t i = 0; i < all->buckets; i++) {
		for (struct lane **at = &all->bucket[i]; *at;) {
			struct lane *l = *at;
			pace_ease(&l->pace, now);
			if (!is_idle(l, now)) {
				at = &l->next_in_bucket;
				continue;
			}
			*at = l->next_in_bucket;
			lane_free(l);
			all->count--;
		}
	}
	all->sweep_at = all->count * 2 > SWEEP_FIRST ? all->count * 2 : SWEEP_FIRST;
}

static void grow(struct lanes *all)
{
	struct lanes more = *all;
	more.buckets = all->buckets * 2;
	more.bucket = xcalloc(more.buckets, sizeof(struct lane *));
	for (size_t i = 0; i < all->buckets; i++) {
		for (struct lane *l = all->bucket[i], *next; l; l = next) {
			next = l->next_in_bucket;
			struct lane **head = bucket_of(&more, slice_str(l->key));
			l->next_in_bucket = *head;
			*head = l;
		}
	}
	free(all->bucket);
	*all = more;
}

/* ---- getting ---- */
void lanes_bind(struct lanes *all, struct slice origin, const struct rate *rate,
		const struct token_rate *tokens)
{
	ASSERT(origin.n > 0);
	all->bindings = xrealloc(all->bindings, all->binding_count + 1, sizeof *all->bindings);
	all->bindings[all->binding_count++] = (struct binding){ origin, *rate, *tokens };
}

static struct lane *lane_new(struct lanes *all, struct slice key)
{
	struct lane *l = xcalloc(1, sizeof *l);
	struct slice origin, credential;
	(void)slice_cut(key, ' ', &origin, &credential);
	l->key = xstrndup(key.p, key.n);
	l->pace.counted_from_ns = l->budget.at_ns = hk_now_ns();
	l->budget.milli = BUDGET_FIRST;
	l->filled_ns = all->filled_ns;
	for (size_t i = 0; i < all->binding_count; i++)
		if (slice_eq(origin, all->bindings[i].origin)) {
			lane_limit(l, &all->bindings[i].rate);
			lane_limit_tokens(l, &all->bindings[i].tokens);
		}
	return l;
}

struct lane *lanes_get(struct lanes *all, struct slice key)
{
	for (struct lane *l = *bucket_of(all, key); l; l = l->next_in_bucket)
		if (slice_eq_str(key, l->key))
			return l->users++, l;
	if (all->count >= all->sweep_at)
		sweep(all);
	if (all->count >= all->buckets)
		grow(all);
	struct lane *l = lane_new(all, key), **head = bucket_of(all, key);
	l->next_in_bucket = *head;
	l->users = 1;
	all->count++;
	return *head = l;
}

void lanes_fill(struct lanes *all, int64_t at_ns)
{
	all->filled_ns = at_ns;
	for (size_t i = 0; i < all->buckets; i++)
		for (struct lane *l = all->bucket[i]; l; l = l->next_in_bucket)
			lane_fill(l, at_ns);
}

struct slice lane_name(const struct lane *l)
{
	struct slice origin, credential;
	const char *host = strstr(l->key, "://");
	(void)slice_cut(slice_str(host ? host + 3 : l->key), ' ', &origin, &credential);
	return origin;
}

void lane_leave(struct lane *l)
{
	ASSERT(!l || l->users > 0);
	if (l)
		l->users--;
}
