/* frame.c - heads, lengths and parts: one frame from bytes and to bytes
 *
 * What this room is for: telling where a message of a worker begins and ends, and believing nothing of it. A worker may run
 *   hostile input in a language without bounds: what comes from it is as trustworthy as what comes from a network.
 * What flows through:    to a worker: head and lengths, written here; the parts go from the caller's memory to the pipe. From
 *   one: the first bytes into a small buffer, so that a small frame is one read(2); what is larger straight into the
 *   one allocation that the caller gets.
 *
 *      first[]: | head, 24 bytes | up to 4,072 bytes of the body |
 *                                  | copied
 *                                  v
 *      storage: | struct hk_part[] | lengths, 8 bytes each | part 0 | part 1 | ... |   <- the rest is read to here
 *                     +----------------------------------------^
 * What must hold:
 *  (1) a head promises at most max_bytes, and room for its own lengths; else nothing is allocated.
 *  (2) the lengths add up to the body exactly, without wrapping around: every part lies inside the body.
 *  (3) numbers are little-endian whatever the machine is. */
#include "rt/frame.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/banned.h"

/* Where each field of the head begins. */
enum {
	AT_MAGIC = 0,
	AT_VERSION = 3,
	AT_KIND = 4,
	AT_ZERO = 6,
	AT_CALL = 8,
	AT_PARTS = 12,
	AT_BODY = 16
};

static void put_number(unsigned char *p, size_t bytes, uint64_t number)
{
	for (size_t i = 0; i < bytes; i++)
		p[i] = (unsigned char)(number >> (8 * i));
}

static uint64_t get_number(const unsigned char *p, size_t bytes)
{
	uint64_t number = 0;

	for (size_t i = 0; i < bytes; i++)
		number |= (uint64_t)p[i] << (8 * i);
	return number;
}

/* ---- to bytes ------------------------------------------------------------------------------ */

size_t frame_prefix_bytes(size_t parts_n)
{
	ASSERT(parts_n <= FRAME_PARTS_MAX);
	return FRAME_HEAD_BYTES + parts_n * FRAME_LENGTH_BYTES;
}

int frame_put_prefix(unsigned char *ret, enum frame_kind kind, uint32_t call,
		     const struct hk_part *parts, size_t n)
{
	uint64_t body = n * FRAME_LENGTH_BYTES;

	if (n > FRAME_PARTS_MAX)
		return -E2BIG;
	for (size_t i = 0; i < n; i++) {
		if (__builtin_add_overflow(body, parts[i].n, &body))
			return -E2BIG;
		put_number(ret + FRAME_HEAD_BYTES + i * FRAME_LENGTH_BYTES, 8, parts[i].n);
	}
	for (size_t i = 0; i < 3; i++)
		ret[AT_MAGIC + i] = FRAME_MAGIC[i];
	ret[AT_VERSION] = FRAME_VERSION;
	put_number(ret + AT_KIND, 2, kind);
	put_number(ret + AT_ZERO, 2, 0);
	put_number(ret + AT_CALL, 4, call);
	put_number(ret + AT_PARTS, 4, n);
	put_number(ret + AT_BODY, 8, body);
	return 0;
}

/* ---- from bytes ---------------------------------------------------------------------------- */

/* 0; -EBADMSG: these bytes are no head; -EPROTONOSUPPORT: of another version; -EMSGSIZE: more than max_bytes follow. */
static int get_head(const unsigned char head[FRAME_HEAD_BYTES], uint64_t max_bytes,
		    struct frame *ret)
{
	uint64_t kind = get_number(head + AT_KIND, 2), parts_n = get_number(head + AT_PARTS, 4);
	uint64_t body = get_number(head + AT_BODY, 8);

