/* ledger.h - what became of every record: tracks, items, splits, marks, counts
 *
 * What this room is for: the accounts. It knows no step, no sink and no file.
 *   A *track* is one admitted record until its outcome is under a mark. An *item* is one version or child of it on the way.
 * What must hold:
 *  (1) admitted + spawned = delivered + filtered + duplicate + dead + expanded + merged + in flight: by construction, every
 *      item ends exactly once (item_end) and its ending is booked on its track; ASSERTed at every settling.
 *  (2) a track is complete when no item of it is on the way; only complete tracks are settled.
 *  (3) counts move to the run's totals when a track is settled, so that what is admitted again after a crash counts once. */
#pragma once
#include "engine/port.h"
#include "engine/run.h"
#include "engine/run/split.h"

struct dead_letter { /* of one item; owned by its track */
	struct dead_letter *next;
	const char *label; /* borrows: the plan's */
	struct rec *at_step;
	struct buf attempts; /* JSON array text */
	char class[48];
	char message[480];
	int64_t wall_ns;
	struct item *item; /* borrows: whose it is */
	bool kept;         /* it is in the state */
};

struct join;
struct family { /* a record that waits for what it was expanded into (join.h); owned by its item */
	struct family *next;
	struct join *join;
	struct item *parent, *before; /* before: its last child of an earlier expansion, or NULL */
	size_t n, out;                /* children; those that have not ended yet */
	const char *label;            /* borrows: where it was expanded */
	size_t dead;                  /* of them, taken upon itself: */
	struct err *err;              /* owns: the first one's */
	struct buf attempts;
};
void family_free(struct family *); /* accepts NULL */

enum item_state {
	ITEM_MOVING,
	ITEM_READY,
	ITEM_HELD, /* a fold has it (fold.c): its record goes to the state with the track's outcome */
	ITEM_ENDED
};
struct item {
	struct track *track;
	struct item *parent, *first_child, *last_child, *sibling;
	struct rec *rec; /* NULL once ended without delivery */
	enum item_state state;
	bool touched; /* an attempt was made for it, or for what it came from */
	bool died;
	bool lost;      /* claims.c: it has a letter, or what it became has */
	bool resting;   /* in a step's queue: nobody has a slice of its record */
	uint32_t index; /* among its parent's children */
	uint64_t id;    /* of the record's origin and the path of children: $meta.id */
	size_t charged;
	uint64_t sinks;        /* bit per sink whose `if:` wants it */
	bool sent;             /* a sink that calls has accepted it, or what it came from */
	uint8_t refused_by;    /* restored: number of the sink that refused it, from 1; 0: none */
	struct step *visiting; /* borrows: the call step whose fiber has it */
	struct key_claim *claims; /* claims.c: keys with which it has passed */
	struct family *family;    /* NULL: its children do not come back */
	struct step *holder;      /* held: borrows: the fold */
	struct buf key;           /* held: what the fold made of it */
};
struct parcel { /* a record on its way to a file (spill.c) */
	struct track *track;
	struct item *item; /* NULL: it went on meanwhile */
	struct rec *rec;   /* owns a reference */
	bool original;     /* the track's, not the item's */
};
struct origin { /* of a dead letter that was taken up again: where its record came from; owned by its track */
	char *run, *split, *path;
	char *step;     /* its letter's */
	char *attempts; /* JSON array text: all that were made before */
	uint64_t ordinal;
	size_t first_sink; /* those before it have the row */
};
struct track {
	struct track *prev, *next;   /* all unsettled, in admission order */
	struct track *older, *newer; /* those of its stream */
	struct track *next_ready;
	struct split *split;
	struct text *shown; /* a record that a fold gives on: where it was read; NULL: split */
	uint64_t ordinal, line;
	struct position position; /* after this record */
	struct rec *original;
	struct counts counts;
	struct dead_letter *dead, *last_dead;
	uint32_t moving;
	bool ready;            /* handed to the committer */
	uint64_t number;       /* of all that were admitted */
	bool moved;            /* some of it lies in a file */
	struct parcel *parcel; /* the first of its parcels, while they are written */
	struct origin *origin; /* NULL: it is read from a source */
	struct item root;
};

/* What is delivered in one order: the sources' records are one stream, what each fold makes is one. */
enum { LEDGER_STREAMS = PLAN_FOLDS_MAX + 1 };
struct stream {
	struct track *last;
	size_t tracks;
};
/* Of a source with `every`: which reading of it this is (rounds.h). All zero: none has begun. */
struct round {
	uint64_t number;
	int64_t began_ns; /* wall clock */
	bool over;        /* all is done, and the splits stand where the next one begins */
};
struct ledger {
	struct round round;
	struct track *first, *last; /* unsettled, in admission order */
	struct stream streams[LEDGER_STREAMS];
	struct track *ready_first, *ready_last;
	struct split *splits, *last_split;
	struct split **table; /* the same by their names; NULL in a snapshot */
	size_t table_size;
	struct counts settled; /* of the whole run, under the mark */
	struct counts live;    /* the same and what is booked above it: for progress */
	uint64_t bytes,
		peak_bytes; /* of records on the way, and held for what attempts may bring */
	uint64_t numbers;   /* given out */
	uint64_t ready_bytes, ready_count;
	size_t tracks;
	bool any_order;
	const struct watch *watch; /* borrows; NULL: nobody looks on */
};
/* Tells who looks on, if anybody does; the item is filled in. */
void item_seen(const struct ledger *, const struct item *, struct sighting);

