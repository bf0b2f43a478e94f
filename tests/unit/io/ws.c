/* ws.c - tests of src/io/ws: both ends against each other, over the kernel's sockets and in simulation
 *
 * A server whose path says how it behaves, and clients that count what came. */
#include "io/ws.h"
#include "check.h"
#include "io/http/http_server.h"
#include "rt/in_loop.h"
#include <errno.h>
#include <hocket/hocket.h>
#include <netinet/in.h>

struct fixture {
	struct http_server *server;
	struct http_client *client;
	struct hk_group g;
	unsigned received; /* messages, by the server */
	unsigned closed;   /* code that the server was told */
	char url[64];
};

/* ---- the server ------------------------------------------------------------------------------------- */

static void echo(struct fixture *f, struct ws *ws) SUSPENDS
{
	struct ws_message m;
	struct err err = { 0 };
	while (ws_receive(ws, &m, &err) > 0) {
		f->received++;
		if (ws_send(ws, m.text, m.data, &err) < 0)
			return;
	}
}

static void count(struct fixture *f, struct ws *ws) SUSPENDS
{
	struct ws_message m;
	struct err err = { 0 };
	while (ws_receive(ws, &m, &err) > 0)
		f->received++;
}

/* A thousand numbers, in fragments, with pings between them: raw frames, which ws_send would not make. */
static void say_numbers(const struct http_incoming *in) SUSPENDS
{
	for (unsigned i = 0; i < 1000; i++) {
		AUTO(buf_done) struct buf b = { 0 };
		char digits[16];
		int n = snprintf(digits, sizeof(digits), "%u", i);
		CHECK_INT(buf_add(&b, S("\x01\x01")), 0);
		CHECK_INT(buf_add_char(&b, digits[0]), 0);
		CHECK_INT(buf_add(&b, S("\x89\x01?\x80")), 0);
		CHECK_INT(buf_add_char(&b, (char)(n - 1)), 0);
		CHECK_INT(buf_add(&b, slice_str(digits + 1)), 0);
		if (hk_write(in->fd, b.p, b.n) < 0)
			return;
	}
}

static void bad_server(const struct http_incoming *in, struct slice path) SUSPENDS
{
	static const struct {
		struct slice path, bytes;
	} all[] = {
		{ S("/masked"), S("\x81\x81\x01\x02\x03\x04x") },
		{ S("/latin"), S("\x81\x01\xe4") },
		{ S("/large"), S("\x82\x7f\x00\x00\x00\x00\x7f\x00\x00\x00") },
		{ S("/half"), S("\x81\x05he") },
		{ S("/garbage"), S("HTTP/1.1 200 OK\r\n\r\n") },
	};
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (slice_eq(path, all[i].path))
			CHECK(hk_write(in->fd, all[i].bytes.p, all[i].bytes.n) > 0);
}

static bool talks_raw(struct slice path)
{
	return slice_eq(path, S("/masked")) || slice_eq(path, S("/latin")) ||
	       slice_eq(path, S("/large")) || slice_eq(path, S("/half")) ||
	       slice_eq(path, S("/garbage")) || slice_eq(path, S("/numbers"));
}

static void raw(struct fixture *f, const struct http_incoming *in, struct ws *ws) SUSPENDS
{
	struct ws_message m;
	struct err err = { 0 };
	if (slice_eq(in->path, S("/numbers")))
		say_numbers(in);
	bad_server(in, in->path);
	if (slice_eq(in->path, S("/half")))
		return;
	while (ws_receive(ws, &m, &err) > 0)
		f->received++;
	f->closed = ws_closed(ws, NULL);
}

/* Until the connection is over: pongs come in here. */
static int hear_pongs(void *arg) SUSPENDS
{
	struct ws *ws = arg;
	struct ws_message m;
	struct err err = { 0 };
	return ws_receive(ws, &m, &err) < 0 && err.fault == FAULT_CANCELLED ? -ECANCELED : 0;
}

/* Each ping is answered, or the peer is taken for dead. */
static void ask_again_and_again(struct fixture *f, struct ws *ws) SUSPENDS
{
	struct hk_group ears;
	hk_group_open(&ears, NULL);
	CHECK_INT(hk_spawn(&ears, hear_pongs, ws), 0);
	for (unsigned i = 0; i < 200; i++) {
		struct err err = { 0 };
		struct hk_scope clock;
		uint64_t ping;
		hk_scope_open(&clock, 10 * HK_SEC);
		int r = ws_send_asking(ws, true, S("x"), &ping, &err);
		r = r < 0 ? r : ws_confirm(ws, ping, &err);
		(void)hk_scope_close(&clock, 0); /* r tells */
		f->received += r == 0;
	}
	ws_close(ws, WS_NORMAL, S(""), HK_SEC);
	hk_group_cancel(&ears);
	(void)!hk_group_close(&ears, 0); /* the server may be told to end meanwhile */
}

