/* feed.c - four ways to say the same list
 *
 * What this room is for: whoever reads feeds meets all of these, and each with its own idea of dates, ids and escaping.
 * What flows through:    the articles of a paper, newest first -> one document.
 * What must hold: an article has one guid for ever; a feed's bytes change only on days on which its paper prints. */
#include "feed.h"
#include "base/json.h"
#include "markup.h"
#include <hocket/hocket.h>

enum { AT_ONCE = 256 };

struct page {
	struct buf *out;
	const struct press *press;
	unsigned paper;
	struct slice base;
	enum feed_format format;
};

enum feed_format feed_format(unsigned paper)
{
	static const enum feed_format formats[] = { FEED_RSS,  FEED_RSS,  FEED_ATOM, FEED_RSS,
						    FEED_JSON, FEED_ATOM, FEED_RDF };
	return formats[(paper + paper / BEATS) % ARRAY_SIZE(formats)];
}

const char *feed_type(enum feed_format format)
{
	static const char *const types[] = { "application/rss+xml; charset=utf-8",
					     "application/atom+xml", "application/feed+json",
					     "application/rdf+xml" };
	return types[format];
}

/* ---- pieces of an entry ---- */

struct entry {
	struct buf title, link, author, lead;
	int64_t published_ns;
};

static void entry_done(struct entry *e)
{
	buf_done(&e->title);
	buf_done(&e->link);
	buf_done(&e->author);
	buf_done(&e->lead);
}

static int entry_read(const struct page *p, const struct article *a, struct entry *e)
{
	e->published_ns = a->published_ns;
	int r = buf_add(&e->link, p->base);
	r = r < 0 ? r : article_put_path(a, &e->link);
	r = r < 0 ? r : article_put_title(a, &e->title);
	r = r < 0 ? r : article_put_author(a, &e->author);
	return r < 0 ? r : article_put_lead(a, &e->lead);
}

static int put_element(struct buf *out, const char *name, struct slice text)
{
	int r = buf_printf(out, "<%s>", name);
	r = r < 0 ? r : markup_put(out, text);
	return r < 0 ? r : buf_printf(out, "</%s>\n", name);
}

/* ---- RSS 2.0 and 1.0 ---- */

static int put_rss_entry(const struct page *p, const struct entry *e)
{
	struct buf *out = p->out;
	int r = buf_add(out, S("<item>\n"));
	r = r < 0 ? r : put_element(out, "title", buf_slice(&e->title));
	r = r < 0 ? r : put_element(out, "link", buf_slice(&e->link));
	r = r < 0 ? r : buf_add(out, S("<guid isPermaLink=\"true\">"));
	r = r < 0 ? r : markup_put(out, buf_slice(&e->link));
	r = r < 0 ? r : buf_add(out, S("</guid>\n<pubDate>"));
	r = r < 0 ? r : markup_put_mail_date(out, e->published_ns);
	r = r < 0 ? r : buf_add(out, S("</pubDate>\n"));
	r = r < 0 ? r : put_element(out, "dc:creator", buf_slice(&e->author));
	r = r < 0 ? r : put_element(out, "category", slice_str(press_beat(p->paper)->name));
	r = r < 0 ? r : buf_add(out, S("<description><![CDATA[<p>"));
	r = r < 0 ? r : markup_put(out, buf_slice(&e->lead));
	return r < 0 ? r : buf_add(out, S("</p>]]></description>\n</item>\n"));
}

static int put_rdf_entry(const struct page *p, const struct entry *e)
{
	struct buf *out = p->out;
	int r = buf_printf(out, "<item rdf:about=\"%.*s\">\n", SLICE(buf_slice(&e->link)));
	r = r < 0 ? r : put_element(out, "title", buf_slice(&e->title));
	r = r < 0 ? r : put_element(out, "link", buf_slice(&e->link));
	r = r < 0 ? r : put_element(out, "description", buf_slice(&e->lead));
	r = r < 0 ? r : put_element(out, "dc:creator", buf_slice(&e->author));
	r = r < 0 ? r : buf_add(out, S("<dc:date>"));
	r = r < 0 ? r : markup_put_date(out, e->published_ns, 2);
	return r < 0 ? r : buf_add(out, S("</dc:date>\n</item>\n"));
}

static int put_atom_entry(const struct page *p, const struct entry *e)
{
	struct buf *out = p->out;
	int r = buf_add(out, S("<entry>\n"));
	r = r < 0 ? r : put_element(out, "title", buf_slice(&e->title));
	r = r < 0 ? r : put_element(out, "id", buf_slice(&e->link));
	r = r < 0 ? r
		  : buf_printf(out, "<link rel=\"alternate\" href=\"%.*s\"/>\n<published>",
			       SLICE(buf_slice(&e->link)));
	r = r < 0 ? r : markup_put_date(out, e->published_ns, -5);
	r = r < 0 ? r : buf_add(out, S("</published>\n<updated>"));
	r = r < 0 ? r : markup_put_date(out, e->published_ns, 0);
	r = r < 0 ? r : buf_add(out, S("</updated>\n<author><name>"));
	r = r < 0 ? r : markup_put(out, buf_slice(&e->author));
	r = r < 0 ? r : buf_add(out, S("</name></author>\n"));
	r = r < 0 ? r : put_element(out, "summary", buf_slice(&e->lead));
	return r < 0 ? r : buf_add(out, S("</entry>\n"));
}

