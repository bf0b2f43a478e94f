/* main.c - demo-llm: a language model that costs nothing, with the latency, limits and bad days of one that does
 *
 * What this room is for: options in, a server until SIGTERM. The pipelines of examples/ai-notes, their tests and benchmarks ask it.
 * What flows through:    the URL on stdout when it listens; everything else is in chat.h.
 * What must hold: it needs nothing but libhocket's own layers, and answers some thousands of requests a second on one core. */
#include "chat.h"
#include "serve.h"
#include "writer.h"
#include <errno.h>
#include <hocket/hocket.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct demo {
	struct chat chat;
	double requests, tokens; /* a minute */
	int port;
};

static int demo_main(void *arg) SUSPENDS
{
	struct demo *d = arg;
	struct service service = { "demo-llm", d->port, chat_handle, &d->chat };
	limit_set(&d->chat.requests, d->requests);
	limit_set(&d->chat.tokens, d->tokens);
	return serve(&service);
}

static int usage(void)
{
	fprintf(stderr,
		"usage: demo-llm [--port N] [--key KEY] [--seed N]\n"
		"                [--latency TIME] [--per-token TIME] [--spread SIGMA]\n"
		"                [--requests N/min] [--tokens N/min] [--fault NAME=SHARE%%]...\n"
		"       demo-llm --topics\n"
		"serves POST /v1/chat/completions, GET /v1/models, /admin/account and /admin/keys "
		"until SIGTERM\n"
		"faults: 500 503 cut torn slow length garbage\n");
	return 2;
}

static int read_rate(const char *text, double *ret)
{
	struct rate rate;
	if (units_rate(slice_str(text), &rate) < 0)
		return -EINVAL;
	*ret = (double)rate.count * 60e9 / (double)rate.per_ns;
	return 0;
}

static int read_number(const char *text, int64_t most, int64_t *ret)
{
	return units_int(slice_str(text), ret) < 0 || *ret < 0 || *ret > most ? -EINVAL : 0;
}

static int read_spread(const char *text, double *ret)
{
	char *end;
	*ret = strtod(text, &end);
	return *end || end == text || !(*ret >= 0 && *ret <= 3) ? -EINVAL : 0;
}

static int read_option(struct demo *d, const char *name, const char *value)
{
	struct fate *f = &d->chat.fate;
	int64_t n = 0;
	if (strcmp(name, "--latency") == 0)
		return units_duration(slice_str(value), &f->base_ns);
	if (strcmp(name, "--per-token") == 0)
		return units_duration(slice_str(value), &f->token_ns);
	if (strcmp(name, "--spread") == 0)
		return read_spread(value, &f->spread);
	if (strcmp(name, "--fault") == 0)
		return fate_read(f, slice_str(value));
	if (strcmp(name, "--requests") == 0)
		return read_rate(value, &d->requests);
	if (strcmp(name, "--tokens") == 0)
		return read_rate(value, &d->tokens);
	if (strcmp(name, "--seed") == 0) {
		f->seed = read_number(value, INT64_MAX, &n) == 0 ? (uint64_t)n : 0;
		return n > 0 ? 0 : -EINVAL;
	}
	if (strcmp(name, "--port") == 0) {
		int r = read_number(value, 65535, &n);
		d->port = (int)n;
		return r;
	}
	if (strcmp(name, "--key") != 0 || !*value)
		return -EINVAL;
	d->chat.key = value;
	return 0;
}

static int print_topics(void)
{
	AUTO(buf_done) struct buf out = { 0 };
	if (writer_topics(&out) < 0)
		return 1;
	return fwrite(out.p, 1, out.n, stdout) == out.n && fflush(stdout) == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
	static struct demo d = {
		.chat.fate = { .seed = 1,
			       .base_ns = 300 * HK_MS,
			       .token_ns = HK_MS / 2,
			       .spread = 0.35 },
	};
	if (argc == 2 && strcmp(argv[1], "--topics") == 0)
		return print_topics();
	if (argc % 2 == 0)
		return usage();
	for (int i = 1; i + 1 < argc; i += 2)
		if (read_option(&d, argv[i], argv[i + 1]) < 0)
			return usage();
	int r = hk_run(demo_main, &d, NULL);
	account_done(&d.chat.account);
	if (r < 0)
		fprintf(stderr, "demo-llm: %s\n", strerror(-r));
	return r != 0;
}
