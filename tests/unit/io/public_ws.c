/* public_ws.c - tests of <hocket/ws.h> (src/io/public_ws.c), as a user of libhocket writes them
 *
 * What lies below has tests of its own. Here: errors and statuses on the way up, and that client and server hold what they need. */
#include "check.h"
#include "rt/in_loop.h"
#include <errno.h>
#include <hocket/hocket.h>
#include <sys/wait.h>
#include <unistd.h>

struct fixture {
	struct hk_http_server *server;
	struct hk_http_client *client;
	struct hk_group g;
	int closed, refused;
	char url[64];
};

static int meet(const struct hk_http_incoming *in, struct hk_http_reply *reply,
		void *arg) HK_SUSPENDS
{
	struct fixture *f = arg;
	struct hk_http_error error;
	struct hk_ws_message m;
	struct hk_ws *ws;
	const struct hk_ws_options o = { .protocols = "two", .max_message_bytes = 1000 };
	if (strcmp(in->path, "/no") == 0) {
		reply->status = 401;
		return hk_http_reply_printf(reply, "who are you");
	}
	f->refused = hk_ws_accept(in, reply, &o, &ws, &error);
	if (f->refused < 0)
		return 0;
	int r;
	while ((r = hk_ws_receive(ws, &m, &error)) > 0)
		if (hk_ws_send(ws, m.data, m.n, m.text, &error) < 0)
			break;
	f->closed = r < 0 ? (int)error.fault : hk_ws_closed(ws, NULL);
	hk_ws_free(ws);
	return 0;
}

static int serve(void *arg) HK_SUSPENDS
{
	return hk_http_server_run(arg, NULL);
}

static void fixture_open(struct fixture *f, const char *path)
{
	*f = (struct fixture){ 0 };
	CHECK_INT(hk_http_server_open("127.0.0.1", 0, meet, f, NULL, &f->server, NULL), 0);
	CHECK_INT(hk_http_client_new(NULL, &f->client, NULL), 0);
	hk_group_open(&f->g, NULL);
	CHECK_INT(hk_spawn(&f->g, serve, f->server), 0);
	snprintf(f->url, sizeof(f->url), "ws://127.0.0.1:%d%s", hk_http_server_port(f->server),
		 path);
}

static void fixture_close(struct fixture *f) HK_SUSPENDS
{
	hk_group_cancel(&f->g);
	CHECK_INT(hk_group_close(&f->g, 0), 0);
	hk_http_server_free(f->server);
	hk_http_client_free(f->client);
}

TEST_IN_SIM(messages_and_good_bye, 20)
{
	struct fixture f;
	struct hk_http_error error;
	struct hk_ws_message m;
	struct hk_ws *ws;
	const struct hk_ws_options o = { .protocols = "one, two" };
	fixture_open(&f, "/");
	CHECK_INT(hk_ws_connect(f.client, f.url, &o, &ws, &error), 0);
	CHECK_STR(hk_ws_protocol(ws), "two");
	CHECK_INT(hk_ws_send(ws, "\0\1", 2, false, &error), 0);
	CHECK_INT(hk_ws_receive(ws, &m, &error), 1);
	CHECK_SLICE(((struct slice){ m.data, m.n }), S("\0\1"));
	CHECK(!m.text);
	CHECK_INT(hk_ws_send(ws, "\xff", 1, true, &error), -EINVAL);
	CHECK_INT(error.fault, HK_HTTP_BAD_REQUEST);
	CHECK_INT(hk_ws_send(ws, NULL, 0, true, NULL), 0);
	CHECK_INT(hk_ws_receive(ws, &m, NULL), 1);
	CHECK(m.n == 0 && m.text);
	hk_ws_close(ws, 3210, "enough", HK_SEC);
	hk_ws_free(ws);
	CHECK_INT(hk_wait_all_parked(), 0);
	CHECK_INT(f.closed, 3210);
	fixture_close(&f);
}

