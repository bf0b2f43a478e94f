/* sim_net.c - TCP in memory: descriptors, and the rules that may change at any time
 *
 * What this room is for: what belongs to the net as a whole. Streams are in sim_stream.c, how they come about in sim_connect.c,
 *   what happens to their segments on the way in sim_wire.c.
 * What flows through:    descriptors in, ends and listeners out.
 * What must hold:
 *  (1) a descriptor is a copy of one that nothing can be read from or written to: who goes past fd.h gets EBADF.
 *  (2) ports, orders and delays depend on the seed and the calls alone, never on descriptors or addresses in memory. */
#include "rt/sim_net.h"
#include "rt/loop.h"
#include "rt/sim.h"
#include "rt/sim_stream.h"
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/banned.h"

enum { WINDOW_BYTES = 64 << 10 };
#define NET_SEED UINT64_C(0x1d872b41a7c9e05f)

void sim_net_init(struct sim_net *net, const struct hk_sim_net *rules, uint64_t seed)
{
	*net = (struct sim_net){ .rules = *rules, .number = -1 };
	rand_seed(&net->rand, seed ^ NET_SEED);
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

ssize_t net_fail(int error)
{
	errno = error;
	return -1;
}

size_t net_window(const struct sim_net *net)
{
	return net->rules.window_bytes ? net->rules.window_bytes : WINDOW_BYTES;
}

/* ---- descriptors --------------------------------------------------------------------------------- */

/* O_PATH: a number like any other, but nothing can be read from it, written to it or asked of it. */
static int number_new(struct sim_net *net)
{
	if (net->number < 0)
		net->number = open("/", O_PATH | O_CLOEXEC);
	return net->number < 0 ? -1 : fcntl(net->number, F_DUPFD_CLOEXEC, 0);
}

int net_socket_new(struct sim_net *net, struct sim_socket socket, int ready)
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

const struct sim_socket *net_socket_find(const struct sim_net *net, int fd)
{
	static const struct sim_socket none;
	return fd >= 0 && (size_t)fd < net->cap ? &net->sockets[fd] : &none;
}

struct sim_end *net_end_of(const struct sim_net *net, int fd)
{
	return net_socket_find(net, fd)->end;
}

int sim_port(const struct sim_net *net, int fd)
{
	const struct sim_socket *s = net_socket_find(net, fd);

	if (s->listener)
		return s->listener->at.port;
	if (s->end && s->end->stream->pair)
		return -EAFNOSUPPORT;
	return s->end ? s->end->at.port : -EBADF;
}

void sim_close(struct sim_net *net, int fd, bool reset)
{
	struct sim_socket socket = *net_socket_find(net, fd);

	if (!socket.end && !socket.listener)
		return;
	net->sockets[fd] = (struct sim_socket){ 0 };
	net->open--;
	if (socket.end)
		end_close(socket.end, reset);
	else
		listener_close(net, socket.listener);
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
	if (!net)
		return;
	net->rules = *rules;
	for (struct sim_stream *s = net->streams; s; s = s->next)
		for (size_t i = 0; i < 2; i++)
			end_tell_room(&s->ends[i]); /* the window may have grown */
}

bool net_port_parted(const struct sim_net *net, uint16_t port)
{
	for (size_t i = 0; i < net->parted_n; i++)
		if (net->parted[i] == port)
			return true;
	return false;
}

void hk_sim_part(uint16_t port)
{
	struct sim_net *net = net_self();

	if (!net || net_port_parted(net, port))
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
			if (!stream_parted(s))
				wire_heal(&s->ends[i].out);
}

void hk_sim_reset(uint16_t port)
{
	struct sim_net *net = net_self();

	for (struct sim_stream *s = net ? net->streams : NULL; s; s = s->next)
		if (s->ends[0].at.port == port || s->ends[1].at.port == port)
			stream_break(s, ECONNRESET);
}
