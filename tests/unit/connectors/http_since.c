/* http_since.c - tests of `since:`: what is asked, what is dropped, what a resumed and a later run know */
#include "connectors/http/http_since.h"
#include "base/banned.h"
#include "check.h"
#include <stdlib.h>

#define SECOND INT64_C(1000000000)

static struct jq *program(const char *text)
{
	const struct expr_names names = { 0 };
	struct expr_error why;
	struct jq *jq = NULL;
	int r = jq_program_compile(slice_str(text), &names, &jq, &why);
	ASSERT(r == 0);
	return jq;
}

struct asking {
	struct since_options o;
	struct since *since;
	struct buf kept;
};

static struct asking ask(const char *from, const char *value, const char *start, int64_t lag_ns)
{
	return (struct asking){ .o = { .query = "since",
				       .from = program(from),
				       .value = value ? program(value) : NULL,
				       .start = start,
				       .lag_ns = lag_ns } };
}

static void asking_done(struct asking *a)
{
	jq_free(a->o.from);
	jq_free(a->o.value);
	since_free(a->since);
	buf_done(&a->kept);
}

/* The run is finished, and the next one begins. */
static void next_run(struct asking *a)
{
	struct err err = { 0 };
	if (a->since) {
		buf_clear(&a->kept);
		CHECK_INT(since_put_end(a->since, &a->kept), 0);
		CHECK(since_is_text(buf_slice(&a->kept)));
		since_free(a->since);
	}
	a->since = since_new(&a->o);
	if (a->kept.n)
		CHECK_INT(since_read(a->since, buf_slice(&a->kept), &err), 0);
}

static void check_asked(const struct asking *a, const char *want)
{
	AUTO(buf_done) struct buf url = { 0 };
	struct err err = { 0 };
	CHECK_INT(buf_add(&url, S("http://x/?a=1")), 0);
	CHECK_INT(since_put_query(a->since, &url, &err), 0);
	CHECK_STR(url.p + strlen("http://x/?a=1"), want);
}

static int look(struct asking *a, const char *item)
{
	struct err err = { 0 };
	int r = since_look(a->since, slice_str(item), &err);
	if (r < 0)
		CHECK(err.fault == FAULT_BAD_VALUE || err.fault == FAULT_CONFIG);
	return r;
}

TEST(a_run_asks_from_the_largest_that_was_seen)
{
	AUTO(asking_done) struct asking a = ask(".t", NULL, NULL, 0);
	next_run(&a);
	check_asked(&a, "");
	CHECK_INT(look(&a, "{\"t\":\"2020-01-02T00:00:00Z\"}"), 1);
	CHECK_INT(look(&a, "{\"t\":\"2020-01-03T00:30:00+01:00\"}"), 1);
	CHECK_INT(look(&a, "{\"t\":\"2020-01-02T23:00:00Z\"}"), 1);
	next_run(&a);
	check_asked(&a, "&since=2020-01-03T00%3A30%3A00%2B01%3A00");
	next_run(&a); /* and nothing came */
	check_asked(&a, "&since=2020-01-03T00%3A30%3A00%2B01%3A00");
}

TEST(the_first_run_asks_from_the_start)
{
	AUTO(asking_done) struct asking a = ask(".n", "if . == \"7\" then 700 else . end", "7", 0);
	next_run(&a);
	check_asked(&a, "&since=700");
	next_run(&a);
	check_asked(&a, "&since=700");
	CHECK_INT(look(&a, "{\"n\":1200}"), 1);
	next_run(&a);
	check_asked(&a, "&since=1200");
}

TEST(what_comes_again_unchanged_is_known)
{
	AUTO(asking_done) struct asking a = ask(".n", NULL, NULL, 0);
	next_run(&a);
	CHECK_INT(look(&a, "{\"n\":1}"), 1);
	CHECK_INT(look(&a, "{\"n\":2,\"v\":1}"), 1);
	CHECK_INT(look(&a, "{\"n\":2,\"v\":2}"), 1);
	next_run(&a);
	CHECK_INT(look(&a, "{\"n\":2,\"v\":1}"), 0);
	CHECK_INT(look(&a, "{\"n\":2,\"v\":3}"), 1); /* changed, or another one */
	CHECK_INT(look(&a, "{\"n\":3}"), 1);
	next_run(&a);
	CHECK_INT(look(&a, "{\"n\":3}"), 0);
}

