/* http_headers.c - headers and credentials from options into a request; media types out of an answer
 *
 * What this room is for: the parts of HTTP that a user writes in YAML or reads in jq.
 * What flows through:    templates in, header arrays in the caller's arena out; a response's headers in, JSON out.
 * What must hold:
 *  (1) what frames a message (Host, Content-Length, Transfer-Encoding, Connection ...) is the client's alone: refused at plan time.
 *  (2) names are tokens (RFC 9110 5.6.2); values hold no CR, LF or NUL.
 *  (3) an Authorization header beside `auth:` is a mistake in the file, not a race between two. */
#include "connectors/http/http_headers.h"
#include "base/banned.h"
#include "base/hash.h"
#include "base/json.h"
#include "connectors/http/http_oauth.h"
#include "io/digest.h"
#include <inttypes.h>

const struct opt http_auth_options[] = {
	OPT("bearer", struct http_auth, bearer, OPT_TEMPLATE, struct tpl *, .secret = true,
	    .doc = "Authorization: Bearer ..."),
	OPT("basic", struct http_auth, basic, OPT_TEMPLATE, struct tpl *, .secret = true,
	    .doc = "Authorization: Basic ...; written as USER:PASSWORD"),
	OPT("header", struct http_auth, header, OPT_TEMPLATE, struct tpl *, .secret = true,
	    .doc = "a header of its own: 'X-Api-Key: ...'"),
	OPT("oauth2", struct http_auth, oauth2, OPT_TABLE, struct oauth_options *,
	    .sub = oauth_options, .sub_size = sizeof(struct oauth_options),
	    .doc = "a token of a token server, by client credentials (RFC 6749 4.4)"),
	OPT_END,
};

/* ---- what may stand in the file -------------------------------------------------------------- */

static bool token(struct slice name)
{
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];
		bool letter =
			(c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
		if (!letter && (c == 0 || !strchr("!#$%&'*+-.^_`|~", c)))
			return false;
	}
	return name.n > 0;
}

static bool one_of(struct slice name, const char *const *words)
{
	for (; *words; words++)
		if (slice_eq_nocase(name, slice_str(*words)))
			return true;
	return false;
}

static const char *const framing[] = { "host",       "content-length", "transfer-encoding",
				       "connection", "upgrade",        "te",
				       "trailer",    "keep-alive",     "expect",
				       NULL };

static void check_name(const char *name, bool auth, struct diag *diag)
{
	struct slice s = slice_str(name);
	if (!token(s))
		diag_error(diag, "headers", "'%s' cannot be a header's name", name);
	else if (one_of(s, framing))
		diag_error(diag, "headers", "the header '%s' is set by hocket itself", name);
	else if (auth && slice_eq_nocase(s, S("authorization")))
		diag_error(diag, "headers", "choose one of `auth` and the header '%s'", name);
}

void headers_check_own(const char *name, const char *option, struct diag *diag)
{
	struct slice s = slice_str(name);
	if (!token(s) || one_of(s, framing))
		diag_error(diag, option, "'%s' cannot be the name of a header of yours", name);
}

static void check_token_url(const struct oauth_options *o, struct diag *diag)
{
	struct slice head = o->token_url ? tpl_head(o->token_url) : S("");
	struct url url;
	const char *why;
	if (o->token_url && tpl_constant(o->token_url) && url_parse(head, &url, &why) < 0)
		diag_error(diag, "auth", "token_url '%.*s' is not a URL: %s", SLICE(head), why);
}

void headers_check(const struct header_options *o, struct diag *diag)
{
	const struct http_auth *a = o->auth;
	for (size_t i = 0; i < o->headers.n; i++)
		check_name(o->headers.keys[i], a && !a->header, diag);
	if (a &&
	    (a->bearer != NULL) + (a->basic != NULL) + (a->header != NULL) + (a->oauth2 != NULL) !=
		    1)
		diag_error(diag, "auth", "`auth` wants one of bearer, basic, header and oauth2");
	if (a && a->oauth2)
		check_token_url(a->oauth2, diag);
}

static const char *const credentials[] = { "authorization", "cookie", "proxy-authorization", NULL };

const char *headers_credentials(const struct header_options *o)
{
	if (o->auth)
		return "auth";
	for (size_t i = 0; i < o->headers.n; i++)
		if (one_of(slice_str(o->headers.keys[i]), credentials))
			return "headers";
	return NULL;
}

/* ---- a request's headers ---------------------------------------------------------------------- */

