/* sheet.c - templates of documents: lines that repeat and choose, what data may not do to HTML, and the mistakes */
#include "base/banned.h"
#include "base/buf.h"
#include "check.h"
#include "engine/sheet.h"

static const struct slice record =
	S("{\"id\":7,\"name\":\"A<b>&'\\\"\",\"no\":null,\"on\":true,\"list\":[1,2.50,\"x\"],"
	  "\"items\":[{\"t\":\"one\",\"u\":\"http://x/?a=1&b=2\"},{\"t\":\"two\",\"u\":\"/p q\"}],"
	  "\"js\":\"JaVaScript:alert(1)\",\"tab\":\"java\\tscript:alert(1)\",\"data\":\"data:text/"
	  "html,x\","
	  "\"colon\":\"script:x\",\"mail\":\"mailto:a@b.c\",\"rel\":\"a/"
	  "b:c\",\"css\":\"1px\",\"evil\":\"1;x:url(y)\","
	  "\"end\":\"</script><!--\\u2028\",\"nul\":\"a\\u0000b\",\"neg\":-1,\"empty\":[]}");

static void note(void *arg, const struct expr_error *e)
{
	CHECK_INT(buf_printf(arg, "%zu+%zu %s\n", e->offset, e->length, e->text), 0);
}

static void give(enum sheet_kind kind, const char *text, bool blank, struct buf *out)
{
	struct expr_names names = { .vars = S("{\"v\":\"V\"}") };
	struct env env = { .record = record };
	struct err err = { 0 };
	struct sheet *s = NULL;
	if (sheet_compile(slice_str(text), kind, "t", &names, note, out, &s) < 0) {
		CHECK(out->n > 0 && !s);
		return;
	}
	if (sheet_render(s, &env, blank, out, &err) < 0)
		CHECK_INT(buf_printf(out, "! %s: %s", fault_name(err.fault), err.text), 0);
	sheet_free(s);
}

struct given {
	const char *text, *wanted;
};

static void check_all(enum sheet_kind kind, const struct given *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		AUTO(buf_done) struct buf out = { 0 };
		give(kind, v[i].text, false, &out);
		CHECK_SLICE(buf_slice(&out), slice_str(v[i].wanted));
	}
}
#define CHECK_ALL(kind, list) check_all(kind, list, ARRAY_SIZE(list))

TEST(text)
{
	static const struct given list[] = {
		{ "", "" },
		{ "a \\ b \\n\n", "a \\ b \\n\n" },
		{ "\\(.id)-\\(.name)-\\(.list)\\($vars.v)", "7-A<b>&'\"-[1,2.50,\"x\"]V" },
		{ "\\(\"\\\\(\") \\(\n .id # why\n)!", "\\( 7!" },
		{ "\\\\for x\n  \\\\end", "\\for x\n  \\end" },
		{ "\\forest \\begin{x}\n\\end{x}", "\\forest \\begin{x}\n\\end{x}" },
		{ "a\n\\comment \\(.no) \\for\nb", "a\nb" },
		{ "\\(.id)\r\n\\if .on\r\nx\r\n\\end\r\ny", "7\r\nx\r\ny" },
	};
	CHECK_ALL(SHEET_TEXT, list);
}

