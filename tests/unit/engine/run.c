/* run.c (tests) - whole runs over fake doors, in virtual time: order, caps, retries, deaths, stops, resumes
 *
 * The source gives {"n":0} .. {"n":N-1}; the call step sleeps and fails as the scenario says; the sink keeps what was committed, rows
 * and mark together, across runs, so that it is the witness. Only the state file is real. */
#include "engine/run.h"
#include "base/json.h"
#include "base/rand.h"
#include "rt/in_loop.h"
#include "scene.h"
#include <stdio.h>
#include <unistd.h>

enum { ROWS_MAX = 5000 };

struct world { /* the far side: survives runs */
	struct rand rnd;
	int64_t records, latency_ns;
	unsigned fail_percent;   /* of attempts: reset */
	unsigned throttle_every; /* every so many attempts: 429 with Retry-After 1 s */
	bool all_fail, unsafe;
	int64_t began_ns, down_from_ns,
		down_ns;    /* the far side is down then, since the run began */
	enum fault down_as; /* REFUSED, RESET, or STATUS: 503 without a word */
	bool away;          /* and says that it took nothing from anybody */
	int64_t poison;     /* this record gets 500; -1: none */
	int64_t back_ns;    /* the first answer after the outage */
	uint64_t down_calls;
	struct buf said; /* the limit, in the words of the account, as it is down */
	int64_t quota,
		quota_window_ns; /* so many requests in each window, then 429; answers say what is left */
	int64_t window, window_used;
	uint64_t refused;
	int64_t dead_every; /* records divisible by it get 404 */
	int64_t source_fails_at;
	int64_t stop_at; /* the call of this record stops the run */
	bool sink_refuses_13;
	int64_t splits; /* that the source has beside its numbers, with long names */
	int64_t commits;
	struct run *run;

	unsigned in_flight, in_flight_high;
	uint64_t calls;
	unsigned calls_of[ROWS_MAX];
	int64_t throttled_until_ns;
	uint64_t early; /* calls that began inside a Retry-After pause */
	int64_t last_call_ns, least_gap_ns;
	int64_t call_ns[ROWS_MAX]; /* of each call, in order */
	int64_t call_n[ROWS_MAX];  /* the record that it was for */

	int64_t rows[ROWS_MAX];
	size_t row_count;
	struct buf mark;
	bool finished;
};

/* ---- doors ---- */
static struct world
	*the_world; /* options of the fake ports would carry it; one test runs at a time */

static int fake_run(struct site *at, struct intake *in, struct err *err)
{
	struct world *w = the_world;
	for (int64_t i = 0; i < w->splits; i++) {
		char name[256];
		snprintf(name, sizeof name, "%0240lld", (long long)i);
		(void)intake_split(in, name);
	}
	struct split *split = intake_split(in, "numbers");
	const struct position *from = split_from(split);
	(void)at;
	for (int64_t n = from ? (int64_t)from->offset : 0; n < w->records; n++) {
		if (n == w->source_fails_at) {
			w->source_fails_at = -1;
			return fail(err, FAULT_RESET, "the source broke");
		}
		if (admit_number(in, split, n, err) < 0)
			return -1;
	}
	return 0;
}

static int fake_ask(struct site *at, struct call *c, struct err *err)
{
	(void)at;
	(void)err;
	c->shown = S("GET http://fake/");
	c->lane = S("http://fake");
	c->safety = the_world->unsafe ? UNSAFE : SAFE;
	return 0;
}

/* Counted as it comes in; said with the answer. false: refused. */
static bool take_quota(struct world *w)
{
	int64_t window = hk_now_ns() / w->quota_window_ns;
	if (window != w->window)
		w->window_used = 0;
	w->window = window;
	return w->window_used < w->quota && ++w->window_used > 0;
}

static void tell_quota(struct world *w, struct call *c, bool served)
{
	c->answer.quota_left = w->quota - w->window_used;
	c->answer.quota_reset_ns = (w->window + 1) * w->quota_window_ns - hk_now_ns();
	if (c->answer.quota_reset_ns <= 0) /* the window has passed meanwhile */
		c->answer.quota_left = c->answer.quota_reset_ns = 0;
	w->refused += !served;
	c->answer.status = served ? 200 : 429;
}

static bool is_down(const struct world *w)
{
	int64_t at = hk_now_ns() - w->began_ns;
	return w->down_ns && at >= w->down_from_ns && at < w->down_from_ns + w->down_ns;
}

