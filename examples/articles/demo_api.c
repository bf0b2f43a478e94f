/* demo_api.c - the other side of the demo: an article API with the bad days that real ones have
 *
 * What this room is for: `make demo` needs a server that is slow, limited and now and then broken, and that counts what it was
 *   asked: its counts beside hocket's are the proof. It is also a small example of a server on libhocket.
 * What flows through:    GET /articles/ID -> about 900 bytes of JSON; GET /stats -> what happened so far.
 * What must hold:
 *  (1) everything is decided by hash(seed, id, attempt): two runs with one seed see the same faults, whatever the order.
 *  (2) transient faults (500, reset, truncated) end when the request is repeated; those in the two lists below never do.
 *  (3) a request above the rate gets 429 with Retry-After: 1, and is no attempt. */
#include "base/hash.h"
#include "base/json.h"
#include "base/units.h"
#include "io/http/http_server.h"
#include <errno.h>
#include <hocket/hocket.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ID_MAX = 100000 };

static const int64_t never_found[] = { 404, 707, 1404, 2404, 3131, 3404, 4404 };
static const int64_t never_whole[] = { 1234, 4321 };

/* Shares of 10,000 attempts. */
enum { SHARE_500 = 200, SHARE_RESET = 50, SHARE_TRUNCATED = 50, SHARE_SLOW = 200 };

struct stats {
	uint64_t requests, ok, not_found, throttled, errors, resets, truncated, distinct;
	uint64_t in_flight, in_flight_high;
};
struct demo {
	uint64_t seed;
	int64_t latency_ns;
	double rate, burst; /* of the token bucket, a second */
	double tokens;
	int64_t refilled_ns;
	uint16_t attempts[ID_MAX + 1];
	bool served[ID_MAX + 1];
	struct stats stats;
	int port;
};

/* ---- what happens to an attempt ---- */

enum fate { FATE_GOOD, FATE_ERROR, FATE_RESET, FATE_TRUNCATED, FATE_NOT_FOUND };

static uint64_t hash_of(const struct demo *d, int64_t id, uint64_t salt)
{
	uint64_t of[] = { d->seed, (uint64_t)id, salt };
	return hash_end(hash_add(HASH_START, (struct slice){ (const char *)of, sizeof(of) }));
}

static bool listed(const int64_t *list, size_t n, int64_t id)
{
	for (size_t i = 0; i < n; i++)
		if (list[i] == id)
			return true;
	return false;
}

static enum fate fate_of(const struct demo *d, int64_t id, unsigned attempt)
{
	if (listed(never_found, ARRAY_SIZE(never_found), id))
		return FATE_NOT_FOUND;
	if (listed(never_whole, ARRAY_SIZE(never_whole), id))
		return FATE_TRUNCATED;
	uint64_t lot = hash_of(d, id, attempt) % 10000;
	if (lot < SHARE_500)
		return FATE_ERROR;
	if (lot < SHARE_500 + SHARE_RESET)
		return FATE_RESET;
	return lot < SHARE_500 + SHARE_RESET + SHARE_TRUNCATED ? FATE_TRUNCATED : FATE_GOOD;
}

/* Around the mean by half of it; some take four times as long. */
static int64_t latency_of(const struct demo *d, int64_t id, unsigned attempt)
{
	uint64_t lot = hash_of(d, id, 1000 + attempt);
	int64_t ns = d->latency_ns / 2 + (int64_t)(lot % 1000) * d->latency_ns / 1000;
	return lot / 1000 % 10000 < SHARE_SLOW ? 4 * ns : ns;
}

static bool let_through(struct demo *d)
{
	int64_t now = hk_now_ns();
	d->tokens += (double)(now - d->refilled_ns) / 1e9 * d->rate;
	d->refilled_ns = now;
	if (d->tokens > d->burst)
		d->tokens = d->burst;
	if (d->tokens < 1)
		return false;
	d->tokens -= 1;
	return true;
}

/* ---- articles ---- */

static const char *const words[] = { "graph",  "river",  "signal", "paper",  "winter",  "engine",
				     "market", "garden", "north",  "memory", "harbour", "letter",
				     "silver", "common", "window", "voice" };