TEST_IN_SIM(failures_have_their_names, 20)
{
	struct fixture f;
	struct hk_http_error error;
	struct hk_ws_message m;
	struct hk_ws *ws;
	int status = 1;
	fixture_open(&f, "/no");
	CHECK_INT(hk_ws_connect(f.client, f.url, &(struct hk_ws_options){ .status = &status }, &ws,
				&error),
		  -EBADMSG);
	CHECK(!ws && status == 401 && error.fault == HK_HTTP_PROTOCOL);
	CHECK(strstr(error.text, "answered 401 instead of opening a WebSocket: who are you"));
	CHECK_INT(hk_ws_connect(f.client, "http://127.0.0.1/", NULL, &ws, NULL), -EINVAL);
	fixture_close(&f);
	fixture_open(&f, "/");
	char large[2000] = { 0 };
	const char *reason;
	CHECK_INT(hk_ws_connect(f.client, f.url, NULL, &ws, &error), 0);
	CHECK_INT(hk_ws_send(ws, large, sizeof(large), false, &error), 0);
	CHECK_INT(hk_ws_receive(ws, &m, &error), 0);
	CHECK_INT(hk_ws_closed(ws, &reason), 1009);
	CHECK_STR(reason, "");
	CHECK_INT(hk_ws_send(ws, "x", 1, true, &error), -ECONNRESET);
	CHECK(!error.sent);
	hk_ws_free(ws);
	CHECK_INT(hk_wait_all_parked(), 0);
	CHECK_INT(f.closed, HK_HTTP_TOO_LARGE);
	/* a plain request gets an answer that says so, and the connection lives on */
	struct hk_http_response a;
	char http[72];
	snprintf(http, sizeof(http), "http%s", f.url + 2);
	CHECK_INT(hk_http_get(f.client, http, &a, &error), 0);
	CHECK_INT(a.status, 426);
	CHECK_STR(hk_http_response_header(&a, "Sec-WebSocket-Version"), "13");
	CHECK_INT(f.refused, -EBADMSG);
	hk_http_response_done(&a);
	fixture_close(&f);
}

struct flusher {
	struct hk_ws *ws;
	int result;
};

static int flush(void *arg) HK_SUSPENDS
{
	struct flusher *f = arg;
	f->result = hk_ws_send(f->ws, "x", 1, true, NULL);
	if (f->result == 0)
		f->result = hk_ws_flush(f->ws, NULL);
	return 0;
}

TEST_IN_SIM(flush_waits_for_the_peer, 20)
{
	struct fixture f;
	struct hk_group g;
	struct hk_ws_message m;
	struct flusher one = { .result = 1 };
	fixture_open(&f, "/");
	CHECK_INT(hk_ws_connect(f.client, f.url, NULL, &one.ws, NULL), 0);
	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, flush, &one), 0);
	CHECK_INT(hk_ws_receive(one.ws, &m, NULL), 1); /* the echo; the pong may come behind it */
	struct hk_scope brief;
	hk_scope_open(&brief, HK_SEC);
	CHECK(hk_ws_receive(one.ws, &m, NULL) < 0);
	CHECK_INT(hk_scope_close(&brief, -ECANCELED), -ETIMEDOUT);
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(one.result, 0);
	hk_ws_free(one.ws);
	fixture_close(&f);
}

/* ---- what is used wrongly ---------------------------------------------------------------------------------- */

static int close_wrongly(void *arg) HK_SUSPENDS
{
	struct fixture f;
	struct hk_ws *ws;
	(void)arg;
	fixture_open(&f, "/");
	CHECK_INT(hk_ws_connect(f.client, f.url, NULL, &ws, NULL), 0);
	hk_ws_close(ws, 1005, NULL, 0);
	return 0;
}

static int free_the_client(void *arg) HK_SUSPENDS
{
	struct fixture f;
	struct hk_ws *ws;
	(void)arg;
	fixture_open(&f, "/");
	CHECK_INT(hk_ws_connect(f.client, f.url, NULL, &ws, NULL), 0);
	hk_http_client_free(f.client);
	return 0;
}

static void expect_abort(hk_fn *fn)
{
	pid_t child = fork();
	if (child == 0) {
		(void)!freopen("/dev/null", "w", stderr);
		_exit(in_loop(fn, NULL) == 0 ? 0 : 1);
	}
	int status = 0;
	CHECK_INT(waitpid(child, &status, 0), child);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

TEST(wrong_use_stops)
{
	expect_abort(close_wrongly);
	expect_abort(free_the_client);
}

static const struct test tests[] = {
	T(messages_and_good_bye),
	T(failures_have_their_names),
	T(flush_waits_for_the_peer),
	T(wrong_use_stops),
};

int main(void)
{
	return RUN_TESTS(tests);
}