static void fail_down(struct world *w, struct call *c)
{
	w->down_calls++;
	buf_clear(&w->said);
	CHECK_INT(run_limit_put(w->run, &w->said), 0);
	if (w->down_as == FAULT_STATUS) {
		c->verdict = VERDICT_ANSWER;
		c->answer.status = 503;
		return;
	}
	c->err.sent = w->down_as == FAULT_RESET && !w->away;
	c->err.away = w->away;
	c->err.code = w->down_as == FAULT_SMTP ? 554 : 0;
	fail(&c->err, w->down_as, "it is down");
}

static void answer(struct world *w, struct call *c, int64_t n)
{
	c->verdict = VERDICT_ANSWER;
	c->answer.body = BODY_JSON;
	c->answer.status = 200;
	if (w->throttle_every && w->calls % w->throttle_every == 0) {
		c->answer.status = 429;
		c->err.retry_after_ns = HK_SEC;
		w->throttled_until_ns = hk_now_ns() + HK_SEC;
	} else if (w->all_fail || (w->dead_every && n % w->dead_every == 0)) {
		c->answer.status = 404;
	} else if (n == w->poison) {
		c->answer.status = 500;
	}
	CHECK_INT(buf_printf(&c->answer.value, "{\"twice\": %lld}", (long long)n * 2), 0);
}

static void fake_call(struct site *at, struct call *c)
{
	struct world *w = the_world;
	int64_t n = number_of(c->rec);
	(void)at;
	if (w->calls < ROWS_MAX) {
		w->call_ns[w->calls] = hk_now_ns();
		w->call_n[w->calls] = n;
	}
	w->calls++;
	w->calls_of[n]++;
	w->early += hk_now_ns() < w->throttled_until_ns;
	if (w->last_call_ns && hk_now_ns() - w->last_call_ns < w->least_gap_ns)
		w->least_gap_ns = hk_now_ns() - w->last_call_ns;
	w->last_call_ns = hk_now_ns();
	if (++w->in_flight > w->in_flight_high)
		w->in_flight_high = w->in_flight;
	bool served = w->quota == 0 || take_quota(w);
	if (n == w->stop_at) {
		w->stop_at = -1;
		run_stop(w->run);
	}
	int r = hk_sleep((int64_t)rand_below(&w->rnd, (uint64_t)w->latency_ns) + HK_MS);
	w->in_flight--;
	c->verdict = VERDICT_FAULT;
	if (r < 0)
		fail_errno(&c->err, FAULT_CANCELLED, r, "cancelled");
	else if (is_down(w))
		fail_down(w, c);
	else if (rand_below(&w->rnd, 100) < w->fail_percent)
		fail(&c->err, FAULT_RESET, "connection reset"), c->err.sent = true;
	else
		answer(w, c, n);
	if (w->down_ns && !w->back_ns && !is_down(w) && c->verdict == VERDICT_ANSWER &&
	    hk_now_ns() - w->began_ns > w->down_from_ns)
		w->back_ns = hk_now_ns() - w->began_ns;
	if (w->quota && c->verdict == VERDICT_ANSWER)
		tell_quota(w, c, served);
}

static int fake_resume(struct site *at, struct resumption *r, struct err *err)
{
	(void)at;
	(void)err;
	return buf_add(&r->mark, buf_slice(&the_world->mark));
}

static int fake_commit(struct site *at, const struct batch *b, struct buf *receipt, struct err *err)
{
	struct world *w = the_world;
	(void)at;
	(void)receipt;
	for (size_t i = 0; i < b->n; i++) {
		if (w->sink_refuses_13 && number_of(b->recs[i]) == 13) {
			err->whole = true;
			return fail(err, FAULT_BAD_VALUE, "13 is refused");
		}
	}
	for (size_t i = 0; i < b->n; i++) {
		ASSERT(w->row_count < ROWS_MAX);
		w->rows[w->row_count++] = number_of(b->recs[i]);
	}
	w->commits++;
	buf_clear(&w->mark);
	return buf_add(&w->mark, b->mark);
}

static int fake_finish(struct site *at, struct err *err)
{
	(void)at;
	(void)err;
	the_world->finished = true;
	return 0;
}

