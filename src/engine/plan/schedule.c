/* schedule.c - lines of cron, and when they come next
 *
 * What this room is for: people know crontab(5); what it says there is what happens here, and what its versions disagree on is
 *   decided in schedule.h.
 * What flows through:    text in; sets of minutes, hours, days; the next moment out, day by day and within the day by the clock.
 * What must hold:
 *  (1) numbers, names, lists, ranges and steps are taken whole or refused with the field's name.
 *  (2) the search ends: who passed schedule_parse comes at least once in 41 years (the 29th of February, on a given weekday, around
 *      a year such as 2100, which has none). */
#include "engine/schedule.h"
#include "base/clock.h"
#include "base/units.h"
#include "base/utf8.h"
#include "engine/plan/zone.h"
#include <errno.h>

#include "base/banned.h"

#define NS_PER_S  INT64_C(1000000000)
#define DAY_S     INT64_C(86400)
#define ALL_HOURS ((UINT32_C(1) << 24) - 1)
#define DAYS_MAX  (41 * 366)

/* ---- reading ----------------------------------------------------------------------------------------------------- */

struct field {
	const char *name;
	int min, max;
	const char *const *words; /* for min, min + 1 ... */
};
static const char *const month_words[] = { "jan", "feb", "mar", "apr", "may", "jun", "jul",
					   "aug", "sep", "oct", "nov", "dec", NULL };
static const char *const weekday_words[] = {
	"sun", "mon", "tue", "wed", "thu", "fri", "sat", NULL
};
static const struct field fields[] = {
	{ "minute", 0, 59, NULL },
	{ "hour", 0, 23, NULL },
	{ "day", 1, 31, NULL },
	{ "month", 1, 12, month_words },
	{ "weekday", 0, 7, weekday_words },
};
enum { MINUTE, HOUR, DAY, MONTH, WEEKDAY, FIELDS };

static bool read_value(const struct field *f, struct slice text, int *ret)
{
	int64_t n;
	for (int i = 0; f->words && f->words[i]; i++)
		if (slice_eq_nocase(text, slice_str(f->words[i])))
			return *ret = f->min + i, true;
	if (text.n == 0 || text.p[0] == '+' || units_int(text, &n) < 0 || n < f->min || n > f->max)
		return false;
	*ret = (int)n;
	return true;
}

/* "8-18", "*", "mon-fri", "5", each with a step behind it: 8-18/2 */
static bool read_range(const struct field *f, struct slice text, uint64_t *set)
{
	struct slice range, step_text, low_text, high_text;
	int low = f->min, high = f->max, step = 1;
	bool stepped = slice_cut(text, '/', &range, &step_text);
	int64_t n;

	if (stepped && (units_int(step_text, &n) < 0 || n < 1 || n > f->max))
		return false;
	if (stepped)
		step = (int)n;
	bool whole = slice_eq(range, S("*")), ranged = slice_cut(range, '-', &low_text, &high_text);
	if (!whole && !read_value(f, low_text, &low))
		return false;
	if (ranged && !read_value(f, high_text, &high))
		return false;
	if (!whole && !ranged && !stepped) /* 5/10: from 5 to the end */
		high = low;
	if (ranged && high == 0 && low > 0 && f == &fields[WEEKDAY]) /* fri-sun */
		high = 7;
	if (whole && f == &fields[WEEKDAY])
		high = 6;
	for (int i = low; i <= high; i += step)
		*set |= UINT64_C(1) << i;
	return low <= high;
}

static bool read_field(const struct field *f, struct slice text, uint64_t *set)
{
	struct slice one;
	bool more = true;
	*set = 0;
	while (more) {
		more = slice_cut(text, ',', &one, &text);
		if (!read_range(f, one, set))
			return false;
	}
	if (f == &fields[WEEKDAY])
		*set = (*set | *set >> 7) & 0x7f;
	ASSERT(*set);
	return true;
}

/* Cuts at blanks. */
static struct slice next_word(struct slice *text)
{
	size_t n = 0;
	*text = slice_trim(*text);
	while (n < text->n && text->p[n] != ' ' && text->p[n] != '\t')
		n++;
	struct slice word = slice_head(*text, n);
	*text = slice_from(*text, n);
	return word;
}

