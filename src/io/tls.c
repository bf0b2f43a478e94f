/* tls.c - TLS by OpenSSL, between memory and memory
 *
 * What this room is for: https without giving a library our descriptors, our loop or our small stacks. OpenSSL sees a
 *   BIO of ours that reads from a window of received bytes and writes into a block; between its calls we move those
 *   bytes through rt. So it never waits, never raises SIGPIPE, and runs inside the simulation.
 * What flows through:
 *
 *            SSL_read                    window                        hk_read
 *   text  <------------- OpenSSL <----------------- borrowed block <------------ socket
 *   text  -------------> OpenSSL -----------------> borrowed block ------------> socket
 *            SSL_write                    out                          hk_write
 *
 *   Each call of OpenSSL is one job on the loop's own stack. A handshake that checks a chain of three certificates touches
 *   12 KiB of stack (measured, OpenSSL 3.0): no danger for a fiber, but three more pages for each of a thousand, kept as long
 *   as the stack is pooled. Beside a record's cipher the switch to the other stack costs nothing.
 * What must hold:
 *  (1) after every job what it wrote is sent before anything else is waited for. One task may read while another writes.
 *  (2) a connection that waits holds neither block: both are given back when they are empty.
 *  (3) the error queue, which is the thread's, is read and emptied within the job.
 *  (4) a session is kept per origin, and origins with and without checks are different ones.
 *  (5) a peer that sends records without end, and nothing in them, is refused: OpenSSL would read on for ever. */
#include "io/tls.h"
#include "io/http/http_pool.h"
#include "io/spare.h"
#include <arpa/inet.h>
#include <errno.h>
#include <hocket/fd.h>
#include <hocket/run.h>
#include <hocket/sync.h>
#include <limits.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#define RECORD    (16u << 10)  /* plain bytes of one TLS record */
#define MUTE_MOST (256u << 10) /* bytes that bring neither text nor the end of a handshake */

struct tls_context {
	SSL_CTX *ctx;
	BIO_METHOD *wire;
};

struct tls {
	SSL *ssl;
	struct spare *spare;
	char *in_block; /* borrowed while the window has bytes */
	struct slice window;
	char *out_block; /* borrowed from the first byte written until it is sent */
	size_t out_n;
	struct hk_mutex
		sending; /* who reads has to answer, too (KeyUpdate), while another writes */
	bool eof;
	size_t mute; /* bytes received since the last job that was done */
};

/* ---- the BIO: our two blocks as a stream -------------------------------------------------------------- */

static int wire_read(BIO *bio, char *out, int n)
{
	struct tls *t = BIO_get_data(bio);
	BIO_clear_retry_flags(bio);
	if (t->window.n == 0) {
		if (!t->eof)
			BIO_set_retry_read(bio);
		return t->eof ? 0 : -1;
	}
	struct slice part = slice_head(t->window, (size_t)n);
	memcpy(out, part.p, part.n);
	t->window = slice_from(t->window, part.n);
	return (int)part.n;
}

static int wire_write(BIO *bio, const char *p, int n)
{
	struct tls *t = BIO_get_data(bio);
	BIO_clear_retry_flags(bio);
	if (!t->out_block)
		t->out_block = spare_get(t->spare);
	size_t room = SPARE_BYTES - t->out_n;
	if (room == 0) {
		BIO_set_retry_write(bio);
		return -1;
	}
	size_t part = (size_t)n < room ? (size_t)n : room;
	memcpy(t->out_block + t->out_n, p, part);
	t->out_n += part;
	return (int)part;
}

static long wire_ctrl(BIO *bio, int command, long number, void *p)
{
	(void)bio, (void)number, (void)p;
	return command == BIO_CTRL_FLUSH || command == BIO_CTRL_DUP;
}

static BIO_METHOD *wire_method(void)
{
	BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "hocket wire");
	if (m && BIO_meth_set_read(m, wire_read) && BIO_meth_set_write(m, wire_write) &&
	    BIO_meth_set_ctrl(m, wire_ctrl))
		return m;
	BIO_meth_free(m);
	return NULL;
}

/* ---- the context --------------------------------------------------------------------------------------- */

/* OpenSSL offers a session for keeping. 1: we hold the reference now. */
static int keep_session(SSL *ssl, SSL_SESSION *session)
{
	struct http_conn *c = SSL_get_app_data(ssl);
	tls_forget_session(c->origin);
	c->origin->session = session;
	return 1;
}

