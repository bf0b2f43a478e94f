/* outages.c - a far side that does not answer, or takes nothing: who is waited for, how long, and with how many questions */
#include "far_calls.h"

/* ---- outages ---- */
static void outage(struct scene *s, int64_t ns, uint64_t seed)
{
	static const enum fault kinds[] = { FAULT_REFUSED, FAULT_RESET, FAULT_STATUS,
					    FAULT_TIMEOUT };
	scene_open(s, 2000);
	rand_seed(&s->w.rnd, seed);
	s->w.down_as = kinds[seed % ARRAY_SIZE(kinds)];
	s->w.down_from_ns = (int64_t)rand_below(&s->w.rnd, 800) * HK_MS + 100 * HK_MS;
	s->w.down_ns = ns;
	s->retry.times = 1 + (int64_t)rand_below(&s->w.rnd, 4);
	s->step.common.concurrency.most = 1 + (int64_t)rand_below(&s->w.rnd, 40);
}

TEST(ten_minutes_of_outage_kill_nobody_and_hammer_nobody)
{
	uint64_t most_calls = 0, most_down = 0;
	int64_t latest_ns = 0;
	for (uint64_t seed = 1; seed <= 40; seed++) {
		struct scene s;
		outage(&s, 600 * HK_SEC, seed);
		go(&s);
		CHECK_INT(s.result.end, RUN_FINISHED);
		CHECK_INT(s.result.counts.dead, 0);
		check_rows_in_order(&s, 2000);
		CHECK(slice_starts(buf_slice(&s.w.said),
				   S("call waits for fake: it does not answer since ")));
		CHECK(slice_starts(buf_slice(&s.limit), S("call (fake did not answer for 10m")));
		CHECK(s.w.calls <= 2200); /* amplification: at most 1.1 */
		CHECK(s.w.down_calls <=
		      40 + 5 + 35); /* what was on its way, what opened it, probes */
		int64_t late_ns = s.w.back_ns - s.w.down_from_ns - s.w.down_ns;
		CHECK(late_ns < 31 * HK_SEC);
		most_calls = s.w.calls > most_calls ? s.w.calls : most_calls;
		most_down = s.w.down_calls > most_down ? s.w.down_calls : most_down;
		latest_ns = late_ns > latest_ns ? late_ns : latest_ns;
		scene_close(&s);
	}
	printf("# 2,000 records: at most %llu requests, %llu while it was down, back after %lld "
	       "ms\n",
	       (unsigned long long)most_calls, (unsigned long long)most_down,
	       (long long)(latest_ns / HK_MS));
}

TEST(an_outage_longer_than_within_stops_resumable)
{
	struct scene s;
	outage(&s, 7200 * HK_SEC, 1);
	s.retry.within_ns = 600 * HK_SEC;
	go(&s);
	CHECK_INT(s.result.end, RUN_STOPPED_BY_FAILURES);
	CHECK(s.result.resumable);
	CHECK_INT(s.result.counts.dead, 0);
	CHECK(s.result.wall_ns > 600 * HK_SEC && s.result.wall_ns < 640 * HK_SEC);
	CHECK(strstr(s.result.err.text, "fake does not answer any more"));
	s.w.down_ns = 0;
	go(&s);
	CHECK_INT(s.result.end, RUN_FINISHED);
	check_rows_in_order(&s, 2000);
	scene_close(&s);
}

/* ---- a far side that takes nothing from anybody ---- */
static void note_warning(void *arg, const char *label, struct slice line)
{
	struct scene *s = arg;
	CHECK_STR(label, "call");
	s->warnings++;
	snprintf(s->warning, sizeof s->warning, "%.*s", SLICE(line));
}

static void away(struct scene *s, int64_t records, int64_t ns, uint64_t seed)
{
	static const enum fault kinds[] = { FAULT_REFUSED, FAULT_DNS,     FAULT_CONNECT_TIMEOUT,
					    FAULT_RESET,   FAULT_TIMEOUT, FAULT_SMTP };
	scene_open(s, records);
	rand_seed(&s->w.rnd, seed);
	s->w.unsafe = true;
	s->w.away = true;
	s->w.down_as = kinds[seed % ARRAY_SIZE(kinds)];
	s->w.down_ns = ns;
	s->retry.times = 1;
	s->step.facts.away_ns = 900 * HK_SEC;
	s->step.common.concurrency.most = 4;
	s->options.warned = note_warning;
	s->options.said_arg = s;
}

/* What began together, what opened the circuit, and one every 15 seconds. */
static uint64_t most_probes(const struct scene *s)
{
	return 4 + 5 + 8 + (uint64_t)(s->w.down_ns / (15 * HK_SEC));
}

