/* gate.c (tests) - many records in one call, in virtual time: how many, how soon, at what price, and whose fault it was
 *
 * The far side takes up to `batch` requests a call and notes each call: when, how many, who. What several calls with trouble of all
 * kinds and crashes do together stands in paid.c; here each rule is looked at alone. */
#include "engine/run.h"
#include "base/json.h"
#include "rt/in_loop.h"
#include "scene.h"
#include <stdio.h>
#include <unistd.h>

enum { CALLS_MAX = 4000, RECORDS_MAX = 4000 };

struct shared_call {
	int64_t at_ns;
	size_t n;
};
struct world {
	struct run *run;
	int64_t records, gap_ns; /* between two records of the source */
	int64_t latency_ns;
	int64_t poison, poison_2; /* refused for good; -1: none */
	bool names_row;
	int64_t breaks;  /* with this one in it a call breaks off; -1: none */
	int64_t crashes; /* a worker that has it ends; -1: none */
	int64_t hangs;   /* a call with it does not end */
	int64_t locked;  /* a call with it is undone, and may be made again */
	bool unsafe;
	size_t refused; /* so many calls are not even taken */
	size_t stop_at; /* at this call the run is stopped */
	size_t cut_at;  /* behind this call it is cut short */
	struct shared_call calls[CALLS_MAX];
	size_t call_count;
	unsigned in_flight, in_flight_high;
	unsigned answered[RECORDS_MAX], asked[RECORDS_MAX], attempt[RECORDS_MAX];
	int64_t rows[RECORDS_MAX];
	size_t row_count;
	struct buf mark;
};
static struct world *world;

static int source_run(struct site *at, struct intake *in, struct err *err)
{
	struct split *split = intake_split(in, "numbers");
	const struct position *from = split_from(split);
	(void)at;
	for (int64_t n = from ? (int64_t)from->offset : 0; n < world->records; n++) {
		if (world->gap_ns && hk_sleep(world->gap_ns) < 0)
			return fail(err, FAULT_CANCELLED, "stopped");
		if (admit_number(in, split, n, err) < 0)
			return -1;
	}
	return 0;
}

static int call_ask(struct site *at, struct call *c, struct err *err)
{
	(void)at;
	(void)err;
	c->shown = S("CALL");
	c->lane = S("fake://far");
	c->safety = world->unsafe ? UNSAFE : SAFE;
	return 0;
}

static bool has(struct call *const *calls, size_t n, int64_t who, size_t *ret)
{
	for (size_t i = 0; i < n && who >= 0; i++)
		if (number_of(calls[i]->rec) == who) {
			*ret = i + 1;
			return true;
		}
	return false;
}

static int befall(struct call *const *calls, size_t n, struct err *err)
{
	struct world *w = world;
	size_t at = 0, other = 0;
	if (w->call_count <= w->refused)
		return fail(err, FAULT_REFUSED, "not yet");
	err->sent = true;
	bool hangs = has(calls, n, w->hangs, &at);
	int r = hk_sleep(hangs ? HK_FOREVER : w->latency_ns);
	if (r < 0)
		return fail_errno(err, FAULT_CANCELLED, r, "cancelled");
	if (has(calls, n, w->breaks, &at))
		return fail(err, FAULT_RESET, "it broke off");
	if (has(calls, n, w->crashes, &at))
		return fail(err, FAULT_WORKER_CRASH, "it ended");
	err->sent = false;
	if (has(calls, n, w->locked, &at)) {
		memcpy(err->state, "55P03", sizeof err->state);
		return fail(err, FAULT_SQL, "somebody else has the row");
	}
	bool bad = has(calls, n, w->poison, &at), second = has(calls, n, w->poison_2, &other);
	if (!bad && !second)
		return 0;
	err->whole = !w->names_row;
	if (w->names_row)
		err->row = bad && (!second || at < other) ? at : other;
	return fail(err, FAULT_BAD_VALUE, "one of them is refused");
}

