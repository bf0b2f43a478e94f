/* group.c - task groups: the block that owns tasks and cannot end before them
 *
 * What this room is for: no task without an owner, no failure that nobody looks at.
 * What flows through:    results. A task's result goes to where its spawner said, and what it means goes to the group.
 * What must hold:
 *  (1) the group's scope is around the opener's block and all its tasks: a failure ends both alike.
 *  (2) -ECANCELED of a task whose group is cancelled is obedience, not failure, and never the cause.
 *      In a group that is not cancelled it counts as failed, but cancels nobody (as in asyncio.TaskGroup).
 *  (3) a real failure beats cancellation from outside: both reach the caller, the latter at its next checkpoint. */
#include "rt/group.h"
#include "rt/loop.h"
#include "rt/scope.h"
#include "base/banned.h"
#include <hocket/group.h>

void hk_group_open(struct hk_group *g, const struct hk_group_options *options)
{
	struct hk_group_options o = options ? *options : (struct hk_group_options){ 0 };

	*g = (struct hk_group){ .policy_ = o.policy, .name_ = o.name ? o.name : "group" };
	g->scope_.deadline_ns_ = HK_FOREVER;
	scope_enter(&g->scope_, fiber_self());
	ASSERT(fiber_self()->scope == &g->scope_);
}

int hk_group_spawn(struct hk_group *g, hk_fn *fn, void *arg, const struct hk_spawn_options *options)
{
	struct hk_loop *loop = loop_self();
	const char *name = options && options->name ? options->name : "task";
	struct hk_task *task;

	ASSERT(loop && g->scope_.open_);
	task = fiber_new(loop, fn, arg, name, &g->scope_);
	if (!task)
		return -ENOMEM;
	task->group = g;
	task->result = options ? options->result : NULL;
	g->running_++;
	return 0;
}

void group_task_ended(struct hk_group *g, int result)
{
	ASSERT(g->running_ > 0 && g->scope_.open_);
	if (result == -ECANCELED && scope_is_cancelled(&g->scope_)) {
		g->obeyed_++;
	} else if (result < 0) {
		g->failed_++;
		if (result != -ECANCELED && g->first_error_ == 0)
			g->first_error_ = result;
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
	if (result < 0 && result != -ECANCELED)
		return result;
	ASSERT(g->first_error_ <= 0 && g->running_ == 0);
	if (g->first_error_ < 0)
		return g->first_error_;
	if (outside && (result == -ECANCELED || g->obeyed_ > 0))
		return -ECANCELED;
	/* The body may bring an -ECANCELED from a scope of its own; the group's is swallowed here. */
	return result == -ECANCELED && !own ? -ECANCELED : 0;
}

int hk_group_close(struct hk_group *g, int result)
{
	struct hk_fiber_ *self = fiber_self();
	struct park park = { .why = "group close" };
	bool own = g->scope_.cancelled_;

	ASSERT(self->scope == &g->scope_ && !g->closing_);
	g->closing_ = true;
	if (result < 0)
		hk_group_cancel(g);
	while (g->running_ > 0) {
		ASSERT(!g->waiter_);
		g->waiter_ = self;
		(void)fiber_park(self, &park);
	}
	ASSERT(!g->waiter_);
	scope_leave(&g->scope_, self);
	return verdict(g, result, scope_is_cancelled(self->scope), own);
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
