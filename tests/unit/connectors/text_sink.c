/* text_sink.c - tests of text_sink.c and part_file.c by way of jsonl: what is written, when it shows, what a resume finds */
#include "text_sink.h"
#include "base/banned.h"
#include <signal.h>
#include <sys/resource.h>

LOOP_TEST(output_shows_when_it_is_whole)
{
	struct fake_sink s;
	file_write(out, S("old\n"));
	open_sink(&s, &to_jsonl, NULL, NULL);
	CHECK(s.at.facts.finite_output);
	sink_start(&s, true);
	CHECK_INT(s.result, 0);
	CHECK(s.receipt.n > 0);
	sink_commit(&s, "{\"a\":1.10} {\"b\":2}", NULL);
	CHECK_INT(s.result, 0);
	check_file(part, "{\"a\":1.10}\n{\"b\":2}\n");
	check_file(out, "old\n");
	sink_commit(&s, NULL, NULL);
	sink_commit(&s, "{\"c\":3}", NULL);
	sink_finish(&s);
	CHECK_INT(s.result, 0);
	check_file(out, "{\"a\":1.10}\n{\"b\":2}\n{\"c\":3}\n");
	check_file(part, NULL);
	sink_done(&s);
}

LOOP_TEST(fields_are_chosen_in_order)
{
	struct fake_sink s;
	open_sink(&s, &to_jsonl, "fields=url,id", NULL);
	sink_start(&s, true);
	sink_commit(&s, "{\"id\":1,\"x\":[1,2],\"url\":\"u\"} {\"id\":2}", NULL);
	sink_finish(&s);
	check_file(out, "{\"url\":\"u\",\"id\":1}\n{\"url\":null,\"id\":2}\n");
	sink_done(&s);
}

LOOP_TEST(a_resume_cuts_back_to_the_receipt)
{
	struct fake_sink s;
	open_sink(&s, &to_jsonl, NULL, NULL);
	sink_start(&s, true);
	sink_commit(&s, "{\"a\":1}", NULL);
	sink_stop(&s);
	append_to(part, "{\"torn");
	sink_start(&s, false);
	CHECK_INT(s.result, 0);
	check_file(part, "{\"a\":1}\n");
	sink_commit(&s, "{\"a\":2}", NULL);
	sink_finish(&s);
	check_file(out, "{\"a\":1}\n{\"a\":2}\n");
	sink_done(&s);
}

LOOP_TEST(the_first_receipt_covers_a_torn_first_commit)
{
	struct fake_sink s;
	open_sink(&s, &to_jsonl, NULL, NULL);
	sink_start(&s, true);
	sink_stop(&s);
	file_write(part, S("{\"torn"));
	sink_start(&s, false);
	CHECK_INT(s.result, 0);
	check_file(part, "");
	sink_done(&s);
}

LOOP_TEST(a_stale_part_of_a_finished_run_is_replaced)
{
	struct fake_sink s;
	file_write(part, S("{\"foreign\":true}\n"));
	open_sink(&s, &to_jsonl, NULL, NULL);
	sink_start(&s, true);
	CHECK_INT(s.result, 0);
	sink_commit(&s, "{\"a\":1}", NULL);
	sink_finish(&s);
	check_file(out, "{\"a\":1}\n");
	sink_done(&s);
}

LOOP_TEST(a_part_that_was_cut_or_taken_away_is_refused)
{
	struct fake_sink s;
	open_sink(&s, &to_jsonl, NULL, NULL);
	sink_start(&s, true);
	sink_commit(&s, "{\"a\":1}", NULL);
	sink_stop(&s);
	CHECK_INT(truncate(part, 3), 0);
	AUTO(buf_done) struct buf receipt = { 0 };
	CHECK_INT(buf_add(&receipt, buf_slice(&s.receipt)), 0);
	sink_start(&s, false);
	CHECK_INT(s.err.fault, FAULT_IO);
	CHECK(strstr(s.err.text, "has 3 bytes, but 8 were committed"));
	sink_stop(&s);
	CHECK_INT(unlink(part), 0);
	buf_done(&s.receipt);
	s.receipt = buf_take(&receipt);
	sink_start(&s, false);
	CHECK_INT(s.err.fault, FAULT_CONFIG);
	CHECK(strstr(s.err.text, "is gone"));
	CHECK(!file_exists(out));
	sink_done(&s);
}

