/* fd.c - reading and writing descriptors without blocking the thread
 *
 * What this room is for: read(2) and write(2) that park the task. One request and its answer on a kept connection are
 *   two system calls and a share of one epoll_wait.
 * What flows through:    bytes, straight between the kernel and the caller's memory.
 * What must hold:
 *  (1) the system call is tried whenever it is not known to say EAGAIN; after EAGAIN the fiber parks.
 *  (2) a short read of a stream means empty: the next read parks at once. Not after a hang-up, which is the last edge.
 *  (3) hk_write ends with everything written or an error; how much was written before the error is not told. */
#include "rt/loop.h"
#include "rt/poll.h"
#include "rt/scope.h"
#include "rt/sim.h"
#include <hocket/fd.h>
#include <limits.h>
#include <unistd.h>
#include "base/banned.h"

/* What every call begins with: the checkpoint, the registration, and that nobody else is at it. */
static int enter(struct hk_fiber_ *self, int fd, int mode)
{
	struct poll *p = &self->loop->poll;
	int r = fiber_checkpoint(self);

	if (r == 0)
		r = poll_register(p, fd, POLL_UNKNOWN);
	return r < 0 ? r : poll_busy(poll_find(p, fd), mode);
}

static bool would_block(ssize_t r)
{
	return r < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

static ssize_t read_some(struct hk_loop *loop, const struct poll_fd *s, int fd, void *bytes,
			 size_t *n)
{
	if (__builtin_expect(s->sim, 0)) {
		*n = sim_part_of(&loop->sim->net, *n);
		return sim_recv(&loop->sim->net, fd, bytes, *n);
	}
	return s->socket ? recv(fd, bytes, *n, 0) : read(fd, bytes, *n);
}

ssize_t hk_read(int fd, void *bytes, size_t n)
{
	struct hk_fiber_ *self = fiber_self();
	int r = enter(self, fd, HK_READ);

	while (r == 0) {
		struct poll_fd *s = poll_find(&self->loop->poll, fd);
		ssize_t got;
		if (!(s->ready & HK_READ)) {
			r = poll_park(self->loop, fd, HK_READ);
			continue;
		}
		got = read_some(self->loop, s, fd, bytes, &n);
		if (would_block(got) || (got > 0 && (size_t)got < n && s->stream && !s->hung_up))
			s->ready &= (uint8_t)~HK_READ;
		if (got >= 0)
			return got;
		r = errno == EINTR || would_block(got) ? 0 : -errno;
	}
	return r;
}

static ssize_t write_some(struct hk_loop *loop, const struct poll_fd *s, int fd, struct iovec *v,
			  int n)
{
	struct msghdr message = { .msg_iov = v, .msg_iovlen = (size_t)n };

	if (__builtin_expect(s->sim, 0))
		return sim_send(&loop->sim->net, fd, v->iov_base, v->iov_len);
	if (!s->socket)
		return n == 1 ? write(fd, v->iov_base, v->iov_len) : writev(fd, v, n);
	return n == 1 ? send(fd, v->iov_base, v->iov_len, MSG_NOSIGNAL)
		      : sendmsg(fd, &message, MSG_NOSIGNAL);
}

/* Takes `wrote` bytes from the front of the vectors, and those that are empty then. */
static void consume(struct iovec **v, int *n, size_t wrote)
{
	while (*n > 0 && wrote >= (*v)->iov_len) {
		wrote -= (*v)->iov_len;
		(*v)->iov_len = 0;
		(*v)++;
		(*n)--;
	}
	if (*n > 0 && wrote > 0) {
		(*v)->iov_base = (char *)(*v)->iov_base + wrote;
		(*v)->iov_len -= wrote;
	}
}

ssize_t hk_writev(int fd, struct iovec *v, int n)
{
	struct hk_fiber_ *self = fiber_self();
	int r = enter(self, fd, HK_WRITE);
	ssize_t total = 0;

	consume(&v, &n, 0);
	while (r == 0 && n > 0) {
		struct poll_fd *s = poll_find(&self->loop->poll, fd);
		ssize_t wrote;
		if (!(s->ready & HK_WRITE)) {
			r = poll_park(self->loop, fd, HK_WRITE);
			continue;
		}
		wrote = write_some(self->loop, s, fd, v, n < IOV_MAX ? n : IOV_MAX);
		if (would_block(wrote)) {
			s->ready &= (uint8_t)~HK_WRITE;
		} else if (wrote >= 0) {
			total += wrote;
			consume(&v, &n, (size_t)wrote);
		} else if (errno != EINTR) {
			r = -errno;
		}
	}
	return r < 0 ? r : total;
}

ssize_t hk_write(int fd, const void *bytes, size_t n)
{
	struct iovec v = { .iov_base = (void *)(uintptr_t)bytes, .iov_len = n };
	return hk_writev(fd, &v, 1);
}

int hk_fd_wait(int fd, int mode)
{
	struct hk_fiber_ *self = fiber_self();
	int r = enter(self, fd, mode);

	ASSERT(mode & (HK_READ | HK_WRITE));
	while (r == 0) {
		struct poll_fd *s = poll_find(&self->loop->poll, fd);
		int ready = s->ready & mode;
		if (ready) {
			int kept = (s->hung_up ? HK_READ : 0) | (s->broken ? HK_WRITE : 0);
			s->ready &= (uint8_t)(~ready | kept);
			return ready;
		}
		r = poll_park(self->loop, fd, mode);
	}
	return r;
}

void hk_fd_rearm(int fd, int mode)
{
	struct hk_loop *loop = loop_self();
	struct poll_fd *s;

	ASSERT(loop);
	s = poll_find(&loop->poll, fd);
	if (s)
		s->ready |= (uint8_t)(mode & (HK_READ | HK_WRITE));
}

int hk_close(int fd)
{
	struct hk_loop *loop = loop_self();
	int r;

	if (loop && loop->sim)
		sim_close(&loop->sim->net, fd, false);
	if (loop)
		poll_forget(&loop->poll, fd);
	r = close(fd);
	return r < 0 && errno != EINTR ? -errno : 0; /* Linux has closed it after EINTR, too */
}