static void handle(void *arg, const struct http_incoming *in, struct http_reply *r) SUSPENDS
{
	struct fixture *f = arg;
	AUTO(ws_freep) struct ws *ws = NULL;
	struct err err = { 0 };
	if (slice_eq(in->path, S("/no"))) {
		r->status = 403;
		CHECK_INT(buf_add(&r->body, S("not\nyou")), 0);
		return;
	}
	if (ws_accept(in, r, S("b, a"), NULL, &ws, &err) < 0)
		return;
	if (talks_raw(in->path))
		raw(f, in, ws);
	else if (slice_eq(in->path, S("/count")))
		count(f, ws);
	else if (slice_eq(in->path, S("/bye")))
		ws_close(ws, 4001, S("enough"), HK_SEC);
	else if (slice_eq(in->path, S("/asks")))
		ask_again_and_again(f, ws);
	else if (slice_eq(in->path, S("/deaf-bye")))
		CHECK(hk_write(in->fd, "\x88\x05\x03\xe9\x1b\n!", 7) == 7 &&
		      hk_sleep(HK_SEC * 1000) < 0);
	else if (slice_eq(in->path, S("/mute")))
		(void)!hk_sleep(HK_SEC * 1000);
	else
		echo(f, ws);
	if (!talks_raw(in->path))
		f->closed = ws_closed(ws, NULL);
}

static int serve(void *arg) SUSPENDS
{
	struct err err = { 0 };
	return http_server_run(arg, &err);
}

static void fixture_open(struct fixture *f) SUSPENDS
{
	struct err err = { 0 };
	*f = (struct fixture){ 0 };
	CHECK_INT(http_server_open("127.0.0.1", 0, handle, f, NULL, &f->server, &err), 0);
	CHECK_INT(http_client_new(NULL, &f->client, &err), 0);
	hk_group_open(&f->g, NULL);
	CHECK_INT(hk_spawn(&f->g, serve, f->server), 0);
}

static void fixture_close(struct fixture *f) SUSPENDS
{
	hk_group_cancel(&f->g);
	CHECK_INT(hk_group_close(&f->g, 0), 0);
	http_server_free(f->server);
	http_client_free(f->client);
}

static struct ws *connect_to(struct fixture *f, const char *path, const struct ws_options *o,
			     struct err *err) SUSPENDS
{
	struct ws *ws;
	snprintf(f->url, sizeof(f->url), "ws://127.0.0.1:%d%s", http_server_port(f->server), path);
	struct ws_request q = { .url = slice_str(f->url), .protocols = S("a, b") };
	return ws_connect(f->client, &q, o, &ws, err) == 0 ? ws : NULL;
}

static struct ws *connected(struct fixture *f, const char *path,
			    const struct ws_options *o) SUSPENDS
{
	struct err err = { 0 };
	struct ws *ws = connect_to(f, path, o, &err);
	if (!ws)
		printf("# %s\n", err.text);
	CHECK(ws != NULL);
	return ws;
}

/* ---- good days --------------------------------------------------------------------------------------- */

TEST_IN_SIM(messages_come_back, 30)
{
	static const size_t sizes[] = { 0, 1, 125, 126, 65535, 65536, 200000 };
	struct fixture f;
	fixture_open(&f);
	struct ws *ws = connected(&f, "/echo", NULL);
	CHECK_SLICE(ws_protocol(ws), S("a"));
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		char *text = xcalloc(1, sizes[i] + 1);
		struct ws_message m;
		struct err err = { 0 };
		memset(text, 'a' + (int)i, sizes[i]);
		CHECK_INT(ws_send(ws, i % 2, (struct slice){ text, sizes[i] }, &err), 0);
		CHECK_INT(ws_receive(ws, &m, &err), 1);
		CHECK_SLICE(m.data, ((struct slice){ text, sizes[i] }));
		CHECK_INT(m.text, i % 2);
		free(text);
	}
	ws_close(ws, WS_NORMAL, S("done"), HK_SEC);
	ws_free(ws);
	CHECK_INT(hk_wait_all_parked(), 0);
	CHECK_INT(f.closed, WS_NORMAL);
	fixture_close(&f);
}

