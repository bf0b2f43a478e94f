/* file_disk.c - one file beneath the root of a file store: written, opened, read
 *
 * What this room is for: what a thread does for file_store.c. Everything here blocks.
 * What flows through:    a struct file_job; bytes between the disk and the caller's memory.
 * What must hold:
 *  (1) a file that is written goes through these steps in this order:
 *
 *        open folder (made as needed) -> look at the name -> create ".hocket-*.part" -> write -> fsync -> close
 *          -> rename to the name, in one step with the question whether it is free -> fsync folder
 *
 *      What fails up to the rename removes the temporary file again. beneath_check refuses such names to data, and listings leave them out:
 *      what a power cut leaves behind is never taken for an object.
 *  (2) equal content is found by MD5 over the file that stands there, never by its size and time. */
#include "base/rand.h"
#include "io/beneath.h"
#include "io/object/file_store.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { PIECE = 256 * 1024, TRIES = 8 };

struct writing {
	struct file_job *job;
	const char *last; /* the last part of the name */
	int folder;       /* owns */
	char temporary[sizeof ".hocket-.part" + 16];
};

static int close_told(int fd)
{
	return close(fd) < 0 && errno != EINTR ? -errno : 0;
}

/* ---- words ----------------------------------------------------------------------------------- */

static bool is_name_to_blame(int negative_errno)
{
	switch (-negative_errno) {
	case ENOTDIR:
	case EISDIR:
	case ELOOP:
	case ENAMETOOLONG:
	case ENOTEMPTY:
	case EILSEQ:
		return true;
	default:
		return false;
	}
}

int file_fail(struct err *err, const char *root, struct slice name, int negative_errno,
	      const char *what)
{
	if (negative_errno == -ENOENT) {
		if (err)
			err->code = 404;
		return fail(err, FAULT_STATUS, "'%s/%.*s' is not there", root, SLICE(name));
	}
	return fail_errno(err, is_name_to_blame(negative_errno) ? FAULT_BAD_VALUE : FAULT_IO,
			  negative_errno, "cannot %s '%s/%.*s'", what, root, SLICE(name));
}

static int job_fail(const struct file_job *j, int r, const char *what)
{
	return file_fail(j->err, j->root, slice_str(j->name), r, what);
}

static int not_a_file(const struct file_job *j)
{
	return fail(j->err, FAULT_BAD_VALUE,
		    "'%s/%s' is no regular file; it is neither read nor replaced", j->root,
		    j->name);
}

/* ---- reading --------------------------------------------------------------------------------- */

