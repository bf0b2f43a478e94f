/* arena.h - many small allocations that end together
 *
 * What this room is for: parse trees, plans, requests: things that live exactly as long as one owner.
 * Life cycle: arena_new, allocate, arena_reset (keeps the first chunk) as often as wanted, arena_free.
 * What must hold: pointers stay valid until reset or free; memory is aligned for any type.
 * Small requests come from chunks that double from 1 KiB to 256 KiB; large ones get their own. */
#pragma once
#include "base/slice.h"

struct arena;

struct arena *arena_new(void);
void arena_free(struct arena *); /* accepts NULL */
void arena_freep(struct arena **);
void arena_reset(struct arena *);
void *arena_alloc(struct arena *, size_t n) __attribute__((returns_nonnull)); /* not cleared */
void *arena_zero(struct arena *, size_t n) __attribute__((returns_nonnull));
struct slice arena_copy(struct arena *, struct slice); /* with a 0 behind it, not counted */
char *arena_str(struct arena *, struct slice);         /* the same as a C string */
char *arena_printf(struct arena *, const char *fmt, ...) PRINTF(2, 3);
size_t arena_bytes(const struct arena *); /* handed out since new or reset */
