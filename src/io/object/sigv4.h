/* sigv4.h - Signature Version 4: who asks, proven without showing the key
 *
 * AWS, "Create a signed AWS API request"; Google's V4 signatures for HMAC keys are the same with other words.
 * What must hold: (1) what is signed is what is sent: path and query as they go on the wire, each header that is given. (2) secret keys
 *   and what is derived from them are wiped from the stack. */
#pragma once
#include "base/buf.h"
#include "io/http.h"

struct sigv4_scheme {
	const char *algorithm, *secret_prefix,
		*end; /* "AWS4-HMAC-SHA256", "AWS4", "aws4_request" */
};
extern const struct sigv4_scheme sigv4_aws, sigv4_google;

enum { SIGV4_TIME = sizeof "20260131T123000Z" - 1 };

struct sigv4 { /* all borrows */
	const struct sigv4_scheme *scheme;
	struct slice access_key, secret_key, region, service;
	struct slice time; /* as sigv4_put_time makes it */
	struct slice method;
	struct slice path;  /* encoded, begins with '/' */
	struct slice query; /* "a=b&c=": encoded, in any order; a name without value has its '=' */
	const struct http_header
		*headers; /* all of them are signed: host among them, no name twice */
	size_t header_count;
	struct slice payload; /* SHA-256 of the body in hexadecimal, or a word of the service's */
};
/* "AWS4-HMAC-SHA256 Credential=..., SignedHeaders=..., Signature=...": the value of Authorization. -EMSGSIZE: more than SIGV4_HEADERS
 * headers or SIGV4_FIELDS fields of the query. */
enum { SIGV4_HEADERS = 48, SIGV4_FIELDS = 16 };
MUST int sigv4_put_authorization(const struct sigv4 *, struct buf *out);
MUST int sigv4_put_time(int64_t wall_ns, struct buf *out); /* "20260131T123000Z" */
/* What is hashed first; for tests. */
MUST int sigv4_put_canonical(const struct sigv4 *, struct buf *out);
