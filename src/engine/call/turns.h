/* turns.h - calls that must not overtake each other: one at a time to one thing, in the order in which they come
 *
 * What this room is for: two records that write the same object. Whoever has the turn keeps it over its retries, so that what was asked for
 *   first cannot come behind what was asked for next.
 * Life cycle: all zero; a visit takes a turn before its attempts and gives it back behind them; turns_done when nobody waits.
 * What must hold: (1) who waits for a turn holds no slot and no lane, and a stop may end its wait. (2) what is remembered are the turns
 *   that somebody has or waits for, and those of the last gap. */
#pragma once
#include "engine/call/visit.h"

/* call.turn, if it has one. 0; -ECANCELED */
int turn_take(struct visit *) SUSPENDS;
void turn_give(struct visit *); /* if it has one */
void turns_done(struct turns *);
