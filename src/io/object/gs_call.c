/* gs_call.c - one call to the service, with its token, and the story of its refusal
 *
 * What this room is for: what all operations have in common.
 * What flows through:    a request without credentials in, an answer out.
 * What must hold:
 *  (1) the token is in a request to the store's own origin only.
 *  (2) 401 is tried once more with a new token, and is the answer then.
 *  (3) session URLs (their upload_id) and tokens are in no message.
 *  (4) what nobody makes room for is short: a service that does not stop talking costs a megabyte, not the memory. */
#include "base/json.h"
#include "base/utf8.h"
#include "io/object/gs_sign.h"
#include "io/object/s3_xml.h"
#include "io/url.h"
#include <errno.h>
#include <string.h>

#define LISTED_MAX (16u << 20) /* a thousand objects with long names */
#define SAID_MAX   (1u << 20)  /* of one */

/* ---- the call ---------------------------------------------------------------------------------------------- */

/* "'https://host/path?upload_id=secret': reset" becomes "'https://host/path': reset". */
static void hide_query(struct err *err)
{
	char *from = err ? strchr(err->text, '?') : NULL;
	if (!from)
		return;
	char *to = strchr(from, '\'');
	size_t rest = to ? strlen(to) + 1 : 1;
	memmove(from, to ? to : "", rest);
}

static int exchange(struct gs_store *s, const struct http_request *q, struct http_response *ret,
		    struct err *err) SUSPENDS
{
	int r = http_exchange(s->http, q, ret, err);
	if (r < 0)
		hide_query(err);
	return r;
}

static bool same_origin(const struct gs_store *s, struct slice url)
{
	AUTO(buf_done) struct buf origin = { 0 };
	struct url u;
	const char *why;
	return url_parse(url, &u, &why) == 0 && url_put_origin(&u, &origin) == 0 &&
	       slice_eq(buf_slice(&origin), buf_slice(&s->base.origin));
}

static int call_once(struct gs_store *s, const struct http_request *q, struct http_response *ret,
		     uint64_t *ret_version, struct err *err) SUSPENDS
{
	struct http_header headers[GS_HEADERS + 1];
	struct gs_asker asker = { &s->credential, s->http, &s->clocks, s->token.version > 0 };
	AUTO(buf_wipe) struct buf bearer = { 0 };
	int r = buf_add(&bearer, S("Bearer "));
	if (r < 0)
		return fail_errno(err, FAULT_IO, r, "a call");
	if (token_get(&s->token, gs_token_fetch, &asker, &bearer, ret_version, err) < 0)
		return -1;
	struct http_request with = *q;
	headers[0] = (struct http_header){ S("Authorization"), buf_slice(&bearer) };
	for (size_t i = 0; i < q->header_count; i++)
		headers[i + 1] = q->headers[i];
	with.headers = headers;
	with.header_count = q->header_count + 1;
	return exchange(s, &with, ret, err);
}

/* A session's URL vouches for itself. */
static bool is_session(struct slice url)
{
	return memmem(url.p, url.n, "upload_id=", 10) != NULL;
}

static int call_signed(struct gs_store *s, const struct http_request *q, struct http_response *ret,
		       struct err *err) SUSPENDS
{
	AUTO(gs_signature_done) struct gs_signature signature = { 0 };
	struct http_header headers[GS_HEADERS + GS_SIGN_HEADERS];
	if (is_session(q->url))
		return exchange(s, q, ret, err);
	if (gs_sign(&s->credential, q, &signature, err) < 0)
		return -1;
	struct http_request with = *q;
	memcpy(headers, signature.headers, sizeof(signature.headers));
	for (size_t i = 0; i < q->header_count; i++)
		headers[GS_SIGN_HEADERS + i] = q->headers[i];
	with.headers = headers;
	with.header_count = GS_SIGN_HEADERS + q->header_count;
	return exchange(s, &with, ret, err);
}

