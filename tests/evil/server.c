/* server.c - the evil server
 *
 * What this room is for: the far side of every script. It reads requests with code of its own, so that a mistake in the product's
 *   parser cannot hide behind itself.
 * What flows through:    requests in, of which only path, number and length matter; the script's moves out.
 * What must hold:        (1) it never holds more than a few blocks, so that what is measured is the client's. (2) whatever the client
 *   does, a connection of this server ends: by the client's end, or with the server's task. */
#include "server.h"
#include "base/units.h"
#include "tls_far.h"
#include <errno.h>
#include <hocket/hocket.h>
#include <stdlib.h>
#include <string.h>

enum { HEAD_MOST = 16 << 10, FLOOD_STEP = 64 << 10, FLOODS_MOST = 4096 };

struct line { /* one connection */
	struct evil_server *server;
	int fd;
	struct tls_far *tls;  /* owns; NULL: plain */
	bool first;           /* of the server's connections */
	char head[HEAD_MOST]; /* what was read and not yet understood */
	size_t n;
};

/* ---- bytes ----------------------------------------------------------------------------------------- */

static ssize_t line_read(struct line *l, void *p, size_t n) SUSPENDS
{
	return l->tls ? tls_far_read(l->tls, p, n) : hk_read(l->fd, p, n);
}

static ssize_t line_write(struct line *l, const void *p, size_t n) SUSPENDS
{
	return l->tls ? tls_far_write(l->tls, p, n) : hk_write(l->fd, p, n);
}

/* ---- requests -------------------------------------------------------------------------------------- */

struct asked {
	bool evil;
	unsigned id;
	size_t head, body; /* bytes */
};

static unsigned number_of(struct slice text)
{
	unsigned n = 0;
	for (size_t i = 0; i < text.n && text.p[i] >= '0' && text.p[i] <= '9'; i++)
		n = 10 * n + (unsigned)(text.p[i] - '0');
	return n;
}

/* "GET /evil?id=00000017 HTTP/1.1" and what follows, up to the empty line. */
static void understand(struct line *l, struct slice head, struct asked *ret)
{
	struct slice line, name, value;
	const char *id = memmem(head.p, head.n, "?id=", 4);
	*ret = (struct asked){ .evil = memmem(head.p, head.n, " /evil", 6) != NULL,
			       .head = head.n };
	if (id)
		ret->id = number_of((struct slice){ id + 4, (size_t)(head.p + head.n - id - 4) });
	while (slice_cut(head, '\n', &line, &head)) {
		if (!slice_cut(line, ':', &name, &value))
			continue;
		if (slice_eq_nocase(name, S("content-length")))
			ret->body = number_of(slice_trim(value));
		l->server->told_secrets |= slice_eq_nocase(name, S("authorization"));
		l->server->told_secrets |= slice_eq_nocase(name, S("x-smuggled"));
	}
}

/* 1, or 0: the client is gone, or says what is no request. */
static int read_head(struct line *l, struct asked *ret) SUSPENDS
{
	const char *end;
	while (!(end = memmem(l->head, l->n, "\r\n\r\n", 4))) {
		ssize_t n = l->n < HEAD_MOST ? line_read(l, l->head + l->n, HEAD_MOST - l->n) : 0;
		if (n <= 0)
			return 0;
		l->n += (size_t)n;
	}
	understand(l, (struct slice){ l->head, (size_t)(end - l->head) + 4 }, ret);
	return 1;
}

static void drop(struct line *l, size_t n)
{
	l->n -= n;
	memmove(l->head, l->head + n, l->n);
}

/* 1, or 0: the client is gone. */
static int read_body(struct line *l, size_t body) SUSPENDS
{
	while (body > 0) {
		size_t here = l->n < body ? l->n : body;
		drop(l, here);
		body -= here;
		ssize_t n = body > 0 ? line_read(l, l->head, HEAD_MOST) : 0;
		if (n < 0 || (n == 0 && body > 0))
			return 0;
		l->n += (size_t)n;
	}
	return 1;
}

static void read_to_the_end(struct line *l) SUSPENDS
{
	while (hk_read(l->fd, l->head, HEAD_MOST) > 0) {
	}
}

/* ---- moves ------------------------------------------------------------------------------------------- */

static void replace(char *text, size_t n, const char *mark, unsigned number)
{
	size_t width = strlen(mark);
	for (char *at = text; (at = memmem(at, (size_t)(text + n - at), mark, width));
	     at += width) {
		unsigned rest = number;
		for (size_t i = width; i-- > 0; rest /= 10)
			at[i] = (char)('0' + rest % 10);
	}
}

static int render(const struct line *l, const struct move *m, unsigned id, struct buf *out)
{
	int r = m->make ? m->make(out, id) : buf_add(out, (struct slice){ m->text, m->n });
	if (r == 0 && !m->make) {
		replace(out->p, out->n, ID, id);
		replace(out->p, out->n, PORT, l->server->port);
	}
	return r;
}

static ssize_t drip(struct line *l, struct slice text, int64_t ns) SUSPENDS
{
	ssize_t r = 0;
	for (size_t i = 0; i < text.n && r >= 0; i++) {
		r = line_write(l, text.p + i, 1);
		if (r >= 0)
			r = hk_sleep(ns);
	}
	return r;
}

/* Until the client has had enough. One that never has is met by silence in the end, and judged by what it took. */
static ssize_t flood(struct line *l, struct slice text) SUSPENDS
{
	AUTO(buf_done) struct buf many = { 0 };
	ssize_t r = 0;
	while (many.n < FLOOD_STEP && r == 0)
		r = buf_add(&many, text);
	for (unsigned i = 0; i < FLOODS_MOST && r >= 0; i++)
		r = line_write(l, many.p, many.n);
	if (r >= 0)
		read_to_the_end(l);
	return -EPIPE;
}

