/* circuit.c (tests) - opening, one probe at a time, closing */
#include "engine/lane/circuit.h"
#include "engine/lane/budget.h"
#include "rt/in_loop.h"

static void fail_many(struct circuit *c, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		circuit_down(c, i, 0, hk_now_ns());
}

TEST_IN_LOOP(it_opens_after_five_in_a_row)
{
	struct circuit c = { 0 };
	circuit_up(&c, hk_now_ns());
	fail_many(&c, 4);
	circuit_up(&c, hk_now_ns());
	fail_many(&c, 4);
	CHECK_INT(c.state, CIRCUIT_CLOSED);
	fail_many(&c, 1);
	CHECK_INT(c.state, CIRCUIT_OPEN);
	CHECK(c.many);
}

TEST_IN_LOOP(what_never_worked_does_not_open)
{
	struct circuit c = { 0 };
	fail_many(&c, 100);
	CHECK_INT(c.state, CIRCUIT_CLOSED);
	CHECK(!circuit_trip(&c, 5, hk_now_ns()));
}

TEST_IN_LOOP(who_takes_nothing_from_anybody_opens_it_at_once)
{
	struct circuit c = { 0 };
	int64_t now = hk_now_ns();
	circuit_away(&c, 1, 0, now);
	CHECK_INT(c.state, CIRCUIT_OPEN);
	circuit_give_up(&c, now + HK_SEC);
	CHECK_INT(circuit_open_ns(&c, now + 60 * HK_SEC), HK_SEC);
	circuit_away(&c, 2, 0, now);
	CHECK_INT(c.state, CIRCUIT_CLOSED);
	circuit_away(&c, 3, 0, now + 400 * HK_SEC); /* long after the others */
	CHECK_INT(c.state, CIRCUIT_OPEN);
	circuit_up(&c, now); /* and now that it was there, as all others */
	for (int i = 0; i < 4; i++)
		circuit_away(&c, 1, 0, now);
	CHECK_INT(c.state, CIRCUIT_CLOSED);
	circuit_away(&c, 1, 0, now);
	CHECK_INT(c.state, CIRCUIT_OPEN);
}

TEST_IN_LOOP(one_probe_at_a_time_and_later_each_time)
{
	struct circuit c = { 0 };
	int64_t now = hk_now_ns(), least = 100 * HK_MS;
	circuit_up(&c, now);
	fail_many(&c, 5);
	for (int i = 0; i < 20; i++) {
		int64_t wait = circuit_next_ns(&c) - now;
		CHECK(wait >= least && wait < 2 * least);
		least = least * 2 < 15 * HK_SEC ? least * 2 : 15 * HK_SEC;
		now += wait;
		unsigned probe = circuit_start(&c);
		CHECK(probe > 0);
		CHECK(circuit_next_ns(&c) == INT64_MAX);
		circuit_down(&c, 7, 0, now); /* one that was on its way before: no news */
		CHECK_INT(c.state, CIRCUIT_PROBING);
		circuit_down(&c, 7, probe, now);
		CHECK_INT(c.state, CIRCUIT_OPEN);
	}
	CHECK_INT(circuit_open_ns(&c, now), now - c.since_ns);
	circuit_up(&c, now);
	CHECK_INT(circuit_next_ns(&c), 0);
	CHECK_INT(circuit_start(&c), 0);
}

TEST_IN_LOOP(a_probe_that_tells_nothing_is_made_again)
{
	struct circuit c = { 0 };
	circuit_up(&c, hk_now_ns());
	fail_many(&c, 5);
	CHECK_INT(hk_sleep(HK_SEC), 0);
	unsigned probe = circuit_start(&c);
	circuit_lost(&c, probe + 1, hk_now_ns());
	CHECK_INT(c.state, CIRCUIT_PROBING);
	circuit_lost(&c, probe, hk_now_ns());
	CHECK_INT(c.state, CIRCUIT_OPEN);
	CHECK(circuit_next_ns(&c) <= hk_now_ns());
}

TEST_IN_LOOP(a_budget_is_a_tenth_and_a_trickle)
{
	struct budget b = { .milli = BUDGET_FIRST, .at_ns = hk_now_ns() };
	int64_t now = hk_now_ns();
	for (int i = 0; i < BUDGET_FIRST / BUDGET_RETRY; i++) {
		CHECK(budget_next_ns(&b, now) <= now);
		budget_add(&b, -BUDGET_RETRY);
	}
	CHECK_INT(budget_next_ns(&b, now), now + HK_SEC);
	for (int i = 0; i < 10; i++)
		budget_add(&b, BUDGET_FRESH);
	CHECK(budget_next_ns(&b, now) <= now);
	budget_add(&b, -BUDGET_RETRY);
	for (int i = 0; i < 100; i++) /* looking often does not make it slower */
		(void)budget_next_ns(&b, now += 10 * HK_MS);
	CHECK(budget_next_ns(&b, now) <= now);
	for (int i = 0; i < 5000; i++)
		budget_add(&b, BUDGET_FRESH);
	CHECK_INT(b.milli, BUDGET_MOST);
}

static const struct test tests[] = {
	T(it_opens_after_five_in_a_row),
	T(what_never_worked_does_not_open),
	T(who_takes_nothing_from_anybody_opens_it_at_once),
	T(one_probe_at_a_time_and_later_each_time),
	T(a_probe_that_tells_nothing_is_made_again),
	T(a_budget_is_a_tenth_and_a_trickle),
};

int main(void)
{
	return RUN_TESTS(tests);
}
