/* replay.c (tests) - what is dead goes the rest of its way: under crashes and stops, each row arrives once
 *
 * A record goes through four steps: first (pure), call, split (into three), late (calls), and then to two sinks, of which one keeps
 * its own mark. A seed decides who fails where, and who still fails when all is mended. After the run and any number of replays, cut
 * off wherever the seed says, the sinks hold what should be there, and what is dead is what still fails. */
#include "engine/again/choice.h"
#include "engine/run.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/rand.h"
#include "rt/in_loop.h"
#include "scene.h"
#include <stdio.h>
#include <unistd.h>

enum { RECORDS = 40, PARTS = 3, PARTS_OF_RUN = 60, SINKS = 2, ROWS_MAX = RECORDS * PARTS };
enum { FIRST, CALL, SPLIT, LATE, STEPS };

struct row {
	int64_t n, c; /* the record; its part, -1: the whole */
};
struct fake_sink {
	unsigned got[RECORDS][PARTS];
	struct row order[ROWS_MAX * 2];
	size_t rows;
	struct buf mark, mark_of_run; /* under "test replay", under "test" */
	bool own_mark;
	unsigned index;
};
struct scene {
	struct rand rnd;
	uint64_t seed;
	bool mended, crashed, failing_sinks;
	unsigned crash_percent, stop_percent;
	struct fake_sink sinks[SINKS];
	unsigned firsts[RECORDS], calls[RECORDS], lates[RECORDS][PARTS];
	uint64_t ids[RECORDS][PARTS + 1];
	struct place source, steps[STEPS], to[SINKS];
	struct retry_options retry;
	struct plan plan;
	char folder[64], state_path[96];
	struct run_options options;
	struct run *run;
	struct run_result result;
	struct choice all;
};
static struct scene *scene;

static bool happens(unsigned percent)
{
	return rand_below(&scene->rnd, 100) < percent;
}

/* One in `of` fails there, and one in `of` of those after it is mended. */
static bool fails(struct row r, uint64_t where, uint64_t of)
{
	uint64_t h = hash_add(HASH_START, (struct slice){ (const char *)&r, sizeof r });
	h = hash_end(hash_add(h, (struct slice){ (const char *)&where, sizeof where }) +
		     scene->seed);
	return h % of == 0 && (!scene->mended || h / of % of == 0);
}

static bool call_fails(int64_t n)
{
	return fails((struct row){ n, -1 }, CALL, 4);
}

static bool late_fails(struct row r)
{
	return fails(r, LATE, 5);
}

static bool is_refused(const struct fake_sink *k, struct row r)
{
	return scene->failing_sinks && fails(r, 100 + k->index, 6);
}

/* ---- doors ---- */
static struct row row_of(const struct rec *rec)
{
	struct slice raw;
	struct row r = { -1, -1 };
	CHECK(json_field(rec_json(rec), S("n"), &raw) && units_int(raw, &r.n) == 0);
	if (json_field(rec_json(rec), S("c"), &raw))
		CHECK(units_int(raw, &r.c) == 0);
	return r;
}

static void check_id(const struct env *env, struct row r)
{
	uint64_t *was = &scene->ids[r.n][r.c + 1], id = 0;
	for (size_t i = 0; i < env->meta->id.n; i++)
		id = id * 31 + (uint64_t)env->meta->id.p[i];
	CHECK(*was == 0 || *was == id);
	*was = id;
	CHECK_SLICE(env->meta->source, S("numbers"));
	CHECK_INT(env->meta->position, r.n + 1);
}

static int fake_run(struct site *at, struct intake *in, struct err *err)
{
	struct split *split = intake_split(in, "numbers");
	const struct position *from = split_from(split);
	(void)at;
	CHECK(!scene->mended); /* a replay reads no source */
	for (int64_t n = from ? (int64_t)from->offset : 0; n < RECORDS; n++) {
		if (admit_number(in, split, n, err) < 0)
			return -1;
	}
	return 0;
}

static int fake_first(struct site *at, const struct rec *rec, const struct env *env,
		      struct out *out, struct err *err)
{
	struct row r = row_of(rec);
	AUTO(buf_done) struct buf json = { 0 };
	(void)at;
	(void)env;
	scene->firsts[r.n]++;
	CHECK_INT(buf_printf(&json, "{\"n\":%lld,\"first\":true}", (long long)r.n), 0);
	return out_put(out, rec_take(&json), err);
}

