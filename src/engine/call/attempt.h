/* attempt.h - a record's turn, and the attempt that is made then */
#pragma once
#include "engine/call/visit.h"

/* Waits for the turn of a visit and of those that go along, and makes the attempt: 0, with a verdict in each of their calls. Before it
 * was made: 1: its intent cannot be put down (call.err); -ECANCELED. */
int attempt_make(struct visit *) SUSPENDS;
void attempt_give_slot(struct visit *); /* if it still has one */
/* One that may be made now has its intent put down. 0; 1 with call.err; -ECANCELED: the run is stopping, and it leaves. */
int attempt_intend(struct visit *) SUSPENDS;
/* Is it the run that was cancelled? If nobody was, a connector that says so has a mistake, and it is this record's failure. */
bool attempt_was_cancelled(struct err *);
/* In one of a lane's lines; neither holds nor wants a slot meanwhile. */
int attempt_wait_line(struct visit *, struct lane *, struct line *, bool again) SUSPENDS;
