/* http_pool.h - idle connections, kept per origin
 *
 * What this room is for: the next request finds a warm connection. The youngest is used first, so that the pool shrinks
 *   to what is needed; the oldest are closed when their time is over.
 * What must hold: (1) every operation is O(1): nobody walks the connections. (2) a connection comes out of the pool only
 *   if it is still open and nothing unread waits on it. (3) checked and unchecked certificates never share an origin.
 *   (4) an origin lives while connections or requests name it; with a TLS session to resume it stays on as a dormant one,
 *   of which there are at most POOL_DORMANT. */
#pragma once
#include "io/dns.h"
#include "io/http/http_conn.h"
#include "io/url.h"

#define POOL_DORMANT 256

struct http_origin {
	struct http_origin *chain;
	uint64_t hash;
	size_t uses; /* connections (idle or not) and requests that name it */
	size_t idle_count;
	struct http_link idle;          /* in_origin; next is the youngest */
	struct http_link dormant;       /* while uses == 0 */
	union dns_address reached;      /* by the last connection; family 0: none yet */
	struct ssl_session_st *session; /* owns; the last TLS session, for resumption */
	const struct http_trust *trust; /* NULL: the client's own */
	uint16_t port;
	bool tls, insecure;
	char host[]; /* lower case, 0-terminated */
};

struct http_pool {
	struct http_origin **buckets; /* owns */
	size_t bucket_count, origin_count;
	struct http_link idle; /* in_pool, of all origins; next is the youngest */
	size_t idle_count;
	struct http_link dormant; /* origins that nobody names; next is the youngest */
	size_t dormant_count;
	size_t idle_per_origin, idle_max;
	int64_t idle_ns;
	void (*forget_session)(struct http_origin *);
};

void http_pool_init(struct http_pool *, size_t idle_per_origin, int64_t idle_ns);
void http_pool_done(struct http_pool *); /* closes all; no origin may be in use */

/* Finds or makes the origin and names it once more; give it back with http_origin_release. */
struct http_origin *http_pool_origin(struct http_pool *, const struct url *, bool insecure,
				     const struct http_trust *);
void http_origin_release(struct http_pool *, struct http_origin *);

struct http_conn *http_pool_take(struct http_pool *, struct http_origin *,
				 int64_t now_ns);                           /* NULL: none */
void http_pool_put(struct http_pool *, struct http_conn *, int64_t now_ns); /* takes it */
/* Closes the oldest idle connection; false: there is none. */
bool http_pool_evict(struct http_pool *);
