/* http_server.c - tests of src/io/http/http_server.c, and of client and server against each other
 *
 * Requests byte by byte from a raw socket, then a thousand decent ones at once, then cancellation at random moments with
 * an echo of numbers: the worst bug there is would be an answer that belongs to another request. */
#include "base/rand.h"
#include "check.h"
#include "io/http/http_server.h"
#include "rt/in_loop.h"
#include <arpa/inet.h>
#include <errno.h>
#include <hocket/hocket.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <unistd.h>

struct fixture {
	struct http_server *server;
	struct hk_group g;
	unsigned handled;
	int64_t most_delay_ns;
};

/* /echo answers with the query's n, or the body; the other paths misbehave as they say. */
static void handle(void *arg, const struct http_incoming *in, struct http_reply *r) SUSPENDS
{
	struct fixture *f = arg;
	f->handled++;
	if (f->most_delay_ns && hk_sleep((int64_t)(hk_random() % (uint64_t)f->most_delay_ns)) < 0)
		return;
	if (slice_eq(in->path, S("/drop")))
		r->drop = true;
	if (slice_eq(in->path, S("/close")))
		r->close = true;
	if (slice_eq(in->path, S("/cut")))
		r->truncate = 2;
	if (slice_eq(in->path, S("/none")))
		r->status = 204;
	if (slice_eq(in->path, S("/missing")))
		r->status = 404;
	static const struct http_header extra = { { "X-Extra", 7 }, { "1", 1 } };
	r->headers = &extra;
	r->header_count = slice_eq(in->path, S("/extra"));
	if (!http_incoming_query(in, "n", &r->body) && buf_add(&r->body, in->body) < 0)
		r->status = 500;
}

static int serve(void *arg) SUSPENDS
{
	struct err err = { 0 };
	int r = http_server_run(arg, &err);
	CHECK_INT(r, 0);
	return r;
}

static void fixture_open(struct fixture *f, const struct http_server_options *o)
{
	struct err err = { 0 };
	CHECK_INT(http_server_open("127.0.0.1", 0, handle, f, o, &f->server, &err), 0);
	hk_group_open(&f->g, NULL);
	CHECK_INT(hk_spawn(&f->g, serve, f->server), 0);
}

static void fixture_close(struct fixture *f) SUSPENDS
{
	hk_group_cancel(&f->g);
	CHECK_INT(hk_group_close(&f->g, 0), 0);
	http_server_free(f->server);
}

static int raw_connect(const struct fixture *f) SUSPENDS
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				 .sin_port = htons((uint16_t)http_server_port(f->server)) };
	return hk_connect((struct sockaddr *)&a, sizeof(a));
}

/* ---- raw requests ------------------------------------------------------------------------------ */

struct talk {
	const char *name, *request;
	const char *answers; /* the status lines in their order, each followed by a blank */
	const char *has;     /* somewhere in what came */
	bool closes;         /* the server ends the connection by itself */
	bool resets;
	unsigned handled;
};

#define HOST "Host: h\r\n"

