/* feeds.c - tests of feeds/: dates, titles, feeds of all kinds, what is known of one */
#include "base/banned.h"
#include "base/utf8.h"
#include "check.h"
#include "connectors/feeds/dates.h"
#include "connectors/feeds/feed.h"
#include "connectors/feeds/known.h"
#include "connectors/feeds/plain.h"
#include "connectors/feeds/unchanged.h"
#include <time.h>

/* ---- dates ----------------------------------------------------------------------------------- */

static void check_date(const char *text, const char *want)
{
	AUTO(buf_done) struct buf got = { 0 };
	int64_t ns;
	if (feed_date_read(slice_str(text), &ns) == 0)
		CHECK_INT(feed_date_put(ns, &got), 0);
	if (!slice_eq_str(buf_slice(&got), want))
		printf("# '%s':\n", text);
	CHECK_SLICE(buf_slice(&got), slice_str(want));
}

TEST(dates_of_rfc_822_are_read_however_they_are_written)
{
	check_date("Mon, 06 Sep 2021 00:01:00 +0000", "2021-09-06T00:01:00Z");
	check_date("Mon, 06 Sep 2021 00:01:00 GMT", "2021-09-06T00:01:00Z");
	check_date("6 Sep 21 00:01 EST", "2021-09-06T05:01:00Z");
	check_date("Tue, 6 Sep 2021 00:01:30 -0700", "2021-09-06T07:01:30Z"); /* it was a Monday */
	check_date("Mon,06 Sep 2021 00:01:00 PDT", "2021-09-06T07:01:00Z");
	check_date("Monday, 6 September 2021 00:01:00 +02:00", "2021-09-05T22:01:00Z");
	check_date("06-Sep-2021 00:01:00", "2021-09-06T00:01:00Z");
	check_date("Sep 6, 2021 12:05 AM", "2021-09-06T00:05:00Z");
	check_date("Sep. 6, 2021 at 12:05 PM", "2021-09-06T12:05:00Z");
	check_date("Mon Sep  6 00:01:00 2021", "2021-09-06T00:01:00Z");
	check_date("Mon Sep  6 00:01:00 CEST 2021", "2021-09-05T22:01:00Z");
	check_date("Thu, 01 Jan 70 00:00:00 GMT", "1970-01-01T00:00:00Z");
	check_date("Wed, 31 Dec 69 23:59:59 GMT", "2069-12-31T23:59:59Z");
	check_date("Mon, 06 Sep 2021", "2021-09-06T00:00:00Z");
	check_date("Mon, 06 Sep 2021 24:00:00 +0000", "2021-09-07T00:00:00Z");
	check_date("Sat, 31 Dec 2016 23:59:60 GMT", "2017-01-01T00:00:00Z");
	check_date("  Mon, 06 Sep 2021\n 00:01:00 +0000 (UTC) ", "2021-09-06T00:01:00Z");
	check_date("Mon, 06 Sep 2021 00:01:00 GMT+2", "2021-09-05T22:01:00Z");
	check_date("Mon, 06 Sep 2021 05:31:00 +0530 IST", "2021-09-06T00:01:00Z");
}

TEST(dates_of_iso_8601_are_read_as_far_as_they_go)
{
	check_date("2021-09-06T00:01:00Z", "2021-09-06T00:01:00Z");
	check_date("2021-09-06T00:01:00.25+02:00", "2021-09-05T22:01:00.250Z");
	check_date("2021-09-06t00:01:00z", "2021-09-06T00:01:00Z");
	check_date("2021-09-06 00:01:00", "2021-09-06T00:01:00Z");
	check_date("2021-09-06 00:01:00 +0200", "2021-09-05T22:01:00Z");
	check_date("2021-09-06T00:01-0500", "2021-09-06T05:01:00Z");
	check_date("2021-09-06", "2021-09-06T00:00:00Z");
	check_date("2021/09/06 00:01:00", "2021-09-06T00:01:00Z");
	check_date("2021-09", "2021-09-01T00:00:00Z");
	check_date("2021", "2021-01-01T00:00:00Z");
	check_date("2024-02-29T12:00Z", "2024-02-29T12:00:00Z");
}

TEST(what_is_no_date_is_none)
{
	static const char *const none[] = { "",
					    "today",
					    "yesterday at noon",
					    "Mon, 32 Jan 2021 00:00:00 GMT",
					    "2021-02-29",
					    "2021-13-01",
					    "2021-09-06T25:00:00Z",
					    "2021-09-06T00:61:00Z",
					    "06 Sep",
					    "Sep 2021",
					    "6 6 6",
					    "06 Sep 2021 00:01:00 XYZ",
					    "06 Sep Oct 2021",
					    "123456789",
					    "2021-09-06T00:01:00+99:00",
					    "-06 Sep 2021",
					    "2021/09-06",
					    "06 Sep 2021 00:01:00 IST",
					    "12:00" };
	for (size_t i = 0; i < ARRAY_SIZE(none); i++)
		check_date(none[i], "");
}

