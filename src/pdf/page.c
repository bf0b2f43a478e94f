/* page.c - a page is drawn
 *
 * What this room is for: grounds, bars, items, header and footer, in this order; destinations and the outline's entries on the way.
 * What flows through:    the items of one page; Cairo's operators.
 * What must hold:        a frame that goes over several pages is drawn on each as far as its items go there. */
#include "pdf/press.h"
#include <cairo-pdf.h>
#include "base/banned.h"

struct spot { /* where an item stands on its page */
	double top, bottom;
};

/* ---- frames ----------------------------------------------------------------------------------------- */

static void rounded(cairo_t *cr, double x, double y, double w, double h, double r)
{
	cairo_new_sub_path(cr);
	cairo_arc(cr, x + w - r, y + r, r, -G_PI_2, 0);
	cairo_arc(cr, x + w - r, y + h - r, r, 0, G_PI_2);
	cairo_arc(cr, x + r, y + h - r, r, G_PI_2, G_PI);
	cairo_arc(cr, x + r, y + r, r, G_PI, 3 * G_PI_2);
	cairo_close_path(cr);
}

static void frame_draw(struct press *p, const struct frame *f, double top, double bottom)
{
	cairo_t *cr = p->cr;
	if (f->kind == FRAME_CODE) {
		color_set(cr, p->style->code.background);
		rounded(cr, f->x, top, f->width, bottom - top, 3.5);
	} else {
		color_set(cr, p->style->quote.bar);
		rounded(cr, f->right ? f->x + f->width - 2.5 : f->x, top, 2.5, bottom - top, 1.25);
	}
	cairo_fill(cr);
}

static const struct frame *frame_at(const struct item *it, unsigned depth)
{
	const struct frame *f = it->frame;
	while (f && f->depth > depth)
		f = f->outer;
	return f && f->depth == depth ? f : NULL;
}

/* The frames of one depth: each from its first to its last item on the page. */
static void frames_draw(struct press *p, const struct page *page, const struct spot *spots,
			unsigned depth)
{
	for (size_t i = 0, j; i < page->n; i = j) {
		const struct frame *f = frame_at(&page->items[i], depth);
		for (j = i + 1; j < page->n && frame_at(&page->items[j], depth) == f;)
			j++;
		if (!f)
			continue;
		/* Frames within it have pads of their own. */
		double top = spots[i].top - frame_pads(page->items[i].frame, f) - f->pad;
		double bottom =
			spots[j - 1].bottom + frame_pads(page->items[j - 1].frame, f) + f->pad;
		frame_draw(p, f, top, bottom);
	}
}

/* ---- items -------------------------------------------------------------------------------------------- */

static void mark_draw(struct press *p, const struct mark *mark, double baseline)
{
	cairo_t *cr = p->cr;
	double size = p->body.size * 0.78, y = baseline - size * 0.92;
	if (mark->layout) {
		color_set(cr, p->style->accent);
		cairo_move_to(cr, mark->x, baseline);
		pango_cairo_show_layout_line(cr, pango_layout_get_line_readonly(mark->layout, 0));
		return;
	}
	rounded(cr, mark->x, y, size, size, 1.2);
	color_set(cr, mark->done ? p->style->accent : p->style->faint);
	cairo_set_line_width(cr, 0.8);
	if (!mark->done) {
		cairo_stroke(cr);
		return;
	}
	cairo_fill(cr);
	cairo_move_to(cr, mark->x + size * 0.22, y + size * 0.52);
	cairo_line_to(cr, mark->x + size * 0.42, y + size * 0.72);
	cairo_line_to(cr, mark->x + size * 0.79, y + size * 0.28);
	color_set(cr, 0xffffff);
	cairo_set_line_width(cr, 1.1);
	cairo_stroke(cr);
}

/* Those of the paragraph's lines that belong to the slice. */
static void cell_draw(struct press *p, const struct item *it, const struct cell *cell, double top)
{
	const struct face *face = it->row->face;
	PangoLayoutIter *iter = pango_layout_get_iter(cell->para->layout);
	size_t i = 0;
	double extra = 0;
	do {
		PangoRectangle logical;
		PangoLayoutLine *line = pango_layout_iter_get_line_readonly(iter);
		pango_layout_iter_get_line_extents(iter, NULL, &logical);
		double above = pango_points(pango_layout_iter_get_baseline(iter) - logical.y);
		double baseline = (face->pitch + face->ascent - face->descent) / 2;
		if (above > face->pitch * 1.3)
			extra += above - baseline;
		if (i >= it->from && i < it->to)
			line_draw(p, cell->para, line, cell->x, pango_points(logical.x),
				  top + extra + it->baseline +
					  (double)(i - it->from) * face->pitch + baseline);
		i++;
	} while (pango_layout_iter_next_line(iter));
	pango_layout_iter_free(iter);
}

