/* to_websocket.c - each record is said on a WebSocket, and delivered when the server has it
 *
 * What this room is for: `websocket:` as a sink. As `http:` it is the run's last call: the engine has caps, retries, intents.
 * What flows through:    the record, or what `message` makes of it, as one text message. A ping goes behind it in the same write, and its
 *   pong says that the message was received (RFC 6455 5.5.3: control frames are answered in order). With `reply` the server's next
 *   message is the answer, which `accept` judges.
 *
 *   call --> line: one connection, shared --> message, ping ... pong --> delivered
 *     |      |    '-- lost: who waits is told "sent"; the next call makes a new one
 *     |      '------- its reader, also between calls: pongs to the server's pings, its Close frame, messages: dropped
 *     '-- reply: a line of its own for so long            '-- to who has asked --> answer
 * What must hold:
 *  (1) delivered is said on the server's evidence only (I4). (2) what may have been sent when a connection is lost is `sent`: the engine
 *      decides by `on_unknown`; what no connection was made for was not. (3) a connection that has rested is asked before it is
 *      trusted with a message: one that is dead costs no record. (4) an answer belongs to the message before it: what was said
 *      before is none, and a line on which one was given up is closed. (5) a line lives while it is in its place, a call uses it, or
 *      its reader runs. */
#include "base/banned.h"
#include "base/json.h"
#include "base/utf8.h"
#include "connectors/socket/socket.h"
#include "io/digest.h"
#include <hocket/run.h>
#include <hocket/scope.h>
#include <hocket/sync.h>
#include <stdlib.h>

#define RESTED_NS (5 * HK_SEC) /* who was not used for so long is asked first */
#define ASK_NS    (5 * HK_SEC)
#define BYE_NS    HK_SEC        /* for all */
#define WRITE_NS  (30 * HK_SEC) /* a server that takes nothing for so long is gone */

struct socket_sink {
	struct socket_options socket;
	struct tpl *message;
	bool reply;
	int64_t connections;
};

static const struct opt options[] = {
	SOCKET_URL(struct socket_sink, socket),
	OPT("message", struct socket_sink, message, OPT_TREE, struct tpl *, .secret = true,
	    .doc = "what is said; the record itself. A text is sent as it is, anything else as "
		   "JSON"),
	OPT("reply", struct socket_sink, reply, OPT_BOOL, bool,
	    .doc = "the server's next message is the answer, for `accept`; else the pong to a ping "
		   "behind the message says that it has arrived"),
	OPT("connections", struct socket_sink, connections, OPT_INT, int64_t, .tuning = true,
	    .min = 1, .max = 1000, .fallback = "1",
	    .doc = "how many at once; with `reply` each carries one message at a time"),
	SOCKET_OPTIONS(struct socket_sink, socket),
	OPT_END,
};

static int websocket_plan(void *of, struct facts *facts, struct diag *diag)
{
	struct socket_sink *o = of;
	facts->effect = EFFECT_WRITES;
	facts->guarantee = APPEND_ONLY;
	facts->keyless = true;
	socket_plan(&o->socket, facts, diag);
	return 0;
}

/* ---- lines ---------------------------------------------------------------------------------------------- */

struct line {                /* one connection */
	struct ws *ws;       /* owns */
	struct place *place; /* borrows */
	unsigned uses;       /* calls */
	int64_t used_ns;
	bool reads, unwanted;  /* its reader has not ended; it should */
	struct hk_scope *life; /* borrows: the reader's, while it runs */
	struct call *asks;     /* with reply: whose the next message is; NULL: nobody's */
	struct hk_event heard; /* it came, or nothing comes any more */
};
struct place {                   /* where a line stands */
	struct line *line;       /* NULL: none yet, or it was lost */
	struct hk_mutex opening; /* one makes it, the others wait */
	struct hk_mutex turn;    /* with reply */
	unsigned wanted;         /* calls that are here */
};
struct sink_shared {
	struct socket socket;
	struct place *places; /* owns */
	size_t n;
};

