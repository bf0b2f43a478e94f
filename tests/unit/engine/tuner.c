/* tuner.c (tests) - `concurrency: auto` beside servers that have a knee, in virtual time
 *
 * A server serves `knee` requests at a time, each in `service_ns` give or take; the others wait in it. One that has a `limit` answers 503
 * beyond it. A crowd of tasks asks through a lane, as a step's fibers do. */
#include "engine/lane/lane.h"
#include "base/rand.h"
#include "rt/in_loop.h"

enum { CROWD = 400 };
struct server {
	struct lane *lane;
	struct hk_sem serving;
	struct rand rnd;
	int64_t service_ns, until_ns;
	unsigned noise_percent, limit, present, fail_percent;
	uint64_t served, refused, wanted; /* wanted: no more are asked for; 0: any number */
};

static int64_t service_time(struct server *s)
{
	int64_t spread = s->service_ns * s->noise_percent / 100;
	return s->service_ns - spread + (int64_t)rand_below(&s->rnd, 2 * (uint64_t)spread + 1);
}

/* 1: served, 0: refused. */
static int serve(struct server *s)
{
	if (s->limit && s->present >= s->limit)
		return hk_sleep(HK_MS) < 0 ? -1 : 0;
	s->present++;
	CHECK_INT(hk_sem_acquire(&s->serving), 0);
	CHECK_INT(hk_sleep(service_time(s)), 0);
	hk_sem_release(&s->serving);
	s->present--;
	return 1;
}

static int customer(void *arg)
{
	struct server *s = arg;
	while (hk_now_ns() < s->until_ns && (s->wanted == 0 || s->served < s->wanted)) {
		struct ticket t = { .fresh = true };
		CHECK_INT(lane_wait(s->lane, &t, false), 0);
		lane_start(s->lane, &t);
		int served = serve(s);
		s->served += served > 0;
		s->refused += served == 0;
		bool fails = rand_below(&s->rnd, 100) < s->fail_percent;
		struct lane_end end = { fails        ? LANE_DOWN
					: served > 0 ? LANE_SERVED
						     : LANE_REFUSED };
		lane_finish(s->lane, &t, &end);
	}
	return 0;
}

/* The mean limit in the second half of so long a time. */
static double settle(struct server *s, unsigned knee, unsigned crowd, int64_t ns)
{
	struct hk_group g;
	double sum = 0;
	s->serving = HK_SEM(knee);
	s->until_ns = hk_now_ns() + ns;
	hk_group_open(&g, NULL);
	for (unsigned i = 0; i < crowd; i++)
		CHECK_INT(hk_spawn(&g, customer, s), 0);
	CHECK_INT(hk_sleep(ns / 2), 0);
	for (int i = 0; i < 100; i++) {
		CHECK_INT(hk_sleep(ns / 220), 0);
		sum += s->lane->tuner.limit;
	}
	CHECK_INT(hk_group_close(&g, 0), 0);
	return sum / 100;
}

TEST_IN_LOOP(it_settles_near_the_knee)
{
	static const unsigned knees[] = { 2, 8, 30, 100, 200 };
	for (size_t i = 0; i < ARRAY_SIZE(knees) * 2; i++) {
		struct lanes *all = lanes_new();
		struct server s = { .service_ns = 20 * HK_MS, .noise_percent = i % 2 ? 60 : 5 };
		s.lane = lanes_get(all, S("http://a"));
		rand_seed(&s.rnd, i + 1);
		lane_tune(s.lane, 256);
		unsigned knee = knees[i / 2];
		double limit = settle(&s, knee, CROWD, 200 * HK_SEC);
		double used =
			(double)s.served / ((double)knee * 200 * HK_SEC / (double)s.service_ns);
		printf("# knee %u, noise %u %%: limit %.1f, %.0f %% of what it can serve\n", knee,
		       s.noise_percent, limit, used * 100);
		CHECK(limit > 0.8 * knee && limit < 1.7 * knee + 2);
		CHECK(used > 0.8);
		lanes_free(all);
	}
}

TEST_IN_LOOP(refusals_push_it_back)
{
	struct lanes *all = lanes_new();
	struct server s = { .service_ns = 20 * HK_MS, .noise_percent = 5, .limit = 25 };
	s.lane = lanes_get(all, S("http://a"));
	rand_seed(&s.rnd, 1);
	lane_tune(s.lane, 256);
	double limit = settle(&s, 1000, CROWD, 200 * HK_SEC);
	printf("# refuses above 25: limit %.1f, %llu served, %llu refused\n", limit,
	       (unsigned long long)s.served, (unsigned long long)s.refused);
	CHECK(limit > 14 && limit < 27);
	CHECK(s.refused * 20 < s.served);
	lanes_free(all);
}

