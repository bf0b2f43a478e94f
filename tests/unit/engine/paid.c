/* paid.c (tests) - calls that cost: crashes at any moment, and a far side that counts what it did
 *
 * A crash is a copy of the state's folder as it is at that moment; what the process does after it reaches nobody: neither the far
 * side, nor the sink, nor the state that the next run finds. The far side is the witness: how often it charged whom. */
#include "engine/run.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/rand.h"
#include "engine/call/journal.h"
#include "rt/in_loop.h"
#include "scene.h"
#include <stdio.h>
#include <unistd.h>

enum { RECORDS_MAX = 60, CHILDREN = 4, PARTS_MAX = 60, KEYS_MAX = 4000 };

struct charge { /* what the far side did */
	char key[80];
	int64_t n, c, version;
};
struct world {
	struct rand rnd;
	struct run *run;
	int64_t records, distinct; /* distinct: so many requests differ; 0: all */
	int64_t source_waits_ns;
	unsigned refused_percent, lost_percent, busy_percent, broken_percent, crash_percent,
		stop_percent, drain_percent;
	bool expands; /* a step before makes children, others each time */
	bool calling_sink;
	bool named;      /* the key is a name that nobody looks for */
	unsigned batch;  /* most in one call, which is done for all or for none; 0: one */
	bool names_row;  /* a refusal says whose it is */
	int64_t poison;  /* of so many records one is refused; 0: none */
	uint64_t shared; /* calls for several */
	bool crashed;
	unsigned crashes;

	struct charge charges[KEYS_MAX];
	size_t charge_count;
	uint64_t calls, twice;
	int64_t rows[KEYS_MAX];
	int64_t row_versions[KEYS_MAX];
	size_t row_count;
	struct buf mark;

	struct place source, steps[2], sink;
	struct retry_options retry;
	struct plan plan;
	char folder[64];
	struct run_options options;
	struct run_result result;
	char notice[600];
	uint64_t recalled, unknown;
};
static struct world *world;

static bool happens(unsigned percent)
{
	return rand_below(&world->rnd, 100) < percent;
}

static int64_t number(const struct rec *rec, const char *key)
{
	struct slice raw;
	int64_t n = 0;
	return json_field(rec_json(rec), slice_str(key), &raw) && units_int(raw, &n) == 0 ? n : -1;
}

/* ---- a crash: the folder as it is now is what the next run finds ---- */
static void shell(const char *fmt, ...)
{
	char command[400];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(command, sizeof command, fmt, ap);
	va_end(ap);
	CHECK_INT(system(command), 0);
}

static void crash(void)
{
	struct world *w = world;
	if (w->crashed)
		return;
	w->crashed = true;
	w->crashes++;
	shell("rm -rf '%s.kept' && cp -r '%s' '%s.kept'", w->folder, w->folder, w->folder);
	run_stop(w->run);
	run_stop(w->run);
}

static void wake_up(struct world *w)
{
	if (w->crashed)
		shell("rm -rf '%s' && mv '%s.kept' '%s'", w->folder, w->folder, w->folder);
	w->crashed = false;
}

/* ---- doors ---- */
static int fake_run(struct site *at, struct intake *in, struct err *err)
{
	struct split *split = intake_split(in, "numbers");
	const struct position *from = split_from(split);
	(void)at;
	if (hk_sleep(world->source_waits_ns) < 0)
		return fail(err, FAULT_CANCELLED, "stopped");
	for (int64_t n = from ? (int64_t)from->offset : 0; n < world->records; n++) {
		if (admit_number(in, split, n, err) < 0)
			return -1;
	}
	return 0;
}

/* A list that looks different each time: how many, and of which version. */
static int list_ask(struct site *at, struct call *c, struct err *err)
{
	(void)at;
	(void)err;
	c->shown = S("GET http://list/");
	c->safety = SAFE;
	return 0;
}

static void list_call(struct site *at, struct call *c)
{
	static int64_t version;
	(void)at;
	c->verdict = VERDICT_ANSWER;
	c->answer.body = BODY_JSON;
	c->answer.status = 200;
	CHECK_INT(buf_add(&c->answer.value, S("[")), 0);
	version++;
	for (uint64_t i = 0, n = 1 + rand_below(&world->rnd, CHILDREN); i < n; i++)
		CHECK_INT(buf_printf(&c->answer.value, "%s{\"n\":%lld,\"c\":%llu,\"version\":%lld}",
				     i ? "," : "", (long long)number(c->rec, "n"),
				     (unsigned long long)i + 1, (long long)version),
			  0);
	CHECK_INT(buf_add(&c->answer.value, S("]")), 0);
}

