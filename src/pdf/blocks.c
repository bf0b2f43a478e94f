/* blocks.c - headings, paragraphs, lists, quotes, rules: the rhythm of a page
 *
 * What this room is for: how far apart things stand, and how far in.
 * What flows through:    blocks in; gaps and items into the flow.
 * What must hold:
 *  (1) spaces are parts of a line's height, so that they grow with the text; between two blocks the larger wish counts.
 *  (2) what is nested deeper than there is room for stands as far in as there is room. */
#include "pdf/press.h"
#include "base/banned.h"

static double line(const struct press *p)
{
	return p->body.pitch;
}

/* Room at the left, or at the right where lines begin there. */
static struct place inset(const struct press *p, const struct place *at, double by)
{
	struct place in = *at;
	if (in.width - by < press_width(p) * 0.3)
		return in;
	in.width -= by;
	in.x += at->rtl ? 0 : by;
	return in;
}

/* ---- headings ----------------------------------------------------------------------------------- */

static void heading_put(struct press *p, const struct block *b, const struct place *at)
{
	static const double above[] = { 1.9, 1.6, 1.3, 1.1, 1.0, 1.0 };
	static const double below[] = { 0.55, 0.45, 0.38, 0.32, 0.3, 0.3 };
	const struct pdf_style *s = p->style;
	unsigned level = b->number - 1;
	struct place in = *at;
	in.face = &p->heading[level];
	if ((int)b->number <= s->heading.new_page && at->level == 0 && !at->frame)
		flow_page(p);
	flow_gap(p, above[level] * line(p));
	text_put(p, &in, &b->prose, b, true);
	if (level == 0 && s->heading.rule) {
		struct item rule = { .kind = ITEM_RULE,
				     .x = at->x,
				     .width = at->width,
				     .height = 1,
				     .thickness = 0.8,
				     .color = s->accent,
				     .frame = at->frame,
				     .glued = true };
		flow_gap(p, 0.22 * line(p));
		flow_put(p, &rule);
	}
	flow_gap(p, below[level] * line(p));
}

/* ---- paragraphs ---------------------------------------------------------------------------------- */

/* A picture alone in its paragraph; NULL: it is not. */
static const struct span *lone_image(const struct prose *prose, const struct span **link)
{
	const struct span *image = NULL;
	*link = NULL;
	for (size_t i = 0; i < prose->n; i++) {
		const struct span *s = &prose->spans[i];
		if (s->from != 0 || s->to != prose->text.n)
			return NULL;
		image = s->kind == SPAN_IMAGE ? s : image;
		*link = s->kind == SPAN_LINK ? s : *link;
	}
	return image;
}

/* A box with the words that stand for the picture. */
static void missing_put(struct press *p, const struct span *s, const struct place *at)
{
	struct prose *prose = arena_zero(p->arena, sizeof(*prose));
	prose->text = s->alt.n ? s->alt : s->target;
	prose->text = slice_head(prose->text, 300);
	while (prose->text.n && !g_utf8_validate(prose->text.p, (gssize)prose->text.n, NULL))
		prose->text.n--;
	struct para *para = para_new(p, &p->subtitle, prose, 0, prose->text.n, at->width - 24);
	int w, h;
	pango_layout_get_size(para->layout, &w, &h);
	struct item it = { .kind = ITEM_MISSING,
			   .x = at->x,
			   .width = at->width,
			   .height = pango_points(h) + 28,
			   .frame = at->frame,
			   .para = para };
	flow_put(p, &it);
}

static void image_put(struct press *p, const struct span *s, const struct span *link,
		      const struct place *at)
{
	struct image *image = image_get(p, s->target);
	flow_gap(p, 0.7 * line(p));
	if (!image || !image->surface) {
		if (p->outcome == PDF_DONE)
			missing_put(p, s, at);
	} else {
		double scale = image->width > at->width ? at->width / image->width : 1;
		double most = press_height(p) * 0.85;
		scale = image->height * scale > most ? most / image->height : scale;
		struct item it = { .kind = ITEM_IMAGE,
				   .width = image->width * scale,
				   .height = image->height * scale,
				   .frame = at->frame,
				   .image = image,
				   .link = link ? link->target : S("") };
		it.x = at->x + (at->width - it.width) / 2;
		flow_put(p, &it);
	}
	flow_gap(p, 0.7 * line(p));
}

