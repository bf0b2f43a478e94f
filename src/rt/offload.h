/* offload.h - calls that leave the loop: what the rooms of rt need besides the public words */
#pragma once
#include "rt/pool.h"
#include <hocket/offload.h>

struct hk_loop;
enum { POOLS = HK_POOL_CPU + 1 };
struct offloads {
	struct pool pools[POOLS];
	size_t pending;   /* calls that will still come back, abandoned ones too */
	size_t abandoned; /* of those, the ones for which no task waits */
};

void offloads_init(struct offloads *, unsigned io_threads, unsigned cpu_threads);
void offloads_done(struct offloads *); /* nothing may be pending */
/* For hk_file_close: as hk_offload, but not refused and not taken back when the caller is cancelled. */
MUST int offload_always(hk_fn *fn, void *arg) SUSPENDS;

/* A misuse within an off-loaded call: what belongs to a loop is not for other threads, and would be a data race. */
NORETURN void offload_refuse(const char *caller);
static inline void offload_check_not_in(const char *caller)
{
	if (__builtin_expect(pool_job_name_ != NULL, 0))
		offload_refuse(caller);
}
