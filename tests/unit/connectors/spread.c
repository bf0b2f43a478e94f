/* spread.c - tests of outputs of many files: names from records, rotation, what a resume finds, what is nobody's */
#include "fake_engine.h"
#include "base/banned.h"
#include "check.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

static struct folder folder;

static void open_sink(struct fake_sink *s, const struct port *port, const char *name,
		      const char *option, const char *more)
{
	AUTO(buf_done) struct buf verb = { 0 };
	CHECK_INT(buf_printf(&verb, "%s=%s/%s", port->name, folder.path, name), 0);
	*s = (struct fake_sink){ .port = port };
	fake_site_open(&s->at, port, verb.p, option, option ? more : NULL, NULL);
	CHECK_INT(s->at.mistakes, 0);
}

static void check_file(const char *name, const char *want)
{
	AUTO(buf_done) struct buf text = file_read(folder_file(&folder, name));
	if (!want)
		CHECK(!text.p);
	else
		CHECK_SLICE(buf_slice(&text), slice_str(want));
}

/* Files of the folder, not counting folders and the manifests. */
static size_t count_files(void)
{
	size_t n = 0;
	DIR *dir = opendir(folder.path);
	ASSERT(dir);
	for (struct dirent *e; (e = readdir(dir));)
		n += e->d_type == DT_REG && strncmp(e->d_name, ".hocket", 7) != 0;
	closedir(dir);
	return n;
}

static size_t count_manifests(void)
{
	size_t n = 0;
	DIR *dir = opendir(folder.path);
	ASSERT(dir);
	for (struct dirent *e; (e = readdir(dir));)
		n += strncmp(e->d_name, ".hocket", 7) == 0;
	closedir(dir);
	return n;
}