/* "The following:" stays with what follows. */
static bool announces(const struct block *b)
{
	const struct block *next = b->next;
	return b->prose.text.n && b->prose.text.p[b->prose.text.n - 1] == ':' && next &&
	       (next->kind == BLOCK_LIST || next->kind == BLOCK_CODE || next->kind == BLOCK_TABLE);
}

static void paragraph_put(struct press *p, const struct block *b, const struct place *at)
{
	const struct span *link, *image = lone_image(&b->prose, &link);
	bool tight = b->parent->kind == BLOCK_ITEM && b->parent->parent->tight;
	if (b->prose.text.n == 0)
		return;
	if (image) {
		image_put(p, image, link, at);
		return;
	}
	flow_gap(p, (tight ? 0.12 : 0.52) * line(p));
	text_put(p, at, &b->prose, NULL, announces(b));
	flow_gap(p, (tight ? 0.12 : 0.52) * line(p));
}

/* ---- lists ------------------------------------------------------------------------------------------ */

static struct mark *mark_of(struct press *p, const struct block *item, unsigned number,
			    const struct place *at)
{
	static const char *const bullets[] = { "\xe2\x80\xa2", "\xe2\x80\x93", "\xc2\xb7" };
	const struct block *list = item->parent;
	struct mark *mark = arena_zero(p->arena, sizeof(*mark));
	struct prose *prose = arena_zero(p->arena, sizeof(*prose));
	mark->done = item->done;
	if (item->task)
		return mark;
	prose->text = list->delimiter
			      ? slice_str(arena_printf(p->arena, "%u%c", number, list->delimiter))
			      : slice_str(bullets[at->level < 3 ? at->level : 2]);
	struct para *para = para_new(p, &p->body, prose, 0, prose->text.n, -1);
	mark->layout = g_object_ref(para->layout);
	para_unref(para);
	return mark;
}

/* Never seen: it is only there for its mark. */
static void empty_put(struct press *p, const struct place *at)
{
	static const struct prose nothing = { .text = { "", 0 } };
	flow_gap(p, 0.12 * line(p));
	text_put(p, at, &nothing, NULL, false);
}

static void marks_drop(void *layout)
{
	g_object_unref(layout);
}

static double mark_width(const struct mark *mark)
{
	int w = 0;
	if (mark->layout)
		pango_layout_get_size(mark->layout, &w, NULL);
	return pango_points(w);
}

static void item_put(struct press *p, const struct block *item, unsigned number,
		     const struct place *at, const struct place *in)
{
	struct mark *mark = mark_of(p, item, number, at);
	double gap = p->body.size * 0.5,
	       width = mark->layout ? mark_width(mark) : p->body.size * 0.85;
	mark->x = at->rtl ? in->x + in->width + gap : in->x - gap - width;
	if (!at->rtl && mark->x < at->x - width)
		mark->x = at->x;
	p->mark = mark;
	if (!item->first)
		empty_put(p, in);
	blocks_put(p, item, in);
	p->mark = NULL;
	if (mark->layout)
		press_keep(p, mark->layout, marks_drop);
}

static void list_put(struct press *p, const struct block *list, const struct place *at)
{
	struct place around = *at;
	const struct block *first = list->first ? list->first->first : NULL;
	unsigned n = 0, digits = 1;
	around.rtl = first && text_is_rtl(p, first->prose.text);
	for (const struct block *b = list->first; b; b = b->next)
		n++;
	for (unsigned last = list->number + n; last > 9; last /= 10)
		digits++;
	double by = list->delimiter ? (0.9 + 0.58 * digits) : 1.5;
	struct place in = inset(p, &around, by * p->body.size);
	double gap = at->level == 0 ? 0.5 : 0.12;
	in.level = at->level + 1;
	flow_gap(p, gap * line(p));
	n = list->number;
	for (const struct block *b = list->first; b && press_goes(p); b = b->next) {
		item_put(p, b, n++, &around, &in);
		flow_gap(p, (list->tight ? 0.14 : 0.5) * line(p));
	}
	flow_gap(p, gap * line(p));
}