TEST(who_is_away_from_the_beginning_is_waited_for)
{
	for (uint64_t seed = 0; seed < 24; seed++) {
		struct scene s;
		int64_t records = seed % 2 ? 1 : 200;
		away(&s, records, (seed % 3 ? 20 : 800) * HK_SEC, seed / 2);
		go(&s);
		CHECK_INT(s.result.end, RUN_FINISHED);
		CHECK_INT(s.result.counts.dead, 0);
		check_rows_in_order(&s, records);
		CHECK(s.w.down_calls <= most_probes(&s));
		CHECK(s.w.back_ns - s.w.down_ns < 31 * HK_SEC);
		CHECK_INT(s.warnings, 1);
		CHECK(strstr(s.warning, "waits for fake, 15m at most: it is down"));
		scene_close(&s);
	}
}

TEST(who_goes_away_is_waited_for_also_by_one_record)
{
	for (uint64_t seed = 0; seed < 12; seed++) {
		struct scene s;
		away(&s, 40, 1800 * HK_SEC, seed);
		s.w.down_from_ns = HK_SEC / 10;
		s.step.common.concurrency.most = seed % 2 ? 1 : 4;
		go(&s);
		CHECK_INT(s.result.end, RUN_FINISHED);
		CHECK_INT(s.result.counts.dead, 0);
		check_rows_in_order(&s, 40);
		CHECK(s.w.down_calls <= most_probes(&s));
		CHECK_INT(s.warnings, 1);
		scene_close(&s);
	}
}

TEST(who_never_comes_is_given_up)
{
	struct scene s;
	away(&s, 5, 36000 * HK_SEC, 0);
	go(&s);
	CHECK_INT(s.result.end, RUN_FINISHED);
	CHECK_INT(s.result.counts.dead, 5);
	CHECK(s.result.wall_ns > 900 * HK_SEC && s.result.wall_ns < 935 * HK_SEC);
	scene_close(&s);
	away(&s, 500, 36000 * HK_SEC, 0);
	s.retry.within_ns = 60 * HK_SEC;
	go(&s);
	CHECK_INT(s.result.end, RUN_STOPPED_BY_FAILURES);
	CHECK_INT(s.result.counts.dead, 0);
	CHECK(s.result.wall_ns > 60 * HK_SEC && s.result.wall_ns < 95 * HK_SEC);
	s.w.down_ns = 0;
	go(&s);
	CHECK_INT(s.result.end, RUN_FINISHED);
	check_rows_in_order(&s, 500);
	scene_close(&s);
}

TEST(who_goes_away_for_ever_stops_the_run)
{
	struct scene s;
	away(&s, 500, 36000 * HK_SEC, 0);
	s.w.down_from_ns = HK_SEC;
	go(&s);
	CHECK_INT(s.result.end, RUN_STOPPED_BY_FAILURES);
	CHECK_INT(s.result.counts.dead, 0);
	CHECK(s.result.wall_ns > 3600 * HK_SEC && s.result.wall_ns < 3640 * HK_SEC);
	scene_close(&s);
}

TEST(one_bad_record_is_dead_and_holds_nobody_back)
{
	static const int64_t places[] = {
		50, 299
	}; /* in the middle; the last, when nobody is left to probe */
	for (size_t i = 0; i < ARRAY_SIZE(places) * 2; i++) {
		struct scene s;
		scene_open(&s, 300);
		s.w.poison = places[i / 2];
		s.retry.times = i % 2 ? 4 : 8;
		s.step.common.concurrency.most = i % 2 ? 1 : 20;
		go(&s);
		CHECK_INT(s.result.end, RUN_FINISHED);
		CHECK_INT(s.result.counts.dead, 1);
		CHECK_INT(s.result.counts.delivered, 299);
		CHECK(s.result.wall_ns < 300 * HK_SEC);
		scene_close(&s);
	}
}

TEST(what_fails_often_is_asked_again_within_the_budget)
{
	struct scene s;
	scene_open(&s, 2000);
	s.w.fail_percent = 60;
	s.retry.times = 100;
	go(&s);
	CHECK_INT(s.result.end, RUN_FINISHED);
	CHECK_INT(s.result.counts.dead, 0);
	/* 2.5 attempts each are needed; they come no faster than what succeeds allows, and it does end. */
	CHECK(s.w.calls < 6500);
	check_rows_in_order(&s, 2000);
	scene_close(&s);
}

static const struct test tests[] = {
	T(ten_minutes_of_outage_kill_nobody_and_hammer_nobody),
	T(an_outage_longer_than_within_stops_resumable),
	T(who_is_away_from_the_beginning_is_waited_for),
	T(who_goes_away_is_waited_for_also_by_one_record),
	T(who_never_comes_is_given_up),
	T(who_goes_away_for_ever_stops_the_run),
	T(one_bad_record_is_dead_and_holds_nobody_back),
	T(what_fails_often_is_asked_again_within_the_budget),
};

int main(void)
{
	return RUN_TESTS(tests);
}
