/* scope.c - the tree of cancel scopes
 *
 * What this room is for: saying once that something must end, and having every wait beneath it end, now and later.
 * What flows through:    nothing but the word "cancelled". A scope's parent is the scope that was innermost where it
 *   was opened; a group's tasks begin in the group's scope; so the tree follows the blocks of the program.
 * What must hold:
 *  (1) inherited_ is true exactly when the scope is no shield and its parent is cancelled or has inherited: asking is
 *      two loads, cancelling walks the tree once.
 *  (2) a fiber that was granted what it waited for is RUNNABLE and is left alone: the grant stands.
 *  (3) a scope is closed by the fiber that opened it, the innermost first, when no scope and no other fiber is in it. */
#include "rt/scope.h"
#include "rt/loop.h"
#include "rt/report.h"
#include "base/banned.h"
#include <hocket/group.h>
#include <stdio.h>

/* ---- the tree ------------------------------------------------------------------------------ */

void scope_init_root(struct hk_scope *s)
{
	*s = (struct hk_scope){ .deadline_ns_ = HK_FOREVER, .open_ = true };
}

/* A scope elsewhere - on the heap, of the spawner's block, in an ASan fake frame - cannot be judged by the stack pointer. */
static uintptr_t place(const struct hk_fiber_ *f)
{
	uintptr_t at = (uintptr_t)f->scope - (uintptr_t)f->low,
		  end = (uintptr_t)(f->stack - f->low);
	return at < end ? at : end;
}

void scope_mark(struct hk_fiber_ *f)
{
	f->scope_at = f->loop->no_suspend ? 0 : place(f);
}

void scope_add_fiber(struct hk_scope *s, struct hk_fiber_ *f)
{
	struct hk_fiber_ *first = s->fibers_;

	ASSERT(s->open_ && !f->scope);
	f->scope = s;
	f->scope_name = s->group_ ? container_of(s, struct hk_group, scope_)->name_ : NULL;
	scope_mark(f);
	if (!first) {
		s->fibers_ = f->scope_next = f->scope_prev = f;
		return;
	}
	f->scope_next = first;
	f->scope_prev = first->scope_prev;
	first->scope_prev->scope_next = f;
	first->scope_prev = f;
}

void scope_remove_fiber(struct hk_fiber_ *f)
{
	struct hk_scope *s = f->scope;

	ASSERT(s && s->fibers_);
	ASSERT(f->scope_next->scope_prev == f && f->scope_prev->scope_next == f);
	if (f->scope_next == f)
		s->fibers_ = NULL;
	else if (s->fibers_ == f)
		s->fibers_ = f->scope_next;
	f->scope_next->scope_prev = f->scope_prev;
	f->scope_prev->scope_next = f->scope_next;
	f->scope = NULL;
}

void scope_enter(struct hk_scope *s, struct hk_fiber_ *self)
{
	struct hk_scope *parent = self->scope;

	ASSERT(parent && parent->open_ && self->state == FIBER_RUNNING);
	s->parent_ = parent;
	s->next_ = parent->child_;
	if (s->next_)
		s->next_->prev_ = s;
	parent->child_ = s;
	s->inherited_ = !s->shield_ && scope_is_cancelled(parent);
	s->open_ = true;
	scope_remove_fiber(self);
	scope_add_fiber(s, self);
}

/* What the author calls it: "group "pages"", or just a scope. */
struct label {
	char text[128];
};
static struct label label_of(const char *name)
{
	struct label l = { "a scope" };

	if (name)
		(void)snprintf(l.text, sizeof(l.text), "group \"%.100s\"", name);
	return l;
}

/* Of the fiber's innermost, which may be gone: it is not read, and neither is a name that lay on the same stack below frame and
 * went with it. */
static struct label innermost(const struct hk_fiber_ *f, const char *frame)
{
	const char *name = f->scope_name;
	return label_of(name && name >= f->low && name < frame ? "?" : name);
}