TEST(what_nobody_asked_for_is_told_dropped_or_taken)
{
	static const int want[] = { [OLDER_ERROR] = -1, [OLDER_DROP] = 0, [OLDER_TAKE] = 1 };
	for (int older = OLDER_ERROR; older <= OLDER_TAKE; older++) {
		AUTO(asking_done) struct asking a = ask(".n", NULL, NULL, 0);
		a.o.older = older;
		next_run(&a);
		CHECK_INT(look(&a, "{\"n\":2}"), 1);
		CHECK_INT(look(&a, "{\"n\":1}"), 1); /* the first run asks for everything */
		next_run(&a);
		check_asked(&a, "&since=2");
		CHECK_INT(look(&a, "{\"n\":2}"), 0);
		CHECK_INT(look(&a, "{\"n\":1}"), want[older]);
	}
}

TEST(twins_of_one_run_are_both_taken_and_both_known)
{
	AUTO(asking_done) struct asking a = ask(".n", NULL, NULL, 0);
	next_run(&a);
	CHECK_INT(look(&a, "{\"n\":2}"), 1);
	CHECK_INT(look(&a, "{\"n\":2}"), 1);
	for (int run = 0; run < 3; run++) {
		next_run(&a);
		CHECK_INT(look(&a, "{\"n\":2}"), 0);
		CHECK_INT(look(&a, "{\"n\":2}"), 0);
	}
	CHECK_INT(look(&a, "{\"n\":2}"), 1); /* a third one */
}

TEST(a_lag_remembers_all_that_lies_within_it)
{
	AUTO(asking_done) struct asking a = ask(".t", NULL, NULL, 60 * SECOND);
	next_run(&a);
	CHECK_INT(look(&a, "{\"t\":\"2020-01-01T00:00:00Z\"}"), 1);
	CHECK_INT(look(&a, "{\"t\":\"2020-01-01T00:01:00.250Z\"}"), 1);
	CHECK_INT(look(&a, "{\"t\":\"2020-01-01T00:02:00Z\"}"), 1);
	next_run(&a);
	check_asked(&a, "&since=2020-01-01T00%3A01%3A00Z");
	CHECK_INT(look(&a, "{\"t\":\"2020-01-01T00:01:30Z\"}"), 1); /* it was late */
	CHECK_INT(look(&a, "{\"t\":\"2020-01-01T00:01:00.250Z\"}"), 0);
	CHECK_INT(look(&a, "{\"t\":\"2020-01-01T00:02:00Z\"}"), 0);
	next_run(&a); /* what was not met again is known still */
	CHECK_INT(look(&a, "{\"t\":\"2020-01-01T00:02:00Z\"}"), 0);
	next_run(&a);
	CHECK_INT(look(&a, "{\"t\":\"2020-01-01T00:01:30Z\"}"), 0);
	CHECK_INT(look(&a, "{\"t\":\"2020-01-01T00:01:00.250Z\"}"), 0);
}

TEST(what_the_query_cannot_say_is_remembered_too)
{
	AUTO(asking_done) struct asking a = ask(".t", ".[:10]", NULL, 0);
	next_run(&a);
	CHECK_INT(look(&a, "{\"t\":\"2020-01-01T23:00:00Z\"}"), 1);
	CHECK_INT(look(&a, "{\"t\":\"2020-01-02T08:00:00Z\"}"), 1);
	CHECK_INT(look(&a, "{\"t\":\"2020-01-02T12:00:00Z\"}"), 1);
	next_run(&a);
	check_asked(&a, "&since=2020-01-02");
	CHECK_INT(look(&a, "{\"t\":\"2020-01-02T08:00:00Z\"}"), 0);
	CHECK_INT(look(&a, "{\"t\":\"2020-01-02T12:00:00Z\"}"), 0);
}

/* What lies ahead comes again at each run until its time has come, and is known. */
TEST(a_time_in_the_future_hides_nothing)
{
	AUTO(asking_done) struct asking a = ask(".t", ".[:2]", NULL, 0);
	next_run(&a);
	CHECK_INT(look(&a, "{\"t\":\"2020-01-01T00:00:00Z\"}"), 1);
	CHECK_INT(look(&a, "{\"t\":\"2199-01-01T00:00:00Z\"}"), 1);
	for (int i = 0; i < 2; i++) {
		next_run(&a);
		check_asked(&a, "&since=20");
		CHECK_INT(look(&a, "{\"t\":\"2199-01-01T00:00:00Z\"}"), 0);
	}
}

