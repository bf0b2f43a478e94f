/* spare.h - blocks of bytes that connections borrow only while they read or write
 *
 * What must hold: a waiting connection holds no block, so that a thousand waiting ones cost nothing; blocks given
 *   back are reused last-in first-out, while they are still in the cache. At most SPARE_KEPT are kept. */
#pragma once
#include "base/lang.h"

#define SPARE_BYTES (32u << 10)
#define SPARE_KEPT  64

struct spare {
	struct spare_block *first;
	unsigned kept;
};

char *spare_get(struct spare *) __attribute__((returns_nonnull)); /* SPARE_BYTES, not cleared */
void spare_put(struct spare *, char *block);                      /* takes; accepts NULL */
void spare_done(struct spare *);
