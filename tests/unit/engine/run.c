/* run.c (tests) - whole runs over fake doors, in virtual time: order, caps, retries, deaths, stops, resumes */
#include "far_calls.h"

/* ---- what must hold ---- */
static void one_at_a_time(struct scene *s, int64_t records, int64_t splits, int64_t every_ns)
{
	struct commit_options commit = { .every_ns = every_ns };
	scene_open(s, records);
	s->w.splits = splits;
	s->step.common.concurrency = (struct concurrency){ 1 };
	s->sink.common.commit = every_ns ? &commit : NULL;
	go(s);
	CHECK_INT(s->result.end, RUN_FINISHED);
	check_rows_in_order(s, records);
	scene_close(s);
}

/* 4,000 splits with long names: 1.3 MB, which take their time. */
TEST(a_large_mark_is_written_less_often)
{
	struct scene few, many, told;
	one_at_a_time(&few, 200, 0, 0);
	one_at_a_time(&many, 200, 4000, 0);
	one_at_a_time(&told, 200, 4000, 200 * HK_MS);
	CHECK(few.w.commits > 15);
	CHECK(many.w.commits * 2 < few.w.commits && many.w.commits > 3);
	CHECK(told.w.commits > 15); /* the file's word counts */
}

TEST(all_arrive_once_in_order_under_the_cap)
{
	struct scene s;
	scene_open(&s, 1000);
	go(&s);
	CHECK_INT(s.result.end, RUN_FINISHED);
	CHECK_INT(s.result.counts.delivered, 1000);
	CHECK_INT(s.w.calls, 1000);
	CHECK_INT(s.w.in_flight_high, 20);
	CHECK(s.w.finished);
	check_rows_in_order(&s, 1000);
	/* 1,000 calls of 26 ms on average, 20 at a time: 1.3 s if no slot idles. */
	CHECK(s.result.wall_ns < 2 * HK_SEC);
	scene_close(&s);
}

TEST(resets_are_tried_again_and_nobody_is_lost)
{
	struct scene s;
	scene_open(&s, 500);
	s.w.fail_percent = 20;
	go(&s);
	CHECK_INT(s.result.end, RUN_FINISHED);
	check_rows_in_order(&s, 500);
	CHECK(s.w.calls > 550);
	scene_close(&s);
}

TEST(unsafe_calls_that_may_have_happened_are_not_repeated)
{
	struct scene s;
	scene_open(&s, 300);
	s.w.fail_percent = 20;
	s.w.unsafe = true;
	go(&s);
	CHECK_INT(s.w.calls, 300);
	CHECK(s.result.counts.dead > 20);
	CHECK_INT(s.result.counts.delivered + s.result.counts.dead, 300);
	scene_close(&s);
}

/* The same answers, however many at once: it grows until the window is used. */
TEST(auto_finds_its_own_cap)
{
	struct scene s;
	scene_open(&s, 4000);
	s.step.common.concurrency = (struct concurrency){ .most = 64, .automatic = true };
	go(&s);
	CHECK_INT(s.result.end, RUN_FINISHED);
	check_rows_in_order(&s, 4000);
	CHECK(s.w.in_flight_high > 40 && s.w.in_flight_high <= 64);
	scene_close(&s);
}

TEST(deaths_are_counted_and_kept)
{
	struct scene s;
	scene_open(&s, 200);
	s.w.dead_every = 50;
	go(&s);
	CHECK_INT(s.result.end, RUN_FINISHED);
	CHECK_INT(s.result.counts.dead, 4);
	CHECK_INT(s.result.counts.delivered, 196);
	CHECK_INT(s.result.kind_count, 1);
	CHECK_STR(s.result.kinds[0].class, "status(404)");
	scene_close(&s);
}

