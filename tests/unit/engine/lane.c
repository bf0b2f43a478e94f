/* lane.c (tests) - rates, pauses and the learned pace, in virtual time */
#include "engine/lane.h"
#include "rt/in_loop.h"

TEST_IN_LOOP(a_rate_spaces_the_starts)
{
	struct lanes *all = lanes_new();
	struct lane *l = lanes_get(all, S("http://a"));
	lane_limit(l, &(struct rate){ .count = 10, .per_ns = HK_SEC });
	int64_t began = hk_now_ns();
	for (int i = 0; i < 21; i++)
		CHECK_INT(lane_wait(l), 0);
	CHECK_INT((hk_now_ns() - began) / HK_MS, 2000);
	lanes_free(all);
}

TEST_IN_LOOP(the_tighter_rate_wins)
{
	struct lanes *all = lanes_new();
	struct lane *l = lanes_get(all, S("http://a"));
	lane_limit(l, &(struct rate){ .count = 1, .per_ns = HK_SEC });
	lane_limit(l, &(struct rate){ .count = 100, .per_ns = HK_SEC });
	int64_t began = hk_now_ns();
	for (int i = 0; i < 4; i++)
		CHECK_INT(lane_wait(l), 0);
	CHECK_INT((hk_now_ns() - began) / HK_MS, 3000);
	CHECK(lanes_get(all, S("http://a")) == l);
	CHECK(lanes_get(all, S("http://b")) != l);
	lanes_free(all);
}

struct waiter {
	struct lane *lane;
	int64_t woke_ns;
};

static int wait_here(void *arg)
{
	struct waiter *w = arg;
	int r = lane_wait(w->lane);
	w->woke_ns = hk_now_ns();
	return r;
}

TEST_IN_LOOP(sleepers_wake_after_the_pause_and_spaced)
{
	struct lanes *all = lanes_new();
	struct lane *l = lanes_get(all, S("http://a"));
	struct waiter w[5];
	int64_t began = hk_now_ns();
	for (int i = 0; i < 10; i++)
		lane_served(
			l); /* ten answers in the first second: the pace is one in 200 ms with the pause */
	CHECK_INT(hk_sleep(HK_SEC), 0);
	lane_pause(l, HK_SEC);
	CHECK(!lane_open(l));
	struct hk_group g;
	hk_group_open(&g, NULL);
	for (int i = 0; i < 5; i++) {
		w[i] = (struct waiter){ .lane = l };
		CHECK_INT(hk_spawn(&g, wait_here, &w[i]), 0);
	}
	CHECK_INT(hk_group_close(&g, 0), 0);
	for (int i = 0; i < 5; i++) {
		CHECK(w[i].woke_ns - began >= 2 * HK_SEC);
		if (i > 0)
			CHECK(w[i].woke_ns - w[i - 1].woke_ns >= 150 * HK_MS);
	}
	CHECK(w[4].woke_ns - began < 4 * HK_SEC);
	lanes_free(all);
}

TEST_IN_LOOP(a_pause_does_not_open_a_second_line)
{
	enum { EARLY = 10, ALL = 20 };
	struct lanes *all = lanes_new();
	struct lane *l = lanes_get(all, S("http://a"));
	struct waiter w[ALL];
	struct hk_group g;
	lane_limit(l, &(struct rate){ .count = 1, .per_ns = HK_SEC });
	hk_group_open(&g, NULL);
	for (int i = 0; i < ALL; i++) {
		w[i] = (struct waiter){ .lane = l };
		if (i == EARLY) { /* ten starts are reserved by now, far beyond the pause */
			CHECK_INT(hk_sleep(HK_SEC / 2), 0);
			lane_pause(l, HK_SEC);
		}
		CHECK_INT(hk_spawn(&g, wait_here, &w[i]), 0);
	}
	CHECK_INT(hk_group_close(&g, 0), 0);
	for (int i = 0; i < ALL; i++)
		for (int k = 0; k < i; k++)
			CHECK(w[i].woke_ns - w[k].woke_ns >= HK_SEC ||
			      w[k].woke_ns - w[i].woke_ns >= HK_SEC);
	lanes_free(all);
}

TEST_IN_LOOP(the_pace_is_forgotten_when_it_is_quiet)
{
	struct lanes *all = lanes_new();
	struct lane *l = lanes_get(all, S("http://a"));
	lane_served(l);
	CHECK_INT(hk_sleep(HK_SEC), 0);
	lane_pause(l, HK_SEC);
	CHECK_INT(lane_wait(l), 0);
	CHECK(!lane_open(l));
	CHECK_INT(hk_sleep(30 * HK_SEC), 0);
	int64_t began = hk_now_ns();
	for (int i = 0; i < 100; i++)
		CHECK_INT(lane_wait(l), 0);
	CHECK_INT(hk_now_ns() - began, 0);
	lanes_free(all);
}

TEST_IN_LOOP(a_cancelled_waiter_leaves)
{
	struct lanes *all = lanes_new();
	struct lane *l = lanes_get(all, S("http://a"));
	struct hk_scope scope;
	lane_pause(l, 60 * HK_SEC);
	hk_scope_open(&scope, HK_SEC);
	CHECK_INT(hk_scope_close(&scope, lane_wait(l)), -ETIMEDOUT);
	lanes_free(all);
}

static const struct test tests[] = {
	T(a_rate_spaces_the_starts),
	T(the_tighter_rate_wins),
	T(sleepers_wake_after_the_pause_and_spaced),
	T(a_pause_does_not_open_a_second_line),
	T(the_pace_is_forgotten_when_it_is_quiet),
	T(a_cancelled_waiter_leaves),
};

int main(void)
{
	return RUN_TESTS(tests);
}
