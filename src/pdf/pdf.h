/* pdf.h - the renderer's contract: Markdown bytes and a style in, PDF bytes out
 *
 * What this room is for: libhocket-pdf.so draws pages with md4c, Pango and Cairo. It is a module, so that who makes no PDF does not
 *   load a font library; this header is all that the program knows of it.
 * Life cycle: the program opens the module, looks up the one symbol, compares `abi` and calls. Nothing is to be closed.
 * What must hold:
 *  (1) pdf_render may run on any number of threads at once; each thread has its own font map, which ends with the thread.
 *  (2) it touches neither network nor clock, and no file but fonts: images are asked for by `image`, on the same thread.
 *  (3) the same job gives the same bytes on the same machine: no dates, no random ids.
 *  (4) whatever the Markdown is, the answer is a PDF or a sentence.
 * Lengths are points (1/72 inch), colours 0xRRGGBB. */
#pragma once
#include "base/buf.h"

#define PDF_ABI    2
#define PDF_SYMBOL "hocket_pdf_module"

enum pdf_outcome {
	PDF_DONE,
	PDF_BAD_VALUE, /* the Markdown, or an image that it names */
	PDF_TOO_LARGE,
	PDF_STOPPED,
	PDF_FAILED, /* no memory, no font at all */
};
enum pdf_align { PDF_LEFT, PDF_JUSTIFY, PDF_CENTER };
enum pdf_direction { PDF_AUTO, PDF_LTR, PDF_RTL };
struct pdf_band { /* a line above or below the text; {page} {pages} {title} {author} {section} are filled in */
	const char *left, *center, *right; /* NULL: nothing */
	bool first_page;                   /* also on a first page that has a title block */
};
struct pdf_style {
	double width, height; /* of the page */
	double top, right, bottom, left;
	struct {
		const char *font; /* families, by commas; the first that is there */
		double size, line_height;
		uint32_t color;
		enum pdf_align align;
		enum pdf_direction direction;
	} body;
	struct {
		const char *font;
		double size[6];
		uint32_t color;
		bool rule;    /* below those of level 1 */
		int new_page; /* each of this level or above begins a page; 0: none */
	} heading;
	struct {
		const char *font;
		double size; /* within text, relative to it; in blocks too */
		uint32_t color, background;
		bool highlight;
	} code;
	struct {
		uint32_t color;
		bool underline;
	} link;
	struct {
		uint32_t color, bar;
	} quote;
	struct {
		double size; /* relative to the text */
		uint32_t rule, head;
		bool stripes;
	} table;
	struct {
		double size;
		uint32_t color;
		enum pdf_align align;
		bool rule, shown;
	} title;
	uint32_t accent, faint; /* rules and marks; headers and footers */
	struct pdf_band header, footer;
};

struct pdf_job {
	struct slice markdown;
	const struct pdf_style *style;
	const char *title, *subtitle, *author, *subject, *keywords; /* NULL: none */
	const char *language;                                       /* BCP 47, NULL: none */
	bool placeholders;  /* for images that cannot be shown; else they are an outcome */
	unsigned max_pages; /* 0: no limit */
	/* The bytes behind an image's name, appended to out. 0, or -1 with why, a sentence's end: "is not there". */
	int (*image)(void *arg, struct slice name, struct buf *out, char *why, size_t why_size);
	bool (*stopped)(void *arg); /* asked often: true ends the work */
	void *arg;

	struct buf pdf; /* out: owns; its ceiling is the caller's */
	unsigned pages; /* out */
	uint32_t
		lacking; /* out: the first letter that no installed font has: a box was drawn; 0: none */
	char error[400]; /* out: lower case, no full stop */
};

struct pdf_module {
	unsigned abi; /* PDF_ABI, or nothing below may be touched */
	enum pdf_outcome (*render)(struct pdf_job *);
	/* Each installed font family once, in no order. */
	void (*families)(void (*each)(void *arg, const char *family), void *arg);
	const char *(*about)(void); /* "md4c 0.4.8, Pango 1.50.12, Cairo 1.16.0" */
};
