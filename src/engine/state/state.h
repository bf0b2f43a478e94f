/* state.h - the SQLite file beside the pipeline
 *
 * What this room is for: what must survive us and does not live in a sink's own database (GUARANTEES.md, "The order of
 *   commits"). This header opens it and knows its runs; the other tables have headers of their own:
 *     letters.h  dead letters              notes.h  answers, intents, children of one record: while it is on the way
 *     answers.h  remembered answers        inbox.h  pages of sources that cannot be asked twice
 *     held.h     records that folds hold, in windows
 *     batch.h    the batch that is on its way to several sinks
 *     claims.h   keys that 'unique' has let through
 *   Users may open the file; the tables are documented in docs/explanation/state.md.
 * What must hold: (1) one process writes a state file: a lock is held from open to close. (2) every call is one transaction,
 *   synchronous=FULL, off the loop. (3) the file and its folder are the user's alone (0600, 0700). (4) the format has a number;
 *   what an older format wrote is brought up to date when it is opened (I12). */
#pragma once
#include "base/buf.h"
#include "base/err.h"

#define STATE_FORMAT 4

struct state;

/* ":memory:": a state that is gone when it is closed. */
MUST int state_open(const char *path, struct state **ret, struct err *) SUSPENDS;
/* Without the lock, and nothing can be written: beside a run. FAULT_CONFIG when there is no such file. Only what a first run left half
 * made when it was killed is taken back. */
MUST int state_open_to_read(const char *path, struct state **ret, struct err *) SUSPENDS;
/* As state_open, for what is there: FAULT_CONFIG when it is not. */
MUST int state_open_to_change(const char *path, struct state **ret, struct err *) SUSPENDS;
void state_close(struct state *) SUSPENDS; /* accepts NULL */

/* ---- runs ---------------------------------------------------------------------------------------------------------
 * A run's status: "running" (or killed), "stopped" (early, resumable), "failed", "limited" (--limit, --until: its outputs
 * are whole, the next run goes on behind it), "finished", "rewound" (by hand, not begun yet), "reset" (by hand: forgotten but for its
 * accounts and letters), "unfinished" (a replay that was stopped, and has paid for what it did not get through). */
struct state_run {
	char id[40], status[16];
	char ended[32]; /* UTC; empty: nobody has written it down */
	uint64_t hash;
	int64_t ended_ago_ns; /* 0 also when nobody knows: it was killed */
	bool found;
	struct buf mark, parts; /* owns */
};
void state_run_done(struct state_run *);
bool state_run_is(const struct state_run *, const char *status);
/* "finished" or "limited": its outputs are whole, and the next run goes on behind it. */
bool state_run_is_whole(const struct state_run *);
/* The newest run of the pipeline that is not a replay. ret->found is false when there is none. */
MUST int state_last_run(struct state *, const char *pipeline, struct state_run *ret,
			struct err *) SUSPENDS;
MUST int state_end(struct state *, const char *run_id, const char *status, struct err *) SUSPENDS;

struct state_receipt {
	const char *sink;
	struct slice receipt;
};
struct state_start { /* borrowed */
	const char *pipeline;
	const char *kind;      /* "run", "replay" */
	const char *continues; /* the finished run that it goes on behind; "": none */
	const char *redoes;    /* the run that was rewound, behind which it stands; NULL: none */
	/* The unfinished run whose answers and intents it takes over; NULL or "": none */
	const char *adopts;
	/* The run whose inbox of the split `told` it takes over; NULL or "": none */
	const char *inherits;
	struct slice told;
	uint64_t hash;
	struct slice parts; /* the plan's, as text: engine/again/changed.h */
	struct slice mark;
	const struct state_receipt *receipts;
	size_t n;
};
/* A new run, its first mark and its sinks' receipts in one commit. */
MUST int state_begin(struct state *, const char *run_id, const struct state_start *,
		     struct err *) SUSPENDS;
/* Mark and receipts, after the sinks committed; what was noted of records below the mark is tidied away. */
MUST int state_put_mark(struct state *, const char *run_id, struct slice mark,
			const struct state_receipt *, size_t n, struct err *) SUSPENDS;
/* The same when a round of a source begins or is over: the pages of these splits, all of which are done, go with it. */
MUST int state_put_round(struct state *, const char *run_id, struct slice mark,
			 const struct state_receipt *, size_t n, const char *const *splits,
			 size_t split_count, struct err *) SUSPENDS;
/* The run goes on with other steps. */
MUST int state_change_run(struct state *, const char *run_id, uint64_t hash, struct slice parts,
			  struct err *) SUSPENDS;
/* The steps that hold records of the run, as held.h knows them. fn() runs on another thread while the caller is parked. */
typedef void state_holder(void *arg, const char *fold);
MUST int state_each_holder(struct state *, const char *run_id, state_holder *fn, void *arg,
			   struct err *) SUSPENDS;
/* The receipt of a sink, as saved last by that run, or by a replay behind it: what the output is now, if it is the newest run. Empty when
 * there is none. */
MUST int state_get_receipt(struct state *, const char *run_id, const char *sink, struct buf *ret,
			   bool *found, struct err *) SUSPENDS;