static void call_many(struct site *at, struct call *const *calls, size_t n)
{
	struct world *w = world;
	struct err err = { 0 };
	(void)at;
	ASSERT(w->call_count < CALLS_MAX);
	w->calls[w->call_count++] = (struct shared_call){ hk_now_ns(), n };
	if (w->call_count == w->stop_at)
		run_stop(w->run);
	if (++w->in_flight > w->in_flight_high)
		w->in_flight_high = w->in_flight;
	int r = befall(calls, n, &err);
	w->in_flight--;
	for (int i = 0; i < 2 && w->call_count == w->cut_at; i++)
		run_stop(w->run);
	for (size_t i = 0; i < n; i++) {
		struct call *c = calls[i];
		int64_t who = number_of(c->rec);
		w->asked[who]++;
		w->attempt[who] = c->attempt;
		c->verdict = r < 0 ? VERDICT_FAULT : VERDICT_ANSWER;
		c->err = err;
		if (r < 0)
			continue;
		w->answered[who]++;
		c->answer.body = BODY_JSON;
		CHECK_INT(buf_printf(&c->answer.value, "%lld", (long long)who * 2), 0);
	}
}

static void call_one(struct site *at, struct call *c)
{
	call_many(at, &c, 1);
}

static int sink_resume(struct site *at, struct resumption *r, struct err *err)
{
	(void)at;
	(void)err;
	return buf_add(&r->mark, buf_slice(&world->mark));
}

/* Each has the answer that was made for it. */
static int sink_commit(struct site *at, const struct batch *b, struct buf *receipt, struct err *err)
{
	(void)at;
	(void)err;
	(void)receipt;
	for (size_t i = 0; i < b->n; i++) {
		struct slice raw;
		int64_t n = number_of(b->recs[i]), twice = -1;
		CHECK(json_field(rec_json(b->recs[i]), S("twice"), &raw) &&
		      units_int(raw, &twice) == 0);
		CHECK_INT(twice, 2 * n);
		ASSERT(world->row_count < RECORDS_MAX);
		world->rows[world->row_count++] = n;
	}
	buf_clear(&world->mark);
	return buf_add(&world->mark, b->mark);
}

static const struct port source_port = { .name = "numbers",
					 .roles = ROLE_SOURCE,
					 .run = source_run };
static const struct port call_port = { .name = "call",
				       .roles = ROLE_STEP,
				       .ask = call_ask,
				       .call = call_one,
				       .call_many = call_many };
static const struct port sink_port = {
	.name = "sink", .roles = ROLE_SINK, .resume = sink_resume, .commit = sink_commit
};

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

static struct scene *scene_open(int64_t records, int64_t batch)
{
	static const struct slice twice[] = { { "twice", 5 } };
	struct scene *s = xcalloc(1, sizeof *s);
	world = &s->w;
	s->w.records = records;
	s->w.latency_ns = 10 * HK_MS;
	s->w.poison = s->w.poison_2 = s->w.breaks = s->w.crashes = s->w.hangs = s->w.locked = -1;
	folder_make(s->folder);
	s->retry = (struct retry_options){ .times = 4 };
	s->timeout = (struct timeout_options){ .total_ns = 30 * HK_SEC };
	s->source = (struct place){ .role = ROLE_SOURCE,
				    .port = &source_port,
				    .label = "numbers",
				    .facts = { .restart = RESTART_SEEKS } };
	s->step = (struct place){ .role = ROLE_STEP, .port = &call_port, .label = "call" };
	s->step.common = (struct common){ .concurrency = { 4 },
					  .retry = &s->retry,
					  .timeout = &s->timeout,
					  .into = { twice, 1 },
					  .batch = batch,
					  .linger_ns = 5 * HK_MS };
	s->sink = (struct place){ .role = ROLE_SINK,
				  .port = &sink_port,
				  .label = "sink",
				  .facts = { .own_mark = true, .guarantee = TRANSACTIONAL } };
	s->plan = plan_of(s->folder, &s->source, &s->step, &s->sink);
	return s;
}

