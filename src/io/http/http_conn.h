/* http_conn.h - one connection to an origin: plain or TLS behind a small table of operations
 *
 * Life cycle: http_conn_open resolves, connects and (https) shakes hands, each under its own clock; http_conn_close.
 * What must hold: only one exchange uses a connection at a time; the pool owns it in between. */
#pragma once
#include "base/err.h"
#include "io/http.h"
#include <sys/uio.h>

struct http_conn;
struct http_origin;
struct spare;
struct dns;
struct proxy;
struct http_guard;
struct tls_context;

/* The operations of a connection. 0 or bytes, else -errno; -ECONNRESET for all ways in which a peer goes away in
 * mid-stream, -EBADMSG for what TLS cannot make sense of, -EKEYREJECTED when the peer refuses our certificate. */
struct http_wire {
	int (*wait)(struct http_conn *)
		SUSPENDS; /* until there is something to read: no block is held meanwhile */
	ssize_t (*read)(struct http_conn *, void *,
			size_t) SUSPENDS; /* 0: the peer's orderly end */
	int (*write)(struct http_conn *, struct iovec *,
		     int n) SUSPENDS;      /* all of it; consumes the iovecs */
	bool (*quiet)(struct http_conn *); /* open, and nothing unread: may carry another request */
	void (*end)(struct http_conn *);
};

extern const struct http_wire
	http_plain_wire; /* needs nothing of a connection but its fd, and closes that */

struct http_link { /* a place in a ring */
	struct http_link *next, *prev;
};

struct http_conn {
	const struct http_wire *wire;
	int fd;
	struct tls *tls; /* owns; NULL: plain */
	struct http_origin *origin;
	struct http_link in_origin, in_pool; /* while idle */
	int64_t idle_since_ns;
};

struct http_dial { /* what opening needs; all borrowed */
	struct dns *dns;
	struct tls_context *tls; /* https only */
	struct spare *spare;
	struct http_pool *pool; /* gives up idle connections when descriptors run out */
	struct http_origin *origin;
	const struct proxy *proxy;      /* NULL: directly */
	bool tunnel;                    /* through a proxy by CONNECT, also without TLS */
	const struct http_guard *guard; /* NULL: any address will do */
	const struct http_clocks *clocks;
};
/* A new connection, or NULL with *err: dns, refused, connect_timeout, timeout(dns), timeout(tls), tls, certificate, ... */
struct http_conn *http_conn_open(const struct http_dial *, struct err *) SUSPENDS;
/* TLS from here on, under its clock (STARTTLS): nothing that came before may be unread. After a failure: http_conn_close. */
MUST int http_conn_secure(const struct http_dial *, struct http_conn *, struct err *) SUSPENDS;
void http_conn_close(struct http_conn *);
