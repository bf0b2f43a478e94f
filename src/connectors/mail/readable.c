/* readable.c - HTML as plain text, for readers who see no HTML
 *
 * What this room is for: a mail of HTML alone is unread by some people and distrusted by filters: it goes out with its text beside it.
 * What flows through:    HTML of any quality; UTF-8 text with line ends '\n'.
 *
 *     <h1>News</h1><p>For <b>Ada</b>,<br>see <a href="https://e.org/1">this</a>:   News
 *     <ul><li>One<li>Two</ul>
 *                                                                                   For Ada,
 *                                                                                   see this <https://e.org/1>:
 *
 *                                                                                   - One
 *                                                                                   - Two
 * What must hold:
 *  (1) what is not closed ends at the end: no input is refused, each byte is looked at a bounded number of times.
 *  (2) nothing of scripts, styles, titles and comments is shown. (3) blanks are as a browser shows them: one, and none beside a line's end. */
#include "connectors/mail/readable.h"
#include "base/banned.h"
#include "connectors/feeds/plain.h"

struct writing {
	struct buf *out;
	struct slice href; /* of the link that is open */
	size_t link_at;    /* where its words begin */
	int lines;         /* line ends that the next word needs before it: 0, 1, 2 */
	bool blank;        /* a blank, if a word comes on this line */
	unsigned verbatim; /* depth of <pre> */
	int error;
};

/* ---- words and lines -------------------------------------------------------------------------------- */

static void put(struct writing *w, struct slice s)
{
	int r = w->error ? 0 : buf_add(w->out, s);
	w->error = r < 0 ? r : w->error;
}

static void start_word(struct writing *w)
{
	if (w->out->n > 0 && w->lines > 0)
		put(w, w->lines > 1 ? S("\n\n") : S("\n"));
	else if (w->out->n > 0 && w->blank)
		put(w, S(" "));
	w->lines = 0;
	w->blank = false;
}

static void break_line(struct writing *w, int lines)
{
	w->lines = w->lines > lines ? w->lines : lines;
	w->blank = false;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

/* ---- characters ------------------------------------------------------------------------------------------ */

/* "&amp;" at the start of s: appends what it stands for; what holds a line together is a blank here, what may part a word nothing. How long it
 * is; 0: it is none. */
static size_t put_entity(struct writing *w, struct slice s)
{
	char text[4];
	size_t n, length = plain_entity(s, text, &n);
	struct slice c = { text, n };
	if (length == 0)
		return 0;
	if (slice_eq(c, S("\u00a0")))
		put(w, S(" "));
	else if (!slice_eq(c, S("\u00ad")) && !slice_eq(c, S("\u200c")))
		put(w, c);
	return length;
}

static void put_verbatim(struct writing *w, char c)
{
	if (c == '\n')
		put(w, S("\n"));
	else if (c != '\r')
		put(w, (struct slice){ &c, 1 });
}

/* Up to the next tag. */
static void put_text(struct writing *w, struct slice text)
{
	for (size_t i = 0; i < text.n;) {
		char c = text.p[i];
		if (!w->verbatim && is_blank(c)) {
			w->blank = true;
			i++;
			continue;
		}
		start_word(w);
		size_t n = c == '&' ? put_entity(w, slice_from(text, i)) : 0;
		if (n == 0)
			put_verbatim(w, c);
		i += n ? n : 1;
	}
}

/* ---- tags --------------------------------------------------------------------------------------------------- */

struct tag {
	struct slice name, rest; /* rest: its attributes */
	bool closes;
};
enum effect { NO_EFFECT, LINE, PARAGRAPH, ITEM, CELL, RULE, LINK, VERBATIM, HIDDEN, PICTURE };
static const struct element {
	const char *name;
	enum effect effect;
} elements[] = {
	{ "br", LINE },           { "div", LINE },
	{ "tr", LINE },           { "dt", LINE },
	{ "dd", LINE },           { "section", PARAGRAPH },
	{ "article", PARAGRAPH }, { "header", PARAGRAPH },
	{ "footer", PARAGRAPH },  { "p", PARAGRAPH },
	{ "h1", PARAGRAPH },      { "h2", PARAGRAPH },
	{ "h3", PARAGRAPH },      { "h4", PARAGRAPH },
	{ "h5", PARAGRAPH },      { "h6", PARAGRAPH },
	{ "ul", PARAGRAPH },      { "ol", PARAGRAPH },
	{ "table", PARAGRAPH },   { "blockquote", PARAGRAPH },
	{ "dl", PARAGRAPH },      { "li", ITEM },
	{ "td", CELL },           { "th", CELL },
	{ "hr", RULE },           { "a", LINK },
	{ "pre", VERBATIM },      { "script", HIDDEN },
	{ "style", HIDDEN },      { "title", HIDDEN },
	{ "template", HIDDEN },   { "img", PICTURE },
};

static enum effect effect_of(const struct tag *t)
{
	for (size_t i = 0; i < ARRAY_SIZE(elements); i++)
		if (slice_eq_nocase(t->name, slice_str(elements[i].name)))
			return elements[i].effect;
	return NO_EFFECT;
}

static bool is_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == ':';
}

