/* beneath.c - names from data, and the folders they go through
 *
 * What this room is for: see beneath.h.
 * What flows through:    a name in; the descriptor of the folder in which its last part stands.
 * What must hold:
 *  (1) every part of a name is opened by itself, without following a link: what is renamed or linked meanwhile by somebody else
 *      cannot lead out of the folder.
 *  (2) names are taken as they are or refused, never mended: two values that differ never share a file. */
#include "io/beneath.h"
#include "base/banned.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC)

/* ---- names ----------------------------------------------------------------------------------- */

static int refuse(struct slice name, const char *why, struct err *err)
{
	return fail(err, FAULT_BAD_VALUE, "cannot name a file '%.*s': %s",
		    SLICE(slice_head(name, 120)), why);
}

static const char *fault_of_segment(struct slice s, size_t room)
{
	if (s.n == 0)
		return "a part of it is empty";
	if (slice_eq(s, S(".")) || slice_eq(s, S("..")))
		return "'.' and '..' would lead elsewhere";
	if (s.n + room > NAME_MAX)
		return "it is too long";
	if (slice_ends(s, S(".part")) || slice_starts(s, S(".hocket")))
		return "'.part' and '.hocket' mark hocket's own files";
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
			return "there is a control character in it";
	return NULL;
}

int beneath_check(struct slice name, size_t room, struct err *err)
{
	struct slice rest = name, segment;
	if (name.n && name.p[0] == '/')
		return refuse(name, "it begins with '/'", err);
	if (name.n >= PATH_MAX / 2)
		return refuse(name, "it is too long", err);
	for (bool more = true; more;) {
		more = slice_cut(rest, '/', &segment, &rest);
		const char *why = fault_of_segment(segment, room);
		if (why)
			return refuse(name, why, err);
	}
	return 0;
}

size_t beneath_head(const char *name)
{
	const char *slash = strrchr(name, '/');
	return slash ? (size_t)(slash - name) + 1 : 0;
}

/* ---- folders --------------------------------------------------------------------------------- */

static int make_folder(int parent, const char *name)
{
	if (mkdirat(parent, name, 0777) < 0 && errno != EEXIST)
		return -errno;
	return fsync(parent) < 0 ? -errno : 0;
}

/* Takes the parent. */
static int enter(int parent, const char *name, int flags, bool make)
{
	int fd = openat(parent, name, FOLDER_FLAGS | flags);
	int r = fd < 0 ? -errno : fd;
	if (r == -ENOENT && make) {
		r = make_folder(parent, name);
		fd = r < 0 ? -1 : openat(parent, name, FOLDER_FLAGS | flags);
		r = r < 0 ? r : fd < 0 ? -errno : fd;
	}
	(void)close(parent); /* only entered */
	return r;
}

static int walk(int fd, const char *path, int flags, bool make, const char **ret_last)
{
	char name[NAME_MAX + 1];
	struct slice rest = slice_str(path), segment;
	while (fd >= 0 && slice_cut(rest, '/', &segment, &rest)) {
		*ret_last = rest.p;
		if (segment.n == 0)
			continue;
		if (segment.n > NAME_MAX) {
			(void)close(fd);
			return -ENAMETOOLONG;
		}
		memcpy(name, segment.p, segment.n);
		name[segment.n] = 0;
		fd = enter(fd, name, flags, make);
	}
	return fd;
}

int beneath_folder(int root, const char *name, bool make, const char **ret_last)
{
	int fd = fcntl(root, F_DUPFD_CLOEXEC, 0);
	*ret_last = name;
	return fd < 0 ? -errno : walk(fd, name, O_NOFOLLOW, make, ret_last);
}

int beneath_open(const char *folder)
{
	const char *last = folder;
	int fd = open(folder[0] ? folder : "/", FOLDER_FLAGS);
	if (fd >= 0 || errno != ENOENT)
		return fd < 0 ? -errno : fd;
	fd = open("/", FOLDER_FLAGS);
	fd = fd < 0 ? -errno : walk(fd, folder, 0, true, &last);
	return fd < 0 ? fd : enter(fd, last, 0, true);
}
