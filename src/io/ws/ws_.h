/* ws_.h - the inside of a WebSocket, shared by ws.c, ws_write.c and the two ways to one */
#pragma once
#include "io/http/http_conn.h"
#include "io/spare.h"
#include "io/ws.h"
#include <hocket/sync.h>

struct ws_waiter { /* of ws_confirm, on its task's stack */
	struct ws_waiter *next;
	uint64_t ping;
	struct hk_event told; /* it is confirmed, or lost */
};

struct ws {
	struct http_conn *conn;     /* owns, with a client; else its own `served` */
	struct http_client *client; /* borrows; NULL: we are the server */
	struct http_conn served;    /* the server's; its descriptor is closed by the HTTP server */
	struct spare *spare;        /* borrows */
	char *block;       /* borrowed while it has unread bytes, or the last message lies in it */
	struct slice rest; /* unread */
	struct buf early;  /* what came with the handshake's answer: the first rest */
	struct ws_parse parse;
	struct ws_options options;
	char *name; /* owns: who is at the other end, for messages */
	char *protocol;
	unsigned fills; /* reads, to yield now and then */
	bool receiving, pinged;
	struct err lost; /* why nothing can be received any more */

	struct hk_mutex turn;  /* to write */
	unsigned writers;      /* who has it, and who waits for it */
	int write_error;       /* < 0: nothing can be written any more */
	uint64_t pings, pongs; /* numbers: sent; answered */
	struct ws_waiter *first_waiter, **last_waiter;
	bool pong_due; /* it stands below */
	char pong[WS_CONTROL_MAX];
	size_t pong_n;
	uint8_t keys[256]; /* random */
	size_t keys_left;

	bool close_sent, closed; /* the peer said good-bye */
	unsigned code;
	char reason[WS_REASON_MAX + 1];
	char said[WS_REASON_MAX + 8]; /* both, to be shown */
	struct hk_event ended;        /* for ws_close, when another task receives */
};

/* Takes the connection; name and protocol are copied. */
struct ws *ws_new(const struct ws_options *, bool server, struct slice name, struct slice protocol);

/* ws_write.c: one message or control frame, with whatever pong is due behind it; ret_ping: and a ping. 0 or -errno: -EPIPE: nothing
 * goes out any more; *ret_sent: something may have left. */
MUST int ws_write(struct ws *, uint8_t opcode, struct slice data, uint64_t *ret_ping,
		  bool *ret_sent) SUSPENDS;
/* A pong to these bytes: now, or behind what is being written; when it is cancelled, with the next ws_receive. */
MUST int ws_write_pong(struct ws *, struct slice data) SUSPENDS;
/* That which is due. */
MUST int ws_write_due(struct ws *) SUSPENDS;
/* A Close frame. As ws_write. */
MUST int ws_write_close(struct ws *, unsigned code, struct slice reason) SUSPENDS;