TEST_IN_SIM(fragments_and_pings_between_them, 30)
{
	struct fixture f;
	struct err err = { 0 };
	fixture_open(&f);
	struct ws *ws = connected(&f, "/numbers", NULL);
	for (unsigned i = 0; i < 1000; i++) {
		struct ws_message m = { 0 };
		char digits[16];
		snprintf(digits, sizeof(digits), "%u", i);
		CHECK_INT(ws_receive(ws, &m, &err), 1);
		CHECK_SLICE(m.data, slice_str(digits));
	}
	ws_close(ws, WS_NORMAL, S(""), HK_SEC);
	ws_free(ws);
	fixture_close(&f);
}

TEST_IN_SIM(the_peer_says_good_bye, 30)
{
	struct fixture f;
	struct err err = { 0 };
	struct ws_message m;
	struct slice reason;
	fixture_open(&f);
	struct ws *ws = connected(&f, "/bye", NULL);
	CHECK_INT(ws_receive(ws, &m, &err), 0);
	CHECK_INT(ws_receive(ws, &m, &err), 0);
	CHECK_INT(ws_closed(ws, &reason), 4001);
	CHECK_SLICE(reason, S("enough"));
	CHECK_INT(ws_send(ws, true, S("too late"), &err), -1);
	CHECK_INT(err.fault, FAULT_RESET);
	CHECK(!err.sent);
	ws_free(ws);
	fixture_close(&f);
}

/* ---- many writers --------------------------------------------------------------------------------------- */

struct sender {
	struct ws *ws;
	unsigned done;
};

static int send_and_confirm(void *arg) SUSPENDS
{
	struct sender *s = arg;
	struct err err = { 0 };
	for (unsigned i = 0; i < 20; i++) {
		uint64_t ping;
		if (ws_send_asking(s->ws, true, S("{\"n\":1}"), &ping, &err) < 0 ||
		    ws_confirm(s->ws, ping, &err) < 0)
			return -EIO;
		s->done++;
	}
	return 0;
}

/* Whoever is confirmed has been received: the server's count is never behind. */
TEST_IN_SIM(confirmed_is_received, 60)
{
	struct fixture f;
	struct hk_group ears, g;
	fixture_open(&f);
	struct sender s = { connected(&f, "/count", NULL), 0 };
	hk_group_open(&ears, NULL);
	CHECK_INT(hk_spawn(&ears, hear_pongs, s.ws), 0);
	hk_group_open(&g, NULL);
	for (unsigned i = 0; i < 30; i++)
		CHECK_INT(hk_spawn(&g, send_and_confirm, &s), 0);
	for (unsigned i = 0; i < 50; i++) {
		CHECK_INT(hk_yield(), 0);
		CHECK(f.received >= s.done);
	}
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(s.done, 600);
	CHECK_INT(f.received, 600);
	hk_group_cancel(&ears);
	CHECK_INT(hk_group_close(&ears, 0), 0);
	ws_free(s.ws);
	fixture_close(&f);
}

/* Some of them are cancelled at any moment; the others are served all the same. */
TEST_IN_SIM(cancelled_writers_leave_the_rest, 60)
{
	struct fixture f;
	struct hk_group ears, g;
	struct hk_scope hurry;
	fixture_open(&f);
	struct ws *ws = connected(&f, "/count", NULL);
	struct sender good = { ws, 0 }, some = { ws, 0 };
	hk_group_open(&ears, NULL);
	CHECK_INT(hk_spawn(&ears, hear_pongs, ws), 0);
	hk_group_open(&g, NULL);
	for (unsigned i = 0; i < 5; i++)
		CHECK_INT(hk_spawn(&g, send_and_confirm, &good), 0);
	hk_scope_open(&hurry, (int64_t)(hk_random() % 20) * HK_MS);
	for (unsigned i = 0; i < 10; i++) { /* waits, is cut off, and leaves its place to another */
		uint64_t ping;
		struct err err = { 0 };
		if (ws_send_asking(ws, true, S("x"), &ping, &err) < 0 ||
		    ws_confirm(ws, ping, &err) < 0)
			break;
		some.done++;
	}
	(void)hk_scope_close(&hurry, 0);
	int r = hk_group_close(&g, 0);
	CHECK(r == 0 ||
	      r == -EIO); /* a frame may have been cut off in the middle: then it is over for all */
	CHECK(r < 0 || good.done == 100);
	hk_group_cancel(&ears);
	CHECK_INT(hk_group_close(&ears, 0), 0);
	ws_free(ws);
	fixture_close(&f);
}

/* ---- bad days ----------------------------------------------------------------------------------------- */

