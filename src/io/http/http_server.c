/* http_server.c - a small HTTP/1.1 server on the loop
 *
 * What this room is for: answering a handful of programs well: the demo API, later dashboard and webhooks.
 * What flows through:    a connection's task reads a request, calls the handler, writes the reply, and begins again.
 *
 *   accept --> READ --request--> handler --> WRITE --+--> READ ...
 *                |                             |     '--> close (asked for, HTTP/1.0, truncate)
 *                |                             '--------> reset (drop)
 *                +-- quiet, too slow, or closed by the peer ------> close
 *                '-- malformed, too large --> 400 413 431 503 ---> linger, close
 * What must hold:
 *  (1) what could be understood in two ways is refused by the parser, so that nobody can smuggle a request past us.
 *  (2) the idle clock runs over a whole head, and over each piece of a body; never while the handler works. A head and a
 *      body may have clocks of their own as a whole, which no drop of bytes now and then sets back.
 *  (3) a waiting connection holds no block of the spare ones, and little else: what a large request took is given back.
 *  (4) an error answer is followed by a short linger: closing on unread bytes would reset it away.
 *  (5) who wants in when there are as many connections as there may be gets the place of the one that is quiet for longest, or of the next
 *      that is answered.
 *  (6) what heads and bodies take is counted over all connections as they grow: `held` is the sum of their `charged`. */
#include "io/http/http_server.h"
#include "io/http/http_parse.h"
#include "io/spare.h"
#include "io/url.h"
#include <errno.h>
#include <hocket/fd.h>
#include <hocket/group.h>
#include <hocket/run.h>
#include <hocket/scope.h>
#include <hocket/sync.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_HEAD        (64u << 10)
#define MAX_BODY        (UINT64_C(16) << 20)
#define IDLE_NS         (60 * HK_SEC)
#define MAX_CONNECTIONS 10000
#define FREE_NS         HK_SEC /* quiet for so long, a connection is closed when others want in */
#define LINGER_NS       (500 * HK_MS)
#define LINGER_BYTES    (256u << 10)
#define KEPT_BYTES      (8u << 10) /* of a head, of a body, between two requests */

struct http_server {
	int listener;
	http_handler *handler;
	void *arg;
	uint64_t max_body, max_held, held;
	size_t max_head;
	int64_t idle_ns, head_ns, body_ns;
	struct serving *first;    /* all connections */
	struct hk_scope *accepts; /* borrows: around accepting; NULL: it does not run */
	bool stops;
	struct hk_sem slots; /* connections that may still be accepted */
	struct spare spare;
	int64_t date_s; /* of the date below */
	char date[40];  /* "Date: ...\r\n" */
};

struct serving { /* one connection; owned by its task */
	struct http_server *server;
	struct serving *next, *prev;
	struct hk_scope
		*idle; /* borrows: it waits for a request of which not a byte has come; else NULL */
	uint64_t charged;      /* of server->held */
	int64_t body_until_ns; /* 0: no body yet, or no clock for it */
	int fd;
	struct http_parse parse;
	char *block;       /* borrowed while bytes of it are unread; else NULL */
	struct slice rest; /* unread bytes in the block */
	struct buf body;
	int64_t idle_since_ns;
	bool begun;   /* the clock of a head runs */
	bool expects; /* the client waits for 100 Continue */
	bool drop;    /* the handler wants no answer but a reset */
};

/* ---- life ----------------------------------------------------------------------------------------------- */

static const char *why_not(int r)
{
	return r == -EADDRINUSE      ? " (another program has it, or another run)"
	       : r == -EACCES        ? " (one below 1024 is for root: take a higher one)"
	       : r == -EADDRNOTAVAIL ? " (the address of another machine?)"
				     : "";
}

