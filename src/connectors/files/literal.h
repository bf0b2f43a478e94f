/* literal.h - what a database would read as a number, in text
 *
 * What this room is for: a column of numbers takes text like "00501" and keeps 501. Whoever writes it wants to know before. */
#pragma once
#include "base/slice.h"

struct literal {
	size_t digits, leading_zeros;
	bool plain; /* no sign +, no blanks around it */
	bool fraction, exponent;
};
/* false: it is no decimal number. */
bool literal_read(struct slice text, struct literal *ret);
