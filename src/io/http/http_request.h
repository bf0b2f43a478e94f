/* http_request.h - a request's check and its bytes
 *
 * What must hold: what passed http_request_check cannot break out of its line; the head is written by one function. */
#pragma once
#include "base/err.h"
#include "io/http.h"
#include "io/proxy.h"
#include "io/url.h"

/* Which headers the caller gave; they are not added then. */
struct http_given {
	bool host, length, accept, accept_encoding, user_agent, authorization, close;
};
/* Method, header names and values; FAULT_BAD_VALUE. */
MUST int http_request_check(const struct http_request *, struct http_given *ret, struct err *);

/* The body's parts: body_parts, or the one body. */
struct http_body {
	const struct slice *parts;
	size_t n;
	uint64_t bytes; /* of all */
};
struct http_body http_request_body(const struct http_request *); /* borrows */

struct http_head {
	const struct http_request *request;
	const struct http_given *given;
	const struct url *url;
	struct slice user_agent;
	const struct proxy *proxy; /* NULL, or who reads this request and passes it on */
	bool other_origin;         /* a redirect led elsewhere: credentials and Host stay behind */
};
size_t http_head_bound(const struct http_head *);          /* room that is surely enough */
size_t http_head_put(const struct http_head *, char *out); /* bytes written */
/* A header line with user:password, percent-decoded, as Basic authentication (RFC 7617). 0, or buf_add's errors. */
MUST int http_add_basic(struct buf *out, struct slice name, struct slice userinfo);
bool http_method_is_safe(struct slice method); /* RFC 9110 9.2.1 */