/* The crash between the rename and the state's "finished". */
LOOP_TEST(a_resume_after_the_rename_loses_nothing)
{
	struct fake_sink s;
	open_sink(&s, &to_jsonl, NULL, NULL);
	sink_start(&s, true);
	sink_commit(&s, "{\"a\":1}", NULL);
	sink_finish(&s);
	sink_stop(&s);
	sink_start(&s, false);
	CHECK_INT(s.result, 0);
	check_file(out, NULL); /* it is not whole again before it is finished */
	check_file(part, "{\"a\":1}\n");
	sink_commit(&s, "{\"a\":2}", NULL);
	check_file(out, NULL);
	sink_finish(&s);
	check_file(out, "{\"a\":1}\n{\"a\":2}\n");
	sink_done(&s);
}

/* The same, and nothing new came before the next one: the state still has the first receipt. */
LOOP_TEST(crashes_after_the_rename_may_repeat)
{
	struct fake_sink s;
	AUTO(buf_done) struct buf receipt = { 0 };
	open_sink(&s, &to_jsonl, NULL, NULL);
	sink_start(&s, true);
	sink_commit(&s, "{\"a\":1}", NULL);
	CHECK_INT(buf_add(&receipt, buf_slice(&s.receipt)), 0);
	for (int i = 0; i < 3; i++) {
		sink_finish(&s);
		CHECK_INT(s.result, 0);
		check_file(out, "{\"a\":1}\n");
		sink_stop(&s);
		buf_clear(&s.receipt);
		CHECK_INT(buf_add(&s.receipt, buf_slice(&receipt)), 0);
		sink_start(&s, false);
		CHECK_INT(s.result, 0);
	}
	sink_done(&s);
}

LOOP_TEST(an_output_that_was_changed_is_not_taken_back)
{
	struct fake_sink s;
	open_sink(&s, &to_jsonl, NULL, NULL);
	sink_start(&s, true);
	sink_commit(&s, "{\"a\":1}", NULL);
	sink_finish(&s);
	sink_stop(&s);
	append_to(out, "theirs\n");
	sink_start(&s, false);
	CHECK_INT(s.err.fault, FAULT_CONFIG);
	check_file(out, "{\"a\":1}\ntheirs\n");
	check_file(part, NULL);
	sink_done(&s);
}

/* One run of one record, finished. */
static void run_once(struct fake_sink *s, const char *option) SUSPENDS
{
	open_sink(s, &to_jsonl, option, NULL);
	sink_start(s, true);
	sink_commit(s, "{\"a\":1}", NULL);
	sink_finish(s);
	CHECK_INT(s->result, 0);
	sink_stop(s);
}

LOOP_TEST(more_is_added_to_what_a_finished_run_made)
{
	static const char *const modes[] = { "mode=replace", "mode=new", "mode=append" };
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		struct fake_sink s;
		bool whole = i < 2; /* append shows what it writes */
		run_once(&s, modes[i]);
		CHECK_INT(sink_stands(&s), 1);
		sink_start_more(&s);
		CHECK_INT(s.result, 0);
		sink_commit(&s, "{\"a\":2}", NULL);
		check_file(out, whole ? "{\"a\":1}\n" : "{\"a\":1}\n{\"a\":2}\n");
		sink_stop(&s); /* and that was a crash */
		sink_start(&s, false);
		CHECK_INT(s.result, 0);
		sink_commit(&s, "{\"a\":3}", NULL);
		sink_finish(&s);
		CHECK_INT(s.result, 0);
		check_file(out, "{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n");
		check_file(part, NULL);
		sink_stop(&s);
		CHECK_INT(sink_stands(&s), 1);
		sink_done(&s);
		CHECK_INT(unlink(out), 0);
	}
}

LOOP_TEST(a_stale_part_is_no_part_of_more)
{
	struct fake_sink s;
	run_once(&s, NULL);
	file_write(part, S("{\"stale\":\"and longer than what was finished\"}\n"));
	sink_start_more(&s);
	sink_commit(&s, "{\"a\":2}", NULL);
	sink_finish(&s);
	check_file(out, "{\"a\":1}\n{\"a\":2}\n");
	sink_done(&s);
}

