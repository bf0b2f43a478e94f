/* hocket/process.h - child processes (asyncio.create_subprocess_exec, trio.run_process)
 *
 * What this room is for: running a program, talking to it, and being sure that it ends.
 * Life cycle: hk_process_start, reads and writes on its pipes with fd.h, hk_process_wait or hk_process_stop. hk_process_run does it all.
 * What must hold: (1) the child's end is seen by pidfd, no SIGCHLD handler is installed. (2) each child leads its own process
 *   group (unless its standard input is our terminal, which only our own group may read); stopping means the group: SIGTERM,
 *   `grace_ns` later SIGKILL, then waiting for the child itself. What a child that has ended leaves running in its group may
 *   finish within `grace_ns`, then it is killed: wait and stop return when the whole group has ended. (3) a started process is
 *   waited for exactly once, by wait or stop; one that is forgotten is killed and reported when hk_run() ends. (4) no orphans:
 *   when this process dies, also by SIGKILL, its children's groups are killed - the children by the kernel, what they started
 *   by a helper process (/bin/sh; without one, only the children). What leaves the group (setsid, a daemon) or becomes
 *   another user (sudo) has left our care, too. (5) the child inherits only 0, 1, 2 and what `keep` lists; signals have
 *   their default actions and none is blocked. (6) argv is never seen by a shell. (7) this process must not reap what it did
 *   not start (waitpid(-1), an ignored SIGCHLD): then how a child ended is lost, -ECHILD. (8) in the simulation (sim.h) nothing
 *   can be started, -ENOSYS and a report: no seed replays what a program of the real world does. On the virtual clock (run.h)
 *   every grace is over as soon as nothing else runs. Linux 5.11 or later. */
#ifndef HOCKET_PROCESS_H
#define HOCKET_PROCESS_H
#include <hocket/types.h>

HK_BEGIN
/* INHERIT: our own. What fd.h uses here and a child gets by INHERIT, FD or `keep` is non-blocking for it, too. */
enum hk_stdio { HK_STDIO_NULL, HK_STDIO_INHERIT, HK_STDIO_PIPE, HK_STDIO_FD };

struct hk_process_stdio {
	enum hk_stdio kind;
	int fd; /* HK_STDIO_FD: borrows; the child gets a copy */
};
struct hk_process_options {
	struct hk_process_stdio in, out, err; /* all zero: /dev/null */
	const char *const *env; /* NULL-terminated "NAME=value"; NULL: this process's */
	const char *folder;     /* its working folder; NULL: this process's */
	int64_t grace_ns;       /* between SIGTERM and SIGKILL; 0: 5 s */
	uint64_t memory_bytes;  /* RLIMIT_AS; 0: as this process */
	/* It and all that it starts can open local sockets only (a seccomp filter, which nothing can take off again). Starting fails
	 * with -EOPNOTSUPP where the kernel cannot do that. */
	bool no_network;
	const int *keep; /* what the child has as 3, 4, ... in this order; borrows */
	size_t keep_n;
};
struct hk_exit {
	int status; /* what it returned: 0 .. 255; -1 when a signal ended it */
	int signal; /* the number of that signal, or 0 */
};
struct hk_process {
	pid_t pid;
	int in, out, err; /* our ends of HK_STDIO_PIPE, close them with hk_close; else -1 */
	int pidfd_;
	int64_t grace_ns_;
	bool waited_, leads_;
	size_t slot_;
	struct hk_exit exit_;
};

/* argv ends with NULL; argv[0] is looked up in this process's PATH, or in `folder` when it is a relative path with a slash. 0;
 * -ENOENT, -EACCES and the other errors of execvp(3) and of chdir(2) to the folder, known before this returns; -ENOEXEC: neither
 * a program nor "#!"; -EBADF: a descriptor that is not open; -EINVAL: no argv[0]; -EAGAIN, -EMFILE, -ENOMEM. options may be NULL. Lets other tasks
 * run, then stands still until the program is loaded: about half a millisecond, whatever the size of this process. */
HK_MUST int hk_process_start(struct hk_process *, const char *const argv[],
			     const struct hk_process_options *) HK_SUSPENDS;
/* Waits for its end: 0, -ECANCELED (it still runs; stop it), -ECHILD (waited for before, or (7)), -EBUSY (another task waits). Read
 * its pipes to their end before, or beside it: it may wait for you. ret may be NULL. */
HK_MUST int hk_process_wait(struct hk_process *, struct hk_exit *ret) HK_SUSPENDS;
/* To the whole group. 0, -ESRCH: it has been waited for, -EPERM, -EINVAL. */
int hk_process_kill(struct hk_process *, int signal);
/* Closes our pipe ends that are still open, SIGTERM, grace, SIGKILL, wait. Also while cancelled: shielded, bounded by the
 * grace (and 5 s for one that hangs in the kernel). ret may be NULL. Harmless after wait, after a failed start, and while
 * another task waits. */
void hk_process_stop(struct hk_process *, struct hk_exit *ret) HK_SUSPENDS;

/* subprocess.run: input to its stdin, both outputs collected up to a ceiling each, waits. 0 whatever it exits with; the errors of
 * start; -ENOMEM. Cancelled: stops it, -ECANCELED. On errors ret has nothing to free. A child that does not read its input is no
 * failure. */
struct hk_process_output {
	char *out, *err; /* malloc'd, 0-terminated, free() them */
	size_t out_n, err_n;
	/* There was more: above the ceiling, read and dropped; or from a process that left the group and kept the pipe for
	 * longer than the grace. */
	bool out_cut, err_cut;
	struct hk_exit exit;
};
struct hk_process_run_options {
	struct hk_process_options process; /* in, out and err are pipes whatever they say */
	const void *input;
	size_t input_n;
	size_t max_bytes; /* of each output; 0: 16 MiB */
};
HK_MUST int hk_process_run(const char *const argv[], const struct hk_process_run_options *,
			   struct hk_process_output *ret) HK_SUSPENDS;

HK_END
#endif
