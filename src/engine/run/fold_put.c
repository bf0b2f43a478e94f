/* fold_put.c - records into windows, and windows closed
 *
 * What this room is for: the committer's half of a fold: which window a record goes into, and when the windows of a fold by key close.
 * What flows through:    tracks of a batch in, rows of the state out; a batch's worth of them in memory.
 *
 *   folds_put, first --> windows whose time has come, in a commit of their own: nothing is above the mark then
 *   folds_put, then ---> members, and windows that these close by number and size; above the mark until folds_settled
 *
 * What must hold:
 *  (1) what a window gives is numbered when it is closed. A crash opens those again that members above the mark have closed, and they
 *      are the last: time closes windows only between two batches. So the numbers never have a gap below a mark.
 *  (2) a record came when it was put: what is due then is closed before, and does not get it.
 *  (3) at the same moment windows close in the order in which they were opened. None was opened in the future: the clock was set back. */
#include "engine/run/fold.h"

#include "base/units.h"
#include "engine/run/stopping.h"
#include <stdlib.h>

enum { CLOSE_AT_ONCE = 10000, INDEX_EIGHTHS = 5 };

/* ---- rows for the state ---- */
struct put {
	struct held_member *members;
	struct held_window *windows;
	struct buf *texts; /* of each member its path and its blobs */
	size_t n, window_count, cap;
	int64_t wall_ns;
};

static void put_done(struct put *p)
{
	for (size_t i = 0; i < 2 * p->n; i++)
		buf_done(&p->texts[i]);
	free(p->texts);
	free(p->windows);
	free(p->members);
}

/* A window of tomorrow, of a machine whose clock was wrong, would hold all those back that were opened behind it. */
static void look_at_clock(struct fold *f, int64_t now)
{
	if (now < f->seen_ns) {
		windows_set_back(&f->open, now);
		f->moment_after_ns = f->moment_ns = 0;
	}
	f->seen_ns = now;
}

/* ---- one window at a time ---- */
struct held_window fold_close_window(struct fold *f)
{
	struct held_window w = { .fold = f->split->name,
				 .first = f->first,
				 .gives = f->gives_all ? f->n : 1,
				 .n = f->n,
				 .bytes = f->bytes,
				 .number = f->first };
	ASSERT(f->n > 0 && !f->by_key);
	f->first += w.gives;
	f->n = f->bytes = f->unsettled = 0;
	return w;
}

static void close_full(struct fold *f, struct put *p)
{
	f->closing += f->n;
	f->closing_bytes += f->bytes;
	p->windows[p->window_count++] = fold_close_window(f);
}

static void put_in_line(struct fold *f, struct put *p, struct held_member *m, uint64_t bytes)
{
	if (f->n > 0 && f->bytes + bytes > f->window_bytes)
		close_full(f, p);
	if (f->n == 0)
		f->opened_ns = hk_now_ns();
	m->window = f->first;
	m->at = f->n++;
	f->unsettled++;
	f->bytes += bytes;
	if (f->window && f->n == f->window)
		close_full(f, p);
}

/* ---- a window for each key ---- */
static struct held_window close_one(struct fold *f, struct window *w)
{
	struct held_window ret = { .fold = f->split->name,
				   .first = f->first++,
				   .gives = 1,
				   .n = w->n,
				   .bytes = w->bytes,
				   .number = w->number };
	ASSERT(w->n > 0 && f->n >= w->n && f->bytes >= w->bytes);
	f->n -= w->n;
	f->bytes -= w->bytes;
	windows_close(&f->open, w);
	return ret;
}

static void close_full_one(struct fold *f, struct put *p, struct window *w)
{
	f->closing += w->n;
	f->closing_bytes += w->bytes;
	p->windows[p->window_count++] = close_one(f, w);
}

