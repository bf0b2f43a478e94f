/* http_quota.c - headers about quotas, in their dialects
 *
 * What this room is for: one pair (left, reset) out of some fifteen spellings. Read as octokit, discord.js, the OpenAI clients and
 *   ratelimit-header-parser read them: a number below 10^9 is seconds from now, below 10^11 an epoch in seconds, else in
 *   milliseconds.
 * What flows through:    header lines in; one quota for each resource that they name, the tightest out.
 * What must hold:
 *  (1) an answer without such headers costs one look at the first letter of each name.
 *  (2) quotas of something else than requests (tokens, bytes) count only when nothing is left of them: how much one request
 *      takes is not known here. */
#include "io/http/http_quota.h"

#include "base/clock.h"
#include "base/units.h"
#include <hocket/run.h>
#include <string.h>

#define RESET_MAX_MS (INT64_C(25) * 3600 * 1000)
enum { RESOURCES_MAX = 8 };

/* ---- numbers and times ---- */

/* "12", "12.5" in thousandths. */
static bool read_milli(struct slice s, int64_t *ret)
{
	struct slice whole, part;
	int64_t n, f = 0, worth = 100;
	bool point = slice_cut(s, '.', &whole, &part);
	if (whole.n == 0 || whole.n > 15 || whole.p[0] == '-' || whole.p[0] == '+' ||
	    units_int(whole, &n) < 0 || (point && part.n == 0))
		return false;
	for (size_t i = 0; point && i < part.n; i++, worth /= 10) {
		if (part.p[i] < '0' || part.p[i] > '9')
			return false;
		f += (part.p[i] - '0') * worth;
	}
	*ret = n * 1000 + f;
	return true;
}

static size_t digits_and_point(struct slice s)
{
	size_t i = 0;
	while (i < s.n && ((s.p[i] >= '0' && s.p[i] <= '9') || s.p[i] == '.'))
		i++;
	return i;
}

/* "6m0s", "1h2m3.5s", "20ms" */
static bool read_durations(struct slice s, int64_t *ret_ms)
{
	int64_t sum = 0, ns;
	if (s.n == 0)
		return false;
	while (s.n > 0) {
		size_t n = digits_and_point(s);
		while (n < s.n && (s.p[n] < '0' || s.p[n] > '9'))
			n++;
		if (units_duration(slice_head(s, n), &ns) < 0 || ns / HK_MS > RESET_MAX_MS)
			return false;
		sum += ns / HK_MS;
		s = slice_from(s, n);
	}
	*ret_ms = sum;
	return true;
}

/* Now, by the far side's clock. */
static int64_t their_now_ms(const struct http_response *r)
{
	struct slice date;
	int64_t ns;
	if (http_response_header(r, "Date", &date) && clock_parse_http_date(date, &ns) == 0)
		return ns / HK_MS;
	return hk_wall_ns() / HK_MS;
}

static bool read_reset(const struct http_response *r, struct slice v, int64_t *ret_ms)
{
	const int64_t epoch_s = INT64_C(1000000000) * 1000, epoch_ms = epoch_s * 100;
	int64_t ms, ns;
	if (read_milli(v, &ms)) {
		if (ms >= epoch_s)
			ms = (ms >= epoch_ms ? ms / 1000 : ms) - their_now_ms(r);
	} else if (clock_parse_utc(v, &ns) == 0 || clock_parse_http_date(v, &ns) == 0) {
		ms = ns / HK_MS - their_now_ms(r);
	} else if (!read_durations(v, &ms)) {
		return false;
	}
	*ret_ms = ms;
	return ms > 0 && ms <= RESET_MAX_MS;
}

/* RFC 9110 10.2.3; decimals as some send them. More than ten years ahead is garbage, too. */
int64_t http_retry_after_ns(const struct http_response *r)
{
	struct slice v;
	int64_t ms, ns;
	const int64_t most = INT64_C(10) * 366 * 86400 * 1000;
	if (http_response_header(r, "Retry-After-Ms", &v) && read_milli(v, &ms) && ms > 0)
		return ms / 1000 < most ? ms * (HK_MS / 1000) : 0;
	if (!http_response_header(r, "Retry-After", &v))
		return 0;
	if (!read_milli(v, &ms)) {
		if (clock_parse_http_date(v, &ns) < 0)
			return 0;
		ms = ns / HK_MS - their_now_ms(r);
	}
	return ms > 0 && ms < most ? ms * HK_MS : 0;
}

/* ---- names ---- */
struct resource {
	struct slice before, behind; /* what stands around "remaining" and "reset" in the name */
	int64_t left, reset_ms;      /* -1: not told */
	bool after;                  /* the reset is from now, as it says: better than an epoch */
};
struct reading {
	const struct http_response *of;
	struct resource v[RESOURCES_MAX];
	size_t n;
	int64_t window_ms; /* the longest of RateLimit-Policy */
};

static size_t find(struct slice s, const char *word)
{
	struct slice w = slice_str(word);
	for (size_t i = 0; i + w.n <= s.n; i++)
		if (slice_eq_nocase(slice_head(slice_from(s, i), w.n), w))
			return i;
	return s.n;
}

