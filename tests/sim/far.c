/* far.c - the far side: a server that counts, and the weather between it and hocket
 *
 * What this room is for: the witness. Whatever hocket says of itself, here stands how often a record was asked for and how often
 *   what it asked for was done. It is our own HTTP server on the simulated net; on top of the net's faults it answers 500 and 503,
 *   429 with Retry-After, late, half or not at all, and it dies and comes back.
 * What flows through:    /s/STEP/N/C: a call; /pages/I: a page of the source.
 * What must hold:
 *  (1) what a good answer says depends on the record alone (expect.c); when it comes, and whether, on the seed.
 *  (2) an effect is done once for each key; without a key it is done each time it is asked for, also when the answer is lost.
 *  (3) while hocket is dead nothing new arrives; what has arrived goes on to its end. */
#include "base/hash.h"
#include "io/http/http_server.h"
#include "io/url.h"
#include "world.h"

enum { PAGE_RECORDS = 7 };
#define STORMS_NS \
	(30 * 60 * HK_SEC) /* then the sun shines, and what does not come to its end never will */

/* ---- who asked ---- */
static struct asked *asked_find(struct world *w, unsigned step, struct row r)
{
	int64_t of[3] = { step, r.n, r.c };
	uint64_t h = hash_end(hash_add(HASH_START, (struct slice){ (const char *)of, sizeof of }));
	for (size_t i = h % ASKED_CAP;; i = (i + 1) % ASKED_CAP) {
		struct asked *a = &w->far.asked[i];
		if (!a->used) {
			*a = (struct asked){ .step = step, .n = r.n, .c = r.c, .used = true };
			ASSERT(++w->far.asked_count < ASKED_CAP / 2);
			return a;
		}
		if (a->step == step && a->n == r.n && a->c == r.c)
			return a;
	}
}

static int64_t next_number(struct slice *path)
{
	struct slice part, rest;
	int64_t n = -1;
	(void)slice_cut(*path, '/', &part, &rest);
	CHECK_INT(units_int(part, &n), 0);
	*path = rest;
	return n;
}

/* ---- trouble ---- */
static int64_t since_start(void)
{
	return hk_wall_ns() - 1767225600 * HK_SEC;
}

static bool is_slow(const struct world *w, struct row r)
{
	const struct trouble *t = &w->trouble;
	return t->slow_every && r.n % t->slow_every == 0 && since_start() >= t->slow_from_ns &&
	       since_start() < t->slow_ns;
}

static bool refuses(struct world *w, struct row r, struct http_reply *reply)
{
	const struct trouble *t = &w->trouble;
	static const struct http_header wait = { { "Retry-After", 11 }, { "2", 1 } };
	if (happens(w, t->fail))
		reply->status = happens(w, 50) ? 500 : 502;
	if (is_slow(w, r))
		reply->status = 503;
	if (happens(w, t->throttle)) {
		reply->status = happens(w, 50) ? 429 : 503;
		reply->headers = &wait;
		reply->header_count = 1;
	}
	reply->drop = happens(w, t->drop);
	w->far.faults += reply->status || reply->drop;
	return reply->status || reply->drop;
}

/* It takes a while, sometimes longer than anybody waits. */
static int work(struct world *w) SUSPENDS
{
	bool late = happens(w, w->trouble.late);
	w->far.faults += late;
	return hk_sleep(late ? 12 * HK_SEC : up_to(w, 20 * HK_MS));
}

/* The answer gets lost, whole or in the middle. */
static void lose(struct world *w, struct http_reply *r)
{
	r->drop = happens(w, w->trouble.drop);
	if (happens(w, w->trouble.cut))
		r->truncate = 1 + r->body.n / 3;
	w->far.faults += r->drop || r->truncate;
}

/* ---- a call ---- */
static void put_padding(struct buf *out, size_t n)
{
	CHECK_INT(buf_reserve(out, n), 0);
	memset(out->p + out->n, 'p', n);
	buf_added(out, n);
}

static void put_answer(const struct world *w, struct row r, unsigned step, struct buf *out)
{
	CHECK_INT(buf_printf(out, "{\"v\":%lld,\"kids\":[", (long long)expect_value(r, step)), 0);
	for (unsigned i = 0; i < expect_children(r, step); i++)
		CHECK_INT(buf_printf(out, "%s%lld", i ? "," : "", (long long)row_child(r, i).c), 0);
	CHECK_INT(buf_add(out, S("],\"p\":\"")), 0);
	put_padding(out, expect_padding(w, r, step));
	CHECK_INT(buf_add(out, S("\"}")), 0);
}

/* One record's key is always the same, so an effect that is done once for each key is done once for the record. */
static void do_effect(struct asked *a, const struct http_incoming *in)
{
	struct slice key;
	if (!http_incoming_header(in, "Idempotency-Key", &key)) {
		a->effects++;
		return;
	}
	uint64_t hash = hash_end(hash_add(HASH_START, key)) | 1;
	if (a->key != hash)
		a->effects++;
	a->key = hash;
}

static void note_arrival(struct world *w)
{
	struct far *far = &w->far;
	far->requests++;
	if (far->arrivals && far->arrival_count < far->arrivals_max)
		far->arrivals[far->arrival_count++] = since_start();
}

static void handle_call(struct world *w, const struct http_incoming *in,
			struct http_reply *reply) SUSPENDS
{
	struct slice path = slice_from(in->path, 3);
	unsigned step = (unsigned)next_number(&path);
	struct row r = { .n = next_number(&path) };
	r.c = next_number(&path);
	struct asked *a = asked_find(w, step, r);
	a->requests++;
	note_arrival(w);
	parts_moment(w);
	if (refuses(w, r, reply) || work(w) < 0)
		return;
	if (expect_death(r, step)) {
		reply->status = 404;
		return;
	}
	do_effect(a, in);
	a->good++;
	put_answer(w, r, step, &reply->body);
	parts_moment(w);
	if (hk_sleep(up_to(w, 20 * HK_MS)) < 0)
		return;
	lose(w, reply);
}

