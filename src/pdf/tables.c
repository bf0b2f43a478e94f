/* tables.c - tables: how wide the columns are, rows that may go over pages
 *
 * What this room is for: columns as wide as what stands in them, if there is room; else each gets at least its longest word, and the
 *   rest is shared by need.
 * What flows through:    a table's block in; one item a row, the head's first.
 * What must hold:
 *  (1) widths are decided by the first SAMPLE rows and the longest cells: a table of any length takes the memory of a page.
 *  (2) where there are more columns than fit side by side, the table is divided: its first column comes again in each part.
 *  (3) a row that is higher than half a page is made of slices, between two lines.
 *  (4) a cell is laid out in one piece, which costs the square of its length: it has a limit. */
#include "pdf/press.h"
#include "base/banned.h"

enum { SAMPLE = 60, HEADS_MAX = 4, TOGETHER_ROWS = 8, CELL_MAX = 32 << 10 };

struct grid { /* one part of a table */
	const struct block *block;
	const struct place *at;
	struct table *table;
	size_t *columns; /* which of the block's */
	size_t n;
	double *widths, *wants, *needs; /* of each: as it is; on one line; its longest word */
	double left, width;             /* of all of it */
	bool together;                  /* it is short: no page ends within it */
	double pad, above;              /* beside a cell's text; above and below */
};

static const struct block *cell_at(const struct block *row, size_t column)
{
	const struct block *cell = row->first;
	for (size_t i = 0; cell && i < column; i++)
		cell = cell->next;
	return cell;
}

static const struct face *face_of(const struct press *p, const struct block *row)
{
	return row->first && row->first->head ? &p->head : &p->cell;
}

/* ---- widths ----------------------------------------------------------------------------------------- */

static double layout_width(PangoLayout *layout)
{
	int w;
	pango_layout_get_size(layout, &w, NULL);
	return pango_points(w) + 0.02;
}

static void measure_cell(struct press *p, struct grid *g, size_t i, const struct face *face,
			 const struct block *cell)
{
	struct slice text = slice_head(cell->prose.text, 4096);
	while (text.n && !g_utf8_validate(text.p, (gssize)text.n, NULL))
		text.n--;
	struct para *para = para_new(p, face, &cell->prose, 0, text.n, -1);
	double wants = layout_width(para->layout);
	g->wants[i] = wants > g->wants[i] ? wants : g->wants[i];
	if (wants > g->needs[i]) {
		pango_layout_set_wrap(para->layout, PANGO_WRAP_WORD);
		pango_layout_set_width(para->layout, 0);
		double needs = layout_width(para->layout);
		g->needs[i] = needs > g->needs[i] ? needs : g->needs[i];
	}
	para_unref(para);
}

static void measure(struct press *p, struct grid *g)
{
	size_t rows = 0;
	for (const struct block *row = g->block->first; row && rows < SAMPLE;
	     row = row->next, rows++)
		for (size_t i = 0; i < g->n && press_goes(p); i++) {
			const struct block *cell = cell_at(row, g->columns[i]);
			if (cell && cell->prose.text.n)
				measure_cell(p, g, i, face_of(p, row), cell);
		}
}

/* Of the rows behind the sample, the longest cell of each column; so that one long number does not break. */
static void measure_longest(struct press *p, struct grid *g)
{
	const struct block **longest =
		arena_zero(p->arena, (g->block->columns + 1) * sizeof(*longest));
	size_t rows = 0;
	for (const struct block *row = g->block->first; row; row = row->next, rows++) {
		const struct block *cell = rows < SAMPLE ? NULL : row->first;
		for (size_t i = 0; cell && i < g->block->columns; i++, cell = cell->next)
			if (!longest[i] || cell->prose.text.n > longest[i]->prose.text.n)
				longest[i] = cell;
	}
	for (size_t i = 0; i < g->n && press_goes(p); i++)
		if (longest[g->columns[i]])
			measure_cell(p, g, i, &p->cell, longest[g->columns[i]]);
}

