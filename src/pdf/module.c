/* module.c - what the program calls
 *
 * What this room is for: a job from its first byte to its last; everything else here is called from render().
 * What flows through:    Markdown in; a tree, items, pages, PDF bytes out into the job's buffer.
 * What must hold:
 *  (1) after anything but PDF_DONE the job's buffer is empty: there is no half a PDF.
 *  (2) a long document is laid out twice: once to know how many pages there are, once to draw them one by one. */
#include "pdf/press.h"
#include <cairo-pdf.h>
#include <errno.h>
#include <fontconfig/fontconfig.h>
#include "base/banned.h"
#include "base/utf8.h"

#define VISIBLE __attribute__((visibility("default")))

bool press_fail(struct press *p, enum pdf_outcome outcome, const char *fmt, ...)
{
	va_list ap;
	if (p->outcome != PDF_DONE)
		return false;
	p->outcome = outcome;
	va_start(ap, fmt);
	vsnprintf(p->job->error, sizeof(p->job->error), fmt, ap);
	va_end(ap);
	return false;
}

bool press_goes(struct press *p)
{
	if ((++p->steps & 15) == 0 && p->job->stopped && p->job->stopped(p->job->arg))
		press_fail(p, PDF_STOPPED, "stopped");
	return p->outcome == PDF_DONE;
}

void press_keep(struct press *p, void *what, void (*drop)(void *))
{
	struct kept *k = arena_alloc(p->arena, sizeof(*k));
	*k = (struct kept){ p->kept, what, drop };
	p->kept = k;
}

static void kept_drop(struct press *p)
{
	for (struct kept *k = p->kept; k; k = k->next)
		k->drop(k->what);
	p->kept = NULL;
}

/* ---- the file ----------------------------------------------------------------------------------- */

static cairo_status_t write_bytes(void *arg, const unsigned char *bytes, unsigned n)
{
	struct press *p = arg;
	if (p->outcome != PDF_DONE)
		return CAIRO_STATUS_WRITE_ERROR;
	if (buf_add(&p->job->pdf, (struct slice){ (const char *)bytes, n }) == 0)
		return CAIRO_STATUS_SUCCESS;
	press_fail(p, PDF_TOO_LARGE, "the PDF is larger than %zu bytes", p->job->pdf.max);
	return CAIRO_STATUS_WRITE_ERROR;
}

static void describe(struct press *p)
{
	const struct pdf_job *job = p->job;
	const struct {
		cairo_pdf_metadata_t what;
		const char *text;
	} all[] = {
		{ CAIRO_PDF_METADATA_AUTHOR, job->author },
		{ CAIRO_PDF_METADATA_SUBJECT, job->subject },
		{ CAIRO_PDF_METADATA_KEYWORDS, job->keywords },
		{ CAIRO_PDF_METADATA_CREATOR, "hocket" },
	};
	struct slice title = slice_str(job->title);
	if (title.n == 0 && p->document.headings_n)
		title = prose_plain(p->arena, &p->document.headings[0]->prose);
	if (title.n)
		cairo_pdf_surface_set_metadata(p->surface, CAIRO_PDF_METADATA_TITLE, title.p);
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (all[i].text && all[i].text[0])
			cairo_pdf_surface_set_metadata(p->surface, all[i].what, all[i].text);
	/* Cairo would say when; the same document is to have the same bytes. */
	cairo_pdf_surface_set_metadata(p->surface, CAIRO_PDF_METADATA_CREATE_DATE, "");
}

static void file_begin(struct press *p)
{
	p->surface = cairo_pdf_surface_create_for_stream(write_bytes, p, p->style->width,
							 p->style->height);
	p->cr = cairo_create(p->surface);
	describe(p);
}

static void file_end(struct press *p)
{
	if (!p->surface)
		return;
	cairo_destroy(p->cr);
	cairo_surface_finish(p->surface);
	cairo_status_t status = cairo_surface_status(p->surface);
	cairo_surface_destroy(p->surface);
	if (status != CAIRO_STATUS_SUCCESS)
		press_fail(p, PDF_FAILED, "the PDF cannot be written: %s",
			   cairo_status_to_string(status));
}

/* ---- the document --------------------------------------------------------------------------------- */

