/* ws_echo.c - no test: a server that sends back what it hears, for tests/e2e/test_ws_echo.py; says its port, ends with its input
 *
 *   ws_echo ws://127.0.0.1:9001     a client that does so, for the fuzzing server of the Autobahn suite: each of its cases */
#include <hocket/hocket.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { LARGEST = 16 << 20 }; /* of section 9 */

static int talk(struct hk_ws *ws)
{
	struct hk_ws_message m;
	int r;
	while ((r = hk_ws_receive(ws, &m, NULL)) > 0)
		if (hk_ws_send(ws, m.data, m.n, m.text, NULL) < 0)
			break;
	return r;
}

static int echo(const struct hk_http_incoming *in, struct hk_http_reply *reply, void *arg)
{
	struct hk_ws *ws;
	const struct hk_ws_options o = { .protocols = "echo", .max_message_bytes = LARGEST };
	(void)arg;
	if (hk_ws_accept(in, reply, &o, &ws, NULL) < 0)
		return 0;
	(void)talk(ws);
	hk_ws_free(ws);
	return 0;
}

static int serve(void *arg)
{
	return hk_http_server_run(arg, NULL);
}

static int run(void *arg)
{
	struct hk_http_server *server;
	struct hk_group g;
	char end;
	(void)arg;
	int r = hk_http_server_open("127.0.0.1", 0, echo, NULL, NULL, &server, NULL);
	if (r < 0)
		return r;
	printf("%d\n", hk_http_server_port(server));
	fflush(stdout);
	hk_group_open(&g, NULL);
	r = hk_spawn(&g, serve, server);
	while (r == 0 && hk_read(STDIN_FILENO, &end, 1) > 0)
		;
	hk_group_cancel(&g);
	(void)!hk_group_close(&g, r); /* the server was told to end */
	hk_http_server_free(server);
	return r;
}

/* ---- the client ------------------------------------------------------------------------------------------ */

static struct hk_ws *call(struct hk_http_client *client, const char *base, const char *path, int n)
{
	struct hk_http_error error;
	struct hk_ws *ws;
	char url[200];
	snprintf(url, sizeof url, "%s/%s?case=%d&agent=hocket", base, path, n);
	const struct hk_ws_options o = { .max_message_bytes = LARGEST };
	if (hk_ws_connect(client, url, &o, &ws, &error) < 0) {
		fprintf(stderr, "%s\n", error.text);
		return NULL;
	}
	return ws;
}

static int cases(struct hk_http_client *client, const char *base)
{
	struct hk_ws *ws = call(client, base, "getCaseCount", 0);
	struct hk_ws_message m;
	char digits[16] = "";
	if (ws && hk_ws_receive(ws, &m, NULL) > 0)
		snprintf(digits, sizeof digits, "%.*s", (int)m.n, m.data);
	hk_ws_free(ws);
	return (int)strtol(digits, NULL, 10);
}

static int visit(void *arg)
{
	const char *base = arg;
	struct hk_http_client *client;
	int r = hk_http_client_new(NULL, &client, NULL);
	if (r < 0)
		return r;
	int n = cases(client, base);
	for (int i = 1; i <= n + 1; i++) {
		struct hk_ws *ws = i <= n ? call(client, base, "runCase", i)
					  : call(client, base, "updateReports", 0);
		if (ws)
			(void)talk(ws);
		hk_ws_free(ws);
	}
	hk_http_client_free(client);
	return n > 0 ? 0 : -1;
}

int main(int argc, char **argv)
{
	int r = argc > 1 ? hk_run(visit, argv[1], NULL) : hk_run(run, NULL, NULL);
	return r == 0 ? 0 : 1;
}
