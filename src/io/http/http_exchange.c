/* http_exchange.c - one request and its answer on a connection
 *
 * What this room is for: the only place where bytes of an exchange move. It knows at each moment what the far side can have
 *   seen, which clock runs, and whether the connection may live on.
 * What flows through:    head and small body leave in one send; the answer is read into a borrowed block, its head moves to
 *   the response's storage, its body to the response's buffer; long plain bodies are read straight into that.
 *
 *   pool ----- quiet? ----+                      +--- complete, nothing left over, keep-alive ---> pool
 *                         v                      |
 *   http_conn_open --> WRITE --> FIRST BYTE --> BODY --- anything else ---> closed
 *                         |          |
 *                         +----------+-- reused, closed before the first byte, and safe, keyed or
 *                                        not sent: once more on a fresh connection
 * What must hold:
 *  (1) the connection goes back to the pool in exactly one place, after HTTP_END with no byte left over.
 *  (2) `sent` is set before bytes can leave and taken back only when it is certain that none did.
 *  (3) one scope carries all clocks of an exchange; it is moved from phase to phase, so that there is one timer.
 *  (4) a code travels up to tell(), where the story is told once. */
#include "io/guard.h"
#include "io/http/http_client_.h"
#include "io/http/http_parse.h"
#include <errno.h>
#include <hocket/run.h>
#include <hocket/scope.h>
#include <stdio.h>
#include <string.h>

#define MAX_HEAD       (256u << 10)
#define MAX_BODY       (UINT64_C(64) << 20)
#define MOST_BODY      (UINT64_C(1) << 60) /* above any memory, and four times it is still a number */
#define INFLATED_TIMES 4
#define TAKEN_WHOLE \
	(8u << 10) /* what one send into an empty socket buffer takes whole, or not at all */
#define WRITE_STEP (256u << 10) /* of a large body; each step has its own idle clock */
#define READ_STEP  (1u << 20)   /* room made at a time for a large body */
#define ROOM_FREE  (32u << 10)  /* a body that nobody needs to be asked for */
#define READ_MOST  (256u << 10) /* of one read: the window opens again while we go on */

enum phase { PHASE_WRITE, PHASE_FIRST_BYTE, PHASE_BODY };

struct exchange {
	struct http_client *client;
	const struct http_request *request;
	const struct http_head *head;
	struct http_conn *conn;
	struct http_response *ret;
	struct http_parse parse;
	struct http_inflate *inflate;
	struct hk_scope clock;
	bool clocked;
	enum phase phase;
	bool sent;      /* the far side may have seen (part of) the request */
	bool heard;     /* a byte of the answer came */
	bool broken;    /* the request could not be written whole, yet an answer may be there */
	bool left_over; /* bytes behind the answer */
	uint64_t max_body;
	uint64_t room; /* so much of the body was asked for, or needs no asking */
	int64_t start_ns;
	const char *why; /* static, with -EBADMSG and -EMSGSIZE */
	char said[48];   /* how an answer that is not HTTP begins */
};

/* ---- clocks -------------------------------------------------------------------------------------- */

static int64_t clock_or_forever(int64_t ns)
{
	return ns > 0 ? ns : HK_FOREVER;
}

static void clock_open(struct exchange *x)
{
	const struct http_clocks *c = &x->request->clocks;
	x->clocked = c->first_byte_ns > 0 || c->idle_ns > 0;
	if (x->clocked)
		hk_scope_open(&x->clock, clock_or_forever(c->first_byte_ns));
}

static int clock_close(struct exchange *x, int r)
{
	return x->clocked ? hk_scope_close(&x->clock, r) : r;
}

static void clock_restart(struct exchange *x, enum phase phase)
{
	const struct http_clocks *c = &x->request->clocks;
	x->phase = phase;
	if (x->clocked)
		hk_scope_extend(&x->clock,
				clock_or_forever(phase == PHASE_FIRST_BYTE ? c->first_byte_ns
									   : c->idle_ns));
}

/* ---- writing ---------------------------------------------------------------------------------------- */

static int write_all(struct exchange *x, const char *p, size_t n) SUSPENDS
{
	struct iovec iov = { (void *)(uintptr_t)p, n };
	return x->conn->wire->write(x->conn, &iov, 1);
}

/* A request that fits a block goes out in one send. When a short one fails, nothing of it was taken: the buffer of a
 * connection between exchanges is empty. */
