/* feed_xml.c - RSS and Atom, element by element
 *
 * What this room is for: one walk for all of them: they differ in names (feed_words.c) more than in shape.
 *
 *   root: rss, RDF, feed --> channel --> item, entry --> a field --> markup in it
 *              |               |            |   |
 *              '---------------|------------'   '------> person (its name), group (media:group)
 *                              '--> fields of the feed             all else: read over, with what is in it
 *
 * What flows through:    events of xml.h; one entry at a time to the caller's function.
 * What must hold:
 *  (1) an element's kind depends on its parent's and its name only; places[depth] knows it until it ends.
 *  (2) text is collected in one field at a time, up to `most` bytes; more makes the entry too large, and is not kept.
 *  (3) markup in a field is written out again: what is text there is escaped, so that it stays text. */
#include "base/banned.h"
#include "connectors/feeds/feed.h"
#include "connectors/feeds/feed_words.h"
#include "connectors/feeds/plain.h"
#include "io/url.h"
#include <stdlib.h>

enum place {
	PLACE_OVER, /* read over */
	PLACE_ROOT,
	PLACE_FEED,
	PLACE_ENTRY,
	PLACE_PERSON,
	PLACE_GROUP,
	PLACE_FIELD,
	PLACE_MARKUP,
	PLACE_WRAPPER, /* markup whose tags are left out */
};
enum { BASES_MAX = 8, BASE_BYTES = 2048 };

struct feed_xml {
	const struct feed_options *o;
	struct feed_about *about;
	struct xml *xml;
	struct entry e;
	enum place places[XML_DEPTH + 2];
	size_t depth;
	bool in_entry, is_feed;
	/* What the root's namespace means, when it is none, or one that nobody knows */
	enum vocabulary own;
	struct buf own_ns;
	struct rule rule;           /* of the field that is collected */
	struct buf text;            /* its text */
	struct buf names;           /* of open markup, with a blank behind each */
	bool permalink;             /* a guid without isPermaLink="false" */
	uint8_t weights[2][FIELDS]; /* of the feed, of the entry */
	struct base {
		size_t depth;
		struct buf url;
	} bases[BASES_MAX];
	size_t base_count;
	char root[64]; /* the root's name, when it is no feed's */
};

/* ---- links ----------------------------------------------------------------------------------- */

static struct slice base_of(const struct feed_xml *x)
{
	return x->base_count ? buf_slice(&x->bases[x->base_count - 1].url) : x->o->found;
}

static int resolve(const struct feed_xml *x, struct slice reference, struct buf *out)
{
	return url_resolve(base_of(x), slice_trim(reference), out);
}

static struct slice attribute(const struct xml_attribute *list, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (list[i].name.ns.n == 0 && slice_eq_str(list[i].name.local, name))
			return list[i].value;
	return (struct slice){ 0 };
}

static void open_base(struct feed_xml *x, const struct xml_attribute *list, size_t n)
{
	for (size_t i = 0; i < n && x->base_count < BASES_MAX; i++) {
		if (words_of(list[i].name.ns) != WORDS_XML ||
		    !slice_eq(list[i].name.local, S("base")))
			continue;
		struct buf url = { .max = BASE_BYTES };
		if (resolve(x, list[i].value, &url) == 0)
			x->bases[x->base_count++] = (struct base){ x->depth, url };
		else
			buf_done(&url);
	}
}

static void close_base(struct feed_xml *x)
{
	if (x->base_count && x->bases[x->base_count - 1].depth == x->depth)
		buf_done(&x->bases[--x->base_count].url);
}

/* ---- fields ---------------------------------------------------------------------------------- */

static struct buf *target_of(struct feed_xml *x, enum field field)
{
	struct entry *e = &x->e;
	switch (field) {
	case FIELD_GUID:
		return x->in_entry ? &e->guid : NULL;
	case FIELD_LINK:
		return x->in_entry ? &e->link : &x->about->link;
	case FIELD_TITLE:
		return x->in_entry ? &e->title : &x->about->title;
	case FIELD_AUTHOR:
		return x->in_entry ? &e->author : &x->about->author;
	case FIELD_SUMMARY:
		return x->in_entry ? &e->summary : NULL;
	case FIELD_CONTENT:
		return x->in_entry ? &e->content : NULL;
	case FIELD_PUBLISHED:
		return x->in_entry ? &e->published : NULL;
	case FIELD_UPDATED:
		return x->in_entry ? &e->updated : NULL;
	default:
		return NULL;
	}
}

