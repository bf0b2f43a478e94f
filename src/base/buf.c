/* buf.c - a growing byte buffer with a ceiling
 *
 * What this room is for: text and bytes whose size is decided by data from outside.
 * What flows through:    copies in; the whole contents out, by buf_slice (borrowed) or buf_take (given away).
 * What must hold:
 *  (1) n <= cap <= ceiling. The allocation is one byte larger than cap, for the 0 behind the contents.
 *  (2) while cap > 0, p[n] == 0. cap == 0 means that nothing is allocated.
 *  (3) a call that fails leaves p, n and the contents as they were (cap may have grown).
 *  (4) memory doubles, so that adding byte by byte is linear; it never doubles beyond the ceiling. */
#include "base/buf.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAP 63 /* with the 0: one cache line */
/* Where even so little cannot be had, nothing can be done with the text or without it: that is no fault of a record. */
#define LITTLE (1u << 20)

static size_t ceiling(const struct buf *b)
{
	return b->max ? b->max : BUF_DEFAULT_MAX;
}

static int grow(struct buf *b, size_t more)
{
	size_t max = ceiling(b);
	if (b->n > max || more > max - b->n)
		return -EMSGSIZE;
	size_t need = b->n + more;
	size_t cap = b->cap < FIRST_CAP ? FIRST_CAP : b->cap > max / 2 ? max : b->cap * 2;
	if (cap < need)
		cap = need;
	if (cap > max)
		cap = max;
	if (cap == SIZE_MAX)
		return -ENOMEM;
	char *p = cap < LITTLE ? xrealloc(b->p, cap + 1, 1) : realloc(b->p, cap + 1);
	if (!p)
		return -ENOMEM;
	b->p = p;
	b->cap = cap;
	b->p[b->n] = 0;
	ASSERT(b->cap - b->n >= more);
	return 0;
}

int buf_reserve(struct buf *b, size_t more)
{
	ASSERT(b->n <= b->cap);
	if (more <= b->cap - b->n)
		return 0;
	return grow(b, more);
}

int buf_add_growing(struct buf *b, struct slice s)
{
	/* Growing frees what is being copied when it lies in the buffer. */
	ASSERT(!b->p || s.p + s.n <= b->p || s.p > b->p + b->cap);
	int error = grow(b, s.n);
	if (error)
		return error;
	memcpy(b->p + b->n, s.p, s.n);
	buf_added(b, s.n);
	return 0;
}

int buf_vprintf(struct buf *b, const char *fmt, va_list args)
{
	va_list again;
	va_copy(again, args);
	int n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (n < 0)
		return -EINVAL;
	int error = buf_reserve(b, (size_t)n);
	if (error || !n)
		return error;
	vsnprintf(b->p + b->n, (size_t)n + 1, fmt, args);
	buf_added(b, (size_t)n);
	return 0;
}

int buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	int error = buf_vprintf(b, fmt, args);
	va_end(args);
	return error;
}

void buf_added(struct buf *b, size_t n)
{
	ASSERT(n <= b->cap - b->n);
	b->n += n;
	if (b->cap)
		b->p[b->n] = 0;
}

void buf_clear(struct buf *b)
{
	buf_truncate(b, 0);
}

void buf_truncate(struct buf *b, size_t n)
{
	ASSERT(n <= b->n);
	b->n = n;
	if (b->cap)
		b->p[n] = 0;
}

void buf_consume(struct buf *b, size_t n)
{
	ASSERT(n <= b->n);
	if (!n)
		return;
	memmove(b->p, b->p + n, b->n - n);
	buf_truncate(b, b->n - n);
}

void buf_done(struct buf *b)
{
	free(b->p);
	*b = (struct buf){ .max = b->max };
}

struct buf buf_take(struct buf *b)
{
	struct buf given = *b;
	*b = (struct buf){ .max = given.max };
	return given;
}
