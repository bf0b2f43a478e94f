/* running.h - a run and its parts, for the engine's own files
 *
 * One record's way through these files:
 *   intake.c  admit()            a source gives it; it gets an ordinal and pays for its bytes
 *   flow.c    flow()             through pure steps by calls, into a call step's window by its queue
 *   step.c    pump, visit        one fiber per record that can do something: lane, slot, attempt, retry
 *   memory.c  memory_start       its attempts begin, and its answers grow, while the budget has room
 *   spill.c   spill_main         what rests meanwhile goes to files
 *   answer.c  answer_judge/place what the far side said becomes the next version, children, or a fault
 *   commit.c  committer          ready tracks in batches: letters, sinks, mark, settled
 *   run.c                        opens, starts and ends all of it
 * What must hold: (1) only the committer settles. (2) an item is held by exactly one of: a fiber, a step's queue, a step's
 *   doomed list, the ready list. (3) items end through flow.c and commit.c, which wake whoever waits for that: the
 *   committer, the source. */
#pragma once
#include "engine/call/flights.h"
#include "engine/call/journal.h"
#include "engine/lane/lane.h"
#include "engine/run/ledger.h"
#include "engine/run/memory.h"
#include "engine/run/spill.h"
#include "engine/state/letters.h"
#include "io/http.h"
#include <hocket/hocket.h>

struct latency { /* attempts by duration, four buckets an octave from 1 us */
	uint64_t bucket[128];
	uint64_t n;
};
struct span {                       /* how long something was so */
	int64_t since_ns, total_ns; /* since 0: it is not so now */
};
void span_set(struct span *, bool on);
int64_t span_total_ns(const struct span *);
void latency_add(struct latency *, int64_t ns);

struct turns {                 /* turns.c: all zero is empty */
	struct turn **shelves; /* owns */
	size_t n, cap;
	struct turn *first, *last; /* that nobody has and that are not free yet */
};
struct step {
	struct run *run;
	const struct place *place;
	struct site site;
	struct http_clocks clocks;
	size_t index;
	struct fold *fold; /* folds: borrows: the run's */
	struct join *join; /* joins: owns */
	struct join *home; /* those that expand: where their children come back; NULL: nowhere */

	/* call steps */
	struct hk_queue *in; /* struct item *: the part of the window that no fiber has taken yet */
	struct hk_sem slots; /* `concurrency`: held for one attempt */
	struct hk_event room; /* set when the pump may look again */
	struct lane *own;     /* of its rate, when it asks many origins */
	struct lane *recent;  /* the origin's that the last record wanted */
	unsigned cap;
	size_t window, living_max, living; /* fibers */
	size_t eager, eager_max;           /* those that hold or want a slot now */
	size_t batch;                      /* most records in one call: gate.c */
	int64_t linger_ns;
	struct gate *gates; /* owns */
	struct turns turns;
	size_t lane_waiting;
	int64_t held_ns[LANE_CAUSES]; /* records waited for a lane so long, by what held it */
	bool wants_about;
	char own_name[64];   /* its verb, and which of those it is: does not change with `name:` */
	bool keeps, notes;   /* answers: at all; until the record is done */
	bool keeps_children; /* expansion.c */
	struct visit *waiting;   /* those that a stop may tell to leave: visit_wait.c */
	struct arena *spare[64]; /* arenas at rest */
	size_t spare_count;

	bool succeeded;
	struct doomed *doomed; /* doubt.c */
	size_t doomed_count; /* so many failed alike and nothing succeeded, those let be dead included */
	char doomed_class[48];

	uint64_t body_bytes; /* an answer of these days: large ones are remembered for long */
	uint64_t seen, passed, dead, attempts, retries, throttled;
	uint64_t recalled, unknown; /* answers taken from the state; calls whose answer is lost */
	int64_t busy_ns;
	struct span slots_full, window_full, lane_bound;
	struct latency latency;
};
struct sink {
	struct run *run;
	const struct place *place;
	struct site site;
	char *mark_name; /* owns: the key of its mark, where it has one */
	struct buf receipt, mark;
	/* Resuming: what its mark says: rows of these records are in it already */
	struct ledger ahead;
	bool has_ahead;
	uint64_t rows;
};
struct intake {
	struct run *run;
	struct step *source; /* for the site, label and stats of the source */
	uint64_t held;       /* bytes, beside what is admitted */
	bool tells;          /* intake_kept_last: it keeps more than it has admitted */
	bool probing, found; /* again.c: takes nothing, only notes that there was something */
	/* With probing: the finished run; what it is told is for the one behind it */
	const char *keep_as;
	struct split *asked;              /* for last */
	bool broken;                      /* our own state failed it */
	const struct kept_letter *letter; /* replay.c: what the arrival is; NULL: it was read */
};

