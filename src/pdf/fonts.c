/* fonts.c - the fonts of a thread, and the faces of a document
 *
 * What this room is for: finding and measuring fonts costs more than a page; so each thread keeps one font map, with all that it has
 *   loaded and measured, for as long as it lives.
 * What flows through:    family names in; fonts with the height of their lines out.
 * What must hold:
 *  (1) Pango's maps are not shared between threads. (2) glyphs stand where the font says, not on pixels: no hinting, at 72 dots an
 *      inch, so that a unit is a point. (3) the map's caches are bounded by the styles that are used, not by the documents. (4) a font's
 *      file, once opened, stays open: Cairo would close it under another thread. */
#include <cairo-ft.h> /* before banned.h: FreeType's headers name what is banned */
#include "pdf/press.h"
#include <pthread.h>
#include "base/banned.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;

static void context_drop(void *context)
{
	g_object_unref(context);
}

static void key_make(void)
{
	int r = pthread_key_create(&key, context_drop);
	ASSERT(r == 0);
}

/* ---- files of fonts ------------------------------------------------------------------------------ */

/* Cairo 1.16 keeps ten files of fonts open for all threads. Opening the next one it closes any that nobody has locked, without asking
 * whether a thread is about to: who reads it then, reads freed memory. What is locked once is never closed, so each is, here.
 * Pango measures a font with a sample of the language, which opens others: that is done here, too, where nobody else opens any. */
static void keep_open(PangoFont *font, PangoLanguage *language)
{
	static pthread_mutex_t opening = PTHREAD_MUTEX_INITIALIZER;
	const char *kept = pango_language_to_string(language);
	if (!font || g_object_get_data(G_OBJECT(font), kept))
		return;
	g_object_set_data(G_OBJECT(font), kept, font);
	pthread_mutex_lock(&opening);
	cairo_scaled_font_t *scaled = pango_cairo_font_get_scaled_font(PANGO_CAIRO_FONT(font));
	if (scaled && cairo_scaled_font_get_type(scaled) == CAIRO_FONT_TYPE_FT)
		(void)cairo_ft_scaled_font_lock_face(scaled);
	pango_font_metrics_unref(pango_font_get_metrics(font, language));
	pthread_mutex_unlock(&opening);
}

static PangoContext *context_new(void)
{
	PangoFontMap *map = pango_cairo_font_map_new_for_font_type(CAIRO_FONT_TYPE_FT);
	pango_cairo_font_map_set_resolution(PANGO_CAIRO_FONT_MAP(map), 72);
	PangoContext *context = pango_font_map_create_context(map);
	g_object_unref(map); /* the context has it */
	cairo_font_options_t *options = cairo_font_options_create();
	cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_NONE);
	cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_OFF);
	cairo_font_options_set_antialias(options, CAIRO_ANTIALIAS_GRAY);
	pango_cairo_context_set_font_options(context, options);
	cairo_font_options_destroy(options);
	pango_context_set_round_glyph_positions(context, FALSE);
	return context;
}

void fonts_keep(PangoLayout *layout)
{
	const char *text = pango_layout_get_text(layout);
	PangoAttrList *given = pango_layout_get_attributes(layout);
	PangoAttrList *all = given ? pango_attr_list_copy(given) : pango_attr_list_new();
	pango_attr_list_insert_before(
		all, pango_attr_font_desc_new(pango_layout_get_font_description(layout)));
	GList *items = pango_itemize(pango_layout_get_context(layout), text, 0, (int)strlen(text),
				     all, NULL);
	for (GList *at = items; at; at = at->next) {
		const PangoAnalysis *use = &((PangoItem *)at->data)->analysis;
		keep_open(use->font, use->language);
		pango_item_free(at->data);
	}
	g_list_free(items);
	pango_attr_list_unref(all);
}

PangoContext *fonts_context(void)
{
	int r = pthread_once(&once, key_make);
	ASSERT(r == 0);
	PangoContext *context = pthread_getspecific(key);
	if (!context) {
		context = context_new();
		r = pthread_setspecific(key, context);
		ASSERT(r == 0);
	}
	return context;
}

/* ---- faces ------------------------------------------------------------------------------------ */

static void face_make(struct press *p, struct face *f, const char *family, double size,
		      PangoWeight weight, double line_height, uint32_t color)
{
	f->font = pango_font_description_new();
	pango_font_description_set_family(f->font, family);
	pango_font_description_set_size(f->font, (int)(size * PANGO_SCALE));
	pango_font_description_set_weight(f->font, weight);
	PangoFont *first = pango_context_load_font(p->context, f->font);
	keep_open(first, pango_language_from_string("en"));
	g_clear_object(&first);
	PangoFontMetrics *metrics =
		pango_context_get_metrics(p->context, f->font, pango_language_from_string("en"));
	f->size = size;
	f->ascent = pango_points(pango_font_metrics_get_ascent(metrics));
	f->descent = pango_points(pango_font_metrics_get_descent(metrics));
	f->pitch = size * line_height;
	f->color = color;
	pango_font_metrics_unref(metrics);
}

void faces_make(struct press *p)
{
	const struct pdf_style *s = p->style;
	const char *body = s->body.font, *heading = s->heading.font;
	double size = s->body.size, line = s->body.line_height;
	face_make(p, &p->body, body, size, PANGO_WEIGHT_NORMAL, line, s->body.color);
	for (size_t i = 0; i < ARRAY_SIZE(p->heading); i++)
		face_make(p, &p->heading[i], heading, s->heading.size[i], PANGO_WEIGHT_BOLD, 1.22,
			  s->heading.color);
	face_make(p, &p->code, s->code.font, size * s->code.size, PANGO_WEIGHT_NORMAL, 1.42,
		  s->code.color);
	face_make(p, &p->cell, body, size * s->table.size, PANGO_WEIGHT_NORMAL, 1.32,
		  s->body.color);
	face_make(p, &p->head, heading, size * s->table.size, PANGO_WEIGHT_BOLD, 1.32,
		  s->heading.color);
	face_make(p, &p->title, heading, s->title.size, PANGO_WEIGHT_BOLD, 1.18, s->title.color);
	face_make(p, &p->subtitle, heading, size * 1.12, PANGO_WEIGHT_NORMAL, 1.35, s->faint);
	face_make(p, &p->band, heading, size * 0.82, PANGO_WEIGHT_NORMAL, 1.3, s->faint);
}

void faces_done(struct press *p)
{
	struct face *all[] = { &p->body,  &p->code,     &p->cell, &p->head,
			       &p->title, &p->subtitle, &p->band };
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		pango_font_description_free(all[i]->font);
	for (size_t i = 0; i < ARRAY_SIZE(p->heading); i++)
		pango_font_description_free(p->heading[i].font);
}