/* The title may stand in the Markdown as well, as its first heading: once is enough. */
static struct block *body_of(struct press *p)
{
	struct block *root = p->document.root, *first = root->first;
	bool titled = p->style->title.shown && p->job->title;
	if (titled && first && first->kind == BLOCK_HEADING && first->number == 1 &&
	    slice_eq_str(prose_plain(p->arena, &first->prose), p->job->title))
		root->first = first->next;
	return root;
}

static void lay_out(struct press *p)
{
	const struct place at = { .x = p->style->left, .width = press_width(p), .face = &p->body };
	title_put(p);
	blocks_put(p, body_of(p), &at);
	if (p->outcome == PDF_DONE)
		flow_finish(p);
}

static void draw(struct press *p)
{
	struct flow *f = &p->flow;
	unsigned total = f->pages_n;
	bool kept = f->mode == PAGES_KEPT;
	file_begin(p);
	for (unsigned i = 0; kept && i < total && press_goes(p); i++)
		page_draw(p, &f->pages[i], i + 1, total);
	if (!kept) {
		flow_done(p);
		p->mark = NULL;
		f->mode = PAGES_DRAWN;
		f->total = total;
		lay_out(p);
	}
	file_end(p);
	p->job->pages = total;
}

static bool check_text(struct press *p)
{
	struct slice rest = p->job->markdown;
	const unsigned char *at = (const unsigned char *)rest.p, *end = at + rest.n;
	while (at < end) {
		size_t n = *at < 128 ? 1 : utf8_size(at, end);
		if (n == 0)
			return press_fail(p, PDF_BAD_VALUE,
					  "the Markdown is not UTF-8: byte %zu is 0x%02x",
					  (size_t)((const char *)at - rest.p), *at);
		at += n;
	}
	return true;
}

static bool read_document(struct press *p)
{
	struct pdf_job *job = p->job;
	int r = document_read(&p->document, p->arena, job->markdown, job->stopped, job->arg);
	if (r == -EMSGSIZE)
		return press_fail(p, PDF_BAD_VALUE,
				  "the Markdown unfolds to too much: more than a million blocks "
				  "and table cells, or links said again by reference");
	bool stopped = r < 0 && job->stopped && job->stopped(job->arg);
	return r == 0 ||
	       press_fail(p, stopped ? PDF_STOPPED : PDF_FAILED, "the Markdown cannot be read");
}

static void work(struct press *p)
{
	if (!check_text(p) || !read_document(p))
		return;
	faces_make(p);
	lay_out(p);
	if (p->outcome == PDF_DONE)
		draw(p);
	flow_done(p);
	faces_done(p);
}

static enum pdf_outcome render(struct pdf_job *job)
{
	struct press p = {
		.job = job, .style = job->style, .arena = arena_new(), .context = fonts_context()
	};
	job->error[0] = 0;
	pango_context_set_language(p.context, job->language && job->language[0]
						      ? pango_language_from_string(job->language)
						      : pango_language_from_string("en"));
	pango_context_set_base_dir(p.context, job->style->body.direction == PDF_RTL
						      ? PANGO_DIRECTION_RTL
						      : PANGO_DIRECTION_LTR);
	work(&p);
	kept_drop(&p);
	images_done(&p);
	arena_free(p.arena);
	if (p.outcome != PDF_DONE)
		buf_done(&job->pdf);
	return p.outcome;
}

static void families(void (*each)(void *arg, const char *family), void *arg)
{
	FcPattern *all = FcPatternCreate();
	FcObjectSet *wanted = FcObjectSetBuild(FC_FAMILY, (char *)NULL);
	FcFontSet *fonts = FcFontList(NULL, all, wanted);
	for (int i = 0; fonts && i < fonts->nfont; i++) {
		FcChar8 *family;
		for (int j = 0;
		     FcPatternGetString(fonts->fonts[i], FC_FAMILY, j, &family) == FcResultMatch;
		     j++)
			each(arg, (const char *)family);
	}
	if (fonts)
		FcFontSetDestroy(fonts);
	FcObjectSetDestroy(wanted);
	FcPatternDestroy(all);
}

static const char *about(void)
{
	static char text[64];
	snprintf(text, sizeof(text), "Pango %s, Cairo %s", pango_version_string(),
		 cairo_version_string());
	return text;
}

VISIBLE extern const struct pdf_module hocket_pdf_module;
const struct pdf_module hocket_pdf_module = { PDF_ABI, render, families, about };
