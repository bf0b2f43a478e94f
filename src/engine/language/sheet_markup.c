/* sheet_markup.c - the places of HTML and XML, followed through the literal text of a template
 *
 * What this room is for: a value is written for where it stands; this says where that is.
 *
 *   TEXT --<--> OPEN --letter--> TAG --blank--> ATTRIBUTES --> NAME --=--> BEFORE --"--> VALUE --"--> ATTRIBUTES
 *    ^           |                |                 |                                (url, style, plain, refused)
 *    |           +- ! COMMENT, DECLARATION, CDATA   |
 *    +-----------------------------------------------+--> CONTENT of script, style, title ... up to its own end tag
 *
 * What must hold:
 *  (1) data is written only in TEXT, VALUE and CONTENT, so that a value stands where text, quotes or JSON surround it.
 *  (2) a script is followed through strings and comments; behind a '/' that may be a division or a pattern, behind a template
 *      string, nothing more is known, and data is refused.
 *  (3) what is longer than a word that matters cannot be equal to one: words are cut, and then are nobody's. */
#include "engine/language/sheet_markup.h"
#include <stdarg.h>
#include <stdio.h>

#include "base/banned.h"

enum place {
	TEXT,
	OPEN, /* behind '<' */
	TAG,
	ATTRIBUTES,
	NAME,
	BEHIND_NAME,
	BEFORE,
	VALUE,
	UNQUOTED,
	BANG, /* behind "<!" */
	COMMENT,
	DECLARATION,
	CDATA,
	INSTRUCTION,
	CONTENT,
	CONTENT_OPEN, /* '<' within CONTENT */
	CONTENT_END,  /* "</" and a word within CONTENT */
};
enum element { OTHER, SCRIPT, STYLE, TITLE, TEXTAREA, OPAQUE, UNSURE };
/* Elements whose attributes depend on it, or on each other: what <meta http-equiv> says is obeyed, what <animate> says may end in a
 * link. */
enum tag { TAG_ANY, TAG_META, TAG_META_FILLED, TAG_META_OBEYED, TAG_ANIMATION };
enum attribute { PLAIN, URL, CSS, REFUSED, META_CONTENT };
enum url { URL_START, URL_SCHEME, URL_OPEN, URL_DATA, URL_PATH, URL_QUERY, URL_SCRIPT, URL_UNSURE };
enum js {
	JS_CODE,
	JS_DOUBLE,
	JS_SINGLE,
	JS_DOUBLE_ESCAPE, /* behind a backslash */
	JS_SINGLE_ESCAPE,
	JS_SLASH,
	JS_LINE,
	JS_BLOCK,
	JS_STAR,
	JS_UNSURE
};

/* The literal that is passed, and how far. */
struct pass {
	struct markup *m;
	struct slice text;
	size_t at;
	struct markup_mistake *mistake;
};

static bool refuse(struct markup_mistake *mistake, const char *fmt, ...) PRINTF(2, 3);

static bool refuse(struct markup_mistake *mistake, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(mistake->text, sizeof(mistake->text), fmt, ap);
	va_end(ap);
	return false;
}

static bool refuse_here(struct pass *p, size_t n, const char *words)
{
	p->mistake->at = p->at;
	p->mistake->n = n < p->text.n - p->at ? n : p->text.n - p->at;
	return refuse(p->mistake, "%s", words);
}

void markup_init(struct markup *m, bool xml)
{
	memset(m, 0, sizeof(*m));
	m->xml = xml;
}