static const struct talk talks[] = {
	{ "get", "GET /echo?n=7 HTTP/1.1\r\n" HOST "\r\n", "200 ", "\r\nContent-Length: 1\r\n",
	  .handled = 1 },
	{ "two in one push",
	  "GET /echo?n=1 HTTP/1.1\r\n" HOST "\r\nGET /missing HTTP/1.1\r\n" HOST "\r\n", "200 404 ",
	  .handled = 2 },
	{ "post and get",
	  "POST /echo HTTP/1.1\r\n" HOST
	  "Content-Length: 3\r\n\r\nabcGET /echo?n=9 HTTP/1.1\r\n" HOST "\r\n",
	  "200 200 ", "\r\n\r\nabc", .handled = 2 },
	{ "chunks",
	  "POST /echo HTTP/1.1\r\n" HOST
	  "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n",
	  "200 ", "\r\n\r\nabc", .handled = 1 },
	{ "head", "HEAD /echo?n=123 HTTP/1.1\r\n" HOST "\r\nGET /none HTTP/1.1\r\n" HOST "\r\n",
	  "200 204 ", "Content-Length: 3\r\n\r\nHTTP/1.1 204", .handled = 2 },
	{ "headers of the handler", "GET /extra HTTP/1.1\r\n" HOST "\r\n", "200 ",
	  "\r\nX-Extra: 1\r\n", .handled = 1 },
	{ "absolute form", "GET http://h/echo?n=5 HTTP/1.1\r\n" HOST "\r\n", "200 ", "\r\n\r\n5",
	  .handled = 1 },
	{ "percent and plus", "GET /echo?a=b&n=%48i+%26 HTTP/1.1\r\n" HOST "\r\n", "200 ",
	  "\r\n\r\nHi &", .handled = 1 },
	{ "expect",
	  "POST /echo HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n",
	  "100 ", .handled = 0 },
	{ "close asked for", "GET /echo?n=1 HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n", "200 ",
	  "Connection: close", .closes = true, .handled = 1 },
	{ "close by the handler",
	  "GET /close HTTP/1.1\r\n" HOST "\r\nGET /echo HTTP/1.1\r\n" HOST "\r\n", "200 ",
	  "Connection: close", .closes = true, .handled = 1 },
	{ "HTTP/1.0", "GET /echo HTTP/1.0\r\n\r\n", "200 ", .closes = true, .handled = 1 },
	{ "HTTP/1.0 keep-alive", "GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "200 ",
	  "Connection: keep-alive", .handled = 1 },
	{ "cut", "GET /cut?n=12345 HTTP/1.1\r\n" HOST "\r\n", "200 ", "Content-Length: 5\r\n\r\n12",
	  .closes = true, .handled = 1 },
	{ "drop", "GET /drop HTTP/1.1\r\n" HOST "\r\n", "", .closes = true, .resets = true,
	  .handled = 1 },
	{ "no HTTP", "hello there\r\n\r\n", "400 ", "not METHOD target", .closes = true },
	{ "TLS", "\x16\x03\x01\x02", "400 ", "not an HTTP request", .closes = true },
	{ "no host", "GET / HTTP/1.1\r\n\r\n", "400 ", "Host", .closes = true },
	{ "smuggling",
	  "POST / HTTP/1.1\r\n" HOST
	  "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /echo",
	  "400 ", .closes = true },
	{ "folded", "GET / HTTP/1.1\r\n" HOST "A: b\r\n c\r\n\r\n", "400 ", "folded",
	  .closes = true },
	{ "bad chunk", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
	  "400 ", .closes = true },
	{ "body too large", "POST / HTTP/1.1\r\n" HOST "Content-Length: 1001\r\n\r\n", "413 ",
	  .closes = true },
	{ "chunks too large",
	  "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
	  "3e8\r\n"
#define TEN     "0123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
	  HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED
	  "\r\n1\r\nx\r\n0\r\n\r\n",
	  "413 ", .closes = true },
};

/* The codes of the status lines in what came. */
static void put_codes(struct slice text, struct buf *out)
{
	for (size_t i = 0; i + 12 < text.n; i++)
		if (slice_starts(slice_from(text, i), S("HTTP/1.1 ")))
			CHECK_INT(buf_printf(out, "%.3s ", text.p + i + 9), 0);
}

/* Everything until the server closes, or is silent for a second. What ended it. */
static int read_all(int fd, struct buf *out) SUSPENDS
{
	struct hk_scope scope;
	ssize_t n = 1;
	hk_scope_open(&scope, HK_SEC);
	while (n > 0 && buf_reserve(out, 4096) == 0) {
		n = hk_read(fd, out->p + out->n, 4096);
		if (n > 0)
			buf_added(out, (size_t)n);
	}
	return hk_scope_close(&scope, (int)n);
}

static int talk(void *arg) SUSPENDS
{
	const struct talk *t = arg;
	struct fixture f = { 0 };
	AUTO(buf_done) struct buf got = { 0 }, codes = { 0 };
	fixture_open(&f, &(struct http_server_options){ .max_body_bytes = 1000 });
	int fd = raw_connect(&f);
	CHECK(fd >= 0);
	CHECK(hk_write(fd, t->request, strlen(t->request)) >= 0);
	int end = read_all(fd, &got);
	put_codes(buf_slice(&got), &codes);
	CHECK_SLICE(buf_slice(&codes), slice_str(t->answers));
	CHECK_INT(end, t->resets ? -ECONNRESET : t->closes ? 0 : -ETIMEDOUT);
	CHECK(!t->has || (got.p && strstr(got.p, t->has)));
	CHECK_INT(f.handled, t->handled);
	CHECK_INT(hk_close(fd), 0);
	fixture_close(&f);
	return 0;
}

