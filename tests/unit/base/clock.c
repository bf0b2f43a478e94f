/* clock.c - tests of base/clock.h */
#include "base/clock.h"
#include "base/rand.h"
#include "check.h"
#include <errno.h>

#define SECOND INT64_C(1000000000)

static void check_utc(int64_t ns, const char *want)
{
	AUTO(buf_done) struct buf b = { 0 };
	CHECK_INT(clock_put_utc(&b, ns), 0);
	CHECK_STR(b.p, want);
}

TEST(utc_is_rfc3339)
{
	check_utc(0, "1970-01-01T00:00:00.000Z");
	check_utc(INT64_C(1769862600123) * 1000000, "2026-01-31T12:30:00.123Z");
	check_utc(INT64_C(951782399) * SECOND, "2000-02-28T23:59:59.000Z");
	check_utc(INT64_C(951782400) * SECOND, "2000-02-29T00:00:00.000Z");
	check_utc(INT64_C(4107542400) * SECOND, "2100-03-01T00:00:00.000Z");
	check_utc(-1, "1969-12-31T23:59:59.999Z");
	check_utc(-SECOND, "1969-12-31T23:59:59.000Z");
	check_utc(INT64_MAX, "2262-04-11T23:47:16.854Z");
	check_utc(INT64_MIN, "1677-09-21T00:12:43.145Z");
}

TEST(utc_fails_whole)
{
	AUTO(buf_done) struct buf b = { .max = 10 };
	CHECK_INT(clock_put_utc(&b, 0), -EMSGSIZE);
	CHECK_INT(b.n, 0);
}

static void check_date(const char *text, int64_t want_s)
{
	int64_t ns = -1;
	CHECK_INT(clock_parse_http_date(slice_str(text), &ns), 0);
	CHECK_INT(ns, want_s * SECOND);
}

TEST(http_dates_in_three_forms)
{
	check_date("Sun, 06 Nov 1994 08:49:37 GMT", 784111777);
	check_date("Sunday, 06-Nov-94 08:49:37 GMT", 784111777);
	check_date("Sun Nov  6 08:49:37 1994", 784111777);
	check_date("Thu, 01 Jan 1970 00:00:00 GMT", 0);
	check_date("Thu, 29 Feb 2024 23:59:59 GMT", 1709251199);
	check_date("Sat Nov 26 08:49:37 1994", 785839777);
	check_date("Fri, 30 Jun 1972 23:59:60 GMT",
		   78796800); /* a leap second is the next second */
}

TEST(two_digit_years_are_near)
{
	AUTO(buf_done) struct buf text = { 0 }, now = { 0 };
	CHECK_INT(clock_put_utc(&now, clock_wall_ns()), 0);
	int64_t ns;
	CHECK_INT(buf_printf(&text, "Monday, 02-Jan-%.2s 00:00:00 GMT", now.p + 2), 0);
	CHECK_INT(clock_parse_http_date(buf_slice(&text), &ns), 0);
	buf_clear(&text);
	CHECK_INT(clock_put_utc(&text, ns), 0);
	CHECK(slice_starts(buf_slice(&text), slice_head(buf_slice(&now), 4)));
	check_date("Monday, 01-Jan-90 00:00:00 GMT", 631152000);
}

TEST(other_texts_are_refused)
{
	static const char *const bad[] = {
		"",
		"Sun",
		"Sun,",
		"now",
		"0",
		"120",
		"Sun, 06 Nov 1994 08:49:37",
		"Sun, 06 Nov 1994 08:49:37 UTC",
		"Sun, 06 Nov 1994 08:49:37 GMT ",
		" Sun, 06 Nov 1994 08:49:37 GMT",
		"Sun, 6 Nov 1994 08:49:37 GMT",
		"Sun, 06 nov 1994 08:49:37 GMT",
		"Sun, 06 Nov 94 08:49:37 GMT",
		"Xun, 06 Nov 1994 08:49:37 GMT",
		"Sun, 31 Nov 1994 08:49:37 GMT",
		"Sun, 00 Nov 1994 08:49:37 GMT",
		"Wed, 29 Feb 2023 00:00:00 GMT",
		"Sun, 06 Nov 1994 24:49:37 GMT",
		"Sun, 06 Nov 1994 08:60:37 GMT",
		"Sun, 06 Nov 1994 08:49:61 GMT",
		"Sun, 06 Nov 1994 -8:49:37 GMT",
		"Sun, 06 Nov 0000 08:49:37 GMT",
		"Sun, 06 Nov 9999 08:49:37 GMT",
		"Sunday, 06 Nov 1994 08:49:37 GMT",
		"Sunday, 06-Nov-1994 08:49:37 GMT",
		"Sun Nov 06 08:49:37 1994 GMT",
		"Sun Nov  x 08:49:37 1994",
		"1994-11-06T08:49:37Z",
	};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		int64_t ns = 77;
		int error = clock_parse_http_date(slice_str(bad[i]), &ns);
		if (error != -EINVAL)
			printf("# %s\n", bad[i]);
		CHECK_INT(error, -EINVAL);
		CHECK_INT(ns, 77);
	}
}

