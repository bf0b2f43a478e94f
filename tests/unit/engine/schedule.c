/* schedule.c - tests of engine/schedule.h and plan/zone.h */
#include "base/arena.h"
#include "base/clock.h"
#include "base/rand.h"
#include "check.h"
#include "engine/plan/zone.h"
#include "engine/schedule.h"
#include <errno.h>
#include <time.h>
#include <unistd.h>

#define SECOND INT64_C(1000000000)

static struct arena *arena;

static struct schedule parse(const char *text, const char *zone)
{
	AUTO(buf_done) struct buf why = { .max = 1024 };
	struct schedule s = { 0 };
	int r = schedule_parse(arena, slice_str(text), zone, &s, &why);
	if (r < 0)
		printf("# '%s': %s\n", text, why.n ? why.p : "?");
	CHECK_INT(r, 0);
	return s;
}

static int64_t utc(const char *text)
{
	int64_t ns = 0;
	CHECK_INT(clock_parse_utc(slice_str(text), &ns), 0);
	return ns;
}

/* The moments behind `after`, one after the other, in UTC, up to the 0. */
static void check_next(const char *line, const char *zone, const char *after,
		       const char *const *moments)
{
	struct schedule s = parse(line, zone);
	int64_t at = utc(after);
	for (; *moments; moments++) {
		AUTO(buf_done) struct buf shown = { .max = 100 };
		at = schedule_next_ns(&s, at);
		CHECK_INT(clock_put_utc(&shown, at), 0);
		shown.n -= strlen(".000Z");
		CHECK_SLICE(buf_slice(&shown), slice_str(*moments));
	}
}
#define NEXT(line, zone, after, ...) \
	check_next(line, zone, after, (const char *const[]){ __VA_ARGS__, NULL })

static void check_refused(const char *text, const char *zone, const char *want)
{
	AUTO(buf_done) struct buf why = { .max = 1024 };
	struct schedule s = { 0 };
	CHECK_INT(schedule_parse(arena, slice_str(text), zone, &s, &why), -EINVAL);
	CHECK(!schedule_is_given(&s));
	if (!why.n || !strstr(why.p, want))
		CHECK_STR(why.n ? why.p : "", want);
}

TEST(durations)
{
	struct schedule s = parse("30m", NULL);
	CHECK(schedule_is_given(&s));
	CHECK_INT(s.every_ns, 1800 * SECOND);
	CHECK_INT(schedule_next_ns(&s, 7), 1800 * SECOND + 7);
	CHECK_INT(schedule_next_ns(&s, INT64_MAX - 1), INT64_MAX);
}

TEST(fields)
{
	NEXT("0 6 * * *", "UTC", "2026-03-01T05:59:59Z", "2026-03-01T06:00:00",
	     "2026-03-02T06:00:00");
	NEXT("0 6 * * *", "UTC", "2026-03-01T06:00:00Z", "2026-03-02T06:00:00");
	NEXT("*/15 8-9 * * mon-fri", "UTC", "2026-11-20T09:40:00Z", /* a Friday */
	     "2026-11-20T09:45:00", "2026-11-23T08:00:00", "2026-11-23T08:15:00");
	NEXT("5,10-12,50/4 0 * * *", "UTC", "2026-01-01T00:00:00Z", "2026-01-01T00:05:00",
	     "2026-01-01T00:10:00", "2026-01-01T00:11:00", "2026-01-01T00:12:00",
	     "2026-01-01T00:50:00", "2026-01-01T00:54:00", "2026-01-01T00:58:00",
	     "2026-01-02T00:05:00");
	NEXT("0 0 1 JAN,jul *", "UTC", "2026-01-01T00:00:00Z", "2026-07-01T00:00:00",
	     "2027-01-01T00:00:00");
	NEXT("0 0 * * 7", "UTC", "2026-11-23T00:00:00Z", "2026-11-29T00:00:00");
	NEXT("0 0 * * sat-sun", "UTC", "2026-11-23T00:00:00Z", "2026-11-28T00:00:00",
	     "2026-11-29T00:00:00", "2026-12-05T00:00:00");
	NEXT("@daily", "UTC", "2026-11-23T12:00:00Z", "2026-11-24T00:00:00");
	NEXT("@hourly", "UTC", "2026-11-23T12:00:00Z", "2026-11-23T13:00:00");
	NEXT("@weekly", "UTC", "2026-11-23T12:00:00Z", "2026-11-29T00:00:00");
	NEXT("@monthly", "UTC", "2026-11-23T12:00:00Z", "2026-12-01T00:00:00");
	NEXT("@yearly", "UTC", "2026-11-23T12:00:00Z", "2027-01-01T00:00:00");
	NEXT("  59\t23 31 12 *  ", "UTC", "2026-11-23T12:00:00Z", "2026-12-31T23:59:00");
}

