/* http_inflate.h - compressed bodies (gzip, deflate, br, zstd), streaming, with ceilings
 *
 * What must hold: output never grows beyond max bytes, nor beyond 200 times what came in (from 64 KiB on: tiny bodies
 *   of blanks are no bombs). Small decoders are kept and used again: making zlib's costs 40 KiB of fresh memory. */
#pragma once
#include "base/buf.h"
#include "io/http/http_coding.h"

#define HTTP_INFLATE_RATIO  200
#define HTTP_INFLATE_ACCEPT "gzip, deflate, br, zstd" /* what http_inflate_open knows */

struct http_inflate;
struct http_inflate_spare { /* free ones */
	struct http_inflate *first[CODINGS];
	unsigned kept;
};

/* -ENOTSUP: not a coding we know. *ret is NULL for "identity" and no coding at all. */
MUST int http_inflate_open(struct http_inflate_spare *, struct slice coding,
			   struct http_inflate **ret);
void http_inflate_close(struct http_inflate_spare *, struct http_inflate *); /* accepts NULL */
void http_inflate_spare_done(struct http_inflate_spare *);
/* 0; -EMSGSIZE (a ceiling), -EBADMSG (not what the coding promises) with *why; -ENOMEM. */
MUST int http_inflate_add(struct http_inflate *, struct slice in, struct buf *out,
			  const char **why);
/* The body has ended: 0, -ENODATA when the compressed stream has not. */
MUST int http_inflate_end(const struct http_inflate *);