static int add_header(struct header_list *list, struct slice name, struct slice value,
		      struct err *err)
{
	for (size_t i = 0; i < value.n; i++)
		if (value.p[i] == '\r' || value.p[i] == '\n' || value.p[i] == 0)
			return fail(
				err, FAULT_BAD_VALUE,
				"the value of header '%.*s' contains a line break or a zero byte",
				SLICE(name));
	list->v[list->n++] = (struct http_header){ name, value };
	return 0;
}

static int text_of(const struct tpl *tpl, const struct env *env, struct arena *arena,
		   struct slice *ret, struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf text = { 0 };
	if (tpl_text(tpl, env, &text, err) < 0)
		return -1;
	*ret = arena_copy(arena, buf_slice(&text));
	return 0;
}

struct slice headers_base64(struct arena *arena, struct slice s)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char *out = arena_alloc(arena, (s.n + 2) / 3 * 4 + 1);
	size_t n = 0;
	for (size_t i = 0; i < s.n; i += 3) {
		size_t left = s.n - i;
		uint32_t v = (uint32_t)(unsigned char)s.p[i] << 16;
		v |= left > 1 ? (uint32_t)(unsigned char)s.p[i + 1] << 8 : 0;
		v |= left > 2 ? (uint32_t)(unsigned char)s.p[i + 2] : 0;
		out[n++] = digits[v >> 18];
		out[n++] = digits[v >> 12 & 63];
		out[n++] = left > 1 ? digits[v >> 6 & 63] : '=';
		out[n++] = left > 2 ? digits[v & 63] : '=';
	}
	return (struct slice){ out, n };
}

static int add_authorization(struct header_list *list, const char *scheme, struct slice what,
			     struct arena *arena, struct err *err)
{
	struct slice value = slice_str(arena_printf(arena, "%s %.*s", scheme, SLICE(what)));
	return add_header(list, S("Authorization"), value, err);
}

static int add_own(struct header_list *list, struct slice text, struct err *err)
{
	struct slice name, value;
	if (!slice_cut(text, ':', &name, &value) || !token(slice_trim(name)) ||
	    one_of(slice_trim(name), framing))
		return fail(err, FAULT_CONFIG, "auth: header wants 'NAME: VALUE'");
	return add_header(list, slice_trim(name), slice_trim(value), err);
}

static int add_auth(struct header_list *list, const struct http_auth *a, const struct env *env,
		    struct arena *arena, struct err *err) SUSPENDS
{
	struct slice text;
	if (a->oauth2) {
		list->bearer = &list->v[list->n++];
		*list->bearer = (struct http_header){ S("Authorization"), S("") };
		return 0;
	}
	if (text_of(a->bearer  ? a->bearer
		    : a->basic ? a->basic
			       : a->header,
		    env, arena, &text, err) < 0)
		return -1;
	if (a->bearer)
		return add_authorization(list, "Bearer", slice_trim(text), arena, err);
	if (a->header)
		return add_own(list, text, err);
	if (!memchr(text.p, ':', text.n))
		return fail(err, FAULT_CONFIG,
			    "auth: basic wants USER:PASSWORD; there is no ':' in it");
	return add_authorization(list, "Basic", headers_base64(arena, text), arena, err);
}

int headers_make(const struct header_options *o, const struct env *env, struct arena *arena,
		 struct header_list *ret, struct err *err)
{
	struct tpl *const *values = o->headers.v;
	ret->n = 0;
	ret->bearer = NULL;
	ret->v = arena_alloc(arena, (o->headers.n + 3) * sizeof(*ret->v));
	for (size_t i = 0; i < o->headers.n; i++) {
		struct slice value;
		if (text_of(values[i], env, arena, &value, err) < 0 ||
		    add_header(ret, slice_str(o->headers.keys[i]), value, err) < 0)
			return -1;
	}
	return o->auth ? add_auth(ret, o->auth, env, arena, err) : 0;
}

int headers_add_own(struct header_list *list, struct slice name, struct slice value,
		    struct err *err)
{
	char text[128];
	struct slice given;
	snprintf(text, sizeof text, "%.*s", SLICE(name));
	if (headers_find(list, text, &given))
		return fail(err, FAULT_CONFIG,
			    "`headers` has '%s' and `idempotency_key` sends it: choose one", text);
	return add_header(list, name, value, err);
}

static const struct tpl *auth_of(const struct http_auth *a)
{
	return !a ? NULL : a->bearer ? a->bearer : a->basic ? a->basic : a->header;
}

void headers_for_stranger(const struct header_list *all, struct arena *arena,
			  struct header_list *ret)
{
	ret->n = 0;
	ret->bearer = NULL;
	ret->v = arena_alloc(arena, (all->n + 1) * sizeof(*ret->v));
	for (size_t i = 0; i < all->n; i++)
		if (http_header_harmless(all->v[i].name))
			ret->v[ret->n++] = all->v[i];
}

