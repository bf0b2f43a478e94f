/* dump.c - what every task does: the tree of scopes, groups and tasks, as text
 *
 * What this room is for: "where does it hang?" - asked by hk_dump(), by SIGQUIT, and by the loop itself when every task
 *   waits and nothing is left that could wake one.
 * What flows through:    the scopes in preorder; each with the tasks whose innermost scope it is.
 * What must hold:
 *  (1) it only reads: a parked fiber is neither run nor changed, its stack is read where it lies (backtrace.c).
 *  (2) it runs on the loop's own stack, where names and lines may take as much room as they like.
 *  (3) text is written as it grows: a hundred thousand tasks need no more memory than one. */
#include "rt/dump.h"
#include "rt/backtrace.h"
#include "rt/loop.h"
#include "rt/report.h"
#include "rt/scope.h"
#include "rt/switch.h"
#include "base/banned.h"
#include <hocket/dump.h>
#include <hocket/group.h>
#include <hocket/run.h>
#include <stdarg.h>
#include <unistd.h>

enum { CHUNK_BYTES = 32 << 10, INDENT = 2, DEEPEST_SHOWN = 20 };

struct dump {
	struct hk_loop *loop;
	const struct hk_fiber_ *asker; /* the task that called hk_dump; NULL: the loop asks */
	struct debuginfo *names;
	struct buf text;
	int fd, what, error;
};

/* ---- text out ------------------------------------------------------------------------------ */

static void flush(struct dump *d)
{
	if (d->error == 0)
		d->error = report_write(d->fd, buf_slice(&d->text));
	buf_clear(&d->text);
}

static void keep(struct dump *d, int r)
{
	if (d->error == 0)
		d->error = r;
}

PRINTF(2, 3) static void put(struct dump *d, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	keep(d, buf_vprintf(&d->text, fmt, args));
	va_end(args);
	if (d->text.n >= CHUNK_BYTES)
		flush(d);
}

static double seconds(int64_t ns)
{
	return (double)ns / 1e9;
}

static void put_indent(struct dump *d, int depth)
{
	put(d, "%*s", INDENT * (depth < DEEPEST_SHOWN ? depth : DEEPEST_SHOWN), "");
}

/* ---- tasks --------------------------------------------------------------------------------- */

static struct wait wait_of(const struct hk_fiber_ *f)
{
	struct wait wait = { .what = "" };

	ASSERT(f->state == FIBER_PARKED && f->park);
	if (f->park->describe)
		f->park->describe(f->park, &wait);
	else
		(void)snprintf(wait.what, sizeof(wait.what), "%s", f->park->why);
	return wait;
}

static void put_wait(struct dump *d, const struct hk_fiber_ *f)
{
	struct wait wait = wait_of(f);

	put(d, "waits for %s", wait.what);
	if (wait.call) {
		struct code_place place;
		(void)debuginfo_places(d->names, wait.call, &place, 1);
		put(d, ": ");
		keep(d, code_place_put(&d->text, &place));
	}
	put(d, ", for %.3f s", seconds(loop_clock_ns(d->loop) - f->park->since_ns));
}

static void put_state(struct dump *d, const struct hk_fiber_ *f)
{
	if (f->state == FIBER_PARKED)
		put_wait(d, f);
	else if (f == d->asker)
		put(d, "runs, and asked for this");
	else if (f->state == FIBER_RUNNING)
		put(d, "runs");
	else if (context_is_new(f->sp))
		put(d, "has not started yet");
	else
		put(d, "is ready to run");
}

static void put_stack(struct dump *d, const struct hk_fiber_ *f, int depth)
{
	char indent[INDENT * (DEEPEST_SHOWN + 1) + 1];
	struct backtrace b;

	if (context_is_new(f->sp))
		return;
	(void)snprintf(indent, sizeof(indent), "%*s",
		       INDENT * (depth < DEEPEST_SHOWN ? depth : DEEPEST_SHOWN), "");
	backtrace_parked(&b, f->sp);
	keep(d, backtrace_put(&d->text, &b, d->names, indent));
}

static void put_task(struct dump *d, const struct hk_fiber_ *f, int depth)
{
	put_indent(d, depth);
	put(d, "task \"%s\", spawned at %s: ", f->name, f->where);
	put_state(d, f);
	put(d, "\n");
	if (d->what & HK_DUMP_STACKS)
		put_stack(d, f, depth + 1);
}

/* ---- scopes -------------------------------------------------------------------------------- */

static void put_scope_state(struct dump *d, const struct hk_scope *s)
{
	int64_t left = s->deadline_ns_ == HK_FOREVER ? HK_FOREVER
						     : s->deadline_ns_ - loop_clock_ns(d->loop);

	if (s->expired_)
		put(d, ", its time is over: cancelled");
	else if (s->cancelled_)
		put(d, ", cancelled");
	else if (s->inherited_)
		put(d, ", cancelled from outside");
	else if (left != HK_FOREVER)
		put(d, ", %.3f s left", seconds(left > 0 ? left : 0));
}

static void put_group(struct dump *d, const struct hk_group *g)
{
	put(d, "group \"%s\"", g->name_);
	if (g->opener_) /* a pool's is in nobody's block */
		put(d, " of task \"%s\"", g->opener_->name);
	put(d, ": %zu running%s%s", g->running_,
	    g->policy_ == HK_COLLECT ? ", collects failures" : "", g->closing_ ? ", closing" : "");
}

