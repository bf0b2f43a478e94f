/* diag.c - what is shown of a mistake, to the character */
#include "../check.h"
#include "engine/plan/diag.h"
#include "engine/port.h"

#include <stdlib.h>

static void expect_(const char *file, int line, struct diag *d, const char *want)
{
	AUTO(buf_done) struct buf out = { 0 };
	CHECK_INT(diag_print(d, false, &out), 0);
	if (strcmp(out.p ? out.p : "", want) != 0)
		test_failures_++,
			printf("# %s:%d: got\n%s# not\n%s", file, line, out.p ? out.p : "", want);
}
#define EXPECT(d, want) expect_(__FILE__, __LINE__, (d), (want))

static struct diag *diag_of(const char *text)
{
	struct diag *d = diag_new("a.yaml");
	diag_text(d, slice_str(text));
	return d;
}

TEST(shows_the_line_with_a_caret)
{
	struct diag *d = diag_of("from: x\n  retri: 5\n");
	diag_add(d, 10, 5, "did you mean 'retry'?", "unknown option '%s'", "retri");
	EXPECT(d, "a.yaml:2:3: error: unknown option 'retri'\n"
		  "  2 |   retri: 5\n"
		  "    |   ^~~~~ did you mean 'retry'?\n");
	CHECK_INT(diag_count(d), 1);
	diag_free(d);
}

TEST(prints_in_the_files_order_each_once)
{
	struct diag *d = diag_of("aa\nbb\ncc\n");
	diag_add(d, 6, 2, NULL, "third");
	diag_add(d, 0, 2, NULL, "first");
	diag_add(d, 3, 2, NULL, "second");
	diag_add(d, 3, 2, NULL, "second again");
	diag_add(d, 6, 2, NULL, "third");
	EXPECT(d, "a.yaml:1:1: error: first\n  1 | aa\n    | ^~\n"
		  "a.yaml:2:1: error: second\n  2 | bb\n    | ^~\n"
		  "a.yaml:2:1: error: second again\n  2 | bb\n    | ^~\n"
		  "a.yaml:3:1: error: third\n  3 | cc\n    | ^~\n");
	diag_free(d);
}

TEST(columns_count_characters_and_tabs_stay)
{
	struct diag *d = diag_of("\tgr\xc3\xb6\xc3\x9f"
				 "e: x\n");
	diag_add(d, 10, 1, NULL, "x");
	EXPECT(d, "a.yaml:1:9: error: x\n  1 | \tgr\xc3\xb6\xc3\x9f"
		  "e: x\n    | \t       ^\n");
	diag_free(d);
	d = diag_of("gr\xc3\xb6\xc3\x9f"
		    "e: x\n");
	diag_add(d, 0, 7, NULL, "key");
	EXPECT(d, "a.yaml:1:1: error: key\n  1 | gr\xc3\xb6\xc3\x9f"
		  "e: x\n    | ^~~~~\n");
	diag_free(d);
}

TEST(nothing_reaches_the_terminal_that_is_no_text)
{
	struct diag *d = diag_of("a\033[2Jb \xff\xc3(c\xc2\x9b\x7f\n");
	diag_add(d, 0, 1, "\033hint", "quotes \033[31m%s", "\xe4");
	EXPECT(d, "a.yaml:1:1: error: quotes ?[31m?\n  1 | a?[2Jb ?\?(c?\?\n    | ^ ?hint\n");
	diag_free(d);
}

TEST(long_lines_are_a_window)
{
	AUTO(buf_done) struct buf text = { 0 }, out = { 0 };
	for (int i = 0; i < 500; i++)
		CHECK_INT(buf_printf(&text, "%d,", i % 10), 0);
	struct diag *d = diag_of(text.p);
	diag_add(d, 600, 3, NULL, "here");
	CHECK_INT(diag_print(d, false, &out), 0);
	struct slice head, shown, caret, rest;
	slice_cut(buf_slice(&out), '\n', &head, &rest);
	slice_cut(rest, '\n', &shown, &rest);
	slice_cut(rest, '\n', &caret, &rest);
	CHECK_SLICE(head, S("a.yaml:1:601: error: here"));
	CHECK(slice_starts(shown, S("  1 | ...")) && slice_ends(shown, S("...")) && shown.n < 180);
	const char *at = memchr(caret.p, '^', caret.n);
	CHECK(at && shown.p[at - caret.p] == text.p[600] &&
	      slice_eq((struct slice){ at, 3 }, S("^~~")));
	diag_free(d);
}

TEST(ranges_are_clipped_to_the_line_and_the_text)
{
	struct diag *d = diag_of("ab\r\ncd");
	diag_add(d, 1, 100, NULL, "over the end");
	diag_add(d, 6, 0, NULL, "at the end");
	diag_add(d, 1000, 5, NULL, "beyond");
	EXPECT(d, "a.yaml:1:2: error: over the end\n  1 | ab\n    |  ^\n"
		  "a.yaml:2:3: error: at the end\n  2 | cd\n    |   ^\n"
		  "a.yaml:2:3: error: beyond\n  2 | cd\n    |   ^\n");
	diag_free(d);
}

