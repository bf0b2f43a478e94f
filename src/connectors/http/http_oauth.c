/* http_oauth.c - `auth: {oauth2: ...}`
 *
 * What this room is for: APIs whose tokens live for an hour, called by runs that last for days.
 * What flows through:    a client's name and secret to the token server, once; a token into each request.
 *
 *     no token, or its time is over --lock--> still none? --POST token_url--> token, until when
 *         ^                                                      '--refused--> config: a human must act; else tried again
 *         '------ 401, and the token is older than 10 s ------ requests
 *
 * What must hold:        see http_oauth.h. Who waits for the lock looks again before it asks. */
#include "connectors/http/http_oauth.h"
#include "base/banned.h"
#include "base/json.h"
#include "base/utf8.h"
#include "connectors/http/http_fields.h"
#include "connectors/http/http_headers.h"
#include "io/url.h"
#include <hocket/run.h>

#define JUST_MADE_NS (10 * HK_SEC)
#define MARGIN_NS    (30 * HK_SEC)
#define MAX_ANSWER   (1u << 20)
#define MAX_LIFE_S   (INT64_C(366) * 86400)
#define NO_END       INT64_MAX

enum { SEND_BASIC, SEND_BODY };
static const char *const send_words[] = { "basic", "body", NULL };

const struct opt oauth_options[] = {
	OPT("token_url", struct oauth_options, token_url, OPT_TEMPLATE, struct tpl *,
	    .required = true, .secret = true, .at_plan = true, .doc = "where tokens are asked for"),
	OPT("client_id", struct oauth_options, client_id, OPT_TEMPLATE, struct tpl *,
	    .required = true, .secret = true, .at_plan = true, .doc = "who asks"),
	OPT("client_secret", struct oauth_options, client_secret, OPT_TEMPLATE, struct tpl *,
	    .required = true, .secret = true, .at_plan = true, .doc = "how it is proved"),
	OPT("scope", struct oauth_options, scope, OPT_TEMPLATE, struct tpl *, .secret = true,
	    .at_plan = true, .doc = "what for; several with blanks between them"),
	OPT("params", struct oauth_options, params, OPT_MAP, struct opt_map, .of = OPT_TEMPLATE,
	    .secret = true, .at_plan = true,
	    .doc = "what else the server wants to know: {audience: https://api.example.com}"),
	OPT("send", struct oauth_options, send, OPT_ENUM, int, .words = send_words,
	    .fallback = "basic",
	    .doc = "where client_id and client_secret go: the Authorization header (basic) or "
		   "the body"),
	OPT_END,
};

void oauth_done(struct oauth *a)
{
	if (a->token.p)
		explicit_bzero(a->token.p, a->token.n);
	buf_done(&a->token);
}

/* ---- the request for a token ------------------------------------------------------------------------ */

struct asking {
	const struct oauth_options *o;
	struct arena *arena;
	struct slice url, shown, id, secret;
	struct buf body;
	struct http_header headers[3];
	size_t header_count;
};

static void asking_done(struct asking *q)
{
	if (q->body.p)
		explicit_bzero(q->body.p, q->body.n);
	buf_done(&q->body);
	arena_free(q->arena);
}

static int text_of(struct asking *q, const struct tpl *tpl, struct slice *ret,
		   struct err *err) SUSPENDS
{
	const struct env env = { .record = S("null") };
	AUTO(buf_done) struct buf text = { 0 };
	if (tpl_text(tpl, &env, &text, err) < 0)
		return -1;
	*ret = slice_trim(arena_copy(q->arena, buf_slice(&text)));
	return 0;
}

static int put_field(struct buf *body, struct slice name, struct slice value)
{
	int r = body->n ? buf_add_char(body, '&') : 0;
	r = r < 0 ? r : buf_add(body, name);
	r = r < 0 ? r : buf_add_char(body, '=');
	return r < 0 ? r : url_put_segment(value, body);
}

/* RFC 6749 2.3.1: both are encoded as in a form before they become Basic's name and password. */
static int prove_by_header(struct asking *q)
{
	AUTO(buf_done) struct buf pair = { 0 };
	int r = url_put_segment(q->id, &pair);
	r = r < 0 ? r : buf_add_char(&pair, ':');
	r = r < 0 ? r : url_put_segment(q->secret, &pair);
	if (r < 0)
		return r;
	struct slice code = headers_base64(q->arena, buf_slice(&pair));
	explicit_bzero(pair.p, pair.n);
	q->headers[q->header_count++] = (struct http_header){
		S("Authorization"), slice_str(arena_printf(q->arena, "Basic %.*s", SLICE(code)))
	};
	return 0;
}

