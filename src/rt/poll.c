/* poll.c - epoll, edge-triggered: one registration a descriptor, one call a turn
 *
 * What this room is for: knowing what may be read and written without asking the kernel again and again.
 * What flows through:    edges, from epoll_wait into ready bits, and from there to the fiber that waits.
 * What must hold:
 *  (1) an edge is never lost: it sets the bit whether anybody waits or not; only who saw EAGAIN (or a short read of
 *      a stream, which says the same) clears the bit.
 *  (2) a hang-up is kept: nothing more will be announced after it, so reads must go on until they see the end.
 *  (3) what epoll does not take (regular files, /dev/null) never waits: its bits stay set. */
#include "rt/poll.h"
#include "rt/loop.h"
#include "rt/scope.h"
#include "base/banned.h"
#include <fcntl.h>
#include <hocket/fd.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

enum { EVENTS = 256 };
#define WAKE_UP UINT64_MAX /* the mailbox's entry in epoll */

int poll_init(struct poll *p, int wake_fd)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET, .data.u64 = WAKE_UP };

	*p = (struct poll){ .epoll_fd = epoll_create1(EPOLL_CLOEXEC) };
	if (p->epoll_fd < 0 || epoll_ctl(p->epoll_fd, EPOLL_CTL_ADD, wake_fd, &event) < 0)
		return -errno;
	return 0;
}

void poll_done(struct poll *p)
{
	ASSERT(p->waiting == 0 && p->waiting_sim == 0);
	for (size_t fd = 0; fd < p->cap; fd++)
		poll_forget(p, (int)fd);
	if (p->epoll_fd >= 0)
		(void)close(p->epoll_fd);
	free(p->fds);
	*p = (struct poll){ .epoll_fd = -1 };
}

struct poll_fd *poll_find(struct poll *p, int fd)
{
	return fd >= 0 && (size_t)fd < p->cap && p->fds[fd].known ? &p->fds[fd] : NULL;
}

/* ---- registering --------------------------------------------------------------------------- */

static void grow(struct poll *p, int fd)
{
	size_t cap = p->cap ? p->cap : 64;

	while (cap <= (size_t)fd)
		cap *= 2;
	p->fds = xrealloc(p->fds, cap, sizeof(*p->fds));
	memset(p->fds + p->cap, 0, (cap - p->cap) * sizeof(*p->fds));
	p->cap = cap;
	ASSERT((size_t)fd < p->cap);
}

/* Non-blocking always; close-on-exec except for the three that children are meant to inherit. */
static int prepare(struct poll_fd *s, int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0)
		return -errno;
	if (!(flags & O_NONBLOCK)) {
		if (fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
			return -errno;
		s->borrowed = fd <= STDERR_FILENO; /* shared with the shell: given back as it was */
	}
	if (fd > STDERR_FILENO && fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return -errno;
	return 0;
}

/* TCP, by SO_DOMAIN. A Unix socket cuts a read where a message brings descriptors or comes from another sender. */
static bool is_internet(int fd)
{
	int family = AF_UNSPEC;
	socklen_t size = sizeof(family);

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size) == 0 &&
	       (family == AF_INET || family == AF_INET6);
}

/* Only of byte streams does a short read say "empty": a datagram or a line of a terminal is short as well. */
static void classify(struct poll_fd *s, int fd)
{
	struct stat st;
	int type = 0;
	socklen_t size = sizeof(type);

	if (fstat(fd, &st) < 0)
		return;
	s->socket = S_ISSOCK(st.st_mode);
	s->stream = S_ISFIFO(st.st_mode);
	if (s->socket && getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0)
		s->stream = type == SOCK_STREAM && is_internet(fd);
}

