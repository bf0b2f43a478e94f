/* document.c - what md4c tells becomes a tree
 *
 * What this room is for: see document.h.
 * What flows through:    md4c's events: blocks and spans are entered and left, text comes in pieces.
 * What must hold:
 *  (1) `at` is the innermost open block. Prose is open only within one that bears it; text that comes elsewhere (in a tight list's
 *      item) opens a paragraph of its own.
 *  (2) `deep` counts what was entered below DEPTH_MAX and put nowhere; it is left as often.
 *  (3) spans are in the order in which they begin; an image's text is taken out again and becomes its alt. */
#include "pdf/reader.h"
#include <ctype.h>
#include <errno.h>
#include <glib.h>
#include <md4c-html.h>
#include <string.h>
#include "base/banned.h"
#include "base/utf8.h"

enum { BLOCKS_MAX = 1 << 20, COPIED_MAX = 64 << 20 };

/* ---- prose ------------------------------------------------------------------------------------ */

static bool bears_prose(const struct block *b)
{
	return b->kind == BLOCK_HEADING || b->kind == BLOCK_CODE || b->kind == BLOCK_PARAGRAPH ||
	       b->kind == BLOCK_CELL;
}

static struct block *block_open(struct reader *r, enum block_kind kind)
{
	struct block *b = arena_zero(r->document->arena, sizeof(*b)), *parent = r->at;
	r->full |= ++r->blocks > BLOCKS_MAX;
	b->kind = kind;
	b->parent = parent;
	b->depth = parent ? parent->depth + 1 : 0;
	if (parent && parent->last)
		parent->last->next = b;
	else if (parent)
		parent->first = b;
	if (parent)
		parent->last = b;
	r->at = b;
	return b;
}

static void prose_begin(struct reader *r)
{
	buf_clear(&r->text);
	r->spans_n = r->open_n = 0;
	r->hidden = NULL;
}

/* Without blanks and breaks at its ends. */
static struct slice trimmed(struct slice text)
{
	struct slice sign = S(LINE_BREAK);
	for (text = slice_trim(text); slice_ends(text, sign); text = slice_trim(text))
		text.n -= sign.n;
	while (slice_starts(text, sign))
		text = slice_trim(slice_from(text, sign.n));
	return text;
}

/* What is open and bears prose is done: its text and spans move to the arena. */
static void prose_end(struct reader *r)
{
	struct block *b = r->at;
	struct arena *arena = r->document->arena;
	struct slice text = buf_slice(&r->text);
	while (r->open_n > 0)
		reader_span_close(r, r->spans[r->open[r->open_n - 1]].kind);
	if (b->kind != BLOCK_CODE)
		text = trimmed(text);
	size_t lead = text.n ? (size_t)(text.p - r->text.p) : 0;
	struct span *spans = arena_alloc(arena, (r->spans_n + 1) * sizeof(*spans));
	size_t n = 0;
	for (size_t i = 0; i < r->spans_n; i++) {
		struct span s = r->spans[i];
		s.from = s.from > lead ? s.from - lead : 0;
		s.to = s.to > lead ? s.to - lead : 0;
		s.to = s.to < text.n ? s.to : text.n;
		if (s.from < s.to)
			spans[n++] = s;
	}
	b->prose = (struct prose){ arena_copy(arena, text), spans, n };
}

static void block_close(struct reader *r)
{
	struct block *b = r->at;
	if (bears_prose(b))
		prose_end(r);
	r->at = b->parent;
}

/* A paragraph that nobody entered: it ends where another block begins, or the one around it ends. */
static void loose_end(struct reader *r)
{
	if (r->loose)
		block_close(r);
	r->loose = false;
}

static void prose_need(struct reader *r)
{
	if (bears_prose(r->at))
		return;
	block_open(r, BLOCK_PARAGRAPH);
	prose_begin(r);
	r->loose = true;
}

int reader_text(struct reader *r, struct slice text)
{
	if (r->hidden)
		return 0;
	prose_need(r);
	return buf_add(&r->text, text);
}

/* ---- spans ------------------------------------------------------------------------------------ */

