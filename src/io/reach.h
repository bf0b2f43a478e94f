/* reach.h - a connection to one of the addresses of a name, whichever answers first (RFC 8305, "happy eyeballs")
 *
 * What must hold: (1) the next address is tried when one has failed, or after REACH_PATIENCE_NS of silence; those before it go on
 *   meanwhile. (2) the first to connect wins; when reach returns, every other attempt is over and its socket closed.
 *   (3) one address costs no task. */
#pragma once
#include "io/dns.h"

struct http_pool;

#define REACH_PATIENCE_NS (INT64_C(250) * 1000000) /* RFC 8305 section 5 */

/* The order of trying: families take turns, the resolver's first one first (section 4); before all, the address that was
 * reached last time, if it is still one of them. `last` may be NULL. */
void reach_order(struct dns_answer *, const union dns_address *last);
/* A connected socket, or -errno: -ECANCELED, or of the attempt that failed last. *ret_which: the address that won or failed
 * last; without either, the one begun last. Ports are set; n > 0. */
MUST int reach(const struct dns_answer *, struct http_pool *, unsigned *ret_which) SUSPENDS;
