/* schedule.h - when: every so often, or as cron says
 *
 * What this room is for: `every:` of a source (when it is asked again) and of `group` (when its windows close).
 * What flows through:    "30m"; "0 6 * * 1-5", "@daily", "*\/15 8-18 * * mon-fri" (crontab(5): five fields, names, lists, ranges, steps), alone or as
 *   {cron: ..., zone: Europe/Berlin}. Without a zone the machine's (TZ) counts.
 * What must hold: (1) a moment that the clock passes over when summer time begins is the first one behind the gap; of two equal ones when it ends the
 *   first, but both when every hour is meant: `0 * * * *` comes each hour. (2) never the same moment twice, never one that lies behind:
 *   schedule_next_ns > after. (3) a line that can never be (30 2) is a mistake when the file is checked. */
#pragma once
#include "base/buf.h"
#include <stdint.h>

struct arena;
struct zone;
struct schedule {
	int64_t every_ns; /* 0: as cron says */
	uint64_t minutes;
	uint32_t hours, days, months, weekdays; /* sets; weekdays: 0 is Sunday */
	bool any_day,
		any_weekday; /* begins with *; crontab(5): when neither does, either day will do */
	const char *text;    /* as it stands in the file */
	const char *zone;    /* of the tz database; NULL: the machine's */
	const struct zone *clock; /* what that zone's clocks say; NULL: UTC */
};
static inline bool schedule_is_given(const struct schedule *s)
{
	return s->every_ns != 0 || s->minutes != 0;
}
/* A duration, or a line of cron. What it points to belongs to the arena. -EINVAL: *why says what is wrong; another error is buf's. */
MUST int schedule_parse(struct arena *, struct slice text, const char *zone, struct schedule *ret,
			struct buf *why);
/* The first moment after `after_ns` (wall clock): with every_ns that much later. */
int64_t schedule_next_ns(const struct schedule *, int64_t after_ns);
/* "every 30m", "cron '0 6 * * 1-5' in Europe/Berlin" */
MUST int schedule_put(struct buf *, const struct schedule *);
/* The next moment for who waits for it: "in 45s", "at 14:30", "Tue at 06:00", later "2026-12-01 at 06:00". */
MUST int schedule_put_next(struct buf *, const struct schedule *, int64_t next_ns, int64_t now_ns);
/* A moment as that zone's clocks show it: "Mon 2026-03-30 06:00 +02:00" */
MUST int schedule_put_moment(struct buf *, const struct schedule *, int64_t wall_ns);
