/* expansion.c - a record becomes several, the same ones after a crash
 *
 * What this room is for: a child is known by its path ("the third of ..."). If a list that an API gives today differs from
 *   yesterday's, the third is another one: what was paid for the old one would count for the new one. So the list is kept.
 * What flows through:    children, on their way into the journal and back.
 * What must hold:
 *  (1) nothing is kept for nobody: only before a call that changes something outside, and only behind a call that may answer
 *      otherwise when it is made again. Sources that can be resumed give the same records again.
 *  (2) programs give the same for the same record; who writes `now` into one that emits asks for what he gets. */
#include "engine/run/expansion.h"

#include "engine/run/children.h"
#include <stdlib.h>

static bool expands(const struct step *s)
{
	const struct common *o = &s->place->common;
	bool answer_is_record = s->place->facts.replaces && !o->into.n && !o->result.value;
	return s->place->facts.many || o->emit || answer_is_record;
}

static bool changes_something(const struct step *s)
{
	return step_is_call(s) && s->place->facts.effect == EFFECT_WRITES;
}

void expansion_plan(struct run *run)
{
	const struct plan *p = run->plan;
	bool may_differ = false, later = false;
	for (size_t i = 0; i < p->step_count; i++) {
		struct step *s = &run->steps[i];
		may_differ |= step_is_call(s) && !s->keeps;
		s->keeps_children = may_differ && expands(s);
	}
	for (size_t i = p->step_count; i-- > 0;) {
		run->steps[i].keeps_children &= later;
		later |= changes_something(&run->steps[i]);
	}
}

int expansion_recall(struct step *s, const struct item *it, struct rec ***ret, size_t *ret_n,
		     struct err *err)
{
	AUTO(buf_done) struct buf about = { .max = 1u << 16 }, value = { .max = 1u << 30 };
	const struct journal_place at = { it, s->own_name };
	int r = journal_get(&s->run->journal, &at, NOTE_CHILDREN, &about, &value, err);
	if (r <= 0)
		return r;
	*ret = children_restore(buf_slice(&value), ret_n);
	return *ret ? 1
		    : fail(err, FAULT_BROKEN, "step '%s': kept children make no sense",
			   s->place->label);
}

int expansion_keep(struct step *s, const struct item *it, struct rec *const *children, size_t n,
		   struct err *err)
{
	AUTO(buf_done) struct buf value = { .max = 1u << 30 };
	const struct journal_place at = { it, s->own_name };
	int r = children_put(children, n, &value);
	if (r < 0)
		return fail_errno(err, FAULT_TOO_LARGE, r, "the children cannot be kept");
	return journal_put(&s->run->journal, &at, NOTE_CHILDREN, S("{}"), buf_slice(&value), NULL,
			   err);
}
