/* socket.c - connecting, for source and sink `websocket:`
 *
 * What this room is for: the words of the file become a request to upgrade; io/ws.h does the rest.
 * What flows through:    templates, evaluated once a run; headers with credentials into each handshake.
 * What must hold:        see socket.h. The URL is the file's own, so that where it leads needs no guard. */
#include "connectors/socket/socket.h"
#include "base/banned.h"
#include "base/hash.h"
#include "base/json.h"
#include "io/http/http_parse.h"
#include "io/url.h"
#include <errno.h>
#include <hocket/run.h>
#include <hocket/scope.h>
#include <string.h>

#define ANSWER_NS (30 * HK_SEC) /* to a handshake, unless the file has clocks of its own */

/* ---- the file -------------------------------------------------------------------------------------- */

static void keep_origin(struct socket_options *o, const struct url *url, struct facts *facts)
{
	AUTO(buf_done) struct buf origin = { 0 };
	if (url_put_origin(url, &origin) == 0 && origin.n < sizeof(o->origin))
		memcpy(o->origin, origin.p, origin.n);
	facts->origin = slice_str(o->origin);
}

/* The host within the file's own text, for check. */
static struct slice find_host(struct slice text)
{
	const char *colon = memmem(text.p, text.n, "://", 3);
	struct slice rest = slice_from(text, (size_t)(colon - text.p) + 3), host, behind;
	(void)slice_cut(rest, '/', &host, &behind);
	(void)slice_cut(host, '?', &host, &behind);
	if (slice_cut(host, '@', &behind, &rest))
		host = rest;
	return host;
}

static void check_url(struct socket_options *o, struct facts *facts, struct diag *diag)
{
	AUTO(buf_done) struct buf http = { 0 };
	struct slice head = tpl_head(o->url);
	struct url url;
	const char *why = "write ws:// or wss://";
	if (head.n == 0)
		return;
	if (ws_url_put_http(head, &http) == 0 && url_parse(buf_slice(&http), &url, &why) == 0) {
		facts->door = find_host(head);
		keep_origin(o, &url, facts);
	} else if (tpl_constant(o->url)) {
		diag_error(diag, NULL, "'%.*s' is not the URL of a WebSocket: %s", SLICE(head),
			   why);
	}
}

static void check_subprotocol(const struct socket_options *o, struct diag *diag)
{
	struct slice rest = slice_str(o->subprotocol), word;
	while (rest.n > 0) {
		(void)slice_cut(rest, ',', &word, &rest);
		if (!http_is_token(slice_trim(word)))
			diag_error(diag, "subprotocol",
				   "'%.*s' is not the name of a subprotocol: letters, digits and "
				   "-._ only",
				   SLICE(word));
	}
}

static void check_headers(const struct socket_options *o, struct diag *diag)
{
	static const struct slice handshake = S("Sec-WebSocket-");
	for (size_t i = 0; i < o->head.headers.n; i++) {
		struct slice name = slice_str(o->head.headers.keys[i]);
		if (slice_eq_nocase(name, S("Sec-WebSocket-Protocol")))
			diag_error(diag, "headers", "write `subprotocol` in place of '%.*s'",
				   SLICE(name));
		else if (slice_eq_nocase(slice_head(name, handshake.n), handshake))
			diag_error(diag, "headers", "the header '%.*s' is set by hocket itself",
				   SLICE(name));
	}
}

void socket_plan(struct socket_options *o, struct facts *facts, struct diag *diag)
{
	check_url(o, facts, diag);
	check_subprotocol(o, diag);
	check_headers(o, diag);
	headers_check(&o->head, diag);
	tls_check(&o->tls, facts, diag);
}

/* ---- opening ----------------------------------------------------------------------------------------- */

/* ws://host:port/path. In a URL with a secret the path may be it, or a part of it: then a mark tells it from others. */
static struct slice make_shown(struct socket *s, const struct url *url)
{
	struct slice path, query;
	(void)slice_cut(url->target, '?', &path, &query);
	const char *scheme = url->tls ? "wss" : "ws";
	if (!site_is_secret(s->site, s->url))
		return slice_str(arena_printf(s->arena, "%s://%.*s:%u%.*s", scheme,
					      SLICE(url->host), url->port, SLICE(path)));
	uint64_t mark = hash_end(hash_add(HASH_START, path));
	return slice_str(arena_printf(s->arena, "%s://%.*s:%u#%06x", scheme, SLICE(url->host),
				      url->port, (unsigned)(mark & 0xffffff)));
}