LOOP_TEST(what_new_may_not_overwrite_stays_so_behind_more)
{
	struct fake_sink s;
	run_once(&s, "mode=new");
	sink_start_more(&s);
	sink_commit(&s, "{\"a\":2}", NULL);
	CHECK_INT(unlink(out), 0);
	file_write(out, S("somebody else's"));
	sink_finish(&s);
	CHECK_INT(s.err.fault, FAULT_CONFIG);
	check_file(out, "somebody else's");
	sink_done(&s);
}

LOOP_TEST(a_replay_adds_to_what_is_there_or_to_nothing)
{
	struct fake_sink s;
	run_once(&s, NULL);
	append_to(out, "theirs\n");
	buf_clear(&s.receipt);
	sink_start_more(&s);
	sink_commit(&s, "{\"a\":2}", NULL);
	sink_finish(&s);
	check_file(out, "{\"a\":1}\ntheirs\n{\"a\":2}\n");
	sink_stop(&s);
	CHECK_INT(unlink(out), 0);
	buf_clear(&s.receipt);
	sink_start_more(&s);
	sink_commit(&s, "{\"a\":3}", NULL);
	sink_finish(&s);
	check_file(out, "{\"a\":3}\n");
	sink_done(&s);
}

LOOP_TEST(what_was_changed_or_taken_away_does_not_stand)
{
	struct fake_sink s;
	run_once(&s, NULL);
	append_to(out, "{}\n");
	CHECK_INT(sink_stands(&s), 0);
	CHECK_STR(s.err.text, "'out' is not as the last run left it (11 bytes, and it had 8)");
	file_write(out, S("{\"b\":1}\n")); /* as long */
	CHECK_INT(sink_stands(&s), 0);
	file_write(out, S("{\"a\":1}\n")); /* a copy is as good */
	CHECK_INT(sink_stands(&s), 1);
	CHECK_INT(unlink(out), 0);
	CHECK_INT(sink_stands(&s), 0);
	CHECK_STR(s.err.text, "'out' is gone");
	sink_done(&s);
}

LOOP_TEST(a_part_with_other_bytes_is_refused)
{
	struct fake_sink s;
	open_sink(&s, &to_jsonl, NULL, NULL);
	sink_start(&s, true);
	sink_commit(&s, "{\"a\":1}", NULL);
	sink_stop(&s);
	file_write(part, S("{\"b\":1}\n"));
	sink_start(&s, false);
	CHECK_INT(s.err.fault, FAULT_IO);
	CHECK(strstr(s.err.text, "somebody has changed it"));
	sink_done(&s);
}

LOOP_TEST(receipts_of_earlier_versions_are_read)
{
	struct fake_sink s;
	open_sink(&s, &to_jsonl, NULL, NULL);
	file_write(part, S("{\"a\":1}\n{\"torn"));
	CHECK_INT(buf_printf(&s.receipt, "{\"length\":8,\"inode\":1}"), 0);
	sink_start(&s, false);
	CHECK_INT(s.result, 0);
	check_file(part, "{\"a\":1}\n");
	sink_done(&s);
}

LOOP_TEST(append_goes_on_behind_what_is_there)
{
	struct fake_sink s;
	file_write(out, S("old line without end"));
	open_sink(&s, &to_jsonl, "mode=append", NULL);
	CHECK(!s.at.facts.finite_output);
	sink_start(&s, true);
	sink_commit(&s, "{\"a\":1}", NULL);
	check_file(out, "old line without end\n{\"a\":1}\n");
	sink_stop(&s);
	append_to(out, "torn");
	sink_start(&s, false);
	sink_commit(&s, "{\"a\":2}", NULL);
	sink_finish(&s);
	check_file(out, "old line without end\n{\"a\":1}\n{\"a\":2}\n");
	sink_done(&s);
}

