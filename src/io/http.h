/* http.h - an HTTP/1.1 client with a keep-alive pool per origin
 *
 * What this room is for: concurrent API calls, the thing this project exists for.
 * What flows through:    one request in, one whole answer out. No retry, no rate, no log: those are the engine's.
 * What must hold:
 *  (1) a connection is used again only after a complete exchange: cancel, time-out or any error in mid-exchange
 *      closes it. No answer can reach another request.
 *  (2) stale keep-alive: a reused connection that closes before the first byte of the answer is not a failure:
 *      the request is sent once more on a fresh connection if it is safe or had not been written (RFC 9110 9.2.2).
 *  (3) every buffer has a ceiling with an error of its own: headers 256 KiB, body and inflated body by the limits,
 *      inflation ratio 200:1.
 *  (4) err.sent is true when the far side may have acted on the request.
 *  (5) classes: dns refused connect_timeout tls certificate reset timeout(clock) truncated protocol too_large.
 *      A status is an answer, not a fault: the caller judges it. */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "io/trust.h"

struct http_client;
struct http_guard;

struct http_client_options {
	unsigned idle_per_origin; /* kept connections; 0: 1,024 */
	int64_t idle_ns;          /* how long one is kept; 0: 30 s */
	const char *ca_file;      /* PEM; NULL: SSL_CERT_FILE, else the system's */
	const char *user_agent;   /* NULL: "hocket/VERSION" */
	bool environment_proxies; /* honours HTTP_PROXY, HTTPS_PROXY and NO_PROXY (proxy.h) */
	/* Test builds only (meson -Dtest_hosts=true): "api.example.com:443=127.0.0.1:8001 ..." in the environment variable
	 * HOCKET_TEST_HOSTS makes these names connect there, https spoken as plain http. Not compiled in otherwise. */
};
MUST int http_client_new(const struct http_client_options *, struct http_client **ret,
			 struct err *);      /* in a task */
void http_client_free(struct http_client *); /* closes all idle connections; none may be in use */

struct http_header {
	struct slice name, value; /* received ones have a 0 behind them */
};
struct http_clocks { /* 0: only the caller's scope ends it */
	int64_t connect_ns, tls_ns, first_byte_ns, idle_ns;
};
/* The body is at least so long, and will have `bytes` in memory: may park until there is room; the request's clocks stand still meanwhile. < 0 ends the
 * exchange; -EMSGSIZE: FAULT_TOO_LARGE. */
struct http_response;
typedef int http_room(void *arg, const struct http_response *head, uint64_t length,
		      uint64_t bytes) SUSPENDS;
/* A connection that speaks another protocol from here on (RFC 9110 7.8). */
struct http_conn;
struct http_upgrade {
	struct http_conn *conn; /* gives, with status 101: http_upgrade_close ends it */
	struct buf rest;        /* gives: what came behind the answer's head */
};
struct http_request {
	struct slice method; /* "GET" */
	/* Absolute, checked by the caller with url_parse; userinfo becomes Basic authentication */
	struct slice url;
	const struct http_header *headers;
	size_t header_count; /* Host, Content-Length, Accept-Encoding, User-Agent, Accept are added unless given */
	struct slice body; /* borrows; p == NULL: no body, Content-Length only for POST PUT PATCH */
	/* Instead of body, sent one after another as one: what is large stays where it is. */
	const struct slice *body_parts;
	size_t body_part_count;
	struct http_clocks clocks;
	/* Asked before a body of more than 32 KiB is read: with its length, of a long one or of one that does not say it in steps
	 * that double. NULL: nobody is asked. */
	http_room *room;
	void *room_arg;
	uint64_t max_body_bytes; /* as received; 0: 64 MiB. Inflated: 4 times that, at most 200:1 */
	bool keyed; /* sending twice is harmless (idempotency key): may be sent again on a stale connection */
	/* Judges where a host that is not the pipeline's own may lead: this URL's, with data_host, and a redirect's elsewhere. NULL:
	 * anywhere. FAULT_FORBIDDEN. */
	const struct http_guard *guard;
	bool data_host;
	const struct http_trust *trust; /* NULL: the client's own */
	bool insecure;                  /* no certificate check */
	bool no_redirects;
	bool direct;  /* through no proxy: for what is this machine's own (metadata servers) */
	bool as_sent; /* the body of the answer is not inflated */
	/* Asks for another protocol on a connection of its own, through a proxy only by CONNECT: a 101 is an answer like any other. NULL:
	 * it is refused as one that nobody asked for. */
	struct http_upgrade *upgrade;
};
struct http_response {
	int status;
	struct http_header *headers; /* in arena-like storage of this response; names as received */
	size_t header_count;
	/* Owns; inflated (gzip, deflate, br, zstd; the Content-Encoding header stays as received) */
	struct buf body;
	struct buf url; /* after redirects; empty when there were none */
	bool moved;     /* there were, and each said that it is for good (301, 308) */
	int64_t first_byte_ns, total_ns;
	bool reused; /* the connection */
	void *storage_;
};

/* One exchange, redirects followed for GET and HEAD (at most 5; https to http refused; all headers
 * but the harmless ones dropped when the origin changes). 0, or -1 with *err. Header values with CR, LF or NUL: FAULT_BAD_VALUE before
 * anything is sent. On -1 *ret is empty. Cancelled: FAULT_CANCELLED. */
MUST int http_exchange(struct http_client *, const struct http_request *, struct http_response *ret,
		       struct err *err) SUSPENDS;
void http_response_done(struct http_response *);                   /* AUTO */
void http_upgrade_close(struct http_client *, struct http_conn *); /* accepts NULL */
/* Says nothing about who asks, so it may go to another origin: Accept, User-Agent, Content-Type and their like. Whether a
 * header of another name is a credential cannot be told (X-Api-Key is). */
bool http_header_harmless(struct slice name);
/* First header of that name, in any case. */
bool http_response_header(const struct http_response *, const char *name, struct slice *ret);
/* Retry-After (or retry-after-ms) as nanoseconds from now: seconds or a date. 0 when absent, zero, in the past or garbage.
 * http_quota.c, and so is what answers say about quotas before they refuse. */
int64_t http_retry_after_ns(const struct http_response *);

/* Reads the files, or finds what was read before. It lives as long as the client. */
MUST int http_client_trust(struct http_client *, const struct http_trust_files *,
			   const struct http_trust **ret, struct err *);

struct http_client_stats {
	uint64_t requests, connections, reused, resent, bytes_in, bytes_out;
	size_t idle, active;
};
void http_client_stats_get(const struct http_client *, struct http_client_stats *);