/* ---- titles ---------------------------------------------------------------------------------- */

static void check_plain(const char *html, const char *want)
{
	AUTO(buf_done) struct buf got = { 0 };
	CHECK_INT(plain_put_html(slice_str(html), &got), 0);
	CHECK_SLICE(buf_slice(&got), slice_str(want));
}

TEST(html_in_titles_becomes_text)
{
	check_plain("a <b>bold</b> word", "a bold word");
	check_plain("  much \n room ", "much room");
	check_plain("AT&amp;T &lt;3 &#8217; &#x41; &#146;", "AT&T <3 \u2019 A \u2019");
	check_plain("a < b and List<String> stay", "a < b and List<String> stay");
	check_plain("&unknown; &; & &#0; &#1114112;", "&unknown; &; & &#0; &#1114112;");
	check_plain("one<br/>two<p>three</p>", "one two three");
	check_plain("<script>alert('x')</script>seen<!-- not -->", "seen");
	check_plain("half <b", "half <b");
	check_plain("caf&eacute;&nbsp;x", "caf\u00e9\u00a0x");
}

/* ---- feeds ----------------------------------------------------------------------------------- */

struct reading {
	struct buf records; /* a line each */
	size_t n;
	struct err err;
	int result;
};

static void on_entry(void *arg, struct entry *e, const struct feed_about *about)
{
	struct reading *r = arg;
	r->n++;
	CHECK_INT(entry_put_json(e, about, &r->records), 0);
	CHECK_INT(buf_add_char(&r->records, '\n'), 0);
}

static void read_bytes(struct reading *r, struct slice bytes, size_t step, const char *charset)
{
	const struct feed_options o = { .url = S("http://h/f"),
					.found = S("http://h/dir/f"),
					.charset = slice_str(charset),
					.most = 1 << 20,
					.on_entry = on_entry,
					.arg = r };
	AUTO(feed_freep) struct feed *feed = feed_new(&o);
	*r = (struct reading){ 0 };
	while (bytes.n && r->result == 0) {
		struct slice part = slice_head(bytes, step);
		bytes = slice_from(bytes, part.n);
		r->result = feed_push(feed, part, &r->err);
	}
	if (r->result == 0)
		r->result = feed_end(feed, &r->err);
}

static void reading_done(struct reading *r)
{
	buf_done(&r->records);
}

/* The same, however it comes. */
static void read_feed(struct reading *r, struct slice bytes, const char *charset)
{
	struct reading piecemeal;
	read_bytes(r, bytes, SIZE_MAX, charset);
	read_bytes(&piecemeal, bytes, 1, charset);
	CHECK_INT(piecemeal.result, r->result);
	CHECK_SLICE(buf_slice(&piecemeal.records), buf_slice(&r->records));
	reading_done(&piecemeal);
}

static void check_has(const struct reading *r, const char *what)
{
	if (r->records.n && strstr(r->records.p, what))
		return;
	printf("# no [%s] in: %s%s\n", what, r->records.n ? r->records.p : "", r->err.text);
	CHECK(false);
}

static void check_feed(const char *text, const char *want)
{
	struct reading r;
	read_feed(&r, slice_str(text), "");
	CHECK_INT(r.result, 0);
	check_has(&r, want);
	reading_done(&r);
}

#define RSS(items) "<rss version='2.0'><channel><title>T</title>" items "</channel></rss>"

TEST(rss_is_read)
{
	check_feed(RSS("<item><guid>g</guid><title>&lt;i&gt;x&lt;/i&gt;</title><link> /a "
		       "</link></item>"),
		   "{\"guid\":\"g\",\"link\":\"http://h/a\",\"title\":\"x\"");
	check_feed(RSS("<item><guid>http://h/p</guid></item>"), "\"link\":\"http://h/p\"");
	check_feed(RSS("<item><guid isPermaLink='false'>http://h/p</guid></item>"),
		   "\"link\":null");
	check_feed(RSS("<item><link>b</link></item>"), "{\"guid\":\"http://h/dir/b\"");
	check_feed(RSS("<item xml:base='http://o/x/'><link>b</link></item>"),
		   "\"link\":\"http://o/x/b\"");
	check_feed(RSS("<item><description>a <b>c</b><br/> &amp; d</description></item>"),
		   "\"summary\":\"a <b>c</b><br> & d\"");
	check_feed(RSS("<item><category>x</category><category>y</category></item>"),
		   "\"categories\":[\"x\",\"y\"]");
	check_feed(RSS("<item><enclosure url='m.mp3' type='audio/mpeg' length='7'/></item>"),
		   "\"enclosures\":[{\"url\":\"http://h/dir/m.mp3\",\"type\":\"audio/"
		   "mpeg\",\"bytes\":7}]");
	check_feed(RSS("<image><title>no</title></image><item><title>t</title></item>"),
		   "\"feed\":{\"url\":\"http://h/f\",\"title\":\"T\"");
	check_feed("\n <rss><channel><item><title>blanks before</title></item></channel></rss>",
		   "blanks before");
}

