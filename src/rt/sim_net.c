/* sim_net.c - TCP in memory: streams, listeners and their descriptors
 *
 * What this room is for: what segments mean when they arrive (sim_wire.c brings them), and what the calls of sockets say.
 * What flows through:    bytes: sender's call -> wire -> inbox of the other end -> receiver's call. A sender has a window: bytes on the
 *   way and in the inbox; reading gives room back, in halves of the window.
 *
 *   a client's end:  OPEN sent --OPENED--> connected --END--> the peer has ended --RESET, BREAK, GIVEN_UP--> broken
 *   a server's end:  OPEN came: in the backlog --accept--> has a descriptor ...
 *
 * What must hold:
 *  (1) a stream lives until both its ends are closed; then what is still on the way is of no interest to anybody.
 *  (2) what was received stays readable when the stream breaks; the error comes behind it, once; then the end (Linux's order).
 *  (3) ports, orders and delays depend on the seed and the calls alone, never on descriptors or addresses in memory. */
#include "rt/sim_net.h"
#include "rt/loop.h"
#include "rt/sim.h"
#include "rt/sim_wire.h"
#include <fcntl.h>
#include <hocket/fd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/banned.h"

enum {
	SEGMENT_BYTES_MAX = 1460, /* Ethernet's */
	WINDOW_BYTES = 64 << 10,
	FIRST_PORT = 32768, /* Linux's ephemeral ones */
	LAST_PORT = 60999,
	OPEN_TRIES = 6,
};
#define OPEN_AGAIN_NS (1 * HK_SEC)
#define NET_SEED      UINT64_C(0x1d872b41a7c9e05f)

struct address {
	sa_family_t family;
	uint16_t port;
	unsigned char ip[16];
};

struct sim_end {
	struct sim_stream *stream;
	int fd;          /* -1: nobody has it yet, or no longer */
	struct wire out; /* to the other end */
	struct address at;
	struct buf inbox;
	size_t used; /* of the window: sent, and not yet given back */
	size_t owed; /* read here, and not yet given back to the sender */
	int error;   /* to be told once */
	bool connected, ended, peer_ended, broken, closed;
};
struct sim_stream {
	struct sim_stream *next, **at; /* of all */
	struct sim_stream *behind;     /* in the backlog */
	struct sim_net *net;
	struct sim_end ends[2]; /* who connected, who listened */
	int tries;
	bool pair; /* as of socketpair(2): an end knows at once that the other is gone */
};
struct sim_listener {
	struct sim_listener *next;
	int fd;
	struct address at;
	struct sim_stream *first, *last; /* the backlog */
	int waiting, most;
};

void sim_net_init(struct sim_net *net, const struct hk_sim_net *rules, uint64_t seed)
{
	*net = (struct sim_net){ .rules = *rules, .number = -1, .next_port = FIRST_PORT };
	rand_seed(&net->rand, seed ^ NET_SEED);
}

static ssize_t fail(int error)
{
	errno = error;
	return -1;
}

static size_t window_of(const struct sim_net *net)
{
	return net->rules.window_bytes ? net->rules.window_bytes : WINDOW_BYTES;
}

static struct sim_end *other(const struct sim_end *e)
{
	struct sim_stream *s = e->stream;
	return e == &s->ends[0] ? &s->ends[1] : &s->ends[0];
}

/* ---- descriptors --------------------------------------------------------------------------------- */

/* O_PATH: a number like any other, but nothing can be read from it, written to it or asked of it. */
static int number_new(struct sim_net *net)
{
	if (net->number < 0)
		net->number = open("/", O_PATH | O_CLOEXEC);
	return net->number < 0 ? -1 : fcntl(net->number, F_DUPFD_CLOEXEC, 0);
}

