/* units.c - numbers, durations, sizes and rates as people write them, and back
 *
 * What this room is for: the values of options, and the figures in messages and accounts.
 * What flows through:    short texts to exact integers and back.
 * What must hold:
 *  (1) a text is understood whole or refused; nothing is guessed, nothing is rounded on the way in except digits
 *      finer than a nanosecond or a byte.
 *  (2) no floating point and no locale: "0.1s" is 100,000,000 ns exactly.
 *  (3) what is printed is rounded to nearest, and a rounded-up value takes the larger unit (never "60s" for
 *      what should be "1m"). */
#include "base/units.h"
#include <errno.h>
#include <inttypes.h>

#define US     INT64_C(1000)
#define MS     (1000 * US)
#define SEC    (1000 * MS)
#define MINUTE (60 * SEC)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

struct unit {
	const char *name;
	uint64_t size;
};

static const struct unit durations[] = {
	{ "ns", 1 },     { "us", US },      { "ms", MS },  { "s", SEC },
	{ "m", MINUTE }, { "min", MINUTE }, { "h", HOUR }, { "d", DAY },
};

static const struct unit sizes[] = {
	{ "", 1 },
	{ "B", 1 },
	{ "K", UINT64_C(1) << 10 },
	{ "KB", UINT64_C(1) << 10 },
	{ "KiB", UINT64_C(1) << 10 },
	{ "M", UINT64_C(1) << 20 },
	{ "MB", UINT64_C(1) << 20 },
	{ "MiB", UINT64_C(1) << 20 },
	{ "G", UINT64_C(1) << 30 },
	{ "GB", UINT64_C(1) << 30 },
	{ "GiB", UINT64_C(1) << 30 },
	{ "T", UINT64_C(1) << 40 },
	{ "TB", UINT64_C(1) << 40 },
	{ "TiB", UINT64_C(1) << 40 },
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static size_t count_digits(struct slice s)
{
	size_t n = 0;
	while (n < s.n && is_digit(s.p[n]))
		n++;
	return n;
}

static int read_digits(struct slice digits, uint64_t *ret)
{
	uint64_t value = 0;
	for (size_t i = 0; i < digits.n; i++) {
		uint64_t digit = (uint64_t)(digits.p[i] - '0');
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, digit, &value))
			return -ERANGE;
	}
	*ret = value;
	return 0;
}

int units_int(struct slice s, int64_t *ret)
{
	bool minus = s.n && s.p[0] == '-';
	if (minus || (s.n && s.p[0] == '+'))
		s = slice_from(s, 1);
	if (!s.n || count_digits(s) != s.n)
		return -EINVAL;
	uint64_t value;
	if (read_digits(s, &value) < 0 || value > (uint64_t)INT64_MAX + minus)
		return -ERANGE;
	*ret = minus ? (int64_t)(0 - value) : (int64_t)value;
	return 0;
}

static const struct unit *find_unit(const struct unit *units, size_t n, struct slice name,
				    bool nocase)
{
	for (size_t i = 0; i < n; i++) {
		struct slice want = slice_str(units[i].name);
		if (nocase ? slice_eq_nocase(name, want) : slice_eq(name, want))
			return &units[i];
	}
	return NULL;
}

/* digits[.digits], in units of `unit`, into *ret; digits finer than 1 are dropped. */
static int scale(struct slice whole, struct slice fraction, uint64_t unit, uint64_t *ret)
{
	uint64_t value;
	if (read_digits(whole, &value) < 0 || __builtin_mul_overflow(value, unit, &value))
		return -ERANGE;
	/* Each digit is worth a tenth of the one before; the remainders are carried along, because a unit of
	 * 1024 is no power of ten. */
	unsigned __int128 part = 0, worth = 1;
	for (size_t i = 0; i < fraction.n && i < 18; i++) {
		part = part * 10 + (unsigned)(fraction.p[i] - '0');
		worth *= 10;
	}
	if (__builtin_add_overflow(value, (uint64_t)(part * unit / worth), &value))
		return -ERANGE;
	*ret = value;
	return 0;
}

/* Cuts "1.5h" into "1", "5", "h". */
static int cut_number(struct slice s, struct slice *whole, struct slice *fraction,
		      struct slice *unit)
{
	*whole = slice_head(s, count_digits(s));
	*fraction = (struct slice){ 0 };
	s = slice_from(s, whole->n);
	if (!whole->n)
		return -EINVAL;
	if (s.n && s.p[0] == '.') {
		s = slice_from(s, 1);
		*fraction = slice_head(s, count_digits(s));
		s = slice_from(s, fraction->n);
		if (!fraction->n)
			return -EINVAL;
	}
	*unit = s;
	return 0;
}

int units_duration(struct slice s, int64_t *ret_ns)
{
	struct slice whole, fraction, name;
	if (cut_number(s, &whole, &fraction, &name) < 0)
		return -EINVAL;
	if (slice_eq(s, S("0"))) {
		*ret_ns = 0;
		return 0;
	}
	const struct unit *unit = find_unit(durations, ARRAY_SIZE(durations), name, false);
	if (!unit)
		return -EINVAL;
	uint64_t ns;
	if (scale(whole, fraction, unit->size, &ns) < 0 || ns > INT64_MAX)
		return -ERANGE;
	*ret_ns = (int64_t)ns;
	return 0;
}

int units_size(struct slice s, uint64_t *ret_bytes)
{
	struct slice whole, fraction, name;
	if (cut_number(s, &whole, &fraction, &name) < 0)
		return -EINVAL;
	const struct unit *unit = find_unit(sizes, ARRAY_SIZE(sizes), name, true);
	if (!unit || (fraction.n && unit->size == 1))
		return -EINVAL;
	return scale(whole, fraction, unit->size, ret_bytes);
}

