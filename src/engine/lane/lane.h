/* lane.h - the shared limiter of one (origin, credential): rates, pauses, pace, quota, circuit, retry budget
 *
 * What this room is for: all requests with one credential to one origin stand in one line, whichever step they come from.
 *   A 429 pauses all of them, a rate binds all of them, and the sleepers wake one after the other instead of together.
 * Life of a start:       lane_wait() until it is one's turn; then, without parking in between, lane_may_start() and lane_start();
 *   lane_finish() with what became of it.
 *   Who parked in between (for a slot) may have lost its turn and waits `again`: in front of those that never had one.
 * What must hold: (1) turns come in the order they were asked for; only the first in line looks at the clock. (2) who waits
 *   holds no slot and no connection. (3) who leaves the line, cancelled or not, hands the look at the clock on. */
#pragma once
#include "engine/lane/budget.h"
#include "engine/lane/circuit.h"
#include "engine/lane/meter.h"
#include "engine/lane/pace.h"
#include "engine/lane/quota.h"
#include "engine/lane/tokens.h"
#include "engine/lane/tuner.h"

/* What holds back the first in line. */
enum lane_cause {
	LANE_RATE,
	LANE_TOKENS, /* the rate of what they cost */
	LANE_QUOTA,
	LANE_PAUSE,
	LANE_PACE,
	LANE_CIRCUIT,
	LANE_BUDGET,
	LANE_FULL, /* as many are in flight as it bears */
	LANE_CAUSES
};
enum lane_outcome {
	LANE_SERVED,  /* an answer, whatever it says */
	LANE_REFUSED, /* 429: it answers, but takes no more */
	LANE_DOWN,    /* no answer, or 5xx */
	LANE_AWAY,    /* nothing was taken, and would not have been from anybody */
	LANE_UNKNOWN, /* cut off, or it failed on our side */
};
struct lane_waiter;
struct line {
	struct lane_waiter *first, *last;
	enum lane_cause cause;
};
struct lane {
	struct lane *next_in_bucket;
	char *key;
	size_t users; /* whoever holds it; without any it may be forgotten once it is idle */
	struct line starts, retries; /* who waits for a start; for a retry out of the budget */
	int64_t filled_ns;           /* an earlier process may have used its rates up until then */
	struct meter *meters;        /* each must allow a start */
	size_t meter_count;
	size_t in_flight; /* started and not finished */
	int64_t paused_until_ns;
	struct pace pace;
	struct quota quota;
	struct circuit circuit;
	struct budget budget;
	struct tuner tuner;
	struct tokens *tokens; /* NULL: none */
};

/* One start, from the wait for it to its end. */
struct ticket {
	int64_t cost;       /* the caller's guess; 0 where nothing is counted by cost */
	unsigned fresh;     /* the caller's: so many records are here for the first time */
	unsigned probe;     /* lane_start's: the number of a probe of the circuit */
	int64_t started_ns; /* lane_start's */
};
int lane_wait(struct lane *, const struct ticket *, bool again) SUSPENDS; /* 0, -ECANCELED */
bool lane_open(const struct lane *, const struct ticket *); /* lane_wait would not park */
bool lane_may_start(struct lane *, const struct ticket *);  /* at this moment */
void lane_start(struct lane *, struct ticket *);
struct lane_end {
	enum lane_outcome outcome;
	bool used_known;
	int64_t used;  /* what it really cost */
	uintptr_t who; /* the record, or anything else that tells it from others */
};
void lane_finish(struct lane *, const struct ticket *,
		 const struct lane_end *); /* once for each start */
int lane_enter(struct lane *) SUSPENDS;    /* waits and starts; how it ends is not told */
bool lane_is_down(const struct lane *);    /* its circuit is not closed */
void lane_give_up(struct lane *); /* it is down and never was up: who waits goes, and may fail */

int lane_wait_retry(struct lane *) SUSPENDS; /* until the budget has a retry, which it takes */
void lane_give_back(struct lane *);          /* that retry has succeeded */

/* One more rate that binds it; a rate that it has already is the same one. */
void lane_limit(struct lane *, const struct rate *);
void lane_limit_tokens(struct lane *, const struct token_rate *);
/* How many at once is found out from its answers: `concurrency: auto`. Of several, the smallest `most` holds. */
void lane_tune(struct lane *, unsigned most);
void lane_fill(struct lane *, int64_t at_ns); /* lanes_fill, for one; before its first start */
/* The server asked for a pause: nobody starts before it is over, and then spaced by what the server took before. */
void lane_pause(struct lane *, int64_t ns);
/* The server says that so many requests are left until its quota is whole again, in reset_ns. Call it before lane_finish. */
void lane_told(struct lane *, int64_t left, int64_t reset_ns);

/* ---- lanes.c: all of a run ------------------------------------------------------------------------------------
 * A key is an origin, with the mark of the credential behind a blank if there is one: "https://api.example.com 1f0c...". */
struct lanes;
struct lanes *lanes_new(void);
void lanes_free(struct lanes *);
struct lane *lanes_get(struct lanes *, struct slice key); /* made when missing; lane_leave() it */
void lane_leave(struct lane *);                           /* NULL is allowed */
/* Each lane of that origin, whatever the credential, is bound by this rate from its beginning. */
void lanes_bind(struct lanes *, struct slice origin, const struct rate *,
		const struct token_rate *);
/* An earlier run of the pipeline ended then (loop time; later than now: at no known time): its starts count in the windows of
 * all rates, and as nobody knows how many they were, the windows count as full. */
void lanes_fill(struct lanes *, int64_t at_ns);
size_t lanes_count(const struct lanes *);
struct slice lane_name(const struct lane *); /* "api.example.com", for people */