static const char *const people[] = { "Ada Holm",   "Ben Okafor", "Chen Li",
				      "Dana Weiss", "Emil Roy",   "Fay Lund" };
static const char *const topics[] = { "science", "cities", "music", "trade" };

static const char *pick(const char *const *list, size_t n, uint64_t lot)
{
	return list[lot % n];
}

static int put_words(struct buf *out, uint64_t lot, unsigned n)
{
	int r = 0;
	for (unsigned i = 0; r == 0 && i < n; i++) {
		r = buf_printf(out, "%s%s", i ? " " : "",
			       pick(words, ARRAY_SIZE(words), lot >> 60));
		lot = lot * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	}
	return r;
}

static int put_article(const struct demo *d, int64_t id, struct buf *out)
{
	uint64_t lot = hash_of(d, id, UINT64_MAX);
	AUTO(buf_done) struct buf title = { 0 }, text = { 0 };
	int r = put_words(&title, lot, 4);
	if (r == 0)
		r = put_words(&text, ~lot, 110);
	if (r < 0)
		return r;
	struct json_writer w = json_writer(out);
	json_open(&w, '{');
	json_key(&w, "id");
	json_put_int(&w, id);
	json_key(&w, "title");
	json_put_string(&w, buf_slice(&title));
	json_key(&w, "author");
	json_open(&w, '{');
	json_key(&w, "name");
	json_put_string(&w, slice_str(pick(people, ARRAY_SIZE(people), lot >> 8)));
	json_close(&w, '}');
	json_key(&w, "topic");
	json_put_string(&w, slice_str(pick(topics, ARRAY_SIZE(topics), lot >> 16)));
	json_key(&w, "words");
	json_put_int(&w, 200 + (int64_t)(lot >> 24) % 1800);
	json_key(&w, "text");
	json_put_string(&w, buf_slice(&text));
	json_close(&w, '}');
	return json_writer_end(&w);
}

static void reply_text(struct http_reply *reply, int status, const char *text)
{
	reply->status = status;
	if (buf_printf(&reply->body, "{\"error\":\"%s\"}\n", text) < 0)
		reply->drop = true; /* out of memory: no answer is better than half of one */
}

static void reply_throttled(struct demo *d, struct http_reply *reply)
{
	static const struct http_header later[] = { { { "Retry-After", 11 }, { "1", 1 } } };
	d->stats.throttled++;
	reply_text(reply, 429, "too many requests");
	reply->headers = later;
	reply->header_count = ARRAY_SIZE(later);
}

static void reply_article(struct demo *d, int64_t id, enum fate fate, struct http_reply *reply)
{
	if (put_article(d, id, &reply->body) < 0)
		fate = FATE_RESET;
	switch (fate) {
	case FATE_TRUNCATED:
		d->stats.truncated++;
		reply->truncate = reply->body.n / 2;
		return;
	case FATE_RESET:
		d->stats.resets++;
		reply->drop = true;
		return;
	case FATE_ERROR:
		d->stats.errors++;
		buf_clear(&reply->body);
		reply_text(reply, 500, "internal error");
		return;
	case FATE_NOT_FOUND:
		d->stats.not_found++;
		buf_clear(&reply->body);
		reply_text(reply, 404, "no such article");
		return;
	case FATE_GOOD:
		d->stats.ok++;
		d->stats.distinct += !d->served[id];
		d->served[id] = true;
	}
}

static void serve_article(struct demo *d, int64_t id, struct http_reply *reply) SUSPENDS
{
	if (!let_through(d)) {
		reply_throttled(d, reply);
		return;
	}
	unsigned attempt = d->attempts[id]++;
	if (++d->stats.in_flight > d->stats.in_flight_high)
		d->stats.in_flight_high = d->stats.in_flight;
	int r = hk_sleep(latency_of(d, id, attempt));
	d->stats.in_flight--;
	if (r < 0)
		reply->drop = true;
	else
		reply_article(d, id, fate_of(d, id, attempt), reply);
}

