/* meter.c (tests) - a rate holds in every window, whatever asks and whenever */
#include "engine/lane/meter.h"
#include "../check.h"
#include "base/rand.h"
#include <hocket/types.h>

enum { STARTS = 4000 };
static int64_t starts[STARTS];

/* Starts that come as the seed says: in swarms, after pauses, at odd moments; none before the meter allows it. */
static size_t play(struct meter *m, struct rand *r, size_t n)
{
	int64_t now = 1000;
	for (size_t i = 0; i < n; i++) {
		if (rand_below(r, 100) < 10)
			now += (int64_t)rand_below(r, 2 * (uint64_t)m->rate.per_ns);
		int64_t next = meter_next_ns(m);
		if (next > now) {
			now = next;
			if (rand_below(r, 3) == 0) /* it woke late */
				now += (int64_t)rand_below(r, (uint64_t)m->interval_ns * 2);
		}
		meter_start(m, now);
		starts[i] = now;
	}
	return n;
}

/* N + 1 starts never lie within one T. */
static void check_windows(size_t n, const struct rate *rate)
{
	for (size_t i = (size_t)rate->count; i < n; i++)
		CHECK(starts[i] - starts[i - (size_t)rate->count] >= rate->per_ns);
}

TEST(no_window_has_more_than_n)
{
	for (uint64_t seed = 1; seed <= 300 && !test_failures_; seed++) {
		struct rand r;
		struct meter m;
		rand_seed(&r, seed);
		struct rate rate = { .count = 1 + (int64_t)rand_below(&r, 50) };
		rate.per_ns = 1 + (int64_t)rand_below(&r, 10 * (uint64_t)HK_SEC);
		rate.burst = (int64_t)rand_below(&r, (uint64_t)rate.count + 1);
		meter_init(&m, &rate);
		check_windows(play(&m, &r, 500), &rate);
		meter_done(&m);
	}
}

TEST(a_window_of_very_many_is_kept_in_groups)
{
	struct rand r;
	struct meter m;
	struct rate rate = { .count = 30000, .per_ns = HK_SEC, .burst = 30000 };
	rand_seed(&r, 7);
	meter_init(&m, &rate);
	CHECK(m.groups <= 8200);
	for (int i = 0; i < 30000; i++) {
		CHECK(meter_next_ns(&m) <= 5 * HK_SEC);
		meter_start(&m, 5 * HK_SEC);
	}
	CHECK(meter_next_ns(&m) >= 6 * HK_SEC);
	meter_done(&m);
}

TEST(without_a_burst_starts_are_spread_evenly)
{
	struct meter m;
	struct rate rate = { .count = 3, .per_ns = 10 };
	meter_init(&m, &rate);
	meter_start(&m, 100);
	CHECK_INT(meter_next_ns(&m), 104); /* 10/3, rounded up */
	meter_start(&m, 104);
	CHECK_INT(meter_next_ns(&m), 108);
	meter_start(&m, 1000);
	CHECK_INT(meter_next_ns(&m), 1004); /* what was not used does not add up */
}

TEST(a_burst_comes_at_once_and_then_evenly)
{
	struct meter m;
	int64_t now = 0;
	struct rate rate = { .count = 10, .per_ns = 10 * HK_SEC, .burst = 4 };
	meter_init(&m, &rate);
	for (int i = 0; i < 4; i++) {
		CHECK(meter_next_ns(&m) <= now);
		meter_start(&m, now);
	}
	for (int i = 1; i <= 6; i++) {
		CHECK_INT(meter_next_ns(&m), i * HK_SEC);
		meter_start(&m, now = i * HK_SEC);
	}
	/* Ten in the window: the bucket would let the next go at 7 s, the window not before the first leaves it. */
	CHECK_INT(meter_next_ns(&m), 10 * HK_SEC);
	meter_done(&m);
}

TEST(the_whole_rate_is_used)
{
	for (int64_t burst = 0; burst <= 20; burst += 5) {
		struct meter m;
		int64_t now = 0;
		struct rate rate = { .count = 20, .per_ns = HK_SEC, .burst = burst };
		meter_init(&m, &rate);
		for (int i = 0; i < 2001; i++) {
			int64_t next = meter_next_ns(&m);
			now = next > now ? next : now;
			meter_start(&m, now);
		}
		CHECK(now <= 100 * HK_SEC);
		meter_done(&m);
	}
}

TEST(idle_means_as_good_as_new)
{
	struct meter m;
	struct rate rate = { .count = 5, .per_ns = HK_SEC, .burst = 5 };
	meter_init(&m, &rate);
	CHECK(meter_idle(&m, 0));
	meter_start(&m, 0);
	CHECK(!meter_idle(&m, HK_SEC / 2));
	CHECK(meter_idle(&m, HK_SEC));
	meter_done(&m);
}

/* An earlier process started up to N until then: no window that ends behind it may have more than N with ours. */
TEST(a_filled_window_lets_nothing_in_that_would_be_too_much)
{
	for (int64_t burst = 0; burst <= 20; burst += 10) {
		struct meter m;
		struct rate rate = { .count = 20, .per_ns = HK_SEC, .burst = burst };
		meter_init(&m, &rate);
		meter_fill(&m, 5 * HK_SEC);
		int64_t first = meter_next_ns(&m);
		CHECK_INT(first, burst ? 6 * HK_SEC : 5 * HK_SEC + HK_SEC / 20);
		for (int i = 0; i < 60; i++)
			meter_start(&m, meter_next_ns(&m));
		CHECK(meter_next_ns(&m) >= first + 3 * HK_SEC - HK_SEC);
		meter_done(&m);
	}
}

static const struct test tests[] = {
	T(a_filled_window_lets_nothing_in_that_would_be_too_much),
	T(no_window_has_more_than_n),
	T(a_window_of_very_many_is_kept_in_groups),
	T(without_a_burst_starts_are_spread_evenly),
	T(a_burst_comes_at_once_and_then_evenly),
	T(the_whole_rate_is_used),
	T(idle_means_as_good_as_new),
};

int main(void)
{
	return RUN_TESTS(tests);
}
