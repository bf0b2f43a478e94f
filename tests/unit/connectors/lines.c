/* lines.c - tests of jsonl and lines as sources: what a line is, what a bad one costs, where a resume goes on */
#include "fake_engine.h"
#include "base/banned.h"
#include "check.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

struct reading {
	const struct port *port;
	const char *path, *max_line;
	struct intake in;
	struct err err;
	int result;
};

static void read_it(void *arg)
{
	struct reading *r = arg;
	struct fake_site f;
	AUTO(freep) char *verb = NULL;
	AUTO(freep) char *most = NULL;
	AUTO(buf_done) struct buf text = { 0 };
	CHECK_INT(buf_printf(&text, "%s=%s", r->port->name, r->path), 0);
	verb = xstrndup(text.p, text.n);
	buf_clear(&text);
	CHECK_INT(buf_printf(&text, "max_line=%s", r->max_line ? r->max_line : "64MB"), 0);
	most = xstrndup(text.p, text.n);
	fake_site_open(&f, r->port, verb, most, NULL);
	r->err = (struct err){ 0 };
	r->result = r->port->open(&f.site, &r->err);
	if (r->result == 0)
		r->result = r->port->run(&f.site, &r->in, &r->err);
	fake_site_done(&f, r->port);
}

static void read_file(struct reading *r, const struct port *port, const char *path)
{
	r->port = port;
	r->path = path;
	in_loop(read_it, r);
}

static void read_text(struct reading *r, const struct port *port, struct slice text)
{
	struct folder folder;
	folder_make(&folder);
	const char *path = folder_file(&folder, "in");
	file_write(path, text);
	read_file(r, port, path);
	folder_remove(&folder);
}

TEST(jsonl_gives_each_line_as_it_stands)
{
	struct reading r = { 0 };
	read_text(&r, &from_jsonl, S("{\"a\": 1.10}\n{\"b\":12345678901234567890}\n"));
	CHECK_INT(r.result, 0);
	CHECK_INT(r.in.n, 2);
	CHECK_STR(r.in.v[0].json, "{\"a\": 1.10}");
	CHECK_STR(r.in.v[1].json, "{\"b\":12345678901234567890}");
	CHECK(!r.in.v[0].checked);
	CHECK_INT(r.in.v[0].line, 1);
	CHECK_INT(r.in.v[0].offset, 12);
	CHECK_INT(r.in.v[1].offset, 39);
	intake_done(&r.in);
}

TEST(jsonl_tolerates_bom_crlf_blank_lines_and_no_end)
{
	struct reading r = { 0 };
	read_text(&r, &from_jsonl,
		  S("\xef\xbb\xbf{\"a\":1}\r\n\r\n   \n  {\"a\":2} \n\n{\"a\":3}"));
	CHECK_INT(r.in.n, 3);
	CHECK_STR(r.in.v[0].json, "{\"a\":1}");
	CHECK_STR(r.in.v[1].json, "{\"a\":2}");
	CHECK_STR(r.in.v[2].json, "{\"a\":3}");
	CHECK_INT(r.in.v[1].line, 4);
	CHECK_INT(r.in.v[2].line, 6);
	intake_done(&r.in);
}

TEST(an_empty_file_has_no_records)
{
	struct reading r = { 0 };
	read_text(&r, &from_jsonl, S(""));
	CHECK_INT(r.result, 0);
	CHECK_INT(r.in.n, 0);
	intake_done(&r.in);
	read_text(&r, &from_lines, S(""));
	CHECK_INT(r.in.n, 0);
	intake_done(&r.in);
}

TEST(a_bad_line_is_admitted_and_reading_goes_on)
{
	struct reading r = { 0 };
	read_text(&r, &from_jsonl, S("{\"a\":1}\n{\"a\":\n{\"a\":3}\n"));
	CHECK_INT(r.in.n, 3);
	CHECK_INT(r.in.v[1].fault.fault, FAULT_INVALID_JSON);
	CHECK_INT(r.in.v[1].line, 2);
	CHECK_INT(r.in.v[2].fault.fault, FAULT_NONE);
	intake_done(&r.in);
}

