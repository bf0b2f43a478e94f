/* fold_give.c - what a closed window gives, on its way to the steps behind
 *
 * What this room is for: a window's members are read back, become one record or stand in their order, and are admitted anew.
 * What flows through:    pages of members in, about a MB at a time; tracks out, under the ordinals of the window.
 * What must hold:
 *  (1) a window gives the same ordinals, ids and records however often it is given: nothing is asked but the state.
 *  (2) what is done already, as the mark says, is passed over. (3) no more is read than there is room for: the budget is asked before. */
#include "engine/run/fold.h"

#include "base/hash.h"
#include "engine/call/doubt.h"
#include <errno.h>
#include <stdlib.h>

/* ---- on its way ---- */

/* 0, or -ECANCELED: it gives no more. */
static int wait_space(struct fold *f, uint64_t bytes) SUSPENDS
{
	struct run *run = f->step->run;
	int r = 0;
	f->wants_bytes = bytes;
	while (r == 0 && folds_go_on(run) && !fold_has_space(f)) {
		f->wants_space = true;
		hk_event_clear(&f->look);
		run_wake_source(run); /* what is in doubt may be all that there is to wait for */
		r = hk_event_wait(&f->look);
		f->wants_space = false;
	}
	return r < 0 || !folds_go_on(run) ? -ECANCELED : 0;
}

static void skip_done(struct fold *f, uint64_t line)
{
	struct split *s = f->split;
	split_skip(s, (struct position){ NULL, s->ordinal + 1 }, line);
}

/* A record that the fold makes, on its way. */
static int admit_made(struct fold *f, struct rec *takes, uint64_t id, struct text *shown,
		      uint64_t line) SUSPENDS
{
	struct run *run = f->step->run;
	struct track *t = ledger_make(&run->ledger, f->split, takes, line);
	t->root.id = id;
	t->shown = text_ref(shown);
	f->step->passed++;
	item_seen(&run->ledger, &t->root,
		  (struct sighting){ .what = SIGHT_READ,
				     .rec = t->original,
				     .source = track_source(t),
				     .made = true,
				     .line = line ? line : t->ordinal + 1 });
	return flow(run, &t->root, f->step->index + 1);
}

static struct rec *restore(const struct held_row *row, struct err *err)
{
	struct rec *r = rec_restore(row->record, row->blobs);
	if (!r)
		fail(err, FAULT_BROKEN, "a record that a step holds makes no sense");
	return r;
}

/* ---- one record of a window ---- */
struct gathered {
	struct rec **recs;
	size_t n;
	uint64_t id;    /* of the first */
	struct buf key; /* by key: its digest, and behind it the key */
	int64_t first_ns, last_ns;
	struct run *run;
	uint64_t bytes; /* counted */
};

static void gathered_done(struct gathered *g)
{
	for (size_t i = 0; i < g->n; i++)
		rec_unref(g->recs[i]);
	free(g->recs);
	buf_done(&g->key);
	ledger_hold(&g->run->ledger, g->bytes, 0);
}

/* Member `at` of the window, until the next is asked for. NULL with *err. */
static const struct held_row *read_member(struct fold *f, uint64_t first, uint64_t at,
					  struct err *err) SUSPENDS
{
	const struct run *run = f->step->run;
	struct held_page *p = &f->page;
	for (int tries = 0; tries < 2; tries++) {
		const struct held_row *row = f->page_at < p->n ? &p->rows[f->page_at] : NULL;
		if (row && row->window.first == first && row->at == at) {
			f->page_at++;
			return row;
		}
		f->page_at = 0;
		if (tries == 0 &&
		    state_read_windows(run->state, run->id, f->split->name, first, at, p, err) < 0)
			return NULL;
	}
	fail(err, FAULT_BROKEN, "the state file lacks records that '%s' holds", f->split->name);
	return NULL;
}

static int take_member(struct gathered *g, const struct held_row *row, struct err *err)
{
	struct rec *r = restore(row, err);
	if (!r)
		return -1;
	g->recs[g->n++] = r;
	g->last_ns = row->wall_ns;
	return 0;
}

/* What the window is known by. */
static int take_first(const struct fold *f, struct gathered *g, const struct held_row *row,
		      struct err *err)
{
	g->id = row->id;
	g->first_ns = row->wall_ns;
	if (f->by_key && (row->key.n <= WINDOW_KEY_BYTES || buf_add(&g->key, row->key) < 0))
		return fail(err, FAULT_BROKEN, "a window of '%s' has no key", f->split->name);
	return take_member(g, row, err);
}

static int read_members(struct fold *f, const struct held_window *w, struct gathered *g,
			struct err *err) SUSPENDS
{
	while (g->n < w->n) {
		const struct held_row *row = read_member(f, w->first, g->n, err);
		if (!row || take_member(g, row, err) < 0)
			return -1;
	}
	return 0;
}

