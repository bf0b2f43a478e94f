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

/* A letter and the texts that it borrows. */
struct written {
	struct buf path, blobs;
	char id[20];
};

static int write_texts(const struct dead_letter *d, struct written *w)
{
	flow_put_id(d->item, w->id);
	int r = item_put_path(d->item, &w->path);
	return r < 0 ? r : rec_put_blobs(d->at_step, &w->blobs);
}

static struct state_letter letter(const struct run *run, const struct track *t,
				  const struct dead_letter *d, const struct written *w)
{
	return (struct state_letter){
		.split = t->split->name,
		.step = d->label,
		.class = d->class,
		.message = d->message,
		.ordinal = t->ordinal,
		.line = t->line,
		.path = buf_slice(&w->path),
		.id = slice_str(w->id),
		.blobs = buf_slice(&w->blobs),
		.hash = run->plan->hash,
		.record = rec_json(t->original),
		.at_step = rec_json(d->at_step),
		.attempts = buf_slice(&d->attempts),
		.wall_ns = d->wall_ns,
	};
}

static void forget(struct written *w, struct state_letter *letters, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		buf_done(&w[i].path);
		buf_done(&w[i].blobs);
	}
	free(w);
	free(letters);
}

int dead_put_letters(struct run *run, struct track *batch, const struct track *end, struct err *err)
{
	size_t n = count_letters(batch, end), i = 0;
	int r = 0;
	if (n == 0)
		return 0;
	struct state_letter *letters = xcalloc(n, sizeof *letters);
	struct written *texts = xcalloc(n, sizeof *texts);
	for (struct track *t = batch; t != end; t = t->next_ready)
		for (struct dead_letter *d = t->dead; d; d = d->next) {
			if (d->kept)
				continue;
			if (write_texts(d, &texts[i]) < 0)
				r = fail(err, FAULT_IO, "out of memory for a dead letter");
			letters[i] = letter(run, t, d, &texts[i]);
			i++;
			d->kept = true;
		}
	if (r == 0)
		r = state_put_letters(run->state, run->id, letters, n, err);
	forget(texts, letters, n);
	return r;
}
