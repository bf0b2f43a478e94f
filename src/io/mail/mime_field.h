/* mime_field.h - header fields: folded, in ASCII, read back as they were (RFC 5322 2.2.3, RFC 2047, RFC 2231)
 *
 * Life cycle: one `struct mime_field` a message; field_begin, words and texts, field_end, for each field.
 * What must hold: (1) lines are at most 78 bytes where there is a blank to break at, never more than 998; a line with an encoded word at most 76. (2) an encoded
 *   word has at most 75 bytes and whole characters. (3) text that looks like an encoded word is encoded, so that it stays text. (4) values
 *   have no CR, LF, NUL and are valid UTF-8: the caller has looked. (5) the first failure stays in `r`; what comes after does nothing. */
#pragma once
#include "base/buf.h"

#define MIME_WORD_MAX 900 /* bytes without a blank that stand as they are */

struct mime_field {
	struct buf *out;
	int r;
	size_t column;
};
void field_begin(struct mime_field *, struct slice name);
void field_end(struct mime_field *);
void field_word(struct mime_field *,
		struct slice ascii); /* behind a blank, or on a line of its own */
void field_glue(struct mime_field *, struct slice ascii); /* right behind what is there */
void field_text(struct mime_field *, struct slice value);
void field_phrase(struct mime_field *, struct slice name); /* a name before "<" */
/* ; name=value: as a token or quoted, or by RFC 2231, in sections when it is long. */
void field_param(struct mime_field *, const char *name, struct slice value);
/* Is it short ASCII that every program reads from quotation marks? */
bool field_param_is_plain(struct slice value);
