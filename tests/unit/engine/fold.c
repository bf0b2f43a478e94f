/* fold.c (tests) - pipelines that hold records and bring children back, under random misfortune, until they finish
 *
 * A record is {"v": text}; what a step makes of it can be told from the text, so that what must be there in the end is computed by
 * applying the steps to lists of texts, one step after the other. Windows do not depend on where a run was cut off: the texts say so. */
#include "engine/run.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/rand.h"
#include "engine/state/state.h"
#include "engine/again/verify.h"
#include "rt/in_loop.h"
#include "scene.h"
#include <stdio.h>
#include <unistd.h>

enum { STEPS_MAX = 12, SINKS_MAX = 2, RECORDS_MAX = 120, PARTS_MAX = 200, TEXT_MAX = 4000 };
enum kind { CALL, WHERE, BATCH, SORT, GROUP, EMIT, JOIN };

struct texts { /* owns */
	char **v;
	size_t n;
};
struct fake_step {
	enum kind kind;
	uint64_t salt;
	size_t window, bytes; /* bytes: groups; 0: no limit of their own */
	enum missing missing;
	bool desc;
};
struct fake_sink {
	struct texts rows;
	struct buf mark;
	bool own_mark;
};
struct scene {
	struct rand rnd;
	size_t records;
	unsigned reset_percent, crash_percent, stop_percent, failures_percent;
	bool crashed, opening;
	const char *stop_at; /* the call for this text stops the run; NULL: none */
	struct run *run;
	struct fake_step fakes[STEPS_MAX];
	struct fake_sink sinks[SINKS_MAX], *sink_at[SINKS_MAX];
	struct place source, steps[STEPS_MAX], to[SINKS_MAX];
	char labels[STEPS_MAX][20];
	struct retry_options retry;
	struct plan plan;
	char folder[64];
	struct run_options options;
	struct run_result result;
	uint64_t admitted, dead, want_dead;
	struct texts want;
};
static struct scene *scene; /* one runs at a time */

static bool happens(unsigned percent)
{
	return rand_below(&scene->rnd, 100) < percent;
}

/* ---- lists of texts ---- */
static void texts_add(struct texts *t, const char *text)
{
	t->v = xrealloc(t->v, t->n + 1, sizeof *t->v);
	t->v[t->n++] = xstrndup(text, strlen(text));
}

static void texts_cut(struct texts *t, size_t n)
{
	while (t->n > n)
		free(t->v[--t->n]);
}

static void texts_done(struct texts *t)
{
	texts_cut(t, 0);
	free(t->v);
	*t = (struct texts){ 0 };
}

/* ---- what becomes of a text ---- */
static uint64_t fate(const char *text, uint64_t salt)
{
	uint64_t h = hash_add(HASH_START, slice_str(text));
	return hash_end(hash_add(h, (struct slice){ (const char *)&salt, sizeof salt }));
}

static bool dies(const struct fake_step *f, const char *text)
{
	return fate(text, f->salt) % 11 == 0;
}

static bool passes(const struct fake_step *f, const char *text)
{
	return fate(text, f->salt) % 5 != 0;
}

static size_t child_count(const struct fake_step *f, const char *text)
{
	return fate(text, f->salt) % 4;
}

static char sort_letter(const struct fake_step *f, const char *text)
{
	return (char)('a' + fate(text, f->salt) % 6);
}

/* ---- doors ---- */
static void text_of(const struct rec *rec, char ret[static TEXT_MAX])
{
	AUTO(buf_done) struct buf text = { 0 };
	struct slice raw;
	CHECK(json_field(rec_json(rec), S("v"), &raw) && json_unquote(raw, &text) == 0);
	ASSERT(text.n < TEXT_MAX);
	snprintf(ret, TEXT_MAX, "%s", text.p);
}

static struct rec *record_of(const char *text)
{
	AUTO(buf_done) struct buf json = { 0 };
	CHECK_INT(buf_printf(&json, "{\"v\":\"%s\"}", text), 0);
	return rec_take(&json);
}

