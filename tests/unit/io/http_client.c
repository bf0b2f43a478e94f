/* http_client.c - tests of the client (src/io/http/http_client.c, http_exchange.c, http_conn.c, http_pool.c): nasty answers
 *
 * Each scene is a script for the far side and what must come of it: the class, the clock, whether the far side may have
 * acted, what is left in the pool, and how often the server itself says it was asked. The clock is virtual. */
#include "check.h"
#include "io/http.h"
#include "rt/in_loop.h"
#include "packed.h"
#include "scripted.h"
#include <errno.h>
#include <unistd.h>

#define LENGTH2 "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
#define CHUNKED "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

struct scene {
	const char *name;
	struct answer answers[4];
	/* the request */
	const char *method; /* NULL: GET */
	size_t body_bytes;  /* of a made-up body */
	uint64_t max_body;
	unsigned before; /* exchanges that must succeed before the one that counts */
	bool keyed, no_redirects, clocks, deaf;
	/* what must come of it */
	int status;
	const char *body;
	enum fault fault;
	enum err_clock clock;
	bool unsent;                    /* a failure: the far side cannot have acted */
	size_t idle;                    /* connections in the pool afterwards */
	unsigned connections, requests; /* by the server's count; 0: 1 */
	const char *says;               /* in the error's text */
};