static int go_body(void *arg)
{
	struct scene *s = arg;
	struct err err = { 0 };
	CHECK_INT(run_open(&s->plan, &s->options, &s->w.run, &err), 0);
	run_go(s->w.run, &s->result);
	run_close(s->w.run);
	return 0;
}

static void go(struct scene *s)
{
	world = &s->w;
	CHECK_INT(hk_run(go_body, s, &(struct hk_run_options){ .virtual_clock = true, .seed = 5 }),
		  0);
}

static void scene_close(struct scene *s)
{
	buf_done(&s->w.mark);
	folder_remove(s->folder);
	free(s);
}

/* All but the dead are there, once, in order. */
static void check_rows(const struct scene *s, uint64_t dead)
{
	CHECK_INT(s->result.end, RUN_FINISHED);
	CHECK_INT(s->result.counts.dead, dead);
	CHECK_INT(s->w.row_count, s->w.records - (int64_t)dead);
	for (size_t i = 1; i < s->w.row_count; i++)
		CHECK(s->w.rows[i] > s->w.rows[i - 1]);
	for (int64_t n = 0; n < s->w.records; n++)
		CHECK_INT(s->w.answered[n], n != s->w.poison && n != s->w.poison_2 &&
						    n != s->w.breaks && n != s->w.hangs &&
						    n != s->w.crashes && n != s->w.locked);
}

static size_t largest_call(const struct world *w)
{
	size_t most = 0;
	for (size_t i = 0; i < w->call_count; i++)
		most = w->calls[i].n > most ? w->calls[i].n : most;
	return most;
}

/* ---- how many, how soon ---- */
TEST(a_call_takes_up_to_n_and_each_gets_its_own_answer)
{
	struct scene *s = scene_open(2000, 50);
	go(s);
	check_rows(s, 0);
	CHECK_INT(largest_call(&s->w), 50);
	CHECK(s->w.call_count <= 44); /* 40, if each is full */
	CHECK_INT(s->w.in_flight_high, 4);
	scene_close(s);
}

/* A record each 2 ms, and 5 ms to wait: three go together, and nobody waits longer. */
TEST(who_comes_late_is_not_waited_for)
{
	struct scene *s = scene_open(300, 50);
	s->w.gap_ns = 2 * HK_MS;
	go(s);
	check_rows(s, 0);
	CHECK(largest_call(&s->w) >= 2 && largest_call(&s->w) <= 4);
	/* the source's 600 ms, and the last call's waiting and answering */
	CHECK(s->result.wall_ns < 650 * HK_MS);
	scene_close(s);
}

TEST(without_linger_nobody_waits)
{
	struct scene *s = scene_open(20, 50);
	s->w.gap_ns = 20 * HK_MS;
	s->step.common.linger_ns = 0;
	s->w.latency_ns = HK_MS;
	go(s);
	check_rows(s, 0);
	CHECK_INT(s->w.call_count, 20);
	for (size_t i = 0; i < s->w.call_count; i++)
		CHECK_INT(s->w.calls[i].at_ns, s->w.calls[0].at_ns + (int64_t)i * 20 * HK_MS);
	scene_close(s);
}

/* While all slots are taken, those who wait gather, and nobody lingers on top of that. */
TEST(who_waits_for_a_slot_has_waited_enough)
{
	struct scene *s = scene_open(2000, 100);
	s->step.common.concurrency.most = 1;
	s->w.gap_ns = HK_MS / 2;
	s->w.latency_ns = 40 * HK_MS;
	go(s);
	check_rows(s, 0);
	CHECK(s->result.wall_ns < 1120 * HK_MS);
	for (size_t i = 2; i + 1 < s->w.call_count; i++)
		CHECK(s->w.calls[i].n >= 70);
	scene_close(s);
}