static int add(struct poll *p, const struct poll_fd *s, int fd)
{
	struct epoll_event event = {
		.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
		.data.u64 = (uint64_t)s->generation << 32 | (uint32_t)fd,
	};

	if (epoll_ctl(p->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0)
		return 0;
	if (errno == EEXIST && epoll_ctl(p->epoll_fd, EPOLL_CTL_MOD, fd, &event) == 0)
		return 0;
	return errno == EPERM ? 0 : -errno; /* EPERM: never waits */
}

/* The descriptor is new: what we knew was of another with its number, closed behind our back. */
static void replace(struct poll *p, int fd)
{
	struct poll_fd *s = poll_find(p, fd);

	if (!s)
		return;
	s->borrowed = false;
	poll_forget(p, fd);
}

static struct poll_fd *entry_new(struct poll *p, int fd)
{
	struct poll_fd *s;

	if ((size_t)fd >= p->cap)
		grow(p, fd);
	s = &p->fds[fd];
	*s = (struct poll_fd){ .generation = s->generation + 1 };
	return s;
}

int poll_register(struct poll *p, int fd, enum poll_kind kind)
{
	struct poll_fd *s;
	int r = 0;

	if (fd < 0)
		return -EBADF;
	if (kind == POLL_UNKNOWN && poll_find(p, fd))
		return 0;
	if (kind != POLL_UNKNOWN)
		replace(p, fd);
	s = entry_new(p, fd);
	s->ready = kind == POLL_CONNECTING ? 0 : HK_READ | HK_WRITE;
	s->socket = s->stream = true;
	if (kind == POLL_UNKNOWN) {
		r = prepare(s, fd);
		classify(s, fd);
	}
	if (r == 0)
		r = add(p, s, fd);
	s->known = r == 0;
	return r;
}

void poll_adopt(struct poll *p, int fd, int ready)
{
	struct poll_fd *s;

	ASSERT(fd >= 0);
	replace(p, fd);
	s = entry_new(p, fd);
	s->ready = (uint8_t)ready;
	s->known = s->socket = s->stream = s->sim = true;
}

/* ---- waiting ------------------------------------------------------------------------------- */

int poll_busy(const struct poll_fd *s, int mode)
{
	return ((mode & HK_READ) && s->reader) || ((mode & HK_WRITE) && s->writer) ? -EBUSY : 0;
}

static void detach(struct poll *p, const struct poll_wait *w)
{
	struct poll_fd *s = &p->fds[w->fd];

	ASSERT(w->fd >= 0 && (size_t)w->fd < p->cap);
	if (s->reader == w)
		s->reader = NULL;
	if (s->writer == w)
		s->writer = NULL;
}

static bool cancel_wait(struct park *park)
{
	struct poll_wait *w = container_of(park, struct poll_wait, park);

	detach(&park->fiber->loop->poll, w);
	return true;
}

static void describe_wait(const struct park *park, struct wait *ret)
{
	const struct poll_wait *w = container_of(park, struct poll_wait, park);
	const char *mode = w->mode == HK_READ    ? "readable"
			   : w->mode == HK_WRITE ? "writable"
						 : "readable or writable";

	(void)snprintf(ret->what, sizeof(ret->what), "descriptor %d to be %s", w->fd, mode);
}

/* The wait stays in its slot until its fiber runs: between an edge and then, the descriptor is still taken. */
int poll_park(struct hk_loop *loop, int fd, int mode)
{
	struct poll_wait w = {
		.park = { .why = "a descriptor", .cancel = cancel_wait, .describe = describe_wait },
		.fd = fd,
		.mode = mode,
	};
	struct poll_fd *s = poll_find(&loop->poll, fd);
	struct hk_fiber_ *self = fiber_self();
	int r = fiber_checkpoint(self);
	size_t *waiting;

	if (r < 0)
		return r;
	ASSERT(s && !poll_busy(s, mode));
	waiting = s->sim ? &loop->poll.waiting_sim : &loop->poll.waiting;
	if (mode & HK_READ)
		s->reader = &w;
	if (mode & HK_WRITE)
		s->writer = &w;
	(*waiting)++;
	r = fiber_park(self, &w.park);
	ASSERT(*waiting > 0);
	(*waiting)--;
	if (w.closed)
		return -EBADF;
	detach(&loop->poll, &w);
	return r;
}

static void wake(struct poll_wait *w)
{
	if (w && w->park.fiber->state == FIBER_PARKED)
		fiber_wake(w->park.fiber, 0);
}

void poll_forget(struct poll *p, int fd)
{
	struct poll_fd *s = poll_find(p, fd);
	struct poll_wait *reader, *writer;

	if (!s)
		return;
	reader = s->reader;
	writer = s->writer;
	if (s->borrowed)
		(void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
	*s = (struct poll_fd){ .generation = s->generation };
	if (reader)
		reader->closed = true;
	if (writer)
		writer->closed = true;
	wake(reader);
	wake(writer);
}

/* ---- collecting ---------------------------------------------------------------------------- */

void poll_take_edge(struct poll *p, int fd, struct poll_edge edge)
{
	struct poll_fd *s = poll_find(p, fd);

	ASSERT(s && !(edge.modes & ~(HK_READ | HK_WRITE)));
	s->hung_up = s->hung_up || edge.hung_up;
	s->broken = s->broken || edge.broken;
	s->ready |= (uint8_t)edge.modes;
	if (edge.modes & HK_READ)
		wake(s->reader);
	if (edge.modes & HK_WRITE)
		wake(s->writer);
}

static void take_event(struct poll *p, const struct epoll_event *event)
{
	int fd = (int)(uint32_t)event->data.u64;
	const struct poll_fd *s = poll_find(p, fd);
	struct poll_edge edge = { 0 };
	uint32_t e = event->events;

	if (!s || s->generation != (uint32_t)(event->data.u64 >> 32))
		return;
	edge.hung_up = e & (EPOLLRDHUP | EPOLLHUP);
	edge.broken = e & EPOLLHUP;
	if (e & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		edge.modes |= HK_READ;
	if (e & (EPOLLOUT | EPOLLHUP | EPOLLERR))
		edge.modes |= HK_WRITE;
	poll_take_edge(p, fd, edge);
}

/* epoll_wait counts milliseconds; rounding up keeps a loop that is early from spinning. */
static int to_ms(int64_t ns)
{
	if (ns == INT64_MAX)
		return -1;
	return ns / HK_MS >= INT_MAX ? INT_MAX : (int)((ns + HK_MS - 1) / HK_MS);
}

static int wait_events(struct poll *p, struct epoll_event *events, int64_t timeout_ns)
{
	struct timespec t = { .tv_sec = timeout_ns / HK_SEC, .tv_nsec = timeout_ns % HK_SEC };
	int n = -1;

	if (timeout_ns == 0 || timeout_ns == INT64_MAX || p->coarse)
		return epoll_wait(p->epoll_fd, events, EVENTS, to_ms(timeout_ns));
	n = epoll_pwait2(p->epoll_fd, events, EVENTS, &t, NULL);
	if (n < 0 && (errno == ENOSYS || errno == EPERM)) {
		p->coarse = true;
		return epoll_wait(p->epoll_fd, events, EVENTS, to_ms(timeout_ns));
	}
	return n;
}

size_t poll_collect(struct poll *p, int64_t timeout_ns)
{
	struct epoll_event events[EVENTS];
	int n = wait_events(p, events, timeout_ns);
	size_t edges = 0;

	ASSERT(n <= EVENTS && (n >= 0 || errno == EINTR));
	for (int i = 0; i < n; i++) {
		if (events[i].data.u64 == WAKE_UP)
			continue;
		take_event(p, &events[i]);
		edges++;
	}
	return edges;
}
