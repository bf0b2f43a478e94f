/* process.c - a child process from its start to the end of its group
 *
 * What this room is for: programs as something a task waits for, talks to and can be sure to be rid of.
 * What flows through:    the child's end, from its pidfd through poll.c to the task that waits; signals to its group.
 * What must hold:
 *  (1) the child is reaped by its number only while that number is its own: before the reaping through the pidfd, its group's
 *      afterwards while something of the group is left.
 *  (2) its slot with the guardian is held from before its start until its group is empty or killed.
 *  (3) what the child left behind in its group when it ended may finish within the grace, then it is killed: a shell's
 *      last writer is not cut off, a forgotten one does not stay.
 *
 *   start -> RUNNING --- its end seen ---> REAPED (waited_) --- group empty, or killed ---> GONE (slot_ 0)
 *               |                             ^
 *               +-- stop: TERM, grace, KILL --+
 *
 * Whether a group is empty can only be asked, nothing announces it: hence the short sleeps, in the rare case that it is not. */
#include <hocket/process.h>
#include "rt/guardian.h"
#include "rt/loop.h"
#include "rt/process_group.h"
#include "rt/report.h"
#include "rt/scope.h"
#include "rt/spawn.h"
#include <fcntl.h>
#include <hocket/fd.h>
#include <hocket/group.h>
#include <hocket/offload.h>
#include <hocket/sim.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/banned.h"

#define GRACE_NS       (5 * HK_SEC)
#define AFTER_KILL_NS  (5 * HK_SEC) /* a killed process may still hang in a system call */
#define FIRST_PAUSE_NS HK_MS
#define LAST_PAUSE_NS  (50 * HK_MS)
#define SURE_AFTER_NS  (5 * HK_MS)

/* ---- what the child gets as 0, 1, 2, ... --------------------------------------------------- */

struct wiring {
	int *fds;      /* owns the array, not what is in it */
	int ours[3];   /* our ends of the pipes, or -1 */
	int theirs[3]; /* the child's ends, or -1: not ours to keep */
	int null_fd;
};

static void close_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

static int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

static void wiring_done(struct wiring *w)
{
	for (int i = 0; i < 3; i++) {
		close_fd(&w->ours[i]);
		close_fd(&w->theirs[i]);
	}
	close_fd(&w->null_fd);
	free(w->fds);
}

static int wire_null(struct wiring *w, int i)
{
	if (w->null_fd < 0)
		w->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	w->fds[i] = w->null_fd;
	return w->null_fd < 0 ? -errno : 0;
}

static int wire_pipe(struct wiring *w, int i)
{
	int ends[2]; /* to read from, to write to */

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	w->ours[i] = ends[i == 0];
	w->theirs[i] = w->fds[i] = ends[i != 0];
	return 0;
}

/* If ours is closed, the first file that the child opens would take its place; and the loop may have done so already: what is
 * close-on-exec is not for children. */
static int wire_ours(struct wiring *w, int i)
{
	int flags = fcntl(i, F_GETFD);

	if (flags < 0 || (flags & FD_CLOEXEC))
		return wire_null(w, i);
	w->fds[i] = i;
	return 0;
}

static int wire(struct wiring *w, int i, const struct hk_process_stdio *how)
{
	switch (how->kind) {
	case HK_STDIO_PIPE:
		return wire_pipe(w, i);
	case HK_STDIO_FD:
		w->fds[i] = how->fd;
		return 0;
	case HK_STDIO_INHERIT:
		return wire_ours(w, i);
	case HK_STDIO_NULL:
		return wire_null(w, i);
	}
	return -EINVAL;
}

static int wire_all(struct wiring *w, const struct hk_process_options *o)
{
	const struct hk_process_stdio *how[3] = { &o->in, &o->out, &o->err };
	int r = 0;

	w->fds = malloc((3 + o->keep_n) * sizeof(*w->fds));
	if (!w->fds)
		return -ENOMEM;
	for (int i = 0; i < 3 && r == 0; i++)
		r = wire(w, i, how[i]);
	for (size_t i = 0; i < o->keep_n; i++)
		w->fds[3 + i] = o->keep[i];
	return r;
}

/* ---- starting ------------------------------------------------------------------------------ */

struct start {
	struct spawn recipe;
	struct hk_process *process;
};

