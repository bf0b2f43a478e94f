/* to_csv.c - tests of csv as a sink: columns, the header, cells */
#include "text_sink.h"
#include "base/banned.h"

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

static const struct test tests[] = {
	T(csv_takes_columns_from_the_first_record), T(csv_refuses_a_field_without_a_column),
	T(csv_with_fields_leaves_the_rest_out),     T(csv_without_records_has_a_header_if_it_can),
	T(csv_resumes_with_the_columns_that_stand), T(csv_appends_under_the_same_header_only),
	T(a_lone_empty_cell_is_not_an_empty_line),  T(options_are_checked),
	T(an_output_without_rows_stands_and_grows),
};

int main(void)
{
	return RUN_TESTS(tests);
}
