/* http_coding.c - the decoders behind Content-Encoding: zlib, brotli and zstd, each as a few small operations
 *
 * What this room is for: what differs between three libraries, and nothing else.
 * What flows through:    a window of compressed bytes in, a window of text out; the window moves on by what was used.
 *
 * "deflate" is zlib's format (RFC 1950) by the book and raw deflate (RFC 1951) from some servers; the first byte
 * tells: a zlib header has 8 in its low half and a window of at most 32 KiB in its high half. A raw stream that begins so
 * would be a stored block with bits set in its padding, which no compressor writes.
 * What must hold:
 *  (1) the far side does not choose how much memory a decoder takes: zlib and brotli (RFC 7932) have windows of at most 32 KiB
 *      and 16 MiB; zstd's is held to 8 MiB, as RFC 9659 wants it for this use.
 *  (2) a decoder that has grown is not kept: thirty-two idle ones would be a quarter of a gigabyte. */
#include "io/http/http_coding.h"
#include <brotli/decode.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#define WINDOW_LOG 23           /* RFC 9659 section 3 */
#define WORTH      (512u << 10) /* bytes of a decoder that is kept */
#define MOST       (1u << 30)   /* what zlib's unsigned counters bear */

/* ---- zlib ----------------------------------------------------------------------------------------- */

static void *zlib_open(void)
{
	z_stream *z = xcalloc(1, sizeof(*z));
	if (inflateInit2(z, 15 + 16) == Z_OK)
		return z;
	free(z);
	return NULL;
}

static void zlib_close(void *of)
{
	inflateEnd(of);
	free(of);
}

/* 40 KiB, always: begin() makes it new. */
static bool zlib_tidy(void *of)
{
	(void)of;
	return true;
}

static bool gzip_follows(unsigned char first) /* RFC 1952 2.2: members follow each other */
{
	return first == 0x1f;
}

static bool gzip_begin(void *of, unsigned char first)
{
	(void)first;
	return inflateReset2(of, 15 + 16) == Z_OK;
}

static bool deflate_begin(void *of, unsigned char first)
{
	bool zlib = (first & 15) == 8 && first >> 4 <= 7;
	return inflateReset2(of, zlib ? 15 : -15) == Z_OK;
}

static enum coding_result zlib_step(void *of, struct coding_window *w)
{
	z_stream *z = of;
	z->next_in = (Bytef *)(uintptr_t)w->in;
	z->avail_in = (unsigned)(w->in_n < MOST ? w->in_n : MOST);
	z->next_out = w->out;
	z->avail_out = (unsigned)(w->out_n < MOST ? w->out_n : MOST);
	int r = inflate(z, Z_NO_FLUSH);
	w->in_n -= (size_t)(z->next_in - w->in);
	w->in = z->next_in;
	w->out_n -= (size_t)(z->next_out - w->out);
	w->out = z->next_out;
	if (r == Z_STREAM_END)
		return CODING_END;
	return r == Z_OK || r == Z_BUF_ERROR ? CODING_MORE : CODING_DAMAGED;
}

/* ---- brotli ----------------------------------------------------------------------------------------- */

static void *brotli_open(void)
{
	return BrotliDecoderCreateInstance(NULL, NULL, NULL);
}

static void brotli_close(void *of)
{
	BrotliDecoderDestroyInstance(of);
}

static bool brotli_begin(void *of, unsigned char first)
{
	(void)of, (void)first; /* newly made: there is no second stream */
	return true;
}

static enum coding_result brotli_step(void *of, struct coding_window *w)
{
	switch (BrotliDecoderDecompressStream(of, &w->in_n, &w->in, &w->out_n, &w->out, NULL)) {
	case BROTLI_DECODER_RESULT_SUCCESS:
		return CODING_END;
	case BROTLI_DECODER_RESULT_ERROR:
		return CODING_DAMAGED;
	default:
		return CODING_MORE;
	}
}

/* ---- zstd ------------------------------------------------------------------------------------------- */

static void *zstd_open(void)
{
	ZSTD_DStream *z = ZSTD_createDStream();
	if (z)
		(void)ZSTD_DCtx_setParameter(z, ZSTD_d_windowLogMax, WINDOW_LOG);
	return z;
}

static void zstd_close(void *of)
{
	(void)ZSTD_freeDStream(of); /* fails for none of ours */
}

static bool zstd_tidy(void *of)
{
	return ZSTD_sizeof_DStream(of) <= WORTH;
}

/* RFC 8878 3.1: frames follow each other, and skippable ones may stand between them. */
static bool zstd_follows(unsigned char first)
{
	return first == 0x28 || first >> 4 == 5;
}

static bool zstd_begin(void *of, unsigned char first)
{
	(void)first;
	return !ZSTD_isError(ZSTD_DCtx_reset(of, ZSTD_reset_session_only));
}

static enum coding_result zstd_step(void *of, struct coding_window *w)
{
	ZSTD_inBuffer in = { w->in, w->in_n, 0 };
	ZSTD_outBuffer out = { w->out, w->out_n, 0 };
	size_t r = ZSTD_decompressStream(of, &out, &in);
	w->in += in.pos;
	w->in_n -= in.pos;
	w->out += out.pos;
	w->out_n -= out.pos;
	if (!ZSTD_isError(r))
		return r == 0 ? CODING_END : CODING_MORE;
	return ZSTD_getErrorCode(r) == ZSTD_error_frameParameter_windowTooLarge ? CODING_TOO_LARGE
										: CODING_DAMAGED;
}

const struct coding codings[CODINGS] = {
	{ .names = { "gzip", "x-gzip" },
	  .make = zlib_open,
	  .destroy = zlib_close,
	  .tidy = zlib_tidy,
	  .follows = gzip_follows,
	  .begin = gzip_begin,
	  .step = zlib_step },
	{ .names = { "deflate" },
	  .make = zlib_open,
	  .destroy = zlib_close,
	  .tidy = zlib_tidy,
	  .begin = deflate_begin,
	  .step = zlib_step },
	{ .names = { "br" },
	  .make = brotli_open,
	  .destroy = brotli_close,
	  .begin = brotli_begin,
	  .step = brotli_step },
	{ .names = { "zstd" },
	  .make = zstd_open,
	  .destroy = zstd_close,
	  .tidy = zstd_tidy,
	  .follows = zstd_follows,
	  .begin = zstd_begin,
	  .step = zstd_step },
};