static int call(struct gs_store *s, const struct http_request *q, struct http_response *ret,
		struct err *err) SUSPENDS
{
	uint64_t version;
	if (s->credential.kind == GS_ANONYMOUS || !same_origin(s, q->url))
		return exchange(s, q, ret, err);
	if (s->credential.kind == GS_HMAC)
		return call_signed(s, q, ret, err);
	int r = call_once(s, q, ret, &version, err);
	if (r < 0 || ret->status != 401 || !token_refused(&s->token, version))
		return r;
	http_response_done(ret);
	return call_once(s, q, ret, &version, err);
}

int gs_call(struct gs_store *s, const struct http_request *q, struct http_response *ret,
	    struct err *err)
{
	struct http_request whole = *q;
	ASSERT(q->header_count <= GS_HEADERS);
	whole.clocks = s->clocks;
	whole.no_redirects = true;
	if (!whole.max_body_bytes)
		whole.max_body_bytes = slice_eq_str(q->method, "GET") ? LISTED_MAX : SAID_MAX;
	return call(s, &whole, ret, err);
}

int gs_ask(struct gs_store *s, const char *method, struct slice url, const struct gs_name *name,
	   struct http_response *ret, struct err *err)
{
	struct http_request request = { .method = slice_str(method), .url = url };
	if (gs_call(s, &request, ret, err) < 0)
		return -1;
	return ret->status == 200 ? 0 : gs_refusal(name, ret, err);
}

/* ---- its refusal ---------------------------------------------------------------------------------------------- */

/* <Error><Message>, <Error><Details> of the XML API. Whatever else it is (a page of a proxy) says nothing. */
static int take_xml(void *arg, const char *path, struct slice text)
{
	struct buf *out = arg;
	if (strcmp(path, "Error/Message") != 0 && strcmp(path, "Error/Details") != 0)
		return 0;
	int r = out->n ? buf_add_char(out, ' ') : 0;
	return r < 0 ? r : buf_add(out, text);
}

/* error.message of the JSON API; else the text itself, which is one line of words. */
static int put_words(struct slice body, struct buf *out)
{
	struct slice error, message;
	if (body.n && body.p[0] == '<') {
		if (s3_xml_read(body, take_xml, out) < 0)
			buf_clear(out);
		return 0;
	}
	if (json_check(body, NULL) < 0)
		return buf_add(out, body);
	if (json_type(body) == JSON_OBJECT && json_field(body, S("error"), &error) &&
	    json_type(error) == JSON_OBJECT && json_field(error, S("message"), &message) &&
	    json_type(message) == JSON_STRING)
		return json_unquote(message, out);
	return 0;
}

static int put_sentence(struct slice body, struct buf *out)
{
	AUTO(buf_done) struct buf text = { 0 };
	int r = put_words(slice_trim(body), &text);
	if (r < 0 || text.n == 0)
		return r;
	for (size_t i = 0; i < text.n; i++)
		if ((unsigned char)text.p[i] < ' ')
			text.p[i] = ' ';
	return buf_printf(out, ": %.*s", SLICE(utf8_head(slice_trim(buf_slice(&text)), 240)));
}

/* What a status means here, where the service's own words do not say what to do. */
static const char *advice(const struct gs_name *name, int status)
{
	if (status == 404 && name->name.n == 0)
		return "; does the bucket exist?";
	if (status == 403)
		return "; the credential's account needs a right to this bucket "
		       "(roles/storage.objectUser)";
	if (status == 401)
		return "; the credential is not taken";
	return "";
}

int gs_refusal(const struct gs_name *name, const struct http_response *a, struct err *err)
{
	AUTO(buf_done) struct buf said = { 0 };
	if (put_sentence(buf_slice(&a->body), &said) < 0)
		buf_clear(&said);
	if (err) {
		err->code = a->status;
		err->sent = true;
		err->retry_after_ns = http_retry_after_ns(a);
	}
	return fail(err, FAULT_STATUS, GS_SHOWN ": status %d%.*s%s", GS_NAME(*name), a->status,
		    SLICE(buf_slice(&said)), advice(name, a->status));
}
