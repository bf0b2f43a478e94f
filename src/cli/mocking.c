/* mocking.c - the same pipeline, but its world is made up: records from the test, answers from its mocks, rows into memory
 *
 * What this room is for: the engine runs it like any other plan, so that templates, jq, accept, retries and all between a source and a sink
 *   are what they are in a run.
 * What flows through:    a case's records in; its answers to calls; what sinks are given.
 * What must hold:
 *  (1) what is mocked has no operation left that reaches anything: a call that nobody has an answer for ends the test with the words
 *  to add. (2) what is `local` (a process, a PDF, an upload into memory) is made for real, unless the test answers it. (3) no rate
 *  and no `linger` holds anything up. */
#include "cli/mocking.h"
#include <hocket/types.h>
#include <stdlib.h>

#define LINGER_NS (5 * HK_MS) /* all records come at once: there is nobody to wait for */

/* ---- what stands in for others ---- */
static int give_records(struct site *site, struct intake *intake, struct err *err) SUSPENDS
{
	const struct test_case *c = site->options;
	struct split *split = intake_split(intake, "in");
	const struct position *from = split_from(split);
	for (size_t i = from ? from->offset : 0; i < c->in.n; i++) {
		const struct arrival a = { .rec = rec_new(c->in.v[i]),
					   .split = split,
					   .next = { .offset = i + 1 },
					   .line = i + 1 };
		if (admit(intake, &a, err) < 0)
			return -1;
	}
	return 0;
}

static const struct port gives = { .name = "in", .roles = ROLE_SOURCE, .run = give_records };

static int capture(struct site *site, const struct batch *b, struct buf *receipt,
		   struct err *err) SUSPENDS
{
	struct capture *c = (struct capture *)site->options; /* of a place of ours */
	if (c->n + b->n > c->cap) {
		c->cap = 2 * c->cap + b->n;
		c->rows = xrealloc(c->rows, c->cap, sizeof *c->rows);
	}
	for (size_t i = 0; i < b->n; i++)
		c->rows[c->n++] = rec_ref(b->recs[i]);
	return 0;
}

static const struct port captures = { .name = "out", .roles = ROLE_SINK, .commit = capture };

/* Not reached: answer() has answered all of these. */
static void never_call(struct site *site, struct call *c) SUSPENDS
{
	ASSERT(!c);
}

/* Only what makes up the request is left of it. */
static struct port without_world(const struct port *of)
{
	return (struct port){
		.name = of->name,
		.doc = of->doc,
		.roles = of->roles,
		.rows = of->rows,
		.options = of->options,
		.options_size = of->options_size,
		.shared_size = of->shared_size,
		.ask = of->ask,
		.call = never_call,
	};
}

/* ---- answers ---- */
static void refuse(struct mocking *m, size_t step, struct call *c)
{
	const struct place *p = &m->as.plan.steps[step];
	const char *what = p->role == ROLE_SINK ? "sink" : "step";
	c->verdict = VERDICT_FAULT;
	fail(&c->err, FAULT_CONFIG,
	     "%s '%s' (%s:%u) was about to call out, %.*s: add its answer, mock: {%s: ...}", what,
	     p->label, m->as.plan.file, p->line, SLICE(c->shown), p->label);
}

static bool answer(void *arg, size_t step, struct call *c) SUSPENDS
{
	struct mocking *m = arg;
	const struct mocked *at = &m->steps[step];
	struct err err = { 0 };
	if (!at->stands_in)
		return false;
	if (!at->mock) {
		refuse(m, step, c);
	} else if (mock_answer(at->mock, m->as.plan.steps[step].port->rows, c, &err) < 0) {
		c->verdict = VERDICT_FAULT;
		c->err = err;
	}
	if (c->verdict == VERDICT_FAULT && c->err.fault == FAULT_CONFIG && !m->err.fault)
		m->err = c->err;
	return true;
}

/* ---- places ---- */
static void copy_steps(struct mocking *m, const struct plan *of)
{
	for (size_t i = 0; i < of->step_count; i++) {
		struct place *p = &m->as.plan.steps[i];
		*p = of->steps[i];
		if (!p->port->call)
			continue;
		const struct case_named *found = case_find(&m->test->mocks, p);
		m->steps[i].mock = found ? found->mock : NULL;
		m->steps[i].stands_in = found || !p->facts.local;
		p->common.rate = (struct rate_option){ 0 };
		if (p->common.linger_ns > LINGER_NS)
			p->common.linger_ns = LINGER_NS;
		if (!m->steps[i].stands_in)
			continue;
		m->as.ports[i] = without_world(p->port);
		p->port = &m->as.ports[i];
	}
}

static void copy_ends(struct mocking *m, const struct plan *of)
{
	m->as.plan.sources[0] = (struct place){ .role = ROLE_SOURCE,
						.port = &gives,
						.options = m->test,
						.label = "in",
						.facts = { .restart = RESTART_LOSES } };
	m->as.plan.source_count = 1;
	for (size_t i = 0; i < of->sink_count; i++) {
		struct place *p = &m->as.plan.sinks[i];
		*p = of->sinks[i];
		p->port = &captures;
		p->options = &m->captures[i];
		p->facts = (struct facts){ .door = of->sinks[i].facts.door };
		p->common.commit = NULL;
	}
}

void mocking_init(struct mocking *m, const struct plan *of, const struct test_case *test)
{
	*m = (struct mocking){ .test = test, .as = { .plan = *of, .of = of } };
	struct plan *p = &m->as.plan;
	m->stand_in = (struct stand_in){ answer, m };
	m->steps = xcalloc(of->step_count + 1, sizeof *m->steps);
	m->captures = xcalloc(of->sink_count + 1, sizeof *m->captures);
	m->as.held = xcalloc(of->step_count + 1, sizeof *m->as.held);
	m->as.ports = xcalloc(of->step_count + 1, sizeof *m->as.ports);
	p->steps = xcalloc(of->step_count + 1, sizeof *p->steps);
	p->sources = xcalloc(1, sizeof *p->sources);
	p->sinks = xcalloc(of->sink_count + 1, sizeof *p->sinks);
	p->state_off = true;
	p->state_path = NULL;
	p->dead_path = NULL;
	copy_steps(m, of);
	copy_ends(m, of);
}

void mocking_done(struct mocking *m)
{
	for (size_t i = 0; i < m->as.plan.sink_count; i++) {
		for (size_t k = 0; k < m->captures[i].n; k++)
			rec_unref(m->captures[i].rows[k]);
		free(m->captures[i].rows);
	}
	free(m->captures);
	free(m->steps);
	rehearsal_done(&m->as);
}
