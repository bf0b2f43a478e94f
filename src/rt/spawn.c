/* spawn.c - from clone(2) to execve(2)
 *
 * What this room is for: starting a program at a price that does not grow with our memory. fork(2) copies page tables
 *   (of 1 GiB: milliseconds, during which nothing runs); here the child borrows our memory while we stand still (CLONE_VM,
 *   CLONE_VFORK), until it has become the other program or has failed.
 * What flows through:    a recipe, made before; back comes an error in that same memory.
 * What must hold:
 *  (1) the child only makes system calls and writes to its own stack, to `struct launch`, the scratch of `fds` and the note.
 *      errno is the calling thread's, which waits.
 *  (2) no handler of ours runs in the child: all signals are blocked before it exists, and unblocked in it when every
 *      action is the default one.
 *  (3) a child whose parent has died before the tie to it was made ends by itself: it never runs untied.
 *  (4) this runs on the loop's thread. SIGKILL-at-parent's-end means the parent's *thread*, so a pool's thread must not be it.
 *  (5) emulators and tools (qemu, valgrind, TSan) make a plain fork of it, which runs beside us in a copy of our memory:
 *      then what comes back is read from a pipe. Only then, for a fork elsewhere in this process could hold it open. */
#include "rt/spawn.h"
#include "rt/sanitize.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/close_range.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/banned.h"

enum { CHILD_STACK = 64 * 1024, SIGNALS = 64, FAILED = 127 };

struct launch {
	const struct spawn *spawn;
	const char *programs; /* what execve is tried with: "a\0b\0\0" */
	pid_t parent;
	int report_fd; /* a pipe, open until the program is loaded */
	bool shared;   /* the child has written here: we see its memory */
	int error;
};

/* What the child executes must leave no trace in what the thread tools keep about the thread it borrows. */
#define IN_CHILD __attribute__((no_sanitize("thread")))

/* ---- in the child -------------------------------------------------------------------------- */

IN_CHILD static void write_note(char note[SPAWN_NOTE], bool group, pid_t pid)
{
	char *at = note + SPAWN_NOTE - 1;

	*at = '\n';
	for (; pid > 0; pid /= 10)
		*--at = (char)('0' + pid % 10);
	*--at = group ? '-' : ' ';
	while (at > note)
		*--at = ' ';
}

/* The note comes before the tie: whenever the child could have children of its own, both hold. */
IN_CHILD static int take_place(const struct launch *l)
{
	const struct spawn *s = l->spawn;
	int r = 0;

	if (s->place == SPAWN_SESSION)
		r = setsid();
	else if (s->place == SPAWN_GROUP)
		r = setpgid(0, 0);
	if (r < 0)
		return -errno;
	if (s->note)
		write_note(s->note, s->place != SPAWN_AMONG_US, getpid());
	if (s->tied && prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return -errno;
	return s->tied && getppid() != l->parent ? -EOWNERDEAD : 0;
}

/* The system call itself: the tools' sigaction(2) would note in our memory that we have no handlers any more. */
IN_CHILD static void reset_signals(void)
{
	struct {
		void (*handler)(int);
		unsigned long flags;
		void (*restorer)(void);
		uint64_t mask;
	} by_default = { .handler = SIG_DFL };

	for (int i = 1; i <= SIGNALS; i++)
		(void)syscall(SYS_rt_sigaction, i, &by_default, NULL, sizeof(by_default.mask));
}

/* First all out of the way, then each to its place: no order of numbers can make them overwrite each other. What is not in
 * its place then is closed when the program is loaded. */
IN_CHILD static int place_fds(struct launch *l)
{
	const struct spawn *s = l->spawn;

	l->report_fd = fcntl(l->report_fd, F_DUPFD_CLOEXEC, (int)s->fds_n);
	if (l->report_fd < 0)
		return -errno;
	for (size_t i = 0; i < s->fds_n; i++) {
		s->fds[i] = fcntl(s->fds[i], F_DUPFD_CLOEXEC, (int)s->fds_n);
		if (s->fds[i] < 0)
			return -errno;
	}
	for (size_t i = 0; i < s->fds_n; i++)
		if (dup2(s->fds[i], (int)i) < 0)
			return -errno;
	return close_range((unsigned)s->fds_n, ~0U, CLOSE_RANGE_CLOEXEC) < 0 ? -errno : 0;
}

IN_CHILD static int limit_memory(uint64_t bytes)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_AS, &limit) < 0)
		return -errno;
	if (limit.rlim_max > bytes)
		limit.rlim_max = bytes;
	limit.rlim_cur = limit.rlim_max;
	return setrlimit(RLIMIT_AS, &limit) < 0 ? -errno : 0;
}

/* One instruction: `code`, and where to go on from there. */
#define LOAD(field)          BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define IF_EQUAL(k, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (k), (yes), (no))
#define ANSWER(what)         BPF_STMT(BPF_RET | BPF_K, (what))
#if defined(__x86_64__)
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define NATIVE_ARCH AUDIT_ARCH_RISCV64
#else
#define NATIVE_ARCH 0 /* nothing is allowed then, so nobody believes that it works */
#endif