static void hairline(struct press *p, const struct item *it, double y, double thickness,
		     uint32_t color)
{
	cairo_set_line_width(p->cr, thickness);
	color_set(p->cr, color);
	cairo_move_to(p->cr, it->x, y);
	cairo_line_to(p->cr, it->x + it->width, y);
	cairo_stroke(p->cr);
}

static void row_draw(struct press *p, const struct item *it, const struct spot *at)
{
	const struct row *row = it->row;
	bool stripe = p->style->table.stripes && row->odd && !row->head;
	if (row->head || stripe) {
		color_set(p->cr, p->style->table.head);
		double edge = row->head ? 0 : 0.5; /* of the line above */
		cairo_rectangle(p->cr, it->x, at->top + edge, it->width,
				at->bottom - at->top - edge);
		cairo_fill(p->cr);
	}
	for (size_t i = 0; i < row->cells_n; i++)
		if (row->cells[i].para)
			cell_draw(p, it, &row->cells[i], at->top);
	if (row->head)
		hairline(p, it, at->bottom, 1, p->style->accent);
	else
		hairline(p, it, at->bottom, 0.5, p->style->table.rule);
}

static void image_draw(struct press *p, const struct item *it, const struct spot *at)
{
	cairo_t *cr = p->cr;
	double w = cairo_image_surface_get_width(it->image->surface);
	cairo_save(cr);
	cairo_translate(cr, it->x, at->top);
	cairo_scale(cr, it->width / w, it->width / w);
	cairo_set_source_surface(cr, it->image->surface, 0, 0);
	cairo_paint(cr);
	cairo_restore(cr);
	link_draw(p, it->link, &(cairo_rectangle_t){ it->x, at->top, it->width, it->height });
}

static void missing_draw(struct press *p, const struct item *it, const struct spot *at)
{
	PangoRectangle logical;
	PangoLayoutIter *iter = pango_layout_get_iter(it->para->layout);
	const double dashes[] = { 3, 3 };
	cairo_save(p->cr);
	cairo_set_dash(p->cr, dashes, 2, 0);
	cairo_set_line_width(p->cr, 0.7);
	color_set(p->cr, p->style->faint);
	cairo_rectangle(p->cr, it->x + 0.5, at->top + 0.5, it->width - 1, it->height - 1);
	cairo_stroke(p->cr);
	cairo_restore(p->cr);
	do {
		pango_layout_iter_get_line_extents(iter, NULL, &logical);
		line_draw(p, it->para, pango_layout_iter_get_line_readonly(iter), it->x + 12,
			  pango_points(logical.x),
			  at->top + 14 + pango_points(pango_layout_iter_get_baseline(iter)));
	} while (pango_layout_iter_next_line(iter));
	pango_layout_iter_free(iter);
}

/* ---- destinations and outline ----------------------------------------------------------------------------- */

static void heading_note(struct press *p, const struct block *b, double top)
{
	char name[48];
	struct slice title = prose_plain(p->arena, &b->prose);
	unsigned level = b->number;
	snprintf(name, sizeof(name), "name='h%u' x=%.2f y=%.2f", b->index, p->style->left, top - 8);
	cairo_tag_begin(p->cr, CAIRO_TAG_DEST, name);
	cairo_tag_end(p->cr, CAIRO_TAG_DEST);
	snprintf(name, sizeof(name), "dest='h%u'", b->index);
	if (title.n == 0)
		return;
	p->outline[level] = cairo_pdf_surface_add_outline(
		p->surface, p->outline[level - 1], title.p, name,
		level == 1 ? CAIRO_PDF_OUTLINE_FLAG_OPEN : (cairo_pdf_outline_flags_t)0);
	for (unsigned deeper = level + 1; deeper < ARRAY_SIZE(p->outline); deeper++)
		p->outline[deeper] = p->outline[level];
}

static void item_draw(struct press *p, const struct item *it, const struct spot *at)
{
	if (it->heading)
		heading_note(p, it->heading, at->top);
	switch (it->kind) {
	case ITEM_LINE:
		if (it->mark)
			mark_draw(p, it->mark, at->top + it->baseline);
		line_draw(p, it->para, it->line, it->x, it->shift, at->top + it->baseline);
		break;
	case ITEM_ROW:
		row_draw(p, it, at);
		break;
	case ITEM_RULE:
		hairline(p, it, at->top + it->height / 2, it->thickness, it->color);
		break;
	case ITEM_IMAGE:
		image_draw(p, it, at);
		break;
	case ITEM_MISSING:
		missing_draw(p, it, at);
		break;
	}
}