static const struct scene scenes[] = {
	/* the decent ones */
	{ .name = "plain",
	  .answers = { { LENGTH2 "hi" } },
	  .status = 200,
	  .body = "hi",
	  .idle = 1 },
	{ .name = "kept and used again",
	  .answers = { { LENGTH2 "hi" } },
	  .before = 3,
	  .status = 200,
	  .body = "hi",
	  .idle = 1,
	  .requests = 4 },
	{ .name = "a status is an answer",
	  .answers = { { "HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\nno" } },
	  .status = 503,
	  .body = "no",
	  .idle = 1 },
	{ .name = "chunked",
	  .answers = { { CHUNKED "2\r\nhi\r\n0\r\n\r\n" } },
	  .status = 200,
	  .body = "hi",
	  .idle = 1 },
	{ .name = "until close",
	  .answers = { { "HTTP/1.1 200 OK\r\n\r\nhi", .then = CLOSE } },
	  .status = 200,
	  .body = "hi" },
	{ .name = "connection: close",
	  .answers = { { "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi" } },
	  .status = 200,
	  .body = "hi" },
	{ .name = "HTTP/1.0",
	  .answers = { { "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi" } },
	  .status = 200,
	  .body = "hi" },
	{ .name = "interim answers",
	  .answers = { { "HTTP/1.1 103 E\r\nA: b\r\n\r\nHTTP/1.1 100 C\r\n\r\n" LENGTH2 "hi" } },
	  .status = 200,
	  .body = "hi",
	  .idle = 1 },
	{ .name = "HEAD",
	  .method = "HEAD",
	  .answers = { { "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n" } },
	  .status = 200,
	  .body = "",
	  .idle = 1 },
	{ .name = "HEAD of compressed",
	  .method = "HEAD",
	  .answers = { { "HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 9\r\n\r\n" } },
	  .status = 200,
	  .body = "",
	  .idle = 1 },
	{ .name = "204",
	  .answers = { { "HTTP/1.1 204 No Content\r\n\r\n" } },
	  .status = 204,
	  .body = "",
	  .idle = 1 },
	{ .name = "POST",
	  .method = "POST",
	  .body_bytes = 1000,
	  .answers = { { LENGTH2 "hi" } },
	  .status = 200,
	  .body = "hi",
	  .idle = 1 },
	{ .name = "large POST",
	  .method = "POST",
	  .body_bytes = 3 << 20,
	  .answers = { { LENGTH2 "hi" } },
	  .status = 200,
	  .body = "hi",
	  .idle = 1 },
	{ .name = "body at its ceiling",
	  .answers = { { LENGTH2 "hi" } },
	  .max_body = 2,
	  .status = 200,
	  .body = "hi",
	  .idle = 1 },
	{ .name = "chunked body at its ceiling",
	  .answers = { { CHUNKED "2\r\nhi\r\n0\r\n\r\n" } },
	  .max_body = 2,
	  .status = 200,
	  .body = "hi",
	  .idle = 1 },

	/* never reused */
	{ .name = "garbage behind the body",
	  .answers = { { LENGTH2 "hi, and more" } },
	  .status = 200,
	  .body = "hi" },
	{ .name = "two answers at once",
	  .answers = { { LENGTH2 "hi" LENGTH2 "no" } },
	  .status = 200,
	  .body = "hi" },
	{ .name = "garbage behind 204",
	  .answers = { { "HTTP/1.1 204 No Content\r\n\r\nx" } },
	  .status = 204,
	  .body = "" },
	{ .name = "length and chunked",
	  .answers = { { "HTTP/1.1 200 OK\r\nContent-Length: 7\r\nTransfer-Encoding: "
			 "chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n" } },
	  .status = 200,
	  .body = "hi" },
	{ .name = "early answer, body never read",
	  .method = "POST",
	  .body_bytes = 8 << 20,
	  .answers = { { "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno", .then = CLOSE,
			 .unread = true } },
	  .status = 413,
	  .body = "no" },
	{ .name = "early answer, body read all the same",
	  .method = "POST",
	  .body_bytes = 8 << 20,
	  .answers = { { "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno", .then = HANG,
			 .unread = true } },
	  .status = 413,
	  .body = "no",
	  .idle = 1 },

	/* the far side goes away */
	{ .name = "closed without an answer",
	  .answers = { { "", .then = CLOSE } },
	  .fault = FAULT_RESET,
	  .says = "without an answer" },
	{ .name = "reset without an answer",
	  .answers = { { "", .then = RESET } },
	  .fault = FAULT_RESET,
	  .says = "without an answer" },
	{ .name = "closed in the status line",
	  .answers = { { "HTTP/1.1 2", .then = CLOSE } },
	  .fault = FAULT_TRUNCATED },
	{ .name = "closed in the headers",
	  .answers = { { "HTTP/1.1 200 OK\r\nContent-Le", .then = CLOSE } },
	  .fault = FAULT_TRUNCATED },
	{ .name = "closed after an interim answer",
	  .answers = { { "HTTP/1.1 100 C\r\n\r\n", .then = CLOSE } },
	  .fault = FAULT_TRUNCATED },
	{ .name = "closed before the body",
	  .answers = { { LENGTH2, .then = CLOSE } },
	  .fault = FAULT_TRUNCATED },
	{ .name = "closed in the body",
	  .answers = { { LENGTH2 "h", .then = CLOSE } },
	  .fault = FAULT_TRUNCATED },
	{ .name = "closed in a chunk's size",
	  .answers = { { CHUNKED "2", .then = CLOSE } },
	  .fault = FAULT_TRUNCATED },
	{ .name = "closed in a chunk",
	  .answers = { { CHUNKED "2\r\nh", .then = CLOSE } },
	  .fault = FAULT_TRUNCATED },
	{ .name = "closed before the last chunk",
	  .answers = { { CHUNKED "2\r\nhi\r\n", .then = CLOSE } },
	  .fault = FAULT_TRUNCATED },
	{ .name = "closed in the trailers",
	  .answers = { { CHUNKED "2\r\nhi\r\n0\r\nA: b\r\n", .then = CLOSE } },
	  .fault = FAULT_TRUNCATED },

	/* what is not HTTP as it must be */
	{ .name = "SSH",
	  .answers = { { "SSH-2.0-OpenSSH_9.2p1\r\n", .then = HANG, .greets = true } },
	  .fault = FAULT_PROTOCOL,
	  .says = "not HTTP/1.1: it begins with 'SSH-2.0-OpenSSH_9.2p1'" },
	{ .name = "SMTP",
	  .answers = { { "220 mail ESMTP\r\n", .then = HANG } },
	  .fault = FAULT_PROTOCOL },
	{ .name = "a TLS alert",
	  .answers = { { "\x15\x03\x01\x00\x02\x02\x46", .n = 7, .then = CLOSE } },
	  .fault = FAULT_PROTOCOL,
	  .says = "https" },
	{ .name = "HTTP/0.9",
	  .answers = { { "<html>hi</html>", .then = CLOSE } },
	  .fault = FAULT_PROTOCOL },
	{ .name = "chunk garbage",
	  .answers = { { CHUNKED "zz\r\nhi\r\n" } },
	  .fault = FAULT_PROTOCOL },
	{ .name = "chunk too long",
	  .answers = { { CHUNKED "2\r\nhip\r\n0\r\n\r\n" } },
	  .fault = FAULT_PROTOCOL },
	{ .name = "two lengths",
	  .answers = { { "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi" } },
	  .fault = FAULT_PROTOCOL },
	{ .name = "length is text",
	  .answers = { { "HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\nhi" } },
	  .fault = FAULT_PROTOCOL },
	{ .name = "folded header",
	  .answers = { { "HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 2\r\n\r\nhi" } },
	  .fault = FAULT_PROTOCOL },
	{ .name = "switching protocols",
	  .answers = { { "HTTP/1.1 101 S\r\nUpgrade: x\r\n\r\n" } },
	  .fault = FAULT_PROTOCOL },
	{ .name = "interim flood",
	  .answers = { { "HTTP/1.1 100 C\r\n\r\n", .endless = true } },
	  .fault = FAULT_PROTOCOL,
	  .says = "interim" },
	{ .name = "unasked coding",
	  .answers = { { "HTTP/1.1 200 OK\r\nContent-Encoding: compress\r\nContent-Length: "
			 "2\r\n\r\nhi" } },
	  .fault = FAULT_PROTOCOL,
	  .says = "Content-Encoding" },

	/* what has no end */
	{ .name = "endless header line",
	  .answers = { { "HTTP/1.1 200 OK\r\nA: ", .endless = true, .loop = "xxxxxxxxxxxxxxxx" } },
	  .fault = FAULT_TOO_LARGE,
	  .says = "headers" },
	{ .name = "endless headers",
	  .answers = { { "HTTP/1.1 200 OK\r\n", .endless = true, .loop = "Abcdefgh: ijklmn\r\n" } },
	  .fault = FAULT_TOO_LARGE,
	  .says = "header" },
	{ .name = "endless body",
	  .answers = { { "HTTP/1.1 200 OK\r\n\r\n", .endless = true, .loop = "0123456789" } },
	  .max_body = 100000,
	  .fault = FAULT_TOO_LARGE,
	  .says = "body" },
	{ .name = "endless chunks",
	  .answers = { { CHUNKED, .endless = true, .loop = "4\r\nwiki\r\n" } },
	  .max_body = 100000,
	  .fault = FAULT_TOO_LARGE,
	  .says = "body" },
	{ .name = "endless extension",
	  .answers = { { CHUNKED "2;a=", .endless = true, .loop = "xxxxxxxxxxxxxxxx" } },
	  .fault = FAULT_TOO_LARGE,
	  .says = "extensions" },
	{ .name = "endless trailers",
	  .answers = { { CHUNKED "0\r\n", .endless = true, .loop = "Abcdefgh: ijklmn\r\n" } },
	  .fault = FAULT_TOO_LARGE,
	  .says = "trailers" },
	{ .name = "announced too large",
	  .answers = { { "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", .then = HANG } },
	  .max_body = 2,
	  .fault = FAULT_TOO_LARGE,
	  .says = "body" },
	{ .name = "announced beyond all memory",
	  .answers = { { "HTTP/1.1 200 OK\r\nContent-Length: 999999999999999999\r\n\r\n",
			 .then = HANG } },
	  .fault = FAULT_TOO_LARGE },

	/* what never comes: each clock by its name */
	{ .name = "no answer",
	  .answers = { { "", .then = HANG } },
	  .clocks = true,
	  .fault = FAULT_TIMEOUT,
	  .clock = CLOCK_FIRST_BYTE },
	{ .name = "halt in the headers",
	  .answers = { { "HTTP/1.1 200 OK\r\nA", .then = HANG } },
	  .clocks = true,
	  .fault = FAULT_TIMEOUT,
	  .clock = CLOCK_IDLE },
	{ .name = "halt after an interim answer",
	  .answers = { { "HTTP/1.1 100 C\r\n\r\n", .then = HANG } },
	  .clocks = true,
	  .fault = FAULT_TIMEOUT,
	  .clock = CLOCK_IDLE },
	{ .name = "halt in the body",
	  .answers = { { LENGTH2 "h", .then = HANG } },
	  .clocks = true,
	  .fault = FAULT_TIMEOUT,
	  .clock = CLOCK_IDLE },
	{ .name = "halt in a chunk",
	  .answers = { { CHUNKED "2\r\nh", .then = HANG } },
	  .clocks = true,
	  .fault = FAULT_TIMEOUT,
	  .clock = CLOCK_IDLE },
	{ .name = "until close, which never comes",
	  .answers = { { "HTTP/1.1 200 OK\r\n\r\nhi", .then = HANG } },
	  .clocks = true,
	  .fault = FAULT_TIMEOUT,
	  .clock = CLOCK_IDLE },
	{ .name = "an upload that is not taken",
	  .method = "POST",
	  .body_bytes = 32 << 20,
	  .answers = { { LENGTH2 "hi" } },
	  .deaf = true,
	  .clocks = true,
	  .fault = FAULT_TIMEOUT,
	  .clock = CLOCK_IDLE,
	  .says = "does not take the request" },
	{ .name = "no answer on a used connection",
	  .before = 1,
	  .answers = { { LENGTH2 "hi" }, { "", .then = HANG } },
	  .clocks = true,
	  .requests = 2,
	  .fault = FAULT_TIMEOUT,
	  .clock = CLOCK_FIRST_BYTE },

	/* stale keep-alive: the second request meets a connection that the far side closes */
	{ .name = "stale GET is sent again",
	  .before = 1,
	  .answers = { { LENGTH2 "hi" }, { "", .then = CLOSE }, { LENGTH2 "yo" } },
	  .status = 200,
	  .body = "yo",
	  .idle = 1,
	  .requests = 3,
	  .connections = 2 },
	{ .name = "stale GET, reset",
	  .before = 1,
	  .answers = { { LENGTH2 "hi" }, { "", .then = RESET }, { LENGTH2 "yo" } },
	  .status = 200,
	  .body = "yo",
	  .idle = 1,
	  .requests = 3,
	  .connections = 2 },
	{ .name = "stale GET, stale again",
	  .before = 1,
	  .answers = { { LENGTH2 "hi" }, { "", .then = CLOSE } },
	  .requests = 3,
	  .connections = 2,
	  .fault = FAULT_RESET },
	{ .name = "stale POST is not",
	  .method = "POST",
	  .body_bytes = 10,
	  .before = 1,
	  .answers = { { LENGTH2 "hi" }, { "", .then = CLOSE } },
	  .requests = 2,
	  .fault = FAULT_RESET },
	{ .name = "stale POST with a key is",
	  .method = "POST",
	  .body_bytes = 10,
	  .keyed = true,
	  .before = 1,
	  .answers = { { LENGTH2 "hi" }, { "", .then = CLOSE }, { LENGTH2 "yo" } },
	  .status = 200,
	  .body = "yo",
	  .idle = 1,
	  .requests = 3,
	  .connections = 2 },
	{ .name = "a byte of the answer ends the rule",
	  .before = 1,
	  .answers = { { LENGTH2 "hi" }, { "H", .then = CLOSE }, { LENGTH2 "yo" } },
	  .requests = 2,
	  .fault = FAULT_TRUNCATED },

	/* redirects */
	{ .name = "redirect",
	  .answers = { { "HTTP/1.1 302 F\r\nLocation: /b\r\nContent-Length: 3\r\n\r\nold" },
		       { LENGTH2 "hi" } },
	  .status = 200,
	  .body = "hi",
	  .idle = 1,
	  .requests = 2 },
	{ .name = "redirect not wanted",
	  .no_redirects = true,
	  .answers = { { "HTTP/1.1 302 F\r\nLocation: /b\r\nContent-Length: 3\r\n\r\nold" } },
	  .status = 302,
	  .body = "old",
	  .idle = 1 },
	{ .name = "redirect without a place",
	  .answers = { { "HTTP/1.1 302 F\r\nContent-Length: 3\r\n\r\nold" } },
	  .status = 302,
	  .body = "old",
	  .idle = 1 },
	{ .name = "304 is no redirect",
	  .answers = { { "HTTP/1.1 304 N\r\nLocation: /b\r\n\r\n" } },
	  .status = 304,
	  .body = "",
	  .idle = 1 },
	{ .name = "POST is not redirected",
	  .method = "POST",
	  .body_bytes = 3,
	  .answers = { { "HTTP/1.1 307 T\r\nLocation: /b\r\nContent-Length: 3\r\n\r\nold" } },
	  .status = 307,
	  .body = "old",
	  .idle = 1 },
	{ .name = "redirect loop",
	  .answers = { { "HTTP/1.1 301 M\r\nLocation: /a\r\nContent-Length: 0\r\n\r\n" } },
	  .requests = 6,
	  .idle = 1,
	  .fault = FAULT_PROTOCOL,
	  .says = "more than 5 redirects" },
	{ .name = "redirect to a file",
	  .answers = { { "HTTP/1.1 301 M\r\nLocation: file:///etc/passwd\r\nContent-Length: "
			 "0\r\n\r\n" } },
	  .idle = 1,
	  .fault = FAULT_PROTOCOL },
};

