/* rounds.h - a source with `every`: read to its end, again and again
 *
 * What this room is for: between two readings the run waits for the moment that the schedule names, and everything about the old one is
 *   done. Where a round begins is durable, so a run that was killed goes on in the round it was in, or waits on.
 *
 *   wait for the moment --> BEGIN --> run() ... its end --> SETTLE --> OVER --> wait ...
 *                             ^            | a fault that may pass: told
 *                             '------------'  (the same positions)
 *
 * What must hold:
 *  (1) BEGIN and OVER are one commit of the state each, made by the committer between two batches: no batch is half in it.
 *  (2) OVER moves the splits to where the next round begins and drops the pages of the inbox in the same commit: never one without the
 *      other. (3) ordinals go on over all rounds. */
#pragma once
#include "engine/run/running.h"

/* Reads the source of `in` until the run stops or cannot go on: -1 with *err. */
int rounds_read(struct intake *in, struct err *) SUSPENDS;
/* All that it gives, and the tries in between: intake.c. 0, or -1 with *err. */
int source_read(struct intake *in, struct err *) SUSPENDS;

/* commit.c: is it asked for, and is everything done that it waits for? */
bool rounds_are_due(const struct run *);
/* Then, between two batches. 1: done; 0: nothing is to be done; -1. */
int rounds_turn(struct run *, struct err *) SUSPENDS;
/* The source waits for the last records of its round: all that is on the way of them is ready. */
bool rounds_hurry(const struct run *);
/* It waits for them. */
bool rounds_wait(const struct run *);
