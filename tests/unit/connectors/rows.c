/* rows.c - tests of csv as a source: header, types, rows that do not fit, positions */
#include "fake_engine.h"
#include "base/banned.h"
#include "check.h"
#include <stdlib.h>

struct reading {
	const char *path;
	const char *options[4];
	struct intake in;
	struct err err;
	int result;
};

static void read_it(void *arg)
{
	struct reading *r = arg;
	struct fake_site f;
	AUTO(buf_done) struct buf verb = { 0 };
	CHECK_INT(buf_printf(&verb, "csv=%s", r->path), 0);
	fake_site_open(&f, &from_csv, verb.p, r->options[0], r->options[1], r->options[2], NULL);
	CHECK_INT(f.mistakes, 0);
	r->err = (struct err){ 0 };
	r->result = from_csv.open(&f.site, &r->err);
	if (r->result == 0)
		r->result = from_csv.run(&f.site, &r->in, &r->err);
	fake_site_done(&f, &from_csv);
}

static void read_text(struct reading *r, struct slice text)
{
	struct folder folder;
	folder_make(&folder);
	r->path = folder_file(&folder, "in.csv");
	file_write(r->path, text);
	in_loop(read_it, r);
	folder_remove(&folder);
}

static void check_good(const struct reading *r, size_t i, const char *want)
{
	CHECK(i < r->in.n);
	if (i >= r->in.n)
		return;
	CHECK_STR(r->in.v[i].fault.text, "");
	CHECK_STR(r->in.v[i].json, want);
}

static void check_bad(const struct reading *r, size_t i, enum fault fault, const char *why)
{
	CHECK(i < r->in.n);
	if (i >= r->in.n)
		return;
	CHECK_INT(r->in.v[i].fault.fault, fault);
	CHECK(strstr(r->in.v[i].fault.text, why));
}

TEST(the_header_names_the_columns)
{
	struct reading r = { 0 };
	read_text(&r, S("id,full name\r\n1,\"Ann, B\"\r\n2,\r\n"));
	CHECK_INT(r.result, 0);
	CHECK_INT(r.in.n, 2);
	check_good(&r, 0, "{\"id\":\"1\",\"full name\":\"Ann, B\"}");
	check_good(&r, 1, "{\"id\":\"2\",\"full name\":\"\"}");
	CHECK_INT(r.in.v[0].line, 2);
	CHECK_INT(r.in.v[1].line, 3);
	intake_done(&r.in);
}

TEST(bom_blank_lines_and_no_end)
{
	struct reading r = { 0 };
	read_text(&r, S("\xef\xbb\xbf\n\nid,x\n\n1,a\n\r\n2,b"));
	CHECK_INT(r.in.n, 2);
	check_good(&r, 0, "{\"id\":\"1\",\"x\":\"a\"}");
	check_good(&r, 1, "{\"id\":\"2\",\"x\":\"b\"}");
	CHECK_INT(r.in.v[0].line, 5);
	CHECK_INT(r.in.v[1].line, 7);
	intake_done(&r.in);
}

TEST(an_empty_file_or_a_lone_header_has_no_records)
{
	struct reading r = { 0 };
	read_text(&r, S(""));
	CHECK_INT(r.result, 0);
	CHECK_INT(r.in.n, 0);
	read_text(&r, S("id,x"));
	CHECK_INT(r.result, 0);
	CHECK_INT(r.in.n, 0);
	intake_done(&r.in);
}

TEST(names_can_be_given)
{
	struct reading r = { .options = { "header=id,x" } };
	read_text(&r, S("1,a\n2,b\n"));
	CHECK_INT(r.in.n, 2);
	check_good(&r, 0, "{\"id\":\"1\",\"x\":\"a\"}");
	intake_done(&r.in);
}

TEST(types_are_obeyed_or_the_cell_is_named)
{
	struct reading r = { .options = { "types=age:int,score:float,ok:bool,tags:json" } };
	read_text(&r, S("age,score,ok,tags,zip\n"
			"030,1.50,yes,\"[1, \"\"a\"\"]\",007\n"
			"abc,1,1,[],1\n"
			",,,,\n"));
	CHECK_INT(r.in.n, 3);
	check_good(&r, 0,
		   "{\"age\":30,\"score\":1.50,\"ok\":true,\"tags\":[1,\"a\"],\"zip\":\"007\"}");
	check_bad(&r, 1, FAULT_BAD_VALUE, ":3: column 'age' holds 'abc', which is not an int");
	CHECK_STR(r.in.v[1].json,
		  "{\"age\":\"abc\",\"score\":\"1\",\"ok\":\"1\",\"tags\":\"[]\",\"zip\":\"1\"}");
	check_good(&r, 2, "{\"age\":null,\"score\":null,\"ok\":null,\"tags\":null,\"zip\":\"\"}");
	intake_done(&r.in);
}

