/* bombs.c - compressed bodies that are too much, cut off, or not what they say
 *
 * What this room is for: what Content-Encoding can do to a client's memory and time.
 * What flows through:    scripts (script.h); bodies packed here by zlib.
 * What must hold:        no byte of output beyond the ceilings, no end taken for one that is not. */
#include "script.h"
#include <brotli/encode.h>
#include <errno.h>
#include <stdio.h>
#include <zlib.h>
#include <zstd.h>

enum { GZIP = 31, ZLIB = 15, RAW = -15 };

/* Appends the text so many times over, packed, with room for 64 KiB of it at least. */
static int pack(struct buf *out, int bits, struct slice text, size_t times)
{
	z_stream z = { 0 };
	int r, done = Z_OK;
	if (deflateInit2(&z, 9, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return -ENOMEM;
	r = buf_reserve(out, deflateBound(&z, text.n) + (times > 1 ? 128 << 10 : 64));
	z.next_out = (Bytef *)out->p + out->n;
	z.avail_out = (unsigned)(out->cap - out->n);
	for (size_t i = 1; i <= times && r == 0 && done == Z_OK; i++) {
		z.next_in = (Bytef *)(uintptr_t)text.p;
		z.avail_in = (unsigned)text.n;
		done = deflate(&z, i == times ? Z_FINISH : Z_NO_FLUSH);
	}
	buf_added(out, z.total_out);
	deflateEnd(&z);
	return r < 0 ? r : done == Z_STREAM_END ? 0 : -EIO;
}

/* 30 MiB of zeros: some 30 KB. */
static int pack_zeros(struct buf *out, int bits)
{
	static const char zeros[64 << 10];
	return pack(out, bits, (struct slice){ zeros, sizeof(zeros) }, 480);
}

enum { PACKED_MOST = 64 << 10 }; /* in brotli and zstd */

/* The same in brotli and zstd, as one piece. */
static int pack_br(struct buf *out, struct slice text)
{
	size_t n = PACKED_MOST;
	int r = buf_reserve(out, n);
	if (r == 0 &&
	    !BrotliEncoderCompress(5, 22, BROTLI_MODE_GENERIC, text.n, (const uint8_t *)text.p, &n,
				   (uint8_t *)out->p + out->n))
		r = -EIO;
	if (r == 0)
		buf_added(out, n);
	return r;
}

static int pack_zstd(struct buf *out, struct slice text)
{
	int r = buf_reserve(out, PACKED_MOST);
	size_t n = r == 0 ? ZSTD_compress(out->p + out->n, PACKED_MOST, text.p, text.n, 3) : 0;
	if (r == 0 && ZSTD_isError(n))
		r = -EIO;
	if (r == 0)
		buf_added(out, n);
	return r;
}

static int pack_id(struct buf *out, int bits, unsigned id)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%08u", id);
	return pack(out, bits, (struct slice){ text, (size_t)n }, 1);
}

/* An answer with this body; said: how long it says to be, 0: as long as it is. */
static int answer(struct buf *out, const char *coding, const struct buf *body, size_t said)
{
	int r = buf_printf(out, STATUS "Content-Encoding: %s\r\nContent-Length: %zu\r\n\r\n",
			   coding, said ? said : body->n);
	return r < 0 ? r : buf_add(out, buf_slice(body));
}

static int answer_id(struct buf *out, const char *coding, int bits, unsigned id)
{
	AUTO(buf_done) struct buf body = { 0 };
	int r = pack_id(&body, bits, id);
	return r < 0 ? r : answer(out, coding, &body, 0);
}

static int gzip(struct buf *out, unsigned id)
{
	return answer_id(out, "gzip", GZIP, id);
}

static int x_gzip(struct buf *out, unsigned id)
{
	return answer_id(out, "X-GZip", GZIP, id);
}

static int deflate_zlib(struct buf *out, unsigned id)
{
	return answer_id(out, "deflate", ZLIB, id);
}

static int deflate_raw(struct buf *out, unsigned id)
{
	return answer_id(out, "deflate", RAW, id);
}

static int zlib_as_gzip(struct buf *out, unsigned id)
{
	return answer_id(out, "gzip", ZLIB, id);
}

static int gzip_twice_said(struct buf *out, unsigned id)
{
	return answer_id(out, "gzip, gzip", GZIP, id);
}

static int gzip_on_two_lines(struct buf *out, unsigned id)
{
	return answer_id(out, "gzip\r\nContent-Encoding: identity", GZIP, id);
}

static int two_members(struct buf *out, unsigned id)
{
	AUTO(buf_done) struct buf body = { 0 };
	char text[16];
	int r;
	(void)snprintf(text, sizeof(text), "%08u", id);
	r = pack(&body, GZIP, (struct slice){ text, 3 }, 1);
	if (r == 0)
		r = pack(&body, GZIP, (struct slice){ text + 3, 5 }, 1);
	return r < 0 ? r : answer(out, "gzip", &body, 0);
}

/* gzip whose byte `at` from the end is another one. */
static int damaged(struct buf *out, unsigned id, size_t at)
{
	AUTO(buf_done) struct buf body = { 0 };
	int r = pack_id(&body, GZIP, id);
	if (r == 0)
		body.p[body.n - at] ^= 0x55;
	return r < 0 ? r : answer(out, "gzip", &body, 0);
}

static int wrong_crc(struct buf *out, unsigned id)
{
	return damaged(out, id, 8);
}

static int wrong_size(struct buf *out, unsigned id)
{
	return damaged(out, id, 1);
}

static int wrong_data(struct buf *out, unsigned id)
{
	return damaged(out, id, 12);
}

/* gzip without its last n bytes; whole: it says to be longer. */
static int cut(struct buf *out, unsigned id, size_t n, bool whole)
{
	AUTO(buf_done) struct buf body = { 0 };
	int r = pack_id(&body, GZIP, id);
	size_t said = whole ? body.n : body.n - n;
	body.n -= n;
	return r < 0 ? r : answer(out, "gzip", &body, said);
}

static int no_trailer(struct buf *out, unsigned id)
{
	return cut(out, id, 8, false);
}

static int half_a_header(struct buf *out, unsigned id)
{
	return cut(out, id, 20, false);
}

static int cut_off(struct buf *out, unsigned id)
{
	return cut(out, id, 4, true);
}

static int bytes_behind(struct buf *out, unsigned id)
{
	AUTO(buf_done) struct buf body = { 0 };
	int r = pack_id(&body, GZIP, id);
	if (r == 0)
		r = buf_add(&body, S(NOBODYS));
	return r < 0 ? r : answer(out, "gzip", &body, 0);
}

static int bomb(struct buf *out, unsigned id)
{
	AUTO(buf_done) struct buf body = { 0 };
	int r = pack_zeros(&body, GZIP);
	(void)id;
	return r < 0 ? r : answer(out, "gzip", &body, 0);
}

static int bomb_of_deflate(struct buf *out, unsigned id)
{
	AUTO(buf_done) struct buf body = { 0 };
	int r = pack_zeros(&body, RAW);
	(void)id;
	return r < 0 ? r : answer(out, "deflate", &body, 0);
}

typedef int packer(struct buf *out, struct slice text);

/* The number in this coding without its last bytes. */
static int answer_packed(struct buf *out, unsigned id, const char *coding, packer *pack_text,
			 size_t less)
{
	AUTO(buf_done) struct buf body = { 0 };
	char text[16];
	int n = snprintf(text, sizeof(text), "%08u", id);
	int r = pack_text(&body, (struct slice){ text, (size_t)n });
	body.n -= r == 0 ? less : 0;
	return r < 0 ? r : answer(out, coding, &body, 0);
}

/* 16 MiB of zeros are a few hundred bytes: the far side's own are static. */
static int bomb_packed(struct buf *out, const char *coding, packer *pack_text)
{
	static const char zeros[16 << 20];
	AUTO(buf_done) struct buf body = { 0 };
	int r = pack_text(&body, (struct slice){ zeros, sizeof(zeros) });
	return r < 0 ? r : answer(out, coding, &body, 0);
}

static int brotli(struct buf *out, unsigned id)
{
	return answer_packed(out, id, "br", pack_br, 0);
}

static int brotli_cut(struct buf *out, unsigned id)
{
	return answer_packed(out, id, "br", pack_br, 1);
}

static int brotli_bomb(struct buf *out, unsigned id)
{
	(void)id;
	return bomb_packed(out, "br", pack_br);
}

static int zstd(struct buf *out, unsigned id)
{
	return answer_packed(out, id, "zstd", pack_zstd, 0);
}

static int zstd_cut(struct buf *out, unsigned id)
{
	return answer_packed(out, id, "zstd", pack_zstd, 1);
}

static int zstd_bomb(struct buf *out, unsigned id)
{
	(void)id;
	return bomb_packed(out, "zstd", pack_zstd);
}

/* A bomb within a bomb is a small one outside: only the outer layer is ours to open. */
static int nested_bomb(struct buf *out, unsigned id)
{
	AUTO(buf_done) struct buf inner = { 0 }, body = { 0 };
	int r = pack_zeros(&inner, GZIP);
	(void)id;
	if (r == 0)
		r = pack(&body, GZIP, buf_slice(&inner), 1);
	return r < 0 ? r : answer(out, "gzip, gzip", &body, 0);
}

/* Just below 200:1, but above four times what is allowed. */
static int slow_bomb(struct buf *out, unsigned id)
{
	AUTO(buf_done) struct buf body = { 0 };
	static const char zeros[8000];
	char noise[64];
	int r = 0;
	for (unsigned i = 0; i < 400 && r == 0; i++) {
		for (size_t j = 0; j < sizeof(noise); j++)
			noise[j] = (char)(id * 7 + i * 131 + (unsigned)j * j * 29);
		r = pack(&body, GZIP, (struct slice){ noise, sizeof(noise) }, 1);
		if (r == 0)
			r = pack(&body, GZIP, (struct slice){ zeros, sizeof(zeros) }, 1);
	}
	return r < 0 ? r : answer(out, "gzip", &body, 0);
}

#define GZIPPED   STATUS "Content-Encoding: gzip\r\n\r\n"
#define GZIP_HEAD "\x1f\x8b\x08\0\0\0\0\0\0\x03"

static const struct script scripts[] = {
	{ "gzip", { MAKE(gzip) }, .keeps = true, .legal = true },
	{ "x-gzip in odd case", { MAKE(x_gzip) }, .keeps = true, .legal = true },
	{ "deflate", { MAKE(deflate_zlib) }, .keeps = true, .legal = true },
	{ "raw deflate", { MAKE(deflate_raw) }, .keeps = true, .legal = true },
	{ "two members", { MAKE(two_members) }, .keeps = true },
	{ "an empty body that says gzip",
	  { SAY(STATUS "Content-Encoding: gzip\r\nContent-Length: 0\r\n\r\n") },
	  .body = "",
	  .keeps = true,
	  .legal = true },
	{ "204 that says gzip",
	  { SAY("HTTP/1.1 204 N\r\nContent-Encoding: gzip\r\n\r\n") },
	  .status = 204,
	  .body = "",
	  .keeps = true,
	  .legal = true },
	{ "HEAD that says br",
	  { SAY(STATUS "Content-Encoding: br\r\nContent-Length: 8\r\n\r\n") },
	  .method = "HEAD",
	  .body = "",
	  .keeps = true,
	  .legal = true },
	{ "plain text that says gzip",
	  { SAY(STATUS "Content-Encoding: gzip\r\nContent-Length: 8\r\n\r\n" ID) },
	  .class = "protocol" },
	{ "zlib that says gzip", { MAKE(zlib_as_gzip) }, .class = "protocol" },
	{ "a coding of no name",
	  { SAY(STATUS "Content-Encoding: rot13\r\nContent-Length: 8\r\n\r\n" ID) },
	  .class = "protocol" },
	{ "gzip said twice", { MAKE(gzip_twice_said) }, .class = "protocol" },
	{ "two lines of coding", { MAKE(gzip_on_two_lines) }, .class = "protocol" },
	{ "a wrong CRC", { MAKE(wrong_crc) }, .class = "protocol" },
	{ "a wrong size", { MAKE(wrong_size) }, .class = "protocol" },
	{ "wrong data", { MAKE(wrong_data) }, .class = "protocol" },
	{ "no gzip trailer", { MAKE(no_trailer) }, .class = "truncated" },
	{ "half a gzip header", { MAKE(half_a_header) }, .class = "truncated" },
	{ "cut-off gzip", { MAKE(cut_off), CLOSE }, .class = "truncated" },
	{ "bytes behind gzip", { MAKE(bytes_behind) }, .class = "protocol" },
	{ "a bomb", { MAKE(bomb) }, .class = "too_large", .says = "200 times" },
	{ "a bomb of deflate", { MAKE(bomb_of_deflate) }, .class = "too_large" },
	{ "a bomb in a bomb", { MAKE(nested_bomb) }, .class = "protocol" },
	{ "a bomb below the ratio", { MAKE(slow_bomb) }, .class = "too_large" },
	{ "brotli", { MAKE(brotli) }, .keeps = true, .legal = true },
	{ "cut-off brotli", { MAKE(brotli_cut) }, .class = "truncated" },
	{ "a bomb of brotli", { MAKE(brotli_bomb) }, .class = "too_large" },
	{ "plain text that says br",
	  { SAY(STATUS "Content-Encoding: br\r\nContent-Length: 8\r\n\r\n" ID) },
	  .class = "protocol|truncated|too_large" },
	{ "zstd", { MAKE(zstd) }, .keeps = true },
	{ "cut-off zstd", { MAKE(zstd_cut) }, .class = "truncated" },
	{ "a bomb of zstd", { MAKE(zstd_bomb) }, .class = "too_large" },
	{ "a zstd window of 2 GiB",
	  { SAY(STATUS
		"Content-Encoding: zstd\r\nContent-Length: 8\r\n\r\n\x28\xb5\x2f\xfd\0\xa8\0\0") },
	  .class = "too_large" },
	{ "endless empty zstd frames",
	  { SAY(STATUS "Content-Encoding: zstd\r\n\r\n"), FLOOD("\x28\xb5\x2f\xfd\x20\0\x01\0\0") },
	  .class = "too_large" },
	{ "endless stored blocks",
	  { SAY(GZIPPED GZIP_HEAD), FLOOD("\0\x08\0\xf7\xff"
					  "12345678") },
	  .class = "too_large" },
	{ "endless empty blocks",
	  { SAY(GZIPPED GZIP_HEAD), FLOOD("\0\0\0\xff\xff") },
	  .class = "too_large" },
	{ "endless empty members",
	  { SAY(GZIPPED), FLOOD(GZIP_HEAD "\x03\0\0\0\0\0\0\0\0\0") },
	  .class = "too_large" },
	{ "an endless file name",
	  { SAY(GZIPPED "\x1f\x8b\x08\x08\0\0\0\0\0\x03"), FLOOD("name.name.name.name.") },
	  .class = "too_large" },
	{ "endless zeros behind gzip's name",
	  { SAY(GZIPPED), FLOOD("\0\0\0\0\0\0\0\0") },
	  .class = "protocol" },
};

const struct family evil_bombs = { "bombs", scripts, ARRAY_SIZE(scripts) };
