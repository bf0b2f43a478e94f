/* text_sink.c - tests of jsonl and csv as sinks: what is written, when it shows, what a resume finds */
#include "fake_engine.h"
#include "base/banned.h"
#include "check.h"
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

static struct folder folder;
static char out[100], part[100];

static void open_sink(struct fake_sink *s, const struct port *port, const char *option,
		      const char *more)
{
	AUTO(buf_done) struct buf verb = { 0 };
	CHECK_INT(buf_printf(&verb, "%s=%s", port->name, out), 0);
	*s = (struct fake_sink){ .port = port };
	fake_site_open(&s->at, port, verb.p, option, more, NULL);
	CHECK_INT(s->at.mistakes, 0);
}

static void check_file(const char *path, const char *want)
{
	AUTO(buf_done) struct buf text = file_read(path);
	if (!want)
		CHECK(!text.p);
	else
		CHECK_SLICE(buf_slice(&text), slice_str(want));
}

static void in_folder(void (*body)(void *))
{
	folder_make(&folder);
	snprintf(out, sizeof(out), "%s/out", folder.path);
	snprintf(part, sizeof(part), "%s/out.part", folder.path);
	in_loop(body, NULL);
	folder_remove(&folder);
}
#define LOOP_TEST(name)                  \
	static void name##_body(void *); \
	TEST(name)                       \
	{                                \
		in_folder(name##_body);  \
	}                                \
	static void name##_body(void *unused __attribute__((unused)))

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
	int fd = open(part, O_WRONLY | O_APPEND | O_CLOEXEC);
	CHECK_INT(write(fd, "{\"torn", 6), 6);
	close(fd);
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
	int fd = open(out, O_WRONLY | O_APPEND | O_CLOEXEC);
	CHECK_INT(write(fd, "theirs\n", 7), 7);
	close(fd);
	sink_start(&s, false);
	CHECK_INT(s.err.fault, FAULT_CONFIG);
	check_file(out, "{\"a\":1}\ntheirs\n");
	check_file(part, NULL);
	sink_done(&s);
}

