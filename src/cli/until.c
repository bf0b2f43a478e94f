/* until.c - when a run is to end: in five minutes, at half past six, on the first of December
 *
 * What this room is for: --until.
 * What flows through:    words of the command line in; a duration or a time out; one wait.
 * What must hold:
 *  (1) a time without a zone is the user's own: TZ and the system's zone decide, summer time included.
 *  (2) a time that does not exist (the 31st of February) is a mistake, not the third of March. */
#include "cli/until.h"
#include "base/clock.h"
#include "base/units.h"
#include <errno.h>
#include <hocket/run.h>
#include <time.h>

#define LOOK_EVERY_NS (10 * HK_SEC)

/* All of the text by one of the formats, into what stands in tm already. */
static bool read_time(const char *text, const char *const *formats, size_t n, struct tm *tm)
{
	for (size_t i = 0; i < n; i++) {
		struct tm read = *tm;
		const char *end = strptime(text, formats[i], &read);
		if (!end || *end)
			continue;
		*tm = read;
		return true;
	}
	return false;
}

static int local_ns(struct tm *tm, int64_t *ret)
{
	const int day = tm->tm_mday, month = tm->tm_mon;
	tm->tm_isdst = -1;
	time_t t = mktime(tm);
	if (t == (time_t)-1)
		return -EINVAL;
	*ret = (int64_t)t * HK_SEC;
	return tm->tm_mday == day && tm->tm_mon == month ? 0 : -EINVAL;
}

static int read_clock(const char *text, int64_t now_ns, int64_t *ret)
{
	static const char *const formats[] = { "%H:%M", "%H:%M:%S" };
	time_t now = (time_t)(now_ns / HK_SEC);
	struct tm tm;
	if (!localtime_r(&now, &tm))
		return -EINVAL;
	tm.tm_sec = 0;
	if (!read_time(text, formats, ARRAY_SIZE(formats), &tm))
		return -EINVAL;
	struct tm today = tm;
	int r = local_ns(&today, ret);
	if (r < 0 || *ret > now_ns)
		return r;
	tm.tm_mday++; /* mktime knows how long the month is */
	tm.tm_isdst = -1;
	time_t t = mktime(&tm);
	*ret = (int64_t)t * HK_SEC;
	return t == (time_t)-1 ? -EINVAL : 0;
}

static int read_day(const char *text, int64_t *ret)
{
	static const char *const formats[] = { "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S" };
	struct tm tm = { 0 };
	if (clock_parse_utc(slice_str(text), ret) == 0)
		return 0;
	return read_time(text, formats, ARRAY_SIZE(formats), &tm) ? local_ns(&tm, ret) : -EINVAL;
}

int until_parse(const char *text, int64_t now_wall_ns, struct until *ret)
{
	*ret = (struct until){ 0 };
	if (units_duration(slice_str(text), &ret->after_ns) == 0)
		return ret->after_ns > 0 ? 0 : -ERANGE;
	if (read_clock(text, now_wall_ns, &ret->wall_ns) == 0)
		return 0;
	int r = read_day(text, &ret->wall_ns);
	return r == 0 && ret->wall_ns <= now_wall_ns ? -ERANGE : r;
}

int until_wait(const struct until *u)
{
	int64_t left;
	int r = 0;
	if (!u->wall_ns)
		return hk_sleep(u->after_ns);
	while (r == 0 && (left = u->wall_ns - clock_wall_ns()) > 0)
		r = hk_sleep(left < LOOK_EVERY_NS ? left : LOOK_EVERY_NS);
	return r;
}
