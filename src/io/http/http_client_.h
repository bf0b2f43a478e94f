/* http_client_.h - the inside of the client, shared by http_client.c and http_exchange.c */
#pragma once
#include "io/dns.h"
#include "io/http.h"
#include "io/http/http_inflate.h"
#include "io/http/http_pool.h"
#include "io/http/http_request.h"
#include "io/proxy.h"
#include "io/spare.h"
#include "io/tls.h"

struct http_client {
	struct http_pool pool;
	struct dns *dns;         /* owns */
	struct tls_context *tls; /* owns; made at the first https request */
	struct spare spare;
	struct http_inflate_spare inflaters;
	struct http_client_stats stats;
	struct http_trust *trusts; /* owns */
	struct proxies *proxies;   /* owns; NULL: none */
	char *user_agent;          /* owns */
	char *ca_file;             /* owns; may be NULL */
};

/* Where one request of an exchange goes: the caller's URL, or a redirect's. */
struct http_hop {
	struct url url;
	struct slice text; /* the whole URL */
	bool other_origin; /* than the caller's: credentials stay behind */
};

/* One request and its answer on one connection, or on a second one by the stale keep-alive rule. *ret is empty on -1. */
MUST int http_exchange_hop(struct http_client *, const struct http_request *,
			   const struct http_given *, const struct http_hop *,
			   struct http_response *ret, struct err *) SUSPENDS;
