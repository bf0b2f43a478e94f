/* memory.c (tests) - the budget while a far side is away, in virtual time: who waits for it holds back what would bring more
 *
 * One step fetches bodies of 20 KB, the next hands each over to one of two servers: that takes nothing for a minute, or one in a while. Before the
 * budget was kept to, the fetches went on one at a time until the whole window was in memory. */
#include "engine/run.h"

#include "rt/in_loop.h"
#include "scene.h"
#include <stdio.h>

enum { RECORDS = 200, BODY = 20000, BUDGET = 1 << 20, FETCHES = 2 };

static struct {
	struct run *run;
	int64_t down_from_ns, down_to_ns;
	bool away, one_is_up;
	int64_t stop_at_ns;
	unsigned fetched, fetched_while_down, taken, row_count;
	unsigned rows_of[RECORDS];
} world;

static int source_run(struct site *at, struct intake *in, struct err *err)
{
	struct split *split = intake_split(in, "numbers");
	const struct position *from = split_from(split);
	(void)at;
	for (int64_t n = from ? (int64_t)from->offset : 0; n < RECORDS; n++)
		if (admit_number(in, split, n, err) < 0)
			return -1;
	return 0;
}

static bool is_down(const struct rec *rec)
{
	bool up = world.one_is_up && number_of(rec) % 2;
	return !up && hk_now_ns() >= world.down_from_ns && hk_now_ns() < world.down_to_ns;
}

static int fetch_ask(struct site *at, struct call *c, struct err *err)
{
	(void)at;
	(void)err;
	c->shown = S("GET");
	c->safety = SAFE;
	return 0;
}

static void fetch_call(struct site *at, struct call *c)
{
	static char body[BODY];
	(void)at;
	memset(body, 'x', sizeof body);
	if (hk_sleep(HK_MS) < 0) {
		c->verdict = VERDICT_FAULT;
		(void)fail(&c->err, FAULT_CANCELLED, "cancelled");
		return;
	}
	world.fetched++;
	world.fetched_while_down += is_down(c->rec);
	c->verdict = VERDICT_ANSWER;
	c->answer.status = 200;
	c->answer.body = BODY_TEXT;
	CHECK_INT(buf_add(&c->answer.value, (struct slice){ body, sizeof body }), 0);
}

static int send_ask(struct site *at, struct call *c, struct err *err)
{
	(void)at;
	(void)err;
	c->shown = S("SEND");
	c->safety = SAFE;
	c->lane = number_of(c->rec) % 2 ? S("smtp://odd") : S("smtp://even");
	return 0;
}

static void send_call(struct site *at, struct call *c)
{
	(void)at;
	int r = hk_sleep(5 * HK_MS);
	c->verdict = r < 0 || is_down(c->rec) ? VERDICT_FAULT : VERDICT_ANSWER;
	c->err.away = world.away && r == 0;
	if (r < 0)
		(void)fail(&c->err, FAULT_CANCELLED, "cancelled");
	else if (c->verdict == VERDICT_FAULT)
		(void)fail(&c->err, FAULT_REFUSED, "it is down");
	else
		world.taken++;
	c->answer.status = 200;
}

static int sink_resume(struct site *at, struct resumption *r, struct err *err)
{
	(void)at;
	(void)r;
	(void)err;
	return 0;
}

static int sink_commit(struct site *at, const struct batch *b, struct buf *receipt, struct err *err)
{
	(void)at;
	(void)receipt;
	(void)err;
	for (size_t i = 0; i < b->n; i++)
		world.rows_of[number_of(b->recs[i])]++;
	world.row_count += (unsigned)b->n;
	return 0;
}

static const struct port fake_source = { .name = "numbers",
					 .roles = ROLE_SOURCE,
					 .run = source_run };
static const struct port fake_fetch = {
	.name = "fetch", .roles = ROLE_STEP, .ask = fetch_ask, .call = fetch_call
};
static const struct port fake_send = {
	.name = "send", .roles = ROLE_STEP, .ask = send_ask, .call = send_call
};
static const struct port fake_sink = {
	.name = "witness", .roles = ROLE_SINK, .resume = sink_resume, .commit = sink_commit
};

/* ---- a run ---- */
struct scene {
	struct place source, steps[2], sink;
	struct plan plan;
	struct retry_options retry;
	struct run_options options;
	struct run_result result;
	char folder[64];
};

static void scene_open(struct scene *s)
{
	static const struct slice body[] = { { "body", 4 } }, sent[] = { { "sent", 4 } };
	memset(&world, 0, sizeof world);
	world.down_to_ns = 60 * HK_SEC;
	*s = (struct scene){ .retry = { .times = 1000 } };
	folder_make(s->folder);
	s->source = (struct place){ .role = ROLE_SOURCE,
				    .port = &fake_source,
				    .label = "numbers",
				    .facts = { .restart = RESTART_SEEKS } };
	s->steps[0] =
		(struct place){ .role = ROLE_STEP,
				.port = &fake_fetch,
				.label = "fetch",
				.common = { .concurrency = { FETCHES }, .into = { body, 1 } } };
	s->steps[1] = (struct place){
		.role = ROLE_STEP,
		.port = &fake_send,
		.label = "send",
		.common = { .concurrency = { 4 }, .retry = &s->retry, .into = { sent, 1 } },
		.facts = { .away_ns = 900 * HK_SEC }
	};
	s->sink = (struct place){ .role = ROLE_SINK, .port = &fake_sink, .label = "witness" };
	s->plan = plan_of(s->folder, &s->source, s->steps, &s->sink);
	s->plan.step_count = 2;
	s->plan.memory_bytes = BUDGET;
}

