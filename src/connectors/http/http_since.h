/* http_since.h - `since:`: a list that is asked for what came since the last run
 *
 * What this room is for: the largest cursor value that was seen (a time of change, a number that grows) is what the next run asks
 *   from, less `lag`; what comes again although it did not change is known by its content, and is dropped.
 * What flows through: each item, in the order of the pages; texts that stand for all that is known, for the inbox and for the next run.
 * What must hold:
 *  (1) the text that since_put() gives before a page, and the page, give the same answers again: a resumed run drops the same items.
 *  (2) an item is dropped only for one that a run before this one took, with the same content: of twins in one run both are taken.
 *  (3) what is remembered are the items at or behind the value that the next run asks from: SINCE_KNOWN_MAX of them at most.
 *  (4) a time in the future, which some record has by mistake, is asked from as the time of the run: what comes until then is not missed.
 * Values: texts in the form of RFC 3339 are instants (to the second, for what comes again), numbers are compared by value, other texts by their bytes;
 *   one list has one kind. */
#pragma once
#include "engine/port.h"

enum { SINCE_KNOWN_MAX = 10000 };

enum since_older { OLDER_ERROR, OLDER_DROP, OLDER_TAKE };
struct since_options {
	const char *query, *start;
	struct jq *from, *value;
	int64_t lag_ns;
	int older; /* enum since_older */
};
extern const struct opt since_option_table[];
void since_check(const struct since_options *, struct diag *); /* in plan(); NULL: none */

struct since;
struct since *since_new(const struct since_options *);
void since_free(struct since *); /* accepts NULL */
/* As since_put() or since_put_end() gave it. */
MUST int since_read(struct since *, struct slice text, struct err *) SUSPENDS;
bool since_is_text(struct slice base); /* a position that is such a text, not a URL */

/* Sets the parameter in the URL to what is asked from; left alone when nothing is known yet and there is no `start`. */
MUST int since_put_query(struct since *, struct buf *url, struct err *) SUSPENDS;
/* 1: it is new; 0: it came before, as it is; -1 with *err: FAULT_BAD_VALUE: it has no cursor; FAULT_CONFIG: nobody asked for it, and the
 * file does not say what becomes of it. */
MUST int since_look(struct since *, struct slice item, struct err *) SUSPENDS;
/* All that is known now; and as the run behind this one needs it. */
MUST int since_put(struct since *, struct buf *out);
MUST int since_put_end(struct since *, struct buf *out);
