/* zone.c - a reader of the tz database's files (TZif, RFC 9636) and of the rules in them
 *
 * What this room is for: libc tells the time of one zone at a time, which is the whole process'. A pipeline may have a schedule in
 *   Berlin and one in New York, and its threads tell the time meanwhile. So the files are read here, once, when the plan is made.
 * What flows through:    a zone's name in; transitions, and behind the last of them the rule that goes on for ever; offsets out.
 * What must hold:
 *  (1) nothing in a file is trusted: counts are checked against its size before anything is read.
 *  (2) a name never leads out of the database's folder.
 *  (3) leap seconds are not counted ("right/" zones say what the others do): a day has 86,400 seconds. */
#include "engine/plan/zone.h"
#include "base/clock.h"
#include "engine/plan/options.h"

#include <errno.h>
#include <stdlib.h>

#include "base/banned.h"

#define ZONE_FOLDER "/usr/share/zoneinfo"
#define ZONE_MAX    ((size_t)1 << 20)
#define DAY_S       INT64_C(86400)
#define HOUR_S      INT64_C(3600)

/* When the clocks change, each year: Mm.w.d, Jn or n, and the time of that day. */
struct change {
	char form; /* 'M', 'J', 'n' */
	int month, week, day;
	int64_t time_s; /* may be days away */
};
struct rule {
	int64_t standard_s, summer_s; /* ahead of UTC */
	struct change begins, ends;   /* of summer time */
	bool changes;
};
struct zone {
	size_t n;
	const int64_t *moments; /* in order; from moments[i] on the clocks are ahead[i] */
	const int64_t *ahead;
	int64_t before; /* the first of them */
	struct rule rule;
	bool ruled; /* behind the last of them the rule says it */
};

/* ---- rules: CET-1CEST,M3.5.0,M10.5.0/3 ------------------------------------------------------------------------ */

struct reader {
	struct slice rest;
	bool bad;
};

static bool comes(struct reader *r, char c)
{
	if (r->rest.n == 0 || r->rest.p[0] != c)
		return false;
	r->rest = slice_from(r->rest, 1);
	return true;
}

static void expect(struct reader *r, char c)
{
	if (!comes(r, c))
		r->bad = true;
}

static int read_number(struct reader *r, int max)
{
	int value = 0;
	size_t n = 0;
	for (; n < r->rest.n && r->rest.p[n] >= '0' && r->rest.p[n] <= '9' && value <= max; n++)
		value = value * 10 + (r->rest.p[n] - '0');
	r->rest = slice_from(r->rest, n);
	r->bad |= n == 0 || value > max;
	return value;
}

/* CET or <+0330>: what it is called does not matter. */
static void skip_name(struct reader *r)
{
	bool quoted = comes(r, '<');
	size_t n = 0;
	for (; n < r->rest.n; n++) {
		char c = r->rest.p[n];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
		if (quoted ? c == '>' : !letter)
			break;
	}
	r->bad |= n < 3;
	r->rest = slice_from(r->rest, n);
	if (quoted)
		expect(r, '>');
}

/* [+-]hh[:mm[:ss]] */
static int64_t read_time(struct reader *r, int max_hours)
{
	bool minus = comes(r, '-');
	if (!minus)
		(void)comes(r, '+');
	int64_t s = read_number(r, max_hours) * HOUR_S;
	if (comes(r, ':'))
		s += read_number(r, 59) * 60;
	if (comes(r, ':'))
		s += read_number(r, 59);
	return minus ? -s : s;
}

static void read_change(struct reader *r, struct change *ret)
{
	expect(r, ',');
	*ret = (struct change){ .form = 'n', .time_s = 2 * HOUR_S };
	if (comes(r, 'M')) {
		ret->form = 'M';
		ret->month = read_number(r, 12);
		expect(r, '.');
		ret->week = read_number(r, 5);
		expect(r, '.');
		ret->day = read_number(r, 6);
		r->bad |= ret->month == 0 || ret->week == 0;
	} else {
		ret->form = comes(r, 'J') ? 'J' : 'n';
		ret->day = read_number(r, 365);
		r->bad |= ret->form == 'J' && ret->day == 0;
	}
	if (comes(r, '/'))
		ret->time_s = read_time(r, 167);
}

static int read_rule(struct slice text, struct rule *ret)
{
	struct reader r = { text, false };
	*ret = (struct rule){ 0 };
	skip_name(&r);
	ret->standard_s = -read_time(&r, 24);
	ret->summer_s = ret->standard_s + HOUR_S;
	ret->changes = r.rest.n > 0;
	if (ret->changes)
		skip_name(&r);
	if (r.rest.n && r.rest.p[0] != ',')
		ret->summer_s = -read_time(&r, 24);
	if (ret->changes && r.rest.n == 0) /* as in the United States, where nothing is said */
		r.rest = S(",M3.2.0,M11.1.0");
	if (ret->changes) {
		read_change(&r, &ret->begins);
		read_change(&r, &ret->ends);
	}
	return r.bad || r.rest.n ? -EINVAL : 0;
}

