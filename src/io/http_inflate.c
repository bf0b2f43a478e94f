/* http_inflate.c - gzip and deflate bodies
 *
 * What this room is for: zlib's stream behind three calls, with the two ceilings that make a bomb harmless.
 * What flows through:    pieces of a body in, text appended to the caller's buffer out.
 *
 *   START --first byte--> STREAM --end of stream--> BETWEEN --0x1f--> STREAM (the next gzip member, RFC 1952 2.2)
 *                                                      '--anything else--> refused
 * "deflate" is zlib's format (RFC 1950) by the book and raw deflate (RFC 1951) from some servers; the first byte
 * tells: a zlib header has 8 in its low half and a window of at most 32 KiB in its high half. A raw stream that begins so
 * would be a stored block with bits set in its padding, which no compressor writes.
 * What must hold:        see http_inflate.h. */
#include "io/http_inflate.h"
#include <errno.h>
#include <stdlib.h>
#include <zlib.h>

#define KEPT        32
#define FREE_OUTPUT (64u << 10) /* bytes of output for which no ratio is demanded */
#define STEP        (16u << 10) /* room made at a time */
#define MOST        (1u << 20)  /* output of one call of zlib */

enum stream_state { STREAM_START, STREAM_INSIDE, STREAM_BETWEEN };

struct http_inflate {
	z_stream z;
	struct http_inflate *next;
	enum stream_state state;
	bool gzip;
	uint64_t in, out;
};

int http_inflate_open(struct http_inflate_spare *spare, struct slice coding,
		      struct http_inflate **ret)
{
	*ret = NULL;
	bool gzip = slice_eq_nocase(coding, S("gzip")) || slice_eq_nocase(coding, S("x-gzip"));
	if (coding.n == 0 || slice_eq_nocase(coding, S("identity")))
		return 0;
	if (!gzip && !slice_eq_nocase(coding, S("deflate")))
		return -ENOTSUP;
	struct http_inflate *f = spare->first;
	if (f) {
		spare->first = f->next;
		spare->kept--;
	} else {
		f = xcalloc(1, sizeof(*f));
		if (inflateInit2(&f->z, 15 + 16) != Z_OK) {
			free(f);
			return -ENOMEM;
		}
	}
	f->gzip = gzip;
	f->state = STREAM_START;
	f->in = f->out = 0;
	*ret = f;
	return 0;
}

static void destroy(struct http_inflate *f)
{
	inflateEnd(&f->z);
	free(f);
}

void http_inflate_close(struct http_inflate_spare *spare, struct http_inflate *f)
{
	if (!f)
		return;
	if (spare->kept >= KEPT) {
		destroy(f);
		return;
	}
	f->next = spare->first;
	spare->first = f;
	spare->kept++;
}

void http_inflate_spare_done(struct http_inflate_spare *spare)
{
	while (spare->first) {
		struct http_inflate *f = spare->first;
		spare->first = f->next;
		destroy(f);
	}
	spare->kept = 0;
}

/* 16 + 15: gzip, 15: zlib, -15: raw. */
static int begin(struct http_inflate *f, unsigned char first)
{
	bool zlib = (first & 15) == 8 && first >> 4 <= 7;
	f->state = STREAM_INSIDE;
	return inflateReset2(&f->z, f->gzip ? 31 : zlib ? 15 : -15) == Z_OK ? 0 : -ENOMEM;
}

static int refuse(const char **why, int error, const char *text)
{
	*why = text;
	return error;
}

/* Room for the next output: behind *out, or - at its ceiling - one byte of scratch whose use breaks the ceiling. */
static int make_room(struct http_inflate *f, struct buf *out, unsigned char *scratch)
{
	int r = buf_reserve(out, STEP);
	if (r == -EMSGSIZE) /* less than a step is left */
		r = buf_reserve(out, 1);
	if (r == -EMSGSIZE) {
		f->z.next_out = scratch;
		f->z.avail_out = 1;
		return 0;
	}
	if (r < 0)
		return r;
	size_t room = out->cap - out->n;
	f->z.next_out = (Bytef *)out->p + out->n;
	f->z.avail_out = (unsigned)(room < MOST ? room : MOST);
	return 0;
}

/* Runs zlib once. */
static int inflate_step(struct http_inflate *f, struct buf *out, const char **why)
{
	unsigned char scratch;
	int r = make_room(f, out, &scratch);
	if (r < 0)
		return r;
	unsigned in = f->z.avail_in, room = f->z.avail_out;
	bool at_ceiling = f->z.next_out == &scratch;
	int z = inflate(&f->z, Z_NO_FLUSH);
	unsigned made = room - f->z.avail_out;
	f->in += in - f->z.avail_in;
	f->out += made;
	if (at_ceiling && made > 0)
		return refuse(why, -EMSGSIZE, "the decompressed body is larger than allowed");
	buf_added(out, made);
	if (f->out > FREE_OUTPUT && f->out > HTTP_INFLATE_RATIO * f->in)
		return refuse(why, -EMSGSIZE,
			      "the body decompresses to more than 200 times its size");
	if (z == Z_STREAM_END)
		f->state = STREAM_BETWEEN;
	else if (z != Z_OK && z != Z_BUF_ERROR)
		return refuse(why, -EBADMSG, "the compressed body is damaged");
	return 0;
}

int http_inflate_add(struct http_inflate *f, struct slice in, struct buf *out, const char **why)
{
	ASSERT(in.n <= UINT32_MAX);
	f->z.next_in = (Bytef *)(uintptr_t)in.p;
	f->z.avail_in = (unsigned)in.n;
	for (;;) {
		int r = 0;
		if (f->z.avail_in > 0 && f->state == STREAM_BETWEEN &&
		    (!f->gzip || *f->z.next_in != 0x1f))
			return refuse(why, -EBADMSG, "bytes behind the end of the compressed body");
		if (f->z.avail_in > 0 && f->state != STREAM_INSIDE)
			r = begin(f, *f->z.next_in);
		if (f->state != STREAM_INSIDE)
			return r;
		uint64_t before = f->out;
		if (r == 0)
			r = inflate_step(f, out, why);
		if (r < 0)
			return r;
		/* No input left and room to spare: zlib has nothing more to say. */
		if (f->z.avail_in == 0 && (f->out == before || f->z.avail_out > 0))
			return 0;
	}
}

int http_inflate_end(const struct http_inflate *f)
{
	return f->state == STREAM_INSIDE ? -ENODATA : 0;
}