void reader_span_open(struct reader *r, const struct span *span)
{
	prose_need(r);
	if (r->spans_n == r->spans_cap) {
		r->spans_cap = r->spans_cap ? 2 * r->spans_cap : 64;
		r->spans = xrealloc(r->spans, r->spans_cap, sizeof(*r->spans));
	}
	if (r->open_n == r->open_cap) {
		r->open_cap = r->open_cap ? 2 * r->open_cap : 16;
		r->open = xrealloc(r->open, r->open_cap, sizeof(*r->open));
	}
	r->spans[r->spans_n] = *span;
	r->spans[r->spans_n].from = r->spans[r->spans_n].to = r->text.n;
	r->open[r->open_n++] = r->spans_n++;
}

/* Its text becomes one sign that the picture stands for. */
static void image_close(struct reader *r, size_t at)
{
	struct span *s = &r->spans[at];
	struct slice alt = slice_from(buf_slice(&r->text), s->from);
	s->alt = arena_copy(r->document->arena, alt);
	buf_truncate(&r->text, s->from);
	r->spans_n = at + 1; /* what was emphasised in it */
	(void)!buf_add(&r->text, S("\xef\xbf\xbc"));
	s->to = r->text.n;
}

/* Closes the innermost open span of the kind, and what is open within it. */
void reader_span_close(struct reader *r, enum span_kind kind)
{
	size_t i = r->open_n;
	while (i > 0 && r->spans[r->open[i - 1]].kind != kind)
		i--;
	if (i == 0)
		return;
	while (r->open_n >= i) {
		size_t at = r->open[--r->open_n];
		if (at >= r->spans_n)
			continue; /* gone with an image's text */
		r->spans[at].to = r->text.n;
		if (r->spans[at].kind == SPAN_IMAGE)
			image_close(r, at);
	}
}

/* ---- attributes and entities -------------------------------------------------------------------- */

static void put_piece(const MD_CHAR *text, MD_SIZE n, void *out)
{
	(void)!buf_add(out, (struct slice){ text, n });
}

/* md4c's own table knows all of them; it is reached by rendering. "<p>" and "</p>\n" stand around. */
static int put_entity(struct slice entity, struct buf *out)
{
	AUTO(buf_done) struct buf html = { .max = 256 };
	if (slice_eq(entity, S("&lt;")))
		return buf_add_char(out, '<');
	if (slice_eq(entity, S("&amp;")))
		return buf_add_char(out, '&');
	if (slice_eq(entity, S("&gt;")))
		return buf_add_char(out, '>');
	if (slice_eq_nocase(entity, S("&quot;")) || slice_eq(entity, S("&#34;")))
		return buf_add_char(out, '"');
	if (md_html(entity.p, (MD_SIZE)entity.n, put_piece, &html, 0, 0) != 0 || html.n < 8)
		return buf_add(out, entity);
	struct slice text = { html.p + 3, html.n - 8 };
	if (slice_starts(text, S("&"))) /* escaped anew: &#38; and what is no entity */
		return buf_add(out, slice_starts(text, S("&amp;")) && text.n == 5 ? S("&")
				    : slice_eq(text, S("&lt;"))                   ? S("<")
				    : slice_eq(text, S("&gt;"))                   ? S(">")
										  : entity);
	return buf_add(out, text);
}

/* It stands in the Markdown as it is: a reference's target is one however often it is named. */
static bool needs_no_copy(const struct reader *r, const MD_ATTRIBUTE *a)
{
	uintptr_t at = (uintptr_t)a->text, from = (uintptr_t)r->markdown.p;
	return a->size && at >= from && at + a->size <= from + r->markdown.n &&
	       a->substr_types[0] == MD_TEXT_NORMAL && a->substr_offsets[1] == a->size;
}

