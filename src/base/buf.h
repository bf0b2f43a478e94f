/* buf.h - a growing byte buffer with a ceiling
 *
 * What this room is for: everything whose size is decided by data. A buffer states its ceiling when
 *   it is made, so that no input can take all memory.
 * Life cycle: { 0 } or { .max = N } is a valid empty buffer; buf_done() gives the memory back and
 *   leaves a valid empty buffer with the same ceiling.
 * What must hold: (1) n <= cap; n never exceeds the ceiling. (2) while cap > 0, p[n] is 0: the text
 *   can be read as a C string. (3) adding fails whole: on error nothing was added. */
#pragma once
#include "base/slice.h"
#include <stdarg.h>
#include <string.h>

#define BUF_DEFAULT_MAX (64u << 20) /* bytes; the ceiling when max is 0 */

struct buf {
	char *p;
	size_t n, cap;
	size_t max;
};

static inline struct slice buf_slice(const struct buf *b)
{
	return (struct slice){ b->p, b->n };
}

/* Return 0, -EMSGSIZE above the ceiling, -ENOMEM when a megabyte or more cannot be had (less than that ends the process,
 * as in lang.h). What is added does not lie in the buffer itself. */
MUST static inline int buf_add(struct buf *, struct slice);
MUST static inline int buf_add_char(struct buf *, char);
MUST int buf_printf(struct buf *, const char *fmt, ...) PRINTF(2, 3);
MUST int buf_vprintf(struct buf *, const char *fmt, va_list) PRINTF(2, 0);
MUST int buf_reserve(struct buf *, size_t more); /* room for `more` bytes behind p + n */

void buf_added(struct buf *, size_t n);    /* n bytes were written behind p + n after buf_reserve */
void buf_clear(struct buf *);              /* empties, keeps the memory */
void buf_truncate(struct buf *, size_t n); /* keeps the first n bytes; n <= b->n */
void buf_consume(struct buf *, size_t n);  /* drops the first n bytes; n <= b->n */
void buf_done(struct buf *);
struct buf buf_take(struct buf *); /* gives the buffer, leaves an empty one */

/* ---- inline, because text is made of many small pieces ------------------------------------------ */

MUST int buf_add_growing(struct buf *, struct slice); /* buf_add when there is no room yet */

static inline int buf_add(struct buf *b, struct slice s)
{
	if (s.n > b->cap - b->n)
		return buf_add_growing(b, s);
	if (!s.n)
		return 0;
	memcpy(b->p + b->n, s.p, s.n);
	b->n += s.n;
	b->p[b->n] = 0;
	return 0;
}

static inline int buf_add_char(struct buf *b, char c)
{
	if (b->n == b->cap)
		return buf_add_growing(b, (struct slice){ &c, 1 });
	b->p[b->n++] = c;
	b->p[b->n] = 0;
	return 0;
}
