/* inbox.c (tests) - a page stays until the mark stands at a later one */
#include "engine/state/inbox.h"
#include "in_state.h"

static void put_page(struct in_state *t, const char *base, uint64_t first, uint64_t until)
{
	const struct state_page page = {
		.split = "pages",
		.base = slice_str(base),
		.first = first,
		.until = until,
		.about = S("{\"url\":\"x\"}"),
		.value = slice_str(base),
	};
	CHECK_INT(state_put_page(t->state, "r", &page, &t->err), 0);
}

static bool has_page(struct in_state *t, const char *base, uint64_t first)
{
	AUTO(buf_done) struct buf about = { 0 }, value = { 0 };
	uint64_t at = 0;
	bool found;
	CHECK_INT(state_get_page(t->state, "r", "pages", slice_str(base), &at, &about, &value,
				 &found, &t->err),
		  0);
	if (!found)
		return false;
	CHECK_INT(at, first);
	CHECK_STR(about.p, "{\"url\":\"x\"}");
	CHECK_STR(value.p, base);
	return true;
}

static void mark_at(struct in_state *t, const char *base, int low)
{
	char mark[200];
	snprintf(mark, sizeof mark,
		 "{\"splits\":[{\"name\":\"pages\",\"low\":%d,\"base\":\"%s\"}]}", low, base);
	put_mark(t, "r", mark);
}

TEST_IN_STATE(a_page_is_found_after_a_restart)
{
	begin_run(t, "r", "run");
	CHECK(!has_page(t, "/1", 0));
	put_page(t, "/1", 0, 3);
	put_page(t, "/2", 3, 3);
	reopen(t);
	CHECK(has_page(t, "/1", 0));
	CHECK(has_page(t, "/2", 3));
	CHECK(!has_page(t, "/3", 3));
}

TEST_IN_STATE(the_page_at_the_mark_stays_and_those_before_it_go)
{
	begin_run(t, "r", "run");
	put_page(t, "/1", 0, 3);
	put_page(t, "/2", 3, 6);
	put_page(t, "/3", 6, 9);
	mark_at(t, "/1", 2);
	CHECK_INT(ask_int(t, "SELECT count(*) FROM inbox"), 3);
	mark_at(t, "/1", 3);
	CHECK(has_page(t, "/1", 0)); /* it says where the next one is */
	mark_at(t, "/2", 4);
	CHECK(!has_page(t, "/1", 0));
	mark_at(t, "/3", 9);
	CHECK(has_page(t, "/3", 6));
	CHECK_INT(ask_int(t, "SELECT count(*) FROM inbox"), 1);
}

/* It may have records tomorrow; then those of the pages behind it would get other numbers. */
TEST_IN_STATE(a_page_without_records_stays_as_long_as_the_mark_is_before_it)
{
	begin_run(t, "r", "run");
	put_page(t, "/1", 0, 3);
	put_page(t, "/2", 3, 3);
	put_page(t, "/3", 3, 5);
	mark_at(t, "/1", 3);
	CHECK(has_page(t, "/2", 3));
	mark_at(t, "/3", 4);
	CHECK(!has_page(t, "/1", 0) && !has_page(t, "/2", 3) && has_page(t, "/3", 3));
}

static bool has_last(struct in_state *t, const char *run, const char *base, uint64_t until)
{
	AUTO(buf_done) struct buf last = { 0 };
	uint64_t at = 0;
	bool found;
	CHECK_INT(state_last_page(t->state, run, "pages", &at, &last, &found, &t->err), 0);
	if (!found)
		return false;
	CHECK_STR(last.p, base);
	CHECK_INT(at, until);
	return true;
}

TEST_IN_STATE(the_last_page_is_the_one_that_was_put_last)
{
	begin_run(t, "r", "run");
	CHECK(!has_last(t, "r", "", 0));
	put_page(t, "9", 0, 3);
	put_page(t, "10", 3, 7); /* numbers are no text: "9" is not behind it */
	reopen(t);
	CHECK(has_last(t, "r", "10", 7));
	mark_at(t, "10", 7);
	CHECK(has_last(t, "r", "10", 7));
}

/* A run starts over: pages that can be asked for again go; what a source was told is the new run's. */
TEST_IN_STATE(what_was_told_outlives_its_run)
{
	struct state_start start = {
		.pipeline = "p", .kind = "run", .continues = "", .mark = S("{}")
	};
	begin_run(t, "r", "run");
	put_page(t, "1", 0, 3);
	put_page(t, "2", 3, 7);
	start.inherits = "r";
	start.told = S("pages");
	CHECK_INT(state_begin(t->state, "s", &start, &t->err), 0);
	CHECK(!has_last(t, "r", "", 0));
	CHECK(has_last(t, "s", "2", 7));
	CHECK_INT(ask_int(t, "SELECT count(*) FROM inbox"), 2);
	start.inherits = "s";
	start.told = S("others");
	CHECK_INT(state_begin(t->state, "u", &start, &t->err), 0);
	CHECK_INT(ask_int(t, "SELECT count(*) FROM inbox"), 0);
}

static const struct test tests[] = {
	T(a_page_is_found_after_a_restart),
	T(the_page_at_the_mark_stays_and_those_before_it_go),
	T(a_page_without_records_stays_as_long_as_the_mark_is_before_it),
	T(the_last_page_is_the_one_that_was_put_last),
	T(what_was_told_outlives_its_run),
};

int main(void)
{
	return RUN_TESTS(tests);
}
