/* public_server.c - the HTTP server of <hocket/http.h>
 *
 * What this room is for: the server in io/http/http_server.h, for handlers that speak in C strings and may fail.
 * What flows through:    a request's head as pointers into the connection's block, its body where it was read; a reply's body and
 *   header lines in two buffers that the connection's task writes and frees.
 * What must hold:
 *  (1) what a handler borrows lives until it returns; what the reply needs later is copied when it is added.
 *  (2) a handler that fails is answered for with 500 and nothing of what it had added, and reported once. When it fails because
 *      the server is being stopped, it has not failed.
 *  (3) nothing a handler says can break out of its header line or disagree with the length that is sent. */
#include "base/err.h"
#include "io/http/http_parse.h"
#include "io/http/http_server.h"
#include "io/public_http.h"
#include "rt/loop.h"
#include "rt/report.h"
#include <stdlib.h>

#define MAX_BODY  (64u << 20)
#define MAX_LINES (32u << 10)

struct hk_http_server {
	struct http_server *inner; /* owns */
	hk_http_handler *handler;
	void *arg;
	bool runs;
};

/* ---- what came ------------------------------------------------------------------------------------------ */

struct given { /* one request, as the handler gets it */
	struct hk_http_incoming in;
	char *path;                     /* owns; cut off its query */
	struct hk_http_header *headers; /* owns */
};

static void given_init(struct given *g, const struct http_incoming *in)
{
	g->path = in->path.n > 0 ? xstrndup(in->path.p, in->path.n) : xstrndup("/", 1);
	g->headers = xcalloc(in->header_count, sizeof(*g->headers));
	public_headers(in->headers, in->header_count, g->headers);
	g->in = (struct hk_http_incoming){
		.method = in->method.p,
		.path = g->path,
		.query = in->query.n > 0 ? in->query.p : "",
		.headers = g->headers,
		.header_count = in->header_count,
		.body = in->body.n > 0 ? in->body.p : "",
		.body_n = in->body.n,
		.storage_ = in,
	};
	ASSERT(in->method.p[in->method.n] == 0 && g->in.body[g->in.body_n] == 0);
	ASSERT(g->in.query[in->query.n] == 0);
}

static void given_done(struct given *g)
{
	free(g->path);
	free(g->headers);
}

const char *hk_http_incoming_header(const struct hk_http_incoming *in, const char *name)
{
	return public_header(in->headers, in->header_count, name);
}

char *hk_http_incoming_query(const struct hk_http_incoming *in, const char *name)
{
	AUTO(buf_done) struct buf value = { 0 };
	struct http_incoming inner = { .query = slice_str(in->query) };
	if (!http_incoming_query(&inner, name, &value) ||
	    memchr(value.p ? value.p : "", 0, value.n))
		return NULL;
	return value.p ? buf_take(&value).p : xstrndup("", 0);
}

/* ---- what goes back --------------------------------------------------------------------------------------- */

static struct http_reply *reply_inner(const struct hk_http_reply *r, const char *call)
{
	if (!r->storage_)
		misuse("%s on a reply that no server made: use the one that the handler was given",
		       call);
	return r->storage_;
}

int hk_http_reply_add(struct hk_http_reply *r, const void *p, size_t n)
{
	return buf_add(&reply_inner(r, __func__)->body, (struct slice){ p, n });
}

int hk_http_reply_printf(struct hk_http_reply *r, const char *fmt, ...)
{
	struct buf *body = &reply_inner(r, __func__)->body;
	va_list args;
	va_start(args, fmt);
	int e = buf_vprintf(body, fmt, args);
	va_end(args);
	return e;
}

static bool is_ours(struct slice name)
{
	static const char *const ours[] = { "connection", "content-length", "content-type", "date",
					    "transfer-encoding" };
	for (size_t i = 0; i < ARRAY_SIZE(ours); i++)
		if (slice_eq_nocase(name, slice_str(ours[i])))
			return true;
	return false;
}

