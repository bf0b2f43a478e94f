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

enum { INLINED_MOST = 12, RUNTIMES_OWN = 24 };

/* Inside the call, not behind it: a call may be the last thing that a function does. */
static const void *call_of(const struct backtrace *b, size_t i)
{
	return (const char *)b->frames[i] - (i == 0 && b->interrupted ? 0 : 1);
}

static bool begins(const struct code_place *p, const char *with)
{
	return p->function && strncmp(p->function, with, strlen(with)) == 0;
}

/* The listing so far. A parked context begins with the runtime's own calls: they are dropped when the public function
 * that made them comes. */
struct listing {
	struct buf *out;
	const char *indent;
	size_t start, n;
	bool own; /* still among the runtime's own calls */
};

static int put_place(struct listing *l, const struct code_place *p)
{
	int r;

	if (l->own && begins(p, "hk_")) {
		buf_truncate(l->out, l->start);
		l->n = 0;
		l->own = false;
	}
	r = buf_printf(l->out, "%s#%zu ", l->indent, l->n);
	if (r == 0)
		r = code_place_put(l->out, p);
	if (++l->n == RUNTIMES_OWN)
		l->own = false;
	return r < 0 ? r : buf_add_char(l->out, '\n');
}

int backtrace_put(struct buf *out, const struct backtrace *b, struct debuginfo *names,
		  const char *indent)
{
	struct listing l = { .out = out, .indent = indent, .start = out->n, .own = b->parked };
	struct code_place places[INLINED_MOST];
	int r = 0;

	ASSERT(b->n <= BACKTRACE_MOST);
	for (size_t i = 0; r == 0 && i < b->n; i++) {
		size_t n = debuginfo_places(names, call_of(b, i), places, INLINED_MOST);
		if (begins(&places[n - 1], "fiber_begin") ||
		    begins(&places[n - 1], "context_begin"))
			break; /* what starts a fiber */
		for (size_t k = 0; r == 0 && k < n; k++)
			r = put_place(&l, &places[k]);
	}
	return r;
}
