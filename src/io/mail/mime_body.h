/* mime_body.h - bodies in 7 bits: as they are, quoted-printable or base64 (RFC 2045 section 6)
 *
 * What must hold: (1) no line is longer than 76 bytes, but for text that is 7-bit with lines of at most 998 and stays as it is. (2) what is
 *   written begins at a line's start; base64 does not end with a line break. */
#pragma once
#include "base/buf.h"

enum mime_coding { MIME_7BIT, MIME_QP, MIME_BASE64 };

const char *mime_coding_name(enum mime_coding); /* of Content-Transfer-Encoding */
/* CR LF for every CR LF, CR, LF; one at the end, too. */
MUST int mime_put_lines(struct slice text, struct buf *out);
/* The shortest that keeps such text as it is. */
enum mime_coding mime_text_coding(struct slice lines);
MUST int mime_put_body(struct slice, enum mime_coding, struct buf *out);
