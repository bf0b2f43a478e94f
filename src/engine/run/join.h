/* join.h - children come back to the record that they were made of
 *
 * What this room is for: `emit` and `join` are a pair of brackets: what a record was made into in between comes back, and the record
 *   goes on as it was before, with it. A join without an `emit` before it is a mistake in the file (plan_check.c).
 *
 *   parent --expanded--> waits, has no place anywhere           --the last child has ended--> join_main: gather, goes on
 *     `-> children: arrive at the join, are filtered, or die ----'
 *
 * What must hold:
 *  (1) a parent and its children are one track, whose mark cannot come to lie between them: after a crash all of it is done again,
 *      and nothing of it needs to be held in the state.
 *  (2) of accounts: children that arrive are merged; the parent was expanded as long as they were out, and then it never was.
 *  (3) with `missing: dead` a dead child is merged, too, and its parent is dead in its stead, from before it was expanded. */
#pragma once
#include "engine/run/running.h"

struct join {
	struct step *step;
	size_t from;                 /* the index of the step that expands for it */
	struct family *first, *last; /* whose children have all ended */
	bool upstream_ended;
	struct hk_event look;
};

/* Which step expands for which join. */
void joins_open(struct run *);
void joins_close(struct run *);

/* The item is about to be expanded into n, that are to come back here. */
void join_expect(struct join *, struct item *, size_t n, const char *label);
/* An item is about to end: is it the last that its parent waits for? */
void join_child_ends(struct run *, struct item *);
/* It is about to die: true: its parent takes that upon itself, and the item is merged. */
bool join_takes_death(struct item *, const char *label, const struct err *,
		      struct buf *attempts_taken);
/* The item has come to the join. true: its way ends here; false: it is nobody's child, and passes by. */
bool join_take(struct step *, struct item *);
void join_upstream_ended(struct join *);
int join_main(void *step) SUSPENDS;
