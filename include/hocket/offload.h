/* hocket/offload.h - blocking calls leave the loop (asyncio.to_thread, trio.to_thread.run_sync)
 *
 * What this room is for: everything that would block the loop: files, DNS, SQLite in the one pool of threads; CPU work in
 *   the other, so that a name look-up never waits behind a compression. Work that may crash, leak or hang belongs in
 *   processes: process_pool.h.
 * Life cycle of a call: it waits for its limiter's permit if it has one, then in its pool's line; a thread runs fn; the caller
 *   gets what fn returned.
 * What must hold: (1) the caller is parked until fn has returned, also when it is cancelled meanwhile: fn's memory is
 *   the caller's stack. What has happened reports its result. (2) a task cancelled before fn started gets -ECANCELED and
 *   fn never runs. (3) fn must not call anything of hocket except hk_post. (4) calls of one pool start in the order in which
 *   they were made; those of one limiter too. (5) in the simulation (sim.h) calls run on the loop's own stack, in virtual
 *   time. (6) -EAGAIN or -ENOMEM when there is not a single thread and the system gives none: fn did not run. */
#ifndef HOCKET_OFFLOAD_H
#define HOCKET_OFFLOAD_H
#include <hocket/sync.h>

HK_BEGIN
enum hk_pool { HK_POOL_IO, HK_POOL_CPU }; /* short blocking calls; computation */

/* fn's result, or -ECANCELED: short blocking calls in the one, computation in the other. */
HK_MUST int hk_offload(hk_fn *fn, void *arg) HK_SUSPENDS;
HK_MUST int hk_offload_cpu(hk_fn *fn, void *arg) HK_SUSPENDS;

struct hk_offload_options {
	enum hk_pool pool;
	const char *name; /* borrows, for dumps; NULL: "off-loaded call" */
	/* A permit of it is held until fn has returned, by an abandoned call too, so that one kind of call cannot take all
	 * threads. It lives until its last call is over. trio: limiter */
	struct hk_sem *limiter;
	/* Not NULL: a cancelled caller does not wait: it gets -ECANCELED at once, fn ends by itself, and its result is dropped.
	 * arg must not lie on the caller's stack then, and belongs to the call: whenever the caller gets -ECANCELED,
	 * abandoned(arg) is called exactly once, on the loop, after fn has returned - or soon, when fn never started. It
	 * must not suspend. With any other result it is not called and arg is the caller's again. hk_run() waits for such calls
	 * before it returns. trio: abandon_on_cancel=True */
	void (*abandoned)(void *arg);
};
HK_MUST int hk_offload_with(hk_fn *fn, void *arg, const struct hk_offload_options *) HK_SUSPENDS;

/* How many calls of a pool run at once; more wait in line. Fewer: as running ones end. >= 1. trio: total_tokens */
void hk_offload_limit_set(enum hk_pool, unsigned threads);
unsigned hk_offload_limit(enum hk_pool);

HK_END
#endif