TEST(without_a_place_there_is_no_line)
{
	struct diag *d = diag_of("x\n");
	diag_add(d, DIAG_NOWHERE, 0, "write one", "'to' is missing");
	diag_add(d, 0, 1, NULL, "first");
	EXPECT(d, "a.yaml:1:1: error: first\n  1 | x\n    | ^\na.yaml: error: 'to' is missing "
		  "(write one)\n");
	diag_free(d);
}

TEST(the_list_is_bounded_but_counts_on)
{
	struct diag *d = diag_of("x\n");
	for (int i = 0; i < 1500; i++)
		diag_add(d, 0, 1, NULL, "mistake %d", i);
	CHECK_INT(diag_count(d), 1500);
	AUTO(buf_done) struct buf out = { 0 };
	CHECK_INT(diag_print(d, false, &out), 0);
	CHECK(slice_ends(buf_slice(&out), S("a.yaml: and 500 more mistakes\n")));
	diag_free(d);
}

TEST(muted_ranges_count_but_say_nothing)
{
	struct diag *d = diag_of("abcdef\n");
	diag_add(d, 3, 1, NULL, "before");
	diag_mute(d, 2, 5);
	diag_add(d, 4, 1, NULL, "muted");
	diag_add(d, 5, 1, NULL, "behind");
	CHECK_INT(diag_count(d), 3);
	EXPECT(d, "a.yaml:1:4: error: before\n  1 | abcdef\n    |    ^\na.yaml:1:6: error: "
		  "behind\n  1 | abcdef\n    |      ^\n");
	diag_free(d);
}

TEST(colour_is_around_and_not_inside)
{
	AUTO(buf_done) struct buf out = { 0 };
	struct diag *d = diag_of("abc\n");
	diag_add(d, 1, 2, "h", "m");
	CHECK_INT(diag_print(d, true, &out), 0);
	CHECK_SLICE(buf_slice(&out), S("\033[1ma.yaml:1:2: \033[31merror:\033[0m m\n  1 | abc\n    "
				       "|  \033[32m^~\033[0m h\n"));
	diag_free(d);
}

TEST(a_monstrous_message_is_cut)
{
	AUTO(buf_done) struct buf word = { 0 }, out = { 0 };
	struct diag *d = diag_of("x\n");
	for (int i = 0; i < 100000; i++)
		CHECK_INT(buf_add_char(&word, 'a'), 0);
	diag_add(d, 0, 1, NULL, "unknown '%s'", word.p);
	CHECK_INT(diag_count(d), 1);
	CHECK_INT(diag_print(d, false, &out), 0);
	CHECK(out.n > 20 && out.n < 4096);
	diag_free(d);
}

static void locate(void *arg, const char *option, size_t *offset, size_t *length)
{
	CHECK_STR(option, "table");
	*offset = *(size_t *)arg;
	*length = 2;
}

TEST(connectors_errors_are_placed_by_the_planner)
{
	size_t at = 4;
	struct diag *d = diag_of("abc\ndef\n");
	diag_place(d, locate, &at);
	diag_error(d, "table", "no %s", "quotes");
	diag_place(d, NULL, NULL);
	diag_error(d, "table", "nowhere");
	EXPECT(d, "a.yaml:2:1: error: no quotes\n  2 | def\n    | ^~\na.yaml: error: nowhere\n");
	diag_free(d);
}

TEST(nearest_finds_what_was_meant)
{
	static const char *const words[] = { "concurrency", "queue", "rate", "retry", "timeout",
					     "into",        "if",    "as",   "http" };
	static const struct {
		const char *word, *near;
	} cases[] = {
		{ "concurency", "concurrency" },
		{ "conurrency", "concurrency" },
		{ "cnocurrency", "concurrency" },
		{ "concurrent", "concurrency" },
		{ "quue", "queue" },
		{ "qeuue", "queue" },
		{ "reties", "retry" },
		{ "HTTP", "http" },
		{ "htpp", "http" },
		{ "inot", "into" },
		{ "timeouts", "timeout" },
		{ "fi", "if" },
		{ "velocity", NULL },
		{ "x", NULL },
		{ "", NULL },
		{ "zz", NULL },
		{ "table", NULL },
		{ "rate", "rate" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *got = nearest(slice_str(cases[i].word), words, ARRAY_SIZE(words));
		CHECK_STR(got ? got : "(none)", cases[i].near ? cases[i].near : "(none)");
	}
	char monster[2000];
	memset(monster, 'a', sizeof monster);
	CHECK(nearest((struct slice){ monster, sizeof monster }, words, ARRAY_SIZE(words)) == NULL);
}

static const struct test tests[] = {
	T(shows_the_line_with_a_caret),
	T(prints_in_the_files_order_each_once),
	T(columns_count_characters_and_tabs_stay),
	T(nothing_reaches_the_terminal_that_is_no_text),
	T(long_lines_are_a_window),
	T(ranges_are_clipped_to_the_line_and_the_text),
	T(without_a_place_there_is_no_line),
	T(the_list_is_bounded_but_counts_on),
	T(muted_ranges_count_but_say_nothing),
	T(colour_is_around_and_not_inside),
	T(a_monstrous_message_is_cut),
	T(connectors_errors_are_placed_by_the_planner),
	T(nearest_finds_what_was_meant),
};

int main(void)
{
	return RUN_TESTS(tests);
}