static bool outweighs(const struct feed_xml *x, struct rule rule)
{
	return rule.weight > x->weights[x->in_entry][rule.field];
}

static bool set(struct feed_xml *x, struct rule rule, struct slice value)
{
	struct buf *to = target_of(x, rule.field);
	if (!to || value.n == 0 || !outweighs(x, rule))
		return false;
	if (rule.field == FIELD_PUBLISHED || rule.field == FIELD_UPDATED)
		entry_set_date(&x->e, to, value);
	else
		entry_set(&x->e, to, value);
	if (to->n)
		x->weights[x->in_entry][rule.field] = rule.weight;
	return true;
}

static void set_link(struct feed_xml *x, struct slice reference, uint8_t weight)
{
	AUTO(buf_done) struct buf url = { .max = 64 << 10 };
	if (slice_trim(reference).n && resolve(x, reference, &url) == 0)
		set(x, (struct rule){ FIELD_LINK, FORM_TEXT, weight }, buf_slice(&url));
}

/* Several authors are one text. */
static void set_author(struct feed_xml *x, struct slice name)
{
	struct buf *to = target_of(x, FIELD_AUTHOR);
	bool another =
		x->rule.weight >= 3 && x->weights[x->in_entry][FIELD_AUTHOR] == x->rule.weight;
	if (!another)
		set(x, x->rule, name);
	else if (name.n)
		entry_add_author(&x->e, to, name);
}

static void set_title(struct feed_xml *x, struct slice text)
{
	AUTO(buf_done) struct buf plain = { 0 };
	int r = x->rule.form == FORM_TEXT ? plain_put_text(text, &plain)
					  : plain_put_html(text, &plain);
	if (r < 0)
		x->e.too_large = true;
	set(x, x->rule, buf_slice(&plain));
}

static bool is_http(struct slice s)
{
	return slice_starts(s, S("http://")) || slice_starts(s, S("https://"));
}

static void set_guid(struct feed_xml *x, struct slice guid)
{
	set(x, x->rule, guid);
	if (x->permalink && is_http(guid))
		set(x, (struct rule){ FIELD_LINK, FORM_TEXT, 1 }, guid);
}

static void end_field(struct feed_xml *x)
{
	struct slice text = slice_trim(buf_slice(&x->text));
	switch (x->rule.field) {
	case FIELD_TITLE:
		set_title(x, text);
		break;
	case FIELD_LINK:
		set_link(x, text, x->rule.weight);
		break;
	case FIELD_GUID:
		set_guid(x, text);
		break;
	case FIELD_AUTHOR:
		set_author(x, text);
		break;
	case FIELD_CATEGORY:
		if (x->in_entry)
			entry_add_category(&x->e, text);
		break;
	default:
		set(x, x->rule, text);
	}
	buf_clear(&x->text);
}

/* ---- markup ---------------------------------------------------------------------------------- */

static void add(struct feed_xml *x, struct slice s)
{
	if (buf_add(&x->text, s) < 0)
		x->e.too_large = true;
}

static void add_escaped(struct feed_xml *x, struct slice s)
{
	while (s.n) {
		size_t n = 0;
		while (n < s.n && s.p[n] != '<' && s.p[n] != '>' && s.p[n] != '&' && s.p[n] != '"')
			n++;
		add(x, slice_head(s, n));
		s = slice_from(s, n);
		if (s.n == 0)
			return;
		add(x, s.p[0] == '<'   ? S("&lt;")
		       : s.p[0] == '>' ? S("&gt;")
		       : s.p[0] == '&' ? S("&amp;")
				       : S("&quot;"));
		s = slice_from(s, 1);
	}
}

static void open_tag(struct feed_xml *x, const struct xml_name *name,
		     const struct xml_attribute *list, size_t n)
{
	if (buf_add(&x->names, name->local) < 0 || buf_add_char(&x->names, ' ') < 0)
		x->e.too_large = true;
	add(x, S("<"));
	add(x, name->local);
	for (size_t i = 0; i < n; i++) {
		add(x, S(" "));
		add(x, list[i].name.local);
		add(x, S("=\""));
		add_escaped(x, list[i].value);
		add(x, S("\""));
	}
	add(x, S(">"));
}

