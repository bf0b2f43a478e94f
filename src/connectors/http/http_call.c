/* http_call.c - one HTTP request for each record: what the step and the sink share
 *
 * What this room is for: the step this project exists for, and the sink that is the same at the end. It makes a request from
 *   templates and gives back what was answered; caps, rates, retries, keys, `accept`, `into` and dead letters are the engine's.
 * What flows through:    the record (borrowed) into a request in the call's arena; the answer's body and headers out.
 * What must hold:
 *  (1) templates are evaluated once, in ask: every attempt sends the same bytes, with the same key.
 *  (2) a complete exchange is an answer, whatever its status: the engine judges it, because `accept` may want a 404.
 *  (3) credentials go to the origin that the file names, never to one that a record brings along.
 *  (4) `shown` and messages never contain credentials or a URL's userinfo.
 *  (5) what asks the same is `asked` the same, whoever pays for it: credentials that the file gives do not count, those that
 *      come from records do, so that nobody gets what another one may see. */
#include "connectors/http/http_call.h"
#include "base/banned.h"
#include "base/json.h"
#include "connectors/http/http_fields.h"
#include "io/digest.h"
#include "io/http/http_quota.h"
#include "io/url.h"

static const struct method {
	const char *name;
	enum safety safety;
} methods[] = {
	{ "GET", SAFE },     { "HEAD", SAFE },   { "OPTIONS", SAFE }, { "PUT", KEYED },
	{ "DELETE", KEYED }, { "POST", UNSAFE }, { "PATCH", UNSAFE },
};
enum { GET = 0, HEAD = 1, PUT = 3, POST = 5, PATCH = 6 };

/* ---- the file ------------------------------------------------------------------------------------ */

static int method_of(struct http_call *o, bool sink)
{
	for (size_t i = 0; i < ARRAY_SIZE(methods); i++)
		if (tpl_cut(o->url, methods[i].name))
			return (int)i;
	return sink || o->body || o->form.n ? POST : GET;
}

/* Does the file itself say which host and port is asked? What is interpolated before the path could change them. */
static bool origin_stands(const struct tpl *url)
{
	struct slice head = tpl_head(url);
	const char *host = memmem(head.p, head.n, "://", 3);
	if (tpl_constant(url))
		return true;
	if (!host)
		return false;
	struct slice rest = slice_from(head, (size_t)(host - head.p) + 3);
	return memchr(rest.p, '/', rest.n) || memchr(rest.p, '?', rest.n);
}

static void keep_origin(struct http_call *o, const struct url *url)
{
	AUTO(buf_done) struct buf origin = { 0 };
	if (url_put_origin(url, &origin) == 0 && origin.n < sizeof(o->origin))
		memcpy(o->origin, origin.p, origin.n);
}

/* The literal part may be cut anywhere by an interpolation; what stands there must still begin like a URL. */
static void check_url(struct http_call *o, struct facts *facts, struct diag *diag)
{
	struct slice head = tpl_head(o->url), word, rest;
	struct url url;
	const char *why = NULL;
	if (slice_cut(head, ' ', &word, &rest) && !slice_starts(word, S("http"))) {
		diag_error(diag, NULL,
			   "'%.*s' is not a method; one of GET HEAD OPTIONS PUT DELETE POST PATCH",
			   SLICE(word));
		return;
	}
	bool complete = head.n && url_parse(head, &url, &why) == 0;
	if (head.n && !complete && (tpl_constant(o->url) || !slice_starts(head, S("http"))))
		diag_error(diag, NULL, "'%.*s' is not a URL: %s", SLICE(head), why);
	else if (complete && origin_stands(o->url)) {
		facts->door = url.host;
		keep_origin(o, &url);
		facts->origin = slice_str(o->origin);
	}
}

/* Credentials are written for an origin; a record must not choose to whom they are sent. */
static void check_credentials(const struct http_call *o, struct diag *diag)
{
	const char *option = headers_credentials(&o->head);
	if (option && !origin_stands(o->url))
		diag_error(diag, option,
			   "the URL's host comes from the record, so these credentials could go "
			   "anywhere; "
			   "write the host into the URL: https://api.example.com/...");
}