TEST_IN_LOOP(it_follows_a_server_that_changes)
{
	struct lanes *all = lanes_new();
	struct server s = { .service_ns = 20 * HK_MS, .noise_percent = 20 };
	s.lane = lanes_get(all, S("http://a"));
	rand_seed(&s.rnd, 1);
	lane_tune(s.lane, 256);
	double wide = settle(&s, 100, CROWD, 100 * HK_SEC);
	double narrow = settle(&s, 20, CROWD, 200 * HK_SEC);
	s.service_ns = 100 * HK_MS; /* slower, but not because of us */
	double slow = settle(&s, 80, CROWD, 600 * HK_SEC);
	printf("# knee 100, 20, 80 and slower: limit %.1f, %.1f, %.1f\n", wide, narrow, slow);
	CHECK(wide > 80 && wide < 170);
	CHECK(narrow > 16 && narrow < 36);
	CHECK(slow > 60 && slow < 138);
	lanes_free(all);
}

/* How long so many calls take, of 100 who come at once: a language model's. */
static int64_t time_of(struct server *s, uint64_t calls)
{
	struct lanes *all = lanes_new();
	struct hk_group g;
	int64_t began_ns = hk_now_ns();
	s->lane = lanes_get(all, S("http://a"));
	s->serving = HK_SEM(1000);
	s->until_ns = HK_FOREVER;
	s->wanted = calls;
	rand_seed(&s->rnd, 1);
	lane_tune(s->lane, 256);
	hk_group_open(&g, NULL);
	for (unsigned i = 0; i < 100; i++)
		CHECK_INT(hk_spawn(&g, customer, s), 0);
	CHECK_INT(hk_group_close(&g, 0), 0);
	lanes_free(all);
	return hk_now_ns() - began_ns;
}

TEST_IN_LOOP(slow_calls_do_not_keep_it_low)
{
	struct server s = { .service_ns = 700 * HK_MS, .noise_percent = 40 };
	int64_t took_ns = time_of(&s, 100);
	printf("# 100 calls of 0.7 s: %.1f s\n", (double)took_ns / HK_SEC);
	CHECK(took_ns < 8 * HK_SEC);
}

TEST_IN_LOOP(a_bad_moment_now_and_then_does_not_keep_it_low)
{
	struct server s = { .service_ns = 700 * HK_MS, .noise_percent = 40, .fail_percent = 2 };
	int64_t took_ns = time_of(&s, 2000);
	printf("# 2,000 calls of 0.7 s, 2 %% fail: %.1f s\n", (double)took_ns / HK_SEC);
	CHECK(took_ns < 25 * HK_SEC);
}

TEST_IN_LOOP(many_failures_push_it_back)
{
	struct lanes *all = lanes_new();
	struct server s = { .service_ns = 20 * HK_MS, .noise_percent = 5, .fail_percent = 40 };
	s.lane = lanes_get(all, S("http://a"));
	rand_seed(&s.rnd, 1);
	lane_tune(s.lane, 256);
	CHECK(settle(&s, 1000, CROWD, 20 * HK_SEC) < 8);
	lanes_free(all);
}

TEST_IN_LOOP(it_does_not_grow_where_nobody_asks)
{
	struct lanes *all = lanes_new();
	struct server s = { .service_ns = 20 * HK_MS, .noise_percent = 5 };
	s.lane = lanes_get(all, S("http://a"));
	rand_seed(&s.rnd, 1);
	lane_tune(s.lane, 256);
	double limit = settle(&s, 1000, 6, 100 * HK_SEC);
	CHECK(limit >= 6 && limit <= 16);
	lanes_free(all);
}

TEST_IN_LOOP(it_stays_between_one_and_the_most)
{
	struct lanes *all = lanes_new();
	struct server s = { .service_ns = 20 * HK_MS, .noise_percent = 5 };
	s.lane = lanes_get(all, S("http://a"));
	rand_seed(&s.rnd, 1);
	lane_tune(s.lane, 32);
	CHECK(settle(&s, 1000, CROWD, 100 * HK_SEC) > 28);
	CHECK(s.lane->tuner.limit <= 32);
	for (int i = 0; i < 100; i++)
		tuner_refused(&s.lane->tuner, 0, hk_now_ns());
	CHECK(s.lane->tuner.limit >= 1);
	CHECK(lane_open(s.lane, &(struct ticket){ 0 }));
	lanes_free(all);
}

static const struct test tests[] = {
	T(it_settles_near_the_knee),         T(refusals_push_it_back),
	T(it_follows_a_server_that_changes), T(it_does_not_grow_where_nobody_asks),
	T(slow_calls_do_not_keep_it_low),    T(a_bad_moment_now_and_then_does_not_keep_it_low),
	T(many_failures_push_it_back),       T(it_stays_between_one_and_the_most),
};

int main(void)
{
	return RUN_TESTS(tests);
}
