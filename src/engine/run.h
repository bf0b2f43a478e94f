/* run.h - a plan, carried out: the whole of `hocket run` but for the words on the terminal
 *
 * What this room is for: one call runs a pipeline to its end and gives the account. While it runs, counters can be read
 *   from the same loop for a progress line. */
#pragma once
#include "engine/plan.h"
#include "engine/state/letters.h"
#include "engine/run/watch.h"

/* How many dead letters of this part of the run are too many: so many, or such a share of the records whose end is known, once
 * that are a hundred. Both 0: no limit. */
struct failure_limit {
	int64_t count, per_million;
};
/* Somebody else answers calls: for `hocket test`. The waits between attempts are counted and do not pass; there are no lanes. */
struct call;
struct stand_in {
	/* The call that ask() has made up at this step of the plan: true, and there is a verdict in it; false: it is made. The same for
	 * every call of a step. */
	bool (*answer)(void *arg, size_t step, struct call *) SUSPENDS;
	void *arg;
};
struct choice;
struct object_store;
struct run_options {
	const char *state_path; /* NULL: the plan's */
	bool fresh;             /* forget positions and counts */
	/* Not a run of the pipeline: these of its dead letters go the rest of their way */
	const struct choice *replay;
	int64_t limit; /* admit at most so many records now; 0: all */
	struct failure_limit max_failures;
	int64_t grace_ns;         /* for what is in flight after a stop; 0: 25 s; < 0: none */
	uint64_t memory_bytes;    /* 0: the plan's */
	const char *const *allow; /* beside the file's `allow:` */
	size_t allow_count;
	const char *tool_version;
	const struct watch *watch; /* borrows; NULL: nobody looks on */
	/* A line that a program printed which works for this place; NULL: nobody listens. */
	void (*said)(void *arg, const char *label, struct slice line);
	/* What people should know though nothing failed; NULL: nobody does. */
	void (*warned)(void *arg, const char *label, struct slice line);
	void *said_arg; /* of both */
	/* Borrows: all buckets, for tests; NULL: those in the world */
	struct object_store *objects;
	const struct stand_in *stand_in; /* borrows; NULL: all calls are made */
	int64_t now_ns;                  /* $meta.time stands still; 0: it is the wall clock */
};
struct counts {
	uint64_t admitted, spawned, delivered, filtered, duplicate, dead, expanded, merged;
};
struct place_stats { /* one per step and sink, for progress and the account */
	const char *label;
	uint64_t in, out, dead, attempts, retries,
		throttled;          /* throttled: 429 or Retry-After seen */
	uint64_t recalled, unknown; /* answers taken from the state; calls whose answer is lost */
	int64_t busy_ns;            /* sum over slots of time in attempts */
	unsigned in_flight, cap;    /* cap 0: a pure step */
	size_t queued, queue_cap;
	bool down; /* it waits for an origin that does not answer */
	/* What its records wait for beside slots: "its rate"; with down: for whom, since when; "": nothing */
	char held[128];
	int64_t full_ns;        /* time its window was full: it held back what is before it */
	int64_t slots_full_ns;  /* time all its slots were taken: it was the limit */
	int64_t lane_ns;        /* time records of it waited for a lane: `held` says why */
	int64_t p50_ns, p95_ns; /* of attempts; 0: none yet */
};
enum { DEAD_KINDS_MAX = 16 }; /* for the closing lines: "7 at http (status 400)" */
enum run_end {
	RUN_FINISHED,
	RUN_LIMITED, /* `limit` or run_drain(): it was meant to end there, and the next run goes on behind it */
	RUN_STOPPED_EARLY,
	RUN_STOPPED_BY_FAILURES,
	RUN_FAILED,
	RUN_BROKEN,
	RUN_NOTHING_NEW
};
struct run_result {
	enum run_end end;
	struct err err;       /* with FAILED, BROKEN, STOPPED_BY_FAILURES: why */
	struct counts counts; /* of the whole run, earlier parts of a resumed one included */
	uint64_t left;        /* admitted but not settled when it stopped early */
	uint64_t held;        /* that steps hold then, or have made and not finished */
	uint64_t open;        /* of these: in windows that close in a later part of the run */
	bool time_is_up;      /* LIMITED by run_drain(), not by `limit` */
	bool resumed, resumable;
	char since[32];       /* with NOTHING_NEW: when the last run ended, for people */
	bool volatile_source; /* nothing to resume: exit 1, not 75 */
	char run_id[40];
	int64_t wall_ns;
	uint64_t peak_bytes;    /* of records, bodies and windows */
	uint64_t spilled_bytes; /* written to files meanwhile */
	int64_t source_wait_ns; /* the source was held back by a full window */
	int64_t commit_busy_ns;
	struct state_dead_kind kinds[DEAD_KINDS_MAX];
	size_t kind_count;
	/* Of counts.dead: a replay has got them through since, or they were dropped */
	uint64_t dead_gone;
	uint64_t rounds;  /* of a source with `every`: that this part of the run made */
	bool dead_copied; /* the plan's `dead:` is there, whole */
};
/* How many calls its steps may make at once, all together. */
size_t run_calls_at_once(const struct plan *);
struct run;
MUST int run_open(const struct plan *, const struct run_options *, struct run **ret,
		  struct err *) SUSPENDS;
/* To the end. Everything that can be told is in *ret; returns nothing else. */
void run_go(struct run *, struct run_result *ret) SUSPENDS;
/* Stops reading; what is in flight has grace_ns. A second call: stops at once. From any task of the loop. */
void run_stop(struct run *);
/* The same, but it is meant (`--until`): the outputs are finished, and it ends as RUN_LIMITED. */
void run_drain(struct run *);
/* Until it begins to stop, for whatever reason: 0, -ECANCELED. */
MUST int run_wait_stopping(struct run *) SUSPENDS;
/* For whatever reason: another run_stop() ends it at once. */
bool run_is_stopping(const struct run *);
void run_close(struct run *) SUSPENDS; /* accepts NULL */

/* While it runs: never suspends. */
void run_counts(const struct run *, struct counts *ret);
size_t run_place_count(const struct run *);
void run_place_stats(struct run *, size_t i,
		     struct place_stats *ret); /* steps in order, then sinks */
uint64_t run_bytes(const struct run *);        /* of the budget in use */
/* Of a source with `every`. Rounds of the whole run, the one that goes on included; when the next begins (wall clock), 0: one goes on. */
struct rounds_stats {
	uint64_t begun;
	int64_t next_ns;
	const struct schedule *every; /* NULL: the pipeline has none */
};
void run_rounds(const struct run *, struct rounds_stats *ret);
const char *run_id(const struct run *);
/* What was found out about earlier runs: "'out.jsonl' is gone: starting over"; "": nothing worth saying. */
const char *run_notice(const struct run *);
/* The limiting step, in words of the account: "http (20 of 20 slots busy 97 % of the time)". Nothing when nothing
 * held the run back for long, or when it took less than a second. */
MUST int run_limit_put(struct run *, struct buf *out);