TEST(infer_guesses_but_types_win)
{
	struct reading r = { .options = { "infer=true", "types=id:string" } };
	read_text(&r, S("id,n,zip,b\n1,2,007,true\n"));
	check_good(&r, 0, "{\"id\":\"1\",\"n\":2,\"zip\":\"007\",\"b\":true}");
	intake_done(&r.in);
}

TEST(a_ragged_row_is_dead_and_reading_goes_on)
{
	struct reading r = { 0 };
	read_text(&r, S("a,b,c\n1,2,3\n1,2\n1,2,3,4\n\"x\ny\",2,3\n"));
	CHECK_INT(r.in.n, 4);
	check_bad(&r, 1, FAULT_BAD_VALUE, ":3: 2 fields, but the header has 3");
	CHECK_STR(r.in.v[1].json, "{\"line\":\"1,2\"}");
	check_bad(&r, 2, FAULT_BAD_VALUE, ":4: 4 fields, but the header has 3");
	check_good(&r, 3, "{\"a\":\"x\\ny\",\"b\":\"2\",\"c\":\"3\"}");
	CHECK_INT(r.in.v[3].line, 6);
	intake_done(&r.in);
}

TEST(a_stray_quote_costs_one_line)
{
	struct reading r = { 0 };
	read_text(&r, S("a,b\n\"open,2\n3,4\n\"x\"y,1\n5,6\n"));
	CHECK_INT(r.in.n, 4);
	check_bad(&r, 0, FAULT_BAD_VALUE, ":2: text behind the closing quote of field 1");
	check_good(&r, 1, "{\"a\":\"3\",\"b\":\"4\"}");
	check_bad(&r, 2, FAULT_BAD_VALUE, ":4: text behind the closing quote of field 1");
	check_good(&r, 3, "{\"a\":\"5\",\"b\":\"6\"}");
	intake_done(&r.in);
}

TEST(a_quote_that_never_closes_costs_one_line)
{
	struct reading r = { 0 };
	read_text(&r, S("a,b\n1,2\n3,\"open\n5,6\n7,8\n"));
	CHECK_INT(r.in.n, 4);
	check_good(&r, 0, "{\"a\":\"1\",\"b\":\"2\"}");
	check_bad(&r, 1, FAULT_BAD_VALUE, ":3: the quote of field 2 is never closed");
	CHECK_STR(r.in.v[1].json, "{\"line\":\"3,\\\"open\"}");
	check_good(&r, 2, "{\"a\":\"5\",\"b\":\"6\"}");
	CHECK_INT(r.in.v[3].line, 5);
	intake_done(&r.in);
}

TEST(a_row_above_max_line_is_dead)
{
	struct reading r = { .options = { "max_line=1000" } };
	AUTO(buf_done) struct buf text = { 0 };
	CHECK_INT(buf_add(&text, S("a,b\n1,")), 0);
	for (int i = 0; i < 900000; i++)
		CHECK_INT(buf_add_char(&text, 'x'), 0);
	CHECK_INT(buf_add(&text, S("\n3,4\n5,\"")), 0);
	for (int i = 0; i < 2000; i++)
		CHECK_INT(buf_add_char(&text, 'y'), 0);
	CHECK_INT(buf_add(&text, S("\"\n7,8\n")), 0);
	read_text(&r, buf_slice(&text));
	CHECK_INT(r.result, 0);
	CHECK_INT(r.in.n, 4);
	check_bad(&r, 0, FAULT_TOO_LARGE, ":2: the row is longer than max_line");
	CHECK(strlen(r.in.v[0].json) < 5000);
	check_good(&r, 1, "{\"a\":\"3\",\"b\":\"4\"}");
	check_bad(&r, 2, FAULT_TOO_LARGE, ":4: ");
	check_good(&r, 3, "{\"a\":\"7\",\"b\":\"8\"}");
	intake_done(&r.in);
}

TEST(bytes_that_are_not_utf8_are_dead)
{
	struct reading r = { 0 };
	read_text(&r, S("a,b\ncaf\xe9,1\nok,2\n"));
	CHECK_INT(r.in.n, 2);
	check_bad(&r, 0, FAULT_BAD_VALUE, ":2: not UTF-8");
	check_good(&r, 1, "{\"a\":\"ok\",\"b\":\"2\"}");
	intake_done(&r.in);
}

