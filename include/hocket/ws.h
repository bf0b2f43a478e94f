/* hocket/ws.h - WebSockets, client and server (RFC 6455)
 *
 * What this room is for: messages both ways over one connection, in straight lines: a task receives, any task sends.
 * Life cycle: hk_ws_connect with an HTTP client, or hk_ws_accept in a handler of hocket's HTTP server; hk_ws_receive and hk_ws_send;
 *   hk_ws_close says good-bye; hk_ws_free in any case: before the client is freed, before the handler returns.
 *   struct hk_ws_message m;
 *   while ((r = hk_ws_receive(ws, &m, &error)) > 0)
 *           r = hk_ws_send(ws, m.data, m.n, m.text, &error);
 * What must hold: (1) what is not received is not read: a peer that sends too fast waits in its own send (TCP), and no more than a
 *   block and a message are held. (2) fragments (section 5.4), pings (5.5.2) and Close frames (5.5.1) are handled while a task is
 *   in hk_ws_receive, and only then. (3) a cancelled receive took nothing. A send that is cancelled may have sent a part, and ends the
 *   connection; error.sent tells. (4) text is UTF-8, in both directions. (5) a peer that breaks the protocol is told with 1002, 1007 or
 *   1009. (6) extensions are not offered, also not compression (RFC 7692). (7) < 0 always comes with *error, as in http.h. */
#ifndef HOCKET_WS_H
#define HOCKET_WS_H
#include <hocket/http.h>

HK_BEGIN
struct hk_ws;

struct hk_ws_options {
	const char *
		protocols; /* "chat, superchat": those we ask for, or speak as a server; NULL: none (section 1.9) */
	uint64_t
		max_message_bytes; /* 0: 1 MiB; a larger message ends the connection: HK_HTTP_TOO_LARGE */
	int64_t ping_ns; /* nothing was received for so long: a ping; again nothing: HK_HTTP_TIMEOUT. 0: never */
	int64_t write_ns; /* the peer takes nothing of what is sent for so long: HK_HTTP_TIMEOUT. 0: only a scope ends it */
	/* The rest is the client's. More headers for the handshake; clocks: for connecting, for TLS, until the answer. */
	const struct hk_http_header *headers;
	size_t header_count;
	int64_t connect_ns, tls_ns, answer_ns;
	bool insecure; /* no certificate check */
	int *status; /* the server's answer when it is not 101: 401, 503; else 0. NULL: not wanted */
};
/* url: ws:// or wss://. Proxies and certificates are the client's. Redirects are not followed. 0; < 0: as hk_http_exchange, and
 * HK_HTTP_PROTOCOL when the server refuses, with its status and what it said in the text. options may be NULL. */
HK_MUST int hk_ws_connect(struct hk_http_client *, const char *url, const struct hk_ws_options *,
			  struct hk_ws **ret, struct hk_http_error *) HK_SUSPENDS;

/* In a handler: answers 101, and the connection is the socket's until the handler returns 0, before which hk_ws_free. Who may come
 * (Origin, cookies: section 10.2) is to be judged before. < 0: the request asks for no WebSocket; the reply says so already (400, 405,
 * 426): return 0. */
HK_MUST int hk_ws_accept(const struct hk_http_incoming *, struct hk_http_reply *,
			 const struct hk_ws_options *, struct hk_ws **ret,
			 struct hk_http_error *) HK_SUSPENDS;
const char *hk_ws_protocol(const struct hk_ws *); /* that was agreed on; "" */

struct hk_ws_message {
	const char *data; /* borrows until the next hk_ws_receive; no 0 behind it */
	size_t n;
	bool text; /* else binary */
};
/* 1: a message. 0: the peer said good-bye. < 0: HK_HTTP_RESET (it left without), PROTOCOL, TOO_LARGE, TIMEOUT, CANCELLED. One task at
 * a time: a second one aborts. */
HK_MUST int hk_ws_receive(struct hk_ws *, struct hk_ws_message *ret,
			  struct hk_http_error *) HK_SUSPENDS;
/* What the peer's Close frame said: its code (section 7.4), 1005 when it had none, 1006 when none came. reason may be NULL; borrows. */
int hk_ws_closed(const struct hk_ws *, const char **reason);

/* One message. Any task may, also while another receives; they are sent one after the other. Waits while the peer takes nothing. 0, < 0;
 * -EINVAL (HK_HTTP_BAD_REQUEST): text that is not UTF-8. */
HK_MUST int hk_ws_send(struct hk_ws *, const void *, size_t, bool text,
		       struct hk_http_error *) HK_SUSPENDS;
/* Waits until the peer has received all that was sent before: by a ping, whose pong cannot overtake (section 5.5.3). Some task must
 * be receiving meanwhile. websockets: await (await ws.ping()) */
HK_MUST int hk_ws_flush(struct hk_ws *, struct hk_http_error *) HK_SUSPENDS;

/* Says good-bye (section 7.1.2) and waits for the peer's answer, at most timeout_ns, also in a task that is cancelled; messages that come
 * meanwhile are dropped. code: 1000, 1001, 3000 .. 4999; reason: up to 123 bytes of UTF-8, or NULL. Only hk_ws_free may follow. */
void hk_ws_close(struct hk_ws *, int code, const char *reason, int64_t timeout_ns) HK_SUSPENDS;
void hk_ws_free(
	struct
	hk_ws *); /* no task may be in a call; accepts NULL. The connection is closed as it stands */

HK_END
#endif
