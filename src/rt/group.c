/* group.c - task groups: the block that owns tasks and cannot end before them
 *
 * What this room is for: no task without an owner, no failure that nobody looks at.
 * What flows through:    results. A task's result goes to where its spawner said, and what it means goes to the group.
 * What must hold:
 *  (1) the group's scope is around the opener's block and all its tasks: a failure ends both alike.
 *  (2) -ECANCELED of a task whose group is cancelled is obedience, not failure, and never the cause.
 *      In a group that is not cancelled it counts as failed, but cancels nobody (as in asyncio.TaskGroup).
 *  (3) a real failure beats cancellation from outside: both reach the caller, the latter at its next checkpoint.
 *  (4) each failure is read once - returned by close, put into its spawner's result or among the group's failures - or else
 *      reported once. */
#include "rt/group.h"
#include "rt/loop.h"
#include "rt/report.h"
#include "rt/scope.h"
#include "base/banned.h"
#include <hocket/group.h>
#include <string.h>

enum { UNREAD_ONE_BY_ONE = 5 };

NOT_INLINED void hk_group_open(struct hk_group *g, const struct hk_group_options *options)
{
	struct hk_group_options o = options ? *options : (struct hk_group_options){ 0 };

	ASSERT(!o.failures_max || o.failures);
	scope_check_frame(fiber_self());
	scope_check_new(&g->scope_, fiber_self());
	*g = (struct hk_group){ .policy_ = o.policy,
				.name_ = o.name ? o.name : "group",
				.failures_ = o.failures,
				.failures_max_ = o.failures_max,
				.opener_ = fiber_self() };
	g->scope_.deadline_ns_ = HK_FOREVER;
	g->scope_.group_ = true;
	scope_enter(&g->scope_, fiber_self());
	ASSERT(fiber_self()->scope == &g->scope_);
}

int hk_group_spawn(struct hk_group *g, hk_fn *fn, void *arg, const struct hk_spawn_options *options)
{
	struct hk_loop *loop = loop_self();
	struct hk_spawn_options o = options ? *options : (struct hk_spawn_options){ 0 };
	struct fiber_label label = { o.name ? o.name : "task",
				     o.where ? o.where : "an unnamed place" };
	struct hk_task *task;

	offload_check_not_in("hk_spawn");
	if (!loop)
		misuse("hk_spawn() was called where no loop runs: start one with hk_run()");
	if (!fn)
		misuse("hk_spawn() into group \"%s\" without a function", g->name_);
	if (!g->scope_.open_)
		return -ESHUTDOWN;
	task = fiber_new(loop, fn, arg, label, &g->scope_);
	if (!task)
		return -ENOMEM;
	task->group = g;
	task->result = o.result;
	g->running_++;
	return 0;
}

int hk_group_spawn_at_(struct hk_group *g, hk_fn *fn, void *arg, const char *name,
		       const char *where)
{
	return hk_group_spawn(g, fn, arg,
			      &(struct hk_spawn_options){ .name = name, .where = where });
}

/* ---- failures ------------------------------------------------------------------------------ */

/* The first few one by one, then the 10th, the 100th, ...: a group of a million must not bury what else is said. */
static bool worth_telling(size_t nth)
{
	size_t power = 10;

	while (power < nth)
		power *= 10;
	return nth <= UNREAD_ONE_BY_ONE || nth == power;
}

static void report_unread(struct hk_group *g, const struct hk_failure *f)
{
	if (!worth_telling(++g->unread_))
		return;
	report(loop_self(), HK_REPORT_UNREAD,
	       "task \"%s\", spawned at %s, failed and nobody read it: %s (%d). "
	       "hk_group_close() returns another failure: give group \"%s\" room for failures, "
	       "or the task a result",
	       f->task, f->where, strerror(-f->code), f->code, g->name_);
	if (g->unread_ == UNREAD_ONE_BY_ONE)
		report(loop_self(), HK_REPORT_UNREAD,
		       "of further failures in group \"%s\" only the 10th, the 100th, ... are told",
		       g->name_);
}

/* Among the failures, if there is room: in the order in which they come, the cause before those that are no cause. */
static bool list_failure(struct hk_group *g, const struct hk_failure *f, bool cause)
{
	size_t n = g->failed_ - 1, at = cause ? 0 : n;

	ASSERT(g->failed_ > 0);
	n = n < g->failures_max_ ? n : g->failures_max_ - 1;
	if (at >= g->failures_max_)
		return false;
	memmove(&g->failures_[at + 1], &g->failures_[at], (n - at) * sizeof(*f));
	g->failures_[at] = *f;
	return true;
}

/* The cause is kept for close() to return it. What neither it nor anybody else will see is reported now. */
static void keep_failure(struct hk_group *g, const struct hk_failure *f, bool read)
{
	bool cause = f->code != -ECANCELED && g->first_.code == 0;

	read |= list_failure(g, f, cause);
	if (cause)
		g->first_ = *f;
	g->first_read_ |= cause && read;
	if (!cause && !read && f->code != -ECANCELED)
		report_unread(g, f);
}

