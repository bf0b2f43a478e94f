/* replay.c - a run whose source is the dead letters
 *
 * What this room is for: what failed goes the rest of its way, from the step at which it failed. The steps before it are not
 *   paid for again, and the record keeps its id, so that idempotency keys are those of the first time.
 *
 *   letter of a step   enters there, as it was when it came there
 *   of a sink          goes to that sink and those behind it, which have not seen it
 *   of the source, or of a step whose name is gone: enters at the start, as it was read
 *
 * What flows through:    letters, a page at a time, as tracks into flow().
 * What must hold:
 *  (1) ordinal = rank among the chosen, which the state keeps: so the marks of a replay mean the same after any crash.
 *  (2) a letter is closed by its outcome alone: what the replay does not get through is open again when it ends. Unless something
 *      was paid for it already: then the replay is unfinished, and goes on before another begins.
 *  (3) a record that dies again is a letter of the replay, and says where it came from and every attempt since the first. */
#include "engine/again/replay.h"

#include "base/json.h"
#include "engine/again/changed.h"
#include "engine/again/choice.h"
#include "engine/run/fold.h"
#include "engine/run/mark.h"
#include "engine/run/opening.h"
#include "engine/run/stopping.h"
#include "engine/state/held.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char split_name[] = "dead letters";

struct replay {
	struct letter_list letters;         /* by rank */
	struct letter_key *const *by_place; /* of letters, sorted by where they came from */
	/* The last run, to whose outputs this adds; "": they may not be as its receipts say */
	char behind[40];
	bool behind_stopped;
};

struct replay *replay_new(void)
{
	return xcalloc(1, sizeof(struct replay));
}

char *replay_mark_name(const char *pipeline, const struct replay *replay)
{
	AUTO(buf_done) struct buf name = { 0 };
	int r = buf_printf(&name, "%s%s", pipeline, replay ? " replay" : "");
	ASSERT(r == 0); /* names of files are far below a buffer's ceiling */
	return xstrndup(name.p, name.n);
}

void replay_free(struct replay *r)
{
	if (!r)
		return;
	letter_list_done(&r->letters);
	free((void *)r->by_place);
	free(r);
}

/* ---- places: split, ordinal, path ---- */
static int compare_records(const struct letter_key *a, const struct letter_key *b)
{
	int r = strcmp(a->split, b->split);
	if (r != 0)
		return r;
	return a->ordinal < b->ordinal ? -1 : a->ordinal > b->ordinal;
}

static int compare_places(const void *a, const void *b)
{
	const struct letter_key *x = *(struct letter_key *const *)a,
				*y = *(struct letter_key *const *)b;
	int r = compare_records(x, y);
	return r != 0 ? r : strcmp(x->path, y->path);
}

static struct letter_key **sort_by_place(const struct letter_list *l)
{
	struct letter_key **sorted = xcalloc(l->n + 1, sizeof *sorted);
	for (size_t i = 0; i < l->n; i++)
		sorted[i] = &l->keys[i];
	qsort(sorted, l->n, sizeof *sorted, compare_places);
	return sorted;
}

/* "2.0" lies in "2", and everything in "". */
static bool lies_in(struct slice path, const char *of, size_t *behind)
{
	size_t n = strlen(of);
	if (n > path.n || memcmp(path.p ? path.p : "", of, n) != 0)
		return false;
	*behind = n > 0 && path.n > n ? n + 1 : n;
	return n == 0 || n == path.n || path.p[n] == '.';
}

/* One record died in two runs of which the later began anew: one at a time, or their letters would be the same one. */
static void keep_one_of_each(struct letter_list *l)
{
	struct letter_key **sorted = sort_by_place(l), *last = NULL;
	size_t behind, n = 0;
	for (size_t i = 0; i < l->n; i++) {
		struct letter_key *k = sorted[i];
		if (last && compare_records(last, k) == 0 &&
		    lies_in(slice_str(k->path), last->path, &behind))
			k->row = 0;
		else
			last = k;
	}
	free(sorted);
	for (size_t i = 0; i < l->n; i++)
		if (l->keys[i].row)
			l->keys[n++] = l->keys[i];
	l->n = n;
}