static int websocket_open(struct site *site, struct err *err) SUSPENDS
{
	const struct socket_sink *o = site->options;
	struct sink_shared *shared = site->shared;
	shared->n = (size_t)o->connections;
	shared->places = xcalloc(shared->n, sizeof(*shared->places));
	return socket_open(&shared->socket, site, &o->socket, err);
}

static void line_free(struct line *l)
{
	ws_free(l->ws);
	free(l);
}

/* All of them in the time of one: a server that is dead is dead for all. */
static void websocket_close(struct site *site) SUSPENDS
{
	struct sink_shared *shared = site->shared;
	int64_t until = hk_now_ns() + BYE_NS;
	for (size_t i = 0; i < shared->n; i++) {
		struct line *l = take(shared->places[i].line);
		if (!l)
			continue;
		ASSERT(l->uses == 0 && !l->reads);
		int64_t left = until - hk_now_ns();
		ws_close(l->ws, WS_NORMAL, S(""), left > 0 ? left : 0);
		line_free(l);
	}
	free(shared->places);
	if (shared->socket.arena)
		socket_done(&shared->socket);
}

/* Nobody new gets it. */
static void line_lose(struct line *l)
{
	if (l->place->line == l)
		l->place->line = NULL;
}

/* The last that needs it lets it go; the reader goes last. */
static void line_settle(struct line *l)
{
	if (l->uses > 0 || l->place->line == l)
		return;
	l->unwanted = true;
	if (!l->reads)
		line_free(l);
	else if (l->life)
		hk_scope_cancel(l->life);
}

static void line_leave(struct line *l)
{
	l->used_ns = hk_now_ns();
	if (ws_is_over(l->ws))
		line_lose(l);
	l->uses--;
	line_settle(l);
}

static int take_answer(struct call *c, const struct ws_message *m)
{
	struct answer *a = &c->answer;
	bool json = m->text && json_check(m->data, NULL) == 0;
	a->body = json ? BODY_JSON : m->text ? BODY_TEXT : BODY_BLOB;
	a->type = json      ? S("application/json")
		  : m->text ? S("text/plain")
			    : S("application/octet-stream");
	a->value.max = SIZE_MAX / 2;
	int r = buf_add(&a->value, m->data);
	if (r < 0)
		return fail_errno(&c->err, FAULT_TOO_LARGE, r, "the answer");
	return 0;
}

/* What nobody has asked for is dropped. */
static void line_give(struct line *l, const struct ws_message *m)
{
	if (!l->asks)
		return;
	(void)!take_answer(l->asks, m); /* the call has it */
	l->asks = NULL;
	hk_event_set(&l->heard);
}

/* A task. When the run ends the line stays where it is, for a good-bye. */
static int line_read(void *arg) SUSPENDS
{
	struct line *l = arg;
	struct hk_scope life;
	struct ws_message m;
	struct err err = { 0 };
	hk_scope_open(&life, l->unwanted ? 0 : HK_FOREVER);
	l->life = &life;
	while (ws_receive(l->ws, &m, &err) > 0)
		line_give(l, &m);
	l->life = NULL;
	(void)hk_scope_close(&life, 0); /* the line tells who asks how it ended */
	l->reads = false;
	if (ws_is_over(l->ws))
		line_lose(l);
	hk_event_set(&l->heard);
	line_settle(l);
	return 0;
}

/* Has all that came before been read, and is somebody there? */
static bool is_answering(struct line *l) SUSPENDS
{
	struct err ignored = { 0 };
	struct hk_scope clock;
	uint64_t ping;
	hk_scope_open(&clock, ASK_NS);
	int r = ws_ask(l->ws, &ping, &ignored);
	r = r < 0 ? r : ws_confirm(l->ws, ping, &ignored);
	(void)hk_scope_close(&clock, 0); /* a connection that takes so long is not the one to use */
	return r == 0;
}

