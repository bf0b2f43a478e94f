/* part_file.c - .part files, receipts and the rename at the end
 *
 * What this room is for: "partial outputs must not look whole" and "cut back to the receipt", written once.
 * What flows through:    bytes to one file, at offsets of our own (pwrite); a receipt out of each sync.
 * What must hold:
 *  (1) PATH is only touched by append, by the rename in finish, and by taking that back: until then an older output stays
 *      readable.
 *  (2) a crash between rename and the engine's "finished" finds PATH as the receipt knows it: it is renamed back to
 *      .part, so that going on (or finishing once more) loses nothing, however often that happens.
 *  (3) two programs never write one file: the .part is locked (flock) while it is open.
 *  (4) what a finished run made is added to in a copy, as long as it is as that run left it: its length and the hash of its
 *      last bytes say so. The inode may differ (a backup, another machine), and so may what an editor changed in the middle. */
#include "connectors/files/part_file.h"
#include "base/banned.h"
#include "base/json.h"
#include <errno.h>
#include <fcntl.h>
#include <hocket/file.h>
#include <hocket/offload.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define COPY_BYTES (1u << 20)

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
	int r = hk_name_sync(f->path);
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

/* ---- receipts -------------------------------------------------------------------------------- */

struct receipt {
	struct part_proof file;
	uint64_t inode;
	struct part_proof over;
	bool whole, endless; /* endless: it gets its name with its first rows */
};

struct proof_job {
	int fd;
	/* Not NULL: all of what stands there, or, with an inode, its first `length` bytes if it has that */
	const char *path;
	uint64_t length, inode;
	struct part_proof *ret;
};