static int fake_split(struct site *at, const struct rec *rec, const struct env *env,
		      struct out *out, struct err *err)
{
	struct row r = row_of(rec);
	(void)at;
	(void)env;
	for (int c = 0; c < PARTS; c++) {
		AUTO(buf_done) struct buf json = { 0 };
		CHECK_INT(buf_printf(&json, "{\"n\":%lld,\"c\":%d}", (long long)r.n, c), 0);
		if (out_put(out, rec_take(&json), err) < 0)
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
	c->safety = SAFE;
	check_id(c->env, row_of(c->rec));
	return 0;
}

static void fake_call(struct site *at, struct call *c)
{
	struct row r = row_of(c->rec);
	bool late = r.c >= 0;
	(void)at;
	if (happens(scene->stop_percent))
		run_stop(scene->run);
	++*(late ? &scene->lates[r.n][r.c] : &scene->calls[r.n]);
	if (!late) /* as it came there */
		CHECK(json_field(rec_json(c->rec), S("first"), &(struct slice){ 0 }));
	c->verdict = VERDICT_FAULT;
	if (hk_sleep((int64_t)rand_below(&scene->rnd, 50) * HK_MS) < 0) {
		fail(&c->err, FAULT_CANCELLED, "cancelled");
		return;
	}
	c->verdict = VERDICT_ANSWER;
	c->answer.status = (late ? late_fails(r) : call_fails(r.n)) ? 404 : 200;
}

static int fake_resume(struct site *at, struct resumption *r, struct err *err)
{
	struct fake_sink *k = *(struct fake_sink *const *)at->options;
	int64_t length = 0;
	/* Behind it stands the sink, from the second of its kind on. */
	struct slice name = slice_str(r->pipeline);
	bool replay = slice_starts(name, S("test replay"));
	(void)err;
	CHECK(replay || slice_eq(name, S("test")) || slice_starts(name, S("test, ")));
	CHECK_INT(replay && r->receipt.n == 0, r->more);
	if (k->own_mark)
		return buf_add(&r->mark, buf_slice(replay ? &k->mark : &k->mark_of_run));
	if (r->more)
		length = (int64_t)k->rows; /* what is there stays */
	else if (r->receipt.n)
		CHECK_INT(units_int(buf_slice(&r->receipt), &length), 0);
	CHECK(length <= (int64_t)k->rows);
	for (; (int64_t)k->rows > length; k->rows--)
		k->got[k->order[k->rows - 1].n][k->order[k->rows - 1].c]--;
	buf_clear(&r->receipt);
	return buf_printf(&r->receipt, "%lld", (long long)length);
}

static int crash(struct err *err)
{
	scene->crashed = true;
	return fail(err, FAULT_IO, "crashed");
}

static int fake_commit(struct site *at, const struct batch *b, struct buf *receipt, struct err *err)
{
	struct fake_sink *k = *(struct fake_sink *const *)at->options;
	bool replay = slice_starts(slice_str(b->pipeline), S("test replay"));
	struct buf *mark = replay ? &k->mark : &k->mark_of_run;
	if (scene->crashed || happens(scene->crash_percent))
		return crash(err);
	for (size_t i = 0; i < b->n; i++)
		if (is_refused(k, row_of(b->recs[i]))) {
			err->whole = true;
			err->row = i + 1;
			return fail(err, FAULT_BAD_VALUE, "refused");
		}
	for (size_t i = 0; i < b->n; i++) {
		struct row r = row_of(b->recs[i]);
		ASSERT(k->rows < ARRAY_SIZE(k->order) && r.c >= 0);
		k->order[k->rows++] = r;
		k->got[r.n][r.c]++;
	}
	buf_clear(mark);
	if (k->own_mark)
		CHECK_INT(buf_add(mark, b->mark), 0);
	else
		CHECK_INT(buf_printf(receipt, "%zu", k->rows), 0);
	return happens(scene->crash_percent) ? crash(err) : 0;
}

static const struct port fake_source = { .name = "numbers", .roles = ROLE_SOURCE, .run = fake_run };
static const struct port first = { .name = "first", .roles = ROLE_STEP, .apply = fake_first };
static const struct port split = { .name = "split", .roles = ROLE_STEP, .apply = fake_split };
static const struct port calls = {
	.name = "call", .roles = ROLE_STEP, .ask = fake_ask, .call = fake_call
};
static const struct port fake_sink = {
	.name = "sink", .roles = ROLE_SINK, .resume = fake_resume, .commit = fake_commit
};

/* ---- a scene ---- */
static void make_sink(struct scene *s, size_t i)
{
	static struct fake_sink *at[SINKS];
	static const char *const labels[] = { "one", "two" };
	struct fake_sink *k = at[i] = &s->sinks[i];
	k->index = (unsigned)i;
	k->own_mark = i == 0;
	s->to[i] =
		(struct place){ .role = ROLE_SINK,
				.port = &fake_sink,
				.label = labels[i],
				.options = &at[i],
				.facts = { .own_mark = k->own_mark, .guarantee = TRANSACTIONAL } };
}

static void make_steps(struct scene *s)
{
	static const char *const labels[] = { "first", "call", "split", "late" };
	static const struct port *const ports[] = { &first, &calls, &split, &calls };
	for (size_t i = 0; i < STEPS; i++) {
		s->steps[i] = (struct place){ .role = ROLE_STEP,
					      .port = ports[i],
					      .label = labels[i],
					      .facts = { .many = i == SPLIT } };
		s->steps[i].common.retry = &s->retry;
		s->steps[i].common.concurrency.most = 1 + (int64_t)rand_below(&s->rnd, 8);
	}
}

static struct scene *scene_open(uint64_t seed)
{
	struct scene *s = scene = xcalloc(1, sizeof *s);
	s->seed = seed;
	rand_seed(&s->rnd, seed);
	folder_make(s->folder);
	snprintf(s->state_path, sizeof s->state_path, "%s/state.db", s->folder);
	s->options = (struct run_options){ .state_path = s->state_path };
	s->source = (struct place){ .role = ROLE_SOURCE,
				    .port = &fake_source,
				    .label = "numbers",
				    .facts = { .restart = RESTART_SEEKS } };
	s->plan = plan_of(s->folder, &s->source, s->steps, s->to);
	s->plan.step_count = STEPS;
	s->plan.sink_count = 1 + rand_below(&s->rnd, SINKS);
	s->plan.any_order = happens(50);
	make_steps(s);
	for (size_t i = 0; i < SINKS; i++)
		make_sink(s, i);
	return s;
}

static void scene_close(struct scene *s)
{
	for (size_t i = 0; i < SINKS; i++) {
		buf_done(&s->sinks[i].mark);
		buf_done(&s->sinks[i].mark_of_run);
	}
	folder_remove(s->folder);
	free(s);
}

static int go_body(void *arg)
{
	struct scene *s = arg;
	struct err err = { 0 };
	s->result = (struct run_result){ .end = RUN_FAILED };
	if (run_open(&s->plan, &s->options, &s->run, &err) < 0) {
		if (!s->crashed) /* what was left of a batch is committed at the opening */
			CHECK_STR(err.text, "it opens");
		return 0;
	}
	run_go(s->run, &s->result);
	run_close(s->run);
	return 0;
}

static void in_a_loop(struct scene *s, int (*fn)(void *), void *arg)
{
	CHECK(hk_run(fn, arg,
		     &(struct hk_run_options){ .virtual_clock = true,
					       .seed = rand_u64(&s->rnd) | 1 }) >= 0);
}

/* Until nobody has to go on with it. */
static void go(struct scene *s, bool replay)
{
	s->options.replay = replay ? &s->all : NULL;
	for (int part = 0; part < PARTS_OF_RUN; part++) {
		if (part == PARTS_OF_RUN / 2) /* let it end */
			s->crash_percent = s->stop_percent = 0;
		s->crashed = false;
		in_a_loop(s, go_body, s);
		CHECK(s->result.end != RUN_BROKEN);
		if (s->result.end == RUN_FINISHED || s->result.end == RUN_NOTHING_NEW)
			return;
	}
	CHECK_STR(s->result.err.text, "it ends");
}

/* ---- what is dead ---- */
struct dead {
	struct scene *scene;
	unsigned whole[RECORDS], parts[RECORDS][PARTS];
	uint64_t n, attempts;
};

static uint64_t count_values(struct slice array)
{
	struct slice key, value;
	struct json_iter it = json_iter(array);
	uint64_t n = 0;
	while (json_next(&it, &key, &value)) {
		CHECK(json_field(value, S("time"), &key) && json_field(value, S("ms"), &key));
		CHECK(json_field(value, S("class"), &key) && json_field(value, S("message"), &key));
		CHECK(json_field(value, S("status"), &key));
		n++;
	}
	return n;
}

static int note_dead(void *arg, const struct letter_key *key, const struct kept_letter *l,
		     struct err *err)
{
	struct dead *d = arg;
	AUTO(rec_unrefp) struct rec *at_step = rec_restore(l->at_step, l->blobs);
	AUTO(rec_unrefp) struct rec *record = rec_new(l->record);
	struct row r = row_of(at_step);
	(void)key;
	(void)err;
	++*(r.c < 0 ? &d->whole[r.n] : &d->parts[r.n][r.c]);
	d->n++;
	d->attempts += count_values(l->attempts);
	CHECK_INT(row_of(record).n, r.n);
	CHECK_INT(l->line, r.n + 1);
	CHECK_STR(l->split, "numbers");
	CHECK_INT(l->ordinal, r.n);
	CHECK_INT(strlen(l->path), r.c < 0 ? 0 : 1);
	return 0;
}

static int look_body(void *arg)
{
	struct dead *d = arg;
	struct state *state = NULL;
	struct err err = { 0 };
	CHECK_INT(state_open_to_read(d->scene->state_path, &state, &err), 0);
	CHECK_INT(choice_each(state, "test", &d->scene->all, note_dead, d, &err), 0);
	state_close(state);
	return 0;
}

static struct dead look(struct scene *s)
{
	struct dead d = { .scene = s };
	in_a_loop(s, look_body, &d);
	return d;
}

/* ---- what should be there: now, with what fails now ---- */
static bool arrives(struct scene *s, struct row r, size_t sink)
{
	if (call_fails(r.n) || late_fails(r))
		return false;
	for (size_t k = 0; k <= sink; k++)
		if (is_refused(&s->sinks[k], r))
			return false;
	return true;
}

static void check_all(struct scene *s, const struct dead *d)
{
	size_t last = s->plan.sink_count - 1;
	for (int64_t n = 0; n < RECORDS; n++) {
		CHECK_INT(d->whole[n], call_fails(n));
		CHECK_INT(s->firsts[n] >= 1, 1);
		for (int64_t c = 0; c < PARTS; c++) {
			struct row r = { n, c };
			bool all = arrives(s, r, last);
			CHECK_INT(d->parts[n][c], !all && !call_fails(n));
			for (size_t k = 0; k <= last; k++)
				CHECK_INT(s->sinks[k].got[n][c], arrives(s, r, k));
		}
	}
}

static void say_seed(uint64_t seed, int before)
{
	if (test_failures_ > before)
		printf("# that was seed %llu\n", (unsigned long long)seed);
}

static void check_seed(uint64_t seed)
{
	struct scene *s = scene_open(seed);
	int before = test_failures_;
	unsigned firsts[RECORDS];
	s->failing_sinks = false;
	go(s, false);
	CHECK_INT(s->result.end, RUN_FINISHED);
	struct dead were = look(s);
	CHECK_INT(were.n, s->result.counts.dead);
	CHECK(were.n > 0);
	memcpy(firsts, s->firsts, sizeof firsts);

	s->mended = true;
	s->crash_percent = (unsigned)rand_below(&s->rnd, 30);
	s->stop_percent = (unsigned)rand_below(&s->rnd, 10);
	go(s, true);
	struct dead are = look(s);
	check_all(s, &are);
	CHECK(memcmp(firsts, s->firsts, sizeof firsts) == 0); /* before the step: not again */
	say_seed(seed, before);
	scene_close(s);
}

TEST(all_that_was_dead_arrives_once_however_often_it_is_cut_off)
{
	for (uint64_t seed = 1; seed <= 60; seed++)
		check_seed(seed);
}

/* What a sink refused goes to that sink and those behind it: the first one has it. */
static void check_sinks(uint64_t seed)
{
	struct scene *s = scene_open(seed);
	int before = test_failures_;
	s->plan.sink_count = SINKS;
	s->failing_sinks = true;
	go(s, false);
	s->mended = true;
	s->crash_percent = (unsigned)rand_below(&s->rnd, 20);
	go(s, true);
	struct dead are = look(s);
	check_all(s, &are);
	say_seed(seed, before);
	scene_close(s);
}

TEST(what_a_sink_refused_goes_to_those_that_do_not_have_it)
{
	for (uint64_t seed = 1; seed <= 30; seed++)
		check_sinks(seed);
}

TEST(what_dies_again_tells_of_every_attempt)
{
	struct scene *s = scene_open(3);
	go(s, false);
	s->mended = true;
	go(s, true);
	struct dead once = look(s);
	CHECK(once.n > 0);
	CHECK_INT(once.attempts, 2 * once.n);
	CHECK_INT(s->result.counts.dead, once.n);
	CHECK_INT(s->result.counts.admitted + s->result.counts.spawned,
		  s->result.counts.delivered + s->result.counts.dead + s->result.counts.expanded);
	go(s, true);
	struct dead twice = look(s);
	CHECK_INT(twice.n, once.n);
	CHECK_INT(twice.attempts, 3 * once.n);
	CHECK_INT(s->result.counts.admitted, once.n);
	check_all(s, &twice);
	scene_close(s);
}

TEST(what_an_ordered_end_left_is_dead_as_before)
{
	struct scene *s = scene_open(5);
	go(s, false);
	struct dead were = look(s);
	s->options.limit = 2;
	s->options.replay = &s->all;
	s->mended = true;
	in_a_loop(s, go_body, s);
	CHECK_INT(s->result.end, RUN_LIMITED);
	CHECK_INT(s->result.counts.admitted, 2);
	struct dead are = look(s);
	CHECK_INT(are.n, were.n - 2 + s->result.counts.dead);
	s->options.limit = 0;
	go(s, true);
	are = look(s);
	check_all(s, &are);
	scene_close(s);
}

TEST(a_step_that_is_gone_is_begun_before)
{
	struct scene *s = scene_open(7);
	go(s, false);
	struct dead were = look(s);
	uint64_t whole = 0;
	for (int64_t n = 0; n < RECORDS; n++)
		whole += were.whole[n];
	s->steps[CALL].label = "renamed";
	s->mended = true;
	unsigned firsts = 0, again = 0;
	for (int64_t n = 0; n < RECORDS; n++)
		firsts += s->firsts[n];
	go(s, true);
	for (int64_t n = 0; n < RECORDS; n++)
		again += s->firsts[n];
	CHECK_INT(again - firsts, whole);
	struct dead are = look(s);
	check_all(s, &are);
	scene_close(s);
}

static int refused_body(void *arg)
{
	struct scene *s = arg;
	struct err err = { 0 };
	struct run *run = NULL;
	CHECK_INT(run_open(&s->plan, &s->options, &run, &err), -1);
	CHECK_INT(err.fault, FAULT_CONFIG);
	return 0;
}

TEST(children_of_a_step_that_is_gone_are_refused_as_a_whole)
{
	struct scene *s = scene_open(7);
	go(s, false);
	struct dead were = look(s);
	s->steps[LATE].label = "renamed";
	s->options.replay = &s->all;
	in_a_loop(s, refused_body, s);
	struct dead are = look(s);
	CHECK_INT(are.n, were.n);
	scene_close(s);
}

TEST(a_run_that_was_cut_off_goes_on_before_its_letters_are_sent_again)
{
	struct scene *s = scene_open(9);
	s->crash_percent = 100;
	in_a_loop(s, go_body, s);
	CHECK_INT(s->result.end, RUN_FAILED);
	s->options.replay = &s->all;
	in_a_loop(s, refused_body, s);
	s->crash_percent = 0;
	go(s, false);
	CHECK_INT(s->result.end, RUN_FINISHED);
	scene_close(s);
}

TEST(a_replay_that_was_cut_off_goes_on_before_a_run)
{
	struct scene *s = scene_open(11);
	s->plan.sink_count = SINKS;
	go(s, false);
	s->crash_percent = 100;
	s->options.replay = &s->all;
	s->mended = true;
	in_a_loop(s, go_body, s);
	CHECK_INT(s->result.end, RUN_FAILED);
	s->options.replay = NULL;
	in_a_loop(s, refused_body, s);
	s->crash_percent = 0;
	go(s, true);
	struct dead are = look(s);
	check_all(s, &are);
	scene_close(s);
}

static const struct test tests[] = {
	T(all_that_was_dead_arrives_once_however_often_it_is_cut_off),
	T(what_a_sink_refused_goes_to_those_that_do_not_have_it),
	T(what_dies_again_tells_of_every_attempt),
	T(what_an_ordered_end_left_is_dead_as_before),
	T(a_step_that_is_gone_is_begun_before),
	T(children_of_a_step_that_is_gone_are_refused_as_a_whole),
	T(a_run_that_was_cut_off_goes_on_before_its_letters_are_sent_again),
	T(a_replay_that_was_cut_off_goes_on_before_a_run),
};

int main(int n, char **args)
{
	if (n > 1) { /* one seed, to look at it closely */
		check_seed(strtoull(args[1], NULL, 10));
		check_sinks(strtoull(args[1], NULL, 10));
		return test_failures_ != 0;
	}
	return RUN_TESTS(tests);
}
