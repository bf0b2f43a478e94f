/* socket.c - TCP: connecting, listening, accepting
 *
 * What this room is for: sockets that are born non-blocking, close-on-exec, without Nagle's delay, and known to poll.c
 *   from the start, so that the first read after a request does not ask the kernel in vain.
 * What flows through:    descriptors; the caller owns what it gets and ends it with hk_close.
 * What must hold:        a connect that does not succeed leaves no descriptor behind, cancelled or failed. */
#include "rt/loop.h"
#include "rt/poll.h"
#include "rt/report.h"
#include "rt/scope.h"
#include "rt/sim.h"
#include <arpa/inet.h>
#include <hocket/fd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <unistd.h>
#include "base/banned.h"

#define LOOK_AGAIN_NS (100 * HK_MS) /* hk_accept, without a descriptor to be had */
#define SHORTAGE_NS   (10 * HK_SEC)

static int set_option(int fd, int level, int option)
{
	int on = 1;
	return setsockopt(fd, level, option, &on, sizeof(on)) < 0 ? -errno : 0;
}

static int socket_new(int family)
{
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), r = 0;

	if (fd < 0)
		return -errno;
	if (family == AF_INET || family == AF_INET6)
		r = set_option(fd, IPPROTO_TCP, TCP_NODELAY);
	if (r < 0)
		(void)close(fd);
	return r < 0 ? r : fd;
}

/* NULL: the kernel's. */
static struct sim_net *sim_of(int fd)
{
	struct hk_loop *loop = loop_self();
	const struct poll_fd *s = loop && loop->sim ? poll_find(&loop->poll, fd) : NULL;

	return s && s->sim ? &loop->sim->net : NULL;
}

/* ---- connecting ---------------------------------------------------------------------------- */

