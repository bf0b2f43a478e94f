/* guard.h - where a host that comes from data may lead
 *
 * What this room is for: whoever can write a record, or answer with a redirect, must not choose which machine behind our firewall is
 *   asked. Public addresses are everybody's; the rest only by name.
 * Life cycle: http_guard_new, filled before the first request, http_guard_free after the last.
 * What must hold: (1) addresses are judged, not names: those that a connection is about to be made to (DNS rebinding). (2) an
 *   origin that the pipeline itself names, or `host:port` in `allow`, is not asked about. */
#pragma once
#include "io/ranges.h"
#include "io/url.h"

struct http_guard;

struct http_guard *http_guard_new(void);
void http_guard_free(struct http_guard *); /* accepts NULL */
/* "loopback", "private", "10.0.0.0/8", "::1", "host:port", "[::1]:8080". -EINVAL: none of these. */
MUST int http_guard_allow(struct http_guard *, struct slice word);
#define HTTP_GUARD_WORDS "none of loopback, private, a range like 10.0.0.0/8, HOST:PORT"
MUST int http_guard_word_check(struct slice word); /* the same, without a guard */
void http_guard_trust(struct http_guard *,
		      struct slice origin); /* "https://host:port", as url_put_origin writes it */

bool http_guard_knows(const struct http_guard *,
		      const struct url *); /* by name: no address need be judged */
bool http_guard_admits(const struct http_guard *, const union dns_address *);
/* Behind a proxy nobody here sees the address. Names are the proxy's to judge; this refuses what is, or is a way to write, an
 * address that is not admitted. */
bool http_guard_admits_unseen(const struct http_guard *, struct slice host);
