/* grammar.h - sentences from word lists: the same ones for the same lot
 *
 * Text is copied but for three signs:
 *   {word}      an entry of the list `word`, the same in all texts of one event; {word2} is another entry of it; {^word} begins with a
 *               capital letter. Entries may have signs of their own.
 *   {x:20-90}   a whole number of the range; the letter names it: the same letter and range is the same number.
 *   [a|b|c]     one of these, chosen anew by each who tells the event.
 * What must hold: (1) what comes out follows from (lot, telling, text) alone; nothing is remembered between calls. (2) a word without a
 *   list is a mistake of the lists: it ends the program with its name. */
#pragma once
#include "base/buf.h"

struct words {
	const char *name;
	const char *entries; /* parted by | */
};
struct grammar {
	uint64_t lot;		   /* of the event */
	uint64_t telling;	   /* of who tells it */
	const struct words *lists; /* of the subject; asked before the general ones; ends with {0} */
};
/* A draw below n that hangs on a lot and a name. */
uint64_t grammar_draw(uint64_t lot, struct slice name, uint64_t n);
MUST int grammar_put(const struct grammar *, struct slice text, struct buf *out);
/* One of the entries, parted by `at`: "a|b|c". */
struct slice grammar_pick(const char *entries, char at, uint64_t drawn);
size_t grammar_count(const char *entries, char at);
