/* ledger.c - tracks and items: every record ends exactly once
 *
 * What this room is for: the bookkeeping between admission and settlement.
 *
 *     ledger_admit -> ITEM_MOVING --item_end(READY)---> ITEM_READY --commit--> ledger_settle
 *                        |   |-----item_end(FILTERED | EXPANDED)-> ITEM_ENDED
 *                        |   |-----item_die------------------------> ITEM_ENDED (+ dead letter)
 *                        `---------item_spawn: a child, ITEM_MOVING
 *
 * What flows through:    records, owned by their items; positions, shared by their tracks.
 * What must hold:
 *  (1) track->moving counts the items that are ITEM_MOVING; at 0 the track is complete, for good.
 *  (2) with order kept, tracks become ready in admission order; without, as they complete.
 *  (3) every byte charged is given back: by the item's end, or when its track is settled. */
#include "engine/run/ledger.h"

#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

enum { TRACK_COST = sizeof(struct track) + 64 }; /* what a record costs besides its text */

void ledger_hold(struct ledger *l, uint64_t from, uint64_t to)
{
	l->bytes += to - from;
	if (l->bytes > l->peak_bytes)
		l->peak_bytes = l->bytes;
}

void item_seen(const struct ledger *l, const struct item *it, struct sighting seen)
{
	if (!l->watch)
		return;
	seen.number = it->track->number;
	seen.id = it->id;
	seen.parent = it->parent ? it->parent->id : 0;
	l->watch->saw(l->watch->arg, &seen);
}

static void charge(struct ledger *l, struct item *it, size_t bytes)
{
	ledger_hold(l, it->charged, bytes);
	it->charged = bytes;
}

/* The original stays for the dead letter until the track is settled, so it counts beside the version of now. */
static size_t item_cost(const struct item *it)
{
	const struct rec *original = it->parent ? NULL : it->track->original;
	size_t n = original ? rec_bytes(original) + TRACK_COST : sizeof *it;
	return n + (it->rec && it->rec != original ? rec_bytes(it->rec) : 0);
}

static size_t letter_cost(const struct dead_letter *d)
{
	return sizeof *d + d->attempts.cap + rec_bytes(d->at_step);
}

void counts_add(struct counts *to, const struct counts *c)
{
	to->admitted += c->admitted;
	to->spawned += c->spawned;
	to->delivered += c->delivered;
	to->filtered += c->filtered;
	to->duplicate += c->duplicate;
	to->dead += c->dead;
	to->expanded += c->expanded;
	to->merged += c->merged;
}

bool counts_balance(const struct counts *c, uint64_t in_flight)
{
	return c->admitted + c->spawned == c->delivered + c->filtered + c->duplicate + c->dead +
						   c->expanded + c->merged + in_flight;
}

/* ---- splits by their names: there may be as many as there are files in a folder ---- */

/* The place of the name in the table, or the free one where it would be. */
static size_t table_find(const struct ledger *l, const char *name, uint64_t name_hash)
{
	size_t i = (size_t)hash_end(name_hash) & (l->table_size - 1);
	while (l->table[i] &&
	       (l->table[i]->name_hash != name_hash || strcmp(l->table[i]->name, name) != 0))
		i = (i + 1) & (l->table_size - 1);
	return i;
}

static void table_grow(struct ledger *l)
{
	l->table_size = l->table_size ? l->table_size * 2 : 16;
	free(l->table);
	l->table = xcalloc(l->table_size, sizeof(struct split *));
	for (struct split *s = l->splits; s; s = s->next)
		l->table[table_find(l, s->name, s->name_hash)] = s;
}

struct split *ledger_find_split(const struct ledger *l, const char *name)
{
	struct split *s = l->splits;
	if (l->table)
		return l->table[table_find(l, name, hash_add(HASH_START, slice_str(name)))];
	while (s && strcmp(s->name, name) != 0)
		s = s->next; /* a snapshot, which has no table */
	return s;
}

struct split *ledger_split(struct ledger *l, const char *name)
{
	struct split *s = ledger_find_split(l, name);
	if (s)
		return s;
	ASSERT(l->last_split || !l->splits); /* a snapshot gets no new ones */
	s = split_new(name);
	s->number = l->last_split ? l->last_split->number + 1 : 0;
	*(l->last_split ? &l->last_split->next : &l->splits) = s;
	l->last_split = s;
	if (2 * (s->number + 1) > l->table_size)
		table_grow(l);
	else
		l->table[table_find(l, name, s->name_hash)] = s;
	return s;
}

