/* lane.c (tests) - rates, pauses and the learned pace, in virtual time */
#include "engine/lane/lane.h"
#include "rt/in_loop.h"

static const struct ticket free_ticket;

struct waiter {
	struct lane *lane;
	bool again;
	int64_t woke_ns;
};

static int wait_here(void *arg)
{
	struct waiter *w = arg;
	struct ticket t = { 0 };
	int r = lane_wait(w->lane, &t, w->again);
	if (r == 0) {
		lane_start(w->lane, &t);
		lane_finish(w->lane, &t, &(struct lane_end){ LANE_UNKNOWN });
	}
	w->woke_ns = hk_now_ns();
	return r;
}

TEST_IN_LOOP(a_rate_spaces_the_starts)
{
	struct lanes *all = lanes_new();
	struct lane *l = lanes_get(all, S("http://a"));
	lane_limit(l, &(struct rate){ .count = 10, .per_ns = HK_SEC });
	int64_t began = hk_now_ns();
	for (int i = 0; i < 21; i++)
		CHECK_INT(lane_enter(l), 0);
	CHECK_INT((hk_now_ns() - began) / HK_MS, 2000);
	lanes_free(all);
}

TEST_IN_LOOP(both_rates_hold)
{
	struct lanes *all = lanes_new();
	struct lane *l = lanes_get(all, S("http://a"));
	lane_limit(l, &(struct rate){ .count = 1, .per_ns = HK_SEC });
	lane_limit(l, &(struct rate){ .count = 100, .per_ns = HK_SEC });
	lane_limit(l, &(struct rate){ .count = 100, .per_ns = HK_SEC });
	CHECK_INT(l->meter_count, 2);
	int64_t began = hk_now_ns();
	for (int i = 0; i < 4; i++)
		CHECK_INT(lane_enter(l), 0);
	CHECK_INT((hk_now_ns() - began) / HK_MS, 3000);
	CHECK(lanes_get(all, S("http://a")) == l);
	CHECK(lanes_get(all, S("http://b")) != l);
	lanes_free(all);
}

TEST_IN_LOOP(a_bound_origin_limits_each_credential_alone)
{
	struct lanes *all = lanes_new();
	lanes_bind(all, S("http://a"), &(struct rate){ .count = 1, .per_ns = HK_SEC },
		   &(struct token_rate){ 0 });
	struct lane *one = lanes_get(all, S("http://a 01")),
		    *two = lanes_get(all, S("http://a 02"));
	CHECK_INT(one->meter_count, 1);
	CHECK_INT(two->meter_count, 1);
	CHECK_INT(lanes_get(all, S("http://ab"))->meter_count, 0);
	CHECK_INT(lane_enter(one), 0);
	CHECK(!lane_open(one, &free_ticket));
	CHECK(lane_open(two, &free_ticket));
	lanes_free(all);
}

TEST_IN_LOOP(what_waits_again_stands_in_front)
{
	struct lanes *all = lanes_new();
	struct lane *l = lanes_get(all, S("http://a"));
	lane_limit(l, &(struct rate){ .count = 1, .per_ns = HK_SEC });
	CHECK_INT(lane_enter(l), 0);
	struct waiter w[3];
	struct hk_group g;
	hk_group_open(&g, NULL);
	for (int i = 0; i < 3; i++) {
		w[i] = (struct waiter){ .lane = l, .again = i == 2 };
		CHECK_INT(hk_spawn(&g, wait_here, &w[i]), 0);
		CHECK_INT(hk_sleep(HK_MS), 0);
	}
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK(w[2].woke_ns < w[0].woke_ns && w[0].woke_ns < w[1].woke_ns);
	lanes_free(all);
}

/* The first in line is cut off: the one behind it must look at the clock in its place. */
TEST_IN_LOOP(who_leaves_the_line_hands_the_clock_on)
{
	struct lanes *all = lanes_new();
	struct lane *l = lanes_get(all, S("http://a"));
	struct hk_group cut, kept;
	lane_pause(l, 10 * HK_SEC);
	struct waiter first = { .lane = l }, second = { .lane = l };
	hk_group_open(&kept, NULL);
	hk_group_open(&cut, NULL);
	CHECK_INT(hk_spawn(&cut, wait_here, &first), 0);
	CHECK_INT(hk_sleep(HK_SEC), 0);
	CHECK_INT(hk_spawn(&kept, wait_here, &second), 0);
	CHECK_INT(hk_sleep(HK_SEC), 0);
	hk_group_cancel(&cut);
	CHECK(hk_group_close(&cut, 0) <= 0);
	CHECK_INT(hk_group_close(&kept, 0), 0);
	CHECK(!l->starts.first && !l->starts.last);
	lanes_free(all);
}