LOOP_TEST(new_refuses_what_exists)
{
	struct fake_sink s;
	open_sink(&s, &to_jsonl, "mode=new", NULL);
	sink_start(&s, true);
	CHECK_INT(s.result, 0);
	sink_commit(&s, "{\"a\":1}", NULL);
	file_write(out, S("somebody else's"));
	sink_finish(&s);
	CHECK_INT(s.err.fault, FAULT_CONFIG);
	check_file(out, "somebody else's");
	sink_stop(&s);
	sink_start(&s, true);
	CHECK_INT(s.err.fault, FAULT_CONFIG);
	CHECK(strstr(s.err.text, "exists already"));
	sink_done(&s);
}

LOOP_TEST(two_writers_of_one_file_are_refused)
{
	struct fake_sink a, b;
	open_sink(&a, &to_jsonl, NULL, NULL);
	open_sink(&b, &to_jsonl, NULL, NULL);
	sink_start(&a, true);
	sink_start(&b, true);
	CHECK_INT(b.err.fault, FAULT_CONFIG);
	CHECK(strstr(b.err.text, "being written by another program"));
	sink_done(&b);
	sink_done(&a);
}

LOOP_TEST(places_that_cannot_be_written_say_why)
{
	struct fake_sink s;
	snprintf(out, sizeof(out), "%s/no/such/folder", folder.path);
	open_sink(&s, &to_jsonl, NULL, NULL);
	sink_start(&s, true);
	CHECK_INT(s.err.fault, FAULT_IO);
	CHECK(strstr(s.err.text, "no such file or directory"));
	CHECK(strstr(s.err.text, out));
	sink_done(&s);
	snprintf(out, sizeof(out), "%s", folder.path);
	open_sink(&s, &to_jsonl, NULL, NULL);
	sink_start(&s, true);
	CHECK_INT(s.err.fault, FAULT_CONFIG);
	CHECK(strstr(s.err.text, "is a folder"));
	sink_done(&s);
}

LOOP_TEST(a_device_is_no_file)
{
	struct fake_sink s;
	snprintf(out, sizeof(out), "/dev/full");
	open_sink(&s, &to_jsonl, "mode=append", NULL);
	sink_start(&s, true);
	CHECK_INT(s.err.fault, FAULT_CONFIG);
	CHECK(strstr(s.err.text, "to: stdout"));
	sink_done(&s);
}

/* What a full disk does, by a limit on the size of files. */
LOOP_TEST(a_failed_write_is_io_and_a_resume_mends_it)
{
	struct fake_sink s;
	struct rlimit before;
	CHECK_INT(getrlimit(RLIMIT_FSIZE, &before), 0);
	struct rlimit tight = { 10, before.rlim_max };
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	CHECK_INT(sigaction(SIGXFSZ, &ignore, NULL), 0);
	open_sink(&s, &to_jsonl, NULL, NULL);
	sink_start(&s, true);
	sink_commit(&s, "{\"a\":1}", NULL);
	CHECK_INT(setrlimit(RLIMIT_FSIZE, &tight), 0);
	sink_commit(&s, "{\"a\":2}", NULL);
	CHECK_INT(setrlimit(RLIMIT_FSIZE, &before), 0);
	CHECK_INT(s.result, -1);
	CHECK_INT(s.err.fault, FAULT_IO);
	CHECK(!s.err.whole);
	CHECK(strstr(s.err.text, "file too large"));
	sink_stop(&s);
	sink_start(&s, false);
	sink_commit(&s, "{\"a\":3}", NULL);
	sink_finish(&s);
	check_file(out, "{\"a\":1}\n{\"a\":3}\n");
	sink_done(&s);
}

/* ---- without an end ------------------------------------------------------------------------- */

static void open_endless(struct fake_sink *s)
{
	fake_endless = true;
	open_sink(s, &to_jsonl, NULL, NULL);
}

LOOP_TEST(without_an_end_it_has_its_name_with_its_first_rows)
{
	struct fake_sink s;
	file_write(out, S("old\n"));
	open_endless(&s);
	sink_start(&s, true);
	sink_commit(&s, NULL, NULL);
	check_file(out, "old\n");
	sink_commit(&s, "{\"a\":1}", NULL);
	CHECK_INT(s.result, 0);
	check_file(out, "{\"a\":1}\n");
	check_file(part, NULL);
	sink_commit(&s, "{\"a\":2}", NULL);
	check_file(out, "{\"a\":1}\n{\"a\":2}\n");
	sink_stop(&s);
	append_to(out, "{\"torn");
	sink_start(&s, false);
	CHECK_INT(s.result, 0);
	check_file(out, "{\"a\":1}\n{\"a\":2}\n");
	sink_commit(&s, "{\"a\":3}", NULL);
	check_file(out, "{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n");
	sink_done(&s);
	fake_endless = false;
}

