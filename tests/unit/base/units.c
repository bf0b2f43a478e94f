/* units.c - tests of base/units.h */
#include "base/units.h"
#include "base/rand.h"
#include "check.h"
#include <errno.h>

#define SEC INT64_C(1000000000)

static void check_int(const char *text, int want_error, int64_t want)
{
	int64_t value = 77;
	int error = units_int(slice_str(text), &value);
	if (error != want_error || value != (error ? 77 : want))
		printf("# units_int(\"%s\")\n", text);
	CHECK_INT(error, want_error);
	CHECK_INT(value, error ? 77 : want);
}

TEST(ints)
{
	check_int("0", 0, 0);
	check_int("42", 0, 42);
	check_int("-42", 0, -42);
	check_int("+7", 0, 7);
	check_int("007", 0, 7);
	check_int("9223372036854775807", 0, INT64_MAX);
	check_int("-9223372036854775808", 0, INT64_MIN);
	check_int("9223372036854775808", -ERANGE, 0);
	check_int("-9223372036854775809", -ERANGE, 0);
	check_int("18446744073709551616", -ERANGE, 0);
	check_int("99999999999999999999999999", -ERANGE, 0);
	static const char *const bad[] = { "",    "-",   "+",    "--1",   "1 ",   " 1",
					   "1.0", "1e3", "0x10", "1_000", "1,000" };
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		check_int(bad[i], -EINVAL, 0);
	int64_t value;
	CHECK_INT(units_int((struct slice){ 0 }, &value), -EINVAL);
}

static void check_duration(const char *text, int want_error, int64_t want)
{
	int64_t ns = 77;
	int error = units_duration(slice_str(text), &ns);
	if (error != want_error || ns != (error ? 77 : want))
		printf("# units_duration(\"%s\")\n", text);
	CHECK_INT(error, want_error);
	CHECK_INT(ns, error ? 77 : want);
}

TEST(durations)
{
	check_duration("30s", 0, 30 * SEC);
	check_duration("0", 0, 0);
	check_duration("0s", 0, 0);
	check_duration("1ns", 0, 1);
	check_duration("5us", 0, 5000);
	check_duration("840ms", 0, 840000000);
	check_duration("2m", 0, 120 * SEC);
	check_duration("2min", 0, 120 * SEC);
	check_duration("1.5h", 0, 5400 * SEC);
	check_duration("7d", 0, 7 * 86400 * SEC);
	check_duration("0.1s", 0, 100000000);
	check_duration("0.000000001s", 0, 1);
	check_duration("0.0000000019s", 0, 1);
	check_duration("106751d", 0, INT64_C(106751) * 86400 * SEC);
	check_duration("106752d", -ERANGE, 0);
	check_duration("9223372036854775807ns", 0, INT64_MAX);
	check_duration("9223372036854775808ns", -ERANGE, 0);
	check_duration("99999999999999999999h", -ERANGE, 0);
	check_duration("1.99999999999999999999999999s", 0, 2 * SEC - 1);
	static const char *const bad[] = { "",    "30",   "s",   "1.s",  ".5s",   "-1s",
					   "+1s", "1 s",  "1S",  "1e3s", "1h30m", "1w",
					   "inf", "1,5s", "0.0", "30sec" };
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		check_duration(bad[i], -EINVAL, 0);
}

static void check_size(const char *text, int want_error, uint64_t want)
{
	uint64_t bytes = 77;
	int error = units_size(slice_str(text), &bytes);
	if (error != want_error || bytes != (error ? 77 : want))
		printf("# units_size(\"%s\")\n", text);
	CHECK_INT(error, want_error);
	CHECK(bytes == (error ? 77 : want));
}

