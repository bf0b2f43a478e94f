/* stopping.c (tests) - runs that end before their input does, in virtual time: who is finished, who is left, and how soon
 *
 * The source gives {"n":0} .. {"n":N-1}; a call takes `latency_ns` and does what the scenario says of its record. The sink keeps rows
 * and mark across runs: it is the witness. */
#include "engine/run.h"
#include "base/json.h"
#include "rt/in_loop.h"
#include "scene.h"
#include <errno.h>
#include <hocket/hocket.h>
#include <stdio.h>
#include <unistd.h>

enum { ROWS_MAX = 2000 };

struct world {
	int64_t records, latency_ns;
	int64_t stop_ns[2]; /* run_stop() then, since the start; 0: not */
	int64_t drain_ns;   /* run_drain() then */
	int64_t bad_from,
		bad_every;    /* from this record on every so many get 404; bad_every 0: none */
	int64_t hangs;        /* this record's call never ends; -1: none */
	int64_t throttled_ns; /* the first call of record 0 is told to come again in so long; 0: not */
	int64_t lies,
		lies_in_ask;  /* the call of this record says that it was cancelled; -1: none */
	int throttled_as;     /* status */
	int64_t bad_after_ns; /* a 404 comes so soon; 0: like the others */
	bool source_lies;
	bool disk_full;        /* the sink fails after the first death */
	int64_t stops_at_call; /* run_stop() in this record's call; -1: not */

	struct run *run;
	int64_t began_ns, last_call_ns;
	int64_t read; /* records that the source had in its hand */
	unsigned calls_of[ROWS_MAX];
	uint64_t calls;
	int64_t rows[ROWS_MAX];
	size_t row_count;
	struct buf mark;
	unsigned finished;
};
static struct world *the_world; /* one test runs at a time */

/* ---- doors ---- */
static int fake_run(struct site *at, struct intake *in, struct err *err)
{
	struct world *w = the_world;
	struct split *split = intake_split(in, "numbers");
	const struct position *from = split_from(split);
	(void)at;
	for (int64_t n = from ? (int64_t)from->offset : 0; n < w->records; n++) {
		AUTO(buf_done) struct buf json = { 0 };
		if (w->source_lies && n == 7)
			return fail(err, FAULT_CANCELLED, "cancelled");
		CHECK_INT(buf_printf(&json, "{\"n\":%lld}", (long long)n), 0);
		struct arrival a = { .rec = rec_take(&json),
				     .split = split,
				     .next = { NULL, (uint64_t)n + 1 },
				     .line = (uint64_t)n + 1 };
		w->read++;
		if (admit(in, &a, err) < 0)
			return -1;
	}
	return 0;
}

static int fake_ask(struct site *at, struct call *c, struct err *err)
{
	(void)at;
	c->shown = S("GET http://fake/");
	c->lane = S("http://fake");
	c->safety = SAFE;
	return number_of(c->rec) == the_world->lies_in_ask ? fail(err, FAULT_CANCELLED, "cancelled")
							   : 0;
}

static bool is_bad(const struct world *w, int64_t n)
{
	return w->bad_every && n >= w->bad_from && n % w->bad_every == 0;
}

static int64_t takes_ns(const struct world *w, int64_t n)
{
	if (n == w->hangs)
		return 3600 * HK_SEC;
	return w->bad_after_ns && is_bad(w, n) ? w->bad_after_ns : w->latency_ns;
}

static void answer(struct world *w, struct call *c, int64_t n)
{
	c->verdict = VERDICT_ANSWER;
	c->answer.status = 200;
	if (w->throttled_ns && n == 0 && w->calls_of[0] == 1) {
		c->answer.status = w->throttled_as;
		c->err.retry_after_ns = w->throttled_ns;
	} else if (is_bad(w, n)) {
		c->answer.status = 404;
	}
}

