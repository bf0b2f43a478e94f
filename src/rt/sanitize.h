/* sanitize.h - telling ASan, TSan and valgrind that the stack changes
 *
 * What this room is for: the tools believe that a thread has one stack. Every change of stack is announced here, so
 *   that all #if live in this file. In a plain build all of it is empty.
 * What must hold: sanitize_leave directly before context_switch, sanitize_arrive directly behind it and first of all
 *   in a new fiber. */
#pragma once
#include "base/lang.h"

#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define SANITIZE_ASAN 1
#include <pthread.h>
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
/* Frames with red zones are several times as large: what fits a fiber's stack must fit it here too. */
#ifdef SANITIZE_ASAN
#define SANITIZE_STACK_FACTOR 4
#else
#define SANITIZE_STACK_FACTOR 1
#endif
#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#define SANITIZE_TSAN 1
#include <sanitizer/tsan_interface.h>
#endif
/* TSan takes every clone(2) for a fork and would do in our memory what it does in a copy. */
#ifdef SANITIZE_TSAN
#define SANITIZE_CLONE_COPIES true
#else
#define SANITIZE_CLONE_COPIES false
#endif
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#else
#define VALGRIND_STACK_REGISTER(low, high) 0u
#define VALGRIND_STACK_DEREGISTER(id)      (void)(id)
#define RUNNING_ON_VALGRIND                0
#endif

#if defined(SANITIZE_ASAN)

struct sanitize {
	void *fake; /* ASan's own second stack for locals */
	const void *low;
	size_t bytes;
};
static inline void sanitize_fiber(struct sanitize *s, char *low, char *high)
{
	/* The frames that a former fiber never returned from have left their red zones at the top. */
	size_t used = 16384 < high - low ? 16384 : (size_t)(high - low);
	__asan_unpoison_memory_region(high - used, used);
	*s = (struct sanitize){ .low = low, .bytes = (size_t)(high - low) };
}
static inline void sanitize_fiber_done(struct sanitize *s)
{
	(void)s;
}
static inline void sanitize_thread(struct sanitize *s)
{
	pthread_attr_t attr;
	void *low = NULL;

	*s = (struct sanitize){ 0 };
	if (pthread_getattr_np(pthread_self(), &attr) != 0)
		return;
	pthread_attr_getstack(&attr, &low, &s->bytes);
	s->low = low;
	pthread_attr_destroy(&attr);
}
static inline void sanitize_leave(struct sanitize *from, bool ends, const struct sanitize *to)
{
	__sanitizer_start_switch_fiber(ends ? NULL : &from->fake, to->low, to->bytes);
}
static inline void sanitize_arrive(struct sanitize *self)
{
	__sanitizer_finish_switch_fiber(self->fake, NULL, NULL);
}

#elif defined(SANITIZE_TSAN)

struct sanitize {
	void *tsan;
};
static inline void sanitize_fiber(struct sanitize *s, char *low, char *high)
{
	(void)low, (void)high;
	s->tsan = __tsan_create_fiber(0);
}
static inline void sanitize_fiber_done(struct sanitize *s)
{
	if (s->tsan)
		__tsan_destroy_fiber(s->tsan);
	s->tsan = NULL;
}
static inline void sanitize_thread(struct sanitize *s)
{
	s->tsan = __tsan_get_current_fiber();
}
static inline void sanitize_leave(struct sanitize *from, bool ends, const struct sanitize *to)
{
	(void)from, (void)ends;
	__tsan_switch_to_fiber(to->tsan, 0);
}
static inline void sanitize_arrive(struct sanitize *self)
{
	(void)self;
}

#else

struct sanitize {
};
static inline void sanitize_fiber(struct sanitize *s, char *low, char *high)
{
	(void)s, (void)low, (void)high;
}
static inline void sanitize_fiber_done(struct sanitize *s)
{
	(void)s;
}
static inline void sanitize_thread(struct sanitize *s)
{
	(void)s;
}
static inline void sanitize_leave(struct sanitize *from, bool ends, const struct sanitize *to)
{
	(void)from, (void)ends, (void)to;
}
static inline void sanitize_arrive(struct sanitize *self)
{
	(void)self;
}

#endif
