/* http_sim.c - the HTTP client and server talk to each other over a simulated net, in any order, over many seeds
 *
 * Both are the real ones, down to the reads and writes of sockets; only the net below them is in memory. Each run makes hundreds of
 * requests, 50 in flight, under one kind of trouble or all at once. Whatever happens on the way:
 *  (1) an answer belongs to its request: each carries a number of its own.
 *  (2) what failed says why, and only what the net was told to do is a reason.
 *  (3) a request that says it was never sent never reached a handler; a POST reaches one once at most, though connections
 *      are reset and requests repeated.
 *  (4) afterwards the pool holds no connection in use, the next request in fair weather is answered, and no socket is left
 *      open (the simulation itself looks at that). */
#include "io/http.h"
#include "io/http/http_server.h"
#include "rt/in_loop.h"

enum { CALLS = 300, IN_FLIGHT = 50, BODY_MAX = 20000 };

#define FAULT(name) (1u << FAULT_##name)

struct weather {
	const char *name;
	struct hk_sim_net net;
	bool parts, resets, drops, cancels; /* besides the net's own faults */
	bool clocks;                        /* requests have time-outs of their own */
	unsigned faults;                    /* the only ones that may be seen */
	unsigned least;                     /* answers, of CALLS */
};

struct world {
	const struct weather *weather;
	struct http_server *server;
	struct http_client *client;
	unsigned handled[CALLS + 1];
	unsigned answered;
	unsigned seen; /* faults, as bits; of all seeds */
	uint64_t requests, answers;
};
struct call {
	struct world *w;
	unsigned number;
	bool post;
	size_t body; /* so many bytes behind the number */
	int64_t patience_ns;
};

/* ---- the server's side ------------------------------------------------------------------------ */

static unsigned number_of(struct slice text)
{
	unsigned n = 0;

	for (size_t i = 0; i < text.n && text.p[i] >= '0' && text.p[i] <= '9'; i++)
		n = 10 * n + (unsigned)(text.p[i] - '0');
	return n;
}

/* Answers with what was sent: the number in the query, or the body. */
static void handle(void *arg, const struct http_incoming *in, struct http_reply *r) SUSPENDS
{
	struct world *w = arg;
	AUTO(buf_done) struct buf text = { 0 };
	unsigned number;

	if (!http_incoming_query(in, "n", &text))
		CHECK_INT(buf_add(&text, in->body), 0);
	number = number_of(buf_slice(&text));
	CHECK(number <= CALLS);
	w->handled[number <= CALLS ? number : 0]++;
	if (hk_sleep((int64_t)(hk_random() % (uint64_t)(40 * HK_MS))) < 0)
		return;
	r->drop = w->weather->drops && number < CALLS && hk_random() % 50 == 0;
	CHECK_INT(buf_add(&r->body, buf_slice(&text)), 0);
}

static int serve(void *arg)
{
	struct world *w = arg;
	struct err err = { 0 };
	int r = http_server_run(w->server, &err);

	CHECK_INT(r, 0);
	return r;
}

/* ---- the client's side -------------------------------------------------------------------------- */

/* "17 ........": tells whose it is, and whether all of it came. */
static void put_text(const struct call *c, struct buf *out)
{
	CHECK_INT(buf_printf(out, "%u ", c->number), 0);
	CHECK_INT(buf_reserve(out, c->body), 0);
	memset(out->p + out->n, 'a' + (int)(c->number % 26), c->body);
	buf_added(out, c->body);
}

static int exchange(struct call *c, struct http_response *res, struct err *err, struct slice text)
{
	char url[64];
	struct http_request q = { .method = S("GET") };

	if (c->w->weather->clocks)
		q.clocks = (struct http_clocks){ .connect_ns = 2 * HK_SEC,
						 .first_byte_ns = 3 * HK_SEC,
						 .idle_ns = 3 * HK_SEC };
	if (c->post) {
		q.method = S("POST");
		q.body = text;
	}
	snprintf(url, sizeof(url), c->post ? "http://10.0.0.1/echo" : "http://10.0.0.1/echo?n=%u",
		 c->number);
	q.url = slice_str(url);
	return http_exchange(c->w->client, &q, res, err);
}

