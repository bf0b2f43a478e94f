/* inbox.c (tests) - an API whose pages are others at each request, under random ends: what was kept once is what is delivered
 *
 * A seed makes a number of pages, some of them empty, and a list of ends: a commit that fails before or after the sink has taken its
 * rows, and requests that fail. The run is begun again until it is finished. The sink's rows are the witness: each page's are those
 * of one answer, all of them, once, in order; and no page that was kept was asked for again. */
#include "base/json.h"
#include "base/rand.h"
#include "engine/run.h"
#include "rt/in_loop.h"
#include "scene.h"
#include <sqlite3.h>
#include <stdio.h>

enum { PAGES_MAX = 12, ROWS_MAX = 500, ENDS_MAX = 60, SEEDS = 150 };

struct row {
	int64_t page, answer, i;
};
struct world {
	struct rand rnd;
	int64_t pages;
	unsigned crash_percent, reset_percent;
	int64_t asked[PAGES_MAX], kept[PAGES_MAX];
	struct row rows[ROWS_MAX];
	size_t row_count;
	struct buf mark;
	bool crashed; /* a dead process does nothing more */
};
static struct world *the_world;

static bool happens(unsigned percent)
{
	return rand_below(&the_world->rnd, 100) < percent;
}

/* How many records a page had when it was asked for the n-th time. */
static int64_t size_of(int64_t page, int64_t answer)
{
	return (page * 7 + answer * 3) % 5;
}

/* ---- the API ---- */
static int64_t number(struct slice object, const char *key)
{
	struct slice raw;
	int64_t n = -1;
	CHECK(json_field(object, slice_str(key), &raw) && units_int(raw, &n) == 0);
	return n;
}

static int ask_page(struct world *w, struct intake *in, struct split *s, int64_t page,
		    uint64_t skip, int64_t *answer, struct err *err)
{
	AUTO(buf_done) struct buf base = { 0 }, about = { 0 };
	if (happens(w->reset_percent))
		return fail(err, FAULT_RESET, "connection reset");
	*answer = ++w->asked[page];
	uint64_t size = (uint64_t)size_of(page, *answer);
	CHECK_INT(buf_printf(&base, "/%lld", (long long)page), 0);
	CHECK_INT(buf_printf(&about, "{\"answer\":%lld}", (long long)*answer), 0);
	if (intake_keep(in, s, buf_slice(&base), size > skip ? size - skip : 0, buf_slice(&about),
			S("body"), err) < 0)
		return -1;
	w->kept[page]++;
	return 0;
}

static int get_page(struct world *w, struct intake *in, struct split *s, int64_t page,
		    uint64_t skip, int64_t *answer, struct err *err)
{
	AUTO(buf_done) struct buf base = { 0 }, about = { 0 }, value = { 0 };
	CHECK_INT(buf_printf(&base, "/%lld", (long long)page), 0);
	int found = intake_kept(in, s, buf_slice(&base), &about, &value, err);
	if (found <= 0)
		return found < 0 ? -1 : ask_page(w, in, s, page, skip, answer, err);
	CHECK_STR(value.p, "body");
	*answer = number(buf_slice(&about), "answer");
	return 0;
}

static int admit_page(struct intake *in, struct split *s, int64_t page, int64_t answer,
		      uint64_t skip, struct err *err)
{
	AUTO(buf_done) struct buf base = { 0 };
	CHECK_INT(buf_printf(&base, "/%lld", (long long)page), 0);
	struct text *shared = text_new(buf_slice(&base));
	int r = 0;
	for (uint64_t i = skip; i < (uint64_t)size_of(page, answer) && r == 0; i++) {
		AUTO(buf_done) struct buf json = { 0 };
		CHECK_INT(buf_printf(&json, "{\"page\":%lld,\"answer\":%lld,\"i\":%llu}",
				     (long long)page, (long long)answer, (unsigned long long)i),
			  0);
		r = admit(in,
			  &(struct arrival){
				  .rec = rec_take(&json), .split = s, .next = { shared, i + 1 } },
			  err);
	}
	text_unref(shared);
	return r;
}

