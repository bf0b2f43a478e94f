/* expansion.h - a record becomes several, the same ones after a crash
 *
 * What must hold: where a later call changes something outside, the children are durable before the first of them moves on, unless
 *   making them again is bound to give the same. */
#pragma once
#include "engine/run/running.h"

/* Which steps have to keep their children: once, when all steps are there. */
void expansion_plan(struct run *);
/* 1: an earlier part of the run made them, and here they are (children_free); 0: not; -1 */
MUST int expansion_recall(struct step *, const struct item *, struct rec ***ret, size_t *ret_n,
			  struct err *) SUSPENDS;
MUST int expansion_keep(struct step *, const struct item *, struct rec *const *, size_t n,
			struct err *) SUSPENDS;
