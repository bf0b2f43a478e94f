/* join.c - children come back to their parent
 *
 * What this room is for: knowing when the last child of a record has ended, whichever way, and carrying the record on from there.
 * What flows through:    children end here; their parents go on, in a task of the join's own: who ends the last child may be
 *   somebody who cannot wait.
 * What must hold:
 *  (1) each child of a family ends once, and is counted before it ends: so the track is never complete in between.
 *  (2) children stand in the order in which they were made, whatever came back first.
 *  (3) what waits here rests: it may go to a file. */
#include "engine/run/join.h"

#include "engine/call/doubt.h"
#include "engine/run/fold.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- brackets ---- */
static bool expands(const struct step *s)
{
	return s->place->facts.many || s->place->common.emit;
}

static struct join *new_join(struct step *s, size_t from)
{
	struct join *j = xcalloc(1, sizeof *j);
	*j = (struct join){ .step = s, .from = from };
	return j;
}

void joins_open(struct run *run)
{
	size_t n = run->plan->step_count, depth = 0;
	size_t *open = xcalloc(n + 1, sizeof *open);
	for (size_t i = 0; i < n; i++) {
		struct step *s = &run->steps[i];
		if (step_is_fold(s)) {
			depth = 0;
		} else if (expands(s)) {
			open[depth++] = i;
		} else if (s->place->port->gather && depth > 0) {
			s->join = new_join(s, open[--depth]);
			run->steps[s->join->from].home = s->join;
		}
	}
	free(open);
}

void joins_close(struct run *run)
{
	for (size_t i = 0; run->steps && i < run->plan->step_count; i++)
		free(take(run->steps[i].join));
}

/* ---- families ---- */
static void come_home(struct family *f)
{
	struct join *j = f->join;
	f->parent->resting = true;
	f->next = NULL;
	*(j->last ? &j->last->next : &j->first) = f;
	j->last = f;
	hk_event_set(&j->look);
}

void join_expect(struct join *j, struct item *it, size_t n, const char *label)
{
	struct family *f = xcalloc(1, sizeof *f);
	ASSERT(!it->family);
	*f = (struct family){
		.join = j, .parent = it, .before = it->last_child, .n = n, .out = n, .label = label
	};
	it->family = f;
	if (n == 0)
		come_home(f);
}

static struct family *family_of(const struct item *child)
{
	return child->parent ? child->parent->family : NULL;
}

void join_child_ends(struct run *run, struct item *it)
{
	struct family *f = family_of(it);
	if (!f || it->family)
		return; /* nobody waits; or it only waits itself */
	ASSERT(f->out > 0);
	if (--f->out > 0)
		return;
	item_return(&run->ledger, f->parent);
	come_home(f);
}

bool join_takes_death(struct item *it, const char *label, const struct err *err,
		      struct buf *attempts_taken)
{
	struct family *f = family_of(it);
	if (!f || f->join->step->place->facts.missing != MISSING_DEAD)
		return false;
	if (f->dead++ > 0)
		return true;
	f->err = xcalloc(1, sizeof *f->err);
	*f->err = *err;
	(void)err_wrap(f->err,
		       "%u of the %zu that it was made into failed at '%s': ", it->index + 1, f->n,
		       label);
	if (attempts_taken)
		f->attempts = buf_take(attempts_taken);
	return true;
}

/* ---- arriving ---- */

/* A dead letter that is sent again, of a child whose record has gone on without it. */
static bool is_lost_part(const struct step *s, const struct item *it)
{
	const struct origin *o = it->track->origin;
	const struct plan *p = s->run->plan;
	if (it->parent || !o || !o->path[0])
		return false;
	for (size_t i = s->join->from + 1; i < s->index; i++)
		if (strcmp(p->steps[i].label, o->step) == 0)
			return true;
	return false;
}

bool join_take(struct step *s, struct item *it)
{
	AUTO(buf_done) struct buf no_key = { 0 };
	struct run *run = s->run;
	const struct family *f = family_of(it);
	struct err err = { 0 };
	if (is_lost_part(s, it)) {
		fail(&err, FAULT_BAD_VALUE,
		     "the record that it is a part of went on without it: nobody waits for it "
		     "here");
		doubt_die_certainly(s, it, &err, NULL);
		return true;
	}
	if (!f || f->join != s->join)
		return false;
	join_child_ends(run, it);
	item_hold(&run->ledger, it, s, &no_key);
	spill_rested(run, it);
	return true;
}

void join_upstream_ended(struct join *j)
{
	j->upstream_ended = true;
	hk_event_set(&j->look);
}

/* ---- going on ---- */
struct home {
	struct rec **recs;
	size_t n;
};

static void home_done(struct home *h)
{
	for (size_t i = 0; i < h->n; i++)
		rec_unref(h->recs[i]);
	free(h->recs);
}

static struct item *first_child(const struct family *f)
{
	return f->before ? f->before->sibling : f->parent->first_child;
}

/* The children's records, theirs from now on. */
static void collect(struct run *run, const struct family *f, struct home *h)
{
	enum missing missing = f->join->step->place->facts.missing;
	struct item *c = first_child(f);
	h->recs = xcalloc(f->n + 1, sizeof(struct rec *));
	for (size_t i = 0; i < f->n; i++, c = c->sibling) {
		bool arrived = c->state == ITEM_HELD;
		if (!arrived && (!c->died || missing != MISSING_NULL))
			continue;
		h->recs[h->n++] = arrived ? rec_ref(c->rec) : NULL;
		if (arrived)
			item_release(&run->ledger, c);
	}
}

static int gather(struct step *s, struct family *f, struct out *out, struct err *err)
{
	AUTO(home_done) struct home h = { 0 };
	if (f->dead > 0) {
		*err = *f->err;
		return -1;
	}
	collect(s->run, f, &h);
	const struct members m = { h.recs, h.n };
	if (s->place->port->gather(&s->site, f->parent->rec, &m, out, err) == 0)
		return 0;
	return err_wrap(err, "%s: ", s->place->label);
}

static void drop_children(struct run *run, const struct family *f)
{
	struct item *c = first_child(f);
	for (size_t i = 0; i < f->n; i++, c = c->sibling)
		if (c->state == ITEM_HELD)
			item_release(&run->ledger, c);
}

/* 0, also when it is dead; -ECANCELED */
static int go_on(struct step *s, struct family *f) SUSPENDS
{
	AUTO(out_done) struct out out = { 0 };
	struct run *run = s->run;
	struct item *parent = f->parent;
	struct err err = { 0 };
	parent->resting = false;
	track_let_go(parent->track);
	int r = gather(s, f, &out, &err);
	drop_children(run, f);
	parent->family = NULL;
	if (r < 0) {
		s->dead++;
		flow_die(run, parent, f->label, &err, &f->attempts);
	}
	family_free(f);
	if (r < 0)
		return 0;
	ASSERT(out.n == 1);
	out.n = 0;
	item_replace(&run->ledger, parent, out.made[0]);
	s->passed++;
	return flow(run, parent, s->index + 1);
}

static struct family *take_first(struct join *j)
{
	struct family *f = j->first;
	j->first = f->next;
	if (!j->first)
		j->last = NULL;
	return f;
}

int join_main(void *arg)
{
	struct step *s = arg;
	struct join *j = s->join;
	int r = 0;
	while (r == 0) {
		hk_event_clear(&j->look);
		if (j->first)
			r = go_on(s, take_first(j));
		else if (j->upstream_ended)
			break;
		else
			r = hk_event_wait(&j->look);
	}
	flow_ended(s->run, s->index + 1);
	return 0;
}
