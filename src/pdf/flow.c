/* flow.c - items become pages
 *
 * What this room is for: where a page ends. Lines of a paragraph stay in pairs, headings stay with what they head, a table's head
 *   comes again.
 * What flows through:    items in; full pages out, drawn or kept or counted.
 * What must hold:
 *  (1) all items but the last fit on the page: so when the last does not, what stands before any of them does.
 *  (2) each break gives a page away, with at least one item that is no repeated head: the flow ends. */
#include "pdf/press.h"
#include "base/banned.h"

enum { KEPT_MAX = 48 }; /* pages; a document that is longer is laid out again */

void flow_gap(struct press *p, double space)
{
	p->flow.gap = space > p->flow.gap ? space : p->flow.gap;
}

/* ---- items ------------------------------------------------------------------------------------ */

static void row_unref(struct row *row)
{
	if (!row || --row->refs > 0)
		return;
	for (size_t i = 0; i < row->cells_n; i++)
		para_unref(row->cells[i].para);
	free(row);
}

void item_done(struct item *it)
{
	if (it->line)
		pango_layout_line_unref(it->line);
	para_unref(it->para);
	row_unref(it->row);
	*it = (struct item){ 0 };
}

struct item item_copy(const struct item *of)
{
	struct item it = *of;
	if (it.line)
		pango_layout_line_ref(it.line);
	if (it.para)
		para_ref(it.para);
	if (it.row)
		it.row->refs++;
	return it;
}

static void items_done(struct item *items, size_t n)
{
	for (size_t i = 0; i < n; i++)
		item_done(&items[i]);
}

/* ---- heights ------------------------------------------------------------------------------------ */

static bool within(const struct frame *f, const struct frame *outer)
{
	while (f && f->depth > outer->depth)
		f = f->outer;
	return f == outer;
}

/* Of the frames around `of` that are not around the other. */
double frame_pads(const struct frame *of, const struct frame *without)
{
	double sum = 0;
	for (; of && !(without && within(without, of)); of = of->outer)
		sum += of->pad;
	return sum;
}

/* The lower edge of `it` when the item before it ends at y; NULL: it is the page's first. */
static double lower_edge(double y, const struct item *before, const struct item *it)
{
	if (!before)
		return frame_pads(it->frame, NULL) + it->height;
	return y + frame_pads(before->frame, it->frame) + it->space +
	       frame_pads(it->frame, before->frame) + it->height;
}

static bool fits(const struct press *p)
{
	const struct flow *f = &p->flow;
	return f->y + frame_pads(f->items[f->n - 1].frame, NULL) <= press_height(p) + 0.05;
}

/* ---- pages -------------------------------------------------------------------------------------- */

static void page_give(struct press *p, const struct page *page)
{
	struct flow *f = &p->flow;
	f->pages_n++;
	if (p->job->max_pages && f->pages_n > p->job->max_pages)
		press_fail(p, PDF_TOO_LARGE, "the document has more than %u pages",
			   p->job->max_pages);
	if (f->mode == PAGES_DRAWN)
		page_draw(p, page, f->pages_n, f->total);
}

static void pages_drop(struct flow *f)
{
	unsigned kept = f->mode == PAGES_KEPT ? f->pages_n : 0;
	for (unsigned i = 0; i < kept; i++) {
		items_done(f->pages[i].items, f->pages[i].n);
		free(f->pages[i].items);
	}
	free(take(f->pages));
	f->pages_cap = 0;
}

static void page_keep(struct flow *f, const struct page *page)
{
	if (f->pages_n == f->pages_cap) {
		f->pages_cap = f->pages_cap ? 2 * f->pages_cap : 8;
		f->pages = xrealloc(f->pages, f->pages_cap, sizeof(*f->pages));
	}
	struct item *copy = xcalloc(page->n + 1, sizeof(*copy));
	memcpy(copy, page->items, page->n * sizeof(*copy));
	f->pages[f->pages_n] = *page;
	f->pages[f->pages_n].items = copy;
}

