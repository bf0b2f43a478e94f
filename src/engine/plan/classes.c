/* classes.c - what a source, a call or a sink promises, by its facts
 *
 * What this room is for: the words for it, once.
 * What flows through:    facts in, constant words out.
 * What must hold:
 *  (1) only facts and options are read, never a connector's name. (2) a promise without a cure is one that exactly_once can be built on:
 *  all but V and A. */
#include "engine/plan/classes.h"

#include "engine/port.h"
#include <string.h>

static const struct promise of_sources[] = {
	[RESTART_LOSES] = { 'V', "volatile", "what was read is gone after a stop",
			    "read from something that can be read again: a file, not a pipe" },
	[RESTART_SEEKS] = { 'R', "replayable", "goes on where it stopped", NULL },
	[RESTART_ASKS] = { 'J', "journaled", "each page is kept, and not asked for again", NULL },
};
static const struct promise told = { 'J', "journaled",
				     "what comes is kept before anything is done with it", NULL };
static const struct promise of_sinks[] = {
	[APPEND_ONLY] = { 'A', "append-only", "after a crash some may show twice or not",
			  "write to a file, a table, or by a key" },
	[IDEMPOTENT] = { 'I', "idempotent", "a repeated record changes nothing", NULL },
	[TRANSACTIONAL] = { 'T', "transactional", "each record's effect once", NULL },
};
static const struct promise of_calls[] = {
	[APPEND_ONLY] = { 'A', "append-only", "what a crash cuts off may have happened or not",
			  "add `idempotency_key: auto`" },
	[IDEMPOTENT] = { 'I', "idempotent", "called again, it changes nothing more", NULL },
	[TRANSACTIONAL] = { 'T', "transactional", "each record's effect once", NULL },
};
/* Of calls that are harmful twice and carry no key. */
static const struct promise keyless = {
	'A', "append-only", "what a crash cuts off may have happened or not",
	"say `idempotent: true` if running it twice changes nothing more"
};
static const struct promise no_key = {
	'A', "append-only", "what a crash cuts off may have happened or not",
	"nothing makes it exactly once: what nobody knows is a dead letter, to be looked up"
};
static const struct promise reads = { 0, "reads", "it may ask again after a crash", NULL };

static bool takes_option(const struct place *p, const char *name)
{
	const struct opt *o = p->port->options;
	while (o && o->name && strcmp(o->name, name) != 0)
		o++;
	return o && o->name;
}

const struct promise *promise_of(const struct place *p)
{
	const struct facts *f = &p->facts;
	ASSERT((size_t)f->guarantee < ARRAY_SIZE(of_sinks) &&
	       (size_t)f->restart < ARRAY_SIZE(of_sources));
	if (p->role == ROLE_SOURCE)
		return f->told.n ? &told : &of_sources[f->restart];
	if (p->role == ROLE_SINK && !p->port->call)
		return &of_sinks[f->guarantee];
	switch (f->effect) {
	case EFFECT_WRITES:
		return f->guarantee != APPEND_ONLY     ? &of_calls[f->guarantee]
		       : !f->keyless                   ? &of_calls[APPEND_ONLY]
		       : takes_option(p, "idempotent") ? &keyless
						       : &no_key;
	case EFFECT_READS:
		return &reads;
	case EFFECT_NONE:
		break;
	}
	return NULL;
}

int promise_put(const struct promise *p, struct buf *out)
{
	int r = p->letter ? buf_printf(out, "%c  ", p->letter) : 0;
	return r < 0 ? r : buf_printf(out, "%s: %s", p->name, p->words);
}

/* "A http, A stdout": those that a cure is known for. */
static int put_weak(const struct place *places, size_t n, size_t *count, struct buf *out)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < n; i++) {
		const struct promise *p = promise_of(&places[i]);
		if (!p || !p->cure)
			continue;
		r = buf_printf(out, "%s%s (%c)", (*count)++ > 0 ? ", " : "", places[i].label,
			       p->letter);
	}
	return r;
}

int promise_put_whole(const struct plan *plan, struct buf *out)
{
	AUTO(buf_done) struct buf weak = { 0 };
	size_t n = 0;
	int r = put_weak(plan->sources, plan->source_count, &n, &weak);
	r = r < 0 ? r : put_weak(plan->steps, plan->step_count, &n, &weak);
	r = r < 0 ? r : put_weak(plan->sinks, plan->sink_count, &n, &weak);
	if (r < 0)
		return r;
	if (n == 0)
		return buf_add(out, S("each record has its effect exactly once"));
	return buf_printf(out, "not exactly once, because of %s", weak.p);
}
