/* memory.c - counting memory, by the linker's --wrap
 *
 * What this room is for: a ceiling that is only believed is none. The tests link malloc, calloc, realloc and free through here.
 * What flows through:    each call, on to the real one; its size as the allocator itself sees it.
 * What must hold:        the counts are right whatever thread calls; memory that others allocated may be freed through here, and makes
 *   the count too small by that much, never wrong by more. */
#include "memory.h"
#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>

void *__real_malloc(size_t);
void *__real_calloc(size_t, size_t);
void *__real_realloc(void *, size_t);
void __real_free(void *);
void *__wrap_malloc(size_t);
void *__wrap_calloc(size_t, size_t);
void *__wrap_realloc(void *, size_t);
void __wrap_free(void *);

static _Atomic long held, most, at_start;

static void count(long bytes)
{
	long now = atomic_fetch_add(&held, bytes) + bytes, was = atomic_load(&most);
	while (now > was && !atomic_compare_exchange_weak(&most, &was, now)) {
	}
}

void *__wrap_malloc(size_t n)
{
	void *p = __real_malloc(n);
	count((long)malloc_usable_size(p));
	return p;
}

void *__wrap_calloc(size_t n, size_t size)
{
	void *p = __real_calloc(n, size);
	count((long)malloc_usable_size(p));
	return p;
}

void *__wrap_realloc(void *p, size_t n)
{
	long before = (long)malloc_usable_size(p);
	void *q = __real_realloc(p, n);
	if (q)
		count((long)malloc_usable_size(q) - before);
	return q;
}

void __wrap_free(void *p)
{
	count(-(long)malloc_usable_size(p));
	__real_free(p);
}

void memory_watch(void)
{
	atomic_store(&at_start, atomic_load(&held));
	atomic_store(&most, atomic_load(&held));
}

size_t memory_peak(void)
{
	long n = atomic_load(&most) - atomic_load(&at_start);
	return n > 0 ? (size_t)n : 0;
}
