/* gs_token.c - a token for a credential: from Google's token server, or from the machine
 *
 * What this room is for: one question an hour, and words that help when the answer is no: a wrong clock, a deleted key, a missing server.
 * What flows through:    a credential out as a signed statement or a grant, a token in.
 * What must hold:        nothing of the credential is in a message; what a human must mend is FAULT_CONFIG, what time mends is not. */
#include "base/clock.h"
#include "base/units.h"
#include "base/json.h"
#include "io/object/gs_credential.h"
#include "io/token.h"
#include "io/url.h"
#include <hocket/run.h>
#include <stdlib.h>

#define SCOPE       "https://www.googleapis.com/auth/devstorage.read_write"
#define GRANT       "urn:ietf:params:oauth:grant-type:jwt-bearer"
#define LIFE_S      3600                    /* the most that is allowed */
#define EARLY_S     10                      /* our clock may be ahead a little */
#define SKEW_NS     (INT64_C(120) * HK_SEC) /* from here on the clock is worth a word */
#define MAX_ANSWER  (1u << 20)
#define METADATA_NS (3 * HK_SEC) /* to connect: it is next door or nowhere */

/* ---- what is asked ------------------------------------------------------------------------------------------ */

static int put_field(struct buf *body, const char *name, struct slice value)
{
	int r = buf_printf(body, "%s%s=", body->n ? "&" : "", name);
	return r < 0 ? r : url_put_segment(value, body);
}

static int put_claims(const struct gs_credential *c, struct buf *out)
{
	int64_t now_s = clock_wall_ns() / HK_SEC - EARLY_S;
	struct json_writer w = json_writer(out);
	json_open(&w, '{');
	json_key(&w, "iss");
	json_put_string(&w, buf_slice(&c->email));
	json_key(&w, "scope");
	json_put_string(&w, S(SCOPE));
	json_key(&w, "aud");
	json_put_string(&w, buf_slice(&c->token_url));
	json_key(&w, "iat");
	json_put_int(&w, now_s);
	json_key(&w, "exp");
	json_put_int(&w, now_s + LIFE_S);
	json_close(&w, '}');
	return json_writer_end(&w);
}

static int put_statement(const struct gs_credential *c, struct buf *body)
{
	AUTO(buf_done) struct buf claims = { 0 };
	AUTO(buf_wipe) struct buf jwt = { 0 };
	int r = put_claims(c, &claims);
	r = r < 0 ? r : jwt_put(c->key, buf_slice(&c->key_id), buf_slice(&claims), &jwt);
	r = r < 0 ? r : put_field(body, "grant_type", S(GRANT));
	return r < 0 ? r : put_field(body, "assertion", buf_slice(&jwt));
}

static int put_grant(const struct gs_credential *c, struct buf *body)
{
	int r = put_field(body, "grant_type", S("refresh_token"));
	r = r < 0 ? r : put_field(body, "client_id", buf_slice(&c->client_id));
	r = r < 0 ? r : put_field(body, "client_secret", buf_slice(&c->client_secret));
	return r < 0 ? r : put_field(body, "refresh_token", buf_slice(&c->refresh_token));
}

/* ---- what is answered ----------------------------------------------------------------------------------------- */

/* "; this machine's clock is 3h05m behind": the usual reason for a statement that is not believed. */
static void put_skew(const struct http_response *a, struct buf *out)
{
	struct slice date;
	int64_t theirs;
	if (!http_response_header(a, "Date", &date) || clock_parse_http_date(date, &theirs) < 0)
		return;
	int64_t ahead = clock_wall_ns() - theirs, much = ahead < 0 ? -ahead : ahead;
	if (much < SKEW_NS || buf_add(out, S("; this machine's clock is ")) < 0)
		return;
	(void)!units_put_duration(out, much / HK_SEC * HK_SEC);
	(void)!buf_printf(out, " %s the server's: set it", ahead < 0 ? "behind" : "ahead of");
}

