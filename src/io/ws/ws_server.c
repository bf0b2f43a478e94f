/* ws_server.c - a WebSocket out of a request to the HTTP server
 *
 * What this room is for: programs that serve sockets: a handler looks at the request, accepts, talks in straight lines, returns.
 * What flows through:    the request's headers; then the connection's descriptor, which stays the HTTP server's to close.
 * What must hold:        who is refused gets a reply with the status that RFC 6455 4.2.2 names, and the connection lives on. */
#include "io/http/http_server.h"
#include "io/ws/ws_.h"
#include "io/ws/ws_handshake.h"
#include <hocket/fd.h>

static int refuse(struct http_reply *r, int status, const char *why, struct err *err)
{
	static const struct http_header version[] = { { S("Sec-WebSocket-Version"), S("13") },
						      { S("Upgrade"), S("websocket") } };
	r->status = status;
	r->content_type = "text/plain";
	if (status == 426) {
		r->headers = version;
		r->header_count = ARRAY_SIZE(version);
	}
	if (buf_printf(&r->body, "%s\n", why) < 0)
		r->close = true;
	return fail(err, FAULT_PROTOCOL, "no WebSocket was asked for: %s", why);
}

static int agree(const struct http_incoming *in, struct slice key, struct slice protocol,
		 struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf head = { 0 };
	char accept[WS_ACCEPT_CHARS + 1];
	ws_accept_make(key, accept);
	int r = buf_printf(&head,
			   "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
			   "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n",
			   accept);
	if (r == 0 && protocol.n)
		r = buf_printf(&head, "Sec-WebSocket-Protocol: %.*s\r\n", SLICE(protocol));
	r = r < 0 ? r : buf_add(&head, S("\r\n"));
	if (r == 0) {
		ssize_t n = hk_write(in->fd, head.p, head.n);
		r = n < 0 ? (int)n : 0;
	}
	return r < 0 ? fail_errno(err, FAULT_RESET, r, "accepting a WebSocket") : 0;
}

int ws_accept(const struct http_incoming *in, struct http_reply *reply, struct slice protocols,
	      const struct ws_options *o, struct ws **ret, struct err *err)
{
	struct slice key, protocol;
	const char *why;
	*ret = NULL;
	int status = ws_request_check(in->method, in->headers, in->header_count, &key, &why);
	if (status != 0)
		return refuse(reply, status, why, err);
	/* Who speaks HTTP/1.0 has forwarded what it does not know (RFC 6455 4.2.1). */
	if (in->minor < 1)
		return refuse(reply, 400, "a WebSocket begins with HTTP/1.1", err);
	protocol = ws_protocol_choose(in->headers, in->header_count, protocols);
	reply->taken = true;
	if (agree(in, key, protocol, err) < 0)
		return -1;
	struct ws *ws = ws_new(o, true, S("the client"), protocol);
	ws->served = (struct http_conn){ .wire = &http_plain_wire, .fd = in->fd };
	ws->conn = &ws->served;
	ws->spare = in->spare;
	ws->rest = in->rest;
	*ret = ws;
	return 0;
}
