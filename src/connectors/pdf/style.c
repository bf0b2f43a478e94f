/* style.c - the words of a style file
 *
 * What this room is for: see style.h. The table below is all there is: check, the page in docs/how-to and the defaults come from it.
 * What flows through:    texts with units in; points and colours out.
 * What must hold:
 *  (1) lengths have a unit: pt, mm, cm, in. (2) a font that is named in the file is there, or that is a mistake; those of the defaults are
 *      lists, of which the first that is installed is taken. */
#include "connectors/pdf/style.h"
#include "base/banned.h"
#include "connectors/pdf/module.h"
#include "engine/side_file.h"
#include "io/digest.h"
#include <math.h>
#include <stdlib.h>

#define BODY_FONTS \
	"TeX Gyre Pagella, Gentium Plus, Noto Serif, Linux Libertine O, DejaVu Serif, serif"
#define HEADING_FONTS "Lato, Inter, Noto Sans, Carlito, Open Sans, DejaVu Sans, sans-serif"
#define CODE_FONTS    "JetBrains Mono, Hack, Noto Sans Mono, DejaVu Sans Mono, monospace"

struct page_options {
	const char *size;
	struct margin_options *margins;
	bool landscape;
};
struct margin_options {
	const char *all, *top, *right, *bottom, *left;
};
struct body_options {
	const char *font, *size, *line_height, *color;
	int align, direction;
};
struct heading_options {
	const char *font, *color, *h1, *h2, *h3, *h4, *h5, *h6;
	bool rule;
	int new_page;
};
struct code_options {
	const char *font, *size, *color, *background;
	bool highlight;
};
struct link_options {
	const char *color;
	bool underline;
};
struct quote_options {
	const char *color, *bar;
};
struct table_options {
	const char *size, *rule, *head;
	bool stripes;
};
struct title_options {
	const char *size, *color;
	int align;
	bool rule, shown;
};
struct band_options {
	const char *left, *center, *right;
	bool first_page;
};
struct style_options {
	struct page_options *page;
	struct body_options *body;
	struct heading_options *headings;
	struct code_options *code;
	struct link_options *links;
	struct quote_options *quotes;
	struct table_options *tables;
	struct title_options *title;
	struct band_options *header, *footer;
	const char *accent, *faint;
};

/* ---- the table ------------------------------------------------------------------------------------ */

