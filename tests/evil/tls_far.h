/* tls_far.h - the evil server's side of TLS: OpenSSL between memory and memory, over any socket of the loop
 *
 * Life cycle: tls_world_open before all, tls_world_close after all; tls_far_accept on a connection, tls_far_free. */
#pragma once
#include "base/lang.h"
#include <stddef.h>
#include <sys/types.h>

struct tls_far;

enum who { GOOD_HOST, OTHER_HOST, EXPIRED, NOT_YET, SELF_SIGNED, UNKNOWN_CA, NO_NAMES };

struct tls_manner { /* how a handshake is gone through; all zero: decently */
	enum who who;
	int newest;       /* TLS1_1_VERSION: no newer; 0: the newest there is */
	bool wants_cert;  /* of the client, who has none */
	bool picks_http2; /* by ALPN, though it was not offered */
	bool no_tickets;
	size_t most; /* bytes that are sent; 0: all. Behind them comes the script's end */
};

void tls_world_open(void);
void tls_world_close(void);
const char *tls_world_ca_file(void);

/* NULL: the handshake failed; whatever there was to say about it was said. */
struct tls_far *tls_far_accept(int fd, const struct tls_manner *) SUSPENDS;
ssize_t tls_far_read(struct tls_far *, void *, size_t) SUSPENDS;        /* as hk_read */
ssize_t tls_far_write(struct tls_far *, const void *, size_t) SUSPENDS; /* as hk_write */
void tls_far_free(struct tls_far *);

/* Moves of their own: 0, < 0. */
int tls_far_notify(struct tls_far *) SUSPENDS;      /* the orderly end */
int tls_far_renegotiate(struct tls_far *) SUSPENDS; /* TLS 1.2 */
int tls_far_100_key_updates(struct tls_far *) SUSPENDS;
int tls_far_key_updates(struct tls_far *) SUSPENDS; /* thousands, and nothing else */
int tls_far_tickets(struct tls_far *) SUSPENDS;     /* hundreds */
