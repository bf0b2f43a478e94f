/* scripted.h - a server that says what a script tells it, byte for byte, and counts what it was asked
 *
 * What this room is for: the far side of the client's tests: answers that no decent server gives, and its own count as witness.
 * How to use it:         fill `answers`; scripted_open; run scripted_run as a task until cancelled; look at the counts.
 *   The n-th request, over all connections, gets the n-th answer; the last one is repeated. */
#pragma once
#include "base/buf.h"
#include "base/units.h"
#include <errno.h>
#include <hocket/hocket.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum then { KEEP, CLOSE, RESET, HANG }; /* after the answer's text */

struct answer {
	const char *text;
	size_t n; /* 0: strlen */
	enum then then;
	bool endless;     /* the text again and again */
	const char *loop; /* endless: this instead of text, after text once */
	bool greets;      /* speaks first, without reading a request */
	bool unread;      /* answers at the end of the head and leaves the body unread */
};

struct scripted {
	int listener;
	uint16_t port;
	const struct answer *answers;
	size_t answer_count;
	unsigned next;
	unsigned connections, requests; /* as counted here */
	struct buf last;                /* the last request's bytes */
	bool deaf;                      /* accepts, and never reads */
};

struct scripted_conn {
	struct scripted *server;
	int fd;
};

static int scripted_open(struct scripted *s)
{
	s->listener = hk_listen("127.0.0.1", 0, 128);
	if (s->listener >= 0)
		s->port = (uint16_t)hk_socket_port(s->listener);
	return s->listener;
}

static void scripted_close(struct scripted *s)
{
	(void)hk_close(s->listener);
	buf_done(&s->last);
}

/* How long the request in b is: 0 while its head is not complete. */
static size_t scripted_request_length(struct slice b, bool unread)
{
	const char *end = b.n ? memmem(b.p, b.n, "\r\n\r\n", 4) : NULL;
	int64_t body = 0;
	struct slice line, rest, name, value;
	if (!end)
		return 0;
	size_t head = (size_t)(end - b.p) + 4;
	for (rest = slice_head(b, head); slice_cut(rest, '\n', &line, &rest);)
		if (slice_cut(line, ':', &name, &value) &&
		    slice_eq_nocase(name, S("content-length")) &&
		    units_int(slice_trim(value), &body) < 0)
			body = 0;
	return head + (unread ? 0 : (size_t)body);
}

/* 1: a request is in server->last; 0: the client is gone. */
static int scripted_read(struct scripted_conn *c, bool unread) SUSPENDS
{
	struct buf b = { 0 };
	size_t need;
	while ((need = scripted_request_length(buf_slice(&b), unread)) == 0 || b.n < need) {
		ssize_t n = buf_reserve(&b, 65536);
		if (n == 0)
			n = hk_read(c->fd, b.p + b.n, 65536);
		if (n <= 0) {
			buf_done(&b);
			return 0;
		}
		buf_added(&b, (size_t)n);
	}
	buf_done(&c->server->last);
	c->server->last = b;
	c->server->requests++;
	return 1;
}

static const struct answer *scripted_next(struct scripted *s)
{
	size_t i = s->next++;
	return &s->answers[i < s->answer_count ? i : s->answer_count - 1];
}

/* The text again and again, in pushes of about 64 KiB. */
static ssize_t scripted_flood(int fd, struct slice text) SUSPENDS
{
	AUTO(buf_done) struct buf many = { 0 };
	ssize_t r = 0;
	while (many.n < 65536 && r == 0)
		r = buf_add(&many, text);
	while (r >= 0)
		r = hk_write(fd, many.p, many.n);
	return r;
}

static int scripted_say(int fd, const struct answer *a) SUSPENDS
{
	struct slice text = { a->text, a->n ? a->n : a->text ? strlen(a->text) : 0 };
	ssize_t r = text.n ? hk_write(fd, text.p, text.n) : 0;
	if (a->endless && r >= 0)
		r = scripted_flood(fd, a->loop ? slice_str(a->loop) : text);
	return r < 0 ? -1 : 0;
}

static void scripted_hang(int fd) SUSPENDS
{
	char sink[4096];
	while (hk_read(fd, sink, sizeof(sink)) > 0) {
	}
}

static int scripted_serve(void *arg) SUSPENDS
{
	struct scripted_conn *c = arg;
	struct scripted *s = c->server;
	const struct answer *a;
	if (s->deaf)
		CHECK_INT(hk_sleep(HK_FOREVER), -ECANCELED); /* until the test is over */
	do {
		bool greets = s->next < s->answer_count && s->answers[s->next].greets;
		bool unread = s->next < s->answer_count && s->answers[s->next].unread;
		if (!greets && scripted_read(c, unread) == 0)
			break;
		a = scripted_next(s);
		if (scripted_say(c->fd, a) < 0)
			break;
		if (a->then == HANG)
			scripted_hang(c->fd);
	} while (a->then == KEEP);
	if (s->next > 0 && s->answers &&
	    s->answers[s->next <= s->answer_count ? s->next - 1 : 0].then == RESET)
		(void)hk_close_reset(c->fd);
	else
		(void)hk_close(c->fd);
	free(c);
	return 0;
}

static int scripted_run(void *arg) SUSPENDS
{
	struct scripted *s = arg;
	struct hk_group g;
	int r = 0;
	hk_group_open(&g, NULL);
	while (r >= 0) {
		r = hk_accept(s->listener);
		if (r < 0)
			break;
		struct scripted_conn *c = malloc(sizeof(*c));
		*c = (struct scripted_conn){ s, r };
		s->connections++;
		r = hk_spawn(&g, scripted_serve, c);
	}
	return hk_group_close(&g, r);
}
