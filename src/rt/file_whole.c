/* file_whole.c - files that are read or replaced as a whole
 *
 * What this room is for: the two things most programs do with files, each in one off-loaded call: to have all of it below a
 *   ceiling, and to put another in its place so that nobody ever sees half of one.
 * What flows through:    bytes between a file and memory; everything here but the two public functions runs in a thread.
 * What must hold:
 *  (1) a replaced file goes through these steps in this order; the name changes hands only when the bytes are on the disk:
 *
 *        open folder -> create ".hocket-*" -> write -> fsync -> close -> rename over the name -> fsync folder
 *                          +------ a failure up to here removes it again -----+
 *
 *  (2) all steps go by the folder's descriptor: they mean one folder, though its path may change meanwhile.
 *  (3) no more than the ceiling and one byte are ever read or allocated for a file that is too large. */
#include "base/lang.h"
#include "base/rand.h"
#include <errno.h>
#include <fcntl.h>
#include <hocket/file.h>
#include <hocket/offload.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/banned.h"

enum { FIRST_READ = 4096, TRIES = 8 };

/* close(2) frees the descriptor though it was interrupted, on Linux. */
static int close_told(int fd)
{
	return close(fd) < 0 && errno != EINTR ? -errno : 0;
}

static int open_at(int folder, const char *path, int flags, mode_t mode)
{
	int fd;

	do
		fd = openat(folder, path, flags | O_CLOEXEC, mode);
	while (fd < 0 && errno == EINTR);
	return fd < 0 ? -errno : fd;
}

/* ---- reading ------------------------------------------------------------------------------- */

struct reading {
	const char *path;
	size_t max;
	char *bytes; /* owns, until it has succeeded */
	size_t n, room;
};

/* What the file says of its size is a hint: it may grow meanwhile, and those of /proc say 0. */
static size_t first_room(int fd)
{
	struct stat st;
	bool known = fstat(fd, &st) == 0 && st.st_size > 0;

	return known ? (size_t)st.st_size + 1 : FIRST_READ; /* one more, to see the end */
}

static int grow(struct reading *r, size_t room)
{
	size_t most = r->max < SIZE_MAX - 2 ? r->max + 1 : SIZE_MAX - 1;
	char *grown;

	r->room = room < most ? room : most;
	ASSERT(r->room > r->n);
	grown = realloc(r->bytes, r->room + 1); /* one for the zero byte */
	if (!grown)
		return -ENOMEM;
	r->bytes = grown;
	return 0;
}

static int read_on(struct reading *r, int fd)
{
	ssize_t got;

	do
		got = read(fd, r->bytes + r->n, r->room - r->n);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return -errno;
	r->n += (size_t)got;
	return got > 0;
}

static int read_all(struct reading *r, int fd)
{
	int more = grow(r, first_room(fd));

	while (more >= 0) {
		more = read_on(r, fd);
		if (more <= 0)
			break;
		if (r->n > r->max)
			return -EFBIG;
		if (r->n == r->room)
			more = grow(r, r->room <= SIZE_MAX / 2 ? 2 * r->room : SIZE_MAX);
	}
	if (more == 0)
		r->bytes[r->n] = 0;
	return more;
}

static int call_read_whole(void *arg)
{
	struct reading *r = arg;
	int fd = open_at(AT_FDCWD, r->path, O_RDONLY | O_NOCTTY, 0), result;

	if (fd < 0)
		return fd;
	result = read_all(r, fd);
	(void)close(fd); /* nothing was written: nothing can be lost */
	if (result < 0) {
		free(r->bytes);
		r->bytes = NULL;
	}
	return result;
}

int hk_file_read_whole(const char *path, size_t max_bytes, char **ret, size_t *ret_n)
{
	struct reading reading = { .path = path, .max = max_bytes };
	int r;

	*ret = NULL;
	*ret_n = 0;
	r = hk_offload(call_read_whole, &reading);
	if (r < 0)
		return r;
	*ret = reading.bytes;
	*ret_n = reading.n;
	return 0;
}

/* ---- replacing ----------------------------------------------------------------------------- */

struct replacing {
	const char *path;
	const char *bytes;
	size_t n;
	mode_t mode;
	int folder;       /* owns; -1: not open yet */
	const char *name; /* the file's, within the folder */
	char temporary[sizeof(".hocket-") + 16];
};

static int open_folder(struct replacing *r)
{
	const char *slash = strrchr(r->path, '/');
	char *folder;

	r->name = slash ? slash + 1 : r->path;
	if (!*r->name)
		return *r->path ? -EISDIR : -ENOENT;
	folder = !slash ? strdup(".") : strndup(r->path, (size_t)(r->name - r->path));
	if (!folder)
		return -ENOMEM;
	r->folder = open_at(AT_FDCWD, folder, O_RDONLY | O_DIRECTORY, 0);
	free(folder);
	return r->folder < 0 ? r->folder : 0;
}

static int create_temporary(struct replacing *r)
{
	int fd = -EEXIST;

	for (int i = 0; i < TRIES && fd == -EEXIST; i++) {
		snprintf(r->temporary, sizeof(r->temporary), ".hocket-%016llx",
			 (unsigned long long)rand_entropy());
		fd = open_at(r->folder, r->temporary, O_WRONLY | O_CREAT | O_EXCL, r->mode);
	}
	return fd;
}

static int write_all(const struct replacing *r, int fd)
{
	size_t done = 0;

	while (done < r->n) {
		ssize_t wrote = write(fd, r->bytes + done, r->n - done);
		if (wrote < 0 && errno != EINTR)
			return -errno;
		done += wrote > 0 ? (size_t)wrote : 0;
	}
	return fsync(fd) < 0 ? -errno : 0;
}

static int rename_temporary(const struct replacing *r)
{
	return renameat(r->folder, r->temporary, r->folder, r->name) < 0 ? -errno : 0;
}

/* A temporary file with the bytes, on the disk, takes the name. */
static int replace_in_folder(struct replacing *r)
{
	int fd = create_temporary(r), result, closed;

	if (fd < 0)
		return fd;
	result = write_all(r, fd);
	closed = close_told(fd);
	if (result == 0)
		result = closed;
	if (result == 0)
		result = rename_temporary(r);
	if (result < 0)
		(void)unlinkat(r->folder, r->temporary, 0); /* the failure before it is told */
	return result;
}

static int call_replace(void *arg)
{
	struct replacing *r = arg;
	int result = open_folder(r);

	if (result < 0)
		return result;
	result = replace_in_folder(r);
	if (result == 0 && fsync(r->folder) < 0)
		result = -errno;
	(void)close(r->folder); /* what fsync said counts */
	return result;
}

int hk_file_replace(const char *path, const void *bytes, size_t n, mode_t mode)
{
	struct replacing r = { .path = path, .bytes = bytes, .n = n, .mode = mode, .folder = -1 };
	return hk_offload(call_replace, &r);
}