struct play {
	const struct scene *scene;
	struct scripted server;
};

static struct buf made_up_body(size_t n)
{
	struct buf b = { 0 };
	if (n > 0 && buf_reserve(&b, n) == 0) {
		memset(b.p, 'b', n);
		buf_added(&b, n);
	}
	return b;
}

static int ask(struct http_client *c, const struct play *p, bool first, struct http_response *ret,
	       struct err *err) SUSPENDS
{
	const struct scene *s = p->scene;
	AUTO(buf_done) struct buf body = made_up_body(first ? 0 : s->body_bytes);
	char url[64];
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/a", p->server.port);
	struct http_request q = { .method = s->method && !first ? slice_str(s->method) : S("GET"),
				  .url = slice_str(url),
				  .body = buf_slice(&body),
				  .max_body_bytes = s->max_body,
				  .keyed = s->keyed,
				  .no_redirects = s->no_redirects };
	if (s->clocks)
		q.clocks =
			(struct http_clocks){ 10 * HK_SEC, 10 * HK_SEC, 10 * HK_SEC, 10 * HK_SEC };
	return http_exchange(c, &q, ret, err);
}

static void judge(const struct play *p, int r, const struct http_response *res,
		  const struct err *err, const struct http_client_stats *stats)
{
	const struct scene *s = p->scene;
	CHECK_INT(r, s->fault ? -1 : 0);
	CHECK_STR(fault_name(err->fault), fault_name(s->fault));
	CHECK_STR(err_clock_name(err->clock), err_clock_name(s->clock));
	CHECK_INT(err->sent, s->fault && !s->unsent);
	CHECK_INT(res->status, s->status);
	CHECK_SLICE(buf_slice(&res->body), slice_str(s->body));
	if (!hk_sim_running()) /* there what comes too much may come later: the pool looks when it takes */
		CHECK_INT(stats->idle, s->idle);
	CHECK_INT(stats->active, 0);
	CHECK_INT(p->server.connections, s->connections ? s->connections : 1);
	CHECK_INT(p->server.requests, s->answers[0].greets || s->deaf ? 0
				      : s->requests                   ? s->requests
								      : 1);
	if (s->says &&
	    !(hk_sim_running() && s->answers[0].greets)) /* half a greeting is quoted too */
		CHECK(strstr(err->text, s->says) != NULL);
	if (s->fault)
		CHECK(strstr(err->text, "127.0.0.1") != NULL ||
		      strstr(err->text, "redirect") != NULL);
	if (r < 0)
		CHECK(res->storage_ == NULL && res->headers == NULL && res->url.n == 0);
}