static int stopper(void *arg)
{
	(void)arg;
	if (hk_sleep(world.stop_at_ns) == 0)
		run_stop(world.run);
	return 0;
}

static int go_body(void *arg)
{
	struct scene *s = arg;
	struct err err = { 0 };
	struct hk_group beside;
	CHECK_INT(run_open(&s->plan, &s->options, &world.run, &err), 0);
	world.down_from_ns += hk_now_ns();
	world.down_to_ns += hk_now_ns();
	hk_group_open(&beside, NULL);
	if (world.stop_at_ns)
		CHECK_INT(hk_group_spawn(&beside, stopper, NULL, NULL), 0);
	run_go(world.run, &s->result);
	hk_group_cancel(&beside);
	CHECK_INT(hk_group_close(&beside, 0), 0);
	run_close(world.run);
	return 0;
}

static void go(struct scene *s)
{
	CHECK_INT(hk_run(go_body, s, &(struct hk_run_options){ .virtual_clock = true }), 0);
}

/* Each that is fetched, or may be, takes its body twice: as the answer, and in the record. */
static void check_peak(const struct scene *s)
{
	CHECK(s->result.peak_bytes <= BUDGET + 2 * FETCHES * (BODY + 1000));
	CHECK(s->result.peak_bytes > BUDGET / 2); /* it was short */
	CHECK(world.fetched_while_down <= BUDGET / BODY + 2 * FETCHES);
}

static void scene_close(struct scene *s)
{
	CHECK_INT(s->result.end, RUN_FINISHED);
	CHECK_INT(s->result.counts.dead, 0);
	CHECK_INT(world.row_count, RECORDS);
	for (size_t i = 0; i < RECORDS; i++)
		CHECK_INT(world.rows_of[i], 1);
	folder_remove(s->folder);
}

TEST(who_waits_for_a_server_that_is_away_keeps_to_the_budget)
{
	struct scene s;
	scene_open(&s);
	world.away = true;
	go(&s);
	check_peak(&s);
	CHECK(s.result.wall_ns < 100 * HK_SEC); /* and soon goes on when it is back */
	scene_close(&s);
}

TEST(who_waits_for_its_next_attempt_keeps_to_the_budget)
{
	struct scene s;
	scene_open(&s);
	world.down_from_ns = 50 * HK_MS; /* it has served before: its circuit opens */
	go(&s);
	check_peak(&s);
	CHECK(s.result.wall_ns < 100 * HK_SEC);
	scene_close(&s);
}

TEST(who_waits_for_a_rate_keeps_to_the_budget)
{
	struct scene s;
	scene_open(&s);
	world.down_to_ns = 0;
	s.steps[1].common.rate.starts = (struct rate){ .count = 1, .per_ns = HK_SEC };
	go(&s);
	check_peak(&s);
	CHECK(s.result.wall_ns <
	      (RECORDS + 2) * HK_SEC); /* the rate alone says how long it takes */
	scene_close(&s);
}

TEST(one_of_two_servers_is_away_and_all_arrive)
{
	struct scene s;
	for (int any_order = 0; any_order < 2; any_order++) {
		scene_open(&s);
		world.one_is_up = true;
		s.plan.any_order = any_order;
		go(&s);
		check_peak(&s);
		CHECK(s.result.wall_ns < 100 * HK_SEC);
		scene_close(&s);
	}
}

TEST(a_stop_ends_also_those_who_wait_behind_the_budget)
{
	struct scene s;
	scene_open(&s);
	world.away = true;
	world.stop_at_ns = 20 * HK_SEC;
	s.options.grace_ns = 30 * HK_SEC;
	go(&s);
	CHECK_INT(s.result.end, RUN_STOPPED_EARLY);
	CHECK(s.result.wall_ns < 21 * HK_SEC); /* nobody of them may come to a turn */
	world.stop_at_ns = world.down_to_ns = 0;
	go(&s);
	scene_close(&s);
}

static const struct test tests[] = {
	T(who_waits_for_a_server_that_is_away_keeps_to_the_budget),
	T(who_waits_for_its_next_attempt_keeps_to_the_budget),
	T(who_waits_for_a_rate_keeps_to_the_budget),
	T(one_of_two_servers_is_away_and_all_arrive),
	T(a_stop_ends_also_those_who_wait_behind_the_budget),
};

int main(void)
{
	return RUN_TESTS(tests);
}