int hk_http_reply_header(struct hk_http_reply *r, const char *name, const char *value)
{
	struct buf *lines = &reply_inner(r, __func__)->lines;
	struct slice n = slice_str(name), v = slice_str(value);
	if (!http_is_token(n) || !http_is_value(v) || is_ours(n))
		return -EINVAL;
	return buf_printf(lines, "%.*s: %.*s\r\n", SLICE(n), SLICE(v));
}

/* ---- a handler's turn --------------------------------------------------------------------------------------- */

static void fail_reply(struct http_reply *r)
{
	buf_clear(&r->lines);
	buf_clear(&r->body);
	r->status = 500;
	r->content_type = "text/plain";
	r->close = false;
	if (buf_add(&r->body, S("the handler failed\n")) < 0)
		r->close = true;
}

/* Takes over what the handler decided. NULL, or what is wrong with it. */
static const char *take_reply(const struct hk_http_reply *r, struct http_reply *inner)
{
	if (r->status != 0 && (r->status < 200 || r->status > 599))
		return "a status that is not 200 .. 599";
	if (r->content_type && !http_is_value(slice_str(r->content_type)))
		return "a content_type with a line break";
	inner->status = r->status;
	inner->content_type = r->content_type;
	inner->close = r->close;
	return NULL;
}

static void handle(void *arg, const struct http_incoming *in, struct http_reply *inner) SUSPENDS
{
	const struct hk_http_server *s = arg;
	struct hk_http_reply reply = { .storage_ = inner };
	AUTO(given_done) struct given g;
	given_init(&g, in);
	inner->body.max = MAX_BODY;
	inner->lines.max = MAX_LINES;
	int r = s->handler(&g.in, &reply, s->arg);
	const char *why = r < 0 ? "failed" : take_reply(&reply, inner);
	if (!why)
		return;
	fail_reply(inner);
	if (r == -ECANCELED && hk_checkpoint() < 0)
		return;
	if (r < 0)
		report(loop_self(), HK_REPORT_UNREAD,
		       "http server: %s %s: the handler failed: %s (%d)", g.in.method, g.in.path,
		       strerrordesc_np(-r) ? strerrordesc_np(-r) : "unknown error", r);
	else
		report(loop_self(), HK_REPORT_UNREAD,
		       "http server: %s %s: the handler answered with %s", g.in.method, g.in.path,
		       why);
}

/* ---- life ------------------------------------------------------------------------------------------------ */

int hk_http_server_open(const char *address, uint16_t port, hk_http_handler *handler, void *arg,
			const struct hk_http_server_options *o, struct hk_http_server **ret,
			struct hk_http_error *error)
{
	static const struct hk_http_server_options none;
	struct err err = { 0 };
	struct http_server *inner;
	if (!o)
		o = &none;
	*ret = NULL;
	struct hk_http_server *s = xcalloc(1, sizeof(*s));
	if (http_server_open(address, port, handle, s,
			     &(struct http_server_options){ .max_body_bytes = o->max_body_bytes,
							    .idle_ns = o->idle_ns,
							    .max_connections = o->max_connections },
			     &inner, &err) < 0) {
		free(s);
		return public_error(&err, error);
	}
	s->inner = inner;
	s->handler = handler;
	s->arg = arg;
	*ret = s;
	return public_ok(error);
}

int hk_http_server_port(const struct hk_http_server *s)
{
	return http_server_port(s->inner);
}

int hk_http_server_run(struct hk_http_server *s, struct hk_http_error *error)
{
	struct err err = { 0 };
	(void)fiber_self_of(__func__); /* says so when this is no task */
	if (s->runs)
		misuse("hk_http_server_run on a server that runs already: one task serves all "
		       "connections");
	s->runs = true;
	int r = http_server_run(s->inner, &err);
	s->runs = false;
	if (r == 0) /* it ends well only when it is told to end */
		(void)fail(&err, FAULT_CANCELLED, "stopped");
	return public_error(&err, error);
}

void hk_http_server_free(struct hk_http_server *s)
{
	if (!s)
		return;
	if (s->runs)
		misuse("hk_http_server_free while it runs: cancel its task and close its group "
		       "first");
	http_server_free(s->inner);
	free(s);
}