static int await_connected(struct hk_loop *loop, int fd) SUSPENDS
{
	int error = 0, r = 0;
	socklen_t size = sizeof(error);

	while (r == 0 && !(poll_find(&loop->poll, fd)->ready & HK_WRITE))
		r = poll_park(loop, fd, HK_WRITE);
	if (r == 0 && loop->sim)
		return -sim_take_error(&loop->sim->net, fd);
	if (r == 0 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
		r = -errno;
	return r < 0 ? r : -error;
}

union any_address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* A connect to a free port of this machine can meet itself, when the kernel happens to choose that very port for our
 * side: TCP calls it a simultaneous open. Nobody is there, so it is refused. */
static bool met_itself(int fd, const struct sockaddr *to)
{
	const union any_address *there = (const void *)to;
	union any_address here = { 0 };
	socklen_t size = sizeof(here);

	if ((to->sa_family != AF_INET && to->sa_family != AF_INET6) ||
	    getsockname(fd, &here.any, &size) < 0)
		return false;
	if (to->sa_family == AF_INET)
		return here.v4.sin_port == there->v4.sin_port &&
		       here.v4.sin_addr.s_addr == there->v4.sin_addr.s_addr;
	return here.v6.sin6_port == there->v6.sin6_port &&
	       memcmp(&here.v6.sin6_addr, &there->v6.sin6_addr, sizeof(here.v6.sin6_addr)) == 0;
}

/* A descriptor that poll.c knows and that is on its way. */
static int connect_begin(struct hk_loop *loop, const struct sockaddr *address, socklen_t size)
{
	int fd, r = 0;

	if (loop->sim) {
		fd = sim_connect(&loop->sim->net, address, size);
		return fd < 0 ? -errno : fd;
	}
	fd = socket_new(address->sa_family);
	if (fd < 0)
		return fd;
	if (connect(fd, address, size) < 0 && errno != EINPROGRESS && errno != EINTR)
		r = -errno;
	if (r == 0)
		r = poll_register(&loop->poll, fd, POLL_CONNECTING);
	if (r < 0)
		(void)hk_close(fd);
	return r < 0 ? r : fd;
}

int hk_connect(const struct sockaddr *address, socklen_t size)
{
	struct hk_fiber_ *self = fiber_self();
	int r = fiber_checkpoint(self), fd;

	if (r < 0)
		return r;
	fd = connect_begin(self->loop, address, size);
	if (fd < 0)
		return fd;
	r = await_connected(self->loop, fd);
	if (r == 0 && met_itself(fd, address))
		r = -ECONNREFUSED;
	if (r < 0)
		(void)hk_close(fd);
	return r < 0 ? r : fd;
}

/* ---- listening ----------------------------------------------------------------------------- */

static socklen_t parse_address(const char *text, uint16_t port, union any_address *ret)
{
	*ret = (union any_address){ 0 };
	if (strcmp(text, "localhost") == 0)
		text = "127.0.0.1"; /* RFC 6761, 6.3: needs no asking */
	if (inet_pton(AF_INET, text, &ret->v4.sin_addr) == 1) {
		ret->v4.sin_family = AF_INET;
		ret->v4.sin_port = htons(port);
		return sizeof(ret->v4);
	}
	if (inet_pton(AF_INET6, text, &ret->v6.sin6_addr) == 1) {
		ret->v6.sin6_family = AF_INET6;
		ret->v6.sin6_port = htons(port);
		return sizeof(ret->v6);
	}
	return 0;
}

int hk_listen(const char *address, uint16_t port, int backlog)
{
	union any_address at;
	socklen_t size = parse_address(address, port, &at);
	int fd, r;

	if (size == 0)
		return -EINVAL;
	if (backlog <= 0)
		backlog = SOMAXCONN;
	if (hk_sim_running()) {
		fd = sim_listen(&loop_self()->sim->net, &at.any, size, backlog);
		return fd < 0 ? -errno : fd;
	}
	fd = socket_new(at.any.sa_family); /* accepted sockets inherit TCP_NODELAY */
	if (fd < 0)
		return fd;
	r = set_option(fd, SOL_SOCKET, SO_REUSEADDR);
	if (r == 0 && bind(fd, &at.any, size) < 0)
		r = -errno;
	if (r == 0 && listen(fd, backlog) < 0)
		r = -errno;
	if (r == 0 && loop_self())
		r = poll_register(&loop_self()->poll, fd, POLL_LISTENER);
	if (r < 0)
		(void)hk_close(fd);
	return r < 0 ? r : fd;
}

/* A connection that died in the backlog is not the listener's failure. */
static bool try_again(int error)
{
	return error == EAGAIN || error == EWOULDBLOCK || error == EINTR || error == ECONNABORTED ||
	       error == EPROTO;
}

/* The next connection of the backlog, known to poll.c; -errno. */
static int accept_next(struct hk_loop *loop, const struct poll_fd *s, int listener)
{
	int fd, r;

	if (s->sim) {
		fd = sim_accept(&loop->sim->net, listener);
		return fd < 0 ? -errno : fd;
	}
	fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = poll_register(&loop->poll, fd, POLL_STREAM);
	if (r < 0)
		(void)hk_close(fd);
	return r < 0 ? r : fd;
}

/* ---- accepting while descriptors or memory are short ---------------------------------------- */

/* Not the listener's failure either, and one that passes: a server that gave up here would turn a rush into an outage. */
static bool is_shortage(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

static void describe_shortage(int error, char *ret, size_t room)
{
	struct rlimit limit = { 0 };

	if (error == EMFILE && getrlimit(RLIMIT_NOFILE, &limit) == 0)
		(void)snprintf(ret, room,
			       "all %llu descriptors that this process may have are open "
			       "(EMFILE; RLIMIT_NOFILE, ulimit -n)",
			       (unsigned long long)limit.rlim_cur);
	else if (error == ENFILE)
		(void)snprintf(ret, room,
			       "the whole system has no descriptor left (ENFILE; "
			       "/proc/sys/fs/file-max)");
	else
		(void)snprintf(ret, room, "the kernel has no memory for a socket (%s)",
			       error == ENOMEM ? "ENOMEM" : "ENOBUFS");
}

/* Once: it is another shortage when there was none for so long. */
static void tell_shortage(const struct hk_fiber_ *self, int error)
{
	struct hk_loop *loop = self->loop;
	bool told = loop->now_ns < loop->short_until_ns;
	char what[128];

	loop->short_until_ns = loop->now_ns + SHORTAGE_NS;
	if (told)
		return;
	describe_shortage(error, what, sizeof(what));
	report(loop, HK_REPORT_SHORTAGE,
	       "hk_accept() in task \"%s\", spawned at %s: %s. Connections wait in the backlog, "
	       "it looks again every %d ms: close what is done with, bound how many are open "
	       "(hk_sem), or raise the limit",
	       self->name, self->where, what, (int)(LOOK_AGAIN_NS / HK_MS));
}

/* A new connection, or hk_close, ends the pause early. */
static int await_room(struct hk_fiber_ *self, int listener, int error) SUSPENDS
{
	struct poll *p = &self->loop->poll;
	struct poll_fd *s = poll_find(p, listener);
	uint32_t generation = s->generation;
	struct hk_scope pause;
	int r;

	tell_shortage(self, error);
	hk_scope_open(&pause, LOOK_AGAIN_NS);
	r = hk_scope_close(&pause, poll_park(self->loop, listener, HK_READ));
	if (r != -ETIMEDOUT)
		return r < 0 ? r : -EAGAIN;
	s = poll_find(p, listener);
	if (!s || s->generation != generation)
		return -EBADF; /* closed in the turn in which the pause ended */
	s->ready |= HK_READ;
	return -EAGAIN;
}

/* It may have connections. One of them; -EAGAIN: ask anew; else -errno. */
static int accept_try(struct hk_fiber_ *self, int listener) SUSPENDS
{
	struct poll_fd *s = poll_find(&self->loop->poll, listener);
	int fd = accept_next(self->loop, s, listener);

	if (fd == -EAGAIN || fd == -EWOULDBLOCK)
		s->ready &= (uint8_t)~HK_READ; /* nothing was accepted: s is where it was */
	else if (fd < 0 && is_shortage(-fd))
		return await_room(self, listener, -fd);
	return fd < 0 && try_again(-fd) ? -EAGAIN : fd;
}

int hk_accept(int listener)
{
	struct hk_fiber_ *self = fiber_self();
	struct poll *p = &self->loop->poll;
	int r = fiber_checkpoint(self);

	if (r == 0)
		r = poll_register(p, listener, POLL_UNKNOWN);
	if (r == 0)
		r = poll_busy(poll_find(p, listener), HK_READ);
	while (r == 0 || r == -EAGAIN) {
		if (poll_find(p, listener)->ready & HK_READ) {
			r = accept_try(self, listener);
			if (r >= 0)
				return r;
		} else {
			r = poll_park(self->loop, listener, HK_READ);
		}
	}
	return r;
}

/* ---- pairs and ends --------------------------------------------------------------------------- */

int hk_pair(int ret[2])
{
	struct hk_loop *loop = loop_self();

	if (loop && loop->sim)
		return sim_pair(&loop->sim->net, ret) < 0 ? -errno : 0;
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ret) < 0 ? -errno
											   : 0;
}

int hk_send_eof(int fd)
{
	struct sim_net *net = sim_of(fd);
	int r = net ? sim_shutdown(net, fd) : shutdown(fd, SHUT_WR);

	return r < 0 ? -errno : 0;
}

int hk_close_reset(int fd)
{
	struct linger at_once = { .l_onoff = 1 };
	struct sim_net *net = sim_of(fd);

	if (net)
		sim_close(net, fd, true);
	else
		(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)); /* no TCP */
	return hk_close(fd);
}

/* ---- asking -------------------------------------------------------------------------------- */

int hk_socket_port(int fd)
{
	const struct sim_net *net = sim_of(fd);
	union any_address at = { 0 };
	socklen_t size = sizeof(at);

	if (net)
		return sim_port(net, fd);
	if (getsockname(fd, &at.any, &size) < 0)
		return -errno;
	if (at.any.sa_family == AF_INET)
		return ntohs(at.v4.sin_port);
	return at.any.sa_family == AF_INET6 ? ntohs(at.v6.sin6_port) : -EAFNOSUPPORT;
}

static ssize_t peek(struct hk_loop *loop, const struct poll_fd *s, int fd)
{
	char byte;

	return s && s->sim ? sim_peek(&loop->sim->net, fd)
			   : recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
}

bool hk_socket_idle(int fd)
{
	struct hk_loop *loop = loop_self();
	struct poll_fd *s = loop ? poll_find(&loop->poll, fd) : NULL;

	if (s && s->hung_up)
		return false;
	if (s && !(s->ready & HK_READ))
		return true; /* nothing came up to the last turn of the loop */
	if (peek(loop, s, fd) >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK))
		return false;
	if (s)
		s->ready &= (uint8_t)~HK_READ;
	return true;
}