static void check_header(const char *option, struct slice text, const char *why)
{
	struct reading r = { .options = { option } };
	read_text(&r, text);
	CHECK_INT(r.result, -1);
	CHECK_INT(r.err.fault, FAULT_CONFIG);
	CHECK(strstr(r.err.text, why));
	CHECK(strstr(r.err.text, "in.csv"));
	intake_done(&r.in);
}

TEST(a_header_that_cannot_name_columns_is_refused)
{
	check_header(NULL, S("a,b,a\n1,2,3\n"), "columns 1 and 3 of 'in.csv' are both called 'a'");
	check_header(NULL, S("a,,c\n1,2,3\n"), "column 2 of 'in.csv' has no name");
	check_header(NULL, S("a,\"b\n1,2\n"), "no CSV header");
	check_header(NULL, S("caf\xe9\n1\n"), "not UTF-8");
	check_header("types=x:int", S("a,b\n1,2\n"), "names the column 'x'");
}

static size_t mistakes(const char *option)
{
	struct fake_site f;
	fake_site_open(&f, &from_csv, "csv=x", option, NULL);
	size_t n = f.mistakes;
	fake_site_done(&f, &from_csv);
	return n;
}

TEST(options_are_checked_before_the_run)
{
	CHECK_INT(mistakes("delimiter=;"), 0);
	CHECK_INT(mistakes("delimiter=;;"), 1);
	CHECK_INT(mistakes("quote=none"), 0);
	CHECK_INT(mistakes("quote=,"), 1);
	CHECK_INT(mistakes("header=false"), 0);
	CHECK_INT(mistakes("escape=\\"), 0);
	CHECK_INT(mistakes("escape=\\\\"), 1);
	CHECK_INT(mistakes("escape=\""), 1);
	CHECK_INT(mistakes("comment=#"), 0);
	CHECK_INT(mistakes("comment=##"), 1);
	CHECK_INT(mistakes("comment=,"), 1);
	CHECK_INT(mistakes("decimal=,"), 0);
	CHECK_INT(mistakes("decimal=;"), 1);
	CHECK_INT(mistakes("encoding=windows-1252"), 0);
	CHECK_INT(mistakes("encoding=UTF-8"), 0);
	CHECK_INT(mistakes("encoding=klingon"), 1);
	CHECK_INT(mistakes("encoding=utf-16"), 1);
	CHECK_INT(mistakes("encoding=shift_jis"), 1);
	CHECK_INT(mistakes("header=a,b,a"), 1);
	CHECK_INT(mistakes("header=a,"), 1);
	CHECK_INT(mistakes("max_line=1GB"), 1);
}

TEST(columns_without_a_header_are_numbered)
{
	struct reading r = { .options = { "header=false", "types=c2:int" } };
	read_text(&r, S("a,1\nb,2\nc\n"));
	CHECK_INT(r.in.n, 3);
	check_good(&r, 0, "{\"c1\":\"a\",\"c2\":1}");
	check_good(&r, 1, "{\"c1\":\"b\",\"c2\":2}");
	check_bad(&r, 2, FAULT_BAD_VALUE, ":3: 1 field, but the first row has 2");
	intake_done(&r.in);
}

TEST(lines_before_the_header_and_comments_are_passed_over)
{
	struct reading r = { .options = { "skip=2", "comment=#" } };
	read_text(&r, S("Report \"of\n2026\n# head\n\na,b\n#1,2\n3,#4\n# end"));
	CHECK_INT(r.result, 0);
	CHECK_INT(r.in.n, 1);
	check_good(&r, 0, "{\"a\":\"3\",\"b\":\"#4\"}");
	CHECK_INT(r.in.v[0].line, 7);
	intake_done(&r.in);
}

TEST(a_header_can_be_replaced)
{
	struct reading r = { .options = { "skip=1", "header=id,x" } };
	read_text(&r, S("a,a\n1,2\n"));
	CHECK_INT(r.in.n, 1);
	check_good(&r, 0, "{\"id\":\"1\",\"x\":\"2\"}");
	intake_done(&r.in);
}

TEST(nulls_are_what_the_file_says_unless_quoted)
{
	struct reading r = { .options = { "null=,NA", "types=b:int" } };
	read_text(&r, S("a,b,c\n,NA,NA\n\"\",7,\"NA\"\n"));
	CHECK_INT(r.in.n, 2);
	check_good(&r, 0, "{\"a\":null,\"b\":null,\"c\":null}");
	check_good(&r, 1, "{\"a\":\"\",\"b\":7,\"c\":\"NA\"}");
	intake_done(&r.in);
}

