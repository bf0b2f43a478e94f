/* spill.h - records that rest go to files when memory gets short
 *
 * What this room is for: I9: what waits behind the head of the order, and what is large and waits in a queue, need not be in
 *   memory. It is written to a file without a name in the state's folder and mapped from there: whoever has the record reads it
 *   as before, and the kernel may drop its pages.
 * What must hold:
 *  (1) nothing is written while less than half of the budget is used.
 *  (2) never the oldest unsettled record, and nothing that somebody may hold a slice of (struct item, resting).
 *  (3) a file lives exactly as long as a record in it: its space on disk is given back with the last one, also after a crash.
 *  (4) a disk that does not take it ends the run: FAULT_IO, resumable. */
#pragma once
#include "base/err.h"
#include "engine/run/ledger.h"
#include <hocket/sync.h>

struct run;
struct spill {
	char *folder;         /* owns; the state's */
	struct hk_event look; /* something may be worth writing */
	uint64_t rested;      /* bytes that came to rest since it was looked the last time */
	bool busy;
	bool no_more_files; /* the process could map files_max of them, and not one more */
	uint64_t files_max;
	uint64_t bytes, files; /* written so far */
	struct shelf now;      /* on disk at this moment */
};

int spill_main(void *run) SUSPENDS; /* until the run's work has ended */
/* An item came to rest: in a queue, or behind the head of the order. */
void spill_rested(struct run *, const struct item *);
/* Somebody waits for memory: is it worth waiting for files? Never suspends. */
bool spill_helps(struct run *);

/* Writes the parcels' records into one file. *ret: where they lie, one behind the other, those that were not let go of
 * included. 0, or -errno. */
MUST int spill_write(const char *folder, const struct parcel *, size_t n, struct shelf *,
		     struct pages **ret) SUSPENDS;
