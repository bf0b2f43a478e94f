/* http_oauth.c - `auth: {oauth2: ...}`
 *
 * What this room is for: APIs whose tokens live for an hour, called by runs that last for days.
 * What flows through:    a client's name and secret to the token server, once; a token (io/token.h) into each request.
 * What must hold:        see http_oauth.h. */
#include "connectors/http/http_oauth.h"
#include "base/banned.h"
#include "connectors/http/http_fields.h"
#include "connectors/http/http_headers.h"
#include "io/url.h"

#define MAX_ANSWER (1u << 20)

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
	token_done(&a->token);
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
	buf_wipe(&q->body);
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

static int judge_refusal(const struct asking *q, const struct http_response *a, struct err *err)
{
	AUTO(buf_done) struct buf reason = { 0 };
	bool later = a->status >= 500 || a->status == 429 || a->status == 408;
	token_put_reason(buf_slice(&a->body), &reason);
	err->code = a->status;
	err->retry_after_ns = http_retry_after_ns(a);
	return fail(err, later ? FAULT_STATUS : FAULT_CONFIG,
		    "auth: oauth2: '%.*s' gives no token: status %d%.*s", SLICE(q->shown),
		    a->status, SLICE(buf_slice(&reason)));
}

/* What a token is asked with, as token_fetch has it. */
struct asker {
	const struct oauth_options *o;
	struct site *site;
	const struct http_request *like; /* the call that wants one: its clocks and its trust */
};

static int fetch(void *arg, struct buf *text, int64_t *life_ns, struct err *err) SUSPENDS
{
	const struct asker *by = arg;
	AUTO(asking_done) struct asking q = { .o = by->o, .arena = arena_new() };
	AUTO(http_response_done) struct http_response answer = { 0 };
	if (prepare(&q, err) < 0)
		return -1;
	struct http_request request = { .method = S("POST"),
					.url = q.url,
					.headers = q.headers,
					.header_count = q.header_count,
					.body = buf_slice(&q.body),
					.clocks = by->like->clocks,
					.max_body_bytes = MAX_ANSWER,
					.trust = by->like->trust ? by->like->trust->stranger : NULL,
					.insecure = by->like->insecure,
					.keyed = true };
	if (http_exchange(site_http(by->site), &request, &answer, err) < 0)
		return err_wrap(err, "auth: oauth2: ");
	if (answer.status / 100 != 2)
		return judge_refusal(&q, &answer, err);
	if (token_read(buf_slice(&answer.body), text, life_ns) < 0)
		return fail(err, FAULT_CONFIG,
			    "auth: oauth2: '%.*s' answers without an access_token", SLICE(q.shown));
	return 0;
}

/* ---- with a token -------------------------------------------------------------------------------------- */

static int exchange_once(struct oauth *a, struct asker *by, struct http_header *bearer,
			 struct http_response *ret, uint64_t *ret_used, struct err *err) SUSPENDS
{
	AUTO(buf_wipe) struct buf text = { 0 };
	int r = buf_add(&text, S("Bearer "));
	if (r < 0)
		return fail_errno(err, FAULT_TOO_LARGE, r, "auth: oauth2");
	if (token_get(&a->token, fetch, by, &text, ret_used, err) < 0)
		return -1;
	bearer->value = buf_slice(&text);
	r = http_exchange(site_http(by->site), by->like, ret, err);
	bearer->value = S("");
	return r;
}

int oauth_exchange(struct oauth *a, const struct oauth_options *o, struct site *site,
		   const struct http_request *q, struct http_header *bearer,
		   struct http_response *ret, struct err *err)
{
	struct asker by = { o, site, q };
	uint64_t used;
	if (!o)
		return http_exchange(site_http(site), q, ret, err);
	ASSERT(bearer && bearer >= q->headers && bearer < q->headers + q->header_count);
	int r = exchange_once(a, &by, bearer, ret, &used, err);
	if (r < 0 || ret->status != 401 || !token_refused(&a->token, used))
		return r;
	http_response_done(ret);
	return exchange_once(a, &by, bearer, ret, &used, err);
}
