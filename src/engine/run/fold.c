/* fold.c - records held in windows, and what is made of them
 *
 * What this room is for: the engine's half of batch, sort and group: members, windows, clock, accounts. A fold's own half is pure
 *   (port.h). Records are put into windows, and windows by key closed, in fold_put.c; what closed windows give is in fold_give.c.
 * What flows through:    items in, as rows of the state; tracks out, made of rows of the state. In memory there is nothing of a member
 *   between its commit and its window's turn but a few numbers.
 * What must hold:
 *  (1) a member is durable before the mark that says its record is done; a window's row before anything of it moves on.
 *  (2) what a window gives is done when the mark says so of its ordinals; then its rows go (state/tidy.c).
 *  (3) windows wait on disk, but not without end: when too many wait the source does.
 *  (4) a run that is stopping gives nothing more, unless it has to finish all; what is held is left to the next part. */
#include "engine/run/fold.h"

#include "base/hash.h"
#include "engine/call/doubt.h"
#include "engine/run/sort_key.h"
#include "engine/run/stopping.h"
#include "engine/state/held.h"
#include "io/digest.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	WAITING_BYTES = 64 << 20, /* in closed windows: less holds nobody back */
	KEY_MAX = 1 << 20,
	MEMBERS_MAX = 100000 /* of a window that becomes one record */
};
#define LOOK_EVERY_NS (60 * HK_SEC) /* the wall clock may be set, or the machine have slept */

bool step_is_fold(const struct step *s)
{
	return s->place->port->key || s->place->port->build;
}

/* ---- opening ---- */

/* A replay's windows are others than its run's, and their letters must not be taken for each other's. */
static struct split *new_split(struct run *run, const struct step *s, unsigned stream)
{
	char name[200];
	if (run->replay)
		snprintf(name, sizeof name, "step %s (replay %s)", s->own_name, run->id);
	else
		snprintf(name, sizeof name, "step %s", s->own_name);
	struct split *split = ledger_split(&run->ledger, name);
	ASSERT(stream < LEDGER_STREAMS);
	split->source = SIZE_MAX; /* no file's */
	split->stream = stream;
	split->made = true;
	split->sorted = !s->place->port->build;
	return split;
}

static uint64_t most_bytes(const struct step *s)
{
	if (s->place->facts.window_bytes)
		return s->place->facts.window_bytes;
	return s->place->port->build ? memory_text_max(s->run) : UINT64_MAX;
}

static uint64_t most_members(const struct step *s)
{
	uint64_t window = s->place->facts.window;
	return window || !s->place->port->build ? window : MEMBERS_MAX;
}

static void fold_init(struct fold *f, struct step *s, unsigned stream)
{
	*f = (struct fold){
		.step = s,
		.split = new_split(s->run, s, stream),
		.hash = hash_add(HASH_START, slice_str(s->own_name)),
		.gives_all = !s->place->port->build,
		.by_key = s->place->port->build && s->place->port->key,
		.window = most_members(s),
		.window_bytes = most_bytes(s),
		.linger_ns = s->place->facts.linger_ns,
	};
	s->fold = f;
}

void folds_open(struct run *run)
{
	size_t n = 0;
	for (size_t i = 0; i < run->plan->step_count; i++)
		n += step_is_fold(&run->steps[i]);
	run->folds = xcalloc(n + 1, sizeof *run->folds);
	for (size_t i = 0; i < run->plan->step_count; i++)
		if (step_is_fold(&run->steps[i])) {
			fold_init(&run->folds[run->fold_count], &run->steps[i],
				  (unsigned)run->fold_count + 1);
			run->fold_count++;
		}
}

static void fold_done(struct fold *f)
{
	text_unref(f->shown);
	held_page_done(&f->page);
	windows_done(&f->open);
}

void folds_close(struct run *run)
{
	for (size_t i = 0; i < run->fold_count; i++)
		fold_done(&run->folds[i]);
	free(take(run->folds));
	run->fold_count = 0;
}

size_t folds_find(const struct run *run, const char *split)
{
	struct slice rest = slice_str(split);
	if (!slice_starts(rest, S("step ")))
		return 0;
	rest = slice_from(rest, 5);
	for (size_t i = 0; i < run->plan->step_count; i++) {
		struct slice name = slice_str(run->steps[i].own_name);
		if (step_is_fold(&run->steps[i]) &&
		    (slice_eq(rest, name) ||
		     (slice_starts(rest, name) &&
		      slice_starts(slice_from(rest, name.n), S(" (replay ")))))
			return i + 1;
	}
	return 0;
}

static bool is_below_mark(void *arg, const char *split, uint64_t ordinal)
{
	const struct run *run = arg;
	return ledger_is_done(&run->ledger, split, ordinal);
}