static int paid_ask(struct site *at, struct call *c, struct err *err)
{
	int64_t n = number(c->rec, "n");
	(void)at;
	(void)err;
	c->shown = S("POST http://paid/");
	c->lane = S("http://paid");
	c->safety = c->key.n && !world->named ? KEYED : UNSAFE;
	if (world->distinct)
		n %= world->distinct;
	memcpy(c->asked, &n, sizeof n);
	return 0;
}

/* It does what it is asked, but for a key that it knows. */
static void do_it(struct call *c)
{
	struct world *w = world;
	char key[80];
	snprintf(key, sizeof key, "%.*s", SLICE(c->key));
	w->calls++;
	for (size_t i = 0; i < w->charge_count && key[0]; i++)
		if (strcmp(w->charges[i].key, key) == 0) {
			w->twice++;
			return;
		}
	ASSERT(w->charge_count < KEYS_MAX);
	struct charge *ch = &w->charges[w->charge_count++];
	*ch = (struct charge){ .n = number(c->rec, "n"),
			       .c = number(c->rec, "c"),
			       .version = number(c->rec, "version") };
	memcpy(ch->key, key, sizeof key);
}

static bool is_poison(int64_t n)
{
	return world->poison && n % world->poison == world->poison - 1;
}

static int nap(struct err *err)
{
	int r = hk_sleep((int64_t)rand_below(&world->rnd, 20) * HK_MS);
	if (r < 0)
		fail_errno(err, FAULT_CANCELLED, r, "cancelled");
	return r;
}

static void answer(struct call *c, int status)
{
	c->verdict = VERDICT_ANSWER;
	c->answer.body = BODY_JSON;
	c->answer.status = status;
	CHECK_INT(buf_printf(&c->answer.value, " {\"paid\": %zu} ", world->charge_count), 0);
}

/* The first of them that is refused is, and with it all. */
static int refuse(struct call *const *calls, size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		if (!is_poison(number(calls[i]->rec, "n")))
			continue;
		err->sent = false; /* it says that nothing was done */
		err->whole = !world->names_row;
		err->row = world->names_row ? i + 1 : 0;
		memcpy(err->state, "23505", sizeof err->state);
		return fail(err, FAULT_SQL, "refused for good");
	}
	return 0;
}

/* What befalls a call befalls all that are in it. The status, or -1. */
static int befall(struct call *const *calls, size_t n, struct err *err)
{
	struct world *w = world;
	if (happens(w->stop_percent))
		run_stop(w->run);
	if (happens(w->drain_percent))
		run_drain(w->run);
	if (happens(w->crash_percent))
		crash(); /* before anything was sent */
	if (w->crashed) {
		err->sent = true;
		return fail(err, FAULT_RESET, "nobody is there any more");
	}
	if (happens(w->refused_percent))
		return fail(err, FAULT_REFUSED, "refused");
	err->sent = true;
	if (nap(err) < 0)
		return -1;
	if (happens(w->busy_percent)) {
		err->retry_after_ns = w->named ? 200 * HK_MS : 0; /* that pauses the lane */
		return 503;
	}
	if (refuse(calls, n, err) < 0)
		return -1;
	for (size_t i = 0; i < n && !w->crashed; i++)
		do_it(calls[i]);
	if (happens(w->crash_percent))
		crash(); /* done, and nobody knows */
	if (nap(err) < 0)
		return -1;
	if (happens(w->lost_percent))
		return fail(err, FAULT_RESET, "connection reset");
	return happens(w->broken_percent) ? 500 : 200;
}

static void paid_call_many(struct site *at, struct call *const *calls, size_t n)
{
	struct err err = { 0 };
	(void)at;
	ASSERT(n <= (world->batch ? world->batch : 1));
	world->shared += n > 1;
	int status = befall(calls, n, &err);
	for (size_t i = 0; i < n; i++) {
		calls[i]->err = err;
		calls[i]->verdict = VERDICT_FAULT;
		if (status > 0)
			answer(calls[i], status);
	}
}