static int proof_of_inode(const struct proof_job *job)
{
	struct stat st;
	int fd = open(job->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	int r = fstat(fd, &st) < 0 ? -errno : (uint64_t)st.st_ino == job->inode ? 0 : -ENOENT;
	r = r < 0 ? r : proof_of(fd, job->length, job->ret);
	(void)close(fd); /* only read */
	return r;
}

static int proof_job(void *arg)
{
	struct proof_job *job = arg;
	if (job->inode)
		return proof_of_inode(job);
	return job->path ? proof_at(AT_FDCWD, job->path, job->ret)
			 : proof_of(job->fd, job->length, job->ret);
}

static int prove(int fd, uint64_t length, struct part_proof *ret) SUSPENDS
{
	struct proof_job job = { .fd = fd, .length = length, .ret = ret };
	return hk_offload(proof_job, &job);
}

static int prove_path(const char *path, struct part_proof *ret) SUSPENDS
{
	struct proof_job job = { .path = path, .ret = ret };
	return hk_offload(proof_job, &job);
}

/* It got its name with its first rows, and a crash came before the receipt of these was saved. */
static bool was_published(const struct part_file *f, const struct receipt *was) SUSPENDS
{
	struct part_proof now;
	struct proof_job job = {
		.path = f->path, .length = was->file.length, .inode = was->inode, .ret = &now
	};
	return hk_offload(proof_job, &job) == 0 && proof_same(&now, &was->file);
}

static int put_receipt(const struct part_file *f, struct buf *receipt, struct err *err) SUSPENDS
{
	struct part_proof now;
	int r = prove(f->fd, f->length, &now);
	if (r < 0)
		return fail_file(f, err, r, "read back from");
	buf_clear(receipt);
	r = buf_printf(receipt, "{\"inode\":%" PRIu64 ",", f->inode);
	r = r < 0 ? r : proof_put(&now, receipt);
	if (f->whole)
		r = r < 0 ? r : buf_add(receipt, S(",\"whole\":true"));
	else if (f->endless)
		r = r < 0 ? r : buf_add(receipt, S(",\"endless\":true"));
	if (f->over.known) {
		r = r < 0 ? r : buf_add(receipt, S(",\"over\":{"));
		r = r < 0 ? r : proof_put(&f->over, receipt);
		r = r < 0 ? r : buf_add_char(receipt, '}');
	}
	r = r < 0 ? r : buf_add_char(receipt, '}');
	return r < 0 ? fail_errno(err, FAULT_IO, r, "cannot keep the receipt of '%s'", f->part) : 0;
}

static int read_receipt(const struct part_file *f, struct slice text, struct receipt *ret,
			struct err *err)
{
	struct slice over, word;
	*ret = (struct receipt){ .whole = json_field(text, S("whole"), &word),
				 .endless = json_field(text, S("endless"), &word) };
	if (json_check(text, NULL) == 0 && proof_number(text, "inode", &ret->inode) &&
	    proof_get(text, &ret->file) &&
	    (!json_field(text, S("over"), &over) || proof_get(over, &ret->over)))
		return 0;
	return fail(err, FAULT_CONFIG,
		    "the state's receipt for '%s' makes no sense: '%.*s'; --fresh starts over",
		    f->path, SLICE(slice_head(text, 80)));
}

/* From now on, PATH itself. */
static void write_to_path(struct part_file *f)
{
	free(f->part);
	f->part = xstrndup(f->path, strlen(f->path));
	f->whole = true;
}

/* The .part is gone: it has its name already, or finish renamed it and a crash came before that was noted, or somebody took it away. It is renamed
 * back, in one step: a copy could be cut off by the next crash, and would not be the file that the receipt names. */
static int take_back(struct part_file *f, const struct receipt *was, bool stopped,
		     struct err *err) SUSPENDS
{
	struct stat st;
	struct part_proof now;
	bool ours = prove_path(f->path, &now) == 0 && proof_same(&now, &was->file);
	ours |= was->whole; /* it stood there all the time; its bytes are looked at next */
	ours |= was->endless && was->file.length > 0 && was_published(f, was);
	/* Where nothing was committed, finish may have written a header: then, as with old receipts, only the inode tells. */
	if (!was->whole && (was->file.length == 0 || !was->file.hashed))
		ours = stat(f->path, &st) == 0 && (uint64_t)st.st_ino == was->inode &&
		       (ours || was->file.length == 0);
	if (!ours)
		return fail(
			err, FAULT_CONFIG,
			"'%s', which an unfinished run was writing, is gone; --fresh starts over",
			f->part);
	if (f->endless && (was->whole || stopped)) { /* stopped: its first rows are a replay's */
		write_to_path(f);
		return 0;
	}
	int r = hk_file_rename(f->path, f->part);
	return r < 0 ? fail_errno(err, FAULT_IO, r, "cannot rename '%s' to '%s'", f->path, f->part)
		     : 0;
}

/* `stopped`: then we have left nothing behind the receipt, and what others have appended since is theirs. */
static int resume_again(struct part_file *f, struct slice receipt, bool stopped,
			struct err *err) SUSPENDS
{
	struct receipt was;
	struct part_proof now;
	struct stat st;
	if (read_receipt(f, receipt, &was, err) < 0)
		return -1;
	if (stat(f->part, &st) < 0 && take_back(f, &was, stopped, err) < 0)
		return -1;
	if (open_part(f, 0, err) < 0)
		return -1;
	if (f->highest < was.file.length)
		return fail(err, FAULT_IO,
			    "'%s' has %" PRIu64 " bytes, but %" PRIu64
			    " were committed; somebody has cut it. "
			    "--fresh starts over",
			    f->part, f->highest, was.file.length);
	int r = prove(f->fd, was.file.length, &now);
	if (r < 0)
		return fail_file(f, err, r, "read");
	if (!proof_same(&now, &was.file))
		return fail(err, FAULT_IO,
			    "'%s' is not as the unfinished run left it; somebody has changed it. "
			    "--fresh starts over",
			    f->part);
	f->over = was.over;
	bool direct = f->mode == PART_APPEND || f->whole || was.whole;
	bool theirs = stopped && direct && f->highest > was.file.length;
	f->own = !theirs;
	return cut_to(f, theirs ? f->highest : was.file.length, err);
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
	if (stat(f->path, &st) == 0 && !S_ISREG(st.st_mode))
		return fail(
			err, FAULT_CONFIG,
			"'%s' is not a regular file, and would be replaced by one (into a pipe: "
			"`to: stdout`)",
			f->path);
	/* Its name must be no less durable than the receipt that will speak of it. */
	if (open_part(f, O_CREAT, err) < 0 || sync_folder(f, err) < 0)
		return -1;
	return cut_to(f, f->mode == PART_APPEND ? f->highest : 0, err);
}

/* Appending to a file that ends as our last run left it. */
static int resume_append(struct part_file *f, struct slice receipt, struct err *err) SUSPENDS
{
	struct receipt was;
	struct part_proof now;
	if (resume_first(f, err) < 0)
		return -1;
	if (receipt.n == 0 || read_receipt(f, receipt, &was, NULL) < 0)
		return 0;
	int r = prove(f->fd, f->length, &now);
	if (r < 0)
		return fail_file(f, err, r, "read");
	f->own = proof_same(&now, &was.file);
	return 0;
}

/* ---- adding to what a finished run made ---- */

struct copy_job {
	const char *from;
	int to;
	uint64_t length; /* of it, at most; then: how much it was */
};

static int copy_blocks(int from, struct copy_job *job)
{
	AUTO(freep) char *block = xcalloc(1, COPY_BYTES);
	uint64_t at = 0;
	while (at < job->length) {
		uint64_t left = job->length - at;
		ssize_t n = pread(from, block, left < COPY_BYTES ? left : COPY_BYTES, (off_t)at);
		if (n <= 0) {
			job->length = at;
			return n < 0 ? -errno : 0;
		}
		ssize_t put = pwrite(job->to, block, (size_t)n, (off_t)at);
		if (put < 0)
			return -errno;
		at += (uint64_t)put;
	}
	return 0;
}

static int copy_job(void *arg)
{
	struct copy_job *job = arg;
	int from = open(job->from, O_RDONLY | O_CLOEXEC);
	if (from < 0)
		return -errno;
	int r = copy_blocks(from, job);
	(void)close(from); /* only read */
	return r == 0 && fsync(job->to) < 0 ? -errno : r;
}

/* A copy, so that what the finished run made can be read until there is more of it; the receipt vouches for so much. */
static int take_over(struct part_file *f, struct slice receipt, struct err *err) SUSPENDS
{
	struct receipt was = { .file.length = UINT64_MAX };
	if (receipt.n && read_receipt(f, receipt, &was, err) < 0)
		return -1;
	if (f->endless && receipt.n) { /* it stands as that run left it: stands() was asked */
		write_to_path(f);
		return open_part(f, 0, err) < 0 ? -1 : cut_to(f, f->highest, err);
	}
	if (open_part(f, O_CREAT, err) < 0 || cut_to(f, 0, err) < 0)
		return -1;
	int r = prove_path(f->path, &f->over);
	if (r == -ENOENT && receipt.n == 0)
		return sync_folder(f, err); /* nothing is there yet */
	struct copy_job job = { .from = f->path, .to = f->fd, .length = was.file.length };
	r = r < 0 ? r : hk_offload(copy_job, &job);
	if (r < 0)
		return fail_errno(err, FAULT_IO, r, "cannot copy '%s' to '%s'", f->path, f->part);
	if (receipt.n && job.length < was.file.length)
		return fail(err, FAULT_IO, "'%s' has become shorter; --fresh starts over", f->path);
	f->length = f->written = f->highest = job.length;
	return sync_folder(f, err);
}

/* A replay behind a run with an end that was stopped: its rows are in the .part, and only that run can make it whole. */
static int check_left(const struct part_file *f, const struct resumption *r, struct err *err)
{
	struct receipt was;
	struct stat st;
	if (!r->beside || !r->stopped || f->mode == PART_APPEND || r->receipt.n == 0)
		return 0;
	if (read_receipt(f, buf_slice(&r->receipt), &was, err) < 0)
		return -1;
	if (was.file.length == 0 || stat(f->part, &st) < 0)
		return 0;
	if (was.whole && stat(f->path, &st) == 0) /* else a run took it back, and was killed */
		return 0;
	return fail(err, FAULT_CONFIG,
		    "what the stopped run wrote to '%s' is not whole yet: 'hocket run --once' "
		    "finishes that first, then its dead letters can be sent again",
		    f->part);
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
	int done;
	if (r->more && check_left(f, r, err) < 0)
		return -1;
	if (r->more && f->mode == PART_APPEND)
		done = resume_append(f, buf_slice(&r->receipt), err);
	else if (r->more)
		done = take_over(f, r->beside ? S("") : buf_slice(&r->receipt), err);
	else if (!r->more && !r->first && r->receipt.n)
		done = resume_again(f, buf_slice(&r->receipt), r->stopped, err);
	else
		done = resume_first(f, err);
	if (done < 0 || (!f->packed && check_last_line(f, err) < 0))
		return -1;
	return put_receipt(f, &r->receipt, err);
}

/* Where its name ends: for people. */
static const char *shown(const struct part_file *f)
{
	const char *slash = strrchr(f->path, '/');
	return slash && slash[1] ? slash + 1 : f->path;
}

int part_file_stands(struct part_file *f, struct slice receipt, struct err *why)
{
	struct receipt was;
	struct part_proof now = { 0 };
	if (f->mode == PART_APPEND)
		return 1;
	if (read_receipt(f, receipt, &was, why) < 0)
		return 0;
	int r = prove_path(f->path, &now);
	if (r < 0 && r != -ENOENT && r != -ENODATA)
		return fail_errno(why, FAULT_IO, r, "cannot read '%s'", f->path);
	/* What finish puts into a file without rows is in no receipt: a header at most. */
	if (r == 0 && (was.file.length == 0 || proof_same(&now, &was.file)))
		return 1;
	if (r == -ENOENT)
		fail(why, FAULT_CONFIG, "'%s' is gone", shown(f));
	else
		proof_tell_other(shown(f), &was.file, &now, why);
	return 0;
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

/* ---- its name, and the end --------------------------------------------------------------------- */

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

/* What the output was taken over from still stands at PATH. */
static bool over_own(const struct part_file *f) SUSPENDS
{
	struct part_proof now;
	return f->over.known && prove_path(f->path, &now) == 0 && proof_same(&now, &f->over);
}

static int rename_part(struct part_file *f, struct err *err) SUSPENDS
{
	struct rename_job job = { f->part, f->path, f->mode == PART_REPLACE || over_own(f) };
	int r = hk_offload(rename_job, &job);
	if (r == -EEXIST)
		return fail(err, FAULT_CONFIG,
			    "'%s' was made by somebody else meanwhile; the output is '%s'", f->path,
			    f->part);
	if (r < 0)
		return fail_errno(err, FAULT_IO, r, "cannot rename '%s' to '%s'", f->part, f->path);
	return 0;
}

/* Who reads it from now on sees what is committed, and maybe more; a crash before the receipt is saved takes it back. */
static int publish(struct part_file *f, struct err *err) SUSPENDS
{
	if (rename_part(f, err) < 0)
		return -1;
	write_to_path(f);
	return sync_folder(f, err);
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
	if (f->endless && !f->whole && f->mode != PART_APPEND && f->length > 0 &&
	    publish(f, err) < 0)
		return -1;
	return put_receipt(f, receipt, err);
}

int part_file_finish(struct part_file *f, struct err *err)
{
	ASSERT(f->open);
	if (cut_to(f, f->length, err) < 0)
		return -1;
	int r = hk_file_sync(f->fd);
	if (r < 0)
		return fail_file(f, err, r, "write to");
	if (f->mode != PART_APPEND && !f->whole && rename_part(f, err) < 0)
		return -1;
	return sync_folder(f, err);
}