TEST(sizes)
{
	check_size("0", 0, 0);
	check_size("512", 0, 512);
	check_size("512B", 0, 512);
	check_size("64K", 0, 65536);
	check_size("64KB", 0, 65536);
	check_size("64KiB", 0, 65536);
	check_size("64kb", 0, 65536);
	check_size("64MB", 0, UINT64_C(64) << 20);
	check_size("1.5G", 0, UINT64_C(3) << 29);
	check_size("0.1K", 0, 102);
	check_size("2TiB", 0, UINT64_C(2) << 40);
	check_size("18446744073709551615", 0, UINT64_MAX);
	check_size("18446744073709551616", -ERANGE, 0);
	check_size("16777216T", -ERANGE, 0);
	static const char *const bad[] = { "",     "MB",  "1.5", "-1M",  "1 MB",
					   "1MBB", "1.M", "1P",  "0x10", "1Ki" };
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		check_size(bad[i], -EINVAL, 0);
}

static void check_rate(const char *text, struct rate want)
{
	struct rate r = { 0 };
	int error = units_rate(slice_str(text), &r);
	if (error)
		printf("# units_rate(\"%s\")\n", text);
	CHECK_INT(error, 0);
	CHECK_INT(r.count, want.count);
	CHECK_INT(r.per_ns, want.per_ns);
	CHECK_INT(r.burst, want.burst);
	CHECK_INT(r.per_host, want.per_host);
}

TEST(rates)
{
	check_rate("500/min", (struct rate){ 500, 60 * SEC, 0, false });
	check_rate("14/s", (struct rate){ 14, SEC, 0, false });
	check_rate("1/s per host", (struct rate){ 1, SEC, 0, true });
	check_rate("100/10s burst 10", (struct rate){ 100, 10 * SEC, 10, false });
	check_rate("100/1m per host burst 100", (struct rate){ 100, 60 * SEC, 100, true });
	check_rate("100/1m burst 5 per host", (struct rate){ 100, 60 * SEC, 5, true });
	check_rate("  2/0.5s   per   host  ", (struct rate){ 2, SEC / 2, 0, true });
	check_rate("1000/h", (struct rate){ 1000, 3600 * SEC, 0, false });
	check_rate("10000/d", (struct rate){ 10000, 86400 * SEC, 0, false });
}

TEST(rates_refused)
{
	static const char *const bad[] = { "",
					   "500",
					   "/s",
					   "1/",
					   "a/s",
					   "-1/s",
					   "+1/s",
					   "1.5/s",
					   "1/fortnight",
					   "1/10",
					   "1 / s",
					   "1/s per",
					   "1/s per planet",
					   "1/s host",
					   "1/s burst",
					   "1/s burst x",
					   "1/s per host per host",
					   "2/s burst 1 burst 1",
					   "1/s please" };
	struct rate r = { .count = 77 };
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		int error = units_rate(slice_str(bad[i]), &r);
		if (error != -EINVAL)
			printf("# units_rate(\"%s\")\n", bad[i]);
		CHECK_INT(error, -EINVAL);
	}
	static const char *const large[] = { "0/s",         "1/0s",        "1/0",
					     "2/s burst 0", "2/s burst 3", "9223372036854775808/s",
					     "1/999999999d" };
	for (size_t i = 0; i < ARRAY_SIZE(large); i++) {
		int error = units_rate(slice_str(large[i]), &r);
		if (error != -ERANGE)
			printf("# units_rate(\"%s\")\n", large[i]);
		CHECK_INT(error, -ERANGE);
	}
	CHECK_INT(r.count, 77);
}

static void check_count(int64_t n, const char *want)
{
	AUTO(buf_done) struct buf b = { 0 };
	CHECK_INT(units_put_count(&b, n), 0);
	CHECK_STR(b.p, want);
}

static void check_put_duration(int64_t ns, const char *want)
{
	AUTO(buf_done) struct buf b = { 0 };
	CHECK_INT(units_put_duration(&b, ns), 0);
	CHECK_STR(b.p, want);
}

static void check_put_size(uint64_t n, const char *want)
{
	AUTO(buf_done) struct buf b = { 0 };
	CHECK_INT(units_put_size(&b, n), 0);
	CHECK_STR(b.p, want);
}

TEST(counts_have_commas)
{
	check_count(0, "0");
	check_count(999, "999");
	check_count(1000, "1,000");
	check_count(5000, "5,000");
	check_count(1234567, "1,234,567");
	check_count(-1000, "-1,000");
	check_count(INT64_MAX, "9,223,372,036,854,775,807");
	check_count(INT64_MIN, "-9,223,372,036,854,775,808");
}

