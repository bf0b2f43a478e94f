/* jq_exchange.h - JSON text to libjq's values and back, with the digits that libjq 1.6 would lose kept aside
 *
 * What must hold: (1) an integer beyond 2^53 travels as a marked string: U+FDD0, a part that sorts it, its digits, U+FDD1 (both are
 *   code points that Unicode keeps for such use). (2) 1.10 travels as a number; where the same double comes back, it is written
 *   as it was read, unless that is a whole number or it was read in two ways. */
#pragma once
#include "engine/language/jq_val.h"
#include <jv.h>

#define MARK_OPEN  "\xef\xb7\x90"
#define MARK_CLOSE "\xef\xb7\x91"
#define MARK_SORT  5 /* digits of the length, in front of a positive number */

struct spelling {
	double value;
	struct slice text;
};
struct exchange {
	struct arena *arena;
	struct spelling *spellings;
	size_t count, room;
	bool sorted;
	bool marked; /* a mark was made, or may come from the program: look for them on the way back */
};

bool exchange_needs_marks(struct slice json); /* does the text hold an integer beyond 2^53? */
jv exchange_in(struct exchange *, struct slice json); /* checked text */
MUST int exchange_out(struct exchange *, jv value,
		      struct buf *out); /* takes the value. 0, -EMSGSIZE, -ENOMEM */
/* Appends text with every mark replaced by its digits: for messages. */
MUST int exchange_clean(struct slice text, struct buf *out);
MUST int exchange_mark(struct slice number, struct buf *out); /* the marked string's characters */
