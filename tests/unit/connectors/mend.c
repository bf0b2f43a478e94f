/* mend.c - what is mended before the parser sees it, and what is left alone */
#include "connectors/feeds/mend.h"
#include "check.h"

static void mend_in_steps(enum mend_kind kind, struct slice in, size_t step, struct buf *out)
{
	AUTO(mend_done) struct mend m = { .kind = kind };
	do {
		struct slice part = slice_head(in, step);
		in = slice_from(in, part.n);
		CHECK_INT(mend_add(&m, part, in.n == 0, out), 0);
		CHECK(m.held.n < MEND_HELD);
	} while (in.n);
}

static void check_mend(enum mend_kind kind, struct slice in, const char *want)
{
	for (size_t step = 1; step <= in.n + 1; step++) {
		AUTO(buf_done) struct buf out = { 0 };
		mend_in_steps(kind, in, step, &out);
		CHECK_SLICE(buf_slice(&out), slice_str(want));
	}
}

static void check_text(const char *in, const char *want)
{
	check_mend(MEND_UTF8, slice_str(in), want);
}

TEST(what_is_well_formed_is_left_alone)
{
	static const char *const same[] = {
		"<a b='c &amp; d'>\u00e9 &lt; \U0001f600 &#8217; ]] ></a>",
		"<![CDATA[ a & b < c ]] > &nbsp; ]]>",
		"<!DOCTYPE r [<!ENTITY a 'b'>]><r>&a;</r>",
		"a\tb\r\nc",
	};
	for (size_t i = 0; i < ARRAY_SIZE(same); i++)
		check_text(same[i], same[i]);
	check_text("<!-- a & -- b -->&amp;", "<!--          -->&amp;");
	check_text("<?php?>", "<?x    ?>");
	check_text("<?xml version='1.0'?>\n<r>", "<?x                ?>\n<r>");
}

TEST(bytes_become_utf8)
{
	check_text("caf\xe9s \x93x\x94 \u00e9", "caf\u00e9s \u201cx\u201d \u00e9");
	check_text("\xe2\x80", "\ufffd");
	check_text("\xe2\x80<b>\xf0\x9f\x98 \xed\xa0\x80", "\ufffd<b>\ufffd \ufffd");
	check_text("\xc3\xc3\xa9\xff\xc0", "\u00c3\u00e9\u00ff\u00c0");
	check_text("\xef\xbf\xbe\xef\xbf\xbf", "\ufffd\ufffd");
	check_mend(MEND_UTF8, S("a\0b\x01\x1f"), "ab");
	check_mend(MEND_WINDOWS, S("\xc3\xa9 \x80"), "\u00c3\u00a9 \u20ac");
	check_mend(MEND_ASCII, S("\xc1\x01 & \xfe"), "\xc1 &amp; \xfe");
	check_mend(MEND_NOTHING, S("\xc1\x01 & \xfe"), "\xc1\x01 & \xfe");
}

TEST(what_is_no_markup_becomes_text)
{
	check_text("a & b &&c; &d", "a &amp; b &amp;&amp;c; &amp;d");
	check_text("?a=1&b=2&copy=3", "?a=1&amp;b=2&amp;copy=3");
	check_text("&nbsp;&rsquo;&#146;&#X41;", "&#160;&#8217;&#8217;&#65;");
	check_text("&#1;&#x0b;|&#0;&#x110000;&#;", "|&amp;#0;&amp;#x110000;&amp;#;");
	check_text("&aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa;",
		   "&amp;aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa;");
	check_text("1 < 2 <3 <", "1 &lt; 2 &lt;3 <");
	check_text("a ]]> ]]]>", "a ]]&gt; ]]]&gt;");
	check_text("<![CDATA[x & <![CDATA[y]]> z ]]>", "<![CDATA[x & <![CDATA[y]]> z ]]&gt;");
}

static void check_head(const char *in, const char *want)
{
	AUTO(buf_done) struct buf head = { 0 };
	CHECK_INT(buf_add(&head, slice_str(in)), 0);
	mend_head(&head);
	CHECK_SLICE(buf_slice(&head), slice_str(want));
}

TEST(what_is_before_the_document_becomes_blanks)
{
	check_head("\xef\xbb\xbf\n<?xml ?><rss>", "   \n<?xml ?><rss>");
	check_head("<b>x</b>\ny\n<?xml ?>", "        \n \n<?xml ?>");
	check_head("x <rss>", "  <rss>");
	check_head("<rss><?xml ?>", "<rss><?xml ?>");
	check_head("<!-- x --><rss>", "<!-- x --><rss>");
	check_head("x", "x");
	check_head("", "");
}

int main(void)
{
	static const struct test tests[] = {
		T(what_is_well_formed_is_left_alone),
		T(bytes_become_utf8),
		T(what_is_no_markup_becomes_text),
		T(what_is_before_the_document_becomes_blanks),
	};
	return RUN_TESTS(tests);
}
