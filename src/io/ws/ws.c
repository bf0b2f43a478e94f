/* ws.c - a WebSocket's life: receiving, confirming, closing
 *
 * What this room is for: what comes is taken in one place, ws_receive(), whoever waits for it: a message, a pong, the end.
 * What flows through:
 *
 *   wire -> borrowed block -> ws_parse -> message ------------------> ws_receive
 *                                      '-> Ping  -> pong            '-> (dropped) ws_close
 *                                      '-> Pong  -> waiters of ws_confirm
 *                                      '-> Close -> answered once; nothing is read behind it
 * What must hold:
 *  (1) one task receives at a time; those that wait for pongs wait for what it finds.
 *  (2) the block is held while it has unread bytes or the last message lies in it, never while the connection is waited for.
 *  (3) why the connection was lost is kept: everybody who asks later hears the same. */
#include "io/ws/ws_.h"
#include "base/utf8.h"
#include <errno.h>
#include <hocket/run.h>
#include <hocket/scope.h>
#include <stdlib.h>
#include <string.h>

#define MAX_MESSAGE (UINT64_C(1) << 20)
#define YIELD_EVERY 32     /* reads: a fast peer must not keep the loop to itself */
#define BYE_NS      HK_SEC /* for a Close frame to somebody who broke the protocol */

struct ws *ws_new(const struct ws_options *o, bool server, struct slice name, struct slice protocol)
{
	struct ws *ws = xcalloc(1, sizeof(*ws));
	if (o)
		ws->options = *o;
	if (ws->options.max_message_bytes == 0)
		ws->options.max_message_bytes = MAX_MESSAGE;
	ws_parse_init(&ws->parse, server, ws->options.max_message_bytes, ws->options.cut);
	ws->name = xstrndup(name.p ? name.p : "", name.n < 200 ? name.n : 200);
	ws->protocol = xstrndup(protocol.p ? protocol.p : "", protocol.n);
	ws->last_waiter = &ws->first_waiter;
	ws->code = WS_LOST;
	return ws;
}

static bool is_over(const struct ws *ws)
{
	return ws->closed || ws->lost.fault != FAULT_NONE;
}

void ws_free(struct ws *ws)
{
	if (!ws)
		return;
	ASSERT(!ws->receiving && !ws->writers && !ws->first_waiter);
	spare_put(ws->spare, ws->block);
	if (ws->client)
		http_upgrade_close(ws->client, ws->conn);
	buf_done(&ws->early);
	ws_parse_done(&ws->parse);
	free(ws->name);
	free(ws->protocol);
	free(ws);
}

void ws_freep(struct ws **ws)
{
	ws_free(*ws);
}

struct slice ws_protocol(const struct ws *ws)
{
	return slice_str(ws->protocol);
}

unsigned ws_closed(const struct ws *ws, struct slice *ret_reason)
{
	if (ret_reason)
		*ret_reason = slice_str(ws->reason);
	return ws->code;
}

const char *ws_said(const struct ws *ws)
{
	return ws->said;
}

bool ws_is_over(const struct ws *ws)
{
	return is_over(ws) || ws->write_error < 0 || ws->close_sent;
}

bool ws_has_more(const struct ws *ws)
{
	return ws->rest.n > 0 || (!is_over(ws) && !ws->conn->wire->quiet(ws->conn));
}

/* ---- stories ---------------------------------------------------------------------------------------------- */

static int tell(const struct ws *ws, int r, struct err *err)
{
	switch (r) {
	case -ETIMEDOUT:
		fail(err, FAULT_TIMEOUT, "'%s' does not answer any more", ws->name);
		if (err)
			err->clock = CLOCK_IDLE;
		return -1;
	case -ECONNRESET:
	case -EPIPE:
		return fail(err, FAULT_RESET, "'%s': the connection was lost", ws->name);
	case -ENODATA:
		return fail(err, FAULT_RESET, "'%s' closed the connection without a Close frame",
			    ws->name);
	case -EBADMSG:
		return fail(err, FAULT_PROTOCOL, "'%s': TLS that makes no sense", ws->name);
	default:
		return fail_errno(err, FAULT_IO, r, "'%s'", ws->name);
	}
}

static int tell_lost(const struct ws *ws, struct err *err)
{
	if (err)
		*err = ws->lost;
	return -1;
}

static void end(struct ws *ws)
{
	hk_event_set(&ws->ended);
	for (struct ws_waiter *w = ws->first_waiter; w; w = w->next)
		hk_event_set(&w->told);
}