TEST(blocks)
{
	static const struct given list[] = {
		{ "<\n\\for .list[] as $x\n \\($x),\n\\end\n>\n", "<\n 1,\n 2.50,\n x,\n>\n" },
		{ "\\for .items[] as $x at $n\n\\($n)\\($x.t)\\(.id)\n\\end", "0one7\n1two7\n" },
		{ "\\for .items[] as {$t, u: $w} at $n\n\\($n)\\($t)\\($w)\n\\end",
		  "0onehttp://x/?a=1&b=2\n1two/p q\n" },
		{ "\\for (.list | map(select(. != 1)) | .[]) as $x\n\\($x)\n\\end", "2.50\nx\n" },
		{ "\\for .list[] as $x\n\t\\for .items[] as $y\n\\($x)\\($y.t)\n\\end\n  \\end",
		  "1one\n1two\n2.50one\n2.50two\nxone\nxtwo\n" },
		{ "\\for .empty[] as $x\n\\($x)\n\\end", "" },
		{ "\\for .empty[] as $x\n\\end", "" },
		{ "\\if .on\na\n\\else\nb\n\\end\nc", "a\nc" },
		{ "\\if .no\na\n\\elif .id == 8\nb\n\\elif .id == 7\nc\n\\else\nd\n\\end", "c\n" },
		{ "\\if .no\na\n\\elif .no\nb\n\\end\nc", "c" },
		/* the first of several values counts; none is false */
		{ "\\if .list[]\na\n\\end", "a\n" },
		{ "\\if empty\na\n\\else\nb\n\\end", "b\n" },
		/* what libjq runs, with names from outside of it */
		{ "\\for .items[] as $x at $n\n\\(def f: . + 1; $n | f)\\($x.t | sub(\"o\"; "
		  "\"0\"))\n"
		  "\\if $x.t | test(\"t\")\n!\n\\end\n\\end\\(.e1)",
		  "10ne\n2tw0\n!\n! bad_value: t:6: \\(.e1) is null: write (... // \"\") if it may "
		  "be "
		  "missing, or `missing: empty`" },
	};
	check_all(SHEET_TEXT, list, ARRAY_SIZE(list) - 1);
	AUTO(buf_done) struct buf out = { 0 };
	give(SHEET_TEXT,
	     "\\for .items[] as $x at $n\n\\(def f: . + 1; $n | f)\\($x.t | sub(\"o\"; \"0\"))\n"
	     "\\if $x.t | test(\"t\")\n!\n\\end\n\\end\n\\(.e1)\\(12345678901234567890)",
	     true, &out);
	CHECK_SLICE(buf_slice(&out), S("10ne\n2tw0\n!\n12345678901234567890"));
}

TEST(values)
{
	static const struct given list[] = {
		{ "a\n\\(.no)",
		  "! bad_value: t:2: \\(.no) is null: write (... // \"\") if it may be "
		  "missing, or `missing: empty`" },
		{ "\\(.no.way)",
		  "! bad_value: t:1: \\(.no.way) is null: write (... // \"\") if it may "
		  "be missing, or `missing: empty`" },
		{ "\\(empty)", "! jq: t:1: \\(empty) gave no value" },
		{ "\\(.list[])",
		  "! jq: t:1: \\(.list[]) gave 2 values where one is wanted: repeat a "
		  "line with \\for, or join them" },
		{ "\n\\(.id.x)", "! jq: t:2: \\(.id.x): cannot index number with string \"x\"" },
		{ "\\for .id[] as $x\n\\end",
		  "! jq: t:1: \\for .id[] as $x: cannot iterate over number (7)" },
	};
	CHECK_ALL(SHEET_TEXT, list);
	AUTO(buf_done) struct buf out = { 0 };
	give(SHEET_HTML, "<p a=\"\\(.no)\">\\(.no)</p><script>\\(.no)</script>", true, &out);
	CHECK_SLICE(buf_slice(&out), S("<p a=\"\"></p><script> null </script>"));
}

TEST(html)
{
	static const struct given list[] = {
		{ "<p>\\(.name)</p>", "<p>A&lt;b&gt;&amp;&#39;&#34;</p>" },
		{ "<p title=\"\\(.name)\" alt='\\(.name)'>",
		  "<p title=\"A&lt;b&gt;&amp;&#39;&#34;\" alt='A&lt;b&gt;&amp;&#39;&#34;'>" },
		{ "<textarea>\\(.end)</textarea><title>\\(.name)</title>\\(.id)",
		  "<textarea>&lt;/script&gt;&lt;!--\xe2\x80\xa8</"
		  "textarea><title>A&lt;b&gt;&amp;&#39;&#34;</"
		  "title>7" },
		{ "<p>\\(.nul)", "<p>a\xef\xbf\xbd"
				 "b" },
		{ "\\raw(.name)<b>\\raw( \"<i>\" )</b>", "A<b>&'\"<b><i></b>" },
		{ "1 < 2 <3 </> \\(.id)", "1 < 2 <3 </> 7" },
		{ "<!-- <a b=\" --><p>\\(.id)<!--><p>\\(.id)<!---><!-- --!>\\(.id)",
		  "<!-- <a b=\" --><p>7<!--><p>7<!---><!-- --!>7" },
		{ "<!doctype html><?php ?><p>\\(.id)", "<!doctype html><?php ?><p>7" },
		{ "<a title=x/y data-id='\\(.id)'/>\\(.id)", "<a title=x/y data-id='7'/>7" },
		{ "<tr\n\\if .on\n class=\"odd\"\n\\end\n>\\(.id)", "<tr\n class=\"odd\"\n>7" },
	};
	CHECK_ALL(SHEET_HTML, list);
}

