/* ask.c - one conditional GET, tried again while there is time
 *
 * What this room is for: see ask.h.
 * What flows through:    a URL and validators in; an answer, or the story of why there is none.
 * What must hold:
 *  (1) Retry-After is kept: behind a 429 for all feeds of that server, whose lane pauses, behind a 503 for that feed. When the pause is longer
 *      than the time that is left, the feed has failed for now, and nobody waits: the next time is soon enough; rounds that come before the
 *      pause is over do not ask. (2) what may pass is tried again TRIES times; the time while memory is waited for is not the server's. */
#include "connectors/feeds/ask.h"
#include "base/banned.h"
#include <errno.h>
#include <hocket/hocket.h>
#include <inttypes.h>
#include <stdlib.h>

enum { TRIES = 3, OWN_HEADERS = 4 };
#define FEED_TYPES                                                           \
	"application/rss+xml, application/atom+xml, application/feed+json, " \
	"application/rdf+xml;q=0.9, application/xml;q=0.8, text/xml;q=0.8, */*;q=0.1"

/* ---- for all feeds --------------------------------------------------------------------------- */

static int put_origin(struct slice url, struct buf *out)
{
	struct url parts;
	const char *why;
	int r = url_parse(url, &parts, &why);
	return r < 0 ? r : url_put_origin(&parts, out);
}

static bool have_one_origin(const struct feed_list *list)
{
	AUTO(buf_done) struct buf first = { 0 };
	if (list->n == 0 || put_origin(list->v[0].url, &first) < 0)
		return false;
	for (size_t i = 1; i < list->n; i++) {
		AUTO(buf_done) struct buf one = { 0 };
		if (put_origin(list->v[i].url, &one) < 0 ||
		    !slice_eq(buf_slice(&one), buf_slice(&first)))
			return false;
	}
	return true;
}

/* Who writes a credential means one server; a list may come to name others. */
static int check_credentials(const struct asker *a, struct err *err)
{
	if (a->one_origin)
		return 0;
	if (a->o->head.auth)
		return fail(err, FAULT_CONFIG,
			    "`auth` would be sent to all servers of the list, and there are "
			    "several: make a source of its own for those feeds that need it");
	for (size_t i = 0; i < a->headers.n; i++)
		if (!http_header_harmless(a->headers.v[i].name))
			return fail(err, FAULT_CONFIG,
				    "the header '%.*s' would be sent to all servers of the list, "
				    "and there are several: make a source of its own for those "
				    "feeds that need it",
				    SLICE(a->headers.v[i].name));
	return 0;
}

int asker_open(struct asker *a, struct site *site, const struct ask_options *o,
	       const struct feed_list *list, struct ask_pauses *pauses, struct err *err)
{
	const struct env env = { .record = S("null") };
	*a = (struct asker){ .site = site, .o = o, .arena = arena_new(), .pauses = pauses };
	a->most = site_text_max(site);
	a->one_origin = have_one_origin(list);
	if (headers_make(&o->head, &env, a->arena, &a->headers, err) < 0 ||
	    tls_open(&o->tls, site, &a->trust, err) < 0)
		return -1;
	return check_credentials(a, err);
}

void asker_close(struct asker *a)
{
	ASSERT(a->held == 0);
	arena_free(take(a->arena));
	oauth_done(&a->oauth);
}

/* ---- memory ---------------------------------------------------------------------------------- */

struct asking {
	struct asker *asker;
	const struct question *q;
	struct reply *reply;
	struct hk_scope scope; /* ends after within_ns */
};

/* Whole bodies go without anybody's help; when there are none, one of the others may have what it wants, so that they do not all
 * wait for each other. */
static bool may_have(struct asking *k, uint64_t more)
{
	struct asker *a = k->asker;
	if (a->held + more <= a->most || a->first == k)
		return true;
	if (a->first || a->done > 0)
		return false;
	a->first = k;
	return true;
}

/* Waiting is not the server's fault: its time stands still. */
static int wait_room(void *arg, const struct http_response *head, uint64_t length,
		     uint64_t bytes) SUSPENDS
{
	struct asking *k = arg;
	struct asker *a = k->asker;
	int64_t left = hk_time_left_ns();
	uint64_t more = bytes > k->reply->held ? bytes - k->reply->held : 0;
	(void)head;
	(void)length;
	while (!may_have(k, more)) {
		hk_scope_extend(&k->scope, a->o->within_ns);
		hk_event_clear(&a->freed);
		int r = hk_event_wait(&a->freed);
		if (r < 0)
			return r;
		hk_scope_extend(&k->scope, left);
	}
	a->held += more;
	k->reply->held += more;
	return 0;
}