/* Quotas are counted by key: two keys are two lanes. Headers of other names differ from record to record. */
static bool marks_who_asks(struct slice name)
{
	static const char *const keys[] = { "x-api-key", "api-key", "apikey", "x-auth-token",
					    NULL };
	return one_of(name, credentials) || one_of(name, keys);
}

void headers_digest(const struct header_options *o, const struct header_list *list,
		    struct digest *d)
{
	struct tpl *const *values = o->headers.v;
	const struct tpl *auth = auth_of(o->auth);
	ASSERT(list->n >= o->headers.n + (auth != NULL));
	for (size_t i = 0; i < o->headers.n; i++) {
		const struct http_header *h = &list->v[i];
		if (marks_who_asks(h->name) && !tpl_reads_input(values[i]))
			continue;
		digest_add(d, h->name);
		digest_add(d, h->value);
	}
	if (auth && tpl_reads_input(auth))
		digest_add(d, list->v[o->headers.n].value);
}

int headers_lane(const struct header_options *o, const struct header_list *list,
		 const struct url *url, struct buf *out)
{
	bool own = o && o->auth && o->auth->header, any = url->userinfo.n > 0;
	uint64_t mark = hash_add(HASH_START, url->userinfo);
	for (size_t i = 0; i < list->n; i++) {
		bool last = i + 1 == list->n; /* `auth: {header: ...}` stands there */
		if (!marks_who_asks(list->v[i].name) && !(own && last))
			continue;
		mark = hash_add(hash_add(mark, list->v[i].name), list->v[i].value);
		any = true;
	}
	int r = url_put_origin(url, out);
	return r < 0 || !any ? r : buf_printf(out, " %016" PRIx64, hash_end(mark));
}

bool headers_find(const struct header_list *list, const char *name, struct slice *ret)
{
	for (size_t i = 0; i < list->n; i++) {
		if (!slice_eq_nocase(list->v[i].name, slice_str(name)))
			continue;
		*ret = list->v[i].value;
		return true;
	}
	return false;
}

/* ---- an answer's headers ----------------------------------------------------------------------- */

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static int put_name(struct slice name, struct buf *out)
{
	int r = buf_add_char(out, '"');
	for (size_t i = 0; i < name.n && r == 0; i++)
		r = buf_add_char(out, lower(name.p[i])); /* a token: nothing to escape */
	return r < 0 ? r : buf_add(out, S("\":"));
}

static bool seen_before(const struct http_response *a, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (slice_eq_nocase(a->headers[k].name, a->headers[i].name))
			return true;
	return false;
}

/* All values of the i-th header's name, joined (RFC 9110 5.2). */
static int put_values(const struct http_response *a, size_t i, struct buf *out)
{
	AUTO(buf_done) struct buf all = { .max = out->max };
	int r = buf_add(&all, a->headers[i].value);
	for (size_t k = i + 1; k < a->header_count && r == 0; k++) {
		if (!slice_eq_nocase(a->headers[k].name, a->headers[i].name))
			continue;
		r = buf_add(&all, S(", "));
		r = r < 0 ? r : buf_add(&all, a->headers[k].value);
	}
	return r < 0 ? r : json_quote(buf_slice(&all), out);
}

int headers_put_json(const struct http_response *a, struct buf *out)
{
	bool comma = false;
	int r = buf_add_char(out, '{');
	for (size_t i = 0; i < a->header_count && r == 0; i++) {
		if (seen_before(a, i))
			continue;
		r = comma ? buf_add_char(out, ',') : 0;
		r = r < 0 ? r : put_name(a->headers[i].name, out);
		r = r < 0 ? r : put_values(a, i, out);
		comma = true;
	}
	return r < 0 ? r : buf_add_char(out, '}');
}

struct slice media_type(const struct http_response *a, struct arena *arena)
{
	struct slice value, type, rest;
	if (!http_response_header(a, "content-type", &value))
		return S("");
	(void)slice_cut(value, ';', &type, &rest);
	type = slice_trim(type);
	char *low = arena_str(arena, type);
	for (size_t i = 0; i < type.n; i++)
		low[i] = lower(low[i]);
	return (struct slice){ low, type.n };
}

bool media_is_json(struct slice type)
{
	return slice_eq(type, S("application/json")) || slice_eq(type, S("text/json")) ||
	       slice_ends(type, S("+json"));
}

bool media_is_text(struct slice type)
{
	return slice_starts(type, S("text/")) || slice_eq(type, S("application/xml")) ||
	       slice_ends(type, S("+xml")) || slice_eq(type, S("application/javascript")) ||
	       slice_eq(type, S("application/x-www-form-urlencoded"));
}