TEST(an_item_without_a_cursor_is_bad)
{
	AUTO(asking_done) struct asking a = ask(".t", NULL, NULL, 0);
	next_run(&a);
	CHECK_INT(look(&a, "{\"u\":1}"), -1);
	CHECK_INT(look(&a, "{\"t\":\"\"}"), -1);
	CHECK_INT(look(&a, "{\"t\":[1]}"), -1);
	CHECK_INT(look(&a, "{\"t\":1}"), 1);
	CHECK_INT(look(&a, "{\"t\":\"2020-01-01T00:00:00Z\"}"), -1); /* another kind */
	CHECK_INT(look(&a, "{\"t\":2}"), 1);
}

TEST(a_lag_wants_what_can_be_counted_back)
{
	AUTO(asking_done) struct asking a = ask(".t", NULL, NULL, SECOND);
	next_run(&a);
	CHECK_INT(look(&a, "{\"t\":\"x17\"}"), -1);
}

/* At any moment the text says all that the rest of the run needs. */
TEST(a_resumed_run_drops_the_same)
{
	static const char *const items[] = { "{\"n\":4}", "{\"n\":3}", "{\"n\":5}", "{\"n\":3}",
					     "{\"n\":6}", "{\"n\":5}", "{\"n\":3}", "{\"n\":4}" };
	static const int want[] = { 0, 0, 1, 1, 1, 1, 1, 1 };
	for (size_t cut = 0; cut <= ARRAY_SIZE(items); cut++) {
		AUTO(asking_done) struct asking a = ask(".n", NULL, NULL, 3 * SECOND);
		AUTO(buf_done) struct buf text = { 0 };
		struct err err = { 0 };
		next_run(&a);
		CHECK_INT(look(&a, "{\"n\":4}"), 1);
		CHECK_INT(look(&a, "{\"n\":3}"), 1);
		next_run(&a);
		for (size_t i = 0; i < ARRAY_SIZE(items); i++) {
			if (i == cut) {
				CHECK_INT(since_put(a.since, &text), 0);
				since_free(a.since);
				a.since = since_new(&a.o);
				CHECK_INT(since_read(a.since, buf_slice(&text), &err), 0);
			}
			CHECK_INT(look(&a, items[i]), want[i]);
		}
	}
}

TEST(so_many_are_remembered_and_no_more)
{
	AUTO(asking_done) struct asking a = ask(".n", NULL, NULL, 0);
	char item[64];
	int known = 0;
	next_run(&a);
	for (int i = 0; i < SINCE_KNOWN_MAX + 500; i++) {
		snprintf(item, sizeof item, "{\"n\":1,\"i\":%d}", i);
		CHECK_INT(look(&a, item), 1);
	}
	next_run(&a);
	for (int i = 0; i < SINCE_KNOWN_MAX + 500; i++) {
		snprintf(item, sizeof item, "{\"n\":1,\"i\":%d}", i);
		known += look(&a, item) == 0;
	}
	CHECK_INT(known, SINCE_KNOWN_MAX);
}

TEST(what_makes_no_sense_is_refused)
{
	static const char *const bad[] = { "",
					   "{}",
					   "{\"since\":",
					   "{\"since\":{}}",
					   "{\"since\":1,\"before\":[[\"ab\",1]]}",
					   "{\"since\":1,\"before\":[7]}" };
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		AUTO(asking_done) struct asking a = ask(".n", NULL, NULL, 0);
		struct err err = { 0 };
		next_run(&a);
		CHECK_INT(since_read(a.since, slice_str(bad[i]), &err), -1);
		CHECK_INT(err.fault, FAULT_BROKEN);
	}
}

static const struct test tests[] = {
	T(a_run_asks_from_the_largest_that_was_seen),
	T(the_first_run_asks_from_the_start),
	T(what_comes_again_unchanged_is_known),
	T(what_nobody_asked_for_is_told_dropped_or_taken),
	T(twins_of_one_run_are_both_taken_and_both_known),
	T(a_lag_remembers_all_that_lies_within_it),
	T(what_the_query_cannot_say_is_remembered_too),
	T(a_time_in_the_future_hides_nothing),
	T(an_item_without_a_cursor_is_bad),
	T(a_lag_wants_what_can_be_counted_back),
	T(a_resumed_run_drops_the_same),
	T(so_many_are_remembered_and_no_more),
	T(what_makes_no_sense_is_refused),
};

int main(void)
{
	return RUN_TESTS(tests);
}
