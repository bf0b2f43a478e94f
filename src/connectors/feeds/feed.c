/* feed.c - what is it? The first bytes say who reads the rest
 *
 * What this room is for: what servers call a feed is often named text/html or text/plain, so its first bytes decide, not its content type.
 *
 *     blanks, byte order mark, then   <!DOCTYPE html  <html     a page: the feed that it names is said
 *                                     <  or UTF-16              XML
 *                                     {                         JSON Feed
 *                                     anything else             XML, when the 1 KiB has "<?xml" or a feed's root; else no feed
 *
 * What flows through:    bytes; the first 1 KiB is kept until it is known what they are.
 * What must hold:        see feed.h. Of a page no more than 256 KiB is kept. */
#include "connectors/feeds/feed.h"
#include "base/banned.h"
#include "base/utf8.h"
#include "connectors/feeds/mend.h"
#include <stdlib.h>

enum { HEAD_BYTES = 1024, PAGE_BYTES = 256 << 10 };
enum kind { KIND_UNKNOWN, KIND_XML, KIND_JSON, KIND_PAGE, KIND_OTHER };

struct feed {
	struct feed_options o;
	struct feed_about about;
	enum kind kind;
	struct buf head; /* and all that is not read at once */
	struct feed_xml *xml;
};

struct feed *feed_new(const struct feed_options *o)
{
	struct feed *f = xcalloc(1, sizeof(*f));
	f->o = *o;
	f->about.url = o->url;
	f->head.max = o->most > PAGE_BYTES ? o->most : PAGE_BYTES;
	return f;
}

void feed_free(struct feed *f)
{
	if (!f)
		return;
	feed_xml_free(f->xml);
	feed_about_done(&f->about);
	buf_done(&f->head);
	free(f);
}

void feed_freep(struct feed **f)
{
	feed_free(take(*f));
}

/* ---- what it is ------------------------------------------------------------------------------ */

static bool has_word(struct slice text, const char *word)
{
	size_t n = strlen(word);
	for (size_t i = 0; i + n <= text.n; i++)
		if (slice_eq_nocase((struct slice){ text.p + i, n }, slice_str(word)))
			return true;
	return false;
}

static bool is_page(struct slice head)
{
	return (has_word(head, "<!doctype html") || has_word(head, "<html")) &&
	       !has_word(head, "<rss") && !has_word(head, "<feed") && !has_word(head, "<rdf:");
}

static enum kind kind_of(struct slice head)
{
	if (slice_starts(head, S("\xfe\xff")) || slice_starts(head, S("\xff\xfe")))
		return KIND_XML;
	if (slice_starts(head, S("\xef\xbb\xbf")))
		head = slice_from(head, 3);
	head = slice_trim(head);
	if (head.n == 0)
		return KIND_OTHER;
	if (head.p[0] == '{')
		return KIND_JSON;
	if (head.p[0] != '<' && head.p[0] != 0)
		return mend_find_start(head) ? KIND_XML : KIND_OTHER;
	return is_page(head) ? KIND_PAGE : KIND_XML;
}

static int decide(struct feed *f, struct err *err)
{
	f->kind = kind_of(buf_slice(&f->head));
	if (f->kind != KIND_XML)
		return 0;
	if (feed_xml_new(&f->o, &f->about, &f->xml, err) < 0 ||
	    feed_xml_push(f->xml, buf_slice(&f->head), err) < 0)
		return -1;
	buf_done(&f->head);
	return 0;
}

int feed_push(struct feed *f, struct slice bytes, struct err *err)
{
	if (f->kind == KIND_XML)
		return feed_xml_push(f->xml, bytes, err);
	if (f->kind == KIND_PAGE || f->kind == KIND_OTHER)
		bytes = slice_head(bytes, f->head.n < PAGE_BYTES ? PAGE_BYTES - f->head.n : 0);
	if (buf_add(&f->head, bytes) < 0)
		return fail(err, FAULT_TOO_LARGE,
			    "a feed that is JSON may have %zu bytes (raise `memory:`)",
			    f->head.max);
	return f->kind == KIND_UNKNOWN && f->head.n >= HEAD_BYTES ? decide(f, err) : 0;
}

/* ---- what it is not -------------------------------------------------------------------------- */

static int fail_page(const struct feed *f, struct err *err)
{
	AUTO(buf_done) struct buf url = { .max = 2048 };
	if (feed_html_find(buf_slice(&f->head), f->o.found, &url) == 0 && url.n)
		return fail(err, FAULT_PROTOCOL,
			    "answered with an HTML page, not a feed; it names this feed: %.*s",
			    SLICE(slice_head(buf_slice(&url), 300)));
	return fail(err, FAULT_PROTOCOL,
		    "answered with an HTML page, not a feed; it names no feed either");
}

static int fail_other(const struct feed *f, struct err *err)
{
	struct slice said = utf8_head(slice_trim(buf_slice(&f->head)), 60);
	if (said.n == 0)
		return fail(err, FAULT_PROTOCOL, "answered with nothing, not with a feed");
	for (size_t i = 0; i < said.n; i++)
		if ((unsigned char)said.p[i] < ' ' || !utf8_valid(said))
			return fail(err, FAULT_PROTOCOL,
				    "answered with something that is neither XML nor JSON");
	return fail(err, FAULT_PROTOCOL, "answered with '%.*s', not with a feed", SLICE(said));
}

int feed_end(struct feed *f, struct err *err)
{
	if (f->kind == KIND_UNKNOWN && decide(f, err) < 0)
		return -1;
	switch (f->kind) {
	case KIND_XML:
		return feed_xml_end(f->xml, err);
	case KIND_JSON:
		return feed_json_read(&f->o, &f->about, buf_slice(&f->head), err);
	case KIND_PAGE:
		return fail_page(f, err);
	default:
		return fail_other(f, err);
	}
}