static int judge_refusal(const struct gs_credential *c, const struct http_response *a,
			 struct err *err)
{
	AUTO(buf_done) struct buf reason = { 0 };
	bool later = a->status >= 500 || a->status == 429 || a->status == 408;
	token_put_reason(buf_slice(&a->body), &reason);
	if (!later)
		put_skew(a, &reason);
	err->code = a->status;
	err->retry_after_ns = http_retry_after_ns(a);
	return fail(err, later ? FAULT_STATUS : FAULT_CONFIG, "%.*s: no token: status %d%.*s",
		    SLICE(buf_slice(&c->from)), a->status, SLICE(buf_slice(&reason)));
}

static int judge(const struct gs_credential *c, const struct http_response *a, struct buf *text,
		 int64_t *life_ns, struct err *err)
{
	struct slice flavor;
	if (a->status / 100 != 2)
		return judge_refusal(c, a, err);
	if (c->kind == GS_METADATA && (!http_response_header(a, "Metadata-Flavor", &flavor) ||
				       !slice_eq_str(flavor, "Google")))
		return fail(err, FAULT_CONFIG, "%.*s: what answers there is no metadata server",
			    SLICE(buf_slice(&c->from)));
	if (token_read(buf_slice(&a->body), text, life_ns) < 0)
		return fail(err, FAULT_CONFIG, "%.*s: an answer without an access_token",
			    SLICE(buf_slice(&c->from)));
	return 0;
}

/* ---- the question ------------------------------------------------------------------------------------------ */

/* Nobody named a credential, and the last that was left to try is not there: that is not for retries. */
static int tell_none(const struct gs_asker *q, struct err *err)
{
	bool nowhere = err->fault == FAULT_DNS || err->fault == FAULT_REFUSED ||
		       err->fault == FAULT_CONNECT_TIMEOUT;
	if (q->credential->kind != GS_METADATA || q->credential->chosen || q->before || !nowhere)
		return err_wrap(err, "%.*s", SLICE(buf_slice(&q->credential->from)));
	return fail(err, FAULT_CONFIG,
		    "no Google credentials: name a service account's key file (credentials, "
		    "GOOGLE_APPLICATION_CREDENTIALS), or run 'gcloud auth application-default "
		    "login'; a "
		    "metadata server is not here either");
}

static int ask_metadata(const struct gs_asker *q, struct http_response *ret,
			struct err *err) SUSPENDS
{
	static const struct http_header flavor = { { "Metadata-Flavor", 15 }, { "Google", 6 } };
	struct http_request request = { .method = S("GET"),
					.url = buf_slice(&q->credential->token_url),
					.headers = &flavor,
					.header_count = 1,
					.clocks = *q->clocks,
					.max_body_bytes = MAX_ANSWER,
					.direct = true,
					.no_redirects = true };
	int64_t *connect = &request.clocks.connect_ns;
	if (*connect == 0 || *connect > METADATA_NS)
		*connect = METADATA_NS;
	return http_exchange(q->http, &request, ret, err);
}

static int ask_server(const struct gs_asker *q, struct http_response *ret, struct err *err) SUSPENDS
{
	static const struct http_header headers[] = {
		{ { "Content-Type", 12 }, { "application/x-www-form-urlencoded", 33 } },
		{ { "Accept", 6 }, { "application/json", 16 } },
	};
	const struct gs_credential *c = q->credential;
	AUTO(buf_wipe) struct buf body = { 0 };
	int r = c->kind == GS_USER ? put_grant(c, &body) : put_statement(c, &body);
	if (r < 0)
		return fail_errno(err, FAULT_CONFIG, r, "signing");
	struct http_request request = { .method = S("POST"),
					.url = buf_slice(&c->token_url),
					.headers = headers,
					.header_count = ARRAY_SIZE(headers),
					.body = buf_slice(&body),
					.clocks = *q->clocks,
					.max_body_bytes = MAX_ANSWER,
					.keyed = true };
	return http_exchange(q->http, &request, ret, err);
}

int gs_token_fetch(void *asker, struct buf *text, int64_t *life_ns, struct err *err)
{
	struct gs_asker *q = asker;
	AUTO(http_response_done) struct http_response answer = { 0 };
	int r = q->credential->kind == GS_METADATA ? ask_metadata(q, &answer, err)
						   : ask_server(q, &answer, err);
	if (r < 0)
		return tell_none(q, err);
	r = judge(q->credential, &answer, text, life_ns, err);
	buf_wipe(&answer.body);
	return r;
}