static void fake_call(struct site *at, struct call *c)
{
	struct world *w = the_world;
	int64_t n = number_of(c->rec);
	(void)at;
	w->calls++;
	w->calls_of[n]++;
	w->last_call_ns = hk_now_ns() - w->began_ns;
	c->verdict = VERDICT_FAULT;
	if (n == w->stops_at_call)
		run_stop(w->run);
	int r = hk_sleep(takes_ns(w, n));
	if (r < 0 || n == w->lies)
		fail(&c->err, FAULT_CANCELLED, "cancelled");
	else
		answer(w, c, n);
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
	if (w->disk_full)
		return fail(err, FAULT_IO, "no space left");
	for (size_t i = 0; i < b->n; i++)
		w->rows[w->row_count++] = number_of(b->recs[i]);
	ASSERT(w->row_count <= ROWS_MAX);
	buf_clear(&w->mark);
	return buf_add(&w->mark, b->mark);
}

static int fake_finish(struct site *at, struct err *err)
{
	(void)at;
	(void)err;
	the_world->finished++;
	return 0;
}

static const struct port fake_source = { .name = "numbers", .roles = ROLE_SOURCE, .run = fake_run };
static const struct port fake_step = {
	.name = "call", .roles = ROLE_STEP, .ask = fake_ask, .call = fake_call
};
static const struct port fake_sink = { .name = "witness",
				       .roles = ROLE_SINK,
				       .resume = fake_resume,
				       .commit = fake_commit,
				       .finish = fake_finish };

/* ---- a run ---- */
struct scene {
	struct world w;
	struct place source, step, sink;
	struct plan plan;
	struct retry_options retry;
	struct timeout_options timeout;
	char folder[64];
	struct run_options options;
	struct run_result result;
};

static void scene_open(struct scene *s, int64_t records)
{
	*s = (struct scene){ .w = { .records = records,
				    .latency_ns = 50 * HK_MS,
				    .hangs = -1,
				    .stops_at_call = -1,
				    .lies = -1,
				    .lies_in_ask = -1 } };
	folder_make(s->folder);
	s->retry = (struct retry_options){ .times = 2 };
	s->timeout = (struct timeout_options){ .total_ns = 600 * HK_SEC };
	s->source = (struct place){ .role = ROLE_SOURCE,
				    .port = &fake_source,
				    .label = "numbers",
				    .facts = { .restart = RESTART_SEEKS } };
	s->step = (struct place){
		.role = ROLE_STEP,
		.port = &fake_step,
		.label = "call",
		.common = { .concurrency = { 10 }, .retry = &s->retry, .timeout = &s->timeout }
	};
	s->sink = (struct place){ .role = ROLE_SINK,
				  .port = &fake_sink,
				  .label = "witness",
				  .facts = { .own_mark = true, .guarantee = TRANSACTIONAL } };
	s->plan = plan_of(s->folder, &s->source, &s->step, &s->sink);
}

static int stop_task(void *arg)
{
	struct world *w = arg;
	int64_t slept_ns = 0;
	int r = 0;
	for (size_t i = 0; i < ARRAY_SIZE(w->stop_ns) && w->stop_ns[i] && r == 0; i++) {
		r = hk_sleep(w->stop_ns[i] - slept_ns);
		slept_ns = w->stop_ns[i];
		if (r == 0)
			run_stop(w->run);
	}
	return r;
}

static int drain_task(void *arg)
{
	struct world *w = arg;
	int r = w->drain_ns ? hk_sleep(w->drain_ns) : 0;
	if (r == 0 && w->drain_ns)
		run_drain(w->run);
	return r;
}

static int go_body(void *arg)
{
	struct scene *s = arg;
	struct hk_group side;
	struct err err = { 0 };
	if (run_open(&s->plan, &s->options, &s->w.run, &err) < 0) {
		CHECK_STR(err.text, "it opens");
		return 0;
	}
	hk_group_open(&side, NULL);
	CHECK_INT(hk_spawn(&side, stop_task, &s->w), 0);
	CHECK_INT(hk_spawn(&side, drain_task, &s->w), 0);
	s->w.began_ns = hk_now_ns();
	run_go(s->w.run, &s->result);
	hk_group_cancel(&side);
	CHECK_INT(hk_group_close(&side, 0), 0);
	run_close(s->w.run);
	return 0;
}

static void go(struct scene *s)
{
	the_world = &s->w;
	CHECK_INT(hk_run(go_body, s, &(struct hk_run_options){ .virtual_clock = true, .seed = 1 }),
		  0);
}