static int write_small(struct exchange *x, const struct http_body *body) SUSPENDS
{
	char *block = spare_get(&x->client->spare);
	size_t n = http_head_put(x->head, block);
	for (size_t i = 0; i < body->n; i++) {
		if (body->parts[i].n > 0)
			memcpy(block + n, body->parts[i].p, body->parts[i].n);
		n += body->parts[i].n;
	}
	int r = write_all(x, block, n);
	spare_put(&x->client->spare, block);
	if (r == 0)
		x->client->stats.bytes_out += n;
	else if (r == -ECONNRESET && n <= TAKEN_WHOLE)
		x->sent = false;
	return r;
}

/* Step by step, so that a slow but living upload is not idle. */
static int write_steps(struct exchange *x, struct slice part) SUSPENDS
{
	int r = 0;
	while (r == 0 && part.n > 0) {
		struct slice step = slice_head(part, WRITE_STEP);
		clock_restart(x, PHASE_WRITE);
		r = write_all(x, step.p, step.n);
		part = slice_from(part, step.n);
	}
	return r;
}

/* Head and the first step of the body leave in one writev. */
static int write_large(struct exchange *x, size_t bound, const struct http_body *body) SUSPENDS
{
	AUTO(buf_done) struct buf head = { .max = bound };
	int r = buf_reserve(&head, bound);
	if (r < 0)
		return r;
	buf_added(&head, http_head_put(x->head, head.p));
	struct slice first = slice_head(body->parts[0], WRITE_STEP);
	struct iovec iov[2] = { { head.p, head.n }, { (void *)(uintptr_t)first.p, first.n } };
	clock_restart(x, PHASE_WRITE);
	r = x->conn->wire->write(x->conn, iov, 2);
	x->client->stats.bytes_out += head.n + body->bytes;
	if (r == 0)
		r = write_steps(x, slice_from(body->parts[0], first.n));
	for (size_t i = 1; r == 0 && i < body->n; i++)
		r = write_steps(x, body->parts[i]);
	if (r == 0)
		clock_restart(x, PHASE_FIRST_BYTE);
	return r;
}

static int write_request(struct exchange *x) SUSPENDS
{
	struct http_body body = http_request_body(x->request);
	size_t bound = http_head_bound(x->head);
	int r = hk_checkpoint();
	if (r < 0)
		return r;
	x->sent = true;
	if (bound + body.bytes <= SPARE_BYTES)
		return write_small(x, &body);
	r = write_large(x, bound, &body);
	if (r != -ECONNRESET)
		return r;
	/* Servers answer (413, 401) and close without reading everything. That answer is worth looking for. */
	x->broken = true;
	return 0;
}

/* ---- reading ------------------------------------------------------------------------------------------ */

static int refuse(struct exchange *x, int code, const char *why)
{
	x->why = why;
	return code;
}

/* Keeps the first printable bytes of what came instead of a head, for the message. */
static void quote_answer(struct exchange *x)
{
	const struct http_parse *p = &x->parse;
	size_t n = 0;
	while (n < p->block_n && n < sizeof(x->said) - 1 && p->block[n] >= ' ' &&
	       p->block[n] < 0x7f) {
		x->said[n] = p->block[n];
		n++;
	}
	x->said[n] = 0;
}

/* The head is complete: its block becomes the response's storage, and the body's buffer gets its ceiling. */
static int on_head(struct exchange *x)
{
	struct http_parse *p = &x->parse;
	struct http_response *ret = x->ret;
	ret->status = p->status;
	ret->headers = p->headers;
	ret->header_count = p->header_count;
	struct slice coding = x->request->as_sent ? S("") : p->content_encoding;
	bool bodyless = http_parse_eof(p) == HTTP_END && !p->until_close;
	ret->storage_ = http_parse_take_block(p);
	ret->body.max = x->max_body;
	if (bodyless)
		return 0;
	if (p->has_length && p->length > x->max_body)
		return refuse(x, -EMSGSIZE, "the body is larger than allowed");
	int r = http_inflate_open(&x->client->inflaters, coding, &x->inflate);
	if (r == -ENOTSUP && !x->head->given->accept_encoding)
		return refuse(x, -EBADMSG, "a Content-Encoding that was not asked for");
	if (r < 0 && r != -ENOTSUP)
		return r;
	if (x->inflate)
		ret->body.max = x->max_body * INFLATED_TIMES;
	else if (p->has_length)
		return buf_reserve(&ret->body, p->length < READ_STEP ? p->length : READ_STEP);
	return 0;
}

