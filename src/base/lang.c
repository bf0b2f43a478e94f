/* lang.c - the few functions behind the words of lang.h
 *
 * What this room is for: stopping with a sentence. A broken invariant and an exhausted address space are
 *   the two things that nobody above can handle better than by ending the process.
 * What flows through:    nothing stays; memory comes from malloc and goes to the caller.
 * What must hold:
 *  (1) every x function returns memory or does not return; asking for nothing gives a pointer that can be freed.
 *  (2) sizes are multiplied with a check, so that no count from outside can wrap around.
 *  (3) the last words need no memory and no buffered stream: they are written with one write(2). */
#include "base/lang.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

NORETURN static void stop(const char *words, int n, size_t cap)
{
	size_t size = n < 0 ? 0 : (size_t)n < cap ? (size_t)n : cap - 1;
	ssize_t wrote = write(STDERR_FILENO, words, size);
	(void)wrote; /* nowhere left to complain */
	abort();
}

void assert_failed(const char *cond, const char *file, int line, const char *func)
{
	char words[512];
	int n = snprintf(words, sizeof(words),
			 "hocket: bug: %s:%d: %s: %s does not hold: a mistake of hocket's own, or "
			 "memory was overwritten; please report it with the lines above\n",
			 file, line, func, cond);
	stop(words, n, sizeof(words));
}

NORETURN static void out_of_memory(size_t n, size_t size)
{
	char words[128];
	int len = snprintf(words, sizeof(words),
			   "hocket: out of memory (%zu x %zu bytes asked for)\n", n, size);
	stop(words, len, sizeof(words));
}

void *xmalloc(size_t n)
{
	void *p = malloc(n ? n : 1);
	if (!p)
		out_of_memory(1, n);
	return p;
}

void *xcalloc(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size ? size : 1); /* calloc checks the product */
	if (!p)
		out_of_memory(n, size);
	return p;
}

void *xrealloc(void *p, size_t n, size_t size)
{
	size_t bytes;
	if (__builtin_mul_overflow(n, size, &bytes))
		out_of_memory(n, size);
	p = realloc(p, bytes ? bytes : 1);
	if (!p)
		out_of_memory(n, size);
	return p;
}

char *xstrndup(const char *p, size_t n)
{
	ASSERT(p || !n);
	char *copy = xmalloc(n + 1);
	if (n)
		memcpy(copy, p, n);
	copy[n] = 0;
	return copy;
}

void freep(void *p)
{
	void *owned;
	memcpy(&owned, p,
	       sizeof(owned)); /* p is the address of some pointer; its type is not known here */
	free(owned);
}
