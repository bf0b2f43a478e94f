/* s3_xml.c - the XML of S3's answers, and all that is not it */
#include "../check.h"
#include "io/object/s3_xml.h"

#include <errno.h>

static int note(void *arg, const char *path, struct slice text)
{
	struct buf *seen = arg;
	return buf_printf(seen, "%s=[%.*s] ", path, SLICE(text));
}

static void check_xml(const char *xml, const char *want)
{
	AUTO(buf_done) struct buf seen = { 0 };
	CHECK_INT(s3_xml_read(slice_str(xml), note, &seen), 0);
	CHECK_SLICE(buf_slice(&seen), slice_str(want));
}

TEST(answers_are_read)
{
	check_xml("<a/>", "a=[] ");
	check_xml("<a x=\"1>2\" y='/'/>", "a=[] ");
	check_xml("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>SlowDown</Code>"
		  "<Message>a &lt;b&gt; &amp;amp; &quot;&apos;&#65;&#x20ac;</Message></Error>\n",
		  "Error/Code=[SlowDown] Error/Message=[a <b> &amp; \"'A\xe2\x82\xac] Error=[] ");
	check_xml("<!-- one --><l xmlns=\"http://s3/\"><c>\n <k> a </k >\n <s>1</s></c><c><k/></c "
		  "></l>",
		  "l/c/k=[ a ] l/c/s=[1] l/c=[] l/c/k=[] l/c=[] l=[] ");
	check_xml("\xef\xbb\xbf<a><![CDATA[<b>&amp;]]>]</a>", "a=[<b>&amp;]] ");
	check_xml("  <a>x<!-- y -->z</a>", "a=[xz] ");
	check_xml("<a><b>1</b> 2 </a>", "a/b=[1] a=[] ");
}

TEST(what_is_not_it_is_refused)
{
	static const char *const bad[] = {
		"",
		" ",
		"x",
		"<",
		"<a",
		"<a>",
		"<a><",
		"<a></",
		"<a></b>",
		"<a></a><b/>",
		"<a/><a/>",
		"<a/>x",
		"x<a/>",
		"</a>",
		"<a><b></a></b>",
		"<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>",
		"<!DOCTYPE a><a/>",
		"<a>&x;</a>",
		"<a>&amp</a>",
		"<a>&</a>",
		"<a>&#;</a>",
		"<a>&#x;</a>",
		"<a>&#0;</a>",
		"<a>&#xd800;</a>",
		"<a>&#x110000;</a>",
		"<a>&#99999999999;</a>",
		"<a>&#6a;</a>",
		"<a b=\"></a>",
		"<a <b/>",
		"<a><!-- </a>",
		"<a><![CDATA[ </a>",
		"<![CDATA[x]]><a/>",
		"<? <a/>",
		"<a>\xff</a>",
		"<a\xc3\xbc/>",
		"< a/>",
		"<a><b><c><d><e><f><g><h><i/></h></g></f></e></d></c></b></a>",
	};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		AUTO(buf_done) struct buf seen = { 0 };
		if (s3_xml_read(slice_str(bad[i]), note, &seen) != -EBADMSG)
			printf("# taken: %s\n", bad[i]);
		CHECK_INT(s3_xml_read(slice_str(bad[i]), note, &seen), -EBADMSG);
	}
}

static int stop(void *arg, const char *path, struct slice text)
{
	++*(int *)arg;
	(void)path;
	(void)text;
	return -EMSGSIZE;
}

TEST(who_is_told_may_end_it)
{
	int calls = 0;
	CHECK_INT(s3_xml_read(S("<a><b/><c/></a>"), stop, &calls), -EMSGSIZE);
	CHECK_INT(calls, 1);
}

static const struct test tests[] = {
	T(answers_are_read),
	T(what_is_not_it_is_refused),
	T(who_is_told_may_end_it),
};

int main(void)
{
	return RUN_TESTS(tests);
}