static int play(void *arg) SUSPENDS
{
	struct play *p = arg;
	struct hk_group g;
	struct http_client *c = NULL;
	struct http_response res = { 0 };
	struct http_client_stats stats;
	struct err err = { 0 };
	int before = test_failures_;
	p->server.answers = p->scene->answers;
	p->server.deaf = p->scene->deaf;
	while (p->server.answer_count < 4 && p->scene->answers[p->server.answer_count].text)
		p->server.answer_count++;
	CHECK(scripted_open(&p->server) >= 0);
	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, scripted_run, &p->server), 0);
	CHECK_INT(http_client_new(NULL, &c, &err), 0);
	for (unsigned i = 0; i < p->scene->before; i++) {
		CHECK_INT(ask(c, p, true, &res, &err), 0);
		http_response_done(&res);
	}
	int r = ask(c, p, false, &res, &err);
	http_client_stats_get(c, &stats);
	judge(p, r, &res, &err, &stats);
	http_response_done(&res);
	http_client_free(c);
	hk_group_cancel(&g);
	CHECK_INT(hk_group_close(&g, 0), 0);
	scripted_close(&p->server);
	if (test_failures_ > before)
		printf("# ... %s\n", err.text);
	return 0;
}

/* A body in parts is one body: in one send when it is small, from where it lies when it is not. */
static void send_parts(struct http_client *c, struct scripted *server, size_t middle) SUSPENDS
{
	AUTO(buf_done) struct buf body = made_up_body(middle);
	AUTO(http_response_done) struct http_response res = { 0 };
	struct slice parts[] = { S("<"), buf_slice(&body), S(""), S(">") };
	struct err err = { 0 };
	char url[64];
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/a", server->port);
	struct http_request q = { .method = S("PUT"),
				  .url = slice_str(url),
				  .body_parts = parts,
				  .body_part_count = ARRAY_SIZE(parts) };
	CHECK_INT(http_exchange(c, &q, &res, &err), 0);
	struct slice got = buf_slice(&server->last);
	size_t n = middle + 2;
	CHECK(got.n > n);
	got = slice_from(got, got.n - n);
	CHECK(got.p[0] == '<' && got.p[n - 1] == '>' && got.p[-1] == '\n');
	CHECK_INT(memcmp(got.p + 1, body.n ? body.p : "", middle), 0);
}

