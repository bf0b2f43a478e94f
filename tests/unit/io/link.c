/* link.c - tests of the Link header field (RFC 8288): the examples of the RFC, what APIs send, what is none */
#include "io/link.h"
#include "base/banned.h"
#include "check.h"
#include <errno.h>

static void check_find(const char *field, const char *rel, const char *want)
{
	struct slice target = { 0 };
	struct link_error why = { 0 };
	int r = link_find(slice_str(field), slice_str(rel), &target, &why);
	CHECK_INT(r, want != NULL);
	CHECK_SLICE(target, slice_str(want));
	if (r < 0)
		printf("# %s: %s at %zu\n", field, why.what, why.offset);
}

TEST(what_apis_send)
{
	const char *github = "<https://api.example.com/u?page=1>; rel=\"prev\", "
			     "<https://api.example.com/u?page=3>; rel=\"next\", "
			     "<https://api.example.com/u?page=50>; rel=\"last\"";
	check_find(github, "next", "https://api.example.com/u?page=3");
	check_find(github, "last", "https://api.example.com/u?page=50");
	check_find(github, "first", NULL);
	check_find("</list?after=a,b;c>;rel=next", "next", "/list?after=a,b;c");
	check_find("<https://x/a>; rel=\"next\"; results=\"true\"; cursor=\"0:100:0\"", "next",
		   "https://x/a");
	check_find("", "next", NULL);
	check_find("<>; rel=next", "next", "");
}

TEST(the_examples_of_the_rfc)
{
	check_find("<http://example.com/TheBook/chapter2>; rel=\"previous\"; title=\"previous "
		   "chapter\"",
		   "previous", "http://example.com/TheBook/chapter2");
	check_find("</>; rel=\"http://example.net/foo\"", "http://example.net/foo", "/");
	check_find("</terms>; rel=\"copyright\"; anchor=\"#foo\"", "copyright", NULL);
	check_find("</TheBook/chapter2>; rel=\"previous\"; title*=UTF-8'de'letztes%20Kapitel, "
		   "</TheBook/chapter4>; rel=\"next\"; title*=UTF-8'de'n%c3%a4chstes%20Kapitel",
		   "next", "/TheBook/chapter4");
	check_find("<http://example.org/>; rel=\"start http://example.net/relation/other\"",
		   "start", "http://example.org/");
}

TEST(names_have_no_case_and_only_the_first_rel_counts)
{
	check_find("<a>; REL=Next", "next", "a");
	check_find("<a>; rel=\"last  next\"", "next", "a");
	check_find("<a>; rel=prev; rel=next, <b>; rel=next", "next", "b");
	check_find("<a>; rel=nextish, <b>; title=next", "next", NULL);
	check_find("<a>; rel=next, <b>; rel=next", "next", "a");
}

TEST(what_stands_in_quotes_divides_nothing)
{
	check_find("<a>; title=\"x, <b>; rel=next\"; rel=prev, <c>; rel=next", "next", "c");
	check_find("<a>; title=\"quote \\\" , \"; rel=next", "next", "a");
	check_find("<a>; title=\"\"; rel=\"next\"", "next", "a");
}

TEST(blanks_and_empty_elements_are_allowed)
{
	check_find(" , ,<a> ; rel = next , ,", "next", "a");
	check_find("<a>;;rel=next;", "next", "a");
	check_find("<a>;rel=next\t,\t<b>", "next", "a");
	check_find("<a>; crossorigin; rel=next", "next", "a");
}

static void check_bad(const char *field, size_t offset, const char *what)
{
	struct slice target;
	struct link_error why = { 0 };
	CHECK_INT(link_find(slice_str(field), S("next"), &target, &why), -EBADMSG);
	CHECK_STR(why.what ? why.what : "", what);
	CHECK_INT(why.offset, offset);
	CHECK_INT(link_find(slice_str(field), S("next"), &target, NULL), -EBADMSG);
}

TEST(garbage_is_told_with_its_place_even_behind_the_link)
{
	check_bad("https://x/a; rel=next", 0, "expected '<'");
	check_bad("<a; rel=next", 0, "'<' is never closed");
	check_bad("<a>; rel=\"next", 9, "a quotation mark is never closed");
	check_bad("<a>; rel=", 9, "a value is missing behind '='");
	check_bad("<a> rel=next", 4, "expected ';' or ','");
	check_bad("<a>; =next", 5, "expected a parameter's name");
	check_bad("<a>; rel=next, b", 15, "expected '<'");
	check_bad("<a>; rel=next <b>; rel=next", 14, "expected ';' or ','");
	check_bad("<a>; rel=\"next\\", 9, "a quotation mark is never closed");
}

static const struct test tests[] = {
	T(what_apis_send),
	T(the_examples_of_the_rfc),
	T(names_have_no_case_and_only_the_first_rel_counts),
	T(what_stands_in_quotes_divides_nothing),
	T(blanks_and_empty_elements_are_allowed),
	T(garbage_is_told_with_its_place_even_behind_the_link),
};

int main(void)
{
	return RUN_TESTS(tests);
}