/* Its body is whole, or there is none. */
static void end_asking(struct asking *k, bool whole)
{
	struct asker *a = k->asker;
	if (a->first == k)
		a->first = NULL;
	k->reply->whole = whole;
	a->done += whole ? k->reply->held : 0;
	hk_event_set(&a->freed);
}

void reply_done(struct asker *a, struct reply *r)
{
	http_response_done(&r->http);
	ASSERT(a->held >= r->held && a->done >= (r->whole ? r->held : 0));
	a->held -= r->held;
	a->done -= r->whole ? r->held : 0;
	hk_event_set(&a->freed);
	*r = (struct reply){ 0 };
}

/* ---- one request ----------------------------------------------------------------------------- */

static void add(struct http_header *v, size_t *n, struct slice name, struct slice value)
{
	if (value.n)
		v[(*n)++] = (struct http_header){ name, value };
}

static struct http_header *make_headers(const struct asker *a, const struct question *q,
					struct arena *arena, size_t *ret_n,
					struct http_header **ret_bearer)
{
	struct http_header *v =
		arena_alloc(arena, (a->headers.n + OWN_HEADERS) * sizeof(struct http_header));
	struct slice given;
	size_t n = a->headers.n;
	if (n)
		memcpy(v, a->headers.v, n * sizeof(*v));
	*ret_bearer = a->headers.bearer ? v + (a->headers.bearer - a->headers.v) : NULL;
	if (!headers_find(&a->headers, "Accept", &given))
		add(v, &n, S("Accept"), S(FEED_TYPES));
	add(v, &n, S("If-None-Match"), q->etag);
	add(v, &n, S("If-Modified-Since"), q->modified);
	*ret_n = n;
	return v;
}

void ask_pauses_done(struct ask_pauses *p)
{
	for (size_t i = 0; i < p->n; i++)
		buf_done(&p->v[i].lane);
	free(p->v);
	*p = (struct ask_pauses){ 0 };
}

static struct server_pause *find_pause(const struct ask_pauses *p, struct slice lane)
{
	for (size_t i = 0; i < p->n; i++)
		if (slice_eq(buf_slice(&p->v[i].lane), lane))
			return &p->v[i];
	return NULL;
}

/* Of one that is over, or a new one. */
static struct server_pause *free_pause(struct ask_pauses *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->v[i].until_ns <= hk_now_ns())
			return &p->v[i];
	p->v = xrealloc(p->v, p->n + 1, sizeof(*p->v));
	p->v[p->n] = (struct server_pause){ 0 };
	return &p->v[p->n++];
}

static void pause_server(struct asker *a, struct slice lane, int64_t ns)
{
	struct server_pause *p = find_pause(a->pauses, lane);
	if (!p) {
		p = free_pause(a->pauses);
		buf_clear(&p->lane);
		if (buf_add(&p->lane, lane) < 0)
			buf_clear(&p->lane); /* then its lane alone knows */
	}
	p->until_ns = hk_now_ns() + ns;
	site_lane_pause(a->site, lane, ns);
}

/* Its turn; at once no, when that comes too late. */
static int wait_turn(const struct asker *a, struct slice lane, struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf time = { .max = 32 };
	const struct server_pause *p = find_pause(a->pauses, lane);
	int64_t left = p ? p->until_ns - hk_now_ns() : 0;
	if (left < hk_time_left_ns())
		return site_lane(a->site, lane, err);
	(void)!units_put_duration(&time, left);
	err->retry_after_ns = left;
	return fail(err, FAULT_RATE_LIMITED,
		    "not asked: its server wants to be left alone for %.*s",
		    SLICE(buf_slice(&time)));
}