TEST(extensions_of_rss_are_read_with_and_without_their_namespaces)
{
	check_feed("<rss xmlns:c='http://purl.org/rss/1.0/modules/content/'><channel><item>"
		   "<c:encoded><![CDATA[<p>x</p>]]></c:encoded></item></channel></rss>",
		   "\"content\":\"<p>x</p>\"");
	check_feed(RSS("<item><dc:creator>A</dc:creator><author>b@c</author></item>"),
		   "\"author\":\"A\"");
	check_feed(RSS("<item><dc:date>2021-09-06</dc:date></item>"),
		   "\"published\":\"2021-09-06T00:00:00Z\"");
	check_feed(RSS("<item><dc:date>2020-01-01</dc:date><pubDate>6 Sep 2021</pubDate></item>"),
		   "\"published\":\"2021-09-06T00:00:00Z\"");
	check_feed(RSS("<item><media:group><media:content url='v' medium='image'/><media:title>no"
		       "</media:title></media:group><title>t</title></item>"),
		   "\"title\":\"t\"");
	check_feed(RSS("<item><media:thumbnail url='p.png'/></item>"),
		   "{\"url\":\"http://h/dir/p.png\",\"type\":\"image/*\",\"bytes\":null}");
}

TEST(rdf_is_read)
{
	check_feed("<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#' "
		   "xmlns='http://purl.org/rss/1.0/'><channel><title>C</title></channel>"
		   "<item rdf:about='http://h/1'><title>one</title></item></rdf:RDF>",
		   "{\"guid\":\"http://h/1\",\"link\":null,\"title\":\"one\"");
}

#define ATOM(entry)                                                  \
	"<feed xmlns='http://www.w3.org/2005/Atom'><title>F</title>" \
	"<author><name>Whole</name></author><entry>" entry "</entry></feed>"

TEST(atom_is_read)
{
	check_feed(ATOM("<id>i</id><title type='html'>&lt;b&gt;x&lt;/b&gt; &amp;amp; y</title>"
			"<link rel='self' href='/no'/><link href='/yes'/>"),
		   "{\"guid\":\"i\",\"link\":\"http://h/yes\",\"title\":\"x & y\"");
	check_feed(ATOM("<title>a &lt;b&gt; c</title>"), "\"title\":\"a <b> c\"");
	check_feed(ATOM("<content type='xhtml'><div xmlns='http://www.w3.org/1999/xhtml'><p "
			"class='k'>1 &lt; 2<br/></p></div></content>"),
		   "\"content\":\"<p class=\\\"k\\\">1 &lt; 2<br></p>\"");
	check_feed(ATOM("<content type='html'>&lt;p&gt;x</content>"), "\"content\":\"<p>x\"");
	check_feed(ATOM("<content type='image/png'>AAAA</content>"), "\"content\":null");
	check_feed(ATOM("<content src='/elsewhere'/>"), "\"content\":null");
	check_feed(ATOM("<author><name>A</name></author><author><name>B</name></author>"),
		   "\"author\":\"A, B\"");
	check_feed(ATOM("<title>t</title>"), "\"author\":\"Whole\"");
	check_feed(ATOM("<source><title>no</title><id>no</id></source><id>i</id>"),
		   "{\"guid\":\"i\",\"link\":null,\"title\":null");
	check_feed(ATOM("<updated>2021-09-06T00:01:00+02:00</updated><published>2020</published>"),
		   "\"published\":\"2020-01-01T00:00:00Z\",\"updated\":\"2021-09-05T22:01:00Z\"");
	check_feed(ATOM("<category term='t' label='L'/>"), "\"categories\":[\"t\"]");
	check_feed(ATOM("<link href='/a?b=1&amp;c=&#38;&amp;#38;d&lt;'/>"),
		   "\"link\":\"http://h/a?b=1&c=&&#38;d<\"");
}

TEST(json_feeds_are_read)
{
	check_feed("{\"version\":\"https://jsonfeed.org/version/"
		   "1\",\"items\":[{\"id\":7,\"url\":\"x\","
		   "\"content_html\":\"<p>\",\"author\":{\"name\":\"N\"},\"tags\":[\"a\",1,\"b\"],"
		   "\"attachments\":[{\"url\":\"m\",\"mime_type\":\"a/b\",\"size_in_bytes\":3}]}]}",
		   "{\"guid\":\"7\",\"link\":\"http://h/dir/x\",\"title\":null,\"summary\":null,"
		   "\"content\":\"<p>\",\"author\":\"N\",\"published\":null,\"updated\":null,"
		   "\"categories\":[\"a\",\"b\"],\"enclosures\":[{\"url\":\"http://h/dir/m\","
		   "\"type\":\"a/b\",\"bytes\":3}]");
}