TEST(when_nothing_succeeds_it_stops_and_nothing_is_settled)
{
	struct scene s;
	scene_open(&s, 1000);
	s.w.all_fail = true;
	go(&s);
	CHECK_INT(s.result.end, RUN_STOPPED_BY_FAILURES);
	CHECK_INT(s.result.counts.dead, 0);
	CHECK(s.w.calls < 60);
	CHECK(!s.w.finished);
	s.w.all_fail = false; /* mended: the same run goes on and all arrive */
	go(&s);
	CHECK_INT(s.result.end, RUN_FINISHED);
	CHECK(s.result.resumed);
	check_rows_in_order(&s, 1000);
	scene_close(&s);
}

TEST(few_that_all_fail_are_dead_at_the_end)
{
	struct scene s;
	scene_open(&s, 5);
	s.w.all_fail = true;
	go(&s);
	CHECK_INT(s.result.end, RUN_FINISHED);
	CHECK_INT(s.result.counts.dead, 5);
	scene_close(&s);
}

TEST(doubt_does_not_hold_the_budget_for_ever)
{
	struct scene s;
	scene_open(&s, 10);
	s.w.all_fail = true;
	s.options.memory_bytes =
		1500; /* three records: they are in doubt, and the source waits for them */
	go(&s);
	CHECK_INT(s.result.end, RUN_FINISHED);
	CHECK_INT(s.result.counts.dead, 10);
	scene_close(&s);
}

TEST(a_small_budget_does_not_hide_that_nothing_succeeds)
{
	struct scene s;
	scene_open(&s, 1000);
	s.w.all_fail = true;
	s.options.memory_bytes = 1500;
	go(&s);
	CHECK_INT(s.result.end, RUN_STOPPED_BY_FAILURES);
	CHECK(s.w.calls < 30);
	scene_close(&s);
}

TEST(a_stop_leaves_what_is_in_doubt)
{
	struct scene s;
	scene_open(&s, 1000);
	s.w.all_fail = true;
	s.w.stop_at = 5;
	s.step.common.concurrency.most = 3;
	go(&s);
	CHECK_INT(s.result.end, RUN_STOPPED_EARLY);
	CHECK_INT(s.result.counts.dead, 0);
	s.w.all_fail = false;
	go(&s);
	CHECK_INT(s.result.end, RUN_FINISHED);
	check_rows_in_order(&s, 1000);
	scene_close(&s);
}

TEST(a_stop_drains_and_the_next_run_goes_on)
{
	struct scene s;
	scene_open(&s, 800);
	s.w.stop_at = 300;
	go(&s);
	CHECK_INT(s.result.end, RUN_STOPPED_EARLY);
	CHECK(s.result.resumable);
	CHECK(s.w.row_count >= 300 && s.w.row_count < 800);
	CHECK_INT(s.result.counts.delivered, s.w.row_count);
	go(&s);
	CHECK_INT(s.result.end, RUN_FINISHED);
	CHECK(s.result.resumed);
	CHECK_INT(s.result.counts.delivered, 800);
	check_rows_in_order(&s, 800);
	scene_close(&s);
}

TEST(any_order_resumes_without_a_second_row)
{
	struct scene s;
	bool seen[800] = { false };
	scene_open(&s, 800);
	s.plan.any_order = true;
	for (int64_t stop = 200; stop <= 600; stop += 200) {
		s.w.stop_at = stop;
		s.options.grace_ns = 5 * HK_MS; /* most of what is in flight is cut off */
		go(&s);
		CHECK_INT(s.result.end, RUN_STOPPED_EARLY);
	}
	go(&s);
	CHECK_INT(s.result.end, RUN_FINISHED);
	CHECK_INT(s.w.row_count, 800);
	for (size_t i = 0; i < s.w.row_count; i++) {
		CHECK(!seen[s.w.rows[i]]);
		seen[s.w.rows[i]] = true;
	}
	scene_close(&s);
}

TEST(a_source_that_breaks_is_read_on)
{
	struct scene s;
	scene_open(&s, 300);
	s.w.source_fails_at = 123;
	go(&s);
	CHECK_INT(s.result.end, RUN_FINISHED);
	check_rows_in_order(&s, 300);
	scene_close(&s);
}

