/* hooks.c - senders of webhooks: how many deliveries a second are answered 200
 *
 * What this room is for: the far side of a server that takes deliveries. It is measured by what it is told, as a sender is.
 * What flows through:    bench-hooks URL [deliveries [connections]]: POSTs of about 300 bytes of JSON, each with its number, each
 *   again until it is answered 200. One line of JSON: the seconds, and how many were refused with 503 on the way.
 * What must hold:        every delivery was answered 200 once, else the figure means nothing and the exit code is 1. */
#include "base/clock.h"
#include "base/units.h"
#include "io/http.h"
#include <errno.h>
#include <hocket/hocket.h>
#include <stdio.h>
#include "base/banned.h"

struct senders {
	struct http_client *client;
	struct slice url;
	int64_t deliveries, connections, next, refused;
};

static const char filler[] =
	"a delivery says what happened, to whom, and when, in a few hundred bytes; this one says "
	"nothing, at the length that is usual, so that its way to the disk costs what it costs";

/* Until it is taken: refused for now is no failure, whatever else is. */
static int send_one(struct senders *s, struct slice body) SUSPENDS
{
	for (;;) {
		AUTO(http_response_done) struct http_response res = { 0 };
		struct err err = { 0 };
		static const struct http_header type = { { "Content-Type", 12 },
							 { "application/json", 16 } };
		struct http_request q = { .method = S("POST"),
					  .url = s->url,
					  .headers = &type,
					  .header_count = 1,
					  .body = body,
					  .clocks = { 10 * HK_SEC, 10 * HK_SEC, 60 * HK_SEC,
						      60 * HK_SEC } };
		if (http_exchange(s->client, &q, &res, &err) < 0) {
			fprintf(stderr, "hooks: %s\n", err.text);
			return -EIO;
		}
		if (res.status == 200)
			return 0;
		if (res.status != 503) {
			fprintf(stderr, "hooks: answered %d\n", res.status);
			return -EIO;
		}
		s->refused++;
		if (hk_sleep(5 * HK_MS) < 0)
			return -ECANCELED;
	}
}

static int work(void *arg) SUSPENDS
{
	struct senders *s = *(struct senders **)arg;
	AUTO(buf_done) struct buf body = { 0 };
	int r = 0;
	while (r == 0 && s->next < s->deliveries) {
		buf_clear(&body);
		r = buf_printf(&body, "{\"id\":%jd,\"event\":\"order.created\",\"text\":\"%s\"}",
			       (intmax_t)s->next++, filler);
		r = r < 0 ? r : send_one(s, buf_slice(&body));
	}
	return r;
}

static int run(void *arg) SUSPENDS
{
	struct senders *s = arg;
	struct err err = { 0 };
	struct senders **each = xcalloc((size_t)s->connections, sizeof(*each));
	for (int64_t i = 0; i < s->connections; i++)
		each[i] = s;
	if (http_client_new(
		    &(struct http_client_options){ .idle_per_origin = (unsigned)s->connections },
		    &s->client, &err) < 0) {
		fprintf(stderr, "hooks: %s\n", err.text);
		free(each);
		return -EIO;
	}
	int64_t start = clock_mono_ns();
	int r = hk_gather(work, each, (size_t)s->connections, sizeof(*each), NULL);
	double wall_s = (double)(clock_mono_ns() - start) / 1e9;
	if (r == 0)
		printf("{\"deliveries\":%jd,\"wall_s\":%.4f,\"refused\":%jd}\n",
		       (intmax_t)s->deliveries, wall_s, (intmax_t)s->refused);
	http_client_free(s->client);
	free(each);
	return r;
}

static bool number(const char *text, int64_t *ret)
{
	return !text || (units_int(slice_str(text), ret) == 0 && *ret > 0);
}

int main(int argc, char **argv)
{
	struct senders s = { .deliveries = 10000, .connections = 50 };
	if (argc < 2 || !number(argc > 2 ? argv[2] : NULL, &s.deliveries) ||
	    !number(argc > 3 ? argv[3] : NULL, &s.connections)) {
		fprintf(stderr, "usage: bench-hooks URL [deliveries [connections]]\n");
		return 2;
	}
	s.url = slice_str(argv[1]);
	return hk_run(run, &s, NULL) != 0;
}