static bool is_leap(int64_t year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* The last such weekday of a month, when there is no fifth. */
static int64_t weekday_of_month(const struct change *c, int64_t year)
{
	struct date first = { .year = year, .month = c->month, .day = 1 };
	struct date next = { .year = c->month < 12 ? year : year + 1,
			     .month = c->month % 12 + 1,
			     .day = 1 };
	int64_t day = date_to_days(&first), end = date_to_days(&next);
	int64_t weekday = ((day + 4) % 7 + 7) % 7; /* 1970-01-01 was a Thursday */
	day += (c->day - weekday + 7) % 7 + (c->week - 1) * 7;
	return day < end ? day : day - 7;
}

/* On the clocks as they were before the change. */
static int64_t change_local_s(const struct change *c, int64_t year)
{
	struct date first = { .year = year, .month = 1, .day = 1 };
	if (c->form == 'M')
		return weekday_of_month(c, year) * DAY_S + c->time_s;
	int64_t day = date_to_days(&first) + c->day;
	if (c->form == 'J' && (c->day < 60 || !is_leap(year))) /* J60 is always the 1st of March */
		day--;
	return day * DAY_S + c->time_s;
}

static int64_t rule_ahead_s(const struct rule *rule, int64_t utc_s)
{
	struct date d;
	if (!rule->changes)
		return rule->standard_s;
	int64_t local = utc_s + rule->standard_s;
	date_from_days(local >= 0 ? local / DAY_S : (local - DAY_S + 1) / DAY_S, &d);
	int64_t begins = change_local_s(&rule->begins, d.year) - rule->standard_s;
	int64_t ends = change_local_s(&rule->ends, d.year) - rule->summer_s;
	bool summer = begins < ends ? utc_s >= begins && utc_s < ends
				    : utc_s >= begins || utc_s < ends; /* in the south */
	return summer ? rule->summer_s : rule->standard_s;
}

int zone_parse_rule(struct arena *arena, struct slice text, const struct zone **ret)
{
	struct zone *z = arena_zero(arena, sizeof *z);
	int r = read_rule(text, &z->rule);
	z->ruled = true;
	*ret = r < 0 ? NULL : z;
	return r;
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

struct counts {
	uint32_t utc, std, leaps, times, types, chars;
};

static int64_t big_endian(const char *p, size_t n)
{
	uint64_t v = n == 4 && (p[0] & 0x80) ? UINT64_MAX : 0;
	for (size_t i = 0; i < n; i++)
		v = v << 8 | (unsigned char)p[i];
	return (int64_t)v;
}

/* Takes a header; false: there is none. */
static bool read_header(struct slice *text, struct counts *ret, char *version)
{
	const size_t n = 44;
	if (text->n < n || !slice_starts(*text, S("TZif")))
		return false;
	uint32_t v[6];
	for (size_t i = 0; i < ARRAY_SIZE(v); i++)
		v[i] = (uint32_t)big_endian(text->p + 20 + 4 * i, 4);
	*ret = (struct counts){ v[0], v[1], v[2], v[3], v[4], v[5] };
	*version = text->p[4];
	*text = slice_from(*text, n);
	for (size_t i = 0; i < ARRAY_SIZE(v); i++)
		if (v[i] > ZONE_MAX)
			return false;
	return ret->types > 0;
}

static size_t block_bytes(const struct counts *c, size_t word)
{
	return c->times * (word + 1) + c->types * 6 + c->chars + c->leaps * (word + 4) + c->std +
	       c->utc;
}

static int read_block(struct arena *arena, struct slice text, const struct counts *c, size_t word,
		      struct zone *z)
{
	const char *moments = text.p, *kinds = moments + c->times * word, *types = kinds + c->times;
	int64_t *when = arena_alloc(arena, (c->times + 1) * sizeof *when);
	int64_t *ahead = arena_alloc(arena, (c->times + 1) * sizeof *ahead);
	for (size_t i = 0; i < c->times; i++) {
		unsigned kind = (unsigned char)kinds[i];
		when[i] = big_endian(moments + i * word, word);
		if (kind >= c->types || (i > 0 && when[i] <= when[i - 1]))
			return -EBADMSG;
		ahead[i] = big_endian(types + kind * 6, 4);
		if (ahead[i] < -2 * DAY_S || ahead[i] > 2 * DAY_S)
			return -EBADMSG;
	}
	z->n = c->times;
	z->moments = when;
	z->ahead = ahead;
	z->before = big_endian(types, 4);
	return 0;
}

static int read_file(struct arena *arena, struct slice text, struct zone *z)
{
	struct counts c;
	char version;
	size_t word = 4;
	if (!read_header(&text, &c, &version) || block_bytes(&c, 4) > text.n)
		return -EBADMSG;
	if (version >= '2') { /* the same again, in 64 bits */
		text = slice_from(text, block_bytes(&c, 4));
		word = 8;
		if (!read_header(&text, &c, &version) || block_bytes(&c, 8) > text.n)
			return -EBADMSG;
	}
	int r = read_block(arena, text, &c, word, z);
	if (r < 0 || word == 4)
		return r;
	struct slice footer = slice_trim(slice_from(text, block_bytes(&c, 8)));
	z->ruled = footer.n > 0;
	return z->ruled && read_rule(footer, &z->rule) < 0 ? -EBADMSG : 0;
}

static int open_file(struct arena *arena, const char *path, const struct zone **ret)
{
	AUTO(buf_done) struct buf text = { .max = ZONE_MAX };
	int r = side_file_load(path, &text);
	if (r < 0)
		return r == -EMSGSIZE ? -EBADMSG : -ENOENT;
	struct zone *z = arena_zero(arena, sizeof *z);
	r = read_file(arena, buf_slice(&text), z);
	*ret = r < 0 ? NULL : z;
	return r;
}

static bool is_name(const char *name)
{
	for (const char *p = name; *p; p++) {
		bool letter = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z');
		bool other = (*p >= '0' && *p <= '9') || (p > name && strchr("+-_/", *p));
		if (!letter && !other)
			return false;
	}
	return *name != 0;
}

/* TZ: a name, a path, a rule; with a ':' before it or without. */
static int open_machine(struct arena *arena, const struct zone **ret)
{
	const char *tz = getenv("TZ");
	if (!tz)
		return open_file(arena, "/etc/localtime", ret) == -EBADMSG ? -EBADMSG : 0;
	tz += *tz == ':';
	if (*tz == '/')
		return open_file(arena, tz, ret);
	if (*tz == 0 || (is_name(tz) && zone_open(arena, tz, ret) == 0))
		return 0;
	return zone_parse_rule(arena, slice_str(tz), ret) < 0 ? -ENOENT : 0;
}

int zone_open(struct arena *arena, const char *name, const struct zone **ret)
{
	*ret = NULL;
	if (!name)
		return open_machine(arena, ret);
	if (strcmp(name, "UTC") == 0 || strcmp(name, "Etc/UTC") == 0)
		return 0; /* also where no database is installed */
	if (!is_name(name))
		return -ENOENT;
	return open_file(arena, arena_printf(arena, ZONE_FOLDER "/%s", name), ret);
}

/* ---- looking up ------------------------------------------------------------------------------------------------------ */

int64_t zone_ahead_s(const struct zone *z, int64_t utc_s)
{
	if (!z)
		return 0;
	if (z->n == 0 || utc_s >= z->moments[z->n - 1]) {
		if (z->ruled)
			return rule_ahead_s(&z->rule, utc_s);
		return z->n ? z->ahead[z->n - 1] : z->before;
	}
	size_t low = 0, high = z->n; /* moments[low - 1] <= utc_s < moments[high] */
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (z->moments[mid] <= utc_s)
			low = mid + 1;
		else
			high = mid;
	}
	return low ? z->ahead[low - 1] : z->before;
}

/* The first moment in (from, to] at which the clocks are so far ahead as at `to`. */
static int64_t change_between(const struct zone *z, int64_t from, int64_t to)
{
	int64_t then = zone_ahead_s(z, to);
	while (to - from > 1) {
		int64_t mid = from + (to - from) / 2;
		if (zone_ahead_s(z, mid) == then)
			to = mid;
		else
			from = mid;
	}
	return to;
}

int64_t zone_moment_s(const struct zone *z, int64_t local_s, int64_t *ret_again)
{
	int64_t before = zone_ahead_s(z, local_s - DAY_S), after = zone_ahead_s(z, local_s + DAY_S);
	int64_t first = local_s - before, second = local_s - after;
	bool is_first = zone_ahead_s(z, first) == before;
	bool is_second = zone_ahead_s(z, second) == after;
	*ret_again = is_second ? second : first;
	if (is_first || is_second)
		return is_first ? first : second;
	return *ret_again = change_between(z, local_s - DAY_S - before, local_s + DAY_S - after);
}
