/* frame.h - the framed protocol between a process pool and its workers
 *
 * What this room is for: messages of parts over a pair of pipes, the same for workers in every language. Every byte is
 *   described in docs/reference/worker-protocol.md. Nothing here reads or writes: the pool does it in tasks, the
 *   worker's side with blocking calls, the fuzz target from memory.
 * Life cycle of a reader: { .max_bytes = N }; until it is whole: frame_reader_room, read there, frame_reader_got; then
 *   the parts; frame_reader_done gives the memory back and makes it ready for the next frame.
 * What must hold: (1) nothing is allocated for a frame before its head was found good and within max_bytes. (2) the
 *   parts borrow from one allocation, storage. (3) bytes behind a whole frame are an error: nobody asked for them. */
#pragma once
#include "base/lang.h"
#include <hocket/process_pool.h>

#define FRAME_MAGIC "HKW"

enum {
	FRAME_VERSION = 1,
	FRAME_HEAD_BYTES = 24,
	FRAME_LENGTH_BYTES = 8,
	FRAME_PARTS_MAX = 65536,
	FRAME_FIRST_BYTES = 4096, /* read at once: a small frame is one system call */
};
enum frame_kind { FRAME_HELLO = 1, FRAME_CALL, FRAME_ANSWER, FRAME_ERROR };

struct frame {
	enum frame_kind kind;
	uint32_t call; /* which call this is, or which one it answers */
	uint32_t parts_n;
	uint64_t body_bytes; /* what follows the head: the lengths, then the parts */
};

/* The head and the lengths as they go over the pipe; the parts' own bytes follow. ret has room for frame_prefix_bytes(n).
 * 0, -E2BIG: more than FRAME_PARTS_MAX parts, or more bytes than can be counted. */
size_t frame_prefix_bytes(size_t parts_n);
MUST int frame_put_prefix(unsigned char *ret, enum frame_kind, uint32_t call,
			  const struct hk_part *parts, size_t n);

struct frame_reader {
	uint64_t max_bytes;    /* of a body */
	struct frame frame;    /* once the head is there */
	struct hk_part *parts; /* once it is whole: borrow from storage */
	void *storage;         /* owns; NULL until the head is there */
	unsigned char *body;   /* inside storage */
	uint64_t body_n;       /* so much of it is there */
	size_t first_n;
	unsigned char first[FRAME_FIRST_BYTES];
};

/* Where the next bytes belong and how many fit; never 0 before the frame is whole. */
unsigned char *frame_reader_room(struct frame_reader *, size_t *ret_n);
/* n > 0 bytes were put there. 1: the frame is whole; 0: it goes on; -EBADMSG, -EPROTONOSUPPORT, -EMSGSIZE, -ENOMEM. */
MUST int frame_reader_got(struct frame_reader *, size_t n);
/* Has anything of a frame come? The end of a pipe is clean only before it. */
bool frame_reader_began(const struct frame_reader *);
void frame_reader_done(struct frame_reader *);