	if (memcmp(head + AT_MAGIC, FRAME_MAGIC, 3) != 0)
		return -EBADMSG;
	if (head[AT_VERSION] != FRAME_VERSION)
		return -EPROTONOSUPPORT;
	if (kind < FRAME_HELLO || kind > FRAME_ERROR || get_number(head + AT_ZERO, 2) != 0 ||
	    parts_n > FRAME_PARTS_MAX || body < parts_n * FRAME_LENGTH_BYTES)
		return -EBADMSG;
	if (body > max_bytes || body > SIZE_MAX / 2)
		return -EMSGSIZE;
	*ret = (struct frame){ .kind = (enum frame_kind)kind,
			       .call = (uint32_t)get_number(head + AT_CALL, 4),
			       .parts_n = (uint32_t)parts_n,
			       .body_bytes = body };
	return 0;
}

/* Cuts the body. ret has room for f->parts_n, the parts borrow. 0, -EBADMSG: the lengths do not add up. */
static int get_parts(const struct frame *f, const unsigned char *body, struct hk_part *ret)
{
	uint64_t at = (uint64_t)f->parts_n * FRAME_LENGTH_BYTES;

	ASSERT(at <= f->body_bytes);
	for (size_t i = 0; i < f->parts_n; i++) {
		uint64_t n = get_number(body + i * FRAME_LENGTH_BYTES, 8);
		if (n > f->body_bytes - at)
			return -EBADMSG;
		ret[i] = (struct hk_part){ body + at, (size_t)n };
		at += n;
	}
	return at == f->body_bytes ? 0 : -EBADMSG;
}

/* ---- one frame from a stream --------------------------------------------------------------- */

unsigned char *frame_reader_room(struct frame_reader *r, size_t *ret_n)
{
	if (!r->storage) {
		ASSERT(r->first_n < sizeof(r->first));
		*ret_n = sizeof(r->first) - r->first_n;
		return r->first + r->first_n;
	}
	ASSERT(r->body_n < r->frame.body_bytes && !r->parts);
	*ret_n = (size_t)(r->frame.body_bytes - r->body_n);
	return r->body + r->body_n;
}

/* The head is there: makes the storage and moves what has come of the body into it. */
static int open_body(struct frame_reader *r)
{
	size_t came = r->first_n - FRAME_HEAD_BYTES, array;
	int e = get_head(r->first, r->max_bytes, &r->frame);

	if (e < 0)
		return e;
	if (came > r->frame.body_bytes)
		return -EBADMSG;
	array = r->frame.parts_n * sizeof(struct hk_part);
	r->storage = malloc(array + (size_t)r->frame.body_bytes + 1);
	if (!r->storage)
		return -ENOMEM;
	r->body = (unsigned char *)r->storage + array;
	memcpy(r->body, r->first + FRAME_HEAD_BYTES, came);
	r->body_n = came;
	return 0;
}

/* A worker that prints a line where a frame belongs and then waits is found out by its first byte. */
static int look_at_magic(const struct frame_reader *r)
{
	size_t n = r->first_n < AT_VERSION ? r->first_n : AT_VERSION;

	ASSERT(r->first_n < FRAME_HEAD_BYTES);
	return memcmp(r->first, FRAME_MAGIC, n) == 0 ? 0 : -EBADMSG;
}

int frame_reader_got(struct frame_reader *r, size_t n)
{
	int e;

	ASSERT(n > 0 && !r->parts);
	if (r->storage) {
		r->body_n += n;
	} else {
		r->first_n += n;
		e = r->first_n < FRAME_HEAD_BYTES ? look_at_magic(r) : open_body(r);
		if (e < 0 || r->first_n < FRAME_HEAD_BYTES)
			return e;
	}
	ASSERT(r->body_n <= r->frame.body_bytes);
	if (r->body_n < r->frame.body_bytes)
		return 0;
	r->parts = r->storage;
	e = get_parts(&r->frame, r->body, r->parts);
	return e < 0 ? e : 1;
}

bool frame_reader_began(const struct frame_reader *r)
{
	return r->first_n > 0;
}

void frame_reader_done(struct frame_reader *r)
{
	free(r->storage);
	r->storage = NULL;
	r->parts = NULL;
	r->body = NULL;
	r->body_n = r->first_n = 0;
}
