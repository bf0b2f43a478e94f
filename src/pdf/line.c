/* line.c - one line of text is drawn
 *
 * What this room is for: Pango draws the letters; grounds behind code, links around words and pictures within a line are ours.
 * What flows through:    a line and the spans of its prose; Cairo's operators.
 * What must hold:        what a span covers is asked of the line, so that it is right from right to left, too. */
#include "pdf/press.h"
#include "base/banned.h"

void color_set(cairo_t *cr, uint32_t c)
{
	cairo_set_source_rgb(cr, (c >> 16 & 255) / 255.0, (c >> 8 & 255) / 255.0,
			     (c & 255) / 255.0);
}

/* ---- links --------------------------------------------------------------------------------------- */

/* Within '...': what Cairo's attributes escape. Signs that no URL has are percent-encoded. */
static void put_quoted(struct slice text, struct buf *out)
{
	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];
		if (c <= ' ' || c >= 127)
			(void)!buf_printf(out, "%%%02X", c);
		else if (c == '\'' || c == '\\')
			(void)!buf_printf(out, "\\%c", c);
		else
			(void)!buf_add_char(out, (char)c);
	}
}

void link_draw(struct press *p, struct slice target, const cairo_rectangle_t *box)
{
	AUTO(buf_done) struct buf attributes = { .max = 16384 };
	const struct block *heading = NULL;
	if (target.n == 0 || (target.p[0] == '#' &&
			      !(heading = document_anchor(&p->document, slice_from(target, 1)))))
		return;
	(void)!buf_printf(&attributes, "rect=[%.2f %.2f %.2f %.2f] ", box->x, box->y, box->width,
			  box->height);
	if (heading) {
		(void)!buf_printf(&attributes, "dest='h%u'", heading->index);
	} else {
		(void)!buf_add(&attributes, S("uri='"));
		put_quoted(slice_head(target, 4000), &attributes);
		(void)!buf_add_char(&attributes, '\'');
	}
	cairo_tag_begin(p->cr, CAIRO_TAG_LINK, attributes.p);
	cairo_tag_end(p->cr, CAIRO_TAG_LINK);
}

/* ---- what a span covers ---------------------------------------------------------------------------- */

struct stroke { /* one line, being drawn */
	struct press *p;
	const struct para *para;
	PangoLayoutLine *line;
	double x, baseline;
};

static void ground_draw(const struct stroke *s, double x, double width, uint32_t color)
{
	cairo_t *cr = s->p->cr;
	const struct face *face = s->para->face;
	double up = face->size * 0.86, high = face->size * 1.16, r = face->size * 0.17,
	       edge = face->size * 0.1;
	double left = x - edge, right = x + width + edge, top = s->baseline - up,
	       bottom = top + high;
	cairo_new_sub_path(cr);
	cairo_arc(cr, right - r, top + r, r, -G_PI_2, 0);
	cairo_arc(cr, right - r, bottom - r, r, 0, G_PI_2);
	cairo_arc(cr, left + r, bottom - r, r, G_PI_2, G_PI);
	cairo_arc(cr, left + r, top + r, r, G_PI, 3 * G_PI_2);
	cairo_close_path(cr);
	color_set(cr, color);
	cairo_fill(cr);
}

static void inline_image_draw(const struct stroke *s, const struct span *span, double x,
			      double width)
{
	struct image *image = image_get(s->p, span->target);
	cairo_t *cr = s->p->cr;
	if (!image || !image->surface) {
		double h = s->p->body.size * 0.8;
		color_set(cr, s->p->style->faint);
		cairo_set_line_width(cr, 0.5);
		cairo_rectangle(cr, x + 1, s->baseline - h, width - 2, h);
		cairo_stroke(cr);
		return;
	}
	double scale = width / cairo_image_surface_get_width(image->surface);
	cairo_save(cr);
	cairo_translate(cr, x,
			s->baseline - cairo_image_surface_get_height(image->surface) * scale);
	cairo_scale(cr, scale, scale);
	cairo_set_source_surface(cr, image->surface, 0, 0);
	cairo_paint(cr);
	cairo_restore(cr);
}

static void part_draw(const struct stroke *s, const struct span *span, double x, double width)
{
	const struct face *face = s->para->face;
	if (span->kind == SPAN_CODE)
		ground_draw(s, x, width, s->p->style->code.background);
	else if (span->kind == SPAN_MARK)
		ground_draw(s, x, width, 0xfff1b8);
	else if (span->kind == SPAN_IMAGE)
		inline_image_draw(s, span, x, width);
	else if (span->kind == SPAN_LINK)
		link_draw(s->p, span->target,
			  &(cairo_rectangle_t){ x, s->baseline - face->size * 0.9, width,
						face->size * 1.2 });
}

static bool is_drawn(enum span_kind kind)
{
	return kind == SPAN_CODE || kind == SPAN_MARK || kind == SPAN_IMAGE || kind == SPAN_LINK;
}

static void span_draw(const struct stroke *s, const struct span *span)
{
	size_t start = s->para->from + (size_t)s->line->start_index;
	size_t end = start + (size_t)s->line->length;
	int *ranges = NULL, n = 0;
	if (!is_drawn(span->kind) || span->to <= start || span->from >= end)
		return;
	size_t from = span->from > start ? span->from : start, to = span->to < end ? span->to : end;
	pango_layout_line_get_x_ranges(s->line, (int)(from - s->para->from),
				       (int)(to - s->para->from), &ranges, &n);
	for (int i = 0; i < n; i++) {
		double x = s->x + pango_points(ranges[2 * i]);
		double width = pango_points(ranges[2 * i + 1] - ranges[2 * i]);
		if (width > 0)
			part_draw(s, span, x, width);
	}
	g_free(ranges);
}

/* A box with its number stands where no font has the letter. */
static void note_lacking(struct pdf_job *job, const PangoLayoutLine *line)
{
	for (const GSList *run = line->runs; run && !job->lacking; run = run->next) {
		const PangoGlyphString *s = ((const PangoGlyphItem *)run->data)->glyphs;
		for (int i = 0; i < s->num_glyphs && !job->lacking; i++) {
			PangoGlyph g = s->glyphs[i].glyph;
			if ((g & PANGO_GLYPH_UNKNOWN_FLAG) && g != PANGO_GLYPH_INVALID_INPUT)
				job->lacking = g & ~PANGO_GLYPH_UNKNOWN_FLAG;
		}
	}
}

void line_draw(struct press *p, const struct para *para, PangoLayoutLine *line, double left,
	       double shift, double baseline)
{
	const struct stroke s = { p, para, line, left, baseline };
	const struct prose *prose = para->prose;
	for (size_t i = para->span; i < para->spans_end; i++)
		span_draw(&s, &prose->spans[i]);
	color_set(p->cr, para->face->color);
	cairo_move_to(p->cr, left + shift, baseline);
	pango_cairo_show_layout_line(p->cr, line);
	note_lacking(p->job, line);
}
