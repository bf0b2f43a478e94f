/* circuit.c - opening, probing, closing
 *
 * What this room is for: the states of circuit.h.
 * What flows through:    outcomes.
 * What must hold:        a probe is let through at most once between two outcomes of probes. */
#include "engine/lane/circuit.h"

#include "base/lang.h"
#include <hocket/run.h>

#define PROBE_FIRST_NS (200 * HK_MS)
#define PROBE_MAX_NS   (30 * HK_SEC)
#define FORGIVEN_NS    (300 * HK_SEC) /* longer than an attempt that times out */
enum { FAILURES_OPEN = 5 };

/* Half of it fixed, half drawn: many processes that lost the same host do not probe it together. */
static int64_t probe_delay_ns(unsigned probes)
{
	int64_t most = PROBE_FIRST_NS;
	for (unsigned i = 0; i < probes && most < PROBE_MAX_NS; i++)
		most *= 2;
	most = most < PROBE_MAX_NS ? most : PROBE_MAX_NS;
	return most / 2 + (int64_t)(hk_random() % (uint64_t)(most / 2));
}

static void open_up(struct circuit *c, int64_t now)
{
	c->state = CIRCUIT_OPEN;
	c->told = false;
	c->since_ns = now;
	c->probes = 0;
	c->probe_ns = now + probe_delay_ns(0);
}

void circuit_up(struct circuit *c, int64_t now)
{
	if (c->state != CIRCUIT_CLOSED)
		c->open_ns += now - c->since_ns;
	c->state = CIRCUIT_CLOSED;
	c->served = true;
	c->many = c->given_up = false;
	c->failures = 0;
}

static bool is_probe(const struct circuit *c, unsigned probe)
{
	return c->state == CIRCUIT_PROBING && probe == c->probe;
}

void circuit_down(struct circuit *c, uintptr_t who, unsigned probe, int64_t now)
{
	if (c->failures == 0)
		c->who = who;
	c->many |= c->who != who;
	c->failures++;
	c->failed_ns = now;
	if (c->state == CIRCUIT_CLOSED && c->served && c->failures >= FAILURES_OPEN) {
		open_up(c, now);
	} else if (is_probe(c, probe)) {
		c->state = CIRCUIT_OPEN;
		c->probe_ns = now + probe_delay_ns(++c->probes);
	}
}

void circuit_away(struct circuit *c, uintptr_t who, unsigned probe, int64_t now)
{
	if (now - c->failed_ns > FORGIVEN_NS)
		c->given_up = false;
	circuit_down(c, who, probe, now);
	if (c->state == CIRCUIT_CLOSED && !c->served && !c->given_up)
		open_up(c, now);
}

void circuit_give_up(struct circuit *c, int64_t now)
{
	ASSERT(c->state != CIRCUIT_CLOSED && !c->served);
	c->open_ns += now - c->since_ns;
	c->state = CIRCUIT_CLOSED;
	c->given_up = true;
}

void circuit_lost(struct circuit *c, unsigned probe, int64_t now)
{
	if (!is_probe(c, probe))
		return;
	c->state = CIRCUIT_OPEN;
	c->probe_ns = now;
}

bool circuit_trip(struct circuit *c, unsigned failures, int64_t now)
{
	if (c->state != CIRCUIT_CLOSED || !c->served || c->failures < failures)
		return c->state != CIRCUIT_CLOSED;
	open_up(c, now);
	return true;
}

int64_t circuit_open_ns(const struct circuit *c, int64_t now)
{
	return c->open_ns + (c->state == CIRCUIT_CLOSED ? 0 : now - c->since_ns);
}

int64_t circuit_next_ns(const struct circuit *c)
{
	return c->state == CIRCUIT_CLOSED ? 0 : c->state == CIRCUIT_OPEN ? c->probe_ns : INT64_MAX;
}

unsigned circuit_start(struct circuit *c)
{
	if (c->state == CIRCUIT_CLOSED)
		return 0;
	ASSERT(c->state == CIRCUIT_OPEN);
	c->state = CIRCUIT_PROBING;
	c->probe = c->probe == UINT32_MAX ? 1 : c->probe + 1;
	return c->probe;
}