int http_server_open(const char *address, uint16_t port, http_handler *handler, void *arg,
		     const struct http_server_options *o, struct http_server **ret, struct err *err)
{
	static const struct http_server_options none;
	if (!o)
		o = &none;
	*ret = NULL;
	int fd = hk_listen(address, port, 1024);
	if (fd < 0)
		return fail_errno(err, FAULT_CONFIG, fd, "listening on '%s' port %u%s", address,
				  port, why_not(fd));
	struct http_server *s = xcalloc(1, sizeof(*s));
	s->listener = fd;
	s->handler = handler;
	s->arg = arg;
	s->max_body = o->max_body_bytes ? o->max_body_bytes : MAX_BODY;
	s->max_held = o->max_held_bytes ? o->max_held_bytes : UINT64_MAX;
	s->max_head = o->max_head_bytes ? o->max_head_bytes : MAX_HEAD;
	s->idle_ns = o->idle_ns > 0 ? o->idle_ns : IDLE_NS;
	s->head_ns = o->head_ns;
	s->body_ns = o->body_ns;
	s->slots = HK_SEM(o->max_connections ? o->max_connections : MAX_CONNECTIONS);
	*ret = s;
	return 0;
}

int http_server_port(const struct http_server *s)
{
	return hk_socket_port(s->listener);
}

static void stop_listening(struct http_server *s)
{
	if (s->listener >= 0)
		(void)hk_close(
			s->listener); /* nothing was written to it: there is nothing to lose */
	s->listener = -1;
}

void http_server_stop(struct http_server *s)
{
	s->stops = true;
	if (s->accepts)
		hk_scope_cancel(s->accepts);
	for (struct serving *c = s->first; c; c = c->next)
		if (c->idle)
			hk_scope_cancel(c->idle);
}

void http_server_free(struct http_server *s)
{
	if (!s)
		return;
	ASSERT(!s->first && s->held == 0);
	stop_listening(s);
	spare_done(&s->spare);
	free(s);
}

/* ---- what connections hold ---------------------------------------------------------------------------------- */

static void charge(struct serving *c, uint64_t bytes)
{
	c->server->held += bytes - c->charged;
	c->charged = bytes;
}

/* false: that is too much, beside what the others have. */
static bool charge_request(struct serving *c)
{
	const struct http_server *s = c->server;
	uint64_t bytes = c->parse.block_cap + c->body.cap;
	bool fits = s->held - c->charged + bytes <= s->max_held;
	charge(c, bytes);
	return fits;
}

/* Before the next request, which may be long in coming. */
static void let_request_go(struct serving *c)
{
	if (c->parse.block_cap > KEPT_BYTES)
		free(http_parse_take_block(&c->parse));
	http_parse_start(&c->parse, false);
	if (c->body.cap > KEPT_BYTES)
		buf_done(&c->body);
	buf_clear(&c->body);
	c->expects = false;
	c->body_until_ns = 0;
	charge(c, c->parse.block_cap + c->body.cap);
}

static void enlist(struct http_server *s, struct serving *c)
{
	c->next = s->first;
	if (s->first)
		s->first->prev = c;
	s->first = c;
}

static void delist(struct http_server *s, struct serving *c)
{
	*(c->prev ? &c->prev->next : &s->first) = c->next;
	if (c->next)
		c->next->prev = c->prev;
}

/* ---- reading a request ------------------------------------------------------------------------------------ */

static void give_block_back(struct serving *c)
{
	spare_put(&c->server->spare, take(c->block));
	c->rest = (struct slice){ 0 };
}

/* More bytes into c->rest, which is empty. 1, 0 at the end of the stream, -errno. */
static int read_more(struct serving *c) SUSPENDS
{
	give_block_back(c);
	int r = hk_fd_wait(c->fd, HK_READ);
	if (r < 0)
		return r;
	hk_fd_rearm(c->fd, HK_READ);
	c->block = spare_get(&c->server->spare);
	ssize_t n = hk_read(c->fd, c->block, SPARE_BYTES);
	if (n <= 0) {
		give_block_back(c);
		return (int)n;
	}
	c->rest = (struct slice){ c->block, (size_t)n };
	return 1;
}