/* Whatever becomes of it later, the window is one record: what cannot be built is dead as what stands for it. */
static int admit_built(struct fold *f, struct gathered *g) SUSPENDS
{
	AUTO(out_done) struct out out = { 0 };
	struct step *s = f->step;
	struct err err = { 0 };
	struct slice key = buf_slice(&g->key);
	const struct members m = { .recs = g->recs,
				   .n = g->n,
				   .key = slice_from(key, f->by_key ? WINDOW_KEY_BYTES : 0),
				   .first_ns = g->first_ns,
				   .last_ns = g->last_ns };
	uint64_t hash = hash_add(f->hash, slice_head(key, WINDOW_KEY_BYTES));
	uint64_t id = hash_end(hash_add(hash, (struct slice){ (const char *)&g->id, 8 }));
	if (s->place->port->build(&s->site, &m, &out, &err) == 0) {
		ASSERT(out.n == 1);
		out.n = 0;
		struct rec *made = out.made[0];
		return admit_made(f, made, id, NULL, 0);
	}
	struct track *t = ledger_make(&s->run->ledger, f->split, rec_new(S("{}")), 0);
	t->root.id = id;
	doubt_die_certainly(s, &t->root, &err, NULL);
	return 0;
}

static void given(struct fold *f, uint64_t members, uint64_t bytes)
{
	ASSERT(f->waiting >= members && f->waiting_bytes >= bytes);
	f->waiting -= members;
	f->waiting_bytes -= bytes;
	run_wake_source(f->step->run);
}

static int give_one(struct fold *f, struct err *err) SUSPENDS
{
	struct run *run = f->step->run;
	AUTO(gathered_done) struct gathered g = { .run = run };
	const struct held_row *row = read_member(f, f->split->ordinal, 0, err);
	if (!row)
		return -1;
	const struct held_window w = row->window;
	if (split_is_done(f->split, w.first)) {
		given(f, w.n, w.bytes);
		skip_done(f, 0);
		return 0;
	}
	if (wait_space(f, 3 * w.bytes) < 0)
		return fail(err, FAULT_CANCELLED, "stopped");
	g.recs = xcalloc((size_t)w.n, sizeof(struct rec *));
	g.bytes = 2 * w.bytes;
	ledger_hold(&run->ledger, 0, g.bytes);
	if (take_first(f, &g, row, err) < 0 || read_members(f, &w, &g, err) < 0)
		return -1;
	given(f, w.n, w.bytes);
	return admit_built(f, &g) < 0 ? fail(err, FAULT_CANCELLED, "stopped") : 0;
}

/* ---- all records of a window ---- */
static void given_row(struct fold *f, const struct held_row *row)
{
	uint64_t bytes = row->record.n + row->blobs.n;
	f->left.n--;
	f->left.bytes -= bytes;
	given(f, 1, bytes);
}

static int give_row(struct fold *f, const struct held_row *row, struct err *err) SUSPENDS
{
	if (split_is_done(f->split, f->split->ordinal)) {
		given_row(f, row);
		skip_done(f, row->line);
		return 0;
	}
	if (wait_space(f, row->record.n + row->blobs.n) < 0)
		return fail(err, FAULT_CANCELLED, "stopped");
	struct rec *r = restore(row, err);
	if (!r)
		return -1;
	given_row(f, row);
	if (!slice_eq_str(text_slice(f->shown), row->source)) {
		text_unref(f->shown);
		f->shown = text_new(slice_str(row->source));
	}
	int n = admit_made(f, r, row->id, f->shown, row->line);
	return n < 0 ? fail(err, FAULT_CANCELLED, "stopped") : 0;
}

static int give_sorted(struct fold *f, const struct held_window *w, const uint64_t *order,
		       struct err *err) SUSPENDS
{
	struct run *run = f->step->run;
	AUTO(held_page_done) struct held_page page = { 0 };
	int r = 0;
	while (r == 0 && f->split->ordinal < w->first + w->n) {
		size_t from = (size_t)(f->split->ordinal - w->first);
		r = state_read_held(run->state, run->id, w, order + from, (size_t)w->n - from,
				    &page, err);
		for (size_t i = 0; i < page.n && r == 0; i++)
			r = give_row(f, &page.rows[i], err);
	}
	return r;
}

static int give_window(struct fold *f, const struct held_window *w, struct err *err) SUSPENDS
{
	struct run *run = f->step->run;
	uint64_t *order = xcalloc((size_t)w->n, sizeof *order);
	f->left = *w;
	ledger_hold(&run->ledger, 0, w->n * sizeof *order);
	int r = state_sort_window(run->state, run->id, w, f->step->place->facts.descending, order,
				  err);
	if (r == 0)
		r = give_sorted(f, w, order, err);
	if (r == 0)
		given(f, f->left.n, f->left.bytes); /* those that an earlier part gave */
	ledger_hold(&run->ledger, w->n * sizeof *order, 0);
	free(order);
	return r;
}

static int give_all(struct fold *f, struct err *err) SUSPENDS
{
	struct run *run = f->step->run;
	struct held_window w = { 0 };
	if (state_find_window(run->state, run->id, f->split->name, f->split->ordinal, &w, err) < 0)
		return -1;
	return give_window(f, &w, err);
}

int fold_give(struct fold *f, struct err *err)
{
	return f->gives_all ? give_all(f, err) : give_one(f, err);
}
