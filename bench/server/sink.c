/* sink.c - a mail server that takes everything and keeps nothing
 *
 * What this room is for: a far side that costs so little that a client's figures are its own. It is as strict as a figure needs: a mail counts
 *   when its end has come, and each number once.
 * What flows through:    sink PORT. A mail says "Subject: number N". Prints "ready" when it listens; on SIGTERM how many mails it took, how
 *   many different numbers, and on how many connections.
 * What must hold:        (1) PIPELINING is offered, and replies to what came together leave together. (2) in a message only its first bytes and
 *   its end are looked at. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNS = 4096, EVENTS = 256, ROOM = 1 << 18, NUMBERS = 1 << 22 };

struct conn {
	char *text;
	size_t n;
	unsigned char in_data;
};

struct reply {
	char text[8192];
	size_t n;
};

static struct conn conns[CONNS];
static unsigned char seen[NUMBERS];
static unsigned long mails, different, connections;
static volatile sig_atomic_t over;

static void must(int64_t r, const char *what)
{
	if (r >= 0)
		return;
	fprintf(stderr, "sink: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void stop(int number)
{
	(void)number;
	over = 1;
}

static void say(struct reply *r, const char *text)
{
	size_t n = strlen(text);

	if (r->n + n > sizeof(r->text))
		return; /* the client counts its replies, and will complain */
	memcpy(r->text + r->n, text, n);
	r->n += n;
}

static void take_mail(const char *text, size_t n)
{
	static const char mark[] = "Subject: number ";
	const char *at = memmem(text, n, mark, sizeof(mark) - 1);
	unsigned long number = at ? strtoul(at + sizeof(mark) - 1, NULL, 10) : NUMBERS;

	mails++;
	if (number < NUMBERS && !seen[number]) {
		seen[number] = 1;
		different++;
	}
}

/* A command, or a message, at the front of the text; how long it was, 0: it is not all there. */
static size_t take_one(struct conn *c, const char *p, size_t n, struct reply *r)
{
	const char *end = c->in_data ? memmem(p, n, "\r\n.\r\n", 5) : memchr(p, '\n', n);

	if (!end)
		return 0;
	if (c->in_data) {
		take_mail(p, (size_t)(end - p));
		c->in_data = 0;
		say(r, "250 2.0.0 Ok\r\n");
		return (size_t)(end - p) + 5;
	}
	c->in_data = n >= 4 && strncasecmp(p, "DATA", 4) == 0;
	if (c->in_data)
		say(r, "354 go on\r\n");
	else if (strncasecmp(p, "EHLO", 4) == 0)
		say(r, "250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 104857600\r\n");
	else
		say(r, strncasecmp(p, "QUIT", 4) == 0 ? "221 2.0.0 Bye\r\n" : "250 2.1.0 Ok\r\n");
	return (size_t)(end - p) + 1;
}

static void conn_close(int fd)
{
	free(conns[fd].text);
	conns[fd] = (struct conn){ 0 };
	close(fd);
}

static void conn_read(int fd)
{
	struct conn *c = &conns[fd];
	struct reply r = { .n = 0 };
	size_t at = 0, used;
	ssize_t got = recv(fd, c->text + c->n, ROOM - c->n, 0);

	if (got < 0 && errno == EAGAIN)
		return;
	if (got <= 0) {
		conn_close(fd);
		return;
	}
	c->n += (size_t)got;
	while ((used = take_one(c, c->text + at, c->n - at, &r)) > 0)
		at += used;
	c->n -= at;
	memmove(c->text, c->text + at, c->n);
	if (r.n > 0 && send(fd, r.text, r.n, MSG_NOSIGNAL) != (ssize_t)r.n)
		conn_close(fd);
}

static void accept_one(int epoll, int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct epoll_event e = { .events = EPOLLIN, .data.fd = fd };

	if (fd < 0)
		return;
	if (fd >= CONNS) {
		close(fd);
		return;
	}
	connections++;
	conns[fd].text = malloc(ROOM);
	must(conns[fd].text ? 0 : -1, "malloc");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	must(send(fd, "220 sink ESMTP\r\n", 16, MSG_NOSIGNAL), "send");
	must(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e), "epoll_ctl");
}

static void serve(int listener)
{
	struct epoll_event events[EVENTS], e = { .events = EPOLLIN, .data.fd = listener };
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	must(epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &e), "epoll_ctl");
	while (!over) {
		int n = epoll_wait(epoll, events, EVENTS, -1);
		for (int i = 0; i < n; i++) {
			if (events[i].data.fd == listener)
				accept_one(epoll, listener);
			else
				conn_read(events[i].data.fd);
		}
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sigaction action = { .sa_handler = stop };
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (argc != 2) {
		fprintf(stderr, "usage: sink PORT\n");
		return 2;
	}
	a.sin_port = htons((uint16_t)strtoul(argv[1], NULL, 10));
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
	must(bind(listener, (struct sockaddr *)&a, sizeof(a)), "bind");
	must(listen(listener, 1024), "listen");
	sigaction(SIGTERM, &action, NULL);
	printf("ready\n");
	fflush(stdout);
	serve(listener);
	printf("%lu %lu %lu\n", mails, different, connections);
	return 0;
}
