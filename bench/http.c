/* http.c - what one HTTP exchange costs: requests a second and CPU a request
 *
 * What this room is for: the figure on which the design rests (TARGETS.md): client CPU per request, of which the kernel
 *   takes about 8 us. Run it beside wrk against one server, the server on a core of its own.
 * What flows through:    bench-http URL [requests [concurrency]]; "{}" in the URL becomes the request's number.
 *   One line of text for people and one of JSON for tables.
 * What must hold:        every answer must be a 200 with a body, else the figure means nothing and the exit code is 1. */
#include "base/clock.h"
#include "base/units.h"
#include "io/http.h"
#include "io/url.h"
#include <hocket/hocket.h>
#include <stdio.h>
#include <errno.h>
#include <sys/resource.h>
#include "base/banned.h"

struct bench {
	struct http_client *client;
	struct slice url;
	int64_t requests, concurrency, next;
	int64_t answered, refused, bytes;
	struct err first; /* failure */
};

static int put_url(const struct bench *b, int64_t n, struct buf *out)
{
	for (size_t i = 0; i + 1 < b->url.n; i++) {
		if (b->url.p[i] != '{' || b->url.p[i + 1] != '}')
			continue;
		int r = buf_add(out, slice_head(b->url, i));
		r = r < 0 ? r : buf_printf(out, "%jd", (intmax_t)n);
		return r < 0 ? r : buf_add(out, slice_from(b->url, i + 2));
	}
	return buf_add(out, b->url);
}

static int work(void *arg) SUSPENDS
{
	struct bench *b = *(struct bench **)arg;
	AUTO(buf_done) struct buf url = { 0 };
	while (b->next < b->requests) {
		AUTO(http_response_done) struct http_response res = { 0 };
		struct err err = { 0 };
		buf_clear(&url);
		if (put_url(b, b->next++, &url) < 0)
			return -ENOMEM;
		struct http_request q = {
			.method = S("GET"),
			.url = buf_slice(&url),
			.clocks = { 10 * HK_SEC, 10 * HK_SEC, 30 * HK_SEC, 30 * HK_SEC },
		};
		if (http_exchange(b->client, &q, &res, &err) == 0 && res.status == 200 &&
		    res.body.n > 0) {
			b->answered++;
			b->bytes += (int64_t)res.body.n;
		} else if (b->refused++ == 0) {
			b->first = err;
		}
	}
	return 0;
}

static double seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static void report(const struct bench *b, double wall_s)
{
	struct rusage u;
	struct http_client_stats s;
	getrusage(RUSAGE_SELF, &u);
	http_client_stats_get(b->client, &s);
	double user = seconds(u.ru_utime), sys = seconds(u.ru_stime), n = (double)b->answered;
	double each = (user + sys) / n * 1e6;
	printf("%jd requests, %jd at a time: %.3f s, %.0f/s; CPU %.2f us a request (user %.2f, "
	       "kernel %.2f); "
	       "%ju connections; RSS %.1f MiB\n",
	       (intmax_t)b->answered, (intmax_t)b->concurrency, wall_s, n / wall_s, each,
	       user / n * 1e6, sys / n * 1e6, (uintmax_t)s.connections, (double)u.ru_maxrss / 1024);
	printf("{\"requests\":%jd,\"concurrency\":%jd,\"seconds\":%.3f,\"cpu_us\":%.2f,\"rss_mib\":"
	       "%.1f}\n",
	       (intmax_t)b->answered, (intmax_t)b->concurrency, wall_s, each,
	       (double)u.ru_maxrss / 1024);
}

static int bench(void *arg) SUSPENDS
{
	struct bench *b = arg;
	struct err err = { 0 };
	struct http_client_options o = { .idle_per_origin = (unsigned)b->concurrency };
	if (http_client_new(&o, &b->client, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	struct hk_group g;
	int64_t start = clock_mono_ns();
	hk_group_open(&g, NULL);
	int r = 0;
	for (int64_t i = 0; r == 0 && i < b->concurrency; i++)
		r = hk_spawn(&g, work, &b);
	r = hk_group_close(&g, r);
	report(b, (double)(clock_mono_ns() - start) / 1e9);
	http_client_free(b->client);
	if (b->refused > 0)
		fprintf(stderr, "%jd failed; the first: %s\n", (intmax_t)b->refused, b->first.text);
	return r < 0 || b->refused > 0;
}

int main(int argc, char **argv)
{
	struct bench b = { .requests = 100000, .concurrency = 100 };
	struct url parts;
	const char *why = "usage: bench-http URL [requests [concurrency]]";
	if (argc > 1)
		b.url = slice_str(argv[1]);
	if (argc < 2 || argc > 4 || url_parse(b.url, &parts, &why) < 0 ||
	    (argc > 2 && units_int(slice_str(argv[2]), &b.requests) < 0) ||
	    (argc > 3 && units_int(slice_str(argv[3]), &b.concurrency) < 0) || b.concurrency < 1) {
		fprintf(stderr, "%s\n", why);
		return 64;
	}
	return hk_run(bench, &b, NULL);
}
