/* tls.c - tests of src/io/tls.c: certificates made here, a server of OpenSSL's own in a thread
 *
 * The far side is a thread with blocking sockets, so the clock is real; nothing waits for time except the one test of the
 * handshake's clock. */
#include "check.h"
#include "identity.h"
#include "io/http.h"
#include <arpa/inet.h>
#include <hocket/hocket.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- the far side ------------------------------------------------------------------------------- */

enum manner { ORDERLY, ABRUPT, PLAIN, SILENT, OLD };

struct far {
	int listener;
	uint16_t port;
	enum manner manner;
	const struct identity *identity;
	const char *answers[4];
	size_t next;
	pthread_t thread;
	SSL_CTX *ctx;
	/* what it saw; read after far_stop */
	unsigned connections, resumed, requests;
	size_t body_bytes;
	char sni[64], alpn[16], last[4096];
};

static int choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *n,
		       const unsigned char *in, unsigned in_n, void *arg)
{
	struct far *f = arg;
	(void)ssl;
	*out = in + 1;
	*n = in[0];
	snprintf(f->alpn, sizeof(f->alpn), "%.*s", in_n > in[0] ? in[0] : 0, (const char *)in + 1);
	return SSL_TLSEXT_ERR_OK;
}

static const char *next_answer(struct far *f)
{
	size_t i = f->next++;
	while (i > 0 && (i >= ARRAY_SIZE(f->answers) || !f->answers[i]))
		i--;
	return f->answers[i];
}

/* Reads one request with its body. false: the client is gone. */
static bool read_request(struct far *f, SSL *ssl)
{
	static char sink[65536];
	size_t n = 0, got, body = 0;
	char *end = NULL;
	while (!end) {
		if (n + 1 >= sizeof(f->last) ||
		    SSL_read_ex(ssl, f->last + n, sizeof(f->last) - 1 - n, &got) != 1)
			return false;
		n += got;
		f->last[n] = 0;
		end = strstr(f->last, "\r\n\r\n");
	}
	const char *length = strstr(f->last, "Content-Length: ");
	if (length && length < end)
		body = strtoul(length + 16, NULL, 10);
	size_t have = n - (size_t)(end + 4 - f->last);
	while (have < body && SSL_read_ex(ssl, sink, sizeof(sink), &got) == 1)
		have += got;
	f->body_bytes += have;
	f->requests++;
	return have >= body;
}

static void serve(struct far *f, SSL *ssl)
{
	size_t done;
	if (SSL_accept(ssl) != 1)
		return;
	f->resumed += (unsigned)SSL_session_reused(ssl);
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	snprintf(f->sni, sizeof(f->sni), "%s", name ? name : "");
	while (read_request(f, ssl)) {
		const char *answer = next_answer(f);
		if (SSL_write_ex(ssl, answer, strlen(answer), &done) != 1)
			return;
		bool last = strstr(answer, "Connection: close") || !strstr(answer, "Length");
		if (last && f->manner == ORDERLY)
			SSL_shutdown(ssl);
		if (last)
			return;
	}
}

static void hang_until_closed(int fd)
{
	char c[64];
	while (read(fd, c, sizeof(c)) > 0) {
	}
}

static void *far_main(void *arg)
{
	struct far *f = arg;
	for (;;) {
		int fd = accept(f->listener, NULL, NULL);
		if (fd < 0)
			return NULL;
		f->connections++;
		if (f->manner == PLAIN) {
			const char *text = "HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n";
			(void)!write(fd, text, strlen(text));
			hang_until_closed(fd);
		} else if (f->manner == SILENT) {
			hang_until_closed(fd);
		} else {
			SSL *ssl = SSL_new(f->ctx);
			SSL_set_fd(ssl, fd);
			serve(f, ssl);
			SSL_free(ssl);
			ERR_clear_error();
		}
		close(fd);
	}
}