TEST(day_or_weekday)
{
	/* Both are restricted: either will do. The 13th, and each Friday. */
	NEXT("0 0 13 * 5", "UTC", "2026-11-10T00:00:00Z", "2026-11-13T00:00:00",
	     "2026-11-20T00:00:00", "2026-11-27T00:00:00", "2026-12-04T00:00:00",
	     "2026-12-11T00:00:00", "2026-12-13T00:00:00");
	/* One begins with a star: both must be so. */
	NEXT("0 0 */2 * 1", "UTC", "2026-11-01T00:00:00Z", "2026-11-09T00:00:00",
	     "2026-11-23T00:00:00");
	NEXT("0 0 13 * *", "UTC", "2026-11-01T00:00:00Z", "2026-11-13T00:00:00",
	     "2026-12-13T00:00:00");
}

TEST(leap_days)
{
	NEXT("0 0 29 2 *", "UTC", "2026-11-01T00:00:00Z", "2028-02-29T00:00:00",
	     "2032-02-29T00:00:00");
	NEXT("0 0 29 feb *", "UTC", "2096-03-01T00:00:00Z", "2104-02-29T00:00:00");
	/* A Sunday, too: 40 years, for 2100 has no such day. */
	NEXT("0 0 29 2 */7", "UTC", "2088-03-01T00:00:00Z", "2128-02-29T00:00:00");
}

TEST(what_is_refused)
{
	check_refused("soon", NULL, "'soon' is no duration: one number");
	check_refused("30x", NULL, "'30x' is no duration: one number and one of s, m, h, d");
	check_refused("30 minutes", NULL, "'30 minutes' is no duration");
	check_refused("1h30m", NULL, "such as 30s, 90m or 24h");
	check_refused("* * * * * *", NULL, "five fields, no seconds");
	check_refused("0 6 * *", NULL, "five fields");
	check_refused("0 6", NULL, "five fields");
	check_refused("0 0 6 * * *", NULL, "no seconds");
	check_refused("60 6 * * *", NULL, "'60' is no minute");
	check_refused("0 24 * * *", NULL, "'24' is no hour");
	check_refused("0 0 0 * *", NULL, "'0' is no day");
	check_refused("0 0 1 13 *", NULL, "'13' is no month");
	check_refused("0 0 1 * 8", NULL, "'8' is no weekday");
	check_refused("0 0 * * fri-mon", NULL, "'fri-mon' is no weekday");
	check_refused("5-1 0 * * *", NULL, "'5-1' is no minute");
	check_refused("*/0 0 * * *", NULL, "'*/0' is no minute");
	check_refused("1,,2 0 * * *", NULL, "'1,,2' is no minute");
	check_refused("+1 0 * * *", NULL, "'+1' is no minute");
	check_refused("-1 0 * * *", NULL, "'-1' is no minute");
	check_refused("* * 30 2 *", NULL, "no year has");
	check_refused("* * 31 4,6,9,11 *", NULL, "no year has");
	check_refused("@reboot", NULL, "@hourly");
	check_refused("0s", NULL, "more than nothing");
	check_refused("-5m", NULL, "");
	check_refused("", NULL, "five fields");
	check_refused("30m", "Europe/Berlin", "a zone goes with");
	check_refused("0 6 * * *", "Europe/Atlantis", "tzdata");
	check_refused("0 6 * * *", "../../../etc/passwd", "tzdata");
	check_refused("0 6 * * *", "", "tzdata");
	check_refused("0 6 * * *", "tzdata.zi", "tzdata");
}

