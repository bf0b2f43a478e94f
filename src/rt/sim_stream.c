/* sim_stream.c - simulated streams: what goes over them
 *
 * What this room is for: what segments mean when they arrive (sim_wire.c brings them), and what recv and send say.
 * What flows through:    bytes: sender's call -> wire -> inbox of the other end -> receiver's call. A sender has a window: bytes on the
 *   way and in the inbox; reading gives room back, in halves of the window.
 *
 *   an end:  connected --END--> the peer has ended; --RESET, BREAK, GIVEN_UP--> broken; sim_close -> closed
 *
 * What must hold:
 *  (1) a stream lives until both its ends are closed; then what is still on the way is of no interest to anybody.
 *  (2) what was received stays readable when the stream breaks; the error comes behind it, once; then the end (Linux's order). */
#include "rt/sim_stream.h"
#include "rt/loop.h"
#include "rt/sim.h"
#include <hocket/fd.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/banned.h"

enum { SEGMENT_BYTES_MAX = 1460 /* Ethernet's */ };

static void arrive(struct wire *, const struct segment *);

struct sim_end *end_other(const struct sim_end *e)
{
	struct sim_stream *s = e->stream;
	return e == &s->ends[0] ? &s->ends[1] : &s->ends[0];
}

static struct sim_end *sender_of(const struct wire *w)
{
	return container_of((struct wire *)(uintptr_t)w, struct sim_end, out);
}

void stream_free(struct sim_stream *s)
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

void stream_settle(struct sim_stream *s)
{
	if (s->ends[0].closed && s->ends[1].closed)
		stream_free(s);
}

static void settle(struct wire *w)
{
	stream_settle(sender_of(w)->stream);
}

bool stream_parted(const struct sim_stream *s)
{
	const struct sim_net *net = s->net;

	return net->parted_n > 0 && (net_port_parted(net, s->ends[0].at.port) ||
				     net_port_parted(net, s->ends[1].at.port));
}

static bool parted(const struct wire *w)
{
	return stream_parted(sender_of(w)->stream);
}

struct sim_stream *stream_new(struct sim_net *net)
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

void end_edge(const struct sim_end *e, int modes)
{
	struct poll_edge edge = { .modes = modes,
				  .hung_up = e->peer_ended || e->broken,
				  .broken = e->broken || (e->stream->pair && e->peer_ended) };
	if (e->fd >= 0)
		poll_take_edge(&e->stream->net->loop->poll, e->fd, edge);
}

void end_tell_room(const struct sim_end *e)
{
	if (e->connected && !e->broken && e->used < net_window(e->stream->net))
		end_edge(e, HK_WRITE);
}

/* This end has come to its end by an error. What it received can still be read. */
void end_break(struct sim_end *e, int error)
{
	if (e->broken || e->closed)
		return;
	e->broken = true;
	e->error = error;
	wire_cut(&e->out);
	end_edge(e, HK_READ | HK_WRITE);
}

void stream_break(struct sim_stream *s, int error)
{
	end_break(&s->ends[0], error);
	end_break(&s->ends[1], error);
}

/* The far end of a connect that will not arrive any more: nobody will ever accept it. */
static void close_unborn(struct sim_stream *s)
{
	struct sim_end *server = &s->ends[1];

	if (!server->connected && server->fd < 0)
		server->closed = true;
}

void end_send(struct sim_end *e, enum segment_kind kind)
{
	wire_send(&e->out, kind, (struct slice){ 0 });
}

/* ---- what arrives -------------------------------------------------------------------------------- */

static void arrive_opened(struct sim_end *e)
{
	e->connected = true;
	if (e->closed)
		end_send(e, SEGMENT_RESET); /* whoever wanted it has left */
	else
		end_edge(e, HK_WRITE);
}

