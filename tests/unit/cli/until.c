/* until.c - durations, times of the day and days, in a zone with summer time */
#include "cli/until.h"
#include "base/clock.h"
#include "check.h"
#include <errno.h>
#include <hocket/types.h>
#include <stdlib.h>
#include <time.h>

static int64_t at(const char *utc)
{
	int64_t ns = 0;
	CHECK_INT(clock_parse_utc(slice_str(utc), &ns), 0);
	return ns;
}

/* Central Europe by its rule, so that no table of zones is needed. */
static void in_berlin(void)
{
	CHECK_INT(setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1), 0);
	tzset();
}

static int64_t wall(const char *text, const char *now)
{
	struct until u;
	CHECK_INT(until_parse(text, at(now), &u), 0);
	CHECK_INT(u.after_ns, 0);
	return u.wall_ns;
}

TEST(durations)
{
	struct until u;
	CHECK_INT(until_parse("5m", 0, &u), 0);
	CHECK_INT(u.after_ns, 300 * HK_SEC);
	CHECK_INT(u.wall_ns, 0);
	CHECK_INT(until_parse("1.5h", 0, &u), 0);
	CHECK_INT(u.after_ns, 5400 * HK_SEC);
	CHECK_INT(until_parse("0s", 0, &u), -ERANGE);
}

TEST(a_time_of_day_is_the_next_one)
{
	in_berlin();
	CHECK_INT(wall("18:30", "2026-11-22T12:00:00Z"), at("2026-11-22T17:30:00Z"));
	CHECK_INT(wall("18:30", "2026-11-22T17:30:00Z"), at("2026-11-23T17:30:00Z"));
	CHECK_INT(wall("18:30:15", "2026-11-22T17:30:00Z"), at("2026-11-22T17:30:15Z"));
	CHECK_INT(wall("0:30", "2026-12-31T23:00:00Z"), at("2026-12-31T23:30:00Z"));
	/* into summer time: that night has 23 hours */
	CHECK_INT(wall("08:00", "2026-03-28T12:00:00Z"), at("2026-03-29T06:00:00Z"));
}

TEST(a_day_and_time)
{
	in_berlin();
	CHECK_INT(wall("2026-12-01T08:00", "2026-11-22T12:00:00Z"), at("2026-12-01T07:00:00Z"));
	CHECK_INT(wall("2026-07-01T08:00:05", "2026-01-22T12:00:00Z"), at("2026-07-01T06:00:05Z"));
	CHECK_INT(wall("2026-12-01T08:00:00Z", "2026-11-22T12:00:00Z"), at("2026-12-01T08:00:00Z"));
	CHECK_INT(wall("2026-12-01T08:00:00+05:00", "2026-11-22T12:00:00Z"),
		  at("2026-12-01T03:00:00Z"));
}

TEST(what_is_refused)
{
	static const char *const wrong[] = { "",      "5",     "tomorrow",         "24:00",
					     "18:60", "18:3x", "2026-02-31T08:00", "2026-12-01" };
	struct until u;
	in_berlin();
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		CHECK_INT(until_parse(wrong[i], at("2026-01-01T00:00:00Z"), &u), -EINVAL);
	CHECK_INT(until_parse("2026-01-01T00:59", at("2026-01-01T00:00:00Z"), &u), -ERANGE);
}

static const struct test tests[] = {
	T(durations),
	T(a_time_of_day_is_the_next_one),
	T(a_day_and_time),
	T(what_is_refused),
};
int main(void)
{
	return RUN_TESTS(tests);
}