/* ---- zones -------------------------------------------------------------------------------------------------------- */

TEST(mornings_over_a_change_of_clocks)
{
	NEXT("0 6 * * *", "Europe/Berlin", "2026-03-28T00:00:00Z", "2026-03-28T05:00:00",
	     "2026-03-29T04:00:00", "2026-03-30T04:00:00");
	NEXT("0 6 * * *", "Europe/Berlin", "2026-10-24T00:00:00Z", "2026-10-24T04:00:00",
	     "2026-10-25T05:00:00", "2026-10-26T05:00:00");
	NEXT("0 6 * * *", "America/New_York", "2026-03-07T00:00:00Z", "2026-03-07T11:00:00",
	     "2026-03-08T10:00:00");
	NEXT("0 6 * * *", "America/New_York", "2026-10-31T00:00:00Z", "2026-10-31T10:00:00",
	     "2026-11-01T11:00:00");
	/* Behind the last change that the file lists. */
	NEXT("0 6 * * *", "Europe/Berlin", "2060-03-27T12:00:00Z", "2060-03-28T04:00:00");
	NEXT("0 6 * * *", "Australia/Sydney", "2061-01-10T00:00:00Z", "2061-01-10T19:00:00");
}

TEST(passed_over)
{
	/* 02:00 to 03:00 is not there in Berlin on the 29th of March: 01:00Z is 03:00. */
	NEXT("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00",
	     "2026-03-30T00:30:00");
	NEXT("0,15,30 2,3 * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", "2026-03-29T01:00:00",
	     "2026-03-29T01:15:00", "2026-03-29T01:30:00", "2026-03-30T00:00:00");
	NEXT("30 2 * * *", "America/New_York", "2026-03-07T12:00:00Z", "2026-03-08T07:00:00");
}

TEST(twice_the_same)
{
	/* 02:00 to 03:00 is there twice in Berlin on the 25th of October: 00:00Z and 01:00Z. */
	NEXT("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", "2026-10-25T00:30:00",
	     "2026-10-26T01:30:00");
	NEXT("30 1 * * *", "America/New_York", "2026-10-31T12:00:00Z", "2026-11-01T05:30:00",
	     "2026-11-02T06:30:00");
	/* From between the two: the second is not another moment of the same. */
	NEXT("30 2 * * *", "Europe/Berlin", "2026-10-25T01:00:00Z", "2026-10-26T01:30:00");
	/* Each hour means each hour, also those. */
	NEXT("30 * * * *", "Europe/Berlin", "2026-10-24T23:45:00Z", "2026-10-25T00:30:00",
	     "2026-10-25T01:30:00", "2026-10-25T02:30:00");
	NEXT("30 * * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", "2026-03-29T00:30:00",
	     "2026-03-29T01:00:00", "2026-03-29T01:30:00");
}

/* Hour by hour over two centuries, beside libc. */
static void check_beside_libc(const char *name)
{
	const struct zone *z = NULL;
	CHECK_INT(zone_open(arena, name, &z), 0);
	setenv("TZ", name, 1);
	tzset();
	for (int64_t t = INT64_C(-2200000000); t < INT64_C(4200000000); t += 7 * 3600 + 1) {
		struct tm tm;
		time_t at = (time_t)t;
		localtime_r(&at, &tm);
		if (zone_ahead_s(z, t) == tm.tm_gmtoff)
			continue;
		printf("# %s at %lld\n", name, (long long)t);
		CHECK_INT(zone_ahead_s(z, t), tm.tm_gmtoff);
		break;
	}
	unsetenv("TZ");
	tzset();
}