static void append_to(const char *name, const char *text)
{
	int fd = open(folder_file(&folder, name), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
	CHECK_INT(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static void check_told(const struct fake_sink *s, const char *words)
{
	CHECK(strstr(s->err.text, words));
}

static void in_folder(void (*body)(void *))
{
	folder_make(&folder);
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

#define DAYS "\\(.d).jsonl"
#define A1   "{\"d\":\"a\",\"n\":1}"
#define A2   "{\"d\":\"a\",\"n\":2}"
#define A3   "{\"d\":\"a\",\"n\":3}"
#define B1   "{\"d\":\"b\",\"n\":1}"
#define B2   "{\"d\":\"b\",\"n\":2}"
#define C1   "{\"d\":\"c\",\"n\":1}"

/* ---- names ----------------------------------------------------------------------------------- */

LOOP_TEST(each_record_finds_its_file)
{
	struct fake_sink s;
	open_sink(&s, &to_jsonl, "out/\\(.d)/x.jsonl", NULL, NULL);
	sink_start(&s, true);
	CHECK_INT(s.result, 0);
	sink_commit(&s, A1 " " B1 " " A2, NULL);
	CHECK_INT(s.result, 0);
	check_file("out/a/x.jsonl.part", A1 "\n" A2 "\n");
	check_file("out/a/x.jsonl", NULL);
	sink_commit(&s, B2 " " A3, NULL);
	sink_finish(&s);
	CHECK_INT(s.result, 0);
	check_file("out/a/x.jsonl", A1 "\n" A2 "\n" A3 "\n");
	check_file("out/b/x.jsonl", B1 "\n" B2 "\n");
	check_file("out/a/x.jsonl.part", NULL);
	sink_done(&s);
}

LOOP_TEST(names_stay_beneath_their_folder)
{
	static const char *const bad[] = { "..",     ".",         "../x",  "a/../../x", "/etc/x",
					   "a//b",   "",          "a/",    "\\u0000",   "a\\nb",
					   "x.part", ".hocket-1", "a/./b", "/" };
	struct fake_sink s;
	char record[400], longest[300];
	open_sink(&s, &to_jsonl, "out/\\(.d)", NULL, NULL);
	sink_start(&s, true);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		snprintf(record, sizeof(record), A1 " {\"d\":\"%s\"}", bad[i]);
		sink_commit(&s, record, NULL);
		CHECK_INT(s.result, -1);
		CHECK_INT(s.err.fault, FAULT_BAD_VALUE);
		CHECK_INT(s.err.row, 2);
	}
	memset(longest, 'x', sizeof(longest));
	longest[256] = 0;
	snprintf(record, sizeof(record), "{\"d\":\"%s\"}", longest);
	sink_commit(&s, record, NULL);
	CHECK_INT(s.err.fault, FAULT_BAD_VALUE);
	CHECK_INT(s.err.row, 1);
	sink_commit(&s, A1, NULL);
	sink_finish(&s);
	check_file("out/a", A1 "\n");
	sink_done(&s);
}

LOOP_TEST(a_link_does_not_lead_out)
{
	struct fake_sink s;
	CHECK_INT(mkdir(folder_file(&folder, "out"), 0777), 0);
	CHECK_INT(symlink("/tmp", folder_file(&folder, "out/link")), 0);
	open_sink(&s, &to_jsonl, "out/\\(.d)", NULL, NULL);
	sink_start(&s, true);
	sink_commit(&s, A1 " {\"d\":\"link/x\"}", NULL);
	CHECK_INT(s.err.fault, FAULT_BAD_VALUE);
	CHECK_INT(s.err.row, 2);
	sink_done(&s);
}

LOOP_TEST(a_file_and_its_folder_cannot_have_one_name)
{
	struct fake_sink s;
	open_sink(&s, &to_jsonl, "out/\\(.d)", NULL, NULL);
	sink_start(&s, true);
	sink_commit(&s, A1, NULL);
	sink_commit(&s, "{\"d\":\"a/b\"}", NULL);
	CHECK_INT(s.err.fault, FAULT_BAD_VALUE);
	sink_commit(&s, "{\"d\":\"f/g\"}", NULL);
	CHECK_INT(s.result, 0);
	sink_commit(&s, "{\"d\":\"f\"}", NULL);
	CHECK_INT(s.err.fault, FAULT_BAD_VALUE);
	sink_finish(&s);
	CHECK_INT(s.result, 0);
	check_file("out/a", A1 "\n");
	check_file("out/f/g", "{\"d\":\"f/g\"}\n");
	sink_done(&s);
}

/* ---- resume ---------------------------------------------------------------------------------- */

LOOP_TEST(a_resume_cuts_each_part_back)
{
	struct fake_sink s;
	open_sink(&s, &to_jsonl, DAYS, NULL, NULL);
	sink_start(&s, true);
	sink_commit(&s, A1 " " B1, NULL);
	AUTO(buf_done) struct buf receipt = { 0 };
	CHECK_INT(buf_add(&receipt, buf_slice(&s.receipt)), 0);
	sink_commit(&s, A2 " " C1, NULL); /* its receipt is lost */
	sink_stop(&s);
	buf_done(&s.receipt);
	s.receipt = buf_take(&receipt);
	append_to("b.jsonl.part", "{\"torn");
	append_to("other.jsonl.part", "not ours");
	sink_start(&s, false);
	CHECK_INT(s.result, 0);
	check_file("a.jsonl.part", A1 "\n");
	check_file("b.jsonl.part", B1 "\n");
	check_file("c.jsonl.part", NULL);
	check_file("other.jsonl.part", "not ours");
	sink_commit(&s, A2 " " C1, NULL);
	CHECK_INT(s.result, 0);
	sink_finish(&s);
	check_file("a.jsonl", A1 "\n" A2 "\n");
	check_file("b.jsonl", B1 "\n");
	check_file("c.jsonl", C1 "\n");
	CHECK_INT(count_files(), 4);
	CHECK_INT(count_manifests(), 1);
	sink_done(&s);
}

LOOP_TEST(a_finish_that_was_cut_off_is_finished)
{
	struct fake_sink s;
	open_sink(&s, &to_jsonl, DAYS, NULL, NULL);
	sink_start(&s, true);
	sink_commit(&s, A1 " " B1 " " C1, NULL);
	sink_stop(&s);
	CHECK_INT(rename(folder_file(&folder, "b.jsonl.part"), folder_file(&folder, "b.jsonl")), 0);
	sink_start(&s, false);
	CHECK_INT(s.result, 0);
	sink_commit(&s, B2, NULL);
	sink_stop(&s);
	CHECK_INT(rename(folder_file(&folder, "a.jsonl.part"), folder_file(&folder, "a.jsonl")), 0);
	sink_start(&s, false);
	sink_finish(&s);
	CHECK_INT(s.result, 0);
	check_file("a.jsonl", A1 "\n");
	check_file("b.jsonl", B1 "\n" B2 "\n");
	check_file("c.jsonl", C1 "\n");
	sink_done(&s);
}

LOOP_TEST(what_somebody_changed_is_refused)
{
	struct fake_sink s;
	open_sink(&s, &to_jsonl, DAYS, NULL, NULL);
	sink_start(&s, true);
	sink_commit(&s, A1, NULL);
	sink_stop(&s);
	file_write(folder_file(&folder, "a.jsonl.part"), S("{}\n"));
	sink_start(&s, false);
	CHECK_INT(s.result, -1);
	check_told(&s, "shorter");
	sink_stop(&s);
	file_write(folder_file(&folder, "a.jsonl.part"), S("{\"d\":\"a\",\"n\":9}\n"));
	sink_start(&s, false);
	check_told(&s, "somebody has changed it");
	sink_stop(&s);
	CHECK_INT(unlink(folder_file(&folder, "a.jsonl.part")), 0);
	sink_start(&s, false);
	check_told(&s, "is gone");
	sink_done(&s);
}

LOOP_TEST(a_foreign_part_is_not_touched)
{
	struct fake_sink s;
	file_write(folder_file(&folder, "a.jsonl.part"), S("theirs"));
	open_sink(&s, &to_jsonl, DAYS, NULL, NULL);
	sink_start(&s, true);
	sink_commit(&s, A1, NULL);
	CHECK_INT(s.result, -1);
	CHECK_INT(s.err.fault, FAULT_CONFIG);
	check_told(&s, "move it away");
	check_file("a.jsonl.part", "theirs");
	sink_done(&s);
}

LOOP_TEST(starting_over_removes_what_was_abandoned)
{
	struct fake_sink s;
	open_sink(&s, &to_jsonl, DAYS, NULL, NULL);
	sink_start(&s, true);
	sink_commit(&s, A1 " " B1, NULL);
	sink_stop(&s);
	sink_start(&s, true);
	CHECK_INT(s.result, 0);
	CHECK_INT(count_files(), 0);
	sink_commit(&s, A2, NULL);
	sink_finish(&s);
	check_file("a.jsonl", A2 "\n");
	CHECK_INT(count_files(), 1);
	sink_done(&s);
}

LOOP_TEST(one_program_writes_at_a_time)
{
	struct fake_sink s, other;
	open_sink(&s, &to_jsonl, DAYS, NULL, NULL);
	open_sink(&other, &to_jsonl, DAYS, NULL, NULL);
	sink_start(&s, true);
	sink_start(&other, true);
	CHECK_INT(other.result, -1);
	check_told(&other, "another program");
	sink_done(&other);
	sink_done(&s);
}

/* ---- modes ----------------------------------------------------------------------------------- */

LOOP_TEST(appending_goes_on_at_each_end)
{
	struct fake_sink s;
	file_write(folder_file(&folder, "a.jsonl"), S("old")); /* without an end */
	open_sink(&s, &to_jsonl, DAYS, "mode=append", NULL);
	sink_start(&s, true);
	sink_commit(&s, A1 " " B1, NULL);
	check_file("a.jsonl", "old\n" A1 "\n");
	AUTO(buf_done) struct buf receipt = { 0 };
	CHECK_INT(buf_add(&receipt, buf_slice(&s.receipt)), 0);
	sink_commit(&s, A2 " " C1, NULL);
	sink_stop(&s);
	buf_done(&s.receipt);
	s.receipt = buf_take(&receipt);
	sink_start(&s, false);
	CHECK_INT(s.result, 0);
	check_file("a.jsonl", "old\n" A1 "\n");
	check_file("c.jsonl", NULL);
	sink_commit(&s, A2 " " C1, NULL);
	sink_finish(&s);
	check_file("a.jsonl", "old\n" A1 "\n" A2 "\n");
	check_file("c.jsonl", C1 "\n");
	sink_done(&s);
}

LOOP_TEST(a_torn_first_append_is_cut_off)
{
	struct fake_sink s;
	file_write(folder_file(&folder, "a.jsonl"), S("old\n"));
	open_sink(&s, &to_jsonl, DAYS, "mode=append", NULL);
	sink_start(&s, true);
	AUTO(buf_done) struct buf receipt = { 0 };
	CHECK_INT(buf_add(&receipt, buf_slice(&s.receipt)), 0);
	sink_commit(&s, A1 " " B1, NULL);
	sink_stop(&s);
	buf_done(&s.receipt);
	s.receipt = buf_take(&receipt);
	sink_start(&s, false);
	check_file("a.jsonl", "old\n");
	check_file("b.jsonl", NULL);
	sink_done(&s);
}

LOOP_TEST(new_refuses_a_file_that_is_there)
{
	struct fake_sink s;
	file_write(folder_file(&folder, "b.jsonl"), S("old\n"));
	open_sink(&s, &to_jsonl, DAYS, "mode=new", NULL);
	sink_start(&s, true);
	sink_commit(&s, A1, NULL);
	CHECK_INT(s.result, 0);
	sink_commit(&s, B1, NULL);
	CHECK_INT(s.err.fault, FAULT_CONFIG);
	check_told(&s, "exists already");
	check_file("b.jsonl", "old\n");
	sink_done(&s);
}

LOOP_TEST(a_finished_output_is_added_to_in_copies)
{
	struct fake_sink s;
	open_sink(&s, &to_jsonl, DAYS, NULL, NULL);
	sink_start(&s, true);
	sink_commit(&s, A1 " " B1, NULL);
	sink_finish(&s);
	sink_stop(&s);
	CHECK_INT(sink_stands(&s), 1);
	sink_start_more(&s);
	CHECK_INT(s.result, 0);
	AUTO(buf_done) struct buf receipt = { 0 };
	CHECK_INT(buf_add(&receipt, buf_slice(&s.receipt)), 0);
	sink_commit(&s, A2 " " C1, NULL);
	CHECK_INT(s.result, 0);
	check_file("a.jsonl", A1 "\n");
	check_file("a.jsonl.part", A1 "\n" A2 "\n");
	check_file("b.jsonl.part", NULL);
	sink_stop(&s); /* killed, and the commit's receipt lost */
	buf_done(&s.receipt);
	s.receipt = buf_take(&receipt);
	sink_start(&s, false);
	CHECK_INT(s.result, 0);
	check_file("a.jsonl.part", NULL);
	sink_commit(&s, A2 " " C1, NULL);
	sink_finish(&s);
	CHECK_INT(s.result, 0);
	check_file("a.jsonl", A1 "\n" A2 "\n");
	check_file("b.jsonl", B1 "\n");
	check_file("c.jsonl", C1 "\n");
	sink_stop(&s);
	CHECK_INT(sink_stands(&s), 1);
	append_to("b.jsonl", "x");
	CHECK_INT(sink_stands(&s), 0);
	check_told(&s, "'b.jsonl' is not as the last run left it");
	CHECK_INT(unlink(folder_file(&folder, "b.jsonl")), 0);
	CHECK_INT(sink_stands(&s), 0);
	check_told(&s, "'b.jsonl' is gone");
	sink_done(&s);
}

LOOP_TEST(a_replay_adds_to_what_is_there)
{
	struct fake_sink s;
	file_write(folder_file(&folder, "a.jsonl"), S("old\n"));
	open_sink(&s, &to_jsonl, DAYS, NULL, NULL);
	sink_start_more(&s);
	CHECK_INT(s.result, 0);
	sink_commit(&s, A1 " " B1, NULL);
	sink_finish(&s);
	CHECK_INT(s.result, 0);
	check_file("a.jsonl", "old\n" A1 "\n");
	check_file("b.jsonl", B1 "\n");
	sink_done(&s);
}

/* ---- rotation -------------------------------------------------------------------------------- */

LOOP_TEST(files_hold_so_many_rows)
{
	struct fake_sink s;
	open_sink(&s, &to_jsonl, "out.jsonl", "rotate.rows=2", NULL);
	sink_start(&s, true);
	sink_commit(&s, A1 " " A2 " " A3, NULL);
	sink_commit(&s, B1 " " B2, NULL);
	CHECK_INT(s.result, 0);
	check_file("out-00001.jsonl", NULL);
	sink_finish(&s);
	CHECK_INT(s.result, 0);
	check_file("out-00001.jsonl", A1 "\n" A2 "\n");
	check_file("out-00002.jsonl", A3 "\n" B1 "\n");
	check_file("out-00003.jsonl", B2 "\n");
	CHECK_INT(count_files(), 3);
	sink_done(&s);
}

LOOP_TEST(the_row_that_reaches_the_size_is_the_last)
{
	struct fake_sink s;
	open_sink(&s, &to_jsonl, "\\(.d).jsonl", "rotate.bytes=20B", NULL);
	sink_start(&s, true);
	sink_commit(&s, A1 " " B1 " " A2 " " A3, NULL); /* 16 bytes each */
	sink_finish(&s);
	CHECK_INT(s.result, 0);
	check_file("a-00001.jsonl", A1 "\n" A2 "\n");
	check_file("a-00002.jsonl", A3 "\n");
	check_file("b-00001.jsonl", B1 "\n");
	sink_done(&s);
}

LOOP_TEST(a_resume_rotates_where_it_would_have)
{
	struct fake_sink s;
	open_sink(&s, &to_jsonl, "out.jsonl", "rotate.rows=2", NULL);
	sink_start(&s, true);
	sink_commit(&s, A1, NULL);
	AUTO(buf_done) struct buf receipt = { 0 };
	CHECK_INT(buf_add(&receipt, buf_slice(&s.receipt)), 0);
	sink_commit(&s, A2 " " A3 " " B1 " " B2, NULL);
	sink_stop(&s);
	buf_done(&s.receipt);
	s.receipt = buf_take(&receipt);
	sink_start(&s, false);
	CHECK_INT(count_files(), 1);
	sink_commit(&s, A2 " " A3, NULL);
	sink_stop(&s);
	sink_start(&s, false);
	sink_commit(&s, B1 " " B2, NULL);
	sink_finish(&s);
	check_file("out-00001.jsonl", A1 "\n" A2 "\n");
	check_file("out-00002.jsonl", A3 "\n" B1 "\n");
	check_file("out-00003.jsonl", B2 "\n");
	CHECK_INT(count_files(), 3);
	sink_done(&s);
}

LOOP_TEST(an_appending_rotation_goes_on_behind_the_highest_number)
{
	struct fake_sink s;
	file_write(folder_file(&folder, "out-00007.jsonl"), S("old\n"));
	open_sink(&s, &to_jsonl, "out.jsonl", "rotate.rows=1", "mode=append");
	sink_start(&s, true);
	sink_commit(&s, A1 " " A2, NULL);
	check_file("out-00008.jsonl.part", A1 "\n");
	CHECK_INT(s.result, 0);
	sink_commit(&s, A3, NULL); /* the receipt of the first is saved: full files are published */
	check_file("out-00008.jsonl", A1 "\n");
	check_file("out-00008.jsonl.part", NULL);
	check_file("out-00009.jsonl", A2 "\n");
	check_file("out-00010.jsonl", NULL);
	CHECK_INT(unlink(folder_file(&folder, "out-00008.jsonl")),
		  0); /* taken by whoever waits for it */
	sink_stop(&s);
	sink_start(&s, false);
	CHECK_INT(s.result, 0);
	sink_finish(&s);
	CHECK_INT(s.result, 0);
	check_file("out-00010.jsonl", A3 "\n");
	CHECK_INT(count_files(), 3);
	sink_done(&s);
}

LOOP_TEST(a_shorter_series_leaves_nothing_of_the_longer_one)
{
	struct fake_sink s;
	open_sink(&s, &to_jsonl, "out.jsonl", "rotate.rows=1", NULL);
	file_write(folder_file(&folder, "out-00009.jsonl"), S("theirs\n"));
	sink_start(&s, true);
	sink_commit(&s, A1 " " A2 " " A3, NULL);
	sink_finish(&s);
	CHECK_INT(count_files(), 4);
	sink_stop(&s);
	sink_start(&s, true);
	sink_commit(&s, B1, NULL);
	check_file("out-00003.jsonl", A3 "\n");
	sink_finish(&s);
	CHECK_INT(s.result, 0);
	check_file("out-00001.jsonl", B1 "\n");
	check_file("out-00002.jsonl", NULL);
	check_file("out-00003.jsonl", NULL);
	check_file("out-00009.jsonl", "theirs\n");
	sink_done(&s);
}

LOOP_TEST(a_grown_input_fills_the_last_file)
{
	struct fake_sink s;
	open_sink(&s, &to_jsonl, "out.jsonl", "rotate.rows=2", NULL);
	sink_start(&s, true);
	sink_commit(&s, A1 " " A2 " " A3, NULL);
	sink_finish(&s);
	sink_stop(&s);
	sink_start_more(&s);
	sink_commit(&s, B1 " " B2, NULL);
	sink_finish(&s);
	CHECK_INT(s.result, 0);
	check_file("out-00002.jsonl", A3 "\n" B1 "\n");
	check_file("out-00003.jsonl", B2 "\n");
	CHECK_INT(count_files(), 3);
	sink_done(&s);
}

LOOP_TEST(no_rows_leave_one_empty_file)
{
	struct fake_sink s;
	open_sink(&s, &to_csv, "out.csv", "rotate.rows=2", "fields=n,d");
	sink_start(&s, true);
	sink_finish(&s);
	CHECK_INT(s.result, 0);
	check_file("out-00001.csv", "n,d\n");
	sink_done(&s);
}

/* ---- CSV, gzip ------------------------------------------------------------------------------- */

LOOP_TEST(all_csv_files_have_the_same_columns)
{
	struct fake_sink s;
	open_sink(&s, &to_csv, "\\(.d).csv", NULL, NULL);
	sink_start(&s, true);
	sink_commit(&s, A1, NULL);
	sink_stop(&s);
	sink_start(&s, false);
	sink_commit(&s, "{\"n\":1,\"d\":\"b\"}", NULL);
	CHECK_INT(s.result, 0);
	sink_commit(&s, "{\"d\":\"b\",\"x\":1}", NULL);
	CHECK_INT(s.err.fault, FAULT_BAD_VALUE);
	CHECK_INT(s.err.row, 1);
	sink_finish(&s);
	check_file("a.csv", "d,n\na,1\n");
	check_file("b.csv", "d,n\nb,1\n");
	sink_done(&s);
}

LOOP_TEST(appended_csv_must_have_the_columns)
{
	struct fake_sink s;
	file_write(folder_file(&folder, "a.csv"), S("n,d\n5,x\n"));
	file_write(folder_file(&folder, "b.csv"), S("other\n5\n"));
	open_sink(&s, &to_csv, "\\(.d).csv", "mode=append", NULL);
	sink_start(&s, true);
	sink_commit(&s, A1, NULL);
	CHECK_INT(s.result, 0);
	check_file("a.csv", "n,d\n5,x\n1,a\n");
	sink_commit(&s, B1, NULL);
	CHECK_INT(s.err.fault, FAULT_CONFIG);
	check_told(&s, "other columns");
	check_file("b.csv", "other\n5\n");
	sink_done(&s);
}

LOOP_TEST(each_file_is_a_whole_gzip_file)
{
	char line[64] = "";
	struct fake_sink s;
	open_sink(&s, &to_jsonl, "\\(.d).jsonl.gz", "rotate.rows=2", NULL);
	sink_start(&s, true);
	sink_commit(&s, A1 " " B1 " " A2 " " A3, NULL);
	sink_commit(&s, B2, NULL);
	sink_finish(&s);
	CHECK_INT(s.result, 0);
	gzFile f = gzopen(folder_file(&folder, "b-00001.jsonl.gz"), "rb");
	CHECK_STR(gzgets(f, line, sizeof(line)), B1 "\n");
	CHECK_STR(gzgets(f, line, sizeof(line)), B2 "\n");
	CHECK(!gzgets(f, line, sizeof(line)));
	CHECK_INT(gzclose(f), Z_OK);
	CHECK(file_exists(folder_file(&folder, "a-00002.jsonl.gz")));
	sink_done(&s);
}

/* ---- many ------------------------------------------------------------------------------------ */

static void commit_days(struct fake_sink *s, int from, int n, int day)
{
	AUTO(buf_done) struct buf text = { 0 };
	for (int i = 0; i < n; i++)
		CHECK_INT(buf_printf(&text, "%s{\"d\":%d,\"n\":%d}", i ? " " : "", from + i, day),
			  0);
	sink_commit(s, text.p, NULL);
	CHECK_INT(s->result, 0);
}

LOOP_TEST(many_parts_share_few_descriptors)
{
	enum { MANY = 600 };
	struct fake_sink s;
	char want[64];
	open_sink(&s, &to_jsonl, DAYS, NULL, NULL);
	sink_start(&s, true);
	struct rlimit was, few = { 180, 180 };
	CHECK_INT(getrlimit(RLIMIT_NOFILE, &was), 0);
	few.rlim_max = was.rlim_max;
	CHECK_INT(setrlimit(RLIMIT_NOFILE, &few), 0);
	for (int day = 0; day < 2; day++)
		for (int i = 0; i < MANY; i += 60)
			commit_days(&s, i, 60, day);
	size_t receipt = s.receipt.n;
	sink_stop(&s);
	sink_start(&s, false);
	CHECK_INT(s.result, 0);
	sink_finish(&s);
	CHECK_INT(s.result, 0);
	CHECK_INT(setrlimit(RLIMIT_NOFILE, &was), 0);
	CHECK_INT(count_files(), MANY);
	CHECK(receipt < 120); /* whatever their number */
	for (int i = 0; i < MANY; i += 97) {
		char name[32];
		snprintf(name, sizeof(name), "%d.jsonl", i);
		snprintf(want, sizeof(want), "{\"d\":%d,\"n\":0}\n{\"d\":%d,\"n\":1}\n", i, i);
		check_file(name, want);
	}
	sink_done(&s);
}

LOOP_TEST(a_full_disk_leaves_what_is_committed)
{
	struct fake_sink s;
	struct rlimit was, small;
	open_sink(&s, &to_jsonl, DAYS, NULL, NULL);
	sink_start(&s, true);
	sink_commit(&s, A1, NULL);
	CHECK_INT(getrlimit(RLIMIT_FSIZE, &was), 0);
	small = (struct rlimit){ 20, was.rlim_max };
	CHECK_INT(sigaction(SIGXFSZ, &(struct sigaction){ .sa_handler = SIG_IGN }, NULL), 0);
	CHECK_INT(setrlimit(RLIMIT_FSIZE, &small), 0);
	sink_commit(&s, A2 " " A3, NULL);
	CHECK_INT(setrlimit(RLIMIT_FSIZE, &was), 0);
	CHECK_INT(s.result, -1);
	CHECK_INT(s.err.fault, FAULT_IO);
	sink_stop(&s);
	sink_start(&s, false);
	check_file("a.jsonl.part", A1 "\n");
	sink_done(&s);
}

LOOP_TEST(a_failed_round_leaves_no_trace)
{
	struct fake_sink s;
	open_sink(&s, &to_jsonl, DAYS, NULL, NULL);
	sink_start(&s, true);
	sink_commit(&s, A1 " " B1 " {\"d\":\"../x\"}", NULL);
	CHECK_INT(s.result, -1);
	sink_commit(&s, A1, NULL);
	CHECK_INT(s.result, 0);
	sink_finish(&s);
	check_file("a.jsonl", A1 "\n");
	CHECK_INT(count_files(), 1);
	sink_done(&s);
}

static const struct test tests[] = {
	T(each_record_finds_its_file),
	T(names_stay_beneath_their_folder),
	T(a_link_does_not_lead_out),
	T(a_file_and_its_folder_cannot_have_one_name),
	T(a_resume_cuts_each_part_back),
	T(a_finish_that_was_cut_off_is_finished),
	T(what_somebody_changed_is_refused),
	T(a_foreign_part_is_not_touched),
	T(starting_over_removes_what_was_abandoned),
	T(one_program_writes_at_a_time),
	T(appending_goes_on_at_each_end),
	T(a_torn_first_append_is_cut_off),
	T(new_refuses_a_file_that_is_there),
	T(a_finished_output_is_added_to_in_copies),
	T(a_replay_adds_to_what_is_there),
	T(files_hold_so_many_rows),
	T(the_row_that_reaches_the_size_is_the_last),
	T(a_resume_rotates_where_it_would_have),
	T(an_appending_rotation_goes_on_behind_the_highest_number),
	T(a_shorter_series_leaves_nothing_of_the_longer_one),
	T(a_grown_input_fills_the_last_file),
	T(no_rows_leave_one_empty_file),
	T(all_csv_files_have_the_same_columns),
	T(appended_csv_must_have_the_columns),
	T(each_file_is_a_whole_gzip_file),
	T(many_parts_share_few_descriptors),
	T(a_full_disk_leaves_what_is_committed),
	T(a_failed_round_leaves_no_trace),
};

int main(void)
{
	return RUN_TESTS(tests);
}
