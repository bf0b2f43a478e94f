/* spawn.h - one new process from a recipe
 *
 * What this room is for: everything between clone(2) and execve(2), and nothing of what comes before or after.
 * What must hold: (1) the recipe outlives the call; nothing is allocated, locked or freed in the child. (2) the child has
 *   signals with their default actions, none blocked, and no descriptor that is not in `fds`. */
#pragma once
#include "base/lang.h"
#include <sys/types.h>

enum spawn_place {
	SPAWN_AMONG_US, /* our process group: shares our terminal */
	SPAWN_GROUP,    /* leads a group of its own */
	SPAWN_SESSION,  /* leads a session: no terminal reaches it */
};

enum { SPAWN_NOTE = 12 }; /* bytes: "-123      \n" */

struct spawn {
	const char *const *argv; /* argv[0] is looked up in PATH */
	const char *const *env;
	const char *folder; /* NULL: ours */
	int *fds;           /* what the child has as 0, 1, 2, ...; scratch: the numbers are lost */
	size_t fds_n;
	enum spawn_place place;
	uint64_t memory_bytes; /* RLIMIT_AS, 0: as ours */
	bool no_network;       /* only local sockets */
	bool tied;             /* SIGKILL when the calling thread ends */
	char *note; /* shared memory: its number, SPAWN_NOTE bytes, "-" for a group; NULL: none */
};

/* 0, or -errno of the step that failed, execve(2) included. *ret_pidfd is the caller's to close. Blocks the thread until the
 * program has been loaded. Call it on a large stack. */
MUST int spawn(const struct spawn *, pid_t *ret, int *ret_pidfd);
