/* errand.h - an off-loaded call that nobody waits for
 *
 * What this room is for: telling a server to stop, closing a file: things that may block, begun where nothing may wait.
 * What must hold: (1) fn runs in a thread of the pool for short calls, and owns arg. (2) the loop does not end before it has. */
#pragma once
#include <hocket/types.h>

/* fn(arg) soon, exactly once; where no thread can be had, or none runs, now and here. Its result is dropped. */
void errand_send(hk_fn *fn, void *arg, const char *name);
