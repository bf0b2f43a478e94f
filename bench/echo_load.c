/* echo_load.c - the load on an echo server: so many connections, one message on its way on each
 *
 * What this room is for: messages a second, and what one cost the server in CPU time.
 * What flows through:    echo-load PORT PID CONNECTIONS BYTES SECONDS. Each connection sends a message, waits until all of it
 *   has come back, sends the next. Prints {"messages", "wall_s", "per_s", "cpu_us"}: cpu_us is what the process PID spent on one.
 * What must hold:
 *  (1) the first tenth of the time only warms up and is not counted.
 *  (2) the server's CPU time is read from /proc/PID/task/<each>/schedstat: exact to the nanosecond, all threads.
 *  (3) every message carries its number, and its echo is compared with it.
 *  (4) the client spins: it has a core to itself, and a server that had to wake it would pay for that. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MESSAGE_MOST = 65536, EVENTS = 256 };

struct conn {
	int fd;
	size_t came; /* of this message's echo */
	uint64_t number;
};

struct load {
	int epoll;
	size_t bytes;
	size_t waiting; /* connections whose echo is on its way */
	bool last;      /* send no more */
	uint64_t messages;
	char out[MESSAGE_MOST], in[MESSAGE_MOST];
};

static void fail(const char *what)
{
	fprintf(stderr, "echo-load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static int64_t thread_cpu_ns(const char *folder, const char *thread)
{
	char path[128];
	long long ns = 0;

	snprintf(path, sizeof(path), "%s/%.16s/schedstat", folder, thread);
	FILE *f = fopen(path, "re");
	if (!f || fscanf(f, "%lld", &ns) != 1)
		ns = 0; /* the thread has ended meanwhile */
	if (f)
		fclose(f);
	return ns;
}

static int64_t server_cpu_ns(const char *pid)
{
	char folder[64];
	int64_t ns = 0;

	snprintf(folder, sizeof(folder), "/proc/%.16s/task", pid);
	DIR *threads = opendir(folder);
	if (!threads)
		fail(folder);
	for (struct dirent *d; (d = readdir(threads));)
		if (d->d_name[0] != '.')
			ns += thread_cpu_ns(folder, d->d_name);
	closedir(threads);
	return ns;
}

static void conn_send(struct load *l, struct conn *c)
{
	c->came = 0;
	c->number++;
	l->waiting++;
	memcpy(l->out, &c->number, sizeof(c->number));
	if (send(c->fd, l->out, l->bytes, MSG_NOSIGNAL) != (ssize_t)l->bytes)
		fail("send");
}

/* A piece of the echo: the number stands at its very start. */
static void conn_read(struct load *l, struct conn *c)
{
	ssize_t n = recv(c->fd, l->in, l->bytes - c->came, 0);

	if (n <= 0)
		fail("recv");
	if (c->came == 0 && memcmp(l->in, &c->number, sizeof(c->number)) != 0) {
		errno = EBADMSG;
		fail("echo");
	}
	c->came += (size_t)n;
	if (c->came < l->bytes)
		return;
	l->messages++;
	l->waiting--;
	if (!l->last)
		conn_send(l, c);
}

static void conn_open(struct load *l, struct conn *c, uint16_t port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		fail("connect");
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, c->fd, &e) < 0)
		fail("epoll_ctl");
}

static int drive(struct load *l)
{
	struct epoll_event events[EVENTS];
	int n = epoll_wait(l->epoll, events, EVENTS, 0); /* (4) */

	for (int i = 0; i < n; i++)
		conn_read(l, events[i].data.ptr);
	return n;
}

static void drive_until(struct load *l, int64_t end_ns)
{
	while (now_ns() < end_ns)
		drive(l);
}

/* The last echoes, so that no connection ends with bytes on their way. */
static void drain(struct load *l)
{
	int64_t end_ns = now_ns() + 10000000000;

	l->last = true;
	while (l->waiting > 0 && now_ns() < end_ns)
		drive(l);
	errno = ETIMEDOUT;
	if (l->waiting > 0)
		fail("an echo did not come");
}

static void measure(struct load *l, const char *pid, double seconds)
{
	int64_t start = now_ns(), length = (int64_t)(seconds * 1e9);

	drive_until(l, start + length / 10);
	l->messages = 0;
	int64_t from = now_ns(), cpu = server_cpu_ns(pid);
	drive_until(l, start + length);
	double wall_s = (double)(now_ns() - from) / 1e9, n = (double)l->messages;
	cpu = server_cpu_ns(pid) - cpu;
	printf("{\"messages\": %.0f, \"wall_s\": %.3f, \"per_s\": %.0f, \"cpu_us\": %.4f}\n", n,
	       wall_s, n / wall_s, (double)cpu / 1000 / n);
}

int main(int argc, char **argv)
{
	static struct load l;

	if (argc != 6) {
		fprintf(stderr, "usage: echo-load PORT PID CONNECTIONS BYTES SECONDS\n");
		return 2;
	}
	size_t connections = strtoul(argv[3], NULL, 10);
	l.bytes = strtoul(argv[4], NULL, 10);
	l.epoll = epoll_create1(EPOLL_CLOEXEC);
	struct conn *conns = calloc(connections, sizeof(*conns));
	if (l.epoll < 0 || !conns || l.bytes < sizeof(conns->number) || l.bytes > MESSAGE_MOST)
		fail("set-up");
	for (size_t i = 0; i < connections; i++)
		conn_open(&l, &conns[i], (uint16_t)strtoul(argv[1], NULL, 10));
	for (size_t i = 0; i < connections; i++)
		conn_send(&l, &conns[i]);
	measure(&l, argv[2], strtod(argv[5], NULL));
	drain(&l);
	return 0;
}
