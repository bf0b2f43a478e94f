/* timer.c - the heap of deadlines against a plain list that does the same */
#include "rt/timer.h"
#include "../check.h"
#include "base/rand.h"
#include <stdlib.h>

enum { OWNERS = 200 };

struct owner {
	size_t place;
	int64_t when; /* the model; 0: not set */
	uint64_t order;
	int fired;
};
static struct owner owners[OWNERS];
static uint64_t order_now;
static struct owner *log_of[4096];
static size_t log_n;

static void on_fire(size_t *place, void *arg)
{
	struct owner *o = container_of(place, struct owner, place);

	CHECK(arg == owners);
	CHECK_INT(*place, 0);
	o->fired++;
	log_of[log_n++ % 4096] = o;
}

static void set(struct timers *t, size_t i, int64_t when)
{
	owners[i].when = when;
	owners[i].order = ++order_now;
	timers_set(t, &owners[i].place, when, on_fire);
}

static struct owner *model_first(void)
{
	struct owner *first = NULL;

	for (size_t i = 0; i < OWNERS; i++) {
		struct owner *o = &owners[i];
		if (o->when == 0)
			continue;
		if (!first || o->when < first->when ||
		    (o->when == first->when && o->order < first->order))
			first = o;
	}
	return first;
}

static void fire_both(struct timers *t, int64_t now)
{
	struct owner *first;
	size_t before = log_n, expected = 0, fired = timers_fire(t, now, owners);

	while ((first = model_first()) != NULL && first->when <= now) {
		CHECK(log_of[(before + expected) % 4096] == first);
		first->when = 0;
		expected++;
	}
	CHECK_INT(fired, expected);
}

static void check_heap(const struct timers *t)
{
	struct owner *first = model_first();

	CHECK_INT(timers_next_ns(t), first ? first->when : INT64_MAX);
	for (size_t i = 1; i <= t->n; i++)
		CHECK(*t->heap[i].place == i);
}

static void random_run(uint64_t seed)
{
	struct timers t = { 0 };
	struct rand r;
	int64_t now = 1;

	memset(owners, 0, sizeof(owners));
	rand_seed(&r, seed);
	for (int step = 0; step < 3000; step++) {
		size_t i = rand_below(&r, OWNERS);
		uint64_t what = rand_below(&r, 10);
		if (what < 6) {
			set(&t, i, now + (int64_t)rand_below(&r, 50));
		} else if (what < 9) {
			timers_clear(&t, &owners[i].place);
			owners[i].when = 0;
		} else {
			now += (int64_t)rand_below(&r, 20);
			fire_both(&t, now);
		}
		check_heap(&t);
	}
	fire_both(&t, now + 1000);
	CHECK_INT(t.n, 0);
	timers_done(&t);
}

TEST(heap_agrees_with_a_list)
{
	for (uint64_t seed = 1; seed <= 10; seed++)
		random_run(seed);
}

TEST(equal_times_fire_in_the_order_of_setting)
{
	struct timers t = { 0 };

	memset(owners, 0, sizeof(owners));
	log_n = 0;
	for (size_t i = 0; i < OWNERS; i++)
		timers_set(&t, &owners[i].place, 7, on_fire);
	CHECK_INT(timers_fire(&t, 6, owners), 0);
	CHECK_INT(timers_fire(&t, 7, owners), OWNERS);
	for (size_t i = 0; i < OWNERS; i++)
		CHECK(log_of[i] == &owners[i]);
	timers_done(&t);
}

static struct timers *again_in;
static size_t again_place;
static int again_fired;

static void fire_again(size_t *place, void *arg)
{
	(void)arg;
	again_fired++;
	timers_set(again_in, place, 5, fire_again);
}

/* A timer that sets itself to a time already past must not keep the loop in timers_fire for ever. */
TEST(a_timer_set_while_firing_waits_for_the_next_turn)
{
	struct timers t = { 0 };

	again_in = &t;
	timers_set(&t, &again_place, 5, fire_again);
	CHECK_INT(timers_fire(&t, 10, NULL), 1);
	CHECK_INT(again_fired, 1);
	CHECK_INT(timers_fire(&t, 10, NULL), 1);
	timers_clear(&t, &again_place);
	timers_done(&t);
}

TEST(clearing_what_is_not_set_does_nothing)
{
	struct timers t = { 0 };
	size_t place = 0;

	timers_clear(&t, &place);
	CHECK_INT(timers_next_ns(&t), INT64_MAX);
	timers_done(&t);
}

static const struct test tests[] = {
	T(heap_agrees_with_a_list),
	T(equal_times_fire_in_the_order_of_setting),
	T(a_timer_set_while_firing_waits_for_the_next_turn),
	T(clearing_what_is_not_set_does_nothing),
};

int main(void)
{
	return RUN_TESTS(tests);
}
