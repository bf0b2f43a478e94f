/* http_inflate.c - fuzz target: any bytes as a compressed body, in pieces of three sizes
 *
 * The first byte chooses the coding, the second a ceiling. However the body is cut, the same comes out, within the ceilings. */
#include "io/http/http_inflate.h"
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

static int inflate_all(struct http_inflate_spare *spare, struct slice coding, struct slice in,
		       size_t step, struct buf *out)
{
	struct http_inflate *f;
	const char *why = NULL;
	int r = http_inflate_open(spare, coding, &f);
	ASSERT(r == 0);
	while (r == 0 && in.n > 0) {
		struct slice part = slice_head(in, step);
		r = http_inflate_add(f, part, out, &why);
		in = slice_from(in, part.n);
	}
	ASSERT((why != NULL) == (r == -EBADMSG || r == -EMSGSIZE));
	if (r == 0)
		r = http_inflate_end(f);
	http_inflate_close(spare, f);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static const size_t steps[] = { 1, 13, SIZE_MAX };
	static struct http_inflate_spare spare; /* used again over inputs, as between bodies */
	AUTO(buf_done) struct buf first = { 0 };
	int code = 0;
	if (n < 2)
		return 0;
	struct slice coding = slice_str(codings[bytes[0] % CODINGS].names[0]);
	struct slice in = { (const char *)bytes + 2, n - 2 };
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		AUTO(buf_done) struct buf out = { .max = 1 + (size_t)bytes[1] * 1024 };
		int r = inflate_all(&spare, coding, in, steps[i], &out);
		ASSERT(out.n <= out.max);
		if (r == 0 && code == 0 && i > 0)
			ASSERT(slice_eq(buf_slice(&out), buf_slice(&first)));
		/* The ratio is looked at after each piece: what is refused for it may pass in larger ones. And libzstd
		 * sees that an empty frame promised more only when it gets the frame whole. */
		if (r != -EMSGSIZE && code != -EMSGSIZE && i > 0 && !slice_eq(coding, S("zstd")))
			ASSERT((r == 0) == (code == 0));
		if (i == 0) {
			code = r;
			first = buf_take(&out);
		}
	}
	return 0;
}