static void serve_stats(const struct demo *d, struct http_reply *reply)
{
	const struct stats *s = &d->stats;
	const struct {
		const char *key;
		uint64_t n;
	} members[] = {
		{ "requests", s->requests },
		{ "ok", s->ok },
		{ "distinct", s->distinct },
		{ "throttled", s->throttled },
		{ "errors", s->errors },
		{ "resets", s->resets },
		{ "truncated", s->truncated },
		{ "not_found", s->not_found },
		{ "most_at_once", s->in_flight_high },
	};
	struct json_writer w = json_writer(&reply->body);
	json_open(&w, '{');
	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		json_key(&w, members[i].key);
		json_put_int(&w, (int64_t)members[i].n);
	}
	json_close(&w, '}');
	reply->drop = json_writer_end(&w) < 0;
}

static void handle(void *arg, const struct http_incoming *in, struct http_reply *reply) SUSPENDS
{
	struct demo *d = arg;
	const struct slice articles = S("/articles/");
	int64_t id;
	if (slice_eq(in->path, S("/stats"))) {
		serve_stats(d, reply);
		return;
	}
	d->stats.requests++;
	if (slice_starts(in->path, articles) &&
	    units_int(slice_from(in->path, articles.n), &id) == 0 && id >= 1 && id <= ID_MAX)
		serve_article(d, id, reply);
	else
		reply_text(reply, 404, "try /articles/1 or /stats");
}

/* ---- the program ---- */

static int serve(void *server) SUSPENDS
{
	struct err err = { 0 };
	int r = http_server_run(server, &err);
	if (r < 0 && err.fault != FAULT_CANCELLED)
		fprintf(stderr, "demo-api: %s\n", err.text);
	return r;
}

static int demo_main(void *arg) SUSPENDS
{
	static const int signals[] = { SIGINT, SIGTERM };
	struct demo *d = arg;
	struct http_server *server = NULL;
	struct err err = { 0 };
	if (http_server_open("127.0.0.1", (uint16_t)d->port, handle, d, NULL, &server, &err) < 0) {
		fprintf(stderr, "demo-api: %s\n", err.text);
		return 1;
	}
	d->refilled_ns = hk_now_ns();
	printf("http://127.0.0.1:%d\n", http_server_port(server));
	fflush(stdout);
	struct hk_group group;
	hk_group_open(&group, NULL);
	int r = hk_signal_open(signals, ARRAY_SIZE(signals));
	if (r == 0)
		r = hk_spawn(&group, serve, server);
	if (r == 0)
		r = hk_signal_wait();
	hk_group_cancel(&group);
	int closed = hk_group_close(&group, 0);
	hk_signal_close();
	http_server_free(server);
	return r < 0 || (closed < 0 && closed != -ECANCELED);
}

static int usage(void)
{
	fprintf(stderr, "usage: demo-api [--port N] [--seed N] [--latency TIME] [--rate N/s]\n"
			"serves http://127.0.0.1:PORT/articles/ID and /stats until SIGTERM\n");
	return 2;
}

static int read_option(struct demo *d, const char *name, const char *value)
{
	int64_t n;
	struct rate rate;
	if (strcmp(name, "--latency") == 0)
		return units_duration(slice_str(value), &d->latency_ns);
	if (strcmp(name, "--rate") == 0) {
		if (units_rate(slice_str(value), &rate) < 0)
			return -1;
		d->rate = (double)rate.count * 1e9 / (double)rate.per_ns;
		d->burst = d->rate / 2;
		return 0;
	}
	if (units_int(slice_str(value), &n) < 0 || n < 0)
		return -1;
	if (strcmp(name, "--seed") == 0)
		d->seed = (uint64_t)n;
	else if (strcmp(name, "--port") == 0 && n < 65536)
		d->port = (int)n;
	else
		return -1;
	return 0;
}

int main(int argc, char **argv)
{
	static struct demo d = { .seed = 1, .latency_ns = 50 * HK_MS, .rate = 1000, .burst = 500 };
	if (argc % 2 == 0)
		return usage();
	for (int i = 1; i + 1 < argc; i += 2)
		if (read_option(&d, argv[i], argv[i + 1]) < 0)
			return usage();
	d.tokens = d.burst;
	int r = hk_run(demo_main, &d, NULL);
	if (r < 0)
		fprintf(stderr, "demo-api: %s\n", strerror(-r));
	return r != 0;
}
