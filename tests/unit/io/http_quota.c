/* http_quota.c (tests) - the dialects of quotas, as APIs write them */
#include "io/http/http_quota.h"
#include "check.h"
#include "base/rand.h"
#include <hocket/types.h>

#define DATE "Date: Thu, 01 Jan 2026 00:00:00 GMT\n" /* 1767225600 */

enum { HEADERS_MAX = 16 };
struct answer {
	struct http_header v[HEADERS_MAX];
	struct http_response res;
};

/* "Name: value" lines */
static const struct http_response *answer(struct answer *a, const char *lines)
{
	struct slice rest = slice_str(lines), line, name, value;
	*a = (struct answer){ 0 };
	while (rest.n > 0) {
		(void)slice_cut(rest, '\n', &line, &rest);
		CHECK(slice_cut(line, ':', &name, &value));
		a->v[a->res.header_count++] = (struct http_header){ name, slice_trim(value) };
	}
	a->res.headers = a->v;
	return &a->res;
}

static const struct {
	const char *who, *lines;
	int64_t left, reset_ms; /* left -1: nothing is told */
} told[] = {
	{ "GitHub",
	  DATE "x-ratelimit-limit: 60\nx-ratelimit-remaining: 0\nx-ratelimit-reset: 1767225660\n",
	  0, 60000 },
	{ "X", DATE "x-rate-limit-remaining: 3\nx-rate-limit-reset: 1767226500\n", 3, 900000 },
	{ "milliseconds", DATE "X-RateLimit-Remaining: 1\nX-RateLimit-Reset: 1767225602500\n", 1,
	  2500 },
	{ "seconds", "X-RateLimit-Remaining: 7\nX-RateLimit-Reset: 30\n", 7, 30000 },
	{ "Reddit", "x-ratelimit-remaining: 599.0\nx-ratelimit-reset: 297\n", 599, 297000 },
	{ "Discord",
	  DATE "X-RateLimit-Remaining: 0\nX-RateLimit-Reset: "
	       "1767225999.5\nX-RateLimit-Reset-After: 1.25\n",
	  0, 1250 },
	{ "Discord, the other way round",
	  "X-RateLimit-Reset-After: 1.25\nX-RateLimit-Reset: 17\nX-RateLimit-Remaining: 0\n", 0,
	  1250 },
	{ "OpenAI",
	  "x-ratelimit-remaining-requests: 59\nx-ratelimit-remaining-tokens: 149984\n"
	  "x-ratelimit-reset-requests: 1s\nx-ratelimit-reset-tokens: 6m0s\n",
	  59, 1000 },
	{ "OpenAI, out of tokens",
	  "x-ratelimit-remaining-requests: 59\nx-ratelimit-remaining-tokens: 0\n"
	  "x-ratelimit-reset-requests: 20ms\nx-ratelimit-reset-tokens: 6m0.5s\n",
	  0, 360500 },
	{ "Anthropic",
	  DATE "anthropic-ratelimit-requests-remaining: 4\n"
	       "anthropic-ratelimit-requests-reset: 2026-01-01T00:00:30Z\n"
	       "anthropic-ratelimit-tokens-remaining: 2\nanthropic-ratelimit-tokens-reset: "
	       "2026-01-01T00:01:00Z\n",
	  4, 30000 },
	{ "IETF, three fields", "RateLimit-Limit: 10\nRateLimit-Remaining: 1\nRateLimit-Reset: 7\n",
	  1, 7000 },
	{ "IETF, one field", "RateLimit: limit=100, remaining=0, reset=5\n", 0, 5000 },
	{ "IETF, now", "RateLimit-Policy: \"burst\";q=100;w=60\nRateLimit: \"burst\";r=50;t=30\n",
	  50, 30000 },
	{ "IETF, two policies", "ratelimit: \"minute\";r=9;t=30, \"day\";r=2;t=4000\n", 2,
	  4000000 },
	{ "IETF, without a time",
	  "RateLimit: \"a\";r=0\nRateLimit-Policy: \"a\";q=10;w=60;pk=:x:\n", 0, 60000 },
	{ "two buckets",
	  "X-RateLimit-Remaining-Minute: 5\nX-RateLimit-Reset-Minute: 20\n"
	  "X-RateLimit-Remaining: 80\nX-RateLimit-Reset: 3000\n",
	  80, 3000000 },
	{ "HTTP date",
	  DATE "X-RateLimit-Remaining: 0\nX-RateLimit-Reset: Thu, 01 Jan 2026 00:00:09 GMT\n", 0,
	  9000 },
	/* What says nothing */
	{ "no reset", "X-RateLimit-Remaining: 0\n", -1, 0 },
	{ "no remaining", "X-RateLimit-Reset: 30\n", -1, 0 },
	{ "unlimited", "X-RateLimit-Remaining: -1\nX-RateLimit-Reset: 30\n", -1, 0 },
	{ "in the past", DATE "X-RateLimit-Remaining: 0\nX-RateLimit-Reset: 1767225599\n", -1, 0 },
	{ "now", "X-RateLimit-Remaining: 0\nX-RateLimit-Reset: 0\n", -1, 0 },
	{ "years away", "X-RateLimit-Remaining: 0\nX-RateLimit-Reset: 99999999\n", -1, 0 },
	{ "garbage", "X-RateLimit-Remaining: none\nX-RateLimit-Reset: soon\n", -1, 0 },
	{ "empty", "RateLimit:\nRateLimit-Remaining:\nRateLimit-Reset:\nRateLimit-Policy:\n", -1,
	  0 },
	{ "other headers", "Content-Type: a/b\nX-Request-Id: 5\nAccept-Ranges: bytes\n", -1, 0 },
	{ "some tokens left", "x-ratelimit-remaining-tokens: 5\nx-ratelimit-reset-tokens: 9s\n", -1,
	  0 },
};