static void paid_call(struct site *at, struct call *c)
{
	paid_call_many(at, &c, 1);
}

static int sink_resume(struct site *at, struct resumption *r, struct err *err)
{
	(void)at;
	(void)err;
	return buf_add(&r->mark, buf_slice(&world->mark));
}

static int sink_commit(struct site *at, const struct batch *b, struct buf *receipt, struct err *err)
{
	struct world *w = world;
	(void)at;
	(void)receipt;
	if (happens(w->crash_percent))
		crash();
	if (w->crashed)
		return fail(err, FAULT_IO, "crashed");
	for (size_t i = 0; i < b->n; i++) {
		ASSERT(w->row_count < KEYS_MAX);
		w->row_versions[w->row_count] = number(b->recs[i], "version");
		w->rows[w->row_count++] = number(b->recs[i], "n");
	}
	buf_clear(&w->mark);
	CHECK_INT(buf_add(&w->mark, b->mark), 0);
	if (happens(w->crash_percent))
		crash();
	return 0;
}

static const struct port source_port = { .name = "numbers", .roles = ROLE_SOURCE, .run = fake_run };
static const struct port list_port = {
	.name = "list", .roles = ROLE_STEP, .ask = list_ask, .call = list_call
};
static const struct port paid_port = { .name = "paid",
				       .roles = ROLE_STEP | ROLE_SINK,
				       .ask = paid_ask,
				       .call = paid_call,
				       .call_many = paid_call_many };
static const struct port sink_port = {
	.name = "sink", .roles = ROLE_SINK, .resume = sink_resume, .commit = sink_commit
};

/* ---- a world ---- */
static struct place *paid_step(struct world *w)
{
	return &w->steps[w->plan.step_count - 1];
}

static void give_key(struct world *w)
{
	struct expr_error why;
	CHECK_INT(tpl_compile(S("auto"), TPL_TEXT, &(struct expr_names){ 0 },
			      &paid_step(w)->common.idempotency_key, &why),
		  0);
	paid_step(w)->facts.guarantee = IDEMPOTENT;
}

static void open_list(struct world *w)
{
	struct expr_error why;
	w->steps[0] = (struct place){ .role = ROLE_STEP,
				      .port = &list_port,
				      .label = "list",
				      .common = { .retry = &w->retry },
				      .facts = { .effect = EFFECT_READS } };
	CHECK_INT(jq_program_compile(S("$res.body[]"), &(struct expr_names){ .response = true },
				     &w->steps[0].common.emit, &why),
		  0);
	w->plan.step_count = 2;
}

static void world_open(struct world *w, uint64_t seed)
{
	world = w;
	rand_seed(&w->rnd, seed);
	folder_make(w->folder);
	w->retry = (struct retry_options){ .times = 1000 };
	w->source = (struct place){ .role = ROLE_SOURCE,
				    .port = &source_port,
				    .label = "numbers",
				    .facts = { .restart = RESTART_SEEKS } };
	w->sink = (struct place){ .role = ROLE_SINK,
				  .port = &sink_port,
				  .label = "sink",
				  .facts = { .own_mark = true, .guarantee = TRANSACTIONAL } };
	w->plan = plan_of(w->folder, &w->source, w->steps, &w->sink);
	w->plan.sink_count = w->calling_sink ? 0 : 1;
	if (w->expands)
		open_list(w);
	*paid_step(w) = (struct place){ .role = w->calling_sink ? ROLE_SINK : ROLE_STEP,
					.port = &paid_port,
					.label = "paid",
					.common = { .retry = &w->retry },
					.facts = { .effect = EFFECT_WRITES, .paid = true } };
	paid_step(w)->common.concurrency.most = 1 + (int64_t)rand_below(&w->rnd, 20);
	paid_step(w)->common.queue = 1 + (int64_t)rand_below(&w->rnd, 40);
	paid_step(w)->common.batch = w->batch;
	paid_step(w)->common.linger_ns = (int64_t)(seed % 6) * HK_MS;
}

static void world_close(struct world *w)
{
	buf_done(&w->mark);
	jq_free(w->steps[0].common.emit);
	tpl_free(paid_step(w)->common.idempotency_key);
	shell("rm -rf '%s' '%s.kept'", w->folder, w->folder);
}

