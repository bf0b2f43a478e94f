/* http_server.h - a small HTTP/1.1 server on the loop: the demo API now, dashboard and webhooks later
 *
 * Life cycle: http_server_open binds and listens; http_server_run accepts until cancelled, one task per connection in a
 *   group of its own; requests on one connection are answered in order (keep-alive, no pipelining of handlers). After
 *   http_server_stop nothing new is taken, what was begun is answered, and run returns.
 * What must hold: header and body ceilings (64 KiB, 16 MiB by default) answered with 431 and 413; a malformed request gets 400 and the
 *   connection is closed; a slow sender is closed after the clocks below. */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "io/http.h"

struct spare;
struct http_incoming {
	struct slice method, target, path,
		query; /* borrow from the connection's buffer until the handler returns */
	const struct http_header *headers;
	size_t header_count;
	int minor; /* HTTP/1.minor */
	struct slice body;
	int fd; /* for handlers that misbehave on purpose (the demo API's resets), or take the connection over */
	struct slice rest;   /* what came behind the request */
	struct spare *spare; /* the server's blocks */
};
struct http_reply {
	int status; /* 0: 200 */
	struct buf body;
	const char *content_type; /* NULL: application/json */
	const struct http_header
		*headers; /* extra; borrows until the handler's answer is written */
	size_t header_count;
	struct buf lines; /* owns; more headers, as lines that who adds them has checked */
	bool close;       /* after this answer */
	bool drop;        /* close at once without any answer (reset) */
	bool taken; /* the handler has spoken itself (an upgrade): the connection is closed without a word */
	size_t truncate; /* > 0: send only so many bytes of the body, then close (a fault of the demo API) */
};
typedef void http_handler(void *arg, const struct http_incoming *, struct http_reply *) SUSPENDS;

struct http_server;
struct http_server_options {
	uint64_t max_body_bytes;
	int64_t idle_ns;
	unsigned max_connections; /* 0: 10,000; others wait for one that is idle, or answered */
	size_t max_head_bytes;    /* 0: 64 KiB */
	/* Heads and bodies of all connections together, which would be theirs to decide otherwise: above it 503. 0: no limit */
	uint64_t max_held_bytes;
	int64_t head_ns; /* from a head's first byte to its last; 0: idle_ns is for both */
	int64_t body_ns; /* for a whole body, beside idle_ns for each piece of it; 0: no limit */
};
MUST int http_server_open(const char *address, uint16_t port, http_handler *, void *arg,
			  const struct http_server_options *, struct http_server **ret,
			  struct err *);
int http_server_port(const struct http_server *);
MUST int http_server_run(struct http_server *,
			 struct err *) SUSPENDS; /* until cancelled: 0; -1: the listener failed */
/* Listens no more; idle connections are closed, requests that have begun are answered as their last. Then run returns 0. */
void http_server_stop(struct http_server *);
void http_server_free(struct http_server *);
bool http_incoming_header(const struct http_incoming *, const char *name, struct slice *ret);
/* The value of a query parameter, percent-decoded into out. false: not there. */
bool http_incoming_query(const struct http_incoming *, const char *name, struct buf *out);