/* Without its digest it is none of ours: take_first() says so. */
static void take_open(void *arg, const struct held_open *had)
{
	struct fold *f = arg;
	uint8_t key[WINDOW_KEY_BYTES] = { 0 };
	if (had->key.n > sizeof key)
		memcpy(key, had->key.p, sizeof key);
	struct window *w = windows_open(&f->open, key, had->number, had->opened_ns);
	w->n = (uint32_t)had->n;
	w->bytes = had->bytes;
}

static void fold_restore(struct fold *f, const struct held_fold *had)
{
	f->first = f->until = had->first;
	f->n = had->n;
	f->bytes = had->bytes;
	f->numbers = had->numbers;
	f->waiting = had->waiting;
	f->waiting_bytes = had->waiting_bytes;
	f->opened_ns = hk_now_ns();
	f->seen_ns = INT64_MAX; /* it may have been set back since they were opened */
	fold_hold_index(f);
}

int folds_restore(struct run *run, struct err *err)
{
	if (run->fold_count == 0)
		return 0;
	struct held_fold *had = xcalloc(run->fold_count, sizeof *had);
	for (size_t i = 0; i < run->fold_count; i++)
		had[i] = (struct held_fold){ .fold = run->folds[i].split->name,
					     .gives_all = run->folds[i].gives_all,
					     .take_open = run->folds[i].by_key ? take_open : NULL,
					     .arg = &run->folds[i],
					     .low = run->folds[i].split->low };
	int r = state_sift_held(run->state, run->id, had, run->fold_count, is_below_mark, run, err);
	for (size_t i = 0; i < run->fold_count && r == 0; i++)
		fold_restore(&run->folds[i], &had[i]);
	free(had);
	return r;
}

/* ---- what the others ask ---- */
bool folds_are_behind(const struct run *run)
{
	for (size_t i = 0; i < run->fold_count; i++)
		if (run->folds[i].waiting_bytes > WAITING_BYTES)
			return true;
	return false;
}

bool folds_want_space(const struct run *run)
{
	for (size_t i = 0; i < run->fold_count; i++)
		if (run->folds[i].wants_space)
			return true;
	return false;
}

bool fold_has_space(const struct fold *f)
{
	const struct run *run = f->step->run;
	bool fits = !run->ledger.first || memory_has(run, f->wants_bytes);
	return fits && run->ledger.ready_bytes < run->ready_max_bytes;
}

bool folds_go_on(const struct run *run)
{
	return !run->failing && (!run->stopping || run->finish_all);
}

bool folds_wake(struct run *run)
{
	bool any = false;
	for (size_t i = 0; i < run->fold_count; i++)
		if (run->folds[i].wants_space && fold_has_space(&run->folds[i])) {
			hk_event_set(&run->folds[i].look);
			any = true;
		}
	return any;
}

bool folds_hold(const struct run *run)
{
	for (size_t i = 0; i < run->fold_count; i++)
		if (run->folds[i].n > 0 || run->folds[i].split->ordinal < run->folds[i].first)
			return true;
	return false;
}

uint64_t folds_count(const struct run *run)
{
	uint64_t n = 0;
	for (size_t i = 0; i < run->fold_count; i++) {
		const struct fold *f = &run->folds[i];
		n += f->n + run->ledger.streams[f->split->stream].tracks;
		n += f->gives_all ? f->first - f->split->ordinal : f->waiting;
	}
	return n;
}

uint64_t folds_count_open(const struct run *run)
{
	uint64_t n = 0;
	for (size_t i = 0; i < run->fold_count; i++)
		n += run->folds[i].by_key ? run->folds[i].n : 0;
	return n;
}

static size_t tracks_before(const struct fold *f)
{
	const struct ledger *l = &f->step->run->ledger;
	size_t n = 0;
	for (unsigned i = 0; i < f->split->stream; i++)
		n += l->streams[i].tracks;
	return n;
}

bool fold_is_at_end(const struct fold *f)
{
	return f->upstream_ended && tracks_before(f) == 0;
}

bool folds_hurry(const struct run *run)
{
	for (size_t i = 0; i < run->fold_count; i++)
		if (run->folds[i].upstream_ended && tracks_before(&run->folds[i]) > 0)
			return true;
	return false;
}

void folds_look(struct run *run)
{
	for (size_t i = 0; i < run->fold_count; i++)
		hk_event_set(&run->folds[i].look);
}

void fold_upstream_ended(struct fold *f)
{
	f->upstream_ended = true;
	hk_event_set(&f->look);
	hk_event_set(&f->step->run->full);
}