TEST(durations_are_printed_as_people_say_them)
{
	check_put_duration(0, "0s");
	check_put_duration(1, "1ns");
	check_put_duration(999, "999ns");
	check_put_duration(1000, "1us");
	check_put_duration(999499, "999us");
	check_put_duration(999500, "1ms");
	check_put_duration(840 * SEC / 1000, "840ms");
	check_put_duration(SEC - 1, "1s");
	check_put_duration(SEC * 24 / 10, "2.4s");
	check_put_duration(SEC * 30, "30s");
	check_put_duration(SEC * 59949 / 1000, "59.9s");
	check_put_duration(SEC * 5995 / 100, "1m");
	check_put_duration(SEC * 61, "1m01s");
	check_put_duration(SEC * 132, "2m12s");
	check_put_duration(SEC * 35999 / 10, "1h");
	check_put_duration(SEC * (3 * 3600 + 5 * 60), "3h05m");
	check_put_duration(SEC * (24 * 3600 - 1), "1d");
	check_put_duration(SEC * 86400 * 7, "7d");
	check_put_duration(SEC * 86400 + SEC * 7200, "1d02h");
	check_put_duration(-SEC * 2, "-2s");
	check_put_duration(INT64_MAX, "106752d");
	check_put_duration(INT64_MIN, "-106752d");
}

TEST(sizes_have_two_digits_that_count)
{
	check_put_size(0, "0 B");
	check_put_size(9, "9 B");
	check_put_size(1023, "1023 B");
	check_put_size(1024, "1 KB");
	check_put_size(1536, "1.5 KB");
	check_put_size(10188, "9.9 KB");
	check_put_size(10200, "10 KB");
	check_put_size(UINT64_C(38) << 20, "38 MB");
	check_put_size((UINT64_C(1) << 20) - 1, "1 MB");
	check_put_size(UINT64_C(3) << 29, "1.5 GB");
	check_put_size(UINT64_MAX, "16 EB");
}

TEST(full_buffers_get_nothing)
{
	for (size_t max = 1; max < 7; max++) {
		AUTO(buf_done) struct buf b = { .max = max };
		CHECK_INT(units_put_count(&b, -1000000), -EMSGSIZE);
		CHECK_INT(units_put_duration(&b, INT64_MIN), -EMSGSIZE);
		CHECK_INT(units_put_size(&b, UINT64_C(123) << 20), max < 6 ? -EMSGSIZE : 0);
		CHECK_INT(b.n, max < 6 ? 0 : 6);
	}
}

/* Any bytes: a verdict, nothing read beyond the end (the copies are exact, for ASan). */
TEST(garbage_is_refused_in_bounds)
{
	static const char alphabet[] = "0123456789.-+/ smhdKMGB perhostbu\xff";
	struct rand r;
	rand_seed(&r, 11);
	for (int i = 0; i < 20000; i++) {
		char text[24];
		size_t n = rand_below(&r, sizeof(text));
		for (size_t k = 0; k < n; k++)
			text[k] = alphabet[rand_below(&r, sizeof(alphabet))];
		AUTO(freep) char *copy = xmalloc(n);
		memcpy(copy, text, n);
		struct slice s = { copy, n };
		int64_t value;
		uint64_t bytes;
		struct rate rate;
		CHECK(units_int(s, &value) <= 0);
		CHECK(units_duration(s, &value) < 0 || value >= 0);
		CHECK(units_size(s, &bytes) <= 0);
		CHECK(units_rate(s, &rate) < 0 || (rate.count > 0 && rate.per_ns > 0));
	}
}

static const struct test tests[] = {
	T(ints),
	T(durations),
	T(sizes),
	T(rates),
	T(rates_refused),
	T(counts_have_commas),
	T(durations_are_printed_as_people_say_them),
	T(sizes_have_two_digits_that_count),
	T(full_buffers_get_nothing),
	T(garbage_is_refused_in_bounds),
};

int main(void)
{
	return RUN_TESTS(tests);
}
