/* rewind.c - the next run does records again that are done
 *
 * What this room is for: a step was wrong, or a table was emptied: everything from some record on is wanted once more, without what
 *   came before it.
 * What flows through:    the newest run's mark and receipts, into a new run that has not begun to move.
 * What must hold:
 *  (1) the old run stays as it ended, with its accounts; the new one has counts of its own.
 *  (2) positions cannot be made up: the source is read from its start, and what is below the number is passed over.
 *  (3) sinks keep what they have: the new run has the old one's receipts, so that its rows come behind. */
#include "engine/again/rewind.h"

#include "engine/again/changed.h"
#include "engine/run/mark.h"
#include "engine/run/running.h"
#include "engine/state/held.h"
#include "engine/state/review.h"
#include <string.h>

void rewound_done(struct rewound *r)
{
	buf_done(&r->source);
}

/* ---- which source ---- */
static int name_sources(const struct ledger *l, struct err *err)
{
	AUTO(buf_done) struct buf names = { 0 };
	int r = 0;
	for (const struct split *s = l->splits; s && r == 0; s = s->next)
		r = s->made ? 0 : buf_printf(&names, "%s'%s'", names.n ? ", " : "", s->name);
	return fail(err, FAULT_CONFIG, "which source? --source is one of %s",
		    r == 0 && names.n ? names.p : "many");
}

/* What steps have made was not read, and is made anew. */
static struct split *next_read(struct split *s)
{
	while (s && s->made)
		s = s->next;
	return s;
}

static int find_source(const struct ledger *l, const struct rewind *how, struct split **ret,
		       struct err *err)
{
	struct split *s = next_read(l->splits);
	if (!s)
		return fail(err, FAULT_CONFIG,
			    "nothing was read yet: there is nothing to do again");
	if (!how->source && next_read(s->next))
		return name_sources(l, err);
	while (how->source && s && strcmp(s->name, how->source) != 0)
		s = next_read(s->next);
	if (!s)
		return name_sources(l, err);
	*ret = s;
	return 0;
}

static int rewind_mark(struct ledger *l, const struct rewind *how, struct rewound *ret,
		       struct err *err)
{
	struct split *s = NULL;
	if (find_source(l, how, &s, err) < 0)
		return -1;
	ret->was = s->low;
	if (buf_add(&ret->source, slice_str(s->name)) < 0)
		return fail(err, FAULT_IO, "out of memory");
	if (how->to >= s->low)
		return fail(err, FAULT_CONFIG,
			    "of '%s' %llu records are done: --to is less than that", s->name,
			    (unsigned long long)s->low);
	split_rewind(s, how->to);
	l->settled = l->live = (struct counts){ 0 };
	return 0;
}

/* What is asked for anew in each round has no start from which a record could be counted. */
static int check_rounds(struct ledger *l, const struct plan *plan, struct err *err)
{
	const struct place *source = &plan->sources[plan->source_count - 1];
	if (l->round.number > 0 && source->facts.restart != RESTART_SEEKS)
		return fail(err, FAULT_CONFIG,
			    "'%s' was asked again in each round: a record's number does not say "
			    "where it was; --fresh starts over",
			    source->label);
	l->round = (struct round){ 0 };
	return 0;
}

/* ---- the outputs ---- */
struct receipts {
	struct arena *arena;
	struct state_receipt v[64];
	size_t n;
};

static void receipts_done(struct receipts *r)
{
	arena_free(r->arena);
}

static int add_receipt(void *arg, const char *sink, struct slice receipt, struct err *err)
{
	struct receipts *r = arg;
	if (r->n == ARRAY_SIZE(r->v))
		return fail(err, FAULT_BROKEN, "the state has receipts of more than %zu sinks",
			    ARRAY_SIZE(r->v));
	r->v[r->n++] = (struct state_receipt){ arena_str(r->arena, slice_str(sink)),
					       arena_copy(r->arena, receipt) };
	return 0;
}

/* ---- the new run ---- */
static int begin(struct state *state, const struct plan *plan, const struct ledger *l,
		 const struct rewound *as, struct err *err) SUSPENDS
{
	AUTO(receipts_done) struct receipts receipts = { .arena = arena_new() };
	AUTO(buf_done) struct buf mark = { 0 }, parts = { 0 };
	if (state_each_receipt(state, as->of, add_receipt, &receipts, err) < 0)
		return -1;
	if (mark_put(l, as->id, NULL, NULL, &mark) < 0 || changed_put_parts(plan, &parts) < 0)
		return fail(err, FAULT_IO, "out of memory");
	const struct state_start start = {
		.pipeline = plan->name,
		.kind = "run",
		.continues = "",
		.redoes = as->of,
		.hash = plan->hash,
		.parts = buf_slice(&parts),
		.mark = buf_slice(&mark),
		.receipts = receipts.v,
		.n = receipts.n,
	};
	return state_begin(state, as->id, &start, err) < 0
		       ? -1
		       : state_end(state, as->id, "rewound", err);
}

int rewind_run(struct state *state, const struct plan *plan, const struct rewind *how,
	       struct rewound *ret, struct err *err)
{
	AUTO(state_run_done) struct state_run last = { 0 };
	AUTO(ledger_done) struct ledger l = { 0 };
	uint64_t held = 0;
	*ret = (struct rewound){ 0 };
	if (state_last_run(state, plan->name, &last, err) < 0)
		return -1;
	if (!last.found)
		return fail(err, FAULT_CONFIG, "there is no run of '%s' to rewind", plan->name);
	memcpy(ret->of, last.id, sizeof ret->of);
	run_make_id(ret->id);
	if (state_count_held(state, last.id, &held, err) < 0)
		return -1;
	if (held > 0)
		return fail(
			err, FAULT_CONFIG,
			"steps hold %llu records of the run %s: let it go on to its end first, or "
			"reset the state",
			(unsigned long long)held, last.id);
	if (mark_read(&l, buf_slice(&last.mark), err) < 0 || check_rounds(&l, plan, err) < 0 ||
	    rewind_mark(&l, how, ret, err) < 0)
		return -1;
	return begin(state, plan, &l, ret, err);
}