static int go_body(void *arg)
{
	struct world *w = arg;
	struct err err = { 0 };
	struct place_stats s;
	if (run_open(&w->plan, &w->options, &w->run, &err) < 0) {
		CHECK_STR(err.text, "it opens");
		return -1;
	}
	snprintf(w->notice, sizeof w->notice, "%s", run_notice(w->run));
	run_go(w->run, &w->result);
	run_place_stats(w->run, w->plan.step_count - 1, &s);
	w->recalled += s.recalled;
	w->unknown += s.unknown;
	run_close(w->run);
	return 0;
}

static bool go(struct world *w)
{
	w->options.grace_ns = 1 + (int64_t)rand_below(&w->rnd, 100) * HK_MS;
	bool went = hk_run(go_body, w,
			   &(struct hk_run_options){ .virtual_clock = true,
						     .seed = rand_u64(&w->rnd) | 1 }) == 0;
	wake_up(w);
	return went;
}

static void go_until_finished(struct world *w)
{
	for (int part = 0; part < PARTS_MAX; part++) {
		if (part == PARTS_MAX / 2) /* let it end */
			w->crash_percent = w->stop_percent = w->drain_percent = 0;
		unsigned crashes = w->crashes;
		if (!go(w))
			return;
		CHECK(w->result.end != RUN_BROKEN);
		if (crashes == w->crashes && w->result.end == RUN_FINISHED)
			return;
	}
	CHECK_STR("PARTS_MAX", "it finishes");
}

static void trouble(struct world *w)
{
	w->records = 1 + (int64_t)rand_below(&w->rnd, RECORDS_MAX);
	w->refused_percent = (unsigned)rand_below(&w->rnd, 15);
	w->lost_percent = (unsigned)rand_below(&w->rnd, 15);
	w->busy_percent = (unsigned)rand_below(&w->rnd, 10);
	w->broken_percent = (unsigned)rand_below(&w->rnd, 5);
	w->crash_percent = (unsigned)rand_below(&w->rnd, 10);
	w->stop_percent = (unsigned)rand_below(&w->rnd, 4);
}

static unsigned charges_of(const struct world *w, int64_t n, int64_t c)
{
	unsigned count = 0;
	for (size_t i = 0; i < w->charge_count; i++)
		count += w->charges[i].n == n && w->charges[i].c == c;
	return count;
}

static void check_rows_once(const struct world *w)
{
	for (size_t i = 0; i < w->row_count && !w->expands; i++)
		for (size_t k = 0; k < i; k++)
			CHECK(w->rows[i] != w->rows[k]);
}

static void told(const struct world *w, uint64_t seed, int before)
{
	if (test_failures_ > before)
		printf("# that was seed %llu: %u crashes (%s)\n", (unsigned long long)seed,
		       w->crashes, w->result.err.text);
}

/* ---- without a key: never twice ---- */
static void check_unkeyed(uint64_t seed, enum on_unknown on_unknown, bool sink)
{
	struct world *w = xcalloc(1, sizeof *w);
	int before = test_failures_;
	w->calling_sink = sink;
	world_open(w, seed);
	trouble(w);
	paid_step(w)->common.on_unknown = (int)on_unknown;
	go_until_finished(w);
	uint64_t charged = 0;
	for (int64_t n = 0; n < w->records; n++) {
		CHECK(charges_of(w, n, -1) <= 1);
		charged += charges_of(w, n, -1);
	}
	CHECK_INT(w->result.counts.admitted, w->records);
	CHECK_INT(w->result.counts.delivered + w->result.counts.dead, w->records);
	if (on_unknown == UNKNOWN_DEAD) /* delivered is only what was done */
		CHECK(w->result.counts.delivered <= charged);
	for (size_t i = 0; i < w->row_count && on_unknown == UNKNOWN_DEAD; i++)
		CHECK_INT(charges_of(w, w->rows[i], -1), 1);
	check_rows_once(w);
	told(w, seed, before);
	world_close(w);
	free(w);
}

TEST(without_a_key_nobody_pays_twice)
{
	for (uint64_t seed = 1; seed <= 60; seed++)
		check_unkeyed(seed, UNKNOWN_DEAD, false);
}

TEST(assumed_delivered_nobody_pays_twice)
{
	for (uint64_t seed = 1; seed <= 25; seed++)
		check_unkeyed(seed, UNKNOWN_DELIVERED, false);
}

