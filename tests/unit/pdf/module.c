/* module.c - the renderer as the program calls it: outcomes, the same bytes again, many threads, a stop in the middle */
#include "../check.h"
#include "plain_style.h"
#include <cairo.h>
#include <pthread.h>
#include <stdatomic.h>

static enum pdf_outcome render(struct pdf_job *job, const char *markdown)
{
	job->markdown = slice_str(markdown);
	job->style = &plain_style;
	return hocket_pdf_module.render(job);
}

static bool contains(const struct pdf_job *job, const char *text)
{
	return job->pdf.n && memmem(job->pdf.p, job->pdf.n, text, strlen(text));
}

TEST(a_document_is_a_pdf)
{
	struct pdf_job job = { .title = "A title", .author = "Ana" };
	CHECK_INT(hocket_pdf_module.abi, PDF_ABI);
	CHECK_INT(render(&job, "# H\n\ntext"), PDF_DONE);
	CHECK_INT(job.pages, 1);
	CHECK(slice_starts(buf_slice(&job.pdf), S("%PDF-1.5")));
	CHECK(contains(&job, "/Title (A title)") && contains(&job, "/Author (Ana)"));
	CHECK(!contains(&job, "CreationDate"));
	buf_done(&job.pdf);
}

TEST(nothing_is_one_page)
{
	struct pdf_job job = { 0 };
	CHECK_INT(render(&job, ""), PDF_DONE);
	CHECK_INT(job.pages, 1);
	buf_done(&job.pdf);
}

TEST(the_same_document_has_the_same_bytes)
{
	static const char text[] =
		"# A\n\n*b* **c** `d` [e](#a) \xce\xb1\n\n- x\n\n|a|\n|-|\n|b|\n";
	struct pdf_job one = { .title = "T" }, two = { .title = "T" };
	CHECK_INT(render(&one, text), PDF_DONE);
	CHECK_INT(render(&two, text), PDF_DONE);
	CHECK(slice_eq(buf_slice(&one.pdf), buf_slice(&two.pdf)));
	buf_done(&one.pdf);
	buf_done(&two.pdf);
}

TEST(what_is_no_text_is_refused_with_its_place)
{
	struct pdf_job job = { 0 };
	CHECK_INT(render(&job, "abc\xff"), PDF_BAD_VALUE);
	CHECK_STR(job.error, "the Markdown is not UTF-8: byte 3 is 0xff");
	CHECK_INT(job.pdf.n, 0);
}

static int no_image(void *arg, struct slice name, struct buf *out, char *why, size_t why_size)
{
	snprintf(why, why_size, "is not there");
	return -1;
}

TEST(a_missing_image_is_named_or_has_a_box)
{
	struct pdf_job job = { .image = no_image };
	CHECK_INT(render(&job, "![a](x.png)"), PDF_BAD_VALUE);
	CHECK_STR(job.error, "image 'x.png' is not there");
	job.placeholders = true;
	CHECK_INT(render(&job, "![a](x.png)\n\nin ![b](y.png) line"), PDF_DONE);
	buf_done(&job.pdf);
}

/* A PNG that says it is 60,000 pixels wide and high. */
static int huge_image(void *arg, struct slice name, struct buf *out, char *why, size_t why_size)
{
	return buf_add(out, S("\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x80\0\0\0\x80\0\x08\2\0\0\0????"));
}

static int jpeg_without_end(void *arg, struct slice name, struct buf *out, char *why,
			    size_t why_size)
{
	return buf_add(out, S("\xff\xd8\xff\xe0\xff\xff\xff\xff"));
}

TEST(hostile_images_are_refused_before_they_are_decoded)
{
	struct pdf_job job = { .image = huge_image };
	CHECK_INT(render(&job, "![a](x.png)"), PDF_BAD_VALUE);
	CHECK_STR(job.error, "image 'x.png' is too large: 50 megapixels are the most");
	job.image = jpeg_without_end;
	CHECK_INT(render(&job, "![a](x.jpg)"), PDF_BAD_VALUE);
	CHECK_STR(job.error, "image 'x.jpg' is neither a PNG nor a JPEG file");
}