static bool header_is(const struct http_parse *p, struct slice name, struct slice value)
{
	for (size_t i = 0; i < p->header_count; i++)
		if (slice_eq_nocase(p->headers[i].name, name))
			return slice_eq_nocase(p->headers[i].value, value);
	return false;
}

/* The head is there: 0, or the status of the refusal. */
static int on_head(struct serving *c)
{
	const struct http_parse *p = &c->parse;
	if (p->length > c->server->max_body)
		return 413;
	c->expects = p->minor > 0 && header_is(p, S("Expect"), S("100-continue"));
	return 0;
}

static int refusal(const struct http_parse *p)
{
	if (p->error == -EMSGSIZE)
		return p->body_bytes > 0 || p->headers ? 413 : 431;
	return 400;
}

/* What is in c->rest moves into the machine. 1: the request is complete, 0: more is needed, > 1: a refusal's status. */
static int take_rest(struct serving *c)
{
	for (;;) {
		int r = 0;
		struct slice piece;
		switch (http_parse_next(&c->parse, &c->rest, &piece)) {
		case HTTP_MORE:
			return 0;
		case HTTP_HEAD:
			r = on_head(c);
			break;
		case HTTP_DATA:
			c->expects = false;
			r = buf_add(&c->body, piece) < 0 ? 413 : 0;
			break;
		case HTTP_END:
			return 1;
		case HTTP_BAD:
			return refusal(&c->parse);
		}
		if (r != 0)
			return r;
	}
}

static int send_continue(struct serving *c) SUSPENDS
{
	struct slice text = S("HTTP/1.1 100 Continue\r\n\r\n");
	c->expects = false;
	ssize_t n = hk_write(c->fd, text.p, text.n);
	return n < 0 ? (int)n : 0;
}

/* How long the next bytes may take. A head's clock is set once, with its first byte, which may have come behind the request before; each
 * piece of a body has a clock of its own. */
static void set_clock(struct serving *c, struct hk_scope *clock)
{
	const struct http_server *s = c->server;
	if (http_parse_untouched(&c->parse))
		return;
	c->idle = NULL;
	if (!c->parse.headers) {
		if (!c->begun && s->head_ns > 0)
			hk_scope_extend(clock, s->head_ns);
		c->begun = true;
		return;
	}
	if (c->body_until_ns == 0 && s->body_ns > 0)
		c->body_until_ns = hk_now_ns() + s->body_ns;
	int64_t left = c->body_until_ns ? c->body_until_ns - hk_now_ns() : s->idle_ns;
	hk_scope_extend(clock, left < s->idle_ns ? left : s->idle_ns);
}

static int take_and_charge(struct serving *c)
{
	int r = take_rest(c);
	return charge_request(c) || r > 1 ? r : 503;
}

/* 1: a request is complete; 0: the peer is gone or quiet; > 1: a refusal's status. */
static int read_request(struct serving *c) SUSPENDS
{
	struct hk_scope clock;
	int r;
	hk_scope_open(&clock, c->server->idle_ns);
	c->idle = c->rest.n == 0 ? &clock : NULL;
	c->begun = false;
	c->idle_since_ns = hk_now_ns();
	if (c->idle && c->server->stops)
		hk_scope_cancel(&clock);
	while ((r = take_and_charge(c)) == 0) {
		set_clock(c, &clock);
		if (c->expects && send_continue(c) < 0)
			break;
		if (read_more(c) <= 0)
			break;
	}
	c->idle = NULL;
	return hk_scope_close(&clock, r);
}

/* ---- writing a reply ---------------------------------------------------------------------------------------- */