/* Drops the line if it cannot be used any more; those that use it still have it until they leave. */
static void line_check(struct line *l) SUSPENDS
{
	bool rested = l->uses == 0 && hk_now_ns() - l->used_ns >= RESTED_NS;
	l->uses++;
	if (ws_is_over(l->ws) || (rested && !is_answering(l)))
		line_lose(l);
	l->uses--;
	line_settle(l);
}

/* In its place, and used once; NULL with *err: then nothing was said. */
static struct line *line_new(struct site *site, struct place *p, struct err *err) SUSPENDS
{
	const struct socket_sink *o = site->options;
	struct sink_shared *shared = site->shared;
	const struct ws_options how = { .max_message_bytes = o->socket.max_message,
					.cut = !o->reply,
					.ping_ns = o->socket.ping_ns,
					.write_ns = WRITE_NS };
	struct ws *ws;
	if (socket_connect(&shared->socket, &how, &ws, err) < 0) {
		err->sent = false; /* whatever HTTP says of its request */
		return NULL;
	}
	struct line *l = xcalloc(1, sizeof(*l));
	*l = (struct line){ .ws = ws, .place = p, .uses = 1, .used_ns = hk_now_ns() };
	if (site_beside(site, line_read, l) < 0) {
		line_free(l);
		fail(err, FAULT_IO, "out of memory");
		return NULL;
	}
	l->reads = true;
	p->line = l;
	if (o->reply)
		(void)is_answering(l); /* how a server welcomes us is no answer */
	return l;
}

/* The place's line, used once more; NULL with *err. */
static struct line *line_enter(struct site *site, struct place *p, struct err *err) SUSPENDS
{
	if (hk_mutex_lock(&p->opening) < 0) {
		fail(err, FAULT_CANCELLED, "stopped");
		return NULL;
	}
	if (p->line)
		line_check(p->line);
	struct line *l = p->line;
	if (l)
		l->uses++;
	else
		l = line_new(site, p, err);
	hk_mutex_unlock(&p->opening);
	return l;
}

static struct place *choose_place(struct sink_shared *shared)
{
	struct place *best = shared->places;
	for (size_t i = 1; i < shared->n; i++)
		if (shared->places[i].wanted < best->wanted)
			best = &shared->places[i];
	return best;
}

/* ---- a call ------------------------------------------------------------------------------------------------ */

static int put_message(const struct socket_sink *o, struct call *c, struct slice *ret,
		       struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf text = { 0 };
	*ret = rec_json(c->rec);
	if (!o->message)
		return 0;
	if (socket_text(o->message, c->env, &text, err) < 0)
		return -1;
	*ret = arena_copy(c->arena, buf_slice(&text));
	return 0;
}

static int put_lane(const struct sink_shared *shared, const struct socket_sink *o, struct call *c,
		    struct err *err)
{
	AUTO(buf_done) struct buf lane = { 0 }, http = { 0 };
	struct url url;
	const char *why;
	int r = ws_url_put_http(shared->socket.url, &http);
	r = r < 0 ? r : url_parse(buf_slice(&http), &url, &why);
	r = r < 0 ? r : headers_lane(&o->socket.head, &shared->socket.headers, &url, &lane);
	if (r < 0)
		return fail_errno(err, FAULT_BAD_VALUE, r, "the URL cannot be used");
	c->lane = arena_copy(c->arena, buf_slice(&lane));
	return 0;
}

static int put_digest(const struct sink_shared *shared, struct call *c, struct slice text,
		      struct err *err)
{
	AUTO(digest_done) struct digest d = { NULL };
	if (digest_init(&d) < 0)
		return fail(err, FAULT_IO, "out of memory");
	digest_add(&d, S("hocket said 1"));
	digest_add(&d, shared->socket.url);
	digest_add(&d, text);
	digest_end(&d, c->asked);
	return 0;
}

