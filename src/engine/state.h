/* state.h - the SQLite file beside the pipeline: runs, checkpoints, receipts, dead letters
 *
 * What this room is for: what must survive us and does not live in a sink's own database (GUARANTEES.md, "The order of
 *   commits"). Users may open the file; the tables are documented in docs/explanation/state.md.
 * What must hold: (1) one process per state file: a lock is held from open to close. (2) every call is one transaction,
 *   synchronous=FULL, off the loop. (3) the file and its folder are the user's alone (0600, 0700). (4) the format has a number;
 *   newer tables are added, never changed. */
#pragma once
#include "base/buf.h"
#include "base/err.h"

#define STATE_FORMAT 1

struct state;

MUST int state_open(const char *path, struct state **ret, struct err *) SUSPENDS;
void state_close(struct state *) SUSPENDS; /* accepts NULL */
const char *state_path(const struct state *);

/* The newest run of the pipeline. *found is false when there is none. */
struct state_run {
	char id[40];
	uint64_t hash;
	bool found, finished, running; /* running: it never came to an end, it was killed */
	struct buf mark;               /* owns */
};
MUST int state_last_run(struct state *, const char *pipeline, struct state_run *ret,
			struct err *) SUSPENDS;
/* status: "running" "finished" "stopped" "failed" */
MUST int state_end(struct state *, const char *run_id, const char *status, struct err *) SUSPENDS;

struct state_letter { /* all borrowed */
	const char *split, *step, *class, *message;
	uint64_t ordinal, line;
	uint32_t child;
	struct slice record, at_step, attempts;
	int64_t wall_ns;
};
/* Dead letters before the sinks commit; upserts, so that a replay after a crash writes the same rows. */
MUST int state_put_letters(struct state *, const char *run_id, const struct state_letter *,
			   size_t n, struct err *) SUSPENDS;
struct state_receipt {
	const char *sink;
	struct slice receipt;
};
struct state_start { /* borrowed */
	const char *pipeline;
	uint64_t hash;
	struct slice mark;
	const struct state_receipt *receipts;
	size_t n;
};
/* A new run, its first mark and its sinks' receipts in one commit. */
MUST int state_begin(struct state *, const char *run_id, const struct state_start *,
		     struct err *) SUSPENDS;
/* Drops the run's letters that keep() does not want: those above the marks, whose records come again. keep() runs on another
 * thread while the caller is parked. */
typedef bool state_keep(void *arg, const char *split, uint64_t ordinal, const char *step);
MUST int state_sift_letters(struct state *, const char *run_id, state_keep *keep, void *arg,
			    struct err *) SUSPENDS;
/* Mark and receipts, after the sinks committed. */
MUST int state_put_mark(struct state *, const char *run_id, struct slice mark,
			const struct state_receipt *, size_t n, struct err *) SUSPENDS;
/* The receipt of a sink, as saved last; empty when there is none. */
MUST int state_get_receipt(struct state *, const char *run_id, const char *sink, struct buf *ret,
			   bool *found, struct err *) SUSPENDS;
/* What the run's dead letters died of, most frequent first; at most cap kinds. */
struct state_dead_kind {
	char step[64], class[48], example[200];
	uint64_t n;
};
MUST int state_dead_kinds(struct state *, const char *run_id, struct state_dead_kind *ret,
			  size_t cap, size_t *ret_count, struct err *) SUSPENDS;
/* Writes the run's dead letters as JSON lines; PATH.part, then renamed. No letters: no file, and an old one is removed. */
MUST int state_export_dead(struct state *, const char *run_id, const char *path,
			   uint64_t *ret_count, struct err *) SUSPENDS;