static void judge_failure(struct call *c, const struct err *err, bool cancelled)
{
	struct world *w = c->w;

	w->seen |= 1u << err->fault;
	if (err->fault == FAULT_CANCELLED)
		CHECK(cancelled);
	else if (!(w->weather->faults & (1u << err->fault)))
		test_failures_++, printf("# %s: request %u: %s is no trouble of this weather\n",
					 w->weather->name, c->number, fault_name(err->fault));
	if (!err->sent)
		CHECK_INT(w->handled[c->number], 0);
}

static int call(void *arg)
{
	struct call *c = arg;
	struct world *w = c->w;
	AUTO(http_response_done) struct http_response res = { 0 };
	AUTO(buf_done) struct buf text = { 0 };
	struct err err = { 0 };
	struct hk_scope scope;
	int r;

	put_text(c, &text);
	hk_scope_open(&scope, c->patience_ns);
	r = exchange(c, &res, &err, buf_slice(&text));
	if (r == 0) {
		w->answered++;
		CHECK_INT(res.status, 200);
		CHECK_INT(number_of(buf_slice(&res.body)), c->number);
		CHECK(!c->post || slice_eq(buf_slice(&res.body), buf_slice(&text)));
		CHECK(w->handled[c->number] > 0);
	} else {
		judge_failure(c, &err, hk_scope_cancelled(&scope));
	}
	CHECK(w->handled[c->number] <= (c->post ? 1 : 2));
	(void)hk_scope_close(&scope, 0); /* the outcome is in r and err */
	return 0;
}

/* ---- the weather ------------------------------------------------------------------------------------ */

static int64_t up_to(int64_t ns)
{
	return 1 + (int64_t)(hk_random() % (uint64_t)ns);
}

/* Until cancelled: a partition now and then, now and then all streams are reset. */
static int make_weather(void *arg)
{
	const struct weather *weather = ((struct world *)arg)->weather;
	int r = 0;

	while (r == 0) {
		r = hk_sleep(up_to(HK_SEC));
		if (r == 0 && weather->parts) {
			hk_sim_part(80);
			r = hk_sleep(up_to(5 * HK_SEC));
			hk_sim_heal(80);
		}
		if (r == 0 && weather->resets && hk_random() % 4 == 0)
			hk_sim_reset(80);
	}
	return r;
}

static void make_calls(struct world *w, struct call *calls)
{
	for (unsigned i = 0; i < CALLS; i++) {
		bool cancel = w->weather->cancels && hk_random() % 4 == 0;
		calls[i] = (struct call){ .w = w,
					  .number = i,
					  .post = hk_random() % 3 == 0,
					  .body = hk_random() % 8 ? 10 : hk_random() % BODY_MAX,
					  .patience_ns = cancel ? up_to(300 * HK_MS) : HK_FOREVER };
	}
}

static void check_pool(const struct world *w)
{
	struct http_client_stats s;

	http_client_stats_get(w->client, &s);
	CHECK_INT(s.active, 0);
	CHECK(s.idle <= IN_FLIGHT);
	CHECK(s.reused > 0 || w->answered <= IN_FLIGHT);
}

/* The sun comes out. Nothing of what was may trouble the next request. */
static void clear_up(struct world *w, struct hk_group *weather)
{
	struct call last = { .w = w, .number = CALLS, .patience_ns = HK_FOREVER };
	unsigned before = w->answered;

	hk_group_cancel(weather);
	CHECK_INT(hk_group_close(weather, 0), 0);
	hk_sim_net_set(&(struct hk_sim_net){ .latency_ns = HK_MS });
	CHECK_INT(hk_sleep(300 * HK_SEC), 0);
	CHECK_INT(call(&last), 0);
	CHECK_INT(w->answered, before + 1);
}

static struct call calls[CALLS];

