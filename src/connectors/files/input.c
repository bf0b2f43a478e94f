/* input.c - blocks from a file or from standard input; is it still the same file?
 *
 * What this room is for: the reading half of every source of lines and rows. Nothing here knows what a line is.
 * What flows through:    bytes, copied once from the kernel into the window and borrowed from there.
 * What must hold:
 *  (1) regular files are read with pread at an offset of our own: a run after a fault begins where it is told to.
 *  (2) the window grows by doubling, so that one huge line costs linear work; it shrinks again afterwards.
 *  (3) the fingerprint "length:hash end:length:hash" is of the file's first bytes, at most 4 KiB, as they were when the first
 *      position was taken, and of the text before `end`, at most 1 KiB; `end` is at a position, or less than 16 KiB before it.
 *      Device and inode would refuse a copied file, the size a growing one; these bytes do neither. What they do not show: an
 *      edit further up that leaves the length of all before the position as it was.
 *  (4) what is done behind the position, as `order: any` has it, is proven by the position behind the last of it, just so: a file with
 *      other content is noticed before anything of it is passed over.
 *  (5) of a compressed file the head is of the file, everything else of the text in it. */
#include "connectors/files/input.h"
#include "base/banned.h"

#include "base/hash.h"
#include <errno.h>
#include <fcntl.h>
#include <hocket/fd.h>
#include <hocket/file.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEAD_BYTES  4096u
#define KEEP_BYTES  (4u * INPUT_BLOCK) /* a larger window is given back when it is nearly empty */
#define PROOF_BYTES 1024u
#define PROOF_EVERY (16u << 10)

const char *input_shown(const struct input *in)
{
	if (!in->path)
		return "stdin";
	const char *slash = strrchr(in->path, '/');
	return slash && slash[1] ? slash + 1 : in->path;
}

/* By what the option says, else the name, else the first bytes. */
static int open_packing(struct input *in, enum packing packing, struct err *err) SUSPENDS
{
	char head[4];
	if (packing == PACKING_AUTO)
		packing = packing_of_name(slice_str(in->path));
	else if (packing == PACKING_NONE)
		return 0;
	ssize_t n = packing == PACKING_NONE ? hk_file_read(in->fd, head, sizeof(head), 0) : 0;
	if (n < 0)
		return fail_errno(err, FAULT_IO, (int)n, "cannot read '%s'", in->path);
	if (packing == PACKING_NONE)
		packing = packing_of_head((struct slice){ head, (size_t)n });
	if (packing == PACKING_NONE)
		return 0;
	in->unpack = unpack_new(in->fd, packing);
	return in->unpack ? 0 : fail(err, FAULT_IO, "out of memory");
}

int input_open_file(struct input *in, const char *path, enum packing packing, struct err *err)
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
	return open_packing(in, packing, err);
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
	unpack_free(in->unpack);
	text_unref(in->base);
	buf_done(&in->window);
	buf_done(&in->head);
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
	in->last_line = 0;
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

/* n bytes of the text at an offset, fewer at its end; -1 */
static ssize_t read_text(struct input *in, void *to, size_t n, uint64_t at,
			 struct err *err) SUSPENDS
{
	if (in->unpack)
		return unpack_read(in->unpack, to, n, at, in->path, err);
	ssize_t got = in->regular ? hk_file_read(in->fd, to, n, (off_t)at) : hk_read(in->fd, to, n);
	return got < 0 ? fail_errno(err, FAULT_IO, (int)got, "cannot read '%s'", input_shown(in))
		       : got;
}

/* Told at the first bytes, once, instead of as a million bad lines. */
static int check_head(struct input *in, struct err *err)
{
	struct slice head = input_peek(in);
	if (slice_starts(head, S("\xff\xfe")) || slice_starts(head, S("\xfe\xff")))
		return fail(err, FAULT_CONFIG,
			    "'%s' is UTF-16; convert it first: iconv -f utf-16 -t utf-8",
			    input_shown(in));
	if (packing_of_head(head) != PACKING_NONE ||
	    slice_starts(head, S("\xfd"
				 "7zXZ")) ||
	    slice_starts(head, S("BZh9")))
		return fail(err, FAULT_CONFIG, "'%s' is compressed; unpack it on the way: %s",
			    input_shown(in),
			    in->path ? "xz -dc FILE | hocket run ... with `from: stdin`"
				     : "zcat FILE | hocket run ...");
	if (slice_starts(head, S("\xef\xbb\xbf")))
		input_skip(in, 3);
	return 0;
}

static char line_end(const struct input *in)
{
	return in->cr ? '\r' : '\n';
}

/* Among the last n bytes of the window. */
static void note_last_line(struct input *in, size_t n)
{
	const char *end = n ? memrchr(in->window.p + in->window.n - n, line_end(in), n) : NULL;
	if (end)
		in->last_line = in->read - (uint64_t)(in->window.p + in->window.n - end - 1);
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
	ssize_t n = read_text(in, in->window.p + held, want, in->read, err);
	if (n < 0)
		return -1;
	in->ended = n == 0 || (in->regular && !in->unpack && (size_t)n < want);
	buf_added(&in->window, (size_t)n);
	in->read += (uint64_t)n;
	note_last_line(in, (size_t)n);
	if (first && n > 0 && check_head(in, err) < 0)
		return -1;
	return n > 0;
}