/* ---- rates -------------------------------------------------------------------------------------- */

/* The next word of *s, which loses it. */
static struct slice next_word(struct slice *s)
{
	struct slice word;
	*s = slice_trim(*s);
	slice_cut(*s, ' ', &word, s);
	return word;
}

/* A bare unit is one of it: "min" is "1min". */
static int read_window(struct slice s, int64_t *ret_ns)
{
	const struct unit *unit = find_unit(durations, ARRAY_SIZE(durations), s, false);
	if (unit) {
		*ret_ns = (int64_t)unit->size;
		return 0;
	}
	int error = units_duration(s, ret_ns);
	if (error)
		return error;
	return *ret_ns > 0 ? 0 : -ERANGE;
}

static int read_positive(struct slice s, int64_t *ret)
{
	if (!s.n || !is_digit(s.p[0]))
		return -EINVAL;
	int error = units_int(s, ret);
	if (error)
		return error;
	return *ret > 0 ? 0 : -ERANGE;
}

static int read_rate_word(struct slice word, struct slice *rest, struct rate *r)
{
	if (slice_eq(word, S("per")) && !r->per_host && slice_eq(next_word(rest), S("host"))) {
		r->per_host = true;
		return 0;
	}
	if (slice_eq(word, S("burst")) && !r->burst)
		return read_positive(next_word(rest), &r->burst);
	return -EINVAL;
}

int units_rate(struct slice s, struct rate *ret)
{
	struct rate r = { 0 };
	struct slice count, window;
	struct slice rest = s;
	if (!slice_cut(next_word(&rest), '/', &count, &window))
		return -EINVAL;
	int error = read_positive(count, &r.count);
	if (!error)
		error = read_window(window, &r.per_ns);
	rest = slice_trim(rest);
	while (!error && rest.n) {
		error = read_rate_word(next_word(&rest), &rest, &r);
		rest = slice_trim(rest);
	}
	if (error)
		return error;
	if (r.burst > r.count) /* more at once than are allowed in the whole window */
		return -ERANGE;
	*ret = r;
	return 0;
}

/* ---- for messages ---------------------------------------------------------------------------- */

int units_put_count(struct buf *out, int64_t count)
{
	char digits[32]; /* 19 digits, 6 commas, a sign */
	size_t at = sizeof(digits);
	uint64_t left = count < 0 ? 0 - (uint64_t)count : (uint64_t)count;
	int written = 0;
	do {
		if (written && written % 3 == 0)
			digits[--at] = ',';
		digits[--at] = (char)('0' + left % 10);
		left /= 10;
		written++;
	} while (left);
	if (count < 0)
		digits[--at] = '-';
	return buf_add(out, (struct slice){ digits + at, sizeof(digits) - at });
}

static uint64_t round_div(uint64_t value, uint64_t by)
{
	return value / by + (value % by >= by - by / 2);
}

/* "2m12s", "3h05m"; the smaller half is left out when it is 0. */
static int put_pair(struct buf *out, uint64_t value, uint64_t ratio, const char *large,
		    const char *small)
{
	uint64_t high = value / ratio, low = value % ratio;
	if (!low)
		return buf_printf(out, "%" PRIu64 "%s", high, large);
	return buf_printf(out, "%" PRIu64 "%s%02" PRIu64 "%s", high, large, low, small);
}

static int put_tenths(struct buf *out, uint64_t tenths, const char *unit)
{
	if (tenths % 10 == 0)
		return buf_printf(out, "%" PRIu64 "%s", tenths / 10, unit);
	return buf_printf(out, "%" PRIu64 ".%" PRIu64 "%s", tenths / 10, tenths % 10, unit);
}

static int put_positive_duration(struct buf *out, uint64_t ns)
{
	if (ns < (uint64_t)US)
		return buf_printf(out, "%" PRIu64 "%s", ns, ns ? "ns" : "s");
	if (round_div(ns, US) < 1000)
		return buf_printf(out, "%" PRIu64 "us", round_div(ns, US));
	if (round_div(ns, MS) < 1000)
		return buf_printf(out, "%" PRIu64 "ms", round_div(ns, MS));
	if (round_div(ns, SEC / 10) < 600)
		return put_tenths(out, round_div(ns, SEC / 10), "s");
	if (round_div(ns, SEC) < 3600)
		return put_pair(out, round_div(ns, SEC), 60, "m", "s");
	if (round_div(ns, MINUTE) < 24 * 60)
		return put_pair(out, round_div(ns, MINUTE), 60, "h", "m");
	return put_pair(out, round_div(ns, HOUR), 24, "d", "h");
}

int units_put_duration(struct buf *out, int64_t ns)
{
	size_t before = out->n;
	int error = ns < 0 ? buf_add_char(out, '-') : 0;
	if (!error)
		error = put_positive_duration(out, ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns);
	if (error)
		buf_truncate(out, before);
	return error;
}

int units_put_size(struct buf *out, uint64_t bytes)
{
	static const char *const names[] = { " B", " KB", " MB", " GB", " TB", " PB", " EB" };
	size_t unit = 0;
	uint64_t size = 1;
	while (unit + 1 < ARRAY_SIZE(names) && round_div(bytes, size) >= 1024) {
		size <<= 10;
		unit++;
	}
	/* Two digits say enough: 1.5 MB, 38 MB. Tenths without overflow: whole and rest apart. */
	uint64_t tenths = bytes / size * 10 + round_div(bytes % size * 10, size);
	if (tenths < 100)
		return put_tenths(out, tenths, names[unit]);
	return buf_printf(out, "%" PRIu64 "%s", round_div(bytes, size), names[unit]);
}