static void put_by_key(struct fold *f, struct put *p, struct held_member *m, uint64_t bytes)
{
	const uint8_t *key = (const uint8_t *)m->key.p;
	ASSERT(m->key.n > WINDOW_KEY_BYTES);
	struct window *w = windows_find(&f->open, key);
	if (w && w->bytes + bytes > f->window_bytes) {
		close_full_one(f, p, w);
		w = NULL;
	}
	if (w)
		m->key = (struct slice){ 0 }; /* it stands with the first */
	else
		w = windows_open(&f->open, key, f->numbers++, p->wall_ns);
	m->window = w->number;
	m->at = w->n++;
	w->bytes += bytes;
	f->n++;
	f->bytes += bytes;
	if (w->n == f->window)
		close_full_one(f, p, w);
}

void fold_hold_index(struct fold *f)
{
	uint64_t bytes = windows_bytes(&f->open);
	ledger_hold(&f->step->run->ledger, f->index_bytes, bytes);
	f->index_bytes = bytes;
}

/* More would leave no room for records: the run would crawl, and nobody knew why. */
static int check_index(const struct run *run, struct err *err)
{
	AUTO(buf_done) struct buf size = { .max = 64 };
	uint64_t bytes = 0, most = run->memory.most / 8 * INDEX_EIGHTHS;
	const struct fold *largest = run->folds;
	for (size_t i = 0; i < run->fold_count; i++) {
		const struct fold *f = &run->folds[i];
		bytes += f->index_bytes;
		largest = f->index_bytes > largest->index_bytes ? f : largest;
	}
	if (bytes <= most)
		return 0;
	(void)!units_put_size(&size, bytes); /* without it the sentence is still true */
	return fail(err, FAULT_CONFIG,
		    "step '%s': %u windows are open, and to know them takes %s, more than five "
		    "eighths of `memory`: raise `memory:`, or let windows close earlier (every, "
		    "max)",
		    largest->step->place->label, largest->open.n, size.n ? size.p : "memory");
}

/* ---- members ---- */
static int put_member(struct put *p, const struct item *it)
{
	struct fold *f = it->holder->fold;
	const struct track *t = it->track;
	struct buf *path = &p->texts[2 * p->n], *blobs = path + 1;
	ASSERT(p->n < p->cap);
	int r = item_put_path(it, path);
	r = r < 0 ? r : rec_put_blobs(it->rec, blobs);
	struct held_member *m = &p->members[p->n++];
	*m = (struct held_member){ .fold = f->split->name,
				   .split = t->split->name,
				   .source = track_source(t),
				   .ordinal = t->ordinal,
				   .line = t->line ? t->line : t->ordinal + 1,
				   .path = buf_slice(path),
				   .id = it->id,
				   .key = buf_slice(&it->key),
				   .record = rec_json(it->rec),
				   .blobs = buf_slice(blobs),
				   .wall_ns = p->wall_ns };
	(f->by_key ? put_by_key : put_in_line)(f, p, m, m->record.n + blobs->n);
	return r;
}

static bool is_held(const struct item *it)
{
	return it->state == ITEM_HELD && it->holder->fold;
}

static int put_track(struct put *p, struct track *t)
{
	int r = 0;
	for (struct item *it = &t->root; it && r == 0; it = item_next(it))
		if (is_held(it))
			r = put_member(p, it);
	return r;
}

static size_t count_merged(const struct track *first)
{
	size_t n = 0;
	for (const struct track *t = first; t; t = t->next_ready)
		n += t->counts.merged;
	return n;
}

static int put_tracks(struct run *run, struct track *first, size_t cap, int64_t wall_ns,
		      struct err *err) SUSPENDS
{
	int r = 0;
	AUTO(put_done)
	struct put p = { .members = xcalloc(cap, sizeof *p.members),
			 .windows = xcalloc(2 * cap, sizeof *p.windows),
			 .texts = xcalloc(2 * cap, sizeof *p.texts),
			 .cap = cap,
			 .wall_ns = wall_ns };
	for (struct track *t = first; t && r == 0; t = t->next_ready)
		r = t->counts.merged ? put_track(&p, t) : 0;
	for (size_t i = 0; i < run->fold_count; i++)
		fold_hold_index(&run->folds[i]);
	if (r < 0)
		return fail_errno(err, FAULT_IO, r, "cannot hold records for a step");
	if (check_index(run, err) < 0)
		return -1;
	/* Without an own mark it is the state's that says what is done, and that is put behind what is held. */
	return p.n == 0 ? 0
			: state_put_held(run->state, run->id, p.members, p.n, p.windows,
					 p.window_count, !run_has_own_mark(run), err);
}

