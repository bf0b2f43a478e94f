/* in_loop.h - tests whose body is a task on the virtual clock
 *
 *   TEST_IN_LOOP(queue_is_fifo) { CHECK_INT(hk_sleep(3600 * HK_SEC), 0); }      an hour that costs nothing
 *   TEST_IN_SIM(nothing_is_lost, 200) { ... }
 *   static const struct test tests[] = { T(queue_is_fifo), T(nothing_is_lost) };
 *
 * TEST_IN_LOOP: one run, first come first served: for what is about the order in which tasks run.
 * TEST_IN_SIM:  the body runs once like that, with sockets of the kernel, and then in the simulation over so many seeds: in
 *   any order of runnable tasks, with sockets in memory. What it expects must hold in each. So, instead of hk_yield() or
 *   hk_sleep(1) "to let them run", say hk_wait_all_parked(): all other tasks have come to their next wait then, whatever the
 *   order. Each seed is one run: static variables are set at the beginning of the body, not where they are defined.
 *   A failed check fails its seed, and the command that replays it is printed: HOCKET_SEED=17 HOCKET_TEST=name ./program.
 *   HOCKET_SEEDS=10000 runs more of them. */
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

/* A test whose body is a task: the statements behind the name run name##_main_ in a loop of their kind. */
#define TEST_IN(name, ...)                 \
	static void name##_body_(void);    \
	static int name##_main_(void *arg) \
	{                                  \
		(void)arg;                 \
		name##_body_();            \
		return 0;                  \
	}                                  \
	static void name(void)             \
	{                                  \
		__VA_ARGS__;               \
	}                                  \
	static void name##_body_(void)

#define TEST_IN_LOOP(name) TEST_IN(name, CHECK_INT(in_loop(name##_main_, NULL), 0))

static int sim_failures_; /* before the simulation */

/* After a run of the simulation: did a check fail in it? */
static inline int sim_checks_(uint64_t seed, int result, void *arg)
{
	(void)seed;
	(void)arg;
	return test_failures_ > sim_failures_ && result >= 0 ? -EBADMSG : result;
}

/* What the one run on the plain loop reported need not be told again by each seed. */
static inline void sim_quiet_(enum hk_report kind, const char *text, void *arg)
{
	(void)kind;
	(void)text;
	(void)arg;
}

/* options: seeds and net; the rest is filled in. */
static inline void in_sim_with(const char *name, hk_fn *fn, void *arg, struct hk_sim_options *o)
{
	char replay[512];

	snprintf(replay, sizeof(replay), "HOCKET_TEST=%s %s", name, program_invocation_name);
	o->after = sim_checks_;
	sim_failures_ = test_failures_;
	o->run = &(struct hk_run_options){ .report = sim_quiet_ };
	o->replay = replay;
	CHECK_INT(hk_sim(fn, arg, o), 0);
}

static inline void in_sim(const char *name, hk_fn *fn, void *arg, unsigned seeds)
{
	in_sim_with(name, fn, arg, &(struct hk_sim_options){ .seeds = seeds });
}

static inline void in_both_(const char *name, hk_fn *fn, unsigned seeds)
{
	CHECK_INT(in_loop(fn, NULL), 0);
	if (!test_failures_)
		in_sim(name, fn, NULL, seeds);
}

#define TEST_IN_SIM(name, seeds) TEST_IN(name, in_both_(#name, name##_main_, seeds))

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
