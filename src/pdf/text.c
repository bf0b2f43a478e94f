/* text.c - prose becomes lines
 *
 * What this room is for: spans become Pango's attributes, and a paragraph's lines become items.
 * What flows through:    prose in; items into the flow.
 * What must hold:
 *  (1) lines of one face stand equally far apart, whatever fonts had to help out; only what is really higher (a picture, a tall
 *      script) makes room for itself.
 *  (2) a paragraph of any length takes bounded memory: it is laid out in stretches that end at a blank. */
#include "pdf/press.h"
#include <string.h>
#include "base/banned.h"

enum {
	STRETCH = 6 << 10
}; /* bytes, more than a page; twice as much would take four times as long */

double pango_points(int units)
{
	return (double)units / PANGO_SCALE;
}

static int pango_size(double points)
{
	return (int)(points * PANGO_SCALE);
}

/* ---- attributes --------------------------------------------------------------------------------- */

struct range {
	PangoAttrList *list;
	unsigned from, to;
};

static void add(const struct range *r, PangoAttribute *a)
{
	a->start_index = r->from;
	a->end_index = r->to;
	pango_attr_list_insert(r->list, a);
}

static void add_color(const struct range *r, uint32_t c)
{
	add(r,
	    pango_attr_foreground_new((guint16)((c >> 16 & 255) * 257),
				      (guint16)((c >> 8 & 255) * 257), (guint16)((c & 255) * 257)));
}

/* A picture within a line: as high as it is, but not beyond the line's width, nor half of the page. */
static void add_image(struct press *p, const struct range *r, const struct span *s, double width)
{
	const struct image *image = image_get(p, s->target);
	double w = image && image->surface ? image->width : p->body.size * 1.2;
	double h = image && image->surface ? image->height : p->body.size * 0.9;
	double most = width > 0 ? width : press_width(p), scale = w > most ? most / w : 1;
	if (h * scale > press_height(p) / 2)
		scale = press_height(p) / 2 / h;
	PangoRectangle box = { 0, -pango_size(h * scale), pango_size(w * scale),
			       pango_size(h * scale) };
	add(r, pango_attr_shape_new(&box, &box));
}

static void add_script(const struct range *r, const struct face *face, double rise)
{
	add(r, pango_attr_scale_new(0.7));
	add(r, pango_attr_rise_new(pango_size(face->size * rise)));
}

static void add_span(struct press *p, const struct range *r, const struct span *s,
		     const struct face *face, double width)
{
	static const uint32_t code_colors[] = { 0x8250a8, 0x2a7a3f, 0xa85a1a, 0x7a828c };
	switch (s->kind) {
	case SPAN_STRONG:
		add(r, pango_attr_weight_new(PANGO_WEIGHT_BOLD));
		break;
	case SPAN_EMPHASIS:
		add(r, pango_attr_style_new(PANGO_STYLE_ITALIC));
		break;
	case SPAN_STRIKE:
		add(r, pango_attr_strikethrough_new(TRUE));
		break;
	case SPAN_UNDERLINE:
		add(r, pango_attr_underline_new(PANGO_UNDERLINE_SINGLE));
		break;
	case SPAN_CODE:
		add(r, pango_attr_family_new(p->style->code.font));
		add(r, pango_attr_scale_new(p->style->code.size));
		add(r, pango_attr_fallback_new(TRUE));
		break;
	case SPAN_LINK:
		add_color(r, p->style->link.color);
		if (p->style->link.underline)
			add(r, pango_attr_underline_new(PANGO_UNDERLINE_SINGLE));
		break;
	case SPAN_IMAGE:
		add_image(p, r, s, width);
		break;
	case SPAN_ABOVE:
		add_script(r, face, 0.34);
		break;
	case SPAN_BELOW:
		add_script(r, face, -0.12);
		break;
	case SPAN_MARK:
		break;
	default:
		add_color(r, code_colors[s->kind - SPAN_KEYWORD]);
	}
}

static PangoAttrList *attributes(struct press *p, const struct face *face,
				 const struct prose *prose, size_t from, size_t to, double width)
{
	PangoAttrList *list = pango_attr_list_new();
	for (size_t i = 0; i < prose->n && prose->spans[i].from < to; i++) {
		const struct span *s = &prose->spans[i];
		if (s->to <= from)
			continue;
		struct range r = { list, (unsigned)(s->from > from ? s->from - from : 0),
				   (unsigned)((s->to < to ? s->to : to) - from) };
		add_span(p, &r, s, face, width);
	}
	return list;
}

/* ---- a stretch, laid out ------------------------------------------------------------------------ */