TEST(urls)
{
	static const struct given list[] = {
		{ "<a href=\"\\(.items[0].u)\">", "<a href=\"http://x/?a=1&amp;b=2\">" },
		{ "<a href='\\(.items[1].u)'>", "<a href='/p%20q'>" },
		{ "<a href=\"\\(.mail)\" cite=\"\\(.rel)\">",
		  "<a href=\"mailto:a@b.c\" cite=\"a/b:c\">" },
		{ "<a href=\"/x/\\(.rel)?q=\\(.items[0].u)#\\(.name)\">",
		  "<a href=\"/x/a/b:c?q=http%3A%2F%2Fx%2F%3Fa%3D1%26b%3D2#A%3Cb%3E%26%27%22\">" },
		{ "<a href=\"java\\(.colon)\">", "<a href=\"javascript%3Ax\">" },
		{ "<a href=\"\\(\"java\")\\(.colon)\">", "<a href=\"javascript%3Ax\">" },
		{ "<a href=\"\\(.items[0].u)&amp;c=\\(.name)\">",
		  "<a href=\"http://x/?a=1&amp;b=2&amp;c=A%3Cb%3E%26%27%22\">" },
		{ "<img src=\"data:image/png;base64,\\(\"ab+/=\")\">",
		  "<img src=\"data:image/png;base64,ab+/=\">" },
		{ "<a href=\" \\(.tab)\">", "! bad_value: t:1: \\(.tab) is no URL to link to: its "
					    "scheme 'java\tscript' is not "
					    "http, https, mailto, tel, sms, ftp or cid" },
		{ "<a xlink:href=\"\\(.js)\">",
		  "! bad_value: t:1: \\(.js) is no URL to link to: its scheme 'JaVaScript' is not "
		  "http, https, mailto, tel, sms, ftp or cid" },
		{ "<img src=\"\\(.data)\">", "! bad_value: t:1: \\(.data) is no URL to link to: "
					     "its scheme 'data' is not http, "
					     "https, mailto, tel, sms, ftp or cid" },
		{ "<a href=\"\\(.list)\">",
		  "! bad_value: t:1: \\(.list) is a list, and stands in a URL" },
	};
	CHECK_ALL(SHEET_HTML, list);
}

TEST(scripts_and_styles)
{
	static const struct given list[] = {
		{ "<script>x = \\(.end), y=\"a'\\\"\" -\\(.neg)</SCRIPT>\\(.id)",
		  "<script>x =  \"\\u003c/script\\u003e\\u003c!--\\u2028\" , y=\"a'\\\"\" - -1 "
		  "</SCRIPT>7" },
		{ "<script type='application/ld+json'>{\"a\": \\(.items)}</script >\\(.id)",
		  "<script type='application/ld+json'>{\"a\":  [{\"t\":\"one\",\"u\":\"http://"
		  "x/?a=1\\u0026b=2\"},{\"t\":\"two\",\"u\":\"/p q\"}] }</script >7" },
		{ "<script>// don't\n/* \" */ x=\\(.id)</script>",
		  "<script>// don't\n/* \" */ x= 7 </script>" },
		{ "<p style=\"width: \\(.css)\"><style>p{top:\\(.id)px}</style>",
		  "<p style=\"width: 1px\"><style>p{top:7px}</style>" },
		{ "<p style='color:\\(.evil)'>",
		  "! bad_value: t:1: \\(.evil) stands in a style, where only letters, digits and "
		  "_.,%#+- may" },
	};
	CHECK_ALL(SHEET_HTML, list);
}

