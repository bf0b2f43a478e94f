/* overflow.c - a fault in a task, told as what it is
 *
 * What this room is for: a task that uses more than its stack hits the guard below it, and the process dies of a
 *   segmentation fault that says nothing. Here it says which task, and what to do; of every other fault, which task and where.
 * What flows through:    the address of a fault and the stack pointer that was interrupted: a sentence, and the calls. Then
 *   the default action: the instruction is tried again and the process ends there, so that a core file shows it.
 * What must hold:
 *  (1) the handler runs on the thread's alternate stack and uses only what is allowed there: no malloc, no stdio streams.
 *  (2) who has a handler of its own for these signals (a sanitizer, a language runtime) keeps it, and we say nothing.
 *  (3) the action is the default again before anything is looked at: a fault of ours ends the process like theirs, and what
 *      was written before stands. */
#include "rt/overflow.h"
#include "rt/backtrace.h"
#include "rt/handler.h"
#include "rt/loop.h"
#include <execinfo.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <ucontext.h>
#include <unistd.h>
#include "base/banned.h"

enum { ALT_STACK_BYTES = 64 << 10, FRAMES_SHOWN = 8 };
/* So far from the stack pointer a frame that was not probed may be touched first: pushes, and a red zone. */
enum { REACH_BYTES = 4096 };

static void on_fault(int, siginfo_t *, void *);
static struct handler handlers[] = {
	{ .number = SIGSEGV, .fn = on_fault },
	{ .number = SIGBUS, .fn = on_fault },
	{ .number = SIGFPE, .fn = on_fault },
};

static const char *stack_pointer(const ucontext_t *u)
{
#if defined(__x86_64__)
	return (const char *)(uintptr_t)u->uc_mcontext.gregs[REG_RSP];
#else
	return (const char *)(uintptr_t)u->uc_mcontext.sp;
#endif
}

/* Was the address in the guard below the task's stack, or in a frame so large that it begins beyond the guard? The compiler probes
 * such frames page by page with -fstack-clash-protection; without, they are caught only if what they touch is not mapped. */
static bool overflowed(const struct hk_fiber_ *f, const char *address, const char *sp)
{
	const char *guard = f->stack - f->loop->stacks.stride;
	const char *least = sp < guard ? sp - REACH_BYTES : guard;

	return address >= least && address < f->low;
}

static void say(const char *text, int n, size_t most)
{
	ssize_t wrote = write(STDERR_FILENO, text, (size_t)n < most ? (size_t)n : most - 1);
	(void)wrote; /* nowhere left to complain */
}

static void say_overflow(const struct hk_fiber_ *f)
{
	char text[512];
	int n = snprintf(
		text, sizeof(text),
		"hocket: stack overflow: task \"%s\", spawned at %s, used its %zu KiB. "
		"Raise hk_run_options.stack_bytes, or call what is deep by hk_bigstack()\n",
		f->name, f->where, f->loop->stacks.bytes >> 10);

	say(text, n, sizeof(text));
}

static const char *signal_name(int number)
{
	return number == SIGSEGV  ? "SIGSEGV"
	       : number == SIGBUS ? "SIGBUS"
	       : number == SIGFPE ? "SIGFPE"
				  : "SIGILL";
}

static void say_fault(const struct hk_fiber_ *f, int number, const void *address)
{
	char text[512];
	int n = snprintf(text, sizeof(text),
			 "hocket: %s in task \"%s\", spawned at %s (address 0x%jx)\n",
			 signal_name(number), f->name, f->where, (uintmax_t)(uintptr_t)address);

	say(text, n, sizeof(text));
}

/* The innermost calls: in a recursion they are all that matters. */
static void say_calls(const void *context)
{
	struct backtrace b;

	backtrace_interrupted(&b, context);
	backtrace_symbols_fd(b.frames, (int)(b.n < FRAMES_SHOWN ? b.n : FRAMES_SHOWN),
			     STDERR_FILENO);
}

void overflow_say(int number, const siginfo_t *info, const void *context)
{
	bool fault = info->si_code > 0; /* else somebody sent the signal */
	const struct hk_loop *loop = loop_self();
	const struct hk_fiber_ *f = fault && loop ? loop_running(loop) : NULL;

	if (!f)
		return;
	if (f == loop->current && overflowed(f, info->si_addr, stack_pointer(context)))
		say_overflow(f);
	else
		say_fault(f, number, info->si_addr);
	say_calls(context);
}

static void on_fault(int number, siginfo_t *info, void *context)
{
	struct sigaction end = { .sa_handler = SIG_DFL };

	(void)sigaction(number, &end, NULL);
	overflow_say(number, info, context);
	if (info->si_code <= 0)
		(void)raise(number); /* it arrives when this handler returns */
}

static void hold_all(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(handlers); i++)
		(void)handler_hold(&handlers[i]);
}

static void release_all(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(handlers); i++)
		handler_release(&handlers[i]);
}

void overflow_open(struct overflow *o)
{
	stack_t stack = { .ss_size = ALT_STACK_BYTES }, former;

	*o = (struct overflow){ 0 };
	if (sigaltstack(NULL, &former) == 0 && (former.ss_flags & SS_DISABLE)) {
		stack.ss_sp = o->stack = malloc(ALT_STACK_BYTES);
		if (o->stack && sigaltstack(&stack, NULL) < 0) {
			free(o->stack);
			o->stack = NULL;
		}
		if (!o->stack)
			return; /* a handler would fault again */
	}
	o->held = true;
	hold_all();
}

void overflow_close(struct overflow *o)
{
	stack_t none = { .ss_flags = SS_DISABLE };

	if (o->held)
		release_all();
	if (o->stack && sigaltstack(&none, NULL) == 0)
		free(o->stack);
	*o = (struct overflow){ 0 };
}
