/* guardian.c - a helper process that outlives us by a moment
 *
 * What this room is for: children of ours get SIGKILL from the kernel when we die (PR_SET_PDEATHSIG), but not their
 *   children. The helper, a few lines of shell, sleeps on a pipe of which only we have the other end. When that closes, for
 *   whatever reason, it kills every process group in the table. It is a program and no copy of us, for a copy would hold on
 *   to our memory.
 * What flows through:    numbers of process groups, through memory that both have: "-123\n" in a slot of the table, blanks in
 *   a free one. The helper reads it once, when we are dead: starting a child costs it nothing and it can never lag behind.
 * What must hold:
 *  (1) the child writes its number before its exec: what may have children of its own is in the table.
 *  (2) the helper is in a session of its own and ignores what terminals and service managers send.
 *  (3) nothing but our death or guardian_done ends its wait. A copy of us (fork without exec) holds the pipe open, too.
 *
 * Without /bin/sh there is no helper: then only the children themselves die with us. */
#include "rt/guardian.h"
#include "rt/spawn.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/banned.h"

enum { FIRST_SLOTS = 340 }; /* a page */

static const char script[] = "trap '' HUP INT QUIT TERM USR1 USR2\n"
			     "read -r line\n"
			     "while read -r line; do\n"
			     "	case $line in ?*) kill -9 \"$line\" ;; esac\n"
			     "done <&3\n";

/* ---- the table ----------------------------------------------------------------------------- */

static char *slot_at(const struct guardian *g, size_t slot)
{
	ASSERT(slot < g->cap);
	return g->slots + slot * SPAWN_NOTE;
}

static void blank(const struct guardian *g, size_t slot)
{
	memset(slot_at(g, slot), ' ', SPAWN_NOTE - 1);
	slot_at(g, slot)[SPAWN_NOTE - 1] = '\n';
}

/* A claimed slot whose child has not written yet begins with this; for the helper it is blank. */
static const char claimed = '\t';

static bool is_free(const struct guardian *g, size_t slot)
{
	const char *at = slot_at(g, slot);
	return at[0] != claimed && at[SPAWN_NOTE - 2] == ' ';
}

static int grow(struct guardian *g)
{
	size_t cap = g->cap ? g->cap * 2 : FIRST_SLOTS, bytes = cap * SPAWN_NOTE;
	struct guardian_origin *origins = reallocarray(g->origins, cap, sizeof(*origins));
	void *slots;

	if (!origins)
		return -ENOMEM;
	g->origins = origins;
	if (ftruncate(g->memory_fd, (off_t)bytes) < 0)
		return -errno;
	slots = g->cap ? mremap(g->slots, g->cap * SPAWN_NOTE, bytes, MREMAP_MAYMOVE)
		       : mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, g->memory_fd, 0);
	if (slots == MAP_FAILED)
		return -errno;
	g->slots = slots;
	for (size_t i = g->cap; i < cap; i++) {
		g->cap = i + 1;
		blank(g, i);
	}
	return 0;
}

/* As kill(2) takes it: negative for a group. 0: nothing there. */
static pid_t read_note(const char *at)
{
	pid_t n = 0;
	bool group = false;

	for (size_t i = 0; i < SPAWN_NOTE - 1; i++) {
		group |= at[i] == '-';
		if (at[i] >= '0' && at[i] <= '9')
			n = n * 10 + (at[i] - '0');
	}
	return group ? -n : n;
}

static size_t find_free(struct guardian *g)
{
	for (size_t i = g->hint; i < g->cap; i++)
		if (is_free(g, i))
			return i;
	return 0;
}

/* ---- the helper ---------------------------------------------------------------------------- */

/* Without a shell it goes on: this process may stand where there is none. What may be otherwise the next time is an error: no
 * child is to run unguarded for ever because descriptors were short once. */
