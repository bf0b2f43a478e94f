/* csv.c - tests of the dialect: rows out of text, cells into text, and that both agree */
#include "connectors/files/csv.h"
#include "base/banned.h"
#include "base/rand.h"
#include "check.h"

static const struct csv_dialect comma = { ',', '"' };

static void check_row(struct slice text, size_t n, const char *const *fields, size_t used,
		      size_t lines)
{
	AUTO(csv_row_done) struct csv_row row = { 0 };
	struct csv_end end = { 0 };
	CHECK_INT(csv_parse(&comma, text, true, &row, &end), CSV_ROW);
	CHECK_INT(row.n, n);
	for (size_t i = 0; i < n && i < row.n; i++)
		CHECK_SLICE(row.fields[i], slice_str(fields[i]));
	CHECK_INT(end.used, used);
	CHECK_INT(end.lines, lines);
}
#define ROW(text, used, lines, ...)                                            \
	check_row(S(text), ARRAY_SIZE(((const char *const[]){ __VA_ARGS__ })), \
		  (const char *const[]){ __VA_ARGS__ }, used, lines)

TEST(plain_fields)
{
	ROW("a,b,c\nrest", 6, 1, "a", "b", "c");
	ROW("a,b,c\r\nrest", 7, 1, "a", "b", "c");
	ROW("a,b,c", 5, 0, "a", "b", "c");
	ROW("a,b,c\r", 6, 0, "a", "b", "c");
	ROW(",,\n", 3, 1, "", "", "");
	ROW("\n", 1, 1, "");
	ROW("a,", 2, 0, "a", "");
}

TEST(quoted_fields)
{
	ROW("\"a\",\"b,c\",d\n", 12, 1, "a", "b,c", "d");
	ROW("\"say \"\"hi\"\"\",\"\"\"\"\r\n", 19, 1, "say \"hi\"", "\"");
	ROW("\"two\nlines\r\nhere\",x\n", 20, 3, "two\nlines\r\nhere", "x");
	ROW("\"\",\"\"", 5, 0, "", "");
	ROW("\"a\"\r", 4, 0, "a");
}

TEST(a_quote_inside_a_field_is_text)
{
	ROW("5\" disk,a\"b\"c\n", 14, 1, "5\" disk", "a\"b\"c");
	ROW("a\rb,c\n", 6, 1, "a\rb", "c");
}

static enum csv_result parse(struct slice text, bool last)
{
	AUTO(csv_row_done) struct csv_row row = { 0 };
	struct csv_end end;
	return csv_parse(&comma, text, last, &row, &end);
}

TEST(what_is_not_complete_asks_for_more)
{
	CHECK_INT(parse(S("a,b"), false), CSV_MORE);
	CHECK_INT(parse(S("a,\"b"), false), CSV_MORE);
	CHECK_INT(parse(S("a,\"b\""), false), CSV_MORE);
	CHECK_INT(parse(S("a,\"b\"\r"), false), CSV_MORE);
	CHECK_INT(parse(S("a,b\r"), false), CSV_MORE);
	CHECK_INT(parse(S("a,"), false), CSV_MORE);
	CHECK_INT(parse(S("a,\"b"), true), CSV_UNENDED);
	CHECK_INT(parse(S("a,\"b\"c"), false), CSV_STRAY);
}

TEST(text_behind_a_closing_quote_is_told)
{
	AUTO(csv_row_done) struct csv_row row = { 0 };
	struct csv_end end;
	CHECK_INT(csv_parse(&comma, S("a,\"b\"c,d\nnext\n"), true, &row, &end), CSV_STRAY);
	CHECK_INT(row.n, 2);
}

