/* claims.h - each key passes a step once: also behind a crash, and in the runs that go on behind this one
 *
 * What this room is for: what out_claim() promises. A record that passes holds its key; when it is delivered or filtered the key is
 *   taken for good, when it is dead the key is given back.
 * What must hold:
 *  (1) a key is durable before a sink commits a row of its record, and with it whose it is: after a crash the owner passes again.
 *  (2) between the two a key is in the table of those on their way: there is no moment when nobody knows it.
 *  (3) memory: some 2 bytes for each key that was ever taken and has not expired (a sieve, so that a new key is not looked for on the disk), and the keys
 *      of records on their way. */
#pragma once
#include "engine/run/running.h"

/* Once it is known which run this is, before anything is admitted. Does nothing when no step claims. */
int claims_open(struct run *, struct err *) SUSPENDS;
void claims_close(struct run *);
/* Committing: before the sinks, after the sinks, and with each track before it is settled. */
int claims_put(struct run *, struct track *first, struct err *) SUSPENDS;
int claims_give_back(struct run *, struct track *first, struct err *) SUSPENDS;
void claims_settled(struct run *, struct track *);
/* Between two batches of a run without an end: keys whose time is over go, also out of the sieve. */
int claims_tidy(struct run *, struct err *) SUSPENDS;