enum round_turn { ROUND_NOTHING, ROUND_SETTLE, ROUND_OVER, ROUND_BEGIN };
struct rounds { /* rounds.c */
	const struct step *source;
	enum round_turn wants; /* asked of the committer, once all records of the source are done */
	struct hk_event turned;
	int64_t next_ns,
		last_ns; /* wall clock: the next begins then, 0: one is going on; that of the last */
	uint64_t made;   /* by this part of the run */
	uint64_t told;   /* hash of why the last round failed; 0: it did not */
};
struct upkeep {                               /* upkeep.c */
	uint64_t copied;                      /* dead, when the copy was made */
	int64_t copy_again_ns, drop_again_ns; /* not before */
	bool copying;
};

enum { DOOM_LIMIT = 20, CHILDREN_MAX = 100000 };

struct run {
	const struct plan *plan;
	struct run_options options;
	struct http_client *http;
	struct object_store *objects; /* borrows; NULL but in tests */
	struct http_guard *guard;     /* owns */
	struct lanes *lanes;
	struct state *state;
	struct replay *replay; /* owns; NULL: it is a run of the pipeline */
	char *mark_name;       /* what its marks in sinks go by; sink_mark_name() */
	struct journal journal;
	struct flights flights;
	struct claims *claims; /* owns; NULL: no step claims */
	struct ledger ledger;
	struct rounds rounds;
	struct upkeep upkeep;
	struct step *sources, *steps;
	struct sink *sinks;
	struct fold *folds; /* owns; fold.h */
	size_t fold_count;
	char id[40];
	bool resumed, nothing_new;
	bool edited;      /* it goes on, with other steps (edited.h) */
	bool was_stopped; /* with resumed: it ended in order then */
	/* The unfinished run of the pipeline before it was changed, whose notes it takes over; "": none */
	char adopts[40];
	char continues[40]; /* the finished run that it goes on behind; "": none */
	/* Starting over: the run before it, whose told inbox it takes over; "": none */
	char inherits[40];
	char since[32]; /* when that ended: "2026-01-31 12:30 UTC" */
	/* What was found out about earlier runs, for people; "": nothing to say */
	char notice[600];
	/* again.c: told when the source has a record: often it has none */
	const struct place *paid_again;
	char gone[400];           /* again.c: files that were read and are not there any more */
	struct track *left_found; /* of these, whose letter was read last */
	struct track *left_batch; /* resuming: on its way to the sinks when the run was cut off */

	struct hk_group beside; /* site_beside() */
	struct hk_scope source_scope, work_scope;
	bool source_open, work_open;
	struct hk_event ready, full; /* for the committer: something is ready; a batch is */
	struct hk_event space;       /* for the source: bytes were given back */
	struct memory memory;
	struct spill spill;
	uint64_t admitting_bytes; /* of the record for which the source waits */
	size_t in_doubt;          /* items in the steps' doomed lists */
	bool source_ended, work_ended;
	bool ends_noted; /* intake_end: the last mark is written once more when the run ends */
	/* stopping.c */
	bool stopping, limit_reached, time_is_up; /* the last: run_drain() */
	bool cut_short;                           /* run_stop() */
	struct hk_event stops;                    /* set with stopping */
	bool finish_all;      /* what was read is finished, not left, when it stops */
	bool admitting;       /* the source's record is on its way to the first queue */
	int64_t drained_ns;   /* with stopping: what is in flight may take until then */
	struct counts before; /* when this part of the run began */
	bool failing;
	enum run_end failed_as;
	struct err err; /* why, with failing */

	int64_t started_ns;
	struct span source_waits, committing;
	uint64_t batch_rows, batch_bytes, ready_max_bytes;
	int64_t batch_every_ns, batch_every_most_ns; /* with a mark that is large: commit.c */
	size_t mark_bytes;                           /* of the last one that went to the state */
};