TEST(raw_requests)
{
	for (size_t i = 0; i < ARRAY_SIZE(talks); i++) {
		int before = test_failures_;
		struct talk t = talks[i];
		CHECK_INT(hk_run(talk, &t, &(struct hk_run_options){ .virtual_clock = true }), 0);
		if (test_failures_ > before)
			printf("# ... in '%s'\n", t.name);
	}
}

/* The same in pieces, over a slow net, in many orders. */
TEST(raw_requests_in_pieces)
{
	for (size_t i = 0; i < ARRAY_SIZE(talks); i++) {
		int before = test_failures_;
		struct talk t = talks[i];
		struct hk_sim_options o = {
			.seeds = 10,
			.net = { .latency_ns = HK_MS, .jitter_ns = 3 * HK_MS, .short_reads = true }
		};
		in_sim_with("raw_requests_in_pieces", talk, &t, &o);
		if (test_failures_ > before)
			printf("# ... in '%s'\n", t.name);
	}
}

static int floods(void *arg) SUSPENDS
{
	struct fixture f = { 0 };
	AUTO(buf_done) struct buf request = { 0 }, got = { 0 };
	(void)arg;
	fixture_open(&f, NULL);
	int fd = raw_connect(&f);
	CHECK_INT(buf_printf(&request, "GET / HTTP/1.1\r\n" HOST), 0);
	for (int i = 0; i < 1000; i++)
		CHECK_INT(buf_printf(&request, "X-%d: " HUNDRED "\r\n", i), 0);
	CHECK(hk_write(fd, request.p, request.n) >= 0);
	CHECK_INT(read_all(fd, &got), 0);
	CHECK(got.p && strstr(got.p, "HTTP/1.1 431 "));
	CHECK_INT(f.handled, 0);
	CHECK_INT(hk_close(fd), 0);
	fixture_close(&f);
	return 0;
}

TEST(a_flood_of_headers)
{
	CHECK_INT(hk_run(floods, NULL, &(struct hk_run_options){ .virtual_clock = true }), 0);
}

/* One byte a second forever: the idle clock of 5 s covers the whole head. */
static int drips(void *arg) SUSPENDS
{
	struct fixture f = { 0 };
	char byte;
	int sent = 0;
	(void)arg;
	fixture_open(&f, &(struct http_server_options){ .idle_ns = 5 * HK_SEC });
	int fd = raw_connect(&f);
	CHECK(hk_write(fd, "G", 1) == 1);
	while (hk_socket_idle(fd) && sent < 60) {
		CHECK_INT(hk_sleep(HK_SEC), 0);
		if (hk_socket_idle(fd) && hk_write(fd, "E", 1) == 1)
			sent++;
	}
	CHECK(sent >= 3 && sent <= 6);
	CHECK_INT(hk_read(fd, &byte, 1), 0);
	CHECK_INT(hk_close(fd), 0);
	fixture_close(&f);
	return 0;
}

TEST(a_slow_sender_is_closed)
{
	CHECK_INT(hk_run(drips, NULL, &(struct hk_run_options){ .virtual_clock = true }), 0);
}

/* A head that begins in one push with the request before has the clock of a head, not that of an idle connection. */
static int drips_behind_another(void *arg) SUSPENDS
{
	struct fixture f = { 0 };
	AUTO(buf_done) struct buf got = { 0 };
	struct slice push = S("GET /echo?n=1 HTTP/1.1\r\n" HOST "\r\nGET ");
	(void)arg;
	fixture_open(
		&f, &(struct http_server_options){ .idle_ns = 60 * HK_SEC, .head_ns = 5 * HK_SEC });
	int fd = raw_connect(&f);
	CHECK(hk_write(fd, push.p, push.n) >= 0);
	CHECK_INT(read_all(fd, &got), -ETIMEDOUT);
	CHECK_INT(f.handled, 1);
	CHECK_INT(hk_sleep(5 * HK_SEC), 0);
	CHECK(!hk_socket_idle(fd));
	CHECK_INT(hk_close(fd), 0);
	fixture_close(&f);
	return 0;
}