static void handle_page(struct world *w, struct slice number, struct http_reply *reply) SUSPENDS
{
	int64_t page = next_number(&number), n = page * PAGE_RECORDS, end = n + PAGE_RECORDS;
	struct buf *out = &reply->body;
	parts_moment(w);
	if (refuses(w, (struct row){ .n = 1 }, reply) || work(w) < 0)
		return;
	CHECK_INT(buf_add(out, S("{\"items\":[")), 0);
	for (; n < end && n < w->records; n++)
		CHECK_INT(buf_printf(out, "%s{\"n\":%lld,\"c\":0,\"a\":0,\"p\":\"x\"}",
				     n % PAGE_RECORDS ? "," : "", (long long)n),
			  0);
	CHECK_INT(buf_add(out, S("],\"next\":")), 0);
	if (n < w->records)
		CHECK_INT(buf_printf(out, "\"http://10.0.0.1/pages/%lld\"}", (long long)page + 1),
			  0);
	else
		CHECK_INT(buf_add(out, S("null}")), 0);
	lose(w, reply);
}

static void handle(void *arg, const struct http_incoming *in, struct http_reply *reply) SUSPENDS
{
	struct world *w = arg;
	if (w->far.deaf)
		reply->drop = true;
	else if (slice_starts(in->path, S("/pages/")))
		handle_page(w, slice_from(in->path, 7), reply);
	else
		handle_call(w, in, reply);
}

/* ---- the server's life ---- */
static int serve(void *arg) SUSPENDS
{
	struct world *w = arg;
	struct err err = { 0 };
	int r = http_server_run(w->far.server, &err);
	CHECK_INT(r, 0);
	return r;
}

/* Until it falls. */
static int serve_once(struct world *w) SUSPENDS
{
	struct hk_group g;
	struct err err = { 0 };
	int r = http_server_open("10.0.0.1", 80, handle, w, NULL, &w->far.server, &err);
	CHECK_INT(r, 0);
	hk_group_open(&g, NULL);
	r = hk_spawn(&g, serve, w);
	hk_event_clear(&w->far.fall);
	r = r < 0 ? r : hk_event_wait(&w->far.fall);
	hk_group_cancel(&g);
	int closed = hk_group_close(&g, 0);
	http_server_free(w->far.server);
	return r < 0 ? r : closed;
}

int far_main(void *arg)
{
	struct world *w = arg;
	int r = 0;
	while (r == 0) {
		r = serve_once(w);
		r = r < 0 ? r : hk_sleep(w->far.down_ns);
	}
	return r;
}

static int storm(struct world *w) SUSPENDS
{
	const struct trouble *t = &w->trouble;
	if (t->restarts && happens(w, 40)) {
		w->far.down_ns = up_to(w, 8 * HK_SEC);
		hk_event_set(&w->far.fall);
	} else if (t->resets && happens(w, 50)) {
		hk_sim_reset(80);
	} else if (t->parts) {
		hk_sim_part(80);
		int r = hk_sleep(up_to(w, 6 * HK_SEC));
		hk_sim_heal(80);
		w->storms++;
		return r;
	} else {
		return 0;
	}
	w->storms++;
	return 0;
}

static int outage(struct world *w) SUSPENDS
{
	const struct trouble *t = &w->trouble;
	int r = hk_sleep(OUTAGE_FROM_NS);
	w->storms++;
	if (!t->outage_parts) {
		w->far.down_ns = t->outage_ns;
		hk_event_set(&w->far.fall);
		return r;
	}
	hk_sim_part(80);
	r = r < 0 ? r : hk_sleep(t->outage_ns);
	hk_sim_heal(80);
	return r;
}

int far_weather(void *arg)
{
	struct world *w = arg;
	int r = w->trouble.outage_ns ? outage(w) : 0;
	while (r == 0 && since_start() < STORMS_NS) {
		r = hk_sleep(up_to(w, w->trouble.weather_ns));
		r = r < 0 ? r : storm(w);
	}
	if (r == 0)
		world_be_kind(w);
	return r;
}

void far_open(struct world *w)
{
	w->far.asked = xcalloc(ASKED_CAP, sizeof *w->far.asked);
}

void far_done(struct world *w)
{
	free(w->far.asked);
	free(w->far.arrivals);
}

/* ---- what it saw ---- */
static void check_asked(struct world *w, const struct asked *a, uint64_t good[static STEPS_MAX])
{
	enum step_kind kind = w->steps[a->step].kind;
	bool writes = kind == POST_KEYED || kind == POST_ONCE;
	good[a->step] += a->good > 0;
	if (!writes || a->effects <= 1)
		return;
	w->duplicated += a->effects - 1;
	printf("# step %u, record %lld/%lld: done %u times\n", a->step, (long long)a->n,
	       (long long)a->c, a->effects);
}

void far_check(struct world *w)
{
	uint64_t good[STEPS_MAX] = { 0 };
	for (size_t i = 0; i < ASKED_CAP; i++)
		if (w->far.asked[i].used)
			check_asked(w, &w->far.asked[i], good);
	for (size_t i = 0; i < w->step_count; i++) {
		if (w->steps[i].kind != POST_ONCE)
			CHECK_INT(good[i], w->want_calls[i]);
		else
			CHECK(good[i] <= w->want_calls[i]);
	}
}