static int socket_new(struct sim_net *net, struct sim_socket socket, int ready)
{
	int fd = number_new(net);
	size_t cap = net->cap ? net->cap : 16;

	if (fd < 0)
		return -1;
	while (cap <= (size_t)fd)
		cap *= 2;
	if (cap > net->cap) {
		net->sockets = xrealloc(net->sockets, cap, sizeof(*net->sockets));
		memset(net->sockets + net->cap, 0, (cap - net->cap) * sizeof(*net->sockets));
		net->cap = cap;
	}
	net->sockets[fd] = socket;
	net->open++;
	poll_adopt(&net->loop->poll, fd, ready);
	if (socket.end)
		socket.end->fd = fd;
	return fd;
}

static const struct sim_socket *socket_find(const struct sim_net *net, int fd)
{
	static const struct sim_socket none;
	return fd >= 0 && (size_t)fd < net->cap ? &net->sockets[fd] : &none;
}

static struct sim_end *end_of(const struct sim_net *net, int fd)
{
	return socket_find(net, fd)->end;
}

static void edge(const struct sim_end *e, int modes)
{
	struct poll_edge edge = { .modes = modes,
				  .hung_up = e->peer_ended || e->broken,
				  .broken = e->broken || (e->stream->pair && e->peer_ended) };
	if (e->fd >= 0)
		poll_take_edge(&e->stream->net->loop->poll, e->fd, edge);
}

/* ---- streams ------------------------------------------------------------------------------------- */

static void arrive(struct wire *w, const struct segment *segment);
static void settle(struct wire *w);
static bool parted(const struct wire *w);

static struct sim_stream *stream_new(struct sim_net *net)
{
	struct sim_stream *s = xcalloc(1, sizeof(*s));

	s->net = net;
	s->at = &net->streams;
	s->next = net->streams;
	if (s->next)
		s->next->at = &s->next;
	net->streams = s;
	for (size_t i = 0; i < 2; i++) {
		s->ends[i].stream = s;
		s->ends[i].fd = -1;
		s->ends[i].out = (struct wire){
			.net = net, .arrive = arrive, .settle = settle, .parted = parted
		};
	}
	return s;
}

static void stream_free(struct sim_stream *s)
{
	*s->at = s->next;
	if (s->next)
		s->next->at = s->at;
	for (size_t i = 0; i < 2; i++) {
		wire_cut(&s->ends[i].out);
		buf_done(&s->ends[i].inbox);
	}
	free(s);
}

static void free_when_over(struct sim_stream *s)
{
	if (s->ends[0].closed && s->ends[1].closed)
		stream_free(s);
}

static struct sim_end *sender_of(const struct wire *w)
{
	return container_of((struct wire *)(uintptr_t)w, struct sim_end, out);
}

static void settle(struct wire *w)
{
	free_when_over(sender_of(w)->stream);
}

/* This end has come to its end by an error. What it received can still be read. */
static void end_break(struct sim_end *e, int error)
{
	if (e->broken || e->closed)
		return;
	e->broken = true;
	e->error = error;
	wire_cut(&e->out);
	edge(e, HK_READ | HK_WRITE);
}

static void stream_break(struct sim_stream *s, int error)
{
	end_break(&s->ends[0], error);
	end_break(&s->ends[1], error);
}

static void send_signal(struct sim_end *e, enum segment_kind kind)
{
	wire_send(&e->out, kind, (struct slice){ 0 });
}

/* ---- listeners ----------------------------------------------------------------------------------- */

static int parse_address(const struct sockaddr *any, socklen_t size, struct address *ret)
{
	*ret = (struct address){ .family = any->sa_family };
	if (any->sa_family == AF_INET && size >= sizeof(struct sockaddr_in)) {
		const struct sockaddr_in *v4 = (const void *)any;
		ret->port = ntohs(v4->sin_port);
		memcpy(ret->ip, &v4->sin_addr, sizeof(v4->sin_addr));
		return 0;
	}
	if (any->sa_family == AF_INET6 && size >= sizeof(struct sockaddr_in6)) {
		const struct sockaddr_in6 *v6 = (const void *)any;
		ret->port = ntohs(v6->sin6_port);
		memcpy(ret->ip, &v6->sin6_addr, sizeof(v6->sin6_addr));
		return 0;
	}
	return (int)fail(EAFNOSUPPORT);
}