TEST(a_slow_head_behind_another_request_is_closed)
{
	CHECK_INT(hk_run(drips_behind_another, NULL,
			 &(struct hk_run_options){ .virtual_clock = true }),
		  0);
}

/* The first piece of a body has the time of a piece, not what its head has left. */
static int thinks_before_the_body(void *arg) SUSPENDS
{
	struct fixture f = { 0 };
	AUTO(buf_done) struct buf got = { 0 };
	struct slice head = S("POST /echo HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\n");
	(void)arg;
	fixture_open(
		&f, &(struct http_server_options){ .idle_ns = 60 * HK_SEC, .head_ns = 5 * HK_SEC });
	int fd = raw_connect(&f);
	CHECK(hk_write(fd, head.p, head.n) >= 0);
	CHECK_INT(hk_sleep(50 * HK_SEC), 0);
	CHECK(hk_write(fd, "x", 1) == 1);
	CHECK_INT(read_all(fd, &got), -ETIMEDOUT);
	CHECK(got.p && strstr(got.p, "HTTP/1.1 200 "));
	CHECK_INT(hk_close(fd), 0);
	fixture_close(&f);
	return 0;
}

TEST(a_body_that_begins_late_is_taken)
{
	CHECK_INT(hk_run(thinks_before_the_body, NULL,
			 &(struct hk_run_options){ .virtual_clock = true }),
		  0);
}

/* A byte of the body each second: each is in time, all together they are not. */
static int drips_a_body(void *arg) SUSPENDS
{
	struct fixture f = { 0 };
	struct slice head = S("POST /echo HTTP/1.1\r\n" HOST "Content-Length: 100\r\n\r\n");
	int sent = 0;
	(void)arg;
	fixture_open(&f, &(struct http_server_options){ .idle_ns = 60 * HK_SEC,
							.head_ns = 5 * HK_SEC,
							.body_ns = 10 * HK_SEC });
	int fd = raw_connect(&f);
	CHECK_INT(hk_sleep(50 * HK_SEC), 0); /* before a request begins the idle clock counts */
	CHECK(hk_socket_idle(fd));
	CHECK(hk_write(fd, head.p, head.n) >= 0);
	while (hk_socket_idle(fd) && sent < 60) {
		CHECK_INT(hk_sleep(HK_SEC), 0);
		if (hk_socket_idle(fd) && hk_write(fd, "E", 1) == 1)
			sent++;
	}
	CHECK(sent >= 8 && sent <= 11);
	CHECK_INT(f.handled, 0);
	CHECK_INT(hk_close(fd), 0);
	fixture_close(&f);
	return 0;
}

TEST(a_slow_body_is_closed)
{
	CHECK_INT(hk_run(drips_a_body, NULL, &(struct hk_run_options){ .virtual_clock = true }), 0);
}

/* All places are taken by connections that say nothing: who wants in gets that of the one that is quiet for longest. */
static int idles(void *arg) SUSPENDS
{
	enum { MOST = 3, MORE = 2 };
	struct fixture f = { 0 };
	struct slice get = S("GET /echo?n=7 HTTP/1.1\r\n" HOST "\r\n");
	int fds[MOST + MORE];
	(void)arg;
	fixture_open(&f, &(struct http_server_options){ .idle_ns = 60 * HK_SEC,
							.max_connections = MOST });
	for (int i = 0; i < MOST; i++) {
		fds[i] = raw_connect(&f);
		CHECK_INT(hk_sleep(5 * HK_SEC), 0);
	}
	for (int i = 0; i < MOST; i++)
		CHECK(hk_socket_idle(fds[i])); /* nobody else wants in */
	for (int i = 0; i < MORE; i++) {
		AUTO(buf_done) struct buf got = { 0 };
		int fd = fds[MOST + i] = raw_connect(&f);
		CHECK(hk_write(fd, get.p, get.n) >= 0);
		CHECK_INT(hk_sleep(HK_SEC), 0);
		CHECK_INT(read_all(fd, &got), -ETIMEDOUT);
		CHECK(got.p && strstr(got.p, "HTTP/1.1 200 "));
		CHECK(!hk_socket_idle(fds[i]) && hk_socket_idle(fds[2]));
	}
	for (int i = 0; i < MOST + MORE; i++)
		CHECK_INT(hk_close(fds[i]), 0);
	fixture_close(&f);
	return 0;
}