TEST(a_sink_without_a_key_is_charged_once_at_most)
{
	for (uint64_t seed = 1; seed <= 25; seed++)
		check_unkeyed(seed, UNKNOWN_DEAD, true);
}

/* ---- with a name ---- */
/* A crash leaves unknown what was in a slot, and nothing that waited for a lane or was answered before. */
static void check_named(uint64_t seed)
{
	struct world *w = xcalloc(1, sizeof *w);
	int before = test_failures_;
	w->named = true;
	world_open(w, seed);
	w->records = RECORDS_MAX;
	w->busy_percent = 10;
	w->crash_percent = 10;
	paid_step(w)->facts.keyless = paid_step(w)->facts.named = true;
	paid_step(w)->common.concurrency.most = 1 + (int64_t)(seed % 4);
	go_until_finished(w);
	for (int64_t n = 0; n < w->records; n++)
		CHECK(charges_of(w, n, -1) <= 1);
	CHECK_INT(w->result.counts.delivered + w->result.counts.dead, w->records);
	CHECK(w->result.counts.dead <= w->crashes * (1 + seed % 4));
	told(w, seed, before);
	world_close(w);
	free(w);
}

TEST(named_calls_leave_no_more_unknown_than_slots)
{
	for (uint64_t seed = 1; seed <= 40; seed++)
		check_named(seed);
}

/* ---- many in one call ---- */
/* As above; and who is refused is dead alone. Delivered is what was done, once; dead what was refused, or what nobody knows of. */
static void check_shared(uint64_t seed, bool keyed, uint64_t *shared)
{
	struct world *w = xcalloc(1, sizeof *w);
	int before = test_failures_;
	w->batch = 2 + (unsigned)(seed % 9);
	w->names_row = seed % 2;
	world_open(w, seed);
	trouble(w);
	w->poison = 2 + (int64_t)(seed % 13);
	if (keyed)
		give_key(w);
	go_until_finished(w);
	int64_t refused = 0, charged = 0;
	for (int64_t n = 0; n < w->records; n++) {
		CHECK(charges_of(w, n, -1) <= 1);
		CHECK(!is_poison(n) || charges_of(w, n, -1) == 0);
		charged += charges_of(w, n, -1);
		refused += is_poison(n);
	}
	CHECK_INT(w->result.counts.delivered + w->result.counts.dead, w->records);
	CHECK(w->result.counts.delivered <= (uint64_t)charged);
	if (keyed) {
		CHECK_INT(charged, w->records - refused);
		CHECK_INT(w->result.counts.dead, refused);
	}
	for (size_t i = 0; i < w->row_count; i++)
		CHECK_INT(charges_of(w, w->rows[i], -1), 1);
	check_rows_once(w);
	told(w, seed, before);
	*shared += w->shared;
	world_close(w);
	free(w);
}

TEST(many_in_one_call_and_nobody_pays_twice)
{
	uint64_t shared = 0;
	for (uint64_t seed = 1; seed <= 30; seed++)
		check_shared(seed, false, &shared);
	CHECK(shared > 100);
}

TEST(many_in_one_call_with_a_key_only_the_refused_are_dead)
{
	uint64_t shared = 0;
	for (uint64_t seed = 1; seed <= 30; seed++)
		check_shared(seed, true, &shared);
	CHECK(shared > 100);
}

/* `--until` leaves records that were answered and not delivered; the run that goes on behind knows what they paid for. */
static void check_drained(uint64_t seed)
{
	struct world *w = xcalloc(1, sizeof *w);
	int before = test_failures_;
	world_open(w, seed);
	trouble(w);
	w->drain_percent = 4;
	go_until_finished(w);
	for (int64_t n = 0; n < w->records; n++)
		CHECK(charges_of(w, n, -1) <= 1);
	for (size_t i = 0; i < w->row_count; i++)
		CHECK_INT(charges_of(w, w->rows[i], -1), 1);
	check_rows_once(w);
	told(w, seed, before);
	world_close(w);
	free(w);
}

TEST(what_was_paid_for_when_the_time_was_up_is_not_paid_for_again)
{
	for (uint64_t seed = 1; seed <= 40; seed++)
		check_drained(seed);
}