static int on_data(struct exchange *x, struct slice piece)
{
	if (x->parse.body_bytes > x->max_body)
		return refuse(x, -EMSGSIZE, "the body is larger than allowed");
	if (x->inflate)
		return http_inflate_add(x->inflate, piece, &x->ret->body, &x->why);
	return buf_add(&x->ret->body, piece);
}

static int on_end(struct exchange *x)
{
	if (x->inflate && http_inflate_end(x->inflate) < 0)
		return -ENODATA;
	return 1;
}

/* What is behind a 101 is the other protocol's. */
static int on_message_end(struct exchange *x, struct slice in)
{
	x->left_over = in.n > 0;
	int r = x->ret->status == 101 ? buf_add(&x->request->upgrade->rest, in) : 0;
	return r < 0 ? r : on_end(x);
}

/* Bytes came. 1: the answer is complete, 0: more is needed. */
static int take_input(struct exchange *x, struct slice in)
{
	for (;;) {
		int r = 0;
		struct slice piece;
		switch (http_parse_next(&x->parse, &in, &piece)) {
		case HTTP_MORE:
			return 0;
		case HTTP_HEAD:
			r = on_head(x);
			break;
		case HTTP_DATA:
			r = on_data(x, piece);
			break;
		case HTTP_END:
			return on_message_end(x, in);
		case HTTP_BAD:
			if (x->ret->status == 0)
				quote_answer(x);
			return refuse(x, x->parse.error, x->parse.why);
		}
		if (r < 0)
			return r;
	}
}

/* The peer ended its stream. 1: that was the end of the body. */
static int take_eof(struct exchange *x)
{
	if (!x->heard)
		return -ECONNRESET;
	return http_parse_eof(&x->parse) == HTTP_END ? on_end(x) : -ENODATA;
}

static int take_bytes(struct exchange *x, struct slice in)
{
	x->client->stats.bytes_in += in.n;
	if (!x->heard) {
		x->heard = true;
		x->phase = PHASE_BODY;
		x->ret->first_byte_ns = hk_now_ns() - x->start_ns;
	}
	return take_input(x, in);
}

/* One read into a borrowed block. */
static int read_block(struct exchange *x) SUSPENDS
{
	int r = x->conn->wire->wait(x->conn);
	if (r < 0)
		return r;
	char *block = spare_get(&x->client->spare);
	ssize_t n = x->conn->wire->read(x->conn, block, SPARE_BYTES);
	if (n > 0)
		r = take_bytes(x, (struct slice){ block, (size_t)n });
	else if (n == 0 || (n == -ENODATA && !x->heard))
		r = take_eof(
			x); /* an end that TLS was not told of cuts nothing off where nothing came */
	else
		r = (int)n;
	spare_put(&x->client->spare, block);
	return r;
}

/* A long body without any coding: one read to the place where it stays. */
static int read_direct(struct exchange *x, uint64_t left) SUSPENDS
{
	struct buf *body = &x->ret->body;
	int r = buf_reserve(body, left < READ_STEP ? (size_t)left : READ_STEP);
	if (r < 0)
		return r;
	size_t room = body->cap - body->n < READ_MOST ? body->cap - body->n : READ_MOST;
	ssize_t n =
		x->conn->wire->read(x->conn, body->p + body->n, room < left ? room : (size_t)left);
	if (n <= 0)
		return n < 0 ? (int)n : take_eof(x);
	x->client->stats.bytes_in += (size_t)n;
	buf_added(body, (size_t)n);
	http_parse_took(&x->parse, (uint64_t)n);
	return http_parse_direct(&x->parse) > 0 ? 0 : on_end(x);
}

/* Asks whoever counts the bodies of all exchanges, before this one grows beyond what was asked for. */
static int find_room(struct exchange *x, uint64_t direct) SUSPENDS
{
	const struct buf *body = &x->ret->body;
	uint64_t whole = body->n + direct;
	uint64_t next = body->n + (direct < READ_MOST ? direct : READ_MOST);
	if (!x->request->room || next <= x->room)
		return 0;
	uint64_t step = x->room > READ_STEP / 2 ? x->room * 2 : READ_STEP;
	if (direct == 0) /* who knows how long it gets */
		step = 2 * (x->room > body->cap ? x->room : body->cap);
	uint64_t bytes = direct && whole < step ? whole : step;
	if (x->clocked)
		hk_scope_extend(&x->clock, HK_FOREVER);
	int r = x->request->room(x->request->room_arg, x->ret, whole, bytes);
	x->room = bytes;
	clock_restart(x, PHASE_BODY);
	return r;
}

