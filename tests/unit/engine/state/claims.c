/* claims.c (tests) - keys are found when they were merged, belong to somebody, and are open until a mark is put */
#include "engine/state/claims.h"
#include "in_state.h"

static struct state_claim claim(int64_t place, char key, int64_t owner)
{
	struct state_claim c = { .place = place, .owner = owner };
	memset(c.key, key, sizeof c.key);
	return c;
}

static void put(struct in_state *t, struct state_claim c)
{
	CHECK_INT(state_put_claims(t->state, &c, 1, &t->err), 0);
}

static int64_t place_of(struct in_state *t, const char *scope)
{
	int64_t place = 0;
	CHECK_INT(state_claim_place(t->state, scope, "unique", &place, &t->err), 0);
	return place;
}

/* 0: nobody has it; 1: another; 2: the asker */
static int who_has(struct in_state *t, struct state_claim asked)
{
	bool held = false, his = false;
	CHECK_INT(state_get_claim(t->state, &asked, 1000, &held, &his, &t->err), 0);
	return held + his;
}

static void merge(struct in_state *t)
{
	CHECK_INT(state_merge_claims(t->state, &t->err), 0);
}

TEST_IN_STATE(a_key_is_its_owners)
{
	int64_t place = place_of(t, "r");
	put(t, claim(place, 'a', 7));
	CHECK_INT(who_has(t, claim(place, 'a', 7)), 0);
	reopen(t);
	merge(t);
	CHECK_INT(who_has(t, claim(place, 'a', 7)), 2);
	CHECK_INT(who_has(t, claim(place, 'a', 8)), 1);
	CHECK_INT(who_has(t, claim(place + 1, 'a', 7)), 0);
	CHECK_INT(place_of(t, "r"), place);
}

TEST_IN_STATE(what_is_given_back_is_free_at_once)
{
	int64_t place = place_of(t, "r");
	struct state_claim back = claim(place, 'a', 7);
	back.expires_wall_ns = CLAIM_GIVEN_BACK;
	put(t, claim(place, 'a', 7));
	merge(t);
	put(t, back);
	CHECK_INT(who_has(t, claim(place, 'a', 8)), 0);
	merge(t);
	CHECK_INT(who_has(t, claim(place, 'a', 8)), 0);
	CHECK_INT(ask_int(t, "SELECT count(*) FROM claim"), 0);
}

TEST_IN_STATE(an_expired_key_is_nobodys)
{
	struct state_claim c = claim(place_of(t, "r"), 'a', 7);
	c.expires_wall_ns = 1000;
	put(t, c);
	merge(t);
	CHECK_INT(who_has(t, c), 0);
	c.expires_wall_ns = 1001;
	put(t, c);
	merge(t);
	CHECK_INT(who_has(t, c), 2);
}

/* Before and after a mark; and one that was known before and is in the open batch once more. */
TEST_IN_STATE(what_was_put_behind_the_mark_is_dropped)
{
	begin_run(t, "r", "run");
	int64_t place = place_of(t, "p");
	put(t, claim(place, 'o', 1));
	merge(t);
	put(t, claim(place, 'a', 2));
	put_mark(t, "r", "{\"splits\":[]}");
	put(t, claim(place, 'b', 3));
	put(t, claim(place, 'o', 1));
	reopen(t);
	CHECK_INT(state_drop_open_claims(t->state, "p", &t->err), 0);
	merge(t);
	CHECK_INT(who_has(t, claim(place, 'a', 2)), 2);
	CHECK_INT(who_has(t, claim(place, 'b', 3)), 0);
	CHECK_INT(who_has(t, claim(place, 'o', 1)), 0);
}

TEST_IN_STATE(what_is_open_is_dropped_for_its_pipeline_only)
{
	begin_run(t, "r", "run");
	int64_t mine = place_of(t, "p"), other = place_of(t, "q"), of_run = place_of(t, "r");
	put(t, claim(mine, 'a', 1));
	put(t, claim(other, 'a', 1));
	put(t, claim(of_run, 'a', 1));
	CHECK_INT(state_drop_open_claims(t->state, "p", &t->err), 0);
	merge(t);
	CHECK_INT(who_has(t, claim(mine, 'a', 1)), 0);
	CHECK_INT(who_has(t, claim(other, 'a', 1)), 2);
	CHECK_INT(who_has(t, claim(of_run, 'a', 1)), 2);
	/* What is merged is not open any more. */
	CHECK_INT(state_drop_open_claims(t->state, "q", &t->err), 0);
	CHECK_INT(who_has(t, claim(other, 'a', 1)), 2);
}

/* A run that was rewound is one of those behind the first. */
TEST_IN_STATE(the_first_run_is_found_behind_those_that_follow)
{
	static const struct {
		const char *id, *continues, *redoes;
	} runs[] = { { "a", "", NULL }, { "b", "a", NULL }, { "c", "", "b" }, { "d", "c", NULL } };
	char first[40];
	for (size_t i = 0; i < ARRAY_SIZE(runs); i++) {
		const struct state_start start = { .pipeline = "p",
						   .kind = "run",
						   .continues = runs[i].continues,
						   .redoes = runs[i].redoes,
						   .mark = S("{}") };
		CHECK_INT(state_begin(t->state, runs[i].id, &start, &t->err), 0);
		CHECK_INT(state_first_run(t->state, "p", runs[i].id, first, &t->err), 0);
		CHECK_STR(first, "a");
	}
	begin_run(t, "e", "run");
	CHECK_INT(state_first_run(t->state, "p", "", first, &t->err), 0);
	CHECK_STR(first, "e");
	CHECK_INT(state_first_run(t->state, "p", "new", first, &t->err), 0);
	CHECK_STR(first, "new");
}

static const struct test tests[] = {
	T(a_key_is_its_owners),
	T(what_is_given_back_is_free_at_once),
	T(an_expired_key_is_nobodys),
	T(what_was_put_behind_the_mark_is_dropped),
	T(what_is_open_is_dropped_for_its_pipeline_only),
	T(the_first_run_is_found_behind_those_that_follow),
};

int main(void)
{
	return RUN_TESTS(tests);
}
