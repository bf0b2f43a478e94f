/* http_request.c - a request's check and its bytes
 *
 * What this room is for: nothing a record contains may become a header line of its own, and a head costs one pass of memcpy.
 * What flows through:    the caller's headers in their order, ours before them.
 * What must hold:        http_head_put writes at most http_head_bound bytes (asserted). */
#include "io/http/http_request.h"
#include "base/units.h"
#include "io/http/http_inflate.h"
#include "io/http/http_parse.h"
#include <string.h>

/* ---- check ----------------------------------------------------------------------------------------- */

struct http_body http_request_body(const struct http_request *r)
{
	struct http_body b = { &r->body, 1, 0 };
	if (r->body_part_count)
		b = (struct http_body){ r->body_parts, r->body_part_count, 0 };
	for (size_t i = 0; i < b.n; i++)
		b.bytes += b.parts[i].n;
	return b;
}

static int check_length(const struct http_request *r, struct slice value, struct err *err)
{
	uint64_t bytes = http_request_body(r).bytes;
	int64_t n;
	if (units_int(value, &n) == 0 && n >= 0 && (uint64_t)n == bytes)
		return 0;
	return fail(err, FAULT_BAD_VALUE,
		    "header Content-Length is '%.*s', the body has %llu bytes", SLICE(value),
		    (unsigned long long)bytes);
}

/* Notes the headers that mean something to us; refuses those that are ours alone to write. */
static int note_header(const struct http_request *r, const struct http_header *h,
		       struct http_given *g, struct err *err)
{
	struct slice name = h->name;
	switch (name.n) {
	case 4:
		g->host |= slice_eq_nocase(name, S("host"));
		break;
	case 6:
		g->accept |= slice_eq_nocase(name, S("accept"));
		break;
	case 10:
		g->user_agent |= slice_eq_nocase(name, S("user-agent"));
		if (slice_eq_nocase(name, S("connection")))
			g->close |= slice_eq_nocase(h->value, S("close"));
		break;
	case 13:
		g->authorization |= slice_eq_nocase(name, S("authorization"));
		break;
	case 14:
		if (slice_eq_nocase(name, S("content-length"))) {
			g->length = true;
			return check_length(r, h->value, err);
		}
		break;
	case 15:
		g->accept_encoding |= slice_eq_nocase(name, S("accept-encoding"));
		break;
	case 17:
		if (slice_eq_nocase(name, S("transfer-encoding")))
			return fail(err, FAULT_BAD_VALUE,
				    "header Transfer-Encoding is not the caller's to set");
		break;
	default:
		break;
	}
	return 0;
}

int http_request_check(const struct http_request *r, struct http_given *ret, struct err *err)
{
	*ret = (struct http_given){ 0 };
	if (!http_is_token(r->method))
		return fail(err, FAULT_BAD_VALUE, "'%.*s' is not an HTTP method", SLICE(r->method));
	if (slice_eq(r->method, S("CONNECT")))
		return fail(err, FAULT_BAD_VALUE, "method CONNECT is for proxies");
	for (size_t i = 0; i < r->header_count; i++) {
		const struct http_header *h = &r->headers[i];
		if (!http_is_token(h->name))
			return fail(err, FAULT_BAD_VALUE, "'%.*s' is not a header name",
				    SLICE(h->name));
		if (!http_is_value(h->value))
			return fail(err, FAULT_BAD_VALUE,
				    "header %.*s: a line break or NUL in the value",
				    SLICE(h->name));
		if (note_header(r, h, ret, err) < 0)
			return -1;
	}
	return 0;
}

bool http_method_is_safe(struct slice m)
{
	return slice_eq(m, S("GET")) || slice_eq(m, S("HEAD")) || slice_eq(m, S("OPTIONS")) ||
	       slice_eq(m, S("TRACE"));
}

/* ---- bytes ------------------------------------------------------------------------------------------- */

static char *put(char *at, struct slice s)
{
	if (s.n > 0)
		memcpy(at, s.p, s.n);
	return at + s.n;
}

static char *put_line(char *at, struct slice name, struct slice value)
{
	at = put(at, name);
	at = put(at, S(": "));
	at = put(at, value);
	return put(at, S("\r\n"));
}

static char *put_number(char *at, uint64_t n)
{
	char digits[20];
	size_t i = sizeof(digits);
	do
		digits[--i] = (char)('0' + n % 10);
	while ((n /= 10) > 0);
	return put(at, (struct slice){ digits + i, sizeof(digits) - i });
}

/* The target as it is, but for bytes beyond ASCII: those are percent-encoded, as browsers do. */
static char *put_target(char *at, struct slice t)
{
	static const char hex[] = "0123456789ABCDEF";
	if (t.p[0] == '?')
		*at++ = '/';
	for (size_t i = 0; i < t.n; i++) {
		unsigned char c = (unsigned char)t.p[i];
		if (c < 0x80) {
			*at++ = (char)c;
			continue;
		}
		*at++ = '%';
		*at++ = hex[c >> 4];
		*at++ = hex[c & 15];
	}
	return at;
}

