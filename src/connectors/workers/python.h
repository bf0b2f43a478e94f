/* python.h - workers in Python: hocket_worker.py and a file's text, handed over in memory
 *
 * Life cycle: python_open, then argv and keep of it for work_open; python_close after work_close.
 * What must hold: nothing needs to be installed or found: what a worker runs comes to it in descriptors, and all workers of a run
 *   get the same text, whatever becomes of the file meanwhile. */
#pragma once
#include "base/err.h"
#include "base/slice.h"

struct python {
	int fds[2];           /* hocket_worker.py, the file's text; -1: closed */
	const char *argv[12]; /* borrows */
	char stub[256], mode[16], fd[12];
};
/* `text` is that of `path`. `lines` of argv: interpreter -u -c STUB MODE FD PATH NAME. The last three are borrowed. */
MUST int python_open(struct python *, struct slice text, struct err *err);
void python_close(struct python *);
/* MODE is "each", "batch" or "check"; the descriptors will be `first` and the one behind it. */
const char *const *python_argv(struct python *, const char *interpreter, const char *mode,
			       int first, const char *path, const char *name);
