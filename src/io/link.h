/* link.h - the Link header field: one link after the other (RFC 8288 section 3, RFC 9110 section 5.6)
 *
 * What this room is for: finding the next page where an API names it beside the body.
 * What flows through: the field's value, of several fields joined by ", "; slices of it out, nothing is copied.
 * What must hold: (1) what is not a list of links is told, with its place, and nothing behind it is taken for a link: a pager that
 *   ends because it could not read would lose data. (2) only the first `rel` of a link counts (3.3), relation types are
 *   compared without case (2.1.2), and a link with an `anchor` speaks of another document than the answer (3.2). */
#pragma once
#include "base/slice.h"

struct link {
	struct slice target; /* between < and >: absolute or relative, unchecked */
	struct slice rel;    /* as written, without quotes; empty: none */
	bool anchored;
};
struct link_error {
	size_t offset;
	const char *what; /* static: "expected '<'" */
};

/* Cuts the next link off *rest. 1; 0: there are no more; -EBADMSG with *ret_error (may be NULL). */
MUST int link_next(struct slice *rest, struct link *ret, struct link_error *ret_error);
bool link_has_rel(const struct link *, struct slice rel);
/* The first link of that relation to the answer itself. 1; 0: there is none; -EBADMSG, also when what is wrong stands behind it. */
MUST int link_find(struct slice field, struct slice rel, struct slice *ret_target,
		   struct link_error *ret_error);
