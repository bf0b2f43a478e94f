/* token.c - tests of shared tokens (src/io/token.c): who asks, who waits, when it is asked again */
#include "io/token.h"
#include "check.h"
#include "rt/in_loop.h"

struct giver { /* whoever gives tokens: counts, and takes its time */
	struct token *token;
	unsigned asked, inside, got, failed;
	int64_t life_ns;
	bool refuses;
};

static int give(void *arg, struct buf *text, int64_t *life_ns, struct err *err) SUSPENDS
{
	struct giver *g = arg;
	CHECK_INT(g->inside++, 0);
	g->asked++;
	int r = hk_sleep(HK_SEC);
	g->inside--;
	err->sent = true;
	if (r < 0)
		return fail_errno(err, FAULT_IO, r, "asleep");
	if (g->refuses)
		return fail(err, FAULT_CONFIG, "no");
	*life_ns = g->life_ns;
	return buf_printf(text, "token-%u", g->asked);
}

static int want(void *arg) SUSPENDS
{
	struct giver *g = arg;
	AUTO(buf_done) struct buf out = { 0 };
	struct err err = { 0 };
	uint64_t version;
	int r = token_get(g->token, give, g, &out, &version, &err);
	g->got += r == 0;
	g->failed += r < 0;
	if (r < 0)
		CHECK(!err.sent && err.fault != FAULT_NONE);
	return 0;
}

static void want_at_once(struct giver *g, int tasks) SUSPENDS
{
	struct hk_group group;
	hk_group_open(&group, NULL);
	for (int i = 0; i < tasks; i++)
		CHECK_INT(hk_spawn(&group, want, g), 0);
	CHECK_INT(hk_group_close(&group, 0), 0);
}

TEST_IN_SIM(one_asks_for_all, 50)
{
	struct token token = { 0 };
	struct giver g = { .token = &token, .life_ns = 3600 * HK_SEC };
	want_at_once(&g, 100);
	CHECK_INT(g.got, 100);
	CHECK_INT(g.asked, 1);
	token_done(&token);
}

TEST_IN_SIM(a_failure_is_everybodys_and_is_over, 50)
{
	struct token token = { 0 };
	struct giver g = { .token = &token, .refuses = true };
	want_at_once(&g, 100);
	CHECK_INT(g.failed, 100);
	CHECK_INT(g.asked, 1);
	g.refuses = false;
	want_at_once(&g, 3);
	CHECK_INT(g.got, 3);
	CHECK_INT(g.asked, 2);
	token_done(&token);
}

TEST_IN_LOOP(who_is_cancelled_fails_nobody_else)
{
	struct token token = { 0 };
	struct giver g = { .token = &token };
	struct hk_group first;
	hk_group_open(&first, NULL);
	CHECK_INT(hk_spawn(&first, want, &g), 0);
	CHECK_INT(hk_wait_all_parked(), 0);
	hk_group_cancel(&first);
	(void)!hk_group_close(&first, 0);
	CHECK_INT(g.failed, 1);
	want_at_once(&g, 2);
	CHECK_INT(g.got, 2);
	CHECK_INT(g.asked, 2);
	token_done(&token);
}

TEST_IN_LOOP(it_is_renewed_before_its_end)
{
	struct token token = { 0 };
	struct giver g = { .token = &token, .life_ns = 3600 * HK_SEC };
	want_at_once(&g, 1);
	CHECK_INT(hk_sleep(3569 * HK_SEC), 0);
	want_at_once(&g, 1);
	CHECK_INT(g.asked, 1);
	CHECK_INT(hk_sleep(2 * HK_SEC), 0);
	want_at_once(&g, 1);
	CHECK_INT(g.asked, 2);
	token_done(&token);
}

TEST_IN_LOOP(a_refused_one_is_asked_for_again_unless_it_has_just_come)
{
	struct token token = { 0 };
	struct giver g = { .token = &token };
	want_at_once(&g, 1);
	uint64_t used = token.version;
	CHECK(!token_refused(&token, used));
	CHECK_INT(hk_sleep(11 * HK_SEC), 0);
	CHECK(token_refused(&token, used));
	want_at_once(&g, 5);
	CHECK_INT(g.asked, 2);
	CHECK(token_refused(&token, used)); /* a late 401 of the old one: there is another */
	want_at_once(&g, 1);
	CHECK_INT(g.asked, 2);
	token_done(&token);
}

TEST(what_servers_say)
{
	static const struct {
		const char *answer, *token;
		int64_t life_s;
	} cases[] = {
		{ "{\"access_token\":\"a\",\"expires_in\":3599}", "a", 3599 },
		{ "{\"access_token\":\"a\\/b\",\"expires_in\":\"60\"}", "a/b", 60 },
		{ "{\"access_token\":\"a\",\"expires_in\":59.5}", "a", 59 },
		{ "{\"access_token\":\"a\",\"expires_in\":-1}", "a", 0 },
		{ "{\"access_token\":\"a\",\"expires_in\":1e99}", "a", 0 },
		{ "{\"access_token\":\"a\"}", "a", 0 },
		{ "{\"access_token\":\"\"}", NULL, 0 },
		{ "{\"access_token\":null}", NULL, 0 },
		{ "[\"access_token\"]", NULL, 0 },
		{ "<html>", NULL, 0 },
		{ "", NULL, 0 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO(buf_done) struct buf text = { 0 };
		int64_t life_ns = 0;
		CHECK_INT(token_read(slice_str(cases[i].answer), &text, &life_ns),
			  cases[i].token ? 0 : -1);
		CHECK_SLICE(buf_slice(&text), slice_str(cases[i].token));
		CHECK_INT(life_ns, cases[i].life_s * HK_SEC);
	}
}

TEST(why_they_refuse)
{
	AUTO(buf_done) struct buf out = { 0 };
	token_put_reason(S("{\"error\":\"invalid_grant\",\"error_description\":\"Bad\\nkey\"}"),
			 &out);
	CHECK_SLICE(buf_slice(&out), S(": invalid_grant: Bad key"));
	buf_clear(&out);
	token_put_reason(S("<html>"), &out);
	token_put_reason(S("{\"error\":{\"code\":4}}"), &out);
	CHECK_SLICE(buf_slice(&out), S(""));
}

static const struct test tests[] = {
	T(one_asks_for_all),
	T(a_failure_is_everybodys_and_is_over),
	T(who_is_cancelled_fails_nobody_else),
	T(it_is_renewed_before_its_end),
	T(a_refused_one_is_asked_for_again_unless_it_has_just_come),
	T(what_servers_say),
	T(why_they_refuse),
};

int main(void)
{
	return RUN_TESTS(tests);
}