void scope_check_new(const struct hk_scope *s, const struct hk_fiber_ *self)
{
	if (self->scope == s)
		misuse("%s is opened again while it is open: close it first",
		       innermost(self, FRAME_HERE).text);
}

void scope_left_open(const struct hk_fiber_ *f)
{
	ASSERT(f->loop->current == f); /* so that it is the one who is named */
	misuse("it returns while %s that it opened is still open: close it first, on every way out",
	       innermost(f, f->stack).text);
}

void scope_check_frame_slow(const struct hk_fiber_ *f, const void *frame)
{
	uintptr_t at = (uintptr_t)frame - (uintptr_t)f->low;
	size_t bytes = (size_t)(f->stack - f->low);

	if (at < bytes && at > place(f))
		misuse("%s was opened in a function that has returned, and is still open: close it "
		       "first, on every way out",
		       innermost(f, frame).text);
	if (at >= bytes && stacks_contain(&f->loop->stacks, frame))
		misuse("it used more than its stack of %zu KiB and is in another task's: raise "
		       "hk_run_options.stack_bytes, make large arrays static or take them from "
		       "malloc(), and compile with -fstack-clash-protection",
		       bytes >> 10);
}

NORETURN static void closed_wrongly(const struct hk_scope *s, struct hk_fiber_ *self)
{
	const struct hk_group *group = fiber_task(self)->group;
	const struct hk_scope *outside = group ? &group->scope_ : &self->loop->root;

	if (!s->open_)
		misuse("hk_scope_close() on a scope that is not open: it was closed before, or "
		       "never opened");
	for (const struct hk_scope *at = self->scope; at != outside; at = at->parent_)
		if (at == s)
			misuse("a scope is closed out of order: %s was opened inside it and is "
			       "still open; scopes and groups close in the reverse order of "
			       "opening",
			       innermost(self, FRAME_HERE).text);
	misuse("a scope is closed by another task than the one that opened it");
}

void scope_leave(struct hk_scope *s, struct hk_fiber_ *self)
{
	ASSERT(s->open_ && self->scope == s);
	ASSERT(!s->child_ && self->scope_next == self);
	ASSERT(s->timer_ == 0 && s->parent_->open_);
	scope_remove_fiber(self);
	scope_add_fiber(s->parent_, self);
	if (s->next_)
		s->next_->prev_ = s->prev_;
	if (s->prev_)
		s->prev_->next_ = s->next_;
	else
		s->parent_->child_ = s->next_;
	s->open_ = false;
}

static struct hk_scope *next_beside(const struct hk_scope *root, struct hk_scope *at)
{
	while (at != root && !at->next_)
		at = at->parent_;
	return at == root ? NULL : at->next_;
}

struct hk_scope *scope_next(const struct hk_scope *root, struct hk_scope *at)
{
	return at->child_ ? at->child_ : next_beside(root, at);
}

/* ---- cancelling ---------------------------------------------------------------------------- */

static void wake_fibers(struct hk_scope *s)
{
	struct hk_fiber_ *f = s->fibers_;

	ASSERT(s->open_ && scope_is_cancelled(s));

	if (!f)
		return;
	do {
		if (f->state == FIBER_PARKED)
			fiber_cancel_wait(f);
		f = f->scope_next;
	} while (f != s->fibers_);
}

/* Everything in and below a scope that has just become cancelled. Shields, and what is cancelled already, are
 * passed by with all that is beneath them. */
static void spread(struct hk_scope *root)
{
	struct hk_scope *at;

	wake_fibers(root);
	at = root->child_;
	while (at) {
		if (at->shield_ || scope_is_cancelled(at)) {
			at->inherited_ = !at->shield_;
			at = next_beside(root, at);
			continue;
		}
		at->inherited_ = true;
		wake_fibers(at);
		at = scope_next(root, at);
	}
}