static void far_start(struct far *f)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(a);
	f->ctx = SSL_CTX_new(TLS_server_method());
	if (f->identity) {
		CHECK_INT(SSL_CTX_use_certificate(f->ctx, f->identity->cert), 1);
		CHECK_INT(SSL_CTX_use_PrivateKey(f->ctx, f->identity->key), 1);
	}
	SSL_CTX_set_alpn_select_cb(f->ctx, choose_alpn, f);
	SSL_CTX_set_session_id_context(f->ctx, (const unsigned char *)"test", 4);
	if (f->manner == OLD) {
		SSL_CTX_set_security_level(f->ctx, 0);
		SSL_CTX_set_min_proto_version(f->ctx, TLS1_VERSION);
		SSL_CTX_set_max_proto_version(f->ctx, TLS1_1_VERSION);
	}
	f->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK_INT(bind(f->listener, (struct sockaddr *)&a, sizeof(a)), 0);
	CHECK_INT(listen(f->listener, 16), 0);
	CHECK_INT(getsockname(f->listener, (struct sockaddr *)&a, &n), 0);
	f->port = ntohs(a.sin_port);
	CHECK_INT(pthread_create(&f->thread, NULL, far_main, f), 0);
}

static void far_stop(struct far *f)
{
	shutdown(f->listener, SHUT_RDWR);
	pthread_join(f->thread, NULL);
	close(f->listener);
	SSL_CTX_free(f->ctx);
}

/* ---- a scene: some exchanges with one far side ------------------------------------------------------ */

struct scene {
	struct far far;
	const char *ca_file, *url; /* with one %u for the port */
	const char *method;
	unsigned times;
	size_t body_bytes;
	bool insecure, clocks;
	/* of the last exchange */
	int r;
	struct err err;
	int status;
	struct buf body;
	struct http_client_stats stats;
};

static void exchange(struct scene *s, struct http_client *c) SUSPENDS
{
	AUTO(http_response_done) struct http_response res = { 0 };
	AUTO(buf_done) struct buf body = { 0 };
	char url[128];
	snprintf(url, sizeof(url), s->url, s->far.port);
	if (s->body_bytes) {
		CHECK_INT(buf_reserve(&body, s->body_bytes), 0);
		memset(body.p, 'b', s->body_bytes);
		buf_added(&body, s->body_bytes);
	}
	struct http_header secret = { S("Authorization"), S("Bearer 123") };
	struct http_request q = { .method = s->method ? slice_str(s->method) : S("GET"),
				  .url = slice_str(url),
				  .body = buf_slice(&body),
				  .insecure = s->insecure,
				  .headers = &secret,
				  .header_count = 1 };
	if (s->clocks)
		q.clocks.tls_ns = 30 * HK_MS;
	s->r = http_exchange(c, &q, &res, &s->err);
	s->status = res.status;
	buf_done(&s->body);
	s->body = buf_take(&res.body);
}

static int scene_main(void *arg) SUSPENDS
{
	struct scene *s = arg;
	struct http_client *c;
	struct http_client_options o = { .ca_file = s->ca_file };
	CHECK_INT(http_client_new(&o, &c, &s->err), 0);
	for (unsigned i = 0; i < (s->times ? s->times : 1); i++)
		exchange(s, c);
	http_client_stats_get(c, &s->stats);
	http_client_free(c);
	return 0;
}

static void play(struct scene *s)
{
	if (!s->url)
		s->url = "https://localhost:%u/x";
	if (!s->far.answers[0])
		s->far.answers[0] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
	far_start(&s->far);
	CHECK_INT(hk_run(scene_main, s, NULL), 0);
	far_stop(&s->far);
}

static void check_failed(struct scene *s, enum fault fault, const char *says)
{
	play(s);
	CHECK_INT(s->r, -1);
	CHECK_STR(fault_name(s->err.fault), fault_name(fault));
	CHECK(strstr(s->err.text, says) != NULL);
	CHECK(!s->err.sent);
	CHECK_INT(s->stats.idle, 0);
	CHECK_INT(s->far.requests, 0);
	if (!strstr(s->err.text, says))
		printf("# ... it says: %s\n", s->err.text);
}

