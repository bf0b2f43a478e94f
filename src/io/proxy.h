/* proxy.h - which requests go through a proxy, and the tunnel through it
 *
 * What this room is for: HTTP_PROXY, HTTPS_PROXY and NO_PROXY (or in lower case, which wins), as curl and Go read them.
 * What must hold: (1) no message contains a proxy's credentials. (2) this machine is never asked for through a proxy. (3) a
 *   server sees nothing of what is meant for the proxy: its credentials go into CONNECT, or, for http, into the one request that
 *   the proxy itself reads. */
#pragma once
#include "base/err.h"
#include "io/url.h"

struct http_conn;
struct proxies;

struct proxy {
	char *text;     /* owns; the URL, credentials and all */
	struct url url; /* of it: host, port, userinfo */
	char *host;     /* owns */
};

/* What the environment says; *ret is NULL when that is nothing. FAULT_CONFIG names the variable. */
MUST int proxies_from_environment(struct proxies **ret, struct err *);
void proxies_free(struct proxies *); /* accepts NULL */
void proxies_freep(struct proxies **);
/* NULL: go there directly. */
const struct proxy *proxies_find(const struct proxies *, const struct url *);

/* Asks for a tunnel to the connection's origin (RFC 9110 9.3.6). 0; -ECANCELED; else -1 with *err: config (407), forbidden (other
 * 4xx), refused, reset, protocol. */
MUST int proxy_tunnel(const struct proxy *, struct http_conn *, struct err *) SUSPENDS;
