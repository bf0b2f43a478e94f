/* cancel.c - the client under random cancellation
 *
 * What this room is for: a connection whose exchange was cancelled carries an answer that nobody waits for. If it ever came back to the
 *   pool, the next request would get it. Each request carries a number, each answer is made of that number from end to end.
 * What flows through:    for each seed a thousand requests, 64 in flight, half of them with patience for a random time only, over a net
 *   that takes its time, cuts answers into pieces and loses some.
 * What must hold:        (1) an answer is its own request's, whole. (2) what fails was cancelled. (3) afterwards nothing is in use, and
 *   the next request is answered. */
#include "cancel.h"
#include "io/http.h"
#include "server.h"
#include <errno.h>
#include <hocket/hocket.h>
#include <hocket/sim.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CALLS = 1000, IN_FLIGHT = 64, WORDS_MOST = 400 };

struct world {
	struct cancellations *sums;
	struct evil_server server;
	struct http_client *client;
	unsigned next_id;
	uint64_t crossed, other;
};
struct call {
	struct world *w;
	int64_t patience_ns; /* HK_FOREVER: it waits */
};

/* ---- the answers: the number again and again, in one of three framings ------------------------------------- */

static unsigned words_of(unsigned id)
{
	return id % 7 ? 1 + id % 5 : 1 + id * 31 % WORDS_MOST;
}

static int put_words(struct buf *out, unsigned id, unsigned n)
{
	int r = 0;
	for (unsigned i = 0; i < n && r == 0; i++)
		r = buf_printf(out, "%08u", id);
	return r;
}

static int put_chunks(struct buf *out, unsigned id, unsigned n)
{
	int r = buf_add(out, S(CHUNKED));
	for (unsigned i = 0; i < n && r == 0; i++)
		r = buf_printf(out, "8\r\n%08u\r\n", id);
	return r < 0 ? r : buf_add(out, S("0\r\n\r\n"));
}

static int echo(struct buf *out, unsigned id)
{
	unsigned n = words_of(id);
	if (id % 3 == 0)
		return put_chunks(out, id, n);
	int r = buf_printf(out, STATUS "%sContent-Length: %u\r\n\r\n",
			   id % 31 ? "" : "Connection: close\r\n", 8 * n);
	return r < 0 ? r : put_words(out, id, n);
}

static const struct script echoing = { "echo", { MAKE(echo) } };

/* ---- the requests ---------------------------------------------------------------------------------------------- */

static bool is_own(const struct http_response *res, unsigned id)
{
	AUTO(buf_done) struct buf want = { 0 };
	return put_words(&want, id, words_of(id)) == 0 &&
	       slice_eq(buf_slice(&res->body), buf_slice(&want));
}

static void judge(struct world *w, const struct err *err, unsigned asked_before)
{
	struct cancellations *s = w->sums;
	if (err->fault != FAULT_CANCELLED) {
		w->other++;
		return;
	}
	s->cancelled++;
	s->in_the_middle += err->sent && w->server.asked > asked_before;
}

static int call(void *arg) SUSPENDS
{
	struct call *c = arg;
	struct world *w = c->w;
	AUTO(http_response_done) struct http_response res = { 0 };
	struct err err = { 0 };
	struct hk_scope scope;
	char url[64], body[64] = "body of a POST, sent along to be read and thrown away";
	unsigned id = w->next_id++, asked = w->server.asked;
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/evil?id=%08u", w->server.port, id);
	struct http_request q = { .method = id % 4 ? S("GET") : S("POST"), .url = slice_str(url) };
	if (id % 4 == 0)
		q.body = slice_str(body);
	hk_scope_open(&scope, c->patience_ns);
	int r = http_exchange(w->client, &q, &res, &err);
	w->sums->requests++;
	if (r < 0)
		judge(w, &err, asked);
	else if (res.status == 200 && is_own(&res, id))
		w->sums->answers++;
	else
		w->crossed++;
	(void)hk_scope_close(&scope, 0); /* the outcome is counted */
	return 0;
}

static int call_all(struct world *w) SUSPENDS
{
	static struct call calls[CALLS];
	for (size_t i = 0; i < CALLS; i++) {
		int64_t most = hk_random() % 4 ? 60 * HK_MS : 8 * HK_MS;
		calls[i] = (struct call){ w, hk_random() % 3
						     ? 1 + (int64_t)(hk_random() % (uint64_t)most)
						     : HK_FOREVER };
	}
	return hk_gather(call, calls, CALLS, sizeof(*calls),
			 &(struct hk_gather_options){ .limit = IN_FLIGHT });
}

static bool is_idle(const struct world *w)
{
	struct http_client_stats stats;
	http_client_stats_get(w->client, &stats);
	return stats.active == 0 && stats.reused > 0;
}

static int world_main(void *arg) SUSPENDS
{
	struct world *w = arg;
	struct hk_group g;
	struct err err = { 0 };
	w->server = (struct evil_server){ .script = &echoing };
	int r = evil_server_open(&w->server);
	if (r < 0 || http_client_new(NULL, &w->client, &err) < 0)
		return -EIO;
	hk_group_open(&g, NULL);
	r = hk_spawn(&g, evil_server_run, &w->server);
	if (r == 0)
		r = call_all(w);
	if (r == 0 && !is_idle(w))
		r = -EBUSY;
	struct call last = { w, HK_FOREVER };
	uint64_t answers = w->sums->answers;
	if (r == 0)
		r = call(&last);
	if (r == 0 && w->sums->answers != answers + 1)
		r = -EBADMSG;
	http_client_free(w->client);
	hk_group_cancel(&g);
	int closed = hk_group_close(&g, 0);
	evil_server_close(&w->server);
	return r < 0 ? r : closed;
}

/* ---- all seeds -------------------------------------------------------------------------------------------------- */

static void before_seed(uint64_t seed, void *arg)
{
	struct world *w = arg;
	*w = (struct world){ .sums = w->sums, .next_id = (unsigned)(seed % 10000) * 10000 + 1 };
}

static int after_seed(uint64_t seed, int result, void *arg)
{
	struct world *w = arg;
	(void)seed;
	w->sums->crossed += w->crossed;
	w->sums->other += w->other;
	return result == 0 && w->crossed + w->other > 0 ? -EBADMSG : result;
}

int cancellations_run(struct cancellations *c)
{
	struct world w = { .sums = c };
	int r = 0;
	do {
		struct hk_sim_options o = { .seed = ++c->seeds,
					    .before = before_seed,
					    .after = after_seed,
					    .net = { .latency_ns = 2 * HK_MS,
						     .jitter_ns = 8 * HK_MS,
						     .loss_ppm = 5000,
						     .short_reads = true,
						     .window_bytes = 3000 } };
		r = hk_sim(world_main, &w, &o);
	} while (r == 0 && c->cancelled < c->wanted && !getenv("HOCKET_SEED"));
	return r;
}
