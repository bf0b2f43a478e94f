/* turns.c (tests) - calls that have a turn, in virtual time: one after the other, in order, with a gap, also when they are tried again
 *
 * Record n asks for the thing n % things. The far side notes when each call began and ended, and what each thing was told last. */
#include "engine/run.h"
#include "base/json.h"
#include "rt/in_loop.h"
#include "scene.h"
#include <stdio.h>
#include <unistd.h>

enum { RECORDS_MAX = 4000, THINGS_MAX = 4000 };

struct thing {
	int64_t ended_ns, last; /* the number that it was told last; -1: none */
	unsigned busy, told;
};
struct world {
	struct run *run;
	int64_t records, things, latency_ns, gap_ns;
	int64_t fails; /* with this one the first attempt fails; -1: none */
	int64_t hangs; /* this one does not end; -1: none */
	int64_t stop_at_ns;
	bool no_turns;
	struct thing thing[THINGS_MAX];
	unsigned in_flight, in_flight_high, overtaken, together, early, abandoned, asked;
};
static struct world *world;

static int source_run(struct site *at, struct intake *in, struct err *err)
{
	struct split *split = intake_split(in, "numbers");
	const struct position *from = split_from(split);
	(void)at;
	for (int64_t n = from ? (int64_t)from->offset : 0; n < world->records; n++) {
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
	c->safety = SAFE;
	c->request = world;
	world->asked++;
	if (world->no_turns)
		return 0;
	c->turn = slice_str(arena_printf(c->arena, "thing %lld",
					 (long long)(number_of(c->rec) % world->things)));
	c->turn_gap_ns = world->gap_ns;
	return 0;
}

static int work(struct thing *t, int64_t n, const struct call *c, struct err *err)
{
	struct world *w = world;
	if (hk_sleep(n == w->hangs ? HK_FOREVER : w->latency_ns) < 0)
		return fail(err, FAULT_CANCELLED, "cancelled");
	if (n == w->fails && c->attempt == 1)
		return fail(err, FAULT_RESET, "it broke off");
	w->overtaken += n < t->last;
	t->last = n;
	t->told++;
	return 0;
}

static void call_one(struct site *at, struct call *c)
{
	struct world *w = world;
	int64_t n = number_of(c->rec);
	struct thing *t = &w->thing[n % w->things];
	(void)at;
	w->together += t->busy++ > 0;
	w->early += t->ended_ns && hk_now_ns() < t->ended_ns + w->gap_ns;
	if (++w->in_flight > w->in_flight_high)
		w->in_flight_high = w->in_flight;
	int r = work(t, n, c, &c->err);
	w->in_flight--;
	t->busy--;
	t->ended_ns = hk_now_ns();
	c->verdict = r < 0 ? VERDICT_FAULT : VERDICT_ANSWER;
}

static void call_abandon(struct site *at, struct call *c)
{
	(void)at;
	CHECK(c->request == world);
	world->abandoned++;
	CHECK_INT(hk_sleep(HK_MS), 0); /* it has a moment, whatever becomes of the run */
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
	(void)b;
	(void)receipt;
	(void)err;
	return 0;
}

static const struct port source_port = { .name = "numbers",
					 .roles = ROLE_SOURCE,
					 .run = source_run };
static const struct port call_port = { .name = "call",
				       .roles = ROLE_STEP,
				       .ask = call_ask,
				       .call = call_one,
				       .abandon = call_abandon };
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

static struct scene *scene_open(int64_t records, int64_t things)
{
	struct scene *s = xcalloc(1, sizeof *s);
	s->w = (struct world){ .records = records, .things = things, .latency_ns = 10 * HK_MS };
	s->w.fails = s->w.hangs = -1;
	ASSERT(records <= RECORDS_MAX && things <= THINGS_MAX);
	for (int64_t i = 0; i < things; i++)
		s->w.thing[i].last = -1;
	folder_make(s->folder);
	s->retry = (struct retry_options){ .times = 4 };
	s->timeout = (struct timeout_options){ .total_ns = 30 * HK_SEC };
	s->source = (struct place){ .role = ROLE_SOURCE,
				    .port = &source_port,
				    .label = "numbers",
				    .facts = { .restart = RESTART_SEEKS } };
	s->step = (struct place){ .role = ROLE_STEP, .port = &call_port, .label = "call" };
	s->step.common =
		(struct common){ .concurrency = { 4 }, .retry = &s->retry, .timeout = &s->timeout };
	s->sink = (struct place){ .role = ROLE_SINK, .port = &sink_port, .label = "sink" };
	s->plan = plan_of(s->folder, &s->source, &s->step, &s->sink);
	return s;
}

static int stop_later(void *arg)
{
	struct world *w = arg;
	if (hk_sleep(w->stop_at_ns) < 0)
		return 0;
	run_stop(w->run);
	run_stop(w->run);
	return 0;
}

static int go_body(void *arg)
{
	struct scene *s = arg;
	struct err err = { 0 };
	struct hk_group group;
	CHECK_INT(run_open(&s->plan, &s->options, &s->w.run, &err), 0);
	hk_group_open(&group, &(struct hk_group_options){ .name = "stop" });
	if (s->w.stop_at_ns)
		CHECK_INT(hk_spawn(&group, stop_later, &s->w), 0);
	run_go(s->w.run, &s->result);
	hk_group_cancel(&group);
	CHECK(hk_group_close(&group, 0) <= 0);
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
	folder_remove(s->folder);
	free(s);
}

static void check_told(const struct scene *s)
{
	uint64_t told = 0;
	for (int64_t i = 0; i < s->w.things; i++)
		told += s->w.thing[i].told;
	CHECK_INT(s->result.end, RUN_FINISHED);
	CHECK_INT(told, s->w.records);
	CHECK_INT(s->w.together, 0);
	CHECK_INT(s->w.overtaken, 0);
	CHECK_INT(s->w.early, 0);
	CHECK_INT(s->w.abandoned, s->w.records);
}

TEST(without_a_turn_they_meet)
{
	struct scene *s = scene_open(100, 1);
	s->w.no_turns = true;
	go(s);
	CHECK(s->w.together > 0);
	CHECK_INT(s->w.in_flight_high, 4);
	scene_close(s);
}

TEST(one_thing_is_told_one_after_the_other)
{
	struct scene *s = scene_open(100, 1);
	go(s);
	check_told(s);
	CHECK_INT(s->w.in_flight_high, 1);
	CHECK_INT(s->w.thing[0].last, 99);
	scene_close(s);
}

TEST(other_things_do_not_wait)
{
	struct scene *s = scene_open(4000, 4000);
	go(s);
	check_told(s);
	CHECK_INT(s->w.in_flight_high, 4);
	/* 1,000 rounds of 10 ms */
	CHECK(s->result.wall_ns < 11 * HK_SEC);
	scene_close(s);
}

TEST(a_gap_is_kept_between_two)
{
	struct scene *s = scene_open(8, 2);
	s->w.gap_ns = HK_SEC;
	go(s);
	check_told(s);
	CHECK(s->result.wall_ns >= 3 * HK_SEC && s->result.wall_ns < 4 * HK_SEC);
	scene_close(s);
}

/* Nobody has it for a while, and it still rests. */
TEST(a_gap_outlives_the_line)
{
	struct scene *s = scene_open(400, 100);
	s->w.gap_ns = HK_SEC;
	go(s);
	check_told(s);
	CHECK(s->result.wall_ns >= 3 * HK_SEC && s->result.wall_ns < 6 * HK_SEC);
	scene_close(s);
}

/* Three wait for thing 0 all the time; what asks for others passes by, with all slots that are left. */
TEST(who_waits_for_a_turn_holds_no_slot)
{
	struct scene *s = scene_open(60, 30);
	s->w.gap_ns = 10 * HK_SEC;
	s->step.common.queue = 200;
	go(s);
	check_told(s);
	CHECK(s->result.wall_ns < 11 * HK_SEC);
	scene_close(s);
}

TEST(the_turn_is_kept_over_retries)
{
	struct scene *s = scene_open(40, 2);
	s->w.fails = 2;
	go(s);
	check_told(s);
	scene_close(s);
}

TEST(a_stop_ends_the_waiting)
{
	struct scene *s = scene_open(20, 1);
	s->w.hangs = 3;
	s->timeout.total_ns = HK_SEC * 3600;
	s->w.stop_at_ns = 5 * HK_SEC;
	go(s);
	CHECK(s->result.end != RUN_FINISHED);
	CHECK_INT(s->w.thing[0].told, 3);
	CHECK_INT(s->w.abandoned, s->w.asked);
	CHECK(s->result.wall_ns < 6 * HK_SEC);
	scene_close(s);
}

static const struct test tests[] = {
	T(without_a_turn_they_meet),      T(one_thing_is_told_one_after_the_other),
	T(other_things_do_not_wait),      T(a_gap_is_kept_between_two),
	T(a_gap_outlives_the_line),       T(who_waits_for_a_turn_holds_no_slot),
	T(the_turn_is_kept_over_retries), T(a_stop_ends_the_waiting),
};

int main(void)
{
	return RUN_TESTS(tests);
}
