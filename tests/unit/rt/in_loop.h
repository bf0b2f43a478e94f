/* in_loop.h - tests whose body is a task on the virtual clock
 *
 *   TEST_IN_LOOP(queue_is_fifo) { CHECK_INT(hk_sleep(3600 * HK_SEC), 0); }      an hour that costs nothing
 *   static const struct test tests[] = { T(queue_is_fifo) };
 *
 * The order of everything is exact: one thread, one run queue, time that jumps. */
#pragma once
#include "../check.h"
#include <errno.h>
#include <hocket/hocket.h>
#include <stdarg.h>
#include <stdlib.h>

/* Runs fn(arg) as the main task of a loop with virtual clock and a fixed seed. */
static inline int in_loop(hk_fn *fn, void *arg)
{
	return hk_run(fn, arg, &(struct hk_run_options){ .virtual_clock = true, .seed = 1 });
}

#define TEST_IN_LOOP(name)                                 \
	static void name##_body_(void);                    \
	static int name##_main_(void *arg)                 \
	{                                                  \
		(void)arg;                                 \
		name##_body_();                            \
		return 0;                                  \
	}                                                  \
	static void name(void)                             \
	{                                                  \
		CHECK_INT(in_loop(name##_main_, NULL), 0); \
	}                                                  \
	static void name##_body_(void)

/* What happened, in order: "a1 b1 a2". Tests compare it as a whole. */
struct trace {
	char text[512];
	size_t n;
};
__attribute__((format(printf, 2, 3))) static inline void trace_add(struct trace *t, const char *fmt,
								   ...)
{
	va_list args;
	int n;

	if (t->n > 0 && t->n < sizeof(t->text) - 1)
		t->text[t->n++] = ' ';
	va_start(args, fmt);
	n = vsnprintf(t->text + t->n, sizeof(t->text) - t->n, fmt, args);
	va_end(args);
	ASSERT(n >= 0 && (size_t)n < sizeof(t->text) - t->n);
	t->n += (size_t)n;
}