TEST_IN_SIM(a_bad_server_is_told, 30)
{
	static const struct {
		const char *path;
		enum fault fault;
		unsigned code;
	} bad[] = {
		{ "/masked", FAULT_PROTOCOL, 1002 },  { "/latin", FAULT_PROTOCOL, 1007 },
		{ "/large", FAULT_TOO_LARGE, 1009 },  { "/half", FAULT_RESET, 0 },
		{ "/garbage", FAULT_PROTOCOL, 1002 },
	};
	struct fixture f;
	fixture_open(&f);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct err err = { 0 };
		struct ws_message m;
		f.closed = 0;
		struct ws *ws = connected(&f, bad[i].path, NULL);
		CHECK_INT(ws_receive(ws, &m, &err), -1);
		CHECK_INT(err.fault, bad[i].fault);
		err = (struct err){ 0 };
		CHECK_INT(ws_receive(ws, &m, &err), -1); /* and still so */
		CHECK_INT(err.fault, bad[i].fault);
		CHECK_INT(hk_sleep(HK_SEC), 0);
		CHECK_INT(f.closed, bad[i].code);
		ws_free(ws);
	}
	fixture_close(&f);
}

TEST_IN_SIM(refusals_say_why, 10)
{
	struct fixture f;
	struct err err = { 0 };
	fixture_open(&f);
	CHECK(connect_to(&f, "/no", NULL, &err) == NULL);
	CHECK_INT(err.fault, FAULT_STATUS);
	CHECK_INT(err.code, 403);
	CHECK(strstr(err.text, "answered 403 instead of opening a WebSocket: not you"));
	struct ws_request q = { .url = S("http://127.0.0.1/") };
	struct ws *ws;
	CHECK_INT(ws_connect(f.client, &q, NULL, &ws, &err), -1);
	CHECK_INT(err.fault, FAULT_BAD_VALUE);
	/* no WebSocket is wanted: an answer like any other, and the connection goes on */
	struct http_response a;
	AUTO(buf_done) struct buf http = { 0 };
	CHECK_INT(buf_printf(&http, "http://127.0.0.1:%d/echo", http_server_port(f.server)), 0);
	struct http_request plain = { .method = S("GET"), .url = buf_slice(&http) };
	for (int i = 0; i < 2; i++) {
		CHECK_INT(http_exchange(f.client, &plain, &a, &err), 0);
		CHECK_INT(a.status, 426);
		http_response_done(&a);
	}
	struct http_client_stats stats;
	http_client_stats_get(f.client, &stats);
	CHECK_INT(stats.reused, 2); /* that of the 403, twice */
	fixture_close(&f);
}

static void check_answer(const struct fixture *f, const char *version, const char *want) SUSPENDS
{
	AUTO(buf_done) struct buf ask = { 0 };
	char answer[16] = "";
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons((uint16_t)http_server_port(f->server)),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = hk_connect((struct sockaddr *)&a, sizeof(a));
	CHECK(fd >= 0);
	CHECK_INT(buf_printf(&ask,
			     "GET /echo %s\r\nHost: h\r\nUpgrade: websocket\r\nConnection: "
			     "Upgrade\r\nSec-WebSocket-Version: 13\r\n"
			     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
			     version),
		  0);
	CHECK_INT(hk_write(fd, ask.p, ask.n), ask.n);
	for (size_t n = 0; n < strlen(want);) {
		ssize_t r = hk_read(fd, answer + n, strlen(want) - n);
		CHECK(r > 0);
		n = r > 0 ? n + (size_t)r : sizeof(answer);
	}
	CHECK_STR(answer, want);
	hk_close(fd);
}

/* RFC 6455 4.2.1: HTTP/1.1 or higher. */
TEST_IN_SIM(http_1_0_has_no_upgrade, 10)
{
	struct fixture f;
	fixture_open(&f);
	check_answer(&f, "HTTP/1.0", "HTTP/1.1 400");
	check_answer(&f, "HTTP/1.1", "HTTP/1.1 101");
	fixture_close(&f);
}

