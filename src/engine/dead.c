/* dead.c - dead letters on their way into the state
 *
 * What this room is for: I10: a dead letter is whole: the record as admitted, as it reached the step, every attempt.
 * What must hold: letters are durable before the sinks' checkpoint passes their records. */
#include "engine/running.h"

#include <stdlib.h>

static size_t count_letters(const struct track *batch, const struct track *end)
{
	size_t n = 0;
	for (const struct track *t = batch; t != end; t = t->next_ready)
		for (const struct dead_letter *d = t->dead; d; d = d->next)
			n += !d->kept;
	return n;
}

static struct state_letter letter(const struct track *t, const struct dead_letter *d)
{
	return (struct state_letter){
		.split = t->split->name,
		.step = d->label,
		.class = d->class,
		.message = d->message,
		.ordinal = t->ordinal,
		.line = t->line,
		.child = d->child,
		.record = rec_json(t->original),
		.at_step = rec_json(d->at_step),
		.attempts = buf_slice(&d->attempts),
		.wall_ns = d->wall_ns,
	};
}

int dead_put_letters(struct run *run, struct track *batch, const struct track *end, struct err *err)
{
	size_t n = count_letters(batch, end), i = 0;
	if (n == 0)
		return 0;
	struct state_letter *letters = xcalloc(n, sizeof *letters);
	for (struct track *t = batch; t != end; t = t->next_ready) {
		for (struct dead_letter *d = t->dead; d; d = d->next) {
			if (!d->kept)
				letters[i++] = letter(t, d);
			d->kept = true;
		}
	}
	int r = state_put_letters(run->state, run->id, letters, n, err);
	free(letters);
	return r;
}
