/* schedule.h - when: every so often, or as cron says
 *
 * What this room is for: `every:` of a source (when it is asked again) and of `group` (when its windows close).
 * What flows through:    "30m"; "0 6 * * 1-5", "@daily", "*\/15 8-18 * * mon-fri" (crontab(5): five fields, names, lists, ranges, steps), alone or as
 *   {cron: ..., zone: Europe/Berlin}. Without a zone the machine's (TZ) counts.
 * What must hold: (1) a moment that the clock passes over when summer time begins is the first one behind the gap; of two equal ones when it ends the first.
 *   (2) never the same moment twice, never one that lies behind: schedule_next > after. (3) a line that can never be (30 2) is a mistake when the file is checked. */
#pragma once
#include "base/lang.h"
#include <stdint.h>

struct schedule {
	int64_t every_ns; /* 0: as cron says */
	uint64_t minutes;
	uint32_t hours, days, months, weekdays; /* sets; weekdays: 0 is Sunday */
	bool any_day, any_weekday; /* crontab(5): when both are given, either will do */
	const char *zone;          /* of the tz database; NULL: the machine's */
};
static inline bool schedule_is_given(const struct schedule *s)
{
	return s->every_ns != 0 || s->minutes != 0;
}
/* The first moment after `after_ns` (wall clock): with every_ns that much later. */
int64_t schedule_next_ns(const struct schedule *, int64_t after_ns);
