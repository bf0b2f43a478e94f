/* world.c - one seed's world from its drawing to the verdict
 *
 * What this room is for: the draw (what pipeline, what input, what goes wrong), the planner, and the comparison of what is there
 *   with what must be there.
 * What must hold:
 *  (1) rows: each wanted row is in each sink that wants it, once, with the values of the answers, in the input's order unless the
 *      file says otherwise. Only after a POST without a key a row may be missing, and then there is a dead letter for it.
 *  (2) the account balances, and says what the far side and the files say.
 *  (3) memory stays under the budget, but for what the oldest record needs. */
#include "connectors/registry.h"
#include "world.h"
#include <sqlite3.h>
#include <unistd.h>

int world_failures;

bool happens(struct world *w, unsigned percent)
{
	return rand_below(&w->rnd, 100) < percent;
}

int64_t up_to(struct world *w, int64_t most)
{
	return 1 + (int64_t)rand_below(&w->rnd, (uint64_t)most);
}

void rows_add(struct rows *rows, struct row r)
{
	if (rows->n == rows->cap) {
		rows->cap = rows->cap ? rows->cap * 2 : 64;
		rows->v = xrealloc(rows->v, rows->cap, sizeof *rows->v);
	}
	rows->v[rows->n++] = r;
}

static void rows_done(struct rows *rows)
{
	free(rows->v);
}

bool step_calls(enum step_kind kind)
{
	return kind != WHERE && kind != EMIT && kind != SORT && kind != BATCH;
}

/* ---- the plan ---- */
static struct plan *parse(const struct world *w, struct diag *diag)
{
	AUTO(buf_done) struct buf text = { 0 };
	struct plan_settings settings = { .registry = &registry };
	pipeline_put(w, &text);
	return plan_parse(buf_slice(&text), "world.yaml", w->folder, &settings, diag);
}

static bool knows(enum step_kind kind)
{
	struct world w = { .records = 1,
			   .padding = 1,
			   .step_count = 1,
			   .sink_count = 1,
			   .folder = "/nonexistent",
			   .steps = { { .kind = kind, .concurrency = 1, .queue = 1 } },
			   .sinks = { { .rows = 1, .every_ms = 1 } } };
	struct diag *diag = diag_new("world.yaml");
	struct plan *plan = parse(&w, diag);
	plan_free(plan);
	diag_free(diag);
	return plan;
}

/* Words that the language has only since calls are kept. */
static bool knows_paid_calls(void)
{
	static int known = -1;
	if (known < 0)
		known = knows(POST_KEYED) && knows(REMEMBERED);
	return known;
}

static bool expands(const struct world *w)
{
	for (size_t i = 0; i < w->step_count; i++)
		if (w->steps[i].kind == EMIT || w->steps[i].kind == GET_EMIT ||
		    w->steps[i].kind == BATCH)
			return true;
	return false;
}

/* ---- the draw ---- */
static void draw_step(struct world *w, size_t i)
{
	bool last = i + 1 == w->step_count;
	unsigned kinds = !knows_paid_calls() ? POST_KEYED : last ? STEP_KINDS : POST_ONCE;
	w->steps[i] = (struct drawn_step){ .kind = (enum step_kind)rand_below(&w->rnd, kinds),
					   .concurrency = up_to(w, 20),
					   .queue = up_to(w, 60),
					   .rate_per_s = happens(w, 15) ? 20 + up_to(w, 60) : 0 };
}

static void draw_sink(struct world *w, size_t i)
{
	w->sinks[i] = (struct drawn_sink){ .kind = (enum sink_kind)rand_below(&w->rnd, SINK_KINDS),
					   .half = i > 0 && happens(w, 40),
					   .rows = up_to(w, 40),
					   .every_ms = up_to(w, 500) };
}

static void draw_net(struct world *w, struct hk_sim_net *net)
{
	net->latency_ns = up_to(w, 20 * HK_MS);
	net->jitter_ns = happens(w, 50) ? up_to(w, 40 * HK_MS) : 0;
	net->loss_ppm = happens(w, 40) ? (unsigned)up_to(w, 30000) : 0;
	net->reset_ppm = happens(w, 40) ? (unsigned)up_to(w, 10000) : 0;
	net->refuse_ppm = happens(w, 30) ? (unsigned)up_to(w, 100000) : 0;
	net->short_reads = happens(w, 30);
}