/* Does a connect to `to` reach who listens at `at`? 0.0.0.0 and :: are every address. */
static bool reaches(const struct address *to, const struct address *at)
{
	static const unsigned char any[16];

	if (to->port != at->port || to->family != at->family)
		return false;
	return memcmp(at->ip, any, sizeof(any)) == 0 || memcmp(at->ip, to->ip, sizeof(any)) == 0;
}

static struct sim_listener *listener_at(const struct sim_net *net, const struct address *to)
{
	struct sim_listener *l = net->listeners;

	while (l && !reaches(to, &l->at))
		l = l->next;
	return l;
}

/* The next of the ephemeral ports that nobody listens at. */
static uint16_t port_new(struct sim_net *net)
{
	bool taken = true;
	uint16_t port = net->next_port;

	while (taken) {
		port = net->next_port;
		net->next_port = port == LAST_PORT ? FIRST_PORT : (uint16_t)(port + 1);
		taken = false;
		for (const struct sim_listener *l = net->listeners; l; l = l->next)
			taken = taken || l->at.port == port;
	}
	return port;
}

int sim_listen(struct sim_net *net, const struct sockaddr *any, socklen_t size, int backlog)
{
	struct sim_listener *l, new = { .most = backlog + 1 }; /* Linux's one more */

	if (parse_address(any, size, &new.at) < 0)
		return -1;
	if (new.at.port == 0)
		new.at.port = port_new(net);
	if (listener_at(net, &new.at))
		return (int)fail(EADDRINUSE);
	l = xmalloc(sizeof(*l));
	*l = new;
	l->fd = socket_new(net, (struct sim_socket){ .listener = l }, HK_READ | HK_WRITE);
	if (l->fd < 0) {
		free(l);
		return -1;
	}
	l->next = net->listeners;
	net->listeners = l;
	return l->fd;
}

static void backlog_add(struct sim_listener *l, struct sim_stream *s)
{
	s->behind = NULL;
	if (l->last)
		l->last->behind = s;
	else
		l->first = s;
	l->last = s;
	l->waiting++;
	poll_take_edge(&s->net->loop->poll, l->fd, (struct poll_edge){ .modes = HK_READ });
}

static struct sim_stream *backlog_take(struct sim_listener *l)
{
	struct sim_stream *s = l->first;

	if (!s)
		return NULL;
	l->first = s->behind;
	if (!l->first)
		l->last = NULL;
	l->waiting--;
	return s;
}

int sim_accept(struct sim_net *net, int fd)
{
	struct sim_listener *l = socket_find(net, fd)->listener;
	struct sim_stream *s;

	if (!l)
		return (int)fail(EINVAL);
	if (!l->first)
		return (int)fail(EAGAIN);
	fd = socket_new(net, (struct sim_socket){ .end = &l->first->ends[1] }, HK_READ | HK_WRITE);
	if (fd < 0)
		return -1;
	s = backlog_take(l);
	edge(&s->ends[1], HK_READ | HK_WRITE); /* it may have ended before */
	return fd;
}

static void listener_close(struct sim_net *net, struct sim_listener *l)
{
	struct sim_listener **at = &net->listeners;
	struct sim_stream *s;

	while (*at != l)
		at = &(*at)->next;
	*at = l->next;
	while ((s = backlog_take(l)) != NULL) {
		if (!s->ends[1].broken)
			send_signal(&s->ends[1], SEGMENT_RESET);
		s->ends[1].closed = true;
		free_when_over(s);
	}
	free(l);
}

/* ---- what arrives -------------------------------------------------------------------------------- */

/* A connect comes to where somebody listens, or nobody does, or the line before him is full: then it is not answered, and
 * tries again. */