/* run.c */
void run_make_id(char id[static 40]); /* of a new run */

/* intake.c */
int source_main(void *run) SUSPENDS; /* all sources, one after the other */

/* flow.c */
/* Moves an item on from step `at`. 0, also when it ended; -ECANCELED: it is left where it was. */
int flow(struct run *, struct item *, size_t at) SUSPENDS;
/* Nothing more comes to step `at` and those behind it, up to the next that calls out: its queue is closed. */
void flow_ended(struct run *, size_t at);
int flow_children(struct run *, struct item *, struct rec **takes, size_t n, size_t at) SUSPENDS;
void flow_known(struct run *, struct item *); /* an earlier run took it: it ends as duplicate */
void flow_die(struct run *, struct item *, const char *label, const struct err *,
	      struct buf *attempts_taken);
void flow_env(const struct run *, const struct item *, struct env *, struct env_meta *,
	      char id[static 20]);
void flow_put_id(const struct item *, char id[static 20]); /* $meta.id, as text */
int64_t run_wall_ns(const struct run *); /* $meta.time: the clock on the wall, but for `tests:` */
void run_wake_committer(struct run *);
/* The source waits for space: there is some, or nothing moves but what is in doubt, which is let be dead. */
void run_wake_source(struct run *);
/* Takes the values of secrets out of a message: answers can echo what was sent. */
void run_redact(const struct run *, struct err *);
/* Is there room for the next record, in bytes and in what waits for its commit? */
bool run_has_space(const struct run *);

/* flow.c: what apply() writes to */
struct out {
	struct rec **made;
	size_t n, cap;
	uint64_t bytes, most_bytes; /* of all texts; 0: no limit */
	bool kept;
	bool children;     /* what was made takes the record's place, also when it is one */
	struct step *step; /* for out_claim: who applies what to whom */
	struct item *item;
	bool duplicate; /* out_claim: another has the key */
};
void out_done(struct out *);

/* step.c */
int step_pump(void *step) SUSPENDS;
bool step_is_call(const struct step *);

/* answer.c */
enum body answer_kind(const struct step *, enum body by_type); /* as `as:` says */
/* Is it what was asked for? 0, or -1 with *err: status, rate_limited, not_accepted, invalid_json. Checks and compacts JSON. */
int answer_judge(struct step *, const struct env *, struct answer *, struct err *) SUSPENDS;
/* Puts a good answer into the record. Next version in *next, or children in *out (emit). -1 with *err. */
int answer_place(struct step *, const struct env *, struct item *, struct answer *,
		 struct rec **next, struct out *out, struct err *) SUSPENDS;

/* What a request costs, as a program says: a number of 0 or more, rounded up. 0, or -1 with *err. */
int answer_cost(const struct jq *, const struct env *, int64_t *ret, struct err *) SUSPENDS;
/* What it did cost, as its answer says; false: it does not say. */
bool answer_used(const struct step *, const struct env *, const struct answer *,
		 int64_t *ret) SUSPENDS;

/* stopping.c */
/* The run ends early: the first cause stays, unless this is a worse one. RUN_STOPPED_BY_FAILURES lets what is in flight end, within the grace; anything else
 * cancels everything but the committer. */
void run_abort(struct run *, enum run_end, const struct err *);
/* The source has failed: nothing more comes, but calls in flight, which may have been paid for, end within the grace. */
void run_starve(struct run *, const struct err *);

/* commit.c */
bool run_has_own_mark(const struct run *); /* one of its sinks keeps it with its rows */
int committer_main(void *run) SUSPENDS;
/* What the sinks need to go on, for the state; how many there are. */
size_t run_receipts(const struct run *, struct state_receipt ret[static PLAN_SINKS_MAX]);
/* The mark once more: sources may have come to the ends of their splits behind the last batch. */
int commit_ends(struct run *, struct err *) SUSPENDS;
/* What a crash left between the sinks, linked by next_ready: to those that do not have it. Settles it. */
int commit_again(struct run *run, struct track *first, struct err *) SUSPENDS;

/* dead.c */
/* Those of the tracks from batch on, without end, that are not in the state yet. */
int dead_put_letters(struct run *, struct track *batch, const struct track *end,
		     struct err *) SUSPENDS;
