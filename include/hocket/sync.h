/* hocket/sync.h - semaphore, mutex, event: FIFO, zero-initialised, no destructor (asyncio.Semaphore, Lock, Event)
 *
 * What must hold: (1) waiters are served in the order they came; a newcomer never overtakes. (2) waiters live on
 *   their fibers' stacks: nothing is allocated. (3) a waiter that was granted and then cancelled keeps the grant and
 *   reports success; the cancelled one that was not granted leaves the line, and nobody's turn is lost. */
#ifndef HOCKET_SYNC_H
#define HOCKET_SYNC_H
#include <hocket/types.h>

HK_BEGIN
struct hk_waiter_;
struct hk_waitlist_ {
	struct hk_waiter_ *first_, *last_;
};

struct hk_sem {
	struct hk_waitlist_ waiters_;
	int64_t free_, most_;
	size_t waiting_;
};
/* As asyncio.BoundedSemaphore: a release that nobody acquired aborts with a sentence. All zero: no permits yet and no
 * bound; permits come by release (a producer's count). */
#ifdef __cplusplus
#define HK_SEM(permits)                         \
	(hk_sem{ { nullptr, nullptr },          \
		 static_cast<int64_t>(permits), \
		 static_cast<int64_t>(permits), \
		 0 })
#else
#define HK_SEM(permits) ((struct hk_sem){ .free_ = (permits), .most_ = (permits) })
#endif
HK_MUST int hk_sem_acquire(struct hk_sem *) HK_SUSPENDS; /* 0, -ECANCELED */
HK_MUST int hk_sem_try_acquire(struct hk_sem *);         /* 0, -EAGAIN */
void hk_sem_release(struct hk_sem *);                    /* any task may */
/* More permits; negative: fewer, taken as they come back. At least one must be left. CapacityLimiter.total_tokens += more */
void hk_sem_grow(struct hk_sem *, int64_t more);
int64_t hk_sem_free(const struct hk_sem *); /* permits nobody holds */
size_t hk_sem_waiting(const struct hk_sem *);

/* Belongs to the task that locked it; a task that returns while it holds one aborts with a sentence. */
struct hk_mutex {
	struct hk_waitlist_ waiters_;
	void *owner_;
};
/* 0, -ECANCELED, -EDEADLK when held by the caller. */
HK_MUST int hk_mutex_lock(struct hk_mutex *) HK_SUSPENDS;
void hk_mutex_unlock(struct hk_mutex *); /* aborts when the caller does not hold it */

struct hk_event { /* stays set until cleared; waits on a set event return at once */
	struct hk_waitlist_ waiters_;
	bool set_;
};
HK_MUST int hk_event_wait(struct hk_event *) HK_SUSPENDS; /* 0, -ECANCELED */
/* Waits at most timeout_ns: 0 when set, -ETIMEDOUT, -ECANCELED. */
HK_MUST int hk_event_wait_for(struct hk_event *, int64_t timeout_ns) HK_SUSPENDS;
void hk_event_set(struct hk_event *);
void hk_event_clear(struct hk_event *);
bool hk_event_is_set(const struct hk_event *);

HK_END
#endif