static void check_ok(struct scene *s, const char *body)
{
	play(s);
	CHECK_INT(s->r, 0);
	CHECK_INT(s->status, 200);
	CHECK_SLICE(buf_slice(&s->body), slice_str(body));
	if (s->r < 0)
		printf("# ... %s\n", s->err.text);
	buf_done(&s->body);
}

static struct identity ca, good;
static char ca_file[] = "/tmp/hocket-test-ca-XXXXXX";

static void set_up(void)
{
	ca = make_identity("test CA", NULL, 10, NULL);
	good = make_identity("localhost", "DNS:localhost,IP:127.0.0.1", 10, &ca);
	int fd = mkstemp(ca_file);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
	CHECK(f && PEM_write_X509(f, ca.cert) == 1);
	CHECK(f && fclose(f) == 0);
}

static void tear_down(void)
{
	unlink(ca_file);
	identity_done(&ca);
	identity_done(&good);
}

/* ---- tests ----------------------------------------------------------------------------------------------- */

TEST(a_name_is_checked_and_sent)
{
	struct scene s = { .far.identity = &good, .ca_file = ca_file, .times = 3 };
	check_ok(&s, "hi");
	CHECK_STR(s.far.sni, "localhost");
	CHECK_STR(s.far.alpn, "http/1.1");
	CHECK_INT(s.far.connections, 1);
	CHECK_INT(s.far.requests, 3);
	CHECK_INT(s.stats.reused, 2);
	CHECK_INT(s.stats.idle, 1);
}

TEST(an_address_is_checked_without_sni)
{
	struct scene s = { .far.identity = &good,
			   .ca_file = ca_file,
			   .url = "https://127.0.0.1:%u/x" };
	check_ok(&s, "hi");
	CHECK_STR(s.far.sni, "");
}

TEST(sessions_are_resumed)
{
	struct scene s = { .far.identity = &good,
			   .ca_file = ca_file,
			   .times = 3,
			   .far.answers = { "HTTP/1.1 200 OK\r\nConnection: "
					    "close\r\nContent-Length: 2\r\n\r\nhi" } };
	check_ok(&s, "hi");
	CHECK_INT(s.far.connections, 3);
	CHECK_INT(s.far.resumed, 2);
}

TEST(an_unknown_ca_is_refused)
{
	struct scene s = { .far.identity = &good };
	check_failed(&s, FAULT_CERTIFICATE, "unable to get local issuer certificate");
}

TEST(a_certificate_signed_by_itself_is_refused)
{
	struct identity self = make_identity("localhost", "DNS:localhost", 10, NULL);
	struct scene s = { .far.identity = &self, .ca_file = ca_file };
	check_failed(&s, FAULT_CERTIFICATE, "self-signed certificate");
	identity_done(&self);
}

TEST(an_expired_certificate_is_refused)
{
	struct identity old = make_identity("localhost", "DNS:localhost", -1, &ca);
	struct scene s = { .far.identity = &old, .ca_file = ca_file };
	check_failed(&s, FAULT_CERTIFICATE, "certificate has expired");
	identity_done(&old);
}

TEST(a_certificate_of_another_name_is_refused)
{
	struct identity other =
		make_identity("localhost", "DNS:example.com,DNS:*.localhost,IP:127.0.0.2", 10, &ca);
	struct scene by_name = { .far.identity = &other, .ca_file = ca_file };
	check_failed(&by_name, FAULT_CERTIFICATE, "hostname mismatch");
	struct scene by_address = { .far.identity = &other,
				    .ca_file = ca_file,
				    .url = "https://127.0.0.1:%u/x" };
	check_failed(&by_address, FAULT_CERTIFICATE, "IP address mismatch");
	identity_done(&other);
}

TEST(insecure_takes_them_all)
{
	struct identity other = make_identity("elsewhere", "DNS:example.com", -1, NULL);
	struct scene s = { .far.identity = &other, .insecure = true };
	check_ok(&s, "hi");
	identity_done(&other);
}

TEST(tls_to_a_plain_port)
{
	struct scene s = { .far.manner = PLAIN, .ca_file = ca_file };
	check_failed(&s, FAULT_PROTOCOL, "does not speak TLS; write http://");
}

