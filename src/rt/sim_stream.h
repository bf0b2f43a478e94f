/* sim_stream.h - what the rooms of the simulated net share: streams, their ends, listeners
 *
 * sim_net.c has descriptors and rules, sim_connect.c addresses and how streams come about, sim_stream.c what goes over them. */
#pragma once
#include "base/buf.h"
#include "rt/sim_net.h"
#include "rt/sim_wire.h"

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

/* sim_net.c */
ssize_t net_fail(int error); /* -1, with errno */
size_t net_window(const struct sim_net *);
/* A descriptor for one of both, known to the poll table. -1: errno. */
int net_socket_new(struct sim_net *, struct sim_socket, int ready);
const struct sim_socket *net_socket_find(const struct sim_net *, int fd); /* never NULL */
struct sim_end *net_end_of(const struct sim_net *, int fd);               /* NULL: none */
bool net_port_parted(const struct sim_net *, uint16_t port);

/* sim_connect.c */
void listener_close(struct sim_net *, struct sim_listener *);
void stream_arrives(struct sim_end *); /* a connect has come to where somebody should listen */

/* sim_stream.c */
struct sim_stream *stream_new(struct sim_net *);
void stream_free(struct sim_stream *);
void stream_settle(struct sim_stream *); /* frees it when both ends are closed */
void stream_break(struct sim_stream *, int error);
bool stream_parted(const struct sim_stream *);
struct sim_end *end_other(const struct sim_end *);
void end_break(struct sim_end *, int error);
void end_edge(const struct sim_end *, int modes);
/* A sender that waits may go on, if there is room now. */
void end_tell_room(const struct sim_end *);
void end_send(struct sim_end *, enum segment_kind);
void end_close(struct sim_end *, bool reset);
