/* until.h - --until: when a run is to end, as people write it */
#pragma once
#include "base/lang.h"

struct until {
	int64_t after_ns; /* so long after the start; or */
	int64_t wall_ns;  /* at this time, since 1970 */
};
/* "5m"; a local time of today, or of tomorrow when it has passed: "18:30"; a local day and time: "2026-12-01T08:00"; one
 * with its zone: "2026-12-01T08:00:00Z". -EINVAL: none of these; -ERANGE: it has passed. */
MUST int until_parse(const char *text, int64_t now_wall_ns, struct until *ret);
/* Waits for it: 0, or -ECANCELED. A clock that is set meanwhile, or stood still, counts as it is then. */
int until_wait(const struct until *) SUSPENDS;
