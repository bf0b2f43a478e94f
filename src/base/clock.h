/* clock.h - the two clocks of the system: one that only goes forward, one that people read */
#pragma once
#include "base/buf.h"

int64_t clock_mono_ns(void);
int64_t clock_wall_ns(void);                           /* since 1970-01-01T00:00:00Z */
MUST int clock_put_utc(struct buf *, int64_t wall_ns); /* 2026-01-31T12:30:00.123Z (RFC 3339) */
/* RFC 3339: 2026-01-31T12:30:00Z, with a fraction or an offset. -EINVAL when it is not. */
MUST int clock_parse_utc(struct slice, int64_t *ret_wall_ns);
/* RFC 9110 HTTP-date in its three forms. -EINVAL when it is none of them. */
MUST int clock_parse_http_date(struct slice, int64_t *ret_wall_ns);

/* The calendar, without a zone. Days count from 1970-01-01; what date_from_days leaves alone is the time of day. */
struct date {
	int64_t year;
	int month, day; /* from 1 */
	int hour, minute, second;
};
int64_t date_to_days(const struct date *);
void date_from_days(int64_t days, struct date *ret);