/* ---- taking ---- */

/* Equal keys have equal digests; behind it stands the key as it is shown. */
static int put_group_key(struct slice order, struct slice json, struct buf *out)
{
	uint8_t whole[DIGEST_BYTES];
	AUTO(digest_done) struct digest d = { 0 };
	int r = digest_init(&d);
	if (r < 0)
		return r;
	digest_add(&d, order);
	digest_end(&d, whole);
	r = buf_add(out, (struct slice){ (const char *)whole, WINDOW_KEY_BYTES });
	return r < 0 ? r : buf_add(out, json);
}

static int take_key(struct step *s, const struct env *env, struct buf *out,
		    struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf json = { .max = KEY_MAX };
	AUTO(buf_done) struct buf order = { .max = 2 * KEY_MAX };
	if (s->place->port->key(&s->site, env, &json, err) < 0)
		return -1;
	int r = sort_key_put(buf_slice(&json), &order);
	if (r == 0 && s->fold->by_key)
		r = put_group_key(buf_slice(&order), buf_slice(&json), out);
	else if (r == 0)
		*out = buf_take(&order);
	return r < 0 ? fail_errno(err, FAULT_TOO_LARGE, r, "its key is above 1MB") : 0;
}

int fold_take(struct step *s, struct item *it, const struct env *env)
{
	AUTO(buf_done) struct buf key = { 0 };
	struct err err = { 0 };
	if (s->place->port->key && take_key(s, env, &key, &err) < 0) {
		doubt_die(s, it, &err, NULL);
		return 0;
	}
	doubt_succeeded(s);
	item_hold(&s->run->ledger, it, s, &key);
	if (!it->track->ready)
		spill_rested(s->run, it);
	run_wake_committer(s->run);
	run_wake_source(s->run);
	return 0;
}

/* ---- the fold's task ---- */

/* When its open window is too old; 0: now, < 0: it has no such moment. */
static int64_t due_ns(struct fold *f)
{
	if (f->by_key)
		return fold_due_ns(f);
	if (f->n == 0 || f->unsettled > 0)
		return -1;
	if (fold_is_at_end(f))
		return 0;
	if (f->linger_ns == 0)
		return -1;
	int64_t left = f->opened_ns + f->linger_ns - hk_now_ns();
	return left > 0 ? left : 0;
}

static int close_due(struct fold *f, struct err *err) SUSPENDS
{
	struct run *run = f->step->run;
	f->waiting += f->n;
	f->waiting_bytes += f->bytes;
	struct held_window w = fold_close_window(f);
	if (state_put_held(run->state, run->id, NULL, 0, &w, 1, false, err) < 0)
		return -1;
	f->until = f->until > w.first + w.gives ? f->until : w.first + w.gives;
	return 0;
}

static bool is_through(const struct fold *f)
{
	bool none_open = f->n == 0 || (f->by_key && !fold_closes_all(f));
	return fold_is_at_end(f) && none_open && f->split->ordinal == f->first;
}

/* Until something may have changed. */
static int wait_look(struct fold *f, int64_t due) SUSPENDS
{
	if (f->by_key && due == 0) { /* the committer closes it */
		hk_event_set(&f->step->run->ready);
		hk_event_set(&f->step->run->full);
	}
	if (f->by_key && due > LOOK_EVERY_NS)
		due = LOOK_EVERY_NS;
	int r = due > 0 ? hk_event_wait_for(&f->look, due) : hk_event_wait(&f->look);
	return r == -ETIMEDOUT ? 0 : r;
}

/* 1: there is a window to give; 0: there is none any more; -1 */
static int wait_window(struct fold *f, struct err *err) SUSPENDS
{
	struct run *run = f->step->run;
	while (folds_go_on(run)) {
		hk_event_clear(&f->look);
		int64_t due = due_ns(f);
		if (f->split->ordinal < f->until)
			return 1;
		if (is_through(f))
			return 0;
		if (due == 0 && !f->by_key) {
			if (close_due(f, err) < 0)
				return -1;
			continue;
		}
		if (wait_look(f, due) < 0)
			return fail(err, FAULT_CANCELLED, "stopped");
	}
	return 0;
}

int fold_main(void *arg)
{
	struct step *s = arg;
	struct run *run = s->run;
	struct err err = { 0 };
	int r;
	while ((r = wait_window(s->fold, &err)) > 0)
		if (fold_give(s->fold, &err) < 0)
			break;
	if (r != 0 && err.fault != FAULT_CANCELLED) {
		err_wrap(&err, "step '%s': ", s->place->label);
		run_abort(run, RUN_FAILED, &err);
	}
	flow_ended(run, s->index + 1);
	return 0;
}