TEST(a_small_queue_makes_small_calls_and_no_waiting)
{
	struct scene *s = scene_open(200, 100);
	s->step.common.queue = 10;
	go(s);
	check_rows(s, 0);
	CHECK(largest_call(&s->w) <= 10);
	CHECK(s->result.wall_ns < 20 * 16 * HK_MS);
	scene_close(s);
}

TEST(a_rate_counts_calls)
{
	struct scene *s = scene_open(1000, 50);
	s->step.common.rate.starts = (struct rate){ .count = 10, .per_ns = HK_SEC };
	go(s);
	check_rows(s, 0);
	CHECK(s->w.call_count <= 24);
	for (size_t i = 1; i < s->w.call_count; i++)
		CHECK(s->w.calls[i].at_ns - s->w.calls[i - 1].at_ns >= 100 * HK_MS);
	scene_close(s);
}

/* ---- whose fault ---- */
TEST(one_that_is_refused_is_dead_alone)
{
	static const int64_t places[] = { 0, 1, 99, 137, 199 };
	for (size_t i = 0; i < 2 * ARRAY_SIZE(places); i++) {
		struct scene *s = scene_open(200, 200);
		s->w.poison = places[i / 2];
		s->w.names_row = i % 2;
		go(s);
		check_rows(s, 1);
		/* Two calls a halving at most; or those before, those behind. */
		CHECK(s->w.call_count <= (i % 2 ? 3 : 1 + 2 * 8));
		for (int64_t n = 0; n < 200; n++)
			CHECK_INT(s->w.attempt[n], 1); /* none of that counts */
		scene_close(s);
	}
}

TEST(two_in_one_call_are_dead_and_nobody_else)
{
	for (int row = 0; row < 2; row++) {
		struct scene *s = scene_open(300, 100);
		s->w.poison = 10;
		s->w.poison_2 = 11 + 60 * row;
		s->w.names_row = row;
		s->retry.times = 0;
		go(s);
		check_rows(s, 2);
		scene_close(s);
	}
}

/* A record that takes the connection down with it takes nobody else along, also without retries. */
TEST(what_breaks_off_in_company_is_tried_again_alone)
{
	for (int64_t times = 0; times < 3; times++) {
		struct scene *s = scene_open(400, 100);
		s->w.breaks = 250;
		s->retry.times = times;
		go(s);
		check_rows(s, 1);
		CHECK_INT(s->w.asked[250], 2 + times);
		for (int64_t n = 0; n < 400; n++)
			CHECK(s->w.asked[n] <= 2 || n == 250);
		scene_close(s);
	}
}

/* In company once, then once more, alone: then it is dead, whatever `retry` says; and those who were with it are done. */
TEST(a_worker_that_ends_gets_the_record_once_more_alone)
{
	for (size_t batch = 1; batch <= 100; batch += 99)
		for (int64_t times = 0; times < 4; times += 3) {
			struct scene *s = scene_open(400, batch);
			s->w.crashes = 250;
			s->retry.times = times;
			go(s);
			check_rows(s, 1);
			CHECK_INT(s->w.asked[250], batch == 1 && times == 0 ? 1 : 2);
			for (int64_t n = 0; n < 400; n++)
				CHECK(s->w.asked[n] <= (batch > 1 ? 2u : 1u) || n == 250);
			scene_close(s);
		}
}

TEST(one_that_hangs_is_timed_out_alone)
{
	struct scene *s = scene_open(400, 100);
	s->w.hangs = 42;
	s->timeout.total_ns = HK_SEC;
	s->retry.times = 1;
	go(s);
	check_rows(s, 1);
	CHECK_INT(s->w.asked[42], 3);
	CHECK(s->result.wall_ns < 5 * HK_SEC);
	scene_close(s);
}

/* One whose row is locked for long brings down each call that it is in; in the end it is alone with that. */
TEST(one_that_is_locked_out_is_dead_alone)
{
	for (int64_t times = 0; times < 3; times++) {
		struct scene *s = scene_open(400, 100);
		s->w.locked = 250;
		s->retry.times = times;
		go(s);
		check_rows(s, 1);
		CHECK(s->w.asked[250] <= 2 + times);
		scene_close(s);
	}
}