int http_call_plan(struct http_call *o, bool sink, struct facts *facts, struct diag *diag)
{
	o->method = method_of(o, sink);
	bool carries = o->method == PUT || o->method == POST || o->method == PATCH;
	o->sends_record = sink && carries && !o->body && !o->form.n;
	enum safety safety = methods[o->method].safety;
	facts->effect = safety == SAFE ? EFFECT_READS : EFFECT_WRITES;
	facts->guarantee = safety == UNSAFE ? APPEND_ONLY : IDEMPOTENT;
	check_url(o, facts, diag);
	headers_check(&o->head, diag);
	headers_check_own(o->key_header, "idempotency_header", diag);
	tls_check(&o->tls, facts, diag);
	if (o->body && o->form.n)
		diag_error(diag, "form", "a request has one body: choose one of `body` and `form`");
	check_credentials(o, diag);
	return 0;
}

int http_call_open(struct site *site, struct err *err)
{
	const struct http_call *o = site->options;
	struct http_shared *shared = site->shared;
	return tls_open(&o->tls, site, &shared->trust, err);
}

void http_call_close(struct site *site)
{
	struct http_shared *shared = site->shared;
	oauth_done(&shared->oauth);
}

/* ---- the request --------------------------------------------------------------------------------- */

struct asked {
	struct http_request request;
	struct http_header *bearer; /* NULL: no token is wanted */
};

static int ask_url(const struct http_call *o, struct call *c, struct http_request *q,
		   struct url *ret, struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf text = { 0 }, shown = { 0 };
	const char *why = NULL;
	if (tpl_text(o->url, c->env, &text, err) < 0 ||
	    fields_put_query(&o->query, c->env, &text, err) < 0)
		return -1;
	q->url = arena_copy(c->arena, buf_slice(&text));
	int r = url_put_shown(q->url, &shown);
	if (url_parse(q->url, ret, &why) < 0)
		return fail(err, FAULT_BAD_VALUE, "'%.*s' is not a URL: %s",
			    SLICE(slice_head(buf_slice(&shown), 200)), why);
	if (r < 0)
		return fail_errno(err, FAULT_BAD_VALUE, r, "the URL cannot be used");
	c->shown = slice_str(
		arena_printf(c->arena, "%.*s %.*s", SLICE(q->method), SLICE(buf_slice(&shown))));
	return 0;
}

/* A string under another content type is that text, not its JSON; everything else is sent as JSON. */
static int put_body(struct slice json, struct slice content_type, struct buf *out, struct err *err)
{
	struct slice type, rest;
	(void)slice_cut(content_type, ';', &type, &rest);
	bool as_text = content_type.n && !media_is_json(slice_trim(type)) &&
		       json_type(json) == JSON_STRING;
	int r = as_text ? json_unquote(json, out) : buf_add(out, json);
	return r < 0 ? fail_errno(err, FAULT_TOO_LARGE, r, "the request's body does not fit") : 0;
}

static void say_type(struct header_list *headers, struct slice type)
{
	struct slice given;
	if (!headers_find(headers, "content-type", &given))
		headers->v[headers->n++] = (struct http_header){ S("Content-Type"), type };
}

static int ask_form(const struct http_call *o, struct call *c, struct header_list *headers,
		    struct http_request *q, struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf body = { 0 };
	if (fields_put(&o->form, c->env, &body, err) < 0)
		return -1;
	say_type(headers, S("application/x-www-form-urlencoded"));
	q->body = arena_copy(c->arena, body.n ? buf_slice(&body) : S(""));
	return 0;
}

static int ask_body(const struct http_call *o, struct call *c, struct header_list *headers,
		    struct http_request *q, struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf json = { 0 }, body = { 0 };
	struct slice type = { 0 };
	if (o->form.n)
		return ask_form(o, c, headers, q, err);
	if (!o->body && !o->sends_record)
		return 0;
	if (o->sends_record) {
		say_type(headers, S("application/json"));
		q->body = rec_json(c->rec); /* checked, and not sent as a text */
		return 0;
	}
	if (tpl_json(o->body, c->env, &json, err) < 0)
		return -1;
	(void)headers_find(headers, "content-type", &type);
	say_type(headers, S("application/json"));
	if (put_body(buf_slice(&json), type, &body, err) < 0)
		return -1;
	q->body = arena_copy(c->arena, buf_slice(&body));
	return 0;
}

static int ask_lane(const struct http_call *o, struct call *c, const struct url *url,
		    const struct header_list *headers, struct err *err)
{
	AUTO(buf_done) struct buf lane = { 0 };
	int r = headers_lane(&o->head, headers, url, &lane);
	if (r < 0)
		return fail_errno(err, FAULT_BAD_VALUE, r, "the URL cannot be used");
	c->lane = arena_copy(c->arena, buf_slice(&lane));
	return 0;
}

