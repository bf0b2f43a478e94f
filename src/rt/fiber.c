/* fiber.c - fibers: made on pooled stacks, switched by hand, run in turns
 *
 * What this room is for: who runs next. A fiber that parks switches straight to the next runnable one; the loop's own
 *   stack is visited once a turn, to look at the world.
 * What flows through:    fibers, through one intrusive first-in-first-out queue.
 * What must hold:
 *  (1) a fiber is in the run queue exactly while it is RUNNABLE.
 *  (2) the struct of a task is the top of its own stack, so that a parked task costs one page, and it dies when the
 *      stack goes back to the pool: the last thing that happens on that stack is the switch away from it.
 *  (3) after TURN_LENGTH switches, or when the watcher (stall.c) finds it long enough, the loop has its turn: no crowd of busy fibers keeps timers and sockets waiting.
 *
 *      fiber_new             run_first                fiber_park
 *   ----------> RUNNABLE ------------> RUNNING --------------------> PARKED
 *                  ^ ^                    | |  fn returned              |
 *                  | +---- fiber_yield ---+ +------------> ENDED        |
 *                  +------------------ fiber_wake ----------------------+ */
#include "rt/fiber.h"
#include "rt/group.h"
#include "rt/loop.h"
#include "rt/report.h"
#include "rt/scope.h"
#include "rt/sim.h"
#include "rt/switch.h"
#include "base/banned.h"
#include <hocket/group.h>

enum {
	TURN_LENGTH = 128,
	/* Tops of stacks would all fall into the same few cache sets; they are shifted against each other. */
	COLOURS = 8,
	COLOUR_BYTES = 128,
};

__thread struct hk_loop *loop_of_thread_;
bool sanitize_told_;

struct hk_fiber_ *fiber_self_of(const char *caller)
{
	struct hk_loop *loop = loop_self();

	if (__builtin_expect(loop && loop->current, 1))
		return loop->current;
	offload_check_not_in(caller);
	if (!loop)
		misuse("%s() was called where no loop runs: start one with hk_run()", caller);
	if (loop->big.runs_for)
		misuse("%s() was called within hk_bigstack(), where nothing can wait", caller);
	misuse("%s() was called in a callback on the loop's own stack, where nothing can wait: "
	       "spawn a task for it",
	       caller);
}

/* Every suspending call passes here first; what it found is rare. */
int fiber_checkpoint_slow(const struct hk_fiber_ *f, const void *frame)
{
	scope_check_frame_slow(f, frame);
	if (f->loop->no_suspend)
		misuse("a call that suspends was made in %s, where nothing may wait",
		       f->loop->no_suspend);
	return scope_is_cancelled(f->scope) ? -ECANCELED : 0;
}

struct hk_task *fiber_task(struct hk_fiber_ *f)
{
	return container_of(f, struct hk_task, fiber);
}

/* ---- the run queue ------------------------------------------------------------------------- */

static void run_append(struct run_queue *q, struct hk_fiber_ *f)
{
	ASSERT(f->state == FIBER_RUNNABLE && !q->first == !q->last);
	f->run_next = NULL;
	if (q->last)
		q->last->run_next = f;
	else
		q->first = f;
	q->last = f;
}

static struct hk_fiber_ *run_first(struct hk_loop *loop)
{
	struct run_queue *q = &loop->ready;
	struct hk_fiber_ *f;

	if (__builtin_expect(loop->sim != NULL, 0) && q->first)
		sim_choose(loop, q);
	f = q->first;
	if (f && !(q->first = f->run_next))
		q->last = NULL;
	return f;
}

/* ---- switching ----------------------------------------------------------------------------- */

/* Leaves the running context (a fiber's or the loop's) for another fiber's; NULL: for the loop's. */
static void switch_to(struct hk_loop *loop, void **save, struct sanitize *from, bool ends,
		      struct hk_fiber_ *next)
{
	void *sp = loop->sp;

	loop->current = next;
	if (next) {
		ASSERT(next->state == FIBER_RUNNABLE);
		next->state = FIBER_RUNNING;
		sp = next->sp;
		counter_add(&loop->stats.switches);
	}
	sanitize_switch(from, ends, next ? &next->sanitize : &loop->sanitize, save, sp);
}

/* One switch less. The watcher (stall.c) may have ended the turn; that it may be overwritten here does not matter, it does so
 * again. */
static bool turn_go_on(struct hk_loop *loop)
{
	int left = __atomic_load_n(&loop->turn_left, __ATOMIC_RELAXED) - 1;

	__atomic_store_n(&loop->turn_left, left, __ATOMIC_RELAXED);
	return left > 0;
}

static struct hk_fiber_ *next_in_turn(struct hk_loop *loop)
{
	return turn_go_on(loop) ? run_first(loop) : NULL;
}

static void suspend(struct hk_fiber_ *self, struct hk_fiber_ *next) SUSPENDS
{
	struct hk_loop *loop = self->loop;

	switch_to(loop, &self->sp, &self->sanitize, false, next);
	ASSERT(loop->current == self);
}

int fiber_park(struct hk_fiber_ *self, struct park *park)
{
	ASSERT(self->state == FIBER_RUNNING && self == self->loop->current);
	ASSERT(park->why && !self->park);
	park->fiber = self;
	park->since_ns = self->loop->now_ns;
	self->park = park;
	self->state = FIBER_PARKED;
	suspend(self, next_in_turn(self->loop));
	return self->wake_result;
}