void tls_forget_session(struct http_origin *o)
{
	SSL_SESSION_free(take(o->session));
}

void tls_context_free(struct tls_context *t)
{
	if (!t)
		return;
	SSL_CTX_free(t->ctx);
	BIO_meth_free(t->wire);
	free(t);
}

static void tls_context_freep(struct tls_context **t)
{
	tls_context_free(*t);
}

static int set_rules(SSL_CTX *ctx)
{
	static const unsigned char alpn[] = "\x08http/1.1";
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(ctx, keep_session);
	return SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
	       SSL_CTX_set_alpn_protos(ctx, alpn, sizeof(alpn) - 1) == 0;
}

int tls_context_new(const char *ca_file, struct tls_context **ret, struct err *err)
{
	AUTO(tls_context_freep) struct tls_context *t = xcalloc(1, sizeof(*t));
	*ret = NULL;
	ERR_clear_error();
	t->ctx = SSL_CTX_new(TLS_client_method());
	t->wire = wire_method();
	if (!t->ctx || !t->wire || !set_rules(t->ctx))
		return fail(err, FAULT_IO, "OpenSSL cannot be set up");
	int ok = ca_file ? SSL_CTX_load_verify_locations(t->ctx, ca_file, NULL)
			 : SSL_CTX_set_default_verify_paths(t->ctx);
	ERR_clear_error();
	if (!ok)
		return fail(err, FAULT_CONFIG,
			    "'%s': no certificates in PEM form can be read from it",
			    ca_file ? ca_file : "the system's CA folder");
	*ret = take(t);
	return 0;
}

void tls_context_no_alpn(struct tls_context *t)
{
	ASSERT(SSL_CTX_set_alpn_protos(t->ctx, NULL, 0) == 0);
}

/* Nobody sits there to be asked. */
static int no_password(char *out, int n, int writing, void *arg)
{
	(void)out, (void)n, (void)writing, (void)arg;
	return 0;
}

int tls_context_show(struct tls_context *t, const char *cert_file, const char *key_file,
		     struct err *err)
{
	const char *key = key_file ? key_file : cert_file;
	int r = 0;
	ERR_clear_error();
	SSL_CTX_set_default_passwd_cb(t->ctx, no_password);
	if (SSL_CTX_use_certificate_chain_file(t->ctx, cert_file) != 1)
		r = fail(err, FAULT_CONFIG, "'%s': no certificate in PEM form can be read from it",
			 cert_file);
	else if (SSL_CTX_use_PrivateKey_file(t->ctx, key, SSL_FILETYPE_PEM) != 1)
		r = fail(err, FAULT_CONFIG,
			 ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH
				 ? "'%s': this key belongs to another certificate"
				 : "'%s': no private key in PEM form, without a password, can be "
				   "read from it",
			 key);
	ERR_clear_error();
	return r;
}

/* ---- jobs: one call of OpenSSL --------------------------------------------------------------------------- */

enum job_kind { JOB_HANDSHAKE, JOB_READ, JOB_WRITE };

struct job {
	struct tls *tls;
	enum job_kind kind;
	void *p;
	size_t n, done;
	int error;          /* of SSL_get_error */
	unsigned long code; /* the first of the error queue */
};

static int run_job(void *arg)
{
	struct job *j = arg;
	SSL *ssl = j->tls->ssl;
	int ok;
	ERR_clear_error();
	if (j->kind == JOB_READ)
		ok = SSL_read_ex(ssl, j->p, j->n, &j->done);
	else if (j->kind == JOB_WRITE)
		ok = SSL_write_ex(ssl, j->p, j->n, &j->done);
	else
		ok = SSL_do_handshake(ssl);
	j->error = ok == 1 ? SSL_ERROR_NONE : SSL_get_error(ssl, ok);
	j->code = ERR_peek_error();
	ERR_clear_error();
	return 0;
}

static void give_window_back(struct tls *t)
{
	if (t->window.n == 0)
		spare_put(t->spare, take(t->in_block));
}

/* The block is nobody else's while it is on its way: what a job of another task writes meanwhile goes into the next. */
static int send_blocks(struct http_conn *c) SUSPENDS
{
	struct tls *t = c->tls;
	ssize_t r = 0;
	while (r >= 0 && t->out_block) {
		char *block = take(t->out_block);
		size_t n = t->out_n;
		t->out_n = 0;
		r = hk_write(c->fd, block, n);
		spare_put(t->spare, block);
	}
	if (r >= 0)
		return 0;
	return r == -ECANCELED ? -ECANCELED : -ECONNRESET;
}