void group_task_ended(struct hk_group *g, const struct hk_task *task, int result)
{
	struct hk_failure failure = { task->fiber.name, task->fiber.where, result };

	ASSERT(g->running_ > 0 && g->scope_.open_);
	if (result == -ECANCELED && scope_is_cancelled(&g->scope_)) {
		g->obeyed_++;
	} else if (result < 0) {
		g->failed_++;
		keep_failure(g, &failure, task->result != NULL);
		if (result != -ECANCELED && g->policy_ == HK_FAIL_FAST)
			hk_group_cancel(g);
	}
	if (--g->running_ == 0 && g->waiter_) {
		fiber_wake(g->waiter_, 0);
		g->waiter_ = NULL;
	}
}

/* What the block and its tasks amount to, once nothing of it runs. */
static int verdict(const struct hk_group *g, int result, bool outside, bool own)
{
	ASSERT(g->first_.code <= 0 && g->running_ == 0);
	if (result < 0 && result != -ECANCELED)
		return result;
	if (g->first_.code < 0)
		return g->first_.code;
	if (outside && (result == -ECANCELED || g->obeyed_ > 0))
		return -ECANCELED;
	/* The body may bring an -ECANCELED from a scope of its own; the group's is swallowed here. */
	return result == -ECANCELED && own ? 0 : result;
}

struct closing {
	struct park park;
	const struct hk_group *group;
};

static void describe_closing(const struct park *park, struct wait *ret)
{
	ret->group = container_of(park, struct closing, park)->group;
	(void)snprintf(ret->what, sizeof(ret->what), "%zu task%s of group \"%.60s\" to end",
		       ret->group->running_, ret->group->running_ == 1 ? "" : "s",
		       ret->group->name_);
}

static void wait_for_tasks(struct hk_group *g, struct hk_fiber_ *self) SUSPENDS
{
	struct closing c = {
		.park = { .why = "the tasks of a group", .describe = describe_closing }, .group = g
	};

	while (g->running_ > 0) {
		ASSERT(!g->waiter_);
		g->waiter_ = self;
		(void)fiber_park(self, &c.park);
	}
	ASSERT(!g->waiter_);
}

/* Closing waits: the same rules as for every call that suspends, but it is no checkpoint. */
static void check_close(const struct hk_group *g, const struct hk_fiber_ *self)
{
	if (!g->scope_.open_)
		misuse("hk_group_close() on a group that is not open: it was closed before, or "
		       "never opened");
	if (g->opener_ != self)
		misuse("group \"%s\" is closed by a task that did not open it", g->name_);
	if (g->closing_)
		misuse("group \"%s\" is closed twice", g->name_);
	if (self->scope != &g->scope_)
		misuse("group \"%s\" is closed while a scope or group that was opened inside it "
		       "is still open: close them in the reverse order of opening",
		       g->name_);
	if (self->loop->no_suspend)
		(void)fiber_checkpoint_slow(self, FRAME_HERE);
}

int hk_group_close(struct hk_group *g, int result)
{
	struct hk_fiber_ *self = fiber_self();
	bool own = g->scope_.cancelled_;

	check_close(g, self);
	g->closing_ = true;
	if (result < 0)
		hk_group_cancel(g);
	wait_for_tasks(g, self);
	scope_leave(&g->scope_, self);
	result = verdict(g, result, scope_is_cancelled(self->scope), own);
	if (g->first_.code < 0 && result != g->first_.code && !g->first_read_)
		report_unread(g, &g->first_);
	return result;
}

/* ---- groups in nobody's block -------------------------------------------------------------- */

/* The calling fiber steps out of its block, or back into it: what it opens meanwhile is opened there. */
static struct hk_scope *step_to(struct hk_fiber_ *self, struct hk_scope *scope)
{
	struct hk_scope *former = self->scope;

	scope_remove_fiber(self);
	scope_add_fiber(scope, self);
	return former;
}

void group_open_aside(struct hk_group *g, const char *name)
{
	struct hk_fiber_ *self = fiber_self();
	struct hk_scope *home = step_to(self, &self->loop->root);

	hk_group_open(g, &(struct hk_group_options){ .policy = HK_COLLECT, .name = name });
	g->opener_ = NULL;
	(void)step_to(self, home);
}

/* Left open, its tasks would keep the loop running for ever, without a word. */
void group_check_none_aside(const struct hk_loop *loop)
{
	if (loop->root.child_)
		misuse("it returns from hk_run()'s main function while \"%s\" is still in use: "
		       "free it first",
		       container_of(loop->root.child_, struct hk_group, scope_)->name_);
}

void group_close_aside(struct hk_group *g)
{
	struct hk_fiber_ *self = fiber_self();
	struct hk_scope *home = step_to(self, &g->scope_);
	int r;

	ASSERT(!g->opener_);
	g->opener_ = self;
	r = hk_group_close(g, 0);
	ASSERT(r == 0 && self->scope == &self->loop->root);
	(void)step_to(self, home);
}

void hk_group_cancel(struct hk_group *g)
{
	hk_scope_cancel(&g->scope_);
}

size_t hk_group_running(const struct hk_group *g)
{
	return g->running_;
}

size_t hk_group_failed(const struct hk_group *g)
{
	return g->failed_;
}

struct hk_task *hk_task_self(void)
{
	struct hk_loop *loop = loop_self();
	return loop && loop->current ? fiber_task(loop->current) : NULL;
}

const char *hk_task_name(const struct hk_task *task)
{
	return task->fiber.name;
}

void hk_task_set_name(const char *name)
{
	fiber_self()->name = name;
}