static int world_main(void *arg)
{
	struct world *w = arg;
	struct err err = { 0 };
	struct hk_group g, weather;

	*w = (struct world){ .weather = w->weather,
			     .seen = w->seen,
			     .requests = w->requests + CALLS,
			     .answers = w->answers };
	CHECK_INT(http_server_open("10.0.0.1", 80, handle, w, NULL, &w->server, &err), 0);
	CHECK_INT(http_client_new(NULL, &w->client, &err), 0);
	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, serve, w), 0);
	hk_group_open(&weather, NULL);
	CHECK_INT(hk_spawn(&weather, make_weather, w), 0);
	make_calls(w, calls);
	CHECK_INT(hk_gather(call, calls, CALLS, sizeof(*calls),
			    &(struct hk_gather_options){ .limit = IN_FLIGHT }),
		  0);
	CHECK(w->answered >= w->weather->least);
	check_pool(w);
	clear_up(w, &weather);
	w->answers += w->answered;
	http_client_free(w->client);
	hk_group_cancel(&g);
	CHECK_INT(hk_group_close(&g, 0), 0);
	http_server_free(w->server);
	return 0;
}

/* Every trouble that the weather allows must have come up in one of the seeds: else nothing was proven about it. */
static void run(const struct weather *weather, const char *test, unsigned seeds, bool twice)
{
	struct world w = { .weather = weather };
	struct hk_sim_options o = { .seeds = seeds, .check_twice = twice, .net = weather->net };

	in_sim_with(test, world_main, &w, &o);
	if (!getenv("HOCKET_SEED"))
		CHECK_INT(w.seen & weather->faults, weather->faults);
	printf("# %" PRIu64 " requests, %" PRIu64 " answers\n", w.requests, w.answers);
}

/* ---- the tests ---------------------------------------------------------------------------------------- */

#define TEST_IN_WEATHER(test, n, ...)                                                 \
	TEST(test)                                                                    \
	{                                                                             \
		static const struct weather weather = { .name = #test, __VA_ARGS__ }; \
		run(&weather, #test, n, false);                                       \
	}

TEST_IN_WEATHER(calm, 50, .net = { .latency_ns = 5 * HK_MS, .jitter_ns = 5 * HK_MS },
		.least = CALLS)

TEST_IN_WEATHER(short_reads_and_narrow_windows, 30,
		.net = { .latency_ns = HK_MS, .short_reads = true, .window_bytes = 3000 },
		.least = CALLS)

TEST_IN_WEATHER(loss_is_only_delay, 50, .net = { .latency_ns = HK_MS, .loss_ppm = 30000 },
		.least = CALLS)

TEST_IN_WEATHER(refused_connects, 50, .net = { .latency_ns = HK_MS, .refuse_ppm = 300000 },
		.faults = FAULT(REFUSED), .least = CALLS / 2)

TEST_IN_WEATHER(resets, 50, .net = { .latency_ns = HK_MS, .reset_ppm = 20000 },
		.faults = FAULT(RESET), .resets = true, .drops = true, .least = CALLS / 2)

TEST_IN_WEATHER(cancellations, 50, .net = { .latency_ns = 5 * HK_MS, .jitter_ns = 5 * HK_MS },
		.cancels = true, .least = CALLS / 2)

TEST_IN_WEATHER(partitions, 50, .net = { .latency_ns = 5 * HK_MS }, .parts = true, .clocks = true,
		.faults = FAULT(CONNECT_TIMEOUT) | FAULT(TIMEOUT))

static const struct weather storm = {
	.name = "storm",
	.net = { .latency_ns = 3 * HK_MS,
		 .jitter_ns = 30 * HK_MS,
		 .loss_ppm = 20000,
		 .reset_ppm = 5000,
		 .refuse_ppm = 50000,
		 .short_reads = true,
		 .window_bytes = 8000 },
	.parts = true,
	.resets = true,
	.drops = true,
	.cancels = true,
	.clocks = true,
	.faults = FAULT(REFUSED) | FAULT(RESET) | FAULT(CONNECT_TIMEOUT) | FAULT(TIMEOUT),
};

TEST(everything_at_once)
{
	run(&storm, __func__, 150, false);
}

TEST(a_storm_replays_to_the_byte)
{
	run(&storm, __func__, 15, true);
}

static const struct test tests[] = {
	T(calm),
	T(short_reads_and_narrow_windows),
	T(loss_is_only_delay),
	T(refused_connects),
	T(resets),
	T(cancellations),
	T(partitions),
	T(everything_at_once),
	T(a_storm_replays_to_the_byte),
};

int main(void)
{
	return RUN_TESTS(tests);
}
