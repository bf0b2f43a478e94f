/* rates.c - rates, quotas and tokens in whole runs: no window has more than it may, and no time is lost */
#include "far_calls.h"

TEST(a_refusal_pauses_the_lane_and_kills_nobody)
{
	struct scene s;
	scene_open(&s, 400);
	s.w.throttle_every = 37;
	s.retry.times = 1;
	go(&s);
	CHECK_INT(s.result.end, RUN_FINISHED);
	CHECK_INT(s.result.counts.dead, 0);
	CHECK_INT(s.w.early, 0);
	check_rows_in_order(&s, 400);
	scene_close(&s);
}

/* The server counts 30 in 2 s and tells what is left: it need not refuse anybody. */
TEST(a_quota_that_is_told_is_not_run_into)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct scene s;
		scene_open(&s, 300);
		rand_seed(&s.w.rnd, seed);
		s.w.quota = 30;
		s.w.quota_window_ns = 2 * HK_SEC;
		go(&s);
		CHECK_INT(s.result.end, RUN_FINISHED);
		CHECK_INT(s.w.refused, 0);
		check_rows_in_order(&s, 300);
		/* ten windows; what is on its way is taken off the rest and given back, so hardly any is lost */
		CHECK(s.result.wall_ns < 26 * HK_SEC);
		scene_close(&s);
	}
}

/* Both limits are near each other, so that records wait for a slot after they had their turn in the lane. */
TEST(a_rate_holds_also_when_slots_are_short)
{
	for (int per_host = 0; per_host < 2; per_host++) {
		struct scene s;
		scene_open(&s, 400);
		s.w.throttle_every = 61;
		s.w.latency_ns = 400 * HK_MS;
		s.step.common.concurrency.most = 4;
		s.step.common.rate.starts =
			(struct rate){ .count = 20, .per_ns = HK_SEC, .per_host = per_host };
		go(&s);
		CHECK_INT(s.result.end, RUN_FINISHED);
		CHECK(s.w.least_gap_ns >= 50 * HK_MS);
		CHECK_INT(s.w.early, 0);
		check_rows_in_order(&s, 400);
		/* 200 ms on average, 4 at a time: 20 s; the pauses and the pace after them come on top. */
		CHECK(s.result.wall_ns < 60 * HK_SEC);
		scene_close(&s);
	}
}

/* Among the calls for records of this remainder there are never more than `most` within `per`. */
static void check_windows(const struct world *w, int64_t mod, int64_t rest, size_t most,
			  int64_t per)
{
	static int64_t at[ROWS_MAX];
	size_t n = 0;
	for (uint64_t i = 0; i < w->calls; i++)
		if (w->call_n[i] % mod == rest)
			at[n++] = w->call_ns[i];
	for (size_t i = most; i < n; i++)
		CHECK(at[i] - at[i - most] >= per);
}

TEST(no_window_has_more_starts_than_the_rate_says)
{
	for (uint64_t seed = 1; seed <= 40; seed++) {
		struct scene s;
		scene_open(&s, 200);
		rand_seed(&s.w.rnd, seed);
		struct rate *rate = &s.step.common.rate.starts;
		rate->count = 1 + (int64_t)rand_below(&s.w.rnd, 40);
		rate->per_ns = (int64_t)(1 + rand_below(&s.w.rnd, 3000)) * HK_MS;
		rate->burst = (int64_t)rand_below(&s.w.rnd, (uint64_t)rate->count + 1);
		rate->per_host = seed % 2;
		s.step.common.concurrency.most = 1 + (int64_t)rand_below(&s.w.rnd, 30);
		s.w.fail_percent = (unsigned)rand_below(&s.w.rnd, 30);
		s.w.latency_ns = (int64_t)(1 + rand_below(&s.w.rnd, 500)) * HK_MS;
		go(&s);
		CHECK_INT(s.result.end, RUN_FINISHED);
		check_windows(&s.w, 1, 0, (size_t)rate->count, rate->per_ns);
		scene_close(&s);
	}
}

TEST(each_key_has_its_own_rate)
{
	struct scene s;
	struct expr_error e;
	struct rate_option *rate = &s.step.common.rate;
	scene_open(&s, 300);
	rate->starts = (struct rate){ .count = 2, .per_ns = HK_SEC, .burst = 2 };
	CHECK_INT(jq_program_compile(S(".n % 3"), &(struct expr_names){ 0 }, &rate->key, &e), 0);
	go(&s);
	CHECK_INT(s.result.end, RUN_FINISHED);
	for (int64_t key = 0; key < 3; key++)
		check_windows(&s.w, 3, key, 2, HK_SEC);
	/* 100 of each key, 2 a second, side by side */
	CHECK(s.result.wall_ns >= 49 * HK_SEC && s.result.wall_ns < 55 * HK_SEC);
	jq_free(rate->key);
	scene_close(&s);
}

/* Guessed: 120 each. Used, as the answers say: 20 to 69. With the guess alone it would take 40 windows. */
TEST(tokens_are_counted_as_the_answers_say)
{
	enum { LIMIT = 600 };
	struct scene s;
	struct expr_error e;
	struct rate_option *rate = &s.step.common.rate;
	scene_open(&s, 200);
	*rate = (struct rate_option){ .tokens = LIMIT, .tokens_per_ns = HK_SEC };
	CHECK_INT(jq_program_compile(S("120"), &(struct expr_names){ 0 }, &rate->cost, &e), 0);
	CHECK_INT(jq_program_compile(S("$res.body.twice / 2 % 50 + 20"),
				     &(struct expr_names){ .response = true }, &rate->used, &e),
		  0);
	go(&s);
	CHECK_INT(s.result.end, RUN_FINISHED);
	check_rows_in_order(&s, 200);
	for (uint64_t i = 0; i < s.w.calls; i++) {
		int64_t sum = 0;
		for (uint64_t k = i; k < s.w.calls && s.w.call_ns[k] < s.w.call_ns[i] + HK_SEC; k++)
			sum += s.w.call_n[k] % 50 + 20;
		CHECK(sum <= LIMIT);
	}
	CHECK(s.result.wall_ns > 13 * HK_SEC &&
	      s.result.wall_ns < 25 * HK_SEC); /* 8,900 used: 15 windows */
	jq_free(rate->cost);
	jq_free(rate->used);
	scene_close(&s);
}

/* The rate of a step that asks one origin is the origin's: another step that calls it without a rate is bound, too. */
TEST(steps_that_call_one_origin_share_its_rate)
{
	struct scene s;
	scene_open(&s, 60);
	struct place both[2] = { s.step, s.step };
	both[0].label = "first";
	both[1].common.rate.starts = (struct rate){ .count = 20, .per_ns = HK_SEC, .burst = 5 };
	both[1].facts.origin = S("http://fake");
	s.plan.steps = both;
	s.plan.step_count = 2;
	go(&s);
	CHECK_INT(s.result.end, RUN_FINISHED);
	CHECK_INT(s.w.calls, 120);
	check_windows(&s.w, 1, 0, 20, HK_SEC);
	scene_close(&s);
}

static const struct test tests[] = {
	T(a_refusal_pauses_the_lane_and_kills_nobody),
	T(a_quota_that_is_told_is_not_run_into),
	T(a_rate_holds_also_when_slots_are_short),
	T(no_window_has_more_starts_than_the_rate_says),
	T(each_key_has_its_own_rate),
	T(tokens_are_counted_as_the_answers_say),
	T(steps_that_call_one_origin_share_its_rate),
};

int main(void)
{
	return RUN_TESTS(tests);
}
