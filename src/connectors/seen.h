/* seen.h - what a source has read already: URLs, names of pages
 *
 * What must hold: (1) eight bytes each, however long they are. (2) what was there twice is told so; of two that differ one in 2^63 is, too. */
#pragma once
#include "base/slice.h"

struct seen { /* all zero: nothing. Hashes, open addressing; 0: free */
	uint64_t *v;
	size_t n, cap;
};
/* false: it was there already. */
bool seen_add(struct seen *, struct slice);
bool seen_has(const struct seen *, struct slice);
void seen_done(struct seen *);