static int fake_run(struct site *at, struct intake *in, struct err *err)
{
	struct split *split = intake_split(in, "texts");
	const struct position *from = split_from(split);
	char text[32];
	(void)at;
	for (size_t n = from ? from->offset : 0; n < scene->records; n++) {
		snprintf(text, sizeof text, "%zu", n);
		struct arrival a = { .rec = record_of(text),
				     .split = split,
				     .next = { NULL, n + 1 },
				     .line = n + 1 };
		if (!scene->opening && happens(30) && hk_sleep(HK_MS) < 0) {
			rec_unref(a.rec);
			return fail(err, FAULT_CANCELLED, "stopped");
		}
		if (admit(in, &a, err) < 0)
			return -1;
	}
	return 0;
}

static int fake_apply(struct site *at, const struct rec *rec, const struct env *env,
		      struct out *out, struct err *err)
{
	const struct fake_step *f = at->options;
	char text[TEXT_MAX], child[TEXT_MAX + 8];
	(void)env;
	text_of(rec, text);
	if (f->kind == WHERE) {
		if (passes(f, text))
			out_keep(out);
		return 0;
	}
	for (size_t i = 0; i < child_count(f, text); i++) {
		snprintf(child, sizeof child, "%s.%zu", text, i);
		if (out_put(out, record_of(child), err) < 0)
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
	return 0;
}

static void fake_call(struct site *at, struct call *c)
{
	char text[TEXT_MAX];
	int r = 0;
	text_of(c->rec, text);
	if (scene->stop_at && strcmp(scene->stop_at, text) == 0)
		run_stop(scene->run);
	if (happens(scene->stop_percent)) {
		if (happens(50))
			run_drain(scene->run);
		else
			run_stop(scene->run);
	}
	if (happens(70))
		r = hk_sleep((int64_t)rand_below(&scene->rnd, 50) * HK_MS);
	c->verdict = VERDICT_FAULT;
	if (r < 0) {
		fail_errno(&c->err, FAULT_CANCELLED, r, "cancelled");
	} else if (happens(scene->reset_percent)) {
		fail(&c->err, FAULT_RESET, "connection reset");
	} else {
		c->verdict = VERDICT_ANSWER;
		c->answer.body = BODY_JSON;
		c->answer.status = dies(at->options, text) ? 404 : 200;
		CHECK_INT(buf_add(&c->answer.value, S("null")), 0);
	}
}

static int fake_key(struct site *at, const struct env *env, struct buf *key, struct err *err)
{
	AUTO(buf_done) struct buf text = { 0 };
	struct slice raw;
	(void)err;
	CHECK(json_field(env->record, S("v"), &raw) && json_unquote(raw, &text) == 0);
	return buf_printf(key, "\"%c\"", sort_letter(at->options, text.p));
}

/* "(a,b)": children as a list in brackets, NULL as "-". */
static struct rec *list_of(const char *before, const struct members *m)
{
	AUTO(buf_done) struct buf all = { 0 };
	char text[TEXT_MAX];
	CHECK_INT(buf_printf(&all, "%s(", before), 0);
	for (size_t i = 0; i < m->n; i++) {
		snprintf(text, sizeof text, "-");
		if (m->recs[i])
			text_of(m->recs[i], text);
		CHECK_INT(buf_printf(&all, "%s%s", i ? "," : "", text), 0);
	}
	CHECK_INT(buf_add_char(&all, ')'), 0);
	return record_of(all.p);
}

static int fake_build(struct site *at, const struct members *m, struct out *out, struct err *err)
{
	char before[2] = "";
	(void)at;
	if (m->key.n == 3) /* "a": a group's */
		before[0] = m->key.p[1];
	return out_put(out, list_of(before, m), err);
}

static int fake_gather(struct site *at, const struct rec *parent, const struct members *m,
		       struct out *out, struct err *err)
{
	char text[TEXT_MAX];
	(void)at;
	text_of(parent, text);
	return out_put(out, list_of(text, m), err);
}

static int fake_resume(struct site *at, struct resumption *r, struct err *err)
{
	struct fake_sink *k = *(struct fake_sink *const *)at->options;
	int64_t length = 0;
	(void)err;
	if (k->own_mark)
		return buf_add(&r->mark, buf_slice(&k->mark));
	CHECK((r->first && !r->more) || units_int(buf_slice(&r->receipt), &length) == 0);
	texts_cut(&k->rows, (size_t)length);
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
	char text[TEXT_MAX];
	if (scene->crashed || happens(scene->crash_percent))
		return crash(err);
	if (hk_sleep((int64_t)rand_below(&scene->rnd, 30) * HK_MS) < 0)
		return fail(err, FAULT_CANCELLED, "cancelled");
	for (size_t i = 0; i < b->n; i++) {
		text_of(b->recs[i], text);
		texts_add(&k->rows, text);
	}
	buf_clear(&k->mark);
	if (k->own_mark)
		CHECK_INT(buf_add(&k->mark, b->mark), 0);
	else
		CHECK_INT(buf_printf(receipt, "%zu", k->rows.n), 0);
	return happens(scene->crash_percent) ? crash(err) : 0;
}

static const struct port fake_source = { .name = "texts", .roles = ROLE_SOURCE, .run = fake_run };
static const struct port ports[] = {
	[CALL] = { .name = "call", .roles = ROLE_STEP, .ask = fake_ask, .call = fake_call },
	[WHERE] = { .name = "where", .roles = ROLE_STEP, .apply = fake_apply },
	[BATCH] = { .name = "batch", .roles = ROLE_STEP, .build = fake_build },
	[SORT] = { .name = "sort", .roles = ROLE_STEP, .key = fake_key },
	[GROUP] = { .name = "group", .roles = ROLE_STEP, .key = fake_key, .build = fake_build },
	[EMIT] = { .name = "emit", .roles = ROLE_STEP, .apply = fake_apply },
	[JOIN] = { .name = "join", .roles = ROLE_STEP, .gather = fake_gather },
};
static const struct port fake_sink = {
	.name = "sink", .roles = ROLE_SINK, .resume = fake_resume, .commit = fake_commit
};

/* ---- what must be there ---- */
static void expect(struct scene *s, size_t at, const struct texts *in);

static void expect_batch(struct scene *s, size_t at, const struct texts *in)
{
	const struct fake_step *f = &s->fakes[at];
	struct texts out = { 0 };
	for (size_t i = 0; i < in->n; i += f->window) {
		AUTO(buf_done) struct buf all = { 0 };
		size_t end = i + f->window < in->n ? i + f->window : in->n;
		for (size_t k = i; k < end; k++)
			CHECK_INT(buf_printf(&all, "%s%s", k > i ? "," : "(", in->v[k]), 0);
		CHECK_INT(buf_add_char(&all, ')'), 0);
		texts_add(&out, all.p);
	}
	expect(s, at + 1, &out);
	texts_done(&out);
}

static void expect_sort(struct scene *s, size_t at, const struct texts *in)
{
	const struct fake_step *f = &s->fakes[at];
	struct texts out = { 0 };
	size_t window = f->window ? f->window : in->n + 1;
	for (size_t i = 0; i < in->n; i += window)
		for (int letter = 0; letter < 6; letter++)
			for (size_t k = i; k < i + window && k < in->n; k++)
				if (sort_letter(f, in->v[k]) ==
				    (f->desc ? 'f' - letter : 'a' + letter))
					texts_add(&out, in->v[k]);
	expect(s, at + 1, &out);
	texts_done(&out);
}

struct open_group {
	struct buf text;
	size_t n, bytes, opened;
};

static void close_group(struct open_group *g, struct texts *out)
{
	CHECK_INT(buf_add_char(&g->text, ')'), 0);
	texts_add(out, g->text.p);
	buf_done(&g->text);
	*g = (struct open_group){ 0 };
}

static void add_to_group(const struct fake_step *f, struct open_group *g, char letter,
			 const char *text, struct texts *out)
{
	static size_t opened;
	size_t bytes = strlen("{\"v\":\"\"}") + strlen(text);
	if (g->n > 0 && f->bytes && g->bytes + bytes > f->bytes)
		close_group(g, out);
	if (g->n == 0) {
		g->opened = ++opened;
		CHECK_INT(buf_printf(&g->text, "%c(%s", letter, text), 0);
	} else {
		CHECK_INT(buf_printf(&g->text, ",%s", text), 0);
	}
	g->bytes += bytes;
	if (++g->n == f->window)
		close_group(g, out);
}

/* Windows close in another order than they open; at the end in the order in which they did. */
static void expect_group(struct scene *s, size_t at, const struct texts *in)
{
	const struct fake_step *f = &s->fakes[at];
	struct open_group groups[6] = { 0 }, *oldest;
	struct texts out = { 0 };
	for (size_t i = 0; i < in->n; i++) {
		char letter = sort_letter(f, in->v[i]);
		add_to_group(f, &groups[letter - 'a'], letter, in->v[i], &out);
	}
	do {
		oldest = NULL;
		for (size_t i = 0; i < 6; i++)
			if (groups[i].n && (!oldest || groups[i].opened < oldest->opened))
				oldest = &groups[i];
		if (oldest)
			close_group(oldest, &out);
	} while (oldest);
	expect(s, at + 1, &out);
	texts_done(&out);
}

/* From behind `emit` to its `join`: what becomes of one child. 1: it arrives, 0: filtered, -1: dead */
static int expect_child(struct scene *s, size_t *at, const char *child)
{
	for (; s->fakes[*at].kind != JOIN; ++*at) {
		const struct fake_step *f = &s->fakes[*at];
		if (f->kind == CALL && dies(f, child))
			return -1;
		if (f->kind == WHERE && !passes(f, child))
			return 0;
	}
	return 1;
}

/* false: dead */
static bool expect_parent(struct scene *s, size_t at, const char *text, struct buf *out)
{
	const struct fake_step *f = &s->fakes[at];
	size_t join = at;
	const char *between = "";
	bool good = true;
	while (s->fakes[join].kind != JOIN)
		join++;
	enum missing missing = s->fakes[join].missing;
	CHECK_INT(buf_printf(out, "%s(", text), 0);
	for (size_t i = 0; i < child_count(f, text); i++) {
		char child[TEXT_MAX + 8];
		size_t behind = at + 1;
		snprintf(child, sizeof child, "%s.%zu", text, i);
		int r = expect_child(s, &behind, child);
		good &= r >= 0 || missing != MISSING_DEAD;
		s->want_dead += r < 0 && missing != MISSING_DEAD;
		if (r == 0 || (r < 0 && missing != MISSING_NULL))
			continue;
		CHECK_INT(buf_printf(out, "%s%s", between, r > 0 ? child : "-"), 0);
		between = ",";
	}
	s->want_dead += !good;
	CHECK_INT(buf_add_char(out, ')'), 0);
	return good;
}

static void expect_join(struct scene *s, size_t at, const struct texts *in)
{
	struct texts out = { 0 };
	size_t join = at;
	for (size_t i = 0; i < in->n; i++) {
		AUTO(buf_done) struct buf all = { 0 };
		if (expect_parent(s, at, in->v[i], &all))
			texts_add(&out, all.p);
	}
	while (s->fakes[join].kind != JOIN)
		join++;
	expect(s, join + 1, &out);
	texts_done(&out);
}

static void expect_each(struct scene *s, size_t at, const struct texts *in)
{
	const struct fake_step *f = &s->fakes[at];
	struct texts out = { 0 };
	for (size_t i = 0; i < in->n; i++) {
		bool good = f->kind == WHERE ? passes(f, in->v[i]) : !dies(f, in->v[i]);
		if (good)
			texts_add(&out, in->v[i]);
		s->want_dead += !good && f->kind == CALL;
	}
	expect(s, at + 1, &out);
	texts_done(&out);
}

static void expect(struct scene *s, size_t at, const struct texts *in)
{
	if (at == s->plan.step_count) {
		for (size_t i = 0; i < in->n; i++)
			texts_add(&s->want, in->v[i]);
		return;
	}
	static void (*const of[])(struct scene *, size_t, const struct texts *) = {
		[CALL] = expect_each, [WHERE] = expect_each,  [BATCH] = expect_batch,
		[SORT] = expect_sort, [GROUP] = expect_group, [EMIT] = expect_join,
	};
	of[s->fakes[at].kind](s, at, in);
}

/* ---- a scene ---- */
static void make_step(struct scene *s, enum kind kind)
{
	size_t i = s->plan.step_count++;
	struct fake_step *f = &s->fakes[i];
	ASSERT(i < STEPS_MAX);
	*f = (struct fake_step){ .kind = kind, .salt = i, .desc = happens(50) };
	f->window = kind == BATCH || kind == GROUP ? 1 + rand_below(&s->rnd, 9)
						   : rand_below(&s->rnd, 30);
	f->bytes = kind == GROUP && happens(50) ? 20 + rand_below(&s->rnd, 80) : 0;
	f->missing = (enum missing)rand_below(&s->rnd, 3);
	snprintf(s->labels[i], sizeof s->labels[i], "%s %zu", ports[kind].name, i);
	s->steps[i] = (struct place){ .role = ROLE_STEP,
				      .port = &ports[kind],
				      .label = s->labels[i],
				      .options = f,
				      .facts = { .many = kind == EMIT,
						 .window = f->window,
						 .window_bytes = f->bytes,
						 .descending = f->desc,
						 .missing = f->missing } };
	s->steps[i].common.retry = &s->retry;
	s->steps[i].common.concurrency.most = 1 + (int64_t)rand_below(&s->rnd, 20);
	s->steps[i].common.queue = 1 + (int64_t)rand_below(&s->rnd, 30);
}

static void make_stage(struct scene *s)
{
	switch (rand_below(&s->rnd, 8)) {
	case 0:
		make_step(s, WHERE);
		break;
	case 1:
	case 2:
		make_step(s, BATCH);
		break;
	case 3:
		make_step(s, SORT);
		break;
	case 4:
	case 5:
		make_step(s, GROUP);
		break;
	case 6:
		make_step(s, EMIT);
		if (happens(70))
			make_step(s, CALL);
		make_step(s, WHERE);
		make_step(s, JOIN);
		break;
	default:
		make_step(s, CALL);
	}
}

static void make_sink(struct scene *s, size_t i)
{
	static const char *const labels[] = { "one", "two" };
	struct fake_sink *k = s->sink_at[i] = &s->sinks[i];
	k->own_mark = happens(60);
	s->to[i] =
		(struct place){ .role = ROLE_SINK,
				.port = &fake_sink,
				.label = labels[i],
				.options = &s->sink_at[i],
				.facts = { .own_mark = k->own_mark, .guarantee = TRANSACTIONAL } };
}

static void scene_open(struct scene *s, uint64_t seed)
{
	scene = s;
	rand_seed(&s->rnd, seed);
	folder_make(s->folder);
	s->records = 1 + rand_below(&s->rnd, RECORDS_MAX);
	s->reset_percent = (unsigned)rand_below(&s->rnd, 20);
	s->crash_percent = (unsigned)rand_below(&s->rnd, 20);
	s->stop_percent = (unsigned)rand_below(&s->rnd, 4);
	s->failures_percent = (unsigned)rand_below(&s->rnd, 60);
	s->retry = (struct retry_options){ .times = 1000 };
	s->source = (struct place){ .role = ROLE_SOURCE,
				    .port = &fake_source,
				    .label = "texts",
				    .common = { .retry = &s->retry },
				    .facts = { .restart = RESTART_SEEKS } };
	s->plan = plan_of(s->folder, &s->source, s->steps, s->to);
	s->plan.step_count = 0; /* so far */
	size_t stages = 1 + rand_below(&s->rnd, 3);
	for (size_t i = 0; i < stages; i++)
		make_stage(s);
	s->plan.sink_count = 1 + rand_below(&s->rnd, SINKS_MAX);
	if (happens(40)) /* a few records fill it */
		s->plan.memory_bytes = 20000 + rand_below(&s->rnd, 40000);
	for (size_t i = 0; i < s->plan.sink_count; i++)
		make_sink(s, i);
}

static void scene_expect(struct scene *s)
{
	struct texts all = { 0 };
	char text[32];
	for (size_t n = 0; n < s->records; n++) {
		snprintf(text, sizeof text, "%zu", n);
		texts_add(&all, text);
	}
	expect(s, 0, &all);
	texts_done(&all);
}

static void scene_close(struct scene *s)
{
	for (size_t i = 0; i < SINKS_MAX; i++) {
		buf_done(&s->sinks[i].mark);
		texts_done(&s->sinks[i].rows);
	}
	texts_done(&s->want);
	folder_remove(s->folder);
}

static int go_body(void *arg)
{
	struct scene *s = arg;
	struct err err = { 0 };
	s->opening = true;
	int opened = run_open(&s->plan, &s->options, &s->run, &err);
	s->opening = false;
	if (opened < 0) {
		if (!s->crashed)
			CHECK_STR(err.text, "it opens");
		s->result.end = RUN_FAILED;
		return s->crashed ? 0 : -1;
	}
	run_go(s->run, &s->result);
	run_close(s->run);
	return 0;
}

static int verify_body(void *arg)
{
	struct scene *s = arg;
	struct err err = { 0 };
	struct state *state = NULL;
	struct verified said = { 0 };
	char path[128];
	snprintf(path, sizeof path, "%s/.hocket/test.db", s->folder);
	CHECK_INT(state_open_to_read(path, &state, &err), 0);
	CHECK_INT(verify_state(state, &said, &err), 0);
	CHECK_STR(said.wrong.p ? said.wrong.p : "", "");
	buf_done(&said.wrong);
	state_close(state);
	return 0;
}

static int in_its_loop(struct scene *s, hk_fn *body)
{
	return hk_run(
		body, s,
		&(struct hk_run_options){ .virtual_clock = true, .seed = rand_u64(&s->rnd) | 1 });
}

static bool is_whole(struct scene *s)
{
	enum run_end end = s->result.end;
	CHECK(end != RUN_BROKEN);
	if (end == RUN_FINISHED || end == RUN_LIMITED) {
		s->admitted += s->result.counts.admitted;
		s->dead += s->result.counts.dead;
	}
	return end == RUN_FINISHED || end == RUN_NOTHING_NEW;
}

static void go_until_finished(struct scene *s)
{
	int part = 0;
	do {
		if (part == PARTS_MAX / 2) /* let it end */
			s->crash_percent = s->stop_percent = s->failures_percent = 0;
		s->crashed = false;
		s->options.max_failures.count =
			happens(s->failures_percent) ? 1 + (int64_t)rand_below(&s->rnd, 5) : 0;
		s->options.grace_ns = 1 + (int64_t)rand_below(&s->rnd, 300) * HK_MS;
		if (in_its_loop(s, go_body) < 0)
			return;
	} while (!is_whole(s) && ++part < PARTS_MAX);
}

static void check_texts(const struct texts *got, const struct texts *want)
{
	CHECK_INT(got->n, want->n);
	for (size_t i = 0; i < got->n && i < want->n; i++) {
		if (strcmp(got->v[i], want->v[i]) == 0)
			continue;
		printf("# row %zu\n", i);
		CHECK_STR(got->v[i], want->v[i]);
		return;
	}
}

static void check_seed(uint64_t seed)
{
	struct scene *s = xcalloc(1, sizeof *s);
	int before = test_failures_;
	scene_open(s, seed);
	scene_expect(s);
	go_until_finished(s);
	CHECK(s->result.end == RUN_FINISHED || s->result.end == RUN_NOTHING_NEW);
	CHECK_INT(s->admitted, s->records);
	CHECK_INT(s->dead, s->want_dead);
	CHECK_INT(s->result.left, 0);
	for (size_t k = 0; k < s->plan.sink_count; k++)
		check_texts(&s->sinks[k].rows, &s->want);
	CHECK_INT(in_its_loop(s, verify_body), 0);
	if (test_failures_ > before)
		printf("# that was seed %llu (%s)\n", (unsigned long long)seed, s->result.err.text);
	scene_close(s);
	free(s);
}

TEST(windows_are_the_same_wherever_a_run_is_cut_off)
{
	const char *one = getenv("HOCKET_SEED");
	uint64_t seed = one ? strtoull(one, NULL, 10) : 1, end = one ? seed : 150;
	for (; seed <= end; seed++)
		check_seed(seed);
}

/* ---- one question each ---- */
static struct scene *quiet_scene(size_t records)
{
	struct scene *s = xcalloc(1, sizeof *s);
	scene_open(s, 1);
	s->reset_percent = s->crash_percent = s->stop_percent = s->failures_percent = 0;
	s->plan.step_count = 0;
	s->plan.sink_count = 1;
	s->sinks[0].own_mark = s->to[0].facts.own_mark = true;
	s->plan.memory_bytes = 64u << 20;
	s->records = records;
	s->options.grace_ns = HK_SEC;
	return s;
}

/* All is read and merged, one batch is on its way, the others lie in the state: nothing is left that moves. */
TEST(a_run_that_is_stopped_behind_its_input_is_not_finished)
{
	struct scene *s = quiet_scene(20);
	make_step(s, BATCH);
	make_step(s, CALL);
	s->fakes[0].window = s->steps[0].facts.window = 2;
	s->steps[0].facts.window_bytes = 1000;
	s->plan.memory_bytes = 70; /* one at a time */
	s->steps[1].common.concurrency.most = s->steps[1].common.queue = 1;
	scene_expect(s);
	s->stop_at = "(0,1)";
	CHECK_INT(in_its_loop(s, go_body), 0);
	CHECK_INT(s->result.end, RUN_STOPPED_EARLY);
	CHECK_INT(s->result.left, 0);
	CHECK(s->result.held > 0);
	s->stop_at = NULL;
	go_until_finished(s);
	CHECK_INT(s->result.end, RUN_FINISHED);
	CHECK_INT(s->result.counts.dead, s->want_dead);
	check_texts(&s->sinks[0].rows, &s->want);
	scene_close(s);
	free(s);
}

/* What is in a window that is too old goes on; the input goes on meanwhile. */
TEST(linger_closes_a_window)
{
	struct scene *s = quiet_scene(100);
	make_step(s, BATCH);
	s->fakes[0].window = s->steps[0].facts.window = 1000;
	s->steps[0].facts.linger_ns =
		20 * HK_MS; /* a record comes every third of a millisecond, roughly */
	go_until_finished(s);
	size_t members = 0;
	for (size_t i = 0; i < s->sinks[0].rows.n; i++) {
		members++;
		for (const char *at = s->sinks[0].rows.v[i]; *at; at++)
			members += *at == ',';
	}
	CHECK_INT(s->result.end, RUN_FINISHED);
	CHECK_INT(members, 100);
	CHECK(s->sinks[0].rows.n > 0 && s->sinks[0].rows.n < 20);
	scene_close(s);
	free(s);
}

static const struct test tests[] = {
	T(a_run_that_is_stopped_behind_its_input_is_not_finished),
	T(linger_closes_a_window),
	T(windows_are_the_same_wherever_a_run_is_cut_off),
};

int main(void)
{
	return RUN_TESTS(tests);
}
