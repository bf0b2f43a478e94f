/* state/claims.h - keys that `unique` has let through, and whose they are
 *
 * What must hold: a claim is written before the rows of its record are, with whose it is: who comes again after a crash finds his own. */
#pragma once
#include "engine/state/state.h"

enum { CLAIM_KEY_BYTES = 16 };

struct state_claim {
	int64_t place; /* state_claim_place */
	uint8_t key[CLAIM_KEY_BYTES];
	int64_t expires_wall_ns; /* 0: never; CLAIM_GIVEN_BACK: it is none any more */
	int64_t owner;           /* digest of first run, split, ordinal and path of its record */
};
enum { CLAIM_GIVEN_BACK = -1 };

/* The number of (scope, step), made when there is none. */
MUST int state_claim_place(struct state *, const char *scope, const char *step, int64_t *ret,
			   struct err *) SUSPENDS;
/* In one commit; a later one of the same key replaces it. They are open until a mark is put. */
MUST int state_put_claims(struct state *, const struct state_claim *, size_t n,
			  struct err *) SUSPENDS;
/* What was put lies in a log, where a commit costs little, until it is merged into the table in which keys are found. */
MUST int state_merge_claims(struct state *, struct err *) SUSPENDS;
/* Forgets those that are open, of keys that last whatever runs: who has them was not settled, and is not this run's. Before merging. */
MUST int state_drop_open_claims(struct state *, const char *pipeline, struct err *) SUSPENDS;
/* Of what was merged, by place and key. *held: somebody has it; *his: asked->owner. */
MUST int state_get_claim(struct state *, const struct state_claim *asked, int64_t now_wall_ns,
			 bool *held, bool *his, struct err *) SUSPENDS;

/* All merged keys of a place that have not expired, on a blocking thread: fn must not touch the loop. */
typedef void state_claimed(void *arg, const uint8_t key[static CLAIM_KEY_BYTES]);
MUST int state_each_claim(struct state *, int64_t place, int64_t now_wall_ns, state_claimed *,
			  void *arg, struct err *) SUSPENDS;

/* The first of the runs that the given one goes on behind, itself if there is none; for "" the pipeline's newest. */
MUST int state_first_run(struct state *, const char *pipeline, const char *run_id,
			 char ret[static 40], struct err *) SUSPENDS;
/* Those that expired, and those of runs that nobody goes on behind any more: of the pipeline's all but the given one. */
MUST int state_tidy_claims(struct state *, const char *pipeline, const char *first_run,
			   int64_t now_wall_ns, struct err *) SUSPENDS;
