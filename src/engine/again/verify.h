/* verify.h - the accounts, computed again from what is on disk (I1) */
#pragma once
#include "engine/state/state.h"

struct verified {
	uint64_t runs, records; /* looked at; records that they have settled */
	struct buf wrong; /* owns: a line for each thing that does not add up; empty: all is well */
	size_t wrong_count;
};
/* Of all runs in the state, which may be in use by a run: one moment of it is looked at. -1 with *err: it cannot be read, or the
 * file itself is damaged (FAULT_BROKEN). */
MUST int verify_state(struct state *, struct verified *ret, struct err *) SUSPENDS;