static void draw_trouble(struct world *w, struct trouble *t)
{
	draw_net(w, &t->net);
	t->parts = happens(w, 25);
	t->resets = happens(w, 40);
	t->restarts = happens(w, 30);
	t->weather_ns = 200 * HK_MS + up_to(w, 4 * HK_SEC);
	t->fail = happens(w, 50) ? (unsigned)up_to(w, 20) : 0;
	t->throttle = happens(w, 30) ? (unsigned)up_to(w, 4) : 0;
	t->drop = happens(w, 40) ? (unsigned)up_to(w, 8) : 0;
	t->cut = happens(w, 30) ? (unsigned)up_to(w, 8) : 0;
	t->late = happens(w, 20) ? (unsigned)up_to(w, 2) : 0;
	t->slow_every = happens(w, 30) ? 10 + up_to(w, 20) : 0;
	t->slow_ns = up_to(w, 300 * HK_SEC);
	t->crash = happens(w, 80) ? 40 + (unsigned)up_to(w, 55) : 0;
	t->stop = (unsigned)rand_below(&w->rnd, 40);
	t->part_ns = happens(w, 30) ? up_to(w, 5 * HK_SEC) : up_to(w, 300 * HK_MS);
}

/* A few answers fill it. What one record expands to must fit into its reserve. */
static void draw_memory(struct world *w)
{
	if (!happens(w, 40) || expands(w))
		return;
	w->memory_bytes = (uint64_t)(64 + up_to(w, 448)) << 10;
	w->padding = w->memory_bytes / 40;
}

void world_draw(struct world *w, uint64_t seed)
{
	w->seed = seed;
	w->failures_before = world_failures;
	rand_seed(&w->rnd, seed);
	w->source = (enum source_kind)rand_below(&w->rnd, SOURCE_KINDS);
	w->records = up_to(w, RECORDS_MAX);
	w->any_order = happens(w, 30);
	w->bad_lines = happens(w, 30);
	w->padding = 100;
	w->step_count = (size_t)up_to(w, STEPS_MAX);
	w->sink_count = (size_t)up_to(w, SINKS_MAX);
	for (size_t i = 0; i < w->step_count; i++)
		draw_step(w, i);
	for (size_t i = 0; i < w->sink_count; i++)
		draw_sink(w, i);
	draw_memory(w);
	draw_trouble(w, &w->trouble);
}

/* ---- life ---- */
void world_write(struct world *w)
{
	struct diag *diag = diag_new("world.yaml");
	AUTO(buf_done) struct buf said = { 0 };
	snprintf(w->folder, sizeof w->folder, "/dev/shm/hocket-sim-%d", (int)getpid());
	snprintf(w->kept, sizeof w->kept, "%s-kept", w->folder);
	ASSERT(mkdir(w->folder, 0700) == 0);
	pipeline_write_input(w);
	expect_all(w);
	w->plan = parse(w, diag);
	if (!w->plan && diag_print(diag, false, &said) == 0)
		printf("%s", said.p);
	ASSERT(w->plan);
	if (w->memory_bytes)
		w->plan->memory_bytes = w->memory_bytes;
	diag_free(diag);
	far_open(w);
}

void world_live(struct world *w)
{
	struct hk_group g;
	hk_sim_net_set(&w->trouble.net);
	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, far_main, w), 0);
	CHECK_INT(hk_wait_all_parked(), 0);
	CHECK_INT(hk_spawn(&g, far_weather, w), 0);
	parts_live(w);
	hk_group_cancel(&g);
	int r = hk_group_close(&g, 0);
	CHECK(r == 0 || r == -ECANCELED);
}

/* From now on nothing goes wrong any more. */
void world_be_kind(struct world *w)
{
	w->trouble = (struct trouble){ .net = { .latency_ns = HK_MS },
				       .weather_ns = w->trouble.weather_ns,
				       .part_ns = 1 };
	hk_sim_net_set(&w->trouble.net);
}

void world_done(struct world *w)
{
	plan_free(w->plan);
	far_done(w);
	rows_done(&w->want);
	folder_remove(w->folder);
}

