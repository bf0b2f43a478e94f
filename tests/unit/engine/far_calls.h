/* far_calls.h - a run of three places in virtual time, and the far side that it calls
 *
 * The source gives {"n":0} .. {"n":N-1}; the call step sleeps and fails as the scenario says; the sink keeps what was committed, rows
 * and mark together, across runs, so that it is the witness. Only the state file is real. */
#pragma once
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