/* Cuts the word out of the name. */
static bool cut_word(struct slice name, const char *word, struct slice *before,
		     struct slice *behind)
{
	size_t at = find(name, word);
	if (at == name.n)
		return false;
	*before = slice_head(name, at);
	*behind = slice_from(name, at + strlen(word));
	return true;
}

static struct resource *resource(struct reading *q, struct slice before, struct slice behind)
{
	for (size_t i = 0; i < q->n; i++)
		if (slice_eq_nocase(q->v[i].before, before) &&
		    slice_eq_nocase(q->v[i].behind, behind))
			return &q->v[i];
	struct resource *new = &q->v[q->n < RESOURCES_MAX - 1 ? q->n++ : q->n];
	*new = (struct resource){ before, behind, -1, -1, false };
	return new;
}

static void read_left(struct resource *of, struct slice v)
{
	int64_t milli;
	if (read_milli(v, &milli))
		of->left = milli / 1000;
}

/* ---- the RateLimit field: draft 7 "limit=9, remaining=0, reset=5", later "name";r=0;t=5, "other";r=3;t=60 ---- */
static void read_item(struct reading *q, struct slice item, struct resource *of)
{
	struct slice part, key, v;
	for (bool more = true; more;) {
		more = slice_cut(item, ';', &part, &item);
		if (!slice_cut(part, '=', &key, &v))
			continue;
		key = slice_trim(key);
		v = slice_trim(v);
		if (slice_eq(key, S("r")) || slice_eq(key, S("remaining")))
			read_left(of, v);
		else if ((slice_eq(key, S("t")) || slice_eq(key, S("reset"))) &&
			 !read_reset(q->of, v, &of->reset_ms))
			of->reset_ms = -1;
	}
}

static void read_field(struct reading *q, struct slice v)
{
	struct slice item;
	for (bool more = true; more;) {
		more = slice_cut(v, ',', &item, &v);
		item = slice_trim(item);
		struct slice name = item.n && item.p[0] == '"' ? item : (struct slice){ 0 };
		read_item(q, item, resource(q, S("ratelimit"), name));
	}
}

static void read_policy(struct reading *q, struct slice v)
{
	struct slice part, key, w;
	for (size_t i = 0; i < v.n;) {
		struct slice rest = slice_from(v, i);
		size_t n = 0;
		while (n < rest.n && rest.p[n] != ',' && rest.p[n] != ';')
			n++;
		part = slice_trim(slice_head(rest, n));
		int64_t ms;
		if (slice_cut(part, '=', &key, &w) && slice_eq(key, S("w")) && read_milli(w, &ms) &&
		    ms > q->window_ms && ms <= RESET_MAX_MS)
			q->window_ms = ms;
		i += n + 1;
	}
}

static void read_header(struct reading *q, struct slice name, struct slice v)
{
	struct slice vendor, rest, before, behind;
	if (!cut_word(name, "ratelimit", &vendor, &rest) &&
	    !cut_word(name, "rate-limit", &vendor, &rest))
		return;
	if (rest.n == 0 && vendor.n == 0)
		read_field(q, v);
	else if (slice_eq_nocase(rest, S("-policy")))
		read_policy(q, v);
	else if (cut_word(rest, "remaining", &before, &behind))
		read_left(resource(q, before, behind), v);
	else if (cut_word(rest, "reset-after", &before, &behind)) {
		struct resource *of = resource(q, before, behind);
		of->after = read_reset(q->of, v, &of->reset_ms);
	} else if (cut_word(rest, "reset", &before, &behind)) {
		struct resource *of = resource(q, before, behind);
		if (!of->after && !read_reset(q->of, v, &of->reset_ms))
			of->reset_ms = -1;
	}
}

/* ---- the tightest ---- */
static bool counts_requests(const struct resource *r)
{
	bool bare = r->before.n <= 1 && r->behind.n == 0;
	return bare || slice_eq(r->before, S("ratelimit")) ||
	       find(r->before, "request") < r->before.n || find(r->behind, "request") < r->behind.n;
}

/* Nothing left beats something left; then the later reset, or the smaller rest. */
static bool tighter(const struct resource *a, const struct resource *b)
{
	if (!b || (a->left == 0) != (b->left == 0))
		return !b || a->left == 0;
	return a->left == 0 ? a->reset_ms > b->reset_ms : a->left < b->left;
}

bool http_quota_get(const struct http_response *r, struct http_quota *ret)
{
	struct reading q = { .of = r };
	const struct resource *tightest = NULL;
	for (size_t i = 0; i < r->header_count; i++) {
		struct slice name = r->headers[i].name;
		char first = name.n > 8 ? (char)(name.p[0] | 0x20) : 0;
		if (first == 'r' || first == 'x' || first == 'a') /* anthropic-ratelimit-... */
			read_header(&q, name, r->headers[i].value);
	}
	for (size_t i = 0; i < q.n; i++) {
		struct resource *of = &q.v[i];
		if (of->left == 0 && of->reset_ms < 0 && q.window_ms > 0)
			of->reset_ms = q.window_ms;
		bool told = of->left >= 0 && of->reset_ms > 0;
		if (told && (of->left == 0 || counts_requests(of)) && tighter(of, tightest))
			tightest = of;
	}
	if (!tightest)
		return false;
	*ret = (struct http_quota){ tightest->left, tightest->reset_ms * HK_MS };
	return true;
}