/* 64 x 48 pixels; the kind of the frame, bits, components. */
static struct {
	unsigned char kind, bits, components;
} jpeg;

static int jpeg_image(void *arg, struct slice name, struct buf *out, char *why, size_t why_size)
{
	int r = buf_printf(out, "\xff\xd8\xff%c", jpeg.kind);
	r = r ? r
	      : buf_add(out, (struct slice){ (char[]){ 0, (char)(8 + 3 * jpeg.components) }, 2 });
	r = r ? r
	      : buf_add(out, (struct slice){ (char[]){ (char)jpeg.bits, 0, 48, 0, 64,
						       (char)jpeg.components },
					     6 });
	for (int i = 0; i < jpeg.components && r == 0; i++)
		r = buf_add(out, S("\1\x11\0"));
	return r ? r : buf_add(out, S("\xff\xda\0\2                \xff\xd9"));
}

static void check_jpeg(unsigned kind, unsigned bits, unsigned components, bool good)
{
	struct pdf_job job = { .image = jpeg_image };
	jpeg.kind = (unsigned char)kind;
	jpeg.bits = (unsigned char)bits;
	jpeg.components = (unsigned char)components;
	CHECK_INT(render(&job, "![a](x.jpg)"), good ? PDF_DONE : PDF_BAD_VALUE);
	CHECK(contains(&job, "/DCTDecode") == good);
	buf_done(&job.pdf);
}

/* Cairo would draw a black box for some, and give others to viewers that cannot read them. */
TEST(a_jpeg_is_shown_or_refused)
{
	check_jpeg(0xc0, 8, 3, true);
	check_jpeg(0xc2, 8, 3, true);
	check_jpeg(0xc0, 8, 1, true);
	check_jpeg(0xc0, 8, 2, false);
	check_jpeg(0xc0, 8, 4, false);
	check_jpeg(0xc1, 12, 3, false);
	check_jpeg(0xc3, 8, 3, false);
	check_jpeg(0xc9, 8, 3, false);
}

static cairo_status_t add_bytes(void *out, const unsigned char *bytes, unsigned n)
{
	int r = buf_add(out, (struct slice){ (const char *)bytes, n });
	return r < 0 ? CAIRO_STATUS_NO_MEMORY : CAIRO_STATUS_SUCCESS;
}

static int black_square(void *arg, struct slice name, struct buf *out, char *why, size_t why_size)
{
	cairo_surface_t *s = cairo_image_surface_create(CAIRO_FORMAT_A1, 6000, 6000);
	cairo_status_t status = cairo_surface_write_to_png_stream(s, add_bytes, out);
	cairo_surface_destroy(s);
	return status == CAIRO_STATUS_SUCCESS ? 0 : -1;
}

TEST(a_few_kilobytes_of_pictures_do_not_take_all_memory)
{
	struct pdf_job job = { .image = black_square };
	CHECK_INT(render(&job, "![](1)\n\n![](2)\n\n![](3)\n"), PDF_BAD_VALUE);
	CHECK_STR(job.error,
		  "image '3' is too large: all PNG files of a document may have 100 megapixels");
}

TEST(a_table_s_cell_has_a_limit)
{
	AUTO(buf_done) struct buf text = { 0 };
	struct pdf_job job = { 0 };
	CHECK_INT(buf_printf(&text, "|a|b|\n|-|-|\n|x|%040000d|\n", 1), 0);
	CHECK_INT(render(&job, text.p), PDF_BAD_VALUE);
	CHECK_STR(job.error, "a table's cell has 40000 bytes of text: 32768 are the most");
}