TEST(a_line_above_max_line_is_dead_and_not_held)
{
	struct reading r = { .max_line = "1000" };
	AUTO(buf_done) struct buf text = { 0 };
	CHECK_INT(buf_add(&text, S("{\"a\":1}\n")), 0);
	for (int i = 0; i < 700000; i++)
		CHECK_INT(buf_add_char(&text, 'x'), 0);
	CHECK_INT(buf_add(&text, S("\n{\"a\":3}\n")), 0);
	for (int i = 0; i < 1001; i++)
		CHECK_INT(buf_add_char(&text, 'y'), 0);
	CHECK_INT(buf_add(&text, S("\n{\"a\":5}\n")), 0);
	read_text(&r, &from_jsonl, buf_slice(&text));
	CHECK_INT(r.result, 0);
	CHECK_INT(r.in.n, 5);
	CHECK_INT(r.in.v[1].fault.fault, FAULT_TOO_LARGE);
	CHECK(strstr(r.in.v[1].fault.text, ":2: "));
	CHECK(strlen(r.in.v[1].json) < 5000 && strlen(r.in.v[1].json) > 900);
	CHECK_STR(r.in.v[2].json, "{\"a\":3}");
	CHECK_INT(r.in.v[3].fault.fault, FAULT_TOO_LARGE);
	CHECK_STR(r.in.v[4].json, "{\"a\":5}");
	CHECK_INT(r.in.v[4].line, 5);
	CHECK_INT(r.in.v[4].offset, text.n);
	intake_done(&r.in);
}

TEST(an_endless_last_line_is_dead_too)
{
	struct reading r = { .max_line = "100" };
	AUTO(buf_done) struct buf text = { 0 };
	for (int i = 0; i < 300000; i++)
		CHECK_INT(buf_add_char(&text, 'x'), 0);
	read_text(&r, &from_jsonl, buf_slice(&text));
	CHECK_INT(r.in.n, 1);
	CHECK_INT(r.in.v[0].fault.fault, FAULT_TOO_LARGE);
	intake_done(&r.in);
}

TEST(lines_gives_text_and_number)
{
	struct reading r = { 0 };
	read_text(&r, &from_lines, S("plain\nwith \"quotes\"\\\n\nlast"));
	CHECK_INT(r.in.n, 4);
	CHECK_STR(r.in.v[0].json, "{\"line\":\"plain\",\"n\":1}");
	CHECK_STR(r.in.v[1].json, "{\"line\":\"with \\\"quotes\\\"\\\\\",\"n\":2}");
	CHECK_STR(r.in.v[2].json, "{\"line\":\"\",\"n\":3}");
	CHECK_STR(r.in.v[3].json, "{\"line\":\"last\",\"n\":4}");
	CHECK(r.in.v[0].checked);
	intake_done(&r.in);
}

TEST(lines_refuses_what_is_not_utf8)
{
	struct reading r = { 0 };
	read_text(&r, &from_lines, S("a\ncaf\xe9\nb\n"));
	CHECK_INT(r.in.n, 3);
	CHECK_INT(r.in.v[1].fault.fault, FAULT_BAD_VALUE);
	CHECK(strstr(r.in.v[1].fault.text, ":2: not UTF-8"));
	intake_done(&r.in);
}

TEST(many_lines_arrive_all)
{
	struct reading r = { .in.count_only = true };
	AUTO(buf_done) struct buf text = { 0 };
	uint64_t bytes = 0;
	for (int i = 0; i < 200000; i++) {
		size_t before = text.n;
		CHECK_INT(buf_printf(&text, "{\"id\":%d,\"name\":\"user %d\"}\n", i, i * 7), 0);
		bytes += text.n - before - 1;
	}
	read_text(&r, &from_jsonl, buf_slice(&text));
	CHECK_INT(r.result, 0);
	CHECK_INT(r.in.n, 200000);
	CHECK_INT(r.in.bytes, bytes);
	intake_done(&r.in);
}