TEST(an_escaped_null)
{
	struct reading r = { .options = { "null=\\N", "escape=\\", "delimiter=tab" } };
	read_text(&r, S("a\tb\tc\n\\N\tN\t\\\\N\nx\\\ty\t\"q\\\"q\"\ttwo\\\nlines\n"));
	CHECK_INT(r.in.n, 2);
	check_good(&r, 0, "{\"a\":null,\"b\":\"N\",\"c\":\"\\\\N\"}");
	check_good(&r, 1, "{\"a\":\"x\\ty\",\"b\":\"q\\\"q\",\"c\":\"two\\nlines\"}");
	CHECK_INT(r.in.v[1].line, 4);
	intake_done(&r.in);
}

TEST(decimal_commas)
{
	struct reading r = { .options = { "delimiter=;", "decimal=,", "types=a:float,b:int" } };
	read_text(&r, S("a;b\n-1,50;2\n1.500;2\n"));
	check_good(&r, 0, "{\"a\":-1.50,\"b\":2}");
	check_bad(&r, 1, FAULT_BAD_VALUE, ":3: column 'a' holds '1.500', which is not a float");
	intake_done(&r.in);
}

TEST(blanks_around_fields)
{
	struct reading r = { .options = { "trim=true" } };
	read_text(&r, S(" a , b\n  1 ,\t\" x \" \n"));
	CHECK_INT(r.in.n, 1);
	check_good(&r, 0, "{\"a\":\"1\",\"b\":\" x \"}");
	intake_done(&r.in);
}

TEST(ragged_rows_can_be_filled)
{
	struct reading r = { .options = { "ragged=fill", "types=b:int" } };
	read_text(&r, S("a,b,c\n1\n1,2,3,4\n"));
	check_good(&r, 0, "{\"a\":\"1\",\"b\":null,\"c\":null}");
	check_bad(&r, 1, FAULT_BAD_VALUE, ":3: 4 fields, but the header has 3");
	intake_done(&r.in);
}

TEST(ragged_rows_can_keep_their_rest)
{
	struct reading r = { .options = { "ragged=rest" } };
	read_text(&r, S("a,b\n1\n1,2,3,\"4,4\"\n"));
	check_good(&r, 0, "{\"a\":\"1\",\"b\":null}");
	check_good(&r, 1, "{\"a\":\"1\",\"b\":\"2\",\"_rest\":[\"3\",\"4,4\"]}");
	intake_done(&r.in);
	check_header("ragged=rest", S("a,_rest\n1,2\n"), "has a column '_rest'");
}

TEST(other_encodings)
{
	struct reading r = { .options = { "encoding=windows-1252" } };
	read_text(&r, S("na\xefve,b\n\x80 5,\"\x93x\x94\"\n\x81,1\n"));
	CHECK_INT(r.in.n, 2);
	check_good(&r, 0,
		   "{\"na\xc3\xafve\":\"\xe2\x82\xac 5\",\"b\":\"\xe2\x80\x9cx\xe2\x80\x9d\"}");
	check_bad(&r, 1, FAULT_BAD_VALUE, ":3: column 'na\xc3\xafve' is not windows-1252");
	intake_done(&r.in);
}

TEST(lines_that_end_with_cr_alone)
{
	struct reading r = { .options = { "line_end=cr" } };
	read_text(&r, S("a,b\r1,2\r\r3,\"x\ry\nz\"\r"));
	CHECK_INT(r.in.n, 2);
	check_good(&r, 0, "{\"a\":\"1\",\"b\":\"2\"}");
	check_good(&r, 1, "{\"a\":\"3\",\"b\":\"x\\ry\\nz\"}");
	CHECK_INT(r.in.v[1].line, 5);
	intake_done(&r.in);
	check_header(NULL, S("a,b\r1,2\r"), "seem to end with CR alone");
}

TEST(dates_and_times_are_checked)
{
	struct reading r = { .options = { "types=d:date,t:timestamp" } };
	read_text(&r,
		  S("d,t\n2024-02-29,2026-01-31T12:30:00.5+01:00\n2026-02-29,2026-01-31 12:30\n,"
		    "yesterday\n"));
	check_good(&r, 0, "{\"d\":\"2024-02-29\",\"t\":\"2026-01-31T12:30:00.5+01:00\"}");
	check_bad(&r, 1, FAULT_BAD_VALUE, "which is not a date such as 2026-02-28");
	check_bad(&r, 2, FAULT_BAD_VALUE, "which is not a timestamp such as");
	intake_done(&r.in);
}

