/* public_client.c - the HTTP client of <hocket/http.h>
 *
 * What this room is for: the client in io/http.h, for programs that speak in C strings and have no buffers of ours.
 * What flows through:    a request's strings as slices, nothing copied; an answer as it stands: its body keeps the memory it was read
 *   into, its headers point into the block that the parser had filled.
 * What must hold:
 *  (1) a failed exchange leaves an empty response and a filled error.
 *  (2) everything a response points to belongs to its storage and ends with it.
 *  (3) a client is not freed under a request: that stops with a sentence, also when the request is still connecting. */
#include "io/public_http.h"
#include "rt/fiber.h"
#include "rt/report.h"
#include <stdlib.h>

#define FEW_HEADERS 12 /* of a request without an allocation */

struct hk_http_client {
	struct http_client *inner; /* owns */
	size_t on_the_way;
};

int hk_http_client_new(const struct hk_http_client_options *o, struct hk_http_client **ret,
		       struct hk_http_error *error)
{
	static const struct hk_http_client_options none;
	struct err err = { 0 };
	struct http_client *inner;
	if (!o)
		o = &none;
	*ret = NULL;
	if (http_client_new(
		    &(struct http_client_options){ .idle_per_origin = o->idle_per_origin,
						   .idle_ns = o->idle_ns,
						   .ca_file = o->ca_file,
						   .user_agent = o->user_agent,
						   .environment_proxies = o->environment_proxies },
		    &inner, &err) < 0)
		return public_error(&err, error);
	*ret = xcalloc(1, sizeof(**ret));
	(*ret)->inner = inner;
	return public_ok(error);
}

void hk_http_client_free(struct hk_http_client *c)
{
	if (!c)
		return;
	if (c->on_the_way > 0)
		misuse("hk_http_client_free with %zu requests on the way: close their group first",
		       c->on_the_way);
	http_client_free(c->inner);
	free(c);
}

struct http_client *public_client_hold(struct hk_http_client *c)
{
	c->on_the_way++;
	return c->inner;
}

void public_client_release(struct hk_http_client *c)
{
	ASSERT(c->on_the_way > 0);
	c->on_the_way--;
}

/* ---- an answer --------------------------------------------------------------------------------------- */

struct answer {
	struct http_response inner; /* owns */
	char nothing[1];            /* the body of an answer that has none */
	struct hk_http_header headers[];
};

static void response_set(struct hk_http_response *ret, struct http_response *inner)
{
	size_t n = inner->header_count;
	struct answer *a = xmalloc(sizeof(*a) + n * sizeof(a->headers[0]));
	a->inner = *inner;
	a->nothing[0] = 0;
	public_headers(inner->headers, n, a->headers);
	*ret = (struct hk_http_response){
		.status = inner->status,
		.headers = a->headers,
		.header_count = n,
		.body = inner->body.n > 0 ? inner->body.p : a->nothing,
		.body_n = inner->body.n,
		.url = inner->url.n > 0 ? inner->url.p : NULL,
		.first_byte_ns = inner->first_byte_ns,
		.total_ns = inner->total_ns,
		.storage_ = a,
	};
}

void hk_http_response_done(struct hk_http_response *r)
{
	struct answer *a = r->storage_;
	if (a)
		http_response_done(&a->inner);
	free(a);
	*r = (struct hk_http_response){ 0 };
}

const char *hk_http_response_header(const struct hk_http_response *r, const char *name)
{
	return public_header(r->headers, r->header_count, name);
}

/* ---- an exchange ---------------------------------------------------------------------------------------- */

static struct http_request request_of(const struct hk_http_request *q,
				      const struct http_header *headers)
{
	struct slice method = q->method ? slice_str(q->method) : q->body ? S("POST") : S("GET");
	return (struct http_request){
		.method = method,
		.url = slice_str(q->url),
		.headers = headers,
		.header_count = q->header_count,
		.body = { q->body, q->body ? q->body_n : 0 },
		.clocks = { q->connect_ns, q->tls_ns, q->first_byte_ns, q->idle_ns },
		.max_body_bytes = q->max_body_bytes,
		.keyed = q->idempotent,
		.insecure = q->insecure,
		.no_redirects = q->no_redirects,
	};
}

static void headers_set(struct http_header *out, const struct hk_http_request *q)
{
	for (size_t i = 0; i < q->header_count; i++)
		out[i] = (struct http_header){ slice_str(q->headers[i].name),
					       slice_str(q->headers[i].value) };
}

int hk_http_exchange(struct hk_http_client *c, const struct hk_http_request *q,
		     struct hk_http_response *ret, struct hk_http_error *error)
{
	struct http_header few[FEW_HEADERS];
	AUTO(freep) struct http_header *many = NULL;
	struct http_response inner;
	struct err err;                /* its text is set when it is needed */
	(void)fiber_self_of(__func__); /* says so when this is no task */
	if (q->header_count > FEW_HEADERS)
		many = xcalloc(q->header_count, sizeof(*many));
	headers_set(many ? many : few, q);
	struct http_request request = request_of(q, many ? many : few);
	*ret = (struct hk_http_response){ 0 };
	c->on_the_way++;
	int r = http_exchange(c->inner, &request, &inner, &err);
	c->on_the_way--;
	if (r < 0)
		return public_error(&err, error);
	response_set(ret, &inner);
	return public_ok(error);
}

int hk_http_get(struct hk_http_client *c, const char *url, struct hk_http_response *ret,
		struct hk_http_error *error)
{
	return hk_http_exchange(c, &(struct hk_http_request){ .url = url }, ret, error);
}
