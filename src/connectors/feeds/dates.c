/* dates.c - a date is collected from its words, whatever their order, and then checked whole
 *
 * What this room is for: see dates.h. RFC 822 dates are written by hand, by old programs and in all orders; reading word for word, each
 *   of which can be one thing only, takes them all without a pattern for each.
 * What flows through:    text in, nanoseconds since 1970 out.
 * What must hold:
 *  (1) a part that comes twice, or a word that is nothing, makes it no date. (2) days are checked against their month.
 *  (3) two digits are 1970 to 2069. */
#include "connectors/feeds/dates.h"
#include "base/banned.h"
#include "base/clock.h"
#include "base/units.h"
#include <errno.h>

#define NS_PER_S INT64_C(1000000000)

struct parts {
	struct date date; /* month, day 0: not there yet */
	int64_t ns;       /* behind the second */
	int offset_minutes;
	bool has_year, has_time, has_zone, has_offset, afternoon, has_half;
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* So many digits, at most `most`, from the front of *rest; -1: none. */
static int take_number(struct slice *rest, size_t most)
{
	int n = 0;
	size_t i = 0;
	for (; i < rest->n && i < most && is_digit(rest->p[i]); i++)
		n = n * 10 + (rest->p[i] - '0');
	*rest = slice_from(*rest, i);
	return i ? n : -1;
}

static bool take_char(struct slice *rest, char c)
{
	if (rest->n == 0 || rest->p[0] != c)
		return false;
	*rest = slice_from(*rest, 1);
	return true;
}

/* ---- zones ----------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	int minutes;
} zones[] = {
	{ "Z", 0 },      { "UT", 0 },     { "UTC", 0 },    { "GMT", 0 },     { "WET", 0 },
	{ "EST", -300 }, { "EDT", -240 }, { "CST", -360 }, { "CDT", -300 },  { "MST", -420 },
	{ "MDT", -360 }, { "PST", -480 }, { "PDT", -420 }, { "AKST", -540 }, { "AKDT", -480 },
	{ "HST", -600 }, { "AST", -240 }, { "ADT", -180 }, { "NST", -210 },  { "NDT", -150 },
	{ "BST", 60 },   { "WEST", 60 },  { "CET", 60 },   { "MET", 60 },    { "CEST", 120 },
	{ "MEST", 120 }, { "EET", 120 },  { "EEST", 180 }, { "MSK", 180 },   { "HKT", 480 },
	{ "SGT", 480 },  { "AWST", 480 }, { "JST", 540 },  { "KST", 540 },   { "ACST", 570 },
	{ "AEST", 600 }, { "ACDT", 630 }, { "AEDT", 660 }, { "NZST", 720 },  { "NZDT", 780 },
};

/* "+0200", "-05:30", "+2" */
static bool read_offset(struct slice word, int *ret)
{
	int sign = word.n && word.p[0] == '-' ? -1 : 1;
	if (word.n < 2 || (word.p[0] != '+' && word.p[0] != '-'))
		return false;
	word = slice_from(word, 1);
	int hours = take_number(&word, 2);
	bool colon = take_char(&word, ':');
	int minutes = word.n || colon ? take_number(&word, 2) : 0;
	if (hours < 0 || minutes < 0 || hours > 14 || minutes > 59 || word.n)
		return false;
	*ret = sign * (hours * 60 + minutes);
	return true;
}

static bool set_zone(struct parts *p, int minutes)
{
	if (p->has_zone)
		return minutes == p->offset_minutes; /* "GMT+0000", "+0000 (UTC)" */
	p->has_zone = true;
	p->offset_minutes = minutes;
	return true;
}

/* "CEST", "+0200", "GMT+2" */
static bool take_zone(struct parts *p, struct slice word)
{
	size_t letters = 0;
	int minutes;
	while (letters < word.n && is_letter(word.p[letters]))
		letters++;
	struct slice name = slice_head(word, letters), rest = slice_from(word, letters);
	if (rest.n && !read_offset(rest, &minutes))
		return false;
	if (rest.n && letters && !slice_eq_nocase(name, S("GMT")) &&
	    !slice_eq_nocase(name, S("UTC")))
		return false;
	p->has_offset |= rest.n > 0;
	if (rest.n)
		return set_zone(p, minutes);
	for (size_t i = 0; i < ARRAY_SIZE(zones); i++)
		if (slice_eq_nocase(name, slice_str(zones[i].name)))
			return set_zone(p, zones[i].minutes);
	return false;
}

/* ---- times ----------------------------------------------------------------------------------- */

static int64_t take_fraction(struct slice *rest)
{
	int64_t ns = 0, unit = NS_PER_S / 10;
	for (; rest->n && is_digit(rest->p[0]); *rest = slice_from(*rest, 1), unit /= 10)
		ns += (rest->p[0] - '0') * unit;
	return ns;
}

/* "00:01", "0:01:30.25"; what is behind it is a zone. */
static bool take_time(struct parts *p, struct slice word)
{
	p->date.hour = take_number(&word, 2);
	bool colon = take_char(&word, ':');
	p->date.minute = take_number(&word, 2);
	if (p->has_time || !colon || p->date.hour < 0 || p->date.minute < 0)
		return false;
	p->has_time = true;
	if (take_char(&word, ':') && (p->date.second = take_number(&word, 2)) < 0)
		return false;
	if (word.n && (word.p[0] == '.' || word.p[0] == ',')) {
		word = slice_from(word, 1);
		p->ns = take_fraction(&word);
	}
	return word.n == 0 || take_zone(p, word);
}

/* ---- days ------------------------------------------------------------------------------------ */

static int index_of(struct slice word, const char *names)
{
	for (int i = 0; names[i * 3]; i++)
		if (slice_eq_nocase(slice_head(word, 3), (struct slice){ names + i * 3, 3 }))
			return i;
	return -1;
}

static bool take_year(struct parts *p, int64_t year, size_t digits)
{
	if (p->has_year || (digits != 2 && digits != 4))
		return false;
	p->has_year = true;
	p->date.year = digits == 4 ? year : year < 70 ? year + 2000 : year + 1900;
	return true;
}

static bool take_digits(struct parts *p, struct slice word)
{
	int64_t n;
	if (units_int(word, &n) < 0)
		return false;
	if (word.n > 2 || p->date.day)
		return take_year(p, n, word.n);
	p->date.day = (int)n;
	return n > 0;
}

static bool take_half(struct parts *p, struct slice word)
{
	bool am = slice_eq_nocase(word, S("AM"));
	if ((!am && !slice_eq_nocase(word, S("PM"))) || p->has_half)
		return false;
	p->has_half = true;
	p->afternoon = !am;
	return true;
}

static bool take_name(struct parts *p, struct slice word)
{
	int month = word.n >= 3 ? index_of(word, "JanFebMarAprMayJunJulAugSepOctNovDec") : -1;
	if (month >= 0 && p->date.month == 0) {
		p->date.month = month + 1;
		return true;
	}
	if (take_half(p, word) || take_zone(p, word))
		return true;
	if (p->has_offset && word.n <= 5)
		return true; /* "+0530 IST": a name that means many zones, and need not be known */
	return word.n >= 3 && index_of(word, "SunMonTueWedThuFriSat") >= 0;
}

static bool take_word(struct parts *p, struct slice word);

/* "06-Sep-21" */
static bool take_dashed(struct parts *p, struct slice word)
{
	struct slice part;
	for (bool more = true; more;) {
		more = slice_cut(word, '-', &part, &word);
		if (part.n == 0 || !take_word(p, part))
			return false;
	}
	return true;
}

static bool take_word(struct parts *p, struct slice word)
{
	bool digit = is_digit(word.p[0]);
	if (word.p[0] == '(' || slice_eq(word, S("at")))
		return true; /* a comment */
	if (memchr(word.p, ':', word.n) && digit)
		return take_time(p, word);
	if (word.p[0] == '+' || word.p[0] == '-')
		return take_zone(p, word);
	if (digit && memchr(word.p, '-', word.n))
		return take_dashed(p, word);
	return digit ? take_digits(p, word) : take_name(p, word);
}

static bool is_between(char c)
{
	return c == ' ' || c == '\t' || c == ',' || c == '\n' || c == '\r';
}

static bool read_words(struct parts *p, struct slice text)
{
	while (text.n) {
		size_t n = 0;
		while (n < text.n && !is_between(text.p[n]))
			n++;
		struct slice word = slice_head(text, n);
		if (word.n > 1 && slice_ends(word, S(".")))
			word.n--; /* "Sept." */
		if (word.n && !take_word(p, word))
			return false;
		text = slice_from(text, n < text.n ? n + 1 : n);
	}
	return p->has_year && p->date.month && p->date.day;
}

/* ---- RFC 3339 and W3CDTF --------------------------------------------------------------------- */

static bool starts_with_year(struct slice text)
{
	size_t n = 0;
	while (n < text.n && is_digit(text.p[n]))
		n++;
	return n == 4 && (text.n == 4 || text.p[4] == '-' || text.p[4] == '/');
}

static bool read_iso(struct parts *p, struct slice text)
{
	p->date.year = take_number(&text, 4);
	p->date.month = p->date.day = 1;
	p->has_year = true;
	char between = text.n ? text.p[0] : '-';
	if (take_char(&text, between))
		p->date.month = take_number(&text, 2);
	if (take_char(&text, between))
		p->date.day = take_number(&text, 2);
	if (text.n == 0)
		return true;
	if (!take_char(&text, 'T') && !take_char(&text, 't') && !take_char(&text, ' '))
		return false;
	struct slice time, zone;
	(void)slice_cut(slice_trim(text), ' ', &time, &zone);
	return take_time(p, time) && (zone.n == 0 || take_zone(p, slice_trim(zone)));
}

/* ---- */

static int days_in(int64_t year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return month == 2 && leap ? 29 : days[month - 1];
}

static bool is_date(struct parts *p)
{
	struct date *d = &p->date;
	if (p->has_half && (d->hour < 1 || d->hour > 12))
		return false;
	if (p->has_half)
		d->hour = d->hour % 12 + (p->afternoon ? 12 : 0);
	bool midnight = d->hour == 24 && d->minute == 0 && d->second == 0;
	return d->year >= 1700 && d->year <= 2200 && d->month >= 1 && d->month <= 12 &&
	       d->day >= 1 && d->day <= days_in(d->year, d->month) && (d->hour < 24 || midnight) &&
	       d->minute < 60 && d->second <= 60;
}

int feed_date_read(struct slice text, int64_t *ret_ns)
{
	struct parts p = { 0 };
	text = slice_trim(text);
	if (text.n == 0 || text.n > 80 ||
	    !(starts_with_year(text) ? read_iso(&p, text) : read_words(&p, text)) || !is_date(&p))
		return -EINVAL;
	int64_t minutes =
		date_to_days(&p.date) * 1440 + p.date.hour * 60 + p.date.minute - p.offset_minutes;
	*ret_ns = (minutes * 60 + p.date.second) * NS_PER_S + p.ns;
	return 0;
}

int feed_date_put(int64_t ns, struct buf *out)
{
	AUTO(buf_done) struct buf text = { .max = 64 };
	int r = clock_put_utc(&text, ns);
	if (r == 0 && slice_ends(buf_slice(&text), S(".000Z"))) {
		buf_truncate(&text, text.n - 5);
		r = buf_add_char(&text, 'Z');
	}
	return r < 0 ? r : buf_add(out, buf_slice(&text));
}
