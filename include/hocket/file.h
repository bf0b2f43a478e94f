/* hocket/file.h - regular files, off the loop (aiofiles, trio.open_file, trio.Path)
 *
 * What this room is for: a disk may take a second to answer and epoll does not know it. Each call here is ONE off-loaded
 *   call (offload.h, HK_POOL_IO): the task is parked, the loop goes on. Whoever wants several steps in one go off-loads a
 *   function of its own with plain open(2), read(2) and so on.
 * Life cycle of a descriptor: hk_file_open ... hk_file_close; reads and writes say where, so that many tasks may use one at
 *   once. Pipes, sockets and terminals are not files: fd.h; opening a FIFO here would hold a thread for as long as nobody writes.
 * What must hold: (1) a call that began is finished and its result reported, cancelled or not; one that had not begun gets
 *   -ECANCELED and nothing happened. (2) hk_file_close closes in a cancelled task too. (3) all return >= 0 or -errno of
 *   the system call they are named after; interrupted ones are repeated.
 *
 * What survives a power cut:
 *   bytes         only after hk_file_sync returned 0. A failed one is final: the kernel may have dropped what it could not
 *                 write and says so once; write the file anew instead of syncing again.
 *   a name        (new, renamed, removed) only after hk_folder_sync of its folder.
 *   so a file is replaced in this order: write a new one beside it, sync it, close it, rename it over the old one, sync
 *                 the folder. A reader sees all of the old or all of the new at any time. hk_file_replace does just that. */
#ifndef HOCKET_FILE_H
#define HOCKET_FILE_H
#include <hocket/types.h>
#include <sys/stat.h>

HK_BEGIN
/* ---- a descriptor ---- */
/* As open(2), always with O_CLOEXEC. The descriptor, or -errno. */
HK_MUST int hk_file_open(const char *path, int flags, mode_t mode) HK_SUSPENDS;
/* The descriptor is gone whatever is returned; -EIO, -ENOSPC, -EDQUOT: what was written before may be lost. */
HK_MUST int hk_file_close(int fd) HK_SUSPENDS;
/* pread(2): how many bytes, 0 at the end of the file; fewer than asked for only there. */
HK_MUST ssize_t hk_file_read(int fd, void *, size_t, off_t at) HK_SUSPENDS;
/* pwrite(2) until all is written: n, or -errno with an unknown part of it in the file. */
HK_MUST ssize_t hk_file_write(int fd, const void *, size_t, off_t at) HK_SUSPENDS;
HK_MUST int hk_file_sync(int fd) HK_SUSPENDS; /* fsync(2) */
HK_MUST int hk_file_truncate(int fd, off_t length) HK_SUSPENDS;

/* ---- a whole file ---- */
/* All of it: *ret takes memory to free(3), *ret_n bytes and a zero byte behind them. -EFBIG when there are more than
 * max_bytes; nothing is kept then, nor with any other failure. Also for files without a size, as in /proc. */
HK_MUST int hk_file_read_whole(const char *path, size_t max_bytes, char **ret,
			       size_t *ret_n) HK_SUSPENDS;
/* The file is these bytes from now on, or what it was before; also after a power cut. mode as for open(2): the old
 * file's mode, owner and other hard links stay behind with it, and a symbolic link is replaced, not followed. What fails
 * leaves the old file and no other, but for one case: the last step, the sync of the folder; then the new file is there
 * for all to see, and a power cut may bring back the old one. A process killed in the middle leaves a ".hocket-*" file. */
HK_MUST int hk_file_replace(const char *path, const void *, size_t, mode_t mode) HK_SUSPENDS;

/* ---- names ---- */
HK_MUST int hk_file_stat(const char *path, struct stat *ret) HK_SUSPENDS; /* follows links */
HK_MUST int hk_file_rename(const char *from, const char *to) HK_SUSPENDS;
HK_MUST int hk_file_unlink(const char *path) HK_SUSPENDS;
HK_MUST int hk_folder_make(const char *path, mode_t mode) HK_SUSPENDS; /* mkdir(2) */
HK_MUST int hk_folder_sync(const char *folder) HK_SUSPENDS;
HK_MUST int hk_name_sync(const char *path) HK_SUSPENDS; /* the folder in which it lies */

HK_END
#endif
