/* help.c - the texts made from the tables: complete, and safe for whoever reads them */
#include "check.h"
#include "cli/verbs.h"

static bool contains(const struct buf *b, const char *what)
{
	return strstr(b->p, what) != NULL;
}

TEST(every_verb_and_flag_is_explained)
{
	AUTO(buf_done) struct buf top = { 0 };
	CHECK_INT(help_put(NULL, &top), 0);
	for (size_t i = 0; i < verb_count; i++) {
		AUTO(buf_done) struct buf out = { 0 };
		if (!verbs[i].bit)
			continue;
		CHECK(contains(&top, verbs[i].name));
		CHECK_INT(help_put(&verbs[i], &out), 0);
		for (size_t j = 0; j < flag_count; j++) {
			bool should = (flags[j].verbs & verbs[i].bit) && !flags[j].later;
			char line[160];
			snprintf(line, sizeof(line), "--%s%s%s ", flags[j].name,
				 flags[j].shown ? " " : "", flags[j].shown ? flags[j].shown : "");
			if (should)
				CHECK(contains(&out, line) && contains(&out, flags[j].doc));
			else if (!flags[j].later) {
				snprintf(line, sizeof(line), "  %s\n", flags[j].doc);
				CHECK(!contains(&out, line));
			}
		}
	}
}

TEST(every_flag_has_a_line_and_belongs_somewhere)
{
	for (size_t i = 0; i < flag_count; i++) {
		CHECK(flags[i].verbs != 0);
		CHECK(flags[i].later || flags[i].doc);
		CHECK((flags[i].type == TAKES_NOTHING) == (flags[i].shown == NULL));
		CHECK((flags[i].type == TAKES_WORD) == (flags[i].words != NULL));
	}
}

TEST(the_man_page_has_no_stray_macros)
{
	AUTO(buf_done) struct buf out = { 0 };
	CHECK_INT(man_put(&out), 0);
	struct slice line, rest = buf_slice(&out);
	static const char *const macros[] = { ".TH", ".SH", ".SS", ".TP", ".PP", ".nf",
					      ".fi", ".RS", ".RE", ".B ", ".I " };
	while (rest.n > 0) {
		slice_cut(rest, '\n', &line, &rest);
		bool known = line.n == 0 || line.p[0] != '.';
		for (size_t i = 0; !known && i < ARRAY_SIZE(macros); i++)
			known = slice_starts(line, slice_str(macros[i]));
		CHECK(known);
	}
}

TEST(completions_know_their_shells)
{
	AUTO(buf_done) struct buf out = { 0 };
	CHECK(completion_put("tcsh", &out) < 0);
	CHECK_INT(completion_put("zsh", &out), 0);
	CHECK(contains(&out, "#compdef hocket"));
}

static const struct test tests[] = {
	T(every_verb_and_flag_is_explained),
	T(every_flag_has_a_line_and_belongs_somewhere),
	T(the_man_page_has_no_stray_macros),
	T(completions_know_their_shells),
};
int main(void)
{
	return RUN_TESTS(tests);
}