static double sum(const double *v, size_t n)
{
	double total = 0;
	for (size_t i = 0; i < n; i++)
		total += v[i];
	return total;
}

/* What all columns together may take is `room`. A word that is longer than a share of it will be cut. */
static void share(struct grid *g, double room)
{
	double wants = sum(g->wants, g->n), needs;
	/* A table that is nearly as wide as the text is made as wide. */
	double wider = wants > 0.78 * room && wants < room ? (room - wants) / (double)g->n : 0;
	for (size_t i = 0; i < g->n; i++)
		g->widths[i] = g->wants[i] + wider;
	if (wants <= room)
		return;
	double most = 0.5 * room;
	for (needs = sum(g->needs, g->n); needs > room && most > room / (double)g->n; most *= 0.8) {
		for (size_t i = 0; i < g->n; i++)
			g->needs[i] = g->needs[i] > most ? most : g->needs[i];
		needs = sum(g->needs, g->n);
	}
	double scale = needs > room ? room / needs : 1, left = room - needs * scale,
	       more = wants - needs;
	for (size_t i = 0; i < g->n; i++)
		g->widths[i] =
			g->needs[i] * scale +
			(more > 0 && left > 0 ? left * (g->wants[i] - g->needs[i]) / more : 0);
}

/* ---- rows --------------------------------------------------------------------------------------------- */

static PangoAlignment align_of(const struct block *cell)
{
	return cell->align == CELL_RIGHT    ? PANGO_ALIGN_RIGHT
	       : cell->align == CELL_CENTER ? PANGO_ALIGN_CENTER
					    : PANGO_ALIGN_LEFT;
}

static bool cell_fits(struct press *p, const struct block *cell)
{
	size_t n = cell->prose.text.n;
	return n <= CELL_MAX ||
	       press_fail(p, PDF_BAD_VALUE, "a table's cell has %zu bytes of text: %d are the most",
			  n, CELL_MAX);
}

/* Cells from left to right; where lines begin at the right, the first column stands there. */
static struct row *row_new(struct press *p, const struct grid *g, const struct block *block,
			   bool odd)
{
	struct row *row = xcalloc(1, sizeof(*row) + g->n * sizeof(*row->cells));
	double x = g->left + g->pad;
	*row = (struct row){ .refs = 1,
			     .table = g->table,
			     .face = face_of(p, block),
			     .cells_n = g->n,
			     .head = block->first && block->first->head,
			     .odd = odd };
	for (size_t k = 0; k < g->n; k++) {
		size_t i = g->at->rtl ? g->n - 1 - k : k;
		const struct block *cell = cell_at(block, g->columns[i]);
		row->cells[k].x = x;
		row->cells[k].width = g->widths[i];
		x += g->widths[i] + 2 * g->pad;
		if (!cell || !cell->prose.text.n || !cell_fits(p, cell))
			continue;
		row->cells[k].para = para_new(p, row->face, &cell->prose, 0, cell->prose.text.n,
					      g->widths[i] + 0.05);
		pango_layout_set_alignment(row->cells[k].para->layout, align_of(cell));
	}
	return row;
}

static size_t lines_of(struct press *p, const struct row *row)
{
	size_t most = 1;
	for (size_t i = 0; i < row->cells_n && press_goes(p); i++) {
		struct para *para = row->cells[i].para;
		size_t n = para ? (size_t)pango_layout_get_line_count(para->layout) : 0;
		most = n > most ? n : most;
	}
	return most;
}

/* What is higher than its lines: a picture in a cell. */
static double extra_of(const struct row *row)
{
	double most = 0;
	for (size_t i = 0; i < row->cells_n; i++) {
		int h = 0;
		if (!row->cells[i].para)
			continue;
		PangoLayout *layout = row->cells[i].para->layout;
		pango_layout_get_size(layout, NULL, &h);
		double lines = row->face->pitch * pango_layout_get_line_count(layout);
		double extra = pango_points(h) - 1.3 * lines;
		most = extra > most ? extra : most;
	}
	return most;
}