static const struct letter_key *find_place(const struct replay *r, const char *split,
					   uint64_t ordinal, struct slice path, size_t *behind)
{
	const struct letter_key wanted = { .split = split, .ordinal = ordinal };
	size_t low = 0, high = r->letters.n;
	while (low < high) { /* the first of this record */
		size_t mid = low + (high - low) / 2;
		if (compare_records(r->by_place[mid], &wanted) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	for (; low < r->letters.n && compare_records(r->by_place[low], &wanted) == 0; low++)
		if (lies_in(path, r->by_place[low]->path, behind))
			return r->by_place[low];
	return NULL;
}

void replay_locate(const struct run *run, const char **split, uint64_t *ordinal, struct slice *path)
{
	size_t behind = 0;
	const struct letter_key *k = find_place(run->replay, *split, *ordinal, *path, &behind);
	if (!k)
		return;
	*split = split_name;
	*ordinal = (uint64_t)(k - run->replay->letters.keys);
	*path = slice_from(*path, behind);
}

/* ---- beginning ---- */
static bool writes_beside(const struct plan *p)
{
	for (size_t i = 0; i < p->sink_count; i++)
		if (!p->sinks[i].facts.own_mark && p->sinks[i].port->resume)
			return true;
	return false;
}

static bool has_unfinished_output(const struct plan *p)
{
	for (size_t i = 0; i < p->sink_count; i++)
		if (p->sinks[i].facts.finite_output)
			return true;
	return false;
}

/* Letters of a run that was cut off are not final: their records may come again. And its outputs are not whole. */
static int check_last_run(struct run *run, struct err *err) SUSPENDS
{
	struct state_run last;
	const struct plan *p = run->plan;
	if (state_last_run(run->state, p->name, &last, err) < 0)
		return -1;
	bool whole = state_run_is_whole(&last), stopped = state_run_is(&last, "stopped");
	bool unfinished = last.found && !whole && !plan_is_volatile(p);
	bool endless = plan_is_endless(p) || mark_has_rounds(buf_slice(&last.mark));
	if (last.found && (whole || (stopped && endless)))
		memcpy(run->replay->behind, last.id, sizeof run->replay->behind);
	run->replay->behind_stopped = stopped;
	state_run_done(&last);
	if (!unfinished || (stopped && (endless || !has_unfinished_output(p))))
		return 0;
	return fail(
		err, FAULT_CONFIG,
		"run %s is not finished%s: 'hocket run %s' goes on with it first, then its dead "
		"letters can be sent again",
		last.id, stopped ? ", and what it wrote is not whole yet" : "", p->file);
}

/* 1; 0: it is not as that run has left it; -1. One that was stopped has files that are not whole yet: those are looked at when they are
 * gone on with. */
static int stands_behind(struct run *run, struct sink *k, struct slice receipt,
			 struct err *err) SUSPENDS
{
	AUTO(freep) char *name = sink_mark_name(k, run->plan->name);
	struct err why = { 0 };
	if (run->replay->behind_stopped)
		return 1;
	int r = k->place->port->stands(&k->site, name, receipt, &why);
	if (r >= 0)
		return r;
	*err = why;
	return err_wrap(err, "to %s: ", k->place->label);
}

int replay_resumption(struct run *run, struct sink *k, struct resumption *ret, struct err *err)
{
	const struct replay *replay = run->replay;
	bool found;
	if (!k->place->port->stands || !replay->behind[0])
		return 0;
	if (state_get_receipt(run->state, replay->behind, k->place->label, &ret->receipt, &found,
			      err) < 0)
		return -1;
	int r = found ? stands_behind(run, k, buf_slice(&ret->receipt), err) : 0;
	if (r <= 0)
		buf_clear(&ret->receipt);
	ret->stopped = replay->behind_stopped;
	return r < 0 ? -1 : 0;
}

int replay_check_none(struct run *run, struct err *err)
{
	struct state_run last;
	const struct plan *p = run->plan;
	if (!writes_beside(p))
		return 0;
	if (state_cut_off_replay(run->state, p->name, &last, err) < 0)
		return -1;
	state_run_done(&last);
	if (!last.found)
		return 0;
	return fail(
		err, FAULT_CONFIG,
		"a replay of dead letters was cut off (%s): 'hocket dead replay %s' finishes it "
		"first",
		last.id, p->file);
}

static const struct place *find_label(const struct place *places, size_t n, const char *label)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(places[i].label, label) == 0)
			return &places[i];
	return NULL;
}