bool ledger_is_done(const struct ledger *l, const char *split, uint64_t ordinal)
{
	const struct split *s = ledger_find_split(l, split);
	return s && split_is_done(s, ordinal);
}

bool ledger_covers(const struct ledger *l, const struct ledger *other)
{
	for (const struct split *s = other->splits; s; s = s->next) {
		const struct split *mine = ledger_find_split(l, s->name);
		bool none = s->low == 0 && s->passed_count == 0;
		if (mine ? !split_covers(mine, s) : !none)
			return false;
	}
	return true;
}

void ledger_snapshot(const struct ledger *l, struct ledger *ret)
{
	*ret = (struct ledger){ .round = l->round, .settled = l->settled, .live = l->settled };
	struct split **at = &ret->splits;
	for (const struct split *s = l->splits; s; s = s->next, at = &(*at)->next)
		*at = split_clone(s);
}

void ledger_advance(struct ledger *snapshot, const struct track *from, const struct track *end)
{
	for (const struct track *t = from; t != end; t = t->next_ready) {
		counts_add(&snapshot->settled, &t->counts);
		for (struct split *s = snapshot->splits; s; s = s->next)
			if (s->origin == t->split)
				split_settle(s, t->ordinal, t->position, t->line);
	}
}

static void enter_stream(struct stream *s, struct track *t)
{
	t->older = s->last;
	if (t->older)
		t->older->newer = t;
	s->last = t;
	s->tracks++;
}

static void leave_stream(struct stream *s, struct track *t)
{
	if (t->older)
		t->older->newer = t->newer;
	*(t->newer ? &t->newer->older : &s->last) = t->older;
	s->tracks--;
}

static struct track *new_track(struct ledger *l, struct split *s, struct rec *original_taken,
			       struct position shares, uint64_t ordinal, uint64_t line)
{
	struct track *t = xcalloc(1, sizeof *t);
	t->split = s;
	t->ordinal = ordinal;
	t->line = line;
	t->position = (struct position){ text_ref(shares.base), shares.offset };
	t->original = original_taken;
	t->number = l->numbers++;
	t->root = (struct item){ .track = t, .id = hash_end(s->name_hash + ordinal) };
	t->prev = l->last;
	*(l->last ? &l->last->next : &l->first) = t;
	l->last = t;
	l->tracks++;
	enter_stream(&l->streams[s->stream], t);
	return t;
}

static struct track *begin(struct ledger *l, struct split *s, struct rec *takes,
			   struct position shares, uint64_t line)
{
	struct track *t = new_track(l, s, rec_ref(takes), shares, s->ordinal, line);
	t->moving = 1;
	t->root.rec = takes;
	charge(l, &t->root, rec_bytes(takes) + TRACK_COST);
	split_admitted(s, shares, line);
	return t;
}

struct track *ledger_admit(struct ledger *l, struct split *s, struct rec *takes,
			   struct position shares, uint64_t line)
{
	struct track *t = begin(l, s, takes, shares, line);
	ASSERT(!s->made);
	t->counts.admitted = 1;
	l->live.admitted++;
	return t;
}

struct track *ledger_make(struct ledger *l, struct split *s, struct rec *takes, uint64_t line)
{
	struct track *t = begin(l, s, takes, (struct position){ NULL, s->ordinal + 1 }, line);
	ASSERT(s->made);
	t->counts.spawned = 1;
	l->live.spawned++;
	return t;
}

struct track *ledger_restore(struct ledger *l, struct split *s, struct rec *original_taken,
			     struct position shares, uint64_t ordinal, uint64_t line)
{
	struct track *t = new_track(l, s, original_taken, shares, ordinal, line);
	t->ready = true;
	t->root.state = ITEM_ENDED;
	return t;
}

static void add_child(struct item *parent, struct item *child)
{
	*(parent->last_child ? &parent->last_child->sibling : &parent->first_child) = child;
	parent->last_child = child;
}

struct item *item_restore(struct ledger *l, struct item *parent, uint32_t index)
{
	struct item *child = xcalloc(1, sizeof *child);
	*child = (struct item){
		.track = parent->track, .parent = parent, .state = ITEM_ENDED, .index = index
	};
	add_child(parent, child);
	charge(l, child, sizeof *child);
	return child;
}