static void arrive_open(struct sim_end *e)
{
	struct sim_stream *s = e->stream;
	struct sim_listener *l = listener_at(s->net, &e->at);

	if (l && l->waiting >= l->most && ++s->tries <= OPEN_TRIES) {
		wire_send_later(&other(e)->out, SEGMENT_OPEN, OPEN_AGAIN_NS << (s->tries - 1));
	} else if (l && l->waiting < l->most) {
		e->connected = true;
		backlog_add(l, s);
		send_signal(e, SEGMENT_OPENED);
	} else {
		e->closed = true;
		if (l)
			end_break(other(e), ETIMEDOUT);
		else
			send_signal(e, SEGMENT_RESET);
	}
}

static void arrive_opened(struct sim_end *e)
{
	e->connected = true;
	if (e->closed)
		send_signal(e, SEGMENT_RESET); /* whoever wanted it has left */
	else
		edge(e, HK_WRITE);
}

static void arrive_bytes(struct sim_end *e, const struct segment *segment)
{
	if (e->closed) {
		send_signal(e, SEGMENT_RESET);
		return;
	}
	if (e->broken)
		return;
	if (e->inbox.max == 0)
		e->inbox.max = SIZE_MAX / 2; /* the sender's window is the bound */
	if (buf_add(&e->inbox, (struct slice){ segment->bytes, segment->n }) < 0)
		end_break(e, ENOMEM);
	else
		edge(e, HK_READ);
}

static void arrive_room(struct sim_end *e, size_t n)
{
	ASSERT(e->used >= n);
	e->used -= n;
	if (!e->broken && e->used < window_of(e->stream->net))
		edge(e, HK_WRITE);
}

/* Linux's three answers to an RST, by the state it is met in. */
static void arrive_reset(struct sim_end *e)
{
	int error = !e->connected ? ECONNREFUSED : e->peer_ended ? EPIPE : ECONNRESET;
	end_break(e, error);
}

static void arrive_end(struct sim_end *e)
{
	e->peer_ended = true;
	if (!e->closed && !e->broken)
		edge(e, e->stream->pair ? HK_READ | HK_WRITE : HK_READ);
}

static void note_segment(const struct sim_end *e, const struct segment *segment)
{
	static const char *const names[] = { "opened a stream to",  "connected", "brought bytes to",
					     "gave room to",        "ended",     "reset",
					     "broke the stream at", "gave up at" };
	struct hk_loop *loop = e->stream->net->loop;
	bool bytes = segment->kind == SEGMENT_BYTES;
	char who[32];

	if (!loop->sim->trace)
		return;
	(void)snprintf(who, sizeof(who), "port %u", e->at.port);
	sim_note(loop, names[segment->kind], who, (int64_t)segment->n,
		 (struct slice){ segment->bytes, bytes ? segment->n : 0 });
}

static void arrive(struct wire *w, const struct segment *segment)
{
	struct sim_end *e = other(sender_of(w));

	note_segment(e, segment);
	switch (segment->kind) {
	case SEGMENT_OPEN:
		arrive_open(e);
		break;
	case SEGMENT_OPENED:
		arrive_opened(e);
		break;
	case SEGMENT_BYTES:
		arrive_bytes(e, segment);
		break;
	case SEGMENT_ROOM:
		arrive_room(e, segment->n);
		break;
	case SEGMENT_END:
		arrive_end(e);
		break;
	case SEGMENT_RESET:
		arrive_reset(e);
		break;
	case SEGMENT_BREAK:
		stream_break(e->stream, ECONNRESET);
		break;
	case SEGMENT_GIVEN_UP:
		stream_break(e->stream, ETIMEDOUT);
		break;
	}
}

/* ---- calls --------------------------------------------------------------------------------------- */

static bool refuses(struct sim_net *net)
{
	return net->rules.refuse_ppm > 0 && rand_below(&net->rand, 1000000) < net->rules.refuse_ppm;
}