/* Stopped after each number of arrivals, the rest comes once and no line twice. */
TEST(a_resume_goes_on_behind_any_line)
{
	struct folder folder;
	folder_make(&folder);
	const char *path = folder_file(&folder, "in");
	file_write(path, S("{\"a\":1}\n\n{\"a\":2}\nbad\n{\"a\":4}\n\n\n{\"a\":5}"));
	for (size_t stop = 1; stop < 5; stop++) {
		struct reading r = { .in.stop_at = stop };
		read_file(&r, &from_jsonl, path);
		CHECK_INT(r.result, -1);
		CHECK_INT(r.err.fault, FAULT_CANCELLED);
		CHECK_INT(r.in.n, stop);
		intake_rewind(&r.in, stop);
		read_file(&r, &from_jsonl, path);
		CHECK_INT(r.result, 0);
		CHECK_INT(r.in.n, 5 - stop);
		CHECK_STR(r.in.v[r.in.n - 1].json, "{\"a\":5}");
		CHECK_INT(r.in.v[r.in.n - 1].line, 8);
		intake_done(&r.in);
	}
	folder_remove(&folder);
}

/* Lines shorter and longer than a block, behind a byte order mark: each position is found again. */
TEST(a_resume_proves_positions_of_any_size)
{
	static const int sizes[] = { 1, 17000, 5, 300000, 1, 1, 1023, 16384, 700000, 2 };
	struct folder folder;
	AUTO(buf_done) struct buf text = { .max = 4 << 20 };
	folder_make(&folder);
	const char *path = folder_file(&folder, "in");
	CHECK_INT(buf_add(&text, S("\xef\xbb\xbf")), 0);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		CHECK_INT(buf_printf(&text, "{\"i\":\"%0*zu\"}\n", sizes[i], i), 0);
	file_write(path, buf_slice(&text));
	for (size_t stop = 1; stop <= ARRAY_SIZE(sizes); stop++) {
		struct reading r = { .in.stop_at = stop };
		read_file(&r, &from_jsonl, path);
		intake_rewind(&r.in, stop);
		read_file(&r, &from_jsonl, path);
		CHECK_INT(r.result, 0);
		CHECK_INT(r.in.n, ARRAY_SIZE(sizes) - stop);
		intake_done(&r.in);
	}
	folder_remove(&folder);
}

TEST(a_file_that_grew_goes_on)
{
	struct folder folder;
	struct reading r = { 0 };
	folder_make(&folder);
	const char *path = folder_file(&folder, "in");
	file_write(path, S("{\"a\":1}\n"));
	read_file(&r, &from_jsonl, path);
	intake_rewind(&r.in, 1);
	file_write(path, S("{\"a\":1}\n{\"a\":2}\n"));
	read_file(&r, &from_jsonl, path);
	CHECK_INT(r.result, 0);
	CHECK_INT(r.in.n, 1);
	CHECK_STR(r.in.v[0].json, "{\"a\":2}");
	CHECK_INT(r.in.v[0].line, 2);
	intake_done(&r.in);
	folder_remove(&folder);
}

static void check_refused(struct slice before, struct slice after, const char *why)
{
	struct folder folder;
	struct reading r = { 0 };
	folder_make(&folder);
	const char *path = folder_file(&folder, "in");
	file_write(path, before);
	read_file(&r, &from_jsonl, path);
	intake_rewind(&r.in, r.in.n);
	file_write(path, after);
	read_file(&r, &from_jsonl, path);
	CHECK_INT(r.result, -1);
	CHECK_INT(r.err.fault, FAULT_CONFIG);
	CHECK(strstr(r.err.text, why));
	CHECK(strstr(r.err.text, "--fresh"));
	intake_done(&r.in);
	folder_remove(&folder);
}

TEST(another_file_is_refused)
{
	check_refused(S("{\"a\":1}\n{\"a\":2}\n"), S("{\"a\":7}\n{\"a\":2}\n{\"a\":3}\n"),
		      "changed at its beginning");
	check_refused(S("{\"a\":1}\n{\"a\":2}\n"), S("{\"a\":1}\n"), "become shorter");
	check_refused(S("{\"a\":1}\n12"), S("{\"a\":1}\n123\n"), "more text on the line");
}

/* Behind the position some are done already: `from` arrivals lie before it, `reach` before the end of those. */
static void read_behind(struct reading *r, const char *path, size_t from, size_t reach)
{
	read_file(r, &from_jsonl, path);
	const struct fake_arrival *last = &r->in.v[reach - 1];
	r->in.split.reach = (struct position){ text_new(slice_str(last->base)), last->offset };
	intake_rewind(&r->in, from);
}