void item_restore_row(struct ledger *l, struct item *it, struct rec *takes, uint64_t id,
		      uint64_t sinks)
{
	ASSERT(!it->rec);
	it->rec = takes;
	it->state = ITEM_READY;
	it->id = id;
	it->sinks = sinks;
	charge(l, it, it->charged + rec_bytes(takes));
}

void track_identify(struct track *t, struct slice id)
{
	ASSERT(!t->root.first_child);
	t->root.id = hash_end(hash_add(t->split->name_hash, id));
}

void item_replace(struct ledger *l, struct item *it, struct rec *takes)
{
	ASSERT(it->state == ITEM_MOVING);
	struct rec *old = it->rec;
	it->rec = takes;
	rec_unref(old);
	charge(l, it, item_cost(it));
	item_seen(l, it, (struct sighting){ .what = SIGHT_CHANGED, .rec = takes });
}

struct item *item_spawn(struct ledger *l, struct item *parent, struct rec *takes)
{
	struct track *t = parent->track;
	struct item *child = xcalloc(1, sizeof *child);
	ASSERT(parent->state == ITEM_MOVING);
	*child = (struct item){ .track = t,
				.parent = parent,
				.rec = takes,
				.touched = parent->touched,
				.sent = parent->sent,
				.index = parent->last_child ? parent->last_child->index + 1 : 0 };
	child->id = hash_end(parent->id + child->index + 1);
	add_child(parent, child);
	t->moving++;
	t->counts.spawned++;
	l->live.spawned++;
	charge(l, child, item_cost(child));
	item_seen(l, child, (struct sighting){ .what = SIGHT_SPAWNED, .rec = takes });
	return child;
}

int item_put_path(const struct item *it, struct buf *out)
{
	if (!it->parent)
		return 0;
	int r = item_put_path(it->parent, out);
	if (r == 0 && it->parent->parent)
		r = buf_add_char(out, '.');
	return r < 0 ? r : buf_printf(out, "%u", it->index);
}

int item_put_origin_path(const struct item *it, struct buf *out)
{
	const struct origin *o = it->track->origin;
	int r = o ? buf_add(out, slice_str(o->path)) : 0;
	if (r == 0 && out->n > 0 && it->parent)
		r = buf_add_char(out, '.');
	return r < 0 ? r : item_put_path(it, out);
}

static void put_ready(struct ledger *l, struct track *t)
{
	ASSERT(!t->ready && t->moving == 0);
	track_let_go(t);
	t->ready = true;
	*(l->ready_last ? &l->ready_last->next_ready : &l->ready_first) = t;
	l->ready_last = t;
	l->ready_bytes += track_bytes(t);
	l->ready_count++;
}

static void completed(struct ledger *l, struct track *t)
{
	if (l->any_order && !t->split->sorted) {
		put_ready(l, t);
		return;
	}
	/* The first unsettled track of a stream that is not ready yet holds those behind it back. */
	if (t->older && !t->older->ready)
		return;
	for (; t && t->moving == 0; t = t->newer)
		put_ready(l, t);
}

static uint64_t *counted(struct counts *c, enum ending how)
{
	switch (how) {
	case ENDED_READY:
		return &c->delivered;
	case ENDED_FILTERED:
		return &c->filtered;
	case ENDED_DUPLICATE:
		return &c->duplicate;
	case ENDED_DEAD:
		return &c->dead;
	case ENDED_EXPANDED:
		return &c->expanded;
	case ENDED_MERGED:
		break;
	}
	return &c->merged;
}

static void end(struct ledger *l, struct item *it, enum ending how, size_t letter)
{
	struct track *t = it->track;
	bool held = it->holder && how == ENDED_MERGED, waits = it->family != NULL;
	ASSERT(it->state == ITEM_MOVING && t->moving > 0);
	it->state = held ? ITEM_HELD : how == ENDED_READY ? ITEM_READY : ITEM_ENDED;
	static const enum sight seen[] = {
		[ENDED_READY] = SIGHT_READY,         [ENDED_FILTERED] = SIGHT_FILTERED,
		[ENDED_DUPLICATE] = SIGHT_DUPLICATE, [ENDED_EXPANDED] = SIGHT_EXPANDED,
		[ENDED_MERGED] = SIGHT_MERGED,       [ENDED_DEAD] = SIGHT_NONE
	}; /* add_letter() */
	++*counted(&t->counts, how);
	++*counted(&l->live, how);
	if (seen[how])
		item_seen(l, it, (struct sighting){ .what = seen[how] });
	if (how != ENDED_READY && !held && !waits) {
		rec_unref(take(it->rec));
		charge(l, it, item_cost(it) + letter);
	}
	if (--t->moving == 0)
		completed(l, t);
}