static void release(struct hk_process *p)
{
	if (p->slot_)
		guardian_release(&loop_self()->guardian, p->slot_);
	p->slot_ = 0;
}

/* On the loop's stack: the child's first steps need some. */
static int call_start(void *arg)
{
	struct start *s = arg;
	struct hk_process *p = s->process;
	struct guardian *guardian = &loop_self()->guardian;
	const struct hk_fiber_ *task = loop_running(loop_self());
	struct guardian_origin origin;
	int r;

	(void)snprintf(origin.program, sizeof(origin.program), "%s", s->recipe.argv[0]);
	(void)snprintf(origin.task, sizeof(origin.task), "%s", task ? task->name : "?");
	(void)snprintf(origin.where, sizeof(origin.where), "%s", task ? task->where : "?");
	r = guardian_claim(guardian, &origin, &p->slot_);

	if (r < 0)
		return r;
	s->recipe.note = guardian_note(guardian, p->slot_);
	r = spawn(&s->recipe, &p->pid, &p->pidfd_);
	if (r < 0)
		release(p);
	return r;
}

static int start(struct hk_process *p, const char *const argv[], const struct hk_process_options *o,
		 const struct wiring *w) SUSPENDS
{
	struct start s = {
		.recipe = {
			.argv = argv,
			.env = o->env ? o->env : (const char *const *)environ,
			.folder = o->folder,
			.fds = w->fds,
			.fds_n = 3 + o->keep_n,
			.place = p->leads_ ? SPAWN_GROUP : SPAWN_AMONG_US,
			.memory_bytes = o->memory_bytes,
			.no_network = o->no_network,
			.tied = true,
		},
		.process = p,
	};
	int r = hk_bigstack(call_start, &s);

	if (r < 0)
		return r;
	p->waited_ = false;
	/* Afresh, for a stranger may have closed a descriptor of this number without telling. */
	r = poll_register(&loop_self()->poll, p->pidfd_, POLL_LISTENER);
	if (r < 0)
		hk_process_stop(p, NULL);
	return r;
}

/* No seed can replay what a program of the real world does. */
static int refuse_in_sim(const char *program)
{
	report(loop_self(), HK_REPORT_REFUSED,
	       "child processes cannot be simulated (\"%s\", task \"%s\"): replace this call when "
	       "hk_sim_running()",
	       program, hk_task_name(hk_task_self()));
	return -ENOSYS;
}

int hk_process_start(struct hk_process *p, const char *const argv[],
		     const struct hk_process_options *options)
{
	const struct hk_process_options o = options ? *options : (struct hk_process_options){ 0 };
	AUTO(wiring_done)
	struct wiring w = { .ours = { -1, -1, -1 }, .theirs = { -1, -1, -1 }, .null_fd = -1 };
	int r;

	*p = (struct hk_process){ .in = -1, .out = -1, .err = -1, .pidfd_ = -1, .waited_ = true };
	p->grace_ns_ = o.grace_ns > 0 ? o.grace_ns : GRACE_NS;
	if (!argv || !argv[0])
		return -EINVAL;
	if (hk_sim_running())
		return refuse_in_sim(argv[0]);
	r = hk_yield(); /* who starts many lets the others run in between */
	if (r == 0)
		r = wire_all(&w, &o);
	if (r < 0)
		return r;
	p->leads_ =
		tcgetpgrp(w.fds[0]) < 0; /* in a group of its own it could not read our terminal */
	r = start(p, argv, &o, &w);
	if (r < 0)
		return r;
	p->in = take_fd(&w.ours[0]);
	p->out = take_fd(&w.ours[1]);
	p->err = take_fd(&w.ours[2]);
	return 0;
}

/* ---- its end ------------------------------------------------------------------------------- */

static void note_exit(struct hk_process *p, const siginfo_t *info)
{
	bool by_itself = info->si_code == CLD_EXITED;

	ASSERT(!p->waited_);
	p->exit_.status = by_itself ? info->si_status : -1;
	p->exit_.signal = by_itself ? 0 : info->si_status;
	p->waited_ = true;
	(void)hk_close(p->pidfd_);
	p->pidfd_ = -1;
}

