/* unpack.c - a compressed file, read as the text in it
 *
 * What this room is for: io's decoders over a file instead of an answer: no ceiling on the ratio, because it is the user's own
 *   file and what is held is a block; and offsets of the text, because positions are made of them.
 * What flows through:    blocks of the file into the decoder, text into the caller's memory; all of it on a thread of the pool
 *   for computations.
 *
 *   BETWEEN --a byte that begins a member--> INSIDE --end of the member--> BETWEEN
 *      |'--any other byte: refused                '--end of the file: cut off
 *      '--end of the file--> the end, when there was a member
 * What must hold:        see unpack.h. */
#include "connectors/files/unpack.h"
#include "base/banned.h"
#include "io/http/http_coding.h"
#include <errno.h>
#include <hocket/offload.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#define BLOCK_BYTES (64u << 10)
#define SKIP_BYTES  (8u << 20) /* of text, in one off-loaded call */

const char *const packing_words[] = { "auto", "none", "gzip", "zstd", NULL };

struct unpack {
	const struct coding *coding;
	void *decoder; /* owns */
	int fd;
	bool inside, at_end;
	uint64_t members;
	uint64_t file; /* offset in the file of the byte behind the block */
	uint64_t text; /* offset of the text that comes next */
	const unsigned char *in;
	size_t in_n;
	int failed; /* told when all text before it was read: a negative errno, or DAMAGED.. */
	unsigned char block[BLOCK_BYTES];
};

enum { DAMAGED = -10000, CUT_OFF, FOREIGN, NO_PACKING, WINDOW }; /* beside errno */

enum packing packing_of_name(struct slice path)
{
	return slice_ends(path, S(".gz"))    ? PACKING_GZIP
	       : slice_ends(path, S(".zst")) ? PACKING_ZSTD
					     : PACKING_NONE;
}

enum packing packing_of_head(struct slice head)
{
	return slice_starts(head, S("\x1f\x8b"))           ? PACKING_GZIP
	       : slice_starts(head, S("\x28\xb5\x2f\xfd")) ? PACKING_ZSTD
							   : PACKING_NONE;
}

static const struct coding *coding_of(enum packing packing)
{
	size_t i = 0;
	while (!slice_eq_str(slice_str(packing_words[packing]), codings[i].names[0]))
		i++;
	ASSERT(i < CODINGS);
	return &codings[i];
}

struct unpack *unpack_new(int fd, enum packing packing)
{
	const struct coding *coding = coding_of(packing);
	void *decoder = coding->make();
	if (!decoder)
		return NULL;
	struct unpack *u = xcalloc(1, sizeof(*u));
	u->coding = coding;
	u->decoder = decoder;
	u->fd = fd;
	return u;
}

void unpack_free(struct unpack *u)
{
	if (!u)
		return;
	u->coding->destroy(u->decoder);
	free(u);
}

uint64_t unpack_taken(const struct unpack *u)
{
	return u->file - u->in_n;
}

/* ---- on the pool's thread -------------------------------------------------------------------- */

static int fill_block(struct unpack *u)
{
	ssize_t n;
	do
		n = pread(u->fd, u->block, sizeof(u->block), (off_t)u->file);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	u->at_end = n == 0;
	u->in = u->block;
	u->in_n = (size_t)n;
	u->file += (uint64_t)n;
	return 0;
}

/* 1: inside a member; 0: the file ends here, as it should */
static int begin_member(struct unpack *u)
{
	if (u->in_n == 0)
		return u->members ? 0 : CUT_OFF;
	if (!u->coding->follows(*u->in))
		return u->members ? FOREIGN : NO_PACKING;
	if (!u->coding->begin(u->decoder, *u->in))
		return -ENOMEM;
	u->inside = true;
	u->members++;
	return 1;
}

