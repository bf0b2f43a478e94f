/* plain.c - reading the little HTML that stands in titles
 *
 * What this room is for: see plain.h. What a title holds is a word in <b>, an entity, or a '<' that was never meant as a tag.
 * What flows through:    text, left to right, once.
 * What must hold:
 *  (1) only names that HTML has are tags; whatever is not closed is text, and is found to be so once: strangers write titles of a
 *      million '<'. (2) the numbers 128 to 159 are Windows's characters,
 *      as in browsers; what is no character is left as it was written. */
#include "connectors/feeds/plain.h"
#include "base/banned.h"
#include "base/utf8.h"
#include "connectors/feeds/xml.h"

static const char *const tags[] = {
	"a",      "abbr",  "b",    "big",    "blockquote", "br",    "center", "cite", "code",
	"dd",     "del",   "div",  "dl",     "dt",         "em",    "font",   "h1",   "h2",
	"h3",     "h4",    "h5",   "h6",     "hr",         "i",     "iframe", "img",  "ins",
	"kbd",    "li",    "mark", "ol",     "p",          "pre",   "q",      "s",    "samp",
	"script", "small", "span", "strike", "strong",     "style", "sub",    "sup",  "table",
	"td",     "th",    "tr",   "tt",     "u",          "ul",    "var",    "wbr",
};

static bool is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_tag(struct slice name)
{
	for (size_t i = 0; i < ARRAY_SIZE(tags); i++)
		if (slice_eq_nocase(name, slice_str(tags[i])))
			return true;
	return false;
}

static bool breaks(struct slice name)
{
	static const char *const words[] = { "br", "p", "div", "li", "td", "th", "tr", "hr" };
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (slice_eq_nocase(name, slice_str(words[i])))
			return true;
	return false;
}

/* What has no end from here on has none from anywhere behind: it is not looked for a second time. */
struct ends {
	bool no_tag, no_comment;
};

static size_t length_to(struct slice text, struct slice end, bool *ret_none)
{
	const char *at = *ret_none ? NULL : memmem(text.p, text.n, end.p, end.n);
	*ret_none = !at;
	return at ? (size_t)(at - text.p) + end.n : 0;
}

/* A tag or comment at the front of text: its length; 0: it is text. */
static size_t tag_at(struct slice text, struct ends *ends, struct slice *ret_name)
{
	size_t at = 1;
	*ret_name = (struct slice){ 0 };
	if (slice_starts(text, S("<!--")))
		return length_to(text, S("-->"), &ends->no_comment);
	at += at < text.n && text.p[at] == '/';
	size_t from = at;
	while (at < text.n && is_alnum(text.p[at]))
		at++;
	*ret_name = (struct slice){ text.p + from, at - from };
	return is_tag(*ret_name) ? length_to(text, S(">"), &ends->no_tag) : 0;
}

/* What a script or a style says is not for readers. */
static size_t hidden_at(struct slice text, struct slice name)
{
	if (!slice_eq_nocase(name, S("script")) && !slice_eq_nocase(name, S("style")))
		return 0;
	for (size_t i = 1; i + name.n + 2 <= text.n; i++)
		if (text.p[i] == '<' && text.p[i + 1] == '/' &&
		    slice_eq_nocase((struct slice){ text.p + i + 2, name.n }, name))
			return i;
	return text.n;
}

/* ---- entities -------------------------------------------------------------------------------- */

/* Windows-1252 where ISO 8859-1 has control characters. */
static const uint16_t windows[32] = {
	0x20ac, 0x81,   0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160,
	0x2039, 0x0152, 0x8d,   0x017d, 0x8f,   0x90,   0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
	0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0x9d,   0x017e, 0x0178,
};

unsigned plain_windows(unsigned char byte)
{
	return byte >= 128 && byte < 160 ? windows[byte - 128] : byte;
}

static unsigned number_of(struct slice digits)
{
	bool hex = digits.n && (digits.p[0] == 'x' || digits.p[0] == 'X');
	unsigned n = 0, base = hex ? 16 : 10;
	size_t i = hex;
	for (; i < digits.n && n <= 0x10ffff; i++) {
		char c = digits.p[i];
		unsigned d = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
			     : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10)
			     : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A' + 10)
						    : 99;
		if (d >= base)
			return 0;
		n = n * base + d;
	}
	if (n < 256)
		return plain_windows((unsigned char)n);
	return n > 0x10ffff || (n >= 0xd800 && n < 0xe000) ? 0 : n;
}

static unsigned character_of(struct slice name)
{
	static const struct {
		const char *name;
		unsigned code;
	} common[] = { { "amp", '&' },  { "lt", '<' },    { "gt", '>' },
		       { "quot", '"' }, { "apos", '\'' }, { "nbsp", 0xa0 } };
	if (name.n && name.p[0] == '#')
		return number_of(slice_from(name, 1));
	for (size_t i = 0; i < ARRAY_SIZE(common); i++)
		if (slice_eq_str(name, common[i].name))
			return common[i].code;
	return xml_html_entity(name);
}

size_t plain_entity_code(struct slice text, unsigned *ret_code)
{
	struct slice name, rest;
	if (!slice_cut(slice_head(slice_from(text, 1), 12), ';', &name, &rest))
		return 0;
	*ret_code = character_of(name);
	return *ret_code ? name.n + 2 : 0;
}

size_t plain_entity(struct slice text, char out[static 4], size_t *ret_n)
{
	unsigned code;
	size_t n = plain_entity_code(text, &code);
	if (n)
		*ret_n = utf8_put(code, out);
	return n;
}

/* ---- text ------------------------------------------------------------------------------------ */

struct writer {
	struct buf *out;
	size_t from; /* where this text begins */
	bool blank;  /* one is due */
	struct ends ends;
	int error;
};

static void put(struct writer *w, struct slice s)
{
	if (w->blank && w->out->n > w->from && w->error == 0)
		w->error = buf_add_char(w->out, ' ');
	w->blank = false;
	if (w->error == 0)
		w->error = buf_add(w->out, s);
}

static size_t put_plain(struct writer *w, struct slice text)
{
	size_t n = 0;
	while (n < text.n && text.p[n] != '<' && text.p[n] != '&' && (unsigned char)text.p[n] > ' ')
		n++;
	n += n == 0;
	if ((unsigned char)text.p[0] <= ' ')
		w->blank = true;
	else
		put(w, slice_head(text, n));
	return n;
}

static size_t put_markup(struct writer *w, struct slice text)
{
	struct slice name;
	char character[4];
	size_t n = 0, length = 0;
	if (text.p[0] == '&' && (n = plain_entity(text, character, &length)) > 0) {
		put(w, (struct slice){ character, length });
		return n;
	}
	if (text.p[0] == '<' && (n = tag_at(text, &w->ends, &name)) > 0) {
		w->blank |= breaks(name);
		return n + (text.p[1] == '/' ? 0 : hidden_at(slice_from(text, n), name));
	}
	return put_plain(w, text);
}

int plain_put_html(struct slice html, struct buf *out)
{
	struct writer w = { .out = out, .from = out->n };
	while (html.n && w.error == 0)
		html = slice_from(html, put_markup(&w, html));
	return w.error;
}

int plain_put_text(struct slice text, struct buf *out)
{
	struct writer w = { .out = out, .from = out->n };
	while (text.n && w.error == 0)
		text = slice_from(text, put_plain(&w, text));
	return w.error;
}