static int fake_run(struct site *at, struct intake *in, struct err *err)
{
	struct world *w = the_world;
	struct split *s = intake_split(in, "pages");
	const struct position *from = split_from(s);
	uint64_t skip = from ? from->offset : 0;
	int64_t page = 0, answer = 0;
	(void)at;
	if (from)
		CHECK_INT(units_int(slice_from(text_slice(from->base), 1), &page), 0);
	for (; page < w->pages; page++, skip = 0)
		if (get_page(w, in, s, page, skip, &answer, err) < 0 ||
		    admit_page(in, s, page, answer, skip, err) < 0)
			return -1;
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
		struct slice rec = rec_json(b->recs[i]);
		ASSERT(w->row_count < ROWS_MAX);
		w->rows[w->row_count++] = (struct row){ number(rec, "page"), number(rec, "answer"),
							number(rec, "i") };
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
	*s = (struct scene){ .batches = { .rows = 4 } };
	the_world = &s->w;
	rand_seed(&s->w.rnd, seed);
	folder_make(s->folder);
	s->w.pages = 1 + (int64_t)rand_below(&s->w.rnd, PAGES_MAX);
	s->w.crash_percent = (unsigned)rand_below(&s->w.rnd, 60);
	s->w.reset_percent = (unsigned)rand_below(&s->w.rnd, 30);
	s->source = (struct place){ .role = ROLE_SOURCE,
				    .port = &fake_source,
				    .label = "pages",
				    .facts = { .restart = RESTART_ASKS } };
	s->sink = (struct place){ .role = ROLE_SINK,
				  .port = &fake_sink,
				  .label = "witness",
				  .facts = { .own_mark = true, .guarantee = TRANSACTIONAL },
				  .common = { .commit = &s->batches } };
	s->plan = plan_of(s->folder, &s->source, NULL, &s->sink);
}

static int64_t pages_left(const struct scene *s)
{
	AUTO(buf_done) struct buf path = { 0 };
	sqlite3 *db = NULL;
	sqlite3_stmt *q = NULL;
	int64_t n = -1;
	CHECK_INT(buf_printf(&path, "%s/.hocket/test.db", s->folder), 0);
	if (sqlite3_open(path.p, &db) == SQLITE_OK &&
	    sqlite3_prepare_v2(db, "SELECT count(*) FROM inbox", -1, &q, NULL) == SQLITE_OK &&
	    sqlite3_step(q) == SQLITE_ROW)
		n = sqlite3_column_int64(q, 0);
	sqlite3_finalize(q);
	sqlite3_close(db);
	return n;
}

static void check_rows(const struct world *w)
{
	size_t at = 0;
	for (int64_t page = 0; page < w->pages; page++) {
		int64_t answer =
			w->asked[page]; /* those before it were cut off before they were kept */
		CHECK_INT(w->kept[page], 1);
		for (int64_t i = 0; i < size_of(page, answer); i++, at++) {
			if (at == w->row_count)
				break;
			CHECK_INT(w->rows[at].page, page);
			CHECK_INT(w->rows[at].answer, answer);
			CHECK_INT(w->rows[at].i, i);
		}
	}
	CHECK_INT(at, w->row_count);
}

static bool seed_runs(uint64_t seed)
{
	static struct scene s;
	unsigned ends = 0;
	int before = test_failures_;
	scene_open(&s, seed);
	do {
		s.w.crashed = false;
		s.end = RUN_FAILED;
		CHECK_INT(hk_run(go_body, &s,
				 &(struct hk_run_options){ .virtual_clock = true, .seed = seed }),
			  0);
	} while (s.end != RUN_FINISHED && ++ends < ENDS_MAX && test_failures_ == before);
	CHECK_INT(s.end, RUN_FINISHED);
	check_rows(&s.w);
	CHECK_INT(pages_left(&s), 0);
	buf_done(&s.w.mark);
	folder_remove(s.folder);
	return test_failures_ == before;
}

TEST(kept_pages_are_what_is_delivered)
{
	const char *only = getenv("HOCKET_SEED");
	uint64_t seed = only ? strtoull(only, NULL, 10) : 0, end = only ? seed + 1 : SEEDS;
	for (; seed < end && seed_runs(seed); seed++)
		;
	if (seed < end)
		printf("# replay with HOCKET_SEED=%llu\n", (unsigned long long)seed);
}

static const struct test tests[] = { T(kept_pages_are_what_is_delivered) };

int main(void)
{
	return RUN_TESTS(tests);
}
