/* file.c - regular files: each call is one off-loaded system call
 *
 * What this room is for: disks block, and epoll does not know them.
 * What flows through:    the arguments of the call, on the caller's stack.
 * What must hold:
 *  (1) interrupted calls are repeated here, in the thread. (2) closing happens even in a cancelled task: the alternative
 *      is a leak. */
#include "rt/loop.h"
#include <fcntl.h>
#include <hocket/file.h>
#include <hocket/offload.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/banned.h"

struct call {
	const char *path, *to;
	int fd, flags;
	mode_t mode;
	void *bytes;
	const void *source;
	size_t n;
	off_t at;
	ssize_t done;
};

static int result_of(int r)
{
	return r < 0 ? -errno : r;
}

static int call_open(void *arg)
{
	struct call *c = arg;
	int fd;

	do
		fd = open(c->path, c->flags | O_CLOEXEC, c->mode);
	while (fd < 0 && errno == EINTR);
	return result_of(fd);
}

int hk_file_open(const char *path, int flags, mode_t mode)
{
	struct call c = { .path = path, .flags = flags, .mode = mode };
	return hk_offload(call_open, &c);
}

static int call_close(void *arg)
{
	struct call *c = arg;
	int r = close(c->fd);

	c->done = 1;
	return r < 0 && errno == EINTR ? 0 : result_of(r); /* Linux has closed it then */
}

/* Where no thread can be had, blocking is better than leaking. */
int hk_file_close(int fd)
{
	struct call c = { .fd = fd };
	int r = offload_always(call_close, &c);
	return c.done ? r : call_close(&c);
}

static int call_read(void *arg)
{
	struct call *c = arg;
	ssize_t r = 1;

	while ((size_t)c->done < c->n && r != 0) {
		r = pread(c->fd, (char *)c->bytes + c->done, c->n - (size_t)c->done,
			  c->at + c->done);
		if (r < 0 && errno != EINTR)
			return c->done > 0 ? 0 : -errno; /* the next one will say it again */
		c->done += r > 0 ? r : 0;
	}
	return 0;
}

ssize_t hk_file_read(int fd, void *bytes, size_t n, off_t at)
{
	struct call c = { .fd = fd, .bytes = bytes, .n = n, .at = at };
	int r = hk_offload(call_read, &c);
	return r < 0 ? r : c.done;
}

static int call_write(void *arg)
{
	struct call *c = arg;

	while ((size_t)c->done < c->n) {
		ssize_t r = pwrite(c->fd, (const char *)c->source + c->done, c->n - (size_t)c->done,
				   c->at + c->done);
		if (r < 0 && errno != EINTR)
			return -errno;
		c->done += r > 0 ? r : 0;
	}
	return 0;
}

ssize_t hk_file_write(int fd, const void *bytes, size_t n, off_t at)
{
	struct call c = { .fd = fd, .source = bytes, .n = n, .at = at };
	int r = hk_offload(call_write, &c);
	return r < 0 ? r : c.done;
}

static int call_sync(void *arg)
{
	struct call *c = arg;
	return result_of(fsync(c->fd));
}

int hk_file_sync(int fd)
{
	struct call c = { .fd = fd };
	return hk_offload(call_sync, &c);
}

static int call_truncate(void *arg)
{
	struct call *c = arg;
	int r;

	do
		r = ftruncate(c->fd, c->at);
	while (r < 0 && errno == EINTR);
	return result_of(r);
}

int hk_file_truncate(int fd, off_t length)
{
	struct call c = { .fd = fd, .at = length };
	return hk_offload(call_truncate, &c);
}

static int call_rename(void *arg)
{
	struct call *c = arg;
	return result_of(rename(c->path, c->to));
}

int hk_file_rename(const char *from, const char *to)
{
	struct call c = { .path = from, .to = to };
	return hk_offload(call_rename, &c);
}

static int call_stat(void *arg)
{
	struct call *c = arg;
	return result_of(stat(c->path, c->bytes));
}

int hk_file_stat(const char *path, struct stat *ret)
{
	struct call c = { .path = path, .bytes = ret };
	return hk_offload(call_stat, &c);
}

static int call_unlink(void *arg)
{
	struct call *c = arg;
	return result_of(unlink(c->path));
}

int hk_file_unlink(const char *path)
{
	struct call c = { .path = path };
	return hk_offload(call_unlink, &c);
}

static int call_folder_make(void *arg)
{
	struct call *c = arg;
	return result_of(mkdir(c->path, c->mode));
}

int hk_folder_make(const char *path, mode_t mode)
{
	struct call c = { .path = path, .mode = mode };
	return hk_offload(call_folder_make, &c);
}

static int call_folder_sync(void *arg)
{
	struct call *c = arg;
	int fd = open(c->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;

	if (fd < 0)
		return -errno;
	r = result_of(fsync(fd));
	if (close(fd) < 0 && r == 0)
		r = -errno;
	return r;
}

int hk_folder_sync(const char *folder)
{
	struct call c = { .path = folder };
	return hk_offload(call_folder_sync, &c);
}

int hk_name_sync(const char *path)
{
	const char *slash = strrchr(path, '/');
	if (!slash)
		return hk_folder_sync(".");
	char *folder = strndup(path, slash == path ? 1 : (size_t)(slash - path));
	if (!folder)
		return -ENOMEM;
	int r = hk_folder_sync(folder);
	free(folder);
	return r;
}