/* Nothing of it was delivered, so it begins anew: what was answered well is not asked again, what was not, is. */
TEST(who_mends_the_pipeline_is_told_of_the_calls_that_were_made)
{
	struct world *w = xcalloc(1, sizeof *w);
	world_open(w, 5);
	w->records = 40;
	w->broken_percent = 100;
	CHECK(go(w));
	CHECK_INT(w->result.end, RUN_STOPPED_BY_FAILURES);
	CHECK_STR(w->notice, "");
	w->plan.hash++;
	w->broken_percent = 0;
	CHECK(go(w));
	CHECK_INT(w->result.end, RUN_FINISHED);
	CHECK(strstr(w->notice, "those that are still the same are not made again"));
	world_close(w);
	free(w);
}

/* ---- with a key: exactly once ---- */
static void check_keyed(uint64_t seed, bool sink)
{
	struct world *w = xcalloc(1, sizeof *w);
	int before = test_failures_;
	w->calling_sink = sink;
	world_open(w, seed);
	trouble(w);
	w->broken_percent = 0;
	give_key(w);
	go_until_finished(w);
	CHECK_INT(w->result.counts.delivered, w->records);
	for (int64_t n = 0; n < w->records; n++)
		CHECK_INT(charges_of(w, n, -1), 1);
	if (!sink)
		CHECK_INT(w->row_count, w->records);
	check_rows_once(w);
	told(w, seed, before);
	world_close(w);
	free(w);
}

TEST(with_a_key_each_pays_exactly_once)
{
	for (uint64_t seed = 1; seed <= 60; seed++)
		check_keyed(seed, false);
}

TEST(a_sink_with_a_key_delivers_exactly_once)
{
	for (uint64_t seed = 1; seed <= 25; seed++)
		check_keyed(seed, true);
}

/* ---- children: those that were paid for are those that are delivered ---- */
static void check_children(uint64_t seed)
{
	struct world *w = xcalloc(1, sizeof *w);
	int before = test_failures_;
	w->expands = true;
	world_open(w, seed);
	trouble(w);
	w->broken_percent = 0;
	give_key(w);
	go_until_finished(w);
	int64_t version[RECORDS_MAX] = { 0 };
	for (size_t i = 0; i < w->charge_count; i++) {
		const struct charge *ch = &w->charges[i];
		CHECK(version[ch->n] == 0 || version[ch->n] == ch->version);
		version[ch->n] = ch->version;
		CHECK_INT(charges_of(w, ch->n, ch->c), 1);
	}
	for (size_t i = 0; i < w->row_count; i++)
		CHECK_INT(version[w->rows[i]], w->row_versions[i]);
	CHECK_INT(w->row_count, w->charge_count);
	told(w, seed, before);
	world_close(w);
	free(w);
}

TEST(paid_children_stay_the_same)
{
	for (uint64_t seed = 1; seed <= 40; seed++)
		check_children(seed);
}

/* ---- remembered ---- */
static void remember(struct world *w, int64_t records, int64_t distinct)
{
	world_open(w, 5);
	w->records = records;
	w->distinct = distinct;
	paid_step(w)->common.concurrency.most = 50;
	paid_step(w)->common.queue = 200;
	paid_step(w)->common.remember_ns = 3600 * HK_SEC;
}

TEST(who_asks_the_same_shares_one_call_also_later)
{
	struct world *w = xcalloc(1, sizeof *w);
	remember(w, 100, 10);
	CHECK(go(w));
	CHECK_INT(w->result.end, RUN_FINISHED);
	CHECK_INT(w->result.counts.delivered, 100);
	CHECK_INT(w->calls, 10);
	CHECK_INT(w->recalled, 90);
	w->options.fresh = true; /* forgets positions, not what was paid for */
	buf_clear(&w->mark);
	CHECK(go(w));
	CHECK_INT(w->result.counts.delivered, 100);
	CHECK_INT(w->calls, 10);
	CHECK_INT(w->recalled, 190);
	world_close(w);
	free(w);
}

TEST(what_has_expired_is_asked_again)
{
	struct world *w = xcalloc(1, sizeof *w);
	remember(w, 20, 10);
	CHECK(go(w));
	CHECK_INT(w->result.counts.delivered, 20);
	CHECK_INT(w->calls, 10);
	w->options.fresh = true;
	w->source_waits_ns = 3601 * HK_SEC;
	buf_clear(&w->mark);
	CHECK(go(w));
	CHECK_INT(w->result.counts.delivered, 20);
	CHECK_INT(w->calls, 20);
	world_close(w);
	free(w);
}

