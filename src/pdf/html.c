/* html.c - the HTML that stands in Markdown
 *
 * What this room is for: people and language models write <br>, <sub> and <kbd> where Markdown has no word. Those are understood;
 *   every other tag is left out and what it encloses is shown, so that nothing of the text is lost.
 * What flows through:    pieces of raw HTML, as md4c finds them: one tag within a line; whole lines, in blocks.
 * What must hold:
 *  (1) nothing is run, loaded or laid out by CSS. (2) comments, <script>, <style>, <head> and <title> are not shown; the comment
 *      <!-- page --> begins a page. */
#include "pdf/reader.h"
#include <string.h>
#include "base/banned.h"

static const struct {
	const char *name;
	enum span_kind kind;
} spans[] = {
	{ "b", SPAN_STRONG },    { "strong", SPAN_STRONG }, { "i", SPAN_EMPHASIS },
	{ "em", SPAN_EMPHASIS }, { "cite", SPAN_EMPHASIS }, { "var", SPAN_EMPHASIS },
	{ "u", SPAN_UNDERLINE }, { "ins", SPAN_UNDERLINE }, { "s", SPAN_STRIKE },
	{ "del", SPAN_STRIKE },  { "strike", SPAN_STRIKE }, { "code", SPAN_CODE },
	{ "kbd", SPAN_CODE },    { "samp", SPAN_CODE },     { "tt", SPAN_CODE },
	{ "mark", SPAN_MARK },   { "sub", SPAN_BELOW },     { "sup", SPAN_ABOVE },
};
static const char *const hidden[] = { "script", "style", "head", "title", "template" };
/* Text before and behind them does not stand on one line. */
static const char *const breaks[] = { "br",      "p",  "div", "tr",        "li",
				      "summary", "dt", "dd",  "figcaption" };

static const char COMMENT[] = "!--"; /* `hidden` within a comment of several lines */

struct tag {
	struct slice name;
	bool closes;
};

/* "<a href=..>", "</a>" at the start of s; its length, or 0: it is none. */
static size_t tag_read(struct slice s, struct tag *ret)
{
	const char *end = s.n > 2 && s.p[0] == '<' ? memchr(s.p, '>', s.n) : NULL;
	if (!end)
		return 0;
	ret->closes = s.p[1] == '/';
	size_t i = 1 + ret->closes, from = i;
	while (s.p + i < end && ((s.p[i] | 0x20) >= 'a' && (s.p[i] | 0x20) <= 'z'))
		i++;
	while (i > from && s.p + i < end && s.p[i] >= '0' && s.p[i] <= '9')
		i++;
	ret->name = (struct slice){ s.p + from, i - from };
	return i > from ? (size_t)(end - s.p) + 1 : 0;
}

static bool is_one_of(struct slice name, const char *const *words, size_t n, const char **ret)
{
	for (size_t i = 0; i < n; i++)
		if (slice_eq_nocase(name, slice_str(words[i]))) {
			*ret = words[i];
			return true;
		}
	return false;
}

/* Elements that stand on lines of their own make one break between them, however many there are. */
static int line_break(struct reader *r, bool wanted)
{
	bool again = r->text.n == 0 || slice_ends(slice_trim(buf_slice(&r->text)), S(LINE_BREAK));
	return again && !wanted ? 0 : reader_text(r, S(LINE_BREAK));
}

static int take_tag(struct reader *r, const struct tag *tag)
{
	const char *word;
	if (r->hidden) {
		if (tag->closes && slice_eq_nocase(tag->name, slice_str(r->hidden)))
			r->hidden = NULL;
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(spans); i++) {
		if (!slice_eq_nocase(tag->name, slice_str(spans[i].name)))
			continue;
		if (tag->closes)
			reader_span_close(r, spans[i].kind);
		else
			reader_span_open(r, &(struct span){ .kind = spans[i].kind });
		return 0;
	}
	if (!tag->closes && is_one_of(tag->name, hidden, ARRAY_SIZE(hidden), &word))
		r->hidden = word;
	else if (is_one_of(tag->name, breaks, ARRAY_SIZE(breaks), &word))
		return line_break(r, strcmp(word, "br") == 0);
	return 0;
}

static size_t comment_read(struct reader *r, struct slice s)
{
	if (!slice_starts(s, S("<!--")))
		return 0;
	const char *end = s.n > 6 ? memmem(s.p + 4, s.n - 4, "-->", 3) : NULL;
	struct slice words = { s.p + 4, end ? (size_t)(end - s.p) - 4 : s.n - 4 };
	words = slice_trim(words);
	if (r->html &&
	    (slice_eq_nocase(words, S("page")) || slice_eq_nocase(words, S("pagebreak")) ||
	     slice_eq_nocase(words, S("page break")))) {
		ASSERT(r->at->kind == BLOCK_PARAGRAPH);
		r->at->kind = BLOCK_PAGE;
	}
	if (!end)
		r->hidden = COMMENT; /* it goes on */
	return end ? (size_t)(end - s.p) + 3 : s.n;
}

/* Where a comment that began on an earlier line ends: behind it. */
static size_t comment_end(struct reader *r, struct slice s)
{
	const char *end = s.n > 2 ? memmem(s.p, s.n, "-->", 3) : NULL;
	if (end)
		r->hidden = NULL;
	return end ? (size_t)(end - s.p) + 3 : s.n;
}

/* Text of a block: lines and blanks are one blank. */
static int take_words(struct reader *r, struct slice text)
{
	for (size_t i = 0; i < text.n; i++) {
		bool blank = text.p[i] == ' ' || text.p[i] == '\n' || text.p[i] == '\t';
		bool again = r->text.n == 0 || r->text.p[r->text.n - 1] == ' ';
		if (blank && again)
			continue;
		if (reader_text(r, blank ? S(" ") : (struct slice){ text.p + i, 1 }) < 0)
			return -1;
	}
	return 0;
}

int reader_html(struct reader *r, struct slice s)
{
	while (s.n > 0) {
		struct tag tag;
		size_t n = r->hidden == COMMENT ? comment_end(r, s) : comment_read(r, s);
		if (n == 0 && (n = tag_read(s, &tag)) > 0 && take_tag(r, &tag) < 0)
			return -1;
		if (n == 0) {
			const char *next = s.n > 1 ? memchr(s.p + 1, '<', s.n - 1) : NULL;
			n = next ? (size_t)(next - s.p) : s.n;
			if (take_words(r, slice_head(s, n)) < 0)
				return -1;
		}
		s = slice_from(s, n);
	}
	return 0;
}