/* The first n items are a page; they are taken, the others move up. */
static void page_end(struct press *p, size_t n)
{
	struct flow *f = &p->flow;
	for (size_t i = 0; i < n; i++)
		if (f->items[i].heading && f->items[i].heading->number <= 2)
			f->section = f->items[i].heading;
	const struct page page = { f->items, n, f->section };
	if (f->mode == PAGES_KEPT && f->pages_n == KEPT_MAX) {
		pages_drop(f);
		f->mode = PAGES_COUNTED;
	}
	if (f->mode == PAGES_KEPT)
		page_keep(f, &page);
	page_give(p, &page);
	if (f->mode != PAGES_KEPT)
		items_done(f->items, n);
	memmove(f->items, f->items + n, (f->n - n) * sizeof(*f->items));
	f->n -= n;
}

/* ---- breaks --------------------------------------------------------------------------------------- */

static void room_make(struct flow *f, size_t more)
{
	while (f->n + more > f->cap) {
		f->cap = f->cap ? 2 * f->cap : 64;
		f->items = xrealloc(f->items, f->cap, sizeof(*f->items));
	}
}

static size_t heads_count(const struct flow *f)
{
	size_t n = 0;
	while (n < f->n && f->items[n].kind == ITEM_ROW && f->items[n].row->head)
		n++;
	return n;
}

/* The rows that are left of a table get its head again. */
static void heads_repeat(struct press *p)
{
	struct flow *f = &p->flow;
	const struct item *first = f->items;
	if (f->n == 0 || first->kind != ITEM_ROW || first->row->head)
		return;
	const struct table *t = first->row->table;
	double height = first->height;
	for (size_t i = 0; i < t->heads_n; i++)
		height += t->heads[i].height;
	if (height > press_height(p))
		return;
	room_make(f, t->heads_n);
	memmove(f->items + t->heads_n, f->items, f->n * sizeof(*f->items));
	for (size_t i = 0; i < t->heads_n; i++) {
		f->items[i] = item_copy(&t->heads[i]);
		f->items[i].glued = true;
	}
	f->n += t->heads_n;
}

static void measure_again(struct press *p)
{
	struct flow *f = &p->flow;
	f->y = 0;
	for (size_t i = 0; i < f->n; i++)
		f->y = lower_edge(f->y, i ? &f->items[i - 1] : NULL, &f->items[i]);
}

static void page_break(struct press *p)
{
	struct flow *f = &p->flow;
	size_t heads = heads_count(f), at = f->n - 1;
	ASSERT(f->n > 1);
	while (at > heads && f->items[at - 1].glued)
		at--;
	page_end(p, at > heads ? at : f->n - 1);
	heads_repeat(p);
	measure_again(p);
}

void flow_put(struct press *p, struct item *it)
{
	struct flow *f = &p->flow;
	room_make(f, 1);
	it->space = f->gap;
	f->gap = 0;
	f->y = lower_edge(f->y, f->n ? &f->items[f->n - 1] : NULL, it);
	f->items[f->n++] = *it;
	*it = (struct item){ 0 };
	while (f->n > heads_count(f) + 1 && !fits(p) && p->outcome == PDF_DONE)
		page_break(p);
}

void flow_page(struct press *p)
{
	if (p->flow.n > 0)
		page_end(p, p->flow.n);
	p->flow.y = p->flow.gap = 0;
}

void flow_finish(struct press *p)
{
	room_make(&p->flow, 1);
	if (p->flow.n > 0 || p->flow.pages_n == 0) /* nothing at all is one empty page */
		page_end(p, p->flow.n);
	p->flow.y = p->flow.gap = 0;
}

void flow_done(struct press *p)
{
	struct flow *f = &p->flow;
	pages_drop(f);
	items_done(f->items, f->n);
	free(f->items);
	*f = (struct flow){ 0 };
}