TEST(bytes_of_json_feeds_are_mended)
{
	check_feed("{\"version\":\"https://jsonfeed.org/version/1.1\",\"items\":[{\"id\":\"1\","
		   "\"title\":\"caf\xe9 \u00e9\"}]}",
		   "\"caf\u00e9 \u00e9\"");
}

static void check_text(struct slice bytes, const char *charset, const char *want)
{
	struct reading r;
	read_feed(&r, bytes, charset);
	CHECK_INT(r.result, 0);
	check_has(&r, want);
	reading_done(&r);
}

TEST(encodings_are_those_of_mark_declaration_and_header)
{
	check_text(S("<?xml version='1.0' encoding='windows-1252'?>" RSS(
			   "<item><title>\x93\xe9\x94</title></item>")),
		   "", "\u201c\u00e9\u201d");
	check_text(S("<?xml version='1.0' encoding='iso-8859-2'?>" RSS(
			   "<item><title>\xb3</title></item>")),
		   "utf-8", "\u0142");
	check_text(S(RSS("<item><title>\xe9</title></item>")), "iso-8859-1", "\u00e9");
	check_text(S("\xef\xbb\xbf" RSS("<item><title>\xc3\xa9</title></item>")), "iso-8859-1",
		   "\u00e9");
	check_text(S(RSS("<item><title>\xc3\xa9</title></item>")), "no-such-charset", "\u00e9");
	check_text(S("\xff\xfe<\0r\0s\0s\0>\0<\0c\0h\0a\0n\0n\0e\0l\0>\0<\0i\0t\0e\0m\0>\0"
		     "<\0t\0i\0t\0l\0e\0>\0\xe9\0<\0/\0t\0i\0t\0l\0e\0>\0<\0/\0i\0t\0e\0m\0>\0"
		     "<\0/\0c\0h\0a\0n\0n\0e\0l\0>\0<\0/\0r\0s\0s\0>\0"),
		   "", "\u00e9");
}

/* What others read, too: docs/how-to/feeds.md has the list. */
TEST(feeds_with_common_mistakes_are_read)
{
	check_feed("<?xml version='1.0' encoding='utf-8'?>" RSS(
			   "<item><title>\x93"
			   "caf\xe9s\x94 \xc3\xa9</title></item>"),
		   "\u201ccaf\u00e9s\u201d \u00e9");
	check_feed(RSS("<item><title>cut: \xe2\x80</title><link>/?a=1&b=2&copy=3</link></item>"),
		   "\"http://h/?a=1&b=2&copy=3\",\"title\":\"cut: \ufffd\"");
	check_feed(RSS("<item><title>R&D &rsquo;&#146;&bogus; 1 < 2 ]]></title></item>"),
		   "\"R&D \u2019\u2019&bogus; 1 < 2 ]]>\"");
	check_feed(RSS("<item><title>a\x01\x0b&#2;b</title><!-- -- --><?php x?></item>"), "\"ab\"");
	check_feed(RSS("<item><enclosure url='/caf&eacute;&b' type='t/t'/></item>"),
		   "\"url\":\"http://h/caf\u00e9&b\"");
	check_feed(RSS("<item><title><![CDATA[a & <b>b</b> &nbsp;c]]></title></item>"),
		   "\"a & b \u00a0c\"");
	check_feed(RSS("<item><title>t</title></item>") "<script>it & they</script>", "\"t\"");
}

TEST(feeds_with_junk_before_them_are_read)
{
	static const char *const junk[] = { "\n\n ", "\xef\xbb\xbf\xef\xbb\xbf\n",
					    "Notice: x in y.php on line 3\n",
					    "<br />\n<b>Warning</b>: x\n",
					    "<!-- first & -- -->\n" };
	for (size_t i = 0; i < ARRAY_SIZE(junk); i++) {
		AUTO(buf_done) struct buf text = { 0 };
		CHECK_INT(buf_printf(&text, "%s<?xml version='1.0' encoding='utf-8'?>%s", junk[i],
				     RSS("<item><title>found</title></item>")),
			  0);
		check_feed(text.p, "\"found\"");
	}
	check_feed("Notice: x\n" RSS("<item><title>found</title></item>"), "\"found\"");
}

