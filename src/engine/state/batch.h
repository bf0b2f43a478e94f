/* batch.h - the batch that is on its way to several sinks
 *
 * What this room is for: two sinks cannot commit together. Before the first of them sees a batch, the batch is put down here; after
 *   a crash between them the same rows go to those that do not have them yet, whatever the far sides would answer today.
 * What must hold: (1) durable when state_put_batch returns. (2) there is one at most; putting the mark that covers it drops it. */
#pragma once
#include "engine/state/state.h"

struct batch_row { /* borrowed */
	struct slice path, record, blobs;
	uint64_t sinks; /* bit per sink that wants it */
	uint64_t id;
};
struct batch_track { /* borrowed */
	const char *split;
	uint64_t ordinal, line;
	struct slice base; /* its position */
	uint64_t offset;
	struct slice counts, original;
	const struct batch_row *rows;
	size_t n;
};
MUST int state_put_batch(struct state *, const char *run_id, const struct batch_track *, size_t n,
			 struct err *) SUSPENDS;
/* In the order they were put. fn runs on another thread while the caller is parked; what it gets is borrowed for the call. */
typedef int state_batch_fn(void *arg, const struct batch_track *, struct err *);
MUST int state_each_batch(struct state *, const char *run_id, state_batch_fn *fn, void *arg,
			  struct err *) SUSPENDS;