static void check_reach(size_t from, size_t reach, struct slice before, struct slice after,
			const char *why)
{
	struct folder folder;
	struct reading r = { 0 };
	folder_make(&folder);
	const char *path = folder_file(&folder, "in");
	file_write(path, before);
	read_behind(&r, path, from, reach);
	file_write(path, after);
	read_file(&r, &from_jsonl, path);
	CHECK_INT(r.result, why ? -1 : 0);
	CHECK_INT(r.err.code, why ? ESTALE : 0);
	CHECK(!why || strstr(r.err.text, why));
	text_unref(r.in.split.reach.base);
	intake_done(&r.in);
	folder_remove(&folder);
}

TEST(what_is_done_behind_the_position_must_be_as_it_was)
{
	enum { LINES = 2000 };
	AUTO(buf_done) struct buf text = { .max = 1 << 20 };
	for (int i = 0; i < LINES; i++)
		CHECK_INT(buf_printf(&text, "{\"id\":%d}\n", 10000 + i), 0);
	AUTO(buf_done) struct buf edited = { .max = 1 << 20 };
	CHECK_INT(buf_add(&edited, buf_slice(&text)), 0);
	CHECK_INT(buf_add(&edited, S("{\"id\":1}\n")), 0);
	for (size_t from = 0; from < LINES; from += LINES / 2) {
		check_reach(from, LINES, buf_slice(&text), buf_slice(&edited), NULL); /* it grew */
		edited.p[text.n - 3] ^= 1;
		check_reach(from, LINES, buf_slice(&text), buf_slice(&edited), "changed before");
		check_reach(from, LINES - 1, buf_slice(&text), buf_slice(&edited), NULL);
		edited.p[text.n - 3] ^= 1;
		check_reach(from, LINES, buf_slice(&text),
			    slice_head(buf_slice(&text), text.n - 20), "become shorter");
	}
	check_reach(0, 1, S("{\"a\":1}\n"), S("{\"a\":2}\n"), "changed at its beginning");
	check_reach(0, 2, S("{\"a\":1}\n12"), S("{\"a\":1}\n123\n"), "more text on the line");
}

/* Proven by way of the far end, the records still come from where the mark is. */
TEST(a_proof_further_on_moves_nothing)
{
	struct folder folder;
	struct reading r = { 0 };
	folder_make(&folder);
	const char *path = folder_file(&folder, "in");
	file_write(path, S("\xef\xbb\xbf{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n"));
	for (size_t from = 0; from < 3; from++) {
		read_behind(&r, path, from, 3);
		read_file(&r, &from_jsonl, path);
		CHECK_INT(r.result, 0);
		CHECK_INT(r.in.n, 3 - from);
		CHECK_INT(r.in.v[0].line, from + 1);
		text_unref(r.in.split.reach.base);
		intake_done(&r.in);
		r = (struct reading){ 0 };
	}
	folder_remove(&folder);
}

/* What the saved position proves: the first 4 KiB, and the last KiB before it. */
TEST(an_edit_before_the_position_is_noticed)
{
	AUTO(buf_done) struct buf text = { .max = 1 << 20 };
	for (int i = 0; i < 1000; i++)
		CHECK_INT(buf_printf(&text, "{\"id\":%d}\n", 10000 + i), 0);
	AUTO(buf_done) struct buf edited = { .max = 1 << 20 };
	CHECK_INT(buf_add(&edited, buf_slice(&text)), 0);
	edited.p[text.n - 700] ^= 1;
	check_refused(buf_slice(&text), buf_slice(&edited), "changed before the place");
	edited.p[text.n - 700] ^= 1;
	edited.p[text.n / 2] = '\n'; /* so long, and neither near the beginning nor the end */
	struct folder folder;
	struct reading r = { 0 };
	folder_make(&folder);
	const char *path = folder_file(&folder, "in");
	file_write(path, buf_slice(&text));
	read_file(&r, &from_jsonl, path);
	intake_rewind(&r.in, r.in.n);
	file_write(path, buf_slice(&edited));
	read_file(&r, &from_jsonl, path);
	CHECK_INT(r.result, 0);
	CHECK_INT(r.in.n, 0);
	intake_done(&r.in);
	folder_remove(&folder);
}