/* Where its step is: steps by index, sinks behind them. false: no place has that name. */
static bool find_place_of(const struct plan *p, const char *label, size_t *at, size_t *sink)
{
	const struct place *step = find_label(p->steps, p->step_count, label);
	const struct place *to = find_label(p->sinks, p->sink_count, label);
	*sink = 0;
	*at = 0;
	if (step)
		*at = (size_t)(step - p->steps);
	else if (to) {
		*at = p->step_count;
		*sink = (size_t)(to - p->sinks);
	}
	return step || to;
}

/* From the start, all the others that were made of its record would be made again. */
static bool is_lost_child(const struct run *run, const struct kept_letter *l)
{
	size_t at, sink;
	bool made = strncmp(l->split, "step ", 5) == 0 && folds_find(run, l->split) == 0;
	return (l->path[0] || made) && !find_place_of(run->plan, l->step, &at, &sink);
}

/* What a source could not read is kept as {"line": text}, and was never a record. */
static bool is_unread(const struct plan *p, const struct kept_letter *l)
{
	return find_label(p->sources, p->source_count, l->step) && !l->path[0] &&
	       slice_starts(l->record, S("{\"line\":\"")) && slice_eq(l->record, l->at_step);
}

struct inspection {
	struct run *run;
	size_t lost, moved, unknown, unread;
	char lost_step[64], moved_step[64];
	char parts_of[40]; /* the run whose these are */
	struct buf parts;
};

static void inspection_done(struct inspection *c)
{
	buf_done(&c->parts);
}

/* Its pipeline was another one, and what has the name of its step now is not that step. 1, 0, -1 */
static int is_moved(struct inspection *c, const struct kept_letter *l, struct err *err) SUSPENDS
{
	const struct plan *p = c->run->plan;
	char now[20];
	size_t at, sink;
	snprintf(now, sizeof now, "%016llx", (unsigned long long)p->hash);
	if (strcmp(l->hash, now) == 0 || !find_place_of(p, l->step, &at, &sink))
		return 0;
	if (strcmp(c->parts_of, l->run) != 0 &&
	    state_read_parts(c->run->state, l->run, &c->parts, err) < 0)
		return -1;
	snprintf(c->parts_of, sizeof c->parts_of, "%s", l->run);
	const struct place *place = at < p->step_count ? &p->steps[at] : &p->sinks[sink];
	return changed_moves(p, place, buf_slice(&c->parts));
}

static int inspect_letter(struct inspection *c, const struct kept_letter *l,
			  struct err *err) SUSPENDS
{
	int moved = is_moved(c, l, err);
	if (moved > 0 && c->moved++ == 0)
		snprintf(c->moved_step, sizeof c->moved_step, "%s", l->step);
	if (is_lost_child(c->run, l) && c->lost++ == 0)
		snprintf(c->lost_step, sizeof c->lost_step, "%s", l->step);
	c->unread += is_unread(c->run->plan, l);
	c->unknown += strcmp(l->class, fault_name(FAULT_UNKNOWN_OUTCOME)) == 0;
	return moved < 0 ? -1 : 0;
}

static int inspect(struct inspection *c, const struct letter_list *l, struct err *err) SUSPENDS
{
	for (size_t at = 0; at < l->n;) {
		AUTO(letter_page_done) struct letter_page page = { 0 };
		if (state_read_letters(c->run->state, l->keys + at, l->n - at, &page, err) < 0)
			return -1;
		for (size_t i = 0; i < page.n; i++)
			if (inspect_letter(c, &page.letters[i], err) < 0)
				return -1;
		at += page.keys;
	}
	return 0;
}