static int send_out(struct http_conn *c) SUSPENDS
{
	struct tls *t = c->tls;
	if (!t->out_block)
		return 0;
	int r = hk_mutex_lock(&t->sending);
	if (r < 0)
		return r;
	r = send_blocks(c);
	hk_mutex_unlock(&t->sending);
	return r;
}

static int wait_readable(struct http_conn *c) SUSPENDS
{
	int r = hk_fd_wait(c->fd, HK_READ);
	if (r < 0)
		return r == -ECANCELED ? r : -ECONNRESET;
	hk_fd_rearm(c->fd, HK_READ);
	return 0;
}

/* More bytes into the window, which is empty. */
static int fill_window(struct http_conn *c) SUSPENDS
{
	struct tls *t = c->tls;
	give_window_back(t);
	int r = wait_readable(c);
	if (r < 0)
		return r;
	t->in_block = spare_get(t->spare);
	ssize_t n = hk_read(c->fd, t->in_block, SPARE_BYTES);
	if (n < 0)
		return n == -ECANCELED ? -ECANCELED : -ECONNRESET;
	t->window = (struct slice){ t->in_block, (size_t)n };
	t->eof = n == 0;
	t->mute += (size_t)n;
	return t->mute > MUTE_MOST ? -EBADMSG : 0;
}

/* The peer's words about a certificate of ours, or about there being none (RFC 8446 6.2). */
static bool refuses_ours(unsigned long code)
{
	static const int reasons[] = {
		SSL_R_SSLV3_ALERT_BAD_CERTIFICATE,      SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE,
		SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED,  SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED,
		SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN,  SSL_R_TLSV1_ALERT_UNKNOWN_CA,
		SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED
	};
	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
		if (ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) == reasons[i])
			return true;
	return false;
}

/* Runs a job until it is done. 0; -EBADMSG, with j->code if it was OpenSSL that refused; -EKEYREJECTED: the peer wants another certificate of us; -ENODATA: the stream ended without TLS's own end. */
static int do_job(struct http_conn *c, struct job *j) SUSPENDS
{
	j->tls = c->tls;
	c->tls->mute = 0;
	for (;;) {
		bool was_eof = c->tls->eof;
		hk_bigstack(run_job, j);
		int r = send_out(c);
		if (r < 0)
			return r;
		switch (j->error) {
		case SSL_ERROR_NONE:
			return 0;
		case SSL_ERROR_ZERO_RETURN: /* the orderly end: of what is read, and of nothing else */
			j->done = 0;
			return j->kind == JOB_READ ? 0 : -ENODATA;
		case SSL_ERROR_WANT_WRITE:
			break;
		case SSL_ERROR_WANT_READ:
			if (was_eof)
				return -ENODATA;
			r = fill_window(c);
			break;
		default:
			if (refuses_ours(j->code))
				return -EKEYREJECTED;
			return was_eof ? -ENODATA : -EBADMSG;
		}
		if (r < 0)
			return r;
	}
}

/* ---- the wire ------------------------------------------------------------------------------------------------ */

static int tls_wait(struct http_conn *c) SUSPENDS
{
	if (c->tls->window.n > 0 || SSL_has_pending(c->tls->ssl))
		return 0;
	return wait_readable(c);
}

static ssize_t tls_read(struct http_conn *c, void *p, size_t n) SUSPENDS
{
	struct job j = { .kind = JOB_READ, .p = p, .n = n };
	int r = do_job(c, &j);
	give_window_back(c->tls);
	return r < 0 ? r : (ssize_t)j.done;
}

static int tls_write(struct http_conn *c, struct iovec *iov, int n) SUSPENDS
{
	for (int i = 0; i < n; i++) {
		char *p = iov[i].iov_base;
		size_t left = iov[i].iov_len;
		while (left > 0) {
			struct job j = { .kind = JOB_WRITE,
					 .p = p,
					 .n = left < RECORD ? left : RECORD };
			int r = do_job(c, &j);
			if (r < 0)
				return r == -ENODATA ? -ECONNRESET : r;
			p += j.done;
			left -= j.done;
		}
	}
	return 0;
}

static bool tls_quiet(struct http_conn *c)
{
	return c->tls->window.n == 0 && !SSL_has_pending(c->tls->ssl) && hk_socket_idle(c->fd);
}