static int play_parts(void *arg) SUSPENDS
{
	static const struct answer answer = { LENGTH2 "hi" };
	struct scripted server = { .answers = &answer, .answer_count = 1 };
	struct http_client *c = NULL;
	struct err err = { 0 };
	struct hk_group g;
	(void)arg;
	CHECK(scripted_open(&server) >= 0);
	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, scripted_run, &server), 0);
	CHECK_INT(http_client_new(NULL, &c, &err), 0);
	send_parts(c, &server, 0);
	send_parts(c, &server, 100);
	send_parts(c, &server, 3 << 20);
	CHECK_INT(server.connections, 1);
	http_client_free(c);
	hk_group_cancel(&g);
	CHECK_INT(hk_group_close(&g, 0), 0);
	scripted_close(&server);
	return 0;
}

TEST(a_body_in_parts)
{
	CHECK_INT(hk_run(play_parts, NULL, &(struct hk_run_options){ .virtual_clock = true }), 0);
}

TEST(nasty_answers)
{
	for (size_t i = 0; i < ARRAY_SIZE(scenes); i++) {
		struct play p = { .scene = &scenes[i] };
		int before = test_failures_;
		CHECK_INT(hk_run(play, &p, &(struct hk_run_options){ .virtual_clock = true }), 0);
		if (test_failures_ > before)
			printf("# ... in the scene '%s'\n", scenes[i].name);
	}
}