static int open_regular(int folder, const char *last, struct stat *ret)
{
	int fd = openat(folder, last, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return -errno;
	if (fstat(fd, ret) == 0)
		return fd;
	int r = -errno;
	(void)close(fd);
	return r;
}

int file_open_beneath(void *arg)
{
	struct file_job *j = arg;
	const char *last;
	int root = open(j->root[0] ? j->root : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int folder = root < 0 ? -errno : beneath_folder(root, j->name, false, &last);
	if (root >= 0)
		(void)close(root);
	int fd = folder < 0 ? folder : open_regular(folder, last, &j->st);
	if (folder >= 0)
		(void)close(folder);
	if (fd < 0)
		return job_fail(j, fd, "open");
	j->fd = fd;
	return S_ISREG(j->st.st_mode) ? 0 : not_a_file(j);
}

/* Up to n bytes at p; how many there were. */
static ssize_t read_full(int fd, char *p, size_t n)
{
	size_t done = 0;
	while (done < n) {
		ssize_t got = read(fd, p + done, n - done);
		if (got < 0 && errno != EINTR)
			return -errno;
		if (got == 0)
			break;
		done += got > 0 ? (size_t)got : 0;
	}
	return (ssize_t)done;
}

int file_read_whole(void *arg)
{
	struct file_job *j = arg;
	char more;
	ssize_t got = read_full(j->fd, j->to, j->room);
	ssize_t beyond = got < 0 ? got : read_full(j->fd, &more, 1);
	if (beyond < 0)
		return job_fail(j, (int)beyond, "read");
	if ((size_t)got < j->room || beyond > 0)
		return fail(j->err, FAULT_TRUNCATED, "'%s/%s' changed while it was read", j->root,
			    j->name);
	checksum_md5((struct slice){ j->to, j->room }, j->md5);
	return 0;
}

static int sum_fd(int fd, uint8_t ret[static MD5_BYTES])
{
	AUTO(freep) char *piece = xmalloc(PIECE);
	AUTO(checksum_done) struct checksum c = { 0 };
	ssize_t got = checksum_init(&c, CHECKSUM_MD5);
	while (got >= 0 && (got = read_full(fd, piece, PIECE)) > 0)
		checksum_add(&c, (struct slice){ piece, (size_t)got });
	if (got < 0)
		return (int)got;
	checksum_end(&c, ret);
	return 0;
}

int file_sum(void *arg)
{
	struct file_job *j = arg;
	int r = sum_fd(j->fd, j->md5);
	return r < 0 ? job_fail(j, r, "read") : 0;
}

/* ---- writing --------------------------------------------------------------------------------- */

static void writing_done(struct writing *w)
{
	if (w->temporary[0])
		(void)unlinkat(w->folder, w->temporary, 0);
	if (w->folder >= 0)
		(void)close(w->folder);
}

static int open_folder(struct writing *w)
{
	int root = beneath_open(w->job->root);
	w->folder = root < 0 ? root : beneath_folder(root, w->job->name, true, &w->last);
	if (root >= 0)
		(void)close(root);
	return w->folder < 0 ? job_fail(w->job, w->folder, "make the folders of") : 0;
}

/* The sum of what stands under the name: 1, or 0 when nothing does; the job's st is its. */
static int look(struct writing *w, uint8_t ret[static MD5_BYTES])
{
	struct file_job *j = w->job;
	if (fstatat(w->folder, w->last, &j->st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : job_fail(j, -errno, "look at");
	if (!S_ISREG(j->st.st_mode))
		return not_a_file(j);
	if (j->put->when == OBJECT_ALWAYS)
		return 1;
	int fd = open_regular(w->folder, w->last, &j->st);
	int r = fd < 0 ? fd : sum_fd(fd, ret);
	if (fd >= 0)
		(void)close(fd);
	return r < 0 ? job_fail(j, r, "read") : 1;
}

static bool is_etag(const uint8_t md5[static MD5_BYTES], struct slice etag)
{
	AUTO(buf_done) struct buf hex = { 0 };
	return checksum_put_hex(md5, MD5_BYTES, &hex) == 0 && slice_eq(buf_slice(&hex), etag);
}

static int stands_there(struct file_job *j)
{
	if (j->err)
		j->err->code = 412;
	return fail(j->err, FAULT_STATUS, "'%s/%s' stands there with other content: %llu bytes",
		    j->root, j->name, (unsigned long long)j->st.st_size);
}

/* May it be written? 1: yes; 0: equal content stands there. */
static int judge(struct writing *w)
{
	struct file_job *j = w->job;
	uint8_t there[MD5_BYTES];
	int r = look(w, there);
	if (r < 0 || j->put->when == OBJECT_ALWAYS)
		return r < 0 ? r : 1;
	if (r == 1 && memcmp(there, j->md5, sizeof there) == 0) {
		j->already = true;
		return 0;
	}
	if (j->put->when == OBJECT_IF_NEW)
		return r == 0 ? 1 : stands_there(j);
	if (r == 1)
		return is_etag(there, j->put->match) ? 1 : stands_there(j);
	if (j->err)
		j->err->code = 412;
	return fail(j->err, FAULT_STATUS, "'%s/%s' is not there any more", j->root, j->name);
}

static int create_temporary(struct writing *w)
{
	int fd = -EEXIST;
	for (int i = 0; i < TRIES && fd == -EEXIST; i++) {
		(void)snprintf(w->temporary, sizeof w->temporary, ".hocket-%016llx.part",
			       (unsigned long long)rand_entropy());
		fd = openat(w->folder, w->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
		fd = fd < 0 ? -errno : fd;
	}
	if (fd < 0)
		w->temporary[0] = 0;
	return fd;
}

static int write_all(int fd, struct slice bytes)
{
	while (bytes.n) {
		ssize_t n = write(fd, bytes.p, bytes.n);
		if (n < 0 && errno != EINTR)
			return -errno;
		bytes = slice_from(bytes, n > 0 ? (size_t)n : 0);
	}
	return fsync(fd) < 0 ? -errno : 0;
}

static int write_temporary(struct writing *w)
{
	struct file_job *j = w->job;
	int fd = create_temporary(w);
	if (fd < 0)
		return job_fail(j, fd, "create a file for");
	int r = write_all(fd, j->put->data);
	r = r == 0 && fstat(fd, &j->st) < 0 ? -errno : r;
	int closed = close_told(fd);
	r = r < 0 ? r : closed;
	return r < 0 ? job_fail(j, r, "write") : 0;
}

/* The temporary file gets a name that nobody has. */
static int name_new(const struct writing *w)
{
	if (renameat2(w->folder, w->temporary, w->folder, w->last, RENAME_NOREPLACE) == 0)
		return 0;
	/* A file system that cannot do that can make a second name; give_name() removes the first. */
	if (errno != EINVAL && errno != ENOSYS)
		return -errno;
	return linkat(w->folder, w->temporary, w->folder, w->last, 0) < 0 ? -errno : 0;
}

static int give_name(struct writing *w)
{
	bool new = w->job->put->when == OBJECT_IF_NEW;
	int r = new ? name_new(w) : renameat(w->folder, w->temporary, w->folder, w->last);
	if (r < 0)
		return new ? r : -errno;
	(void)unlinkat(w->folder, w->temporary, 0);
	w->temporary[0] = 0;
	return 0;
}

static int write_new(struct writing *w)
{
	struct file_job *j = w->job;
	int r = write_temporary(w);
	if (r < 0)
		return r;
	r = give_name(w);
	/* Somebody else was first: his content decides. */
	if (r == -EEXIST && j->put->when == OBJECT_IF_NEW)
		return judge(w);
	if (r == 0 && fsync(w->folder) < 0)
		r = -errno;
	return r < 0 ? job_fail(j, r, "give its name to") : 0;
}

int file_write_beneath(void *arg)
{
	struct file_job *j = arg;
	AUTO(writing_done) struct writing w = { .job = j, .folder = -1 };
	int r = open_folder(&w);
	if (r < 0)
		return r;
	checksum_md5(j->put->data, j->md5);
	r = judge(&w);
	return r == 1 ? write_new(&w) : r;
}