TEST(zones_are_what_libc_says)
{
	static const char *const names[] = { "Europe/Berlin",    "America/New_York",
					     "Europe/Dublin",    "Australia/Sydney",
					     "Asia/Kathmandu",   "Asia/Tokyo",
					     "America/St_Johns", "Africa/Casablanca",
					     "Etc/GMT+5",        "Australia/Lord_Howe" };
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		check_beside_libc(names[i]);
}

static int64_t ahead(const char *rule, const char *at)
{
	const struct zone *z = NULL;
	CHECK_INT(zone_parse_rule(arena, slice_str(rule), &z), 0);
	return zone_ahead_s(z, utc(at) / SECOND);
}

TEST(rules)
{
	CHECK_INT(ahead("CET-1CEST,M3.5.0,M10.5.0/3", "2026-03-29T00:59:59Z"), 3600);
	CHECK_INT(ahead("CET-1CEST,M3.5.0,M10.5.0/3", "2026-03-29T01:00:00Z"), 7200);
	CHECK_INT(ahead("CET-1CEST,M3.5.0,M10.5.0/3", "2026-10-25T00:59:59Z"), 7200);
	CHECK_INT(ahead("CET-1CEST,M3.5.0,M10.5.0/3", "2026-10-25T01:00:00Z"), 3600);
	CHECK_INT(ahead("EST5EDT", "2026-07-01T00:00:00Z"), -4 * 3600);
	CHECK_INT(ahead("EST5EDT", "2026-12-01T00:00:00Z"), -5 * 3600);
	CHECK_INT(ahead("<+0545>-5:45", "2026-12-01T00:00:00Z"), 5 * 3600 + 45 * 60);
	CHECK_INT(ahead("AAA0BBB,J60/0,J300/0", "2028-03-01T00:00:00Z"), 3600);
	CHECK_INT(ahead("AAA0BBB,J60/0,J300/0", "2028-02-29T23:59:59Z"), 0);
	CHECK_INT(ahead("AAA0BBB,59/0,300/0", "2028-02-29T00:00:00Z"), 3600);

	static const char *const bad[] = { "",
					   "CE",
					   "CET",
					   "CET-",
					   "CET-1CEST,",
					   "CET-1CEST,M3.5.0",
					   "CET-1CEST,M13.5.0,M10.5.0",
					   "CET-1CEST,M3.6.0,M10.5.0",
					   "CET-1CEST,M3.5.0,M10.5.0x",
					   "<CET-1",
					   "CET-25" };
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		const struct zone *z = NULL;
		if (zone_parse_rule(arena, slice_str(bad[i]), &z) != -EINVAL)
			CHECK_STR(bad[i], "refused");
	}
}

TEST(the_machines_zone)
{
	setenv("TZ", "America/New_York", 1);
	NEXT("0 6 * * *", NULL, "2026-01-01T00:00:00Z", "2026-01-01T11:00:00");
	setenv("TZ", ":/usr/share/zoneinfo/Asia/Tokyo", 1);
	NEXT("0 6 * * *", NULL, "2026-01-01T00:00:00Z", "2026-01-01T21:00:00");
	setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
	NEXT("0 6 * * *", NULL, "2026-07-01T00:00:00Z", "2026-07-01T04:00:00");
	setenv("TZ", "", 1);
	NEXT("0 6 * * *", NULL, "2026-01-01T00:00:00Z", "2026-01-01T06:00:00");
	setenv("TZ", "no zone", 1);
	check_refused("0 6 * * *", NULL, "TZ");
	unsetenv("TZ");
}

