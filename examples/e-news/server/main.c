/* main.c - demo-news: a hundred and twenty papers with their feeds and pages, from a seed
 *
 * What this room is for: options in, a server until SIGTERM. The pipelines of examples/e-news, their tests and benchmarks read it.
 * What flows through:    the URL on stdout when it listens; everything else is in site.h.
 * What must hold: it needs nothing but libhocket's own layers and zlib, and answers some thousands of requests a second on one core. */
#include "base/clock.h"
#include "base/units.h"
#include "serve.h"
#include "site.h"
#include <errno.h>
#include <hocket/hocket.h>
#include <stdio.h>
#include <string.h>

struct demo {
	struct site site;
	int port;
};

static int demo_main(void *arg) SUSPENDS
{
	struct demo *d = arg;
	struct service service = { "demo-news", d->port, site_handle, &d->site };
	return serve(&service);
}

static int usage(void)
{
	fprintf(stderr,
		"usage: demo-news [--port N] [--seed N] [--day N] [--date YYYY-MM-DD] [--flood N]\n"
		"                 [--latency TIME] [--slow TIME] [--giant SIZE] [--mishaps "
		"yes|no]\n"
		"serves GET /feeds.txt, /feed/0 to /feed/119 and their pages, GET /admin/account,\n"
		"/admin/articles and /admin/archive, POST /admin/day until SIGTERM\n");
	return 2;
}

static int read_number(const char *text, int64_t most, int64_t *ret)
{
	return units_int(slice_str(text), ret) < 0 || *ret < 0 || *ret > most ? -EINVAL : 0;
}

static int read_unsigned(const char *text, unsigned *ret)
{
	int64_t n = 0;
	int r = read_number(text, 10000000, &n);
	*ret = (unsigned)n;
	return r;
}

static int read_date(const char *text, int64_t *ret_ns)
{
	char whole[32];
	snprintf(whole, sizeof(whole), "%sT00:00:00Z", text);
	return clock_parse_utc(slice_str(whole), ret_ns);
}

static int read_yes(const char *text, bool *ret)
{
	*ret = strcmp(text, "yes") == 0;
	return *ret || strcmp(text, "no") == 0 ? 0 : -EINVAL;
}

static int read_option(struct demo *d, const char *name, const char *value)
{
	struct site *s = &d->site;
	int64_t n = 0;
	if (strcmp(name, "--latency") == 0)
		return units_duration(slice_str(value), &s->latency_ns);
	if (strcmp(name, "--slow") == 0)
		return units_duration(slice_str(value), &s->slow_ns);
	if (strcmp(name, "--giant") == 0)
		return units_size(slice_str(value), &s->giant_bytes);
	if (strcmp(name, "--flood") == 0)
		return read_unsigned(value, &s->press.flood);
	if (strcmp(name, "--day") == 0)
		return read_unsigned(value, &s->press.day);
	if (strcmp(name, "--date") == 0)
		return read_date(value, &s->press.first_ns);
	if (strcmp(name, "--mishaps") == 0)
		return read_yes(value, &s->mishaps);
	int r = read_number(value, strcmp(name, "--port") == 0 ? 65535 : INT32_MAX, &n);
	if (strcmp(name, "--port") == 0)
		d->port = (int)n;
	else if (strcmp(name, "--seed") == 0)
		s->press.seed = (uint64_t)n;
	else
		return -EINVAL;
	return r;
}

int main(int argc, char **argv)
{
	static struct demo d = {
		.site = { .press = { .seed = 1, .day = 1 },
			  .mishaps = true,
			  .giant_bytes = 100u << 20,
			  .slow_ns = 2 * HK_SEC },
	};
	if (argc % 2 == 0 || read_date("2026-03-02", &d.site.press.first_ns) < 0)
		return usage();
	for (int i = 1; i + 1 < argc; i += 2)
		if (read_option(&d, argv[i], argv[i + 1]) < 0)
			return usage();
	int r = hk_run(demo_main, &d, NULL);
	if (r < 0)
		fprintf(stderr, "demo-news: %s\n", strerror(-r));
	return r != 0;
}