bool markup_same(const struct markup *a, const struct markup *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* ---- words ----------------------------------------------------------------------------------------------- */

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

static void word_clear(struct markup *m)
{
	memset(m->word, 0, sizeof(m->word));
	m->word_n = 0;
}

/* One that is too long keeps its full length: nothing is equal to it. */
static void word_add(struct markup *m, char c)
{
	if (m->word_n < sizeof(m->word))
		m->word[m->word_n++] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static struct slice word_of(const struct markup *m)
{
	return (struct slice){ m->word, m->word_n };
}

/* Without the name space of XML: svg:script, xlink:href. */
static struct slice local_word(const struct markup *m)
{
	struct slice word = word_of(m), space, local;
	return slice_cut(word, ':', &space, &local) && local.n ? local : word;
}

static void go(struct markup *m, enum place place)
{
	m->place = (uint8_t)place;
	word_clear(m);
}

/* ---- elements --------------------------------------------------------------------------------------------- */

static const char *const element_names[] = {
	[SCRIPT] = "script", [STYLE] = "style", [TITLE] = "title", [TEXTAREA] = "textarea"
};

static enum element element_of(const struct markup *m)
{
	static const char *const opaque[] = { "xmp", "iframe", "noembed", "noframes", "plaintext" };
	struct slice word = m->xml ? local_word(m) : word_of(m);
	for (size_t i = SCRIPT; i <= TEXTAREA; i++)
		if (slice_eq_str(word, element_names[i]))
			return m->xml && i >= TITLE ? OTHER : (enum element)i;
	for (size_t i = 0; i < ARRAY_SIZE(opaque) && !m->xml; i++)
		if (slice_eq_str(word, opaque[i]))
			return OPAQUE;
	return OTHER;
}

static bool is_meta(const struct markup *m)
{
	return m->tag >= TAG_META && m->tag <= TAG_META_OBEYED;
}

static enum tag tag_of(const struct markup *m)
{
	struct slice word = local_word(m);
	if (slice_eq(word, S("meta")))
		return TAG_META;
	return slice_starts(word, S("animate")) || slice_eq(word, S("set")) ? TAG_ANIMATION
									    : TAG_ANY;
}

/* <title/> has content in HTML and none in SVG within HTML: nothing can be said of what follows. */
static void leave_tag(struct markup *m, bool empty)
{
	bool content = !m->closing && m->element != OTHER && !(m->xml && empty);
	if (content && empty)
		m->element = UNSURE;
	m->tag = TAG_ANY;
	go(m, content ? CONTENT : TEXT);
	if (!content)
		m->element = OTHER;
	m->closing = false;
	m->js = content && m->xml && m->element == SCRIPT ? JS_UNSURE : JS_CODE;
}

static void pass_tag(struct markup *m, char c)
{
	if (!is_blank(c) && c != '/' && c != '>') {
		word_add(m, c);
		return;
	}
	m->element = m->closing ? OTHER : (uint8_t)element_of(m);
	m->tag = (uint8_t)tag_of(m);
	go(m, ATTRIBUTES);
	m->fresh = c == '/';
	if (c == '>')
		leave_tag(m, false);
}

static void pass_open(struct markup *m, char c)
{
	if (c == '!' && !m->closing) {
		go(m, BANG);
	} else if (c == '/' && !m->closing) {
		m->closing = true;
	} else if (c == '?' && !m->closing) {
		go(m, m->xml ? INSTRUCTION : DECLARATION);
	} else if (is_letter(c)) {
		go(m, TAG);
		word_add(m, c);
	} else { /* "< 3" is text; "</" and no letter is skipped up to the next '>' */
		go(m, m->closing && c != '>' ? DECLARATION : TEXT);
		m->closing = false;
		if (c == '<')
			go(m, OPEN);
	}
}

/* ---- attributes --------------------------------------------------------------------------------------------- */

static bool contains(struct slice word, const char *part)
{
	return word.n && memmem(word.p, word.n, part, strlen(part));
}

/* Of those that scripts read as scripts: @click, :href, x-on:click, v-html, hx-on, ng-click. */
static bool is_framework_s(struct slice word)
{
	static const char *const heads[] = { "@", ":", "x-", "v-", "hx-on", "ng-" };
	for (size_t i = 0; i < ARRAY_SIZE(heads); i++)
		if (slice_starts(word, slice_str(heads[i])))
			return true;
	return false;
}

/* The HTML standard's attributes that hold URLs, and those of SVG that may set one; names that speak of one are taken for one. In
 * XML those only: `data` and `to` may be anything there. */
static enum attribute attribute_of(const struct markup *m)
{
	static const char *const urls[] = { "href",    "action",   "background", "cite",
					    "classid", "codebase", "data",       "formaction",
					    "icon",    "longdesc", "manifest",   "poster",
					    "profile", "usemap",   "archive",    "xmlns" };
	static const char *const refused[] = { "srcdoc", "srcset", "imagesrcset", "ping",
					       "http-equiv" };
	static const char *const moves[] = { "to", "from", "by", "values" };
	struct slice word = local_word(m);
	if (is_framework_s(word_of(m)))
		return REFUSED;
	for (size_t i = 0; i < ARRAY_SIZE(moves) && m->tag == TAG_ANIMATION; i++)
		if (slice_eq_str(word, moves[i]))
			return CSS;
	if (is_meta(m) && slice_eq(word, S("content")))
		return m->tag == TAG_META_OBEYED ? REFUSED : META_CONTENT;
	if (slice_starts(word, S("data-")))
		word = slice_from(word, 5);
	if (slice_starts(word, S("on")) || m->word_n == sizeof(m->word))
		return REFUSED;
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
		if (slice_eq_str(word, refused[i]))
			return REFUSED;
	if (slice_eq(word, S("style")))
		return CSS;
	for (size_t i = 0; i < ARRAY_SIZE(urls) && !m->xml; i++)
		if (slice_eq_str(word, urls[i]))
			return URL;
	return contains(word, "src") || contains(word, "url") || contains(word, "uri") ||
			       contains(word, "href")
		       ? URL
		       : PLAIN;
}

/* `fresh`: the character before was a '/'. */
static void pass_attributes(struct markup *m, char c)
{
	bool empty = m->fresh;
	m->fresh = c == '/';
	if (c == '>') {
		m->fresh = false;
		leave_tag(m, empty);
	} else if (!is_blank(c) && c != '/') {
		go(m, NAME);
		word_add(m, c);
	}
}

/* At the '=' behind a name. */
static bool pass_name_end(struct pass *p)
{
	struct markup *m = p->m;
	bool obeyed = is_meta(m) && slice_eq(word_of(m), S("http-equiv"));
	if (obeyed && m->tag == TAG_META_FILLED)
		return refuse_here(p, 1,
				   "with http-equiv the content of <meta> cannot come from data");
	if (obeyed)
		m->tag = TAG_META_OBEYED;
	m->attribute = (uint8_t)attribute_of(m);
	go(m, BEFORE);
	return true;
}

static void pass_name(struct markup *m, char c)
{
	if (c == '>' || c == '/') {
		go(m, ATTRIBUTES);
		pass_attributes(m, c);
	} else if (is_blank(c)) {
		m->place = BEHIND_NAME; /* the word is still needed */
	} else if (m->place == BEHIND_NAME) {
		go(m, NAME);
		word_add(m, c);
	} else {
		word_add(m, c);
	}
}

static void pass_before(struct markup *m, char c)
{
	if (is_blank(c))
		return;
	m->url = URL_START;
	go(m, c == '"' || c == '\'' ? VALUE : UNQUOTED);
	m->quote = m->place == VALUE ? (uint8_t)c : 0;
	if (c == '>') {
		m->attribute = PLAIN;
		go(m, ATTRIBUTES);
		pass_attributes(m, c);
	}
}

static void leave_value(struct markup *m)
{
	m->quote = 0;
	m->attribute = PLAIN;
	m->url = URL_START;
	go(m, ATTRIBUTES);
}

/* ---- URLs ------------------------------------------------------------------------------------------------------ */

static void url_go(struct markup *m, enum url url)
{
	m->url = (uint8_t)url;
	if (url != URL_SCHEME && url != URL_DATA)
		word_clear(m);
}

/* At ':' behind a word. */
static void pass_scheme_end(struct markup *m)
{
	struct slice word = word_of(m);
	if (slice_eq(word, S("javascript")) || slice_eq(word, S("vbscript")))
		url_go(m, URL_SCRIPT);
	else if (slice_eq(word, S("data")))
		word_clear(m), url_go(m, URL_DATA);
	else
		url_go(m, URL_PATH);
}

static void pass_media(struct markup *m, char c)
{
	bool picture =
		slice_starts(word_of(m), S("image/")) && !slice_starts(word_of(m), S("image/svg"));
	if (c == ',')
		url_go(m, picture ? URL_PATH : URL_SCRIPT);
	else
		word_add(m, c);
}

static bool pass_url(struct pass *p, char c)
{
	struct markup *m = p->m;
	struct slice rest = slice_from(p->text, p->at);
	bool unknown = m->url == URL_START || m->url == URL_SCHEME || m->url == URL_OPEN;
	if (m->url == URL_DATA)
		pass_media(m, c);
	else if (c == '?' || c == '#')
		url_go(m, m->url <= URL_QUERY ? URL_QUERY : (enum url)m->url);
	else if (!unknown || (m->url == URL_START && is_blank(c)))
		return true;
	else if (c == '/')
		url_go(m, URL_PATH);
	else if (m->url == URL_OPEN && c == ':')
		return refuse_here(p, 1, "the scheme of a URL cannot come from data");
	else if (c == '&') /* an entity may be any character */
		url_go(m, m->url != URL_OPEN || slice_starts(rest, S("&#")) ||
					  slice_starts(rest, S("&colon"))
				  ? URL_UNSURE
				  : URL_QUERY);
	else if (c == ':' && m->url == URL_SCHEME)
		pass_scheme_end(m);
	else if (m->url != URL_OPEN && (c == ':' || (unsigned char)c <= ' '))
		url_go(m, URL_UNSURE);
	else if (m->url != URL_OPEN)
		url_go(m, URL_SCHEME), word_add(m, c);
	return true;
}

/* ---- what is no element ----------------------------------------------------------------------------------------- */

static bool pass_bang(struct pass *p)
{
	struct markup *m = p->m;
	struct slice rest = slice_from(p->text, p->at);
	if (slice_starts(rest, S("--"))) {
		p->at++;
		go(m, COMMENT);
		m->dashes = m->xml ? 0 : 2;
		m->fresh = !m->xml; /* nothing but dashes yet */
	} else if (slice_starts(rest, S("[CDATA["))) {
		if (!m->xml)
			return refuse_here(p, 7, "HTML has no CDATA: write the text as it is");
		p->at += 6;
		go(m, CDATA);
	} else {
		go(m, p->text.p[p->at] == '>' ? TEXT : DECLARATION);
	}
	return true;
}

/* "-->" ends it; in HTML also "--!>" (dashes 3), and at once "<!-->". */
static void pass_comment(struct markup *m, char c)
{
	if (c == '>' && m->dashes >= 2) {
		m->dashes = 0;
		m->fresh = false;
		go(m, TEXT);
		return;
	}
	if (c == '-') {
		m->dashes = m->dashes == 3 ? 1 : m->dashes < 2 ? (uint8_t)(m->dashes + 1) : 2;
		return;
	}
	m->dashes = c == '!' && m->dashes == 2 && !m->fresh && !m->xml ? 3 : 0;
	m->fresh = false;
}

/* dashes: how much of "]]>" or "?>" was there. */
static void pass_until(struct markup *m, char c, char mark, uint8_t marks)
{
	if (c == '>' && m->dashes >= marks) {
		m->dashes = 0;
		go(m, TEXT);
	} else {
		m->dashes = c != mark ? 0 : m->dashes < marks ? (uint8_t)(m->dashes + 1) : marks;
	}
}

static bool pass_declaration(struct pass *p, char c)
{
	if (c == '[' && p->m->xml)
		return refuse_here(p, 1, "a document type of its own has no place in a template");
	if (c == '>')
		go(p->m, TEXT);
	return true;
}

/* ---- the content of script, style, title, textarea ---------------------------------------------------------------- */

static void pass_code(struct markup *m, char c)
{
	if (c == '"')
		m->js = JS_DOUBLE;
	else if (c == '\'')
		m->js = JS_SINGLE;
	else if (c == '/')
		m->js = JS_SLASH;
	else if (c == '`')
		m->js = JS_UNSURE;
}

static void pass_js(struct markup *m, char c)
{
	bool line_end = c == '\n' || c == '\r';
	char quote = m->js == JS_DOUBLE ? '"' : '\'';
	switch ((enum js)m->js) {
	case JS_CODE:
		pass_code(m, c);
		return;
	case JS_DOUBLE:
	case JS_SINGLE:
		if (c == '\\')
			m->js = m->js == JS_DOUBLE ? JS_DOUBLE_ESCAPE : JS_SINGLE_ESCAPE;
		else if (c == quote || line_end)
			m->js = JS_CODE;
		return;
	case JS_DOUBLE_ESCAPE:
	case JS_SINGLE_ESCAPE: /* CR LF would be one */
		m->js = m->js == JS_DOUBLE_ESCAPE ? JS_DOUBLE : JS_SINGLE;
		m->js = c == '\r' ? JS_UNSURE : m->js;
		return;
	case JS_SLASH:
		m->js = c == '/' ? JS_LINE : c == '*' ? JS_BLOCK : JS_UNSURE;
		return;
	case JS_LINE:
		m->js = line_end ? JS_CODE : JS_LINE;
		return;
	case JS_BLOCK:
	case JS_STAR:
		m->js = c == '*' ? JS_STAR : c == '/' && m->js == JS_STAR ? JS_CODE : JS_BLOCK;
		return;
	case JS_UNSURE:
		return;
	}
}

static bool pass_content(struct pass *p, char c)
{
	struct markup *m = p->m;
	if (m->element == SCRIPT)
		pass_js(m, c);
	if (c != '<')
		return true;
	if (m->element == SCRIPT && !m->xml && slice_starts(slice_from(p->text, p->at), S("<!--")))
		return refuse_here(p, 4, "'<!--' within a script hides where it ends");
	go(m, CONTENT_OPEN);
	return true;
}

static bool ends_element(const struct markup *m)
{
	static const char *const opaque[] = { "xmp", "iframe", "noembed", "noframes" };
	struct slice word = local_word(m);
	if (m->element == UNSURE)
		return false;
	if (m->element != OPAQUE)
		return slice_eq_str(word, element_names[m->element]);
	for (size_t i = 0; i < ARRAY_SIZE(opaque); i++)
		if (slice_eq_str(word, opaque[i]))
			return true;
	return false;
}

/* Behind '<', or "</" and some letters. What is no end tag is content after all; in a script its '/' may be anything. */
static bool pass_content_end(struct pass *p, char c)
{
	struct markup *m = p->m;
	bool end = m->place == CONTENT_END;
	if (!end && c == '/') {
		go(m, CONTENT_END);
		return true;
	}
	if (end && (is_letter(c) || (m->xml && c == ':'))) {
		word_add(m, c);
		return true;
	}
	if (end && ends_element(m) && (is_blank(c) || c == '/' || c == '>')) {
		m->closing = true;
		m->element = OTHER;
		go(m, ATTRIBUTES);
		m->js = JS_CODE;
		pass_attributes(m, c);
		return true;
	}
	if (end && m->js == JS_CODE && m->element == SCRIPT)
		m->js = JS_UNSURE;
	go(m, CONTENT);
	return pass_content(p, c);
}

/* ---- all of it ---------------------------------------------------------------------------------------------------- */

static bool pass_value(struct pass *p, char c)
{
	if ((uint8_t)c == p->m->quote)
		return leave_value(p->m), true;
	return p->m->attribute == URL ? pass_url(p, c) : true;
}

static bool pass_unquoted(struct pass *p, char c)
{
	if (is_blank(c) || c == '>') {
		leave_value(p->m);
		pass_attributes(p->m, c);
	}
	return true;
}

static bool pass_one(struct pass *p)
{
	struct markup *m = p->m;
	char c = p->text.p[p->at];
	switch ((enum place)m->place) {
	case TEXT:
		return c == '<' ? go(m, OPEN), true : true;
	case OPEN:
		return pass_open(m, c), true;
	case TAG:
		return pass_tag(m, c), true;
	case ATTRIBUTES:
		return pass_attributes(m, c), true;
	case NAME:
	case BEHIND_NAME:
		return c == '=' ? pass_name_end(p) : (pass_name(m, c), true);
	case BEFORE:
		return pass_before(m, c), true;
	case VALUE:
		return pass_value(p, c);
	case UNQUOTED:
		return pass_unquoted(p, c);
	case BANG:
		return pass_bang(p);
	case COMMENT:
		return pass_comment(m, c), true;
	case DECLARATION:
		return pass_declaration(p, c);
	case CDATA:
		return pass_until(m, c, ']', 2), true;
	case INSTRUCTION:
		return pass_until(m, c, '?', 1), true;
	case CONTENT:
		return pass_content(p, c);
	case CONTENT_OPEN:
	case CONTENT_END:
		return pass_content_end(p, c);
	}
	return true;
}

bool markup_pass(struct markup *m, struct slice literal, struct markup_mistake *mistake)
{
	struct pass p = { m, literal, 0, mistake };
	for (; p.at < literal.n; p.at++)
		if (!pass_one(&p))
			return false;
	return true;
}

const char *markup_where(const struct markup *m)
{
	static const char *const names[] = {
		[TEXT] = "in the text",
		[OPEN] = "behind '<'",
		[TAG] = "in the name of an element",
		[ATTRIBUTES] = "within a tag",
		[NAME] = "in the name of an attribute",
		[BEHIND_NAME] = "in the name of an attribute",
		[BEFORE] = "before an attribute's value",
		[VALUE] = "in an attribute's value",
		[UNQUOTED] = "in an attribute's value",
		[BANG] = "behind '<!'",
		[COMMENT] = "in a comment",
		[DECLARATION] = "in a declaration",
		[CDATA] = "in a CDATA section",
		[INSTRUCTION] = "in a processing instruction",
		[CONTENT] = "in the text",
		[CONTENT_OPEN] = "behind '<'",
		[CONTENT_END] = "behind '</'",
	};
	static const char *const contents[] = { [SCRIPT] = "in a script",
						[STYLE] = "in a style sheet",
						[TITLE] = "in a title",
						[TEXTAREA] = "in a text area",
						[OPAQUE] = "in a raw element",
						[UNSURE] = "behind an element such as <title/>, "
							   "which HTML does not end there: "
							   "write <title></title>" };
	return m->place == CONTENT ? contents[m->element] : names[m->place];
}

bool markup_end(const struct markup *m, struct markup_mistake *mistake)
{
	if (m->place == TEXT)
		return true;
	return refuse(mistake, "the template ends %s", markup_where(m));
}

/* ---- values ---------------------------------------------------------------------------------------------------------- */

static bool value_in_url(struct markup *m, enum escape *ret, struct markup_mistake *mistake)
{
	switch ((enum url)m->url) {
	case URL_START:
		*ret = ESCAPE_URL;
		url_go(m, URL_OPEN);
		return true;
	case URL_SCHEME:
	case URL_OPEN:
		*ret = ESCAPE_URL_OPEN;
		url_go(m, URL_OPEN);
		return true;
	case URL_PATH:
		*ret = ESCAPE_URL_PATH;
		return true;
	case URL_QUERY:
		*ret = ESCAPE_URL_QUERY;
		return true;
	case URL_DATA:
		return refuse(mistake, "the type of a data: URL cannot come from data");
	case URL_SCRIPT:
		return refuse(
			mistake,
			"data has no place in a URL that is a script or a document of its own");
	case URL_UNSURE:
		break;
	}
	return refuse(mistake,
		      "it cannot be told what stands before this in the URL: begin it with "
		      "https:// or /");
}

static bool value_in_attribute(struct markup *m, enum escape *ret, struct markup_mistake *mistake)
{
	*ret = m->attribute == CSS ? ESCAPE_CSS : ESCAPE_TEXT;
	if (m->attribute == URL)
		return value_in_url(m, ret, mistake);
	if (m->attribute == META_CONTENT)
		m->tag = TAG_META_FILLED;
	if (m->attribute == REFUSED)
		return refuse(mistake,
			      "data has no place in this attribute: put it into one of its "
			      "own, such as data-id=\"\\(...)\"");
	return true;
}

static bool value_in_script(const struct markup *m, struct markup_mistake *mistake)
{
	if (m->js == JS_CODE)
		return true;
	if (m->xml)
		return refuse(mistake, "data has no place in a script of XML");
	if (m->js >= JS_DOUBLE && m->js <= JS_SINGLE_ESCAPE)
		return refuse(mistake, "data brings its own quotes into a script: write it outside "
				       "of the string");
	if (m->js == JS_LINE || m->js == JS_BLOCK || m->js == JS_STAR)
		return refuse(mistake, "this stands in a comment: take it out");
	return refuse(mistake,
		      "it cannot be told what this is to the script, behind a '/' or a '`': "
		      "put the data first");
}

static bool value_in_content(const struct markup *m, enum escape *ret,
			     struct markup_mistake *mistake)
{
	switch ((enum element)m->element) {
	case SCRIPT:
		*ret = ESCAPE_JSON;
		return value_in_script(m, mistake);
	case STYLE:
		*ret = ESCAPE_CSS;
		return true;
	case TITLE:
	case TEXTAREA:
		*ret = ESCAPE_TEXT;
		return true;
	default:
		return refuse(mistake, "data has no place in an element that is not read as HTML");
	}
}

bool markup_value(struct markup *m, bool trusted, enum escape *ret, struct markup_mistake *mistake)
{
	*ret = trusted ? ESCAPE_NONE : ESCAPE_TEXT;
	if (m->place == TEXT)
		return true;
	if (trusted)
		return refuse(mistake, "\\raw( ) stands in the text, not %s", markup_where(m));
	if (m->place == VALUE)
		return value_in_attribute(m, ret, mistake);
	if (m->place == CONTENT)
		return value_in_content(m, ret, mistake);
	if (m->place == BEFORE || m->place == UNQUOTED)
		return refuse(mistake, "put the attribute's value in quotes: %s",
			      "class=\"\\(...)\"");
	if (m->place == COMMENT)
		return refuse(mistake, "data has no place in a comment; a line that begins with "
				       "\\comment is left out");
	return refuse(mistake, "data has no place %s", markup_where(m));
}
