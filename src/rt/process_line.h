/* process_line.h - a call to a worker that speaks lines: one to its standard input, one from its standard output
 *
 * What must hold: a line that is longer than a pipe is written while the answer is read: who copies its input to its output as it
 *   comes would stand still otherwise, and so would we. */
#pragma once
#include "rt/process_worker.h"

struct line_reader {
	uint64_t max_bytes; /* of a line, its end not counted */
	char *bytes;        /* owns, malloc'd */
	size_t n, room;
};
/* 0: a whole line has come, without its end; -EPIPE, -ECANCELED, -ENOMEM; -EMSGSIZE: it is longer; -EBADMSG: something stands behind
 * it, or the first of all came before its call was read; -EAGAIN: that is so of a later one, which an earlier call is to blame for. Counts what it sends in w->sent. */
MUST int line_exchange(struct worker *, const struct hk_part *, struct line_reader *) SUSPENDS;
void line_reader_done(struct line_reader *);