static void arrive_bytes(struct sim_end *e, const struct segment *segment)
{
	if (e->closed) {
		end_send(e, SEGMENT_RESET);
		return;
	}
	if (e->broken)
		return;
	if (e->inbox.max == 0)
		e->inbox.max = SIZE_MAX / 2; /* the sender's window is the bound */
	if (buf_add(&e->inbox, (struct slice){ segment->bytes, segment->n }) < 0)
		end_break(e, ENOMEM);
	else
		end_edge(e, HK_READ);
}

static void arrive_room(struct sim_end *e, size_t n)
{
	ASSERT(e->used >= n);
	e->used -= n;
	end_tell_room(e);
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
		end_edge(e, e->stream->pair ? HK_READ | HK_WRITE : HK_READ);
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
	struct sim_end *e = end_other(sender_of(w));

	note_segment(e, segment);
	switch (segment->kind) {
	case SEGMENT_OPEN:
		stream_arrives(e);
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
		close_unborn(e->stream);
		break;
	}
}

/* ---- calls --------------------------------------------------------------------------------------- */

/* Tells the sender of what was read, when it is worth a segment or he asks. */
static void give_room(struct sim_end *e, bool asked)
{
	size_t n = e->owed;

	if (n == 0 || e->broken || e->closed || (!asked && n < net_window(e->stream->net) / 2))
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
	struct sim_end *e = net_end_of(net, fd);

	if (!e || !e->connected)
		return net_fail(e && e->error ? take_error(e) : ENOTCONN);
	if (n == 0 || (e->inbox.n == 0 && e->peer_ended))
		return 0;
	if (e->inbox.n == 0 && e->error)
		return net_fail(take_error(e));
	if (e->inbox.n == 0)
		return e->broken ? 0 : net_fail(EAGAIN);
	n = n < e->inbox.n ? n : e->inbox.n;
	memcpy(bytes, e->inbox.p, n);
	buf_consume(&e->inbox, n);
	e->owed += n;
	give_room(e, false);
	return (ssize_t)n;
}

ssize_t sim_peek(struct sim_net *net, int fd)
{
	struct sim_end *e = net_end_of(net, fd);

	if (!e)
		return net_fail(ENOTCONN);
	if (e->inbox.n > 0)
		return 1;
	if (e->error)
		return net_fail(e->error);
	return e->peer_ended || e->broken ? 0 : net_fail(EAGAIN);
}

ssize_t sim_send(struct sim_net *net, int fd, const void *bytes, size_t n)
{
	struct sim_end *e = net_end_of(net, fd);
	size_t window = net_window(net), sent = 0;

	if (!e)
		return net_fail(ENOTCONN);
	if (e->error)
		return net_fail(take_error(e));
	if (e->broken || e->ended || !e->connected || (e->stream->pair && e->peer_ended))
		return net_fail(EPIPE);
	if (e->used >= window)
		give_room(end_other(e), true); /* may arrive at once */
	if (e->used >= window)
		return net_fail(EAGAIN);
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
	struct sim_end *e = net_end_of(net, fd);
	return e ? take_error(e) : EBADF;
}

/* ---- ends ---------------------------------------------------------------------------------------- */

int sim_shutdown(struct sim_net *net, int fd)
{
	struct sim_end *e = net_end_of(net, fd);

	if (!e || !e->connected || e->broken)
		return (int)net_fail(ENOTCONN);
	if (!e->ended)
		end_send(e, SEGMENT_END);
	e->ended = true;
	return 0;
}

void end_close(struct sim_end *e, bool reset)
{
	struct sim_stream *s = e->stream;
	bool tells = e->connected && !e->broken;

	if (tells && (reset || e->inbox.n > 0))
		end_send(e,
			 SEGMENT_RESET); /* unread bytes: the sender must not believe they were */
	else if (tells && !e->ended)
		end_send(e, SEGMENT_END);
	if (e->broken)
		close_unborn(s);
	e->closed = true;
	e->fd = -1;
	buf_done(&e->inbox);
	stream_settle(s);
}