static int prove(struct asking *q)
{
	if (q->o->send == SEND_BASIC)
		return prove_by_header(q);
	int r = put_field(&q->body, S("client_id"), q->id);
	return r < 0 ? r : put_field(&q->body, S("client_secret"), q->secret);
}

static int prepare(struct asking *q, struct err *err) SUSPENDS
{
	const struct env env = { .record = S("null") };
	AUTO(buf_done) struct buf shown = { 0 };
	struct slice scope = { 0 };
	if (text_of(q, q->o->token_url, &q->url, err) < 0 ||
	    text_of(q, q->o->client_id, &q->id, err) < 0 ||
	    text_of(q, q->o->client_secret, &q->secret, err) < 0 ||
	    (q->o->scope && text_of(q, q->o->scope, &scope, err) < 0))
		return -1;
	int r = url_put_shown(q->url, &shown);
	q->shown = arena_copy(q->arena, slice_head(buf_slice(&shown), 200));
	q->headers[q->header_count++] =
		(struct http_header){ S("Content-Type"), S("application/x-www-form-urlencoded") };
	q->headers[q->header_count++] = (struct http_header){ S("Accept"), S("application/json") };
	r = r < 0 ? r : put_field(&q->body, S("grant_type"), S("client_credentials"));
	if (r == 0 && scope.n)
		r = put_field(&q->body, S("scope"), scope);
	r = r < 0 ? r : prove(q);
	if (r < 0)
		return fail_errno(err, FAULT_CONFIG, r, "auth: oauth2");
	return fields_put(&q->o->params, &env, &q->body, err);
}

/* ---- the answer ---------------------------------------------------------------------------------------- */

/* A field's text, out of JSON that was checked; empty: not there, or no text. */
static int field_text(struct slice json, const char *name, struct buf *out)
{
	struct slice raw;
	if (json_type(json) != JSON_OBJECT || !json_field(json, slice_str(name), &raw))
		return 0;
	if (json_type(raw) == JSON_NUMBER)
		return buf_add(out, raw);
	return json_type(raw) == JSON_STRING ? json_unquote(raw, out) : 0;
}

/* "invalid_client: no such client": what RFC 6749 5.2 says about a refusal. */
static void put_reason(struct slice json, struct buf *out)
{
	AUTO(buf_done) struct buf error = { 0 }, more = { 0 };
	if (field_text(json, "error", &error) < 0 ||
	    field_text(json, "error_description", &more) < 0)
		return;
	if (error.n)
		(void)!buf_printf(out, ": %.*s", SLICE(utf8_head(buf_slice(&error), 60)));
	if (error.n && more.n)
		(void)!buf_printf(out, ": %.*s", SLICE(utf8_head(buf_slice(&more), 120)));
	for (size_t i = 0; i < out->n; i++)
		if ((unsigned char)out->p[i] < ' ')
			out->p[i] = ' ';
}

static int judge_refusal(const struct asking *q, const struct http_response *a, struct slice json,
			 struct err *err)
{
	AUTO(buf_done) struct buf reason = { 0 };
	bool later = a->status >= 500 || a->status == 429 || a->status == 408;
	put_reason(json, &reason);
	err->code = a->status;
	err->retry_after_ns = http_retry_after_ns(a);
	return fail(err, later ? FAULT_STATUS : FAULT_CONFIG,
		    "auth: oauth2: '%.*s' gives no token: status %d%.*s", SLICE(q->shown),
		    a->status, SLICE(buf_slice(&reason)));
}

static int64_t life_ns(struct slice json)
{
	AUTO(buf_done) struct buf text = { 0 };
	struct slice whole, fraction;
	int64_t s;
	if (field_text(json, "expires_in", &text) < 0)
		return 0;
	(void)slice_cut(buf_slice(&text), '.', &whole, &fraction);
	if (units_int(whole, &s) < 0 || s <= 0)
		return 0;
	return (s < MAX_LIFE_S ? s : MAX_LIFE_S) * HK_SEC;
}

