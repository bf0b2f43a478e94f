/* units.h - numbers, durations, sizes and rates as people write them, and back
 *
 * What must hold: reading refuses what it does not understand whole: -EINVAL for the form, -ERANGE for the
 *   size. Sizes: K, M, G (also KB, MB, GB, KiB...) are 1024. Durations: ns us ms s m (or min) h d, whole
 *   or decimal. What is refused leaves the result as it was. */
#pragma once
#include "base/buf.h"

MUST int units_int(struct slice, int64_t *ret);         /* decimal, optional sign, nothing else */
MUST int units_duration(struct slice, int64_t *ret_ns); /* "30s" "1.5h" "7d"; "0" is allowed */
MUST int units_size(struct slice, uint64_t *ret_bytes); /* "64MB" "512" */

struct rate {
	int64_t count;  /* at most this many starts ... */
	int64_t per_ns; /* ... in any window this long; 0: no rate */
	int64_t burst;  /* how many at once; 0: spread evenly */
	bool per_host;  /* each host has its own */
};
/* N/T [per host] [burst B]: "500/min" "1/s per host" "100/10s burst 10". -ERANGE: 0, or a burst above N. */
MUST int units_rate(struct slice, struct rate *ret);

/* For messages; all append and never fail for lack of a value. */
MUST int units_put_count(struct buf *, int64_t);       /* 5,000 */
MUST int units_put_duration(struct buf *, int64_t ns); /* 840ms 2.4s 2m12s 3h05m */
MUST int units_put_size(struct buf *, uint64_t bytes); /* 38 MB */