static int read_answer(struct exchange *x) SUSPENDS
{
	for (uint64_t turn = 1;; turn++) {
		uint64_t direct = x->inflate ? 0 : http_parse_direct(&x->parse);
		int r = find_room(x, direct);
		if (r < 0)
			return r;
		r = direct > 0 ? read_direct(x, direct) : read_block(x);
		if (r == 1)
			return 0;
		if (r == 0 && turn % 32 == 0) /* a fast peer must not keep the loop to itself */
			r = hk_yield();
		if (r < 0)
			return r;
		clock_restart(x, PHASE_BODY);
	}
}

/* ---- one exchange on one connection -------------------------------------------------------------------- */

static int converse(struct exchange *x) SUSPENDS
{
	clock_open(x);
	int r = write_request(x);
	if (r == 0)
		r = read_answer(x);
	return clock_close(x, r);
}

void http_upgrade_close(struct http_client *c, struct http_conn *conn)
{
	if (!conn)
		return;
	struct http_origin *o = conn->origin;
	http_conn_close(conn);
	http_origin_release(&c->pool, o);
}

/* The only place from which a connection goes back to the pool. */
static void finish(struct exchange *x, int r)
{
	struct http_client *c = x->client;
	bool whole = r == 0 && !x->left_over && !x->broken && x->parse.keep_alive &&
		     !x->head->given->close;
	c->stats.active--;
	if (r == 0 && x->ret->status == 101) {
		x->request->upgrade->conn = x->conn;
	} else if (whole) {
		http_pool_put(&c->pool, x->conn, hk_now_ns());
	} else {
		struct http_origin *o = x->conn->origin;
		http_conn_close(x->conn);
		http_origin_release(&c->pool, o);
	}
	x->conn = NULL;
	http_inflate_close(&c->inflaters, take(x->inflate));
	http_parse_done(&x->parse);
}

struct attempt { /* what the two tries of the stale rule share */
	struct http_client *client;
	const struct http_request *request;
	const struct http_head *head;
	struct http_origin *origin;
	const struct proxy *proxy;      /* NULL: directly */
	const struct http_guard *guard; /* NULL: the host is trusted */
	struct slice shown_url;
	bool sent; /* by the first try */
};

/* A used connection, if there is one and it may be used; else a fresh one. */
static struct http_conn *get_conn(const struct attempt *a, bool fresh, bool *ret_reused,
				  struct err *err) SUSPENDS
{
	struct http_client *c = a->client;
	struct http_origin *o = a->origin;
	struct http_conn *conn =
		fresh || a->request->upgrade ? NULL : http_pool_take(&c->pool, o, hk_now_ns());
	*ret_reused = conn != NULL;
	if (conn) {
		c->stats.reused++;
		return conn;
	}
	struct http_dial dial = { .dns = c->dns,
				  .tls = o->trust ? o->trust->tls : c->tls,
				  .spare = &c->spare,
				  .pool = &c->pool,
				  .origin = o,
				  .proxy = a->proxy,
				  .tunnel = a->request->upgrade != NULL,
				  .guard = a->guard,
				  .clocks = &a->request->clocks };
	o->uses++;
	conn = http_conn_open(&dial, err);
	if (!conn)
		http_origin_release(&c->pool, o);
	else
		c->stats.connections++;
	return conn;
}

static int set_timeout(const struct exchange *x, const char *url, struct err *err)
{
	static const char *const what[] = {
		[PHASE_WRITE] = "does not take the request any more",
		[PHASE_FIRST_BYTE] = "no answer in time",
		[PHASE_BODY] = "the answer came to a halt",
	};
	fail(err, FAULT_TIMEOUT, "%s: %s", url, what[x->phase]);
	if (err)
		err->clock = x->phase == PHASE_FIRST_BYTE ? CLOCK_FIRST_BYTE : CLOCK_IDLE;
	return -1;
}