/* A file that is cut off, or has other bytes in it: refused or read, and never beyond its end. */
static void try_damaged(const char *path, const char *text, size_t n)
{
	const struct zone *z = NULL;
	FILE *f = fopen(path, "wb");
	CHECK(f && fwrite(text, 1, n, f) == n && fclose(f) == 0);
	int r = zone_open(arena, NULL, &z);
	CHECK(r == 0 || r == -EBADMSG);
	for (int64_t t = INT64_C(-5000000000); t < INT64_C(9000000000); t += 700000001) {
		int64_t again;
		(void)zone_moment_s(z, t, &again);
	}
}

TEST(damaged_files)
{
	char path[] = "/dev/shm/hocket-zone-XXXXXX", text[8192];
	struct rand rnd;
	FILE *f = fopen("/usr/share/zoneinfo/Europe/Berlin", "rb");
	size_t n = f ? fread(text, 1, sizeof text, f) : 0;
	int fd = mkstemp(path);
	CHECK(n > 1000 && fd >= 0);
	if (f)
		fclose(f);
	close(fd);
	setenv("TZ", path, 1);
	for (size_t cut = 0; cut < n; cut += 37)
		try_damaged(path, text, cut);
	rand_seed(&rnd, 7);
	for (int i = 0; i < 100; i++) {
		size_t at = rand_below(&rnd, i % 2 ? n : 100);
		char was = text[at];
		text[at] = (char)rand_below(&rnd, 256);
		try_damaged(path, text, n);
		text[at] = was;
	}
	unsetenv("TZ");
	remove(path);
}

TEST(in_words)
{
	AUTO(buf_done) struct buf out = { .max = 1024 };
	struct schedule s = parse("0 6 * * 1-5", "Europe/Berlin"), often = parse("90m", NULL);
	CHECK_INT(schedule_put(&out, &s), 0);
	CHECK_STR(out.p, "cron '0 6 * * 1-5' in Europe/Berlin");
	buf_clear(&out);
	CHECK_INT(schedule_put_moment(&out, &s, schedule_next_ns(&s, utc("2026-03-28T12:00:00Z"))),
		  0);
	CHECK_STR(out.p, "Mon 2026-03-30 06:00 +02:00");
	buf_clear(&out);
	CHECK_INT(schedule_put(&out, &often), 0);
	CHECK_STR(out.p, "every 1h30m");
	buf_clear(&out);
	CHECK_INT(schedule_put_moment(&out, &often, 0), 0);
	CHECK_STR(out.p, "Thu 1970-01-01 00:00 +00:00");
}

TEST(the_next_one)
{
	AUTO(buf_done) struct buf out = { .max = 1024 };
	struct schedule s = parse("0 6 * * *", "Europe/Berlin");
	int64_t now = utc("2026-11-23T04:58:30Z");
	static const struct {
		int64_t left_s;
		const char *want;
	} cases[] = { { 90, "in 90s" },
		      { 3600, "at 06:58" },
		      { 86400, "Tue at 05:58" },
		      { 7 * 86400, "2026-11-30 at 05:58" },
		      { -5, "in 0s" } };
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		buf_clear(&out);
		CHECK_INT(schedule_put_next(&out, &s, now + cases[i].left_s * SECOND, now), 0);
		CHECK_STR(out.p, cases[i].want);
	}
}

static const struct test tests[] = {
	T(durations),
	T(fields),
	T(day_or_weekday),
	T(leap_days),
	T(what_is_refused),
	T(mornings_over_a_change_of_clocks),
	T(passed_over),
	T(twice_the_same),
	T(zones_are_what_libc_says),
	T(rules),
	T(the_machines_zone),
	T(the_next_one),
	T(damaged_files),
	T(in_words),
};

int main(void)
{
	arena = arena_new();
	int failed = RUN_TESTS(tests);
	arena_free(arena);
	return failed;
}