/* ---- the verdict ---- */
static int by_row(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	return x->n != y->n ? (x->n > y->n) - (x->n < y->n) : (x->c > y->c) - (x->c < y->c);
}

static struct rows wanted_by(const struct world *w, size_t sink)
{
	struct rows rows = { 0 };
	for (size_t i = 0; i < w->want.n; i++)
		if (!w->sinks[sink].half || w->want.v[i].n % 2 == 0)
			rows_add(&rows, w->want.v[i]);
	return rows;
}

static bool may_lose(const struct world *w)
{
	return w->step_count && w->steps[w->step_count - 1].kind == POST_ONCE;
}

/* In order, what is there is what is wanted without what is missing. */
static size_t count_disorder(const struct rows *want, const struct rows *got)
{
	size_t at = 0, bad = 0;
	for (size_t i = 0; i < got->n; i++) {
		size_t k = at;
		while (k < want->n && by_row(&want->v[k], &got->v[i]) != 0)
			k++;
		bad += k == want->n;
		at = k == want->n ? at : k + 1;
	}
	return bad;
}

struct lacking {
	uint64_t lost, duplicated, wrong;
};

/* Both sorted. */
static struct lacking compare(const struct rows *want, const struct rows *got)
{
	struct lacking m = { 0 };
	size_t i = 0, k = 0;
	while (i < want->n || k < got->n) {
		int order = i == want->n ? 1 : k == got->n ? -1 : by_row(&want->v[i], &got->v[k]);
		if (order < 0) {
			m.lost++, i++;
		} else if (order > 0) {
			bool again = k > 0 && by_row(&got->v[k - 1], &got->v[k]) == 0;
			*(again ? &m.duplicated : &m.wrong) += 1;
			k++;
		} else {
			m.wrong += want->v[i].a != got->v[k].a || want->v[i].p != got->v[k].p;
			i++, k++;
		}
	}
	return m;
}

static void check_sink(struct world *w, size_t sink, uint64_t may_miss)
{
	AUTO(rows_done) struct rows want = wanted_by(w, sink), got = { 0 };
	harvest(w, sink, &got);
	if (!w->any_order) {
		size_t disorder = count_disorder(&want, &got);
		CHECK_INT(disorder, 0);
		w->wrong += disorder > 0;
	}
	if (want.n)
		qsort(want.v, want.n, sizeof *want.v, by_row);
	if (got.n)
		qsort(got.v, got.n, sizeof *got.v, by_row);
	struct lacking m = compare(&want, &got);
	uint64_t excused = m.lost < may_miss ? m.lost : may_miss;
	if (sink == 0)
		CHECK_INT(excused, may_miss);
	w->lost += m.lost - excused;
	w->duplicated += m.duplicated;
	w->wrong += m.wrong;
}

static void check_account(struct world *w)
{
	const struct counts *c = &w->result.counts;
	CHECK_INT(w->result.end, RUN_FINISHED);
	CHECK_INT(w->result.left, 0);
	CHECK_INT(c->admitted, w->records + pipeline_bad_lines(w));
	CHECK_INT(c->admitted + c->spawned,
		  c->delivered + c->filtered + c->duplicate + c->dead + c->expanded + c->merged);
	CHECK_INT(c->delivered + c->dead, w->want.n + w->want_dead);
	CHECK(may_lose(w) ? c->dead >= w->want_dead : c->dead == w->want_dead);
	CHECK_INT(harvest_letters(w), c->dead);
}

static void check_memory(struct world *w)
{
	uint64_t slack = 4 * (w->padding + 512) + (64 << 10);
	CHECK(!w->memory_bytes || w->result.peak_bytes <= w->memory_bytes + slack);
}

void world_check(struct world *w)
{
	uint64_t unknown = w->result.counts.dead - w->want_dead;
	check_account(w);
	check_memory(w);
	for (size_t i = 0; i < w->sink_count; i++)
		check_sink(w, i, may_lose(w) ? unknown : 0);
	far_check(w);
	CHECK_INT(w->lost, 0);
	CHECK_INT(w->duplicated, 0);
	CHECK_INT(w->wrong, 0);
}