TEST(other_dialects)
{
	AUTO(csv_row_done) struct csv_row row = { 0 };
	struct csv_end end;
	const struct csv_dialect semicolon = { ';', '\'' }, bare = { '\t', 0 };
	CHECK_INT(csv_parse(&semicolon, S("a;'b;c''d';\"e\"\n"), true, &row, &end), CSV_ROW);
	CHECK_INT(row.n, 3);
	CHECK_SLICE(row.fields[1], S("b;c'd"));
	CHECK_SLICE(row.fields[2], S("\"e\""));
	CHECK_INT(csv_parse(&bare, S("\"a\t\"b\"\n"), true, &row, &end), CSV_ROW);
	CHECK_INT(row.n, 2);
	CHECK_SLICE(row.fields[0], S("\"a"));
}

TEST(delimiters_are_one_plain_character)
{
	CHECK_INT(csv_delimiter(NULL), ',');
	CHECK_INT(csv_delimiter(";"), ';');
	CHECK_INT(csv_delimiter("tab"), '\t');
	CHECK_INT(csv_delimiter("\t"), '\t');
	CHECK_INT(csv_delimiter(""), 0);
	CHECK_INT(csv_delimiter(";;"), 0);
	CHECK_INT(csv_delimiter("\""), 0);
	CHECK_INT(csv_delimiter("\n"), 0);
	CHECK_INT(csv_delimiter("\xe9"), 0);
}

static void check_cell(const char *text, const char *want)
{
	AUTO(buf_done) struct buf out = { 0 };
	CHECK_INT(csv_put(&comma, slice_str(text), &out), 0);
	CHECK_SLICE(buf_slice(&out), slice_str(want));
}

TEST(cells_are_quoted_when_they_must_be)
{
	check_cell("plain", "plain");
	check_cell("", "\"\"");
	check_cell("a,b", "\"a,b\"");
	check_cell("say \"hi\"", "\"say \"\"hi\"\"\"");
	check_cell("two\nlines", "\"two\nlines\"");
	check_cell(" padded", "\" padded\"");
}

static size_t random_field(struct rand *r, char *out)
{
	static const char letters[] = "ab,\"\n\r ;x";
	size_t n = (size_t)rand_below(r, 8);
	for (size_t i = 0; i < n; i++)
		out[i] = letters[rand_below(r, sizeof(letters) - 1)];
	return n;
}

static void check_round_trip(struct rand *r)
{
	AUTO(buf_done) struct buf text = { 0 };
	AUTO(csv_row_done) struct csv_row row = { 0 };
	struct csv_end end;
	char fields[5][8];
	size_t sizes[5], n = 1 + (size_t)rand_below(r, 5);
	for (size_t i = 0; i < n; i++) {
		sizes[i] = random_field(r, fields[i]);
		if (i)
			CHECK_INT(buf_add_char(&text, ','), 0);
		CHECK_INT(csv_put(&comma, (struct slice){ fields[i], sizes[i] }, &text), 0);
	}
	CHECK_INT(buf_add_char(&text, '\n'), 0);
	for (size_t cut = 0; cut < text.n; cut++)
		CHECK_INT(csv_parse(&comma, slice_head(buf_slice(&text), cut), false, &row, &end),
			  CSV_MORE);
	CHECK_INT(csv_parse(&comma, buf_slice(&text), false, &row, &end), CSV_ROW);
	CHECK_INT(end.used, text.n);
	CHECK_INT(row.n, n);
	for (size_t i = 0; i < n && i < row.n; i++)
		CHECK_SLICE(row.fields[i], ((struct slice){ fields[i], sizes[i] }));
}

TEST(what_is_written_reads_back)
{
	struct rand r;
	rand_seed(&r, 1);
	for (int i = 0; i < 5000; i++)
		check_round_trip(&r);
}

static const struct test tests[] = {
	T(plain_fields),
	T(quoted_fields),
	T(a_quote_inside_a_field_is_text),
	T(what_is_not_complete_asks_for_more),
	T(text_behind_a_closing_quote_is_told),
	T(other_dialects),
	T(delimiters_are_one_plain_character),
	T(cells_are_quoted_when_they_must_be),
	T(what_is_written_reads_back),
};

int main(void)
{
	return RUN_TESTS(tests);
}