static const struct port fake_source = { .name = "numbers", .roles = ROLE_SOURCE, .run = fake_run };
static const struct port fake_step = {
	.name = "call", .roles = ROLE_STEP, .ask = fake_ask, .call = fake_call
};
static const struct port fake_sink = {
	.name = "witness",
	.roles = ROLE_SINK,
	.resume = fake_resume,
	.commit = fake_commit,
	.finish = fake_finish,
};

/* ---- a run ---- */
struct scene {
	struct world w;
	struct place source, step, sink;
	struct plan plan;
	struct retry_options retry;
	char folder[64];
	struct run_options options;
	struct run_result result;
	struct buf limit; /* at the end */
	unsigned warnings;
	char warning[200];
};

static void scene_open(struct scene *s, int64_t records)
{
	static const struct slice twice[] = { { "twice", 5 } };
	*s = (struct scene){ .w = { .records = records,
				    .latency_ns = 50 * HK_MS,
				    .least_gap_ns = HK_SEC,
				    .source_fails_at = -1,
				    .poison = -1,
				    .stop_at = -1 } };
	rand_seed(&s->w.rnd, 42);
	folder_make(s->folder);
	s->retry = (struct retry_options){ .times = 8 };
	s->source = (struct place){ .role = ROLE_SOURCE,
				    .port = &fake_source,
				    .label = "numbers",
				    .facts = { .restart = RESTART_SEEKS } };
	s->step = (struct place){
		.role = ROLE_STEP,
		.port = &fake_step,
		.label = "call",
		.common = { .concurrency = { 20 }, .retry = &s->retry, .into = { twice, 1 } }
	};
	s->sink = (struct place){ .role = ROLE_SINK,
				  .port = &fake_sink,
				  .label = "witness",
				  .facts = { .own_mark = true, .guarantee = TRANSACTIONAL } };
	s->plan = plan_of(s->folder, &s->source, &s->step, &s->sink);
}

static int go_body(void *arg)
{
	struct scene *s = arg;
	struct err err = { 0 };
	int r = run_open(&s->plan, &s->options, &s->w.run, &err);
	if (r < 0) {
		s->result = (struct run_result){ .end = RUN_FAILED, .err = err };
		return 0;
	}
	s->w.began_ns = hk_now_ns();
	run_go(s->w.run, &s->result);
	buf_clear(&s->limit);
	CHECK_INT(run_limit_put(s->w.run, &s->limit), 0);
	run_close(s->w.run);
	return 0;
}

static void go(struct scene *s)
{
	the_world = &s->w;
	CHECK_INT(hk_run(go_body, s,
			 &(struct hk_run_options){ .virtual_clock = true,
						   .seed = rand_u64(&s->w.rnd) | 1 }),
		  0);
}

static void scene_close(struct scene *s)
{
	buf_done(&s->w.mark);
	buf_done(&s->w.said);
	buf_done(&s->limit);
	folder_remove(s->folder);
}

static void check_rows_in_order(const struct scene *s, int64_t n)
{
	CHECK_INT(s->w.row_count, n);
	for (size_t i = 0; i < s->w.row_count; i++) {
		if (s->w.rows[i] != (int64_t)i) {
			CHECK_INT(s->w.rows[i], i);
			return;
		}
	}
}

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
	T(all_arrive_once_in_order_under_the_cap),
	T(a_large_mark_is_written_less_often),
	T(resets_are_tried_again_and_nobody_is_lost),
	T(unsafe_calls_that_may_have_happened_are_not_repeated),
	T(a_refusal_pauses_the_lane_and_kills_nobody),
	T(auto_finds_its_own_cap),
	T(ten_minutes_of_outage_kill_nobody_and_hammer_nobody),
	T(an_outage_longer_than_within_stops_resumable),
	T(who_is_away_from_the_beginning_is_waited_for),
	T(who_goes_away_is_waited_for_also_by_one_record),
	T(who_never_comes_is_given_up),
	T(who_goes_away_for_ever_stops_the_run),
	T(one_bad_record_is_dead_and_holds_nobody_back),
	T(what_fails_often_is_asked_again_within_the_budget),
	T(a_quota_that_is_told_is_not_run_into),
	T(a_rate_holds_also_when_slots_are_short),
	T(no_window_has_more_starts_than_the_rate_says),
	T(each_key_has_its_own_rate),
	T(tokens_are_counted_as_the_answers_say),
	T(steps_that_call_one_origin_share_its_rate),
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