/* socket() for local sockets only. What could make sockets otherwise is not there: io_uring, and the numbers that calls have for
 * programs of another kind (32 bit). */
static const struct sock_filter local_only[] = {
	LOAD(arch),
	IF_EQUAL(NATIVE_ARCH, 0, 8),
	LOAD(nr),
	BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 6, 0), /* x32 */
	IF_EQUAL(SYS_io_uring_setup, 5, 0),
	IF_EQUAL(SYS_socket, 0, 2),
	LOAD(args[0]), /* its lower half, on these machines */
	IF_EQUAL(AF_UNIX, 0, 1),
	ANSWER(SECCOMP_RET_ALLOW),
	ANSWER(SECCOMP_RET_ERRNO | EACCES),
	ANSWER(SECCOMP_RET_ERRNO | EPERM),
};

IN_CHILD static int forbid_network(void)
{
	const struct sock_fprog program = { ARRAY_SIZE(local_only),
					    (struct sock_filter *)(uintptr_t)local_only };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		return -EOPNOTSUPP;
	return 0;
}

/* execvp(3), without its shell for files that are no programs. Returns only with an error: of a program that is there but may
 * not be run rather than of one that is not there. */
IN_CHILD static int run_program(const struct launch *l)
{
	char *const *argv = (char *const *)(uintptr_t)l->spawn->argv;
	char *const *env = (char *const *)(uintptr_t)l->spawn->env;
	int error = -ENOENT;

	for (const char *at = l->programs; *at; at += strlen(at) + 1) {
		(void)execve(at, argv, env);
		if (error != -EACCES)
			error = -errno;
		if (errno != ENOENT && errno != ENOTDIR && errno != EACCES)
			return -errno;
	}
	return error;
}

IN_CHILD static int child(void *arg)
{
	struct launch *l = arg;
	const struct spawn *s = l->spawn;
	sigset_t none;
	int r;

	l->shared = true;
	r = take_place(l);
	reset_signals();
	if (r == 0)
		r = place_fds(l);
	if (r == 0 && s->folder && chdir(s->folder) < 0)
		r = -errno;
	if (r == 0 && s->memory_bytes > 0)
		r = limit_memory(s->memory_bytes);
	if (r == 0 && s->no_network)
		r = forbid_network();
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	l->error = r == 0 ? run_program(l) : r;
	if (write(l->report_fd, &l->error, sizeof(l->error)) < 0)
		_exit(FAILED + 1); /* only emulators read it */
	_exit(FAILED);
}

/* ---- in the parent ------------------------------------------------------------------------- */

/* All paths that a name may stand for, in the order of PATH; an empty part of it is the working folder. */
static char *list_programs(const char *name)
{
	const char *path = strchr(name, '/') ? "" : getenv("PATH");
	size_t name_n = strlen(name), parts = 1;
	char *list, *to;

	if (!path)
		path = "/bin:/usr/bin";
	for (const char *p = path; *p; p++)
		parts += *p == ':';
	list = to = calloc(1, strlen(path) + parts * (name_n + 2) + 1);
	while (list && name_n > 0 && parts-- > 0) {
		size_t n = strcspn(path, ":");
		memcpy(to, path, n);
		to += n;
		if (n > 0)
			*to++ = '/';
		memcpy(to, name, name_n);
		to += name_n + 1;
		path += n + 1;
	}
	return list;
}

/* Blocks until the program is loaded, or has failed to. */
static int read_report(int fd)
{
	int error = 0;
	ssize_t n;

	do
		n = read(fd, &error, sizeof(error));
	while (n < 0 && errno == EINTR);
	return n == sizeof(error) ? error : 0;
}

static int launch(struct launch *l, pid_t *ret, int *ret_pidfd)
{
	const int borrow = SANITIZE_CLONE_COPIES ? 0 : CLONE_VM | CLONE_VFORK;
	_Alignas(16) char stack[CHILD_STACK];
	sigset_t all, former;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &former);
	*ret = clone(child, stack + sizeof(stack), borrow | CLONE_PIDFD | SIGCHLD, l, ret_pidfd);
	error = errno;
	pthread_sigmask(SIG_SETMASK, &former, NULL);
	return *ret < 0 ? -error : l->error;
}

static int reap_failed(pid_t pid, int pidfd, int error)
{
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		continue;
	(void)close(pidfd);
	return error;
}

int spawn(const struct spawn *s, pid_t *ret, int *ret_pidfd)
{
	AUTO(freep) char *programs = list_programs(s->argv[0]);
	struct launch l = { .spawn = s, .programs = programs, .parent = getpid() };
	int ends[2], r;

	if (!programs)
		return -ENOMEM;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	l.report_fd = ends[1];
	r = launch(&l, ret, ret_pidfd);
	(void)close(ends[1]);
	if (*ret >= 0 && !l.shared)
		r = read_report(ends[0]);
	(void)close(ends[0]);
	return r < 0 && *ret >= 0 ? reap_failed(*ret, *ret_pidfd, r) : r;
}