int input_skip_line(struct input *in, struct err *err)
{
	for (;;) {
		struct slice rest = input_peek(in);
		const char *end = rest.n ? memchr(rest.p, line_end(in), rest.n) : NULL;
		input_skip(in, end ? (size_t)(end - rest.p) + 1 : rest.n);
		if (end)
			return 1;
		int more = input_more(in, INPUT_BLOCK, err);
		if (more <= 0)
			return more;
	}
}

/* ---- which file is this? --------------------------------------------------------------------- */

static int put_hash(struct slice bytes, struct buf *out)
{
	return buf_printf(out, "%zu:%016" PRIx64, bytes.n, hash_end(hash_add(HASH_START, bytes)));
}

static int put_head(struct input *in, size_t n, struct buf *out, struct err *err) SUSPENDS
{
	char head[HEAD_BYTES];
	ASSERT(n <= sizeof(head));
	ssize_t got = hk_file_read(in->fd, head, n, 0);
	if (got < 0)
		return fail_errno(err, FAULT_IO, (int)got, "cannot read '%s'", in->path);
	if (put_hash((struct slice){ head, (size_t)got }, out) < 0)
		return fail(err, FAULT_IO, "out of memory");
	return 0;
}

/* ---- positions ---- */

/* Often enough that a position is never far behind what its base proves, and at the end of what was there. */
static bool wants_proof(const struct input *in, uint64_t at)
{
	if (!in->base || at < in->proven || at - in->proven >= PROOF_EVERY)
		return true;
	return at > in->proven && (at == in->last_line || (in->ended && at == in->read));
}

struct position input_position(struct input *in)
{
	uint64_t at = input_offset(in);
	if (in->path && wants_proof(in, at)) {
		AUTO(buf_done) struct buf text = { .max = 256 };
		size_t n = in->used < PROOF_BYTES ? in->used : PROOF_BYTES;
		struct slice before = { in->window.p + in->used - n, n };
		int r = buf_printf(&text, "%.*s %" PRIu64 ":", SLICE(buf_slice(&in->head)), at);
		r = r < 0 ? r : put_hash(before, &text);
		ASSERT(r == 0); /* far below the ceiling */
		text_unref(in->base);
		in->base = text_new(buf_slice(&text));
		in->proven = at;
	}
	return (struct position){ in->base, at };
}

/* ---- the end ---- */

/* The fingerprint of the beginning, when it is of just so many bytes, need not be read again. */
static int put_beginning(struct input *in, size_t n, struct buf *out, struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf length = { .max = 32 };
	if (buf_printf(&length, "%zu:", n) < 0 ||
	    !slice_starts(buf_slice(&in->head), buf_slice(&length)))
		return put_head(in, n, out, err);
	return buf_add(out, buf_slice(&in->head)) < 0 ? fail(err, FAULT_IO, "out of memory") : 0;
}

/* "length length:hash length:hash", of the beginning and of the end if that is another part */
static int put_ends(struct input *in, uint64_t length, struct buf *out, struct err *err) SUSPENDS
{
	char tail[HEAD_BYTES];
	size_t n = length < sizeof(tail) ? (size_t)length : sizeof(tail);
	if (buf_printf(out, "%" PRIu64 " ", length) < 0 || put_beginning(in, n, out, err) < 0)
		return -1;
	if (length == n)
		return 0;
	ssize_t got = hk_file_read(in->fd, tail, n, (off_t)(length - n));
	if (got < 0)
		return fail_errno(err, FAULT_IO, (int)got, "cannot read '%s'", in->path);
	int r = buf_add_char(out, ' ');
	r = r < 0 ? r : put_hash((struct slice){ tail, (size_t)got }, out);
	return r < 0 ? fail(err, FAULT_IO, "out of memory") : 0;
}

int input_put_end(struct input *in, struct buf *out, struct err *err)
{
	ASSERT(in->path && in->ended);
	return put_ends(in, in->unpack ? unpack_taken(in->unpack) : in->read, out, err);
}

int input_is_at_end(struct input *in, struct slice end, struct err *err)
{
	AUTO(buf_done) struct buf now = { .max = 256 };
	struct stat st;
	struct slice length, rest;
	int64_t n;
	if (!slice_cut(end, ' ', &length, &rest) || units_int(length, &n) < 0)
		return 0;
	if (fstat(in->fd, &st) < 0)
		return fail_errno(err, FAULT_IO, -errno, "cannot look at '%s'", in->path);
	if (st.st_size != n)
		return 0;
	return put_ends(in, (uint64_t)n, &now, err) < 0 ? -1 : slice_eq(buf_slice(&now), end);
}

/* ---- is it the file of this position? ---- */

static int refuse_other(const struct input *in, const char *why, struct err *err)
{
	if (err)
		err->code = ESTALE; /* port.h: `every` reads it from its start */
	return fail(err, FAULT_CONFIG,
		    "'%s' %s since it was read last; --fresh starts over from its beginning",
		    in->path, why);
}