static ssize_t say(struct line *l, const struct move *m, unsigned id) SUSPENDS
{
	AUTO(buf_done) struct buf text = { 0 };
	ssize_t r = render(l, m, id, &text);
	if (r < 0)
		return r;
	if (m->kind == MOVE_FLOOD)
		return flood(l, buf_slice(&text));
	if (m->kind == MOVE_DRIP)
		return drip(l, buf_slice(&text), m->ns);
	if (m->kind == MOVE_RAW)
		return hk_write(l->fd, text.p, text.n);
	return line_write(l, text.p, m->most && m->most < text.n ? m->most : text.n);
}

static ssize_t finish(struct line *l, enum move_kind kind) SUSPENDS
{
	if (kind == MOVE_FIN && hk_send_eof(l->fd) < 0)
		return -EPIPE;
	if (kind == MOVE_FIN || kind == MOVE_HANG)
		read_to_the_end(l);
	if (kind == MOVE_RESET)
		(void)hk_close_reset(l->fd);
	if (kind == MOVE_RESET)
		l->fd = -1;
	return -EPIPE;
}

/* 0: the connection goes on; < 0: it is over. */
static ssize_t play(struct line *l, unsigned id) SUSPENDS
{
	const struct script *s = l->server->script;
	ssize_t r = 0;
	l->server->evil++;
	for (size_t i = 0; i < ARRAY_SIZE(s->moves) && r >= 0; i++) {
		const struct move *m = &s->moves[i];
		if (m->kind == MOVE_END)
			break;
		if (m->kind == MOVE_PAUSE)
			r = hk_sleep(m->ns);
		else if (m->kind == MOVE_TLS)
			r = m->tls(l->tls);
		else if (m->kind <= MOVE_FLOOD)
			r = say(l, m, id);
		else
			r = finish(l, m->kind);
	}
	return r;
}

/* ---- connections ---------------------------------------------------------------------------------------- */

static ssize_t answer(struct line *l, const struct asked *a) SUSPENDS
{
	static const struct move good = SAY(GOOD);
	const struct script *s = l->server->script;
	bool evil = a->evil && !s->greets && !s->proxied && !(s->once && l->server->evil > 0);
	return evil ? play(l, a->id) : say(l, &good, a->id);
}

static ssize_t serve_one(struct line *l) SUSPENDS
{
	struct asked a;
	if (read_head(l, &a) == 0)
		return -EPIPE;
	l->server->asked += a.evil;
	drop(l, a.head);
	if (a.evil && l->server->script->unread)
		return play(l, a.id);
	return read_body(l, a.body) == 0 ? -EPIPE : answer(l, &a);
}

/* A proxy's part: the first CONNECT is answered by the script, and, if that comes to its end, there is a tunnel. */
static ssize_t open_tunnel(struct line *l) SUSPENDS
{
	static const struct move good = SAY("HTTP/1.1 200 Connection established\r\n\r\n");
	struct asked a;
	if (read_head(l, &a) == 0)
		return -EPIPE;
	drop(l, a.head);
	return l->first ? play(l, 0) : say(l, &good, 0);
}

/* https: to the handshake's end, or - the first connection of a script without manners - the script instead of it. */
static ssize_t shake_hands(struct line *l) SUSPENDS
{
	static const struct tls_manner decent;
	const struct script *s = l->server->script;
	bool evil = l->first && !s->manner && !s->proxied;
	if (s->proxied && open_tunnel(l) < 0)
		return -EPIPE;
	if (evil && !s->greets && hk_read(l->fd, l->head, HEAD_MOST) <= 0)
		return -EPIPE;
	if (evil) {
		(void)play(l, 0);
		return -EPIPE;
	}
	l->tls = tls_far_accept(l->fd, l->first && s->manner ? s->manner : &decent);
	if (l->tls)
		return 0;
	if (l->first && s->manner->most)
		return finish(l, s->moves[0].kind);
	read_to_the_end(l); /* a reset would overtake the alert */
	return -EPIPE;
}

static int serve(void *arg) SUSPENDS
{
	struct line *l = arg;
	ssize_t r = 0;
	if (l->server->script->https)
		r = shake_hands(l);
	else if (l->server->script->greets && l->first)
		r = play(l, 0);
	while (r >= 0)
		r = serve_one(l);
	tls_far_free(l->tls);
	if (l->fd >= 0)
		(void)hk_close(l->fd);
	free(l);
	return 0;
}

int evil_server_open(struct evil_server *s)
{
	s->listener = hk_listen("127.0.0.1", 0, 128);
	if (s->listener >= 0)
		s->port = (uint16_t)hk_socket_port(s->listener);
	return s->listener;
}

void evil_server_close(struct evil_server *s)
{
	(void)hk_close(s->listener);
}

int evil_server_run(void *server) SUSPENDS
{
	struct evil_server *s = server;
	struct hk_group g;
	int r = 0;
	hk_group_open(&g, NULL);
	while (r >= 0) {
		r = hk_accept(s->listener);
		if (r < 0)
			break;
		struct line *l = malloc(sizeof(*l));
		ASSERT(l);
		l->server = s;
		l->fd = r;
		l->tls = NULL;
		l->n = 0;
		l->first = s->connections++ == 0;
		r = hk_spawn(&g, serve, l);
	}
	return hk_group_close(&g, r);
}
