/* account.c - the exit code by precedence, the words of the account */
#include "cli/account.h"
#include "check.h"
#include "cli/exits.h"

static struct plan plan = { .name = "p", .folder = "/f", .dead_path = "/f/dead.jsonl" };

static int exit_of(struct run_result result)
{
	struct account a = { .plan = &plan, .result = &result, .state_path = "/f/.hocket/p.db" };
	return account_exit(&a);
}

static struct run_result ended(enum run_end end, uint64_t delivered, uint64_t dead, uint64_t left)
{
	return (struct run_result){
		.end = end,
		.left = left,
		.counts = { .admitted = delivered + dead, .delivered = delivered, .dead = dead }
	};
}

TEST(the_worst_wins)
{
	CHECK_INT(exit_of(ended(RUN_FINISHED, 5, 0, 0)), EXITS_DONE);
	CHECK_INT(exit_of(ended(RUN_FINISHED, 5, 1, 0)), EXITS_DEAD);
	CHECK_INT(exit_of(ended(RUN_NOTHING_NEW, 0, 0, 0)), EXITS_DONE);
	CHECK_INT(exit_of(ended(RUN_STOPPED_EARLY, 5, 1, 3)), EXITS_EARLY);
	CHECK_INT(exit_of(ended(RUN_STOPPED_BY_FAILURES, 0, 20, 0)), EXITS_FAILURES);
	CHECK_INT(exit_of(ended(RUN_FAILED, 5, 1, 3)), EXITS_FAILED);
	CHECK_INT(exit_of(ended(RUN_BROKEN, 5, 1, 3)), EXITS_BROKEN);
}

TEST(an_early_stop_that_was_meant)
{
	struct place endless = { .facts = { .endless = true } };
	plan.sources = &endless;
	plan.source_count = 1;
	CHECK_INT(exit_of(ended(RUN_STOPPED_EARLY, 5, 0, 0)), EXITS_DONE); /* drained */
	CHECK_INT(exit_of(ended(RUN_STOPPED_EARLY, 5, 0, 2)), EXITS_EARLY);
	endless.facts.endless = false;
	CHECK_INT(exit_of(ended(RUN_STOPPED_EARLY, 5, 0, 0)), EXITS_EARLY);
	plan.sources = NULL;
	plan.source_count = 0;
}

TEST(a_limit_is_no_early_stop)
{
	struct run_result r = ended(RUN_LIMITED, 5, 0, 3);
	CHECK_INT(exit_of(r), EXITS_DONE);
	CHECK_INT(exit_of(ended(RUN_LIMITED, 5, 2, 0)), EXITS_DEAD);
	r.volatile_source = true; /* the three are lost */
	CHECK_INT(exit_of(r), EXITS_FAILED);
	r.left = 0;
	CHECK_INT(exit_of(r), EXITS_DONE);
}

TEST(nothing_to_resume_is_a_failure)
{
	struct run_result r = ended(RUN_STOPPED_EARLY, 5, 0, 1);
	r.volatile_source = true;
	CHECK_INT(exit_of(r), EXITS_FAILED);
	r.volatile_source = false;
	struct account stateless = { .plan = &plan, .result = &r }; /* fetch */
	CHECK_INT(account_exit(&stateless), EXITS_FAILED);
}

TEST(an_account_that_does_not_add_up_is_broken)
{
	struct run_result r = ended(RUN_FINISHED, 5, 0, 0);
	r.counts.admitted = 6;
	CHECK_INT(exit_of(r), EXITS_BROKEN);
	r.counts.expanded = 2;
	r.counts.spawned = 1;
	CHECK_INT(exit_of(r), EXITS_DONE);
}

TEST(a_run_that_never_began_has_a_summary)
{
	AUTO(buf_done) struct buf out = { 0 };
	CHECK_INT(account_put_json_failed(78, "a \"quoted\" word", &out), 0);
	CHECK_STR(out.p,
		  "{\"end\":\"not_started\",\"exit\":78,\"error\":\"a \\\"quoted\\\" word\"}\n");
}

static const struct test tests[] = {
	T(the_worst_wins),
	T(an_early_stop_that_was_meant),
	T(a_limit_is_no_early_stop),
	T(nothing_to_resume_is_a_failure),
	T(an_account_that_does_not_add_up_is_broken),
	T(a_run_that_never_began_has_a_summary),
};
int main(void)
{
	return RUN_TESTS(tests);
}