TEST(idle_connections_keep_nobody_out)
{
	CHECK_INT(hk_run(idles, NULL, &(struct hk_run_options){ .virtual_clock = true }), 0);
}

/* With one place, who has it is answered, and then makes room. */
static int waits_for_one_place(void *arg) SUSPENDS
{
	struct fixture f = { .most_delay_ns = 2 * HK_SEC };
	struct slice get = S("GET /echo?n=7 HTTP/1.1\r\n" HOST "\r\n");
	int fds[5];
	(void)arg;
	fixture_open(&f,
		     &(struct http_server_options){ .idle_ns = 60 * HK_SEC, .max_connections = 1 });
	for (int i = 0; i < 5; i++) {
		fds[i] = raw_connect(&f);
		CHECK(hk_write(fds[i], get.p, get.n) >= 0);
	}
	CHECK_INT(hk_sleep(20 * HK_SEC), 0);
	for (int i = 0; i < 5; i++) {
		AUTO(buf_done) struct buf got = { 0 };
		int end = read_all(fds[i], &got);
		CHECK(got.p && strstr(got.p, "HTTP/1.1 200 "));
		CHECK(i == 4 || (end == 0 && strstr(got.p, "Connection: close")));
		CHECK_INT(hk_close(fds[i]), 0);
	}
	CHECK_INT(f.handled, 5);
	fixture_close(&f);
	return 0;
}

TEST(one_place_is_for_one_after_the_other)
{
	CHECK_INT(hk_run(waits_for_one_place, NULL,
			 &(struct hk_run_options){ .virtual_clock = true }),
		  0);
}

/* What connections hold together has a ceiling; what they gave back may be taken again. */
static int holds(void *arg) SUSPENDS
{
	enum { MANY = 20, LENGTH = 40000 };
	struct fixture f = { 0 };
	AUTO(buf_done) struct buf request = { 0 };
	int fds[MANY], refused = 0;
	(void)arg;
	fixture_open(&f, &(struct http_server_options){ .max_held_bytes = 512 << 10 });
	CHECK_INT(buf_printf(&request,
			     "POST /echo HTTP/1.1\r\n" HOST "Content-Length: %d\r\n\r\n%*d", LENGTH,
			     LENGTH - 1, 7),
		  0);
	for (int i = 0; i < MANY; i++) { /* one byte is missing in each */
		fds[i] = raw_connect(&f);
		CHECK(hk_write(fds[i], request.p, request.n) >= 0);
		CHECK_INT(hk_sleep(HK_MS), 0);
	}
	for (int i = 0; i < MANY; i++) {
		AUTO(buf_done) struct buf got = { 0 };
		if (!hk_socket_idle(fds[i])) {
			CHECK_INT(read_all(fds[i], &got), 0);
			CHECK(got.p && strstr(got.p, "HTTP/1.1 503 ") &&
			      strstr(got.p, "\r\nRetry-After: 1\r\n"));
			refused++;
		}
		CHECK_INT(hk_close(fds[i]), 0);
	}
	CHECK(refused >= MANY / 4 && refused <= MANY * 3 / 4);
	CHECK_INT(buf_add(&request, S("8")), 0);
	CHECK_INT(hk_sleep(HK_MS), 0);
	int fd = raw_connect(&f);
	for (int i = 0; i < MANY; i++) { /* on one connection all of them fit */
		AUTO(buf_done) struct buf got = { 0 };
		CHECK(hk_write(fd, request.p, request.n) >= 0);
		CHECK_INT(read_all(fd, &got), -ETIMEDOUT);
		CHECK(got.p && strstr(got.p, "HTTP/1.1 200 "));
	}
	CHECK_INT(hk_close(fd), 0);
	CHECK_INT(f.handled, MANY);
	fixture_close(&f);
	return 0;
}

TEST(what_is_held_has_a_ceiling)
{
	CHECK_INT(hk_run(holds, NULL, &(struct hk_run_options){ .virtual_clock = true }), 0);
}

