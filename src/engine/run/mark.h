/* mark.h - the checkpoint as text: what a sink stores in the transaction of its rows
 *
 * {"run":"...","counts":{"admitted":..},"splits":[{"name":"users.jsonl","low":1000,"line":1004,"base":"...","offset":52311,
 *   "done":[1003,1007],"reach":{"base":"...","offset":52518}}]}
 * JSON, so that people can read it in their database, and so that later versions can add to it. */
#pragma once
#include "engine/run/ledger.h"

/* The mark as it will be when the tracks from `batch` on, without `end` (linked by next_ready), are
 * settled too. */
MUST int mark_put(const struct ledger *, const char *run_id, const struct track *batch,
		  const struct track *end, struct buf *out);
/* Sets splits and settled counts from a mark. -1 with FAULT_IO when it makes no sense. */
MUST int mark_read(struct ledger *, struct slice mark, struct err *);
/* Only the split of that name, if the mark has it, and no counts. */
MUST int mark_read_split(struct ledger *, struct slice mark, struct slice name, struct err *);
/* Which of two marks of a run is of a later round, or of the same one's end: < 0, 0, > 0. */
int mark_round_cmp(struct slice mark, struct slice other);
bool mark_has_rounds(struct slice mark); /* of a source with `every` */
bool mark_run_id(struct slice mark, struct buf *ret);
MUST int counts_put(const struct counts *, struct buf *out); /* JSON object */
bool counts_read(struct slice object, struct counts *ret);
