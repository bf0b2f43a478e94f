/* ws_frame.h - WebSocket messages out of frames and into them (RFC 6455 section 5), without descriptors or clocks
 *
 * What this room is for: both sides' reading, and the bytes of what is written. The fuzzer reads anything with it.
 * Life cycle: ws_parse_init; ws_parse_next over whatever bytes came; ws_parse_done. WS_BAD is for ever.
 * What must hold:
 *  (1) how the bytes are cut into pushes makes no difference to what comes out.
 *  (2) no more than max bytes of a message are ever held, whatever a frame announces.
 *  (3) what the RFC forbids is refused with the code that it names for that (section 7.4.1).
 *  (4) a message of one frame that was not masked and came in one push is not copied. */
#pragma once
#include "base/buf.h"

enum ws_opcode {
	WS_CONTINUATION = 0,
	WS_TEXT = 1,
	WS_BINARY = 2,
	WS_CLOSE = 8,
	WS_PING = 9,
	WS_PONG = 10,
};
enum { WS_CONTROL_MAX = 125, WS_REASON_MAX = 123, WS_HEAD_MAX = 14 };
enum ws_code { /* of a Close frame; NONE and LOST never stand in one */
	       WS_NORMAL = 1000,
	       WS_GOING_AWAY = 1001,
	       WS_PROTOCOL = 1002,
	       WS_NONE = 1005,
	       WS_LOST = 1006,
	       WS_BAD_TEXT = 1007,
	       WS_POLICY = 1008,
	       WS_TOO_LARGE = 1009,
	       WS_INTERNAL = 1011,
};
bool ws_code_sendable(unsigned code);

enum ws_event {
	WS_MORE,     /* all input was taken; more is needed */
	WS_MESSAGE,  /* a whole message: text, data, bytes */
	WS_CONTROLS, /* a Close, Ping or Pong: opcode, data */
	WS_BAD,      /* refused: code and why */
};

struct ws_parse {
	/* With MESSAGE and CONTROLS; data borrows, from the input or from here, until the next call. */
	struct slice data;
	bool text;      /* WS_MESSAGE: else binary */
	uint64_t bytes; /* WS_MESSAGE: its length; more than data has: it was cut */
	uint8_t opcode; /* of the frame at hand */
	/* With WS_BAD. */
	unsigned code;
	const char *why; /* static text, lower case */

	/* The rest is the machine's own. */
	bool masked; /* what comes must be: we are the server */
	bool cuts;   /* a message above max is given as far as it fits, else refused */
	uint64_t max;
	uint8_t head[WS_HEAD_MAX];
	uint8_t head_n;
	bool in_payload, fin, inside; /* inside a message of several frames */
	uint8_t key[4];
	uint64_t left, at; /* of the frame's payload: to come, taken */
	struct buf message;
	char control[WS_CONTROL_MAX];
	size_t control_n;
};
void ws_parse_init(struct ws_parse *, bool server, uint64_t max_bytes, bool cuts);
void ws_parse_done(struct ws_parse *); /* AUTO */
/* Takes from the front of *in. */
enum ws_event ws_parse_next(struct ws_parse *, struct slice *in);
/* Nothing of a frame or message was seen that is not complete. */
bool ws_parse_between(const struct ws_parse *);

/* The head of a frame into out; key NULL: not masked. Bytes written. */
size_t ws_head_put(char out[static WS_HEAD_MAX], uint8_t opcode, uint64_t length,
		   const uint8_t key[4]);
/* XORs n bytes, which stand at `at` in their payload, from one place to another or in place. */
void ws_mask(char *to, const char *from, size_t n, const uint8_t key[static 4], uint64_t at);