TEST(what_only_looks_dangerous)
{
	static const struct given list[] = {
		{ "<meta http-equiv=x content=y><meta name=a content='\\(.name)'>",
		  "<meta http-equiv=x content=y><meta name=a "
		  "content='A&lt;b&gt;&amp;&#39;&#34;'>" },
		{ "<br/><p to='\\(.js)'/>", "<br/><p to='JaVaScript:alert(1)'/>" },
		{ "<svg><animate values='1;\\(.neg)'/></svg>",
		  "<svg><animate values='1;-1'/></svg>" },
	};
	CHECK_ALL(SHEET_HTML, list);
}

TEST(xml)
{
	static const struct given list[] = {
		{ "<?xml version=\"1.0\"?><!-- \" --><a "
		  "to=\"\\(.js)\">\\(.name)<![CDATA[<b>]]></a>",
		  "<?xml version=\"1.0\"?><!-- \" --><a "
		  "to=\"JaVaScript:alert(1)\">A&lt;b&gt;&amp;&#39;&#34;<![CDATA["
		  "<b>]]></a>" },
		{ "<title>\\(.name)</title><script/>\\(.id)<!---->",
		  "<title>A&lt;b&gt;&amp;&#39;&#34;</title><script/>7<!---->" },
		{ "<p>\\(.nul)", "<p>a\xef\xbf\xbd"
				 "b" },
		{ "<script>\\(.id)</script>", "8+6 data has no place in a script of XML\n" },
		{ "<![CDATA[\\(.id)]]>", "9+6 data has no place in a CDATA section\n" },
		{ "<!DOCTYPE x [", "12+1 a document type of its own has no place in a template\n" },
	};
	CHECK_ALL(SHEET_XML, list);
}