/* The next run, with nothing that ends it. */
static void go_on(struct scene *s)
{
	s->options.limit = 0;
	s->options.max_failures = (struct failure_limit){ 0 };
	s->w.stop_ns[0] = s->w.stop_ns[1] = s->w.drain_ns = 0;
	s->w.hangs = s->w.lies = s->w.lies_in_ask = s->w.stops_at_call = -1;
	s->w.throttled_ns = s->w.bad_every = 0;
	go(s);
}

static void scene_close(struct scene *s)
{
	buf_done(&s->w.mark);
	folder_remove(s->folder);
}

static void check_each_once(const struct scene *s, int64_t n)
{
	CHECK_INT(s->w.row_count, n);
	for (size_t i = 0; i < s->w.row_count; i++)
		if (s->w.rows[i] != (int64_t)i) {
			CHECK_INT(s->w.rows[i], i);
			return;
		}
}

/* ---- limit, until ---- */
TEST(a_limit_ends_the_source_at_its_last_record)
{
	struct scene s;
	scene_open(&s, 500);
	s.options.limit = 40;
	go(&s);
	CHECK_INT(s.result.end, RUN_LIMITED);
	CHECK(!s.result.time_is_up && !s.result.resumable);
	CHECK_INT(s.w.read, 40); /* the 41st was not waited for */
	CHECK_INT(s.w.calls, 40);
	CHECK_INT(s.result.left, 0);
	CHECK_INT(s.w.finished, 1);
	check_each_once(&s, 40);
	scene_close(&s);
}

TEST(a_limit_counts_what_this_part_reads)
{
	struct scene s;
	scene_open(&s, 500);
	s.w.stop_ns[0] = 500 * HK_MS;
	go(&s);
	CHECK_INT(s.result.end, RUN_STOPPED_EARLY);
	uint64_t before = s.w.row_count;
	CHECK(before >= 80 && before < 200);
	s.w.stop_ns[0] = 0;
	s.options.limit = 30;
	go(&s);
	CHECK_INT(s.result.end, RUN_LIMITED);
	CHECK(s.result.resumed);
	check_each_once(&s, (int64_t)before + 30);
	scene_close(&s);
}

TEST(when_the_time_is_up_what_was_begun_is_finished)
{
	struct scene s;
	scene_open(&s, 500);
	s.w.drain_ns = 520 * HK_MS; /* in the middle of ten calls */
	go(&s);
	CHECK_INT(s.result.end, RUN_LIMITED);
	CHECK(s.result.time_is_up);
	CHECK_INT(s.w.finished, 1);
	check_each_once(&s, 110);
	CHECK_INT(s.w.calls, 110);
	CHECK(s.result.left > 0); /* read, and never attempted */
	CHECK(s.result.wall_ns < 560 * HK_MS);
	scene_close(&s);
}

TEST(when_the_time_is_up_the_grace_holds)
{
	struct scene s;
	scene_open(&s, 500);
	s.w.hangs = 3;
	s.w.drain_ns = 520 * HK_MS;
	s.options.grace_ns = 2 * HK_SEC;
	go(&s);
	CHECK_INT(s.result.end, RUN_LIMITED);
	check_each_once(&s, 3); /* in order: those behind it wait for it, and are left */
	CHECK(s.result.wall_ns >= 2520 * HK_MS && s.result.wall_ns < 2600 * HK_MS);
	scene_close(&s);
}

/* As at the end of the input: it was the records. A signal leaves them, it may be the file yet. */
TEST(when_the_time_is_up_what_is_in_doubt_is_dead)
{
	for (int by_signal = 0; by_signal < 2; by_signal++) {
		struct scene s;
		scene_open(&s, 500);
		s.step.common.concurrency.most = 1;
		s.w.bad_every = 1;
		*(by_signal ? &s.w.stop_ns[0] : &s.w.drain_ns) = 520 * HK_MS;
		go(&s);
		CHECK_INT(s.result.end, by_signal ? RUN_STOPPED_EARLY : RUN_LIMITED);
		CHECK_INT(s.result.counts.dead, by_signal ? 0 : 11);
		scene_close(&s);
	}
}

