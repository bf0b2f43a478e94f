/* serve.c - a server from its URL on stdout to its signal
 *
 * What this room is for: the examples' far sides are programs of their own, which are started by a script and ended by it.
 * What flows through:    a handler; connections on the loopback address.
 * What must hold: serve.h. A signal cancels the server's task, and with it every connection; nothing is left behind. */
#include "serve.h"
#include <errno.h>
#include <hocket/hocket.h>
#include <stdio.h>

struct running {
	struct http_server *server;
	const char *name;
};

static int answer_all(void *arg) SUSPENDS
{
	const struct running *running = arg;
	struct err err = { 0 };
	int r = http_server_run(running->server, &err);
	if (r < 0 && err.fault != FAULT_CANCELLED)
		fprintf(stderr, "%s: %s\n", running->name, err.text);
	return r;
}

static int until_signal(struct running *running) SUSPENDS
{
	static const int signals[] = { SIGINT, SIGTERM };
	struct hk_group group;
	hk_group_open(&group, NULL);
	int r = hk_signal_open(signals, ARRAY_SIZE(signals));
	if (r == 0)
		r = hk_spawn(&group, answer_all, running);
	if (r == 0)
		r = hk_signal_wait();
	hk_group_cancel(&group);
	int closed = hk_group_close(&group, 0);
	hk_signal_close();
	return r < 0 || (closed < 0 && closed != -ECANCELED);
}

int serve(const struct service *service)
{
	struct running running = { .name = service->name };
	struct err err = { 0 };
	if (http_server_open("127.0.0.1", (uint16_t)service->port, service->handle, service->arg,
			     NULL, &running.server, &err) < 0) {
		fprintf(stderr, "%s: %s\n", service->name, err.text);
		return 1;
	}
	printf("http://127.0.0.1:%d\n", http_server_port(running.server));
	fflush(stdout);
	int r = until_signal(&running);
	http_server_free(running.server);
	return r;
}