TEST(wrong_names_of_encodings_do_no_harm)
{
	static const char *const names[] = {
		"bogus", "utf-16", "us-ascii", "utf8", "", "UTF-8; x"
	};
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		AUTO(buf_done) struct buf text = { 0 };
		CHECK_INT(buf_printf(&text, "<?xml version='1.0' encoding='%s'?>%s", names[i],
				     RSS("<item><title>\u00e9\xe9</title></item>")),
			  0);
		check_feed(text.p, "\u00e9\u00e9");
	}
	check_text(S("<?xml version='1.0' encoding='ISO-8859-1'?>" RSS(
			   "<item><title>Spa\xdf\xbb \x92</title></item>")),
		   "", "Spa\u00df\u00bb \u2019");
	check_text(S("<?xml version='1.0' encoding='koi8-r'?>" RSS(
			   "<item><title>\xc1 & &rsquo;\x01</title></item>")),
		   "", "\u0430 & \u2019\"");
}

TEST(namespaces_and_names_are_known_when_they_are_nearly_right)
{
	check_feed("<feed><entry><id>1</id><link href='/a'/></entry></feed>",
		   "{\"guid\":\"1\",\"link\":\"http://h/a\"");
	check_feed("<feed xmlns='https://www.w3.org/2005/atom/'><entry><id>1</id></entry></feed>",
		   "{\"guid\":\"1\"");
	check_feed("<rss xmlns='urn:unknown'><Channel><Item><GUID isPermaLink='False'>http://h/1"
		   "</GUID><Title>t</Title></Item></Channel></rss>",
		   "{\"guid\":\"http://h/1\",\"link\":null,\"title\":\"t\"");
	check_feed("<rss xmlns:d='https://purl.org/dc/elements/1.1'><channel><item>"
		   "<d:creator>A</d:creator></item></channel></rss>",
		   "\"author\":\"A\"");
}

static void check_fault(const char *text, size_t entries, enum fault fault, const char *want)
{
	struct reading r;
	read_feed(&r, slice_str(text), "");
	CHECK_INT(r.result, -1);
	CHECK_INT(r.n, entries);
	CHECK_INT(r.err.fault, fault);
	if (!strstr(r.err.text, want))
		printf("# not [%s] but [%s]\n", want, r.err.text);
	CHECK(strstr(r.err.text, want));
	reading_done(&r);
}

TEST(what_is_before_a_mistake_is_taken_and_the_mistake_has_a_place)
{
	check_fault("<rss><channel>\n<item><guid>1</guid></item>\n<item><guid>2</itm>", 1,
		    FAULT_PROTOCOL, "malformed at 3:");
	check_fault("<rss><channel><item><guid>1</guid></item>", 1, FAULT_PROTOCOL,
		    "malformed at 1:");
	check_fault("\n<?xml version='1.0'?>\n<rss><channel><item></channel>", 0, FAULT_PROTOCOL,
		    "malformed at 3:31: Opening and ending tag mismatch");
	check_fault("{\"version\":\n\"https://jsonfeed.org/version/1\",,}", 0, FAULT_PROTOCOL,
		    "malformed at 2:");
}

TEST(what_is_wrong_is_said_in_one_line)
{
	struct reading r;
	read_feed(&r,
		  S("<?xml version='1.0' encoding='euc-kr'?>"
		    "<rss><channel><item><guid>1</guid></item><item><title>\xff\xff</title>"),
		  "");
	CHECK_INT(r.result, -1);
	CHECK_INT(r.n, 1);
	CHECK(strstr(r.err.text, "malformed at 1:") &&
	      strstr(r.err.text, "bytes that its encoding does not have"));
	CHECK(!strchr(r.err.text, '\n'));
	reading_done(&r);
}

TEST(what_is_no_feed_says_what_it_is)
{
	check_fault("<!DOCTYPE html><html><link type='application/rss+xml' href='/r.xml?a&amp;b' "
		    "rel='alternate'><p>",
		    0, FAULT_PROTOCOL,
		    "an HTML page, not a feed; it names this feed: http://h/r.xml?a&b");
	check_fault("<html></html>", 0, FAULT_PROTOCOL, "it names no feed either");
	check_fault("<svg/>", 0, FAULT_PROTOCOL, "an XML document <svg>");
	check_fault("{\"a\":1}", 0, FAULT_PROTOCOL, "no JSON Feed");
	check_fault("it works!", 0, FAULT_PROTOCOL, "answered with 'it works!'");
	check_fault("", 0, FAULT_PROTOCOL, "answered with nothing");
}

