/* visit_wait.c - where a record waits that holds no attempt, and how a stop ends that
 *
 * What this room is for: records wait for a lane, a slot or their next attempt, some of them for a minute. When the run stops, the
 *   drain must not last as long as they do. Each such wait is a scope of its own, in a list of its step.
 * What flows through:    visits that park (step.c).
 * What must hold:
 *  (1) a visit is in its step's list exactly while its scope is open. (2) who is told to leave has started nothing: its item is
 *      left as it is, for the next run. (3) who may still come to its turn within the grace is not told to. */
#include "engine/run/stopping.h"
#include "engine/call/visit.h"

#include <errno.h>

/* Would it wait for nothing? */
static bool is_hopeless(const struct visit *v)
{
	const struct run *run = v->step->run;
	const struct lane *l = v->waits_for;
	if (run_leaves(run, v->item))
		return true;
	if (!run->stopping || run->finish_all)
		return false;
	if (l && (lane_is_down(l) || l->paused_until_ns > run->drained_ns))
		return true;
	return v->waits_until_ns > run->drained_ns;
}

int visit_wait_begin(struct visit *v, const struct lane *l, int64_t until_ns)
{
	struct step *s = v->step;
	v->waits_for = l;
	v->waits_until_ns = until_ns;
	if (is_hopeless(v))
		return -ECANCELED;
	hk_scope_open(&v->waiting, HK_FOREVER);
	v->prev_waiting = NULL;
	v->next_waiting = s->waiting;
	if (s->waiting)
		s->waiting->prev_waiting = v;
	s->waiting = v;
	return 0;
}

int visit_wait_end(struct visit *v, int r)
{
	struct step *s = v->step;
	*(v->prev_waiting ? &v->prev_waiting->next_waiting : &s->waiting) = v->next_waiting;
	if (v->next_waiting)
		v->next_waiting->prev_waiting = v->prev_waiting;
	return hk_scope_close(&v->waiting, r);
}

void step_let_leave(struct step *s)
{
	for (struct visit *v = s->waiting; v; v = v->next_waiting)
		if (is_hopeless(v))
			hk_scope_cancel(&v->waiting);
}
