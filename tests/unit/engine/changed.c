/* changed.c - tests of what is said about a pipeline that was changed */
#include "engine/again/changed.h"
#include "../check.h"
#include "fakes.h"

static struct plan *plan_of(const char *text, const char *set)
{
	struct diag *diag = diag_new("p.yaml");
	struct plan_settings settings = { .registry = &fakes,
					  .sets = &set,
					  .set_count = set != NULL };
	struct plan *plan = plan_parse(slice_str(text), "p.yaml", "/data", &settings, diag);
	CHECK(plan);
	diag_free(diag);
	return plan;
}

static void check_changed(const char *then, const char *now, const char *want)
{
	AUTO(buf_done) struct buf parts = { 0 }, got = { 0 };
	struct plan *before = plan_of(then, NULL), *after = plan_of(now, NULL);
	CHECK_INT(changed_put_parts(before, &parts), 0);
	CHECK_INT(changed_put(after, buf_slice(&parts), &got), 0);
	CHECK_SLICE(buf_slice(&got), slice_str(want));
	plan_free(before);
	plan_free(after);
}

#define PIPE(steps) "from: {jsonl: a.jsonl}\nsteps:\n" steps "to: {jsonl: b.jsonl}\n"
#define GET         "  - http: https://x.example.com/\\(.id)\n    into: .got\n"
#define GET_OTHER   "  - http: https://y.example.com/\\(.id)\n    into: .got\n"
#define WHERE       "  - where: .id\n    name: my filter\n"

TEST(the_place_that_was_changed_is_named)
{
	check_changed(PIPE(GET), PIPE(GET_OTHER), "step 'http'");
	check_changed(PIPE(GET WHERE), PIPE(GET_OTHER WHERE), "step 'http'");
	check_changed("from: {jsonl: a.jsonl}\nto: {jsonl: b.jsonl}\n",
		      "from: {jsonl: c.jsonl}\nto: {sqlite: d.db, table: t}\n",
		      "from 'jsonl', to 'jsonl' is gone, to 'sqlite' is new");
}

TEST(what_came_and_went_is_named)
{
	check_changed(PIPE(GET), PIPE(GET WHERE), "step 'my filter' is new");
	check_changed(PIPE(GET WHERE), PIPE(GET), "step 'my filter' is gone");
	check_changed(PIPE(GET WHERE), PIPE(WHERE GET), "the order of its parts");
}

TEST(more_than_three_are_counted)
{
	check_changed(
		PIPE("  - where: .a\n  - where: .b\n  - where: .c\n  - where: .d\n  - where: .e\n"),
		PIPE("  - where: .1\n  - where: .2\n  - where: .3\n  - where: .4\n  - where: .5\n"),
		"step 'where', step 'where 2', step 'where 3' and 2 more");
}

TEST(tuning_is_no_change)
{
	AUTO(buf_done) struct buf a = { 0 }, b = { 0 };
	struct plan *p = plan_of(PIPE(GET), NULL),
		    *q = plan_of(PIPE(GET "    concurrency: 3\n"), NULL);
	CHECK_INT(changed_put_parts(p, &a), 0);
	CHECK_INT(changed_put_parts(q, &b), 0);
	CHECK_SLICE(buf_slice(&a), buf_slice(&b));
	plan_free(p);
	plan_free(q);
}

/* A variable belongs to the places that name it. */
TEST(a_variable_is_a_change_where_it_is_named)
{
	static const char text[] =
		"from: {jsonl: a.jsonl}\nvars: {v: 1}\nsteps:\n  - where: $vars.v == 1\n"
		"to: {jsonl: b.jsonl}\n";
	AUTO(buf_done) struct buf parts = { 0 }, got = { 0 };
	struct plan *p = plan_of(text, NULL), *q = plan_of(text, "v=2");
	CHECK_INT(changed_put_parts(p, &parts), 0);
	CHECK_INT(changed_put(q, buf_slice(&parts), &got), 0);
	CHECK_SLICE(buf_slice(&got), S("step 'where'"));
	plan_free(p);
	plan_free(q);
}

TEST(states_of_earlier_versions_say_too_little)
{
	AUTO(buf_done) struct buf got = { 0 };
	struct plan *p = plan_of(PIPE(GET), NULL);
	CHECK_INT(changed_put(p, S(""), &got), 0);
	CHECK_SLICE(buf_slice(&got), S("something"));
	plan_free(p);
}

static void check_moves(const char *then, const char *now, const char *label, bool want)
{
	AUTO(buf_done) struct buf parts = { 0 };
	struct plan *before = plan_of(then, NULL), *after = plan_of(now, NULL);
	const struct place *place = NULL;
	CHECK_INT(changed_put_parts(before, &parts), 0);
	for (size_t i = 0; i < after->step_count; i++)
		if (strcmp(after->steps[i].label, label) == 0)
			place = &after->steps[i];
	CHECK(place);
	CHECK_INT(changed_moves(after, place, buf_slice(&parts)), want);
	plan_free(before);
	plan_free(after);
}

#define GET_NAMED "  - http: https://y.example.com/\\(.id)\n    into: .got\n    name: http\n"

TEST(a_counted_step_moves_when_another_comes_goes_or_changes_places)
{
	check_moves(PIPE(GET), PIPE(GET_OTHER GET), "http", true);
	check_moves(PIPE(GET_OTHER GET), PIPE(GET), "http", true);
	check_moves(PIPE(GET GET_OTHER), PIPE(GET_OTHER GET), "http", true);
	check_moves(PIPE(GET GET_OTHER), PIPE(GET_OTHER GET), "http 2", true);
}

TEST(a_step_that_was_mended_or_named_or_is_what_it_was_does_not_move)
{
	check_moves(PIPE(GET), PIPE(GET_OTHER), "http", false);
	check_moves(PIPE(GET), PIPE(GET GET_OTHER), "http", false);
	check_moves(PIPE(GET), PIPE(WHERE GET_OTHER), "http", false);
	check_moves(PIPE(GET), PIPE(GET GET_NAMED), "http", false);
	check_moves(PIPE(WHERE GET), PIPE(GET WHERE), "my filter", false);
}

static const struct test tests[] = {
	T(the_place_that_was_changed_is_named),
	T(what_came_and_went_is_named),
	T(more_than_three_are_counted),
	T(tuning_is_no_change),
	T(a_variable_is_a_change_where_it_is_named),
	T(a_counted_step_moves_when_another_comes_goes_or_changes_places),
	T(a_step_that_was_mended_or_named_or_is_what_it_was_does_not_move),
	T(states_of_earlier_versions_say_too_little),
};

int main(void)
{
	return RUN_TESTS(tests);
}
