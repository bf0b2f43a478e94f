/* part_file.h - an output file that never looks whole before it is
 *
 * What this room is for: jsonl and csv write bytes through this; it knows about .part, rename, receipts and fsync, and nothing
 *   about records.
 * Life cycle: part_file_open, part_file_resume, then rounds of write ... sync, part_file_finish, part_file_close.
 *
 *     replace, new:  PATH.part  --finish: fsync, rename, fsync of the folder-->  PATH
 *     append:        PATH, from its end on
 *     more:          PATH  --copy, fsync-->  PATH.part, from its end on, then as above
 *     endless:       PATH.part  --with its first rows: fsync, rename, fsync of the folder-->  PATH, which is written on
 *
 * What must hold:
 *  (1) the receipt {"inode":I,"length":N,"tail":H} says what is committed: written, synced. Bytes behind it are nobody's: resume
 *      and the next round cut them off.
 *  (2) a file shorter than its receipt, or with other bytes before that length, was changed by somebody else: refused.
 *  (3) a failed write or fsync is FAULT_IO; only a resume may settle what is on disk then. */
#pragma once
#include "connectors/files/proof.h"
#include "engine/port.h"

enum part_mode { PART_REPLACE, PART_APPEND, PART_NEW };
extern const char *const part_modes[]; /* the words, for an OPT_ENUM */

struct part_file {
	const char *path; /* borrows */
	char *part;       /* owns: the file that is written to */
	enum part_mode mode;
	int fd;
	bool open, newline; /* newline: append to a file whose last line has no end */
	uint64_t length;    /* committed */
	uint64_t written;   /* behind it: this round's end */
	uint64_t highest;   /* bytes up to here may be in the file */
	uint64_t inode;
	struct part_proof over; /* finish may replace this at PATH, whatever the mode */
	bool packed;            /* set by the caller: no lines of text */
	bool endless; /* set by the caller: there is no end at which it would become whole */
	bool whole;   /* it has its name: PATH is written to */
	bool own;     /* append: all that is there was written by earlier runs of ours */
};

void part_file_open(struct part_file *, const char *path, enum part_mode);
MUST int part_file_resume(struct part_file *, struct resumption *, struct err *) SUSPENDS;
/* Is PATH as the run with this receipt left it? port.stands. Changes nothing; after open, before resume. */
MUST int part_file_stands(struct part_file *, struct slice receipt, struct err *why) SUSPENDS;
/* A round: begin forgets what an earlier round wrote and did not sync. */
void part_file_begin(struct part_file *);
MUST int part_file_write(struct part_file *, struct slice, struct err *) SUSPENDS;
MUST int part_file_sync(struct part_file *, struct buf *receipt, struct err *) SUSPENDS;
MUST int part_file_finish(struct part_file *, struct err *) SUSPENDS;
void part_file_close(struct part_file *); /* half-opened too */