/* The story of a code. */
static int tell(const struct exchange *x, struct slice text, int r, struct err *err)
{
	AUTO(buf_done) struct buf shown = { 0 };
	if (url_put_shown(text, &shown) < 0)
		buf_clear(&shown);
	char url[204];
	snprintf(url, sizeof(url), "'%.*s'", SLICE(slice_head(buf_slice(&shown), 200)));
	switch (r) {
	case -ETIMEDOUT:
		set_timeout(x, url, err);
		break;
	case -ECONNRESET:
		fail(err, FAULT_RESET, "%s: the connection was closed %s", url,
		     x->heard ? "in the middle of the answer" : "without an answer");
		break;
	case -ENODATA:
		fail(err, FAULT_TRUNCATED, "%s: the answer ends before it is complete", url);
		break;
	case -EMSGSIZE:
		fail(err, FAULT_TOO_LARGE, "%s: %s", url,
		     x->why ? x->why : "the body is larger than allowed");
		break;
	case -EBADMSG:
		fail(err, FAULT_PROTOCOL, "%s: %s%s%s%s", url,
		     x->why ? x->why : "TLS that makes no sense",
		     x->said[0] ? ": it begins with '" : "", x->said, x->said[0] ? "'" : "");
		break;
	case -EKEYREJECTED: /* TLS 1.3 says so only behind the handshake; the request was not looked at */
		fail(err, FAULT_CERTIFICATE, "%s: the server " TLS_REFUSES_OURS, url);
		break;
	default:
		fail_errno(err, FAULT_IO, r, "%s", url);
		break;
	}
	if (err)
		err->sent = x->sent;
	return -1;
}

enum { TRY_STALE = 1 }; /* beside 0 and -1 */

/* Field by field: what is set later (parser, scope, quotation) is not cleared for nothing. */
static void exchange_init(struct exchange *x, const struct attempt *a, struct http_response *ret)
{
	const struct http_request *q = a->request;
	x->client = a->client;
	x->request = q;
	x->head = a->head;
	x->ret = ret;
	x->inflate = NULL;
	x->why = NULL;
	x->said[0] = 0;
	x->phase = PHASE_FIRST_BYTE;
	x->sent = x->heard = x->broken = x->left_over = false;
	x->max_body = q->max_body_bytes ? q->max_body_bytes : MAX_BODY;
	if (x->max_body > MOST_BODY)
		x->max_body = MOST_BODY;
	x->room = ROOM_FREE;
	x->start_ns = hk_now_ns();
	http_parse_init(&x->parse, HTTP_ANSWER, MAX_HEAD);
	http_parse_start(&x->parse, slice_eq(q->method, S("HEAD")));
	x->parse.upgrades = q->upgrade != NULL;
}

static int try_once(struct attempt *a, bool fresh, struct http_response *ret,
		    struct err *err) SUSPENDS
{
	const struct http_request *q = a->request;
	struct exchange x;
	exchange_init(&x, a, ret);
	bool reused;
	x.conn = get_conn(a, fresh, &reused, err);
	if (!x.conn)
		return -1;
	a->client->stats.active++;
	a->client->stats.requests++;
	int r = converse(&x);
	finish(&x, r);
	ret->reused = reused;
	ret->total_ns = hk_now_ns() - x.start_ns;
	if (r == 0)
		return 0;
	http_response_done(ret);
	if (reused && r == -ECONNRESET && !x.heard &&
	    (http_method_is_safe(q->method) || q->keyed || !x.sent)) {
		a->sent = x.sent;
		return TRY_STALE;
	}
	return tell(&x, a->shown_url, r, err);
}

int http_exchange_hop(struct http_client *c, const struct http_request *q,
		      const struct http_given *given, const struct http_hop *hop,
		      struct http_response *ret, struct err *err)
{
	struct http_head head = { .request = q,
				  .given = given,
				  .url = &hop->url,
				  .user_agent = slice_str(c->user_agent),
				  .other_origin = hop->other_origin };
	const struct http_trust *trust = q->trust;
	if (trust && hop->other_origin)
		trust = trust->stranger;
	if (hop->url.tls && !trust && !c->tls && tls_context_new(c->ca_file, &c->tls, err) < 0)
		return -1;
	struct attempt a = { .client = c, .request = q, .head = &head };
	if (c->proxies && !q->direct) {
		a.proxy = proxies_find(c->proxies, &hop->url);
		head.proxy = hop->url.tls || q->upgrade ? NULL : a.proxy;
	}
	if (q->guard && (q->data_host || hop->other_origin) &&
	    !http_guard_knows(q->guard, &hop->url))
		a.guard = q->guard;
	a.origin = http_pool_origin(&c->pool, &hop->url, q->insecure, trust);
	a.shown_url = hop->text;
	int r = try_once(&a, false, ret, err);
	if (r == TRY_STALE) {
		c->stats.resent++;
		r = try_once(&a, true, ret, err);
		if (r < 0 && err)
			err->sent |= a.sent;
	}
	ASSERT(r != TRY_STALE);
	http_origin_release(&c->pool, a.origin);
	return r;
}
