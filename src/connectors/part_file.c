/* part_file.c - .part files, receipts and the rename at the end
 *
 * What this room is for: "partial outputs must not look whole" and "cut back to the receipt", written once.
 * What flows through:    bytes to one file, at offsets of our own (pwrite); a receipt out of each sync.
 * What must hold:
 *  (1) PATH is only touched by append, by the rename in finish, and by taking that back: until then an older output stays
 *      readable.
 *  (2) a crash between rename and the engine's "finished" finds PATH with our inode and length: it is renamed back to
 *      .part, so that going on (or finishing once more) loses nothing, however often that happens.
 *  (3) two programs never write one file: the .part is locked (flock) while it is open. */
#include "connectors/part_file.h"
#include "base/banned.h"
#include "base/json.h"
#include <errno.h>
#include <fcntl.h>
#include <hocket/file.h>
#include <hocket/offload.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

const char *const part_modes[] = { "replace", "append", "new", NULL };

void part_file_open(struct part_file *f, const char *path, enum part_mode mode)
{
	*f = (struct part_file){ .path = path, .mode = mode, .fd = -1 };
	AUTO(buf_done) struct buf name = { 0 };
	const char *suffix = mode == PART_APPEND ? "" : ".part";
	/* PATH_MAX is far below a buffer's ceiling. */
	int r = buf_printf(&name, "%s%s", path, suffix);
	ASSERT(r == 0);
	f->part = xstrndup(name.p, name.n);
}

void part_file_close(struct part_file *f)
{
	if (f->open)
		(void)close(f->fd); /* all that counts was synced; a cancelled task may close too */
	freep(&f->part);
	*f = (struct part_file){ .fd = -1 };
}

/* ---- resume ---------------------------------------------------------------------------------- */

static int fail_file(const struct part_file *f, struct err *err, int why, const char *doing)
{
	return fail_errno(err, FAULT_IO, why, "cannot %s '%s'", doing, f->part);
}

static int open_part(struct part_file *f, int flags, struct err *err) SUSPENDS
{
	struct stat st;
	int fd = hk_file_open(f->part, O_RDWR | O_CLOEXEC | flags, 0666);
	if (fd < 0)
		return fail_file(f, err, fd, "write to");
	f->fd = fd;
	f->open = true;
	if (fstat(fd, &st) < 0)
		return fail_file(f, err, -errno, "look at");
	if (!S_ISREG(st.st_mode))
		return fail(err, FAULT_CONFIG,
			    "'%s' is not a regular file; to write to a pipe use `to: stdout`",
			    f->part);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
		return fail(err, FAULT_CONFIG, "'%s' is being written by another program", f->part);
	f->inode = st.st_ino;
	f->highest = (uint64_t)st.st_size;
	return 0;
}

static int sync_folder(const struct part_file *f, struct err *err) SUSPENDS
{
	const char *slash = strrchr(f->path, '/');
	AUTO(freep) char *folder = NULL;
	if (slash)
		folder = xstrndup(f->path, slash == f->path ? 1 : (size_t)(slash - f->path));
	int r = hk_folder_sync(folder ? folder : ".");
	return r < 0 ? fail_errno(err, FAULT_IO, r, "cannot make '%s' durable", f->path) : 0;
}

static int cut_to(struct part_file *f, uint64_t length, struct err *err) SUSPENDS
{
	int r = f->highest > length ? hk_file_truncate(f->fd, (off_t)length) : 0;
	if (r < 0)
		return fail_file(f, err, r, "cut");
	f->length = f->written = f->highest = length;
	return 0;
}

static int put_receipt(const struct part_file *f, struct buf *receipt, struct err *err)
{
	buf_clear(receipt);
	int r = buf_printf(receipt, "{\"length\":%" PRIu64 ",\"inode\":%" PRIu64 "}", f->length,
			   f->inode);
	return r < 0 ? fail_errno(err, FAULT_IO, r, "cannot keep the receipt of '%s'", f->part) : 0;
}

static int read_receipt(const struct part_file *f, struct slice receipt, uint64_t *length,
			uint64_t *inode, struct err *err)
{
	struct slice a, b;
	int64_t n = -1, i = -1;
	if (json_check(receipt, NULL) < 0 || !json_field(receipt, S("length"), &a) ||
	    !json_field(receipt, S("inode"), &b) || units_int(a, &n) < 0 || units_int(b, &i) < 0 ||
	    n < 0)
		return fail(
			err, FAULT_CONFIG,
			"the state's receipt for '%s' makes no sense: '%.*s'; --fresh starts over",
			f->path, SLICE(slice_head(receipt, 80)));
	*length = (uint64_t)n;
	*inode = (uint64_t)i;
	return 0;
}

/* The .part is gone: either finish renamed it and a crash came before that was noted, or somebody took it away. It is renamed
 * back, in one step: a copy could be cut off by the next crash, and would not be the file that the receipt names. */
static int take_back(struct part_file *f, uint64_t length, uint64_t inode, struct err *err) SUSPENDS
{
	struct stat st;
	if (stat(f->path, &st) < 0 || (uint64_t)st.st_ino != inode ||
	    (uint64_t)st.st_size != length)
		return fail(
			err, FAULT_CONFIG,
			"'%s', which an unfinished run was writing, is gone; --fresh starts over",
			f->part);
	int r = hk_file_rename(f->path, f->part);
	return r < 0 ? fail_errno(err, FAULT_IO, r, "cannot rename '%s' to '%s'", f->path, f->part)
		     : 0;
}

