/* input.h - the bytes of a file or of standard input, in a window that the reader moves over them
 *
 * What this room is for: jsonl, lines, csv and stdin read the same way: blocks of 256 KiB off the loop, a window with what was read
 *   and not yet used, unpacked if need be, and a fingerprint that says whether this is still the file of a position.
 * Life cycle: input_open_file or input_open_stdin, input_begin (again after each retry), then peek, skip and more; input_close.
 * What must hold:
 *  (1) input_offset() is the offset of the first byte of the window, in the text if the file is compressed.
 *  (2) bytes that input_peek gave stay where they are until the next input_more, also while the reader parks.
 *  (3) a fingerprint covers bytes that were there when it was made: a file that grew is still the same file. */
#pragma once
#include "connectors/files/unpack.h"
#include "engine/port.h"

#define INPUT_BLOCK (256u << 10)

struct input {
	const char *path; /* borrows; NULL: standard input */
	int fd;
	bool open, regular, ended;
	bool cr;       /* lines end with CR alone; set before input_begin */
	uint64_t read; /* offset of the byte behind the window */
	struct buf window;
	size_t used;           /* bytes of the window that were skipped */
	struct unpack *unpack; /* owns; NULL: the file is not compressed */
	struct buf head;       /* the fingerprint of its beginning */
	struct text *base;     /* owns: what positions share now */
	uint64_t proven;       /* the offset up to which base speaks */
	uint64_t last_line;    /* behind the last line end that was read; 0: none yet */
};

/* Anything but a regular file is refused: a pipe cannot be read from a position. */
MUST int input_open_file(struct input *, const char *path, enum packing, struct err *) SUSPENDS;
void input_open_stdin(struct input *);
void input_close(struct input *); /* half-opened too */

/* Goes to where the split goes on, or to the start: NULL. Refuses a file that is not the one of which something is done. */
MUST int input_begin(struct input *, const struct split *, struct err *) SUSPENDS;
/* Where the window begins, with what proves it. Borrows until the next one, or input_close; nothing to prove for stdin. */
struct position input_position(struct input *);
/* What tells a file that was read to its end from one that has grown or changed since, without reading it again: the lengths and
 * hashes of what it has on disk, whole if it is short, else of both its ends. */
MUST int input_put_end(struct input *, struct buf *out, struct err *) SUSPENDS;
/* Is it as it was at that end? 1, 0, or -1. */
MUST int input_is_at_end(struct input *, struct slice end, struct err *) SUSPENDS;
/* Forgets the window and goes to an offset; a regular file only. */
void input_seek(struct input *, uint64_t offset);

/* What was read and not skipped; borrows until input_more. */
struct slice input_peek(const struct input *);
void input_skip(struct input *, size_t n);
uint64_t input_offset(const struct input *);
/* Reads on behind the window, as much again as it holds: 1, 0 at the end, -1. The window never exceeds `most`: what
 * would is FAULT_TOO_LARGE, and nothing is read. */
MUST int input_more(struct input *, size_t most, struct err *) SUSPENDS;
/* Skips what is left of a line, reading on as far as it goes: 1 behind its end, 0 the input has ended, -1. */
MUST int input_skip_line(struct input *, struct err *) SUSPENDS;
/* For messages: 'users.jsonl' is 'PATH' without its folders. */
const char *input_shown(const struct input *);