static char *put_host(char *at, const struct url *u)
{
	bool v6 = memchr(u->host.p, ':', u->host.n) != NULL;
	if (v6)
		*at++ = '[';
	at = put(at, u->host);
	if (v6)
		*at++ = ']';
	if (u->port != (u->tls ? 443 : 80)) {
		*at++ = ':';
		at = put_number(at, u->port);
	}
	return at;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 32);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One byte of percent-encoded text. */
static unsigned char next_decoded(struct slice *s)
{
	char c = s->p[0];
	if (c == '%' && s->n > 2 && hex_value(s->p[1]) >= 0 && hex_value(s->p[2]) >= 0) {
		c = (char)(hex_value(s->p[1]) * 16 + hex_value(s->p[2]));
		*s = slice_from(*s, 3);
	} else {
		*s = slice_from(*s, 1);
	}
	return (unsigned char)c;
}

/* "user:password@" in the URL is Basic authentication (RFC 7617); the colon is there even without a password. */
static char *put_basic(char *at, struct slice name, struct slice userinfo)
{
	static const char base64[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	struct slice colon = memchr(userinfo.p, ':', userinfo.n) ? S("") : S(":");
	at = put(at, name);
	at = put(at, S(": Basic "));
	while (userinfo.n + colon.n > 0) {
		unsigned bits = 0, n = 0;
		for (; n < 3 && userinfo.n + colon.n > 0; n++)
			bits |= (unsigned)next_decoded(userinfo.n ? &userinfo : &colon)
				<< (16 - 8 * n);
		*at++ = base64[bits >> 18];
		*at++ = base64[bits >> 12 & 63];
		*at++ = n > 1 ? base64[bits >> 6 & 63] : '=';
		*at++ = n > 2 ? base64[bits & 63] : '=';
	}
	return put(at, S("\r\n"));
}

int http_add_basic(struct buf *out, struct slice name, struct slice userinfo)
{
	int r = buf_reserve(out, name.n + 2 * userinfo.n + 32);
	if (r == 0)
		buf_added(out,
			  (size_t)(put_basic(out->p + out->n, name, userinfo) - (out->p + out->n)));
	return r;
}

static bool takes_body(struct slice m)
{
	return slice_eq(m, S("POST")) || slice_eq(m, S("PUT")) || slice_eq(m, S("PATCH"));
}

bool http_header_harmless(struct slice name)
{
	static const char *const harmless[] = { "accept",          "accept-language",
						"accept-encoding", "user-agent",
						"content-type",    "content-language",
						"if-none-match",   "if-modified-since" };
	for (size_t i = 0; i < ARRAY_SIZE(harmless); i++)
		if (slice_eq_nocase(name, slice_str(harmless[i])))
			return true;
	return false;
}

size_t http_head_bound(const struct http_head *h)
{
	const struct http_request *r = h->request;
	size_t n = 512 + r->method.n + 3 * h->url->target.n + 2 * h->url->host.n + h->user_agent.n +
		   2 * h->url->userinfo.n;
	if (h->proxy)
		n += 2 * h->proxy->url.userinfo.n;
	for (size_t i = 0; i < r->header_count; i++)
		n += r->headers[i].name.n + r->headers[i].value.n + 4;
	return n;
}

static char *put_ours(const struct http_head *h, char *at)
{
	const struct http_request *r = h->request;
	const struct http_given *g = h->given;
	if (!g->host || h->other_origin)
		at = put(put_host(put(at, S("Host: ")), h->url), S("\r\n"));
	if (!g->user_agent)
		at = put_line(at, S("User-Agent"), h->user_agent);
	if (!g->accept)
		at = put(at, S("Accept: */*\r\n"));
	if (!g->accept_encoding)
		at = put(at, S("Accept-Encoding: " HTTP_INFLATE_ACCEPT "\r\n"));
	if (!g->authorization && !h->other_origin && h->url->userinfo.n > 0)
		at = put_basic(at, S("Authorization"), h->url->userinfo);
	if (h->proxy && h->proxy->url.userinfo.n > 0)
		at = put_basic(at, S("Proxy-Authorization"), h->proxy->url.userinfo);
	if (!g->length && (r->body.p || r->body_part_count || takes_body(r->method))) {
		at = put(at, S("Content-Length: "));
		at = put_number(at, http_request_body(r).bytes);
		at = put(at, S("\r\n"));
	}
	return at;
}

size_t http_head_put(const struct http_head *h, char *out)
{
	const struct http_request *r = h->request;
	char *at = put(out, r->method);
	*at++ = ' ';
	if (h->proxy) /* the absolute form (RFC 9112 3.2.2) */
		at = put_host(put(at, S("http://")), h->url);
	at = put_target(at, h->url->target);
	at = put(at, S(" HTTP/1.1\r\n"));
	at = put_ours(h, at);
	for (size_t i = 0; i < r->header_count; i++)
		if (!h->other_origin || http_header_harmless(r->headers[i].name))
			at = put_line(at, r->headers[i].name, r->headers[i].value);
	at = put(at, S("\r\n"));
	ASSERT((size_t)(at - out) <= http_head_bound(h));
	return (size_t)(at - out);
}