static int resume_again(struct part_file *f, struct slice receipt, struct err *err) SUSPENDS
{
	uint64_t length = 0, inode = 0;
	struct stat st;
	if (read_receipt(f, receipt, &length, &inode, err) < 0)
		return -1;
	if (stat(f->part, &st) < 0 && take_back(f, length, inode, err) < 0)
		return -1;
	if (open_part(f, 0, err) < 0)
		return -1;
	if (f->highest < length)
		return fail(err, FAULT_IO,
			    "'%s' has %" PRIu64 " bytes, but %" PRIu64
			    " were committed; somebody has cut it. "
			    "--fresh starts over",
			    f->part, f->highest, length);
	return cut_to(f, length, err);
}

static int resume_first(struct part_file *f, struct err *err) SUSPENDS
{
	struct stat st;
	if (f->mode == PART_NEW && stat(f->path, &st) == 0)
		return fail(
			err, FAULT_CONFIG,
			"'%s' exists already; `mode: replace` or `mode: append` would write to it",
			f->path);
	if (stat(f->path, &st) == 0 && S_ISDIR(st.st_mode))
		return fail(err, FAULT_CONFIG, "'%s' is a folder", f->path);
	/* Its name must be no less durable than the receipt that will speak of it. */
	if (open_part(f, O_CREAT, err) < 0 || sync_folder(f, err) < 0)
		return -1;
	return cut_to(f, f->mode == PART_APPEND ? f->highest : 0, err);
}

static int check_last_line(struct part_file *f, struct err *err) SUSPENDS
{
	char last;
	if (f->length == 0)
		return 0;
	ssize_t n = hk_file_read(f->fd, &last, 1, (off_t)f->length - 1);
	if (n < 0)
		return fail_file(f, err, (int)n, "read");
	f->newline = n == 1 && last != '\n';
	return 0;
}

int part_file_resume(struct part_file *f, struct resumption *r, struct err *err)
{
	bool again = !r->first && r->receipt.n > 0;
	int done = again ? resume_again(f, buf_slice(&r->receipt), err) : resume_first(f, err);
	if (done < 0 || check_last_line(f, err) < 0)
		return -1;
	return put_receipt(f, &r->receipt, err);
}

/* ---- rounds ---------------------------------------------------------------------------------- */

void part_file_begin(struct part_file *f)
{
	ASSERT(f->open);
	f->written = f->length;
}

static int write_at_end(struct part_file *f, struct slice bytes, struct err *err) SUSPENDS
{
	if (bytes.n == 0)
		return 0;
	/* Counted before: a failed write may have left some of it. */
	if (f->written + bytes.n > f->highest)
		f->highest = f->written + bytes.n;
	ssize_t n = hk_file_write(f->fd, bytes.p, bytes.n, (off_t)f->written);
	if (n < 0)
		return fail_file(f, err, (int)n, "write to");
	f->written += bytes.n;
	return 0;
}

int part_file_write(struct part_file *f, struct slice bytes, struct err *err)
{
	ASSERT(f->open && f->written >= f->length);
	if (f->newline && bytes.n && f->written == f->length && write_at_end(f, S("\n"), err) < 0)
		return -1;
	return write_at_end(f, bytes, err);
}

int part_file_sync(struct part_file *f, struct buf *receipt, struct err *err)
{
	int r = 0;
	if (f->written > f->length) {
		if (f->highest > f->written)
			r = hk_file_truncate(f->fd, (off_t)f->written);
		r = r < 0 ? r : hk_file_sync(f->fd);
		if (r < 0)
			return fail_file(f, err, r, "write to");
		f->length = f->highest = f->written;
		f->newline = false;
	}
	return put_receipt(f, receipt, err);
}

/* ---- the end --------------------------------------------------------------------------------- */

struct rename_job {
	const char *from, *to;
	bool over; /* what stands there */
};

/* `new` must not lose a race for the name; file systems without RENAME_NOREPLACE were checked at resume. */
static int rename_job(void *arg)
{
	const struct rename_job *job = arg;
	if (!job->over) {
		if (renameat2(AT_FDCWD, job->from, AT_FDCWD, job->to, RENAME_NOREPLACE) == 0)
			return 0;
		if (errno != EINVAL && errno != ENOSYS)
			return -errno;
	}
	return rename(job->from, job->to) < 0 ? -errno : 0;
}

static int rename_part(struct part_file *f, struct err *err) SUSPENDS
{
	struct rename_job job = { f->part, f->path, f->mode == PART_REPLACE };
	int r = hk_offload(rename_job, &job);
	if (r == -EEXIST)
		return fail(err, FAULT_CONFIG,
			    "'%s' was made by somebody else meanwhile; the output is '%s'", f->path,
			    f->part);
	if (r < 0)
		return fail_errno(err, FAULT_IO, r, "cannot rename '%s' to '%s'", f->part, f->path);
	return 0;
}

int part_file_finish(struct part_file *f, struct err *err)
{
	ASSERT(f->open);
	if (cut_to(f, f->length, err) < 0)
		return -1;
	int r = hk_file_sync(f->fd);
	if (r < 0)
		return fail_file(f, err, r, "write to");
	if (f->mode != PART_APPEND && rename_part(f, err) < 0)
		return -1;
	return sync_folder(f, err);
}