/* The value of an attribute, as written; quotes may be missing. */
static struct slice attribute(struct slice rest, const char *wanted)
{
	size_t i = 0;
	while (i < rest.n) {
		while (i < rest.n && !is_name(rest.p[i]))
			i++;
		size_t from = i;
		while (i < rest.n && is_name(rest.p[i]))
			i++;
		struct slice name = { rest.p + from, i - from }, value = { 0 };
		while (i < rest.n && is_blank(rest.p[i]))
			i++;
		if (i == rest.n || rest.p[i] != '=')
			continue;
		for (i++; i < rest.n && is_blank(rest.p[i]);)
			i++;
		char quote = i < rest.n && (rest.p[i] == '"' || rest.p[i] == '\'') ? rest.p[i] : 0;
		i += quote != 0;
		from = i;
		while (i < rest.n && (quote ? rest.p[i] != quote : !is_blank(rest.p[i])))
			i++;
		value = (struct slice){ rest.p + from, i - from };
		i += quote != 0;
		if (slice_eq_nocase(name, slice_str(wanted)))
			return value;
	}
	return (struct slice){ 0 };
}

static void put_attribute(struct writing *w, struct slice value)
{
	for (size_t i = 0; i < value.n;) {
		size_t n = value.p[i] == '&' ? put_entity(w, slice_from(value, i)) : 0;
		if (n == 0 && (unsigned char)value.p[i] > ' ')
			put(w, slice_head(slice_from(value, i), 1));
		i += n ? n : 1;
	}
}

/* Behind its words, unless they are the address already. */
static void end_link(struct writing *w)
{
	struct slice href = w->href;
	w->href = (struct slice){ 0 };
	if (!slice_starts(href, S("http://")) && !slice_starts(href, S("https://")))
		return;
	struct slice words = w->link_at < w->out->n
				     ? slice_trim(slice_from(buf_slice(w->out), w->link_at))
				     : S("");
	if (words.n == 0 || slice_eq(words, href))
		return;
	put(w, S(" <"));
	put_attribute(w, href);
	put(w, S(">"));
}

static void take_link(struct writing *w, const struct tag *t)
{
	end_link(w);
	if (t->closes)
		return;
	w->href = attribute(t->rest, "href");
	w->link_at = w->out->n;
}

static void take_verbatim(struct writing *w, const struct tag *t)
{
	break_line(w, 2);
	if (!t->closes)
		w->verbatim++;
	else if (w->verbatim > 0)
		w->verbatim--;
}

static void take_tag(struct writing *w, const struct tag *t, enum effect effect)
{
	switch (effect) {
	case LINE:
		break_line(w, 1);
		break;
	case PARAGRAPH:
		break_line(w, 2);
		break;
	case ITEM:
		break_line(w, 1);
		if (t->closes)
			break;
		start_word(w);
		put(w, S("- "));
		break;
	case CELL:
		w->blank = true;
		break;
	case RULE:
		break_line(w, 1);
		start_word(w);
		put(w, S("----"));
		break_line(w, 1);
		break;
	case LINK:
		take_link(w, t);
		break;
	case VERBATIM:
		take_verbatim(w, t);
		break;
	case PICTURE:
		put_text(w, attribute(t->rest, "alt"));
		break;
	case HIDDEN:
	case NO_EFFECT:
		break;
	}
}

/* ---- the walk ------------------------------------------------------------------------------------------------- */

static size_t find(struct slice s, size_t from, const char *what)
{
	struct slice rest = slice_from(s, from < s.n ? from : s.n);
	const char *at = rest.n ? memmem(rest.p, rest.n, what, strlen(what)) : NULL;
	return at ? (size_t)(at - s.p) : s.n;
}

/* A '>' within quotes does not end it. Returns the offset behind it. */
static size_t read_tag(struct slice html, size_t at, struct tag *ret)
{
	size_t i = at + 1;
	char quote = 0;
	ret->closes = i < html.n && html.p[i] == '/';
	i += ret->closes;
	size_t from = i;
	while (i < html.n && is_name(html.p[i]))
		i++;
	ret->name = (struct slice){ html.p + from, i - from };
	from = i;
	for (; i < html.n && (quote || html.p[i] != '>'); i++) {
		if (quote)
			quote = html.p[i] == quote ? 0 : quote;
		else if (i > from && html.p[i - 1] == '=' &&
			 (html.p[i] == '"' || html.p[i] == '\''))
			quote = html.p[i];
	}
	ret->rest = (struct slice){ html.p + from, i - from };
	return i < html.n ? i + 1 : i;
}

/* Behind </script>. */
static size_t skip_hidden(struct slice html, size_t at, struct slice name)
{
	while ((at = find(html, at, "</")) < html.n) {
		struct slice end = slice_head(slice_from(html, at + 2), name.n);
		at += 2;
		if (!slice_eq_nocase(end, name))
			continue;
		at = find(html, at, ">");
		return at < html.n ? at + 1 : at;
	}
	return at;
}

static size_t take_markup(struct writing *w, struct slice html, size_t at)
{
	struct tag tag;
	if (slice_starts(slice_from(html, at), S("<!--"))) {
		size_t end = find(html, at + 4, "-->");
		return end < html.n ? end + 3 : end;
	}
	char next = at + 1 < html.n ? html.p[at + 1] : ' ';
	if (!is_name(next) && next != '/' && next != '!' && next != '?') {
		put_text(w, S("<"));
		return at + 1;
	}
	size_t behind = read_tag(html, at, &tag);
	enum effect effect = effect_of(&tag);
	take_tag(w, &tag, effect);
	return effect == HIDDEN && !tag.closes ? skip_hidden(html, behind, tag.name) : behind;
}

int readable_put(struct slice html, struct buf *out)
{
	AUTO(buf_done) struct buf text = { .max = out->max };
	struct writing w = { .out = &text };
	for (size_t at = 0; at < html.n && !w.error;) {
		size_t next = find(html, at, "<");
		put_text(&w, (struct slice){ html.p + at, next - at });
		at = next < html.n ? take_markup(&w, html, next) : next;
	}
	end_link(&w);
	if (text.n > 0)
		put(&w, S("\n"));
	return w.error ? w.error : buf_add(out, buf_slice(&text));
}
