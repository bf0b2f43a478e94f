/* sim.c - whole pipelines over many seeds: nothing lost, nothing twice
 *
 * What this room is for: each test is a world that is drawn, changed a little, and lived to its end. HOCKET_SEEDS=5000 lives more
 *   of them (`make sim`), HOCKET_SEED=17 that one again. The comment lines at the end are for docs/scorecard.md.
 * What must hold: a test that means to show trouble counts that there was some. */
#include "world.h"
#undef test_failures_ /* here it is the test that fails */

struct sum {
	uint64_t seeds, faults, crashes, stops, requests, parts, paid;
	uint64_t lost, duplicated, wrong;
};
struct life {
	void (*change)(struct world *);
	void (*judge)(struct world *);
	bool twice; /* each seed, and compared */
	struct sum sum;
};

static void sum_add(struct sum *s, const struct world *w)
{
	s->seeds++;
	s->crashes += w->crashes;
	s->stops += w->stops;
	s->faults += w->crashes + w->stops + w->storms + w->far.faults;
	s->requests += w->far.requests;
	s->parts += w->parts;
	for (size_t i = 0; i < w->step_count; i++)
		s->paid += w->steps[i].kind >= POST_KEYED;
	s->lost += w->lost;
	s->duplicated += w->duplicated;
	s->wrong += w->wrong;
}

static int live(void *arg)
{
	struct life *life = arg;
	struct world w = { 0 };
	world_draw(&w, hk_sim_seed());
	if (life->change)
		life->change(&w);
	world_write(&w);
	world_live(&w);
	world_check(&w);
	if (life->judge)
		life->judge(&w);
	sum_add(&life->sum, &w);
	world_done(&w);
	return world_failures > w.failures_before ? -EBADMSG : 0;
}

static void run(struct life *life, const char *test, const char *name, unsigned seeds)
{
	const struct sum *s = &life->sum;
	in_sim_with(test, live, life,
		    &(struct hk_sim_options){ .seeds = seeds, .check_twice = life->twice });
	printf("# %llu seeds, %llu requests, %llu parts, %llu crashes, %llu stops, %llu paid "
	       "steps\n",
	       (unsigned long long)s->seeds, (unsigned long long)s->requests,
	       (unsigned long long)s->parts, (unsigned long long)s->crashes,
	       (unsigned long long)s->stops, (unsigned long long)s->paid);
	if (name)
		printf("# | simulated: %s (%llu seeds) | %llu | %llu | %llu | %llu | - | - |\n",
		       name, (unsigned long long)s->seeds, (unsigned long long)s->faults,
		       (unsigned long long)s->lost, (unsigned long long)s->duplicated,
		       (unsigned long long)s->wrong);
}

TEST(whatever_happens_each_row_arrives_once)
{
	struct life life = { 0 };
	run(&life, __func__, "random pipelines, crashes and weather", 60);
	if (!getenv("HOCKET_SEED"))
		CHECK(life.sum.crashes > 20 && life.sum.stops > 5);
}

TEST(a_life_replays_to_the_byte)
{
	struct life life = { .twice = true };
	run(&life, __func__, NULL, 10);
}

/* ---- calls that fail for long ---- */

/* One step, and a sink that keeps the order; what goes wrong is left to the test. */
static void make_plain(struct world *w, enum step_kind kind, int64_t records)
{
	w->source = FROM_JSONL;
	w->records = records;
	w->any_order = w->bad_lines = false;
	w->step_count = w->sink_count = 1;
	w->steps[0] = (struct drawn_step){ .kind = kind, .concurrency = 10, .queue = 40 };
	w->sinks[0].kind = TO_JSONL;
	w->memory_bytes = 0;
	w->padding = 100;
	w->trouble = (struct trouble){ .net = { .latency_ns = HK_MS }, .weather_ns = HK_SEC };
}

/* Ten minutes without an answer, with a refusal, or with nothing but 503. */
static void lie_down(struct world *w)
{
	struct trouble *t = &w->trouble;
	make_plain(w, GET, 1000);
	w->steps[0].concurrency = up_to(w, 40);
	w->steps[0].rate_per_s = 100;
	if (w->seed % 3 == 0) {
		t->slow_every = 1;
		t->slow_from_ns = OUTAGE_FROM_NS;
		t->slow_ns = OUTAGE_FROM_NS + 600 * HK_SEC;
	} else {
		t->outage_ns = 600 * HK_SEC;
		t->outage_parts = w->seed % 3 == 1;
	}
}

