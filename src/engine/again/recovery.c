/* recovery.c - the batch that a crash left between several sinks
 *
 * What this room is for: two sinks cannot commit together. A batch that more than one sink gets is put down in the state before the
 *   first of them sees it. After a crash it is made ready again, with the very rows of then, and goes the ordinary way
 *   through commit.c: a sink whose own mark has passed a record gets nothing of it, the others do.
 * What flows through:    tracks to the state, and back to tracks.
 * What must hold:
 *  (1) whatever the far sides would answer today, all sinks get the rows of then. (2) a row that a sink refused, as its letter says, is dead from that sink
 *      on: those before it have it. (3) afterwards the mark covers the batch, and nothing of it is left. */
#include "engine/again/recovery.h"

#include "base/json.h"
#include "engine/run/mark.h"
#include "engine/state/batch.h"
#include <stdlib.h>
#include <string.h>

bool run_logs_batches(const struct run *run)
{
	return run->plan->sink_count > 1 && run_has_own_mark(run);
}

/* ---- putting it down ---- */

/* The rows of all tracks, and the texts that they borrow. */
struct put {
	struct batch_track *tracks;
	struct batch_row *rows;
	struct buf *texts; /* paths and blobs of rows, counts of tracks */
	size_t row_count, text_count;
};

static size_t count_rows(const struct track *first)
{
	size_t n = 0;
	for (const struct track *t = first; t; t = t->next_ready)
		for (struct item *it = track_next_row((struct track *)t, NULL); it;
		     it = track_next_row((struct track *)t, it))
			n++;
	return n;
}

static void put_done(struct put *p)
{
	for (size_t i = 0; i < p->text_count; i++)
		buf_done(&p->texts[i]);
	free(p->texts);
	free(p->rows);
	free(p->tracks);
}

static int put_row(struct put *p, const struct item *it)
{
	struct buf *path = &p->texts[p->text_count++], *blobs = &p->texts[p->text_count++];
	int r = item_put_path(it, path);
	if (r == 0)
		r = rec_put_blobs(it->rec, blobs);
	p->rows[p->row_count++] = (struct batch_row){ .path = buf_slice(path),
						      .record = rec_json(it->rec),
						      .blobs = buf_slice(blobs),
						      .sinks = it->sinks,
						      .id = it->id };
	return r;
}

static int put_track(struct put *p, const struct track *t, struct batch_track *ret)
{
	struct buf *counts = &p->texts[p->text_count++];
	size_t from = p->row_count;
	int r = counts_put(&t->counts, counts);
	for (struct item *it = track_next_row((struct track *)t, NULL); it && r == 0;
	     it = track_next_row((struct track *)t, it))
		r = put_row(p, it);
	*ret = (struct batch_track){ .split = t->split->name,
				     .ordinal = t->ordinal,
				     .line = t->line,
				     .base = text_slice(t->position.base),
				     .offset = t->position.offset,
				     .counts = buf_slice(counts),
				     .original = rec_json(t->original),
				     .rows = p->rows + from,
				     .n = p->row_count - from };
	return r;
}

int recovery_put_batch(struct run *run, const struct track *first, size_t n, struct err *err)
{
	size_t rows = count_rows(first), i = 0;
	AUTO(put_done)
	struct put p = { .tracks = xcalloc(n, sizeof(struct batch_track)),
			 .rows = xcalloc(rows + 1, sizeof(struct batch_row)),
			 .texts = xcalloc(2 * rows + n, sizeof(struct buf)) };
	int r = 0;
	for (const struct track *t = first; t && r == 0; t = t->next_ready)
		r = put_track(&p, t, &p.tracks[i++]);
	if (r < 0)
		return fail_errno(err, FAULT_IO, r, "cannot keep a batch for its sinks");
	return state_put_batch(run->state, run->id, p.tracks, n, err);
}

/* ---- making it ready again ---- */
struct reading { /* on another thread, while the run is parked */
	struct run *run;
	struct track *last;
};

static struct item *child_at(struct ledger *l, struct item *parent, uint32_t index)
{
	struct item *c = parent->first_child;
	while (c && c->index != index)
		c = c->sibling;
	return c ? c : item_restore(l, parent, index);
}