static int judge(struct asking *k, struct slice lane, struct err *err)
{
	struct http_response *a = &k->reply->http;
	int64_t pause = http_retry_after_ns(a);
	if (pause > 0 && a->status == 429)
		pause_server(k->asker, lane, pause);
	err->code = a->status;
	err->sent = true;
	if (a->status == 304 && k->q->etag.n == 0 && k->q->modified.n == 0)
		return fail(err, FAULT_STATUS,
			    "answered 304 (not modified), and nobody had asked whether it was");
	if (a->status == 304 || (a->status >= 200 && a->status < 300))
		return 0;
	err->retry_after_ns = pause;
	if (a->status == 410)
		return fail(err, FAULT_STATUS,
			    "answered 410: it is gone for good; take it from the list");
	return fail(err, a->status == 429 ? FAULT_RATE_LIMITED : FAULT_STATUS, "answered %d",
		    a->status);
}

static uint64_t body_max(const struct asker *a)
{
	return a->o->max_body < a->most ? a->o->max_body : a->most;
}

static int ask_once(struct asking *k, struct err *err) SUSPENDS
{
	struct asker *a = k->asker;
	AUTO(arena_freep) struct arena *arena = arena_new();
	AUTO(buf_done) struct buf lane = { 0 };
	struct http_header *bearer;
	struct url url;
	const char *why;
	struct http_request q = {
		.method = S("GET"),
		.url = k->q->url,
		.clocks = a->site->clocks ? *a->site->clocks : (struct http_clocks){ 0 },
		.room = wait_room,
		.room_arg = k,
		.max_body_bytes = body_max(a),
		.guard = site_guard(a->site),
		.trust = a->trust && !a->one_origin ? a->trust->stranger : a->trust,
		.insecure = a->o->tls.insecure,
		.as_sent = true,
	};
	q.headers = make_headers(a, k->q, arena, &q.header_count, &bearer);
	if (url_parse(k->q->url, &url, &why) < 0 ||
	    headers_lane(a->one_origin ? &a->o->head : NULL, &a->headers, &url, &lane) < 0)
		return fail(err, FAULT_CONFIG, "its URL cannot be used");
	if (wait_turn(a, buf_slice(&lane), err) < 0 ||
	    oauth_exchange(&a->oauth, bearer ? a->o->head.auth->oauth2 : NULL, a->site, &q, bearer,
			   &k->reply->http, err) < 0)
		return -1;
	return judge(k, buf_slice(&lane), err);
}

/* ---- and again ------------------------------------------------------------------------------- */

static bool may_pass(const struct err *err, unsigned tries)
{
	return fault_policy(err) == POLICY_RETRY && tries < TRIES &&
	       err->retry_after_ns < hk_time_left_ns();
}

static int ask_again(struct asking *k, struct err *err) SUSPENDS
{
	for (unsigned tries = 0;; tries++) {
		*err = (struct err){ 0 };
		int r = ask_once(k, err);
		if (r == 0 || !may_pass(err, tries))
			return r;
		reply_done(k->asker, k->reply);
		int64_t most = (400 * HK_MS) << tries;
		int64_t pause = most / 2 + (int64_t)(hk_random() % (uint64_t)most) / 2;
		if (hk_sleep(pause > err->retry_after_ns ? pause : err->retry_after_ns) < 0)
			return -1; /* with why it was tried again */
	}
}

int feed_ask(struct asker *a, const struct question *q, struct reply *ret, struct err *err)
{
	AUTO(buf_done) struct buf time = { .max = 32 };
	struct asking k = { .asker = a, .q = q, .reply = ret };
	*ret = (struct reply){ 0 };
	hk_scope_open(&k.scope, a->o->within_ns);
	int r = ask_again(&k, err);
	bool late = hk_scope_close(&k.scope, r < 0 ? -ECANCELED : 0) == -ETIMEDOUT;
	end_asking(&k, r == 0);
	if (r < 0)
		reply_done(a, ret);
	if (r < 0 && err->fault == FAULT_TOO_LARGE) {
		(void)!units_put_size(&time, body_max(a));
		return fail(err, FAULT_TOO_LARGE,
			    "its answer has more than %.*s, which is `max_body`, or a sixteenth of "
			    "`memory`",
			    SLICE(buf_slice(&time)));
	}
	if (r < 0 && late && err->fault == FAULT_CANCELLED) {
		err->clock = CLOCK_TOTAL;
		(void)!units_put_duration(&time, a->o->within_ns);
		return fail(err, FAULT_TIMEOUT, "did not answer within %.*s",
			    SLICE(buf_slice(&time)));
	}
	return r;
}
