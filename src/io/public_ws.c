/* public_ws.c - the WebSockets of <hocket/ws.h>
 *
 * What this room is for: io/ws.h for programs that speak in C strings.
 * What flows through:    messages, borrowed from the connection; strings as slices, nothing copied.
 * What must hold:
 *  (1) a socket holds its client: that is not freed before. (2) what is used wrongly stops with a sentence: two receivers, a code that must
 *      not be sent, an incoming that no server made. */
#include "base/err.h"
#include "base/utf8.h"
#include "io/http/http_server.h"
#include "io/public_http.h"
#include "io/ws.h"
#include "rt/report.h"
#include <hocket/ws.h>
#include <stdlib.h>

struct hk_ws {
	struct ws *inner;              /* owns */
	struct hk_http_client *client; /* holds; NULL: we are the server */
	bool receives;
};

static int tell(struct err *err, struct hk_http_error *error)
{
	if (err->fault == FAULT_STATUS || err->fault == FAULT_RATE_LIMITED)
		err->fault = FAULT_PROTOCOL;
	return public_error(err, error);
}

static struct hk_ws *ws_wrap(struct ws *inner, struct hk_http_client *client)
{
	struct hk_ws *ws = xcalloc(1, sizeof(*ws));
	ws->inner = inner;
	ws->client = client;
	return ws;
}

static struct ws_options options_of(const struct hk_ws_options *o)
{
	return (struct ws_options){ .max_message_bytes = o->max_message_bytes,
				    .ping_ns = o->ping_ns,
				    .write_ns = o->write_ns };
}

/* ---- beginning ------------------------------------------------------------------------------------------- */

static const struct hk_ws_options none;

static int connect_inner(struct http_client *c, const char *url, const struct hk_ws_options *o,
			 struct ws **ret, struct err *err) SUSPENDS
{
	struct http_header *headers = xcalloc(o->header_count, sizeof(*headers));
	for (size_t i = 0; i < o->header_count; i++)
		headers[i] = (struct http_header){ slice_str(o->headers[i].name),
						   slice_str(o->headers[i].value) };
	const struct ws_request q = {
		.url = slice_str(url),
		.headers = headers,
		.header_count = o->header_count,
		.protocols = slice_str(o->protocols),
		.clocks = { .connect_ns = o->connect_ns,
			    .tls_ns = o->tls_ns,
			    .first_byte_ns = o->answer_ns },
		.insecure = o->insecure,
	};
	const struct ws_options inner = options_of(o);
	int r = ws_connect(c, &q, &inner, ret, err);
	free(headers);
	return r;
}

int hk_ws_connect(struct hk_http_client *client, const char *url, const struct hk_ws_options *o,
		  struct hk_ws **ret, struct hk_http_error *error)
{
	struct err err = { 0 };
	struct ws *inner;
	o = o ? o : &none;
	*ret = NULL;
	if (o->status)
		*o->status = 0;
	int r = connect_inner(public_client_hold(client), url, o, &inner, &err);
	if (r == 0) {
		*ret = ws_wrap(inner, client);
		return public_ok(error);
	}
	public_client_release(client);
	if (o->status && (err.fault == FAULT_STATUS || err.fault == FAULT_RATE_LIMITED))
		*o->status = err.code;
	return tell(&err, error);
}

int hk_ws_accept(const struct hk_http_incoming *in, struct hk_http_reply *reply,
		 const struct hk_ws_options *o, struct hk_ws **ret, struct hk_http_error *error)
{
	struct err err = { 0 };
	struct ws *inner;
	o = o ? o : &none;
	*ret = NULL;
	if (!in->storage_ || !reply->storage_)
		misuse("hk_ws_accept on a request that no server made: use those that the handler "
		       "was given");
	const struct ws_options options = options_of(o);
	struct http_reply *out = reply->storage_;
	int r = ws_accept(in->storage_, out, slice_str(o->protocols), &options, &inner, &err);
	reply->status = out->status;
	reply->content_type = out->content_type;
	if (r < 0)
		return tell(&err, error);
	*ret = ws_wrap(inner, NULL);
	return public_ok(error);
}

const char *hk_ws_protocol(const struct hk_ws *ws)
{
	return ws_protocol(ws->inner).p;
}

/* ---- talking ---------------------------------------------------------------------------------------------- */

int hk_ws_receive(struct hk_ws *ws, struct hk_ws_message *ret, struct hk_http_error *error)
{
	struct err err = { 0 };
	struct ws_message m = { 0 };
	if (ws->receives)
		misuse("hk_ws_receive while another task receives from the same socket");
	ws->receives = true;
	int r = ws_receive(ws->inner, &m, &err);
	ws->receives = false;
	*ret = (struct hk_ws_message){ m.data.p, m.data.n, m.text };
	if (r < 0)
		return tell(&err, error);
	(void)!public_ok(error);
	return r;
}

int hk_ws_closed(const struct hk_ws *ws, const char **reason)
{
	struct slice text;
	unsigned code = ws_closed(ws->inner, &text);
	if (reason)
		*reason = text.p;
	return (int)code;
}

int hk_ws_send(struct hk_ws *ws, const void *p, size_t n, bool text, struct hk_http_error *error)
{
	struct err err = { 0 };
	if (ws_send(ws->inner, text, (struct slice){ p, n }, &err) < 0)
		return tell(&err, error);
	return public_ok(error);
}

int hk_ws_flush(struct hk_ws *ws, struct hk_http_error *error)
{
	struct err err = { 0 };
	uint64_t ping;
	if (ws_ask(ws->inner, &ping, &err) < 0 || ws_confirm(ws->inner, ping, &err) < 0)
		return tell(&err, error);
	return public_ok(error);
}

/* ---- the end ----------------------------------------------------------------------------------------------- */

void hk_ws_close(struct hk_ws *ws, int code, const char *reason, int64_t timeout_ns)
{
	struct slice why = slice_str(reason);
	if (code < 0 || !ws_code_sendable((unsigned)code))
		misuse("hk_ws_close with %d: use 1000, 1001 or 3000 .. 4999", code);
	if (why.n > WS_REASON_MAX || !utf8_valid(why))
		misuse("hk_ws_close with a reason that is not UTF-8 of up to 123 bytes");
	ws_close(ws->inner, (unsigned)code, why, timeout_ns);
}

void hk_ws_free(struct hk_ws *ws)
{
	if (!ws)
		return;
	if (ws->receives)
		misuse("hk_ws_free while a task receives: close its group first");
	ws_free(ws->inner);
	if (ws->client)
		public_client_release(ws->client);
	free(ws);
}
