/* shim.c - the calls of the C library that are taken over, by LD_PRELOAD
 *
 * What this room is for: a program and its libraries (SQLite) ask the kernel through these names. Each is made by syscall(2), and
 *   shown to fault.c around it when it is about a file below the folder or about a socket.
 * What flows through:    arguments, unchanged, unless a fault says otherwise.
 * What must hold:
 *  (1) what is not ours passes as if nothing were between. (2) whoever calls more than these is found by shim.py, which reads
 *      the names that the program and SQLite import: a new one that changes files has to be added here.
 *  (3) what a call did is in the journal before another one begins. */
#include "fault.h"
#include "journal.h"
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Our name for it, and the C library's; a header may have made a macro or an inline function of that. */
#define TAKES(type, ours, name, ...) \
	type ours(__VA_ARGS__) __asm__(#name) __attribute__((visibility("default")))
#define ALSO(ours, name, as)                             \
	extern __typeof__(ours) ours##_##as __asm__(#as) \
		__attribute__((alias(#name), visibility("default")))

/* ---- opening and making ------------------------------------------------------------------------- */

static int open_at(int folder, const char *path, int flags, mode_t mode)
{
	struct call c;
	bool nameless = (flags & O_TMPFILE) == O_TMPFILE;
	bool makes =
		(nameless || (flags & (O_CREAT | O_TRUNC))) && call_of_path(&c, OPEN, folder, path);
	if (!makes)
		return (int)syscall(SYS_openat, folder, path, flags, mode);
	if (!call_begins(&c))
		return -1;
	bool there = !nameless && syscall(SYS_newfstatat, folder, path, &c.st, 0) == 0;
	long fd = syscall(SYS_openat, folder, path, flags, mode);
	int error = errno;
	if (fd >= 0 && !there && fstat((int)fd, &c.st) == 0)
		journal_put_path(JOURNAL_CREATE, &c.st, nameless ? "" : c.path);
	else if (fd >= 0 && (flags & O_TRUNC))
		journal_put_size(&c.st, c.path, 0);
	errno = error;
	return (int)call_ends(&c, fd);
}

static mode_t mode_of(int flags, va_list list)
{
	return flags & (O_CREAT | O_TMPFILE) ? va_arg(list, mode_t) : 0;
}

TAKES(int, shim_open, open, const char *, int, ...);
int shim_open(const char *path, int flags, ...)
{
	va_list list;
	va_start(list, flags);
	mode_t mode = mode_of(flags, list);
	va_end(list);
	return open_at(AT_FDCWD, path, flags, mode);
}
ALSO(shim_open, open, open64);

TAKES(int, shim_openat, openat, int, const char *, int, ...);
int shim_openat(int folder, const char *path, int flags, ...)
{
	va_list list;
	va_start(list, flags);
	mode_t mode = mode_of(flags, list);
	va_end(list);
	return open_at(folder, path, flags, mode);
}
ALSO(shim_openat, openat, openat64);

static int mkdir_at(int folder, const char *path, mode_t mode)
{
	struct call c;
	if (!call_of_path(&c, MKDIR, folder, path))
		return (int)syscall(SYS_mkdirat, folder, path, mode);
	if (!call_begins(&c))
		return -1;
	long r = syscall(SYS_mkdirat, folder, path, mode);
	int error = errno;
	if (r == 0 && syscall(SYS_newfstatat, folder, path, &c.st, 0) == 0)
		journal_put_path(JOURNAL_MKDIR, &c.st, c.path);
	errno = error;
	return (int)call_ends(&c, r);
}

TAKES(int, shim_mkdir, mkdir, const char *, mode_t);
int shim_mkdir(const char *path, mode_t mode)
{
	return mkdir_at(AT_FDCWD, path, mode);
}

TAKES(int, shim_mkdirat, mkdirat, int, const char *, mode_t);
int shim_mkdirat(int folder, const char *path, mode_t mode)
{
	return mkdir_at(folder, path, mode);
}

/* ---- writing -------------------------------------------------------------------------------------- */

/* At a place of its own, or (AS_IT_STANDS) where the descriptor is. */
static const off_t AS_IT_STANDS = -1;

static off_t place_of(const struct call *c, int fd, off_t at)
{
	if (at != AS_IT_STANDS)
		return at;
	return fcntl(fd, F_GETFL) & O_APPEND ? c->st.st_size : syscall(SYS_lseek, fd, 0, SEEK_CUR);
}

/* The first `room` bytes of the pieces: never more than one piece is cut. */
static long write_pieces(int fd, const struct iovec *v, int n, off_t at, size_t room)
{
	struct iovec cut[PIECES_MOST];
	int count = 0;
	for (; count < n && count < PIECES_MOST && room > 0; count++) {
		cut[count] = v[count];
		if (cut[count].iov_len > room)
			cut[count].iov_len = room;
		room -= cut[count].iov_len;
	}
	return at == AS_IT_STANDS ? syscall(SYS_writev, fd, cut, count)
				  : syscall(SYS_pwritev, fd, cut, count, at, 0);
}

static ssize_t write_file(struct call *c, int fd, const struct iovec *v, int n, off_t at)
{
	size_t all = 0;
	if (!call_begins(c))
		return -1;
	for (int i = 0; i < n; i++)
		all += v[i].iov_len;
	off_t place = place_of(c, fd, at);
	long wrote = write_pieces(fd, v, n, at, call_room(c, all));
	int error = errno;
	if (wrote > 0)
		journal_put_write(&c->st, c->path, (uint64_t)place, v, n, (size_t)wrote);
	errno = error;
	return call_ends(c, wrote);
}

static ssize_t send_pieces(struct call *c, int fd, const struct iovec *v, int n)
{
	size_t all = 0;
	if (!call_begins(c))
		return -1;
	for (int i = 0; i < n; i++)
		all += v[i].iov_len;
	return call_ends(c, write_pieces(fd, v, n, AS_IT_STANDS, call_room(c, all)));
}

TAKES(ssize_t, shim_write, write, int, const void *, size_t);
ssize_t shim_write(int fd, const void *bytes, size_t n)
{
	struct call c;
	struct iovec v = { (void *)bytes, n };
	if (call_of_fd(&c, WRITE, fd))
		return write_file(&c, fd, &v, 1, AS_IT_STANDS);
	if (call_of_fd(&c, SEND, fd))
		return send_pieces(&c, fd, &v, 1);
	return syscall(SYS_write, fd, bytes, n);
}

TAKES(ssize_t, shim_writev, writev, int, const struct iovec *, int);
ssize_t shim_writev(int fd, const struct iovec *v, int n)
{
	struct call c;
	if (call_of_fd(&c, WRITE, fd))
		return write_file(&c, fd, v, n, AS_IT_STANDS);
	if (call_of_fd(&c, SEND, fd))
		return send_pieces(&c, fd, v, n);
	return syscall(SYS_writev, fd, v, n);
}

TAKES(ssize_t, shim_pwrite, pwrite, int, const void *, size_t, off_t);
ssize_t shim_pwrite(int fd, const void *bytes, size_t n, off_t at)
{
	struct call c;
	struct iovec v = { (void *)bytes, n };
	if (!call_of_fd(&c, WRITE, fd))
		return syscall(SYS_pwrite64, fd, bytes, n, at);
	return write_file(&c, fd, &v, 1, at);
}
ALSO(shim_pwrite, pwrite, pwrite64);

TAKES(ssize_t, shim_pwritev, pwritev, int, const struct iovec *, int, off_t);
ssize_t shim_pwritev(int fd, const struct iovec *v, int n, off_t at)
{
	struct call c;
	if (!call_of_fd(&c, WRITE, fd))
		return syscall(SYS_pwritev, fd, v, n, at, 0);
	return write_file(&c, fd, v, n, at);
}
ALSO(shim_pwritev, pwritev, pwritev64);

TAKES(int, shim_ftruncate, ftruncate, int, off_t);
int shim_ftruncate(int fd, off_t length)
{
	struct call c;
	if (!call_of_fd(&c, TRUNCATE, fd))
		return (int)syscall(SYS_ftruncate, fd, length);
	if (!call_begins(&c))
		return -1;
	long r = syscall(SYS_ftruncate, fd, length);
	if (r == 0)
		journal_put_size(&c.st, c.path, (uint64_t)length);
	return (int)call_ends(&c, r);
}
ALSO(shim_ftruncate, ftruncate, ftruncate64);

/* ---- making it durable ------------------------------------------------------------------------------ */

static int sync_by(enum kind kind, long number, int fd)
{
	struct call c;
	if (!call_of_fd(&c, kind, fd))
		return (int)syscall(number, fd);
	if (!call_begins(&c))
		return -1;
	long r = syscall(number, fd);
	if (r == 0)
		journal_put_path(JOURNAL_SYNC, &c.st, c.path);
	return (int)call_ends(&c, r);
}

TAKES(int, shim_fsync, fsync, int);
int shim_fsync(int fd)
{
	return sync_by(FSYNC, SYS_fsync, fd);
}

TAKES(int, shim_fdatasync, fdatasync, int);
int shim_fdatasync(int fd)
{
	return sync_by(FDATASYNC, SYS_fdatasync, fd);
}

/* ---- names --------------------------------------------------------------------------------------------- */

static int rename_at(int from_folder, const char *from, int to_folder, const char *to,
		     unsigned flags)
{
	struct call c, target;
	if (!call_of_path(&c, RENAME, from_folder, from) ||
	    !call_of_path(&target, RENAME, to_folder, to))
		return (int)syscall(SYS_renameat2, from_folder, from, to_folder, to, flags);
	if (!call_begins(&c))
		return -1;
	long r = syscall(SYS_renameat2, from_folder, from, to_folder, to, flags);
	if (r == 0)
		journal_put_rename(c.path, target.path);
	return (int)call_ends(&c, r);
}

TAKES(int, shim_rename, rename, const char *, const char *);
int shim_rename(const char *from, const char *to)
{
	return rename_at(AT_FDCWD, from, AT_FDCWD, to, 0);
}

TAKES(int, shim_renameat, renameat, int, const char *, int, const char *);
int shim_renameat(int from_folder, const char *from, int to_folder, const char *to)
{
	return rename_at(from_folder, from, to_folder, to, 0);
}

TAKES(int, shim_renameat2, renameat2, int, const char *, int, const char *, unsigned);
int shim_renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags)
{
	return rename_at(from_folder, from, to_folder, to, flags);
}

/* Where names cannot be given without replacing, a file gets a second name and loses its first at once: for a power cut, a rename. */
TAKES(int, shim_linkat, linkat, int, const char *, int, const char *, int);
int shim_linkat(int from_folder, const char *from, int to_folder, const char *to, int flags)
{
	struct call c, target;
	if (!call_of_path(&c, RENAME, from_folder, from) ||
	    !call_of_path(&target, RENAME, to_folder, to))
		return (int)syscall(SYS_linkat, from_folder, from, to_folder, to, flags);
	if (!call_begins(&c))
		return -1;
	long r = syscall(SYS_linkat, from_folder, from, to_folder, to, flags);
	if (r == 0)
		journal_put_rename(c.path, target.path);
	return (int)call_ends(&c, r);
}

static int unlink_at(int folder, const char *path, int flags)
{
	struct call c;
	if (!call_of_path(&c, UNLINK, folder, path))
		return (int)syscall(SYS_unlinkat, folder, path, flags);
	if (!call_begins(&c))
		return -1;
	long r = syscall(SYS_unlinkat, folder, path, flags);
	if (r == 0)
		journal_put_unlink(c.path);
	return (int)call_ends(&c, r);
}

TAKES(int, shim_unlink, unlink, const char *);
int shim_unlink(const char *path)
{
	return unlink_at(AT_FDCWD, path, 0);
}

TAKES(int, shim_unlinkat, unlinkat, int, const char *, int);
int shim_unlinkat(int folder, const char *path, int flags)
{
	return unlink_at(folder, path, flags);
}

/* ---- sockets -------------------------------------------------------------------------------------------- */

TAKES(ssize_t, shim_send, send, int, const void *, size_t, int);
ssize_t shim_send(int fd, const void *bytes, size_t n, int flags)
{
	struct call c;
	if (!call_of_fd(&c, SEND, fd))
		return syscall(SYS_sendto, fd, bytes, n, flags, NULL, 0);
	if (!call_begins(&c))
		return -1;
	return call_ends(&c, syscall(SYS_sendto, fd, bytes, call_room(&c, n), flags, NULL, 0));
}

TAKES(ssize_t, shim_sendmsg, sendmsg, int, const struct msghdr *, int);
ssize_t shim_sendmsg(int fd, const struct msghdr *message, int flags)
{
	struct call c;
	struct msghdr first = *message; /* when it is torn: only its first piece */
	if (!call_of_fd(&c, SEND, fd))
		return syscall(SYS_sendmsg, fd, message, flags);
	if (!call_begins(&c))
		return -1;
	if (call_room(&c, 2) < 2 && first.msg_iovlen > 1)
		first.msg_iovlen = 1;
	return call_ends(&c, syscall(SYS_sendmsg, fd, &first, flags));
}

TAKES(ssize_t, shim_recv, recv, int, void *, size_t, int);
ssize_t shim_recv(int fd, void *bytes, size_t n, int flags)
{
	struct call c;
	if (!call_of_fd(&c, RECV, fd))
		return syscall(SYS_recvfrom, fd, bytes, n, flags, NULL, NULL);
	if (!call_begins(&c))
		return -1;
	return call_ends(&c, syscall(SYS_recvfrom, fd, bytes, n, flags, NULL, NULL));
}

TAKES(ssize_t, shim_read, read, int, void *, size_t);
ssize_t shim_read(int fd, void *bytes, size_t n)
{
	struct call c;
	if (!call_of_fd(&c, RECV, fd))
		return syscall(SYS_read, fd, bytes, n);
	if (!call_begins(&c))
		return -1;
	return call_ends(&c, syscall(SYS_read, fd, bytes, n));
}

/* ---- memory ---------------------------------------------------------------------------------------------- */

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);

static bool memory_is_there(const void *caller)
{
	struct call c;
	if (!call_of_memory(&c, caller))
		return true;
	return call_begins(&c) && call_ends(&c, 1);
}

TAKES(void *, shim_malloc, malloc, size_t);
void *shim_malloc(size_t n)
{
	return memory_is_there(__builtin_return_address(0)) ? __libc_malloc(n) : NULL;
}

TAKES(void *, shim_calloc, calloc, size_t, size_t);
void *shim_calloc(size_t n, size_t size)
{
	return memory_is_there(__builtin_return_address(0)) ? __libc_calloc(n, size) : NULL;
}

TAKES(void *, shim_realloc, realloc, void *, size_t);
void *shim_realloc(void *p, size_t n)
{
	return memory_is_there(__builtin_return_address(0)) ? __libc_realloc(p, n) : NULL;
}