int sim_connect(struct sim_net *net, const struct sockaddr *any, socklen_t size)
{
	struct address to;
	struct sim_stream *s;
	int fd;

	if (parse_address(any, size, &to) < 0)
		return -1;
	s = stream_new(net);
	s->ends[0].at = (struct address){ .family = to.family, .port = port_new(net) };
	s->ends[1].at = to;
	fd = socket_new(net, (struct sim_socket){ .end = &s->ends[0] }, 0);
	if (fd < 0) {
		stream_free(s);
		return -1;
	}
	if (!refuses(net)) {
		send_signal(&s->ends[0], SEGMENT_OPEN);
		return fd;
	}
	s->ends[1].closed = true;
	send_signal(&s->ends[1], SEGMENT_RESET);
	return fd;
}

int sim_pair(struct sim_net *net, int ret[2])
{
	struct sim_stream *s = stream_new(net);

	s->pair = true;
	for (size_t i = 0; i < 2; i++) {
		s->ends[i].connected = true;
		ret[i] = socket_new(net, (struct sim_socket){ .end = &s->ends[i] },
				    HK_READ | HK_WRITE);
	}
	if (ret[0] >= 0 && ret[1] >= 0)
		return 0;
	for (size_t i = 0; i < 2; i++)
		if (ret[i] >= 0)
			(void)hk_close(ret[i]);
		else
			s->ends[i].closed = true;
	return (int)fail(EMFILE);
}

/* Tells the sender of what was read, when it is worth a segment or he asks. */
static void give_room(struct sim_end *e, bool asked)
{
	size_t n = e->owed;

	if (n == 0 || e->broken || e->closed || (!asked && n < window_of(e->stream->net) / 2))
		return;
	e->owed = 0;
	wire_send_number(&e->out, SEGMENT_ROOM, n);
}

static int take_error(struct sim_end *e)
{
	int error = e->error;
	e->error = 0;
	return error;
}

size_t sim_part_of(struct sim_net *net, size_t n)
{
	return net->rules.short_reads && n > 1 ? 1 + (size_t)rand_below(&net->rand, n) : n;
}

ssize_t sim_recv(struct sim_net *net, int fd, void *bytes, size_t n)
{
	struct sim_end *e = end_of(net, fd);

	if (!e || !e->connected)
		return fail(e && e->error ? take_error(e) : ENOTCONN);
	if (n == 0 || (e->inbox.n == 0 && e->peer_ended))
		return 0;
	if (e->inbox.n == 0 && e->error)
		return fail(take_error(e));
	if (e->inbox.n == 0)
		return e->broken ? 0 : fail(EAGAIN);
	n = n < e->inbox.n ? n : e->inbox.n;
	memcpy(bytes, e->inbox.p, n);
	buf_consume(&e->inbox, n);
	e->owed += n;
	give_room(e, false);
	return (ssize_t)n;
}

ssize_t sim_peek(struct sim_net *net, int fd)
{
	struct sim_end *e = end_of(net, fd);

	if (!e)
		return fail(ENOTCONN);
	if (e->inbox.n > 0)
		return 1;
	if (e->error)
		return fail(e->error);
	return e->peer_ended || e->broken ? 0 : fail(EAGAIN);
}

ssize_t sim_send(struct sim_net *net, int fd, const void *bytes, size_t n)
{
	struct sim_end *e = end_of(net, fd);
	size_t window = window_of(net), sent = 0;

	if (!e)
		return fail(ENOTCONN);
	if (e->error)
		return fail(take_error(e));
	if (e->broken || e->ended || !e->connected || (e->stream->pair && e->peer_ended))
		return fail(EPIPE);
	if (e->used >= window) {
		give_room(other(e), true);
		return fail(EAGAIN);
	}
	n = sim_part_of(net, n < window - e->used ? n : window - e->used);
	e->used += n;
	while (sent < n && !e->broken) {
		size_t part = n - sent < SEGMENT_BYTES_MAX ? n - sent : SEGMENT_BYTES_MAX;
		wire_send(&e->out, SEGMENT_BYTES,
			  (struct slice){ (const char *)bytes + sent, part });
		sent += part;
	}
	return (ssize_t)n;
}

int sim_take_error(struct sim_net *net, int fd)
{
	struct sim_end *e = end_of(net, fd);
	return e ? take_error(e) : EBADF;
}

