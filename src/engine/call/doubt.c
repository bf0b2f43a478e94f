/* doubt.c - who failed before anything had succeeded
 *
 * What this room is for: the difference between a bad record and a bad pipeline.
 * What flows through:    items that failed for good at a source, a pure step or a step that calls out.
 * What must hold:
 *  (1) run->in_doubt counts the items in all lists; such an item is ITEM_MOVING and held by nobody else.
 *  (2) while the run is failing nobody is let be dead: what is in doubt is left unsettled. */
#include "engine/call/doubt.h"

#include <stdlib.h>
#include <string.h>

struct doomed {
	struct doomed *next;
	struct item *item;
	struct err err;
	struct buf attempts;
};

void doubt_die_certainly(struct step *s, struct item *it, const struct err *err,
			 struct buf *attempts)
{
	if (s->run->failing)
		return;
	s->dead++;
	flow_die(s->run, it, s->place->label, err, attempts);
}

void doubt_end(struct step *s, bool dead)
{
	for (struct doomed *d = take(s->doomed), *next; d; d = next) {
		next = d->next;
		ASSERT(s->run->in_doubt > 0);
		s->run->in_doubt--;
		if (dead)
			doubt_die_certainly(s, d->item, &d->err, &d->attempts);
		buf_done(&d->attempts);
		free(d);
	}
}

void doubt_end_all(struct run *run)
{
	for (size_t i = 0; i < run->plan->source_count; i++)
		doubt_end(&run->sources[i], true);
	for (size_t i = 0; i < run->plan->step_count; i++)
		doubt_end(&run->steps[i], true);
}

void doubt_succeeded(struct step *s)
{
	if (s->succeeded)
		return;
	s->succeeded = true;
	doubt_end(s, true);
}

/* Is it one more of those that all fail the same way? */
static bool is_suspicious(struct step *s, const struct err *err)
{
	char class[sizeof s->doomed_class];
	if (s->succeeded)
		return false;
	err_class(err, class, sizeof class);
	if (s->doomed_count == 0)
		memcpy(s->doomed_class, class, sizeof class);
	return strcmp(s->doomed_class, class) == 0;
}

static void stop_nothing_succeeded(struct step *s, const struct err *last)
{
	struct err err = *last;
	err_wrap(
		&err,
		"nothing has succeeded yet at '%s': the first %d records all failed the same way: ",
		s->place->label, DOOM_LIMIT);
	run_abort(s->run, RUN_STOPPED_BY_FAILURES, &err);
}

void doubt_die(struct step *s, struct item *it, const struct err *err, struct buf *attempts_taken)
{
	if (!is_suspicious(s, err)) {
		doubt_succeeded(s); /* or at least: they do not all fail the same way */
		doubt_die_certainly(s, it, err, attempts_taken);
		return;
	}
	struct doomed *d = xcalloc(1, sizeof *d), **at = &s->doomed;
	*d = (struct doomed){ .item = it, .err = *err };
	if (attempts_taken)
		d->attempts = buf_take(attempts_taken);
	while (*at) /* at most DOOM_LIMIT */
		at = &(*at)->next;
	*at = d;
	s->run->in_doubt++;
	item_seen(&s->run->ledger, it,
		  (struct sighting){ .what = SIGHT_FAILED, .label = s->place->label, .err = err });
	if (++s->doomed_count == DOOM_LIMIT)
		stop_nothing_succeeded(s, err);
	run_wake_source(s->run);
}
