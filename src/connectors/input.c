/* input.c - blocks from a file or from standard input; is it still the same file?
 *
 * What this room is for: the reading half of every source of lines and rows. Nothing here knows what a line is.
 * What flows through:    bytes, copied once from the kernel into the window and borrowed from there.
 * What must hold:
 *  (1) regular files are read with pread at an offset of our own: a run after a fault begins where it is told to.
 *  (2) the window grows by doubling, so that one huge line costs linear work; it shrinks again afterwards.
 *  (3) the fingerprint "length:hash" is of the file's first bytes, at most 4 KiB, as they were when the first position was
 *      taken. Device and inode would refuse a copied file, the size a growing one; the first bytes do neither. */
#include "connectors/input.h"
#include "base/banned.h"

#include "base/hash.h"
#include <errno.h>
#include <fcntl.h>
#include <hocket/fd.h>
#include <hocket/file.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEAD_BYTES 4096u
#define KEEP_BYTES (4u * INPUT_BLOCK) /* a larger window is given back when it is nearly empty */

const char *input_shown(const struct input *in)
{
	if (!in->path)
		return "stdin";
	const char *slash = strrchr(in->path, '/');
	return slash && slash[1] ? slash + 1 : in->path;
}

int input_open_file(struct input *in, const char *path, struct err *err)
{
	struct stat st;
	*in = (struct input){ .path = path };
	/* Without O_NONBLOCK opening a pipe would wait for its writer on a thread that nobody can cancel. */
	int fd = hk_file_open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);
	if (fd < 0)
		return fail_errno(err, FAULT_IO, fd, "cannot open '%s'", path);
	in->fd = fd;
	in->open = true;
	if (fstat(fd, &st) < 0)
		return fail_errno(err, FAULT_IO, -errno, "cannot look at '%s'", path);
	if (S_ISDIR(st.st_mode))
		return fail(err, FAULT_CONFIG, "'%s' is a folder, not a file", path);
	if (!S_ISREG(st.st_mode))
		return fail(err, FAULT_CONFIG,
			    "'%s' is a pipe or a device; read it with `from: stdin`", path);
	in->regular = true;
	return 0;
}

void input_open_stdin(struct input *in)
{
	struct stat st;
	*in = (struct input){ .fd = STDIN_FILENO, .open = true };
	in->regular = fstat(STDIN_FILENO, &st) == 0 && S_ISREG(st.st_mode);
	/* `hocket run < file`, where something may have read the first lines already. */
	off_t at = in->regular ? lseek(STDIN_FILENO, 0, SEEK_CUR) : 0;
	in->read = at > 0 ? (uint64_t)at : 0;
}

void input_close(struct input *in)
{
	if (in->open && in->path)
		(void)close(
			in->fd); /* only read: nothing can be lost; never parks, so a cancelled task may */
	buf_done(&in->window);
	*in = (struct input){ 0 };
}

/* ---- the window ------------------------------------------------------------------------------ */

struct slice input_peek(const struct input *in)
{
	ASSERT(in->used <= in->window.n);
	if (!in->window.p)
		return (struct slice){ 0 };
	return (struct slice){ in->window.p + in->used, in->window.n - in->used };
}

void input_skip(struct input *in, size_t n)
{
	ASSERT(n <= in->window.n - in->used);
	in->used += n;
}

uint64_t input_offset(const struct input *in)
{
	ASSERT(in->read >= in->window.n - in->used);
	return in->read - (in->window.n - in->used);
}

void input_seek(struct input *in, uint64_t offset)
{
	ASSERT(in->regular);
	buf_clear(&in->window);
	in->used = 0;
	in->read = offset;
	in->ended = false;
}

static void compact(struct input *in)
{
	buf_consume(&in->window, in->used);
	in->used = 0;
	if (in->window.cap <= KEEP_BYTES || in->window.n > INPUT_BLOCK)
		return;
	struct buf less = { .max = in->window.max };
	if (buf_add(&less, buf_slice(&in->window)) < 0) {
		buf_done(&less);
		return;
	}
	buf_done(&in->window);
	in->window = less;
}

static ssize_t read_block(struct input *in, void *to, size_t n) SUSPENDS
{
	return in->regular ? hk_file_read(in->fd, to, n, (off_t)in->read) : hk_read(in->fd, to, n);
}

/* Told at the first bytes, once, instead of as a million bad lines. */
static int check_head(struct input *in, struct err *err)
{
	struct slice head = input_peek(in);
	if (slice_starts(head, S("\xff\xfe")) || slice_starts(head, S("\xfe\xff")))
		return fail(err, FAULT_CONFIG,
			    "'%s' is UTF-16; convert it first: iconv -f utf-16 -t utf-8",
			    input_shown(in));
	if (slice_starts(head, S("\x1f\x8b")) || slice_starts(head, S("\x28\xb5\x2f\xfd")))
		return fail(err, FAULT_CONFIG,
			    "'%s' is compressed; unpack it first, or pipe it in with `from: stdin`",
			    input_shown(in));
	if (slice_starts(head, S("\xef\xbb\xbf")))
		input_skip(in, 3);
	return 0;
}