static int lose(struct ws *ws, int r, struct err *err)
{
	if (r == -ECANCELED)
		return tell(ws, r, err);
	tell(ws, r, &ws->lost);
	end(ws);
	return tell_lost(ws, err);
}

/* ---- bytes -------------------------------------------------------------------------------------------------- */

static void give_block_back(struct ws *ws)
{
	if (ws->rest.n > 0)
		return;
	spare_put(ws->spare, take(ws->block));
	buf_done(&ws->early);
}

/* A read, under the scope that the caller opened. Bytes, 0, -errno. */
static ssize_t read_block(struct ws *ws) SUSPENDS
{
	int r = ws->conn->wire->wait(ws->conn);
	if (r < 0)
		return r;
	ws->block = spare_get(ws->spare);
	ssize_t n = ws->conn->wire->read(ws->conn, ws->block, SPARE_BYTES);
	if (n > 0)
		ws->rest = (struct slice){ ws->block, (size_t)n };
	else
		give_block_back(ws);
	return n == 0 ? -ENODATA : n;
}

static int ping(struct ws *ws) SUSPENDS
{
	uint64_t number;
	bool sent;
	ws->pinged = true;
	if (ws->writers || ws->close_sent)
		return 0; /* what is being written says as much */
	return ws_write(ws, WS_PING, S(""), &number, &sent);
}

/* More bytes into rest, which is empty. 0, -errno. */
static int fill(struct ws *ws) SUSPENDS
{
	int64_t patience = ws->options.ping_ns > 0 ? ws->options.ping_ns : HK_FOREVER;
	give_block_back(ws);
	for (;;) {
		struct hk_scope clock;
		hk_scope_open(&clock, patience);
		ssize_t n = hk_scope_close(&clock, (int)read_block(ws));
		if (n > 0) {
			ws->pinged = false;
			return ++ws->fills % YIELD_EVERY ? 0 : hk_yield();
		}
		int r = n != -ETIMEDOUT || ws->pinged ? (int)n : ping(ws);
		if (r < 0)
			return r;
	}
}

/* ---- what came --------------------------------------------------------------------------------------------- */

/* A peer that takes no more may not hold us up: it does not matter any more. */
static void answer_close(struct ws *ws, unsigned code) SUSPENDS
{
	struct hk_scope clock;
	if (ws->close_sent)
		return;
	hk_scope_open(&clock, BYE_NS);
	(void)!hk_scope_close(&clock, ws_write_close(ws, code, S("")));
}

