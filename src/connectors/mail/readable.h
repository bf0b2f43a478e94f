/* readable.h - HTML as plain text, for readers who see no HTML */
#pragma once
#include "base/buf.h"

/* Appends what a person would read: words, lines for blocks, "- " for items, addresses of links behind their words. Never more than 4 times
 * the HTML. 0, or buf_add's errors. */
MUST int readable_put(struct slice html, struct buf *out);
