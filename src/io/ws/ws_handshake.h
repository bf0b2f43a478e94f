/* ws_handshake.h - the HTTP side of a WebSocket's beginning, for both ends (RFC 6455 section 4)
 *
 * What must hold: (1) an answer is believed only when it proves that it read our key, and speaks of nothing that we did not ask
 *   for. (2) a request is accepted only as the RFC writes it; what is wrong with it is said, with the status that it names. */
#pragma once
#include "base/err.h"
#include "io/http.h"

enum { WS_KEY_CHARS = 24, WS_ACCEPT_CHARS = 28 };

/* A fresh Sec-WebSocket-Key; the bytes under it are random. */
void ws_key_make(char ret[static WS_KEY_CHARS + 1]);
/* The Sec-WebSocket-Accept to a key (section 1.3). */
void ws_accept_make(struct slice key, char ret[static WS_ACCEPT_CHARS + 1]);

/* Does an answer with status 101 agree to what was asked? protocols: "chat, superchat", or empty. 0 with *ret_protocol (borrows;
 * empty: none), or -1 with *err: FAULT_PROTOCOL. `url` is for the message. */
MUST int ws_answer_check(const struct http_response *, const char *key, struct slice protocols,
			 struct slice *ret_protocol, struct slice url, struct err *);

/* Is this request the beginning of a WebSocket? 0 with *ret_key; else the status to refuse it with (400, 405, 426), and *why. */
MUST int ws_request_check(struct slice method, const struct http_header *, size_t n,
			  struct slice *ret_key, const char **why);
/* The first protocol of the request that stands in `ours` ("chat, superchat"); empty: none. */
struct slice ws_protocol_choose(const struct http_header *, size_t n, struct slice ours);