void ledger_done(struct ledger *); /* frees what was never settled, too */

struct split *ledger_split(struct ledger *, const char *name);            /* interned */
struct split *ledger_find_split(const struct ledger *, const char *name); /* NULL: there is none */
bool ledger_is_done(const struct ledger *, const char *split, uint64_t ordinal);
/* What is done in the other is done here. */
bool ledger_covers(const struct ledger *, const struct ledger *other);
/* The accounts without the tracks, for marks of what is written in parts; ends with ledger_done. */
void ledger_snapshot(const struct ledger *, struct ledger *ret);
/* Settles tracks (linked by next_ready, without end) in a snapshot; the tracks stay as they are. */
void ledger_advance(struct ledger *snapshot, const struct track *from, const struct track *end);

/* Admits: takes rec. The root item is on the way then. */
struct track *ledger_admit(struct ledger *, struct split *, struct rec *takes,
			   struct position shares, uint64_t line);
/* The same for what a fold makes: it was not read, so it counts as spawned. */
struct track *ledger_make(struct ledger *, struct split *, struct rec *takes, uint64_t line);
/* By what its source calls it (a guid), instead of split and ordinal. */
void track_identify(struct track *, struct slice id);

/* A track as it was when it was ready, before a crash: no item of it moves; rows are added by item_restore_row, its counts are
 * set by the caller. */
struct track *ledger_restore(struct ledger *, struct split *, struct rec *original_taken,
			     struct position shares, uint64_t ordinal, uint64_t line);
struct item *item_restore(struct ledger *, struct item *parent, uint32_t index); /* has ended */
void item_restore_row(struct ledger *, struct item *, struct rec *takes, uint64_t id,
		      uint64_t sinks);

void item_replace(struct ledger *, struct item *, struct rec *takes); /* the next version */
struct item *item_spawn(struct ledger *, struct item *parent, struct rec *takes);
/* The way from the admitted record to this child: "2.0" is the first child of the third; nothing for the record itself. The
 * same on every run, whatever finished first. */
MUST int item_put_path(const struct item *, struct buf *out);
/* The same from the record that was read: a letter that was taken up again may have been a child already. Into an empty buffer. */
MUST int item_put_origin_path(const struct item *, struct buf *out);
enum ending {
	ENDED_READY,
	ENDED_FILTERED,
	ENDED_DUPLICATE,
	ENDED_DEAD,
	ENDED_EXPANDED,
	ENDED_MERGED
};
void item_end(struct ledger *, struct item *,
	      enum ending); /* may put the track (and others) on the ready list */
void item_die(struct ledger *, struct item *, const char *label, const struct err *,
	      struct buf *attempts_taken, int64_t wall_ns);

/* What an attempt (or nobody any more, to: 0) holds for its answer: memory.c. */
void ledger_hold(struct ledger *, uint64_t from, uint64_t to);
/* A parcel was written: the item, which still rests, goes on with the record that lies in the file. */
void parcel_arrived(struct ledger *, struct parcel *, struct rec *takes);
/* The track goes on: what of it is being written stays in memory. */
void track_let_go(struct track *);

const char *track_source(const struct track *); /* $meta.source */
struct track *ledger_peek_ready(const struct ledger *);
struct track *ledger_take_ready(struct ledger *);
size_t track_bytes(const struct track *); /* wherever they lie */
/* The deliverable items of a track in order; start with NULL. */
struct item *track_next_row(struct track *, struct item *after);
/* A row that a sink refused: delivered becomes dead. */
void track_row_died(struct ledger *, struct track *, struct item *, const char *label,
		    const struct err *, int64_t wall_ns);
/* Merged: it waits in the ledger, record and all, until the fold's rows are durable and its track is settled. */
void item_hold(struct ledger *, struct item *, struct step *fold, struct buf *key_taken);
/* What was held is needed no more. */
void item_release(struct ledger *, struct item *);
/* Its family has come home: it is on the way again, as if it had not been expanded. */
void item_return(struct ledger *, struct item *);
/* All items of a track, parents before their children; NULL behind the last. */
struct item *item_next(struct item *);
/* The same for a row whose letter is in the state already. */
void track_row_was_dead(struct ledger *, struct item *);
/* No sink wants the row: delivered becomes filtered. */
void track_row_unwanted(struct ledger *, struct item *);
/* Outcome committed: counts and mark move, the track is freed. */
void ledger_settle(struct ledger *, struct track *);

bool counts_balance(const struct counts *, uint64_t in_flight);
void counts_add(struct counts *to, const struct counts *);