static enum body body_kind(const struct http_response *a, int method, struct slice type)
{
	if (a->body.n == 0 || method == HEAD || a->status == 204)
		return BODY_NONE;
	return media_is_json(type) ? BODY_JSON : media_is_text(type) ? BODY_TEXT : BODY_BLOB;
}

static int make_room(void *arg, const struct http_response *head, uint64_t length,
		     uint64_t bytes) SUSPENDS
{
	struct call *c = arg;
	struct slice type = media_type(head, c->arena);
	bool text = media_is_json(type) || media_is_text(type);
	return call_room(c, text ? BODY_TEXT : BODY_BLOB, length, bytes);
}

/* Everything that decides what is answered. The userinfo of a host that the file names is the file's own credential. */
static int ask_digest(const struct http_call *o, struct call *c, const struct http_request *q,
		      const struct url *url, const struct header_list *headers, struct err *err)
{
	AUTO(digest_done) struct digest d = { NULL };
	AUTO(buf_done) struct buf origin = { 0 };
	if (digest_init(&d) < 0 || url_put_origin(url, &origin) < 0)
		return fail(err, FAULT_IO, "out of memory");
	digest_add(&d, S("hocket asked 1"));
	digest_add(&d, q->method);
	digest_add(&d, buf_slice(&origin));
	digest_add(&d, o->origin[0] ? S("") : url->userinfo);
	digest_add(&d, url->target);
	digest_add(&d, q->body.p ? q->body : S(""));
	headers_digest(&o->head, headers, &d);
	digest_end(&d, c->asked);
	return 0;
}

int http_call_ask(struct site *site, struct call *c, struct err *err)
{
	const struct http_call *o = site->options;
	struct asked *asked = arena_zero(c->arena, sizeof(*asked));
	struct http_request *q = &asked->request;
	struct header_list headers;
	struct url url;
	q->method = slice_str(methods[o->method].name);
	if (ask_url(o, c, q, &url, err) < 0 ||
	    headers_make(&o->head, c->env, c->arena, &headers, err) < 0 ||
	    ask_lane(o, c, &url, &headers, err) < 0 || ask_body(o, c, &headers, q, err) < 0)
		return -1;
	if (c->wants_asked && ask_digest(o, c, q, &url, &headers, err) < 0)
		return -1;
	if (c->key.n && headers_add_own(&headers, slice_str(o->key_header), c->key, err) < 0)
		return -1;
	c->safety = methods[o->method].safety;
	if (c->safety == UNSAFE && (c->retry_unsafe || c->key.n))
		c->safety = KEYED;
	q->headers = headers.v;
	q->header_count = headers.n;
	q->keyed = c->safety == KEYED;
	q->max_body_bytes = o->max_body;
	q->room = make_room;
	q->room_arg = c;
	q->insecure = o->tls.insecure;
	q->guard = site_guard(site);
	q->data_host = !o->origin[0];
	q->trust = ((const struct http_shared *)site->shared)->trust;
	if (site->clocks)
		q->clocks = *site->clocks;
	asked->bearer = headers.bearer;
	c->request = asked;
	if (c->wants_sends)
		c->sends = q->body;
	return 0;
}

/* ---- the answer ----------------------------------------------------------------------------------- */

void http_call_call(struct site *site, struct call *c)
{
	const struct http_call *o = site->options;
	AUTO(http_response_done) struct http_response a = { 0 };
	struct asked *asked = c->request;
	struct http_shared *shared = site->shared;
	c->verdict = VERDICT_FAULT;
	if (oauth_exchange(&shared->oauth, o->head.auth ? o->head.auth->oauth2 : NULL, site,
			   &asked->request, asked->bearer, &a, &c->err) < 0)
		return;
	if (c->wants_about) {
		int r = headers_put_json(&a, &c->answer.headers);
		if (r < 0) {
			fail_errno(&c->err, FAULT_TOO_LARGE, r, "the answer's headers do not fit");
			c->err.sent = true;
			return;
		}
	}
	c->verdict = VERDICT_ANSWER;
	c->err.retry_after_ns = http_retry_after_ns(&a);
	struct http_quota quota;
	if (http_quota_get(&a, &quota)) {
		c->answer.quota_left = quota.left;
		c->answer.quota_reset_ns = quota.reset_ns;
	}
	c->answer.status = a.status;
	c->answer.type = media_type(&a, c->arena);
	c->answer.body = body_kind(&a, o->method, c->answer.type);
	c->answer.value = buf_take(&a.body);
}
