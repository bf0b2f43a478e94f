/* tls_far.c - the evil server's TLS
 *
 * What this room is for: handshakes with the wrong certificate, version or protocol, and connections that misbehave behind one.
 * What flows through:    OpenSSL's two memory BIOs, moved over the connection by the loop.
 * What must hold:        after every call of OpenSSL what it wrote is sent; its error queue is empty before the next. */
#include "tls_far.h"
#include "io/identity.h"
#include <errno.h>
#include <hocket/hocket.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WHO_COUNT = NO_NAMES + 1, KEY_UPDATES = 20000, TICKETS = 500 };

struct tls_far {
	SSL_CTX *ctx;
	SSL *ssl;
	BIO *in, *out; /* the ssl's */
	int fd;
	size_t sent, most; /* 0: no bound */
};

/* ---- identities -------------------------------------------------------------------------------------- */

static struct identity ca, unknown, identities[WHO_COUNT];
static char ca_file[] = "/tmp/hocket-evil-ca-XXXXXX";

void tls_world_open(void)
{
	static const char names[] = "DNS:localhost,DNS:evil.test,IP:127.0.0.1";
	ca = make_identity("test CA", NULL, 10, NULL);
	unknown = make_identity("another CA", NULL, 10, NULL);
	identities[GOOD_HOST] = make_identity("localhost", names, 10, &ca);
	identities[OTHER_HOST] =
		make_identity("localhost", "DNS:example.com,IP:127.0.0.2", 10, &ca);
	identities[EXPIRED] = make_identity("localhost", names, -1, &ca);
	identities[NOT_YET] = make_identity("localhost", names, 10, &ca);
	X509_gmtime_adj(X509_getm_notBefore(identities[NOT_YET].cert), 86400);
	ASSERT(X509_sign(identities[NOT_YET].cert, ca.key, EVP_sha256()) > 0);
	identities[SELF_SIGNED] = make_identity("localhost", names, 10, NULL);
	identities[UNKNOWN_CA] = make_identity("localhost", names, 10, &unknown);
	identities[NO_NAMES] = make_identity("127.0.0.1", "email:a@example.com", 10, &ca);
	int fd = mkstemp(ca_file);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
	ASSERT(f && PEM_write_X509(f, ca.cert) == 1);
	ASSERT(fclose(f) == 0);
}

void tls_world_close(void)
{
	for (size_t i = 0; i < WHO_COUNT; i++)
		identity_done(&identities[i]);
	identity_done(&unknown);
	identity_done(&ca);
	(void)unlink(ca_file);
}

const char *tls_world_ca_file(void)
{
	return ca_file;
}

/* ---- bytes --------------------------------------------------------------------------------------------- */

static int send_out(struct tls_far *t) SUSPENDS
{
	char block[4096];
	int n;
	while ((n = BIO_read(t->out, block, sizeof(block))) > 0) {
		bool last = t->most && t->sent + (size_t)n >= t->most;
		size_t some = last ? t->most - t->sent : (size_t)n;
		t->sent += some;
		if (hk_write(t->fd, block, some) < 0 || last)
			return -EPIPE;
	}
	return 0;
}

/* After a call of OpenSSL that did not succeed: 0: once more, < 0: it is over. */
static int go_on(struct tls_far *t, int result) SUSPENDS
{
	char block[4096];
	int why = SSL_get_error(t->ssl, result);
	ERR_clear_error();
	if (send_out(t) < 0 || why != SSL_ERROR_WANT_READ)
		return -EPIPE;
	ssize_t n = hk_read(t->fd, block, sizeof(block));
	if (n <= 0)
		return -EPIPE;
	return BIO_write(t->in, block, (int)n) == n ? 0 : -ENOMEM;
}

