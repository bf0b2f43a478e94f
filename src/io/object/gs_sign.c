/* gs_sign.c - a request, and who vouches for it
 *
 * What this room is for: accounts that have HMAC keys and no key file: what S3 tools are given to reach Google.
 * What flows through:    a request in, four headers out.
 * What must hold:        see gs_sign.h. The body is not summed a second time here: TLS guards it, and its crc32c is among the signed headers. */
#include "io/object/gs_sign.h"
#include "base/clock.h"
#include "io/object/sigv4.h"
#include "io/url.h"
#include <errno.h>

#define PAYLOAD "UNSIGNED-PAYLOAD"

void gs_signature_done(struct gs_signature *g)
{
	buf_done(&g->host);
	buf_done(&g->time);
	buf_wipe(&g->authorization);
}

static bool is_signed(struct slice name)
{
	return slice_eq_nocase(name, S("content-type")) ||
	       slice_eq_nocase(slice_head(name, 7), S("x-goog-"));
}

/* Host as the client would write it. */
static int put_host(const struct url *u, struct buf *out)
{
	AUTO(buf_done) struct buf origin = { 0 };
	int r = url_put_origin(u, &origin);
	return r < 0 ? r : buf_add(out, slice_from(buf_slice(&origin), u->tls ? 8 : 7));
}

static int put_authorization(const struct gs_credential *c, const struct http_request *q,
			     const struct url *u, struct gs_signature *g)
{
	struct http_header headers[GS_HEADERS + GS_SIGN_HEADERS];
	struct slice path, query;
	size_t n = 0;
	for (; n < GS_SIGN_HEADERS - 1; n++)
		headers[n] = g->headers[n];
	for (size_t i = 0; i < q->header_count; i++)
		if (is_signed(q->headers[i].name))
			headers[n++] = q->headers[i];
	(void)slice_cut(u->target, '?', &path, &query);
	struct sigv4 what = { .scheme = &sigv4_google,
			      .access_key = buf_slice(&c->access_key),
			      .secret_key = buf_slice(&c->secret_key),
			      .region = S("auto"),
			      .service = S("storage"),
			      .time = buf_slice(&g->time),
			      .method = q->method,
			      .path = path,
			      .query = query,
			      .headers = headers,
			      .header_count = n,
			      .payload = S(PAYLOAD) };
	return sigv4_put_authorization(&what, &g->authorization);
}

int gs_sign(const struct gs_credential *c, const struct http_request *q, struct gs_signature *ret,
	    struct err *err)
{
	struct url u;
	const char *why;
	int r = url_parse(q->url, &u, &why);
	ASSERT(q->header_count <= GS_HEADERS);
	r = r < 0 ? r : put_host(&u, &ret->host);
	r = r < 0 ? r : sigv4_put_time(clock_wall_ns(), &ret->time);
	ret->headers[0] = (struct http_header){ S("Host"), buf_slice(&ret->host) };
	ret->headers[1] = (struct http_header){ S("x-goog-date"), buf_slice(&ret->time) };
	ret->headers[2] = (struct http_header){ S("x-goog-content-sha256"), S(PAYLOAD) };
	r = r < 0 ? r : put_authorization(c, q, &u, ret);
	ret->headers[3] =
		(struct http_header){ S("Authorization"), buf_slice(&ret->authorization) };
	return r < 0 ? fail_errno(err, FAULT_TOO_LARGE, r, "signing a request") : 0;
}
