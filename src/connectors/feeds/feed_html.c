/* feed_html.c - a page instead of a feed: which feed does it name?
 *
 * What this room is for: people put the address of a page into their list. The page knows the right one:
 *     <link rel="alternate" type="application/rss+xml" href="/feed.xml">
 * What flows through:    the page's first bytes, tag by tag; no tree is built.
 * What must hold:        whatever stands there, reading stays within the page, and no byte of a tag is read twice; the first feed that is
 *                        named counts. */
#include "base/banned.h"
#include "connectors/feeds/feed.h"
#include "connectors/feeds/plain.h"
#include "io/url.h"

struct link {
	struct slice rel, type, href;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '/';
}

static struct slice skip_blanks(struct slice s)
{
	while (s.n && is_blank(s.p[0]))
		s = slice_from(s, 1);
	return s;
}

static struct slice take_until(struct slice *rest, const char *ends)
{
	size_t n = 0;
	while (n < rest->n && !(rest->p[n] && strchr(ends, rest->p[n])))
		n++;
	struct slice head = slice_head(*rest, n);
	*rest = slice_from(*rest, n);
	return head;
}

static struct slice take_value(struct slice *rest)
{
	if (rest->n && (rest->p[0] == '"' || rest->p[0] == '\'')) {
		const char end[2] = { rest->p[0], 0 };
		*rest = slice_from(*rest, 1);
		struct slice value = take_until(rest, end);
		*rest = slice_from(*rest, rest->n ? 1 : 0);
		return value;
	}
	return take_until(rest, " \t\r\n>");
}

static struct link read_link(struct slice tag)
{
	struct link l = { 0 };
	while ((tag = skip_blanks(tag)).n) {
		struct slice name = take_until(&tag, "= \t\r\n"), value = { 0 };
		if (tag.n && tag.p[0] == '=') {
			tag = slice_from(tag, 1);
			value = take_value(&tag);
		}
		if (slice_eq_nocase(name, S("rel")))
			l.rel = value;
		else if (slice_eq_nocase(name, S("type")))
			l.type = value;
		else if (slice_eq_nocase(name, S("href")))
			l.href = value;
		else if (name.n == 0)
			break;
	}
	return l;
}

static bool names_feed(const struct link *l)
{
	static const char *const types[] = { "application/rss+xml", "application/atom+xml",
					     "application/feed+json", "application/rdf+xml" };
	if (l->href.n == 0 || !slice_eq_nocase(slice_trim(l->rel), S("alternate")))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (slice_eq_nocase(slice_trim(l->type), slice_str(types[i])))
			return true;
	return false;
}

static int put_url(struct slice href, struct slice found, struct buf *out)
{
	AUTO(buf_done) struct buf plain = { .max = 4096 };
	int r = plain_put_html(slice_trim(href), &plain);
	return r < 0 ? r : url_resolve(found, buf_slice(&plain), out);
}

int feed_html_find(struct slice page, struct slice found, struct buf *out)
{
	while (page.n) {
		const char *at = memchr(page.p, '<', page.n);
		if (!at)
			return 0;
		page = slice_from(page, (size_t)(at - page.p) + 1);
		if (!slice_eq_nocase(slice_head(page, 4), S("link")))
			continue;
		const char *end = memchr(page.p, '>', page.n);
		if (!end)
			return 0;
		struct slice tag = slice_head(page, (size_t)(end - page.p));
		struct link l = read_link(slice_from(tag, 4));
		page = slice_from(page, tag.n);
		if (names_feed(&l))
			return put_url(l.href, found, out);
	}
	return 0;
}
