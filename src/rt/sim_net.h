/* sim_net.h - TCP in memory: the system calls that sockets use, answered by the simulation
 *
 * What this room is for: fd.c and socket.c run unchanged in a simulation, down to EAGAIN, short reads and edges; only the calls
 *   they make of the kernel end here, wherever a descriptor's entry in the poll table says `sim`.
 * Life cycle: sim_net_init with the loop, sim_net_done when its last fiber has ended.
 * What must hold: (1) what is promised of TCP holds: bytes arrive in order, once, or the stream ends with an error; what
 *   differs between kernels (the exact error of a second write) is as on Linux. tests/unit/rt/socket.c and fd.c hold both
 *   to it. (2) a descriptor is a real one, so numbers never collide; read(2) and write(2) on it fail with EBADF. */
#pragma once
#include "base/rand.h"
#include <hocket/sim.h>
#include <sys/socket.h>
#include <sys/types.h>

struct hk_loop;
struct sim_stream;
struct sim_listener;
struct sim_end;

struct sim_socket { /* one of both, or a free place */
	struct sim_end *end;
	struct sim_listener *listener;
};
struct sim_net {
	struct hk_loop *loop;
	struct hk_sim_net rules;
	struct rand rand;
	struct sim_socket *sockets; /* owns; by descriptor */
	size_t cap, open;
	struct sim_stream *streams;     /* owns */
	struct sim_listener *listeners; /* owns */
	int number;                     /* a descriptor that others are copied from; -1: none yet */
	uint16_t next_port;
	uint16_t *parted; /* owns */
	size_t parted_n;
};

void sim_net_init(struct sim_net *, const struct hk_sim_net *rules, uint64_t seed);
void sim_net_done(struct sim_net *);

/* As the system calls of these names: the result, or -1 and errno. Descriptors they return are known to the poll table. */
MUST int sim_connect(struct sim_net *, const struct sockaddr *, socklen_t);
MUST int sim_listen(struct sim_net *, const struct sockaddr *, socklen_t, int backlog);
MUST int sim_accept(struct sim_net *, int fd);
MUST int sim_pair(struct sim_net *, int ret[2]);
MUST ssize_t sim_recv(struct sim_net *, int fd, void *, size_t n);
MUST ssize_t sim_send(struct sim_net *, int fd, const void *, size_t n);
MUST ssize_t sim_peek(struct sim_net *, int fd);   /* > 0: bytes wait, 0: the end */
MUST int sim_take_error(struct sim_net *, int fd); /* SO_ERROR */
MUST int sim_port(const struct sim_net *, int fd);
int sim_shutdown(struct sim_net *, int fd); /* SHUT_WR */
void sim_close(struct sim_net *, int fd,
	       bool reset); /* what the peer sees of a close; the number is the caller's */
/* A read of n bytes takes this many at most: a random part of them when the rules say so. */
size_t sim_part_of(struct sim_net *, size_t n);