TEST(the_one_row_that_a_sink_refuses_is_dead_alone)
{
	struct scene s;
	scene_open(&s, 100);
	s.w.sink_refuses_13 = true;
	go(&s);
	CHECK_INT(s.result.end, RUN_FINISHED);
	CHECK_INT(s.result.counts.dead, 1);
	CHECK_INT(s.w.row_count, 99);
	for (size_t i = 0; i < s.w.row_count; i++)
		CHECK_INT(s.w.rows[i], i < 13 ? (int64_t)i : (int64_t)i + 1);
	scene_close(&s);
}

TEST(another_pipeline_does_not_go_on_with_an_unfinished_run)
{
	struct scene s;
	scene_open(&s, 500);
	s.w.stop_at = 30;
	go(&s);
	CHECK_INT(s.result.end, RUN_STOPPED_EARLY);
	s.plan.hash = 8;
	go(&s);
	CHECK_INT(s.result.end, RUN_FAILED);
	CHECK_INT(s.result.err.fault, FAULT_CONFIG);
	CHECK(strstr(s.result.err.text, "--fresh"));
	scene_close(&s);
}

TEST(on_error_stop_ends_the_run)
{
	struct scene s;
	scene_open(&s, 100);
	s.w.dead_every = 50; /* record 0 at once */
	s.step.common.on_error.kind = ON_ERROR_STOP;
	go(&s);
	CHECK_INT(s.result.end, RUN_STOPPED_BY_FAILURES);
	CHECK_INT(s.w.row_count, 0);
	scene_close(&s);
}

TEST(many_seeds_with_everything_going_wrong)
{
	for (uint64_t seed = 1; seed <= 60; seed++) {
		struct scene s;
		scene_open(&s, 120);
		rand_seed(&s.w.rnd, seed);
		s.w.fail_percent = 25;
		s.w.throttle_every = 31;
		s.w.dead_every = 17;
		s.w.source_fails_at = (int64_t)rand_below(&s.w.rnd, 120);
		s.plan.any_order = seed % 2;
		s.step.common.queue = 1 + (int64_t)rand_below(&s.w.rnd, 40);
		for (int part = 0; part < 4; part++) {
			s.w.stop_at = part < 3 ? (int64_t)rand_below(&s.w.rnd, 120) : -1;
			s.options.grace_ns = (int64_t)rand_below(&s.w.rnd, 400) * HK_MS + 1;
			go(&s);
			if (s.result.end == RUN_FINISHED)
				break;
		}
		CHECK_INT(s.result.end, RUN_FINISHED);
		CHECK_INT(s.result.counts.admitted, 120);
		CHECK_INT(s.w.row_count, s.result.counts.delivered);
		CHECK_INT(s.result.counts.delivered + s.result.counts.dead, 120);
		scene_close(&s);
	}
}

static const struct test tests[] = {
	T(a_large_mark_is_written_less_often),
	T(all_arrive_once_in_order_under_the_cap),
	T(resets_are_tried_again_and_nobody_is_lost),
	T(unsafe_calls_that_may_have_happened_are_not_repeated),
	T(auto_finds_its_own_cap),
	T(deaths_are_counted_and_kept),
	T(when_nothing_succeeds_it_stops_and_nothing_is_settled),
	T(few_that_all_fail_are_dead_at_the_end),
	T(doubt_does_not_hold_the_budget_for_ever),
	T(a_small_budget_does_not_hide_that_nothing_succeeds),
	T(a_stop_leaves_what_is_in_doubt),
	T(a_stop_drains_and_the_next_run_goes_on),
	T(any_order_resumes_without_a_second_row),
	T(a_source_that_breaks_is_read_on),
	T(the_one_row_that_a_sink_refuses_is_dead_alone),
	T(another_pipeline_does_not_go_on_with_an_unfinished_run),
	T(on_error_stop_ends_the_run),
	T(many_seeds_with_everything_going_wrong),
};

int main(void)
{
	return RUN_TESTS(tests);
}
