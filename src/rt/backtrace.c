/* backtrace.c - lists of calls: of who asks, and of contexts that are parked
 *
 * What this room is for: the question "how did it get there?", in reports of stalls, deadlocks and dumps.
 * What flows through:    return addresses, from the unwinder of the compiler's runtime library into a fixed array.
 * What must hold:
 *  (1) a parked context is read, not run: context_walk makes the unwinder believe that it called us. So no fiber needs
 *      spare room on its stack, none notices, and it works for one that has never run.
 *  (2) the frames of the two functions that do this are not shown. */
#include "rt/backtrace.h"
#include "rt/switch.h"
#include <errno.h>
#include <execinfo.h>
#include <ucontext.h>
#include "base/banned.h"

void backtrace_prepare(void)
{
	void *frames[2];
	(void)backtrace(frames, 2);
}

void backtrace_here(struct backtrace *b)
{
	int n = backtrace(b->frames, BACKTRACE_MOST);

	b->n = n > 0 ? (size_t)n : 0;
	b->parked = b->interrupted = false;
}

static void drop_first(struct backtrace *b, size_t n)
{
	ASSERT(n <= b->n);
	b->n -= n;
	memmove(b->frames, b->frames + n, b->n * sizeof(*b->frames));
}

static const void *instruction(const ucontext_t *u)
{
#if defined(__x86_64__)
	return (const void *)(uintptr_t)u->uc_mcontext.gregs[REG_RIP];
#else
	return (const void *)(uintptr_t)u->uc_mcontext.pc;
#endif
}

void backtrace_interrupted(struct backtrace *b, const void *context)
{
	const void *at = instruction(context);

	backtrace_here(b);
	for (size_t i = 0; i < b->n; i++)
		if (b->frames[i] == at) {
			drop_first(b, i);
			b->interrupted = true;
			return;
		}
}

/* ---- parked contexts ----------------------------------------------------------------------- */

static void capture(void *arg)
{
	backtrace_here(arg);
}

/* Up to and with context_walk's: what remains begins where context_switch was called. */
static size_t own_frames(const struct backtrace *b)
{
	const char *walk = (const char *)(uintptr_t)context_walk;

	for (size_t i = 0; i < b->n; i++) {
		const char *at = b->frames[i];
		if (at > walk && at < walk + 64)
			return i + 1;
	}
	return 0;
}

void backtrace_parked(struct backtrace *b, const void *sp)
{
	context_walk(sp, capture, b);
	drop_first(b, own_frames(b));
	b->parked = true;
}

/* ---- as text ------------------------------------------------------------------------------- */

/* Inside the call, not behind it: a call may be the last thing that a function does. */
static const void *call_of(const struct backtrace *b, size_t i)
{
	return (const char *)b->frames[i] - (i == 0 && b->interrupted ? 0 : 1);
}

static bool name_begins(struct debuginfo *names, const struct backtrace *b, size_t i,
			const char *with)
{
	const char *name = debuginfo_function(names, call_of(b, i));
	return name && strncmp(name, with, strlen(with)) == 0;
}

/* Where the program's own calls begin: at the public function that parked. */
static size_t first_shown(const struct backtrace *b, struct debuginfo *names)
{
	size_t look = !b->parked ? 0 : b->n < 8 ? b->n : 8;

	for (size_t i = 0; i < look; i++)
		if (name_begins(names, b, i, "hk_"))
			return i;
	return 0;
}

/* Where they end: a fiber begins in fiber_begin. */
static size_t last_shown(const struct backtrace *b, struct debuginfo *names)
{
	for (size_t i = b->n; i > 0 && i + 3 > b->n; i--)
		if (name_begins(names, b, i - 1, "fiber_begin"))
			return i - 1;
	return b->n;
}

int backtrace_put(struct buf *out, const struct backtrace *b, struct debuginfo *names,
		  const char *indent)
{
	size_t first = first_shown(b, names), end = last_shown(b, names);
	int r = 0;

	ASSERT(b->n <= BACKTRACE_MOST);
	for (size_t i = first; r == 0 && i < end; i++) {
		r = buf_printf(out, "%s#%zu ", indent, i - first);
		if (r == 0)
			r = debuginfo_put(out, names, call_of(b, i));
		if (r == 0)
			r = buf_add_char(out, '\n');
	}
	return r;
}
