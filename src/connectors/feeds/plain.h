/* plain.h - HTML in titles becomes text
 *
 * What must hold: (1) tags that HTML has go, with what they cannot show (script, style); "a < b" and "List<String>" stay as they are.
 *   (2) entities become characters, once: "AT&amp;amp;T" of a feed is "AT&amp;T" here, and AT&T in the record. (3) runs of blanks become one. */
#pragma once
#include "base/buf.h"

/* Appends. 0, or buf_add's errors. */
MUST int plain_put_html(struct slice html, struct buf *out);
/* Without tags and entities: only the blanks. */
MUST int plain_put_text(struct slice text, struct buf *out);
/* One entity at the front of text, which begins with '&': its character to out (4 bytes); returns how many bytes of text it takes; 0: it
 * is none. */
size_t plain_entity(struct slice text, char out[static 4], size_t *ret_n);
/* The same with the character's number. */
size_t plain_entity_code(struct slice text, unsigned *ret_code);
/* The character that Windows-1252 has for a byte. */
unsigned plain_windows(unsigned char byte);
