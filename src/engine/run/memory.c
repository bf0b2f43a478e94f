/* memory.c - the budget: who may take of it, and who waits
 *
 * What this room is for: a weighted semaphore with two lines, served by age, that cannot stand still.
 *
 *   none --memory_start--> waits --> granted --memory_begin--> works <--> grows (waits for more)
 *    ^                                  |                        |
 *    `------------ memory_end ----------+------------------------'
 *
 * Why it cannot stand still: whoever waits in `growing` holds a slot, so as long as somebody waits there nobody new begins but
 *   the oldest record's. The head of `growing`, else of `starting`, goes on when nothing else moves; what it brings either
 *   fits, or rests and goes to a file, or ends. Each such step moves a record on, and admission has stopped: records are finite.
 *   Only an attempt that would begin waits for older records that wait for a lane or their next attempt, as nothing is in flight
 *   then: these come by themselves, with what they hold; without this all that there is would gather before a server that is away.
 * What must hold:
 *  (1) a claim that waits lies in exactly one line, sorted by track->number; others in none.
 *  (2) working and granted count the claims of these states. */
#include "engine/run/memory.h"

#include "base/units.h"
#include "engine/call/visit.h"
#include <errno.h>

enum { RESERVE = 8, TEXT = 16 }; /* parts of the budget */

bool memory_has(const struct run *run, uint64_t bytes)
{
	uint64_t most = run->memory.most - run->memory.most / RESERVE;
	return run->ledger.bytes <= most && bytes <= most - run->ledger.bytes;
}

uint64_t memory_children_max(const struct run *run)
{
	return run->memory.most / RESERVE;
}

uint64_t memory_text_max(const struct run *run)
{
	return run->memory.most / TEXT;
}

int memory_fail_text(const struct run *run, struct err *err)
{
	AUTO(buf_done) struct buf limit = { .max = 64 };
	if (units_put_size(&limit, memory_text_max(run)) < 0)
		buf_clear(&limit);
	fail(err, FAULT_TOO_LARGE,
	     "the answer is larger than %s, a sixteenth of `memory`: raise `memory:`, or keep it "
	     "as "
	     "bytes with `as: blob`",
	     limit.n ? limit.p : "");
	err->sent = true;
	return -1;
}

/* ---- lines ---- */
static void enlist(struct claim **line, struct claim *c)
{
	while (*line && (*line)->track->number <= c->track->number)
		line = &(*line)->next;
	c->next = *line;
	*line = c;
}

static bool delist(struct claim **line, const struct claim *c)
{
	while (*line && *line != c)
		line = &(*line)->next;
	if (!*line)
		return false;
	*line = c->next;
	return true;
}

static void hold(struct run *run, struct claim *c, uint64_t bytes)
{
	ledger_hold(&run->ledger, c->bytes, bytes);
	c->bytes = bytes;
}

static bool is_oldest(const struct run *run, const struct claim *c)
{
	return c->track == run->ledger.first;
}

static bool may_go(const struct run *run, const struct claim *c)
{
	return is_oldest(run, c) || memory_has(run, c->wants - c->bytes);
}

static void give(struct run *run, struct claim *c)
{
	struct memory *m = &run->memory;
	bool grows = c->state == CLAIM_GROWS;
	hold(run, c, c->wants);
	c->state = grows ? CLAIM_WORKS : CLAIM_GRANTED;
	++*(grows ? &m->working : &m->granted);
}

static void give_first(struct run *run, struct claim **line)
{
	struct claim *c = *line;
	*line = c->next;
	give(run, c);
	hk_event_set(&c->granted);
}

/* For a lane, or for its next attempt: that comes by itself, and what it holds is given back behind it. */
static bool waits_for_time(const struct visit *v)
{
	return v->seat != SEAT_WAITS && (v->waits_for || v->waits_until_ns);
}

static bool an_older_waits(const struct run *run, const struct claim *c)
{
	for (size_t i = 0; i < run->plan->step_count; i++)
		for (const struct visit *v = run->steps[i].waiting; v; v = v->next_waiting)
			if (waits_for_time(v) && v->item->track->number < c->track->number)
				return true;
	return false;
}

/* Is there nobody but those who wait? Then it is for the oldest of them to go on. */
static bool stands_still(const struct run *run)
{
	const struct memory *m = &run->memory;
	return m->working == 0 && (m->growing || m->granted == 0) && !run->committing.since_ns &&
	       !ledger_peek_ready(&run->ledger) &&
	       (m->growing || !an_older_waits(run, m->starting));
}

static void note_short(struct memory *m)
{
	bool now = m->growing || m->starting;
	if (now == (m->short_since_ns != 0))
		return;
	if (!now)
		m->short_ns += hk_now_ns() - m->short_since_ns;
	m->short_since_ns = now ? hk_now_ns() : 0;
}