static bool is_void(struct slice name)
{
	static const char *const names[] = { "area",   "base",  "br",    "col",  "embed",
					     "hr",     "img",   "input", "link", "meta",
					     "source", "track", "wbr" };
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (slice_eq_nocase(name, slice_str(names[i])))
			return true;
	return false;
}

static void close_tag(struct feed_xml *x)
{
	size_t n = x->names.n ? x->names.n - 1 : 0, from = n;
	while (from > 0 && x->names.p[from - 1] != ' ')
		from--;
	struct slice name = slice_from(slice_head(buf_slice(&x->names), n), from);
	if (name.n && !is_void(name)) {
		add(x, S("</"));
		add(x, name);
		add(x, S(">"));
	}
	buf_truncate(&x->names, from);
}

static enum place start_markup(struct feed_xml *x, enum place parent, const struct xml_name *name,
			       const struct xml_attribute *list, size_t n)
{
	if (x->rule.form == FORM_XHTML && parent == PLACE_FIELD && slice_eq(name->local, S("div")))
		return PLACE_WRAPPER;
	open_tag(x, name, list, n);
	return PLACE_MARKUP;
}

/* ---- elements -------------------------------------------------------------------------------- */

static enum form form_of(struct slice type, struct slice mode)
{
	if (slice_eq(type, S("html")) || slice_eq(type, S("text/html")) ||
	    slice_eq(mode, S("escaped")))
		return FORM_HTML;
	if (slice_eq(type, S("xhtml")) || slice_eq(type, S("application/xhtml+xml")))
		return FORM_XHTML;
	return slice_ends(type, S("xml")) ? FORM_MARKUP : FORM_TEXT;
}

/* Content that lies elsewhere, or is no text, is not taken. */
static bool is_text(struct slice type, struct slice src)
{
	return src.n == 0 && (!memchr(type.p ? type.p : "", '/', type.n) ||
			      slice_starts(type, S("text/")) || slice_ends(type, S("xml")));
}

static enum place start_field(struct feed_xml *x, struct rule rule,
			      const struct xml_attribute *list, size_t n)
{
	struct slice type = attribute(list, n, "type");
	if (rule.form == FORM_BY_TYPE) {
		if (!is_text(type, attribute(list, n, "src")))
			return PLACE_OVER;
		rule.form = form_of(type, attribute(list, n, "mode"));
	}
	x->permalink = !slice_eq_nocase(attribute(list, n, "isPermaLink"), S("false"));
	x->rule = rule;
	buf_clear(&x->text);
	return PLACE_FIELD;
}

/* <link rel="..." href="..."/> */
static void take_atom_link(struct feed_xml *x, const struct xml_attribute *list, size_t n)
{
	AUTO(buf_done) struct buf url = { .max = 64 << 10 };
	struct slice rel = attribute(list, n, "rel"), type = attribute(list, n, "type"),
		     href = attribute(list, n, "href");
	if (rel.n == 0 || slice_eq(rel, S("alternate")))
		set_link(x, href, type.n == 0 || slice_eq(type, S("text/html")) ? 3 : 2);
	else if (x->in_entry && slice_eq(rel, S("enclosure")) && href.n &&
		 resolve(x, href, &url) == 0)
		entry_add_enclosure(&x->e, buf_slice(&url), type, attribute(list, n, "length"));
}

static void take_enclosure(struct feed_xml *x, const struct xml_attribute *list, size_t n,
			   const char *size)
{
	AUTO(buf_done) struct buf url = { .max = 64 << 10 };
	struct slice at = attribute(list, n, "url"), type = attribute(list, n, "type"),
		     medium = attribute(list, n, "medium");
	if (type.n == 0 && slice_eq(medium, S("image")))
		type = S("image/*");
	if (at.n && resolve(x, at, &url) == 0)
		entry_add_enclosure(&x->e, buf_slice(&url), type, attribute(list, n, size));
}

static void take_thumbnail(struct feed_xml *x, const struct xml_attribute *list, size_t n)
{
	AUTO(buf_done) struct buf url = { .max = 64 << 10 };
	struct slice at = attribute(list, n, "url");
	if (at.n && resolve(x, at, &url) == 0)
		entry_add_enclosure(&x->e, buf_slice(&url), S("image/*"), S(""));
}