static int open_url(struct socket *s, const struct env *env, struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf text = { 0 }, http = { 0 };
	struct url url;
	const char *why = "write ws:// or wss://";
	if (tpl_text(s->o->url, env, &text, err) < 0)
		return -1;
	s->url = arena_copy(s->arena, slice_trim(buf_slice(&text)));
	if (ws_url_put_http(s->url, &http) < 0 || url_parse(buf_slice(&http), &url, &why) < 0)
		return fail(err, FAULT_CONFIG, "`websocket` is not the URL of a WebSocket: %s",
			    why);
	s->shown = make_shown(s, &url);
	return 0;
}

int socket_open(struct socket *s, struct site *site, const struct socket_options *o,
		struct err *err)
{
	const struct env env = { .record = S("null") };
	*s = (struct socket){ .site = site, .o = o, .arena = arena_new() };
	if (open_url(s, &env, err) < 0 ||
	    headers_make(&o->head, &env, s->arena, &s->headers, err) < 0)
		return -1;
	return tls_open(&o->tls, site, &s->trust, err);
}

void socket_done(struct socket *s)
{
	oauth_done(&s->oauth);
	arena_free(s->arena);
	*s = (struct socket){ 0 };
}

/* ---- connecting -------------------------------------------------------------------------------------- */

/* The token's header is among the first of the request's, where it stands among ours. */
static int exchange(void *arg, struct http_client *client, const struct http_request *q,
		    struct http_response *ret, struct err *err) SUSPENDS
{
	struct socket *s = arg;
	const struct http_auth *auth = s->o->head.auth;
	struct http_header *bearer = NULL;
	(void)client;
	if (s->headers.bearer)
		bearer = (struct http_header *)q->headers + (s->headers.bearer - s->headers.v);
	return oauth_exchange(&s->oauth, auth ? auth->oauth2 : NULL, s->site, q, bearer, ret, err);
}

/* Twice as long as its parts may take: who sends the answer byte by byte is not waited for. */
static int connect_in_time(struct socket *s, const struct ws_request *q,
			   const struct ws_options *options, struct ws **ret,
			   struct err *err) SUSPENDS
{
	const struct http_clocks *c = &q->clocks;
	struct hk_scope whole;
	hk_scope_open(&whole, 2 * (c->connect_ns + c->tls_ns + c->first_byte_ns));
	int r = ws_connect(site_http(s->site), q, options, ret, err);
	int code = r < 0 && err->fault == FAULT_CANCELLED ? -ECANCELED : 0;
	if (hk_scope_close(&whole, code) != -ETIMEDOUT)
		return r;
	(void)fail(err, FAULT_TIMEOUT, "'%.*s' does not come to an end with its answer",
		   SLICE(s->shown));
	err->clock = CLOCK_TOTAL;
	return -1;
}

int socket_connect(struct socket *s, const struct ws_options *options, struct ws **ret,
		   struct err *err)
{
	struct ws_request q = {
		.url = s->url,
		.shown = s->shown,
		.headers = s->headers.v,
		.header_count = s->headers.n,
		.protocols = slice_str(s->o->subprotocol),
		.trust = s->trust,
		.insecure = s->o->tls.insecure,
		.exchange = exchange,
		.exchange_arg = s,
	};
	if (s->site->clocks)
		q.clocks = *s->site->clocks;
	if (q.clocks.first_byte_ns == 0)
		q.clocks.first_byte_ns = ANSWER_NS;
	return connect_in_time(s, &q, options, ret, err);
}

/* ---- saying ------------------------------------------------------------------------------------------ */

int socket_text(const struct tpl *tree, const struct env *env, struct buf *out, struct err *err)
{
	AUTO(buf_done) struct buf json = { 0 };
	if (tpl_json(tree, env, &json, err) < 0)
		return -1;
	struct slice value = buf_slice(&json);
	int r = json_type(value) == JSON_STRING ? json_unquote(value, out) : buf_add(out, value);
	return r < 0 ? fail_errno(err, FAULT_TOO_LARGE, r, "the message does not fit") : 0;
}

int socket_say(struct ws *ws, const struct opt_list *trees, struct slice record, struct err *err)
{
	struct tpl *const *v = trees->v;
	const struct env env = { .record = record };
	for (size_t i = 0; i < trees->n; i++) {
		AUTO(buf_done) struct buf text = { 0 };
		if (socket_text(v[i], &env, &text, err) < 0 ||
		    ws_send(ws, true, buf_slice(&text), err) < 0)
			return -1;
	}
	return 0;
}