TEST(a_signal_after_the_time_was_up_is_an_early_stop)
{
	struct scene s;
	scene_open(&s, 500);
	s.w.hangs = 3;
	s.w.drain_ns = 520 * HK_MS;
	s.w.stop_ns[0] = 600 * HK_MS;
	go(&s);
	CHECK_INT(s.result.end, RUN_STOPPED_EARLY);
	CHECK_INT(s.w.finished, 0);
	CHECK(s.result.resumable);
	CHECK(s.result.wall_ns < 620 * HK_MS);
	go_on(&s);
	CHECK_INT(s.result.end, RUN_FINISHED);
	check_each_once(&s, 500);
	scene_close(&s);
}

/* ---- signals ---- */
TEST(a_second_stop_ends_it_at_once)
{
	struct scene s;
	scene_open(&s, 500);
	s.w.hangs = 3;
	s.w.stop_ns[0] = 520 * HK_MS;
	s.w.stop_ns[1] = 530 * HK_MS;
	go(&s);
	CHECK_INT(s.result.end, RUN_STOPPED_EARLY);
	CHECK(s.result.wall_ns < 540 * HK_MS);
	go_on(&s);
	CHECK_INT(s.result.end, RUN_FINISHED);
	check_each_once(&s, 500);
	scene_close(&s);
}

TEST(who_never_had_a_turn_does_not_hold_up_a_stop)
{
	for (int per_host = 0; per_host < 2; per_host++) {
		struct scene s;
		scene_open(&s, 100);
		s.step.common.rate.starts =
			(struct rate){ .count = 1, .per_ns = HK_SEC, .per_host = per_host };
		s.w.stop_ns[0] = 3010 * HK_MS; /* one call is on its way, fifty wait for theirs */
		go(&s);
		CHECK_INT(s.result.end, RUN_STOPPED_EARLY);
		CHECK_INT(s.w.calls, 4);
		CHECK(s.result.wall_ns < 3100 * HK_MS);
		check_each_once(&s, 4);
		s.step.common.rate.starts = (struct rate){ 0 };
		go_on(&s);
		CHECK_INT(s.result.end, RUN_FINISHED);
		check_each_once(&s, 100);
		scene_close(&s);
	}
}

TEST(who_waits_for_a_slot_does_not_hold_up_a_stop)
{
	struct scene s;
	scene_open(&s, 100);
	s.step.common.concurrency.most = 2;
	s.w.latency_ns = HK_SEC;
	s.w.stop_ns[0] = 500 * HK_MS;
	go(&s);
	CHECK_INT(s.w.calls, 2);
	CHECK(s.result.wall_ns < 1100 * HK_MS);
	check_each_once(&s, 2);
	scene_close(&s);
}

/* A retry that comes within the grace is waited for, one that does not is not. */
TEST(a_retry_is_waited_for_within_the_grace_only)
{
	static const struct {
		int64_t pause_ns, wall_ns;
		size_t rows;
		int status; /* 429 pauses the lane, 500 only its record */
	} cases[] = { { 2 * HK_SEC, 2200 * HK_MS, 10, 429 },
		      { 2 * HK_SEC, 2200 * HK_MS, 10, 500 },
		      { 60 * HK_SEC, 110 * HK_MS, 0, 429 },
		      { 60 * HK_SEC, 110 * HK_MS, 0, 500 } };
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct scene s;
		scene_open(&s, 10);
		s.w.throttled_ns = cases[i].pause_ns;
		s.w.throttled_as = cases[i].status;
		s.w.stop_ns[0] = 60 * HK_MS;
		go(&s);
		CHECK(s.result.wall_ns < cases[i].wall_ns);
		CHECK_INT(s.w.row_count, cases[i].rows); /* in order, and record 0 is first */
		go_on(&s);
		check_each_once(&s, 10);
		scene_close(&s);
	}
}

TEST(what_cannot_be_read_again_is_finished)
{
	struct scene s;
	scene_open(&s, 500);
	s.source.facts.restart = RESTART_LOSES;
	s.w.stop_ns[0] = 120 * HK_MS;
	go(&s);
	CHECK_INT(s.result.end, RUN_STOPPED_EARLY);
	CHECK(!s.result.resumable && s.result.volatile_source);
	CHECK_INT(s.result.left, 0);
	CHECK(s.w.read > 70 && s.w.read < 500);
	CHECK_INT(s.w.calls, s.w.read);
	check_each_once(&s, s.w.read);
	scene_close(&s);
}

