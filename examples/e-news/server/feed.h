/* feed.h - a paper's feed: RSS 2.0, Atom, JSON Feed or RDF (RSS 1.0), newest first */
#pragma once
#include "press.h"

enum feed_format { FEED_RSS, FEED_ATOM, FEED_JSON, FEED_RDF };

enum feed_format feed_format(unsigned paper);
const char *feed_type(enum feed_format); /* its Content-Type */
int64_t feed_modified_ns(const struct press *, unsigned paper);
/* base: http://host:port of all addresses in it. */
MUST int feed_put(const struct press *, unsigned paper, struct slice base, struct buf *out) SUSPENDS;