TEST(quotas_in_all_dialects)
{
	for (size_t i = 0; i < ARRAY_SIZE(told); i++) {
		struct answer a;
		struct http_quota q = { -1, 0 };
		int before = test_failures_;
		bool any = http_quota_get(answer(&a, told[i].lines), &q);
		CHECK_INT(any, told[i].left >= 0);
		CHECK_INT(q.left, told[i].left);
		CHECK_INT(q.reset_ns / HK_MS, told[i].reset_ms);
		if (test_failures_ > before)
			printf("# %s\n", told[i].who);
	}
}

static int64_t retry_after(const char *value)
{
	struct http_header h[] = { { S("retry-AFTER"), slice_str(value) },
				   { S("date"), S("Thu, 01 Jan 2026 00:00:00 GMT") } };
	struct http_response r = { .headers = h, .header_count = 2 };
	return http_retry_after_ns(&r);
}

TEST(seconds_and_dates_to_wait)
{
	CHECK_INT(retry_after("2"), 2 * HK_SEC);
	CHECK_INT(retry_after("1.5"), 1500 * HK_MS);
	CHECK_INT(retry_after("Thu, 01 Jan 2026 00:00:30 GMT"), 30 * HK_SEC);
	CHECK_INT(retry_after("Thursday, 01-Jan-26 00:00:30 GMT"), 30 * HK_SEC);
	static const char *const nothing[] = { "0",
					       "-1",
					       "soon",
					       "",
					       ".",
					       "1.",
					       ".5",
					       "1e3",
					       "+5",
					       "5 s",
					       "99999999999999999999",
					       "999999999999999",
					       "Sun, 06 Nov 1994 08:49:37 GMT",
					       "Thu, 01 Jan 2026 00:00:00 GMT",
					       "Thu, 01 Jan 2099 00:00:00 GMT" };
	for (size_t i = 0; i < ARRAY_SIZE(nothing); i++)
		CHECK_INT(retry_after(nothing[i]), 0);
	struct answer a;
	CHECK_INT(http_retry_after_ns(answer(&a, "retry-after: 9\nretry-after-ms: 250\n")),
		  250 * HK_MS);
	CHECK_INT(http_retry_after_ns(answer(&a, "retry-after-ms: x\nretry-after: 9\n")),
		  9 * HK_SEC);
	struct http_response none = { 0 };
	CHECK_INT(http_retry_after_ns(&none), 0);
}

/* Whatever the bytes are, what is told is sane. */
TEST(damaged_headers_do_no_harm)
{
	struct rand r;
	rand_seed(&r, 5);
	for (int i = 0; i < 20000; i++) {
		char text[512];
		struct answer a;
		struct http_quota q;
		const char *from = told[rand_below(&r, ARRAY_SIZE(told))].lines;
		const struct http_response *res = answer(&a, from);
		size_t victim = rand_below(&r, res->header_count);
		struct slice v = a.v[victim].value;
		size_t n = v.n < sizeof text ? v.n : sizeof text;
		memcpy(text, v.p, n);
		for (int k = 0; k < 3 && n > 0; k++)
			text[rand_below(&r, n)] = "0123456789;=,.\"-wrt: "[rand_below(&r, 21)];
		a.v[victim].value = (struct slice){ text, n };
		if (http_quota_get(res, &q))
			CHECK(q.left >= 0 && q.reset_ns > 0 && q.reset_ns <= 25 * 3600 * HK_SEC);
		CHECK(http_retry_after_ns(res) == 0);
	}
}

static const struct test tests[] = {
	T(quotas_in_all_dialects),
	T(seconds_and_dates_to_wait),
	T(damaged_headers_do_no_harm),
};

int main(void)
{
	return RUN_TESTS(tests);
}
