/* batch.c (tests) - the batch on its way comes back as it was put, and goes with the mark that covers it */
#include "engine/state/batch.h"
#include "in_state.h"

static const struct batch_row rows[] = {
	{ S("2"), S("{\"n\":2}"), S("blob"), 3, 20 },
	{ S("10"), S("{\"n\":10}"), { 0 }, 1, UINT64_MAX },
};
static const struct batch_track tracks[] = {
	{ "in", 7, 8, S("page"), 2, S("{\"admitted\":1}"), S("{\"o\":7}"), rows, 2 },
	{ "else", 0, 0, S(""), 0, S("{}"), S("null"), NULL, 0 },
};

static int add_track(void *arg, const struct batch_track *t, struct err *err)
{
	(void)err;
	trace_add(arg, "%s:%d:%d:%.*s:%d:%.*s:%.*s", t->split, (int)t->ordinal, (int)t->line,
		  SLICE(t->base), (int)t->offset, SLICE(t->counts), SLICE(t->original));
	for (size_t i = 0; i < t->n; i++)
		trace_add(arg, "(%.*s %.*s %.*s %d %d)", SLICE(t->rows[i].path),
			  SLICE(t->rows[i].record), SLICE(t->rows[i].blobs), (int)t->rows[i].sinks,
			  (int)(t->rows[i].id == UINT64_MAX));
	return 0;
}

static void check_batch(struct in_state *t, const char *want)
{
	struct trace seen = { 0 };
	CHECK_INT(state_each_batch(t->state, "r", add_track, &seen, &t->err), 0);
	CHECK_STR(seen.text, want);
}

TEST_IN_STATE(tracks_and_rows_come_back_in_their_order)
{
	begin_run(t, "r", "run");
	check_batch(t, "");
	CHECK_INT(state_put_batch(t->state, "r", tracks, 2, &t->err), 0);
	reopen(t);
	check_batch(t, "in:7:8:page:2:{\"admitted\":1}:{\"o\":7} (2 {\"n\":2} blob 3 0) "
		       "(10 {\"n\":10}  1 1) else:0:0::0:{}:null");
}

TEST_IN_STATE(there_is_one_at_most_and_a_mark_drops_it)
{
	begin_run(t, "r", "run");
	CHECK_INT(state_put_batch(t->state, "r", tracks, 2, &t->err), 0);
	CHECK_INT(state_put_batch(t->state, "r", tracks + 1, 1, &t->err), 0);
	check_batch(t, "else:0:0::0:{}:null");
	CHECK_INT(ask_int(t, "SELECT count(*) FROM batch_row"), 0);
	CHECK_INT(state_put_batch(t->state, "r", tracks, 1, &t->err), 0);
	reopen(t);
	put_mark(t, "r", "{\"splits\":[]}");
	check_batch(t, "");
	CHECK_INT(ask_int(t, "SELECT count(*) FROM batch_row"), 0);
}

static int refuse(void *arg, const struct batch_track *t, struct err *err)
{
	++*(int *)arg;
	return fail(err, FAULT_BROKEN, "not %s", t->split);
}

TEST_IN_STATE(the_first_refusal_ends_the_way_through)
{
	int n = 0;
	begin_run(t, "r", "run");
	CHECK_INT(state_put_batch(t->state, "r", tracks, 2, &t->err), 0);
	CHECK_INT(state_each_batch(t->state, "r", refuse, &n, &t->err), -1);
	CHECK_INT(n, 1);
	CHECK_STR(t->err.text, "not in");
	t->err = (struct err){ 0 };
}

static const struct test tests[] = {
	T(tracks_and_rows_come_back_in_their_order),
	T(there_is_one_at_most_and_a_mark_drops_it),
	T(the_first_refusal_ends_the_way_through),
};

int main(void)
{
	return RUN_TESTS(tests);
}