#define TEXT(T, name, fallback_, doc_) \
	OPT(#name, struct T, name, OPT_STRING, const char *, .fallback = fallback_, .doc = doc_)
#define VERB(T, name, fallback_, doc_)                                                           \
	OPT(#name, struct T, name, OPT_STRING, const char *, .fallback = fallback_, .doc = doc_, \
	    .verb = true)
#define SWITCH(T, name, fallback_, doc_) \
	OPT(#name, struct T, name, OPT_BOOL, bool, .fallback = fallback_, .doc = doc_)
#define WORD(T, name, words_, fallback_, doc_)                                            \
	OPT(#name, struct T, name, OPT_ENUM, int, .words = words_, .fallback = fallback_, \
	    .doc = doc_)
#define PART(name, T, fallback_, doc_)                                          \
	OPT(#name, struct style_options, name, OPT_TABLE, struct T *, .sub = T, \
	    .sub_size = sizeof(struct T), .fallback = fallback_, .doc = doc_)

static const char *const align_words[] = { "left", "justify", NULL };
static const char *const title_align_words[] = { "left", "center", NULL };
static const char *const direction_words[] = { "auto", "ltr", "rtl", NULL };
static const char *const level_words[] = { "none", "h1", "h2", NULL };

static const struct opt margin_options[] = {
	VERB(margin_options, all, "24mm", "where nothing else is said"),
	TEXT(margin_options, top, NULL, "above the text"),
	TEXT(margin_options, right, NULL, "beside it"),
	TEXT(margin_options, bottom, NULL, "below it"),
	TEXT(margin_options, left, NULL, "beside it"),
	OPT_END,
};
static const struct opt page_options[] = {
	VERB(page_options, size, "A4",
	     "A3, A4, A5, A6, B5, Letter, Legal, or WIDTHxHEIGHT: 170mm x 240mm"),
	OPT("margins", struct page_options, margins, OPT_TABLE, struct margin_options *,
	    .sub = margin_options, .sub_size = sizeof(struct margin_options), .fallback = "24mm",
	    .doc = "a length, or one for each side"),
	SWITCH(page_options, landscape, "false", "the longer side lies"),
	OPT_END,
};
static const struct opt body_options[] = {
	VERB(body_options, font, BODY_FONTS, "families, by commas; the first that is installed"),
	TEXT(body_options, size, "10.5pt", "of letters"),
	TEXT(body_options, line_height, "1.45", "as a multiple of the size"),
	TEXT(body_options, color, "#1d2126", "of the text"),
	WORD(body_options, align, align_words, "left", "words are never hyphenated"),
	WORD(body_options, direction, direction_words, "auto",
	     "auto: by each paragraph's first letter"),
	OPT_END,
};
static const struct opt heading_options[] = {
	VERB(heading_options, font, HEADING_FONTS, "families, by commas"),
	TEXT(heading_options, color, "#14304f", "of headings, and of table heads"),
	TEXT(heading_options, h1, "20pt", "size"),
	TEXT(heading_options, h2, "15pt", "size"),
	TEXT(heading_options, h3, "12.5pt", "size"),
	TEXT(heading_options, h4, "11pt", "size"),
	TEXT(heading_options, h5, "10.5pt", "size"),
	TEXT(heading_options, h6, "10pt", "size"),
	SWITCH(heading_options, rule, "false", "a line below each h1"),
	WORD(heading_options, new_page, level_words, "none",
	     "headings that begin a page: h1, or h1 and h2"),
	OPT_END,
};
static const struct opt code_options[] = {
	VERB(code_options, font, CODE_FONTS, "families, by commas"),
	TEXT(code_options, size, "0.84", "as a multiple of the text's"),
	TEXT(code_options, color, "#24292f", "of what is not highlighted"),
	TEXT(code_options, background, "#f3f5f8", "the ground that it stands on"),
	SWITCH(code_options, highlight, "true", "colours for keywords, strings, numbers, comments"),
	OPT_END,
};
static const struct opt link_options[] = {
	VERB(link_options, color, "#1c5fa8", "of the words"),
	SWITCH(link_options, underline, "false", "a line below the words"),
	OPT_END,
};
static const struct opt quote_options[] = {
	VERB(quote_options, color, "#4a5460", "of the text"),
	TEXT(quote_options, bar, "#b9c6d6", "the line beside it"),
	OPT_END,
};
static const struct opt table_options[] = {
	VERB(table_options, size, "0.92", "as a multiple of the text's"),
	TEXT(table_options, rule, "#d3dae2", "lines between rows, and what --- draws"),
	TEXT(table_options, head, "#f3f5f8", "the ground of the head and of stripes"),
	SWITCH(table_options, stripes, "false", "every other row has a ground"),
	OPT_END,
};
static const struct opt title_options[] = {
	VERB(title_options, size, "26pt", "of letters"),
	TEXT(title_options, color, NULL, "of the title; as headings"),
	WORD(title_options, align, title_align_words, "left", "where its lines stand"),
	SWITCH(title_options, rule, "true", "a line below"),
	SWITCH(title_options, shown, "true", "title, subtitle and author stand above the text"),
	OPT_END,
};
static const struct opt band_options[] = {
	TEXT(band_options, left, NULL, "{page} {pages} {title} {author} {section} are filled in"),
	VERB(band_options, center, NULL, "in the middle"),
	TEXT(band_options, right, NULL, "at the right edge"),
	SWITCH(band_options, first_page, "false", "also on a first page with a title block"),
	OPT_END,
};
static const struct opt footer_options[] = {
	TEXT(band_options, left, NULL, "{page} {pages} {title} {author} {section} are filled in"),
	VERB(band_options, center, "{page} / {pages}", "'' for none"),
	TEXT(band_options, right, NULL, "at the right edge"),
	SWITCH(band_options, first_page, "true", "also on a first page with a title block"),
	OPT_END,
};
const struct opt pdf_style_options[] = {
	PART(page, page_options, "A4", "the paper"),
	PART(body, body_options, BODY_FONTS, "the text"),
	PART(headings, heading_options, HEADING_FONTS, "headings"),
	PART(code, code_options, CODE_FONTS, "code, in lines and in blocks"),
	PART(links, link_options, "#1c5fa8", "links"),
	PART(quotes, quote_options, "#4a5460", "block quotes"),
	PART(tables, table_options, "0.92", "tables"),
	PART(title, title_options, "26pt", "the block with the title"),
	PART(header, band_options, NULL, "a line above the text"),
	OPT("footer", struct style_options, footer, OPT_TABLE, struct band_options *,
	    .sub = footer_options, .sub_size = sizeof(struct band_options),
	    .fallback = "{page} / {pages}", .doc = "a line below the text"),
	OPT("accent", struct style_options, accent, OPT_STRING, const char *, .fallback = "#2f6db3",
	    .doc = "rules below titles and table heads, list marks"),
	OPT("faint", struct style_options, faint, OPT_STRING, const char *, .fallback = "#6b7683",
	    .doc = "header, footer, subtitle"),
	OPT_END,
};

/* ---- lengths, factors, colours -------------------------------------------------------------------- */

struct reading {
	struct diag *diag;
	struct pdf_style *style;
};

static bool number_read(struct slice s, double *ret, struct slice *rest)
{
	char text[32];
	size_t n = 0;
	while (n < s.n && n < sizeof(text) - 1 &&
	       ((s.p[n] >= '0' && s.p[n] <= '9') || s.p[n] == '.'))
		n++;
	memcpy(text, s.p, n);
	text[n] = 0;
	char *end = text;
	*ret = n ? strtod(text, &end) : 0;
	*rest = slice_trim(slice_from(s, n));
	return n > 0 && *end == 0;
}

static bool length_read(struct slice s, double *ret, struct slice *rest)
{
	static const struct {
		const char *unit;
		double points;
	} units[] = { { "pt", 1 }, { "mm", 72 / 25.4 }, { "cm", 72 / 2.54 }, { "in", 72 } };
	if (!number_read(slice_trim(s), ret, rest))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		if (slice_starts(*rest, slice_str(units[i].unit))) {
			*ret *= units[i].points;
			*rest = slice_trim(slice_from(*rest, 2));
			return true;
		}
	return false;
}

static double length_of(const struct reading *r, const char *text, const char *option, double least,
			double most)
{
	double points = 0;
	struct slice rest;
	if (!length_read(slice_str(text), &points, &rest) || rest.n)
		diag_error(r->diag, option, "'%s' is no length: write 10.5pt, 24mm, 2cm or 1in",
			   text);
	else if (points < least || points > most)
		diag_error(r->diag, option, "'%s' is not between %gpt and %gpt", text, least, most);
	return points;
}

static double factor_of(const struct reading *r, const char *text, const char *option, double least,
			double most)
{
	double factor = 0;
	struct slice rest;
	if (!number_read(slice_str(text), &factor, &rest) || rest.n || factor < least ||
	    factor > most)
		diag_error(r->diag, option, "'%s' is no number from %g to %g", text, least, most);
	return factor;
}

static uint32_t color_of(const struct reading *r, const char *text, const char *option)
{
	uint32_t color = 0;
	struct slice s = slice_str(text);
	bool good = (s.n == 7 || s.n == 4) && s.p[0] == '#';
	for (size_t i = 1; good && i < s.n; i++) {
		const char *digits = "0123456789abcdef", *at = strchr(digits, s.p[i] | 0x20);
		good = s.p[i] && at;
		uint32_t digit = good ? (uint32_t)(at - digits) : 0;
		color = s.n == 7 ? color << 4 | digit : color << 8 | digit << 4 | digit;
	}
	if (!good)
		diag_error(r->diag, option, "'%s' is no colour: write #1c5fa8, in quotes", text);
	return color;
}

/* ---- the parts -------------------------------------------------------------------------------------- */

static void put_size(const struct reading *r, const struct page_options *o)
{
	static const struct {
		const char *name;
		double width, height; /* mm */
	} sizes[] = { { "A3", 297, 420 },       { "A4", 210, 297 }, { "A5", 148, 210 },
		      { "A6", 105, 148 },       { "B5", 176, 250 }, { "Letter", 215.9, 279.4 },
		      { "Legal", 215.9, 355.6 } };
	struct slice text = slice_str(o->size), rest;
	double w = 0, h = 0, swap;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		if (slice_eq_nocase(text, slice_str(sizes[i].name))) {
			w = sizes[i].width * 72 / 25.4;
			h = sizes[i].height * 72 / 25.4;
		}
	bool own = w > 0 || (length_read(text, &w, &rest) && rest.n && rest.p[0] == 'x' &&
			     length_read(slice_from(rest, 1), &h, &rest) && rest.n == 0);
	if (!own || w < 72 || h < 72 || w > 14400 || h > 14400)
		diag_error(r->diag, "page.size",
			   "'%s' is no page: write A3, A4, A5, A6, B5, Letter, Legal or '170mm x "
			   "240mm'",
			   o->size);
	if (o->landscape && w < h) {
		swap = w;
		w = h;
		h = swap;
	}
	r->style->width = w;
	r->style->height = h;
}

static void put_page(const struct reading *r, const struct page_options *o)
{
	struct pdf_style *s = r->style;
	const struct margin_options *m = o->margins;
	const char *at = "page.margins";
	put_size(r, o);
	s->top = length_of(r, m->top ? m->top : m->all, m->top ? "page.margins.top" : at, 0, 4000);
	s->right = length_of(r, m->right ? m->right : m->all, m->right ? "page.margins.right" : at,
			     0, 4000);
	s->bottom = length_of(r, m->bottom ? m->bottom : m->all,
			      m->bottom ? "page.margins.bottom" : at, 0, 4000);
	s->left = length_of(r, m->left ? m->left : m->all, m->left ? "page.margins.left" : at, 0,
			    4000);
	if (s->width - s->left - s->right < 72 || s->height - s->top - s->bottom < 100)
		diag_error(r->diag, at, "the margins leave less than 72pt x 100pt for text");
}

static void put_text(const struct reading *r, const struct style_options *o)
{
	struct pdf_style *s = r->style;
	s->body.font = o->body->font;
	s->body.size = length_of(r, o->body->size, "body.size", 4, 48);
	s->body.line_height = factor_of(r, o->body->line_height, "body.line_height", 1, 3);
	s->body.color = color_of(r, o->body->color, "body.color");
	s->body.align = o->body->align ? PDF_JUSTIFY : PDF_LEFT;
	s->body.direction = (enum pdf_direction)o->body->direction;
	s->code.font = o->code->font;
	s->code.size = factor_of(r, o->code->size, "code.size", 0.4, 1.5);
	s->code.color = color_of(r, o->code->color, "code.color");
	s->code.background = color_of(r, o->code->background, "code.background");
	s->code.highlight = o->code->highlight;
	s->link.color = color_of(r, o->links->color, "links.color");
	s->link.underline = o->links->underline;
	s->quote.color = color_of(r, o->quotes->color, "quotes.color");
	s->quote.bar = color_of(r, o->quotes->bar, "quotes.bar");
	s->accent = color_of(r, o->accent, "accent");
	s->faint = color_of(r, o->faint, "faint");
}

static void put_headings(const struct reading *r, const struct heading_options *o)
{
	const char *const sizes[] = { o->h1, o->h2, o->h3, o->h4, o->h5, o->h6 };
	struct pdf_style *s = r->style;
	char option[24];
	s->heading.font = o->font;
	s->heading.color = color_of(r, o->color, "headings.color");
	for (int i = 0; i < 6; i++) {
		snprintf(option, sizeof(option), "headings.h%d", i + 1);
		s->heading.size[i] = length_of(r, sizes[i], option, 4, 96);
	}
	s->heading.rule = o->rule;
	s->heading.new_page = o->new_page;
}

static void put_rest(const struct reading *r, const struct style_options *o)
{
	struct pdf_style *s = r->style;
	s->table.size = factor_of(r, o->tables->size, "tables.size", 0.4, 1.5);
	s->table.rule = color_of(r, o->tables->rule, "tables.rule");
	s->table.head = color_of(r, o->tables->head, "tables.head");
	s->table.stripes = o->tables->stripes;
	s->title.size = length_of(r, o->title->size, "title.size", 4, 144);
	s->title.color =
		o->title->color ? color_of(r, o->title->color, "title.color") : s->heading.color;
	s->title.align = o->title->align ? PDF_CENTER : PDF_LEFT;
	s->title.rule = o->title->rule;
	s->title.shown = o->title->shown;
	if (o->header)
		s->header = (struct pdf_band){ o->header->left, o->header->center, o->header->right,
					       o->header->first_page };
	s->footer = (struct pdf_band){ o->footer->left, o->footer->center, o->footer->right,
				       o->footer->first_page };
}

/* ---- checks ------------------------------------------------------------------------------------------- */

struct whole { /* what side_file_read fills; the rest is ours */
	struct style_options options;
	struct pdf_style style;
	const struct pdf_module *module;
};

static void check_font(const struct whole *w, const char *font, const char *defaults,
		       const char *option, struct diag *diag)
{
	const char *near;
	if (strcmp(font, defaults) == 0 || pdf_module_has_font(w->module, font, &near))
		return;
	diag_error(diag, option,
		   "the font '%s' is not installed%s%s%s (fc-list lists those that are)", font,
		   near ? ": did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static void check(void *into, struct diag *diag)
{
	struct whole *w = into;
	const struct style_options *o = &w->options;
	const struct reading r = { diag, &w->style };
	put_page(&r, o->page);
	put_text(&r, o);
	put_headings(&r, o->headings);
	put_rest(&r, o);
	check_font(w, o->body->font, BODY_FONTS, "body.font", diag);
	check_font(w, o->headings->font, HEADING_FONTS, "headings.font", diag);
	check_font(w, o->code->font, CODE_FONTS, "code.font", diag);
}

static void digest_band(struct digest *d, const struct pdf_band *b)
{
	digest_add(d, slice_str(b->left));
	digest_add(d, slice_str(b->center));
	digest_add(d, slice_str(b->right));
	digest_add(d, b->first_page ? S("1") : S("0"));
}

/* All that is not a pointer lies in the struct as bytes; it was zero before it was filled. */
static int digest_sheet(struct pdf_sheet *sheet)
{
	AUTO(digest_done) struct digest d = { NULL };
	struct pdf_style plain = sheet->style;
	if (digest_init(&d) < 0)
		return -1;
	digest_add(&d, slice_str(plain.body.font));
	digest_add(&d, slice_str(plain.heading.font));
	digest_add(&d, slice_str(plain.code.font));
	digest_band(&d, &plain.header);
	digest_band(&d, &plain.footer);
	plain.body.font = plain.heading.font = plain.code.font = NULL;
	memset(&plain.header, 0, sizeof(plain.header));
	memset(&plain.footer, 0, sizeof(plain.footer));
	digest_add(&d, (struct slice){ (const char *)&plain, sizeof(plain) });
	digest_end(&d, sheet->digest);
	return 0;
}

int pdf_sheet_read(const char *path, const struct pdf_module *module, struct pdf_sheet **ret,
		   struct buf *mistakes)
{
	struct arena *arena = arena_new();
	struct pdf_sheet *sheet = arena_zero(arena, sizeof(*sheet));
	struct whole *w = arena_zero(arena, sizeof(*w));
	w->module = module;
	*sheet = (struct pdf_sheet){ .refs = 1, .arena = arena };
	int r = side_file_read(path, "style", pdf_style_options, arena, w, check, mistakes);
	memcpy(&sheet->style, &w->style, sizeof(w->style));
	if (r == 0 && digest_sheet(sheet) < 0)
		r = -1;
	if (r < 0)
		pdf_sheet_unref(take(sheet));
	*ret = sheet;
	return r;
}

struct pdf_sheet *pdf_sheet_ref(struct pdf_sheet *s)
{
	s->refs++;
	return s;
}

void pdf_sheet_unref(struct pdf_sheet *s)
{
	if (s && --s->refs == 0)
		arena_free(s->arena);
}