/* One connection waits, one has sent half a request: the first is closed, the second answered. */
static int stops(void *arg) SUSPENDS
{
	struct fixture f = { 0 };
	AUTO(buf_done) struct buf got = { 0 };
	struct slice half = S("POST /echo HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\na");
	char byte;
	(void)arg;
	fixture_open(&f, NULL);
	int idle = raw_connect(&f), busy = raw_connect(&f), port = http_server_port(f.server);
	CHECK(hk_write(busy, half.p, half.n) >= 0);
	CHECK_INT(hk_sleep(HK_SEC), 0);
	http_server_stop(f.server);
	CHECK_INT(hk_read(idle, &byte, 1), 0);
	CHECK_INT(hk_group_running(&f.g), 1);
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				 .sin_port = htons((uint16_t)port) };
	CHECK_INT(hk_connect((struct sockaddr *)&a, sizeof(a)), -ECONNREFUSED);
	CHECK(hk_write(busy, "bc", 2) == 2);
	CHECK_INT(read_all(busy, &got), 0);
	CHECK(got.p && strstr(got.p, "HTTP/1.1 200 ") && strstr(got.p, "Connection: close") &&
	      strstr(got.p, "\r\n\r\nabc"));
	CHECK_INT(hk_close(idle), 0);
	CHECK_INT(hk_close(busy), 0);
	CHECK_INT(hk_group_close(&f.g, 0), 0); /* it has returned by itself */
	http_server_free(f.server);
	return 0;
}

TEST(stopping_answers_what_has_begun)
{
	CHECK_INT(hk_run(stops, NULL, &(struct hk_run_options){ .virtual_clock = true }), 0);
}

/* ---- client and server ------------------------------------------------------------------------------ */

struct call {
	struct http_client *client;
	struct fixture *fixture;
	unsigned number;
	int64_t patience_ns; /* 0: for ever */
	bool post;
	int outcome; /* 1: answered, 0: given up */
};

static int call(void *arg) SUSPENDS
{
	struct call *c = arg;
	AUTO(http_response_done) struct http_response res = { 0 };
	struct hk_scope scope;
	struct err err = { 0 };
	char url[96], number[16];
	int n = snprintf(number, sizeof(number), "%u", c->number);
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/echo%s%s",
		 http_server_port(c->fixture->server), c->post ? "" : "?n=", c->post ? "" : number);
	struct http_request q = { .method = c->post ? S("POST") : S("GET"), .url = slice_str(url) };
	if (c->post)
		q.body = (struct slice){ number, (size_t)n };
	hk_scope_open(&scope, c->patience_ns ? c->patience_ns : HK_FOREVER);
	int r = http_exchange(c->client, &q, &res, &err);
	(void)hk_scope_close(&scope, 0); /* the outcome is in r and err */
	c->outcome = r == 0;
	if (r == 0) {
		CHECK_INT(res.status, 200);
		CHECK_SLICE(buf_slice(&res.body), slice_str(number));
	} else {
		CHECK_STR(fault_name(err.fault), "cancelled");
		CHECK(c->patience_ns > 0);
	}
	return 0;
}

static int thousand(void *arg) SUSPENDS
{
	enum { CALLS = 1000 };
	struct fixture f = { 0 };
	struct http_client *client;
	struct http_client_stats s;
	struct err err = { 0 };
	struct call *calls = calloc(CALLS, sizeof(*calls));
	(void)arg;
	fixture_open(&f, NULL);
	CHECK_INT(http_client_new(NULL, &client, &err), 0);
	for (int round = 0; round < 3; round++) {
		for (unsigned i = 0; i < CALLS; i++)
			calls[i] = (struct call){ client, &f, i, 0, i % 3 == 0, 0 };
		CHECK_INT(hk_gather(call, calls, CALLS, sizeof(*calls), NULL), 0);
		for (unsigned i = 0; i < CALLS; i++)
			CHECK_INT(calls[i].outcome, 1);
	}
	http_client_stats_get(client, &s);
	CHECK_INT(f.handled, 3 * CALLS);
	CHECK_INT(s.requests, 3 * CALLS);
	CHECK(s.connections <= CALLS);
	CHECK_INT(s.reused + s.connections, 3 * CALLS);
	CHECK_INT(s.idle, s.connections);
	http_client_free(client);
	fixture_close(&f);
	free(calls);
	return 0;
}