/* What was not taken is nobody's fault: they go together again. */
TEST(who_is_not_let_in_stays_in_company)
{
	struct scene *s = scene_open(100, 100);
	s->w.refused = 2;
	go(s);
	check_rows(s, 0);
	CHECK_INT(s->w.call_count, 3);
	CHECK_INT(s->w.calls[2].n, 100);
	scene_close(s);
}

/* ---- stops ---- */
TEST(a_stop_ends_calls_in_flight_and_leaves_who_waits)
{
	struct scene *s = scene_open(2000, 50);
	s->w.latency_ns = HK_SEC;
	s->w.stop_at = 10;
	go(s);
	CHECK_INT(s->result.end, RUN_STOPPED_EARLY);
	CHECK(s->w.call_count <= 12);
	size_t done = s->w.row_count;
	CHECK(done >= 400 && done <= 600);
	s->w.stop_at = 0;
	go(s);
	check_rows(s, 0); /* nobody was answered twice */
	scene_close(s);
}

TEST(a_second_stop_leaves_all_of_a_call_to_the_next_run)
{
	struct scene *s = scene_open(500, 50);
	s->w.latency_ns = 60 * HK_SEC;
	s->timeout.total_ns = 600 * HK_SEC;
	s->w.stop_at = 2;
	s->options.grace_ns = HK_SEC;
	go(s);
	CHECK_INT(s->result.end, RUN_STOPPED_EARLY);
	CHECK_INT(s->w.row_count, 0);
	s->w.stop_at = 0;
	go(s);
	check_rows(s, 0);
	scene_close(s);
}

/* Calls that must not be made twice: who was only in one that was undone, and is cut off before the next, is not in doubt. */
TEST(who_is_cut_off_behind_a_refused_call_is_called_by_the_next_run)
{
	struct scene *s = scene_open(100, 100);
	s->w.unsafe = s->step.facts.paid = true;
	s->w.poison = 50;
	s->w.cut_at = 1;
	go(s);
	CHECK_INT(s->result.end, RUN_STOPPED_EARLY);
	CHECK_INT(s->w.row_count, 0);
	s->w.cut_at = 0;
	go(s);
	check_rows(s, 1);
	scene_close(s);
}

/* ---- memory ---- */
/* Nobody holds room for answers while it waits at the gate, and a small budget makes smaller calls, not none. */
TEST(a_small_budget_ends_as_well)
{
	struct scene *s = scene_open(3000, 500);
	s->plan.memory_bytes = 1u << 20;
	go(s);
	check_rows(s, 0);
	scene_close(s);
}

static const struct test tests[] = {
	T(a_call_takes_up_to_n_and_each_gets_its_own_answer),
	T(who_comes_late_is_not_waited_for),
	T(without_linger_nobody_waits),
	T(who_waits_for_a_slot_has_waited_enough),
	T(a_small_queue_makes_small_calls_and_no_waiting),
	T(a_rate_counts_calls),
	T(one_that_is_refused_is_dead_alone),
	T(two_in_one_call_are_dead_and_nobody_else),
	T(what_breaks_off_in_company_is_tried_again_alone),
	T(a_worker_that_ends_gets_the_record_once_more_alone),
	T(one_that_hangs_is_timed_out_alone),
	T(one_that_is_locked_out_is_dead_alone),
	T(who_is_not_let_in_stays_in_company),
	T(who_is_cut_off_behind_a_refused_call_is_called_by_the_next_run),
	T(a_stop_ends_calls_in_flight_and_leaves_who_waits),
	T(a_second_stop_leaves_all_of_a_call_to_the_next_run),
	T(a_small_budget_ends_as_well),
};

int main(void)
{
	return RUN_TESTS(tests);
}
