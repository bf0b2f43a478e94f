/* play.c - one script, played and judged
 *
 * What this room is for: the client's side of all scripts, and the judgement.
 * What flows through:    numbers: each request carries its own, each answer must bring it back.
 * What must hold:        see play.h. */
#include "play.h"
#include "io/http.h"
#include "memory.h"
#include "tls_far.h"
#include <errno.h>
#include <hocket/hocket.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLOCK_NS  (10 * HK_SEC)
#define BODY_MOST (256u << 10)
enum { NEXT_REQUESTS = 3 };

/* The first complaint counts. */
static void __attribute__((format(printf, 2, 3))) complain(struct play *p, const char *fmt, ...)
{
	va_list args;
	if (p->why[0])
		return;
	va_start(args, fmt);
	(void)vsnprintf(p->why, sizeof(p->why), fmt, args);
	va_end(args);
}

/* ---- asking ---------------------------------------------------------------------------------------- */

struct outcome {
	int r;
	struct http_response res; /* owns */
	struct err err;
	unsigned id;
};

static void outcome_done(struct outcome *o)
{
	http_response_done(&o->res);
}

static int make_body(struct buf *out, size_t n)
{
	int r = n > 0 ? buf_reserve(out, n) : 0;
	if (r == 0 && n > 0) {
		memset(out->p, 'b', n);
		buf_added(out, n);
	}
	return r;
}

/* s: what the script wants of the request; NULL: a plain one. The caller's scope is all that bounds the whole. */
static void ask(struct play *p, struct http_client *c, const struct script *s,
		struct outcome *o) SUSPENDS
{
	AUTO(buf_done) struct buf body = { 0 };
	struct hk_scope total;
	char url[96];
	o->id = p->first_id++;
	if (p->script->proxied)
		(void)snprintf(url, sizeof(url), "https://evil.test/%s?id=%08u",
			       s ? "evil" : "fine", o->id);
	else
		(void)snprintf(url, sizeof(url), "http%s://127.0.0.1:%u/%s?id=%08u",
			       p->script->https ? "s" : "", p->server.port, s ? "evil" : "fine",
			       o->id);
	if (s && make_body(&body, s->body_bytes) < 0)
		complain(p, "out of memory");
	struct http_request q = { .method = s && s->method ? slice_str(s->method) : S("GET"),
				  .url = slice_str(url),
				  .body = buf_slice(&body),
				  .max_body_bytes = s && s->max_body ? s->max_body : BODY_MOST,
				  .keyed = s && s->keyed,
				  .clocks = { CLOCK_NS, CLOCK_NS, CLOCK_NS, CLOCK_NS } };
	memory_watch();
	hk_scope_open(&total, PLAY_TOTAL_NS);
	o->r = http_exchange(c, &q, &o->res, &o->err);
	if (hk_scope_close(&total, o->r < 0 ? -ECANCELED : 0) == -ETIMEDOUT &&
	    o->err.fault == FAULT_CANCELLED) {
		o->err.fault = FAULT_TIMEOUT; /* as who sets a deadline says it */
		o->err.clock = CLOCK_TOTAL;
	}
}

static bool is_own(const struct outcome *o, const char *body)
{
	char number[16];
	(void)snprintf(number, sizeof(number), "%08u", o->id);
	return slice_eq(buf_slice(&o->res.body), slice_str(body ? body : number));
}

/* ---- judging ---------------------------------------------------------------------------------------- */

static bool is_among(const char *class, const char *list)
{
	struct slice one, rest = slice_str(list);
	while (rest.n > 0) {
		(void)slice_cut(rest, '|', &one, &rest); /* the last one has no bar behind it */
		if (slice_eq(one, slice_str(class)))
			return true;
	}
	return false;
}

static void judge_failure(struct play *p, const struct outcome *o)
{
	const struct script *s = p->script;
	(void)err_class(&o->err, p->class, sizeof(p->class));
	if (!s->class)
		complain(p, "failed: %s: %s", p->class, o->err.text);
	else if (!is_among(p->class, s->class))
		complain(p, "the class is %s, not %s: %s", p->class, s->class, o->err.text);
	if (s->says && !strstr(o->err.text, s->says))
		complain(p, "the message is: %s", o->err.text);
	if (o->res.storage_ || o->res.body.n > 0)
		complain(p, "failed, and left an answer");
	if (!o->err.sent && p->server.asked > 0)
		complain(p, "says that nothing was sent, though the server was asked");
}