struct para *para_new(struct press *p, const struct face *face, const struct prose *prose,
		      size_t from, size_t to, double width)
{
	struct para *para = xcalloc(1, sizeof(*para));
	PangoLayout *layout = pango_layout_new(p->context);
	ASSERT(from <= to && to <= prose->text.n);
	pango_layout_set_font_description(layout, face->font);
	pango_layout_set_text(layout, prose->text.p + from, (int)(to - from));
	if (prose->n) {
		PangoAttrList *list = attributes(p, face, prose, from, to, width);
		pango_layout_set_attributes(layout, list);
		pango_attr_list_unref(list);
	}
	pango_layout_set_wrap(layout, PANGO_WRAP_WORD_CHAR);
	pango_layout_set_width(layout, width < 0 ? -1 : pango_size(width));
	fonts_keep(layout);
	*para = (struct para){
		.refs = 1, .layout = layout, .face = face, .prose = prose, .from = from
	};
	while (para->span < prose->n && prose->spans[para->span].to <= from)
		para->span++;
	para->spans_end = para->span;
	while (para->spans_end < prose->n && prose->spans[para->spans_end].from < to)
		para->spans_end++;
	return para;
}

struct para *para_ref(struct para *para)
{
	para->refs++;
	return para;
}

void para_unref(struct para *para)
{
	if (!para || --para->refs > 0)
		return;
	g_object_unref(para->layout);
	free(para);
}

/* ---- its lines ------------------------------------------------------------------------------------- */

/* Where a line's text stands between the item's edges. */
static void measure(struct item *it, const struct face *face, const PangoRectangle *logical)
{
	double above = -pango_points(logical->y);
	double high = pango_points(logical->height), below = high - above;
	it->shift = pango_points(logical->x);
	it->height = face->pitch;
	it->baseline = (face->pitch + face->ascent - face->descent) / 2;
	if (high <= face->pitch * 1.3)
		return;
	double least = face->pitch - it->baseline;
	it->baseline = above > it->baseline ? above + 1 : it->baseline;
	it->height = it->baseline + (below > least ? below + 1 : least);
}

static bool stays(int i, int n, struct ends ends)
{
	if (i == n - 1)
		return ends.last && ends.glued;
	if (ends.together)
		return true;
	return (ends.first && i == 0) || (ends.last && i == n - 2) ||
	       (ends.first && ends.last && n <= 3);
}

void para_put(struct press *p, const struct place *at, struct para *para,
	      const struct block *heading, struct ends ends)
{
	PangoLayoutIter *iter = pango_layout_get_iter(para->layout);
	int n = pango_layout_get_line_count(para->layout), i = 0;
	do {
		PangoRectangle logical;
		PangoLayoutLine *line = pango_layout_iter_get_line_readonly(iter);
		pango_layout_iter_get_line_extents(iter, NULL, &logical);
		logical.y -= pango_layout_iter_get_baseline(iter);
		struct item it = { .kind = ITEM_LINE,
				   .x = at->x,
				   .width = at->width,
				   .frame = at->frame,
				   .para = para_ref(para),
				   .line = pango_layout_line_ref(line),
				   .heading = i == 0 ? heading : NULL,
				   .mark = take(p->mark),
				   .glued = stays(i, n, ends) };
		measure(&it, para->face, &logical);
		flow_put(p, &it);
		i++;
	} while (pango_layout_iter_next_line(iter) && press_goes(p));
	pango_layout_iter_free(iter);
}

/* The end of the stretch that begins at `from`: behind a blank, if there is one. */
static size_t stretch(struct slice text, size_t from)
{
	size_t to = from + STRETCH;
	if (text.n - from <= STRETCH)
		return text.n;
	const char *blank = memrchr(text.p + from, ' ', STRETCH);
	if (blank && (size_t)(blank - text.p) > from)
		return (size_t)(blank - text.p) + 1;
	while (((unsigned char)text.p[to] & 0xc0) == 0x80)
		to--;
	return to;
}

void text_put(struct press *p, const struct place *at, const struct prose *prose,
	      const struct block *heading, bool glued)
{
	bool justify = p->style->body.align == PDF_JUSTIFY && !heading;
	size_t from = 0, to;
	do {
		to = stretch(prose->text, from);
		struct para *para = para_new(p, at->face, prose, from, to, at->width);
		struct ends ends = { .first = from == 0,
				     .last = to == prose->text.n,
				     .glued = glued };
		pango_layout_set_justify(para->layout, justify);
		para_put(p, at, para, from == 0 ? heading : NULL, ends);
		para_unref(para);
		from = to;
	} while (from < prose->text.n && press_goes(p));
}

/* Hebrew, Arabic, Syriac, Thaana, N'Ko and the like. */
static bool letter_is_rtl(gunichar c)
{
	return (c >= 0x590 && c <= 0x8ff) || (c >= 0xfb1d && c <= 0xfdff) ||
	       (c >= 0xfe70 && c <= 0xfefc) || (c >= 0x10800 && c <= 0x10fff) ||
	       (c >= 0x1e800 && c <= 0x1efff);
}

/* Its first letter decides, as it does for Pango within a paragraph. */
bool text_is_rtl(const struct press *p, struct slice text)
{
	const char *at = text.p, *end = at ? at + slice_head(text, 4096).n : NULL;
	if (p->style->body.direction != PDF_AUTO)
		return p->style->body.direction == PDF_RTL;
	while (at && at < end && !g_unichar_isalpha(g_utf8_get_char(at)))
		at = g_utf8_next_char(at);
	return at && at < end && letter_is_rtl(g_utf8_get_char(at));
}