TEST(what_has_no_end_is_drained)
{
	struct scene s;
	scene_open(&s, 1500);
	s.source.facts.endless = true;
	s.step.common.queue = 20;
	s.w.stop_ns[0] =
		120 * HK_MS; /* the source stands before a full queue, a record in its hand */
	go(&s);
	CHECK_INT(s.result.end, RUN_STOPPED_EARLY);
	CHECK(s.result.resumable);
	CHECK_INT(s.result.left, 0);
	check_each_once(&s, s.w.read);
	go_on(&s);
	check_each_once(&s, 1500);
	scene_close(&s);
}

TEST(a_grace_that_is_too_short_for_a_drain_leaves_the_rest)
{
	struct scene s;
	scene_open(&s, 1500);
	s.source.facts.endless = true;
	s.w.stop_ns[0] = 120 * HK_MS;
	s.options.grace_ns = 100 * HK_MS;
	go(&s);
	CHECK(s.result.left > 0);
	CHECK(s.result.wall_ns < 240 * HK_MS);
	go_on(&s);
	check_each_once(&s, 1500);
	scene_close(&s);
}

/* ---- too many dead ---- */
TEST(the_first_dead_letter_stops_it_and_paid_work_is_kept)
{
	struct scene s;
	scene_open(&s, 500);
	s.w.bad_from = 100;
	s.w.bad_every = 100;
	s.options.max_failures.count = 1;
	go(&s);
	CHECK_INT(s.result.end, RUN_STOPPED_BY_FAILURES);
	CHECK(s.result.resumable);
	CHECK_STR(s.result.err.text, "1 of 101 records failed, which is the limit; the last at "
				     "'call': answered 404");
	CHECK_INT(s.result.counts.dead, 1);
	CHECK_INT(s.w.finished, 0);
	CHECK_INT(s.w.calls, 110);
	CHECK_INT(s.w.row_count, 109); /* nine were in flight beside it: answered, and delivered */
	CHECK(s.result.wall_ns < 600 * HK_MS);
	s.w.bad_from = 501;
	go_on(&s);
	CHECK_INT(s.result.end, RUN_FINISHED);
	CHECK_INT(s.result.counts.dead, 1);
	CHECK_INT(s.w.row_count, 499);
	CHECK_INT(s.w.calls, 500);
	scene_close(&s);
}

TEST(no_more_are_dead_than_the_limit_says)
{
	struct scene s;
	scene_open(&s, 1000);
	s.w.bad_from = 50;
	s.w.bad_every = 1; /* all from there on */
	s.step.common.concurrency.most = 100;
	s.options.max_failures.count = 7;
	go(&s);
	CHECK_INT(s.result.end, RUN_STOPPED_BY_FAILURES);
	CHECK_INT(s.result.counts.dead, 7);
	CHECK_INT(s.w.row_count, 50);
	/* what an earlier part has buried does not count again */
	s.w.bad_from = s.w.bad_every = 500;
	go(&s);
	CHECK_INT(s.result.end, RUN_FINISHED);
	CHECK_INT(s.result.counts.dead, 8);
	scene_close(&s);
}

/* Not even where what was read is finished: the file must be mended first. */
TEST(who_never_had_a_turn_is_left_when_too_many_are_dead)
{
	struct scene s;
	scene_open(&s, 500);
	s.source.facts.restart = RESTART_LOSES;
	s.w.bad_from = s.w.bad_every = 100;
	s.options.max_failures.count = 1;
	go(&s);
	CHECK_INT(s.result.end, RUN_STOPPED_BY_FAILURES);
	CHECK_INT(s.w.calls, 110);
	CHECK(s.result.left > 0);
	scene_close(&s);
}

TEST(a_disk_that_fails_is_worse_than_too_many_dead)
{
	struct scene s;
	scene_open(&s, 100);
	s.w.bad_from = 5;
	s.w.bad_every = 5;
	s.w.disk_full = true;
	s.options.max_failures.count = 1;
	go(&s);
	CHECK_INT(s.result.end, RUN_FAILED);
	CHECK(strstr(s.result.err.text, "no space left"));
	CHECK_INT(s.w.row_count, 0);
	s.w.disk_full = false;
	go_on(&s);
	CHECK_INT(s.result.end, RUN_FINISHED);
	check_each_once(&s, 100);
	scene_close(&s);
}

