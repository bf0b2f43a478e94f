/* fake_api.h - an HTTP API of fixed answers on loopback, and a log of what it was asked
 *
 * {PORT} in a body or header is the server's port, so that answers can name absolute URLs. "localhost" and "127.0.0.1" are two
 * origins of the same server. */
#pragma once
#include "fake_engine.h"
#include "io/http.h"

struct api_route {
	const char *
		target; /* path and query; the first that fits, then the next with the same target, the last stays */
	int status;
	const char *type, *body;
	const char *header, *value; /* one more header */
};
struct api {
	const struct api_route *routes; /* ends with target NULL */
	unsigned asked[256];            /* per route */
	int port;
	struct buf
		log; /* "GET /a?b authorization=..., cookie=...: body\n", headers only when they were sent */
};
/* Runs body in a task of a loop that also runs the server and fake_http. */
void with_api(struct api *, const struct api_route *routes, void (*body)(struct api *, void *),
	      void *arg);
/* text with {PORT} replaced; static storage, four at a time. */
const char *api_text(const struct api *, const char *text);
