/* dates.h - the dates of feeds, in all the forms that people gave them
 *
 *     Mon, 06 Sep 2021 00:01:00 +0000      RFC 822, with two-digit years, named zones, no seconds, wrong weekdays
 *     2021-09-06T00:01:00.5+02:00          RFC 3339; W3CDTF: 2021, 2021-09, 2021-09-06, 2021-09-06T00:01Z
 *     Mon Sep  6 00:01:00 2021             asctime
 *
 * What must hold: (1) a date that does not exist, or that nobody can read, is none: null, never a guess. (2) no locale and no time zone
 *   of this machine is asked; without a zone it is UTC. (3) the weekday is not believed. */
#pragma once
#include "base/buf.h"

/* Nanoseconds since 1970. -EINVAL: it is no date. */
MUST int feed_date_read(struct slice text, int64_t *ret_ns);
/* As RFC 3339 in UTC: 2021-09-06T00:01:00Z, with milliseconds where there are some. */
MUST int feed_date_put(int64_t ns, struct buf *out);