static void tls_free(struct tls *t)
{
	/* The exchange was complete or its failure told; marking the end keeps the session good for resumption. */
	SSL_set_shutdown(t->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(t->ssl);
	spare_put(t->spare, t->in_block);
	spare_put(t->spare, t->out_block);
	free(t);
}

static void tls_end(struct http_conn *c)
{
	tls_free(take(c->tls));
	(void)hk_close(c->fd); /* nothing of ours is unsent: writes end before the exchange does */
}

static const struct http_wire tls_wire = {
	.wait = tls_wait,
	.read = tls_read,
	.write = tls_write,
	.quiet = tls_quiet,
	.end = tls_end,
};

/* ---- the handshake ----------------------------------------------------------------------------------------------- */

static bool is_address(const char *host)
{
	unsigned char raw[16];
	return inet_pton(AF_INET, host, raw) == 1 || inet_pton(AF_INET6, host, raw) == 1;
}

/* Whom we want to talk to: SNI, and the name or address the certificate must carry (RFC 9110 4.3.4, 4.3.5). */
static bool set_peer(SSL *ssl, const struct http_origin *o)
{
	char host[256];
	size_t n = strlen(o->host);
	if (n >= sizeof(host))
		return false;
	memcpy(host, o->host, n + 1);
	if (host[n - 1] == '.')
		host[n - 1] = 0;
	bool address = is_address(host);
	SSL_set_verify(ssl, o->insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (address)
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
	return SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
}

static struct tls *tls_new(struct tls_context *t, struct spare *spare, struct http_conn *c)
{
	BIO *bio = BIO_new(t->wire);
	SSL *ssl = SSL_new(t->ctx);
	if (!bio || !ssl || !set_peer(ssl, c->origin)) {
		BIO_free(bio);
		SSL_free(ssl);
		ERR_clear_error();
		return NULL;
	}
	struct tls *tls = xcalloc(1, sizeof(*tls));
	tls->ssl = ssl;
	tls->spare = spare;
	BIO_set_data(bio, tls);
	BIO_set_init(bio, 1);
	SSL_set_bio(ssl, bio, bio);
	SSL_set_app_data(ssl, c);
	SSL_set_connect_state(ssl);
	if (c->origin->session)
		SSL_set_session(ssl, c->origin->session);
	return tls;
}

static bool speaks_no_tls(unsigned long code)
{
	int reason = ERR_GET_REASON(code);
	return ERR_GET_LIB(code) == ERR_LIB_SSL &&
	       (reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_HTTP_REQUEST ||
		reason == SSL_R_PACKET_LENGTH_TOO_LONG || reason == SSL_R_UNEXPECTED_MESSAGE);
}

static int tell(const struct http_conn *c, const struct job *j, int r, struct err *err)
{
	const struct http_origin *o = c->origin;
	long verdict = SSL_get_verify_result(c->tls->ssl);
	const char *reason = ERR_reason_error_string(j->code);
	if (r == -EBADMSG && verdict != X509_V_OK && !o->insecure)
		return fail(err, FAULT_CERTIFICATE,
			    "the certificate of '%s' port %u is refused: %s", o->host, o->port,
			    X509_verify_cert_error_string(verdict));
	if (r == -EKEYREJECTED)
		return fail(err, FAULT_CERTIFICATE, "'%s' port %u " TLS_REFUSES_OURS, o->host,
			    o->port);
	if (r == -EBADMSG && speaks_no_tls(j->code))
		return fail(err, FAULT_PROTOCOL,
			    "'%s' port %u does not speak TLS; write http:// (or ws://)", o->host,
			    o->port);
	if (r == -EBADMSG)
		return fail(err, FAULT_TLS, "TLS with '%s' port %u: %s", o->host, o->port,
			    reason ? reason : "the handshake failed");
	return fail(err, FAULT_TLS, "'%s' port %u hung up in the TLS handshake", o->host, o->port);
}

int tls_handshake(struct tls_context *t, struct spare *spare, struct http_conn *c, struct err *err)
{
	struct job j = { .kind = JOB_HANDSHAKE };
	c->tls = tls_new(t, spare, c);
	if (!c->tls)
		return fail(err, FAULT_TLS, "TLS cannot be set up for host '%s'", c->origin->host);
	c->wire = &tls_wire;
	int r = do_job(c, &j);
	give_window_back(c->tls);
	if (r == 0 || r == -ECANCELED)
		return r;
	tls_forget_session(c->origin);
	return tell(c, &j, r, err);
}
