/* stack.h - the pool of fiber stacks
 *
 * What this room is for: 256 KiB of address space for each fiber, of which it costs what it touches.
 * Life cycle: stacks_init, take and give as fibers come and go, stacks_done unmaps everything.
 * What must hold: (1) last given, first taken: its page is still in the cache. (2) below each stack are 64 KiB that
 *   fault, as long as the kernel lets us: they cost no memory, and a frame must be larger to jump over them. (3) idle stacks keep their touched pages only up to STACKS_WARM of them;
 *   stacks_trim gives the rest back and is called from no fiber's stack. */
#pragma once
#include "base/lang.h"

enum { STACKS_WARM = 512, STACKS_SLAB = 64 };

struct stack_slab {
	char *low;
	unsigned valgrind[STACKS_SLAB];
};
struct stacks {
	size_t bytes;             /* of one stack, all of it to be used */
	size_t stride;            /* from one to the next: a guard, and the stack above it */
	char **idle;              /* owns; the tops of idle stacks, the last given last */
	size_t idle_n, cold_n;    /* idle[0 .. cold_n) hold no pages */
	struct stack_slab *slabs; /* owns */
	size_t slabs_n;
	size_t carved; /* stacks made from the newest slab */
	bool guard_by_mprotect, unguarded;
};

void stacks_init(struct stacks *, size_t bytes); /* 0: 256 KiB */
void stacks_done(struct stacks *);
char *stacks_take(struct stacks *); /* the top, 64-byte aligned; NULL: no memory */
void stacks_give(struct stacks *, char *top);
void stacks_trim(struct stacks *);
char *stacks_low(const struct stacks *, char *top);       /* the lowest byte that may be used */
bool stacks_contain(const struct stacks *, const void *); /* in any stack, or its guard */
size_t stacks_touched(const struct stacks *); /* bytes of physical memory, asked from the kernel */