static void row_put(struct press *p, const struct grid *g, const struct block *block, bool odd,
		    bool glued)
{
	struct row *row = row_new(p, g, block, odd);
	size_t lines = lines_of(p, row), fit = (size_t)(press_height(p) / 2 / row->face->pitch);
	double extra = lines <= fit ? extra_of(row) : 0;
	fit = lines <= fit || fit < 1 ? lines : fit;
	for (size_t from = 0; from < lines; from += fit) {
		size_t to = from + fit < lines ? from + fit : lines;
		struct item it = { .kind = ITEM_ROW,
				   .x = g->left,
				   .width = g->width,
				   .frame = g->at->frame,
				   .row = row,
				   .from = from,
				   .to = to,
				   .glued = row->head || glued,
				   .baseline = g->above };
		it.height = (double)(to - from) * row->face->pitch + 2 * g->above + extra;
		row->refs++;
		if (row->head && g->table->heads_n < HEADS_MAX)
			g->table->heads[g->table->heads_n++] = item_copy(&it);
		flow_put(p, &it);
	}
	item_done(&(struct item){ .row = row });
}

static void heads_drop(void *of)
{
	struct table *t = of;
	for (size_t i = 0; i < t->heads_n; i++)
		item_done(&t->heads[i]);
}

static size_t rows_count(const struct block *table)
{
	size_t n = 0;
	for (const struct block *row = table->first; row && n <= TOGETHER_ROWS; row = row->next)
		n++;
	return n;
}

static void grid_put(struct press *p, struct grid *g)
{
	bool odd = false;
	struct arena *a = p->arena;
	g->table = arena_zero(a, sizeof(*g->table));
	g->together = rows_count(g->block) <= TOGETHER_ROWS;
	g->table->heads = arena_zero(a, HEADS_MAX * sizeof(struct item));
	g->widths = arena_zero(a, (g->n + 1) * sizeof(double));
	g->wants = arena_zero(a, (g->n + 1) * sizeof(double));
	g->needs = arena_zero(a, (g->n + 1) * sizeof(double));
	press_keep(p, g->table, heads_drop);
	measure(p, g);
	measure_longest(p, g);
	share(g, g->at->width - (double)g->n * 2 * g->pad);
	g->width = (double)g->n * 2 * g->pad + sum(g->widths, g->n);
	g->left = g->at->x + (g->at->rtl ? g->at->width - g->width : 0);
	flow_gap(p, 0.8 * p->body.pitch);
	for (const struct block *row = g->block->first; row && press_goes(p); row = row->next) {
		row_put(p, g, row, odd, g->together && row->next);
		odd = !odd && !(row->first && row->first->head);
	}
	flow_gap(p, 0.9 * p->body.pitch);
}

static bool is_rtl(const struct press *p, const struct block *table)
{
	const struct block *cell = table->first ? table->first->first : NULL;
	return cell && text_is_rtl(p, cell->prose.text);
}

void table_put(struct press *p, const struct block *b, const struct place *at)
{
	struct place in = *at;
	struct grid g = {
		.block = b, .at = &in, .pad = 0.55 * p->cell.size, .above = 0.32 * p->cell.size
	};
	size_t room = (size_t)(at->width / (p->cell.size * 4.2)), done = 0;
	room = room < 2 ? 2 : room;
	in.rtl = is_rtl(p, b);
	if (b->columns <= room + 1)
		room = b->columns;
	g.columns = arena_zero(p->arena, (room + 1) * sizeof(*g.columns));
	while (done < b->columns && press_goes(p)) {
		g.n = 0;
		if (done > 0)
			g.columns[g.n++] = 0;
		while (done < b->columns && g.n < room)
			g.columns[g.n++] = done++;
		grid_put(p, &g);
	}
}