LOOP_TEST(a_crash_behind_the_rename_takes_it_back)
{
	struct fake_sink s;
	AUTO(buf_done) struct buf before = { 0 };
	open_endless(&s);
	sink_start(&s, true);
	CHECK_INT(buf_add(&before, buf_slice(&s.receipt)), 0);
	sink_commit(&s, "{\"a\":1}", NULL);
	check_file(out, "{\"a\":1}\n");
	buf_clear(&s.receipt); /* the newer one was not saved */
	CHECK_INT(buf_add(&s.receipt, buf_slice(&before)), 0);
	sink_stop(&s);
	sink_start(&s, false);
	CHECK_INT(s.result, 0);
	check_file(part, "");
	sink_commit(&s, "{\"a\":1}", NULL);
	check_file(out, "{\"a\":1}\n");
	sink_done(&s);
	fake_endless = false;
}

LOOP_TEST(an_end_is_given_and_taken_away)
{
	struct fake_sink s;
	open_endless(&s);
	sink_start(&s, true);
	sink_commit(&s, "{\"a\":1}", NULL);
	sink_stop(&s);
	append_to(out, "{\"torn");
	fake_endless = false; /* --once */
	sink_start(&s, false);
	CHECK_INT(s.result, 0);
	check_file(part, "{\"a\":1}\n");
	sink_commit(&s, "{\"a\":2}", NULL);
	sink_stop(&s);
	fake_endless = true;
	sink_start(&s, false);
	CHECK_INT(s.result, 0);
	sink_commit(&s, "{\"a\":3}", NULL);
	check_file(out, "{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n");
	check_file(part, NULL);
	sink_done(&s);
	fake_endless = false;
}

LOOP_TEST(what_was_changed_in_the_middle_is_refused)
{
	struct fake_sink s;
	open_endless(&s);
	sink_start(&s, true);
	sink_commit(&s, "{\"a\":1} {\"a\":2}", NULL);
	sink_stop(&s);
	file_write(out, S("{\"a\":7}\n{\"a\":7}\n{\"a\":3}\n"));
	sink_start(&s, false);
	CHECK_INT(s.err.fault, FAULT_IO);
	sink_done(&s);
	fake_endless = false;
}

static const struct test tests[] = {
	T(output_shows_when_it_is_whole),
	T(fields_are_chosen_in_order),
	T(a_resume_cuts_back_to_the_receipt),
	T(the_first_receipt_covers_a_torn_first_commit),
	T(a_stale_part_of_a_finished_run_is_replaced),
	T(a_part_that_was_cut_or_taken_away_is_refused),
	T(a_resume_after_the_rename_loses_nothing),
	T(crashes_after_the_rename_may_repeat),
	T(an_output_that_was_changed_is_not_taken_back),
	T(more_is_added_to_what_a_finished_run_made),
	T(a_stale_part_is_no_part_of_more),
	T(what_new_may_not_overwrite_stays_so_behind_more),
	T(a_replay_adds_to_what_is_there_or_to_nothing),
	T(what_was_changed_or_taken_away_does_not_stand),
	T(a_part_with_other_bytes_is_refused),
	T(receipts_of_earlier_versions_are_read),
	T(append_goes_on_behind_what_is_there),
	T(new_refuses_what_exists),
	T(two_writers_of_one_file_are_refused),
	T(places_that_cannot_be_written_say_why),
	T(a_device_is_no_file),
	T(a_failed_write_is_io_and_a_resume_mends_it),
	T(without_an_end_it_has_its_name_with_its_first_rows),
	T(a_crash_behind_the_rename_takes_it_back),
	T(an_end_is_given_and_taken_away),
	T(what_was_changed_in_the_middle_is_refused),
};

int main(void)
{
	return RUN_TESTS(tests);
}