TEST(entities_and_depth_have_an_end)
{
	AUTO(buf_done) struct buf deep = { 0 };
	check_fault("<!DOCTYPE r [<!ENTITY a 'aaaa'>]><rss><channel><item><title>&a;", 0,
		    FAULT_PROTOCOL, "'&a;', which is not expanded");
	check_fault("<!DOCTYPE r [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><rss><channel><item "
		    "x='&a;'/>",
		    0, FAULT_PROTOCOL, "malformed at 1:");
	check_feed(RSS("<item><title>caf&eacute;&nbsp;&amp;</title></item>"), "caf\u00e9\u00a0&");
	CHECK_INT(buf_add(&deep, S("<rss><channel><item><description>")), 0);
	for (size_t i = 0; i < 200; i++)
		CHECK_INT(buf_add(&deep, S("<b>")), 0);
	check_fault(deep.p, 0, FAULT_PROTOCOL, "more than 128 deep");
}

static void add_often(struct buf *out, struct slice what, size_t times)
{
	while (times-- > 0)
		CHECK_INT(buf_add(out, what), 0);
}

TEST(an_entry_that_is_too_large_keeps_its_names)
{
	AUTO(buf_done) struct buf text = { 0 };
	struct reading r;
	CHECK_INT(buf_add(&text, S("<rss><channel><item><guid>big</guid><description>")), 0);
	for (size_t i = 0; i < (1 << 20) / 16 + 16; i++)
		CHECK_INT(buf_add(&text, S("sixteen bytes... ")), 0);
	CHECK_INT(
		buf_add(&text,
			S("</description></item><item><guid>small</guid></item></channel></rss>")),
		0);
	read_bytes(&r, buf_slice(&text), 4096, "");
	CHECK_INT(r.result, 0);
	CHECK_INT(r.n, 2);
	CHECK(r.records.n < 1000);
	check_has(&r, "{\"guid\":\"big\",\"link\":null,\"title\":null,\"feed\":");
	check_has(&r, "{\"guid\":\"small\"");
	reading_done(&r);
}

TEST(names_of_a_large_entry_end_with_a_whole_character)
{
	AUTO(buf_done) struct buf text = { 0 };
	struct reading r;
	CHECK_INT(buf_add(&text, S("<rss><channel><item><guid>a")), 0);
	add_often(&text, S("\u00e4"), 5000);
	CHECK_INT(buf_add(&text, S("</guid><description>")), 0);
	add_often(&text, S("sixteen bytes... "), (1 << 20) / 16);
	CHECK_INT(buf_add(&text, S("</description></item></channel></rss>")), 0);
	read_bytes(&r, buf_slice(&text), 4096, "");
	CHECK_INT(r.n, 1);
	CHECK(utf8_valid(buf_slice(&r.records)));
	check_has(&r, "\u00e4\",\"link\":null");
	reading_done(&r);
}

static void check_entry_bytes(const char *part, size_t times, size_t most)
{
	AUTO(buf_done) struct buf text = { 0 };
	struct reading r;
	CHECK_INT(buf_add(&text, S("<rss><channel><item><guid>1</guid>")), 0);
	for (size_t i = 0; i < times; i++)
		CHECK_INT(buf_printf(&text, part, "sixteen bytes..."), 0);
	CHECK_INT(buf_add(&text, S("</item></channel></rss>")), 0);
	read_bytes(&r, buf_slice(&text), 4096, "");
	CHECK_INT(r.result, 0);
	CHECK_INT(r.n, 1);
	CHECK(r.records.n < most);
	reading_done(&r);
}

/* `most` is 1 MB. */
TEST(all_fields_together_are_an_entry)
{
	AUTO(buf_done) struct buf field = { 0 };
	check_entry_bytes("<author>%s</author>", 100, 4000);
	check_entry_bytes("<author>%s</author>", 100000, 1000);
	check_entry_bytes("<category>%s</category>", 100000, 1000);
	CHECK_INT(buf_add(&field, S("<description>")), 0);
	add_often(&field, S("sixteen bytes..."), 40000); /* 640 KB */
	CHECK_INT(buf_add(&field, S("</description><c:encoded xmlns:c='http://purl.org/rss/1.0/"
				    "modules/content/'>")),
		  0);
	add_often(&field, S("sixteen bytes..."), 40000);
	CHECK_INT(buf_add(&field, S("</c:encoded>")), 0);
	check_entry_bytes(field.p, 1, 1000);
}

/* What stands once in a feed, and in each of its records, must not make a thousand times of it. */
TEST(a_small_feed_makes_no_large_records)
{
	AUTO(buf_done) struct buf text = { 0 };
	struct reading r;
	CHECK_INT(buf_add(&text, S("<rss xml:base='http://h/")), 0);
	add_often(&text, S("sixteen/bytes/.../"), 3000);
	CHECK_INT(buf_add(&text, S("'><channel><link>http://h/")), 0);
	add_often(&text, S("sixteen/bytes/.../"), 3000);
	CHECK_INT(buf_add(&text, S("</link><title>a")), 0);
	add_often(&text, S("\u00e4"), 30000);
	CHECK_INT(buf_add(&text, S("</title><managingEditor>x</managingEditor>")), 0);
	for (int i = 0; i < 100; i++)
		CHECK_INT(buf_printf(&text, "<item><guid>%d</guid><link>to</link></item>", i), 0);
	CHECK_INT(buf_add(&text, S("</channel></rss>")), 0);
	read_bytes(&r, buf_slice(&text), 4096, "");
	CHECK_INT(r.result, 0);
	CHECK_INT(r.n, 100);
	CHECK(r.records.n < 100 * 1400 && utf8_valid(buf_slice(&r.records)));
	check_has(&r, "\"link\":\"http://h/dir/to\"");
	reading_done(&r);
}

