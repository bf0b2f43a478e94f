/* hook_box.h - where deliveries wait: for their keeping, then for their turn
 *
 * What this room is for: a sender is told 200 when its delivery is on the disk, and not before. Those that come while the disk is busy
 *   go there together; then each waits until the pipeline takes it.
 * Life cycle: hook_box_open finds what an earlier run has left; the keeper's task and hook_box_admit work side by side while
 *   deliveries are put; after hook_box_close nothing is put any more and the keeper ends; hook_box_done.
 * What must hold: (1) what hook_box_put says 0 to is durable. (2) records are admitted in the order in which they were kept, each
 *   once. (3) how much waits is bounded, in number and in bytes. */
#pragma once
#include "connectors/hooks/hook_body.h"
#include "connectors/hooks/hook_pace.h"
#include <hocket/sync.h>

struct hook_page { /* in the inbox; its records wait to be admitted */
	struct hook_page *next;
	struct hook_records records;
	/* The run that kept it: with its number and the place in it the records' name for ever */
	struct buf keeper;
	uint64_t number;
};
struct hook_waiting;
struct hook_box {
	struct site *site;
	struct intake *intake;
	struct split *split;
	uint64_t most, most_bytes, most_behind;
	struct hook_waiting *first, **last; /* to be kept */
	size_t waiting;                     /* records of those */
	struct hook_page *pages, **last_page;
	uint64_t bytes;  /* of all of them */
	uint64_t number; /* of the next page */
	uint64_t old;    /* pages below it lie in the inbox alone */
	int64_t taken;   /* records that were kept since it was opened */
	uint64_t line;   /* of the record admitted last */
	/* Borrows: to be kept with it; NULL: who tells does not matter */
	const struct hook_teller *teller;
	struct hk_event came, kept;
	struct hk_event room; /* set when a page's records have gone on */
	bool closed, stuck;   /* stuck: the disk is full; who waits is refused until it is not */
	struct err err;       /* with a fault: nothing is kept any more */
	struct hook_pace pace;
};

MUST int hook_box_open(struct hook_box *, struct site *, struct intake *, const char *split,
		       uint64_t most, struct err *) SUSPENDS;
/* Is there no room for another delivery? Then after so many seconds there may be. */
bool hook_box_full(struct hook_box *, int64_t *ret_after_s);
/* Waits until they are kept. 0, or -1: they are not; the sender must send them again. */
MUST int hook_box_put(struct hook_box *, struct hook_records *gives) SUSPENDS;
int hook_box_keeper(void *box) SUSPENDS; /* a task, until the box is closed */
/* Admits what is kept, first what an earlier run has left. -1 when it is cancelled, when the run is stopping, or when nothing can be kept any more. */
MUST int hook_box_admit(struct hook_box *, struct err *) SUSPENDS;
/* Nothing is kept any more, for a reason. */
void hook_box_fail(struct hook_box *, const struct err *);
void hook_box_close(struct hook_box *);
uint64_t hook_box_left(const struct hook_box *); /* records that are kept and were not admitted */
void hook_box_done(struct hook_box *);           /* the keeper has ended; accepts zeroes */