static int websocket_ask(struct site *site, struct call *c, struct err *err) SUSPENDS
{
	const struct socket_sink *o = site->options;
	const struct sink_shared *shared = site->shared;
	struct slice *text = arena_zero(c->arena, sizeof(*text));
	if (put_message(o, c, text, err) < 0 || put_lane(shared, o, c, err) < 0 ||
	    (c->wants_asked && put_digest(shared, c, *text, err) < 0))
		return -1;
	c->safety = c->retry_unsafe ? KEYED : UNSAFE;
	c->shown = shared->socket.shown;
	c->request = text;
	if (c->wants_sends)
		c->sends = *text;
	return 0;
}

static int say(struct line *l, struct slice text, struct err *err) SUSPENDS
{
	uint64_t ping;
	return ws_send_asking(l->ws, true, text, &ping, err) < 0 ? -1
								 : ws_confirm(l->ws, ping, err);
}

/* The reader has ended: why? */
static int tell_unanswered(struct line *l, struct err *err) SUSPENDS
{
	struct ws_message none;
	ASSERT(!l->reads);
	if (ws_receive(l->ws, &none, err) < 0)
		return -1;
	return fail(err, FAULT_RESET, "the server ended it without an answer: %s", ws_said(l->ws));
}

static int hear(struct line *l, struct call *c) SUSPENDS
{
	int r = hk_event_wait(&l->heard);
	if (r < 0)
		return fail_errno(&c->err, FAULT_IO, r, "waiting for the answer");
	if (l->asks)
		return tell_unanswered(l, &c->err);
	return c->err.fault ? -1 : 0;
}

/* Who gives up while an answer may come leaves a line that nobody can use. */
static int say_and_hear(struct line *l, struct call *c, struct slice text) SUSPENDS
{
	hk_event_clear(&l->heard);
	l->asks = c;
	int r = ws_send(l->ws, true, text, &c->err);
	if (r == 0) {
		r = hear(l, c);
		c->err.sent = r < 0;
	}
	l->asks = NULL;
	if (r < 0)
		line_lose(l);
	return r;
}

static int call_at(struct site *site, struct place *p, struct call *c) SUSPENDS
{
	const struct socket_sink *o = site->options;
	const struct slice *text = c->request;
	struct line *l = line_enter(site, p, &c->err);
	if (!l)
		return -1;
	int r = o->reply ? say_and_hear(l, c, *text) : say(l, *text, &c->err);
	line_leave(l);
	return r;
}

static int call_in_turn(struct site *site, struct place *p, struct call *c) SUSPENDS
{
	const struct socket_sink *o = site->options;
	if (!o->reply)
		return call_at(site, p, c);
	if (hk_mutex_lock(&p->turn) < 0)
		return fail(&c->err, FAULT_CANCELLED, "stopped");
	int r = call_at(site, p, c);
	hk_mutex_unlock(&p->turn);
	return r;
}

static void websocket_call(struct site *site, struct call *c) SUSPENDS
{
	struct place *p = choose_place(site->shared);
	p->wanted++;
	int r = call_in_turn(site, p, c);
	p->wanted--;
	c->verdict = r < 0 ? VERDICT_FAULT : VERDICT_ANSWER;
	if (r == 0)
		c->answer.status = 200;
}

const struct port to_websocket = {
	.name = "websocket",
	.doc = "say each record on a WebSocket",
	.more = "The record itself, or `message`, is sent as one text message on a connection that "
		"is "
		"kept, and made again when it is lost.\n"
		"It is delivered when the server has answered a ping that goes behind it; with "
		"`reply: true` when its next message has\n"
		"come and `accept` likes it ($res.body). A connection that is lost in between "
		"leaves "
		"it open whether the message arrived:\n"
		"`on_unknown`.\n"
		"\n"
		"    to:\n"
		"      websocket: wss://collector.example.com/in\n"
		"      auth: {bearer: $secret.COLLECTOR_TOKEN}\n"
		"      message: {type: event, data: '\\(.)'}\n",
	.roles = ROLE_SINK,
	.options = options,
	.options_size = sizeof(struct socket_sink),
	.shared_size = sizeof(struct sink_shared),
	.plan = websocket_plan,
	.open = websocket_open,
	.close = websocket_close,
	.ask = websocket_ask,
	.call = websocket_call,
};