static int start_helper(struct guardian *g)
{
	const char *const argv[] = { "/bin/sh", "-c", script, "hocket-guardian", NULL };
	const char *const env[] = { NULL };
	int pipe_fds[2], pidfd, null_fd, r;

	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return -errno;
	null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	r = null_fd < 0 ? -errno
			: spawn(&(struct spawn){ .argv = argv,
						 .env = env,
						 .folder = "/",
						 .fds = (int[]){ pipe_fds[0], null_fd, null_fd,
								 g->memory_fd },
						 .fds_n = 4,
						 .place = SPAWN_SESSION },
				&g->pid, &pidfd);
	(void)close(pipe_fds[0]);
	if (null_fd >= 0)
		(void)close(null_fd);
	if (r == 0) {
		(void)close(pidfd);
		g->alive_fd = pipe_fds[1];
		return 0;
	}
	g->pid = 0;
	(void)close(pipe_fds[1]);
	return r == -EMFILE || r == -ENFILE || r == -ENOMEM || r == -EAGAIN ? r : 0;
}

static void close_table(struct guardian *g)
{
	if (g->slots)
		(void)munmap(g->slots, g->cap * SPAWN_NOTE);
	(void)close(g->memory_fd);
	free(g->origins);
	*g = (struct guardian){ 0 };
}

static int open_table(struct guardian *g)
{
	int r;

	g->memory_fd = memfd_create("hocket-guardian", MFD_CLOEXEC);
	if (g->memory_fd < 0)
		return -errno;
	r = grow(g);
	if (r == 0)
		r = start_helper(g);
	if (r < 0)
		close_table(g);
	else
		g->hint = 1;
	return r;
}

/* Its work is done by us then, so it need not be asked to end. */
static void end_helper(struct guardian *g)
{
	if (!g->pid)
		return;
	(void)kill(g->pid, SIGKILL);
	while (waitpid(g->pid, NULL, 0) < 0 && errno == EINTR)
		continue;
	(void)close(g->alive_fd);
}

/* ---- for those who start children ---------------------------------------------------------- */

int guardian_claim(struct guardian *g, const struct guardian_origin *origin, size_t *ret_slot)
{
	int r = g->cap ? 0 : open_table(g);
	size_t slot = r == 0 ? find_free(g) : 0;

	if (r == 0 && !slot) {
		slot = g->cap;
		r = grow(g);
	}
	if (r < 0)
		return r;
	ASSERT(slot > 0 && is_free(g, slot));
	*slot_at(g, slot) = claimed;
	g->origins[slot] = *origin;
	g->hint = slot + 1;
	*ret_slot = slot;
	return 0;
}

char *guardian_note(struct guardian *g, size_t slot)
{
	ASSERT(!is_free(g, slot));
	return slot_at(g, slot);
}

void guardian_release(struct guardian *g, size_t slot)
{
	ASSERT(slot > 0 && !is_free(g, slot));
	blank(g, slot);
	if (slot < g->hint)
		g->hint = slot;
}

static void put_who(char **at, size_t *room, pid_t pid, const struct guardian_origin *o, bool first)
{
	int n = snprintf(*at, *room, "%s%d (%s), started by task \"%s\", spawned at %s",
			 first ? "" : "; ", (int)pid, o->program, o->task, o->where);

	if (n < 0 || (size_t)n >= *room) {
		**at = 0; /* only whole ones */
		*room = 0;
		return;
	}
	*at += n;
	*room -= (size_t)n;
}

size_t guardian_done(struct guardian *g, char *ret_who, size_t room)
{
	size_t left = 0;

	*ret_who = 0;

	if (!g->cap)
		return 0;
	for (size_t i = 1; i < g->cap; i++) {
		pid_t pid = is_free(g, i) ? 0 : read_note(slot_at(g, i));
		if (pid == 0)
			continue;
		if (room > 0)
			put_who(&ret_who, &room, pid < 0 ? -pid : pid, &g->origins[i], left == 0);
		(void)kill(pid, SIGKILL);
		while (waitpid(pid < 0 ? -pid : pid, NULL, 0) < 0 && errno == EINTR)
			continue;
		left++;
	}
	end_helper(g);
	close_table(g);
	return left;
}