/* ---- JSON Feed ---- */

static int put_json_entry(const struct page *p, const struct entry *e, bool first)
{
	AUTO(buf_done) struct buf date = { 0 };
	int r = first ? 0 : buf_add_char(p->out, ',');
	struct json_writer w = json_writer(p->out);
	r = r < 0 ? r : markup_put_date(&date, e->published_ns, 0);
	json_open(&w, '{');
	json_key(&w, "id");
	json_put_string(&w, buf_slice(&e->link));
	json_key(&w, "url");
	json_put_string(&w, buf_slice(&e->link));
	json_key(&w, "title");
	json_put_string(&w, buf_slice(&e->title));
	json_key(&w, "summary");
	json_put_string(&w, buf_slice(&e->lead));
	json_key(&w, "date_published");
	json_put_string(&w, buf_slice(&date));
	json_close(&w, '}');
	return r < 0 ? r : json_writer_end(&w);
}

/* ---- the whole ---- */

static int put_entry(const struct page *p, const struct article *a, bool first)
{
	AUTO(entry_done) struct entry e = { 0 };
	int r = entry_read(p, a, &e);
	if (r < 0)
		return r;
	switch (p->format) {
	case FEED_RSS:
		return put_rss_entry(p, &e);
	case FEED_ATOM:
		return put_atom_entry(p, &e);
	case FEED_JSON:
		return put_json_entry(p, &e, first);
	case FEED_RDF:
		break;
	}
	return put_rdf_entry(p, &e);
}

static const struct frame {
	const char *open, *title_to_base, *base_to_entries, *close;
} frames[] = {
	[FEED_RSS] = { "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<rss version=\"2.0\" "
		       "xmlns:dc=\"http://purl.org/dc/elements/1.1/\">\n"
		       "<channel>\n<title>",
		       "</title>\n<link>", "</link>\n<description>All the news</description>\n",
		       "</channel>\n</rss>\n" },
	[FEED_ATOM] = { "<?xml version=\"1.0\"?>\n<feed "
			"xmlns=\"http://www.w3.org/2005/Atom\">\n<title>",
			"</title>\n<link href=\"", "\"/>\n<id>urn:paper</id>\n", "</feed>\n" },
	[FEED_JSON] = { "{\"version\":\"https://jsonfeed.org/version/1.1\",\"title\":\"",
			"\",\"home_page_url\":\"", "\",\"items\":[", "]}" },
	[FEED_RDF] = { "<?xml version=\"1.0\"?>\n<rdf:RDF "
		       "xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\" "
		       "xmlns=\"http://purl.org/rss/1.0/\" "
		       "xmlns:dc=\"http://purl.org/dc/elements/1.1/\">\n<channel "
		       "rdf:about=\"urn:paper\">\n"
		       "<title>",
		       "</title>\n<link>",
		       "</link>\n<description>All the news</description>\n</channel>\n",
		       "</rdf:RDF>\n" },
};

/* A feed of very many entries leaves the loop to others now and then. */
static int put_entries(const struct page *p) SUSPENDS
{
	bool first = true;
	int r = 0;
	for (unsigned day = press_changed(p->press, p->paper); r == 0 && day >= 1; day--) {
		unsigned many = press_prints(p->press, day, p->paper);
		for (unsigned slot = 0; r == 0 && slot < many; slot++) {
			struct article a = article_of(p->press, day, p->paper, slot);
			r = put_entry(p, &a, first);
			if (r == 0 && slot % AT_ONCE == AT_ONCE - 1)
				r = hk_yield();
			first = false;
		}
	}
	return r;
}

int feed_put(const struct press *press, unsigned paper, struct slice base, struct buf *out)
{
	struct page p = { out, press, paper, base, feed_format(paper) };
	const struct frame *f = &frames[p.format];
	int r = buf_add(out, slice_str(f->open));
	r = r < 0 ? r : markup_put(out, press_name(paper));
	r = r < 0 ? r : buf_add(out, slice_str(f->title_to_base));
	r = r < 0 ? r : markup_put(out, base);
	r = r < 0 ? r : buf_add(out, slice_str(f->base_to_entries));
	r = r < 0 ? r : put_entries(&p);
	return r < 0 ? r : buf_add(out, slice_str(f->close));
}

int64_t feed_modified_ns(const struct press *press, unsigned paper)
{
	unsigned day = press_changed(press, paper);
	int64_t newest = 0;
	for (unsigned slot = 0; slot < press_prints(press, day, paper); slot++) {
		struct article a = article_of(press, day, paper, slot);
		newest = a.published_ns > newest ? a.published_ns : newest;
	}
	return newest;
}
