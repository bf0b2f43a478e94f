/* again.c - running a finished pipeline again
 *
 * What this room is for: `hocket run` twice by mistake, or from cron, must not pay for the same calls twice. The sources are run
 *   from the finished run's mark with an intake that takes nothing: one arrival, and there is something new.
 * What flows through:    the mark in, a yes or no out.
 * What must hold:
 *  (1) the run's own ledger is untouched: the probe has a ledger of its own.
 *  (2) in doubt there is something new: then the run starts over, which is what was asked for. */
#include "engine/again.h"

#include "engine/mark.h"
#include "engine/place.h"

static bool can_tell(const struct plan *p)
{
	for (size_t i = 0; i < p->source_count; i++)
		if (p->sources[i].facts.restart != RESTART_SEEKS || p->sources[i].facts.endless)
			return false;
	return true;
}

/* 1: it ends there; 0: it goes on, or is another file; -1: it cannot be opened */
static int ends_there(struct run *run, const struct place *place, struct err *err) SUSPENDS
{
	struct step source;
	struct err why = { 0 };
	struct intake in = { .run = run, .source = &source, .probing = true };
	step_init(&source, run, place, 0);
	int r = site_open(&source.site, place, err);
	if (r == 0)
		r = place->port->run(&source.site, &in, &why) == 0 && !in.found;
	step_close(&source);
	return r;
}

int again_nothing_new(struct run *run, struct slice mark, bool *ret, struct err *err)
{
	struct ledger own = run->ledger;
	int r = 1;
	*ret = false;
	if (!can_tell(run->plan) || mark.n == 0)
		return 0;
	run->ledger = (struct ledger){ 0 };
	if (mark_read(&run->ledger, mark, NULL) < 0)
		r = 0;
	for (size_t i = 0; i < run->plan->source_count && r == 1; i++)
		r = ends_there(run, &run->plan->sources[i], err);
	ledger_done(&run->ledger);
	run->ledger = own;
	*ret = r == 1;
	return r < 0 ? -1 : 0;
}
