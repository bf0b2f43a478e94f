/* press.h - one document on its way from blocks to pages
 *
 * What this room is for: what the rooms of the renderer share: faces, items, the flow of items into pages, images.
 * What flows through:    blocks become items (a line, a table's row, a picture, a rule), each with a height and the space above it;
 *   the flow collects them until a page is full; pages are drawn, kept until their number is known, or only counted.
 * What must hold:
 *  (1) an item is never divided; what could be higher than a page is made of several (table rows) or scaled (pictures).
 *  (2) between a glued item and the next one no page ends, unless nothing else is left.
 *  (3) what was laid out lives until its page is drawn: a long document is laid out twice, so that it need not be kept. */
#pragma once
#include "pdf/document.h"
#include <pango/pangocairo.h>

struct face { /* a font at a size, on lines of one height */
	PangoFontDescription *font;
	double size, pitch, ascent, descent;
	uint32_t color;
};
struct frame { /* what encloses items, over pages: a block of code, a quote */
	const struct frame *outer;
	unsigned depth;
	enum { FRAME_CODE, FRAME_QUOTE } kind;
	double x, width, pad;
	bool right; /* a quote's bar stands right */
};
struct image {
	struct image *next;
	struct slice name;
	cairo_surface_t *surface; /* NULL: it cannot be shown */
	double width, height;     /* points, at 96 dots an inch */
};
struct para { /* a stretch of prose, laid out */
	unsigned refs;
	PangoLayout *layout;
	const struct face *face;
	const struct prose *prose;
	size_t from;            /* of the prose */
	size_t span, spans_end; /* none but these of its spans cover anything here */
};
struct mark {                /* beside an item's first line: a bullet, a number, a box */
	PangoLayout *layout; /* NULL: a box */
	double x;
	bool done;
};
struct cell {
	struct para *para;
	double x, width;
};
struct row { /* shared by its slices */
	unsigned refs;
	struct table *table;
	const struct face *face;
	size_t cells_n;
	bool head, odd;
	struct cell cells[];
};
enum item_kind { ITEM_LINE, ITEM_ROW, ITEM_RULE, ITEM_IMAGE, ITEM_MISSING };
struct item {
	enum item_kind kind;
	double x, width, space, height;
	bool glued;
	const struct frame *frame;
	const struct block *heading; /* that begins here */
	const struct mark *mark;
	struct para *para;      /* lines, and the alt of what is missing: owns a reference */
	PangoLayoutLine *line;  /*  owns */
	double shift, baseline; /* from the item's corner */
	struct row *row;        /* owns a reference */
	size_t from, to;        /* lines of the row's cells */
	struct image *image;
	struct slice link; /* pictures */
	double thickness;  /* rules */
	uint32_t color;
};
struct table {              /* lives in the arena */
	struct item *heads; /* repeated on each page */
	size_t heads_n;
};
struct page {
	struct item *items;
	size_t n;
	const struct block *section; /* the last heading of level 1 or 2 before it ends */
};
enum pages_mode { PAGES_KEPT, PAGES_COUNTED, PAGES_DRAWN };
struct flow {
	struct item *items;
	size_t n, cap;
	double y, gap;
	enum pages_mode mode;
	struct page *pages; /* PAGES_KEPT */
	unsigned pages_n, pages_cap, total;
	const struct block *section;
};
struct kept {
	struct kept *next;
	void *what;
	void (*drop)(void *);
};
struct press {
	struct pdf_job *job;
	const struct pdf_style *style;
	struct arena *arena;
	struct document document;
	PangoContext *context; /* borrows: the thread's */
	struct face body, heading[6], code, cell, head, title, subtitle, band;
	struct flow flow;
	struct image *images;
	uint64_t pixels;         /* of images, decoded */
	const struct mark *mark; /* waits for the next line */
	cairo_surface_t *surface;
	cairo_t *cr;
	int outline[7]; /* the entry that is open at each level */
	enum pdf_outcome outcome;
	unsigned steps;
	struct kept *kept;
};
struct place { /* where a block stands */
	double x, width;
	const struct frame *frame;
	const struct face *face;
	unsigned level; /* of lists */
	bool rtl;
};

static inline double press_width(const struct press *p)
{
	return p->style->width - p->style->left - p->style->right;
}
static inline double press_height(const struct press *p)
{
	return p->style->height - p->style->top - p->style->bottom;
}
/* Ends the work with an outcome and a sentence; the first one stays. Returns false. */
bool press_fail(struct press *, enum pdf_outcome, const char *fmt, ...) PRINTF(3, 4);
/* May it go on? Asks who can stop it, now and then. */
bool press_goes(struct press *);

/* What is given back when the document is done. */
void press_keep(struct press *, void *what, void (*drop)(void *));

/* ---- fonts.c ---- */
PangoContext *fonts_context(void); /* this thread's */
/* Before a layout is asked for anything: its fonts are opened for good. */
void fonts_keep(PangoLayout *);
void faces_make(struct press *);
void faces_done(struct press *);

/* ---- text.c ---- */
/* A stretch of prose on lines of this width; < 0: on one line. The caller owns a reference. */
struct para *para_new(struct press *, const struct face *, const struct prose *, size_t from,
		      size_t to, double width);
struct para *para_ref(struct para *);
void para_unref(struct para *);
/* Puts the prose's lines into the flow; `glued`: what comes next stays with it. */
void text_put(struct press *, const struct place *, const struct prose *,
	      const struct block *heading, bool glued);
/* Puts the lines of what is laid out. The first and the last of many stay in pairs if it begins or ends here; or all together. */
struct ends {
	bool first, last, glued, together;
};
void para_put(struct press *, const struct place *, struct para *, const struct block *heading,
	      struct ends);
bool text_is_rtl(const struct press *, struct slice);
double pango_points(int units);

/* ---- blocks.c, code.c, tables.c ---- */
void blocks_put(struct press *, const struct block *parent, const struct place *);
void title_put(struct press *);
void code_put(struct press *, const struct block *, const struct place *);
void table_put(struct press *, const struct block *, const struct place *);
/* The coloured spans of a piece of code. */
const struct span *code_spans(struct press *, const struct block *, size_t *ret_n);

/* ---- images.c ---- */
/* NULL: it cannot be shown, and a placeholder is wanted, or the work has ended. */
struct image *image_get(struct press *, struct slice name);
void images_done(struct press *);

/* ---- flow.c ---- */
void flow_gap(struct press *, double space); /* at least so much above the next item */
void flow_put(struct press *, struct item *takes);
void flow_page(struct press *);   /* what comes next begins a page */
void flow_finish(struct press *); /* the last page */
void flow_done(struct press *);
void item_done(struct item *);
struct item item_copy(const struct item *);
double frame_pads(const struct frame *of, const struct frame *without);

/* ---- page.c, line.c ---- */
void page_draw(struct press *, const struct page *, unsigned number, unsigned total);
/* left: of the para's column; shift: from there to the line's first letter. */
void line_draw(struct press *, const struct para *, PangoLayoutLine *, double left, double shift,
	       double baseline);
void link_draw(struct press *, struct slice target, const cairo_rectangle_t *);
void color_set(cairo_t *, uint32_t);