static void play_anew(uint64_t seed, void *arg)
{
	struct play *p = arg;
	(void)seed;
	*p = (struct play){ .scene = p->scene };
}

/* The same over a net that takes its time and brings a few bytes at once: a byte's place in a read means nothing. */
TEST(nasty_answers_in_pieces)
{
	for (size_t i = 0; i < ARRAY_SIZE(scenes); i++) {
		struct play p = { .scene = &scenes[i] };
		struct hk_sim_options o = { .seeds = 10,
					    .before = play_anew,
					    .net = { .latency_ns = HK_MS,
						     .jitter_ns = 5 * HK_MS,
						     .short_reads = true,
						     .window_bytes = 20000 } };
		int before = test_failures_;
		in_sim_with("nasty_answers_in_pieces", play, &p, &o);
		if (test_failures_ > before)
			printf("# ... in the scene '%s'\n", scenes[i].name);
	}
}

/* ---- compressed bodies, end to end -------------------------------------------------------------- */

/* Plays the scene with an answer whose body is the first `sent` bytes of the packed text. */
static void check_packed(struct scene s, const char *coding, const struct buf *zipped, size_t sent)
{
	AUTO(buf_done) struct buf wire = { 0 };
	CHECK_INT(
		buf_printf(&wire,
			   "HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\nContent-Length: %zu\r\n\r\n",
			   coding, sent),
		0);
	CHECK_INT(buf_add(&wire, slice_head(buf_slice(zipped), sent)), 0);
	s.answers[0] = (struct answer){ wire.p, .n = wire.n };
	struct play p = { .scene = &s };
	CHECK_INT(hk_run(play, &p, &(struct hk_run_options){ .virtual_clock = true }), 0);
}

