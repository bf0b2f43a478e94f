/* backtrace.h - which calls led here, or to where a fiber waits
 *
 * What this room is for: lists of return addresses, and their names in reports.
 * What must hold: (1) after backtrace_prepare, backtrace_here may be called in a signal handler. (2) naming allocates and
 *   reads files: never in a handler. It looks nothing up in the network. */
#pragma once
#include "base/buf.h"
#include "rt/debuginfo.h"

enum { BACKTRACE_MOST = 48 };

struct backtrace {
	size_t n;
	bool parked;      /* of a context that waits: begins with the runtime's own calls */
	bool interrupted; /* frames[0] is the next instruction, not a return address */
	void *frames[BACKTRACE_MOST]; /* return addresses, the innermost call first */
};

/* The unwinder is a library that glibc loads at its first use, with malloc: here, so that no handler has to. */
void backtrace_prepare(void);
/* The calls that led to the caller, itself included. */
void backtrace_here(struct backtrace *);
/* In a signal handler, with its third argument: the calls that led to what was interrupted. */
void backtrace_interrupted(struct backtrace *, const void *context);
/* The calls that led to where the context at sp (switch.h) was left; it does not run. */
void backtrace_parked(struct backtrace *, const void *sp);

/* One line a call: indent, "#0 fetch_page (pages.c:33)". What lies above the innermost call of a public function is hocket's
 * own business and left out of a parked context's, and so is what starts a fiber. 0, -EMSGSIZE, -ENOMEM. */
MUST int backtrace_put(struct buf *, const struct backtrace *, struct debuginfo *,
		       const char *indent);