static struct slice attribute(struct reader *r, const MD_ATTRIBUTE *a)
{
	AUTO(buf_done) struct buf text = { 0 };
	if (needs_no_copy(r, a))
		return (struct slice){ a->text, a->size };
	for (size_t i = 0; a->text && a->substr_offsets[i] < a->size; i++) {
		struct slice piece = { a->text + a->substr_offsets[i],
				       a->substr_offsets[i + 1] - a->substr_offsets[i] };
		int error = a->substr_types[i] == MD_TEXT_ENTITY ? put_entity(piece, &text)
			    : a->substr_types[i] == MD_TEXT_NULLCHAR
				    ? buf_add(&text, S("\xef\xbf\xbd"))
				    : buf_add(&text, piece);
		if (error < 0)
			break;
	}
	r->copied += text.n;
	r->full |= r->copied > COPIED_MAX;
	return arena_copy(r->document->arena, buf_slice(&text));
}

/* ---- events ------------------------------------------------------------------------------------- */

static enum block_kind kind_of(MD_BLOCKTYPE type)
{
	static const enum block_kind kinds[] = {
		[MD_BLOCK_DOC] = BLOCK_DOCUMENT,   [MD_BLOCK_QUOTE] = BLOCK_QUOTE,
		[MD_BLOCK_UL] = BLOCK_LIST,        [MD_BLOCK_OL] = BLOCK_LIST,
		[MD_BLOCK_LI] = BLOCK_ITEM,        [MD_BLOCK_HR] = BLOCK_RULE,
		[MD_BLOCK_H] = BLOCK_HEADING,      [MD_BLOCK_CODE] = BLOCK_CODE,
		[MD_BLOCK_HTML] = BLOCK_PARAGRAPH, [MD_BLOCK_P] = BLOCK_PARAGRAPH,
		[MD_BLOCK_TABLE] = BLOCK_TABLE,    [MD_BLOCK_TR] = BLOCK_ROW,
		[MD_BLOCK_TH] = BLOCK_CELL,        [MD_BLOCK_TD] = BLOCK_CELL,
	};
	return kinds[type];
}

static void take_detail(struct reader *r, MD_BLOCKTYPE type, void *detail, struct block *b)
{
	if (type == MD_BLOCK_UL) {
		b->tight = ((MD_BLOCK_UL_DETAIL *)detail)->is_tight;
	} else if (type == MD_BLOCK_OL) {
		const MD_BLOCK_OL_DETAIL *list = detail;
		b->tight = list->is_tight;
		b->number = list->start;
		b->delimiter = list->mark_delimiter;
	} else if (type == MD_BLOCK_LI) {
		const MD_BLOCK_LI_DETAIL *item = detail;
		b->task = item->is_task;
		b->done = item->is_task && item->task_mark != ' ';
	} else if (type == MD_BLOCK_H) {
		b->number = ((MD_BLOCK_H_DETAIL *)detail)->level;
	} else if (type == MD_BLOCK_CODE) {
		b->word = attribute(r, &((MD_BLOCK_CODE_DETAIL *)detail)->lang);
	} else if (type == MD_BLOCK_TABLE) {
		b->columns = ((MD_BLOCK_TABLE_DETAIL *)detail)->col_count;
	} else if (type == MD_BLOCK_TH || type == MD_BLOCK_TD) {
		b->align = (enum cell_align)((MD_BLOCK_TD_DETAIL *)detail)->align;
		b->head = type == MD_BLOCK_TH;
	}
}

static bool interrupted(struct reader *r)
{
	return r->full || ((++r->events & 255) == 0 && r->stopped && r->stopped(r->arg));
}

static int enter_block(MD_BLOCKTYPE type, void *detail, void *arg)
{
	struct reader *r = arg;
	bool container = type == MD_BLOCK_QUOTE || type == MD_BLOCK_UL || type == MD_BLOCK_OL ||
			 type == MD_BLOCK_LI;
	if (type == MD_BLOCK_THEAD || type == MD_BLOCK_TBODY)
		return 0;
	loose_end(r);
	if (container && (r->deep > 0 || r->at->depth >= DEPTH_MAX)) {
		r->deep++;
		return 0;
	}
	struct block *b = block_open(r, kind_of(type));
	take_detail(r, type, detail, b);
	r->html = type == MD_BLOCK_HTML;
	if (bears_prose(b))
		prose_begin(r);
	return interrupted(r) ? -1 : 0;
}