TEST(every_prefix_and_mutation_stays_in_bounds)
{
	static const char *const good[] = { "Sun, 06 Nov 1994 08:49:37 GMT",
					    "Sunday, 06-Nov-94 08:49:37 GMT",
					    "Sun Nov  6 08:49:37 1994" };
	struct rand r;
	rand_seed(&r, 3);
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		size_t n = strlen(good[i]);
		for (size_t k = 0; k < n; k++) {
			AUTO(freep) char *copy = xstrndup(good[i], k);
			int64_t ns;
			CHECK_INT(clock_parse_http_date((struct slice){ copy, k }, &ns), -EINVAL);
		}
		for (int k = 0; k < 2000; k++) {
			AUTO(freep) char *copy = xstrndup(good[i], n);
			int64_t ns = INT64_MIN;
			copy[rand_below(&r, n)] = (char)rand_below(&r, 256);
			int error = clock_parse_http_date((struct slice){ copy, n }, &ns);
			CHECK(error == -EINVAL || ns > INT64_MIN);
		}
	}
}

TEST(dates_survive_the_way_out_and_back)
{
	static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
					      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	struct rand r;
	rand_seed(&r, 5);
	for (int i = 0; i < 5000; i++) {
		int64_t seconds =
			(int64_t)rand_below(&r, INT64_C(18000000000)) - INT64_C(9000000000);
		AUTO(buf_done) struct buf utc = { 0 }, http = { 0 };
		CHECK_INT(clock_put_utc(&utc, seconds * SECOND), 0);
		int month = (utc.p[5] - '0') * 10 + utc.p[6] - '0';
		CHECK_INT(buf_printf(&http, "Mon, %.2s %s %.4s %.8s GMT", utc.p + 8,
				     months[month - 1], utc.p, utc.p + 11),
			  0);
		check_date(http.p, seconds);
	}
}

TEST(rfc3339_is_read)
{
	int64_t ns;
	CHECK_INT(clock_parse_utc(S("2026-01-31T12:30:00Z"), &ns), 0);
	CHECK_INT(ns, INT64_C(1769862600) * SECOND);
	CHECK_INT(clock_parse_utc(S("2026-01-31T12:30:00.1234567891Z"), &ns), 0);
	CHECK_INT(ns, INT64_C(1769862600) * SECOND + 123456789);
	CHECK_INT(clock_parse_utc(S("2026-01-31T14:00:00+01:30"), &ns), 0);
	CHECK_INT(ns, INT64_C(1769862600) * SECOND);
	static const char *const bad[] = { "",
					   "2026-01-31",
					   "2026-13-01T00:00:00Z",
					   "2026-02-30T00:00:00Z",
					   "2026-01-31T12:30:00",
					   "2026-01-31T12:30:00Z ",
					   "2026-01-31 12:30:00Z",
					   "2026-01-31T25:30:00Z",
					   "2026-01-31T12:30:00+0130" };
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		CHECK(clock_parse_utc(slice_str(bad[i]), &ns) < 0);
}

TEST(monotonic_does_not_go_back)
{
	int64_t before = clock_mono_ns();
	for (int i = 0; i < 1000; i++) {
		int64_t now = clock_mono_ns();
		CHECK(now >= before);
		before = now;
	}
	CHECK(clock_wall_ns() > INT64_C(1700000000) * SECOND);
}

static const struct test tests[] = {
	T(utc_is_rfc3339),
	T(utc_fails_whole),
	T(http_dates_in_three_forms),
	T(two_digit_years_are_near),
	T(other_texts_are_refused),
	T(every_prefix_and_mutation_stays_in_bounds),
	T(dates_survive_the_way_out_and_back),
	T(rfc3339_is_read),
	T(monotonic_does_not_go_back),
};

int main(void)
{
	return RUN_TESTS(tests);
}