/* "2.0": the item there, made with those on the way to it. NULL: no path. */
static struct item *item_at(struct ledger *l, struct track *t, struct slice path)
{
	struct item *it = &t->root;
	struct slice number, rest = path;
	while (rest.n > 0) {
		int64_t index;
		(void)slice_cut(rest, '.', &number, &rest); /* the last has nothing behind it */
		if (units_int(number, &index) < 0 || index < 0 || index >= CHILDREN_MAX)
			return NULL;
		it = child_at(l, it, (uint32_t)index);
	}
	return it;
}

static bool read_row(struct ledger *l, struct track *t, const struct batch_row *row)
{
	struct rec *rec = rec_restore(row->record, row->blobs);
	struct item *it = rec ? item_at(l, t, row->path) : NULL;
	if (!it) {
		rec_unref(rec);
		return false;
	}
	item_restore_row(l, it, rec, row->id, row->sinks);
	return true;
}

static int read_track(void *arg, const struct batch_track *b, struct err *err)
{
	struct reading *to = arg;
	struct ledger *l = &to->run->ledger;
	struct counts counts = { 0 };
	AUTO(text_unrefp) struct text *base = b->base.n ? text_new(b->base) : NULL;
	if (!counts_read(b->counts, &counts) || !counts_balance(&counts, 0))
		return fail(err, FAULT_IO, "the batch of '%s' makes no sense", b->split);
	struct track *t = ledger_restore(l, ledger_split(l, b->split), rec_new(b->original),
					 (struct position){ base, b->offset }, b->ordinal, b->line);
	for (size_t i = 0; i < b->n; i++)
		if (!read_row(l, t, &b->rows[i]))
			return fail(err, FAULT_IO, "the batch of '%s' makes no sense", b->split);
	t->counts = counts;
	counts_add(&l->live, &counts);
	*(to->last ? &to->last->next_ready : &to->run->left_batch) = t;
	to->last = t;
	return 0;
}

int recovery_read_batch(struct run *run, struct err *err)
{
	struct reading to = { .run = run };
	if (!run->resumed || !run_logs_batches(run))
		return 0;
	return state_each_batch(run->state, run->id, read_track, &to, err);
}

/* ---- letters of its rows ---- */
static bool is_track(const struct track *t, const char *split, uint64_t ordinal)
{
	return t->ordinal == ordinal && strcmp(t->split->name, split) == 0;
}

/* Letters come in the order of the batch: the next one is behind the last. */
static struct track *track_of(struct run *run, const char *split, uint64_t ordinal)
{
	struct track *from = run->left_found ? run->left_found : run->left_batch;
	struct track *t = from;
	while (t && !is_track(t, split, ordinal))
		t = t->next_ready;
	if (!t)
		for (t = run->left_batch; t != from && !is_track(t, split, ordinal);)
			t = t->next_ready;
	if (!t || !is_track(t, split, ordinal))
		return NULL;
	return run->left_found = t;
}

/* Its number, from 1; 0: no sink is called so. */
static uint8_t sink_of(const struct run *run, const char *label)
{
	for (size_t i = 0; i < run->plan->sink_count; i++)
		if (strcmp(run->plan->sinks[i].label, label) == 0)
			return (uint8_t)(i + 1);
	return 0;
}

bool recovery_owns_letter(struct run *run, const char *split, uint64_t ordinal, struct slice path,
			  const char *label)
{
	struct track *t = track_of(run, split, ordinal);
	uint8_t sink = t ? sink_of(run, label) : 0;
	struct item *it = sink ? item_at(&run->ledger, t, path) : NULL;
	if (it)
		it->refused_by = sink;
	return t != NULL;
}

void recovery_refuse(struct sink *k, struct track *first)
{
	uint8_t sink = (uint8_t)(k - k->run->sinks + 1);
	for (struct track *t = first; t; t = t->next_ready)
		for (struct item *it = track_next_row(t, NULL); it; it = track_next_row(t, it))
			if (it->refused_by == sink)
				track_row_was_dead(&k->run->ledger, it);
}

/* ---- giving it to the sinks ---- */
int recovery_commit(struct run *run, struct err *err)
{
	struct track *first = take(run->left_batch);
	run->left_found = NULL;
	run->before = run->ledger.live; /* who died then does not stop this part of the run */
	int r = first ? commit_again(run, first, err) : 0;
	for (struct split *s = run->ledger.splits; s && r == 0; s = s->next)
		split_begin_behind_mark(s);
	return r;
}
