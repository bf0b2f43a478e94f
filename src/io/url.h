/* url.h - the parts of an http(s) URL, borrowed from its text (RFC 3986, RFC 9110 section 4.2) */
#pragma once
#include "base/buf.h"

struct url {
	bool tls;          /* https */
	struct slice host; /* without brackets; IPv6 as written */
	uint16_t port;     /* 80 or 443 when absent */
	struct slice
		target; /* path and query, "/" when empty; no fragment. "?x=1" when only the path is empty: write '/' before it */
	struct slice userinfo;
};

/* 0, -EINVAL with *why (static text: "no scheme; write http:// or https://"). */
MUST int url_parse(struct slice text, struct url *ret, const char **why);
/* "https://host:port": scheme and host in lower case, default port left out. The key of pools and lanes. */
MUST int url_put_origin(const struct url *, struct buf *out);
/* Resolves a reference (Location, next link) against a base (RFC 3986 5.2, with dot segments removed). */
MUST int url_resolve(struct slice base, struct slice reference, struct buf *out);
/* Percent-encodes one path segment or query value: everything but unreserved characters. */
MUST int url_put_segment(struct slice text, struct buf *out);
/* The URL without userinfo, as it may stand in messages. */
MUST int url_put_shown(struct slice text, struct buf *out);