/* Text into `to`: how much; or why there is no more. */
static ssize_t step(struct unpack *u, unsigned char *to, size_t n)
{
	struct coding_window w = { u->in, u->in_n, to, n };
	enum coding_result result = u->coding->step(u->decoder, &w);
	bool moved = w.in_n < u->in_n || w.out_n < n;
	u->in = w.in;
	u->in_n = w.in_n;
	if (result == CODING_DAMAGED)
		return DAMAGED;
	if (result == CODING_TOO_LARGE)
		return WINDOW;
	if (result == CODING_END)
		u->inside = false;
	else if (!moved && u->at_end)
		return CUT_OFF;
	return (ssize_t)(n - w.out_n);
}

static size_t produce(struct unpack *u, unsigned char *to, size_t n)
{
	size_t made = 0;
	while (made < n && u->failed == 0) {
		ssize_t r = u->in_n == 0 && !u->at_end ? fill_block(u) : 0;
		if (r == 0 && !u->inside) {
			r = begin_member(u);
			if (r == 0)
				break;
		}
		if (r >= 0)
			r = step(u, to + made, n - made);
		if (r < 0)
			u->failed = (int)r;
		else
			made += (size_t)r;
	}
	u->text += made;
	return made;
}

static void rewind_to_start(struct unpack *u)
{
	u->inside = u->at_end = false;
	u->members = u->file = u->text = 0;
	u->in_n = 0;
	u->failed = 0;
}

struct job {
	struct unpack *u;
	unsigned char *to;
	size_t n, made;
	uint64_t at;
};

/* Goes on towards `at`, at most so far that the thread is not held for long; and reads, once there. */
static int read_job(void *arg)
{
	struct job *job = arg;
	struct unpack *u = job->u;
	AUTO(freep) unsigned char *scratch = NULL;
	size_t skipped = 0;
	while (u->text < job->at && u->failed == 0 && skipped < SKIP_BYTES) {
		uint64_t left = job->at - u->text;
		if (!scratch)
			scratch = xcalloc(1, BLOCK_BYTES);
		size_t n = produce(u, scratch, left < BLOCK_BYTES ? (size_t)left : BLOCK_BYTES);
		skipped += n;
		if (n == 0)
			return 0;
	}
	if (u->text == job->at)
		job->made = produce(u, job->to, job->n);
	return u->text < job->at; /* 1: not there yet */
}

/* ---- on the loop ----------------------------------------------------------------------------- */

static int tell(const struct unpack *u, const char *path, struct err *err)
{
	const char *name = u->coding->names[0];
	uint64_t at = unpack_taken(u);
	switch (u->failed) {
	case DAMAGED:
		return fail(err, FAULT_IO, "'%s' is damaged: byte %" PRIu64 " is not what %s wants",
			    path, at, name);
	case CUT_OFF:
		return fail(err, FAULT_IO,
			    "'%s' is cut off at byte %" PRIu64
			    ", in the middle of its %s data; is it still being written?",
			    path, at, name);
	case FOREIGN:
		return fail(err, FAULT_IO,
			    "'%s' has other bytes behind the end of its %s data, from byte %" PRIu64
			    " on",
			    path, name, at);
	case NO_PACKING:
		return fail(err, FAULT_CONFIG, "'%s' is not %s; `compress: none` reads it as it is",
			    path, name);
	case WINDOW:
		return fail(err, FAULT_CONFIG,
			    "'%s' needs a window of more than 8 MiB; pipe it in: %s -dc FILE | "
			    "hocket run ...",
			    path, name);
	default:
		return fail_errno(err, FAULT_IO, u->failed, "cannot read '%s'", path);
	}
}

ssize_t unpack_read(struct unpack *u, void *to, size_t n, uint64_t at, const char *path,
		    struct err *err)
{
	struct job job = { .u = u, .to = to, .n = n, .at = at };
	int r;
	if (at < u->text)
		rewind_to_start(u);
	do
		r = hk_offload_cpu(read_job, &job);
	while (r == 1 && u->failed == 0);
	if (r < 0)
		return fail_errno(err, FAULT_IO, r, "cannot read '%s'", path);
	if (job.made == 0 && u->failed != 0)
		return tell(u, path, err);
	return (ssize_t)job.made;
}
