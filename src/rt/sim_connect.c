/* sim_connect.c - how simulated streams come about: addresses, listeners, backlogs
 *
 * What this room is for: connect, listen, accept, and the pair that needs none of them.
 * What flows through:    streams: made by who connects, carried to who listens by their first segment, there in line until accepted.
 *
 *   connect --OPEN--> nobody listens: RESET      the backlog is full: no answer, once more after 1 s, 2 s, 4 s ...
 *                  -> in the backlog: OPENED --> connected, whether accepted yet or not
 *
 * What must hold:
 *  (1) every address is a host of its own; 0.0.0.0 and :: stand for all of them.
 *  (2) a connect that nobody wants any more is in the backlog all the same: its end is seen when it is read, as on Linux. */
#include "rt/loop.h"
#include "rt/sim_net.h"
#include "rt/sim_stream.h"
#include <hocket/fd.h>
#include <netinet/in.h>
#include <stdlib.h>
#include "base/banned.h"

enum { FIRST_PORT = 32768, LAST_PORT = 60999, /* Linux's ephemeral ones */ OPEN_TRIES = 6 };
#define OPEN_AGAIN_NS (1 * HK_SEC)

/* ---- addresses ----------------------------------------------------------------------------------- */

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
	return (int)net_fail(EAFNOSUPPORT);
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
	uint16_t port = 0;

	while (taken) {
		port = net->next_port ? net->next_port : FIRST_PORT;
		net->next_port = port == LAST_PORT ? FIRST_PORT : (uint16_t)(port + 1);
		taken = false;
		for (const struct sim_listener *l = net->listeners; l; l = l->next)
			taken = taken || l->at.port == port;
	}
	return port;
}

/* ---- listeners ----------------------------------------------------------------------------------- */

int sim_listen(struct sim_net *net, const struct sockaddr *any, socklen_t size, int backlog)
{
	struct sim_listener *l, new = { .most = backlog + 1 }; /* Linux's one more */

	if (parse_address(any, size, &new.at) < 0)
		return -1;
	if (new.at.port == 0)
		new.at.port = port_new(net);
	if (listener_at(net, &new.at))
		return (int)net_fail(EADDRINUSE);
	l = xmalloc(sizeof(*l));
	*l = new;
	l->fd = net_socket_new(net, (struct sim_socket){ .listener = l }, HK_READ | HK_WRITE);
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
	struct sim_listener *l = net_socket_find(net, fd)->listener;
	struct sim_stream *s;

	if (!l)
		return (int)net_fail(EINVAL);
	if (!l->first)
		return (int)net_fail(EAGAIN);
	fd = net_socket_new(net, (struct sim_socket){ .end = &l->first->ends[1] },
			    HK_READ | HK_WRITE);
	if (fd < 0)
		return -1;
	s = backlog_take(l);
	end_edge(&s->ends[1], HK_READ | HK_WRITE); /* it may have ended before */
	return fd;
}

void listener_close(struct sim_net *net, struct sim_listener *l)
{
	struct sim_listener **at = &net->listeners;
	struct sim_stream *s;

	while (*at != l)
		at = &(*at)->next;
	*at = l->next;
	while ((s = backlog_take(l)) != NULL) {
		if (!s->ends[1].broken)
			end_send(&s->ends[1], SEGMENT_RESET);
		s->ends[1].closed = true;
		stream_settle(s);
	}
	free(l);
}

/* A connect comes to where somebody listens, or nobody does, or the line before him is full: then it is not answered, and
 * tries again. */
void stream_arrives(struct sim_end *e)
{
	struct sim_stream *s = e->stream;
	struct sim_listener *l = listener_at(s->net, &e->at);

	if (l && l->waiting >= l->most && ++s->tries <= OPEN_TRIES) {
		wire_send_later(&end_other(e)->out, SEGMENT_OPEN, OPEN_AGAIN_NS << (s->tries - 1));
	} else if (l && l->waiting < l->most) {
		e->connected = true;
		backlog_add(l, s);
		end_send(e, SEGMENT_OPENED);
	} else {
		e->closed = true;
		if (l)
			end_break(end_other(e), ETIMEDOUT);
		else
			end_send(e, SEGMENT_RESET);
	}
}

/* ---- who connects -------------------------------------------------------------------------------- */

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
	fd = net_socket_new(net, (struct sim_socket){ .end = &s->ends[0] }, 0);
	if (fd < 0) {
		stream_free(s);
		return -1;
	}
	if (!refuses(net)) {
		end_send(&s->ends[0], SEGMENT_OPEN);
		return fd;
	}
	s->ends[1].closed = true;
	end_send(&s->ends[1], SEGMENT_RESET);
	return fd;
}

int sim_pair(struct sim_net *net, int ret[2])
{
	struct sim_stream *s = stream_new(net);

	s->pair = true;
	for (size_t i = 0; i < 2; i++) {
		s->ends[i].connected = true;
		ret[i] = net_socket_new(net, (struct sim_socket){ .end = &s->ends[i] },
					HK_READ | HK_WRITE);
	}
	if (ret[0] >= 0 && ret[1] >= 0)
		return 0;
	for (size_t i = 0; i < 2; i++) {
		s->ends[i].closed = ret[i] < 0;
		if (ret[i] >= 0)
			(void)hk_close(ret[i]);
	}
	return (int)net_fail(EMFILE);
}
