/* input.h - the bytes of a file or of standard input, in a window that the reader moves over them
 *
 * What this room is for: jsonl, lines, csv and stdin read the same way: blocks of 256 KiB off the loop, a window with what was read
 *   and not yet used, and a fingerprint that says whether this is still the file in which a position was taken.
 * Life cycle: input_open_file or input_open_stdin, input_begin (again after each retry), then peek, skip and more; input_close.
 * What must hold:
 *  (1) input_offset() is the file's offset of the first byte of the window; positions are made of nothing else.
 *  (2) bytes that input_peek gave stay where they are until the next input_more, also while the reader parks.
 *  (3) a fingerprint covers bytes that were there when it was made: a file that grew is still the same file. */
#pragma once
#include "engine/port.h"

#define INPUT_BLOCK (256u << 10)

struct input {
	const char *path; /* borrows; NULL: standard input */
	int fd;
	bool open, regular, ended;
	uint64_t read; /* offset of the byte behind the window */
	struct buf window;
	size_t used; /* bytes of the window that were skipped */
};

/* Anything but a regular file is refused: a pipe cannot be read from a position. */
MUST int input_open_file(struct input *, const char *path, struct err *) SUSPENDS;
void input_open_stdin(struct input *);
void input_close(struct input *); /* half-opened too */

/* Goes to the position, or to the start. *base is the fingerprint that positions of this input share (NULL for standard
 * input; the caller owns it). Refuses a file that is not the one in which `from` was taken. */
MUST int input_begin(struct input *, const struct position *from, struct text **base,
		     struct err *) SUSPENDS;
/* Forgets the window and goes to an offset; a regular file only. */
void input_seek(struct input *, uint64_t offset);

struct slice input_peek(
	const struct input *); /* what was read and not skipped; borrows until input_more */
void input_skip(struct input *, size_t n);
uint64_t input_offset(const struct input *);
/* Reads on behind the window, as much again as it holds: 1, 0 at the end, -1. The window never exceeds `most`: what
 * would is FAULT_TOO_LARGE, and nothing is read. */
MUST int input_more(struct input *, size_t most, struct err *) SUSPENDS;
/* Skips what is left of a line, reading on as far as it goes: 1 behind its end, 0 the input has ended, -1. */
MUST int input_skip_line(struct input *, struct err *) SUSPENDS;
const char *input_shown(
	const struct input *); /* for messages: 'users.jsonl' is 'PATH' without its folders */
