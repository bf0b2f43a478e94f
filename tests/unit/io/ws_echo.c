/* ws_echo.c - no test: a server that sends back what it hears, for tests/e2e/test_ws_echo.py; says its port, ends with its input */
#include <hocket/hocket.h>
#include <stdio.h>
#include <unistd.h>

static int echo(const struct hk_http_incoming *in, struct hk_http_reply *reply, void *arg)
{
	struct hk_ws_message m;
	struct hk_ws *ws;
	const struct hk_ws_options o = { .protocols = "echo", .max_message_bytes = 4u << 20 };
	(void)arg;
	if (hk_ws_accept(in, reply, &o, &ws, NULL) < 0)
		return 0;
	while (hk_ws_receive(ws, &m, NULL) > 0)
		if (hk_ws_send(ws, m.data, m.n, m.text, NULL) < 0)
			break;
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

int main(void)
{
	return hk_run(run, NULL, NULL) == 0 ? 0 : 1;
}