static int take_token(struct oauth *a, const struct asking *q, const struct http_response *answer,
		      struct err *err)
{
	AUTO(buf_done) struct buf token = { 0 };
	struct slice json = buf_slice(&answer->body);
	bool good = json_check(json, NULL) == 0;
	json = good ? json_trim(json) : S("null");
	if (answer->status / 100 != 2)
		return judge_refusal(q, answer, json, err);
	if (field_text(json, "access_token", &token) < 0 || token.n == 0)
		return fail(err, FAULT_CONFIG,
			    "auth: oauth2: '%.*s' answers without an access_token",
			    SLICE(q->shown));
	int64_t life = life_ns(json), margin = life / 10 < MARGIN_NS ? life / 10 : MARGIN_NS;
	oauth_done(a);
	a->token = buf_take(&token);
	a->made_ns = hk_now_ns();
	a->until_ns = life ? a->made_ns + life - margin : NO_END; /* else until a 401 */
	a->version++;
	return 0;
}

static int ask_token(struct oauth *a, const struct oauth_options *o, struct site *site,
		     const struct http_request *like, struct err *err) SUSPENDS
{
	AUTO(asking_done) struct asking q = { .o = o, .arena = arena_new() };
	AUTO(http_response_done) struct http_response answer = { 0 };
	if (prepare(&q, err) < 0)
		return -1;
	struct http_request request = { .method = S("POST"),
					.url = q.url,
					.headers = q.headers,
					.header_count = q.header_count,
					.body = buf_slice(&q.body),
					.clocks = like->clocks,
					.max_body_bytes = MAX_ANSWER,
					.trust = like->trust ? like->trust->stranger : NULL,
					.insecure = like->insecure,
					.keyed = true };
	if (http_exchange(site_http(site), &request, &answer, err) < 0)
		return err_wrap(err, "auth: oauth2: ");
	return take_token(a, &q, &answer, err);
}

/* ---- one for all ------------------------------------------------------------------------------------------ */

static bool fresh(const struct oauth *a)
{
	return a->token.n > 0 && hk_now_ns() < a->until_ns;
}

/* The lock is held. `before`: tries that were over when we began to wait. */
static int get_token(struct oauth *a, const struct oauth_options *o, struct site *site,
		     const struct http_request *like, uint64_t before, struct err *err) SUSPENDS
{
	if (fresh(a))
		return 0;
	if (a->tries != before && a->failed) {
		*err = a->failure;
		return -1;
	}
	int r = ask_token(a, o, site, like, err);
	err->sent = false; /* not the request that the token is for */
	a->tries++;
	a->failed = r < 0 && err->fault != FAULT_CANCELLED;
	if (a->failed)
		a->failure = *err;
	return r;
}

static int want_token(struct oauth *a, const struct oauth_options *o, struct site *site,
		      const struct http_request *like, struct err *err) SUSPENDS
{
	uint64_t before = a->tries;
	if (fresh(a))
		return 0;
	int r = hk_mutex_lock(&a->turn);
	if (r < 0)
		return fail_errno(err, FAULT_IO, r, "auth: oauth2: waiting for a token");
	r = get_token(a, o, site, like, before, err);
	hk_mutex_unlock(&a->turn);
	return r;
}

/* The server does not take the token that was used: is there another, or might there be? */
static bool may_renew(struct oauth *a, uint64_t used)
{
	if (a->version != used)
		return true;
	if (hk_now_ns() - a->made_ns < JUST_MADE_NS)
		return false;
	a->until_ns = 0;
	return true;
}

/* The token's text is copied: while we wait another task may bring a new one. */
static int exchange_once(struct oauth *a, const struct oauth_options *o, struct site *site,
			 const struct http_request *q, struct http_header *bearer,
			 struct http_response *ret, uint64_t *ret_used, struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf text = { 0 };
	if (want_token(a, o, site, q, err) < 0)
		return -1;
	*ret_used = a->version;
	int r = buf_printf(&text, "Bearer %.*s", SLICE(buf_slice(&a->token)));
	if (r < 0)
		return fail_errno(err, FAULT_TOO_LARGE, r, "auth: oauth2: the token does not fit");
	bearer->value = buf_slice(&text);
	r = http_exchange(site_http(site), q, ret, err);
	bearer->value = S("");
	explicit_bzero(text.p, text.n);
	return r;
}

int oauth_exchange(struct oauth *a, const struct oauth_options *o, struct site *site,
		   const struct http_request *q, struct http_header *bearer,
		   struct http_response *ret, struct err *err)
{
	uint64_t used;
	if (!o)
		return http_exchange(site_http(site), q, ret, err);
	ASSERT(bearer && bearer >= q->headers && bearer < q->headers + q->header_count);
	int r = exchange_once(a, o, site, q, bearer, ret, &used, err);
	if (r < 0 || ret->status != 401 || !may_renew(a, used))
		return r;
	http_response_done(ret);
	return exchange_once(a, o, site, q, bearer, ret, &used, err);
}