/* Nothing comes, and no pong either: found out after two patiences, not before. */
TEST_IN_SIM(a_dead_peer_is_found_out, 10)
{
	struct fixture f;
	struct err err = { 0 };
	struct ws_message m;
	fixture_open(&f);
	struct ws *ws = connected(&f, "/mute", &(struct ws_options){ .ping_ns = 20 * HK_SEC });
	int64_t start = hk_now_ns();
	CHECK_INT(ws_receive(ws, &m, &err), -1);
	CHECK_INT(err.fault, FAULT_TIMEOUT);
	int64_t took = hk_now_ns() - start;
	CHECK(took >= 40 * HK_SEC && took < 41 * HK_SEC);
	ws_free(ws);
	/* one that is alive answers, for hours */
	ws = connected(&f, "/echo", &(struct ws_options){ .ping_ns = 20 * HK_SEC });
	struct hk_scope hours;
	hk_scope_open(&hours, 2 * 3600 * HK_SEC);
	err = (struct err){ 0 };
	CHECK_INT(ws_receive(ws, &m, &err), -1);
	CHECK_INT(err.fault, FAULT_CANCELLED);
	CHECK_INT(hk_scope_close(&hours, -ECANCELED), -ETIMEDOUT);
	/* and a cancelled receive has lost nothing */
	CHECK_INT(ws_send(ws, true, S("still here"), &err), 0);
	CHECK_INT(ws_receive(ws, &m, &err), 1);
	CHECK_SLICE(m.data, S("still here"));
	ws_free(ws);
	fixture_close(&f);
}

/* A peer that takes nothing: the sender waits, and its clock ends that. */
TEST_IN_SIM(a_peer_that_takes_nothing, 10)
{
	struct fixture f;
	struct err err = { 0 };
	fixture_open(&f);
	struct ws *ws = connected(&f, "/mute", &(struct ws_options){ .write_ns = 5 * HK_SEC });
	char *much = xcalloc(1, 1 << 20);
	unsigned n = 0;
	while (n < 1000 && ws_send(ws, false, (struct slice){ much, 1 << 20 }, &err) == 0)
		n++;
	CHECK(n < 100);
	CHECK_INT(err.fault, FAULT_TIMEOUT);
	CHECK(err.sent);
	CHECK_INT(ws_send(ws, false, S("x"), &err), -1);
	free(much);
	ws_free(ws);
	fixture_close(&f);
}

/* Whoever receives is cut off again and again, also when a ping has just come: it is answered all the same. */
TEST_IN_SIM(pings_are_answered_by_whoever_is_cut_off, 40)
{
	struct fixture f;
	struct err err = { 0 };
	int r = -1;
	fixture_open(&f);
	struct ws *ws = connected(&f, "/asks", NULL);
	for (unsigned i = 0; r != 0; i++) {
		struct ws_message m;
		struct hk_scope clock;
		hk_scope_open(&clock, i % 2 ? 0 : HK_MS);
		err = (struct err){ 0 };
		r = ws_receive(ws, &m, &err);
		CHECK(r >= 0 || err.fault == FAULT_CANCELLED);
		(void)hk_scope_close(&clock, 0); /* r tells */
	}
	CHECK_INT(f.received, 200);
	ws_free(ws);
	fixture_close(&f);
}

static int send_for_ever(void *arg) SUSPENDS
{
	struct ws *ws = arg;
	struct err err = { 0 };
	char *much = xcalloc(1, 1 << 20);
	while (ws_send(ws, false, (struct slice){ much, 1 << 20 }, &err) == 0)
		;
	free(much);
	return 0;
}

/* A good-bye is heard, although it cannot be answered. What it says is shown without what would mislead a terminal. */
TEST_IN_SIM(a_peer_that_takes_nothing_says_good_bye, 10)
{
	struct fixture f;
	struct err err = { 0 };
	struct ws_message m;
	struct hk_group g;
	fixture_open(&f);
	struct ws *ws = connected(&f, "/deaf-bye", NULL);
	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, send_for_ever, ws), 0);
	CHECK_INT(hk_sleep(HK_SEC), 0); /* it is stuck */
	int64_t start = hk_now_ns();
	CHECK_INT(ws_receive(ws, &m, &err), 0);
	CHECK(hk_now_ns() - start < 2 * HK_SEC);
	CHECK_STR(ws_said(ws), "1001   !");
	hk_group_cancel(&g);
	CHECK_INT(hk_group_close(&g, 0), 0);
	ws_free(ws);
	fixture_close(&f);
}

static const struct test tests[] = {
	T(messages_come_back),
	T(fragments_and_pings_between_them),
	T(the_peer_says_good_bye),
	T(confirmed_is_received),
	T(cancelled_writers_leave_the_rest),
	T(a_bad_server_is_told),
	T(refusals_say_why),
	T(http_1_0_has_no_upgrade),
	T(a_dead_peer_is_found_out),
	T(a_peer_that_takes_nothing),
	T(pings_are_answered_by_whoever_is_cut_off),
	T(a_peer_that_takes_nothing_says_good_bye),
};

int main(void)
{
	return RUN_TESTS(tests);
}
