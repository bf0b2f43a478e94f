/* overflow.c - the fault in a guard page, told as what it is
 *
 * What this room is for: a task that uses more than its stack hits the guard page below it, and the process dies of a
 *   segmentation fault that says nothing. Here it says which task, and what to do.
 * What flows through:    the address of a fault. In the guard of the running fiber: a sentence. Then, as for every other fault,
 *   the default action: the instruction is tried again and the process ends there, so that a core file shows it.
 * What must hold:
 *  (1) the handler runs on the thread's alternate stack and uses only what is allowed there: no malloc, no stdio streams.
 *  (2) who has a handler of its own for these signals (a sanitizer, a language runtime) keeps it, and we say nothing. */
#include "rt/overflow.h"
#include "rt/handler.h"
#include "rt/loop.h"
#include <execinfo.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/banned.h"

enum { ALT_STACK_BYTES = 64 << 10, FRAMES_SHOWN = 8 };

static void on_fault(int, siginfo_t *, void *);
static struct handler segv = { .number = SIGSEGV, .fn = on_fault };
static struct handler bus = { .number = SIGBUS, .fn = on_fault };

/* Is the address in the guard page below the running task's stack? A frame larger than the guard is probed page by page
 * (-fstack-clash-protection), so nothing jumps over it. */
static const struct hk_fiber_ *overflowed(const struct hk_loop *loop, const void *address)
{
	const struct hk_fiber_ *f = loop ? loop->current : NULL;
	const char *at = address, *low;

	if (!f)
		return NULL;
	low = stacks_low(&loop->stacks, f->stack);
	return at < low && at >= f->stack - loop->stacks.bytes ? f : NULL;
}

static void say(const struct hk_fiber_ *f)
{
	char text[512];
	int n = snprintf(
		text, sizeof(text),
		"hocket: stack overflow: task \"%s\", spawned at %s, used its %zu KiB. "
		"Raise hk_run_options.stack_bytes, or call what is deep by hk_bigstack()\n",
		f->name, f->where, f->loop->stacks.bytes >> 10);
	size_t size = (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1;
	ssize_t wrote = write(STDERR_FILENO, text, size);

	(void)wrote; /* nowhere left to complain */
}

/* The innermost calls: in a recursion they are all that matters. */
static void say_calls(void)
{
	void *frames[FRAMES_SHOWN + 2];
	int n = backtrace(frames, FRAMES_SHOWN + 2);

	if (n > 2)
		backtrace_symbols_fd(frames + 2, n - 2, STDERR_FILENO);
}

static void on_fault(int number, siginfo_t *info, void *context)
{
	struct sigaction end = { .sa_handler = SIG_DFL };
	bool fault = info->si_code > 0; /* else somebody sent the signal */
	const struct hk_fiber_ *f = fault ? overflowed(loop_self(), info->si_addr) : NULL;

	(void)sigaction(number, &end, NULL);
	if (f) {
		say(f);
		say_calls();
	}
	if (!fault)
		(void)raise(number); /* it arrives when this handler returns */
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
	(void)handler_hold(&segv);
	(void)handler_hold(&bus);
}

void overflow_close(struct overflow *o)
{
	stack_t none = { .ss_flags = SS_DISABLE };

	if (o->held) {
		handler_release(&segv);
		handler_release(&bus);
	}
	if (o->stack && sigaltstack(&none, NULL) == 0)
		free(o->stack);
	*o = (struct overflow){ 0 };
}
