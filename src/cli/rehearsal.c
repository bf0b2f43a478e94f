/* rehearsal.c - the same pipeline, but nothing is written and only what may be called is called
 *
 * What this room is for: the engine runs a rehearsal like any other plan. What it must not touch is not there: sinks are
 *   places that take everything and do nothing, and a call that is held back answers without being made.
 * What flows through:    places of a plan; copies of them out.
 * What must hold:
 *  (1) records go the same way: labels, `if:`, concurrency and rates stay as they are. (2) each call is made once: no retries, so that
 *  three records are three calls. (3) `idempotency_key: auto` gives other keys than a run: what a try has sent must not
 *  be what a later run is answered with. */
#include "cli/rehearsal.h"
#include <hocket/run.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/run.h"

/* ---- what stands in for others ---- */
static int take_all(struct site *site, const struct batch *b, struct buf *receipt,
		    struct err *err) SUSPENDS
{
	return 0;
}

static const struct port no_sink = { .name = "nowhere", .roles = ROLE_SINK, .commit = take_all };

static void hold_back(struct site *site, struct call *c) SUSPENDS
{
	c->verdict = VERDICT_ANSWER;
}

static int choose(struct site *site, const struct rec *rec, const struct env *env, struct out *out,
		  struct err *err) SUSPENDS
{
	struct chooser *c = *(struct chooser *const *)site->options;
	int yes = c->chosen < c->wanted && env->meta->position >= c->from_line;
	if (yes && c->where)
		yes = jq_truth(c->where, env, err);
	if (yes < 0)
		return -1;
	if (yes == 0) {
		c->refused(c->arg);
		return 0;
	}
	out_keep(out);
	if (++c->chosen == c->wanted)
		run_drain(site->run);
	return 0;
}

static const struct port chooses = { .name = "try", .roles = ROLE_STEP, .apply = choose };

/* ---- places ---- */
static bool uses_answer(const struct place *p)
{
	const struct common *o = &p->common;
	return p->facts.replaces || o->into.n > 0 || o->result.value || o->emit;
}

bool rehearsal_stays_here(const struct place *p)
{
	return p->facts.local && p->facts.effect == EFFECT_NONE;
}

static bool is_held(const struct place *p, enum calls calls)
{
	if (!p->port->call || rehearsal_stays_here(p))
		return false;
	return p->role == ROLE_SINK || calls == CALLS_NONE ||
	       (calls == CALLS_READS && p->facts.effect != EFFECT_READS);
}

/* Only what is named here is left of it: an operation that ports get later on is not called by oversight. */
static struct port without_calls(const struct port *of)
{
	return (struct port){
		.name = of->name,
		.doc = of->doc,
		.roles = of->roles,
		.options = of->options,
		.options_size = of->options_size,
		.shared_size = of->shared_size,
		.open = of->open,
		.close = of->close,
		.ask = of->ask,
		.call = hold_back,
	};
}

static void hold(struct rehearsal *r, struct place *p, size_t i)
{
	bool ends = uses_answer(p);
	struct common *o = &p->common;
	r->ports[i] = without_calls(p->port);
	p->port = &r->ports[i];
	p->facts.paid = false;
	p->facts.effect = EFFECT_NONE;
	p->facts.replaces = false;
	o->accept = NULL;
	o->into.n = 0;
	o->result.value = NULL;
	o->emit = ends ? r->nothing : NULL;
	o->remember_ns = 0;
	o->batch = 0;
	o->rate = (struct rate_option){ 0 };
}

static void copy_steps(struct rehearsal *r, enum calls calls)
{
	const struct plan *of = r->of;
	for (size_t i = 0; i < of->step_count; i++) {
		size_t at = r->first + i;
		struct place *p = &r->plan.steps[at];
		*p = of->steps[i];
		if (p->port->call)
			p->common.retry = &r->once;
		r->held[at] = is_held(p, calls);
		if (r->held[at])
			hold(r, p, at);
	}
}

static void put_chooser(struct rehearsal *r)
{
	if (r->first)
		r->plan.steps[0] = (struct place){
			.role = ROLE_STEP, .port = &chooses, .options = &r->chooser, .label = "try"
		};
}

static void copy_ends(struct rehearsal *r)
{
	const struct plan *of = r->of;
	for (size_t i = 0; i < of->source_count; i++) {
		r->plan.sources[i] = of->sources[i];
		r->plan.sources[i].facts.restart = RESTART_LOSES; /* no state, no going on */
	}
	for (size_t i = 0; i < of->sink_count; i++) {
		r->plan.sinks[i] = of->sinks[i];
		r->plan.sinks[i].port = &no_sink;
		r->plan.sinks[i].facts = (struct facts){ .door = of->sinks[i].facts.door };
		r->plan.sinks[i].common.commit = NULL;
	}
}

static struct jq *compile_nothing(void)
{
	struct jq *ret = NULL;
	struct expr_error why;
	int r = jq_program_compile(S("empty"), &(struct expr_names){ 0 }, &ret, &why);
	ASSERT(r == 0);
	return ret;
}

void rehearsal_init(struct rehearsal *r, const struct plan *of, enum calls calls,
		    struct chooser *chooser)
{
	*r = (struct rehearsal){
		.plan = *of, .of = of, .chooser = chooser, .first = chooser != NULL
	};
	size_t n = of->step_count + r->first;
	r->nothing = compile_nothing();
	r->held = xcalloc(n + 1, sizeof *r->held);
	r->ports = xcalloc(n + 1, sizeof *r->ports);
	r->plan.steps = xcalloc(n + 1, sizeof *r->plan.steps);
	r->plan.sources = xcalloc(of->source_count + 1, sizeof *r->plan.sources);
	r->plan.sinks = xcalloc(of->sink_count + 1, sizeof *r->plan.sinks);
	r->plan.step_count = n;
	r->plan.state_off = true;
	r->plan.state_path = NULL;
	r->plan.dead_path = NULL;
	snprintf(r->name, sizeof r->name, "try %.60s %08x", of->name, (unsigned)hk_random());
	r->plan.name = r->name;
	put_chooser(r);
	copy_steps(r, calls);
	copy_ends(r);
}

void rehearsal_done(struct rehearsal *r)
{
	jq_free(r->nothing);
	free(r->held);
	free(r->ports);
	free(r->plan.steps);
	free(r->plan.sources);
	free(r->plan.sinks);
	*r = (struct rehearsal){ 0 };
}

bool rehearsal_ends_at(const struct rehearsal *r, size_t step)
{
	return r->held[step] && r->plan.steps[step].common.emit == r->nothing;
}
