/* tokens.c (tests) - costs in any window */
#include "engine/lane/tokens.h"
#include "../check.h"
#include "base/rand.h"

enum { STARTS = 2000 };
static struct {
	int64_t at, cost;
} log_[STARTS];

TEST(no_window_costs_more_than_the_limit)
{
	for (uint64_t seed = 1; seed <= 60 && !test_failures_; seed++) {
		struct rand r;
		struct tokens t;
		int64_t now = 12345;
		rand_seed(&r, seed);
		struct token_rate rate = { .count = 1000 + (int64_t)rand_below(&r, 100000),
					   .per_ns = 1000 + (int64_t)rand_below(
								    &r, 100 * (uint64_t)HK_SEC) };
		tokens_init(&t, &rate);
		for (int i = 0; i < STARTS; i++) {
			int64_t guess = (int64_t)rand_below(&r, (uint64_t)rate.count / 5);
			int64_t used = (int64_t)rand_below(&r, (uint64_t)guess + 1);
			if (rand_below(&r, 20) == 0)
				now += (int64_t)rand_below(&r, (uint64_t)rate.per_ns);
			for (int64_t next; (next = tokens_next_ns(&t, guess, now)) > now;)
				now = next;
			tokens_start(&t, guess, now);
			log_[i].at = now;
			log_[i].cost = used; /* known at once: less than was guessed */
			tokens_correct(&t, now, used - guess, now);
		}
		for (int i = 0; i < STARTS; i++) {
			int64_t sum = 0;
			for (int k = i; k < STARTS && log_[k].at < log_[i].at + rate.per_ns; k++)
				sum += log_[k].cost;
			CHECK(sum <= rate.count);
		}
	}
}

TEST(nearly_all_of_it_is_used)
{
	struct tokens t;
	struct token_rate rate = { .count = 100000, .per_ns = 60 * HK_SEC };
	int64_t now = 0, spent = 0;
	tokens_init(&t, &rate);
	while (now < 3600 * HK_SEC) {
		int64_t next = tokens_next_ns(&t, 1000, now);
		now = next > now ? next : now;
		tokens_start(&t, 1000, now);
		spent += 1000;
	}
	CHECK(spent > 5800000 && spent <= 6200000);
}

TEST(what_is_larger_than_the_limit_goes_alone)
{
	struct tokens t;
	tokens_init(&t, &(struct token_rate){ .count = 10, .per_ns = HK_SEC });
	CHECK_INT(tokens_next_ns(&t, 50, 0), 0);
	tokens_start(&t, 50, 0);
	int64_t next = tokens_next_ns(&t, 1, 0);
	CHECK(next >= HK_SEC && next < HK_SEC + HK_SEC / 16);
	CHECK_INT(tokens_next_ns(&t, 50, next), next);
}

TEST(a_correction_frees_or_takes)
{
	struct tokens t;
	tokens_init(&t, &(struct token_rate){ .count = 100, .per_ns = HK_SEC });
	tokens_start(&t, 100, 0);
	CHECK(tokens_next_ns(&t, 10, 1) > HK_SEC / 2);
	tokens_correct(&t, 0, -50, 2);
	CHECK_INT(tokens_next_ns(&t, 10, 2), 2);
	CHECK(tokens_next_ns(&t, 51, 2) > HK_SEC / 2);
	tokens_correct(&t, 0, 1000, 3);
	CHECK(tokens_next_ns(&t, 1, 3) > HK_SEC / 2);
	tokens_correct(&t, 0, 1000, 10 * HK_SEC); /* long past */
	CHECK(tokens_idle(&t, 10 * HK_SEC));
}

static const struct test tests[] = {
	T(no_window_costs_more_than_the_limit),
	T(nearly_all_of_it_is_used),
	T(what_is_larger_than_the_limit_goes_alone),
	T(a_correction_frees_or_takes),
};

int main(void)
{
	return RUN_TESTS(tests);
}
