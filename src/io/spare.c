/* spare.c - blocks of bytes that connections borrow only while they read or write
 *
 * What this room is for: memory that follows the work, not the number of connections. An exchange borrows a block to
 *   write its request, gives it back, waits for readiness without one, and borrows again to read: with a thousand
 *   exchanges in flight usually one block is in use.
 * What flows through:    blocks; a free one carries the link to the next in its first bytes.
 * What must hold:        see spare.h. */
#include "io/spare.h"
#include <stdlib.h>

struct spare_block {
	struct spare_block *next;
};

char *spare_get(struct spare *s)
{
	struct spare_block *b = s->first;
	if (!b)
		return xmalloc(SPARE_BYTES);
	ASSERT(s->kept > 0);
	s->first = b->next;
	s->kept--;
	return (char *)b;
}

void spare_put(struct spare *s, char *block)
{
	if (!block)
		return;
	if (s->kept >= SPARE_KEPT) {
		free(block);
		return;
	}
	struct spare_block *b = (struct spare_block *)(void *)block;
	b->next = s->first;
	s->first = b;
	s->kept++;
}

void spare_done(struct spare *s)
{
	while (s->first) {
		struct spare_block *b = s->first;
		s->first = b->next;
		free(b);
	}
	s->kept = 0;
}
