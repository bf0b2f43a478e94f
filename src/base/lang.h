/* lang.h - the C that this house speaks: cleanup, ownership moves, assertions, suspension marks
 *
 * What this room is for: the handful of words that every other file uses. Nothing here has state.
 * What flows through:    nothing.
 * What must hold:        a macro that can be a function is one; every word here is used in every layer. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/banned.h"

/* Marks a function that can park the calling fiber. What is not marked may assume that nothing
 * else ran in between; tools/check-suspends holds callers to it. Expands to nothing. */
#define SUSPENDS

#define MUST               __attribute__((warn_unused_result))
#define PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))
#define NORETURN           __attribute__((noreturn))

/* AUTO(buf_done) struct buf b = { 0 };  runs buf_done(&b) when the variable's scope ends. */
#define AUTO(drop) __attribute__((cleanup(drop)))

/* take(p): gives the pointer away and leaves NULL behind. */
#define take(p)                             \
	__extension__({                     \
		__typeof__(p) taken_ = (p); \
		(p) = NULL;                 \
		taken_;                     \
	})

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* Stays on in release builds: for our own bugs, never for input or I/O. */
#define ASSERT(cond)                                                        \
	do {                                                                \
		if (__builtin_expect(!(cond), 0))                           \
			assert_failed(#cond, __FILE__, __LINE__, __func__); \
	} while (0)

NORETURN void assert_failed(const char *cond, const char *file, int line, const char *func);

/* Memory. Sizes are overflow-checked; exhaustion of the address space aborts with a sentence:
 * nothing above could say more, and every large or data-driven size goes through struct buf,
 * which has a ceiling and, for what is large, returns -ENOMEM instead. */
void *xmalloc(size_t n) __attribute__((malloc, returns_nonnull));
void *xcalloc(size_t n, size_t size) __attribute__((malloc, returns_nonnull));
void *xrealloc(void *p, size_t n, size_t size) __attribute__((returns_nonnull));
char *xstrndup(const char *p, size_t n) __attribute__((malloc, returns_nonnull));
void freep(void *p); /* AUTO(freep) char *s */