/* ---- header and footer --------------------------------------------------------------------------------------- */

struct band {
	const struct page *page;
	unsigned number, total;
};

static void put_word(struct press *p, const struct band *band, struct slice word, struct buf *out)
{
	if (slice_eq(word, S("page")))
		(void)!buf_printf(out, "%u", band->number);
	else if (slice_eq(word, S("pages")))
		(void)!buf_printf(out, "%u", band->total);
	else if (slice_eq(word, S("title")))
		(void)!buf_add(out, slice_str(p->job->title));
	else if (slice_eq(word, S("author")))
		(void)!buf_add(out, slice_str(p->job->author));
	else if (slice_eq(word, S("section")) && band->page->section)
		(void)!buf_add(out, prose_plain(p->arena, &band->page->section->prose));
}

static void put_filled(struct press *p, const struct band *band, struct slice text, struct buf *out)
{
	while (text.n > 0) {
		struct slice head, word, rest;
		bool more = slice_cut(text, '{', &head, &text);
		(void)!buf_add(out, head);
		if (!more)
			return;
		if (!slice_cut(text, '}', &word, &rest))
			(void)!buf_add_char(out, '{');
		else {
			put_word(p, band, word, out);
			text = rest;
		}
	}
}

static void band_text(struct press *p, const struct band *band, const char *text,
		      PangoAlignment align, double baseline)
{
	AUTO(buf_done) struct buf filled = { .max = 1u << 20 };
	if (!text || !text[0])
		return;
	put_filled(p, band, slice_str(text), &filled);
	PangoLayout *layout = pango_layout_new(p->context);
	pango_layout_set_font_description(layout, p->band.font);
	pango_layout_set_text(layout, filled.n ? filled.p : "", (int)filled.n);
	pango_layout_set_width(layout, (int)(press_width(p) * PANGO_SCALE));
	pango_layout_set_ellipsize(layout, PANGO_ELLIPSIZE_END);
	pango_layout_set_alignment(layout, align);
	pango_layout_set_auto_dir(layout, FALSE);
	pango_layout_set_single_paragraph_mode(layout, TRUE);
	fonts_keep(layout);
	color_set(p->cr, p->band.color);
	cairo_move_to(p->cr, p->style->left,
		      baseline - pango_points(pango_layout_get_baseline(layout)));
	pango_cairo_show_layout(p->cr, layout);
	g_object_unref(layout);
}

static void band_draw(struct press *p, const struct band *band, const struct pdf_band *b,
		      double baseline)
{
	bool titled = p->job->title && p->job->title[0] && p->style->title.shown;
	if (band->number == 1 && titled && !b->first_page)
		return;
	band_text(p, band, b->left, PANGO_ALIGN_LEFT, baseline);
	band_text(p, band, b->center, PANGO_ALIGN_CENTER, baseline);
	band_text(p, band, b->right, PANGO_ALIGN_RIGHT, baseline);
}

/* ---- the page ---------------------------------------------------------------------------------------------------- */

static unsigned spots_find(const struct press *p, const struct page *page, struct spot *spots)
{
	double y = p->style->top;
	unsigned deepest = 0;
	for (size_t i = 0; i < page->n; i++) {
		const struct item *it = &page->items[i], *before = i ? it - 1 : NULL;
		y += before ? frame_pads(before->frame, it->frame) + it->space : 0;
		y += frame_pads(it->frame, before ? before->frame : NULL);
		spots[i] = (struct spot){ y, y + it->height };
		y += it->height;
		deepest = it->frame && it->frame->depth > deepest ? it->frame->depth : deepest;
	}
	return deepest;
}

void page_draw(struct press *p, const struct page *page, unsigned number, unsigned total)
{
	const struct pdf_style *s = p->style;
	const struct band band = { page, number, total };
	struct spot *spots = xcalloc(page->n + 1, sizeof(*spots));
	unsigned deepest = spots_find(p, page, spots);
	for (unsigned depth = 1; depth <= deepest; depth++)
		frames_draw(p, page, spots, depth);
	for (size_t i = 0; i < page->n; i++)
		item_draw(p, &page->items[i], &spots[i]);
	band_draw(p, &band, &s->header, s->top * 0.56);
	band_draw(p, &band, &s->footer, s->height - s->bottom * 0.5);
	free(spots);
	cairo_show_page(p->cr);
	if (cairo_status(p->cr) != CAIRO_STATUS_SUCCESS)
		press_fail(p, PDF_FAILED, "cannot draw page %u: %s", number,
			   cairo_status_to_string(cairo_status(p->cr)));
}