/* Until the child is reaped: 0, -ECANCELED, -EBUSY: another task waits for it, -ECHILD: somebody else reaped it. */
static int await_child(struct hk_process *p) SUSPENDS
{
	while (!p->waited_) {
		siginfo_t info = { 0 };
		int r;
		if (waitid(P_PIDFD, (id_t)p->pidfd_, &info, WEXITED | WNOHANG) < 0) {
			r = -errno;
			info = (siginfo_t){ .si_code = CLD_KILLED };
			note_exit(p, &info);
			return r;
		}
		if (info.si_pid != 0) {
			note_exit(p, &info);
			return 0;
		}
		r = hk_fd_wait(p->pidfd_, HK_READ);
		if (r < 0 && r != -EBADF) /* EBADF: another task has just reaped it */
			return r;
	}
	return 0;
}

static int call_group_runs(void *arg)
{
	const struct hk_process *p = arg;
	return process_group_runs(p->pid);
}

/* 1, 0, -ECANCELED. The sure answer is asked for when the cheap one does not settle it. */
static int group_runs(struct hk_process *p, bool surely) SUSPENDS
{
	int r;

	if (!p->leads_ || !p->slot_ || !process_group_exists(p->pid))
		return 0;
	r = surely ? hk_offload(call_group_runs, p) : 1;
	return r == -EAGAIN || r == -ENOMEM ? 1 : r; /* no thread for the question: as if it ran */
}

static int await_group(struct hk_process *p) SUSPENDS
{
	int64_t pause_ns = FIRST_PAUSE_NS;
	int r;

	ASSERT(p->waited_);
	while ((r = group_runs(p, pause_ns > SURE_AFTER_NS)) > 0) {
		r = hk_sleep(pause_ns);
		if (r < 0)
			return r;
		pause_ns = pause_ns * 2 < LAST_PAUSE_NS ? pause_ns * 2 : LAST_PAUSE_NS;
	}
	return r;
}

static int signal_all(const struct hk_process *p, int number)
{
	int r;

	ASSERT(p->pid > 1 && p->slot_);
	r = kill(p->leads_ ? -p->pid : p->pid, number);
	return r < 0 ? -errno : 0;
}

/* ---- waiting, stopping --------------------------------------------------------------------- */

/* While another task waits for it, this one looks from time to time. */
static int await_all(struct hk_process *p) SUSPENDS
{
	int r = await_child(p);

	while (r == -EBUSY) {
		r = hk_sleep(FIRST_PAUSE_NS);
		r = r < 0 ? r : await_child(p);
	}
	return p->waited_ ? await_group(p) : r;
}

static int await_shielded(struct hk_process *p, int64_t budget_ns) SUSPENDS
{
	struct hk_scope shield;

	hk_scope_open_shield(&shield, budget_ns);
	return hk_scope_close(&shield, await_all(p));
}

static void finish(struct hk_process *p) SUSPENDS
{
	if (!p->slot_) /* another task has meanwhile */
		return;
	(void)signal_all(p, SIGKILL);
	(void)await_shielded(p, AFTER_KILL_NS);
}

int hk_process_wait(struct hk_process *p, struct hk_exit *ret)
{
	struct hk_scope grace;
	int r;

	if (p->waited_)
		return -ECHILD;
	r = await_child(p);
	if (!p->waited_)
		return r;
	hk_scope_open(&grace, p->grace_ns_);
	if (hk_scope_close(&grace, await_group(p)) < 0)
		finish(p);
	release(p);
	if (ret)
		*ret = p->exit_;
	return r;
}

int hk_process_kill(struct hk_process *p, int number)
{
	return p->waited_ ? -ESRCH : signal_all(p, number);
}

static void end(struct hk_process *p) SUSPENDS
{
	(void)signal_all(p, SIGTERM);
	(void)signal_all(p, SIGCONT); /* one that was stopped cannot hear */
	if (await_shielded(p, p->grace_ns_) < 0)
		finish(p);
	release(p);
}

void hk_process_stop(struct hk_process *p, struct hk_exit *ret)
{
	int *ours[3] = { &p->in, &p->out, &p->err };

	for (int i = 0; i < 3; i++)
		if (*ours[i] >= 0)
			(void)hk_close(take_fd(ours[i]));
	if (p->slot_)
		end(p);
	if (ret)
		*ret = p->exit_;
}