static int refuse_lost(const struct inspection *c, struct err *err)
{
	return fail(err, FAULT_CONFIG,
		    "%zu of these are one of several that were made of one record, and their step "
		    "'%s' is not in '%s' any more: from the start the others would be made again. "
		    "Give a step that name again, or leave them out: --where '.step != \"%s\"'",
		    c->lost, c->lost_step, c->run->plan->file, c->lost_step);
}

static int refuse_moved(const struct inspection *c, struct err *err)
{
	return fail(err, FAULT_CONFIG,
		    "%zu of these failed at '%s', and '%s' has more, fewer or other steps of that "
		    "kind now: they would go on at the wrong one. Write 'name: %s' at the step "
		    "they are meant for, leave them out (--where '.step != \"%s\"'), or undo the "
		    "change",
		    c->moved, c->moved_step, c->run->plan->file, c->moved_step, c->moved_step);
}

/* What is known before it begins, for people. */
static void notice_chosen(struct run *run, const struct inspection *c, size_t older)
{
	AUTO(buf_done) struct buf text = { 0 };
	int r = 0;
	if (c->unknown > 0)
		r = buf_printf(&text,
			       "%zu of these may have been done already (unknown_outcome); they "
			       "are sent again\n",
			       c->unknown);
	if (r == 0 && c->unread > 0)
		r = buf_printf(
			&text,
			"%zu of these %s no record but text that could not be read: {\"line\": "
			"...} is what the first step gets\n",
			c->unread, c->unread == 1 ? "is" : "are");
	if (r == 0 && older > 0)
		r = buf_printf(&text,
			       "%zu dead letter%s with the id of another of these wait%s: the "
			       "next replay sends %s\n",
			       older, older == 1 ? "" : "s", older == 1 ? "s" : "",
			       older == 1 ? "it" : "them");
	if (r == 0 && text.n > 0)
		snprintf(run->notice, sizeof run->notice, "%.*s", (int)(text.n - 1), text.p);
}

static int load(struct run *run, struct err *err) SUSPENDS
{
	struct replay *r = run->replay;
	if (state_list_replayed(run->state, run->id, &r->letters, err) < 0)
		return -1;
	r->by_place = sort_by_place(&r->letters);
	return 0;
}

static int check_chosen(struct run *run, const struct letter_list *chosen, size_t older,
			struct err *err) SUSPENDS
{
	AUTO(inspection_done) struct inspection c = { .run = run };
	if (inspect(&c, chosen, err) < 0)
		return -1;
	if (c.lost > 0)
		return refuse_lost(&c, err);
	if (c.moved > 0)
		return refuse_moved(&c, err);
	notice_chosen(run, &c, older);
	return 0;
}

/* One that goes on: the pipeline may have been changed meanwhile. */
static int check_taken_up(struct run *run, struct err *err) SUSPENDS
{
	AUTO(inspection_done) struct inspection c = { .run = run };
	if (inspect(&c, &run->replay->letters, err) < 0)
		return -1;
	return c.moved > 0 ? refuse_moved(&c, err) : 0;
}

static int take_up(struct run *run, struct err *err) SUSPENDS
{
	AUTO(letter_list_done) struct letter_list chosen = { 0 };
	if (choice_list(run->state, run->plan->name, run->options.replay, &chosen, err) < 0)
		return -1;
	size_t all = chosen.n;
	keep_one_of_each(&chosen);
	if (chosen.n == 0) {
		run->nothing_new = true;
		return 0;
	}
	if (check_chosen(run, &chosen, all - chosen.n, err) < 0 ||
	    state_take_up_letters(run->state, run->id, chosen.keys, chosen.n, err) < 0)
		return -1;
	return load(run, err);
}

/* What is dead was dead among others that were not: nobody need succeed first. */
static void trust_steps(struct run *run)
{
	for (size_t i = 0; i < run->plan->step_count; i++)
		run->steps[i].succeeded = true;
	for (size_t i = 0; i < run->plan->source_count; i++)
		run->sources[i].succeeded = true;
}

