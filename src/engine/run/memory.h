/* memory.h - the budget: who may take of it, and who waits
 *
 * What this room is for: I9. The ledger counts what records hold; here attempts ask before they begin, and again when an
 *   answer grows. The source asks in intake.c (run_has_space).
 * What flows through:    claims: bytes that an attempt holds from its start until its answer is part of a record.
 * What must hold:
 *  (1) seven eighths of the budget are for all; the last eighth, and what it takes beyond, is for the oldest unsettled record
 *      and its children: they never wait here.
 *  (2) who waits is served by the age of its record, answers that are being read before attempts that would begin.
 *  (3) when nothing else moves (no attempt, no commit, nothing that could go to a file, no older record whose lane or next
 *      attempt only takes its time), the oldest who waits goes on, one at a time: the reserve of whoever stands in the way of
 *      the oldest record. So nobody waits for ever. */
#pragma once
#include "engine/run/ledger.h"
#include <hocket/sync.h>

enum claim_state { CLAIM_NONE, CLAIM_WAITS, CLAIM_GRANTED, CLAIM_WORKS, CLAIM_GROWS };
struct claim { /* of one attempt; zeroed is none */
	struct claim *next;
	const struct track *track;
	uint64_t bytes, wants; /* held; held once it is granted */
	enum claim_state state;
	struct hk_event granted;
};
struct memory {
	uint64_t most;                    /* the budget */
	struct claim *growing, *starting; /* who wait, the oldest first */
	unsigned working, granted;        /* attempts at work; those that may begin and have not */
	int64_t short_since_ns,
		short_ns; /* somebody waits since then, 0: nobody; waited so long before */
};

/* May be called anywhere after bytes were given back, or when what others wait for may have ended. Never suspends. */
void memory_look(struct run *);
bool memory_has(const struct run *, uint64_t bytes); /* for all: in the seven eighths */

/* Until it may begin: so many bytes are held for it then. 0, or < 0: cancelled. */
MUST int memory_start(struct run *, struct claim *, const struct item *, uint64_t bytes) SUSPENDS;
void memory_begin(struct run *, struct claim *); /* it begins */
/* Its answer is there, in a call whose room another one had asked for: this much of it is its own. */
void memory_take_over(struct run *, struct claim *, const struct item *, uint64_t bytes);
void memory_end(struct run *, struct claim *); /* in any state; holds nothing any more */
int64_t memory_short_ns(const struct run *);   /* how long attempts had to wait, in all */

/* An answer that jq reads, or that becomes text of a record, may be so large. */
uint64_t memory_text_max(const struct run *);
int memory_fail_text(const struct run *, struct err *); /* -1: it is larger */
uint64_t memory_children_max(const struct run *);       /* the text of all children of one record */