static enum place start_media(struct feed_xml *x, struct slice local,
			      const struct xml_attribute *list, size_t n)
{
	if (slice_eq(local, S("group")))
		return PLACE_GROUP;
	if (slice_eq(local, S("thumbnail")))
		take_thumbnail(x, list, n);
	if (!slice_eq(local, S("content")))
		return PLACE_OVER;
	take_enclosure(x, list, n, "fileSize");
	return PLACE_GROUP;
}

/* Of an entry, or of the feed. */
static enum place start_part(struct feed_xml *x, enum vocabulary words, const struct xml_name *name,
			     const struct xml_attribute *list, size_t n)
{
	struct slice term = attribute(list, n, "term");
	struct rule rule = words_rule(words, name->local);
	if (rule.field)
		return start_field(x, rule, list, n);
	if (words == WORDS_MEDIA && x->in_entry)
		return start_media(x, name->local, list, n);
	if (words == WORDS_ATOM && slice_eq(name->local, S("link")))
		take_atom_link(x, list, n);
	if (words == WORDS_ATOM && slice_eq(name->local, S("author")))
		return PLACE_PERSON;
	if (words == WORDS_ATOM && slice_eq(name->local, S("category")) && x->in_entry)
		entry_add_category(&x->e, term.n ? term : attribute(list, n, "label"));
	if (words == WORDS_CORE && slice_eq(name->local, S("enclosure")) && x->in_entry)
		take_enclosure(x, list, n, "length");
	return PLACE_OVER;
}

static enum place start_person(struct feed_xml *x, enum vocabulary words, struct slice local,
			       const struct xml_attribute *list, size_t n)
{
	bool is_name = words == WORDS_ATOM && slice_eq(local, S("name"));
	bool is_mail = words == WORDS_ATOM && slice_eq(local, S("email"));
	if (!is_name && !is_mail)
		return PLACE_OVER;
	return start_field(x, (struct rule){ FIELD_AUTHOR, FORM_TEXT, is_name ? 3 : 1 }, list, n);
}

static enum place start_entry(struct feed_xml *x, const struct xml_attribute *list, size_t n)
{
	entry_clear(&x->e);
	memset(x->weights[1], 0, sizeof(x->weights[1]));
	x->in_entry = true;
	for (size_t i = 0; i < n; i++)
		if (words_of(list[i].name.ns) == WORDS_RDF &&
		    slice_eq(list[i].name.local, S("about")))
			set(x, (struct rule){ FIELD_GUID, FORM_TEXT, 1 },
			    slice_trim(list[i].value));
	return PLACE_ENTRY;
}

static bool is_entry(enum vocabulary words, struct slice local)
{
	return (words == WORDS_CORE && slice_eq_nocase(local, S("item"))) ||
	       (words == WORDS_ATOM && slice_eq_nocase(local, S("entry")));
}

/* <feed> without a namespace is Atom; <rss> in one that nobody knows is RSS: so is what is in it, when it has the same one. */
static enum vocabulary vocabulary_of(const struct feed_xml *x, struct slice ns)
{
	enum vocabulary words = words_of(ns);
	bool unknown = words == WORDS_CORE || words == WORDS_OTHER;
	return unknown && slice_eq(ns, buf_slice(&x->own_ns)) ? x->own : words;
}

static bool own_namespace(struct feed_xml *x, const struct xml_name *name, enum vocabulary own)
{
	x->own = own;
	return buf_add(&x->own_ns, name->ns) == 0;
}

static enum place start_root(struct feed_xml *x, const struct xml_name *name)
{
	enum vocabulary words = words_of(name->ns);
	struct slice local = name->local;
	x->is_feed = true;
	if (slice_eq_nocase(local, S("feed")) && own_namespace(x, name, WORDS_ATOM))
		return PLACE_FEED;
	if (slice_eq_nocase(local, S("rss")) && own_namespace(x, name, WORDS_CORE))
		return PLACE_ROOT;
	if (words == WORDS_RDF && slice_eq_nocase(local, S("RDF")))
		return PLACE_ROOT;
	x->is_feed = false;
	snprintf(x->root, sizeof(x->root), "%.*s", SLICE(slice_head(local, 60)));
	return PLACE_OVER;
}

