/* trust.h - whom to believe, and who we are: a CA and a client certificate from files, as a client keeps them
 *
 * Life cycle: the client makes one for each different set of files, reads them once, and keeps it as long as it lives.
 * What must hold: (1) connections with different trusts never share an origin in the pool. (2) a client certificate is shown only
 *   to the origin it was written for: any other gets its `stranger`, which has the same CA and nothing to show. */
#pragma once
#include "base/err.h"

struct tls_context;
struct http_trust_files {
	const char *ca;   /* PEM; NULL: the client's */
	const char *cert; /* PEM, with what leads to its CA; NULL: none is shown */
	const char *key;  /* PEM, not encrypted; NULL: it is in cert */
};
struct http_trust {
	struct http_trust *next;
	char *ca, *cert, *key;             /* own; may be NULL */
	struct tls_context *tls;           /* owns */
	const struct http_trust *stranger; /* may be itself; NULL: the client's own trust */
};
/* Finds or makes it in a client's list. FAULT_CONFIG names option and file. */
MUST int http_trust_find(struct http_trust **list, const struct http_trust_files *,
			 const struct http_trust **ret, struct err *);
void http_trust_free_all(struct http_trust *);