static struct slice nickname(struct slice text)
{
	static const struct {
		const char *name, *line;
	} names[] = {
		{ "@yearly", "0 0 1 1 *" },  { "@annually", "0 0 1 1 *" },
		{ "@monthly", "0 0 1 * *" }, { "@weekly", "0 0 * * 0" },
		{ "@daily", "0 0 * * *" },   { "@midnight", "0 0 * * *" },
		{ "@hourly", "0 * * * *" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (slice_eq_nocase(text, slice_str(names[i].name)))
			return slice_str(names[i].line);
	return text;
}

/* After a sentence of why. */
static int refused(int r)
{
	return r < 0 ? r : -EINVAL;
}

/* Is there a day in the calendar that it means? */
static bool day_matches(const struct schedule *s, int64_t day)
{
	struct date d;
	date_from_days(day, &d);
	int weekday = (int)(((day + 4) % 7 + 7) % 7);
	bool of_month = s->days >> d.day & 1, of_week = s->weekdays >> weekday & 1;
	if (!(s->months >> d.month & 1))
		return false;
	return s->any_day || s->any_weekday ? of_month && of_week : of_month || of_week;
}

static bool comes_ever(const struct schedule *s)
{
	for (int64_t day = 0; day < DAYS_MAX; day++)
		if (day_matches(s, day))
			return true;
	return false;
}

/* The words of a line; FIELDS + 1: there are more. */
static size_t split_line(struct slice line, struct slice words[FIELDS + 1])
{
	size_t n = 0;
	while (n <= FIELDS && (words[n] = next_word(&line)).n > 0)
		n++;
	return n;
}

static int refuse_field(const struct field *f, struct slice word, struct buf *why)
{
	int r = buf_printf(why, "'%.*s' is no %s of cron: %d-%d", SLICE(utf8_head(word, 40)),
			   f->name, f->min, f->max);
	if (r == 0 && f->words)
		r = buf_printf(why, " or names such as %s", f->words[1]);
	return refused(r);
}

static int read_fields(const struct slice *words, uint64_t *sets, struct buf *why)
{
	for (size_t i = 0; i < FIELDS; i++)
		if (!read_field(&fields[i], words[i], &sets[i]))
			return refuse_field(&fields[i], words[i], why);
	return 0;
}

/* "30x", "30 minutes", "soon": nothing that anybody takes for a line of cron. */
static bool is_no_line(struct slice line, size_t words)
{
	bool letter = false;
	for (size_t i = 0; i < line.n; i++)
		letter |= (line.p[i] | 32) >= 'a' && (line.p[i] | 32) <= 'z';
	return letter && words <= 2;
}

static int refuse_duration(struct slice text, struct buf *why)
{
	return refused(
		buf_printf(why,
			   "'%.*s' is no duration: one number and one of s, m, h, d, such as "
			   "30s, 90m or 24h",
			   SLICE(utf8_head(text, 40))));
}

static int read_line(struct slice line, struct schedule *ret, struct buf *why)
{
	struct slice words[FIELDS + 1];
	uint64_t sets[FIELDS];

	line = nickname(line);
	if (slice_starts(line, S("@")))
		return refused(buf_add(why, S("cron has @hourly, @daily, @weekly, @monthly and "
					      "@yearly here")));
	size_t n = split_line(line, words);
	if (is_no_line(line, n))
		return refuse_duration(line, why);
	if (n != FIELDS)
		return refused(buf_add(why, S("a line of cron has five fields, no seconds and no "
					      "year: minute hour day month weekday")));
	int r = read_fields(words, sets, why);
	if (r < 0)
		return r;
	*ret = (struct schedule){ .minutes = sets[MINUTE],
				  .hours = (uint32_t)sets[HOUR],
				  .days = (uint32_t)sets[DAY],
				  .months = (uint32_t)sets[MONTH],
				  .weekdays = (uint32_t)sets[WEEKDAY],
				  .any_day = words[DAY].p[0] == '*',
				  .any_weekday = words[WEEKDAY].p[0] == '*',
				  .text = ret->text,
				  .zone = ret->zone };
	return comes_ever(ret) ? 0 : refused(buf_add(why, S("no year has such a day")));
}

static int find_zone(struct arena *arena, struct schedule *s, struct buf *why)
{
	int r = zone_open(arena, s->zone, &s->clock);
	if (r == 0)
		return 0;
	if (r == -EBADMSG)
		return refused(buf_printf(why, "the file of zone '%s' is damaged",
					  s->zone ? s->zone : "TZ"));
	if (!s->zone)
		return refused(
			buf_add(why, S("TZ names a time zone that this machine does not know")));
	return refused(buf_printf(why,
				  "time zone '%s' is not known here: a name such as Europe/Berlin, "
				  "and the package tzdata",
				  s->zone));
}

int schedule_parse(struct arena *arena, struct slice text, const char *zone, struct schedule *ret,
		   struct buf *why)
{
	struct schedule s = { .zone = zone };
	text = slice_trim(text);
	s.text = arena_str(arena, text);
	int r = units_duration(text, &s.every_ns);
	if (r == 0 && s.every_ns <= 0)
		return refused(buf_add(why, S("it is more than nothing")));
	if (r == 0 && zone)
		return refused(buf_add(why, S("a zone goes with a line of cron")));
	if (r == -ERANGE)
		return refused(buf_add(why, S("it is too long a time")));
	if (r < 0 && (r = read_line(text, &s, why)) < 0)
		return r;
	if (find_zone(arena, &s, why) < 0 && !s.every_ns)
		return -EINVAL;
	*ret = s;
	return 0;
}

/* ---- the next one -------------------------------------------------------------------------------------------------- */

static int64_t floor_div(int64_t a, int64_t b)
{
	return a >= 0 ? a / b : -((-a + b - 1) / b);
}

static int64_t least(int64_t best, int64_t moment, int64_t after)
{
	return moment > after && moment < best ? moment : best;
}

/* The first moment of this day behind after_s; INT64_MAX: there is none. */
static int64_t next_of_day(const struct schedule *s, int64_t day, int64_t after_s)
{
	int64_t best = INT64_MAX, again;
	for (int at = 0; at < 24 * 60; at++) {
		if (!(s->hours >> (at / 60) & 1) || !(s->minutes >> (at % 60) & 1))
			continue;
		int64_t moment = zone_moment_s(s->clock, day * DAY_S + at * 60, &again);
		best = least(best, moment, after_s);
		if (s->hours == ALL_HOURS)
			best = least(best, again, after_s);
	}
	return best;
}

int64_t schedule_next_ns(const struct schedule *s, int64_t after_ns)
{
	ASSERT(schedule_is_given(s));
	if (s->every_ns)
		return after_ns > INT64_MAX - s->every_ns ? INT64_MAX : after_ns + s->every_ns;
	int64_t after_s = floor_div(after_ns, NS_PER_S);
	int64_t today = floor_div(after_s + zone_ahead_s(s->clock, after_s), DAY_S);
	for (int64_t day = today - 1; day < today + DAYS_MAX; day++) {
		int64_t moment = day_matches(s, day) ? next_of_day(s, day, after_s) : INT64_MAX;
		if (moment < INT64_MAX / NS_PER_S)
			return moment * NS_PER_S;
	}
	return INT64_MAX; /* behind the year 2262 */
}

/* ---- for people ------------------------------------------------------------------------------------------------------ */

int schedule_put(struct buf *out, const struct schedule *s)
{
	if (!s->every_ns)
		return buf_printf(out, "cron '%s'%s%s", s->text, s->zone ? " in " : "",
				  s->zone ? s->zone : "");
	int r = buf_add(out, S("every "));
	return r < 0 ? r : units_put_duration(out, s->every_ns);
}

struct moment {           /* as a zone's clocks show it */
	struct date date; /* with its time of day */
	const char *weekday;
	int64_t ahead_s;
};

static struct moment moment_of(const struct schedule *s, int64_t wall_ns)
{
	static const char *const names[] = { "Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed" };
	int64_t utc = floor_div(wall_ns, NS_PER_S), ahead = zone_ahead_s(s->clock, utc);
	int64_t day = floor_div(utc + ahead, DAY_S), rest = utc + ahead - day * DAY_S;
	struct moment m = { .weekday = names[(day % 7 + 7) % 7], .ahead_s = ahead };
	date_from_days(day, &m.date);
	m.date.hour = (int)(rest / 3600);
	m.date.minute = (int)(rest / 60 % 60);
	return m;
}

int schedule_put_moment(struct buf *out, const struct schedule *s, int64_t wall_ns)
{
	struct moment m = moment_of(s, wall_ns);
	const struct date *d = &m.date;
	int64_t shift = m.ahead_s < 0 ? -m.ahead_s : m.ahead_s;
	return buf_printf(out, "%s %04d-%02d-%02d %02d:%02d %c%02d:%02d", m.weekday, (int)d->year,
			  d->month, d->day, d->hour, d->minute, m.ahead_s < 0 ? '-' : '+',
			  (int)(shift / 3600), (int)(shift / 60 % 60));
}

int schedule_put_next(struct buf *out, const struct schedule *s, int64_t next_ns, int64_t now_ns)
{
	struct moment m = moment_of(s, next_ns);
	const struct date *d = &m.date;
	int64_t left = next_ns > now_ns ? floor_div(next_ns - now_ns, NS_PER_S) : 0;
	if (left < 120)
		return buf_printf(out, "in %ds", (int)left);
	if (left >= 6 * DAY_S)
		return buf_printf(out, "%04d-%02d-%02d at %02d:%02d", (int)d->year, d->month,
				  d->day, d->hour, d->minute);
	struct moment now = moment_of(s, now_ns);
	bool today = now.date.day == d->day;
	return buf_printf(out, "%s%sat %02d:%02d", today ? "" : m.weekday, today ? "" : " ",
			  d->hour, d->minute);
}
