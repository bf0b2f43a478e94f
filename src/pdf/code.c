/* code.c - blocks of code: monospaced, on a ground of their own, over as many pages as they need
 *
 * What this room is for: see above.
 * What flows through:    the code's text, some lines at a time, so that 100,000 lines take no more memory than a page.
 * What must hold:
 *  (1) blanks stand as they were written; a tab is as wide as up to the next fourth column. (2) a line that is too long goes on below,
 *      a little further in. (3) the first two lines stay together, and the last two; a short block is not divided at all. */
#include "pdf/press.h"
#include "base/banned.h"

enum { CHUNK_LINES = 48, CHUNK_BYTES = 8 << 10, LINE_BYTES = 6 << 10, TOGETHER_LINES = 14 };

/* How much of the text is laid out at once: whole lines, unless one is very long. */
static size_t chunk(struct slice text, size_t from)
{
	size_t to = from, lines = 0;
	while (to < text.n && lines < CHUNK_LINES && to - from < CHUNK_BYTES) {
		const char *end = memchr(text.p + to, '\n', text.n - to);
		size_t next = end ? (size_t)(end - text.p) + 1 : text.n;
		if (next - from > LINE_BYTES && to > from)
			return to;
		to = next;
		lines++;
	}
	if (to - from <= LINE_BYTES)
		return to;
	to = from + LINE_BYTES;
	while (((unsigned char)text.p[to] & 0xc0) == 0x80)
		to--;
	return to;
}

static struct slice without_end(struct slice text)
{
	while (text.n && text.p[text.n - 1] == '\n')
		text.n--;
	return text;
}

static PangoTabArray *tabs_of(const struct face *face)
{
	PangoTabArray *tabs = pango_tab_array_new(1, FALSE);
	/* A monospaced letter is about 0.6 of its size. */
	pango_tab_array_set_tab(tabs, 0, PANGO_TAB_LEFT,
				(int)(4 * 0.602 * face->size * PANGO_SCALE));
	return tabs;
}

static size_t lines_count(struct slice text)
{
	size_t n = 1;
	for (size_t i = 0; i < text.n && n <= TOGETHER_LINES; i++)
		n += text.p[i] == '\n';
	return n;
}

static void lines_put(struct press *p, const struct place *in, const struct prose *prose)
{
	PangoTabArray *tabs = tabs_of(in->face);
	bool together = lines_count(prose->text) <= TOGETHER_LINES;
	for (size_t from = 0, to; from < prose->text.n && press_goes(p); from = to) {
		to = chunk(prose->text, from);
		bool last = to == prose->text.n;
		size_t end = to > from && prose->text.p[to - 1] == '\n' ? to - 1 : to;
		struct para *para = para_new(p, in->face, prose, from, end, in->width);
		pango_layout_set_tabs(para->layout, tabs);
		pango_layout_set_indent(para->layout, -(int)(1.2 * in->face->size * PANGO_SCALE));
		pango_layout_set_auto_dir(para->layout, FALSE);
		struct ends ends = { .first = from == 0, .last = last, .together = together };
		para_put(p, in, para, NULL, ends);
		para_unref(para);
	}
	pango_tab_array_free(tabs);
}

void code_put(struct press *p, const struct block *b, const struct place *at)
{
	struct frame *frame = arena_zero(p->arena, sizeof(*frame));
	struct prose *prose = arena_zero(p->arena, sizeof(*prose));
	struct place in = *at;
	double pad = 0.75 * p->body.size;
	*frame = (struct frame){
		.outer = at->frame, .kind = FRAME_CODE, .x = at->x, .width = at->width, .pad = pad
	};
	frame->depth = at->frame ? at->frame->depth + 1 : 1;
	prose->text = without_end(b->prose.text);
	if (p->style->code.highlight)
		prose->spans = code_spans(p, b, &prose->n);
	in.x += pad * 1.15;
	in.width -= pad * 2.3;
	in.frame = frame;
	in.face = &p->code;
	flow_gap(p, 0.75 * p->body.pitch);
	if (prose->text.n)
		lines_put(p, &in, prose);
	flow_gap(p, 0.75 * p->body.pitch);
}
