/* sync.c - semaphore, mutex, event
 *
 * What this room is for: taking turns. All three are a number and a line of waiters.
 * What flows through:    permits, ownership, a bit. They are handed to the first waiter directly, so that nobody who
 *   comes later can overtake it between being woken and running.
 * What must hold:
 *  (1) a semaphore has free permits or waiters, never both.
 *  (2) bounded (most_ > 0): there are never more free permits than it was made with.
 *  (3) a cancelled waiter leaves the line before anybody else runs: a permit is never given to it. */
#include "rt/loop.h"
#include "rt/report.h"
#include "rt/scope.h"
#include "rt/waitlist.h"
#include "base/banned.h"
#include <hocket/sync.h>

/* ---- semaphore ----------------------------------------------------------------------------- */

static bool sem_leave(struct park *park)
{
	struct hk_waiter_ *w = container_of(park, struct hk_waiter_, park);
	struct hk_sem *s = container_of(w->list, struct hk_sem, waiters_);

	ASSERT(s->waiting_ > 0);
	waitlist_remove(w);
	s->waiting_--;
	return true;
}

static void sem_describe(const struct park *park, struct wait *ret)
{
	const struct hk_waiter_ *w = container_of(park, struct hk_waiter_, park);
	const struct hk_sem *s = container_of(w->list, struct hk_sem, waiters_);

	(void)snprintf(ret->what, sizeof(ret->what), "a semaphore: %jd free, %zu waiting",
		       (intmax_t)s->free_, s->waiting_);
}

static int wait_for_permit(struct hk_sem *s, struct hk_fiber_ *self) SUSPENDS
{
	struct hk_waiter_ w = {
		.park = { .why = "a semaphore", .cancel = sem_leave, .describe = sem_describe }
	};

	ASSERT(!s->waiters_.first_ == (s->waiting_ == 0));
	s->waiting_++;
	return waitlist_wait_as(&s->waiters_, self, &w);
}

int hk_sem_acquire(struct hk_sem *s)
{
	struct hk_fiber_ *self = fiber_self();
	int r = fiber_checkpoint(self);

	if (r < 0)
		return r;
	if (s->free_ <= 0)
		return wait_for_permit(s, self);
	ASSERT(!s->waiters_.first_);
	s->free_--;
	return 0;
}

int hk_sem_try_acquire(struct hk_sem *s)
{
	if (s->free_ <= 0)
		return -EAGAIN;
	s->free_--;
	return 0;
}

void hk_sem_release(struct hk_sem *s)
{
	offload_check_not_in(__func__);
	if (!s->waiters_.first_ || s->free_ < 0) {
		if (s->most_ > 0 && s->free_ >= s->most_)
			misuse("a semaphore of %lld permits is released more often than acquired",
			       (long long)s->most_);
		s->free_++;
		return;
	}
	ASSERT(s->free_ == 0 && s->waiting_ > 0);
	s->waiting_--;
	waitlist_serve(&s->waiters_, 0);
}

void hk_sem_grow(struct hk_sem *s, int64_t more)
{
	int64_t most = s->most_ + more;

	if (s->most_ > 0 && most <= 0)
		misuse("hk_sem_grow() leaves a semaphore with %lld permits in all: nobody could "
		       "ever acquire it again",
		       (long long)most);
	s->most_ += s->most_ > 0 ? more : 0;
	s->free_ += more;
	while (s->free_ > 0 && s->waiters_.first_) {
		s->free_--;
		s->waiting_--;
		waitlist_serve(&s->waiters_, 0);
	}
}

int64_t hk_sem_free(const struct hk_sem *s)
{
	return s->free_;
}

size_t hk_sem_waiting(const struct hk_sem *s)
{
	return s->waiting_;
}

/* ---- mutex --------------------------------------------------------------------------------- */

static void mutex_describe(const struct park *park, struct wait *ret)
{
	const struct hk_waiter_ *w = container_of(park, struct hk_waiter_, park);
	const struct hk_mutex *m = container_of(w->list, struct hk_mutex, waiters_);

	ret->holder = m->owner_;
	ASSERT(ret->holder); /* else nobody would wait */
	(void)snprintf(ret->what, sizeof(ret->what),
		       "a mutex that task \"%.60s\", spawned at %.80s, holds", ret->holder->name,
		       ret->holder->where);
}

static int mutex_wait(struct hk_mutex *m, struct hk_fiber_ *self) SUSPENDS
{
	struct hk_waiter_ w = {
		.park = { .why = "a mutex", .cancel = waitlist_leave, .describe = mutex_describe },
	};
	return waitlist_wait_as(&m->waiters_, self, &w);
}

static void mutex_give(struct hk_mutex *m, struct hk_fiber_ *f)
{
	ASSERT(!m->owner_);
	m->owner_ = f;
	f->mutexes++;
}

int hk_mutex_lock(struct hk_mutex *m)
{
	struct hk_fiber_ *self = fiber_self();
	int r = fiber_checkpoint(self);

	if (r < 0)
		return r;
	if (m->owner_ == self)
		return -EDEADLK;
	ASSERT(m->owner_ || !m->waiters_.first_);
	if (m->owner_)
		return mutex_wait(m, self);
	mutex_give(m, self);
	return 0;
}

NORETURN static void unlocked_wrongly(const struct hk_fiber_ *owner)
{
	if (!owner)
		misuse("a mutex is unlocked that nobody holds: did hk_mutex_lock() fail?");
	misuse("a mutex is unlocked that another task holds, \"%s\", spawned at %s: did "
	       "hk_mutex_lock() fail?",
	       owner->name, owner->where);
}

void hk_mutex_unlock(struct hk_mutex *m)
{
	struct hk_waiter_ *next;

	if (m->owner_ != fiber_self())
		unlocked_wrongly(m->owner_);
	fiber_self()->mutexes--;
	m->owner_ = NULL;
	next = waitlist_take(&m->waiters_);
	if (!next)
		return;
	mutex_give(m, next->park.fiber);
	fiber_wake(next->park.fiber, 0);
}

/* ---- event --------------------------------------------------------------------------------- */

int hk_event_wait(struct hk_event *e)
{
	struct hk_fiber_ *self = fiber_self();
	int r = fiber_checkpoint(self);

	if (r < 0 || e->set_)
		return r;
	return waitlist_wait(&e->waiters_, self, "an event", NULL);
}

int hk_event_wait_for(struct hk_event *e, int64_t timeout_ns)
{
	struct hk_scope scope;
	int r = fiber_checkpoint(fiber_self());

	if (r < 0 || e->set_)
		return r;
	hk_scope_open(&scope, timeout_ns);
	return hk_scope_close(&scope, hk_event_wait(e));
}

void hk_event_set(struct hk_event *e)
{
	offload_check_not_in(__func__);
	e->set_ = true;
	waitlist_serve_all(&e->waiters_, 0);
	ASSERT(!e->waiters_.first_);
}

void hk_event_clear(struct hk_event *e)
{
	e->set_ = false;
}

bool hk_event_is_set(const struct hk_event *e)
{
	return e->set_;
}