void fiber_wake(struct hk_fiber_ *f, int result)
{
	if (__builtin_expect(f->loop != loop_self(), 0))
		misuse("task \"%s\" of another loop would be woken: other threads reach a loop "
		       "with "
		       "hk_post() only",
		       f->name);
	ASSERT(f->state == FIBER_PARKED && f->park && f->timer == 0);
	f->park = NULL;
	f->wake_result = result;
	f->state = FIBER_RUNNABLE;
	run_append(&f->loop->ready, f);
}

bool fiber_cancel_wait(struct hk_fiber_ *f)
{
	ASSERT(f->state == FIBER_PARKED);
	if (!f->park->cancel || !f->park->cancel(f->park))
		return false;
	fiber_wake(f, -ECANCELED);
	return true;
}

void fiber_yield(struct hk_fiber_ *self)
{
	struct hk_fiber_ *next;

	ASSERT(self->state == FIBER_RUNNING && self == self->loop->current);
	if (!self->loop->ready.first && turn_go_on(self->loop))
		return; /* alone: nobody to let through */
	self->state = FIBER_RUNNABLE;
	run_append(&self->loop->ready, self);
	next = next_in_turn(self->loop);
	if (next == self)
		self->state = FIBER_RUNNING; /* chosen again by the simulation */
	else
		suspend(self, next);
}

/* ---- beginning and end --------------------------------------------------------------------- */

/* The last function of a fiber. Its stack is already in the pool when the switch leaves it: nobody can take
 * it before, because nothing else runs. */
NORETURN static void fiber_end(struct hk_fiber_ *f, int result)
{
	struct hk_loop *loop = f->loop;
	struct hk_task *task = fiber_task(f);

	ASSERT(f->state == FIBER_RUNNING && f == loop->current);
	if (f->scope != (task->group ? &task->group->scope_ : &loop->root))
		scope_left_open(f);
	if (f->mutexes > 0)
		misuse("it returns while it holds a mutex: nobody else can unlock it; do so first, "
		       "on "
		       "every way out");
	if (!task->group)
		group_check_none_aside(loop);
	ASSERT(!f->park && f->timer == 0 && loop->stats.fibers > 0);
	scope_remove_fiber(f);
	f->state = FIBER_ENDED;
	loop->stats.fibers--;
	if (task->result)
		*task->result = result;
	if (task->group)
		group_task_ended(task->group, task, result);
	else
		loop->main_result = result;
	sanitize_fiber_done(&loop->ended);
	loop->ended = f->sanitize;
	stacks_give(&loop->stacks, f->stack);
	switch_to(loop, &f->sp, &f->sanitize, true, next_in_turn(loop));
	__builtin_unreachable();
}

static void fiber_begin(void *arg)
{
	struct hk_fiber_ *f = arg;

	sanitize_arrive(&f->sanitize);
	ASSERT(f == f->loop->current && f->state == FIBER_RUNNING);
	fiber_end(f, f->fn(f->arg));
}

static void count_new(struct hk_stats *stats)
{
	stats->spawned++;
	if (++stats->fibers > stats->fibers_high)
		stats->fibers_high = stats->fibers;
}

struct hk_task *fiber_new(struct hk_loop *loop, hk_fn *fn, void *arg, struct fiber_label label,
			  struct hk_scope *scope)
{
	char *top = stacks_take(&loop->stacks), *at;
	size_t colour = (uintptr_t)top / loop->stacks.stride % COLOURS;
	struct hk_task *task;
	struct hk_fiber_ *f;

	if (!top)
		return NULL;
	at = top - colour * COLOUR_BYTES - (sizeof(*task) + 63) / 64 * 64;
	task = (struct hk_task *)(void *)at;
	sanitize_fiber(&task->fiber.sanitize, stacks_low(&loop->stacks, top), top);
	*task = (struct hk_task){ .fiber = { .loop = loop,
					     .state = FIBER_RUNNABLE,
					     .stack = top,
					     .low = stacks_low(&loop->stacks, top),
					     .fn = fn,
					     .arg = arg,
					     .name = label.name,
					     .where = label.where,
					     .sanitize = task->fiber.sanitize } };
	f = &task->fiber;
	f->sp = context_make(at, fiber_begin, f);
	scope_add_fiber(scope, f);
	run_append(&loop->ready, f);
	count_new(&loop->stats);
	return task;
}

/* ---- a turn -------------------------------------------------------------------------------- */

/* The fiber that left for the loop's stack because a library needs a deep one: calls it, and goes on there. */
static struct hk_fiber_ *big_call(struct hk_loop *loop)
{
	struct hk_fiber_ *caller = loop->big.caller;

	if (!caller)
		return NULL;
	ASSERT(!loop->current && caller->state == FIBER_RUNNING);
	loop->big.caller = NULL;
	loop->big.runs_for = caller;
	loop->big.result = loop->big.fn(loop->big.arg);
	loop->big.runs_for = NULL;
	caller->state = FIBER_RUNNABLE;
	return caller;
}

void fibers_run_turn(struct hk_loop *loop)
{
	struct hk_fiber_ *f = run_first(loop);

	ASSERT(!loop->current);
	__atomic_store_n(&loop->turn_left, TURN_LENGTH, __ATOMIC_RELAXED);
	while (f) {
		switch_to(loop, &loop->sp, &loop->sanitize, false, f);
		f = big_call(loop);
	}
}

int hk_bigstack(hk_fn *fn, void *arg)
{
	struct hk_loop *loop = loop_self();
	struct hk_fiber_ *self = loop ? loop->current : NULL;

	if (!self)
		return fn(arg);
	ASSERT(!loop->big.caller);
	loop->big.fn = fn;
	loop->big.arg = arg;
	loop->big.caller = self;
	switch_to(loop, &self->sp, &self->sanitize, false, NULL);
	return loop->big.result;
}
