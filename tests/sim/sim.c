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
	in_sim_with(test, live, life, &(struct hk_sim_options){ .seeds = seeds });
	printf("# %llu seeds, %llu requests, %llu parts, %llu crashes, %llu stops, %llu paid "
	       "steps\n",
	       (unsigned long long)s->seeds, (unsigned long long)s->requests,
	       (unsigned long long)s->parts, (unsigned long long)s->crashes,
	       (unsigned long long)s->stops, (unsigned long long)s->paid);
	printf("# | simulated: %s (%llu seeds) | %llu | %llu | %llu | %llu | - | - |\n", name,
	       (unsigned long long)s->seeds, (unsigned long long)s->faults,
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

static const struct test tests[] = {
	T(whatever_happens_each_row_arrives_once),
};

int main(void)
{
	return RUN_TESTS(tests);
}
