/* term.h - what goes to the terminal: messages on stderr, text that was asked for on stdout */
#pragma once
#include "base/buf.h"

/* "hocket: ..." and a line end, on stderr. */
void say(const char *fmt, ...) PRINTF(1, 2);
/* As it is, on stderr. */
void say_raw(struct slice);
/* "python | loading the model\n": a line of somebody else's, without what would move a cursor. */
MUST int term_put_said(const char *label, struct slice line, struct buf *out);
/* All of it to stdout: the exit code, 0 or 1 (told on stderr: a full disk behind a redirection). */
MUST int put_stdout(struct slice);
/* May colours be used there? A terminal that is not dumb, and NO_COLOR is not set. */
bool term_color(int fd);
bool term_smart(int fd); /* can lines be redrawn in place? */
/* A path as one would type it here: without the current folder before it. Borrows path. */
const char *path_shown(const char *path);
unsigned term_width(int fd); /* columns; 80 when nobody knows */