TEST(refused_places)
{
	static const struct given list[] = {
		{ "<p a=\\(.id)>", "5+6 put the attribute's value in quotes: class=\"\\(...)\"\n" },
		{ "<p a=x\\(.id)>",
		  "6+6 put the attribute's value in quotes: class=\"\\(...)\"\n" },
		{ "<\\(.id)>", "1+6 data has no place behind '<'\n" },
		{ "<p\\(.id)>", "2+6 data has no place in the name of an element\n" },
		{ "<p \\(.id)>", "3+6 data has no place within a tag\n" },
		{ "<p a\\(.id)=''>", "4+6 data has no place in the name of an attribute\n" },
		{ "<!--\\(.id)-->", "4+6 data has no place in a comment; a line that begins with "
				    "\\comment is left out\n" },
		{ "<p onClick='\\(.id)' srcset=\"\\(.id)\">",
		  "12+6 data has no place in this attribute: put it into one of its own, such as "
		  "data-id=\"\\(...)\"\n28+6 data has no place in this attribute: put it into one "
		  "of "
		  "its own, such as data-id=\"\\(...)\"\n" },
		{ "<script>'\\(.id)'</script>",
		  "9+6 data brings its own quotes into a script: write it "
		  "outside of the string\n" },
		{ "<script>'\\\n\\(.id)'</script>\n",
		  "11+6 data brings its own quotes into a script: write it outside of the "
		  "string\n" },
		{ "<script>/* \\(.id) */</script>",
		  "11+6 this stands in a comment: take it out\n" },
		{ "<script>a/b;\\(.id)</script>",
		  "12+6 it cannot be told what this is to the script, "
		  "behind a '/' or a '`': put the data first\n" },
		{ "<script>`${\\(.id)}`</script>", "11+6 it cannot be told what this is to the "
						   "script, behind a '/' or a '`': put the "
						   "data first\n" },
		{ "<script><!-- </script>", "8+4 '<!--' within a script hides where it ends\n" },
		{ "<iframe>\\(.id)</iframe>",
		  "8+6 data has no place in an element that is not read as HTML\n" },
		{ "<a href=\"javascript:f(\\(.id))\">", "22+6 data has no place in a URL that is a "
							"script or a document of its own\n" },
		{ "<a href=\"data:text/html,\\(.id)\">",
		  "24+6 data has no place in a URL that is a "
		  "script or a document of its own\n" },
		{ "<a href=\"\\(.id):x\">", "15+1 the scheme of a URL cannot come from data\n" },
		{ "<a href=\"&#106;avascript:\\(.id)\">",
		  "25+6 it cannot be told what stands before this in the URL: begin it with "
		  "https:// "
		  "or /\n" },
		{ "<p a=\"\\raw(.id)\">", "6+9 \\raw( ) stands in the text, not in an attribute's "
					  "value\n" },
		{ "\\if .on\n<p\n\\end\n>",
		  "0+7 behind this \\if it is not certain where the document "
		  "is: within a tag, or without it in the text\n" },
		{ "\\if .on\n<p>\n\\else\n<p \n\\end\n>",
		  "0+7 behind this \\if it is not certain where the document is: in the text, or "
		  "within a tag\n" },
		{ "\\for .list[] as $x\n<p title=\"\n\\end\n",
		  "0+18 what this repeats begins in the text and ends in an attribute's value: it "
		  "must "
		  "end where it began\n" },
		{ "<meta http-equiv=refresh content=\"0;url=\\(.js)\">",
		  "40+6 data has no place in this attribute: put it into one of its own, such as "
		  "data-id=\"\\(...)\"\n" },
		{ "<META content='\\(.js)' HTTP-EQUIV=refresh>",
		  "33+1 with http-equiv the content of <meta> cannot come from data\n" },
		{ "<svg><set attributeName=href to='\\(.js)'/></svg>",
		  "! bad_value: t:1: \\(.js) stands in a style, where only letters, digits and "
		  "_.,%#+- may" },
		{ "<svg><animate values='\\(.neg);\\(.js)'/></svg>",
		  "! bad_value: t:1: \\(.js) stands in a style, where only letters, digits and "
		  "_.,%#+- may" },
		{ "<x:title><a href='\\(.js)'></title>",
		  "! bad_value: t:1: \\(.js) is no URL to link to: its scheme 'JaVaScript' is not "
		  "http, https, mailto, tel, sms, ftp or cid" },
		{ "<svg><title/></svg><a href='\\(.js)'>",
		  "28+6 data has no place in an element that is not read as HTML\n36+0 the "
		  "template "
		  "ends behind an element such as <title/>, which HTML does not end there: write "
		  "<title></title>\n" },
		{ "<p @click='\\(.id)'>",
		  "11+6 data has no place in this attribute: put it into one of its own, such as "
		  "data-id=\"\\(...)\"\n" },
		{ "<p title='", "10+0 the template ends in an attribute's value\n" },
		{ "<script>", "8+0 the template ends in a script\n" },
	};
	CHECK_ALL(SHEET_HTML, list);
	static const struct given text[] = {
		{ "\\raw(.id)", "0+9 nothing is escaped in this template: write \\( ) instead of "
				"\\raw( )\n" },
	};
	CHECK_ALL(SHEET_TEXT, text);
}