int sim_port(const struct sim_net *net, int fd)
{
	const struct sim_socket *s = socket_find(net, fd);

	if (s->listener)
		return s->listener->at.port;
	if (s->end && s->end->stream->pair)
		return -EAFNOSUPPORT;
	return s->end ? s->end->at.port : -EBADF;
}

/* ---- ends ---------------------------------------------------------------------------------------- */

int sim_shutdown(struct sim_net *net, int fd)
{
	struct sim_end *e = end_of(net, fd);

	if (!e || !e->connected || e->broken)
		return (int)fail(ENOTCONN);
	if (!e->ended)
		send_signal(e, SEGMENT_END);
	e->ended = true;
	return 0;
}

static void end_close(struct sim_end *e, bool reset)
{
	struct sim_stream *s = e->stream;
	bool tells = e->connected && !e->broken;

	if (tells && (reset || e->inbox.n > 0))
		send_signal(
			e, SEGMENT_RESET); /* unread bytes: the sender must not believe they were */
	else if (tells && !e->ended)
		send_signal(e, SEGMENT_END);
	e->closed = true;
	e->fd = -1;
	buf_done(&e->inbox);
	free_when_over(s);
}

void sim_close(struct sim_net *net, int fd, bool reset)
{
	struct sim_socket socket = *socket_find(net, fd);

	if (!socket.end && !socket.listener)
		return;
	net->sockets[fd] = (struct sim_socket){ 0 };
	net->open--;
	if (socket.end)
		end_close(socket.end, reset);
	else
		listener_close(net, socket.listener);
}

void sim_net_done(struct sim_net *net)
{
	for (size_t fd = 0; fd < net->cap; fd++) {
		if (net->sockets[fd].end || net->sockets[fd].listener)
			(void)close((int)fd);
	}
	while (net->streams)
		stream_free(net->streams);
	while (net->listeners) {
		struct sim_listener *l = net->listeners;
		net->listeners = l->next;
		free(l);
	}
	if (net->number >= 0)
		(void)close(net->number);
	free(net->sockets);
	free(net->parted);
}

/* ---- the rules, from within ---------------------------------------------------------------------- */

static struct sim_net *net_self(void)
{
	struct hk_loop *loop = loop_self();
	return loop && loop->sim ? &loop->sim->net : NULL;
}

void hk_sim_net_set(const struct hk_sim_net *rules)
{
	struct sim_net *net = net_self();

	ASSERT(rules);
	if (net)
		net->rules = *rules;
}

static bool port_is_parted(const struct sim_net *net, uint16_t port)
{
	for (size_t i = 0; i < net->parted_n; i++)
		if (net->parted[i] == port)
			return true;
	return false;
}

static bool parted(const struct wire *w)
{
	const struct sim_end *e = sender_of(w);

	return w->net->parted_n > 0 &&
	       (port_is_parted(w->net, e->at.port) || port_is_parted(w->net, other(e)->at.port));
}

void hk_sim_part(uint16_t port)
{
	struct sim_net *net = net_self();

	if (!net || port_is_parted(net, port))
		return;
	net->parted = xrealloc(net->parted, net->parted_n + 1, sizeof(*net->parted));
	net->parted[net->parted_n++] = port;
}

void hk_sim_heal(uint16_t port)
{
	struct sim_net *net = net_self();

	for (size_t i = 0; net && i < net->parted_n; i++)
		if (net->parted[i] == port)
			net->parted[i] = net->parted[--net->parted_n];
	for (struct sim_stream *s = net ? net->streams : NULL; s; s = s->next)
		for (size_t i = 0; i < 2; i++)
			if (!parted(&s->ends[i].out))
				wire_heal(&s->ends[i].out);
}

void hk_sim_reset(uint16_t port)
{
	struct sim_net *net = net_self();

	for (struct sim_stream *s = net ? net->streams : NULL; s; s = s->next)
		if (s->ends[0].at.port == port || s->ends[1].at.port == port)
			stream_break(s, ECONNRESET);
}