/* The leader's failure is its own: each of the others has its turn. */
TEST(a_leader_fails_alone)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct world *w = xcalloc(1, sizeof *w);
		remember(w, 40, 2);
		rand_seed(&w->rnd, seed);
		w->lost_percent = 50;
		CHECK(go(w));
		CHECK_INT(w->result.counts.delivered + w->result.counts.dead, 40);
		CHECK(w->result.counts.dead == w->unknown && w->calls == w->unknown + 2);
		CHECK_INT(w->charge_count, w->calls);
		world_close(w);
		free(w);
	}
}

/* A mended accept: what it refuses is asked again, where that does no harm. */
TEST(what_accept_refuses_now_is_asked_again)
{
	struct world *w = xcalloc(1, sizeof *w);
	struct expr_error why;
	remember(w, 5, 0);
	give_key(w);
	CHECK(go(w));
	CHECK_INT(w->calls, 5);
	CHECK_INT(jq_program_compile(S("$res.body.paid > 5"),
				     &(struct expr_names){ .response = true },
				     &paid_step(w)->common.accept, &why),
		  0);
	w->options.fresh = true;
	buf_clear(&w->mark);
	w->charge_count = 10; /* what it says from now on */
	CHECK(go(w));
	CHECK_INT(w->calls, 10);
	CHECK_INT(w->result.counts.delivered, 5);
	jq_free(paid_step(w)->common.accept);
	world_close(w);
	free(w);
}

/* ---- stops ---- */
/* All are lost: the run stops in doubt, and the next one does not call again, nor stops for ever. */
TEST(what_is_unknown_from_before_is_no_doubt)
{
	struct world *w = xcalloc(1, sizeof *w);
	world_open(w, 3);
	w->records = 50;
	w->lost_percent = 100;
	paid_step(w)->common.concurrency.most = 5;
	CHECK_INT(hk_run(go_body, w, &(struct hk_run_options){ .virtual_clock = true, .seed = 1 }),
		  0);
	CHECK_INT(w->result.end, RUN_STOPPED_BY_FAILURES);
	CHECK_INT(w->result.counts.dead, 0);
	w->lost_percent = 0;
	go_until_finished(w);
	CHECK_INT(w->result.end, RUN_FINISHED);
	CHECK_INT(w->result.counts.delivered + w->result.counts.dead, 50);
	CHECK(w->result.counts.dead >= 20);
	for (int64_t n = 0; n < w->records; n++)
		CHECK_INT(charges_of(w, n, -1), 1);
	CHECK_STR(w->result.kinds[0].class, "unknown_outcome");
	world_close(w);
	free(w);
}

static const struct test tests[] = {
	T(without_a_key_nobody_pays_twice),
	T(assumed_delivered_nobody_pays_twice),
	T(a_sink_without_a_key_is_charged_once_at_most),
	T(named_calls_leave_no_more_unknown_than_slots),
	T(many_in_one_call_and_nobody_pays_twice),
	T(many_in_one_call_with_a_key_only_the_refused_are_dead),
	T(what_was_paid_for_when_the_time_was_up_is_not_paid_for_again),
	T(who_mends_the_pipeline_is_told_of_the_calls_that_were_made),
	T(with_a_key_each_pays_exactly_once),
	T(a_sink_with_a_key_delivers_exactly_once),
	T(paid_children_stay_the_same),
	T(who_asks_the_same_shares_one_call_also_later),
	T(what_has_expired_is_asked_again),
	T(a_leader_fails_alone),
	T(what_accept_refuses_now_is_asked_again),
	T(what_is_unknown_from_before_is_no_doubt),
};

int main(int n, char **args)
{
	if (n > 2) { /* a kind and a seed, to look at it closely */
		uint64_t seed = strtoull(args[2], NULL, 10);
		switch (args[1][0]) {
		case 'u':
			check_unkeyed(seed, UNKNOWN_DEAD, false);
			break;
		case 'a':
			check_unkeyed(seed, UNKNOWN_DELIVERED, false);
			break;
		case 's':
			check_unkeyed(seed, UNKNOWN_DEAD, true);
			break;
		case 'k':
			check_keyed(seed, false);
			break;
		case 'x':
			check_keyed(seed, true);
			break;
		default:
			check_children(seed);
		}
		return test_failures_ != 0;
	}
	return RUN_TESTS(tests);
}