/* What the peer gives as its reason may hold anything. */
static void keep_shown(struct ws *ws)
{
	snprintf(ws->said, sizeof(ws->said), "%u%s%s", ws->code, *ws->reason ? " " : "",
		 ws->reason);
	for (char *c = ws->said; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = ' ';
}

static void on_close(struct ws *ws, struct slice data) SUSPENDS
{
	const unsigned char *c = (const unsigned char *)data.p;
	ws->closed = true;
	ws->code = data.n ? (unsigned)c[0] << 8 | c[1] : WS_NONE;
	if (data.n > 2)
		memcpy(ws->reason, data.p + 2, data.n - 2);
	keep_shown(ws);
	answer_close(ws, ws->code);
	end(ws);
}

static void wake_confirmed(struct ws *ws)
{
	for (struct ws_waiter *w = ws->first_waiter; w; w = w->next)
		if (w->ping <= ws->pongs)
			hk_event_set(&w->told);
}

static void on_pong(struct ws *ws, struct slice data)
{
	uint64_t number;
	if (data.n != sizeof(number))
		return; /* none of ours */
	memcpy(&number, data.p, sizeof(number));
	if (number <= ws->pongs || number > ws->pings)
		return;
	ws->pongs = number;
	wake_confirmed(ws);
}

/* Tells the peer what it did, if it can be told. */
static int on_bad(struct ws *ws, struct err *err) SUSPENDS
{
	answer_close(ws, ws->parse.code);
	fail(&ws->lost, ws->parse.code == WS_TOO_LARGE ? FAULT_TOO_LARGE : FAULT_PROTOCOL,
	     "'%s' sent %s", ws->name, ws->parse.why);
	end(ws);
	return tell_lost(ws, err);
}

static void on_control(struct ws *ws) SUSPENDS
{
	struct slice data = ws->parse.data;
	if (ws->parse.opcode == WS_PING)
		(void)!ws_write_pong(ws, data); /* reading tells what is wrong */
	else if (ws->parse.opcode == WS_PONG)
		on_pong(ws, data);
	else
		on_close(ws, data);
}

static int receive(struct ws *ws, struct ws_message *ret, struct err *err) SUSPENDS
{
	int r;
	(void)!ws_write_due(ws); /* reading tells what is wrong */
	for (;;) {
		if (ws->closed)
			return 0;
		if (ws->lost.fault)
			return tell_lost(ws, err);
		switch (ws_parse_next(&ws->parse, &ws->rest)) {
		case WS_MORE:
			r = fill(ws);
			if (r < 0)
				return lose(ws, r, err);
			break;
		case WS_MESSAGE:
			*ret = (struct ws_message){ ws->parse.text, ws->parse.data,
						    ws->parse.bytes };
			return 1;
		case WS_CONTROLS:
			on_control(ws);
			break;
		case WS_BAD:
			return on_bad(ws, err);
		}
	}
}

int ws_receive(struct ws *ws, struct ws_message *ret, struct err *err)
{
	ASSERT(!ws->receiving);
	ws->receiving = true;
	int r = receive(ws, ret, err);
	ws->receiving = false;
	return r;
}

/* ---- sending ------------------------------------------------------------------------------------------------ */

static int send_frame(struct ws *ws, uint8_t opcode, struct slice data, uint64_t *ret_ping,
		      struct err *err) SUSPENDS
{
	bool sent = false;
	int r = ws_write(ws, opcode, data, ret_ping, &sent);
	if (r == 0)
		return 0;
	if (ws->closed)
		fail(err, FAULT_RESET, "'%s' has closed the connection: %s", ws->name, ws->said);
	else if (ws->lost.fault && r != -ECANCELED)
		tell_lost(ws, err);
	else
		tell(ws, r, err);
	if (err)
		err->sent = sent;
	return -1;
}

int ws_send_asking(struct ws *ws, bool text, struct slice data, uint64_t *ret_ping, struct err *err)
{
	if (text && !utf8_valid(data))
		return fail(err, FAULT_BAD_VALUE, "a text message must be UTF-8");
	return send_frame(ws, text ? WS_TEXT : WS_BINARY, data, ret_ping, err);
}

int ws_ask(struct ws *ws, uint64_t *ret_ping, struct err *err)
{
	return send_frame(ws, WS_PING, S(""), ret_ping, err);
}

int ws_send(struct ws *ws, bool text, struct slice data, struct err *err)
{
	return ws_send_asking(ws, text, data, NULL, err);
}

/* ---- confirming ---------------------------------------------------------------------------------------------- */

static void enlist(struct ws *ws, struct ws_waiter *w)
{
	*ws->last_waiter = w;
	ws->last_waiter = &w->next;
}

static void delist(struct ws *ws, struct ws_waiter *w)
{
	struct ws_waiter **at = &ws->first_waiter;
	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	if (!*at)
		ws->last_waiter = at;
}

static int tell_unconfirmed(const struct ws *ws, struct err *err)
{
	if (ws->closed)
		fail(err, FAULT_RESET, "'%s' closed the connection: %s", ws->name, ws->said);
	else
		tell_lost(ws, err);
	if (err)
		err->sent = true;
	return -1;
}

int ws_confirm(struct ws *ws, uint64_t ping_number, struct err *err)
{
	struct ws_waiter w = { .ping = ping_number };
	int r = 0;
	if (ws->pongs < ping_number && !is_over(ws)) {
		enlist(ws, &w);
		r = hk_event_wait(&w.told);
		delist(ws, &w);
	}
	if (ws->pongs >= ping_number)
		return 0;
	if (is_over(ws))
		return tell_unconfirmed(ws, err);
	tell(ws, r, err);
	if (err)
		err->sent = true;
	return -1;
}

/* ---- good-bye ------------------------------------------------------------------------------------------------ */

/* Until the peer says it, too; then, as a client, until it ends the stream, so that the port that waits is its own (7.1.1). */
static void hear_out(struct ws *ws) SUSPENDS
{
	struct ws_message dropped;
	struct err ignored = { 0 };
	while (ws_receive(ws, &dropped, &ignored) > 0)
		;
	while (ws->closed && ws->client) {
		ws->rest.n = 0;
		if (fill(ws) < 0)
			break;
	}
}

void ws_close(struct ws *ws, unsigned code, struct slice reason, int64_t timeout_ns)
{
	struct hk_scope shield;
	hk_scope_open_shield(&shield, timeout_ns);
	int r = ws->close_sent || is_over(ws)
			? 0
			: ws_write_close(ws, code, slice_head(reason, WS_REASON_MAX));
	if (r == 0 && ws->receiving && !is_over(ws))
		r = hk_event_wait(&ws->ended);
	else if (r == 0)
		hear_out(ws);
	(void)hk_scope_close(&shield, r); /* nothing depends on it */
}
