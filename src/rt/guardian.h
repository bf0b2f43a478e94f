/* guardian.h - no child outlives its loop
 *
 * What this room is for: ending the children's whole process groups when this process dies, also by SIGKILL.
 * Life cycle: all zero is valid; the first claim starts the helper process; guardian_done ends what is left and the helper.
 * What must hold: (1) a slot is claimed before its child exists, filled by the child itself before its exec, and released
 *   when its group is empty or killed, so that no number in the table can have come to mean somebody else's group. */
#pragma once
#include "base/lang.h"
#include <sys/types.h>

/* Of a child: what it runs and the task that started it, for the report on those that nobody waited for. */
struct guardian_origin {
	char program[48], task[48], where[64];
};
struct guardian {
	struct guardian_origin *origins; /* owns: one for each slot */
	char *slots; /* shared with the helper: one line each; slot 0 is not used */
	size_t cap, hint;
	int memory_fd, alive_fd; /* alive_fd: its end of file tells that we are gone */
	pid_t pid;               /* 0: there is no helper */
};

MUST int guardian_claim(struct guardian *, const struct guardian_origin *,
			size_t *ret_slot);           /* 0, -ENOMEM, -EMFILE, -EAGAIN */
char *guardian_note(struct guardian *, size_t slot); /* until the next claim */
void guardian_release(struct guardian *, size_t slot);
/* Kills and reaps the children that nobody waited for; returns how many, and who they are: as many as there is room for. */
size_t guardian_done(struct guardian *, char *ret_who, size_t room);
