/* onward.c (tests) - a list that grows day by day, and a source that is asked for what came since, under random ends
 *
 * A seed makes days. On each of them the list has grown, and the pipeline is run until it is finished or finds nothing new; commits
 * fail before or behind the sink's, requests fail, and the list grows on between two pages. The source asks from two items before its
 * end, so that what it knows comes again. The sink's rows are the witness: each item, once, in order. */
#include "base/json.h"
#include "base/rand.h"
#include "base/units.h"
#include "engine/run.h"
#include "rt/in_loop.h"
#include "scene.h"
#include <stdio.h>

enum { ROWS_MAX = 2000, ENDS_MAX = 80, SEEDS = 40, A_PAGE = 3, OVERLAP = 2, DAYS_MAX = 6 };

struct world {
	struct rand rnd;
	int64_t size; /* of the list */
	unsigned crash_percent, reset_percent;
	int64_t rows[ROWS_MAX];
	size_t row_count;
	struct buf mark;
	bool crashed;
};
static struct world *the_world;

static bool happens(unsigned percent)
{
	return rand_below(&the_world->rnd, 100) < percent;
}

static int64_t number(struct slice object, const char *key)
{
	struct slice raw;
	int64_t n = -1;
	CHECK(json_field(object, slice_str(key), &raw) && units_int(raw, &n) == 0);
	return n;
}

/* ---- the source: "@7" is a position behind seven items of a finished run, "/5" the page from item 5 on ---- */
struct page {
	int64_t at, until, taken; /* items; those below `taken` are known */
};

static int ask_page(struct world *w, struct intake *in, struct split *s, struct page *p,
		    uint64_t skip, struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf base = { 0 }, about = { 0 };
	if (happens(w->reset_percent))
		return fail(err, FAULT_RESET, "connection reset");
	w->size += (int64_t)rand_below(&w->rnd, 2);
	p->until = w->size < p->at + A_PAGE ? w->size : p->at + A_PAGE;
	CHECK_INT(buf_printf(&base, "/%lld", (long long)p->at), 0);
	CHECK_INT(buf_printf(&about, "{\"at\":%lld,\"until\":%lld,\"taken\":%lld}",
			     (long long)p->at, (long long)p->until, (long long)p->taken),
		  0);
	CHECK_INT(skip, 0);
	return intake_keep(in, s, buf_slice(&base), (uint64_t)(p->until - p->at), buf_slice(&about),
			   S("body"), err);
}

/* begun: the page by its name, else the first that is kept. */
static int get_page(struct world *w, struct intake *in, struct split *s, bool begun, struct page *p,
		    uint64_t skip, struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf base = { 0 }, about = { 0 }, value = { 0 };
	if (begun)
		CHECK_INT(buf_printf(&base, "/%lld", (long long)p->at), 0);
	int found = intake_kept(in, s, buf_slice(&base), &about, &value, err);
	if (found <= 0)
		return found < 0 ? -1 : ask_page(w, in, s, p, skip, err);
	p->at = number(buf_slice(&about), "at");
	p->until = number(buf_slice(&about), "until");
	p->taken = number(buf_slice(&about), "taken");
	return 0;
}

static int admit_page(struct intake *in, struct split *s, const struct page *p, uint64_t skip,
		      struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf base = { 0 };
	CHECK_INT(buf_printf(&base, "/%lld", (long long)p->at), 0);
	struct text *shared = text_new(buf_slice(&base));
	int r = 0;
	for (int64_t i = p->at + (int64_t)skip; i < p->until && r == 0; i++) {
		AUTO(buf_done) struct buf json = { 0 };
		CHECK_INT(buf_printf(&json, "{\"i\":%lld}", (long long)i), 0);
		r = admit(in,
			  &(struct arrival){ .rec = rec_take(&json),
					     .split = s,
					     .next = { shared, (uint64_t)(i - p->at) + 1 },
					     .known = i < p->taken },
			  err);
	}
	text_unref(shared);
	return r;
}

static void say_end(struct intake *in, struct split *s, int64_t taken)
{
	AUTO(buf_done) struct buf base = { 0 };
	CHECK_INT(buf_printf(&base, "@%lld", (long long)taken), 0);
	intake_onward(in, s, buf_slice(&base));
}

static int fake_run(struct site *at, struct intake *in, struct err *err)
{
	struct world *w = the_world;
	struct split *s = intake_split(in, "pages");
	const struct position *from = split_from(s);
	struct slice base = from ? text_slice(from->base) : S("@0");
	bool begun = base.p[0] == '/';
	uint64_t skip = begun ? from->offset : 0;
	struct page p = { 0 };
	int64_t n = 0;
	(void)at;
	CHECK_INT(units_int(slice_from(base, 1), &n), 0);
	p = (struct page){ .at = begun         ? n
				 : n > OVERLAP ? n - OVERLAP
					       : 0,
			   .taken = begun ? 0 : n };
	do {
		if (get_page(w, in, s, begun, &p, skip, err) < 0 ||
		    admit_page(in, s, &p, skip, err) < 0)
			return -1;
		begun = true;
		skip = 0;
		n = p.until;
		p.at += A_PAGE;
	} while (p.at == p.until);
	say_end(in, s, n > p.taken ? n : p.taken);
	return 0;
}

