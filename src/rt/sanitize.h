/* sanitize.h - telling ASan, TSan and valgrind that the stack changes
 *
 * What this room is for: the tools believe that a thread has one stack. Every change of stack is announced here, so
 *   that all #if live in this file. A plain build finds out at run time whether the program was built with such a tool.
 * What must hold: all switches of fibers are sanitize_switch(), and a new fiber begins with sanitize_arrive(). */
#pragma once
#include "base/lang.h"
#include "rt/switch.h"

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

/* The library is plain, but the program that uses it may not be: its sanitizer's functions are there, or their addresses
 * are NULL. One branch a switch. */
#include <pthread.h>
__attribute__((weak)) void __sanitizer_start_switch_fiber(void **fake, const void *low, size_t);
__attribute__((weak)) void __sanitizer_finish_switch_fiber(void *fake, const void **, size_t *);
__attribute__((weak)) void __asan_unpoison_memory_region(const volatile void *, size_t);
__attribute__((weak)) void *__tsan_get_current_fiber(void);
__attribute__((weak)) void *__tsan_create_fiber(unsigned flags);
__attribute__((weak)) void __tsan_destroy_fiber(void *);
__attribute__((weak)) void __tsan_switch_to_fiber(void *, unsigned flags);

extern bool sanitize_told_; /* fiber.c: there is somebody to tell */

struct sanitize {
	void *fake, *tsan;
	const void *low;
	size_t bytes;
};
static inline void sanitize_fiber(struct sanitize *s, char *low, char *high)
{
	size_t used = 16384 < high - low ? 16384 : (size_t)(high - low);

	*s = (struct sanitize){ .low = low, .bytes = (size_t)(high - low) };
	if (__builtin_expect(__asan_unpoison_memory_region != NULL, 0))
		__asan_unpoison_memory_region(high - used, used);
	if (__builtin_expect(__tsan_create_fiber != NULL, 0))
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
	pthread_attr_t attr;
	void *low = NULL;

	*s = (struct sanitize){ 0 };
	__atomic_store_n(&sanitize_told_, __sanitizer_start_switch_fiber || __tsan_switch_to_fiber,
			 __ATOMIC_RELAXED);
	if (__tsan_get_current_fiber)
		s->tsan = __tsan_get_current_fiber();
	if (!__sanitizer_start_switch_fiber || pthread_getattr_np(pthread_self(), &attr) != 0)
		return;
	pthread_attr_getstack(&attr, &low, &s->bytes);
	s->low = low;
	pthread_attr_destroy(&attr);
}
static inline void sanitize_arrive(struct sanitize *self)
{
	if (__sanitizer_finish_switch_fiber)
		__sanitizer_finish_switch_fiber(self->fake, NULL, NULL);
}
/* Who leaves here also comes back here: the switch of programs without such a tool is not burdened. */
__attribute__((noinline, cold, unused)) static void sanitize_switch_told(struct sanitize *from,
									 bool ends,
									 const struct sanitize *to,
									 void **save, void *sp)
{
	if (__sanitizer_start_switch_fiber)
		__sanitizer_start_switch_fiber(ends ? NULL : &from->fake, to->low, to->bytes);
	if (__tsan_switch_to_fiber)
		__tsan_switch_to_fiber(to->tsan, 0);
	context_switch(save, sp);
	sanitize_arrive(from);
}
__attribute__((always_inline)) static inline void sanitize_switch(struct sanitize *from, bool ends,
								  const struct sanitize *to,
								  void **save, void *sp)
{
	if (__builtin_expect(__atomic_load_n(&sanitize_told_, __ATOMIC_RELAXED), 0))
		sanitize_switch_told(from, ends, to, save, sp);
	else
		context_switch(save, sp);
}

#endif

#if defined(SANITIZE_ASAN) || defined(SANITIZE_TSAN)
__attribute__((always_inline)) static inline void sanitize_switch(struct sanitize *from, bool ends,
								  const struct sanitize *to,
								  void **save, void *sp)
{
	sanitize_leave(from, ends, to);
	context_switch(save, sp);
	sanitize_arrive(from);
}
#endif
