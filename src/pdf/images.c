/* images.c - pictures: PNG and JPEG
 *
 * What this room is for: a picture's size before its pixels, so that no picture can take all memory; a JPEG goes into the PDF as it is.
 * What flows through:    names in; surfaces out, one for each name and document.
 * What must hold:
 *  (1) what is wrong with a picture is told by its name, or a box stands for it: as the job says.
 *  (2) a picture of more than PIXELS_MAX is refused before it is decoded, and so is one with which all of a document would have more
 *      than PIXELS_ALL: a few kilobytes of PNG can be as many megabytes. */
#include "pdf/press.h"
#include "base/banned.h"

enum { PIXELS_MAX = 50000000, PIXELS_ALL = 100000000, SIDE_MAX = 32767 };

static unsigned be16(const char *p)
{
	return (unsigned)(unsigned char)p[0] << 8 | (unsigned char)p[1];
}

static unsigned be32(const char *p)
{
	return be16(p) << 16 | be16(p + 2);
}

static bool png_size(struct slice s, unsigned *w, unsigned *h)
{
	if (s.n < 33 || memcmp(s.p, "\x89PNG\r\n\x1a\n", 8) != 0 ||
	    memcmp(s.p + 12, "IHDR", 4) != 0)
		return false;
	*w = be32(s.p + 16);
	*h = be32(s.p + 20);
	return true;
}

/* PDF reads JPEGs that are baseline, extended or progressive, of 8 bits. Those in CMYK would come out as negatives: who writes them
 * writes them inverted, and Cairo does not say so. */
static bool is_for_pdf(unsigned char kind, unsigned bits, unsigned components)
{
	return kind <= 0xc2 && bits == 8 && (components == 1 || components == 3);
}

/* Segments up to the frame's header: FF C0 to FF CF, without C4, C8 and CC. *good: it can be shown. */
static bool jpeg_size(struct slice s, unsigned *w, unsigned *h, bool *good)
{
	if (s.n < 4 || memcmp(s.p, "\xff\xd8\xff", 3) != 0)
		return false;
	for (size_t i = 2; i + 9 < s.n;) {
		unsigned char kind = (unsigned char)s.p[i + 1];
		if ((unsigned char)s.p[i] != 0xff)
			return false;
		bool frame = kind >= 0xc0 && kind <= 0xcf && kind != 0xc4 && kind != 0xc8 &&
			     kind != 0xcc;
		if (frame) {
			*h = be16(s.p + i + 5);
			*w = be16(s.p + i + 7);
			*good = is_for_pdf(kind, (unsigned char)s.p[i + 4],
					   (unsigned char)s.p[i + 9]);
			return true;
		}
		i += kind == 0xff ? 1 : 2 + be16(s.p + i + 2);
	}
	return false;
}

struct reading {
	struct slice rest;
};

static cairo_status_t read_png(void *arg, unsigned char *out, unsigned n)
{
	struct reading *r = arg;
	if (n > r->rest.n)
		return CAIRO_STATUS_READ_ERROR;
	memcpy(out, r->rest.p, n);
	r->rest = slice_from(r->rest, n);
	return CAIRO_STATUS_SUCCESS;
}

/* The surface has a JPEG's size and none of its pixels, which nobody looks at: they are never touched. */
static cairo_surface_t *jpeg_surface(struct buf *bytes, unsigned w, unsigned h)
{
	cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)w, (int)h);
	unsigned char *p = (unsigned char *)bytes->p;
	if (cairo_surface_set_mime_data(surface, CAIRO_MIME_TYPE_JPEG, p, bytes->n, free, p) ==
	    CAIRO_STATUS_SUCCESS)
		*bytes = (struct buf){ 0 };
	return surface;
}

/* *pixels: what the document's pictures have decoded. NULL with *why. */
static cairo_surface_t *decode(struct buf *bytes, uint64_t *pixels, const char **why)
{
	unsigned w = 0, h = 0;
	struct slice s = buf_slice(bytes);
	bool good = true, png = png_size(s, &w, &h), jpeg = !png && jpeg_size(s, &w, &h, &good);
	*why = "is neither a PNG nor a JPEG file";
	if (!png && !jpeg)
		return NULL;
	*why = "is a JPEG that pages cannot show: save it as RGB or gray, 8 bits, baseline or "
	       "progressive";
	if (!good)
		return NULL;
	*why = "has no size";
	if (w == 0 || h == 0)
		return NULL;
	*why = "is too large: 50 megapixels are the most";
	if (w > SIDE_MAX || h > SIDE_MAX || (uint64_t)w * h > PIXELS_MAX)
		return NULL;
	*why = "is too large: all PNG files of a document may have 100 megapixels";
	if (png && (uint64_t)w * h > PIXELS_ALL - *pixels)
		return NULL;
	*pixels += png ? (uint64_t)w * h : 0;
	struct reading r = { s };
	cairo_surface_t *surface = jpeg ? jpeg_surface(bytes, w, h)
					: cairo_image_surface_create_from_png_stream(read_png, &r);
	if (cairo_surface_status(surface) == CAIRO_STATUS_SUCCESS)
		return surface;
	cairo_surface_destroy(surface);
	*why = png ? "is a damaged PNG file" : "cannot be used";
	return NULL;
}

static void image_fail(struct press *p, struct slice name, const char *why)
{
	struct slice shown =
		slice_starts(name, S("data:")) ? slice_head(name, 24) : slice_head(name, 200);
	while (shown.n && !g_utf8_validate(shown.p, (gssize)shown.n, NULL))
		shown.n--;
	if (!p->job->placeholders)
		press_fail(p, PDF_BAD_VALUE, "image '%.*s%s' %s", SLICE(shown),
			   shown.n < name.n ? "..." : "", why);
}

static void load(struct press *p, struct image *image)
{
	char why[200] = "cannot be read here";
	const char *reason = why;
	AUTO(buf_done) struct buf bytes = { 0 };
	if (!p->job->image ||
	    p->job->image(p->job->arg, image->name, &bytes, why, sizeof(why)) < 0) {
		image_fail(p, image->name, why);
		return;
	}
	image->surface = decode(&bytes, &p->pixels, &reason);
	if (!image->surface) {
		image_fail(p, image->name, reason);
		return;
	}
	image->width = cairo_image_surface_get_width(image->surface) * 0.75;
	image->height = cairo_image_surface_get_height(image->surface) * 0.75;
}

struct image *image_get(struct press *p, struct slice name)
{
	for (struct image *i = p->images; i; i = i->next)
		if (slice_eq(i->name, name))
			return i;
	struct image *image = arena_zero(p->arena, sizeof(*image));
	image->name = name;
	image->next = p->images;
	p->images = image;
	load(p, image);
	return image;
}

void images_done(struct press *p)
{
	for (struct image *i = p->images; i; i = i->next)
		if (i->surface)
			cairo_surface_destroy(i->surface);
	p->images = NULL;
}