int64_t memory_short_ns(const struct run *run)
{
	const struct memory *m = &run->memory;
	return m->short_ns + (m->short_since_ns ? hk_now_ns() - m->short_since_ns : 0);
}

void memory_look(struct run *run)
{
	struct memory *m = &run->memory;
	while (m->growing && may_go(run, m->growing))
		give_first(run, &m->growing);
	while (m->starting && (m->growing ? is_oldest(run, m->starting) : may_go(run, m->starting)))
		give_first(run, &m->starting);
	if ((m->growing || m->starting) && !spill_helps(run) && stands_still(run))
		give_first(run, m->growing ? &m->growing : &m->starting);
	note_short(m);
}

static int wait_in(struct run *run, struct claim **line, struct claim *c) SUSPENDS
{
	enlist(line, c);
	hk_event_clear(&c->granted);
	memory_look(run);
	int r = hk_event_wait(&c->granted);
	if (r == 0 || !delist(line, c))
		return 0; /* it was given: cancelled or not, it goes on */
	memory_look(run); /* whom it kept waiting */
	return r;
}

int memory_start(struct run *run, struct claim *c, const struct item *it, uint64_t bytes)
{
	ASSERT(c->state == CLAIM_NONE && c->bytes == 0);
	c->track = it->track;
	c->wants = bytes;
	c->state = CLAIM_WAITS;
	bool first = !run->memory.growing && !run->memory.starting;
	if (is_oldest(run, c) || (first && may_go(run, c))) {
		give(run, c);
		return 0;
	}
	int r = wait_in(run, &run->memory.starting, c);
	if (r < 0)
		c->state = CLAIM_NONE;
	return r;
}

void memory_begin(struct run *run, struct claim *c)
{
	ASSERT(c->state == CLAIM_GRANTED && run->memory.granted > 0);
	run->memory.granted--;
	run->memory.working++;
	c->state = CLAIM_WORKS;
}

/* Its answer will need so many in all. 0, or < 0: cancelled; it holds what it held. */
static int grow(struct run *run, struct claim *c, uint64_t bytes) SUSPENDS
{
	ASSERT(c->state == CLAIM_WORKS && run->memory.working > 0);
	if (bytes <= c->bytes)
		return 0;
	c->wants = bytes;
	if (is_oldest(run, c) || (!run->memory.growing && may_go(run, c))) {
		hold(run, c, bytes);
		return 0;
	}
	c->state = CLAIM_GROWS;
	run->memory.working--;
	int r = wait_in(run, &run->memory.growing, c);
	if (r < 0) {
		c->state = CLAIM_WORKS;
		run->memory.working++;
	}
	return r;
}

void memory_take_over(struct run *run, struct claim *c, const struct item *it, uint64_t bytes)
{
	ASSERT(c->state == CLAIM_NONE || c->state == CLAIM_WORKS);
	run->memory.working += c->state == CLAIM_NONE;
	c->state = CLAIM_WORKS;
	c->track = it->track;
	hold(run, c, bytes);
	memory_look(run);
}

void memory_end(struct run *run, struct claim *c)
{
	struct memory *m = &run->memory;
	if (c->state == CLAIM_NONE)
		return;
	ASSERT(c->state == CLAIM_GRANTED || c->state == CLAIM_WORKS);
	--*(c->state == CLAIM_GRANTED ? &m->granted : &m->working);
	c->state = CLAIM_NONE;
	hold(run, c, 0);
	memory_look(run);
	run_wake_source(run);
}

/* ---- what a connector asks ---- */
uint64_t site_text_max(struct site *at)
{
	return memory_text_max(at->run);
}

/* The clocks of the attempt stand still while it waits: it is not the far side that is slow. */
static int wait_growth(struct visit *v, uint64_t bytes) SUSPENDS
{
	int64_t from = hk_now_ns();
	hk_scope_extend(v->clock, HK_FOREVER);
	int r = grow(v->step->run, &v->claim, bytes);
	v->deadline_ns += hk_now_ns() - from;
	hk_scope_extend(v->clock, v->deadline_ns - hk_now_ns());
	return r;
}

int call_room(struct call *call, enum body kind, uint64_t length, uint64_t bytes)
{
	struct visit *v = container_of(call, struct visit, call);
	const struct run *run = v->step->run;
	if (answer_kind(v->step, kind) != BODY_BLOB && length > memory_text_max(run)) {
		v->too_large = true;
		return -EMSGSIZE;
	}
	bytes += arena_bytes(call->arena);
	/* Who is in a call with others does not wait for room: they would wait with it, and the oldest record may be one of them. */
	if (v->seat != SEAT_NONE)
		return 0;
	return bytes <= v->claim.bytes ? 0 : wait_growth(v, bytes);
}