static void check_resume(const char *option, const char *other, struct slice text, size_t n,
			 const char *last)
{
	struct folder folder;
	folder_make(&folder);
	const char *path = folder_file(&folder, "in.csv");
	file_write(path, text);
	for (size_t stop = 1; stop < n; stop++) {
		struct reading r = { .path = path,
				     .in.stop_at = stop,
				     .options = { option, other } };
		in_loop(read_it, &r);
		CHECK_INT(r.err.fault, FAULT_CANCELLED);
		intake_rewind(&r.in, stop);
		in_loop(read_it, &r);
		CHECK_INT(r.result, 0);
		CHECK_STR(r.err.text, "");
		CHECK_INT(r.in.n, n - stop);
		check_good(&r, r.in.n - 1, last);
		intake_done(&r.in);
	}
	folder_remove(&folder);
}

TEST(a_resume_finds_the_columns_in_every_dialect)
{
	const char *last = "{\"a\":\"5\",\"b\":\"6\"}";
	check_resume("skip=2", "comment=#", S("x\ny\n#\na,b\n1,2\n#\n3,4\n#\n5,6\n"), 3, last);
	check_resume("line_end=cr", NULL, S("a,b\r1,2\r3,4\r5,6"), 3, last);
	check_resume("skip=1", "header=a,b", S("q,q\n1,2\n3,4\n5,6\n"), 3, last);
	check_resume("header=false", "skip=1", S("q,q\n1,2\n3,4\n5,6\n"), 3,
		     "{\"c1\":\"5\",\"c2\":\"6\"}");
}

TEST(a_resume_goes_on_behind_any_row)
{
	struct folder folder;
	folder_make(&folder);
	const char *path = folder_file(&folder, "in.csv");
	file_write(path, S("a,b\n1,\"x\ny\"\n\n2,z\n3\n4,\"end\"\n"));
	for (size_t stop = 1; stop < 4; stop++) {
		struct reading r = { .path = path, .in.stop_at = stop };
		in_loop(read_it, &r);
		CHECK_INT(r.err.fault, FAULT_CANCELLED);
		intake_rewind(&r.in, stop);
		in_loop(read_it, &r);
		CHECK_INT(r.result, 0);
		CHECK_INT(r.in.n, 4 - stop);
		check_good(&r, r.in.n - 1, "{\"a\":\"4\",\"b\":\"end\"}");
		CHECK_INT(r.in.v[r.in.n - 1].line, 7);
		intake_done(&r.in);
	}
	folder_remove(&folder);
}

TEST(many_rows_arrive_all)
{
	struct reading r = { .in.count_only = true };
	AUTO(buf_done) struct buf text = { 0 };
	CHECK_INT(buf_add(&text, S("id,name\n")), 0);
	for (int i = 0; i < 200000; i++)
		CHECK_INT(buf_printf(&text, "%d,\"user \"\"%d\"\"\nsecond line\"\n", i, i), 0);
	read_text(&r, buf_slice(&text));
	CHECK_INT(r.result, 0);
	CHECK_INT(r.in.n, 200000);
	intake_done(&r.in);
}

static const struct test tests[] = {
	T(the_header_names_the_columns),
	T(bom_blank_lines_and_no_end),
	T(an_empty_file_or_a_lone_header_has_no_records),
	T(names_can_be_given),
	T(types_are_obeyed_or_the_cell_is_named),
	T(infer_guesses_but_types_win),
	T(a_ragged_row_is_dead_and_reading_goes_on),
	T(a_stray_quote_costs_one_line),
	T(a_quote_that_never_closes_costs_one_line),
	T(a_row_above_max_line_is_dead),
	T(bytes_that_are_not_utf8_are_dead),
	T(a_header_that_cannot_name_columns_is_refused),
	T(options_are_checked_before_the_run),
	T(columns_without_a_header_are_numbered),
	T(lines_before_the_header_and_comments_are_passed_over),
	T(a_header_can_be_replaced),
	T(nulls_are_what_the_file_says_unless_quoted),
	T(an_escaped_null),
	T(decimal_commas),
	T(blanks_around_fields),
	T(ragged_rows_can_be_filled),
	T(ragged_rows_can_keep_their_rest),
	T(other_encodings),
	T(lines_that_end_with_cr_alone),
	T(dates_and_times_are_checked),
	T(a_resume_finds_the_columns_in_every_dialect),
	T(a_resume_goes_on_behind_any_row),
	T(many_rows_arrive_all),
};

int main(void)
{
	return RUN_TESTS(tests);
}