static int pick_http2(SSL *ssl, const unsigned char **out, unsigned char *n,
		      const unsigned char *in, unsigned in_n, void *arg)
{
	static const unsigned char h2[] = "h2";
	(void)ssl, (void)in, (void)in_n, (void)arg;
	*out = h2;
	*n = 2;
	return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *context_new(const struct tls_manner *m)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	ASSERT(ctx && SSL_CTX_use_certificate(ctx, identities[m->who].cert) == 1);
	ASSERT(SSL_CTX_use_PrivateKey(ctx, identities[m->who].key) == 1);
	if (m->newest && m->newest < TLS1_2_VERSION)
		SSL_CTX_set_security_level(ctx, 0);
	if (m->newest)
		SSL_CTX_set_max_proto_version(ctx, m->newest);
	if (m->newest && m->newest < TLS1_2_VERSION)
		SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION);
	if (m->wants_cert)
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	if (m->picks_http2)
		SSL_CTX_set_alpn_select_cb(ctx, pick_http2, NULL);
	if (m->no_tickets)
		SSL_CTX_set_num_tickets(ctx, 0);
	SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"evil", 4);
	return ctx;
}

struct tls_far *tls_far_accept(int fd, const struct tls_manner *m) SUSPENDS
{
	struct tls_far *t = calloc(1, sizeof(*t));
	int r;
	ASSERT(t);
	t->fd = fd;
	t->most = m->most;
	t->ctx = context_new(m);
	t->ssl = SSL_new(t->ctx);
	t->in = BIO_new(BIO_s_mem());
	t->out = BIO_new(BIO_s_mem());
	ASSERT(t->ssl && t->in && t->out);
	SSL_set_bio(t->ssl, t->in, t->out);
	while ((r = SSL_accept(t->ssl)) != 1)
		if (go_on(t, r) < 0)
			break;
	if (r == 1 && send_out(t) == 0)
		return t;
	tls_far_free(t);
	return NULL;
}

ssize_t tls_far_read(struct tls_far *t, void *p, size_t n) SUSPENDS
{
	int r;
	while ((r = SSL_read(t->ssl, p, (int)n)) <= 0)
		if (go_on(t, r) < 0)
			return 0;
	return r;
}

ssize_t tls_far_write(struct tls_far *t, const void *p, size_t n) SUSPENDS
{
	int r = SSL_write(t->ssl, p, (int)n);
	ERR_clear_error();
	return r == (int)n && send_out(t) == 0 ? (ssize_t)n : -EPIPE;
}

void tls_far_free(struct tls_far *t)
{
	if (!t)
		return;
	SSL_free(t->ssl);
	SSL_CTX_free(t->ctx);
	ERR_clear_error();
	free(t);
}

/* ---- moves ------------------------------------------------------------------------------------------------ */

int tls_far_notify(struct tls_far *t) SUSPENDS
{
	(void)SSL_shutdown(t->ssl);
	ERR_clear_error();
	return send_out(t);
}

int tls_far_renegotiate(struct tls_far *t) SUSPENDS
{
	(void)SSL_renegotiate(t->ssl);
	(void)SSL_do_handshake(t->ssl);
	ERR_clear_error();
	return send_out(t);
}

static int update_keys(struct tls_far *t, int n) SUSPENDS
{
	int r = 0;
	for (int i = 0; i < n && r == 0; i++) {
		(void)SSL_key_update(t->ssl, SSL_KEY_UPDATE_NOT_REQUESTED);
		(void)SSL_do_handshake(t->ssl);
		ERR_clear_error();
		r = i % 100 ? 0 : send_out(t);
	}
	return r < 0 ? r : send_out(t);
}

int tls_far_100_key_updates(struct tls_far *t) SUSPENDS
{
	return update_keys(t, 100);
}

int tls_far_key_updates(struct tls_far *t) SUSPENDS
{
	return update_keys(t, KEY_UPDATES);
}

int tls_far_tickets(struct tls_far *t) SUSPENDS
{
	int r = 0;
	for (int i = 0; i < TICKETS && r == 0; i++) {
		(void)SSL_new_session_ticket(t->ssl);
		(void)SSL_do_handshake(t->ssl);
		ERR_clear_error();
		r = send_out(t);
	}
	return r;
}
