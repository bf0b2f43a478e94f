/* sim_wire.c - one direction of a simulated stream: delay, loss, partition
 *
 * What this room is for: the fate of a segment, drawn when it is sent: how long it takes, how often it is lost and sent again, or
 *   whether the stream breaks with it.
 * What flows through:    segments in the order in which they were sent. A lost one holds up all behind it, as in TCP.
 *
 *   wire_send --fate--> on the way, in order --due--> arrive()
 *                             |  ^ due again: one way's delay
 *                       parted v  |
 *                            held (no timer) --wire_heal--+
 *
 * What must hold:
 *  (1) due times never decrease along a wire; its timer stands for the first.
 *  (2) without delay a segment arrives inside wire_send: "at once" is not "in the next turn". */
#include "rt/sim_wire.h"
#include "rt/loop.h"
#include "rt/sim_net.h"
#include <stdlib.h>
#include "base/banned.h"

enum { LOSSES_MAX = 15, OPEN_LOSSES_MAX = 7 };
/* Linux's least; RFC 6298 says 1 s, and so it is for the first segment. */
#define RTO_NS      (200 * HK_MS)
#define RTO_OPEN_NS (1 * HK_SEC)
#define RTO_MAX_NS  (120 * HK_SEC)

/* ---- fate -------------------------------------------------------------------------------------- */

static bool strikes(struct sim_net *net, unsigned ppm)
{
	return ppm > 0 && rand_below(&net->rand, 1000000) < ppm;
}

static int64_t one_way_ns(struct sim_net *net)
{
	const struct hk_sim_net *r = &net->rules;
	int64_t jitter =
		r->jitter_ns > 0 ? (int64_t)rand_below(&net->rand, (uint64_t)r->jitter_ns + 1) : 0;
	return r->latency_ns + jitter;
}

static bool opens(enum segment_kind kind)
{
	return kind == SEGMENT_OPEN || kind == SEGMENT_OPENED;
}

/* Resets and window updates are not sent again when they are lost, so here they are not lost. */
static bool can_be_lost(enum segment_kind kind)
{
	return opens(kind) || kind == SEGMENT_BYTES || kind == SEGMENT_END;
}

/* When it arrives, and as what. */
static int64_t draw_fate(struct sim_net *net, enum segment_kind *kind)
{
	int64_t delay = one_way_ns(net), rto = opens(*kind) ? RTO_OPEN_NS : RTO_NS;
	int losses = 0, most = opens(*kind) ? OPEN_LOSSES_MAX : LOSSES_MAX;
	bool loses = can_be_lost(*kind);

	if (*kind == SEGMENT_BYTES && strikes(net, net->rules.reset_ppm))
		*kind = SEGMENT_BREAK;
	while (loses && strikes(net, net->rules.loss_ppm)) {
		delay += rto;
		rto = rto < RTO_MAX_NS / 2 ? 2 * rto : RTO_MAX_NS;
		if (++losses < most)
			continue;
		*kind = SEGMENT_GIVEN_UP;
		break;
	}
	return delay;
}

/* ---- on the way --------------------------------------------------------------------------------- */

static void run_due(size_t *place, void *arg);

static void set_timer(struct wire *w)
{
	if (w->first && !w->held)
		timers_set(&w->net->loop->timers, &w->timer, w->first->due_ns, run_due);
}

static void append(struct wire *w, struct segment *s)
{
	if (s->due_ns < w->last_due_ns)
		s->due_ns = w->last_due_ns;
	w->last_due_ns = s->due_ns;
	s->next = NULL;
	if (w->last)
		w->last->next = s;
	else
		w->first = s;
	w->last = s;
}

static void run(struct wire *w)
{
	struct segment *s;

	while ((s = w->first) != NULL && s->due_ns <= w->net->loop->now_ns && !w->held) {
		w->held = w->parted(w);
		if (w->held)
			return;
		w->first = s->next;
		if (!w->first)
			w->last = NULL;
		w->arrive(w, s);
		free(s);
	}
	set_timer(w);
}

static void run_due(size_t *place, void *arg)
{
	struct wire *w = container_of(place, struct wire, timer);

	(void)arg;
	ASSERT(!w->held && w->first);
	run(w);
	w->settle(w);
}

static void put(struct wire *w, struct segment *s, int64_t delay_ns)
{
	bool first = !w->first;

	s->due_ns = w->net->loop->now_ns + delay_ns;
	append(w, s);
	if (first)
		run(w);
}

static struct segment *segment_new(enum segment_kind kind, struct slice bytes)
{
	struct segment *s = xmalloc(sizeof(*s) + bytes.n);

	*s = (struct segment){ .kind = kind, .n = bytes.n };
	if (bytes.n)
		memcpy(s->bytes, bytes.p, bytes.n);
	return s;
}

void wire_send(struct wire *w, enum segment_kind kind, struct slice bytes)
{
	int64_t delay_ns = draw_fate(w->net, &kind);
	put(w, segment_new(kind, bytes), delay_ns);
}

void wire_send_number(struct wire *w, enum segment_kind kind, size_t n)
{
	int64_t delay_ns = draw_fate(w->net, &kind);
	struct segment *s = segment_new(kind, (struct slice){ 0 });

	s->n = n;
	put(w, s, delay_ns);
}

void wire_send_later(struct wire *w, enum segment_kind kind, int64_t pause_ns)
{
	put(w, segment_new(kind, (struct slice){ 0 }), pause_ns + one_way_ns(w->net));
}

void wire_heal(struct wire *w)
{
	int64_t due_ns = w->net->loop->now_ns + one_way_ns(w->net);

	if (!w->held)
		return;
	w->held = false;
	for (struct segment *s = w->first; s; s = s->next) {
		s->due_ns = s->due_ns > due_ns ? s->due_ns : due_ns;
		w->last_due_ns = s->due_ns;
	}
	set_timer(w);
}

void wire_cut(struct wire *w)
{
	while (w->first) {
		struct segment *s = w->first;
		w->first = s->next;
		free(s);
	}
	w->last = NULL;
	w->held = false;
	timers_clear(&w->net->loop->timers, &w->timer);
}
