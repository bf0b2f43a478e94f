/* dead.c - dead letters on their way into the state
 *
 * What this room is for: I10: a dead letter is whole: the record as admitted, as it reached the step, every attempt.
 * What must hold: letters are durable before the sinks' checkpoint passes their records. */
#include "engine/run/running.h"

#include "base/clock.h"
#include "base/json.h"
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
	struct buf path, blobs, attempts;
	char id[20];
};

/* What failed without a call was tried once, too. */
static int write_only_attempt(const struct dead_letter *d, struct buf *out)
{
	AUTO(buf_done) struct buf time = { .max = 64 };
	int r = clock_put_utc(&time, d->wall_ns);
	struct json_writer w = json_writer(out);
	json_open(&w, '{');
	json_key(&w, "attempt");
	json_put_int(&w, 1);
	json_key(&w, "time");
	json_put_string(&w, buf_slice(&time));
	json_key(&w, "ms");
	json_put_int(&w, 0);
	json_key(&w, "class");
	json_put_string(&w, slice_str(d->class));
	json_key(&w, "status");
	json_put_raw(&w, S("null"));
	json_key(&w, "message");
	json_put_string(&w, slice_str(d->message));
	json_close(&w, '}');
	int written = json_writer_end(&w);
	return r < 0 ? r : written;
}

/* "[a,b]" without its brackets. */
static struct slice inside(struct slice array)
{
	array = slice_trim(array);
	return array.n > 2 ? slice_trim((struct slice){ array.p + 1, array.n - 2 }) : S("");
}

/* All of them, those before a replay first. */
static int write_attempts(const struct dead_letter *d, const struct origin *o, struct buf *out)
{
	struct slice before = inside(slice_str(o ? o->attempts : "")),
		     now = inside(buf_slice(&d->attempts));
	int r = buf_add_char(out, '[');
	r = r < 0 ? r : buf_add(out, before);
	if (r == 0 && before.n > 0)
		r = buf_add_char(out, ',');
	if (r == 0)
		r = now.n > 0 ? buf_add(out, now) : write_only_attempt(d, out);
	return r < 0 ? r : buf_add_char(out, ']');
}

static int write_texts(const struct dead_letter *d, const struct origin *o, struct written *w)
{
	flow_put_id(d->item, w->id);
	int r = item_put_origin_path(d->item, &w->path);
	r = r < 0 ? r : write_attempts(d, o, &w->attempts);
	return r < 0 ? r : rec_put_blobs(d->at_step, &w->blobs);
}

static struct state_letter letter(const struct run *run, const struct track *t,
				  const struct dead_letter *d, const struct written *w)
{
	const struct origin *o = t->origin;
	return (struct state_letter){
		.split = o ? o->split : t->split->name,
		.step = d->label,
		.class = d->class,
		.message = d->message,
		.ordinal = o ? o->ordinal : t->ordinal,
		.line = t->line,
		.path = buf_slice(&w->path),
		.id = slice_str(w->id),
		.blobs = buf_slice(&w->blobs),
		.hash = run->plan->hash,
		.record = rec_json(t->original),
		.at_step = rec_json(d->at_step),
		.attempts = buf_slice(&w->attempts),
		.wall_ns = d->wall_ns,
	};
}

static void forget(struct written *w, struct state_letter *letters, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		buf_done(&w[i].path);
		buf_done(&w[i].blobs);
		buf_done(&w[i].attempts);
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
			if (write_texts(d, t->origin, &texts[i]) < 0)
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
