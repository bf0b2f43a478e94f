/* fold.h - steps that hold records until there are enough: batch, sort, group
 *
 * What this room is for: a fold cuts a run in two. What reaches it is done, as `merged`, when it is durable in the state; what it
 *   makes is admitted anew, in a split of its own, in a stream of its own.
 *
 *   flow --fold_take--> held by its track --folds_put, in the commit of its track--> member of a window, in the state
 *                                                                                            | closed: full, too old, the end
 *   flow behind the fold <--fold_main: read back, built or sorted, admitted under the ordinal <'
 *
 * What must hold:
 *  (1) only the committer puts members into windows, in the order in which their tracks are committed: so the members above a mark
 *      are the last of each fold, and a resumed run finds every window as it was.
 *  (2) a window gives the same ordinals, ids and records however often it is given. (3) the open window is closed by count and bytes
 *      with its last member, by the committer; by time or at the end by fold_main, when nothing in it is above the mark. (4) a fold by key
 *      has a window for each key; all of these are closed by the committer, which fold_main wakes when one is due. */
#pragma once
#include "engine/run/running.h"
#include "engine/run/windows.h"
#include "engine/state/held.h"

struct fold {
	struct step *step;
	bool by_key;         /* many windows are open, one a key */
	struct split *split; /* of what it makes */
	uint64_t hash;       /* of its name, for ids */
	bool gives_all;      /* the members themselves */
	uint64_t window, window_bytes;
	int64_t linger_ns;

	/* The open window: what it will give from, what is in it. By key: what the next one to be closed gives, what is in all of them. */
	uint64_t first, n, bytes;
	uint64_t unsettled; /* of these: put, and above the mark still */
	int64_t opened_ns;
	struct windows open;  /* by key */
	uint64_t numbers;     /* given to windows */
	uint64_t index_bytes; /* that these are counted with */
	int64_t seen_ns;      /* the clock on the wall, when it was read last */
	/* A moment of cron, and one before it: what was opened between them is due then. */
	int64_t moment_after_ns, moment_ns;
	uint64_t until; /* what the windows give below this is theirs to give: closed, settled */
	uint64_t waiting, waiting_bytes; /* members in closed windows that were not given yet */
	uint64_t closing, closing_bytes; /* the same, above the mark still */

	bool upstream_ended, wants_space;
	uint64_t wants_bytes;
	struct held_window left; /* of the one that is being given in order */
	struct held_page page;   /* members that were read, from page_at on those to come */
	size_t page_at;
	struct text *shown;   /* the source of the record that was given last */
	struct hk_event look; /* something of this may have changed */
};

bool step_is_fold(const struct step *);
bool fold_is_at_end(const struct fold *); /* all that can come has come */
/* "step batch": what a fold makes is read from there. The index of the step behind it; 0: it is none of this plan's folds. */
size_t folds_find(const struct run *, const char *split);

/* When the run has its id and before any mark is read into its ledger. */
void folds_open(struct run *);
/* When the run is begun or gone on with: what an earlier part of it holds. */
MUST int folds_restore(struct run *, struct err *) SUSPENDS;
void folds_close(struct run *);

/* The item has come to the fold; its way ends here. */
int fold_take(struct step *, struct item *, const struct env *) SUSPENDS;
void fold_upstream_ended(struct fold *); /* nothing more reaches it */
int fold_main(void *step) SUSPENDS;

bool fold_has_space(const struct fold *); /* for what it wants to give */
/* They give what is closed. No: it is left to the next part. */
bool folds_go_on(const struct run *);
/* fold_give.c: the next closed window, whole. 0, or -1 with *err. */
int fold_give(struct fold *, struct err *) SUSPENDS;

/* fold_put.c */
/* The only one that is open; it is not empty. */
struct held_window fold_close_window(struct fold *);
bool fold_closes_all(const struct fold *); /* by key: now, because it is at its end */
int64_t fold_due_ns(struct fold *);  /* by key: until a window is due; 0: now; -1: no such moment */
bool folds_are_due(struct run *);    /* by key: commit.c is to close windows */
void fold_hold_index(struct fold *); /* counts what the open windows need */

/* commit.c: before anything else of the batch (linked by next_ready; NULL: there is none, but windows are due); after it. */
MUST int folds_put(struct run *, struct track *first, struct err *) SUSPENDS;
void folds_settled(struct run *);

bool folds_are_behind(const struct run *); /* the source is to wait */
bool folds_want_space(const struct run *); /* one waits for it... */
bool folds_wake(struct run *);             /* ...and goes on when there is some */
bool folds_hold(const struct run *);       /* there is something that was not given yet */
uint64_t folds_count(const struct run *);  /* records that it holds, or has made and not finished */
uint64_t folds_count_open(const struct run *); /* of these: in windows by key that are open */
bool folds_hurry(const struct run *);          /* one waits for the last commits before it */
void folds_look(struct run *);                 /* the run is stopping */
