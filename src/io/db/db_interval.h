/* db_interval.h - PostgreSQL's intervals as ISO 8601 durations */
#pragma once
#include "base/buf.h"

/* "1 year 2 mons -3 days +04:05:06.7" -> P1Y2M-3DT4H5M6.7S, as the server's own IntervalStyle iso_8601 has it. What is in another form
 * (ISO 8601 already) is added as it is. */
MUST int db_put_interval(struct slice text, struct buf *out);