static void put_scope(struct dump *d, const struct hk_scope *s, int depth)
{
	const struct hk_group *g = s->group_ ? container_of(s, struct hk_group, scope_) : NULL;

	put_indent(d, depth);
	if (g)
		put_group(d, g);
	else
		put(d, "%s", s->shield_ ? "shield" : "scope");
	put_scope_state(d, s);
	put(d, "\n");
}

static int depth_of(const struct hk_scope *s)
{
	int depth = 0;

	while ((s = s->parent_) != NULL)
		depth++;
	return depth;
}

static void put_tree(struct dump *d)
{
	for (struct hk_scope *s = &d->loop->root; s; s = scope_next(&d->loop->root, s)) {
		const struct hk_fiber_ *f = s->fibers_;
		int depth = depth_of(s);
		if (s != &d->loop->root)
			put_scope(d, s, depth);
		if (!f)
			continue;
		do {
			put_task(d, f, depth + 1);
			f = f->scope_next;
		} while (f != s->fibers_);
	}
}

/* ---- the dump ------------------------------------------------------------------------------ */

static int dump_now(void *arg)
{
	struct dump *d = arg;
	struct hk_loop *loop = d->loop;

	ASSERT(!loop->current);
	stall_pause(&loop->stall, true); /* a large tree takes its time */
	put(d, "hocket: %zu task%s, %.3f s after the start\n", loop->stats.fibers,
	    loop->stats.fibers == 1 ? "" : "s", seconds(loop_clock_ns(loop) - loop->started_ns));
	d->names = debuginfo_open();
	put_tree(d);
	flush(d);
	debuginfo_close(d->names);
	buf_done(&d->text);
	stall_pause(&loop->stall, false);
	return d->error;
}

int dump_loop(struct hk_loop *loop, int fd, int what)
{
	struct dump d = { .loop = loop, .fd = fd, .what = what };
	return dump_now(&d);
}

int hk_dump(int fd, int what)
{
	struct hk_loop *loop = loop_self();
	struct dump d = { .loop = loop, .fd = fd, .what = what };

	if (!loop)
		return report_write(fd, S("hocket: no loop runs on this thread\n"));
	d.asker = loop_running(loop);
	return hk_bigstack(dump_now, &d);
}

/* ---- the report of a deadlock -------------------------------------------------------------- */

enum { LONGEST_CYCLE = 16, MOST_STEPS = 100000 };

/* A walk from task to task: from one that waits to those who could end its wait. */
struct walk {
	const struct hk_fiber_ *path[LONGEST_CYCLE];
	size_t n, steps;
};

static bool leads_to(struct walk *, const struct hk_fiber_ *at, const struct hk_fiber_ *goal);

static bool member_leads_to(struct walk *w, const struct hk_scope *s, const struct hk_group *g,
			    const struct hk_fiber_ *goal)
{
	struct hk_fiber_ *f = s->fibers_;

	if (!f)
		return false;
	do {
		if (fiber_task(f)->group == g && (f == goal || leads_to(w, f, goal)))
			return true;
		f = f->scope_next;
	} while (f != s->fibers_);
	return false;
}

static bool group_leads_to(struct walk *w, const struct hk_group *g, const struct hk_fiber_ *goal)
{
	struct hk_scope *root = (struct hk_scope *)(uintptr_t)&g->scope_;

	for (struct hk_scope *s = root; s; s = scope_next(root, s))
		if (member_leads_to(w, s, g, goal))
			return true;
	return false;
}

static bool leads_to(struct walk *w, const struct hk_fiber_ *at, const struct hk_fiber_ *goal)
{
	struct wait wait;

	if (w->n == LONGEST_CYCLE || ++w->steps > MOST_STEPS || at->state != FIBER_PARKED)
		return false;
	w->path[w->n++] = at;
	wait = wait_of(at);
	if (wait.holder && (wait.holder == goal || leads_to(w, wait.holder, goal)))
		return true;
	if (wait.group && group_leads_to(w, wait.group, goal))
		return true;
	w->n--;
	return false;
}

static bool find_cycle(struct walk *w, const struct hk_scope *s)
{
	const struct hk_fiber_ *f = s->fibers_;

	if (!f)
		return false;
	do {
		w->n = 0;
		if (leads_to(w, f, f))
			return true;
		f = f->scope_next;
	} while (f != s->fibers_);
	return false;
}

static void put_cycle(struct dump *d)
{
	struct walk w = { .n = 0 };
	struct hk_scope *s = &d->loop->root;

	while (s && !find_cycle(&w, s))
		s = scope_next(&d->loop->root, s);
	if (!s)
		return;
	put(d, "hocket: they wait for each other: ");
	for (size_t i = 0; i < w.n; i++) {
		struct wait wait = wait_of(w.path[i]);
		put(d, "%stask \"%s\", spawned at %s, waits for %s", i > 0 ? "; " : "",
		    w.path[i]->name, w.path[i]->where, wait.what);
	}
	put(d, "\n");
}

void report_deadlock(struct hk_loop *loop)
{
	struct dump d = { .loop = loop, .fd = STDERR_FILENO, .what = HK_DUMP_STACKS };
	size_t n = loop->stats.fibers;

	put(&d,
	    "hocket: deadlock: %s and nothing is left that could wake one (no timer, descriptor, "
	    "off-loaded call, child process or signal)\n",
	    n == 1 ? "the only task waits" : "every task waits");
	put_cycle(&d);
	(void)dump_now(&d);
	abort();
}