static struct buf long_text(size_t lines)
{
	struct buf text = { 0 };
	int r = 0;
	for (size_t i = 0; i < lines && r == 0; i++)
		r = buf_printf(&text, "Paragraph %zu has some words in it.\n\n", i);
	CHECK_INT(r, 0);
	return text;
}

TEST(limits_leave_nothing_behind)
{
	AUTO(buf_done) struct buf text = long_text(400);
	struct pdf_job job = { .max_pages = 3 }, small = { .pdf = { .max = 3000 } };
	CHECK_INT(render(&job, text.p), PDF_TOO_LARGE);
	CHECK_STR(job.error, "the document has more than 3 pages");
	CHECK_INT(job.pdf.n, 0);
	CHECK_INT(render(&small, text.p), PDF_TOO_LARGE);
	CHECK_STR(small.error, "the PDF is larger than 3000 bytes");
	CHECK_INT(small.pdf.n, 0);
}

/* Beyond what is kept the document is laid out a second time; the number of pages is known on the first all the same. */
TEST(a_long_document_is_whole)
{
	AUTO(buf_done) struct buf text = long_text(1200);
	struct pdf_job job = { 0 };
	CHECK_INT(render(&job, text.p), PDF_DONE);
	CHECK(job.pages > 60);
	char count[24];
	snprintf(count, sizeof(count), "/Count %u", job.pages);
	CHECK(contains(&job, count));
	buf_done(&job.pdf);
}

static bool stop_later(void *arg)
{
	return --*(int *)arg < 0;
}

TEST(it_stops_when_it_is_told)
{
	AUTO(buf_done) struct buf text = long_text(2000);
	for (int after = 0; after < 200; after += 37) {
		int left = after;
		struct pdf_job job = { .stopped = stop_later, .arg = &left };
		CHECK_INT(render(&job, text.p), PDF_STOPPED);
		CHECK_INT(job.pdf.n, 0);
		CHECK(left < 0);
	}
}

static void *render_many(void *arg)
{
	const struct slice *want = arg;
	intptr_t wrong = 0;
	for (int i = 0; i < 20; i++) {
		struct pdf_job job = { 0 };
		wrong += render(&job, "# Many\n\n**threads** `at` once\n") != PDF_DONE ||
			 !slice_eq(buf_slice(&job.pdf), *want);
		buf_done(&job.pdf);
	}
	return (void *)wrong;
}

TEST(threads_do_not_meet)
{
	struct pdf_job job = { 0 };
	pthread_t threads[4];
	CHECK_INT(render(&job, "# Many\n\n**threads** `at` once\n"), PDF_DONE);
	struct slice want = buf_slice(&job.pdf);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		CHECK_INT(pthread_create(&threads[i], NULL, render_many, &want), 0);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
		void *wrong = NULL;
		CHECK_INT(pthread_join(threads[i], &wrong), 0);
		CHECK_INT((intptr_t)wrong, 0);
	}
	buf_done(&job.pdf);
}

static void look(void *arg, const char *family)
{
	*(int *)arg += strcmp(family, "DejaVu Sans Mono") == 0;
}

TEST(fonts_are_listed)
{
	int seen = 0;
	hocket_pdf_module.families(look, &seen);
	CHECK(seen > 0);
}

static const struct test tests[] = {
	T(a_document_is_a_pdf),
	T(nothing_is_one_page),
	T(the_same_document_has_the_same_bytes),
	T(what_is_no_text_is_refused_with_its_place),
	T(a_missing_image_is_named_or_has_a_box),
	T(hostile_images_are_refused_before_they_are_decoded),
	T(a_jpeg_is_shown_or_refused),
	T(a_few_kilobytes_of_pictures_do_not_take_all_memory),
	T(a_table_s_cell_has_a_limit),
	T(limits_leave_nothing_behind),
	T(a_long_document_is_whole),
	T(it_stops_when_it_is_told),
	T(threads_do_not_meet),
	T(fonts_are_listed),
};

int main(void)
{
	return RUN_TESTS(tests);
}