static int leave_block(MD_BLOCKTYPE type, void *detail, void *arg)
{
	struct reader *r = arg;
	(void)detail;
	bool container = type == MD_BLOCK_QUOTE || type == MD_BLOCK_UL || type == MD_BLOCK_OL ||
			 type == MD_BLOCK_LI;
	if (type == MD_BLOCK_THEAD || type == MD_BLOCK_TBODY)
		return 0;
	loose_end(r);
	if (container && r->deep > 0) {
		r->deep--;
		return 0;
	}
	r->html = false;
	block_close(r);
	return 0;
}

static enum span_kind span_kind_of(MD_SPANTYPE type)
{
	switch (type) {
	case MD_SPAN_EM:
		return SPAN_EMPHASIS;
	case MD_SPAN_STRONG:
		return SPAN_STRONG;
	case MD_SPAN_A:
		return SPAN_LINK;
	case MD_SPAN_IMG:
		return SPAN_IMAGE;
	case MD_SPAN_DEL:
		return SPAN_STRIKE;
	case MD_SPAN_U:
		return SPAN_UNDERLINE;
	default:
		return SPAN_CODE;
	}
}

static int enter_span(MD_SPANTYPE type, void *detail, void *arg)
{
	struct reader *r = arg;
	struct span s = { .kind = span_kind_of(type) };
	if (type == MD_SPAN_A)
		s.target = attribute(r, &((MD_SPAN_A_DETAIL *)detail)->href);
	else if (type == MD_SPAN_IMG)
		s.target = attribute(r, &((MD_SPAN_IMG_DETAIL *)detail)->src);
	reader_span_open(r, &s);
	return interrupted(r) ? -1 : 0;
}

static int leave_span(MD_SPANTYPE type, void *detail, void *arg)
{
	(void)detail;
	reader_span_close(arg, span_kind_of(type));
	return 0;
}

static int take_text(MD_TEXTTYPE type, const MD_CHAR *p, MD_SIZE n, void *arg)
{
	struct reader *r = arg;
	struct slice text = { p, n };
	int error = 0;
	switch (type) {
	case MD_TEXT_NULLCHAR:
		return reader_text(r, S("\xef\xbf\xbd"));
	case MD_TEXT_BR:
		return reader_text(r, S(LINE_BREAK));
	case MD_TEXT_SOFTBR:
		return reader_text(r, S(" "));
	case MD_TEXT_ENTITY:
		prose_need(r);
		return r->hidden ? 0 : put_entity(text, &r->text);
	case MD_TEXT_HTML:
		error = reader_html(r, text);
		break;
	default:
		error = reader_text(r, text);
	}
	return error < 0 || interrupted(r) ? -1 : 0;
}

/* ---- headings' names ---------------------------------------------------------------------------- */

/* As GitHub has it: letters and digits in lower case, '-' for blanks, the rest is left out. */
static struct slice slug_of(struct arena *arena, struct slice text)
{
	AUTO(buf_done) struct buf out = { .max = 4096 };
	for (const char *p = text.p, *end = p + text.n; p < end && out.n < 2000;
	     p = g_utf8_next_char(p)) {
		gunichar c = g_unichar_tolower(g_utf8_get_char(p));
		char bytes[6];
		if (g_unichar_isalnum(c) || g_unichar_ismark(c) || c == '_' || c == '-')
			(void)!buf_add(
				&out, (struct slice){ bytes, (size_t)g_unichar_to_utf8(c, bytes) });
		else if (c == ' ')
			(void)!buf_add_char(&out, '-');
	}
	return arena_copy(arena, buf_slice(&out));
}

static unsigned headings_count(const struct block *b)
{
	unsigned n = b->kind == BLOCK_HEADING;
	for (const struct block *c = b->first; c; c = c->next)
		n += headings_count(c);
	return n;
}

static void headings_name(struct document *d, struct block *b)
{
	if (b->kind == BLOCK_HEADING) {
		b->word = slug_of(d->arena, prose_plain(d->arena, &b->prose));
		d->headings[d->headings_n++] = b;
		b->index = d->headings_n;
	}
	for (struct block *c = b->first; c; c = c->next)
		headings_name(d, c);
}