int input_more(struct input *in, size_t most, struct err *err)
{
	bool first = in->read == 0;
	if (in->ended)
		return 0;
	compact(in);
	size_t held = in->window.n;
	if (held >= most)
		return fail(err, FAULT_TOO_LARGE, "more than %zu bytes without an end", most);
	size_t want = held < INPUT_BLOCK ? INPUT_BLOCK : held;
	want = want < most - held ? want : most - held;
	in->window.max = most;
	int r = buf_reserve(&in->window, want);
	if (r < 0)
		return fail_errno(err, FAULT_IO, r, "cannot hold a block of '%s'", input_shown(in));
	ssize_t n = read_block(in, in->window.p + held, want);
	if (n < 0)
		return fail_errno(err, FAULT_IO, (int)n, "cannot read '%s'", input_shown(in));
	in->ended = n == 0;
	buf_added(&in->window, (size_t)n);
	in->read += (uint64_t)n;
	if (first && n > 0 && check_head(in, err) < 0)
		return -1;
	return n > 0;
}

int input_skip_line(struct input *in, struct err *err)
{
	for (;;) {
		struct slice rest = input_peek(in);
		const char *end = rest.n ? memchr(rest.p, '\n', rest.n) : NULL;
		input_skip(in, end ? (size_t)(end - rest.p) + 1 : rest.n);
		if (end)
			return 1;
		int more = input_more(in, INPUT_BLOCK, err);
		if (more <= 0)
			return more;
	}
}

/* ---- which file is this? --------------------------------------------------------------------- */

static int fingerprint(struct input *in, size_t n, struct buf *out, struct err *err) SUSPENDS
{
	char head[HEAD_BYTES];
	ASSERT(n <= sizeof(head));
	ssize_t got = hk_file_read(in->fd, head, n, 0);
	if (got < 0)
		return fail_errno(err, FAULT_IO, (int)got, "cannot read '%s'", in->path);
	uint64_t h = hash_end(hash_add(HASH_START, (struct slice){ head, (size_t)got }));
	if (buf_printf(out, "%zd:%016" PRIx64, got, h) < 0)
		return fail(err, FAULT_IO, "out of memory");
	return 0;
}

static int refuse_other(const struct input *in, const char *why, struct err *err)
{
	return fail(err, FAULT_CONFIG,
		    "'%s' %s since it was read last; --fresh starts over from its beginning",
		    in->path, why);
}

/* A last line without a newline was taken as whole; if it has grown since, its rest is nobody's record. */
static int check_cut(struct input *in, uint64_t offset, uint64_t size, struct err *err) SUSPENDS
{
	char around[2];
	if (offset == 0 || offset >= size)
		return 0;
	ssize_t n = hk_file_read(in->fd, around, sizeof(around), (off_t)offset - 1);
	if (n < 0)
		return fail_errno(err, FAULT_IO, (int)n, "cannot read '%s'", in->path);
	if (n == 2 && around[0] != '\n' && around[1] != '\n' && around[1] != '\r')
		return refuse_other(in, "has got more text on the line that was its last", err);
	return 0;
}

static int check_same(struct input *in, const struct position *from, struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf now = { 0 };
	struct slice then = from->base ? text_slice(from->base) : S("");
	struct slice length, rest;
	struct stat st;
	int64_t n;
	if (!slice_cut(then, ':', &length, &rest) || units_int(length, &n) < 0 || n < 0 ||
	    n > HEAD_BYTES)
		return fail(err, FAULT_CONFIG, "the saved position in '%s' makes no sense: '%.*s'",
			    in->path, SLICE(then));
	if (fstat(in->fd, &st) < 0)
		return fail_errno(err, FAULT_IO, -errno, "cannot look at '%s'", in->path);
	if ((uint64_t)st.st_size < from->offset)
		return refuse_other(in, "has become shorter", err);
	if (fingerprint(in, (size_t)n, &now, err) < 0)
		return -1;
	if (!slice_eq(buf_slice(&now), then))
		return refuse_other(in, "has changed at its beginning", err);
	return check_cut(in, from->offset, (uint64_t)st.st_size, err);
}

int input_begin(struct input *in, const struct position *from, struct text **base, struct err *err)
{
	AUTO(buf_done) struct buf print = { 0 };
	*base = NULL;
	if (!in->path)
		return 0; /* standard input goes on where it is */
	if (from && check_same(in, from, err) < 0)
		return -1;
	if (!from && fingerprint(in, HEAD_BYTES, &print, err) < 0)
		return -1;
	input_seek(in, from ? from->offset : 0);
	*base = from ? text_ref(from->base) : text_new(buf_slice(&print));
	return 0;
}