static const char *reason(int status)
{
	static const struct {
		int status;
		const char *text;
	} reasons[] = {
		{ 200, "OK" },
		{ 201, "Created" },
		{ 202, "Accepted" },
		{ 204, "No Content" },
		{ 301, "Moved Permanently" },
		{ 302, "Found" },
		{ 303, "See Other" },
		{ 304, "Not Modified" },
		{ 307, "Temporary Redirect" },
		{ 308, "Permanent Redirect" },
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 408, "Request Timeout" },
		{ 409, "Conflict" },
		{ 412, "Precondition Failed" },
		{ 413, "Content Too Large" },
		{ 422, "Unprocessable Content" },
		{ 429, "Too Many Requests" },
		{ 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" },
		{ 502, "Bad Gateway" },
		{ 503, "Service Unavailable" },
		{ 504, "Gateway Timeout" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
		if (reasons[i].status == status)
			return reasons[i].text;
	return "";
}

/* RFC 9110 6.6.1, written anew once a second. */
static const char *date_line(struct http_server *s)
{
	int64_t now = hk_wall_ns() / HK_SEC;
	if (now == s->date_s)
		return s->date;
	time_t t = (time_t)now;
	struct tm tm;
	gmtime_r(&t, &tm);
	strftime(s->date, sizeof(s->date), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &tm);
	s->date_s = now;
	return s->date;
}

struct outgoing { /* a reply, decided */
	int status;
	bool head_only, close;
	const char *connection; /* header line or "" */
	size_t length;          /* of the body as announced */
	size_t send;            /* of it, what is really sent */
};

static int put_head(struct serving *c, const struct http_reply *r, const struct outgoing *o,
		    struct buf *out)
{
	int e = buf_printf(out, "HTTP/1.1 %d %s\r\n%s%s", o->status, reason(o->status),
			   date_line(c->server), o->connection);
	if (e == 0 && o->status != 204 && o->status != 304)
		e = buf_printf(out, "Content-Type: %s\r\nContent-Length: %zu\r\n",
			       r->content_type ? r->content_type : "application/json", o->length);
	for (size_t i = 0; e == 0 && i < r->header_count; i++)
		if (http_is_token(r->headers[i].name) && http_is_value(r->headers[i].value))
			e = buf_printf(out, "%.*s: %.*s\r\n", SLICE(r->headers[i].name),
				       SLICE(r->headers[i].value));
	if (e == 0)
		e = buf_add(out, buf_slice(&r->lines));
	return e < 0 ? e : buf_add(out, S("\r\n"));
}

static struct outgoing decide(const struct serving *c, const struct http_reply *r)
{
	const struct http_parse *p = &c->parse;
	struct outgoing o = { .status = r->status ? r->status : 200, .length = r->body.n };
	bool bodyless = o.status == 204 || o.status == 304;
	o.head_only = bodyless || slice_eq(p->method, S("HEAD"));
	o.send = o.head_only ? 0 : r->body.n;
	bool cut = r->truncate > 0 && r->truncate < o.send;
	if (cut)
		o.send = r->truncate;
	o.close = r->close || cut || !p->keep_alive || c->server->stops ||
		  hk_sem_waiting(&c->server->slots) > 0;
	o.connection = o.close && !cut             ? "Connection: close\r\n"
		       : p->minor == 0 && !o.close ? "Connection: keep-alive\r\n"
						   : "";
	return o;
}

/* Head and body leave in one send when they are small. 0, -errno. */
static int write_reply(struct serving *c, const struct http_reply *r,
		       const struct outgoing *o) SUSPENDS
{
	struct hk_scope idle;
	AUTO(buf_done) struct buf head = { .max = MAX_HEAD };
	int e = buf_reserve(&head, 512 + (o->send < 8192 ? o->send : 0));
	if (e == 0)
		e = put_head(c, r, o, &head);
	if (e < 0)
		return e;
	hk_scope_open(&idle, c->server->idle_ns);
	ssize_t n;
	if (o->send < 8192) {
		e = buf_add(&head, slice_head(buf_slice(&r->body), o->send));
		n = e < 0 ? e : hk_write(c->fd, head.p, head.n);
	} else {
		struct iovec iov[2] = { { head.p, head.n }, { r->body.p, o->send } };
		n = hk_writev(c->fd, iov, 2);
	}
	return hk_scope_close(&idle, n < 0 ? (int)n : 0);
}

/* ---- one connection ------------------------------------------------------------------------------------------- */

static struct http_incoming incoming(const struct serving *c)
{
	const struct http_parse *p = &c->parse;
	struct http_incoming in = { .method = p->method,
				    .target = p->target,
				    .headers = p->headers,
				    .header_count = p->header_count,
				    .minor = p->minor,
				    .body = buf_slice(&c->body),
				    .fd = c->fd,
				    .rest = c->rest,
				    .spare = &c->server->spare };
	struct url u;
	if (slice_starts(in.target, S("http")) && url_parse(in.target, &u, NULL) == 0)
		in.target = u.target; /* RFC 9112 3.2.2: the absolute form */
	slice_cut(in.target, '?', &in.path, &in.query);
	return in;
}

static void reply_done(struct http_reply *r)
{
	buf_done(&r->body);
	buf_done(&r->lines);
}

/* false: the connection is to be closed. */
static bool answer(struct serving *c) SUSPENDS
{
	AUTO(reply_done) struct http_reply r = { 0 };
	struct http_incoming in = incoming(c);
	c->server->handler(c->server->arg, &in, &r);
	c->drop = r.drop;
	if (r.drop || r.taken)
		return false;
	struct outgoing o = decide(c, &r);
	return write_reply(c, &r, &o) == 0 && !o.close;
}

/* Says why, then lets the peer finish talking for a moment, so that it reads the answer before the reset. */
static void refuse(struct serving *c, int status) SUSPENDS
{
	AUTO(reply_done)
	struct http_reply r = { .status = status, .close = true, .content_type = "text/plain" };
	const char *why = c->parse.why ? c->parse.why : reason(status);
	if (status == 503 && buf_add(&r.lines, S("Retry-After: 1\r\n")) < 0)
		return;
	if (buf_printf(&r.body, "%s\n", why) == 0) {
		struct outgoing o = decide(c, &r);
		if (write_reply(c, &r, &o) == 0 && hk_send_eof(c->fd) == 0) {
			struct hk_scope linger;
			size_t n = 0;
			hk_scope_open(&linger, LINGER_NS);
			while (n < LINGER_BYTES && read_more(c) > 0)
				n += c->rest.n;
			(void)hk_scope_close(&linger, 0); /* closed either way */
		}
	}
}

static int serve(void *arg) SUSPENDS
{
	struct serving *c = arg;
	int r = 1;
	bool more = true;
	http_parse_init(&c->parse, HTTP_REQUEST, c->server->max_head);
	c->body.max = c->server->max_body;
	while (more && r == 1) {
		let_request_go(c);
		r = read_request(c);
		if (r == 1)
			more = answer(c);
	}
	if (r > 1)
		refuse(c, r);
	give_block_back(c);
	http_parse_done(&c->parse);
	buf_done(&c->body);
	charge(c, 0);
	delist(c->server, c);
	(void)(c->drop ? hk_close_reset(c->fd) : hk_close(c->fd)); /* the peer sees a short body */
	hk_sem_release(&c->server->slots);
	free(c);
	return 0;
}

/* ---- accepting -------------------------------------------------------------------------------------------------- */

/* The connection that has been quiet for longest; none that may just have been opened. */
static void close_idle(struct http_server *s)
{
	struct serving *found = NULL;
	int64_t since = hk_now_ns() - FREE_NS;
	for (struct serving *c = s->first; c; c = c->next)
		if (c->idle && c->idle_since_ns <= since) {
			found = c;
			since = c->idle_since_ns;
		}
	if (found)
		hk_scope_cancel(found->idle);
}

static int acquire_soon(struct http_server *s) SUSPENDS
{
	struct hk_scope soon;
	hk_scope_open(&soon, FREE_NS);
	return hk_scope_close(&soon, hk_sem_acquire(&s->slots));
}

/* Somebody is at the door, and does not wait for those who say nothing. */
static int wait_slot(struct http_server *s) SUSPENDS
{
	int r = hk_sem_try_acquire(&s->slots);
	while (r == -EAGAIN || r == -ETIMEDOUT) {
		close_idle(s);
		r = acquire_soon(s);
	}
	return r;
}

static int accept_one(struct http_server *s, struct hk_group *g) SUSPENDS
{
	int fd = hk_accept(s->listener);
	if (fd < 0)
		return fd;
	int r = wait_slot(s);
	if (r < 0) {
		(void)hk_close(fd);
		return r;
	}
	struct serving *c = xcalloc(1, sizeof(*c));
	c->server = s;
	c->fd = fd;
	enlist(s, c);
	r = hk_spawn(g, serve, c);
	if (r < 0) {
		delist(s, c);
		(void)hk_close(fd);
		hk_sem_release(&s->slots);
		free(c);
	}
	return r == -ENOMEM ? hk_sleep(20 * HK_MS) : r;
}

/* Until the listener fails, the task is cancelled, or http_server_stop: 0. */
static int accept_all(struct http_server *s, struct hk_group *g) SUSPENDS
{
	struct hk_scope accepts;
	int r = 0;
	hk_scope_open(&accepts, HK_FOREVER);
	s->accepts = &accepts;
	while (r == 0 && !s->stops)
		r = accept_one(s, g);
	s->accepts = NULL;
	r = hk_scope_close(&accepts, r);
	if (!s->stops)
		return r;
	stop_listening(s);
	return hk_checkpoint();
}

int http_server_run(struct http_server *s, struct err *err)
{
	struct hk_group g;
	hk_group_open(&g,
		      &(struct hk_group_options){ .policy = HK_COLLECT, .name = "http server" });
	int r = hk_group_close(&g, accept_all(s, &g));
	if (r == 0 || r == -ECANCELED)
		return 0;
	return fail_errno(err, FAULT_IO, r, "accepting connections on port %d",
			  http_server_port(s));
}

/* ---- for handlers ------------------------------------------------------------------------------------------------ */

bool http_incoming_header(const struct http_incoming *in, const char *name, struct slice *ret)
{
	struct slice wanted = slice_str(name);
	for (size_t i = 0; i < in->header_count; i++) {
		if (!slice_eq_nocase(in->headers[i].name, wanted))
			continue;
		*ret = in->headers[i].value;
		return true;
	}
	return false;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 32);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* application/x-www-form-urlencoded. false: no room. */
static bool put_decoded(struct slice s, struct buf *out)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i] == '+' ? ' ' : s.p[i];
		if (c == '%' && i + 2 < s.n && hex_value(s.p[i + 1]) >= 0 &&
		    hex_value(s.p[i + 2]) >= 0) {
			c = (char)(hex_value(s.p[i + 1]) * 16 + hex_value(s.p[i + 2]));
			i += 2;
		}
		if (buf_add_char(out, c) < 0)
			return false;
	}
	return true;
}

bool http_incoming_query(const struct http_incoming *in, const char *name, struct buf *out)
{
	struct slice rest = in->query;
	while (rest.n > 0) {
		struct slice pair, key, value;
		AUTO(buf_done) struct buf decoded = { 0 };
		slice_cut(rest, '&', &pair, &rest);
		slice_cut(pair, '=', &key, &value);
		if (put_decoded(key, &decoded) && slice_eq_str(buf_slice(&decoded), name))
			return put_decoded(value, out);
	}
	return false;
}