static void judge_answer(struct play *p, const struct outcome *o)
{
	const struct script *s = p->script;
	int64_t wait_ns = http_retry_after_ns(&o->res);
	(void)snprintf(p->class, sizeof(p->class), "an answer");
	if (s->class)
		complain(p, "status %d, not %s", o->res.status, s->class);
	else if (o->res.status != (s->status ? s->status : 200))
		complain(p, "status %d", o->res.status);
	else if (!is_own(o, s->body))
		complain(p, "the body is '%.*s'", SLICE(slice_head(buf_slice(&o->res.body), 100)));
	if (s->wait_ns < 0 ? wait_ns <= 0 : wait_ns != s->wait_ns)
		complain(p, "Retry-After comes to %jd ns", (intmax_t)wait_ns);
}

static void judge_bounds(struct play *p, const struct http_client *c)
{
	struct http_client_stats stats;
	http_client_stats_get(c, &stats);
	if (p->took_ns > PLAY_TOTAL_NS + HK_SEC)
		complain(p, "took %jd ms", (intmax_t)(p->took_ns / HK_MS));
	if (p->memory && p->peak_bytes > PLAY_MEMORY + p->script->body_bytes)
		complain(p, "held %zu KiB", p->peak_bytes >> 10);
	if (p->bytes_in > PLAY_BYTES)
		complain(p, "took %ju KiB of the server", (uintmax_t)(p->bytes_in >> 10));
	if (stats.active > 0)
		complain(p, "%zu connections are still in use", stats.active);
	if (!p->in_pieces && stats.idle != p->script->keeps)
		complain(p, "%zu connections are kept", stats.idle);
	if (p->script->asked && p->server.asked != p->script->asked)
		complain(p, "the server was asked %u times", p->server.asked);
	if (p->server.told_secrets)
		complain(p, "the server was told what a redirect brought along");
}

static void play_evil(struct play *p, struct http_client *c) SUSPENDS
{
	struct http_client_stats before, after;
	AUTO(outcome_done) struct outcome o = { 0 };
	int64_t start_ns = hk_now_ns();
	http_client_stats_get(c, &before);
	ask(p, c, p->script, &o);
	p->peak_bytes = memory_peak();
	p->took_ns = hk_now_ns() - start_ns;
	http_client_stats_get(c, &after);
	p->bytes_in = after.bytes_in - before.bytes_in;
	if (o.r < 0)
		judge_failure(p, &o);
	else
		judge_answer(p, &o);
	judge_bounds(p, c);
}

/* A request in fair weather gets the answer to itself. */
static void play_fine(struct play *p, struct http_client *c, const char *when) SUSPENDS
{
	AUTO(outcome_done) struct outcome o = { 0 };
	ask(p, c, NULL, &o);
	if (o.r < 0)
		complain(p, "%s: %s", when, o.err.text);
	else if (o.res.status != 200 || !is_own(&o, NULL))
		complain(p, "%s: CROSSED: status %d, '%.*s'", when, o.res.status,
			 SLICE(slice_head(buf_slice(&o.res.body), 40)));
	else
		p->later++;
}

static void play_all(struct play *p, struct http_client *c) SUSPENDS
{
	if (p->script->warm)
		play_fine(p, c, "before");
	p->later = 0;
	play_evil(p, c);
	if ((p->gap_ns || p->script->later) && hk_sleep(p->gap_ns ? p->gap_ns : HK_SEC) < 0)
		complain(p, "cancelled between the requests");
	for (int i = 0; i < NEXT_REQUESTS; i++)
		play_fine(p, c, "the next request");
}

static void set_proxy(const struct play *p)
{
	char url[64];
	(void)snprintf(url, sizeof(url), "http://user:secret@127.0.0.1:%u", p->server.port);
	if (p->script->proxied)
		(void)setenv("https_proxy", url, 1);
	else
		(void)unsetenv("https_proxy");
}

int play_run(void *play) SUSPENDS
{
	struct play *p = play;
	struct http_client *c = NULL;
	struct hk_group g;
	struct err err = { 0 };
	struct http_client_options options = { .ca_file = tls_world_ca_file(),
					       .environment_proxies = p->script->proxied };
	p->server = (struct evil_server){ .script = p->script };
	if (evil_server_open(&p->server) < 0) {
		complain(p, "no listener");
		return -EBADMSG;
	}
	set_proxy(p);
	hk_group_open(&g, NULL);
	int r = hk_spawn(&g, evil_server_run, &p->server);
	if (r == 0 && http_client_new(&options, &c, &err) == 0)
		play_all(p, c);
	else
		complain(p, "cannot begin");
	http_client_free(c);
	hk_group_cancel(&g);
	r = hk_group_close(&g, 0);
	evil_server_close(&p->server);
	if (r < 0)
		complain(p, "the server ended with %d", r);
	return p->why[0] ? -EBADMSG : 0;
}