static void append_to(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	CHECK_INT(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
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

/* What finish adds (a header without rows) is in no receipt. */
LOOP_TEST(an_output_without_rows_stands_and_grows)
{
	struct fake_sink s;
	open_sink(&s, &to_csv, "fields=a", NULL);
	sink_start(&s, true);
	sink_finish(&s);
	check_file(out, "a\n");
	sink_stop(&s);
	CHECK_INT(sink_stands(&s), 1);
	sink_start_more(&s);
	sink_commit(&s, "{\"a\":1}", NULL);
	sink_finish(&s);
	check_file(out, "a\n1\n");
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

/* ---- compressed ---- */

/* By zlib's own reader: the text of all members, or NULL when the file does not end with a whole one. */
static void check_packed(const char *path, const char *want)
{
	AUTO(buf_done) struct buf file = file_read(path);
	static char text[1 << 20];
	z_stream z = { .next_in = (Bytef *)file.p, .avail_in = (unsigned)file.n };
	z.next_out = (Bytef *)text;
	z.avail_out = sizeof(text);
	int r = Z_STREAM_END;
	CHECK(file.n > 0);
	CHECK_INT(inflateInit2(&z, 15 + 16), Z_OK);
	while (z.avail_in > 0 && r == Z_STREAM_END) {
		CHECK_INT(inflateReset(&z), Z_OK);
		r = inflate(&z, Z_FINISH);
	}
	CHECK_INT(r, Z_STREAM_END);
	CHECK_SLICE(((struct slice){ text, sizeof(text) - z.avail_out }), slice_str(want));
	inflateEnd(&z);
}

LOOP_TEST(compressed_it_is_whole_wherever_a_commit_ends)
{
	struct fake_sink s;
	open_sink(&s, &to_csv, "compress=gzip", "level=9");
	sink_start(&s, true);
	sink_commit(&s, "{\"a\":1}", NULL);
	check_packed(part, "a\n1\n");
	sink_commit(&s, NULL, NULL);
	sink_commit(&s, "{\"a\":2} {\"a\":3}", NULL);
	check_packed(part, "a\n1\n2\n3\n");
	sink_stop(&s);
	append_to(part, "\x1f\x8b torn");
	sink_start(&s, false);
	CHECK_INT(s.result, 0);
	check_packed(part, "a\n1\n2\n3\n");
	sink_commit(&s, "{\"b\":4}", NULL);
	CHECK_INT(s.err.fault, FAULT_BAD_VALUE); /* the header is known again */
	sink_commit(&s, "{\"a\":4}", NULL);
	sink_finish(&s);
	check_packed(out, "a\n1\n2\n3\n4\n");
	sink_stop(&s);
	CHECK_INT(sink_stands(&s), 1);
	sink_start_more(&s);
	sink_commit(&s, "{\"a\":5}", NULL);
	sink_finish(&s);
	check_packed(out, "a\n1\n2\n3\n4\n5\n");
	sink_done(&s);
}

LOOP_TEST(compressed_nothing_is_a_gzip_file)
{
	struct fake_sink s;
	open_sink(&s, &to_jsonl, "compress=gzip", NULL);
	sink_start(&s, true);
	sink_finish(&s);
	check_packed(out, "");
	sink_done(&s);
	open_sink(&s, &to_csv, "compress=gzip", "fields=a");
	sink_start(&s, true);
	sink_finish(&s);
	check_packed(out, "a\n");
	sink_stop(&s);
	sink_start(&s, false); /* a crash before it was noted */
	CHECK_INT(s.result, 0);
	sink_commit(&s, "{\"a\":1}", NULL);
	sink_finish(&s);
	check_packed(out, "a\n1\n");
	sink_done(&s);
}

/* Its first piece was compressed already when the bad record was met. */
LOOP_TEST(compressed_a_batch_that_fails_leaves_no_trace)
{
	struct fake_sink s;
	AUTO(buf_done) struct buf batch = { .max = 32 << 20 };
	open_sink(&s, &to_csv, "compress=gzip", "level=1");
	sink_start(&s, true);
	for (int i = 0; i < 5; i++)
		CHECK_INT(buf_printf(&batch, "{\"a\":\"%01000000d\"} ", i), 0);
	CHECK_INT(buf_printf(&batch, "{\"b\":1}"), 0);
	sink_commit(&s, batch.p, NULL);
	CHECK_INT(s.err.fault, FAULT_BAD_VALUE);
	sink_commit(&s, "{\"a\":1}", NULL);
	CHECK_INT(s.result, 0);
	sink_finish(&s);
	check_packed(out, "a\n1\n");
	sink_done(&s);
}

LOOP_TEST(compressed_members_are_appended_behind_whole_ones)
{
	struct fake_sink s;
	AUTO(buf_done) struct buf file = { 0 };
	snprintf(out, sizeof(out), "%s/out.gz", folder.path);
	for (int i = 0; i < 2; i++) {
		open_sink(&s, &to_jsonl, "mode=append", NULL);
		sink_start(&s, true);
		CHECK_INT(s.result, 0);
		sink_commit(&s, i ? "{\"b\":2}" : "{\"a\":1}", NULL);
		sink_finish(&s);
		sink_done(&s);
	}
	check_packed(out, "{\"a\":1}\n{\"b\":2}\n");
	file = file_read(out);
	CHECK_INT(truncate(out, (off_t)file.n - 3), 0);
	open_sink(&s, &to_jsonl, "mode=append", NULL);
	sink_start(&s, true);
	CHECK_INT(s.result, -1);
	CHECK(strstr(s.err.text, "cut off at byte"));
	sink_done(&s);
	file_write(out, S("plain\n"));
	open_sink(&s, &to_jsonl, "mode=append", NULL);
	sink_start(&s, true);
	CHECK_INT(s.err.fault, FAULT_CONFIG);
	CHECK(strstr(s.err.text, "is not gzip"));
	sink_done(&s);
}

LOOP_TEST(zstd_is_not_written)
{
	struct fake_site f;
	fake_site_open(&f, &to_jsonl, "jsonl=out.zst", NULL);
	CHECK_INT(f.mistakes, 1);
	fake_site_done(&f, &to_jsonl);
	fake_site_open(&f, &to_jsonl, "jsonl=out.zst", "compress=none", NULL);
	CHECK_INT(f.mistakes, 0);
	fake_site_done(&f, &to_jsonl);
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
	int fd = open(out, O_WRONLY | O_APPEND | O_CLOEXEC);
	CHECK_INT(write(fd, "torn", 4), 4);
	close(fd);
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

LOOP_TEST(csv_takes_columns_from_the_first_record)
{
	struct fake_sink s;
	open_sink(&s, &to_csv, NULL, NULL);
	sink_start(&s, true);
	sink_commit(&s,
		    "{\"id\":1,\"name\":\"Ann,\\\"B\\\"\",\"tags\":[1,{\"x\":2}],\"ok\":true} "
		    "{\"name\":\"\",\"id\":2.50,\"ok\":null}",
		    NULL);
	CHECK_INT(s.result, 0);
	sink_finish(&s);
	check_file(
		out,
		"id,name,tags,ok\n1,\"Ann,\"\"B\"\"\",\"[1,{\"\"x\"\":2}]\",true\n2.50,\"\",,\n");
	sink_done(&s);
}

LOOP_TEST(csv_refuses_a_field_without_a_column)
{
	struct fake_sink s;
	open_sink(&s, &to_csv, NULL, NULL);
	sink_start(&s, true);
	sink_commit(&s, "{\"id\":1}", NULL);
	sink_commit(&s, "{\"id\":2} {\"id\":3,\"extra\":4}", NULL);
	CHECK_INT(s.result, -1);
	CHECK_INT(s.err.fault, FAULT_BAD_VALUE);
	CHECK(s.err.whole);
	CHECK(strstr(s.err.text, "'extra'"));
	CHECK(strstr(s.err.text, "(id)"));
	sink_commit(&s, "{\"id\":2}", NULL);
	CHECK_INT(s.result, 0);
	sink_finish(&s);
	check_file(out, "id\n1\n2\n");
	sink_done(&s);
}

LOOP_TEST(csv_with_fields_leaves_the_rest_out)
{
	struct fake_sink s;
	open_sink(&s, &to_csv, "fields=b,a", "delimiter=;");
	sink_start(&s, true);
	sink_commit(&s, "{\"a\":1,\"extra\":4,\"b\":\"x;y\"} {}", NULL);
	sink_finish(&s);
	check_file(out, "b;a\n\"x;y\";1\n;\n");
	sink_done(&s);
}

LOOP_TEST(csv_without_records_has_a_header_if_it_can)
{
	struct fake_sink s;
	open_sink(&s, &to_csv, "fields=a,b", NULL);
	sink_start(&s, true);
	sink_finish(&s);
	check_file(out, "a,b\n");
	sink_done(&s);
	open_sink(&s, &to_csv, NULL, NULL);
	sink_start(&s, true);
	sink_finish(&s);
	check_file(out, "");
	sink_done(&s);
}

LOOP_TEST(csv_resumes_with_the_columns_that_stand)
{
	struct fake_sink s;
	open_sink(&s, &to_csv, NULL, NULL);
	sink_start(&s, true);
	sink_commit(&s, "{\"b\":1,\"a\":2}", NULL);
	sink_stop(&s);
	sink_start(&s, false);
	sink_commit(&s, "{\"a\":3,\"b\":4}", NULL);
	CHECK_INT(s.result, 0);
	sink_finish(&s);
	check_file(out, "b,a\n1,2\n4,3\n");
	sink_done(&s);
}

LOOP_TEST(csv_appends_under_the_same_header_only)
{
	struct fake_sink s;
	file_write(out, S("b,a\n1,2\n"));
	open_sink(&s, &to_csv, "mode=append", NULL);
	sink_start(&s, true);
	sink_commit(&s, "{\"a\":3,\"b\":4}", NULL);
	check_file(out, "b,a\n1,2\n4,3\n");
	sink_done(&s);
	open_sink(&s, &to_csv, "mode=append", "fields=a,b");
	sink_start(&s, true);
	CHECK_INT(s.err.fault, FAULT_CONFIG);
	CHECK(strstr(s.err.text, "other columns"));
	sink_done(&s);
}

LOOP_TEST(a_lone_empty_cell_is_not_an_empty_line)
{
	struct fake_sink s;
	open_sink(&s, &to_csv, "fields=a", NULL);
	sink_start(&s, true);
	sink_commit(&s, "{\"a\":null} {\"a\":1}", NULL);
	sink_finish(&s);
	check_file(out, "a\n\"\"\n1\n");
	sink_done(&s);
}

TEST(options_are_checked)
{
	struct fake_site f;
	fake_site_open(&f, &to_csv, "csv=x", "delimiter=ab", "fields=a,b,a", NULL);
	CHECK_INT(f.mistakes, 2);
	CHECK_INT(f.facts.guarantee, TRANSACTIONAL);
	fake_site_done(&f, &to_csv);
}

/* ---- without an end ------------------------------------------------------------------------- */

static void open_endless(struct fake_sink *s)
{
	fake_endless = true;
	open_sink(s, &to_jsonl, NULL, NULL);
}

static void append(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	CHECK_INT(write(fd, text, strlen(text)), strlen(text));
	close(fd);
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
	append(out, "{\"torn");
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
	append(out, "{\"torn");
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
	T(an_output_without_rows_stands_and_grows),
	T(a_part_with_other_bytes_is_refused),
	T(receipts_of_earlier_versions_are_read),
	T(compressed_it_is_whole_wherever_a_commit_ends),
	T(compressed_nothing_is_a_gzip_file),
	T(compressed_a_batch_that_fails_leaves_no_trace),
	T(compressed_members_are_appended_behind_whole_ones),
	T(zstd_is_not_written),
	T(append_goes_on_behind_what_is_there),
	T(new_refuses_what_exists),
	T(two_writers_of_one_file_are_refused),
	T(places_that_cannot_be_written_say_why),
	T(a_device_is_no_file),
	T(a_failed_write_is_io_and_a_resume_mends_it),
	T(csv_takes_columns_from_the_first_record),
	T(csv_refuses_a_field_without_a_column),
	T(csv_with_fields_leaves_the_rest_out),
	T(csv_without_records_has_a_header_if_it_can),
	T(csv_resumes_with_the_columns_that_stand),
	T(csv_appends_under_the_same_header_only),
	T(a_lone_empty_cell_is_not_an_empty_line),
	T(options_are_checked),
	T(without_an_end_it_has_its_name_with_its_first_rows),
	T(a_crash_behind_the_rename_takes_it_back),
	T(an_end_is_given_and_taken_away),
	T(what_was_changed_in_the_middle_is_refused),
};

int main(void)
{
	return RUN_TESTS(tests);
}