static void cancel(struct hk_loop *loop, struct hk_scope *s)
{
	bool known = scope_is_cancelled(s);

	ASSERT(s->open_ && !s->cancelled_);
	s->cancelled_ = true;
	timers_clear(&loop->timers, &s->timer_);
	if (!known)
		spread(s);
}

static void expire(size_t *place, void *arg)
{
	struct hk_scope *s = container_of(place, struct hk_scope, timer_);

	ASSERT(!s->expired_ && !s->cancelled_);
	s->expired_ = true;
	cancel(arg, s);
}

static struct hk_loop *loop_here(const char *caller)
{
	struct hk_loop *loop = loop_self();

	offload_check_not_in(caller);
	if (!loop)
		misuse("%s() was called where no loop runs: from another thread, hk_post() it",
		       caller);
	return loop;
}

NOT_INLINED void hk_scope_cancel(struct hk_scope *s)
{
	struct hk_loop *loop = loop_here(__func__);

	if (loop->current)
		scope_check_frame(loop->current);
	if (s->open_ && !s->cancelled_)
		cancel(loop, s);
}

bool hk_scope_cancelled(const struct hk_scope *s)
{
	return s->cancelled_;
}

/* ---- deadlines ----------------------------------------------------------------------------- */

static void set_deadline(struct hk_loop *loop, struct hk_scope *s, int64_t timeout_ns)
{
	s->deadline_ns_ = loop_deadline_ns(loop, timeout_ns);
	if (s->deadline_ns_ == HK_FOREVER)
		timers_clear(&loop->timers, &s->timer_);
	else
		timers_set(&loop->timers, &s->timer_, s->deadline_ns_, expire);
}

static void open_scope(struct hk_scope *s, int64_t timeout_ns, bool shield)
{
	struct hk_fiber_ *self = fiber_self();

	scope_check_frame(self);
	scope_check_new(s, self);
	*s = (struct hk_scope){ .shield_ = shield };
	if (timeout_ns <= 0)
		s->cancelled_ = s->expired_ = true;
	else
		set_deadline(self->loop, s, timeout_ns);
	scope_enter(s, self);
}

NOT_INLINED void hk_scope_open(struct hk_scope *s, int64_t timeout_ns)
{
	open_scope(s, timeout_ns, false);
}

NOT_INLINED void hk_scope_open_shield(struct hk_scope *s, int64_t budget_ns)
{
	open_scope(s, budget_ns, true);
}

NOT_INLINED int hk_scope_close(struct hk_scope *s, int result)
{
	struct hk_fiber_ *self = fiber_self();

	scope_check_frame(self);
	if (self->scope != s)
		closed_wrongly(s, self);
	timers_clear(&self->loop->timers, &s->timer_);
	scope_leave(s, self);
	if (result == -ECANCELED && s->expired_ && !scope_is_cancelled(self->scope))
		return -ETIMEDOUT;
	return result;
}

void hk_scope_extend(struct hk_scope *s, int64_t timeout_ns)
{
	struct hk_loop *loop = loop_here(__func__);

	if (!s->open_)
		misuse("hk_scope_extend() on a scope that is not open: it is over, its deadline "
		       "cannot move");
	if (s->cancelled_)
		return;
	if (timeout_ns <= 0)
		expire(&s->timer_, loop);
	else
		set_deadline(loop, s, timeout_ns);
}

NOT_INLINED int64_t hk_time_left_ns(void)
{
	struct hk_fiber_ *self = fiber_self();
	int64_t nearest = HK_FOREVER, now;

	scope_check_frame(self);
	if (scope_is_cancelled(self->scope))
		return 0;
	for (const struct hk_scope *s = self->scope; s; s = s->shield_ ? NULL : s->parent_)
		nearest = s->deadline_ns_ < nearest ? s->deadline_ns_ : nearest;
	if (nearest == HK_FOREVER)
		return HK_FOREVER;
	now = loop_clock_ns(self->loop);
	return nearest > now ? nearest - now : 0;
}
