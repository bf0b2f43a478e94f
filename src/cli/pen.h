/* pen.h - text for people, piece by piece: colours, cut to the width, errors stick until the end
 *
 * What must hold: (1) what comes from data passes pen_data: no control character of it reaches the terminal. (2) colours come only
 *   from here, and only when they are wanted. */
#pragma once
#include "base/buf.h"

enum ink { INK_PLAIN, INK_BOLD, INK_DIM, INK_RED, INK_GREEN, INK_YELLOW };
struct pen {
	struct buf *out; /* borrows */
	bool color;
	bool whole;     /* nothing is cut */
	unsigned width; /* columns of a line */
	int error;
};
void pen_put(struct pen *, struct slice);
void pen_printf(struct pen *, const char *fmt, ...) PRINTF(2, 3);
void pen_ink(struct pen *, enum ink);
/* At most so many characters, the last one then dots; control characters become blanks. */
void pen_data(struct pen *, struct slice text, size_t most);
void pen_count(struct pen *, uint64_t n);    /* 5,000 */
void pen_size(struct pen *, uint64_t bytes); /* 38 MB */
void pen_duration(struct pen *, int64_t ns); /* 840ms */
MUST int pen_end(struct pen *);              /* 0 or the first error */
