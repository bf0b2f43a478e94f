/* packed.h - texts as a server would compress them: "gzip", "deflate", "raw deflate", "br", "zstd" */
#pragma once
#include "base/buf.h"
#include "check.h"
#include <brotli/encode.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

static inline struct buf packed_zlib(struct slice text, int bits, int level)
{
	struct buf out = { .max = 256 << 20 };
	z_stream z = { 0 };
	CHECK_INT(deflateInit2(&z, level, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
	CHECK_INT(buf_reserve(&out, deflateBound(&z, text.n) + 64), 0);
	z.next_in = (Bytef *)(uintptr_t)text.p;
	z.avail_in = (unsigned)text.n;
	z.next_out = (Bytef *)out.p;
	z.avail_out = (unsigned)out.cap;
	CHECK_INT(deflate(&z, Z_FINISH), Z_STREAM_END);
	buf_added(&out, z.total_out);
	deflateEnd(&z);
	return out;
}

static inline struct buf packed_brotli(struct slice text, int level)
{
	struct buf out = { .max = 256 << 20 };
	size_t n = BrotliEncoderMaxCompressedSize(text.n) + 64;
	CHECK_INT(buf_reserve(&out, n), 0);
	CHECK_INT(BrotliEncoderCompress(level, BROTLI_DEFAULT_WINDOW, BROTLI_MODE_TEXT, text.n,
					(const uint8_t *)text.p, &n, (uint8_t *)out.p),
		  BROTLI_TRUE);
	buf_added(&out, n);
	return out;
}

static inline struct buf packed_zstd(struct slice text, int level)
{
	struct buf out = { .max = 256 << 20 };
	size_t n = ZSTD_compressBound(text.n);
	CHECK_INT(buf_reserve(&out, n), 0);
	n = ZSTD_compress(out.p, n, text.p, text.n, level);
	CHECK(!ZSTD_isError(n));
	buf_added(&out, n);
	return out;
}

/* level: 0 to 9. */
static inline struct buf packed(struct slice text, const char *coding, int level)
{
	if (strcmp(coding, "br") == 0)
		return packed_brotli(text, level);
	if (strcmp(coding, "zstd") == 0)
		return packed_zstd(text, level + 1);
	return packed_zlib(text,
			   strcmp(coding, "gzip") == 0      ? 15 + 16
			   : strcmp(coding, "deflate") == 0 ? 15
							    : -15,
			   level);
}