static const char *const codings_asked_for[] = { "gzip", "deflate", "br", "zstd" };

TEST(compressed_answers)
{
	const char *text = "{\"id\":1,\"id2\":1,\"id3\":1}";
	for (size_t i = 0; i < ARRAY_SIZE(codings_asked_for); i++) {
		const char *coding = codings_asked_for[i];
		AUTO(buf_done) struct buf zipped = packed(slice_str(text), coding, 9);
		check_packed((struct scene){ .status = 200,
					     .body = text,
					     .idle = 1,
					     .before = 2,
					     .requests = 3 },
			     coding, &zipped, zipped.n);
		check_packed((struct scene){ .status = 200, .body = "", .idle = 1 }, coding,
			     &zipped, 0);
		check_packed((struct scene){ .fault = FAULT_TRUNCATED }, coding, &zipped,
			     zipped.n - 3);
		check_packed((struct scene){ .fault = FAULT_TOO_LARGE, .max_body = zipped.n - 1 },
			     coding, &zipped, zipped.n);
	}
}

TEST(bombs)
{
	size_t n = 30 << 20;
	char *zeros = calloc(1, n);
	CHECK(zeros != NULL);
	for (size_t i = 0; i < ARRAY_SIZE(codings_asked_for); i++) {
		const char *coding = codings_asked_for[i];
		AUTO(buf_done)
		struct buf zipped = packed((struct slice){ zeros, n }, coding, 9);
		check_packed((struct scene){ .fault = FAULT_TOO_LARGE, .says = "200 times" },
			     coding, &zipped, zipped.n);
	}
	free(zeros);
}

static const struct test tests[] = {
	T(a_body_in_parts),    T(nasty_answers), T(nasty_answers_in_pieces),
	T(compressed_answers), T(bombs),
};

int main(void)
{
	alarm(120); /* a client that hangs is a failure, too */
	return RUN_TESTS(tests);
}
