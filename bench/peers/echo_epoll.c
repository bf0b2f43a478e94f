/* echo_epoll.c - an echo server on bare epoll: as little as can be done
 *
 * What this room is for: the floor under echo.c. Edge-triggered, one buffer for all connections, no state a connection, no call
 *   that is known to fail: a short read says that nothing is left.
 * What flows through:    echo-epoll prints its port; bytes come back as they came. It runs until it is killed.
 * What must hold:        the client waits for the echo before it sends more, so a send always fits the socket's buffer; if
 *   it does not, the connection ends. */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BUFFER = 16384, EVENTS = 256 };

static void must(int r, const char *what)
{
	if (r >= 0)
		return;
	perror(what);
	exit(1);
}

static void watch(int epoll, int fd, unsigned how)
{
	struct epoll_event e = { .events = how, .data.fd = fd };

	must(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e), "epoll_ctl");
}

static void accept_one(int epoll, int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	must(fd, "accept");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	watch(epoll, fd, EPOLLIN | EPOLLET);
}

static void echo(int fd)
{
	static char buffer[BUFFER];
	ssize_t n;

	do {
		n = recv(fd, buffer, BUFFER, 0);
		if (n > 0 && send(fd, buffer, (size_t)n, MSG_NOSIGNAL) == n)
			continue;
		close(fd);
		return;
	} while (n == BUFFER);
}

static int listen_any(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	must(fd, "socket");
	must(bind(fd, (struct sockaddr *)&at, n), "bind");
	must(listen(fd, 1024), "listen");
	must(getsockname(fd, (struct sockaddr *)&at, &n), "getsockname");
	printf("%d\n", ntohs(at.sin_port));
	fflush(stdout);
	return fd;
}

int main(void)
{
	struct epoll_event events[EVENTS];
	int listener = listen_any(), epoll = epoll_create1(EPOLL_CLOEXEC);

	must(epoll, "epoll_create1");
	watch(epoll, listener, EPOLLIN);
	for (;;) {
		int n = epoll_wait(epoll, events, EVENTS, -1);
		for (int i = 0; i < n; i++) {
			if (events[i].data.fd == listener)
				accept_one(epoll, listener);
			else
				echo(events[i].data.fd);
		}
	}
}