/* Positions that earlier versions saved have no hash of the end. */
TEST(positions_of_earlier_versions_are_read)
{
	struct folder folder;
	struct reading r = { 0 };
	folder_make(&folder);
	const char *path = folder_file(&folder, "in");
	file_write(path, S("{\"a\":1}\n{\"a\":2}\n"));
	read_file(&r, &from_jsonl, path);
	char *blank = strchr(r.in.v[0].base, ' ');
	CHECK(blank);
	*blank = '\0';
	intake_rewind(&r.in, 1);
	read_file(&r, &from_jsonl, path);
	CHECK_INT(r.result, 0);
	CHECK_INT(r.in.n, 1);
	CHECK_STR(r.in.v[0].json, "{\"a\":2}");
	intake_done(&r.in);
	folder_remove(&folder);
}

static void check_open(const char *path, enum fault fault, const char *why)
{
	struct reading r = { 0 };
	read_file(&r, &from_jsonl, path);
	CHECK_INT(r.result, -1);
	CHECK_INT(r.err.fault, fault);
	CHECK(strstr(r.err.text, why));
	CHECK(strstr(r.err.text, path));
	intake_done(&r.in);
}

TEST(what_cannot_be_read_says_why)
{
	struct folder folder;
	folder_make(&folder);
	const char *pipe = folder_file(&folder, "pipe");
	CHECK_INT(mkfifo(pipe, 0600), 0);
	check_open(folder_file(&folder, "missing.jsonl"), FAULT_IO, "no such file");
	check_open(folder.path, FAULT_CONFIG, "is a folder");
	check_open(pipe, FAULT_CONFIG, "from: stdin");
	folder_remove(&folder);
}

TEST(other_encodings_are_told_once)
{
	struct reading r = { 0 };
	read_text(&r, &from_jsonl, S("\xff\xfe{\0"));
	CHECK_INT(r.err.fault, FAULT_CONFIG);
	CHECK(strstr(r.err.text, "UTF-16"));
	read_text(&r, &from_jsonl,
		  S("\xfd"
		    "7zXZ\0"));
	CHECK(strstr(r.err.text, "compressed"));
	read_text(&r, &from_jsonl, S("\x1f\x8b\x08"));
	CHECK(strstr(r.err.text, "cut off at byte 3"));
	intake_done(&r.in);
}

TEST(max_line_has_limits)
{
	struct fake_site f;
	fake_site_open(&f, &from_jsonl, "jsonl=x", "max_line=65MB", NULL);
	CHECK_INT(f.mistakes, 1);
	fake_site_done(&f, &from_jsonl);
	fake_site_open(&f, &from_lines, "lines=x", NULL);
	CHECK_INT(f.mistakes, 0);
	CHECK_INT(f.facts.restart, RESTART_SEEKS);
	fake_site_done(&f, &from_lines);
}

static const struct test tests[] = {
	T(jsonl_gives_each_line_as_it_stands),
	T(jsonl_tolerates_bom_crlf_blank_lines_and_no_end),
	T(an_empty_file_has_no_records),
	T(a_bad_line_is_admitted_and_reading_goes_on),
	T(a_line_above_max_line_is_dead_and_not_held),
	T(an_endless_last_line_is_dead_too),
	T(lines_gives_text_and_number),
	T(lines_refuses_what_is_not_utf8),
	T(many_lines_arrive_all),
	T(a_resume_goes_on_behind_any_line),
	T(a_resume_proves_positions_of_any_size),
	T(a_file_that_grew_goes_on),
	T(another_file_is_refused),
	T(what_is_done_behind_the_position_must_be_as_it_was),
	T(a_proof_further_on_moves_nothing),
	T(an_edit_before_the_position_is_noticed),
	T(positions_of_earlier_versions_are_read),
	T(what_cannot_be_read_says_why),
	T(other_encodings_are_told_once),
	T(max_line_has_limits),
};

int main(void)
{
	return RUN_TESTS(tests);
}
