/* lines.h - a source's file as lines: each one a record
 *
 * What this room is for: what jsonl, lines and stdin share. A line is JSON text, or becomes {"line": ..., "n": ...}.
 * What must hold: (1) every line that is not empty is admitted exactly once, a bad one with its fault, so that the accounts know
 *   it. (2) a line ends with LF or CRLF; the last one may end with the file. (3) a position stands behind the line's end. */
#pragma once
#include "connectors/files/charset.h"
#include "connectors/files/input.h"

enum line_form {
	LINE_JSON, /* empty lines are skipped */
	LINE_TEXT, /* empty lines are records */
};
struct lines {
	struct input *input; /* borrows; opened */
	struct intake *intake;
	enum line_form form;
	const char *encoding; /* of LINE_TEXT; NULL: UTF-8 */
	size_t max_line;      /* bytes; a longer one is dead, not a full memory */
	const char *name;     /* of the split */
};
MUST int lines_run(const struct lines *,
		   struct err *) SUSPENDS; /* from the split's position to the end */

/* Evidence for a line that is not a record: {"line": its first 4 KiB}. */
struct rec *lines_evidence(struct slice line);

#define LINES_MAX_DEFAULT "64MB" /* what a record may hold */
void lines_check_max(uint64_t max_line, struct diag *);