static enum place place_of(struct feed_xml *x, enum place parent, const struct xml_name *name,
			   const struct xml_attribute *list, size_t n)
{
	enum vocabulary words = vocabulary_of(x, name->ns);
	switch (parent) {
	case PLACE_ROOT:
		if (words == WORDS_CORE && slice_eq_nocase(name->local, S("channel")))
			return PLACE_FEED;
		return is_entry(words, name->local) ? start_entry(x, list, n) : PLACE_OVER;
	case PLACE_FEED:
		if (is_entry(words, name->local))
			return start_entry(x, list, n);
		return start_part(x, words, name, list, n);
	case PLACE_ENTRY:
	case PLACE_GROUP:
		return start_part(x, words, name, list, n);
	case PLACE_PERSON:
		return start_person(x, words, name->local, list, n);
	case PLACE_FIELD:
	case PLACE_MARKUP:
	case PLACE_WRAPPER:
		return start_markup(x, parent, name, list, n);
	default:
		return PLACE_OVER;
	}
}

/* ---- events ---------------------------------------------------------------------------------- */

static void on_start(void *arg, const struct xml_name *name, const struct xml_attribute *list,
		     size_t n)
{
	struct feed_xml *x = arg;
	enum place parent = x->places[x->depth];
	x->depth++;
	ASSERT(x->depth <= XML_DEPTH);
	open_base(x, list, n);
	x->places[x->depth] =
		x->depth == 1 ? start_root(x, name) : place_of(x, parent, name, list, n);
}

static void end_entry(struct feed_xml *x)
{
	x->in_entry = false;
	if (entry_identify(&x->e) < 0)
		x->e.too_large = true;
	feed_about_limit(x->about);
	x->o->on_entry(x->o->arg, &x->e, x->about);
	entry_clear(&x->e);
}

static void on_end(void *arg)
{
	struct feed_xml *x = arg;
	enum place place = x->places[x->depth];
	ASSERT(x->depth > 0);
	if (place == PLACE_FIELD)
		end_field(x);
	else if (place == PLACE_MARKUP)
		close_tag(x);
	else if (place == PLACE_ENTRY)
		end_entry(x);
	close_base(x);
	x->depth--;
}

static void on_text(void *arg, struct slice text)
{
	struct feed_xml *x = arg;
	enum place place = x->places[x->depth];
	bool in_markup = place == PLACE_MARKUP || place == PLACE_WRAPPER;
	bool is_markup = x->rule.form == FORM_XHTML || x->rule.form == FORM_MARKUP;
	if (in_markup || (place == PLACE_FIELD && is_markup))
		add_escaped(x, text);
	else if (place == PLACE_FIELD)
		add(x, text);
}

static const struct xml_events events = { on_start, on_end, on_text };

/* ---- */

int feed_xml_new(const struct feed_options *o, struct feed_about *about, struct feed_xml **ret,
		 struct err *err)
{
	struct feed_xml *x = xcalloc(1, sizeof(*x));
	*ret = x;
	x->o = o;
	x->about = about;
	x->e.most = o->most;
	x->text.max = o->most;
	return xml_new(&events, x, o->charset, &x->xml, err);
}

void feed_xml_free(struct feed_xml *x)
{
	if (!x)
		return;
	xml_free(x->xml);
	entry_done(&x->e);
	buf_done(&x->text);
	buf_done(&x->names);
	buf_done(&x->own_ns);
	while (x->base_count)
		buf_done(&x->bases[--x->base_count].url);
	free(x);
}

/* No feed, whatever is wrong with it besides. */
static int judge(const struct feed_xml *x, int r, struct err *err)
{
	if (!x->is_feed && x->root[0])
		return fail(err, FAULT_PROTOCOL,
			    "answered with an XML document <%s>, not with a feed (rss, RDF, feed)",
			    x->root);
	return r < 0 && err->fault == FAULT_PROTOCOL ? err_wrap(err, "malformed at ") : r;
}

int feed_xml_push(struct feed_xml *x, struct slice bytes, struct err *err)
{
	return judge(x, xml_push(x->xml, bytes, err), err);
}

int feed_xml_end(struct feed_xml *x, struct err *err)
{
	return judge(x, xml_end(x->xml, err), err);
}