/* Of a replay's letters those that it did not get through; held: NULL, or those that a step holds, by rank. */
static struct letter_key *list_left(const struct letter_list *all, const struct ledger *l,
				    const bool *held, size_t *ret_n)
{
	struct letter_key *left = xcalloc(all->n + 1, sizeof *left);
	*ret_n = 0;
	for (size_t rank = 0; rank < all->n; rank++)
		if (!ledger_is_done(l, split_name, rank) || (held && held[rank]))
			left[(*ret_n)++] = all->keys[rank];
	return left;
}

struct holding {
	bool *held;
	size_t n;
};

static void note_held(void *arg, const char *split, uint64_t rank)
{
	struct holding *h = arg;
	if (strcmp(split, split_name) == 0 && rank < h->n)
		h->held[rank] = true;
}

/* What the state's mark says is done stays so, unless it lies in an output that is not whole and is given up with it, or in a window of
 * a step, which nobody will close. */
static int give_up(struct run *run, const struct state_run *cut_off, struct err *err) SUSPENDS
{
	AUTO(letter_list_done) struct letter_list all = { 0 };
	AUTO(ledger_done) struct ledger then = { 0 };
	size_t n;
	if (state_list_replayed(run->state, cut_off->id, &all, err) < 0)
		return -1;
	if (!has_unfinished_output(run->plan) &&
	    mark_read(&then, buf_slice(&cut_off->mark), err) < 0)
		return -1;
	AUTO(freep) bool *held = xcalloc(all.n + 1, sizeof *held);
	struct holding holding = { held, all.n };
	if (state_each_held(run->state, cut_off->id, note_held, &holding, err) < 0)
		return -1;
	struct letter_key *left = list_left(&all, &then, held, &n);
	int r = state_give_up_replay(run->state, cut_off->id, left, n, err);
	free(left);
	return r;
}

int replay_begin(struct run *run, struct state_run *cut_off, struct err *err)
{
	if (state_cut_off_replay(run->state, run->plan->name, cut_off, err) < 0)
		return -1;
	trust_steps(run);
	if (cut_off->found && run->options.fresh && give_up(run, cut_off, err) < 0)
		return -1;
	if (!cut_off->found || run->options.fresh)
		return check_last_run(run, err) < 0 ? -1 : take_up(run, err);
	memcpy(run->id, cut_off->id, sizeof run->id);
	run->resumed = true;
	return load(run, err) < 0 ? -1 : check_taken_up(run, err);
}

/* ---- letters become tracks ---- */
static struct origin *new_origin(const struct kept_letter *l, const struct plan *p)
{
	struct origin *o = xcalloc(1, sizeof *o);
	size_t at;
	*o = (struct origin){ .run = xstrndup(l->run, strlen(l->run)),
			      .split = xstrndup(l->split, strlen(l->split)),
			      .path = xstrndup(l->path, strlen(l->path)),
			      .step = xstrndup(l->step, strlen(l->step)),
			      .attempts = xstrndup(l->attempts.p, l->attempts.n),
			      .ordinal = l->ordinal };
	/* Sinks before it have the row; but none has when it was an `if:` that failed. */
	if (find_place_of(p, l->step, &at, &o->first_sink) && at == p->step_count &&
	    slice_starts(slice_str(l->message), S("if: ")))
		o->first_sink = 0;
	return o;
}

static void set_origin(struct run *run, struct track *t, const struct kept_letter *l)
{
	char text[20];
	t->origin = new_origin(l, run->plan);
	t->root.id = strtoull(letter_id(l, text), NULL, 16);
}

/* As it was told then: what was not a record is none now. */
static void die_as_before(struct run *run, struct track *t, const struct kept_letter *l)
{
	struct err err = { .fault = FAULT_BAD_VALUE };
	for (enum fault f = FAULT_REFUSED; f < FAULT_COUNT; f++)
		if (strcmp(fault_name(f), l->class) == 0)
			err.fault = f;
	fail(&err, err.fault, "%s", l->message);
	flow_die(run, &t->root, t->origin->step, &err, NULL);
}

static bool is_record(const struct kept_letter *l)
{
	return json_check(l->record, NULL) == 0 && json_type(l->record) == JSON_OBJECT;
}