TEST(too_many_dead_in_a_drain_do_not_cut_it_short)
{
	struct scene s;
	scene_open(&s, 100);
	s.w.bad_from = s.w.bad_every = 12;
	s.w.bad_after_ns = 10 * HK_MS; /* it is back before those that began with it: 10 to 15 */
	s.w.stops_at_call = 15;
	s.options.max_failures.count = 1;
	go(&s);
	CHECK_INT(s.result.end, RUN_STOPPED_BY_FAILURES);
	CHECK_INT(s.result.counts.dead, 1);
	CHECK_INT(s.w.row_count, 15);
	scene_close(&s);
}

TEST(a_share_counts_from_a_hundred_on)
{
	struct scene s;
	scene_open(&s, 1000);
	s.w.bad_every = 10; /* 10 % */
	s.step.common.concurrency.most = 1;
	s.options.max_failures.per_million = 50000;
	go(&s);
	CHECK_INT(s.result.end, RUN_STOPPED_BY_FAILURES);
	CHECK_INT(s.result.counts.dead, 11); /* of 101: before, there were too few to judge by */
	CHECK_INT(s.result.counts.admitted, 101);
	scene_close(&s);

	scene_open(&s, 1000);
	s.w.bad_every = 10;
	s.options.max_failures.per_million = 110000;
	go(&s);
	CHECK_INT(s.result.end, RUN_FINISHED);
	CHECK_INT(s.result.counts.dead, 100);
	scene_close(&s);
}

/* ---- connectors that say they were cancelled ---- */
TEST(a_call_that_lies_is_a_failure_of_its_record)
{
	for (int in_ask = 0; in_ask < 2; in_ask++) {
		struct scene s;
		scene_open(&s, 50);
		*(in_ask ? &s.w.lies_in_ask : &s.w.lies) = 20;
		go(&s);
		CHECK_INT(s.result.end, RUN_FINISHED);
		CHECK_INT(s.result.counts.dead, 1);
		CHECK_INT(s.result.counts.delivered, 49);
		CHECK_STR(s.result.kinds[0].class, "reset");
		CHECK(strstr(s.result.kinds[0].example, "nobody had cancelled it"));
		CHECK_INT(s.w.calls_of[20], in_ask ? 0 : 3);
		scene_close(&s);
	}
}

TEST(a_source_that_lies_fails)
{
	struct scene s;
	scene_open(&s, 50);
	s.w.source_lies = true;
	go(&s);
	CHECK_INT(s.result.end, RUN_FAILED);
	CHECK(strstr(s.result.err.text, "from numbers: it stopped, and nobody had asked it to"));
	CHECK_INT(s.w.finished, 0);
	s.w.source_lies = false;
	go_on(&s);
	check_each_once(&s, 50);
	scene_close(&s);
}

static const struct test tests[] = {
	T(a_limit_ends_the_source_at_its_last_record),
	T(a_limit_counts_what_this_part_reads),
	T(when_the_time_is_up_what_was_begun_is_finished),
	T(when_the_time_is_up_the_grace_holds),
	T(when_the_time_is_up_what_is_in_doubt_is_dead),
	T(a_signal_after_the_time_was_up_is_an_early_stop),
	T(a_second_stop_ends_it_at_once),
	T(who_never_had_a_turn_does_not_hold_up_a_stop),
	T(who_waits_for_a_slot_does_not_hold_up_a_stop),
	T(a_retry_is_waited_for_within_the_grace_only),
	T(what_cannot_be_read_again_is_finished),
	T(what_has_no_end_is_drained),
	T(a_grace_that_is_too_short_for_a_drain_leaves_the_rest),
	T(the_first_dead_letter_stops_it_and_paid_work_is_kept),
	T(no_more_are_dead_than_the_limit_says),
	T(who_never_had_a_turn_is_left_when_too_many_are_dead),
	T(a_disk_that_fails_is_worse_than_too_many_dead),
	T(too_many_dead_in_a_drain_do_not_cut_it_short),
	T(a_share_counts_from_a_hundred_on),
	T(a_call_that_lies_is_a_failure_of_its_record),
	T(a_source_that_lies_fails),
};

int main(void)
{
	return RUN_TESTS(tests);
}
