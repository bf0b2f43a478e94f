/* clock.c - reading the two clocks, and the two ways a wall time is written
 *
 * What this room is for: the real clocks behind rt's (which may be virtual), RFC 3339 out, HTTP dates in.
 * What flows through:    nanoseconds in int64: 292 years both ways, so every date from 1678 to 2262.
 * What must hold:
 *  (1) no time zone and no locale is ever asked: all is UTC and English, computed here.
 *  (2) a date is taken whole or refused: -EINVAL for a 32nd of May, an unknown month, trailing bytes. */
#include "base/clock.h"
#include <errno.h>
#include <string.h>
#include <time.h>

#define NS_PER_S  INT64_C(1000000000)
#define S_PER_DAY INT64_C(86400)

static int64_t read_clock(clockid_t id)
{
	struct timespec t;
	int failed = clock_gettime(id, &t);
	ASSERT(!failed);
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}

int64_t clock_mono_ns(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

int64_t clock_wall_ns(void)
{
	return read_clock(CLOCK_REALTIME);
}

/* ---- the calendar ---------------------------------------------------------------------------- */

/* Years are counted from March, so that the leap day is the last of its year and months before it
 * follow one pattern: month m (March = 0) begins on day (153 m + 2) / 5. 400 years are 146,097 days. */
int64_t date_to_days(const struct date *d)
{
	int64_t year = d->month <= 2 ? d->year - 1 : d->year;
	int64_t era = (year >= 0 ? year : year - 399) / 400;
	int64_t year_of_era = year - era * 400;
	int64_t month = (d->month + 9) % 12;
	int64_t day_of_year = (153 * month + 2) / 5 + d->day - 1;
	int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
	return era * 146097 + day_of_era - 719468; /* days from 0000-03-01 to 1970-01-01 */
}

void date_from_days(int64_t days, struct date *ret)
{
	days += 719468;
	int64_t era = (days >= 0 ? days : days - 146096) / 146097;
	int64_t day_of_era = days - era * 146097;
	int64_t year_of_era =
		(day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	int64_t day_of_year =
		day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t month = (5 * day_of_year + 2) / 153;
	ret->day = (int)(day_of_year - (153 * month + 2) / 5 + 1);
	ret->month = (int)(month < 10 ? month + 3 : month - 9);
	ret->year = year_of_era + era * 400 + (ret->month <= 2);
}

int clock_put_utc(struct buf *out, int64_t wall_ns)
{
	int64_t seconds = wall_ns / NS_PER_S, ns = wall_ns % NS_PER_S;
	if (ns < 0)
		seconds--, ns += NS_PER_S;
	int64_t days = seconds / S_PER_DAY, rest = seconds % S_PER_DAY;
	if (rest < 0)
		days--, rest += S_PER_DAY;
	struct date d;
	date_from_days(days, &d);
	return buf_printf(out, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", (int)d.year, d.month, d.day,
			  (int)(rest / 3600), (int)(rest / 60 % 60), (int)(rest % 60),
			  (int)(ns / 1000000));
}

/* ---- HTTP dates (RFC 9110 5.6.7) --------------------------------------------------------------- */

/* A reader that remembers the first mismatch: the three forms are then written down in sequence. */
struct reader {
	struct slice rest;
	bool bad;
};

static void expect(struct reader *r, const char *text)
{
	struct slice want = slice_str(text);
	if (!slice_starts(r->rest, want)) {
		r->bad = true;
		return;
	}
	r->rest = slice_from(r->rest, want.n);
}

/* blank_padded: asctime writes " 6" where the others write "06". */
static int read_digits(struct reader *r, size_t n, bool blank_padded)
{
	int value = 0;
	if (r->rest.n < n) {
		r->bad = true;
		return 0;
	}
	for (size_t i = 0; i < n; i++) {
		char c = r->rest.p[i];
		if (blank_padded && i == 0 && c == ' ')
			c = '0';
		if (c < '0' || c > '9')
			r->bad = true;
		value = value * 10 + (c - '0');
	}
	r->rest = slice_from(r->rest, n);
	return value;
}

/* The place of the name that comes next, from 0. */
static int read_name(struct reader *r, const char *const *names, int n)
{
	for (int i = 0; i < n; i++) {
		struct slice name = slice_str(names[i]);
		if (!slice_starts(r->rest, name))
			continue;
		r->rest = slice_from(r->rest, name.n);
		return i;
	}
	r->bad = true;
	return 0;
}

static int read_month(struct reader *r)
{
	static const char *const names[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
					     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	return read_name(r, names, ARRAY_SIZE(names)) + 1;
}

static void read_time(struct reader *r, struct date *ret)
{
	ret->hour = read_digits(r, 2, false);
	expect(r, ":");
	ret->minute = read_digits(r, 2, false);
	expect(r, ":");
	ret->second = read_digits(r, 2, false);
}

/* Sun, 06 Nov 1994 08:49:37 GMT */
static void read_fixdate(struct reader *r, struct date *ret)
{
	expect(r, ", ");
	ret->day = read_digits(r, 2, false);
	expect(r, " ");
	ret->month = read_month(r);
	expect(r, " ");
	ret->year = read_digits(r, 4, false);
	expect(r, " ");
	read_time(r, ret);
	expect(r, " GMT");
}

/* Sunday, 06-Nov-94 08:49:37 GMT. A year that seems more than 50 years away is of the last century. */
static void read_rfc850(struct reader *r, struct date *ret)
{
	expect(r, ", ");
	ret->day = read_digits(r, 2, false);
	expect(r, "-");
	ret->month = read_month(r);
	expect(r, "-");
	int year = read_digits(r, 2, false);
	expect(r, " ");
	read_time(r, ret);
	expect(r, " GMT");

	struct date today;
	date_from_days(clock_wall_ns() / NS_PER_S / S_PER_DAY, &today);
	ret->year = today.year - today.year % 100 + year;
	if (ret->year > today.year + 50)
		ret->year -= 100;
}

/* Sun Nov  6 08:49:37 1994 */
static void read_asctime(struct reader *r, struct date *ret)
{
	expect(r, " ");
	ret->month = read_month(r);
	expect(r, " ");
	ret->day = read_digits(r, 2, true);
	expect(r, " ");
	read_time(r, ret);
	expect(r, " ");
	ret->year = read_digits(r, 4, false);
}

static bool date_exists(const struct date *d)
{
	if (d->year < 1678 || d->year > 2261 || d->day < 1)
		return false;
	if (d->hour > 23 || d->minute > 59 || d->second > 60) /* 60: a leap second */
		return false;
	struct date back;
	date_from_days(date_to_days(d), &back);
	return back.month == d->month && back.day == d->day;
}

static int64_t seconds_of(const struct date *d)
{
	return date_to_days(d) * S_PER_DAY + d->hour * 3600 + d->minute * 60 + d->second;
}

int clock_parse_http_date(struct slice text, int64_t *ret_wall_ns)
{
	static const char *const long_days[] = { "Sunday",   "Monday", "Tuesday", "Wednesday",
						 "Thursday", "Friday", "Saturday" };
	static const char *const short_days[] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
	struct reader r = { text, false };
	struct date d = { 0 };
	read_name(&r, long_days, ARRAY_SIZE(long_days));
	if (!r.bad) {
		read_rfc850(&r, &d);
	} else {
		r.bad = false;
		read_name(&r, short_days, ARRAY_SIZE(short_days));
		if (slice_starts(r.rest, S(",")))
			read_fixdate(&r, &d);
		else
			read_asctime(&r, &d);
	}
	if (r.bad || r.rest.n || !date_exists(&d))
		return -EINVAL;
	*ret_wall_ns = seconds_of(&d) * NS_PER_S;
	return 0;
}

/* ---- RFC 3339 ------------------------------------------------------------------------------------ */

/* ".123": nanoseconds; what is finer is dropped. */
static int64_t read_fraction(struct reader *r)
{
	int64_t ns = 0, worth = NS_PER_S / 10;
	if (!slice_starts(r->rest, S(".")))
		return 0;
	for (r->rest = slice_from(r->rest, 1);
	     r->rest.n && r->rest.p[0] >= '0' && r->rest.p[0] <= '9'; worth /= 10) {
		ns += (r->rest.p[0] - '0') * worth;
		r->rest = slice_from(r->rest, 1);
	}
	return ns;
}

/* "Z", "+02:00": seconds ahead of UTC. */
static int64_t read_offset(struct reader *r)
{
	if (slice_starts(r->rest, S("Z")) || slice_starts(r->rest, S("z"))) {
		r->rest = slice_from(r->rest, 1);
		return 0;
	}
	bool west = slice_starts(r->rest, S("-"));
	expect(r, west ? "-" : "+");
	int64_t seconds = read_digits(r, 2, false) * 3600;
	expect(r, ":");
	seconds += read_digits(r, 2, false) * 60;
	return west ? -seconds : seconds;
}

int clock_parse_utc(struct slice text, int64_t *ret_wall_ns)
{
	struct reader r = { text, false };
	struct date d = { 0 };
	d.year = read_digits(&r, 4, false);
	expect(&r, "-");
	d.month = read_digits(&r, 2, false);
	expect(&r, "-");
	d.day = read_digits(&r, 2, false);
	expect(&r, "T");
	read_time(&r, &d);
	int64_t ns = read_fraction(&r), ahead = read_offset(&r);
	if (r.bad || r.rest.n || d.month < 1 || d.month > 12 || !date_exists(&d))
		return -EINVAL;
	*ret_wall_ns = (seconds_of(&d) - ahead) * NS_PER_S + ns;
	return 0;
}