bool replay_enter(struct intake *in, struct track *t, size_t *at)
{
	struct run *run = in->run;
	const struct kept_letter *l = in->letter;
	size_t sink;
	set_origin(run, t, l);
	bool found = find_place_of(run->plan, l->step, at, &sink);
	if (!found)
		*at = folds_find(run, l->split); /* it was made there */
	if (!is_record(l) || (!found && l->path[0])) {
		die_as_before(run, t, l);
		return false;
	}
	if (!found)
		return true;
	struct rec *rec = rec_restore(l->at_step, l->blobs);
	if (rec)
		item_replace(&run->ledger, &t->root, rec);
	else
		die_as_before(run, t, l);
	return rec != NULL;
}

static int give(struct intake *in, struct split *split, const struct kept_letter *l,
		struct err *err) SUSPENDS
{
	struct arrival a = { .rec = rec_new(l->record),
			     .split = split,
			     .next = { NULL, split->ordinal + 1 },
			     .line = l->line };
	in->letter = l;
	int r = admit(in, &a, err);
	in->letter = NULL;
	return r;
}

static int give_page(struct intake *in, struct split *split, const struct letter_page *page,
		     struct err *err) SUSPENDS
{
	for (size_t i = 0; i < page->n; i++)
		if (give(in, split, &page->letters[i], err) < 0)
			return -1;
	return 0;
}

static int give_all(struct run *run, struct err *err) SUSPENDS
{
	struct intake in = { .run = run, .source = &run->sources[0] };
	struct split *split = ledger_split(&run->ledger, split_name);
	const struct letter_list *all = &run->replay->letters;
	while (split->ordinal < all->n) {
		AUTO(letter_page_done) struct letter_page page = { 0 };
		if (state_read_letters(run->state, all->keys + split->ordinal,
				       all->n - (size_t)split->ordinal, &page, err) < 0)
			return -1;
		if (page.n < page.keys)
			return fail(err, FAULT_BROKEN,
				    "the state file lacks a dead letter that was taken up");
		if (give_page(&in, split, &page, err) < 0)
			return -1;
	}
	return 0;
}

int replay_source(struct run *run)
{
	struct err err = { 0 };
	int r = give_all(run, &err);
	if (r < 0 && err.fault != FAULT_CANCELLED)
		run_abort(run, RUN_FAILED, &err);
	return r;
}

int replay_restore(struct run *run, struct track *first, struct err *err)
{
	for (struct track *t = first; t; t = t->next_ready) {
		AUTO(letter_page_done) struct letter_page page = { 0 };
		if (t->ordinal >= run->replay->letters.n)
			return fail(err, FAULT_BROKEN, "the batch of a replay makes no sense");
		if (state_read_letters(run->state, &run->replay->letters.keys[t->ordinal], 1, &page,
				       err) < 0)
			return -1;
		if (page.n == 1)
			set_origin(run, t, &page.letters[0]);
	}
	return 0;
}

/* ---- the end ---- */

/* What records that it did not get through have cost: answers, and calls of which nobody knows. */
struct spent {
	const struct run *run;
	size_t n;
};

static void count_spent(void *arg, const char *split, uint64_t rank)
{
	struct spent *s = arg;
	s->n += !ledger_is_done(&s->run->ledger, split, rank);
}

/* Another replay would know nothing of it, and would pay again. */
int replay_owes(struct run *run, struct err *err)
{
	struct spent spent = { .run = run };
	int r = state_each_noted(run->state, run->id, count_spent, &spent, err);
	return r < 0 ? -1 : spent.n > 0 || folds_hold(run);
}

int replay_end(struct run *run, const char *status, struct err *err)
{
	size_t n;
	bool failed = strcmp(status, "failed") == 0;
	int r = failed ? 1 : replay_owes(run, err);
	if (r != 0)
		return r < 0 ? -1
			     : state_end(run->state, run->id, failed ? status : "unfinished", err);
	struct letter_key *left = list_left(&run->replay->letters, &run->ledger, NULL, &n);
	r = state_end_replay(run->state, run->id, status, left, n, err);
	free(left);
	return r;
}
