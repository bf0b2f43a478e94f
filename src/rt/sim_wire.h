/* sim_wire.h - segments on their way from one end of a simulated stream to the other
 *
 * What this room is for: when a segment arrives, if it does: latency, jitter, loss, partition. What it means when it arrives is
 *   sim_net.c's.
 * What must hold: (1) a wire keeps its order. (2) a segment is owned by its wire until arrive() gets it; arrive() may put others
 *   on any wire, and must not destroy this one. (3) nothing arrives while a wire is parted; it starts again when healed. */
#pragma once
#include "base/rand.h"
#include "base/slice.h"
#include <hocket/sim.h>

struct hk_loop;
struct sim_net;

enum segment_kind {
	SEGMENT_OPEN,     /* SYN */
	SEGMENT_OPENED,   /* SYN and ACK */
	SEGMENT_BYTES,    /* n of them */
	SEGMENT_ROOM,     /* the receiver has read n bytes: a window update */
	SEGMENT_END,      /* FIN */
	SEGMENT_RESET,    /* RST */
	SEGMENT_BREAK,    /* the net resets both sides */
	SEGMENT_GIVEN_UP, /* lost too often: the stream ends on both sides */
};
struct segment {
	struct segment *next;
	int64_t due_ns;
	enum segment_kind kind;
	size_t n;
	char bytes[];
};

struct wire {
	struct segment *first, *last; /* owns */
	int64_t last_due_ns;
	size_t timer;
	bool held; /* parted when its first segment was due */
	struct sim_net *net;
	/* Takes nothing: the segment is freed when it returns. */
	void (*arrive)(struct wire *, const struct segment *);
	/* After the last of those that were due at one time: here the wire may go. */
	void (*settle)(struct wire *);
	bool (*parted)(const struct wire *);
};

/* Puts a segment on the wire; what needs no time arrives before this returns. */
void wire_send(struct wire *, enum segment_kind, struct slice bytes);
void wire_send_number(struct wire *, enum segment_kind, size_t n);
/* The same, once more, after a pause: nobody took it. */
void wire_send_later(struct wire *, enum segment_kind, int64_t pause_ns);
void wire_heal(struct wire *); /* no longer parted: what was held is sent again */
void wire_cut(struct wire *);  /* what is on the way is gone; the wire can be used again */
