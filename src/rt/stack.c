/* stack.c - the pool of fiber stacks: reserved in slabs, touched lazily, guarded, reused last in first out
 *
 * What this room is for: making a fiber cheap. mmap costs microseconds, a page fault half of one; a pooled stack costs
 *   neither. Slabs of 64 stacks keep the number of mappings near the number of slabs.
 * What flows through:    tops of stacks. Who takes one owns it until it gives it back.
 * What must hold:
 *  (1) a guard is markers in the page table (MADV_GUARD_INSTALL, Linux 6.13) where the kernel has it; else
 *      mprotect, which costs two mappings a stack; when those run out, one line says so and stacks go unguarded.
 *  (2) idle[] has room for every stack there is, so that giving back never allocates.
 *  (3) no huge pages: one touched byte would cost 2 MiB. */
#include "rt/stack.h"
#include "rt/sanitize.h"
#include "base/banned.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif
#ifndef MAP_STACK
#define MAP_STACK 0
#endif
#ifndef MAP_NORESERVE
#define MAP_NORESERVE 0
#endif

enum { DEFAULT_BYTES = (256 << 10) * SANITIZE_STACK_FACTOR, LEAST_BYTES = 16 << 10 };
enum { GUARD_BYTES = 64 << 10 }; /* a whole number of pages, of whatever size */

static size_t page_bytes(void)
{
	static size_t bytes; /* the same from every thread */
	if (bytes == 0)
		bytes = (size_t)sysconf(_SC_PAGESIZE);
	return bytes;
}

void stacks_init(struct stacks *s, size_t bytes)
{
	size_t page = page_bytes();

	bytes = bytes == 0 ? DEFAULT_BYTES : bytes < LEAST_BYTES ? LEAST_BYTES : bytes;
	bytes = (bytes + page - 1) / page * page;
	*s = (struct stacks){ .bytes = bytes, .stride = bytes + GUARD_BYTES };
}

static size_t slab_bytes(const struct stacks *s)
{
	return s->stride * STACKS_SLAB;
}

static bool slab_new(struct stacks *s)
{
	char *low = mmap(NULL, slab_bytes(s), PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);

	if (low == MAP_FAILED)
		return false;
	/* A kernel without huge pages refuses: fine. */
	(void)madvise(low, slab_bytes(s), MADV_NOHUGEPAGE);
	s->slabs = xrealloc(s->slabs, s->slabs_n + 1, sizeof(*s->slabs));
	s->slabs[s->slabs_n++] = (struct stack_slab){ .low = low };
	s->idle = xrealloc(s->idle, s->slabs_n * STACKS_SLAB, sizeof(*s->idle));
	s->carved = 0;
	return true;
}

static void guard(struct stacks *s, char *low)
{
	if (!s->guard_by_mprotect) {
		if (madvise(low, GUARD_BYTES, MADV_GUARD_INSTALL) == 0)
			return;
		s->guard_by_mprotect = true;
	}
	if (s->unguarded || mprotect(low, GUARD_BYTES, PROT_NONE) == 0)
		return;
	s->unguarded = true;
	fprintf(stderr,
		"hocket: no guards below the stacks beyond %zu tasks: the kernel's limit of "
		"mappings "
		"(vm.max_map_count) is reached\n",
		(s->slabs_n - 1) * STACKS_SLAB + s->carved);
}

static char *carve(struct stacks *s)
{
	struct stack_slab *slab;
	char *low;

	if ((s->slabs_n == 0 || s->carved == STACKS_SLAB) && !slab_new(s))
		return NULL;
	slab = &s->slabs[s->slabs_n - 1];
	ASSERT(s->carved < STACKS_SLAB);
	low = slab->low + s->carved * s->stride;
	guard(s, low);
	low += GUARD_BYTES;
	slab->valgrind[s->carved] = VALGRIND_STACK_REGISTER(low, low + s->bytes - 1);
	s->carved++;
	return low + s->bytes;
}

char *stacks_take(struct stacks *s)
{
	if (s->idle_n == 0)
		return carve(s);
	ASSERT(s->cold_n <= s->idle_n);
	s->idle_n--;
	if (s->cold_n > s->idle_n)
		s->cold_n = s->idle_n;
	return s->idle[s->idle_n];
}

void stacks_give(struct stacks *s, char *top)
{
	ASSERT(s->idle_n < s->slabs_n * STACKS_SLAB);
	ASSERT((uintptr_t)top % page_bytes() == 0);
	s->idle[s->idle_n++] = top;
}

void stacks_trim(struct stacks *s)
{
	while (s->idle_n - s->cold_n > STACKS_WARM) {
		char *top = s->idle[s->cold_n++];
		(void)madvise(stacks_low(s, top), s->bytes, MADV_DONTNEED);
	}
}

char *stacks_low(const struct stacks *s, char *top)
{
	return top - s->bytes;
}

bool stacks_contain(const struct stacks *s, const void *p)
{
	for (size_t i = 0; i < s->slabs_n; i++)
		if ((uintptr_t)p - (uintptr_t)s->slabs[i].low < slab_bytes(s))
			return true;
	return false;
}

static size_t touched_pages(char *low, size_t bytes)
{
	unsigned char in_core[512];
	size_t page = page_bytes(), n = 0;

	for (size_t at = 0; at < bytes; at += sizeof(in_core) * page) {
		size_t part =
			bytes - at < sizeof(in_core) * page ? bytes - at : sizeof(in_core) * page;
		if (mincore(low + at, part, in_core) != 0)
			continue;
		for (size_t i = 0; i < part / page; i++)
			n += in_core[i] & 1;
	}
	return n;
}

size_t stacks_touched(const struct stacks *s)
{
	size_t pages = 0;

	for (size_t i = 0; i < s->slabs_n; i++)
		pages += touched_pages(s->slabs[i].low, slab_bytes(s));
	return pages * page_bytes();
}

void stacks_done(struct stacks *s)
{
	for (size_t i = 0; i < s->slabs_n; i++) {
		size_t carved = i + 1 < s->slabs_n ? STACKS_SLAB : s->carved;
		for (size_t k = 0; k < carved; k++)
			VALGRIND_STACK_DEREGISTER(s->slabs[i].valgrind[k]);
		munmap(s->slabs[i].low, slab_bytes(s));
	}
	free(s->slabs);
	free(s->idle);
	*s = (struct stacks){ 0 };
}
