/* 4_echo.c - a TCP server: one task per connection, straight code, no callback */
#include <arpa/inet.h>
#include <hocket/hocket.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static int serve_one(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char bytes[4096];
	ssize_t n;

	while ((n = hk_read(fd, bytes, sizeof(bytes))) > 0)
		if ((n = hk_write(fd, bytes, (size_t)n)) < 0)
			break;
	hk_close(fd);
	return n < 0 ? (int)n : 0;
}

static int serve(void *arg)
{
	int listener = *(int *)arg, fd, r = 0;
	struct hk_group connections;

	hk_group_open(&connections, &(struct hk_group_options){ .policy = HK_COLLECT });
	while (r == 0 && (r = fd = hk_accept(listener)) >= 0)
		if ((r = hk_spawn(&connections, serve_one, (void *)(intptr_t)fd)) < 0)
			hk_close(fd);
	return hk_group_close(&connections, r);
}

static int call(void *arg)
{
	struct sockaddr_in there = { .sin_family = AF_INET, .sin_port = htons(*(uint16_t *)arg) };
	char answer[6] = "";
	ssize_t n;
	int fd;

	there.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd = hk_connect((struct sockaddr *)&there, sizeof(there));
	if (fd < 0)
		return fd;
	n = hk_write(fd, "hello", 5);
	if (n > 0)
		n = hk_read(fd, answer, 5);
	hk_close(fd);
	return n == 5 && strcmp(answer, "hello") == 0 ? 0 : -1;
}

static int program(void *arg)
{
	int listener = hk_listen("127.0.0.1", 0, 0), r;
	uint16_t ports[100];
	struct hk_group servers;

	(void)arg;
	if (listener < 0)
		return listener;
	hk_group_open(&servers, NULL);
	r = hk_spawn(&servers, serve, &listener);
	for (int i = 0; i < 100; i++)
		ports[i] = (uint16_t)hk_socket_port(listener);
	if (r == 0)
		r = hk_gather(call, ports, 100, sizeof(ports[0]), NULL);
	printf("100 conversations at the same time: %s\n", r == 0 ? "all echoed" : "failed");
	hk_group_cancel(&servers);
	r = hk_group_close(&servers, r);
	hk_close(listener);
	return r;
}

int main(void)
{
	return hk_run(program, NULL, NULL) < 0;
}