TEST(a_thousand_at_once)
{
	CHECK_INT(hk_run(thousand, NULL, NULL), 0);
}

/* Calls give up after a random while, others do not; nobody ever reads another's number. */
static int crossing(void *arg) SUSPENDS
{
	enum { CALLS = 2000, LIMIT = 32 };
	uint64_t seed = *(uint64_t *)arg;
	struct fixture f = { .most_delay_ns = 2 * HK_MS };
	struct http_client *client;
	struct http_client_stats s;
	struct err err = { 0 };
	struct rand rand;
	struct call *calls = calloc(CALLS, sizeof(*calls));
	unsigned given_up = 0;
	rand_seed(&rand, seed);
	fixture_open(&f, NULL);
	CHECK_INT(http_client_new(NULL, &client, &err), 0);
	for (unsigned i = 0; i < CALLS; i++) {
		int64_t patience =
			rand_below(&rand, 2) ? 0 : (int64_t)rand_below(&rand, 3 * HK_MS) + 1;
		calls[i] = (struct call){ client, &f, i, patience, rand_below(&rand, 2) == 0, 0 };
	}
	CHECK_INT(hk_gather(call, calls, CALLS, sizeof(*calls),
			    &(struct hk_gather_options){ .limit = LIMIT }),
		  0);
	for (unsigned i = 0; i < CALLS; i++)
		given_up += calls[i].outcome == 0;
	CHECK(given_up > CALLS / 10 && given_up < CALLS * 6 / 10);
	http_client_stats_get(client, &s);
	CHECK_INT(s.active, 0);
	CHECK(s.idle <= LIMIT);
	CHECK(s.reused > CALLS / 10);
	http_client_free(client);
	fixture_close(&f);
	free(calls);
	return 0;
}

TEST(cancellation_crosses_no_answers)
{
	for (uint64_t seed = 1; seed <= 10; seed++) {
		struct hk_run_options o = { .virtual_clock = true, .seed = seed };
		int before = test_failures_;
		CHECK_INT(hk_run(crossing, &seed, &o), 0);
		if (test_failures_ > before)
			printf("# ... with seed %ju\n", (uintmax_t)seed);
	}
}

static int large(void *arg) SUSPENDS
{
	struct fixture f = { 0 };
	struct http_client *client;
	struct err err = { 0 };
	char url[64];
	AUTO(http_response_done) struct http_response res = { 0 };
	AUTO(buf_done) struct buf body = { 0 };
	(void)arg;
	fixture_open(&f, NULL);
	CHECK_INT(http_client_new(NULL, &client, &err), 0);
	for (int i = 0; body.n < 10 << 20; i++)
		CHECK_INT(buf_printf(&body, "line %d\n", i), 0);
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/echo", http_server_port(f.server));
	struct http_request q = { .method = S("PUT"),
				  .url = slice_str(url),
				  .body = buf_slice(&body) };
	CHECK_INT(http_exchange(client, &q, &res, &err), 0);
	CHECK_INT(res.body.n, body.n);
	CHECK(slice_eq(buf_slice(&res.body), buf_slice(&body)));
	http_client_free(client);
	fixture_close(&f);
	return 0;
}

TEST(ten_megabytes_both_ways)
{
	CHECK_INT(hk_run(large, NULL, NULL), 0);
}

static const struct test tests[] = {
	T(raw_requests),
	T(raw_requests_in_pieces),
	T(a_flood_of_headers),
	T(a_slow_sender_is_closed),
	T(a_slow_head_behind_another_request_is_closed),
	T(a_body_that_begins_late_is_taken),
	T(idle_connections_keep_nobody_out),
	T(one_place_is_for_one_after_the_other),
	T(a_slow_body_is_closed),
	T(what_is_held_has_a_ceiling),
	T(stopping_answers_what_has_begun),
	T(a_thousand_at_once),
	T(cancellation_crosses_no_answers),
	T(ten_megabytes_both_ways),
};

int main(void)
{
	alarm(240);
	return RUN_TESTS(tests);
}