/* ---- time: it would be minutes --------------------------------------------------------------- */

static double seconds_of_cpu(void)
{
	struct timespec t;
	CHECK_INT(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t), 0);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void check_soon(const char *lead, const char *often, size_t times, const char *tail,
		       const char *want)
{
	AUTO(buf_done) struct buf text = { 0 };
	struct reading r;
	CHECK_INT(buf_add(&text, slice_str(lead)), 0);
	for (size_t i = 0; i < times; i++)
		CHECK_INT(buf_printf(&text, often, i), 0);
	CHECK_INT(buf_add(&text, slice_str(tail)), 0);
	double before = seconds_of_cpu();
	read_bytes(&r, buf_slice(&text), 64 << 10, "");
	CHECK(seconds_of_cpu() - before < 1.5);
	if (want)
		CHECK(strstr(r.err.text, want));
	reading_done(&r);
}

TEST(time_is_that_of_the_bytes)
{
	static const char page[] = "<!doctype html><html>", names_none[] = "names no feed";
	check_soon(page, "<link ", 40000, ">", names_none);
	check_soon(page, "<link ", 40000, "", names_none);
	check_soon("<rss><channel><item ", "a%zu='' ", 200000, "/>", "more than 1,000 attributes");
	check_soon("<rss ", "xmlns:a%zu='u' ", 200000, "/>", "more than 1,000 attributes");
	check_soon("<rss>", "<a%zu/>", 200000, "", "different names");
	check_soon("<rss>", "&%zu", 1000000, "", "malformed");
	check_soon("<rss>", "<!--%zu", 400000, "", "malformed");
	check_soon("<rss><channel><title>", "< ]]\xe2\x80 &a%zu ", 200000, "", "malformed");
	check_soon("<!DOCTYPE rss [<!ATTLIST item ", "a%zu CDATA 'x' ", 20000, ">]><rss><item/>",
		   "declares values of attributes");
}

static void check_title_soon(const char *often, const char *end, size_t want)
{
	AUTO(buf_done) struct buf html = { 0 }, plain = { 0 };
	add_often(&html, slice_str(often), 1000000);
	CHECK_INT(buf_add(&html, slice_str(end)), 0);
	double before = seconds_of_cpu();
	CHECK_INT(plain_put_html(buf_slice(&html), &plain), 0);
	CHECK(seconds_of_cpu() - before < 1.5);
	CHECK_INT(plain.n, want);
}

TEST(a_title_of_a_million_brackets_is_read_once)
{
	check_title_soon("<b", "", 2000000);
	check_title_soon("<x", ">", 2000001);
	check_title_soon("<!--", "", 4000000);
	check_title_soon("<!--", "-->seen", 4);
}

/* ---- what is known --------------------------------------------------------------------------- */

static void answer(struct known *k, uint64_t from, uint64_t to, bool whole)
{
	for (uint64_t i = from; i < to; i++)
		(void)known_look(k, i * UINT64_C(0x9e3779b97f4a7c15));
	known_end(k, whole);
}

static size_t count_new(struct known *k, uint64_t from, uint64_t to)
{
	size_t n = 0;
	for (uint64_t i = from; i < to; i++)
		n += known_look(k, i * UINT64_C(0x9e3779b97f4a7c15)) == ENTRY_NEW;
	known_end(k, true);
	return n;
}

TEST(what_is_known_is_read_back)
{
	AUTO(known_done) struct known k = { .answers = 12, .failing = true }, again = { 0 };
	AUTO(buf_done) struct buf one = { 0 }, two = { 0 };
	answer(&k, 0, 30, true);
	known_set_validators(&k, S("W/\"a\\\"b\""), S("Mon, 06 Sep 2021 00:01:00 GMT"));
	CHECK_INT(known_put(&k, &one), 0);
	CHECK_INT(known_read(&again, buf_slice(&one)), 0);
	CHECK_INT(known_put(&again, &two), 0);
	CHECK_SLICE(buf_slice(&two), buf_slice(&one));
	CHECK_INT(again.answers, 12);
	CHECK(again.failing);
	CHECK_SLICE(buf_slice(&again.etag), S("W/\"a\\\"b\""));
	CHECK_INT(count_new(&again, 0, 31), 1);
}