void item_end(struct ledger *l, struct item *it, enum ending how)
{
	end(l, it, how, 0);
}

void item_hold(struct ledger *l, struct item *it, struct step *fold, struct buf *key_taken)
{
	ASSERT(!it->holder && it->key.cap == 0);
	it->holder = fold;
	it->key = buf_take(key_taken);
	charge(l, it, it->charged + it->key.cap);
	end(l, it, ENDED_MERGED, 0);
}

void item_release(struct ledger *l, struct item *it)
{
	ASSERT(it->state == ITEM_HELD);
	it->state = ITEM_ENDED;
	rec_unref(take(it->rec));
	charge(l, it, item_cost(it));
}

void item_return(struct ledger *l, struct item *it)
{
	struct track *t = it->track;
	ASSERT(it->state == ITEM_ENDED && it->rec && t->counts.expanded > 0);
	it->state = ITEM_MOVING;
	t->moving++;
	t->counts.expanded--;
	l->live.expanded--;
}

void family_free(struct family *f)
{
	if (!f)
		return;
	buf_done(&f->attempts);
	free(f->err);
	free(f);
}

static void add_letter(const struct ledger *l, struct item *it, const char *label,
		       const struct err *err, struct buf *attempts_taken, int64_t wall_ns)
{
	struct dead_letter *d = xcalloc(1, sizeof *d);
	struct track *t = it->track;
	d->label = label;
	d->at_step = rec_ref(it->rec);
	d->item = it;
	d->wall_ns = wall_ns;
	if (attempts_taken)
		d->attempts = buf_take(attempts_taken);
	err_class(err, d->class, sizeof d->class);
	memcpy(d->message, err->text, sizeof d->message);
	*(t->last_dead ? &t->last_dead->next : &t->dead) = d;
	t->last_dead = d;
	item_seen(l, it, (struct sighting){ .what = SIGHT_FAILED, .label = label, .err = err });
}

void item_die(struct ledger *l, struct item *it, const char *label, const struct err *err,
	      struct buf *attempts_taken, int64_t wall_ns)
{
	add_letter(l, it, label, err, attempts_taken, wall_ns);
	it->died = true;
	end(l, it, ENDED_DEAD, letter_cost(it->track->last_dead));
}

void track_row_was_dead(struct ledger *l, struct item *it)
{
	ASSERT(it->state == ITEM_READY && it->track->counts.delivered > 0);
	it->state = ITEM_ENDED;
	it->track->counts.delivered--;
	it->track->counts.dead++;
	l->live.delivered--;
	l->live.dead++;
}

void track_row_died(struct ledger *l, struct track *t, struct item *it, const char *label,
		    const struct err *err, int64_t wall_ns)
{
	ASSERT(it->track == t);
	add_letter(l, it, label, err, NULL, wall_ns);
	track_row_was_dead(l, it);
}

void track_row_unwanted(struct ledger *l, struct item *it)
{
	ASSERT(it->state == ITEM_READY && it->track->counts.delivered > 0);
	it->state = ITEM_ENDED;
	it->track->counts.delivered--;
	it->track->counts.filtered++;
	l->live.delivered--;
	l->live.filtered++;
	item_seen(l, it, (struct sighting){ .what = SIGHT_FILTERED });
}

const char *track_source(const struct track *t)
{
	if (t->shown)
		return text_slice(t->shown).p;
	return t->origin ? t->origin->split : t->split->name;
}

struct track *ledger_peek_ready(const struct ledger *l)
{
	return l->ready_first;
}

