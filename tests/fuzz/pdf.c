/* pdf.c - fuzz target: any bytes are Markdown: a PDF, or a sentence
 *
 * What must hold, for every input: what is done is a PDF from its head to its end, and the same one again; what is not done has words
 * and no bytes. Images are the input's own end: whatever it is. */
#include "../unit/pdf/plain_style.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t n);

static int give_end(void *arg, struct slice name, struct buf *out, char *why, size_t why_size)
{
	const struct slice *all = arg;
	struct slice end = slice_from(*all, name.n < all->n ? name.n : 0);
	if (slice_eq(name, S("none"))) {
		snprintf(why, why_size, "is not there");
		return -1;
	}
	return buf_add(out, end);
}

static enum pdf_outcome render(struct slice text, struct buf *out)
{
	struct pdf_job job = { .markdown = text,
			       .style = &plain_style,
			       .title = text.n % 2 ? "A title" : NULL,
			       .placeholders = text.n % 3 == 0,
			       .max_pages = 20,
			       .image = give_end,
			       .arg = &text,
			       .pdf = { .max = 4u << 20 } };
	enum pdf_outcome outcome = hocket_pdf_module.render(&job);
	if (outcome == PDF_DONE)
		ASSERT(job.pages > 0 && slice_starts(buf_slice(&job.pdf), S("%PDF-1.5")) &&
		       slice_ends(slice_trim(buf_slice(&job.pdf)), S("%%EOF")));
	else
		ASSERT(job.error[0] && job.pdf.n == 0);
	*out = job.pdf;
	return outcome;
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t n)
{
	struct slice text = { (const char *)bytes, n };
	AUTO(buf_done) struct buf one = { 0 };
	AUTO(buf_done) struct buf two = { 0 };
	if (n > 20000)
		return 0;
	enum pdf_outcome outcome = render(text, &one);
	if (n % 8 == 0)
		ASSERT(render(text, &two) == outcome && slice_eq(buf_slice(&one), buf_slice(&two)));
	return 0;
}