TEST_IN_LOOP(idle_lanes_are_forgotten)
{
	struct lanes *all = lanes_new();
	struct lane *held = lanes_get(all, S("held"));
	for (int i = 0; i < 20000; i++) {
		char key[32];
		snprintf(key, sizeof key, "step x per %d", i);
		struct lane *l = lanes_get(all, slice_str(key));
		lane_limit(l, &(struct rate){ .count = 10, .per_ns = HK_SEC, .burst = 2 });
		CHECK_INT(lane_enter(l), 0);
		lane_leave(l);
		CHECK_INT(hk_sleep(10 * HK_MS), 0);
	}
	CHECK(lanes_count(all) < 3000);
	CHECK(lanes_get(all, S("held")) == held);
	CHECK_INT(lanes_get(all, S("step x per 19999"))->meters[0].started, 1);
	lanes_free(all);
}

TEST_IN_LOOP(sleepers_wake_after_the_pause_and_spaced)
{
	struct lanes *all = lanes_new();
	struct lane *l = lanes_get(all, S("http://a"));
	struct waiter w[5];
	int64_t began = hk_now_ns();
	for (int i = 0; i < 10; i++)
		pace_served(
			&l->pace); /* ten answers in the first second: the pace is one in 200 ms with the pause */
	CHECK_INT(hk_sleep(HK_SEC), 0);
	lane_pause(l, HK_SEC);
	CHECK(!lane_open(l, &free_ticket));
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

/* Three are left, two are on their way: one more may start now, the rest when the quota is whole again. */
static int wait_and_start(struct lane *l)
{
	struct ticket t = { .fresh = true };
	int r = lane_wait(l, &t, false);
	if (r == 0)
		lane_start(l, &t);
	return r;
}

TEST_IN_LOOP(what_is_left_of_a_quota_is_all_that_starts)
{
	struct lanes *all = lanes_new();
	struct lane *l = lanes_get(all, S("http://a"));
	int64_t began = hk_now_ns();
	for (int i = 0; i < 3; i++)
		CHECK_INT(wait_and_start(l), 0);
	lane_told(l, 3, 10 * HK_SEC);
	lane_finish(l, &free_ticket, &(struct lane_end){ LANE_SERVED });
	CHECK_INT(wait_and_start(l), 0);
	CHECK_INT(hk_now_ns(), began);
	CHECK(!lane_open(l, &free_ticket));
	lane_told(l, 9, 10 * HK_SEC); /* it had counted them already */
	CHECK(lane_open(l, &free_ticket));
	lane_told(l, 0, 10 * HK_SEC);
	CHECK_INT(wait_and_start(l), 0);
	CHECK_INT(hk_now_ns() - began, 10 * HK_SEC);
	CHECK(lane_open(l, &free_ticket));
	lanes_free(all);
}

TEST_IN_LOOP(the_pace_is_forgotten_when_it_is_quiet)
{
	struct lanes *all = lanes_new();
	struct lane *l = lanes_get(all, S("http://a"));
	pace_served(&l->pace);
	CHECK_INT(hk_sleep(HK_SEC), 0);
	lane_pause(l, HK_SEC);
	CHECK_INT(lane_enter(l), 0);
	CHECK(!lane_open(l, &free_ticket));
	CHECK_INT(hk_sleep(30 * HK_SEC), 0);
	int64_t began = hk_now_ns();
	for (int i = 0; i < 100; i++)
		CHECK_INT(lane_enter(l), 0);
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
	CHECK_INT(hk_scope_close(&scope, lane_enter(l)), -ETIMEDOUT);
	lanes_free(all);
}

static const struct test tests[] = {
	T(a_rate_spaces_the_starts),
	T(both_rates_hold),
	T(a_bound_origin_limits_each_credential_alone),
	T(what_waits_again_stands_in_front),
	T(who_leaves_the_line_hands_the_clock_on),
	T(idle_lanes_are_forgotten),
	T(sleepers_wake_after_the_pause_and_spaced),
	T(a_pause_does_not_open_a_second_line),
	T(what_is_left_of_a_quota_is_all_that_starts),
	T(the_pace_is_forgotten_when_it_is_quiet),
	T(a_cancelled_waiter_leaves),
};

int main(void)
{
	return RUN_TESTS(tests);
}
