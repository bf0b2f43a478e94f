/* ws.h - WebSockets (RFC 6455), both sides
 *
 * What this room is for: messages over one connection, in both directions, for as long as somebody wants them.
 * Life cycle: ws_connect, or ws_accept in a handler of the HTTP server; ws_receive in one task, ws_send in any; ws_close says
 *   good-bye, ws_free ends it in any case.
 * What flows through: whole messages. Fragments are put together, pings answered, Close frames returned, within ws_receive; nobody
 *   answers pings while nobody receives.
 * What must hold:
 *  (1) backpressure: what is not received is not read: the peer's TCP window closes. At most one block and one message are held.
 *  (2) a cancelled ws_receive took nothing; a ws_send that was cancelled within a frame has broken the connection for writing, and
 *      err.sent says that something may have left.
 *  (3) a peer that breaks the protocol is told why (1002, 1007, 1009), and the connection is over.
 *  (4) nothing came for ping_ns: a ping; again nothing for so long: timeout(idle). Time in which nobody receives does not count.
 *  (5) who reads never waits for who writes: a pong that finds the connection busy goes out behind the frame at hand.
 *  (6) classes: those of http.h; protocol, too_large, reset (it ended without a Close frame). A refusal (401, 503) is FAULT_STATUS.
 * Extensions are not offered, also not compression. */
#pragma once
#include "io/http.h"
#include "io/ws/ws_frame.h"

struct ws;
struct http_incoming;
struct http_reply;

struct ws_options {
	uint64_t max_message_bytes; /* 0: 1 MiB. A larger one ends the connection with 1009 ... */
	bool cut;        /* ... or is given as far as it fits; its rest is dropped as it comes */
	int64_t ping_ns; /* 0: never */
	int64_t write_ns; /* so long may the peer take nothing of what is sent; 0: only the caller's scope ends it */
};

struct ws_request {
	struct slice url;   /* ws:// or wss://; userinfo becomes Basic authentication */
	struct slice shown; /* what messages call it; empty: the URL without userinfo and query */
	const struct http_header *headers;
	size_t header_count;
	struct slice protocols; /* "chat, superchat"; empty: none */
	struct http_clocks clocks;
	const struct http_guard *guard; /* as in http_request */
	bool data_host;
	const struct http_trust *trust;
	bool insecure;
	/* Makes the exchange in place of http_exchange: for tokens that are fetched first. The first of the request's headers are those
	 * above, in their order. */
	int (*exchange)(void *arg, struct http_client *, const struct http_request *,
			struct http_response *ret, struct err *) SUSPENDS;
	void *exchange_arg;
};
/* "http://h/x" of "ws://h/x", for everything that reads URLs. -EINVAL: it is no WebSocket's. */
MUST int ws_url_put_http(struct slice url, struct buf *out);

/* 0; -1 with *err: FAULT_STATUS with err.code and what the server said, or what http_exchange says. Redirects are not followed: the
 * message names where it leads. */
MUST int ws_connect(struct http_client *, const struct ws_request *, const struct ws_options *,
		    struct ws **ret, struct err *) SUSPENDS;

/* In a handler: answers the request with 101 and takes the connection over until the handler returns, before which ws_free. -1 with
 * *err, and a reply that says what is wrong with the request. Whoever may connect (Origin, credentials) is the handler's to judge,
 * before. */
MUST int ws_accept(const struct http_incoming *, struct http_reply *, struct slice protocols,
		   const struct ws_options *, struct ws **ret, struct err *) SUSPENDS;
struct slice ws_protocol(const struct ws *); /* that was agreed on; empty: none */

struct ws_message {
	bool text;         /* else binary */
	struct slice data; /* borrows until the next ws_receive */
	uint64_t bytes;    /* more than data has: it was cut */
};
/* 1: a message; 0: the peer said good-bye (ws_closed); -1 with *err. One task at a time. */
MUST int ws_receive(struct ws *, struct ws_message *ret, struct err *) SUSPENDS;
/* Does the next ws_receive return without waiting? As far as can be told; it may have to wait all the same. */
bool ws_has_more(const struct ws *);
/* Nothing can be sent or received any more, as far as is known. */
bool ws_is_over(const struct ws *);
/* What the peer's Close frame said: code (WS_NONE: it had none; WS_LOST: there was no Close frame) and reason. */
unsigned ws_closed(const struct ws *, struct slice *ret_reason);
/* The same to be shown: "1001 bye", on one line; empty: there was none. */
const char *ws_said(const struct ws *);

/* Text must be UTF-8: FAULT_BAD_VALUE. 0, or -1 with *err. Waits as long as the peer takes nothing. */
MUST int ws_send(struct ws *, bool text, struct slice data, struct err *) SUSPENDS;
/* The same with a ping behind it, in one write. *ret_ping is its number, for ws_confirm. */
MUST int ws_send_asking(struct ws *, bool text, struct slice data, uint64_t *ret_ping,
			struct err *) SUSPENDS;
/* A ping alone. */
MUST int ws_ask(struct ws *, uint64_t *ret_ping, struct err *) SUSPENDS;
/* Waits for the pong to that ping, or to one behind it: all that was sent before was received (RFC 6455 5.5.3: what came first is
 * answered first). Any number of tasks may wait; another one must go on receiving. */
MUST int ws_confirm(struct ws *, uint64_t ping, struct err *) SUSPENDS;

/* Says good-bye with code and reason, and waits for the peer's answer at most timeout_ns, also in a task that is cancelled. What comes
 * meanwhile is dropped. After it only ws_free. */
void ws_close(struct ws *, unsigned code, struct slice reason, int64_t timeout_ns) SUSPENDS;
/* Accepts NULL; nobody may be in a call. The connection is closed as it stands. */
void ws_free(struct ws *);
void ws_freep(struct ws **);
