/* hocket/offload.h - blocking calls leave the loop (asyncio.to_thread, trio.to_thread.run_sync)
 *
 * What this room is for: everything that would block the loop: files, DNS, SQLite in the one pool; CPU work in the
 *   other, so that a name look-up never waits behind a compression.
 * What must hold: (1) the caller is parked until fn has returned, also when it is cancelled meanwhile: fn's memory is
 *   the caller's stack. What has happened reports its result. (2) a task cancelled before fn started gets -ECANCELED and
 *   fn never runs. (3) fn must not call anything of hocket except hk_post. */
#ifndef HOCKET_OFFLOAD_H
#define HOCKET_OFFLOAD_H
#include <hocket/types.h>

/* fn's result, or -ECANCELED: short blocking calls in the one, computation in the other. */
HK_MUST int hk_offload(hk_fn *fn, void *arg) HK_SUSPENDS;
HK_MUST int hk_offload_cpu(hk_fn *fn, void *arg) HK_SUSPENDS;

#endif
