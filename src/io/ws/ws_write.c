/* ws_write.c - frames on their way out
 *
 * What this room is for: many tasks send on one connection, and the one that receives answers pings on it.
 * What flows through:    payloads, masked into a borrowed block piece by piece, so that a message of any size takes one block; a
 *   short message, the ping behind it and a pong that is due leave in one send.
 * What must hold:
 *  (1) a frame is written whole by the one task that has the turn, or nothing is written after it.
 *  (2) the keys of masks come from the kernel: who chooses a message must not foresee how it looks on the wire (10.3).
 *  (3) a pong never waits for the turn: who has it, or waits for it, sends the pong. Of several pings the last is answered (5.5.3).
 *  (4) nothing is sent behind a Close frame. */
#include "io/ws/ws_.h"
#include <errno.h>
#include <hocket/run.h>
#include <hocket/scope.h>
#include <string.h>
#include <sys/random.h>

struct outflow { /* a block that fills up and leaves */
	struct ws *ws;
	char *block;
	size_t n;
	bool sent; /* something may have left */
};

static const uint8_t *next_key(struct ws *ws)
{
	if (ws->keys_left == 0) {
		ssize_t n = getrandom(ws->keys, sizeof(ws->keys), 0);
		ASSERT(n == sizeof(ws->keys));
		ws->keys_left = sizeof(ws->keys);
	}
	ws->keys_left -= 4;
	return ws->keys + ws->keys_left;
}

static int flush(struct outflow *o) SUSPENDS
{
	struct ws *ws = o->ws;
	struct hk_scope clock;
	struct iovec iov = { o->block, o->n };
	if (o->n == 0)
		return 0;
	o->n = 0;
	o->sent = true;
	hk_scope_open(&clock, ws->options.write_ns > 0 ? ws->options.write_ns : HK_FOREVER);
	return hk_scope_close(&clock, ws->conn->wire->write(ws->conn, &iov, 1));
}

static int put_frame(struct outflow *o, uint8_t opcode, struct slice data) SUSPENDS
{
	const uint8_t *key = o->ws->client ? next_key(o->ws) : NULL;
	int r = SPARE_BYTES - o->n < WS_HEAD_MAX ? flush(o) : 0;
	uint8_t kept[4] = { 0 };
	if (r < 0)
		return r;
	if (key)
		memcpy(kept, key, 4);
	o->n += ws_head_put(o->block + o->n, opcode, data.n, key);
	for (uint64_t at = 0; r == 0 && at < data.n;) {
		struct slice piece = slice_head(slice_from(data, at), SPARE_BYTES - o->n);
		if (key)
			ws_mask(o->block + o->n, piece.p, piece.n, kept, at);
		else
			memcpy(o->block + o->n, piece.p, piece.n);
		o->n += piece.n;
		at += piece.n;
		r = o->n == SPARE_BYTES ? flush(o) : 0;
	}
	return r;
}

static int put_ping(struct outflow *o, uint64_t *ret_ping) SUSPENDS
{
	char number[8];
	*ret_ping = ++o->ws->pings;
	memcpy(number, ret_ping, sizeof(number));
	return put_frame(o, WS_PING, (struct slice){ number, sizeof(number) });
}

/* Those that became due while something was written, too. */
static int put_pongs(struct outflow *o) SUSPENDS
{
	struct ws *ws = o->ws;
	int r = 0;
	while (r == 0 && ws->pong_due) {
		char payload[WS_CONTROL_MAX];
		size_t n = ws->pong_n;
		memcpy(payload, ws->pong, n);
		ws->pong_due = false;
		r = put_frame(o, WS_PONG, (struct slice){ payload, n });
		r = r < 0 ? r : flush(o);
	}
	return r;
}

static int write_in_turn(struct ws *ws, uint8_t opcode, struct slice data, uint64_t *ret_ping,
			 bool *ret_sent) SUSPENDS
{
	struct outflow o = { .ws = ws };
	int r = ws->write_error ? ws->write_error : ws->close_sent ? -EPIPE : hk_checkpoint();
	if (r < 0)
		return r;
	o.block = spare_get(ws->spare);
	r = opcode == WS_PONG || (opcode == WS_PING && ret_ping) ? 0 : put_frame(&o, opcode, data);
	if (r == 0 && ret_ping)
		r = put_ping(&o, ret_ping);
	if (opcode == WS_CLOSE)
		ws->close_sent = true;
	r = r < 0 ? r : flush(&o);
	if (opcode != WS_CLOSE)
		r = r < 0 ? r : put_pongs(&o);
	spare_put(ws->spare, o.block);
	if (r < 0) /* of a frame, part may be out */
		ws->write_error = r == -ECANCELED ? -EPIPE : r;
	*ret_sent = o.sent;
	return r;
}

int ws_write(struct ws *ws, uint8_t opcode, struct slice data, uint64_t *ret_ping, bool *ret_sent)
{
	*ret_sent = false;
	ws->writers++;
	int r = hk_mutex_lock(&ws->turn);
	if (r == 0) {
		r = write_in_turn(ws, opcode, data, ret_ping, ret_sent);
		hk_mutex_unlock(&ws->turn);
	}
	ws->writers--;
	return r;
}

int ws_write_due(struct ws *ws)
{
	bool sent;
	if (!ws->pong_due || ws->writers || ws->close_sent)
		return 0;
	return ws_write(ws, WS_PONG, S(""), NULL, &sent);
}

int ws_write_pong(struct ws *ws, struct slice data)
{
	ASSERT(data.n <= WS_CONTROL_MAX);
	if (data.n)
		memcpy(ws->pong, data.p, data.n);
	ws->pong_n = data.n;
	ws->pong_due = true;
	return ws_write_due(ws);
}

int ws_write_close(struct ws *ws, unsigned code, struct slice reason)
{
	char payload[2 + WS_REASON_MAX];
	bool sent;
	ASSERT(reason.n <= WS_REASON_MAX);
	payload[0] = (char)(code >> 8);
	payload[1] = (char)(code & 255);
	if (reason.n)
		memcpy(payload + 2, reason.p, reason.n);
	size_t n = code == WS_NONE ? 0 : 2 + reason.n;
	return ws_write(ws, WS_CLOSE, (struct slice){ payload, n }, NULL, &sent);
}
