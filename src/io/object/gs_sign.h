/* gs_sign.h - HMAC keys: each request is signed (Google's V4 signatures, GOOG4-HMAC-SHA256) instead of carrying a token
 *
 * What must hold: what is signed is what is sent: Host, the type and all x-goog- headers; not what proxies change on the way. */
#pragma once
#include "io/object/gs.h"

enum { GS_SIGN_HEADERS = 4 };
struct gs_signature { /* all zero at first */
	struct buf host, time, authorization;
	struct http_header headers[GS_SIGN_HEADERS]; /* for the request, beside its own */
};
void gs_signature_done(struct gs_signature *); /* AUTO */
MUST int gs_sign(const struct gs_credential *, const struct http_request *,
		 struct gs_signature *ret, struct err *);
