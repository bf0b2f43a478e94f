/* progress.c (tests) - what a run says of the step that holds it back, in virtual time */
#include "cli/progress.h"
#include "engine/scene.h"
#include <hocket/hocket.h>
#include <sys/mman.h>
#include <unistd.h>

struct world {
	struct place source, steps[2], sink;
	struct plan plan;
	char folder[64];
	struct buf said;
};

static int fake_run(struct site *at, struct intake *in, struct err *err)
{
	struct split *split = intake_split(in, "numbers");
	(void)at;
	for (int64_t n = 0; n < 600; n++)
		if (admit_number(in, split, n, err) < 0)
			return -1;
	return 0;
}

static int fake_ask(struct site *at, struct call *c, struct err *err)
{
	(void)at;
	(void)err;
	c->shown = S("a call");
	c->lane = S("http://far");
	c->safety = SAFE;
	return 0;
}

static bool far_pauses; /* it answers the first call: not within a minute */

static void fake_call(struct site *at, struct call *c)
{
	(void)at;
	if (far_pauses) {
		far_pauses = false;
		c->verdict = VERDICT_ANSWER;
		c->answer.status = 429;
		c->err.retry_after_ns = 60 * HK_SEC;
		return;
	}
	c->verdict = VERDICT_FAULT;
	if (hk_sleep(20 * HK_MS) < 0) {
		fail(&c->err, FAULT_CANCELLED, "cancelled");
		return;
	}
	c->verdict = VERDICT_ANSWER;
	c->answer.status = 200;
	c->answer.body = BODY_JSON;
	CHECK_INT(buf_add(&c->answer.value, S("{}")), 0);
}

static int fake_commit(struct site *at, const struct batch *b, struct buf *receipt, struct err *err)
{
	(void)at;
	(void)b;
	(void)err;
	buf_clear(receipt);
	return buf_add(receipt, S("0"));
}

static const struct port fake_source = { .name = "numbers", .roles = ROLE_SOURCE, .run = fake_run };
static const struct port fake_step = {
	.name = "call", .roles = ROLE_STEP, .ask = fake_ask, .call = fake_call
};
static const struct port fake_sink = { .name = "sink", .roles = ROLE_SINK, .commit = fake_commit };

static void world_open(struct world *w)
{
	*w = (struct world){ 0 };
	folder_make(w->folder);
	w->source = (struct place){ .role = ROLE_SOURCE, .port = &fake_source, .label = "numbers" };
	for (size_t i = 0; i < ARRAY_SIZE(w->steps); i++)
		w->steps[i] = (struct place){ .role = ROLE_STEP,
					      .port = &fake_step,
					      .label = i ? "smtp" : "sql",
					      .common = { .concurrency = { 4 } } };
	w->sink = (struct place){ .role = ROLE_SINK, .port = &fake_sink, .label = "sink" };
	w->plan = plan_of(w->folder, &w->source, w->steps, &w->sink);
	w->plan.step_count = ARRAY_SIZE(w->steps);
}

static int go_body(void *arg)
{
	struct world *w = arg;
	const struct run_options options = { 0 };
	struct run_result result;
	struct run *run = NULL;
	struct err err = { 0 };
	struct hk_group beside;
	CHECK_INT(run_open(&w->plan, &options, &run, &err), 0);
	struct progress *p = progress_new(run, &w->plan, PROGRESS_PLAIN);
	hk_group_open(&beside, NULL);
	CHECK_INT(hk_spawn(&beside, progress_task, p), 0);
	run_go(run, &result);
	CHECK_INT(result.end, RUN_FINISHED);
	hk_group_cancel(&beside);
	(void)!hk_group_close(&beside, 0);
	progress_free(p);
	run_close(run);
	return 0;
}

/* What it says goes to the standard error output. */
static void go(struct world *w)
{
	int to = memfd_create("said", MFD_CLOEXEC), before = dup(STDERR_FILENO);
	char text[16384];
	ASSERT(to >= 0 && before >= 0 && dup2(to, STDERR_FILENO) >= 0);
	CHECK_INT(hk_run(go_body, w, &(struct hk_run_options){ .virtual_clock = true, .seed = 1 }),
		  0);
	ASSERT(dup2(before, STDERR_FILENO) >= 0);
	ssize_t n = pread(to, text, sizeof text, 0);
	CHECK(n > 0);
	CHECK_INT(buf_add(&w->said, (struct slice){ text, n > 0 ? (size_t)n : 0 }), 0);
	close(before);
	close(to);
}

static void world_close(struct world *w)
{
	buf_done(&w->said);
	folder_remove(w->folder);
}

static bool says(const struct world *w, const char *what)
{
	return w->said.p && strstr(w->said.p, what);
}

/* Records pile up in all the steps before it, whose slots are free meanwhile. */
TEST(the_limit_is_the_step_that_has_the_rate)
{
	static struct world w;
	world_open(&w);
	w.steps[1].common.rate.starts = (struct rate){ .count = 4, .per_ns = HK_SEC };
	go(&w);
	CHECK(says(&w, "limit: smtp: its rate"));
	CHECK(!says(&w, "limit: sql"));
	world_close(&w);
}

TEST(the_limit_is_the_step_whose_slots_are_taken)
{
	static struct world w;
	world_open(&w);
	w.steps[1].common.concurrency.most = 1;
	w.steps[1].common.rate.starts = (struct rate){ .count = 1000, .per_ns = HK_SEC };
	go(&w);
	CHECK(!says(&w, "its rate"));
	world_close(&w);
}

TEST(a_pause_that_goes_on_is_not_a_rate)
{
	static struct world w;
	world_open(&w);
	w.plan.step_count = 1;
	far_pauses = true;
	go(&w);
	CHECK(says(&w, "limit: sql: the server's rate limit"));
	CHECK(!says(&w, "its rate"));
	world_close(&w);
}

static const struct test tests[] = {
	T(the_limit_is_the_step_that_has_the_rate),
	T(the_limit_is_the_step_whose_slots_are_taken),
	T(a_pause_that_goes_on_is_not_a_rate),
};

int main(void)
{
	return RUN_TESTS(tests);
}
