/* feed_words.c - the vocabularies of feeds, as tables
 *
 * What this room is for: what this house knows of RSS, Atom and their extensions stands here, a line each.
 * What flows through:    names in; rules out.
 * What must hold:
 *  (1) a prefix that nobody declared (an old mistake) means what it usually does; so does a name in other case, or a URI with https.
 *  (2) an element that stands here under no name is not a field: media:title is not the title of an entry that has one. */
#include "connectors/feeds/feed_words.h"
#include "base/banned.h"

static const struct {
	const char *uri, *prefix;
	enum vocabulary words;
} vocabularies[] = {
	{ "http://www.w3.org/2005/Atom", "atom", WORDS_ATOM },
	{ "http://purl.org/atom/ns#", "atom", WORDS_ATOM },
	{ "http://purl.org/rss/1.0/modules/content/", "content", WORDS_CONTENT },
	{ "http://purl.org/dc/elements/1.1/", "dc", WORDS_DC },
	{ "http://purl.org/dc/elements/1.0/", "dc", WORDS_DC },
	{ "http://purl.org/dc/terms/", "dcterms", WORDS_TERMS },
	{ "http://search.yahoo.com/mrss/", "media", WORDS_MEDIA },
	{ "http://www.itunes.com/dtds/podcast-1.0.dtd", "itunes", WORDS_ITUNES },
	{ "http://www.w3.org/1999/02/22-rdf-syntax-ns#", "rdf", WORDS_RDF },
	{ "http://www.w3.org/1999/xhtml", "xhtml", WORDS_XHTML },
	{ "http://www.w3.org/XML/1998/namespace", "xml", WORDS_XML },
	{ "http://purl.org/rss/1.0/", "", WORDS_CORE },
	{ "http://my.netscape.com/rdf/simple/0.9/", "", WORDS_CORE },
	{ "http://channel.netscape.com/rdf/simple/0.9/", "", WORDS_CORE },
	{ "http://backend.userland.com/rss", "", WORDS_CORE },
	{ "http://backend.userland.com/rss2", "", WORDS_CORE },
	{ "http://blogs.law.harvard.edu/tech/rss", "", WORDS_CORE },
};

/* What tells vocabularies apart: not the scheme, nor a '/' or '#' at the end. */
static struct slice bare(struct slice uri)
{
	static const struct slice schemes[] = { { "http://", 7 }, { "https://", 8 } };
	for (size_t i = 0; i < ARRAY_SIZE(schemes); i++)
		if (slice_starts(uri, schemes[i]))
			uri = slice_from(uri, schemes[i].n);
	while (uri.n && (uri.p[uri.n - 1] == '/' || uri.p[uri.n - 1] == '#'))
		uri.n--;
	return uri;
}

enum vocabulary words_of(struct slice ns)
{
	struct slice name = bare(slice_trim(ns));
	if (ns.n == 0)
		return WORDS_CORE;
	for (size_t i = 0; i < ARRAY_SIZE(vocabularies); i++)
		if (slice_eq_nocase(name, bare(slice_str(vocabularies[i].uri))) ||
		    slice_eq_nocase(ns, slice_str(vocabularies[i].prefix)))
			return vocabularies[i].words;
	return WORDS_OTHER;
}

static const struct {
	enum vocabulary words;
	const char *local;
	struct rule rule;
} rules[] = {
	{ WORDS_CORE, "title", { FIELD_TITLE, FORM_HTML, 4 } },
	{ WORDS_CORE, "link", { FIELD_LINK, FORM_TEXT, 4 } },
	{ WORDS_CORE, "guid", { FIELD_GUID, FORM_TEXT, 4 } },
	{ WORDS_CORE, "description", { FIELD_SUMMARY, FORM_HTML, 4 } },
	{ WORDS_CORE, "author", { FIELD_AUTHOR, FORM_TEXT, 3 } },
	{ WORDS_CORE, "pubDate", { FIELD_PUBLISHED, FORM_TEXT, 4 } },
	{ WORDS_CORE, "category", { FIELD_CATEGORY, FORM_TEXT, 0 } },
	{ WORDS_ATOM, "id", { FIELD_GUID, FORM_TEXT, 4 } },
	{ WORDS_ATOM, "title", { FIELD_TITLE, FORM_BY_TYPE, 3 } },
	{ WORDS_ATOM, "summary", { FIELD_SUMMARY, FORM_BY_TYPE, 3 } },
	{ WORDS_ATOM, "content", { FIELD_CONTENT, FORM_BY_TYPE, 3 } },
	{ WORDS_ATOM, "published", { FIELD_PUBLISHED, FORM_TEXT, 3 } },
	{ WORDS_ATOM, "issued", { FIELD_PUBLISHED, FORM_TEXT, 2 } },
	{ WORDS_ATOM, "created", { FIELD_PUBLISHED, FORM_TEXT, 1 } },
	{ WORDS_ATOM, "updated", { FIELD_UPDATED, FORM_TEXT, 3 } },
	{ WORDS_ATOM, "modified", { FIELD_UPDATED, FORM_TEXT, 2 } },
	{ WORDS_CONTENT, "encoded", { FIELD_CONTENT, FORM_HTML, 4 } },
	{ WORDS_XHTML, "body", { FIELD_CONTENT, FORM_MARKUP, 2 } },
	{ WORDS_XHTML, "div", { FIELD_CONTENT, FORM_MARKUP, 1 } },
	{ WORDS_DC, "title", { FIELD_TITLE, FORM_HTML, 2 } },
	{ WORDS_DC, "creator", { FIELD_AUTHOR, FORM_TEXT, 4 } },
	{ WORDS_DC, "date", { FIELD_PUBLISHED, FORM_TEXT, 2 } },
	{ WORDS_DC, "description", { FIELD_SUMMARY, FORM_HTML, 2 } },
	{ WORDS_DC, "subject", { FIELD_CATEGORY, FORM_TEXT, 0 } },
	{ WORDS_TERMS, "created", { FIELD_PUBLISHED, FORM_TEXT, 1 } },
	{ WORDS_TERMS, "issued", { FIELD_PUBLISHED, FORM_TEXT, 1 } },
	{ WORDS_TERMS, "modified", { FIELD_UPDATED, FORM_TEXT, 1 } },
	{ WORDS_MEDIA, "title", { FIELD_TITLE, FORM_HTML, 1 } },
	{ WORDS_MEDIA, "description", { FIELD_SUMMARY, FORM_HTML, 1 } },
	{ WORDS_ITUNES, "author", { FIELD_AUTHOR, FORM_TEXT, 2 } },
	{ WORDS_ITUNES, "summary", { FIELD_SUMMARY, FORM_HTML, 1 } },
};

struct rule words_rule(enum vocabulary words, struct slice local)
{
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
		if (rules[i].words == words && slice_eq_nocase(local, slice_str(rules[i].local)))
			return rules[i].rule;
	return (struct rule){ FIELD_NONE, FORM_TEXT, 0 };
}