/* ---- quotes and rules --------------------------------------------------------------------------------- */

static void quote_put(struct press *p, const struct block *b, const struct place *at)
{
	struct frame *frame = arena_zero(p->arena, sizeof(*frame));
	struct place around = *at;
	around.rtl = b->first && text_is_rtl(p, b->first->prose.text);
	struct place in = inset(p, &around, 1.25 * p->body.size);
	struct face *face = arena_alloc(p->arena, sizeof(*face));
	*face = *at->face;
	face->color = p->style->quote.color;
	*frame = (struct frame){ .outer = at->frame,
				 .kind = FRAME_QUOTE,
				 .x = at->x,
				 .width = at->width,
				 .right = around.rtl };
	frame->depth = at->frame ? at->frame->depth + 1 : 1;
	in.frame = frame;
	in.face = face;
	flow_gap(p, 0.6 * line(p));
	blocks_put(p, b, &in);
	flow_gap(p, 0.6 * line(p));
}

static void rule_put(struct press *p, const struct place *at)
{
	struct item it = { .kind = ITEM_RULE,
			   .x = at->x,
			   .width = at->width,
			   .height = 1,
			   .thickness = 0.6,
			   .color = p->style->table.rule,
			   .frame = at->frame };
	flow_gap(p, 1.1 * line(p));
	flow_put(p, &it);
	flow_gap(p, 1.1 * line(p));
}

static void block_put(struct press *p, const struct block *b, const struct place *at)
{
	switch (b->kind) {
	case BLOCK_HEADING:
		heading_put(p, b, at);
		break;
	case BLOCK_PARAGRAPH:
		paragraph_put(p, b, at);
		break;
	case BLOCK_LIST:
		list_put(p, b, at);
		break;
	case BLOCK_QUOTE:
		quote_put(p, b, at);
		break;
	case BLOCK_CODE:
		code_put(p, b, at);
		break;
	case BLOCK_TABLE:
		table_put(p, b, at);
		break;
	case BLOCK_RULE:
		rule_put(p, at);
		break;
	case BLOCK_PAGE:
		flow_page(p);
		break;
	default:
		blocks_put(p, b, at);
	}
}

/* As deep as the tree, which DEPTH_MAX bounds. */
void blocks_put(struct press *p, const struct block *parent, const struct place *at)
{
	for (const struct block *b = parent->first; b && press_goes(p); b = b->next)
		block_put(p, b, at);
}

/* ---- the title block ------------------------------------------------------------------------------------- */

static void title_line(struct press *p, const struct face *face, const char *text)
{
	struct prose *prose = arena_zero(p->arena, sizeof(*prose));
	struct place at = { .x = p->style->left, .width = press_width(p), .face = face };
	prose->text = slice_str(text);
	struct para *para = para_new(p, face, prose, 0, prose->text.n, at.width);
	pango_layout_set_alignment(para->layout, p->style->title.align == PDF_CENTER
							 ? PANGO_ALIGN_CENTER
							 : PANGO_ALIGN_LEFT);
	para_put(p, &at, para, NULL, (struct ends){ true, true, true });
	para_unref(para);
	flow_gap(p, 0.25 * line(p));
}

void title_put(struct press *p)
{
	const struct pdf_job *job = p->job;
	if (!job->title || !job->title[0] || !p->style->title.shown)
		return;
	title_line(p, &p->title, job->title);
	if (job->subtitle && job->subtitle[0])
		title_line(p, &p->subtitle, job->subtitle);
	if (job->author && job->author[0])
		title_line(p, &p->subtitle, job->author);
	if (p->style->title.rule) {
		struct item rule = { .kind = ITEM_RULE,
				     .x = p->style->left,
				     .width = press_width(p),
				     .height = 1.6,
				     .thickness = 1.6,
				     .color = p->style->accent,
				     .glued = true };
		flow_gap(p, 0.6 * line(p));
		flow_put(p, &rule);
	}
	flow_gap(p, 1.5 * line(p));
}
