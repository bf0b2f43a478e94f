/* held.c (tests) - windows by key: many open, closed in another order, and what a crash leaves of them */
#include "engine/state/held.h"
#include "in_state.h"

static const char fold[] = "step group";

/* Member `at` of a window; its record is the ordinal of the source that it has, too. */
static struct held_member member(uint64_t window, uint64_t at, uint64_t ordinal)
{
	return (struct held_member){ .fold = fold,
				     .window = window,
				     .at = at,
				     .split = "in",
				     .ordinal = ordinal,
				     .source = "in",
				     .line = ordinal + 1,
				     .id = ordinal,
				     .key = at ? (struct slice){ 0 } : S("key"),
				     .record = S("{\"a\":1}"),
				     .wall_ns = 1000 + (int64_t)ordinal };
}

static struct held_window closed(uint64_t first, uint64_t n, uint64_t number)
{
	return (struct held_window){ fold, first, 1, n, 7 * n, number };
}

struct seen {
	char text[200];
};

static void see_open(void *arg, const struct held_open *w)
{
	struct seen *s = arg;
	size_t n = strlen(s->text);
	CHECK_SLICE(w->key, S("key"));
	snprintf(s->text + n, sizeof s->text - n, "%d:%dx%d@%d ", (int)w->number, (int)w->n,
		 (int)w->bytes, (int)w->opened_ns);
}

static bool is_below(void *arg, const char *split, uint64_t ordinal)
{
	CHECK_STR(split, "in");
	return ordinal < *(const uint64_t *)arg;
}

static bool is_not_2(void *arg, const char *split, uint64_t ordinal)
{
	(void)arg;
	(void)split;
	return ordinal != 2;
}

/* Windows 0 and 1 in turns, then window 2; 1 is closed first, then 0, then 2 by what is not settled. */
static void put_some(struct in_state *t)
{
	const struct held_member members[] = { member(0, 0, 0), member(1, 0, 1), member(0, 1, 2),
					       member(1, 1, 3), member(3, 0, 4), member(2, 0, 5),
					       member(2, 1, 6) };
	const struct held_window windows[] = { closed(0, 2, 1), closed(1, 2, 0), closed(2, 2, 2) };
	begin_run(t, "r", "run");
	CHECK_INT(state_put_held(t->state, "r", members, ARRAY_SIZE(members), windows,
				 ARRAY_SIZE(windows), false, &t->err),
		  0);
}

TEST_IN_STATE(windows_are_read_in_the_order_in_which_they_closed)
{
	struct held_page page = { 0 };
	char text[100] = "";
	put_some(t);
	CHECK_INT(state_read_windows(t->state, "r", fold, 0, 1, &page, &t->err), 0);
	for (size_t i = 0; i < page.n; i++)
		snprintf(text + strlen(text), sizeof text - strlen(text), "%d.%d:%d ",
			 (int)page.rows[i].window.first, (int)page.rows[i].at,
			 (int)page.rows[i].id);
	CHECK_STR(text, "0.1:3 1.0:0 1.1:2 2.0:5 2.1:6 ");
	held_page_done(&page);
}

TEST_IN_STATE(a_window_that_lost_a_member_is_open_again_and_those_behind_it)
{
	uint64_t below = 6;
	struct seen seen = { "" };
	struct held_fold had = { .fold = fold, .take_open = see_open, .arg = &seen };
	put_some(t);
	reopen(t);
	CHECK_INT(state_sift_held(t->state, "r", &had, 1, is_below, &below, &t->err), 0);
	CHECK_STR(seen.text, "2:1x7@1005 3:1x7@1004 ");
	CHECK_INT(had.first, 2);
	CHECK_INT(had.waiting, 4);
	CHECK_INT(had.n, 2);
	CHECK_INT(had.numbers, 4);
	/* Once more, and the window that was closed second has lost one: the third, which has all, is open, too. */
	const struct held_member again = member(2, 1, 1);
	const struct held_window window = closed(2, 2, 2);
	CHECK_INT(state_put_held(t->state, "r", &again, 1, &window, 1, false, &t->err), 0);
	seen.text[0] = 0;
	CHECK_INT(state_sift_held(t->state, "r", &had, 1, is_not_2, NULL, &t->err), 0);
	CHECK_STR(seen.text, "0:1x7@1000 2:2x14@1005 3:1x7@1004 ");
	CHECK_INT(had.first, 1);
	CHECK_INT(ask_int(t, "SELECT count(*) FROM held_window"), 1);
}

TEST_IN_STATE(what_lies_below_the_mark_goes)
{
	put_some(t);
	put_mark(t, "r",
		 "{\"splits\":[{\"name\":\"step group\",\"base\":\"\",\"low\":1,\"done\":[]}]}");
	CHECK_INT(ask_int(t, "SELECT count(*) FROM held WHERE first = 1"), 0);
	CHECK_INT(ask_int(t, "SELECT count(*) FROM held"), 5);
	CHECK_INT(ask_int(t, "SELECT count(*) FROM held_window"), 2);
}

static const struct test tests[] = {
	T(windows_are_read_in_the_order_in_which_they_closed),
	T(a_window_that_lost_a_member_is_open_again_and_those_behind_it),
	T(what_lies_below_the_mark_goes),
};

int main(void)
{
	return RUN_TESTS(tests);
}
