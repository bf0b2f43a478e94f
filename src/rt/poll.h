/* poll.h - which descriptors may be read or written without waiting
 *
 * What this room is for: epoll, edge-triggered, one registration in a descriptor's life. Edges are collected in a table
 *   indexed by descriptor, so that a system call which would only say EAGAIN is never made.
 * What must hold: (1) a cleared bit in ready means: known to be empty (full) until the next edge. A set bit promises
 *   nothing. (2) the table may move in any call that suspends or registers: look it up again. (3) an edge of an earlier
 *   descriptor with the same number is recognised by its generation and dropped. */
#pragma once
#include "rt/fiber.h"

struct poll_wait {
	struct park park;
	int fd, mode;
	bool closed; /* hk_close came while it waited */
};
struct poll_fd {
	struct poll_wait *reader, *writer; /* borrows: who waits; the same one may wait for both */
	uint32_t generation;
	uint8_t ready;    /* HK_READ | HK_WRITE */
	bool known : 1;   /* registered */
	bool hung_up : 1; /* the peer has ended its side: reads never wait again */
	bool broken : 1;  /* both sides have ended: writes never wait again either */
	bool stream : 1;  /* a short read means empty */
	bool socket : 1;
	bool borrowed : 1; /* we made it non-blocking: undone when the loop ends */
	bool sim : 1;      /* a simulated socket (sim_net.c): unknown to epoll */
};
struct poll {
	int epoll_fd;
	struct poll_fd *fds; /* owns */
	size_t cap;
	size_t waiting;     /* fibers parked here, for the kernel */
	size_t waiting_sim; /* fibers parked here, for simulated sockets */
	bool coarse;        /* the kernel has no epoll_pwait2 */
};

struct poll_edge {
	int modes; /* HK_READ | HK_WRITE: what may be possible now */
	bool hung_up, broken;
};

enum poll_kind { POLL_UNKNOWN, POLL_CONNECTING, POLL_LISTENER, POLL_STREAM };

MUST int poll_init(struct poll *, int wake_fd);
void poll_done(struct poll *);
/* Registers a descriptor on first use. kind: what the caller knows; POLL_UNKNOWN asks the kernel. 0, -errno. */
MUST int poll_register(struct poll *, int fd, enum poll_kind kind);
/* An entry whose edges come by poll_take_edge. ready: what may be tried at once. */
void poll_adopt(struct poll *, int fd, int ready);
/* Sets the bits and wakes who waits for them. */
void poll_take_edge(struct poll *, int fd, struct poll_edge);
struct poll_fd *poll_find(struct poll *, int fd); /* NULL: not registered */
/* -EBUSY when somebody else waits for one of the modes. */
MUST int poll_busy(const struct poll_fd *, int mode);
/* Checkpoint, then parks until an edge for one of the modes. 0, -ECANCELED, -EBADF: closed meanwhile. */
MUST int poll_park(struct hk_loop *, int fd, int mode) SUSPENDS;
void poll_forget(struct poll *, int fd); /* wakes who waits with -EBADF */
/* Collects edges; waits at most timeout_ns (INT64_MAX: for ever). The number of edges. */
size_t poll_collect(struct poll *, int64_t timeout_ns);
