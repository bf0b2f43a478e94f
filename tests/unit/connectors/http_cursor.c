/* http_cursor.c - tests of values that grow: kinds, order, going back */
#include "connectors/http/http_cursor.h"
#include "base/banned.h"
#include "check.h"
#include <errno.h>

static enum cursor_kind kind_of(const char *json)
{
	AUTO(cursor_done) struct cursor c = { 0 };
	int r = cursor_read(slice_str(json), &c);
	return r < 0 ? CURSOR_NONE : c.kind;
}

TEST(a_value_has_a_kind_by_its_form)
{
	CHECK_INT(kind_of("\"2026-01-31T12:30:00Z\""), CURSOR_TIME);
	CHECK_INT(kind_of("\"2026-01-31T12:30:00.123456+01:00\""), CURSOR_TIME);
	CHECK_INT(kind_of("\"2026-01-31\""), CURSOR_TEXT);
	CHECK_INT(kind_of("\"2026-01-31 12:30:00\""), CURSOR_TEXT);
	CHECK_INT(kind_of("\"17\""), CURSOR_TEXT);
	CHECK_INT(kind_of("17"), CURSOR_NUMBER);
	CHECK_INT(kind_of("\"9999-12-31T00:00:00Z\""), CURSOR_TEXT); /* no instant of ours */
	CHECK_INT(kind_of("null"), CURSOR_NONE);
	CHECK_INT(kind_of("\"\""), CURSOR_NONE);
	CHECK_INT(kind_of("{\"a\":1}"), CURSOR_NONE);
	CHECK_INT(kind_of("true"), CURSOR_NONE);
}

static int order(const char *a, const char *b)
{
	AUTO(cursor_done) struct cursor x = { 0 }, y = { 0 };
	CHECK_INT(cursor_read(slice_str(a), &x), 0);
	CHECK_INT(cursor_read(slice_str(b), &y), 0);
	int one = cursor_compare(&x, &y), other = cursor_compare(&y, &x);
	CHECK_INT(one > 0, other < 0);
	CHECK_INT(one == 0, other == 0);
	return one < 0 ? -1 : one > 0;
}

TEST(values_are_ordered_by_what_they_mean)
{
	CHECK_INT(order("\"2026-01-31T12:30:00+01:00\"", "\"2026-01-31T11:45:00Z\""), -1);
	CHECK_INT(order("\"2026-01-31T12:30:00Z\"", "\"2026-01-31T12:30:00.000Z\""), 0);
	CHECK_INT(order("\"2026-01-31T12:30:00.5Z\"", "\"2026-01-31T12:30:00.49Z\""), 1);
	CHECK_INT(order("9", "10"), -1);
	CHECK_INT(order("9007199254740993", "9007199254740992"), 1);
	CHECK_INT(order("1.5", "1.50"), 0);
	CHECK_INT(order("-1.5", "1e3"), -1);
	CHECK_INT(order("\"9\"", "\"10\""), 1);
	CHECK_INT(order("\"\\u0061b\"", "\"ab\""), 0);
}

static void check_before(const char *json, int64_t lag_ns, const char *want)
{
	AUTO(cursor_done) struct cursor c = { 0 }, back = { 0 };
	CHECK_INT(cursor_read(slice_str(json), &c), 0);
	CHECK_INT(cursor_before(&c, lag_ns, &back), want ? 0 : -EINVAL);
	if (want)
		CHECK_STR(back.json.p, want);
}

#define SECOND INT64_C(1000000000)

TEST(going_back_is_never_too_short)
{
	check_before("\"2026-01-31T12:30:00+01:00\"", 300 * SECOND, "\"2026-01-31T11:25:00Z\"");
	check_before("\"2026-01-31T12:30:00.123Z\"", 60 * SECOND, "\"2026-01-31T12:29:00.123Z\"");
	check_before("\"2026-01-31T12:30:00.1239Z\"", 60 * SECOND, "\"2026-01-31T12:29:00.123Z\"");
	check_before("\"2026-01-31T12:30:00Z\"", 0, "\"2026-01-31T12:30:00Z\"");
	check_before("1700000000", 300 * SECOND, "1699999700");
	check_before("1700000000000", 300 * SECOND, "1699999700000");
	check_before("100", SECOND / 2, "99");
	check_before("1.5", 0, "1.5");
	check_before("1.5", SECOND, NULL);
	check_before("\"abc\"", 0, "\"abc\"");
	check_before("\"abc\"", SECOND, NULL);
}

TEST(a_floor_is_the_whole_second)
{
	AUTO(cursor_done) struct cursor c = { 0 }, whole = { 0 };
	CHECK_INT(cursor_read(S("\"1969-12-31T23:59:58.250Z\""), &c), 0);
	CHECK_INT(cursor_floor(&c, &whole), 0);
	CHECK_STR(whole.json.p, "\"1969-12-31T23:59:58Z\"");
}

static const struct test tests[] = {
	T(a_value_has_a_kind_by_its_form),
	T(values_are_ordered_by_what_they_mean),
	T(going_back_is_never_too_short),
	T(a_floor_is_the_whole_second),
};

int main(void)
{
	return RUN_TESTS(tests);
}