static int refuse_position(const struct input *in, struct slice then, struct err *err)
{
	return fail(err, FAULT_CONFIG, "the saved position in '%s' makes no sense: '%.*s'",
		    in->path, SLICE(then));
}

static bool cut_number(struct slice *text, uint64_t *ret)
{
	struct slice number;
	int64_t n;
	if (!slice_cut(*text, ':', &number, text) || units_int(number, &n) < 0 || n < 0)
		return false;
	*ret = (uint64_t)n;
	return true;
}

/* "length:hash" */
static int check_head_then(struct input *in, struct slice then, struct err *err) SUSPENDS
{
	struct slice hash = then;
	uint64_t n;
	if (!cut_number(&hash, &n) || n > HEAD_BYTES)
		return refuse_position(in, then, err);
	buf_clear(&in->head);
	if (put_head(in, (size_t)n, &in->head, err) < 0)
		return -1;
	if (!slice_eq(buf_slice(&in->head), then))
		return refuse_other(in, "has changed at its beginning", err);
	return 0;
}

struct proof { /* "end:length:hash": the text before end */
	uint64_t end, n;
	struct slice hash; /* "length:hash" */
};

/* Positions of earlier versions have none. */
static int read_proof(const struct input *in, struct slice then, uint64_t offset, struct proof *ret,
		      struct err *err)
{
	*ret = (struct proof){ .end = offset };
	if (then.n == 0)
		return 0;
	ret->hash = then;
	if (!cut_number(&ret->hash, &ret->end))
		return refuse_position(in, then, err);
	struct slice hash = ret->hash;
	if (!cut_number(&hash, &ret->n) || ret->n > PROOF_BYTES || ret->n > ret->end ||
	    ret->end > offset)
		return refuse_position(in, then, err);
	return 0;
}

/* n bytes and two more if they are there, from where the window begins. */
static int fill(struct input *in, size_t n, struct err *err) SUSPENDS
{
	int more = 1;
	while (more > 0 && in->window.n < n + 2) {
		more = input_more(in, n + 2 * INPUT_BLOCK, err);
		in->used = 0; /* a byte order mark is text like any other here */
	}
	return more < 0 ? -1 : 0;
}

/* Goes to the offset by way of what proves it, in one sweep: a compressed file is unpacked once. */
static int enter(struct input *in, const struct proof *proof, uint64_t offset,
		 struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf now = { .max = 64 };
	uint64_t start = proof->end - proof->n < offset ? proof->end - proof->n : offset - 1;
	size_t n = (size_t)(offset - start);
	input_seek(in, start);
	if (fill(in, n, err) < 0)
		return -1;
	if (in->window.n < n)
		return refuse_other(in, "has become shorter", err);
	struct slice before = { in->window.p, (size_t)proof->n };
	if (put_hash(before, &now) < 0)
		return fail(err, FAULT_IO, "out of memory");
	if (proof->hash.n && !slice_eq(buf_slice(&now), proof->hash))
		return refuse_other(in, "has changed before the place up to which it was read",
				    err);
	/* A last line without a newline was taken as whole; if it has grown since, its rest is nobody's record. */
	const char *next = in->window.p + n;
	if (in->window.n > n && next[-1] != line_end(in) && *next != '\n' && *next != '\r')
		return refuse_other(in, "has got more text on the line that was its last", err);
	input_skip(in, n);
	return 0;
}

static int begin_at(struct input *in, const struct position *from, struct err *err) SUSPENDS
{
	struct slice then = from->base ? text_slice(from->base) : S("");
	struct slice head, rest;
	struct proof proof;
	struct stat st;
	slice_cut(then, ' ', &head, &rest);
	if (fstat(in->fd, &st) < 0)
		return fail_errno(err, FAULT_IO, -errno, "cannot look at '%s'", in->path);
	if (!in->unpack && (uint64_t)st.st_size < from->offset)
		return refuse_other(in, "has become shorter", err);
	if (check_head_then(in, head, err) < 0 ||
	    read_proof(in, rest, from->offset, &proof, err) < 0)
		return -1;
	if (from->offset > 0 && enter(in, &proof, from->offset, err) < 0)
		return -1;
	in->proven = proof.end;
	in->base = text_ref(from->base);
	return 0;
}

static int go(struct input *in, const struct position *from, struct err *err) SUSPENDS
{
	text_unref(take(in->base));
	in->proven = 0;
	input_seek(in, 0);
	if (from)
		return begin_at(in, from, err);
	buf_clear(&in->head);
	return put_head(in, HEAD_BYTES, &in->head, err);
}

int input_begin(struct input *in, const struct split *split, struct err *err)
{
	const struct position *from = split ? split_from(split) : NULL;
	const struct position *reach = split ? split_reach(split) : NULL;
	if (!in->path)
		return 0; /* standard input goes on where it is */
	bool further = reach && (!from || reach->offset > from->offset);
	return further && go(in, reach, err) < 0 ? -1 : go(in, from, err);
}