TEST(nonsense_is_not_known)
{
	static const char *const texts[] = { "",
					     "7",
					     "{}",
					     "{\"answers\":-1}",
					     "{\"answers\":1,\"entries\":\"abc\"}",
					     "{\"answers\":1,\"entries\":\"***********\"}",
					     "{\"answers\":1,\"etag\":3}" };
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		AUTO(known_done) struct known k = { 0 };
		CHECK(known_read(&k, slice_str(texts[i])) < 0);
	}
}

TEST(an_entry_is_new_once)
{
	AUTO(known_done) struct known k = { 0 };
	CHECK_INT(known_look(&k, 7), ENTRY_NEW);
	CHECK_INT(known_look(&k, 7), ENTRY_TWIN);
	known_end(&k, true);
	CHECK_INT(known_look(&k, 7), ENTRY_OLD);
	known_end(&k, true);
	answer(&k, 0, 0, true); /* empty for a while */
	answer(&k, 0, 0, true);
	CHECK_INT(known_look(&k, 7), ENTRY_OLD);
}

TEST(a_broken_answer_forgets_nothing)
{
	AUTO(known_done) struct known k = { 0 };
	answer(&k, 0, 400, true);
	known_set_validators(&k, S("e"), S(""));
	answer(&k, 0, 10, false);
	CHECK_INT(k.etag.n, 0);
	CHECK_INT(count_new(&k, 0, 401), 1);
}

TEST(what_is_known_is_bounded_by_what_the_feed_gives)
{
	AUTO(known_done) struct known k = { 0 };
	for (uint64_t i = 0; i < 500; i++)
		answer(&k, i * 20, i * 20 + 20, true);
	CHECK(k.n <= 2 * 20 + 50);
	CHECK_INT(count_new(&k, 499 * 20, 500 * 20), 0);
}

TEST(who_had_nothing_is_known_by_name)
{
	struct unchanged u = { 0 }, back = { 0 };
	AUTO(buf_done) struct buf text = { 0 };
	struct json_writer w = json_writer(&text);
	CHECK(!unchanged_has(&u, "http://h/a"));
	unchanged_add(&u, "http://h/a");
	unchanged_add(&u, "http://h/a");
	unchanged_add(&u, "http://h/b");
	unchanged_put(&u, &w);
	CHECK_INT(json_writer_end(&w), 0);
	CHECK_INT(json_check(buf_slice(&text), NULL), 0);
	unchanged_read(&back, S("{}"));
	unchanged_read(&back, S("[\"x\",1e400,{}]"));
	CHECK_INT(back.n, 0);
	unchanged_read(&back, buf_slice(&text));
	CHECK_INT(back.n, 2);
	CHECK(unchanged_has(&back, "http://h/a") && unchanged_has(&back, "http://h/b"));
	CHECK(!unchanged_has(&back, "http://h/c"));
	unchanged_done(&u);
	unchanged_done(&back);
}

int main(void)
{
	static const struct test tests[] = {
		T(dates_of_rfc_822_are_read_however_they_are_written),
		T(dates_of_iso_8601_are_read_as_far_as_they_go),
		T(what_is_no_date_is_none),
		T(html_in_titles_becomes_text),
		T(rss_is_read),
		T(extensions_of_rss_are_read_with_and_without_their_namespaces),
		T(rdf_is_read),
		T(atom_is_read),
		T(json_feeds_are_read),
		T(bytes_of_json_feeds_are_mended),
		T(encodings_are_those_of_mark_declaration_and_header),
		T(feeds_with_common_mistakes_are_read),
		T(feeds_with_junk_before_them_are_read),
		T(wrong_names_of_encodings_do_no_harm),
		T(namespaces_and_names_are_known_when_they_are_nearly_right),
		T(what_is_before_a_mistake_is_taken_and_the_mistake_has_a_place),
		T(what_is_wrong_is_said_in_one_line),
		T(what_is_no_feed_says_what_it_is),
		T(entities_and_depth_have_an_end),
		T(an_entry_that_is_too_large_keeps_its_names),
		T(names_of_a_large_entry_end_with_a_whole_character),
		T(all_fields_together_are_an_entry),
		T(a_small_feed_makes_no_large_records),
		T(time_is_that_of_the_bytes),
		T(a_title_of_a_million_brackets_is_read_once),
		T(what_is_known_is_read_back),
		T(nonsense_is_not_known),
		T(an_entry_is_new_once),
		T(a_broken_answer_forgets_nothing),
		T(what_is_known_is_bounded_by_what_the_feed_gives),
		T(who_had_nothing_is_known_by_name),
	};
	return RUN_TESTS(tests);
}