struct track *ledger_take_ready(struct ledger *l)
{
	struct track *t = l->ready_first;
	if (!t)
		return NULL;
	l->ready_first = t->next_ready;
	if (!l->ready_first)
		l->ready_last = NULL;
	t->next_ready = NULL;
	ASSERT(l->ready_bytes >= track_bytes(t));
	l->ready_bytes -= track_bytes(t);
	l->ready_count--;
	return t;
}

static size_t item_bytes(const struct item *it)
{
	size_t n = it->charged + (it->track->moved && it->rec ? rec_away(it->rec) : 0);
	for (const struct item *c = it->first_child; c; c = c->sibling)
		n += item_bytes(c);
	return n;
}

size_t track_bytes(const struct track *t)
{
	return item_bytes(&t->root);
}

/* Depth first: a parent before its children, children in the order they were made. */
struct item *item_next(struct item *it)
{
	if (it->first_child)
		return it->first_child;
	while (it && !it->sibling)
		it = it->parent;
	return it ? it->sibling : NULL;
}

struct item *track_next_row(struct track *t, struct item *after)
{
	struct item *it = after ? item_next(after) : &t->root;
	while (it && it->state != ITEM_READY)
		it = item_next(it);
	return it;
}

static void letters_free(struct dead_letter *d)
{
	for (struct dead_letter *next; d; d = next) {
		next = d->next;
		rec_unref(d->at_step);
		buf_done(&d->attempts);
		free(d);
	}
}

static void children_free(struct ledger *l, struct item *it)
{
	for (struct item *c = it->first_child, *next; c; c = next) {
		next = c->sibling;
		children_free(l, c);
		charge(l, c, 0);
		rec_unref(c->rec);
		buf_done(&c->key);
		family_free(c->family);
		free(c);
	}
}

/* ---- records that move to a file ---- */
void track_let_go(struct track *t)
{
	for (struct parcel *p = take(t->parcel); p && p->track == t; p++)
		p->item = NULL;
}

void parcel_arrived(struct ledger *l, struct parcel *p, struct rec *takes)
{
	struct item *it = p->item;
	struct track *t = it->track;
	ASSERT(!t->ready && (it->resting || it->state != ITEM_MOVING));
	size_t before = item_cost(it);
	t->moved = true;
	if (it->rec == p->rec) {
		rec_unref(it->rec);
		it->rec = rec_ref(takes);
	}
	if (p->original) {
		rec_unref(t->original);
		t->original = rec_ref(takes);
	}
	rec_unref(takes);
	charge(l, it, it->charged - before + item_cost(it));
}

static void origin_free(struct origin *o)
{
	if (!o)
		return;
	free(o->run);
	free(o->split);
	free(o->path);
	free(o->step);
	free(o->attempts);
	free(o);
}

static void track_free(struct ledger *l, struct track *t)
{
	track_let_go(t);
	*(t->prev ? &t->prev->next : &l->first) = t->next;
	*(t->next ? &t->next->prev : &l->last) = t->prev;
	children_free(l, &t->root);
	leave_stream(&l->streams[t->split->stream], t);
	charge(l, &t->root, 0);
	rec_unref(t->root.rec);
	buf_done(&t->root.key);
	family_free(t->root.family);
	rec_unref(t->original);
	letters_free(t->dead);
	origin_free(t->origin);
	text_unref(t->position.base);
	text_unref(t->shown);
	l->tracks--;
	free(t);
}

static void track_seen(const struct ledger *l, struct track *t)
{
	for (struct item *it = track_next_row(t, NULL); it; it = track_next_row(t, it))
		item_seen(
			l, it,
			(struct sighting){ .what = SIGHT_ROW, .rec = it->rec, .sinks = it->sinks });
	item_seen(l, &t->root, (struct sighting){ .what = SIGHT_SETTLED });
}

void ledger_settle(struct ledger *l, struct track *t)
{
	ASSERT(t->moving == 0 && t->ready);
	ASSERT(counts_balance(&t->counts, 0));
	split_settle(t->split, t->ordinal, t->position, t->line);
	counts_add(&l->settled, &t->counts);
	if (l->watch)
		track_seen(l, t);
	track_free(l, t);
}

void ledger_done(struct ledger *l)
{
	while (l->first)
		track_free(l, l->first);
	for (struct split *s = l->splits, *next; s; s = next) {
		next = s->next;
		split_free(s);
	}
	free(l->table);
	l->splits = l->last_split = NULL;
	l->table = NULL;
	l->table_size = 0;
}