TEST(plain_to_a_tls_port)
{
	struct scene s = { .far.identity = &good, .url = "http://127.0.0.1:%u/x" };
	play(&s);
	CHECK_INT(s.r, -1);
	CHECK(s.err.fault == FAULT_PROTOCOL || s.err.fault == FAULT_RESET);
	CHECK_INT(s.far.requests, 0);
}

TEST(tls_1_1_is_refused)
{
	struct scene s = { .far.manner = OLD, .far.identity = &good, .ca_file = ca_file };
	check_failed(&s, FAULT_TLS, "TLS with 'localhost'");
}

TEST(a_silent_handshake_has_its_clock)
{
	struct scene s = { .far.manner = SILENT, .ca_file = ca_file, .clocks = true };
	check_failed(&s, FAULT_TIMEOUT, "handshake");
	CHECK_INT(s.err.clock, CLOCK_TLS);
}

TEST(a_ca_file_that_is_none)
{
	struct scene s = { .far.identity = &good, .ca_file = "/dev/null" };
	check_failed(&s, FAULT_CONFIG, "'/dev/null'");
}

TEST(large_bodies_both_ways)
{
	size_t n = 5 << 20;
	struct buf answer = { 0 };
	CHECK_INT(buf_printf(&answer, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", n), 0);
	size_t head = answer.n;
	CHECK_INT(buf_reserve(&answer, n), 0);
	memset(answer.p + answer.n, 'a', n);
	buf_added(&answer, n);
	struct scene s = { .far.identity = &good,
			   .ca_file = ca_file,
			   .method = "POST",
			   .body_bytes = 3 << 20,
			   .times = 2,
			   .far.answers = { answer.p } };
	check_ok(&s, answer.p + head);
	CHECK_INT(s.far.body_bytes, 6 << 20);
	CHECK_INT(s.far.connections, 1);
	buf_done(&answer);
}

TEST(the_end_of_a_stream_must_be_said)
{
	struct scene said = { .far.identity = &good,
			      .ca_file = ca_file,
			      .far.answers = { "HTTP/1.1 200 OK\r\n\r\nall" } };
	check_ok(&said, "all");
	struct scene cut = { .far.identity = &good,
			     .ca_file = ca_file,
			     .far.manner = ABRUPT,
			     .far.answers = { "HTTP/1.1 200 OK\r\n\r\nall" } };
	play(&cut);
	CHECK_INT(cut.r, -1);
	CHECK_STR(fault_name(cut.err.fault), "truncated");
}

TEST(no_way_from_https_to_http)
{
	struct scene s = { .far.identity = &good,
			   .ca_file = ca_file,
			   .far.answers = { "HTTP/1.1 302 F\r\nLocation: "
					    "http://localhost/\r\nContent-Length: 0\r\n\r\n" } };
	play(&s);
	CHECK_INT(s.r, -1);
	CHECK_STR(fault_name(s.err.fault), "forbidden");
	CHECK(strstr(s.err.text, "from https to http") != NULL);
	CHECK(strstr(s.far.last, "Authorization: Bearer 123") != NULL);
}

static const struct test tests[] = {
	T(a_name_is_checked_and_sent),
	T(an_address_is_checked_without_sni),
	T(sessions_are_resumed),
	T(an_unknown_ca_is_refused),
	T(a_certificate_signed_by_itself_is_refused),
	T(an_expired_certificate_is_refused),
	T(a_certificate_of_another_name_is_refused),
	T(insecure_takes_them_all),
	T(tls_to_a_plain_port),
	T(plain_to_a_tls_port),
	T(tls_1_1_is_refused),
	T(a_silent_handshake_has_its_clock),
	T(a_ca_file_that_is_none),
	T(large_bodies_both_ways),
	T(the_end_of_a_stream_must_be_said),
	T(no_way_from_https_to_http),
};

int main(void)
{
	alarm(120);
	set_up();
	int r = RUN_TESTS(tests);
	tear_down();
	return r;
}
