/* arena.c - many small allocations that end together
 *
 * What this room is for: trees and plans whose parts are never freed one by one.
 * What flows through:    raw memory. The arena owns it; everything in it borrows.
 * What must hold:
 *  (1) chunks form a list with the newest first; only the newest is allocated from. Requests too large for a
 *      chunk stand alone in a second list, so that they do not end a chunk that still has room.
 *  (2) every address is aligned for any type and stays where it is until reset or free.
 *  (3) reset keeps the oldest chunk: an arena that is reused for small things calls malloc never again.
 *  (4) under ASan what was not handed out is poisoned, so an overrun inside a chunk is found like any other. */
#include "base/arena.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#endif
#endif
#ifndef ASAN_POISON_MEMORY_REGION
#define ASAN_POISON_MEMORY_REGION(p, n)   ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

#define ALIGN       _Alignof(max_align_t)
#define FIRST_CHUNK ((size_t)1024)
#define LAST_CHUNK  ((size_t)256 * 1024)

struct chunk {
	struct chunk *next;
	size_t size, used; /* of data */
	_Alignas(max_align_t) char data[];
};

struct arena {
	struct chunk *chunks; /* newest first */
	struct chunk *large;
	size_t handed_out;
};

static struct chunk *chunk_new(size_t size, struct chunk *next)
{
	ASSERT(size <= SIZE_MAX - sizeof(struct chunk));
	struct chunk *c = xmalloc(sizeof(*c) + size);
	*c = (struct chunk){ .next = next, .size = size };
	ASAN_POISON_MEMORY_REGION(c->data, size);
	return c;
}

static void chunk_free(struct chunk *c)
{
	ASAN_UNPOISON_MEMORY_REGION(c->data, c->size);
	free(c);
}

static void chunks_free(struct chunk *c)
{
	while (c) {
		struct chunk *next = c->next;
		chunk_free(c);
		c = next;
	}
}

struct arena *arena_new(void)
{
	struct arena *a = xcalloc(1, sizeof(*a));
	a->chunks = chunk_new(FIRST_CHUNK - sizeof(struct chunk), NULL);
	return a;
}

void arena_free(struct arena *a)
{
	if (!a)
		return;
	chunks_free(a->chunks);
	chunks_free(a->large);
	free(a);
}

void arena_freep(struct arena **a)
{
	arena_free(*a);
}

void arena_reset(struct arena *a)
{
	chunks_free(a->large);
	a->large = NULL;
	while (a->chunks->next) {
		struct chunk *next = a->chunks->next;
		chunk_free(a->chunks);
		a->chunks = next;
	}
	a->chunks->used = 0;
	a->handed_out = 0;
	ASAN_POISON_MEMORY_REGION(a->chunks->data, a->chunks->size);
}

static size_t round_up(size_t n)
{
	ASSERT(n <= SIZE_MAX - ALIGN);
	return n ? (n + ALIGN - 1) & ~(ALIGN - 1) : ALIGN; /* distinct addresses also for nothing */
}

/* The slow half of arena_alloc: makes a chunk in which `need` fits. */
static struct chunk *chunk_for(struct arena *a, size_t need)
{
	size_t size = (a->chunks->size + sizeof(struct chunk)) * 2;
	if (size > LAST_CHUNK)
		size = LAST_CHUNK;
	size -= sizeof(struct chunk);
	if (need > size / 4) {
		a->large = chunk_new(need, a->large);
		return a->large;
	}
	a->chunks = chunk_new(size, a->chunks);
	return a->chunks;
}

void *arena_alloc(struct arena *a, size_t n)
{
	size_t need = round_up(n);
	struct chunk *c = a->chunks;
	if (need > c->size - c->used)
		c = chunk_for(a, need);
	void *p = c->data + c->used;
	c->used += need;
	ASSERT(c->used <= c->size);
	a->handed_out += n;
	ASAN_UNPOISON_MEMORY_REGION(p, n);
	return p;
}

void *arena_zero(struct arena *a, size_t n)
{
	return memset(arena_alloc(a, n), 0, n);
}

struct slice arena_copy(struct arena *a, struct slice s)
{
	return (struct slice){ arena_str(a, s), s.n };
}

char *arena_str(struct arena *a, struct slice s)
{
	ASSERT(s.n < SIZE_MAX);
	char *p = arena_alloc(a, s.n + 1);
	if (s.n)
		memcpy(p, s.p, s.n);
	p[s.n] = 0;
	return p;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	int n = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	ASSERT(n >= 0);
	char *p = arena_alloc(a, (size_t)n + 1);
	va_start(args, fmt);
	vsnprintf(p, (size_t)n + 1, fmt, args);
	va_end(args);
	return p;
}

size_t arena_bytes(const struct arena *a)
{
	return a->handed_out;
}