/* Nobody died, or world_check would have said so. */
static void judge_attempts(struct world *w)
{
	uint64_t most = (uint64_t)w->records + (uint64_t)w->records / 10;
	CHECK(hk_wall_ns() - 1767225600 * HK_SEC > 600 * HK_SEC);
	if (w->attempts > most)
		printf("# seed %llu: %llu attempts for %lld records\n", (unsigned long long)w->seed,
		       (unsigned long long)w->attempts, (long long)w->records);
	CHECK(w->attempts <= most);
}

TEST(ten_minutes_of_outage_cost_nobody_and_next_to_no_attempts)
{
	struct life life = { .change = lie_down, .judge = judge_attempts };
	run(&life, __func__, "ten minutes of outage", 6);
}

/* The first record is refused for minutes, in little memory; the others wait behind it. */
static void hold_the_head(struct world *w)
{
	struct trouble trouble = w->trouble;
	make_plain(w, GET, 300);
	w->steps[0].concurrency = up_to(w, 30);
	w->steps[0].queue = up_to(w, 400);
	w->memory_bytes = (uint64_t)(64 + up_to(w, 192)) << 10;
	w->padding = w->memory_bytes / 40;
	w->trouble.net = trouble.net;
	w->trouble.fail = trouble.fail;
	w->trouble.slow_every = 50 + up_to(w, 300);
	w->trouble.slow_ns = up_to(w, 600 * HK_SEC);
}

TEST(order_and_little_memory_and_a_head_in_retry_go_on)
{
	struct life life = { .change = hold_the_head };
	run(&life, __func__, "order, little memory, a head in retry", 12);
}

/* ---- rates ---- */

static void limit_rate(struct world *w)
{
	make_plain(w, GET, 120);
	w->steps[0].concurrency = up_to(w, 40);
	w->steps[0].rate_per_s = 10 + up_to(w, 40);
	w->trouble.fail = 10;
	w->trouble.crash = w->trouble.stop = 30;
	w->trouble.part_ns = 2 * HK_SEC;
	w->far.arrivals_max = 10000;
	w->far.arrivals = xcalloc(w->far.arrivals_max, sizeof *w->far.arrivals);
}

/* A request on a new connection arrives two ways later than one on a connection that stands. */
static void judge_rate(struct world *w)
{
	const struct far *far = &w->far;
	size_t n = (size_t)w->steps[0].rate_per_s;
	int64_t skew = 2 * HK_MS + 1;
	CHECK(far->arrival_count > (size_t)w->records);
	for (size_t i = 0; i + n < far->arrival_count; i++)
		if (far->arrivals[i + n] - far->arrivals[i] < HK_SEC - skew) {
			printf("# seed %llu: %zu requests in %lld ns\n",
			       (unsigned long long)w->seed, n + 1,
			       (long long)(far->arrivals[i + n] - far->arrivals[i]));
			w->wrong++;
			break;
		}
	CHECK_INT(w->wrong, 0);
}

TEST(a_rate_holds_in_any_window_of_the_servers_clock)
{
	struct life life = { .change = limit_rate, .judge = judge_rate };
	run(&life, __func__, "rates, seen from the server", 12);
}

/* ---- remembered answers ---- */

static void remember(struct world *w)
{
	struct trouble trouble = w->trouble;
	make_plain(w, REMEMBERED, up_to(w, 60));
	w->trouble = trouble;
}

static uint64_t good_answers(const struct world *w)
{
	uint64_t n = 0;
	for (size_t i = 0; i < ASKED_CAP; i++)
		n += w->far.asked[i].good;
	return n;
}

/* The same input from the start: everything is known, but for what was never answered well. */
static void run_afresh(struct world *w)
{
	uint64_t good = good_answers(w);
	world_be_kind(w);
	w->options.fresh = true;
	world_live(w);
	world_check(w);
	CHECK_INT(good_answers(w), good);
}

TEST(what_is_remembered_is_not_asked_again)
{
	struct life life = { .change = remember, .judge = run_afresh };
	run(&life, __func__, "remembered answers, run again from the start", 12);
}

static const struct test tests[] = {
	T(whatever_happens_each_row_arrives_once),
	T(a_life_replays_to_the_byte),
	T(ten_minutes_of_outage_cost_nobody_and_next_to_no_attempts),
	T(order_and_little_memory_and_a_head_in_retry_go_on),
	T(a_rate_holds_in_any_window_of_the_servers_clock),
	T(what_is_remembered_is_not_asked_again),
};

int main(void)
{
	return RUN_TESTS(tests);
}
