/* charset.h - text of another encoding as UTF-8
 *
 * What this room is for: `encoding:` of csv and lines: exports of old programs are latin1, windows-1252 or a relative.
 * What must hold: (1) only encodings of one byte per character, of which the first 128 are ASCII: then delimiters, quotes and line
 *   ends are found in the bytes as they are, and positions stay offsets of the file. (2) a byte that means nothing is told, not
 *   replaced. */
#pragma once
#include "base/buf.h"
#include "engine/port.h"

struct charset; /* NULL is UTF-8 */

bool charset_is_utf8(const char *encoding); /* also NULL */
/* In plan(): is `encoding` one that can be read? */
void charset_check(const char *encoding, struct diag *);
/* NULL for UTF-8; the name was checked. */
struct charset *charset_new(const char *encoding);
void charset_free(struct charset *); /* accepts NULL */

/* Appends text as UTF-8. 0; -EILSEQ: a byte means nothing in it (UTF-8: is no UTF-8); buf_add's errors. */
MUST int charset_put(const struct charset *, struct slice text, struct buf *out);
/* The same without copying what is UTF-8 already: *ret is the text, or what was put into the empty scratch. */
MUST int charset_read(const struct charset *, struct slice text, struct buf *scratch,
		      struct slice *ret);
/* "not UTF-8; ..." or "not windows-1252; ...": what to do when it is another. */
const char *charset_advice(const struct charset *);

#define ENCODING_OPTION(T, member)                                                         \
	OPT("encoding", T, member, OPT_STRING, const char *, .fallback = "utf-8",          \
	    .doc = "of the text: utf-8, latin1, windows-1252, or another of one byte per " \
		   "character")
