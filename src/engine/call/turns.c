/* turns.c - calls that must not overtake each other: one at a time to one thing, in the order in which they come
 *
 * What this room is for: see turns.h. A lane is what many records share; a turn is what nearly always one record has alone.
 * What flows through:    visits, between their request and their first attempt.
 *
 *   take: nobody has it -> waits out the gap -> has it --> give: to the first who waits
 *         somebody has it -> stands in line ---^              or it rests for the gap, and is forgotten
 *
 * What must hold:
 *  (1) a turn has a holder exactly while `held`; it is handed over, never free between two who want it.
 *  (2) turns that rest are in a list in the order in which they were given back. Who is looked up there first is looked at last: so the list
 *      is swept from its head, and only as far as its gap has passed.
 *  (3) who waits stands in the line of its turn; the line is on the stacks of those who wait. */
#include "engine/call/turns.h"

#include "base/hash.h"
#include <errno.h>
#include <stdlib.h>

enum { SHELVES_FIRST = 64 };

struct waiting { /* on the stack of who waits */
	struct waiting *next;
	struct hk_event came;
};
struct turn {
	struct turn *next_on_shelf, *next_resting;
	uint64_t hash;
	struct waiting *first, **last;
	int64_t free_ns; /* nobody begins before */
	bool held, resting;
	struct slice key; /* behind it */
};

/* ---- the table ---- */
static struct turn **shelf_of(struct turns *all, uint64_t hash)
{
	ASSERT(all->cap > 0 && (all->cap & (all->cap - 1)) == 0);
	return &all->shelves[hash & (all->cap - 1)];
}

static void put(struct turns *all, struct turn *t)
{
	struct turn **shelf = shelf_of(all, t->hash);
	t->next_on_shelf = *shelf;
	*shelf = t;
	all->n++;
}

static void grow(struct turns *all)
{
	struct turns more = *all;
	more.cap = all->cap ? all->cap * 2 : SHELVES_FIRST;
	more.shelves = xcalloc(more.cap, sizeof(struct turn *));
	more.n = 0;
	for (size_t i = 0; i < all->cap; i++)
		for (struct turn *t = all->shelves[i], *next; t; t = next) {
			next = t->next_on_shelf;
			put(&more, t);
		}
	free(all->shelves);
	*all = more;
}

static void forget(struct turns *all, struct turn *t)
{
	struct turn **at = shelf_of(all, t->hash);
	ASSERT(!t->held && !t->first && !t->resting);
	while (*at != t)
		at = &(*at)->next_on_shelf;
	*at = t->next_on_shelf;
	all->n--;
	free(t);
}

static struct turn *find(struct turns *all, struct slice key)
{
	uint64_t hash = hash_end(hash_add(HASH_START, key));
	if (all->n >= all->cap)
		grow(all);
	for (struct turn *t = *shelf_of(all, hash); t; t = t->next_on_shelf)
		if (t->hash == hash && slice_eq(t->key, key))
			return t;
	struct turn *t = xcalloc(1, sizeof *t + key.n);
	memcpy(t + 1, key.p, key.n);
	t->key = (struct slice){ (const char *)(t + 1), key.n };
	t->hash = hash;
	t->last = &t->first;
	put(all, t);
	return t;
}

/* ---- those that rest ---- */
static void rest(struct turns *all, struct turn *t)
{
	if (t->resting)
		return;
	t->resting = true;
	t->next_resting = NULL;
	*(all->last ? &all->last->next_resting : &all->first) = t;
	all->last = t;
}

static void sweep(struct turns *all, int64_t now)
{
	while (all->first && all->first->free_ns <= now) {
		struct turn *t = all->first;
		all->first = t->next_resting;
		all->last = all->first ? all->last : NULL;
		t->resting = false;
		if (!t->held)
			forget(all, t);
	}
}

/* ---- waiting ---- */
static void leave_line(struct turn *t, struct waiting *w)
{
	struct waiting **at = &t->first;
	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	if (!*at)
		t->last = at;
}

static void hand_over(struct turn *t)
{
	struct waiting *w = t->first;
	ASSERT(t->held && w);
	t->first = w->next;
	if (!t->first)
		t->last = &t->first;
	hk_event_set(&w->came);
}

static int stand_in_line(struct visit *v, struct turn *t) SUSPENDS
{
	struct waiting w = { 0 };
	if (visit_wait_begin(v, NULL, 0) < 0)
		return -ECANCELED;
	*t->last = &w;
	t->last = &w.next;
	step_eager_leave(v->step);
	int r = visit_wait_end(v, hk_event_wait(&w.came));
	v->step->eager++;
	if (hk_event_is_set(&w.came))
		v->turn = t; /* also when it is not wanted any more */
	else
		leave_line(t, &w);
	return r;
}

static int wait_out_gap(struct visit *v) SUSPENDS
{
	int64_t left = v->turn->free_ns - hk_now_ns();
	if (left <= 0)
		return 0;
	if (visit_wait_begin(v, NULL, v->turn->free_ns) < 0)
		return -ECANCELED;
	step_eager_leave(v->step);
	int r = visit_wait_end(v, hk_sleep(left));
	v->step->eager++;
	return r;
}

/* ---- turns ---- */
int turn_take(struct visit *v)
{
	struct turns *all = &v->step->turns;
	int r = 0;
	ASSERT(!v->turn);
	if (!v->call.turn.n)
		return 0;
	sweep(all, hk_now_ns());
	struct turn *t = find(all, v->call.turn);
	if (t->held) {
		r = stand_in_line(v, t);
	} else {
		t->held = true;
		v->turn = t;
	}
	r = r < 0 ? r : wait_out_gap(v);
	if (r < 0)
		turn_give(v);
	return r;
}

void turn_give(struct visit *v)
{
	struct turns *all = &v->step->turns;
	struct turn *t = take(v->turn);
	int64_t now = hk_now_ns();
	if (!t)
		return;
	if (v->call.attempt > 0)
		t->free_ns = now + v->call.turn_gap_ns;
	if (t->first) {
		hand_over(t);
		return;
	}
	t->held = false;
	if (t->free_ns > now)
		rest(all, t);
	else if (!t->resting)
		forget(all, t);
}

void turns_done(struct turns *all)
{
	sweep(all, INT64_MAX);
	ASSERT(all->n == 0);
	free(all->shelves);
	*all = (struct turns){ 0 };
}