/* ---- the witness ---- */
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
	if (w->crashed || happens(w->crash_percent / 2))
		return fail(err, FAULT_IO, "the power went before");
	for (size_t i = 0; i < b->n; i++) {
		ASSERT(w->row_count < ROWS_MAX);
		w->rows[w->row_count++] = number(rec_json(b->recs[i]), "i");
	}
	buf_clear(&w->mark);
	CHECK_INT(buf_add(&w->mark, b->mark), 0);
	w->crashed = happens(w->crash_percent / 2);
	return w->crashed ? fail(err, FAULT_IO, "the power went behind") : 0;
}

static const struct port fake_source = { .name = "pages", .roles = ROLE_SOURCE, .run = fake_run };
static const struct port fake_sink = {
	.name = "witness", .roles = ROLE_SINK, .resume = fake_resume, .commit = fake_commit
};

/* ---- runs ---- */
struct scene {
	struct world w;
	struct place source, sink;
	struct plan plan;
	struct commit_options batches;
	char folder[64];
	enum run_end end;
	uint64_t seed; /* another one for each run: run ids are drawn */
};

static int go_body(void *arg)
{
	struct scene *s = arg;
	struct run *run;
	struct run_result result;
	struct err err = { 0 };
	const struct run_options options = { 0 };
	if (run_open(&s->plan, &options, &run, &err) < 0) {
		CHECK_STR(err.text, "it opens");
		return -1;
	}
	run_go(run, &result);
	s->end = result.end;
	run_close(run);
	return 0;
}

static void scene_open(struct scene *s, uint64_t seed)
{
	*s = (struct scene){ .batches = { .rows = 4 }, .seed = seed << 16 };
	the_world = &s->w;
	rand_seed(&s->w.rnd, seed);
	folder_make(s->folder);
	s->w.crash_percent = (unsigned)rand_below(&s->w.rnd, 60);
	s->w.reset_percent = (unsigned)rand_below(&s->w.rnd, 30);
	s->source = (struct place){ .role = ROLE_SOURCE,
				    .port = &fake_source,
				    .label = "pages",
				    .facts = { .restart = RESTART_ASKS, .onward = true } };
	s->sink = (struct place){ .role = ROLE_SINK,
				  .port = &fake_sink,
				  .label = "witness",
				  .facts = { .own_mark = true, .guarantee = TRANSACTIONAL },
				  .common = { .commit = &s->batches } };
	s->plan = plan_of(s->folder, &s->source, NULL, &s->sink);
}

static bool is_over(enum run_end end)
{
	return end == RUN_FINISHED || end == RUN_NOTHING_NEW;
}

/* The run of one day, begun again until it is over. */
static void day_runs(struct scene *s)
{
	unsigned ends = 0;
	int before = test_failures_;
	int64_t size = s->w.size;
	do {
		s->w.crashed = false;
		s->end = RUN_FAILED;
		CHECK_INT(hk_run(go_body, s,
				 &(struct hk_run_options){ .virtual_clock = true,
							   .seed = s->seed++ }),
			  0);
	} while (!is_over(s->end) && ++ends < ENDS_MAX && test_failures_ == before);
	CHECK(is_over(s->end));
	CHECK(s->w.row_count >= (size_t)size || ends > 0); /* what was there is taken */
}

static bool seed_runs(uint64_t seed)
{
	static struct scene s;
	int before = test_failures_;
	scene_open(&s, seed);
	for (unsigned day = 0; day < DAYS_MAX && test_failures_ == before; day++) {
		s.w.size += (int64_t)rand_below(&s.w.rnd, 12);
		day_runs(&s);
	}
	s.w.crash_percent = s.w.reset_percent = 0; /* a last quiet day takes what is left */
	for (int i = 0; i < 3; i++)
		day_runs(&s);
	for (size_t i = 0; i < s.w.row_count; i++)
		CHECK_INT(s.w.rows[i], i);
	CHECK(s.w.row_count + A_PAGE >=
	      (size_t)s.w.size); /* it may have grown behind the last page */
	buf_done(&s.w.mark);
	folder_remove(s.folder);
	return test_failures_ == before;
}

TEST(each_item_of_a_growing_list_arrives_once)
{
	const char *only = getenv("HOCKET_SEED");
	uint64_t seed = only ? strtoull(only, NULL, 10) : 0, end = only ? seed + 1 : SEEDS;
	for (; seed < end && seed_runs(seed); seed++)
		;
	if (seed < end)
		printf("# replay with HOCKET_SEED=%llu\n", (unsigned long long)seed);
}

static const struct test tests[] = { T(each_item_of_a_growing_list_arrives_once) };

int main(void)
{
	return RUN_TESTS(tests);
}
