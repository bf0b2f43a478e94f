/* visit.h - one record at one step that calls out: what step.c and visit_lane.c share */
#pragma once
#include "engine/run/running.h"

/* What the state says about its call: visit_paid.c. */
enum intent { INTENT_NONE, INTENT_OPEN, INTENT_CLOSED };
/* Where it stands among those that go into one call: gate.c. */
enum seat { SEAT_NONE, SEAT_WAITS, SEAT_LEADS, SEAT_FOLLOWS, SEAT_INTENDS, SEAT_DONE };
/* One item at one step. */
struct visit {
	struct step *step;
	struct item *item;
	struct call call;
	struct env env;
	struct env_meta meta;
	char id[20];
	struct lane *own;  /* of the step's rate, or of its rate for this key; NULL: none */
	struct lane *lane; /* the origin's; NULL: none */
	int64_t began_ns,
		attempt_ns; /* began: the first attempt; moved on by waits that `within` does not count */
	struct ticket ticket;
	int64_t cost;           /* the guess what it costs; the ticket's is of all that go along */
	struct claim claim;     /* of memory, from its turn until the answer is part of a record */
	struct hk_scope *clock; /* borrows: the attempt's */
	int64_t deadline_ns;    /* when that ends it */
	bool has_slot;    /* facts.named: also behind the attempt, until its answer is durable */
	bool too_large;   /* its answer was not read: jq could not */
	bool paid;        /* its attempt was taken out of the retry budget */
	unsigned counted; /* failures that use up `times` */
	unsigned throttled;
	struct buf attempts; /* JSON array, still open */

	/* gate.c */
	enum seat seat;
	struct gate *gate;    /* borrows: at which it stands; NULL: at none, or it is in a call */
	struct visit *leader; /* of a follower */
	struct visit *next_mate, *prev_mate; /* behind it at the gate; of a leader, in the call */
	struct hk_event called;
	size_t awaited;   /* of a leader: intents that are being put down */
	size_t mates;     /* how many were in the last attempt, this one included */
	int64_t stood_ns; /* at the gate since then */
	uint64_t dice; /* for the back-off, the same for all who failed in one call; 0: its own */
	int outcome;   /* as attempt_make's */
	bool closed;   /* nobody more goes along */
	bool alone;    /* nobody ever does */
	bool broke;    /* a worker did on it, or on one who was in the call */

	/* visit_paid.c, visit_recall.c */
	enum intent intent;
	bool reached; /* behind the intent: something may have been sent */
	bool is_kept; /* the answer came from the state, or is none: nothing is to be kept */
	bool certain; /* it failed in an earlier part of the run: no doubt about it */
	bool leads;   /* of its flight */
	struct flight *flight;
	struct buf about;      /* what is said of the answer, for the state */
	struct rec **children; /* made in an earlier part of the run; owns */
	size_t children_count;

	struct turn *turn; /* turns.c: nobody else has it now; NULL: it has none */

	struct hk_scope waiting; /* around a wait that a stop may end */
	struct visit *next_waiting, *prev_waiting;
	const struct lane *waits_for; /* NULL: a slot, or the time */
	int64_t waits_until_ns;       /* 0: nobody knows */
};

/* ---- visit_wait.c: around each call that parks between attempts. until_ns 0: nobody knows when it ends ---- */
/* 0; -ECANCELED: the run is stopping and there is nothing to wait for. */
int visit_wait_begin(struct visit *, const struct lane *, int64_t until_ns);
int visit_wait_end(struct visit *, int result); /* the result; -ECANCELED also when told to leave */
/* The run is stopping: tells those that would wait for nothing. */
void step_let_leave(struct step *);

/* ---- step.c ---- */
void step_eager_leave(struct step *); /* it neither holds nor wants a slot any more */
/* Memory for an answer that is read from the state, until memory_end. 0, or < 0: cancelled. */
int visit_claim(struct visit *) SUSPENDS;

/* ---- visit_key.c ---- */
int visit_make_key(struct visit *, struct err *) SUSPENDS; /* call.key */

/* ---- visit_recall.c: after ask(), for steps that keep something ---- */
enum { VISIT_ASKS = 2 };
/* VISIT_ASKS: nothing is known. 1: call.answer is there, judged, or the children are; 0: it failed (call.err); -ECANCELED */
int visit_recall(struct visit *) SUSPENDS;
/* It is through; call.answer is durable if `landed`. Who waits for the same looks again. */
void visit_land(struct visit *, bool landed);

/* ---- visit_paid.c ---- */
/* Before an attempt. 0, or -1 with call.err. */
int visit_intend(struct visit *) SUSPENDS;
/* It leaves; an intent without an attempt is taken back. */
void visit_withdraw(struct visit *) SUSPENDS;
/* An answer has come, and was not judged yet. 0, or -1 with call.err. */
int visit_answered(struct visit *);
/* It must not be made twice, was sent, and its answer is lost. */
bool visit_is_lost(const struct visit *);
/* After a failed attempt. 0, or -1 with call.err. */
int visit_settle_intent(struct visit *) SUSPENDS;
void visit_answer_null(struct visit *);  /* on_unknown: assume_delivered */
void visit_fail_unknown(struct visit *); /* the fault becomes unknown_outcome */
/* The good answer is durable when it returns 0; -1 with call.err. */
int visit_keep(struct visit *) SUSPENDS;

/* ---- visit_lane.c ---- */
/* After the request was made: what it will cost, and the lanes that it goes through. 0, or -1 with *err. */
int visit_guess_cost(struct visit *, struct err *) SUSPENDS;
int visit_take_lanes(struct visit *, struct err *) SUSPENDS;
enum lane_outcome visit_outcome(const struct visit *);     /* of an attempt that failed */
void visit_tell_lanes(struct visit *, bool good) SUSPENDS; /* once after each attempt */
