/* echo.c - an echo server, as one writes it with hocket: a task a connection
 *
 * What this room is for: what reading and writing through the runtime cost beside the bare system calls
 *   (peers/echo_epoll.c).
 * What flows through:    echo prints its port; bytes come back as they came. It runs until it is killed. */
#include <hocket/hocket.h>
#include <stdio.h>
#include <string.h>

enum { BUFFER = 16384 };

static int echo(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char buffer[BUFFER];
	ssize_t n;

	while ((n = hk_read(fd, buffer, sizeof(buffer))) > 0)
		if (hk_write(fd, buffer, (size_t)n) < 0)
			break;
	return hk_close(fd);
}

static int serve(void *arg)
{
	int listener = hk_listen("127.0.0.1", 0, 1024), fd = listener;
	struct hk_group conns;

	(void)arg;
	if (listener < 0)
		return listener;
	printf("%d\n", hk_socket_port(listener));
	fflush(stdout);
	hk_group_open(&conns, NULL);
	while ((fd = hk_accept(listener)) >= 0)
		if (hk_spawn(&conns, echo, (void *)(intptr_t)fd) < 0)
			hk_close(fd);
	hk_close(listener);
	return hk_group_close(&conns, fd);
}

int main(void)
{
	int r = hk_run(serve, NULL, NULL);

	if (r < 0)
		fprintf(stderr, "echo: %s\n", strerror(-r));
	return r < 0;
}
