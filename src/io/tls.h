/* tls.h - TLS 1.2 and 1.3 by OpenSSL, on the loop
 *
 * What this room is for: https. Certificates and host names are checked unless the origin is marked insecure.
 * Life cycle: one context a client, made at the first https request; tls_handshake turns a connected http_conn into a
 *   TLS one; http_conn_close ends it.
 * What must hold: (1) OpenSSL never touches a descriptor and never parks: it reads and writes memory (see tls.c).
 *   (2) all its calls run on the loop's own stack. (3) its error queue is empty between our calls. */
#pragma once
#include "base/err.h"
#include "io/http/http_conn.h"

struct tls_context;
struct tls;

/* What there is to say about -EKEYREJECTED. */
#define TLS_REFUSES_OURS \
	"wants another client certificate than it was shown; set tls: {cert: FILE, key: FILE}"

/* ca_file NULL: SSL_CERT_FILE and the system's. */
MUST int tls_context_new(const char *ca_file, struct tls_context **ret, struct err *);
/* The certificate that servers are shown when they ask for one; key_file NULL: it is in the same file. */
MUST int tls_context_show(struct tls_context *, const char *cert_file, const char *key_file,
			  struct err *);
/* Offers no protocol by ALPN; else http/1.1. Mail servers refuse others' (Exim's tls_alpn). */
void tls_context_no_alpn(struct tls_context *);
void tls_context_free(struct tls_context *); /* accepts NULL */

/* Shakes hands on a plain connected c. 0; -ECANCELED; -ETIMEDOUT never (the caller's scope says that); else -1 with *err:
 * tls, certificate, protocol (the peer speaks no TLS), reset. */
MUST int tls_handshake(struct tls_context *, struct spare *, struct http_conn *c,
		       struct err *) SUSPENDS;
void tls_forget_session(struct http_origin *);