static int by_name(const void *a, const void *b)
{
	const struct block *x = *(struct block *const *)a, *y = *(struct block *const *)b;
	int order = slice_cmp(x->word, y->word);
	return order ? order : x->index < y->index ? -1 : x->index > y->index;
}

/* The first heading, by name, whose name is not before this one; headings_n: there is none. */
static unsigned lower_bound(const struct document *d, struct slice name)
{
	unsigned from = 0, to = d->headings_n;
	while (from < to) {
		unsigned middle = from + (to - from) / 2;
		if (slice_cmp(d->by_name[middle]->word, name) < 0)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

static const struct block *anchor(const struct document *d, struct slice name, unsigned nth)
{
	unsigned at = lower_bound(d, name);
	if (nth >= d->headings_n - at || !slice_eq(d->by_name[at + nth]->word, name))
		return NULL;
	return d->by_name[at + nth];
}

/* Of equal names the second is called "name-1", and so on. */
const struct block *document_anchor(const struct document *d, struct slice name)
{
	const struct block *found = name.n ? anchor(d, name, 0) : NULL;
	size_t digits = 0;
	unsigned nth = 0;
	while (digits < name.n && digits < 6 && name.p[name.n - 1 - digits] >= '0' &&
	       name.p[name.n - 1 - digits] <= '9')
		digits++;
	if (found || digits == 0 || digits >= name.n || name.p[name.n - 1 - digits] != '-')
		return found;
	for (size_t i = name.n - digits; i < name.n; i++)
		nth = nth * 10 + (unsigned)(name.p[i] - '0');
	return nth ? anchor(d, slice_head(name, name.n - digits - 1), nth) : NULL;
}

struct slice prose_plain(struct arena *arena, const struct prose *prose)
{
	AUTO(buf_done) struct buf out = { 0 };
	struct slice rest = prose->text, sign = S(LINE_BREAK);
	for (size_t i = 0; i < rest.n; i++) {
		struct slice from = slice_from(rest, i);
		bool hard = slice_starts(from, sign), image = slice_starts(from, S("\xef\xbf\xbc"));
		if (buf_add_char(&out, hard ? ' ' : rest.p[i]) < 0)
			break;
		if (image)
			buf_truncate(&out, out.n - 1);
		i += hard || image ? 2 : 0;
	}
	return arena_copy(arena, slice_trim(buf_slice(&out)));
}

/* ---- the document --------------------------------------------------------------------------------- */

int document_read(struct document *d, struct arena *arena, struct slice markdown,
		  bool (*stopped)(void *arg), void *arg)
{
	struct block above = { 0 };
	struct reader r = { .document = d, .at = &above, .stopped = stopped, .arg = arg };
	const MD_PARSER parser = {
		.flags = MD_DIALECT_GITHUB | MD_FLAG_COLLAPSEWHITESPACE,
		.enter_block = enter_block,
		.leave_block = leave_block,
		.enter_span = enter_span,
		.leave_span = leave_span,
		.text = take_text,
	};
	*d = (struct document){ .arena = arena };
	r.markdown = markdown = markdown_mend(arena, markdown);
	r.text.max = markdown.n + (64u << 20);
	int error = md_parse(markdown.p ? markdown.p : "", (MD_SIZE)markdown.n, &parser, &r);
	buf_done(&r.text);
	free(r.spans);
	free(r.open);
	if (error)
		return r.full ? -EMSGSIZE : -1;
	d->root = above.first;
	d->root->parent = NULL;
	d->headings = arena_zero(arena, (headings_count(d->root) + 1u) * sizeof(struct block *));
	headings_name(d, d->root);
	size_t size = d->headings_n * sizeof(struct block *);
	d->by_name = arena_alloc(arena, size + 1);
	memcpy(d->by_name, d->headings, size);
	qsort(d->by_name, d->headings_n, sizeof(struct block *), by_name);
	return 0;
}