TEST(mistakes)
{
	static const struct given list[] = {
		{ "a\n\\(.id", "2+2 '\\(' is never closed: ')' is missing\n" },
		{ "\\(.id |) b\n\\(.x[)",
		  "7+1 expected a value, found ')'\n16+1 expected a value, found "
		  "')'\n" },
		{ "\\($x)", "2+2 unknown name $x: known here are $vars, $meta\n" },
		{ "\\for .list[] as $x\n\\end\n\\($x)",
		  "26+2 unknown name $x: known here are $vars, $meta\n" },
		{ "\\for .list[]\n\\($x)\n\\end",
		  "12+0 expected 'as $name': \\for takes one term, put "
		  "more in parentheses\n" },
		{ "\\for .list[] as $x of\n\\end",
		  "19+2 expected 'at $n' or the end of the line, found 'of'\n" },
		{ "\\for .list[] as $x", "0+18 this \\for is never closed: \\end is missing\n" },
		{ "\\end\n\\else",
		  "0+4 \\end closes nothing: there is no \\for or \\if above\n5+5 \\else "
		  "closes nothing: there is no \\for or \\if above\n" },
		{ "\\if\n\\end", "3+0 the program is empty: write '.' for the record itself\n" },
		{ "\\if .on\n\\else if .id\n\\end", "8+8 here it is called \\elif\n" },
		{ "\\if .on\n\\else\n\\else\n\\end", "14+5 \\else belongs into an \\if, before its "
						     "\\else\n20+4 \\end closes nothing: there "
						     "is no \\for or \\if above\n" },
		{ "\\if .on\n\\end if", "13+2 nothing stands behind \\end\n" },
		{ "x \\if .on\n",
		  "2+3 \\if stands alone on its line; \\\\if would be the word itself\n" },
		{ "\\endfor\n", "0+7 here it is called \\end; two backslashes would write the word "
				"itself\n" },
		{ "a\xff", "1+1 this byte, 0xff, is no UTF-8 text\n" },
		{ "\\($secret.X)",
		  "2+7 $secret exists only in the options auth, headers, url, body and "
		  "db\n" },
	};
	CHECK_ALL(SHEET_TEXT, list);
}

/* Of large documents nothing is kept but the document: what 64 MB of memory of an evaluation must be enough for. */
TEST(large)
{
	struct expr_names names = { 0 };
	struct err err = { 0 };
	struct sheet *s = NULL;
	AUTO(buf_done) struct buf said = { 0 }, out = { .max = SHEET_MAX_BYTES };
	AUTO(buf_done) struct buf text = { 0 };
	CHECK_INT(buf_add(&text, S("{\"a\":[0")), 0);
	for (int i = 1; i < 400000; i++)
		CHECK_INT(buf_printf(&text, ",{\"t\":%d}", i), 0);
	CHECK_INT(buf_add(&text, S("]}")), 0);
	struct env env = { .record = buf_slice(&text) };
	CHECK_INT(sheet_compile(S("\\for .a[1:][] as $x at $n\n<a href=\"\\($x.t)\">\\($x.t) "
				  "\\($n)</a>\n\\end\n"),
				SHEET_HTML, "t", &names, note, &said, &s),
		  0);
	CHECK_INT(sheet_render(s, &env, false, &out, &err), 0);
	CHECK(slice_ends(buf_slice(&out), S("<a href=\"399999\">399999 399998</a>\n")));
	sheet_free(s);
}

TEST(bounds)
{
	struct expr_names names = { 0 };
	struct env env = { .record = S("{}") };
	struct err err = { 0 };
	struct sheet *s = NULL;
	AUTO(buf_done) struct buf text = { 0 }, out = { .max = 1000 };
	CHECK_INT(sheet_compile(S("\\for range(1000) as $n\n\\($n)\n\\end"), SHEET_TEXT, "t",
				&names, note, &text, &s),
		  0);
	CHECK_INT(sheet_render(s, &env, false, &out, &err), -1);
	CHECK_INT(err.fault, FAULT_TOO_LARGE);
	CHECK_INT(out.n, 0);
	sheet_free(s);
	for (int i = 0; i < 30; i++)
		CHECK_INT(buf_add(&text, S("\\if .a\n")), 0);
	AUTO(buf_done) struct buf said = { 0 };
	CHECK_INT(sheet_compile(buf_slice(&text), SHEET_TEXT, "t", &names, note, &said, &s), -1);
	CHECK(strstr(said.p, "blocks within blocks are too many: 20"));
}

static const struct test tests[] = { T(text),
				     T(blocks),
				     T(values),
				     T(html),
				     T(urls),
				     T(scripts_and_styles),
				     T(what_only_looks_dangerous),
				     T(xml),
				     T(refused_places),
				     T(mistakes),
				     T(large),
				     T(bounds) };

int main(void)
{
	return RUN_TESTS(tests);
}