/* ---- time, and the end ---- */

/* Only the end of what there is to read closes them early. A run that is stopped leaves them to the next one, if there can be one. */
bool fold_closes_all(const struct fold *f)
{
	const struct run *run = f->step->run;
	return fold_is_at_end(f) && (!run->stopping || run_is_volatile(run));
}

/* When its window is due. Windows that were opened between two moments of cron are due at the second. */
static int64_t due_wall_ns(struct fold *f, const struct window *w)
{
	const struct schedule *closes = f->step->place->facts.closes;
	if (!closes)
		return INT64_MAX;
	if (closes->every_ns)
		return schedule_next_ns(closes, w->opened_ns);
	if (w->opened_ns < f->moment_after_ns || w->opened_ns >= f->moment_ns) {
		f->moment_after_ns = w->opened_ns;
		f->moment_ns = schedule_next_ns(closes, w->opened_ns);
	}
	return f->moment_ns;
}

/* The window that is to be closed next, if there is one and its time has come. */
static struct window *next_due(struct fold *f, int64_t wall_ns)
{
	struct window *w = windows_oldest(&f->open);
	const struct run *run = f->step->run;
	look_at_clock(f, wall_ns);
	if (!w || run->failing)
		return NULL;
	bool due = !run->stopping && due_wall_ns(f, w) <= wall_ns;
	return due || fold_closes_all(f) ? w : NULL;
}

int64_t fold_due_ns(struct fold *f)
{
	int64_t now = run_wall_ns(f->step->run);
	const struct window *w = windows_oldest(&f->open);
	if (next_due(f, now))
		return 0;
	int64_t due = w && !f->step->run->stopping ? due_wall_ns(f, w) : INT64_MAX;
	return due == INT64_MAX ? -1 : due - now;
}

bool folds_are_due(struct run *run)
{
	for (size_t i = 0; i < run->fold_count; i++)
		if (run->folds[i].by_key && next_due(&run->folds[i], run_wall_ns(run)))
			return true;
	return false;
}

static int close_some(struct fold *f, int64_t now, struct err *err) SUSPENDS
{
	struct run *run = f->step->run;
	AUTO(freep) struct held_window *closed = xcalloc(CLOSE_AT_ONCE, sizeof *closed);
	struct window *w;
	size_t n = 0;
	ASSERT(f->closing == 0); /* nothing that is above the mark can stand before these */
	for (; n < CLOSE_AT_ONCE && (w = next_due(f, now)); n++) {
		closed[n] = close_one(f, w);
		f->waiting += closed[n].n;
		f->waiting_bytes += closed[n].bytes;
	}
	fold_hold_index(f);
	if (state_put_held(run->state, run->id, NULL, 0, closed, n, false, err) < 0)
		return -1;
	f->until = f->first;
	hk_event_set(&f->look);
	return 0;
}

static int close_due(struct run *run, int64_t now, struct err *err) SUSPENDS
{
	for (size_t i = 0; i < run->fold_count; i++) {
		struct fold *f = &run->folds[i];
		while (f->by_key && next_due(f, now))
			if (close_some(f, now, err) < 0)
				return -1;
	}
	return 0;
}

int folds_put(struct run *run, struct track *first, struct err *err)
{
	if (run->fold_count == 0)
		return 0;
	int64_t now = run_wall_ns(run); /* one moment: what closes at it, and what comes behind */
	if (close_due(run, now, err) < 0)
		return -1;
	size_t cap = count_merged(first);
	return cap ? put_tracks(run, first, cap, now, err) : 0;
}

void folds_settled(struct run *run)
{
	for (size_t i = 0; i < run->fold_count; i++) {
		struct fold *f = &run->folds[i];
		f->unsettled = 0;
		f->until = f->first;
		f->waiting += f->closing;
		f->waiting_bytes += f->closing_bytes;
		f->closing = f->closing_bytes = 0;
		hk_event_set(&f->look);
	}
}
