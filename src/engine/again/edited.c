/* edited.c - other steps for a run that has no end
 *
 * What this room is for: a pipeline that runs for months is mended now and then. What it has read stays read: the positions are the
 *   sources', not the steps'. The same holds between runs that are made with --once.
 * What flows through:    the last run as the state has it, and the plan as it is now; yes or no.
 * What must hold:
 *  (1) nothing is on the way between old steps: the run was drained, and no answer, child or page of a record is noted.
 *  (2) sources and sinks are what they were: positions and receipts are theirs. A sink that calls is there still; it has no receipt.
 *  (3) who holds records is what it was: they were held for it. */
#include "engine/again/edited.h"

#include "engine/again/changed.h"
#include "engine/run/fold.h"
#include "engine/run/mark.h"
#include "engine/state/notes.h"
#include "engine/state/state.h"
#include <stdio.h>

/* Also one that was made with --once, or ended as --until says. */
static bool is_drained(const struct state_run *last)
{
	return state_run_is(last, "stopped") || state_run_is_whole(last);
}

static bool has_no_end(const struct plan *p, const struct state_run *last)
{
	bool rounds = mark_has_rounds(buf_slice(&last->mark));
	for (size_t i = 0; i < p->source_count; i++)
		rounds |= p->sources[i].facts.rounds;
	return rounds || plan_is_endless(p);
}

struct holding {
	const struct run *run;
	struct slice parts;
	bool same;
};

/* A step by this name holds records; is it there, as it was? */
static void look_at_holder(void *arg, const char *split)
{
	struct holding *h = arg;
	size_t behind = folds_find(h->run, split);
	h->same &= behind > 0 && changed_keeps(&h->run->plan->steps[behind - 1], h->parts);
}

int edited_goes_on(struct run *run, const struct state_run *last, const char **why, struct err *err)
{
	AUTO(buf_done) struct buf what = { .max = 300 };
	const struct plan *p = run->plan;
	struct holding holding = { run, buf_slice(&last->parts), true };
	uint64_t noted = 0;
	*why = NULL;
	if (!has_no_end(p, last))
		return 0;
	*why = "undo the change, let it run and stop it in order (SIGTERM), then change it";
	if (!is_drained(last))
		return 0;
	*why = "undo what was changed of its source or its outputs";
	if (!changed_keeps_sources(p, holding.parts) || !changed_keeps_sinks(p, holding.parts))
		return 0;
	if (state_count_noted(run->state, last->id, &noted, err) < 0 ||
	    state_each_holder(run->state, last->id, look_at_holder, &holding, err) < 0)
		return -1;
	*why = noted ? "records of it are still on their way: undo the change, and let it finish "
		       "them"
		     : "a step that was changed holds records: undo that, or let its windows close";
	if (noted || !holding.same)
		return 0;
	if (changed_put(p, holding.parts, &what) < 0)
		return fail(err, FAULT_IO, "out of memory");
	snprintf(run->notice, sizeof run->notice,
		 "'%s' was changed since %s (%s): going on behind what it has read", p->file,
		 state_run_is(last, "stopped") ? "it was stopped" : "its last run", what.p);
	run->edited = true;
	return 1;
}

int edited_note(struct run *run, struct err *err)
{
	AUTO(buf_done) struct buf parts = { 0 };
	if (!run->edited)
		return 0;
	if (changed_put_parts(run->plan, &parts) < 0)
		return fail(err, FAULT_IO, "out of memory");
	return state_change_run(run->state, run->id, run->plan->hash, buf_slice(&parts), err);
}
