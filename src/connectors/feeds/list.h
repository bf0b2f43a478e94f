/* list.h - which feeds: a file with one URL a line, an OPML file, a URL, or a list of these
 *
 *     # news
 *     https://example.com/feed.xml        # blanks before a '#' make it a comment
 *
 * What must hold: (1) the order is that of the file; what stands there twice is one feed. (2) a line that is no URL is a mistake, with file and
 *   line: a list that is read by half would lose feeds in silence. (3) a feed's name, in records, states and messages, is its URL without
 *   userinfo. */
#pragma once
#include "base/arena.h"
#include "connectors/seen.h"
#include "engine/port.h"

enum { FEEDS_MAX = 10000, LIST_BYTES_MAX = 16 << 20 };

struct listed {
	struct slice url; /* to ask */
	const char *name; /* to say */
};
struct feed_list {
	struct arena *arena; /* borrows: all texts */
	struct listed *v;    /* owns */
	size_t n, cap;
	struct seen names;
};
void feed_list_done(struct feed_list *);
/* One word of the option: a URL, or a file, relative to the folder. FAULT_CONFIG. */
MUST int feed_list_add(struct feed_list *, struct slice word, const char *folder,
		       struct err *) SUSPENDS;
