/* review.h - the whole state, to be looked at: by people (`state show`) and by who checks the accounts (`verify`)
 *
 * What must hold: (1) after state_look all calls see the same moment, whatever a run beside it commits. (2) nothing here changes
 *   anything. */
#pragma once
#include "engine/state/state.h"

/* From here on the state stands still for this connection. */
MUST int state_look(struct state *, struct err *) SUSPENDS;
/* SQLite's own check of the file. -1 with FAULT_BROKEN: its first complaint. */
MUST int state_check_file(struct state *, struct err *) SUSPENDS;

struct review_run { /* borrowed */
	const char *id, *pipeline, *kind, *status, *started, *ended, *continues;
	struct slice begun, mark; /* begun: its first mark; empty in what older versions wrote */
	uint64_t letters, dropped, notes, pages, batch, held; /* rows; dropped: letters by hand */
};
/* All of these: newest first; what fn gets is borrowed for the call, which is on another thread while the caller is parked. */
typedef int review_run_fn(void *arg, const struct review_run *, struct err *);
MUST int state_each_run(struct state *, review_run_fn *fn, void *arg, struct err *) SUSPENDS;

typedef int review_receipt_fn(void *arg, const char *sink, struct slice receipt, struct err *);
MUST int state_each_receipt(struct state *, const char *run_id, review_receipt_fn *fn, void *arg,
			    struct err *) SUSPENDS;

/* What a run has of one record: a letter, a note, a track of the batch, a page (ordinal: the first behind it), a closed
 * window (of its fold's split; ordinal: the last that it gives). In the order in
 * which it was put. */
enum review_kind {
	REVIEW_LETTER,
	REVIEW_NOTE,
	REVIEW_BATCH,
	REVIEW_PAGE,
	REVIEW_HELD,
	REVIEW_TORN /* of the closed windows those that have not the members they should have */
};
struct review_row {
	const char *split;
	uint64_t ordinal;
	struct slice base; /* of a page */
};
typedef int review_row_fn(void *arg, const struct review_row *, struct err *);
MUST int state_each_row(struct state *, const char *run_id, enum review_kind, review_row_fn *fn,
			void *arg, struct err *) SUSPENDS;

struct review_total {
	uint64_t answers, letters, replayed; /* letters: all there are; replayed: of these */
	uint64_t strays; /* rows of any table that belong to a run which is not there */
	uint64_t bytes;  /* of the file */
};
MUST int state_total(struct state *, struct review_total *ret, struct err *) SUSPENDS;

/* ---- by hand ------------------------------------------------------------------------------------------------------------
 * The next run begins anew: no run of the pipeline is gone on with. Letters, remembered answers and the runs' accounts stay. */
MUST int state_reset(struct state *, const char *pipeline, uint64_t *ret_runs,
		     struct err *) SUSPENDS;
