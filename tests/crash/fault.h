/* fault.h - which system call is to go wrong, and how
 *
 * What this room is for: every call that the shim has taken over is shown to call_begins() before it is made and to call_ends()
 *   after it. Here it is counted, and here the one call that was named in the environment meets its fault:
 *
 *     HOCKET_FAULT=KIND[@WORD]:N:WHAT   the N-th call of this kind (whose path has WORD in it)
 *       KIND   open mkdir write truncate fsync fdatasync rename unlink send recv malloc
 *              sync: both; any: of files and send
 *       WHAT   before after      the process is killed: SIGKILL
 *              torn              half of a write is made, then it is killed
 *              short             half of a write is made, and that is what it returns
 *              ENOSPC EIO ENOMEM it fails; with a + behind it, all that follow fail too
 *     HOCKET_UNDER=FOLDER        only files below it count (an absolute path)
 *     HOCKET_COUNTS=FILE         how many there were, kept in a file so that a killed process leaves them too
 *                                with the time of the first of each kind; of files only those
 *     HOCKET_WATCH=WORD          with this word in their path
 *     HOCKET_JOURNAL=FILE        all that was done to files (journal.h)
 *
 * What must hold: (1) without these variables nothing changes. (2) children inherit none of it. */
#pragma once
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

enum kind {
	OPEN,
	MKDIR,
	WRITE,
	TRUNCATE,
	FSYNC,
	FDATASYNC,
	RENAME,
	UNLINK,
	SEND,
	RECV,
	MALLOC,
	KINDS,
	SYNC,
	ANY
};
enum what { NOTHING, BEFORE, AFTER, TORN, SHORT, FAILS };

struct call {
	enum kind kind;
	enum what what; /* this call is to meet it */
	struct stat st; /* of the descriptor */
	char path[PATH_MAX];
};

/* Of a descriptor: is it one of ours? Files below HOCKET_UNDER, and sockets. Keeps errno. */
bool call_of_fd(struct call *, enum kind, int fd);
/* Of a path, from a folder's descriptor or AT_FDCWD. */
bool call_of_path(struct call *, enum kind, int folder, const char *path);
/* Of memory. */
bool call_of_memory(struct call *, const void *caller);

/* false: it fails, errno is set and it is not to be made. */
bool call_begins(struct call *);
/* How many of n bytes are to be written. */
size_t call_room(const struct call *, size_t n);
/* Gives the result back, or never returns. Keeps errno. */
long call_ends(struct call *, long result);
