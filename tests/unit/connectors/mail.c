/* mail.c - HTML as people read it without HTML, and what in a file is meant as an address */
#include "base/banned.h"
#include "check.h"
#include "connectors/mail/addressees.h"
#include "connectors/mail/readable.h"

static void check_readable(const char *html, const char *text)
{
	AUTO(buf_done) struct buf out = { .max = 1u << 20 };
	CHECK_INT(readable_put(slice_str(html), &out), 0);
	CHECK_STR(out.p ? out.p : "", text);
}

TEST(html_is_read_as_a_browser_shows_it)
{
	check_readable("<p>For <b>you</b>,\n   Ada.</p><p>Bye</p>", "For you, Ada.\n\nBye\n");
	check_readable("one<br>two<br/>three", "one\ntwo\nthree\n");
	check_readable("<h1>News</h1><ul><li>a</li><li>b</li></ul>end",
		       "News\n\n- a\n- b\n\nend\n");
	check_readable("<table><tr><td>1</td><td>2</td></tr><tr><td>3</table>", "1 2\n3\n");
	check_readable("a<hr>b", "a\n----\nb\n");
	check_readable("<pre>a  b\n  c</pre>d", "a  b\n  c\n\nd\n");
	check_readable("a &lt;b&gt; &amp;amp; &#228;&#xe4; &nope; &",
		       "a <b> &amp; \u00e4\u00e4 &nope; &\n");
	check_readable("", "");
	check_readable("<img src=x alt='A map'> here", "A map here\n");
}

TEST(links_say_where_they_lead)
{
	check_readable("<a href='https://e.org/?a=1&amp;b=2'>more</a>.",
		       "more <https://e.org/?a=1&b=2>.\n");
	check_readable("<a href=https://e.org>https://e.org</a>", "https://e.org\n");
	check_readable("<a href='mailto:x@e.org'>write</a>", "write\n");
	check_readable("<a href='https://e.org'></a>x", "x\n");
}

TEST(what_is_not_text_is_not_read)
{
	check_readable("<title>T</title><style>p{}</style ><script>if (a<b) x('</p>')</script>x",
		       "x\n");
	check_readable("a<!-- <p>no --> b", "a b\n");
	check_readable("a<!-- never closed", "a\n");
	check_readable("a<script>never closed", "a\n");
	check_readable("1 < 2 <b", "1 < 2\n");
	check_readable("<a title='x > y' href='https://e.org/'>z</a>", "z <https://e.org/>\n");
}

static int literal(const char *text)
{
	struct err err = { 0 };
	int r = address_literal(slice_str(text), &err);
	CHECK(r >= 0 || err.text[0]);
	return r;
}

TEST(addresses_stand_for_themselves_and_programs_do_not)
{
	CHECK_INT(literal("news@example.org"), 1);
	CHECK_INT(literal("News <news@example.org>"), 1);
	CHECK_INT(literal("\"Lovelace, Ada\" <ada@example.org>"), 1);
	CHECK_INT(literal(".email"), 0);
	CHECK_INT(literal("ada@example.org; bob@example.org"), -1);
	CHECK_INT(literal("ada@example.org,bob@example.org"), -1);
	CHECK_INT(literal("ada@example.org"), 1);
	CHECK_INT(literal(".boss, .team"), 0);
	CHECK_INT(literal(".a | @base64"), 0);
	CHECK_INT(literal(".name + \" <\" + .email + \">\""), 0);
	CHECK_INT(literal("\"ada@example.org\""), 0);
	CHECK_INT(literal("[.a, .b]"), 0);
	CHECK_INT(literal("{name: .name, email: \"a@b.c\"}"), 0);
	CHECK_INT(literal("$vars.desk"), 0);
}

TEST(what_is_meant_as_an_address_and_is_none_is_a_mistake)
{
	CHECK_INT(literal("news@@example.org"), -1);
	CHECK_INT(literal("News <news>@example.org>"), -1);
	CHECK_INT(literal("\\(.name) <\\(.email)>"), -1);
}

static const struct test tests[] = {
	T(html_is_read_as_a_browser_shows_it),
	T(links_say_where_they_lead),
	T(what_is_not_text_is_not_read),
	T(addresses_stand_for_themselves_and_programs_do_not),
	T(what_is_meant_as_an_address_and_is_none_is_a_mistake),
};

int main(void)
{
	return RUN_TESTS(tests);
}
