/* inbox.h - pages and messages of sources that may answer otherwise when asked again (class J)
 *
 * What this room is for: such a page is kept before its records get numbers; a resumed run reads it here and asks nobody.
 * What must hold: (1) a page is durable when inbox_put returns. (2) it stays until the run's mark has passed all its records and
 *   is at a later one: the page that the mark's position names is needed to find the next. A run that goes on behind another
 *   takes its pages over; a finished run keeps none. */
#pragma once
#include "engine/state/state.h"

struct state_page { /* borrowed */
	const char *split;
	struct slice base;         /* as the positions of its records */
	uint64_t first, until;     /* ordinals of its records: first <= n < until */
	struct slice about, value; /* the source's own: JSON, bytes */
};
MUST int state_put_page(struct state *, const char *run_id, const struct state_page *,
			struct err *) SUSPENDS;
/* first, about, value: what was put. An empty base: the first page of the split that is there. */
MUST int state_get_page(struct state *, const char *run_id, const char *split, struct slice base,
			uint64_t *first, struct buf *about, struct buf *value, bool *found,
			struct err *) SUSPENDS;
/* The page that was put last: its base, appended, and its `until`. */
MUST int state_last_page(struct state *, const char *run_id, const char *split, uint64_t *until,
			 struct buf *base, bool *found, struct err *) SUSPENDS;
/* All of the run. */
MUST int state_drop_pages(struct state *, const char *run_id, struct err *) SUSPENDS;
