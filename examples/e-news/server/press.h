/* press.h - 120 papers and what they print: which articles there are on a day, and what stands in them
 *
 * Paper f writes about subject f % 12. On the first day it prints three articles, on each later day a third of the papers print one more. Now
 * and then two papers of a subject tell the same event in their own words.
 * What must hold: all of it follows from (seed, day, paper, slot); nothing is kept. */
#pragma once
#include "beats.h"

enum { PAPERS = 120, FIRST_DAY_EACH = 3, FLOODED = 25 };

struct press {
	uint64_t seed;
	int64_t first_ns;  /* midnight of day 1 */
	unsigned day;	   /* today; 1 is the first. Day 0 are back issues, which stand in no feed */
	unsigned flood;	   /* so many articles of paper FLOODED on day 1; 0: as the others */
};
struct article {
	const struct press *press;
	const struct beat *beat;
	unsigned day, paper, slot;
	uint64_t event, telling;
	int64_t published_ns;
};
const struct beat *press_beat(unsigned paper);
struct slice press_name(unsigned paper);
/* How many articles a paper prints on a day. */
unsigned press_prints(const struct press *, unsigned day, unsigned paper);
/* The newest day on or before today on which it printed anything. */
unsigned press_changed(const struct press *, unsigned paper);

struct article article_of(const struct press *, unsigned day, unsigned paper, unsigned slot);
/* From the end of its address, "...-1-17-2.html". false: there is none, or not yet. */
bool article_find(const struct press *, struct slice path, struct article *ret);
MUST int article_put_path(const struct article *, struct buf *out); /* /2026/03/02/a-headline-1-17-2.html */
MUST int article_put_title(const struct article *, struct buf *out);
MUST int article_put_author(const struct article *, struct buf *out);
MUST int article_put_lead(const struct article *, struct buf *out);
MUST int article_put_text(const struct article *, struct buf *out); /* paragraphs parted by a line break, the lead first */
