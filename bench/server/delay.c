/* delay.c - an API that answers every GET after a fixed time
 *
 * What this room is for: a far side that is slow but never busy, so that a client's wall time shows how many exchanges it
 *   really keeps in flight. 10,000 requests, 1,000 at a time, 50 ms each, cannot take less than 0.5 s.
 * What flows through:    delay PORT MILLISECONDS FILE. FILE is the body; "@ID@" in it becomes the last segment of the path.
 *   Prints "ready" when it listens; runs until it is killed.
 * What must hold:
 *  (1) every answer waits equally long, so those that wait stand in one queue, oldest first; no timers, no heap.
 *  (2) one request at a time on each connection (the clients measured here do not pipeline).
 *  (3) a connection that ends while its answer waits is closed only when the answer's turn comes, so that a new connection
 *      with the same descriptor is never given it. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CONNS = 1 << 16, EVENTS = 512, ANSWER = 4096, REQUEST = 2048, ID = 32 };

struct waiting {
	int64_t due_ns;
	int fd;
	char id[ID];
};

struct conn {
	size_t n; /* bytes of an unfinished request */
	char *text;
	unsigned char answering, ended;
};

struct server {
	int listener, epoll;
	int64_t delay_ns;
	char *body;
	struct conn conns[CONNS];
	struct waiting ring[CONNS]; /* (1) and (2): at most one a connection */
	uint32_t head, tail;
};

static struct server server;

static void must(int64_t r, const char *what)
{
	if (r >= 0)
		return;
	fprintf(stderr, "delay: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void conn_close(struct server *s, int fd)
{
	struct conn *c = &s->conns[fd];

	c->ended = 1;
	if (c->answering)
		return;
	free(c->text);
	*c = (struct conn){ 0 };
	close(fd);
}

/* The body with the id put in; returns its length. */
static size_t put_body(const char *body, const char *id, char *out)
{
	size_t n = 0;

	while (*body && n < ANSWER - ID) {
		if (strncmp(body, "@ID@", 4) != 0) {
			out[n++] = *body++;
			continue;
		}
		size_t width = strlen(id);
		memcpy(out + n, id, width);
		n += width;
		body += 4;
	}
	return n;
}

static void answer(struct server *s, const struct waiting *w)
{
	char body[ANSWER], text[ANSWER + 256];
	size_t n = put_body(s->body, w->id, body);
	int head = snprintf(text, 256,
			    "HTTP/1.1 200 OK\r\nServer: delay\r\nContent-Type: application/json\r\n"
			    "Content-Length: %zu\r\n\r\n",
			    n);

	memcpy(text + head, body, n);
	s->conns[w->fd].answering = 0;
	ssize_t sent = send(w->fd, text, (size_t)head + n, MSG_NOSIGNAL);
	if (sent != head + (ssize_t)n || s->conns[w->fd].ended)
		conn_close(s, w->fd);
}

/* Sends what is due; returns how long to sleep until the next, or -1 when nothing waits. */
static int64_t answer_due(struct server *s)
{
	int64_t now = now_ns();

	while (s->head != s->tail) {
		struct waiting *w = &s->ring[s->head % CONNS];
		if (w->due_ns > now)
			return w->due_ns - now;
		s->head++;
		answer(s, w);
	}
	return -1;
}

/* "GET /items/17 HTTP/1.1": 17 */
static void take_id(const char *request, char id[ID])
{
	const char *end = strstr(request, " HTTP/");
	const char *start = end ? end : request;

	while (start > request && start[-1] != '/')
		start--;
	size_t n = end ? (size_t)(end - start) : 0;
	if (n >= ID)
		n = ID - 1;
	memcpy(id, start, n);
	id[n] = '\0';
}

static void conn_read(struct server *s, int fd)
{
	struct conn *c = &s->conns[fd];
	if (!c->text) {
		c->text = malloc(REQUEST + 1);
		must(c->text ? 0 : -1, "malloc");
	}
	ssize_t r = recv(fd, c->text + c->n, REQUEST - c->n, 0);
	if (r < 0 && errno == EAGAIN)
		return;
	if (r <= 0 || c->answering) {
		epoll_ctl(s->epoll, EPOLL_CTL_DEL, fd, NULL);
		conn_close(s, fd);
		return;
	}
	c->n += (size_t)r;
	c->text[c->n] = '\0';
	if (c->n < 4 || memcmp(c->text + c->n - 4, "\r\n\r\n", 4) != 0)
		return;
	struct waiting *w = &s->ring[s->tail++ % CONNS];
	*w = (struct waiting){ .due_ns = now_ns() + s->delay_ns, .fd = fd };
	take_id(c->text, w->id);
	c->n = 0;
	c->answering = 1;
}

static void accept_all(struct server *s)
{
	for (;;) {
		int fd = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0)
			return;
		if (fd >= CONNS) {
			close(fd);
			continue;
		}
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
		struct epoll_event e = { .events = EPOLLIN, .data.fd = fd };
		must(epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &e), "epoll_ctl");
	}
}

static void serve(struct server *s)
{
	struct epoll_event events[EVENTS];

	for (;;) {
		int64_t wait_ns = answer_due(s);
		struct timespec t = { wait_ns / 1000000000, wait_ns % 1000000000 };
		int n = epoll_pwait2(s->epoll, events, EVENTS, wait_ns < 0 ? NULL : &t, NULL);
		for (int i = 0; i < n; i++) {
			if (events[i].data.fd == s->listener)
				accept_all(s);
			else
				conn_read(s, events[i].data.fd);
		}
	}
}

static char *file_text(const char *path)
{
	static char text[ANSWER - ID];
	FILE *file = fopen(path, "r");

	must(file ? 0 : -1, path);
	size_t n = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	while (n > 0 && text[n - 1] == '\n')
		text[--n] = '\0';
	return text;
}

static int listen_on(uint16_t port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	must(fd, "socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
	must(bind(fd, (struct sockaddr *)&at, sizeof(at)), "bind");
	must(listen(fd, 8192), "listen");
	return fd;
}

int main(int argc, char **argv)
{
	struct server *s = &server;
	struct rlimit files = { CONNS, CONNS };

	if (argc != 4) {
		fprintf(stderr, "usage: delay PORT MILLISECONDS FILE\n");
		return 2;
	}
	if (setrlimit(RLIMIT_NOFILE, &files) < 0 && getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	s->delay_ns = (int64_t)(strtod(argv[2], NULL) * 1e6);
	s->body = file_text(argv[3]);
	s->listener = listen_on((uint16_t)strtoul(argv[1], NULL, 10));
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	must(s->epoll, "epoll_create1");
	struct epoll_event e = { .events = EPOLLIN, .data.fd = s->listener };
	must(epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->listener, &e), "epoll_ctl");
	puts("ready");
	fflush(stdout);
	serve(s);
}
